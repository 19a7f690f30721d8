"""The door of the screening desk: only who goes through it pays for its libraries."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from titian.screen.ports import Log

if TYPE_CHECKING:
    from titian.screen.desk import Screen


class Screening:
    """Gives the desk, the same one each time. Threads may share it."""

    def __init__(self, log: Log, folder: Path, secret: bytes) -> None:
        self._given = log, folder, secret
        self._lock = threading.Lock()
        self._desk: Screen | None = None

    def __call__(self) -> Screen:
        """The desk. The first call loads its libraries: half a second, and 60 MB."""
        with self._lock:
            if self._desk is None:
                from titian.screen.desk import Screen

                self._desk = Screen(*self._given)
            return self._desk

    @property
    def is_used(self) -> bool:
        """Whether anything was ever screened here."""
        return self._given[1].exists()
