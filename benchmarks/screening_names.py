"""Names: how well they are told apart on a labelled set, and how quickly they are found among many.

``ROWS`` are taken by ``benchmarks.screening``. The peer for quality is nomenklatura's logic-v2, run by the Python that
the environment variable ``TITIAN_BENCHMARK_NOMENKLATURA`` names, as its versions need not be ours; the peer for speed
is ``rapidfuzz.process.extract``. As ``python -m benchmarks.screening_names FOLDER COUNT`` it is the process that
searches, so that its memory is its own.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any, Final, Protocol

import msgspec
import psutil  # type: ignore[import-untyped]
from rapidfuzz import fuzz, process

from benchmarks import names_lists as lists
from benchmarks.names_pairs import Pair, pairs
from benchmarks.report import Figure, missing
from titian.core.screening import Facts, HeldName, ValueKind
from titian.screen.names import THRESHOLD, NameIndex, likeness, take_apart, weigh, worth

PEER: Final = "TITIAN_BENCHMARK_NOMENKLATURA"
F1_WANTED, ABOVE_WANTED, RECALL_WANTED = 0.90, 0.08, 0.75
QUERIES_WANTED: Final = {100_000: 1_000.0, 1_000_000: 400.0}
MEMORY_WANTED: Final = 250.0
ASKED: Final = 3_000
ALERTS: Final = 0.01
"""The share of negatives that may raise an alert where recall is told."""

Scores = Sequence[float]


class Bench(Protocol):
    """What the rows need of a run: a folder, somebody to tell, and whether the run is a small one."""

    folder: Path
    quick: bool
    say: Callable[[str], None]


def similarity(pair: Pair) -> float:
    """Our score of the two names, without any other fact."""
    kind = ValueKind.ORGANISATION if pair.organisation else ValueKind.PERSON
    readings = [(one, other) for one in take_apart(pair.one.name, kind) for other in take_apart(pair.other.name, kind)]
    return max((likeness(one, other).score for one, other in readings), default=0.0)


def supported(pair: Pair) -> float:
    """What hits are put in order by: the score, and what a second fact does to it."""
    one, other = (
        Facts(births=(side.birth,) if side.birth else (), countries=(side.country,) if side.country else ())
        for side in (pair.one, pair.other)
    )
    return worth(similarity(pair), *weigh(one, other))


def f1(scores: Scores, of: Sequence[Pair], threshold: float) -> float:
    """F1 at a threshold."""
    right = sum(score >= threshold and pair.same for score, pair in zip(scores, of, strict=True))
    wrong = sum((score >= threshold) != pair.same for score, pair in zip(scores, of, strict=True))
    return 2 * right / (2 * right + wrong) if right else 0.0


def best_threshold(scores: Scores, of: Sequence[Pair]) -> float:
    """The threshold at which F1 is best."""
    return max((step / 100 for step in range(30, 100)), key=lambda threshold: f1(scores, of, threshold))


def recall_at(scores: Scores, of: Sequence[Pair], alerts: float = ALERTS) -> float:
    """The share of positives above the threshold that no more than a share of the negatives reaches."""
    against = sorted((score for score, pair in zip(scores, of, strict=True) if not pair.same), reverse=True)
    bar = against[int(alerts * len(against))]
    found = [score > bar for score, pair in zip(scores, of, strict=True) if pair.same]
    return sum(found) / len(found)


@cache
def peer_scores(kind: str) -> list[float] | str:
    """The scores of logic-v2 for all pairs, with ``facts`` or ``names`` alone; why not, where it cannot run."""
    found = _peer()
    return found if isinstance(found, str) else found[kind]


@cache
def _peer() -> dict[str, Any] | str:
    def side(name: str, birth: str, country: str) -> list[str]:
        return [name, birth, "" if country == "XX" else country]

    given = [
        ["Organization" if pair.organisation else "Person", *(side(*msgspec.structs.astuple(one))
                                                              for one in (pair.one, pair.other))]
        for pair in pairs()
    ]  # fmt: skip
    script = Path(__file__).with_name("names_nomenklatura.py")
    ran = subprocess.run(
        [os.environ.get(PEER, sys.executable), str(script)],
        input=json.dumps(given), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        return f"nomenklatura: {ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else ran.returncode}"
    return dict(json.loads(ran.stdout))


def quality(bench: Bench) -> Iterator[Figure]:
    """F1 on the half that was not looked at, ours and the peer's, and by group."""
    bench.say("names: quality")
    every = pairs()
    ours = [similarity(pair) for pair in every]
    half, scores = _reported(every, ours)
    got = f1(scores, half, THRESHOLD)
    made = f"{len(every):,} pairs, {sum(not pair.same for pair in every):,} of them two persons or organisations"
    yield Figure(
        what="names, quality: F1 on the reported half", measured=f"{got:.3f}", ratio=got, wanted=F1_WANTED, unit="",
        note=f"{made}; {len(half):,} reported, by a hash. Threshold {THRESHOLD}, settled on the other half.",
    )  # fmt: skip
    theirs = peer_scores("names")
    if isinstance(theirs, str):
        yield missing("names, quality: F1 above logic-v2", ABOVE_WANTED, theirs)
    else:
        yield _above(every, got, theirs)
    by_group = [_group(name, half, scores) for name in dict.fromkeys(pair.group for pair in half)]
    yield Figure(what="names, quality by group: F1 (precision, recall)", measured="; ".join(by_group))


