"""Write the pages of the reference that are taken from the code: commands, settings, errors, rules, Python.

``python docs/generate.py`` writes them; ``--check`` names those that are behind, and ends with status 1.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import typer

import titian
from titian.cli import app
from titian.core import errors
from titian.core.stix import describe_rules
from titian.settings import ENVIRONMENT, FILE, rows

REFERENCE = Path(__file__).resolve().parent / "reference"

NOTE = "<!-- Written by docs/generate.py; edit what it is taken from. -->"


def cell(text: str) -> str:
    """Text that fits into a cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def prose(docstring: str) -> str:
    """A docstring as Markdown: roles and double backticks become single ones."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", inspect.cleandoc(docstring))
    return text.replace("``", "`")


# Commands


def commands() -> str:
    """Every command with its arguments and options, as ``--help`` shows them."""
    root = typer.main.get_command(app)
    parts = [
        "# Commands",
        "Every command takes `--help`. `--home DIR` or `TITIAN_HOME` names the node.",
        *(section for path, command in walk(root, ("titian",)) for section in describe(path, command)),
    ]
    return "\n\n".join(parts)


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, depth first, in the order that ``--help`` lists them."""
    if isinstance(command, click.Group):
        with click.Context(command, info_name=path[-1]) as context:
            for name in command.list_commands(context):
                if (found := command.get_command(context, name)) is not None and not found.hidden:
                    yield from walk(found, (*path, name))
    else:
        yield path, command


def describe(path: tuple[str, ...], command: click.Command) -> Iterator[str]:
    """A section for one command."""
    yield f"## {' '.join(path)}"
    with click.Context(command, info_name=" ".join(path)) as context:
        usage = [piece for piece in command.collect_usage_pieces(context) if piece]
        yield f"```text\n{' '.join((*path, *usage))}\n```"
        yield from example(command.help or "")
        records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if records:
        table = [f"| `{cell(names)}` | {cell(text)} |" for names, text in records]
        yield "\n".join(["| option | |", "|---|---|", *table])


def example(text: str) -> Iterator[str]:
    """The help text, with indented lines (its examples) as code."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text).replace("\b\n", "")):
        lines = paragraph.splitlines()
        if lines and all(line.startswith((" ", "titian ", "$ ")) for line in lines):
            yield "```text\n" + "\n".join(line.strip() for line in lines) + "\n```"
        elif paragraph.strip():
            yield prose(paragraph)


# Settings, errors, rules, Python


def settings() -> str:
    """Every setting with its default and what it is for."""
    table = [f"| `{row.name}` | `{cell(row.default)}` | {cell(row.help)} |" for row in rows()]
    return "\n\n".join(
        [
            "# Settings",
            f"Read once, when a command starts, from `{FILE}` in the node's home. `{ENVIRONMENT}<NAME>` in "
            "the environment wins: `page_limit` is `TITIAN_PAGE_LIMIT`. Lists are TOML lists in the file, and "
            "separated by commas in the environment.",
            "\n".join(["| setting | default | what for |", "|---|---|---|", *table]),
        ]
    )


def error_tree() -> str:
    """The tree of errors."""
    drawn = inspect.getdoc(errors) or ""
    tree = inspect.cleandoc(drawn.partition("::\n")[2])
    return "\n\n".join(
        [
            "# Errors",
            "Everything that can go wrong in a call from Python is one of these. Each carries a `message` "
            "that says what is wrong, and where there is something to do, `advice`.",
            f"```text\n{tree}\n```",
        ]
    )


def rules() -> str:
    """Every rule that an object is held against."""
    described = describe_rules()
    table = ["| " + " | ".join(cell(str(value)) for value in values(row)) + " |" for row in described]
    head = names(described[0])
    return "\n\n".join(
        [
            "# STIX rules",
            "What `titian validate` checks, and what every import, POST and pull is held against. The clause "
            "is that of [STIX 2.1](https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html).",
            "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *table]),
        ]
    )


def names(row: Any) -> list[str]:
    """The columns of a row of the table of rules."""
    return list(row.__struct_fields__)


def values(row: Any) -> list[Any]:
    """The cells of a row of the table of rules."""
    return [getattr(row, name) for name in names(row)]


def python() -> str:
    """Every public name of the package."""
    sections = [
        section for name in titian.__all__ for section in member(f"titian.{name}", getattr(titian, name))
    ]
    return "\n\n".join(["# Python", prose(titian.__doc__ or ""), *sections])


def member(name: str, value: object) -> Iterator[str]:
    """A section for one public name."""
    yield f"## {name}"
    if inspect.isclass(value) or inspect.isroutine(value):
        yield f"```python\n{signature(name, value)}\n```"
        yield prose(inspect.getdoc(value) or "")
    else:
        yield f"`{value!r}`"
    if inspect.isclass(value) and not issubclass(value, Exception):
        for inner, found in vars(value).items():
            if inner.startswith("_") or not (inspect.isroutine(found) or isinstance(found, property)):
                continue
            text = prose(inspect.getdoc(found) or "")
            shown = inner if isinstance(found, property) else signature(inner, getattr(value, inner))
            yield f"`{shown}`\n:   " + text.replace("\n", "\n    ")


def signature(name: str, value: Any) -> str:
    """A name with its parameters as they are written in the source."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    return f"{name}{found}".replace("'", "")


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": commands,
    "settings.md": settings,
    "errors.md": error_tree,
    "rules.md": rules,
    "python.md": python,
}


def behind() -> list[str]:
    """The pages that do not say what the code says."""
    return [
        name
        for name, page in PAGES.items()
        if not (REFERENCE / name).exists() or (REFERENCE / name).read_text("utf-8") != text_of(page)
    ]


def text_of(page: Callable[[], str]) -> str:
    """A page as it is written to its file."""
    return f"{NOTE}\n\n{page()}\n"


def main() -> None:
    """Write the pages, or say which are behind."""
    if "--check" in sys.argv[1:]:
        late = behind()
        if late:
            raise SystemExit(f"Behind the code: {', '.join(late)}. Run `python docs/generate.py`.")
        return
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(text_of(page), encoding="utf-8")


if __name__ == "__main__":
    main()
