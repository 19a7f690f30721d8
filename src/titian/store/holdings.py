"""Finding what is held, wherever: the latest version of objects in the node's own and received collections."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import ahocorasick_rs
import msgspec

from titian.core.collection import ALL, Incoming, Kind, Selection, version_text
from titian.core.survey import Held
from titian.store.database import Row, Transaction
from titian.store.log import Log
from titian.store.pages import read_segments

_AT_ONCE: Final = 800
_SEGMENTS_AT_ONCE: Final = 32
_COLUMNS: Final = "id, collection, added, segment, start, length, version, versioned, text, digest"


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where the latest version of an object lies."""

    id: str
    collection: int
    added: int
    segment: int
    start: int
    length: int
    version: int
    versioned: bool
    text: str | None
    digest: bytes


class StoredGraph:
    """Held objects as a graph (:class:`titian.core.gate.HeldGraph`), in one transaction. Only places are in memory."""

    def __init__(self, holdings: Holdings, places: dict[str, Place]) -> None:
        self._holdings = holdings
        self._places = places
        self._order = sorted(places.values(), key=lambda place: (place.collection, place.added))

    def ids(self) -> Collection[str]:
        """Identifiers of all that were found."""
        return self._places.keys()

    def digest(self, identifier: str) -> bytes:
        """SHA-256 of an object's bytes."""
        return self._places[identifier].digest

    def incoming(self, identifier: str, raw: bytes) -> Incoming:
        """An object, unchanged, as something to append elsewhere."""
        place = self._places[identifier]
        version = place.version if place.versioned else None
        text = version_text(place.version, True, place.text) if place.versioned else None
        return Incoming(identifier, identifier.partition("--")[0], version, raw, text)

    def collection(self, identifier: str) -> int:
        """The number of the collection in which it was found."""
        return self._places[identifier].collection

    def with_more(self, identifiers: Iterable[str]) -> StoredGraph:
        """The same with further objects, as far as they are held."""
        more = self._holdings.places(one for one in identifiers if one not in self._places)
        return StoredGraph(self._holdings, self._places | more) if more else self

    def __iter__(self) -> Iterator[Held]:
        return self._read(self._order)

    def read(self, identifiers: Collection[str]) -> Iterator[Held]:
        """Those of these objects that are in it, in its order."""
        if len(identifiers) * 4 > len(self._order):
            wanted = identifiers if isinstance(identifiers, set | frozenset | dict) else set(identifiers)
            return self._read([place for place in self._order if place.id in wanted])
        found = [place for i in set(identifiers) if (place := self._places.get(i)) is not None]
        return self._read(sorted(found, key=lambda place: (place.collection, place.added)))

    def _read(self, places: Sequence[Place]) -> Iterator[Held]:
        data: dict[int, bytes] = {}
        senders = self._holdings.senders
        for index, place in enumerate(places):
            whole = data.get(place.segment)
            if whole is None:
                data = read_segments(self._holdings.tx, _ahead(places, index))
                whole = data[place.segment]
            raw = whole[place.start : place.start + place.length]
            yield Held(place.id, raw, senders.get(place.collection))


def _ahead(places: Sequence[Place], index: int) -> list[int]:
    """The numbers of the next few segments."""
    numbers: dict[int, None] = {}
    for place in islice(places, index, None):
        numbers[place.segment] = None
        if len(numbers) >= _SEGMENTS_AT_ONCE:
            break
    return list(numbers)


