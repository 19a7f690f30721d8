"""Sightings: what was seen, by whom and how often, what ours was worth to others, and saying what was seen here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import Forbidden, InvalidInput, NotFound, TitianError
from titian.core.people import Permission
from titian.core.sighting import check_sightable
from titian.core.stix import is_identifier
from titian.core.tlp import Tlp, parse_tlp
from titian.exchange.sight import Sighted
from titian.node import Node
from titian.web.console.choosing import agreement_name, party_name
from titian.web.console.exchange_words import said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest, Visitor
from titian.web.console.language import zone_of
from titian.web.console.render import page, redirect
from titian.web.console.sealed import Sealer
from titian.web.console.words import N_

_PAGE: Final = 50
_LONGEST: Final = 1_000
_PURPOSE: Final = "sighted"
_HELD: Final = 3_600
_TOLD: Final = 5
"""Sightings of which a page tells what becomes of them."""
_NO_TIME: Final = N_("This is no date with a time.")


class Done(msgspec.Struct, frozen=True):
    """What was written; ``keep`` says that it stays here."""

    sighted: tuple[Sighted, ...]
    keep: bool


@get("/sightings", sync_to_thread=True)
def list_sightings(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """What was seen of what this organisation made, or of everything; last seen first."""
    analyst.require(Permission.READ)
    everything = request.query_params.get("show") == "all"
    given = request.query_params.get("from", "")
    begin = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 0
    every = [one for one in node.sight.sightings() if one.ours or everything]
    register = node.agreements.read()
    show = "all" if everything else "ours"

    def at(place: int) -> str:
        return f"/sightings?{urlencode({'show': show, 'from': place})}"

    return page(
        request, analyst, "sightings/index.html", everything=everything, found=every[begin : begin + _PAGE],
        total=len(every), begin=begin, own=register.directory.own, party=lambda one: party_name(register, one),
        before=at(max(0, begin - _PAGE)) if begin else "",
        after=at(begin + _PAGE) if begin + _PAGE < len(every) else "",
        writes=analyst.may(Permission.WRITE),
    )  # fmt: skip


@get("/sightings/{ident:str}", sync_to_thread=True)
def show_sightings(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ident: FromPath[str]
) -> ASGIResponse:
    """What was seen of one object, by whom."""
    analyst.require(Permission.READ)
    if not is_identifier(ident):
        raise NotFound("There is no such object.")
    found = node.sight.sightings(ident)
    register = node.agreements.read()
    titles = node.glance.titles([ident])
    return page(
        request, analyst, "sightings/one.html", ident=ident, known=found[0] if found else None,
        object=titles.get(ident), own=register.directory.own, party=lambda one: party_name(register, one),
        writes=analyst.may(Permission.WRITE) and _is_sightable(ident),
    )  # fmt: skip


def _is_sightable(identifier: str) -> bool:
    try:
        check_sightable(identifier)
    except InvalidInput:
        return False
    return True


@get("/sightings/new", sync_to_thread=True)
def begin(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Say that something was seen here; ``object`` is what."""
    analyst.require(Permission.WRITE)
    return _begin(request, analyst, node, Form([("ids", request.query_params.get("object", ""))]))


def _begin(
    request: AnyRequest, analyst: Analyst, node: Node, form: Form, *, error: str = "", status: int = 200
) -> ASGIResponse:
    named = [one for one in form.text("ids").split() if is_identifier(one)][:20]
    titles = node.glance.titles(named)
    return page(
        request, analyst, "sightings/new.html", form=form, titles=[titles[one] for one in named if one in titles],
        levels=[(one.value, one.label) for one in Tlp], error=error, status=status,
        returns=analyst.may(Permission.REQUEST_RELEASE),
    )  # fmt: skip


@post("/sightings/new", status_code=200, sync_to_thread=True)
def sight(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Write the sighting, and show what becomes of it on its way back."""
    analyst.require(Permission.WRITE)
    level = form.text("tlp", most=40)
    try:
        done = node.sight.sight(
            analyst.actor, form.text("ids").split(), count=form.number("count", 1),
            first=_moment(form.text("first", most=40), analyst), last=_moment(form.text("last", most=40), analyst),
            where=form.text("where", most=_LONGEST) or None, marking=parse_tlp(level) if level else None,
            keep=form.given("keep"),
        )  # fmt: skip
    except Forbidden:
        raise
    except TitianError as error:
        return _begin(request, analyst, node, form, error=str(error), status=422)
    brief = tuple(
        msgspec.structs.replace(one, sighting=msgspec.structs.replace(one.sighting, where=None)) for one in done[:_TOLD]
    )
    sealed = Sealer(node.record.secret, _PURPOSE).seal(Done(brief, form.given("keep")), seconds=_HELD)
    return redirect(f"/sightings/done?{urlencode({'told': sealed})}")


@get("/sightings/done", sync_to_thread=True)
def show_done(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """What becomes of sightings on their way back, as it was when they were written."""
    analyst.require(Permission.WRITE)
    told = Sealer(node.record.secret, _PURPOSE).open(request.query_params.get("told", ""), Done)
    if told is None:
        raise NotFound("This is too long ago.", advice="The sightings themselves are kept.")
    register = node.agreements.read()
    titles = node.glance.titles([one.sighting.of for one in told.sighted])
    return page(
        request, analyst, "sightings/done.html", done=told.sighted, titles=titles, keep=told.keep,
        party=lambda one: party_name(register, one), agreement=lambda one: agreement_name(register, one),
        said=said(analyst.gettext),
    )  # fmt: skip


def _moment(text: str, visitor: Visitor) -> int | None:
    """An instant as a form gives it, in the reader's time zone; None for nothing. Raises :class:`InvalidInput`."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
        read = read if read.tzinfo else read.replace(tzinfo=zone_of(visitor.zone))
        return round(read.timestamp() * 1_000_000)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(visitor.gettext(_NO_TIME)) from None


def sightings_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [list_sightings, begin, sight, show_done, show_sightings]
    return handlers
