"""A receipt: what a node answers to somebody who added objects, and remembers (TAXII 2.1 section 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

import msgspec

from titian.core.collection import Appended, Collection, Incoming


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One object of a request: its id, its version as TAXII shows it, and what there is to say."""

    id: str
    version: str
    message: str | None = None


class Receipt(msgspec.Struct, kw_only=True):
    """What became of each object of one request so far. ``received`` is in microseconds; ``lease`` is until when a
    worker has a deferred request in hand."""

    id: str
    received: int
    total: int
    successes: list[Line] = []
    failures: list[Line] = []
    lease: int = 0

    @property
    def pending(self) -> int:
        """How many objects are still to be worked on."""
        return self.total - len(self.successes) - len(self.failures)


class Deferred(msgspec.Struct, frozen=True):
    """A request that is acknowledged and still to be worked on, ``done`` objects of it behind."""

    receipt: Receipt
    collection: Collection
    source: str
    body: bytes
    done: int


class Intake(Protocol):
    """Where requests to add objects are made durable, together with their receipts."""

    def take(
        self,
        collection: Collection,
        items: Sequence[Incoming],
        *,
        source: str,
        receipt: Callable[[list[Appended]], Receipt],
    ) -> Future[Receipt]:
        """Append objects and write the receipt made of their outcomes in one transaction."""
        ...

    def go_on(
        self,
        deferred: Deferred,
        items: Sequence[Incoming],
        *,
        receipt: Callable[[list[Appended]], Receipt],
        done: int,
    ) -> Future[Receipt]:
        """Append a batch of a deferred request and write its lines; ``done`` objects are then behind.

        Raises :class:`titian.core.errors.Refused`, and nothing is written, when another worker has it in hand.
        """
        ...

    def defer(self, collection: Collection, receipt: Receipt, body: bytes, *, source: str) -> Future[Receipt]:
        """Keep a request for later."""
        ...

    def claim(self) -> Deferred | None:
        """Take the oldest deferred request that no other worker has in hand."""
        ...
