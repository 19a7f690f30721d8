"""The one outbound client: where it may go, whom it believes, what it bears, and what it never tells."""

from __future__ import annotations

import datetime
import gzip
import inspect
import logging
import socketserver
import ssl
import threading
import tracemalloc
import unicodedata
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import zstandard
from hypothesis import given
from hypothesis import strategies as st

import hostile
from titian.core.errors import InvalidInput, PeerUntrusted, TitianError, Unavailable
from titian.wire.outbound import Credential, Limits, Origin, Outbound, clean, parse_url
from titian.wire.outbound_body import read_body
from titian.wire.outbound_net import why_not_public
from titian.wire.taxii_client import TaxiiClient

HOST = "taxii.test"
KEY = hostile.HIDDEN
NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


def at_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


# ---- TLS ----


class TlsServer:
    """Answers every request with 200 and ``{}`` over TLS; notes the names that clients ask for (SNI)."""

    def __init__(self, certificate: trustme.LeafCert, most: ssl.TLSVersion | None = None) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self.context)
        if most is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                self.context.minimum_version = ssl.TLSVersion.TLSv1
                self.context.maximum_version = most
        self.names: list[str | None] = []
        self.requests: list[bytes] = []
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handle)
        self.tcp.daemon_threads = True
        self.thread = threading.Thread(target=self.tcp.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.tcp.server_address[1]}/"

    def __enter__(self) -> TlsServer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.tcp.shutdown()
        self.tcp.server_close()
        self.thread.join()

    def _handle(self, raw: Any, address: Any, server: Any) -> None:
        raw.settimeout(10)
        try:
            with self.context.wrap_socket(raw, server_side=True) as sock, sock.makefile("rb") as file:
                while (line := file.readline()).strip():
                    self.requests.append(line)
                    while file.readline().strip():
                        pass
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except OSError:
            pass  # the client did not like the certificate


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def outbound(**more: Any) -> Outbound:
    options: dict[str, Any] = {"hosts": {HOST}, "allow_private": {HOST}, "resolver": at_loopback}
    return Outbound(**{**options, "sleep": lambda seconds: None, "limits": Limits(attempts=2), **more})


def test_a_private_authority_is_added_and_the_name_is_still_checked(authority: trustme.CA, ca_file: Path) -> None:
    calls: list[str] = []

    def resolver(host: str, port: int) -> Sequence[str]:
        calls.append(host)
        return ["127.0.0.1"] if len(calls) == 1 else ["10.0.0.1"]

    with TlsServer(authority.issue_cert(HOST)) as server:
        with outbound(ca_file=ca_file, resolver=resolver) as http:
            assert http.request("GET", server.url).body == b"{}"
            assert http.request("GET", server.url).status == 200
        assert server.names == [HOST]
        assert len(server.requests) == 2
    assert calls == [HOST], "a name is resolved once for a connection: the judged address is the used one"


def expired(authority: trustme.CA) -> trustme.LeafCert:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return authority.issue_cert(HOST, not_before=past, not_after=past + datetime.timedelta(days=1))


@pytest.mark.parametrize(
    ("issue", "trusted"),
    [
        (lambda authority: authority.issue_cert(HOST), False),
        (lambda authority: authority.issue_cert("other.test"), True),
        (expired, True),
        (lambda authority: trustme.CA().issue_cert(HOST), True),
        (lambda authority: authority.issue_cert("127.0.0.1"), True),
    ],
    ids=["unknown-authority", "wrong-host", "expired", "other-authority", "address-instead-of-name"],
)
def test_a_bad_certificate_is_refused_at_once_and_nothing_is_sent(
    issue: Callable[[trustme.CA], trustme.LeafCert], trusted: bool, authority: trustme.CA, ca_file: Path
) -> None:
    pauses: list[float] = []
    with TlsServer(issue(authority)) as server:
        http = outbound(ca_file=ca_file if trusted else None, sleep=pauses.append)
        with http, pytest.raises(PeerUntrusted, match="certificate"):
            http.request("GET", server.url)
        assert server.requests == []
    assert pauses == []


def test_an_older_tls_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    server = TlsServer(authority.issue_cert(HOST), most=ssl.TLSVersion.TLSv1_1)
    with server, outbound(ca_file=ca_file) as http, pytest.raises(PeerUntrusted, match=r"TLS 1\.2"):
        http.request("GET", server.url)


def test_a_server_without_tls_is_refused() -> None:
    with hostile.Server(hostile.ROWS[0]) as server, outbound() as http:
        url = server.url.replace("http://127.0.0.1", f"https://{HOST}")
        with pytest.raises((PeerUntrusted, Unavailable)):
            http.request("GET", url)
        assert server.calls == []


