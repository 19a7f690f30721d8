"""Languages of the console: catalogues, and dates and numbers as each writes them.

English is the source language and stands in the templates. Every other language is one file,
``locale/<tag>.po``, and nothing else: :data:`LANGUAGES` is what lies there.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from markupsafe import Markup, escape

SOURCE: Final = "en"
NONE: Final = "\u2013"
"""What stands where there is no instant."""
_FOLDER: Final = resources.files("titian.web.console") / "locale"
LANGUAGES: Final = (SOURCE, *sorted(one.name[:-3] for one in _FOLDER.iterdir() if one.name.endswith(".po")))
"""Tags of the languages that the console speaks (BCP 47)."""


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(tag: str) -> NullTranslations:
    """The catalogue of a language; a text that it lacks comes back in English."""
    if tag == SOURCE:
        return NullTranslations()
    with (_FOLDER / f"{tag}.po").open("rb") as file:
        read = read_po(file, locale=tag.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)


def choose(chosen: str | None, accept_language: str, default: str = SOURCE) -> str:
    """The language to speak: the person's own choice, else the browser's (RFC 9110 section 12.5.4), else the node's.

    >>> choose(None, "fr;q=0.9, en-GB;q=0.5"), choose("en", "")
    ('en', 'en')
    """
    if chosen in LANGUAGES:
        return chosen
    weights: dict[str, float] = {}
    for part in accept_language[:1000].split(","):
        tag, _, parameter = part.partition(";")
        label, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if label.strip() == "q" else 1.0
        except ValueError:
            weight = 0.0
        primary = tag.strip().lower().partition("-")[0]
        primary = "id" if primary == "in" else primary
        if primary in LANGUAGES and weight > weights.get(primary, 0.0):
            weights[primary] = weight
    return max(weights, key=lambda tag: weights[tag], default=default if default in LANGUAGES else SOURCE)


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """The names of the time zones that can be chosen."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


@lru_cache(maxsize=64)
def zone_of(name: str | None) -> tzinfo:
    """A time zone by its name; UTC for one that is not known."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


_WRITTEN: Final = 4096
"""Days, instants and numbers that are remembered as they are written: on one page they are often the same."""
_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""What can be shown in every time zone. STIX writes the end of the year 9999 for what never ends."""


def _utc(at: int) -> datetime:
    """An instant in microseconds, as near to it as can be shown."""
    try:
        return min(max(datetime.fromtimestamp(at / 1e6, UTC), _FIRST), _LAST)
    except (ValueError, OverflowError, OSError):
        return _LAST if at > 0 else _FIRST


@lru_cache(maxsize=64)
def _locale(tag: str) -> Locale:
    return Locale.parse(tag.replace("-", "_"))


@lru_cache(maxsize=_WRITTEN)
def _day(day: date, tag: str) -> str:
    return format_date(day, "medium", locale=_locale(tag))


@lru_cache(maxsize=_WRITTEN)
def _instant(utc: datetime, zone: tzinfo, tag: str) -> str:
    # By instant and zone: times in two zones are equal where the instant is.
    return format_datetime(utc, "medium", tzinfo=zone, locale=_locale(tag))


@lru_cache(maxsize=_WRITTEN, typed=True)
def _decimal(value: int | float, tag: str) -> str:
    return format_decimal(value, locale=_locale(tag))


class Formats:
    """Dates and numbers as a language writes them, in a time zone. Instants are microseconds since the Unix epoch."""

    def __init__(self, tag: str, zone: str | None, clock: Callable[[], int]) -> None:
        self.locale = _locale(tag)
        self.zone = zone_of(zone)
        self._tag = tag
        self._clock = clock

    def instant(self, at: int | None) -> Markup:
        """An instant in the reader's zone, with UTC at hand in the title and for machines."""
        if at is None:
            return escape(NONE)
        utc = _utc(at)
        return self._time(utc, _instant(utc.replace(microsecond=0), self.zone, self._tag))

    def day(self, at: int | None) -> Markup:
        """The day of an instant."""
        if at is None:
            return escape(NONE)
        utc = _utc(at)
        return self._time(utc, _day(utc.astimezone(self.zone).date(), self._tag))

    def ago(self, at: int | None) -> Markup:
        """How long ago an instant is, or in how long it comes."""
        if at is None:
            return escape(NONE)
        utc = _utc(at)
        seconds = (at - self._clock()) / 1e6
        return self._time(utc, format_timedelta(int(seconds), add_direction=True, locale=self.locale))

    @staticmethod
    def _time(utc: datetime, shown: str) -> Markup:
        day, hour = utc.strftime("%Y-%m-%d"), utc.strftime("%H:%M:%S")
        return Markup(  # noqa: S704 - digits, and what is escaped
            f'<time datetime="{day}T{hour}Z" title="{day} {hour} UTC">{escape(shown)}</time>'
        )

    def number(self, value: int | float) -> str:
        """A number with the separators of the language."""
        return _decimal(value, self._tag)

    def span(self, micros: int | None) -> str:
        """A length of time in words, from microseconds."""
        return NONE if micros is None else format_timedelta(micros // 1_000_000, locale=self.locale)


def name_of(tag: str) -> str:
    """What a language calls itself."""
    return str(Locale.parse(tag.replace("-", "_")).get_display_name() or tag).capitalize()
