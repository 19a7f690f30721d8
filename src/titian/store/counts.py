"""Cheap counts for what is shown while one looks: each along an index, and none further than it has to."""

from __future__ import annotations

from typing import Final

from titian.core.counts import MOST
from titian.core.counts import Counts as Read
from titian.store.database import Transaction
from titian.store.store import Store

LATELY: Final = 86_400_000_000
"""How far back what arrived is counted, in microseconds: a day."""


class Counts:
    """The live numbers. Reading them costs the same at a thousand objects and at a million."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> Read:
        """What waits and what arrived, in one snapshot."""
        since = self._store.clock() - LATELY
        with self._store.reading() as tx:
            requests = tx.all(
                "SELECT requester, count(*) FROM (SELECT requester FROM requests WHERE state = 'waiting' "
                "ORDER BY created LIMIT ?) AS found GROUP BY requester ORDER BY requester",
                MOST,
            )
            recalls = _bounded(tx, "SELECT id FROM recalls WHERE outgoing = ? AND state = 'open'", False)
            quarantined = _bounded(tx, "SELECT num FROM quarantine WHERE state = 'waiting'")
            arrived = _arrived(tx, since)
        return Read(
            requests={who: int(count) for who, count in requests}, recalls=recalls, quarantined=quarantined,
            arrived=arrived,
        )  # fmt: skip


def _bounded(tx: Transaction, sql: str, *parameters: object, most: int = MOST) -> int:
    row = tx.one(f"SELECT count(*) FROM ({sql} LIMIT ?) AS found", *parameters, most)
    return int(row[0]) if row else 0


def _arrived(tx: Transaction, since: int) -> int:
    """Entries of received collections since an instant: ``added`` is when the node took each in."""
    busy = tx.all("SELECT num FROM collections WHERE kind = 'received' AND last_added >= ? ORDER BY num", since)
    found = 0
    for (collection,) in busy:
        if found >= MOST:
            break
        found += _bounded(
            tx, "SELECT added FROM entries WHERE collection = ? AND added >= ? ORDER BY added DESC", collection, since,
            most=MOST - found,
        )  # fmt: skip
    return found
