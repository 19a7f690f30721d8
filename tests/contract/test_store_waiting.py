"""What waits for people, in pages, on both backends: nothing is missed, nothing repeats, a look writes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.gate import ANALYST, RELEASER, SECOND, Bench, made, malware, party_id
from support.recalling import Recalling
from support.sighting import Sighting
from support.stix import text
from titian.core.arrival import Arrival
from titian.core.gate import State
from titian.core.recall import State as RecallState
from titian.core.recall_objects import Reason
from titian.core.tlp import Tlp
from titian.exchange.glance import Caution

JAPAN, RUSSIA = party_id("japan"), party_id("russia")
OPEN = (State.WAITING, State.STANDING)


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    """A node with an agreement ``jp`` with Japan, and ``ru`` with Russia."""
    bench = new_bench()
    bench.agree("jp", JAPAN)
    bench.agree("ru", RUSSIA, ceiling="green")
    return bench


def test_requests_come_newest_first_in_pages(bench: Bench) -> None:
    held = bench.hold(*(malware(f"Number {number}", tlp=Tlp.AMBER) for number in range(7)))
    made_ids = []
    for number, one in enumerate(held):
        bench.clock.now += (number % 2) * SECOND
        made_ids.append(bench.node.release.request(ANALYST, [one], "jp", reason="why").request.id)
    bench.node.release.refuse(RELEASER, made_ids[0], "no")
    seen, after = [], ""
    while True:
        found = bench.node.waiting.requests(OPEN, after=after, limit=2)
        seen += found.items
        after = found.next
        if not after:
            break
    assert {one.id for one in seen} == {*made_ids[1:]}
    assert len(seen) == 6
    assert [(one.created, one.id) for one in seen] == sorted(((one.created, one.id) for one in seen), reverse=True)
    (refused,) = bench.node.waiting.requests([State.REFUSED]).items
    assert (refused.id, refused.reason, refused.why) == (made_ids[0], "why", "no")


def test_recalls_come_with_their_recipients(bench: Bench) -> None:
    held = bench.hold(*(malware(f"Number {number}", tlp=Tlp.GREEN) for number in range(3)))
    bench.release(*held, to="jp")
    recalling = Recalling(bench)
    for one in held:
        bench.clock.now += SECOND
        recalling.recall(one)
    first = bench.node.waiting.sent([RecallState.SENT], limit=2)
    rest = bench.node.waiting.sent([RecallState.SENT], after=first.next, limit=2)
    assert [one.objects for one in (*first.items, *rest.items)] == [1, 1, 1]
    assert rest.next == ""
    assert len({one.recall.id for one in (*first.items, *rest.items)}) == 3
    assert bench.node.waiting.sent([RecallState.PROPOSED]).items == ()
    assert bench.node.waiting.received().items == ()


def test_the_quarantine_is_filtered_and_paged(bench: Bench) -> None:
    sighting = Sighting(bench)
    for alias, under, count in (("japan", "jp", 5), ("russia", "ru", 3)):
        subscription = sighting.subscription(alias, under)
        arrival = Arrival(
            subscription=subscription.id, collection=subscription.collection, received=bench.clock.now,
            party=party_id(alias), remote="theirs", count=0, digest=b"",
        )  # fmt: skip
        raws = [text(malware(f"{alias} {number}", by=party_id(alias))) for number in range(count)]
        bench.node.arrive.arrive(arrival, sighting.agreement(under), [*raws, b'{"type": "malware"}'])
    waiting = bench.node.waiting

    def numbers(**more: str) -> list[int]:
        found, after = list[int](), ""
        while True:
            page = waiting.quarantine(after=after, limit=2, **more)  # type: ignore[arg-type]
            found += [one.num for one in page.items]
            after = page.next
            if not after:
                return found

    assert numbers() == [one.num for one in bench.node.arrive.quarantine()]
    assert waiting.count_quarantined() == len(numbers()) == 10
    assert len(numbers(party=RUSSIA)) == 4
    assert len(numbers(code="unmarked")) == 8
    assert len(numbers(code="invalid", party=JAPAN)) == 1
    first = numbers()[0]
    bench.node.arrive.reject(ANALYST, str(first), "no")
    (rejected,) = waiting.quarantine(waiting=False).items
    assert (rejected.num, rejected.why) == (first, "no")


def test_a_look_writes_nothing_and_counts_everything(bench: Bench) -> None:
    held = bench.hold(*(malware(f"Number {number}", tlp=Tlp.GREEN) for number in range(90)))
    bare = bench.hold(malware("Bare"), made("identity", name="Person One", identity_class="individual", tlp=Tlp.GREEN))
    look = bench.node.glance.preview([*held, *bare], "jp")
    (side,) = look.sides
    assert (side.sees, side.withheld, len(side.goes)) == (91, 2, 60)
    assert {one.caution for one in look.warned} == {Caution.UNMARKED, Caution.UNPURPOSED}
    assert bench.released() == []
    assert bench.node.release.requests() == []
    assert bench.node.glance.preview([*held, *bare], "jp").mark == look.mark
    assert bench.node.glance.preview(held, "jp").mark != look.mark
    assert bench.node.glance.weight(held) == 90


def test_the_consequences_of_a_recall_are_those_that_it_has(bench: Bench) -> None:
    held = bench.hold(*(malware(f"Number {number}", tlp=Tlp.GREEN) for number in range(2)))
    bench.release(*held, to="jp")
    bench.release(held[0], to="ru")
    told = {one.party: one.taken for one in bench.node.glance.recall(held)}
    assert told == {JAPAN: 2, RUSSIA: 1}
    assert bench.names("japan") == {"Number 0", "Number 1"}
    recalls = bench.node.recalls.recall(ANALYST, held, reason=Reason.LEGAL, deadline=bench.clock.now + SECOND)
    assert {each.party: len(each.taken) for one in recalls for each in one.recipients} == told
