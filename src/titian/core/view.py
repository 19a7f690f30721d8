"""The ports that the verbs hold: what a room may ask of the store, and no more.

A verb never gets a store. It gets one of these, made for it by the node, so that what it may touch is in its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from titian.core.collection import Appended, Collection, Incoming, Page, Selection
from titian.core.errors import TitianError

Progress = Callable[[int], None]
"""Told how many objects were worked on since the last call."""


def silent(_count: int) -> None:
    """Progress for nobody."""


class Shelf(Protocol):
    """Put objects into collections, durably, and read them again."""

    def append(self, collection: Collection, items: Sequence[Incoming], *, source: str) -> list[Appended]:
        """Append valid objects in one transaction; what happened to each, in order."""
        ...

    def set_aside(self, collection: Collection, rejected: Sequence[SetAside], *, source: str) -> None:
        """Put what was not accepted into the quarantine, bytes and reason."""
        ...

    def page(self, collection: Collection, selection: Selection) -> Page:
        """Read one page."""
        ...

    def objects(self, collection: Collection, selection: Selection) -> Iterator[bytes]:
        """Every object of a selection, page after page, one by one."""
        ...


class SetAside(msgspec.Struct, frozen=True):
    """Bytes that were not accepted, and why. ``id`` is what they claim to be, empty when they claim nothing."""

    id: str
    reason: str
    raw: bytes


class Problem(Protocol):
    """What a file held that could not become an object."""

    @property
    def where(self) -> str:
        """A line, a position, or a name in the file."""
        ...

    @property
    def reason(self) -> str:
        """Why, and what to do."""
        ...


class Source(Protocol):
    """A file being read: raw objects, then the problems that were met."""

    def __iter__(self) -> Iterator[bytes]:
        """Objects, byte for byte."""
        ...

    @property
    def size(self) -> int:
        """Bytes there are to read."""
        ...

    @property
    def position(self) -> int:
        """Bytes read so far."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """What could not be carried over, or only by a guess; complete behind the last object."""
        ...

    @property
    def failure(self) -> TitianError | None:
        """Why the file could not be read to its end, when it could not."""
        ...

    @property
    def unmarked(self) -> int:
        """How many objects bear no TLP."""
        ...


class Cursors(Protocol):
    """Where each pull from a partner goes on."""

    def read(self, name: str) -> bytes | None:
        """The state kept under a name."""
        ...

    def write(self, name: str, state: bytes) -> None:
        """Keep a state, durably."""
        ...
