"""Referrals: content that platforms are asked to look at, and what they answer."""

from __future__ import annotations

from typing import Annotated, Final

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.collection import timestamp
from titian.core.directory_objects import Reading as Register
from titian.core.people import Permission
from titian.core.referral import Designation, State
from titian.core.referral import Step as HistoryStep
from titian.core.tlp import parse_tlp
from titian.exchange.give_back import Back
from titian.exchange.refer import MOST, Asked, Done, may_appeal, responses
from titian.exchange.referred import Case, Step, Way
from titian.node import Node
from titian.web.api.caller import Called, Needs
from titian.web.api.paging import Page, Paged
from titian.web.api.recalls import ReturnedShown
from titian.web.api.route import acts, person, reads
from titian.web.api.shapes import (
    Instant,
    Moment,
    Name,
    PartyNamed,
    Perhaps,
    Reference,
    Short,
    Shown,
    StixId,
    Wish,
    maybe,
    moment,
    moments,
    named,
)

GROUP: Final = "Referrals"
_WRITES: Final = person(Permission.WRITE)
_INSIDE: Final = Needs(inside=True)
Text = Annotated[str, Meta(max_length=2000)]
Answer = Annotated[str, Meta(pattern="^(removed|kept|appealed|reinstated)$", examples=["kept"])]


# ── how they are shown ────────────────────────────────────────────────────────────────────────────────────


class DesignationShown(Shown, frozen=True, kw_only=True):
    """Why content is unlawful: a list, a law, a court or an agency says so."""

    source: str
    name: str
    reference: str | None
    country: str | None
    url: str | None


class ContentShown(Shown, frozen=True, kw_only=True):
    """One of the observables that it is about, with its value where that is held."""

    id: StixId
    title: str


class StepShown(Shown, frozen=True, kw_only=True):
    """What it came to, when, by whom and why."""

    state: State
    at: Instant
    by: PartyNamed | None
    reason: str


class AsideShown(Shown, frozen=True, kw_only=True):
    """An answer that does not count: what it says, who gave it and who sent it (none: this node), and why not."""

    id: StixId
    response: State
    reason: str
    by: PartyNamed
    sender: PartyNamed | None
    why: str


class WayShown(Shown, frozen=True, kw_only=True):
    """How far something went: held here, only an earlier version released, waiting for a second person, released, or
    handed over."""

    step: Step
    request: str | None
    agreement: StixId | None


class AnswerShown(WayShown, frozen=True, kw_only=True):
    """How far an answer of this node went."""

    id: StixId


class ReferralShown(Shown, frozen=True, kw_only=True):
    """A referral: ``ours`` is one that this organisation made, else it is asked by it."""

    id: StixId
    ours: bool
    party: PartyNamed
    state: State
    waits: Annotated[bool, Meta(description="Whether the party asked owes an answer.")]
    overdue: bool
    withdrawn: bool
    created: Instant
    deadline: Instant | None
    what: str
    why: str
    content: list[ContentShown]
    designations: list[DesignationShown]
    legal_basis: list[str]
    history: list[StepShown]
    unheard: Annotated[
        list[StepShown],
        Meta(description="What its maker says that the party asked has said, without an answer that says so."),
    ]
    aside: list[AsideShown]
    way: Annotated[WayShown | None, Meta(description="How far it went, of one of this organisation's own.")]
    answers: list[AnswerShown]
    can: Annotated[list[State], Meta(description="What it can come to next by an act here.")]


class ReferredShown(Shown, frozen=True, kw_only=True):
    """A referral after an act, and what became of that on its way to the other party."""

    referral: ReferralShown
    returned: ReturnedShown


# ── what is asked for ─────────────────────────────────────────────────────────────────────────────────────


class DesignationWish(Wish, frozen=True, kw_only=True):
    """Why content is unlawful."""

    source: Annotated[str, Meta(description="list, law, court or agency.", min_length=1, max_length=60,
                                examples=["list"])]  # fmt: skip
    name: Annotated[str, Meta(description="What it is called.", min_length=1, max_length=500)]
    reference: Annotated[str, Meta(description="The entry or the number in it.", max_length=300)] | None = None
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", examples=["ID"])] | None = None
    url: Annotated[str, Meta(max_length=2000)] | None = None


class ReferralWish(Wish, frozen=True, kw_only=True):
    """What a platform is asked. Without a designation and a legal basis nothing is sent."""

    content: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=2000)]],
        Meta(description="Ids of observables that are held, URLs, accounts as platform:name, hashes. One thing.",
             min_length=1, max_length=MOST, examples=[["https://video.example/watch/7"]]),
    ]  # fmt: skip
    to: Annotated[Reference, Meta(description="The party that runs the platform.")]
    agreement: Reference
    designations: Annotated[list[DesignationWish], Meta(max_length=20)]
    legal_basis: Annotated[list[Annotated[str, Meta(max_length=500)]], Meta(max_length=20)]
    what: Annotated[Short, Meta(description="What is asked, on one line.")] = ""
    why: Annotated[Text, Meta(description="Why, as the platform will read it.")] = ""
    deadline: Moment | None = None
    marking: Annotated[str | None, Meta(description="Its TLP; else as strict as the agreement carries.")] = None
    purposes: Annotated[
        list[Name], Meta(description="Of new content; owed for a person's account.", min_length=1, max_length=20)
    ] | None = None  # fmt: skip
    expires: Moment | None = None


class AnswerWish(Wish, frozen=True, kw_only=True):
    """An answer to a referral; all but removed owe a reason."""

    response: Answer
    reason: Annotated[Text, Meta(description="As who asked will read it.")] = ""


class AppealWish(Wish, frozen=True, kw_only=True):
    """Why the platform is asked to decide again, and by when."""

    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    deadline: Moment | None = None


