"""The way back: what this node has released to a partner, handed over by this node's own hand (laws 1 and 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from titian.core.collection import ALL, Collection, Kind, Selection
from titian.core.errors import Refused
from titian.core.ledger import Kind as LedgerKind
from titian.core.ledger import Opened, digest_of
from titian.store.deliveries import Deliveries, Delivery
from titian.store.log import objects
from titian.store.registry import list_collections
from titian.store.store import Store

_PAGE: Final = 500
_LATELY: Final = 86_400_000_000
"""A day, in microseconds."""


class WayBack:
    """Reads what goes back, and remembers that it is handed over. ``check`` is whether a collection may leave now."""

    def __init__(self, store: Store, deliveries: Deliveries, check: Callable[[Collection], None]) -> None:
        self._store = store
        self._deliveries = deliveries
        self._check = check

    def _released(self, agreement: str, party: str) -> Collection | None:
        with self._store.reading() as tx:
            return next(
                (
                    one
                    for one in list_collections(tx)
                    if one.kind is Kind.RELEASED and one.agreement == agreement and one.party == party
                ),
                None,
            )

    def _fetches(self, held: Collection) -> bool:
        """Whether the partner has fetched this collection itself of late: then it need not be brought.

        A fetch of the last moment may still be in the journal. Then the partner is brought what it has: it knows that.
        """
        since = self._store.clock() - _LATELY
        with self._store.reading() as tx:
            rows = tx.all(
                "SELECT e.num, e.salt, e.payload FROM ledger_entries e JOIN ledgers l ON l.num = e.ledger "
                "WHERE l.agreement = ? AND e.party = ? AND e.kind = ? AND e.at >= ? ORDER BY e.num DESC LIMIT 20",
                held.agreement, held.party, LedgerKind.DELIVERY.value, since,
            )  # fmt: skip
        said = (Opened(num, bytes(salt), bytes(payload)).entry.details for num, salt, payload in rows)
        return any(one.get("collection") == held.id and one.get("view") == "objects" for one in said)

    def waiting(self, agreement: str, party: str, after: int) -> Iterator[tuple[list[bytes], int]]:
        """Objects that were released to a partner behind a ``date_added``, and the one of the last of them.

        Each page is remembered as handed over before it is given. When something is taken back meanwhile, the page is
        read again. Nothing comes when the collection may not leave.
        """
        while True:
            held = self._released(agreement, party)
            if held is None or held.last_added <= after:
                return
            if self._fetches(held):
                return
            try:
                self._check(held)
            except Refused:
                return
            held = self._released(agreement, party) or held
            with self._store.reading() as tx:
                page = self._store.log.page(tx, held.num, Selection(after=after, versions=ALL, limit=_PAGE))
            if not page.count:
                return
            found = list(objects(page))
            delivery = Delivery(
                collection=held, key="subscription", view="sent", after=after, first=page.first, last=page.last,
                count=page.count, digest=partial(digest_of, found), whole=True,
            )  # fmt: skip
            if self._deliveries.record(delivery).result():
                yield found, page.last
                after = page.last
