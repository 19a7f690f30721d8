"""Rows over HTTP: a partner's reads beside the node's own, and how soon somebody who left is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter

from benchmarks.bench import PAGE, Turn
from benchmarks.client import Target, UnexpectedAnswer, closed_loop, fetch
from benchmarks.gate_bench import BY, MAIN, GateBench, PartnerNode, fill, release_all
from benchmarks.gate_graph import own_id, synthetic
from benchmarks.report import Figure, ratio, spread
from titian.core.collection import Collection as HeldCollection
from titian.core.collection import Kind
from titian.node import Node, open_node

_RELEASED = "released"
_SIDES = {"own": ("reader", MAIN), "partner": ("partner", _RELEASED)}
_PATIENCE = 60.0
_ROUNDS = 2
"""How often membership changes: it may take minutes."""
_IN_ONE = 50_000


def reads(bench: GateBench) -> Iterator[Figure]:
    """The same objects, as the node's own people read them and as a partner does, in turn."""
    node = bench.served("reads", 1)
    with open_node(node.home, environment={}) as opened:
        fill(opened, bench.graph)
        node.add_released(_RELEASED, _released_all(opened, "one-1"))
    node.start()
    pages = {side: _pages(node, *where) for side, where in _SIDES.items()}
    yield _compared(
        "pages of 1,000, first read",
        bench.take_turns({side: _first_read(node, side, pages[side]) for side in _SIDES}),
        "pages/s",
        f"{len(pages['own'])} and {len(pages['partner'])} pages; the node starts anew before each round",
    )
    kinds = {
        "pages of 1,000, repeated read": pages,
        "match[id]": {side: _lookups(node, where[1]) for side, where in _SIDES.items()},
        "empty added_after poll": {side: [_poll(node, where[1])] for side, where in _SIDES.items()},
    }
    for what, paths in kinds.items():
        turns = {side: _reading(bench, node, side, paths[side]) for side in _SIDES}
        unit = "pages/s" if what.startswith("pages") else "requests/s"
        yield _compared(what, bench.take_turns(turns), unit, "")
    node.stop()


def _released_all(opened: Node, alias: str) -> str:
    """Release everything that is held; the identifier of the party's collection."""
    release_all(opened)
    return _collection(opened, alias).id


def _pages(node: PartnerNode, role: str, collection: str) -> list[str]:
    node.reading_as = role
    return node.pages(collection, limit=PAGE)


def _reading(bench: GateBench, node: PartnerNode, side: str, paths: Sequence[str]) -> Turn:
    target = node.target(_SIDES[side][0])
    requests = [target.request(path) for path in paths]
    return lambda: closed_loop(target, requests, seconds=bench.sizes.seconds).rate


def _first_read(node: PartnerNode, side: str, paths: Sequence[str]) -> Turn:
    """Pages a second from a node that has just started and has answered only discovery and an empty poll."""
    role, collection = _SIDES[side]

    def turn() -> float:
        node.restart()
        node.reading_as = role
        node.get(_poll(node, collection))
        target = node.target(role)
        return closed_loop(target, [target.request(path) for path in paths]).rate

    return turn


def _poll(node: PartnerNode, collection: str) -> str:
    return f"{node.objects_path(collection)}?added_after=2999-01-01T00:00:00.000000Z"


def _lookups(node: PartnerNode, collection: str) -> list[str]:
    return [f"{node.objects_path(collection)}?match%5Bid%5D={own_id(number)}" for number in range(10)]


def _compared(what: str, found: dict[str, list[float]], unit: str, note: str) -> Figure:
    return Figure(
        what=f"reads by a partner against the node's own: {what}",
        measured=f"{spread(found['partner'])} {unit}",
        ratio=ratio(found["partner"], found["own"]),
        wanted=0.9,
        against=f"{spread(found['own'])} {unit}",
        note=note,
    )


# ── who left ──────────────────────────────────────────────────────────────────────────────────────────────


