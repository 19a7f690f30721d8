"""What the other processes of :mod:`test_store_processes` do; importable, so that they can be started afresh."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier, Event
from typing import Final

from store_support import START, thing

from titian.store.store import Store

PATIENCE: Final = 60.0
"""Seconds to wait for the others."""


def identifiers(writer: int, batches: int, size: int) -> list[list[str]]:
    """The ids of each batch of a writer."""
    return [
        [f"malware--{writer:08x}{batch:08x}{place:016x}" for place in range(1 + (batch % size))]
        for batch in range(batches)
    ]


def write(url: str, collection: int, writer: int, batches: int, size: int, together: Barrier, was_read: Event) -> None:
    """Append batch after batch, under a clock that stands still; the second half once the first was read."""
    store = Store(url, clock=lambda: START)
    together.wait(PATIENCE)
    for number, batch in enumerate(identifiers(writer, batches, size)):
        if number == batches // 2:
            assert was_read.wait(PATIENCE)
        with store.writing() as tx:
            items = [thing(300, identifier=identifier) for identifier in batch]
            store.log.append(tx, collection, items, source=f"writer {writer}")
    store.close()
