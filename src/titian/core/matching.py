"""Private matching between two parties, as values: what is offered, what was asked, and on which terms.

How it works is in :mod:`titian.screen.private`; who may take part, and what is remembered of it, is decided on these.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, StrEnum
from typing import Final, Protocol

import msgspec

from titian.core.agreement import Agreement
from titian.core.party import Party
from titian.core.screening import ValueKind
from titian.core.subscription import DAY
from titian.core.tlp import Tlp

MATCHED: Final = frozenset(
    {
        ValueKind.WALLET, ValueKind.IP, ValueKind.DOMAIN, ValueKind.URL, ValueKind.EMAIL, ValueKind.PHONE,
        ValueKind.IBAN, ValueKind.HASH, ValueKind.DRONE, ValueKind.ACCOUNT, ValueKind.NFT,
    }
)  # fmt: skip
"""Kinds that can be matched: those that are the same for both, or are not. Names and images are alike, or less so."""
LISTABLE: Final = frozenset(
    {ValueKind.PHONE, ValueKind.IBAN, ValueKind.IP, ValueKind.PERSON, ValueKind.ACCOUNT, ValueKind.URL}
)
"""Kinds whose values can be listed: a partner could ask about a whole country's. Accounts and addresses of pages hold
telephone numbers and IP addresses, too."""
LASTS: Final = 31 * DAY
"""How long an offer stands if nothing ends it before, in microseconds."""


class Mode(Enum):
    """What comes out of a run.

    ``intersection``: who asks learns which of its values are held. ``mutual``: both learn it. ``cardinality``: who
    asks learns how many. ``labelled``: who asks learns which, and reads the note of each.
    """

    INTERSECTION = "intersection"
    MUTUAL = "mutual"
    CARDINALITY = "cardinality"
    LABELLED = "labelled"


class Terms(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What an offer is for. ``verified``: answers are proved to be made with the key of the offer.

    ``asked`` is how many values one run may ask at most: the length of the tags is chosen for it. Both sizes are told
    to the other side; where they must not be known exactly, they are rounded up to a multiple of ``pad``.
    """

    kind: ValueKind
    epoch: str
    mode: Mode
    verified: bool = True
    asked: int = 100_000
    pad: int = 1


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to offer, or ask about: with whom, which kind, in which mode, under which agreement (the
    only one, without). ``collections`` (names or ids) narrow what is taken; ``pad`` rounds sizes up; ``lasts`` is in
    microseconds."""

    party: str
    kind: ValueKind
    mode: Mode = Mode.INTERSECTION
    agreement: str | None = None
    collections: tuple[str, ...] = ()
    pad: int = 1
    lasts: int = LASTS
    why: str = ""


class OfferState(StrEnum):
    """Where an offer stands."""

    WAITING = "waiting"
    """A second person has to approve it."""
    STANDING = "standing"
    """The partner may ask."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """Somebody took it back, or something that it was made of is not to be given any more."""
    ENDED = "ended"
    """Its time is over."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer of ``size`` values: of this node to ``party``, or (not ``ours``) of ``party`` to this node.

    ``id`` is the SHA-256 of its bytes, in hexadecimal. ``until`` is exclusive. ``needs`` says why a second person has
    to approve it, ``why`` what was said when it was decided on or taken back. Instants are microseconds since the Unix
    epoch.
    """

    id: str
    ours: bool
    agreement: str
    party: str
    terms: Terms
    size: int
    created: int
    until: int
    state: OfferState
    person: str = ""
    person_name: str = ""
    decider: str | None = None
    needs: tuple[str, ...] = ()
    why: str = ""

    def stands(self, at: int) -> bool:
        """Whether it may be asked about at an instant."""
        return self.state is OfferState.STANDING and at < self.until


class RunState(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    DONE = "done"
    BROKEN = "broken"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run: this node asked (``ours``), or ``party`` did. ``asked`` and ``offered`` are the sizes as both see them.

    ``common`` is how many values both know, as far as this side learns it. ``id`` and ``offer`` are in hexadecimal.
    """

    id: str
    ours: bool
    offer: str
    agreement: str
    party: str
    kind: ValueKind
    mode: Mode
    epoch: str
    begun: int
    ended: int | None = None
    asked: int
    offered: int
    common: int | None = None
    state: RunState = RunState.RUNNING
    why: str = ""
    person: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run told: which values are common, with a note for each where the mode has notes.

    ``left_out`` counts what was given and could not be asked. ``ours`` and ``theirs`` are the commitments to what both
    put in; ``salt`` opens ours, for a dispute.
    """

    values: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: int = 0
    ours: bytes = b""
    theirs: bytes = b""
    salt: bytes = b""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An offer as the partner's node lists it. ``left`` is how many values of the kind may still be asked today."""

    id: str
    agreement: str
    kind: ValueKind
    mode: Mode
    epoch: str
    verified: bool
    asked: int
    pad: int
    size: int
    until: int
    left: int

    @property
    def terms(self) -> Terms:
        """Its terms."""
        return Terms(self.kind, self.epoch, self.mode, self.verified, self.asked, self.pad)


class Look(msgspec.Struct, frozen=True, array_like=True):
    """How what is held stood at an instant: how far each collection's log went, how often anything was changed in them,
    the ``rules`` that decide who may have what (directory, recalls, flags, definitions of markings), and the ``edge``,
    the instant at which an agreement, membership or consent begins or ends next."""

    ends: dict[str, int]
    changes: int
    rules: tuple[int, ...]
    edge: int | None = None


class Between(msgspec.Struct, frozen=True):
    """An agreement and the party that receives under it now."""

    agreement: Agreement
    party: Party


class Offerable(msgspec.Struct, frozen=True):
    """What of one object a partner could be shown: its bytes as they would go, and when it ends, if it does."""

    id: str
    raw: bytes
    ends: int | None


class Allowed(msgspec.Struct, frozen=True):
    """What of some objects could be shown, and at which levels all of it is."""

    objects: tuple[Offerable, ...]
    levels: frozenset[Tlp]


class Partner(Protocol):
    """A partner's node (:class:`titian.wire.match_client.MatchClient`)."""

    def offers(self) -> list[Listed]:
        """What it offers to us."""
        ...

    def fetch(self, offer: str, size: int) -> bytes:
        """The bytes of an offer of ``size`` values."""
        ...

    def post(self, offer: str, message: bytes) -> bytes:
        """Send a message about an offer; the answer to it."""
        ...


def next_epoch(day: str, used: Collection[str]) -> str:
    """Return a name for an epoch that was not used: the day, or the day and a number.

    >>> next_epoch("2026-11-21", {"2026-11-21", "2026-11-21.2"})
    '2026-11-21.3'
    """
    count = 1
    while (name := day if count == 1 else f"{day}.{count}") in used:
        count += 1
    return name


def daily(kind: ValueKind, *, usual: int, listable: int) -> int:
    """Return how many values of a kind one partner may ask in a day: fewer of a kind whose values can be listed.

    >>> daily(ValueKind.WALLET, usual=1_000, listable=10), daily(ValueKind.PHONE, usual=1_000, listable=10)
    (1000, 10)
    """
    return listable if kind in LISTABLE else usual
