"""Whatever happens to a store, a search finds what a person finds who reads everything."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_support import collection, ids, key_of, released, search
from store_support import Clock, append, held, incoming, remove, set_up

from support.stix import Object, malware, sdo
from titian.core.collection import ALL, LAST, Collection, Kind, Selection
from titian.core.search import ORGANISATION, Count, Query
from titian.core.words import folded
from titian.store.admin import Collections
from titian.store.holdings import Holdings
from titian.store.search import Find
from titian.store.store import Store

WORDS = ("ferry", "ferries", "harbour", "攻撃者", "повестка", "đảo")
LOOKED_FOR = ("", "ferr", "ferry", "harbour", "攻撃", "撃者", "повест", "dao", "nothing")

_runs = itertools.count()

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"), st.integers(0, 3), st.integers(0, 2), st.sampled_from(WORDS), st.sampled_from(WORDS),
            st.integers(1, 3),
        ),
        st.tuples(st.just("take"), st.integers(0, 3), st.integers(0, 2), st.booleans()),
        st.tuples(st.just("tick")),
        st.tuples(st.just("find")),
    ),
    max_size=14,
)  # fmt: skip


@pytest.fixture(scope="module")
def model_store(lasting_url: Callable[[], str]) -> Iterator[Store]:
    store = set_up(lasting_url(), Clock())
    yield store
    store.close()


def said(value: Object) -> str:
    return folded(f"{value['name']} {value['description']}")


def latest(store: Store, where: Collection) -> list[Object]:
    """The latest version of everything in a collection, by plain reading."""
    found: dict[str, Object] = {}
    for raw in held(store, where):
        value = json.loads(raw)
        known = found.get(value["id"])
        if known is None or known["modified"] < value["modified"]:
            found[value["id"]] = value
    return list(found.values())


def everything(store: Store) -> list[Object]:
    """What stands for each object that is held, as the gate chooses it."""
    names = {value["id"] for one in Collections(store).list() for value in latest(store, one.collection)}
    with store.reading() as tx:
        holdings = Holdings(tx, store.log, store.node.identity)
        places = holdings.places(names)
        return [json.loads(one.raw) for one in holdings.read(list(places.values()))]


def check(store: Store, find: Find, places: list[Collection], party: str) -> None:
    """Every search finds what plain reading finds, and counts it."""
    whole, theirs = everything(store), latest(store, places[2])
    for box in LOOKED_FOR:
        for values, found in (
            (whole, search(find, box, limit=200)),
            (theirs, search(find, box, key_of(party), limit=200)),
            (latest(store, places[0]), search(find, box, collection=places[0].id, limit=200)),
            (latest(store, places[2]), search(find, box, collection=places[2].id, limit=200)),
        ):
            wanted = sorted(value["id"] for value in values if box in said(value))
            assert sorted(ids(found)) == wanted, box
            assert found.total == Count(len(wanted))
            assert sum(one.count.number for one in found.types) == len(wanted)
    every = [json.loads(raw) for one in places[:2] for raw in held(store, one)]
    assert search(find, "versions:all harbour", limit=200).total.number >= len(
        [value for value in every if "harbour" in said(value)]
    )
    assert find(ORGANISATION, Query(limit=200)).total.number == len(whole)


@given(steps)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_search_finds_what_is_there(model_store: Store, plan: list[Any]) -> None:
    store = model_store
    run = f"{next(_runs):08x}"
    party = f"identity--{run}-0000-4000-8000-000000000000"
    places = [
        Collections(store).add(f"own {run}"),
        collection(store, Kind.RECEIVED, f"received {run}", party=party),
        released(store, f"released {run}", party=party),
    ]
    find = Find(store)
    for step in plan:
        if step[0] == "put":
            _, number, where, one, two, version = step
            kind = "tool" if number % 2 else "malware"
            own = {"id": f"{kind}--{run}-0000-4000-8000-{number:012d}", "name": one, "description": two,
                   "modified": f"2024-01-01T00:00:0{version}.000Z"}  # fmt: skip
            append(store, places[where], incoming(sdo("tool", **own) if number % 2 else malware(**own)))
        elif step[0] == "take":
            _, number, where, last = step
            kind = "tool" if number % 2 else "malware"
            name = f"{kind}--{run}-0000-4000-8000-{number:012d}"
            remove(store, places[where], name, Selection(versions=LAST if last else ALL))
        elif step[0] == "tick":
            find.tick()
        else:
            check(store, find, places, party)
    check(store, find, places, party)
    find.tick()
    find.index.sweep(seconds=10)
    check(store, find, places, party)
    for where in places:
        for value in latest(store, where):
            remove(store, where, value["id"])
    assert search(find, "").total == Count(0)
