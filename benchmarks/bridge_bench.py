"""What the bridge's rows share: sizes, homes of two nodes that know each other, and nodes that serve on loopback."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Sizes
from benchmarks.gate_bench import ANALYST, EVERYTHING, MAIN, RELEASER, fill
from benchmarks.gate_graph import graph
from benchmarks.processes import CannotStart, Server, free_port
from titian.cli.demo_story import public_parties
from titian.core.access import Role
from titian.core.collection import Collection, Kind
from titian.core.subscription import SECOND, Subscription, Terms
from titian.exchange.agree import By
from titian.exchange.public_agreements import public_agreements
from titian.node import Node, open_node
from titian.setup import init_node

BY: Final = By(person=ANALYST.id, why="benchmark")
PAIR: Final = ("bnpt", "mofa-japan")
"""Who releases, and who is subscribed: two parties of an agreement that ships with Titian."""
AGREEMENT: Final = "indonesia-japan-terrorism"
ENVIRONMENT: Final = {"TITIAN_REQUESTS_PER_SECOND": "0"}
_COMMAND: Final = (sys.executable, "-c", "from titian.cli import main; main()")


class BridgeSizes(NamedTuple):
    """How much a run does."""

    objects: int = 25_000
    entries: int = 200_000
    """How many entries are appended to a ledger in a turn."""
    proven: int = 10_000_000
    """How many entries the ledger has in which entries are proved."""
    proofs: int = 5_000
    nodes: int = 12
    seconds: int = 60
    every: float = 5.0
    """Seconds between two looks of a node of the mesh at a partner."""
    shared: Sizes = Sizes()


QUICK: Final = BridgeSizes(
    objects=2_500, entries=20_000, proven=1_000_000, proofs=500, nodes=4, seconds=10,
    shared=Sizes(rounds=2, seconds=0.3, pages=10),
)  # fmt: skip


class BridgeBench(Bench):
    """The run: homes are filled when the first row needs them."""

    def __init__(self, folder: Path, sizes: BridgeSizes, say: Callable[[str], None]) -> None:
        super().__init__(folder, sizes.shared, say)
        self.bridge = sizes
        self._copies = 0

    @cached_property
    def graph(self) -> tuple[bytes, ...]:
        """The objects, marked CLEAR."""
        return graph(self.bridge.objects)

    @cached_property
    def releasing(self) -> Path:
        """The home of a node that holds the graph, and has released nothing of it."""
        return self._home(PAIR[0], self.graph)

    @cached_property
    def receiving(self) -> Path:
        """The home of a node that holds nothing."""
        return self._home(PAIR[1], ())

    def _home(self, alias: str, objects: Sequence[bytes]) -> Path:
        self.say(f"fill the home of {alias}")
        home = self.folder / alias
        make_home(home, alias, [public_agreements()[AGREEMENT]])
        with open_node(home, environment={}) as node:
            fill(node, objects, 1 if objects else 0)
        return home

    def copy(self, home: Path) -> Path:
        """A home like another one. Remove it with :meth:`remove`."""
        self._copies += 1
        copied = self.folder / f"copy-{self._copies}"
        shutil.copytree(home, copied)
        return copied

    @staticmethod
    def remove(*homes: Path) -> None:
        """Remove homes whose nodes are closed."""
        for home in homes:
            shutil.rmtree(home)

    def serve(self, home: Path) -> Server:
        """`titian serve` on a home; it ends with the run if not before."""
        server = serve(home)
        self._ends.callback(server.stop)
        return server


def make_home(home: Path, alias: str, agreements: Sequence[str]) -> None:
    """Make the node of a real party, with agreements that it is in."""
    who = public_parties()[alias]
    init_node(home, name=who.name, country=who.country or "", identity=who.id)
    with open_node(home, environment={}) as node:
        for text in agreements:
            node.agreements.add(text.encode(), BY)


def serve(home: Path) -> Server:
    """`titian serve` on a home, on a free port of the loopback; it is a process tree of its own."""
    port = free_port()
    command = [*_COMMAND, "serve", "--home", str(home), "--port", str(port)]
    return Server(command, home / "benchmark-serve.log", ready="/health", port=port, environment=ENVIRONMENT)


def ask(node: Node, *references: str, agreement: str = AGREEMENT) -> str:
    """Ask for a release of everything, or of some, as an analyst does; the request."""
    return node.release.request(ANALYST, references or [EVERYTHING], agreement).request.id


def approve(node: Node, request: str) -> int:
    """Approve it as a releaser does; how many objects are new to all parties together."""
    return sum(node.release.approve(RELEASER, request).added.values())


def released(node: Node, agreement: str, party: str) -> Collection:
    """What a party sees under an agreement."""
    found = (one.collection for one in node.collections.list())
    return next(one for one in found if one.kind is Kind.RELEASED and one.agreement == agreement and one.party == party)


def agreement_id(node: Node, alias: str) -> str:
    """The identifier of an agreement."""
    return node.agreements.read().agreement(alias).id


@cache
def party_id(alias: str) -> str:
    """The identifier of a real party."""
    found = public_parties()[alias].id
    if found is None:
        raise CannotStart(f"{alias} has no identifier.")
    return found


def subscribe(subscriber: Node, sender: Node, url: str, agreement: str, every: float) -> Subscription:
    """Subscribe one node to what another one releases to it, with a key made for that: `titian subscribe`."""
    own = subscriber.record.identity
    name = f"{subscriber.record.name} {agreement}"
    _, key = sender.keys.add(name, Role.READER, party=own)
    shared = agreement_id(sender, agreement)
    terms = Terms(
        url=url, remote=released(sender, shared, own).id, title="", agreement=shared, party="",
        every=int(every * SECOND),
    )  # fmt: skip
    directory = subscriber.agreements.read().directory
    return subscriber.subscribe.subscribe(ANALYST, terms, key, directory, subscriber.collections.receiving)


__all__ = [
    "AGREEMENT", "ANALYST", "BY", "EVERYTHING", "MAIN", "PAIR", "QUICK", "RELEASER", "BridgeBench", "BridgeSizes",
    "agreement_id", "approve", "ask", "make_home", "party_id", "released", "serve", "subscribe",
]  # fmt: skip
