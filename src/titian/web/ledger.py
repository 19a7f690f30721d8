"""Ledgers over HTTP: checkpoints and tiles as C2SP tlog-tiles has them, and what is opened to who asks.

Everything is for partners: the size of a ledger tells how much goes on under an agreement.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from titian.core.errors import InvalidInput, NotFound, TooLarge
from titian.core.merkle import parse_path
from titian.core.notes import SignedNote, VerifierKey
from titian.core.witness import LARGEST_SUBMISSION
from titian.store.view import PartnerView

OPENED_AT_ONCE: Final = 1000
"""Opened entries in one answer at most."""
_TEXT: Final = {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "private, no-cache",
    "vary": "authorization",
}
_JSON: Final = {"content-type": "application/json", "cache-control": "private, no-store", "vary": "authorization"}
_TILE: Final = {
    "content-type": "application/octet-stream",
    "cache-control": "private, max-age=604800, immutable",
    "vary": "authorization",
}
_encode: Final = msgspec.json.Encoder().encode

Caller = NamedDependency[PartnerView]
"""How a handler asks for its reader's view."""
AnyRequest = Request[Any, Any, Any]


class OpenedResource(msgspec.Struct, frozen=True):
    """An opened entry: salt and payload are base64."""

    num: int
    salt: str
    payload: str


class OpenedPage(msgspec.Struct, frozen=True):
    """Opened entries, and of how many entries the ledger's last checkpoint is."""

    size: int
    more: bool
    entries: list[OpenedResource]


@get("/", sync_to_thread=True)
def ledgers(caller: Caller) -> ASGIResponse:
    """The ledgers that the reader may read, and this node's card."""
    return ASGIResponse(body=_encode(caller.listing()), headers=_JSON)


@get("/{ledger_id:str}/checkpoint", sync_to_thread=True)
def checkpoint(caller: Caller, ledger_id: FromPath[str]) -> ASGIResponse:
    """The last checkpoint (C2SP tlog-tiles, Checkpoints)."""
    return ASGIResponse(body=caller.checkpoint(ledger_id), headers=_TEXT)


@get("/{ledger_id:str}/tile/{rest:path}", sync_to_thread=True)
def tile(caller: Caller, ledger_id: FromPath[str], rest: FromPath[str]) -> ASGIResponse:
    """A tile, or a bundle of entries (C2SP tlog-tiles, Merkle Tree and Log entries)."""
    try:
        wanted = parse_path(f"tile/{str(rest).lstrip('/')}")
    except InvalidInput as error:
        raise NotFound(error.message) from None
    return ASGIResponse(body=caller.tile(ledger_id, wanted), headers=_TILE)


@get("/{ledger_id:str}/opened", sync_to_thread=True)
def opened(caller: Caller, request: AnyRequest, ledger_id: FromPath[str]) -> ASGIResponse:
    """Entries that are opened to the reader, from the place ``after`` on."""
    text = request.query_params.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidInput("`after` is the place of an entry: a whole number.")
    found, size = caller.opened(ledger_id, after=int(text), limit=OPENED_AT_ONCE + 1)
    entries = [OpenedResource(one.num, _base64(one.salt), _base64(one.payload)) for one in found[:OPENED_AT_ONCE]]
    return ASGIResponse(body=_encode(OpenedPage(size, len(found) > OPENED_AT_ONCE, entries)), headers=_JSON)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@post("/{ledger_id:str}/cosignatures", status_code=200)
async def cosign(caller: Caller, request: AnyRequest, ledger_id: FromPath[str]) -> ASGIResponse:
    """Take a partner's cosignature: a line with its witness key, then the checkpoint that it cosigned."""
    body = await request.body()
    if len(body) > LARGEST_SUBMISSION:
        raise TooLarge("A checkpoint is not so large.")
    first, _, note = body.partition(b"\n")
    try:
        witness = VerifierKey.parse(first.decode("ascii"))
    except UnicodeDecodeError:
        raise InvalidInput("The first line is the key of the witness.") from None
    fits = caller.cosign(ledger_id, SignedNote.parse(note), witness)
    return ASGIResponse(body=_encode({"cosigned": fits}), headers=_JSON)


def ledger_router() -> Router:
    """Every endpoint of ledgers."""
    return Router(path="/ledger", route_handlers=[ledgers, checkpoint, tile, opened, cosign])
