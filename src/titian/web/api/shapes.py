"""Types that many requests and answers share."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from titian.core.collection import timestamp
from titian.core.directory_objects import Reading as Register
from titian.core.stix import Timestamp

Instant = Annotated[
    str,
    Meta(description="An instant in UTC, to the microsecond.", examples=["2026-11-20T08:15:00.000000Z"],
         extra_json_schema={"format": "date-time"}),
]  # fmt: skip
Moment = Annotated[
    str,
    Meta(description="A day (its beginning, UTC) or an instant (RFC 3339).", examples=["2027-01-15"], min_length=10,
         max_length=40, pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$"),
]  # fmt: skip
StixId = Annotated[
    str,
    Meta(description="A STIX 2.1 identifier.", examples=["indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"],
         max_length=300, pattern="^[a-z0-9][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
]  # fmt: skip
Reference = Annotated[
    str,
    Meta(description="An identifier, an alias or an exact name.", examples=["asean-japan"], min_length=1,
         max_length=300),
]  # fmt: skip
Chosen = Annotated[
    str,
    Meta(description="A STIX identifier, a report with all it refers to, or query:NAME.", min_length=1, max_length=300,
         examples=["report--44af6c39-c09b-49c5-9de2-394224b04982"]),
]  # fmt: skip
Selection = Annotated[list[Chosen], Meta(description="What is meant.", min_length=1, max_length=25_000)]
Why = Annotated[str, Meta(description="Why; it stays in the record of acts.", max_length=2000)]
Reason = Annotated[str, Meta(description="Why; it stays in the record of acts.", min_length=1, max_length=2000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Short = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, description="How many.")]
_DAY: Final = len("2027-01-15")


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of what is asked for: what is not known is refused, not passed over."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The base of what is answered."""


class Because(Wish, frozen=True, kw_only=True):
    """A reason that has to be given."""

    why: Reason


class Perhaps(Wish, frozen=True, kw_only=True):
    """A reason that may be given."""

    why: Why = ""


class PartyNamed(Shown, frozen=True, kw_only=True):
    """A party and what it is called."""

    id: StixId
    name: str


class CollectionNamed(Shown, frozen=True, kw_only=True):
    """A collection and what it is called."""

    id: str
    name: str


def maybe(at: int | None) -> str | None:
    """An instant as it is answered, where there is one."""
    return None if at is None else timestamp(at)


def moment(text: str) -> int:
    """A moment that was sent, in microseconds. Raises :class:`titian.core.errors.InvalidInput`."""
    return Timestamp.parse(f"{text}T00:00:00Z" if len(text) == _DAY else text).micros


def moments(text: str | None) -> int | None:
    """The same, where there is one."""
    return None if text is None else moment(text)


def named(register: Register, party: str) -> PartyNamed:
    """A party as people call it."""
    return PartyNamed(id=party, name=register.label(party))
