"""What a TAXII 2.1 server answers, read liberally into typed values (TAXII 2.1 sections 4 and 5).

Servers in the field leave out required keys and write ``null`` for a boolean. What can be understood is; the
rest is named. Pages of objects are read in `titian.wire.taxii_page`.
"""

from __future__ import annotations

import email.message
from typing import Any, Final, TypeVar

import msgspec

from titian.core.errors import PeerUntrusted
from titian.wire.outbound import Reply
from titian.wire.taxii import MEDIA_TYPE

T = TypeVar("T")

BAD_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, not UTF-8, or nested too deeply."""


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """The discovery resource (section 4.1.1)."""

    title: str = ""
    description: str | None = None
    contact: str | None = None
    default: str | None = None
    api_roots: tuple[str, ...] = ()


class ApiRoot(msgspec.Struct, frozen=True, kw_only=True):
    """The API root resource (section 4.2.1). ``max_content_length`` is in octets, `None` if not said."""

    title: str = ""
    description: str | None = None
    versions: tuple[str, ...] = ()
    max_content_length: int | None = None


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """The collection resource (section 5.2.1). A right is `None` if the server does not say."""

    id: str
    title: str = ""
    description: str | None = None
    alias: str | None = None
    can_read: bool | None = None
    can_write: bool | None = None
    media_types: tuple[str, ...] = ()


class ManifestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one object, without its content (section 5.3.1)."""

    id: str
    date_added: str = ""
    version: str = ""
    media_type: str | None = None


class StatusDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one object of an add request (section 4.3.1)."""

    id: str
    version: str = ""
    message: str | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an add request (section 4.3.1). ``status`` is ``complete`` or ``pending``.

    An empty ``id`` marks the client's own note on objects that it could not send.
    """

    id: str
    status: str
    request_timestamp: str | None = None
    total_count: int = 0
    success_count: int = 0
    successes: tuple[StatusDetail, ...] = ()
    failure_count: int = 0
    failures: tuple[StatusDetail, ...] = ()
    pending_count: int = 0
    pendings: tuple[StatusDetail, ...] = ()


def check_media_type(reply: Reply) -> None:
    """Raise `PeerUntrusted` unless the answer is TAXII 2.1 (sections 1.6.8 and 3.1)."""
    said = reply.headers.get("content-type", "")
    header = email.message.Message()
    header["content-type"] = said
    version = header.get_param("version")
    if header.get_content_type() == "application/taxii+json" and said and version in (None, "2.1"):
        return
    advice = "This may be a login page." if "html" in said.lower() else None
    raise PeerUntrusted(
        f"{reply.place} answers with {said[:80]!r} instead of {MEDIA_TYPE}.",
        advice=advice or "Check that the URL is one of a TAXII 2.1 server.",
    )


def read_resource(reply: Reply, kind: type[T]) -> T:
    """Return the body of ``reply`` as a ``kind``; a ``null`` counts as left out.

    Raises `PeerUntrusted` if it is none.
    """
    return convert(read_mapping(reply), kind, reply.place)


def read_mapping(reply: Reply) -> dict[str, Any]:
    """Return the JSON object in the body of a TAXII ``reply``; raises `PeerUntrusted` if there is none."""
    check_media_type(reply)
    try:
        found = msgspec.json.decode(reply.body)
    except BAD_JSON as error:
        raise PeerUntrusted(f"{reply.place} sends no JSON: {error}") from error
    if not isinstance(found, dict):
        raise PeerUntrusted(f"{reply.place} sends JSON that is no object.")
    return found


def convert(found: object, kind: type[T], place: str) -> T:
    """Return what was read at ``place`` as a ``kind``, or raise `PeerUntrusted`."""
    try:
        return msgspec.convert(without_nulls(found), kind, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        raise PeerUntrusted(f"{place} sends no usable {kind.__name__}: {error}") from error


def without_nulls(found: object) -> object:
    """Return JSON data with every ``null`` of an object left out, as TAXII wants it (section 2)."""
    if isinstance(found, dict):
        return {key: without_nulls(value) for key, value in found.items() if value is not None}
    if isinstance(found, list):
        return [without_nulls(value) for value in found]
    return found
