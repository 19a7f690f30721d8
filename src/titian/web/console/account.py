"""My account: who I am, what I may do, how I sign in, where I am signed in, and how I want to be spoken to."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec
import segno
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import Forbidden, InvalidInput, Refused
from titian.core.passkey import handle_of
from titian.core.passwords import provisioning_uri
from titian.node import Node
from titian.web.console.form import Form
from titian.web.console.guard import COOKIE, Analyst, AnyRequest, Guard
from titian.web.console.oidc import oidc_routes
from titian.web.console.passkeys import passkey_routes, require_fresh
from titian.web.console.permits import permitted
from titian.web.console.place import place_of
from titian.web.console.render import page, redirect, set_cookie
from titian.web.console.sealed import Sealer
from titian.web.console.words import N_

_SHOWN: Final = 600
"""Seconds that a secret waits for its first code."""
_DONE: Final = {
    "codes": N_("From now on a code is asked for after your password. Your other sessions have ended."),
    "passkey-added": N_("The passkey is added: you can sign in with it."),
    "passkey-removed": N_("The passkey is removed. Remove it from your device, too."),
    "sessions": N_("The other sessions have ended."),
}


class Offered(msgspec.Struct, frozen=True):
    """A secret for codes that was shown and does not count yet, and whose session it was shown in."""

    secret: bytes
    bound: bytes


@get("/account", sync_to_thread=True)
def account(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """The page."""
    done = _DONE.get(request.query_params.get("done", ""))
    return _account(request, analyst, node, done="" if done is None else analyst.gettext(done))


def _account(
    request: AnyRequest, analyst: Analyst, node: Node, *, status: int = 200, done: str = "", wrong: str = ""
) -> ASGIResponse:
    people, actor = node.people, analyst.actor
    return page(
        request, analyst, "account/index.html", status=status,
        person=people.get(actor.id), permits=permitted(actor.duty, analyst.gettext), done=done, wrong=wrong,
        fresh=node.store.clock() < analyst.fresh_until, fits=place_of(request) is not None,
        passkeys=[(handle_of(one.id), one) for one in people.passkeys.list(actor.id)],
        sessions=people.sessions.list(actor.id, analyst.session.token),
    )  # fmt: skip


@post("/account/password", status_code=200, sync_to_thread=True)
def change_password(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    guard: NamedDependency[Guard], form: NamedDependency[Form],
) -> ASGIResponse:  # fmt: skip
    """Give oneself another password, after the old one. Every session ends, this one too."""
    guard.prove(analyst)
    new = form.raw("new", most=2000)
    try:
        if new != form.raw("again", most=2000):
            raise InvalidInput(analyst.gettext("The two new passwords differ."))
        node.people.change_password(
            analyst.actor.name, form.raw("old", most=2000), new, code=lambda: form.text("code", most=20),
            forget=form.given("forget"),
        )  # fmt: skip
    except Forbidden:
        wrong = analyst.gettext("The old password or the code is wrong, or wrong ones came too often.")
        return _account(request, analyst, node, status=422, wrong=wrong)
    except InvalidInput as error:
        return _account(request, analyst, node, status=422, wrong=str(error))
    response = redirect("/sign-in?next=%2Faccount")
    set_cookie(response, COOKIE, "", secure=analyst.secure, seconds=0)
    return response


@post("/account/codes/begin", status_code=200, sync_to_thread=True)
def offer_codes(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Show a new secret for an authenticator. It counts from its first right code on."""
    require_fresh(analyst, node)
    if node.people.get(analyst.actor.id).password is None:
        raise Refused("There is no password that a code could come after.",
                      advice="Your OpenID provider asks for codes.")  # fmt: skip
    offered = Offered(node.people.new_secret(), analyst.bound)
    return _codes(request, analyst, node, offered.secret, _sealer(node).seal(offered, seconds=_SHOWN))


@post("/account/codes", status_code=200, sync_to_thread=True)
def take_codes(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    guard: NamedDependency[Guard], form: NamedDependency[Form],
) -> ASGIResponse:  # fmt: skip
    """Take the first code of the authenticator that was shown the secret."""
    guard.prove(analyst)
    require_fresh(analyst, node)
    state = form.text("state", most=8000)
    offered = _sealer(node).open(state, Offered)
    if offered is None or offered.bound != analyst.bound:
        raise InvalidInput("This secret was shown too long ago.", advice="Begin again.")
    try:
        node.people.enrol(analyst.session.token, offered.secret, form.text("code", most=20))
    except InvalidInput as error:
        return _codes(request, analyst, node, offered.secret, state, wrong=str(error), status=422)
    return redirect("/account?done=codes")


def _codes(
    request: AnyRequest, analyst: Analyst, node: Node, secret: bytes, state: str, *, wrong: str = "", status: int = 200
) -> ASGIResponse:
    uri = provisioning_uri(secret, account=analyst.actor.name, node=node.record.name)
    return page(
        request, analyst, "account/codes.html", status=status, state=state, wrong=wrong, picture=picture(uri),
        secret=grouped(secret), uri=uri,
    )  # fmt: skip


def picture(uri: str) -> str:
    """The QR code of an address, as an image that a page can hold: nothing is fetched for it."""
    return segno.make(uri, error="m", micro=False).svg_data_uri(scale=5, border=4, light="#fff")


def grouped(secret: bytes) -> str:
    """A secret as it is typed into an authenticator: base32 in groups of four (RFC 4648)."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def _sealer(node: Node) -> Sealer:
    return Sealer(node.record.secret, "codes")


@post("/account/sessions", status_code=200, sync_to_thread=True)
def end_sessions(
    analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """End one session, or every other one."""
    sessions, handle = node.people.sessions, form.text("session", most=40)
    if handle:
        sessions.end(analyst.actor, handle)
    else:
        sessions.end_others(analyst.actor, analyst.session.token)
    return redirect("/account?done=sessions#sessions")


def account_routes() -> list[ControllerRouterHandler]:
    """The pages of this module, and of those that are about signing in beside it."""
    handlers: list[Any] = [account, change_password, offer_codes, take_codes, end_sessions]
    return [*handlers, *passkey_routes(), *oidc_routes()]