@reads("/referrals", GROUP, _INSIDE)
def referrals(
    caller: Called,
    node: NamedDependency[Node],
    paging: Paged,
    ours: Annotated[
        bool | None, Parameter(description="Only this organisation's own, or only those of others.")
    ] = None,
    stands: Annotated[State | None, Parameter(description="Only what has come to this.")] = None,
    overdue: Annotated[bool, Parameter(description="Only what is not answered in time.")] = False,
) -> Page[ReferralShown]:
    """What this organisation asks platforms, and what it is asked itself, newest first."""
    found = node.refer.list(sent=ours is not False, received=ours is not True, state=stands, overdue=overdue)
    register = node.agreements.read()
    return paging.listed(
        found, lambda one: (one.standing.referral.created, one.id), lambda one: _shown(one, register),
        newest_first=True,
    )  # fmt: skip


@reads("/referrals/{referral:str}", GROUP, _INSIDE)
def referral(caller: Called, node: NamedDependency[Node], referral: FromPath[str]) -> ReferralShown:
    """One referral, by its id or how it begins."""
    return _shown(node.refer.find(referral), node.agreements.read())


@acts("/referrals", GROUP, _WRITES, status=201)
def make(caller: Called, node: NamedDependency[Node], data: JSONBody[ReferralWish]) -> ReferredShown:
    """Ask a platform to look at content. It goes to that party alone, as a release does."""
    caller.require(Permission.REQUEST_RELEASE)
    asked = Asked(
        contents=tuple(data.content), to=data.to, agreement=data.agreement, what=data.what, why=data.why,
        designations=tuple(
            Designation(source=one.source, name=one.name, reference=one.reference, country=one.country, url=one.url)
            for one in data.designations
        ),
        legal_basis=tuple(data.legal_basis), deadline=moments(data.deadline),
        tlp=None if data.marking is None else parse_tlp(data.marking),
        purposes=None if data.purposes is None else tuple(data.purposes),
        expires=None if data.expires is None else timestamp(moment(data.expires))[:23] + "Z",
    )  # fmt: skip
    return _done(node.refer.make(caller.actor, asked), node.agreements.read())


@acts("/referrals/{referral:str}/answer", GROUP, _WRITES)
def answer(
    caller: Called, node: NamedDependency[Node], referral: FromPath[str], data: JSONBody[AnswerWish]
) -> ReferredShown:
    """Answer a referral that this organisation is asked by; it goes back to who asked."""
    caller.require(Permission.REQUEST_RELEASE)
    done = node.refer.answer(caller.actor, referral, State(data.response), data.reason)
    return _done(done, node.agreements.read())


@acts("/referrals/{referral:str}/appeal", GROUP, _WRITES)
def appeal(
    caller: Called, node: NamedDependency[Node], referral: FromPath[str], data: JSONBody[AppealWish]
) -> ReferredShown:
    """Ask the platform to decide again on a referral of this organisation's own."""
    caller.require(Permission.REQUEST_RELEASE)
    done = node.refer.appeal(caller.actor, referral, data.reason, deadline=moments(data.deadline))
    return _done(done, node.agreements.read())


@acts("/referrals/{referral:str}/withdraw", GROUP, _WRITES)
def withdraw(
    caller: Called, node: NamedDependency[Node], referral: FromPath[str], data: JSONBody[Perhaps]
) -> ReferredShown:
    """Withdraw a referral of this organisation's own: it asks for nothing any more."""
    caller.require(Permission.REQUEST_RELEASE)
    return _done(node.refer.withdraw(caller.actor, referral, data.why), node.agreements.read())


def _done(done: Done, register: Register) -> ReferredShown:
    back = done.returned
    returned = ReturnedShown(
        state=Back(back.state), party=None if back.party is None else named(register, back.party),
        agreement=back.agreement, request=back.request, why=back.why,
    )  # fmt: skip
    return ReferredShown(referral=_shown(done.case, register), returned=returned)


def _shown(one: Case, register: Register) -> ReferralShown:
    said, now = one.standing.referral, one.standing.now
    return ReferralShown(
        id=one.id, ours=one.ours, party=named(register, one.other), state=one.state, waits=one.waits,
        overdue=one.overdue, withdrawn=now.withdrawn, created=timestamp(said.created), deadline=maybe(now.deadline),
        what=said.name, why=said.why, content=[ContentShown(id=each.id, title=each.title) for each in one.contents],
        designations=[
            DesignationShown(source=each.source, name=each.name, reference=each.reference, country=each.country,
                             url=each.url)
            for each in said.designations
        ],
        legal_basis=list(said.legal_basis), history=[_step(each, register) for each in now.history],
        unheard=[_step(each, register) for each in one.standing.unheard],
        aside=[
            AsideShown(
                id=each.answer.id, response=each.answer.response, reason=each.answer.reason,
                by=named(register, each.answer.by), why=each.why,
                sender=None if each.sender is None else named(register, each.sender),
            )
            for each in one.standing.aside
        ],
        way=_way(one.way) if one.ours else None,
        answers=[
            AnswerShown(id=each, step=way.step, request=way.request, agreement=way.agreement)
            for each, way in one.ways.items()
        ],
        can=[State.APPEALED] if may_appeal(one) else responses(one),
    )  # fmt: skip


def _way(way: Way) -> WayShown:
    return WayShown(step=way.step, request=way.request, agreement=way.agreement)


def _step(step: HistoryStep, register: Register) -> StepShown:
    by = None if step.by is None else named(register, step.by)
    return StepShown(state=step.state, at=timestamp(step.at), by=by, reason=step.reason)


def referral_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [referrals, referral, make, answer, appeal, withdraw]
