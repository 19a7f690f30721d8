"""A segment: an immutable file of sorted digests, each with a number, mapped into memory and read by many processes.

**What is trusted.** Opening reads the header and the list of blocks, which are sealed: a file that is torn, foreign or
of another length is refused, in a time that hardly grows with the file. The rest is compared with the list before the
first answer that comes from it: few digests check only the blocks that they touch, many check the whole file, once in
a process (0.2 s for 10,000,000 entries). So nothing is ever answered from bytes that were not checked, and neither
opening nor asking for one value reads the whole file. A file that is changed in place while it is open is noticed by
its length and time before each answer.
"""

from __future__ import annotations

import mmap
import os
import struct
import weakref
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from titian.screen.exact.digests import SEAL_BYTES, Digester, Words
from titian.screen.exact.layout import BLOCK, BLOCK_DIGEST, PAGE, block_digest, damaged, read_header
from titian.screen.exact.search import CHUNK, Column, Places, Spans, spans, spread

_two_words: Final = struct.Struct("=QQ").unpack
FEW: Final = 16
"""So many digests are looked up one by one: numpy's calls would cost more."""


Offsets: TypeAlias = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]
"""Numbers less the least of them, as narrow as they can be."""


class Found(NamedTuple):
    """What was found: the number ``numbers[i]`` belongs to the digest asked for at ``which[i]``.

    Ascending by ``which``, then by number, no pair twice. ``cut`` are those that have more numbers than were
    wanted of each.
    """

    which: Places
    numbers: Column
    cut: Places


class Sorted(NamedTuple):
    """Entries in their order. A number is ``base`` and what stands in ``numbers``."""

    high: Column
    low: Column
    numbers: Offsets
    base: int

    def slice(self, begin: int, end: int) -> tuple[Column, Column, Column]:
        """Return the columns of some entries, numbers as they are."""
        numbers = self.numbers[begin:end].astype(np.uint64) + np.uint64(self.base)
        return self.high[begin:end], self.low[begin:end], numbers


