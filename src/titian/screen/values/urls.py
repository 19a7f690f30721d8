"""URLs in a canonical form of our own: that of RFC 3986 section 6, and what browsers do with a host.

Scheme and host in lower case, the host in A-labels or as a canonical IP address (``0x7f.1`` too), the default port
dropped, dot segments resolved, an empty path ``/``. Percent-encoding in capitals, decoded only where it stands for
an unreserved character, added where a character may not stand. Left out are the user and password, which are
credentials or a disguise of the host, and the fragment, which no server sees, unless it begins with ``!`` or ``/``:
there it names a page. The order of a query, and a slash at the end, are kept.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from titian.core.screening import Value, ValueKind
from titian.screen.values.addresses import is_ipv4
from titian.screen.values.domains import ascii_host, host_facts
from titian.screen.values.found import Found
from titian.screen.values.text import LONGEST, refanged, unwrapped

_PORTS: Final = {"http": "80", "https": "443", "ftp": "21", "ws": "80", "wss": "443"}
_parts: Final = re.compile(
    r"([a-zA-Z][a-zA-Z0-9+.-]{0,31}):(//[^/?#]*)?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL
).fullmatch
_authority: Final = re.compile(r"(?:(.*)@)?(\[[^]]*\]|[^:@]*)(?::(\d*))?", re.DOTALL).fullmatch
_PERCENT: Final = re.compile(r"%[0-9a-fA-F]{2}")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KEPT: Final = "!$&'()*+,;=:@/?%~[]"
_is_plain: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/-]*").fullmatch
_AUTHORITY_END: Final = re.compile(r"(?<![:/\[(\s])[/?#]")


class Parts(NamedTuple):
    """A URL taken apart, each part canonical; ``host`` is empty where there is none, as in ``magnet:``."""

    scheme: str
    host: str
    port: str
    path: str
    query: str | None
    fragment: str | None
    user: bool

    def text(self) -> str:
        """The canonical URL."""
        where = f"//{self.host}" + (f":{self.port}" if self.port else "") if self.host else ""
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment is not None else ""
        return f"{self.scheme}:{where}{self.path}{query}{fragment}"


def refanged_url(text: str) -> str:
    """Return a URL with its scheme and host put right; its path and query keep their brackets.

    >>> refanged_url("hxxp://evil[.]example/a[.]b")
    'http://evil.example/a[.]b'
    """
    text = re.sub(r"[\[({]\s?(:(?://?)?|//?)\s?[\])}]", r"\1", text[:_FRONT]) + text[_FRONT:]
    end = _AUTHORITY_END.search(text)
    at = len(text) if end is None else end.start()
    return refanged(text[:at]).rstrip() + text[at:]


_FRONT: Final = 16
"""Characters in which the scheme and the slashes behind it stand."""


def read_url(text: str) -> Found:
    """Read a tidied text as a URL. Without a scheme it is taken for ``https`` and for ``http``.

    >>> read_url("HTTP://Evil[.]example:80/a/../%7eb?x=%2f#top").values[0].canonical
    'http://evil.example/~b?x=%2F'
    """
    if len(text) > LONGEST:
        return Found(problem="This is too long to be read as a URL.")
    text = refanged_url(unwrapped(text))
    if "\\" in text and _takes_backslashes(text) is not None:
        text = text.replace("\\", "/")
    if _has_scheme(text) is None:
        both = [_canonical(f"{scheme}://{text.lstrip('/')}") for scheme in ("https", "http")]
        values = tuple(one for one in both if one is not None)
    else:
        one = _canonical(text)
        values = () if one is None else (one,)
    return Found(values) if values else Found(problem="This is no URL.")


_takes_backslashes: Final = re.compile(r"(?:https?|wss?|ftp):", re.IGNORECASE).match
_has_scheme: Final = re.compile(
    r"[a-z][a-z0-9+.-]{0,31}://"
    r"|(?:https?|ftp|wss?|mailto|tel|sms|tg|magnet|data|javascript|urn|ipfs|file|geo|sip|xmpp|skype):.+",
    re.IGNORECASE | re.DOTALL,
).match


def _canonical(text: str) -> Value | None:
    parts = parse_url(text)
    if parts is None:
        return None
    facts = host_facts(parts.host) if parts.host and parts.host[-1] != "]" and is_ipv4(parts.host) is None else ()
    canonical = parts.text()
    if len(canonical) > LONGEST:
        return None
    host = (("host", parts.host.strip("[]")),) if parts.host else ()
    return Value(ValueKind.URL, canonical, (*host, *facts, *((("user", "left out"),) if parts.user else ())))


def parse_url(text: str) -> Parts | None:
    """Take a URL with a scheme apart, or return None for what is none."""
    found = _parts(text)
    if found is None:
        return None
    scheme = found[1].lower()
    authority, path = found[2], found[3]
    if scheme in _PORTS:
        # Browsers skip any number of slashes before the host.
        rest = ((authority or "") + path).lstrip("/")
        host_part, slash, path = rest.partition("/")
        authority = "//" + host_part
        path = slash + path
    host, port, user = "", "", False
    if authority is not None and authority != "//":
        read = _host(authority[2:], scheme)
        if read is None:
            return None
        host, port, user = read
    elif scheme in _PORTS or not (path or found[4]):
        return None
    path = _percent(path)
    path = (_without_dots(path) or "/") if host else ("//" if authority is not None else "") + path
    query = _percent(found[4]) if found[4] is not None else None
    fragment = _percent(found[5].replace("#", "%23")) if found[5] and found[5][0] in "!/" else None
    return Parts(scheme, host, port, path, query, fragment, user)


def _host(authority: str, scheme: str) -> tuple[str, str, bool] | None:
    found = _authority(authority)
    if found is None:
        return None
    host, port = found[2], found[3] or ""
    if port:
        number = int(port) if len(port) <= 8 else 1 << 16
        if number >= 1 << 16:
            return None
        port = "" if str(number) == _PORTS.get(scheme) else str(number)
    if host[:1] == "[":
        try:
            host = f"[{IPv6Address(host[1:-1].partition('%')[0]).compressed}]"
        except ValueError:
            return None
    elif is_ipv4(host) is None:
        if "%" in host:
            host = unquote(host, errors="replace")
        found_host = ascii_host(host)
        if found_host is None:
            return None
        host = found_host
        if host[-1].isdigit() or host.rpartition(".")[2].startswith("0x"):
            number_host = _number_host(host)
            if number_host is None:
                return None
            host = number_host
    return host, port, found[1] is not None


def _number_host(host: str) -> str | None:
    """An IPv4 address in any of the ways that browsers take (WHATWG URL); a name that merely ends in a digit stays."""
    labels = host.split(".")
    last = labels[-1]
    if not (last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last)):
        return host
    try:
        numbers = [_number(label) for label in labels]
        *first, rest = numbers
        if len(numbers) > 4 or any(number > 255 for number in first):
            return None
        value = sum(number << (24 - 8 * place) for place, number in enumerate(first))
        return str(IPv4Address(value + rest)) if rest < 256 ** (5 - len(numbers)) else None
    except ValueError:
        return None


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8) if len(label) > 1 and label[0] == "0" else int(label)


def _percent(text: str) -> str:
    """Percent-encoding in one form. What is encoded and reserved stays encoded: ``%2F`` is no slash."""
    if _is_plain(text) is not None:
        return text
    if "%" in text:
        text = _PERCENT.sub(_one, text)
        # A lone % means itself.
        text = re.sub(r"%(?![0-9A-F]{2})", "%25", text)
    return quote(text, safe=_KEPT, errors="replace")


def _one(found: re.Match[str]) -> str:
    char = chr(int(found[0][1:], 16))
    return char if char in _UNRESERVED else found[0].upper()


def _without_dots(path: str) -> str:
    """A path without ``.`` and ``..`` (RFC 3986 section 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
            continue
        if last:
            kept.append("")
    return "/" + "/".join(kept)