def membership(bench: GateBench) -> Iterator[Figure]:
    """Take a party out of an agreement while the node serves: from the call to the first answer that refuses it.

    Two parties are served half of the entries each, and all of it is held, so that what one of them may still see
    can be worked out again.
    """
    node = bench.served("membership", 2)
    half = bench.gate.entries // 2
    with open_node(node.home, environment={}) as opened:
        fill(opened, ())
        node.add_released(_RELEASED, _released_all(opened, "one-1"))
        collections = {alias: _collection(opened, alias) for alias in ("one-1", "one-2")}
        for part, collection in enumerate(collections.values()):
            bench.say(f"hold and release {half:,} entries to {collection.name}")
            _append(opened, opened.collections.find(MAIN), part * half, half)
            _append(opened, collection, part * half, half)
    node.start()
    removed, looked, added = [], [], []
    with open_node(node.home, environment={}) as opened:
        held = _counts(opened, collections.values())
        for _ in range(min(bench.sizes.rounds, _ROUNDS)):
            removed.append(_changed(node, 404, lambda: opened.agreements.remove_member("one", "one-1", BY)))
            began = perf_counter()
            opened.withdraw.tick()
            looked.append(perf_counter() - began)
            added.append(_changed(node, 200, lambda: opened.agreements.add_member("one", "one-1", BY)))
        after = _counts(opened, collections.values())
    node.stop()
    if after != held:
        raise UnexpectedAnswer(f"Entries were taken back: {held} before, {after} after.")
    what = f"an agreement with {sum(held):,} released entries"
    yield Figure(
        what=f"a party leaves {what}, until it is refused",
        measured=f"{spread(removed, digits=3)} s",
        ratio=max(removed),
        wanted=1,
        sense="≤",
        unit="s",
        note="the longest round, from the call in one process to the first refusal by another; another party stays",
    )
    yield Figure(
        what=f"the same, until what the party that stays is served ({held[1]:,} entries) has been looked at again",
        measured=f"{spread(looked, digits=2)} s",
        ratio=max(looked),
        sense="≤",
        unit="s",
        note="told, not judged: a read by that party waits for it, or the node does it within 20 s",
    )
    yield Figure(
        what=f"a party is taken into {what} again, until it is served",
        measured=f"{spread(added, digits=3)} s",
        ratio=max(added),
        sense="≤",
        unit="s",
        note="told, not judged",
    )


def _counts(opened: Node, collections: Iterable[HeldCollection]) -> list[int]:
    return [opened.collections.listed(one.id).count for one in collections]


def _changed(node: PartnerNode, status: int, change: Callable[[], object]) -> float:
    """The seconds from a change to the first answer of another status than before."""
    target = node.target("partner")
    request = target.request(f"{node.objects_path(_RELEASED)}?limit=1")
    if fetch(target, request).status == status:
        raise UnexpectedAnswer(f"The partner's key is answered {status} before the change.")
    began = perf_counter()
    change()
    _await(target, request, status)
    return perf_counter() - began


def _await(target: Target, request: bytes, status: int) -> None:
    until = perf_counter() + _PATIENCE
    while (answer := fetch(target, request)).status != status:
        if answer.status not in (200, 404) or perf_counter() > until:
            raise UnexpectedAnswer(f"{answer.status} in place of {status}: {answer.body[:300]!r}")


def _collection(opened: Node, alias: str) -> HeldCollection:
    party = opened.agreements.read().party(alias).id
    found = (one.collection for one in opened.collections.list())
    return next(one for one in found if one.kind is Kind.RELEASED and one.party == party)


def _append(opened: Node, collection: HeldCollection, first: int, count: int) -> None:
    """Append small synthetic objects to a collection, many of them in one transaction."""
    for begin in range(first, first + count, _IN_ONE):
        end = min(begin + _IN_ONE, first + count)
        with opened.store.writing() as tx:
            for start in range(begin, end, PAGE):
                items = [synthetic(number) for number in range(start, min(start + PAGE, end))]
                opened.store.log.append(tx, collection.num, items, source="benchmark")
