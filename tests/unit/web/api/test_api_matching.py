"""Private matching over the JSON API: offers and questions as jobs, decisions, and what a run told."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import httpx
import pytest

from support.bridge import Bridge, Peer
from support.desk import ISSUER
from support.wallets import address, wallets
from titian.core.matching import MATCHED, RunState
from titian.core.people import Duty, local_operator
from titian.exchange.agree import By
from titian.exchange.public_agreements import public_agreements
from titian.node import Node
from titian.settings import FILE
from titian.web.api.caller import HEADER
from titian.web.api.matching import Kind
from titian.web.api.schema import schema

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

PEOPLE: Final = {"analyst-one": Duty.ANALYST, "releaser-one": Duty.RELEASER, "auditor-one": Duty.AUDITOR}
STRICT: Final = "indonesia-japan-terrorism"
described = schemathesis.openapi.from_dict(schema())


class Desk:
    """People of a node at its API. Every answer is compared with what the document says of it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._tokens: dict[str, str] = {}
        people = peer.node.people
        for name, duty in PEOPLE.items():
            people.add(name, duty, by=local_operator("setup"), issuer=ISSUER, subject=name)
            self._tokens[name] = people.identity(ISSUER, name).token

    def ask(self, who: str, method: str, path: str, route: str = "", **more: Any) -> httpx.Response:
        client = self.peer._client
        assert client is not None
        headers = {"cookie": f"titian-session={self._tokens[who]}"}
        client.cookies.clear()
        if method != "GET":
            headers[HEADER] = client.get("/api/v1/session", headers=headers).json()["csrf"]
        answer: httpx.Response = client.request(method, f"/api/v1{path}", headers=headers, **more)
        described[f"/api/v1{route or path}"][method].validate_response(answer)
        return answer

    def get(self, path: str, route: str = "", **params: Any) -> Any:
        answer = self.ask("auditor-one", "GET", path, route, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def start(self, path: str, **body: Any) -> dict[str, Any]:
        """Begin a job; how it stands."""
        answer = self.ask("analyst-one", "POST", path, json=body)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
        return job

    def ended(self, job: dict[str, Any]) -> Any:
        """A job once it has ended."""
        end = time.monotonic() + 20
        while (now := self.job(job))["finished"] is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        return now

    def job(self, job: dict[str, Any]) -> Any:
        return self.ask("analyst-one", "GET", f"/jobs/{job['id']}", "/jobs/{job}").json()

    def does(self, path: str, **body: Any) -> Any:
        """What came of a job."""
        job = self.ended(self.start(path, **body))
        assert job["state"] == "done", job
        return job["result"]

    def decide(self, who: str, offer: str, how: str, **body: Any) -> httpx.Response:
        return self.ask(who, "POST", f"/matches/offers/{offer}/{how}", f"/matches/offers/{{offer}}/{how}", json=body)


@pytest.fixture
def bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bridge]:
    """Two nodes that know wallets, with their API; the second has subscribed to the first."""
    with Bridge(tmp_path) as made:
        made.a.hold(*wallets(*range(1, 8)))
        made.b.hold(*wallets(*range(5, 12)))
        made.a.release("what opens the channel")
        made.subscribe(made.b, made.a)
        for peer in (made.a, made.b):
            _open_api(monkeypatch, made, peer)
        yield made


def _open_api(monkeypatch: pytest.MonkeyPatch, bridge: Bridge, peer: Peer) -> None:
    opened = peer._opened

    def connected() -> Node:
        node = opened()
        node.subscribe._connect = bridge.connect
        return node

    monkeypatch.setattr(peer, "_opened", connected)
    with peer.stopped() as home:
        settings = home / FILE
        settings.write_text(settings.read_text("utf-8").replace("console = false\n", ""), "utf-8")


@pytest.fixture
def ours(bridge: Bridge) -> Desk:
    """Who offers."""
    return Desk(bridge.a)


@pytest.fixture
def theirs(bridge: Bridge) -> Desk:
    """Who asks."""
    return Desk(bridge.b)


OFFER: Final = {"party": "mofa-japan", "kind": "wallet"}
ASK: Final = {"party": "bnpt", "kind": "wallet"}


def test_the_kinds_are_those_that_can_be_matched() -> None:
    assert set(get_args(Kind)) == {one.value for one in MATCHED}


