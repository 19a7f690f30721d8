"""Who is at the console: the session cookie, the token against forged requests, and what the person may do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Request

from titian.core.errors import Forbidden, TitianError
from titian.core.people import Actor, Permission, Session, permitting
from titian.node import Node
from titian.web.console import language
from titian.web.console.form import Form
from titian.web.console.language import Formats
from titian.web.errors import TooMany
from titian.web.limits import Buckets

AnyRequest = Request[Any, Any, Any]

COOKIE: Final = "titian-session"
LANGUAGE: Final = "titian-language"
ZONE: Final = "titian-zone"
VISITOR: Final = "titian-visitor"
"""A random value for who is not signed in yet: the token of the form for signing in is bound to it."""
IDLE: Final = 3600
"""Seconds without a page after which the browser forgets the session; each page begins them anew."""
FIELD: Final = "csrf"
HEADER: Final = "x-csrf-token"
_TOKEN: Final = 32


class SignInNeeded(TitianError):
    """Nobody is signed in. ``back`` is where to go afterwards."""

    def __init__(self, back: str) -> None:
        super().__init__("Nobody is signed in.", advice="Sign in first.")
        self.back = back


class Forged(Forbidden):
    """A request that did not come from one of our own pages."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever looks at a page: how it speaks to them, and the secret that their forms' tokens are made of. ``fresh`` is
    the value of the cookie that they are to be given."""

    language: str
    zone: str
    formats: Formats
    node_name: str
    bound: bytes
    secure: bool
    fresh: str = ""

    def csrf(self) -> str:
        """A token for a form, another each time: what is compressed beside it gives nothing of it away."""
        mask = os.urandom(_TOKEN)
        masked = bytes(a ^ b for a, b in zip(mask, self.bound, strict=True))
        return base64.urlsafe_b64encode(mask + masked).decode()

    def owns(self, token: str) -> bool:
        """Whether a token was made for this visitor."""
        try:
            raw = base64.urlsafe_b64decode(token)
        except ValueError:
            return False
        if len(raw) != 2 * _TOKEN:
            return False
        return hmac.compare_digest(bytes(a ^ b for a, b in zip(raw[:_TOKEN], raw[_TOKEN:], strict=True)), self.bound)

    def gettext(self, text: str) -> str:
        """A text in the visitor's language."""
        return language.catalogue(self.language).gettext(text)


class Analyst(Visitor, frozen=True, kw_only=True):
    """A person who is signed in."""

    session: Session

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.session.actor

    def may(self, permission: Permission) -> bool:
        """Whether this person's duty permits something."""
        return self.actor.may(permission)

    def require(self, permission: Permission) -> None:
        """Raise :class:`Forbidden` where it does not, saying who may."""
        if not self.may(permission):
            who = " or ".join(str(duty) for duty in permitting(permission))
            raise Forbidden(
                f"{self.actor.name} is signed in as {self.actor.duty}, and may not {permission.replace('-', ' ')}.",
                advice=f"Ask somebody who is {who}.",
            )


class Guard:
    """Admits people to the console. Fails closed."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._key = hashlib.sha256(b"titian csrf" + node.record.secret).digest()
        self._pages = Buckets(20, 200)
        rate = node.settings.sign_ins_per_minute
        self._sign_ins = Buckets(rate / 60, rate)
        self._known: dict[tuple[str, str], Formats] = {}

    def visitor(self, request: AnyRequest) -> Visitor:
        """Whoever is at the door, signed in or not."""
        try:
            return self.analyst(request)
        except SignInNeeded:
            return self.stranger(request)

    def stranger(self, request: AnyRequest) -> Visitor:
        """Whoever is at the door, as somebody who is not signed in."""
        held = request.cookies.get(VISITOR, "")
        fresh = "" if held else secrets.token_urlsafe(24)
        return Visitor(**self._manners(request), bound=self._bound(b"visitor", held or fresh), fresh=fresh)

    def analyst(self, request: AnyRequest) -> Analyst:
        """Who is signed in. Raises :class:`SignInNeeded`, :class:`TooMany`, and :class:`Forged` for an unsafe request
        that does not come from a page of ours."""
        token = request.cookies.get(COOKIE, "")
        session = self._node.people.session(token) if token else None
        if session is None:
            raise SignInNeeded(back_to(request))
        seconds = self._pages.take(session.actor.id)
        if seconds:
            raise TooMany("This person asks for too many pages.", seconds)
        request.scope["state"]["reader"] = session.actor.name
        return Analyst(**self._manners(request), bound=self._bound(b"session", token), session=session)

    def sign_in(self, request: AnyRequest) -> None:
        """Count an attempt to sign in. Raises :class:`TooMany` when too many come from one address."""
        client = request.scope["client"]
        seconds = self._sign_ins.take(client[0] if client else "")
        if seconds:
            raise TooMany("Too many attempts to sign in from this address.", seconds)

    def _formats(self, tag: str, zone: str) -> Formats:
        found = self._known.get((tag, zone))
        if found is None:
            found = self._known[tag, zone] = Formats(tag, zone, self._node.store.clock)
        return found

    def _bound(self, purpose: bytes, value: str) -> bytes:
        return hmac.digest(self._key, purpose + b"\x00" + value.encode(), "sha256")

    def _manners(self, request: AnyRequest) -> dict[str, Any]:
        cookies, settings = request.cookies, self._node.settings
        accepted = request.headers.get("accept-language", "")
        tag = language.choose(cookies.get(LANGUAGE), accepted, settings.language)
        zone = cookies.get(ZONE, "").replace("%2F", "/")
        zone = zone if zone in language.zones() else settings.time_zone
        return {
            "node_name": self._node.record.name,
            "language": tag,
            "zone": zone,
            "formats": self._formats(tag, zone),
            "secure": request.scope.get("scheme") == "https",
        }


def check_origin(request: AnyRequest) -> None:
    """Raise :class:`Forged` when a browser says that a request came from somewhere else (Fetch Metadata, RFC 6454)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise Forged("This request came from another site.", advice="Open the page on this node and send it again.")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Forged("This request came from another site.", advice="Open the page on this node and send it again.")


def check_form(request: AnyRequest, visitor: Visitor, form: Form) -> None:
    """Raise :class:`Forged` when an unsafe request bears no token of this visitor's, in its form or in a header."""
    if request.method in {"GET", "HEAD"}:
        return
    check_origin(request)
    if not visitor.owns(request.headers.get(HEADER, "") or form.text(FIELD)):
        raise Forged("This form is too old, or not from this node.", advice="Open the page again and send it again.")


def back_to(request: AnyRequest) -> str:
    """The path to come back to after signing in: of this node, and only for what can be asked for again."""
    if request.method != "GET":
        return "/"
    query = request.scope["query_string"].decode("ascii", "replace")
    return local(request.scope["path"] + (f"?{query}" if query else ""))


def local(path: str) -> str:
    """A path of this node, or the start page for anything else: no redirect leads anywhere else.

    >>> local("/find?text=a"), local("//elsewhere.example"), local("https://elsewhere.example"), local("/\\\\e.example")
    ('/find?text=a', '/', '/', '/')
    """
    plain = path.isascii() and path.isprintable() and "\\" not in path
    if not plain or not path.startswith("/") or path.startswith("//"):
        return "/"
    return path


def sign_in_path(back: str) -> str:
    """Where to sign in, to come back to a path."""
    return "/sign-in" if back == "/" else f"/sign-in?next={quote(back, safe='')}"
