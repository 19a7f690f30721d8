"""What private matching takes, beside openmined-psi on the same sets in the same rounds.

The peer is looked for in the interpreter that ``TITIAN_PSI_PEER`` names (else in this one): give it ``openmined-psi``.
It proves nothing about its answers; so our figure that is held against it has no proofs either, and the row below it
tells what they add.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from time import perf_counter, process_time
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.processes import CannotStart
from benchmarks.report import TIMES, Figure, missing, ratio, spread
from titian.core.screening import ValueKind
from titian.screen.private import (
    Asking,
    Made,
    Mode,
    ReadOffer,
    Terms,
    begin,
    make_offer,
    random_key,
    read_offer,
    serve,
    sodium,
)

PEER: Final = "TITIAN_PSI_PEER"
CPU_BOUND, BYTES_BOUND, SECONDS_BOUND = 0.5, 1.0, 0.5
THREADS: Final = 2
_SCRIPT: Final = Path(__file__).with_name("screening_private_peer.py")


class PrivateSizes(NamedTuple):
    """How much a run does."""

    both: int = 100_000
    offered: int = 1_000_000
    asked: int = 1_000
    rounds: int = 3
    small: int = 5_000
    """For the modes and what is only told."""


QUICK: Final = PrivateSizes(both=3_000, offered=20_000, asked=300, rounds=1, small=500)


class PrivateBench(Protocol):
    """What the rows need of a run."""

    private: PrivateSizes
    say: Callable[[str], None]


class Took(msgspec.Struct):
    """What one match took: seconds of processors and of the clock, bytes that went, values found."""

    cpu: float
    offer: float
    run: float
    bytes: int
    common: int


def values(first: int, count: int) -> list[str]:
    """Values as long as the address of a wallet."""
    return ["0x" + sha256(b"%d" % one).hexdigest()[:40] for one in range(first, first + count)]


def _terms(mode: Mode, verified: bool, asked: int) -> Terms:
    return Terms(ValueKind.WALLET, "2026-11", mode, verified, asked=asked)


def _offer(held: list[str], terms: Terms) -> Made:
    notes = {value: f"Case {value[:9]}, ask the desk" for value in held} if terms.mode is Mode.LABELLED else None
    key = random_key(secrets.token_bytes)
    return make_offer(held, terms, key, secrets.token_bytes, notes=notes, threads=THREADS)


def _run(made: Made, offer: ReadOffer, asked: list[str]) -> tuple[int, int]:
    """One run of both sides in turn: bytes that went, values found."""
    asking = Asking(offer, asked, secrets.token_bytes, threads=THREADS)
    message = asking.begin()
    step = begin(made.book, message)
    went = len(message) + len(step.reply)
    after = asking.take(step.reply)
    while after is not None:
        step = serve(made.book, step.serving, after, secrets.token_bytes, threads=THREADS)
        went += len(after) + len(step.reply)
        after = asking.take(step.reply)
    assert asking.found is not None
    return went, asking.found.common


def ours(mode: Mode, verified: bool, offered: int, asked: int) -> Took:
    """A whole match of ours, the offer included. Half of what is asked is held."""
    held, questions = values(0, offered), values(offered - asked // 2, asked)
    cpu, began = process_time(), perf_counter()
    terms = _terms(mode, verified, asked)
    made = _offer(held, terms)
    ready = perf_counter()
    went, common = _run(made, read_offer(made.data, expected=terms, public=made.book.key.public), questions)
    took = Took(process_time() - cpu, ready - began, perf_counter() - ready, len(made.data) + went, common)
    if took.common != asked // 2:
        raise CannotStart(f"{took.common:,} found, not {asked // 2:,}")
    return took


def limit(size: int) -> float:
    """What libsodium alone takes for a match of two sets of one size: the processor seconds that no code can save.

    RFC 9497 wants of each pair of values two hashes to the group and four multiplications: one of the value that is
    offered; to blind the one that is asked, to answer it, and to take the blind off.
    """
    few = 2000
    points, scalars = [], [sodium.scalar_bytes(one) for one in sodium.random_scalars(secrets.token_bytes, few)]
    hashes = [secrets.token_bytes(sodium.HASH_SIZE) for _ in range(few)]
    cpu = process_time()
    for _ in range(2):
        points = sodium.points_from_hashes(hashes)
    for _ in range(4):
        sodium.multiply_each(scalars, points)
    return (process_time() - cpu) / few * size


def theirs(offered: int, asked: int) -> Took:
    """The same match by the peer; :class:`CannotStart` when it is not here."""
    interpreter = os.environ.get(PEER) or sys.executable
    done = subprocess.run(
        [interpreter, str(_SCRIPT), str(offered), str(asked), str(asked // 2)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotStart(f"openmined-psi ({PEER}): {(done.stderr.strip().splitlines() or ['it failed'])[-1]}")
    took = msgspec.convert(json.loads(done.stdout), Took)
    if took.common != asked // 2:
        raise CannotStart(f"openmined-psi found {took.common:,}, not {asked // 2:,}")
    return took


def intersection(bench: PrivateBench) -> Iterator[Figure]:
    """Two sets of one size, the offer included: processor seconds and bytes."""
    size = bench.private.both
    sides: dict[str, Callable[[], Took]] = {
        "ours": lambda: ours(Mode.INTERSECTION, False, size, size),
        "proved": lambda: ours(Mode.INTERSECTION, True, size, size),
        "peer": lambda: theirs(size, size),
    }
    found: dict[str, list[Took]] = {name: [] for name in sides}
    limits = []
    try:
        for number in range(bench.private.rounds):
            limits.append(limit(size))
            for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
                bench.say(f"{name}: {size:,} {TIMES} {size:,}")
                found[name].append(sides[name]())
    except CannotStart as error:
        yield missing(f"private matching, {size:,} {TIMES} {size:,}", CPU_BOUND, error, sense="≤")
        return
    peer = [one.cpu for one in found["peer"]]
    beside = f"openmined-psi {spread(peer, digits=1)} s, no proofs"
    what = f"private matching, {size:,} {TIMES} {size:,}"
    for name, wanted, note in (
        ("ours", CPU_BOUND, "RFC 9497 OPRF, as the peer without proofs; the offer included."),
        ("proved", None, "RFC 9497 VOPRF: one proof for each batch, made and checked. The peer has none."),
    ):
        cpu = [one.cpu for one in found[name]]
        clock = [one.offer + one.run for one in found[name]]
        yield Figure(
            what=f"{what}, processor seconds{', each answer proved' if name == 'proved' else ''}", wanted=wanted,
            sense="≤", ratio=ratio(cpu, peer), measured=f"{spread(cpu, digits=1)} s", peer=beside,
            against=f"libsodium alone, without proofs, {spread(limits, digits=1)} s",
            note=f"{note} {spread(clock, digits=1)} s by the clock on {THREADS} threads.",
        )  # fmt: skip
    mine, others = found["proved"][-1].bytes, found["peer"][-1].bytes
    yield Figure(
        what=f"{what}, bytes", wanted=BYTES_BOUND, sense="≤", ratio=mine / others, measured=f"{mine / 1e6:,.2f} MB",
        peer=f"openmined-psi {others / 1e6:,.2f} MB",
        note="All messages of both sides, with proofs; the same probability of a false hit, 2^-40 in a run.",
    )  # fmt: skip


def unbalanced(bench: PrivateBench) -> Iterator[Figure]:
    """Few values asked of an offer that lies there."""
    offered, asked = bench.private.offered, bench.private.asked
    bench.say(f"offer {offered:,} values")
    terms = _terms(Mode.INTERSECTION, True, asked)
    cpu, began = process_time(), perf_counter()
    made = _offer(values(0, offered), terms)
    clock, cpu = perf_counter() - began, process_time() - cpu
    yield Figure(
        what=f"a fresh offer of {offered:,} values", measured=f"{clock:,.1f} s, {len(made.data) / 1e6:,.2f} MB",
        ratio=clock, unit="s",
        note=f"Once for a partner and an epoch; {cpu:,.1f} s of processors on {THREADS} threads, "
             f"{psutil.Process().memory_info().rss / 1e6:,.0f} MB in use after it.",
    )  # fmt: skip
    began = perf_counter()
    offer = read_offer(made.data, expected=terms, public=made.book.key.public)
    reading = perf_counter() - began
    seconds, processors = [], []
    for turn in range(max(bench.private.rounds, 3)):
        bench.say(f"ask {asked:,} of {offered:,}")
        questions = values(offered - asked // 2 - turn, asked)
        began, cpu = perf_counter(), process_time()
        _, common = _run(made, offer, questions)
        seconds.append(perf_counter() - began)
        processors.append(process_time() - cpu)
        if common != asked // 2 + turn:
            raise CannotStart(f"{common:,} found")
    try:
        peer = f"openmined-psi {theirs(offered, asked).run:,.2f} s, no proofs"
    except CannotStart as error:
        peer = str(error)
    yield Figure(
        what=f"{asked:,} asked of {offered:,} already offered", wanted=SECONDS_BOUND, sense="≤", unit="s",
        ratio=float(np.median(seconds)), measured=f"{spread(seconds, digits=2)} s", peer=peer,
        note=f"Both sides and proofs, {spread(processors, digits=2)} s of processors; reading the "
             f"offer, once, took {reading:,.2f} s.",
    )  # fmt: skip


def modes(bench: PrivateBench) -> Iterator[Figure]:
    """What each mode takes for a value."""
    size = bench.private.small
    for mode in Mode:
        took = {verified: ours(mode, verified, size, size) for verified in (False, True)}
        each = {verified: one.cpu / size * 1e6 for verified, one in took.items()}
        yield Figure(
            what=f"mode {mode.value}, {size:,} {TIMES} {size:,}", ratio=each[True], unit="µs",
            measured=f"{each[False]:,.0f} µs of processor for a value, {each[True]:,.0f} µs proved, "
                     f"{took[True].bytes / size:,.1f} bytes",
            note="Both sides and the offer.",
        )  # fmt: skip


ROWS: Final = {"private-intersection": intersection, "private-unbalanced": unbalanced, "private-modes": modes}
