"""Sightings and referrals as they are held, and what partners call the objects that they are of."""

from __future__ import annotations

import uuid
from collections.abc import Collection as Many
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from titian.core.arrival import Provenance
from titian.core.collection import Collection, Kind
from titian.core.referral import REFERRAL, REFERRAL_ANSWER
from titian.core.sighting import TYPE
from titian.store.database import Transaction
from titian.store.gate import StoreGate, StoreSession
from titian.store.pages import read_segments
from titian.store.registry import add_collection, list_collections

_SEGMENTS_AT_ONCE: Final = 32
_AT_ONCE: Final = 800


class Sayings(msgspec.Struct, frozen=True):
    """What this node says of objects: of which ``types`` it is, and the collection of its own that it is kept in."""

    name: str
    alias: str
    description: str
    types: tuple[str, ...]


SIGHTINGS: Final = Sayings("Sightings", "sightings", "What this organisation has seen, and how often", (TYPE,))
REFERRALS: Final = Sayings(
    "Referrals", "referrals", "What this organisation asks platforms, and what it answers", (REFERRAL, REFERRAL_ANSWER)
)


class StoreSightings:
    """Opens transactions over sightings, or over other things of that kind."""

    def __init__(self, gate: StoreGate, sayings: Sayings = SIGHTINGS) -> None:
        self._gate = gate
        self._sayings = sayings

    @contextmanager
    def reading(self) -> Iterator[StoreSightingDesk]:
        """A snapshot."""
        with self._gate.reading() as session:
            yield StoreSightingDesk(session, self._sayings)

    @contextmanager
    def writing(self) -> Iterator[StoreSightingDesk]:
        """A transaction that is durable when the block ends, undone when it raises."""
        with self._gate.writing() as session:
            yield StoreSightingDesk(session, self._sayings)


class StoreSightingDesk:
    """One transaction (:class:`titian.exchange.give_back.Desk`)."""

    def __init__(self, session: StoreSession, sayings: Sayings = SIGHTINGS) -> None:
        self.session = session
        self._sayings = sayings

    @property
    def _tx(self) -> Transaction:
        return self.session.tx

    def collection(self, person: str) -> Collection:
        """The collection of what this node says, made when there is none."""
        name, alias = self._sayings.name, self._sayings.alias
        collections = list_collections(self._tx)
        own = [one for one in collections if one.kind is Kind.OWN]
        found = next((one for one in own if one.alias == alias), None) or next(
            (one for one in own if one.name == name), None
        )
        if found is not None:
            return found
        taken = {word for one in collections for word in (one.name, one.alias)}
        made = add_collection(
            self._tx,
            Collection(
                num=0, id=str(uuid.uuid4()), name=f"{name} ({uuid.uuid4()})" if name in taken else name,
                alias=None if alias in taken else alias, created=self.session.at, writable=False,
                description=self._sayings.description,
            ),
        )  # fmt: skip
        self.session.record(person, "add-collection", made.id, "", {"name": made.name, "received_from": None})
        return made

    def held(self) -> Iterator[tuple[str | None, bytes]]:
        """Each of them that is held in its latest version, after the party that it came from: None for our own."""
        found = [self._tx.one("SELECT num FROM types WHERE name = ?", one) for one in self._sayings.types]
        numbers = [int(row[0]) for row in found if row is not None]
        for one in list_collections(self._tx) if numbers else ():
            if one.kind in (Kind.OWN, Kind.RECEIVED):
                for number in numbers:
                    for raw in self._of_type(one.num, number):
                        yield (one.party if one.kind is Kind.RECEIVED else None), raw

    def _of_type(self, collection: int, number: int) -> Iterator[bytes]:
        rows = self._tx.all(
            f"SELECT segment, start, length FROM entries {self._tx.using('ix_entries_type')}"
            "WHERE collection = ? AND type = ? AND (rank & 1) = 1 "
            "ORDER BY added",
            collection, number,
        )  # fmt: skip
        order = list(dict.fromkeys(row[0] for row in rows))
        at, data = 0, dict[int, bytes]()
        for segment, start, length in rows:
            if segment not in data:
                data = read_segments(self._tx, order[at : at + _SEGMENTS_AT_ONCE])
                at += _SEGMENTS_AT_ONCE
            yield data[segment][start : start + length]

    def sources(self, party: str, shown: Many[str]) -> Mapping[str, str]:
        """What the copies were made from that a party was shown under some identifiers; of those that are copies."""
        found: dict[str, str] = {}
        wanted = sorted(set(shown))
        for begin in range(0, len(wanted), _AT_ONCE):
            some = wanted[begin : begin + _AT_ONCE]
            for name, source in self._tx.all(
                "SELECT c.shown, c.source FROM copies c JOIN collections k ON k.num = c.collection "
                f"WHERE k.party = ? AND c.shown IN ({', '.join('?' * len(some))}) ORDER BY c.collection",
                party, *some,
            ):  # fmt: skip
                found[str(name)] = str(source)
        return found

    def agreement_of(self, came: Provenance) -> str | None:
        """The agreement under which something came that no subscription brought: into an inbox, or in a bundle."""
        row = self._tx.one("SELECT agreement FROM collections WHERE id = ?", came.remote)
        if row is None or row[0] is None:
            ident = came.remote.rpartition("(")[2].removesuffix(")")
            row = self._tx.one("SELECT agreement FROM bundles WHERE id = ? AND outgoing = ?", ident, False)
        return None if row is None or row[0] is None else str(row[0])
