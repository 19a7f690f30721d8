"""Timestamps that keep their text and compare as instants.

STIX 2.1 section 2.16: RFC 3339, ``YYYY-MM-DDTHH:mm:ss[.s+]Z``, always UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import total_ordering

from titian.core.errors import InvalidTimestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_ADVICE = "Write it as YYYY-MM-DDTHH:mm:ss[.s+]Z, in UTC, for example 2016-01-20T12:31:12.123Z."
_SHOWN = 40
"""Longest piece of a refused text that an error repeats."""
_MICROSECOND_LENGTH = len("2016-01-20T12:31:12.123456Z")
_LONGEST = 128

_fromisoformat = datetime.fromisoformat


@total_ordering
class Timestamp:
    """One instant, with the text it was written as.

    Equality, order and hash are those of the instant, to the last digit given: two spellings of one
    instant are equal, and digits beyond the microsecond still count.

    >>> Timestamp.parse("2020-01-01T00:00:00Z") == Timestamp.parse("2020-01-01T00:00:00.000Z")
    True
    >>> Timestamp.parse("2020-01-01T00:00:00.0000001Z") > Timestamp.parse("2020-01-01T00:00:00Z")
    True
    >>> Timestamp.parse("1970-01-01T00:00:01.5Z").micros
    1500000
    """

    __slots__ = ("_beyond", "_moment", "text")

    text: str
    """As received."""

    def __init__(self, text: str, moment: datetime, beyond: str) -> None:
        """Not for callers: use `parse`, `from_micros` or `from_datetime`."""
        self.text = text
        self._moment = moment
        self._beyond = beyond

    @classmethod
    def parse(cls, text: str) -> Timestamp:
        """The instant that ``text`` names. Raises `InvalidTimestamp`. (STIX 2.1 section 2.16.1)."""
        try:
            # datetime.fromisoformat knows more spellings than STIX; these places rule the others out.
            if (
                text[10] == "T"
                and text[-1] == "Z"
                and text[4] == "-" == text[7]
                and text[13] == ":" == text[16]
                and (text[19] == "Z" or (text[19] == "." and text[20] != "Z"))
                and text[11:13] != "24"
            ):
                if len(text) <= _MICROSECOND_LENGTH:
                    return cls(text, _fromisoformat(text), "")
                return _parse_long(text)
        except (ValueError, IndexError):
            return _parse_leap_second(text)
        raise _refusal(text)

    @classmethod
    def from_micros(cls, micros: int) -> Timestamp:
        """The instant ``micros`` µs after the Unix epoch, written with six decimals (as TAXII 2.1 wants).

        >>> Timestamp.from_micros(1).text
        '1970-01-01T00:00:00.000001Z'
        """
        try:
            return cls.from_datetime(_EPOCH + timedelta(microseconds=micros))
        except OverflowError:
            raise InvalidTimestamp(f"{micros} µs after 1970 is outside the years 1 to 9999.") from None

    @classmethod
    def from_datetime(cls, moment: datetime) -> Timestamp:
        """The instant of an aware ``moment``, written with six decimals. A naive one is refused."""
        if moment.utcoffset() is None:
            raise InvalidTimestamp("A datetime without a time zone is not an instant.", advice="Attach one.")
        utc = moment.astimezone(UTC)
        return cls(utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z", utc, "")

    @property
    def micros(self) -> int:
        """Microseconds since the Unix epoch, rounded down."""
        delta = self._moment - _EPOCH
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

    def to_datetime(self) -> datetime:
        """An aware datetime in UTC, rounded down to the microsecond."""
        return self._moment

    @property
    def precision(self) -> int:
        """How many digits follow the decimal point."""
        return max(0, len(self.text) - len("2016-01-20T12:31:12.Z"))

    def __eq__(self, other: object) -> bool:
        """The same instant."""
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self._moment == other._moment and self._beyond == other._beyond

    def __lt__(self, other: Timestamp) -> bool:
        """An earlier instant."""
        if not isinstance(other, Timestamp):
            return NotImplemented
        if self._moment == other._moment:
            # Without trailing zeros, digits after the point order as text.
            return self._beyond < other._beyond
        return self._moment < other._moment

    def __hash__(self) -> int:
        """Of the instant."""
        return hash((self._moment, self._beyond))

    def __repr__(self) -> str:
        """For a reader of a test."""
        return f"Timestamp({self.text!r})"

    def __str__(self) -> str:
        """The text."""
        return self.text

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """By its text."""
        return Timestamp.parse, (self.text,)


def _parse_long(text: str) -> Timestamp:
    """More digits than a datetime holds: the rest is kept beside it."""
    digits = text[20:-1]
    if len(text) > _LONGEST or not (digits.isascii() and digits.isdigit()):
        raise _refusal(text)
    return Timestamp(text, _fromisoformat(text[:26] + "Z"), digits[6:].rstrip("0"))


def _parse_leap_second(text: str) -> Timestamp:
    """RFC 3339 section 5.7 allows 23:59:60; POSIX time counts it as the second that follows."""
    if text[10:19] == "T23:59:60" and len(text) <= _LONGEST:
        try:
            earlier = Timestamp.parse(text[:17] + "59" + text[19:])
            return Timestamp(text, earlier._moment + _SECOND, earlier._beyond)
        except (InvalidTimestamp, OverflowError):
            pass
    raise _refusal(text)


def _refusal(text: str) -> InvalidTimestamp:
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return InvalidTimestamp(f"{shown!r} is not a timestamp.", advice=_ADVICE)
