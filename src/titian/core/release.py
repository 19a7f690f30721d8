"""Release rules: may this object, or this part of one, go to this party, under this agreement, now?

Each rule is a frozen value with one method, which answers :class:`Released` or :class:`Withheld` with the rule's name
and a sentence that an analyst can act on. Rules compose by :class:`AllOf`; no rule means no release (law 2).
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from titian.core.agreement import Agreement
from titian.core.collection import timestamp
from titian.core.errors import InvalidInput
from titian.core.marking import Attribution, Marking
from titian.core.party import Directory, Party, Reach
from titian.core.tlp import Circle, Tlp, at_least_as_strict


class Released(msgspec.Struct, frozen=True):
    """It may go."""


class Withheld(msgspec.Struct, frozen=True):
    """It stays, and why: the rule's name, and what to do about it."""

    rule: str
    reason: str


Decision = Released | Withheld
RELEASED: Final = Released()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """For whom, under what, for what and when: the same for every object of one projection.

    ``reach`` is None for who is not in the agreement's audience. ``names`` are the words by which a releasable-to
    list can mean the recipient, ``ours`` those that mean us by ourselves or our country; any other word in such a
    list tells the recipient of somebody else. ``companions`` are the originators whose community both we and the
    recipient are in.
    ``at`` is in microseconds since the Unix epoch.
    """

    own: str
    agreement: Agreement
    recipient: Party
    reach: Reach | None
    names: frozenset[str]
    ours: frozenset[str]
    companions: frozenset[str]
    purposes: frozenset[str]
    at: int


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules are asked about. ``originator`` is the party that an object was received from or created by,
    None for our own; ``consented`` says that the originator's consent to this release is recorded; ``personal`` that
    it describes a natural person."""

    marking: Marking
    originator: str | None = None
    consented: bool = False
    personal: bool = False


class Rule(Protocol):
    """One question about a case."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer it."""
        ...


def terms_for(
    directory: Directory, agreement: Agreement, recipient: str, *, purposes: frozenset[str] | None = None, at: int
) -> Terms:
    """Return the terms under which a party receives.

    :param purposes: what the release is for; every purpose of the agreement without.
    :raises InvalidInput: for a purpose that the agreement does not name, or a party that is not known.
    """
    party = directory.parties.get(recipient)
    if party is None:
        raise InvalidInput(f"{recipient} is no party that is known here.", advice="`titian parties list` shows them.")
    beyond = (purposes or frozenset()) - agreement.purposes
    if beyond:
        raise InvalidInput(
            f"{agreement.name} is not for {', '.join(sorted(beyond))}.",
            advice=f"It is for {', '.join(sorted(agreement.purposes))}.",
        )
    audience = directory.audience(agreement, at)
    shared = directory.communities(recipient, at) & directory.communities(directory.own, at)
    near = set(audience) if recipient in audience else set()
    companions = near | {
        other for other in directory.parties if shared and not shared.isdisjoint(directory.communities(other, at))
    }
    return Terms(
        own=directory.own, agreement=agreement, recipient=party, reach=audience.get(recipient),
        names=directory.names(recipient, at), ours=_ours(directory), companions=frozenset(companions),
        purposes=agreement.purposes if purposes is None else purposes, at=at,
    )  # fmt: skip


def _ours(directory: Directory) -> frozenset[str]:
    own = directory.parties.get(directory.own)
    country = None if own is None else own.country
    return frozenset({directory.own, country}) if country else frozenset({directory.own})


class InAudience(msgspec.Struct, frozen=True):
    """The agreement is in force, we are in it, and the recipient is in its audience."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for any object."""
        if not terms.agreement.in_force(terms.at):
            return Withheld("agreement", f"The agreement {terms.agreement.name} is not in force.")
        if terms.reach is None:
            return Withheld(
                "audience",
                f"{terms.recipient.name} is not in the audience of {terms.agreement.name}, or this node's own party "
                "is not in the agreement.",
            )
        return RELEASED


class Marked(msgspec.Struct, frozen=True):
    """Every marking is understood, and one says how far it may spread."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for the marking."""
        if case.marking.unknown:
            which = ", ".join(sorted(case.marking.unknown))
            return Withheld(
                "unknown-marking",
                f"Its marking {which} is not understood here, and so reaches nobody. Ask who marked it for the "
                "definition, and import that.",
            )
        if case.marking.tlp is None:
            return Withheld(
                "unmarked", "It bears no TLP, and so stays in this organisation. Mark it: titian mark ID --tlp …"
            )
        return RELEASED


class UnderCeiling(msgspec.Struct, frozen=True):
    """It is not marked more strictly than the agreement carries."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for the TLP."""
        level, ceiling = case.marking.tlp, None if terms.reach is None else terms.reach.ceiling
        if level is None or ceiling is None:
            return Withheld("tlp-ceiling", "Without a TLP and a ceiling, nothing is under it.")
        if level is ceiling or at_least_as_strict(ceiling, level):
            return RELEASED
        return Withheld(
            "tlp-ceiling",
            f"{level.label} is stricter than {ceiling.label}, the most that {terms.agreement.name} carries to "
            f"{terms.recipient.name}.",
        )


