"""Reading pages: whole segments as they lie, the ends of a page and what is scattered by their entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec

from titian.core.collection import Page, Selection
from titian.store.database import Row, Transaction
from titian.store.segments import Slice, runs

DIGEST: Final = 32
"""Bytes of one SHA-256."""
LATEST: Final = 1
FIRST: Final = 2
"""The bits of ``entries.rank``: the latest and the first version of an object in its collection."""

PAGE_BYTES: Final = 16 << 20
"""A page ends before it grows over this, however many objects were asked for; one object always goes out."""
_SEGMENTS_AT_ONCE: Final = 32


class Walk:
    """Read a page segment by segment: first plan which, then fetch their bytes in one query."""

    def __init__(self, tx: Transaction, collection: int, selection: Selection, *, digests: bool = False) -> None:
        self.digests: dict[int, bytes] | None = {} if digests else None
        self.tx = tx
        self.collection = collection
        self.latest = not selection.versions.all
        self.after = selection.after
        self.room = selection.limit
        self.plan: list[tuple[int, list[Slice] | None]] = []
        self.size = 0
        self.count = 0
        self.first = 0
        self.last = 0

    def page(self) -> Page:
        """Read the page."""
        more = self._walk()
        numbers = [number for number, _ in self.plan]
        data = read_segments(self.tx, numbers) if self.digests is None else self._with_digests(numbers)
        parts: list[bytes] = []
        for number, slices in self.plan:
            whole = data[number]
            if slices is None:
                parts.append(whole)
            else:
                parts += [whole[start : start + length] for start, length in slices]
        digests = None if self.digests is None else b"".join([self.digests[number] for number in numbers])
        return Page(parts, self.count, self.first, self.last, more, digests)

    def _with_digests(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """The bytes of segments, and the digests of the objects of those that go out whole."""
        assert self.digests is not None
        rows = self.tx.all(
            f"SELECT num, data, digests, count FROM segments WHERE {self.tx.among('num')}", self.tx.array(numbers)
        )
        data = {number: bytes(raw) for number, raw, _, _ in rows}
        for number, _, held, count in rows:
            if number in self.digests:
                continue
            known = held is not None and len(held) == count * DIGEST
            self.digests[number] = bytes(held) if known else digests_of(apart([data[number]]))
        return data

    def _walk(self) -> bool:
        """Plan the page; whether there is more behind it."""
        while True:
            segments = self.tx.all(
                "SELECT num, first, last, count, latest, length(data) FROM segments "
                "WHERE collection = ? AND last > ? ORDER BY last LIMIT ?",
                self.collection,
                self.after,
                _SEGMENTS_AT_ONCE,
            )
            for number, first, last, count, latest, size in segments:
                live = latest if self.latest else count
                if live and not self.room:
                    return True
                if live and not self._take(number, first, last, count, whole=live == count, size=size):
                    return True
                self.after = last
            if len(segments) < _SEGMENTS_AT_ONCE:
                return False

    def _take(self, number: int, first: int, last: int, count: int, *, whole: bool, size: int) -> bool:
        """Take what is wanted of a segment; ``False`` when some of it had to stay for the next page."""
        if whole and first > self.after and count <= self.room and (not self.count or self.size + size <= PAGE_BYTES):
            self._add(number, None, size, count, first, last)
            return True
        rows = self.tx.all(
            "SELECT added, start, length, digest FROM entries WHERE collection = ? AND added > ? AND added <= ? "
            + ("AND (rank & 1) = 1 " if self.latest else "")
            + "ORDER BY added LIMIT ?",
            self.collection,
            self.after,
            last,
            self.room + 1,
        )
        chosen = within(rows[: self.room], 2, PAGE_BYTES - self.size, at_least=0 if self.count else 1)
        if chosen:
            slices = runs([(start, length) for _, start, length, _ in chosen])
            if self.digests is not None:
                self.digests[number] = b"".join([bytes(digest) for *_, digest in chosen])
            size = sum(length for _, length in slices)
            self._add(number, slices, size, len(chosen), chosen[0][0], chosen[-1][0])
        return len(chosen) == len(rows)

    def _add(self, number: int, slices: list[Slice] | None, size: int, count: int, first: int, last: int) -> None:
        self.plan.append((number, slices))
        self.size += size
        self.count += count
        self.room -= count
        self.first = self.first or first
        self.last = last


def within(rows: Sequence[Row], length: int, most: int, *, at_least: int) -> Sequence[Row]:
    """The first rows whose lengths, in column ``length``, add up to ``most`` bytes; never fewer than ``at_least``."""
    size = 0
    for place, row in enumerate(rows):
        size += row[length]
        if size > most and place >= at_least:
            return rows[:place]
    return rows


def read_segments(tx: Transaction, numbers: Sequence[int]) -> dict[int, bytes]:
    """The bytes of segments by their numbers, in one query."""
    if not numbers:
        return {}
    rows = tx.all(f"SELECT num, data FROM segments WHERE {tx.among('num')}", tx.array(numbers))
    return {number: bytes(data) for number, data in rows}


def read_slice(tx: Transaction, number: int, start: int, length: int) -> bytes:
    """The bytes of one object in a segment."""
    row = tx.one("SELECT substr(data, ?, ?) FROM segments WHERE num = ?", start + 1, length, number)
    assert row is not None, "entries point into segments of the same snapshot"
    return bytes(row[0])


def apart(joined: Sequence[bytes]) -> list[msgspec.Raw]:
    """The objects of what is joined by commas."""
    return _raws(b"[" + b",".join(joined) + b"]")


_raws: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def digests_of(objects: Sequence[bytes | msgspec.Raw]) -> bytes:
    """SHA-256 of each of some objects, one behind the other."""
    return b"".join([sha256(one).digest() for one in objects])


def gather(tx: Transaction, rows: Sequence[Row], limit: int, *, digests: bool = False) -> Page:
    """Fetch scattered objects, rows of ``(added, segment, start, length, …)``. A segment of which several are
    wanted is read whole, once."""
    chosen = within(rows[:limit], 3, PAGE_BYTES, at_least=1)
    if not chosen:
        return Page([], 0, 0, 0, False, b"" if digests else None)
    wanted = Counter(row[1] for row in chosen)
    whole: dict[int, bytes] = {}
    ahead = [number for number, times in wanted.items() if times > 1]
    parts: list[bytes] = []
    for _, segment, start, length, *_ in chosen:
        if wanted[segment] == 1:
            parts.append(read_slice(tx, segment, start, length))
            continue
        if segment not in whole:
            # A few dozen at once: what is scattered over a large collection would not fit into memory.
            now, ahead = ahead[:_SEGMENTS_AT_ONCE], ahead[_SEGMENTS_AT_ONCE:]
            whole = read_segments(tx, now)
        parts.append(whole[segment][start : start + length])
    more, found = len(rows) > len(chosen), digests_of(parts) if digests else None
    return Page(parts, len(parts), chosen[0][0], chosen[-1][0], more, found)
