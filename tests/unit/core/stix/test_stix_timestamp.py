"""Timestamps keep their text and compare as instants (STIX 2.1 section 2.16, RFC 3339)."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidTimestamp
from titian.core.stix import Timestamp

GOOD = [
    ("1970-01-01T00:00:00Z", 0),
    ("1970-01-01T00:00:01.5Z", 1_500_000),
    ("2016-01-20T12:31:12.123Z", 1_453_293_072_123_000),
    ("2016-02-29T23:59:59.999999Z", 1_456_790_399_999_999),
    ("1969-12-31T23:59:59.9999999Z", -1),
    ("1970-01-01T00:00:00.0000019Z", 1),
    ("1985-04-12T23:20:50.52Z", 482_196_050_520_000),
    ("1990-12-31T23:59:60Z", 662_688_000_000_000),
    ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
    ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
]


@pytest.mark.parametrize(("text", "micros"), GOOD)
def test_the_instant_and_the_text(text: str, micros: int) -> None:
    stamp = Timestamp.parse(text)
    assert stamp.micros == micros
    assert str(stamp) == stamp.text == text


BAD = [
    "",
    "Z",
    "now",
    "2016-01-20",
    "2016-01-20T12:31Z",
    "2016-01-20T12:31:12",
    "2016-01-20T12:31:12z",
    "2016-01-20t12:31:12Z",
    "2016-01-20 12:31:12Z",
    "2016-01-20T12:31:12.Z",
    "2016-01-20T12:31:12,5Z",
    "2016-01-20T12:31:12+00:00",
    "2016-01-20T12:31:12.5+00:00Z",
    "2016-01-20T24:00:00Z",
    "2016-01-20T25:00:00Z",
    "2016-01-20T12:60:00Z",
    "2016-01-20T12:31:61Z",
    "2016-01-20T12:31:60Z",
    "2016-13-01T00:00:00Z",
    "2016-00-01T00:00:00Z",
    "2016-02-30T00:00:00Z",
    "2015-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "20160120T123112Z",
    "2016-W03-3T12:31:12Z",
    "2016-020T12:31:12Z",
    "+2016-01-20T12:31:12Z",
    " 2016-01-20T12:31:12Z",
    "2016-01-20T12:31:12Z\n",
    "2016-01-20T12:31:12.123456 Z",
    "2016-01-20T12:31:12.1234567+Z",
    "٢٠١٦-01-20T12:31:12Z",
    "2016-01-20T12:31:12.٣Z",
    "2016-01-20T12:31:12.1234567٣Z",
    "2016-01-20T12:31:12." + "1" * 1_000_000 + "Z",
]


@pytest.mark.parametrize("text", BAD, ids=[text[:40] or "empty" for text in BAD])
def test_what_is_no_timestamp(text: str) -> None:
    with pytest.raises(InvalidTimestamp) as refusal:
        Timestamp.parse(text)
    assert "YYYY-MM-DDTHH:mm:ss" in str(refusal.value)
    assert len(str(refusal.value)) < 250


_SPELLINGS = st.builds(
    lambda moment, digits: moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + (f".{digits}" if digits else "") + "Z",
    st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)),
    st.text("0123456789", max_size=12),
)


def _seconds(text: str) -> Fraction:
    whole = datetime.fromisoformat(text[:19] + "+00:00") - datetime(1970, 1, 1, tzinfo=UTC)
    return int(whole.total_seconds()) + Fraction("0" + text[19:-1] if text[19:-1] else 0)


@given(_SPELLINGS, _SPELLINGS)
def test_they_order_as_exact_instants(one: str, other: str) -> None:
    left, right = Timestamp.parse(one), Timestamp.parse(other)
    exact, other_exact = _seconds(one), _seconds(other)
    assert (left < right, left == right, left > right) == (
        exact < other_exact,
        exact == other_exact,
        exact > other_exact,
    )
    assert left.micros == exact * 1_000_000 // 1


@given(_SPELLINGS, st.integers(0, 5))
def test_equal_instants_are_one_in_a_set(text: str, zeros: int) -> None:
    padded = text[:-1] + ("" if "." in text else ".0") + "0" * zeros + "Z"
    assert len({Timestamp.parse(text), Timestamp.parse(padded)}) == 1


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_micros_go_there_and_back(micros: int) -> None:
    stamp = Timestamp.from_micros(micros)
    assert stamp.micros == micros
    assert len(stamp.text) == len("2016-01-20T12:31:12.123456Z")
    assert Timestamp.parse(stamp.text) == stamp


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(timezone(timedelta(hours=7)))))
def test_datetimes_go_there_and_back(moment: datetime) -> None:
    stamp = Timestamp.from_datetime(moment)
    assert stamp.to_datetime() == moment
    assert stamp.to_datetime().tzinfo is UTC


@pytest.mark.parametrize("micros", [10**18, -(10**18), 10**30])
def test_micros_outside_the_calendar_are_refused(micros: int) -> None:
    with pytest.raises(InvalidTimestamp):
        Timestamp.from_micros(micros)


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(InvalidTimestamp, match="time zone"):
        Timestamp.from_datetime(datetime(2020, 1, 1))


def test_a_leap_second_is_the_second_that_follows() -> None:
    assert Timestamp.parse("1990-12-31T23:59:60Z") == Timestamp.parse("1991-01-01T00:00:00Z")


def test_other_types_neither_equal_nor_order() -> None:
    stamp = Timestamp.parse("2020-01-01T00:00:00Z")
    assert stamp != "2020-01-01T00:00:00Z"
    with pytest.raises(TypeError):
        _ = stamp < 1  # type: ignore[operator]


def test_it_survives_pickling_with_its_text() -> None:
    stamp = Timestamp.parse("2020-01-01T00:00:00.10Z")
    assert pickle.loads(pickle.dumps(stamp)).text == stamp.text


@pytest.mark.parametrize(("text", "digits"), [("2020-01-01T00:00:00Z", 0), ("2020-01-01T00:00:00.120Z", 3)])
def test_precision_counts_the_digits(text: str, digits: int) -> None:
    assert Timestamp.parse(text).precision == digits
