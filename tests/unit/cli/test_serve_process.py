"""`titian serve` as processes: TLS 1.2 and later, a graceful end, and nobody left behind when it is killed."""

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

SECONDS = 15.0


def runs(node: Node) -> list[Path]:
    """The folders of runs of `titian serve`, which lie in the node's home."""
    return list((node.home / "run").glob("*"))


def listening(node: Node) -> list[psutil.Process]:
    """The processes below `titian serve` that accept connections."""
    family = node.family()[1:]
    return [one for one in family if accepts(one)]


def accepts(process: psutil.Process) -> bool:
    """Whether a process accepts connections; one that has just ended does not."""
    try:
        return any(c.status == psutil.CONN_LISTEN for c in process.net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False


def healthy(node: Node) -> bool:
    try:
        return httpx.get(f"{node.url}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def eventually(holds: Callable[[], bool], seconds: float = SECONDS) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


@pytest.mark.slow
def test_https_and_nothing_older(own: Node, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    own.serve("--tls-cert", str(cert), "--tls-key", str(key))
    assert own.url.startswith("https://")

    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    answer = httpx.get(f"https://localhost:{own.port}/health", verify=trusting)
    assert answer.json() == {"status": "ok"}
    assert "max-age" in answer.headers["strict-transport-security"]

    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", own.port), timeout=5) as plain,
        # The server's own words, so that it is not this side that refused.
        pytest.raises(ssl.SSLError, match=r"ALERT_(PROTOCOL_VERSION|HANDSHAKE_FAILURE)"),
    ):
        old.wrap_socket(plain)

    assert len(runs(own)) == 1
    family = own.family()
    assert own.stop() == 0
    assert end_each(family) == []
    assert runs(own) == [], "what it needed while it ran goes with it"
    assert "Traceback" not in own.log()


@pytest.mark.slow
def test_a_killed_worker_comes_back_and_a_killed_supervisor_takes_all_with_it(own: Node) -> None:
    own.serve(workers=2)
    assert eventually(lambda: len(listening(own)) == 2)
    workers = listening(own)
    workers[0].kill()
    assert eventually(lambda: len({one.pid for one in listening(own)} - {workers[0].pid}) == 2), "it came back"
    assert eventually(lambda: healthy(own))
    below = own.kill()
    assert below
    assert end_each(below, seconds=8.0) == [], "nobody goes on answering in its name"
    assert not healthy(own)


@pytest.mark.slow
def test_it_ends_gracefully_while_it_starts(own: Node) -> None:
    """SIGTERM right after it answers, twice in a row, as an impatient service manager does."""
    own.serve()
    process = own.process
    assert process is not None
    family = own.family()
    process.terminate()
    process.terminate()
    assert process.wait(SECONDS) == 0
    own.process = None
    assert end_each(family) == []
    assert runs(own) == []
