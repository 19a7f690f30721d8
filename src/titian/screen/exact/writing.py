"""Writing a segment: from new entries, and from segments that become one. Takes tens of megabytes, however large they
are; only the entries of one single digest are always taken together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from titian.screen.exact.digests import SEAL_BYTES, Digester, Words
from titian.screen.exact.layout import MOST_ENTRIES, Layout, block_digest, header
from titian.screen.exact.search import Column, order
from titian.screen.exact.segment import Offsets, Sorted, offset_type

_TOGETHER: Final = 1 << 19
"""So many entries are sorted and written at once."""
_MODE: Final = 0o600


def sort(digests: Words, numbers: Column) -> Sorted:
    """Return new entries in their order, none twice."""
    high, low = np.ascontiguousarray(digests[:, 0]), np.ascontiguousarray(digests[:, 1])
    return Sorted(*_ordered(high, low, numbers), 0)


def write(path: Path, sources: Sequence[Sorted], digester: Digester) -> tuple[Layout, bytes]:
    """Write sorted entries, of which there is at least one, as one segment; return what it holds, and its seal.

    The file is new, and durable when this returns, but its name is not: the caller renames it and syncs the folder.
    Where it cannot be written it is removed. Raises :class:`OSError`, :class:`ValueError` for more than 2^32 - 1
    entries.
    """
    layout = _layout(sources)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    try:
        # A full disk says so here, before the work.
        os.posix_fallocate(file, 0, layout.size)
        written = _write_columns(file, layout, sources)
        if written < layout.entries:
            # The sources share entries, which is rare: only now it is known where all of it lies.
            layout = layout._replace(entries=written)
            os.ftruncate(file, 0)
            os.posix_fallocate(file, 0, layout.size)
            _write_columns(file, layout, sources)
        blocks = _block_digests(file, layout)
        _put(file, blocks, layout.blocks)
        os.fsync(file)
        # The header comes last: until then the file is nothing.
        head = header(layout, blocks, digester)
        _put(file, head, 0)
        os.fsync(file)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(file)
    return layout, head[-SEAL_BYTES:]


def merged(sources: Sequence[Sorted]) -> Iterator[tuple[Column, Column, Column]]:
    """Yield the entries of all sources in their order, none twice, in pieces: high, low and numbers.

    Entries of one ``high`` are always in one piece.
    """
    step = max(_TOGETHER // len(sources), 1)
    begins = [0] * len(sources)
    while any(begin < len(one.high) for begin, one in zip(begins, sources, strict=True)):
        # Up to here all sources can be taken without taking much of any.
        last = min(
            one.high[min(begin + step, len(one.high)) - 1]
            for begin, one in zip(begins, sources, strict=True)
            if begin < len(one.high)
        )
        ends = [
            begin + int(one.high[begin:].searchsorted(last, side="right"))
            for begin, one in zip(begins, sources, strict=True)
        ]
        taken = [one.slice(begin, end) for begin, end, one in zip(begins, ends, sources, strict=True) if end > begin]
        begins = ends
        if len(taken) == 1:
            yield taken[0]
            continue
        high, low, numbers = (np.concatenate(column) for column in zip(*taken, strict=True))
        yield _ordered(high, low, numbers)


def _ordered(high: Column, low: Column, numbers: Column) -> tuple[Column, Column, Column]:
    found = order(high, low, numbers)
    high, low, numbers = high.take(found), low.take(found), numbers.take(found)
    twice = np.flatnonzero((high[1:] == high[:-1]) & (low[1:] == low[:-1]) & (numbers[1:] == numbers[:-1]))
    if not len(twice):
        return high, low, numbers
    return np.delete(high, twice), np.delete(low, twice), np.delete(numbers, twice)


def _layout(sources: Sequence[Sorted]) -> Layout:
    entries = sum(len(one.high) for one in sources)
    if not 0 < entries <= MOST_ENTRIES:
        raise ValueError(f"a segment has 1 to {MOST_ENTRIES:,} entries, not {entries:,}")
    least = min(int(one.numbers.min()) + one.base for one in sources if len(one.high))
    most = max(int(one.numbers.max()) + one.base for one in sources if len(one.high))
    return Layout(entries, least, most)


def _write_columns(file: int, layout: Layout, sources: Sequence[Sorted]) -> int:
    """Write table, words and numbers; return how many entries there are."""
    done = 0
    width, shift = offset_type(layout.width), np.uint64(64 - layout.bits)
    before = np.zeros((1 << layout.bits) + 1, np.uint32)
    for high, low, numbers in merged(sources):
        _put(file, high, layout.high + 8 * done)
        _put(file, low, layout.low + 8 * done)
        _put(file, (numbers - np.uint64(layout.least)).astype(width), layout.numbers + layout.width * done)
        done += len(high)
        part = (high >> shift).astype(np.intp)
        counts = np.bincount(part - part[0])
        before[part[0] + 1 : part[0] + 1 + len(counts)] += counts.astype(np.uint32)
    _put(file, np.cumsum(before, dtype=np.uint32), layout.table)
    return done


def _block_digests(file: int, layout: Layout) -> bytes:
    digests = []
    for number in range(layout.blocked):
        begin, end = layout.block(number)
        content = os.pread(file, end - begin, begin)
        digests.append(block_digest(content))
    return b"".join(digests)


def _put(file: int, content: bytes | Offsets, offset: int) -> None:
    rest = (memoryview(content) if isinstance(content, bytes) else content.data).cast("B")
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