def _reported(every: Sequence[Pair], scores: Scores) -> tuple[list[Pair], list[float]]:
    kept = [(pair, score) for pair, score in zip(every, scores, strict=True) if pair.reported]
    return [pair for pair, _ in kept], [score for _, score in kept]


def _tuned(every: Sequence[Pair], scores: Scores) -> float:
    kept = [(pair, score) for pair, score in zip(every, scores, strict=True) if not pair.reported]
    return best_threshold([score for _, score in kept], [pair for pair, _ in kept])


def _above(every: Sequence[Pair], ours: float, names: Scores) -> Figure:
    """Our F1 over the peer's best: with or without facts, at its own threshold or at the one best for it."""
    facts = peer_scores("facts")
    found = {}
    for what, scores in (("names alone", names), ("with facts", facts)):
        assert not isinstance(scores, str)
        half, reported = _reported(every, scores)
        for threshold in (0.7, _tuned(every, scores)):
            found[f"{what} at {threshold:g}"] = f1(reported, half, threshold)
    best = max(found.values())
    return Figure(
        what="names, quality: F1 above logic-v2", measured=f"{ours:.3f} against {best:.3f}", ratio=ours - best,
        wanted=ABOVE_WANTED, unit="", peer=", ".join(f"{what} {value:.3f}" for what, value in found.items()),
        note="Against the best of the peer's: its own threshold (0.7), and the best on the tuning half.",
    )  # fmt: skip


def _group(name: str, half: Sequence[Pair], scores: Scores) -> str:
    kept = [(pair, score >= THRESHOLD) for pair, score in zip(half, scores, strict=True) if pair.group == name]
    right = sum(pair.same and said for pair, said in kept)
    said, same = sum(said for _, said in kept), sum(pair.same for pair, _ in kept)
    f = 2 * right / (said + same) if said + same else 0.0
    return f"{name} {f:.2f} ({right / said if said else 0:.2f}, {right / same if same else 0:.2f}; {len(kept)} pairs)"


def crossing(bench: Bench) -> Iterator[Figure]:
    """Recall between scripts when one negative in a hundred raises an alert."""
    bench.say("names: between scripts")
    every = [pair for pair in pairs() if pair.crossing and pair.reported]
    at = [number for number, pair in enumerate(pairs()) if pair.crossing and pair.reported]
    for what, kind, score, wanted in (
        ("with a second fact", "facts", supported, RECALL_WANTED), ("by the name alone", "names", similarity, None),
    ):  # fmt: skip
        theirs = peer_scores(kind)
        peer = theirs if isinstance(theirs, str) else f"logic-v2 {recall_at([theirs[n] for n in at], every):.2f}"
        got = recall_at([score(pair) for pair in every], every)
        yield Figure(
            what=f"names between scripts, recall at 1 % alerts on negatives, {what}", measured=f"{got:.3f}", ratio=got,
            wanted=wanted, unit="", peer=peer, note=f"{len(every):,} pairs of the reported half.",
        )  # fmt: skip


# Speed

_SYLLABLES: Final = [
    first + vowel for first in ("b", "d", "k", "l", "m", "n", "r", "s", "t", "y", "h", "sh", "ch") for vowel in "aiuo"
] + ["ran", "man", "kar", "san", "har", "nov", "sky", "dez", "son", "ber", "ger", "lin"]


