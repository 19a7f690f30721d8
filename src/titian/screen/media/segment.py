"""One segment of the index of image hashes: distinct 256-bit hashes in order, and where to look for those near one.

A hash is cut into 16 chunks of 16 bits. Two hashes that differ in at most 31 bits differ in at most one bit in at least
one chunk (32 differences would be needed for two in each), and in at most 15 bits: agree in at least one chunk. So what
is near stands, in the table of some chunk, under one of 17 keys (or one). All of that is checked against the hashes
themselves, so the answer is exact. Method: Norouzi, Punjani, Fleet, Fast Exact Search in Hamming Space with Multi-Index
Hashing (2014).

Work is bounded whatever is held: equal hashes are held once, and a question for which the tables name too many is
answered by going through the hashes one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from titian.core.errors import InvalidInput
from titian.screen.media.words import WORDS, Words, chunks

Numbers: TypeAlias = NDArray[np.int64]

CHUNKS: Final = 16
KEYS: Final = 1 << 16
FURTHEST: Final = 31
"""The largest distance that 16 chunks of 17 keys answer exactly; also what the field takes for the same picture."""
FLAT: Final = 4096
"""A segment with no more hashes than this has no tables: going through all of them is as quick."""

_AT_ONCE: Final = 1 << 16
"""How many candidates are looked at in one go: their words stay in the processor's cache."""
_MOST: Final = 1 << 19
"""A question for which the tables name more than this is answered by going through the hashes."""
_QUESTIONS: Final = 1024
"""How many questions the tables are asked at once."""
_SCANNED: Final = 1 << 14
"""How many hashes are gone through in one go."""
_FLIPS: Final = np.array([0, *(1 << bit for bit in range(16))], dtype=np.uint16)


class Tables(NamedTuple):
    """For each chunk the hashes (as positions) in the order of that chunk, and where each of its 65,536 values begins.

    ``begins`` has shape (16, 65537), ``order`` (16, n), both uint32.
    """

    begins: NDArray[np.uint32]
    order: NDArray[np.uint32]


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """Distinct hashes, in order, as two halves of shape (n, 2): looking at one half leaves hardly anything to look at
    in the other. The numbers of hash ``i`` are ``numbers[starts[i]:starts[i + 1]]``."""

    first: Words
    second: Words
    starts: NDArray[np.uint32]
    numbers: Numbers
    tables: Tables | None

    @property
    def distinct(self) -> int:
        """How many distinct hashes there are."""
        return len(self.first)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return len(self.numbers)


class Near(NamedTuple):
    """Pairs of a question and a held hash: positions of both, and the distance."""

    asked: NDArray[np.intp]
    held: NDArray[np.intp]
    distance: NDArray[np.uint8]


def make(words: Words, numbers: Numbers) -> Segment:
    """Make a segment of hashes and the number that each is known by; the same hash may come with many numbers.

    Raises:
        InvalidInput: there are more or fewer numbers than hashes, or too many.
    """
    if len(words) != len(numbers):
        raise InvalidInput(f"{len(words)} hashes came with {len(numbers)} numbers.")
    if len(words) >= 1 << 32:
        raise InvalidInput("A segment holds less than 2^32 hashes.")
    by = np.lexsort((numbers, *(words[:, at] for at in reversed(range(WORDS)))))
    words, numbers = words.take(by, axis=0), numbers.take(by)
    new = np.ones(len(words), bool)
    np.any(words[1:] != words[:-1], axis=1, out=new[1:])
    known = new.copy()
    known[1:] |= numbers[1:] != numbers[:-1]
    words, numbers, new = words[known], numbers[known], new[known]
    starts = np.append(np.flatnonzero(new), len(words)).astype(np.uint32)
    words = words[new]
    tables = _tables(words) if len(words) > FLAT else None
    return Segment(words[:, :2].copy(), words[:, 2:].copy(), starts, np.ascontiguousarray(numbers, np.int64), tables)


def merged(segments: list[Segment]) -> Segment:
    """Make one segment of several."""
    words = np.concatenate([np.repeat(words_of(one), np.diff(one.starts), axis=0) for one in segments])
    return make(words, np.concatenate([one.numbers for one in segments]))


def words_of(segment: Segment) -> Words:
    """Return the distinct hashes of a segment, shape (n, 4)."""
    return np.hstack((segment.first, segment.second))


def _tables(words: Words) -> Tables:
    begins = np.zeros((CHUNKS, KEYS + 1), np.uint32)
    order = np.empty((CHUNKS, len(words)), np.uint32)
    for at, chunk in enumerate(chunks(words).T):
        np.cumsum(np.bincount(chunk, minlength=KEYS), out=begins[at, 1:])
        order[at] = np.argsort(chunk, kind="stable")
    return Tables(begins, order)


def search(segment: Segment, asked: Words, distance: int, most: int | None = None) -> Iterator[Near]:
    """Yield what is held within ``distance`` (0 to 31) bits of each hash asked about, in pieces, each pair once.

    With ``most``, what is farther than that many others may be left out; what is as far as the last of them is not.
    """
    if not segment.distinct or not len(asked):
        return
    if segment.tables is None:
        yield from _scan(segment, asked, np.arange(len(asked)), distance, most)
        return
    for start in range(0, len(asked), _QUESTIONS):
        for near in _by_tables(segment, segment.tables, asked[start : start + _QUESTIONS], distance, most):
            yield Near(near.asked + start, near.held, near.distance)


