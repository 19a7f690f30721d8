"""Write the pages of the reference that are taken from the code: commands, settings, errors, rules, extensions, Python.

``python docs/generate.py`` writes them; ``--check`` names those that are behind, and ends with status 1.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import typer
from gate_pages import extension_reference, release_rules
from prose import cell, prose

import titian
from titian.cli import app
from titian.core import errors
from titian.core.stix import describe_rules
from titian.settings import ENVIRONMENT, FILE, rows

REFERENCE = Path(__file__).resolve().parent / "reference"

NOTE = "<!-- Written by docs/generate.py; edit what it is taken from. -->"


# Commands


@dataclass(frozen=True)
class Command:
    """One command that does something, with the words that call it."""

    words: tuple[str, ...]
    command: Any
    context: typer.Context

    @property
    def name(self) -> str:
        """As it is typed."""
        return " ".join(self.words)


def walk() -> Iterator[Command]:
    """Every command, depth first, in the order in which ``--help`` lists them."""
    root = typer.main.get_command(app)
    yield from _below(root, ("titian",), typer.Context(root, info_name="titian"))


def _below(command: Any, words: tuple[str, ...], context: typer.Context) -> Iterator[Command]:
    # By what it can do, not by its class: typer brings its own copy of click, and older versions did not.
    if not hasattr(command, "list_commands"):
        yield Command(words, command, context)
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is not None and not found.hidden:
            yield from _below(found, (*words, name), typer.Context(found, info_name=name, parent=context))
    if command.invoke_without_command and len(words) > 1:
        yield Command(words, command, context)


def options(found: Command) -> list[Any]:
    """The arguments and options of a command, without those that every command has."""
    common = {"--help", "--install-completion", "--show-completion"}
    return [each for each in found.command.get_params(found.context) if not common & set(each.opts)]


def commands() -> str:
    """Every command with its arguments and options."""
    intro = (
        "Every command takes `--help`. `--home DIR` names the node; so does `TITIAN_HOME` in the environment."
        " A command that fails says why in one sentence on standard error, and ends with status 1."
    )
    return "\n\n".join(["# Commands", intro, *(section for found in walk() for section in describe(found))])


def describe(found: Command) -> Iterator[str]:
    """A section for one command."""
    yield f"## {found.name}"
    yield prose(found.command.help or "")
    example = (found.command.epilog or "").partition("Example:")[2]
    if example:
        yield f"```text\n{example.strip()}\n```"
    hints = get_type_hints(inspect.unwrap(found.command.callback))
    if rows := [f"| {spelled(each)} | {cell(meaning(each, hints[each.name]))} |" for each in options(found)]:
        yield "\n".join(["| | |", "|---|---|", *rows])


def spelled(parameter: Any) -> str:
    """How an argument or option is typed."""
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}{'…' if parameter.nargs != 1 else ''}`"
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def meaning(parameter: Any, kind: Any) -> str:
    """What an argument or option is for, its choices and its default."""
    choices = [str(choice.value) for choice in kind] if inspect.isclass(kind) and issubclass(kind, Enum) else []
    default = getattr(parameter.default, "value", parameter.default)
    plain = isinstance(default, (str, int, float, Path)) and not isinstance(default, bool) and default != ""
    notes = [
        "required" if parameter.required else "",
        f"one of {', '.join(f'`{choice}`' for choice in choices)}" if choices else "",
        f"default `{default}`" if plain else "",
        f"or `{parameter.envvar}` in the environment" if isinstance(parameter.envvar, str) else "",
    ]
    said = "; ".join(note for note in notes if note)
    return f"{parameter.help or ''}{f' ({said})' if said else ''}"


# Settings, errors, rules


def settings() -> str:
    """Every setting with its default and what it is for."""
    table = [f"| `{row.name}` | `{cell(row.default)}` | {cell(row.help)} |" for row in rows()]
    return "\n\n".join(
        [
            "# Settings",
            f"Read once, when a command starts, from `{FILE}` in the node's home. `{ENVIRONMENT}<NAME>` in "
            "the environment wins: `page_limit` is `TITIAN_PAGE_LIMIT`. Lists are TOML lists in the file, "
            "and separated by commas in the environment.",
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
    table = [
        f"| `{rule.name}` | {', '.join(rule.clauses)} | {cell(rule.message)} | {'yes' * rule.tolerable} |"
        for rule in describe_rules()
    ]
    intro = """
        What `titian validate` checks, and what every import, POST and pull holds an object against. The
        clauses are sections of [STIX 2.1](https://docs.oasis-
        open.org/cti/stix/v2.1/os/stix-v2.1-os.html); a rule without one has the clause of the property
        it is about. *Strict only*: broken by much real content and harmless to a careful reader, so
        reported only on request. A rule with several forms is shown in its first.
    """
    head = ["| rule | clauses | what to do | strict only |", "|---|---|---|---|"]
    return "\n\n".join(["# STIX rules", cell(intro), "\n".join([*head, *table])])


# Python

SERVICES = ("agreements", "collections", "exchange", "health", "keys", "mark", "people", "release")
"""The attributes of a node that somebody who holds one works with."""


def python() -> str:
    """Every public name of the package, and what a node offers."""
    names = ((f"titian.{name}", getattr(titian, name)) for name in sorted(titian.__all__, key=str.lower))
    services = ((f"node.{name}", hint_of(titian.Node, name)) for name in SERVICES)
    sections = [section for name, value in (*names, *services) for section in member(name, value)]
    return "\n\n".join(["# Python", prose(titian.__doc__ or ""), *sections])


def hint_of(owner: type, name: str) -> Any:
    """The type of an attribute."""
    return get_type_hints(owner)[name]


def member(name: str, value: Any) -> Iterator[str]:
    """A section for one class or function."""
    yield f"## {name}"
    if not name.startswith("node."):
        yield f"```python\n{signature(name, value)}\n```"
    yield prose(inspect.getdoc(value) or "")
    if inspect.isclass(value) and not issubclass(value, (Exception, Enum)):
        for inner, found in vars(value).items():
            if inner.startswith("_"):
                continue
            if isinstance(found, property):
                yield f"`{inner}`\n" + described(found)
            elif inspect.isroutine(found):
                yield f"```python\n{signature(inner, found)}\n```\n" + described(found)


def described(value: object) -> str:
    """A docstring as the definition of the line before it."""
    return "\n" + prose(inspect.getdoc(value) or "")


def signature(name: str, value: Any) -> str:
    """A name with its parameters as they are written in the source: no addresses, no resolved aliases."""
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(inspect.unwrap(value)))).body[0]
    if isinstance(tree, ast.ClassDef):
        made = [item for item in tree.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        if issubclass(value, Enum):
            return "\n".join(f'{name}.{each.name} = "{each.value}"' for each in value)
        if not made:
            fields = [item for item in tree.body if isinstance(item, ast.AnnAssign)]
            star = ["*"] * getattr(getattr(value, "__struct_config__", None), "kw_only", False)
            return spread(name, star + [ast.unparse(field) for field in fields], "")
        tree = made[0]
    if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return name
    returned = f" -> {ast.unparse(tree.returns)}" if tree.returns and tree.name != "__init__" else ""
    return spread(name, parameters(tree.args), returned)


def parameters(arguments: ast.arguments) -> list[str]:
    """Each parameter with its annotation and default, without ``self``."""
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*missing, *arguments.defaults], strict=True))
    shown = [parameter(one, default) for one, default in pairs if one.arg not in {"self", "cls"}]
    star = [f"*{arguments.vararg.arg}"] if arguments.vararg else ["*"] if arguments.kwonlyargs else []
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [*shown, *star, *(parameter(one, default) for one, default in named)]


def parameter(one: ast.arg, default: ast.expr | None) -> str:
    """One parameter as it is written."""
    return ast.unparse(one) + (f" = {ast.unparse(default)}" if default is not None else "")


def spread(name: str, inside: list[str], after: str) -> str:
    """A call on one line, or with a line for each parameter where that is too long."""
    line = f"{name}({', '.join(inside)}){after}"
    if len(line) <= 100:
        return line
    return "\n".join([f"{name}(", *(f"    {each}," if each != "*" else "    *," for each in inside), f"){after}"])


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": commands,
    "settings.md": settings,
    "errors.md": error_tree,
    "rules.md": rules,
    "release-rules.md": release_rules,
    "extensions.md": extension_reference,
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
