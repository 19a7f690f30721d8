"""Connections and transactions, the same face over SQLite and PostgreSQL.

Statements are plain SQL in the part that both speak, with ``?`` for parameters, straight on the driver: on the
hot paths a layer above it costs as much as the query. What differs between the two is in this file only.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from titian.core.errors import InvalidInput, Unavailable

Row = tuple[Any, ...]
T = TypeVar("T")

PAGE_SIZE: Final = 8192
"""Bytes of an SQLite page. Measured: segments of 64 kB read in 0.5 ms a thousand objects, with 4096 in 0.8."""
CHECKPOINT_PAGES: Final = 4000
"""Pages in the WAL before they are carried into the database, about 32 MB: at a million objects every batch touches
many pages of the index over ids, and carrying each of them over once for several batches is what keeps it quick."""
READ_CACHE_KB: Final = 2_000
WRITE_CACHE_KB: Final = 12_000
MOST_IDLE: Final = 8
"""Connections that are kept open while nobody uses them."""
IDLE_SECONDS: Final = 30.0
"""And for how long at least."""
BUSY_SECONDS: Final = 30
MOST_REMEMBERED: Final = 256
"""Names under which a connection remembers what it read, at most: who presents many wrong keys fills them."""
CHECK: Final = "Try again; `titian check` tells more."
"""What to do when a database does not answer."""


class Transaction(Protocol):
    """Statements inside one transaction: a snapshot when reading, alone when writing."""

    def all(self, sql: str, *parameters: object) -> list[Row]:
        """Every row of a query."""
        ...

    def one(self, sql: str, *parameters: object) -> Row | None:
        """The first row of a query, if any."""
        ...

    def run(self, sql: str, *parameters: object) -> int:
        """Execute a statement; the number of rows it changed."""
        ...

    def many(self, sql: str, rows: Iterable[Row]) -> None:
        """Execute a statement once for each row."""
        ...

    def among(self, column: str) -> str:
        """A condition ``column IN (…)`` over one parameter, made by :meth:`array`."""
        ...

    def array(self, values: Sequence[int]) -> object:
        """The parameter of an :meth:`among` condition."""
        ...

    def using(self, index: str) -> str:
        """A hint, where the backend would rather scan than use this index."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert many rows in the quickest way the backend has."""
        ...

    def kept(self, name: Hashable, read: Callable[[Transaction], T]) -> T:
        """What ``read`` finds in this snapshot, under a name. Where the backend tells cheaply that nothing at all was
        committed since, it is what was found then: for what every answer needs. Not to be changed."""
        ...


class Guard(Protocol):
    """What is done at both ends of every write transaction of a database."""

    def enter(self, tx: Transaction) -> Callable[[bool], None]:
        """Called first in the transaction; gives what is called after it, with whether it was committed."""
        ...


