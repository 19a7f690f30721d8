"""Referrals: what may follow what, who may say so and why, what is overdue; written, read strictly, and released."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.card import read_card
from titian.core.errors import InvalidInput
from titian.core.extensions import NEW_TYPES
from titian.core.referral import (
    Designation,
    Referral,
    ReferralAnswer,
    State,
    answer,
    apply_answer,
    is_overdue,
    may_become,
    move,
    overdue,
    read_referral,
    read_referral_answer,
    refer,
    withdraw,
    write_referral,
    write_referral_answer,
)
from titian.core.stix import examine
from titian.core.survey import Held, facts_of
from titian.core.tlp import TLP_IDS, Tlp

US = "identity--00000000-0000-4000-8000-000000000001"
PLATFORM = "identity--00000000-0000-4000-8000-000000000002"
OTHER = "identity--00000000-0000-4000-8000-000000000003"
URL = "url--00000000-0000-5000-8000-000000000004"
HASH = "media-hash--00000000-0000-5000-8000-000000000005"
NOW = 1_750_000_000_000_000
DAY = 86_400_000_000
GREEN = TLP_IDS[Tlp.GREEN]
LISTED = Designation(source="list", name="National list of designated entities", reference="N-17", country="ID")


def sent(**changes: Any) -> Referral:
    said: dict[str, Any] = {
        "contents": [URL, HASH], "by": US, "addressed": PLATFORM, "designations": [LISTED], "at": NOW,
        "legal_basis": ["Act 5 of 2018, section 43"], "deadline": NOW + DAY, "name": "Film of recruiting",
        "why": "It calls for money.", "marks": [GREEN], "random": bytes,
    }  # fmt: skip
    said |= changes
    return refer(said.pop("contents"), **said)


def said(response: State, referral: Referral, **changes: Any) -> ReferralAnswer:
    given = {"by": PLATFORM, "at": NOW + 1000, "reason": "It is news.", "random": bytes} | changes
    return answer(referral.id, response, **given)


# --- what may follow what -------------------------------------------------------------------------------------


def test_a_new_referral_is_sent_and_waits() -> None:
    one = sent()
    assert (one.state, one.waits, one.contents) == (State.SENT, True, (URL, HASH))
    assert [(step.state, step.by, step.at) for step in one.history] == [(State.SENT, US, NOW)]
    assert may_become(one) == {State.REMOVED, State.KEPT}


STEPS = {
    (): {State.REMOVED, State.KEPT},
    (State.REMOVED,): {State.APPEALED, State.REINSTATED},
    (State.KEPT,): {State.APPEALED, State.REMOVED},
    (State.REMOVED, State.REINSTATED): {State.APPEALED, State.REMOVED},
    (State.REMOVED, State.APPEALED): {State.REMOVED, State.REINSTATED},
    (State.KEPT, State.APPEALED): {State.KEPT, State.REMOVED},
    (State.REMOVED, State.REINSTATED, State.APPEALED): {State.REINSTATED, State.REMOVED},
}


@pytest.mark.parametrize(("states", "then"), STEPS.items())
def test_only_what_may_follow_follows(states: tuple[State, ...], then: set[State]) -> None:
    one = sent()
    for number, state in enumerate(states, 1):
        one = move(one, state, at=NOW + number * 1000, by=PLATFORM, reason="So.")
    assert may_become(one) == then
    for state in State:
        if state in then:
            assert move(one, state, at=NOW + DAY, by=PLATFORM, reason="So.").state is state
        else:
            with pytest.raises(InvalidInput, match="cannot be"):
                move(one, state, at=NOW + DAY, by=PLATFORM, reason="So.")


@given(st.lists(st.sampled_from(State), max_size=8))
def test_law_a_history_is_read_again_or_was_never_made(states: list[State]) -> None:
    one = sent()
    for state in states:
        if state in may_become(one):
            one = move(one, state, at=one.version + 1000, by=PLATFORM, reason="So.")
    assert read_referral(write_referral(one)) == one
    assert one.waits == (one.state in (State.SENT, State.APPEALED))
    if State.REINSTATED in [step.state for step in one.history]:
        assert State.REMOVED in [step.state for step in one.history]


@pytest.mark.parametrize("state", [State.KEPT, State.APPEALED, State.REINSTATED])
def test_a_reason_is_owed(state: State) -> None:
    one = sent()
    before: dict[State, tuple[State, ...]] = {State.APPEALED: (State.REMOVED,), State.REINSTATED: (State.REMOVED,)}
    for number, each in enumerate(before.get(state, ()), 1):
        one = move(one, each, at=NOW + number, by=PLATFORM)
    with pytest.raises(InvalidInput, match="without a reason"):
        move(one, state, at=NOW + DAY, by=PLATFORM, reason="  ")
    with pytest.raises(InvalidInput, match="reason"):
        said(state, one, reason="")


def test_nothing_follows_a_withdrawal_and_no_step_goes_back_in_time() -> None:
    gone = withdraw(sent(), at=NOW + 1000)
    assert (may_become(gone), gone.waits, gone.version) == (frozenset(), False, NOW + 1000)
    with pytest.raises(InvalidInput, match="withdrawn"):
        move(gone, State.REMOVED, at=NOW + DAY, by=PLATFORM)
    with pytest.raises(InvalidInput, match="before"):
        move(sent(), State.REMOVED, at=NOW - DAY, by=PLATFORM)
    assert withdraw(sent(), at=0).version == NOW + 1000


# --- answers --------------------------------------------------------------------------------------------------


def test_an_answer_is_applied_once() -> None:
    one = sent()
    kept = apply_answer(one, said(State.KEPT, one))
    assert (kept.state, kept.history[-1].reason, kept.history[-1].by) == (State.KEPT, "It is news.", PLATFORM)
    assert kept.version > one.version
    assert apply_answer(kept, said(State.KEPT, one)) is kept
    asked = move(kept, State.APPEALED, at=NOW + DAY, by=US, reason="Look at minute 3.", deadline=NOW + 3 * DAY)
    assert (asked.waits, asked.deadline) == (True, NOW + 3 * DAY)
    gone = apply_answer(asked, said(State.REMOVED, one, at=NOW + 2 * DAY, reason=""))
    assert [step.state.value for step in gone.history] == ["sent", "kept", "appealed", "removed"]


def test_a_wrong_clock_elsewhere_does_not_void_an_answer() -> None:
    one = sent()
    assert apply_answer(one, said(State.REMOVED, one, at=NOW - DAY)).history[-1].at == NOW


def test_who_is_not_addressed_does_not_answer() -> None:
    one = sent()
    with pytest.raises(InvalidInput, match="Only the platform"):
        apply_answer(one, said(State.REMOVED, one, by=OTHER))
    with pytest.raises(InvalidInput, match="another"):
        apply_answer(one, msgspec.structs.replace(said(State.REMOVED, one), referral=one.id[:-1] + "9"))
    with pytest.raises(InvalidInput, match="cannot be"):
        apply_answer(one, said(State.REINSTATED, one))


# --- what is overdue ------------------------------------------------------------------------------------------


def test_what_is_owed_and_late_is_overdue_the_oldest_first() -> None:
    late = sent(deadline=NOW + DAY)
    later = sent(deadline=NOW + 2 * DAY, random=lambda size: b"\x01" * size)
    open_end = sent(deadline=None)
    done = apply_answer(late, said(State.REMOVED, late))
    assert not is_overdue(late, NOW + DAY - 1000)
    assert is_overdue(late, NOW + DAY)
    assert overdue([open_end, later, done, late, withdraw(late, at=NOW)], NOW + 9 * DAY) == [late, later]
    appealed = move(done, State.APPEALED, at=NOW + DAY, by=PLATFORM, reason="User says it is art.")
    assert is_overdue(appealed, NOW + DAY)


# --- made, written, read --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"contents": []}, "content"),
        ({"designations": []}, "designation"),
        ({"legal_basis": [" "]}, "legal basis"),
        ({"deadline": NOW}, "deadline"),
        ({"contents": [US]}, "content_refs"),
        ({"addressed": URL}, "addressed_ref"),
        ({"by": URL}, "created_by_ref"),
        ({"designations": [Designation(source="A list", name="x")]}, "designations"),
    ],
)
def test_a_referral_says_what_it_is_about_and_on_what_ground(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        sent(**changes)


def test_what_is_written_is_valid_marked_and_read_again() -> None:
    one = apply_answer(sent(), said(State.KEPT, sent()))
    raw = write_referral(one)
    assert examine(raw).violations == ()
    assert read_referral(raw) == one
    assert json.loads(raw)["object_marking_refs"] == [GREEN]
    gone = withdraw(one, at=NOW + DAY)
    assert json.loads(write_referral(gone))["revoked"] is True
    assert read_referral(write_referral(gone)) == gone
    reply = said(State.KEPT, one)
    assert examine(write_referral_answer(reply)).violations == ()
    assert read_referral_answer(write_referral_answer(reply)) == reply


def _history(*states: str) -> list[dict[str, str]]:
    return [{"state": each, "at": "2026-01-01T00:00:00Z", "reason": "So."} for each in states]


BROKEN: dict[str, dict[str, Any]] = {
    "unknown property": {"priority": 1},
    "another extension": {"extensions": {NEW_TYPES["referral-answer"]: {"extension_type": "new-sdo"}}},
    "more in the extension": {"extensions": {NEW_TYPES["referral"]: {"extension_type": "new-sdo", "x": 1}}},
    "another state": {"state": "removed"},
    "unknown state": {"state": "lost", "history": _history("sent", "lost")},
    "a jump": {"state": "reinstated", "history": _history("sent", "reinstated")},
    "begins in the middle": {"state": "removed", "history": _history("removed")},
    "no history": {"history": []},
    "no reason": {"state": "kept", "history": [*_history("sent"), {"state": "kept", "at": "2026-01-01T00:00:00Z"}]},
    "back in time": {
        "state": "removed",
        "history": [*_history("sent"), {"state": "removed", "at": "2025-01-01T00:00:00Z"}],
    },
    "unknown in a step": {"history": [_history("sent")[0] | {"x": 1}]},
    "nobody's": {"created_by_ref": None},
    "no legal basis": {"legal_basis": []},
    "a designation without a name": {"designations": [{"source": "list"}]},
    "a type of somebody else": {"type": "x-referral"},
    "an instant that is none": {"deadline": "tomorrow"},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN)
def test_what_says_more_less_or_other_than_a_referral_is_refused(changes: dict[str, Any]) -> None:
    value = json.loads(write_referral(sent())) | changes
    raw = json.dumps({name: each for name, each in value.items() if each is not None}).encode()
    with pytest.raises(InvalidInput):
        read_referral(raw)


@pytest.mark.parametrize(
    "change",
    [
        {"response": "sent"},
        {"response": "maybe"},
        {"reason": ""},
        {"referral_ref": URL},
        {"revoked": True},
        {"passed_on": 1},
        {"created_by_ref": None},
    ],
)
def test_what_is_no_answer_is_refused(change: dict[str, Any]) -> None:
    value = json.loads(write_referral_answer(said(State.KEPT, sent()))) | change
    with pytest.raises(InvalidInput):
        read_referral_answer(json.dumps({name: each for name, each in value.items() if each is not None}).encode())


@pytest.mark.parametrize("read", [read_referral, read_referral_answer])
def test_anything_else_is_refused(read: Callable[[bytes], object]) -> None:
    for raw in (b"", b"[]", b"{}", b"\xff", write_referral(sent())[:-1]):
        with pytest.raises(InvalidInput):
            read(raw)


# --- among the objects ----------------------------------------------------------------------------------------


def test_the_gate_knows_what_a_referral_cannot_do_without() -> None:
    one = sent()
    facts = facts_of(Held(one.id, write_referral(one)))
    assert (facts.ends, facts.some) == ((PLATFORM,), (URL, HASH))
    assert facts.personal is False
    reply = said(State.KEPT, one)
    assert facts_of(Held(reply.id, write_referral_answer(reply))).ends == (one.id,)


def test_its_card_leads_with_its_state() -> None:
    card = read_card(json.loads(write_referral(sent())))
    assert card.text("state") == "sent"
    assert next(one.name for one in card.lead) == "state"
