"""Reads that are remembered beside reads that are not: the same pages of the same released collection (law 8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Final

from benchmarks.bench import PAGE, Turn
from benchmarks.bridge_bench import AGREEMENT, PAIR, BridgeBench, agreement_id, approve, ask, party_id, released
from benchmarks.bridge_rows import delivery
from benchmarks.client import Target, UnexpectedAnswer, closed_loop, fetch
from benchmarks.node import Node as ServedNode
from benchmarks.report import Figure, ratio, spread
from titian.core.access import Role
from titian.node import open_node
from titian.store.ledger import enter

_BOUNDS: Final = {1: 0.8, 16: 0.9}
"""What is to be reached, by connections."""
_SIDES: Final = ("own", "partner")
_COLD: Final = 8
"""How many different page sizes are read in a cold turn: each has pages of its own, none of them built before."""

_ALONE: Final = 500


class _ReadNode(ServedNode):
    """A node in a home that is there already, with a key of its own and one of the partner."""

    def __init__(self, bench: BridgeBench) -> None:
        self.home = bench.copy(bench.releasing)
        self._pages = {}
        self._server = None
        self._root = ""
        with open_node(self.home, environment={}) as node:
            approve(node, ask(node))
            # Else the words of what was just released are indexed beside the first of the reads that are timed.
            while node.find.catch_up(60):
                pass
            partner = party_id(PAIR[1])
            held = released(node, agreement_id(node, AGREEMENT), partner)
            self.count = node.collections.listed(held.id).count
            self._collections = {"released": held.id}
            self._keys = {
                "own": node.keys.add("own", Role.READER)[1],
                "partner": node.keys.add("partner", Role.READER, party=partner)[1],
            }
        self._keys["reader"] = self._keys["own"]

    def pages_for(self, side: str, limit: int) -> list[bytes]:
        """The requests for every page, in order, as one of the sides sends them."""
        self._keys["reader"] = self._keys[side]
        self._pages.clear()
        target = self.target(side)
        return [target.request(path) for path in self.pages("released", limit=limit)]

    def alone(self) -> float:
        """Milliseconds for one delivery record by itself: entered and committed durably, nobody else about."""
        with open_node(self.home, environment={}) as node:
            agreement = agreement_id(node, AGREEMENT)
            began = perf_counter()
            for number in range(_ALONE):
                with node.store.writing() as tx:
                    enter(tx, agreement, [delivery(number)])
            return (perf_counter() - began) / _ALONE * 1e3

    def delivered(self) -> int:
        """How many deliveries are recorded."""
        with open_node(self.home, environment={}) as node:
            node.store.settle()
            with node.store.reading() as tx:
                row = tx.one("SELECT count(*) FROM ledger_entries WHERE kind = 'delivery'")
        return int(row[0]) if row else 0


def reads(bench: BridgeBench) -> Iterator[Figure]:
    """In turn by a partner's key, whose reads are recorded, and by a key of the node's own, whose reads are not."""
    node = _ReadNode(bench)
    bench.say("find the pages")
    node.start()
    limits = [PAGE - number for number in range(_COLD)]
    cold = {side: [one for limit in limits for one in node.pages_for(side, limit)] for side in _SIDES}
    warm = {side: node.pages_for(side, PAGE) for side in _SIDES}
    _must_record(node, warm)
    for connections, wanted in _BOUNDS.items():
        alone = node.alone()
        turns = {side: _cold(node, side, cold[side], connections) for side in _SIDES}
        yield _compared(
            f"pages read for the first time, {connections} connection{'s' if connections > 1 else ''}",
            bench.take_turns(turns), wanted,
            f"{len(cold['own'])} different pages of about {PAGE} objects; the node starts anew before each round, "
            "its index of words in step",
        )  # fmt: skip
        turns = {side: _repeated(bench, node, side, warm[side], connections) for side in _SIDES}
        yield _compared(
            f"pages read again, {connections} connection{'s' if connections > 1 else ''}",
            bench.take_turns(turns), wanted,
            f"{len(warm['own'])} pages of {PAGE}, which the node still has in memory; one record by itself, entered "
            f"and durable, takes {alone:,.2f} ms just before",
        )  # fmt: skip
    node.stop()
    bench.remove(node.home)


def _must_record(node: _ReadNode, requests: Mapping[str, Sequence[bytes]]) -> None:
    """Raise when the sides are not what they are said to be."""
    before = node.delivered()
    fetch(node.target("own"), requests["own"][0])
    between = node.delivered()
    fetch(node.target("partner"), requests["partner"][0])
    if (between, node.delivered()) != (before, before + 1):
        raise UnexpectedAnswer("Only the partner's read should have been recorded.")


def _cold(node: _ReadNode, side: str, requests: Sequence[bytes], connections: int) -> Turn:
    """Pages a second from a node that has just started; its first answer, an empty page, is not counted."""

    def turn() -> float:
        node.restart()
        target, again = _moved(node, side, requests)
        fetch(target, target.request(f"{node.objects_path('released')}?added_after=2999-01-01T00:00:00.000000Z"))
        return closed_loop(target, again, connections=connections).rate

    return turn


def _repeated(bench: BridgeBench, node: _ReadNode, side: str, requests: Sequence[bytes], connections: int) -> Turn:
    def turn() -> float:
        target, again = _moved(node, side, requests)
        closed_loop(target, again)
        return closed_loop(target, again, connections=connections, seconds=bench.sizes.seconds).rate

    return turn


def _moved(node: _ReadNode, side: str, requests: Sequence[bytes]) -> tuple[Target, list[bytes]]:
    """The requests as they are sent now: a node that has started anew answers on another port."""
    target = node.target(side)
    return target, [target.request(one.split(b" ", 2)[1].decode()) for one in requests]


def _compared(what: str, found: dict[str, list[float]], wanted: float, note: str) -> Figure:
    return Figure(
        what=f"reads with a delivery record against the same without: {what}",
        measured=f"{spread(found['partner'])} pages/s",
        ratio=ratio(found["partner"], found["own"]),
        wanted=wanted,
        against=f"{spread(found['own'])} pages/s",
        note=note,
    )
