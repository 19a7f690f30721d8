"""A mesh of twelve nodes in one run: who has what, how soon, how often, and what each of them weighs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from statistics import median
from time import perf_counter, sleep
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

from benchmarks.bridge_bench import BridgeBench
from benchmarks.bridge_mesh_nodes import ALL, OBJECTS, Found, Mesh, Sent, cpu_seconds
from benchmarks.client import UnexpectedAnswer
from benchmarks.report import Figure

_WEIGH_EVERY = 5
"""Releases between two looks at what the nodes weigh."""
_MARGIN = 60.0
"""Seconds for which what is late is still waited for: late is not lost."""
_MB = 1e6


class _Run(NamedTuple):
    """What happened: the releases, how late the last one began, the load, and each node's weight in bytes."""

    sent: list[Sent]
    behind: float
    cores: tuple[float, float]
    resident: dict[str, int]
    proportional: dict[str, int]


class _Judged(NamedTuple):
    """What became of it, over all nodes."""

    late: list[float]
    lost: list[tuple[str, str]]
    doubled: list[tuple[str, str]]
    posted: int
    """How many objects a node has a second time because the sender also put them into its inbox."""
    astray: list[tuple[str, str]]


def mesh(bench: BridgeBench) -> Iterator[Figure]:
    """Every node subscribed to every other; one release a second, in turn; some of them for one partner only."""
    sizes = bench.bridge
    with closing(Mesh(bench, sizes.nodes, sizes.every)) as made:
        run = _releases(bench, made, sizes.seconds)
        bench.say("wait until everything has arrived")
        waited = _await(made, run.sent, 3 * sizes.every + _MARGIN)
        # What comes twice, or to somebody else, may come after what comes once.
        sleep(2 * sizes.every)
        judged = _judge(made, run.sent)
        failed = sum(one.failed() for one in made.members.values())
        gaps = [gap for one in made.members.values() for gap in one.gaps()]
        aside = sum(one.quarantined() for one in made.members.values())
        yield from _figures(bench, made, run, judged, f"{failed} pulls failed, {len(gaps)} gaps were told, {aside} "
                            f"objects went to a quarantine; the last of all arrived {waited:,.1f} s after the last "
                            "release")  # fmt: skip


def _releases(bench: BridgeBench, made: Mesh, seconds: int) -> _Run:
    bench.say(f"release once a second for {seconds} s")
    psutil.cpu_percent()
    used, began, behind = cpu_seconds(), perf_counter(), 0.0
    sent: list[Sent] = []
    resident: dict[str, int] = {}
    proportional: dict[str, int] = {}
    for number in range(seconds):
        sleep(max(0.0, began + number - perf_counter()))
        behind = max(behind, perf_counter() - began - number)
        sent.append(made.release(number))
        if number % _WEIGH_EVERY == 0:
            _weigh(made, resident, proportional)
    sleep(max(0.0, began + seconds - perf_counter()))
    _weigh(made, resident, proportional)
    now, took = cpu_seconds(), perf_counter() - began
    return _Run(sent, behind, ((now[0] - used[0]) / took, (now[1] - used[1]) / took), resident, proportional)


def _weigh(made: Mesh, resident: dict[str, int], proportional: dict[str, int]) -> None:
    for alias, member in made.members.items():
        rss, pss = member.server.memory()
        resident[alias] = max(resident.get(alias, 0), rss)
        proportional[alias] = max(proportional.get(alias, 0), pss)


def _await(made: Mesh, sent: Sequence[Sent], patience: float) -> float:
    """Wait until every entitled node has everything, or no longer; how long that was."""
    began = perf_counter()
    while perf_counter() - began < patience:
        if not _judge(made, sent, thoroughly=False).lost:
            break
        sleep(1)
    return perf_counter() - began


