"""One value over HTTP, beside the same web stack that sends a constant answer of the same size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol

from benchmarks.bridge_bench import serve
from benchmarks.client import Target, closed_loop, fetch
from benchmarks.console_search import fill
from benchmarks.processes import limit_server
from benchmarks.report import Figure, ratio, spread
from titian.core.access import Role
from titian.core.screening import ValueKind
from titian.core.search import ORGANISATION
from titian.node import open_node
from titian.setup import init_node

_BOUND: Final = 0.5
_ROUNDS: Final = 5
_SECONDS: Final = 1.0


class HttpBench(Protocol):
    """What the row needs of a run."""

    folder: Path
    quick: bool
    say: Callable[[str], None]


def single(bench: HttpBench) -> Iterator[Figure]:
    """Ask about one value after the other over one connection: known ones, and ones that are not."""
    home = bench.folder / "screening-node"
    count = 2_000 if bench.quick else 100_000
    bench.say(f"fill a node with {count:,} objects")
    init_node(home, name="Benchmark", country="ID")
    with open_node(home, environment={}) as node:
        fill(node, count, bench.say)
        node.screen().catch_up()
        known = node.screen().values(ORGANISATION, ValueKind.DOMAIN)[:200] or ["known.example"]
        _, secret = node.keys.add("tool", Role.READER)
    constants = bench.folder / "screening-constants"
    constants.mkdir()
    with ExitStack() as ends:
        served = serve(home)
        ends.callback(served.stop)
        asked = Target(served.target.url, f"Bearer {secret}")
        values = [*known, *(f"unknown-{number}.example" for number in range(len(known)))]
        requests = [_request(asked, f"/api/v1/screen?kind=domain&value={value}") for value in values]
        answer = fetch(asked, requests[-1])
        (constants / "answer").write_bytes(answer.body)
        limit = limit_server(constants)
        ends.callback(limit.stop)
        constant = [_request(limit.target, "/constant/answer")]
        found: dict[str, list[float]] = {"known": [], "unknown": [], "constant": []}
        sides = {"known": (asked, requests[: len(known)]), "unknown": (asked, requests[len(known) :]),
                 "constant": (limit.target, constant)}  # fmt: skip
        for number in range(_ROUNDS):
            for name in list(sides)[:: 1 if number % 2 else -1]:
                target, some = sides[name]
                found[name].append(closed_loop(target, some, seconds=_SECONDS).rate)
    for name in ("unknown", "known"):
        yield Figure(
            what=f"single exact over HTTP, a value that is {name}", measured=f"{spread(found[name])} answers/s",
            ratio=ratio(found[name], found["constant"]), wanted=_BOUND if name == "unknown" else None,
            against=f"{spread(found['constant'])} constant answers/s of {len(answer.body):,} bytes",
            note=f"One connection, one worker, {count:,} objects held, the key checked and every hit read anew.",
        )  # fmt: skip


def _request(target: Target, path: str) -> bytes:
    return target.request(path).replace(b"application/taxii+json;version=2.1", b"application/json")


ROWS: Final[dict[str, Callable[[HttpBench], Iterator[Figure]]]] = {"http": single}
