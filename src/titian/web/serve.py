"""Serve a node: the supervisor that starts the workers, says when they answer, and ends with them."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from granian.constants import Interfaces, SSLProtocols
from granian.log import LogLevels
from granian.server import Server

from titian.core.errors import InvalidInput, Refused, Unavailable

READY_WITHIN: Final = 60.0
"""Seconds that workers may take to answer."""


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to serve. ``plain_http`` allows HTTP without TLS beyond this machine, asked for in words."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8440
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    plain_http: bool = False

    @property
    def url(self) -> str:
        """The address to tell."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}/"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_listening(listening: Listening) -> Listening:
    """Return where to listen, with a free port for 0. Raises :class:`InvalidInput` or :class:`Refused`."""
    if (listening.tls_cert is None) != (listening.tls_key is None):
        raise InvalidInput("TLS needs both a certificate and a key.", advice="Give --tls-cert and --tls-key.")
    for path in (listening.tls_cert, listening.tls_key):
        if path is not None and not path.is_file():
            raise InvalidInput(f"There is no file {path}.")
    if listening.tls_cert is None and not listening.plain_http and not _is_loopback(listening.host):
        raise Refused(
            f"Without TLS, keys and intelligence would cross the network readable by anybody ({listening.host}).",
            advice="Give --tls-cert and --tls-key, or --plain-http when a proxy before this node does TLS.",
        )
    if not 1 <= listening.workers <= 64:
        raise InvalidInput(f"{listening.workers} workers cannot be started.", advice="Give 1 to 64.")
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listening.host, listening.port))
        except OSError as error:
            raise Unavailable(
                f"{listening.host} port {listening.port} cannot be used: {error.strerror}.",
                advice="Choose another --host or --port; --port 0 takes a free one.",
            ) from error
        return msgspec.structs.replace(listening, port=probe.getsockname()[1])


def serve(listening: Listening, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the URL when the node answers.

    A worker that dies is started again. Requests in hand are finished before the end.
    """
    metrics = Path(tempfile.mkdtemp(prefix="titian-metrics-"))
    # Read by the workers, which start as fresh interpreters.
    os.environ.update(
        {
            "TITIAN_SERVED_HOME": str(listening.home.absolute()),
            "TITIAN_SUPERVISOR": str(os.getpid()),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
    )
    # Threads that each keep an arena of their own would hold on to memory that one request needed once.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    server = Server(
        "titian.web.worker:build",
        factory=True,
        address=listening.host,
        port=listening.port,
        interface=Interfaces.ASGI,
        workers=listening.workers,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=20,
        ssl_cert=listening.tls_cert,
        ssl_key=listening.tls_key,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    threading.Thread(target=_announce, args=(listening, ready), daemon=True).start()
    try:
        server.serve()
    finally:
        shutil.rmtree(metrics, ignore_errors=True)


def _announce(listening: Listening, ready: Callable[[str], None]) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        if _answers(listening):
            ready(listening.url)
            return
        time.sleep(0.02)


def _answers(listening: Listening) -> bool:
    """Whether ``/health`` says 200. Asks ourselves only, and trusts no certificate but our own."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listening.host, listening.host)  # noqa: S104
    try:
        with socket.create_connection((host, listening.port), timeout=5) as plain:
            if listening.tls_cert is None:
                return _asks(plain)
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with context.wrap_socket(plain) as secured:
                return _asks(secured)
    except OSError:
        return False


def _asks(connection: socket.socket) -> bool:
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return connection.recv(64).startswith(b"HTTP/1.1 200")
