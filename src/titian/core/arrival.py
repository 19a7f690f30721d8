"""What arrives from a partner, and what speaks against taking it in.

A partner's word is judged by what both signed: the agreement says how strictly marked, and for which purposes, objects
may be that pass under it. What does not fit is kept apart and shown, never dropped.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.marking import Marking
from titian.core.party import Directory
from titian.core.recall_objects import MESSAGES
from titian.core.survey import VOCABULARY, Facts
from titian.core.tlp import stricter


class Doubt(StrEnum):
    """Why an object is kept apart."""

    INVALID = "invalid"
    """It breaks STIX 2.1."""
    UNMARKED = "unmarked"
    """Nothing says how far it may spread."""
    UNKNOWN_MARKING = "unknown-marking"
    """It bears a marking that is not understood, or not at hand."""
    OUTSIDE = "outside-agreement"
    """The agreement does not carry it."""
    EXPIRED = "expired"
    """Its time was over when it came."""
    OURS = "claims-ours"
    """It says that we created it, and we hold no such object."""
    OVER_QUOTA = "over-quota"
    """The partner has sent more in a day than was agreed to be taken."""
    CONFLICT = "conflict"
    """Another content is held under the same id and version."""


class Objection(msgspec.Struct, frozen=True):
    """A doubt, and a sentence for a person."""

    doubt: Doubt
    why: str

    def __str__(self) -> str:
        return f"{self.doubt.value}: {self.why}"


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What may come from ``sender`` under an ``agreement``, at an instant. ``names`` are the words by which a
    releasable-to list can mean us."""

    own: str
    names: frozenset[str]
    sender: str
    agreement: Agreement
    members: frozenset[str]
    at: int


_UNBOUND: Final = (*VOCABULARY, *MESSAGES)
"""What says how others are marked or written bears no marking itself. A recall, or an answer to one, is for us alone
and may be marked more strictly than the agreement carries; whoever takes it in reads it strictly."""


def expected_from(directory: Directory, agreement: Agreement, sender: str, at: int) -> Expected:
    """Return what may come from a party under an agreement."""
    members = frozenset({*directory.audience(agreement, at), directory.own})
    return Expected(
        own=directory.own, names=directory.names(directory.own, at), sender=sender, agreement=agreement,
        members=members, at=at,
    )  # fmt: skip


def closed(expected: Expected) -> Objection | None:
    """Why nothing at all may come, or None."""
    name = expected.agreement.name
    if not expected.agreement.in_force(expected.at):
        return Objection(Doubt.OUTSIDE, f"The agreement {name} is not in force.")
    if expected.sender not in expected.members:
        return Objection(
            Doubt.OUTSIDE, f"The sender is not in the audience of {name}, or this node's own party is not."
        )
    return None


def objection(facts: Facts, marking: Marking, expected: Expected) -> Objection | None:
    """Return what speaks against one object, or None. ``marking`` is what its markings mean together."""
    if facts.creator == expected.own:
        return Objection(Doubt.OURS, "It says that this node's own party created it.")
    if facts.id.startswith(_UNBOUND):
        return None
    if marking.unknown:
        return Objection(Doubt.UNKNOWN_MARKING, f"The marking {min(marking.unknown)} is not understood here.")
    if marking.tlp is None:
        return Objection(Doubt.UNMARKED, "It bears no TLP, so nobody may have it.")
    agreement = expected.agreement
    if stricter(marking.tlp, agreement.ceiling) is not agreement.ceiling:
        return Objection(
            Doubt.OUTSIDE, f"It is {marking.tlp.label}; {agreement.name} carries up to {agreement.ceiling.label}."
        )
    if marking.purposes is not None and marking.purposes.isdisjoint(agreement.purposes):
        return Objection(Doubt.OUTSIDE, f"It is for none of the purposes of {agreement.name}.")
    if any(named.isdisjoint(expected.names) for named in marking.releasable_to):
        return Objection(Doubt.OUTSIDE, "Its marking names whom it may go to, and this node's party is not among them.")
    if marking.expires is not None and marking.expires <= expected.at:
        return Objection(Doubt.EXPIRED, "Its time was over when it came.")
    return None


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A page as it arrived: ``num`` is this node's number for it, ``count`` how many elements the sender handed over.

    ``first`` and ``last`` are the sender's ``date_added`` of its ends (0 where it gave none), ``digest`` is
    :func:`titian.core.ledger.digest_of` of all elements. ``collection`` is the number of the one that it is for.
    """

    num: int = 0
    subscription: str
    collection: int
    received: int
    party: str
    remote: str
    count: int
    digest: bytes
    first: int = 0
    last: int = 0


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where an object came from: who sent it, when it came, from which of their collections, and which entry of their
    ledger (``origin``) says that they sent it, once that was checked."""

    party: str
    received: int
    remote: str
    subscription: str
    origin: str | None = None
    entry: int | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """An object version that was taken in: ``size`` in bytes, ``collection`` the number of the one that it is in."""

    id: str
    type: str
    size: int
    collection: int
    provenance: Provenance


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the quarantine. ``state`` is waiting, accepted or rejected."""

    num: int
    id: str
    reason: str
    source: str
    received: int
    state: str
    collection: int
    party: str | None
    size: int
    decided: int | None = None
    decider: str | None = None
    why: str | None = None
