"""A node's store: the database, the log, and what is told before either can be used."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Final

from titian.core.errors import NotFound, Refused, Unavailable
from titian.store.database import Database, SqliteDatabase, Transaction, open_database
from titian.store.journal import Journal
from titian.store.log import Log
from titian.store.registry import NodeRecord, read_node

REVISION: Final = "0007"
"""The newest migration: what ``alembic_version`` must hold. A test compares it with the scripts."""


def now_micros() -> int:
    """The clock of a real node: microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class Store:
    """An opened database of this version's schema, with the node that lives in it.

    Raises :class:`NotFound` when no node was set up there, :class:`Refused` when its schema is another version's.
    """

    def __init__(self, url: str, *, clock: Callable[[], int] = now_micros) -> None:
        self.database: Database = open_database(url)
        self.clock = clock
        try:
            with self.reading() as tx:
                require_revision(self.database, tx)
                self.node: NodeRecord = read_node(tx)
        except BaseException:
            self.database.close()
            raise
        self.log = Log(self.node.secret, clock)
        self.journal: Journal | None = None
        if isinstance(self.database, SqliteDatabase):
            self.journal = self.database.guard = Journal(self.database)
            # What a process that was killed has left is taken in now, or else by the next write.
            with suppress(Unavailable):
                self.journal.settle(left=True)

    def reading(self) -> AbstractContextManager[Transaction]:
        """A read-only snapshot."""
        return self.database.reading()

    def reading_once(self) -> AbstractContextManager[Transaction]:
        """The same for a single statement."""
        return self.database.reading_once()

    def writing(self) -> AbstractContextManager[Transaction]:
        """A write transaction, durable when the block ends."""
        return self.database.writing()

    def writing_beside(self) -> AbstractContextManager[Transaction]:
        """A write transaction beside which deliveries go on: for what keeps the database busy and concerns nobody
        outside, such as an index.

        It must neither take anything back, open, close or halt anything, nor read or write a ledger: of what is handed
        over while it runs it does not know.
        """
        if isinstance(self.database, SqliteDatabase):
            return self.database.writing(guarded=False)
        return self.database.writing()

    def settle(self) -> None:
        """Have every delivery in its ledger that was handed over until now: for who reads without writing.

        Raises :class:`Unavailable` when something waits and the database cannot be written.
        """
        if self.journal is not None:
            self.journal.settle()

    def close(self) -> None:
        """Close every connection."""
        if self.journal is not None:
            self.journal.end()
        self.database.close()


def schema_revision(database: Database, tx: Transaction) -> str | None:
    """The number of the schema a database holds, ``None`` when it holds none."""
    catalogue = (
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        if database.kind == "sqlite"
        else "SELECT 1 FROM pg_tables WHERE tablename = 'alembic_version' AND schemaname = current_schema()"
    )
    if tx.one(catalogue) is None:
        return None
    row = tx.one("SELECT version_num FROM alembic_version")
    return None if row is None else str(row[0])


def require_revision(database: Database, tx: Transaction) -> None:
    """Refuse a database whose schema this version does not know."""
    held = schema_revision(database, tx)
    if held is None:
        raise NotFound("This database holds no node yet.", advice="Run `titian init` first.")
    if held != REVISION:
        raise Refused(
            f"The database has schema {held}, this version of Titian needs {REVISION}.",
            advice="Make a backup, then run `titian init --upgrade`; a newer schema needs a newer Titian.",
        )
