"""Signing in and out, and how the console speaks to somebody: language and time zone."""

from __future__ import annotations

import secrets
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import Forbidden
from titian.core.login import HELD, PasswordHeld, Start
from titian.core.people import Session
from titian.node import Node
from titian.web.console.form import Form
from titian.web.console.guard import (
    CHOSEN,
    COOKIE,
    LANGUAGE,
    ZONE,
    Analyst,
    AnyRequest,
    Guard,
    Someone,
    Visitor,
    local,
)
from titian.web.console.language import LANGUAGES, zones
from titian.web.console.place import place_of
from titian.web.console.render import keep_session, page, redirect, set_cookie
from titian.web.console.sealed import Sealer

_YEAR: Final = 365 * 86_400


@get("/sign-in", sync_to_thread=True)
def sign_in(request: AnyRequest, visitor: NamedDependency[Someone], node: NamedDependency[Node]) -> ASGIResponse:
    """Ask for name and password. The visitor gets a cookie that the form's token is bound to."""
    return asking(request, visitor, node, back=local(request.query_params.get("next", "/")))


def asking(
    request: AnyRequest, visitor: Visitor, node: Node, *, back: str, name: str = "", error: str = "", status: int = 200
) -> ASGIResponse:
    """The page that asks, again where there is an ``error``."""
    settings = node.settings
    return page(
        request, visitor, "sign_in/index.html", status=status,
        next=back, name=name, error=error, people=bool(node.people.list()),
        passkeys=place_of(request) is not None, provider=bool(settings.oidc_issuer and settings.oidc_client_id),
    )  # fmt: skip


def not_accepted(visitor: Visitor) -> str:
    """The one answer to every refusal, in the visitor's language."""
    return visitor.gettext(
        "This sign-in is not accepted: what was given does not fit an open account, or came too often."
    )


@post("/sign-in", status_code=200, sync_to_thread=True)
def take_password(
    request: AnyRequest, visitor: NamedDependency[Someone], node: NamedDependency[Node],
    guard: NamedDependency[Guard], form: NamedDependency[Form],
) -> ASGIResponse:  # fmt: skip
    """Take name and password: a code is asked for, or the session begins."""
    guard.sign_in(request)
    name, back = form.text("name", most=200), local(form.text("next", most=2000))
    try:
        reached = node.people.password(Start().named(name), form.raw("password", most=2000))
    except Forbidden:
        return asking(request, visitor, node, back=back, name=name, error=not_accepted(visitor), status=422)
    if isinstance(reached, PasswordHeld):
        state = _sealer(node).seal(reached, seconds=HELD // 1_000_000)
        return page(request, visitor, "sign_in/code.html", next=back, state=state, error="")
    return begin(node, visitor, reached, back)


@post("/sign-in/code", status_code=200, sync_to_thread=True)
def take_code(
    request: AnyRequest, visitor: NamedDependency[Someone], node: NamedDependency[Node],
    guard: NamedDependency[Guard], form: NamedDependency[Form],
) -> ASGIResponse:  # fmt: skip
    """Take the code of the authenticator, and begin the session."""
    guard.sign_in(request)
    back = local(form.text("next", most=2000))
    held = _sealer(node).open(form.text("state", most=8000), PasswordHeld)
    try:
        if held is None:
            raise Forbidden("The password was given too long ago.")
        session = node.people.code(held, form.text("code", most=20))
    except Forbidden:
        return asking(request, visitor, node, back=back, error=not_accepted(visitor), status=422)
    return begin(node, visitor, session, back)


def _sealer(node: Node) -> Sealer:
    return Sealer(node.record.secret, "sign-in")


def begin(node: Node, visitor: Visitor, session: Session, back: str) -> ASGIResponse:
    """Begin a session in the browser and go on."""
    take_up(node, session, before=held_by(visitor))
    response = redirect(back)
    keep_session(response, session.token, secure=visitor.secure)
    return response


def held_by(visitor: Visitor) -> str:
    """The token of the session that this browser has; empty where it has none."""
    return visitor.session.token if isinstance(visitor, Analyst) else ""


def take_up(node: Node, session: Session, *, before: str) -> None:
    """Make a session one of this browser: that which it had before ends, and it ends itself where nobody is seen."""
    if before:
        node.people.sign_out(before)
    node.people.sessions.watch(session.token)


@post("/sign-out", status_code=200, sync_to_thread=True)
def sign_out(analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """End the session, here and in the node."""
    node.people.sign_out(analyst.session.token)
    response = redirect("/sign-in")
    set_cookie(response, COOKIE, "", secure=analyst.secure, seconds=0)
    response.headers.add("clear-site-data", '"cache"')
    return response


@post("/manners", status_code=200, sync_to_thread=True)
def manners(
    visitor: NamedDependency[Someone], node: NamedDependency[Node], guard: NamedDependency[Guard],
    form: NamedDependency[Form],
) -> ASGIResponse:  # fmt: skip
    """Choose language and time zone: for this browser, and for the person who is signed in."""
    response = redirect(local(form.text("next", most=2000)))
    chosen, zone = form.text("language", most=20), form.text("zone", most=100)
    tag, place = chosen if chosen in LANGUAGES else None, zone if zone in zones() else None
    if tag is not None:
        set_cookie(response, LANGUAGE, tag, secure=visitor.secure, seconds=_YEAR)
    if place is not None:
        set_cookie(response, ZONE, place.replace("/", "%2F"), secure=visitor.secure, seconds=_YEAR)
    if isinstance(visitor, Analyst) and (tag or place):
        node.people.preferences.choose(visitor.actor.id, language=tag, zone=place)
        guard.forget(visitor.actor.id)
        set_cookie(response, CHOSEN, secrets.token_hex(8), secure=visitor.secure, seconds=_YEAR)
    return response


def sign_in_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [sign_in, take_password, take_code, sign_out, manners]
    return handlers
