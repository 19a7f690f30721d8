"""What a partner sends that it should not, and what goes back to it on a bad line (laws 2, 3, 4 and 8).

What the agreement does not cover is in the quarantine with its bytes; nothing is dropped, and nothing is taken in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faulty import (
    AGREEMENT,
    ANALYST,
    DAY,
    MINUTE,
    PAGE,
    RECEIVER,
    Closer,
    NewReceiver,
    Pair,
    Sender,
    hold,
    let_go,
    malware,
    party,
    receivers,
    released,
)
from support.proxy import PASS, Fault, Proxy
from support.stix import text
from titian.core.errors import TitianError
from titian.core.tlp import Tlp
from titian.exchange.agree import By
from titian.node import open_node
from titian.wire.outbound_limits import Limits

OBJECTS = "/objects/"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The sender that all tests here share; each has a receiver of its own."""
    return Pair.at(tmp_path_factory.mktemp("bridge"))


@pytest.fixture(scope="module")
def sender(pair: Pair) -> Iterator[Sender]:
    served = Sender(pair.sender).serve()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def closer() -> Iterator[Closer]:
    kept = Closer()
    yield kept
    kept.end()


@pytest.fixture
def proxy(sender: Sender, closer: Closer) -> Iterator[Proxy]:
    between = Proxy(sender.port)
    yield between
    closer.close(between)


@pytest.fixture
def new_receiver(pair: Pair, proxy: Proxy, tmp_path: Path) -> Iterator[NewReceiver]:
    """Makes a receiver that has subscribed through the proxy, and has pulled nothing yet."""
    with receivers(pair, proxy.url, tmp_path) as make:
        yield make


# What the agreement does not cover


def adding(*raws: bytes) -> Fault:
    """The page with more objects at its end."""

    def changed(body: bytes) -> bytes:
        start, mark, end = body.rpartition(b"]")
        assert mark
        return start + b"," + b",".join(raws) + mark + end

    return Fault(body=changed)


STRANGE = "marking-definition--b3fe3c31-1f4f-4b0e-9d4d-3d2c9a6f3f01"
UNFIT: dict[str, tuple[bytes, str]] = {
    "unmarked": (text(malware("unmarked", tlp=None)), "unmarked"),
    "tlp-red": (text(malware("red", tlp=Tlp.RED)), "outside-agreement"),
    "amber-strict": (text(malware("strict", tlp=Tlp.AMBER_STRICT)), "outside-agreement"),
    "claims-ours": (text(malware("ours", by=RECEIVER)), "claims-ours"),
    "unknown-marking": (
        text(malware("strange") | {"object_marking_refs": [STRANGE]}),
        "unknown-marking",
    ),
    "invalid-stix": (text(malware("bad") | {"is_family": "perhaps"}), "invalid"),
    "no-identifier": (b'{"type":"malware","name":"no id"}', "invalid"),
    "malformed": (b'{"type":"malware","name":nul}', "invalid"),
    "not-utf-8": (b'{"type":"malware","name":"\xff\xfe"}', "invalid"),
    "no-object": (b"[1,2,3]", "invalid"),
    "a-number": (b"17", "invalid"),
    "deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, "invalid"),
}


@pytest.mark.parametrize(("raw", "doubt"), UNFIT.values(), ids=UNFIT)
def test_what_the_agreement_does_not_cover_is_kept_apart_with_its_bytes(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, raw: bytes, doubt: str
) -> None:
    receiver = new_receiver()
    proxy.plan(PASS, adding(raw), match=OBJECTS)
    ran = receiver.run()
    whole = released(pair.sender, pair.collection)
    assert ran.error is None
    assert receiver.held() == whole
    [aside] = receiver.quarantine()
    assert aside.reason.startswith(f"{doubt}: ")
    assert aside.party == party("bnpt")
    assert receiver.node.arrive.find(str(aside.num))[1] == raw
    assert ran.arrived.read == len(whole) + 1
    assert (ran.arrived.accepted, ran.arrived.quarantined) == (len(whole), 1)
    receiver.adds_up()
    # Said again, it is not kept twice.
    proxy.plan(Fault(body=lambda _: b'{"objects":[' + raw + b"]}"), match=OBJECTS)
    assert receiver.run().error is None
    assert len(receiver.quarantine()) == 1
    assert receiver.held() == whole
    receiver.adds_up()


