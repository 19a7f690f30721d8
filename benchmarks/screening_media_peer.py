"""A peer of the search of image hashes, in an interpreter with numpy, ``faiss-cpu`` and ``threatexchange``.

``python screening_media_peer.py threatexchange|flat HELD.npy ASKED.npy``: holds the hashes, says ``ready`` and how long
that took, then for each line it is given searches once and prints the seconds and how many pairs it found.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

import numpy as np
from faiss import IndexBinaryFlat  # type: ignore[import-not-found,unused-ignore]
from threatexchange.signal_type.pdq.pdq_faiss_matcher import (  # type: ignore[import-not-found,unused-ignore]
    PDQMultiHashIndex,
)

FURTHEST = 31


def main(which: str, held: str, asked: str) -> None:
    """Answer until there are no more lines."""
    hashes = np.load(held)
    questions = np.load(asked)
    began = perf_counter()
    index: Any
    if which == "flat":
        index = IndexBinaryFlat(256)
        index.add(hashes)
    else:
        index = PDQMultiHashIndex()
        index.add((row.tobytes().hex() for row in hashes), range(len(hashes)))
    print(f"ready {perf_counter() - began:.3f}", flush=True)
    texts = [row.tobytes().hex() for row in questions]
    for _ in sys.stdin:
        began = perf_counter()
        if which == "flat":
            limits, _, _ = index.range_search(questions, FURTHEST + 1)
            found = int(limits[-1])
        else:
            found = sum(map(len, index.search(texts, FURTHEST, return_as_ids=True)))
        print(f"{perf_counter() - began:.6f} {found}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
