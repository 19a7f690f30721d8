"""Every verb asks who is acting, or stands in the list of those that need not: a new one cannot forget it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Final

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from support.nodes import Node, WarmCli
from titian.cli import VERBS, app
from titian.cli.session import VARIABLE
from titian.core.errors import Forbidden
from titian.core.people import LOCAL_ALWAYS, PERMISSIONS, Duty, Permission, local_operator
from titian.node import open_node

MALWARE: Final = "malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
ISSUER: Final = "https://login.example"

ASKS_NOTHING: Final = {
    "init": "there is no node yet, or its schema is to be brought up",
    "serve": "it is started by the machine, and asks every reader for a key",
    "login": "it is how somebody signs in",
    "check": "it says whether the node is healthy, and shows nothing that it holds",
    "validate": "it reads files, and no node",
    "demo": "it makes nodes of its own",
    "restore": "there is no node yet",
}
"""Verbs that ask nobody, and why."""

ASKS: Final[dict[str, tuple[Permission, str]]] = {
    "collections add": (Permission.WRITE, "New"),
    "collections list": (Permission.READ, ""),
    "keys add": (Permission.MANAGE_KEYS, "tool --role reader"),
    "keys list": (Permission.READ, ""),
    "keys revoke": (Permission.MANAGE_KEYS, "tool"),
    "people add": (Permission.MANAGE_PEOPLE, "new --role analyst --oidc-issuer https://login.example --oidc-subject 9"),
    "people list": (Permission.READ, ""),
    "people disable": (Permission.MANAGE_PEOPLE, "nobody-there"),
    "people enable": (Permission.MANAGE_PEOPLE, "nobody-there --why back"),
    "people password": (Permission.MANAGE_PEOPLE, "spare --password-stdin"),
    "parties add": (Permission.MANAGE_AGREEMENTS, "New --kind ngo"),
    "parties list": (Permission.READ, ""),
    "parties show": (Permission.READ, "Agency"),
    "parties join": (Permission.MANAGE_AGREEMENTS, "Agency club"),
    "parties leave": (Permission.MANAGE_AGREEMENTS, "Agency club"),
    "agreements add": (Permission.MANAGE_AGREEMENTS, "public:indonesia-japan-terrorism"),
    "agreements list": (Permission.READ, ""),
    "agreements show": (Permission.READ, "talks"),
    "agreements end": (Permission.MANAGE_AGREEMENTS, "talks --why over"),
    "agreements narrow": (Permission.MANAGE_AGREEMENTS, "talks --ceiling green"),
    "agreements members": (Permission.READ, "talks"),
    "agreements consent": (Permission.MANAGE_AGREEMENTS, f"talks --originator Agency --objects {MALWARE}"),
    "agreements dialogue add": (Permission.MANAGE_AGREEMENTS, "Dialogue --party Agency"),
    "agreements dialogue keep": (Permission.MANAGE_AGREEMENTS, "Dialogue Promise --on 2026-01-01"),
    "agreements dialogue list": (Permission.READ, ""),
    "agreements dialogue show": (Permission.READ, "Dialogue"),
    "mark": (Permission.MARK, f"{MALWARE} --tlp green"),
    "queries add": (Permission.REQUEST_RELEASE, "all"),
    "queries list": (Permission.READ, ""),
    "queries remove": (Permission.REQUEST_RELEASE, "all"),
    "preview": (Permission.PREVIEW, f"{MALWARE} --to talks"),
    "release": (Permission.REQUEST_RELEASE, f"{MALWARE} --to talks"),
    "approvals": (Permission.READ, ""),
    "approve": (Permission.DECIDE_RELEASE, "3f9c2a10"),
    "refuse": (Permission.DECIDE_RELEASE, "3f9c2a10 --why no"),
    "acts": (Permission.AUDIT, ""),
    "import": (Permission.WRITE, "FILE --collection Reports"),
    "export": (Permission.READ, "--collection Reports -o FILE.out"),
    "pull": (Permission.WRITE, "ftp://nowhere.example/ --collection x"),
    "backup": (Permission.BACK_UP, "FILE.backup"),
    "peers add": (Permission.MANAGE_KEYS, "FILE"),
    "peers card": (Permission.READ, ""),
    "peers list": (Permission.READ, ""),
    "peers remove": (Permission.MANAGE_KEYS, "nobody-there"),
    "signing list": (Permission.READ, ""),
    "signing rotate": (Permission.MANAGE_KEYS, "log --overlap 1d"),
    "signing compromised": (Permission.MANAGE_KEYS, "99 --why lost"),
    "bundle seal": (Permission.REQUEST_RELEASE, "--to talks -o FILE.bundle"),
    "bundle open": (Permission.WRITE, "FILE"),
    "bundle list": (Permission.READ, ""),
    "recall": (Permission.REQUEST_RELEASE, f"{MALWARE} --reason legal --deadline 2099-01-01"),
    "recalls answer": (Permission.REQUEST_RELEASE, "3f9c2a10 apply"),
    "recalls dismiss": (Permission.REQUEST_RELEASE, "3f9c2a10 --why no"),
    "recalls send": (Permission.REQUEST_RELEASE, "3f9c2a10 --deadline 2099-01-01"),
    "recalls show": (Permission.READ, "3f9c2a10"),
    "recalls withdraw": (Permission.REQUEST_RELEASE, "3f9c2a10 --why mistaken"),
    "refer answer": (Permission.REQUEST_RELEASE, "3f9c2a10 removed"),
    "refer appeal": (Permission.REQUEST_RELEASE, "3f9c2a10 --why no"),
    "refer list": (Permission.READ, ""),
    "refer make": (Permission.REQUEST_RELEASE, "https://video.example/7 --to Agency --agreement talks"),
    "refer show": (Permission.READ, "3f9c2a10"),
    "refer withdraw": (Permission.REQUEST_RELEASE, "3f9c2a10"),
    "sight": (Permission.WRITE, f"{MALWARE} --keep"),
    "sightings": (Permission.READ, ""),
    "subscribe": (Permission.WRITE, "ftp://nowhere.example/ --collection x --agreement talks --key k"),
    "subscriptions show": (Permission.READ, "3f9c2a10"),
    "subscriptions run": (Permission.WRITE, "3f9c2a10"),
    "subscriptions resume": (Permission.WRITE, "3f9c2a10 --why settled"),
    "subscriptions end": (Permission.WRITE, "3f9c2a10 --why over"),
    "inbox show": (Permission.READ, "12"),
    "inbox accept": (Permission.WRITE, "12 --why fine"),
    "inbox reject": (Permission.WRITE, "12 --why no"),
    "ledger verify": (Permission.READ, ""),
    "ledger prove": (Permission.AUDIT, "private:0"),
    "ledger check-proof": (Permission.READ, "FILE"),
    "ledger checkpoint": (Permission.READ, "--ledger private"),
    "ledger list": (Permission.READ, ""),
    "ledger entries": (Permission.AUDIT, "--ledger private"),
    "ledger policy": (Permission.READ, "--ledger private"),
    "ledger resume": (Permission.MANAGE_KEYS, "private --why restored"),
    "ledger witnesses add": (Permission.MANAGE_KEYS, "witness.example+00000000+BA=="),
    "ledger witnesses remove": (Permission.MANAGE_KEYS, "witness.example"),
    "screen": (Permission.READ, "nothing.example"),
    "match offer": (Permission.REQUEST_RELEASE, "--with Agency --kind wallet"),
    "match ask": (Permission.REQUEST_RELEASE, "--with Agency --kind wallet"),
    "match list": (Permission.READ, ""),
    "match show": (Permission.READ, "3f9c2a10"),
    "match approve": (Permission.DECIDE_RELEASE, "3f9c2a10"),
    "match refuse": (Permission.DECIDE_RELEASE, "3f9c2a10 --why no"),
    "match withdraw": (Permission.REQUEST_RELEASE, "3f9c2a10 --why no"),
    "warninglists list": (Permission.READ, ""),
    "warninglists update": (Permission.WRITE, "--from FILE"),
    "push": (Permission.REQUEST_RELEASE, "ftp://nowhere.example/ --collection x --from Reports"),
}
"""Every other command: what it asks for, and words that it understands."""

OTHERWISE: Final[dict[str, tuple[Permission, str]]] = {
    "agreements members": (Permission.MANAGE_AGREEMENTS, "talks add Agency"),
    "approvals": (Permission.REQUEST_RELEASE, "--stop 3f9c2a10"),
    "approvals show": (Permission.READ, "3f9c2a10"),
    "recalls": (Permission.READ, ""),
    "subscriptions": (Permission.READ, ""),
    "subscriptions resume": (Permission.MANAGE_KEYS, "3f9c2a10 --why settled --trust-ledger"),
    "inbox": (Permission.READ, ""),
    "ledger witnesses": (Permission.READ, ""),
    "release": (Permission.REQUEST_RELEASE, "query:all --to talks --standing --until 2099-01-01"),
    "match list": (Permission.READ, "--runs"),
}
"""Other ways to call some of them."""

ROWS: Final = [*((name, *row) for name, row in ASKS.items()), *((name, *row) for name, row in OTHERWISE.items())]


def _below(command: Any, *words: str) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words)
    for name, found in (inner or {}).items():
        yield from _below(found, *words, name)


def test_every_command_is_in_the_table() -> None:
    """Whoever adds a verb says here what it asks for: nothing is left out, and nothing is left over."""
    found = [name for verb, (module, _) in VERBS.items()
             for name in _below(get_command(importlib.import_module(module).app), verb)]  # fmt: skip
    assert sorted(found) == sorted([*ASKS_NOTHING, *ASKS])


@pytest.fixture(scope="module")
def peopled(titian_cli: WarmCli, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A node with one person for each duty, and a spare one; nobody is signed in."""
    node = Node(tmp_path_factory.mktemp("peopled") / "home", titian_cli).init()
    node.add_collection("Reports")
    with open_node(node.home, environment={}) as opened:
        # The administrator last: from then on only they add people.
        for name, duty in (("spare", Duty.ANALYST), *((one.value, one) for one in Duty)):
            opened.people.add(name, duty, by=local_operator("setup"), issuer=ISSUER, subject=name)
    return node


