"""Which held hashes are near those asked about: exact search at Hamming distance of up to 31."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from titian.core.errors import InvalidInput
from titian.screen.media.segment import FURTHEST, Near, Numbers, Segment, make, search
from titian.screen.media.words import WORDS, Words, checked, read_hashes

_TOGETHER: Final = 1024
"""How many questions are answered together."""
_WAITING: Final = 1 << 20
"""How many answers wait at most until all but the nearest are left out."""


class Found(NamedTuple):
    """What was found, as columns: the question's place in what was asked, the number that the hash is known by, and in
    how many bits they differ. Ordered by question, then distance, then number."""

    which: NDArray[np.int64]
    number: NDArray[np.int64]
    distance: NDArray[np.uint8]


class HammingIndex:
    """Hashes of 256 bits, each known by one or several numbers, that are found again although up to 31 bits changed.

    It does not change, so threads and processes may share it. ``upto`` is how far in its owner's log it goes;
    ``ignored`` names the files that were not what they say, and were left out.
    """

    def __init__(self, segments: Sequence[Segment] = (), *, upto: int = 0, ignored: Sequence[str] = ()) -> None:
        self.segments = tuple(segments)
        self.upto = upto
        self.ignored = tuple(ignored)

    @classmethod
    def of(cls, hashes: Words | Sequence[str], numbers: Sequence[int] | Numbers | None = None) -> HammingIndex:
        """Make an index in memory; without ``numbers`` a hash is known by its place.

        Raises:
            InvalidInput: a hash is none, or there are more or fewer numbers than hashes.
        """
        words = as_words(hashes)
        known = np.arange(len(words)) if numbers is None else np.asarray(numbers, np.int64)
        return cls((make(words, known),))

    def __len__(self) -> int:
        """Return how many pairs of a hash and a number were put in."""
        return sum(one.size for one in self.segments)

    def search(self, hashes: Words | Sequence[str], distance: int = FURTHEST, *, most: int | None = None) -> Found:
        """Return everything held within ``distance`` bits of each hash, or the ``most`` nearest for each.

        Exact: nothing near is left out. Of a number that several near hashes bear, each of them counts as one. The work
        for one hash is at worst to go through all that is held once. Give ``most`` where others choose what is asked:
        without it the answer can be as large as questions times held.

        Raises:
            InvalidInput: a hash is none, ``distance`` is not 0 to 31, or ``most`` is not positive.
        """
        if not 0 <= distance <= FURTHEST:
            raise InvalidInput(f"A distance is 0 to {FURTHEST}, not {distance}.")
        if most is not None and most < 1:
            raise InvalidInput(f"At most {most} answers is none.")
        asked, again = np.unique(as_words(hashes), axis=0, return_inverse=True)
        parts = [
            self._answered(asked[start : start + _TOGETHER], start, distance, most)
            for start in range(0, len(asked), _TOGETHER)
        ]
        return _asked_again(_joined(parts), again.ravel(), len(asked))

    def _answered(self, asked: Words, offset: int, distance: int, most: int | None) -> Found:
        parts: list[Found] = []
        waiting = 0
        for segment in self.segments:
            for near in search(segment, asked, distance, most):
                for found in _numbered(segment, near, most):
                    parts.append(found)
                    waiting += len(found.which)
                    if most is not None and waiting > _WAITING:
                        parts = [_nearest(_joined(parts), most)]
                        waiting = len(parts[0].which)
        found = _nearest(_joined(parts), most)
        return Found(found.which + offset, found.number, found.distance)


def as_words(hashes: Words | Sequence[str]) -> Words:
    """Return hashes that are given as an array or in hexadecimal form as an array of shape (n, 4).

    Raises:
        InvalidInput: one is none.
    """
    return checked(hashes) if isinstance(hashes, np.ndarray) else read_hashes(hashes)


def _numbered(segment: Segment, near: Near, most: int | None) -> Iterator[Found]:
    """Put the numbers in the place of held hashes, for a hash with many at most ``most``, the smallest."""
    begins = segment.starts.take(near.held).astype(np.int64)
    counts = segment.starts.take(near.held + 1) - begins
    if most is not None:
        np.minimum(counts, most, out=counts)
    ends = np.cumsum(counts)
    low = 0
    while low < len(counts):
        before = int(ends[low - 1]) if low else 0
        high = max(int(np.searchsorted(ends, before + _WAITING, side="right")), low + 1)
        some = counts[low:high]
        where = np.repeat(begins[low:high] - (ends[low:high] - some), some) + np.arange(before, int(ends[high - 1]))
        which = np.repeat(near.asked[low:high], some).astype(np.int64)
        yield Found(which, segment.numbers.take(where), np.repeat(near.distance[low:high], some))
        low = high


def _joined(parts: Sequence[Found]) -> Found:
    if not parts:
        return Found(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))
    return Found(
        np.concatenate([one.which for one in parts]),
        np.concatenate([one.number for one in parts]),
        np.concatenate([one.distance for one in parts]),
    )


def _nearest(found: Found, most: int | None) -> Found:
    """Order what was found, each answer once, for each question at most ``most``."""
    order = np.lexsort((found.number, found.distance, found.which))
    which, number, distance = found.which.take(order), found.number.take(order), found.distance.take(order)
    keep = np.ones(len(which), bool)
    keep[1:] = (which[1:] != which[:-1]) | (number[1:] != number[:-1]) | (distance[1:] != distance[:-1])
    which, number, distance = which[keep], number[keep], distance[keep]
    if most is not None:
        first = np.searchsorted(which, which)
        keep = np.arange(len(which)) - first < most
        which, number, distance = which[keep], number[keep], distance[keep]
    return Found(which, number, distance)


def _asked_again(found: Found, again: NDArray[np.intp], count: int) -> Found:
    """Give each question the answers of the distinct hash it asked about."""
    begins = np.searchsorted(found.which, np.arange(count + 1))
    counts = np.diff(begins)[again]
    where = np.repeat(begins[:-1][again] - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    which = np.repeat(np.arange(len(again)), counts)
    return Found(which, found.number.take(where), found.distance.take(where))


NO_HASHES: Final[Words] = np.empty((0, WORDS), np.uint64)
"""No hash at all."""
