"""The append-only log of each collection: what goes in, in which order, and how it is read again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from heapq import merge
from itertools import islice
from operator import itemgetter

from titian.core.collection import Appended, Incoming, Page, Record, Records, Selection, Versions, version_text
from titian.store.append import Batch
from titian.store.database import Row, Transaction
from titian.store.pages import FIRST, LATEST, Walk, apart, gather, read_segments
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

    def append(
        self, tx: Transaction, collection: int, items: Sequence[Incoming], *, source: str, disputes: bool = True
    ) -> list[Appended]:
        """Append valid objects; what happened to each, in order.

        An exact duplicate is ``KNOWN``. Another content under a held ``(id, version)`` is a ``CONFLICT``: it goes
        to the quarantine and what is held stays (law 4; STIX 2.1 section 3.6.2). With ``disputes``, so does what
        differs from another collection's content, and it is held all the same.
        """
        batch = Batch(
            tx, collection, id_hash=self.id_hash, source=source, now=self._clock(), disputes=disputes
        )  # fmt: skip
        return batch.append(items)

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────

    def page(self, tx: Transaction, collection: int, selection: Selection, *, digests: bool = False) -> Page:
        """Read one page of objects in the order of ``date_added``; with the digest of each, where that is asked for."""
        if _nothing(selection):
            return Page([], 0, 0, 0, False)
        if selection.ids is None and selection.types is None and _plain(selection.versions):
            return Walk(tx, collection, selection, digests=digests).page()
        rows = self._matching(tx, collection, selection)
        return gather(tx, rows, selection.limit, digests=digests)

    def records(self, tx: Transaction, collection: int, selection: Selection) -> Records:
        """Read one page of the manifest: the same entries as :meth:`page` would give, without their bytes."""
        if _nothing(selection):
            return Records([], False)
        rows = self._matching(tx, collection, selection)
        records = [
            Record(row[5], row[0], version_text(row[4], bool(row[6]), row[7])) for row in rows[: selection.limit]
        ]
        return Records(records, len(rows) > selection.limit)

    def _matching(self, tx: Transaction, collection: int, selection: Selection) -> list[Row]:
        """Rows ``(added, segment, start, length, version, id, versioned, text)`` in order, one more than the limit."""
        select = "SELECT added, segment, start, length, version, id, versioned, text FROM entries "
        versions, extra = _version_condition(tx, selection.versions)
        tail = f" AND added > ?{versions} ORDER BY added LIMIT ?"
        ends = (selection.after, *extra, selection.limit + 1)
        if selection.ids is not None:
            hashes = tx.array([self.id_hash(identifier) for identifier in selection.ids])
            where = f"{tx.using('ix_entries_id')}WHERE {tx.among('id_hash')} AND collection = ?{versions}"
            rows = tx.all(f"{select}{where} AND added > ?", hashes, collection, *extra, selection.after)
            ids, types = selection.ids, selection.types
            found = sorted(
                (r for r in rows if r[5] in ids and (types is None or r[5].partition("--")[0] in types)),
                key=itemgetter(0),
            )
            return found[: selection.limit + 1]
        if selection.types is not None:
            numbers = [row for name in sorted(selection.types)
                       for row in tx.all("SELECT num FROM types WHERE name = ?", name)]  # fmt: skip
            by_type = f"{select}{tx.using('ix_entries_type')}WHERE collection = ? AND type = ?{tail}"
            each = [tx.all(by_type, collection, number, *ends) for (number,) in numbers]
            return list(islice(merge(*each, key=itemgetter(0)), selection.limit + 1))
        return tx.all(f"{select}WHERE collection = ?{tail}", collection, *ends)

    # ── back ──────────────────────────────────────────────────────────────────────────────────────────────

    def remove(self, tx: Transaction, collection: int, identifier: str, selection: Selection) -> int:
        """Take the selected versions of an object out of a collection, bytes and all; how many were there.

        Other collections keep theirs. ``date_added`` of what is removed is never given again (law 7).
        """
        return len(self.take(tx, collection, identifier, selection))

    def take(self, tx: Transaction, collection: int, identifier: str, selection: Selection) -> list[int]:
        """The same; returns the ``date_added`` of what was there."""
        if _nothing(selection):
            return []
        rows = tx.all(
            f"SELECT added, segment, rank, version, id FROM entries {tx.using('ix_entries_id')}"
            "WHERE id_hash = ? AND collection = ? ORDER BY version",
            self.id_hash(identifier),
            collection,
        )
        rows = [row for row in rows if row[4] == identifier]
        gone = [row for row in rows if _wanted(selection.versions, rank=row[2], version=row[3])]
        if not gone:
            return []
        tx.many("DELETE FROM entries WHERE collection = ? AND added = ?", [(collection, row[0]) for row in gone])
        # The index is told what is gone: it is out of every answer before the next one (store/search_index.py).
        here = self.id_hash(identifier)
        tx.insert("search_left", ("collection", "added", "id_hash"), [(collection, row[0], here) for row in gone])
        taken = {row[0] for row in gone}
        left = [row for row in rows if row[0] not in taken]
        for place, row in enumerate(left):
            rank = (FIRST if place == 0 else 0) | (LATEST if place == len(left) - 1 else 0)
            if rank != row[2]:
                tx.run("UPDATE entries SET rank = ? WHERE collection = ? AND added = ?", rank, collection, row[0])
        touched = {row[1] for row in gone} | {row[1] for row in left if row[2]} | {row[1] for row in left[-1:]}
        for segment in touched:
            _rewrite(tx, collection, segment)
        tx.run("UPDATE collections SET generation = generation + 1 WHERE num = ?", collection)
        return [row[0] for row in gone]


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


def _version_condition(tx: Transaction, versions: Versions) -> tuple[str, list[object]]:
    """Return the SQL condition on versions, and its parameters."""
    if versions.all:
        return "", []
    mask = (LATEST if versions.last else 0) | (FIRST if versions.first else 0)
    choices = ([f"(rank & {mask}) <> 0"] if mask else []) + ([tx.among("version")] if versions.exact else [])
    extra: list[object] = [tx.array(sorted(versions.exact))] if versions.exact else []
    return f" AND ({' OR '.join(choices)})", extra


def _rewrite(tx: Transaction, collection: int, number: int) -> None:
    """Lay the remaining entries of a segment anew, so that what was removed is gone from it."""
    rows = tx.all(
        "SELECT e.added, e.start, e.length, e.rank, e.digest FROM entries e JOIN segments s ON s.num = ? "
        "WHERE e.collection = ? AND e.added >= s.first AND e.added <= s.last ORDER BY e.added",
        number,
        collection,
    )
    if not rows:
        tx.run("DELETE FROM segments WHERE num = ?", number)
        return
    data = read_segments(tx, [number])[number]
    packed = Packed([], [])
    for _, start, length, *_ in rows:
        packed.add(data[start : start + length])
    tx.many(
        "UPDATE entries SET start = ? WHERE collection = ? AND added = ?",
        [(new, collection, row[0]) for row, (new, _) in zip(rows, packed.slices, strict=True)],
    )
    tx.run(
        "UPDATE segments SET first = ?, last = ?, count = ?, latest = ?, data = ?, digests = ? WHERE num = ?",
        rows[0][0],
        rows[-1][0],
        len(rows),
        sum(row[3] & LATEST for row in rows),
        packed.data(),
        b"".join(bytes(row[4]) for row in rows),
        number,
    )


def objects(page: Page) -> Iterable[bytes]:
    """Split a page into its objects again."""
    return map(bytes, apart(page.joined))
