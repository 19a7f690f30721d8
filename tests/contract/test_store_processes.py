"""Law 7 with several processes on one database: no loss, no duplicate, commit order is the order of the cursor."""

from __future__ import annotations

import multiprocessing
import time

import pytest
from store_processes import identifiers, write
from store_support import append, check_invariants, page, raws, records, remove, thing

from titian.core.collection import ALL, Collection, Selection
from titian.store.admin import Collections
from titian.store.store import Store

WRITERS, BATCHES, SIZE = 3, 40, 5
SECONDS = 60.0


def _poll(store: Store, where: Collection, after: int, seen: list[bytes]) -> int:
    """Read what is new since ``after``, as a client does that keeps the last ``date_added``."""
    while True:
        read = page(store, where, Selection(after=after, limit=7, versions=ALL))
        seen += raws(read)
        after = read.last or after
        if not read.more:
            return after


@pytest.mark.slow
def test_a_reader_that_polls_while_processes_write_misses_nothing(fresh_store: Store) -> None:
    """If a writer could commit an earlier ``date_added`` later, the reader would be past it by then."""
    store = fresh_store
    collection = Collections(store).add("shared")
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=write, args=(store.database.url, collection.num, number, BATCHES, SIZE), daemon=True)
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    seen: list[bytes] = []
    gone: list[str] = []
    after, polls, until = 0, 0, time.monotonic() + SECONDS
    try:
        while any(writer.is_alive() for writer in writers) and time.monotonic() < until:
            before = len(seen)
            after = _poll(store, collection, after, seen)
            polls += len(seen) > before
            # Deletes in between, of what lies behind the reader and of what is newest.
            extra = thing()
            append(store, collection, extra)
            after = _poll(store, collection, after, seen)
            assert remove(store, collection, extra.id) == 1
            gone.append(extra.id)
            time.sleep(0.005)
        for writer in writers:
            writer.join(timeout=max(0.0, until - time.monotonic()))
    finally:
        for writer in writers:
            if writer.is_alive():
                writer.kill()
                writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    _poll(store, collection, after, seen)

    found = records(store, collection)
    expected = {name for number in range(WRITERS) for batch in identifiers(number, BATCHES, SIZE) for name in batch}
    kept = [name for name in map(_id, seen) if name not in gone]
    assert sorted(kept) == sorted(expected), "each object once"
    assert kept == [record.id for record in found], "in the order of date_added"
    assert polls > 1, "the reader was at work while the writers were"
    for number in range(WRITERS):
        own = [name for batch in identifiers(number, BATCHES, SIZE) for name in batch]
        mine = set(own)
        assert [name for name in kept if name in mine] == own, "a writer's own order is kept"
    check_invariants(store, collection)


def _id(raw: bytes) -> str:
    return raw.split(b'"id": "')[1].split(b'"')[0].decode()
