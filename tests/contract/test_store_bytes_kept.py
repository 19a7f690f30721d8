"""Law 4: what is held stays as it came, byte for byte; another content is set aside and shown, never overwritten."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from store_support import (
    append,
    check_invariants,
    held,
    incoming,
    quarantined,
    records,
    remove,
    thing,
)

from support.stix import custom_sdo, indicator, ipv4, malware, revision, statement, text
from titian.core.collection import Collection, Incoming, Outcome
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
    changed = Incoming(item.id, item.type, item.version, other)
    append(store, collection, item)
    before = records(store, collection)
    for _ in range(3):
        assert [one.outcome for one in append(store, collection, changed)] == [CONFLICT]
    assert held(store, collection) == [raw]
    assert records(store, collection) == before
    assert quarantined(store, [item.id]) == [other]
    third = Incoming(item.id, item.type, item.version, other.replace(b"{", b'{"x_third":3,', 1))
    append(store, collection, third)
    assert quarantined(store, [item.id]) == sorted([other, third.raw])


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


def test_a_second_collection_gets_the_bytes_that_are_held(
    store: Store, new_collection: Callable[[], Collection]
) -> None:
    """Same id and version means same bytes everywhere in the node, whatever the second sender's spelling."""
    one, other = new_collection(), new_collection()
    item = incoming(malware())
    append(store, one, item)
    again = Incoming(item.id, item.type, item.version, spelled_anew(item.raw))
    assert [each.outcome for each in append(store, other, again)] == [ADDED]
    assert held(store, one) == held(store, other) == [item.raw]
    assert [each.outcome for each in append(store, other, item, again)] == [KNOWN, KNOWN]
    check_invariants(store, one, other)


def test_a_second_collection_cannot_change_the_first(store: Store, new_collection: Callable[[], Collection]) -> None:
    one, other = new_collection(), new_collection()
    value = malware()
    item, changed = incoming(value), incoming(value | {"name": "changed"})
    append(store, one, item)
    assert [each.outcome for each in append(store, other, changed)] == [CONFLICT]
    assert held(store, one) == [item.raw]
    assert held(store, other) == []
    assert quarantined(store, [item.id]) == [changed.raw]


def test_a_removed_object_stays_where_else_it_is(store: Store, new_collection: Callable[[], Collection]) -> None:
    """And there its bytes still guard against another content."""
    one, other = new_collection(), new_collection()
    value = malware()
    item, changed = incoming(value), incoming(value | {"name": "changed"})
    append(store, one, item)
    append(store, other, item)
    remove(store, one, item.id)
    assert held(store, one) == []
    assert held(store, other) == [item.raw]
    assert [each.outcome for each in append(store, one, changed)] == [CONFLICT]
    assert [each.outcome for each in append(store, one, item)] == [ADDED]
    check_invariants(store, one, other)


def test_a_large_batch_is_kept_in_order(store: Store, collection: Collection) -> None:
    """Enough for the quick way in that the backend has, with sizes around a segment's."""
    sizes = [10, 65_536, 200, 70_000, 32_768, 32_767, 65_535, 5, 300_000]
    batch = [thing(size) for size in sizes * 3]
    append(store, collection, *batch)
    assert held(store, collection) == [item.raw for item in batch]
    check_invariants(store, collection)


def test_the_node_can_hold_more_types_than_anybody_needs(fresh_store: Store) -> None:
    """Types of extensions are a writer's choice: nobody may use them up for all the others."""
    with fresh_store.writing() as tx:
        tx.run("INSERT INTO types (num, name) VALUES (?, ?)", 32_767, "x-the-last-one")
        tx.run(
            "INSERT INTO collections (num, id, name, readable, writable, created, generation, last_added) "
            "VALUES (1, 'a', 'a', ?, ?, 1, 0, 0)",
            True,
            True,
        )
        outcomes = fresh_store.log.append(tx, 1, [thing(kind="x-one-more")], source="test")
    assert [each.outcome for each in outcomes] == [ADDED]
