"""What is kept of a long list that was screened: those of its values that are known, for a day, for who asked.

Two files of the node's home: the values, one JSON object on each line, and what was counted. What is held about them is
not among it; it is read anew each time that somebody looks. So what was recalled meanwhile is not shown.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from titian.core.errors import NotFound, Unavailable
from titian.core.screening import Asked, How

FOLDER: Final = "screening-results"
KEPT: Final = 86_400_000_000
"""Microseconds that a result is kept: as long as the job that made it."""
PAGE: Final = 25
"""Values on a page."""
MOST_KEPT: Final = 1_000_000
"""Values that are kept of one list; more are counted only."""
MOST_WRONG: Final = 100
_NAME: Final = re.compile(r"([0-9]{17})-[0-9a-f]{32}")


class Wrong(msgspec.Struct, frozen=True):
    """The beginning of a value that was not what it seemed, and what is wrong with it."""

    value: str
    problem: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a list: ``person`` is the id of who asked; ``pages`` are the places at which its pages begin."""

    name: str
    person: str
    made: int
    how: How
    screened: int = 0
    known: int = 0
    only_names: int = 0
    problems: int = 0
    harmless: int = 0
    kept: int = 0
    wrong: tuple[Wrong, ...] = ()
    pages: tuple[int, ...] = ()


class Writer:
    """Writes the known values of one list. Nothing can be read before :meth:`finish`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self._pages: list[int] = []
        self._kept = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unwritable(error) from error
        self._file = os.fdopen(handle, "wb")

    def add(self, asked: Asked) -> None:
        """Keep a value, if there is room. Raises :class:`Unavailable` when the disk is full."""
        if self._kept == MOST_KEPT:
            return
        try:
            if self._kept % PAGE == 0:
                self._pages.append(self._file.tell())
            self._file.write(msgspec.json.encode(asked) + b"\n")
        except OSError as error:
            raise _unwritable(error) from error
        self._kept += 1

    def finish(self, result: Result) -> None:
        """Say what was counted; from now on it can be read."""
        result = msgspec.structs.replace(result, kept=self._kept, pages=tuple(self._pages))
        told = self._path.with_suffix(".json")
        new = self._path.with_suffix(".new")
        try:
            self._file.close()
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(result))
            os.replace(new, told)
        except OSError as error:
            raise _unwritable(error) from error

    def drop(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        _remove(self._path)


class Results:
    """The results in a folder. Any number of processes may use it."""

    def __init__(self, home: Path, clock: Callable[[], int]) -> None:
        self._folder = home / FOLDER
        self._clock = clock

    def begin(self) -> tuple[str, int]:
        """A name for a new result, which nobody guesses, and the instant at which it was made."""
        now = self._clock()
        return f"{now:017d}-{secrets.token_hex(16)}", now

    def write(self, name: str) -> Writer:
        """Begin to write. What is older than :data:`KEPT` is removed."""
        self.sweep()
        return Writer(self._folder, name)

    def get(self, person: str, name: str) -> Result:
        """A result of a person's own. Raises :class:`NotFound`, also for that of somebody else."""
        gone = NotFound("There is no such result.", advice="Results of long lists are kept for a day.")
        if not self._is_fresh(name):
            raise gone
        try:
            found = msgspec.json.decode((self._folder / f"{name}.json").read_bytes(), type=Result)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            raise gone from None
        if found.person != person or found.name != name:
            raise gone
        return found

    def page(self, result: Result, number: int) -> list[Asked]:
        """The values of a page; none where it has no such page."""
        if not 0 <= number < len(result.pages):
            return []
        return list(islice(self._read(result, result.pages[number]), PAGE))

    def values(self, result: Result) -> Iterator[Asked]:
        """All values of a result."""
        return self._read(result, 0)

    def _read(self, result: Result, begin: int) -> Iterator[Asked]:
        try:
            with (self._folder / result.name).open("rb") as file:
                file.seek(begin)
                for line in file:
                    yield msgspec.json.decode(line, type=Asked)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Unavailable("The result cannot be read.", advice="Screen the list again.") from error

    def forget(self, name: str) -> None:
        """Remove a result."""
        _remove(self._folder / name)

    def sweep(self) -> None:
        """Remove what is older than :data:`KEPT`, finished or not."""
        with suppress(OSError):
            for one in list(self._folder.iterdir()):
                if not self._is_fresh(one.name.partition(".")[0]):
                    _remove(one.with_suffix(""))

    def _is_fresh(self, name: str) -> bool:
        found = _NAME.fullmatch(name)
        return found is not None and int(found[1]) > self._clock() - KEPT


def _remove(path: Path) -> None:
    for one in (path.with_suffix(".json"), path.with_suffix(".new"), path):
        with suppress(OSError):
            one.unlink()


def _unwritable(error: OSError) -> Unavailable:
    return Unavailable(f"The result cannot be kept: {error.strerror}.", advice="Make room on the disk of the node.")
