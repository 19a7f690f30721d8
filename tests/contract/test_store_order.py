"""Law 7: the cursor is the node's own, strictly increasing in each collection, and never given twice."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

import pytest
from store_support import START, Clock, added, append, check_invariants, page, records, remove, thing

from titian.core.collection import ALL, Collection, Selection
from titian.store.store import Store


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([0, 0, 0], id="the clock stands still"),
        pytest.param([-5_000_000, -1, -5_000_000], id="the clock runs backwards"),
        pytest.param([1, 1, 1], id="the clock is slower than the objects"),
        pytest.param([1_000_000, -2_000_000, 3_000_000], id="the clock is set right and wrong"),
    ],
)
def test_date_added_grows_with_every_object(
    store: Store, clock: Clock, collection: Collection, steps: list[int]
) -> None:
    order = []
    for step in (0, *steps):
        clock.now += step
        batch = [thing() for _ in range(5)]
        append(store, collection, *batch)
        order += [item.id for item in batch]
        assert added(store, collection)[-5] >= clock.now
    found = records(store, collection)
    assert [record.id for record in found] == order
    assert all(two.added - one.added >= 1 for one, two in itertools.pairwise(found))
    check_invariants(store, collection)


def test_the_first_is_at_the_time_of_day(store: Store, collection: Collection) -> None:
    append(store, collection, thing(), thing(), thing())
    assert added(store, collection) == [START, START + 1, START + 2]


def test_what_was_given_is_never_given_again(store: Store, collection: Collection) -> None:
    """Also when the newest are taken out, and all of them: a reader's cursor may stand there."""
    given: list[int] = []
    for _ in range(4):
        batch = [thing(), thing(), thing()]
        append(store, collection, *batch)
        given += added(store, collection)
        for item in batch:
            assert remove(store, collection, item.id) == 1
        assert added(store, collection) == []
    assert len(set(given)) == len(given) == 12
    assert given == sorted(given)


def test_an_object_that_returns_comes_as_new(store: Store, collection: Collection) -> None:
    """A reader that polls must see it again: it was gone."""
    item = thing()
    append(store, collection, item)
    (before,) = added(store, collection)
    remove(store, collection, item.id)
    append(store, collection, item)
    found = page(store, collection, Selection(after=before))
    assert found.joined == [item.raw]


def test_each_collection_counts_for_itself(
    store: Store, clock: Clock, new_collection: Callable[[], Collection]
) -> None:
    one, other = new_collection(), new_collection()
    append(store, one, *[thing() for _ in range(100)])
    append(store, other, thing())
    assert added(store, other) == [clock.now]


def test_what_is_known_moves_no_cursor(store: Store, collection: Collection) -> None:
    """Else a partner that repeats a POST would make every reader fetch everything again."""
    item = thing()
    append(store, collection, item)
    before = records(store, collection)
    append(store, collection, item)
    assert records(store, collection) == before
    assert page(store, collection, Selection(after=before[-1].added, versions=ALL)).count == 0


def test_a_transaction_that_is_undone_gives_its_numbers_back(store: Store, collection: Collection) -> None:
    """Nobody saw them: there is no gap that a reader could take for a loss, and nothing half written."""
    with contextlib.suppress(ZeroDivisionError), store.writing() as tx:
        store.log.append(tx, collection.num, [thing()], source="test")
        raise ZeroDivisionError
    assert records(store, collection) == []
    check_invariants(store, collection)
    append(store, collection, thing())
    assert added(store, collection) == [START]
