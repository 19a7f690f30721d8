"""Tags: the first bits of OPRF outputs, as a set that is sent small and looked up fast.

How long a tag is follows from the sizes of the two sets: a value that is not held passes for one that is with a
probability of 2^-40 in a whole run at most (:class:`Width`). Sorted tags are coded after Elias and Fano: of each, as
many first bits as the set has digits in base two, by counting how many tags share them, one bit for each tag and
one for each place; then the other bits as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from titian.core.errors import InvalidInput, TooLarge

SURE: Final = 40
"""A run has a false hit with a probability of two to the minus this at most."""
MOST_OFFERED: Final = 2**26
MOST_ASKED: Final = 2**24
_CROWD: Final = 64
"""No place is shared by so many tags, if they are what they should be: the chance is below 2^-200."""
_CHUNK: Final = 1 << 16

Words: TypeAlias = npt.NDArray[np.uint64]


class Width(msgspec.Struct, frozen=True):
    """How many bits a tag has: ``high`` that are counted, ``low`` that are written out."""

    high: int
    low: int


def width(offered: int, asked: int) -> Width:
    """Return how long tags must be where so many are offered and so many asked at most."""
    if not 0 <= offered <= MOST_OFFERED:
        raise TooLarge(f"A set of {offered:,} values is more than the {MOST_OFFERED:,} that one offer holds.")
    if not 1 <= asked <= MOST_ASKED:
        raise TooLarge(f"A run is of 1 to {MOST_ASKED:,} values, not {asked:,}.")
    return Width(high=_bits(offered), low=SURE + _bits(asked))


def _bits(count: int) -> int:
    return max(count - 1, 0).bit_length()


def cut(outputs: Sequence[bytes], size: Width) -> tuple[Words, Words]:
    """Return the first bits and the other bits of the tags of OPRF outputs, of 64 bytes each."""
    words = np.frombuffer(b"".join(one[:16] for one in outputs), ">u8").reshape(-1, 2).astype(np.uint64)
    first = words[:, 0] >> np.uint64(64 - size.high) if size.high else np.zeros(len(words), np.uint64)
    return first, words[:, 1] >> np.uint64(64 - size.low)


class TagSet:
    """A set of tags, sorted, that tells where a tag stands in it."""

    def __init__(self, size: Width, high: Words, low: Words) -> None:
        """Take sorted tags (:func:`arranged`); :class:`InvalidInput` when they cannot be outputs of a function."""
        self.size = size
        self.low = low
        counts = np.bincount(high.astype(np.int64), minlength=1 << size.high)
        self._crowd = int(counts.max(initial=0))
        if self._crowd > _CROWD:
            raise InvalidInput("The tags are not what a random function gives: too many begin alike.")
        self._ends = np.cumsum(counts, dtype=np.int64)
        self._high = high

    def __len__(self) -> int:
        return len(self.low)

    def find(self, outputs: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """Return the place of each output's tag in the set, or -1."""
        found = np.full(len(outputs), -1, np.int64)
        if not len(self) or not outputs:
            return found
        high, low = cut(outputs, self.size)
        places = high.astype(np.int64)
        end = self._ends[places]
        begin = np.where(places > 0, self._ends[places - 1], 0)
        for step in range(self._crowd):
            at = np.minimum(begin + step, len(self) - 1)
            hit = (begin + step < end) & (self.low[at] == low)
            found[hit] = at[hit]
        return found

    def encode(self) -> bytes:
        """Code the set: what :func:`decode` reads. Its length depends on the number of tags and their width alone."""
        marks = np.zeros(len(self) + (1 << self.size.high), np.uint8)
        marks[self._high.astype(np.int64) + np.arange(len(self))] = 1
        return np.packbits(marks).tobytes() + _packed(self.low, self.size.low)


def arranged(high: Words, low: Words, size: Width) -> tuple[TagSet, npt.NDArray[np.int64]]:
    """Return the set of tags that were :func:`cut`, and for each place in it the number of the tag that stands there.

    :class:`InvalidInput` as :class:`TagSet` has it.
    """
    order = np.lexsort((low, high))
    return TagSet(size, high[order], low[order]), order


def coded_size(count: int, size: Width) -> int:
    """How many bytes a set of so many tags takes."""
    return -(-(count + (1 << size.high)) // 8) + -(-count * size.low // 8)


def decode(data: bytes, count: int, size: Width) -> TagSet:
    """Read a set of ``count`` tags; :class:`InvalidInput` for anything that :meth:`TagSet.encode` does not write."""
    if len(data) != coded_size(count, size):
        raise InvalidInput(f"{count:,} tags take {coded_size(count, size):,} bytes, not {len(data):,}.")
    marked = count + (1 << size.high)
    cutting = -(-marked // 8)
    marks = np.unpackbits(np.frombuffer(data, np.uint8, cutting))
    places = np.flatnonzero(marks)
    if len(places) != count or (count and places[-1] >= marked):
        raise InvalidInput(f"There are not as many tags as the offer says: {len(places):,}, not {count:,}.")
    high = places - np.arange(count)
    if count and high[-1] >= 1 << size.high:
        raise InvalidInput("A tag is beyond the last place.")
    low = _unpacked(np.frombuffer(data, np.uint8, offset=cutting), count, size.low)
    if np.any((high[1:] == high[:-1]) & (low[1:] < low[:-1])):
        raise InvalidInput("The tags are not sorted.")
    return TagSet(size, high.astype(np.uint64), low)


def _packed(words: Words, bits: int) -> bytes:
    """Write the last bits of each word one after the other."""
    parts = []
    for at in range(0, len(words), _CHUNK):
        piece = words[at : at + _CHUNK].astype(">u8").view(np.uint8).reshape(-1, 8)
        parts.append(np.packbits(np.unpackbits(piece, axis=1)[:, 64 - bits :]).tobytes())
    return b"".join(parts)


def _unpacked(data: npt.NDArray[np.uint8], count: int, bits: int) -> Words:
    """Read what :func:`_packed` wrote. A chunk begins at a whole byte, since its number of words is one of eight."""
    found = np.empty(count, np.uint64)
    for at in range(0, count, _CHUNK):
        here = min(_CHUNK, count - at)
        begin = at * bits // 8
        piece = np.unpackbits(data[begin : begin + -(-here * bits // 8)])
        if piece[here * bits :].any():
            raise InvalidInput("There is something after the last tag.")
        wide = np.zeros((here, 64), np.uint8)
        wide[:, 64 - bits :] = piece[: here * bits].reshape(here, bits)
        found[at : at + here] = np.packbits(wide, axis=1).view(">u8").ravel()
    return found
