"""Every page of the console under one router, with what its handlers are handed."""

from __future__ import annotations

from typing import Final

from litestar import Router
from litestar.di import NamedDependency, Provide

from titian.node import Node
from titian.web.console.account import account_routes
from titian.web.console.administration import administration_routes
from titian.web.console.agreements import agreements_routes
from titian.web.console.find import find_routes
from titian.web.console.form import SMALL, Form, read_form
from titian.web.console.guard import Analyst, AnyRequest, Guard, SignInNeeded, Visitor, check_form
from titian.web.console.help import help_routes
from titian.web.console.inbox import inbox_routes
from titian.web.console.jobs import jobs_routes
from titian.web.console.ledger import ledger_routes
from titian.web.console.matching import matching_routes
from titian.web.console.objects import objects_routes
from titian.web.console.recalls import recalls_routes
from titian.web.console.referrals import referrals_routes
from titian.web.console.release import release_routes
from titian.web.console.screening import screening_routes
from titian.web.console.sightings import sightings_routes
from titian.web.console.sign_in import sign_in_routes
from titian.web.console.today import today_routes
from titian.web.console.write import write_routes

_PAGES: Final = (
    account_routes,
    administration_routes,
    agreements_routes,
    find_routes,
    help_routes,
    inbox_routes,
    jobs_routes,
    ledger_routes,
    matching_routes,
    objects_routes,
    recalls_routes,
    referrals_routes,
    release_routes,
    screening_routes,
    sightings_routes,
    sign_in_routes,
    today_routes,
    write_routes,
)


def _is_known(guard: Guard, request: AnyRequest) -> bool:
    """Whether somebody is signed in, looked at before anything that they send is read."""
    try:
        guard.analyst(request)
    except SignInNeeded:
        return False
    return True


def console_router(node: Node, guard: Guard) -> Router:
    """The console."""
    most = node.settings.max_content_length

    async def provide_form(request: AnyRequest) -> Form:
        if request.method in {"GET", "HEAD"}:
            return Form([])
        known = _is_known(guard, request)
        return await read_form(
            request, most=most if known else SMALL, seconds=node.settings.body_seconds, files=known
        )  # fmt: skip

    def provide_analyst(request: AnyRequest, form: NamedDependency[Form]) -> Analyst:
        analyst = guard.analyst(request)
        check_form(request, analyst, form)
        return analyst

    def provide_visitor(request: AnyRequest, form: NamedDependency[Form]) -> Visitor:
        visitor = guard.visitor(request)
        check_form(request, visitor, form)
        return visitor

    return Router(
        path="/",
        route_handlers=[handler for routes in _PAGES for handler in routes()],
        dependencies={
            "form": Provide(provide_form),
            "analyst": Provide(provide_analyst, sync_to_thread=False),
            "visitor": Provide(provide_visitor, sync_to_thread=False),
            "guard": Provide(lambda: guard, sync_to_thread=False),
        },
    )
