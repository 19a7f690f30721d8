"""Release: the requests that wait and those decided, one request for who decides on it, standing rules and queries."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.directory_objects import Reading
from titian.core.errors import Forbidden, InvalidInput, NotFound, TitianError
from titian.core.gate import Query, Request, State
from titian.core.people import Permission
from titian.core.stix import SCO_TYPES, SDO_TYPES, SRO_TYPES
from titian.core.tlp import Tlp, parse_tlp
from titian.exchange.glance import Again
from titian.node import Node
from titian.web.console.choosing import agreement_name, choices, end_of_day, party_name
from titian.web.console.exchange_words import PURPOSES, said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.release_preview import SMALL, later, preview_routes
from titian.web.console.render import page, redirect
from titian.web.console.words import N_

_OPEN: Final = (State.WAITING, State.STANDING)
_DECIDED: Final = (State.DONE, State.REFUSED, State.FAILED, State.STOPPED)
_PAGE: Final = 50
_SHOWN: Final = 40
_LONGEST: Final = 2_000
_REASON_NEEDED: Final = N_("Give a reason: it is kept, and the other person reads it.")
_RELEASING: Final = N_("Release of what was approved")


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────


@get("/release", sync_to_thread=True)
def list_requests(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """What waits for a decision and what stands, or what was decided."""
    analyst.require(Permission.READ)
    decided = request.query_params.get("show") == "decided"
    after = request.query_params.get("after", "")
    found = node.waiting.requests(_DECIDED if decided else _OPEN, after=after, limit=_PAGE)
    register = node.agreements.read()
    made = request.query_params.get("made", "").split(",")
    show = "decided" if decided else "waiting"
    following = f"/release?show={show}&after={quote(found.next)}" if found.next else ""
    return page(
        request, analyst, "release/index.html", fragments={"requests": "requests"},
        decided=decided, requests=found.items, said=said(analyst.gettext), State=State,
        agreement=lambda one: agreement_name(register, one), made=[one for one in found.items if one.id in made],
        failed=agreement_name(register, request.query_params.get("failed", "")), following=following,
    )  # fmt: skip


@get("/release/requests/{ident:str}", sync_to_thread=True)
def show_request(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ident: FromPath[str]
) -> ASGIResponse:
    """One request, with what a preview of the same shows now."""
    analyst.require(Permission.READ)
    return _shown(request, analyst, node, node.release.find(ident))


def _shown(
    request: AnyRequest, analyst: Analyst, node: Node, found: Request, *, error: str = "", why: str = "",
    status: int = 200,
) -> ASGIResponse:  # fmt: skip
    register = node.agreements.read()
    again, problem, heavy = _again(request, analyst, node, found)
    looked = found.state is State.WAITING and analyst.may(Permission.DECIDE_RELEASE)
    own = found.requester == analyst.actor.id
    return page(
        request, analyst, "release/request.html", status=status,
        found=found, again=again, problem=problem, heavy=heavy, error=error, why=why, State=State,
        agreement=agreement_name(register, found.agreement), parties=_parties(found, register),
        known=found.agreement in register.directory.agreements, said=said(analyst.gettext),
        decides=looked and not own, own=own,
        stops=found.state in _OPEN and analyst.may(Permission.REQUEST_RELEASE),
        chosen=_chosen(node, found),
    )  # fmt: skip


def _again(request: AnyRequest, analyst: Analyst, node: Node, found: Request) -> tuple[Again | None, str, bool]:
    """What the request would do now, or why that is not known; and whether it is left for a click as it takes long."""
    if found.state not in _OPEN or not analyst.may(Permission.PREVIEW):
        return None, "", False
    heavy = found.query is not None or _weight(found) > SMALL
    if heavy and request.query_params.get("now") != "1":
        return None, "", True
    try:
        return node.glance.again(found), "", False
    except TitianError as error:
        return None, str(error), False


def _weight(found: Request) -> int:
    return max(len(found.chosen), *(len(one) for one in found.previewed.values()), 0)


def _parties(found: Request, register: Reading) -> list[tuple[str, str, int]]:
    """The parties of a request: identifier, name, and how many objects the preview showed to each."""
    if found.previewed:
        return [(one, party_name(register, one), len(shown)) for one, shown in found.previewed.items()]
    return [(one, party_name(register, one), 0) for one in found.parties or ()]


def _chosen(node: Node, found: Request) -> list[Any]:
    some = found.chosen[:_SHOWN]
    titles = node.glance.titles(some)
    return [titles[one] for one in some if one in titles]


@post("/release/requests/{ident:str}/decide", status_code=200, sync_to_thread=True)
def decide(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], ident: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Approve or refuse somebody else's request, with a reason."""
    analyst.require(Permission.DECIDE_RELEASE)
    found = node.release.find(ident)
    why, decision = form.text("why", most=_LONGEST), form.text("decision", most=20)
    if found.requester == analyst.actor.id:
        raise Forbidden("Who asked for a release cannot decide on it.", advice="Another releaser has to.")
    if decision not in ("approve", "refuse"):
        raise InvalidInput("Approve it, or refuse it.")
    if not why:
        return _shown(request, analyst, node, found, error=analyst.gettext(_REASON_NEEDED), status=422)
    where = f"/release/requests/{found.id}"

    def carry_out(_: Any = None) -> dict[str, str]:
        if decision == "approve":
            node.release.approve(analyst.actor, found.id, why)
        else:
            node.release.refuse(analyst.actor, found.id, why)
        return {"href": where}

    try:
        if decision == "approve" and _weight(found) > SMALL:
            return later(analyst, node, "release", analyst.gettext(_RELEASING), carry_out)
        carry_out()
    except TitianError as error:
        if isinstance(error, Forbidden | NotFound):
            raise
        return _shown(request, analyst, node, node.release.find(found.id), error=str(error), why=why, status=422)
    return redirect(where)


