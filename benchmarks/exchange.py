"""``python -m benchmarks.exchange``: the figures of the exchange as one table, each beside its limit.

Rows: parse, load, pages, small, post, memory, start. The full run posts 1,000,000 objects and takes about
ten minutes and 6 GB of disk; ``--quick`` shows in a minute that every row runs, its figures mean little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import rows_other, rows_read, rows_write
from benchmarks.bench import QUICK, Bench, Sizes
from benchmarks.report import Figure
from benchmarks.run import options, run, say

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


INTRO = (
    "Every ratio is the median over rounds in which both sides were measured in turn. The limit is the "
    "same web stack (Litestar on Granian, one worker) sending constant bytes from memory; for writing "
    "it is `orjson.loads` and one durable SQLite transaction a batch, without HTTP, validation or index. "
    "Rates are shown as median (least to most). The node runs with its default settings, but for "
    "`requests_per_second = 0`: the bound on one key's requests is off."
)


def main(words: list[str] | None = None) -> int:
    """Run the chosen rows and print the table; 1 if a bound was missed or a row could not run."""
    parser = options("benchmarks.exchange", __doc__, ROWS, gigabytes=6)
    parser.add_argument("--objects", type=int, help="size of the large set (1,000,000)")
    given = parser.parse_args(words)
    sizes = QUICK if given.quick else Sizes()
    if given.objects:
        sizes = sizes._replace(large=given.objects)
    make = partial(Bench, sizes=sizes, say=say)
    return run("benchmarks.exchange", given, words, ROWS, make, title="Benchmarks", intro=INTRO)


if __name__ == "__main__":
    raise SystemExit(main())
