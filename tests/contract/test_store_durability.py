"""Law 6: acknowledged is durable. The settings that make it so, on the connection that writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest
from store_support import Clock, append, held, set_up, thing

from titian.core.collection import Collection
from titian.core.errors import Unavailable
from titian.store.admin import Collections
from titian.store.postgres import _CONNECTION
from titian.store.store import Store


def test_sqlite_syncs_each_commit(fresh_store: Store) -> None:
    if fresh_store.database.kind != "sqlite":
        pytest.skip("SQLite's settings")
    with fresh_store.writing() as tx:
        assert tx.one("PRAGMA synchronous") == (2,), "FULL: the log is synced at each commit"
        assert tx.one("PRAGMA journal_mode") == ("wal",)
        assert tx.one("PRAGMA foreign_keys") == (1,)


def test_postgresql_waits_for_each_commit(
    backend: str, new_url: Callable[[], str], request: pytest.FixtureRequest
) -> None:
    """Also on a server whose administrator has switched that off for everybody."""
    if backend != "postgresql":
        pytest.skip("PostgreSQL's settings")
    with request.getfixturevalue("postgresql").durable():
        _waits_for_each_commit(new_url())


def _waits_for_each_commit(url: str) -> None:
    store = set_up(url, Clock())
    name = urlsplit(store.database.url).path.removeprefix("/")
    with store.writing() as tx:
        tx.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    store.close()
    again = Store(url)
    with closing(psycopg.connect(url)) as plain:
        assert plain.execute("SHOW synchronous_commit").fetchone() == ("off",), "what the server would do by itself"
    with again.writing() as tx:
        assert tx.one("SHOW synchronous_commit") == ("on",)
        assert tx.one("SHOW fsync") == ("on",)
    again.close()


@pytest.mark.parametrize("use", ["reading", "writing"])
@pytest.mark.parametrize(("name", "value"), [("lock_timeout", "30s"), ("idle_in_transaction_session_timeout", "2min")])
def test_a_writer_that_stopped_does_not_hold_up_the_others_for_ever(
    fresh_store: Store, use: str, name: str, value: str
) -> None:
    if fresh_store.database.kind != "postgresql":
        pytest.skip("SQLite waits as long as its busy timeout says")
    with getattr(fresh_store, use)() as tx:
        assert tx.one(f"SHOW {name}") == (value,)


def test_what_the_address_asks_of_the_server_is_kept(empty_url: Callable[[], str]) -> None:
    """libpq's ``options``: an administrator who names a schema there means it, also beside what we set."""
    url = empty_url()
    if not url.startswith("postgresql"):
        pytest.skip("SQLite has no server")
    with closing(psycopg.connect(url, autocommit=True)) as plain:
        plain.execute("CREATE SCHEMA kept_apart")
    joined = "&" if "?" in url else "?"
    with closing(set_up(f"{url}{joined}options=-c%20search_path%3Dkept_apart", Clock())) as store:
        with store.writing() as tx:
            found = [tx.one(f"SHOW {name}") for name in ("search_path", "lock_timeout")]
        assert found == [("kept_apart",), ("30s",)]


def test_a_writer_that_is_held_up_is_told(fresh_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an error of ours, that is tried again, and nothing of it is written."""
    if fresh_store.database.kind == "sqlite":
        monkeypatch.setattr("titian.store.database.BUSY_SECONDS", 0.1)
    else:
        options = {**_CONNECTION, "options": "-c lock_timeout=100ms"}
        monkeypatch.setattr("titian.store.postgres._CONNECTION", options)
    hurried = Store(fresh_store.database.url)
    with fresh_store.writing(), pytest.raises(Unavailable), hurried.writing():
        pytest.fail("two write at once")
    with hurried.writing() as tx:
        tx.one("SELECT 1")
    hurried.close()


def test_no_thread_leaves_a_connection_behind(fresh_store: Store) -> None:
    """Threads come and go with requests; connections that stay would use a server up."""
    if fresh_store.database.kind != "postgresql":
        pytest.skip("SQLite has no server to ask; see the unit tests")

    def connections() -> int:
        with fresh_store.writing() as tx:
            row = tx.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert row is not None
        return int(row[0])

    def read() -> None:
        with fresh_store.reading() as tx:
            tx.one("SELECT 1")

    before = connections()
    for _ in range(5):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join(10)
    until = time.monotonic() + 10
    while connections() > before and time.monotonic() < until:
        time.sleep(0.02)  # a backend takes a moment to end
    assert connections() <= before


def test_what_is_deleted_is_overwritten(fresh_store: Store) -> None:
    """``secure_delete`` on every connection: what was taken out must not lie in free pages of the file."""
    if fresh_store.database.kind != "sqlite":
        pytest.skip("SQLite's settings")
    for use in (fresh_store.reading, fresh_store.writing):
        with use() as tx:
            assert tx.one("PRAGMA secure_delete") == (1,)


def test_readers_cannot_write(store: Store) -> None:
    """A snapshot is for reading: on PostgreSQL the server says so."""
    if store.database.kind != "postgresql":
        pytest.skip("SQLite has no read-only transaction")
    with pytest.raises(Exception, match="read-only"), store.reading() as tx:
        tx.run("UPDATE node SET name = 'changed'")


def test_what_was_committed_is_there_for_another_process(store: Store, collection: Collection, clock: Clock) -> None:
    append(store, collection, item := thing())
    other = Store(store.database.url, clock=clock)
    assert held(other, collection) == [item.raw]
    other.close()


def test_a_server_that_dropped_the_connection_is_asked_again(fresh_store: Store) -> None:
    """PostgreSQL was restarted while the node was idle: the next request finds it."""
    if fresh_store.database.kind != "postgresql":
        pytest.skip("SQLite has no server")
    collection = Collections(fresh_store).add("one")
    with fresh_store.reading() as tx:
        reader = tx.one("SELECT pg_backend_pid()")
    with fresh_store.writing() as tx:
        writer = tx.one("SELECT pg_backend_pid()")
    assert reader is not None
    assert writer is not None
    killer = Store(fresh_store.database.url)
    with killer.writing() as tx:
        tx.one("SELECT pg_terminate_backend(?)", reader[0])
        tx.one("SELECT pg_terminate_backend(?)", writer[0])
    killer.close()
    append(fresh_store, collection, item := thing())
    assert held(fresh_store, collection) == [item.raw]
