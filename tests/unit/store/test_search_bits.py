"""Sets of numbers come back from how they are kept, and from the terms of days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from titian.store.search_bits import SPAN, extended, members, pack, union, unpack
from titian.store.search_terms import DAY, day_of, day_terms, days_between, parts_of

numbers = st.sets(st.integers(0, SPAN - 1), max_size=200) | st.builds(
    lambda first, step: set(range(first, SPAN, step)), st.integers(0, 500), st.integers(1, 60)
)


@given(numbers)
@example(set())
@example({0})
@example({SPAN - 1})
@example(set(range(SPAN)))
def test_a_set_is_kept(chosen: set[int]) -> None:
    bits = union(chosen)
    assert unpack(pack(bits)) == bits
    assert list(members(bits)) == sorted(chosen, reverse=True)
    assert len(pack(bits)) <= SPAN // 8


@given(numbers, st.integers(0, SPAN))
def test_a_set_grows_at_its_end(chosen: set[int], cut: int) -> None:
    before, after = {one for one in chosen if one < cut}, sorted(one for one in chosen if one >= cut)
    assert unpack(extended(pack(union(before)), after)) == union(chosen)


days = st.integers(day_of(-(1 << 70)), day_of(1 << 70))


@given(days, st.integers(0, 3_000))
def test_the_terms_of_days_are_those_days(first: int, length: int) -> None:
    last = min(first + length, day_of(1 << 70))
    terms = set(days_between(b"d", first, last))
    assert len(terms) == len(days_between(b"d", first, last)) <= length // 365 + 90
    for day in (first, last, (first + last) // 2, first - 1, last + 1):
        if not day_of(-(1 << 70)) <= day <= day_of(1 << 70):
            continue
        assert bool(terms & set(day_terms(b"d", day))) == (first <= day <= last)


def test_days_are_those_of_the_calendar() -> None:
    at = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert day_terms(b"", day_of(micros)) == (b"2024", b"2024-02", b"2024-02-29")
    assert day_of(-1) == -1
    assert day_of(DAY) == 1
    assert days_between(b"", day_of(micros) - 28, day_of(micros)) == [b"2024-02"]


@given(st.text(min_size=4, max_size=32).filter(lambda word: not word.isdigit()), st.data())
def test_a_part_of_a_word_has_parts_of_it(word: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(word) - 3))
    part = word[begin : data.draw(st.integers(begin + 3, len(word)))]
    grams = {b"\x0c" + part[at : at + 3].encode() for at in range(len(part) - 2)}
    assert not parts_of(word) or grams <= parts_of(word)
