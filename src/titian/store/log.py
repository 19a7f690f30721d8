"""The append-only log of each collection: what goes in, in which order, and how it is read again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from heapq import merge
from itertools import islice

import msgspec

from titian.core.collection import Appended, Incoming, Page, Record, Records, Selection, Versions
from titian.store.append import Batch
from titian.store.database import Row, Transaction
from titian.store.pages import FIRST, LATEST, Walk, gather, read_segments
from titian.store.segments import Packed


class Log:
    """Append to and read collections. Every method works inside the caller's transaction."""

    def __init__(self, secret: bytes, clock: Callable[[], int]) -> None:
        self._hash_key = hashlib.sha256(b"titian id_hash" + secret).digest()[:16]
        self._clock = clock

    def id_hash(self, identifier: str) -> int:
        """Return a keyed 64-bit hash: nobody outside can make identifiers that collide in our index."""
        digest = hashlib.blake2b(identifier.encode(), digest_size=8, key=self._hash_key).digest()
        return int.from_bytes(digest, "big", signed=True)

    # ── in ────────────────────────────────────────────────────────────────────────────────────────────────

    def append(self, tx: Transaction, collection: int, items: Sequence[Incoming], *, source: str) -> list[Appended]:
        """Append valid objects; what happened to each, in order.

        An exact duplicate is ``KNOWN``. Another content under a held ``(id, version)`` is a ``CONFLICT``: it goes
        to the quarantine and what is held stays (law 4; STIX 2.1 section 3.6.2).
        """
        batch = Batch(tx, collection, id_hash=self.id_hash, source=source, now=self._clock())
        return batch.append(items)

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────

    def page(self, tx: Transaction, collection: int, selection: Selection) -> Page:
        """Read one page of objects in the order of ``date_added``."""
        if _nothing(selection):
            return Page([], 0, 0, 0, False)
        if selection.ids is None and selection.types is None and _plain(selection.versions):
            return Walk(tx, collection, selection).page()
        rows = self._matching(tx, collection, selection)
        return gather(tx, rows, selection.limit)

    def records(self, tx: Transaction, collection: int, selection: Selection) -> Records:
        """Read one page of the manifest: the same entries as :meth:`page` would give, without their bytes."""
        if _nothing(selection):
            return Records([], False)
        rows = self._matching(tx, collection, selection)
        chosen = rows[: selection.limit]
        named = {
            num: (identifier, version)
            for num, identifier, version in tx.all(
                f"SELECT num, id, version FROM objects WHERE {tx.among('num')}",
                tx.array([row[1] for row in chosen]),
            )
        }
        records = [Record(named[row[1]][0], row[0], named[row[1]][1]) for row in chosen]
        return Records(records, len(rows) > selection.limit)

    def _matching(self, tx: Transaction, collection: int, selection: Selection) -> list[Row]:
        """Rows ``(added, object, segment, start, length)`` of a selection in order, one more than its limit."""
        rank, exact = _rank_condition(selection.versions)
        columns = "SELECT e.added, e.object, e.segment, e.start, e.length FROM entries e "
        join = "JOIN objects o ON o.num = e.object " if exact else ""
        extra = [tx.array(sorted(selection.versions.exact))] if exact else []
        rank = rank.replace("@exact", tx.among("o.version"))
        tail = f" AND e.added > ?{rank} ORDER BY e.added LIMIT ?"
        ends = (selection.after, *extra, selection.limit + 1)
        if selection.ids is not None:
            wanted = self._objects(tx, selection)
            # The plus keeps SQLite from walking the whole collection in order instead of looking up a few objects.
            where = f"WHERE {tx.among('e.object')} AND +e.collection = ? AND +e.added > ?{rank}"
            ids = (tx.array(wanted), collection, selection.after)
            rows = tx.all(columns + join + where, *ids, *extra) if wanted else []
            return sorted(rows)[: selection.limit + 1]
        if selection.types is not None:
            where = "WHERE e.collection = ? AND e.type = ?"
            numbers = [n for t in sorted(selection.types) for n in tx.all("SELECT num FROM types WHERE name = ?", t)]
            by_type = columns + tx.using("ix_entries_type") + join + where + tail
            each = [tx.all(by_type, collection, number, *ends) for (number,) in numbers]
            return list(islice(merge(*each), selection.limit + 1))
        return tx.all(columns + join + "WHERE e.collection = ?" + tail, collection, *ends)

    def _objects(self, tx: Transaction, selection: Selection) -> list[int]:
        ids = selection.ids or frozenset()
        rows = tx.all(
            f"SELECT o.num, o.id, t.name FROM objects o JOIN types t ON t.num = o.type WHERE {tx.among('o.id_hash')}",
            tx.array([self.id_hash(identifier) for identifier in ids]),
        )
        types = selection.types
        return sorted(num for num, identifier, name in rows if identifier in ids and (types is None or name in types))

    # ── back ──────────────────────────────────────────────────────────────────────────────────────────────

    def remove(self, tx: Transaction, collection: int, identifier: str, selection: Selection) -> int:
        """Take the selected versions of an object out of a collection, bytes and all; how many were there.

        Other collections keep theirs. ``date_added`` of what is removed is never given again (law 7).
        """
        nums = self._objects(tx, Selection(ids=frozenset({identifier})))
        if not nums or _nothing(selection):
            return 0
        rows = tx.all(
            f"SELECT e.added, e.object, e.segment, e.rank, o.version FROM entries e "
            f"JOIN objects o ON o.num = e.object WHERE {tx.among('e.object')} AND e.collection = ?",
            tx.array(nums),
            collection,
        )
        gone = [row for row in rows if _wanted(selection.versions, rank=row[3], version=row[4])]
        if not gone:
            return 0
        tx.many("DELETE FROM entries WHERE collection = ? AND added = ?", [(collection, row[0]) for row in gone])
        left = sorted((row for row in rows if row not in gone), key=lambda row: row[4])
        for place, row in enumerate(left):
            rank = (FIRST if place == 0 else 0) | (LATEST if place == len(left) - 1 else 0)
            if rank != row[3]:
                tx.run("UPDATE entries SET rank = ? WHERE collection = ? AND added = ?", rank, collection, row[0])
        for segment in {row[2] for row in rows}:
            _rewrite(tx, collection, segment)
        for row in gone:
            if tx.one("SELECT 1 FROM entries WHERE object = ? LIMIT 1", row[1]) is None:
                tx.run("DELETE FROM objects WHERE num = ?", row[1])
        tx.run("UPDATE collections SET generation = generation + 1 WHERE num = ?", collection)
        return len(gone)


