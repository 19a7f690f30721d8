"""The exact index beside a set, a dict and a table of SQLite: speed, memory, and what adding costs.

Each side holds the same entries in a process of its own and takes its turn round by round, so that what disturbs the
machine disturbs all. Half of what is asked for is held.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple

import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.processes import ROOT, CannotStart
from benchmarks.report import Figure, ratio, spread
from benchmarks.run import options, run, say
from titian.core.screening import ValueKind
from titian.screen.exact import Digester, Index, Words, words

SECRET: Final = b"the secret of the benchmark"
BATCH: Final = 100_000
"""What one request may ask for."""
SPEED_BOUND, HASHING_BOUND, MEMORY_BOUND = 5.0, 0.8, 250.0
_MB = 1e6


class Sizes(NamedTuple):
    """How much a run does."""

    entries: int = 10_000_000
    asked: int = 1_000_000
    rounds: int = 7


QUICK = Sizes(entries=300_000, asked=100_000, rounds=3)


class ExactBench:
    """The run: what is held and asked for, as files; and the sides, each a process that starts when it is needed."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self.folder, self.sizes = folder, sizes
        self._sides: dict[str, _Side] = {}

    def close(self) -> None:
        """End every process of the run."""
        for side in self._sides.values():
            side.close()

    def side(self, name: str) -> _Side:
        """Return a side that holds the entries."""
        if name == "index":
            assert self.built
        if name not in self._sides:
            say(f"{name} takes in {self.sizes.entries:,} entries")
            self._sides[name] = _Side(name, self.data, self.sizes)
        return self._sides[name]

    def turns(self, *turns: tuple[str, str]) -> list[list[float]]:
        """What each (side, act) takes in seconds, once a round, in turn."""
        found: list[list[float]] = [[] for _ in turns]
        for number in range(self.sizes.rounds):
            for at, (side, act) in list(enumerate(turns))[:: 1 if number % 2 == 0 else -1]:
                found[at].append(float(self.side(side).do(act)))
        return found

    def end(self, name: str) -> None:
        """End a side's process."""
        if name in self._sides:
            self._sides.pop(name).close()

    @cached_property
    def built(self) -> dict[str, float]:
        """What building the index took; its process has ended."""
        told: dict[str, float] = self.side("building").told
        self.end("building")
        return told

    @cached_property
    def data(self) -> Path:
        """The digests of all entries, and which values are asked for."""
        say(f"make {self.sizes.entries:,} digests")
        folder = self.folder / "exact"
        folder.mkdir()
        digester = Digester(SECRET)
        with (folder / "held").open("wb") as held:
            for at in range(0, self.sizes.entries, BATCH):
                held.write(digester.digests(ValueKind.WALLET, _values(range(at, at + BATCH))).tobytes())
        chance = np.random.default_rng(1)
        chance.integers(0, 2 * self.sizes.entries, self.sizes.asked).astype(np.uint64).tofile(folder / "asked")
        return folder


