"""What the open network sends: foreign hosts, odd paths, broken HTTP. Each gets a TAXII error or a closed
door.

Taught by: one WebSocket header that ends a worker (Granian CVE-2026-42544), a Host check by prefix (Litestar
CVE-2026-25479), X-Forwarded-Host (Litestar PYSEC-2026-2603).
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from support.nodes import Collection, Node
from support.rawhttp import RawAnswer, exchange, receive, request_head
from support.stix import envelope, indicator
from support.taxii import MEDIA_TYPE, Taxii, basic_header, ok, refused


@pytest.fixture(autouse=True)
def the_node_lives(reader: Taxii) -> Iterator[None]:
    """After each of these tests the node answers as before."""
    yield
    ok(reader.get("/taxii2/"))


def ask(client: Taxii, target: str, method: str = "GET", **headers: str) -> RawAnswer:
    """A request whose target is sent exactly as given, with the client's credentials."""
    assert client.key is not None
    fields = {"Accept": MEDIA_TYPE, "Authorization": basic_header(client.key)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = request_head(method, target, client.node.url, fields)
    return exchange(client.node.url, [head], method=method, seconds=3.0)


def is_error(answer: RawAnswer, *statuses: int) -> None:
    """A TAXII error, not a page of the server below or a stack trace."""
    assert answer.status in statuses, answer
    assert answer.header("Content-Type") == MEDIA_TYPE, answer
    assert json.loads(answer.body)["title"]
    assert b"Traceback" not in answer.body


# The Host


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "localhost.evil.example",
        "127x0x0x1",
        "[::1].evil.example",
        "127.0.0.1:1:2",
        "",
    ],
)
def test_a_foreign_host_is_refused(reader: Taxii, host: str) -> None:
    """A page of another site whose name was pointed at this node (DNS rebinding) gets nothing."""
    answer = ask(reader, "/taxii2/", Host=host)
    assert answer.status in (400, 403, 404, 421), answer
    assert b"api_roots" not in answer.body


def test_our_own_hosts_are_served(reader: Taxii) -> None:
    """Loopback by its names, and with the port."""
    port = urlsplit(reader.node.url).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert ask(reader, "/taxii2/", Host=host).status == 200


def test_a_forwarded_host_changes_nothing(reader: Taxii) -> None:
    """The header anybody can send is not the host (PYSEC-2026-2603)."""
    plain = ask(reader, "/taxii2/")
    told = ask(reader, "/taxii2/", X_Forwarded_Host="evil.example", Forwarded="host=evil.example")
    assert (told.status, told.body) == (plain.status, plain.body)
    bad = ask(reader, "/taxii2/", Host="evil.example", X_Forwarded_Host=urlsplit(reader.node.url).netloc)
    assert bad.status in (400, 403, 404, 421)


def test_no_host_or_two_hosts_are_a_400(reader: Taxii) -> None:
    """RFC 9112 3.2: a server MUST answer 400."""
    assert reader.key is not None
    rest = f"Accept: {MEDIA_TYPE}\r\nAuthorization: {basic_header(reader.key)}\r\nConnection: close\r\n\r\n"
    ours = f"Host: {urlsplit(reader.node.url).netloc}\r\n"
    for hosts in ("", ours + "Host: evil.example\r\n", "Host: evil.example\r\n" + ours):
        answer = exchange(reader.node.url, [f"GET /taxii2/ HTTP/1.1\r\n{hosts}{rest}".encode()])
        assert answer.status in (0, 400, 421), (hosts, answer)


# Paths