def test_there_is_no_way_to_turn_verification_off() -> None:
    for maker in (Outbound, TaxiiClient):
        parameters = inspect.signature(maker).parameters
        assert not any("verify" in name or "insecure" in name for name in parameters)
        assert not any(entry.kind is entry.VAR_KEYWORD for entry in parameters.values())


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    for path in (tmp_path / "x.pem", tmp_path / "missing.pem"):
        with pytest.raises(InvalidInput, match="certificate file"):
            outbound(ca_file=path)


def test_nothing_is_read_from_the_environment(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text(f"machine {HOST} login a password b\n")
    with TlsServer(authority.issue_cert(HOST)) as server:
        with outbound(ca_file=ca_file) as http:
            assert http.request("GET", server.url).status == 200
        with outbound() as http, pytest.raises(PeerUntrusted):
            http.request("GET", server.url)
    assert not (tmp_path / "keys").exists()


# ---- where it may go ----


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("198.41.0.4", None),
        ("2001:500:2f::f", None),
        ("64:ff9b::c629:4", None),
        ("127.0.0.1", "loopback"),
        ("127.8.9.1", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("2001:db8::1", "private"),
        ("198.51.100.3", "private"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("fec0::1", "reserved"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
    ],
)
def test_addresses_are_judged(address: str, kind: str | None) -> None:
    assert why_not_public(address) == kind


PUBLIC = "198.41.0.4"


@pytest.mark.parametrize(
    ("addresses", "named"),
    [
        (["127.0.0.1"], False),
        ([PUBLIC, "10.0.0.1"], False),
        (["169.254.169.254"], False),
        (["::ffff:192.168.0.1"], False),
        (["fe80::1%1"], False),
        (["0.0.0.0"], True),
        (["224.0.0.1"], True),
    ],
    ids=str,
)
def test_a_name_at_an_address_that_is_not_public_is_refused(addresses: list[str], named: bool) -> None:
    named_hosts = {HOST} if named else set()
    http = outbound(resolver=lambda host, port: addresses, allow_private=named_hosts)
    with http, pytest.raises(PeerUntrusted, match="address"):
        http.request("GET", f"https://{HOST}/")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "localhost"])
def test_other_spellings_of_loopback_are_loopback(host: str) -> None:
    http = Outbound(hosts={host}, limits=Limits(attempts=1))
    with http, pytest.raises((PeerUntrusted, Unavailable, InvalidInput)) as raised:
        http.request("GET", f"https://{host}:9/")
    assert "refused" not in str(raised.value), "a connection was tried"


def test_only_listed_hosts_are_asked_and_plain_http_must_be_named_and_loopback() -> None:
    with pytest.raises(InvalidInput, match="not among the hosts"):
        outbound().request("GET", "https://other.test/")
    with pytest.raises(InvalidInput, match="not https"):
        outbound(allow_private=set()).request("GET", f"http://{HOST}/")
    http = outbound(resolver=lambda host, port: ["10.0.0.1"])
    with http, pytest.raises(PeerUntrusted, match="plain http is for loopback only"):
        http.request("GET", f"http://{HOST}/")
    with hostile.Server(hostile.ROWS[0]) as server, outbound() as http:
        assert http.request("GET", server.url.replace("127.0.0.1", HOST) + "taxii2/").status == 200


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    http = outbound(resolver=lambda host, port: ["127.0.0.9", "127.0.0.1"])
    with hostile.Server(hostile.ROWS[0]) as server, http:
        assert http.request("GET", server.url.replace("127.0.0.1", HOST) + "taxii2/").status == 200


def fails(host: str, port: int) -> Sequence[str]:
    raise OSError("no such name")


def test_a_name_without_address_and_a_closed_port_are_unavailable_after_bounded_tries() -> None:
    pauses: list[float] = []
    with (
        outbound(resolver=fails, sleep=pauses.append) as http,
        pytest.raises(Unavailable, match="has no address"),
    ):
        http.request("GET", f"https://{HOST}/")
    with hostile.Server(hostile.ROWS[0]) as server:
        closed = server.url
    with outbound(sleep=pauses.append) as http, pytest.raises(Unavailable, match="tried 2 times"):
        http.request("GET", closed.replace("127.0.0.1", HOST))
    assert len(pauses) == 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "/x",
        "//x/",
        "https://",
        "https:///a",
        "file:///etc/passwd",
        "https://a b/",
        "https://x:y:z/",
        "\0",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        parse_url(url)


