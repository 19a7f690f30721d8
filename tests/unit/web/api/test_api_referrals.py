"""Referrals over the JSON API: asked, answered, appealed, each answer of the shape that the document says."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.desk import ISSUER
from support.gate import DAY, NOW, OWN, RELEASER, benches, party_id
from support.partner import Face, serving
from support.referring import BASIS, URL, VIDEO, Referring
from titian.core.access import Role
from titian.core.people import Duty, local_operator
from titian.core.referral import State
from titian.web.api.caller import HEADER
from titian.web.api.schema import schema

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

described = schemathesis.openapi.from_dict(schema())
ASKED: Final[dict[str, Any]] = {
    "content": [URL, "pdq:" + "a1" * 32], "to": VIDEO, "agreement": "platforms", "legal_basis": [BASIS],
    "designations": [{"source": "list", "name": "National list", "reference": "N-17", "country": "ID"}],
    "what": "Remove the film", "why": "It calls for money.", "deadline": "2026-12-01",
}  # fmt: skip
REFERRAL: Final = "referral--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"


class Api:
    """An analyst at the API of a node that refers content."""

    def __init__(self, on: Referring, face: Face) -> None:
        self.on = on
        self.face = face
        people = on.bench.node.people
        people.add("analyst-one", Duty.ANALYST, by=local_operator("setup"), issuer=ISSUER, subject="analyst-one")
        self._cookie = {"cookie": f"titian-session={people.identity(ISSUER, 'analyst-one').token}"}
        self._token = face._client.get("/api/v1/session", headers=self._cookie).json()["csrf"]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.face._client.cookies.clear()
        headers = self._cookie | ({HEADER: self._token} if method == "POST" else {})
        answer: httpx.Response = self.face._client.request(method, f"/api/v1{path}", headers=headers, **more)
        parts = path.split("/")[2:]
        route = "/".join(["/api/v1/referrals", *(["{referral}"] if parts else []), *parts[1:]])
        described[route][method].validate_response(answer)
        return answer

    def get(self, path: str, **params: str) -> Any:
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def does(self, path: str, *, status: int = 200, **body: Any) -> Any:
        answer = self.ask("POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def sent(self) -> dict[str, Any]:
        """Refer content, and have a second person approve it."""
        done = self.does("/referrals", status=201, **ASKED)
        self.on.bench.node.release.approve(RELEASER, done["returned"]["request"])
        return dict(self.get(f"/referrals/{done['referral']['id']}"))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    for make in benches(tmp_path):
        bench = make()
        bench.agree("jp", party_id("japan"))
        on = Referring(bench)
        with serving(bench) as face:
            yield Api(on, face)


def test_it_is_asked_and_waits_for_a_second_person(api: Api) -> None:
    done = api.does("/referrals", status=201, **ASKED)
    assert (done["returned"]["state"], done["referral"]["way"]["step"]) == ("waits", "waits")
    assert done["referral"]["way"]["request"] == done["returned"]["request"]
    one = api.sent()
    assert (one["ours"], one["state"], one["waits"], one["way"]["step"], one["can"]) == (True, "sent", True, "went", [])
    assert one["party"] == {"id": party_id(VIDEO), "name": VIDEO}
    assert [each["title"] for each in one["content"]] == [URL, "a1" * 32]
    assert (one["what"], one["why"], one["legal_basis"]) == (ASKED["what"], ASKED["why"], [BASIS])
    assert one["designations"] == [{**ASKED["designations"][0], "url": None}]
    assert api.on.referral_served() is not None


UNFAIR: Final[list[tuple[dict[str, Any], int, str]]] = [
    ({"designations": []}, 400, "no designation"),
    ({"legal_basis": []}, 400, "no legal basis"),
    ({"legal_basis": ["  "]}, 400, "no legal basis"),
    ({"designations": [{"source": " ", "name": "N"}]}, 400, "names no source"),
    ({"designations": [{"source": "list", "name": "N", "country": "ZZ"}]}, 400, "country"),
    ({"designations": [{"source": "list"}]}, 400, "does not fit"),
    ({"content": []}, 400, "does not fit"),
    ({"content": ["a film"]}, 400, "no content"),
    ({"content": ["videoport:bad.channel"]}, 400, "describes a person"),
    ({"deadline": "2020-01-01"}, 400, "passed"),
    ({"deadline": "soon"}, 400, "does not fit"),
    ({"marking": "pink"}, 400, "pink"),
    ({"to": "nobody"}, 404, "no party"),
    ({"agreement": "jp"}, 409, "audience"),
    ({"surely": "not"}, 400, "does not fit"),
]


@pytest.mark.parametrize(("more", "status", "says"), UNFAIR, ids=[f"{number}" for number in range(len(UNFAIR))])
def test_what_is_not_fair_or_not_known_is_refused(api: Api, more: dict[str, Any], status: int, says: str) -> None:
    answer = api.ask("POST", "/referrals", json=ASKED | more)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert api.get("/referrals")["items"] == []


def test_the_history_is_the_same_for_programs(api: Api) -> None:
    one = api.sent()
    api.on.answered(api.on.refer.find(one["id"]), State.KEPT, "It is news.")
    api.on.answered(api.on.refer.find(one["id"]), State.REINSTATED)
    one = api.get(f"/referrals/{one['id'][10:20]}")
    assert [(step["state"], step["by"]["id"], step["reason"]) for step in one["history"]] == [
        ("sent", OWN, ""), ("kept", party_id(VIDEO), "It is news."),
    ]  # fmt: skip
    assert [(each["response"], each["by"]["name"]) for each in one["aside"]] == [("reinstated", VIDEO)]
    assert one["can"] == ["appealed"]
    done = api.does(f"/referrals/{one['id']}/appeal", reason="It was listed since.", deadline="2026-12-31")
    assert (done["referral"]["state"], done["referral"]["deadline"][:10]) == ("appealed", "2026-12-31")
    done = api.does(f"/referrals/{one['id']}/withdraw", why="The wrong film")
    assert (done["referral"]["withdrawn"], done["referral"]["can"]) == (True, [])


def test_what_is_asked_of_us_is_answered(api: Api) -> None:
    case = api.on.receives(deadline=NOW + DAY)
    (one,) = api.get("/referrals", ours="false")["items"]
    assert (one["ours"], one["party"]["name"], one["way"], one["can"]) == (False, "japan", None, ["removed", "kept"])
    assert api.ask("POST", f"/referrals/{case.id}/answer", json={"response": "kept"}).status_code == 400
    assert api.ask("POST", f"/referrals/{case.id}/answer", json={"response": "sent"}).status_code == 400
    assert api.ask("POST", f"/referrals/{case.id}/appeal", json={"reason": "No."}).status_code == 409
    done = api.does(f"/referrals/{case.id}/answer", response="kept", reason="It is news.")
    assert (done["returned"]["state"], done["referral"]["state"]) == ("waits", "kept")
    assert [each["step"] for each in done["referral"]["answers"]] == ["waits"]


def test_they_are_listed_by_whose_they_are_and_where_they_stand(api: Api) -> None:
    mine, theirs = api.sent()["id"], api.on.receives(deadline=NOW + DAY).id
    for params, wanted in (
        ({}, {mine, theirs}), ({"ours": "true"}, {mine}), ({"ours": "false"}, {theirs}), ({"stands": "kept"}, set()),
        ({"stands": "sent"}, {mine, theirs}), ({"overdue": "true"}, set()),
    ):  # fmt: skip
        assert {one["id"] for one in api.get("/referrals", **params)["items"]} == wanted, params
    first = api.get("/referrals", limit="1")
    rest = api.get("/referrals", limit="1", after=first["next"])
    assert {one["id"] for one in (*first["items"], *rest["items"])} == {mine, theirs}
    assert api.ask("GET", "/referrals", params={"stands": "lost"}).status_code == 400
    assert api.ask("GET", f"/referrals/{REFERRAL}").status_code == 404


def test_no_key_but_an_admins_reads_them_and_none_acts(api: Api) -> None:
    """A partner that is asked learns nothing here of how others are asked."""
    one = api.sent()
    keys = {role: api.on.bench.node.keys.add(role.value, role)[1] for role in Role}
    for key, status in (
        (api.on.bench.secrets[VIDEO], 403), (api.on.bench.secrets["japan"], 403), (keys[Role.READER], 403),
        (keys[Role.WRITER], 403), (keys[Role.ADMIN], 200),
    ):  # fmt: skip
        for path in ("/api/v1/referrals", f"/api/v1/referrals/{one['id']}"):
            answer = api.face.ask(path, key)
            assert answer.status_code == status
            assert status == 200 or "video.example" not in answer.text
        assert api.face.ask("/api/v1/referrals", key, "POST", json=ASKED).status_code == 403
