"""Reading along in a ledger: a model that knows every single object, and what hostile entries can do."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.ledger import Entry, Kind, Opened, Run, runs, spread
from titian.core.ledger_watch import (
    TOLERANCE,
    Followed,
    Lane,
    Watch,
    count,
    delivered,
    follow,
    never_came,
    without,
)

SALT = bytes(32)
places = st.sets(st.integers(1, 40))


def opened(num: int, kind: Kind, at: int = 1, **details: Any) -> Opened:
    return Opened(num, SALT, Entry(kind=kind, at=at, party="p", details=details).payload())


def moved(num: int, kind: Kind, some: set[int], at: int = 1, collection: str = "c") -> Opened:
    return opened(num, kind, at, collection=collection, runs=runs(sorted(some)), count=len(some), why="")


def handed(num: int, digest: bytes, after: int, last: int, objects: int, **more: Any) -> Opened:
    details = {"collection": "c", "view": "objects", "whole": True, "key": "k", "first": after + 1, **more}
    return opened(num, Kind.DELIVERY, digest=digest.hex(), after=after, last=last, count=objects, **details)


def told(followed: Followed) -> list[str]:
    return [one.what for one in followed.findings]


@given(places, places)
def test_without_is_the_difference(some: set[int], gone: set[int]) -> None:
    left = without(runs(sorted(some)), runs(sorted(gone)))
    assert set(spread(left)) == some - gone
    assert count(left) == len(some - gone)
    assert sorted(spread(left)) == list(spread(left))


class Model:
    """The same with one set for each collection: what is released, withdrawn, handed over, and what that should be."""

    def __init__(self) -> None:
        self.pending: set[int] = set()
        self.covered = 0
        self.short: list[int] = []
        self.missed = 0

    def release(self, some: set[int]) -> None:
        self.pending |= some

    def withdraw(self, some: set[int]) -> None:
        self.pending -= some

    def deliver(self, after: int, last: int, objects: int) -> None:
        due = {one for one in self.pending if after < one <= last}
        if objects < len(due):
            self.short.append(len(due))
        self.pending -= due
        self.covered = max(self.covered, last)


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Releases that go on upwards, as a collection does, with the rest between."""
    story: list[tuple[str, Any]] = []
    top = 0
    for _ in range(draw(st.integers(0, 8))):
        what = draw(st.sampled_from(["release", "withdraw", "deliver"]))
        if what == "release":
            some = {top + 1 + one for one in draw(st.sets(st.integers(0, 8), min_size=1))}
            top = max(some)
            story.append((what, some))
        elif what == "withdraw":
            story.append((what, draw(st.sets(st.integers(1, max(1, top)), min_size=1))))
        else:
            after = draw(st.integers(0, top))
            story.append((what, (after, draw(st.integers(after, top + 2)), draw(st.integers(1, 10)))))
    return story


@given(stories(), st.integers(0, 8))
def test_it_knows_every_object(story: list[tuple[str, Any]], cut: int) -> None:
    """Against a model with sets; and reading in two goes is reading in one, but for what was told in between."""
    model = Model()
    entries, received = [], {}
    for num, (what, given_) in enumerate(story):
        if what == "release":
            model.release(given_)
            entries.append(moved(num, Kind.RELEASE, given_))
        elif what == "withdraw":
            model.withdraw(given_)
            entries.append(moved(num, Kind.WITHDRAWAL, given_))
        else:
            digest = num.to_bytes(32, "big")
            received[digest] = given_[2]
            model.deliver(*given_)
            entries.append(handed(num, digest, *given_))
    whole = follow(Watch(), entries, received)
    missed = {one for one in model.pending if one <= model.covered}
    assert [one for one in told(whole) if "were handed over" in one] == [
        one for one in told(whole) if any(f"where {due:,} were released" in one for due in model.short)
    ]
    assert len([one for one in told(whole) if "were handed over" in one]) == len(model.short)
    passed = [one for one in told(whole) if "passed over" in one]
    left = whole.watch.lanes.get("c", Lane())
    said = int(passed[0].split()[0]) if passed else 0
    # A run of which only a part was passed over waits until the rest of it is: nothing is told twice or lost.
    assert said + count(left.pending) == len(model.pending)
    assert said <= len(missed)
    assert bool(passed) or all(run.last > model.covered for run in left.pending)
    assert whole.deliveries == {digest: int.from_bytes(digest, "big") for digest in received}
    first = follow(Watch(), entries[:cut], received)
    second = follow(first.watch, entries[cut:], received)
    assert {**first.deliveries, **second.deliveries} == whole.deliveries
    assert len([one for one in told(first) + told(second) if "were handed over" in one]) <= len(model.short)
    msgspec.msgpack.decode(msgspec.msgpack.encode(whole.watch), type=Watch)


