"""The noninterference row: pairs in as many processes as there are cores, with a bar that shows how far they are."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
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
    """Pairs of a graph and a policy that differ only in what their reader may not see: what goes out is the same.

    Half of the pairs are of projections, half of questions over HTTP.
    """
    half = bench.gate.pairs // 2
    state, seconds = _all("benchmarks.gate_pairs", half)
    yield _figure(
        f"noninterference: {state.pairs:,} random pairs of a graph and a policy that differ only in what the reader "
        "may not see, and what is projected of them",
        state,
        seconds,
        f"bytes, order, identifiers and ends of {state.objects:,} objects that go, {state.copies:,} of them copies",
    )
    state, seconds = _all("benchmarks.gate_exits", half)
    yield _figure(
        f"noninterference: {state.pairs:,} pairs of a question that a partner's key asks of twin nodes which differ "
        "only in what the partner may not see",
        state,
        seconds,
        f"status, headers, body, order, counts, cursors and error texts of every exit of the TAXII server, of "
        f"{state.objects:,} pairs of nodes that lived through the same acts",
    )


def _figure(what: str, state: _State, seconds: float, note: str) -> Figure:
    seeds = sorted(state.seeds)
    return Figure(
        what=what,
        measured=f"{state.pairs:,} pairs, {len(seeds):,} differences, {seconds:,.0f} s",
        ratio=float(len(seeds)),
        wanted=0,
        sense="≤",
        unit="differences",
        note=f"{note}; {state.pairs / seconds:,.0f} pairs/s" + (f"; seeds {_listed(seeds)}" if seeds else ""),
    )


def _all(module: str, count: int) -> tuple[_State, float]:
    """Run as many processes as there are cores to their ends; what they found together, and the seconds it took."""
    cores = os.cpu_count() or 1
    shares = [count // cores + (core < count % cores) for core in range(cores)]
    began = perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar, ThreadPoolExecutor(cores) as pool:
        task = bar.add_task("pairs", total=count)
        waiting = [
            pool.submit(_followed, module, core, cores, share, lambda more: bar.advance(task, more))
            for core, share in enumerate(shares)
        ]
        states = [one.result() for one in waiting]
    whole = _State(
        pairs=sum(state.pairs for state in states),
        objects=sum(state.objects for state in states),
        copies=sum(state.copies for state in states),
        seeds=[seed for state in states for seed in state.seeds],
    )
    return whole, perf_counter() - began


def _followed(module: str, core: int, cores: int, share: int, told: _Told) -> _State:
    """Run one process to its end. Raises :class:`CannotStart` with its last words when it fails."""
    command = [sys.executable, "-m", module, "--first", str(core), "--step", str(cores)]
    state = _State()
    # Into a file: a pipe that nobody reads meanwhile fills up, and then the process stands still.
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(
            [*command, "--count", str(share)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                now = msgspec.json.decode(line, type=_State)
                told(now.pairs - state.pairs)
                state = now
            process.wait()
            complaints.seek(0)
            words = complaints.read()
        except BaseException:
            process.kill()
            raise
    if process.returncode or state.pairs < share:
        raise CannotStart(f"{module} ended with {process.returncode}: {words.strip()[-300:]}")
    return state


def _listed(seeds: Sequence[int]) -> str:
    more = f" and {len(seeds) - _SHOWN:,} more" if len(seeds) > _SHOWN else ""
    return ", ".join(map(str, seeds[:_SHOWN])) + more
