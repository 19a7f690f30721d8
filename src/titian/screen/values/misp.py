"""Values in what misp-stix keeps as it is, because STIX has no home for it: ``x-misp-attribute``, ``x-misp-object``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from titian.core.screening import Value, ValueKind
from titian.screen.values.reading import read_value

TYPES: Final[Mapping[str, ValueKind]] = {
    **dict.fromkeys(("btc", "xmr", "dash", "eth", "ltc"), ValueKind.WALLET),
    **dict.fromkeys(("ip-src", "ip-dst"), ValueKind.IP),
    **dict.fromkeys(("domain", "hostname"), ValueKind.DOMAIN),
    **dict.fromkeys(("url", "uri", "link"), ValueKind.URL),
    **dict.fromkeys(("email", "email-src", "email-dst", "target-email", "whois-registrant-email"), ValueKind.EMAIL),
    **dict.fromkeys(("phone-number", "prtn", "whois-registrant-phone"), ValueKind.PHONE),
    **dict.fromkeys(
        ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ssdeep", "tlsh", "imphash"), ValueKind.HASH
    ),
    "iban": ValueKind.IBAN,
    **dict.fromkeys(("bank-account-nr", "aba-rtn", "bin", "cc-number", "bic"), ValueKind.TEXT),
}
"""MISP's types of attributes that are values of ours."""

_PLATFORMS: Final = {"twitter-id": "x", "github-username": "github"}


def misp_values(obj: Mapping[str, Any]) -> Iterator[Value]:
    """Yield the values of an attribute, or of the attributes of an object, that misp-stix could not place."""
    parts = obj.get("x_misp_attributes")
    for part in parts if isinstance(parts, list | tuple) else ():
        if isinstance(part, Mapping):
            yield from _attribute(part.get("type"), part.get("value"))
    yield from _attribute(obj.get("x_misp_type"), obj.get("x_misp_value"))


def _attribute(kind: Any, text: Any) -> Iterator[Value]:
    if not isinstance(kind, str) or not isinstance(text, str):
        return
    if kind in TYPES:
        yield from read_value(text, TYPES[kind]).values
    elif kind in _PLATFORMS:
        yield from read_value(f"{_PLATFORMS[kind]}:{text}", ValueKind.ACCOUNT).values
