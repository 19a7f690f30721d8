"""Reading pages: whole segments as they lie, the ends of a page and what is scattered by their entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from titian.core.collection import Page, Selection
from titian.store.database import Row, Transaction
from titian.store.segments import runs

LATEST: Final = 1
FIRST: Final = 2
"""The bits of ``entries.rank``: the latest and the first version of an object in its collection."""

PAGE_BYTES: Final = 16 << 20
"""A page ends before it grows over this, however many objects were asked for; one object always goes out."""
_SEGMENTS_AT_ONCE: Final = 32


class Walk:
    """Read a page segment by segment: whole ones as they lie, the ends and the overtaken by their entries."""

    def __init__(self, tx: Transaction, collection: int, selection: Selection) -> None:
        self.tx = tx
        self.collection = collection
        self.latest = not selection.versions.all
        self.after = selection.after
        self.room = selection.limit
        self.parts: list[bytes] = []
        self.size = 0
        self.count = 0
        self.first = 0
        self.last = 0

    def page(self) -> Page:
        """Read the page."""
        more = self._walk()
        return Page(self.parts, self.count, self.first, self.last, more)

    def _walk(self) -> bool:
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
            self._add([read_data(self.tx, number)], count, first, last)
            return True
        rows = self.tx.all(
            "SELECT added, start, length FROM entries WHERE collection = ? AND added > ? AND added <= ? "
            + ("AND (rank & 1) = 1 " if self.latest else "")
            + "ORDER BY added LIMIT ?",
            self.collection,
            self.after,
            last,
            self.room + 1,
        )
        chosen = rows[: self.room]
        while chosen and self.count + len(chosen) > 1 and self.size + sum(r[2] for r in chosen) > PAGE_BYTES:
            chosen.pop()
        if chosen:
            data = read_data(self.tx, number)
            parts = [data[start : start + length] for start, length in runs([row[1:] for row in chosen])]
            self._add(parts, len(chosen), chosen[0][0], chosen[-1][0])
        return len(chosen) == len(rows)

    def _add(self, parts: list[bytes], count: int, first: int, last: int) -> None:
        self.parts += parts
        self.size += sum(map(len, parts))
        self.count += count
        self.room -= count
        self.first = self.first or first
        self.last = last


def read_data(tx: Transaction, number: int) -> bytes:
    """The bytes of a segment."""
    row = tx.one("SELECT data FROM segments WHERE num = ?", number)
    assert row is not None, "entries point into segments of the same snapshot"
    return bytes(row[0])


def read_slice(tx: Transaction, number: int, start: int, length: int) -> bytes:
    """The bytes of one object in a segment."""
    row = tx.one("SELECT substr(data, ?, ?) FROM segments WHERE num = ?", start + 1, length, number)
    assert row is not None, "entries point into segments of the same snapshot"
    return bytes(row[0])


def gather(tx: Transaction, rows: Sequence[Row], limit: int) -> Page:
    """Fetch scattered objects; a segment of which several are wanted is read once."""
    chosen: list[Row] = []
    size = 0
    for row in rows[:limit]:
        size += row[4]
        if chosen and size > PAGE_BYTES:
            break
        chosen.append(row)
    if not chosen:
        return Page([], 0, 0, 0, False)
    wanted = Counter(row[2] for row in chosen)
    whole: dict[int, bytes] = {}
    parts: list[bytes] = []
    for _, _, segment, start, length in chosen:
        if wanted[segment] == 1:
            parts.append(read_slice(tx, segment, start, length))
            continue
        if segment not in whole:
            whole = {segment: read_data(tx, segment)}
        parts.append(whole[segment][start : start + length])
    return Page(parts, len(parts), chosen[0][0], chosen[-1][0], len(rows) > len(chosen))
