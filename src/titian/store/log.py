"""The append-only log of each collection: what goes in, in which order, and how it is read again."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Final

import msgspec

from titian.core.collection import (
    Appended,
    Incoming,
    Outcome,
    Page,
    Record,
    Records,
    Selection,
    Versions,
)
from titian.core.stix import same_content
from titian.store.database import Row, Transaction
from titian.store.segments import SEGMENT_BYTES, Packed, pack, runs

LATEST: Final = 1
FIRST: Final = 2
PAGE_BYTES: Final = 16 << 20
"""A page ends before it grows over this, however many objects were asked for; one object always goes out."""
_MERGE_BELOW: Final = SEGMENT_BYTES // 2
_SEGMENTS_AT_ONCE: Final = 32


class _Held(msgspec.Struct):
    """One version of an object while a batch is appended; ``raw`` only when it came with this batch."""

    num: int
    version: int
    versioned: bool
    digest: bytes
    raw: bytes | None = None
    here: Row | None = None
    elsewhere: Row | None = None
    new_here: bool = False


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
        return _Batch(self, tx, collection, source, self._clock()).append(items)

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────

    def page(self, tx: Transaction, collection: int, selection: Selection) -> Page:
        """Read one page of objects in the order of ``date_added``."""
        if _nothing(selection):
            return Page([], 0, 0, 0, False)
        if selection.ids is None and selection.types is None and _plain(selection.versions):
            return _Walk(tx, collection, selection).page()
        rows = self._matching(tx, collection, selection)
        return _gather(tx, rows, selection.limit)

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


class _Batch:
    """One append: what is held of the same ids, what is new, and the rows to write."""

    def __init__(self, log: Log, tx: Transaction, collection: int, source: str, now: int) -> None:
        self.log = log
        self.tx = tx
        self.collection = collection
        self.source = source
        self.now = now
        self.held: dict[str, list[_Held]] = {}
        self.fresh: list[tuple[_Held, Incoming, int]] = []
        self.entering: list[tuple[_Held, Incoming, bytes]] = []
        self.conflicts: list[tuple[Incoming, _Held, bytes]] = []

    def append(self, items: Sequence[Incoming]) -> list[Appended]:
        if not items:
            return []
        hashes = {item.id: self.log.id_hash(item.id) for item in items}
        self._load(hashes)
        found = self.tx.one("SELECT max(num) FROM objects")
        self.next_num = (found[0] if found and found[0] is not None else 0) + 1
        outcomes = [self._place(item, hashes[item.id]) for item in items]
        if self.conflicts:
            self._quarantine()
        if self.entering:
            self._write()
        return outcomes

    def _load(self, hashes: dict[str, int]) -> None:
        rows = self.tx.all(
            f"SELECT id, num, version, versioned, digest FROM objects WHERE {self.tx.among('id_hash')}",
            self.tx.array(list(hashes.values())),
        )
        by_num = {}
        for identifier, num, version, versioned, digest in rows:
            if identifier in hashes:
                by_num[num] = _Held(num, version, bool(versioned), bytes(digest))
                self.held.setdefault(identifier, []).append(by_num[num])
        if not by_num:
            return
        for row in self.tx.all(
            f"SELECT object, collection, added, rank, segment, start, length FROM entries WHERE "
            f"{self.tx.among('object')}",
            self.tx.array(list(by_num)),
        ):
            version = by_num[row[0]]
            if row[1] == self.collection:
                version.here = row
            else:
                version.elsewhere = row

    def _place(self, item: Incoming, id_hash: int) -> Appended:
        digest = hashlib.sha256(item.raw).digest()
        versions = self.held.setdefault(item.id, [])
        same = next(
            (v for v in versions if item.version is None or not v.versioned or v.version == item.version),
            None,
        )
        if same is None:
            fresh = _Held(
                self.next_num,
                self.now if item.version is None else item.version,
                item.version is not None,
                digest,
                item.raw,
                new_here=True,
            )
            self.next_num += 1
            versions.append(fresh)
            self.fresh.append((fresh, item, id_hash))
            self.entering.append((fresh, item, item.raw))
            return Appended(item.id, fresh.version, Outcome.ADDED)
        raw = item.raw
        if same.digest != digest:
            raw = self._bytes(same)
            if not same_content(raw, item.raw):
                self.conflicts.append((item, same, digest))
                return Appended(item.id, same.version, Outcome.CONFLICT)
        if same.here or same.new_here:
            return Appended(item.id, same.version, Outcome.KNOWN)
        same.new_here = True
        self.entering.append((same, item, raw))
        return Appended(item.id, same.version, Outcome.ADDED)

    def _bytes(self, held: _Held) -> bytes:
        if held.raw is None:
            row = held.here or held.elsewhere
            assert row is not None, "an object is held by at least one collection"
            held.raw = _slice(self.tx, row[4], row[5], row[6])
        return held.raw

    def _quarantine(self) -> None:
        reason = "conflict: another content is held under the same id and version"
        self.tx.insert(
            "quarantine",
            ("collection", "id", "version", "reason", "source", "received", "digest", "raw"),
            [
                (self.collection, item.id, held.version, reason, self.source, self.now, digest, item.raw)
                for item, held, digest in self.conflicts
                if self.tx.one("SELECT 1 FROM quarantine WHERE id = ? AND digest = ?", item.id, digest) is None
            ],
        )

    def _write(self) -> None:
        tx, collection = self.tx, self.collection
        found = tx.one("SELECT last_added FROM collections WHERE num = ?", collection)
        assert found is not None, "the collection exists: the caller has read it in this transaction"
        first = max(self.now, found[0] + 1)
        numbers = self._type_numbers()
        ranks, overtaken = self._ranks()
        tx.insert(
            "objects",
            ("num", "id_hash", "id", "type", "version", "versioned", "digest"),
            [
                (held.num, id_hash, item.id, numbers[item.type], held.version, held.versioned, held.digest)
                for held, item, id_hash in self.fresh
            ],
        )
        rows: list[Row] = []
        added = first
        for number, packed in self._segments(first, ranks):
            for start, length in packed.slices:
                held, item, _ = self.entering[added - first]
                rank = ranks.get(held.num, LATEST | FIRST)
                rows.append((collection, added, held.num, numbers[item.type], rank, number, start, length))
                added += 1
        tx.insert("entries", ("collection", "added", "object", "type", "rank", "segment", "start", "length"), rows)
        for row, rank in overtaken:
            tx.run("UPDATE entries SET rank = ? WHERE collection = ? AND added = ?", rank, collection, row[2])
            if row[3] & LATEST and not rank & LATEST:
                tx.run("UPDATE segments SET latest = latest - 1 WHERE num = ?", row[4])
        tx.run(
            "UPDATE collections SET last_added = ?, generation = generation + 1 WHERE num = ?",
            added - 1,
            collection,
        )

    def _segments(self, first: int, ranks: dict[int, int]) -> list[tuple[int, Packed]]:
        """Write the new segments, the first of them merged into the last one held while that is small."""
        tx = self.tx
        tail = tx.one(
            "SELECT num, first, count, latest, length(data) FROM segments WHERE collection = ? "
            "ORDER BY last DESC LIMIT 1",
            self.collection,
        )
        into = None
        if tail is not None and tail[4] < _MERGE_BELOW:
            found = tx.one("SELECT data FROM segments WHERE num = ?", tail[0])
            into = bytes(found[0]) if found else None
        packed = pack((raw for _, _, raw in self.entering), into)
        top = tx.one("SELECT max(num) FROM segments")
        number = (top[0] if top and top[0] is not None else 0) + 1
        numbered: list[tuple[int, Packed]] = []
        rows: list[Row] = []
        place = 0
        for index, part in enumerate(packed):
            count = len(part.slices)
            chosen = self.entering[place : place + count]
            latest = sum(1 for held, _, _ in chosen if ranks.get(held.num, LATEST) & LATEST)
            begin, end = first + place, first + place + count - 1
            place += count
            if index == 0 and into is not None and tail is not None:
                if count:
                    tx.run(
                        "UPDATE segments SET last = ?, count = ?, latest = ?, data = ? WHERE num = ?",
                        end,
                        tail[2] + count,
                        tail[3] + latest,
                        part.data(),
                        tail[0],
                    )
                numbered.append((tail[0], part))
                continue
            rows.append((number, self.collection, begin, end, count, latest, part.data()))
            numbered.append((number, part))
            number += 1
        if rows:
            tx.many(
                "INSERT INTO segments (num, collection, first, last, count, latest, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        return numbered

    def _ranks(self) -> tuple[dict[int, int], list[tuple[Row, int]]]:
        """Ranks of objects with several versions in this collection, and held entries whose rank changes."""
        ranks: dict[int, int] = {}
        overtaken: list[tuple[Row, int]] = []
        touched = {item.id for _, item, _ in self.entering if len(self.held[item.id]) > 1}
        for identifier in touched:
            here = sorted((v for v in self.held[identifier] if v.here or v.new_here), key=lambda v: v.version)
            for place, version in enumerate(here):
                rank = (FIRST if place == 0 else 0) | (LATEST if place == len(here) - 1 else 0)
                ranks[version.num] = rank
                if version.here is not None and version.here[3] != rank:
                    overtaken.append((version.here, rank))
        return ranks, overtaken

    def _type_numbers(self) -> dict[str, int]:
        numbers: dict[str, int] = dict(self.tx.all("SELECT name, num FROM types"))
        for name in sorted({item.type for _, item, _ in self.entering} - numbers.keys()):
            numbers[name] = max(numbers.values(), default=0) + 1
            self.tx.run("INSERT INTO types (num, name) VALUES (?, ?)", numbers[name], name)
        return numbers


class _Walk:
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
            self._add([_data(self.tx, number)], count, first, last)
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
            data = _data(self.tx, number)
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


def _data(tx: Transaction, number: int) -> bytes:
    row = tx.one("SELECT data FROM segments WHERE num = ?", number)
    assert row is not None, "entries point into segments of the same snapshot"
    return bytes(row[0])


def _slice(tx: Transaction, number: int, start: int, length: int) -> bytes:
    row = tx.one("SELECT substr(data, ?, ?) FROM segments WHERE num = ?", start + 1, length, number)
    assert row is not None, "entries point into segments of the same snapshot"
    return bytes(row[0])


def _gather(tx: Transaction, rows: Sequence[Row], limit: int) -> Page:
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
    wanted: dict[int, int] = defaultdict(int)
    for row in chosen:
        wanted[row[2]] += 1
    whole: dict[int, bytes] = {}
    parts: list[bytes] = []
    for _, _, segment, start, length in chosen:
        if wanted[segment] == 1:
            parts.append(_slice(tx, segment, start, length))
            continue
        if segment not in whole:
            whole = {segment: _data(tx, segment)}
        parts.append(whole[segment][start : start + length])
    return Page(parts, len(parts), chosen[0][0], chosen[-1][0], len(rows) > len(chosen))


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
    data = _data(tx, number)
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
