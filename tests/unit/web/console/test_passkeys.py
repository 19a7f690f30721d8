"""Passkeys in the browser, with an authenticator that can be made to lie: each lie is refused, and all alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.authenticator import PRESENT, Authenticator
from support.console import ConsoleBench, Page, console
from titian.core.people import Actor, acting_as
from titian.node import open_node
from titian.store.acts import Act

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

HOST = "localhost"
ORIGIN = "http://localhost"
SENTENCE = "This sign-in is not accepted"


class Bench:
    """A person at a browser with an authenticator."""

    def __init__(self, console: ConsoleBench) -> None:
        self.console = console
        self.key = Authenticator(ORIGIN)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Any:
        return self.console.post(path, fields, token=self.token(), host=HOST, **headers)

    def token(self) -> str:
        return self.console.token("/sign-in")

    def options(self, path: str) -> dict[str, Any]:
        answer = self.post(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def add(self, name: str = "Phone", **lies: Any) -> Any:
        asked = self.options("/account/passkeys/options")
        answer = self.key.create(asked["options"], **lies)
        return self.post("/account/passkeys", {"state": asked["state"], "answer": answer, "name": name})

    def leave(self) -> None:
        self.console.client.cookies.clear()
        self.console.get("/sign-in")

    def sign_in(self, asked: dict[str, Any] | None = None, back: str = "/find", **lies: Any) -> Any:
        asked = asked or self.options("/sign-in/passkey/options")
        answer = self.key.get(asked["options"], **lies)
        return self.post("/sign-in/passkey", {"state": asked["state"], "answer": answer, "next": back})

    def acts(self, count: int = 1) -> list[Act]:
        with open_node(self.console.home, environment={}) as node:
            return node.acts.list(limit=count)

    def actor(self, name: str) -> Actor:
        with open_node(self.console.home, environment={}) as node:
            return acting_as(node.people.find(name))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with console(tmp_path / "node") as made:
        made.sign_in("analyst-one")
        yield Bench(made)


@pytest.fixture
def added(bench: Bench) -> Bench:
    assert bench.add().status_code == 303
    bench.leave()
    return bench


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts are counted; the tests of that are elsewhere."""
    monkeypatch.setenv("TITIAN_SIGN_INS_PER_MINUTE", "1000")


def refused(answer: Any, bench: Bench, why: str) -> None:
    assert answer.status_code == 422
    assert SENTENCE in Page(answer.text).text
    assert "titian-session" not in answer.cookies
    act = bench.acts()[0]
    assert (act.act, act.why, act.details) == ("refuse-sign-in", why, {"how": "passkey"})


def test_a_passkey_is_added_and_signs_in(bench: Bench) -> None:
    answer = bench.add("Phone <b>")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=passkey-added#passkeys")
    act = bench.acts()[0]
    assert (act.act, act.person, act.details["name"]) == ("add-passkey", bench.actor("analyst-one").id, "Phone <b>")
    assert "Phone &lt;b&gt;" in bench.console.get("/account", host=HOST).text
    bench.leave()
    answer = bench.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/find")
    act = bench.acts()[0]
    assert (act.act, act.person, act.details) == ("sign-in", bench.actor("analyst-one").id, {"how": "passkey"})


def test_what_is_asked_names_nobody_and_wants_the_user_verified(added: Bench) -> None:
    asked = added.options("/sign-in/passkey/options")["options"]
    assert asked["userVerification"] == "required"
    assert not asked.get("allowCredentials")
    assert asked["rpId"] == HOST


def test_a_passkey_that_does_not_count_signs_in_again_and_again(bench: Bench) -> None:
    bench.key.step = 0
    bench.add()
    for _ in range(3):
        bench.leave()
        assert bench.sign_in().status_code == 303


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param({"origin": "http://elsewhere.example"}, id="wrong-origin"),
        pytest.param({"origin": "http://localhost:8443"}, id="other-port"),
        pytest.param({"host": "elsewhere.example"}, id="wrong-rp"),
        pytest.param({"cross": True}, id="framed"),
        pytest.param({"handle": b"somebody else"}, id="other-handle"),
        pytest.param({"handle": b"\xff\xfe"}, id="handle-is-no-text"),
    ],
)
def test_what_does_not_fit_is_refused(added: Bench, lies: dict[str, Any]) -> None:
    refused(added.sign_in(**lies), added, "wrong passkey")


def test_the_user_must_be_verified(added: Bench) -> None:
    added.key.flags = PRESENT
    refused(added.sign_in(), added, "wrong passkey")


def test_a_challenge_is_answered_once(added: Bench) -> None:
    asked = added.options("/sign-in/passkey/options")
    answer = added.key.get(asked["options"])
    fields = {"state": asked["state"], "answer": answer}
    assert added.post("/sign-in/passkey", fields).status_code == 303
    # The same browser, signed out: the visitor's cookie is as it was.
    added.post("/sign-out")
    refused(added.post("/sign-in/passkey", fields), added, "challenge answered before")
    # Nor does another answer to the same challenge count, of an authenticator that counts on.
    refused(added.sign_in(asked), added, "challenge answered before")
    assert added.sign_in().status_code == 303


def test_a_challenge_of_another_browser_is_refused(added: Bench) -> None:
    asked = added.options("/sign-in/passkey/options")
    added.leave()
    refused(added.sign_in(asked), added, "wrong passkey")


