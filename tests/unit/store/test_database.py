"""Addresses of databases, connections for each thread, and a savepoint that undoes only its own block."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from titian.core.errors import InvalidInput, Unavailable
from titian.store import database as module
from titian.store.database import (
    MOST_IDLE,
    MOST_REMEMBERED,
    PAGE_SIZE,
    Database,
    Pool,
    Transaction,
    open_database,
    savepoint,
    without_password,
)
from titian.store.postgres import PerThread

SECRET = "p4ss-w0rd"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{SECRET}@host:5432/name",
        f"postgresql://user:{SECRET}@/name",
        f"postgresql://user:{SECRET}@[::1]:5432/name?sslmode=require",
        f"postgresql://host/name?user=u&password={SECRET}",
        f"postgresql://host/name?sslpassword={SECRET}",
        f"postgresql://user:{SECRET}@one:1,two:2/name",
        f"postgresql://user:x{SECRET}%40@host/name",
        f"mysql://user:{SECRET}@host/name",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    shown = without_password(url)
    assert SECRET not in shown
    assert "host" in shown or "one" in shown or "name" in shown, "still says which database"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://host/name?password=pa@{SECRET}",
        f"postgresql://user:pa?{SECRET}@host/name",
        f"postgresql://user:pa/{SECRET}@host/name",
        f"postgresql:user:{SECRET}@host/name",
        f"postgresql:/user:{SECRET}@host/name",
        f"host=h dbname=name user=u password={SECRET}",
        f"user:{SECRET}@host",
        SECRET,
    ],
)
def test_a_password_is_not_shown_of_what_is_mistyped_either(url: str) -> None:
    """A sign that should have been escaped, a slash too few, another program's way of writing it."""
    assert SECRET not in without_password(url)
    if "://" not in url:
        with pytest.raises(InvalidInput) as caught:
            open_database(url)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user@host/name", "postgresql://host/name"),
        ("postgresql://host:5432/name?sslmode=require", "postgresql://host:5432/name"),
        ("postgresql:///name", "postgresql:///name"),
        ("postgresql://u@one:1,two:2/name", "postgresql://one:1,two:2/name"),
        ("sqlite:///a/b.db", "sqlite:///a/b.db"),
    ],
)
def test_scheme_host_and_path_are_shown(url: str, shown: str) -> None:
    """Enough to know which database is meant, and nothing that could be anybody's secret."""
    assert without_password(url) == shown


