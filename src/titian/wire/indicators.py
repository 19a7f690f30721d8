"""Indicator values as people write them: refanged, recognised, made a pattern and an observable."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from titian.core.errors import InvalidInput

_DEFANGED: Final = (
    (re.compile(r"^\s*(?:hxxp|h\*\*p|meow)(?=s?\s*[\[(:])", re.IGNORECASE), "http"),
    (re.compile(r"^\s*fxp(?=s?\s*[\[(:])", re.IGNORECASE), "ftp"),
    (re.compile(r"\[\s*:\s*//\s*\]"), "://"),
    (re.compile(r"[\[({]\s*(?:\.|dot)\s*[\])}]", re.IGNORECASE), "."),
    (re.compile(r"[\[({]\s*(?:@|at)\s*[\])}]", re.IGNORECASE), "@"),
    (re.compile(r"\[\s*:\s*\]"), ":"),
    (re.compile(r"\[\s*/\s*\]"), "/"),
)
_LABEL = r"(?!-)[\w-]{1,63}(?<!-)"
_DOMAIN: Final = re.compile(rf"(?=.{{4,253}}$)(?:{_LABEL}\.)+(?!\d+$){_LABEL}\.?")
_EMAIL: Final = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}@(.+)")
_MAC: Final = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_HASHES: Final = {32: "MD5", 40: "SHA-1", 64: "SHA-256", 128: "SHA-512"}


def refang(text: str) -> str:
    """Undo the spellings that keep an address from being clicked.

    >>> refang("hxxps://evil[.]example/a"), refang("198.51.100[.]3"), refang("a[at]evil(dot)example")
    ('https://evil.example/a', '198.51.100.3', 'a@evil.example')
    """
    for pattern, plain in _DEFANGED:
        text = pattern.sub(plain, text)
    return text.strip()


class Value(NamedTuple):
    """One recognised value: its kind as a CSV column names it, and the value in normal form."""

    kind: str
    text: str

    @property
    def observable(self) -> dict[str, Any]:
        """The properties of the observable (STIX 2.1 section 6), type included, id not."""
        if self.kind in _HASH_KINDS:
            return {"type": "file", "hashes": {_HASH_KINDS[self.kind]: self.text}}
        return {"type": _TYPES[self.kind], "value": self.text}

    @property
    def pattern(self) -> str:
        """The STIX pattern that matches it (STIX 2.1 section 9)."""
        text = self.text.replace("\\", "\\\\").replace("'", "\\'")
        if self.kind in _HASH_KINDS:
            return f"[file:hashes.'{_HASH_KINDS[self.kind]}' = '{text}']"
        return f"[{_TYPES[self.kind]}:value = '{text}']"


_TYPES: Final[Mapping[str, str]] = {
    "ipv4": "ipv4-addr",
    "ipv6": "ipv6-addr",
    "domain": "domain-name",
    "url": "url",
    "email": "email-addr",
    "mac": "mac-addr",
}
_HASH_KINDS: Final[Mapping[str, str]] = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha512": "SHA-512",
}
_ALIASES: Final[Mapping[str, frozenset[str]]] = {
    "ip": frozenset({"ipv4", "ipv6"}),
    "ipaddress": frozenset({"ipv4", "ipv6"}),
    "ipsrc": frozenset({"ipv4", "ipv6"}),
    "ipdst": frozenset({"ipv4", "ipv6"}),
    "ipv4": frozenset({"ipv4"}),
    "ipv4addr": frozenset({"ipv4"}),
    "ipv6": frozenset({"ipv6"}),
    "ipv6addr": frozenset({"ipv6"}),
    "domain": frozenset({"domain"}),
    "domainname": frozenset({"domain"}),
    "hostname": frozenset({"domain"}),
    "host": frozenset({"domain", "ipv4", "ipv6"}),
    "fqdn": frozenset({"domain"}),
    "url": frozenset({"url"}),
    "uri": frozenset({"url"}),
    "link": frozenset({"url"}),
    "email": frozenset({"email"}),
    "emailaddr": frozenset({"email"}),
    "emailaddress": frozenset({"email"}),
    "emailsrc": frozenset({"email"}),
    "emaildst": frozenset({"email"}),
    "mac": frozenset({"mac"}),
    "macaddr": frozenset({"mac"}),
    "macaddress": frozenset({"mac"}),
    "md5": frozenset({"md5"}),
    "sha1": frozenset({"sha1"}),
    "sha256": frozenset({"sha256"}),
    "sha512": frozenset({"sha512"}),
    "hash": frozenset(_HASH_KINDS),
    "filehash": frozenset(_HASH_KINDS),
    "file": frozenset(_HASH_KINDS),
}


def kinds_named(name: str) -> frozenset[str] | None:
    """Return the kinds that a type name of a feed can mean, None if it is not one.

    >>> sorted(kinds_named("SHA-256")), kinds_named("telephone")
    (['sha256'], None)
    """
    return _ALIASES.get(re.sub(r"[^a-z0-9]", "", name.lower()))


def _address(version: int) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            return None
        if network.version != version or "%" in text:
            return None
        return str(network) if "/" in text and network.num_addresses > 1 else str(network.network_address)

    return read


def _hash(length: int) -> Callable[[str], str | None]:
    return lambda text: text.lower() if len(text) == length and _HEX.fullmatch(text) else None


def _domain(text: str) -> str | None:
    return text.lower().removesuffix(".") if _DOMAIN.fullmatch(text) else None


def _url(text: str) -> str | None:
    if any(character.isspace() for character in text):
        return None
    try:
        parts = urlsplit(text)
        known = parts.scheme.lower() in ("http", "https", "ftp", "ftps", "sftp", "ws", "wss", "tcp", "udp")
        return text if known and parts.hostname else None
    except ValueError:
        return None


def _email(text: str) -> str | None:
    match = _EMAIL.fullmatch(text)
    return text if match and _domain(match[1]) else None


def _mac(text: str) -> str | None:
    return text.lower().replace("-", ":") if _MAC.fullmatch(text) else None


_READERS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "ipv4": _address(4),
    "ipv6": _address(6),
    **{name: _hash(length) for length, name in zip(_HASHES, _HASH_KINDS, strict=True)},
    "mac": _mac,
    "url": _url,
    "email": _email,
    "domain": _domain,
}


def recognise(text: str, kinds: frozenset[str] | None = None) -> Value:
    """Read one value, refanged, as one of ``kinds`` (any by default), in normal form.

    Addresses are compressed, domains, hashes and MAC addresses lower-case: so that one value has one
    observable id.

    :raises InvalidInput: if it is none of them.

    >>> recognise("hxxp://evil[.]example/x")
    Value(kind='url', text='http://evil.example/x')
    >>> recognise("D41D8CD98F00B204E9800998ECF8427E").kind, recognise("2001:DB8:0::1").text
    ('md5', '2001:db8::1')
    """
    plain = refang(text)
    for kind, read in _READERS.items():
        if (kinds is None or kind in kinds) and (normal := read(plain)) is not None:
            return Value(kind, normal)
    shown = text if len(text) <= 60 else text[:60] + "…"
    expected = "an address, domain, URL, e-mail address or hash" if kinds is None else " or ".join(sorted(kinds))
    raise InvalidInput(f"{shown!r} is not {expected}.")


_PATTERN: Final = re.compile(
    r"\[\s*(?P<type>[a-z0-9-]+)\s*:\s*(?:value|hashes\.'?(?P<hash>[A-Za-z0-9-]+)'?)\s*=\s*"
    r"'(?P<text>(?:[^'\\]|\\.)*)'\s*\]",
    re.DOTALL,
)


def from_pattern(pattern: str) -> Value | None:
    """Return the value that a pattern of one equality compares with, None for any other pattern.

    >>> from_pattern("[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']").kind
    'md5'
    """
    match = _PATTERN.fullmatch(pattern.strip())
    if match is None:
        return None
    text = re.sub(r"\\(.)", r"\1", match["text"], flags=re.DOTALL)
    if match["hash"]:
        return from_observable({"type": match["type"], "hashes": {match["hash"]: text}})
    return from_observable({"type": match["type"], "value": text})


def from_observable(properties: Mapping[str, Any]) -> Value | None:
    """Return the value of an observable that is nothing but one value, else None."""
    hashes = properties.get("hashes")
    if properties.get("type") == "file" and isinstance(hashes, dict) and len(hashes) == 1:
        ((algorithm, text),) = hashes.items()
        kinds = kinds_named(algorithm)
    else:
        text = properties.get("value")
        kinds = frozenset(kind for kind, name in _TYPES.items() if name == properties.get("type"))
    if not kinds or not isinstance(text, str):
        return None
    try:
        return recognise(text, kinds)
    except InvalidInput:
        return None
