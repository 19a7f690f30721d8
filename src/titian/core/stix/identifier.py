"""Identifiers: ``object-type--UUID`` (STIX 2.1 section 2.9) and the deterministic ones of observables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from uuid import UUID, uuid5

import rfc8785

from titian.core.errors import InvalidInput

SCO_NAMESPACE = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace of deterministic observable ids; no other object may use it (STIX 2.1 section 2.9)."""

HASH_PREFERENCE = ("MD5", "SHA-1", "SHA-256", "SHA-512")
"""Which one hash of several contributes to an id (STIX 2.1 sections 6.1, 6.7 and 6.18)."""

SPECIFIED_ID_CONTRIBUTING: Mapping[str, tuple[str, ...]] = {
    "artifact": ("hashes", "payload_bin"),
    "autonomous-system": ("number",),
    "directory": ("path",),
    "domain-name": ("value",),
    "email-addr": ("value",),
    "email-message": ("from_ref", "subject", "body"),
    "file": ("hashes", "name", "parent_directory_ref", "extensions"),
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "mac-addr": ("value",),
    "mutex": ("name",),
    "network-traffic": (
        "start",
        "end",
        "src_ref",
        "dst_ref",
        "src_port",
        "dst_port",
        "protocols",
        "extensions",
    ),
    "process": (),
    "software": ("name", "cpe", "swid", "vendor", "version"),
    "url": ("value",),
    "user-account": ("account_type", "user_id", "account_login"),
    "windows-registry-key": ("key", "values"),
    "x509-certificate": ("hashes", "serial_number"),
}
"""The properties whose values make an observable's id, by type (STIX 2.1 section 6)."""

ID_ALTERNATIVES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "bank-account": (("iban",), ("number", "bank_code", "bic", "country")),
    "drone": (("serial_number",), ("registration", "country"), ("remote_id",)),
    "media-hash": (("algorithm", "value"),),
    "nft": (("contract", "network", "token_id"),),
    "phone-number": (("value",),),
    "social-account": (("user_id", "platform"), ("account_login", "platform"), ("url", "platform")),
    "transfer": (("hash", "network", "index"),),
    "wallet": (("address", "network"),),
}
"""For observables that our extensions declare: of several ways to tell one, the first whose first property is there
makes the id, so that what else is known of it changes nothing."""

ID_CONTRIBUTING: Mapping[str, tuple[str, ...]] = {
    **SPECIFIED_ID_CONTRIBUTING,
    **{name: tuple(dict.fromkeys(one for way in ways for one in way)) for name, ways in ID_ALTERNATIVES.items()},
}
"""The properties whose values may make an observable's id, by type; ours too."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_TYPE = r"[a-z][a-z0-9]*+(?:-[a-z0-9]++)*"
_match_identifier = re.compile(rf"{_TYPE}--{_UUID}").fullmatch
_match_type_name = re.compile(_TYPE).fullmatch
_SHORTEST_TYPE, _LONGEST_TYPE = 3, 250
_SHORTEST, _LONGEST = (length + len("--") + 36 for length in (_SHORTEST_TYPE, _LONGEST_TYPE))


def identifier_matcher(type: str) -> Callable[[str], object]:
    """A quick test for identifiers of one ``type``: what it returns is true for them, None for others."""
    return re.compile(rf"{re.escape(type)}--{_UUID}").fullmatch


def is_type_name(text: str) -> bool:
    """Whether ``text`` may name a type: lower case, words joined by hyphens, 3 to 250 (STIX 2.1 section 3.1).

    >>> is_type_name("x-mitre-tactic"), is_type_name("Tool"), is_type_name("x_tool")
    (True, False, False)
    """
    return _SHORTEST_TYPE <= len(text) <= _LONGEST_TYPE and _match_type_name(text) is not None


def is_identifier(text: str) -> bool:
    """Whether ``text`` is ``object-type--UUID`` with an RFC 4122 UUID in lower case (STIX 2.1 section 2.9).

    >>> is_identifier("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4")
    True
    >>> is_identifier("../../etc/passwd"), is_identifier("tool--00000000-0000-0000-0000-000000000000")
    (False, False)
    """
    return _SHORTEST <= len(text) <= _LONGEST and _match_identifier(text) is not None


def canonical_json(value: object) -> bytes:
    """``value`` as RFC 8785 writes it: one JSON value, one spelling. Raises `InvalidInput`.

    >>> canonical_json({"b": 1.0, "a": "例"}).decode()
    '{"a":"例","b":1}'
    """
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(f"This value has no canonical JSON form ({error}).", advice="Use I-JSON values.") from error


def new_id(type: str, *, random: Callable[[int], bytes] = os.urandom) -> str:
    """A fresh id of a UUIDv4, from 16 bytes of ``random``.

    >>> new_id("tool", random=bytes)
    'tool--00000000-0000-4000-8000-000000000000'
    """
    if not is_type_name(type):
        raise InvalidInput(f"{type!r} is not a type name.", advice="Use lower-case words joined by hyphens.")
    return f"{type}--{UUID(bytes=random(16), version=4)}"


def observable_id(type: str, properties: Mapping[str, object], *, random: Callable[[int], bytes] = os.urandom) -> str:
    """The id of an observable: UUIDv5 of its ID-contributing properties (STIX 2.1 sections 2.9 and 3.4).

    Without any of them the id is a fresh UUIDv4. ``properties`` may hold others, they do not count.

    >>> observable_id("ipv4-addr", {"value": "198.51.100.3"})
    'ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4'
    """
    names = ID_CONTRIBUTING.get(type)
    if names is None:
        raise InvalidInput(f"{type!r} is not an observable of STIX 2.1.", advice="Use new_id for other types.")
    if type in ID_ALTERNATIVES:
        names = next((way for way in ID_ALTERNATIVES[type] if properties.get(way[0]) is not None), ())
    contributing = {name: properties[name] for name in names if properties.get(name) is not None}
    if "hashes" in contributing:
        chosen = _preferred_hash(contributing.pop("hashes"))
        if chosen:
            contributing["hashes"] = chosen
    if not contributing:
        return new_id(type, random=random)
    return f"{type}--{uuid5(SCO_NAMESPACE, canonical_json(contributing).decode())}"


def _preferred_hash(hashes: object) -> dict[str, object]:
    """The one hash that contributes: by preference, else the first name in code-point order."""
    if not isinstance(hashes, Mapping) or not hashes:
        return {}
    name = next((name for name in HASH_PREFERENCE if name in hashes), None) or min(hashes)
    return {name: hashes[name]}
