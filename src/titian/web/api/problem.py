"""Errors as problem details for HTTP (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Meta

from titian.core.errors import TitianError
from titian.web.console.guard import SignInNeeded
from titian.web.errors import Unauthorized, judge

MEDIA_TYPE: Final = "application/problem+json"
_BLANK: Final = "about:blank"
_CHALLENGE: Final = 'Bearer realm="titian"'
"""Basic is taken too, and not offered: a browser would ask its reader for a key in the middle of a page."""
_OURS: Final = {
    400: ("What was sent does not fit what this takes.", "GET /api/v1/openapi.json says what it takes."),
    404: ("There is nothing here.", "GET /api/v1/ lists what there is."),
    405: ("This path does not take this method.", "The header Allow says which it takes."),
    413: ("The body is larger than max_content_length.", "Send it in parts."),
}


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request: where, and what."""

    at: Annotated[str, Meta(description="The parameter, or the path in the body.", examples=["limit"])]
    message: Annotated[str, Meta(examples=["Expected `int` <= 200"])]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong, as RFC 9457 has it, with what to do next."""

    type: Annotated[str, Meta(description="Always about:blank: the status says what kind it is.")]
    title: Annotated[str, Meta(description="The name of the status.", examples=["Not Found"])]
    status: Annotated[int, Meta(description="The HTTP status.", ge=400, le=599, examples=[404])]
    detail: Annotated[str | None, Meta(description="What is wrong, in a sentence.")] = None
    advice: Annotated[str | None, Meta(description="What to do next.")] = None
    instance: Annotated[str | None, Meta(description="The path that was asked for.")] = None
    error_id: Annotated[str | None, Meta(description="For 5xx: under which number the log has it.")] = None
    errors: Annotated[list[Fault], Meta(description="For 400: each thing that does not fit the schema.")] = []


def problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Turn any error into problem details."""
    error = _known(error)
    status, text, error_id, headers = judge(request, error)
    detail, advice = text, None
    if status in _OURS and isinstance(error, HTTPException):
        detail, advice = _OURS[status]
    elif error_id is None and isinstance(error, TitianError):
        detail, advice = error.message, error.advice
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {**headers, "www-authenticate": _CHALLENGE}
    made = Problem(
        type=_BLANK, title=HTTPStatus(status).phrase, status=status, detail=detail, advice=advice,
        instance=request.scope["path"][:500], error_id=error_id, errors=_faults(error),
    )  # fmt: skip
    return Response(
        msgspec.json.encode(made), status_code=status, media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store", **headers},
    )  # fmt: skip


def _known(error: Exception) -> Exception:
    """Who is not signed in, as this face says it."""
    if isinstance(error, SignInNeeded):
        return Unauthorized("Nobody is signed in, and no key was sent.", advice="Send a key as HTTP Bearer or Basic.")
    return error


def _faults(error: Exception) -> list[Fault]:
    extra = error.extra if isinstance(error, HTTPException) else None
    if not isinstance(extra, list):
        return []
    told = [one for one in extra[:50] if isinstance(one, dict) and one.get("message")]
    return [
        Fault("body", "It is missing.") if one.get("key") == "data" else Fault(str(one.get("key")), str(one["message"]))
        for one in told
    ]
