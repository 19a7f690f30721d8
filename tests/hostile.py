"""A kit of TAXII 2.1 servers that misbehave, each in one named way, to test a TAXII client with.

It needs the standard library only and knows nothing of the client, so any project can use it::

    import hostile

    @pytest.mark.parametrize("row", hostile.ROWS, ids=lambda row: row.name)
    def test_client_survives(row):
        with hostile.Server(row) as server:
            outcome = run_my_client(server.url, row.act, collection=hostile.COLLECTION)
        assert outcome == row.expect
        assert len(server.calls) <= row.requests

``row.expect`` says what a careful client does:

=============  ========================================================================
``complete``   it ends well, with ``row.objects`` different objects and ``row.skips`` skipped
``untrusted``  it gives up with an error that blames the server
``refused``    it reports that the server said no
``unavailable``it reports, after bounded tries, that the server does not answer
=============  ========================================================================

``row.act`` says what to do: read all ``objects`` of `COLLECTION`, list the ``collections``, ``discover`` the
API root from the server's URL, or ``add`` one object. Servers listen on 127.0.0.1, speak plain HTTP, answer
one request per connection, and end when the ``with`` block does.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import socket
import socketserver
import threading
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
MEDIA_TYPE = "application/taxii+json;version=2.1"
HIDDEN = "tr0ub4dor-and-3"
"""The key to use, so that a test can look for it where it must not be."""

_STAMP = "2026-01-01T00:00:{:02d}.{:06d}Z"


@dataclasses.dataclass(frozen=True)
class Call:
    """A request as it came; ``number`` counts from 1, over all requests to this server."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    number: int


Answer = Iterable["bytes | float"]
"""What to send: bytes, and pauses in seconds. The connection is closed at the end."""


@dataclasses.dataclass(frozen=True)
class Hostile:
    """One way to misbehave. ``answer`` gives `None` for requests that are answered correctly.

    ``requests`` is how many a careful client makes at most (of those that the row misbehaves on), if it tries
    three times. ``slow`` rows send for 50 seconds, or nothing for 30: give the client short time limits.
    """

    name: str
    expect: str
    answer: Callable[[Call], Answer | None]
    why: str = ""
    act: str = "objects"
    objects: int | None = None
    skips: int = 0
    requests: int = 4
    slow: bool = False


