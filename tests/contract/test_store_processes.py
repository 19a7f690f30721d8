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

WRITERS, BATCHES, SIZE = 3, 25, 5
SECONDS = 60.0


class Poller:
    """Reads what is new, again and again, as a client does that keeps the last ``date_added``."""

    def __init__(self, store: Store, where: Collection) -> None:
        self._store, self._where = store, where
        self._after = 0
        self.seen: list[str] = []
        self.own: list[str] = []
        self.fruitful = 0
        """Polls that brought something of another process."""

    def poll(self) -> None:
        known, more = len(self.seen), True
        while more:
            read = page(self._store, self._where, Selection(after=self._after, limit=7, versions=ALL))
            self.seen += [_id(raw) for raw in raws(read)]
            self._after, more = read.last or self._after, read.more
        self.fruitful += any(name not in self.own for name in self.seen[known:])

    def add_and_take_out(self) -> None:
        """Deletes in between, of what is newest."""
        extra = thing()
        self.own.append(extra.id)
        append(self._store, self._where, extra)
        self.poll()
        assert remove(self._store, self._where, extra.id) == 1


@pytest.mark.slow
def test_a_reader_that_polls_while_processes_write_misses_nothing(fresh_store: Store) -> None:
    """If a writer could commit an earlier ``date_added`` later, the reader would be past it by then."""
    store = fresh_store
    collection = Collections(store).add("shared")
    context = multiprocessing.get_context("spawn")
    together, was_read = context.Barrier(WRITERS), context.Event()
    writers = [
        context.Process(
            target=write,
            args=(store.database.url, collection.num, number, BATCHES, SIZE, together, was_read),
            daemon=True,
        )
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    reader, until = Poller(store, collection), time.monotonic() + SECONDS
    try:
        while any(writer.is_alive() for writer in writers) and time.monotonic() < until:
            reader.poll()
            if reader.fruitful:
                was_read.set()
            reader.add_and_take_out()
            time.sleep(0.005)
        for writer in writers:
            writer.join(timeout=max(0.0, until - time.monotonic()))
    finally:
        for writer in writers:
            if writer.is_alive():
                writer.kill()
                writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    reader.poll()

    found = records(store, collection)
    expected = {name for number in range(WRITERS) for batch in identifiers(number, BATCHES, SIZE) for name in batch}
    kept = [name for name in reader.seen if name not in reader.own]
    assert sorted(kept) == sorted(expected), "each object once"
    assert kept == [record.id for record in found], "in the order of date_added"
    assert reader.fruitful > 1, "the reader was at work while the writers were"
    for number in range(WRITERS):
        own = [name for batch in identifiers(number, BATCHES, SIZE) for name in batch]
        mine = set(own)
        assert [name for name in kept if name in mine] == own, "a writer's own order is kept"
    check_invariants(store, collection)


def _id(raw: bytes) -> str:
    return raw.split(b'"id": "')[1].split(b'"')[0].decode()