def test_what_nobody_recorded_sending_is_a_gap_that_is_told(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()
    proxy.plan(PASS, adding(text(malware("slipped in"))), match=OBJECTS)
    assert receiver.run().error is None
    receiver.offset = 5 * MINUTE
    ran = receiver.run()
    assert any(f"no record of page 2 with {PAGE + 1} objects" in what for what in ran.findings)
    assert any("no record of page 2" in gap.what for gap in receiver.progress.gaps)


def test_what_was_left_out_on_the_way_is_a_gap_that_is_told(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()

    def without_the_last(body: bytes) -> bytes:
        page = json.loads(body)
        page["objects"].pop()
        return text(page)

    proxy.plan(PASS, Fault(body=without_the_last), match=OBJECTS)
    assert receiver.run().error is None
    whole = released(pair.sender, pair.collection)
    assert len(receiver.held()) == len(whole) - 1
    receiver.offset = 5 * MINUTE
    told = [*receiver.progress.gaps, *receiver.run().findings]
    assert told, "an object is missing, and nobody is told"


def test_another_content_under_a_known_version_never_takes_its_place(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()
    whole = released(pair.sender, pair.collection)
    known = next(one for one in map(json.loads, whole) if one["type"] == "malware")
    other = text(known | {"name": "told otherwise"})
    proxy.plan(PASS, adding(other), match=OBJECTS)
    ran = receiver.run()
    assert ran.error is None
    assert receiver.held() == whole
    [aside] = receiver.quarantine()
    assert receiver.node.arrive.find(str(aside.num))[1] == other
    assert ran.arrived.reasons == {"conflict": 1}
    receiver.adds_up()
    with pytest.raises(TitianError, match="Another content is held"):
        receiver.node.arrive.accept(ANALYST, str(aside.num), "no matter")


def test_what_is_over_the_quota_waits_and_the_rest_comes_tomorrow(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    whole = released(pair.sender, pair.collection)
    quota = PAGE + 10
    receiver = new_receiver(quota=quota)
    ran = receiver.run()
    assert ran.error is not None
    assert "all that is taken in a day" in ran.error
    waiting = receiver.quarantine()
    assert receiver.held() == whole[:quota]
    assert {one.reason.partition(":")[0] for one in waiting} == {"over-quota"}
    assert [receiver.node.arrive.find(str(one.num))[1] for one in waiting] == whole[quota : 2 * PAGE]
    receiver.adds_up()
    receiver.offset = DAY
    assert receiver.run().error is None
    # A pull goes on a moment before the last object that came: that one is sent again.
    assert receiver.held() == whole[:quota] + whole[2 * PAGE - 1 :]
    for one in waiting:
        receiver.node.arrive.accept(ANALYST, str(one.num), "it was only much")
    assert sorted(receiver.held()) == sorted(whole)


def test_a_partner_that_is_not_in_the_agreement_any_more_is_kept_apart(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()
    proxy.plan(PASS, match=OBJECTS)
    proxy.always(Fault(status=503), match=OBJECTS)
    receiver.run()
    held = receiver.held()
    receiver.node.agreements.end(AGREEMENT, By(person="person-5", why="it is over"))
    proxy.heal()
    ran = receiver.run()
    assert receiver.held() == held
    if ran.error is None:
        assert {one.reason.partition(":")[0] for one in receiver.quarantine()} == {"outside-agreement"}
    receiver.adds_up()


# What goes back


ANSWERS = {
    "gone-before-the-answer": Fault(cut=-1),
    "reset-in-the-answer": Fault(cut=5, reset=True),
    "503": Fault(status=503),
    "black-hole": Fault(black_hole=True),
    "404": Fault(status=404),
}
WAITING = Limits(attempts=1, read_seconds=1.0, request_seconds=3.0, body_bytes=1 << 20)


@pytest.mark.parametrize("fault", ANSWERS.values(), ids=ANSWERS)
def test_what_goes_back_over_a_bad_line_arrives_once(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, fault: Fault
) -> None:
    receiver = new_receiver(WAITING)
    assert receiver.run().error is None
    receiver.node.collections.add("Reports")
    ids = hold(receiver.node, *(malware(f"answer {number}", by=RECEIVER) for number in range(3)))
    let_go(receiver.node, ids)
    proxy.always(fault, match="POST /taxii2/")
    ran = receiver.run()
    assert proxy.faults
    assert ran.error is not None
    assert receiver.progress.pushed == 0
    assert arrived(pair.sender, ids) in ([], sorted(ids))
    proxy.heal()
    ran = receiver.run()
    assert (ran.error, ran.refused) == (None, [])
    assert arrived(pair.sender, ids) == sorted(ids)
    assert receiver.run().sent == 0


def arrived(home: Path, ids: list[str]) -> list[str]:
    """Which of some objects are in an inbox of a node, each as often as it is there."""
    with open_node(home, environment={}) as node:
        inboxes = [one.collection for one in node.collections.list() if one.collection.is_inbox]
        raws = [raw for inbox in inboxes for raw in node.exchange.objects(inbox, every_version=True)]
        assert node.arrive.quarantine() == []
    return sorted(found for found in (json.loads(raw)["id"] for raw in raws) if found in ids)
