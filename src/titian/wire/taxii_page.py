"""Pages of a TAXII 2.1 collection, read liberally (TAXII 2.1 sections 3.5, 3.7, 5.3, 5.4 and 5.8).

A page is decoded without parsing its objects. Where that fails, because one object among a thousand is
malformed, the objects are told apart and judged one by one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from titian.core.errors import PeerUntrusted
from titian.core.ledger import digest_of
from titian.wire.outbound import Reply
from titian.wire.taxii_reply import BAD_JSON, ManifestRecord, check_media_type, without_nulls
from titian.wire.taxii_time import read_moment, write_moment

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page: of objects (bytes exactly as sent), manifest records, or versions.

    ``first`` and ``last`` are the dates added of its ends as TAXII timestamps, `None` if the server gives
    none that can be read. ``skipped`` names what could not be used: position on the page, and why.
    ``repeated`` counts objects that were left out because the page before already had them. ``spoiled`` has the bytes
    of what was skipped, ``digest`` is :func:`titian.core.ledger.digest_of` of all elements as they were sent.
    """

    objects: list[T]
    first: str | None = None
    last: str | None = None
    next: str | None = None
    more: bool = False
    skipped: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    repeated: int = 0
    spoiled: dict[int, bytes] = dataclasses.field(default_factory=dict)
    digest: bytes = b""

    @property
    def handed(self) -> int:
        """How many elements the server sent."""
        return len(self.objects) + len(self.skipped) + self.repeated


class _Envelope(msgspec.Struct):
    objects: list[msgspec.Raw] | None = None
    more: bool | None = None
    next: str | int | None = None


class _Versions(msgspec.Struct):
    versions: list[msgspec.Raw] | None = None
    more: bool | None = None
    next: str | int | None = None


_ENVELOPES: Final[dict[str, type[_Envelope | _Versions]]] = {"objects": _Envelope, "versions": _Versions}
# More elements than this cost more memory as Python objects than they are worth counting afterwards.
_DENSE: Final = 4_000_000


def read_page(reply: Reply, key: str, *, most: int, token_bytes: int) -> Page[bytes]:
    """Return a page whose elements are under ``key``, each as the bytes that were sent.

    At most ``most`` elements and a page token of ``token_bytes``. An element that is malformed or not UTF-8
    is skipped with its reason; raises `PeerUntrusted` if the page as a whole cannot be read.
    """
    check_media_type(reply)
    more, token, elements = _envelope(reply, key, most)
    if len(elements) > most:
        raise PeerUntrusted(f"{reply.place} sends {len(elements)} objects on one page.")
    objects: list[bytes] = []
    skipped: list[tuple[int, str]] = []
    ascii_only = reply.body.isascii()
    for index, element in enumerate(elements):
        reason = None if isinstance(element, msgspec.Raw) else _malformed(element)
        data = bytes(element)
        if reason is None and not ascii_only:
            reason = _not_utf8(data)
        if reason is None:
            objects.append(data)
        else:
            skipped.append((index, reason))
    if token is not None and len(token) > token_bytes:
        raise PeerUntrusted(f"{reply.place} sends a page token of {len(token)} characters.")
    return Page(
        objects=objects,
        first=header_date(reply, "x-taxii-date-added-first"),
        last=header_date(reply, "x-taxii-date-added-last"),
        next=token,
        more=more,
        skipped=skipped,
        spoiled={index: bytes(elements[index]) for index, _ in skipped},
        digest=digest_of(elements),
    )


def keep_objects(page: Page[bytes]) -> Page[bytes]:
    """Return ``page`` with what is no JSON object skipped (section 3.7 allows STIX objects only)."""
    if all(element.startswith(b"{") for element in page.objects):
        return page
    return _keep(page, lambda element: element if element.startswith(b"{") else None)


def keep_records(page: Page[bytes]) -> Page[ManifestRecord]:
    """Return ``page`` as manifest records, others skipped."""
    return _keep(page, lambda element: _as(element, ManifestRecord))


def keep_texts(page: Page[bytes]) -> Page[str]:
    """Return ``page`` as texts (versions), others skipped."""
    return _keep(page, lambda element: _as(element, str))


