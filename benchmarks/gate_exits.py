"""One process of the noninterference row over HTTP: ``python -m benchmarks.gate_exits --first K --step N --count M``.

It makes twin nodes from a seed, as ``tests/support`` does, which live through the same acts but for what their
partner may not see, and asks both everything that the partner's key may ask: each question is one pair. Status,
headers, body, order, counts and cursors are compared. Progress goes to the standard output as lines of JSON.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from benchmarks.gate_pairs import Progress, process
from support.gate import Bench, Clock
from support.partner import Base, told


def compared(first: int, step: int, count: int) -> Iterator[Progress]:
    """Compare ``count`` answers or a few more, of the seeds ``first``, ``first + step``, …; the state after each."""
    state = Progress()
    with tempfile.TemporaryDirectory(prefix="titian-exits-") as folder:
        base = Base.of(Bench.set_up(Path(folder) / "base", Clock()))
        seed = first
        while state.pairs < count:
            plain, hiding = told(base, Path(folder), seed)
            state.pairs += max(len(plain.answers), len(hiding.answers))
            state.objects += 1
            if plain.came != hiding.came or any(one != two for one, two in zip_longest(plain.answers, hiding.answers)):
                state.seeds.append(seed)
            seed += step
            yield state


if __name__ == "__main__":
    raise SystemExit(process("benchmarks.gate_exits", __doc__, compared))
