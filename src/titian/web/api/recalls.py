"""Recalls, and sightings: what goes back and forth after a release."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response as Answer
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.collection import timestamp
from titian.core.directory_objects import Reading as Register
from titian.core.job import Progress
from titian.core.people import Permission
from titian.core.recall import Received, ReceivedState, Recipient, Standing, State
from titian.core.recall_objects import Reason, Response
from titian.core.sighting import MOST, Voice
from titian.core.tlp import parse_tlp
from titian.exchange.recall_sent import Overview
from titian.exchange.sight import Back, Known, Sighted
from titian.node import Node
from titian.web.api.caller import Called, Needs
from titian.web.api.jobs import JobShown, started
from titian.web.api.paging import Page, Paged
from titian.web.api.route import acts, also, person, reads
from titian.web.api.shapes import (
    Because,
    Count,
    Instant,
    Moment,
    PartyNamed,
    Reference,
    Selection,
    Shown,
    StixId,
    Wish,
    maybe,
    moment,
    moments,
    named,
)
from titian.web.jobs import Jobs

GROUP: Final = "Recalls"
SIGHTINGS: Final = "Sightings"
_ASKS: Final = person(Permission.REQUEST_RELEASE)
_INSIDE: Final = Needs(inside=True)
_LISTED: Final = 1000
AT_ONCE: Final = 500
"""Objects that are taken back while the caller waits; more of them become a job."""
_RESPONSES: Final = {"apply": Response.APPLIED, "flag": Response.FLAGGED, "refuse": Response.REFUSED}


# ── recalls ───────────────────────────────────────────────────────────────────────────────────────────────


class RecipientShown(Shown, frozen=True, kw_only=True):
    """Where one recipient of a recall stands."""

    party: PartyNamed
    state: Standing
    answered: Instant | None
    why: str
    passed_on: Count
    objects: Count


class RecallShown(Shown, frozen=True, kw_only=True):
    """A recall of this node's own."""

    id: str
    state: State
    agreement: StixId
    reason: Reason
    why: str
    created: Instant
    deadline: Instant | None
    derived_from: Annotated[str | None, Meta(description="The recall of another party that this one passes on.")]
    objects: Count
    object_refs: Annotated[list[StixId], Meta(description="Of one recall: what was taken back; 1,000 at most.")]
    recipients: list[RecipientShown]


class ReceivedShown(Shown, frozen=True, kw_only=True):
    """A recall of another party."""

    id: StixId
    state: ReceivedState
    party: PartyNamed
    agreement: StixId
    reason: Reason
    why: str
    created: Instant
    deadline: Instant
    objects: Count
    object_refs: Annotated[list[StixId], Meta(description="What is asked for; 1,000 at most.")]
    removed: Count
    flagged: Count
    passed_on: Count
    answered: Instant | None


class RecallWish(Wish, frozen=True, kw_only=True):
    """What is taken back and asked for."""

    chosen: Selection
    reason: Reason
    deadline: Moment
    agreement: Annotated[Reference | None, Meta(description="Only what was released under it.")] = None
    parties: Annotated[tuple[Reference, ...], Meta(max_length=1000)] = ()
    why: Annotated[str, Meta(description="In words, as the recipients will read it.", max_length=2000)] = ""
    replaced_by: Annotated[tuple[StixId, ...], Meta(max_length=1000)] = ()


class Recalled(Shown, frozen=True, kw_only=True):
    """The recalls that were made: one for each agreement."""

    items: list[RecallShown]


class AnswerWish(Wish, frozen=True, kw_only=True):
    """An answer to a recall: apply (take it out), flag (keep it from everybody), or refuse, with a reason."""

    response: Annotated[str, Meta(pattern="^(apply|flag|refuse)$", examples=["apply"])]
    why: Annotated[str, Meta(description="As the party that recalls will read it.", max_length=2000)] = ""
    also_local_work: Annotated[bool, Meta(description="Take it out even where work of ours refers to it.")] = False


class SendWish(Wish, frozen=True, kw_only=True):
    """A proposed recall that is to be sent."""

    deadline: Moment
    why: Annotated[str, Meta(max_length=2000)] = ""


Settled = Annotated[bool, Parameter(description="Also what is settled.")]


@reads("/recalls", GROUP, _INSIDE)
def recalls(caller: Called, node: NamedDependency[Node], paging: Paged, all: Settled = False) -> Page[RecallShown]:
    """This node's own recalls, newest first, as the clock last wrote down where each recipient stands."""
    found = node.waiting.sent(None if all else (State.PROPOSED, State.SENT), after=paging.begin, limit=paging.limit)
    register = node.agreements.read()
    shown = (_recall(Overview(one.recall, one.recipients), register, listed=False) for one in found.items)
    return paging.page(shown, found.next)