def _keep(page: Page[bytes], read: Callable[[bytes], T | None]) -> Page[T]:
    skipped, spoiled = list(page.skipped), dict(page.spoiled)
    kept: list[T] = []
    for position, element in zip(_positions(page), page.objects, strict=True):
        value = read(element)
        if value is None:
            skipped.append((position, f"not what belongs here: {_kind(element)}"))
            spoiled[position] = element
        else:
            kept.append(value)
    return Page(
        objects=kept,
        first=page.first,
        last=page.last,
        next=page.next,
        more=page.more,
        skipped=sorted(skipped),
        repeated=page.repeated,
        spoiled=spoiled,
        digest=page.digest,
    )


def _positions(page: Page[bytes]) -> list[int]:
    taken = {index for index, _ in page.skipped}
    total = len(page.objects) + len(taken)
    return [index for index in range(total) if index not in taken]


def _as(element: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.convert(without_nulls(msgspec.json.decode(element)), kind, strict=True)
    except (*BAD_JSON, msgspec.ValidationError):
        return None


def _kind(element: bytes) -> str:
    kinds = {b"{": "an object", b"[": "a list", b'"': "a text", b"n": "null", b"t": "true", b"f": "false"}
    return kinds.get(element[:1], "a number")


def _envelope(reply: Reply, key: str, most: int) -> tuple[bool, str | None, list[msgspec.Raw] | list[bytes]]:
    """Return ``more``, ``next`` and the elements: at once if all is well, one by one if anything is not."""
    body = reply.body
    kind = _ENVELOPES[key]
    if body.count(b",") < _DENSE:
        try:
            envelope = msgspec.json.decode(body, type=kind, strict=False)
        except BAD_JSON:
            pass
        else:
            return bool(envelope.more), _token(envelope.next), getattr(envelope, key) or []
    rest, elements = split_list(body, key, most)
    try:
        envelope = msgspec.json.decode(rest, type=kind, strict=False)
    except BAD_JSON as error:
        raise PeerUntrusted(f"{reply.place} sends no TAXII page: {error}") from error
    return bool(envelope.more), _token(envelope.next), elements


def _token(given: str | int | None) -> str | None:
    return None if given is None or given == "" else str(given)


_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},"]', re.DOTALL)


def split_list(body: bytes, key: str, most: int) -> tuple[bytes, list[bytes]]:
    """Return ``body`` with the list under the top-level ``key`` emptied, and that list's elements.

    Brackets and texts are followed, nothing else is judged: so that one malformed element can be told from
    the thousand good ones beside it, which a JSON parser cannot do. Linear in the size of ``body``.

    >>> split_list(b'{"objects": [{"a": nul}, {}], "more": true}', "objects", 10)
    (b'{"objects": [], "more": true}', [b'{"a": nul}', b'{}'])
    """
    wanted, name = b'"%b"' % key.encode(), b""
    depth, start, mark, end = 0, -1, -1, -1
    elements: list[bytes] = []
    for found in _TOKEN.finditer(body):
        token = found.group()
        if token == b'"':
            break  # a text that does not end
        if token[:1] == b'"':
            name = token if depth == 1 else name
        elif token in b"[{":
            depth += 1
            if depth == 2 and token == b"[" and name == wanted and start < 0:
                start = mark = found.end()
        else:
            if depth == 2 and mark >= 0:
                piece = body[mark : found.start()].strip()
                mark = found.end() if token == b"," else -1
                end = found.start()
                if piece or elements or mark >= 0:
                    elements.append(piece)
                if len(elements) > most:
                    raise PeerUntrusted(f"The answer has more than {most} objects on one page.")
            depth -= token != b","
    if start < 0 or mark >= 0:
        return body, []
    return body[:start] + body[end:], elements


def _malformed(element: bytes) -> str | None:
    try:
        msgspec.json.decode(element, type=msgspec.Raw)
    except BAD_JSON as error:
        return f"malformed: {error}"
    return None


def _not_utf8(element: bytes) -> str | None:
    try:
        element.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start}"
    return None


def header_date(reply: Reply, name: str) -> str | None:
    """Return the moment in the header ``name`` as a TAXII timestamp, `None` if there is none to be read."""
    moment = read_moment(reply.headers.get(name, ""))
    return None if moment is None else write_moment(moment)
