"""Requests to add objects, made durable with their receipts (:class:`titian.core.receipt.Intake`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

import msgspec

from titian.core.collection import Appended, Collection, Incoming, Outcome
from titian.core.errors import Refused
from titian.core.receipt import Deferred, Receipt
from titian.store.committer import Committer
from titian.store.database import Transaction
from titian.store.registry import list_collections
from titian.store.shelf import OnAdded, nobody
from titian.store.statuses import Status, add_part, add_status, claim_pending, find_status, finish_status, read_parts
from titian.store.store import Store

LEASE: Final = 30 * 1_000_000
"""How long a worker has a deferred request in hand without a sign of life, in microseconds."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Receipt).decode


OnPosted = Callable[[Transaction, Collection, Sequence[Incoming], str], list[Appended]]
"""Takes in what a party has put into its inbox: the collection, the objects, and the id of the key."""


def _no_inbox(_tx: Transaction, _collection: Collection, _items: Sequence[Incoming], _key: str) -> list[Appended]:
    raise Refused("This node takes nothing back here.")


class StoreIntake:
    """The intake over a store and its committer."""

    def __init__(
        self, store: Store, committer: Committer, added: OnAdded = nobody, inbox: OnPosted = _no_inbox
    ) -> None:
        self._inbox = inbox
        self._store = store
        self._added = added
        self._committer = committer

    def take(
        self,
        collection: Collection,
        items: Sequence[Incoming],
        *,
        source: str,
        receipt: Callable[[list[Appended]], Receipt],
    ) -> Future[Receipt]:
        """Append objects and write the receipt made of their outcomes in one transaction."""

        def job(tx: Transaction) -> Receipt:
            made = receipt(self._append(tx, collection, items, source))
            self._add(tx, made, collection, source, finished=self._store.clock())
            return made

        return self._committer.submit(job)

    def go_on(
        self,
        deferred: Deferred,
        items: Sequence[Incoming],
        *,
        receipt: Callable[[list[Appended]], Receipt],
        done: int,
    ) -> Future[Receipt]:
        """Append a batch of a deferred request and write its lines; ``done`` objects are then behind."""

        def job(tx: Transaction) -> Receipt:
            made = receipt(self._append(tx, deferred.collection, items, deferred.source))
            now = self._store.clock()
            count = len(made.successes) + len(made.failures)
            made.lease = max(now + LEASE, deferred.receipt.lease + 1)
            held = deferred.receipt.lease
            if not add_part(tx, made.id, held=held, lease=made.lease, count=count, lines=_encode(made)):
                raise Refused("Another worker has this request in hand.")
            if done >= made.total:
                finish_status(tx, made.id, now)
            return made

        return self._committer.submit(job)

    def defer(self, collection: Collection, receipt: Receipt, body: bytes, *, source: str) -> Future[Receipt]:
        """Keep a request for later; durable when the future is done."""

        def job(tx: Transaction) -> Receipt:
            self._add(tx, receipt, collection, source, body=body)
            return receipt

        return self._committer.submit(job)

    @staticmethod
    def _add(
        tx: Transaction,
        made: Receipt,
        collection: Collection,
        source: str,
        *,
        finished: int | None = None,
        body: bytes | None = None,
    ) -> None:
        status = Status(
            id=made.id, collection=collection.num, key=source, created=made.received, resource=_encode(made),
            finished=finished, body=body,
        )  # fmt: skip
        add_status(tx, status)

    def _append(
        self, tx: Transaction, collection: Collection, items: Sequence[Incoming], source: str
    ) -> list[Appended]:
        if collection.is_inbox:
            return self._inbox(tx, collection, items, source)
        done = self._store.log.append(tx, collection.num, items, source=source)
        self._added(tx, [one.id for one in done if one.outcome is Outcome.ADDED])
        return done

    def claim(self) -> Deferred | None:
        """Take the oldest deferred request that no other worker has in hand."""
        now = self._store.clock()
        with self._store.reading() as tx:
            waiting = tx.one("SELECT 1 FROM statuses WHERE finished IS NULL AND lease < ? LIMIT 1", now)
        if waiting is None:
            return None
        with self._store.writing() as tx:
            claimed = claim_pending(tx, now, now + LEASE)
            if claimed is None:
                return None
            status, done = claimed
            collections = {collection.num: collection for collection in list_collections(tx)}
        receipt = _decode(status.resource)
        receipt.lease = status.lease
        return Deferred(receipt, collections[status.collection], status.key, status.body or b"", done)

    def receipt(self, ident: str, source: str) -> Receipt | None:
        """The receipt of a request that ``source`` made, all parts of it together."""
        with self._store.reading() as tx:
            status = find_status(tx, ident, source, self._store.clock())
            parts = [] if status is None else read_parts(tx, ident)
        if status is None:
            return None
        whole = _decode(status.resource)
        for part in map(_decode, parts):
            whole.successes += part.successes
            whole.failures += part.failures
        return whole