@pytest.mark.parametrize(
    "url", ["", "x", "mysql://h/n", "sqlite://x", "file:///x", "http://[::1", "postgresql://[::1/x"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        open_database(url, create=True)


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql://h/n", "postgres://h/n"])
def test_opening_is_lazy(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection before it is needed: a server that is down is told by the verb that needs it."""
    monkeypatch.chdir(tmp_path)
    database = open_database(url, create=True)
    assert database.kind in url.replace("postgres:", "postgresql:")
    assert list(tmp_path.iterdir()) == []
    database.close()


@pytest.mark.parametrize("use", ["reading", "writing"])
def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path, use: str) -> None:
    for url in (f"sqlite:///{tmp_path}/no/such/folder/x.db", f"postgresql://u:{SECRET}@127.0.0.1:1/none"):
        with pytest.raises(Unavailable) as caught, getattr(open_database(url, create=True), use)():
            pytest.fail("it was opened")
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("use", ["reading", "writing", "connect"])
def test_a_file_that_is_missing_is_told_and_not_made(tmp_path: Path, use: str) -> None:
    """It was moved, or a disk is not mounted: an empty database in its place would look like a loss."""
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(Unavailable, match="missing"), getattr(database, use)():
        pytest.fail("it was opened")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
def test_a_new_file_is_for_its_owner_only(tmp_path: Path, mask: int) -> None:
    """And what SQLite lays beside it: intelligence is in the write-ahead log first."""
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}", create=True)
    before = os.umask(mask)
    try:
        with database.writing() as tx:
            tx.run("CREATE TABLE t (n INTEGER)")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
        database.close()
    assert modes == dict.fromkeys(("x.db", "x.db-wal", "x.db-shm"), 0o600)


@pytest.mark.parametrize("name", ["a b.db", "50%25.db", "q?mode=memory", "h#a.db", "é例.db", "file:x.db", "a&b=c;d.db"])
def test_a_path_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{tmp_path / name}"
    for create in (True, False):
        database = open_database(url, create=create)
        with database.writing() as tx:
            tx.run("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
        database.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_sqlite_is_set_to(database: Database) -> None:
    """Measured (page size), demanded by law 6 (FULL), or so that what was deleted is gone from the file."""
    for use in (database.reading, database.writing):
        with use() as tx:
            found = {
                name: tx.one(f"PRAGMA {name}")[0]
                for name in ("page_size", "journal_mode", "synchronous", "secure_delete", "foreign_keys")
            }
        assert found == {
            "page_size": PAGE_SIZE, "journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1,
        }  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'x.db'}", create=True)
    with opened.writing() as tx:
        tx.run("CREATE TABLE t (n INTEGER)")
    yield opened
    opened.close()


def numbers(database: Database) -> list[int]:
    with database.reading() as tx:
        return [row[0] for row in tx.all("SELECT n FROM t ORDER BY n")]


def test_a_savepoint_undoes_its_block_only(database: Database) -> None:
    with database.writing() as tx:
        tx.run("INSERT INTO t VALUES (1)")
        with pytest.raises(ZeroDivisionError), savepoint(tx):
            tx.run("INSERT INTO t VALUES (2)" if 1 / 0 else "")
        with savepoint(tx):
            tx.run("INSERT INTO t VALUES (3)")
    assert numbers(database) == [1, 3]


def test_savepoints_inside_each_other(database: Database) -> None:
    def inner_fails() -> None:
        with savepoint(tx):
            tx.run("INSERT INTO t VALUES (2)")
            raise ZeroDivisionError

    with database.writing() as tx, savepoint(tx):
        tx.run("INSERT INTO t VALUES (1)")
        with pytest.raises(ZeroDivisionError):
            inner_fails()
        tx.run("INSERT INTO t VALUES (3)")
    assert numbers(database) == [1, 3]


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    def fails() -> None:
        with database.writing() as tx:
            tx.run("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert numbers(database) == []


def test_many_rows(database: Database) -> None:
    with database.writing() as tx:
        tx.insert("t", ("n",), [(n,) for n in range(20)])
        tx.insert("t", ("n",), [])
        tx.many("UPDATE t SET n = ? WHERE n = ?", [(n + 100, n) for n in range(10)])
    assert numbers(database) == [*range(10, 20), *range(100, 110)]
    with database.reading() as tx:
        chosen = tx.all(f"SELECT n FROM t WHERE {tx.among('n')} ORDER BY n", tx.array([11, 105, 7]))
        assert [row[0] for row in chosen] == [11, 105]
        assert tx.all(f"SELECT n FROM t WHERE {tx.among('n')}", tx.array([])) == []


def test_a_reader_sees_one_snapshot(database: Database) -> None:
    with database.reading() as tx:
        assert tx.all("SELECT n FROM t") == []
        with database.writing() as other:
            other.run("INSERT INTO t VALUES (1)")
        assert tx.all("SELECT n FROM t") == []
    assert numbers(database) == [1]


def counted(tx: Transaction) -> int:
    found = tx.one("SELECT count(*) FROM t")
    assert found is not None
    return int(found[0])


def test_what_is_kept_is_what_a_snapshot_holds(database: Database) -> None:
    """Law 1: an answer after a change never comes from before it, whoever made the change."""
    other = open_database(database.url)
    try:
        for number in range(1, 4):
            with database.reading() as tx:
                assert tx.kept("count", counted) == number - 1
                with other.writing() as beside:
                    beside.run("INSERT INTO t VALUES (?)", number)
                assert tx.kept("count", counted) == number - 1, "still this snapshot"
                assert tx.kept("count again", counted) == number - 1
            with database.reading_once() as tx:
                assert tx.kept("count", counted) == number
            with database.reading() as tx:
                assert tx.kept("count", counted) == number
        with database.writing() as tx:
            assert tx.kept("count", counted) == 3
            tx.run("INSERT INTO t VALUES (4)")
            assert tx.kept("count", counted) == 4, "a writer sees what it wrote"
        with suppress(ZeroDivisionError), database.writing() as tx:
            tx.run("INSERT INTO t VALUES (5)")
            assert tx.kept("count", counted) == 5
            raise ZeroDivisionError
        with database.reading_once() as tx:
            assert tx.kept("count", counted) == 4, "what was undone is in no answer"
    finally:
        other.close()


def test_what_is_kept_is_read_once_and_bounded(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}", create=True)
    asked: list[int] = []

    def ask(number: int) -> None:
        with database.reading_once() as tx:
            tx.kept(("key", number), lambda _: asked.append(number))

    for _ in range(3):
        ask(1)
    assert asked == [1]
    for number in range(2 * MOST_REMEMBERED):
        ask(number)
    with database.reading() as tx:
        assert len(cast(Any, tx).connection.remembered) <= MOST_REMEMBERED
    database.close()


class Connection:
    closed = False

    def close(self) -> None:
        self.closed = True


def test_who_needs_a_connection_gets_the_last_that_came_back() -> None:
    made: list[Connection] = []

    def connect() -> Any:
        made.append(Connection())
        return made[-1]

    pool: Any = Pool(connect)
    one, other = pool.take(), pool.take()
    assert one is not other
    pool.give(other)
    assert pool.take() is other
    pool.give(other)
    pool.give(one)
    assert pool.take() is one
    pool.close()
    assert other.closed, "those that nobody has are closed at once"
    assert not one.closed
    pool.give(one)
    assert one.closed, "and the others when they come back"
    with pytest.raises(Unavailable, match="closed"):
        pool.take()
    assert len(made) == 2


def test_few_connections_are_kept_that_nobody_uses() -> None:
    pool = Pool(lambda: cast(Any, Connection()))
    lent: list[Any] = [pool.take() for _ in range(MOST_IDLE + 3)]
    for each in lent:
        pool.give(each)
    assert sum(one.closed for one in lent) == 3
    pool.close()
    assert all(one.closed for one in lent)


def test_writers_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}", create=True)
    with database.writing() as tx:
        tx.run("CREATE TABLE counted (n INTEGER)")
        tx.run("INSERT INTO counted VALUES (0)")

    def add() -> None:
        for _ in range(20):
            with database.writing() as tx:
                found = tx.one("SELECT n FROM counted")
                assert found is not None
                tx.run("UPDATE counted SET n = ?", found[0] + 1)

    threads = [threading.Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.reading() as tx:
        assert tx.one("SELECT n FROM counted") == (100,)
    database.close()


def test_who_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.01)
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}", create=True)
    with database.writing(), pytest.raises(Unavailable, match="busy"), database.writing():
        pass
    with database.writing():
        pass
    database.close()


def test_each_thread_has_its_own_connection_for_each_purpose() -> None:
    pool, found = PerThread(), {}

    def work() -> None:
        found["other"] = pool.get("reader", Connection)

    mine = pool.get("reader", Connection)
    assert pool.get("reader", Connection) is mine
    assert pool.get("writer", Connection) is not mine
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(5)
    assert found["other"] is not mine
    pool.drop("reader")
    assert mine.closed
    assert pool.get("reader", Connection) is not mine
    pool.close()
    assert found["other"].closed, "also those of threads that are gone"
    pool.drop("reader")


def test_a_connection_goes_with_its_thread() -> None:
    """Workers of a pool come and go; what they opened must not stay until the node ends."""
    pool, made = PerThread(), []

    def work() -> None:
        made.append(pool.get("reader", Connection))
        made.append(pool.get("writer", Connection))

    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(5)
    assert len(made) == 6
    assert all(connection.closed for connection in made)
    mine = pool.get("reader", Connection)
    assert not mine.closed
    pool.close()
    assert mine.closed


def test_nothing_is_opened_after_the_end() -> None:
    """A request that comes late would open the database anew behind a node that is closed."""
    pool = PerThread()
    pool.get("reader", Connection)
    pool.close()
    opened: list[Connection] = []

    def connect() -> Connection:
        opened.append(Connection())
        return opened[-1]

    for purpose in ("reader", "writer"):
        with pytest.raises(Unavailable, match="closed"):
            pool.get(purpose, connect)
    assert opened == []
    pool.close()


def test_what_is_opened_while_all_is_closed_is_closed_too() -> None:
    """The worst moment: between the check and the list of what there is to close."""
    pool, opened = PerThread(), []

    def connect() -> Connection:
        pool.close()
        opened.append(Connection())
        return opened[-1]

    with suppress(Unavailable):
        pool.get("reader", connect)
    assert [connection.closed for connection in opened] == [True]


@pytest.mark.parametrize("use", ["reading", "writing"])
def test_a_closed_database_is_unavailable(database: Database, use: str) -> None:
    database.close()
    with pytest.raises(Unavailable), getattr(database, use)():
        pytest.fail("it was opened")
