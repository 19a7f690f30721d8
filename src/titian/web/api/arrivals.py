"""What comes from partners: the inbox with its quarantine, and subscriptions."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.arrival import Quarantined
from titian.core.collection import timestamp
from titian.core.errors import Refused
from titian.core.job import Progress
from titian.core.people import Permission
from titian.core.recall import Policy
from titian.core.subscription import SECOND, Subscription, Terms
from titian.exchange.subscribe import NEVER, Ran
from titian.node import Node
from titian.web.api.caller import Called, Needs
from titian.web.api.jobs import JobShown, job_shown
from titian.web.api.paging import Page, Paged
from titian.web.api.route import acts, person, reads
from titian.web.api.shapes import (
    Because,
    CollectionNamed,
    Count,
    Instant,
    Name,
    PartyNamed,
    Reference,
    Shown,
    StixId,
    Wish,
    maybe,
    named,
)
from titian.web.jobs import Jobs

GROUP: Final = "Inbox"
SUBSCRIPTIONS: Final = "Subscriptions"
_WRITES: Final = person(Permission.WRITE)
_INSIDE: Final = Needs(inside=True)


# ── the inbox ─────────────────────────────────────────────────────────────────────────────────────────────


class QuarantinedShown(Shown, frozen=True, kw_only=True):
    """Something that arrived and was kept apart: why, who sent it, and what was decided."""

    number: int
    id: Annotated[str, Meta(description="As it says itself; empty where it says none.")]
    type: str
    code: Annotated[str, Meta(description="Why it was kept apart, in a word.", examples=["unmarked"])]
    reason: str
    party: PartyNamed | None
    source: str
    received: Instant
    size: Annotated[int, Meta(ge=0, description="Bytes.")]
    state: Annotated[str, Meta(description="waiting, accepted or rejected.", examples=["waiting"])]
    collection: CollectionNamed
    decided: Instant | None
    decider: str | None
    why: str | None


class QuarantinedRaw(QuarantinedShown, frozen=True, kw_only=True):
    """The same with its bytes as they came."""

    raw: Annotated[str, Meta(description="The bytes, as base64.")]


class AcceptedShown(QuarantinedShown, frozen=True, kw_only=True):
    """What was taken in; ``outcome`` is added or known."""

    outcome: str


@reads("/inbox", GROUP, _INSIDE)
def inbox(
    caller: Called,
    node: NamedDependency[Node],
    paging: Paged,
    decided: Annotated[bool, Parameter(description="What was decided, newest first, and not what waits.")] = False,
    party: Annotated[str, Parameter(max_length=300, description="Only from this party (id).")] = "",
    code: Annotated[str, Parameter(max_length=40, description="Only what was kept apart for this reason.")] = "",
) -> Page[QuarantinedShown]:
    """What waits in the quarantine, oldest first. With a filter, a page may be empty and yet have a next."""
    found = node.waiting.quarantine(waiting=not decided, party=party, code=code, after=paging.begin, limit=paging.limit)
    show = _Quarantine(node)
    return paging.page((QuarantinedShown(**show(one)) for one in found.items), found.next)


@reads("/inbox/{reference:str}", GROUP, _INSIDE)
def quarantined(caller: Called, node: NamedDependency[Node], reference: FromPath[str]) -> QuarantinedRaw:
    """One thing in the quarantine, by its number or the id of what waits, with its bytes."""
    found, raw = node.arrive.find(reference)
    return QuarantinedRaw(**_Quarantine(node)(found), raw=base64.b64encode(raw).decode())


@acts("/inbox/{reference:str}/accept", GROUP, _WRITES)
def accept(
    caller: Called, node: NamedDependency[Node], reference: FromPath[str], data: JSONBody[Because]
) -> AcceptedShown:
    """Take in what waits. What is not STIX 2.1, or says that it is ours, is never taken in."""
    one, done = node.arrive.accept(caller.actor, reference, data.why)
    found, _ = node.arrive.find(str(one.num))
    return AcceptedShown(**_Quarantine(node)(found), outcome=done.outcome.value)


@acts("/inbox/{reference:str}/reject", GROUP, _WRITES)
def reject(
    caller: Called, node: NamedDependency[Node], reference: FromPath[str], data: JSONBody[Because]
) -> QuarantinedShown:
    """Leave out for good what waits. Its bytes are kept."""
    one = node.arrive.reject(caller.actor, reference, data.why)
    found, _ = node.arrive.find(str(one.num))
    return QuarantinedShown(**_Quarantine(node)(found))


class _Quarantine:
    """Shows what is in the quarantine, with the names of parties and collections."""

    def __init__(self, node: Node) -> None:
        self._register = node.agreements.read()
        self._names = {one.num: one for one in node.collections.all()}

    def __call__(self, one: Quarantined) -> dict[str, Any]:
        code, _, sentence = one.reason.partition(": ")
        held = self._names.get(one.collection)
        return {
            "number": one.num, "id": one.id, "type": one.id.partition("--")[0], "code": code, "reason": sentence,
            "party": None if one.party is None else named(self._register, one.party), "source": one.source,
            "received": timestamp(one.received), "size": one.size, "state": one.state,
            "collection": CollectionNamed(id="" if held is None else held.id, name="" if held is None else held.name),
            "decided": maybe(one.decided), "decider": one.decider, "why": one.why,
        }  # fmt: skip


# ── subscriptions ─────────────────────────────────────────────────────────────────────────────────────────


class GapShown(Shown, frozen=True, kw_only=True):
    """Something that the sender's ledger and what arrived do not agree on."""

    at: Instant
    what: str


