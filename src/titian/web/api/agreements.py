"""The directory: collections, parties, agreements and dialogues."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.agreement import Onward, Purpose
from titian.core.collection import Collection, timestamp
from titian.core.directory_objects import Commitment, Dialogue, Meeting, Statement
from titian.core.extensions import read_ceiling
from titian.core.party import Party, PartyKind
from titian.core.people import Permission
from titian.core.tlp import Tlp
from titian.exchange.agree import By, Term, Tie
from titian.exchange.agreed import AgreementShown, PartyShown, show_agreement, show_party
from titian.node import Node
from titian.web.api.caller import Called, Caller, Needs
from titian.web.api.paging import Page, Paged
from titian.web.api.route import acts, person, reads
from titian.web.api.shapes import (
    Because,
    Count,
    Instant,
    Moment,
    Name,
    Reference,
    Short,
    Shown,
    StixId,
    Why,
    Wish,
    moments,
)

GROUP: Final = "Agreements"
COLLECTIONS: Final = "Collections"
DAY: Final = 86_400_000_000
_MANAGES: Final = person(Permission.MANAGE_AGREEMENTS)
_LONGEST_FILE: Final = 900_000

Ceiling = Annotated[str, Meta(description="The strictest TLP.", examples=["amber"], max_length=40)]


# ── collections ───────────────────────────────────────────────────────────────────────────────────────────


class CollectionShown(Shown, frozen=True, kw_only=True):
    """A collection. ``objects`` counts object versions; it is null for a key that sees some collections only."""

    id: str
    name: str
    alias: str | None
    description: str | None
    kind: Annotated[str, Meta(description="own, received, released or directory.", examples=["own"])]
    readable: bool
    writable: bool
    agreement: StixId | None
    party: StixId | None
    created: Instant
    objects: int | None


class CollectionWish(Wish, frozen=True, kw_only=True):
    """A collection to be made. What comes ``received_from`` a party is bound by its markings."""

    name: Name
    description: Annotated[str, Meta(max_length=2000)] | None = None
    alias: Annotated[str, Meta(max_length=64, pattern="^[a-z0-9][a-z0-9_-]*$")] | None = None
    readable: bool = True
    writable: bool = True
    received_from: Reference | None = None


def _collection(one: Collection, count: int | None, *, readable: bool, writable: bool) -> CollectionShown:
    return CollectionShown(
        id=one.id, name=one.name, alias=one.alias, description=one.description, kind=one.kind.value, readable=readable,
        writable=writable, agreement=one.agreement, party=one.party, created=timestamp(one.created), objects=count,
    )  # fmt: skip


@reads("/collections", COLLECTIONS, Needs(anyone=True))
def collections(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[CollectionShown]:
    """The collections that the caller may know of."""
    return paging.listed(_collections(caller, node), lambda one: (one.name, one.id), lambda one: one)


@reads("/collections/{collection:str}", COLLECTIONS, Needs(anyone=True))
def collection(caller: Called, node: NamedDependency[Node], collection: FromPath[str]) -> CollectionShown:
    """One collection, by name, id or alias; a key names it by id or alias."""
    if caller.view is not None:
        seen = caller.view.collection(collection)
        return _collection(seen.collection, None, readable=seen.can_read, writable=seen.can_write)
    found = node.collections.listed(collection)
    held = found.collection
    return _collection(held, found.count, readable=held.readable, writable=held.writable)


@acts("/collections", COLLECTIONS, person(Permission.WRITE), status=201)
def add_collection(caller: Called, node: NamedDependency[Node], data: JSONBody[CollectionWish]) -> CollectionShown:
    """Make a collection."""
    sender = None if data.received_from is None else node.agreements.read().party(data.received_from).id
    made = node.collections.add(
        data.name, description=data.description, alias=data.alias, readable=data.readable, writable=data.writable,
        received_from=sender, by=caller.actor,
    )  # fmt: skip
    return _collection(made, 0, readable=made.readable, writable=made.writable)


def _collections(caller: Caller, node: Node) -> list[CollectionShown]:
    if caller.view is not None:
        return [
            _collection(one.collection, None, readable=one.can_read, writable=one.can_write)
            for one in caller.view.collections()
        ]
    return [
        _collection(one.collection, one.count, readable=one.collection.readable, writable=one.collection.writable)
        for one in node.collections.list()
    ]


# ── parties ───────────────────────────────────────────────────────────────────────────────────────────────


class TieWish(Wish, frozen=True, kw_only=True):
    """What makes a party a member of a community, or the ``client`` of a party. One that is ``hidden`` is known to this
    node only."""

    of: Reference
    client: bool = False
    hidden: bool = False
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    why: Why = ""


class PartyWish(Wish, frozen=True, kw_only=True):
    """A party to be added; ``id`` is the identifier that it has elsewhere already."""

    name: Name
    kind: PartyKind
    country: Annotated[str, Meta(description="ISO 3166-1 alpha-2.", pattern="^[A-Z]{2}$")] | None = None
    alias: Annotated[str, Meta(max_length=64)] | None = None
    sectors: Annotated[tuple[Short, ...], Meta(max_length=50)] = ()
    contact: Annotated[str, Meta(max_length=500)] | None = None
    ceiling: Ceiling | None = None
    id: StixId | None = None
    tlp: Annotated[Tlp, Meta(description="How the object that says it is marked.")] = Tlp.GREEN
    why: Why = ""


class LeaveWish(Wish, frozen=True, kw_only=True):
    """What ends, now or later."""

    of: Reference
    valid_until: Moment | None = None
    why: Why = ""


@reads("/parties", GROUP)
def parties(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[PartyShown]:
    """The parties and communities that this node knows."""
    held, now = node.agreements.read(), node.agreements.now()
    return paging.listed(
        held.directory.parties.values(), lambda one: (one.name, one.id), lambda one: show_party(held, one, now)
    )


@reads("/parties/{party:str}", GROUP)
def party(caller: Called, node: NamedDependency[Node], party: FromPath[str]) -> PartyShown:
    """One party: what it is in, who is in it, and its agreements."""
    held = node.agreements.read()
    return show_party(held, held.party(party), node.agreements.now())


@acts("/parties", GROUP, _MANAGES, status=201)
def add_party(caller: Called, node: NamedDependency[Node], data: JSONBody[PartyWish]) -> PartyShown:
    """Add a party."""
    wanted = Party(
        id=data.id or "", name=data.name, kind=data.kind, alias=data.alias, country=data.country,
        sectors=tuple(data.sectors), contact=data.contact,
        ceiling=None if data.ceiling is None else read_ceiling(data.ceiling),
    )  # fmt: skip
    made = node.agreements.add_party(wanted, By(person=caller.actor.id, why=data.why, tlp=data.tlp))
    return _party(node, made.id)


@acts("/parties/{party:str}/join", GROUP, _MANAGES)
def join(caller: Called, node: NamedDependency[Node], party: FromPath[str], data: JSONBody[TieWish]) -> PartyShown:
    """Make a party a member of a community, or the client of a party. What was released before stays closed to it."""
    tie = Tie(of=data.of, client=data.client, hidden=data.hidden,
              term=Term(moments(data.valid_from), moments(data.valid_until)))  # fmt: skip
    return _party(node, node.agreements.join(party, tie, By(person=caller.actor.id, why=data.why)).member)


@acts("/parties/{party:str}/leave", GROUP, _MANAGES)
def leave(caller: Called, node: NamedDependency[Node], party: FromPath[str], data: JSONBody[LeaveWish]) -> PartyShown:
    """End what makes a party a member or a client of another; it holds before the next answer."""
    by = By(person=caller.actor.id, why=data.why)
    node.agreements.leave(party, data.of, by, until=moments(data.valid_until))
    return _party(node, party)


def _party(node: Node, reference: str) -> PartyShown:
    held = node.agreements.read()
    return show_party(held, held.party(reference), node.agreements.now())


# ── agreements ────────────────────────────────────────────────────────────────────────────────────────────


class AgreementWish(Wish, frozen=True, kw_only=True):
    """An agreement with its parties and its dialogue, as a TOML file says it, or as a partner's STIX bundle."""

    file: Annotated[str, Meta(description="The text of the file.", min_length=1, max_length=_LONGEST_FILE)]
    tlp: Annotated[Tlp, Meta(description="How the objects that say it are marked.")] = Tlp.GREEN
    why: Why = ""


