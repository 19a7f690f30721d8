"""Private matching in the console: it explains itself, shows what is offered and asked, and lets those act who may."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from support.bridge import ANALYST, RELEASER, B, Bridge, Peer
from support.console import PEOPLE, ConsoleBench, Page, add_people
from support.pages import outside
from support.wallets import address, wallets
from titian.core.matching import Mode, Offer, OfferState, Outcome, Run, RunState, Wanted
from titian.core.people import Actor
from titian.core.screening import ValueKind
from titian.exchange.agree import By
from titian.exchange.public_agreements import public_agreements
from titian.settings import FILE

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

STRICT = "indonesia-japan-terrorism"
HOSTILE = '"><script>alert(1)</script>'
OTHER = Actor("somebody-else", f"Analyst Two {HOSTILE}", ANALYST.duty)
MINE, THEIRS = range(1, 40), range(30, 60)


class Both:
    """Two nodes that know wallets and have subscribed to each other, each with a console and somebody before it."""

    def __init__(self, bridge: Bridge, a: ConsoleBench, b: ConsoleBench) -> None:
        self.bridge, self.a, self.b = bridge, a, b

    def between(self, other: Peer) -> str:
        """How a form names a partner under the agreement of both."""
        return f"{other.agreement.id} {other.id}"

    def offer(self, **fields: Any) -> str:
        """Have the first node offer to the second; the page that comes of it."""
        asked = {"to": self.between(self.bridge.b), "kind": "wallet", "mode": "intersection"} | fields
        made = ends(self.a, self.a.post("/matching/offers", asked), "/matching/offers/")
        if asked["mode"] == "labelled":
            # Of notes a second person decides.
            self.bridge.a.node.match().approve(RELEASER, made.rpartition("/")[2])
        return made

    def ask(self, files: Any = None, **fields: Any) -> str:
        """Have the second node ask the first; the page that comes of it."""
        asked = {"to": self.between(self.bridge.a), "kind": "wallet", "mode": "intersection", "what": "all"} | fields
        return ends(self.b, self.b.post("/matching/runs", asked, files=files), "/matching/runs/")


@contextmanager
def consoled(bridge: Bridge, peer: Peer) -> Iterator[ConsoleBench]:
    """A peer's node, served with its console."""
    add_people(peer.node)
    with peer.stopped() as home:
        settings = home / FILE
        settings.write_text(settings.read_text("utf-8").replace("console = false", "console = true"), "utf-8")
    assert peer._client is not None
    made = ConsoleBench(peer.home, peer._client)
    made.sign_in("analyst-one")
    yield made


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with pytest.MonkeyPatch.context() as patch, Bridge(tmp_path_factory.mktemp("matching")) as bridge:
        # What a job does, it does by the node that is served.
        patch.setattr("titian.node.connect", bridge.connect)
        a, b = bridge.a, bridge.b
        a.node.agreements.add(public_agreements()[STRICT].encode(), By(person="local:test", why="as agreed"))
        a.hold(*wallets(*MINE))
        b.hold(*wallets(*THEIRS))
        a.release("what opens the channel")
        bridge.subscribe(b, a)
        with consoled(bridge, a) as first, consoled(bridge, b) as second:
            yield Both(bridge, first, second)


def ends(bench: ConsoleBench, answer: Any, path: str) -> str:
    """Wait for the job that a form has begun; the path of what came of it."""
    assert answer.status_code == 303, (answer.status_code, Page(answer.text).text)
    until = time.monotonic() + 60
    while True:
        page = bench.page(answer.headers["location"])
        found = [href for href, _ in page.links if href.startswith(path)]
        if found:
            return found[0]
        assert "Failed" not in page.text, page.text
        assert time.monotonic() < until, page.text
        time.sleep(0.05)


def failed(bench: ConsoleBench, answer: Any) -> str:
    """Wait for a job that fails; what its page says."""
    until = time.monotonic() + 60
    while "Failed" not in (said := bench.page(answer.headers["location"]).text):
        assert time.monotonic() < until, said
        time.sleep(0.05)
    return said


def offered(peer: Peer, actor: Actor = ANALYST, **changes: Any) -> Offer:
    """An offer of the first node's, waiting for a second person."""
    agreement = peer.node.agreements.read().agreement(STRICT).id
    wanted = {"party": B, "kind": ValueKind.WALLET, "agreement": agreement}
    made = peer.node.match().offer(actor, Wanted(**(wanted | changes)))
    assert made.state is OfferState.WAITING
    return made


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_explains_itself(both: Both) -> None:
    page = both.a.page("/matching")
    for said in (
        "neither shows the other its list", "Only the overlap is seen", "What each side learns", "Intersection",
        "Mutual", "Number only", "With notes", "Guesses", "Values that can be listed", "Repeated questions", "Sizes",
        "A partner is answered 10,000 such values a day here, and 1,000,000 of each other kind",
    ):  # fmt: skip
        assert said in page.text
    assert ("/matching", "Private matching") in both.a.page("/").links
    assert ("/matching", "Private matching") in both.a.page("/help").links
    answer = both.a.get("/matching").text
    assert outside(answer) == []
    assert " style=" not in answer


