"""Sets of numbers below 61,440 as they are kept and as they are worked with. No SQL.

Kept: sorted numbers of two bytes each, or, where they are many, one bit for each number that could be. Worked with: one
integer of 61,440 bits, on which and, or and counting take a microsecond.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

SPAN: Final = 61_440
"""So that one bit for each is a little less than a page of SQLite."""
_BITMAP: Final = SPAN // 8
_MOST_LISTED: Final = SPAN // 32
"""Numbers that are kept one by one at most: of more, working with them one by one takes longer than a bit for each."""
_FEW: Final = 48
_LONG: Final = 512
"""Bytes of a list from which it is remembered as it is worked with: making that takes a tenth of a millisecond, and the
sets of each type, and of the commonest words, are asked for by one search after the other."""
_REMEMBERED: Final = 256
"""How many of those: some 11 kB each."""
_SWAP: Final = sys.byteorder == "big"


def _numbers(data: bytes) -> array[int]:
    found = array("H")
    found.frombytes(data)
    if _SWAP:
        found.byteswap()
    return found


def _written(numbers: Iterable[int]) -> bytes:
    made = array("H", numbers)
    if _SWAP:
        made.byteswap()
    return made.tobytes()


def unpack(data: bytes) -> int:
    """Return a kept set as an integer.

    >>> unpack(pack(0b1010_0001)) == 0b1010_0001
    True
    """
    if len(data) == _BITMAP:
        return int.from_bytes(data, "little")
    if len(data) <= 8:
        return sum(1 << number for number in _numbers(data))
    return union(_numbers(data)) if len(data) < _LONG else _remembered(data)


@lru_cache(maxsize=_REMEMBERED)
def _remembered(data: bytes) -> int:
    """A long list as an integer. It follows from the bytes alone: nothing that changes can make it wrong."""
    return union(_numbers(data))


def pack(bits: int) -> bytes:
    """Return a set as it is kept."""
    if bits.bit_count() > _MOST_LISTED:
        return bits.to_bytes(_BITMAP, "little")
    return _written(reversed(list(members(bits))))


def extended(data: bytes, numbers: list[int]) -> bytes:
    """Return a kept set with further numbers, all of them higher than those in it, in order.

    >>> extended(pack(0b11), [5]) == pack(0b100011)
    True
    """
    if len(data) == _BITMAP or len(data) // 2 + len(numbers) > _MOST_LISTED:
        return pack(unpack(data) | union(numbers))
    return data + _written(numbers)


def union(numbers: Iterable[int]) -> int:
    """Return a set of numbers as an integer."""
    bits = bytearray(_BITMAP)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def members(bits: int) -> Iterator[int]:
    """Yield the numbers of a set, the highest first."""
    if bits.bit_count() <= _FEW:
        while bits:
            top = bits.bit_length() - 1
            yield top
            bits ^= 1 << top
        return
    data = bits.to_bytes(_BITMAP, "little")
    end = (bits.bit_length() + 7) // 8
    for place in range(end - 1, -1, -1):
        byte = data[place]
        while byte:
            top = byte.bit_length() - 1
            yield place << 3 | top
            byte ^= 1 << top
