"""The one outbound HTTP client of a node. Whatever fetches from another system does it through this.

Fetching is distrust: the hosts are listed; loopback, private and link-local addresses need an
administrator's word; the address that was judged is the address that is used; redirects are errors; TLS is
always verified, there is no parameter to turn it off; nothing is read from the environment (no proxies, no
``.netrc``, no ``SSLKEYLOGFILE``); there are no cookies; bytes, time and requests are bounded; a credential
goes to its own origin and nowhere else, neither into a log nor into an error's text.

An `httpx` transport is used without `httpx.Client`: redirects, cookies, proxies and ``.netrc`` are features
of the latter, and what is not there cannot be switched on.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import email.utils
import importlib.metadata
import logging
import os
import random
import re
import ssl
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Final, NamedTuple, Self

import certifi
import httpcore
import httpx

from titian.core.errors import InvalidInput, PeerUntrusted, Unavailable
from titian.wire.outbound_body import ACCEPT_ENCODING, read_body
from titian.wire.outbound_limits import Limits
from titian.wire.outbound_net import Guard, PinnedTransport, Resolver, resolve

__all__ = ["Credential", "Limits", "Origin", "Outbound", "Reply", "clean", "parse_url"]

_log = logging.getLogger(__name__)

_TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
# A request that got one of these was not processed, so even a DELETE may be sent again.
_NOT_PROCESSED: Final = frozenset({429, 503})
_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_ERROR_BODY: Final = 64 * 1024
_CONNECTION_ERRORS: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpx.NetworkError,
    httpx.TimeoutException,
)
_PROTOCOL_ERRORS: Final = (httpcore.ProtocolError, httpx.ProtocolError, httpx.DecodingError)


class Origin(NamedTuple):
    """Scheme, host and port: what a credential is bound to (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        """Return the origin of an absolute ``url``."""
        return cls(url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS.get(url.scheme, 0))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


class Credential:
    """A key for one origin. Its text is in no ``repr``, no error and no log."""

    __slots__ = ("_header", "_secrets", "origin")

    def __init__(self, origin: Origin, key: str, *, name: str | None = None) -> None:
        """Make a Bearer credential (RFC 6750), or HTTP Basic (RFC 7617) when ``name`` is given."""
        if not key or any(unicodedata.category(letter) == "Cc" for letter in key + (name or "")):
            raise InvalidInput("A key and a name must have no control characters, and a key is not empty.")
        if name is None and not (key.isascii() and " " not in key):
            raise InvalidInput("A Bearer key must be ASCII without spaces.", advice="Give a name for Basic.")
        if name is not None and ":" in name:
            raise InvalidInput("A name for HTTP Basic must not contain a colon (RFC 7617 section 2).")
        self.origin = origin
        pair = base64.b64encode(f"{name}:{key}".encode()).decode("ascii")
        self._header = f"Bearer {key}" if name is None else f"Basic {pair}"
        self._secrets = (pair, key)

    def header_for(self, origin: Origin) -> str | None:
        """Return the ``Authorization`` header for ``origin``, `None` if it is not the credential's own."""
        return self._header if origin == self.origin else None

    def redact(self, text: str) -> str:
        """Return ``text`` without the key, should a peer have echoed it."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text

    def __repr__(self) -> str:
        return f"Credential({str(self.origin)!r})"


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body was read completely: status, headers (lower-case names), decoded body.

    ``place`` is origin and path, for messages. The body of an error (status of 400 and up) may be cut.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    place: str


class _Broken(Exception):
    """The connection failed: asking again can help."""


class Outbound:
    """An HTTP client for a listed set of hosts. One request at a time; may be shared between threads."""

    def __init__(
        self,
        *,
        hosts: Iterable[str],
        allow_private: Iterable[str] = (),
        credential: Credential | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
        transport: httpx.BaseTransport | None = None,
        resolver: Resolver = resolve,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        """Make a client that may talk to ``hosts``, of which ``allow_private`` may be at private addresses.

        ``ca_file`` (PEM) adds authorities to the public ones. ``transport`` replaces the network, for tests:
        addresses are not judged then. Plain http needs a host of ``allow_private`` that is loopback.
        """
        self.limits = limits or Limits()
        self._hosts = frozenset(hosts)
        self._private_hosts = frozenset(allow_private)
        self._credential = credential
        self._clock, self._sleep, self._chance, self._now = clock, sleep, chance, now
        self._guard = Guard(clock)
        self._lock = threading.Lock()
        self._requests = 0
        self._agent = f"titian/{importlib.metadata.version('titian')}"
        if transport is not None:
            _log.warning("a stand-in transport is in use: the addresses of peers are not judged")
        self._transport = transport or PinnedTransport(
            guard=self._guard,
            context=_public_context() if ca_file is None else _tls_context(ca_file),
            private_hosts=self._private_hosts,
            resolver=resolver,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Outbound(hosts={sorted(self._hosts)})"

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def request(
        self,
        method: str,
        url: str | httpx.URL,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        most: int | None = None,
        once: bool = False,
    ) -> Reply:
        """Send a request, again where that can help, and return the answer whatever its status is.

        429, 502, 503, 504 and broken connections are tried again with exponential back-off, full jitter and
        ``Retry-After``; other answers never. A DELETE, or whatever is to be sent ``once``, is repeated only
        when it was certainly not processed (429, 503). ``most`` bounds the decoded body (default:
        ``limits.body_bytes``).

        Raises `InvalidInput` for a URL that may not be used, `PeerUntrusted` for redirects and whatever
        breaks a bound or the protocol, `Unavailable` if no answer came.
        """
        target = parse_url(url) if isinstance(url, str) else url
        origin = self._allowed(target)
        sent = self._headers(origin, headers or {})
        once = once or method == "DELETE"
        for attempt in range(1, self.limits.attempts + 1):
            last = attempt == self.limits.attempts
            request = httpx.Request(method, target, headers=sent, content=content, extensions=self._timeouts())
            try:
                reply = self._once(request, origin, most or self.limits.body_bytes)
            except _Broken as error:
                if last or once:
                    raise Unavailable(
                        f"{origin} does not answer ({error}; tried {attempt} times).",
                        advice="Try again later, or check the address.",
                    ) from error
                pause = self._backoff(attempt)
            else:
                wanted = self._pause_wanted(reply, attempt)
                if last or wanted is None or reply.status not in (_NOT_PROCESSED if once else _TRY_AGAIN):
                    return reply
                pause = wanted
            _log.info("%s %s: next try in %.1f s", method, origin, pause)
            self._sleep(pause)
        raise AssertionError("limits.attempts is at least 1")

    def quote(self, text: str) -> str:
        """Return a peer's ``text`` fit for an error: without our key, cleaned and bounded."""
        return clean(self._credential.redact(text) if self._credential else text)

    def _allowed(self, url: httpx.URL) -> Origin:
        origin = Origin.of(url)
        if origin.host not in self._hosts:
            raise InvalidInput(f"{origin} is not among the hosts that may be asked.")
        if origin.scheme != "https" and origin.host not in self._private_hosts:
            raise InvalidInput(
                f"{origin} is not https.",
                advice="Plain http is for loopback, and only when it is named (`allow_private`).",
            )
        return origin

    def _headers(self, origin: Origin, headers: Mapping[str, str]) -> dict[str, str]:
        sent = {"User-Agent": self._agent, "Accept-Encoding": ACCEPT_ENCODING, **headers}
        authorization = self._credential.header_for(origin) if self._credential else None
        if authorization is not None:
            sent["Authorization"] = authorization
        return sent

    def _timeouts(self) -> dict[str, dict[str, float]]:
        connect, read = self.limits.connect_seconds, self.limits.read_seconds
        return {"timeout": {"connect": connect, "read": read, "write": read, "pool": connect}}

    def _once(self, request: httpx.Request, origin: Origin, most: int) -> Reply:
        place = f"{origin}{request.url.path}"
        with self._lock:
            self._requests += 1
            if self._requests > self.limits.requests:
                raise PeerUntrusted(f"More than {self.limits.requests} requests to {origin}: given up.")
            # Framing may double what is worth reading; a peer that wraps each byte is not worth it.
            wire = 2 * most + 2 * self.limits.header_bytes
            seconds = self.limits.request_seconds
            self._guard.start(seconds=seconds, wire_bytes=wire, plain=origin.scheme == "http")
            try:
                return self._exchange(request, place, most)
            except PeerUntrusted as error:
                raise PeerUntrusted(f"{place}: {error.message.rstrip('.')}.", advice=error.advice) from error
            except _CONNECTION_ERRORS as error:
                raise _Broken(str(error) or type(error).__name__) from error
            except _PROTOCOL_ERRORS as error:
                if self._guard.ended:
                    raise _Broken("the connection ended too early") from error
                raise PeerUntrusted(f"{place}: no correct HTTP/1.1: {self.quote(str(error))}.") from error

    def _exchange(self, request: httpx.Request, place: str, most: int) -> Reply:
        response = self._transport.handle_request(request)
        try:
            self._check_head(request.url, response)
            failed = response.status_code >= 400
            body = read_body(
                self._timed(response),
                response.headers.get("content-encoding", ""),
                most=min(most, _ERROR_BODY) if failed else most,
                ratio=self.limits.inflate_ratio,
                cut=failed,
            )
        finally:
            response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, body, place)

    def _timed(self, response: httpx.Response) -> Iterable[bytes]:
        stream = response.stream
        if not isinstance(stream, httpx.SyncByteStream):
            raise TypeError("the transport of an Outbound is synchronous")
        for chunk in stream:
            self._guard.seconds(None)
            yield chunk

    def _check_head(self, url: httpx.URL, response: httpx.Response) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in response.headers.raw)
        if size > self.limits.header_bytes:
            raise PeerUntrusted(f"the headers of the answer are larger than {self.limits.header_bytes} bytes")
        if 300 <= response.status_code < 400 and "location" in response.headers:
            raise PeerUntrusted(
                f"it redirects to {self._target(url, response)}, and redirects are not followed",
                advice="If that place is right, use its URL.",
            )
        if response.status_code < 200 or 300 <= response.status_code < 400:
            raise PeerUntrusted(f"it answers with status {response.status_code}, which has no sense here")

    def _target(self, url: httpx.URL, response: httpx.Response) -> str:
        try:
            target = url.join(response.headers.get("location", ""))
            return self.quote(f"{Origin.of(target)}{target.path}")
        except (httpx.InvalidURL, ValueError):
            return "a place that is no URL"

    def _backoff(self, attempt: int) -> float:
        # Full jitter: readers that were cut off together do not come back together.
        longest = min(self.limits.backoff_most_seconds, self.limits.backoff_seconds * 2.0 ** (attempt - 1))
        return longest * self._chance()

    def _pause_wanted(self, reply: Reply, attempt: int) -> float | None:
        """Return the pause before the next try, `None` if the peer wants a longer one than we give."""
        asked = reply.headers.get("retry-after", "").strip()
        seconds = 0.0
        if asked.isascii() and asked.isdigit():
            seconds = float(asked[:12])
        elif asked:
            try:
                moment = email.utils.parsedate_to_datetime(asked).astimezone(datetime.UTC)
                seconds = (moment - self._now()).total_seconds()
            except (ValueError, OverflowError, TypeError):
                seconds = 0.0
        if seconds > self.limits.retry_after_seconds:
            return None
        return max(seconds, 0.0) + self._backoff(attempt)


