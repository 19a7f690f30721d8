"""Pages partition a selection: nothing lost, nothing twice, `more` right at every boundary, deletes in between."""

from __future__ import annotations

import itertools

import pytest
from store_support import (
    SMALL_PAGE,
    append,
    check_invariants,
    held,
    page,
    raws,
    records,
    remove,
    thing,
)

from titian.core.collection import ALL, Collection, Incoming, Selection
from titian.store.shelf import StoreShelf
from titian.store.store import Store

SIZES = (110, 260, 110, 900, 450, 110, 110, 140, 600, 320, 110, 200, 110)

CONDITIONS = {
    "everything": Selection(versions=ALL),
    "latest": Selection(),
    "of two types": Selection(types=frozenset({"malware", "tool"})),
    "of one type": Selection(types=frozenset({"tool"}), versions=ALL),
}


def pages(store: Store, where: Collection, selection: Selection, limit: int) -> list[list[bytes]]:
    """The pages of a selection, each begun where the one before ended."""
    found, after, more = [], 0, True
    while more:
        chosen = Selection(
            after=after, limit=limit, ids=selection.ids, types=selection.types, versions=selection.versions
        )
        read = page(store, where, chosen)
        found.append(raws(read))
        after, more = read.last, read.more
    return found


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("selection", CONDITIONS.values(), ids=CONDITIONS)
def test_pages_partition_the_set_for_every_limit(store: Store, collection: Collection, selection: Selection) -> None:
    batch = [thing(size, kind=("malware", "tool")[n % 2]) for n, size in enumerate(SIZES)]
    append(store, collection, *batch[:5])
    append(store, collection, *batch[5:])
    wanted = [item.raw for item in batch if selection.types is None or item.type in selection.types]
    for limit in range(1, len(wanted) + 2):
        found = pages(store, collection, selection, limit)
        assert list(itertools.chain(*found)) == wanted
        assert all(found), "no page but the last of nothing is empty"
        assert all(len(each) <= limit for each in found)
        assert all(len(b",".join(each)) <= SMALL_PAGE for each in found)
    check_invariants(store, collection)


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_more_is_said_only_when_there_is_more(store: Store, collection: Collection, limit: int) -> None:
    """A last page that is exactly full says so: a further, empty one would be asked for in vain."""
    batch = [thing() for _ in range(6)]
    append(store, collection, *batch)
    for selection in (Selection(limit=limit), Selection(limit=limit, types=frozenset({"malware"}))):
        read = page(store, collection, selection)
        assert (read.count, read.more) == (min(limit, 6), limit < 6)
    with store.reading() as tx:
        assert store.log.records(tx, collection.num, Selection(limit=limit)).more == (limit < 6)


def test_more_does_not_count_what_is_overtaken(store: Store, collection: Collection) -> None:
    """Behind the page lie only older versions: for a reader of the latest there is nothing more."""
    newest = [thing(version=9) for _ in range(3)]
    append(store, collection, *newest)
    append(store, collection, *(thing(version=1, identifier=item.id) for item in newest))
    read = page(store, collection, Selection(limit=3))
    assert (raws(read), read.more) == ([item.raw for item in newest], False)
    assert page(store, collection, Selection(limit=3, versions=ALL)).more


def test_nothing_is_an_empty_page(store: Store, collection: Collection) -> None:
    for selection in (
        Selection(),
        Selection(ids=frozenset({"malware--nobody"})),
        Selection(types=frozenset({"x-nobody"})),
        Selection(after=2**62),
        Selection(after=-(2**62)),
    ):
        read = page(store, collection, selection)
        assert (read.joined, read.count, read.first, read.last, read.more) == ([], 0, 0, 0, False)
        assert records(store, collection, selection) == []
        assert read.enclosed(b"{", b"}") == b"{}"


