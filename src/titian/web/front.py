"""The outermost layer: which host we are, what every answer carries, what is counted and logged."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from titian.web.api.problem import MEDIA_TYPE as PROBLEM
from titian.web.api.problem import Problem
from titian.web.console.guard import is_here
from titian.web.errors import error_answer
from titian.wire.taxii import MEDIA_TYPE

_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
_TLS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")
_SLOW: Final = 1.0
_DRAINED: Final = 1 << 20
"""Bytes of a refused body that are read before the answer goes, and for how many seconds at most."""
_DRAINING: Final = 1.0

REQUESTS: Final = Counter("titian_requests", "Requests answered.", ["method", "route", "status"])
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0)
SECONDS: Final = Histogram("titian_request_seconds", "Time from request to answer.", ["route"], buckets=_BUCKETS)

_log: Final = structlog.get_logger("titian.web")


def host_name(header: str) -> str:
    """Return the name in a ``Host`` header, without its port.

    >>> host_name("Node.example:443"), host_name("[::1]:80"), host_name("10.0.0.1"), host_name("[::1].example")
    ('node.example', '::1', '10.0.0.1', '')
    """
    if header.startswith("["):
        name, _, rest = header[1:].partition("]")
        return name if not rest or (rest[0] == ":" and rest[1:].isdigit()) else ""
    name, colon, port = header.rpartition(":")
    return (name if colon and port.isdigit() else header).lower().rstrip(".")


class _Body:
    """The body of a request, and how far it was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = False

    async def __call__(self) -> Any:
        message = await self._receive()
        self._read = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read what is left, if it is little: where a connection is closed with something unread, the answer that was
        sent can be lost to whoever is still writing."""
        left = _DRAINED
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAINING):
                while not self._read and left > 0:
                    left -= len((await self()).get("body", b""))


class Front:
    """Wrap the application. ``hosts`` are the names it answers to, besides localhost and numeric addresses:
    a foreign name that points at us is how a browser is made to talk to a node it should not reach."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts) | {"localhost"}
        self._known: set[bytes] = set()

    def _ours(self, headers: Any) -> bool:
        given = [value for name, value in headers if name == b"host"]
        if len(given) != 1:
            return False
        if given[0] in self._known:
            return True
        try:
            name = host_name(given[0].decode("ascii"))
            ours = name in self._hosts or bool(ipaddress.ip_address(name))
        except ValueError:
            return False
        if ours and len(self._known) < 64:
            self._known.add(given[0])
        return ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if str(scope["type"]) != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        answered = 500
        extra = (*_SECURITY, _TLS_ONLY) if _is_secure(scope) else _SECURITY

        request: Any = scope
        body = None if request["method"] == "GET" else _Body(receive)

        async def send_ours(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
                if answered >= 400 and body is not None:
                    await body.drain()
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in extra if one[0] not in given)]
            await send(message)

        refusal = self._refusal(scope)
        if request["method"] == "OPTIONS":
            # The framework would answer it on every path, without a key.
            request["method"] = "TRACE"
        if refusal is not None:
            await _answer(send_ours, *refusal, api=str(request["path"]).startswith("/api/"))
        else:
            await self._app(scope, body or receive, send_ours)
        self._record(scope, answered, time.perf_counter() - begun)

    def _refusal(self, scope: Any) -> tuple[int, str] | None:
        if not self._ours(scope["headers"]):
            return 421, "This node does not answer to that host name."
        path = scope["path"]
        if path.startswith("/taxii2") and not path.endswith("/"):
            return 404, "TAXII paths end in a slash."
        # A slash that is written as %2f is part of a name for whoever stands before us, and would be a slash here.
        if "//" in path or "\x00" in path or b"%2f" in scope.get("raw_path", b"").partition(b"?")[0].lower():
            return 404, "There is nothing here."
        return None

    @staticmethod
    def _record(scope: Any, status: int, seconds: float) -> None:
        route, method = scope.get("path_template") or "none", scope["method"]
        method = method if method in {"GET", "POST", "DELETE"} else "other"
        requests, took = _measures(method, route, status)
        requests.inc()
        took.observe(seconds)
        quiet = method == "GET" and status < 400 and seconds < _SLOW
        client = scope.get("client")
        (_log.debug if quiet else _log.info)(
            "request", method=method, route=route, status=status, ms=round(seconds * 1000, 1),
            reader=scope.get("state", {}).get("reader"), client=client[0] if client else None,
        )  # fmt: skip


@lru_cache(maxsize=256)
def _measures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The counters of one kind of answer; finding them by their labels costs more than counting."""
    return REQUESTS.labels(method, route, status), SECONDS.labels(route)


def _is_secure(scope: Any) -> bool:
    """Whether whoever asks came over TLS, here or at a proxy before us: by the rule that holds for cookies."""
    if scope.get("scheme") == "https":
        return True
    return not is_here(next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1"))


async def _answer(send: Send, status: int, description: str, *, api: bool) -> None:
    body, headers = error_answer(status, description)
    kind = MEDIA_TYPE
    if api:
        said = Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=description)
        body, kind = msgspec.json.encode(said), PROBLEM
    headers |= {"content-type": kind, "content-length": str(len(body))}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    start: Any = {"type": "http.response.start", "status": status, "headers": encoded}
    end: Any = {"type": "http.response.body", "body": body, "more_body": False}
    await send(start)
    await send(end)
