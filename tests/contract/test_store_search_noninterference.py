"""Law 1 for finding and reading: what a party's key is answered does not depend on anything that is withheld from it.

Two stores hold the same in what is released to a party, and whatever else in everything else. Every answer is the same,
cursors, counts, facets and errors included, and so is the work: the same rows of the index are read.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_support import NOWHERE, OTHER, PARTY, SECOND, collection, key_of, released
from store_support import START, Clock, append, incoming, remove, set_up

from support.stix import Object, malware, sdo
from titian.core.collection import Collection, Kind
from titian.core.errors import TitianError
from titian.core.search import Dated, Query, read_query
from titian.store.admin import Collections
from titian.store.reading import Reading
from titian.store.search import Find
from titian.store.search_bits import unpack
from titian.store.store import Store

WORDS = ("ferry", "harbour", "攻撃", "повестка", "lừa đảo", "bridge 198.51.100.7")
BOXES = ("", "ferry", "fer", "harb", "攻撃", "повестк", "lua dao", "198.51.100.7", '"ferry harbour"', "type:tool",
         "nothing", "versions:all ferry", "since:2024-01-01T00:00:01Z ferry", "tlp:none")  # fmt: skip

_places = itertools.count()


class Side:
    """One store: two collections that are released to the party, and three that it may not know of."""

    def __init__(self, store: Store, party: str = PARTY) -> None:
        self.store = store
        self.party = party
        number = next(_places)
        self.shown = [
            released(store, f"to them {number}", party=party),
            released(store, f"also {number}", party=party, agreement="agreement--2"),
        ]
        self.hidden: list[Collection] = []

    def hide(self) -> None:
        """Make what the other side does not even have."""
        number = next(_places)
        self.hidden = [
            Collections(self.store).add(f"own {number}"),
            released(self.store, f"to others {number}", party=OTHER),
            collection(self.store, Kind.RECEIVED, f"inbox {number}", party=self.party, agreement="agreement--1"),
        ]

    def find(self) -> tuple[Find, Reading]:
        find = Find(self.store)
        return find, Reading(self.store, find)

    def answers(self, known: Sequence[str]) -> list[str]:
        """Everything that the party can be told, as text."""
        find, reading = self.find()
        party = key_of(self.party)
        told: list[Any] = []

        def ask(what: Callable[[], Any]) -> None:
            try:
                told.append(what())
            except TitianError as error:
                told.append((type(error), str(error), error.advice))

        for box in BOXES:
            after = None
            for _ in range(4):
                query = read_query(box, Query(limit=3, after=after))
                found = find(party, query)
                # A cursor names collections that the party knows, and is as long as any other.
                shown = None if found.next is None else base64.urlsafe_b64decode(found.next + "==").decode()
                told.append(msgspec.structs.replace(found, next=shown))
                after = found.next
                if after is None:
                    break
        for more in ({"collection": NOWHERE}, {"agreement": "agreement--1"}, {"collection": self.shown[0].id},
                     {"party": PARTY}, {"party": OTHER}, {"since": START, "dated": Dated.ADDED}):  # fmt: skip
            told.append(find(party, Query(**more)))
        for identifier in known:
            ask(lambda one=identifier: reading.object(party, one))
            ask(lambda one=identifier: reading.neighbours(party, one))
            ask(lambda one=identifier: reading.timeline(party, one))
            ask(lambda one=identifier: reading.translations(party, one))
            ask(lambda one=identifier: reading.sightings(party, one))
        told += [reading.recent(party), reading.counts(party), reading.names(party, known)]
        text = [repr(one) for one in told]
        for number, shown in enumerate(self.shown):
            text = [one.replace(shown.id, f"SHOWN{number}").replace(shown.name, f"NAME{number}") for one in text]
        return text


things = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(WORDS),
        st.sampled_from(WORDS),
        st.integers(0, 1),
        st.booleans(),
        st.integers(1, 3),
    ),
    max_size=6,
)
"""Which object, two words of it, into which collection, whether it is a tool, and which version."""


def values(run: str, chosen: Sequence[tuple[int, str, str, int, bool, int]]) -> list[tuple[int, Object]]:
    made = []
    for number, one, two, where, tool, version in chosen:
        kind = "tool" if tool else "malware"
        identifier = f"{kind}--{run}-0000-4000-8000-{number:012d}"
        about = f"{kind}--{run}-0000-4000-8000-{(number + 1) % 8:012d}"
        own = {"id": identifier, "name": f"{one} {number}", "description": f"{one} {two} v{version}",
               "modified": f"2024-01-01T00:00:0{version}.000Z", "x_about_ref": about}  # fmt: skip
        made.append((where, sdo("tool", **own) if tool else malware(**own)))
    return made


@pytest.fixture(scope="module")
def stores(lasting_url: Callable[[], str]) -> Any:
    """Two stores with the same secret and clock."""
    made = [set_up(lasting_url(), Clock()) for _ in range(2)]
    yield made
    for store in made:
        store.close()


@given(shown=things, hidden=things, gone=st.sets(st.integers(0, 7), max_size=3), early=st.booleans())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_withheld_changes_no_answer(
    stores: list[Store], shown: Any, hidden: Any, gone: set[int], early: bool
) -> None:
    run = f"{next(_places):08x}"
    sides = [Side(store, f"identity--{run}-0000-4000-8000-000000000000") for store in stores]
    for store in stores:
        assert isinstance(store.clock, Clock)
        store.clock.now += 1_000 * SECOND
    if early:
        sides[0].hide()
        _fill(sides[0], run, hidden, gone)
    known = [f"{kind}--{run}-0000-4000-8000-{n:012d}" for kind in ("malware", "tool") for n in range(8)]
    for side in sides:
        for where, value in values(run, shown):
            append(side.store, side.shown[where], incoming(value))
    if not early:
        sides[0].hide()
        _fill(sides[0], run, hidden, gone)
    other, alone = (side.answers([*known, "malware--1", "x" * 300, "\x00"]) for side in sides)
    assert [one.replace(sides[0].store.node.identity, "") for one in other] == alone
    for side in sides:
        for place in side.shown:
            for identifier in known:
                remove(side.store, place, identifier)


def _fill(side: Side, run: str, hidden: Any, gone: set[int]) -> None:
    """Put the same identifiers, with other words, where the party may not look, and take some out."""
    for number, where in enumerate(side.hidden):
        for _, value in values(run, hidden):
            changed = value | {"description": f"{value['description']} hidden{number}", "labels": ["ferry", "harbour"]}
            append(side.store, where, incoming(changed))
        Find(side.store).tick()
        for one in gone:
            for kind in ("malware", "tool"):
                remove(side.store, where, f"{kind}--{run}-0000-4000-8000-{one:012d}")


def test_the_comparison_sees_a_difference(stores: list[Store]) -> None:
    """The law above can fail: what is in the party's own collection shows."""
    sides = [Side(store) for store in stores]
    append(sides[0].store, sides[0].shown[0], incoming(malware(name="ferry")))
    one, two = (side.answers([]) for side in sides)
    assert one != two


def test_the_work_is_the_same_too(new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes of time: a search of a party reads as many sets of the index, of the same sizes, whatever else is
    held. A million words that others have do not widen a word of theirs, nor make it partial."""
    read: list[int] = []
    found = []
    for crowd in (0, 2_000):
        store = set_up(new_url(), Clock())
        side = Side(store)
        side.hide()
        append(store, side.shown[0], *(incoming(malware(name=f"ferry harbour{n}")) for n in range(20)))
        append(store, side.hidden[0], *(incoming(malware(name=f"harbour{n}bay ferry")) for n in range(crowd)))
        find = Find(store)
        find.tick(60)
        sizes: list[int] = []
        monkeypatch.setattr("titian.store.search_postings.unpack", _counting(sizes))
        answer = find(key_of(), read_query("harbo ferry"))
        monkeypatch.undo()
        read.append(sum(sizes))
        found.append((answer.total, answer.partial, answer.types, len(answer.hits)))
        store.close()
    assert read[0] == read[1] > 0
    assert found[0] == found[1]
    assert not found[0][1]


def _counting(sizes: list[int]) -> Callable[[bytes], int]:
    def counted(data: bytes) -> int:
        sizes.append(len(data))
        return unpack(data)

    return counted