@pytest.mark.parametrize(
    "path",
    [
        "/taxii2/../taxii2/",
        "/taxii2/%2e%2e/taxii2/",
        "/taxii2/./",
        "//taxii2/",
        "/taxii2//",
        "/taxii2/%2f",
        "/taxii2%2f",
        "/taxii2%2froot/collections/",
        "/taxii2/api%2fcollections/",
        "/taxii2/api//collections/",
        "/taxii2//api/collections/",
        "/taxii2/api/collections//",
        "/taxii2/api/collections/../collections/",
        "/taxii2/%00",
        "/taxii2%00/",
        "/taxii2/;a=b",
        "/taxii2;/",
        "/taxii2/%",
        "/taxii2/%zz",
        "/taxii2/%ff%fe/",
        "/taxii2/%c0%ae%c0%ae/",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/../../../etc/passwd",
        "/taxii2/..%5c..%5cetc/",
        "/taxii2\\",
        "/.git/config",
        "/static/../../titian.db",
        "/nothing/" + "x" * 4000 + "/",
        "/nothing/" * 300,
        "*",
        "/",
    ],
)
def test_a_path_that_is_no_endpoint_is_a_taxii_error(reader: Taxii, path: str) -> None:
    """Never a redirect, a file, or the endpoint that a normalised path would be."""
    answer = ask(reader, path)
    if path == "/":  # the console may live there one day
        assert answer.status in (200, 303, 404)
        return
    is_error(answer, 400, 404, 414)


def test_tricks_inside_a_collection_stay_inside(reader: Taxii, writer: Taxii, collection: Collection) -> None:
    """An object id is compared, not walked; and it must not reach another endpoint."""
    writer.add(collection, indicator())
    base = reader.objects_path(collection)
    for trick in (
        "..",
        "%2e%2e",
        "..%2fmanifest",
        "%2e%2e%2f",
        "a%2fversions",
        "a%00",
        "%0d%0aX-Evil:1",
        "a%20b",
        "%",
    ):
        answer = ask(reader, f"{base}{trick}/")
        is_error(answer, 400, 404)
        assert answer.header("X-Evil") is None


@pytest.mark.parametrize("size", [2_000, 7_000, 20_000, 100_000, 1_000_000])
def test_a_long_query_is_answered_or_refused(reader: Taxii, collection: Collection, size: int) -> None:
    """414 or 431, or an answer; not a closed door up to a size that clients really send (7 kB)."""
    answer = ask(reader, f"{reader.objects_path(collection)}?match[id]={'x' * size}")
    wanted = (200, 400, 414, 431) if size < 8_000 else (0, 200, 400, 413, 414, 431)
    assert answer.status in wanted, answer


def test_many_parameters_are_answered_or_refused(reader: Taxii, collection: Collection) -> None:
    """Ten thousand parameters cost no more than reading them."""
    started = time.monotonic()
    answer = ask(reader, f"{reader.objects_path(collection)}?" + "a=1&" * 3000)
    assert answer.status in (200, 400, 414, 431)
    assert time.monotonic() - started < 5


def test_input_is_not_reflected_into_headers(reader: Taxii, collection: Collection) -> None:
    """RFC 9110 5.5: no header of ours holds what the request said (Granian CVE-2026-42545)."""
    for query in ("limit=0%0d%0aX-Evil:1", "next=%0d%0aX-Evil:%201", "match[type]=a%0aX-Evil:1"):
        answer = ask(reader, f"{reader.objects_path(collection)}?{query}")
        assert answer.status in (200, 400)
        assert answer.header("X-Evil") is None
        assert not any("evil" in value.lower() for _, value in answer.headers)


@pytest.mark.parametrize(
    "path",
    ["/schema", "/schema/", "/schema/openapi.json", "/schema/swagger", "/docs", "/openapi.json", "/debug/"],
)
def test_what_a_framework_would_show_is_not_shown(stranger: Taxii, path: str) -> None:
    """No description of the interface, console or debugger for who has no key."""
    answer = stranger.http.get(stranger.node.url + path)
    assert answer.status_code in (401, 404)


# Headers


