"""Who is at the console: the session cookie, the token against forged requests, and what the person may do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import msgspec
import structlog
from litestar import Request

from titian.core.errors import Forbidden, TitianError
from titian.core.login import IDLE as IDLE_MICROS
from titian.core.login import SEEN_EVERY, SESSION
from titian.core.people import Actor, Permission, Session, permitting
from titian.node import Node
from titian.web.console import language
from titian.web.console.form import Form
from titian.web.console.language import Formats
from titian.web.errors import TooMany
from titian.web.limits import Buckets, Proxies

AnyRequest = Request[Any, Any, Any]

COOKIE: Final = "titian-session"
LANGUAGE: Final = "titian-language"
ZONE: Final = "titian-zone"
CHOSEN: Final = "titian-chosen"
"""When language or zone were last chosen in this browser: what was remembered before does not hold any more."""
VISITOR: Final = "titian-visitor"
"""A random value for who is not signed in yet: the token of the form for signing in is bound to it."""
IDLE: Final = IDLE_MICROS // 1_000_000
"""Seconds without a page after which browser and node forget the session; each page begins them anew."""
FRESH: Final = 900_000_000
"""Microseconds after signing in during which somebody may change how they sign in: a browser that was left open is not
enough to move in for good."""
REMEMBERED: Final = 60.0
"""Seconds that a person's language and zone are remembered; a choice made in this browser holds at once."""
_SEEN: Final = SEEN_EVERY / 1_000_000
"""Seconds after which it is written again that somebody was seen."""
_POLLED: Final = ("/jobs/", "/ledger-view/verify/")
_POLLS: Final = ("/api/v1/live", "/api/v1/jobs/")
"""What pages ask for by themselves: in the first only what htmx asks for. Nobody need sit before them."""
PAGES_PER_SECOND: Final = 20
PAGES_AT_ONCE: Final = 200
"""Pages that one person may ask for: far more than anybody reads."""
_MOST: Final = 10_000
FIELD: Final = "csrf"
HEADER: Final = "x-csrf-token"
_TOKEN: Final = 32
_log: Final = structlog.get_logger("titian.web")


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
        masked = (int.from_bytes(mask) ^ int.from_bytes(self.bound)).to_bytes(_TOKEN)
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
        self._pages = Buckets(PAGES_PER_SECOND, PAGES_AT_ONCE)
        rate = node.settings.sign_ins_per_minute
        self._sign_ins = Buckets(rate / 60, rate)
        self._proxies = Proxies(node.settings.trusted_proxies)
        # One that writes: the event loop waits for no other writer.
        self._aside = ThreadPoolExecutor(1, "titian-seen")
        self._seen: dict[str, float] = {}
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
        held = request.cookies.get(cookie_name(VISITOR, secure=is_secure(request)), "")
        fresh = "" if held else secrets.token_urlsafe(24)
        return Visitor(**self._manners(request), bound=self._bound(b"visitor", held or fresh), fresh=fresh)

    def analyst(self, request: AnyRequest) -> Analyst:
        """Who is signed in. Raises :class:`SignInNeeded`, :class:`TooMany`, and :class:`Forged` for an unsafe request
        that does not come from a page of ours."""
        token = request.cookies.get(cookie_name(COOKIE, secure=is_secure(request)), "")
        session = self._node.people.session(token) if token else None
        if session is None:
            raise SignInNeeded(back_to(request))
        seconds = self._pages.take(session.actor.id)
        if seconds:
            raise TooMany("This person asks for too many pages.", seconds)
        request.scope["state"]["reader"] = session.actor.name
        if not is_poll(request):
            self._see(token)
        return Analyst(
            **self._manners(request, session.actor.id),
            bound=self._bound(b"session", token),
            session=session,
            fresh_until=session.expires - SESSION + FRESH,
        )

    def sign_in(self, request: AnyRequest) -> None:
        """Count an attempt to sign in. Raises :class:`TooMany` when too many come from one address."""
        seconds = self._sign_ins.take(self._proxies.client(request.scope))
        if seconds:
            raise TooMany("Too many attempts to sign in from this address.", seconds)

    def prove(self, analyst: Analyst) -> None:
        """Count an attempt of who is signed in to prove who they are, wherever they sit. Raises :class:`TooMany`."""
        seconds = self._sign_ins.take(f"person {analyst.actor.id}")
        if seconds:
            raise TooMany("This person gives too many passwords and codes.", seconds)

    def _see(self, token: str) -> None:
        """Have it written that somebody was seen, where that is due."""
        now = self._clock()
        if now < self._seen.get(token, now):
            return
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[token] = now + _SEEN
        self._aside.submit(self._write_seen, token)

    def _write_seen(self, token: str) -> None:
        try:
            self._node.people.sessions.see(token)
        except Exception as error:
            self._seen.pop(token, None)
            _log.warning("when a session was seen last cannot be written", error=str(error))

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
        zone = next((one for one in (place, held[1]) if one and one in known), settings.time_zone)
        return {
            "node_name": self._node.record.name,
            "language": tag,
            "zone": zone,
            "formats": self._formats(tag, zone),
            "secure": is_secure(request),
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


@lru_cache(maxsize=64)
def is_here(named: str) -> bool:
    """Whether a ``Host`` header names this machine itself: the only one that a browser asks over plain HTTP. Whoever
    ends TLS in front of us says http here.

    >>> [is_here(one) for one in ("localhost:8440", "127.0.0.1", "[::1]:80", "node.example", "10.0.0.1", "[::1", "")]
    [True, True, True, False, False, False, False]
    """
    try:
        host = urlsplit(f"//{named}").hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_secure(request: AnyRequest) -> bool:
    """Whether the browser has come over TLS."""
    return request.scope.get("scheme") == "https" or not is_here(request.headers.get("host", ""))


def cookie_name(name: str, *, secure: bool) -> str:
    """What a cookie is called: over TLS so that no neighbour of our host, and no plain HTTP, can set it (RFC 6265bis,
    ``__Host-``). Only the name that fits is read.

    >>> cookie_name(COOKIE, secure=True), cookie_name(COOKIE, secure=False), cookie_name(ZONE, secure=True)
    ('__Host-titian-session', 'titian-session', 'titian-zone')
    """
    return f"__Host-{name}" if secure and name in {COOKIE, VISITOR} else name


def is_poll(request: AnyRequest) -> bool:
    """Whether a page has asked by itself: that tells of nobody who sits before it."""
    path = request.scope["path"]
    if request.method not in {"GET", "HEAD"}:
        return False
    return path.startswith(_POLLS) or (request.headers.get("hx-request") == "true" and path.startswith(_POLLED))


def check_origin(request: AnyRequest) -> None:
    """Raise :class:`Forged` when a browser says that a request came from somewhere else (Fetch Metadata, RFC 6454)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise Forged("This request came from another site.", advice="Open the page on this node and send it again.")
    origin = request.headers.get("origin")
    if origin is not None and _host_of(origin) != request.headers.get("host", ""):
        raise Forged("This request came from another site.", advice="Open the page on this node and send it again.")


def _host_of(origin: str) -> str | None:
    """The host and port of an origin; ``None`` for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


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