def _judge(made: Mesh, sent: Sequence[Sent], *, thoroughly: bool = True) -> _Judged:
    """Compare what every node has with what it should have."""
    held = {alias: _by_id(member.found()) for alias, member in made.members.items()}
    found = _Judged([], [], [], 0, [])
    posted = 0
    for release in sent:
        entitled = release.entitled(made.names)
        for alias in made.names:
            for identifier in release.ids:
                everywhere = held[alias].get(identifier, [])
                places = [one for one in everywhere if not one.posted]
                if alias in entitled and not places:
                    found.lost.append((alias, release.token))
                elif everywhere and alias not in entitled:
                    found.astray.append((alias, release.token))
                elif places:
                    found.late.append(min(one.judged for one in places) - release.began)
                    if len(places) > 1 or len(everywhere) > 2:
                        found.doubled.append((alias, release.token))
                    posted += len(everywhere) > 1
    if thoroughly:
        for alias, member in made.members.items():
            mine = {one.token for one in sent if alias == one.sender or alias in one.entitled(made.names)}
            words = member.words() & {one.token for one in sent}
            found.astray.extend((alias, word) for word in sorted(words - mine))
            if missing := {one.token for one in sent if alias == one.sender} - words:
                raise UnexpectedAnswer(f"The search in the files of {alias} does not find {sorted(missing)[:3]}.")
    return found._replace(posted=posted)


def _by_id(found: Sequence[Found]) -> dict[str, list[Found]]:
    by_id: dict[str, list[Found]] = {}
    for one in found:
        by_id.setdefault(one.id, []).append(one)
    return by_id


def _figures(bench: BridgeBench, made: Mesh, run: _Run, judged: _Judged, told: str) -> Iterator[Figure]:
    sizes, late = bench.bridge, sorted(judged.late) or [float("inf")]
    narrow = sum(one.agreement != ALL for one in run.sent)
    what = f"mesh of {sizes.nodes} nodes, {made.subscriptions} subscriptions every {sizes.every:g} s"
    yield Figure(
        what=f"{what}, a release of {OBJECTS} objects each second for {sizes.seconds} s: until every entitled node "
        "has every object",
        measured=f"{median(late):,.2f} s (p99 {late[int(len(late) * 0.99)]:,.2f} s, longest {late[-1]:,.2f} s)",
        ratio=late[-1] / sizes.every,
        wanted=3,
        sense="≤",
        unit="intervals",
        note=f"the longest is judged, of {len(judged.late):,} arrivals: from the beginning of the release to the "
        f"instant at which the node judged it, by the clock that they share; {told}. The nodes used "
        f"{run.cores[1]:,.2f} of the processors, releasing {run.cores[0]:,.2f}; the releases were at most "
        f"{run.behind:,.2f} s behind the clock",
    )
    counts = (
        ("lost", judged.lost, f"of {len(judged.late) + len(judged.lost):,} objects times entitled nodes"),
        ("doubled", judged.doubled, "two entries in one collection, or brought by two subscriptions"),
        ("where they don't belong", judged.astray, f"{narrow} of {len(run.sent)} releases were for one partner only; "
         "looked for in every collection, and in the bytes of database, journal and log of every node"),
    )  # fmt: skip
    for name, which, note in counts:
        yield Figure(
            what=f"{what}: objects {name}", measured=f"{len(which):,}", ratio=float(len(which)), wanted=0, sense="≤",
            unit="objects", note=note + (f": {which[:3]}" if which else ""),
        )  # fmt: skip
    yield Figure(
        what=f"{what}: objects that lie in an inbox besides",
        measured=f"{judged.posted:,}",
        ratio=float(judged.posted),
        sense="≤",
        unit="objects",
        note="told, not judged: who is subscribed to a partner also sends it what it releases to it, and here both are "
        "subscribed to each other, so that the same object comes by both ways",
    )
    heavy = max(run.proportional, key=run.proportional.__getitem__)
    pss, rss = list(run.proportional.values()), list(run.resident.values())
    yield Figure(
        what=f"{what}: memory of a node",
        measured=f"{median(pss) / _MB:,.0f} ({min(pss) / _MB:,.0f} to {max(pss) / _MB:,.0f}) MB",
        ratio=max(pss) / _MB,
        wanted=150,
        sense="≤",
        unit="MB",
        note=f"the heaviest, {heavy}, is judged: proportional set size of its processes, supervisor and worker, the "
        f"most of several looks; what {sizes.nodes} nodes on one machine share counts for each in part. Resident set "
        f"sizes added up, which count twice what the two share: {median(rss) / _MB:,.0f} MB (to {max(rss) / _MB:,.0f})",
    )
