"""Who is at the console: the session cookie, the token against forged requests, and what the person may do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Request

from titian.core.errors import Forbidden, TitianError
from titian.core.login import SESSION
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
CHOSEN: Final = "titian-chosen"
"""When language or zone were last chosen in this browser: what was remembered before does not hold any more."""
VISITOR: Final = "titian-visitor"
"""A random value for who is not signed in yet: the token of the form for signing in is bound to it."""
IDLE: Final = 3600
"""Seconds without a page after which the browser forgets the session; each page begins them anew."""
FRESH: Final = 900_000_000
"""Microseconds after signing in during which somebody may change how they sign in: a browser that was left open is not
enough to move in for good."""
REMEMBERED: Final = 60.0
"""Seconds that a person's language and zone are remembered; a choice made in this browser holds at once."""
_MOST: Final = 10_000
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
    """A person who is signed in; ``fresh_until`` is the instant until which they may change how they sign in."""

    session: Session
    fresh_until: int

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


if TYPE_CHECKING:
    Someone = Visitor
else:
    # What a handler asks for by ``visitor``. The framework checks a struct's very class: an Analyst is none of its own.
    Someone = Any


class Guard:
    """Admits people to the console. Fails closed."""

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._key = hashlib.sha256(b"titian csrf" + node.record.secret).digest()
        self._pages = Buckets(20, 200)
        rate = node.settings.sign_ins_per_minute
        self._sign_ins = Buckets(rate / 60, rate)
        self._known: dict[tuple[str, str], Formats] = {}
        self._chosen: dict[tuple[str, str], tuple[float, str | None, str | None]] = {}

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
        return Analyst(
            **self._manners(request, session.actor.id),
            bound=self._bound(b"session", token),
            session=session,
            fresh_until=session.expires - SESSION + FRESH,
        )

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

    def _manners(self, request: AnyRequest, person: str | None = None) -> dict[str, Any]:
        """How to speak to somebody: as the person chose, else this browser, else the node."""
        cookies, settings = request.cookies, self._node.settings
        held = cookies.get(LANGUAGE, ""), cookies.get(ZONE, "").replace("%2F", "/")
        chosen, place = (None, None) if person is None else self._choice(person, cookies.get(CHOSEN, "")[:40])
        accepted = request.headers.get("accept-language", "")
        tag = language.choose(chosen if chosen in language.LANGUAGES else held[0], accepted, settings.language)
        known = language.zones()
        zone = next((one for one in (place, held[1]) if one in known and one is not None), settings.time_zone)
        return {
            "node_name": self._node.record.name,
            "language": tag,
            "zone": zone,
            "formats": self._formats(tag, zone),
            "secure": request.scope.get("scheme") == "https",
        }

    def forget(self, person: str) -> None:
        """Read anew what a person has chosen."""
        for key in [key for key in self._chosen if key[0] == person]:
            self._chosen.pop(key, None)

    def _choice(self, person: str, stamp: str) -> tuple[str | None, str | None]:
        """What a person has chosen, read once a minute, and anew after each choice in this browser: so it holds at
        once, whichever worker answers."""
        now, key = self._clock(), (person, stamp)
        found = self._chosen.get(key)
        if found is None or now >= found[0]:
            if len(self._chosen) >= _MOST:
                self._chosen.clear()
            read = self._node.people.preferences.of(person)
            found = self._chosen[key] = (now + REMEMBERED, read.language, read.zone)
        return found[1:]


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
