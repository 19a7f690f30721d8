"""Signing in over OpenID Connect in the browser, and how the console speaks to somebody."""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from support.console import PASSWORD, ConsoleBench, Page, console
from titian.core.errors import PeerError, PeerRefused, PeerUntrusted
from titian.core.people import Duty, acting_as
from titian.node import open_node
from titian.store.preferences import Preference, Preferences
from titian.store.sessions import Sessions
from titian.store.store import now_micros
from titian.web.console import oidc
from titian.web.front import Front
from titian.wire.oidc import Attempt, Client, Identity

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

ISSUER = "https://login.example"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ConsoleBench]:
    with console(tmp_path / "node") as made:
        yield made


class FakeProvider:
    """Stands in for the provider: what the real one does is in ``tests/unit/wire/test_oidc.py``."""

    asked: ClassVar[list[str]] = []
    fails: ClassVar[Exception | None] = None

    def __init__(self, client: Client, http: object) -> None:
        assert (client.issuer, client.id) == (ISSUER, "titian-node")
        self._open: set[str] = set()

    def begin(self, redirect_uri: str) -> Attempt:
        if self.fails is not None:
            raise self.fails
        state = f"state{len(self.asked)}"
        self.asked.append(redirect_uri)
        return Attempt(url=f"{ISSUER}/authorize?state={state}", state=state, nonce="n", verifier="v",
                       redirect_uri=redirect_uri, begun=0.0)  # fmt: skip

    def resume(self, attempt: Attempt) -> FakeProvider:
        self._open.add(attempt.state)
        return self

    def finish(self, attempt: Attempt, query: str) -> Identity:
        said = dict(urllib.parse.parse_qsl(query))
        if said.get("state") not in self._open or said["state"] != attempt.state:
            raise PeerUntrusted("The answer belongs to no sign-in that was begun here.")
        if "error" in said:
            raise PeerRefused("The provider did not sign you in.")
        return Identity(ISSUER, said["code"])


@pytest.fixture
def openid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConsoleBench]:
    monkeypatch.setenv("TITIAN_OIDC_ISSUER", ISSUER)
    monkeypatch.setenv("TITIAN_OIDC_CLIENT_ID", "titian-node")
    monkeypatch.setenv("TITIAN_SIGN_INS_PER_MINUTE", "1000")
    monkeypatch.setattr(oidc, "Provider", FakeProvider)
    monkeypatch.setattr(FakeProvider, "asked", [])
    monkeypatch.setattr(FakeProvider, "fails", None)
    with console(tmp_path / "node") as made:
        with open_node(made.home, environment={}) as node:
            boss = acting_as(node.people.find("administrator-one"))
            node.people.add("far", Duty.ANALYST, by=boss, issuer=ISSUER, subject="248")
        yield made


def begin(bench: ConsoleBench, path: str = "/sign-in/oidc?next=/find", **headers: str) -> httpx.Response:
    answer = bench.get(path, **headers)
    assert answer.status_code == 303, answer.text
    return answer


def back(bench: ConsoleBench, **query: str) -> httpx.Response:
    return bench.get("/sign-in/oidc/back?" + urllib.parse.urlencode(query))


def signed_in(answer: httpx.Response) -> bool:
    return any(one.startswith("titian-session=titian_session_") for one in answer.headers.get_list("set-cookie"))


def test_a_person_comes_back_from_the_provider_signed_in(openid: ConsoleBench) -> None:
    assert "/sign-in/oidc?next=/find" in openid.get("/sign-in?next=/find").text
    there = begin(openid)
    assert there.headers["location"] == f"{ISSUER}/authorize?state=state0"
    assert FakeProvider.asked == ["http://127.0.0.1/sign-in/oidc/back"]
    answer = back(openid, code="248", state="state0")
    # Not a redirect: strict cookies do not come with one that began at another site.
    assert answer.status_code == 200
    assert signed_in(answer)
    assert 'http-equiv="refresh" content="0; url=/find"' in answer.text
    assert openid.page("/account").text.count("far") >= 1