def _plain(versions: Versions) -> bool:
    return versions.all or (versions.last and not versions.first and not versions.exact)


def _nothing(selection: Selection) -> bool:
    return selection.spec_versions is not None and "2.1" not in selection.spec_versions


def _wanted(versions: Versions, *, rank: int, version: int) -> bool:
    return (
        versions.all
        or bool(versions.last and rank & LATEST)
        or bool(versions.first and rank & FIRST)
        or version in versions.exact
    )


def _rank_condition(versions: Versions) -> tuple[str, bool]:
    """Return the SQL condition on versions, ``@exact`` standing for the list, and whether that is there."""
    if versions.all:
        return "", False
    mask = (LATEST if versions.last else 0) | (FIRST if versions.first else 0)
    choices = ([f"(e.rank & {mask}) <> 0"] if mask else []) + (["@exact"] if versions.exact else [])
    return f" AND ({' OR '.join(choices)})", bool(versions.exact)


def _rewrite(tx: Transaction, collection: int, number: int) -> None:
    """Lay the remaining entries of a segment anew, so that what was removed is gone from it."""
    rows = tx.all(
        "SELECT e.added, e.start, e.length, e.rank FROM entries e JOIN segments s ON s.num = ? "
        "WHERE e.collection = ? AND e.added >= s.first AND e.added <= s.last ORDER BY e.added",
        number,
        collection,
    )
    if not rows:
        tx.run("DELETE FROM segments WHERE num = ?", number)
        return
    data = read_segments(tx, [number])[number]
    packed = Packed([], [])
    for _, start, length, _ in rows:
        packed.add(data[start : start + length])
    tx.many(
        "UPDATE entries SET start = ? WHERE collection = ? AND added = ?",
        [(new, collection, row[0]) for row, (new, _) in zip(rows, packed.slices, strict=True)],
    )
    tx.run(
        "UPDATE segments SET first = ?, last = ?, count = ?, latest = ?, data = ? WHERE num = ?",
        rows[0][0],
        rows[-1][0],
        len(rows),
        sum(row[3] & LATEST for row in rows),
        packed.data(),
        number,
    )


def objects(page: Page) -> Iterable[bytes]:
    """Split a page into its objects again."""
    raws: list[msgspec.Raw] = msgspec.json.decode(b"[" + b",".join(page.joined) + b"]", type=list[msgspec.Raw])
    return (bytes(raw) for raw in raws)
