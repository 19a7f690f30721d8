"""A lock among processes and threads that ends with whoever holds it: a kill leaves nothing locked."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

_FIRST_PAUSE: Final = 0.002
_MOST_PAUSE: Final = 0.05


@contextmanager
def locked(path: Path, wait: float) -> Iterator[bool]:
    """Hold the lock that a file stands for; yields False if it could not be had within ``wait`` seconds.

    Raises :class:`OSError` where the file cannot be made.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield _had(file, monotonic() + wait)
    finally:
        os.close(file)


def _had(file: int, until: float) -> bool:
    pause = _FIRST_PAUSE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= until:
                return False
            sleep(min(pause, max(until - monotonic(), 0)))
            pause = min(pause * 2, _MOST_PAUSE)
        else:
            return True
