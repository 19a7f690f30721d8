"""What every test may use: a PostgreSQL server of its own, and hypothesis without chance or clock."""

from __future__ import annotations

import gc
import itertools
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

from support.postgres import PostgresServer, has_schema, postgres_server
from titian import setup
from titian.core.passwords import Cost
from titian.store.database import Database, SqliteDatabase
from titian.store.people import People

CHEAP = Cost(memory=64, passes=1)

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
    """A new node's database is a copy of one that was migrated once: a twentieth of a second for each test.

    Migrations have tests of their own, which call what is replaced here by its proper name.
    """
    made = tmp_path_factory.mktemp("schema") / "empty.db"

    def migrate(database: Database, to: str = "head") -> None:
        if has_schema(database.url):
            return
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


@pytest.fixture(scope="session", autouse=True)
def passwords_cost_little() -> Iterator[None]:
    """A guess at a password costs a node of this process next to nothing, where 64 MiB and a quarter of a second were.

    What it costs otherwise has tests of its own, which ask `titian.core.passwords`; a process keeps to that.
    """
    with mock.patch.object(People.__init__, "__defaults__", (os.urandom, CHEAP)):
        yield


@pytest.fixture(scope="session", autouse=True)
def applications_come_and_go() -> Iterator[None]:
    """An application readies its process for a long life; here hundreds of them live in one process, and briefly.

    Were each frozen, all would stay in memory to the end of the run: a gigabyte and a half. What the imports made is
    frozen instead, once, and some applications at a time are collected. `titian serve` in the journeys does as it says.
    """
    app = sys.modules.get("titian.web.app")  # whoever makes applications has imported it by now
    if app is None:
        yield
        return
    started = itertools.count(1)

    def collect() -> None:
        if next(started) % 10 == 0:
            gc.collect()

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with mock.patch.object(app, "gc", mock.Mock(spec=gc, collect=collect)), mock.patch.object(app, "warm_up"):
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test asks for it."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def new_database(postgresql: PostgresServer) -> Iterator[Callable[..., str]]:
    """Makes PostgreSQL databases that end with the test; `new_database(empty=True)` has not even the schema."""
    with postgresql.databases() as make:
        yield make