class Database(Protocol):
    """A database that a node lives in. Every transaction is a snapshot; one writer at a time."""

    url: str
    kind: str

    def connect(self) -> Any:
        """A new connection of the driver, for a migration."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """A read-only :class:`Transaction`, from this thread's own connection."""
        ...

    def reading_once(self) -> AbstractContextManager[Transaction]:
        """The same for a single statement, which is a snapshot by itself."""
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """A :class:`Transaction` that is durable when the block ends, undone when it raises."""
        ...

    def relax(self) -> None:
        """Give back memory that is not needed just now."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


def open_database(url: str, *, create: bool = False) -> Database:
    """Open ``sqlite:///path``, the path as it is, or ``postgresql://…``. Raises :class:`InvalidInput` for others.

    A file that is missing is an error unless ``create``.
    """
    if url.startswith("sqlite:///"):
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")), create=create)
    if url.startswith(("postgresql://", "postgres://")):
        # 0.2 s and 10 MB that a node on SQLite need not pay; see tests/test_architecture.py.
        from titian.store.postgres import PostgresDatabase

        return PostgresDatabase(url)
    raise InvalidInput(
        f"The database address {without_password(url)!r} is not one of ours.",
        advice="Give sqlite:///path/to/file or postgresql://user@host/name.",
    )


def without_password(url: str) -> str:
    """Return a database address as it may be shown: what could hold a password, user and query, is left out.

    >>> without_password("postgresql://u:secret@db.example/name?password=x")
    'postgresql://db.example/name'
    """
    scheme, found, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    shown = authority.rpartition("@")[2].partition("?")[0] + slash + path.partition("?")[0]
    return f"{scheme}://{shown}" if found and "@" not in shown else "…"


class Connection(sqlite3.Connection):
    """A connection that remembers what was read over it, as long as nothing is committed anywhere."""

    version = -1
    remembered: dict[Hashable, Any]


class Pool:
    """Connections that wait for who needs one, opened when there is none; the last that came back goes out first, for
    its cache is warm. Any thread may use it."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._idle: list[tuple[Connection, float]] = []
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> Connection:
        """One of the connections, the caller's own until it gives it back. Raises :class:`Unavailable` once they are
        closed."""
        with self._lock:
            if self._closed:
                raise Unavailable("The database is closed.")
            if self._idle:
                return self._idle.pop()[0]
        return self._connect()

    def give(self, connection: Connection) -> None:
        """Give back one that was taken."""
        with self._lock:
            kept = not self._closed and len(self._idle) < MOST_IDLE
            if kept:
                self._idle.append((connection, time.monotonic()))
        if not kept:
            connection.close()

    def close(self) -> None:
        """Close them all; those that are lent, when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def relax(self) -> None:
        """Close those that nobody has needed for a while, with what they remember."""
        since = time.monotonic() - IDLE_SECONDS
        with self._lock:
            idle = [connection for connection, at in self._idle if at < since]
            self._idle = [one for one in self._idle if one[1] >= since]
        for connection in idle:
            connection.close()


class _SqliteTransaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def all(self, sql: str, *parameters: object) -> list[Row]:
        return self.connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, *parameters: object) -> Row | None:
        row: Row | None = self.connection.execute(sql, parameters).fetchone()
        return row

    def run(self, sql: str, *parameters: object) -> int:
        return self.connection.execute(sql, parameters).rowcount

    def many(self, sql: str, rows: Iterable[Row]) -> None:
        self.connection.executemany(sql, rows)

    def among(self, column: str) -> str:
        return f"{column} IN (SELECT value FROM json_each(?))"

    def array(self, values: Sequence[int]) -> object:
        return f"[{','.join(map(str, values))}]"

    def using(self, index: str) -> str:
        return f"INDEXED BY {index} "

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self.connection.executemany(insertion(table, tuple(columns)), rows)

    def kept(self, name: Hashable, read: Callable[[Transaction], T]) -> T:
        return read(self)  # what this transaction changed is no one else's yet


class _Reading(_SqliteTransaction):
    """A transaction on a connection that never writes."""

    connection: Connection

    def kept(self, name: Hashable, read: Callable[[Transaction], T]) -> T:
        # Of the snapshot, and otherwise after each commit of another connection. Cheap: no page is read.
        version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self.connection.version or len(self.connection.remembered) >= MOST_REMEMBERED:
            self.connection.version, self.connection.remembered = version, {}
        remembered = self.connection.remembered
        if name not in remembered:
            remembered[name] = read(self)
        found: T = remembered[name]
        return found


class _Snapshot:
    """A read-only snapshot on a connection of a pool. Every answer takes some: a class costs half of a generator."""

    _connection: Connection

    def __init__(self, pool: Pool, *, begin: bool = True) -> None:
        self._pool = pool
        self._begin = begin

    def __enter__(self) -> Transaction:
        self._connection = self._pool.take()
        try:
            if self._begin:
                self._connection.execute("BEGIN")
        except BaseException:
            self._pool.give(self._connection)
            raise
        return _Reading(self._connection)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        finally:
            self._pool.give(self._connection)
        if isinstance(error, sqlite3.OperationalError):
            raise Unavailable(f"The database cannot be read: {error}.", advice=CHECK) from error


@lru_cache(maxsize=64)
def insertion(table: str, columns: tuple[str, ...]) -> str:
    """The statement that inserts one row."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