def parse_url(text: str) -> httpx.URL:
    """Return the absolute http(s) URL in ``text``; one with a name, password or fragment is refused.

    Raises `InvalidInput`, whose text does not repeat what was given: it may hold a password.
    """
    try:
        url = httpx.URL(text)
        Origin.of(url)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise InvalidInput("This is no URL.") from error
    if url.scheme not in _PORTS or not _HOST.fullmatch(url.raw_host):
        raise InvalidInput("A URL must start with https:// and name a host.")
    if url.userinfo:
        raise InvalidInput("A URL must not hold a name or a key.", advice="Give them beside it.")
    if url.fragment:
        raise InvalidInput("A URL must not have a fragment (#).")
    return url


def clean(text: str, *, most: int = 200) -> str:
    """Return at most ``most`` characters of ``text``, one line, without control and direction characters.

    >>> clean("no\\x1b[31m such\\r\\nthing")
    'no [31m such thing'
    """
    text = text[: most * 4]
    text = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


@lru_cache(maxsize=8)
def _public_context() -> ssl.SSLContext:
    """The context with the public authorities alone, made once: reading them takes 20 ms."""
    return _tls_context(None)


def _tls_context(ca_file: str | os.PathLike[str] | None) -> ssl.SSLContext:
    # Not `ssl.create_default_context`: it writes session keys to the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise InvalidInput(f"The certificate file {os.fspath(ca_file)} cannot be read.") from error
    return context
