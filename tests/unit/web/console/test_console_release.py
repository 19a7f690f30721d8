"""Release: preview side by side, warnings that must be answered, four eyes, standing rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support.console import Page
from support.console_desk import HOSTILE, ConsoleDesk, console_desk
from support.gate import ANALYST, DAY, SECOND, link, made, malware, party_id, report
from titian.core.collection import timestamp
from titian.core.gate import Query, Request, State
from titian.core.tlp import Tlp

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ConsoleDesk]:
    with console_desk(tmp_path / "node") as made_desk:
        yield made_desk


def to(desk: ConsoleDesk, *aliases: str) -> list[str]:
    """The boxes that choose these parties."""
    register = desk.bench.node.agreements.read()
    agreements = {"japan": register.agreement("jp").id, "russia": register.agreement("ru").id}
    return [f"{agreements[one]} {party_id(one)}" for one in aliases]


def preview(desk: ConsoleDesk, what: str, *aliases: str) -> str:
    """The address of a preview."""
    return "/release/preview?" + urlencode([("what", what), *(("to", one) for one in to(desk, *aliases))])


def ask(desk: ConsoleDesk, where: str, reason: str = "They need it", **fields: object) -> Request:
    """Ask for what is previewed, all warnings answered; the request that comes of it."""
    html = desk.forms(where)
    given = desk.hidden(html, "/release/requests")
    answered = re.findall(r'name="answered" value="([a-z]+)"', html)
    answer = desk.post("/release/requests", {**given, "answered": answered, "reason": reason, **fields})  # type: ignore[dict-item]
    assert answer.status_code == 303, Page(answer.text).text
    return desk.bench.node.release.find(answer.headers["location"].rpartition("/")[2])


def test_nothing_waits_yet(desk: ConsoleDesk) -> None:
    desk.sign_in("analyst-one")
    page = desk.page("/release")
    assert "Nothing waits for a decision." in page.text
    assert ("/release/new", "Begin a release") in page.links
    assert "Nothing was decided yet." in desk.page("/release?show=decided").text


def test_the_parties_are_shown_side_by_side_with_the_rule_in_words(desk: ConsoleDesk) -> None:
    amber, green = malware("Amber One", tlp=Tlp.AMBER), malware("Green One", tlp=Tlp.GREEN)
    bare = malware("Bare One")
    desk.bench.hold(amber, green, bare)
    desk.sign_in("analyst-one")
    what = " ".join(one["id"] for one in (amber, green, bare))
    answer = desk.post("/release/preview", {"what": what, "to": to(desk, "japan", "russia")})
    assert answer.status_code == 303
    page = desk.page(answer.headers["location"])
    japan, _, russia = page.text.partition("What Russia (RU) sees")
    assert "What Japan (JP) sees" in japan
    assert "Amber One" in japan
    assert "Marked more strictly than the agreement carries" in russia
    assert "Without a marking" in japan
    assert "TLP:AMBER is stricter than TLP:GREEN" in russia
    assert desk.bench.released() == []


def test_what_is_redacted_is_named(desk: ConsoleDesk) -> None:
    secret = malware("Hidden thing")
    shown = malware("Shown thing", tlp=Tlp.GREEN)
    told = report("Two things", shown, secret, tlp=Tlp.GREEN)
    desk.bench.hold(shown, secret, told)
    desk.sign_in("analyst-one")
    text = desk.page(preview(desk, told["id"], "japan")).text
    assert "redacted without Objects" in text
    assert "1 object is withheld" in text


def test_an_object_page_leads_here(desk: ConsoleDesk) -> None:
    held = malware("Known", tlp=Tlp.GREEN)
    desk.bench.hold(held)
    desk.sign_in("analyst-one")
    assert "Known" in desk.page(f"/release/new?object={held['id']}").text
    assert desk.get(f"/release/new?object={malware('other')['id']}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"what": "", "to": "jp"}, "Nothing is chosen yet.", id="nothing"),
        pytest.param({"what": "malware-without-end", "to": "jp"}, "These are no identifiers", id="no-identifier"),
        pytest.param({"what": "query:none", "to": ""}, "There is no agreement", id="no-agreement"),
        pytest.param({"what": "query:none"}, "Nobody is chosen yet.", id="nobody"),
        pytest.param({"what": malware("x")["id"], "to": "jp"}, "Nothing is held as", id="not-held"),
    ],
)
def test_what_cannot_be_previewed_is_said(desk: ConsoleDesk, fields: dict[str, str], says: str) -> None:
    desk.sign_in("analyst-one")
    answer = desk.post("/release/preview", fields)
    if answer.status_code == 303:
        answer = desk.get(answer.headers["location"])
    if answer.status_code == 303:
        answer = desk.get(answer.headers["location"])
    assert says in Page(answer.text).text


def test_every_warning_is_answered_before_the_request(desk: ConsoleDesk) -> None:
    person = made("identity", name="Person One", identity_class="individual", tlp=Tlp.GREEN)
    bare, good = malware("Bare"), malware("Good", tlp=Tlp.GREEN)
    desk.bench.hold(person, bare, good)
    desk.sign_in("analyst-one")
    where = preview(desk, f"{person['id']} {bare['id']} {good['id']}", "japan")
    html = desk.forms(where)
    assert set(re.findall(r'name="answered" value="([a-z]+)"', html)) == {"unmarked", "unpurposed"}
    given = desk.hidden(html, "/release/requests")
    answer = desk.post("/release/requests", {**given, "answered": ["unmarked"], "reason": "They need it"})
    assert answer.status_code == 422
    assert "Answer every warning first." in Page(answer.text).text
    answer = desk.post("/release/requests", {**given, "answered": ["unmarked", "unpurposed"], "reason": ""})
    assert "Give a reason" in Page(answer.text).text
    assert desk.bench.node.release.requests() == []
    assert ask(desk, where).state is State.WAITING


def test_people_and_ends_are_warned_of(desk: ConsoleDesk) -> None:
    account = made("identity", name="Person One", identity_class="individual", tlp=Tlp.GREEN)
    desk.bench.hold(account)
    desk.bench.mark(account["id"], purposes=("cybercrime",), expires=timestamp(desk.bench.clock.now + 3 * DAY))
    desk.sign_in("analyst-one")
    html = desk.forms(preview(desk, account["id"], "japan"))
    assert set(re.findall(r'name="answered" value="([a-z]+)"', html)) == {"personal", "ending"}
    assert "Person One" in html


def test_a_text_that_tells_needs_a_reason_and_a_second_person(desk: ConsoleDesk) -> None:
    secret = malware("Nightingale")
    told = report("All about", secret, tlp=Tlp.GREEN, description="It names Nightingale.")
    other = malware("Other", tlp=Tlp.GREEN)
    told["object_refs"].append(other["id"])
    desk.bench.hold(secret, told, other)
    desk.sign_in("analyst-one")
    where = preview(desk, told["id"], "japan")
    html = desk.forms(where)
    given = desk.hidden(html, "/release/requests")
    answered = re.findall(r'name="answered" value="([a-z]+)"', html)
    assert "told" in answered
    answer = desk.post("/release/requests", {**given, "answered": answered, "reason": "They need it"})
    assert answer.status_code == 422
    assert "Say why these texts may go all the same." in Page(answer.text).text
    made_request = ask(desk, where, override="It is known anyway")
    assert (made_request.override, made_request.reason) == ("It is known anyway", "They need it")


def test_what_changed_since_the_preview_is_looked_at_again(desk: ConsoleDesk) -> None:
    held = malware("One", tlp=Tlp.GREEN)
    desk.bench.hold(held)
    desk.sign_in("analyst-one")
    given = desk.hidden(desk.forms(preview(desk, held["id"], "japan")), "/release/requests")
    desk.bench.clock.now += SECOND
    desk.bench.mark(held["id"], tlp=Tlp.AMBER)
    answer = desk.post("/release/requests", {**given, "reason": "They need it"})
    assert answer.status_code == 422
    assert "Something has changed since you looked at it." in Page(answer.text).text


def test_four_eyes(desk: ConsoleDesk) -> None:
    held = malware("One", tlp=Tlp.AMBER)
    desk.bench.hold(held)
    desk.sign_in("releaser-one")
    asked = ask(desk, preview(desk, held["id"], "japan"))
    page = desk.page(f"/release/requests/{asked.id}")
    assert "You asked for it, so another person has to decide" in page.text
    decide = f"/release/requests/{asked.id}/decide"
    assert decide not in [action for action, _ in page.forms]
    assert desk.post(decide, {"decision": "approve", "why": "fine"}).status_code == 403
    desk.sign_in("analyst-one")
    page = desk.page(f"/release/requests/{asked.id}")
    assert "Your duty (Analyst) does not decide on releases." in page.text
    assert desk.post(decide, {"decision": "approve", "why": "fine"}).status_code == 403
    assert desk.bench.released() == []
    desk.sign_in("releaser-two")
    page = desk.page(f"/release/requests/{asked.id}")
    assert "They need it" in page.text
    assert "Everybody would still see exactly what was previewed." in page.text
    assert desk.post(decide, {"decision": "approve", "why": ""}).status_code == 422
    assert desk.bench.released() == []
    assert desk.post(decide, {"decision": "approve", "why": "I have looked"}).status_code == 303
    assert desk.bench.names("japan") == {"One"}
    done = desk.bench.node.release.find(asked.id)
    assert (done.state, done.why, done.reason) == (State.DONE, "I have looked", "They need it")
    assert "I have looked" in desk.page("/release?show=decided").text
    assert desk.post(decide, {"decision": "refuse", "why": "too late"}).status_code == 422


def test_a_refusal_is_read_by_who_asked(desk: ConsoleDesk) -> None:
    held = malware("One", tlp=Tlp.AMBER)
    desk.bench.hold(held)
    desk.sign_in("analyst-one")
    asked = ask(desk, preview(desk, held["id"], "japan"))
    desk.sign_in("releaser-one")
    desk.post(f"/release/requests/{asked.id}/decide", {"decision": "refuse", "why": "It names the source"})
    desk.sign_in("analyst-one")
    assert "It names the source" in desk.page(f"/release/requests/{asked.id}").text
    assert desk.bench.released() == []


def test_what_changed_meanwhile_fails_and_says_what(desk: ConsoleDesk) -> None:
    held = malware("One", tlp=Tlp.AMBER)
    desk.bench.hold(held)
    desk.sign_in("analyst-one")
    asked = ask(desk, preview(desk, held["id"], "japan"))
    desk.bench.clock.now += DAY
    desk.bench.mark(held["id"], tlp=Tlp.RED)
    desk.sign_in("releaser-one")
    assert "approving it would release nothing" in desk.page(f"/release/requests/{asked.id}").text
    answer = desk.post(f"/release/requests/{asked.id}/decide", {"decision": "approve", "why": "fine"})
    assert answer.status_code == 422
    page = Page(answer.text)
    assert "Something had changed since it was asked for" in page.text
    assert desk.bench.released() == []


def test_a_request_is_taken_back(desk: ConsoleDesk) -> None:
    held = malware("One", tlp=Tlp.AMBER)
    desk.bench.hold(held)
    desk.sign_in("analyst-one")
    asked = ask(desk, preview(desk, held["id"], "japan"))
    assert desk.post(f"/release/requests/{asked.id}/stop", {"why": ""}).status_code == 422
    assert desk.post(f"/release/requests/{asked.id}/stop", {"why": "A mistake"}).status_code == 303
    assert desk.bench.node.release.find(asked.id).state is State.STOPPED


def test_one_request_for_each_agreement(desk: ConsoleDesk) -> None:
    held = malware("One", tlp=Tlp.GREEN)
    desk.bench.hold(held)
    desk.sign_in("analyst-one")
    given = desk.hidden(desk.forms(preview(desk, held["id"], "japan", "russia")), "/release/requests")
    answer = desk.post("/release/requests", {**given, "reason": "They need it"})
    assert len(desk.bench.node.release.requests()) == 2
    assert "2 requests are made, one for each agreement." in desk.page(answer.headers["location"]).text


def test_a_standing_rule_is_asked_for_once(desk: ConsoleDesk) -> None:
    desk.sign_in("analyst-one")
    answer = desk.post("/release/queries", {"name": "greens", "tlp": "green", "type": ["malware"], "topics": "a, b"})
    assert answer.status_code == 303
    saved = Query(name="greens", tlp="green", types=("malware",), topics=("a", "b"))
    assert desk.bench.node.release.queries() == [saved]
    fields = {"query": "greens", "agreement": desk.bench.node.agreements.read().agreement("jp").id, "why": "Weekly"}
    assert desk.post("/release/standing", {**fields, "until": "soon"}).status_code == 422
    assert desk.post("/release/standing", {**fields, "until": "2027-01-31"}).status_code == 303
    (rule,) = desk.bench.node.release.requests()
    assert rule.state is State.WAITING
    desk.sign_in("releaser-one")
    page = desk.page(f"/release/requests/{rule.id}")
    assert "What the query greens finds, by itself" in page.text
    desk.post(f"/release/requests/{rule.id}/decide", {"decision": "approve", "why": "fine"})
    assert desk.bench.node.release.find(rule.id).state is State.STANDING
    assert "Stands" in desk.page("/release").text
    assert desk.post("/release/queries/remove", {"name": "greens"}).status_code == 303
    assert desk.bench.node.release.queries() == []


def test_what_could_take_long_is_a_job(desk: ConsoleDesk) -> None:
    held = [malware(f"Number {number}", tlp=Tlp.GREEN) for number in range(30)]
    desk.bench.hold(*held)
    desk.bench.node.release.save_query(ANALYST, Query(name="all", types=("malware",)))
    desk.sign_in("analyst-one")
    answer = desk.get(preview(desk, "query:all", "japan"))
    assert answer.status_code == 303
    if answer.headers["location"].startswith("/jobs/"):
        job = answer.headers["location"].rpartition("/")[2]
        answer.headers["location"] = f"/release/looked/{job}"
    where = answer.headers["location"]
    page = desk.page(where)
    assert "31 objects go" in page.text
    desk.sign_in("releaser-one")
    assert desk.get(where).status_code == 404


def test_strangers_texts_are_inert(desk: ConsoleDesk) -> None:
    held = malware(HOSTILE, tlp=Tlp.AMBER, description="x" * 1_000_000)
    other = malware("Other", tlp=Tlp.GREEN, description="<script>alert(2)</script>\u202etxt")
    desk.bench.hold(held, other, link(held, other, tlp=Tlp.GREEN))
    desk.sign_in("analyst-one")
    asked = ask(desk, preview(desk, f"{held['id']} {other['id']}", "japan"), reason=HOSTILE)
    where = preview(desk, f"{held['id']} {other['id']}", "japan", "russia")
    for path in (where, f"/release/requests/{asked.id}", "/release", f"/release/new?object={held['id']}"):
        html = desk.forms(path)
        assert "<script>alert" not in html
        assert "\u202e" not in html
        assert len(html) < 300_000
    assert "[RLO]" in desk.forms(where)


@pytest.mark.parametrize("name", ["auditor-one", "administrator-one"])
def test_who_may_not_preview_or_ask_does_not(desk: ConsoleDesk, name: str) -> None:
    desk.sign_in(name)
    for path in ("/release/new", "/release/preview?what=query:a&to=jp"):
        assert desk.get(path).status_code == 403
    for path in ("/release/preview", "/release/requests", "/release/queries", "/release/standing"):
        assert desk.post(path, {"what": "query:a", "to": "jp"}).status_code == 403
    assert desk.get("/release").status_code == 200


def test_a_forged_form_asks_for_nothing(desk: ConsoleDesk) -> None:
    desk.sign_in("analyst-one")
    assert desk.post("/release/requests", {"what": "query:a"}, token="").status_code == 403
    assert desk.get("/release/requests/nothing").status_code == 404
