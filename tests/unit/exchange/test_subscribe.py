"""How much a pull asks of the partner, and that what it does not ask again hides nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.bridge import A, B, Bridge, changed_json, on
from support.stix import text
from titian.core.arrival import Arrival
from titian.core.merkle import TreeHead
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.subscribe import Ran
from titian.store.gate import StoreSession
from titian.wire.peer_link import Connector

IDLE = ["objects", "checkpoint"]
PAGE = ["objects", "listing", "checkpoint", "tiles", "opened", "cosignature"]
_KINDS = {
    "discovery": r"/taxii2/$", "root": r"/api/$", "collections": r"/collections/$", "objects": r"/objects/",
    "listing": r"/ledger/$", "checkpoint": r"/checkpoint$", "tiles": r"/tile/", "opened": r"/opened",
    "cosignature": r"/cosignatures$",
}  # fmt: skip


def kind(asked: str) -> str:
    return next(name for name, pattern in _KINDS.items() if re.search(pattern, asked))


class Pulls:
    """B has subscribed to what A released to it, has pulled it, and now nothing changes any more."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        bridge.a.release("one", "two")
        self.id = bridge.subscribe(bridge.b, bridge.a).id
        self.start_anew()
        for _ in range(2):
            ran, _ = self.run()
            assert ran.error is None
        # What was handed over just now is in the checkpoint after the next.
        self.sealed()

    def start_anew(self) -> None:
        """Have B's process know nothing but what its store says."""
        transport = httpx.MockTransport(self.bridge._answer)
        subscribe = self.bridge.b.node.subscribe
        subscribe._connect = Connector(transport=transport, sleep=lambda _: None)
        subscribe._looks.clear()

    def sealed(self) -> None:
        self.bridge.a.node.ledgers.seal_all()
        self.run()

    def run(self, seconds: float = 60) -> tuple[Ran, list[str]]:
        """Pull once; what came of it, and what was asked."""
        self.bridge.later(seconds)
        self.bridge.a.asked.clear()
        ran = self.bridge.b.node.subscribe.run(self.id)
        assert ran is not None
        return ran, [kind(one) for one in self.bridge.a.asked]


@pytest.fixture
def pulls(tmp_path: Path) -> Iterator[Pulls]:
    with Bridge(tmp_path, A, B) as bridge:
        yield Pulls(bridge)


def test_an_idle_pull_asks_for_new_objects_and_for_the_checkpoint(pulls: Pulls) -> None:
    for _ in range(3):
        ran, asked = pulls.run()
        assert (ran.error, ran.findings, asked) == (None, [], IDLE)


def test_a_process_that_starts_finds_its_way_once(pulls: Pulls) -> None:
    pulls.start_anew()
    assert pulls.run()[1] == ["discovery", "collections", "objects", "listing", "checkpoint"]
    assert pulls.run()[1] == IDLE


def test_a_pull_that_brings_a_page_looks_at_everything_that_can_have_changed(pulls: Pulls) -> None:
    pulls.bridge.a.release("three")
    ran, asked = pulls.run()
    assert (ran.error, ran.arrived.accepted) == (None, 1)
    assert asked == PAGE
    # The ledger goes on where it was left: nothing but what is new in it is asked for.
    pulls.bridge.a.node.ledgers.seal_all()
    ran, asked = pulls.run()
    assert (ran.error, ran.findings) == (None, [])
    assert set(asked) <= {*IDLE, "tiles", "opened", "cosignature"}
    assert pulls.run()[1] == IDLE
    assert pulls.bridge.verify(pulls.bridge.b, pulls.bridge.a) is None


def test_what_did_not_change_is_cosigned_again_after_ten_minutes_under_a_new_listing(pulls: Pulls) -> None:
    pulls.run()
    ran, asked = pulls.run(seconds=600)
    assert ran.error is None
    assert asked == ["objects", "listing", "checkpoint", "opened", "cosignature"]
    assert pulls.run()[1] == IDLE


