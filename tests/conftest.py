"""What every test may use: a PostgreSQL server of its own, and hypothesis without chance or clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from support.postgres import PostgresServer, postgres_server

settings.register_profile(
    "titian",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("titian")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test asks for it; `.new_database()` gives a URL."""
    with postgres_server() as server:
        yield server
