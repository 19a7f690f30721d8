"""Every verb explains itself, with an example that it would understand."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from support.nodes import WarmCli
from titian.cli import VERBS


def _below(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
    """Every command under a group, a command itself."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words
    for name, found in (inner or {}).items():
        yield from _below(found, *words, name)


COMMANDS = [
    words
    for verb, (module, _) in VERBS.items()
    for words in _below(get_command(importlib.import_module(module).app), verb)
]

FROM_THE_ISSUE = {
    ("init",): ["--home", "--name", "--country", "--database"],
    ("serve",): ["--home", "--host", "--port", "--workers", "--tls-cert", "--tls-key"],
    ("keys", "add"): ["--home", "--role", "--collection", "--json"],
    ("keys", "list"): ["--home", "--json"],
    ("keys", "revoke"): ["--home"],
    ("collections", "add"): ["--home", "--description", "--json"],
    ("collections", "list"): ["--home", "--json"],
    ("import",): ["--home", "--format", "--collection", "--marking", "--json"],
    ("export",): ["--home", "--collection", "--format", "--output"],
    ("validate",): ["--json"],
    ("pull",): ["--home", "--collection", "--key", "--into", "--json"],
    ("push",): ["--home", "--collection", "--key"],
    ("check",): ["--home", "--json"],
    ("demo",): ["--once", "--json"],
    ("mark",): ["--tlp", "--releasable-to", "--purpose", "--expires", "--attribution"],
    ("preview",): ["--to", "--as", "--json"],
    ("release",): ["--to", "--json"],
    ("refuse",): ["--why"],
    ("acts",): ["--since", "--who", "--what", "--limit", "--json"],
    ("people", "enable"): ["--why"],
    ("people", "password"): ["--password-stdin", "--totp", "--no-totp"],
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example(titian_cli: WarmCli, command: tuple[str, ...]) -> None:
    done = titian_cli.run(*command, "--help")
    assert done.status == 0, str(done)
    shown = " ".join(done.stdout.split())
    example = re.search(rf"Example: +titian {' '.join(command)}\b", shown)
    assert example, done.stdout
    for option in FROM_THE_ISSUE.get(command, []):
        assert option in done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_example_names_options_that_exist(command: tuple[str, ...]) -> None:
    found = get_command(importlib.import_module(VERBS[command[0]][0]).app)
    for name in command[1:]:
        found = found.commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in found.params for option in parameter.opts}
    words = shlex.split((found.epilog or "").removeprefix("Example:"))
    used = {word for word in words if word.startswith("-")}
    assert used <= known | {"--help"}, f"{used - known} in {found.epilog}"
    assert words[0] == "titian"


def test_the_verbs_are_listed(titian_cli: WarmCli) -> None:
    done = titian_cli.run("--help")
    assert done.status == 0
    for verb, (_, summary) in VERBS.items():
        assert verb in done.stdout
        assert summary[:30] in " ".join(done.stdout.split())


@pytest.mark.parametrize("argv", [("nothing",), ("import",), ("keys", "add", "x"), ("serve", "--port", "70000")])
def test_a_command_that_is_none_is_told(titian_cli: WarmCli, argv: tuple[str, ...]) -> None:
    done = titian_cli.run(*argv)
    assert done.status == 2
    assert "Traceback" not in done.stderr
    assert done.stderr
