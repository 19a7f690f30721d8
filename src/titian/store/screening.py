"""What screening reads of the store: what came in since its index was made, and what stands behind a hit now.

The index of :mod:`titian.screen` only says where to look. What is answered is read here, at the instant of the answer,
from what the viewer may see: what was recalled, has expired or is marked otherwise by now is so in the answer too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Final

from titian.core.collection import Collection as Held
from titian.core.collection import Kind
from titian.core.errors import InvalidInput, Unavailable
from titian.core.marking import Marking, read_definition, well_known
from titian.core.screening import Batch, HeldObject, Scope
from titian.core.search import Viewer
from titian.core.words import decoded
from titian.store.database import Transaction
from titian.store.holdings import Holdings
from titian.store.registry import list_collections
from titian.store.search import EVERYTHING, places_of
from titian.store.search_index import scope_of
from titian.store.search_rows import Found, bytes_of, entry
from titian.store.store import Store

_MASK: Final = (1 << 64) - 1
_AT_ONCE: Final = 400
_WITHOUT: Final = frozenset({"relationship", "sighting", "marking-definition", "extension-definition", "grouping",
                             "language-content", "opinion", "location", "course-of-action", "kill-chain"})  # fmt: skip
"""Types of objects in which no value is found: their bytes are not even read."""
_ENTRY: Final = "collection, added, id, version, versioned, text, rank, segment, start, length"


class ScreeningLog:
    """Reads what is held for screening. Safe to share between threads. ``end`` takes out what has ended."""

    def __init__(self, store: Store, end: Callable[[], object], name: Callable[[str], str]) -> None:
        self._store = store
        self._end = end
        self._name = name

    def scopes(self, viewer: Viewer) -> tuple[Scope, ...]:
        """What a viewer's questions are answered from, and where the logs of each end now."""
        for _ in range(2):
            with self._store.reading_once() as tx:
                # Only for a party does it depend on the time what it sees.
                found = self._scopes(tx, viewer) if viewer.is_party else tx.kept(
                    ("scopes", viewer.key and viewer.key.id), lambda tx: self._scopes(tx, viewer))  # fmt: skip
            if found is not None:
                return found
            self._end()
        raise Unavailable("What has ended is being taken out.", advice="Try again in a moment.")

    def _scopes(self, tx: Transaction, viewer: Viewer) -> tuple[Scope, ...] | None:
        """None while something has ended that is still there."""
        every = list_collections(tx)
        places, due = places_of(every, viewer, EVERYTHING, self._store.clock())
        return None if due else tuple(_scope(place.scope, every) for place in places)

    def since(self, scope: int, upto: Mapping[str, int], most: int) -> Batch:
        """What came into a scope behind ``upto``, the oldest first, about ``most`` objects of it."""
        with self._store.reading() as tx:
            logs = {one.num: one for one in list_collections(tx) if scope_of(one) == scope}
            each = {
                num: tx.all(
                    f"SELECT {_ENTRY}, id_hash FROM entries WHERE collection = ? AND added > ? ORDER BY added LIMIT ?",
                    num, upto.get(str(num), -1), most,
                )
                for num, one in logs.items() if one.last_added > upto.get(str(num), -1)
            }  # fmt: skip
            rows = list(islice(merge(*each.values(), key=lambda row: int(row[1])), most))
            reached = {str(num): upto.get(str(num), -1) for num in logs}
            for row in rows:
                reached[str(row[0])] = int(row[1])
            for num, some in each.items():
                if len(some) < most and (not some or reached[str(num)] == some[-1][1]):
                    reached[str(num)] = logs[num].last_added
            kept = [row for row in rows if str(row[2]).partition("--")[0] not in _WITHOUT]
            raws = bytes_of(tx, [entry(0, row[:10]) for row in kept])
        return Batch(
            tuple(int(row[10]) & _MASK for row in kept), tuple(map(decoded, raws)),
            {log: at for log, at in reached.items() if at >= 0},
        )  # fmt: skip

    def held(self, viewer: Viewer, numbers: Collection[int]) -> dict[int, HeldObject]:
        """What the viewer sees now of some objects, by their numbers: the latest version of each that is still here."""
        if not numbers:
            return {}
        with self._store.reading() as tx:
            sight = _Sight(tx, self._store, viewer)
            rows = sight.latest([one - (1 << 64) if one >> 63 else one for one in numbers])
            found = list(zip(rows.items(), map(decoded, bytes_of(tx, (row for row, _ in rows.values()))), strict=True))
            marks = sight.markings({one for _, said in found for one in _marks(said)})
            sources = {row.collection: "" for row, _ in rows.values()}
            sources = {num: self._source(sight.collections[num]) for num in sources}
            return {
                number & _MASK: HeldObject(
                    id=row.id, collection=sight.collections[row.collection].id, said=said, known=row.added,
                    within=frozenset(sight.collections[num].id for num in within), source=sources[row.collection],
                    marking=_joined(marks[one] for one in _marks(said)),
                )
                for (number, (row, within)), said in found
            }  # fmt: skip

    def _source(self, collection: Held) -> str:
        party = collection.party if collection.kind is Kind.RECEIVED else self._store.node.identity
        return self._name(party) if party else self._store.node.name


