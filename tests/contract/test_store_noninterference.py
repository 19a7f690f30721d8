"""Law 1 between collections: what a writer gets back does not depend on what other collections hold.

Who may write to one collection and not read another must learn nothing of it by sending objects, and must not be
able to block it. So the same requests are made twice, once beside a collection full of rivals and once alone, under
ids that differ; but for these ids everything that comes back must be the same.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from store_support import (
    START,
    Clock,
    append,
    aside,
    book_of,
    check_invariants,
    held,
    incoming,
    page,
    raws,
    records,
    remove,
)

from support.stix import envelope, ipv4, malware, statement, text
from titian.core.access import Role
from titian.core.collection import ALL, Collection, Incoming, Outcome, Selection, Versions, timestamp
from titian.core.errors import NotFound
from titian.core.receipt import Receipt
from titian.exchange.receive import Receive, split
from titian.store.admin import Collections, Keys
from titian.store.committer import Committer
from titian.store.intake import StoreIntake
from titian.store.store import Store
from titian.store.view import Partners, PartnerView

SECONDS = 10.0
KINDS = ("malware", "tool", "x-thing", "ipv4-addr")
VERSIONS = (1_000, 2_000, 2_001)
_runs = itertools.count()


@dataclass(frozen=True)
class Sent:
    """One object of a request, but for its id: which object, which version, which content, how it is spelled."""

    name: int
    version: int
    content: int
    indent: int | None

    def item(self, run: str) -> Incoming:
        kind = KINDS[self.name]
        identifier = f"{kind}--{run}{self.name}"
        version = None if kind == "ipv4-addr" else self.version
        value = {"type": kind, "id": identifier, "v": version, "c": self.content}
        raw = json.dumps(value, indent=self.indent).encode()
        return Incoming(identifier, kind, version, raw, None if version is None else timestamp(version))


sent = st.builds(
    Sent, st.integers(0, len(KINDS) - 1), st.sampled_from(VERSIONS), st.integers(0, 1), st.sampled_from((None, 1))
)
batches = st.lists(st.lists(sent, min_size=1, max_size=6), max_size=5)
removals = st.lists(st.integers(0, len(KINDS) - 1), max_size=3)


class Side:
    """A collection under test, beside another one, and every id of them that starts with ``run``."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.run = f"{next(_runs):08x}-"
        collections = Collections(store)
        self.mine = collections.add(f"mine {self.run}")
        self.other = collections.add(f"other {self.run}")

    def send(self, where: Collection, batch: list[Sent]) -> list[Any]:
        outcomes = append(self.store, where, *(each.item(self.run) for each in batch))
        return [(each.id, each.version, each.outcome) for each in outcomes]

    def fill_the_other(self, batches: list[list[Sent]], gone: list[int]) -> None:
        for batch in batches:
            self.send(self.other, batch)
        for name in gone:
            remove(self.store, self.other, f"{KINDS[name]}--{self.run}{name}")

    def told(self, requests: list[list[Sent]], gone: list[int], between: Callable[[], None]) -> list[str]:
        """Everything that somebody gets back who has every right in the collection, and none beside it."""
        found: list[Any] = []
        self.clock.now = START + 1_000_000
        for request in requests:
            found.append(self.send(self.mine, request))
            found.append(records(self.store, self.mine))
            between()
            self.clock.now = START + 1_000_000 + 17 * len(found)
        for name in gone:
            found.append(remove(self.store, self.mine, f"{KINDS[name]}--{self.run}{name}", Selection()))
            between()
        for selection in (
            Selection(),
            Selection(versions=ALL, limit=2),
            Selection(versions=Versions(last=False, first=True)),
            Selection(types=frozenset(KINDS[:2])),
            Selection(ids=frozenset(f"{kind}--{self.run}{name}" for name, kind in enumerate(KINDS))),
        ):
            read = page(self.store, self.mine, selection)
            found.append((raws(read), read.first, read.last, read.more))
        collection = Collections(self.store).find(self.mine.id)
        found.append((collection.generation, collection.last_added))
        # A run is as long as any other, so nothing but the ids themselves can differ.
        return [repr(each).replace(self.run, "RUN") for each in found]


