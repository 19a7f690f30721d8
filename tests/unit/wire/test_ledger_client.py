"""Reading a partner's ledger: whatever a hostile server sends ends in one of our errors, soon and in little memory."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from titian.core.errors import PeerError, PeerRefused, PeerUntrusted, TitianError, Unavailable
from titian.core.ledger import LARGEST, Opened
from titian.core.merkle import Bundle, Tile, consistency_proof, decode_bundle, inclusion_proof
from titian.core.notes import SignatureType, SignedNote, VerifierKey
from titian.core.peer_ledger import Listed, Listing
from titian.core.signing import Ed25519Secret
from titian.wire.ledger_client import LedgerClient, list_ledgers
from titian.wire.outbound import Limits
from titian.wire.taxii_client import TaxiiClient

KEY = "hidden-key-of-a-test"
UUID = "0c2f9c36-7f0e-4c2f-9c36-0f3a3a6f5a12"
TIGHT = Limits(attempts=2, request_seconds=5, read_seconds=5)
Answer = Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda request: httpx.Response(404)
        self.asked: list[str] = []
        self.clients: list[TaxiiClient] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.raw_path.decode()}")
        return self.answer(request)

    def gives(self, body: bytes | Any, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = lambda request: httpx.Response(status, headers={"content-type": kind, **headers}, content=content)

    def client(self) -> TaxiiClient:
        made = TaxiiClient(
            "https://ledger.example/", key=KEY, limits=TIGHT, transport=httpx.MockTransport(self), sleep=lambda _: None
        )
        self.clients.append(made)
        return made

    def ledger(self) -> LedgerClient:
        return LedgerClient(self.client(), UUID)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    for one in made.clients:
        one.close()


class Endless(httpx.SyncByteStream):
    """A body without an end."""

    def __init__(self, start: bytes = b"") -> None:
        self._start = start
        self.given = 0

    def __iter__(self) -> Iterator[bytes]:
        yield self._start
        while True:
            self.given += 65_536
            assert self.given < 512 << 20, "nobody stops reading"
            yield b" " * 65_536


WITNESS = VerifierKey("w", SignatureType.COSIGNATURE, Ed25519Secret(bytes(32)).public)
NOTE = SignedNote.parse(b"log\n1\n" + base64.b64encode(bytes(32)) + "\n\n— log AAAAAAAA\n".encode())
ASKS: dict[str, Callable[[LedgerClient], object]] = {
    "checkpoint": lambda ledger: ledger.checkpoint(),
    "tile": lambda ledger: ledger.read([Tile(0, 0, 16)]),
    "bundle": lambda ledger: ledger.bundle(Bundle(0, 16)),
    "opened": lambda ledger: ledger.opened(0),
    "cosign": lambda ledger: ledger.cosign(NOTE, WITNESS),
}


def test_what_is_asked_for(server: Server) -> None:
    """The paths of C2SP tlog-tiles below the ledger's own."""
    server.gives(b"x" * 512, kind="text/plain")
    ledger = server.ledger()
    assert ledger.checkpoint() == b"x" * 512
    assert ledger.read([Tile(0, 1234067, 16), Tile(2, 0)]) == [b"x" * 512] * 2
    assert ledger.bundle(Bundle(1000, 5)) == b"x" * 512
    ledger.cosign(NOTE, WITNESS)
    server.gives({"size": 1, "more": False, "entries": []})
    assert ledger.opened(77) == ([], False)
    root = f"/ledger/{UUID}"
    assert server.asked == [
        f"GET {root}/checkpoint", f"GET {root}/tile/0/x001/x234/067.p/16", f"GET {root}/tile/2/000",
        f"GET {root}/tile/entries/x001/000.p/5", f"POST {root}/cosignatures", f"GET {root}/opened?after=77",
    ]  # fmt: skip


def test_a_tile_is_asked_for_once(server: Server) -> None:
    server.gives(b"x" * 512)
    ledger = server.ledger()
    for _ in range(3):
        ledger.read([Tile(0, 0, 16), Tile(0, 0, 15)])
    assert len(server.asked) == 2
    for index in range(1200):
        ledger.read([Tile(0, index)])
    assert len(ledger._tiles) <= 512


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, PeerRefused), (403, PeerRefused), (404, PeerRefused), (301, PeerUntrusted), (302, PeerUntrusted),
     (307, PeerUntrusted), (429, TitianError), (500, TitianError), (503, Unavailable), (100, TitianError), (204, None),
     (304, TitianError), (206, None)],
)  # fmt: skip
def test_each_status_is_an_answer_or_an_error(
    server: Server, ask: Callable[[LedgerClient], object], status: int, kind: type[Exception] | None
) -> None:
    server.gives(b"", status=status, location="https://elsewhere.example/", **{"retry-after": "0"})
    if kind is None:
        with suppress(PeerError):
            ask(server.ledger())
        return
    with pytest.raises(kind) as raised:
        ask(server.ledger())
    assert KEY not in str(raised.value)
    assert not any("elsewhere" in one for one in server.asked)


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_a_body_without_an_end_is_left(server: Server, ask: Callable[[LedgerClient], object]) -> None:
    body = Endless(b'{"size":1,"more":false,"entries":[')
    server.answer = lambda request: httpx.Response(200, stream=body)
    with pytest.raises(PeerUntrusted):
        ask(server.ledger())
    assert body.given <= 4 * LARGEST + (1 << 20)


