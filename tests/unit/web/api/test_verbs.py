"""The story in the API's verbs: hold, find, mark, preview, request, approve, recall. Each answer is as described."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.desk import ISSUER
from support.gate import Bench, benches, link, malware, party_id, report
from support.partner import Face, serving
from support.stix import indicator, text
from titian.core.health import Finding
from titian.core.merkle import TreeHead
from titian.core.peer_ledger import PeerLedger
from titian.core.people import Duty, local_operator
from titian.core.subscription import MINUTE, Progress, Subscription, Terms
from titian.core.tlp import Tlp
from titian.exchange.subscribe import NEVER
from titian.store.health import Health
from titian.store.peer_ledgers import PeerLedgers
from titian.web.api.caller import HEADER
from titian.web.api.schema import schema

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

PEOPLE: Final = {
    "analyst-one": Duty.ANALYST, "releaser-one": Duty.RELEASER, "auditor-one": Duty.AUDITOR,
    "keeper-one": Duty.ADMINISTRATOR,
}  # fmt: skip
described = schemathesis.openapi.from_dict(schema())


class Desk:
    """People of a node at its API. Every answer is compared with what the document says of it."""

    def __init__(self, bench: Bench, face: Face) -> None:
        self.bench = bench
        self._client = face._client
        self._tokens: dict[str, str] = {}
        for name, duty in PEOPLE.items():
            bench.node.people.add(name, duty, by=local_operator("setup"), issuer=ISSUER, subject=name)
            self._tokens[name] = bench.node.people.identity(ISSUER, name).token

    def ask(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        cookie = {"cookie": f"titian-session={self._tokens[who]}"}
        self._client.cookies.clear()
        if method != "GET":
            cookie[HEADER] = self._client.get("/api/v1/session", headers=cookie).json()["csrf"]
        answer: httpx.Response = self._client.request(method, f"/api/v1{path}", headers=cookie, **more)
        route = next(
            one
            for one in schema()["paths"]
            if _fits(one.removeprefix("/api/v1"), path) and method.lower() in schema()["paths"][one]
        )
        described[route][method].validate_response(answer)
        return answer

    def get(self, path: str, who: str = "analyst-one", **params: str) -> Any:
        answer = self.ask(who, "GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def does(self, who: str, path: str, *, status: int = 200, **body: Any) -> Any:
        answer = self.ask(who, "POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def job(self, who: str, job: dict[str, Any]) -> Any:
        end = time.monotonic() + 20
        while (now := self.get(f"/jobs/{job['id']}", who))["finished"] is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        return now


def _fits(route: str, path: str) -> bool:
    """Whether a path is of a route; the exact one comes first."""
    parts, given = route.split("/"), path.split("/")
    exact = path in {one.removeprefix("/api/v1") for one in schema()["paths"]}
    if exact:
        return route == path
    return len(parts) == len(given) and all(a == b or a.startswith("{") for a, b in zip(parts, given, strict=True))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    for make in benches(tmp_path):
        bench = make()
        bench.agree("jp", party_id("japan"), four_eyes=True)
        with serving(bench) as face:
            yield Desk(bench, face)


def test_from_a_report_to_its_recall(desk: Desk) -> None:
    kestrel, orchid = malware("Kestrel"), malware("Orchid", tlp=Tlp.RED)
    said = report("Financing", kestrel, orchid, tlp=Tlp.GREEN)
    done = desk.does("analyst-one", "/collections/Reports/objects", objects=[kestrel, orchid, said])
    assert (done["read"], done["added"], done["rejected"]) == (3, 3, [])

    marked = desk.does("analyst-one", "/marks", chosen=[kestrel["id"]], tlp="green", why="as agreed")
    assert marked["marked"] == [kestrel["id"]]

    seen = desk.does("analyst-one", "/releases/preview", chosen=[said["id"]], agreement="jp")
    (japan,) = seen["parties"]
    assert {one["id"]: one["rule"] for one in japan["withheld"]}.keys() >= {orchid["id"]}
    assert japan["released_count"] == len(japan["released"])

    asked = desk.does("analyst-one", "/releases", status=201, chosen=[kestrel["id"]], agreement="jp", reason="Seen")
    assert (asked["state"], asked["added"], asked["requester"]) == ("waiting", {}, "analyst-one")
    assert [one["id"] for one in desk.get("/releases")["items"]] == [asked["id"]]
    assert desk.get("/counts", "releaser-one")["approvals"] == 1
    assert desk.ask("analyst-one", "POST", f"/releases/{asked['id']}/approve", json={}).status_code == 403
    for why in ({}, {"why": ""}):
        without = desk.ask("releaser-one", "POST", f"/releases/{asked['id']}/approve", json=why)
        assert without.status_code == 400, "an approval has a reason"
    went = desk.does("releaser-one", f"/releases/{asked['id']}/approve", why="Checked")
    assert went["state"] == "done"
    assert went["added"][party_id("japan")] >= 1
    assert desk.get("/releases")["items"] == []
    assert desk.get("/releases", all="true")["items"][0]["decider"] == "releaser-one"
    assert "Kestrel" in desk.bench.names("japan")

    own = desk.bench.node.record.identity
    assert [(one["from"], one["to"], one["sent"] > 0) for one in desk.get("/flows")["flows"]] == [
        (own, party_id("japan"), True)
    ]
    (made,) = desk.does("analyst-one", "/recalls", status=201, chosen=[kestrel["id"]], reason="false-positive",
                        deadline="2027-01-15", why="A test sample")["items"]  # fmt: skip
    assert (made["state"], made["object_refs"]) == ("sent", [kestrel["id"]])
    assert "Kestrel" not in desk.bench.names("japan")
    assert [one["id"] for one in desk.get("/recalls")["items"]] == [made["id"]]
    assert desk.get(f"/recalls/{made['id'][:8]}")["id"] == made["id"]
    over = desk.does("analyst-one", f"/recalls/{made['id']}/withdraw", why="It was right")
    assert over["state"] == "withdrawn"


def test_what_is_held_is_found_and_read(desk: Desk) -> None:
    kestrel, heron = malware("Kestrel", tlp=Tlp.GREEN), malware("Heron", tlp=Tlp.AMBER)
    desk.bench.hold(kestrel, heron, link(kestrel, heron, tlp=Tlp.GREEN))
    (hit,) = desk.get("/find", q="kestrel", type="malware")["items"]
    assert (hit["id"], hit["tlp"], hit["fits"]) == (kestrel["id"], "TLP:GREEN", "exact")
    one = desk.get(f"/objects/{kestrel['id']}")
    assert (one["title"], one["object"]["name"], one["tlp"]) == ("Kestrel", "Kestrel", "TLP:GREEN")
    assert [
        each["places"][0]["collection"]["name"] for each in desk.get(f"/objects/{kestrel['id']}/versions")["items"]
    ] == ["Reports"]
    graph = desk.get(f"/objects/{kestrel['id']}/neighbours")
    assert [each["id"] for each in graph["nodes"]] == [kestrel["id"], heron["id"]]
    assert [(each["source"], each["target"]) for each in graph["edges"]] == [(kestrel["id"], heron["id"])]
    assert {each["kind"] for each in desk.get(f"/objects/{kestrel['id']}/timeline")["items"]} >= {"created", "added"}
    assert desk.get("/objects-by-type")["types"]["malware"] == 2
    assert desk.ask("analyst-one", "GET", f"/objects/malware--{'0' * 8}").status_code == 404


def test_what_was_kept_apart_is_decided_on(desk: Desk) -> None:
    into = desk.bench.node.collections.add("From Japan", received_from=party_id("japan"))
    node = desk.bench.node
    node.exchange._hold.hold([text({"type": "malware", "id": "malware--x"}), text(indicator())], into, source="Japan",
                             keep_rejected=True)  # fmt: skip
    (waits,) = desk.get("/inbox")["items"]
    assert desk.get(f"/inbox/{waits['number']}")["raw"]
    refused = desk.ask("analyst-one", "POST", f"/inbox/{waits['number']}/accept", json={"why": "It is fine"})
    assert refused.status_code == 409, "what is no STIX 2.1 is never taken in"
    done = desk.does("analyst-one", f"/inbox/{waits['number']}/reject", why="No object")
    assert (done["state"], done["why"]) == ("rejected", "No object")
    assert desk.get("/inbox")["items"] == []
    assert len(desk.get("/inbox", decided="true")["items"]) == 1


def test_ledgers_are_verified_and_entries_proved(desk: Desk) -> None:
    desk.bench.release(*desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN)), to="jp")
    names = {one["name"] for one in desk.get("/ledgers")["items"]}
    assert names == {"private", "jp"}
    job = desk.does("auditor-one", "/ledgers/verify", status=202)
    told = desk.job("auditor-one", job)
    assert (told["state"], told["result"]["holds"]) == ("done", True)
    assert desk.ask("analyst-one", "GET", f"/jobs/{job['id']}").status_code == 404
    seen = desk.get(f"/jobs/{job['id']}", "keeper-one")
    assert (seen["state"], seen["result"]) == ("done", None), "what came of it is for whose job it is"
    desk.does("auditor-one", "/ledgers/verify", status=202, of="japan")
    first = desk.get("/ledgers/jp/entries", "auditor-one", limit="1")
    assert first["next"] is not None
    entries = first["items"] + desk.get("/ledgers/jp/entries", "auditor-one", limit="1", after=first["next"])["items"]
    assert [one["number"] for one in entries] == [0, 1]
    proof = desk.get("/ledgers/jp/entries/0/proof", "auditor-one", closed="true")
    assert proof["proof"].startswith("c2sp.org/tlog-proof@v1")
    assert desk.ask("auditor-one", "GET", "/ledgers/jp/entries/9999/proof").status_code == 404
    assert desk.get("/ledgers/private/checkpoint")["note"]


def test_the_directory_is_kept(desk: Desk) -> None:
    made = desk.does("keeper-one", "/parties", status=201, name="Agency Three", kind="state-agency", country="BN",
                     alias="three", why="New")  # fmt: skip
    assert (made["alias"], made["own"]) == ("three", False)
    assert desk.does("keeper-one", "/agreements/jp/narrow", ceiling="green")["ceiling"] == "green"
    assert desk.does("keeper-one", "/agreements/jp/end", why="Replaced")["state"] == "ended"
    names = [one["name"] for one in desk.get("/parties", limit="2")["items"]]
    assert len(names) == 2
    assert desk.ask("keeper-one", "POST", "/parties", json={"name": "Agency Three", "kind": "ngo"}).status_code == 409


def test_keys_and_people_are_kept(desk: Desk) -> None:
    made = desk.does("keeper-one", "/keys", status=201, name="feed", role="reader", party="japan")
    assert made["key"].startswith("titian_")
    assert made["party"]["id"] == party_id("japan")
    assert "key" not in desk.get("/keys", "keeper-one")["items"][0]
    assert desk.does("keeper-one", "/keys/feed/revoke", why="Lost")["revoked"] is not None
    person = desk.does(
        "keeper-one", "/people", status=201, name="analyst-two", duty="analyst", issuer=ISSUER, subject="two"
    )
    assert (person["password"], person["address"]) == (False, None)
    assert desk.does("keeper-one", "/people/analyst-two/disable")["disabled"] is not None
    assert desk.does("keeper-one", "/people/analyst-two/enable", why="Back")["disabled"] is None
    told = [one["act"] for one in desk.get("/acts", "auditor-one", limit="5")["items"]]
    assert told[:2] == ["enable-person", "disable-person"] or "person" in told[0]
    card = desk.get("/peers/ours")
    assert card["card"].startswith("titian-card") or card["fingerprint"]


def test_queries_and_standing_rules(desk: Desk) -> None:
    desk.does("analyst-one", "/queries", status=201, name="green", tlp="green", types=["malware"])
    assert [one["name"] for one in desk.get("/queries")["items"]] == ["green"]
    rule = desk.does("analyst-one", "/releases/standing", status=201, query="green", agreement="jp", until="2027-01-01")
    assert (rule["state"], rule["query"]) == ("waiting", "green")
    assert desk.does("releaser-one", f"/releases/{rule['id']}/approve", why="Agreed")["state"] == "standing"
    assert desk.does("analyst-one", f"/releases/{rule['id']}/stop", why="Over")["state"] == "stopped"
    assert desk.ask("analyst-one", "DELETE", "/queries/green").json() == {"name": "green"}


def test_sightings_are_said_and_counted(desk: Desk) -> None:
    (seen,) = desk.bench.hold(indicator(object_marking_refs=malware("x", tlp=Tlp.GREEN)["object_marking_refs"]))
    (done,) = desk.does("analyst-one", "/sightings", ids=[seen], count=3, last="2026-09-20", keep=True)["items"]
    assert (done["of"], done["count"], done["returned"]) == (seen, 3, [])
    (known,) = desk.get("/sightings")["items"]
    assert (known["id"], known["count"]) == (seen, 3)


def test_what_takes_long_is_a_job(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report weighs what it refers to: one identifier may mean thousands of objects."""
    some = [malware(f"Kestrel {number}") for number in range(3)]
    said = report("Financing", *some, tlp=Tlp.GREEN)
    desk.bench.hold(*some, said)
    monkeypatch.setattr("titian.web.api.releases.AT_ONCE", 3)
    monkeypatch.setattr("titian.web.api.recalls.AT_ONCE", 3)

    def later(path: str, **body: Any) -> Any:
        answer = desk.ask("analyst-one", "POST", path, json={"chosen": [said["id"]], **body})
        assert answer.status_code == 202, answer.text
        job = answer.json().get("job") or answer.json()
        assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
        done = desk.job("analyst-one", job)
        assert done["state"] == "done", done
        return done["kind"], done["result"]

    kind, marked = later("/marks", tlp="green", why="as agreed")
    assert (kind, {one["id"] for one in some} <= {*marked["marked"]}) == ("mark", True)
    kind, seen = later("/releases/preview", agreement="jp")
    assert (kind, seen["parties"][0]["released_count"] >= 4) == ("preview", True)
    kind, asked = later("/releases", agreement="jp", reason="Seen")
    assert (kind, asked["state"]) == ("release", "waiting")
    desk.does("releaser-one", f"/releases/{asked['id']}/approve", why="Checked")
    kind, made = later("/recalls", reason="false-positive", deadline="2027-01-15", why="A test sample")
    assert (kind, made["items"][0]["state"]) == ("recall", "sent")