class SubscriptionShown(Shown, frozen=True, kw_only=True):
    """A subscription and how it goes. ``every`` and ``lag`` are in seconds."""

    id: str
    title: str
    url: str
    remote: Annotated[str, Meta(description="The collection there.")]
    agreement: StixId
    party: PartyNamed
    into: CollectionNamed
    every: Annotated[float, Meta(ge=0)]
    on_recall: Policy
    quota: Annotated[int, Meta(description="Objects taken in a day at most.")]
    created: Instant
    ended: Instant | None
    last_try: Instant | None
    last_success: Instant | None
    next_try: Annotated[Instant | None, Meta(description="Null: when a person says so.")]
    failures: Count
    error: str | None
    lag: float | None
    read: Count
    accepted: Count
    known: Count
    quarantined: Count
    gaps: list[GapShown]
    paused: Annotated[str | None, Meta(description="Why it is paused, where it is.")]
    ledger: str | None
    verified: Count


class SubscriptionWish(Wish, frozen=True, kw_only=True):
    """A collection of a partner to be pulled from now on, from a public address. Without a ``party``, the partner is
    whom the server's card names."""

    url: Annotated[str, Meta(max_length=2000, pattern="^https?://", examples=["https://one.example/"])]
    collection: Annotated[str, Meta(min_length=1, max_length=300, description="The collection there.")]
    agreement: Reference
    key: Annotated[str, Meta(min_length=1, max_length=1000, description="The key that the partner gave.")]
    user: Annotated[str, Meta(max_length=200, description="Its name, for HTTP Basic.")] | None = None
    party: Reference | None = None
    into: Annotated[Name | None, Meta(description="Collection here; made where it is missing.")] = None
    every: Annotated[int, Meta(ge=1, le=31_622_400, description="Seconds between two pulls.")] = 300
    on_recall: Policy = Policy.FLAG
    quota: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 1_000_000


class ResumeWish(Because, frozen=True, kw_only=True):
    """Why it goes on, and what becomes of recalled objects from now on."""

    on_recall: Policy | None = None


@reads("/subscriptions", SUBSCRIPTIONS, _INSIDE)
def subscriptions(
    caller: Called,
    node: NamedDependency[Node],
    paging: Paged,
    all: Annotated[bool, Parameter(description="Also those that have ended.")] = False,
) -> Page[SubscriptionShown]:
    """What this node pulls by itself: from whom, how far behind it is, and what is wrong."""
    show = _Subscriptions(node)
    return paging.listed(node.subscribe.list(ended=all), lambda one: (one.created, one.id), show)


@reads("/subscriptions/{subscription:str}", SUBSCRIPTIONS, _INSIDE)
def subscription(caller: Called, node: NamedDependency[Node], subscription: FromPath[str]) -> SubscriptionShown:
    """One subscription, by its id or how it begins."""
    return _Subscriptions(node)(node.subscribe.find(subscription))


@acts("/subscriptions", SUBSCRIPTIONS, _WRITES, status=201)
def subscribe(caller: Called, node: NamedDependency[Node], data: JSONBody[SubscriptionWish]) -> SubscriptionShown:
    """Pull a partner's collection from now on. A private address is allowed on the machine alone."""
    register = node.agreements.read()
    terms = Terms(
        url=data.url, remote=data.collection, title="", agreement=register.agreement(data.agreement).id,
        party="" if data.party is None else register.party(data.party).id, every=data.every * SECOND, user=data.user,
        private=False, on_recall=data.on_recall, quota=data.quota,
    )  # fmt: skip
    made = node.subscribe.subscribe(
        caller.actor, terms, data.key, register.directory,
        lambda name, sender: node.collections.receiving(data.into or name, sender, caller.actor),
    )  # fmt: skip
    return _Subscriptions(node)(made)