def test_the_attempt_lies_in_a_lax_cookie_of_its_own(openid: ConsoleBench) -> None:
    cookies = begin(openid).headers.get_list("set-cookie")
    held = next(one for one in cookies if one.startswith("titian-oidc="))
    assert held.split("; ")[1:] == ["Path=/sign-in/oidc/back", "Max-Age=600", "HttpOnly", "SameSite=Lax"]
    assert "state0" not in held
    ended = back(openid, code="248", state="state0").headers.get_list("set-cookie")
    assert any(one.startswith("titian-oidc=;") and "Max-Age=0" in one for one in ended)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"code": "248", "state": "state1"}, id="other-state"),
        pytest.param({"code": "248"}, id="no-state"),
        pytest.param({"error": "access_denied", "state": "state0"}, id="denied"),
        pytest.param({"code": "999", "state": "state0"}, id="nobody-here"),
    ],
)
def test_any_other_answer_signs_nobody_in(openid: ConsoleBench, query: dict[str, str]) -> None:
    begin(openid)
    answer = back(openid, **query)
    assert answer.status_code == 422
    assert "This sign-in is not accepted" in Page(answer.text).text
    assert not signed_in(answer)


def test_an_answer_counts_only_in_the_browser_that_asked(openid: ConsoleBench) -> None:
    begin(openid)
    openid.client.cookies.clear()
    assert back(openid, code="248", state="state0").status_code == 422


def test_an_answer_counts_once(openid: ConsoleBench) -> None:
    begin(openid)
    assert back(openid, code="248", state="state0").status_code == 200
    assert back(openid, code="248", state="state0").status_code == 422


def test_a_disabled_person_is_told_the_same(openid: ConsoleBench) -> None:
    with open_node(openid.home, environment={}) as node:
        node.people.disable("far", by=acting_as(node.people.find("administrator-one")))
    begin(openid)
    answer = back(openid, code="248", state="state0")
    assert (answer.status_code, signed_in(answer)) == (422, False)


def test_another_site_begins_no_attempt_and_no_attempt_leads_elsewhere(openid: ConsoleBench) -> None:
    assert openid.get("/sign-in/oidc", **{"sec-fetch-site": "cross-site"}).status_code == 403
    begin(openid, "/sign-in/oidc?next=https://elsewhere.example")
    assert 'content="0; url=/"' in back(openid, code="248", state="state0").text


def test_a_provider_that_does_not_answer_is_told_in_words(
    openid: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeProvider, "fails", PeerError("login.example: connection refused"))
    answer = openid.get("/sign-in/oidc")
    assert answer.status_code == 503
    assert "The provider does not answer" in answer.text
    assert "connection refused" not in answer.text


def test_a_provider_sends_nobody_back_in_the_clear(openid: ConsoleBench) -> None:
    """But to this machine itself. Whoever ends TLS in front of the node speaks http to it."""
    for host in ("localhost:8443", "10.0.0.1"):
        begin(openid, host=host)
    assert FakeProvider.asked == [
        "http://localhost:8443/sign-in/oidc/back", "https://10.0.0.1/sign-in/oidc/back",
    ]  # fmt: skip


def test_a_node_without_a_provider_has_no_such_pages(bench: ConsoleBench) -> None:
    assert bench.get("/sign-in/oidc").status_code == 404
    assert bench.get("/sign-in/oidc/back?code=1&state=2").status_code == 404
    assert "/sign-in/oidc" not in bench.get("/sign-in").text


