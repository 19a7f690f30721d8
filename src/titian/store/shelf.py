"""The store as the ports of :mod:`titian.core.view`: each call is one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import msgspec

from titian.core.collection import Appended, Collection, Incoming, Kind, Outcome, Page, Selection
from titian.core.errors import Refused
from titian.core.view import SetAside
from titian.store.database import Transaction
from titian.store.log import objects
from titian.store.store import Store

OnAdded = Callable[[Transaction, Sequence[str]], object]
"""Told, in the same transaction, of the identifiers of what came in: a newer version may be for fewer eyes."""


def nobody(_tx: Transaction, _added: Sequence[str]) -> None:
    """Nobody is told."""


class StoreShelf:
    """Collections of a store (:class:`titian.core.view.Shelf`)."""

    def __init__(self, store: Store, added: OnAdded = nobody) -> None:
        self._store = store
        self._added = added

    def append(self, collection: Collection, items: Sequence[Incoming], *, source: str) -> list[Appended]:
        """Append valid objects; durable when this returns.

        Raises :class:`Refused` for a collection that only its own verbs write: the directory, and what was released.
        """
        if collection.kind in (Kind.DIRECTORY, Kind.RELEASED):
            raise Refused(f"{collection.name} is written by its own verbs only.", advice="Name another collection.")
        if not items:
            return []
        with self._store.writing() as tx:
            done = self._store.log.append(tx, collection.num, items, source=source)
            self._added(tx, [one.id for one in done if one.outcome is Outcome.ADDED])
            return done

    def set_aside(self, collection: Collection, rejected: Sequence[SetAside], *, source: str) -> None:
        """Put bytes into the quarantine, once each."""
        now = self._store.clock()
        with self._store.writing() as tx:
            for item in rejected:
                digest = hashlib.sha256(item.raw).digest()
                ident, reason = kept_text(item.id, 300), kept_text(item.reason, 2000)
                if (
                    tx.one(
                        "SELECT 1 FROM quarantine WHERE id = ? AND digest = ? AND collection = ?",
                        ident,
                        digest,
                        collection.num,
                    )
                    is None
                ):
                    tx.run(
                        "INSERT INTO quarantine (collection, id, version, reason, source, received, digest, raw) "
                        "VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
                        collection.num, ident, reason, source, now, digest, item.raw,
                    )  # fmt: skip

    def page(self, collection: Collection, selection: Selection) -> Page:
        """Read one page."""
        with self._store.reading() as tx:
            return self._store.log.page(tx, collection.num, selection)

    def objects(self, collection: Collection, selection: Selection) -> Iterator[bytes]:
        """Every object of a selection. Each page is a snapshot of its own, so a long export blocks nobody."""
        after, more = selection.after, True
        while more:
            page = self.page(collection, msgspec.structs.replace(selection, after=after))
            yield from objects(page)
            after, more = page.last, page.more


def kept_text(text: str, most: int) -> str:
    """What a database can keep of a text from outside: PostgreSQL has no NUL and bounds what it indexes. The bytes
    themselves are kept whole beside it."""
    return text[:most].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


class StoreCursors:
    """Where each pull goes on (:class:`titian.core.view.Cursors`)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, name: str) -> bytes | None:
        """The state kept under a name."""
        with self._store.reading() as tx:
            row = tx.one("SELECT state FROM cursors WHERE name = ?", name)
        return None if row is None else bytes(row[0])

    def write(self, name: str, state: bytes) -> None:
        """Keep a state, durably."""
        now = self._store.clock()
        with self._store.writing() as tx:
            tx.run("DELETE FROM cursors WHERE name = ?", name)
            tx.run("INSERT INTO cursors (name, state, written) VALUES (?, ?, ?)", name, state, now)
