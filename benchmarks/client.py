"""A load client for HTTP/1.1 that costs little: it shares the machine's cores with the server it measures.

Answers are read into one shared buffer and not kept; only status and length are looked at. Every connection
sends its next request the moment the answer to the last is complete (a closed loop).
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlsplit

_BUFFER = memoryview(bytearray(4 << 20))
_END_OF_HEAD = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_PATIENCE = 120.0
"""Seconds without a byte after which a server counts as stuck."""


class UnexpectedAnswer(Exception):
    """The server did not answer as the benchmark needs: its figures would mean nothing."""


class Target(NamedTuple):
    """A server and how to be let in: ``url`` is scheme, host and port."""

    url: str
    authorization: str = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        split = urlsplit(self.url)
        return split.hostname or "127.0.0.1", split.port or 80

    def request(self, path: str, *, method: str = "GET", body: bytes = b"", media_type: str = "") -> bytes:
        """The bytes of one request."""
        host, port = self.address
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}"]
        lines.append("Accept: application/taxii+json;version=2.1")
        if self.authorization:
            lines.append(f"Authorization: {self.authorization}")
        if body:
            lines += [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
        return "\r\n".join((*lines, "", "")).encode() + body


class Answer(NamedTuple):
    """One answer in full."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, empty if there is none."""
        for line in self.head.decode("latin-1").split("\r\n"):
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return ""


def fetch(target: Target, request: bytes) -> Answer:
    """Send one request on a connection of its own and return the whole answer."""
    with socket.create_connection(target.address, timeout=_PATIENCE) as connection:
        return Session(connection).send(request)


class Session:
    """One blocking keep-alive connection that returns whole answers."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_PATIENCE)
        self._socket = connection

    @classmethod
    def open(cls, target: Target) -> Session:
        """Connect to ``target``."""
        return cls(socket.create_connection(target.address, timeout=_PATIENCE))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def send(self, request: bytes) -> Answer:
        """Send ``request`` and wait for its answer."""
        self._socket.sendall(request)
        parts = [self._receive()]
        while (end := parts[0].find(_END_OF_HEAD)) < 0:
            parts[0] += self._receive()
        head, first = parts[0][:end], parts[0][end + 4 :]
        status, length = _read_head(head)
        body = [first]
        if length is None:
            while not body[-1].endswith(_LAST_CHUNK):
                body.append(self._receive())
            return Answer(status, head, _dechunked(b"".join(body)))
        left = length - len(first)
        while left > 0:
            body.append(self._receive())
            left -= len(body[-1])
        return Answer(status, head, b"".join(body))

    def _receive(self) -> bytes:
        got = self._socket.recv(1 << 20)
        if not got:
            raise UnexpectedAnswer("The server closed the connection in the middle of an answer.")
        return got


def _read_head(head: bytes) -> tuple[int, int | None]:
    """Status, and the body's length, which is None when it comes in chunks."""
    lowered = head.lower()
    status = int(lowered[9:12])
    at = lowered.find(b"\r\ncontent-length:")
    if at >= 0:
        return status, int(lowered[at + 17 :].split(b"\r\n", 1)[0])
    if b"\r\ntransfer-encoding: chunked" in lowered:
        return status, None
    return status, 0


def _dechunked(body: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if not size:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


@dataclass
class Load:
    """What a closed loop did."""

    connections: int
    seconds: float = 0.0
    received: int = 0
    latencies: list[float] = field(default_factory=list)
    """Seconds for each request."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that ``share`` of the requests stay below."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class _Wire:
    """One connection of the closed loop."""

    __slots__ = ("began", "head", "left", "socket", "tail")

    def __init__(self, target: Target) -> None:
        self.socket = socket.create_connection(target.address, timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.head = b""
        self.left = -1
        """Bytes of the body to come; -1 while the head is not complete."""
        self.tail: bytes | None = None
        """The last bytes of a body that comes in chunks."""
        self.began = 0.0

    def begin(self, request: bytes) -> None:
        self.head, self.left, self.tail = b"", -1, None
        self.began = perf_counter()
        if self.socket.send(request) != len(request):
            raise UnexpectedAnswer("The request does not fit the socket's buffer; post with a Session.")

    def receive(self) -> tuple[int, bool]:
        """How many bytes were read, and whether the answer is complete."""
        got = self.socket.recv_into(_BUFFER)
        if not got:
            raise UnexpectedAnswer("The server closed the connection in the middle of an answer.")
        if self.tail is not None:
            self.tail = (self.tail + bytes(_BUFFER[max(got - 5, 0) : got]))[-5:]
            return got, self.tail == _LAST_CHUNK
        if self.left < 0:
            return got, self._read_start(bytes(_BUFFER[:got]))
        self.left -= got
        return got, self.left == 0

    def _read_start(self, got: bytes) -> bool:
        self.head += got
        end = self.head.find(_END_OF_HEAD)
        if end < 0:
            return False
        status, length = _read_head(self.head[:end])
        if status != 200:
            raise UnexpectedAnswer(f"Status {status}: {self.head[:600]!r}")
        if length is None:
            self.tail = self.head[end + 4 :][-5:]
            return self.tail == _LAST_CHUNK
        self.left = length - (len(self.head) - end - 4)
        return self.left == 0


def closed_loop(
    target: Target, requests: Sequence[bytes], *, connections: int = 1, seconds: float | None = None
) -> Load:
    """Send ``requests`` over ``connections``: all of them once, or round and round for ``seconds``."""
    wires = [_Wire(target) for _ in range(connections)]
    try:
        return _run(wires, _supply(requests, seconds))
    finally:
        for wire in wires:
            wire.socket.close()


def _supply(requests: Sequence[bytes], seconds: float | None) -> Callable[[], bytes | None]:
    def once() -> Iterator[bytes]:
        yield from requests

    def round_and_round(until: float) -> Iterator[bytes]:
        while True:
            for request in requests:
                if perf_counter() >= until:
                    return
                yield request

    source = once() if seconds is None else round_and_round(perf_counter() + seconds)
    return lambda: next(source, None)


def _run(wires: Sequence[_Wire], supply: Callable[[], bytes | None]) -> Load:
    load = Load(len(wires))
    poller = select.epoll()
    by_number = {wire.socket.fileno(): wire for wire in wires}
    busy = 0
    began = perf_counter()
    for number, wire in by_number.items():
        request = supply()
        if request is not None:
            poller.register(number, select.EPOLLIN)
            wire.begin(request)
            busy += 1
    while busy:
        ready = poller.poll(_PATIENCE)
        if not ready:
            raise UnexpectedAnswer(f"The server has not sent a byte for {_PATIENCE:.0f} s.")
        for number, _ in ready:
            wire = by_number[number]
            got, complete = wire.receive()
            load.received += got
            if not complete:
                continue
            load.latencies.append(perf_counter() - wire.began)
            request = supply()
            if request is None:
                poller.unregister(number)
                busy -= 1
            else:
                wire.begin(request)
    load.seconds = perf_counter() - began
    poller.close()
    return load