@reads("/recalls/received", GROUP, _INSIDE)
def received(caller: Called, node: NamedDependency[Node], paging: Paged, all: Settled = False) -> Page[ReceivedShown]:
    """The recalls of other parties, newest first: those that wait for an answer, or all."""
    found = node.waiting.received(None if all else (ReceivedState.OPEN,), after=paging.begin, limit=paging.limit)
    register = node.agreements.read()
    return paging.page((_received(one, register) for one in found.items), found.next)


@reads("/recalls/{recall:str}", GROUP, _INSIDE)
def recall(caller: Called, node: NamedDependency[Node], recall: FromPath[str]) -> RecallShown | ReceivedShown:
    """One recall, of this node or of another party, by its id or how it begins."""
    found, register = node.recalls.find(recall), node.agreements.read()
    return _received(found, register) if isinstance(found, Received) else _recall(found, register, listed=True)


@acts("/recalls", GROUP, _ASKS, status=201, responses={202: also(JobShown, "There is much: a job recalls it.")})
def begin(caller: Called, node: NamedDependency[Node], data: JSONBody[RecallWish]) -> Answer[Recalled]:
    """Take back what was released: it is out at once, and who was handed it is asked to give it back."""
    deadline = moment(data.deadline)

    def work(_: Progress | None = None) -> Recalled:
        made = node.recalls.recall(
            caller.actor, data.chosen, reason=data.reason, deadline=deadline, agreement=data.agreement,
            parties=data.parties or None, why=data.why, replaced_by=data.replaced_by,
        )  # fmt: skip
        register = node.agreements.read()
        return Recalled(items=[_recall(one, register, listed=True) for one in made])

    if node.glance.weight(data.chosen) <= AT_ONCE:
        return Answer(work())
    return started(Jobs(node).start(caller.actor.id, "recall", "Recall", work))


@acts("/recalls/{recall:str}/answer", GROUP, _ASKS)
def answer(
    caller: Called, node: NamedDependency[Node], recall: FromPath[str], data: JSONBody[AnswerWish]
) -> ReceivedShown:
    """Answer a recall of another party. An answer can be changed, but for one that was applied."""
    done = node.recalls.answer(
        caller.actor, recall, _RESPONSES[data.response], data.why, also_local_work=data.also_local_work
    )
    return _received(done, node.agreements.read())


@acts("/recalls/{recall:str}/send", GROUP, _ASKS)
def send(caller: Called, node: NamedDependency[Node], recall: FromPath[str], data: JSONBody[SendWish]) -> RecallShown:
    """Send a recall that was proposed because an agreement or a marking changed."""
    done = node.recalls.send(caller.actor, recall, moment(data.deadline), data.why)
    return _recall(done, node.agreements.read(), listed=True)


class Dismissed(Shown, frozen=True, kw_only=True):
    """A recall that was proposed and is off the list."""

    id: str
    state: State


@acts("/recalls/{recall:str}/dismiss", GROUP, _ASKS)
def dismiss(caller: Called, node: NamedDependency[Node], recall: FromPath[str], data: JSONBody[Because]) -> Dismissed:
    """Take a recall that was proposed off the list: nobody is asked anything."""
    done = node.recalls.dismiss(caller.actor, recall, data.why)
    return Dismissed(id=done.id, state=done.state)


@acts("/recalls/{recall:str}/withdraw", GROUP, _ASKS)
def withdraw(
    caller: Called, node: NamedDependency[Node], recall: FromPath[str], data: JSONBody[Because]
) -> RecallShown:
    """Withdraw a recall: its recipients are told, and its objects may be released again."""
    return _recall(node.recalls.withdraw(caller.actor, recall, data.why), node.agreements.read(), listed=True)


def _recall(one: Overview, register: Register, *, listed: bool) -> RecallShown:
    held = one.recall
    sources = sorted({taken.source for each in one.recipients for taken in each.taken}) if listed else []
    return RecallShown(
        id=held.id, state=held.state, agreement=held.agreement, reason=held.reason, why=held.why,
        created=timestamp(held.created), deadline=maybe(held.deadline), derived_from=held.derived_from,
        objects=one.objects, object_refs=sources[:_LISTED],
        recipients=[_recipient(each, register) for each in one.recipients],
    )  # fmt: skip


def _recipient(one: Recipient, register: Register) -> RecipientShown:
    said = one.answer
    return RecipientShown(
        party=named(register, one.party), state=one.standing, answered=None if said is None else timestamp(said.at),
        why="" if said is None else said.why, passed_on=0 if said is None else said.passed_on, objects=len(one.taken),
    )  # fmt: skip


