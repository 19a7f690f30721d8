"""What every test may use: a PostgreSQL server of its own, and hypothesis without chance or clock."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

from support.postgres import PostgresServer, postgres_server
from titian import setup
from titian.store.database import Database, SqliteDatabase

settings.register_profile(
    "titian",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("titian")


def pytest_configure(config: pytest.Config) -> None:
    """Every warning is an error but this one, which a package that we cannot choose gives in our name."""
    # misp-stix brings `mixbox`, whose `vendor/six.py` hooks into the import system in a way that Python 3.10
    # deprecated. From then on, the next import that fails (`import trio` in httpcore, say) warns of it.
    config.addinivalue_line("filterwarnings", "ignore:_SixMetaPathImporter:ImportWarning")


@pytest.fixture(scope="session", autouse=True)
def schema_at_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new node's SQLite database is a copy of one that was migrated once: a twentieth of a second for each test.

    Migrations have tests of their own, which call what is replaced here by its proper name.
    """
    made = tmp_path_factory.mktemp("schema") / "empty.db"

    def migrate(database: Database, to: str = "head") -> None:
        if not isinstance(database, SqliteDatabase) or not database._create or database.path.exists():
            real(database, to)
            return
        if not made.exists():
            first = SqliteDatabase(made.with_suffix(".first"), create=True)
            real(first)
            first.close()
            with sqlite3.connect(first.path) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            first.path.rename(made)
        descriptor = os.open(database.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.read_bytes())

    real = setup.migrate
    with mock.patch.object(setup, "migrate", migrate):
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test asks for it; `.new_database()` gives a URL."""
    with postgres_server() as server:
        yield server
