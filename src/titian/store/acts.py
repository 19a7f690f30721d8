"""The table of acts: who did what, when, to what, and why. Rows are added, and no code changes or removes one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from titian.store.database import Transaction
from titian.store.ledger import enter_act
from titian.store.store import Store

MOST: Final = 10_000
"""Acts in one answer at most."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One act: ``at`` in microseconds since the Unix epoch, ``person`` the id of an actor, ``subject`` of what."""

    num: int
    at: int
    person: str
    act: str
    subject: str
    why: str
    details: dict[str, Any]


def record(
    tx: Transaction,
    *,
    at: int,
    person: str,
    act: str,
    subject: str,
    why: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an act in the transaction of what it tells of: both are durable, or neither is.

    ``person`` is :attr:`titian.core.people.Actor.id`, ``act`` a verb, ``subject`` the identifier of what it was done
    to. ``details`` become JSON; nothing secret goes in. The private ledger remembers it too.
    """
    enter_act(tx, at=at, person=person, act=act, subject=subject, why=why, details=details or {})
    tx.run(
        "INSERT INTO acts (at, person, act, subject, why, details) VALUES (?, ?, ?, ?, ?, ?)",
        at,
        person,
        act,
        subject,
        why,
        msgspec.json.encode(details or {}, order="sorted"),
    )


class Acts:
    """What was done, for auditors."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, person: str, act: str, subject: str, why: str = "", details: Mapping[str, Any] | None = None) -> None:
        """Add an act of something that was done in many transactions, as an import is, or in none."""
        with self._store.writing() as tx:
            at = self._store.clock()
            record(tx, at=at, person=person, act=act, subject=subject, why=why, details=details)

    def list(
        self,
        subject: str | None = None,
        *,
        limit: int = 100,
        before: int | None = None,
        since: int | None = None,
        people: Collection[str] | None = None,
        acts: Collection[str] | None = None,
    ) -> list[Act]:
        """The latest acts, newest first: on one subject, or on all; of some ``people`` (ids), or some ``acts`` (verbs).

        ``before`` is the ``num`` that a page ends at, ``since`` an instant in microseconds, inclusive. At most
        :data:`MOST` in one answer.
        """
        wanted: list[str] = []
        values: list[Any] = []
        for condition, value in (("subject = ?", subject), ("num < ?", before), ("at >= ?", since)):
            if value is not None:
                wanted.append(condition)
                values.append(value)
        for column, among in (("person", people), ("act", acts)):
            if among is not None:
                wanted.append(f"{column} IN ({', '.join('?' * len(among))})" if among else "1 = 0")
                values += among
        where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
        with self._store.reading() as tx:
            rows = tx.all(
                f"SELECT num, at, person, act, subject, why, details FROM acts{where} ORDER BY num DESC LIMIT ?",
                *values,
                max(0, min(limit, MOST)),
            )
        return [
            Act(num=row[0], at=row[1], person=row[2], act=row[3], subject=row[4], why=row[5],
                details=msgspec.json.decode(bytes(row[6]), type=dict[str, Any]))
            for row in rows
        ]  # fmt: skip
