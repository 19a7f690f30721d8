"""Signing in over OpenID Connect in the browser: to the provider, and back with its answer.

The attempt travels sealed in a cookie of its own, which is *Lax*: the browser sends a strict one only with what our own
pages ask for, and the provider's answer comes from the provider's page.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import NotFound, TitianError
from titian.node import Node
from titian.web.console.guard import AnyRequest, Guard, Someone, Visitor, check_origin, local
from titian.web.console.place import origin_of
from titian.web.console.render import keep_session, page, redirect
from titian.web.console.sealed import Sealer
from titian.web.console.sign_in import asking, held_by, not_accepted, take_up
from titian.wire.oidc import ATTEMPT, Attempt, Client, Provider, outbound

COOKIE: Final = "titian-oidc"
BACK: Final = "/sign-in/oidc/back"


class Begun(msgspec.Struct, frozen=True):
    """An attempt, the path to go to afterwards, and the token of the session that the browser has: it does not send
    that with what comes from the provider."""

    attempt: Attempt
    back: str
    before: str


@get("/sign-in/oidc", sync_to_thread=True)
def begin_oidc(
    request: AnyRequest, visitor: NamedDependency[Someone], node: NamedDependency[Node], guard: NamedDependency[Guard]
) -> ASGIResponse:
    """Send somebody to the provider."""
    _require_provider(node)
    check_origin(request)
    guard.sign_in(request)
    back = local(request.query_params.get("next", "/"))
    try:
        with outbound(node.settings.oidc_issuer, hosts=node.settings.oidc_hosts) as http:
            attempt = Provider(_client(node), http).begin(origin_of(request) + BACK)
    except TitianError:
        said = visitor.gettext("The provider does not answer as it should. Sign in otherwise, or try again later.")
        return asking(request, visitor, node, back=back, error=said, status=503)
    response = redirect(attempt.url)
    begun = Begun(attempt, back, held_by(visitor))
    _set(response, _sealer(node).seal(begun, seconds=int(ATTEMPT)), visitor, int(ATTEMPT))
    return response


@get(BACK, sync_to_thread=True)
def end_oidc(
    request: AnyRequest, visitor: NamedDependency[Someone], node: NamedDependency[Node], guard: NamedDependency[Guard]
) -> ASGIResponse:
    """Take the provider's answer, and begin the session."""
    _require_provider(node)
    guard.sign_in(request)
    begun = _sealer(node).open(request.cookies.get(COOKIE, ""), Begun)
    back = "/" if begun is None else begun.back
    try:
        if begun is None:
            raise NotFound("No attempt was begun in this browser.")
        with outbound(node.settings.oidc_issuer, hosts=node.settings.oidc_hosts) as http:
            provider = Provider(_client(node), http)
            found = provider.resume(begun.attempt).finish(
                begun.attempt, request.scope["query_string"].decode("ascii", "replace")
            )
        session = node.people.identity(found.issuer, found.subject)
    except TitianError:
        response = asking(request, visitor, node, back=back, error=not_accepted(visitor), status=422)
    else:
        # Not a redirect: a browser keeps strict cookies from one that began at another site. A page of ours goes on.
        take_up(node, session, before=begun.before)
        response = page(request, visitor, "sign_in/arrived.html", next=back)
        keep_session(response, session.token, secure=visitor.secure)
    _set(response, "", visitor, 0)
    return response


def _require_provider(node: Node) -> None:
    if not (node.settings.oidc_issuer and node.settings.oidc_client_id):
        raise NotFound("This node has no OpenID provider.")


def _client(node: Node) -> Client:
    settings = node.settings
    return Client(
        issuer=settings.oidc_issuer, id=settings.oidc_client_id, secret=settings.oidc_client_secret or None
    )  # fmt: skip


def _sealer(node: Node) -> Sealer:
    return Sealer(node.record.secret, "oidc")


def _set(response: ASGIResponse, value: str, visitor: Visitor, seconds: int) -> None:
    parts = [f"{COOKIE}={value}", f"Path={BACK}", f"Max-Age={seconds}", "HttpOnly", "SameSite=Lax"]
    if visitor.secure:
        parts.append("Secure")
    response.headers.add("set-cookie", "; ".join(parts))


def oidc_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [begin_oidc, end_oidc]
    return handlers
