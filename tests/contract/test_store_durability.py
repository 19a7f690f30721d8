"""Law 6: acknowledged is durable. The settings that make it so, on the connection that writes."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from store_support import Clock, append, held, set_up, thing

from titian.core.collection import Collection
from titian.store.admin import Collections
from titian.store.store import Store


def test_sqlite_syncs_each_commit(fresh_store: Store) -> None:
    if fresh_store.database.kind != "sqlite":
        pytest.skip("SQLite's settings")
    with fresh_store.writing() as tx:
        assert tx.one("PRAGMA synchronous") == (2,), "FULL: the log is synced at each commit"
        assert tx.one("PRAGMA journal_mode") == ("wal",)
        assert tx.one("PRAGMA foreign_keys") == (1,)


def test_postgresql_waits_for_each_commit(new_url: Callable[[], str]) -> None:
    """Also on a server whose administrator has switched that off for everybody."""
    store = set_up(new_url(), Clock())
    if store.database.kind != "postgresql":
        pytest.skip("PostgreSQL's settings")
    name = urlsplit(store.database.url).path.removeprefix("/")
    with store.writing() as tx:
        tx.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    url = store.database.url
    store.close()
    again = Store(url)
    with again.reading() as tx:
        assert tx.one("SHOW synchronous_commit") == ("off",), "what the server would do by itself"
    with again.writing() as tx:
        assert tx.one("SHOW synchronous_commit") == ("on",)
        assert tx.one("SHOW fsync") == ("on",)
    again.close()


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
