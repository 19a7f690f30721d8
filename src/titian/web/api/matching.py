"""Private matching: what is offered to partners, what was asked, and what that told."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.collection import timestamp
from titian.core.directory_objects import Reading as Register
from titian.core.errors import InvalidInput
from titian.core.matching import LASTS, Mode, Offer, OfferState, Outcome, Run, RunState, Wanted, daily
from titian.core.people import Permission
from titian.core.screening import ValueKind
from titian.core.subscription import DAY
from titian.node import Node
from titian.web.api.caller import Called, Needs
from titian.web.api.jobs import JobShown, started
from titian.web.api.paging import Page, Paged
from titian.web.api.request import BODY, Held, read_held
from titian.web.api.route import acts, person, reads
from titian.web.api.shapes import (
    Because,
    Count,
    Instant,
    PartyNamed,
    Perhaps,
    Reference,
    Shown,
    StixId,
    Why,
    Wish,
    maybe,
    named,
)
from titian.web.console.guard import AnyRequest
from titian.web.matching_jobs import LONGEST, MOST, MOST_PAD, start_ask, start_offer

GROUP: Final = "Private matching"
LATEST: Final = 10_000
"""Runs that can be listed: the latest so many."""
LARGEST: Final = 16 << 20
"""Bytes of a question at most."""
_INSIDE: Final = Needs(inside=True)
_ASKS: Final = person(Permission.REQUEST_RELEASE)
_DECIDES: Final = person(Permission.DECIDE_RELEASE)

Kind = Literal["account", "domain", "drone", "email", "hash", "iban", "ip", "nft", "phone", "url", "wallet"]
Collections = Annotated[
    tuple[Reference, ...], Meta(max_length=100, description="Only what is held in these collections.")
]
Values = Annotated[list[Annotated[str, Meta(max_length=LONGEST)]], Meta(min_length=1, max_length=MOST)]
How = Annotated[
    Mode,
    Meta(description="What is told: which values are common (intersection), the same to both sides (mutual), how many "
         "(cardinality), or which with a note of who offers (labelled)."),
]  # fmt: skip
Under = Annotated[Reference | None, Meta(description="Needed where there are several with this partner.")]


# ── what is asked for ─────────────────────────────────────────────────────────────────────────────────────


class MatchOfferWish(Wish, frozen=True, kw_only=True):
    """What is offered to whom, and for how long at most."""

    party: Reference
    kind: Kind
    mode: How = Mode.INTERSECTION
    agreement: Under = None
    collections: Collections = ()
    pad: Annotated[int, Meta(ge=1, le=MOST_PAD, description="Sizes are rounded up to a multiple of this.")] = 1
    days: Annotated[int, Meta(ge=1, le=366)] = LASTS // DAY
    why: Why = ""


class MatchWish(Held, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of whom. Without ``values`` all that is held of the kind is asked; with them, ``collections``
    cannot be given."""

    party: Reference
    kind: Kind
    mode: How = Mode.INTERSECTION
    agreement: Under = None
    values: Values | None = None
    collections: Collections = ()

    @classmethod
    def unread(cls) -> Self:
        """A value that says nothing: the bytes are read by the handler, which takes more of them than others do."""
        return cls(party="-", kind="wallet")


# ── what is answered ──────────────────────────────────────────────────────────────────────────────────────


class MatchOfferShown(Shown, frozen=True, kw_only=True):
    """An offer of this node to a party (``ours``), or one of a party that was fetched."""

    id: str
    ours: bool
    party: PartyNamed
    agreement: StixId
    kind: str
    mode: Mode
    epoch: str
    state: OfferState
    size: Annotated[int, Meta(ge=0, description="Values, as the other side sees it.")]
    pad: Count
    created: Instant
    until: Instant
    person: Annotated[str, Meta(description="Who made it. Empty for an offer of a party.")]
    needs: Annotated[list[str], Meta(description="Why a second person has to approve it.")]
    why: str
    left_today: Annotated[
        int | None,
        Meta(description="Values of the kind that the party may still ask today. Null for an offer of a party."),
    ]


class MatchRunShown(Shown, frozen=True, kw_only=True):
    """A run in which this node asked (``ours``), or a party did."""

    id: str
    ours: bool
    party: PartyNamed
    agreement: StixId
    offer: str
    kind: str
    mode: Mode
    epoch: str
    state: RunState
    asked: Annotated[int, Meta(ge=0, description="Values asked, as both sides see it.")]
    offered: Annotated[int, Meta(ge=0, description="Values offered, as both sides see it.")]
    common: Annotated[int | None, Meta(description="Null where this side does not learn it.")]
    begun: Instant
    ended: Instant | None
    why: Annotated[str, Meta(description="What it broke off for.")]


class MatchTold(Shown, frozen=True, kw_only=True):
    """What a run told: the common values, with a note of each in the mode labelled, in the same order. The commitments
    to what either side put in are in both ledgers."""

    values: list[str]
    notes: list[str]
    left_out: Annotated[int, Meta(ge=0, description="Given values that could not be asked.")]
    committed: Annotated[str, Meta(description="Our commitment, in hexadecimal.")]
    committed_by_party: str


class MatchRunTold(MatchRunShown, frozen=True, kw_only=True):
    """A run with what it told this node; null while it goes on, when it broke, and where the party asked, but for the
    mode mutual."""

    outcome: MatchTold | None


# ── the routes ────────────────────────────────────────────────────────────────────────────────────────────


