"""Where a node may listen: never beyond this machine in the clear unless that was asked for in words."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from titian.core.errors import InvalidInput, Refused, Unavailable
from titian.web.serve import Listening, check_listening


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "some.pem"
    path.write_text("-")
    return path


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost"])
def test_plain_http_is_for_this_machine(tmp_path: Path, host: str) -> None:
    checked = check_listening(Listening(home=tmp_path, host=host, port=0))
    assert checked.port > 0
    assert checked.url == f"http://{host}:{checked.port}/"


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "node.example", "localhost.evil.example", ""]
)
def test_beyond_this_machine_tls_is_needed(tmp_path: Path, host: str) -> None:
    with pytest.raises(Refused, match="--tls-cert"):
        check_listening(Listening(home=tmp_path, host=host, port=0))


def test_in_words_it_is_allowed(tmp_path: Path) -> None:
    assert check_listening(Listening(home=tmp_path, host="0.0.0.0", port=0, plain_http=True)).port > 0


def test_with_tls_it_is_allowed(tmp_path: Path, pem: Path) -> None:
    checked = check_listening(Listening(home=tmp_path, host="0.0.0.0", port=0, tls_cert=pem, tls_key=pem))
    assert checked.url.startswith("https://")


def test_an_address_of_version_6(tmp_path: Path) -> None:
    assert Listening(home=tmp_path, host="::1", port=5).url == "http://[::1]:5/"


@pytest.mark.parametrize("given", ["cert", "key"])
def test_tls_needs_both_files(tmp_path: Path, pem: Path, given: str) -> None:
    with pytest.raises(InvalidInput, match="both"):
        check_listening(
            Listening(
                home=tmp_path,
                port=0,
                tls_cert=pem if given == "cert" else None,
                tls_key=pem if given == "key" else None,
            )
        )


def test_a_missing_file_is_named(tmp_path: Path, pem: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.pem"):
        check_listening(Listening(home=tmp_path, port=0, tls_cert=tmp_path / "nowhere.pem", tls_key=pem))


@pytest.mark.parametrize("workers", [0, -1, 65])
def test_workers_are_bounded(tmp_path: Path, workers: int) -> None:
    with pytest.raises(InvalidInput, match="workers"):
        check_listening(Listening(home=tmp_path, port=0, workers=workers))


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Unavailable, match=str(port)):
            check_listening(Listening(home=tmp_path, port=port))