def test_health_is_seen_at_once_and_checked_by_a_job(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = Health.check, list[int]()

    def check(self: Health) -> list[Finding]:
        calls.append(1)
        return whole(self)

    monkeypatch.setattr(Health, "check", check)
    seen = desk.get("/health")
    assert {one["check"] for one in seen["findings"]} >= {"disk", "clock"}
    assert calls == [], "a page that is asked for all day reads nothing that grows"
    done = desk.job("analyst-one", desk.does("analyst-one", "/health", status=202))
    assert (done["state"], len(calls)) == ("done", 1)
    assert len(done["result"]["findings"]) > len(seen["findings"])


def subscribed(desk: Desk) -> Subscription:
    """A subscription in the node's book, as a partner's server would have made it; nothing of it was verified yet."""
    node = desk.bench.node
    into = node.collections.receiving("From Japan", party_id("japan"))
    agreement = next(iter(node.agreements.read().directory.agreements))
    one = Subscription(
        id="5a1e4c7e-0000-4000-8000-000000000001", collection=into.num, created=node.store.clock(), next_try=NEVER,
        terms=Terms(url="https://two.example/", remote="out", title="Agency Two", agreement=agreement,
                    party=party_id("japan"), every=MINUTE),
        progress=Progress(),
    )  # fmt: skip
    node.subscribe._book.add(one, "secret-of-partner", person="person-1")
    return one


def test_what_is_paused_does_not_go_on_past_a_broken_ledger(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the subscription has read nothing yet of the ledger of that party that was found broken."""
    one = subscribed(desk)
    desk.does("analyst-one", f"/subscriptions/{one.id}/pause", why="The ledger was changed")
    broken = PeerLedger(
        origin="two.example/x", id="x", party=party_id("japan"), agreement=None, url=None, keys=(),
        head=TreeHead(0, bytes(32)), checkpoint=None, seen=0, broken="Entry 3 was changed.",
    )  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(PeerLedgers, "all", lambda _: [broken])
        answer = desk.ask("analyst-one", "POST", f"/subscriptions/{one.id}/resume", json={"why": "they said so"})
        assert answer.status_code == 409
        assert "found broken: Entry 3 was changed." in answer.json()["detail"]
    assert desk.does("analyst-one", f"/subscriptions/{one.id}/resume", why="Settled")["paused"] is None


def test_no_private_address_is_subscribed_to_from_afar(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Terms] = []

    def subscribe(_: object, actor: object, terms: Terms, *more: object) -> Subscription:
        asked.append(terms)
        return subscribed(desk)

    monkeypatch.setattr("titian.exchange.subscribe.Subscribe.subscribe", subscribe)
    wish = {"url": "https://127.0.0.1/", "collection": "out", "agreement": "jp", "key": "x"}
    for who, status in (("analyst-one", 400), ("keeper-one", 403)):
        answer = desk.ask(who, "POST", "/subscriptions", json={**wish, "private": True})
        assert answer.status_code == status, who
    assert asked == []
    desk.does("analyst-one", "/subscriptions", status=201, **wish)
    assert [one.private for one in asked] == [False]
