"""Who may use each route: a row per route, and nobody else gets further than the door."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from support.console import PEOPLE, ConsoleBench, console
from titian.core.access import Role
from titian.core.party import Party, PartyKind
from titian.core.people import Permission
from titian.exchange.agree import By
from titian.node import open_node
from titian.web.api.caller import HEADER, KEYS
from titian.web.api.schema import handlers

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

CALLERS: Final = {"a": "analyst-one", "r": "releaser-one", "u": "auditor-one", "m": "administrator-one",
                  "R": "reader", "W": "writer", "A": "admin", "P": "partner", "S": "single"}  # fmt: skip
"""Persons by their duty, the organisation's own keys by their role, a partner's key, an own key of one collection."""
READS: Final = "arumRWA"
ANYONE: Final = READS + "PS"
PERSONS: Final = "arum"
INSIDE: Final = PERSONS + "A"
WHO: Final = {
    "GET /find": ANYONE,
    "GET /screen": ANYONE,
    "POST /screen": ANYONE,
    "POST /screen/stream": ANYONE,
    "GET /objects": ANYONE,
    "GET /objects/{identifier}": ANYONE,
    "GET /objects/{identifier}/raw": ANYONE,
    "GET /objects/{identifier}/versions": ANYONE,
    "GET /objects/{identifier}/neighbours": READS,
    "GET /objects/{identifier}/timeline": READS,
    "GET /objects-by-type": ANYONE,
    "POST /collections/{collection}/objects": "aWAS",
    "GET /collections": ANYONE,
    "GET /collections/{collection}": ANYONE,
    "POST /collections": "a",
    "GET /parties": READS,
    "GET /parties/{party}": READS,
    "POST /parties": "m",
    "POST /parties/{party}/join": "m",
    "POST /parties/{party}/leave": "m",
    "GET /agreements": READS,
    "GET /agreements/{agreement}": READS,
    "POST /agreements": "m",
    "POST /agreements/{agreement}/end": "m",
    "POST /agreements/{agreement}/narrow": "m",
    "POST /agreements/{agreement}/members": "m",
    "POST /agreements/{agreement}/members/remove": "m",
    "POST /agreements/{agreement}/consent": "m",
    "GET /dialogues": READS,
    "GET /flows": INSIDE,
    "POST /releases/preview": "ar",
    "GET /releases": INSIDE,
    "GET /releases/{release}": INSIDE,
    "POST /releases": "ar",
    "POST /releases/standing": "ar",
    "POST /releases/{release}/approve": "r",
    "POST /releases/{release}/refuse": "r",
    "POST /releases/{release}/stop": "ar",
    "GET /queries": INSIDE,
    "POST /queries": "ar",
    "DELETE /queries/{name}": "ar",
    "POST /marks": "a",
    "GET /recalls": INSIDE,
    "GET /recalls/received": INSIDE,
    "GET /recalls/{recall}": INSIDE,
    "POST /recalls": "ar",
    "POST /recalls/{recall}/answer": "ar",
    "POST /recalls/{recall}/send": "ar",
    "POST /recalls/{recall}/dismiss": "ar",
    "POST /recalls/{recall}/withdraw": "ar",
    "GET /matches/offers": INSIDE,
    "POST /matches/offers": "ar",
    "POST /matches/offers/{offer}/approve": "r",
    "POST /matches/offers/{offer}/refuse": "r",
    "POST /matches/offers/{offer}/withdraw": "ar",
    "GET /matches/runs": INSIDE,
    "GET /matches/runs/{run}": INSIDE,
    "POST /matches/runs": "ar",
    "GET /referrals": INSIDE,
    "GET /referrals/{referral}": INSIDE,
    "POST /referrals": "a",
    "POST /referrals/{referral}/answer": "a",
    "POST /referrals/{referral}/appeal": "a",
    "POST /referrals/{referral}/withdraw": "a",
    "GET /sightings": INSIDE,
    "POST /sightings": "aWA",
    "GET /inbox": INSIDE,
    "GET /inbox/{reference}": INSIDE,
    "POST /inbox/{reference}/accept": "a",
    "POST /inbox/{reference}/reject": "a",
    "GET /subscriptions": INSIDE,
    "GET /subscriptions/{subscription}": INSIDE,
    "POST /subscriptions": "a",
    "POST /subscriptions/{subscription}/run": "aWA",
    "POST /subscriptions/{subscription}/pause": "a",
    "POST /subscriptions/{subscription}/resume": "a",
    "POST /subscriptions/{subscription}/end": "a",
    "GET /ledgers": READS,
    "GET /ledgers/peers": READS,
    "GET /ledgers/witnesses": READS,
    "POST /ledgers/witnesses": "m",
    "POST /ledgers/witnesses/{name}/remove": "m",
    "POST /ledgers/verify": PERSONS,
    "GET /ledgers/{ledger}": READS,
    "GET /ledgers/{ledger}/checkpoint": READS,
    "GET /ledgers/{ledger}/entries": "u",
    "GET /ledgers/{ledger}/entries/{number}/proof": "u",
    "GET /session": ANYONE,
    "GET /counts": READS,
    "GET /live": PERSONS,
    "GET /people": INSIDE,
    "POST /people": "m",
    "POST /people/{name}/disable": "m",
    "POST /people/{name}/enable": "m",
    "GET /keys": INSIDE,
    "POST /keys": "m",
    "POST /keys/{name}/revoke": "m",
    "GET /peers": READS,
    "GET /peers/ours": READS,
    "POST /peers": "m",
    "POST /peers/{party}/remove": "m",
    "GET /acts": "u",
    "GET /settings": INSIDE,
    "GET /health": INSIDE,
    "POST /health": INSIDE,
    "GET /jobs": INSIDE,
    "GET /jobs/{job}": ANYONE,
    "POST /jobs/{job}/cancel": READS,
}
"""Route to who gets past the door; what happens behind it is for other tests."""
PARTNER: Final = "identity--aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
NOWHERE: Final = "00000000-0000-4000-8000-000000000000"

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ConsoleBench, dict[str, str]]]:
    with console(tmp_path_factory.mktemp("node") / "node") as made:
        secrets: dict[str, str] = {}
        with open_node(made.home, environment={}) as node:
            one = node.collections.add("One", alias="one")
            for role in Role:
                secrets[role.value] = node.keys.add(role.value, role)[1]
            node.agreements.add_party(Party(id=PARTNER, name="Agency Two", kind=PartyKind.AGENCY), By(person="test"))
            secrets["partner"] = node.keys.add("partner", Role.READER, party=PARTNER)[1]
            secrets["single"] = node.keys.add("single", Role.WRITER, collection=one)[1]
        yield made, secrets


@pytest.fixture
def as_(bench: tuple[ConsoleBench, dict[str, str]]) -> Callable[[str], Ask]:
    """Be one of the callers."""
    made, secrets = bench

    def be(who: str) -> Ask:
        name, headers = CALLERS[who], dict[str, str]()
        if name in PEOPLE:
            made.sign_in(name)
            headers[HEADER] = made.client.get("/api/v1/session").json()["csrf"]
        else:
            made.client.cookies.clear()
            headers["authorization"] = f"Bearer {secrets[name]}"

        def ask(method: str, path: str, **more: Any) -> httpx.Response:
            with made.client.stream(method, f"/api/v1{path}", headers=headers, **more) as answer:
                if answer.headers["content-type"].startswith("text/event-stream"):
                    return httpx.Response(answer.status_code, content=b"{}")
                answer.read()
            return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

        return ask

    return be


def concrete(path: str) -> str:
    """A path with something in it that is nowhere."""
    return path.replace("{number}", "7").replace("{collection}", "one").replace("{", f"{NOWHERE}").replace("}", "")


def test_every_route_has_a_row() -> None:
    held = {f"{method} {path.removeprefix('/api/v1')}".replace(":str}", "}").replace(":int}", "}")
            for method, path, _, _ in handlers()}  # fmt: skip
    assert held == WHO.keys()


@pytest.mark.parametrize("who", list(CALLERS))
def test_nobody_gets_past_the_door_but_who_may(as_: Callable[[str], Ask], who: str) -> None:
    ask = as_(who)
    for route, may in WHO.items():
        method, _, path = route.partition(" ")
        if path == "/live" and who in may:
            continue
        more: dict[str, Any] = {"json": {"surely": "not"}} if method == "POST" else {}
        answer = ask(method, concrete(path), **more)
        said = answer.json()
        told = f"{who} {route}: {answer.status_code} {json.dumps(said)[:300]}"
        if who in may:
            assert answer.status_code in {200, 202, 400, 404, 409}, told
        else:
            assert answer.status_code == 403, told
            assert NOWHERE not in said["detail"], told


def test_who_sends_nothing_is_asked_to_say_who_they_are(bench: tuple[ConsoleBench, dict[str, str]]) -> None:
    made, _ = bench
    made.client.cookies.clear()
    for route in WHO:
        method, _, path = route.partition(" ")
        answer = made.client.request(method, f"/api/v1{concrete(path)}")
        assert answer.status_code == 401, route
        assert answer.headers["www-authenticate"] == 'Bearer realm="titian"', "Basic would open a dialogue in a browser"


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic !!", "Basic cmVhZGVyOndyb25n", "Digest x", "Bearer", ""])
def test_a_wrong_key_is_not_helped_by_a_session(bench: tuple[ConsoleBench, dict[str, str]], header: str) -> None:
    made, _ = bench
    made.sign_in("analyst-one")
    assert made.client.get("/api/v1/session", headers={"authorization": header}).status_code == 401


def test_a_key_comes_as_bearer_or_as_basic(bench: tuple[ConsoleBench, dict[str, str]]) -> None:
    made, secrets = bench
    made.client.cookies.clear()
    bearer = made.client.get("/api/v1/session", headers={"authorization": f"Bearer {secrets['reader']}"})
    basic = made.client.get("/api/v1/session", auth=httpx.BasicAuth("reader", secrets["reader"]))
    assert bearer.json() == basic.json()
    assert (basic.json()["kind"], basic.json()["permissions"]) == ("key", ["read"])


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "no token"),
        ({HEADER: "A" * 88}, "a token that is made up"),
        ({"origin": "https://elsewhere.example"}, "from elsewhere"),
        ({"sec-fetch-site": "cross-site"}, "from elsewhere, as the browser says"),
    ],
)
def test_a_browser_changes_nothing_from_elsewhere(
    bench: tuple[ConsoleBench, dict[str, str]], headers: dict[str, str], why: str
) -> None:
    made, _ = bench
    made.sign_in("analyst-one")
    if "origin" in headers or "sec-fetch-site" in headers:
        headers = {HEADER: made.client.get("/api/v1/session").json()["csrf"], **headers}
    answer = made.client.post("/api/v1/collections", json={"name": "Forged"}, headers=headers)
    assert answer.status_code == 403, why
    with open_node(made.home, environment={}) as node:
        assert "Forged" not in [one.collection.name for one in node.collections.list()]


def test_a_basic_key_that_a_browser_remembers_changes_nothing_from_elsewhere(
    bench: tuple[ConsoleBench, dict[str, str]],
) -> None:
    made, secrets = bench
    made.client.cookies.clear()
    answer = made.client.post(
        "/api/v1/collections/one/objects", json={"objects": []}, headers={"sec-fetch-site": "cross-site"},
        auth=httpx.BasicAuth("writer", secrets["writer"]),
    )  # fmt: skip
    assert answer.status_code == 403


def test_a_key_of_ours_is_no_local_operator(bench: tuple[ConsoleBench, dict[str, str]]) -> None:
    made, secrets = bench
    made.sign_in("analyst-one")
    token = made.client.get("/api/v1/session").json()["csrf"]
    job = made.client.post("/api/v1/ledgers/verify", json={}, headers={HEADER: token}).json()["id"]
    made.client.cookies.clear()
    for name in ("reader", "writer", "admin"):
        headers = {"authorization": f"Bearer {secrets[name]}"}
        assert made.client.get(f"/api/v1/jobs/{job}", headers=headers).status_code == 404
        listed = made.client.get("/api/v1/jobs", headers=headers).json().get("items", [])
        assert job not in {one["id"] for one in listed}


def test_who_makes_keys_gains_no_permission_of_persons_by_them() -> None:
    """Law: no key has what only persons answer for, so that an administrator, who makes keys, does not either."""
    every = frozenset().union(*KEYS.values())
    assert every == {Permission.READ, Permission.WRITE}


def test_what_describes_the_api_is_open_to_everybody(bench: tuple[ConsoleBench, dict[str, str]]) -> None:
    made, _ = bench
    made.client.cookies.clear()
    answer = made.client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.json()["openapi"]) == (200, "3.1.0")
    again = made.client.get("/api/v1/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    page = made.client.get("/api/v1/")
    assert "/api/v1/objects/{identifier}/timeline" in page.text
    assert "<script>" not in page.text


def test_the_document_says_nothing_of_other_routes_and_all_of_these(
    bench: tuple[ConsoleBench, dict[str, str]],
) -> None:
    made, _ = bench
    described = made.client.get("/api/v1/openapi.json").json()
    held = {f"{method.upper()} {path.removeprefix('/api/v1')}"
            for path, methods in described["paths"].items() for method in methods}  # fmt: skip
    assert held == WHO.keys()
    identifiers = [one["operationId"] for methods in described["paths"].values() for one in methods.values()]
    assert len(set(identifiers)) == len(identifiers)
