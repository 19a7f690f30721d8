"""The process itself: starting, ending, a dying worker, TLS. TAXII 2.1 section 8.2.2."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
import trustme

from support.nodes import Node, end_each
from support.stix import envelope, indicator
from support.taxii import MEDIA_TYPE, accepted, basic, client_for, ok

NewNode = Callable[..., Node]


def _listening(node: Node) -> list[psutil.Process]:
    """The processes below `titian serve` that accept connections."""
    family = node.family()[1:]
    return [each for each in family if any(c.status == psutil.CONN_LISTEN for c in each.net_connections("tcp"))]


def _workers(node: Node, count: int = 2) -> list[psutil.Process]:
    """Those processes, once there are `count`: the node answers as soon as the first does."""
    deadline = time.monotonic() + 10
    while len(found := _listening(node)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(found) >= count, f"{len(found)} processes accept connections"
    return found


def test_a_worker_that_dies_is_replaced(new_node: NewNode, http: httpx.Client) -> None:
    """With two workers, one killed: the node goes on answering, and is soon whole again (Granian
    CVE-2026-42544).
    """
    own = new_node(workers=2)
    made, key = own.add_collection("kept"), own.add_key("key", "writer")
    client = client_for(own.serve(), key, http)
    client.add(made, one := indicator())
    victim = _workers(own)[-1]
    victim.kill()
    psutil.wait_procs([victim], timeout=5)
    answered = 0
    deadline = time.monotonic() + 15
    while answered < 20 and time.monotonic() < deadline:
        try:
            answered = answered + 1 if client.objects(made).status_code == 200 else 0
        except httpx.TransportError:  # a connection that the dead worker held
            answered = 0
            time.sleep(0.05)
    assert answered >= 20
    assert victim not in _workers(own), "the dead worker was not replaced"
    assert client.held(made) == [one]


def test_what_a_dead_worker_had_begun_is_finished(new_node: NewNode, http: httpx.Client) -> None:
    """All workers killed after a 202 that said `pending`: those that replace them finish the work."""
    own = new_node(workers=2)
    made, key = own.add_collection("kept"), own.add_key("key", "writer")
    client = client_for(own.serve(), key, http)
    objects = [indicator(description="x" * 4000) for _ in range(3000)]
    first = accepted(client.post(made, envelope(*objects)))  # 13 MB
    for worker in _workers(own):
        worker.kill()
    assert client.completed(first)["success_count"] == 3000
    assert [record["id"] for record in client.records(made)] == [each["id"] for each in objects]


def test_what_was_pending_when_it_was_told_to_end_is_finished(new_node: NewNode, http: httpx.Client) -> None:
    """SIGTERM after a 202 that said `pending`: finished before it ends, or when it is back."""
    own = new_node()
    made, key = own.add_collection("kept"), own.add_key("key", "writer")
    client = client_for(own.serve(), key, http)
    objects = [indicator(description="x" * 4000) for _ in range(3000)]
    first = accepted(client.post(made, envelope(*objects)))
    assert own.stop() == 0
    own.serve()
    assert client.completed(first)["success_count"] == 3000
    assert [record["id"] for record in client.records(made)] == [each["id"] for each in objects]


def test_it_ends_when_told_to(new_node: NewNode, http: httpx.Client) -> None:
    """SIGTERM: within seconds, with status 0, leaving no process; what was accepted is there afterwards."""
    own = new_node(workers=2)
    made, key = own.add_collection("kept"), own.add_key("key", "writer")
    client = client_for(own.serve(), key, http)
    client.add(made, one := indicator())
    family = own.family()
    started = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - started < 8
    assert end_each(family) == []
    own.serve()
    assert client.held(made) == [one]


def test_it_says_where_it_listens_and_then_answers(new_node: NewNode, http: httpx.Client) -> None:
    """`listening on URL` comes when it answers, not before: the very next request succeeds."""
    own = new_node().serve()
    assert own.url.startswith("http://127.0.0.1:")
    assert http.get(f"{own.url}/health").status_code == 200


def test_a_port_that_is_taken_is_an_error_in_words(new_node: NewNode) -> None:
    """Not two servers behind one port, which take turns in answering."""
    first = new_node().serve()
    second = new_node()
    done = second.serve_refused("--port", str(first.port))
    assert done.status != 0
    assert str(first.port) in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_plain_http_beyond_loopback_is_refused(new_node: NewNode) -> None:
    """Keys would cross the network in the open: it must be asked for in words."""
    own = new_node()
    done = own.serve_refused("--host", "0.0.0.0", "--port", "0")
    assert done.status != 0
    assert "listening on" not in done.stdout
    assert "tls" in (done.stdout + done.stderr).lower()


def test_a_home_is_made_once(new_node: NewNode) -> None:
    """A second `init` must not replace a node and its keys."""
    own = new_node()
    key = own.add_key("key", "reader")
    again = own.run("init", "--name", "Another", "--country", "SG")
    assert again.status != 0
    assert key.name in own.titian("keys", "list")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_node(new_node: NewNode, authority: trustme.CA, tmp_path: Path) -> Node:
    """A node with a certificate for localhost, and a key for it."""
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    return new_node().serve("--tls-cert", str(cert), "--tls-key", str(key))


def _trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_12_and_13_are_spoken(tls_node: Node, authority: trustme.CA, version: ssl.TLSVersion) -> None:
    """Section 8.2.2: MUST accept 1.2, SHOULD accept 1.3; a certificate of the right name."""
    assert tls_node.url.startswith("https://")
    context = _trusting(authority)
    context.minimum_version = context.maximum_version = version
    key = tls_node.add_key("key", "reader")
    with httpx.Client(verify=context) as client:
        answer = client.get(
            f"https://localhost:{tls_node.port}/taxii2/", auth=basic(key), headers={"Accept": MEDIA_TYPE}
        )
    ok(answer)


def test_older_tls_and_plain_http_get_nothing(tls_node: Node) -> None:
    """Section 8.2.2: TLS 1.2 or later; and no cleartext on the same port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):  # Python warns of what this test is about
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", tls_node.port), timeout=5) as plain, pytest.raises(OSError):  # noqa: PT011
        context.wrap_socket(plain).close()
    with socket.create_connection(("127.0.0.1", tls_node.port), timeout=2) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            received = plain.recv(1000)
        except OSError:
            received = b""
    assert not received.startswith(b"HTTP/1.1 2")