class Server:
    """A server for one row, on a free port of 127.0.0.1, in a thread of its own."""

    def __init__(self, row: Hostile) -> None:
        self.row = row
        self.calls: list[Call] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handle, bind_and_activate=True)
        self._tcp.daemon_threads = True
        self._thread = threading.Thread(target=self._tcp.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL of the server."""
        return f"http://127.0.0.1:{self._tcp.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._tcp.shutdown()
        self._tcp.server_close()
        self._thread.join()

    def _handle(self, sock: socket.socket, address: Any, server: Any) -> None:
        sock.settimeout(10)
        try:
            call = self._read(sock)
            if call is None:
                return
            for piece in self.row.answer(call) or well_behaved(call):
                if self.stopping.is_set():
                    return
                if isinstance(piece, float):
                    self.stopping.wait(piece)
                else:
                    sock.sendall(piece)
        except OSError:
            pass  # the client went away, as it should

    def _read(self, sock: socket.socket) -> Call | None:
        with sock.makefile("rb") as file:
            line = file.readline(65536).decode("latin-1").split()
            if len(line) != 3:
                return None
            headers = {}
            while (text := file.readline(65536).decode("latin-1").strip()) != "":
                name, _, value = text.partition(":")
                headers[name.lower()] = value.strip()
            body = file.read(int(headers.get("content-length", "0")))
        url = urllib.parse.urlsplit(line[1])
        with self._lock:
            number = len(self.calls) + 1
            call = Call(line[0], url.path, dict(urllib.parse.parse_qsl(url.query)), headers, body, number)
            self.calls.append(call)
        return call


# ---- parts of answers ----


def stix(number: int) -> dict[str, Any]:
    """Return a small, correct STIX object."""
    moment = "2026-01-01T00:00:00.000Z"
    identifier = f"identity--00000000-0000-4000-8000-{number:012d}"
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": identifier,
        "created": moment,
        "modified": moment,
        "name": f"Agency {number}",
    }


def stamp(number: int) -> str:
    """Return the moment at which object ``number`` was added."""
    return _STAMP.format(number % 60, number)


def head(status: int = 200, *, media: str | None = MEDIA_TYPE, length: int | None = None, **more: str) -> bytes:
    """Return a status line and headers; ``more`` are further headers, ``_`` standing for ``-``."""
    lines = [f"HTTP/1.1 {status} X", "Connection: close"]
    lines += [f"Content-Type: {media}"] if media is not None else []
    lines += [f"Content-Length: {length}"] if length is not None else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def reply(body: bytes, status: int = 200, *, media: str | None = MEDIA_TYPE, **more: str) -> list[bytes]:
    """Return a complete answer."""
    return [head(status, media=media, length=len(body), **more) + body]


def page(
    numbers: Iterable[int], *, last: str | None = "auto", media: str | None = MEDIA_TYPE, **envelope: Any
) -> list[bytes]:
    """Return an answer with the objects ``numbers``; ``envelope`` adds ``more`` and ``next``."""
    listed = list(numbers)
    found = {"objects": [stix(number) for number in listed], **envelope} if listed else envelope
    dates = {}
    if last == "auto" and listed:
        dates = {"X_TAXII_Date_Added_First": stamp(listed[0]), "X_TAXII_Date_Added_Last": stamp(listed[-1])}
    elif last not in (None, "auto"):
        dates = {"X_TAXII_Date_Added_First": str(last), "X_TAXII_Date_Added_Last": str(last)}
    return reply(json.dumps(found).encode(), media=media, **dates)


def well_behaved(call: Call) -> list[bytes]:
    """Answer as a correct server with one API root, one collection and six objects in three pages."""
    resources: dict[str, dict[str, Any]] = {
        "/taxii2/": {"title": "Kit", "default": "/api/", "api_roots": ["/api/"]},
        "/api/": {"title": "Kit", "versions": [MEDIA_TYPE], "max_content_length": 100_000},
        "/api/collections/": {"collections": [_collection()]},
        f"/api/collections/{COLLECTION}/": _collection(),
    }
    if call.path in resources:
        return reply(json.dumps(resources[call.path]).encode())
    if call.path.endswith("/objects/") and call.method == "GET":
        begin = int(call.query.get("next", "0"))
        more = {"more": True, "next": str(begin + 2)} if begin < 4 else {}
        return page(range(begin, begin + 2), **more)
    return reply(b'{"title":"nothing here"}', 404)


def _collection() -> dict[str, Any]:
    return {"id": COLLECTION, "title": "Kit", "can_read": True, "can_write": True}


def _is_objects(call: Call) -> bool:
    return call.path.endswith("/objects/")


def on_objects(answer: Callable[[Call], Answer]) -> Callable[[Call], Answer | None]:
    """Misbehave on the objects endpoint only."""
    return lambda call: answer(call) if _is_objects(call) else None


def on(path: str, answer: Callable[[Call], Answer]) -> Callable[[Call], Answer | None]:
    """Misbehave on one path only."""
    return lambda call: answer(call) if call.path == path else None


def always(pieces: Answer) -> Callable[[Call], Answer | None]:
    """Answer every request for objects with the same bytes."""
    return on_objects(lambda call: pieces)


def _raw(objects: bytes, **more: str) -> Callable[[Call], Answer | None]:
    return always(reply(b'{"objects":[' + objects + b"]}", **more))


def _again(piece: bytes, times: int, pause: float | None = None) -> Iterator[bytes | float]:
    for _ in range(times):
        yield piece
        if pause is not None:
            yield pause


def _after_head(first: bytes, rest: Iterable[bytes | float]) -> Answer:
    yield first
    yield from rest


def _by_date(call: Call, count: int, size: int, date: Callable[[int], str], *, inclusive: bool) -> Answer:
    """Answer as a server that gives no ``next``: pages by ``added_after`` only."""
    after = call.query.get("added_after", "")
    left = [n for n in range(count) if date(n) > after or (inclusive and date(n) == after)]
    size = min(size, int(call.query.get("limit", size)))
    listed = left[:size]
    found: dict[str, Any] = {"objects": [stix(number) for number in listed]} if listed else {}
    found |= {"more": True} if len(left) > size else {}
    last = {"X_TAXII_Date_Added_Last": date(listed[-1])} if listed else {}
    return reply(json.dumps(found).encode(), **last)


def _number(call: Call) -> int:
    return int(call.query.get("next", "0"))


_GOOD = json.dumps(stix(0)).encode()
_GOOD_2 = json.dumps(stix(1)).encode()
_ZEROS = b" " * (1 << 20)


@functools.cache
def _gzip_bomb(mib: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    parts = [packer.compress(b'{"objects":[')] + [packer.compress(_ZEROS) for _ in range(mib)]
    return b"".join(parts) + packer.compress(b"]}") + packer.flush()


def _bomb(layers: int) -> Answer:
    body = _gzip_bomb(40)
    for _ in range(layers - 1):
        body = gzip.compress(body)
    return reply(body, Content_Encoding=", ".join(["gzip"] * layers))


def _scroll() -> Callable[[Call], Answer | None]:
    taken: list[int] = []

    def answer(call: Call) -> Answer:
        begin = 2 * len(taken) if "next" in call.query else 0
        taken.append(begin)
        return page(range(begin, begin + 2), **({"more": True, "next": "scroll"} if begin < 4 else {}))

    return on_objects(answer)


def _forgetful() -> Callable[[Call], Answer | None]:
    """A token works once and stands for a place in memory; the second answer to one is lost on the way."""
    state = {"place": 0, "tokens": 0}

    def answer(call: Call) -> Answer:
        if "next" not in call.query:
            after = call.query.get("added_after", "")
            state["place"] = next((n for n in range(6) if stamp(n) > after), 6)
        else:
            state["tokens"] += 1
        begin = state["place"]
        state["place"] = begin + 2
        whole = page(range(begin, min(begin + 2, 6)), **({"more": True, "next": "t"} if begin < 4 else {}))
        return [whole[0][:-20]] if state["tokens"] == 1 and "next" in call.query else whole

    return on_objects(answer)


def _first_then(first: Callable[[Call], Answer], times: int) -> Callable[[Call], Answer | None]:
    seen: list[int] = []

    def answer(call: Call) -> Answer:
        seen.append(call.number)
        return first(call) if len(seen) <= times else well_behaved(call)

    return on_objects(answer)


def _expired(call: Call) -> Answer:
    """The page token of the first page is not known any more; going on by date works."""
    if "next" in call.query:
        return reply(b'{"title":"unknown next"}', 400)
    if "added_after" in call.query:
        return _by_date(call, 6, 10, stamp, inclusive=False)
    return page(range(2), more=True, next="x")


def _status(call: Call, **fields: Any) -> Answer:
    found = {"id": "2d086da7-4bdc-4f91-900e-d77486753710", "status": "complete", "total_count": 1}
    return reply(json.dumps({**found, **fields}).encode(), 202 if call.method == "POST" else 200)


def _pending(call: Call, **fields: Any) -> Answer | None:
    return _status(call, status="pending", **fields) if call.method == "POST" or "/status/" in call.path else None


def _discovery(**fields: Any) -> Callable[[Call], Answer | None]:
    return on("/taxii2/", lambda call: reply(json.dumps({"title": "Kit", **fields}).encode()))


def _error(status: int, title: str = "no", **headers: str) -> Callable[[Call], Answer | None]:
    return always(reply(json.dumps({"title": title, "http_status": str(status)}).encode(), status, **headers))


# ---- the rows ----

PAGING = [
    Hostile("correct", "complete", lambda call: None, "the kit's own server", objects=6, requests=3),
    Hostile(
        "endless-more",
        "untrusted",
        on_objects(lambda call: page([_number(call)], more=True, next=str(_number(call) + 1))),
        "new objects for ever",
        requests=60,
    ),
    Hostile(
        "endless-more-by-date",
        "untrusted",
        on_objects(lambda call: _by_date(call, 999, 2, lambda n: _STAMP.format(0, n), inclusive=False)),
        "new objects for ever, without next",
        requests=60,
    ),
    Hostile(
        "same-page-new-next",
        "untrusted",
        on_objects(lambda call: page([1, 2], more=True, next=str(_number(call) + 1))),
        requests=2,
    ),
    Hostile("same-page-same-next", "untrusted", always(page([1, 2], more=True, next="x")), requests=2),
    Hostile("same-next-new-pages", "complete", _scroll(), "legal: a scroll id", objects=6, requests=3),
    Hostile("token-dies-with-its-answer", "complete", _forgetful(), "medallion", objects=6, requests=6),
    Hostile("token-expires", "complete", on_objects(_expired), objects=6, requests=3),
    Hostile(
        "by-date",
        "complete",
        on_objects(lambda call: _by_date(call, 6, 2, stamp, inclusive=False)),
        "legal: no next",
        objects=6,
        requests=8,
    ),
    Hostile(
        "inclusive-added-after",
        "complete",
        on_objects(lambda call: _by_date(call, 6, 2, stamp, inclusive=True)),
        "OpenCTI connectors #7604: an endless loop",
        objects=6,
        requests=8,
    ),
    Hostile(
        "equal-date-over-page-end",
        "complete",
        on_objects(lambda call: _by_date(call, 9, 4, lambda n: stamp(n // 3), inclusive=False)),
        "OpenCTI #4537: objects lost",
        objects=9,
        requests=8,
    ),
    Hostile(
        "equal-date-beyond-page",
        "untrusted",
        on_objects(lambda call: _by_date(call, 9, 4, lambda n: stamp(1), inclusive=False)),
        "one date for more objects than the server ever gives: no way to read them",
        requests=4,
    ),
    Hostile("ignores-added-after", "untrusted", always(page([1, 2], more=True)), requests=4),
    Hostile(
        "empty-more",
        "untrusted",
        on_objects(lambda call: page([], more=True, next=str(_number(call) + 1))),
        requests=30,
    ),
    Hostile("empty-more-no-next", "untrusted", always(page([], more=True)), requests=1),
    Hostile("empty-more-no-next-dated", "untrusted", always(page([], more=True, last=stamp(3))), requests=1),
    Hostile("more-without-way", "untrusted", always(page([1], more=True, last=None)), requests=1),
    Hostile("more-as-text", "complete", always(page([1], more="false")), objects=1, requests=1),
    Hostile(
        "next-as-number",
        "complete",
        on_objects(lambda call: page([_number(call)], **({} if _number(call) else {"more": True, "next": 7}))),
        objects=2,
        requests=2,
    ),
    Hostile("next-as-object", "untrusted", always(page([1], more=True, next={"a": 1})), requests=1),
    Hostile("next-of-a-megabyte", "untrusted", always(page([1], more=True, next="x" * (1 << 20))), requests=1),
    Hostile(
        "dates-go-back",
        "untrusted",
        on_objects(lambda call: page([call.number], more=True, last=stamp(50 - call.number))),
        requests=3,
    ),
    Hostile("date-in-the-future", "untrusted", always(page([1], last="9999-12-31T23:59:59.999999Z")), requests=1),
    Hostile(
        "javascript-dates",
        "complete",
        always(page([1], last="Tue Mar 05 2024 10:00:00 GMT+0000 (Coordinated Universal Time)")),
        "attack-workbench-taxii-server #32",
        objects=1,
        requests=1,
    ),
    Hostile("date-that-is-none", "complete", always(page([1], last="yesterday")), objects=1, requests=1),
    Hostile("date-out-of-range", "complete", always(page([1], last="2026-99-99T99:99:99Z")), objects=1),
    Hostile("date-that-is-none-more", "untrusted", always(page([1], more=True, last="yesterday")), requests=1),
    Hostile("empty-object", "complete", always(reply(b"{}")), objects=0, requests=1),
    Hostile("empty-list", "complete", always(reply(b'{"objects":[]}')), objects=0, requests=1),
    Hostile("null-list", "complete", always(reply(b'{"objects":null,"more":null,"next":null}')), objects=0),
]

BODIES = [
    Hostile("login-page", "untrusted", always(reply(b"<html>", media="text/html")), requests=1),
    Hostile("plain-json", "untrusted", always(page([1], media="application/json")), requests=1),
    Hostile("taxii-2.0", "untrusted", always(page([1], media="application/vnd.oasis.taxii+json; version=2.0"))),
    Hostile("taxii-9", "untrusted", always(page([1], media="application/taxii+json;version=9")), requests=1),
    Hostile("no-media-type", "untrusted", always(page([1], media=None)), requests=1),
    Hostile("no-version", "complete", always(page([1], media="application/taxii+json")), objects=1, requests=1),
    Hostile(
        "spaced-media-type",
        "complete",
        always(page([1], media='Application/TAXII+JSON; charset=utf-8; version="2.1"')),
        objects=1,
    ),
    Hostile("not-json", "untrusted", always(reply(b"error: no")), requests=1),
    Hostile("truncated-json", "untrusted", always(reply(b'{"objects":[{"type":"identi')), requests=1),
    Hostile("truncated-in-list", "untrusted", always(reply(b'{"objects":[' + _GOOD + b",")), requests=1),
    Hostile("empty-body", "untrusted", always(reply(b"")), requests=1),
    Hostile("no-content", "untrusted", always([head(204)]), requests=1),
    Hostile("list-at-top", "untrusted", always(reply(b"[" + _GOOD + b"]")), requests=1),
    Hostile("objects-is-object", "untrusted", always(reply(b'{"objects":{}}')), requests=1),
    Hostile("nested-deeply", "untrusted", always(reply(b'{"x":' + b"[" * 200_000 + b"}")), requests=1),
    Hostile("not-utf-8", "untrusted", always(reply(b'{"objects":[],"next":"\xff\xfe"}')), requests=1),
    Hostile("not-objects", "complete", _raw(_GOOD + b',null,5,"x",[],true'), objects=1, skips=5, requests=1),
    Hostile("object-not-utf-8", "complete", _raw(_GOOD + b',{"id":"\xff"}'), objects=1, skips=1, requests=1),
    Hostile("object-not-json", "complete", _raw(_GOOD + b',{"id":nul},' + _GOOD_2), objects=2, skips=1),
    Hostile("object-nan", "complete", _raw(_GOOD + b',{"n":NaN}'), objects=1, skips=1, requests=1),
    Hostile("object-half-surrogate", "complete", _raw(_GOOD + b',{"n":"\\ud800"}'), objects=1, skips=1),
    Hostile(
        "object-nested-deeply",
        "complete",
        _raw(_GOOD + b',{"n":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        objects=1,
        skips=1,
    ),
    Hostile("too-many-objects", "untrusted", _raw(b"{}," * 20_000 + b"{}"), requests=1),
    Hostile("elements-of-nothing", "untrusted", _raw(b"," * 500_000), requests=1),
    Hostile("huge-text", "untrusted", _raw(b'{"n":"' + b"x" * (5 << 20) + b'"}'), requests=1),
    Hostile(
        "huge-length",
        "untrusted",
        on_objects(lambda call: _after_head(head(length=10**12), _again(_ZEROS, 500))),
        requests=1,
    ),
    Hostile(
        "endless-chunks",
        "untrusted",
        on_objects(
            lambda call: _after_head(head(Transfer_Encoding="chunked"), _again(b"100000\r\n" + _ZEROS + b"\r\n", 500))
        ),
        requests=1,
    ),
    Hostile(
        "endless-tiny-chunks",
        "untrusted",
        on_objects(lambda call: _after_head(head(Transfer_Encoding="chunked"), _again(b"1\r\n \r\n" * 10_000, 500))),
        requests=1,
        slow=True,
    ),
    Hostile(
        "chunks-without-length",
        "complete",
        on_objects(
            lambda call: [head(Transfer_Encoding="chunked"), b"2\r\n{}\r\n", b"0\r\n\r\n"],
        ),
        "legal",
        objects=0,
    ),
    Hostile("no-length-at-all", "complete", on_objects(lambda call: [head(), b"{}"]), objects=0, requests=1),
    Hostile("gzip-bomb", "untrusted", on_objects(lambda call: _bomb(1)), requests=1),
    Hostile("gzip-bomb-in-gzip", "untrusted", on_objects(lambda call: _bomb(2)), requests=1),
    Hostile("gzip-damaged", "untrusted", always(reply(b"\x1f\x8bnothing", Content_Encoding="gzip")), requests=1),
    Hostile(
        "gzip-cut",
        "untrusted",
        always(reply(gzip.compress(b'{"objects":[]}')[:-9], Content_Encoding="gzip")),
        requests=1,
    ),
    Hostile("gzip", "complete", always(reply(gzip.compress(b"{}"), Content_Encoding="gzip")), objects=0),
    Hostile("zstd-damaged", "untrusted", always(reply(b"\x28\xb5\x2f\xfdxx", Content_Encoding="zstd"))),
    Hostile("unasked-encoding", "untrusted", always(reply(b"{}", Content_Encoding="br")), requests=1),
]

TRANSPORT = [
    Hostile(
        "slow-body",
        "untrusted",
        on_objects(lambda call: _after_head(head(length=1000), _again(b" ", 1000, 0.05))),
        requests=1,
        slow=True,
    ),
    Hostile(
        "slow-headers",
        "untrusted",
        on_objects(lambda call: _after_head(b"HTTP/1.1 200 X\r\n", _again(b"X: y\r\n", 1000, 0.05))),
        requests=1,
        slow=True,
    ),
    Hostile(
        "endless-informational",
        "untrusted",
        on_objects(lambda call: _again(b"HTTP/1.1 100 Continue\r\n\r\n", 1000, 0.05)),
        requests=1,
        slow=True,
    ),
    Hostile("silence", "unavailable", on_objects(lambda call: [30.0]), requests=3, slow=True),
    Hostile("hangs-up", "unavailable", on_objects(lambda call: [b""]), requests=3),
    Hostile("cut-body", "unavailable", on_objects(lambda call: [head(length=100), b'{"obj']), requests=3),
    Hostile(
        "cut-chunks",
        "unavailable",
        on_objects(lambda call: [head(Transfer_Encoding="chunked"), b"ff\r\n{"]),
        requests=3,
    ),
    Hostile("cut-once", "complete", _first_then(lambda call: [head(length=9), b"{"], 1), objects=6, requests=5),
    Hostile("not-http", "untrusted", on_objects(lambda call: [b"SSH-2.0-OpenSSH_9.9\r\n\r\n"]), requests=1),
    Hostile("switches-protocol", "untrusted", on_objects(lambda call: [head(101, Upgrade="h2c")]), requests=1),
    Hostile("header-without-colon", "untrusted", on_objects(lambda call: [b"HTTP/1.1 200 X\r\nabc\r\n\r\n{}"])),
    Hostile("header-with-nul", "untrusted", on_objects(lambda call: [head(X="a\0b"), b"{}"]), requests=1),
    Hostile(
        "header-injection",
        "untrusted",
        on_objects(lambda call: [head(X_TAXII_Date_Added_Last=f"{stamp(1)}\r\n Set-Cookie: a=b\rX: y")]),
        requests=1,
    ),
    Hostile("long-header", "untrusted", on_objects(lambda call: [head(X="y" * 200_000), b"{}"]), requests=1),
    Hostile(
        "many-headers",
        "untrusted",
        on_objects(lambda call: _after_head(b"HTTP/1.1 200 X\r\n", _again(b"X: y\r\n" * 1000, 500))),
        requests=1,
    ),
    Hostile(
        "two-lengths",
        "untrusted",
        on_objects(lambda call: [b"HTTP/1.1 200 X\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"]),
        requests=1,
    ),
    Hostile("negative-length", "untrusted", on_objects(lambda call: [head(length=-1), b"{}"]), requests=1),
    Hostile(
        "redirect-elsewhere",
        "untrusted",
        always(reply(b"", 302, Location=f"https://user:{HIDDEN}@elsewhere.example/x?key={HIDDEN}")),
        requests=1,
    ),
    Hostile("redirect-here", "untrusted", always(reply(b"", 307, Location="/api/")), requests=1),
    Hostile("redirect-nowhere", "untrusted", always(reply(b"", 301)), requests=1),
    Hostile("redirect-to-no-url", "untrusted", always(reply(b"", 301, Location="http://[::1")), requests=1),
    Hostile("not-modified", "untrusted", always([head(304)]), requests=1),
]

REFUSALS = [
    Hostile("unauthorized", "refused", _error(401, WWW_Authenticate='Basic realm="x"'), requests=1),
    Hostile("forbidden", "refused", _error(403), requests=1),
    Hostile("not-found", "refused", _error(404), requests=1),
    Hostile("teapot", "refused", _error(418), requests=1),
    Hostile("title-with-escapes", "refused", _error(400, "\x1b[2Jgone\r\n\u202eevil" + "x" * 9999), requests=1),
    Hostile("title-with-key", "refused", _error(401, f"no such key: {HIDDEN}"), requests=1),
    Hostile("title-of-wrong-type", "refused", always(reply(b'{"title":[1]}', 400)), requests=1),
    Hostile("error-page", "refused", always(reply(b"<html>" + b"x" * (9 << 20), 404, media="text/html"))),
    Hostile("broken", "unavailable", _error(500), requests=1),
    Hostile("busy-for-ever", "unavailable", _error(429, Retry_After="1"), requests=3),
    Hostile("busy-for-years", "unavailable", _error(503, Retry_After="999999999"), requests=1),
    Hostile("busy-until-9999", "unavailable", _error(503, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"), requests=1),
    Hostile("busy-for-nonsense", "unavailable", _error(503, Retry_After="soon"), requests=3),
    Hostile(
        "busy-twice",
        "complete",
        _first_then(lambda call: reply(b"{}", 503, Retry_After="1"), 2),
        objects=6,
        requests=5,
    ),
    Hostile("bad-gateway", "unavailable", _error(502), requests=3),
]

RESOURCES = [
    Hostile("no-collections", "complete", on("/api/collections/", lambda c: reply(b"{}")), act="collections"),
    Hostile(
        "rights-null",
        "complete",
        on(
            "/api/collections/",
            lambda call: reply(
                b'{"collections":[{"id":"%b","title":"x","can_read":null,"can_write":null,"media_types":null}]}'
                % COLLECTION.encode()
            ),
        ),
        "OpenTAXII before 0.10",
        act="collections",
        objects=1,
    ),
    Hostile(
        "collection-of-nonsense",
        "complete",
        on(
            "/api/collections/",
            lambda c: reply(b'{"collections":[5,{"title":"no id"},{"id":"a","title":"b"}]}'),
        ),
        act="collections",
        objects=1,
    ),
    Hostile(
        "collections-no-list",
        "untrusted",
        on("/api/collections/", lambda call: reply(b'{"collections":"none"}')),
        act="collections",
    ),
    Hostile(
        "collections-huge",
        "untrusted",
        on("/api/collections/", lambda c: reply(b'{"collections":[' + b"5," * 3_000_000 + b"5]}")),
        act="collections",
    ),
    Hostile("roots-elsewhere", "untrusted", _discovery(api_roots=["https://other.example/api/"]), act="discover"),
    Hostile("roots-forged", "refused", _discovery(api_roots=["//evil.example/", "../x/", "/a/?b"]), act="discover"),
    Hostile("roots-missing", "refused", _discovery(), act="discover"),
    Hostile("roots-null", "refused", _discovery(default=None, api_roots=None), act="discover"),
    Hostile("roots-no-list", "untrusted", _discovery(api_roots=5), act="discover"),
    Hostile(
        "root-behind-proxy",
        "complete",
        _discovery(api_roots=["https://127.0.0.1:1/api/"]),
        "the server does not know its own scheme and port",
        act="discover",
    ),
    Hostile("no-discovery", "refused", on("/taxii2/", lambda call: reply(b"{}", 404)), act="discover"),
    Hostile("push", "complete", lambda c: _status(c) if c.method == "POST" else None, "legal", act="add"),
    Hostile("push-pending-for-ever", "complete", _pending, act="add", requests=40),
    Hostile(
        "push-id-with-path",
        "complete",
        lambda call: _pending(call, id="../../../api/?x=1#y"),
        "must not reach another path",
        act="add",
        requests=40,
    ),
    Hostile("push-id-empty", "untrusted", lambda call: _pending(call, id=".."), act="add"),
    Hostile("push-no-status", "untrusted", lambda c: reply(b"", 202) if c.method == "POST" else None, act="add"),
    Hostile(
        "push-counts-of-nonsense",
        "untrusted",
        lambda call: _pending(call, total_count="many"),
        act="add",
    ),
    Hostile("push-too-large", "complete", lambda c: reply(b"{}", 413) if c.method == "POST" else None, act="add"),
]

ROWS = [*PAGING, *BODIES, *TRANSPORT, *REFUSALS, *RESOURCES]
