"""Running nodes, one for each backend, and readers of them."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support.nodes import Collection, Key, Node, WarmCli
from support.postgres import PostgresServer
from support.stix import Object, malware
from support.taxii import Taxii, api_root

BACKENDS = ("sqlite-1worker", "postgresql-2workers")

NewNode = Callable[..., Node]
NewCollection = Callable[..., Collection]
NewKey = Callable[..., Key]
As = Callable[[Key | None], Taxii]

_log_start = pytest.StashKey[int]()
_names = itertools.count(1)


@pytest.fixture(scope="session")
def cli() -> Iterator[WarmCli]:
    """The command line, imported once."""
    warm = WarmCli()
    yield warm
    warm.close()


class Shared:
    """A running node, and what is made in it once for all tests."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.keys: dict[str, Key] = {}
        self.large: tuple[Collection, list[Object]] | None = None
        self._maker = ThreadPoolExecutor(1)
        self._waiting: deque[Future[Collection]] = deque()

    def add_collection(self, *options: str, alias: str | None = None) -> Collection:
        return self.node.add_collection(f"collection-{next(_names)}", *options, alias=alias)

    def collection(self) -> Collection:
        """A plain collection, made ahead of the test that wants it: half of the suite's time otherwise."""
        while len(self._waiting) < 7:
            self._waiting.append(self._maker.submit(self.add_collection))
        return self._waiting.popleft().result()

    def stop(self) -> None:
        self._maker.shutdown(cancel_futures=True)
        self.node.stop()


@pytest.fixture(scope="session")
def shared_nodes(postgresql: PostgresServer) -> Iterator[dict[str, Shared]]:
    """The nodes that run, by backend. They outlive a change of backend, of which there are two in each file.

    The server of the database is asked for first, so that it ends last.
    """
    running: dict[str, Shared] = {}
    yield running
    for each in running.values():
        each.stop()


@pytest.fixture(scope="session", params=BACKENDS)
def shared(
    request: pytest.FixtureRequest, cli: WarmCli, tmp_path_factory: pytest.TempPathFactory,
    shared_nodes: dict[str, Shared],
) -> Shared:  # fmt: skip
    if request.param not in shared_nodes:
        server: PostgresServer | None = None
        if request.param.startswith("postgresql"):
            server = request.getfixturevalue("postgresql")
        node = Node(
            tmp_path_factory.mktemp("node") / "home",
            cli,
            database=server.new_database() if server else None,
            workers=2 if server else 1,
        )
        node.init().serve()
        shared_nodes[request.param] = Shared(node)
    return shared_nodes[request.param]


@pytest.fixture(scope="session")
def node(shared: Shared) -> Node:
    """A running node for each backend, shared by all tests: make a collection of your own in it."""
    return shared.node


@pytest.fixture
def new_node(cli: WarmCli, tmp_path: Path) -> Iterator[NewNode]:
    """Makes nodes of the test's own, on SQLite if not told otherwise; they end with it."""
    made: list[Node] = []

    def make(*, database: str | None = None, workers: int = 1) -> Node:
        fresh = Node(tmp_path / f"home{len(made)}", cli, database=database, workers=workers)
        made.append(fresh)
        return fresh.init()

    yield make
    for each in made:
        each.stop()


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """One connection pool for all readers; plain HTTP, so no certificates are loaded."""
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
    # Headers that httpx adds by itself would blur what a test says it sends.
    with httpx.Client(verify=False, limits=limits, timeout=30.0, headers={"Accept-Encoding": "identity"}) as client:
        yield client


@pytest.fixture(scope="session")
def scattered() -> Iterator[httpx.Client]:
    """A new connection for each request, so that requests fall on all workers: one kept open stays with one."""
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=0)
    with httpx.Client(verify=False, limits=limits, timeout=30.0, headers={"Accept-Encoding": "identity"}) as client:
        yield client


@pytest.fixture(scope="session")
def new_collection(shared: Shared) -> NewCollection:
    """Makes a collection on the shared node: `new_collection("--inbox", alias="drop")`."""

    return shared.add_collection


@pytest.fixture
def collection(shared: Shared) -> Collection:
    """A fresh collection that a writer may read and write."""
    return shared.collection()


@pytest.fixture(scope="session")
def new_key(node: Node) -> NewKey:
    """Makes a key on the shared node: `new_key("reader", collection)`."""

    def make(role: str, collection: Collection | None = None) -> Key:
        return node.add_key(f"{role}-{next(_names)}", role, collection)

    return make


@pytest.fixture(scope="session")
def keys(shared: Shared, new_key: NewKey) -> dict[str, Key]:
    """One key for each role, for every collection."""
    if not shared.keys:
        shared.keys.update({role: new_key(role) for role in ("reader", "writer", "admin")})
    return shared.keys


@pytest.fixture(scope="session")
def acting_as(node: Node, http: httpx.Client, scattered: httpx.Client, keys: dict[str, Key]) -> As:
    """`acting_as(key)` is the shared node as that reader meets it; `acting_as(None)` sends no credentials."""
    root = api_root(Taxii(node, keys["admin"], http))
    return lambda key: Taxii(node, key, scattered if node.workers > 1 else http, root)


@pytest.fixture(scope="session")
def reader(acting_as: As, keys: dict[str, Key]) -> Taxii:
    return acting_as(keys["reader"])


@pytest.fixture(scope="session")
def writer(acting_as: As, keys: dict[str, Key]) -> Taxii:
    return acting_as(keys["writer"])


@pytest.fixture(scope="session")
def admin(acting_as: As, keys: dict[str, Key]) -> Taxii:
    return acting_as(keys["admin"])


@pytest.fixture(scope="session")
def stranger(acting_as: As) -> Taxii:
    """Sends no credentials."""
    return acting_as(None)


@pytest.fixture(scope="session")
def large(shared: Shared, writer: Taxii) -> tuple[Collection, list[Object]]:
    """A collection of 5,200 objects, more than any page may hold."""
    if shared.large is None:
        made = shared.add_collection()
        objects = [malware() for _ in range(5200)]
        for start in range(0, len(objects), 1300):
            writer.add(made, *objects[start : start + 1300])
        shared.large = made, objects
    return shared.large


# A failing test shows what the node wrote meanwhile.


def _node_of(item: pytest.Item) -> Node | None:
    found = getattr(item, "funcargs", {}).get("node")
    return found if isinstance(found, Node) else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    shared = _node_of(item)
    item.stash[_log_start] = shared.log_size() if shared else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    shared = _node_of(item)
    if shared and report.failed:
        log = shared.log(item.stash.get(_log_start, 0))
        report.sections.append(("log of titian serve", log[-8000:]))
    return report
