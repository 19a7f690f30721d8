"""The indexes of one scope: exact values, names and hashes of images, brought into step with the log together.

They lie in one folder. Exact values go in last, with how far the log was read: who is killed in between adds names and
images a second time, which changes no answer. What is torn or foreign is made anew from the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from titian.core.errors import Unavailable, UnreadableFile
from titian.core.screening import Batch, HeldName, Scope, Value, ValueKind
from titian.screen.exact import Index, address_words, prefixes_of, read_network
from titian.screen.exact.lock import locked
from titian.screen.media import HammingFolder, HammingIndex, read_hashes
from titian.screen.names import NameIndex
from titian.screen.ports import Log
from titian.screen.values import names_of, of_object

BATCH: Final = 5_000
"""Objects that are indexed at one time."""
WAIT: Final = 30.0
"""Seconds to wait for another process that indexes."""


def signed(number: int) -> int:
    """Return a number of 64 bits as names and images keep it; ``unsigned`` is the way back."""
    return number - (1 << 64) if number >> 63 else number


def unsigned(number: int) -> int:
    """Return a number as it was given."""
    return number & (1 << 64) - 1


class Indexes:
    """What is held in one scope, ready to be asked. Threads may share it; any number of processes use the folder."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.values = Index(folder / "values", secret)
        self.addresses = Index(folder / "addresses", secret)
        self._names = NameIndex(folder / "names")
        self._media = HammingFolder(folder / "images")
        self._images: HammingIndex | None = None

    @property
    def names(self) -> NameIndex:
        """The names, as they are on the disk now."""
        self._names.refresh()
        return self._names

    @property
    def images(self) -> HammingIndex:
        """The hashes of images, as they are on the disk now."""
        self._images = self._media.open()
        return self._images

    def is_behind(self, scope: Scope) -> bool:
        """Whether anything came in since."""
        try:
            upto = self.values.upto
        except UnreadableFile:
            return True
        return any(upto.get(log, -1) < end for log, end in scope.ends.items())

    def catch_up(
        self, scope: Scope, log: Log, *, seconds: float | None = None, told: Callable[[int], None] = lambda _: None
    ) -> bool:
        """Index what came in since, until it is done or the time is over; whether it is done.

        ``told`` is called with how many objects were read so far. Raises :class:`Unavailable` when the folder cannot
        be used, or another process keeps it for too long.
        """
        until = None if seconds is None else time.monotonic() + seconds
        done = 0
        while self.is_behind(scope):
            if until is not None and time.monotonic() >= until:
                return False
            with self._alone(WAIT if until is None else min(WAIT, max(until - time.monotonic(), 0.0))):
                self._mend()
                upto = dict(self.values.upto)
                if all(upto.get(one, -1) >= end for one, end in scope.ends.items()):
                    break
                batch = log.since(scope.num, upto, BATCH)
                self._add(batch)
            done += len(batch.numbers)
            told(done)
            if batch.upto == upto:
                # What was entered as the end of a log is gone from it: nothing is left to read.
                break
        return True

    def tidy(self) -> bool:
        """Merge files, in the background; whether there was anything to do."""
        return self.values.tidy() or self.addresses.tidy()

    def _add(self, batch: Batch) -> None:
        values: list[Value] = []
        numbers: list[int] = []
        names: list[tuple[HeldName, int]] = []
        for number, said in zip(batch.numbers, batch.objects, strict=True):
            found = list(of_object(said))
            values += found
            numbers += [number] * len(found)
            names += [(one, signed(number)) for one in names_of(said)]
        self._names.add(names)
        images = [(one.canonical, number) for one, number in zip(values, numbers, strict=True)
                  if one.kind is ValueKind.IMAGE]  # fmt: skip
        if images:
            words = read_hashes([text for text, _ in images])
            places = np.array([signed(number) for _, number in images], np.int64)
            self._media.append(words, places, upto=self._media.open().upto + 1)
        addresses = [(read_network(one.canonical), number) for one, number in zip(values, numbers, strict=True)
                     if one.kind is ValueKind.IP and "/" not in one.canonical]  # fmt: skip
        if addresses:
            column = np.array([number for _, number in addresses], np.uint64)
            self.addresses.append(address_words([network for network, _ in addresses]), column, {})
        self.values.append(
            self.values.digester.digests_of(values), np.array(numbers, np.uint64), batch.upto,
            prefixes=prefixes_of(values),
        )  # fmt: skip

    def _mend(self) -> None:
        """Forget all of it where a part is damaged: it is made anew from the log."""
        damaged = self.values.damage() or self.addresses.damage() or self._names.ignored or self._media.open().ignored
        if damaged:
            self.values.rebuild()
            self.addresses.rebuild()
            self._names.clear()
            self._media.clear()

    @contextmanager
    def _alone(self, seconds: float) -> Iterator[None]:
        with locked(self._folder / "lock", seconds) as alone:
            if not alone:
                raise Unavailable("Another process indexes what is held.", advice="Try again in a while.")
            yield
