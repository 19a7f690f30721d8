"""How often somebody may ask: token buckets in memory, one for each key or address, in each worker; and whose address
that is."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from titian.settings import Address, address_of, networks

_MOST: Final = 10_000
"""Buckets remembered; beyond that the one unused for longest is forgotten."""


class Buckets:
    """``rate`` tokens a second flow into each bucket, which holds ``burst``; a rate of 0 is no limit."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> float:
        """Take a token; the seconds to wait when there is none, else 0."""
        if not self._rate:
            return 0.0
        now = self._clock()
        level = self._level(who, now)
        if level < 1:
            return (1 - level) / self._rate
        self._buckets[who] = (level - 1, now)
        self._buckets.move_to_end(who)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return 0.0

    def _level(self, who: str, now: float) -> float:
        level, then = self._buckets.get(who, (self._burst, now))
        return min(self._burst, level + (now - then) * self._rate)


class Proxies:
    """Proxies before this node whose word on a client is believed: addresses or networks. Raises
    :class:`titian.core.errors.InvalidInput` for anything else."""

    def __init__(self, trusted: tuple[str, ...]) -> None:
        self._networks = networks(trusted)

    def client(self, scope: Any) -> str:
        """The address that a request came from: where that is a proxy's, the last in ``X-Forwarded-For`` that is none.
        What stands before it anybody can write. Where there is none, or no address, the proxy's own."""
        client = scope.get("client")
        given = client[0] if client else ""
        if not self._networks or not self._trusts(address_of(given)):
            return given
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for part in reversed(b",".join(lines).decode("latin-1").split(",")):
            address = address_of(part.strip())
            if address is None:
                return given
            if not self._trusts(address):
                return str(address)
        return given

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in one for one in self._networks)
