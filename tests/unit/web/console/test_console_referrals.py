"""The page of referrals: what is asked and of whom, where it stands in words, answers, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from support.console import Page
from support.console_desk import HOSTILE, ConsoleDesk, console_desk
from support.gate import DAY, RELEASER
from support.referring import BASIS, URL, VIDEO, Referring
from support.stix import ipv4
from titian.core.referral import State
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.referred import Case

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

FIELDS: Final = {
    "content": URL, "source": "list", "designation": "National list", "reference": "N-17", "country": "ID",
    "legal_basis": BASIS, "what": "Remove the film", "why": "It calls for money.", "deadline": "2026-12-01",
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ConsoleDesk]:
    with console_desk(tmp_path / "node") as made:
        yield made


@pytest.fixture
def on(desk: ConsoleDesk) -> Referring:
    return Referring(desk.bench)


def fields(on: Referring, **more: str) -> dict[str, str]:
    party = on.bench.node.agreements.read().party(VIDEO).id
    return {**FIELDS, "to": f"{on.agreement('platforms')} {party}", **more}


def act(desk: ConsoleDesk, case: Case, **sent: str) -> Any:
    return desk.post(f"/referrals/{case.id}/act", sent)


def test_there_is_nothing_yet(desk: ConsoleDesk) -> None:
    desk.sign_in("auditor-one")
    text = desk.page("/referrals").text
    assert "Nothing that we are asked waits for an answer." in text
    assert "No referral of ours waits for an answer." in text
    assert "Nobody has referred anything to this organisation." in desk.page("/referrals?show=all").text
    assert desk.get("/referrals/nothing").status_code == 404


def test_it_is_in_the_navigation_and_an_object_leads_to_it(desk: ConsoleDesk, on: Referring) -> None:
    (seen,) = desk.bench.hold(ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.GREEN]]))
    desk.sign_in("analyst-one")
    assert ("/referrals", "Referrals") in desk.page("/").links
    links = dict(desk.page(f"/objects/{seen}").links)
    assert links[f"/referrals/new?object={seen}"] == "Refer this content to a platform"
    assert seen in desk.forms(f"/referrals/new?object={seen}")
    desk.sign_in("auditor-one")
    assert f"/referrals/new?object={seen}" not in dict(desk.page(f"/objects/{seen}").links)


def test_content_is_referred_and_waits_for_another_person(desk: ConsoleDesk, on: Referring) -> None:
    desk.sign_in("analyst-one")
    form = desk.forms("/referrals/new")
    assert "Video · Platforms" in form
    answer = desk.post("/referrals/new", fields(on))
    assert answer.status_code == 303, answer.text
    page = desk.page(answer.headers["location"])
    for words in ("It waits for another person to approve it.", "Referral to", "Video", URL, "A list", "National list",
                  "N-17", BASIS, "Remove the film", "It calls for money.", "Waits for an answer"):  # fmt: skip
        assert words in page.text, words
    (request,) = desk.bench.node.release.requests()
    assert (f"/release/requests/{request.id}", "the request") in page.links
    desk.bench.node.release.approve(RELEASER, request.id)
    assert "Released, not fetched yet" in desk.page("/referrals").text
    (case,) = on.refer.list()
    assert case.standing.referral.deadline is not None


@pytest.mark.parametrize(("more", "says"), [
    ({"source": ""}, "names no source"), ({"designation": ""}, "what it is called"),
    ({"legal_basis": " "}, "legal basis"),
    ({"to": ""}, "Choose whom to ask"), ({"content": "film"}, "no content"), ({"deadline": "soon"}, "no date"),
    ({"deadline": "2020-01-01"}, "passed"), ({"country": "ZZ"}, "no country"), ({"tlp": "pink"}, "pink"),
    ({"content": "videoport:bad.channel"}, "describes a person"),
])  # fmt: skip
def test_what_is_not_fair_is_told_with_what_was_written(
    desk: ConsoleDesk, on: Referring, more: dict[str, str], says: str
) -> None:
    desk.sign_in("analyst-one")
    answer = desk.post("/referrals/new", fields(on, **more))
    assert answer.status_code == 422
    assert says in Page(answer.text).text
    assert "It calls for money." in answer.text, "what was written is still there"
    assert on.refer.list() == []


def test_a_persons_account_is_referred_with_a_purpose_and_an_end(desk: ConsoleDesk, on: Referring) -> None:
    desk.sign_in("analyst-one")
    more = {"content": "videoport:bad.channel", "purpose": "cybercrime", "expires": "2027-01-01"}
    assert desk.post("/referrals/new", fields(on, **more)).status_code == 303


def test_what_is_asked_of_us_is_answered_with_a_reason(desk: ConsoleDesk, on: Referring) -> None:
    case = on.receives()
    desk.sign_in("analyst-one")
    assert "Japan" in desk.page("/referrals").text
    html = desk.forms(f"/referrals/{case.id}")
    assert "Kept: it stays on the platform. A reason is owed." in html
    assert "Reinstated: it is on" not in html
    for sent, says in (({"response": "kept"}, "reason"), ({}, "Choose an answer.")):
        answer = act(desk, case, act="answer", **sent)
        assert (answer.status_code, says in Page(answer.text).text) == (422, True)
    answer = act(desk, case, act="answer", response="kept", why="It is news.")
    assert answer.status_code == 303
    page = desk.page(answer.headers["location"])
    assert "It waits for another person to approve it." in page.text
    assert "It is news." in page.text
    assert on.refer.find(case.id).state is State.KEPT
    assert "Japan" not in desk.page("/referrals").text
    assert "Content kept" in desk.page("/referrals?show=all").text


def test_a_decision_is_appealed_and_a_referral_withdrawn(desk: ConsoleDesk, on: Referring) -> None:
    case = on.answered(on.sent(), State.KEPT, "It is news.")
    desk.sign_in("analyst-one")
    assert "Ask to decide again" in desk.forms(f"/referrals/{case.id}")
    assert act(desk, case, act="appeal", why="").status_code == 422
    answer = act(desk, case, act="appeal", why="It was listed since.", deadline="2026-12-31")
    assert "Appealed: to be decided again" in desk.page(answer.headers["location"]).text
    answer = act(desk, case, act="withdraw", why="The wrong film")
    assert "Withdrawn" in desk.page(answer.headers["location"]).text
    assert act(desk, case, act="withdraw").status_code == 422


def test_what_is_overdue_comes_first(desk: ConsoleDesk, on: Referring) -> None:
    late = on.sent(deadline=desk.bench.clock.now + 1_000_000)
    on.sent("https://video.example/8", deadline=None)
    desk.bench.clock.now += DAY // 24
    desk.sign_in("auditor-one")
    text = desk.page("/referrals").text
    assert "Overdue" in text
    assert text.index(URL) < text.index("video.example/8")
    assert "Overdue" in desk.page(f"/referrals/{late.id}").text


def test_what_does_not_count_is_told_apart(desk: ConsoleDesk, on: Referring) -> None:
    case = on.answered(on.answered(on.sent(), State.KEPT), State.REINSTATED)
    desk.sign_in("auditor-one")
    text = desk.page(f"/referrals/{case.id}").text
    assert "Answers that do not count" in text
    assert "cannot be reinstated" in text


def test_a_strangers_text_is_text(desk: ConsoleDesk, on: Referring) -> None:
    case = on.receives(name=HOSTILE, why=HOSTILE, legal_basis=[HOSTILE])
    desk.sign_in("analyst-one")
    for path in ("/referrals", f"/referrals/{case.id}"):
        html = desk.forms(path)
        assert "<script>alert" not in html
    assert "[RLO]" in desk.forms(f"/referrals/{case.id}")


@pytest.mark.parametrize("name", ["auditor-one", "releaser-one", "administrator-one"])
def test_who_may_not_write_reads_and_acts_not(desk: ConsoleDesk, on: Referring, name: str) -> None:
    case = on.receives()
    desk.sign_in(name)
    assert "<form" not in desk.forms(f"/referrals/{case.id}").partition("<main")[2].partition("</main>")[0]
    assert desk.get("/referrals/new").status_code == 403
    assert desk.post("/referrals/new", fields(on)).status_code == 403
    assert act(desk, case, act="answer", response="removed").status_code == 403
    assert [one.state for one in on.refer.list()] == [State.SENT]


def test_what_another_page_was_told_is_not_told_here(desk: ConsoleDesk, on: Referring) -> None:
    desk.sign_in("analyst-one")
    first = desk.post("/referrals/new", fields(on)).headers["location"]
    second = desk.post("/referrals/new", fields(on, content="https://video.example/8")).headers["location"]
    mixed = second.partition("?")[0] + "?" + first.partition("?")[2]
    assert "It waits for another person to approve it." not in desk.page(mixed).text
    assert "It waits" not in desk.page(second.partition("?")[0] + "?told=made-up").text
