"""Recalls: ours with where each recipient stands, those of others with our answers, and beginning one."""

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
from titian.core.people import Permission
from titian.core.recall import Received, ReceivedState, Recipient, Standing, State, days_left
from titian.core.recall_objects import Reason, Response, read_reason
from titian.core.stix import is_identifier
from titian.exchange.glance import Titled
from titian.exchange.recall_sent import Overview
from titian.node import Node
from titian.web.console.choosing import agreement_name, end_of_day, party_name, references
from titian.web.console.exchange_words import said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.release_preview import SMALL, later
from titian.web.console.render import page, redirect
from titian.web.console.words import N_

_SHOWN: Final = 40
_LONGEST: Final = 2_000
_RESPONSES: Final = {"apply": Response.APPLIED, "flag": Response.FLAGGED, "refuse": Response.REFUSED}
_WAITING: Final = (ReceivedState.OPEN, ReceivedState.FLAGGED)
_UNSETTLED: Final = (State.PROPOSED, State.SENT)
_REASON_NEEDED: Final = N_("Give a reason: it is kept with the recall.")
_CHOOSE_ANSWER: Final = N_("Choose an answer.")
_RECALLING: Final = N_("Recall")
_BADGES: Final = {
    Standing.APPLIED: "good", Standing.NEVER_READ: "good", Standing.FLAGGED: "warn", Standing.UNCONFIRMED: "warn",
    Standing.SILENT: "info", Standing.WAITING: "info", Standing.REFUSED: "bad", Standing.OVERDUE: "bad",
}  # fmt: skip


