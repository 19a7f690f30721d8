"""What the gate's rows share: sizes, people, homes that are filled once and copied, a served node with a partner."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Sizes
from benchmarks.client import Target
from benchmarks.gate_graph import agreement_file, graph, mixed, own_object
from benchmarks.node import Node as ServedNode
from titian.core.gate import Query
from titian.core.people import Actor, Duty
from titian.exchange.agree import By
from titian.node import Node, open_node
from titian.setup import init_node

ANALYST: Final = Actor("analyst-one", "Analyst One", Duty.ANALYST)
RELEASER: Final = Actor("releaser-one", "Releaser One", Duty.RELEASER)
BY: Final = By(person=ANALYST.id)
EVERYTHING: Final = "query:everything"
MAIN: Final = "main"
OWN_OBJECTS: Final = 20


class GateSizes(NamedTuple):
    """How much a run does."""

    objects: int = 25_000
    entries: int = 1_000_000
    pairs: int = 1_000_000
    shared: Sizes = Sizes()


QUICK: Final = GateSizes(objects=2_500, entries=20_000, pairs=1_000, shared=Sizes(rounds=2, seconds=0.3, pages=10))


class GateBench(Bench):
    """The run: homes are filled when the first row needs them."""

    def __init__(self, folder: Path, sizes: GateSizes, say: Callable[[str], None]) -> None:
        super().__init__(folder, sizes.shared, say)
        self.gate = sizes
        self._copies = 0

    @cached_property
    def graph(self) -> tuple[bytes, ...]:
        """The objects, marked CLEAR."""
        return graph(self.gate.objects)

    @cached_property
    def empty(self) -> Path:
        """The home of a node with an empty collection and one agreement, ``one``, with a single partner."""
        return self._home("empty", 1, ())

    @cached_property
    def held(self) -> Path:
        """The same with the graph held, and a few objects of the node's own."""
        return self._home("held", 1, self.graph)

    @cached_property
    def mixed(self) -> Path:
        """The same with ten partners, some of whom may not see everything."""
        return self._home("mixed", 10, list(mixed(self.graph)))

    def _home(self, name: str, members: int, objects: Sequence[bytes]) -> Path:
        self.say(f"fill the home {name}")
        home = self.folder / name
        init_node(home, name="Benchmark", country="ID")
        with open_node(home, environment={}) as node:
            node.agreements.add(agreement_file(node.record.identity, "one", members), BY)
            fill(node, objects, OWN_OBJECTS if objects else 0)
        return home

    def fresh(self, home: Path) -> Node:
        """A node in a copy of a home. Close it with :meth:`discard`."""
        self._copies += 1
        copied = self.folder / f"copy-{self._copies}"
        shutil.copytree(home, copied)
        return open_node(copied, environment={})

    def discard(self, node: Node) -> None:
        """Close a node and remove its home."""
        node.close()
        shutil.rmtree(node.home)

    def served(self, name: str, partners: int) -> PartnerNode:
        """A node with an agreement ``one`` between it and some partners, the first of whom has a key; not started."""
        self.say(f"set up the node {name}")
        node = PartnerNode(self.folder / name)
        self._ends.callback(node.stop)
        with open_node(node.home, environment={}) as opened:
            opened.agreements.add(agreement_file(opened.record.identity, "one", partners), BY)
        node.add_partner("one-1")
        return node


def fill(node: Node, objects: Iterable[bytes], own: int = OWN_OBJECTS) -> None:
    """Hold objects in the collection :data:`MAIN`, made where there is none, and some of the node's own beside;
    :data:`EVERYTHING` finds them."""
    names = {one.collection.name for one in node.collections.list()}
    collection = node.collections.find(MAIN) if MAIN in names else node.collections.add(MAIN)
    node.release.save_query(ANALYST, Query(name=EVERYTHING.removeprefix("query:"), collections=(MAIN,)))
    given = [*objects, *(own_object(node.record.identity, number) for number in range(own))]
    report = node.exchange.hold(given, collection, source="benchmark")
    assert report.added == len(given), report.rejected[:3]


def release_all(node: Node, *references: str) -> int:
    """Release everything, or some, under the agreement ``one``, as two persons do; how many its first partner got."""
    asked = node.release.request(ANALYST, references or [EVERYTHING], "one")
    done = node.release.approve(RELEASER, asked.request.id)
    return done.added[node.agreements.read().party("one-1").id]


class PartnerNode(ServedNode):
    """A served node with a partner's key besides its own; ``reading_as`` is whose key reads pages."""

    reading_as = "reader"

    def add_partner(self, party: str) -> None:
        """Make a key of a party."""
        made = self._run("keys", "add", "bench-partner", "--role", "reader", "--party", party)
        self._keys["partner"] = str(made["key"])

    def add_released(self, name: str, identifier: str) -> None:
        """Let a collection that is there already be read by a name."""
        self._collections[name] = identifier

    def target(self, role: str = "") -> Target:
        """Where the node answers, with the key of ``role``."""
        return super().target(role or self.reading_as)
