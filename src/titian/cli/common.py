"""What the verbs share: their common options, and how they print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from titian.cli.terminal import err, out, safe, say, shown, warn
from titian.core.view import Source
from titian.exchange.hold import Rejection
from titian.node import Node, open_node

DEFAULT_HOME: Final = Path("~/.titian")
_NEVER_FOLDED: Final = 100_000
"""Columns of a line that goes to a file or a program."""
_LONGEST_WHAT: Final = 36

Home = Annotated[
    Path,
    typer.Option("--home", envvar="TITIAN_HOME", help="Folder of the node.", show_default=True),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]


def node(home: Path) -> Node:
    """Open the node in ``home``."""
    return open_node(home.expanduser())


def print_json(value: object) -> None:
    """Print one JSON value on one line, in ASCII: whatever the encoding of standard output, and safe to look at."""
    sys.stdout.write(json.dumps(msgspec.to_builtins(value), separators=(",", ":")) + "\n")
    sys.stdout.flush()


def table(title: str, columns: dict[str, str], rows: list[tuple[Any, ...]]) -> None:
    """Print a table; ``columns`` maps each heading to ``left`` or ``right``.

    In a terminal, cells that are too wide are folded, ids last of all; elsewhere nothing is.
    """
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for heading, justify in columns.items():
        made.add_column(heading, justify=justify, overflow="fold", no_wrap=heading == "id")  # type: ignore[arg-type]
    for row in rows:
        made.add_row(*("" if cell is None else safe(cell) for cell in row))
    if title:
        say(title, style="bold")
    console = out if out.file.isatty() else Console(highlight=False, width=_NEVER_FOLDED)
    console.print(made)


def _short(what: str) -> str:
    """What fits beside a bar of a narrow terminal: a title of another server can be as long as it likes."""
    text = shown(what)
    return text if len(text) <= _LONGEST_WHAT else text[: _LONGEST_WHAT - 1] + "…"


@contextmanager
def progress(what: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Any]:
    """A progress bar on standard error; yields what is called with each further count."""
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn()]  # fmt: skip
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as bar:
        task = bar.add_task(_short(what), total=total, rate="")

        def advance(count: int) -> None:
            bar.advance(task, count)
            speed = bar.tasks[0].speed
            if speed:
                bar.update(task, rate=f"{speed:,.0f}/s")

        yield advance


@contextmanager
def file_progress(*, quiet: bool = False) -> Iterator[Any]:
    """A progress bar over the bytes of the files being read; yields what is called with a file and a count."""
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(),
               TextColumn("{task.fields[objects]:,} objects"), TimeElapsedColumn(), TimeRemainingColumn()]  # fmt: skip
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as bar:
        task = bar.add_task("Reading", total=None, objects=0)
        read = 0

        def advance(source: Source, count: int) -> None:
            nonlocal read
            read += count
            bar.update(task, completed=source.position, total=source.size, objects=read)

        yield advance


def rejections(found: Sequence[Rejection], most: int = 40) -> None:
    """Print what was not taken in, and why: two lines each, so that identifiers stay whole and can be searched."""
    for one in found[:most]:
        say(f"{one.id or '(no id)'}  {one.path}")
        say(f"    {one.message}  [{one.rule}, STIX 2.1 section {one.clause}]")
    if len(found) > most:
        say(f"… and {len(found) - most:,} more; --json lists them all.")


def reasons(found: Iterable[tuple[str, str]], most: int = 20) -> None:
    """Print reasons with how often each was given, and one example."""
    counted: dict[str, list[str]] = {}
    for where, why in found:
        counted.setdefault(why, []).append(where)
    ordered = sorted(counted.items(), key=lambda item: -len(item[1]))
    for why, places in ordered[:most]:
        more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
        warn(f"  {why}: {places[0]}{more}")
    if len(ordered) > most:
        warn(f"  … and {len(ordered) - most:,} other reasons; --json lists them all.")