class _Side:
    """A process that holds the entries in its way, and does what it is told."""

    def __init__(self, name: str, data: Path, sizes: Sizes) -> None:
        words = [sys.executable, "-m", "benchmarks.screening_exact", "--side", name, str(data), str(sizes.entries)]
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.told = self._read()

    def do(self, act: str) -> Any:
        """Do something; what it says."""
        assert self._process.stdin is not None
        self._process.stdin.write(act + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CannotStart(f"{self._process.args!s:.80} ended with {self._process.wait()}")
        return json.loads(line)


def bulk(bench: ExactBench) -> Iterator[Figure]:
    """Digests given, and values given."""
    ours, python_set, python_dict, sqlite = bench.turns(
        ("index", "digests"), ("set", "digests"), ("dict", "digests"), ("sqlite", "digests")
    )
    asked = bench.sizes.asked
    speed = [asked / one / 1e6 for one in ours]
    peers = "; ".join(
        f"{name} {spread([asked / one / 1e6 for one in took], digits=2)} M/s"
        for name, took in (("set", python_set), ("dict", python_dict), ("SQLite, one by one", sqlite))
    )
    yield Figure(
        what=f"bulk exact, {bench.sizes.entries:,} entries, digests given", ratio=sorted(speed)[len(speed) // 2],
        measured=f"{spread(speed, digits=2)} M/s", wanted=SPEED_BOUND, sense="≥", unit="M/s", peer=peers,
        note=f"{asked:,} asked, half of them held; in each second of one core's time; "
        f"{ratio(python_set, ours):.1f} times a set; {_load()}",
    )  # fmt: skip
    alone, both = bench.turns(("index", "hashing"), ("index", "values"))
    yield Figure(
        what="the same, values given", ratio=ratio(alone, both), wanted=HASHING_BOUND, sense="≥",
        measured=f"{spread([asked / one / 1e6 for one in both], digits=2)} M/s",
        against=f"hashing alone {spread([asked / one / 1e6 for one in alone], digits=2)} M/s",
        note=f"one core: keyed BLAKE2b of one value after the other; {_load()}",
    )  # fmt: skip


def memory(bench: ExactBench) -> Iterator[Figure]:
    """What a process weighs that holds nothing but the index, every page of it touched."""
    peers = {name: bench.side(name).do("memory")[0] for name in ("set", "dict")}
    # Alone, so that no page is shared with another process and counts half.
    bench.end("index")
    middle, most = bench.side("index").do("batches")
    bench.end("index")
    yield Figure(
        what=f"memory for {bench.sizes.entries:,} entries", ratio=middle / _MB, measured=f"{middle / _MB:,.0f} MB",
        wanted=MEMORY_BOUND, sense="≤", unit="MB", peer="; ".join(f"{k} {v / _MB:,.0f} MB" for k, v in peers.items()),
        note=f"proportional set size of the whole process, interpreter, numpy and mapped files with it, after batches "
        f"of {BATCH:,}; most at any time {most / _MB:,.0f} MB; files {bench.built['bytes'] / _MB:,.0f} MB",
    )  # fmt: skip


def upkeep(bench: ExactBench) -> Iterator[Figure]:
    """What building, opening, one question and adding take. Told, not judged."""
    built = bench.built
    yield Figure(
        what="building the exact index", ratio=bench.sizes.entries / built["seconds"] / 1e6, unit="M/s",
        measured=f"{built['seconds']:.1f} s",
        note=f"durably, batches of {BATCH * 10:,}, then tidied; most memory at any time {built['peak'] / _MB:,.0f} MB",
    )  # fmt: skip
    opened, first, whole = bench.side("index").do("open")
    yield Figure(
        what="opening it, with the answer for one value", ratio=opened * 1000, unit="ms", sense="≤",
        measured=f"{opened * 1000:.2f} ms",
        note=f"the first answer for {BATCH:,} checks every byte: {first * 1000:,.0f} ms, later {whole * 1000:,.1f}",
    )  # fmt: skip
    single = float(bench.side("index").do("single"))
    yield Figure(
        what="one digest asked for", ratio=single * 1e6, unit="µs", sense="≤", measured=f"{single * 1e6:,.1f} µs",
        note="with a look whether another process added something",
    )  # fmt: skip
    add, after, segments = bench.side("index").do("add")
    yield Figure(
        what="adding 1,000 entries, durably", ratio=add * 1000, unit="ms", sense="≤", measured=f"{add * 1000:,.1f} ms",
        note=f"median of 50; then {segments} segments, {bench.sizes.asked / after / 1e6:,.1f} M/s of digests",
    )  # fmt: skip


ROWS: Final[Mapping[str, Callable[[ExactBench], Iterator[Figure]]]] = {
    "exact": bulk, "exact-memory": memory, "exact-upkeep": upkeep,
}  # fmt: skip


# What runs in the sides' processes


class _Held:
    """What every side reads: the digests that are held and those that are asked for."""

    def __init__(self, data: Path, entries: int) -> None:
        self.data, self.entries = data, entries

    def batches(self) -> Iterator[Words]:
        with (self.data / "held").open("rb") as held:
            left = self.entries
            while left:
                count = min(10 * BATCH, left)
                left -= count
                yield words(held.read(16 * count))

    @cached_property
    def numbers(self) -> list[int]:
        found: list[int] = np.fromfile(self.data / "asked", np.uint64).tolist()
        return found

    @cached_property
    def values(self) -> list[str]:
        return _values(self.numbers)

    @cached_property
    def digests(self) -> Words:
        return Digester(SECRET).digests(ValueKind.WALLET, self.values)


def _building(held: _Held) -> tuple[dict[str, float], dict[str, Callable[[], Any]]]:
    index, began, at = Index(held.data / "index", SECRET), perf_counter(), 0
    for batch in held.batches():
        index.append(batch, np.arange(at, at + len(batch), dtype=np.uint64), {"log": at})
        at += len(batch)
    index.tidy()
    seconds = perf_counter() - began
    size = sum(one.stat().st_size for one in index.folder.iterdir())
    return {"seconds": seconds, "peak": _peak(), "bytes": size}, {}


def _index(held: _Held) -> tuple[dict[str, float], dict[str, Callable[[], Any]]]:
    index, chance = Index(held.data / "index", SECRET), np.random.default_rng(1)

    def batches() -> tuple[int, int]:
        for _ in range(20):
            index.lookup(_some(held, chance, BATCH))
        return psutil.Process().memory_full_info().pss, _peak()

    def opening() -> tuple[float, float, float]:
        one = held.digests[0].tobytes()
        fresh, began = Index(index.folder, SECRET), perf_counter()
        fresh.find(one)
        opened, began = perf_counter() - began, perf_counter()
        fresh.lookup(held.digests[:BATCH])
        first, began = perf_counter() - began, perf_counter()
        fresh.lookup(held.digests[:BATCH])
        return opened, first, perf_counter() - began

    def single() -> float:
        some = [one.tobytes() for one in held.digests[:2000]]
        return _timed(lambda: [index.find(one) for one in some]) / len(some)

    def adding() -> tuple[float, float, int]:
        chance, took = np.random.default_rng(2), []
        for number in range(50):
            batch = chance.integers(0, 1 << 63, (1000, 2), np.uint64)
            took.append(_timed(lambda batch=batch, n=number: index.append(batch, batch[:, 1], {"log": n})))  # type: ignore[misc]
        index.lookup(held.digests)
        return sorted(took)[25], _timed(lambda: index.lookup(held.digests)), len(index.manifest.segments)

    def asking() -> float:
        found = len(index.lookup(held.digests).which)
        assert found == sum(number < held.entries for number in held.numbers)
        return _worked(lambda: index.lookup(held.digests))

    return {}, {
        "batches": batches, "digests": asking,
        "hashing": lambda: _worked(lambda: index.digester.digests(ValueKind.WALLET, held.values)),
        "values": lambda: _worked(lambda: index.lookup(index.digester.digests(ValueKind.WALLET, held.values))),
        "open": opening, "single": single, "add": adding,
    }  # fmt: skip


def _some(held: _Held, chance: np.random.Generator, count: int) -> Words:
    """Digests of which half are held, without reading all of them."""
    found = chance.integers(0, 1 << 63, (count, 2), np.uint64)
    at = int(chance.integers(0, held.entries - count // 2))
    found[: count // 2] = np.fromfile(held.data / "held", np.uint64, count, offset=16 * at).reshape(-1, 2)
    return found


def _python(held: _Held, make: type[set[bytes]] | type[dict[bytes, int]]) -> tuple[Any, dict[str, Callable[[], Any]]]:
    there: Any = make()
    for batch in held.batches():
        each = [one.tobytes() for one in batch]
        there.update(each if make is set else zip(each, range(len(there), len(there) + len(each)), strict=True))
    asked = [one.tobytes() for one in held.digests]
    look = there.__contains__ if make is set else there.get
    return {}, {
        "digests": lambda: _worked(lambda: [look(one) for one in asked]),
        "memory": lambda: (psutil.Process().memory_full_info().pss, _peak()),
    }


def _sqlite(held: _Held) -> tuple[Any, dict[str, Callable[[], Any]]]:
    database = sqlite3.connect(held.data / "peer.sqlite")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE held (digest BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID")
    digests = np.fromfile(held.data / "held", np.uint64).reshape(-1, 2)
    # In the order of the key, byte by byte, which is how SQLite takes it in quickest.
    order = np.lexsort(digests.byteswap().T[::-1])
    with database:
        rows = ((one.tobytes(), at) for one, at in zip(digests[order], order.tolist(), strict=True))
        database.executemany("INSERT INTO held VALUES (?, ?)", rows)
    del digests, order
    # It is slow: a tenth is asked for, and counted ten times.
    some = held.digests[: len(held.digests) // 10]
    asked, times = [(one.tobytes(),) for one in some], len(held.digests) / len(some)
    look = "SELECT number FROM held WHERE digest = ?"
    return {}, {
        "digests": lambda: times * _worked(lambda: [database.execute(look, one).fetchone() for one in asked]),
        "memory": lambda: (psutil.Process().memory_full_info().pss, _peak()),
    }


def _values(numbers: Any) -> list[str]:
    return [f"bc1q{number:038d}" for number in numbers]


def _worked(act: Callable[[], object]) -> float:
    """Processor time, in seconds: nobody waits here for anything but the processor, which others use too."""
    began = process_time()
    act()
    return process_time() - began


def _timed(act: Callable[[], object]) -> float:
    began = perf_counter()
    act()
    return perf_counter() - began


def _peak() -> int:
    """The most memory that this process ever had resident, in bytes (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


_SIDES: Final[Mapping[str, Callable[[_Held], tuple[Any, dict[str, Callable[[], Any]]]]]] = {
    "building": _building, "index": _index, "sqlite": _sqlite,
    "set": lambda held: _python(held, set), "dict": lambda held: _python(held, dict),
}  # fmt: skip


def _serve(name: str, data: Path, entries: int) -> None:
    """Be a side: take the entries in, say so, then do what each line of standard input says."""
    told, acts = _SIDES[name](_Held(data, entries))
    print(json.dumps(told), flush=True)
    for line in sys.stdin:
        print(json.dumps(acts[line.strip()]()), flush=True)


def main(given: list[str] | None = None) -> int:
    """Run these rows alone."""
    parsed = options("benchmarks.screening_exact", __doc__, ROWS, gigabytes=2).parse_args(given)
    sizes = QUICK if parsed.quick else Sizes()
    return run(
        "benchmarks.screening_exact", parsed, given, ROWS, lambda folder: ExactBench(folder, sizes),
        title="The exact index", intro=__doc__ or "",
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        _serve(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(main())
