"""This node as a witness (C2SP tlog-witness): it cosigns what leads on from what it cosigned before.

There is no key to show: who submits a checkpoint shows that a key has signed it which this node trusts for that ledger.
An address that submits too often is held up.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from titian.core.errors import InvalidInput, NotFound, TitianError, TooLarge
from titian.core.witness import LARGEST_SUBMISSION, Answer, Submission
from titian.node import Node
from titian.web.errors import TooMany
from titian.web.limits import Buckets

SIZE_TYPE: Final = "text/x.tlog.size"
_TEXT: Final = "text/plain; charset=utf-8"
_PER_SECOND: Final = 5
_BURST: Final = 50

AnyRequest = Request[Any, Any, Any]
ThisNode = NamedDependency[Node]
Turns = NamedDependency[Buckets]
"""How often an address may submit what is not cosigned."""


def new_turns() -> Buckets:
    """How often an address may submit what is not cosigned, in one worker."""
    return Buckets(_PER_SECOND, _BURST)


def _answer(body: str, status: int = 200, kind: str = _TEXT) -> ASGIResponse:
    headers = {"content-type": kind, "cache-control": "no-store"}
    return ASGIResponse(body=body.encode(), status_code=status, headers=headers)


@post("/add-checkpoint", status_code=200)
async def add_checkpoint(node: ThisNode, request: AnyRequest, turns: Turns) -> ASGIResponse:
    """Cosign a checkpoint, or say why not (C2SP tlog-witness, add-checkpoint)."""
    client = request.scope["client"]
    seconds = turns.take(client[0] if client else "")
    if seconds:
        raise TooMany("Too many submissions from this address.", seconds)
    body = await request.body()
    try:
        if len(body) > LARGEST_SUBMISSION:
            raise TooLarge("A submission is not so large.")
        submission = Submission.parse(body)
    except TitianError as error:
        # The specification knows one status for whatever is malformed.
        raise InvalidInput(error.message) from error
    answer, line, size = node.witness.submitted(submission)
    if answer is Answer.COSIGNED and line is not None:
        return _answer(f"{line}")
    if answer is Answer.CONFLICT:
        return _answer(f"{size}\n", answer.status, SIZE_TYPE)
    return _answer(f"{answer.reason}\n", answer.status)


@get("/{origin_hash:str}/checkpoint", sync_to_thread=True)
def monitored(node: ThisNode, origin_hash: FromPath[str], caller: NamedDependency[Any]) -> ASGIResponse:
    """The last checkpoint that this node has cosigned of a ledger, by the SHA-256 of its origin, for the node's own
    organisation and for parties that may read that ledger themselves (C2SP tlog-witness, monitoring)."""
    found = node.witness.monitored(origin_hash, caller.reader.party)
    if found is None:
        raise NotFound("This witness has cosigned no such ledger.")
    return _answer(found.decode())


def witness_router() -> Router:
    """Every endpoint of the witness."""
    return Router(path="/witness", route_handlers=[add_checkpoint, monitored])
