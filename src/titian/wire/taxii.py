"""TAXII 2.1 as values: its resources, its filters, its page tokens, its media types. No HTTP."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from titian.core.collection import LAST, STIX_MEDIA_TYPE, Selection, Versions, timestamp
from titian.core.errors import InvalidFilter, InvalidTimestamp
from titian.core.receipt import Line, Receipt
from titian.core.stix import Timestamp, is_identifier

MEDIA_TYPE: Final = "application/taxii+json;version=2.1"


class _Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """TAXII 2.1 section 3.8: absent is absent, never ``null`` and never an empty list."""


class Discovery(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 4.1.1."""

    title: str
    description: str | None = None
    contact: str | None = None
    default: str | None = None
    api_roots: list[str] = []


class ApiRoot(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 4.2.1."""

    title: str
    description: str | None = None
    versions: list[str]
    max_content_length: int


class CollectionResource(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 5.2.1."""

    id: str
    title: str
    description: str | None = None
    alias: str | None = None
    can_read: bool
    can_write: bool
    media_types: list[str] = msgspec.field(default_factory=lambda: [STIX_MEDIA_TYPE])


class Collections(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 5.1.1."""

    collections: list[CollectionResource] = []


class ManifestRecord(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 5.3.1."""

    id: str
    date_added: str
    version: str
    media_type: str


class Manifest(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 5.3.1; ``next`` is missing there by an oversight (cti-taxii2#110) and sent all the same."""

    more: bool = False
    next: str | None = None
    objects: list[ManifestRecord] = []


class VersionsResource(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 5.8.1; ``next`` as in :class:`Manifest`."""

    more: bool = False
    next: str | None = None
    versions: list[str] = []


class StatusDetails(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 4.3.1, ``status-details``."""

    id: str
    version: str
    message: str | None = None


class StatusResource(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 4.3.1, ``status``."""

    id: str
    status: str
    request_timestamp: str
    total_count: int
    success_count: int
    successes: list[StatusDetails] = []
    failure_count: int
    failures: list[StatusDetails] = []
    pending_count: int
    pendings: list[StatusDetails] = []


def status_resource(receipt: Receipt) -> StatusResource:
    """Show a receipt as TAXII wants it."""

    def details(lines: list[Line]) -> list[StatusDetails]:
        return [StatusDetails(id=line.id, version=line.version, message=line.message) for line in lines]

    return StatusResource(
        id=receipt.id,
        status="pending" if receipt.pending else "complete",
        request_timestamp=timestamp(receipt.received),
        total_count=receipt.total,
        success_count=len(receipt.successes),
        successes=details(receipt.successes),
        failure_count=len(receipt.failures),
        failures=details(receipt.failures),
        pending_count=receipt.pending,
    )


class ErrorMessage(_Resource, frozen=True, kw_only=True):
    """TAXII 2.1 section 3.6.1; ``http_status`` is a string."""

    title: str
    description: str | None = None
    error_id: str | None = None
    http_status: str


def envelope_prefix(next_token: str | None) -> bytes:
    """Return the bytes of an envelope before its first object."""
    if next_token is None:
        return b'{"objects":['
    return b'{"more":true,"next":"' + next_token.encode() + b'","objects":['


ENVELOPE_SUFFIX: Final = b"]}"
EMPTY_ENVELOPE: Final = b"{}"

# ── filters (section 3.4) ─────────────────────────────────────────────────────────────────────────────────────

_OBJECT_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,249}\Z")
_SPEC_VERSION: Final = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\Z")
_LIMIT: Final = re.compile(r"[0-9]{1,40}\Z")
PAGING: Final = frozenset({"added_after", "limit", "next"})
OF_OBJECTS: Final = PAGING | {"match[id]", "match[type]", "match[version]", "match[spec_version]"}
OF_OBJECT: Final = PAGING | {"match[version]", "match[spec_version]"}
OF_VERSIONS: Final = PAGING | {"match[spec_version]"}
OF_DELETE: Final = frozenset({"match[version]", "match[spec_version]"})


class Query(msgspec.Struct, frozen=True):
    """What the query string asks for; ``binding`` is what a page token is bound to: all of it but the limit."""

    selection: Selection
    next: str | None
    binding: bytes
    names_versions: bool


def parse_query(query: bytes, allowed: frozenset[str], *, limit: int, limit_max: int, strictly: bool = False) -> Query:
    """Parse the query string of an endpoint that knows the filters in ``allowed``.

    Raises :class:`InvalidFilter` for anything malformed (section 3.4: 400). A ``match`` field that is not known is
    refused too: to leave it out would answer with more than was asked for. Other parameters are not ours, unless
    ``strictly``: what takes away must not be asked for by half.
    """
    parse = _parse if len(query) > _REMEMBERED else _parse_again
    return parse(query, allowed, limit, limit_max, strictly)


def _parse(query: bytes, allowed: frozenset[str], limit: int, limit_max: int, strictly: bool) -> Query:
    given = _parameters(query, allowed, strictly)
    values: dict[str, object] = {"limit": min(limit, limit_max)}
    if (text := given.get("limit")) is not None:
        if not _LIMIT.match(text) or int(text) < 1:
            raise InvalidFilter(f"limit is {_shown(text)}.", advice="Give a whole number from 1 on.")
        values["limit"] = min(int(text), limit_max)
    if (text := given.get("added_after")) is not None:
        values["after"] = _instant("added_after", text)
    if (text := given.get("match[id]")) is not None:
        values["ids"] = _list("match[id]", text, is_identifier, "STIX identifiers")
    if (text := given.get("match[type]")) is not None:
        values["types"] = _list("match[type]", text, lambda item: bool(_OBJECT_TYPE.match(item)), "object types")
    if (text := given.get("match[spec_version]")) is not None:
        values["spec_versions"] = _list(
            "match[spec_version]", text, lambda item: bool(_SPEC_VERSION.match(item)), "versions such as 2.1"
        )
    if (text := given.get("match[version]")) is not None:
        values["versions"] = _versions(text)
    binding = "&".join(f"{name}={given[name]}" for name in sorted(given) if name not in {"limit", "next"})
    return Query(msgspec.convert(values, Selection), given.get("next"), binding.encode(), "match[version]" in given)


_REMEMBERED: Final = 512
"""Longest query string that is remembered: who polls asks the same again and again."""
_parse_again: Final = lru_cache(maxsize=512)(_parse)


def _parameters(query: bytes, allowed: frozenset[str], strictly: bool) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in query.split(b"&") if query else []:
        name_bytes, _, value_bytes = part.partition(b"=")
        try:
            name = unquote_to_bytes(name_bytes.replace(b"+", b" ")).decode("utf-8")
            value = unquote_to_bytes(value_bytes.replace(b"+", b" ")).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidFilter("The query string is not valid UTF-8.") from None
        if name not in allowed:
            if strictly or name in OF_OBJECTS or name.startswith("match["):
                known = ", ".join(sorted(allowed))
                raise InvalidFilter(
                    f"The filter {_shown(name)} is not one of this endpoint.", advice=f"It has {known}."
                )
            continue
        if name in given:
            raise InvalidFilter(f"{name} is given twice.", advice="Give each filter once, its values split by commas.")
        given[name] = value
    return given


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 64 else text[:61] + "...")


def _instant(name: str, text: str) -> int:
    try:
        return Timestamp.parse(text).micros
    except InvalidTimestamp:
        raise InvalidFilter(
            f"{name} is {_shown(text)}.",
            advice="Give an RFC 3339 timestamp in UTC, as 2026-01-31T00:00:00.000000Z.",
        ) from None


def _list(name: str, text: str, valid: Callable[[str], bool], what: str) -> frozenset[str]:
    items = text.split(",")
    for item in items:
        if not valid(item):
            raise InvalidFilter(f"{name} has {_shown(item)}.", advice=f"Give {what}, separated by single commas.")
    return frozenset(items)


def _versions(text: str) -> Versions:
    items = text.split(",")
    words = [item for item in items if item in {"first", "last", "all"}]
    exact = [_instant("match[version]", item) for item in items if item not in {"first", "last", "all"}]
    if len(set(words)) != len(words) or len(set(exact)) != len(exact):
        raise InvalidFilter("match[version] names the same version twice.")
    if "all" in words and len(items) > 1:
        raise InvalidFilter("match[version]=all stands beside another version.", advice="Give `all` alone.")
    chosen = Versions(last="last" in words, first="first" in words, all="all" in words, exact=frozenset(exact))
    return LAST if chosen == LAST else chosen


# ── page tokens (section 3.5) ─────────────────────────────────────────────────────────────────────────────────


class PageTokens:
    """Make and read ``next``: stateless, so that any worker reads it after any restart, signed, so that nobody
    makes one up, and bound to the reader, the endpoint and its filters (law 7)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hashlib.sha256(b"titian page token" + secret).digest()

    def make(self, after: int, *, bound_to: tuple[bytes, ...]) -> str:
        """Return the token of the page that begins after the entry added at ``after`` (microseconds)."""
        body = b"\x01" + after.to_bytes(8, "big", signed=True)
        return base64.urlsafe_b64encode(body + self._sign(body, bound_to)).decode().rstrip("=")

    def read(self, token: str, *, bound_to: tuple[bytes, ...]) -> int:
        """Return where the page begins. Raises :class:`InvalidFilter` for a token that is not of this request."""
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        body, signature = data[:9], data[9:]
        if len(data) != 25 or not hmac.compare_digest(signature, self._sign(body, bound_to)):
            raise InvalidFilter(
                "The value of next was not made for this request.",
                advice="Send it with the filters of the first request, as the same reader, or begin again without it.",
            )
        return int.from_bytes(body[1:], "big", signed=True)

    def _sign(self, body: bytes, bound_to: tuple[bytes, ...]) -> bytes:
        message = body + b"".join(len(part).to_bytes(4, "big") + part for part in bound_to)
        return hmac.digest(self._secret, message, "sha256")[:16]


# ── media types (sections 1.6.8 and 3.1) ──────────────────────────────────────────────────────────────────────


def _media_ranges(header: str) -> list[tuple[str, dict[str, str]]]:
    ranges = []
    for part in header.split(","):
        pieces = [piece.strip() for piece in part.split(";")]
        parameters = {
            name.strip().lower(): value.strip().strip('"')
            for name, separator, value in (piece.partition("=") for piece in pieces[1:])
            if separator
        }
        ranges.append((pieces[0].lower(), parameters))
    return ranges


@lru_cache(maxsize=256)
def acceptable(accept: str) -> bool:
    """Whether an ``Accept`` header allows our one media type: its most specific range counts (RFC 9110 section 12.5.1).

    >>> acceptable("application/taxii+json"), acceptable("text/html, */*;q=0.1"), acceptable("application/json")
    (True, True, False)
    >>> acceptable("application/taxii+json;version=2.0"), acceptable("*/*, application/taxii+json;q=0")
    (False, False)
    """
    best, allowed = -1, False
    for name, parameters in _media_ranges(accept):
        ours = name == "application/taxii+json" and parameters.get("version", "2.1") == "2.1"
        rank = 2 + ("version" in parameters) if ours else {"*/*": 0, "application/*": 1}.get(name, -1)
        try:
            wanted = float(parameters.get("q", "1")) > 0
        except ValueError:
            wanted = False
        if rank > best or (rank == best and wanted):
            best, allowed = rank, wanted and rank >= 0
    return allowed


@lru_cache(maxsize=256)
def understood(content_type: str) -> bool:
    """Whether a ``Content-Type`` header names the media type that POST takes.

    >>> understood("application/taxii+json; version=2.1"), understood("application/json")
    (True, False)
    """
    (name, parameters), *others = _media_ranges(content_type)
    return not others and name == "application/taxii+json" and parameters.get("version", "2.1") == "2.1"
