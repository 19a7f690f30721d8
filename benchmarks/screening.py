"""``python -m benchmarks.screening``: the figures of screening as one table, each beside its bound and its peers.

Rows: exact values, names, images, private matching, one value over HTTP. A full run takes an hour and 6 GB; ``--quick``
shows in some minutes that every row runs. Peers are taken where they are there: ``TITIAN_MEDIA_PEERS`` and
``TITIAN_PSI_PEER`` name the Python that has threatexchange and faiss, or openmined-psi,
``TITIAN_BENCHMARK_NOMENKLATURA`` the one that has nomenklatura.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks import screening_exact, screening_http, screening_media, screening_names, screening_private
from benchmarks.report import Figure
from benchmarks.run import options, run, say

ROWS: Final[dict[str, Callable[[Any], Iterator[Figure]]]] = {
    **screening_exact.ROWS,
    **screening_http.ROWS,
    **screening_names.ROWS,
    **screening_media.ROWS,
    **screening_private.ROWS,
}
INTRO: Final = (
    "Values, names and hashes are made up for the run, but for the pairs of names, which are built from public facts "
    "(`benchmarks/names_pairs.py`). Peers are asked the same in the same run, in turn with ours."
)


class ScreeningBench(screening_exact.ExactBench):
    """What the rows of all parts share: a folder, and how much a run does."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        super().__init__(folder, screening_exact.QUICK if quick else screening_exact.Sizes())
        self.quick = quick
        self.say = say
        self.media = screening_media.QUICK if quick else screening_media.MediaSizes()
        self.private = screening_private.QUICK if quick else screening_private.PrivateSizes()


def main(words: list[str] | None = None) -> int:
    """Run the chosen rows and print the table; 1 if a bound was missed or a row could not run."""
    parser = options("benchmarks.screening", __doc__, ROWS, gigabytes=6)
    given = parser.parse_args(words)

    def make(folder: Path) -> ScreeningBench:
        return ScreeningBench(folder, quick=given.quick)

    return run("benchmarks.screening", given, words, ROWS, make, title="Benchmarks of screening", intro=INTRO)


if __name__ == "__main__":
    raise SystemExit(main())
