"""Sightings: what was seen, how often, from when to when, and what they are worth together (STIX 2.1 section 5.2).

One party says once of one object how often it was seen, and says it anew, in a later version, when it is seen again:
a thousand sightings are one object, and a partner that asks a year later gets one. Instants are microseconds since
the Unix epoch.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from titian.core.copying import next_version
from titian.core.errors import InvalidInput
from titian.core.stix import META_TYPES, SCO_TYPES, SRO_TYPES, Timestamp

TYPE: Final = "sighting"
PREFIX: Final = "sighting--"
MOST: Final = 999_999_999
"""The highest count that STIX 2.1 section 5.2 allows."""
DAY: Final = 86_400_000_000
_MILLISECOND: Final = 1000


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """That something was seen ``count`` times, the first and the last time at these instants, None where not said."""

    count: int
    first: int | None = None
    last: int | None = None

    def join(self, other: Seen) -> Seen:
        """Return both together.

        >>> Seen(count=2, first=5, last=9).join(Seen(count=1, last=12))
        Seen(count=3, first=5, last=12)
        """
        return Seen(
            count=self.count + other.count,
            first=min((one for one in (self.first, other.first) if one is not None), default=None),
            last=max((one for one in (self.last, other.last) if one is not None), default=None),
        )

    def capped(self) -> Seen:
        """Return the same with a count that STIX can carry."""
        return msgspec.structs.replace(self, count=min(self.count, MOST))


NEVER: Final = Seen(count=0)


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One sighting as it is written: ``of`` what, by whom (``created_by_ref``, None where it names nobody)."""

    id: str
    of: str
    by: str | None
    seen: Seen
    created: str
    modified: str
    marks: tuple[str, ...] = ()
    where: str | None = None
    revoked: bool = False

    @property
    def version(self) -> int:
        """Its ``modified``."""
        return Timestamp.parse(self.modified).micros


class _Read(msgspec.Struct):
    id: str
    sighting_of_ref: str
    created: str
    modified: str
    created_by_ref: str | None = None
    count: int | None = None
    first_seen: str | None = None
    last_seen: str | None = None
    object_marking_refs: tuple[str, ...] = ()
    description: str | None = None
    revoked: bool = False


_read: Final = msgspec.json.Decoder(_Read).decode
_SCOS: Final = tuple(f"{one}--" for one in SCO_TYPES)
_NO_OBJECTS: Final = tuple(f"{one}--" for one in (*SRO_TYPES, *META_TYPES, "bundle"))


def seen(*, count: int, first: int | None, last: int | None, at: int) -> Seen:
    """Return what a person says they saw: now, where they do not say when.

    :raises InvalidInput: for a count below 1, a last before a first, or what is more than a day in the future.

    >>> seen(count=3, first=None, last=7, at=9)
    Seen(count=3, first=7, last=7)
    """
    if count < 1:
        raise InvalidInput(f"A sighting counts at least 1, not {count}.", advice="Give --count as a whole number.")
    if any(one is not None and one > at + DAY for one in (first, last)):
        raise InvalidInput("Nothing was seen in the future.", advice="Look at the dates, and at this machine's clock.")
    if last is None:
        last = at if first is None else max(first, at)
    first = last if first is None else first
    if last < first:
        raise InvalidInput("It was last seen before it was first seen.", advice="Change --first or --last.")
    return Seen(count=count, first=first, last=last)


def check_sightable(identifier: str) -> None:
    """Raise :class:`InvalidInput` for what STIX does not let a sighting be of, and say what to sight instead."""
    if identifier.startswith(_SCOS):
        raise InvalidInput(
            f"{identifier} is an observable, and a sighting is of a domain object (STIX 2.1 section 5.2).",
            advice="Sight the indicator that finds it, or observed-data that holds it.",
        )
    if identifier.startswith(_NO_OBJECTS):
        raise InvalidInput(
            f"{identifier} cannot be sighted: a sighting is of a domain object (STIX 2.1 section 5.2).",
            advice="Sight what it is about.",
        )


def sighting_id(key: bytes, of: str, marks: Iterable[str], number: int = 0) -> str:
    """Return the identifier of this node's sighting of an object under some markings: the same every time, so that
    counts are added to it, and not to be guessed.

    >>> sighting_id(b"k", "tool--1", ["a", "b"]) == sighting_id(b"k", "tool--1", ["b", "a"])
    True
    """
    said = b"\x00".join((b"titian sighting", of.encode(), " ".join(sorted(set(marks))).encode(), str(number).encode()))
    return f"{PREFIX}{UUID(bytes=hmac.new(key, said, hashlib.sha256).digest()[:16], version=4)}"


def begun(
    identifier: str, of: str, own: str, marks: Sequence[str], what: Seen, at: int, where: str | None = None
) -> Sighting:
    """Return the first version of a sighting by this node's own party."""
    text = _written(at)
    return Sighting(
        id=identifier, of=of, by=own, seen=what.capped(), created=text, modified=text, marks=tuple(marks), where=where
    )


