"""Whatever is sent: the answer is a problem in words, never a failure of the node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.console import ConsoleBench, console
from support.stix import indicator
from titian.core.access import Role
from titian.core.errors import TooLarge, Unavailable
from titian.node import open_node
from titian.web.api.load import Load
from titian.web.api.paging import Cursors
from titian.web.api.request import ApiRequest

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

API: Final = "/api/v1"
DEEP: Final = 100_000


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ConsoleBench, str]]:
    with console(tmp_path_factory.mktemp("node") / "node") as made:
        with open_node(made.home, environment={}) as node:
            node.collections.add("One", alias="one")
            secret = node.keys.add("admin", Role.ADMIN)[1]
        yield made, secret


def ask(bench: tuple[ConsoleBench, str], method: str, path: str, **more: Any) -> httpx.Response:
    made, secret = bench
    made.client.cookies.clear()
    headers = {"authorization": f"Bearer {secret}", **more.pop("headers", {})}
    answer: httpx.Response = made.client.request(method, f"{API}{path}", headers=headers, **more)
    return answer


def refused(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """A problem as RFC 9457 has it."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    said: dict[str, Any] = answer.json()
    assert said["type"] == "about:blank"
    assert said["status"] == answer.status_code
    assert said["title"] == httpx.codes.get_reason_phrase(answer.status_code)
    assert said["instance"].startswith(API)
    assert said["detail"]
    assert "Traceback" not in answer.text
    assert ("error_id" in said) == (answer.status_code >= 500)
    return said


OF = b'{"keep":true,"ids":["indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"],'
BODIES: Final = {
    "empty": b"",
    "no-json": b"{",
    "deep-lists": b"[" * DEEP,
    "deep-objects": b'{"ids":' * DEEP,
    "deep-and-closed": b'{"ids":' + b"[" * 900 + b"]" * 900 + b"}",
    "huge-number": b'{"ids":["x"],"count":' + b"9" * 5000 + b"}",
    "huge-exponent": b'{"ids":["x"],"count":1e999}',
    "not-a-number": b'{"ids":["x"],"count":NaN}',
    "number-as-text": b'{"ids":["x"],"count":"3"}',
    "list-in-place-of-object": b'["x"]',
    "null": b"null",
    "text": b'"x"',
    "twice": b'{"ids":["x"],"ids":["y"]}',
    "twice-inside": b'{"ids":["x"],"x":{"a":1,"a":2}}',
    "unknown-field": b'{"ids":["x"],"surely":1}',
    "nul": b'{"ids":["x"],"where":"\\u0000"}',
    "raw-nul": b'{"ids":["x"],"where":"\x00"}',
    "lone-surrogate": b'{"ids":["x"],"where":"\\ud800"}',
    "not-utf-8": b'{"ids":["\xff"]}',
    "bom": b'\xef\xbb\xbf{"ids":[]}',
    "no-identifier": b'{"ids":["not an id"]}',
    "nothing-chosen": b'{"ids":[]}',
    "out-of-range": OF + b'"count":-1}',
    "no-day": OF + b'"first":"2026-13-45"}',
    "no-instant": OF + b'"first":"2026-01-01T99:00:00Z"}',
    "no-level": OF + b'"marking":"purple"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_does_not_fit_is_refused(bench: tuple[ConsoleBench, str], name: str) -> None:
    answer = ask(bench, "POST", "/sightings", content=BODIES[name], headers={"content-type": "application/json"})
    refused(answer, 400)


@pytest.mark.parametrize("name", [one for one in BODIES if one not in {"nothing-chosen"}])
def test_objects_that_are_none_are_refused_too(bench: tuple[ConsoleBench, str], name: str) -> None:
    path, kind = "/collections/one/objects", {"content-type": "application/stix+json;version=2.1"}
    refused(ask(bench, "POST", path, content=BODIES[name], headers=kind), 400)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_refused(bench: tuple[ConsoleBench, str], body: bytes) -> None:
    refused(ask(bench, "POST", "/sightings", content=body, headers={"content-type": "application/json"}), 400)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/find", {"limit": "0"}), ("/find", {"limit": "201"}), ("/find", {"limit": "x"}),
        ("/find", {"limit": "9" * 400}),
        ("/find", {"limit": "\uff11"}), ("/find", {"after": "x"}), ("/find", {"after": "A" * 9000}),
        ("/find", {"since": "soon"}), ("/find", {"since": "2026-02-30"}), ("/find", {"tlp": "purple"}),
        ("/find", {"q": "x" * 2001}), ("/find", {"versions": "perhaps"}), ("/collections", {"limit": "-1"}),
        ("/flows", {"days": "0"}), ("/objects/x/neighbours", {"depth": "3"}),
    ],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_refused(
    bench: tuple[ConsoleBench, str], path: str, params: dict[str, str]
) -> None:
    refused(ask(bench, "GET", path, params=params), 400)


