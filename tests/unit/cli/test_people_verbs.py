"""`titian people` and `titian login`: who acts, and what is printed and kept of them."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

import titian.cli.login
from support.nodes import environment, executable
from titian.cli import app, main
from titian.cli.ask import read_code, read_password
from titian.cli.session import FILE, VARIABLE, acting, held_token
from titian.core.errors import Forbidden, InvalidInput, TitianError
from titian.core.login import STEP
from titian.core.passwords import totp_code
from titian.core.people import LOCAL, Actor, Duty, Permission
from titian.node import open_node
from titian.setup import init_node
from titian.wire.oidc import Identity

PASSWORD = "correct horse battery"
NO_SESSION: dict[str, str | None] = {VARIABLE: None, "COLUMNS": "200"}


class Terminal:
    """Commands for one home, in this process."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *argv: str, given: str | None = None, **env: str) -> Result:
        return CliRunner().invoke(app, [*argv, "--home", str(self.home)], input=given, env={**NO_SESSION, **env})

    def out(self, *argv: str, given: str | None = None, **env: str) -> str:
        done = self.run(*argv, given=given, **env)
        assert done.exit_code == 0, f"{done.output}{done.exception!r}"
        return done.stdout

    def json(self, *argv: str, given: str | None = None, **env: str) -> Any:
        return json.loads(self.out(*argv, "--json", given=given, **env))

    def refused(self, *argv: str, given: str | None = None, **env: str) -> str:
        done = self.run(*argv, given=given, **env)
        assert isinstance(done.exception, TitianError), f"{done.output}{done.exception!r}"
        assert done.stdout == ""
        return str(done.exception)

    def add(self, name: str, role: str, *more: str) -> Any:
        return self.json("people", "add", name, "--role", role, "--password-stdin", *more, given=f"{PASSWORD}\n")

    def login(self, name: str, *more: str) -> Any:
        return self.json("login", name, "--password-stdin", *more, given=f"{PASSWORD}\n")

    def actor(self, permission: Permission, **env: str) -> Actor:
        with open_node(self.home, environment={}) as opened:
            return acting(opened, self.home, permission, env)

    def acts(self) -> list[tuple[str, str]]:
        with open_node(self.home, environment={}) as opened:
            return [(one.act, one.person) for one in reversed(opened.acts.list())]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.delenv(VARIABLE, raising=False)
    init_node(tmp_path / "home", name="BSSN", country="ID")
    return Terminal(tmp_path / "home")


def test_a_node_without_people_is_its_owners(own: Terminal) -> None:
    for permission in set(Permission) - {Permission.DECIDE_RELEASE}:
        assert own.actor(permission).id.startswith(LOCAL)
    with pytest.raises(Forbidden, match="only a releaser may decide release"):
        own.actor(Permission.DECIDE_RELEASE)
    assert "no people yet" in own.out("login")
    assert own.json("login") == {"person": None, "duty": None, "expires": None}


def test_people_are_added_listed_and_disabled(own: Terminal) -> None:
    boss = own.add("boss", "administrator", "--full-name", "Administrator One")
    assert (boss["name"], boss["full_name"], boss["role"], boss["totp"]) == (
        "boss", "Administrator One", "administrator", None,
    )  # fmt: skip
    assert "signed in" in own.refused("people", "add", "ana", "--role", "analyst", "--password-stdin", given=PASSWORD)
    own.login("boss")
    own.add("ana", "analyst")
    listed = own.json("people", "list")
    assert [(one["name"], one["role"], one["disabled"]) for one in listed] == [
        ("boss", "administrator", None),
        ("ana", "analyst", None),
    ]
    assert "Administrator One" in own.out("people", "list")
    assert own.json("people", "disable", "ana", "--why", "left")["disabled"] is not None
    assert "not accepted" in own.refused("login", "ana", "--password-stdin", given=PASSWORD)
    acts = [act for act, _ in own.acts() if act != "add-signing-key"]
    assert acts == ["add-person", "sign-in", "add-person", "disable-person", "refuse-sign-in"]
    printed = own.out("people", "list") + own.out("people", "list", "--json")
    assert "argon2" not in printed
    assert PASSWORD not in printed