def test_every_answer_carries_the_security_headers(reader: Taxii, stranger: Taxii, collection: Collection) -> None:
    """No sniffing, no shared caches, no version of the server to look up in a list of holes."""
    answers = [
        reader.get("/taxii2/"),
        reader.objects(collection),
        reader.objects(collection, {"limit": "0"}),
        reader.get("/nothing/"),
        reader.request("PUT", "/taxii2/"),
        stranger.get("/taxii2/"),
        stranger.http.get(f"{stranger.node.url}/health"),
    ]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff", answer.request.url
        directives = answer.headers["Cache-Control"]
        assert "no-store" in directives or "private" in directives or "no-cache" in directives
        assert not any(character.isdigit() for character in answer.headers.get("Server", ""))
        assert "X-Powered-By" not in answer.headers


@pytest.mark.parametrize("count", [100, 5000])
def test_many_or_large_headers_are_refused_not_stored(reader: Taxii, count: int) -> None:
    """431, 400 or a closed connection."""
    fields = {f"X-Filler-{number}": "x" * 200 for number in range(count)}
    answer = ask(reader, "/taxii2/", **fields)
    assert answer.status in (0, 200, 400, 431)


# Broken or treacherous HTTP


def _head(client: Taxii, collection: Collection, *lines: str) -> bytes:
    assert client.key is not None
    fields = [
        f"POST {client.objects_path(collection)} HTTP/1.1",
        f"Host: {urlsplit(client.node.url).netloc}",
        f"Accept: {MEDIA_TYPE}",
        f"Content-Type: {MEDIA_TYPE}",
        f"Authorization: {basic_header(client.key)}",
        *lines,
    ]
    return ("\r\n".join(fields) + "\r\n\r\n").encode()


SMUGGLED = b"GET /smuggled/ HTTP/1.1\r\nHost: x\r\n\r\n"

