"""Values that are known to be harmless: told beside an answer, and never a reason to leave something out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
import numpy as np

from titian.core.screening import Value, ValueKind
from titian.screen.exact import Index, containing, prefixes_of
from titian.screen.hosts import parents_of
from titian.screen.values import read_values

_NAMES: Final = "lists.json"
_MODE: Final = 0o600
_AT_ONCE: Final = 50_000
_MOST: Final = 8
_AS: Final = {"hostname": ValueKind.DOMAIN, "cidr": ValueKind.IP, "string": None}


class Listed(Protocol):
    """A list of harmless values; ``type`` is string, hostname or cidr."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def type(self) -> str:
        """What its values are."""
        ...

    @property
    def version(self) -> int:
        """Its version, as its maintainers count."""
        ...

    @property
    def values(self) -> Sequence[str]:
        """Its values."""
        ...


class Known(msgspec.Struct, frozen=True):
    """A list that is looked into: its name, its version, and how many values it has."""

    name: str
    version: int
    values: int


class Warninglists:
    """The lists of one node, in a folder. Threads may share it."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._index = Index(folder, secret)
        self._names: tuple[Known, ...] | None = None

    def known(self) -> tuple[Known, ...]:
        """The lists that are looked into; none until they were taken in."""
        if self._names is None:
            try:
                self._names = msgspec.json.decode((self._folder / _NAMES).read_bytes(), type=tuple[Known, ...])
            except (OSError, msgspec.MsgspecError):
                self._names = ()
        return self._names

    def update(self, lists: Iterable[Listed], told: Callable[[int], None] = lambda _: None) -> tuple[Known, ...]:
        """Take lists in, in place of those that were; ``told`` is called with how many values were taken in so far."""
        self._index.rebuild()
        found: list[Known] = []
        done = 0
        for number, one in enumerate(lists):
            for begin in range(0, len(one.values), _AT_ONCE):
                some = read_values([text.lstrip(".*") for text in one.values[begin : begin + _AT_ONCE]], _AS[one.type])
                values = [read.values[0] for read in some if read.problem is None or read.values[0].canonical]
                self._index.append(
                    self._index.digester.digests_of(values), np.full(len(values), number, np.uint64), {},
                    prefixes=prefixes_of(values),
                )  # fmt: skip
                done += len(some)
                told(done)
            found.append(Known(one.name, one.version, len(one.values)))
        self._index.tidy()
        new = self._folder / f"{_NAMES}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(found))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / _NAMES)
        self._names = tuple(found)
        return self._names

    def __call__(self, values: Sequence[Value]) -> Sequence[Sequence[str]]:
        """The names of the lists that each value is on, or what contains it is."""
        names = self.known()
        if not names:
            return [()] * len(values)
        keys, about = [], []
        prefixes = self._index.prefixes
        for at, value in enumerate(values):
            for key in ((value.kind, value.canonical), *containing(value, prefixes, parents_of(value))):
                keys.append(key)
                about.append(at)
        found: list[dict[str, None]] = [{} for _ in values]
        for which, number in self._index.among(keys, _MOST):
            if number < len(names):
                found[about[which]][names[number].name] = None
        return [tuple(one) for one in found]
