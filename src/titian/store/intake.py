"""Requests to add objects, made durable with their receipts (:class:`titian.core.receipt.Intake`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

import msgspec

from titian.core.collection import Appended, Collection, Incoming
from titian.core.receipt import Deferred, Receipt
from titian.store.committer import Committer
from titian.store.database import Transaction
from titian.store.registry import list_collections
from titian.store.statuses import (
    Status,
    add_status,
    claim_pending,
    find_status,
    finish_status,
    progress_status,
)
from titian.store.store import Store

LEASE: Final = 30 * 1_000_000
"""How long a worker has a deferred request in hand without a sign of life, in microseconds."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Receipt).decode


class StoreIntake:
    """The intake over a store and its committer."""

    def __init__(self, store: Store, committer: Committer) -> None:
        self._store = store
        self._committer = committer

    def take(
        self,
        collection: Collection,
        items: Sequence[Incoming],
        *,
        source: str,
        receipt: Callable[[list[Appended]], Receipt],
        finished: bool = True,
    ) -> Future[Receipt]:
        """Append objects and write the receipt made of their outcomes in one transaction."""

        def job(tx: Transaction) -> Receipt:
            made = receipt(self._store.log.append(tx, collection.num, items, source=source))
            self._write(tx, made, collection, source, finished=finished)
            return made

        return self._committer.submit(job)

    def _write(self, tx: Transaction, made: Receipt, collection: Collection, source: str, *, finished: bool) -> None:
        now = self._store.clock()
        held = tx.one("SELECT finished FROM statuses WHERE id = ?", made.id)
        if held is None:
            add_status(
                tx,
                Status(id=made.id, collection=collection.num, key=source, created=made.received,
                       resource=_encode(made), finished=now),
            )  # fmt: skip
        elif finished:
            finish_status(tx, made.id, _encode(made), now)
        else:
            progress_status(tx, made.id, _encode(made), now + LEASE)

    def defer(self, collection: Collection, receipt: Receipt, body: bytes, *, source: str) -> Future[Receipt]:
        """Keep a request for later; durable when the future is done."""

        def job(tx: Transaction) -> Receipt:
            add_status(
                tx,
                Status(id=receipt.id, collection=collection.num, key=source, created=receipt.received,
                       resource=_encode(receipt), body=body),
            )  # fmt: skip
            return receipt

        return self._committer.submit(job)

    def claim(self) -> Deferred | None:
        """Take the oldest deferred request that no other worker has in hand."""
        now = self._store.clock()
        with self._store.reading() as tx:
            waiting = tx.one("SELECT 1 FROM statuses WHERE finished IS NULL AND lease < ? LIMIT 1", now)
        if waiting is None:
            return None
        with self._store.writing() as tx:
            status = claim_pending(tx, now, now + LEASE)
            if status is None:
                return None
            collections = {collection.num: collection for collection in list_collections(tx)}
        receipt = _decode(status.resource)
        return Deferred(receipt, collections[status.collection], status.key, status.body or b"")

    def receipt(self, ident: str, source: str) -> Receipt | None:
        """The receipt of a request that ``source`` made."""
        with self._store.reading() as tx:
            status = find_status(tx, ident, source, self._store.clock())
        return None if status is None else _decode(status.resource)
