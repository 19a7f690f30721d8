"""Moments as TAXII 2.1 writes them (section 2), and as servers were seen to write them."""

from __future__ import annotations

import datetime
import email.utils
import re
from typing import Final

from titian.core.errors import InvalidTimestamp

_JS_DATE: Final = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d{4}) (\d\d:\d\d:\d\d) (?:GMT|UTC)([+-]\d{4})?")


def read_moment(text: str) -> datetime.datetime | None:
    """Return the UTC moment in ``text``, `None` if there is none.

    Besides RFC 3339 this reads what servers were seen to send: no zone (taken as UTC), HTTP dates, and
    JavaScript's ``Date.toString()``. Digits beyond microseconds are cut off, never rounded up.

    >>> read_moment("Tue Mar 05 2024 10:00:00 GMT+0000 (Coordinated Universal Time)")
    datetime.datetime(2024, 3, 5, 10, 0, tzinfo=datetime.timezone.utc)
    """
    text = text.strip()[:100]
    if script := _JS_DATE.match(text):
        month, day, year, clock, zone = script.groups()
        text = f"{day} {month} {year} {clock} {zone or '+0000'}"
    try:
        moment = _iso(text) or email.utils.parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError, TypeError):
        return None


def _iso(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text.upper()) if len(text) > 10 else None
    except ValueError:
        return None


def write_moment(moment: datetime.datetime) -> str:
    """Return ``moment`` as a TAXII timestamp: UTC, six decimals, ``Z`` (section 2)."""
    utc = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds") + "Z"


def taxii_timestamp(given: str | datetime.datetime) -> str:
    """Return what a caller gave as a TAXII timestamp.

    Raises `InvalidTimestamp` for a text that is none and for a moment without a zone.
    """
    moment = _zoned(given)
    if moment is None:
        raise InvalidTimestamp(f"{str(given)[:60]!r} is no moment.", advice="Write it as 2026-01-31T12:00:00.000000Z.")
    return write_moment(moment)


def _zoned(given: str | datetime.datetime) -> datetime.datetime | None:
    moment = _iso(given.strip()) if isinstance(given, str) else given
    return moment if moment is not None and moment.tzinfo is not None else None
