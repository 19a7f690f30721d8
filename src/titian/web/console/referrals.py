"""Referrals: content that platforms are asked to look at, by us and of us, where each stands, and answers."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.agreement import Purpose
from titian.core.collection import timestamp
from titian.core.errors import Forbidden, InvalidInput, NotFound, TitianError
from titian.core.people import Permission
from titian.core.referral import Designation, State
from titian.core.tlp import Tlp, parse_tlp
from titian.exchange.give_back import Returned
from titian.exchange.refer import Asked, Done, may_appeal, responses
from titian.exchange.referred import Case
from titian.node import Node
from titian.web.console.choosing import choices, end_of_day, party_name
from titian.web.console.exchange_words import PURPOSES
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.referral_words import BADGES, words
from titian.web.console.render import page, redirect
from titian.web.console.sealed import Sealer
from titian.web.console.words import N_

_PAGE: Final = 50
_LONGEST: Final = 2_000
_PURPOSE: Final = "referred"
_HELD: Final = 600
_BRIEF: Final = 400
_CHOOSE_PARTY: Final = N_("Choose whom to ask, and under which agreement.")
_CHOOSE_ANSWER: Final = N_("Choose an answer.")


@get("/referrals", sync_to_thread=True)
def list_referrals(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Those that wait for an answer, of others and ours; or every one."""
    analyst.require(Permission.READ)
    everything = request.query_params.get("show") == "all"
    given = request.query_params.get("from", "")
    begin = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 0
    every = [one for one in node.refer.list() if everything or one.waits]
    late = sorted(every, key=lambda one: not one.overdue)
    some = late[begin : begin + _PAGE]

    def at(place: int) -> str:
        return f"/referrals?{urlencode({'show': 'all' if everything else 'open', 'from': place})}"

    return page(
        request, analyst, "referrals/index.html", everything=everything, begin=begin, total=len(every),
        received=[one for one in some if not one.ours], sent=[one for one in some if one.ours], found=some,
        before=at(max(0, begin - _PAGE)) if begin else "",
        after=at(begin + _PAGE) if begin + _PAGE < len(every) else "", **_common(analyst, node),
    )  # fmt: skip


def _common(analyst: Analyst, node: Node) -> dict[str, Any]:
    register = node.agreements.read()
    return {
        "said": words(analyst.gettext),
        "party": lambda one: party_name(register, one),
        "own": register.directory.own,
        "badge": lambda one: BADGES.get(one, "info"),
        "writes": analyst.may(Permission.WRITE) and analyst.may(Permission.REQUEST_RELEASE),
    }


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────


