"""Reading: whole collections in pages, and the small answers a polling client gets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.bench import PAGE, Bench, Turn
from benchmarks.client import Target, closed_loop, fetch
from benchmarks.generate import object_id
from benchmarks.node import Node
from benchmarks.report import TIMES, Figure, missing, ratio, spread

_READERS = 16


def pages(bench: Bench) -> Iterator[Figure]:
    """GET everything in pages of 1,000: first read, repeated read, 16 connections, beside limit and peer."""
    sides = {
        f"{bench.sizes.small:,}": (bench.small, "main"),
        "demo": (bench.small, "demo"),
        f"{bench.sizes.large:,}": (bench.large, "main"),
    }
    held = {name: bench.some_pages(node, collection) for name, (node, collection) in sides.items()}
    limits = _limit_pages(bench, {name: (sides[name][0], held[name]) for name in sides})
    first = bench.take_turns(
        {name: _first_read(node, held[name]) for name, (node, _) in sides.items()}
        | {f"limit {name}": _rate(target, requests) for name, (target, requests) in limits.items()}
    )
    again = bench.take_turns(
        {name: _rate(node.target(), _asked(bench, node, held[name])) for name, (node, _) in sides.items()}
        | {
            f"{name}, 16": _rate(node.target(), _asked(bench, node, held[name]), _READERS)
            for name, (node, _) in sides.items()
        }
        | {f"limit {name}": _rate(target, requests) for name, (target, requests) in limits.items()}
    )
    for name in sides:
        yield from _page_figures(name, first, again)
    small, large = f"{bench.sizes.small:,}", f"{bench.sizes.large:,}"
    yield _growth("first read of a page", first[small], first[large], small, large)
    yield _growth("repeated read of a page", again[small], again[large], small, large)
    yield _growth("repeated read, 16 connections", again[f"{small}, 16"], again[f"{large}, 16"], small, large)
    yield _beside_medallion(bench, first[small], again[small])


def _page_figures(name: str, first: dict[str, list[float]], again: dict[str, list[float]]) -> Iterator[Figure]:
    what = f"GET everything, {name} objects" if name != "demo" else "GET everything, the demo's set"
    for label, found, wanted in (("first read", first, 0.3), ("repeated read", again, 0.8)):
        yield Figure(
            what=f"{what}: {label}, one connection",
            measured=f"{spread(found[name])} pages/s, {median(found[name]) * PAGE:,.0f} objects/s",
            ratio=ratio(found[name], found[f"limit {name}"]),
            wanted=wanted,
            against=f"{spread(found[f'limit {name}'])} constant pages/s",
        )
    yield Figure(
        what=f"{what}: repeated read, 16 connections against one",
        measured=f"{spread(again[f'{name}, 16'])} pages/s",
        ratio=ratio(again[f"{name}, 16"], again[name]),
        wanted=1.0,
        against=f"{spread(again[name])} pages/s with one",
    )


def _beside_medallion(bench: Bench, first: Sequence[float], again: Sequence[float]) -> Figure:
    what = "GET everything in objects/s, first read, against medallion"
    try:
        peer = bench.medallion
        answer = fetch(peer.target, peer.request)
        count = len(json.loads(answer.body)["objects"])
        load = closed_loop(peer.target, [peer.request])
    except Exception as error:  # whatever keeps a peer from running belongs in the table
        return missing(what, 1000, error)
    rate = count / load.seconds
    return Figure(
        what=what,
        measured=f"{median(first) * PAGE:,.0f} objects/s (repeated: {median(again) * PAGE:,.0f})",
        ratio=median(first) * PAGE / rate,
        wanted=1000,
        against=f"{rate:,.0f} objects/s",
        peer=f"medallion, {count:,} objects, memory backend",
        note=f"repeated read: {median(again) * PAGE / rate:,.0f} {TIMES}",
    )


def _limit_pages(bench: Bench, sides: dict[str, tuple[Node, list[str]]]) -> dict[str, tuple[Target, list[bytes]]]:
    """For each side a constant server's requests whose answers are the same bytes as that side's pages."""
    answers: dict[str, bytes] = {}
    names: dict[str, list[str]] = {}
    for side, (node, held) in sides.items():
        chosen = held[:10]
        names[side] = [f"page-{side.replace(',', '')}-{number}" for number in range(len(chosen))]
        bodies = (node.get(path).body for path in chosen)
        answers.update(zip(names[side], bodies, strict=True))
    target = bench.limit(answers).target
    count = bench.sizes.pages
    return {
        side: (target, [target.request(f"/constant/{own[n % len(own)]}") for n in range(count)])
        for side, own in names.items()
    }


def _asked(bench: Bench, node: Node, held: Sequence[str]) -> list[bytes]:
    target = node.target()
    return [target.request(held[n % len(held)]) for n in range(bench.sizes.pages)]


def _rate(target: Target, requests: Sequence[bytes], connections: int = 1) -> Turn:
    return lambda: closed_loop(target, requests, connections=connections).rate


def _first_read(node: Node, held: Sequence[str]) -> Turn:
    """Pages a second from a node that has just started and has answered only discovery and an empty poll."""

    def turn() -> float:
        node.restart()
        node.get(f"{node.objects_path()}?added_after=2999-01-01T00:00:00.000000Z")
        target = node.target()
        return closed_loop(target, [target.request(path) for path in held]).rate

    return turn


def small_answers(bench: Bench) -> Iterator[Figure]:
    """``match[id]`` and an empty ``added_after`` poll, with one connection and with 16."""
    small, large = f"{bench.sizes.small:,}", f"{bench.sizes.large:,}"
    for what, requests in (("match[id]", _lookups), ("empty added_after poll", _polls)):
        own = {small: requests(bench, bench.small, bench.sizes.small)}
        own[large] = requests(bench, bench.large, bench.sizes.large)
        body = fetch(bench.small.target(), own[small][0]).body
        limit = bench.limit({"small-answer": body}).target
        latencies: list[float] = []
        for connections, wanted in ((1, 0.35), (_READERS, 0.25)):
            turns = {
                small: _timed(bench, bench.small.target(), own[small], connections, latencies),
                large: _timed(bench, bench.large.target(), own[large], connections, None),
                "limit": _timed(bench, limit, [limit.request("/constant/small-answer")], connections, None),
            }
            found = bench.take_turns(turns)
            label = f"{what}, {connections} connection{'s' if connections > 1 else ''}"
            yield Figure(
                what=label,
                measured=f"{spread(found[small])} requests/s",
                ratio=ratio(found[small], found["limit"]),
                wanted=wanted,
                against=f"{spread(found['limit'])} constant answers/s of {len(body):,} bytes",
            )
            yield _growth(label, found[small], found[large], small, large)
            if connections == 1:
                yield _tail(what, latencies)


def _tail(what: str, latencies: Sequence[float]) -> Figure:
    ordered = sorted(latencies)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return Figure(
        what=f"{what}, 1 connection: p99 against p50",
        measured=f"p99 {p99 * 1e6:,.0f} µs",
        ratio=p99 / p50,
        wanted=5,
        sense="≤",
        against=f"p50 {p50 * 1e6:,.0f} µs",
    )


def _timed(
    bench: Bench, target: Target, requests: Sequence[bytes], connections: int, latencies: list[float] | None
) -> Turn:
    def turn() -> float:
        load = closed_loop(target, requests, connections=connections, seconds=bench.sizes.seconds)
        if latencies is not None and connections == 1:
            latencies.extend(load.latencies)
        return load.rate

    return turn


def _lookups(bench: Bench, node: Node, held: int) -> list[bytes]:
    """Requests for a thousand different objects, spread over all that is held."""
    step = max(held // 1000, 1)
    return [node.match_request(object_id(index)) for index in range(0, held, step)]


def _polls(bench: Bench, node: Node, held: int) -> list[bytes]:
    last = node.last_added()
    return [node.target().request(f"{node.objects_path()}?added_after={last}")]


def _growth(what: str, small: Sequence[float], large: Sequence[float], fewer: str, more: str) -> Figure:
    """How much longer it takes with more held: both as rates, so their quotient turned round."""
    return Figure(
        what=f"{what}: {more} objects against {fewer}",
        measured=f"{spread(large)} /s",
        ratio=ratio(small, large),
        wanted=1.3,
        sense="≤",
        unit=f"{TIMES} the time",
        against=f"{spread(small)} /s",
    )
