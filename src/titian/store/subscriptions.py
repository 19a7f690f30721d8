"""Standing subscriptions in the store.

A subscription that is pulled is in the hand of one process, until an instant (its *lease*), which each page moves on.
Where the node lives on one machine, with SQLite, a lock says besides whether the holder still lives: what a killed
process had in hand is free at once. On a database server it is free when its lease has passed.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from titian.core.errors import NotFound, Refused
from titian.core.ledger import Opened
from titian.core.ledger_watch import delivered
from titian.core.recall import Policy
from titian.core.subscription import Progress, Subscription, Terms
from titian.store.acts import record
from titian.store.database import Transaction
from titian.store.hands import Grip, hands_beside
from titian.store.store import Store

_encode: Final = msgspec.msgpack.Encoder().encode
_terms: Final = msgspec.msgpack.Decoder(Terms).decode
_progress: Final = msgspec.msgpack.Decoder(Progress).decode
_ROW: Final = "SELECT id, collection, created, next_try, terms, state, ended FROM subscriptions"


def _delivered(tx: Transaction, party: str) -> frozenset[bytes]:
    """The digests of the pages that a party's ledgers say were handed to this node, as far as they were read."""
    entries = tx.all(
        "SELECT e.num, e.salt, e.payload FROM peer_entries e JOIN peer_ledgers l ON l.origin = e.origin "
        "WHERE l.party = ? ORDER BY e.num DESC",
        party,
    )
    return frozenset(delivered(Opened(num, bytes(salt), bytes(payload)) for num, salt, payload in entries))


def _subscription(row: tuple[Any, ...]) -> Subscription:
    return Subscription(
        id=row[0], collection=row[1], created=row[2], next_try=row[3], terms=_terms(bytes(row[4])),
        progress=_progress(bytes(row[5])), ended=row[6],
    )  # fmt: skip


class Held:
    """A subscription in hand. Once somebody else has taken it over, because this holder let its lease pass, nothing
    that this one writes counts: the other goes on from where it found it."""

    def __init__(self, store: Store, subscription: Subscription, until: int, grip: Grip | None) -> None:
        self.subscription = subscription
        self._store = store
        self._leases = {until}
        self._grip = grip

    def note(self, tx: Transaction, progress: Progress, until: int) -> None:
        """Keep how far it has come, in a transaction, and it in hand until an instant. Raises :class:`Refused` when
        somebody else has taken it over."""
        if not self._is_mine(tx):
            raise Refused("Another process has taken this subscription over.", advice="It goes on by itself.")
        # Whether this becomes durable is not known here: either may be what the database says next.
        self._leases.add(until)
        tx.run("UPDATE subscriptions SET state = ?, lease = ? WHERE id = ?",
               _encode(progress), until, self.subscription.id)  # fmt: skip

    def put_down(self, progress: Progress, next_try: int) -> None:
        """Say how it went, and when it is to be tried again; it is in nobody's hand any more."""
        try:
            with self._store.writing() as tx:
                if self._is_mine(tx):
                    tx.run("UPDATE subscriptions SET state = ?, next_try = ?, lease = 0 WHERE id = ?",
                           _encode(progress), next_try, self.subscription.id)  # fmt: skip
        finally:
            if self._grip is not None:
                self._grip.let_go()

    def _is_mine(self, tx: Transaction) -> bool:
        row = tx.one("SELECT lease FROM subscriptions WHERE id = ?", self.subscription.id)
        if row is None or row[0] not in self._leases:
            return False
        self._leases = {int(row[0])}
        return True


