"""What is held: find it, read it, take objects in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter
from litestar.types import ControllerRouterHandler

from titian.core.collection import Collection, timestamp
from titian.core.errors import Forbidden
from titian.core.job import Progress
from titian.core.marking import well_known
from titian.core.people import Permission
from titian.core.reading import MarkingRead, Neighbours, ObjectRead, Place
from titian.core.search import Found, Hit, Query, read_query
from titian.core.tlp import parse_tlp
from titian.exchange.hold import HoldReport, Rejection
from titian.exchange.receive import split
from titian.node import Node
from titian.web.api.caller import Called, Caller, Needs
from titian.web.api.handed import handed
from titian.web.api.jobs import job_shown
from titian.web.api.load import Load
from titian.web.api.object_shapes import (
    Bounded,
    Bundle,
    EdgeShown,
    Events,
    EventShown,
    FoundShown,
    GraphShown,
    HitShown,
    Imported,
    MarkingShown,
    NodeShown,
    ObjectShown,
    OriginShown,
    PlaceShown,
    ReferenceShown,
    RejectionShown,
    TypeBounded,
    VersionShown,
)
from titian.web.api.paging import Page, Paged
from titian.web.api.request import BODY
from titian.web.api.route import acts, also, reads
from titian.web.api.shapes import CollectionNamed, PartyNamed, maybe, moments
from titian.web.console.guard import AnyRequest
from titian.web.jobs import Jobs

T = TypeVar("T")
GROUP: Final = "Objects"
ANYONE: Final = Needs(anyone=True)
AT_ONCE: Final = 1000
"""Objects that are taken in while the caller waits; more of them become a job."""
_STIX: Final = "application/stix+json;version=2.1"
Identifier = FromPath[str]
Modified = Annotated[str | None, Parameter(max_length=40, description="Of which version: its modified.")]


# ── handlers ──────────────────────────────────────────────────────────────────────────────────────────────


@reads("/find", GROUP, ANYONE)
def find(
    caller: Called,
    node: NamedDependency[Node],
    paging: Paged,
    q: Annotated[str, Parameter(max_length=2000, description='Words, "phrases", values; type: tlp: in: since: …')] = "",
    type: Annotated[str | None, Parameter(max_length=1000, description="Only these types, with commas.")] = None,
    tlp: Annotated[
        str | None, Parameter(max_length=100, description="Only marked so, with commas; none: unmarked.")
    ] = None,
    party: Annotated[str | None, Parameter(max_length=300, description="Sent or created by this party (id).")] = None,
    agreement: Annotated[str | None, Parameter(max_length=300, description="Released or come under it (id).")] = None,
    collection: Annotated[str | None, Parameter(max_length=100, description="Only in this collection (id).")] = None,
    since: Annotated[
        str | None, Parameter(max_length=40, description="Modified on or after this day or instant.")
    ] = None,
    until: Annotated[str | None, Parameter(max_length=40, description="Modified before it.")] = None,
    versions: Annotated[bool, Parameter(description="Old versions too.")] = False,
) -> FoundShown:
    """Find objects: exact values, names, full text. Without words, everything, the newest first."""
    words = frozenset(one.strip().lower() for one in (tlp or "").split(",") if one.strip())
    query = read_query(
        q,
        Query(
            types=frozenset(one.strip() for one in (type or "").split(",") if one.strip()),
            tlp=frozenset(parse_tlp(one) for one in words - {"none"}), unmarked="none" in words, party=party,
            agreement=agreement, collection=collection, since=moments(since), until=moments(until), versions=versions,
            limit=paging.limit, after=paging.begin or None,
        ),
    )  # fmt: skip
    return handed(
        caller, "find", lambda: node.find(caller.viewer, query),
        lambda found: _found(caller, query, found, paging),
        lambda found: [(one.collection, one.added) for one in found.hits],
    )  # fmt: skip


@reads("/objects", GROUP, ANYONE)
def objects(caller: Called, node: NamedDependency[Node], paging: Paged) -> FoundShown:
    """List the objects that are held, the newest first, with counts by type."""
    query = Query(limit=paging.limit, after=paging.begin or None)
    return handed(
        caller, "find", lambda: node.find(caller.viewer, query),
        lambda found: _found(caller, query, found, paging),
        lambda found: [(one.collection, one.added) for one in found.hits],
    )  # fmt: skip


@reads("/objects/{identifier:str}", GROUP, ANYONE)
def one(caller: Called, node: NamedDependency[Node], identifier: Identifier, modified: Modified = None) -> ObjectShown:
    """One object: its latest version, or another."""
    register = None if caller.is_narrow else node.agreements.read()

    def show(found: ObjectRead) -> ObjectShown:
        return ObjectShown(
            id=found.id, type=found.type, title=found.title, modified=maybe(found.modified), version=found.version,
            latest=found.latest, added=timestamp(found.added),
            created_by=None if found.created_by is None else found.created_by.id,
            tlp=None if found.tlp is None else found.tlp.label,
            markings=[_marking(each, named=not caller.is_partner) for each in found.markings],
            # What is delivered is this object: titles of others would be theirs, and nothing remembers them (law 8).
            references=[ReferenceShown(property=path, id=to.id, title=None if caller.is_partner else to.title)
                        for path, to in found.references],
            origins=[] if register is None else [
                OriginShown(party=PartyNamed(id=each.party, name=register.label(each.party)),
                            received=timestamp(each.received), subscription=each.subscription, ledger=each.origin,
                            entry=each.entry)
                for each in found.origins
            ],
            contested=found.contested, object=msgspec.json.decode(found.raw),
        )  # fmt: skip

    return _read(caller, node, identifier, modified, show)


@reads("/objects/{identifier:str}/raw", GROUP, ANYONE, responses={200: also(dict[str, Any], "The object's bytes.")})
def raw(
    request: AnyRequest, caller: Called, node: NamedDependency[Node], identifier: Identifier, modified: Modified = None
) -> Response[bytes]:
    """The bytes of one object as they came, with an ETag."""
    found = _read(caller, node, identifier, modified, lambda read: read.raw)
    tag = f'"{hashlib.sha256(found).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "authorization, cookie"}
    given = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag in given:
        return Response(b"", status_code=304, headers=headers)
    return Response(found, media_type=_STIX, headers=headers)


@reads("/objects/{identifier:str}/versions", GROUP, ANYONE)
def versions(caller: Called, node: NamedDependency[Node], paging: Paged, identifier: Identifier) -> Page[VersionShown]:
    """The versions of an object, newest first, and where each lies."""
    found = _read(caller, node, identifier, None, lambda read: read.versions)
    return paging.listed(
        found,
        lambda each: (each.modified or 0, each.version),
        lambda each: VersionShown(
            modified=maybe(each.modified), version=each.version, places=[_place(place) for place in each.places]
        ),
        newest_first=True,
    )


@reads("/objects/{identifier:str}/neighbours", GROUP)
def neighbours(
    caller: Called,
    node: NamedDependency[Node],
    identifier: Identifier,
    depth: Annotated[int, Parameter(ge=0, le=2, description="Steps from the object.")] = 2,
    most: Annotated[int, Parameter(ge=1, le=2000, description="Nodes at most.")] = 500,
) -> GraphShown:
    """What an object is linked with."""
    return _graph(node.reading.neighbours(caller.viewer, identifier, depth=depth, limit=most))


@reads("/objects/{identifier:str}/timeline", GROUP)
def timeline(
    caller: Called,
    node: NamedDependency[Node],
    identifier: Identifier,
    most: Annotated[int, Parameter(ge=1, le=1000, description="Events at most.")] = 200,
) -> Events:
    """What happened to an object, newest first."""
    found = node.reading.timeline(caller.viewer, identifier, most, acts=caller.may(Permission.AUDIT))
    return Events(
        items=[EventShown(at=timestamp(each.at), kind=each.kind, id=each.id, title=each.title, text=each.text)
               for each in found]
    )  # fmt: skip


@acts(
    "/collections/{collection:str}/objects", GROUP, Needs(permission=Permission.WRITE, anyone=True),
    responses={202: also(Imported, "There are many: a job goes on with them.")},
)  # fmt: skip
def take_in(
    request: AnyRequest, caller: Called, node: NamedDependency[Node], collection: FromPath[str], data: JSONBody[Bundle]
) -> Response[Imported]:
    """Take STIX 2.1 objects into a collection, each checked by itself: up to 1,000 at once, more of them as a job."""
    into = _writable(caller, node, collection)
    load = Load(split(request.scope["state"][BODY], most=node.settings.objects_per_request))
    actor, count = caller.actor, len(load.raws)

    def work(progress: Progress | None) -> HoldReport:
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            if progress is not None:
                progress.at(done, count)
                progress.check()

        told: dict[str, Any] = {"objects": count}
        try:
            report = node.exchange.hold(load.raws, into, source=f"api {actor.name}", progress=advance)
            told |= {"read": report.read, "added": report.added}
        except BaseException as error:
            told["failed"] = type(error).__name__
            raise
        finally:
            load.unload()
            node.acts.add(actor.id, "import", into.id, details=told)
        return report

    if count <= AT_ONCE:
        return Response(_imported(work(None)))
    load.wait()
    title = f"Import of {count:,} objects into {into.name}"
    job = Jobs(node).start(actor.id, "import", title, lambda progress: _imported(work(progress)))
    return Response(
        Imported(read=0, added=0, known=0, rejected=[], job=job_shown(job)), status_code=202,
        headers={"location": f"/api/v1/jobs/{job.id}"},
    )  # fmt: skip


# ── how it is done ────────────────────────────────────────────────────────────────────────────────────────


def _read(caller: Caller, node: Node, identifier: str, modified: str | None, show: Callable[[ObjectRead], T]) -> T:
    at = moments(modified)
    return handed(
        caller, "object", lambda: node.reading.object(caller.viewer, identifier, at), show,
        lambda found: [(place.collection, place.added) for each in found.versions for place in each.places],
    )  # fmt: skip


def _writable(caller: Caller, node: Node, reference: str) -> Collection:
    """Where a caller may put objects. Raises :class:`NotFound` alike for what is not there and not to be seen."""
    if caller.view is not None:
        return caller.view.writable(reference)
    found = node.collections.find(reference)
    if found.is_inbox:
        raise Forbidden("Only its party writes into an inbox.")
    return found


def _imported(report: HoldReport) -> Imported:
    return Imported(read=report.read, added=report.added, known=report.known,
                    rejected=[_rejection(each) for each in report.rejected[:1000]])  # fmt: skip


def _rejection(each: Rejection) -> RejectionShown:
    return RejectionShown(id=each.id, path=each.path, rule=each.rule, clause=each.clause, message=each.message)


def _marking(one: MarkingRead, *, named: bool) -> MarkingShown:
    """A marking; what a definition that is held calls itself only where it may be ``named``."""
    if not named and well_known(one.id) is None:
        return MarkingShown(id=one.id, label=None, tlp=None)
    return MarkingShown(id=one.id, label=one.label, tlp=None if one.tlp is None else one.tlp.label)


def _found(caller: Caller, query: Query, found: Found, paging: Paged) -> FoundShown:
    page = paging.page((_hit(each) for each in found.hits), found.next)
    total: Bounded | None = Bounded(number=found.total.number, more=found.total.more)
    types = found.types
    if caller.is_partner:
        # Counts of what fits tell what objects say, so they go with what was remembered, and are of nothing else.
        types = tuple(each for each in types if found.hits and (not query.types or each.type in query.types))
        total = total if found.hits else None
    return FoundShown(
        items=page.items, next=page.next, total=total,
        types=[TypeBounded(type=each.type, number=each.count.number, more=each.count.more) for each in types],
        partial=found.partial, behind=found.behind,
    )  # fmt: skip


def _hit(hit: Hit) -> HitShown:
    return HitShown(
        id=hit.id, type=hit.type, title=hit.title, title_marks=[list(each) for each in hit.title_marks],
        snippet=hit.snippet.text, snippet_marks=[list(each) for each in hit.snippet.marks],
        modified=maybe(hit.modified), added=timestamp(hit.added), tlp=None if hit.tlp is None else hit.tlp.label,
        markings=list(hit.markings), created_by=hit.created_by, source=hit.source,
        collection=CollectionNamed(id=hit.collection, name=hit.collection_name), latest=hit.latest,
        fits=hit.tier.name.lower(),
    )  # fmt: skip


def _place(place: Place) -> PlaceShown:
    return PlaceShown(
        collection=CollectionNamed(id=place.collection, name=place.name), kind=place.kind.value, party=place.party,
        agreement=place.agreement, added=timestamp(place.added), latest=place.latest,
    )  # fmt: skip


def _graph(found: Neighbours) -> GraphShown:
    return GraphShown(
        nodes=[
            NodeShown(id=each.id, type=each.type, name=each.title, tlp=None if each.tlp is None else each.tlp.label,
                      depth=each.depth, held=each.held)
            for each in found.nodes
        ],
        edges=[EdgeShown(source=each.source, target=each.target, label=each.label, id=each.id) for each in found.edges],
        more=found.more,
    )  # fmt: skip


def object_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [find, objects, one, raw, versions, neighbours, timeline, take_in]
