"""Referrals: what is asked and how it is marked, to whom it goes, who answers it, and what does not count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.gate import ADMINISTRATOR, ANALYST, AUDITOR, DAY, OWN, RELEASER, SECOND, Bench, benches, malware, party_id
from support.referring import BASIS, LISTED, URL, VIDEO, Referring
from support.stix import ipv4
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused
from titian.core.extension_objects import make_observable
from titian.core.gate import State as RequestState
from titian.core.party import PartyKind
from titian.core.people import Actor
from titian.core.referral import Designation, State, move, write_referral
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.give_back import Back
from titian.exchange.refer import may_appeal, responses
from titian.exchange.referred import Step

PLATFORM, JAPAN, RUSSIA = (party_id(alias) for alias in (VIDEO, "japan", "russia"))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], Referring]]:
    for new in benches(tmp_path):
        yield partial(made, new)


def made(new: Callable[[], Bench]) -> Referring:
    bench = new()
    bench.agree("jp", JAPAN)
    bench.agree("ru", RUSSIA)
    return Referring(bench)


@pytest.fixture
def on(make: Callable[[], Referring]) -> Referring:
    return make()


def acts(on: Referring) -> list[str]:
    return [one.act for one in on.bench.node.acts.list()]


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────────────


def test_it_says_what_is_asked_of_whom_and_why(on: Referring) -> None:
    case = on.sent()
    one = case.standing.referral
    assert (one.by, one.addressed, one.designations, one.legal_basis) == (OWN, PLATFORM, (LISTED,), (BASIS,))
    assert (one.name, one.why, one.deadline) == ("Remove the film", "It calls for money.", on.bench.clock.now + DAY)
    assert (case.ours, case.state, case.waits, case.other, case.overdue) == (True, State.SENT, True, PLATFORM, False)
    assert [each.title for each in case.contents] == [URL]
    assert on.bench.latest(one.id, "Referrals")["id"] == one.id
    assert "refer" in acts(on)


def test_it_goes_to_the_party_asked_with_what_it_is_about_and_to_nobody_else(on: Referring) -> None:
    case = on.sent(agreement="wide")
    served = on.bench.served(VIDEO)
    assert served[case.id] == on.bench.latest(case.id, "Referrals"), "as it is, under its own identifier"
    assert served[case.contents[0].id]["value"] == URL
    for other in ("japan", "russia", "brunei"):
        everything = on.everything(other)
        assert case.id not in everything
        assert "video.example" not in everything


def test_it_waits_for_a_second_person_and_says_so(on: Referring) -> None:
    done = on.asks()
    assert (done.returned.state, done.returned.party, done.case.way.step) == (Back.WAITS, PLATFORM, Step.WAITS)
    assert (done.case.way.request, on.referral_served()) == (done.returned.request, None)
    on.bench.node.release.approve(RELEASER, done.returned.request or "")
    assert on.refer.find(done.case.id).way.step is Step.WENT


def test_what_was_refused_is_told_as_not_released(on: Referring) -> None:
    done = on.asks()
    on.bench.node.release.refuse(RELEASER, done.returned.request or "", "Not ours to ask.")
    assert on.refer.find(done.case.id).way.step is Step.HERE
    assert on.referral_served() is None


def test_it_is_for_its_two_sides_alone_as_strict_as_the_agreement_carries(on: Referring) -> None:
    case = on.sent()
    assert case.standing.referral.marks[0] == TLP_IDS[Tlp.AMBER]
    content = on.bench.served(VIDEO)[case.contents[0].id]
    assert content["object_marking_refs"] == list(case.standing.referral.marks)
    with pytest.raises(Refused, match="Nothing of this"):
        on.bench.node.release.request(ANALYST, [case.id, *[one.id for one in case.contents]], "jp")


@pytest.mark.parametrize(("ceiling", "wished", "borne"), [
    ("red", None, Tlp.AMBER_STRICT), ("green", None, Tlp.GREEN), ("red", Tlp.RED, Tlp.RED),
    ("amber", Tlp.GREEN, Tlp.GREEN),
])  # fmt: skip
def test_its_level_is_the_one_wished_for_or_follows_the_agreement(
    on: Referring, ceiling: str, wished: Tlp | None, borne: Tlp
) -> None:
    on.bench.agree("other", PLATFORM, ceiling=ceiling)
    assert on.sent(agreement="other", tlp=wished).standing.referral.marks[0] == TLP_IDS[borne]
    assert on.referral_served() is not None


def test_it_is_never_laxer_than_what_it_tells_of(on: Referring) -> None:
    (seen,) = on.bench.hold(ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.AMBER]]))
    on.bench.agree("green", PLATFORM, ceiling="green")
    with pytest.raises(Refused, match="TLP:AMBER"):
        on.asks(seen, tlp=Tlp.GREEN)
    done = on.asks(seen, agreement="green")
    assert (done.returned.state, "stricter" in done.returned.why) == (Back.STAYS, True)
    assert done.case.standing.referral.marks[0] == TLP_IDS[Tlp.AMBER]
    assert on.sent(seen).way.step is Step.WENT


def test_what_is_held_keeps_its_marking_and_several_tell_one_thing(on: Referring) -> None:
    (seen,) = on.bench.hold(
        make_observable("media-hash", {"algorithm": "pdq", "value": "a1" * 32}, marks=[TLP_IDS[Tlp.GREEN]])
    )
    case = on.sent(URL, "pdq:" + "a1" * 32, seen, URL)
    assert [one.id for one in case.contents] == [case.contents[0].id, seen]
    assert on.bench.served(VIDEO)[seen]["object_marking_refs"] == [TLP_IDS[Tlp.GREEN]]


def test_what_another_sent_goes_no_further_than_it_lets_it(on: Referring) -> None:
    (seen,) = on.arrives("japan", ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.AMBER]]))
    done = on.asks(seen)
    assert (done.returned.state, "originator's consent" in done.returned.why) == (Back.STAYS, True)
    assert on.bench.node.release.requests() == []
    assert on.referral_served() is None
    assert done.case.way.step is Step.HERE


def test_an_account_is_a_persons_and_needs_a_purpose_and_an_end(on: Referring) -> None:
    with pytest.raises(InvalidInput, match="purpose and a date") as told:
        on.asks("videoport:bad.channel")
    assert "--expires" in (told.value.advice or "")
    case = on.sent("videoport:bad.channel", purposes=("counter-terrorism",), expires="2027-09-21T00:00:00.000Z")
    assert on.bench.served(VIDEO)[case.contents[0].id]["account_login"] == "bad.channel"


UNFAIR: list[tuple[dict[str, Any], str]] = [
    ({"designations": ()}, "no designation"),
    ({"designations": (Designation(source=" ", name="N"),)}, "names no source"),
    ({"designations": (Designation(source="list", name=" "),)}, "what it is called"),
    ({"designations": (Designation(source="list", name="N", country="XYZ"),)}, "country"),
    ({"legal_basis": ()}, "no legal basis"),
    ({"legal_basis": ("  ",)}, "no legal basis"),
    ({"deadline": 1}, "deadline"),
    ({"what": "x" * 201}, "at most"),
    ({"why": "x" * 2001}, "at most"),
    ({"to": OWN}, "own"),
    ({"purposes": ("fun",)}, "purpose"),
    ({"expires": "2020-01-01T00:00:00Z"}, "over already"),
]


@pytest.mark.parametrize(("more", "says"), UNFAIR, ids=[f"{says} {number}" for number, (_, says) in enumerate(UNFAIR)])
def test_what_is_not_fair_to_ask_is_refused_and_nothing_is_written(
    on: Referring, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as told:
        on.asks(**more)
    assert told.value.advice or "at most" in says or says in ("country", "over already")
    nothing_is_held(on)


@pytest.mark.parametrize(
    "contents", [(" ",), ("a film",), (malware("x")["id"],), tuple(f"v{n}.example" for n in range(101))]
)
def test_what_is_no_content_is_refused(on: Referring, contents: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        on.asks(*contents)
    nothing_is_held(on)


def test_who_and_what_is_not_known_or_not_reached_is_refused(on: Referring) -> None:
    with pytest.raises(NotFound):
        on.asks(to="nobody")
    with pytest.raises(NotFound):
        on.asks(agreement="nothing")
    with pytest.raises(NotFound, match="Nothing is held"):
        on.asks(ipv4("198.51.100.9")["id"])
    with pytest.raises(Refused, match="audience"):
        on.asks(agreement="jp")
    on.bench.add_party("club", PartyKind.COMMUNITY)
    with pytest.raises(InvalidInput, match="community"):
        on.asks(to="club")
    nothing_is_held(on)


def nothing_is_held(on: Referring) -> None:
    assert on.refer.list() == []
    assert "Referrals" not in {one.collection.name for one in on.bench.node.collections.list()}
    assert "refer" not in acts(on)


@pytest.mark.parametrize("by", [AUDITOR, ADMINISTRATOR, RELEASER])
def test_who_may_not_write_refers_and_answers_nothing(on: Referring, by: Actor) -> None:
    case, mine = on.receives(), on.sent()
    acts: list[Callable[[], object]] = [
        lambda: on.asks(by=by), lambda: on.refer.answer(by, case.id, State.REMOVED),
        lambda: on.refer.appeal(by, mine.id, "No."), lambda: on.refer.withdraw(by, mine.id),
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(Forbidden):
            act()
    assert (on.refer.find(case.id).state, on.refer.find(mine.id)) == (State.SENT, mine)


# ── what comes back ───────────────────────────────────────────────────────────────────────────────────────


def test_the_party_asked_answers(on: Referring) -> None:
    case = on.answered(on.sent(), State.KEPT, "It is news.")
    assert (case.state, case.waits, may_appeal(case)) == (State.KEPT, False, True)
    assert [(step.state, step.by, step.reason) for step in case.standing.now.history] == [
        (State.SENT, OWN, ""), (State.KEPT, PLATFORM, "It is news."),
    ]  # fmt: skip


def test_a_platform_that_was_shown_a_copy_answers_that(on: Referring) -> None:
    """Of what it is about, one thing may not go: the platform is asked about the rest, by another identifier."""
    (hidden,) = on.bench.hold(ipv4("198.51.100.8", object_marking_refs=[TLP_IDS[Tlp.RED]]))
    on.bench.agree("red", PLATFORM, ceiling="red")
    case = on.sent(URL, hidden, agreement="red", tlp=Tlp.RED)
    copy = on.referral_served()
    assert copy is not None
    assert (copy["id"] == case.id, hidden in json.dumps(copy)) == (False, False)
    assert case.way.step is Step.WENT
    said = on.says(case, State.REMOVED, referral_ref=copy["id"])
    on.posts(VIDEO, said, under="red")
    assert on.refer.find(case.id).state is State.REMOVED


def test_nobody_else_answers_for_the_platform(on: Referring) -> None:
    case = on.sent()
    on.bench.release(*on.bench.hold(malware("First", tlp=Tlp.GREEN)), to="jp")
    marks: dict[str, Any] = {"object_marking_refs": [TLP_IDS[Tlp.GREEN]]}
    on.posts("japan", on.says(case, State.REMOVED, by="japan", **marks))
    on.posts("japan", on.says(case, State.REMOVED, by=VIDEO, **marks))
    found = on.refer.find(case.id)
    assert (found.state, found.waits, len(found.standing.aside)) == (State.SENT, True, 2)
    assert {one.sender for one in found.standing.aside} == {JAPAN}


def test_kept_without_a_reason_is_not_taken_in(on: Referring) -> None:
    case = on.sent()
    said = on.says(case, State.KEPT)
    del said["reason"]
    with pytest.raises(AssertionError):
        on.posts(VIDEO, said, under="platforms")
    found = on.refer.find(case.id)
    assert (found.state, found.standing.aside) == (State.SENT, ())


def test_it_is_overdue_until_it_is_answered(on: Referring) -> None:
    case = on.sent()
    other = on.sent("https://video.example/8", deadline=None)
    on.bench.clock.now += DAY
    assert [one.id for one in on.refer.list(overdue=True)] == [case.id]
    assert on.refer.find(case.id).overdue
    assert not on.answered(case, State.REMOVED).overdue
    assert on.refer.list(overdue=True) == []
    assert {one.id for one in on.refer.list()} == {case.id, other.id}


def test_an_appeal_asks_again_in_a_later_version_and_is_decided(on: Referring) -> None:
    kept = on.answered(on.sent(), State.KEPT, "It is news.")
    done = on.refer.appeal(ANALYST, kept.id, "It was listed since.", deadline=on.bench.clock.now + 3 * DAY)
    assert done.case.way.step in (Step.WAITS, Step.WENT)
    case = on.approved(done)
    served = on.referral_served()
    assert served is not None
    assert [step["state"] for step in served["history"]] == ["sent", "kept", "appealed"]
    assert (case.state, case.waits, case.standing.now.deadline) == (State.APPEALED, True, on.bench.clock.now + 3 * DAY)
    case = on.answered(case, State.REMOVED)
    assert [step.state.value for step in case.standing.now.history] == ["sent", "kept", "appealed", "removed"]
    assert "appeal-referral" in acts(on)


def test_while_an_appeal_waits_the_platform_has_the_version_before(on: Referring) -> None:
    kept = on.answered(on.sent(), State.KEPT)
    done = on.refer.appeal(ANALYST, kept.id, "No.")
    assert done.returned.state is Back.WAITS, "TLP:AMBER"
    served = on.referral_served()
    assert served is not None
    assert (served["state"], done.case.way.step) == ("sent", Step.WAITS)


def test_a_deadline_that_has_passed_does_not_make_an_appeal_late(on: Referring) -> None:
    case = on.sent()
    on.bench.clock.now += 2 * DAY
    kept = on.answered(case, State.KEPT)
    assert on.refer.appeal(ANALYST, kept.id, "No.").case.overdue is False
    assert on.refer.find(kept.id).standing.now.deadline is None


@pytest.mark.parametrize(("reason", "seconds", "says"), [(" ", None, "reason"), ("No.", -1, "deadline")])
def test_an_appeal_that_is_not_fair_changes_nothing(on: Referring, reason: str, seconds: int | None, says: str) -> None:
    kept = on.answered(on.sent(), State.KEPT)
    deadline = None if seconds is None else on.bench.clock.now + seconds * SECOND
    with pytest.raises(InvalidInput, match=says):
        on.refer.appeal(ANALYST, kept.id, reason, deadline=deadline)
    assert on.refer.find(kept.id) == kept


def test_what_is_not_decided_is_not_appealed(on: Referring) -> None:
    case = on.sent()
    assert not may_appeal(case)
    with pytest.raises(InvalidInput, match="cannot be appealed"):
        on.refer.appeal(ANALYST, case.id, "No.")


def test_withdrawn_it_asks_for_nothing_and_the_platform_is_told(on: Referring) -> None:
    case = on.approved(on.refer.withdraw(ANALYST, on.sent().id, "The wrong film"))
    served = on.referral_served()
    assert served is not None
    assert (served["revoked"], case.waits, case.standing.now.withdrawn) == (True, False, True)
    with pytest.raises(Refused, match="withdrawn before"):
        on.refer.withdraw(ANALYST, case.id)
    assert on.answered(case, State.REMOVED).state is State.SENT


def test_withdrawn_before_it_went_it_goes_nowhere(on: Referring) -> None:
    done = on.asks()
    on.bench.node.release.refuse(RELEASER, done.returned.request or "", "No.")
    assert on.refer.withdraw(ANALYST, done.case.id).returned.state is Back.STAYS
    assert on.bench.node.release.requests() == []


def test_withdrawn_after_an_appeal_that_never_went_the_platform_is_told(on: Referring) -> None:
    kept = on.answered(on.sent(), State.KEPT)
    done = on.refer.appeal(ANALYST, kept.id, "No.")
    on.bench.node.release.refuse(RELEASER, done.returned.request or "", "No.")
    assert on.refer.find(kept.id).way.step is Step.EARLIER
    on.approved(on.refer.withdraw(ANALYST, kept.id))
    served = on.referral_served()
    assert served is not None
    assert (served["revoked"], served["state"]) == (True, "appealed")


def test_withdrawn_while_it_waits_only_the_withdrawal_waits(on: Referring) -> None:
    done = on.asks()
    after = on.refer.withdraw(ANALYST, done.case.id)
    assert on.bench.node.release.find(done.returned.request or "").state is RequestState.STOPPED
    assert [one.id for one in on.bench.node.release.requests()] == [after.returned.request]


# ── being asked ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_asked_of_us_is_listed_with_what_can_be_answered(on: Referring) -> None:
    case = on.receives()
    assert (case.ours, case.other, case.waits, case.state) == (False, JAPAN, True, State.SENT)
    assert responses(case) == [State.REMOVED, State.KEPT]
    assert [one.title for one in case.contents] == ["b2" * 32]
    assert on.refer.list(sent=False) == [case] == on.refer.list(state=State.SENT)
    assert on.refer.list(received=False) == [] == on.refer.list(state=State.KEPT)


def test_the_answer_goes_back_to_who_asked_under_the_same_agreement_and_nowhere_else(on: Referring) -> None:
    case = on.receives()
    done = on.refer.answer(ANALYST, case.id, State.KEPT, "It is news.")
    assert (done.returned.state, done.returned.party, done.returned.agreement) == (
        Back.WAITS, JAPAN, on.agreement("jp"),
    )  # fmt: skip
    (identifier,) = done.case.ways
    assert done.case.ways[identifier].step is Step.WAITS
    on.bench.node.release.approve(RELEASER, done.returned.request or "")
    served = on.bench.served("japan")
    assert (served[identifier]["referral_ref"], served[identifier]["created_by_ref"]) == (case.id, OWN)
    assert case.id not in served, "their own object is not sent to them again"
    assert on.refer.find(case.id).ways[identifier].step is Step.WENT
    for other in (VIDEO, "russia"):
        assert identifier not in on.everything(other)
    assert "answer-referral" in acts(on)


def test_a_marking_that_names_both_sides_lets_the_answer_back(on: Referring) -> None:
    """As a referral of ours is marked, so that the answer to it can come."""
    here = on.sent().standing.referral
    definition = on.bench.latest(here.marks[1], "Referrals")
    named = definition["extensions"][next(iter(definition["extensions"]))]["releasable_to"]
    assert set(named) == {OWN, PLATFORM}


def test_kept_needs_a_reason_and_removed_does_not(on: Referring) -> None:
    case = on.receives()
    with pytest.raises(InvalidInput, match="reason"):
        on.refer.answer(ANALYST, case.id, State.KEPT, " ")
    assert on.refer.find(case.id) == case
    assert on.refer.answer(ANALYST, case.id, State.REMOVED).case.state is State.REMOVED


def test_answers_at_one_instant_keep_their_order_and_an_appeal_has_an_outcome(on: Referring) -> None:
    case = on.receives()
    for state in (State.REMOVED, State.APPEALED, State.REINSTATED):
        case = on.refer.answer(ANALYST, case.id, state, "So.").case
    assert [step.state.value for step in case.standing.now.history] == ["sent", "removed", "appealed", "reinstated"]
    with pytest.raises(InvalidInput, match="cannot be kept"):
        on.refer.answer(ANALYST, case.id, State.KEPT, "So.")


def test_an_answer_is_later_than_a_question_from_a_clock_that_is_ahead(on: Referring) -> None:
    case = on.receives(at=on.bench.clock.now + 3600 * SECOND, deadline=None)
    after = on.refer.answer(ANALYST, case.id, State.REMOVED).case
    assert after.standing.answers[0].version > case.standing.referral.version


def test_what_asks_somebody_else_or_was_passed_on_is_nobodys_to_answer_here(on: Referring) -> None:
    others: tuple[dict[str, Any], ...] = ({"to": RUSSIA}, {"by": "russia"})
    for more in others:
        one, seen = on.theirs(**more)
        on.arrives("japan", seen, json.loads(write_referral(one)))
        with pytest.raises(NotFound):
            on.refer.answer(ANALYST, one.id, State.REMOVED)
    assert on.refer.list() == []


def test_each_side_has_its_own_verbs(on: Referring) -> None:
    mine, theirs = on.sent(), on.receives()
    with pytest.raises(Refused, match="is ours"):
        on.refer.answer(ANALYST, mine.id, State.REMOVED)
    with pytest.raises(Refused, match="another party's"):
        on.refer.appeal(ANALYST, theirs.id, "No.")
    with pytest.raises(Refused, match="another party's"):
        on.refer.withdraw(ANALYST, theirs.id)
    assert not may_appeal(theirs)
    assert responses(mine) == []


def test_what_they_say_that_we_said_is_told_as_not_confirmed(on: Referring) -> None:
    one, seen = on.theirs()
    claimed = move(one, State.REMOVED, at=on.bench.clock.now + SECOND, by=OWN)
    on.arrives("japan", seen, json.loads(write_referral(claimed)))
    case = on.refer.find(one.id)
    assert [step.state for step in case.standing.unheard] == [State.REMOVED]


# ── finding one ───────────────────────────────────────────────────────────────────────────────────────────


def test_one_is_found_by_how_it_begins(on: Referring) -> None:
    case = on.sent()
    uuid = case.id.partition("--")[2]
    assert on.refer.find(uuid[:12]).id == case.id == on.refer.find(case.id[:22]).id
    for reference in ("", "referral--", "zz", malware("x")["id"]):
        with pytest.raises(NotFound):
            on.refer.find(reference)