class SqliteDatabase:
    """SQLite in WAL mode with ``synchronous=FULL``: what was committed survives power loss (law 6)."""

    kind = "sqlite"

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self.guard: Guard | None = None
        self._create = create
        self._readers = Pool(lambda: self._connect(READ_CACHE_KB))
        self._writers = Pool(lambda: self._connect(WRITE_CACHE_KB))
        self._writes = threading.Lock()

    def connect(self) -> sqlite3.Connection:
        """A new connection of the driver, for a migration."""
        self._connect(WRITE_CACHE_KB).close()
        return sqlite3.connect(self.path, timeout=BUSY_SECONDS)

    def _connect(self, cache_kb: int) -> Connection:
        try:
            if self._create and not self.path.exists():
                # Intelligence, digests of keys and the node's secret: for this user only, and so its WAL.
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            elif not self.path.exists():
                raise Unavailable(
                    f"The database file {self.path} is missing.",
                    advice="Restore it from a backup; nothing is made anew.",
                )
            connection: Connection = sqlite3.connect(
                self.path,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                factory=Connection,
            )
            connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute(f"PRAGMA cache_size=-{cache_kb}")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(
                f"The database file {self.path} does not open: {error}.",
                advice="Check that the folder exists and that this user may write to it.",
            ) from error
        return connection

    def reading(self) -> AbstractContextManager[Transaction]:
        """A read-only snapshot."""
        return _Snapshot(self._readers)

    def reading_once(self) -> AbstractContextManager[Transaction]:
        """The same for a single statement, which is a snapshot by itself."""
        return _Snapshot(self._readers, begin=False)

    @contextmanager
    def writing(self, *, guarded: bool = True) -> Iterator[Transaction]:
        """A write transaction, durable when the block ends, undone when it raises; its guard is not asked where it says
        so. Those of one process wait for each other in turn, and share one connection with its cache."""
        if not self._writes.acquire(timeout=BUSY_SECONDS):
            raise Unavailable("The database is busy.", advice=CHECK)
        try:
            connection = self._writers.take()
            try:
                yield from self._written(connection, guarded)
            finally:
                self._writers.give(connection)
        finally:
            self._writes.release()

    def _written(self, connection: sqlite3.Connection, guarded: bool) -> Iterator[Transaction]:
        leave: Callable[[bool], None] | None = None
        committed = False
        try:
            connection.execute("BEGIN IMMEDIATE")
            tx = _SqliteTransaction(connection)
            if guarded and self.guard is not None:
                leave = self.guard.enter(tx)
            yield tx
            connection.execute("COMMIT")
            committed = True
        except sqlite3.OperationalError as error:
            raise Unavailable(f"The database is busy or cannot be written: {error}.", advice=CHECK) from error
        finally:
            try:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            finally:
                if leave is not None:
                    leave(committed)

    @contextmanager
    def aside(self) -> Iterator[Transaction]:
        """Statements that only read, each in a snapshot of its own, from a connection that is no thread's. One thread
        at a time may use it."""
        connection = self._connect(READ_CACHE_KB)
        try:
            yield _SqliteTransaction(connection)
        finally:
            connection.close()

    def relax(self) -> None:
        """Give back memory that is not needed just now."""
        self._readers.relax()
        self._writers.relax()

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        self._writers.close()


@contextmanager
def savepoint(tx: Transaction) -> Iterator[None]:
    """Undo only what the block did when it raises."""
    tx.run("SAVEPOINT one")
    try:
        yield
    except BaseException:
        tx.run("ROLLBACK TO SAVEPOINT one")
        tx.run("RELEASE SAVEPOINT one")
        raise
    tx.run("RELEASE SAVEPOINT one")
