"""``python -m benchmarks.exchange``: the figures of the exchange as one table, each beside its limit.

Rows: parse, load, pages, small, post, memory, start. The full run posts 1,000,000 objects and takes about
ten minutes and 6 GB of disk; ``--quick`` shows in a minute that every row runs, its figures mean little.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks import rows_other, rows_read, rows_write
from benchmarks.bench import QUICK, Bench, Sizes
from benchmarks.client import UnexpectedAnswer
from benchmarks.processes import CannotStart
from benchmarks.report import Figure, machine, missing, page, revision, table

Rows = Callable[[Bench], Iterator[Figure]]

ROWS: dict[str, Rows] = {
    "parse": rows_other.parsing,
    "load": rows_write.loading,
    "pages": rows_read.pages,
    "small": rows_read.small_answers,
    "post": rows_write.posts,
    "memory": rows_other.memory,
    "start": rows_other.start,
}
"""In the order they run: ``memory`` weighs the process that served the rows before it, ``start`` ends it."""


def main(words: list[str] | None = None) -> int:
    """Run the chosen rows and print the table; 1 if a bound was missed or a row could not run."""
    given = _arguments(words)
    sizes = QUICK if given.quick else Sizes()
    if given.objects:
        sizes = sizes._replace(large=given.objects)
    began = perf_counter()
    with tempfile.TemporaryDirectory(prefix="titian-benchmark-", dir=given.folder) as folder:
        bench = Bench(Path(folder), sizes, _say)
        try:
            figures = [figure for name in ROWS if name in given.rows for figure in _measured(bench, name)]
        finally:
            bench.close()
    seconds = perf_counter() - began
    command = shlex.join(["python", "-m", "benchmarks.exchange", *(words or sys.argv[1:])])
    print(table(figures))
    print(f"\n{machine()}; {seconds / 60:.1f} minutes")
    if given.markdown:
        given.markdown.write_text(page(figures, command, seconds), encoding="utf-8")
    if given.json:
        found = {"command": command, "revision": revision(), "machine": machine(), "figures": figures}
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return 1 if any(figure.met is False or figure.ratio is None for figure in figures) else 0


def _measured(bench: Bench, name: str) -> Iterator[Figure]:
    _say(f"measure {name}")
    try:
        yield from ROWS[name](bench)
    except (CannotStart, UnexpectedAnswer, OSError) as error:
        yield missing(name, None, error)


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exchange",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a small run that shows that every row works")
    parser.add_argument("--objects", type=int, help="size of the large set (1,000,000)")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="only these rows")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--markdown", type=Path, help="also write the documentation page to this file")
    parser.add_argument("--folder", type=Path, help="where to put the run's temporary folder (6 GB)")
    return parser.parse_args(words)


if __name__ == "__main__":
    raise SystemExit(main())