def test_from_an_offer_to_what_is_common(ours: Desk, theirs: Desk) -> None:
    made = ours.does("/matches/offers", **OFFER, why="as agreed", days=2)
    assert made == {"offer": made["offer"], "state": "standing", "size": 7}
    told = theirs.does("/matches/runs", **ASK)
    assert told == {"run": told["run"], "common": 3, "asked": 7, "offered": 7, "left_out": 0}

    run = theirs.get(f"/matches/runs/{told['run']}", "/matches/runs/{run}")
    assert sorted(run["outcome"]["values"]) == [address(one) for one in (5, 6, 7)]
    assert (run["ours"], run["state"], run["common"], run["outcome"]["notes"]) == (True, "done", 3, [])
    assert run["party"]["name"] == "bnpt"
    (answered,) = ours.get("/matches/runs")["items"]
    assert (answered["id"], answered["ours"], answered["asked"], answered["common"]) == (run["id"], False, 7, None)
    assert ours.get(f"/matches/runs/{run['id']}", "/matches/runs/{run}")["outcome"] is None

    (offer,) = ours.get("/matches/offers")["items"]
    assert (offer["id"], offer["person"], offer["left_today"]) == (made["offer"], "analyst-one", 999_993)
    (fetched,) = theirs.get("/matches/offers")["items"]
    assert (fetched["id"], fetched["ours"], fetched["left_today"]) == (offer["id"], False, None)
    # The commitments are those in both ledgers.
    (one,) = [each for each in _entries(theirs.peer) if each["what"] == "asked"]
    assert one["commitment"] == run["outcome"]["committed"]


def _entries(peer: Peer) -> list[dict[str, Any]]:
    found = peer.node.ledger_desk.entries(peer.ledger().origin, limit=10_000)
    return [dict(one.entry.details) for one in found if one.entry.kind == "match"]


def test_in_the_mode_mutual_both_are_told(ours: Desk, theirs: Desk) -> None:
    ours.does("/matches/offers", **OFFER, mode="mutual")
    told = theirs.does("/matches/runs", **ASK, mode="mutual")
    here, there = (desk.get(f"/matches/runs/{told['run']}", "/matches/runs/{run}") for desk in (theirs, ours))
    assert sorted(here["outcome"]["values"]) == sorted(there["outcome"]["values"])
    assert (here["common"], there["common"]) == (3, 3)
    assert here["outcome"]["committed"] == there["outcome"]["committed_by_party"]


def test_values_that_were_given_are_asked(ours: Desk, theirs: Desk) -> None:
    made = ours.does("/matches/offers", **OFFER, mode="labelled")
    # Of notes a second person decides.
    route = "/matches/offers/{offer}/approve"
    decided = ours.ask("releaser-one", "POST", route.format(offer=made["offer"]), route, json={})
    assert decided.status_code == 200, decided.text
    told = theirs.does("/matches/runs", **ASK, mode="labelled", values=[address(1), address(98), "no wallet"])
    assert (told["common"], told["asked"], told["left_out"]) == (1, 2, 1)
    outcome = theirs.get(f"/matches/runs/{told['run'][:12]}", "/matches/runs/{run}")["outcome"]
    assert (outcome["values"], outcome["notes"]) == ([address(1)], [f"wallet: {address(1)}"])


def test_lists_are_read_page_by_page(ours: Desk, theirs: Desk) -> None:
    ours.does("/matches/offers", **OFFER)
    ours.does("/matches/offers", **OFFER, mode="mutual")
    ids = [theirs.does("/matches/runs", **ASK, values=[address(one)])["run"] for one in (1, 2, 3)]
    for path, count in (("/matches/runs", 3), ("/matches/offers", 1)):
        found: list[str] = []
        page = theirs.get(path, limit=1)
        while True:
            found += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            page = theirs.get(path, limit=1, after=page["next"])
        assert len(found) == len(set(found)) == count
        if path == "/matches/runs":
            assert set(found) == set(ids)
    assert len(ours.get("/matches/offers")["items"]) == 2


