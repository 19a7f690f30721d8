"""TAXII status resources: what became of each POST, and the requests that are still to be worked on."""

from __future__ import annotations

from typing import Final

import msgspec

from titian.store.database import Transaction

KEPT: Final = 48 * 3600 * 1_000_000
"""How long a finished status can be asked for, in microseconds; TAXII 2.1 section 4.3 wants 24 hours."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One status: the resource as it is sent, and whose it is. ``body`` is the request while it is pending."""

    id: str
    collection: int
    key: str
    created: int
    resource: bytes
    finished: int | None = None
    body: bytes | None = None
    lease: int = 0


_STATUS: Final = "SELECT id, collection, key, created, resource, finished, body, lease FROM statuses"


def add_status(tx: Transaction, status: Status) -> None:
    """Record a status, and forget those that are older than :data:`KEPT`."""
    tx.run("DELETE FROM statuses WHERE finished < ?", status.created - KEPT)
    tx.run(
        "INSERT INTO statuses (id, collection, key, created, resource, finished, body, lease) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        status.id,
        status.collection,
        status.key,
        status.created,
        status.resource,
        status.finished,
        status.body,
        status.lease,
    )


def find_status(tx: Transaction, ident: str, key: str, now: int) -> Status | None:
    """Find a status of this key's own that is not older than :data:`KEPT`."""
    row = tx.one(
        "SELECT id, collection, key, created, resource, finished, NULL, lease FROM statuses WHERE id = ? AND key = ?",
        ident,
        key,
    )
    if row is None or (row[5] is not None and row[5] < now - KEPT):
        return None
    return Status(id=row[0], collection=row[1], key=row[2], created=row[3], resource=bytes(row[4]), finished=row[5])


def claim_pending(tx: Transaction, now: int, until: int) -> Status | None:
    """Take the oldest pending request that nobody has in hand; it is ours until ``until``."""
    row = tx.one(f"{_STATUS} WHERE finished IS NULL AND lease < ? ORDER BY created LIMIT 1", now)
    if row is None:
        return None
    tx.run("UPDATE statuses SET lease = ? WHERE id = ?", until, row[0])
    return Status(
        id=row[0],
        collection=row[1],
        key=row[2],
        created=row[3],
        resource=bytes(row[4]),
        body=bytes(row[6]),
        lease=until,
    )


def progress_status(tx: Transaction, ident: str, resource: bytes, lease: int) -> None:
    """Write how far a pending request has come, and keep it in hand."""
    tx.run("UPDATE statuses SET resource = ?, lease = ? WHERE id = ?", resource, lease, ident)


def finish_status(tx: Transaction, ident: str, resource: bytes, now: int) -> None:
    """Write the final resource; the request itself is dropped."""
    tx.run("UPDATE statuses SET resource = ?, finished = ?, body = NULL WHERE id = ?", resource, now, ident)
