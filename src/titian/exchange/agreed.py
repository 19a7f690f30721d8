"""What people read of the directory: parties and agreements with what binds them, at an instant."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from titian.core.agreement import Agreement
from titian.core.directory_objects import Dialogue, Reading, creator
from titian.core.directory_writing import instant_text
from titian.core.party import Membership, Party


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A thing with an identifier, as people call it."""

    id: str
    name: str
    alias: str | None


class TieShown(msgspec.Struct, frozen=True, kw_only=True):
    """One membership, seen from one of its ends; ``party`` is the other. Instants as STIX writes them."""

    party: Named
    client: bool
    hidden: bool
    valid_from: str | None
    valid_until: str | None
    holds: bool


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """Who may receive under an agreement now: in which circle and up to which marking."""

    party: Named
    circle: str
    ceiling: str


class AgreementShown(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement as people read it; ``audience`` is who may receive from this node now."""

    id: str
    name: str
    alias: str | None
    state: str
    parties: tuple[Named, ...]
    audience: tuple[Received, ...]
    purposes: tuple[str, ...]
    topics: tuple[str, ...]
    ceiling: str
    onward: str
    languages: tuple[str, ...]
    valid_from: str
    valid_until: str | None
    four_eyes: bool
    dialogue: Dialogue | None
    written_by: str | None


class InAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement that a party is in, by itself or through communities, and whether it receives under it now."""

    agreement: Named
    state: str
    receives: bool


class PartyShown(msgspec.Struct, frozen=True, kw_only=True):
    """A party as people read it."""

    id: str
    name: str
    alias: str | None
    kind: str
    country: str | None
    sectors: tuple[str, ...]
    contact: str | None
    ceiling: str | None
    own: bool
    member_of: tuple[TieShown, ...]
    members: tuple[TieShown, ...]
    agreements: tuple[InAgreement, ...]


def state(agreement: Agreement, at: int) -> str:
    """Return how an agreement stands at an instant: ``in force``, ``not yet`` or ``ended``."""
    if agreement.revoked or (agreement.stops is not None and agreement.stops <= at):
        return "ended"
    return "in force" if agreement.in_force(at) else "not yet"


def show_agreement(held: Reading, agreement: Agreement, at: int) -> AgreementShown:
    """Return what there is to read of an agreement."""
    reached = held.directory.audience(agreement, at)
    raw = held.objects.get(agreement.id)
    return AgreementShown(
        id=agreement.id,
        name=agreement.name,
        alias=held.aliases.get(agreement.id),
        state=state(agreement, at),
        parties=_ordered(_named(held, one) for one in agreement.parties),
        audience=tuple(
            Received(party=one, circle=reached[one.id].circle.value, ceiling=reached[one.id].ceiling.value)
            for one in _ordered(_named(held, each) for each in reached)
        ),
        purposes=tuple(sorted(agreement.purposes)),
        topics=agreement.topics,
        ceiling=agreement.ceiling.value,
        onward=agreement.onward.value,
        languages=agreement.languages,
        valid_from=instant_text(agreement.starts),
        valid_until=_instant(agreement.stops),
        four_eyes=agreement.four_eyes,
        dialogue=None if agreement.dialogue is None else held.dialogues.get(agreement.dialogue),
        written_by=None if raw is None else creator(raw),
    )


def show_party(held: Reading, party: Party, at: int) -> PartyShown:
    """Return what there is to read of a party."""
    directory = held.directory
    communities = directory.communities(party.id, at) | {party.id}
    found = [
        InAgreement(
            agreement=Named(id=one.id, name=one.name, alias=held.aliases.get(one.id)),
            state=state(one, at),
            receives=party.id in directory.audience(one, at),
        )
        for one in sorted(directory.agreements.values(), key=lambda each: each.name)
        if one.parties & communities or party.id in directory.audience(one, at)
    ]
    return PartyShown(
        id=party.id,
        name=party.name,
        alias=party.alias,
        kind=party.kind.value,
        country=party.country,
        sectors=party.sectors,
        contact=party.contact,
        ceiling=None if party.ceiling is None else party.ceiling.value,
        own=party.id == directory.own,
        member_of=_ties(held, at, ((one, one.of) for one in directory.memberships if one.member == party.id)),
        members=_ties(held, at, ((one, one.member) for one in directory.memberships if one.of == party.id)),
        agreements=tuple(found),
    )


def _ties(held: Reading, at: int, ends: Iterable[tuple[Membership, str]]) -> tuple[TieShown, ...]:
    shown = [
        TieShown(
            party=_named(held, end),
            client=one.client,
            hidden=one.hidden,
            valid_from=_instant(one.starts),
            valid_until=_instant(one.stops),
            holds=one.holds(at),
        )
        for one, end in ends
    ]
    return tuple(sorted(shown, key=lambda each: (each.party.name, each.valid_from or "", each.party.id)))


def _named(held: Reading, identifier: str) -> Named:
    """What a party is called; one that nobody has described by its identifier."""
    known = held.directory.parties.get(identifier)
    return Named(id=identifier, name=known.name if known else identifier, alias=known.alias if known else None)


def _ordered(named: Iterable[Named]) -> tuple[Named, ...]:
    return tuple(sorted(named, key=lambda one: (one.name, one.id)))


def _instant(micros: int | None) -> str | None:
    return None if micros is None else instant_text(micros)
