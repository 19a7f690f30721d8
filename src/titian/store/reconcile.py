"""What a restored node does not know: what happened between its backup and now. It signs nothing until a person did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from titian.core.collection import timestamp
from titian.store.archive import Manifest
from titian.store.database import Transaction
from titian.store.heads import Head
from titian.store.ledger import COMPARE, halt_all

_FIRST_TRY: Final = 600_000_000
"""Microseconds until subscriptions go on: time for a person to look at the node first."""


class LedgerHalted(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger that signs nothing: ``size`` entries held, ``sealed`` of them signed at ``signed`` (microseconds).

    ``remembered`` is the size that the node's home, or the backup, knows to have been signed.
    """

    origin: str
    agreement: str | None
    size: int
    sealed: int
    signed: int | None
    remembered: int


class SubscriptionBehind(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription and its cursor: what ``party`` sent after ``received`` (``sent`` by its clock) comes again."""

    id: str
    collection: str
    party: str | None
    received: int | None
    sent: int | None


class KeyLive(msgspec.Struct, frozen=True, kw_only=True):
    """A key that works as of the backup: one that was revoked since works again."""

    id: str
    name: str
    role: str
    party: str | None
    created: int


class PersonActive(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may sign in as of the backup: one who was disabled since may again."""

    name: str
    duty: str
    created: int


class ReleasedTo(msgspec.Struct, frozen=True, kw_only=True):
    """What a party is served under an agreement as of the backup: ``count`` versions, the last of them at ``last``."""

    collection: str
    agreement: str | None
    party: str | None
    count: int
    last: int


class BundleStream(msgspec.Struct, frozen=True, kw_only=True):
    """The last sealed bundle for a party, or from one: a number that was given since is given twice."""

    outgoing: bool
    agreement: str
    party: str
    num: int


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that the node signs with, and whether it is at its ``place`` (``None``: not a file that can be seen)."""

    role: str
    place: str
    present: bool | None


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A node that was restored ``at`` an instant from a backup ``taken`` at another, in microseconds, and what must be
    reconciled: everything here is as of the backup, and says nothing of what was done since."""

    identity: str
    name: str
    country: str
    taken: int
    at: int
    titian: str
    schema: str
    kind: str
    ledgers: tuple[LedgerHalted, ...]
    subscriptions: tuple[SubscriptionBehind, ...]
    released: tuple[ReleasedTo, ...]
    recalls: int
    last_recall: int | None
    requests_waiting: int
    keys: tuple[KeyLive, ...]
    people: tuple[PersonActive, ...]
    bundles: tuple[BundleStream, ...]
    signing_keys: tuple[SigningKey, ...]
    sessions_ended: int


def halted_because(taken: int, at: int) -> str:
    """Why the ledgers of a restored node are halted."""
    return f"Restored on {timestamp(at)} from a backup of {timestamp(taken)}. {COMPARE}"


def reconcile(
    tx: Transaction, manifest: Manifest, signed: Mapping[str, Head], *, home: Path, keys: Path, at: int
) -> Restored:
    """Halt every ledger, put off every subscription, and say what a person must reconcile.

    ``signed`` is the last signed head of each origin as far as anyone here remembers; ``keys`` is where the key files
    lie now that will lie in ``home``.
    """
    halt_all(tx, halted_because(manifest.taken, at))
    # They go on by themselves from the older cursor; what is held already is not held twice.
    tx.run("UPDATE subscriptions SET next_try = ?, lease = 0 WHERE ended IS NULL", at + _FIRST_TRY)
    recalls = tx.one("SELECT count(*), max(created) FROM recalls WHERE outgoing")
    waiting = tx.one("SELECT count(*) FROM requests WHERE state = 'waiting'")
    sessions = tx.one("SELECT count(*) FROM sessions WHERE expires > ?", at)
    # One that was ended since would go on.
    tx.run("DELETE FROM sessions")
    return Restored(
        identity=manifest.identity, name=manifest.name, country=manifest.country, taken=manifest.taken, at=at,
        titian=manifest.titian, schema=manifest.schema, kind=manifest.kind,
        ledgers=_ledgers(tx, signed), subscriptions=_subscriptions(tx), released=_released(tx),
        recalls=int(recalls[0]) if recalls else 0, last_recall=recalls[1] if recalls else None,
        requests_waiting=int(waiting[0]) if waiting else 0, keys=_keys(tx), people=_people(tx), bundles=_bundles(tx),
        signing_keys=_signing_keys(tx, home, keys), sessions_ended=int(sessions[0]) if sessions else 0,
    )  # fmt: skip


def _ledgers(tx: Transaction, signed: Mapping[str, Head]) -> tuple[LedgerHalted, ...]:
    rows = tx.all("SELECT origin, agreement, size, sealed, signed FROM ledgers WHERE closed IS NULL ORDER BY num")
    return tuple(
        LedgerHalted(origin=row[0], agreement=row[1], size=row[2], sealed=row[3], signed=row[4],
                     remembered=signed[row[0]].size if row[0] in signed else 0)
        for row in rows
    )  # fmt: skip


def _subscriptions(tx: Transaction) -> tuple[SubscriptionBehind, ...]:
    rows = tx.all(
        "SELECT s.id, c.name, c.party, (SELECT max(a.received) FROM arrivals a WHERE a.subscription = s.id), "
        "(SELECT max(a.last) FROM arrivals a WHERE a.subscription = s.id) "
        "FROM subscriptions s JOIN collections c ON c.num = s.collection WHERE s.ended IS NULL ORDER BY s.created, s.id"
    )
    return tuple(
        SubscriptionBehind(id=row[0], collection=row[1], party=row[2], received=row[3], sent=row[4]) for row in rows
    )


def _released(tx: Transaction) -> tuple[ReleasedTo, ...]:
    rows = tx.all(
        "SELECT c.name, c.agreement, c.party, (SELECT coalesce(sum(s.count), 0) FROM segments s "
        "WHERE s.collection = c.num), c.last_added FROM collections c WHERE c.kind = 'released' ORDER BY c.num"
    )
    return tuple(
        ReleasedTo(collection=row[0], agreement=row[1], party=row[2], count=int(row[3]), last=row[4]) for row in rows
    )


def _keys(tx: Transaction) -> tuple[KeyLive, ...]:
    rows = tx.all("SELECT id, name, role, party, created FROM keys WHERE revoked IS NULL ORDER BY created, id")
    return tuple(KeyLive(id=row[0], name=row[1], role=row[2], party=row[3], created=row[4]) for row in rows)


def _people(tx: Transaction) -> tuple[PersonActive, ...]:
    rows = tx.all("SELECT name, role, created FROM people WHERE disabled IS NULL ORDER BY created, id")
    return tuple(PersonActive(name=row[0], duty=row[1], created=row[2]) for row in rows)


def _bundles(tx: Transaction) -> tuple[BundleStream, ...]:
    rows = tx.all(
        "SELECT outgoing, agreement, party, max(num) FROM bundles GROUP BY outgoing, agreement, party "
        "ORDER BY agreement, party, outgoing"
    )
    return tuple(BundleStream(outgoing=bool(row[0]), agreement=row[1], party=row[2], num=row[3]) for row in rows)


def _signing_keys(tx: Transaction, home: Path, keys: Path) -> tuple[SigningKey, ...]:
    rows = tx.all("SELECT role, place FROM signing_keys WHERE stops IS NULL AND compromised IS NULL ORDER BY num")
    found = []
    for role, place in rows:
        scheme, _, written = str(place).partition(":")
        path = home / written
        # A restored key lies where it was unpacked, until all is moved into place.
        there = (keys / path.name if path.parent == home / "keys" and keys.exists() else path).is_file()
        found.append(SigningKey(role=role, place=place, present=there if scheme == "file" else None))
    return tuple(found)