def made_names(count: int, seed: int) -> Iterator[str]:
    """Names for an index of a size: half of the words are common ones, the others from a hundred thousand."""
    words = random.Random(1)
    common = [row[-1] for row in (*lists.ARABIC_GIVEN, *lists.RUSSIAN_GIVEN, *lists.INDONESIAN, *lists.THAI_FAMILY,
                                  *lists.JAPANESE_FAMILY, *lists.ARABIC_FAMILY, *lists.RUSSIAN_FAMILY)]  # fmt: skip
    rare = ["".join(words.choices(_SYLLABLES, k=words.choice((2, 3, 3, 4)))).title() for _ in range(120_000)]
    chance = random.Random(seed)
    for _ in range(count):
        length = chance.choice((2, 2, 3, 3, 4))
        yield " ".join(
            chance.choice(common) if chance.random() < 0.5 else rare[int(len(rare) * chance.random() ** 2)]
            for _ in range(length)
        )


def asked_names(count: int, seed: int, held: Sequence[str]) -> list[tuple[str, str]]:
    """What is asked, and the name it should find: a held name with a slip, in another order, or as it is; or none."""
    chance = random.Random(seed)
    found: list[tuple[str, str]] = []
    strangers = made_names(count, seed + 1)
    for name in chance.sample(held, count):
        draw, at = chance.random(), chance.randrange(1, len(name) - 1)
        if draw < 0.3:
            found.append((name[:at] + name[at + 1 :], name))
        elif draw < 0.5:
            found.append((" ".join(reversed(name.split())), name))
        elif draw < 0.7:
            found.append((name, name))
        else:
            found.append((next(strangers), ""))
    return found


def speed(bench: Bench) -> Iterator[Figure]:
    """Queries for a second of processor time, and what the process that asks grows by."""
    for count, wanted in ({20_000: 1_000.0} if bench.quick else QUERIES_WANTED).items():
        bench.say(f"names: an index of {count:,}")
        folder = bench.folder / f"names-{count}"
        began = process_time()
        NameIndex(folder).add((HeldName(ValueKind.PERSON, name, Facts(births=(str(1940 + at % 60),))), at)
                              for at, name in enumerate(made_names(count, 7)))  # fmt: skip
        built = process_time() - began
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.screening_names", str(folder), str(count)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        told = json.loads(ran.stdout)
        held = list(made_names(count, 7))
        peer = _extract(held, [name for name, _ in asked_names(20, 5, held)])
        yield Figure(
            what=f"names, {count:,} held: queries for a CPU-second", measured=f"{told['speed']:,.0f}",
            ratio=told["speed"], wanted=wanted, unit="a CPU-second", peer=f"rapidfuzz extract {peer:,.1f}",
            note=f"{ASKED:,} different queries, a third with a slip, a third strangers; found {told['found']:.1%} of "
            f"those held, {told['hits']:.1f} hits a query; built in {built:,.0f} s of processor time, "
            f"{told['size'] / 1e6:,.0f} MB on disk.",
        )  # fmt: skip
        yield Figure(
            what=f"names, {count:,} held: what the process grows by", measured=f"{told['grown'] / 1e6:,.0f} MB",
            ratio=told["grown"] / 1e6, wanted=MEMORY_WANTED, sense="≤", unit="MB",
            note="Resident memory from before the index is opened to after all queries, mapped pages included.",
        )  # fmt: skip


def _extract(held: Sequence[str], asked: Sequence[str]) -> float:
    began = process_time()
    for name in asked:
        process.extract(name, held, scorer=fuzz.ratio, limit=10, score_cutoff=80)
    return len(asked) / (process_time() - began)


def ask(folder: Path, count: int) -> dict[str, float]:
    """Ask an index; the first thousand names warm up what is kept at hand."""
    asked = asked_names(ASKED + 1_000, 11, list(made_names(count, 7)))
    me = psutil.Process()
    before = me.memory_info().rss
    index = NameIndex(folder)
    for name, _ in asked[:1_000]:
        index.search(name, kind=ValueKind.PERSON)
    began, hits, found, held = process_time(), 0, 0, 0
    for name, wanted in asked[1_000:]:
        got = index.search(name, kind=ValueKind.PERSON)
        hits += len(got)
        held += bool(wanted)
        found += any(hit.held.name == wanted for hit in got)
    return {
        "speed": ASKED / (process_time() - began),
        "grown": me.memory_info().rss - before,
        "found": found / held,
        "hits": hits / ASKED,
        "size": sum(path.stat().st_size for path in folder.iterdir()),
    }


ROWS: Final[dict[str, Callable[[Bench], Iterator[Figure]]]] = {
    "names-quality": quality,
    "names-crossing": crossing,
    "names-speed": speed,
}


if __name__ == "__main__":
    print(json.dumps(ask(Path(sys.argv[1]), int(sys.argv[2]))))