FRAMINGS: dict[str, tuple[list[str], bytes]] = {
    "both lengths": (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n" + SMUGGLED),
    "two lengths": (["Content-Length: 5", "Content-Length: 50"], b"12345" + SMUGGLED),
    "a list of lengths": (["Content-Length: 5, 50"], b"12345" + SMUGGLED),
    "a signed length": (["Content-Length: +5"], b"12345" + SMUGGLED),
    "a negative length": (["Content-Length: -5"], b"12345" + SMUGGLED),
    "a hexadecimal length": (["Content-Length: 0x5"], b"12345" + SMUGGLED),
    "a length beyond 64 bits": (["Content-Length: 99999999999999999999999"], b"12345" + SMUGGLED),
    "an unknown coding": (["Transfer-Encoding: xchunked"], b"0\r\n\r\n" + SMUGGLED),
    "chunked is not last": (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n" + SMUGGLED),
    "chunked twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n" + SMUGGLED),
    "a space before the colon": (["Content-Length : 5"], b"12345" + SMUGGLED),
    "a chunk size that is none": (["Transfer-Encoding: chunked"], b"zz\r\n" + SMUGGLED),
    "a negative chunk size": (["Transfer-Encoding: chunked"], b"-1\r\n" + SMUGGLED),
    "a chunk size beyond 64 bits": (["Transfer-Encoding: chunked"], b"f" * 20 + b"\r\n" + SMUGGLED),
    "a NUL in a header": (["X-A: a\0b"], b"" + SMUGGLED),
    "a bare CR in a header": (["X-A: a\rTransfer-Encoding: chunked"], b"" + SMUGGLED),
}


@pytest.mark.parametrize(("lines", "body"), FRAMINGS.values(), ids=FRAMINGS)
def test_a_doubtful_framing_is_never_two_requests(
    writer: Taxii, collection: Collection, lines: list[str], body: bytes
) -> None:
    """RFC 9112 6.3 and 11.2: what a front end reads as one request must not be two here.

    The first request is never a success; and after refusing it the connection is closed, because nobody knows
    where it ended.
    """
    received = b"".join(receive(writer.node.url, [_head(writer, collection, *lines), body], seconds=0.15))
    statuses = [line.split(b" ")[1] for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert b"202" not in statuses
    assert len(statuses) <= 1, received
    assert writer.held(collection) == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"\r\n\r\n\r\n", id="empty lines"),
        pytest.param(b"\0" * 1000, id="zeros"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="a TLS hello to a plain port"),
        pytest.param(b"GET /taxii2/\r\n\r\n", id="HTTP 0.9"),
        pytest.param(b"GET /taxii2/ HTTP/9.9\r\nHost: x\r\n\r\n", id="a version to come"),
        pytest.param(b"GET  /taxii2/  HTTP/1.1\r\nHost: x\r\n\r\n", id="spaces"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 by surprise"),
        pytest.param(b"GET http://evil.example/taxii2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", id="absolute form"),
        pytest.param(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", id="CONNECT"),
        pytest.param(b"G" * 100_000, id="an endless method"),
        pytest.param(b"GET /taxii2/ HTTP/1.1\nHost: x\n\n", id="bare line feeds"),
    ],
)
def test_broken_requests_get_no_success(reader: Taxii, request_bytes: bytes) -> None:
    received = b"".join(receive(reader.node.url, [request_bytes], seconds=0.15))
    assert not received.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2", b"HTTP/1.1 3"))
    assert b"api_roots" not in received


@pytest.mark.parametrize("path", ["/taxii2/", "/", "/ws/"])
def test_a_websocket_is_not_opened(reader: Taxii, path: str) -> None:
    """CVE-2026-42544: one such header ended a worker. WebSockets are off."""
    for version, key in (("13", "dGhlIHNhbXBsZSBub25jZQ=="), ("0", ""), ("13", "\xff")):
        answer = ask(
            reader,
            path,
            Connection="Upgrade, close",
            Upgrade="websocket",
            Sec_WebSocket_Version=version,
            Sec_WebSocket_Key=key,
        )
        assert answer.status != 101


def test_an_upgrade_to_cleartext_http2_is_ignored(reader: Taxii) -> None:
    """h2c smuggling: the upgrade is not followed."""
    answer = ask(
        reader, "/taxii2/", Connection="Upgrade, HTTP2-Settings, close", Upgrade="h2c", HTTP2_Settings="AAMAAABk"
    )
    assert answer.status != 101


def test_requests_in_one_packet_are_answered_in_order(reader: Taxii) -> None:
    """RFC 9112 9.3.2: pipelining may be old, but answers must not be swapped."""
    assert reader.key is not None
    host = urlsplit(reader.node.url).netloc
    common = f"Host: {host}\r\nAccept: {MEDIA_TYPE}\r\nAuthorization: {basic_header(reader.key)}\r\n"
    both = f"GET /taxii2/ HTTP/1.1\r\n{common}\r\nGET /nothing/ HTTP/1.1\r\n{common}Connection: close\r\n\r\n"
    received = b"".join(receive(reader.node.url, [both.encode()], seconds=3.0))
    assert received.startswith(b"HTTP/1.1 200")
    assert received.index(b"api_roots") < received.index(b"HTTP/1.1 404")


def test_half_a_request_holds_nobody_up(reader: Taxii) -> None:
    """Fifty clients that never finish their headers do not keep the fifty-first out."""
    where = urlsplit(reader.node.url)
    slow = [socket.create_connection((where.hostname or "", where.port or 0), timeout=5) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        started = time.monotonic()
        for _ in range(10):
            ok(reader.get("/taxii2/"))
        assert time.monotonic() - started < 5
    finally:
        for connection in slow:
            connection.close()


def test_secrets_do_not_reach_the_log(node: Node, writer: Taxii, collection: Collection) -> None:
    """Neither keys nor the content of objects: logs travel further than the node."""
    secret = "the-secret-name-of-a-source"
    writer.add(collection, indicator(name=secret))
    refused(writer.post(collection, envelope(indicator(name=secret))[:-5]), 400, 422)
    ok(writer.objects(collection))
    assert writer.key is not None
    assert writer.key.secret not in node.log()
    assert basic_header(writer.key).split()[1] not in node.log()
    assert secret not in node.log()
