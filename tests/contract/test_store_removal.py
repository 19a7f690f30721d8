"""What is taken out is gone: from every page, from the bytes on disk that pages are made of, from the counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from store_support import all_bytes, append, check_invariants, held, page, records, remove, thing

from titian.core.collection import ALL, LAST, Collection, Incoming, Selection
from titian.store.admin import Collections
from titian.store.store import Store


def marked(secret: str) -> Incoming:
    one = thing()
    raw = one.raw.replace(b'"pad": ""', b'"pad": "%s"' % secret.encode())
    assert secret.encode() in raw
    return msgspec.structs.replace(one, raw=raw)


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("place", range(6))
def test_the_bytes_are_gone(store: Store, collection: Collection, place: int) -> None:
    """First, middle, last of a segment, alone in one, in the last one that still grows."""
    batch = [thing(n) for n in (110, 110, 110, 590, 110, 110)]
    batch[place] = marked("THE-SECRET")
    append(store, collection, *batch)
    assert b"THE-SECRET" in all_bytes(store, collection)
    assert remove(store, collection, batch[place].id) == 1
    assert b"THE-SECRET" not in all_bytes(store, collection)
    assert held(store, collection) == [item.raw for n, item in enumerate(batch) if n != place]
    check_invariants(store, collection)
    append(store, collection, late := thing())
    assert held(store, collection)[-1] == late.raw
    check_invariants(store, collection)


def test_the_file_forgets_too(fresh_store: Store) -> None:
    """A deleted object must not be read out of the database's free pages afterwards."""
    if fresh_store.database.kind != "sqlite":
        pytest.skip("on PostgreSQL vacuum decides when space is reused; there is no file of ours to search")
    collection = Collections(fresh_store).add("secrets")
    items = [marked(f"THE-SECRET-{n}") for n in range(50)]
    append(fresh_store, collection, *items)
    for item in items:
        remove(fresh_store, collection, item.id)
    path = fresh_store.database.url.removeprefix("sqlite:///")
    with fresh_store.writing() as tx:
        tx.run("UPDATE node SET name = name")
    fresh_store.close()  # the last connection folds the write-ahead log into the file
    with open(path, "rb") as file:
        assert b"THE-SECRET" not in file.read()


def test_removing_everything_leaves_nothing(store: Store, collection: Collection) -> None:
    batch = [thing() for _ in range(7)]
    append(store, collection, *batch)
    for item in batch:
        assert remove(store, collection, item.id) == 1
        check_invariants(store, collection)
    assert all_bytes(store, collection) == b""
    with store.reading() as tx:
        assert tx.one("SELECT count(*) FROM segments WHERE collection = ?", collection.num) == (0,)
        assert tx.one("SELECT count(*) FROM entries WHERE collection = ?", collection.num) == (0,)


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param(Selection(versions=ALL, spec_versions=frozenset({"2.0"})), id="of another specification"),
        pytest.param(Selection(versions=ALL), id="of another object"),
    ],
)
def test_what_is_not_there_changes_nothing(store: Store, collection: Collection, selection: Selection) -> None:
    append(store, collection, item := thing())
    before = records(store, collection)
    identifier = item.id if selection.spec_versions else "malware--nobody"
    with store.reading() as tx:
        generation = tx.one("SELECT generation FROM collections WHERE num = ?", collection.num)
    assert remove(store, collection, identifier, selection) == 0
    assert records(store, collection) == before
    with store.reading() as tx:
        assert tx.one("SELECT generation FROM collections WHERE num = ?", collection.num) == generation


def test_removing_twice_finds_nothing_the_second_time(store: Store, collection: Collection) -> None:
    append(store, collection, item := thing())
    assert [remove(store, collection, item.id), remove(store, collection, item.id)] == [1, 0]


def test_an_object_of_another_collection_is_not_removed(store: Store, new_collection: Callable[[], Collection]) -> None:
    one, other = new_collection(), new_collection()
    append(store, one, item := thing())
    assert remove(store, other, item.id) == 0
    assert held(store, one) == [item.raw]


def test_counts_follow(store: Store, collection: Collection) -> None:
    versions = [thing(version=1)]
    versions += [thing(version=n, identifier=versions[0].id) for n in (2, 3)]
    append(store, collection, *versions, thing())

    def count() -> int:
        return next(one.count for one in Collections(store).list() if one.collection.id == collection.id)

    assert count() == 4
    remove(store, collection, versions[0].id, Selection(versions=LAST))
    assert count() == 3
    remove(store, collection, versions[0].id)
    assert count() == 1
    assert page(store, collection, Selection()).count == 1


class Counting:
    """A transaction that counts its statements, and the rows that they write one by one."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx
        self.statements = self.rows = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._tx, name)
        if name in {"among", "array", "using"}:
            return method

        def counted(*arguments: Any) -> Any:
            self.statements += 1
            if name in {"many", "insert"}:
                *others, rows = arguments
                arguments = (*others, rows := list(rows))
                self.rows += len(rows)
            return method(*arguments)

        return counted


@pytest.mark.slow
def test_thousands_of_versions_of_one_object_come_and_go(store: Store, collection: Collection) -> None:
    """The work grows with what comes and goes, not with its square: one id must not hold up the one writer."""
    count = 10_000
    first = thing(version=0)
    versions = [first, *(thing(version=n, identifier=first.id) for n in range(1, count))]
    with store.writing() as tx:
        counting = Counting(tx)
        store.log.append(counting, collection.num, versions, source="test")
        segments = tx.one("SELECT count(*) FROM segments WHERE collection = ?", collection.num)
    assert segments is not None
    assert counting.statements <= 15
    assert counting.rows <= count + segments[0]
    with store.writing() as tx:
        counting = Counting(tx)
        newest = thing(version=count, identifier=first.id)
        store.log.append(counting, collection.num, [newest], source="test")
    assert counting.statements <= 15
    for selection, gone in ((Selection(versions=LAST), 1), (Selection(versions=ALL), count)):
        with store.writing() as tx:
            counting = Counting(tx)
            assert store.log.remove(counting, collection.num, first.id, selection) == gone
        assert counting.statements <= 10 + 5 * segments[0]
        assert counting.rows <= 2 * count
    assert all_bytes(store, collection) == b""
    check_invariants(store, collection)
