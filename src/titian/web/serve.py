"""Serve a node: the supervisor that starts the workers, says when they answer, and ends with them."""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import socket
from pathlib import Path
from typing import Final

import msgspec
from granian.constants import Interfaces, SSLProtocols
from granian.log import LogLevels
from granian.server import Server

from titian.core.errors import InvalidInput, Refused, Unavailable

HOME: Final = "TITIAN_SERVED_HOME"
SUPERVISOR: Final = "TITIAN_SUPERVISOR"
LISTENING: Final = "TITIAN_LISTENING"
RUN: Final = "PROMETHEUS_MULTIPROC_DIR"
"""What a worker finds in its environment: the node's home, the supervisor's process id, where the node listens, and
the folder of this run, which is also where Prometheus counts."""


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to serve. ``plain_http`` allows HTTP without TLS beyond this machine, asked for in words.

    ``name`` is what was given for ``host`` where that was a name, and is what is told.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 8440
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    plain_http: bool = False
    name: str = ""

    @property
    def url(self) -> str:
        """The address to tell."""
        host = self.name or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}/"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_listening(listening: Listening) -> Listening:
    """Return where to listen: a numeric address for a name, a free port for 0.

    Raises :class:`InvalidInput` or :class:`Refused`, and :class:`Unavailable` for a name or a port that is none here.
    """
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
    try:
        family, address = _numeric(listening.host)
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, listening.port))
            port = probe.getsockname()[1]
    except (OSError, UnicodeError) as error:
        raise Unavailable(
            f"{listening.host} port {listening.port} cannot be used: {getattr(error, 'strerror', None) or error}.",
            advice="Choose another --host or --port; --port 0 takes a free one.",
        ) from error
    name = "" if ":" in listening.host or address == listening.host else listening.host
    return msgspec.structs.replace(listening, host=address, port=port, name=name)


def _numeric(host: str) -> tuple[socket.AddressFamily, str]:
    """The family and the numeric form of an address or a name; of several, one of IPv4, which every client tries."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, str(address[0])


def _run_folder(home: Path) -> Path:
    """Make the folder of this run in the node's home, and remove those of runs that were killed."""
    runs = home / "run"
    runs.mkdir(mode=0o700, exist_ok=True)
    for left in runs.iterdir():
        if not (left.name.isdigit() and _is_running(int(left.name))):
            shutil.rmtree(left, ignore_errors=True)
    run = runs / str(os.getpid())
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(mode=0o700)
    return run


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def serve(listening: Listening) -> None:
    """Serve until SIGINT or SIGTERM. The first worker that answers prints ``listening on URL``.

    A worker that dies is started again. Requests in hand are finished before the end.
    """
    run = _run_folder(listening.home)
    os.environ.update(
        {
            HOME: str(listening.home.absolute()),
            SUPERVISOR: str(os.getpid()),
            LISTENING: msgspec.json.encode((listening.host, listening.port, listening.url)).decode(),
            RUN: str(run),
        }
    )
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
    # What is here when workers are made is theirs too, page by page as long as nobody writes there: a collector that
    # walks over it would have each of them make its own copy.
    gc.collect()
    gc.freeze()
    try:
        server.serve()
    finally:
        shutil.rmtree(run, ignore_errors=True)
