"""What the other processes of :mod:`test_store_processes` do; importable, so that they can be started afresh."""

from __future__ import annotations

from store_support import START, thing

from titian.store.store import Store


def identifiers(writer: int, batches: int, size: int) -> list[list[str]]:
    """The ids of each batch of a writer."""
    return [
        [f"malware--{writer:08x}{batch:08x}{place:016x}" for place in range(1 + (batch % size))]
        for batch in range(batches)
    ]


def write(url: str, collection: int, writer: int, batches: int, size: int) -> None:
    """Append batch after batch, under a clock that stands still."""
    store = Store(url, clock=lambda: START)
    for batch in identifiers(writer, batches, size):
        with store.writing() as tx:
            items = [thing(300, identifier=identifier) for identifier in batch]
            store.log.append(tx, collection, items, source=f"writer {writer}")
    store.close()