def test_who_is_signed_in_acts(own: Terminal) -> None:
    own.add("ana", "analyst")
    with pytest.raises(Forbidden, match="login"):
        own.actor(Permission.PREVIEW)
    told = own.login("ana")
    assert set(told) == {"person", "duty", "session", "expires"}
    assert (told["person"], told["duty"]) == ("ana", "analyst")
    assert stat.S_IMODE((own.home / FILE).stat().st_mode) == 0o600
    assert held_token(own.home, {}) == told["session"]
    actor = own.actor(Permission.MARK)
    assert (actor.name, actor.duty) == ("ana", Duty.ANALYST)
    with pytest.raises(Forbidden, match="ana is signed in as analyst, and may not decide release"):
        own.actor(Permission.DECIDE_RELEASE)
    assert own.json("login") == {name: told[name] for name in ("person", "duty", "expires")}
    assert "ana is signed in as analyst" in own.out("login")
    assert own.json("login", "--out") == {"signed_out": True}
    assert not (own.home / FILE).exists()
    assert own.json("login", "--out") == {"signed_out": False}
    with pytest.raises(Forbidden):
        own.actor(Permission.PREVIEW)
    with pytest.raises(Forbidden, match="ended"):
        own.actor(Permission.READ, **{VARIABLE: told["session"]})


def test_the_session_of_the_environment_wins(own: Terminal) -> None:
    own.add("boss", "administrator")
    boss = own.login("boss")["session"]
    own.add("rel", "releaser")
    releaser = own.login("rel")["session"]
    assert held_token(own.home, {}) == releaser
    assert own.actor(Permission.MANAGE_PEOPLE, **{VARIABLE: boss}).name == "boss"
    with pytest.raises(Forbidden):
        own.actor(Permission.MANAGE_PEOPLE)
    assert own.json("login", **{VARIABLE: boss})["person"] == "boss"


@pytest.mark.parametrize("token", ["x", "titian_session_" + "a" * 32, "titian_abcdefgh_" + "a" * 32])
def test_a_session_that_is_none_is_not_the_local_operator(own: Terminal, token: str) -> None:
    """What ended, or was made up, is told: it does not fall back to whoever opens the files."""
    with pytest.raises(Forbidden, match="ended"):
        own.actor(Permission.READ, **{VARIABLE: token})


def test_a_file_that_is_not_ours_is_no_session(own: Terminal) -> None:
    (own.home / FILE).write_bytes(b"\xff\x00" * 1000)
    with pytest.raises(Forbidden):
        own.actor(Permission.READ)
    (own.home / FILE).write_bytes(b"\n")
    assert own.actor(Permission.READ).duty is None


