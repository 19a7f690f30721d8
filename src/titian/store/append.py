"""Appending to a collection: one batch, in the caller's write transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from titian.core.collection import Appended, Incoming, Outcome
from titian.core.stix import same_content
from titian.store.database import Row, Transaction
from titian.store.pages import FIRST, LATEST, read_slice
from titian.store.segments import SEGMENT_BYTES, Packed, pack

_MERGE_BELOW: Final = SEGMENT_BYTES // 2
"""A last segment smaller than this is gone on with, so that many small requests do not leave many segments."""


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


class Batch:
    """One append: what is held of the same ids, what is new, and the rows to write."""

    def __init__(
        self, tx: Transaction, collection: int, *, id_hash: Callable[[str], int], source: str, now: int
    ) -> None:
        self.id_hash = id_hash
        self.tx = tx
        self.collection = collection
        self.source = source
        self.now = now
        self.held: dict[str, list[_Held]] = {}
        self.fresh: list[tuple[_Held, Incoming, int]] = []
        self.entering: list[tuple[_Held, Incoming, bytes]] = []
        self.conflicts: list[tuple[Incoming, _Held, bytes]] = []

    def append(self, items: Sequence[Incoming]) -> list[Appended]:
        """Append the batch; what became of each object, in order."""
        if not items:
            return []
        hashes = {item.id: self.id_hash(item.id) for item in items}
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
            held.raw = read_slice(self.tx, row[4], row[5], row[6])
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
