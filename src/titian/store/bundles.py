"""The table of sealed bundles, as :class:`titian.core.bundling.Book`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from titian.core.bundle import Kept
from titian.core.bundling import Fresh
from titian.core.collection import ALL, Collection, Selection
from titian.store.database import Row, Transaction
from titian.store.gate import StoreGate, StoreSession
from titian.store.log import objects
from titian.store.store import Store

_PAGE: Final = 1000
_COLUMNS: Final = ("id", "outgoing", "agreement", "party", "num", "created", "digest", "state")
_SELECT: Final = "SELECT state FROM bundles"
_kept: Final = msgspec.json.Decoder(Kept).decode


class StoreBundles:
    """Opens transactions over what is remembered of bundles."""

    def __init__(self, store: Store, gate: StoreGate) -> None:
        self._store = store
        self._gate = gate

    @contextmanager
    def reading(self) -> Iterator[StoreDesk]:
        """A snapshot."""
        with self._gate.reading() as session:
            yield StoreDesk(self._store, session)

    @contextmanager
    def writing(self) -> Iterator[StoreDesk]:
        """A transaction that is durable when the block ends, undone when it raises."""
        with self._gate.writing() as session:
            yield StoreDesk(self._store, session)


class StoreDesk:
    """One transaction (:class:`titian.core.bundling.Desk`)."""

    def __init__(self, store: Store, session: StoreSession) -> None:
        self.session = session
        self._store = store

    @property
    def _tx(self) -> Transaction:
        return self.session.tx

    def all(self) -> list[Kept]:
        """Everything that is remembered, by agreement, party, direction and number."""
        return _read(self._tx.all(f"{_SELECT} ORDER BY agreement, party, outgoing, num, id"))

    def stream(self, agreement: str, party: str, *, outgoing: bool) -> list[Kept]:
        """What went to a party, or came from it, under an agreement, by number."""
        where = "WHERE outgoing = ? AND agreement = ? AND party = ? ORDER BY num, id"
        return _read(self._tx.all(f"{_SELECT} {where}", outgoing, agreement, party))

    def find(self, identifier: str) -> Kept | None:
        """One bundle by its UUID."""
        found = _read(self._tx.all(f"{_SELECT} WHERE id = ?", identifier))
        return found[0] if found else None

    def keep(self, one: Kept) -> None:
        """Write what is remembered of a bundle, in the place of what was remembered of it."""
        self._tx.run("DELETE FROM bundles WHERE id = ?", one.id)
        row = (one.id, one.outgoing, one.agreement, one.party, one.number, one.created, one.cover,
               msgspec.json.encode(one))  # fmt: skip
        self._tx.insert("bundles", _COLUMNS, [row])

    def fresh(self, collection: Collection, after: int) -> Iterator[Fresh]:
        """Everything that a collection holds behind a ``date_added``, every version, in order."""
        more = True
        while more:
            selection = Selection(after=after, limit=_PAGE, versions=ALL)
            page = self._store.log.page(self._tx, collection.num, selection)
            if page.count:
                yield Fresh(page.first, page.last, tuple(objects(page)))
            after, more = page.last, page.more

    def keep_evidence(self, origin: str, what: str, body: bytes) -> None:
        """Keep a proof of what another node did, once."""
        if self._tx.one("SELECT 1 FROM evidence WHERE origin = ? AND body = ?", origin, body) is None:
            self._tx.run("INSERT INTO evidence (at, origin, what, body) VALUES (?, ?, ?, ?)",
                         self.session.at, origin, what, body)  # fmt: skip


def _read(rows: list[Row]) -> list[Kept]:
    return [_kept(bytes(row[0])) for row in rows]
