"""The network under the one outbound client: addresses that are checked and then used, under one deadline.

httpx decides where to connect by name. Here the name is resolved once, every address it has is judged, and
the judged address is what the socket connects to, so a name that changes its mind in between (DNS
rebinding) gains nothing. TLS still checks the certificate against the name.
"""

from __future__ import annotations

import ipaddress
import math
import select
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import httpcore
import httpx

from titian.core.errors import PeerUntrusted

Resolver = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host name, as text, best first; raises `OSError` when there are none."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SEND: Final = 64 * 1024


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of ``host`` by the system's resolver, whose own time-outs apply."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def why_not_public(address: str) -> str | None:
    """Say why ``address`` is no public unicast address, or return `None` if it is one.

    Addresses that carry another one inside (IPv4-mapped, 6to4, Teredo, NAT64) are judged by that one.

    >>> why_not_public("198.41.0.4")
    >>> why_not_public("::ffff:169.254.169.254")
    'link-local'
    """
    ip = _inner(ipaddress.ip_address(address))
    kinds = {
        "unspecified": ip.is_unspecified,
        "loopback": ip.is_loopback,
        "link-local": ip.is_link_local,
        "multicast": ip.is_multicast,
        "reserved": ip.is_reserved or getattr(ip, "is_site_local", False),
        "private": not ip.is_global,
    }
    return next((kind for kind, true in kinds.items() if true), None)


def _inner(ip: _Address) -> _Address:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo[1] if ip.teredo else None
    return ip.ipv4_mapped or ip.sixtofour or teredo or ip


class Guard:
    """What one request may still cost: time until its deadline, bytes on the wire."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Make a guard on ``clock``, in seconds; nothing is bounded before `start`."""
        self._clock = clock
        self._deadline = math.inf
        self._seconds = math.inf
        self._wire_left = 0
        self.plain = False
        self.ended = False

    def start(self, *, seconds: float, wire_bytes: int, plain: bool) -> None:
        """Begin a request that may take ``seconds`` and ``wire_bytes``; ``plain`` if it is without TLS."""
        self._seconds = seconds
        self._deadline = self._clock() + seconds
        self._wire_left = wire_bytes
        self.plain = plain
        self.ended = False

    def seconds(self, most: float | None) -> float:
        """Return how long the next step may take, or raise `PeerUntrusted` if the time is over."""
        left = self._deadline - self._clock()
        if left <= 0:
            raise PeerUntrusted(f"the answer was not complete after {self._seconds:g} seconds")
        return left if most is None else min(left, most)

    def took(self, count: int) -> None:
        """Note ``count`` bytes read from the wire; 0 means that the peer closed the connection."""
        self.ended = count == 0
        self._wire_left -= count
        if self._wire_left < 0:
            raise PeerUntrusted("the answer is larger than a node is willing to read")


class _Stream(httpcore.NetworkStream):
    def __init__(self, sock: socket.socket, host: str, guard: Guard) -> None:
        self._sock = sock
        self._host = host
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._sock.settimeout(self._guard.seconds(timeout))
        try:
            data = self._sock.recv(max_bytes)
        except TimeoutError as error:
            self._guard.seconds(None)  # the deadline, if that is what passed
            raise httpcore.ReadTimeout("no answer in time") from error
        except OSError as error:
            raise httpcore.ReadError(_reason(error)) from error
        self._guard.took(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        while view:
            self._sock.settimeout(self._guard.seconds(timeout))
            try:
                view = view[self._sock.send(view[:_SEND]) :]
            except TimeoutError as error:
                self._guard.seconds(None)
                raise httpcore.WriteTimeout("the request was not taken in time") from error
            except OSError as error:
                raise httpcore.WriteError(_reason(error)) from error

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            self._sock.settimeout(self._guard.seconds(timeout))
            wrapped = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except BaseException as error:
            self.close()
            raise self._tls_failure(error) from error
        return _Stream(wrapped, self._host, self._guard)

    def _tls_failure(self, error: BaseException) -> BaseException:
        if isinstance(error, ssl.SSLCertVerificationError):
            return PeerUntrusted(
                f"the certificate of {self._host} is not accepted: {error.verify_message}",
                advice="If its authority is private, name the authority's certificate (`ca_file`).",
            )
        if isinstance(error, TimeoutError):
            return httpcore.ConnectTimeout("no TLS handshake in time")
        if isinstance(error, ssl.SSLEOFError):
            return httpcore.ConnectError("the connection ended during the TLS handshake")
        if isinstance(error, ssl.SSLError):
            return PeerUntrusted(f"no TLS 1.2 or later with {self._host}: {error.reason or 'handshake failed'}")
        return httpcore.ConnectError(_reason(error)) if isinstance(error, OSError) else error

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._readable()
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "socket":
            return self._sock
        return None

    def _readable(self) -> bool:
        # An idle connection that is readable has been closed by the peer, or answers what nobody asked.
        if self._sock.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))


class _Backend(httpcore.NetworkBackend):
    def __init__(self, guard: Guard, resolver: Resolver, private_hosts: frozenset[str]) -> None:
        self._guard = guard
        self._resolve = resolver
        self._private_hosts = private_hosts

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure = "no address"
        for address in self._addresses(host, port):
            try:
                sock = socket.create_connection((address, port), self._guard.seconds(timeout))
            except OSError as error:
                failure = _reason(error)
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Stream(sock, host, self._guard)
        raise httpcore.ConnectError(failure)

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name {host} has no address") from error
        for address in addresses:
            self._judge(host, address)
        return addresses

    def _judge(self, host: str, address: str) -> None:
        kind = why_not_public(address)
        if self._plain_refused(kind):
            raise PeerUntrusted(f"{host} is at {address}, and plain http is for loopback only", advice="Use https.")
        if kind is None or (host in self._private_hosts and kind not in ("unspecified", "multicast")):
            return
        raise PeerUntrusted(
            f"{host} is at {address}, a {kind} address",
            advice="An administrator can allow it by naming the host (`allow_private`).",
        )

    def _plain_refused(self, kind: str | None) -> bool:
        return self._guard.plain and kind != "loopback"


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class PinnedTransport(httpx.BaseTransport):
    """An httpx transport that connects only to addresses it has judged, under the deadline of a `Guard`."""

    def __init__(
        self, *, guard: Guard, context: ssl.SSLContext, private_hosts: frozenset[str], resolver: Resolver
    ) -> None:
        """Make a transport; ``private_hosts`` may be at addresses that are not public."""
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=2,
            max_keepalive_connections=1,
            keepalive_expiry=30.0,
            network_backend=_Backend(guard, resolver, private_hosts),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; errors are those of httpcore, or `PeerUntrusted`."""
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.content,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
