"""Dates and numbers: what is remembered as it was written is of that instant, that zone and that language."""

from __future__ import annotations

from babel import Locale
from babel.dates import format_date, format_datetime
from hypothesis import given
from hypothesis import strategies as st

from titian.web.console.language import LANGUAGES, Formats, _utc, zone_of

instants = st.integers(-(1 << 60), 1 << 60) | st.sampled_from([0, 1_793_314_800_000_000, 1_793_318_400_000_000])
zones = st.sampled_from(["UTC", "Asia/Jakarta", "Asia/Tokyo", "Europe/Moscow", "America/New_York"])


@given(st.lists(st.tuples(instants, zones, st.sampled_from(LANGUAGES)), min_size=1, max_size=8))
def test_an_instant_is_written_in_its_readers_zone_and_language(asked: list[tuple[int, str, str]]) -> None:
    for at, _, _ in asked:
        for _, zone, tag in asked:
            formats, locale, utc = Formats(tag, zone, lambda: 0), Locale.parse(tag), _utc(at)
            instant = format_datetime(utc, "medium", tzinfo=zone_of(zone), locale=locale)
            day = format_date(utc.astimezone(zone_of(zone)), "medium", locale=locale)
            assert f">{instant}<" in formats.instant(at)
            assert f">{day}<" in formats.day(at)
            assert utc.strftime('datetime="%Y-%m-%dT%H:%M:%SZ" title="%Y-%m-%d %H:%M:%S UTC"') in formats.day(at)
