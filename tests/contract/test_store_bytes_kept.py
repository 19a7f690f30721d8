"""Law 4: what is held stays as it came, byte for byte; another content is set aside and shown, never overwritten.

What one collection holds decides nothing in another: see :mod:`test_store_noninterference`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from store_support import (
    append,
    aside,
    check_invariants,
    held,
    incoming,
    page,
    quarantined,
    raws,
    records,
    remove,
    thing,
)

from support.stix import custom_sdo, indicator, ipv4, malware, revision, statement, text
from titian.core.collection import Collection, Outcome, Selection
from titian.store.admin import Collections
from titian.store.store import Store

ADDED, KNOWN, CONFLICT = Outcome.ADDED, Outcome.KNOWN, Outcome.CONFLICT


def spelled_anew(raw: bytes) -> bytes:
    """The same value with other white space, order and escapes."""
    value = json.loads(raw)
    return json.dumps(dict(reversed(value.items())), indent=2, ensure_ascii=True).encode()


KINDS: dict[str, Callable[[], bytes]] = {
    "domain object": lambda: text(malware(name="naïve 例え, \U0001f6f0")),
    "observable, without versions": lambda: text(ipv4("198.51.100.77")),
    "marking, created only": lambda: text(statement("© nobody")),
    "type of an extension": lambda: text(custom_sdo()),
    "odd white space": lambda: b" \n".join(text(indicator()).partition(b",")),
    "comma and brackets in strings": lambda: text(malware(description='},{"objects":[1,2]},\\"')),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_bytes_are_kept_and_the_same_content_is_known(
    store: Store, collection: Collection, make: Callable[[], bytes]
) -> None:
    raw = make()
    assert [one.outcome for one in append(store, collection, incoming(raw))] == [ADDED]
    for again in (raw, spelled_anew(raw)):
        (outcome,) = append(store, collection, incoming(again))
        assert outcome.outcome is KNOWN
        assert outcome.id == incoming(raw).id
        assert [(r.id, r.version) for r in records(store, collection)] == [(outcome.id, outcome.version)]
    assert held(store, collection) == [raw]
    assert quarantined(store, [incoming(raw).id]) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(one := malware(), one | {"name": "changed"}, id="domain object"),
        pytest.param(two := ipv4("198.51.100.78"), two | {"resolves_to_refs": []}, id="observable, without versions"),
        pytest.param(three := statement("as it was"), three | {"definition": {"statement": "else"}}, id="marking"),
        pytest.param(four := malware(), four | {"is_family": True}, id="true is not false"),
        pytest.param(five := malware(), five | {"x_n": 1}, id="a property more"),
    ],
)
def test_another_content_is_quarantined_once_and_what_is_held_stays(
    store: Store, collection: Collection, first: dict[str, object], second: dict[str, object]
) -> None:
    raw, other = text(first), text(second)
    item = incoming(raw)
    changed = msgspec.structs.replace(item, raw=other)
    append(store, collection, item)
    before = records(store, collection)
    for _ in range(3):
        assert [one.outcome for one in append(store, collection, changed)] == [CONFLICT]
    assert held(store, collection) == [raw]
    assert records(store, collection) == before
    assert quarantined(store, [item.id]) == [other]
    third = msgspec.structs.replace(item, raw=other.replace(b"{", b'{"x_third":3,', 1))
    append(store, collection, third)
    assert aside(store, [item.id]) == [(collection.num, "conflict", other), (collection.num, "conflict", third.raw)]


def test_one_conflict_twice_in_one_request_is_quarantined_once(store: Store, collection: Collection) -> None:
    one = malware()
    item, changed = incoming(one), incoming(one | {"name": "changed"})
    append(store, collection, item)
    outcomes = append(store, collection, changed, changed)
    assert [outcome.outcome for outcome in outcomes] == [CONFLICT, CONFLICT]
    assert quarantined(store, [item.id]) == [changed.raw]


def test_a_quarantined_content_is_quarantined_for_good(store: Store, collection: Collection) -> None:
    """The held object goes; its rival is still shown, and can then be taken in."""
    one = malware()
    item, changed = incoming(one), incoming(one | {"name": "changed"})
    append(store, collection, item, changed)
    remove(store, collection, item.id)
    assert quarantined(store, [item.id]) == [changed.raw]
    assert [each.outcome for each in append(store, collection, changed)] == [ADDED]
    assert held(store, collection) == [changed.raw]


def test_one_request_is_judged_in_its_order(store: Store, collection: Collection) -> None:
    one = malware()
    raw, other = text(one), text(one | {"name": "changed"})
    newer = text(revision(one, name="newer"))
    outcomes = append(store, collection, *map(incoming, [raw, spelled_anew(raw), other, newer, raw, newer]))
    assert [each.outcome for each in outcomes] == [ADDED, KNOWN, CONFLICT, ADDED, KNOWN, KNOWN]
    assert held(store, collection) == [raw, newer]
    check_invariants(store, collection)


def test_a_second_collection_gets_the_bytes_that_were_sent_to_it(
    store: Store, new_collection: Callable[[], Collection]
) -> None:
    """Its sender's spelling, not that of somebody who sent the same elsewhere."""
    one, other = new_collection(), new_collection()
    item = incoming(malware())
    append(store, one, item)
    again = msgspec.structs.replace(item, raw=spelled_anew(item.raw))
    assert [each.outcome for each in append(store, other, again)] == [ADDED]
    assert (held(store, one), held(store, other)) == ([item.raw], [again.raw])
    assert [each.outcome for each in append(store, other, item, again)] == [KNOWN, KNOWN]
    assert aside(store, [item.id]) == [], "the same content is no dispute, however it is spelled"
    check_invariants(store, one, other)


