"""Parties and communities, who is a member of what and when, and so who an agreement's audience is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from titian.core.agreement import Agreement, Consent, Onward
from titian.core.tlp import Circle, Tlp, stricter


class PartyKind(StrEnum):
    """What kind of party it is. A community has members and receives nothing itself."""

    AGENCY = "state-agency"
    COMPANY = "company"
    NGO = "ngo"
    COMMUNITY = "community"


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A party: ``id`` is that of its STIX identity, ``country`` ISO 3166-1 alpha-2.

    ``ceiling`` is the strictest marking that a community takes for its members, whatever an agreement allows.
    """

    id: str
    name: str
    kind: PartyKind
    alias: str | None = None
    country: str | None = None
    sectors: tuple[str, ...] = ()
    contact: str | None = None
    ceiling: Tlp | None = None


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """That one party is a member, or a client, of another, from ``starts`` until before ``stops`` (microseconds).

    A ``hidden`` one is known to this node only: who is shown the others does not see it.
    """

    id: str
    member: str
    of: str
    client: bool = False
    hidden: bool = False
    starts: int | None = None
    stops: int | None = None

    def holds(self, at: int) -> bool:
        """Whether it holds at an instant."""
        return (self.starts is None or self.starts <= at) and (self.stops is None or at < self.stops)


class Reach(msgspec.Struct, frozen=True):
    """How an agreement reaches a party: in which circle, and up to which marking."""

    circle: Circle
    ceiling: Tlp

    def join(self, other: Reach) -> Reach:
        """Return what holds for who is reached in two ways: the lower ceiling, and the nearer circle.

        >>> Reach(Circle.ORGANISATION, Tlp.AMBER).join(Reach(Circle.CLIENTS, Tlp.GREEN))
        Reach(circle=<Circle.ORGANISATION: 'organisation'>, ceiling=<Tlp.GREEN: 'green'>)
        """
        nearer = Circle.ORGANISATION if Circle.ORGANISATION in (self.circle, other.circle) else self.circle
        return Reach(nearer, lower_ceiling(self.ceiling, other.ceiling))


def lower_ceiling(a: Tlp, b: Tlp) -> Tlp:
    """Of two ceilings, return the one that lets less through: the level that reaches further.

    >>> lower_ceiling(Tlp.AMBER, Tlp.GREEN)
    <Tlp.GREEN: 'green'>
    """
    return b if stricter(a, b) is a else a


class Window(msgspec.Struct, frozen=True):
    """From when until before when, in microseconds; ``closes`` is None where no end is known."""

    opens: int
    closes: int | None


_NONE: Final[Mapping[str, Reach]] = {}


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a node knows about parties and what binds them. ``own`` is the node's own party."""

    own: str
    parties: dict[str, Party] = {}
    memberships: tuple[Membership, ...] = ()
    agreements: dict[str, Agreement] = {}
    consents: tuple[Consent, ...] = ()

    def audience(self, agreement: Agreement, at: int) -> Mapping[str, Reach]:
        """Return who may receive under an agreement at an instant, and how each is reached.

        Nobody, when it is not in force, or when the node's own party is not in it itself (law 2). Communities stand
        for their members, and communities in them for theirs; a party's clients follow where the agreement says so.
        """
        if not agreement.in_force(at):
            return _NONE
        reached: dict[str, Reach] = {}
        for party in sorted(agreement.parties):
            for found, reach in self._under(party, agreement, at):
                reached[found] = reached[found].join(reach) if found in reached else reach
        mine = reached.pop(self.own, None)
        if mine is None or mine.circle is Circle.CLIENTS:
            return _NONE
        return reached

    def _under(self, party: str, agreement: Agreement, at: int) -> Iterator[tuple[str, Reach]]:
        """Everyone a party of an agreement stands for. Circles of membership end where they began."""
        start = Reach(Circle.ORGANISATION, agreement.ceiling)
        waiting = [(party, start)]
        seen = {(party, start)}
        while waiting:
            current, reach = waiting.pop()
            known = self.parties.get(current)
            if known is None:
                continue
            if known.kind is PartyKind.COMMUNITY:
                if known.ceiling is not None:
                    reach = Reach(reach.circle, lower_ceiling(reach.ceiling, known.ceiling))
            else:
                yield current, reach
            for step in self._below(known, reach, agreement.onward, at):
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)

    def _below(self, party: Party, reach: Reach, onward: Onward, at: int) -> Iterator[tuple[str, Reach]]:
        for one in self.memberships:
            if one.of != party.id or not one.holds(at):
                continue
            if one.client:
                if onward is Onward.CLIENTS:
                    yield one.member, Reach(Circle.CLIENTS, reach.ceiling)
            elif party.kind is PartyKind.COMMUNITY:
                yield one.member, reach

    def communities(self, party: str, at: int) -> frozenset[str]:
        """Return the communities that a party is in at an instant, those that these are in as well.

        Being somebody's client makes nobody a member.
        """
        found: set[str] = set()
        waiting = [party]
        while waiting:
            current = waiting.pop()
            for one in self.memberships:
                known = self.parties.get(one.of)
                community = known is not None and known.kind is PartyKind.COMMUNITY
                if one.member == current and community and not one.client and one.holds(at) and one.of not in found:
                    found.add(one.of)
                    waiting.append(one.of)
        return frozenset(found)

    def names(self, party: str, at: int) -> frozenset[str]:
        """Return every word by which a releasable-to list can mean a party: its id, its country, its communities."""
        known = self.parties.get(party)
        country = {known.country} if known is not None and known.country else set()
        return self.communities(party, at) | {party} | country

    def next_edge(self, at: int) -> int | None:
        """Return the next instant at which who may see what can change by itself, in microseconds."""
        edges = [edge for one in self.memberships for edge in (one.starts, one.stops)]
        edges += [edge for one in self.agreements.values() for edge in (one.starts, one.stops)]
        edges += [one.until for one in self.consents]
        return min((edge for edge in edges if edge is not None and edge > at), default=None)

    def window(self, agreement: Agreement, party: str, at: int) -> Window | None:
        """Return the time around an instant during which a party is in an agreement's audience without a break.

        None when it is not in it then.
        """
        if party not in self.audience(agreement, at):
            return None
        edges = {edge for one in self.memberships for edge in (one.starts, one.stops)}
        edges |= {agreement.starts, agreement.stops}
        instants = sorted(edge for edge in edges if edge is not None)
        opens = agreement.starts
        for edge in reversed([edge for edge in instants if edge <= at]):
            if party not in self.audience(agreement, edge - 1):
                opens = edge
                break
        closes = next((e for e in instants if e > at and party not in self.audience(agreement, e)), None)
        return Window(opens, closes)
