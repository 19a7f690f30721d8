"""Recalls of others: what the policy says is done, local work stays, and what went on is asked for in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.gate import ANALYST, Bench, benches, made, malware, party_id
from support.recalling import Recalling
from support.stix import Object, revision
from titian.core.errors import InvalidInput, Refused
from titian.core.recall import Policy, ReceivedState, barred
from titian.core.recall_objects import Response
from titian.core.survey import Survey
from titian.core.tlp import Tlp
from titian.exchange.recall_sent import Overview

JAPAN, RUSSIA = party_id("japan"), party_id("russia")


@pytest.fixture
def new_bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    yield from benches(tmp_path)


@pytest.fixture
def on(new_bench: Callable[[], Bench]) -> Recalling:
    """A node with the agreement ``jp`` with Japan, and ``two`` with Japan and Russia."""
    bench = new_bench()
    bench.agree("jp", JAPAN)
    bench.agree("two", JAPAN, RUSSIA)
    return Recalling(bench)


def kestrel(name: str = "Kestrel") -> Object:
    return malware(name, tlp=Tlp.GREEN)


def bars(on: Recalling, *identifiers: str, party: str = JAPAN) -> set[str]:
    """Which of some objects may not go to a party because of a recall."""
    agreement = on.agreement("jp")
    with on.gate.reading() as session:
        facts = Survey(session.find(identifiers)).facts
        return set(barred(session.recalls, agreement, party, facts))


# ── recalls of others ─────────────────────────────────────────────────────────────────────────────────────────


def theirs(name: str, **own: object) -> Object:
    return malware(name, by=JAPAN, tlp=Tlp.GREEN, **own)


def only(on: Recalling, number: int = 1) -> ReceivedState:
    found = on.recalls.find(f"{number:08d}-0000-4000-8000-00000000000f")
    assert not isinstance(found, Overview)
    return found.state


def test_apply_takes_out_what_the_party_sent_and_answers(on: Recalling) -> None:
    bad, good = on.holds_from("japan", theirs("Kestrel"), theirs("Goshawk"))
    assert on.arrives("japan", bad, "malware--00000000-0000-4000-8000-000000000000", policy=Policy.APPLY) is None
    assert on.held("From japan") == {good}
    said = on.answer_to("japan")
    assert (said.response, said.passed_on, said.objects) == (Response.APPLIED, 0, ())
    assert "1 of 2" in said.why
    assert only(on) is ReceivedState.APPLIED
    with pytest.raises(Refused, match="applied"):
        on.recalls.answer(ANALYST, "00000001", Response.REFUSED, "No.")


def test_local_work_is_never_destroyed(on: Recalling) -> None:
    linked, copied, shared, plain = (theirs(name) for name in ("Linked", "Copied", "Shared", "Plain"))
    ids = on.holds_from("japan", linked, copied, shared, plain)
    on.holds_from("russia", shared)
    on.bench.hold(copied, made("note", content="We saw it.", object_refs=[linked["id"]], tlp=Tlp.GREEN))
    on.arrives("japan", *ids, policy=Policy.APPLY)
    assert on.held("From japan") == set(ids) - {plain["id"]}
    assert set(on.flags()) == {linked["id"], copied["id"], shared["id"]}
    assert on.answer_to("japan").response is Response.FLAGGED
    assert set(on.answer_to("japan").objects) == set(on.flags())
    with pytest.raises(Refused, match="Work of ours") as told:
        on.recalls.answer(ANALYST, "00000001", Response.APPLIED)
    assert linked["id"] in str(told.value) or "Reports" in str(told.value)
    on.recalls.answer(ANALYST, "00000001", Response.APPLIED, also_local_work=True)
    assert on.held("From japan") == set()
    assert on.held("From russia") == {shared["id"]}
    assert copied["id"] in on.held("Reports")
    assert set(on.flags()) == {copied["id"], shared["id"]}, "what is held still goes to nobody"
    assert on.answer_to("japan").response is Response.APPLIED


def test_flag_keeps_it_and_lets_nobody_have_it(on: Recalling) -> None:
    (bad,) = on.holds_from("japan", theirs("Kestrel"))
    on.arrives("japan", bad, policy=Policy.FLAG)
    assert on.held("From japan") == {bad}
    assert bars(on, bad) == {bad}
    assert bars(on, bad, party=RUSSIA) == {bad}
    assert on.answer_to("japan").response is Response.FLAGGED
    on.recalls.answer(ANALYST, "00000001", Response.REFUSED, "We confirmed it.")
    assert on.flags() == {}
    assert (on.answer_to("japan").response, on.answer_to("japan").why) == (Response.REFUSED, "We confirmed it.")
    on.recalls.answer(ANALYST, "00000001", Response.APPLIED)
    assert on.held("From japan") == set()
    assert on.answer_to("japan").response is Response.APPLIED


def test_keep_waits_for_a_person(on: Recalling) -> None:
    (bad,) = on.holds_from("japan", theirs("Kestrel"))
    on.arrives("japan", bad, policy=Policy.KEEP)
    assert on.held("From japan") == {bad}
    assert on.flags() == {}
    assert on.bench.served("japan") == {}
    (waiting,) = on.recalls.received()
    assert waiting.state is ReceivedState.OPEN
    with pytest.raises(InvalidInput, match="reason"):
        on.recalls.answer(ANALYST, waiting.id, Response.REFUSED)


def test_what_comes_later_is_not_what_was_recalled(on: Recalling) -> None:
    value = theirs("Kestrel")
    (bad,) = on.holds_from("japan", value)
    on.arrives("japan", bad, policy=Policy.KEEP)
    on.bench.clock.now += 1000
    on.holds_from("japan", revision(value, 1000, name="Kestrel, corrected"))
    on.recalls.answer(ANALYST, "00000001", Response.APPLIED)
    assert on.held("From japan") == {bad}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by": RUSSIA}, "created by"),
        ({"objects": ("nothing",)}, "no STIX identifier"),
        ({"objects": ()}, "object_refs"),
    ],
    ids=["of another", "of no object", "of nothing"],
)
def test_a_recall_that_is_none_changes_nothing(on: Recalling, change: dict[str, object], says: str) -> None:
    (bad,) = on.holds_from("japan", theirs("Kestrel"))
    more = {"policy": Policy.APPLY, **change}
    objects = more.pop("objects", (bad,))
    reason = on.arrives("japan", *objects, **more)  # type: ignore[misc,arg-type]
    assert reason is not None
    assert says in reason
    assert on.held("From japan") == {bad}
    assert on.recalls.received(everything=True) == []


def test_a_party_recalls_nothing_but_what_it_sent(on: Recalling) -> None:
    (other,) = on.holds_from("russia", malware("Kestrel", by=RUSSIA, tlp=Tlp.GREEN))
    (own,) = on.bench.hold(kestrel("Goshawk"))
    on.arrives("japan", other, own, policy=Policy.APPLY)
    assert on.held("From russia") == {other}
    assert on.held("Reports") == {own}
    assert on.flags() == {}


def test_a_party_cannot_take_over_the_recall_of_another(on: Recalling) -> None:
    (bad,) = on.holds_from("japan", theirs("Kestrel"))
    on.arrives("japan", bad)
    reason = on.arrives("russia", bad, withdrawn=True)
    assert reason is not None
    assert "another party" in reason
    assert set(on.flags()) == {bad}


def test_a_recall_that_is_withdrawn_lifts_its_flags_but_not_those_of_another(on: Recalling) -> None:
    one, two = on.holds_from("japan", theirs("Kestrel"), theirs("Goshawk"))
    on.arrives("japan", one, two)
    on.arrives("japan", two, number=2)
    on.arrives("japan", one, two, withdrawn=True)
    assert set(on.flags()) == {two}
    assert only(on) is ReceivedState.WITHDRAWN
    with pytest.raises(Refused, match="withdrawn"):
        on.recalls.answer(ANALYST, "00000001", Response.APPLIED)


# ── onward ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_given_on_is_recalled_in_turn_and_the_chain_is_told(on: Recalling) -> None:
    value = malware("Kestrel", by=JAPAN, tlp=Tlp.CLEAR)
    (bad,) = on.holds_from("japan", value)
    on.bench.release(bad, to="two")
    on.reads("japan", "russia")
    on.arrives("japan", bad, policy=Policy.APPLY)
    assert on.bench.names("russia") == set()
    onward = on.message("russia")
    assert onward.objects == (bad,)
    assert "bad source" not in onward.why, "the sender's words are for us"
    (recall,) = on.recalls.sent()
    assert recall.recall.derived_from == "recall--00000001-0000-4000-8000-00000000000f"
    assert [(one.party, one.standing.value) for one in recall.recipients] == [(RUSSIA, "waiting")]
    assert on.answer_to("japan").passed_on == 1
    assert RUSSIA not in on.answer_to("japan").why, "who it was passed on to is not said"
    on.says("russia", Response.APPLIED)
    assert "Passed on to 1: 1 applied." in on.answer_to("japan").why
    on.arrives("japan", bad, withdrawn=True)
    assert on.message("russia").withdrawn