class AgreementsAdded(Shown, frozen=True, kw_only=True):
    """What a file came to, and what somebody should know about it."""

    agreements: list[AgreementShown]
    notes: list[str]


class NarrowWish(Wish, frozen=True, kw_only=True):
    """What an agreement shall carry less of."""

    ceiling: Ceiling | None = None
    purposes: Annotated[list[Purpose] | None, Meta(description="Those that stay.")] = None
    without: Annotated[tuple[Reference, ...], Meta(description="Parties that leave it.", max_length=1000)] = ()
    onward: Onward | None = None
    why: Why = ""


class MemberWish(Wish, frozen=True, kw_only=True):
    """A party that comes into an agreement, or goes out of it."""

    party: Reference
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    why: Why = ""


class ConsentWish(Wish, frozen=True, kw_only=True):
    """That an originator lets objects of theirs go on, or, to ``withdraw``, does so no more."""

    originator: Reference
    objects: Annotated[list[StixId], Meta(min_length=1, max_length=10_000)]
    valid_until: Moment | None = None
    withdraw: bool = False
    why: Why = ""


class Consented(Shown, frozen=True, kw_only=True):
    """The objects of a consent, or of its end."""

    id: StixId | None
    objects: list[StixId]
    withdrawn: bool


@reads("/agreements", GROUP)
def agreements(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[AgreementShown]:
    """The agreements and how each stands."""
    held, now = node.agreements.read(), node.agreements.now()
    return paging.listed(
        held.directory.agreements.values(), lambda one: (one.name, one.id), lambda one: show_agreement(held, one, now)
    )


@reads("/agreements/{agreement:str}", GROUP)
def agreement(caller: Called, node: NamedDependency[Node], agreement: FromPath[str]) -> AgreementShown:
    """One agreement: who receives under it now and how far, for what and until when."""
    return _agreement(node, agreement)


@acts("/agreements", GROUP, _MANAGES, status=201)
def add_agreement(caller: Called, node: NamedDependency[Node], data: JSONBody[AgreementWish]) -> AgreementsAdded:
    """Set up an agreement. What is known already stays as it is."""
    added = node.agreements.add(data.file.encode(), By(person=caller.actor.id, why=data.why, tlp=data.tlp))
    return AgreementsAdded(agreements=[_agreement(node, one.id) for one in added.agreements], notes=list(added.notes))


@acts("/agreements/{agreement:str}/end", GROUP, _MANAGES)
def end(
    caller: Called, node: NamedDependency[Node], agreement: FromPath[str], data: JSONBody[Because]
) -> AgreementShown:
    """End an agreement now: nothing is served under it from the next answer on."""
    return _agreement(node, node.agreements.end(agreement, By(person=caller.actor.id, why=data.why)).id)


@acts("/agreements/{agreement:str}/narrow", GROUP, _MANAGES)
def narrow(
    caller: Called, node: NamedDependency[Node], agreement: FromPath[str], data: JSONBody[NarrowWish]
) -> AgreementShown:
    """Let an agreement carry less; it holds before the next answer."""
    made = node.agreements.narrow(
        agreement, By(person=caller.actor.id, why=data.why),
        ceiling=None if data.ceiling is None else read_ceiling(data.ceiling),
        purposes=None if data.purposes is None else [one.value for one in data.purposes],
        without=data.without, onward=data.onward,
    )  # fmt: skip
    return _agreement(node, made.id)


@acts("/agreements/{agreement:str}/members", GROUP, _MANAGES)
def add_member(
    caller: Called, node: NamedDependency[Node], agreement: FromPath[str], data: JSONBody[MemberWish]
) -> AgreementShown:
    """Take a party into an agreement. What was released before stays closed to it."""
    term = Term(moments(data.valid_from), moments(data.valid_until))
    by = By(person=caller.actor.id, why=data.why)
    return _agreement(node, node.agreements.add_member(agreement, data.party, by, term=term).id)


@acts("/agreements/{agreement:str}/members/remove", GROUP, _MANAGES)
def remove_member(
    caller: Called, node: NamedDependency[Node], agreement: FromPath[str], data: JSONBody[LeaveWish]
) -> AgreementShown:
    """Take a party (``of``) out of an agreement, now or later."""
    by = By(person=caller.actor.id, why=data.why)
    return _agreement(node, node.agreements.remove_member(agreement, data.of, by, until=moments(data.valid_until)).id)


@acts("/agreements/{agreement:str}/consent", GROUP, _MANAGES)
def consent(
    caller: Called, node: NamedDependency[Node], agreement: FromPath[str], data: JSONBody[ConsentWish]
) -> Consented:
    """Record that an originator lets objects go on under an agreement, or does so no more."""
    by = By(person=caller.actor.id, why=data.why)
    if data.withdraw:
        gone = node.agreements.withdraw_consent(agreement, data.originator, data.objects, by)
        return Consented(id=None, objects=sorted(gone), withdrawn=True)
    made = node.agreements.consent(agreement, data.originator, data.objects, by, until=moments(data.valid_until))
    return Consented(id=made.id, objects=sorted(made.objects), withdrawn=False)


def _agreement(node: Node, reference: str) -> AgreementShown:
    held = node.agreements.read()
    return show_agreement(held, held.agreement(reference), node.agreements.now())


# ── dialogues ─────────────────────────────────────────────────────────────────────────────────────────────


class DialogueShown(Shown, frozen=True, kw_only=True):
    """A standing channel between parties."""

    id: StixId
    name: str
    alias: str | None
    parties: list[StixId]
    meetings: list[Meeting]
    statements: list[Statement]
    commitments: list[Commitment]
    agreements: Annotated[list[StixId], Meta(description="Those that came of it.")]


@reads("/dialogues", GROUP)
def dialogues(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[DialogueShown]:
    """The dialogues."""
    held = node.agreements.read()
    every: Any = held.directory.agreements.values()

    def show(one: Dialogue) -> DialogueShown:
        return DialogueShown(
            id=one.id, name=one.name, alias=one.alias, parties=sorted(one.parties), meetings=list(one.meetings),
            statements=list(one.statements), commitments=list(one.commitments),
            agreements=sorted(each.id for each in every if each.dialogue == one.id),
        )  # fmt: skip

    return paging.listed(held.dialogues.values(), lambda one: (one.name, one.id), show)


# ── what flowed ───────────────────────────────────────────────────────────────────────────────────────────


class FlowParty(Shown, frozen=True, kw_only=True):
    """A party on the map."""

    id: StixId
    name: str
    country: Annotated[str | None, Meta(description="ISO 3166-1 alpha-2.")]


class FlowShown(Shown, frozen=True, kw_only=True, rename={"source": "from", "target": "to"}):
    """Object versions that went from this node to a party, and that came from it."""

    source: Annotated[StixId, Meta(description="This node's own party.")]
    target: StixId
    sent: Count
    received: Count


class FlowsShown(Shown, frozen=True, kw_only=True):
    """What flowed, for a map."""

    parties: list[FlowParty]
    flows: list[FlowShown]


@reads("/flows", GROUP, Needs(inside=True))
def flows(
    caller: Called,
    node: NamedDependency[Node],
    days: Annotated[int, Parameter(ge=1, le=366, description="Over so many days until now.")] = 30,
) -> FlowsShown:
    """How much went to each party and came from it."""
    held = node.agreements.read()
    directory, own = held.directory, held.directory.own
    sent: dict[str, list[int]] = {}
    for one in node.flows.since(node.agreements.now() - days * DAY):
        each = sent.setdefault(one.party, [0, 0])
        each[0] += one.sent
        each[1] += one.received
    reached = {each for one in directory.agreements.values() for each in directory.audience(one, node.agreements.now())}
    shown = sorted({own, *sent, *reached})
    return FlowsShown(
        parties=[
            FlowParty(id=each, name=held.label(each), country=known.country if (known := directory.parties.get(each))
                      else None)
            for each in shown
        ],
        flows=[FlowShown(source=own, target=party, sent=out, received=back)
               for party, (out, back) in sorted(sent.items())],
    )  # fmt: skip


def agreement_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [
        collections, collection, add_collection, parties, party, add_party, join, leave, agreements, agreement,
        add_agreement, end, narrow, add_member, remove_member, consent, dialogues, flows,
    ]  # fmt: skip
