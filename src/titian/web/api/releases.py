"""Release: preview, request, decide; standing rules, saved queries, and marks."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.agreement import Purpose
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading as Register
from titian.core.gate import Query, Request, State
from titian.core.job import Progress
from titian.core.marking import Attribution, Handling
from titian.core.people import Permission
from titian.core.stix import Timestamp
from titian.core.tlp import parse_pap, parse_tlp
from titian.exchange.mark import Marked
from titian.exchange.mark import Wish as MarkingWish
from titian.exchange.release import Outcome, Preview, Seen
from titian.node import Node
from titian.web.api.caller import Called, Needs
from titian.web.api.jobs import JobShown, job_shown, started
from titian.web.api.paging import Page, Paged
from titian.web.api.route import acts, also, person, reads, removes
from titian.web.api.shapes import (
    Because,
    Count,
    Instant,
    Moment,
    Perhaps,
    Reference,
    Selection,
    Short,
    Shown,
    StixId,
    Why,
    Wish,
    maybe,
    moment,
)
from titian.web.jobs import Jobs

GROUP: Final = "Releases"
MARKS: Final = "Marks"
LISTED: Final = 1000
"""Identifiers that an answer lists of each kind; the counts beside them are whole."""
AT_ONCE: Final = 500
"""About so many objects are previewed, released or marked while the caller waits; more of them become a job."""
_INSIDE: Final = Needs(inside=True)
_ASKS: Final = person(Permission.REQUEST_RELEASE)
_DECIDES: Final = person(Permission.DECIDE_RELEASE)
_OPEN: Final = (State.WAITING, State.STANDING)

Purposes = Annotated[list[Purpose] | None, Meta(description="What the release is for; null: all of the agreement's.")]
Parties = Annotated[list[Reference], Meta(description="Only these parties.", max_length=1000)] | None
QueryName = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[^\\s:/]+$", examples=["green-cybercrime"])]


# ── preview ───────────────────────────────────────────────────────────────────────────────────────────────


class PreviewWish(Wish, frozen=True, kw_only=True):
    """What would be released, and to whom."""

    chosen: Selection
    agreement: Reference
    parties: Parties = None
    purposes: Purposes = None


class WithheldShown(Shown, frozen=True, kw_only=True):
    """An object that a party would not see, by which rule, and why."""

    id: StixId
    rule: str
    reason: str


class ChangedShown(Shown, frozen=True, kw_only=True):
    """An object that a party would see as a copy, and what is taken out of it."""

    id: StixId
    shown_as: StixId
    removed: list[str]


class MentionShown(Shown, frozen=True, kw_only=True):
    """A text that would go and names what is withheld: it blocks."""

    id: StixId
    path: str
    value: str
    of: StixId


class SeenShown(Shown, frozen=True, kw_only=True):
    """What one party would see. The lists have at most 1,000 each, the counts are whole."""

    party: StixId
    name: str
    released_count: Count
    withheld_count: Count
    released: list[StixId]
    withheld: list[WithheldShown]
    changed: list[ChangedShown]
    mentions: list[MentionShown]


class PreviewShown(Shown, frozen=True, kw_only=True):
    """What each party would see; ``needs`` says why a second person has to approve. With a ``job``, that has it."""

    agreement: StixId | None
    blocked: bool
    needs: list[str]
    parties: list[SeenShown]
    job: JobShown | None = None


@acts("/releases/preview", GROUP, person(Permission.PREVIEW),
      responses={202: also(PreviewShown, "There is much: a job makes the preview.")})  # fmt: skip
def preview(caller: Called, node: NamedDependency[Node], data: JSONBody[PreviewWish]) -> Response[PreviewShown]:
    """Show what each partner would see, what is withheld and why. Nothing is released."""
    purposes = None if data.purposes is None else [one.value for one in data.purposes]

    def work(progress: Progress | None) -> PreviewShown:
        done = 0

        def found(_: Seen) -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress.at(done)
                progress.check()

        return _preview(
            node.release.preview(data.chosen, data.agreement, parties=data.parties, purposes=purposes, found=found)
        )

    if node.glance.weight(data.chosen) <= AT_ONCE:
        return Response(work(None))
    job = Jobs(node).start(caller.actor.id, "preview", "Preview of a release", work)
    waits = PreviewShown(agreement=None, blocked=False, needs=[], parties=[], job=job_shown(job))
    return Response(waits, status_code=202, headers={"location": f"/api/v1/jobs/{job.id}"})


def _preview(found: Preview) -> PreviewShown:
    return PreviewShown(agreement=found.agreement.id, blocked=found.blocked, needs=list(found.needs),
                        parties=[_seen(one) for one in found.seen])  # fmt: skip


def _seen(one: Seen) -> SeenShown:
    projection = one.projection
    released = sorted({*projection.released.values(), *projection.additions})
    withheld = sorted(projection.withheld.items())
    changed = sorted(projection.changed.items())
    return SeenShown(
        party=one.party, name=one.name, released_count=len(released), withheld_count=len(withheld),
        released=released[:LISTED],
        withheld=[WithheldShown(id=each, rule=why.rule, reason=why.reason) for each, why in withheld[:LISTED]],
        changed=[ChangedShown(id=each, shown_as=change.copy.shown, removed=list(change.removed))
                 for each, change in changed[:LISTED]],
        mentions=[MentionShown(id=each.id, path=each.path, value=each.value, of=each.of)
                  for each in one.mentions[:LISTED]],
    )  # fmt: skip


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────


class ReleaseWish(PreviewWish, frozen=True, kw_only=True):
    """A release that is asked for. ``override`` says why a text that names what is withheld may go."""

    override: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None
    reason: Annotated[str, Meta(description="Why, for who decides on it.", max_length=2000)] | None = None


class StandingWish(Wish, frozen=True, kw_only=True):
    """A standing rule: whatever a saved query finds goes by itself, until a date. Approved once."""

    query: QueryName
    agreement: Reference
    until: Moment
    why: Why = ""


class RequestShown(Shown, frozen=True, kw_only=True):
    """A request to release, or a standing rule (it has a ``query``)."""

    id: str
    state: Annotated[State, Meta(description="Where it stands.")]
    agreement: StixId
    agreement_name: str | None
    requester: str
    created: Instant
    objects: Count
    query: str | None
    until: Instant | None
    reason: str | None
    needs: list[str]
    override: str | None
    decider: str | None
    decided: Instant | None
    why: str | None


class Requested(RequestShown, frozen=True, kw_only=True):
    """A request with what it asks for, what its preview showed, and, once it is carried out, what is ``added`` to
    each party."""

    chosen: list[str]
    purposes: list[str] | None
    sees: Annotated[dict[str, list[StixId]], Meta(description="What each party would see, by its id; 1,000 at most.")]
    told: Annotated[list[str], Meta(description="The texts that name what is withheld.")]
    added: Annotated[dict[str, int], Meta(description="How many objects are new to each party.")]


Everything = Annotated[bool, Parameter(description="Also what was decided.")]


@reads("/releases", GROUP, _INSIDE)
def requests(caller: Called, node: NamedDependency[Node], paging: Paged, all: Everything = False) -> Page[RequestShown]:
    """The requests that wait and the rules that stand, newest first."""
    found = node.waiting.requests(tuple(State) if all else _OPEN, after=paging.begin, limit=paging.limit)
    register = node.agreements.read()
    shown = (
        RequestShown(
            id=one.id, state=one.state, agreement=one.agreement, agreement_name=_agreement(register, one.agreement),
            requester=one.requester_name, created=timestamp(one.created), objects=len(one.chosen), query=one.query,
            until=maybe(one.until), reason=one.reason, needs=list(one.needs), override=one.override,
            decider=one.decider_name, decided=maybe(one.decided), why=one.why,
        )
        for one in found.items
    )  # fmt: skip
    return paging.page(shown, found.next)


@reads("/releases/{release:str}", GROUP, _INSIDE)
def request(caller: Called, node: NamedDependency[Node], release: FromPath[str]) -> Requested:
    """One request, by its id or how it begins."""
    return _requested(node, node.release.find(release))


@acts("/releases", GROUP, _ASKS, status=201, responses={202: also(JobShown, "There is much: a job asks for it.")})
def ask(caller: Called, node: NamedDependency[Node], data: JSONBody[ReleaseWish]) -> Response[Requested]:
    """Ask for a release. Where nobody else has to approve it, it is carried out at once."""

    def work(_: Progress | None = None) -> Requested:
        made = node.release.request(
            caller.actor, data.chosen, data.agreement, parties=data.parties,
            purposes=None if data.purposes is None else [one.value for one in data.purposes], override=data.override,
            reason=data.reason,
        )  # fmt: skip
        return _outcome(node, made)

    if node.glance.weight(data.chosen) <= AT_ONCE:
        return Response(work())
    return started(Jobs(node).start(caller.actor.id, "release", "Request for a release", work))


@acts("/releases/standing", GROUP, _ASKS, status=201)
def ask_standing(caller: Called, node: NamedDependency[Node], data: JSONBody[StandingWish]) -> Requested:
    """Ask for a standing rule."""
    until = moment(data.until)
    return _requested(
        node, node.release.request_standing(caller.actor, data.query, data.agreement, until=until, why=data.why)
    )


@acts("/releases/{release:str}/approve", GROUP, _DECIDES)
def approve(caller: Called, node: NamedDependency[Node], release: FromPath[str], data: JSONBody[Because]) -> Requested:
    """Approve what somebody else asked for. What goes is exactly what the preview showed, or nothing."""
    return _outcome(node, node.release.approve(caller.actor, release, data.why))


@acts("/releases/{release:str}/refuse", GROUP, _DECIDES)
def refuse(caller: Called, node: NamedDependency[Node], release: FromPath[str], data: JSONBody[Because]) -> Requested:
    """Refuse what somebody else asked for."""
    return _requested(node, node.release.refuse(caller.actor, release, data.why))


@acts("/releases/{release:str}/stop", GROUP, _ASKS)
def stop(caller: Called, node: NamedDependency[Node], release: FromPath[str], data: JSONBody[Perhaps]) -> Requested:
    """Stop a standing rule, or take back a request that waits."""
    return _requested(node, node.release.stop(caller.actor, release, data.why))


def _outcome(node: Node, made: Outcome) -> Requested:
    return _requested(node, made.request, made.added)


def _requested(node: Node, one: Request, added: dict[str, int] | None = None) -> Requested:
    register = node.agreements.read()
    return Requested(
        id=one.id, state=one.state, agreement=one.agreement, agreement_name=_agreement(register, one.agreement),
        requester=one.requester_name, created=timestamp(one.created), objects=len(one.chosen), query=one.query,
        until=maybe(one.until), reason=one.reason, needs=list(one.needs), override=one.override,
        decider=one.decider_name, decided=maybe(one.decided), why=one.why, chosen=list(one.chosen[:LISTED]),
        purposes=None if one.purposes is None else list(one.purposes),
        sees={party: sorted(shown)[:LISTED] for party, shown in one.previewed.items()}, told=list(one.told[:LISTED]),
        added=added or {},
    )  # fmt: skip


def _agreement(register: Register, identifier: str) -> str | None:
    known = register.directory.agreements.get(identifier)
    return None if known is None else known.name


# ── saved queries ─────────────────────────────────────────────────────────────────────────────────────────


class QueryWish(Wish, frozen=True, kw_only=True):
    """A query to be saved; query:NAME chooses what it finds."""

    name: QueryName
    collections: Annotated[tuple[Reference, ...], Meta(max_length=100)] = ()
    types: Annotated[tuple[Short, ...], Meta(max_length=100)] = ()
    tlp: Annotated[str, Meta(description="Only what is marked so, or less strictly.", max_length=40)] | None = None
    topics: Annotated[tuple[Short, ...], Meta(description="Labels.", max_length=100)] = ()
    purposes: tuple[Purpose, ...] = ()


@reads("/queries", GROUP, _INSIDE)
def queries(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[Query]:
    """The saved queries, which choose what to release."""
    return paging.listed(node.release.queries(), lambda one: (one.name,), lambda one: one)


@acts("/queries", GROUP, _ASKS, status=201)
def save_query(caller: Called, node: NamedDependency[Node], data: JSONBody[QueryWish]) -> Query:
    """Save a query, in the place of one of the same name."""
    made = Query(
        name=data.name, collections=tuple(data.collections), types=tuple(data.types),
        tlp=None if data.tlp is None else parse_tlp(data.tlp).value, topics=tuple(data.topics),
        purposes=tuple(one.value for one in data.purposes),
    )  # fmt: skip
    node.release.save_query(caller.actor, made)
    return made


class Removed(Shown, frozen=True, kw_only=True):
    """What is gone."""

    name: str


@removes("/queries/{name:str}", GROUP, _ASKS)
def drop_query(caller: Called, node: NamedDependency[Node], name: FromPath[str]) -> Removed:
    """Remove a saved query. A standing rule on it finds nothing any more."""
    node.release.drop_query(caller.actor, name)
    return Removed(name=name)


# ── marks ─────────────────────────────────────────────────────────────────────────────────────────────────


class MarkWish(Wish, frozen=True, kw_only=True):
    """How objects shall be marked. Only what is given is changed."""

    chosen: Selection
    tlp: Annotated[str, Meta(max_length=40, examples=["amber+strict"])] | None = None
    pap: Annotated[str, Meta(max_length=40)] | None = None
    releasable_to: (
        Annotated[
            list[Reference],
            Meta(description="Parties, countries and communities; nobody else.", max_length=300, min_length=1),
        ]
        | None
    ) = None
    purposes: Annotated[list[Purpose], Meta(min_length=1)] | None = None
    expires: Annotated[Moment | None, Meta(description="From then on nobody may see it any more.")] = None
    attribution: Attribution | None = None
    why: Why = ""


class MarkedShown(Shown, frozen=True, kw_only=True):
    """What became of it: marked anew, marked so before, others' (left alone), of the directory (left alone), and what
    each party no longer sees, by the name of its collection."""

    marked: list[StixId]
    unchanged: list[StixId]
    theirs: list[StixId]
    directory: list[StixId]
    stricter: Annotated[dict[str, str], Meta(description="Those that bear more than one TLP: the strictest counts.")]
    withdrawn: dict[str, list[StixId]]


@acts("/marks", MARKS, person(Permission.MARK),
      responses={202: also(JobShown, "There is much: a job marks it.")})  # fmt: skip
def mark(caller: Called, node: NamedDependency[Node], data: JSONBody[MarkWish]) -> Response[MarkedShown]:
    """Mark objects of this organisation's own, in new versions. What that takes from a partner is gone at once."""
    wish = MarkingWish(
        tlp=None if data.tlp is None else parse_tlp(data.tlp), pap=None if data.pap is None else parse_pap(data.pap),
        handling=Handling(
            releasable_to=None if data.releasable_to is None else tuple(data.releasable_to),
            purposes=None if data.purposes is None else tuple(one.value for one in data.purposes),
            expires=None if data.expires is None else Timestamp.from_micros(moment(data.expires)).text,
            attribution=data.attribution,
        ),
    )  # fmt: skip

    def work(_: Progress | None = None) -> MarkedShown:
        return _marked(node.mark.mark(caller.actor, data.chosen, wish, why=data.why))

    if node.glance.weight(data.chosen) <= AT_ONCE:
        return Response(work())
    return started(Jobs(node).start(caller.actor.id, "mark", "Marking", work))


def _marked(done: Marked) -> MarkedShown:
    return MarkedShown(
        marked=list(done.marked), unchanged=list(done.unchanged), theirs=list(done.theirs),
        directory=list(done.directory), stricter={each: level.label for each, level in done.stricter.items()},
        withdrawn={name: list(gone) for name, gone in done.withdrawn.items()},
    )  # fmt: skip


def release_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [
        preview, requests, request, ask, ask_standing, approve, refuse, stop, queries, save_query, drop_query, mark,
    ]  # fmt: skip
