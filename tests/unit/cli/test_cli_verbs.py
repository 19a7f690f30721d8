"""The verbs on a node: what they print for programs, and that what goes in comes out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.nodes import Node, WarmCli
from support.stix import indicator, ipv4, malware, relationship, revision, statement, text
from titian.cli import app


def bundle(path: Path, *objects: object) -> Path:
    parts = [part if isinstance(part, bytes) else text(part) for part in objects]
    path.write_bytes(
        b'{"type":"bundle","id":"bundle--'
        + str(uuid.UUID(int=4, version=4)).encode()
        + b'","objects":['
        + b",".join(parts)
        + b"]}"
    )
    return path


def test_init(titian_cli: WarmCli, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = titian_cli.run("init", "--home", str(home), "--name", "BSSN", "--country", "ID", "--json")
    made = json.loads(done.stdout)
    assert done.status == 0
    assert (made["home"], made["name"], made["country"]) == (str(home), "BSSN", "ID")
    assert made["identity"].startswith("identity--")
    again = titian_cli.run("init", "--home", str(home), "--name", "Other", "--country", "JP")
    assert again.status == 1
    assert "already" in again.stderr


def test_collections(own: Node) -> None:
    made = own.json("collections", "add", "Money", "--description", "Wallets", "--alias", "money")
    assert {"id", "name"} <= set(made)
    assert uuid.UUID(made["id"]).version == 4
    assert made["name"] == "Money"
    assert own.titian("collections", "add", "Plain").strip() not in ("", made["id"])
    listed = own.json("collections", "list")
    assert next((one["id"], one["name"], one["count"]) for one in listed) == (made["id"], "Money", 0)
    assert "Money" in own.titian("collections", "list")


def test_keys(own: Node) -> None:
    made = own.json("keys", "add", "partner", "--role", "reader")
    assert set(made) == {"name", "key", "role"}
    assert (made["name"], made["role"]) == ("partner", "reader")
    printed = own.run("keys", "add", "other", "--role", "writer")
    assert printed.stdout.strip().startswith("titian_"), "the key alone: `KEY=$(titian keys add …)` works"
    assert len(printed.stdout.split()) == 1
    for form in ((), ("--json",)):
        listing = own.titian("keys", "list", *form)
        assert made["key"] not in listing
        assert made["key"].split("_")[2] not in listing
    own.titian("keys", "revoke", "partner")
    assert [one["revoked"] is not None for one in own.json("keys", "list")] == [True, False]
    assert own.run("keys", "revoke", "partner").status == 1


def test_what_is_imported_is_exported_and_valid(own: Node, titian_cli: WarmCli, tmp_path: Path) -> None:
    one, two = indicator(name="naïve 例え"), malware()
    values = [one, two, relationship(one, two), ipv4("198.51.100.5"), statement("x"), revision(two, name="newer")]
    invalid = {"type": "malware", "id": "malware--1"}
    source = bundle(tmp_path / "in.json", *values, invalid)
    own.titian("collections", "add", "One")
    report = own.run("import", str(source), "--collection", "One", "--json")
    told = json.loads(report.stdout)
    assert {"read", "added", "known", "rejected"} <= set(told)
    assert (told["read"], told["added"], told["known"]) == (7, 6, 0)
    assert {one["id"] for one in told["rejected"]} == {"malware--1"}
    assert all({"id", "path", "rule", "clause"} <= set(one) for one in told["rejected"])
    again = json.loads(own.run("import", str(source), "--collection", "One", "--json").stdout)
    assert (again["added"], again["known"]) == (0, 6)

    target = tmp_path / "out.json"
    written = own.json("export", "--collection", "One", "-o", str(target), "--every-version")
    assert (written["written"], written["left_out"]) == (6, [])
    assert all(text(value) in target.read_bytes() for value in values)
    assert own.titian("export", "--collection", "One", "--every-version").encode().count(b'"spec_version"') >= 6
    latest = json.loads(own.titian("export", "--collection", "One"))["objects"]
    assert [value["id"] for value in latest].count(two["id"]) == 1

    valid = titian_cli.run("validate", str(target), "--json")
    assert (valid.status, json.loads(valid.stdout)) == (0, {"objects": 6, "violations": []})
    violated = titian_cli.run("validate", str(source), "--json")
    assert violated.status == 1
    found = json.loads(violated.stdout)
    assert found["objects"] == 7
    assert all({"id", "path", "rule", "clause"} <= set(one) for one in found["violations"])
    assert {one["id"] for one in found["violations"]} == {"malware--1"}


def test_what_two_nodes_exchange_is_the_same(make_node: Callable[[], Node], tmp_path: Path) -> None:
    """Export of one is import of the other, byte for byte."""
    values = [indicator(), malware(description="\u2028}],["), statement("x")]
    first, second = make_node(), make_node()
    for node in (first, second):
        node.titian("collections", "add", "One")
    first.titian("import", str(bundle(tmp_path / "a.json", *values)), "--collection", "One")
    first.titian("export", "--collection", "One", "-o", str(tmp_path / "b.json"))
    second.titian("import", str(tmp_path / "b.json"), "--collection", "One")
    second.titian("export", "--collection", "One", "-o", str(tmp_path / "c.json"))
    for value in values:
        assert text(value) in (tmp_path / "c.json").read_bytes()


def test_check(own: Node) -> None:
    done = own.run("check", "--json")
    told = json.loads(done.stdout)
    assert done.status == (0 if told["healthy"] else 1)
    assert {"database", "disk", "clock", "keys", "migrations"} <= {one["check"] for one in told["findings"]}
    assert "health" in own.run("check").stdout


def test_the_home_can_stand_in_the_environment(own: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["collections", "list", "--json"], env={"TITIAN_HOME": str(own.home)})
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])


MARKUP = ["[/]", "[/bold]", "[bold]x", "[link=evil.example]x[/link]", "a [red]b"]


@pytest.mark.parametrize("name", MARKUP)
def test_names_are_shown_as_they_are(own: Node, name: str) -> None:
    """What looks like markup is a name: it neither breaks a list nor paints it."""
    own.titian("collections", "add", name)
    own.titian("keys", "add", name, "--role", "reader")
    for verb in ("collections", "keys"):
        assert name in own.titian(verb, "list"), verb


@pytest.mark.parametrize("name", [*MARKUP, "\x1b[2J", "\u202eabc", "\x00", "a\nb"], ids=ascii)
def test_what_a_partner_wrote_is_shown_as_it_is(own: Node, titian_cli: WarmCli, tmp_path: Path, name: str) -> None:
    """In a report about a file from outside, neither markup nor the terminal's own commands work."""
    value = malware(**{name: None, "id": f"malware--{name}", "name": 5})
    source = bundle(tmp_path / "in.json", value)
    own.titian("collections", "add", "One")
    for done in (
        titian_cli.run("validate", str(source)),
        own.run("import", str(source), "--collection", "One"),
    ):
        assert done.status in {0, 1}, str(done)
        assert "Traceback" not in done.stderr
        printed = done.stdout + done.stderr
        assert "$.name" in printed
        assert not set("\x1b\x00\u202e") & set(printed)
