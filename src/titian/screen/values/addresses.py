"""IP addresses and networks, in the canonical text of RFC 5952; networks as CIDR."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from titian.core.screening import Value, ValueKind
from titian.screen.values.found import Found
from titian.screen.values.text import compatible, refanged

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
is_ipv4: Final = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}").fullmatch
"""Whether a text is an IPv4 address in its canonical form."""

_looks_v4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}|/\d{1,3}(?:\.\d{1,3}){3}|:\d{1,5})?").fullmatch
_looks_v6: Final = re.compile(
    r"(?=.*::|(?:[^:]*:){7}|.*:.*:.*\.)\[?[0-9a-fA-F:.]{2,45}(?:%[^/\s\]]{1,64})?\]?(?:/\d{1,3}|(?<=\]):\d{1,5})?"
).fullmatch
_ported: Final = re.compile(r"(?P<v4>[\d.]+):(?P<p4>\d{1,5})|\[(?P<v6>[^]]+)\](?::(?P<p6>\d{1,5}))?").fullmatch
_LONGEST: Final = 128

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def looks_like_ip(text: str) -> bool:
    """Whether a refanged text is written as an IP address or network is, rightly or not."""
    return len(text) <= _LONGEST and (_looks_v4(text) is not None or _looks_v6(text) is not None)


def read_ip(text: str) -> Found:
    """Read a tidied text as an IP address or network.

    An IPv4 address in one of version 6 is that IPv4 address, a network of one address is that address, a zone and
    a port are facts.

    >>> read_ip("::FFFF:198.51.100.3").values[0].canonical
    '198.51.100.3'
    >>> read_ip("2001:DB8:0::1/48").values[0].canonical
    '2001:db8::/48'
    """
    text = refanged(compatible(text)).strip()
    if is_ipv4(text) is not None:
        return Found((Value(ValueKind.IP, text, _V4),))
    if len(text) > _LONGEST:
        return Found(problem="This is too long to be an IP address.")
    facts: list[tuple[str, str]] = []
    ported = _ported(text)
    if ported is not None:
        text = ported["v4"] or ported["v6"]
        port = ported["p4"] or ported["p6"]
        facts += [("port", port)] if port else []
    try:
        return Found((_network(text, facts) if "/" in text else _address(text, facts),))
    except ValueError:
        return Found(problem=_what_is_wrong(text))


_V4: Final = (("version", "4"),)


def _address(text: str, facts: list[tuple[str, str]]) -> Value:
    found: Address = ip_address(text)
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            facts.append(("zone", found.scope_id))
            found = IPv6Address(int(found))
        mapped = found.ipv4_mapped
        if mapped is not None:
            facts.append(("mapped", found.compressed))
            found = mapped
    return Value(ValueKind.IP, str(found), (("version", str(found.version)), *facts))


def _network(text: str, facts: list[tuple[str, str]]) -> Value:
    found: Network = ip_network(text, strict=False)
    if isinstance(found, IPv6Network) and found.prefixlen >= 96:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            facts.append(("mapped", str(found)))
            found = IPv4Network((mapped, found.prefixlen - 96))
    if found.prefixlen == found.max_prefixlen:
        return Value(ValueKind.IP, str(found.network_address), (("version", str(found.version)), *facts))
    inside = text.partition("/")[0]
    if ip_address(inside) != found.network_address and not facts:
        facts.append(("given-address", inside))
    return Value(ValueKind.IP, str(found), (("version", str(found.version)), ("network", str(found)), *facts))


def _what_is_wrong(text: str) -> str:
    if re.search(r"(?<![\d:a-fA-F])0\d", text) and "." in text:
        return "This is no IP address: a number with a leading zero can be read as octal, so it is not read at all."
    return "This is no IP address or network."