@given(stories())
def test_an_honest_partner_gives_no_finding(story: list[tuple[str, Any]]) -> None:
    """Each page holds just what lies there, and the next begins where it ended."""
    held: set[int] = set()
    entries, received, cursor = [], {}, 0
    for num, (what, given_) in enumerate(story):
        if what == "release":
            held |= given_
            entries.append(moved(num, Kind.RELEASE, given_))
        elif what == "withdraw":
            gone = held & given_
            held -= gone
            entries.append(moved(num, Kind.WITHDRAWAL, gone))
        else:
            page = sorted(one for one in held if one > cursor)[: given_[2]]
            if page:
                digest = num.to_bytes(32, "big")
                received[digest] = len(page)
                entries.append(handed(num, digest, cursor, page[-1], len(page)))
                cursor = page[-1]
    before = follow(Watch(), entries, received)
    assert told(before) == []
    rest = [one for one in held if one > cursor]
    assert never_came(before.watch, before.watch, "c") == len(rest)
    if rest:
        last = handed(99, b"l" * 32, cursor, max(rest), len(rest))
        after = follow(before.watch, [last], {b"l" * 32: len(rest)})
        assert told(after) == []
        assert never_came(before.watch, after.watch, "c") == 0


# ── what a delivery must say ──────────────────────────────────────────────────────────────────────────────────

PAGE = b"d" * 32


@pytest.mark.parametrize(
    ("objects", "came", "more", "says"),
    [
        (3, 3, {}, []),
        (4, 4, {}, []),
        (2, 2, {}, ["2 objects were handed over where 3 were released"]),
        (3, 2, {}, ["speaks of 3 objects, and 2 arrived", "2 objects were handed over where 3 were released"]),
        (2, 2, {"whole": False}, []),
        (2, 2, {"view": "manifest"}, []),
    ],
    ids=["all", "more", "fewer", "a record that lies", "with a filter", "no objects"],
)
def test_a_page_has_what_was_released(objects: int, came: int, more: dict[str, Any], says: list[str]) -> None:
    entries = [moved(0, Kind.RELEASE, {5, 6, 9}), handed(1, PAGE, 4, 9, objects, **more)]
    followed = follow(Watch(), entries, {PAGE: came})
    assert len(told(followed)) == len(says)
    for one, words in zip(told(followed), says, strict=True):
        assert words in one
    left = followed.watch.lanes["c"].pending
    assert count(left) == (3 if more else 0), "what was not wholly asked for is still due"


def test_a_page_that_did_not_arrive_here_says_nothing() -> None:
    """It went to another node of the same party, or was lost on the way and asked for again."""
    entries = [moved(0, Kind.RELEASE, {5, 6}), handed(1, PAGE, 4, 6, 2)]
    followed = follow(Watch(), entries, {})
    assert (told(followed), followed.deliveries) == ([], {})
    assert count(followed.watch.lanes["c"].pending) == 2


def test_what_is_passed_over_is_told() -> None:
    entries = [moved(0, Kind.RELEASE, {5, 6, 9}), handed(1, PAGE, 6, 9, 1)]
    followed = follow(Watch(), entries, {PAGE: 1})
    assert told(followed) == ["2 objects of the collection c were released and passed over."]
    assert told(follow(followed.watch, [], {})) == [], "once"


def test_collections_are_told_apart() -> None:
    entries = [moved(0, Kind.RELEASE, {5}), moved(1, Kind.RELEASE, {5, 6}, collection="other"),
               handed(2, PAGE, 0, 9, 1)]  # fmt: skip
    followed = follow(Watch(), entries, {PAGE: 1})
    assert told(followed) == []
    assert count(followed.watch.lanes["other"].pending) == 2
    assert never_came(followed.watch, followed.watch, "c") == 0
    assert never_came(followed.watch, followed.watch, "other") == 2
    assert never_came(followed.watch, followed.watch, "nothing") == 0


def test_what_came_since_is_not_missed() -> None:
    before = follow(Watch(), [moved(0, Kind.RELEASE, {5, 6})], {}).watch
    after = follow(before, [moved(1, Kind.WITHDRAWAL, {5}), moved(2, Kind.RELEASE, {7})], {}).watch
    assert never_came(before, after, "c") == 1
    assert never_came(Watch(), after, "c") == 0


# ── times ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("at", "cosigned", "says"),
    [
        (10, None, None), (9, None, "older than one before"), (10 + TOLERANCE, 10 + TOLERANCE, None),
        (20, 20 + TOLERANCE, None), (20, 21 + TOLERANCE, "before the ledger was last seen without it"),
    ],
)  # fmt: skip
def test_no_entry_is_back_dated(at: int, cosigned: int | None, says: str | None) -> None:
    followed = follow(Watch(latest=10), [opened(4, Kind.ACT, at)], {}, cosigned=cosigned)
    assert len(followed.findings) == (says is not None)
    for one in followed.findings:
        assert says is not None
        assert says in one.what
        assert one.entry == 4
    assert followed.watch.latest == max(10, at)


