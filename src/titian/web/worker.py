"""What a worker process runs: Granian starts it, and its environment tells it what to serve."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from litestar.types import ASGIApp

from titian.web.app import create_app
from titian.web.serve import HOME, LISTENING, RUN, SUPERVISOR

_PR_SET_PDEATHSIG: Final = 1
_MALLOC: Final = {-8: 2, -3: 8 << 20, -1: 16 << 20, -2: 4 << 20}
"""glibc's M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD (mallopt(3))."""


def die_with_the_supervisor() -> None:
    """End this worker when its supervisor is gone, even by SIGKILL: nobody may go on answering in its name."""
    supervisor = int(os.environ.get(SUPERVISOR, "0"))
    if not supervisor:
        return
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, name="titian-watch", daemon=True).start()


def keep_memory() -> None:
    """Have glibc keep the memory it once fetched from the kernel. Elsewhere without effect.

    A page of objects is over a megabyte. By default such a block is fetched and given back each time, and touching
    it again is 350 page faults: measured, 2.4 ms for a page of 1,000 objects against 0.7 ms. What is larger than
    8 MB, a large request, is given back all the same. Two arenas, because every thread would otherwise hold on to
    what one request needed once.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _MALLOC.items():
            mallopt(option, value)


def _listening() -> tuple[str, int, str]:
    return msgspec.json.decode(os.environ[LISTENING], type=tuple[str, int, str])


def announce() -> None:
    """Print ``listening on URL`` once this node answers; the first worker to see it does, once in a run."""
    host, port, url = _listening()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    while not _answers(host, port, secured=url.startswith("https")):
        time.sleep(0.01)
    with contextlib.suppress(OSError):
        os.close(os.open(Path(os.environ[RUN], "announced"), os.O_CREAT | os.O_EXCL))
        sys.stdout.write(f"listening on {url}\n")
        sys.stdout.flush()


def _answers(host: str, port: int, *, secured: bool) -> bool:
    """Whether ``/health`` says 200. Asks this node only, so its certificate need not be of a public authority."""
    try:
        with socket.create_connection((host, port), timeout=5) as plain:
            if not secured:
                return _asks(plain)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with context.wrap_socket(plain) as connection:
                return _asks(connection)
    except OSError:
        return False


def _asks(connection: socket.socket) -> bool:
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return connection.recv(64).startswith(b"HTTP/1.1 200")


def build() -> ASGIApp:
    """Make the application of the node that the environment names."""
    # Until Granian sets handlers of its own, those of the supervisor are here, and would swallow its SIGTERM.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_the_supervisor()
    keep_memory()
    _, _, url = _listening()
    app = create_app(Path(os.environ[HOME]), also=(urlsplit(url).hostname or "",))
    threading.Thread(target=announce, name="titian-announce", daemon=True).start()
    return app
