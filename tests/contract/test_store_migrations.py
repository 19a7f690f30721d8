"""The schema in code, the schema that the migrations make, and what an unfitting database is told."""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from store_support import NODE, Clock, set_up

import titian.store
from titian.core.errors import AlreadyExists, NotFound, Refused, TitianError
from titian.store.database import PAGE_SIZE, open_database
from titian.store.migrate import engine_for, migrate
from titian.store.registry import write_node
from titian.store.schema import metadata
from titian.store.store import REVISION, Store, schema_revision

NewUrl = Callable[[], str]


@pytest.fixture
def migrated(empty_url: NewUrl) -> str:
    url = empty_url()
    database = open_database(url, create=True)
    migrate(database)
    database.close()
    return url


def test_the_newest_script_is_the_revision_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(titian.store.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_migrations_make_the_schema(migrated: str) -> None:
    engine = engine_for(open_database(migrated, create=True))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == REVISION
        assert compare_metadata(context, metadata) == []
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            made = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
            assert made == {column.name: column.nullable for column in table.columns}
            assert inspector.get_pk_constraint(table.name)["constrained_columns"] == [
                column.name for column in table.primary_key.columns
            ]
            unique = {tuple(one["column_names"]) for one in inspector.get_unique_constraints(table.name)}
            wanted = {
                tuple(column.name for column in one.columns)
                for one in table.constraints
                if isinstance(one, sa.UniqueConstraint)
            }
            assert unique == wanted
    engine.dispose()


def test_segments_lie_as_they_were_measured(migrated: str) -> None:
    """PostgreSQL would compress each, SQLite would cut them into pages of half the size."""
    database = open_database(migrated, create=True)
    with database.reading() as tx:
        if database.kind == "postgresql":
            stored = tx.one(
                "SELECT attstorage FROM pg_attribute WHERE attrelid = 'segments'::regclass AND attname = 'data'"
            )
            assert stored in {("e",), (b"e",)}
        else:
            assert tx.one("PRAGMA page_size") == (PAGE_SIZE,)
    database.close()


def test_migrating_again_changes_nothing(new_url: NewUrl) -> None:
    url = new_url()
    store = set_up(url, Clock())
    migrate(store.database)
    again = Store(url)
    assert again.node == store.node
    store.close()
    again.close()


@pytest.fixture
def empty(empty_url: NewUrl) -> str:
    """A database that is there, with nothing in it."""
    url = empty_url()
    database = open_database(url, create=True)
    with database.writing() as tx:
        tx.one("SELECT 1")
    database.close()
    return url


def test_an_empty_database_holds_no_node(empty: str) -> None:
    with pytest.raises(NotFound, match="titian init"):
        Store(empty)


def test_what_is_not_opened_is_closed(empty: str) -> None:
    """A node that cannot be used keeps no connection: `titian check` in a loop would use them all up."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        with contextlib.suppress(NotFound):
            Store(empty)
        gc.collect()
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []


def test_a_schema_without_a_node_holds_no_node(migrated: str) -> None:
    with pytest.raises(NotFound, match="titian init"):
        Store(migrated)


@pytest.mark.parametrize("revision", ["0000", "0001", "9999"])
def test_another_schema_is_refused(new_url: NewUrl, revision: str) -> None:
    """Neither read nor written: an old one would be misread, a new one damaged."""
    url = new_url()
    store = set_up(url, Clock())
    with store.writing() as tx:
        tx.run("UPDATE alembic_version SET version_num = ?", revision)
    with store.reading() as tx:
        assert schema_revision(store.database, tx) == revision
    store.close()
    with pytest.raises(Refused, match=f"{revision}.*{REVISION}"):
        Store(url)


def test_migrating_a_newer_schema_is_an_error_of_ours(new_url: NewUrl) -> None:
    """`titian init --upgrade` with an older Titian: a sentence, not a traceback, and nothing is changed."""
    url = new_url()
    store = set_up(url, Clock())
    with store.writing() as tx:
        tx.run("UPDATE alembic_version SET version_num = ?", "9999")
    with pytest.raises(TitianError):
        migrate(store.database)
    with store.reading() as tx:
        assert schema_revision(store.database, tx) == "9999"
    store.close()


def test_a_database_holds_one_node(new_url: NewUrl) -> None:
    store = set_up(new_url(), Clock())
    with pytest.raises(AlreadyExists, match="BSSN"), store.writing() as tx:
        write_node(tx, NODE)
    store.close()