# ── what must be borne ────────────────────────────────────────────────────────────────────────────────────────

HOSTILE: list[tuple[Kind, dict[str, Any]]] = [
    *[
        (kind, details)
        for kind in (Kind.RELEASE, Kind.WITHDRAWAL)
        for details in (
            {}, {"collection": "c"}, {"runs": [[1, 1]]}, {"collection": 5, "runs": [[1, 1]]},
            {"collection": None, "runs": [[1, 1]]}, {"collection": [], "runs": [[1, 1]]},
            {"collection": "c", "runs": [[1, -5]]}, {"collection": "c", "runs": [[1, 0]]},
            {"collection": "c", "runs": [[2**70, 1]]}, {"collection": "c", "runs": [[1, 2**64]]},
            {"collection": "c", "runs": [[5, 2], [1, 2]]}, {"collection": "c", "runs": [[1, 5], [3, 5]]},
            {"collection": "c", "runs": "1"}, {"collection": "c", "runs": [1]},
        )
    ],
    *[
        (Kind.DELIVERY, {"collection": "c", "view": "objects", "digest": PAGE.hex(), "after": 0, "last": 9,
                         "count": 1, "whole": True, **change})
        for change in (
            {"digest": 5}, {"digest": "zz"}, {"digest": None}, {"collection": 5}, {"after": "0"}, {"after": -1},
            {"last": 2**70}, {"last": 1.5}, {"count": "1"}, {"count": -3}, {"count": 0}, {"whole": "yes"},
            {"whole": None}, {"view": 7},
        )
    ],
    (Kind.DELIVERY, {}), (Kind.DELIVERY, {"view": "objects"}),
    (Kind.KEY, {"role": "log", "new": 5, "old": None, "until": None, "compromised": None}), (Kind.KEY, {"role": "log"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "details"), HOSTILE, ids=lambda value: str(value)[-60:])
def test_a_hostile_entry_is_a_finding_and_no_more(kind: Kind, details: dict[str, Any]) -> None:
    """It stops nothing: what comes after it is read, and what is to be remembered can be."""
    entries = [opened(0, kind, **details), moved(1, Kind.RELEASE, {5, 6}), handed(2, b"e" * 32, 4, 6, 2)]
    assert delivered(entries) - {PAGE} == {b"e" * 32}
    followed = follow(Watch(), entries, {PAGE: 1, b"e" * 32: 2})
    if details.get("view") != 7:
        assert told(followed) == ["Entry 0 does not say what one of its kind must."]
    assert followed.deliveries[b"e" * 32] == 2
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(followed.watch), type=Watch)
    assert kept == followed.watch


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b'{"kind":"unheard-of","at":1}', b'{"kind":"act","at":' + b"9" * 30 + b"}"]
)
def test_what_cannot_be_read_is_a_finding_and_no_more(payload: bytes) -> None:
    """A partner of a later version may have more kinds of entries."""
    entries = [Opened(0, SALT, payload), handed(1, PAGE, 0, 1, 1)]
    assert delivered(entries) == {PAGE}
    followed = follow(Watch(), entries, {PAGE: 1})
    assert [one.entry for one in followed.findings] == [0]
    assert followed.deliveries == {PAGE: 1}


@given(st.binary(max_size=60), st.integers(0, 5))
def test_any_bytes_can_be_followed(payload: bytes, num: int) -> None:
    entries = [Opened(num, SALT, payload)]
    delivered(entries)
    msgspec.msgpack.encode(follow(Watch(), entries, {PAGE: 1}).watch)


def test_giant_runs_cost_nothing() -> None:
    huge = [Run(1, 2**61)]
    entries = [opened(0, Kind.RELEASE, collection="c", runs=huge), handed(1, PAGE, 0, 2**60, 1)]
    followed = follow(Watch(), entries, {PAGE: 1})
    assert "where 1,152,921,504,606,846,976 were released" in told(followed)[0]


def test_changes_of_the_keys_that_sign_are_handed_on() -> None:
    change: dict[str, Any] = {"role": "log", "new": "AA==", "old": None, "until": 5, "compromised": None, "from": 1}
    entries = [opened(0, Kind.KEY, **change), opened(1, Kind.KEY, **change | {"role": "witness"})]
    followed = follow(Watch(), entries, {})
    assert [one.new for one in followed.keys] == ["AA=="]
    assert told(followed) == []
