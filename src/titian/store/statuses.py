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
    old = status.created - KEPT
    tx.run("DELETE FROM status_parts WHERE status IN (SELECT id FROM statuses WHERE finished < ?)", old)
    tx.run("DELETE FROM statuses WHERE finished < ?", old)
    tx.run(
        "INSERT INTO statuses (id, collection, key, created, resource, finished, body, lease) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        status.id, status.collection, status.key, status.created, status.resource, status.finished, status.body,
        status.lease,
    )  # fmt: skip


def find_status(tx: Transaction, ident: str, key: str, now: int) -> Status | None:
    """Find a status of this key's own that is not older than :data:`KEPT`."""
    row = tx.one(
        "SELECT id, collection, key, created, resource, finished FROM statuses WHERE id = ? AND key = ?", ident, key
    )
    if row is None or (row[5] is not None and row[5] < now - KEPT):
        return None
    return Status(id=row[0], collection=row[1], key=row[2], created=row[3], resource=bytes(row[4]), finished=row[5])


def read_parts(tx: Transaction, ident: str) -> list[bytes]:
    """The lines of a request that was worked on in parts, in their order."""
    rows = tx.all("SELECT lines FROM status_parts WHERE status = ? ORDER BY part", ident)
    return [bytes(row[0]) for row in rows]


def claim_pending(tx: Transaction, now: int, until: int) -> tuple[Status, int] | None:
    """Take the oldest pending request that nobody has in hand, and how many objects of it are behind."""
    row = tx.one(f"{_STATUS} WHERE finished IS NULL AND lease < ? ORDER BY created LIMIT 1", now)
    if row is None:
        return None
    tx.run("UPDATE statuses SET lease = ? WHERE id = ?", until, row[0])
    done = tx.one("SELECT coalesce(sum(count), 0) FROM status_parts WHERE status = ?", row[0])
    status = Status(
        id=row[0],
        collection=row[1],
        key=row[2],
        created=row[3],
        resource=bytes(row[4]),
        body=bytes(row[6]),
        lease=until,
    )
    return status, int(done[0]) if done else 0


def add_part(tx: Transaction, ident: str, *, held: int, lease: int, count: int, lines: bytes) -> bool:
    """Write the lines of one more batch and renew the lease; ``False`` when the lease ``held`` is not ours any more."""
    if not tx.run("UPDATE statuses SET lease = ? WHERE id = ? AND finished IS NULL AND lease = ?", lease, ident, held):
        return False
    row = tx.one("SELECT coalesce(max(part), 0) + 1 FROM status_parts WHERE status = ?", ident)
    assert row is not None, "an aggregate has one row"
    tx.run("INSERT INTO status_parts (status, part, count, lines) VALUES (?, ?, ?, ?)", ident, row[0], count, lines)
    return True


def finish_status(tx: Transaction, ident: str, now: int) -> None:
    """Note that a request is worked off; the request itself is dropped."""
    tx.run("UPDATE statuses SET finished = ?, body = NULL WHERE id = ?", now, ident)