# ---- credentials ----


def mock(answer: Callable[[httpx.Request], httpx.Response], **more: Any) -> Outbound:
    return outbound(transport=httpx.MockTransport(answer), **more)


def test_a_key_goes_to_its_origin_only() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200)

    key = Credential(Origin("https", HOST, 443), KEY)
    http = mock(answer, credential=key, hosts={HOST, "other.test"}, allow_private={HOST})
    for url in (
        "https://taxii.test/",
        "https://taxii.test:444/",
        "http://taxii.test/",
        "https://other.test/",
    ):
        http.request("GET", url)
    assert seen == [f"Bearer {KEY}", None, None, None]


def test_a_key_is_in_no_repr_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (echo,) = [row for row in hostile.ROWS if row.name == "title-with-key"]
    for name in (None, "bssn"):
        with hostile.Server(echo) as server:
            client = TaxiiClient(server.url, key=KEY, name=name, allow_private={"127.0.0.1"})
            with client, pytest.raises(TitianError) as raised:
                list(client.objects(hostile.COLLECTION))
            assert any(KEY in call.headers["authorization"] for call in server.calls) is (name is None)
            secrets = {KEY} | {call.headers["authorization"].split()[1] for call in server.calls}
            text = f"{raised.value!s}{raised.value!r}{client!r}{caplog.text}"
            assert not any(secret in text for secret in secrets)
    key = Credential(Origin("https", HOST, 443), KEY, name="bssn")
    assert repr(key) == "Credential('https://taxii.test')"
    assert not hasattr(key, "__dict__")


@pytest.mark.parametrize(
    ("key", "name"),
    [("", None), ("a\r\nX: y", None), ("a b", None), ("ä", None), ("a", "b:c"), ("a", "b\n"), ("a\0", "b")],
)
def test_a_key_that_could_break_a_header_is_refused_without_repeating_it(key: str, name: str | None) -> None:
    with pytest.raises(InvalidInput) as raised:
        Credential(Origin("https", HOST, 443), key, name=name)
    assert "X: y" not in str(raised.value)


def test_cookies_are_not_kept() -> None:
    seen: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append("cookie" in request.headers)
        return httpx.Response(200, headers={"Set-Cookie": "a=b"})

    http = mock(answer)
    http.request("GET", f"https://{HOST}/")
    http.request("GET", f"https://{HOST}/")
    assert seen == [False, False]


def test_a_stand_in_transport_says_so(caplog: pytest.LogCaptureFixture) -> None:
    mock(lambda request: httpx.Response(200))
    assert "stand-in" in caplog.text


# ---- trying again ----


def answers(*given: int | Exception, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    left = iter(given)

    def answer(request: httpx.Request) -> httpx.Response:
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return httpx.Response(found, headers=headers)

    return answer


BROKEN = httpx.ReadError("cut")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("first", [429, 502, 503, 504, BROKEN], ids=str)
def test_what_can_be_tried_again_is(method: str, first: int | Exception) -> None:
    assert mock(answers(first, 200)).request(method, f"https://{HOST}/").status == 200


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 406, 413, 415, 422, 500, 501])
def test_what_cannot_be_better_is_not_tried_again(status: int) -> None:
    assert mock(answers(status)).request("GET", f"https://{HOST}/").status == status


@pytest.mark.parametrize("how", [{"method": "DELETE"}, {"method": "GET", "once": True}], ids=["delete", "once"])
def test_what_must_happen_once_is_repeated_only_if_it_was_not_processed(how: dict[str, Any]) -> None:
    assert mock(answers(503, 200)).request(url=f"https://{HOST}/", **how).status == 200
    assert mock(answers(502)).request(url=f"https://{HOST}/", **how).status == 502
    with pytest.raises(Unavailable):
        mock(answers(BROKEN)).request(url=f"https://{HOST}/", **how)