class Subscriptions:
    """The subscriptions of a node."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hands = hands_beside(store.database, "pulls")

    def now(self) -> int:
        """The node's clock, in microseconds."""
        return self._store.clock()

    def unrecorded(self, identifier: str, before: int) -> list[tuple[int, int]]:
        """Pages of a subscription that arrived before an instant, and that no entry of the sender's ledger records:
        this node's number for each, and how many objects it had. One that came twice is recorded when either is."""
        with self._store.reading() as tx:
            rows = tx.all(
                "SELECT num, count, digest, party FROM arrivals a WHERE subscription = ? AND entry IS NULL "
                "AND count > 0 AND received < ? AND NOT EXISTS (SELECT 1 FROM arrivals b WHERE b.digest = a.digest "
                "AND b.party = a.party AND b.entry IS NOT NULL) ORDER BY num",
                identifier, before,
            )  # fmt: skip
            # A page that was kept after its record was read: another worker had read on meanwhile.
            told = _delivered(tx, str(rows[0][3])) if rows else frozenset()
        return [(row[0], row[1]) for row in rows if bytes(row[2]) not in told]

    def add(self, subscription: Subscription, secret: str, *, person: str) -> None:
        """Keep a new one with the key that the partner gave; the act is recorded with it."""
        terms = subscription.terms
        with self._store.writing() as tx:
            tx.run(
                "INSERT INTO subscriptions (id, collection, created, next_try, lease, secret, terms, state) "
                "VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
                subscription.id, subscription.collection, subscription.created, subscription.next_try,
                secret.encode(), _encode(terms), _encode(subscription.progress),
            )  # fmt: skip
            record(tx, at=subscription.created, person=person, act="subscribe", subject=subscription.id,
                   details={"url": terms.url, "collection": terms.remote, "agreement": terms.agreement,
                            "party": terms.party})  # fmt: skip

    def all(self, *, ended: bool = False) -> list[Subscription]:
        """Those that stand, oldest first, or all."""
        where = "" if ended else " WHERE ended IS NULL"
        with self._store.reading() as tx:
            return [_subscription(row) for row in tx.all(f"{_ROW}{where} ORDER BY created, id")]

    def find(self, reference: str) -> Subscription:
        """One by its id or the beginning of it, when only one begins so. Raises :class:`NotFound`."""
        begun = [one for one in self.all(ended=True) if reference and one.id.startswith(reference)]
        exact = [one for one in begun if one.id == reference] or begun
        if len(exact) != 1:
            several = f"{len(exact)} subscriptions begin with {reference!r}."
            raise NotFound(several if exact else f"There is no subscription {reference!r}.",
                           advice="`titian subscriptions` lists them.")  # fmt: skip
        return exact[0]

    def policy(self, tx: Transaction, identifier: str) -> Policy | None:
        """What one of them does with a recall; None for what is no subscription."""
        row = tx.one("SELECT terms FROM subscriptions WHERE id = ?", identifier)
        return None if row is None else _terms(bytes(row[0])).on_recall

    def secret(self, identifier: str) -> str:
        """The key that the partner gave for it."""
        with self._store.reading() as tx:
            row = tx.one("SELECT secret FROM subscriptions WHERE id = ?", identifier)
        return "" if row is None else bytes(row[0]).decode()

    def due(self, now: int) -> list[str]:
        """The ids of those that are to be tried by now and that nobody has in hand, the longest waiting first."""
        with self._store.reading() as tx:
            rows = tx.all(
                "SELECT id, lease FROM subscriptions WHERE ended IS NULL AND next_try <= ? ORDER BY next_try", now
            )
        return [str(row[0]) for row in rows if row[1] < now or (self._hands and self._hands.is_free(str(row[0])))]

    def claim(self, identifier: str, until: int) -> Held | None:
        """Take one in hand until an instant; None when somebody else has it, or it has ended."""
        now = self._store.clock()
        with self._store.writing() as tx:
            row = tx.one(f"{_ROW} WHERE id = ? AND ended IS NULL", identifier)
            lease = tx.one("SELECT lease FROM subscriptions WHERE id = ?", identifier)
            if row is None or lease is None:
                return None
            is_over = lease[0] < now
            grip = None if self._hands is None else self._hands.take(identifier, anew=is_over)
            if grip is None and not (self._hands is None and is_over):
                return None
            tx.run("UPDATE subscriptions SET lease = ? WHERE id = ?", until, identifier)
        return Held(self._store, _subscription(row), until, grip)

    def change(self, identifier: str, terms: Terms, *, person: str, why: str) -> None:
        """Change what is asked for, and try at once."""
        now = self._store.clock()
        with self._store.writing() as tx:
            tx.run("UPDATE subscriptions SET terms = ?, next_try = ? WHERE id = ?", _encode(terms), now, identifier)
            record(tx, at=now, person=person, act="change-subscription", subject=identifier, why=why)

    def wake(self, identifier: str) -> None:
        """Try one at once."""
        with self._store.writing() as tx:
            tx.run("UPDATE subscriptions SET next_try = 0 WHERE id = ?", identifier)

    def end(self, identifier: str, *, person: str, why: str) -> None:
        """End one; what it brought stays."""
        now = self._store.clock()
        with self._store.writing() as tx:
            tx.run("UPDATE subscriptions SET ended = ?, secret = ? WHERE id = ?", now, b"", identifier)
            record(tx, at=now, person=person, act="unsubscribe", subject=identifier, why=why)
        if self._hands is not None:
            self._hands.forget(identifier)
