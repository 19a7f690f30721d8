"""``python -m benchmarks.bridge``: the figures of the bridge between nodes as one table, each beside its bound.

Rows: carry, reads, ledger, append, proof, mesh. The full run makes a ledger of ten million entries (6 GB) and lets
twelve nodes exchange for a minute; it takes half an hour or so. ``--quick`` shows in two minutes that every row runs,
its figures mean little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import bridge_carry, bridge_mesh, bridge_proof, bridge_reads, bridge_rows
from benchmarks.bridge_bench import QUICK, BridgeBench, BridgeSizes
from benchmarks.report import Figure
from benchmarks.run import options, run, say

Rows = Callable[[BridgeBench], Iterator[Figure]]

ROWS: dict[str, Rows] = {
    "carry": bridge_carry.carry,
    "reads": bridge_reads.reads,
    "ledger": bridge_rows.ledger,
    "append": bridge_rows.append,
    "proof": bridge_proof.proof,
    "mesh": bridge_mesh.mesh,
}
"""In the order they run."""

INTRO = (
    "The objects are those of `titian demo`, the parties and agreements those that ship with Titian, but for the one "
    "agreement that the mesh shares. Figures are the median (least to most) over rounds; where two sides are compared, "
    "they were measured in turn and the ratio is the median over the rounds. Every node is a `titian serve` of its own "
    "on loopback with its data in SQLite and default settings, but for `requests_per_second = 0`: the bound on one "
    "key's requests is off."
)


def main(words: list[str] | None = None) -> int:
    """Run the chosen rows and print the table; 1 if a bound was missed or a row could not run."""
    parser = options("benchmarks.bridge", __doc__, ROWS, gigabytes=12)
    parser.add_argument("--entries", type=int, help="how many entries the proof row's ledger has (10,000,000)")
    parser.add_argument("--nodes", type=int, choices=range(2, 13), help="how many nodes the mesh has (12)")
    parser.add_argument("--every", type=float, help="seconds between two looks of the mesh's nodes (5)")
    given = parser.parse_args(words)
    sizes = QUICK if given.quick else BridgeSizes()
    sizes = sizes._replace(
        proven=given.entries or sizes.proven, nodes=given.nodes or sizes.nodes, every=given.every or sizes.every
    )
    make = partial(BridgeBench, sizes=sizes, say=say)
    return run("benchmarks.bridge", given, words, ROWS, make, title="Benchmarks of the bridge", intro=INTRO)


if __name__ == "__main__":
    raise SystemExit(main())