@pytest.mark.parametrize("who", PEOPLE)
def test_all_read_and_who_may_ask_for_releases_has_the_forms(both: Both, who: str) -> None:
    may = who in {"analyst-one", "releaser-one"}
    try:
        both.b.sign_in(who)
        forms = {action for action, _ in both.b.page("/matching").forms}
        assert ({"/matching/offers", "/matching/runs"} <= forms) == may
        for path in ("/matching/offers", "/matching/runs"):
            assert both.b.post(path, {"to": "x"}).status_code == (422 if may else 403)
    finally:
        both.b.sign_in("analyst-one")


def test_a_stranger_is_sent_to_sign_in(both: Both) -> None:
    try:
        both.a.client.cookies.clear()
        for path in ("/matching", "/matching/runs/0", "/matching/runs/0/common.csv", "/matching/offers/0"):
            answer = both.a.get(path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    finally:
        both.a.sign_in("analyst-one")


def test_a_form_without_its_token_is_refused(both: Both) -> None:
    for path in ("offers", "runs", "offers/0/decide", "offers/0/withdraw"):
        assert both.a.post(f"/matching/{path}", {"why": "x"}, token="").status_code == 403


@pytest.mark.parametrize("path", ["runs/0", "runs/0/common.csv", "runs/%25", "runs/_", "offers/0", "offers/%25"])
def test_what_is_not_there_is_not_found(both: Both, path: str) -> None:
    answer = both.a.get(f"/matching/{path}")
    assert answer.status_code == 404
    assert "`" not in answer.text, "a page does not speak of commands"


# ── offering and asking ───────────────────────────────────────────────────────────────────────────────────


def test_one_offers_and_the_other_asks(both: Both) -> None:
    offer = both.a.page(both.offer(days="3", pad="10"))
    assert "Stands" in offer.text
    assert "40 rounded up to a multiple of 10" in offer.text
    run = both.ask()
    page = both.b.page(run)
    for said in ("30 asked", "40 offered", "10 common", "It does not know which",
                 "Our commitment", "Their commitment", address(35)):  # fmt: skip
        assert said in page.text, page.text
    assert (f"/find?q={address(35)}", f"Find it {address(35)}") in page.links
    table = both.b.get(f"{run}/common.csv")
    rows = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert rows == [["value", "kind", "note"], *([address(one), "wallet", ""] for one in range(30, 40))]
    assert "attachment" in table.headers["content-disposition"]
    # Both list it: who asked what was found, who offered that nothing was told.
    here, there = both.b.page("/matching"), both.a.page("/matching")
    assert run in [href for href, _ in here.links]
    assert "not told to us" in there.text
    assert not [href for href, _ in there.links if href.startswith("/matching/runs/")]
    # And what was seen of the partner's offers stands beside it.
    assert "Wallet, Intersection, size 40, until" in here.text


def test_the_common_values_can_be_screened(both: Both) -> None:
    both.offer()
    page = both.b.page(both.ask())
    assert "/screening" in [action for action, _ in page.forms]
    answer = both.b.post("/screening", {"kind": "wallet", "values": f"{address(30)}\n{address(31)}"})
    assert answer.status_code in {200, 303}


def test_notes_come_with_what_is_common_and_no_formula(both: Both) -> None:
    both.offer(mode="labelled")
    run = both.ask(mode="labelled", what="some", values=f"{address(5)}\n{address(99)}\nno wallet\n")
    page = both.b.page(run)
    assert f"wallet: {address(5)}" in page.text
    assert "1 left out" in page.text


def test_values_come_from_a_file_too(both: Both) -> None:
    both.offer()
    files = {"file": ("list.csv", f"value,kind\r\n{address(31)},wallet\r\n".encode(), "text/csv")}
    assert "1 asked" in both.b.page(both.ask(what="some", files=files)).text


def test_the_mode_mutual_says_that_the_partner_learnt_it_too(both: Both) -> None:
    both.offer(mode="mutual")
    page = both.b.page(both.ask(mode="mutual", what="some", values=address(31)))
    assert "and which of them are common (1)" in page.text


def test_the_mode_cardinality_tells_no_value(both: Both) -> None:
    both.offer(mode="cardinality")
    page = both.b.page(both.ask(mode="cardinality"))
    assert "10 common" in page.text
    assert "This mode tells a number, and no value." in page.text
    assert address(31) not in page.text


def test_what_a_partner_does_not_offer_is_said_by_the_job(both: Both) -> None:
    asked = {"to": both.between(both.bridge.a), "kind": "domain", "mode": "intersection", "what": "some",
             "values": "evil.example"}  # fmt: skip
    assert "offers no values of the kind domain" in failed(both.b, both.b.post("/matching/runs", asked))


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("offers", {"to": "nobody"}, "Choose one of the list"),
        ("offers", {"kind": "person"}, "Choose one of the list"),
        ("offers", {"mode": HOSTILE}, "Choose one of the list"),
        ("offers", {"days": "0"}, "from 1 to 366"),
        ("offers", {"days": "9999999"}, "from 1 to 366"),
        ("offers", {"days": HOSTILE[:9]}, "from 1 to 366"),
        ("offers", {"pad": "7"}, "Choose one of the list"),
        ("offers", {"collection": "no such"}, "Choose one of the list"),
        ("runs", {"what": "some"}, "Nothing was given"),
        ("runs", {"what": "all", "values": address(1)}, "all that is held was chosen"),
        ("runs", {"what": "some", "values": "a\0b"}, "no text"),
        ("runs", {"what": "some", "values": "x" * 200_000}, "longer than"),
    ],
)
def test_what_is_wrong_is_said_at_the_form(both: Both, path: str, fields: dict[str, str], said: str) -> None:
    bench, other = (both.a, both.bridge.b) if path == "offers" else (both.b, both.bridge.a)
    asked = {"to": both.between(other), "kind": "wallet", "mode": "intersection"} | fields
    answer = bench.post(f"/matching/{path}", asked)
    assert answer.status_code == 422
    assert said in Page(answer.text).text
    assert "<script>alert" not in answer.text