def test_pauses_double_up_to_a_bound_with_full_jitter() -> None:
    pauses: list[float] = []
    limits = Limits(attempts=6, backoff_seconds=1, backoff_most_seconds=5)
    chances = iter([1.0, 1.0, 0.5, 1.0, 0.0])
    http = mock(answers(*[BROKEN] * 6), limits=limits, sleep=pauses.append, chance=lambda: next(chances))
    with pytest.raises(Unavailable, match="tried 6 times"):
        http.request("GET", f"https://{HOST}/")
    assert pauses == [1.0, 2.0, 2.0, 5.0, 0.0]


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("7", 7.0),
        ("Sat, 21 Nov 2026 00:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2020 00:00:30 GMT", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after_is_honoured(asked: str, pause: float) -> None:
    pauses: list[float] = []
    answer = answers(429, 200, **{"Retry-After": asked})
    http = mock(answer, sleep=pauses.append, chance=lambda: 0.0, now=lambda: NOW)
    assert http.request("GET", f"https://{HOST}/").status == 200
    assert pauses == [pytest.approx(pause)]


@pytest.mark.parametrize("asked", ["301", "9" * 500, "Sat, 21 Nov 2126 00:00:30 GMT"])
def test_a_peer_that_asks_for_a_longer_pause_is_given_up(asked: str) -> None:
    http = mock(answers(503, **{"Retry-After": asked}), now=lambda: NOW)
    assert http.request("GET", f"https://{HOST}/").status == 503


def test_requests_are_counted() -> None:
    http = mock(lambda request: httpx.Response(200), limits=Limits(requests=3))
    for _ in range(3):
        http.request("GET", f"https://{HOST}/")
    with pytest.raises(PeerUntrusted, match="3 requests"):
        http.request("GET", f"https://{HOST}/")


def test_headers_are_bounded_and_redirects_name_their_target_without_secrets() -> None:
    http = mock(lambda request: httpx.Response(200, headers={"X": "y" * 70_000}))
    with pytest.raises(PeerUntrusted, match="headers"):
        http.request("GET", f"https://{HOST}/")
    location = f"https://u:{KEY}@elsewhere.test/login?token={KEY}"
    http = mock(lambda request: httpx.Response(302, headers={"Location": location}))
    with pytest.raises(PeerUntrusted, match=r"redirects to https://elsewhere\.test/login,") as raised:
        http.request("GET", f"https://{HOST}/")
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("name", ["requests", "read_seconds"])
def test_limits_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


# ---- bodies ----


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@given(st.binary(max_size=3000), st.sampled_from(sorted(PACK)), st.integers(1, 500), st.integers(1, 3))
def test_bodies_are_decoded_in_whatever_pieces_they_come(data: bytes, encoding: str, size: int, members: int) -> None:
    packed = PACK[encoding](data) * members
    whole = data * members
    assert read_body(pieces(packed, size), encoding, most=len(whole) + 1, ratio=200) == whole
    if whole:
        with pytest.raises(PeerUntrusted):
            read_body(pieces(packed, size), encoding, most=len(whole) - 1, ratio=200)
        assert read_body(pieces(packed, size), encoding, most=1, ratio=200, cut=True) == whole[:1]


@given(st.binary(min_size=1, max_size=300), st.sampled_from(["gzip", "zstd"]))
def test_no_bytes_break_the_decoding(data: bytes, encoding: str) -> None:
    try:
        read_body([data], encoding, most=1000, ratio=200)
    except PeerUntrusted:
        return


@pytest.mark.parametrize("cut", [1, 4, 8, 12])
def test_gzip_that_ends_too_early_is_noticed(cut: int) -> None:
    with pytest.raises(PeerUntrusted, match="too early"):
        read_body([gzip.compress(b"x" * 100)[:-cut]], "gzip", most=1000, ratio=200)


def gzip_bomb(mib: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mib)) + packer.flush()


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip_bomb(100),
    "zstd": lambda: zstandard.ZstdCompressor().compress(bytes(100 << 20)),
}


@pytest.mark.parametrize("encoding", sorted(BOMBS))
@pytest.mark.parametrize(("most", "ratio"), [(4 << 20, 10**9), (1 << 30, 200)], ids=["by-size", "by-ratio"])
def test_a_bomb_costs_no_more_than_the_bound(encoding: str, most: int, ratio: int) -> None:
    bomb = BOMBS[encoding]()
    tracemalloc.start()
    try:
        with pytest.raises(PeerUntrusted):
            read_body(pieces(bomb, 65536), encoding, most=most, ratio=ratio)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30 << 20


def test_zstd_that_wants_a_huge_window_is_refused() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    with pytest.raises(PeerUntrusted, match="memory"):
        read_body([packer.compress(bytes(1000)) + packer.flush()], "zstd", most=10**6, ratio=10**6)


@given(st.text(max_size=400))
def test_a_quoted_text_is_one_bounded_line_without_control_characters(text: str) -> None:
    quoted = clean(text)
    assert len(quoted) <= 200
    assert not any(unicodedata.category(letter)[0] == "C" for letter in quoted)
    assert not any(unicodedata.category(letter) in ("Zl", "Zp") for letter in quoted)