@pytest.mark.parametrize("ask", [ASKS["checkpoint"], ASKS["tile"]], ids=["checkpoint", "tile"])
def test_what_is_small_has_a_small_bound(server: Server, ask: Callable[[LedgerClient], object]) -> None:
    body = Endless()
    server.answer = lambda request: httpx.Response(200, stream=body)
    with pytest.raises(PeerUntrusted):
        ask(server.ledger())
    assert body.given <= 2 << 20


def test_a_bomb_of_compression_is_left(server: Server) -> None:

    bomb = gzip.compress(bytes(80 << 20), 1)
    server.answer = lambda request: httpx.Response(
        200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(bomb)
    )
    tracemalloc.start()
    try:
        for ask in ASKS.values():
            with pytest.raises(PeerError):
                ask(server.ledger())
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


# ── tiles ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", [0, 1, 31, 480, 511, 513, 8191])
def test_a_tile_of_another_width_proves_nothing(server: Server, width: int) -> None:
    server.gives(b"x" * width)
    ledger = server.ledger()
    with pytest.raises(TitianError):
        consistency_proof(ledger, 5, 16)
    with pytest.raises(TitianError):
        inclusion_proof(ledger, 3, 16)


@pytest.mark.parametrize(
    "body", [b"", b"\x00", b"\x00\x01", b"\xff\xff" + b"x" * 100, b"\x00\x00" * 257, b"\x00\x01x\x00"]
)
def test_a_bundle_that_is_none_is_an_error(server: Server, body: bytes) -> None:
    server.gives(body)
    data = server.ledger().bundle(Bundle(0, 16))
    try:
        entries = decode_bundle(data)
    except TitianError:
        return
    assert len(entries) != 16


# ── what is opened ────────────────────────────────────────────────────────────────────────────────────────────

SALT = base64.b64encode(bytes(32)).decode()


def page(*entries: Any, more: Any = False, size: Any = 16) -> dict[str, Any]:
    return {"size": size, "more": more, "entries": list(entries)}


def entry(num: Any = 0, salt: Any = SALT, payload: Any = "e30=") -> dict[str, Any]:
    return {"num": num, "salt": salt, "payload": payload}


def test_what_is_opened_is_read(server: Server) -> None:
    server.gives(page(entry(3), entry(5, payload="AA=="), more=True))
    assert server.ledger().opened(0) == ([Opened(3, bytes(32), b"{}"), Opened(5, bytes(32), b"\x00")], True)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b"\xff", b"x" * 1000, page(1), page(entry(num="1")), page(entry(num=1.5)),
        page(entry(num=None)), page(entry(salt=None)), page(entry(salt="!")), page(entry(salt="")),
        page(entry(salt="AAAA")), page(entry(salt=SALT[:-1])), page(entry(salt=SALT[:4] + " " + SALT[4:])),
        page(entry(salt=SALT[:4] + "*" + SALT[4:])), page(entry(salt=base64.b64encode(bytes(33)).decode())),
        page(entry(payload="e30")), page(entry(payload="é")), page(more="no"), page(size="16"),
        {"size": 1, "more": False}, b"[" * 200_000, b'{"size":1,"more":false,"entries":' + b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b'{"size":' + b"9" * 100_000 + b',"more":false,"entries":1}',
        page(entry(num=1e300)),
    ],
    ids=lambda body: repr(body)[:60],
)  # fmt: skip
def test_what_opens_nothing_is_an_error(server: Server, body: Any) -> None:
    server.gives(body)
    with pytest.raises(PeerUntrusted) as raised:
        server.ledger().opened(0)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("num", [-1, -(2**63), 2**63, 10**40])
def test_giant_numbers_are_only_numbers(server: Server, num: int) -> None:
    """They are compared with the size that is signed, and go no further."""
    server.gives(page(entry(num)))
    try:
        (found,), _ = server.ledger().opened(0)
    except PeerUntrusted:
        return
    assert found.num == num


# ── the listing ───────────────────────────────────────────────────────────────────────────────────────────────


def test_ledgers_are_listed(server: Server) -> None:
    server.gives({"ledgers": [{"id": UUID, "origin": "o/1", "size": 5, "halted": True, "new": 1}], "card": "c"})
    assert list_ledgers(server.client()) == Listing((Listed(UUID, "o/1", size=5, halted=True),), "c")
    assert server.asked == ["GET /ledger/"]


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_server_without_ledgers_is_a_plain_one(server: Server, status: int) -> None:
    server.gives(b"", status=status)
    assert list_ledgers(server.client()) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"ledgers":5}',
                                  b'{"ledgers":[{}]}', b'{"ledgers":[{"id":"x"}]}',
    b'{"ledgers":[{"id":1,"origin":"o"}]}']
)  # fmt: skip
def test_what_is_no_listing_is_none(server: Server, body: bytes) -> None:
    server.gives(body)
    assert list_ledgers(server.client()) is None


@pytest.mark.parametrize(
    "identifier",
    ["", "x", "../x", UUID.upper(), UUID + "/..", UUID + "\n", "%2e%2e", UUID[:-1], UUID + "0", "/" + UUID],
)
def test_an_identifier_leads_nowhere_else(server: Server, identifier: str) -> None:
    """It becomes part of an address."""
    server.gives({"ledgers": [{"id": UUID, "origin": "o"}, {"id": identifier, "origin": "o"}]})
    with pytest.raises(PeerUntrusted):
        list_ledgers(server.client())


@pytest.mark.parametrize("status", [301, 500, 503])
def test_a_server_that_fails_is_no_plain_one(server: Server, status: int) -> None:
    """Else a partner could hide its ledger behind a fault."""
    server.gives(b"", status=status, location="https://elsewhere.example/")
    with pytest.raises(TitianError):
        list_ledgers(server.client())
