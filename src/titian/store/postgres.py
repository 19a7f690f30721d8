"""PostgreSQL, through psycopg: the backend of a node that one file no longer carries."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from titian.core.errors import InvalidInput, Unavailable
from titian.store.database import CHECK, Row, T, Transaction, insertion, without_password


@lru_cache(maxsize=512)
def _postgres(sql: str) -> Any:
    return sql.replace("?", "%s")


class _Slot:
    """A connection that closes when its thread ends, or when everything is closed."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def close(self) -> None:
        self.connection.close()

    def __del__(self) -> None:
        with suppress(Exception):
            self.connection.close()


class PerThread:
    """One connection for each thread and purpose; all can be closed from any thread."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._all: weakref.WeakSet[_Slot] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def get(self, purpose: str, connect: Callable[[], Any]) -> Any:
        """This thread's connection for a purpose, opened when it is first asked for."""
        slot: _Slot | None = getattr(self._local, purpose, None)
        if slot is None:
            if self._closed:
                raise Unavailable("The database is closed.")
            slot = _Slot(connect())
            with self._lock:
                if self._closed:
                    slot.close()
                    raise Unavailable("The database is closed.")
                self._all.add(slot)
            setattr(self._local, purpose, slot)
        return slot.connection

    def drop(self, purpose: str) -> None:
        """Close this thread's connection for a purpose."""
        slot: _Slot | None = getattr(self._local, purpose, None)
        if slot is not None:
            setattr(self._local, purpose, None)
            slot.close()

    def close(self) -> None:
        """Close every connection, also those of other threads."""
        with self._lock:
            self._closed = True
            for slot in list(self._all):
                slot.close()
            self._all = weakref.WeakSet()
        self._local = threading.local()


class _PostgresTransaction:
    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self.connection = connection

    def all(self, sql: str, *parameters: object) -> list[Row]:
        return self.connection.execute(_postgres(sql), parameters, binary=True).fetchall()

    def one(self, sql: str, *parameters: object) -> Row | None:
        return self.connection.execute(_postgres(sql), parameters, binary=True).fetchone()

    def run(self, sql: str, *parameters: object) -> int:
        return self.connection.execute(_postgres(sql), parameters).rowcount

    def many(self, sql: str, rows: Iterable[Row]) -> None:
        with self.connection.cursor() as cursor:
            cursor.executemany(_postgres(sql), rows)

    def among(self, column: str) -> str:
        return f"{column} = ANY(?::bigint[])"

    def array(self, values: Sequence[int]) -> object:
        return list(values)

    def using(self, index: str) -> str:
        return ""

    def kept(self, name: Hashable, read: Callable[[Transaction], T]) -> T:
        return read(self)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if len(rows) < COPY_FROM:
            self.many(insertion(table, tuple(columns)), rows)
            return
        statement: Any = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


COPY_FROM: Final = 8
"""Rows from which COPY beats separate inserts."""

_CONNECTION: Final[dict[str, Any]] = {
    "client_encoding": "UTF8",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "options": "-c lock_timeout=30s -c idle_in_transaction_session_timeout=120s",
}
"""A writer that stopped must not hold up the others for ever."""


def _first_line(error: Exception) -> str:
    """What the driver says, without the lines that repeat the address."""
    return str(error).strip().partition("\n")[0][:200]


_ONE_WRITER: Final = 0x7469_7469_616E
"""The advisory lock that serialises writers, so that ``date_added`` follows the order of commits (law 7)."""


class PostgresDatabase:
    """PostgreSQL through psycopg. Readers see one snapshot; writers take turns, as in SQLite."""

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        try:
            conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            # What the driver says repeats the address, and with it a password.
            raise InvalidInput(
                "The database address cannot be read.", advice="Give it as postgresql://user@host/name."
            ) from None
        self.url = url
        self._connections = PerThread()

    def connect(self) -> psycopg.Connection[Row]:
        """A new connection of the driver, for a migration."""
        return self._open(autocommit=False)

    def _open(self, *, autocommit: bool) -> psycopg.Connection[Row]:
        try:
            given = conninfo_to_dict(self.url)
            ours = {**_CONNECTION, **given, "client_encoding": "UTF8"}
            ours["options"] = f"{_CONNECTION['options']} {given.get('options', '')}".strip()
            return psycopg.connect(self.url, autocommit=autocommit, **ours)
        except (psycopg.Error, ValueError) as error:
            shown = without_password(self.url)
            raise Unavailable(
                f"PostgreSQL at {shown} does not answer: {_first_line(error)}",
                advice="Check the address and the server.",
            ) from error

    def _connect(self) -> psycopg.Connection[Row]:
        connection = self._open(autocommit=True)
        connection.execute("SET synchronous_commit = on")
        return connection

    @contextmanager
    def _transaction(self, purpose: str, begin: Any) -> Iterator[Transaction]:
        connection = self._connections.get(purpose, self._connect)
        if connection.closed or connection.broken:
            self._connections.drop(purpose)
            connection = self._connections.get(purpose, self._connect)
        try:
            connection.execute(begin)
        except psycopg.OperationalError:
            # The server went away while we were idle: one fresh connection, then the error is real.
            self._connections.drop(purpose)
            connection = self._connections.get(purpose, self._connect)
            connection.execute(begin)
        try:
            yield _PostgresTransaction(connection)
            connection.execute("COMMIT")
        except psycopg.OperationalError as error:
            raise Unavailable(f"PostgreSQL could not finish this: {_first_line(error)}", advice=CHECK) from error
        finally:
            if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
                connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A read-only snapshot, from this thread's own connection."""
        with self._transaction("reader", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as tx:
            yield tx

    def reading_once(self) -> AbstractContextManager[Transaction]:
        """The same: only with its first statement it is known whether the server is still there."""
        return self.reading()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A write transaction, durable when the block ends, undone when it raises."""
        with self._transaction("writer", "BEGIN") as tx:
            tx.one("SELECT pg_advisory_xact_lock(?)", _ONE_WRITER)
            yield tx

    def relax(self) -> None:
        """Nothing: the memory is the server's."""

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()