def test_the_session_file_does_not_follow_a_link(own: Terminal, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    own.add("ana", "analyst")
    (own.home / FILE).symlink_to(elsewhere)
    own.login("ana")
    assert elsewhere.read_text() == "kept"
    assert not (own.home / FILE).is_symlink()
    assert [path.name for path in own.home.iterdir() if path.name.startswith(".session")] == []


def test_a_code_is_wanted_where_there_is_one(own: Terminal) -> None:
    uri = own.add("ana", "analyst", "--totp")["totp"]
    found = urllib.parse.urlsplit(uri)
    assert (found.scheme, urllib.parse.unquote(found.path)) == ("otpauth", "/BSSN:ana")
    assert "--code" in own.refused("login", "ana", "--password-stdin", given=PASSWORD)
    assert not (own.home / FILE).exists()
    assert "not accepted" in own.refused("login", "ana", "--password-stdin", "--code", "000000", given=PASSWORD)
    with open_node(own.home, environment={}) as opened:
        secret = opened.people.find("ana").totp
    assert secret is not None
    code = totp_code(secret, time.time_ns() // 1000 // STEP)
    assert own.login("ana", "--code", f"{code[:3]} {code[3:]}")["person"] == "ana"
    assert "not accepted" in own.refused("login", "ana", "--password-stdin", "--code", code, given=PASSWORD)
    assert uri not in own.out("people", "list", "--json"), "shown once"


def test_without_a_terminal_nobody_is_asked(own: Terminal) -> None:
    assert "--password-stdin" in own.refused("people", "add", "ana", "--role", "analyst")
    assert "--password-stdin" in own.refused("login", "ana")
    assert own.json("people", "list") == []


@pytest.mark.parametrize("given", ["", "\n", "short\n", "x" * 10_000])
def test_what_is_no_password_adds_nobody(own: Terminal, given: str) -> None:
    own.refused("people", "add", "ana", "--role", "analyst", "--password-stdin", given=given)
    assert own.json("people", "list") == []
    own.refused("login", "ana", "--password-stdin", given=given)


OTHER = "a bridge of two planks"


def test_an_administrator_gives_a_password_and_codes(own: Terminal) -> None:
    own.add("boss", "administrator")
    own.login("boss")
    own.add("ana", "analyst")
    done = own.json("people", "password", "ana", "--password-stdin", "--totp", "--why", "forgotten", given=OTHER)
    assert (done["name"], done["totp"].partition("?")[0]) == ("ana", "otpauth://totp/BSSN:ana")
    assert "--code" in own.refused("login", "ana", "--password-stdin", given=OTHER)
    done = own.json("people", "password", "ana", "--password-stdin", "--no-totp", given=PASSWORD)
    assert done["totp"] is False
    assert own.json("login", "ana", "--password-stdin", given=PASSWORD)["person"] == "ana"
    own.login("boss")
    told = own.run("people", "password", "ana", "--password-stdin", given=OTHER)
    assert (told.exit_code, told.stdout) == (0, ""), "without another secret for codes there is nothing to keep"
    assert "signed out everywhere" in told.stderr
    own.refused("people", "password", "nobody there", "--password-stdin", given=OTHER)
    assert OTHER not in own.out("acts", "--json", **{VARIABLE: auditor(own)})


def auditor(own: Terminal) -> str:
    """The session of an auditor."""
    with open_node(own.home, environment={}) as opened:
        by = acting(opened, own.home, Permission.MANAGE_PEOPLE, {})
        opened.people.add("auditor-one", Duty.AUDITOR, by=by, issuer="https://login.example", subject="auditor")
        return opened.people.identity("https://login.example", "auditor").token


def test_a_person_changes_their_own_after_the_old_one(own: Terminal) -> None:
    own.add("ana", "analyst")
    own.login("ana")
    change = ("people", "password", "ana", "--password-stdin")
    assert "not accepted" in own.refused(*change, given=f"not the old one\n{OTHER}\n")
    assert "12 to 256" in own.refused(*change, given=f"{PASSWORD}\n")
    assert "Ask another administrator" in own.refused(*change, "--no-totp", given=f"{PASSWORD}\n{OTHER}\n")
    assert own.json("login")["person"] == "ana", "nothing was changed, nobody is signed out"
    own.out(*change, given=f"{PASSWORD}\n{OTHER}\n")
    assert not (own.home / FILE).exists()
    assert own.json("login", "ana", "--password-stdin", given=OTHER)["person"] == "ana"


def test_nobody_changes_the_password_of_another(own: Terminal) -> None:
    own.add("boss", "administrator")
    own.login("boss")
    for name in ("ana", "bea"):
        own.add(name, "analyst")
    own.login("ana")
    said = own.refused("people", "password", "bea", "--password-stdin", given=f"{PASSWORD}\n{OTHER}\n")
    assert "may not manage people" in said
    assert own.login("bea")["person"] == "bea"


def test_a_changed_password_leaves_the_session_of_another(own: Terminal) -> None:
    """TITIAN_SESSION acts for ana; the file beside is of somebody else, and stays."""
    own.add("ana", "analyst")
    own.add("rel", "releaser")
    ana = own.login("ana")["session"]
    own.login("rel")
    given = f"{PASSWORD}\n{OTHER}\n"
    own.out("people", "password", "ana", "--password-stdin", given=given, **{VARIABLE: ana})
    assert own.json("login")["person"] == "rel"


def test_a_person_is_enabled_again(own: Terminal) -> None:
    own.add("boss", "administrator")
    own.login("boss")
    own.add("ana", "analyst")
    assert "not disabled" in own.refused("people", "enable", "ana", "--why", "x")
    own.out("people", "disable", "ana")
    assert "ana can sign in again, as analyst" in own.out("people", "enable", "ana", "--why", "back from leave")
    assert own.login("ana")["person"] == "ana"
    assert own.run("people", "enable", "ana").exit_code == 2, "why is not left out"


# Acts


def test_an_auditor_reads_the_acts(own: Terminal) -> None:
    own.add("boss", "administrator")
    own.login("boss")
    own.out("people", "add", "ana", "--role", "analyst", "--password-stdin", "--why", "joined", given=PASSWORD)
    assert "may not audit" in own.refused("acts"), "who makes the accounts does not read along"
    session = {VARIABLE: auditor(own)}
    listed = own.json("acts", **session)
    assert [one["what"] for one in listed[:2]] == ["add-signing-key"] * 2, "the node made its own keys first"
    listed = listed[2:]
    assert [one["what"] for one in listed] == ["add-person", "sign-in", "add-person", "add-person", "sign-in"]
    assert [one["num"] for one in listed] == sorted(one["num"] for one in listed), "the latest last"
    assert set(listed[0]) == {"num", "at", "who", "person", "what", "on", "why", "details"}
    assert (listed[2]["who"], listed[2]["why"], listed[2]["details"]["name"]) == ("boss", "joined", "ana")
    assert listed[0]["who"].startswith(LOCAL)
    printed = own.out("acts", **session)
    assert "joined" in printed
    assert listed[2]["on"] not in printed, "people are shown by name"
    for options, wanted in (
        (("--who", "boss"), {1, 2, 3}), (("--who", listed[0]["who"].removeprefix(LOCAL)), {0}),
        (("--what", "sign in"), {1, 4}), (("--what", "Sign-In", "--who", "BOSS"), {1}), (("--limit", "2"), {3, 4}),
        (("--since", listed[2]["at"]), {2, 3, 4}), (("--since", "2099-01-01"), set()), (("--who", "nobody"), set()),
    ):  # fmt: skip
        found = own.json("acts", *options, **session)
        assert [one["num"] for one in found] == [listed[number]["num"] for number in sorted(wanted)], options
    assert "No such act" in own.out("acts", "--what", "fly", **session)
    assert "latest 2" in own.run("acts", "--limit", "2", **session).stderr
    assert "is no date" in own.refused("acts", "--since", "yesterday", **session)
    assert own.run("acts", "--limit", "0", **session).exit_code == 2
    assert own.json("acts", **session)[2:] == listed, "to read is no act"


def test_signing_in_and_out_at_once_is_refused(own: Terminal) -> None:
    assert "--out" in own.refused("login", "ana", "--out")


# In a terminal


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch, *typed: str) -> list[str]:
    asked: list[str] = []
    answers = iter(typed)
    monkeypatch.setattr("sys.stdin", Tty())
    monkeypatch.setattr("getpass.getpass", lambda prompt: (asked.append(prompt), next(answers))[1])
    return asked


def test_a_new_password_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = at_terminal(monkeypatch, PASSWORD, PASSWORD, "123456")
    assert read_password(False, asking="Password", twice=True) == PASSWORD
    assert read_code() == "123456"
    assert len(asked) == 3


@pytest.mark.parametrize("typed", [(PASSWORD, PASSWORD + "x"), ("short", "short")])
def test_a_new_password_that_is_not_kept(monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...]) -> None:
    at_terminal(monkeypatch, *typed)
    with pytest.raises(InvalidInput):
        read_password(False, asking="Password", twice=True)


