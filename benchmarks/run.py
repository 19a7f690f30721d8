"""What every benchmark does around its rows: reads its options, measures, prints the table, writes the page."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Protocol, TypeVar

import msgspec

from benchmarks.client import UnexpectedAnswer
from benchmarks.processes import CannotStart
from benchmarks.report import Figure, machine, missing, page, revision, table
from titian.core.errors import TitianError


class Closing(Protocol):
    """A run that ends its processes."""

    def close(self) -> None:
        """End them."""
        ...


B = TypeVar("B", bound=Closing)
Rows = Mapping[str, Callable[[B], Iterator[Figure]]]


class Written(msgspec.Struct, kw_only=True):
    """A run as its JSON file tells it."""

    command: str
    revision: str
    machine: str
    figures: list[Figure]


def options(name: str, description: str | None, rows: Rows[B], *, gigabytes: int) -> argparse.ArgumentParser:
    """Return the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small run that shows that every row works")
    parser.add_argument("--rows", nargs="+", choices=list(rows), default=list(rows), help="only these rows")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--also", type=Path, help="show the figures of an earlier run too, from the file it wrote")
    parser.add_argument("--markdown", type=Path, help="also write the documentation page to this file")
    parser.add_argument("--folder", type=Path, help=f"where to put the run's temporary folder ({gigabytes} GB)")
    return parser


def run(
    name: str,
    given: argparse.Namespace,
    words: list[str] | None,
    rows: Rows[B],
    make: Callable[[Path], B],
    *,
    title: str,
    intro: str,
) -> int:
    """Run the chosen rows and print the table; 1 if a bound was missed or a row could not run."""
    began = perf_counter()
    with tempfile.TemporaryDirectory(prefix="titian-benchmark-", dir=given.folder) as folder:
        bench = make(Path(folder))
        try:
            figures = [figure for row in rows if row in given.rows for figure in _measured(bench, rows, row)]
        finally:
            bench.close()
    seconds = perf_counter() - began
    before = msgspec.json.decode(given.also.read_bytes(), type=Written) if given.also else None
    if before is not None:
        intro += f" The last rows are from another run, `{before.command}`, at {before.revision}, on {before.machine}."
        figures += before.figures
    command = shlex.join(["python", "-m", name, *(words or sys.argv[1:])])
    print(table(figures))
    print(f"\n{machine()}; {seconds / 60:.1f} minutes")
    if given.markdown:
        given.markdown.write_text(page(figures, command, seconds, title=title, intro=intro), encoding="utf-8")
    if given.json:
        found = Written(command=command, revision=revision(), machine=machine(), figures=figures)
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return 1 if any(figure.met is False or figure.ratio is None for figure in figures) else 0


def _measured(bench: B, rows: Rows[B], name: str) -> Iterator[Figure]:
    say(f"measure {name}")
    try:
        yield from rows[name](bench)
    except (CannotStart, UnexpectedAnswer, TitianError, OSError) as error:
        yield missing(name, None, error)


def say(what: str) -> None:
    """Tell on standard error what is going on."""
    print(f"… {what}", file=sys.stderr, flush=True)
