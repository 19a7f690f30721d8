"""What one partner may see and do: a store narrowed to one key, once, so that no handler can forget to check."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from titian.core.access import Key, key_id, matches
from titian.core.collection import Collection, Kind, Page, Records, Selection
from titian.core.errors import Forbidden, NotFound, Unavailable
from titian.store.committer import Committer
from titian.store.database import Transaction
from titian.store.registry import find_collection, find_key, list_collections
from titian.store.store import Store

T = TypeVar("T")


class Seen(msgspec.Struct, frozen=True):
    """A collection as one reader sees it (TAXII 2.1 section 5.2.1)."""

    collection: Collection
    can_read: bool
    can_write: bool


class CollectionView:
    """A collection that the reader may read, in one snapshot."""

    def __init__(self, store: Store, tx: Transaction, collection: Collection) -> None:
        self.collection = collection
        self._store = store
        self._tx = tx

    def page(self, selection: Selection) -> Page:
        """One page of objects."""
        return self._store.log.page(self._tx, self.collection.num, selection)

    def records(self, selection: Selection) -> Records:
        """One page of the manifest."""
        return self._store.log.records(self._tx, self.collection.num, selection)

    def holds(self, identifier: str) -> bool:
        """Whether any version of an object is here."""
        selection = Selection(ids=frozenset({identifier}), limit=1).of_all_versions()
        return bool(self.records(selection).records)


class PartnerView:
    """The store as the holder of ``reader`` may use it. Raises :class:`NotFound` for what they may not know of
    and :class:`Forbidden` for what they may know of but not do."""

    def __init__(self, store: Store, committer: Committer, reader: Key, tick: Callable[[], object]) -> None:
        self.reader = reader
        self._tick = tick
        self._store = store
        self._committer = committer

    def collections(self) -> list[Seen]:
        """Every collection that the reader may know of."""
        with self._store.reading() as tx:
            seen = [self._seen(collection) for collection in list_collections(tx)]
        return [one for one in seen if one.can_read or one.can_write]

    def collection(self, reference: str) -> Seen:
        """One collection by its id or alias."""
        with self._store.reading() as tx:
            return self._find(tx, reference)

    def read(self, reference: str, use: Callable[[CollectionView], T]) -> T:
        """Use a collection that the reader may read, in one snapshot."""
        for _ in range(2):
            with self._store.reading() as tx:
                seen = self._find(tx, reference)
                if not seen.can_read:
                    raise Forbidden("This key may not read this collection.")
                if not self._is_due(seen.collection):
                    return use(CollectionView(self._store, tx, seen.collection))
            # Something in it has ended: it is taken out before anybody reads on (law 9).
            self._tick()
        raise Unavailable("What has ended in this collection is being taken out.", advice="Try again in a moment.")

    def _is_due(self, collection: Collection) -> bool:
        return (
            collection.kind is Kind.RELEASED
            and collection.expiry is not None
            and collection.expiry <= self._store.clock()
        )

    def writable(self, reference: str) -> Collection:
        """A collection that the reader may add to."""
        seen = self.collection(reference)
        if not seen.can_write:
            raise Forbidden("This key may not add to this collection.")
        return seen.collection

    def remove(self, reference: str, identifier: str, selection: Selection) -> int:
        """Take an object out of a collection: needs the right to read and to write (TAXII 2.1 section 5.7)."""

        def job(tx: Transaction) -> int:
            seen = self._find(tx, reference)
            if not (seen.can_read and seen.can_write):
                raise Forbidden("Taking objects out needs the right to read and to write this collection.")
            return self._store.log.remove(tx, seen.collection.num, identifier, selection)

        return self._committer.submit(job).result()

    def _find(self, tx: Transaction, reference: str) -> Seen:
        collection = find_collection(tx, reference)
        seen = None if collection is None else self._seen(collection)
        if seen is None or not (seen.can_read or seen.can_write):
            raise NotFound("There is no such collection here.", advice="GET …/collections/ lists those you may use.")
        return seen

    def _seen(self, collection: Collection) -> Seen:
        at = self._store.clock()
        return Seen(collection, self.reader.reads(collection, at), self.reader.writes(collection, at))


class Partners:
    """Who is at the door: from what they present to what they may see. ``tick`` takes out what has ended."""

    def __init__(self, store: Store, committer: Committer, tick: Callable[[], object] = lambda: None) -> None:
        self._store = store
        self._committer = committer
        self._tick = tick

    def view(self, key: str, name: str | None = None) -> PartnerView | None:
        """The view of the holder of ``key``, ``None`` when it opens nothing here.

        The row is read each time, so a revoked key is refused at once. ``name`` is checked when it is given.
        """
        ident = key_id(key)
        if ident is None:
            return None
        with self._store.reading() as tx:
            held = find_key(tx, ident)
        if held is None or not matches(key, held.digest) or held.revoked is not None:
            return None
        if name is not None and name != held.name:
            return None
        return PartnerView(self._store, self._committer, held, self._tick)
