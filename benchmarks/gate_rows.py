"""Rows without HTTP: projection, preview, release beside import, and what taking back costs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, TypeVar

from benchmarks.bench import Turn
from benchmarks.gate_bench import ANALYST, BY, EVERYTHING, MAIN, OWN_OBJECTS, RELEASER, GateBench, release_all
from benchmarks.gate_graph import Memory, half_granular, own_id, own_object, small_directory
from benchmarks.report import Figure, ratio, spread
from titian.core.projection import project
from titian.core.release import terms_for
from titian.core.survey import Survey
from titian.core.tlp import Tlp
from titian.exchange.mark import Wish
from titian.node import Node

T = TypeVar("T")

_AT: Final = 1_780_000_000_000_000
_KEY: Final = bytes(32)


def projection(bench: GateBench) -> Iterator[Figure]:
    """One graph for one audience, from bytes in memory to bytes in memory."""
    yield _projected(bench, "all go unchanged", bench.graph, 100)
    yield _projected(bench, "half carry granular markings", list(half_granular(bench.graph)), 10)


def _projected(bench: GateBench, what: str, raws: Sequence[bytes], wanted: float) -> Figure:
    directory, agreement, other = small_directory()
    terms = terms_for(directory, agreement, other, at=_AT)
    memory = Memory(raws)
    parts: list[list[float]] = [[], [], []]
    told = ""
    for _ in range(bench.sizes.rounds):
        gc.collect()
        began = perf_counter()
        survey = Survey(memory)
        surveyed = perf_counter()
        made = project(survey, memory, terms, key=_KEY)
        decided = perf_counter()
        size = sum(len(raw) for _, raw in made.objects(memory))
        ended = perf_counter()
        for part, seconds in zip(parts, (surveyed - began, decided - surveyed, ended - decided), strict=True):
            part.append(seconds)
        told = (
            f"{len(made.released):,} released as {size / 1e6:.1f} MB, {len(made.changed):,} of them changed "
            f"({len(made.cuts):,} by their own markings), {len(made.withheld):,} withheld"
        )
    rates = [len(memory) / sum(times) for times in zip(*parts, strict=True)]
    names = ("survey", "decide", "emit")
    split = ", ".join(f"{name} {median(part) * 1e3:,.0f} ms" for name, part in zip(names, parts, strict=True))
    return Figure(
        what=f"projection of {len(memory):,} objects, {what}",
        measured=f"{spread(rates)} objects/s",
        ratio=median(rates) / 1000,
        wanted=wanted,
        unit="thousand objects/s",
        note=f"{split}; {told}",
    )


# ── preview ───────────────────────────────────────────────────────────────────────────────────────────────


def preview(bench: GateBench) -> Iterator[Figure]:
    """A preview for ten parties, and for one of them alone, as an analyst asks for it."""
    node = bench.fresh(bench.mixed)
    first: list[float] = []

    def all_ten() -> object:
        began = perf_counter()
        came: list[float] = []
        node.release.preview([EVERYTHING], "one", found=lambda _: came.append(perf_counter() - began))
        first.append(came[0])
        return came

    try:
        parties = sorted(node.agreements.read().agreement("one").parties - {node.record.identity})
        by_alias = {alias: node.agreements.read().party(alias).id for alias in ("one-1", "one-10")}
        found = bench.take_turns(
            {
                "ten": _timed(all_ten),
                "insider": _timed(lambda: node.release.preview([EVERYTHING], "one", parties=[by_alias["one-1"]])),
                "outsider": _timed(lambda: node.release.preview([EVERYTHING], "one", parties=[by_alias["one-10"]])),
            }
        )
        shown = node.release.preview([EVERYTHING], "one")
        answers = {
            (len(one.projection.released), len(one.projection.changed), len(one.projection.withheld), len(one.mentions))
            for one in shown.seen
        }
    finally:
        bench.discard(node)
    told = "; ".join(
        f"{released:,} released, {changed:,} changed, {withheld:,} withheld, {mentions:,} mentions"
        for released, changed, withheld, mentions in sorted(answers)
    )
    what = f"preview of {len(shown.chosen):,} objects for {len(parties)} parties"
    alone = {name: spread(found[name], digits=2) for name in ("insider", "outsider")}
    yield Figure(
        what=f"{what}: first result",
        measured=f"{spread(first, digits=2)} s",
        ratio=median(first),
        wanted=0.5,
        sense="≤",
        unit="s",
        note=f"until the first of them is told, one that sees everything: the others' texts are searched together; "
        f"asked for alone, such a party takes {alone['insider']} s, one from whom something is withheld "
        f"{alone['outsider']} s",
    )
    yield Figure(
        what=f"{what}: all",
        measured=f"{spread(found['ten'], digits=2)} s",
        ratio=median(found["ten"]),
        wanted=5,
        sense="≤",
        unit="s",
        note=f"different answers: {told}",
    )


# ── release ───────────────────────────────────────────────────────────────────────────────────────────────


def release(bench: GateBench) -> Iterator[Figure]:
    """Request and approval of everything, beside the import of the same objects from a file into an empty node."""
    path = bench.folder / "graph.json"
    with_own = [*bench.graph, *(own_object(_identity(bench), number) for number in range(OWN_OBJECTS))]
    path.write_bytes(b'{"type":"bundle","id":"bundle--5f0f7c3a-62a0-4c39-9e7c-0f6fd9a9a5b1","objects":['
                     + b",".join(with_own) + b"]}")  # fmt: skip
    parts: dict[str, list[float]] = {"request": [], "approve": []}
    counts: set[int] = set()

    def at_once() -> float:
        node = bench.fresh(bench.held)
        try:
            # It is not the first release to this party any more, so that nobody else has to approve the next one.
            release_all(node, own_id(0))
            gc.collect()
            done, seconds = _clocked(lambda: node.release.request(ANALYST, [EVERYTHING], "one"))
            return sum(done.added.values()) / seconds
        finally:
            bench.discard(node)

    def releasing() -> float:
        node = bench.fresh(bench.held)
        try:
            gc.collect()
            asked, first = _clocked(lambda: node.release.request(ANALYST, [EVERYTHING], "one"))
            done, second = _clocked(lambda: node.release.approve(RELEASER, asked.request.id))
            counts.add(sum(done.added.values()))
        finally:
            bench.discard(node)
        parts["request"].append(first)
        parts["approve"].append(second)
        return len(with_own) / (first + second)

    found = bench.take_turns(
        {
            "release": releasing,
            "at once": at_once,
            "plain": lambda: _import(bench, path, None, len(with_own)),
            "marked": lambda: _import(bench, path, "tlp:clear", len(with_own)),
        }
    )
    yield Figure(
        what=f"release of {max(counts):,} objects to one party: request and approval",
        measured=f"{spread(found['release'])} objects/s",
        ratio=ratio(found["release"], found["plain"]),
        wanted=0.7,
        against=f"{spread(found['plain'])} objects/s plain import of {len(with_own):,} from a file",
        note=f"request {median(parts['request']):,.2f} s, approve {median(parts['approve']):,.2f} s, each projects "
        f"anew; import with --marking: {spread(found['marked'])} objects/s",
    )
    yield Figure(
        what=f"release of {max(counts):,} objects where nobody else has to approve",
        measured=f"{spread(found['at once'])} objects/s",
        ratio=ratio(found["at once"], found["plain"]),
        against=f"{spread(found['plain'])} objects/s plain import",
        note="told, not judged",
    )


def _identity(bench: GateBench) -> str:
    node = bench.fresh(bench.held)
    try:
        return node.record.identity
    finally:
        bench.discard(node)


def _import(bench: GateBench, path: Path, marking: str | None, count: int) -> float:
    node = bench.fresh(bench.empty)
    try:
        gc.collect()
        into = node.collections.find(MAIN)
        report, seconds = _clocked(lambda: node.exchange.import_files([path], into, marking=marking))
        assert report.held.added == count, report.held.rejected[:3]
        return count / seconds
    finally:
        bench.discard(node)


# ── taking back ───────────────────────────────────────────────────────────────────────────────────────────


def recheck(bench: GateBench) -> Iterator[Figure]:
    """A mark on one object with everything released, beside the same mark with nothing released; and a narrowing."""
    released = bench.fresh(bench.held)
    before = bench.fresh(bench.held)
    try:
        count = release_all(released)
        found = bench.take_turns({"released": _marking(released), "before": _marking(before)})
        _, narrowing = _clocked(lambda: released.agreements.narrow("one", BY, ceiling=Tlp.GREEN))
    finally:
        bench.discard(released)
        bench.discard(before)
    yield Figure(
        what=f"one object marked RED with {count:,} released entries, until they are checked again",
        measured=f"{spread(found['released'], digits=2)} s",
        ratio=median(found["released"]),
        sense="≤",
        unit="s",
        against=f"{spread(found['before'], digits=2)} s with none released",
        note="told, not judged",
    )
    yield Figure(
        what=f"a lower ceiling for an agreement with {count:,} released entries, until it holds",
        measured=f"{narrowing:,.2f} s",
        ratio=narrowing,
        sense="≤",
        unit="s",
        note="told, not judged; nothing is taken back by it",
    )


def _marking(node: Node) -> Turn:
    """Mark another object of our own in each turn."""
    own = (own_id(number) for number in range(OWN_OBJECTS))
    return lambda: _clocked(lambda: node.mark.mark(ANALYST, [next(own)], Wish(tlp=Tlp.RED)))[1]


def _timed(work: Callable[[], object]) -> Turn:
    def turn() -> float:
        gc.collect()
        return _clocked(work)[1]

    return turn


def _clocked(work: Callable[[], T]) -> tuple[T, float]:
    """What something returns, and the seconds that it took."""
    began = perf_counter()
    done = work()
    return done, perf_counter() - began
