"""Errors as TAXII sends them: the one place where the tree of errors meets HTTP statuses."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from titian.core.errors import (
    AlreadyExists,
    Forbidden,
    InvalidInput,
    NotFound,
    Refused,
    TitianError,
    TooLarge,
    Unavailable,
)
from titian.wire.taxii import MEDIA_TYPE, ErrorMessage


class Unauthorized(TitianError):
    """No key, or one that opens nothing here."""


class NotAcceptable(TitianError):
    """The reader wants a media type that this endpoint has not."""


class UnsupportedMediaType(TitianError):
    """The body has a media type that this endpoint does not take."""


class TooMany(TitianError):
    """More requests than one may make; ``seconds`` says when to come again."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, advice=f"Come again in {int(seconds) + 1} s.")
        self.seconds = seconds


STATUSES: Final[tuple[tuple[type[TitianError], int], ...]] = (
    (Unauthorized, 401),
    (NotAcceptable, 406),
    (UnsupportedMediaType, 415),
    (TooMany, 429),
    (NotFound, 404),
    (Forbidden, 403),
    (TooLarge, 413),
    (AlreadyExists, 409),
    (Refused, 409),
    (InvalidInput, 400),
    (Unavailable, 503),
)
"""The first that fits; anything else is 500."""

CHALLENGE: Final = 'Basic realm="titian", charset="UTF-8", Bearer realm="titian"'
_log: Final = structlog.get_logger("titian.web")


_MACHINES: Final = frozenset({"taxii2", "ledger", "match", "witness", "health", "metrics"})


def is_machines(path: str) -> bool:
    """Whether a path is asked for by programs of partners and operators, not by people or the JSON API."""
    return path.lstrip("/").partition("/")[0] in _MACHINES


def error_answer(status: int, description: str | None, *, error_id: str | None = None) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a TAXII error (TAXII 2.1 section 3.6.1), without its media type."""
    message = ErrorMessage(
        title=HTTPStatus(status).phrase, description=description, error_id=error_id, http_status=str(status)
    )
    headers = {"cache-control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = CHALLENGE
    return msgspec.json.encode(message), headers


def judge(request: Request[Any, Any, Any], error: Exception) -> tuple[int, str | None, str | None, dict[str, str]]:
    """Return the status of any error, what to tell, the id under which it was logged, and headers that belong to it.

    What we did not expect is logged under an id and told by that id only.
    """
    status, description = _status_of(error)
    error_id = None
    if status >= 500:
        # What a database or the system says can name addresses and files: it is for the log only.
        error_id = str(uuid.uuid4())
        unavailable = isinstance(error, Unavailable)
        description = "The node cannot answer now. Try again." if unavailable else "The node failed."
        description += " If it stays so, tell its administrator the error_id."
        detail = {"error": str(error)} if unavailable else {"exc_info": error}
        _log.error("request failed", error_id=error_id, path=request.scope.get("path_template", ""), **detail)
    return status, description, error_id, _extra(error)


def handle_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Turn any error into a TAXII error."""
    status, description, error_id, extra = judge(request, error)
    body, headers = error_answer(status, description, error_id=error_id)
    return Response(body, status_code=status, headers={**headers, **extra}, media_type=MEDIA_TYPE)


def _status_of(error: Exception) -> tuple[int, str | None]:
    if isinstance(error, HTTPException):
        return error.status_code, _described(error)
    if isinstance(error, TimeoutError):
        return 408, "The body took too long."
    status = next((code for kind, code in STATUSES if isinstance(error, kind)), 500)
    return status, str(error)


def _extra(error: Exception) -> dict[str, str]:
    if isinstance(error, TooMany):
        return {"retry-after": str(int(error.seconds) + 1)}
    if isinstance(error, Unavailable):
        return {"retry-after": "5"}
    if isinstance(error, HTTPException):
        allow = {name.lower(): value for name, value in (error.headers or {}).items()}.get("allow", "")
        ours = [method for method in allow.split(", ") if method not in {"", "OPTIONS"}]
        return {"allow": ", ".join(ours)} if ours else {}
    return {}


def _described(error: HTTPException) -> str | None:
    """Our own words for the framework's refusals: its own can repeat what was sent."""
    return {
        404: "There is nothing here. TAXII paths end in a slash and begin at /taxii2/.",
        405: "This path does not take this method.",
        413: "The body is larger than max_content_length.",
    }.get(error.status_code)
