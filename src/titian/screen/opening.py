"""The door of the screening desk: only who goes through it pays for its libraries."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from titian.screen.match_ports import Book, Offering, Quotas, Reach
from titian.screen.ports import Log

if TYPE_CHECKING:
    from titian.screen.desk import Screen
    from titian.screen.matching import Matching


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
    def is_open(self) -> bool:
        """Whether the libraries are loaded."""
        return self._desk is not None

    @property
    def is_used(self) -> bool:
        """Whether anything was ever screened here."""
        return self._given[1].exists()


class Matchmaking:
    """Gives private matching, the same each time. Threads may share it. ``identify`` gives the id of a collection by
    how people call it."""

    def __init__(
        self,
        log: Log,
        screen: Screening,
        *,
        book: Book,
        offering: Offering,
        reach: Reach,
        identify: Callable[[str], str],
        quotas: Quotas,
    ) -> None:
        self._log, self._screen = log, screen
        self._book, self._offering = book, offering
        self._reach, self._identify = reach, identify
        self._quotas = quotas
        self._lock = threading.Lock()
        self._made: dict[int, Matching] = {}

    def __call__(self, *, threads: int = 1) -> Matching:
        """Private matching, on so many cores. The first call loads the libraries of screening, and libsodium."""
        with self._lock:
            if threads not in self._made:
                from titian.screen.match_sources import Sources
                from titian.screen.matching import Matching

                sources = Sources(self._log, self._offering, self._book, self._identify)
                self._made[threads] = Matching(
                    book=self._book, offering=self._offering, desk=self._screen, sources=sources, reach=self._reach,
                    quotas=self._quotas, random=os.urandom, threads=threads,
                )  # fmt: skip
            return self._made[threads]
