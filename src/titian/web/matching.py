"""Private matching over HTTP, as the offering node: what is offered to who asks, the offers, the messages of a run.

Everything is checked by :class:`titian.screen.matching.Matching`; what is not open to the reader is not there.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import InternalServerException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from titian.core.errors import InvalidInput, TooLarge
from titian.node import Node
from titian.store.view import PartnerView
from titian.wire.match_client import MEDIA_TYPE, Listing

LARGEST: Final = 4 << 20
"""Bytes of a message at most: one of 2,048 values has 65 kB."""
_HEADERS: Final = {"cache-control": "private, no-store", "vary": "authorization"}
_JSON: Final = {"content-type": "application/json", **_HEADERS}
_MESSAGE: Final = {"content-type": MEDIA_TYPE, **_HEADERS}
_encode: Final = msgspec.json.Encoder().encode

Caller = NamedDependency[PartnerView]
"""How a handler asks for its reader's view."""
Here = NamedDependency[Node]
"""And for the node."""
AnyRequest = Request[Any, Any, Any]


@get("/", sync_to_thread=True)
def offers(caller: Caller, node: Here) -> ASGIResponse:
    """What the reader may ask about now."""
    return ASGIResponse(body=_encode(Listing(tuple(node.match().listing(caller.reader)))), headers=_JSON)


@get("/{offer:str}", sync_to_thread=True)
def fetch(caller: Caller, node: Here, offer: FromPath[str]) -> ASGIResponse:
    """One offer; that it is handed over is remembered before."""
    return ASGIResponse(body=node.match().fetch(caller.reader, offer), headers=_MESSAGE)


@post("/{offer:str}", status_code=200)
async def answer(caller: Caller, node: Here, request: AnyRequest, offer: FromPath[str]) -> ASGIResponse:
    """The answer to a message of a run about an offer."""
    try:
        async with asyncio.timeout(node.settings.body_seconds):
            body = await request.body()
    except InternalServerException:
        raise InvalidInput("The body broke off.", advice="Begin a new run.") from None
    if len(body) > LARGEST:
        raise TooLarge(f"A message has {LARGEST:,} bytes at most.")
    return ASGIResponse(body=await asyncio.to_thread(node.match().answer, caller.reader, offer, body), headers=_MESSAGE)


def match_router() -> Router:
    """Every endpoint of private matching."""
    return Router(path="/match", route_handlers=[offers, fetch, answer])