@get("/recalls", sync_to_thread=True)
def list_recalls(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Recalls that wait for something, of others and ours; or every one."""
    analyst.require(Permission.READ)
    everything = request.query_params.get("show") == "all"
    after = request.query_params.get("after", "")
    sent = node.waiting.sent(None if everything else _UNSETTLED, after=after)
    received = node.waiting.received(None if everything else _WAITING, after=request.query_params.get("from", ""))
    register = node.agreements.read()
    show = "all" if everything else "open"
    return page(
        request, analyst, "recalls/index.html",
        everything=everything, received=received.items, State=State,
        proposed=[one for one in sent.items if one.recall.state is State.PROPOSED],
        sent=[one for one in sent.items if one.recall.state is not State.PROPOSED],
        following=f"/recalls?show={show}&after={quote(sent.next)}" if sent.next else "",
        following_received=f"/recalls?show={show}&from={quote(received.next)}" if received.next else "",
        **_common(analyst, node, register),
    )  # fmt: skip


def _common(analyst: Analyst, node: Node, register: Reading) -> dict[str, Any]:
    now = node.store.clock()
    return {
        "said": said(analyst.gettext),
        "agreement": lambda one: agreement_name(register, one),
        "party": lambda one: party_name(register, one),
        "badge": lambda one: _BADGES.get(one, "info"),
        "left": lambda deadline: None if deadline is None else days_left(deadline, now),
        "asks": analyst.may(Permission.REQUEST_RELEASE),
    }


# ── one recall ────────────────────────────────────────────────────────────────────────────────────────────


@get("/recalls/{ident:str}", sync_to_thread=True)
def show_recall(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ident: FromPath[str]
) -> ASGIResponse:
    """One recall, ours or another's: its objects, who stands where, what was answered, and what can be done."""
    analyst.require(Permission.READ)
    return _shown(request, analyst, node, node.recalls.find(ident))


def _shown(
    request: AnyRequest, analyst: Analyst, node: Node, found: Overview | Received, *, form: Form | None = None,
    error: str = "", status: int = 200,
) -> ASGIResponse:  # fmt: skip
    register = node.agreements.read()
    common = _common(analyst, node, register) | {"error": error, "form": form or Form([])}
    if isinstance(found, Received):
        objects, count = _objects(node, found.message.objects)
        return page(
            request, analyst, "recalls/received.html", status=status, found=found, objects=objects, count=count,
            answers=found.state not in (ReceivedState.APPLIED, ReceivedState.WITHDRAWN) and common["asks"], **common,
        )  # fmt: skip
    sources = sorted({taken.source for one in found.recipients for taken in one.taken})
    objects, count = _objects(node, sources)
    return page(
        request, analyst, "recalls/sent.html", status=status, found=found, objects=objects, count=count,
        said_so_far=_said_so_far(found.recipients), State=State, **common,
    )  # fmt: skip


def _objects(node: Node, identifiers: Any) -> tuple[list[Titled], int]:
    some = list(identifiers[:_SHOWN])
    titles = node.glance.titles(some)
    return [titles.get(one) or Titled(one, one.partition("--")[0], one) for one in some], len(identifiers)


def _said_so_far(recipients: tuple[Recipient, ...]) -> list[tuple[str, Any]]:
    """Every answer so far, with who gave it, newest first."""
    every = [(one.party, answer) for one in recipients for answer in one.answers]
    return sorted(every, key=lambda one: -one[1].at)[:_SHOWN]


@post("/recalls/{ident:str}/answer", status_code=200, sync_to_thread=True)
def answer(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], ident: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Answer a recall of another party."""
    analyst.require(Permission.REQUEST_RELEASE)
    found = node.recalls.find(ident)
    response = _RESPONSES.get(form.text("response", most=20))
    try:
        if response is None:
            raise InvalidInput(analyst.gettext(_CHOOSE_ANSWER))
        node.recalls.answer(
            analyst.actor, found.id if isinstance(found, Received) else found.recall.id, response,
            form.text("why", most=_LONGEST), also_local_work=form.given("also_local_work"),
        )  # fmt: skip
    except (Forbidden, NotFound):
        raise
    except TitianError as error:
        return _shown(request, analyst, node, found, form=form, error=str(error), status=422)
    return redirect(f"/recalls/{ident}")


@post("/recalls/{ident:str}/decide", status_code=200, sync_to_thread=True)
def decide(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], ident: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Send a proposed recall of ours, dismiss it, or withdraw one that was sent."""
    analyst.require(Permission.REQUEST_RELEASE)
    found = node.recalls.find(ident)
    decision, why = form.text("decision", most=20), form.text("why", most=_LONGEST)
    try:
        if decision == "send":
            node.recalls.send(analyst.actor, ident, end_of_day(form.text("deadline", most=20), analyst), why)
        elif not why:
            raise InvalidInput(analyst.gettext(_REASON_NEEDED))
        elif decision == "dismiss":
            node.recalls.dismiss(analyst.actor, ident, why)
        elif decision == "withdraw":
            node.recalls.withdraw(analyst.actor, ident, why)
        else:
            raise InvalidInput(analyst.gettext(_CHOOSE_ANSWER))
    except (Forbidden, NotFound):
        raise
    except TitianError as error:
        return _shown(request, analyst, node, found, form=form, error=str(error), status=422)
    return redirect(f"/recalls/{ident}")


# ── beginning one ─────────────────────────────────────────────────────────────────────────────────────────


@get("/recalls/new", sync_to_thread=True)
def begin(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Begin a recall: what, why, by when. ``object`` begins with an object that is held."""
    analyst.require(Permission.REQUEST_RELEASE)
    given = Form([*request.query_params.multi_items()])
    start = given.text("object", most=300)
    if start and (not is_identifier(start) or start not in node.glance.titles([start])):
        raise NotFound("There is no such object.")
    return _beginning(
        request, analyst, node, Form([*([("what", start)] if start else []), *request.query_params.multi_items()])
    )


def _beginning(
    request: AnyRequest, analyst: Analyst, node: Node, form: Form, *, error: str = "", status: int = 200,
    consequences: Any = None,
) -> ASGIResponse:  # fmt: skip
    register = node.agreements.read()
    agreements = sorted({one.agreement for one in node.collections.all() if one.agreement is not None})
    return page(
        request, analyst, "recalls/new.html", status=status,
        form=form, what="\n".join(form.all("what")), queries=node.release.queries(), error=error, reasons=[*Reason],
        agreements=[(one, agreement_name(register, one)) for one in agreements], consequences=consequences,
        **_common(analyst, node, register),
    )  # fmt: skip


@post("/recalls/new", status_code=200, sync_to_thread=True)
def take(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Show what a recall would take back and from whom; and, once somebody has seen that, recall."""
    analyst.require(Permission.REQUEST_RELEASE)
    try:
        what = references(form, analyst)
        agreement = form.text("agreement", most=200) or None
        parties = [one for one in form.all("party") if one] or None
        reason = read_reason(form.text("reason", most=40))
        deadline = end_of_day(form.text("deadline", most=20), analyst)
        if deadline <= node.store.clock():
            raise InvalidInput(analyst.gettext(N_("This day is over already.")))
        if not form.given("confirmed"):
            seen = node.glance.recall(what, agreement=agreement, parties=parties)
            return _beginning(request, analyst, node, form, consequences=seen)
        why, instead = form.text("why", most=_LONGEST), form.text("replaced_by", most=_LONGEST).split()

        def recall(_: Any = None) -> dict[str, str]:
            made = node.recalls.recall(
                analyst.actor, what, reason=reason, deadline=deadline, agreement=agreement, parties=parties, why=why,
                replaced_by=instead,
            )  # fmt: skip
            return {"href": f"/recalls/{made[0].recall.id}" if len(made) == 1 else "/recalls"}

        if node.glance.weight(what) > SMALL:
            return later(analyst, node, "recall", analyst.gettext(_RECALLING), recall)
        return redirect(recall()["href"])
    except Forbidden:
        raise
    except TitianError as error:
        return _beginning(request, analyst, node, form, error=str(error), status=422)


def recalls_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [list_recalls, begin, take, show_recall, answer, decide]
