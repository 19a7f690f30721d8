"""What the pages of the console take on a node that holds much: time, people who click at once, sizes, memory."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from time import perf_counter, sleep
from urllib.parse import quote

from benchmarks import generate
from benchmarks.bridge_bench import AGREEMENT
from benchmarks.client import Session, UnexpectedAnswer
from benchmarks.console_bench import ConsoleBench, Took, request, shown
from benchmarks.console_search import SEARCH_BOUND, boxes
from benchmarks.report import Figure

PAGE_BOUND = 0.1
CLICK_BOUND = 0.3
_REST = 60.0
"""Seconds until a node that has nothing to do has given back what it need not keep."""
MEMORY_BOUND = 250e6
SIZE_BOUND = 60_000
_BYTES = re.compile(rb'(?:src|href)="(/static/[^"]+)"')
_AUDITED = {"Administration, acts"}
_ISLANDS = ("graph.js", "map.js", "layout.js", "LICENSES")


def pages(bench: ConsoleBench) -> dict[str, list[str]]:
    """Every page but search, each with the addresses that are asked for in turn."""
    at = bench.places
    some = list(at.objects[:40])
    # Techniques, which thousands of relationships point at, and what points at them.
    many = bench.console.objects
    some += [generate.object_id(number) for number in range(0, many // 50 * 50, max(many // 50 // 20, 1) * 50)][:20]
    what = f"/release/preview?what={quote(at.objects[0])}&to={quote(at.agreement)}"
    found = {
        "Today": ["/"],
        "Object": [f"/objects/{one}" for one in some],
        "Object, raw": [f"/objects/{one}/raw" for one in some],
        "Object, who may see it": [f"/objects/{one}/audience" for one in some],
        "Object, versions": [f"/objects/{one}/versions" for one in some],
        "Object, history": [f"/objects/{one}/history" for one in some],
        "Object, graph": [f"/objects/{one}/graph" for one in some],
        "Write": ["/write"],
        "Write, report": ["/write/report"],
        "Release": ["/release", "/release?show=decided"],
        "Release, new": ["/release/new", f"/release/new?what={quote(at.objects[0])}"],
        "Release, preview": [what],
        "Release, queries": ["/release/queries"],
        "Release, request": [f"/release/requests/{one}" for one in at.requests],
        "Recalls": ["/recalls", "/recalls?show=all"],
        "Recall": [f"/recalls/{quote(at.recall)}"],
        "Recall, new": ["/recalls/new"],
        "Inbox": ["/inbox"],
        "Sightings": ["/sightings"],
        "Agreements": ["/agreements"],
        "Agreement": [f"/agreements/{at.agreement}"],
        "Party": [f"/parties/{at.party}"],
        "Ledgers": ["/ledger-view"],
        "Ledger": [f"/ledger-view/{at.ledger}"],
        "Account": ["/account"],
        "Long work": ["/jobs"],
        "Help": ["/help"],
        "Administration": ["/admin"],
        **{f"Administration, {one}": [f"/admin/{one}"] for one in (
            "people", "keys", "collections", "subscriptions", "peers", "signing", "settings", "health", "acts")},
    }  # fmt: skip
    if at.dialogue:
        found["Dialogue"] = [f"/dialogues/{at.dialogue}"]
    return found


def server_time(bench: ConsoleBench) -> Iterator[Figure]:
    """The server time of every page, and of searches."""
    took = [_took(bench, name, paths) for name, paths in pages(bench).items()]
    worst = max(took, key=lambda one: one.p95)
    yield Figure(
        what=f"server time of any page at {bench.console.objects:,} objects, p95", ratio=worst.p95 * 1000,
        measured=f"{worst.p95 * 1000:,.0f} ms ({worst.name})", wanted=PAGE_BOUND * 1000, sense="≤", unit="ms",
        note=f"{len(took)} pages, {bench.console.asked} times each over one connection. Slowest: {shown(took)}.",
    )  # fmt: skip
    searched = [
        _took(bench, name, [f"/find?q={quote(box)}" for box in typed])
        for name, typed in boxes(bench.console.objects).items()
        if typed
    ]
    worst = max(searched, key=lambda one: one.p95)
    yield Figure(
        what="the same for a search", ratio=worst.p95 * 1000, measured=f"{worst.p95 * 1000:,.0f} ms ({worst.name})",
        wanted=SEARCH_BOUND, sense="≤", unit="ms",
        note=f"{len(searched)} kinds of what is typed. Slowest: {shown(searched)}.",
    )  # fmt: skip


def _took(bench: ConsoleBench, name: str, paths: Sequence[str]) -> Took:
    bench.say(f"page {name}")
    return bench.took(name, paths, _readers(bench, name))


def _readers(bench: ConsoleBench, name: str) -> list[str]:
    """Cookies of those who may see a page: many, as a person may only ask for so many pages in a second."""
    return [bench.people["auditor"]] if name in _AUDITED else bench.analysts


def clicking(bench: ConsoleBench) -> Iterator[Figure]:
    """Thirty people click at once, again and again; and thirty who read for a while between two clicks."""
    bench.say("people click")
    paths = _walk(bench)
    _together(bench, paths, 2)
    before = bench.served.cpu()
    at_once = _together(bench, paths, bench.console.rounds)
    cpu = (bench.served.cpu() - before) / len(at_once) * 1000
    told = (
        f"All click at the same moment, each on another page, one in three a search, {bench.console.rounds} times; "
        f"{cpu:,.1f} ms of processor time of the node for a click"
    )
    yield _clicked(bench, at_once, "analysts clicking at once on one worker, p95", CLICK_BOUND * 1000, told)
    reading = _reading(bench, paths, seconds=max(bench.console.rounds, 5))
    yield _clicked(bench, reading, "analysts who read for one to three seconds between clicks, p95", None, "")


def _walk(bench: ConsoleBench) -> list[str]:
    """What analysts click on: each page as often as it is of use."""
    every = pages(bench)
    ordinary = ["Today", "Object", "Object, graph", "Release", "Release, request", "Recalls", "Inbox", "Agreements"]
    found = [path for name in ordinary for path in every[name][:6]]
    typed = boxes(bench.console.objects)
    # One click in three is a search.
    found += [f"/find?q={quote(one)}" for kind in ("an exact value", "several words", "one rare word")
              for one in typed[kind][:4]]  # fmt: skip
    random.Random(1).shuffle(found)
    return found


def _clicked(bench: ConsoleBench, seconds: list[float], what: str, wanted: float | None, note: str) -> Figure:
    ordered = sorted(seconds)
    p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)] * 1000
    middle, most = ordered[len(ordered) // 2] * 1000, ordered[-1] * 1000
    return Figure(
        what=f"{bench.console.people} {what}", ratio=p95, wanted=wanted, sense="≤", unit="ms",
        measured=f"{p95:,.0f} ms (median {middle:,.0f}, most {most:,.0f}), no error",
        note=f"{note}{'; ' if note else ''}{len(ordered):,} clicks.",
    )  # fmt: skip


def _together(bench: ConsoleBench, paths: Sequence[str], rounds: int) -> list[float]:
    target = bench.served.server.target
    barrier = threading.Barrier(len(bench.analysts))

    def person(number: int, token: str) -> list[float]:
        connection, took = Session.open(target), []
        try:
            for turn in range(rounds):
                path = paths[(number + turn * 7) % len(paths)]
                barrier.wait(60)
                took.append(_one(connection, path, token, target.address))
        except BaseException:
            barrier.abort()
            raise
        finally:
            connection.close()
        return took

    return _all(bench.analysts, person)


def _reading(bench: ConsoleBench, paths: Sequence[str], seconds: float) -> list[float]:
    target = bench.served.server.target

    def person(number: int, token: str) -> list[float]:
        chance, connection, took = random.Random(number), Session.open(target), []
        until = perf_counter() + seconds
        sleep(chance.uniform(0, 2))
        try:
            while perf_counter() < until:
                took.append(_one(connection, chance.choice(paths), token, target.address))
                sleep(chance.uniform(1, 3))
        finally:
            connection.close()
        return took

    return _all(bench.analysts, person)


def _one(connection: Session, path: str, token: str, address: tuple[str, int]) -> float:
    asked = request(address, path, token)
    began = perf_counter()
    answer = connection.send(asked)
    if answer.status != 200:
        raise UnexpectedAnswer(f"GET {path}: {answer.status}")
    return perf_counter() - began


def _all(tokens: Sequence[str], person: object) -> list[float]:
    assert callable(person)
    with ThreadPoolExecutor(len(tokens)) as pool:
        return [one for took in pool.map(person, range(len(tokens)), tokens) for one in took]


def memory(bench: ConsoleBench) -> Iterator[Figure]:
    """What the node weighs after all that."""
    for when, seconds in (("right after all that work", 0.0), ("a minute later", _REST)):
        sleep(seconds)
        _, proportional = bench.served.server.memory()
        yield Figure(
            what=f"memory of the node, {when}", measured=f"{proportional / 1e6:,.0f} MB", ratio=proportional / 1e6,
            wanted=MEMORY_BOUND / 1e6, sense="≤", unit="MB",
            note=f"Proportional set size of the supervisor and its worker, {bench.console.objects:,} objects held.",
        )  # fmt: skip


def sizes(bench: ConsoleBench) -> Iterator[Figure]:
    """What a page weighs with all that it brings, as it comes over the wire."""
    found: dict[str, int] = {}
    for name, paths in pages(bench).items():
        token = _readers(bench, name)[0]
        whole = bench.ask(paths[0], token)
        plain = _decoded(bench, paths[0], token)
        brought = [path for path in {one.decode() for one in _BYTES.findall(plain)} if not path.endswith(_ISLANDS[:3])]
        found[name] = len(whole.body) + sum(_size(bench, path) for path in brought if _ISLANDS[3] not in path)
    worst = sorted(found.items(), key=lambda one: -one[1])
    largest = ", ".join(f"{name} {size / 1000:,.1f}" for name, size in worst[:5])
    yield Figure(
        what="an ordinary page with its style and scripts, compressed", ratio=worst[0][1] / 1000,
        measured=f"{worst[0][1] / 1000:,.1f} kB ({worst[0][0]})", wanted=SIZE_BOUND / 1000, sense="≤", unit="kB",
        note=f"Graph and map apart. Largest: {largest}.",
    )  # fmt: skip


def _decoded(bench: ConsoleBench, path: str, token: str) -> bytes:
    target = bench.served.server.target
    asked = request(target.address, path, token).replace(b"Accept-Encoding: gzip, br, zstd\r\n", b"")
    connection = Session.open(target)
    try:
        return connection.send(asked).body
    finally:
        connection.close()


def _size(bench: ConsoleBench, path: str) -> int:
    return _static(bench, path)


@cache
def _static(bench: ConsoleBench, path: str) -> int:
    return len(bench.ask(path, "").body)


__all__ = ["AGREEMENT", "clicking", "memory", "pages", "server_time", "sizes"]