class Holdings:
    """What is held in the collections that are not released: found in one transaction."""

    def __init__(self, tx: Transaction, log: Log) -> None:
        self.tx = tx
        self._log = log
        rows = tx.all("SELECT num, name, kind, party FROM collections ORDER BY num")
        self._kinds = {int(num): Kind(kind) for num, _, kind, _ in rows}
        self._names = {str(name): int(num) for num, name, *_ in rows}
        self.senders: dict[int, str | None] = {
            int(num): party for num, _, kind, party in rows if Kind(kind) is Kind.RECEIVED
        }
        self._held = {num for num, kind in self._kinds.items() if kind is not Kind.RELEASED}

    def find(self, identifiers: Iterable[str]) -> StoredGraph:
        """Find the latest version of each; of one version in several collections, that in our own."""
        return StoredGraph(self, self.places(identifiers))

    def places(self, identifiers: Iterable[str]) -> dict[str, Place]:
        """Find where they lie."""
        wanted = list(dict.fromkeys(identifiers))
        places: dict[str, Place] = {}
        for begin in range(0, len(wanted), _AT_ONCE):
            some = wanted[begin : begin + _AT_ONCE]
            hashes = self.tx.array([self._log.id_hash(identifier) for identifier in some])
            asked = set(some)
            for row in self.tx.all(
                f"SELECT {_COLUMNS} FROM entries {self.tx.using('ix_entries_id')}"
                f"WHERE {self.tx.among('id_hash')} AND (rank & 1) = 1",
                hashes,
            ):
                if row[0] in asked and row[1] in self._held:
                    self._offer(places, row)
        return places

    def _offer(self, places: dict[str, Place], row: Row) -> None:
        identifier, collection, added, segment, start, length, version, versioned, text, digest = row
        place = Place(
            identifier, collection, added, segment, start, length, version, bool(versioned), text, bytes(digest)
        )
        known = places.get(place.id)
        if known is None or self._better(place, known):
            places[place.id] = place

    def _better(self, one: Place, other: Place) -> bool:
        ours, theirs = self._is_own(one), self._is_own(other)
        if not one.versioned or one.version == other.version:
            return ours and not theirs
        return one.version > other.version

    def _is_own(self, place: Place) -> bool:
        return self._kinds[place.collection] is not Kind.RECEIVED

    def bearing(self, words: Collection[str], *, since: int = 0) -> list[str]:
        """Identifiers of objects of which any version holds one of these words, in segments from a number on."""
        if not words:
            return []
        machine = ahocorasick_rs.BytesAhoCorasick([word.encode() for word in sorted(words)])
        found: dict[str, None] = {}
        held = sorted(num for num in self._held if self._kinds[num] is not Kind.DIRECTORY)
        for (number,) in self.tx.all(
            f"SELECT num FROM segments WHERE num >= ? AND {self.tx.among('collection')} ORDER BY num",
            since,
            self.tx.array(held),
        ):
            data = read_segments(self.tx, [number])[number]
            hits = [start for _, start, _ in machine.find_matches_as_indexes(data)]
            if hits:
                rows = self.tx.all("SELECT id, start, length FROM entries WHERE segment = ? ORDER BY start", number)
                for identifier, start, length in rows:
                    if any(start <= hit < start + length for hit in hits):
                        found[identifier] = None
        return list(found)

    def last_segment(self) -> int:
        """The number of the last segment: what comes in later lies in it or behind it."""
        row = self.tx.one("SELECT max(num) FROM segments")
        return int(row[0]) if row and row[0] is not None else 0

    def erase(self, identifiers: Collection[str]) -> None:
        """Take every version of objects out of every collection that is not released, and out of the quarantine."""
        numbers = {num for num in self._held if self._kinds[num] is not Kind.DIRECTORY}
        for identifier in identifiers:
            hash_ = self._log.id_hash(identifier)
            rows = self.tx.all("SELECT collection FROM entries WHERE id_hash = ? AND id = ?", hash_, identifier)
            for number in {row[0] for row in rows} & numbers:
                self._log.remove(self.tx, number, identifier, Selection(versions=ALL))
            self.tx.run("DELETE FROM quarantine WHERE id = ?", identifier)

    def matching(self, collections: Sequence[str], types: Sequence[str]) -> list[str]:
        """Identifiers in some collections, by name, of some types; without any, in all that are held but the
        directory."""
        numbers = [self._names[name] for name in collections if name in self._names]
        if not collections:
            numbers = sorted(num for num in self._held if self._kinds[num] is not Kind.DIRECTORY)
        found: dict[str, None] = {}
        of = {num for name in types for (num,) in self.tx.all("SELECT num FROM types WHERE name = ?", name)}
        for number in numbers:
            if number not in self._held:
                continue
            for identifier, kind in self.tx.all(
                "SELECT id, type FROM entries WHERE collection = ? AND (rank & 1) = 1 ORDER BY added", number
            ):
                if not types or kind in of:
                    found[identifier] = None
        return list(found)
