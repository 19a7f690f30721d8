"""Recall: what is taken back is gone before it is asked for, each recipient is followed, and local work stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.gate import (
    ADMINISTRATOR,
    ANALYST,
    AUDITOR,
    DAY,
    OWN,
    RELEASER,
    Bench,
    benches,
    link,
    made,
    malware,
    party_id,
    report,
)
from support.recalling import Recalling
from support.stix import Object, ipv4, revision, statement
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused
from titian.core.gate import Put
from titian.core.people import Actor
from titian.core.recall import Standing, State, barred
from titian.core.recall_objects import AnswerMessage, Reason, Response, write_answer
from titian.core.survey import Survey
from titian.core.tlp import Tlp
from titian.exchange.proposing import propose
from titian.exchange.recall_received import answered
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


def released(on: Recalling, *values: Object, to: str = "jp") -> list[str]:
    """Objects that are held and released."""
    ids = on.bench.hold(*values)
    on.bench.release(*ids, to=to)
    return ids


def kestrel(name: str = "Kestrel") -> Object:
    return malware(name, tlp=Tlp.GREEN)


def everything(on: Recalling, alias: str) -> str:
    """All text that a party is served, but for the recalls."""
    raws = [raw for some in on.bench.raw_served(alias).values() for raw in some]
    return "\n".join(raw.decode() for raw in raws if json.loads(raw)["type"] != "recall")


def standings(overview: Overview) -> dict[str, str]:
    return {one.party: one.standing.value for one in overview.recipients}


def now(on: Recalling, ident: str) -> Overview:
    found = on.recalls.find(ident)
    assert isinstance(found, Overview)
    return found


# ── what goes ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_recalled_is_out_and_the_recall_is_in(on: Recalling) -> None:
    bad, good = released(on, kestrel(), kestrel("Goshawk"))
    on.reads("japan")
    made_ = on.recall(bad, why="It was a test file.")
    assert bad not in everything(on, "japan")
    assert on.bench.names("japan") == {"Goshawk"}
    message = on.message("japan")
    assert (message.objects, message.reason, message.why) == ((bad,), Reason.FALSE_POSITIVE, "It was a test file.")
    assert message.agreement == on.agreement("jp")
    assert message.deadline // 1000 == (made_.recall.deadline or 0) // 1000
    assert good in on.bench.served("japan")


def test_what_refers_to_it_goes_too_in_every_version_and_all_that_refers_to_that(on: Recalling) -> None:
    bad, good = kestrel(), kestrel("Goshawk")
    tie = link(bad, good, tlp=Tlp.GREEN)
    both = report("Both", bad, good, tlp=Tlp.GREEN)
    about = made("note", content="On the report", object_refs=[both["id"]], tlp=Tlp.GREEN)
    former = report("Former", bad, good, tlp=Tlp.GREEN)
    released(on, bad, good, tie, both, about, former)
    (later,) = on.bench.hold(revision(former, 1000, object_refs=[good["id"]]))
    on.bench.release(later, to="jp")
    on.reads("japan")
    taken = on.recall(bad["id"])
    assert bad["id"] not in everything(on, "japan")
    assert set(on.message("japan").objects) == {bad["id"], tie["id"], both["id"], about["id"], former["id"]}
    assert set(on.bench.served("japan")) == {OWN, good["id"], on.message("japan").id}
    chosen = {one.source for one in taken.recipients[0].taken if one.chosen}
    assert chosen == {bad["id"]}, "what refers to it may go again, without it"


def test_a_report_takes_along_what_nothing_else_needs(on: Recalling) -> None:
    alone, shared = kestrel("Alone"), kestrel("Shared")
    one, other = report("One", alone, shared, tlp=Tlp.GREEN), report("Other", shared, tlp=Tlp.GREEN)
    released(on, alone, shared, one, other)
    on.reads("japan")
    on.recall(one["id"])
    assert on.bench.names("japan") == {"Shared", "Other"}
    assert set(on.message("japan").objects) == {one["id"], alone["id"]}


def test_a_definition_that_nothing_else_bears_goes_without_being_named(on: Recalling) -> None:
    mark = statement("Only for Kestrel")
    bad = malware("Kestrel", tlp=Tlp.GREEN, marks=[mark["id"]])
    on.bench.hold(mark, bad, kestrel("Goshawk"))
    on.bench.release(bad["id"], to="jp")
    assert mark["id"] in everything(on, "japan")
    on.reads("japan")
    on.recall(bad["id"])
    assert mark["id"] not in everything(on, "japan")
    assert on.message("japan").objects == (bad["id"],)


def test_each_party_is_told_the_identifiers_that_it_knows(on: Recalling) -> None:
    secret = made("malware", name="Kestrel", description="from a source", is_family=False, tlp=Tlp.GREEN)
    secret["granular_markings"] = [{
        "marking_ref": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "selectors": ["description"]
    }]  # fmt: skip
    (bad,) = released(on, secret, to="two")
    on.reads("japan", "russia")
    on.recall(bad)
    names = {alias: on.message(alias) for alias in ("japan", "russia")}
    assert len({bad, *names["japan"].objects, *names["russia"].objects}) == 3
    assert names["japan"].id != names["russia"].id


def test_law_5_what_nobody_was_handed_is_named_to_nobody(on: Recalling) -> None:
    address = ipv4("198.51.100.7")
    address["object_marking_refs"] = kestrel()["object_marking_refs"]
    first = released(on, kestrel(), to="two")
    on.reads("japan", "russia")
    second = released(on, address, to="two")
    on.reads("japan")
    made_ = on.recall(*first, *second)
    assert set(on.message("japan").objects) == {*first, *second}
    assert on.message("russia").objects == (first[0],)
    assert standings(made_) == {JAPAN: "waiting", RUSSIA: "waiting"}


def test_who_never_read_it_is_told_nothing_and_has_nothing_to_give_back(on: Recalling) -> None:
    (bad,) = released(on, kestrel(), to="two")
    on.reads("japan")
    made_ = on.recall(bad)
    assert standings(made_) == {JAPAN: "waiting", RUSSIA: "never-read"}
    assert on.messages("russia") == []
    assert bad not in everything(on, "russia")


def test_a_delivery_that_is_recorded_late_still_has_its_recall(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    ident = on.recall(bad).recall.id
    assert on.messages("japan") == []
    on.reads("japan")
    assert on.recalls.tick() == []
    assert on.message("japan").objects == (bad,)
    on.reads("japan")
    assert standings(now(on, ident)) == {JAPAN: "silent"}


def test_it_can_be_limited_to_an_agreement_and_to_parties(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    on.bench.release(bad, to="two")
    on.reads("japan", "russia")
    on.recall(bad, agreement="two", parties=["russia"])
    assert on.bench.names("russia") == set()
    assert on.bench.names("japan") == {"Kestrel"}
    deadline = on.bench.clock.now + DAY
    made_ = on.recalls.recall(ANALYST, [bad], reason=Reason.LEGAL, deadline=deadline)
    assert {one.recall.agreement for one in made_} == {on.agreement("jp"), on.agreement("two")}
    assert on.bench.names("japan") == set()


def test_only_what_the_party_sees_is_named_as_the_replacement(on: Recalling) -> None:
    bad, better, unseen = on.bench.hold(kestrel(), kestrel("Better"), kestrel("Unseen"))
    on.bench.release(bad, better, to="jp")
    on.reads("japan")
    on.recall(bad, replaced_by=[better, unseen])
    assert on.message("japan").replaced_by == (better,)


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_recall_of_what_nobody_is_served_writes_nothing(on: Recalling) -> None:
    released(on, kestrel("Goshawk"))
    (kept,) = on.bench.hold(kestrel())
    before = on.bench.raw_served("japan")
    with pytest.raises(Refused, match="Nobody is served"):
        on.recall(kept)
    with pytest.raises(NotFound):
        on.recall("malware--00000000-0000-4000-8000-000000000000")
    assert on.bench.raw_served("japan") == before
    assert on.recalls.sent(everything=True) == []


def test_a_deadline_that_is_over_is_refused(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    with pytest.raises(InvalidInput, match="deadline"):
        on.recall(bad, days=0)
    assert on.bench.names("japan") == {"Kestrel"}


@pytest.mark.parametrize("actor", [ADMINISTRATOR, AUDITOR], ids=lambda actor: actor.name)
def test_only_who_may_ask_for_a_release_may_recall(on: Recalling, actor: Actor) -> None:
    (bad,) = released(on, kestrel())
    with pytest.raises(Forbidden):
        on.recalls.recall(actor, [bad], reason=Reason.LEGAL, deadline=on.bench.clock.now + DAY)
    for verb in (on.recalls.dismiss, on.recalls.withdraw):
        with pytest.raises(Forbidden):
            verb(actor, "1", "why")
    with pytest.raises(Forbidden):
        on.recalls.answer(actor, "1", Response.APPLIED)
    assert on.bench.names("japan") == {"Kestrel"}


# ── following each recipient ──────────────────────────────────────────────────────────────────────────────────


def test_a_recipient_waits_then_is_silent_then_overdue_and_may_answer_still(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    on.reads("japan")
    ident = on.recall(bad, days=7).recall.id
    assert standings(now(on, ident)) == {JAPAN: "waiting"}
    on.reads("japan")
    assert standings(now(on, ident)) == {JAPAN: "silent"}
    on.bench.clock.now += 7 * DAY
    assert [(one.recall.id, one.party) for one in on.recalls.tick()] == [(ident, JAPAN)]
    assert on.recalls.tick() == [], "it is told once"
    assert standings(now(on, ident)) == {JAPAN: "overdue"}
    assert on.says("japan", Response.APPLIED) is None
    assert standings(now(on, ident)) == {JAPAN: "applied"}


def test_a_client_that_cannot_answer_is_unconfirmed(on: Recalling) -> None:
    on.handed.speaking.clear()
    (bad,) = released(on, kestrel())
    on.reads("japan")
    ident = on.recall(bad).recall.id
    assert standings(now(on, ident)) == {JAPAN: "waiting"}
    on.reads("japan")
    assert standings(now(on, ident)) == {JAPAN: "unconfirmed"}
    on.bench.clock.now += 7 * DAY
    assert on.recalls.tick() == []
    assert standings(now(on, ident)) == {JAPAN: "unconfirmed"}


def test_answers_are_kept_and_a_refusal_can_become_applied(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    on.reads("japan")
    ident = on.recall(bad).recall.id
    assert on.says("japan", Response.REFUSED, "We saw it ourselves.") is None
    assert standings(now(on, ident)) == {JAPAN: "refused"}
    assert on.says("japan", Response.FLAGGED, passed_on=2, objects=(bad,)) is None
    assert on.says("japan", Response.APPLIED, passed_on=3) is None
    (recipient,) = now(on, ident).recipients
    assert [(one.response.value, one.passed_on) for one in recipient.answers] == [
        ("refused", 0), ("flagged", 2), ("applied", 3)
    ]  # fmt: skip
    assert recipient.standing is Standing.APPLIED
    assert on.recalls.sent() == [], "all is settled"
    assert len(on.recalls.sent(everything=True)) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by": RUSSIA}, "created by"),
        ({"recall": "recall--00000000-0000-4000-8000-000000000000"}, "no such recall"),
        ({"objects": ("malware--00000000-0000-4000-8000-000000000000",)}, "does not name"),
        ({"response": Response.REFUSED, "why": " "}, "without a reason"),
    ],
    ids=["of another", "of no recall", "of another object", "without a reason"],
)
def test_an_answer_that_is_none_changes_nothing(on: Recalling, change: dict[str, object], says: str) -> None:
    (bad,) = released(on, kestrel())
    on.reads("japan")
    ident = on.recall(bad).recall.id
    message = on.message("japan")
    good = {"id": "recall-answer--00000000-0000-4000-8000-000000000001", "by": JAPAN, "created": message.created,
            "version": message.version + 1000, "recall": message.id, "response": Response.APPLIED}  # fmt: skip
    with on.gate.writing() as session:
        reason = answered(session, on.handed, JAPAN, write_answer(AnswerMessage(**{**good, **change})))
    assert reason is not None
    assert says in reason
    assert standings(now(on, ident)) == {JAPAN: "waiting"}


def test_an_answer_to_what_another_party_was_asked_does_not_count(on: Recalling) -> None:
    (bad,) = released(on, kestrel(), to="two")
    on.reads("japan", "russia")
    ident = on.recall(bad).recall.id
    message = on.message("japan")
    stolen = AnswerMessage(id="recall-answer--00000000-0000-4000-8000-000000000001", by=RUSSIA,
                           created=message.created, version=message.version, recall=message.id,
                           response=Response.APPLIED)  # fmt: skip
    with on.gate.writing() as session:
        assert answered(session, on.handed, RUSSIA, write_answer(stolen)) is not None
    assert standings(now(on, ident)) == {JAPAN: "waiting", RUSSIA: "waiting"}


# ── again ─────────────────────────────────────────────────────────────────────────────────────────────────────


def bars(on: Recalling, *identifiers: str, party: str = JAPAN) -> set[str]:
    """Which of some objects may not go to a party because of a recall."""
    agreement = on.agreement("jp")
    with on.gate.reading() as session:
        facts = Survey(session.find(identifiers)).facts
        return set(barred(session.recalls, agreement, party, facts))


def test_a_later_version_may_go_and_the_same_one_when_the_recall_is_withdrawn(on: Recalling) -> None:
    value = kestrel()
    (bad,) = released(on, value)
    on.reads("japan")
    ident = on.recall(bad).recall.id
    assert bars(on, bad) == {bad}
    assert bars(on, bad, party=RUSSIA) == set()
    on.recalls.withdraw(RELEASER, ident[:8], "It was none.")
    assert bars(on, bad) == set()
    assert on.message("japan").withdrawn
    on.bench.release(bad, to="jp")
    on.reads("japan")
    on.recall(bad)
    assert bars(on, bad) == {bad}
    on.bench.hold(revision(value, 1000, name="Kestrel, corrected"))
    assert bars(on, bad) == set()
    on.bench.release(bad, to="jp")
    assert "Kestrel, corrected" in on.bench.names("japan")


def test_a_correction_that_was_not_released_yet_is_not_recalled(on: Recalling) -> None:
    value = kestrel()
    (bad,) = released(on, value)
    on.bench.hold(revision(value, 1000, name="Kestrel, corrected"))
    on.reads("japan")
    on.recall(bad)
    assert bars(on, bad) == set()


def test_a_message_stays_when_what_is_served_is_projected_again(on: Recalling) -> None:
    bad, good = released(on, kestrel(), kestrel("Goshawk"))
    on.reads("japan")
    on.recall(bad)
    on.bench.mark(good, tlp=Tlp.CLEAR)
    assert on.message("japan").objects == (bad,)


def test_what_is_recalled_is_not_released_again(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    on.reads("japan")
    on.recall(bad)
    with pytest.raises(Refused):
        on.bench.release(bad, to="jp")
    assert on.bench.names("japan") == set()


# ── proposals ─────────────────────────────────────────────────────────────────────────────────────────────────


def proposed(on: Recalling, alias: str = "japan", reason: Reason = Reason.AGREEMENT_CHANGED) -> str | None:
    """Have everything that a party is served under ``jp`` go, as after a change of the agreement."""
    with on.gate.writing() as session:
        collection = session.released(on.agreement("jp"), party_id(alias))
        assert collection is not None
        live = session.live(collection)
        found = propose(session, collection, live, reason, identify=on.recalls._identify)
        session.put(collection, Put(gone=[one.shown for one in live]))
        return None if found is None else found.id


def test_a_change_proposes_a_recall_that_a_person_sends(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    on.reads("japan")
    ident = proposed(on)
    assert ident is not None
    (shown,) = on.recalls.sent()
    assert (shown.recall.state, shown.recall.reason) == (State.PROPOSED, Reason.AGREEMENT_CHANGED)
    assert on.messages("japan") == []
    on.recalls.send(ANALYST, ident, on.bench.clock.now + DAY)
    assert set(on.message("japan").objects) == {bad, OWN}
    assert standings(now(on, ident)) == {JAPAN: "waiting"}
    with pytest.raises(Refused, match="no recall that was proposed"):
        on.recalls.send(ANALYST, ident, on.bench.clock.now + DAY)


def test_proposals_of_one_agreement_and_cause_are_one(on: Recalling) -> None:
    (one,) = released(on, kestrel())
    on.reads("japan")
    first = proposed(on)
    (two,) = released(on, kestrel("Goshawk"))
    on.reads("japan")
    assert proposed(on) == first
    released(on, kestrel("Osprey"))
    assert proposed(on, reason=Reason.EXPIRED) != first
    assert first is not None
    on.recalls.send(ANALYST, first, on.bench.clock.now + DAY)
    assert set(on.message("japan").objects) == {one, two, OWN}


def test_a_proposal_that_concerns_nobody_is_not_shown_and_cannot_be_sent(on: Recalling) -> None:
    released(on, kestrel())
    ident = proposed(on)
    assert ident is not None
    assert on.recalls.sent() == []
    with pytest.raises(Refused, match="handed"):
        on.recalls.send(ANALYST, ident, on.bench.clock.now + DAY)
    assert now(on, ident).recall.state is State.PROPOSED
    with pytest.raises(InvalidInput):
        on.recalls.dismiss(ANALYST, ident, " ")
    assert on.recalls.dismiss(ANALYST, ident, "Nobody has it.").state is State.DISMISSED


def test_who_has_lost_access_is_told_where_they_can_read_it(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    released(on, kestrel("Goshawk"), to="two")
    on.reads("japan")
    ident = proposed(on)
    assert ident is not None
    with on.gate.writing() as session:
        collection = session.released(on.agreement("jp"), JAPAN)
        assert collection is not None
        session.tx.run("UPDATE collections SET closes = ? WHERE num = ?", on.bench.clock.now, collection.num)
    on.recalls.send(ANALYST, ident, on.bench.clock.now + DAY)
    assert bad in on.message("japan").objects
    assert on.message("japan").agreement == on.agreement("jp")


# ── what is remembered ────────────────────────────────────────────────────────────────────────────────────────


def test_every_step_is_an_act(on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    on.reads("japan")
    ident = on.recall(bad).recall.id
    on.says("japan", Response.REFUSED, "No.")
    on.recalls.withdraw(RELEASER, ident, "It was none.")
    acts = [(one.act, one.person) for one in on.bench.node.acts.list()]
    for expected in (("recall", RELEASER.id), ("recall-answered", JAPAN), ("withdraw-recall", RELEASER.id)):
        assert expected in acts
