"""The proxy that the tests of faults stand on: each fault is what it says, and nothing of it stays behind."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.proxy import Fault, Proxy, truncated

BODY = b"0123456789" * 1000


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers with its path, a number that grows, and a long body; /chunked in chunks."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes: without it each answer waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = f"{self.path} {len(self.asked)} ".encode() + BODY
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(body), 3000):
                part = body[start : start + 3000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/until-the-end":
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[tuple[int, list[str]]]:
    """A server: its port, and the paths that it was asked for."""
    asked: list[str] = []
    handler = type("Handler", (Origin,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(origin: tuple[int, list[str]]) -> Iterator[Proxy]:
    with Proxy(origin[0]) as made:
        yield made


@pytest.fixture
def client(proxy: Proxy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy.url, timeout=5.0, trust_env=False) as made:
        yield made


@pytest.mark.parametrize("path", ["/plain", "/chunked", "/until-the-end"])
def test_what_is_not_meddled_with_passes(client: httpx.Client, proxy: Proxy, path: str) -> None:
    for number in (1, 2, 3):
        assert client.get(path).content == f"{path} {number} ".encode() + BODY
    assert client.head("/plain").content == b""
    assert client.post("/in", content=b"abc" * 100_000).content == b"cba" * 100_000
    assert proxy.requests == [f"GET {path} HTTP/1.1"] * 3 + ["HEAD /plain HTTP/1.1", "POST /in HTTP/1.1"]
    assert proxy.faults == 0


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("cut", [-1, 0, 1, 5000])
def test_cut(client: httpx.Client, proxy: Proxy, origin: tuple[int, list[str]], cut: int, reset: bool) -> None:
    proxy.plan(Fault(cut=cut, reset=reset))
    got = b""
    with pytest.raises(httpx.TransportError), client.stream("GET", "/x") as answer:  # noqa: PT012
        for chunk in answer.iter_raw():
            got += chunk
    # A reset may take along what was not read yet; an end does not.
    assert len(got) == max(cut, 0) or (reset and len(got) <= cut)
    assert origin[1] == ["/x"], "the partner has answered all the same"
    assert client.get("/x").content == b"/x 2 " + BODY
    assert proxy.faults == 1


def test_reset_and_end_differ(proxy: Proxy) -> None:
    for reset in (False, True):
        proxy.plan(Fault(cut=-1, reset=reset))
        with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
            sock.settimeout(5)
            sock.sendall(b"GET /x HTTP/1.1\r\n\r\n")
            if reset:
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)
            else:
                assert sock.recv(1) == b""


def test_delay_and_drip(client: httpx.Client, proxy: Proxy) -> None:
    for fault, least in ((Fault(delay=0.2), 0.2), (Fault(drip=(4000, 0.1)), 0.2)):
        proxy.plan(fault)
        begin = time.monotonic()
        assert client.get("/x").status_code == 200
        assert least <= time.monotonic() - begin < 3
    begin = time.monotonic()
    client.get("/x")
    assert time.monotonic() - begin < 0.15, "only the answers that it was planned for"


def test_replay(client: httpx.Client, proxy: Proxy, origin: tuple[int, list[str]]) -> None:
    first = client.get("/page?next=1").content
    client.get("/other")
    proxy.plan(Fault(replay=True), match="/page")
    assert client.get("/other").content.startswith(b"/other 3 ")
    assert client.get("/page?next=2").content == first
    assert client.get("/page?next=2").content.startswith(b"/page?next=2 4 ")
    assert origin[1] == ["/page?next=1", "/other", "/other", "/page?next=2"]


def test_black_hole(client: httpx.Client, proxy: Proxy, origin: tuple[int, list[str]]) -> None:
    proxy.always(Fault(black_hole=True), match="/x")
    with pytest.raises(httpx.ReadTimeout):
        client.get("/x", timeout=0.1)
    assert client.get("/y").status_code == 200
    proxy.heal()
    assert client.get("/x").status_code == 200
    assert origin[1] == ["/y", "/x"]


@pytest.mark.parametrize("path", ["/x", "/chunked"])
def test_a_body_is_exchanged(client: httpx.Client, proxy: Proxy, path: str) -> None:
    proxy.plan(truncated(100), Fault(body=lambda raw: raw + b"more"), Fault(status=503), Fault(redirect="http://h/"))
    short, long, failed, moved = (client.get(path) for _ in range(4))
    assert (short.status_code, len(short.content)) == (200, 100)
    assert long.content.endswith(b"9more")
    assert (failed.status_code, failed.content) == (503, b"")
    assert (moved.status_code, moved.headers["location"]) == (302, "http://h/")


def test_endless(client: httpx.Client, proxy: Proxy) -> None:
    proxy.plan(Fault(endless=True))
    got = 0
    with client.stream("GET", "/x") as answer:
        for chunk in answer.iter_raw():
            got += len(chunk)
            if got > 5 << 20:
                break
    assert client.get("/x").status_code == 200


def test_drop_ends_what_is_open(client: httpx.Client, proxy: Proxy) -> None:
    proxy.plan(Fault(drip=(100, 0.05)))
    with pytest.raises(httpx.TransportError), client.stream("GET", "/x") as answer:  # noqa: PT012
        for _ in answer.iter_raw():
            proxy.drop()
    assert client.get("/x").status_code == 200


def test_bytes_are_carried_without_being_understood(origin: tuple[int, list[str]]) -> None:
    with Proxy(origin[0], http=False) as proxy:
        proxy.plan(Fault(), Fault(cut=300), Fault(drip=(5000, 0.05), delay=0.05), Fault(black_hole=True))
        assert httpx.get(f"{proxy.url}/x", trust_env=False).content == b"/x 1 " + BODY
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{proxy.url}/x", trust_env=False)
        assert httpx.get(f"{proxy.url}/x", trust_env=False).content == b"/x 3 " + BODY
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{proxy.url}/x", trust_env=False, timeout=0.1)
        assert origin[1] == ["/x"] * 3
        with pytest.raises(ValueError, match="nothing of answers"):
            proxy.plan(Fault(replay=True))


def test_a_partner_that_is_gone(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    with Proxy(free) as proxy, pytest.raises(httpx.TransportError):
        httpx.get(proxy.url, trust_env=False)


def test_nothing_of_it_stays(origin: tuple[int, list[str]]) -> None:
    before = set(threading.enumerate())
    proxy = Proxy(origin[0])
    proxy.always(Fault(black_hole=True))
    socks = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(5)]
    for each in socks:
        each.sendall(b"GET /x HTTP/1.1\r\n\r\n")
    begin = time.monotonic()
    proxy.close()
    assert time.monotonic() - begin < 3
    assert {thread for thread in set(threading.enumerate()) - before if thread.name.startswith("proxy")} == set()
    for each in socks:
        each.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port))


def test_one_that_is_forgotten_ends_by_itself(origin: tuple[int, list[str]]) -> None:
    proxy = Proxy(origin[0], lifetime=0.1)
    with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
        sock.settimeout(5)
        assert sock.recv(1) == b""
    proxy._acceptor.join(5)
    assert not proxy._acceptor.is_alive()
    proxy.close()