@given(before=batches, during=batches, requests=batches.filter(bool), gone=removals, gone_there=removals)
@example(
    before=[[Sent(0, 1_000, 0, None), Sent(3, 1_000, 0, None)]],
    during=[],
    requests=[[Sent(0, 1_000, 1, None), Sent(3, 1_000, 1, None)]],
    gone=[],
    gone_there=[],
)
@example(
    before=[[Sent(0, 1_000, 0, 1), Sent(3, 1_000, 0, 1)]],
    during=[],
    requests=[[Sent(0, 1_000, 0, None), Sent(3, 1_000, 0, None)]],
    gone=[],
    gone_there=[],
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_comes_back_does_not_depend_on_other_collections(
    store: Store,
    clock: Clock,
    before: list[list[Sent]],
    during: list[list[Sent]],
    requests: list[list[Sent]],
    gone: list[int],
    gone_there: list[int],
) -> None:
    clock.now = START
    beside, alone = Side(store, clock), Side(store, clock)
    beside.fill_the_other(before, gone_there)
    still = iter(during)
    wanted = alone.told(requests, gone, lambda: None)
    assert beside.told(requests, gone, lambda: beside.fill_the_other([next(still, [])], [])) == wanted
    check_invariants(store, beside.mine, beside.other, alone.mine)


def test_the_comparison_sees_a_difference(store: Store, clock: Clock) -> None:
    """The law above can fail: rivals in the collection itself are noticed."""
    full, alone = Side(store, clock), Side(store, clock)
    full.send(full.mine, [Sent(0, 1_000, 0, None)])
    request = [[Sent(0, 1_000, 1, None)]]
    assert full.told(request, [], lambda: None) != alone.told(request, [], lambda: None)


OBJECTS = {
    "domain object": (lambda: malware(), {"name": "changed"}),
    "marking, created only": (lambda: statement("as it was"), {"definition": {"statement": "else"}}),
    "observable, without versions": (lambda: ipv4(f"198.51.{next(_runs) % 256}.9"), {"x_seen": 1}),
}


@pytest.fixture
def receive(store: Store, committer: Committer, clock: Clock) -> Receive:
    return Receive(StoreIntake(store, committer), clock)


def post(receive: Receive, where: Collection, *values: Any, deferred: bool) -> Receipt:
    """Send an envelope; the receipt without what is new in each."""
    body = envelope(*values)
    if not deferred:
        made = receive.now(where, split(body), source="key").result(SECONDS)
    else:
        made = receive.later(where, split(body), body, source="key").result(SECONDS)
        assert receive.work_off()
        whole = receive._intake.receipt(made.id, "key")  # type: ignore[attr-defined]
        assert whole is not None
        made = whole
    return msgspec.structs.replace(made, id="", received=0)


@pytest.mark.parametrize("deferred", [False, True], ids=["at once", "deferred"])
@pytest.mark.parametrize("what", OBJECTS)
@pytest.mark.parametrize("there", ["the same", "spelled anew", "another content", "nothing"])
def test_a_receipt_tells_nothing_of_another_collection(
    store: Store, receive: Receive, new_collection: Callable[[], Collection], what: str, there: str, deferred: bool
) -> None:
    """Whether it is held elsewhere is what an outsider with a writer's key would ask with a guessed id."""
    one, other = new_collection(), new_collection()
    make, change = OBJECTS[what]
    value = make()
    rival = {
        "the same": [text(value)],
        "spelled anew": [json.dumps(value, indent=2).encode()],
        "another content": [text(value | change)],
        "nothing": [],
    }[there]
    append(store, other, *map(incoming, rival))
    made = post(receive, one, value, deferred=deferred)
    assert (made.pending, made.failures) == (0, [])
    assert [(line.id, line.message) for line in made.successes] == [(value["id"], None)]
    if "created" in value:
        assert made.successes[0].version == value.get("modified", value["created"])
    assert held(store, one) == [text(value)]
    assert held(store, other) == rival


@pytest.mark.parametrize("what", OBJECTS)
def test_nobody_can_block_another_collection(
    store: Store, receive: Receive, new_collection: Callable[[], Collection], what: str
) -> None:
    """Who knows which id is about to be published elsewhere sends another content under it, first."""
    one, other = new_collection(), new_collection()
    make, change = OBJECTS[what]
    value = make()
    squatting = value | change
    for _ in range(2):
        assert post(receive, other, squatting, deferred=False).failures == []
    made = post(receive, one, value, value, deferred=False)
    assert [line.message for line in made.successes] == [None, "Already held, with the same content."]
    assert (held(store, one), held(store, other)) == ([text(value)], [text(squatting)])
    later = post(receive, other, value, deferred=False)
    assert len(later.failures) == 1, "in its own collection the squatter's own content binds"
    check_invariants(store, one, other)


def test_what_a_writer_gets_back_names_no_dispute(
    store: Store, receive: Receive, new_collection: Callable[[], Collection]
) -> None:
    """The dispute is for the node's people: the receipt is the one of an object that nobody else holds."""
    one, other = new_collection(), new_collection()
    value, alone = malware(), malware()
    append(store, other, incoming(value | {"name": "changed"}))
    made = post(receive, one, value, alone, deferred=False)
    assert [reason for _, reason, _ in aside(store, [value["id"]])] == ["dispute"]
    disputed, plain = made.successes
    assert msgspec.structs.replace(disputed, id="") == msgspec.structs.replace(plain, id="")


@pytest.fixture
def writers(
    store: Store, committer: Committer, new_collection: Callable[[], Collection]
) -> tuple[Collection, PartnerView, Collection]:
    """A collection, the view of a key for it alone, and another collection."""
    one, other = new_collection(), new_collection()
    _, secret = Keys(store).add(f"writer of one {one.num}", Role.WRITER, collection=one)
    view = Partners(store, committer, book_of(store)).view(secret)
    assert view is not None
    return one, view, other


def test_a_removal_finds_only_what_is_here(store: Store, writers: tuple[Collection, PartnerView, Collection]) -> None:
    one, view, other = writers
    item = incoming(malware())
    append(store, other, item)
    assert view.remove(one.id, item.id, Selection(versions=ALL)) == 0
    assert not view.read(one.id, lambda it: it.holds(item.id))
    with pytest.raises(NotFound):
        view.remove(other.id, item.id, Selection(versions=ALL))
    assert held(store, other) == [item.raw]


def test_a_conflict_shows_the_writers_own_version(store: Store, collection: Collection) -> None:
    """Not the spelling of the one that is held: the writer may have no right to read it."""
    held_as, sent_as = "2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00.000000Z"
    value = malware(modified=held_as)
    append(store, collection, incoming(value))
    (outcome,) = append(store, collection, incoming(value | {"modified": sent_as, "name": "changed"}))
    assert (outcome.outcome, outcome.version) == (Outcome.CONFLICT, sent_as)