class Segment:
    """A segment in use. It stays readable after its file was removed, until it is let go."""

    def __init__(self, path: Path, digester: Digester) -> None:
        """Open a segment.

        Raises :class:`~titian.core.errors.UnreadableFile` when the file cannot be trusted, :class:`OSError` (so also
        :class:`FileNotFoundError`) when it cannot be read.
        """
        self.name = path.name
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        weakref.finalize(self, os.close, self._file)
        self._stamp = self._stamped()
        head = os.pread(self._file, PAGE, 0)
        self.layout, sealed = read_header(head, self._stamp[0], digester, self.name)
        self.seal = head[-SEAL_BYTES:]
        at = self.layout
        self._digests = os.pread(self._file, at.blocked * BLOCK_DIGEST, at.blocks)
        if digester.seal(self._digests) != sealed:
            raise damaged(f"The list of blocks of {self.name} was changed")
        self._map = mmap.mmap(self._file, at.size, access=mmap.ACCESS_READ)
        self._table = np.frombuffer(self._map, np.uint32, (1 << at.bits) + 1, at.table)
        high = np.frombuffer(self._map, np.uint64, at.entries, at.high)
        low = np.frombuffer(self._map, np.uint64, at.entries, at.low)
        numbers: Offsets = np.frombuffer(self._map, offset_type(at.width), at.entries, at.numbers)
        self.entries = Sorted(high, low, numbers, at.least)
        # The same columns for a few digests: Python reads single numbers from these faster than from arrays.
        self._one_table, self._one_high, self._one_low, self._one_number = (
            column.data for column in (self._table, high, low, numbers)
        )
        # Worked out once: finding one digest takes a few microseconds, which these would double.
        self._shift, self._at_table, self._at_high, self._at_low = 64 - at.bits, at.table, at.high, at.low
        self._checked = bytearray(at.blocked)
        self._whole = False

    def __len__(self) -> int:
        return self.layout.entries

    def check(self) -> None:
        """Compare every byte with what was written, unless this was done; raises
        :class:`~titian.core.errors.UnreadableFile` when one differs."""
        self._unchanged()
        if not self._whole:
            self._trust(PAGE, self.layout.blocks)
            self._whole = True

    def lookup(self, digests: Words, *, most: int | None = None) -> Found:
        """Return the numbers of each digest, at most ``most`` of each (the least).

        Takes a few megabytes besides the answer, however many digests are asked for. Raises
        :class:`~titian.core.errors.UnreadableFile` when the file was damaged.
        """
        if len(digests) <= FEW:
            return found_one_by_one([self.find(one.tobytes(), most=most) for one in digests], most)
        self.check()
        parts = [self._lookup(digests[at : at + CHUNK], at, most) for at in range(0, len(digests), CHUNK)]
        return parts[0] if len(parts) == 1 else Found(*(np.concatenate(one) for one in zip(*parts, strict=True)))

    def find(self, digest: bytes, *, most: int | None = None) -> list[int]:
        """Return the numbers of one digest, ascending, and at most one more than ``most``: the caller sees that there
        are more. Quick; checks only the blocks that it reads."""
        self._unchanged()
        high, low = _two_words(digest)
        part = high >> self._shift
        self._trust(self._at_table + 4 * part, self._at_table + 4 * part + 8)
        begin, end = self._one_table[part], self._one_table[part + 1]
        self._trust(self._at_high + 8 * begin, self._at_high + 8 * end)
        begin = bisect_left(self._one_high, high, begin, end)
        end = bisect_right(self._one_high, high, begin, end)
        self._trust(self._at_low + 8 * begin, self._at_low + 8 * end)
        begin = bisect_left(self._one_low, low, begin, end)
        end = bisect_right(self._one_low, low, begin, end)
        return self._some_numbers(begin, end, most)

    def between(self, first: tuple[int, int], last: tuple[int, int], *, most: int | None = None) -> list[int]:
        """Return the numbers of all entries from ``first`` to ``last``, given as words, in the order of the entries;
        at most one more than ``most``."""
        self.check()
        begin = self._place(first, after=False)
        return self._some_numbers(begin, max(begin, self._place(last, after=True)), most)

    def _place(self, asked: tuple[int, int], *, after: bool) -> int:
        begin = bisect_left(self._one_high, asked[0])
        end = bisect_right(self._one_high, asked[0], begin)
        return (bisect_right if after else bisect_left)(self._one_low, asked[1], begin, end)

    def _some_numbers(self, begin: int, end: int, most: int | None) -> list[int]:
        if begin == end:
            return []
        end = end if most is None else min(end, begin + most + 1)
        at = self.layout
        self._trust(at.numbers + at.width * begin, at.numbers + at.width * end)
        return [at.least + one for one in self._one_number[begin:end]]

    def _lookup(self, digests: Words, offset: int, most: int | None) -> Found:
        ask_high, ask_low = np.ascontiguousarray(digests[:, 0]), np.ascontiguousarray(digests[:, 1])
        found = spans(self._table, self.entries.high, self.entries.low, ask_high, ask_low)
        counts = found.end - found.begin
        cut = found.which[:0]
        if most is not None:
            cut, counts = found.which[counts > most] + offset, np.minimum(counts, most)
        which, places = _each(found, counts)
        numbers = self.entries.numbers.take(places).astype(np.uint64) + np.uint64(self.entries.base)
        return Found(which + offset, numbers, cut)

    def _trust(self, begin: int, end: int) -> None:
        """Check the blocks of some bytes, unless it was done."""
        for number in range((begin - PAGE) // BLOCK, -(-(end - PAGE) // BLOCK)):
            if not self._checked[number]:
                # Read, not mapped: a disk that fails is then an error, and checking takes no memory.
                at, end = self.layout.block(number)
                digest = block_digest(os.pread(self._file, end - at, at))
                if digest != self._digests[number * BLOCK_DIGEST :][:BLOCK_DIGEST]:
                    raise damaged(f"{self.name} was changed after it was written")
                self._checked[number] = 1

    def _unchanged(self) -> None:
        # A mapped file that became shorter would end the process on the next read of it.
        if self._stamped() != self._stamp:
            raise damaged(f"{self.name} was changed while it was open")

    def _stamped(self) -> tuple[int, int]:
        found = os.fstat(self._file)
        return found.st_size, found.st_mtime_ns


def offset_type(width: int) -> np.dtype[Any]:
    """Return the type of numbers of so many bytes."""
    return np.dtype(np.uint32 if width == 4 else np.uint64)


def found_one_by_one(numbers: Sequence[Sequence[int]], most: int | None) -> Found:
    """Return what was found for each of a few digests as one answer; one more number than ``most`` says that there
    are more."""
    settled = [sorted(set(one)) for one in numbers]
    cut = [] if most is None else [at for at, one in enumerate(settled) if len(one) > most]
    shown = [one if most is None else one[:most] for one in settled]
    which = np.repeat(np.arange(len(shown)), [len(one) for one in shown]) if shown else np.arange(0)
    return Found(which, np.array([one for some in shown for one in some], np.uint64), np.array(cut, np.intp))


def _each(found: Spans, counts: Places) -> tuple[Places, Places]:
    """Each entry of the spans: whose it is, and its place."""
    if counts.max(initial=0) <= 1 and counts.min(initial=1) == 1:
        return found.which, found.begin
    return np.repeat(found.which, counts), spread(found.begin, counts)
