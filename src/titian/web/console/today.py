"""Today: what arrived, what waits, how the partners are."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.people import Permission
from titian.node import Node
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import page


@get("/", sync_to_thread=True)
def today(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """The first page."""
    analyst.require(Permission.READ)
    return page(request, analyst, "today/index.html")


def today_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [today]