def continued(before: Sighting, what: Seen, at: int, where: str | None = None) -> Sighting:
    """Return the next version of a sighting: counts are added, as far as STIX can count."""
    return msgspec.structs.replace(
        before, seen=before.seen.join(what).capped(), modified=next_version(before.modified, at),
        where=before.where if where is None else where,
    )  # fmt: skip


def write_sighting(one: Sighting) -> bytes:
    """Return a sighting of this node's own party as STIX: where it was seen is at that party."""
    source = {
        "type": TYPE, "spec_version": "2.1", "id": one.id, "created_by_ref": one.by, "created": one.created,
        "modified": one.modified, "description": one.where,
        "first_seen": None if one.seen.first is None else _written(one.seen.first),
        "last_seen": None if one.seen.last is None else _written(one.seen.last),
        "count": one.seen.count, "sighting_of_ref": one.of, "where_sighted_refs": [one.by] if one.by else None,
        "object_marking_refs": list(one.marks) or None,
    }  # fmt: skip
    return msgspec.json.encode({name: value for name, value in source.items() if value is not None})


def read_sighting(raw: bytes) -> Sighting | None:
    """Read a valid sighting; what gives no count was seen once (STIX 2.1 section 5.2). None for what cannot be read."""
    try:
        said = _read(raw)
        what = Seen(count=1 if said.count is None else said.count, first=_micros(said.first_seen),
                    last=_micros(said.last_seen))  # fmt: skip
        Timestamp.parse(said.modified)
    except (msgspec.MsgspecError, UnicodeDecodeError, InvalidInput):
        return None
    return Sighting(
        id=said.id, of=said.sighting_of_ref, by=said.created_by_ref, seen=what, created=said.created,
        modified=said.modified, marks=said.object_marking_refs, where=said.description, revoked=said.revoked,
    )  # fmt: skip


def _written(at: int) -> str:
    """An instant as STIX wants it, in milliseconds (section 3.2)."""
    return Timestamp.from_micros(at - at % _MILLISECOND).text[:-4] + "Z"


def _micros(text: str | None) -> int | None:
    return None if text is None else Timestamp.parse(text).micros


# ── what they are worth together ──────────────────────────────────────────────────────────────────────────


class Told(msgspec.Struct, frozen=True):
    """A sighting that is held: from which party it came, None for one of our own; ``of`` is what it is of as it is
    called here, where the party knows it under another identifier."""

    sighting: Sighting
    sender: str | None
    of: str


class Voice(msgspec.Struct, frozen=True):
    """What one party says of one object. ``sender`` is set where another party passed it on."""

    party: str
    seen: Seen
    sender: str | None = None


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one object: by whom, last seen first, and in all. What was ``passed_on`` does not count: nobody
    but its sender answers for it."""

    id: str
    seen: Seen
    voices: tuple[Voice, ...] = ()
    passed_on: tuple[Voice, ...] = ()

    def others(self, own: str) -> int:
        """How many parties besides our own have seen it."""
        return sum(one.party != own and one.seen.count > 0 for one in self.voices)


def worth(found: Iterable[Told], own: str) -> list[Worth]:
    """Add up sightings by what they are of, last seen first. Of each sighting the latest version counts, and none that
    was revoked; one that a party sends in our name does not count at all.

    A party answers for what it created itself; what it sends of others stands apart.
    """
    latest: dict[tuple[str | None, str], Told] = {}
    for one in found:
        key = (one.sender, one.sighting.id)
        if key not in latest or latest[key].sighting.version < one.sighting.version:
            latest[key] = one
    said: dict[str, dict[tuple[str, str | None], Seen]] = {}
    for one in latest.values():
        whose = _whose(one, own)
        if whose is not None and not one.sighting.revoked:
            voices = said.setdefault(one.of, {})
            voices[whose] = voices.get(whose, NEVER).join(one.sighting.seen)
    return sorted(
        (_added_up(identifier, voices) for identifier, voices in said.items()),
        key=lambda one: (_late(one.seen), one.id),
    )


def _whose(one: Told, own: str) -> tuple[str, str | None] | None:
    """Who says it, and who passed it on, if somebody did; None for what counts as nobody's."""
    if one.sender is None:
        return (own, None) if one.sighting.by == own else None
    if one.sighting.by in (None, one.sender):
        return one.sender, None
    return None if one.sighting.by == own else (str(one.sighting.by), one.sender)


def _added_up(identifier: str, said: Mapping[tuple[str, str | None], Seen]) -> Worth:
    voices = sorted(
        (Voice(party, what, sender) for (party, sender), what in said.items()),
        key=lambda one: (_late(one.seen), one.party),
    )
    counted = [one for one in voices if one.sender is None]
    whole = NEVER
    for one in counted:
        whole = whole.join(one.seen)
    return Worth(
        id=identifier, seen=whole, voices=tuple(counted),
        passed_on=tuple(one for one in voices if one.sender is not None),
    )  # fmt: skip


def _late(what: Seen) -> int:
    return 0 if what.last is None else -what.last