def test_a_second_person_decides(ours: Desk, bridge: Bridge) -> None:
    bridge.a.node.agreements.add(public_agreements()[STRICT].encode(), By(person="local:test", why="as agreed"))
    made = ours.does("/matches/offers", **OFFER, agreement=STRICT)
    assert made["state"] == "waiting"
    offer = made["offer"]
    assert ours.decide("analyst-one", offer, "approve").status_code == 403
    approved = ours.decide("releaser-one", offer[:12], "approve", why="as discussed").json()
    assert (approved["state"], approved["why"]) == ("standing", "as discussed")
    assert approved["needs"]
    assert ours.decide("releaser-one", offer, "refuse", why="too late").status_code == 409
    assert ours.decide("analyst-one", offer, "withdraw").status_code == 400, "a reason is needed"
    assert ours.decide("analyst-one", offer, "withdraw", why="a mistake").json()["state"] == "withdrawn"
    again = ours.does("/matches/offers", **OFFER, agreement=STRICT)["offer"]
    assert ours.decide("releaser-one", again, "refuse", why="not now").json()["state"] == "refused"
    assert ours.decide("releaser-one", "f" * 64, "approve").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/matches/offers", {"kind": "person"}, 400, "does not fit"),
        ("/matches/offers", {"party": "nobody"}, 404, "There is no party"),
        ("/matches/offers", {"agreement": "none"}, 404, "There is no agreement"),
        ("/matches/offers", {"collections": ["None"]}, 404, "None"),
        ("/matches/offers", {"pad": 0}, 400, "does not fit"),
        ("/matches/offers", {"days": 0}, 400, "does not fit"),
        ("/matches/offers", {"mode": "all"}, 400, "does not fit"),
        ("/matches/offers", {"values": ["x"]}, 400, "does not fit"),
        ("/matches/runs", {"kind": "walet"}, 400, "does not fit"),
        ("/matches/runs", {"values": []}, 400, "does not fit"),
        ("/matches/runs", {"values": ["x" * 5_000]}, 400, "does not fit"),
        ("/matches/runs", {"values": ["x"], "collections": ["Reports"]}, 400, "not both"),
        ("/matches/runs", {"party": "nobody"}, 404, "There is no party"),
    ],
)
def test_what_is_plainly_wrong_is_told_at_once(
    ours: Desk, path: str, body: dict[str, Any], status: int, says: str
) -> None:
    answer = ours.ask("analyst-one", "POST", path, json={**OFFER, **body})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert ours.get("/jobs")["items"] == []


def test_a_job_says_why_it_failed(ours: Desk, theirs: Desk) -> None:
    for desk, path, body, says in (
        (ours, "/matches/offers", {**OFFER, "kind": "phone"}, "Nothing of the kind phone is held"),
        (theirs, "/matches/runs", ASK, "offers no values of the kind wallet"),
        (ours, "/matches/runs", OFFER, "no subscription"),
        (theirs, "/matches/runs", {**ASK, "values": ["none"]}, "There is no value of the kind wallet"),
    ):
        job = desk.ended(desk.start(path, **body))
        assert (job["state"], job["result"]) == ("failed", None)
        assert says in job["message"]


def test_a_job_stops_while_it_asks(ours: Desk, theirs: Desk, bridge: Bridge) -> None:
    ours.does("/matches/offers", **OFFER)
    asked, goes_on = threading.Event(), threading.Event()

    def hold(request: httpx.Request, _: httpx.Response) -> None:
        if request.method == "POST":
            asked.set()
            assert goes_on.wait(20)

    bridge.a.tamper = hold
    job = theirs.start("/matches/runs", **ASK)
    assert asked.wait(20)
    answer = theirs.ask("analyst-one", "POST", f"/jobs/{job['id']}/cancel", "/jobs/{job}/cancel")
    assert answer.status_code == 200
    # The thread that looks what is not wanted any more comes by every 0.3 s.
    time.sleep(1)
    goes_on.set()
    ended = theirs.ended(job)
    assert (ended["state"], ended["result"]) == ("cancelled", None)
    (run,) = theirs.peer.node.matches.runs()
    assert (run.state, run.common) == (RunState.BROKEN, None)
    assert theirs.get(f"/matches/runs/{run.id}", "/matches/runs/{run}")["outcome"] is None


def test_only_who_began_an_offer_stops_it(ours: Desk) -> None:
    """An administrator stops other people's jobs, but not those that decide what partners get."""
    people = ours.peer.node.people
    people.add("keeper-one", Duty.ADMINISTRATOR, by=local_operator("setup"), issuer=ISSUER, subject="keeper-one")
    ours._tokens["keeper-one"] = people.identity(ISSUER, "keeper-one").token
    job = ours.start("/matches/offers", **OFFER)
    answer = ours.ask("keeper-one", "POST", f"/jobs/{job['id']}/cancel", "/jobs/{job}/cancel")
    assert answer.status_code == 403
    assert ours.ended(job)["state"] == "done"
