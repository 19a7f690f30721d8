"""Choosing what to release, seeing what each party would see, and asking for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import InvalidInput, NotFound, TitianError
from titian.core.job import Progress
from titian.core.job import State as JobState
from titian.core.people import Permission
from titian.core.stix import is_identifier
from titian.exchange.glance import Caution, Look
from titian.exchange.seen import Seen
from titian.node import Node
from titian.web.console.choosing import Wish, asked, choices, wish
from titian.web.console.exchange_words import said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import page, redirect
from titian.web.console.words import N_
from titian.web.jobs import Jobs

SMALL: Final = 1_000
"""About so many objects are previewed while somebody waits; more are a job."""
_WAIT: Final = 1.0
_LOOK_EVERY: Final = 0.05
_LONGEST: Final = 2_000
_PREVIEW: Final = "preview"
_PREVIEWING: Final = N_("Preview of a release")
_ASKING: Final = N_("Request for a release")
_REASON_NEEDED: Final = N_("Give a reason: it is kept, and the other person reads it.")
_UNANSWERED: Final = N_("Answer every warning first.")
_OVERRIDE_NEEDED: Final = N_("Say why these texts may go all the same.")
_CHANGED: Final = N_("Something has changed since you looked at it. Look at it again.")
_NOBODY: Final = N_("Nothing of this would go to anybody.")


class Looked(msgspec.Struct, frozen=True):
    """What somebody wished for, how it looks under each agreement, and what went wrong when they asked for it."""

    wish: Wish
    looks: tuple[Look, ...]
    error: str = ""


# ── choosing ──────────────────────────────────────────────────────────────────────────────────────────────


@get("/release/new", sync_to_thread=True)
def choose(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Choose what, for whom and for what. ``object`` begins with an object that is held, ``what`` with a choice."""
    analyst.require(Permission.PREVIEW)
    given = Form([*request.query_params.multi_items()])
    start = given.text("object", most=300)
    if start and (not is_identifier(start) or start not in node.glance.titles([start])):
        raise NotFound("There is no such object.")
    return _choosing(
        request, analyst, node, Form([*([("what", start)] if start else []), *request.query_params.multi_items()])
    )


def _choosing(
    request: AnyRequest, analyst: Analyst, node: Node, form: Form, *, error: str = "", status: int = 200
) -> ASGIResponse:
    register = node.agreements.read()
    what = form.text("what")
    named = [one for one in what.split() if is_identifier(one)][:20]
    titles = node.glance.titles(named)
    offered = choices(node, register)
    return page(
        request, analyst, "release/new.html", status=status,
        what=what, queries=node.release.queries(), chosen_queries=form.all("query"), choices=offered,
        to=form.all("to"), purposes=sorted({one for each in offered for one in each.purposes}),
        chosen_purposes=form.all("purpose"), titles=[titles[one] for one in named if one in titles],
        said=said(analyst.gettext), error=error,
    )  # fmt: skip


# ── previewing ────────────────────────────────────────────────────────────────────────────────────────────


def _looks(node: Node, wanted: Wish, found: Callable[[Seen], None] = lambda _: None) -> tuple[Look, ...]:
    return tuple(
        node.glance.preview(
            wanted.what, agreement, parties=parties or None, purposes=wanted.purposes or None, found=found
        )
        for agreement, parties in wanted.to
    )


