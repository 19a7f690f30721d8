"""Delivery records: what is handed to a partner is remembered first (law 8).

Readers that wait at the same time share one durable commit (:mod:`titian.store.committer`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from titian.core.collection import Collection
from titian.core.errors import Forbidden
from titian.core.ledger import Entry, Kind
from titian.store.committer import Committer
from titian.store.database import Transaction
from titian.store.ledger import enter, require_sound
from titian.store.store import Store


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer hands over: ``count`` objects of a ``collection`` from the ``date_added`` ``first`` to ``last``
    (microseconds), behind ``after``.

    ``digest`` gives SHA-256 of what is handed over: for ``view`` objects that of
    :func:`titian.core.ledger.digest_of`. It is asked for by the thread that writes, so that nobody else waits for it.
    ``whole`` says that nothing between ``after`` and ``last`` was left out by a filter.
    """

    collection: Collection
    key: str
    view: str
    after: int
    first: int
    last: int
    count: int
    digest: Callable[[], bytes]
    whole: bool


def delivery_entry(delivery: Delivery, at: int) -> Entry:
    """The entry that remembers a delivery."""
    return Entry(
        kind=Kind.DELIVERY,
        at=at,
        party=delivery.collection.party,
        details={
            "collection": delivery.collection.id, "key": delivery.key, "view": delivery.view, "after": delivery.after,
            "first": delivery.first, "last": delivery.last, "count": delivery.count, "digest": delivery.digest().hex(),
            "whole": delivery.whole,
        },
    )  # fmt: skip


class Deliveries:
    """Writes delivery records."""

    def __init__(self, store: Store, committer: Committer) -> None:
        self._store = store
        self._committer = committer

    def record(self, delivery: Delivery) -> Future[bool]:
        """Remember a delivery before it is handed over; the future is done when the record is durable.

        It gives False, and nothing is remembered, when something was taken back from the collection since it was read:
        then what was read may not be handed over. It raises :class:`Forbidden` when the collection has closed,
        :class:`Unavailable` while the ledger is halted.
        """

        def job(tx: Transaction) -> bool:
            at = self._store.clock()
            held = delivery.collection
            row = tx.one("SELECT taken, opens, closes FROM collections WHERE num = ?", held.num)
            if row is None or not msgspec.structs.replace(held, opens=row[1], closes=row[2]).is_open(at):
                raise Forbidden("This collection has closed.")
            if row[0] != held.taken:
                return False
            require_sound(tx, held.agreement)
            enter(tx, held.agreement, [delivery_entry(delivery, at)])
            return True

        return self._committer.submit(job)
