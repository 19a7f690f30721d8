"""Appending to a collection: one batch, in the caller's write transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from titian.core.collection import Appended, Incoming, Outcome, unusual, version_text
from titian.core.stix import same_content
from titian.store.database import Row, Transaction
from titian.store.pages import FIRST, LATEST, read_slice
from titian.store.segments import SEGMENT_BYTES, Packed, pack

_MERGE_BELOW: Final = SEGMENT_BYTES // 2
"""A last segment smaller than this is gone on with, so that many small requests do not leave many segments."""


ENTRY: Final = (
    "collection", "added", "id_hash", "id", "type", "version", "versioned", "text", "digest", "rank",
    "segment", "start", "length",
)  # fmt: skip
"""The columns of ``entries``, in the order in which rows are made."""


class _Held(msgspec.Struct):
    """One version of an object in this collection while a batch is appended.

    ``raw`` is there when it came with this batch, ``place`` (added, rank, segment, start, length) when it was held.
    """

    version: int
    versioned: bool
    text: str | None
    digest: bytes
    raw: bytes | None = None
    place: tuple[int, int, int, int, int] | None = None
    rank: int = LATEST | FIRST

    @property
    def shown(self) -> str:
        """The version as TAXII shows it."""
        return version_text(self.version, self.versioned, self.text)


class _Object:
    """What of one object matters to a batch: its first and latest version, and the versions the batch names."""

    def __init__(self) -> None:
        self.versions: dict[int, _Held] = {}
        self.unversioned: _Held | None = None

    def add(self, held: _Held) -> None:
        self.versions[held.version] = held
        if not held.versioned:
            self.unversioned = held

    def same(self, version: int | None) -> _Held | None:
        """What is held under the same id and version; what has no version is the same as any other."""
        if version is None:
            return self.unversioned or next(iter(self.versions.values()), None)
        return self.unversioned or self.versions.get(version)


class Batch:
    """One append to one collection: what it holds of the same ids, what is new, and the rows to write.

    Only what this collection holds decides what becomes of an object: who may write here and not read elsewhere
    must not learn what is held there, nor block it (law 1). With ``disputes``, the node's own people are told where
    another collection holds something else under the same id and version.
    """

    def __init__(
        self,
        tx: Transaction,
        collection: int,
        *,
        id_hash: Callable[[str], int],
        source: str,
        now: int,
        disputes: bool = True,
    ) -> None:
        self.id_hash = id_hash
        self.tx = tx
        self.collection = collection
        self.source = source
        self.now = now
        self.disputes = disputes
        self.objects: dict[str, _Object] = {}
        self.entering: list[tuple[_Held, Incoming]] = []
        self.aside: list[tuple[str, Incoming, int]] = []

    def append(self, items: Sequence[Incoming]) -> list[Appended]:
        """Append the batch; what became of each object, in order."""
        if not items:
            return []
        hashes = {item.id: self.id_hash(item.id) for item in items}
        elsewhere = self._load(hashes, items)
        outcomes = [self._place(item) for item in items]
        self._compare(elsewhere)
        if self.aside:
            self._set_aside()
        if self.entering:
            self._write(hashes)
        return outcomes

    def _load(self, hashes: dict[str, int], items: Sequence[Incoming]) -> dict[tuple[str, int], Row]:
        """Load what matters of the same objects; returns versions that other collections hold."""
        tx = self.tx
        versions = sorted({item.version for item in items if item.version is not None}) if self.disputes else []
        rows = tx.all(
            "SELECT id, version, versioned, digest, added, rank, segment, start, length, collection, text FROM entries "
            f"{tx.using('ix_entries_id')}WHERE {tx.among('id_hash')} "
            + (f"AND ((collection = ? AND rank <> 0) OR {tx.among('version')})" if versions else
               "AND collection = ? AND rank <> 0"),
            tx.array(list(hashes.values())),
            self.collection,
            *([tx.array(versions)] if versions else []),
        )  # fmt: skip
        elsewhere: dict[tuple[str, int], Row] = {}
        for row in rows:
            identifier, version, versioned, digest = row[:4]
            if identifier not in hashes:
                continue
            if row[9] == self.collection:
                held = _Held(version, bool(versioned), row[10], bytes(digest), None, row[4:9], row[5])
                self.objects.setdefault(identifier, _Object()).add(held)
            elif versioned:
                elsewhere.setdefault((identifier, version), row)
        return elsewhere

    def _place(self, item: Incoming) -> Appended:
        digest = item.digest or hashlib.sha256(item.raw).digest()
        known = self.objects.get(item.id)
        if known is None:
            known = self.objects[item.id] = _Object()
        same = known.same(item.version)
        if same is None:
            version = self.now if item.version is None else item.version
            fresh = _Held(version, item.version is not None, unusual(item.text), digest, item.raw)
            known.add(fresh)
            self.entering.append((fresh, item))
            return Appended(item.id, item.text or fresh.shown, Outcome.ADDED)
        if same.digest == digest or same_content(self._bytes(same), item.raw):
            return Appended(item.id, same.shown, Outcome.KNOWN)
        self.aside.append(("conflict: another content is held under the same id and version", item, same.version))
        return Appended(item.id, item.text or same.shown, Outcome.CONFLICT)

    def _bytes(self, held: _Held) -> bytes:
        if held.raw is None:
            assert held.place is not None, "a version came with this batch or was held before"
            held.raw = read_slice(self.tx, *held.place[2:])
        return held.raw

    def _compare(self, elsewhere: dict[tuple[str, int], Row]) -> None:
        """Note for the node's own people where two collections hold two contents of one version (law 4)."""
        for held, item in self.entering if elsewhere else ():
            row = elsewhere.get((item.id, held.version))
            if row is None or bytes(row[3]) == held.digest:
                continue
            if not same_content(read_slice(self.tx, row[6], row[7], row[8]), item.raw):
                self.aside.append((f"dispute: collection {row[9]} holds another content of it", item, held.version))

    def _set_aside(self) -> None:
        seen: set[tuple[str, bytes]] = set()
        rows: list[Row] = []
        for reason, item, version in self.aside:
            digest = hashlib.sha256(item.raw).digest()
            held = self.tx.one(
                "SELECT 1 FROM quarantine WHERE id = ? AND digest = ? AND collection = ?",
                item.id,
                digest,
                self.collection,
            )
            if held is None and (item.id, digest) not in seen:
                seen.add((item.id, digest))
                rows.append((self.collection, item.id, version, reason, self.source, self.now, digest, item.raw))
        columns = ("collection", "id", "version", "reason", "source", "received", "digest", "raw")
        self.tx.insert("quarantine", columns, rows)

    def _write(self, hashes: dict[str, int]) -> None:
        tx, collection = self.tx, self.collection
        found = tx.one("SELECT last_added FROM collections WHERE num = ?", collection)
        assert found is not None, "the collection exists: the caller has read it in this transaction"
        first = max(self.now, found[0] + 1)
        numbers = self._type_numbers()
        self._rank()
        rows: list[Row] = []
        added = first
        for number, packed in self._segments(first):
            for start, length in packed.slices:
                held, item = self.entering[added - first]
                who = (hashes[item.id], item.id, numbers[item.type])
                what = (held.version, held.versioned, held.text, held.digest, held.rank)
                rows.append((collection, added, *who, *what, number, start, length))
                added += 1
        tx.insert("entries", ENTRY, rows)
        tx.run(
            "UPDATE collections SET last_added = ?, generation = generation + 1 WHERE num = ?", added - 1, collection
        )

    def _rank(self) -> None:
        """Give first and latest version their rank, and take it from those that were overtaken."""
        for identifier in {item.id for _, item in self.entering}:
            versions = sorted(self.objects[identifier].versions.items())
            if len(versions) == 1:
                continue
            for place, (_, held) in enumerate(versions):
                held.rank = (FIRST if place == 0 else 0) | (LATEST if place == len(versions) - 1 else 0)
                if held.place is not None and held.place[1] != held.rank:
                    self._overtake(held.place, held.rank)

    def _overtake(self, place: tuple[int, int, int, int, int], rank: int) -> None:
        added, before, segment, _, _ = place
        self.tx.run("UPDATE entries SET rank = ? WHERE collection = ? AND added = ?", rank, self.collection, added)
        if before & LATEST and not rank & LATEST:
            self.tx.run("UPDATE segments SET latest = latest - 1 WHERE num = ?", segment)

    def _segments(self, first: int) -> list[tuple[int, Packed]]:
        """Write the new segments, the first of them merged into the last one held while that is small."""
        tx = self.tx
        tail = tx.one(
            "SELECT num, first, count, latest, length(data) FROM segments WHERE collection = ? "
            "ORDER BY last DESC LIMIT 1",
            self.collection,
        )
        into = before = None
        if tail is not None and tail[4] < _MERGE_BELOW:
            found = tx.one("SELECT data, digests FROM segments WHERE num = ?", tail[0])
            into = bytes(found[0]) if found else None
            before = found[1] if found else None
        packed = pack((item.raw for _, item in self.entering), into)
        top = tx.one("SELECT max(num) FROM segments")
        number = (top[0] if top and top[0] is not None else 0) + 1
        numbered: list[tuple[int, Packed]] = []
        rows: list[Row] = []
        place = 0
        for index, part in enumerate(packed):
            count = len(part.slices)
            chosen = self.entering[place : place + count]
            digests = b"".join([held.digest for held, _ in chosen])
            latest = sum(1 for held, _ in chosen if held.rank & LATEST)
            begin, end = first + place, first + place + count - 1
            place += count
            if index == 0 and into is not None and tail is not None:
                if count:
                    tx.run(
                        "UPDATE segments SET last = ?, count = ?, latest = ?, data = ?, digests = ? WHERE num = ?",
                        end,
                        tail[2] + count,
                        tail[3] + latest,
                        part.data(),
                        # Where those before are not known, neither are all of them.
                        None if before is None else bytes(before) + digests,
                        tail[0],
                    )
                numbered.append((tail[0], part))
                continue
            rows.append((number, self.collection, begin, end, count, latest, part.data(), digests))
            numbered.append((number, part))
            number += 1
        if rows:
            tx.many(
                "INSERT INTO segments (num, collection, first, last, count, latest, data, digests) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        return numbered

    def _type_numbers(self) -> dict[str, int]:
        numbers: dict[str, int] = dict(self.tx.all("SELECT name, num FROM types"))
        top = max(numbers.values(), default=0)
        for name in sorted({item.type for _, item in self.entering} - numbers.keys()):
            top += 1
            numbers[name] = top
            self.tx.run("INSERT INTO types (num, name) VALUES (?, ?)", top, name)
        return numbers