@pytest.mark.usefixtures("small_segments")
def test_an_object_larger_than_a_page_goes_out_alone(store: Store, collection: Collection) -> None:
    small, large, last = thing(110), thing(SMALL_PAGE * 3), thing(110)
    append(store, collection, small, large, last)
    for selection in (Selection(), Selection(types=frozenset({"malware"})), Selection(versions=ALL)):
        assert pages(store, collection, selection, 10) == [[small.raw], [large.raw], [last.raw]]
    chosen = Selection(ids=frozenset({small.id, large.id, last.id}))
    assert pages(store, collection, chosen, 10) == [[small.raw], [large.raw], [last.raw]]


def test_deletes_between_pages_lose_nothing_else(store: Store, collection: Collection) -> None:
    """Also of the very entry where the cursor stands: paging by offset would skip one for each."""
    batch = [thing() for _ in range(20)]
    append(store, collection, *batch)
    gone = {batch[1].id, batch[4].id, batch[5].id, batch[13].id, batch[19].id}
    found: list[bytes] = []
    after, more, deleting = 0, True, sorted(gone, key=[item.id for item in batch].index)
    while more:
        read = page(store, collection, Selection(after=after, limit=5))
        found += raws(read)
        after, more = read.last, read.more
        for identifier in deleting[:2]:
            assert remove(store, collection, identifier) == 1
        deleting = deleting[2:]
    stays = [item.raw for item in batch if item.id not in gone]
    assert [raw for raw in found if raw in stays] == stays
    assert len(set(found)) == len(found)


def test_a_cursor_on_a_deleted_entry_still_points(store: Store, collection: Collection) -> None:
    batch = [thing() for _ in range(4)]
    append(store, collection, *batch)
    cursor = page(store, collection, Selection(limit=2)).last
    remove(store, collection, batch[0].id)
    remove(store, collection, batch[1].id)
    assert raws(page(store, collection, Selection(after=cursor))) == [item.raw for item in batch[2:]]


def test_what_comes_between_pages_comes_after(store: Store, collection: Collection) -> None:
    first = [thing() for _ in range(4)]
    append(store, collection, *first)
    read = page(store, collection, Selection(limit=2))
    append(store, collection, late := thing())
    rest = page(store, collection, Selection(after=read.last))
    assert raws(read) + raws(rest) == [item.raw for item in (*first, late)]


def test_a_page_reads_one_snapshot(store: Store, collection: Collection) -> None:
    """What is removed while a page is read is on it, whole."""
    batch = [thing() for _ in range(3)]
    append(store, collection, *batch)
    with store.reading() as tx:
        before = store.log.page(tx, collection.num, Selection())
        remove(store, collection, batch[1].id)
        append(store, collection, thing())
        assert raws(store.log.page(tx, collection.num, Selection())) == raws(before)
    assert len(held(store, collection)) == 3


def test_the_shelf_walks_every_page(store: Store, collection: Collection) -> None:
    shelf = StoreShelf(store)
    batch = [thing() for _ in range(11)]
    assert len(shelf.append(collection, batch, source="test")) == 11
    assert shelf.append(collection, [], source="test") == []
    assert list(shelf.objects(collection, Selection(limit=4))) == [item.raw for item in batch]
    assert list(shelf.objects(collection, Selection(limit=4, after=2**62))) == []


def test_ids_of_other_collections_are_not_found(store: Store, collection: Collection) -> None:
    """By id the index is the node's: the collection must be asked too."""
    append(store, collection, mine := thing())
    foreign = Collection(num=collection.num + 100_000, id="", name="", created=0)
    assert page(store, foreign, Selection(ids=frozenset({mine.id}))).count == 0


def test_a_page_of_many_small_segments(store: Store, collection: Collection) -> None:
    """More segments than are fetched at once, and objects on both sides of each boundary."""
    batch: list[Incoming] = [thing(40_000) for _ in range(70)]
    append(store, collection, *batch)
    assert held(store, collection) == [item.raw for item in batch]
    for limit in (31, 32, 33, 64, 70):
        assert list(itertools.chain(*pages(store, collection, Selection(), limit))) == [item.raw for item in batch]
