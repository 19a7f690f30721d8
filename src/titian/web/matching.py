"""Private matching over HTTP, as the offering node: what is offered to who asks, the offers, the messages of a run.

Everything is checked by :class:`titian.screen.matching.Matching`; what is not open to the reader is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import InternalServerException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from titian.core.errors import InvalidInput, TooLarge, Unavailable
from titian.node import Node
from titian.store.view import PartnerView
from titian.wire.match_client import MEDIA_TYPE, Listing

LARGEST: Final = 4 << 20
"""Bytes of a message at most: one of 2,048 values has 65 kB."""
MOST_WAITING: Final = 16
"""Messages that wait for the one in hand at most."""
_THREAD: Final = ThreadPoolExecutor(1, "titian-match")
_WAITING: Final[set[object]] = set()
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


@get("/{offer:str}")
async def fetch(caller: Caller, node: Here, offer: FromPath[str]) -> ASGIResponse:
    """One offer; that it is handed over is remembered before."""
    return ASGIResponse(body=await _in_turn(lambda: node.match().fetch(caller.reader, offer)), headers=_MESSAGE)


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
    return ASGIResponse(body=await _in_turn(lambda: node.match().answer(caller.reader, offer, body)), headers=_MESSAGE)


async def _in_turn(work: Callable[[], bytes]) -> bytes:
    """Do something in the thread of private matching. It has one of its own: others must not wait for it."""
    if len(_WAITING) >= MOST_WAITING:
        raise Unavailable("Too many ask for private matching at the same time.", advice="Try again in a moment.")
    mark = object()
    _WAITING.add(mark)
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
    finally:
        _WAITING.discard(mark)


def match_router() -> Router:
    """Every endpoint of private matching."""
    return Router(path="/match", route_handlers=[offers, fetch, answer])