def test_attempts_are_counted(openid: ConsoleBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TITIAN_SIGN_INS_PER_MINUTE", "3")
    with console(tmp_path / "other") as slow:
        statuses = [slow.get("/sign-in/oidc").status_code for _ in range(5)]
    assert statuses[0] == 303
    assert statuses[-1] == 429


def test_who_is_signed_in_can_sign_in_anew(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    assert bench.page("/sign-in?next=/account").headings[0] == "Sign in"


# ── how one is spoken to ──────────────────────────────────────────────────────────────────────────────────


def speak(bench: ConsoleBench, **fields: str) -> None:
    assert bench.post("/manners", {"next": "/account", **fields}).status_code == 303


def zone(bench: ConsoleBench) -> str:
    """The zone that a page is shown in."""
    return next(fields["zone"] for action, fields in Page(bench.get("/help").text).forms if action == "/manners")


def test_a_choice_follows_the_person_to_another_browser(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    speak(bench, zone="Asia/Tokyo")
    assert zone(bench) == "Asia/Tokyo"
    bench.sign_in("analyst-one")  # with no cookies of before
    assert zone(bench) == "Asia/Tokyo"
    bench.sign_in("releaser-one")
    assert zone(bench) == "UTC"
    with open_node(bench.home, environment={}) as node:
        assert node.people.preferences.of(node.people.find("analyst-one").id).zone == "Asia/Tokyo"


def test_the_persons_choice_wins_over_the_browsers(bench: ConsoleBench) -> None:
    speak(bench, zone="Asia/Jakarta")
    assert zone(bench) == "Asia/Jakarta"
    held = bench.client.cookies["titian-zone"]
    bench.sign_in("analyst-one")
    speak(bench, zone="Asia/Makassar")
    bench.client.cookies.clear()
    bench.sign_in("analyst-one")
    bench.client.cookies.set("titian-zone", held)
    assert zone(bench) == "Asia/Makassar"


def test_each_choice_holds_at_once(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    for chosen in ("Asia/Tokyo", "Asia/Jakarta", "Asia/Tokyo", "UTC"):
        speak(bench, zone=chosen)
        assert zone(bench) == chosen


def test_a_choice_is_read_once_a_minute(bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.sign_in("analyst-one")
    asked: list[str] = []
    read = Preferences.of

    def counted(self: Preferences, person: str) -> Preference:
        asked.append(person)
        return read(self, person)

    monkeypatch.setattr(Preferences, "of", counted)
    for _ in range(5):
        zone(bench)
    assert len(asked) <= 1


@pytest.mark.parametrize("fields", [{"language": "xx"}, {"zone": "Nowhere/Else"}, {"zone": "../etc/passwd"}, {}])
def test_what_cannot_be_chosen_changes_nothing(bench: ConsoleBench, fields: dict[str, str]) -> None:
    bench.sign_in("analyst-one")
    speak(bench, **fields)
    with open_node(bench.home, environment={}) as node:
        found: Any = node.people.preferences.of(node.people.find("analyst-one").id)
    assert (found.language, found.zone) == (None, None)


# ── where sessions begin and end ──────────────────────────────────────────────────────────────────────────

PROXIED = "10.0.0.1"
"""A host that is not this machine: a browser has come to it over TLS, and the proxy in front says http here."""


def given(answer: httpx.Response, name: str) -> str:
    """The value that an answer gives a cookie."""
    found = [one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{name}=")]
    assert len(found) == 1, answer.headers
    return found[0].partition("=")[2].partition(";")[0]


def sign_in_proxied(bench: ConsoleBench) -> httpx.Response:
    asked = bench.get("/sign-in", host=PROXIED)
    token = next(fields["csrf"] for action, fields in Page(asked.text).forms if action == "/sign-in")
    cookie = f"__Host-titian-visitor={given(asked, '__Host-titian-visitor')}"
    fields = {"name": "analyst-one", "password": PASSWORD}
    return bench.post("/sign-in", fields, token=token, host=PROXIED, cookie=cookie)


def test_behind_a_proxy_that_ends_tls_cookies_are_for_tls_alone(bench: ConsoleBench) -> None:
    answer = sign_in_proxied(bench)
    assert answer.status_code == 303
    cookies = [one for one in answer.headers.get_list("set-cookie") if "titian-session" in one]
    assert len(cookies) == 1
    assert cookies[0].startswith("__Host-titian-session=titian_session_")
    assert cookies[0].endswith("; Secure")
    assert "; Path=/;" in cookies[0]


def test_a_cookie_counts_under_the_name_that_fits(bench: ConsoleBench) -> None:
    token = given(sign_in_proxied(bench), "__Host-titian-session")
    bench.client.cookies.clear()
    asked = {
        (host, name): bench.get("/account", host=host, cookie=f"{name}={token}").status_code
        for host in (PROXIED, "127.0.0.1", "localhost")
        for name in ("titian-session", "__Host-titian-session")
    }
    assert {one for one, status in asked.items() if status == 200} == {
        (PROXIED, "__Host-titian-session"), ("127.0.0.1", "titian-session"), ("localhost", "titian-session"),
    }  # fmt: skip


def test_only_over_tls_is_tls_promised(bench: ConsoleBench) -> None:
    for host, promised in ((PROXIED, True), ("[2001:db8::1]:8440", True), ("127.0.0.1", False), ("[::1]:80", False)):
        assert ("strict-transport-security" in bench.get("/sign-in", host=host).headers) is promised, host


def sessions(bench: ConsoleBench) -> int:
    with open_node(bench.home, environment={}) as node:
        return len(node.people.sessions.list(node.people.find("analyst-one").id))


def test_who_signs_in_anew_has_one_session_and_not_two(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    before = bench.client.cookies["titian-session"]
    answer = bench.post("/sign-in", {"name": "analyst-one", "password": PASSWORD})
    assert answer.status_code == 303
    assert sessions(bench) == 1
    bench.client.cookies.clear()
    assert bench.get("/account", cookie=f"titian-session={before}").status_code == 303


def test_a_wrong_password_ends_no_session(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    assert bench.post("/sign-in", {"name": "analyst-one", "password": "wrong"}).status_code == 422
    assert bench.page("/account").headings[0] == "My account"


def test_who_comes_from_the_provider_leaves_the_session_of_before(openid: ConsoleBench) -> None:
    openid.sign_in("analyst-one")
    begin(openid)
    held = openid.client.cookies["titian-session"]
    openid.client.cookies.delete("titian-session")  # it is strict: it does not come from the provider's page
    assert back(openid, code="248", state="state0").status_code == 200
    assert sessions(openid) == 0
    openid.client.cookies.clear()
    assert openid.get("/account", cookie=f"titian-session={held}").status_code == 303


def unseen(bench: ConsoleBench, minutes: int) -> int:
    """Let every session of a browser be unseen for so many minutes; since when that is."""
    at = now_micros() - minutes * 60_000_000
    with open_node(bench.home, environment={}) as node, node.store.writing() as tx:
        assert tx.run("UPDATE sessions SET seen = ? WHERE seen IS NOT NULL", at)
    return at


def seen(bench: ConsoleBench) -> int:
    with open_node(bench.home, environment={}) as node, node.store.reading() as tx:
        row = tx.one("SELECT seen FROM sessions")
    assert row is not None
    return int(row[0])


def test_a_session_that_nobody_was_seen_in_for_an_hour_is_over(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    held = bench.client.cookies["titian-session"]
    unseen(bench, 59)
    assert bench.get("/account").status_code == 200
    unseen(bench, 60)
    assert sessions(bench) == 0
    bench.client.cookies.clear()
    assert bench.get("/account", cookie=f"titian-session={held}").status_code == 303
    assert bench.get("/api/v1/session", cookie=f"titian-session={held}").status_code in {401, 303}


def test_each_page_tells_that_somebody_is_there(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    since = unseen(bench, 30)
    bench.page("/account")
    until = time.monotonic() + 20
    while seen(bench) == since and time.monotonic() < until:
        time.sleep(0.02)
    assert now_micros() - seen(bench) < 25_000_000


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/jobs/1", {"hx-request": "true"}),
        ("/ledger-view/verify/1", {"hx-request": "true"}),
        ("/api/v1/jobs/1", {}),
    ],
)
def test_what_a_page_asks_for_by_itself_tells_of_nobody(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Sessions, "see", lambda self, token: told.append(token))
    bench.sign_in("analyst-one")
    assert bench.get(path, **headers).status_code == 404
    assert told == []
    bench.page("/account")
    until = time.monotonic() + 20
    while not told and time.monotonic() < until:
        time.sleep(0.01)
    bench.page("/account")
    assert len(told) == 1, "once a minute"


def test_who_is_signed_in_is_counted_by_name_and_not_by_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITIAN_SIGN_INS_PER_MINUTE", "4")
    with console(tmp_path / "other") as made:
        made.sign_in("analyst-one")
        fields = {"old": "wrong", "new": "x", "again": "y"}
        answers = [made.post("/account/password", fields).status_code for _ in range(6)]
        assert answers == [422, 422, 422, 422, 429, 429]
        made.sign_in("auditor-one")
        assert made.post("/account/password", fields).status_code == 422


def test_behind_a_proxy_each_address_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITIAN_SIGN_INS_PER_MINUTE", "2")
    monkeypatch.setenv("TITIAN_TRUSTED_PROXIES", "192.0.2.0/24")
    wrong = {"name": "nobody", "password": "wrong"}
    front: Any = Front.__call__

    async def behind(self: Front, scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = ("192.0.2.7", 5000)
        await front(self, scope, receive, send)

    monkeypatch.setattr(Front, "__call__", behind)
    with console(tmp_path / "other") as made:
        for last in ("198.51.100.1", "198.51.100.2"):
            statuses = [
                made.post("/sign-in", wrong, **{"x-forwarded-for": f"203.0.113.{number}, {last}"}).status_code
                for number in range(3)
            ]
            assert statuses == [422, 422, 429]
