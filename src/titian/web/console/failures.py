"""Errors as pages: what went wrong, in words, and what to do next."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from litestar import Response
from litestar.response.base import ASGIResponse

from titian.core.errors import TitianError
from titian.web.console.guard import AnyRequest, Guard, SignInNeeded, sign_in_path
from titian.web.console.render import page, redirect
from titian.web.console.words import N_
from titian.web.errors import TooMany, judge

HEADINGS: Final = {
    400: N_("This cannot be used"), 401: N_("Sign in first"), 403: N_("This is not for you"),
    404: N_("There is nothing here"), 405: N_("There is nothing here"), 408: N_("This took too long"),
    409: N_("This cannot be done now"), 413: N_("This is too large"), 429: N_("Too many requests"),
    503: N_("The node cannot answer now"),
}  # fmt: skip
_FAILED: Final = N_("The node failed")


class Ready(Response[bytes]):
    """An answer that is made already, for the framework, which wants to make it itself."""

    def __init__(self, made: ASGIResponse) -> None:
        super().__init__(b"", status_code=made.status_code)
        self._made = made

    def to_asgi_response(self, *args: Any, **named: Any) -> ASGIResponse:
        """The answer."""
        return self._made


def console_error(guard: Guard, request: AnyRequest, error: Exception) -> Ready:
    """A page for an error. Who is not signed in is sent to do so."""
    return Ready(_page(guard, request, error))


def _page(guard: Guard, request: AnyRequest, error: Exception) -> ASGIResponse:
    if isinstance(error, SignInNeeded):
        if request.headers.get("hx-request") == "true":
            return ASGIResponse(status_code=401, headers={"cache-control": "no-store"})
        return redirect(sign_in_path(error.back))
    status, text, reference, extra = judge(request, error)
    try:
        visitor = guard.stranger(request) if isinstance(error, TooMany) else guard.visitor(request)
    except TitianError:
        visitor = guard.stranger(request)
    heading = HEADINGS.get(status, _FAILED)
    response = page(
        request, visitor, "error.html", status=status, heading=visitor.gettext(heading),
        path="", text=text or HTTPStatus(status).phrase, reference=reference,
    )  # fmt: skip
    for name, value in extra.items():
        response.headers.add(name, value)
    return response