class _Sight:
    """What one viewer sees, in one snapshot."""

    def __init__(self, tx: Transaction, store: Store, viewer: Viewer) -> None:
        self._tx = tx
        self._store = store
        self._own = viewer.is_organisation
        at = store.clock()
        self.collections = {one.num: one for one in list_collections(tx) if viewer.searches(one, at)}

    def latest(self, hashes: Sequence[int]) -> dict[int, tuple[Found, frozenset[int]]]:
        """The entry that stands for each object, and the collections it is in, by the hash of its identifier."""
        found: dict[str, list[tuple[int, Found]]] = {}
        for begin in range(0, len(hashes), _AT_ONCE):
            for row in self._tx.all(
                f"SELECT {_ENTRY}, id_hash FROM entries {self._tx.using('ix_entries_id')}"
                f"WHERE {self._tx.among('id_hash')} AND (rank & 1) = 1",
                self._tx.array(hashes[begin : begin + _AT_ONCE]),
            ):
                if row[0] in self.collections:
                    found.setdefault(row[2], []).append((int(row[10]), entry(0, row[:10])))
        return {
            some[0][0]: (self._one_of([row for _, row in some]), frozenset(row.collection for _, row in some))
            for _, some in sorted(found.items())
        }

    def _one_of(self, rows: Sequence[Found]) -> Found:
        if len(rows) > 1 and self._own:
            place = Holdings(self._tx, self._store.log, self._store.node.identity).places([rows[0].id]).get(rows[0].id)
            for row in rows:
                if place is not None and (row.collection, row.added) == (place.collection, place.added):
                    return row
        return max(rows, key=lambda row: (row.versioned, row.version, -row.collection, row.added))

    def markings(self, identifiers: Collection[str]) -> dict[str, Marking]:
        """What marking definitions mean; one that is not at hand is unknown, and so reaches nobody."""
        found = {one: known for one in identifiers if (known := well_known(one)) is not None}
        others = [one for one in identifiers if one not in found]
        rows = [row for row, _ in self.latest([self._store.log.id_hash(one) for one in others]).values()]
        raws = {row.id: raw for row, raw in zip(rows, bytes_of(self._tx, rows), strict=True)}
        return found | {one: _meaning(one, raws.get(one)) for one in others}


def _scope(num: int, every: Sequence[Held]) -> Scope:
    return Scope(num, {str(one.num): one.last_added for one in every if scope_of(one) == num})


def _meaning(identifier: str, raw: bytes | None) -> Marking:
    unknown = Marking(unknown=frozenset({identifier}))
    if raw is None:
        return unknown
    try:
        return read_definition(raw)
    except InvalidInput:
        return unknown


def _marks(said: Mapping[str, Any]) -> list[str]:
    marks = said.get("object_marking_refs")
    return [one for one in marks if isinstance(one, str)] if isinstance(marks, list) else []


def _joined(some: Any) -> Marking:
    found = Marking()
    for one in some:
        found = found.join(one)
    return found
