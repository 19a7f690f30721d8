"""The verbs `parties` and `agreements`: what they print for programs, what they refuse, and what they leave behind."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from support.nodes import Node, WarmCli
from titian.cli import VERBS
from titian.core.people import Duty, local_operator
from titian.exchange.public_agreements import public_agreements
from titian.node import open_node

CT = "indonesia-japan-terrorism"
COMMUNITY = "asean-japan-cybersecurity"

COMMANDS = [
    *(("parties", verb) for verb in ("add", "list", "show", "join", "leave")),
    *(("agreements", verb) for verb in ("add", "list", "show", "end", "narrow", "members", "consent")),
    *(("agreements", "dialogue", verb) for verb in ("add", "keep", "list", "show")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example_that_would_be_understood(titian_cli: WarmCli, command: tuple[str, ...]) -> None:
    done = titian_cli.run(*command, "--help")
    assert done.status == 0, str(done)
    assert re.search(rf"Example: +titian {' '.join(command[:2])}\b", " ".join(done.stdout.split())), done.stdout
    assert {"--home", "--json"} <= set(done.stdout.split())
    found: Any = get_command(importlib.import_module(VERBS[command[0]][0]).app)
    for name in command[1:]:
        found = found.commands[name]
    words = shlex.split((found.epilog or "").removeprefix("Example:"))
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert words[: len(command) + 1] == ["titian", *command]


def agreed(node: Node, name: str = CT) -> dict[str, Any]:
    shown: dict[str, Any] = node.json("agreements", "show", name)
    return shown


def audience(node: Node, name: str) -> set[str]:
    return {one["party"]["alias"] for one in agreed(node, name)["audience"]}


@pytest.fixture
def signed(own: Node) -> Node:
    """A node that has taken itself into two of the public agreements."""
    for name in (CT, COMMUNITY):
        own.titian("agreements", "add", f"public:{name}")
        own.titian("agreements", "members", name, "add", "BSSN")
    return own


def test_what_is_shipped_is_listed_without_a_node(titian_cli: WarmCli) -> None:
    done = titian_cli.run("agreements", "list", "--public")
    assert done.status == 0, str(done)
    assert all(f"public:{alias}" in done.stdout for alias in public_agreements())


def test_parties(own: Node) -> None:
    club = own.json("parties", "add", "Club", "--kind", "community", "--alias", "club", "--ceiling", "green")
    made = own.json(
        "parties", "add", "Police of Example", "--kind", "state-agency", "--country", "JP", "--alias", "police",
        "--sector", "government-national", "--member-of", "club", "--hidden", "--until", "2099-01-01",
    )  # fmt: skip
    shown = own.json("parties", "show", "police")
    assert (shown["id"], shown["country"], shown["sectors"]) == (made["id"], "JP", ["government-national"])
    (tie,) = shown["member_of"]
    assert (tie["party"]["id"], tie["hidden"], tie["holds"]) == (club["id"], True, True)
    assert tie["valid_until"] == "2099-01-01T00:00:00.000Z"
    listed = {one["name"]: one for one in own.json("parties", "list")}
    assert {name for name, one in listed.items() if one["own"]} == {"BSSN"}
    assert listed["Club"]["ceiling"] == "green"
    own.titian("parties", "leave", "police", "club", "--why", "left")
    assert not own.json("parties", "show", "police")["member_of"][0]["holds"]
    own.titian("parties", "join", "police", "BSSN", "--client")
    for form in (("parties", "list"), ("parties", "show", "police"), ("parties", "show", "club")):
        assert "Police of Example" in own.titian(*form)


def test_an_agreement_is_added_shown_narrowed_and_ended(signed: Node) -> None:
    before = agreed(signed)
    assert (before["state"], before["ceiling"], before["four_eyes"]) == ("in force", "amber", True)
    assert audience(signed, CT) == {"bnpt", "mofa-japan"}
    assert before["dialogue"]["meetings"] == [
        {"date": "2023-10-05", "place": "Jakarta", "title": "Second Counter-Terrorism Dialogue"}
    ]
    signed.titian(
        "agreements", "narrow", CT, "--ceiling", "green", "--purpose", "counter-terrorism", "--without", "bnpt"
    )
    after = agreed(signed)
    assert (after["ceiling"], after["purposes"], audience(signed, CT)) == (
        "green",
        ["counter-terrorism"],
        {"mofa-japan"},
    )
    assert signed.run("agreements", "narrow", CT, "--ceiling", "red").status == 1
    assert signed.run("agreements", "end", CT).status == 2, "ending wants a reason"
    assert signed.json("agreements", "end", CT, "--why", "replaced")["state"] == "ended"
    assert (agreed(signed)["state"], audience(signed, CT)) == ("ended", set())
    assert {one["alias"]: one["state"] for one in signed.json("agreements", "list")} == {
        CT: "ended", COMMUNITY: "in force"
    }  # fmt: skip
    for form in (("agreements", "list"), ("agreements", "show", CT)):
        assert "ended" in signed.titian(*form)


def test_members_come_and_go_and_a_new_one_is_told_to_get_no_history(signed: Node) -> None:
    assert "example-telecom" in audience(signed, COMMUNITY)
    done = signed.run("parties", "add", "Newcomer", "--kind", "ngo", "--alias", "new")
    assert done.status == 0
    done = signed.run("agreements", "members", COMMUNITY, "add", "new", "--from", "2020-01-01", "--until", "2099-01-01")
    assert (done.status, "nothing of what was released before" in done.stderr) == (0, True), str(done)
    assert "Newcomer" in done.stdout
    signed.titian("agreements", "members", COMMUNITY, "remove", "new", "--why", "left")
    assert "new" not in audience(signed, COMMUNITY)
    listed = signed.json("agreements", "members", COMMUNITY)
    assert {one["party"]["alias"] for one in listed["audience"]} == audience(signed, COMMUNITY)
    for wrong in (("remove", "example-telecom"), ("add", "nobody")):
        assert signed.run("agreements", "members", COMMUNITY, *wrong).status == 1
    for wrong in (("add",), ("take", "new"), ("remove", "new", "--from", "2020-01-01")):
        assert signed.run("agreements", "members", COMMUNITY, *wrong).status == 2


def test_a_consent_is_recorded(signed: Node) -> None:
    one, two = (f"report--0000000{n}-0000-4000-8000-000000000000" for n in (1, 2))
    made = signed.json("agreements", "consent", CT, "--originator", "mofa-japan", "--objects", f"{one},{two}")
    assert made["objects"] == [one, two]
    assert signed.run("agreements", "consent", CT, "--originator", "mofa-japan", "--objects", "all").status == 1


def test_dialogues(signed: Node) -> None:
    made = signed.json("agreements", "dialogue", "add", "Cyber talks", "--party", "bssn", "--party", "mofa-japan")
    told = signed.json(
        "agreements", "dialogue", "add", "Cyber talks", "--meeting", "2026-03-01, Tokyo, First", "--statement", "A: B"
    )
    assert told["id"] == made["id"]
    shown = signed.json("agreements", "dialogue", "show", "Cyber talks")
    assert shown["meetings"] == [{"date": "2026-03-01", "place": "Tokyo", "title": "First"}]
    assert [one["title"] for one in shown["statements"]] == ["B"]
    assert signed.json("agreements", "dialogue", "show", CT)["agreements"] == [agreed(signed)["name"]]
    assert {one["name"] for one in signed.json("agreements", "dialogue", "list")} > {"Cyber talks"}
    assert "Tokyo" in signed.titian("agreements", "dialogue", "show", "Cyber talks")
    for wrong in ("2026-03-01", "soon, Tokyo, First", "2026-13-01, Tokyo, First"):
        assert signed.run("agreements", "dialogue", "add", "Cyber talks", "--meeting", wrong).status == 1
    promise = "2026-12-01, mofa-japan, Two trainers for Jakarta"
    signed.run("agreements", "dialogue", "add", "Cyber talks", "--promise", promise)
    told = signed.titian("agreements", "dialogue", "show", "Cyber talks")
    assert "promised by mofa-japan, due on 2026-12-01" in told
    kept = signed.json("agreements", "dialogue", "keep", "Cyber talks", "Two trainers", "--on", "2026-11-20")
    assert [one["kept"] for one in kept["commitments"]] == ["2026-11-20"]
    for wrong in ("2026-12-01, mofa-japan", "soon, mofa-japan, x", "2026-12-01, nobody, x"):
        assert signed.run("agreements", "dialogue", "add", "Cyber talks", "--promise", wrong).status != 0


def test_a_file_that_is_wrong_says_which_key(own: Node, tmp_path: Path) -> None:
    file = tmp_path / "agreement.toml"
    file.write_text('name = "A"\nparties = ["BSSN"]\npurposes = ["profit"]\nceiling = "green"\n')
    done = own.run("agreements", "add", str(file))
    assert (done.status, done.stdout) == (1, "")
    assert "`purposes`" in done.stderr
    assert "cybercrime" in done.stderr, "it says what to write"
    for missing in ("public:none", str(tmp_path / "none.toml"), str(tmp_path)):
        assert own.run("agreements", "add", missing).status == 1
    assert own.json("agreements", "list") == []


def test_every_change_is_an_act_and_reading_is_none(signed: Node) -> None:
    signed.titian("agreements", "end", CT, "--why", "it is over")
    for reading in (("parties", "list"), ("agreements", "list"), ("agreements", "show", CT)):
        signed.titian(*reading)
    with open_node(signed.home) as opened:
        acts = [one for one in opened.acts.list() if one.act != "add-signing-key"]
    assert [one.act for one in acts] == ["end agreement", "add member", "add agreement", "add member", "add agreement"]
    assert acts[0].why == "it is over"
    assert all(one.person.startswith("local:") for one in acts)


def test_without_the_right_nothing_changes(own: Node) -> None:
    """Once a node has people, they alone change what it agreed to; anybody who can open its files may read it."""
    with open_node(own.home) as opened:
        opened.people.add("one", Duty.ANALYST, by=local_operator("root"), issuer="https://login.example", subject="1")
    done = own.run("agreements", "add", f"public:{CT}")
    assert done.status == 1
    assert re.search("manage.agreements", done.stderr)
    assert own.run("agreements", "list").status == 0
    with open_node(own.home) as opened:
        assert not opened.agreements.read().directory.agreements