def test_what_goes_back_needs_no_listing(pulls: Pulls, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = text(pulls.bridge.b.made("back")[0])
    monkeypatch.setattr(pulls.bridge.b.node.subscribe, "_back", _Back([raw]))
    ran, _ = pulls.run()
    sent = [one for one in pulls.bridge.a.asked if one.startswith("POST") and "/objects/" in one]
    assert (ran.error, ran.sent, len(sent)) == (None, 1, 1)
    assert not any(re.search(_KINDS["listing"], one) for one in pulls.bridge.a.asked)


class _Back:
    def __init__(self, objects: list[bytes]) -> None:
        self.objects = objects

    def waiting(self, agreement: str, party: str, after: int) -> Iterator[tuple[list[bytes], int]]:
        yield self.objects, after + 1


# Nothing is hidden by it


@pytest.mark.parametrize("listing", [
    lambda body: body | {"ledgers": []},
    lambda body: body | {"ledgers": [one | {"collection": None, "agreement": None} for one in body["ledgers"]]},
], ids=["none", "of-nothing"])  # fmt: skip
@pytest.mark.parametrize("page", [True, False], ids=["with-a-page", "at-the-next-cosigning"])
def test_a_ledger_that_is_listed_no_more_is_missed(pulls: Pulls, listing: Callable[[Any], Any], page: bool) -> None:
    pulls.bridge.a.tamper = on("/ledger/", _listing(listing))
    if page:
        pulls.bridge.a.release("three")
    ran, _ = pulls.run(seconds=60 if page else 600)
    assert ran.error is not None
    assert "does not show its ledger" in ran.error


def _listing(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    changed = changed_json(change)
    return lambda body: changed(body) if body.startswith(b'{"ledgers"') else body


def test_an_idle_pull_sees_a_history_that_was_changed(pulls: Pulls) -> None:
    held = pulls.bridge.b.node.peer_ledgers.all()[0].head
    forged = pulls.bridge.a.sign(TreeHead(held.size, bytes(32)))
    pulls.bridge.a.tamper = on("/checkpoint", lambda _: forged)
    ran, asked = pulls.run()
    assert asked[:2] == IDLE
    assert ran.error is not None
    assert "is not what it was" in ran.error
    assert pulls.bridge.b.evidence() != []


def test_an_idle_pull_sees_a_ledger_that_shrank_and_one_that_is_gone(pulls: Pulls) -> None:
    forged = pulls.bridge.a.sign(TreeHead(1, bytes(32)))
    pulls.bridge.a.tamper = lambda request, _: (
        httpx.Response(404, request=request) if "/checkpoint" in str(request.url) else None
    )
    ran, _ = pulls.run()
    assert ran.error is not None
    pulls.bridge.a.tamper = on("/checkpoint", lambda _: forged)
    ran, asked = pulls.run()
    assert "listing" in asked, "after what failed everything is asked anew"
    assert ran.error is not None
    assert "is not what it was" in ran.error


def test_an_idle_pull_finds_a_page_that_no_entry_records(pulls: Pulls) -> None:
    book, b = pulls.bridge.b.node.subscribe._book, pulls.bridge.b.node
    (found,) = b.subscribe.list()
    page = Arrival(subscription=found.id, collection=found.collection, received=book.now(), party=found.terms.party,
                   remote=found.terms.remote, count=1, digest=bytes(32))  # fmt: skip
    kept = b.arrive._arrivals.keep(page, [text(pulls.bridge.a.made("unrecorded")[0])])
    b.arrive.judge(kept, found.terms.agreement)
    assert pulls.run()[0].findings == [], "its record may be a minute behind"
    ran, asked = pulls.run(seconds=121)
    assert asked == IDLE
    assert "no record of page" in ran.findings[0]


def test_a_halted_ledger_is_listed_at_every_pull(pulls: Pulls) -> None:
    pulls.bridge.a.tamper = on("/ledger/", _listing(lambda body: body | {
        "ledgers": [one | {"halted": True} for one in body["ledgers"]]}))  # fmt: skip
    pulls.run(seconds=600)
    ran, asked = pulls.run()
    assert ran.error is None
    assert asked == ["objects", "listing", "checkpoint"]


# What markings mean


def test_only_what_a_page_bears_is_looked_up(pulls: Pulls, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: StoreSession) -> None:
        raise AssertionError("every marking definition is read")

    monkeypatch.setattr(StoreSession, "definitions", never)
    pulls.bridge.a.release("three")
    ran, _ = pulls.run()
    assert (ran.error, ran.arrived.accepted, ran.arrived.quarantined) == (None, 1, 0)


def test_a_marking_is_understood_that_is_held_or_comes_along_and_no_other(pulls: Pulls) -> None:
    a, b = pulls.bridge.a, pulls.bridge.b
    held, along, unknown = (definition(number) for number in range(3))
    green = TLP_IDS[Tlp.GREEN]
    (one, two, three, four) = (
        a.made(name, object_marking_refs=[green, *marks])[0]
        for name, marks in (("one", [held["id"]]), ("two", [along["id"]]), ("three", [unknown["id"]]), ("four", []))
    )
    assert judged(pulls, [held]) == []
    # What explains a marking may come behind what bears it.
    assert judged(pulls, [one, two, three, four, along]) == [three["id"]]
    assert unknown["id"] in b.node.arrive.quarantine()[-1].reason


def definition(number: int) -> dict[str, Any]:
    return {
        "type": "marking-definition", "spec_version": "2.1", "created": "2026-01-01T00:00:00.000Z",
        "id": f"marking-definition--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a1{number}", "definition_type": "statement",
        "definition": {"statement": f"Number {number}"},
    }  # fmt: skip


def judged(pulls: Pulls, objects: list[dict[str, Any]]) -> list[str]:
    """Have a page arrive, and judge it; what of it goes into the quarantine."""
    b = pulls.bridge.b.node
    before = len(b.arrive.quarantine())
    (found,) = b.subscribe.list()
    page = Arrival(subscription=found.id, collection=found.collection, received=1, party=found.terms.party,
                   remote=found.terms.remote, count=len(objects), digest=b"")  # fmt: skip
    kept = b.arrive._arrivals.keep(page, [text(one) for one in objects])
    b.arrive.judge(kept, found.terms.agreement)
    return [one.id for one in b.arrive.quarantine()[before:]]
