"""Sightings as values: what a person may say, how counts add up, and who is counted for what."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.core.sighting import (
    DAY,
    MOST,
    NEVER,
    Seen,
    Sighting,
    Told,
    Voice,
    begun,
    check_sightable,
    continued,
    read_sighting,
    seen,
    sighting_id,
    worth,
    write_sighting,
)
from titian.core.stix import META_TYPES, SCO_TYPES, SDO_TYPES, SRO_TYPES, examine

NOW = 1_790_000_000_123_456
US, JAPAN, RUSSIA, BRUNEI = (f"identity--{n:08d}-0000-4000-8000-000000000000" for n in range(4))
TAIL = "5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
TOOL, MALWARE = f"tool--{TAIL}", f"malware--{TAIL}"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"

instants = st.none() | st.integers(0, NOW)
seens = st.builds(
    lambda count, ends: Seen(count=count, first=min(ends), last=max(ends)),
    st.integers(1, MOST), st.lists(st.integers(0, NOW), min_size=1, max_size=2),
)  # fmt: skip


THRICE = Seen(count=3, first=1_000_000, last=2_000_000)


def sighting(of: str = TOOL, what: Seen = THRICE, **more: Any) -> Sighting:
    made = begun(sighting_id(b"k", of, [GREEN]), of, US, [GREEN], what, NOW)
    return Sighting(**{name: getattr(made, name) for name in made.__struct_fields__} | more)


# ── what a person says ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(None, None, (NOW, NOW), id="now"),
        pytest.param(5, None, (5, NOW), id="until now"),
        pytest.param(None, 7, (7, 7), id="once"),
        pytest.param(5, 7, (5, 7), id="from when to when"),
        pytest.param(7, 7, (7, 7), id="at one instant"),
        pytest.param(NOW + DAY, None, (NOW + DAY, NOW + DAY), id="a clock that is fast by a day"),
    ],
)
def test_when_it_was_seen(first: int | None, last: int | None, expected: tuple[int, int]) -> None:
    said = seen(count=2, first=first, last=last, at=NOW)
    assert (said.count, said.first, said.last) == (2, *expected)


@pytest.mark.parametrize(
    ("count", "first", "last", "says"),
    [
        pytest.param(0, None, None, "at least 1", id="none"),
        pytest.param(-1, None, None, "at least 1", id="less than none"),
        pytest.param(1, 8, 7, "before it was first seen", id="last before first"),
        pytest.param(1, None, NOW + DAY + 1, "future", id="last in the future"),
        pytest.param(1, NOW + DAY + 1, None, "future", id="first in the future"),
    ],
)
def test_what_cannot_have_been_seen_is_refused(count: int, first: int | None, last: int | None, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        seen(count=count, first=first, last=last, at=NOW)


@pytest.mark.parametrize("kind", sorted({*SDO_TYPES, *SCO_TYPES, *SRO_TYPES, *META_TYPES, "bundle", "x-case"}))
def test_what_may_be_sighted_is_what_the_standard_says(kind: str) -> None:
    """STIX 2.1 section 5.2.1: ``sighting_of_ref`` refers to an SDO or a custom object."""
    of = f"{kind}--{TAIL}"
    if not examine(write_sighting(sighting(of))).violations:
        check_sightable(of)
        return
    with pytest.raises(InvalidInput, match="indicator.*observed-data" if kind in SCO_TYPES else "cannot be sighted"):
        check_sightable(of)


# ── counting ──────────────────────────────────────────────────────────────────────────────────────────────


@given(seens, seens, seens)
def test_counts_add_up_in_any_order(one: Seen, two: Seen, three: Seen) -> None:
    assert one.join(two) == two.join(one)
    assert one.join(two).join(three) == one.join(two.join(three))
    assert one.join(NEVER) == one
    whole = one.join(two)
    assert whole.count == one.count + two.count
    assert whole.first == min(one.first or 0, two.first or 0)
    assert whole.last == max(one.last or 0, two.last or 0)


@given(st.lists(seens, min_size=1, max_size=5), st.lists(st.integers(-DAY, DAY), min_size=5, max_size=5))
def test_every_version_is_valid_later_and_says_all_that_was_said(parts: list[Seen], steps: list[int]) -> None:
    """Whatever the clock does."""
    at = NOW
    one = begun("sighting--" + TAIL, TOOL, US, [GREEN], parts[0], at)
    whole = parts[0]
    for part, step in zip(parts[1:], steps, strict=False):
        at += step
        after = continued(one, part, at)
        whole = whole.join(part)
        assert after.version > one.version
        assert (after.id, after.created, after.marks) == (one.id, one.created, one.marks)
        one = after
    raw = write_sighting(one)
    assert examine(raw).violations == ()
    read = read_sighting(raw)
    assert read is not None
    assert read.seen.count == min(whole.count, MOST)
    assert (read.seen.first, read.seen.last) == tuple((end or 0) // 1000 * 1000 for end in (whole.first, whole.last))
    assert (read.id, read.of, read.by, read.marks, read.version) == (one.id, TOOL, US, (GREEN,), one.version)


def test_a_sighting_is_at_the_party_that_says_it() -> None:
    said = json.loads(write_sighting(sighting(where="The mail gateway")))
    assert (said["where_sighted_refs"], said["created_by_ref"]) == ([US], US)
    assert (said["description"], said["count"]) == ("The mail gateway", 3)
    assert "description" not in json.loads(write_sighting(sighting()))


def test_where_it_was_seen_stays_until_another_place_is_named() -> None:
    one = begun("sighting--" + TAIL, TOOL, US, [GREEN], NEVER, NOW, "here")
    assert continued(one, NEVER, NOW).where == "here"
    assert continued(one, NEVER, NOW, "there").where == "there"


def test_each_object_and_marking_has_a_sighting_of_its_own() -> None:
    names = [
        sighting_id(key, of, marks, number)
        for key in (b"k", b"l") for of in (TOOL, MALWARE) for marks in ([], [GREEN], [GREEN, TOOL]) for number in (0, 1)
    ]  # fmt: skip
    assert len(set(names)) == len(names)
    assert sighting_id(b"k", TOOL, [GREEN, TOOL, GREEN]) == sighting_id(b"k", TOOL, [TOOL, GREEN])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b'{"type":"sighting"}',
        write_sighting(sighting()).replace(b'"last_seen":"', b'"last_seen":"x'),
    ],
)
def test_what_cannot_be_read_is_no_sighting(raw: bytes) -> None:
    assert read_sighting(raw) is None


# ── what they are worth ───────────────────────────────────────────────────────────────────────────────────


def told(
    sender: str | None,
    count: int = 1,
    at: int = 0,
    *,
    by: str | None = "",
    of: str = TOOL,
    name: str = "1",
    **more: Any,
) -> Told:
    """A sighting from a party; by itself, if nothing else is said."""
    creator = (US if sender is None else sender) if by == "" else by
    made = sighting(of, Seen(count=count, first=at, last=at), id=f"sighting--{name}", by=creator, **more)
    return Told(made, sender, of)


def test_what_parties_say_adds_up_for_each_object_and_the_last_seen_comes_first() -> None:
    found = [
        told(JAPAN, 3, 10), told(JAPAN, 4, 30, name="2"), told(RUSSIA, 10, 20), told(None, 2, 5),
        told(BRUNEI, 1, 99, of=MALWARE),
    ]  # fmt: skip
    answers = {repr(worth(order, US)) for order in permutations(found)}
    assert len(answers) == 1, "in whatever order they are held"
    rare, often = worth(found, US)
    assert (rare.id, rare.seen, rare.others(US)) == (MALWARE, Seen(count=1, first=99, last=99), 1)
    assert (often.id, often.seen, often.others(US)) == (TOOL, Seen(count=19, first=5, last=30), 2)
    assert often.voices == (
        Voice(JAPAN, Seen(count=7, first=10, last=30)),
        Voice(RUSSIA, Seen(count=10, first=20, last=20)),
        Voice(US, Seen(count=2, first=5, last=5)),
    )


def test_of_each_sighting_the_latest_version_counts() -> None:
    versions = [told(JAPAN, count, modified=f"2026-01-0{day}T00:00:00.000Z") for day, count in ((1, 3), (3, 9), (2, 5))]
    for order in permutations(versions):
        assert worth(order, US)[0].seen.count == 9


def test_nobody_is_counted_by_another_party() -> None:
    """Two parties may send the same identifier: each speaks for itself."""
    late = {"modified": "2030-01-01T00:00:00.000Z"}
    (one,) = worth([told(JAPAN, 3), told(RUSSIA, 100, by=JAPAN, **late)], US)
    assert one.seen.count == 3
    assert one.passed_on == (Voice(JAPAN, Seen(count=100, first=0, last=0), RUSSIA),)
    assert one.others(US) == 1


def test_what_names_nobody_is_its_senders_and_what_claims_to_be_ours_is_nobodys() -> None:
    (one,) = worth([told(JAPAN, 3, by=None), told(RUSSIA, 50, by=US)], US)
    assert (one.seen.count, [voice.party for voice in one.voices], one.passed_on) == (3, [JAPAN], ())
    assert worth([told(RUSSIA, 50, by=US)], US) == []
    assert worth([told(None, 50, by=JAPAN), told(None, 50, by=None)], US) == []


def test_what_was_revoked_does_not_count() -> None:
    assert worth([told(JAPAN, 3, revoked=True)], US) == []
    later = told(JAPAN, 3, revoked=True, modified="2030-01-01T00:00:00.000Z")
    assert worth([told(JAPAN, 3), later], US) == []


def test_who_has_seen_it_nought_times_has_not_seen_it() -> None:
    (one,) = worth([told(JAPAN, 0), told(RUSSIA, 2)], US)
    assert (one.seen.count, one.others(US), len(one.voices)) == (2, 1, 2)


def test_what_is_only_passed_on_counts_nothing() -> None:
    (one,) = worth([told(RUSSIA, 5, by=JAPAN)], US)
    assert (one.seen, one.voices, len(one.passed_on)) == (NEVER, (), 1)


def test_a_sighting_without_a_count_is_one_and_without_dates_has_none() -> None:
    source = json.loads(write_sighting(sighting()))
    for name in ("count", "first_seen", "last_seen"):
        del source[name]
    read = read_sighting(json.dumps(source).encode())
    assert read is not None
    assert read.seen == Seen(count=1)
    (one,) = worth([Told(read, None, TOOL), told(JAPAN, 1, 7)], US)
    assert one.seen == Seen(count=2, first=7, last=7)
