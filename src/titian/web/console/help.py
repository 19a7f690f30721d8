"""Help: the six verbs, the words, the keys, and where to read on. For everybody, signed in or not."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian import __version__
from titian.node import Node
from titian.web.console.guard import AnyRequest, Someone
from titian.web.console.render import page


@get("/help", sync_to_thread=True)
def help_page(request: AnyRequest, visitor: NamedDependency[Someone], node: NamedDependency[Node]) -> ASGIResponse:
    """The page. To a stranger it says nothing of this node but whom to ask, which its TAXII discovery says too."""
    return page(request, visitor, "help/index.html", contact=node.settings.contact, version=__version__)


def help_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [help_page]