@get("/release/preview", sync_to_thread=True)
def show_preview(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """The preview of what an address says."""
    return _preview(request, analyst, node, form)


@post("/release/preview", status_code=200, sync_to_thread=True)
def take_choice(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """The preview of what a form says; an address that says the same is gone to, if there is room in one."""
    return _preview(request, analyst, node, form)


def _preview(request: AnyRequest, analyst: Analyst, node: Node, form: Form) -> ASGIResponse:
    analyst.require(Permission.PREVIEW)
    given = asked(request, form)
    try:
        wanted = wish(given, analyst, node)
        if request.method == "POST" and (address := wanted.address("/release/preview")):
            return redirect(address)
        if node.glance.weight(wanted.what) > SMALL:
            return _preview_later(analyst, node, wanted)
        looks = _looks(node, wanted)
    except InvalidInput as error:
        return _choosing(request, analyst, node, given, error=str(error), status=422)
    except TitianError as error:
        return _choosing(request, analyst, node, given, error=str(error), status=422)
    return _side_by_side(request, analyst, node, Looked(wanted, looks))


def _preview_later(analyst: Analyst, node: Node, wanted: Wish) -> ASGIResponse:
    def work(progress: Progress, ident: str) -> dict[str, Any]:
        done = 0

        def found(_: Seen) -> None:
            nonlocal done
            done += 1
            progress.check()
            progress.at(done)

        return _kept(Looked(wanted, _looks(node, wanted, found)), ident)

    return _later(analyst, node, _PREVIEW, analyst.gettext(_PREVIEWING), work)


def _kept(looked: Looked, ident: str) -> dict[str, Any]:
    return {"href": f"/release/looked/{ident}", "looked": msgspec.to_builtins(looked)}


@get("/release/looked/{ident:str}", sync_to_thread=True)
def show_looked(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ident: FromPath[str]
) -> ASGIResponse:
    """A preview that a job has made for this person."""
    analyst.require(Permission.PREVIEW)
    job = Jobs(node).get(analyst.actor, ident)
    if not isinstance(job.result, dict) or "looked" not in job.result:
        raise NotFound("There is no such preview.")
    return _side_by_side(request, analyst, node, msgspec.convert(job.result["looked"], Looked))


def _side_by_side(
    request: AnyRequest, analyst: Analyst, node: Node, looked: Looked, *, form: Form | None = None, status: int = 200
) -> ASGIResponse:
    return page(
        request, analyst, "release/preview.html", status=status,
        wish=looked.wish, looks=looked.looks, error=looked.error, said=said(analyst.gettext), form=form or Form([]),
        sides=[(look, side) for look in looked.looks for side in look.sides], Caution=Caution,
        anything=any(look.anything for look in looked.looks), told=any(look.told for look in looked.looks),
        asks=analyst.may(Permission.REQUEST_RELEASE), ticked=(form or Form([])).all("answered"),
        back=looked.wish.address("/release/new") or "/release/new",
    )  # fmt: skip


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────


@post("/release/requests", status_code=200, sync_to_thread=True)
def ask(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Ask for what was previewed, if every warning is answered and nothing has changed since."""
    analyst.require(Permission.REQUEST_RELEASE)
    try:
        wanted = wish(form, analyst, node)
        heavy = node.glance.weight(wanted.what) > SMALL
    except TitianError as error:
        return _choosing(request, analyst, node, form, error=str(error), status=422)
    if not heavy:
        try:
            made = _ask(analyst, node, wanted, form)
        except TitianError as error:
            return _choosing(request, analyst, node, form, error=str(error), status=422)
        if isinstance(made, Looked):
            return _side_by_side(request, analyst, node, made, form=form, status=422)
        return redirect(made)

    def work(progress: Progress, ident: str) -> dict[str, Any]:
        made = _ask(analyst, node, wanted, form)
        return _kept(made, ident) if isinstance(made, Looked) else {"href": made}

    return _later(analyst, node, "release", analyst.gettext(_ASKING), work)


def _ask(analyst: Analyst, node: Node, wanted: Wish, form: Form) -> str | Looked:
    """Where to go on to, or what is to be looked at again and why."""
    looks = _looks(node, wanted)
    reason, override = form.text("reason", most=_LONGEST), form.text("override", most=_LONGEST)
    error = _missing(looks, form, reason, override)
    if error:
        return Looked(wanted, looks, analyst.gettext(error))
    made: list[str] = []
    parties = dict(wanted.to)
    for look in looks:
        if not look.anything:
            continue
        try:
            outcome = node.release.request(
                analyst.actor, wanted.what, look.agreement, parties=parties[look.agreement] or None,
                purposes=wanted.purposes or None, override=override if look.told else None, reason=reason,
            )  # fmt: skip
        except TitianError as refused:
            if not made:
                return Looked(wanted, looks, str(refused))
            # What was asked for under another agreement stands: each is a request of its own.
            return f"/release?made={','.join(made)}&failed={look.agreement}"
        made.append(outcome.request.id)
    return f"/release/requests/{made[0]}" if len(made) == 1 else f"/release?made={','.join(made)}"


def _missing(looks: tuple[Look, ...], form: Form, reason: str, override: str) -> str:
    """What speaks against asking, or nothing."""
    if not any(look.anything for look in looks):
        return _NOBODY
    if form.all("mark") != [look.mark for look in looks]:
        return _CHANGED
    answered = set(form.all("answered"))
    if any(one.caution not in answered for look in looks for one in look.warned):
        return _UNANSWERED
    if any(look.told for look in looks) and not override:
        return _OVERRIDE_NEEDED
    return "" if reason else _REASON_NEEDED


# ── what takes long ───────────────────────────────────────────────────────────────────────────────────────


def later(
    analyst: Analyst, node: Node, kind: str, title: str, work: Callable[[Progress], dict[str, Any]]
) -> ASGIResponse:
    """Have something done by a job, and go to what came out of it, or to the job if that takes longer."""
    return _later(analyst, node, kind, title, lambda progress, _: work(progress))


def _later(
    analyst: Analyst, node: Node, kind: str, title: str, work: Callable[[Progress, str], dict[str, Any]]
) -> ASGIResponse:
    jobs = Jobs(node)
    told: SimpleQueue[str] = SimpleQueue()
    job = jobs.start(analyst.actor.id, kind, title, lambda progress: work(progress, told.get(timeout=60)))
    told.put(job.id)
    until = time.monotonic() + _WAIT
    while job.unfinished and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)
        job = jobs.get(analyst.actor, job.id)
    if job.state is JobState.DONE and job.href:
        return redirect(job.href)
    return redirect(f"/jobs/{job.id}")


def preview_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [choose, show_preview, take_choice, show_looked, ask]