@get("/referrals/new", sync_to_thread=True)
def begin(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Ask a platform to look at content; ``object`` is what."""
    _allow(analyst)
    return _begin(request, analyst, node, Form([("content", request.query_params.get("object", ""))]))


def _allow(analyst: Analyst) -> None:
    analyst.require(Permission.WRITE)
    analyst.require(Permission.REQUEST_RELEASE)


def _begin(
    request: AnyRequest, analyst: Analyst, node: Node, form: Form, *, error: str = "", status: int = 200
) -> ASGIResponse:
    register = node.agreements.read()
    parties = [
        (f"{choice.id} {party}", f"{name} · {choice.name}")
        for choice in choices(node, register)
        for party, name, _ in choice.parties
    ]
    return page(
        request, analyst, "referrals/new.html", form=form, error=error, status=status, parties=parties,
        levels=[(one.value, one.label) for one in Tlp],
        purposes=[(one.value, analyst.gettext(PURPOSES[one])) for one in Purpose], **_common(analyst, node),
    )  # fmt: skip


@post("/referrals/new", status_code=200, sync_to_thread=True)
def make(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Write the referral, ask for its release, and show what becomes of it."""
    _allow(analyst)
    try:
        done = node.refer.make(analyst.actor, _asked(form, analyst))
    except Forbidden:
        raise
    except TitianError as error:
        return _begin(request, analyst, node, form, error=str(error), status=422)
    return _done(node, done)


def _asked(form: Form, analyst: Analyst) -> Asked:
    agreement, _, party = form.text("to", most=200).partition(" ")
    if not agreement or not party:
        raise InvalidInput(analyst.gettext(_CHOOSE_PARTY))
    level, purpose, expires = form.text("tlp", most=40), form.text("purpose", most=60), form.text("expires", most=20)
    deadline = form.text("deadline", most=20)
    return Asked(
        contents=tuple(form.text("content", most=200_000).split()), to=party, agreement=agreement,
        designations=(
            Designation(
                source=form.text("source", most=60), name=form.text("designation", most=500),
                reference=form.text("reference", most=300) or None, country=form.text("country", most=20) or None,
            ),
        ),
        legal_basis=tuple(form.text("legal_basis", most=10_000).splitlines()),
        what=form.text("what", most=_LONGEST), why=form.text("why", most=_LONGEST * 2),
        deadline=end_of_day(deadline, analyst) if deadline else None,
        tlp=parse_tlp(level) if level else None, purposes=(purpose,) if purpose else None,
        expires=f"{timestamp(end_of_day(expires, analyst))[:23]}Z" if expires else None,
    )  # fmt: skip


class Told(msgspec.Struct, frozen=True):
    """What became of an act on a referral, for its page to tell once."""

    id: str
    returned: Returned


def _done(node: Node, done: Done) -> ASGIResponse:
    """To the referral's own page, which tells how far it went, or why it stays."""
    brief = msgspec.structs.replace(done.returned, why=done.returned.why[:_BRIEF])
    told = Sealer(node.record.secret, _PURPOSE).seal(Told(done.case.id, brief), seconds=_HELD)
    return redirect(f"/referrals/{done.case.id}?{urlencode({'told': told})}")


# ── one referral ──────────────────────────────────────────────────────────────────────────────────────────


@get("/referrals/{ident:str}", sync_to_thread=True)
def show_referral(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ident: FromPath[str]
) -> ASGIResponse:
    """One referral: what it is about, why, all that came of it, and what can be done."""
    analyst.require(Permission.READ)
    return _shown(request, analyst, node, node.refer.find(ident))


def _shown(
    request: AnyRequest, analyst: Analyst, node: Node, found: Case, *, form: Form | None = None, error: str = "",
    status: int = 200,
) -> ASGIResponse:  # fmt: skip
    common = _common(analyst, node)
    told = Sealer(node.record.secret, _PURPOSE).open(request.query_params.get("told", ""), Told)
    return page(
        request, analyst, "referrals/one.html", status=status, found=found, form=form or Form([]), error=error,
        told=told.returned if told is not None and told.id == found.id else None,
        answers=[str(one) for one in responses(found)],
        appeals=may_appeal(found), **common,
    )  # fmt: skip


@post("/referrals/{ident:str}/act", status_code=200, sync_to_thread=True)
def act(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], ident: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Answer a referral of another party, ask to decide again on one of ours, or withdraw it."""
    _allow(analyst)
    found = node.refer.find(ident)
    why = form.text("why", most=_LONGEST * 2)
    try:
        match form.text("act", most=20):
            case "appeal":
                deadline = form.text("deadline", most=20)
                until = end_of_day(deadline, analyst) if deadline else None
                done = node.refer.appeal(analyst.actor, found.id, why, deadline=until)
            case "withdraw":
                done = node.refer.withdraw(analyst.actor, found.id, why)
            case _:
                done = node.refer.answer(analyst.actor, found.id, _response(form, analyst), why)
    except (Forbidden, NotFound):
        raise
    except TitianError as error:
        return _shown(request, analyst, node, found, form=form, error=str(error), status=422)
    return _done(node, done)


def _response(form: Form, analyst: Analyst) -> State:
    given = form.text("response", most=20)
    found = next((one for one in State if one.value == given and one is not State.SENT), None)
    if found is None:
        raise InvalidInput(analyst.gettext(_CHOOSE_ANSWER))
    return found


def referrals_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [list_referrals, begin, make, show_referral, act]
    return handlers