@pytest.mark.parametrize("path", ["/find?q=%00", "/find?q=%ff", "/find?q=%ed%a0%80", "/find?%ff=1", "/objects/x?a=%00"])
def test_addresses_that_no_text_can_hold_are_refused(bench: tuple[ConsoleBench, str], path: str) -> None:
    refused(ask(bench, "GET", path), 400)


@pytest.mark.parametrize("path", ["/objects/%ff", "/objects/%00", "/objects/" + "x" * 3000, "/objects/%2e%2e"])
def test_no_path_breaks_anything(bench: tuple[ConsoleBench, str], path: str) -> None:
    answer = ask(bench, "GET", path)
    assert answer.status_code in {400, 404}


@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00/"), max_size=80))
def test_no_words_break_the_search(bench: tuple[ConsoleBench, str], text: str) -> None:
    assert ask(bench, "GET", "/find", params={"q": text}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415), ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415), ({"content-type": ""}, 415),
        ({"content-type": "application/json", "accept": "application/xml"}, 406),
        ({"content-type": "application/json", "accept": "application/json;q=0"}, 406),
    ],
)  # fmt: skip
def test_other_media_types_are_refused(bench: tuple[ConsoleBench, str], headers: dict[str, str], status: int) -> None:
    refused(ask(bench, "POST", "/sightings", content=b"{}", headers=headers), status)


def test_other_methods_are_refused_with_those_that_are_taken(bench: tuple[ConsoleBench, str]) -> None:
    answer = ask(bench, "PUT", "/collections", json={})
    refused(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}
    refused(ask(bench, "GET", "/releases/preview"), 404, 405)


def test_what_is_too_large_is_refused(bench: tuple[ConsoleBench, str]) -> None:
    refused(ask(bench, "POST", "/sightings", json={"ids": ["x"], "where": "y" * 1_000_001}), 413)


@pytest.mark.parametrize(("announced", "most"), [(b"50000000", 0), (None, 11)])
def test_what_is_too_large_is_not_read_to_its_end(announced: bytes | None, most: int) -> None:
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 100_000, "more_body": read < 500}

    handler = SimpleNamespace(
        resolve_request_max_body_size=lambda: 64 << 20, parsed_data_field=SimpleNamespace(annotation=dict)
    )
    headers = [] if announced is None else [(b"content-length", announced)]
    scope: Any = {"type": "http", "method": "POST", "path": "/", "headers": headers, "state": {},
                  "route_handler": handler}  # fmt: skip
    request: Any = ApiRequest(scope, receive)  # type: ignore[arg-type]
    with pytest.raises(TooLarge):
        asyncio.run(request.json())
    assert read <= most


def test_what_is_nowhere_says_so_without_repeating_it(bench: tuple[ConsoleBench, str]) -> None:
    said = refused(ask(bench, "GET", "/nothing/<script>alert(1)</script>"), 404)
    assert said["detail"] == "There is nothing here."


