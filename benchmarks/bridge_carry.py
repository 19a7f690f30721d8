"""One release from node to node: from the start of it until the subscribed partner has judged every object."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Final, TypeVar

from benchmarks.bridge_bench import AGREEMENT, MAIN, PAIR, BridgeBench, approve, ask, party_id, released, subscribe
from benchmarks.client import UnexpectedAnswer
from benchmarks.gate_graph import own_id
from benchmarks.report import Figure, ratio, spread
from titian.core.collection import Kind
from titian.core.subscription import Subscription
from titian.node import Node, open_node

T = TypeVar("T")

_PATIENCE: Final = 120.0
_LOOK: Final = 0.01
_EVERY: Final = 1.0


def carry(bench: BridgeBench) -> Iterator[Figure]:
    """Both nodes are served by processes of their own; what the releaser does is done by a third, as from a shell."""
    path = bench.folder / "graph.json"
    path.write_bytes(b'{"type":"bundle","id":"bundle--5f0f7c3a-62a0-4c39-9e7c-0f6fd9a9a5b1","objects":['
                     + b",".join(bench.graph) + b"]}")  # fmt: skip
    parts: dict[str, list[float]] = {name: [] for name in ("request", "approve", "import", "whole", "pull", "checked")}
    count = 0
    for _ in range(bench.sizes.rounds):
        seconds, count = _import(bench, path)
        parts["import"].append(seconds)
        for name, value in _carried(bench).items():
            parts[name].append(value)
    limit = [one + other for one, other in zip(parts["approve"], parts["import"], strict=True)]
    told = {name: spread(values, digits=2) for name, values in parts.items()}
    yield Figure(
        what=f"{count:,} objects released by one node, until the subscribed node has judged them all",
        measured=f"{told['whole']} s",
        ratio=ratio(parts["whole"], limit),
        wanted=1.5,
        sense="≤",
        against=f"{spread(limit, digits=2)} s = approval {told['approve']} s + import from a file {told['import']} s",
        note=f"from the start of the approval, which is what releases, to the last page judged; subscribed with "
        f"--every 1s. From the end of the approval to then {told['pull']} s, of which {_WAIT}; then the ledger is "
        f"checked and cosigned, which is done {told['checked']} s after the start. The request takes "
        f"{told['request']} s more: with it on both sides the ratio is {_with_request(parts):,.2f}",
    )


_WAIT: Final = "half a second or so is the wait for the next look"


def _with_request(parts: dict[str, list[float]]) -> float:
    ours = [whole + request for whole, request in zip(parts["whole"], parts["request"], strict=True)]
    theirs = [sum(some) for some in zip(parts["request"], parts["approve"], parts["import"], strict=True)]
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def _import(bench: BridgeBench, path: Path) -> tuple[float, int]:
    """B's plain import of the same objects, into an empty node."""
    home = bench.copy(bench.receiving)
    with open_node(home, environment={}) as node:
        gc.collect()
        into = node.collections.find(MAIN)
        report, seconds = clocked(lambda: node.exchange.import_files([path], into))
        if report.held.rejected:
            raise UnexpectedAnswer(f"Not imported: {report.held.rejected[:3]}")
    bench.remove(home)
    return seconds, report.held.added


def _carried(bench: BridgeBench) -> dict[str, float]:
    homes = [bench.copy(bench.releasing), bench.copy(bench.receiving)]
    sender, receiver = (open_node(home, environment={}) for home in homes)
    servers = []
    try:
        # A first release of one object makes the collection that there is to subscribe to.
        approve(sender, ask(sender, own_id(0)))
        servers += [bench.serve(homes[0]), bench.serve(homes[1])]
        agreed = subscribe(receiver, sender, servers[0].target.url, AGREEMENT, _EVERY)
        _await(lambda: _judged(receiver, agreed) >= 1 and _settled(receiver, agreed), "the first object")
        before = _judged(receiver, agreed)
        gc.collect()
        request, asking = clocked(lambda: ask(sender))
        began = perf_counter()
        added, approving = clocked(lambda: approve(sender, request))
        _await(lambda: _judged(receiver, agreed) >= before + added, "the release")
        whole = perf_counter() - began
        _await(lambda: _settled(receiver, agreed), "the check of the ledger")
        checked = perf_counter() - began
        _check(sender, receiver, agreed)
    finally:
        for server in servers:
            server.stop()
        sender.close()
        receiver.close()
        bench.remove(*homes)
    return {"request": asking, "approve": approving, "whole": whole, "pull": whole - approving, "checked": checked}


def _judged(node: Node, subscription: Subscription) -> int:
    """How many objects have arrived and are judged, as its database says."""
    with node.store.reading() as tx:
        row = tx.one("SELECT coalesce(sum(count), 0) FROM arrivals WHERE subscription = ? AND judged IS NOT NULL",
                     subscription.id)  # fmt: skip
    return int(row[0]) if row else 0


def _settled(node: Node, subscription: Subscription) -> bool:
    """Whether the last pull has ended well, and has checked a ledger in which every page is recorded."""
    with node.store.reading() as tx:
        row = tx.one("SELECT count(*) FROM arrivals WHERE subscription = ? AND entry IS NULL", subscription.id)
    return row is not None and not row[0] and node.subscribe.find(subscription.id).progress.checked is not None


def _check(sender: Node, receiver: Node, subscription: Subscription) -> None:
    progress = receiver.subscribe.find(subscription.id).progress
    there = sender.collections.listed(released(sender, subscription.terms.agreement, party_id(PAIR[1])).id).count
    here = [one for one in receiver.collections.list() if one.collection.num == subscription.collection]
    if progress.error or progress.gaps or progress.quarantined or here[0].count != there:
        raise UnexpectedAnswer(f"{there} objects were released, {here[0].count} held: {progress}")
    assert here[0].collection.kind is Kind.RECEIVED


def _await(done: Callable[[], bool], what: str) -> None:
    until = perf_counter() + _PATIENCE
    while not done():
        if perf_counter() > until:
            raise UnexpectedAnswer(f"Not within {_PATIENCE:.0f} s: {what}.")
        sleep(_LOOK)


def clocked(work: Callable[[], T]) -> tuple[T, float]:
    """What something returns, and the seconds that it took."""
    began = perf_counter()
    done = work()
    return done, perf_counter() - began
