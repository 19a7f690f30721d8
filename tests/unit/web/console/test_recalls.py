"""Recalls: the consequences before, where each recipient stands, answers to those of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import Page
from support.console_desk import HOSTILE, ConsoleDesk, console_desk
from support.gate import DAY, malware, party_id, report
from support.recalling import Recalling
from titian.core.gate import Put
from titian.core.recall import ReceivedState, State
from titian.core.recall_objects import Reason, Response
from titian.core.tlp import Tlp
from titian.exchange.proposing import propose

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")
LATER = "2026-12-24"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ConsoleDesk]:
    with console_desk(tmp_path / "node") as made:
        yield made


def released(desk: ConsoleDesk, name: str = "One") -> str:
    """The identifier of malware that Japan was released."""
    (identifier,) = desk.bench.hold(malware(name, tlp=Tlp.GREEN))
    desk.bench.release(identifier, to="jp")
    return identifier


def test_nothing_was_recalled_yet(desk: ConsoleDesk) -> None:
    desk.sign_in("analyst-one")
    text = desk.page("/recalls").text
    assert "No recall of another party waits for an answer." in text
    assert "No recall of this node is open." in text
    assert "This node has recalled nothing." in desk.page("/recalls?show=all").text


def test_the_consequences_come_first(desk: ConsoleDesk) -> None:
    thing = malware("One", tlp=Tlp.GREEN)
    about = report("About it", thing, tlp=Tlp.GREEN)
    desk.bench.hold(thing, about)
    desk.bench.release(about["id"], to="jp")
    desk.sign_in("releaser-one")
    fields = {"what": thing["id"], "reason": "false-positive", "deadline": LATER, "why": "A test sample"}
    answer = desk.post("/recalls/new", fields)
    assert answer.status_code == 200
    page = Page(answer.text)
    assert "What this recall does" in page.headings
    assert "Japan" in page.text
    assert "no: it stays unconfirmed" in page.text
    assert desk.bench.node.recalls.sent(everything=True) == []
    assert desk.bench.names("japan") == {"One", "About it"}
    answer = desk.post("/recalls/new", {**fields, "confirmed": "1"})
    assert answer.status_code == 303
    assert desk.bench.names("japan") == set()
    (made,) = desk.bench.node.recalls.sent(everything=True)
    assert (made.recall.why, made.recall.state) == ("A test sample", State.SENT)
    page = desk.page(answer.headers["location"])
    assert "Never had it" in page.text
    assert "False positive" in page.text
    assert "2 objects" in page.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"what": ""}, "Nothing is chosen yet.", id="nothing"),
        pytest.param({"deadline": "soon"}, "This is no date.", id="no-date"),
        pytest.param({"deadline": "2020-01-01"}, "This day is over already.", id="over"),
        pytest.param({"reason": "whim"}, "whim", id="reason"),
    ],
)
def test_what_cannot_be_recalled_so_is_said(desk: ConsoleDesk, change: dict[str, str], says: str) -> None:
    identifier = released(desk)
    desk.sign_in("analyst-one")
    fields = {"what": identifier, "reason": "legal", "deadline": LATER, **change}
    answer = desk.post("/recalls/new", {**fields, "confirmed": "1"})
    assert answer.status_code == 422
    assert says in Page(answer.text).text
    assert desk.bench.names("japan") == {"One"}


def test_what_nobody_is_served_has_no_consequences(desk: ConsoleDesk) -> None:
    (identifier,) = desk.bench.hold(malware("One", tlp=Tlp.GREEN))
    desk.sign_in("analyst-one")
    page = Page(desk.post("/recalls/new", {"what": identifier, "reason": "legal", "deadline": LATER}).text)
    assert "Nobody is served any of this" in page.text


def test_each_answer_is_shown_in_words(desk: ConsoleDesk) -> None:
    identifier = released(desk)
    recalling = Recalling(desk.bench)
    recalling.reads("japan")
    made = recalling.recall(identifier)
    recalling.reads("japan")
    recalling.says("japan", Response.REFUSED, HOSTILE)
    desk.sign_in("auditor-one")
    for path in ("/recalls", f"/recalls/{made.recall.id}"):
        html = desk.forms(path)
        assert "Refused" in Page(html).text
        assert "[RLO]" in html
        assert "<script>alert" not in html


def test_the_overdue_stand_out(desk: ConsoleDesk) -> None:
    identifier = released(desk)
    recalling = Recalling(desk.bench)
    recalling.reads("japan")
    recalling.recall(identifier, days=1)
    desk.bench.clock.now += 2 * DAY
    recalling.recalls.tick()
    desk.sign_in("analyst-one")
    text = desk.page("/recalls").text
    assert "Overdue" in text
    assert "over" in text


def test_a_recall_is_withdrawn_with_a_reason(desk: ConsoleDesk) -> None:
    identifier = released(desk)
    made = Recalling(desk.bench).recall(identifier)
    desk.sign_in("analyst-one")
    where = f"/recalls/{made.recall.id}/decide"
    assert desk.post(where, {"decision": "withdraw"}).status_code == 422
    assert desk.post(where, {"decision": "withdraw", "why": "It was right"}).status_code == 303
    assert "It was right" in desk.page(f"/recalls/{made.recall.id}").text
    assert "No recall of this node is open." in desk.page("/recalls").text
    assert "Withdrawn" in desk.page("/recalls?show=all").text


def narrowed(desk: ConsoleDesk) -> str:
    """The identifier of a recall that is proposed as after an agreement was narrowed."""
    released(desk)
    recalling = Recalling(desk.bench)
    with recalling.gate.writing() as session:
        collection = session.released(recalling.agreement("jp"), party_id("japan"))
        assert collection is not None
        live = session.live(collection)
        found = propose(session, collection, live, Reason.AGREEMENT_CHANGED)
        session.put(collection, Put(gone=[one.shown for one in live]))
    assert found is not None
    return found.id


def test_a_proposed_recall_is_dismissed_or_sent(desk: ConsoleDesk) -> None:
    ident = narrowed(desk)
    desk.sign_in("releaser-one")
    assert "Proposed" in desk.page("/recalls").headings
    assert "Ask for it back" in desk.page(f"/recalls/{ident}").headings
    where = f"/recalls/{ident}/decide"
    answer = desk.post(where, {"decision": "send", "deadline": LATER})
    assert answer.status_code == 422
    assert "Nobody was handed any of it" in Page(answer.text).text
    assert desk.post(where, {"decision": "dismiss", "why": "They may keep it"}).status_code == 303
    assert "Dismissed" in desk.page(f"/recalls/{ident}").text


# ── recalls of others ─────────────────────────────────────────────────────────────────────────────────────


def arrived(desk: ConsoleDesk, why: str = "bad source") -> tuple[str, Recalling]:
    """A recall by Japan of malware that it had sent, which is flagged; its identifier."""
    theirs = malware("Theirs", by=party_id("japan"), tlp=Tlp.GREEN)
    recalling = Recalling(desk.bench)
    recalling.holds_from("japan", theirs)
    assert recalling.arrives("japan", theirs["id"], why=why) is None
    (found,) = desk.bench.node.recalls.received()
    return found.id, recalling


def test_a_recall_of_another_party_is_answered(desk: ConsoleDesk) -> None:
    ident, recalling = arrived(desk)
    desk.sign_in("analyst-one")
    page = desk.page("/recalls")
    assert "Flagged" in page.text
    assert "bad source" in page.text
    page = desk.page(f"/recalls/{ident}")
    assert "Theirs" in page.text
    where = f"/recalls/{ident}/answer"
    for fields in ({}, {"response": "perhaps"}, {"response": "refuse", "why": ""}):
        assert desk.post(where, fields).status_code == 422
    assert desk.post(where, {"response": "refuse", "why": "We saw it ourselves"}).status_code == 303
    assert desk.bench.node.recalls.received(everything=True)[0].state is ReceivedState.REFUSED
    assert desk.post(where, {"response": "flag"}).status_code == 303
    assert desk.post(where, {"response": "apply"}).status_code == 303
    assert recalling.held("From japan") == set()
    assert "It was applied" in desk.page(f"/recalls/{ident}").text
    answer = desk.post(where, {"response": "refuse", "why": "too late"})
    assert answer.status_code == 422
    assert "It was applied" in Page(answer.text).text


def test_work_of_ours_stands_in_the_way_and_is_named(desk: ConsoleDesk) -> None:
    ident, recalling = arrived(desk)
    (theirs,) = recalling.held("From japan")
    ours = report("Ours", {"id": theirs}, tlp=Tlp.GREEN)
    desk.bench.hold(ours)
    desk.sign_in("analyst-one")
    answer = desk.post(f"/recalls/{ident}/answer", {"response": "apply"})
    assert answer.status_code == 422
    assert "Work of ours stands in the way" in Page(answer.text).text
    desk.post(f"/recalls/{ident}/answer", {"response": "apply", "also_local_work": "1"})
    assert recalling.held("From japan") == set()


def test_strangers_words_are_inert(desk: ConsoleDesk) -> None:
    ident, _ = arrived(desk, why=HOSTILE)
    desk.sign_in("analyst-one")
    for path in ("/recalls", f"/recalls/{ident}"):
        html = desk.forms(path)
        assert "<script>alert" not in html
        assert "\u202e" not in html


@pytest.mark.parametrize("name", ["auditor-one", "administrator-one"])
def test_who_may_not_recall_does_not(desk: ConsoleDesk, name: str) -> None:
    ident, _ = arrived(desk)
    desk.sign_in(name)
    assert "does not answer recalls" in desk.page(f"/recalls/{ident}").text
    assert desk.get("/recalls/new").status_code == 403
    for path in ("/recalls/new", f"/recalls/{ident}/answer", f"/recalls/{ident}/decide"):
        assert desk.post(path, {"response": "apply"}).status_code == 403
    assert desk.get("/recalls/nothing").status_code == 404


def test_a_forged_form_recalls_nothing(desk: ConsoleDesk) -> None:
    identifier = released(desk)
    desk.sign_in("analyst-one")
    fields = {"what": identifier, "reason": "legal", "deadline": LATER, "confirmed": "1"}
    assert desk.post("/recalls/new", fields, token="").status_code == 403
    assert desk.bench.names("japan") == {"One"}
