"""Administration: the overview, settings, health and backups. The rest lies beside, in ``admin_*.py``."""

from __future__ import annotations

import os
from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian import __version__
from titian.core.errors import NotFound
from titian.core.job import Job, Progress, State
from titian.core.people import Permission
from titian.node import Node
from titian.settings import SECRETS, Origin, Row, Settings, origins, rows
from titian.web.console.admin_acts import act_routes
from titian.web.console.admin_keys import key_routes
from titian.web.console.admin_parts import admin_page
from titian.web.console.admin_peers import peer_routes
from titian.web.console.admin_people import people_routes
from titian.web.console.admin_subscriptions import subscription_routes
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import redirect
from titian.web.console.words import N_
from titian.web.jobs import Jobs

ORIGINS: Final = {
    Origin.DEFAULT: N_("as it comes"),
    Origin.FILE: N_("titian.toml"),
    Origin.ENVIRONMENT: N_("environment"),
}
_CHECK: Final = "check"


class Shown(msgspec.Struct, frozen=True):
    """A setting as the page shows it; no ``value`` for what may hold a secret and is set."""

    row: Row
    value: str | None
    origin: str
    changed: bool


@get("/admin", sync_to_thread=True)
def overview(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """What there is, and where it is looked after."""
    analyst.require(Permission.READ)
    people, keys, standing = node.people.list(), node.keys.list(), node.subscribe.list()
    return admin_page(
        request, analyst, "/admin", "index.html", findings=[one for one in node.health.watch() if not one.ok],
        people=sum(one.disabled is None for one in people), keys=sum(one.revoked is None for one in keys),
        standing=len(standing), stuck=sum(one.progress.paused is not None for one in standing),
        peers=len(node.peers.list()), collections=len(node.collections.all()), record=node.record, version=__version__,
    )  # fmt: skip


@get("/admin/settings", sync_to_thread=True)
def settings(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Every setting with what it means, what it is, and where that comes from. Nothing is changed here."""
    analyst.require(Permission.READ)
    found = origins(node.home, os.environ)
    shown = [
        Shown(row, _value(node.settings, row), analyst.gettext(ORIGINS[found[row.name]]),
              found[row.name] is not Origin.DEFAULT)
        for row in rows()
    ]  # fmt: skip
    return admin_page(request, analyst, "/admin/settings", "settings.html", settings=shown)


def _value(held: Settings, row: Row) -> str | None:
    value = getattr(held, row.name)
    if row.name in SECRETS and value:
        return None
    return msgspec.json.encode(value).decode()


@get("/admin/health", sync_to_thread=True)
def health(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """What can be seen at once, and the last whole check, which reads everything."""
    analyst.require(Permission.READ)
    held = _last_check(analyst, node)
    checked = held.result if held is not None and isinstance(held.result, dict) else None
    return admin_page(
        request, analyst, "/admin/health", "health.html", findings=node.health.watch(), checked=checked,
        at=None if held is None else held.finished,
    )  # fmt: skip


def _is_ours(job: Job, analyst: Analyst) -> bool:
    """Whether it is a whole check that ended, whose result this person may read."""
    return job.kind == _CHECK and job.state is State.DONE and job.person == analyst.actor.id


def _last_check(analyst: Analyst, node: Node) -> Job | None:
    jobs = Jobs(node)
    last = next((one for one in jobs.list(analyst.actor) if _is_ours(one, analyst)), None)
    if last is None:
        return None
    try:
        return jobs.get(analyst.actor, last.id)
    except NotFound:
        return None


@post("/admin/health", status_code=200, sync_to_thread=True)
def check(analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Run every check, in the background: they read all that is held."""
    analyst.require(Permission.READ)

    def work(progress: Progress) -> object:
        found = node.health.check()
        return {"findings": msgspec.to_builtins(found), "href": "/admin/health"}

    return redirect(f"/jobs/{Jobs(node).start(analyst.actor.id, _CHECK, analyst.gettext('Whole check'), work).id}")


@get("/admin/backups", sync_to_thread=True)
def backups(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """When the last backups were made, and how one is."""
    analyst.require(Permission.BACK_UP)
    made = node.acts.list(acts={"backup"}, limit=10)
    return admin_page(
        request, analyst, "/admin/backups", "backups.html", backups=made, home=str(node.home),
        names={one.id: one.name for one in node.people.list()},
        kind=node.store.database.kind,
    )  # fmt: skip


def administration_routes() -> list[ControllerRouterHandler]:
    """The pages of Administration."""
    handlers: list[Any] = [overview, settings, health, check, backups]
    return [
        *handlers,
        *people_routes(),
        *key_routes(),
        *subscription_routes(),
        *peer_routes(),
        *act_routes(),
    ]