def test_a_known_password_is_typed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(at_terminal(monkeypatch, "old")) == 0
    assert read_password(False, asking="Password") == "old"


def test_ones_own_password_is_asked_for_old_then_new_twice(
    own: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own.add("ana", "analyst")
    own.login("ana")
    asked = at_terminal(monkeypatch, PASSWORD, OTHER, OTHER)
    monkeypatch.setattr("sys.argv", ["titian", "people", "password", "ana", "--home", str(own.home)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (None, 0), capsys.readouterr()
    assert asked == ["Old password: ", "New password: ", "Again: "]
    assert own.json("login", "ana", "--password-stdin", given=OTHER)["person"] == "ana"


# OpenID Connect


def test_without_a_provider_it_says_what_to_set(own: Terminal) -> None:
    assert "oidc_issuer" in own.refused("login", "--oidc")


def test_an_identity_signs_in_whom_it_belongs_to(own: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer, subject = "https://login.example", "248289761001"
    identity = ("--oidc-issuer", issuer, "--oidc-subject", subject)
    assert own.json("people", "add", "ana", "--role", "analyst", *identity)["password"] is False
    own.out("people", "add", "root", "--role", "administrator", "--password-stdin", given=PASSWORD)

    def by(found: Identity) -> None:
        def through(opened: Any, name: str | None) -> Any:
            session = opened.people.identity(found.issuer, found.subject)
            return titian.cli.login.named_as(opened, session, name)

        monkeypatch.setattr(titian.cli.login, "_by_openid", through)

    by(Identity(issuer, subject))
    assert own.json("login", "--oidc")["person"] == "ana"
    for other in ("root", "nobody there"):
        assert f"not {other}" in own.refused("login", other, "--oidc")
    assert [act for act, _ in own.acts()].count("sign-out") == 2, "the session that was opened is ended"
    by(Identity(issuer, "another"))
    assert "not accepted" in own.refused("login", "--oidc")


def test_a_refusal_is_one_sentence_and_status_1(own: Terminal) -> None:
    own.add("ana", "analyst")
    done = subprocess.run(
        [*executable(), "login", "ana", "--password-stdin", "--home", str(own.home)],
        input=b"\xff\xfe wrong\n", capture_output=True, env=environment(), timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"titian: ")
    assert os.fspath(own.home).encode() not in done.stderr
