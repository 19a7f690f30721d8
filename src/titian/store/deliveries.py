"""Delivery records: what is handed to a partner is remembered first (law 8).

Readers that wait at the same time share one sync: in the journal (:mod:`titian.store.journal`) where there is one, else
in one durable commit (:mod:`titian.store.committer`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

import msgspec

from titian.core.collection import Collection
from titian.core.errors import Forbidden, TitianError
from titian.core.ledger import Entry, Kind
from titian.store.committer import Committer
from titian.store.database import Row, Transaction
from titian.store.journal import Appending
from titian.store.journal_file import Record
from titian.store.ledger import enter, require_sound
from titian.store.store import Store

Outcome = bool | TitianError
"""What became of a delivery: whether it may go out, or why it may not."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer hands over: ``count`` objects of a ``collection`` from the ``date_added`` ``first`` to ``last``
    (microseconds), behind ``after``.

    ``digest`` gives what stands for what is handed over: for ``view`` objects
    :func:`titian.core.ledger.digest_of`, else SHA-256 of the body. ``whole`` says that nothing between ``after`` and
    ``last`` was left out by a filter.
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


def delivery_record(delivery: Delivery, at: int) -> Record:
    """What remembers a delivery."""
    held = delivery.collection
    return Record(
        agreement=held.agreement,
        kind=Kind.DELIVERY,
        at=at,
        party=held.party,
        details={
            "collection": held.id, "key": delivery.key, "view": delivery.view, "after": delivery.after,
            "first": delivery.first, "last": delivery.last, "count": delivery.count, "digest": delivery.digest().hex(),
            "whole": delivery.whole,
        },
    )  # fmt: skip


def delivery_entry(delivery: Delivery, at: int) -> Entry:
    """The same as an entry of the ledger."""
    return delivery_record(delivery, at).entry


def _standing(tx: Transaction, collection: Collection) -> Row | None:
    """How a collection stands: what was taken back from it, and when it is open. Raises :class:`Unavailable` while its
    ledger is halted."""
    row = tx.one("SELECT taken, opens, closes FROM collections WHERE num = ?", collection.num)
    require_sound(tx, collection.agreement)
    return row


def _judge(delivery: Delivery, row: Row | None, at: int) -> bool:
    """Whether something may be handed over now that was read before. Raises :class:`Forbidden` when it is closed."""
    held = delivery.collection
    if row is None or not msgspec.structs.replace(held, opens=row[1], closes=row[2]).is_open(at):
        raise Forbidden("This collection has closed.")
    return bool(row[0] == held.taken)


class Deliveries:
    """Writes delivery records."""

    def __init__(self, store: Store, committer: Committer) -> None:
        self._store = store
        self._committer = committer
        self._known: dict[int, Row | None] = {}
        self._version: object = None

    def record(self, delivery: Delivery) -> Future[bool]:
        """Remember a delivery before it is handed over, in the database; the future is done when that is durable.

        It gives False, and nothing is remembered, when something was taken back from the collection since it was read:
        then what was read may not be handed over. It raises :class:`Forbidden` when the collection has closed,
        :class:`Unavailable` while the ledger is halted.
        """

        def job(tx: Transaction) -> bool:
            at = self._store.clock()
            if not _judge(delivery, _standing(tx, delivery.collection), at):
                return False
            enter(tx, delivery.collection.agreement, [delivery_entry(delivery, at)])
            return True

        return self._committer.submit(job)

    @property
    def quick(self) -> bool:
        """Whether there is a journal to append to."""
        return self._store.journal is not None and self._store.journal.appends

    def append(self, some: Sequence[Delivery]) -> list[Outcome] | None:
        """Remember deliveries in the journal, with one sync; what became of each, as :meth:`record` tells it.

        ``None``, and nothing may be handed over, when that cannot be done now: as a rule because a write transaction
        runs. It takes as long as the disk takes to write a few kilobytes, and never waits for others. One thread at a
        time.
        """
        journal = self._store.journal
        if journal is None:
            return None
        with journal.appending() as held:
            if held is None:
                return None
            self._look(held)
            # No write transaction runs until this is done: what was not taken back now is not before it is durable.
            at = self._store.clock()
            outcomes: list[Outcome] = []
            good: list[Record] = []
            for one in some:
                try:
                    outcomes.append(_judge(one, self._standing_now(held, one.collection), at))
                except TitianError as error:
                    outcomes.append(error)
                if outcomes[-1] is True:
                    good.append(delivery_record(one, at))
            if good and not held.write(good):
                return None
        return outcomes

    def _look(self, held: Appending) -> None:
        """Forget how collections stand when anything was committed since that was read."""
        if held.version != self._version:
            self._known.clear()
            self._version = held.version

    def _standing_now(self, held: Appending, collection: Collection) -> Row | None:
        if collection.num not in self._known:
            self._known[collection.num] = _standing(held.tx, collection)
        return self._known[collection.num]
