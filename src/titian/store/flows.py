"""What flowed between this node and each party: how many object versions went into what a party is served, and how many
arrived from it."""

from __future__ import annotations

from collections import Counter

import msgspec

from titian.core.collection import Kind
from titian.store.registry import list_collections
from titian.store.store import Store
from titian.store.subscriptions import Subscriptions


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """Object versions that were released to a ``party`` (its identifier), and that were received from it; ``agreement``
    is under which, None where that is not known."""

    party: str
    agreement: str | None
    sent: int
    received: int


class Flows:
    """Counts by segments and arrivals, not by objects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def since(self, at: int) -> list[Flow]:
        """What flowed since an instant (microseconds), by party and agreement, the most first. What has been taken
        back meanwhile is not counted."""
        sent: Counter[tuple[str, str | None]] = Counter()
        received: Counter[tuple[str, str | None]] = Counter()
        standing = Subscriptions(self._store).all(ended=True)
        with self._store.reading() as tx:
            held = list_collections(tx)
            for one in held:
                if one.kind is not Kind.RELEASED or one.party is None or one.last_added < at:
                    continue
                rows = tx.all("SELECT first, last, count FROM segments WHERE collection = ? AND last >= ?", one.num, at)
                for first, last, count in rows:
                    if first < at:
                        row = tx.one(
                            "SELECT count(*) FROM entries WHERE collection = ? AND added >= ? AND added <= ?",
                            one.num, at, last,
                        )  # fmt: skip
                        count = row[0] if row else 0
                    sent[one.party, one.agreement] += count
            under = {one.num: one.agreement for one in held}
            under |= {one.collection: one.terms.agreement for one in standing}
            for party, collection, count in tx.all(
                "SELECT party, collection, sum(count) FROM arrivals WHERE received >= ? GROUP BY party, collection", at
            ):
                if party:
                    received[party, under.get(collection)] += int(count)
        found = [
            Flow(party=party, agreement=agreement, sent=sent[party, agreement], received=received[party, agreement])
            for party, agreement in {*sent, *received}
        ]
        return sorted(found, key=lambda one: (-(one.sent + one.received), one.party, one.agreement or ""))