def test_a_challenge_for_adding_is_none_for_signing_in(bench: Bench) -> None:
    asked = bench.options("/account/passkeys/options")
    bench.add()
    options = {"challenge": asked["options"]["challenge"], "rpId": HOST}
    answer = bench.post("/sign-in/passkey", {"state": asked["state"], "answer": bench.key.get(options)})
    assert answer.status_code == 422
    assert (bench.acts()[0].act, bench.acts()[0].why) == ("refuse-sign-in", "wrong passkey")


def test_a_counter_that_goes_back_is_refused(added: Bench) -> None:
    added.key.count = 40
    assert added.sign_in().status_code == 303
    added.leave()
    added.key.count = 20
    refused(added.sign_in(), added, "passkey counts backwards")
    added.key.count = 40
    refused(added.sign_in(), added, "passkey counts backwards")
    added.key.step = 0
    added.key.count = 0
    refused(added.sign_in(), added, "passkey counts backwards")


def test_nobody_signs_in_with_the_passkey_of_somebody_else(added: Bench) -> None:
    """The id of another's passkey, signed by one's own key; and one's own, for another's handle."""
    added.console.sign_in("releaser-one")
    added.add("mine")
    first, mine = added.key.made
    added.leave()
    first.key, kept = mine.key, first.key
    refused(added.sign_in(which=0), added, "wrong passkey")
    first.key = kept
    refused(added.sign_in(which=1, handle=first.handle), added, "wrong passkey")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "[]",
        "null",
        "a" * 500,
        '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}',
        "{" * 9000,
    ],
    ids=["empty", "object", "list", "null", "letters", "hollow", "deep"],
)
def test_what_is_no_answer_is_refused(added: Bench, answer: str) -> None:
    asked = added.options("/sign-in/passkey/options")
    refused(added.post("/sign-in/passkey", {"state": asked["state"], "answer": answer}), added, "unknown account")


def test_a_disabled_person_does_not_sign_in(added: Bench) -> None:
    with open_node(added.console.home, environment={}) as node:
        node.people.disable("analyst-one", by=added.actor("administrator-one"), why="left")
    refused(added.sign_in(), added, "unknown account")
    with open_node(added.console.home, environment={}) as node:
        node.people.enable("analyst-one", by=added.actor("administrator-one"), why="back")
    refused(added.sign_in(), added, "unknown account")


def test_a_removed_passkey_does_not_sign_in(bench: Bench) -> None:
    bench.add()
    page = bench.console.page("/account")
    handle = next(fields["passkey"] for action, fields in page.forms if action == "/account/passkeys/remove")
    answer = bench.post("/account/passkeys/remove", {"passkey": handle})
    assert answer.status_code == 303
    assert bench.acts()[0].act == "remove-passkey"
    bench.leave()
    refused(bench.sign_in(), bench, "unknown account")


def test_nobody_removes_the_passkey_of_somebody_else(bench: Bench) -> None:
    bench.add()
    page = bench.console.page("/account")
    handle = next(fields["passkey"] for action, fields in page.forms if action == "/account/passkeys/remove")
    bench.console.sign_in("releaser-one")
    assert bench.post("/account/passkeys/remove", {"passkey": handle}).status_code == 404


@pytest.mark.parametrize(
    "lies", [{"origin": "http://elsewhere.example"}, {"host": "elsewhere.example"}], ids=["wrong-origin", "wrong-rp"]
)
def test_a_passkey_for_elsewhere_is_not_added(bench: Bench, lies: dict[str, Any]) -> None:
    assert bench.add(**lies).status_code == 400
    assert bench.console.page("/account").text.count("You have none.") == 1


def test_a_passkey_is_added_once_and_by_whom_it_was_asked_of(bench: Bench) -> None:
    asked = bench.options("/account/passkeys/options")
    fields = {"state": asked["state"], "answer": bench.key.create(asked["options"]), "name": ""}
    assert bench.post("/account/passkeys", fields).status_code == 303
    assert bench.post("/account/passkeys", fields).status_code == 409
    bench.console.sign_in("releaser-one")
    assert bench.post("/account/passkeys", fields).status_code == 400


def test_what_is_held_is_not_made_again(bench: Bench) -> None:
    bench.add()
    asked = bench.options("/account/passkeys/options")["options"]
    assert len(asked["excludeCredentials"]) == 1


def test_an_address_of_numbers_has_no_passkeys(bench: Bench) -> None:
    token = bench.token()
    assert bench.console.post("/account/passkeys/options", token=token).status_code == 409
    assert "not by a numeric address" in bench.console.get("/account").text


def test_an_old_session_changes_no_way_to_sign_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = bench.options("/account/passkeys/options")
    answer = bench.key.create(asked["options"])
    monkeypatch.setattr("titian.web.console.guard.FRESH", -1)
    for path, fields in (
        ("/account/passkeys/options", {}),
        ("/account/passkeys", {"state": asked["state"], "answer": answer}),
        ("/account/passkeys/remove", {"passkey": "x"}),
        ("/account/codes/begin", {}),
    ):
        assert bench.post(path, fields).status_code == 409, path
    assert "Sign in again to change this" in bench.console.get("/account", host=HOST).text


def test_options_are_json_that_nobody_keeps(added: Bench) -> None:
    answer = added.post("/sign-in/passkey/options")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert set(json.loads(answer.text)) == {"options", "state"}


def test_the_pages_wait_for_no_stranger(added: Bench) -> None:
    assert added.console.post("/sign-in/passkey/options", token="", host=HOST).status_code == 403
    assert added.console.post("/sign-in/passkey", token="", host=HOST).status_code == 403
