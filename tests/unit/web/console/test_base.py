"""The ground of every page: who may come, which forms are taken, what each answer carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar._parsers import parse_url_encoded_form_data

from support.console import PASSWORD, ConsoleBench, Page, console
from titian.web.app import create_app
from titian.web.console import guard

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ConsoleBench]:
    with console(tmp_path / "node") as made:
        yield made


def test_who_is_not_signed_in_is_sent_to_do_so_and_comes_back(bench: ConsoleBench) -> None:
    answer = bench.get("/?from=mail")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2F%3Ffrom%3Dmail")
    token = bench.token("/sign-in")
    there = bench.post("/sign-in", {"name": "analyst-one", "password": PASSWORD, "next": "/?from=mail"}, token=token)
    assert (there.status_code, there.headers["location"]) == (303, "/?from=mail")
    assert bench.page("/").headings[0] == "Today"


@pytest.mark.parametrize(
    "elsewhere", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/\u2028"]
)
def test_no_sign_in_leads_elsewhere(bench: ConsoleBench, elsewhere: str) -> None:
    there = bench.post("/sign-in", {"name": "analyst-one", "password": PASSWORD, "next": elsewhere})
    assert there.headers["location"] == "/"


@pytest.mark.parametrize(("name", "password"), [("analyst-one", "wrong"), ("nobody", PASSWORD), ("analyst-one", "")])
def test_every_refusal_says_the_same(bench: ConsoleBench, name: str, password: str) -> None:
    answer = bench.post("/sign-in", {"name": name, "password": password})
    assert answer.status_code == 422
    assert "This sign-in is not accepted" in Page(answer.text).text
    assert "titian-session" not in answer.cookies


def test_the_cookie_is_strict_short_and_unreadable(bench: ConsoleBench) -> None:
    answer = bench.post("/sign-in", {"name": "analyst-one", "password": PASSWORD})
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("titian-session="))
    assert cookie.split("; ")[1:] == ["Path=/", "Max-Age=3600", "HttpOnly", "SameSite=Strict"]


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        pytest.param("", {}, id="none"),
        pytest.param("A" * 88, {}, id="made-up"),
        pytest.param(None, {"origin": "https://elsewhere.example"}, id="other-origin"),
        pytest.param(None, {"origin": "http://["}, id="no-origin-at-all"),
        pytest.param(None, {"sec-fetch-site": "cross-site"}, id="cross-site"),
        pytest.param(None, {"sec-fetch-site": "same-site"}, id="neighbour"),
    ],
)
def test_forged_forms_are_refused(bench: ConsoleBench, token: str | None, headers: dict[str, str]) -> None:
    bench.sign_in("analyst-one")
    assert bench.post("/sign-out", token=token, **headers).status_code == 403
    assert bench.page("/").headings[0] == "Today"


def test_a_token_of_another_session_is_refused(bench: ConsoleBench) -> None:
    bench.sign_in("releaser-one")
    token = bench.token("/sign-in")
    bench.sign_in("analyst-one")
    assert bench.post("/sign-out", token=token).status_code == 403


def test_signing_out_ends_the_session_in_the_node_too(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    held = bench.client.cookies["titian-session"]
    assert bench.post("/sign-out").status_code == 303
    bench.client.cookies.set("titian-session", held)
    assert bench.get("/").status_code == 303


def test_every_page_forbids_what_is_not_ours(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    for path in ("/", "/sign-in", "/nothing-here"):
        answer = bench.get(path)
        policy = answer.headers.get_list("content-security-policy")
        assert len(policy) == 1
        assert "default-src 'none'" in policy[0]
        assert "unsafe" not in policy[0]
        assert answer.headers["cache-control"] == "no-store"
        assert "<script>" not in answer.text
        assert " style=" not in answer.text


def test_language_and_zone_are_the_persons_choice(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    bench.post("/manners", {"language": "en", "zone": "Asia/Jakarta", "next": "/"})
    assert 'value="Asia/Jakarta"' in bench.get("/").text


def test_too_many_pages_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PAGES_PER_SECOND", 0.001)
    monkeypatch.setattr("support.console.unhurried", create_app)
    monkeypatch.setattr(guard, "PAGES_AT_ONCE", 8)
    with console(tmp_path / "node") as slow:
        slow.sign_in("analyst-one")
        answers = [slow.get("/help") for _ in range(9)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_too_many_attempts_wait(bench: ConsoleBench) -> None:
    token = bench.token("/sign-in")
    answers = [bench.post("/sign-in", {"name": "analyst-one", "password": "wrong"}, token=token) for _ in range(25)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param("&a" * 40_000, "application/x-www-form-urlencoded", 413, id="large"),
        pytest.param("&a" * 20_001, "application/x-www-form-urlencoded", 400, id="many-fields"),
        pytest.param("a=%ff", "application/x-www-form-urlencoded", 403, id="no-token"),
        pytest.param("--x\r\n", "multipart/form-data; boundary=x", 400, id="a-strangers-files"),
    ],
)
def test_nothing_of_a_stranger_is_read_at_length(bench: ConsoleBench, body: str, kind: str, status: int) -> None:
    answer = bench.client.post("/sign-in", content=body, headers={"content-type": kind}, follow_redirects=False)
    assert answer.status_code == status


def test_a_form_is_not_kept_by_anybody(bench: ConsoleBench) -> None:
    """The framework's own reading of forms remembers the last thousand bodies."""
    before = parse_url_encoded_form_data.cache_info().currsize
    bench.sign_in("analyst-one")
    assert parse_url_encoded_form_data.cache_info().currsize == before
