"""``python -m benchmarks.gate``: the figures of the gate as one table, each beside its bound.

Rows: projection, preview, release, recheck, reads, membership, noninterference. The full run makes a million pairs
and a million released entries, and takes most of an hour; ``--quick`` shows in a minute that every row runs, its
figures mean little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import gate_noninterference, gate_rows, gate_served
from benchmarks.gate_bench import QUICK, GateBench, GateSizes
from benchmarks.report import Figure
from benchmarks.run import options, run, say

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


INTRO = (
    "The objects are those of `titian demo`. Figures are the median (least to most) over rounds; where two sides "
    "are compared, they were measured in turn and the ratio is the median over the rounds. The nodes keep their "
    "data in SQLite and run with default settings, but for `requests_per_second = 0`: the bound on one key's "
    "requests is off."
)


def main(words: list[str] | None = None) -> int:
    """Run the chosen rows and print the table; 1 if a bound was missed or a row could not run."""
    parser = options("benchmarks.gate", __doc__, ROWS, gigabytes=4)
    parser.add_argument("--pairs", type=int, help="how many pairs the noninterference row compares (1,000,000)")
    parser.add_argument("--entries", type=int, help="how many released entries the membership row has (1,000,000)")
    given = parser.parse_args(words)
    sizes = QUICK if given.quick else GateSizes()
    sizes = sizes._replace(pairs=given.pairs or sizes.pairs, entries=given.entries or sizes.entries)
    make = partial(GateBench, sizes=sizes, say=say)
    return run("benchmarks.gate", given, words, ROWS, make, title="Benchmarks of the gate", intro=INTRO)


if __name__ == "__main__":
    raise SystemExit(main())
