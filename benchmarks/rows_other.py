"""Parsing beside the OASIS library, memory after everything, and the time to the first answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import msgspec
import stix2  # type: ignore[import-untyped]

from benchmarks import generate
from benchmarks.bench import Bench, Turn
from benchmarks.processes import ROOT, limit_server
from benchmarks.report import Figure, ratio, spread
from titian.core.stix import examine
from titian.wire.galaxies import demo_objects

_SHARED = ROOT.parent / "shared" / "data"
_NATIVE = ("ics-attack-18.1.json", "mobile-attack-17.1.json")


def parsing(bench: Bench) -> Iterator[Figure]:
    """Parse and validate, object by object, beside ``stix2.parse`` on the same objects."""
    for name, objects in _sets(bench):
        ours, theirs = objects, objects[:: max(len(objects) // 200, 1)]
        found = bench.take_turns({"ours": _ours(ours), "stix2": _theirs(theirs)})
        yield Figure(
            what=f"parse and validate, {name}",
            measured=f"{spread(found['ours'])} objects/s",
            ratio=ratio(found["ours"], found["stix2"]),
            wanted=50,
            against=f"{spread(found['stix2'])} objects/s",
            peer="stix2.parse(allow_custom=True)",
        )


def _sets(bench: Bench) -> Iterator[tuple[str, list[bytes]]]:
    yield "generated", list(generate.objects(bench.sizes.small))
    yield "the demo's set", list(demo_objects())
    for name in _NATIVE:
        if (_SHARED / name).is_file():
            yield name.removesuffix(".json"), _native(_SHARED / name)


def _native(path: Path) -> list[bytes]:
    """The objects of a bundle, without the one that lists all others (it alone is half a megabyte)."""
    held = msgspec.json.decode(path.read_bytes())["objects"]
    return [msgspec.json.encode(one) for one in held if one["type"] != "x-mitre-collection"]


def _ours(objects: Sequence[bytes]) -> Turn:
    def turn() -> float:
        began = perf_counter()
        for raw in objects:
            examine(raw)
        return len(objects) / (perf_counter() - began)

    return turn


def _theirs(objects: Sequence[bytes]) -> Turn:
    texts = [raw.decode() for raw in objects]

    def turn() -> float:
        began = perf_counter()
        for text in texts:
            stix2.parse(text, allow_custom=True)
        return len(texts) / (perf_counter() - began)

    return turn


def start(bench: Bench) -> Iterator[Figure]:
    """``titian serve`` to its first answer, with the large set held, beside the bare web stack's start."""
    node = bench.large
    found = bench.take_turns({"ours": node.restart, "limit": lambda: _bare_start(bench)})
    middle = sorted(found["ours"])[len(found["ours"]) // 2]
    yield Figure(
        what=f"titian serve to first answer, {bench.sizes.large:,} objects held",
        measured=f"{spread(found['ours'], digits=2)} s",
        ratio=middle,
        wanted=1.5,
        sense="≤",
        unit="s",
        against=f"{spread(found['limit'], digits=2)} s for Litestar on Granian with nothing behind it",
    )


def _bare_start(bench: Bench) -> float:
    server = limit_server(bench.constants)
    server.stop()
    return server.seconds_to_first_answer


def memory(bench: Bench) -> Iterator[Figure]:
    """What the serving node with the large set weighs: after loading or after every other row, the more."""
    now = bench.large.server.memory()
    resident, proportional = max(now, bench.loaded_memory)
    yield Figure(
        what=f"memory of a serving node after all of this, {bench.sizes.large:,} objects on SQLite",
        measured=f"{resident / 1e6:,.0f} MB resident in all its processes together",
        ratio=resident / 1e6,
        wanted=200,
        sense="≤",
        unit="MB",
        note=f"{proportional / 1e6:,.0f} MB with shared pages counted once; right after loading "
        f"{bench.loaded_memory[0] / 1e6:,.0f} MB, after the last row {now[0] / 1e6:,.0f} MB",
    )
