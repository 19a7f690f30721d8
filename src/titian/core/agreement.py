"""Agreements: what parties agreed about who may have what, for which purposes, how far, and until when."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from titian.core.tlp import Tlp


class Purpose(StrEnum):
    """Why data may be used: the vocabulary of agreements and of purpose markings."""

    CYBER_DEFENCE = "cyber-defence"
    CYBERCRIME = "cybercrime"
    COUNTER_TERRORISM = "counter-terrorism"
    TERRORIST_FINANCING = "terrorist-financing"
    TRAFFICKING = "trafficking"
    CAPACITY_BUILDING = "capacity-building"


class Onward(StrEnum):
    """Whether what is released under an agreement may go on from its parties."""

    NONE = "none"
    """To nobody: the clients of a party are not served."""
    CLIENTS = "clients"
    """To the clients of its parties, where the marking allows that too."""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement as rules see it. ``parties`` are identifiers of parties or of communities.

    ``starts`` and ``stops`` (exclusive) are microseconds since the Unix epoch. ``ceiling`` is the strictest marking
    that it carries: what is marked more strictly is not released under it. ``four_eyes`` asks for the approval of a
    second person for every release.
    """

    id: str
    name: str
    parties: frozenset[str]
    purposes: frozenset[str]
    topics: tuple[str, ...] = ()
    ceiling: Tlp
    onward: Onward = Onward.NONE
    languages: tuple[str, ...] = ()
    starts: int
    stops: int | None = None
    dialogue: str | None = None
    four_eyes: bool = False
    revoked: bool = False

    def in_force(self, at: int) -> bool:
        """Whether it holds at an instant, in microseconds. One without parties or purposes never does."""
        begun = self.starts <= at and (self.stops is None or at < self.stops)
        return begun and not self.revoked and bool(self.parties) and bool(self.purposes)


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded consent of an originator that objects of theirs go on to others (law 3).

    ``objects`` are identifiers; ``agreement`` is where they may go. ``until`` (exclusive) is in microseconds.
    """

    id: str
    originator: str
    objects: frozenset[str]
    agreement: str
    until: int | None = None

    def covers(self, identifier: str, originator: str, agreement: str, at: int) -> bool:
        """Whether it lets this object of this originator go under this agreement at an instant."""
        return (
            identifier in self.objects
            and originator == self.originator
            and agreement == self.agreement
            and (self.until is None or at < self.until)
        )