@reads("/matches/offers", GROUP, _INSIDE)
def offers(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[MatchOfferShown]:
    """Offers, newest first: those of this node, and those of parties that it has asked about."""
    register = node.agreements.read()
    return paging.listed(
        node.matches.offers(), lambda one: (one.created, one.id), lambda one: _offer(node, one, register),
        newest_first=True,
    )  # fmt: skip


@acts("/matches/offers", GROUP, _ASKS, status=202)
def begin(caller: Called, node: NamedDependency[Node], data: JSONBody[MatchOfferWish]) -> Response[JobShown]:
    """Offer a party every value of a kind that it could be shown, as a job. Its result is ``{"offer", "state",
    "size"}``; an offer that waits needs a second person."""
    wanted = Wanted(
        party=data.party, kind=ValueKind(data.kind), mode=data.mode, agreement=data.agreement,
        collections=data.collections, pad=data.pad, lasts=data.days * DAY, why=data.why,
    )  # fmt: skip
    return started(start_offer(node, caller.actor, wanted))


@acts("/matches/offers/{offer:str}/approve", GROUP, _DECIDES)
def approve(
    caller: Called, node: NamedDependency[Node], offer: FromPath[str], data: JSONBody[Perhaps]
) -> MatchOfferShown:
    """Let an offer stand that waits for a second person: anybody but who made it."""
    return _decided(node, node.match().approve(caller.actor, offer, data.why))


@acts("/matches/offers/{offer:str}/refuse", GROUP, _DECIDES)
def refuse(
    caller: Called, node: NamedDependency[Node], offer: FromPath[str], data: JSONBody[Because]
) -> MatchOfferShown:
    """Refuse an offer that waits for a second person."""
    return _decided(node, node.match().refuse(caller.actor, offer, data.why))


@acts("/matches/offers/{offer:str}/withdraw", GROUP, _ASKS)
def withdraw(
    caller: Called, node: NamedDependency[Node], offer: FromPath[str], data: JSONBody[Because]
) -> MatchOfferShown:
    """Take an offer back: nobody is answered about it any more. What a party has learnt, it keeps."""
    return _decided(node, node.match().withdraw(caller.actor, offer, data.why))


@reads("/matches/runs", GROUP, _INSIDE)
def runs(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[MatchRunShown]:
    """The latest 10,000 runs, newest first: those of this node, and those in which a party asked."""
    register = node.agreements.read()
    return paging.listed(
        node.matches.runs(LATEST), lambda one: (one.begun, one.id),
        lambda one: MatchRunShown(**_run(one, register)), newest_first=True,
    )  # fmt: skip


@reads("/matches/runs/{run:str}", GROUP, _INSIDE)
def run(caller: Called, node: NamedDependency[Node], run: FromPath[str]) -> MatchRunTold:
    """One run with what it told this node, by its id or how it begins."""
    held, outcome = node.matches.outcome(run)
    told = None if outcome is None else _told(outcome)
    return MatchRunTold(**_run(held, node.agreements.read()), outcome=told)


@acts("/matches/runs", GROUP, _ASKS, status=202)
def ask(
    request: AnyRequest, caller: Called, node: NamedDependency[Node], data: JSONBody[MatchWish]
) -> Response[JobShown]:
    """Ask a party which of our values it offers, as a job: those given, 100,000 at most, or all that is held of the
    kind. Its result is ``{"run", "common", "asked", "offered", "left_out"}``; which they are is told by the run."""
    wish = read_held(request.scope["state"][BODY], _wish, LARGEST)
    if wish.values is not None and wish.collections:
        raise InvalidInput("Give values or collections, not both: these choose among what is held.")
    wanted = Wanted(
        party=wish.party, kind=ValueKind(wish.kind), mode=wish.mode, agreement=wish.agreement,
        collections=wish.collections,
    )  # fmt: skip
    return started(start_ask(node, caller.actor, wanted, wish.values))


# ── how it is done ────────────────────────────────────────────────────────────────────────────────────────


_wish: Final = msgspec.json.Decoder(MatchWish)


def _decided(node: Node, made: Offer) -> MatchOfferShown:
    return _offer(node, made, node.agreements.read())


def _offer(node: Node, one: Offer, register: Register) -> MatchOfferShown:
    terms, left = one.terms, None
    if one.ours:
        settings = node.settings
        most = daily(
            terms.kind, usual=settings.match_values_per_day, listable=settings.match_listable_values_per_day
        )  # fmt: skip
        left = max(most - node.matches.used(one.party, terms.kind), 0)
    return MatchOfferShown(
        id=one.id, ours=one.ours, party=named(register, one.party), agreement=one.agreement,
        kind=terms.kind.value, mode=terms.mode, epoch=terms.epoch, state=one.state, size=one.size, pad=terms.pad,
        created=timestamp(one.created), until=timestamp(one.until), person=one.person_name, needs=list(one.needs),
        why=one.why, left_today=left,
    )  # fmt: skip


def _run(one: Run, register: Register) -> dict[str, Any]:
    """What is shown of a run, with its outcome and without."""
    return {
        "id": one.id, "ours": one.ours, "party": named(register, one.party), "agreement": one.agreement,
        "offer": one.offer, "kind": one.kind.value, "mode": one.mode, "epoch": one.epoch, "state": one.state,
        "asked": one.asked, "offered": one.offered, "common": one.common, "begun": timestamp(one.begun),
        "ended": maybe(one.ended), "why": one.why,
    }  # fmt: skip


def _told(outcome: Outcome) -> MatchTold:
    return MatchTold(
        values=list(outcome.values), notes=list(outcome.notes), left_out=outcome.left_out,
        committed=outcome.ours.hex(), committed_by_party=outcome.theirs.hex(),
    )  # fmt: skip


def matching_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [offers, begin, approve, refuse, withdraw, runs, run, ask]