@acts("/subscriptions/{subscription:str}/run", SUBSCRIPTIONS, Needs(permission=Permission.WRITE), status=202)
def run(caller: Called, node: NamedDependency[Node], subscription: FromPath[str]) -> JobShown:
    """Pull now, as a job: its result says what came."""
    found = node.subscribe.find(subscription)

    def work(progress: Progress) -> RanShown:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress.at(done)

        ran = node.subscribe.run(found.id, advance)
        if ran is None:
            raise Refused("This subscription is being pulled already, or has ended.")
        return _ran(ran)

    return job_shown(Jobs(node).start(caller.actor.id, "pull", f"Pull of {found.terms.title}"[:200], work))


@acts("/subscriptions/{subscription:str}/pause", SUBSCRIPTIONS, _WRITES)
def pause(
    caller: Called, node: NamedDependency[Node], subscription: FromPath[str], data: JSONBody[Because]
) -> SubscriptionShown:
    """Pull nothing of it until a person says so."""
    return _Subscriptions(node)(node.subscribe.pause(caller.actor, subscription, data.why))


@acts("/subscriptions/{subscription:str}/resume", SUBSCRIPTIONS, _WRITES)
def resume(
    caller: Called, node: NamedDependency[Node], subscription: FromPath[str], data: JSONBody[ResumeWish]
) -> SubscriptionShown:
    """Go on with one that was paused. Where the partner's ledger was found broken, that is settled on the machine."""
    found = node.subscribe.find(subscription)
    broken = _broken(node, found)
    if broken is not None:
        raise Refused(
            f"The ledger of this partner was found broken: {broken}",
            advice="Settle it with them; `titian subscriptions resume --trust-ledger` then takes it as it is.",
        )
    return _Subscriptions(node)(node.subscribe.resume(caller.actor, subscription, data.why, on_recall=data.on_recall))


def _broken(node: Node, one: Subscription) -> str | None:
    """Why the partner's ledger was found broken, if it was: while nothing was checked, any ledger of that party."""
    origin = one.progress.ledger
    for held in node.peer_ledgers.all():
        if held.broken is not None and (held.origin == origin or (origin is None and held.party == one.terms.party)):
            return held.broken
    return None


@acts("/subscriptions/{subscription:str}/end", SUBSCRIPTIONS, _WRITES)
def end(
    caller: Called, node: NamedDependency[Node], subscription: FromPath[str], data: JSONBody[Because]
) -> SubscriptionShown:
    """End a subscription: what it brought stays, and the partner's key is forgotten."""
    found = node.subscribe.end(caller.actor, subscription, data.why)
    return _Subscriptions(node)(node.subscribe.find(found.id))


class RanShown(Shown, frozen=True, kw_only=True):
    """What a pull brought."""

    read: Count
    accepted: Count
    known: Count
    quarantined: Count
    sent: Annotated[int, Meta(ge=0, description="What went back to the partner.")]
    findings: list[str]
    error: str | None
    href: Annotated[str, Meta(description="Where to look on.")] = "/inbox"


def _ran(ran: Ran) -> RanShown:
    came = ran.arrived
    return RanShown(read=came.read, accepted=came.accepted, known=came.known, quarantined=came.quarantined,
                    sent=ran.sent, findings=ran.findings[:100], error=ran.error)  # fmt: skip


class _Subscriptions:
    """Shows subscriptions, with the names of parties and collections."""

    def __init__(self, node: Node) -> None:
        self._register = node.agreements.read()
        self._names = {one.num: one for one in node.collections.all()}

    def __call__(self, one: Subscription) -> SubscriptionShown:
        terms, now, held = one.terms, one.progress, self._names.get(one.collection)
        return SubscriptionShown(
            id=one.id, title=terms.title, url=terms.url, remote=terms.remote, agreement=terms.agreement,
            party=named(self._register, terms.party),
            into=CollectionNamed(id="" if held is None else held.id, name="" if held is None else held.name),
            every=terms.every / SECOND, on_recall=terms.on_recall, quota=terms.quota, created=timestamp(one.created),
            ended=maybe(one.ended), last_try=maybe(now.tried), last_success=maybe(now.succeeded),
            next_try=None if one.ended is not None or one.next_try >= NEVER else timestamp(one.next_try),
            failures=now.failures, error=now.error, lag=None if now.lag is None else now.lag / SECOND, read=now.read,
            accepted=now.accepted, known=now.known, quarantined=now.quarantined,
            gaps=[GapShown(at=timestamp(gap.at), what=gap.what) for gap in now.gaps], paused=now.paused,
            ledger=now.ledger, verified=now.verified,
        )  # fmt: skip


def arrival_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [
        inbox, quarantined, accept, reject, subscriptions, subscription, subscribe, run, pause, resume, end,
    ]  # fmt: skip
