"""Addresses of databases, connections for each thread, and a savepoint that undoes only its own block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from titian.core.errors import InvalidInput, Unavailable
from titian.store.database import Database, PerThread, open_database, savepoint, without_password

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


@pytest.mark.parametrize("url", ["postgresql://user@host/name", "sqlite:///a/b.db", "postgresql:///name"])
def test_without_a_password_all_is_shown(url: str) -> None:
    assert without_password(url) == url


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


class Connection:
    closed = False

    def close(self) -> None:
        self.closed = True


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
