"""Recalls as a node keeps them: what was taken back from whom, what each said, and what may not go out again.

A recall takes objects out of what parties are served, and asks those who were handed them to give them back. How it
travels: :mod:`titian.core.recall_objects`. Instants are microseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from titian.core.collection import Collection as HeldCollection
from titian.core.recall_objects import Reason, RecallMessage, Response
from titian.core.release import Withheld
from titian.core.stix import Timestamp
from titian.core.survey import Facts


class Policy(StrEnum):
    """What this node does by itself when a party recalls something."""

    APPLY = "apply"
    """Takes it out, unless work of ours, another party or a release of ours touches it: that is flagged."""
    FLAG = "flag"
    """Keeps it, and lets nobody have it, until a person decides."""
    KEEP = "keep"
    """Does nothing until a person decides."""


class State(StrEnum):
    """Where a recall of this node's own stands."""

    PROPOSED = "proposed"
    """What it is about is no longer served; nobody has been asked to give it back."""
    SENT = "sent"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


class ReceivedState(StrEnum):
    """Where a recall that a party sent to this node stands."""

    OPEN = "open"
    """It waits for a person."""
    APPLIED = "applied"
    FLAGGED = "flagged"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Standing(StrEnum):
    """Where a recipient of a recall stands."""

    NEVER_READ = "never-read"
    """Nothing of it was handed to them: there is nothing to give back, and they are told nothing."""
    WAITING = "waiting"
    """They have not been handed the recall yet."""
    SILENT = "silent"
    """They have it, and have not answered."""
    UNCONFIRMED = "unconfirmed"
    """They have it, and read with a client that cannot answer."""
    OVERDUE = "overdue"
    """The deadline is over, and they have not answered."""
    APPLIED = "applied"
    FLAGGED = "flagged"
    REFUSED = "refused"


ANSWERED: Final = frozenset({Standing.APPLIED, Standing.FLAGGED, Standing.REFUSED})
"""Standings that an answer gives."""


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """An object that was taken back from a party: the identifier that it was shown under, what it was made from, up
    to which version of that it may not go again (None for every version), and each ``date_added`` that it had there.
    What is not ``chosen`` went because it refers to what was."""

    shown: str
    source: str
    version: int | None
    added: tuple[int, ...]
    chosen: bool = True


class Said(msgspec.Struct, frozen=True):
    """One answer: when it came, and what it said; ``version`` is its ``modified``."""

    at: int
    version: int
    response: Response
    why: str = ""
    passed_on: int = 0
    objects: tuple[str, ...] = ()


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """One party of a recall.

    ``collection`` is the identifier of the collection that the objects lay in. ``message`` is the identifier of the
    recall as they know it; once it was written, ``channel`` is the collection that it lies in, ``places`` are its
    ``date_added`` there, ``told`` what it names and ``version`` its ``modified``. ``answers`` are oldest first.
    """

    party: str
    collection: str
    message: str
    taken: tuple[Taken, ...]
    standing: Standing = Standing.WAITING
    channel: str | None = None
    places: tuple[int, ...] = ()
    told: tuple[str, ...] = ()
    version: int = 0
    answers: tuple[Said, ...] = ()

    @property
    def answer(self) -> Said | None:
        """What they said last."""
        return self.answers[-1] if self.answers else None


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """A recall that this node made, under one agreement. ``deadline`` is None while it is only proposed.

    ``person`` is who made it, ``derived_from`` the recall of another party that it passes on, ``asked`` when the
    recipients were asked.
    """

    id: str
    agreement: str
    reason: Reason
    created: int
    state: State
    person: str
    why: str = ""
    deadline: int | None = None
    asked: int | None = None
    replaced_by: tuple[str, ...] = ()
    derived_from: str | None = None
    ended: str = ""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A recall that a party sent to this node: ``message`` is the last version of it, ``via`` the agreement under
    which it came, which the answer goes back under. ``removed`` and ``flagged`` are what became of the objects,
    ``why`` is what was answered, ``versions`` counts the answers."""

    message: RecallMessage
    via: str
    arrived: int
    state: ReceivedState = ReceivedState.OPEN
    removed: tuple[str, ...] = ()
    flagged: tuple[str, ...] = ()
    passed_on: int = 0
    answered: int | None = None
    version: int = 0
    why: str = ""

    @property
    def id(self) -> str:
        """The identifier of the recall."""
        return self.message.id


class RecallBook(Protocol):
    """Recalls, recipients and flags, in one transaction."""

    def sent(self, states: Collection[State] | None = None) -> list[Recall]:
        """Recalls of this node's own, oldest first, all of them or those in some states."""
        ...

    def keep(self, recall: Recall) -> None:
        """Write a recall, or what became of it."""
        ...

    def recipients(self, recall: str) -> list[Recipient]:
        """Every recipient of a recall, by party."""
        ...

    def keep_recipient(self, recall: str, recipient: Recipient) -> None:
        """Write a recipient, or what became of it."""
        ...

    def told(self, party: str) -> list[tuple[str, Recipient]]:
        """What a party was asked to give back: as recipient, after the identifier of each recall."""
        ...

    def standing(self, agreement: str, party: str) -> list[Recipient]:
        """A party as recipient of the recalls under an agreement that were sent and not withdrawn."""
        ...

    def received(self, states: Collection[ReceivedState] | None = None) -> list[Received]:
        """Recalls that were sent to this node, oldest first, all of them or those in some states."""
        ...

    def keep_received(self, recall: Received) -> None:
        """Write a recall that was sent to this node, or what became of it."""
        ...

    def flags(self) -> Mapping[str, str]:
        """Which objects are flagged, and by which recall."""
        ...

    def flag(self, identifiers: Collection[str], recall: str, at: int) -> None:
        """Flag objects; what another recall has flagged stays as it is."""
        ...

    def unflag(self, identifiers: Collection[str]) -> None:
        """Take flags away."""
        ...


