"""Private matching between two nodes, over their applications: what each learns, and what it does not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import msgspec
import pytest

from support.bridge import ANALYST, RELEASER, Bridge, C, Peer, Tamper
from support.gate import SECOND
from support.wallets import address, wallets
from titian.cli.demo_story import public_parties
from titian.core.access import Role
from titian.core.errors import Forbidden, PeerRefused, PeerUntrusted, Refused, Unavailable
from titian.core.extension_objects import make_observable
from titian.core.marking import Handling
from titian.core.matching import Mode, Offer, OfferState, RunState
from titian.core.people import Actor, Duty
from titian.core.recall import Reason
from titian.core.screening import ValueKind
from titian.core.tlp import Tlp
from titian.exchange.agree import By
from titian.exchange.mark import Wish
from titian.exchange.public_agreements import public_agreements
from titian.screen.matching import Wanted
from titian.screen.private import Variant, derive_key
from titian.screen.private.messages import Answer, Ready, read, write

AUDITOR = Actor("person-3", "Auditor One", Duty.AUDITOR)


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    """Two nodes that know wallets; the second has subscribed to the first."""
    with Bridge(tmp_path) as made:
        made.a.hold(*wallets(*range(1, 40)))
        made.b.hold(*wallets(*range(30, 60)))
        made.a.release("what opens the channel")
        made.subscribe(made.b, made.a)
        yield made


def wanted(other: Peer, **changes: Any) -> Wanted:
    return Wanted(**({"party": other.id, "kind": ValueKind.WALLET} | changes))


def offered(bridge: Bridge, **changes: Any) -> Offer:
    """An offer that stands: of notes a second person has decided."""
    made = bridge.a.node.match().offer(ANALYST, wanted(bridge.b, **changes))
    return bridge.a.node.match().approve(RELEASER, made.id) if made.terms.mode is Mode.LABELLED else made


def entries(peer: Peer) -> list[dict[str, Any]]:
    """What a ledger says of private matching."""
    desk = peer.node.ledger_desk
    found = [one.entry for one in desk.entries(peer.ledger().origin, limit=10_000)]
    return [dict(one.details) for one in found if one.kind == "match"]


COMMON = tuple(sorted(address(one) for one in range(30, 40)))


def test_each_learns_what_the_mode_tells(bridge: Bridge) -> None:
    offer = offered(bridge)
    assert (offer.state, offer.size) == (OfferState.STANDING, 39)
    found = bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    assert tuple(sorted(found.outcome.values)) == COMMON
    assert (found.run.asked, found.run.offered, found.run.common, found.run.state) == (30, 39, 10, RunState.DONE)
    # The offering side knows how many were asked, and no more.
    (run,) = bridge.a.node.matches.runs()
    assert (run.asked, run.common, run.state, run.ours) == (30, None, RunState.DONE, False)
    assert bridge.a.node.matches.outcome(run.id)[1] is None


def test_the_mode_mutual_tells_both(bridge: Bridge) -> None:
    offered(bridge, mode=Mode.MUTUAL)
    found = bridge.b.node.match().ask(ANALYST, wanted(bridge.a, mode=Mode.MUTUAL))
    assert tuple(sorted(found.outcome.values)) == COMMON
    (run,) = bridge.a.node.matches.runs()
    assert run.common == 10
    there = bridge.a.node.matches.outcome(run.id)[1]
    assert there is not None
    assert tuple(sorted(there.values)) == COMMON
    assert (there.ours, there.theirs) == (found.outcome.theirs, found.outcome.ours)


def test_the_mode_cardinality_tells_a_number(bridge: Bridge) -> None:
    offered(bridge, mode=Mode.CARDINALITY)
    found = bridge.b.node.match().ask(ANALYST, wanted(bridge.a, mode=Mode.CARDINALITY))
    assert (found.run.common, found.outcome.values) == (10, ())


def test_notes_are_read_of_hits_alone(bridge: Bridge) -> None:
    offered(bridge, mode=Mode.LABELLED)
    found = bridge.b.node.match().ask(ANALYST, wanted(bridge.a, mode=Mode.LABELLED), [address(5), address(99)])
    assert found.outcome.values == (address(5),)
    assert found.outcome.notes == (f"wallet: {address(5)}",)


def test_both_ledgers_say_how_much_and_never_what(bridge: Bridge) -> None:
    offered(bridge)
    bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    ours, theirs = entries(bridge.a), entries(bridge.b)
    assert [one["what"] for one in ours] == ["offered", "handed", "answered", "finished"]
    assert [one["what"] for one in theirs] == ["asked", "done"]
    assert (ours[2]["asked"], ours[2]["offered"]) == (theirs[0]["asked"], theirs[0]["offered"]) == (30, 39)
    # Both name the same run, and what was committed to: a dispute can be settled.
    assert ours[2]["run"] == theirs[0]["run"]
    assert ours[2]["commitment"] == theirs[0]["commitment"]
    said = msgspec.json.encode([ours, theirs]).decode()
    assert not any(address(one) in said for one in range(60))
    assert "common" not in said
    # The partner reads what concerns it in our ledger, and proves it.
    bridge.pull(bridge.b)
    assert bridge.verify(bridge.b, bridge.a) is None


def test_only_what_could_be_released_is_offered(bridge: Bridge) -> None:
    bridge.a.hold(*wallets(50, 51, tlp=Tlp.RED), make_observable("wallet", {"address": address(52)}))
    assert offered(bridge).size == 39
    found = bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    assert tuple(sorted(found.outcome.values)) == COMMON


def test_what_the_mode_mutual_tells_the_partner_goes_through_the_gate_too(bridge: Bridge) -> None:
    bridge.b.hold(*wallets(1, 2, tlp=Tlp.RED))
    offered(bridge, mode=Mode.MUTUAL)
    found = bridge.b.node.match().ask(ANALYST, wanted(bridge.a, mode=Mode.MUTUAL))
    assert tuple(sorted(found.outcome.values)) == COMMON
    given = [address(1), address(30), address(99)]
    again = bridge.b.node.match().ask(ANALYST, wanted(bridge.a, mode=Mode.MUTUAL), given)
    assert (again.outcome.values, again.outcome.left_out) == ((address(30),), 2)


def test_an_offer_that_holds_strict_values_waits_for_a_second_person(bridge: Bridge) -> None:
    strict = "indonesia-japan-terrorism"
    bridge.a.node.agreements.add(public_agreements()[strict].encode(), By(person="local:test", why="as agreed"))
    bridge.a.hold(*wallets(100, tlp=Tlp.AMBER))
    matching, key = bridge.a.node.match(), bridge.a.key_for(bridge.b)
    offer = offered(bridge, agreement=strict)
    assert offer.state is OfferState.WAITING
    assert [one.partition(" ")[2] for one in offer.needs] == [
        "Counter-Terrorism Dialogue asks for two persons for every release.",
        "is the first release to Ministry of Foreign Affairs of Japan.", "holds TLP:AMBER.",
    ]  # fmt: skip
    assert bridge.a.ask("/match/", key).json() == {"offers": []}
    with pytest.raises(Forbidden):
        matching.approve(ANALYST, offer.id)
    with pytest.raises(Forbidden, match="cannot decide"):
        matching.approve(Actor(ANALYST.id, "the same person", Duty.RELEASER), offer.id)
    matching.approve(RELEASER, offer.id, "as discussed")
    assert [one["id"] for one in bridge.a.ask("/match/", key).json()["offers"]] == [offer.id]
    with pytest.raises(Refused, match="standing already"):
        matching.approve(RELEASER, offer.id)


def test_who_may_not_release_may_not_offer_or_ask(bridge: Bridge) -> None:
    with pytest.raises(Forbidden):
        bridge.a.node.match().offer(AUDITOR, wanted(bridge.b))
    with pytest.raises(Forbidden):
        bridge.b.node.match().ask(AUDITOR, wanted(bridge.a))


@pytest.mark.parametrize("gone", ["marked", "recalled", "agreement"])
def test_what_is_not_to_be_given_any_more_ends_the_offer(bridge: Bridge, gone: str) -> None:
    offer = offered(bridge)
    bridge.b.node.match().ask(ANALYST, wanted(bridge.a), [address(1)])
    one = wallets(35)[0]["id"]
    if gone == "marked":
        bridge.a.node.mark.mark(ANALYST, [one], Wish(tlp=Tlp.RED, handling=Handling()))
    elif gone == "recalled":
        bridge.a.release_ids([one])
        bridge.a.node.recalls.recall(
            RELEASER, [one], reason=Reason.WRONG_MARKING, deadline=bridge.clock() + 86_400 * SECOND
        )
    else:
        bridge.a.node.agreements.end(bridge.a.agreement.id, By(person="local:test", why="it is over"))
    with pytest.raises((Refused, PeerRefused)):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a), [address(35)])
    if gone != "agreement":
        assert bridge.a.node.matches.find(offer.id).state is OfferState.WITHDRAWN
        # A new one is without it.
        assert offered(bridge).size == 38
        assert bridge.b.node.match().ask(ANALYST, wanted(bridge.a), [address(35)]).run.common == 0


def test_what_comes_in_meanwhile_does_not_end_the_offer(bridge: Bridge) -> None:
    offer = offered(bridge)
    bridge.a.hold(*wallets(500, 501))
    assert bridge.b.node.match().ask(ANALYST, wanted(bridge.a)).run.common == 10
    assert bridge.a.node.matches.find(offer.id).state is OfferState.STANDING


def test_a_newer_offer_takes_the_place_of_the_older_one_with_another_key(bridge: Bridge) -> None:
    first = offered(bridge)
    bridge.b.node.match().ask(ANALYST, wanted(bridge.a), [address(1)])
    bridge.a.hold(*wallets(59))
    second = offered(bridge)
    assert (first.terms.epoch, second.terms.epoch) == ("2026-03-01", "2026-03-01.2") or first.terms != second.terms
    assert bridge.a.node.matches.find(first.id).state is OfferState.WITHDRAWN
    found = bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    assert address(59) in found.outcome.values
    assert bridge.a.node.matches.data(first.id) is None


def test_an_offer_ends_with_its_time_and_what_was_secret_of_it_is_forgotten(bridge: Bridge) -> None:
    offer = offered(bridge, lasts=3_600_000_000)
    bridge.later(3_601)
    with pytest.raises(Refused, match="offers no values"):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    assert bridge.a.node.matches.find(offer.id).state is OfferState.ENDED
    bridge.a.node.matches.tidy()
    assert bridge.a.node.matches.secret(offer.id) is None


def test_an_offer_is_for_its_partner_alone(bridge: Bridge) -> None:
    offer = offered(bridge)
    keys = bridge.a.node.keys
    own = keys.add("own", Role.ADMIN)[1]
    other = keys.add("other", Role.READER, party=public_parties()[C].id)[1]
    for key in (own, other):
        assert bridge.a.ask("/match/", key).json() == {"offers": []}
        assert bridge.a.ask(f"/match/{offer.id}", key).status_code == 404
        assert bridge.a.ask(f"/match/{offer.id}", key, "POST", content=b"x").status_code == 404
    assert bridge.a.ask("/match/", None).status_code == 401


# ── quotas ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_partner_asks_as_often_as_the_quota_allows(tmp_path: Path) -> None:
    with Bridge(tmp_path) as bridge:
        with bridge.a.stopped() as home, (home / "titian.toml").open("a", encoding="utf-8") as settings:
            settings.write("match_values_per_day = 50\n")
        bridge.a.hold(*wallets(*range(1, 40)))
        bridge.b.hold(*wallets(*range(30, 60)))
        bridge.a.release("what opens the channel")
        bridge.subscribe(bridge.b, bridge.a)
        offered(bridge)
        asking = bridge.b.node.match()
        asking.ask(ANALYST, wanted(bridge.a))
        with pytest.raises(Refused, match="answers 20 more values"):
            asking.ask(ANALYST, wanted(bridge.a))
        # The node counts by itself, whatever the partner's program says.
        lie = Listing_of(bridge)
        with pytest.raises(PeerRefused, match=r"20 of 50|403|409|429"):
            lie()
        bridge.later(86_400)
        assert asking.ask(ANALYST, wanted(bridge.a)).run.common == 10


def Listing_of(bridge: Bridge) -> Any:
    """Ask as a program that does not look how much is left."""

    def more(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if request.url.path != "/match/":
            return None
        said = response.json()
        for one in said["offers"]:
            one["left"] = 10_000
        return httpx.Response(200, json=said, request=request)

    def ask() -> None:
        bridge.a.tamper = more
        try:
            bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
        finally:
            bridge.a.tamper = None

    return ask


# ── a partner that does not keep to it ──────────────────────────────────────────────────────────────────────────────


def changed(path: str, method: str, change: Callable[[bytes, int], bytes]) -> Tamper:
    """Change the body of each answer to such a request; ``change`` is told which of them it is, from 0."""
    seen = itertools.count()

    def tamper(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if request.method != method or not request.url.path.startswith(path) or response.status_code != 200:
            return None
        return httpx.Response(200, content=change(response.content, next(seen)), request=request)

    return tamper


def is_broken(bridge: Bridge, why: str) -> None:
    """The run is remembered as broken off, here and in the ledger, and nothing was learnt."""
    (run,) = bridge.b.node.matches.runs()
    assert run.state is RunState.BROKEN
    assert why in run.why
    assert bridge.b.node.matches.outcome(run.id)[1] is None
    assert entries(bridge.b)[-1]["what"] == "broken"


def test_an_offer_that_was_changed_on_the_way_is_not_taken(bridge: Bridge) -> None:
    offered(bridge)
    bridge.a.tamper = changed(
        "/match/", "GET", lambda body, _: body if body[:1] == b"{" else body[:-1] + bytes([body[-1] ^ 1])
    )
    with pytest.raises(PeerUntrusted, match="not the one that was listed"):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    assert bridge.b.node.matches.runs() == []
    assert not [one for one in bridge.b.node.matches.offers() if not one.ours]


def test_an_offer_on_other_terms_than_listed_is_not_taken(bridge: Bridge) -> None:
    offered(bridge)

    def other(body: bytes, _: int) -> bytes:
        return body.replace(b'"verified":true', b'"verified":false')

    bridge.a.tamper = changed("/match/", "GET", other)
    with pytest.raises(PeerUntrusted, match="on other terms"):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda body, at: body[:-1], "no whole message"),
        (lambda body, at: body + b"\x00", "no whole message"),
        (lambda body, at: b"", "no whole message"),
        (lambda body, at: b"<html>" * 100, "no whole message"),
    ],
    ids=["truncated", "longer", "empty", "a page"],
)  # fmt: skip
def test_an_answer_that_is_none_ends_the_run(bridge: Bridge, change: Callable[[bytes, int], bytes], why: str) -> None:
    offered(bridge)
    bridge.a.tamper = changed("/match/", "POST", change)
    with pytest.raises(PeerUntrusted, match=why):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    is_broken(bridge, why)


def test_a_key_that_changes_during_a_run_is_noticed(bridge: Bridge) -> None:
    offered(bridge)
    other = derive_key(bytes(32), b"another key", Variant.VOPRF).public

    def another(body: bytes, at: int) -> bytes:
        return write(msgspec.structs.replace(read(body, Ready), public=other)) if at == 0 else body

    bridge.a.tamper = changed("/match/", "POST", another)
    with pytest.raises(PeerUntrusted, match="key changed"):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    is_broken(bridge, "key changed")


def test_points_that_were_not_made_with_the_key_are_noticed(bridge: Bridge) -> None:
    offered(bridge)

    def swapped(body: bytes, at: int) -> bytes:
        if at == 0:
            return body
        answer = read(body, Answer)
        points = answer.points[32:64] + answer.points[:32] + answer.points[64:]
        return write(msgspec.structs.replace(answer, points=points))

    bridge.a.tamper = changed("/match/", "POST", swapped)
    with pytest.raises(PeerUntrusted):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    is_broken(bridge, "")


def test_an_answer_of_another_run_is_noticed(bridge: Bridge) -> None:
    offered(bridge)
    kept: list[bytes] = []
    bridge.a.tamper = changed("/match/", "POST", lambda body, at: (kept.append(body), body)[1])
    bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    bridge.a.tamper = changed("/match/", "POST", lambda body, at: kept[at])
    with pytest.raises(PeerUntrusted, match="another run"):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))


def test_a_partner_that_goes_away_leaves_a_broken_run(bridge: Bridge) -> None:
    offered(bridge)

    def down(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if request.method == "POST":
            raise httpx.ReadError("gone", request=request)
        return None

    bridge.a.tamper = down
    with pytest.raises(Unavailable):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))
    is_broken(bridge, "")
    # What was sent is not sent again: the partner may have answered it.
    assert sum(one.startswith("POST /match/") for one in bridge.a.asked) == 1


def test_a_server_without_private_matching_is_told(bridge: Bridge) -> None:
    bridge.a.tamper = lambda request, _: (
        httpx.Response(404, request=request) if request.url.path.startswith("/match/") else None
    )
    with pytest.raises(PeerRefused):
        bridge.b.node.match().ask(ANALYST, wanted(bridge.a))


def test_no_value_is_in_a_log(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("titian.web.front._log", Mock(info=lambda *some, **more: told.append(repr((some, more)))))
    offered(bridge, mode=Mode.LABELLED)
    bridge.b.node.match().ask(ANALYST, wanted(bridge.a, mode=Mode.LABELLED))
    assert any("/match/" in one for one in told)
    assert not any(address(number) in one for one in told for number in range(60))
