"""One process of the noninterference row: ``python -m benchmarks.gate_pairs --first K --step N --count M``.

It makes pairs of worlds that differ only in what their reader may not see, as ``tests/support`` makes them from a
seed, and compares all that the reader gets: identifiers and bytes in their order, what each is called, when it ends.
Pairs in which nothing differs are not counted. Progress goes to the standard output as lines of JSON.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import msgspec

from support.graph_variants import HIDDEN, vary
from support.graphs import outcome, world
from support.projection_oracle import see

_EVERY = 100


class Progress(msgspec.Struct):
    """How far a process has come. ``seeds`` are those of which the two outcomes differ."""

    pairs: int = 0
    objects: int = 0
    copies: int = 0
    seeds: list[int] = []


def process(name: str, told: str | None, compared: Callable[[int, int, int], Iterator[Progress]]) -> int:
    """Compare the pairs of one process, and say how far it has come."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=told)
    parser.add_argument("--first", type=int, required=True, help="the first seed")
    parser.add_argument("--step", type=int, required=True, help="from one seed to the next")
    parser.add_argument("--count", type=int, required=True, help="how many pairs")
    given = parser.parse_args()
    for progress in compared(given.first, given.step, given.count):
        print(msgspec.json.encode(progress).decode(), flush=True)
    return 0


def compared(first: int, step: int, count: int) -> Iterator[Progress]:
    """Compare ``count`` pairs of the seeds ``first``, ``first + step``, …; the state after every few of them."""
    state = Progress()
    seed = first
    while state.pairs < count:
        compare(seed, state)
        seed += step
        if state.pairs % _EVERY == 0 or state.pairs == count:
            yield state


def compare(seed: int, state: Progress) -> None:
    """Compare the pair of one seed, and note it, if its worlds differ."""
    made = world(seed)
    seen = see(made)
    # Half of the pairs differ in every way at once, half in one way only: nothing else can then outweigh it.
    kinds = HIDDEN if seed // 2 % 2 else (HIDDEN[seed // 4 % len(HIDDEN)],)
    other = vary(made, seed, seen.withheld, seen.cuts, kinds)
    if made == other:
        return
    one, two = outcome(made), outcome(other)
    state.pairs += 1
    state.objects += len(one[0])
    state.copies += sum(identifier not in {thing["id"] for thing in made.objects} for identifier, _ in one[0])
    if one != two:
        state.seeds.append(seed)


if __name__ == "__main__":
    raise SystemExit(process("benchmarks.gate_pairs", __doc__, compared))