class Holder(msgspec.Struct, frozen=True):
    """A collection that holds an object, and since when its latest version is there."""

    collection: HeldCollection
    added: int


def standing(recipient: Recipient, deadline: int | None, at: int, *, read: bool, told: bool, speaks: bool) -> Standing:
    """Return where a recipient stands at an instant.

    :param read: whether they were handed any of the objects.
    :param told: whether they were handed the recall.
    :param speaks: whether their node can answer.
    """
    answer = recipient.answer
    if answer is not None:
        return Standing(answer.response.value)
    if not read:
        return Standing.NEVER_READ
    if told and not speaks:
        return Standing.UNCONFIRMED
    if deadline is not None and deadline <= at:
        return Standing.OVERDUE
    return Standing.SILENT if told else Standing.WAITING


def barred(book: RecallBook, agreement: str, party: str, facts: Mapping[str, Facts]) -> dict[str, Withheld]:
    """Return which objects of a selection may not go to a party because of a recall, and why.

    What its sender has recalled and is flagged here goes to nobody. What we recalled from this party goes to it again
    in a later version, or when the recall is withdrawn.
    """
    found = {
        identifier: Withheld("flagged", f"Who sent it has recalled it. See: titian recalls show {recall}")
        for identifier, recall in book.flags().items()
        if identifier in facts
    }
    for recipient in book.standing(agreement, party):
        for one in _bars(recipient):
            known = facts.get(one.source)
            if known is None or one.source in found:
                continue
            if one.version is None or known.version is None or Timestamp.parse(known.version).micros <= one.version:
                found[one.source] = Withheld(
                    "recalled",
                    "It was recalled from this party. It goes again in a later version, or after "
                    "`titian recalls withdraw`.",
                )
    return found


def _bars(recipient: Recipient) -> Iterator[Taken]:
    return (one for one in recipient.taken if one.chosen)


def handed(recipient: Recipient, places: Collection[int]) -> list[Taken]:
    """Return what a recipient was handed, of what was taken back: of which any version lay at one of some places."""
    there = set(places)
    return [one for one in recipient.taken if not there.isdisjoint(one.added)]


def days_left(deadline: int, at: int) -> int:
    """Return whole days to a deadline, below 0 when it is over.

    >>> day = 86_400_000_000
    >>> days_left(2 * day, day // 2), days_left(0, 1)
    (1, -1)
    """
    return (deadline - at) // 86_400_000_000