def _received(one: Received, register: Register) -> ReceivedShown:
    said = one.message
    return ReceivedShown(
        id=one.id, state=one.state, party=named(register, said.by), agreement=said.agreement, reason=said.reason,
        why=said.why, created=timestamp(said.created), deadline=timestamp(said.deadline), objects=len(said.objects),
        object_refs=list(said.objects[:_LISTED]), removed=len(one.removed), flagged=len(one.flagged),
        passed_on=one.passed_on, answered=maybe(one.answered),
    )  # fmt: skip


# ── sightings ─────────────────────────────────────────────────────────────────────────────────────────────


class SeenShown(Shown, frozen=True, kw_only=True):
    """How often something was seen, from when to when."""

    count: Count
    first: Instant | None
    last: Instant | None


class VoiceShown(SeenShown, frozen=True, kw_only=True):
    """What one party has seen; ``by`` is who passed that on."""

    party: PartyNamed
    by: StixId | None


class KnownShown(SeenShown, frozen=True, kw_only=True):
    """What was seen of one object, by whom; what is ``passed_on`` does not count."""

    id: StixId
    name: str
    ours: bool
    parties: list[VoiceShown]
    passed_on: list[VoiceShown]


class SightWish(Wish, frozen=True, kw_only=True):
    """What was seen here. To ``keep`` it here tells nobody."""

    ids: Annotated[list[StixId], Meta(min_length=1, max_length=1000)]
    count: Annotated[int, Meta(ge=1, le=MOST)] = 1
    first: Moment | None = None
    last: Moment | None = None
    where: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    marking: Annotated[str, Meta(description="A stricter level than that of what was seen.", max_length=40)] | None = (
        None
    )
    keep: bool = False


class ReturnedShown(Shown, frozen=True, kw_only=True):
    """What became of a sighting on its way back."""

    state: Back
    party: PartyNamed | None
    agreement: StixId | None
    request: str | None
    why: str


class SightedShown(Shown, frozen=True, kw_only=True):
    """What this node says of one object now, all counts together."""

    id: StixId
    of: StixId
    count: Count
    first: Instant | None
    last: Instant | None
    capped: bool
    returned: list[ReturnedShown]


class SightedAll(Shown, frozen=True, kw_only=True):
    """What was said of each."""

    items: list[SightedShown]


@reads("/sightings", SIGHTINGS, _INSIDE)
def sightings(
    caller: Called,
    node: NamedDependency[Node],
    paging: Paged,
    of: Annotated[str | None, Parameter(max_length=300, description="Only of this object.")] = None,
    ours: Annotated[bool, Parameter(description="Only of what this organisation made.")] = False,
) -> Page[KnownShown]:
    """What was seen, by whom and how often; what was seen last comes first."""
    found = [one for one in node.sight.sightings(of) if one.ours or not ours]
    register = node.agreements.read()
    return paging.listed(
        found, lambda one: (one.worth.seen.last or 0, one.worth.id), lambda one: _known(one, register),
        newest_first=True,
    )  # fmt: skip


@acts("/sightings", SIGHTINGS, Needs(permission=Permission.WRITE))
def sight(caller: Called, node: NamedDependency[Node], data: JSONBody[SightWish]) -> SightedAll:
    """Say that something was seen here. Unless it is kept, it goes back to whom it came from, as a person asks."""
    if not data.keep:
        caller.require(Permission.REQUEST_RELEASE)
    done = node.sight.sight(
        caller.actor, data.ids, count=data.count, first=moments(data.first), last=moments(data.last), where=data.where,
        marking=None if data.marking is None else parse_tlp(data.marking), keep=data.keep,
    )  # fmt: skip
    register = node.agreements.read()
    return SightedAll(items=[_sighted(one, register) for one in done])


def _known(one: Known, register: Register) -> KnownShown:
    worth = one.worth

    def voice(each: Voice) -> VoiceShown:
        return VoiceShown(
            party=named(register, each.party), by=each.sender, count=each.seen.count, first=maybe(each.seen.first),
            last=maybe(each.seen.last),
        )  # fmt: skip

    return KnownShown(
        id=worth.id, name=one.name, ours=one.ours, count=worth.seen.count, first=maybe(worth.seen.first),
        last=maybe(worth.seen.last), parties=[voice(each) for each in worth.voices],
        passed_on=[voice(each) for each in worth.passed_on],
    )  # fmt: skip


def _sighted(one: Sighted, register: Register) -> SightedShown:
    said = one.sighting
    return SightedShown(
        id=said.id, of=said.of, count=said.seen.count, first=maybe(said.seen.first), last=maybe(said.seen.last),
        capped=one.capped,
        returned=[
            ReturnedShown(state=each.state, party=None if each.party is None else named(register, each.party),
                          agreement=each.agreement, request=each.request, why=each.why)
            for each in one.returned
        ],
    )  # fmt: skip


def recall_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [recalls, received, recall, begin, answer, send, dismiss, withdraw, sightings, sight]