def _by_tables(segment: Segment, tables: Tables, asked: Words, distance: int, most: int | None) -> Iterator[Near]:
    flips = _FLIPS if distance >= CHUNKS else _FLIPS[:1]
    keys = chunks(asked).T[:, :, None] ^ flips  # chunk, question, key
    chunk = np.arange(CHUNKS)[:, None, None]
    begins = tables.begins[chunk, keys].astype(np.int64)
    sizes = tables.begins[chunk, keys.astype(np.int64) + 1] - begins
    named = sizes.sum(axis=2)
    many = named.sum(axis=0) > min(max(segment.distinct // 4, _AT_ONCE), _MOST)
    if many.any():
        yield from _scan(segment, asked, np.flatnonzero(many), distance, most)
        named[:, many] = 0
        sizes[:, many] = 0
    for at in range(CHUNKS):
        for low, high in _pieces(named[at]):
            if named[at, low:high].any():
                where = _places(begins[at, low:high], sizes[at, low:high])
                held = tables.order[at].take(where).astype(np.intp)
                near = _verified(segment, asked[low:high], held, named[at, low:high], distance)
                near = _first_named(segment, asked[low:high], near, at, distance)
                if len(near.asked):
                    yield Near(near.asked + low, near.held, near.distance)


def _pieces(named: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut questions into pieces of about as many candidates as are looked at in one go."""
    ends = np.cumsum(named)
    low = 0
    while low < len(named):
        before = int(ends[low - 1]) if low else 0
        high = max(int(np.searchsorted(ends, before + _AT_ONCE, side="right")), low + 1)
        yield low, high
        low = high


def _places(begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all places in several stretches, one stretch after the other."""
    flat = sizes.ravel()
    ends = np.cumsum(flat)
    return np.repeat(begins.ravel() - (ends - flat), flat) + np.arange(int(ends[-1]))


def _verified(segment: Segment, asked: Words, held: NDArray[np.intp], each: NDArray[np.int64], distance: int) -> Near:
    """Keep the candidates that are near: ``each`` many for each question, in order."""
    bits = np.bitwise_count(segment.first.take(held, axis=0) ^ np.repeat(asked[:, :2], each, axis=0))
    bits = bits[:, 0] + bits[:, 1]
    left = np.flatnonzero(bits <= distance)
    who = np.searchsorted(np.cumsum(each), left, side="right")
    held, bits = held.take(left), bits.take(left)
    more = np.bitwise_count(segment.second.take(held, axis=0) ^ asked[:, 2:].take(who, axis=0))
    bits += more[:, 0]
    bits += more[:, 1]
    near = bits <= distance
    return Near(who[near], held[near], bits[near])


def _first_named(segment: Segment, asked: Words, near: Near, chunk: int, distance: int) -> Near:
    """Of a pair that several chunks name, only the first keeps it."""
    if not chunk or not len(near.asked):
        return near
    held = np.hstack((segment.first.take(near.held, axis=0), segment.second.take(near.held, axis=0)))
    differ = chunks((held ^ asked.take(near.asked, axis=0))[:, : chunk // 4 + 1])[:, :chunk]
    first = ~(np.bitwise_count(differ) <= (distance >= CHUNKS)).any(axis=1)
    return Near(near.asked[first], near.held[first], near.distance[first])


def _scan(segment: Segment, asked: Words, which: NDArray[np.intp], distance: int, most: int | None) -> Iterator[Near]:
    """Go through all that is held, for the questions ``which``."""
    counts = np.zeros((len(which), distance + 1), np.int64)
    furthest = np.full(len(which), distance)
    for at in range(0, segment.distinct, _SCANNED):
        first = np.ascontiguousarray(segment.first[at : at + _SCANNED].T)
        second = np.ascontiguousarray(segment.second[at : at + _SCANNED].T)
        parts: list[Near] = []
        waiting = 0
        for place, one in enumerate(which):
            held, bits = _of_block(first, second, asked[one], furthest[place])
            if not len(held):
                continue
            if most is not None:
                counts[place] += np.bincount(bits, minlength=distance + 1)
                furthest[place] = min(int(np.searchsorted(np.cumsum(counts[place]), most)), distance)
                near = bits <= furthest[place]
                held, bits = held[near], bits[near]
            parts.append(Near(np.full(len(held), one), held + at, bits))
            waiting += len(held)
            if waiting >= _AT_ONCE:
                yield _together(parts)
                parts, waiting = [], 0
        if parts:
            yield _together(parts)


def _of_block(
    first: Words, second: Words, asked: NDArray[np.uint64], distance: np.int64
) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Return what is near in a block of hashes (shape (2, n), both halves), and how near."""
    bits = np.bitwise_count(first ^ asked[:2, None])
    near = bits[0] + bits[1]
    left = np.flatnonzero(near <= distance)
    if len(left) * 16 > first.shape[1]:
        # At most 128 + 127, which a byte holds: 256 would count as none.
        more = np.bitwise_count(second ^ asked[2:, None])
        near = near + np.minimum(more[0] + more[1], 127)
        left = np.flatnonzero(near <= distance)
        return left, near.take(left)
    near = near.take(left)
    more = np.bitwise_count(second.take(left, axis=1) ^ asked[2:, None])
    near += more[0]
    near += more[1]
    keep = near <= distance
    return left[keep], near[keep]


def _together(parts: list[Near]) -> Near:
    return Near(
        np.concatenate([one.asked for one in parts]),
        np.concatenate([one.held for one in parts]),
        np.concatenate([one.distance for one in parts]),
    )
