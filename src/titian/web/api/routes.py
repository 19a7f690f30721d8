"""Every route of the API under one router, with what its handlers are handed."""

from __future__ import annotations

import asyncio
import hashlib
from functools import lru_cache
from typing import Final

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.response.base import ASGIResponse

from titian.node import Node
from titian.web.access import Door, header_lines
from titian.web.api.answer import JsonAnswer
from titian.web.api.caller import Entrance, Needs, provide_caller
from titian.web.api.paging import paging_for
from titian.web.api.request import ApiRequest
from titian.web.api.route import NEEDS
from titian.web.api.schema import PATH, groups, routes, schema
from titian.web.console.guard import AnyRequest, Guard
from titian.web.console.render import page
from titian.web.live import Live

_OPENED: Final = {NEEDS: Needs(opened=True)}


@lru_cache(maxsize=1)
def _described() -> tuple[bytes, str]:
    body = msgspec.json.encode(schema())
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


@get("/openapi.json", opt=_OPENED, sync_to_thread=True, include_in_schema=False)
def described(request: AnyRequest) -> ASGIResponse:
    """The OpenAPI 3.1 document. Open to everybody: it is the same on every node."""
    body, tag = _described()
    headers = {"content-type": "application/json", "etag": tag, "cache-control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return ASGIResponse(status_code=304, headers=headers)
    return ASGIResponse(body=body, headers=headers)


@get("/", opt=_OPENED, sync_to_thread=True, include_in_schema=False)
def readable(request: AnyRequest, guard: NamedDependency[Guard]) -> ASGIResponse:
    """The same for people."""
    return page(request, guard.visitor(request), "api/index.html", groups=groups())


def api_router(node: Node, guard: Guard, door: Door) -> Router:
    """The JSON API."""
    live = Live(node)
    entrance = Entrance(node, guard, door)

    async def admit(request: AnyRequest) -> None:
        # Before anything of the request is read. Not as a guard: for each of these the framework copies the handler.
        # A key is read in a tenth of a millisecond, as for TAXII; that a person was seen may have to be written, and
        # that can wait for others.
        if header_lines(request, b"authorization"):
            entrance(request)
        else:
            await asyncio.to_thread(entrance, request)

    return Router(
        path=PATH,
        route_handlers=[described, readable, *routes()],
        before_request=admit,
        request_class=ApiRequest,
        response_class=JsonAnswer,
        dependencies={
            "caller": Provide(provide_caller, sync_to_thread=False),
            "paging": Provide(paging_for(node.record.secret), sync_to_thread=False),
            "guard": Provide(lambda: guard, sync_to_thread=False),
            "live": Provide(lambda: live, sync_to_thread=False),
        },
        response_headers={"cache-control": "no-store"},
        include_in_schema=False,
    )
