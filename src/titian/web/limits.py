"""How often somebody may ask: token buckets in memory, one for each key or address, in each worker."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

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
