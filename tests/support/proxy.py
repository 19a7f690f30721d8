"""A TCP proxy between two nodes that does to their talk what networks and hostile partners do.

::

    with Proxy(port) as proxy:
        client.get(proxy.url + "/taxii2/")               # passes
        proxy.plan(Fault(cut=500, reset=True), match="/objects/")
        client.get(...)                                  # the next answer to a request for objects breaks off
        proxy.always(Fault(delay=2.0))                   # until
        proxy.heal()

It understands as much HTTP/1.1 as is needed to tell one answer from the next. With ``http=False`` it carries bytes, as
TLS needs: then only ``delay``, ``drip``, ``cut``, ``reset`` and ``black_hole`` can be done.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

LIFETIME: Final = 120.0
"""Seconds after which a proxy that nobody closed ends by itself."""
_MOST: Final = 256 << 20
_CHUNK: Final = 65_536
_WAIT: Final = 0.2
"""Seconds after which a thread looks whether it is to end."""
_WITHOUT_BODY: Final = {204, 304}


@dataclass(frozen=True)
class Fault:
    """What is done to one answer. Several at once are done together; without any, it passes."""

    delay: float = 0.0
    """Seconds before its first byte."""
    drip: tuple[int, float] | None = None
    """So many bytes, then so many seconds of nothing, and on."""
    cut: int | None = None
    """The connection ends after so many bytes of its body (of the connection, with ``http=False``); -1: before its
    first byte. The partner has answered, all the same."""
    reset: bool = False
    """The connection ends with RST instead of FIN."""
    black_hole: bool = False
    """The request is taken, the partner never hears of it, and nothing comes back."""
    replay: bool = False
    """The last answer to the same path is given once more; the partner never hears of the request."""
    endless: bool = False
    """The body goes on without end, as fast as it is read."""
    redirect: str = ""
    """A 302 to this address."""
    status: int = 0
    """An empty answer with this status; the partner never hears of the request."""
    body: Callable[[bytes], bytes] | None = None
    """The body is exchanged for what this makes of it, and the length that the head gives with it."""


PASS: Final = Fault()


def truncated(keep: int) -> Fault:
    """An answer that is whole by HTTP, and whose body lacks what comes after ``keep`` bytes."""
    return Fault(body=lambda raw: raw[:keep])


class _Ended(Exception):
    """A connection is over."""


@dataclass
class _Message:
    """A request or an answer: its first line, its head as it came, its body without framing."""

    line: bytes
    head: bytes
    body: bytes
    raw: bytes

    @property
    def path(self) -> str:
        words = self.line.split(b" ")
        return words[1].decode("latin-1").partition("?")[0] if len(words) > 1 else ""


@dataclass
class _Stream:
    """A socket with what was read too far."""

    sock: socket.socket
    rest: bytes = field(default=b"")


class Proxy:
    """A proxy on a port of loopback that carries to ``target_port``. Close it, or use it in a ``with`` block."""

    def __init__(self, target_port: int, *, http: bool = True, lifetime: float = LIFETIME) -> None:
        self.requests: list[str] = []
        """First lines of the requests that came, in order."""
        self.faults = 0
        """Answers, or connections without ``http``, to which something was done."""
        self.sent = 0
        """Bytes that went to clients."""
        self._target = target_port
        self._http = http
        self._planned: list[tuple[Fault, str]] = []
        self._standing: tuple[Fault, str] = (PASS, "")
        self._answers: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._deadline = time.monotonic() + lifetime
        self._sockets: set[socket.socket] = set()
        self._dropped: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_WAIT)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"proxy {self.port}", daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # What is done

    def plan(self, *faults: Fault, match: str = "") -> None:
        """Do these to the next answers, one each, to requests whose first line holds ``match``."""
        with self._lock:
            self._planned += [(self._fitting(fault), match) for fault in faults]

    def always(self, fault: Fault, match: str = "") -> None:
        """Do this to every answer that nothing else is planned for, until :meth:`heal`."""
        with self._lock:
            self._standing = (self._fitting(fault), match)

    def heal(self) -> None:
        """Do nothing any more."""
        with self._lock:
            self._planned.clear()
            self._standing = (PASS, "")

    def drop(self) -> None:
        """End every connection that is open, with RST; new ones are taken."""
        with self._lock:
            self._dropped |= self._sockets

    def _fitting(self, fault: Fault) -> Fault:
        if not self._http and (fault.replay or fault.endless or fault.redirect or fault.status or fault.body):
            raise ValueError("a proxy of bytes knows nothing of answers")
        return fault

    def _next(self, line: str) -> Fault:
        with self._lock:
            self.requests.append(line)
            fitting = (each for each in self._planned if each[1] in line)
            planned = next(fitting, None)
            if planned is not None:
                self._planned.remove(planned)
            fault, match = planned or self._standing
            fault = fault if match in line else PASS
            self.faults += fault != PASS
            return fault

    # Its life

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection, and wait until every thread has ended."""
        self._stop.set()
        self._listener.close()
        self._acceptor.join(10)
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        left = [thread.name for thread in (self._acceptor, *self._threads) if thread.is_alive()]
        assert not left, f"threads of a proxy that do not end: {left}"
        assert not self._sockets, "sockets of a proxy that are open"

    @property
    def _over(self) -> bool:
        return self._stop.is_set() or time.monotonic() > self._deadline

    def _accept(self) -> None:
        with self._listener:
            while not self._over:
                try:
                    client, _ = self._listener.accept()
                except TimeoutError:
                    continue
                except OSError:
                    return
                thread = threading.Thread(target=self._serve, args=(client,), name=f"proxy {self.port}", daemon=True)
                self._threads = [each for each in self._threads if each.is_alive()] + [thread]
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        upstream = socket.socket()
        with self._lock:
            self._sockets |= {client, upstream}
        try:
            for each in (client, upstream):
                each.settimeout(_WAIT)
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upstream.connect(("127.0.0.1", self._target))
            if self._http:
                while True:
                    self._exchange(_Stream(client), _Stream(upstream))
            self._carry(client, upstream)
        except (_Ended, OSError):
            # Either side is gone, or the fault was to end it.
            pass
        finally:
            with self._lock:
                if client in self._dropped:
                    _reset(client)
                self._sockets -= {client, upstream}
                self._dropped -= {client, upstream}
                client.close()
                upstream.close()

    # HTTP: one request and its answer

    def _exchange(self, client: _Stream, upstream: _Stream) -> None:
        request = self._message(client, answer_to=None)
        fault = self._next(request.line.decode("latin-1"))
        if fault.black_hole:
            self._swallow(client.sock)
        known = self._answers.get(request.path)
        if fault.status:
            raw = f"HTTP/1.1 {fault.status} Fault\r\nContent-Length: 0\r\n\r\n".encode()
        elif fault.redirect:
            raw = f"HTTP/1.1 302 Found\r\nLocation: {fault.redirect}\r\nContent-Length: 0\r\n\r\n".encode()
        elif fault.replay and known is not None:
            raw = known
        else:
            self._send_all(upstream.sock, request.raw, counted=False)
            answer = self._message(upstream, answer_to=request.line)
            self._answers[request.path] = raw = answer.raw
            if fault.endless:
                self._send_endless(client.sock, answer)
            if fault.body is not None:
                changed = fault.body(answer.body)
                raw = _reframed(answer, b"Content-Length: %d\r\n" % len(changed)) + changed
        head = raw.index(b"\r\n\r\n") + 4
        self._send(client.sock, raw, fault, None if fault.cut is None else 0 if fault.cut < 0 else head + fault.cut)
        if b"connection: close" in raw[:head].lower():
            raise _Ended

    def _message(self, stream: _Stream, answer_to: bytes | None) -> _Message:
        """Read a request, or the answer to one."""
        head = self._until(stream, b"\r\n\r\n")
        line = head.partition(b"\r\n")[0]
        fields = {
            name.strip().lower(): value.strip().lower()
            for name, _, value in (one.partition(b":") for one in head.split(b"\r\n")[1:])
        }
        status = int(line.split(b" ")[1]) if answer_to is not None else 0
        if 100 <= status < 200:
            return self._message(stream, answer_to)
        if status in _WITHOUT_BODY or (answer_to is not None and answer_to.startswith(b"HEAD ")):
            return _Message(line, head, b"", head)
        if fields.get(b"transfer-encoding") == b"chunked":
            body = framed = b""
            while True:
                size = self._until(stream, b"\r\n")
                chunk = self._exactly(stream, int(size.split(b";")[0], 16) + 2)
                framed += size + chunk
                body += chunk[:-2]
                if len(chunk) == 2:
                    return _Message(line, head, body, head + framed)
        if b"content-length" in fields:
            body = self._exactly(stream, int(fields[b"content-length"]))
            return _Message(line, head, body, head + body)
        if answer_to is None:
            return _Message(line, head, b"", head)
        body = self._to_end(stream)
        return _Message(line, head, body, _reframed(_Message(line, head, body, b""), b"Connection: close\r\n") + body)

    def _until(self, stream: _Stream, mark: bytes) -> bytes:
        while mark not in stream.rest:
            stream.rest += self._receive(stream.sock)
            self._bounded(len(stream.rest))
        found, _, stream.rest = stream.rest.partition(mark)
        return found + mark

    def _exactly(self, stream: _Stream, size: int) -> bytes:
        self._bounded(size)
        parts, have = [stream.rest], len(stream.rest)
        while have < size:
            parts.append(self._receive(stream.sock))
            have += len(parts[-1])
        whole = b"".join(parts)
        stream.rest = whole[size:]
        return whole[:size]

    def _to_end(self, stream: _Stream) -> bytes:
        parts = [stream.rest]
        with suppress(_Ended):
            while True:
                parts.append(self._receive(stream.sock))
                self._bounded(sum(map(len, parts)))
        return b"".join(parts)

    @staticmethod
    def _bounded(size: int) -> None:
        if size > _MOST:
            raise _Ended

    def _receive(self, sock: socket.socket) -> bytes:
        while not self._over and sock not in self._dropped:
            try:
                read = sock.recv(_CHUNK)
            except TimeoutError:
                continue
            if not read:
                raise _Ended
            return read
        raise _Ended

    # Towards the client

    def _send(self, sock: socket.socket, raw: bytes, fault: Fault, end: int | None) -> None:
        """Send an answer, or the beginning of it, as a fault has it."""
        self._wait(fault.delay)
        size, every = fault.drip or (_CHUNK, 0.0)
        shown = raw if end is None else raw[:end]
        for start in range(0, len(shown), size):
            if start:
                self._wait(every)
            self._send_all(sock, shown[start : start + size])
        if end is not None:
            self._end(sock, fault)

    def _end(self, sock: socket.socket, fault: Fault) -> None:
        if fault.reset:
            _reset(sock)
        raise _Ended

    def _send_all(self, sock: socket.socket, raw: bytes, *, counted: bool = True) -> None:
        view = memoryview(raw)
        while view:
            if self._over or sock in self._dropped:
                raise _Ended
            try:
                count = sock.send(view)
            except TimeoutError:
                continue
            view = view[count:]
            with self._lock:
                self.sent += count if counted else 0

    def _send_endless(self, sock: socket.socket, answer: _Message) -> None:
        self._send_all(sock, _reframed(answer, b"Transfer-Encoding: chunked\r\n"))
        more = answer.body or b" "
        filling = b" " * _CHUNK
        while True:
            self._send_all(sock, b"%x\r\n%s\r\n" % (len(more), more))
            more = filling

    def _swallow(self, sock: socket.socket) -> None:
        """Read whatever comes, and say nothing, until the other side gives up."""
        while True:
            self._receive(sock)

    def _wait(self, seconds: float) -> None:
        if seconds and self._stop.wait(min(seconds, max(0.0, self._deadline - time.monotonic()))):
            raise _Ended

    # Bytes, when they are not to be understood

    def _carry(self, client: socket.socket, upstream: socket.socket) -> None:
        fault = self._next("")
        left = fault.cut
        if left is not None and left < 0:
            self._end(client, fault)
        first = True
        with selectors.DefaultSelector() as selector:
            for each in (client, upstream):
                selector.register(each, selectors.EVENT_READ)
            while not self._over:
                for key, _ in selector.select(_WAIT):
                    read = self._receive(client if key.fileobj is client else upstream)
                    if key.fileobj is client:
                        if not fault.black_hole:
                            self._send_all(upstream, read, counted=False)
                        continue
                    if first:
                        self._wait(fault.delay)
                        first = False
                    end = None if left is None or len(read) < left else left
                    self._send(client, read, Fault(drip=fault.drip, reset=fault.reset), end)
                    left = None if left is None else left - len(read)


def _reframed(answer: _Message, framing: bytes) -> bytes:
    """The head of an answer with another framing of its body."""
    dropped = (b"content-length:", b"transfer-encoding:", b"connection:")
    lines = [line for line in answer.head.split(b"\r\n")[:-2] if not line.lower().startswith(dropped)]
    return b"\r\n".join(lines) + b"\r\n" + framing + b"\r\n"


def _reset(sock: socket.socket) -> None:
    """Have the connection end with RST when it is closed."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
