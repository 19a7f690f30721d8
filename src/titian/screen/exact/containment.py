"""Containment by exact look-ups: which keys would hold a value, if they were held.

A network that is held contains an address when the address, cut to the network's prefix, is that network. So an address
is looked up once for each length of prefix that occurs, a name once for each name above it, an address of a page once
for each folder above it. The other way round, which held addresses lie in a network that is asked for, needs their
order: see :func:`address_words` and :func:`network_words`, for an index of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from socket import AF_INET, inet_ntoa, inet_pton
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec
import numpy as np

from titian.core.errors import InvalidInput
from titian.core.screening import Value, ValueKind
from titian.screen.exact.digests import Key, Words

Network: TypeAlias = IPv4Network | IPv6Network

MOST_FOLDERS: Final = 64
"""Of an address with more folders than this, only the first and the last so many are looked up, half of each."""
_MASK: Final = (1 << 64) - 1
_MAPPED: Final = 0xFFFF << 32


class Prefixes(msgspec.Struct, frozen=True):
    """Which lengths of network prefixes occur, ascending: of 0 to 31 in ``v4``, 0 to 127 in ``v6``.

    Whole addresses are not among them: they are looked up as what they are.
    """

    v4: tuple[int, ...] = ()
    v6: tuple[int, ...] = ()

    def __or__(self, other: Prefixes) -> Prefixes:
        """Return all that occur in either."""
        return Prefixes(_ascending((*self.v4, *other.v4)), _ascending((*self.v6, *other.v6)))


NO_PREFIXES: Final = Prefixes()


def prefixes_of(values: Iterable[Value]) -> Prefixes:
    """Return which lengths the networks among some values have."""
    found: dict[int, set[int]] = {4: set(), 6: set()}
    for one in values:
        # Only networks have a slash: the many addresses are not even parsed.
        if one.kind is ValueKind.IP and "/" in one.canonical:
            network = read_network(one.canonical)
            if network.prefixlen < network.max_prefixlen:
                found[network.version].add(network.prefixlen)
    return Prefixes(_ascending(found[4]), _ascending(found[6]))


def containing(value: Value, prefixes: Prefixes = NO_PREFIXES, parents: Sequence[str] = ()) -> Iterator[Key]:
    """Yield the keys that would contain a value if they were held: nearest first, never the value itself.

    Of an address or network, networks of the lengths that occur. Of a domain, and of the host of an address of a page
    or of e-mail, the names above it: ``parents``, which the caller knows (down to the registrable part). Of an address
    of a page, also itself without its query, each folder above it, and its host. Values that are no proper address
    yield less, never an error.
    """
    if value.kind is ValueKind.IP:
        yield from _networks(value.canonical, prefixes)
    elif value.kind is ValueKind.URL:
        yield from _above_page(value.canonical, prefixes, parents)
    elif value.kind is ValueKind.EMAIL:
        _, at, host = value.canonical.rpartition("@")
        if at and host and host not in parents:
            yield ValueKind.DOMAIN, host
        yield from ((ValueKind.DOMAIN, parent) for parent in parents)
    elif value.kind is ValueKind.DOMAIN:
        yield from ((ValueKind.DOMAIN, parent) for parent in parents if parent != value.canonical)


def read_network(text: str) -> Network:
    """Return an address or a network; an address is the network of itself. Bits after the prefix are cut off.

    Raises :class:`~titian.core.errors.InvalidInput`.
    """
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not an address or a network.") from error


def canonical_network(network: Network) -> str:
    """Return a network as it is compared: ``203.0.113.0/24``, an address without its length."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def address_words(networks: Sequence[Network]) -> Words:
    """Return the first addresses as words whose order is that of addresses, version 4 as mapped into version 6."""
    found = [_words(one.network_address) for one in networks]
    return np.array(found, np.uint64).reshape(-1, 2)


def network_words(network: Network) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first and last address of a network, as words, to ask :meth:`~.Index.between` for.

    What is held there begins in the network: addresses in it, networks in it, and networks around it that begin with
    it; the caller, who sees the values, tells these from the others.
    """
    return _words(network.network_address), _words(network.broadcast_address)


def _words(address: IPv4Address | IPv6Address) -> tuple[int, int]:
    number = int(address) | (_MAPPED if address.version == 4 else 0)
    return number >> 64, number & _MASK


def _networks(text: str, prefixes: Prefixes) -> Iterator[Key]:
    """The networks of the lengths that occur around an address or a network."""
    try:
        # Nearly all that is asked for are addresses of version 4: reading these as networks would take ten times as
        # long (measured).
        number, bits, own = int.from_bytes(inet_pton(AF_INET, text)), 32, 32
    except (OSError, ValueError):
        try:
            asked = read_network(text)
        except InvalidInput:
            return
        number, bits, own = int(asked.network_address), asked.max_prefixlen, asked.prefixlen
    for length in reversed(prefixes.v4 if bits == 32 else prefixes.v6):
        if length < own:
            rest = bits - length
            first = number >> rest << rest
            yield ValueKind.IP, f"{inet_ntoa(first.to_bytes(4)) if bits == 32 else IPv6Address(first)}/{length}"


def _above_page(text: str, prefixes: Prefixes, parents: Sequence[str]) -> Iterator[Key]:
    yield from ((ValueKind.URL, one) for one in dict.fromkeys(_above_path(text)) if one != text)
    try:
        host = urlsplit(text).hostname
    except ValueError:
        return
    if not host:
        return
    # The last letter tells names from addresses, as no top-level domain ends in a digit.
    if host[-1].isdigit() or ":" in host:
        try:
            address = canonical_network(ip_network(host))
        except ValueError:
            pass
        else:
            yield ValueKind.IP, address
            yield from _networks(address, prefixes)
            return
    if host not in parents:
        yield ValueKind.DOMAIN, host
    yield from ((ValueKind.DOMAIN, parent) for parent in parents)


def _above_path(text: str) -> Iterator[str]:
    """The address without fragment, without query, and each folder above it, with and without its slash."""
    # Only ever cut: all the rest stays as the canonical form has it.
    page = text.partition("#")[0]
    yield page
    page = page.partition("?")[0]
    yield page
    host = page.find("://") + 3
    folders = [at for at in range(host, len(page)) if page[at] == "/"] if host >= 3 else []
    if len(folders) > MOST_FOLDERS:
        folders = [*folders[: MOST_FOLDERS // 2], *folders[-MOST_FOLDERS // 2 :]]
    for at in reversed(folders):
        yield page[: at + 1]
        yield page[:at]


def _ascending(lengths: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(lengths)))
