"""My account: what it shows, and what changes how one signs in."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import PASSWORD, ConsoleBench, Page, console
from titian.core.login import STEP
from titian.core.passkey import Passkey
from titian.core.passwords import totp_code
from titian.core.people import acting_as
from titian.node import open_node
from titian.store.store import now_micros

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

NEW = "another battery of horses"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConsoleBench]:
    monkeypatch.setenv("TITIAN_SIGN_INS_PER_MINUTE", "1000")
    with console(tmp_path / "node") as made:
        made.sign_in("analyst-one")
        yield made


def acts(bench: ConsoleBench, count: int = 1) -> list[str]:
    with open_node(bench.home, environment={}) as node:
        return [one.act for one in node.acts.list(limit=count)]


@pytest.mark.parametrize(
    ("name", "may", "not_"),
    [
        ("analyst-one", "Ask for a release.", "Approve or refuse"),
        ("releaser-one", "Approve or refuse", "Add objects"),
        ("auditor-one", "Read the record of acts", "Ask for a release."),
        ("administrator-one", "Add people, disable them", "Approve or refuse"),
    ],
)
def test_it_says_who_i_am_and_what_i_may(bench: ConsoleBench, name: str, may: str, not_: str) -> None:
    bench.sign_in(name)
    page = bench.page("/account")
    assert page.headings[0] == "My account"
    assert name in page.text
    assert may in page.text
    assert not_ not in page.text


def test_a_stranger_has_no_account(bench: ConsoleBench) -> None:
    bench.client.cookies.clear()
    assert bench.get("/account").headers["location"] == "/sign-in?next=%2Faccount"


def test_a_password_is_changed_after_the_old_one(bench: ConsoleBench) -> None:
    answer = bench.post("/account/password", {"old": PASSWORD, "new": NEW, "again": NEW})
    assert answer.headers["location"] == "/sign-in?next=%2Faccount"
    assert bench.get("/account").status_code == 303, "every session has ended"
    bench.sign_in("analyst-one", NEW)
    assert bench.page("/account").headings[0] == "My account"


@pytest.mark.parametrize("forget", [True, False])
def test_a_new_password_forgets_the_passkeys_unless_one_says_no(bench: ConsoleBench, forget: bool) -> None:
    assert 'name="forget"' not in bench.get("/account").text
    with open_node(bench.home, environment={}) as node:
        me = acting_as(node.people.find("analyst-one"))
        node.people.passkeys.add(
            Passkey(id=b"1" * 20, person=me.id, name="Phone", host="one.example", public=b"public", count=0,
                    challenged=0, created=1, transports=()),
            by=me,
        )  # fmt: skip
    assert 'name="forget" value="1" checked' in bench.get("/account").text
    fields = {"old": PASSWORD, "new": NEW, "again": NEW, **({"forget": "1"} if forget else {})}
    assert bench.post("/account/password", fields).status_code == 303
    with open_node(bench.home, environment={}) as node:
        assert len(node.people.passkeys.list(me.id)) == (0 if forget else 1)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        pytest.param({"old": "wrong", "new": NEW, "again": NEW}, "The old password or the code is wrong", id="old"),
        pytest.param({"old": PASSWORD, "new": NEW, "again": "x"}, "The two new passwords differ", id="differ"),
        pytest.param({"old": PASSWORD, "new": "short", "again": "short"}, "12 to 256 characters", id="short"),
        pytest.param({"old": PASSWORD, "new": PASSWORD, "again": PASSWORD}, "the old one", id="same"),
    ],
)
def test_a_password_that_cannot_be_is_not_taken(bench: ConsoleBench, fields: dict[str, str], sentence: str) -> None:
    answer = bench.post("/account/password", fields)
    assert answer.status_code == 422
    assert sentence in Page(answer.text).text
    assert NEW not in answer.text
    bench.sign_in("analyst-one")


def enrol(bench: ConsoleBench) -> tuple[bytes, str]:
    """Begin to set up an authenticator: its secret, and the sealed state."""
    answer = bench.post("/account/codes/begin")
    assert answer.status_code == 200, answer.text
    shown = re.search(r'id="secret">([A-Z2-7 ]+)<', answer.text)
    assert shown is not None
    state = next(fields["state"] for action, fields in Page(answer.text).forms if action == "/account/codes")
    text = shown[1].replace(" ", "")
    return base64.b32decode(text + "=" * (-len(text) % 8)), state


def code(secret: bytes, ahead: int = 0) -> str:
    return totp_code(secret, now_micros() // STEP + ahead)


def test_an_authenticator_counts_from_its_first_code_on(bench: ConsoleBench) -> None:
    secret, state = enrol(bench)
    bench.sign_in("analyst-one")
    secret, state = enrol(bench)
    wrong = bench.post("/account/codes", {"state": state, "code": "0"})
    assert wrong.status_code == 422
    assert "not the code" in wrong.text
    answer = bench.post("/account/codes", {"state": state, "code": code(secret)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=codes")
    assert acts(bench) == ["set-totp"]
    assert bench.page("/account?done=codes").text.count("A code is asked for after your password.") == 1
    bench.client.cookies.clear()
    asked = bench.post("/sign-in", {"name": "analyst-one", "password": PASSWORD})
    assert Page(asked.text).headings[0] == "Code"
    held = next(fields["state"] for action, fields in Page(asked.text).forms if action == "/sign-in/code")
    assert bench.post("/sign-in/code", {"state": held, "code": code(secret, 1)}).status_code == 303


def test_a_secret_counts_in_the_session_that_saw_it(bench: ConsoleBench) -> None:
    secret, state = enrol(bench)
    bench.sign_in("analyst-one")
    assert bench.post("/account/codes", {"state": state, "code": code(secret)}).status_code == 400
    bench.sign_in("releaser-one")
    assert bench.post("/account/codes", {"state": state, "code": code(secret)}).status_code == 400
    assert bench.post("/account/codes", {"state": "made up", "code": code(secret)}).status_code == 400


def test_the_picture_is_an_image_that_the_policy_lets_through(bench: ConsoleBench) -> None:
    answer = bench.post("/account/codes/begin")
    picture = re.search(r'<img src="(data:image/svg\+xml[^"]+)"', answer.text)
    assert picture is not None
    assert "script" not in picture[1]
    assert " style=" not in answer.text
    assert "no-store" in answer.headers["cache-control"]


def test_a_code_changes_the_password_too(bench: ConsoleBench) -> None:
    secret, state = enrol(bench)
    bench.post("/account/codes", {"state": state, "code": code(secret, -1)})
    fields = {"old": PASSWORD, "new": NEW, "again": NEW}
    assert bench.post("/account/password", {**fields, "code": "000000"}).status_code == 422
    assert bench.post("/account/password", {**fields, "code": code(secret)}).status_code == 303


def test_other_sessions_are_ended(bench: ConsoleBench) -> None:
    first = bench.client.cookies["titian-session"]
    bench.sign_in("analyst-one")
    second = bench.client.cookies["titian-session"]
    bench.sign_in("analyst-one")
    page = bench.page("/account")
    handles = [fields["session"] for action, fields in page.forms if fields.get("session")]
    assert len(handles) == 2
    assert not {first, second} & set(handles)
    assert bench.post("/account/sessions", {"session": handles[0]}).status_code == 303
    assert bench.post("/account/sessions", {"session": handles[0]}).status_code == 404
    assert bench.post("/account/sessions").status_code == 303
    assert "This one" in bench.page("/account").text
    for token in (first, second):
        bench.client.cookies.set("titian-session", token)
        assert bench.get("/account").status_code == 303


def test_who_signs_in_elsewhere_has_no_password_to_change(bench: ConsoleBench) -> None:
    with open_node(bench.home, environment={}) as node:
        boss = acting_as(node.people.find("administrator-one"))
        node.people.add(
            "far", node.people.find("analyst-one").duty, by=boss, issuer="https://login.example", subject="1"
        )
        session = node.people.identity("https://login.example", "1")
    bench.client.cookies.clear()
    bench.client.cookies.set("titian-session", session.token)
    text = bench.get("/account").text
    assert "/account/password" not in text
    assert "/account/codes" not in text
    assert bench.post("/account/codes/begin").status_code == 409


@pytest.mark.parametrize(
    "path",
    ["/account/password", "/account/codes/begin", "/account/codes", "/account/sessions", "/account/passkeys",
     "/account/passkeys/options", "/account/passkeys/remove"],
)  # fmt: skip
def test_every_form_wants_its_token(bench: ConsoleBench, path: str) -> None:
    assert bench.post(path, token="").status_code == 403


def test_what_was_done_is_said_in_our_words_only(bench: ConsoleBench) -> None:
    assert "<b>" not in bench.get("/account?done=<b>owned").text
