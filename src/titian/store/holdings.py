"""Finding what is held, wherever: the latest version of objects in the node's own and received collections."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import ahocorasick_rs
import msgspec

from titian.core.collection import ALL, Incoming, Kind, Selection, version_text
from titian.core.survey import Held, Survey, facts_of, strictest
from titian.store.database import Transaction
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
    contested: bool = False


class StoredGraph:
    """Held objects as a graph (:class:`titian.core.gate.HeldGraph`), in one transaction. Only places are in memory."""

    def __init__(self, holdings: Holdings, places: dict[str, Place]) -> None:
        self._holdings = holdings
        self._places = places
        self._order: list[Place] | None = None

    def ids(self) -> Collection[str]:
        """Identifiers of all that were found."""
        return self._places.keys()

    def digest(self, identifier: str) -> bytes:
        """SHA-256 of an object's bytes."""
        return self._places[identifier].digest

    def incoming(self, identifier: str, raw: bytes, modified: str | None) -> Incoming:
        """An object, unchanged, as something to append elsewhere; ``modified`` as it is written there, if it is."""
        place = self._places[identifier]
        kind = identifier.partition("--")[0]
        if not place.versioned:
            return Incoming(identifier, kind, None, raw, None, place.digest)
        text = modified or version_text(place.version, True, place.text)
        return Incoming(identifier, kind, place.version, raw, text, place.digest)

    def collection(self, identifier: str) -> int:
        """The number of the collection in which it was found."""
        return self._places[identifier].collection

    def extend(self, identifiers: Iterable[str]) -> None:
        """Take further objects in, as far as they are held."""
        more = self._holdings.places(one for one in identifiers if one not in self._places)
        if more:
            self._places.update(more)
            self._order = None

    def _ordered(self) -> list[Place]:
        if self._order is None:
            self._order = sorted(self._places.values(), key=_where)
        return self._order

    def __iter__(self) -> Iterator[Held]:
        return self._holdings.read(self._ordered())

    def read(self, identifiers: Collection[str]) -> Iterator[Held]:
        """Those of these objects that are in it, in its order."""
        if len(identifiers) * 4 > len(self._places):
            wanted = identifiers if isinstance(identifiers, set | frozenset | dict) else set(identifiers)
            return self._holdings.read([place for place in self._ordered() if place.id in wanted])
        found = [place for i in set(identifiers) if (place := self._places.get(i)) is not None]
        return self._holdings.read(sorted(found, key=_where))


def _where(place: Place) -> tuple[int, int]:
    return place.collection, place.added


def _latest(places: Sequence[Place]) -> list[Place]:
    """Those of the latest version; all of what has no versions."""
    if not all(place.versioned for place in places):
        return list(places)
    version = max(place.version for place in places)
    return [place for place in places if place.version == version]


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

    def __init__(self, tx: Transaction, log: Log, own: str) -> None:
        self.tx = tx
        self._log = log
        self._own = own
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
        several: dict[str, list[Place]] = {}
        for begin in range(0, len(wanted), _AT_ONCE):
            some = wanted[begin : begin + _AT_ONCE]
            hashes = self.tx.array([self._log.id_hash(identifier) for identifier in some])
            asked = set(some)
            for row in self.tx.all(
                f"SELECT {_COLUMNS} FROM entries {self.tx.using('ix_entries_id')}"
                f"WHERE {self.tx.among('id_hash')} AND (rank & 1) = 1",
                hashes,
            ):
                identifier, collection, added, segment, start, length, version, versioned, text, digest = row
                if identifier not in asked or collection not in self._held:
                    continue
                place = Place(
                    identifier, collection, added, segment, start, length, version, bool(versioned), text, bytes(digest)
                )
                known = places.setdefault(identifier, place)
                if known is not place:
                    several.setdefault(identifier, [known]).append(place)
        for identifier, found in several.items():
            places[identifier] = self._one_of(sorted(found, key=_where))
        return places

    def _one_of(self, places: list[Place]) -> Place:
        """Choose which of the latest versions that several collections hold counts, and of one version the content.

        Nobody else's later version stands in the place of what is our own. Where one version has several contents,
        our own comes before what was received, and then the strictest.
        """
        ours = [one for one in places if self._kinds[one.collection] is not Kind.RECEIVED]
        latest = _latest(places)
        if ours and latest[0].version > _latest(ours)[0].version and self._made_here(_latest(ours)):
            places = latest = _latest(ours)
        found = [one for one in latest if one in ours] or latest
        if len({one.digest for one in found}) == 1:
            return found[0]
        variants = [next(self.read([one])) for one in found]
        # What says how others are handled is compared by itself: it could name another such, and that the first.
        defining = variants[0].id.startswith("marking-definition--")
        named = set() if defining else {mark for one in variants for mark in facts_of(one).marks}
        meaning = Survey(self.find(named))
        chosen = strictest(variants, meaning.marking)
        place = next(place for place, one in zip(found, variants, strict=True) if one.raw == chosen.raw)
        return msgspec.structs.replace(place, contested=chosen.contested)

    def _made_here(self, places: Sequence[Place]) -> bool:
        return any(facts_of(one).creator in (None, self._own) for one in self.read(places))

    def read(self, places: Sequence[Place]) -> Iterator[Held]:
        """Read what lies at some places, in their order."""
        data: dict[int, bytes] = {}
        for index, place in enumerate(places):
            whole = data.get(place.segment)
            if whole is None:
                data = read_segments(self.tx, _ahead(places, index))
                whole = data[place.segment]
            raw = whole[place.start : place.start + place.length]
            yield Held(place.id, raw, self.senders.get(place.collection), place.contested)

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
        of = [num for name in types for (num,) in self.tx.all("SELECT num FROM types WHERE name = ?", name)]
        # Of some types through their index: the clock asks for a handful among a million, again and again.
        chosen = f"{self.tx.using('ix_entries_type')}WHERE collection = ? AND {self.tx.among('type')}"
        asked = (self.tx.array(of),) if types else ()
        for number in numbers:
            if number not in self._held:
                continue
            for (identifier,) in self.tx.all(
                f"SELECT id FROM entries {chosen if types else 'WHERE collection = ?'} AND (rank & 1) = 1 "
                "ORDER BY added",
                number,
                *asked,
            ):
                found[identifier] = None
        return list(found)