def _argv(node: Node, name: str, given: str) -> list[str]:
    file = node.home.with_name("given.json")
    file.write_text('{"type":"bundle","id":"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","objects":[]}')
    return [*name.split(), *given.replace("FILE", str(file)).split()]


def _fingerprint(node: Node) -> tuple[object, ...]:
    with open_node(node.home, environment={}) as opened:
        directory = opened.agreements.read().directory
        return (
            len(opened.acts.list(limit=1000)), len(opened.people.list()), len(opened.keys.list()),
            len(opened.collections.list()), sorted(directory.parties), sorted(directory.agreements),
        )  # fmt: skip


@pytest.mark.parametrize(("name", "permission", "given"), ROWS, ids=lambda value: value.replace(" ", "-")[:40])
def test_without_signing_in_a_verb_looks_and_holds_and_does_no_more(
    peopled: Node, name: str, permission: Permission, given: str
) -> None:
    written = peopled.home.with_name("given.json.out")
    written.unlink(missing_ok=True)
    before = _fingerprint(peopled)
    done = peopled.run(*_argv(peopled, name, given))
    if permission in LOCAL_ALWAYS:
        assert "signed in" not in done.stderr
        return
    assert (done.status, done.stdout) == (1, ""), str(done)
    assert done.stderr.startswith("titian: Nobody is signed in, and "), str(done)
    assert "may " + permission.replace("-", " ") in done.stderr
    assert "  → `titian " in done.stderr, "it says what to do"
    assert _fingerprint(peopled) == before
    assert not written.exists()


