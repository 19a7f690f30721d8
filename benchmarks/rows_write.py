"""Writing: batches of 1,000 objects, validated, durable and with a status that can be read."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import PAGE, Bench, Turn
from benchmarks.node import Node
from benchmarks.processes import CannotStart
from benchmarks.report import TIMES, Figure, missing, ratio, spread


def posts(bench: Bench) -> Iterator[Figure]:
    """POST of batches on SQLite beside the limit, on PostgreSQL beside SQLite, and as the node grows."""
    small, large = f"{bench.sizes.small:,}", f"{bench.sizes.large:,}"
    turns: dict[str, Turn] = {
        "limit": lambda: _objects_per_second(bench.bare.post(bench.fresh_batches(bench.sizes.batches))),
        small: _posting(bench, bench.small),
        large: _posting(bench, bench.large),
    }
    absent = ""
    try:
        turns["postgres"] = _posting(bench, bench.postgres)
    except CannotStart as error:
        absent = str(error)
    found = bench.take_turns(turns)
    yield Figure(
        what="POST in batches of 1,000, SQLite",
        measured=f"{spread(found[small])} objects/s",
        ratio=ratio(found[small], found["limit"]),
        wanted=0.35,
        against=f"{spread(found['limit'])} objects/s bare",
    )
    if absent:
        yield missing("POST in batches of 1,000, PostgreSQL against SQLite", 0.5, absent)
    else:
        yield Figure(
            what="POST in batches of 1,000, PostgreSQL against SQLite",
            measured=f"{spread(found['postgres'])} objects/s",
            ratio=ratio(found["postgres"], found[small]),
            wanted=0.5,
            against=f"{spread(found[small])} objects/s",
        )
    yield Figure(
        what=f"POST in batches of 1,000, SQLite: {large} objects against {small}",
        measured=f"{spread(found[large])} objects/s",
        ratio=ratio(found[small], found[large]),
        wanted=1.3,
        sense="≤",
        unit=f"{TIMES} the time",
        against=f"{spread(found[small])} objects/s",
    )


def loading(bench: Bench) -> Iterator[Figure]:
    """How long the large set took to post: told, not judged, with the first and the last tenth of it."""
    seconds = bench.load_large()
    tenth = max(len(seconds) // 10, 1)
    yield Figure(
        what=f"POST of {bench.sizes.large:,} objects, the last tenth of the batches against the first",
        measured=f"{bench.sizes.large / sum(seconds):,.0f} objects/s over all, {sum(seconds):,.0f} s",
        ratio=sum(seconds[-tenth:]) / sum(seconds[:tenth]),
        sense="≤",
        wanted=1.3,
        unit=f"{TIMES} the time",
        against=f"{sum(seconds[:tenth]) / tenth * 1000:,.0f} ms a batch at first",
    )


def _posting(bench: Bench, node: Node) -> Turn:
    return lambda: _objects_per_second(node.post(bench.fresh_batches(bench.sizes.batches), collection="posts"))


def _objects_per_second(seconds: list[float]) -> float:
    return len(seconds) * PAGE / sum(seconds)
