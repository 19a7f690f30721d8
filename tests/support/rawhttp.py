"""Requests that a well-behaved client library refuses to send: exact bytes in, a parsed answer out."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from typing import cast
from urllib.parse import urlsplit


@dataclass(frozen=True)
class RawAnswer:
    """One answer; `status` 0 means that the server closed the connection without any."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class _Replay:
    """What `http.client` wants of a socket, over bytes already received."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, mode: str) -> BufferedReader:
        return cast(BufferedReader, BytesIO(self._received))


def exchange(url: str, chunks: Iterable[bytes], *, seconds: float = 10.0, method: str = "GET") -> RawAnswer:
    """Send `chunks` as they are, stop sending when the server hangs up, and parse the first answer."""
    received = b"".join(receive(url, chunks, seconds=seconds))
    if not received:
        return RawAnswer(0, (), b"")
    response = http.client.HTTPResponse(cast(socket.socket, _Replay(received)), method=method)
    response.begin()
    body = b""
    try:
        body = response.read()
    except http.client.IncompleteRead as cut:
        body = cut.partial
    return RawAnswer(response.status, tuple(response.getheaders()), body)


def receive(url: str, chunks: Iterable[bytes], *, seconds: float = 10.0) -> list[bytes]:
    """Send `chunks`, then give back all that the server sends until it closes or falls silent."""
    where = urlsplit(url)
    received: list[bytes] = []
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=seconds) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            for chunk in chunks:
                connection.sendall(chunk)
        deadline = time.monotonic() + seconds
        with suppress(TimeoutError, ConnectionResetError):
            while time.monotonic() < deadline:
                data = connection.recv(65536)
                if not data:
                    break
                received.append(data)
    return received


def request_head(method: str, target: str, url: str, headers: dict[str, str] | None = None) -> bytes:
    """A request line and headers, with `Connection: close`, exactly as given."""
    lines = [f"{method} {target} HTTP/1.1"]
    fields = {"Host": urlsplit(url).netloc, "Connection": "close"} | (headers or {})
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
