"""How the bytes of a collection lie in segments: packing on the way in, slicing on the way out. No SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

SEGMENT_BYTES: Final = 65_536
"""Large enough that a page of a thousand objects is about twenty reads, small enough that one object is one."""

Slice = tuple[int, int]
"""Start and length of an object inside its segment."""


class Packed(msgspec.Struct):
    """A segment being filled: ``slices`` tell where each of ``parts`` lies once they are joined by commas."""

    parts: list[bytes]
    slices: list[Slice]
    size: int = -1

    def fits(self, length: int) -> bool:
        """Whether one more object of this length stays within a segment; a first one always does."""
        return self.size < 0 or self.size + 1 + length <= SEGMENT_BYTES

    def add(self, raw: bytes) -> None:
        """Append one object."""
        start = self.size + 1
        self.parts.append(raw)
        self.slices.append((start, len(raw)))
        self.size = start + len(raw)

    def data(self) -> bytes:
        """The bytes of the segment."""
        return b",".join(self.parts)


def pack(raws: Iterable[bytes], into: bytes | None = None) -> list[Packed]:
    """Pack objects into segments, the first of which may go on from the bytes of a segment that has room.

    >>> [p.data() for p in pack([b"{}", b"[]"], into=b"1")]
    [b'1,{},[]']
    """
    current = Packed([], []) if into is None else Packed([into], [], len(into))
    packed = [current]
    for raw in raws:
        if not current.fits(len(raw)):
            current = Packed([], [])
            packed.append(current)
        current.add(raw)
    return packed


def runs(slices: Sequence[Slice]) -> list[Slice]:
    """Merge slices that lie side by side (with the comma between them) into longer ones.

    >>> runs([(0, 2), (3, 2), (10, 4)])
    [(0, 5), (10, 4)]
    """
    merged: list[Slice] = []
    start = end = -1
    for begin, length in slices:
        if begin == end + 1 and start >= 0:
            end = begin + length
            continue
        if start >= 0:
            merged.append((start, end - start))
        start, end = begin, begin + length
    if start >= 0:
        merged.append((start, end - start))
    return merged