class InCircle(msgspec.Struct, frozen=True):
    """The recipient stands in a circle that the TLP reaches (FIRST TLP 2.0): AMBER+STRICT excludes clients, RED goes
    to recipients who are named one by one."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for the TLP and the recipient."""
        level = case.marking.tlp
        if level is None or terms.reach is None:
            return Withheld("tlp-audience", "Without a TLP and an audience, it reaches nobody.")
        if level is Tlp.RED:
            lists = case.marking.releasable_to
            if lists and all(terms.recipient.id in named for named in lists):
                return RELEASED
            return Withheld(
                "tlp-audience",
                f"{level.label} is for named recipients only. Name {terms.recipient.name} itself in --releasable-to.",
            )
        if terms.reach.circle in level.reach:
            return RELEASED
        return Withheld(
            "tlp-audience",
            f"{level.label} stays inside the organisations it is given to; {terms.recipient.name} is reached as a "
            f"{'client' if terms.reach.circle is Circle.CLIENTS else terms.reach.circle.value}.",
        )


class ReleasableTo(msgspec.Struct, frozen=True):
    """Every releasable-to list names the recipient, its country, or a community that it is in."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for the lists."""
        if all(terms.names & named for named in case.marking.releasable_to):
            return RELEASED
        return Withheld("releasable-to", f"It is not marked as releasable to {terms.recipient.name}.")


class ForPurpose(msgspec.Struct, frozen=True):
    """What it may be used for is among what the release is for."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for the purposes."""
        allowed = case.marking.purposes
        if terms.purposes and (allowed is None or allowed & terms.purposes):
            return RELEASED
        return Withheld(
            "purpose",
            f"It may be used for {_listed(allowed)}, the release is for {_listed(terms.purposes)}.",
        )


def _listed(words: frozenset[str] | None) -> str:
    return ", ".join(sorted(words)) if words else "nothing"


class InTime(msgspec.Struct, frozen=True):
    """It has not expired, and a policy that begins later has begun."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for the dates."""
        starts, expires = case.marking.starts, case.marking.expires
        if starts is not None and terms.at < starts:
            return Withheld("not-yet", f"Its policy begins on {timestamp(starts)}.")
        if expires is not None and expires <= terms.at:
            return Withheld("expired", f"It expired on {timestamp(expires)}.")
        return RELEASED


class Attributable(msgspec.Struct, frozen=True):
    """Nobody asks that the source must be named while another forbids it."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for the attribution."""
        if {Attribution.MUST, Attribution.MUST_NOT} <= case.marking.attribution:
            return Withheld(
                "attribution", "One of its markings says that the source must be named, another that it must not."
            )
        return RELEASED


class Originated(msgspec.Struct, frozen=True):
    """What we received goes on as its originator allows (law 3): AMBER and stricter with a recorded consent, GREEN
    inside the originator's community."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for the originator."""
        level = case.marking.tlp
        if case.originator is None or case.originator == terms.recipient.id or level is Tlp.CLEAR:
            return RELEASED
        if level is Tlp.GREEN:
            if case.consented or case.originator in terms.companions:
                return RELEASED
            return Withheld(
                "originator-community",
                f"TLP:GREEN stays in the community of {case.originator}, which is not known to include "
                f"{terms.recipient.name}. Record the community, or the originator's consent.",
            )
        if case.consented:
            return RELEASED
        return Withheld(
            "originator-consent",
            f"It was received from {case.originator} as {'unmarked' if level is None else level.label}. It goes on "
            "only with the originator's consent: titian agreements consent …",
        )


class Personal(msgspec.Struct, frozen=True):
    """What describes a natural person has a purpose and a retention date."""

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer for objects that describe natural persons."""
        if not case.personal or (case.marking.purposes and case.marking.expires is not None):
            return RELEASED
        return Withheld(
            "personal-data",
            "It describes a natural person, and so needs a purpose and a date when it ends: "
            "titian mark ID --purpose … --expires …",
        )


class AllOf(msgspec.Struct, frozen=True):
    """Every rule releases; the first that does not gives the reason. Without rules nothing is released."""

    rules: tuple[Rule, ...] = ()

    def decide(self, case: Case, terms: Terms) -> Decision:
        """Answer as the strictest of its rules."""
        if not self.rules:
            return Withheld("no-rule", "No rule allows it.")
        for rule in self.rules:
            decision = rule.decide(case, terms)
            if isinstance(decision, Withheld):
                return decision
        return RELEASED


THE_GATE: Final[Rule] = AllOf(
    (
        InAudience(),
        Marked(),
        InTime(),
        UnderCeiling(),
        InCircle(),
        ReleasableTo(),
        ForPurpose(),
        Attributable(),
        Originated(),
        Personal(),
    )
)
"""The rules under which everything leaves a node."""