def test_what_the_node_did_not_expect_is_told_by_a_number_alone(
    bench: tuple[ConsoleBench, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("/etc/secret")

    monkeypatch.setattr("titian.exchange.agree.Agree.read", fail)
    answer = ask(bench, "GET", "/parties")
    refused(answer, 500)
    assert "secret" not in answer.text


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────


def pages(bench: tuple[ConsoleBench, str], path: str, **params: str) -> list[dict[str, Any]]:
    """Every page of a list."""
    found = [ask(bench, "GET", path, params=params).json()]
    while found[-1]["next"] is not None:
        found.append(ask(bench, "GET", path, params={**params, "after": found[-1]["next"]}).json())
        assert len(found) < 50
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_have_everything_once(bench: tuple[ConsoleBench, str], limit: int) -> None:
    made, _ = bench
    with open_node(made.home, environment={}) as node:
        for name in ("a", "b", "Ω", "Z ↔ z"):
            if name not in {one.collection.name for one in node.collections.list()}:
                node.collections.add(name)
    whole = [one["id"] for one in pages(bench, "/collections", limit="200")[0]["items"]]
    found = pages(bench, "/collections", limit=str(limit))
    assert [one["id"] for page in found for one in page["items"]] == whole
    assert all(len(page["items"]) == limit for page in found[:-1])
    assert found[-1]["items"], "no page is empty"


def test_a_cursor_fits_the_question_that_it_was_made_for(bench: tuple[ConsoleBench, str]) -> None:
    made, _ = bench
    token = ask(bench, "GET", "/collections", params={"limit": "1"}).json()["next"]
    assert ask(bench, "GET", "/collections", params={"limit": "2", "after": token}).status_code == 200
    for path, params in (("/jobs", {}), ("/collections", {"other": "x"}), ("/queries", {"limit": "1"})):
        refused(ask(bench, "GET", path, params={**params, "after": token}), 400)
    refused(
        ask(bench, "GET", "/collections", params={"after": token[:-2] + ("AA" if token[-2:] != "AA" else "BB")}), 400
    )
    with open_node(made.home, environment={}) as node:
        other = node.keys.add(f"other {token[:8]}", Role.READER)[1]
    theirs = made.client.get(
        f"{API}/collections", params={"after": token}, headers={"authorization": f"Bearer {other}"}
    )
    refused(theirs, 400)


@given(
    value=st.text(max_size=50), bound=st.lists(st.text(max_size=10), max_size=3), other=st.lists(st.text(max_size=10))
)
def test_a_cursor_is_read_back_for_the_same_question_only(value: str, bound: list[str], other: list[str]) -> None:
    cursors = Cursors(b"secret")
    token = cursors.make(value, bound)
    assert cursors.read(token, bound) == value
    if other != bound:
        with pytest.raises(Exception, match="not made for this request"):
            cursors.read(token, other)
    with pytest.raises(Exception, match="not made for this request"):
        Cursors(b"another").read(token, bound)


# ── objects ───────────────────────────────────────────────────────────────────────────────────────────────


def test_objects_are_kept_byte_for_byte_and_judged_one_by_one(bench: tuple[ConsoleBench, str]) -> None:
    good, bad = indicator(name="Spaced"), {"type": "indicator", "id": "indicator--x"}
    raw = json.dumps(good, indent=1).encode()
    body = b'{"type": "bundle", "objects": [' + raw + b"," + json.dumps(bad).encode() + b"]}"
    kind = {"content-type": "application/json"}
    answer = ask(bench, "POST", "/collections/one/objects", content=body, headers=kind)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["read"], said["added"], said["known"], said["job"]) == (2, 1, 0, None)
    assert {one["id"] for one in said["rejected"]} == {"indicator--x"}
    found = ask(bench, "GET", f"/objects/{good['id']}/raw")
    assert found.content == raw
    again = ask(bench, "GET", f"/objects/{good['id']}/raw", headers={"if-none-match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert ask(bench, "GET", f"/objects/{good['id']}").json()["object"] == good
    hits = ask(bench, "GET", "/find", params={"q": good["id"]}).json()["items"]
    assert [(one["id"], one["fits"]) for one in hits] == [(good["id"], "exact")]


def test_many_objects_are_a_job(bench: tuple[ConsoleBench, str]) -> None:
    many = [indicator(name=f"Many {number}") for number in range(1001)]
    answer = ask(bench, "POST", "/collections/one/objects", json={"objects": many})
    assert answer.status_code == 202
    job = answer.json()["job"]
    assert answer.headers["location"] == f"{API}/jobs/{job['id']}"
    while (now := ask(bench, "GET", f"/jobs/{job['id']}").json())["finished"] is None:
        pass
    assert (now["state"], now["done"], now["total"], now["result"]["added"]) == ("done", 1001, 1001, 1001)


def test_so_much_waits_to_be_taken_in_and_no_more(
    bench: tuple[ConsoleBench, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("titian.web.api.load.MOST", 1_000)
    many = {"objects": [indicator(name=f"Waiting {number}") for number in range(1001)]}
    held = Load([b"x" * 500])
    held.wait()
    refused(ask(bench, "POST", "/collections/one/objects", json=many), 503)
    held.unload()
    assert held.raws == []
    answer = ask(bench, "POST", "/collections/one/objects", json=many)
    assert answer.status_code == 202, "one that is larger by itself waits alone"
    while ask(bench, "GET", f"/jobs/{answer.json()['job']['id']}").json()["finished"] is None:
        pass


def test_what_nobody_has_any_more_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("titian.web.api.load.MOST", 10)
    for _ in range(3):
        load = Load([b"x" * 10])
        load.wait()
        with pytest.raises(Unavailable):
            Load([b"x"]).wait()
        del load


def test_absent_and_not_to_be_written_are_told_apart_only_for_our_own(bench: tuple[ConsoleBench, str]) -> None:
    refused(ask(bench, "POST", "/collections/nowhere/objects", json={"objects": [indicator()]}), 404)
