"""One suite, both backends: each test here runs on an SQLite file and on PostgreSQL."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_support import SMALL_PAGE, START, Clock, set_up

from support.gate import Bench, benches
from titian.core.collection import Collection
from titian.store.admin import Collections
from titian.store.committer import Committer
from titian.store.store import Store

BACKENDS = ("sqlite", "postgresql")
NewUrl = Callable[[], str]


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def _files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewUrl]:
    """Makes addresses of SQLite files; they end with the test too."""
    numbers = itertools.count()
    folder: Path = tmp_path_factory.mktemp("stores")
    yield lambda: f"sqlite:///{folder / f'{next(numbers)}.db'}"
    shutil.rmtree(folder)


@pytest.fixture
def new_url(backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewUrl]:
    """Makes the address of a database for a node; on PostgreSQL the schema is in it already (see `set_up`)."""
    if backend == "postgresql":
        yield request.getfixturevalue("new_database")
    else:
        with _files(tmp_path_factory) as make:
            yield make


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, new_url: NewUrl) -> NewUrl:
    """Makes the address of a database with nothing in it, for what makes the schema itself."""
    if backend == "postgresql":
        make = request.getfixturevalue("new_database")
        return lambda: str(make(empty=True))
    return new_url


@pytest.fixture(scope="session")
def lasting_url(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewUrl]:
    """As `new_url`, for what many tests share."""
    if backend == "postgresql":
        databases = request.getfixturevalue("postgresql").databases()
    else:
        databases = _files(tmp_path_factory)
    with databases as make:
        yield make


@pytest.fixture(scope="session")
def shared_store(lasting_url: NewUrl) -> Iterator[Store]:
    """A store for every test that brings its own collection."""
    store = set_up(lasting_url(), Clock())
    yield store
    store.close()


@pytest.fixture
def clock(shared_store: Store) -> Clock:
    """The store's clock, set back to where every test begins."""
    clock = shared_store.clock
    assert isinstance(clock, Clock)
    clock.now = START
    return clock


@pytest.fixture
def store(shared_store: Store, clock: Clock) -> Store:
    return shared_store


_names = itertools.count()


@pytest.fixture
def new_collection(store: Store) -> Callable[[], Collection]:
    """Makes an empty collection in the shared store."""
    return lambda: Collections(store).add(f"collection {next(_names)}")


@pytest.fixture
def collection(new_collection: Callable[[], Collection]) -> Collection:
    return new_collection()


@pytest.fixture
def fresh_store(new_url: NewUrl) -> Iterator[Store]:
    """A store that nothing else uses, for tests that change more than a collection."""
    store = set_up(new_url(), Clock())
    yield store
    store.close()


@pytest.fixture
def committer(store: Store) -> Iterator[Committer]:
    made = Committer(store.database)
    yield made
    made.close()


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boundaries of segments and pages every few objects, instead of every few hundred."""
    monkeypatch.setattr("titian.store.segments.SEGMENT_BYTES", 600)
    monkeypatch.setattr("titian.store.append._MERGE_BELOW", 300)
    monkeypatch.setattr("titian.store.pages.PAGE_BYTES", SMALL_PAGE)
    monkeypatch.setattr("titian.store.pages._SEGMENTS_AT_ONCE", 2)


@pytest.fixture
def new_bench(new_url: NewUrl, tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    """Makes nodes with partners (:class:`support.gate.Bench`)."""
    yield from benches(tmp_path, new_url)
