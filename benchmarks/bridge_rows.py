"""Rows about the ledger without HTTP: what it costs a release, and how quickly it grows."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

from benchmarks.bridge_bench import AGREEMENT, PAIR, BridgeBench, agreement_id, approve, ask, party_id
from benchmarks.bridge_carry import clocked
from benchmarks.client import UnexpectedAnswer
from benchmarks.report import Figure, ratio, spread
from titian.core.collection import Collection
from titian.core.ledger import LEAF_SIZE, Entry, Kind, commit
from titian.core.merkle import Tree, leaf_hash
from titian.node import Node, open_node
from titian.store.gate import StoreSession
from titian.store.ledger import enter, find_ledger

GROUP: Final = 1000
"""Entries in one transaction."""
JOBS: Final = 64
"""Entries in one transaction of deliveries that were waiting together, at most: as the group commit has it."""


def ledger(bench: BridgeBench) -> Iterator[Figure]:
    """A release of everything, with its entries in the ledgers and without."""
    parts: dict[str, list[float]] = {"request": [], "approve": [], "request without": [], "approve without": []}
    counts: dict[bool, set[int]] = {True: set(), False: set()}

    def turn(recorded: bool) -> float:
        home = bench.copy(bench.releasing)
        with open_node(home, environment={}) as node, ExitStack() as stack:
            if not recorded:
                _without_ledger(stack)
            before = _entries(node)
            gc.collect()
            request, first = clocked(lambda: ask(node))
            count, second = clocked(lambda: approve(node, request))
            counts[recorded].add(_entries(node) - before)
        bench.remove(home)
        parts["request" if recorded else "request without"].append(first)
        parts["approve" if recorded else "approve without"].append(second)
        return count / (first + second)

    found = bench.take_turns({"with": partial(turn, recorded=True), "without": partial(turn, recorded=False)})
    if 0 in counts[True] or counts[False] != {0}:
        raise UnexpectedAnswer(f"Entries with and without a ledger: {counts}")
    told = ", ".join(f"{name} {median(values):,.2f} s" for name, values in parts.items())
    yield Figure(
        what=f"release of {len(bench.graph):,} objects with the ledger against without: request and approval",
        measured=f"{spread(found['with'])} objects/s",
        ratio=ratio(found["with"], found["without"]),
        wanted=0.9,
        against=f"{spread(found['without'])} objects/s without the entries of the release and of the acts",
        note=f"{told}; approval alone: {ratio(parts['approve without'], parts['approve']):,.2f}; "
        f"{max(counts[True])} entries",
    )


def _entries(node: Node) -> int:
    with node.store.reading() as tx:
        row = tx.one("SELECT coalesce(sum(size), 0) FROM ledgers")
    return int(row[0]) if row else 0


def _without_ledger(stack: ExitStack) -> None:
    """Leave out of the release all that there would not be without a ledger, in this process only."""

    def nothing(*_: Any, **__: Any) -> int:
        return 0

    def only_count(
        session: StoreSession, collection: Collection, _why: str, _before: int, taken: Sequence[int]
    ) -> None:
        if taken:
            session.tx.run("UPDATE collections SET taken = taken + 1 WHERE num = ?", collection.num)

    stack.enter_context(patch("titian.store.gate.enter", nothing))
    stack.enter_context(patch("titian.store.acts.enter_act", nothing))
    stack.enter_context(patch.object(StoreSession, "_remember", only_count))


# ── appending ─────────────────────────────────────────────────────────────────────────────────────────────


def append(bench: BridgeBench) -> Iterator[Figure]:
    """Entries into the ledger of an agreement, in groups that are durable, and sealed under signed checkpoints."""
    count = bench.bridge.entries
    found = bench.take_turns(
        {
            "groups": lambda: _appended(bench, count, GROUP, GROUP),
            "sealed later": lambda: _appended(bench, count, JOBS, 16 * GROUP),
            "entered": lambda: _appended(bench, count, GROUP, 0),
            "core": lambda: _grown(count, GROUP),
        }
    )
    yield Figure(
        what=f"append of {count:,} delivery records to the tree, in groups of {GROUP:,}",
        measured=f"{spread(found['groups'])} entries/s",
        ratio=median(found["groups"]) / 1000,
        wanted=20,
        unit="thousand entries/s",
        against=f"{spread(found['core'])} entries/s by the pure core: commitments, hashes and tiles in memory",
        note=f"through the store, end to end: each group is one durable transaction, and is then sealed in another, "
        f"which writes tiles and bundles, signs, and syncs the file of heads. In groups of {JOBS}, sealed every "
        f"{16 * GROUP:,}: {spread(found['sealed later'])} entries/s. Entered only, not sealed: "
        f"{spread(found['entered'])} entries/s",
    )


def delivery(number: int) -> Entry:
    """A delivery record as a page of a thousand objects leaves it."""
    first = 1_790_000_000_000_000 + number * 1000
    return Entry(
        kind=Kind.DELIVERY, at=first, party=party_id(PAIR[1]),
        details={
            "collection": "9b62d13f-b6fb-419a-89db-79d577312c3e", "key": "0123456789abcdef", "view": "objects",
            "after": first - 1, "first": first, "last": first + 999, "count": 1000,
            "digest": f"{number:064x}", "whole": True,
        },
    )  # fmt: skip


def _appended(bench: BridgeBench, count: int, group: int, sealed: int) -> float:
    """Entries a second: entered in groups, and sealed whenever so many are new; 0 for never."""
    home = bench.copy(bench.receiving)
    entries = [delivery(number) for number in range(count)]
    with open_node(home, environment={}) as node:
        agreement = agreement_id(node, AGREEMENT)
        num = seal_all(node, agreement)
        gc.collect()
        began, waiting = perf_counter(), 0
        for start in range(0, count, group):
            some = entries[start : start + group]
            with node.store.writing() as tx:
                enter(tx, agreement, some)
            waiting += len(some)
            if sealed and waiting >= sealed:
                node.ledgers.seal(num)
                waiting = 0
        if sealed and waiting:
            node.ledgers.seal(num)
        seconds = perf_counter() - began
        with node.store.reading() as tx:
            held = find_ledger(tx, agreement)
        if held is None or held.size < count or (sealed and held.head.size != held.size):
            raise UnexpectedAnswer(f"Not all was appended: {held}")
    bench.remove(home)
    return count / seconds


def seal_all(node: Node, agreement: str) -> int:
    """Make the ledger of an agreement where there is none, and seal what waits; its number."""
    with node.store.writing() as tx:
        if find_ledger(tx, agreement) is None:
            enter(tx, agreement, [delivery(0)])
    node.ledgers.seal_all()
    with node.store.reading() as tx:
        found = find_ledger(tx, agreement)
    if found is None:
        raise UnexpectedAnswer("There is no ledger.")
    return found.num


def _grown(count: int, group: int) -> float:
    """The same in memory: payloads, commitments, leaf hashes, and the tree with its tiles."""
    entries = [delivery(number) for number in range(count)]
    salt = bytes(LEAF_SIZE)
    gc.collect()
    began, tree = perf_counter(), Tree()
    for start in range(0, count, group):
        leaves = [leaf_hash(commit(salt, one.payload())) for one in entries[start : start + group]]
        tree = tree.append(leaves).tree
    return count / (perf_counter() - began)
