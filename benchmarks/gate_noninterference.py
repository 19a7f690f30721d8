"""The noninterference row: pairs in as many processes as there are cores, with a bar that shows how far they are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.gate_bench import GateBench
from benchmarks.processes import ROOT, CannotStart
from benchmarks.report import Figure

_SHOWN = 10
_Told = Callable[[int], None]


class _State(msgspec.Struct):
    """What a process says (:class:`benchmarks.gate_pairs.Progress`)."""

    pairs: int = 0
    objects: int = 0
    copies: int = 0
    seeds: list[int] = []


def noninterference(bench: GateBench) -> Iterator[Figure]:
    """Pairs of a graph and a policy that differ only in what their reader may not see: what goes out is the same."""
    count, cores = bench.gate.pairs, os.cpu_count() or 1
    shares = [count // cores + (core < count % cores) for core in range(cores)]
    began = perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar, ThreadPoolExecutor(cores) as pool:
        task = bar.add_task("pairs", total=count)
        waiting = [
            pool.submit(_followed, core, cores, share, lambda more: bar.advance(task, more))
            for core, share in enumerate(shares)
        ]
        states = [one.result() for one in waiting]
    seconds = perf_counter() - began
    seeds = sorted(seed for state in states for seed in state.seeds)
    pairs = sum(state.pairs for state in states)
    yield Figure(
        what=f"noninterference: {pairs:,} random pairs that differ only in what the reader may not see",
        measured=f"{pairs:,} pairs, {len(seeds):,} differences, {seconds:,.0f} s",
        ratio=float(len(seeds)),
        wanted=0,
        sense="≤",
        unit="differences",
        note=f"bytes, order, identifiers and ends of {sum(state.objects for state in states):,} objects that go, "
        f"{sum(state.copies for state in states):,} of them copies; {pairs / seconds:,.0f} pairs/s"
        + (f"; seeds {_listed(seeds)}" if seeds else ""),
    )


def _followed(core: int, cores: int, share: int, told: _Told) -> _State:
    """Run one process to its end. Raises :class:`CannotStart` with its last words when it fails."""
    command = [sys.executable, "-m", "benchmarks.gate_pairs", "--first", str(core), "--step", str(cores)]
    state = _State()
    with subprocess.Popen(
        [*command, "--count", str(share)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stdout:
                now = msgspec.json.decode(line, type=_State)
                told(now.pairs - state.pairs)
                state = now
            words = process.stderr.read()
        except BaseException:
            process.kill()
            raise
    if process.returncode or state.pairs != share:
        raise CannotStart(f"benchmarks.gate_pairs ended with {process.returncode}: {words.strip()[-300:]}")
    return state


def _listed(seeds: Sequence[int]) -> str:
    more = f" and {len(seeds) - _SHOWN:,} more" if len(seeds) > _SHOWN else ""
    return ", ".join(map(str, seeds[:_SHOWN])) + more