def test_a_list_is_pasted_or_uploaded_and_not_both(both: Both) -> None:
    asked = {"to": both.between(both.bridge.a), "kind": "wallet", "mode": "intersection", "what": "some",
             "values": address(1)}  # fmt: skip
    answer = both.b.post("/matching/runs", asked, files={"file": ("list.txt", b"x", "text/plain")})
    assert answer.status_code == 422
    assert "pasted values, or a file" in Page(answer.text).text
    assert address(1) in answer.text, "what was pasted stands in the form again"


# ── deciding ──────────────────────────────────────────────────────────────────────────────────────────────


def test_another_releaser_approves_with_a_reason(both: Both) -> None:
    offer = offered(both.bridge.a, OTHER)
    path = f"/matching/offers/{offer.id}"
    assert "asks for two persons for every release" in both.a.page("/matching").text
    assert "A releaser who did not make it has to" in both.a.page(path).text
    assert both.a.post(f"{path}/decide", {"decision": "approve", "why": "x"}).status_code == 403
    try:
        both.a.sign_in("releaser-one")
        assert path in [href for href, _ in both.a.page("/").links], "it waits on the first page"
        assert f"{path}/decide" in [action for action, _ in both.a.page("/matching").forms]
        assert both.a.post(f"{path}/decide", {"decision": "approve"}).status_code == 422
        assert both.a.post(f"{path}/decide", {"decision": "perhaps", "why": "x"}).status_code == 400
        answer = both.a.post(f"{path}/decide", {"decision": "approve", "why": "as discussed"})
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        assert "Stands" in both.a.page(path).text
        again = both.a.post(f"{path}/decide", {"decision": "refuse", "why": "x"})
        assert again.status_code == 422
        assert "standing already" in again.text
    finally:
        both.a.sign_in("analyst-one")
    assert both.bridge.a.node.matches.find(offer.id).state is OfferState.STANDING


def test_nobody_decides_on_an_offer_of_their_own(both: Both) -> None:
    try:
        both.a.sign_in("releaser-one")
        me = next(one for one in both.bridge.a.node.people.list() if one.name == "releaser-one")
        path = f"/matching/offers/{offered(both.bridge.a, Actor(me.id, me.name, me.duty)).id}"
        assert "You made it, so another releaser decides." in both.a.page(path).text
        assert f"{path}/decide" not in [action for action, _ in both.a.page("/matching").forms]
        assert both.a.post(f"{path}/decide", {"decision": "approve", "why": "x"}).status_code == 403
    finally:
        both.a.sign_in("analyst-one")


def test_an_offer_is_refused_or_withdrawn_with_a_reason(both: Both) -> None:
    try:
        both.a.sign_in("releaser-one")
        path = f"/matching/offers/{offered(both.bridge.a, OTHER).id}"
        assert both.a.post(f"{path}/decide", {"decision": "refuse", "why": f"no {HOSTILE}"}).status_code == 303
        assert "Refused" in both.a.page(path).text
    finally:
        both.a.sign_in("analyst-one")
    path = both.offer()
    assert both.a.post(f"{path}/withdraw").status_code == 422
    assert both.a.post(f"{path}/withdraw", {"why": "not needed"}).status_code == 303
    page = both.a.page(path)
    assert "Taken back" in page.text
    assert f"{path}/withdraw" not in [action for action, _ in page.forms]
    assert both.a.post(f"{path}/withdraw", {"why": "again"}).status_code == 422


