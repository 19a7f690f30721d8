"""``python -m benchmarks.gate``: the figures of the gate as one table, each beside its bound.

Rows: projection, preview, release, recheck, reads, membership, noninterference. The full run makes a million pairs
and a million released entries, and takes most of an hour; ``--quick`` shows in a minute that every row runs, its
figures mean little.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks import gate_noninterference, gate_rows, gate_served
from benchmarks.client import UnexpectedAnswer
from benchmarks.gate_bench import QUICK, GateBench, GateSizes
from benchmarks.processes import CannotStart
from benchmarks.report import Figure, machine, missing, revision, table
from titian.core.errors import TitianError

Rows = Callable[[GateBench], Iterator[Figure]]

ROWS: dict[str, Rows] = {
    "projection": gate_rows.projection,
    "preview": gate_rows.preview,
    "release": gate_rows.release,
    "recheck": gate_rows.recheck,
    "reads": gate_served.reads,
    "membership": gate_served.membership,
    "noninterference": gate_noninterference.noninterference,
}
"""In the order they run."""


def main(words: list[str] | None = None) -> int:
    """Run the chosen rows and print the table; 1 if a bound was missed or a row could not run."""
    given = _arguments(words)
    sizes = QUICK if given.quick else GateSizes()
    sizes = sizes._replace(pairs=given.pairs or sizes.pairs, entries=given.entries or sizes.entries)
    began = perf_counter()
    with tempfile.TemporaryDirectory(prefix="titian-benchmark-", dir=given.folder) as folder:
        bench = GateBench(Path(folder), sizes, _say)
        try:
            figures = [figure for name in ROWS if name in given.rows for figure in _measured(bench, name)]
        finally:
            bench.close()
    seconds = perf_counter() - began
    command = shlex.join(["python", "-m", "benchmarks.gate", *(words or sys.argv[1:])])
    print(table(figures))
    print(f"\n{machine()}; {seconds / 60:.1f} minutes")
    if given.markdown:
        given.markdown.write_text(_page(figures, command, seconds), encoding="utf-8")
    if given.json:
        found = {"command": command, "revision": revision(), "machine": machine(), "figures": figures}
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return 1 if any(figure.met is False or figure.ratio is None for figure in figures) else 0


def _measured(bench: GateBench, name: str) -> Iterator[Figure]:
    _say(f"measure {name}")
    try:
        yield from ROWS[name](bench)
    except (CannotStart, UnexpectedAnswer, TitianError, OSError) as error:
        yield missing(name, None, error)


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def _page(figures: Sequence[Figure], command: str, seconds: float) -> str:
    """The documentation page: how it was made, on what, the table, and what falls short."""
    short = [figure.what for figure in figures if figure.met is False]
    silent = [figure.what for figure in figures if figure.ratio is None]
    lines = [
        "# Benchmarks of the gate",
        "",
        f"Made by `{command}` in {seconds / 60:.1f} minutes, on {machine()}.",
        "",
        "The objects are those of `titian demo`. Figures are the median (least to most) over rounds; where two sides "
        "are compared, they were measured in turn and the ratio is the median over the rounds. The nodes keep their "
        "data in SQLite and run with default settings, but for `requests_per_second = 0`: the bound on one key's "
        "requests is off.",
        "",
        table(figures),
        "",
        "Falls short: " + ("; ".join(short) or "nothing") + ".",
    ]
    return "\n".join([*lines, *(["", "Not measured: " + "; ".join(silent) + "."] if silent else [])]) + "\n"


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a small run that shows that every row works")
    parser.add_argument("--pairs", type=int, help="how many pairs the noninterference row compares (1,000,000)")
    parser.add_argument("--entries", type=int, help="how many released entries the membership row has (1,000,000)")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="only these rows")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--markdown", type=Path, help="also write the documentation page to this file")
    parser.add_argument("--folder", type=Path, help="where to put the run's temporary folder (4 GB)")
    return parser.parse_args(words)


if __name__ == "__main__":
    raise SystemExit(main())
