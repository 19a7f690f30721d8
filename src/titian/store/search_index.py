"""Keeps the index in step with the log: what is new goes in, what was removed goes out.

An import does not wait for it: entries are indexed afterwards, in batches, by the clock or by the next search. What was
removed is out of every answer as soon as a search begins; its words are cleared from the index soon after.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Final

import msgspec

from titian.core.collection import Collection, Kind
from titian.core.words import decoded, read_document
from titian.store.database import Row, Transaction
from titian.store.holdings import Holdings
from titian.store.pages import LATEST as LATEST_RANK
from titian.store.pages import read_segments
from titian.store.registry import list_collections
from titian.store.search_bits import SPAN, union, unpack
from titian.store.search_postings import KEY_BITS, Writer, key_of, read_postings, replace_postings
from titian.store.search_terms import FIRST_TERM, KEPT, LATEST, SHOWN, Term, terms_of
from titian.store.store import Store

HELD: Final = 0
"""The scope of what is held. Each released collection is a scope by its own number."""
SCOPE_BITS: Final = 40
BATCH: Final = 2_000
"""Entries indexed in one write transaction: nothing is handed to partners while one runs."""
_LEFT_AT_ONCE: Final = 5_000
_SWEEP: Final = 4_000
"""Postings read at one time while words are cleared, of up to 8 kB each."""
_COUNT_BEHIND: Final = 100_000
_HASHES_AT_ONCE: Final = 800
_READ_AT_ONCE: Final = 256


def scope_of(collection: Collection) -> int:
    """The scope in which a collection is indexed."""
    return collection.num if collection.kind is Kind.RELEASED else HELD


class _Entry(msgspec.Struct, gc=False):
    """One entry that is about to be indexed."""

    collection: int
    added: int
    id_hash: int
    terms: list[Term]


class _Batch(msgspec.Struct):
    """What is indexed at one time: ``before`` and ``upto`` are the progress of each collection in it."""

    scope: int
    entries: list[_Entry]
    before: dict[int, int]
    upto: dict[int, int]


class Index:
    """The index of a store. Calls from several threads and processes come one after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = Writer()
        self._lock = threading.Lock()

    # ── in ────────────────────────────────────────────────────────────────────────────────────────────────

    def catch_up(self, scopes: Iterable[int] | None = None, *, seconds: float, batch: int = BATCH) -> int:
        """Index what is not yet, of some scopes or of all, until it is done or the time is over; how much it was."""
        until = time.monotonic() + seconds
        wanted = None if scopes is None else frozenset(scopes)
        done = 0
        with self._lock:
            while self._left(wanted):
                self._clear_left(wanted)
            while True:
                with self._store.reading() as tx:
                    prepared = self._prepare(tx, wanted, batch)
                if prepared is None:
                    return done
                with self._store.writing_beside() as tx:
                    self._write(tx, prepared)
                self._writer.committed()
                done += len(prepared.entries)
                if time.monotonic() >= until:
                    return done

    def is_behind(self, tx: Transaction, scopes: frozenset[int] | None = None) -> bool:
        """Whether anything of some scopes is not indexed yet, or was removed and is still in the index."""
        return bool(_tails(tx, scopes)) or _some_left(tx, scopes, 1) != []

    def behind(self, tx: Transaction, scopes: frozenset[int]) -> int:
        """How many entries of some scopes are not indexed yet, counted up to a bound."""
        return sum(
            int((tx.one("SELECT count(*) FROM (SELECT 1 FROM entries WHERE collection = ? AND added > ? LIMIT ?) AS t",
                        collection, upto, _COUNT_BEHIND) or (0,))[0])
            for collection, (_, upto, _) in _tails(tx, scopes).items()
        )  # fmt: skip

    def is_growing(self, tx: Transaction, since: int, many: int) -> bool:
        """Whether more than so many entries of a collection are not indexed, and the last came in since an instant."""
        return any(
            last > since and tx.one("SELECT 1 FROM entries WHERE collection = ? AND added > ? LIMIT 1 OFFSET ?",
                                    collection, upto, many) is not None
            for collection, (_, upto, last) in _tails(tx, None).items()
        )  # fmt: skip

    def _prepare(self, tx: Transaction, scopes: frozenset[int] | None, most: int) -> _Batch | None:
        """Read and take apart the oldest entries that are not indexed, of one scope."""
        tails = _tails(tx, scopes)
        if not tails:
            return None
        scope = min(scope for scope, _, _ in tails.values())
        tails = {num: tail for num, tail in tails.items() if tail[0] == scope}
        each = {
            num: tx.all(
                "SELECT e.added, e.collection, e.id_hash, t.name, e.version, e.versioned, e.segment, e.start, e.length "
                "FROM entries e JOIN types t ON t.num = e.type WHERE e.collection = ? AND e.added > ? "
                "ORDER BY e.added LIMIT ?",
                num, upto, most,
            )
            for num, (_, upto, _) in tails.items()
        }  # fmt: skip
        rows = list(islice(merge(*each.values()), most))
        taken = dict.fromkeys(tails, 0)
        for row in rows:
            taken[row[1]] += 1
        upto = {}
        for num, (_, before, last) in tails.items():
            count = taken[num]
            whole = count == len(each[num]) < most
            upto[num] = last if whole else each[num][count - 1][0] if count else before
        return _Batch(scope, self._read(tx, rows), {num: tail[1] for num, tail in tails.items()}, upto)

    def _read(self, tx: Transaction, rows: Sequence[Row]) -> list[_Entry]:
        found: list[_Entry] = []
        data: dict[int, bytes] = {}
        hash_of = self._store.log.id_hash
        for begin in range(0, len(rows), _READ_AT_ONCE):
            some = rows[begin : begin + _READ_AT_ONCE]
            needed = {row[6] for row in some}
            data = {num: whole for num, whole in data.items() if num in needed}
            data |= read_segments(tx, sorted(needed - data.keys()))
            for added, collection, id_hash, kind, version, versioned, segment, start, length in some:
                document = read_document(decoded(data[segment][start : start + length]))
                dates = (version if versioned else added, added)
                found.append(_Entry(collection, added, id_hash, terms_of(document, kind, collection, dates, hash_of)))
        return found

    def _write(self, tx: Transaction, batch: _Batch) -> None:
        held: dict[int, int] = dict(tx.all("SELECT collection, upto FROM search_progress"))
        if any(held.get(num, -1) != before for num, before in batch.before.items()):
            batch.entries = []
            return  # Another process was quicker.
        left = set(tx.all("SELECT collection, added FROM search_left"))
        entries = [one for one in batch.entries if (one.collection, one.added) not in left]
        writer = self._writer
        writer.begin(tx)
        if entries:
            row = tx.one("SELECT size FROM search_scopes WHERE scope = ?", batch.scope)
            first = int(row[0]) if row else 0
            if row is None:
                tx.run("INSERT INTO search_scopes (scope, size) VALUES (?, 0)", batch.scope)
            tx.insert(
                "search_documents", ("num", "collection", "added"),
                [(batch.scope << SCOPE_BITS | first + at, one.collection, one.added) for at, one in enumerate(entries)],
            )  # fmt: skip
            having: dict[Term, list[int]] = {}
            for number, one in enumerate(entries, first):
                for term in one.terms:
                    having.setdefault(term, []).append(number)
            numbers = writer.numbers(tx, batch.scope, having)
            writer.add(tx, batch.scope, {numbers[term]: members for term, members in having.items()})
            tx.run("UPDATE search_scopes SET size = ? WHERE scope = ?", first + len(entries), batch.scope)
            self._settle(tx, batch.scope, {one.id_hash for one in entries}, range(first, first + len(entries)))
        tx.many("DELETE FROM search_progress WHERE collection = ?", [(num,) for num in batch.upto])
        tx.insert("search_progress", ("collection", "upto"), list(batch.upto.items()))
        writer.finish(tx)

    # ── which of several stands for an object ─────────────────────────────────────────────────────────────

    def _settle(self, tx: Transaction, scope: int, hashes: set[int], fresh: Iterable[int] = ()) -> None:
        """Work out anew what stands for some objects. ``fresh`` are the numbers of entries that came just now."""
        latest: set[int] = set()
        shown: set[int] = set()
        touched: set[int] = set(fresh)
        holdings: Holdings | None = None
        for entries in self._by_object(tx, scope, hashes):
            numbers = {(row[1], row[2]): int(row[5]) - (scope << SCOPE_BITS) for row in entries}
            touched.update(numbers.values())
            last = [row for row in entries if row[3] & LATEST_RANK]
            latest.update(numbers[row[1], row[2]] for row in last)
            if scope != HELD or len(last) < 2:
                shown.update(numbers[row[1], row[2]] for row in last)
                continue
            holdings = holdings or Holdings(tx, self._store.log, self._store.node.identity)
            place = holdings.places([last[0][0]]).get(last[0][0])
            chosen = None if place is None else numbers.get((place.collection, place.added))
            shown.add(numbers[last[0][1], last[0][2]] if chosen is None else chosen)
        self._mark(tx, scope, touched, kept=touched, latest=latest, shown=shown)

    def _by_object(self, tx: Transaction, scope: int, hashes: set[int]) -> Iterable[list[Row]]:
        """Yield the indexed entries ``(id, collection, added, rank, version, number)`` of each object in a scope."""
        wanted = sorted(hashes)
        where = "" if scope == HELD else " AND e.collection = ?"
        for begin in range(0, len(wanted), _HASHES_AT_ONCE):
            found: dict[str, list[Row]] = {}
            for row in tx.all(
                "SELECT e.id, e.collection, e.added, e.rank, e.version, d.num FROM entries e "
                f"{tx.using('ix_entries_id')}JOIN search_documents d ON d.collection = e.collection "
                f"AND d.added = e.added WHERE {tx.among('e.id_hash')}{where}",
                tx.array(wanted[begin : begin + _HASHES_AT_ONCE]), *(() if scope == HELD else (scope,)),
            ):  # fmt: skip
                if row[5] >> SCOPE_BITS == scope:
                    found.setdefault(row[0], []).append(row)
            yield from found.values()

    def _mark(
        self, tx: Transaction, scope: int, touched: set[int], *, kept: set[int], latest: set[int], shown: set[int]
    ) -> None:
        """Write, for some numbers of entries, which of the three sets that every search begins with they are in."""
        for place in {number // SPAN for number in touched}:
            within, beneath = range(place * SPAN, (place + 1) * SPAN), place * SPAN
            chunk = self._writer.chunk(tx, scope, place)
            keys = [key_of(chunk, term) for term in (KEPT, LATEST, SHOWN)]
            held = read_postings(tx, keys)
            mine = [number for number in touched if number in within]
            mask = union(number - beneath for number in mine)
            changed = {}
            for key, members in zip(keys, (kept, latest, shown), strict=True):
                now = union(number - beneath for number in mine if number in members)
                changed[key] = held.get(key, 0) & ~mask | now
            replace_postings(tx, changed, held)

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────

    def _left(self, scopes: frozenset[int] | None) -> bool:
        with self._store.reading() as tx:
            return _some_left(tx, scopes, 1) != []

    def _clear_left(self, scopes: frozenset[int] | None) -> None:
        """Take entries that were removed out of what is found."""
        with self._store.writing_beside() as tx:
            self._writer.begin(tx)
            rows = _some_left(tx, scopes, _LEFT_AT_ONCE)
            hashes: dict[int, set[int]] = {}
            gone: dict[int, set[int]] = {}
            for collection, added, id_hash in rows:
                found = tx.one("SELECT num FROM search_documents WHERE collection = ? AND added = ?", collection, added)
                if found is not None:
                    scope = int(found[0]) >> SCOPE_BITS
                    gone.setdefault(scope, set()).add(int(found[0]) - (scope << SCOPE_BITS))
                    hashes.setdefault(scope, set()).add(id_hash)
            where = [(collection, added) for collection, added, _ in rows]
            tx.many("DELETE FROM search_documents WHERE collection = ? AND added = ?", where)
            tx.many("DELETE FROM search_left WHERE collection = ? AND added = ?", where)
            for scope, numbers in gone.items():
                self._mark(tx, scope, numbers, kept=set(), latest=set(), shown=set())
                tx.many("UPDATE search_chunks SET dirty = dirty + 1, swept = 0 WHERE scope = ? AND place = ?",
                        [(scope, place) for place in {number // SPAN for number in numbers}])  # fmt: skip
                self._settle(tx, scope, hashes[scope])
            self._writer.finish(tx)
        self._writer.committed()

    def sweep(self, *, seconds: float) -> bool:
        """Clear the words of removed entries from the index, until it is done or the time is over; whether it is."""
        until = time.monotonic() + seconds
        with self._lock:
            while self._sweep_some():
                if time.monotonic() >= until:
                    return False
            self._writer.forget()
        return True

    def _sweep_some(self) -> bool:
        with self._store.reading() as tx:
            if tx.one("SELECT 1 FROM search_chunks WHERE dirty > 0 LIMIT 1") is None:
                return False
        with self._store.writing_beside() as tx:
            row = tx.one("SELECT num, scope, swept FROM search_chunks WHERE dirty > 0 ORDER BY num LIMIT 1")
            if row is None:
                return False
            chunk, scope, swept = row
            first, after = key_of(chunk, max(swept, FIRST_TERM)), key_of(chunk + 1, 0)
            rows = tx.all("SELECT key, data FROM search_postings WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
                          first, after, _SWEEP)  # fmt: skip
            kept = read_postings(tx, [key_of(chunk, KEPT)]).get(key_of(chunk, KEPT), 0)
            changed = {}
            for key, data in rows:
                bits = unpack(bytes(data))
                if bits & ~kept:
                    changed[key] = bits & kept
            replace_postings(tx, changed, changed)
            self._forget_terms(tx, scope, [key - (chunk << KEY_BITS) for key, bits in changed.items() if not bits])
            if len(rows) < _SWEEP:
                tx.run("UPDATE search_chunks SET dirty = 0, swept = 0 WHERE num = ?", chunk)
            else:
                tx.run("UPDATE search_chunks SET swept = ? WHERE num = ?", rows[-1][0] - (chunk << KEY_BITS), chunk)
        return True

    def _forget_terms(self, tx: Transaction, scope: int, terms: list[int]) -> None:
        """Forget words that no entry has any more."""
        chunks = [row[0] for row in tx.all("SELECT num FROM search_chunks WHERE scope = ?", scope)]
        gone = []
        for term in terms:
            row = tx.one(f"SELECT 1 FROM search_postings WHERE {tx.among('key')} LIMIT 1",
                         tx.array([key_of(chunk, term) for chunk in chunks]))  # fmt: skip
            if row is None:
                gone.append((term,))
        if gone:
            tx.many("DELETE FROM search_terms WHERE num = ?", gone)
            tx.run("UPDATE search_state SET epoch = epoch + 1 WHERE one = 1")

    def forget(self) -> None:
        """Forget the whole index: it is made anew from what is held."""
        with self._lock, self._store.writing_beside() as tx:
            for table in ("postings", "terms", "chunks", "documents", "left", "progress", "scopes"):
                tx.run(f"DELETE FROM search_{table}")
            # Numbers go on, and so does the epoch: what other processes remember means nothing any more.
            tx.run("UPDATE search_state SET epoch = epoch + 1 WHERE one = 1")


def _some_left(tx: Transaction, scopes: frozenset[int] | None, most: int) -> list[Row]:
    """Removed entries that progress has passed: no batch that was prepared before can bring them back."""
    if tx.one("SELECT 1 FROM search_left LIMIT 1") is None:
        return []
    chosen = [one.num for one in list_collections(tx) if scopes is None or scope_of(one) in scopes]
    return tx.all(
        "SELECT l.collection, l.added, l.id_hash FROM search_left l "
        "JOIN search_progress p ON p.collection = l.collection AND p.upto >= l.added "
        f"WHERE {tx.among('l.collection')} LIMIT ?",
        tx.array(chosen),
        most,
    )


def _tails(tx: Transaction, scopes: frozenset[int] | None) -> dict[int, tuple[int, int, int]]:
    """Collections of which something is not indexed: number → (scope, indexed up to, last ``date_added``)."""
    progress: dict[int, int] = dict(tx.all("SELECT collection, upto FROM search_progress"))
    return {
        one.num: (scope_of(one), progress.get(one.num, -1), one.last_added)
        for one in list_collections(tx)
        if one.last_added > progress.get(one.num, -1) and (scopes is None or scope_of(one) in scopes)
    }
