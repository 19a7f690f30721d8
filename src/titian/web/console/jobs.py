"""Long work: how far it is, what became of it, and a button that stops it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import Refused
from titian.core.job import Job, State
from titian.core.people import Permission
from titian.node import Node
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import page, redirect
from titian.web.console.words import N_
from titian.web.jobs import DECIDING, Jobs

_SHOWN: Final = 50
STATES: Final = {
    State.WAITING: N_("Waits for its turn"), State.RUNNING: N_("Runs"), State.CANCELLING: N_("Is being stopped"),
    State.DONE: N_("Done"), State.FAILED: N_("Failed"), State.CANCELLED: N_("Stopped"),
    State.BROKEN: N_("Broken off"),
}  # fmt: skip
"""What the states of a job are called."""
_BADGES: Final = {State.DONE: "good", State.FAILED: "bad", State.BROKEN: "bad", State.CANCELLED: "warn"}


@get("/jobs", sync_to_thread=True)
def jobs(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """The jobs of this person; for an administrator those of everybody."""
    analyst.require(Permission.READ)
    held = Jobs(node)
    begin = request.query_params.get("after", "")
    found = held.list(analyst.actor, _SHOWN + 1, held.get(analyst.actor, begin) if begin else None)
    everybody = analyst.may(Permission.MANAGE_PEOPLE)
    names = {one.id: one.full_name or one.name for one in node.people.list()} if everybody else {}
    return page(
        request, analyst, "jobs/index.html", jobs=found[:_SHOWN], names=names, everybody=everybody,
        after=f"/jobs?after={found[_SHOWN - 1].id}" if len(found) > _SHOWN else "", **_words(analyst),
    )  # fmt: skip


@get("/jobs/{job_id:str}", sync_to_thread=True)
def job(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], job_id: FromPath[str]
) -> ASGIResponse:
    """One job. The page asks again each second; when it has ended, a script loads the whole page once more."""
    analyst.require(Permission.READ)
    found = Jobs(node).get(analyst.actor, job_id)
    response = page(
        request, analyst, "jobs/job.html", fragments={"job": "progress"}, job=found, facts=_facts(found),
        stops=found.person == analyst.actor.id or found.kind not in DECIDING,
        **_words(analyst),
    )  # fmt: skip
    if request.headers.get("hx-request") == "true" and not found.unfinished:
        response.headers.add("hx-refresh", "true")
    return response


@post("/jobs/{job_id:str}/cancel", status_code=200, sync_to_thread=True)
def cancel(analyst: NamedDependency[Analyst], node: NamedDependency[Node], job_id: FromPath[str]) -> ASGIResponse:
    """Ask that a job stops. One that has ended meanwhile is shown as it is."""
    analyst.require(Permission.READ)
    held = Jobs(node)
    found = held.get(analyst.actor, job_id)
    with suppress(Refused):
        held.cancel(analyst.actor, found.id)
    return redirect(f"/jobs/{found.id}")


def _words(analyst: Analyst) -> dict[str, Any]:
    return {
        "state": lambda one: analyst.gettext(STATES[one.state]),
        "badge": lambda one: _BADGES.get(one.state, "info"),
    }


def _facts(found: Job) -> list[tuple[str, str]]:
    """The single values of a result, to be shown beneath it."""
    if not isinstance(found.result, dict):
        return []
    single = (str, int, float)
    return [
        (name.replace("_", " "), str(value))
        for name, value in found.result.items()
        if name != "href" and isinstance(value, single) and not isinstance(value, bool)
    ][:40]


def jobs_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [jobs, job, cancel]
