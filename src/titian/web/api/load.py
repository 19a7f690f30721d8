"""Objects that wait in memory for a job to take them in: so many bytes of one process at most."""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import Final

from titian.core.errors import Unavailable

MOST: Final = 64 << 20
"""Bytes that wait, at most. One load that is larger by itself waits when nothing else does."""


class _Scale:
    """What waits in this process: how many bytes under each number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, int] = {}
        self._numbers = itertools.count()

    def put(self, size: int) -> int:
        """Count some bytes; the number that takes them off again. Raises :class:`Unavailable` when too many wait."""
        with self._lock:
            waiting = sum(list(self._waiting.values()))
            if waiting and waiting + size > MOST:
                raise Unavailable("Too much waits to be taken in.", advice="Try again in a minute.")
            number = next(self._numbers)
            self._waiting[number] = size
            return number

    def take(self, number: int) -> None:
        """Count them no more. Without the lock: a finalizer may come here while its own thread holds it."""
        self._waiting.pop(number, None)


_scale: Final = _Scale()


class Load:
    """Objects byte for byte, until they are taken in."""

    def __init__(self, raws: list[bytes]) -> None:
        self.raws = raws
        self._done: weakref.finalize[[int], Load] | None = None

    def wait(self) -> None:
        """Count these bytes as waiting, until :meth:`unload`, or nobody has them any more. Raises
        :class:`Unavailable` where too much waits."""
        self._done = weakref.finalize(self, _scale.take, _scale.put(sum(map(len, self.raws))))

    def unload(self) -> None:
        """Let go of them: a job that has ended is kept longer than what it took in."""
        self.raws = []
        if self._done is not None:
            self._done()
