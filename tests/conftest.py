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


def pytest_configure(config: pytest.Config) -> None:
    """Every warning is an error but this one, which a package that we cannot choose gives in our name."""
    # misp-stix brings `mixbox`, whose `vendor/six.py` hooks into the import system in a way that Python 3.10
    # deprecated. From then on, the next import that fails (`import trio` in httpcore, say) warns of it.
    config.addinivalue_line("filterwarnings", "ignore:_SixMetaPathImporter:ImportWarning")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test asks for it; `.new_database()` gives a URL."""
    with postgres_server() as server:
        yield server
