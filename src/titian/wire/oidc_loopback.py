"""Where a browser brings the answer of an OpenID provider: an address on loopback (RFC 8252 section 7.3)."""

from __future__ import annotations

import hmac
import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs

from titian.core.errors import Unavailable
from titian.wire.oidc import Identity, Provider

PATH: Final = "/callback"
WAIT: Final = 300.0
"""Seconds that a person has for signing in with the provider."""
_LONGEST: Final = 8192
_DONE: Final = b"<!doctype html><title>Titian</title><p>Thank you. You can close this page and go back to the terminal."
_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Connection", "close"),
)


class Loopback:
    """Listens on 127.0.0.1, at a port of the system's choice, for one answer. Use it in a ``with`` block."""

    def __init__(self) -> None:
        self._answers: queue.Queue[str] = queue.Queue(maxsize=1)
        self._state = ""
        self._server = _Server(self._take)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def redirect_uri(self) -> str:
        """Where the provider is to send the browser."""
        return f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def wait(self, state: str, seconds: float = WAIT) -> str:
        """Return the query of the answer that carries this ``state``; whatever else comes is turned away.

        Raises :class:`Unavailable` when none comes in time.
        """
        self._state = state
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            raise Unavailable("The provider's answer did not come in time.", advice="Begin again.") from None

    def _take(self, query: str) -> bool:
        """Keep an answer if it is the one: a page in the same browser could send any other."""
        said = parse_qs(query, max_num_fields=20).get("state", [""])[0] if len(query) <= _LONGEST else ""
        if not self._state or not hmac.compare_digest(said.encode(), self._state.encode()):
            return False
        try:
            self._answers.put_nowait(query)
        except queue.Full:
            return False
        return True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    # A browser opens connections ahead of need and says nothing on them: none may hold up another, or the end.
    daemon_threads = True
    block_on_close = False

    def __init__(self, take: Callable[[str], bool]) -> None:
        self.take = take
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no concern of the terminal."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10
    server_version = "titian"
    sys_version = ""

    def do_GET(self) -> None:
        # The host must be the one we gave: a name that leads here is somebody else's (DNS rebinding).
        path, _, query = self.path.partition("?")
        if path != PATH or self.headers.get("Host") != f"127.0.0.1:{self.server.server_port}":
            self._answer(404, b"")
            return
        try:
            taken = self.server.take(query)
        except ValueError:
            taken = False
        self._answer(200 if taken else 400, _DONE if taken else b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in (*_HEADERS, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: the address holds the code."""


def sign_in(provider: Provider, show: Callable[[str], None], *, seconds: float = WAIT) -> Identity:
    """Sign somebody in who has a browser on this machine: ``show`` gives them the address to open.

    Raises what :meth:`titian.wire.oidc.Provider.finish` raises, and :class:`Unavailable` when nobody came back.
    """
    with Loopback() as loopback:
        attempt = provider.begin(loopback.redirect_uri)
        show(attempt.url)
        return provider.finish(attempt, loopback.wait(attempt.state, seconds))