@pytest.fixture(scope="module")
def tokens(peopled: Node) -> dict[Duty, str]:
    """A session of each duty."""
    with open_node(peopled.home, environment={}) as opened:
        return {
            one.duty: opened.people.identity(ISSUER, one.subject or "").token
            for one in opened.people.list() if one.name != "spare"
        }  # fmt: skip


@pytest.mark.parametrize("duty", Duty)
@pytest.mark.parametrize(("name", "permission", "given"), ROWS, ids=lambda value: value.replace(" ", "-")[:40])
def test_a_verb_asks_for_what_its_row_says(
    peopled: Node, tokens: dict[Duty, str], name: str, permission: Permission, given: str, duty: Duty
) -> None:
    """Whose duty permits it gets past the question, whatever comes then; nobody else does."""
    argv = [*_argv(peopled, name, given), "--home", str(peopled.home)]
    done = CliRunner().invoke(app, argv, env={VARIABLE: tokens[duty], "COLUMNS": "200"}, input="")
    asked = f"is signed in as {duty}, and may not {permission.replace('-', ' ')}"
    if permission in PERMISSIONS[duty]:
        assert "is signed in as" not in str(done.exception), str(done.exception)
    else:
        assert isinstance(done.exception, Forbidden), f"{done.output}{done.exception!r}"
        assert asked in str(done.exception)


def test_what_asks_nothing_works_for_nobody(peopled: Node, titian_cli: WarmCli) -> None:
    assert "Nobody is signed in; `titian login NAME` does it." in peopled.titian("login")
    assert peopled.run("check").status == 0
    file = _argv(peopled, "validate", "FILE")[1]
    assert titian_cli.run("validate", file).status == 0


def test_the_demo_and_the_tutorial_go_on_without_people(own: Node) -> None:
    """While there are no people, whoever opens the files does everything but decide."""
    own.add_collection("Reports")
    file = _argv(own, "import", "FILE")[1]
    for argv in (("import", file, "--collection", "Reports"), ("export", "--collection", "Reports"), ("acts",),
                 ("people", "list"), ("keys", "list"), ("collections", "list"), ("approvals",)):  # fmt: skip
        own.titian(*argv)


def test_who_may_bring_an_administrator_back_sees_whom_there_is(own: Node) -> None:
    """With no administrator left, the local operator enables one again; with one, that is refused."""
    with open_node(own.home, environment={}) as opened:
        for name, duty in (("analyst-one", Duty.ANALYST), ("keeper", Duty.ADMINISTRATOR)):
            opened.people.add(name, duty, by=local_operator("setup"), issuer=ISSUER, subject=name)
    assert own.run("people", "enable", "keeper", "--why", "no need").status == 1
    with open_node(own.home, environment={}) as opened:
        keeper = opened.people.identity(ISSUER, "keeper").actor
        opened.people.disable("keeper", by=keeper)
    assert [one["name"] for one in own.json("people", "list")] == ["analyst-one", "keeper"]
    assert own.run("acts").status == 1
    assert own.json("people", "enable", "keeper", "--why", "nobody else is left")["disabled"] is None
    assert own.run("people", "enable", "keeper", "--why", "no need").status == 1
