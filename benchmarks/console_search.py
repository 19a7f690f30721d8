"""Finding and reading at a million objects: what a search and an object page take, for ``benchmarks.console``.

The set is that of :mod:`benchmarks.generate`; every tenth object is one of here: reports, indicators, observables and
malware in six languages, with words as rare and as common as words are (Zipf), so that the index has a vocabulary of
some hundred thousand words and not of forty.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from benchmarks import generate
from titian.core.search import ORGANISATION, Query, Viewer, read_query
from titian.node import Node

TOLD_EVERY: Final = 10
SEARCH_BOUND: Final = 200.0
"""Milliseconds that a search may take, p95."""
READ_BOUND: Final = 100.0
_EPOCH: Final = datetime(2021, 3, 1, tzinfo=UTC)
_SYLLABLES: Final = [first + second for first in "bcdfghjklmnprstvwyz" for second in "aeiou"]
_LANGUAGES: Final = {
    "en": "The operators moved the ransom through exchanges in several cities before couriers fetched it.",
    "id": "Pelaku menyamarkan pembayaran tebusan melalui rekening penampungan di beberapa kota.",
    "ja": "攻撃者は偽の警察署を名乗り、高齢者に送金を求める電話をかけている。暗号資産の換金役も確認された。",
    "ru": "Злоумышленники рассылают поддельные повестки и похищают деньги со счетов граждан.",  # noqa: RUF001
    "th": "กลุ่มผู้ก่อเหตุหลอกให้เหยื่อโอนเงินผ่านบัญชีม้าหลายบัญชีในต่างประเทศ",
    "vi": "Nhóm này giả danh công an để lừa đảo người cao tuổi chuyển tiền qua điện thoại.",
}
_LEVELS: Final = (
    "94868c89-83c2-464b-929b-a1a8aa3c8487", "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
)  # fmt: skip


class Took(NamedTuple):
    """Milliseconds of one kind of request: the middle, 95 of 100, and the most; ``found`` is what the last gave."""

    label: str
    median: float
    p95: float
    most: float
    bound: float
    found: str


class Filled(NamedTuple):
    """What filling took: objects a second, and megabytes of the database before and behind the index."""

    objects: int
    held_per_second: float
    indexed_per_second: float
    held_megabytes: float
    indexed_megabytes: float


def word(rank: int) -> str:
    """The made-up word of a rank; the same for each run."""
    digits = int.from_bytes(blake2b(str(rank).encode(), digest_size=8).digest(), "big")
    made = []
    for _ in range(2 + digits % 3):
        digits, at = divmod(digits, len(_SYLLABLES))
        made.append(_SYLLABLES[at])
    return "".join(made) + (str(rank % 97) if rank % 11 == 0 else "")


def told(index: int) -> bytes:
    """Object ``index`` of those with a vocabulary."""
    random = Random(index)
    number = index // TOLD_EVERY
    language, sentence = list(_LANGUAGES.items())[number % 6]
    words = " ".join(word(min(int(random.paretovariate(0.6)), 400_000)) for _ in range(60))
    stamp = (_EPOCH + timedelta(minutes=index * 7 % 2_600_000)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    digits = blake2b(f"told {index}".encode(), digest_size=16).hexdigest()
    uuid = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
    kind = ("report", "indicator", "malware", "note")[number // 6 % 4]
    forms: dict[str, dict[str, object]] = {
        "report": {"name": f"Report {index} {word(index)}", "published": stamp,
                   "object_refs": [generate.object_id(index // 5 * 5 if index else 0)]},
        "indicator": {"name": f"{word(index)}-{index}.example", "pattern_type": "stix", "valid_from": stamp,
                      "pattern": f"[domain-name:value = '{word(index)}-{index}.example']"},
        "malware": {"name": f"{word(index).title()} {index}", "is_family": False},
        "note": {"content": sentence, "object_refs": [generate.object_id(index // 5 * 5 if index else 0)]},
    }  # fmt: skip
    own = forms[kind]
    value = {
        "type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid}", "created": stamp, "modified": stamp,
        "lang": language, **own, **({} if kind == "note" else {"description": f"{sentence} {words}"}),
        "object_marking_refs": [f"marking-definition--{_LEVELS[number // 5 % 3]}"],
    }  # fmt: skip
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def objects(count: int) -> Iterator[bytes]:
    """The set of ``count`` objects."""
    return (told(index) if index % TOLD_EVERY == 7 else generate.object_bytes(index) for index in range(count))


def megabytes(home: Path) -> float:
    """What the files of a node on SQLite weigh."""
    return sum(path.stat().st_size for path in home.rglob("titian.db*") if path.is_file()) / 1e6


def fill(node: Node, count: int, say: Callable[[str], None] = lambda text: None) -> Filled:
    """Hold ``count`` objects in a collection ``main``, then index them as the clock would."""
    where = node.collections.add("main")
    began = time.perf_counter()
    node.exchange.hold(objects(count), where, source="benchmark")
    held = time.perf_counter() - began
    before = megabytes(node.home)
    say(f"held {count:,} in {held:,.0f} s")
    began = time.perf_counter()
    done = 0
    while some := node.find.catch_up(5):
        done += some
        say(f"indexed {done:,}, {done / (time.perf_counter() - began):,.0f} a second")
    indexed = time.perf_counter() - began
    return Filled(count, count / held, count / indexed, before, megabytes(node.home))


def boxes(count: int) -> dict[str, list[str]]:
    """What is typed, by kind; some of each kind, so that no answer is only remembered."""
    told_ones = range(0, count // TOLD_EVERY, max(count // TOLD_EVERY // 160, 1))
    indicators = [n * TOLD_EVERY + 7 for n in told_ones if n // 6 % 4 == 1][:40]
    domains = range(0, count, max(count // 200 * 5, 5))
    return {
        "an id": [generate.object_id(n) for n in domains][:40],
        "an exact value": [f"{word(n)}-{n}.example" for n in indicators],
        "an external number": [f"T{n // 5}" for n in domains][:40],
        "one common word": ["persistence", "service", "encoded", "remote", "payload"],
        "one rare word": [word(n) for n in range(200_000, 200_040)],
        "part of words": ["persist", "firm", "kasi", "download", "tebus"],
        "two letters": ["of", "an", "ka", "id"],
        "several words": ["phishing operator industrial", "ransom couriers", "rekening penampungan", "second modules"],
        "a phrase": ['"scheduled service"', '"rekening penampungan"', '"valid accounts"', '"second stage modules"'],
        "Japanese, two characters": ["攻撃", "警察", "電話", "換金"],
        "Japanese, one run": ["高齢者に送金", "暗号資産", "偽の警察署"],
        "Thai": ["บัญชีม้า", "โอนเงิน", "เหยื่อ"],
        "Russian": ["повестк", "похищают", "граждан"],
        "Vietnamese without marks": ["lua dao", "cong an", "dien thoai"],
        "nothing": [""],
        "no such word": ["qqxqz", "zzzyyyx"],
        "with filters": ["ransom tlp:amber type:report,malware since:2022-01-01 until:2025-06-01", "攻撃 tlp:green",
                         "type:malware payload", "since:2023-05-05T13:00:00Z until:2023-05-09T07:00:00Z"],
    }  # fmt: skip


Clock = Callable[[], float]
"""Seconds: ``time.perf_counter``, or ``time.process_time`` where others use the machine too."""


def searches(
    node: Node, count: int, *, rounds: int = 3, viewer: Viewer = ORGANISATION, clock: Clock = time.perf_counter
) -> list[Took]:
    """How long searches take, each kind with its bound."""
    measured = []
    for label, each in boxes(count).items():
        found = ""
        times = []
        for box in each * rounds:
            began = clock()
            page = node.find(viewer, read_query(box))
            times.append((clock() - began) * 1000)
            found = f"{page.total.number:,}{'+' if page.total.more else ''}{' (partial)' if page.partial else ''}"
        measured.append(_took(label, times, SEARCH_BOUND, found))
    times = []
    after = None
    for _ in range(20):
        began = clock()
        page = node.find(viewer, Query(text="persistence", after=after))
        times.append((clock() - began) * 1000)
        after = page.next
    return [*measured, _took("page after page of a common word", times, SEARCH_BOUND, "")]


def reads(
    node: Node, count: int, *, rounds: int = 20, viewer: Viewer = ORGANISATION, clock: Clock = time.perf_counter
) -> list[Took]:
    """How long the parts of an object page take."""
    reading = node.reading
    random = Random(1)
    # Techniques, which thousands of relationships may point at, and the domain objects that point.
    some = [generate.object_id(random.randrange(0, count // 50) * 50) for _ in range(rounds)]
    some += [generate.object_id(n // 5 * 5) for n in (random.randrange(count) for _ in range(rounds))]
    some = [one for one in some if one in reading.names(viewer, [one])]
    parts: dict[str, Callable[[str], object]] = {
        "object": lambda one: reading.object(viewer, one).raw,
        "neighbours, 1 step": lambda one: len(reading.neighbours(viewer, one, depth=1).nodes),
        "neighbours, 2 steps, 200 nodes": lambda one: len(reading.neighbours(viewer, one, limit=200).nodes),
        "neighbours, 2 steps, 2,000 nodes": lambda one: len(reading.neighbours(viewer, one).nodes),
        "timeline": lambda one: len(reading.timeline(viewer, one)),
        "translations": lambda one: len(reading.translations(viewer, one)),
        "sightings": lambda one: len(reading.sightings(viewer, one)),
        "recent": lambda _: len(reading.recent(viewer)),
        "counts": lambda _: len(reading.counts(viewer)),
    }
    measured = []
    for label, read in parts.items():
        times = []
        last: object = ""
        for one in some:
            began = clock()
            last = read(one)
            times.append((clock() - began) * 1000)
        measured.append(_took(label, times, READ_BOUND, f"{last}" if isinstance(last, int) else ""))
    return measured


def _took(label: str, times: list[float], bound: float, found: str) -> Took:
    ordered = sorted(times)
    return Took(label, ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
                ordered[-1], bound, found)  # fmt: skip