@pytest.mark.parametrize("who", ["auditor-one", "administrator-one"])
def test_who_only_reads_decides_nothing(both: Both, who: str) -> None:
    path = f"/matching/offers/{offered(both.bridge.a, OTHER).id}"
    try:
        both.a.sign_in(who)
        assert both.a.page(path).headings[0].startswith("Our offer")
        for act in ("decide", "withdraw"):
            assert both.a.post(f"{path}/{act}", {"decision": "approve", "why": "x"}).status_code == 403
    finally:
        both.a.sign_in("analyst-one")


# ── what strangers wrote ──────────────────────────────────────────────────────────────────────────────────


def _found(both: Both, state: RunState, outcome: Outcome | None, **changes: Any) -> str:
    """A run of the second node's, as if it had taken place; its path."""
    peer = both.bridge.b
    run = Run(id=f"{len(peer.node.matches.runs(1000)):032x}", ours=True, offer="0" * 64, agreement=peer.agreement.id,
              party=both.bridge.a.id, kind=ValueKind.WALLET, mode=Mode.LABELLED, epoch="e", begun=peer.clock(),
              asked=3, offered=9, person=ANALYST.id, state=RunState.RUNNING)  # fmt: skip
    peer.node.matches.begin_asking(run, b"\1" * 32)
    done = msgspec.structs.replace(run, state=state, ended=peer.clock(), **changes)
    if state is not RunState.RUNNING:
        peer.node.matches.finish_asking(done, outcome)
    return f"/matching/runs/{run.id}"


def test_values_and_notes_are_text(both: Both) -> None:
    """A partner writes what it likes into a note."""
    outcome = Outcome(values=(HOSTILE, "=1+1"), notes=("\u202e" + HOSTILE, "=cmd|' /C calc'!A0"))
    path = _found(both, RunState.DONE, outcome, common=2)
    html = both.b.get(path).text
    assert "<script>alert" not in html
    assert "[RLO]" in html
    assert outside(html) == []
    rows = list(csv.reader(io.StringIO(both.b.get(f"{path}/common.csv").content.decode("utf-8-sig"))))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]
    assert "<script>alert" not in both.a.get("/matching").text, "names, reasons and all"


def test_many_values_come_in_pages(both: Both) -> None:
    values = tuple(address(one) for one in range(250))
    path = _found(both, RunState.DONE, Outcome(values=values), common=250)
    assert "1 to 100 of 250" in both.b.page(path).text
    last = both.b.page(f"{path}?page=3")
    assert [href for href, _ in last.links if href.startswith("/find?q=")] == [f"/find?q={one}" for one in values[200:]]
    assert "Screen them" in last.text
    for odd in ("0", "99", "x", "٣"):
        assert both.b.get(f"{path}?page={odd}").status_code == 200
    assert len(both.b.get(f"{path}/common.csv").text.splitlines()) == 251


@pytest.mark.parametrize(("mode", "perhaps"), [(Mode.MUTUAL, True), (Mode.INTERSECTION, False)])
def test_a_run_that_broke_says_why_and_what_the_partner_may_know(both: Both, mode: Mode, perhaps: bool) -> None:
    page = both.b.page(_found(both, RunState.BROKEN, None, why="The partner does not answer.", mode=mode))
    assert "Nothing came of it: The partner does not answer." in page.text
    assert ("perhaps which of them are common" in page.text) == perhaps


def test_a_run_that_goes_on_says_so(both: Both) -> None:
    assert "The partner is being asked" in both.b.page(_found(both, RunState.RUNNING, None)).text


@pytest.mark.parametrize("language", ["id", "ja", "ru"])
def test_the_pages_speak_the_languages(both: Both, language: str) -> None:
    for path in ("/matching", _found(both, RunState.DONE, Outcome(values=(address(1),)), common=1)):
        answer = both.b.get(path, **{"accept-language": language})
        assert answer.status_code == 200
        assert "Private matching" not in Page(answer.text).text


def test_looking_loads_nothing(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """What offers and asks costs 60 MB: pages that only show do without."""
    offer = next(one for one in both.bridge.a.node.matches.offers() if one.ours)
    run = _found(both, RunState.DONE, Outcome(), common=0)
    monkeypatch.delattr("titian.screen.opening.Matchmaking.__call__")
    for bench, path in ((both.a, "/"), (both.a, "/matching"), (both.a, f"/matching/offers/{offer.id}"), (both.b, run)):
        assert bench.get(path).status_code == 200
