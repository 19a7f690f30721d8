"""What an exact index must answer, as a dict knows it; and entries that share words, for laws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from hypothesis import strategies as st

from titian.screen.exact import Found, Words

TOP = (1 << 64) - 1
# Few distinct words: digests that share one word, or both, are the rule.
WORD = st.one_of(st.integers(0, TOP), st.sampled_from([0, 1, 2, TOP - 1, TOP, 1 << 63, (1 << 63) - 1]))
DIGEST = st.tuples(WORD, WORD)
NUMBER = st.one_of(st.integers(0, TOP), st.integers(0, 3))
ENTRIES = st.lists(st.tuples(DIGEST, NUMBER), min_size=1, max_size=60)
Pairs = list[tuple[tuple[int, int], int]]


class Oracle:
    """What an index must answer, as a dict knows it."""

    def __init__(self, pairs: Iterable[tuple[tuple[int, int], int]] = ()) -> None:
        self.held: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        self.add(pairs)

    def add(self, pairs: Iterable[tuple[tuple[int, int], int]]) -> None:
        for digest, number in pairs:
            self.held[digest].add(number)

    def answer(self, asked: list[tuple[int, int]], most: int | None = None) -> list[tuple[int, int]]:
        return [(at, n) for at, one in enumerate(asked) for n in sorted(self.held.get(one, ()))[:most]]

    def beyond(self, asked: list[tuple[int, int]], most: int) -> set[int]:
        return {at for at, one in enumerate(asked) if len(self.held.get(one, ())) > most}


def array(digests: list[tuple[int, int]]) -> Words:
    return np.array(digests, np.uint64).reshape(-1, 2)


def columns(pairs: Pairs) -> tuple[Words, Words]:
    return array([digest for digest, _ in pairs]), np.array([number for _, number in pairs], np.uint64)


def listed(found: Found) -> list[tuple[int, int]]:
    return list(zip(found.which.tolist(), found.numbers.tolist(), strict=True))
