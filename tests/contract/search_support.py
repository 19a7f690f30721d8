"""What the tests of finding share: collections of every kind, objects in them, and searches as people make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from store_support import append, incoming

from support.stix import Object
from titian.core.access import Key, Role
from titian.core.collection import Collection, Kind
from titian.core.search import ORGANISATION, Found, Query, Viewer, read_query
from titian.store.admin import Collections
from titian.store.registry import add_collection
from titian.store.search import Find
from titian.store.store import Store

PARTY = "identity--0b8fb3a6-94c5-4d2a-9e22-0e9a2e6a6f01"
OTHER = "identity--0b8fb3a6-94c5-4d2a-9e22-0e9a2e6a6f02"
NOWHERE = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
"""The id of no collection."""
SECOND = 1_000_000
DAY = 86_400 * SECOND

Holding = Callable[..., list[str]]
"""Puts objects in, ``into`` a collection; returns their identifiers."""


def holding(store: Store, where: Collection) -> Holding:
    """Puts objects into a collection, or ``into`` another one."""

    def put(*values: Object, into: Collection = where) -> list[str]:
        items = [incoming(value) for value in values]
        append(store, into, *items)
        return [item.id for item in items]

    return put


def collection(store: Store, kind: Kind, name: str, **more: Any) -> Collection:
    """A collection of a kind, as the gate makes them."""
    number = len(Collections(store).list()) + 1
    made = Collection(
        num=0, id=f"91a7b528-80eb-42ed-a74e-{number:012d}", name=name, created=1, kind=kind, opens=0, **more
    )
    with store.writing() as tx:
        return add_collection(tx, made)


def released(store: Store, name: str, party: str = PARTY, agreement: str = "agreement--1") -> Collection:
    return collection(store, Kind.RELEASED, name, party=party, agreement=agreement)


def key_of(party: str = PARTY) -> Viewer:
    return Viewer.of(Key(id="k", name="k", digest=b"", role=Role.READER, created=1, party=party))


def ids(found: Found) -> list[str]:
    return [hit.id for hit in found.hits]


def search(find: Find, box: str, viewer: Viewer = ORGANISATION, **more: Any) -> Found:
    return find(viewer, read_query(box, Query(**more)))
