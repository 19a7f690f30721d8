"""``python -m benchmarks.console``: the figures of the console as one table, each beside its bound.

Rows: pages, clicking, link, sizes, memory. The full run fills a node with a million objects and indexes their words
(4 GB, half an hour); ``--filled HOME`` takes a copy of a home that :mod:`benchmarks.console_search` has filled.
``--quick`` shows in two minutes that every row runs. The row ``link`` needs Chromium and Playwright.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import console_link, console_pages
from benchmarks.console_bench import QUICK, ConsoleBench, ConsoleSizes
from benchmarks.report import Figure
from benchmarks.run import options, run, say

Rows = Callable[[ConsoleBench], Iterator[Figure]]

ROWS: dict[str, Rows] = {
    "pages": console_pages.server_time,
    "clicking": console_pages.clicking,
    "link": console_link.link,
    "sizes": console_pages.sizes,
    "memory": console_pages.memory,
}
"""In the order they run: memory last, after all that work."""

INTRO = (
    "One `titian serve` with one worker on loopback, its data in SQLite and default settings. The objects are those of "
    "`benchmarks.console_search`, a tenth of them with texts in six languages; 500 are released under an agreement, 60 "
    "requests wait, three objects are recalled. Server time is what passes on one connection from the request to the "
    "last byte of the page, compressed as a browser takes it, with the processor seconds of the node beside it."
)


def main(words: list[str] | None = None) -> int:
    """Run the chosen rows and print the table; 1 if a bound was missed or a row could not run."""
    parser = options("benchmarks.console", __doc__, ROWS, gigabytes=8)
    parser.add_argument("--objects", type=int, help="how many objects the node holds (1,000,000)")
    parser.add_argument("--filled", type=Path, help="a home that was filled with so many before; it is copied")
    given = parser.parse_args(words)
    sizes = QUICK if given.quick else ConsoleSizes()
    sizes = sizes._replace(objects=given.objects or sizes.objects)
    make = partial(ConsoleBench, sizes=sizes, say=say, filled=given.filled)
    return run("benchmarks.console", given, words, ROWS, make, title="Benchmarks of the console", intro=INTRO)


if __name__ == "__main__":
    raise SystemExit(main())