def test_a_dispute_between_collections_is_shown_to_the_nodes_people(
    store: Store, new_collection: Callable[[], Collection]
) -> None:
    """Law 4: each collection keeps what it got, and that two differ is told to nobody but whoever runs the node."""
    one, other = new_collection(), new_collection()
    value = malware()
    item, changed = incoming(value), incoming(value | {"name": "changed"})
    append(store, one, item)
    for outcome in (ADDED, KNOWN):
        assert [each.outcome for each in append(store, other, changed)] == [outcome]
    assert (held(store, one), held(store, other)) == ([item.raw], [changed.raw])
    assert aside(store, [item.id]) == [(other.num, "dispute", changed.raw)]
    check_invariants(store, one, other)


def test_there_is_no_dispute_about_what_has_no_version(store: Store, new_collection: Callable[[], Collection]) -> None:
    """Two nodes describe one address each in their way: that is not two contents of one version."""
    one, other = new_collection(), new_collection()
    item, more = (incoming(ipv4("198.51.100.80", **also)) for also in ({}, {"x_seen": 1}))
    append(store, one, item)
    assert [each.outcome for each in append(store, other, more)] == [ADDED]
    assert aside(store, [item.id]) == []


def test_a_dispute_is_about_one_version(store: Store, new_collection: Callable[[], Collection]) -> None:
    one, other = new_collection(), new_collection()
    value = malware()
    append(store, one, incoming(value))
    append(store, other, incoming(revision(value, name="newer")))
    assert aside(store, [value["id"]]) == []


def test_a_removed_object_stays_where_else_it_is(store: Store, new_collection: Callable[[], Collection]) -> None:
    """And binds nobody where it was removed."""
    one, other = new_collection(), new_collection()
    value = malware()
    item, changed = incoming(value), incoming(value | {"name": "changed"})
    append(store, one, item)
    append(store, other, item)
    remove(store, one, item.id)
    assert (held(store, one), held(store, other)) == ([], [item.raw])
    assert [each.outcome for each in append(store, one, changed)] == [ADDED]
    assert [each.outcome for each in append(store, one, item)] == [CONFLICT]
    assert (held(store, one), held(store, other)) == ([changed.raw], [item.raw])
    check_invariants(store, one, other)


def test_a_conflict_is_kept_for_each_collection_that_had_it(
    store: Store, new_collection: Callable[[], Collection]
) -> None:
    """Who looks after one collection must find its conflict, also when the same bytes were a dispute elsewhere."""
    one, other = new_collection(), new_collection()
    value = malware()
    item, changed = incoming(value), incoming(value | {"name": "changed"})
    append(store, one, item)
    append(store, other, changed)
    assert [each.outcome for each in append(store, one, changed)] == [CONFLICT]
    assert sorted(aside(store, [item.id])) == sorted(
        [(one.num, "conflict", changed.raw), (other.num, "dispute", changed.raw)]
    )


def test_a_large_batch_is_kept_in_order(store: Store, collection: Collection) -> None:
    """Enough for the quick way in that the backend has, with sizes around a segment's."""
    sizes = [10, 65_536, 200, 70_000, 32_768, 32_767, 65_535, 5, 300_000]
    batch = [thing(size) for size in sizes * 3]
    append(store, collection, *batch)
    assert held(store, collection) == [item.raw for item in batch]
    check_invariants(store, collection)


@pytest.mark.parametrize("last", [32_767, 65_535, 2_000_000])
def test_the_node_can_hold_more_types_than_anybody_needs(fresh_store: Store, last: int) -> None:
    """Types of extensions are a writer's choice: nobody may use them up for all the others."""
    collection = Collections(fresh_store).add("one")
    with fresh_store.writing() as tx:
        tx.run("INSERT INTO types (num, name) VALUES (?, ?)", last, "x-the-last-one")
    batch = [thing(kind=f"x-more-{n}") for n in range(10)] + [thing(kind="x-the-last-one")]
    assert {each.outcome for each in append(fresh_store, collection, *batch)} == {ADDED}
    for item in batch:
        found = page(fresh_store, collection, Selection(types=frozenset({item.type})))
        assert raws(found) == [item.raw]
    check_invariants(fresh_store, collection)