@post("/release/requests/{ident:str}/stop", status_code=200, sync_to_thread=True)
def stop(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], ident: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Take back a request that waits, or stop a standing rule."""
    analyst.require(Permission.REQUEST_RELEASE)
    found, why = node.release.find(ident), form.text("why", most=_LONGEST)
    if not why:
        return _shown(request, analyst, node, found, error=analyst.gettext(_REASON_NEEDED), status=422)
    node.release.stop(analyst.actor, found.id, why)
    return redirect(f"/release/requests/{found.id}")


# ── saved queries and standing rules ──────────────────────────────────────────────────────────────────────


@get("/release/queries", sync_to_thread=True)
def list_queries(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """The saved queries, with ways to save another, and to have one stand."""
    analyst.require(Permission.READ)
    return _queries(request, analyst, node)


def _queries(
    request: AnyRequest, analyst: Analyst, node: Node, *, form: Form | None = None, error: str = "", status: int = 200
) -> ASGIResponse:
    register = node.agreements.read()
    collections = [one.name for one in node.collections.all() if one.agreement is None]
    return page(
        request, analyst, "release/queries.html", status=status,
        queries=node.release.queries(), choices=choices(node, register), collections=sorted(collections),
        types=sorted((*SDO_TYPES, *SRO_TYPES, *SCO_TYPES)), levels=[(one.value, one.label) for one in Tlp],
        purposes=said(analyst.gettext)["purposes"],
        asks=analyst.may(Permission.REQUEST_RELEASE), form=form or Form([]), error=error,
    )  # fmt: skip


@post("/release/queries", status_code=200, sync_to_thread=True)
def save_query(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Save a query."""
    analyst.require(Permission.REQUEST_RELEASE)
    known = {one.value for one in PURPOSES}
    try:
        name, level = form.text("name", most=200), form.text("tlp", most=40)
        if not name:
            raise InvalidInput(analyst.gettext(N_("A query needs a name.")))
        query = Query(
            name=name, collections=tuple(form.all("collection")), types=tuple(form.all("type")),
            tlp=parse_tlp(level).value if level else None,
            topics=tuple(one.strip() for one in form.text("topics", most=_LONGEST).split(",") if one.strip()),
            purposes=tuple(one for one in form.all("purpose") if one in known),
        )  # fmt: skip
        node.release.save_query(analyst.actor, query)
    except TitianError as error:
        return _queries(request, analyst, node, form=form, error=str(error), status=422)
    return redirect("/release/queries")


@post("/release/queries/remove", status_code=200, sync_to_thread=True)
def drop_query(
    analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Remove a saved query."""
    analyst.require(Permission.REQUEST_RELEASE)
    node.release.drop_query(analyst.actor, form.text("name", most=200))
    return redirect("/release/queries")


@post("/release/standing", status_code=200, sync_to_thread=True)
def stand(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Ask that what a saved query finds goes by itself, until a day."""
    analyst.require(Permission.REQUEST_RELEASE)
    try:
        until, why = end_of_day(form.text("until", most=20), analyst), form.text("why", most=_LONGEST)
        if not why:
            raise InvalidInput(analyst.gettext(_REASON_NEEDED))
        made = node.release.request_standing(
            analyst.actor, form.text("query", most=200), form.text("agreement", most=200), until=until, why=why
        )
    except TitianError as error:
        return _queries(request, analyst, node, form=form, error=str(error), status=422)
    return redirect(f"/release/requests/{made.id}")


def release_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [list_requests, show_request, decide, stop, list_queries, save_query, drop_query, stand]
    return [*handlers, *preview_routes()]
