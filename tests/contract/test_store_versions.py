"""Which version is last, first, or neither, whatever the order in which they came and went (TAXII 2.1 3.4.1)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from store_support import (
    Clock,
    append,
    check_invariants,
    held,
    incoming,
    page,
    raws,
    records,
    remove,
    thing,
)

from support.stix import ipv4, malware
from titian.core.collection import ALL, LAST, Collection, Incoming, Outcome, Selection, Versions, timestamp
from titian.core.stix import Timestamp
from titian.store.store import Store

FIRST = Versions(last=False, first=True)
ENDS = Versions(first=True)


def exactly(*versions: int) -> Versions:
    return Versions(last=False, exact=frozenset(versions))


def three(identifier: str = "") -> list[Incoming]:
    """Versions 1, 2 and 3 of one object."""
    first = thing(version=1, identifier=identifier or None)
    return [first, *(thing(version=n, identifier=first.id) for n in (2, 3))]


def read(store: Store, where: Collection, versions: Versions, **options: object) -> list[int]:
    """The versions served, in order."""
    selection = Selection(versions=versions, **options)  # type: ignore[arg-type]
    found = [Timestamp.parse(record.version).micros for record in records(store, where, selection)]
    served = raws(page(store, where, selection))
    assert all(b'"v": %d' % version in raw for version, raw in zip(found, served, strict=True))
    return found


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
@pytest.mark.parametrize("together", [True, False], ids=["in one request", "one by one"])
def test_any_order_of_arrival(store: Store, collection: Collection, order: tuple[int, ...], together: bool) -> None:
    versions = three()
    arriving = [versions[n - 1] for n in order]
    for batch in [arriving] if together else [[one] for one in arriving]:
        append(store, collection, *batch)
    assert read(store, collection, LAST) == [3]
    assert read(store, collection, FIRST) == [1]
    assert read(store, collection, ENDS) == [n for n in order if n != 2]
    assert read(store, collection, ALL) == list(order)
    assert read(store, collection, exactly(2)) == [2]
    assert read(store, collection, exactly(2, 7)) == [2]
    assert read(store, collection, Versions(exact=frozenset({1}))) == [n for n in order if n != 2]
    assert read(store, collection, exactly(7)) == []
    check_invariants(store, collection)


@pytest.mark.parametrize(
    ("gone", "last", "first"),
    [
        pytest.param(LAST, [2], [1], id="the last"),
        pytest.param(FIRST, [3], [2], id="the first"),
        pytest.param(exactly(2), [3], [1], id="the middle"),
        pytest.param(ENDS, [2], [2], id="both ends"),
        pytest.param(exactly(1, 2), [3], [3], id="all but the last"),
        pytest.param(ALL, [], [], id="all"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one request", "one by one"])
def test_ranks_after_removal(
    store: Store, collection: Collection, gone: Versions, last: list[int], first: list[int], together: bool
) -> None:
    versions, other = three(), thing()
    for batch in [[*versions, other]] if together else [[one] for one in (*versions, other)]:
        append(store, collection, *batch)
    assert remove(store, collection, versions[0].id, Selection(versions=gone)) > 0
    ids = frozenset({versions[0].id})
    assert read(store, collection, LAST, ids=ids) == last
    assert read(store, collection, FIRST, ids=ids) == first
    assert raws(page(store, collection, Selection(ids=frozenset({other.id})))) == [other.raw]
    check_invariants(store, collection)


def test_a_version_that_returns_takes_its_rank_again(store: Store, collection: Collection) -> None:
    versions = three()
    append(store, collection, *versions)
    remove(store, collection, versions[0].id, Selection(versions=LAST))
    assert read(store, collection, LAST) == [2]
    append(store, collection, versions[2])
    assert read(store, collection, LAST) == [3]
    check_invariants(store, collection)


def test_ranks_are_each_collections_own(store: Store, new_collection: Callable[[], Collection]) -> None:
    one, other = new_collection(), new_collection()
    versions = three()
    append(store, one, *versions)
    append(store, other, versions[1])
    append(store, other, versions[0])
    assert read(store, one, LAST) == [3]
    assert read(store, other, LAST) == [2]
    assert read(store, other, FIRST) == [1]
    remove(store, one, versions[0].id)
    assert read(store, other, ALL) == [2, 1]
    check_invariants(store, one, other)


def test_the_last_version_counts_all_versions_not_only_those_after_the_cursor(
    store: Store, collection: Collection
) -> None:
    """An old version that comes late is not the latest for a poller: it would overwrite the newer one there."""
    versions = three()
    append(store, collection, versions[2])
    cursor = records(store, collection)[-1].added
    append(store, collection, versions[0])
    assert read(store, collection, LAST, after=cursor) == []
    assert read(store, collection, ALL, after=cursor) == [1]


@pytest.mark.parametrize(
    ("spec_versions", "count"), [(None, 1), ({"2.1"}, 1), ({"2.0"}, 0), ({"2.0", "2.1"}, 1), ({"3.0"}, 0)]
)
def test_spec_version(store: Store, collection: Collection, spec_versions: set[str] | None, count: int) -> None:
    """Everything here is STIX 2.1."""
    append(store, collection, item := thing())
    chosen = None if spec_versions is None else frozenset(spec_versions)
    for ids in (None, frozenset({item.id})):
        selection = Selection(spec_versions=chosen, ids=ids)
        assert page(store, collection, selection).count == len(records(store, collection, selection)) == count
    assert remove(store, collection, item.id, Selection(versions=ALL, spec_versions=chosen)) == count


SPELLINGS = [
    "2024-01-01T00:00:00.000Z",
    "2024-01-01T00:00:00.123Z",
    "2024-01-01T00:00:00.123000Z",
    "2024-01-01T00:00:00.123456Z",
    "2024-01-01T00:00:00.123456789Z",
]


@pytest.mark.parametrize("modified", SPELLINGS)
def test_a_version_is_shown_to_the_letter(store: Store, collection: Collection, modified: str) -> None:
    """TAXII 2.1 section 5.3.1: what a client compares with ``modified`` and sends back as ``match[version]``."""
    item = incoming(malware(created="2023-01-01T00:00:00.000Z", modified=modified))
    for outcome in (Outcome.ADDED, Outcome.KNOWN):
        (appended,) = append(store, collection, item)
        assert (appended.version, appended.outcome) == (modified, outcome)
    assert [record.version for record in records(store, collection)] == [modified]
    asked = Selection(versions=exactly(Timestamp.parse(modified).micros))
    assert raws(page(store, collection, asked)) == [item.raw]
    check_invariants(store, collection)


def test_what_has_no_version_shows_when_it_came_first(
    store: Store, clock: Clock, new_collection: Callable[[], Collection]
) -> None:
    """TAXII 2.1 section 5.3.1; in each collection by itself, and anew when it was taken out."""
    one, other = new_collection(), new_collection()
    item = incoming(ipv4("198.51.100.79"))
    shown = []
    for where in (one, one, other):
        (appended,) = append(store, where, item)
        shown.append(appended.version)
        assert [record.version for record in records(store, where)] == [appended.version]
        clock.now += 1_000_001
    start = clock.now - 3_000_003
    assert shown == [timestamp(start), timestamp(start), timestamp(start + 2_000_002)]
    remove(store, one, item.id)
    (appended,) = append(store, one, item)
    assert appended.version == timestamp(clock.now)
    assert [record.version for record in records(store, other)] == shown[2:]


def test_an_object_has_versions_or_none(store: Store, collection: Collection) -> None:
    """One id sent with and without a version: never two lines of one object that no reader could order."""
    with_version, without = thing(version=5), thing()
    bare = Incoming(with_version.id, with_version.type, None, with_version.raw)
    named = Incoming(without.id, without.type, 7, without.raw, timestamp(7))
    append(store, collection, with_version, Incoming(without.id, without.type, None, without.raw))
    for batch in ([bare, named], [bare], [named]):
        assert {each.outcome for each in append(store, collection, *batch)} == {Outcome.KNOWN}
    rival = Incoming(without.id, without.type, 8, without.raw.replace(b"malware", b"another", 1), timestamp(8))
    assert [each.outcome for each in append(store, collection, rival)] == [Outcome.CONFLICT]
    assert held(store, collection) == [with_version.raw, without.raw]
    check_invariants(store, collection)
