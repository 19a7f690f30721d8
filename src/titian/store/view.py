"""What one partner may see and do: a store narrowed to one key, once, so that no handler can forget to check."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import msgspec

from titian.core.access import Key, key_id, matches
from titian.core.collection import Collection, Kind, Page, Records, Selection
from titian.core.errors import Forbidden, NotFound, Unavailable
from titian.core.ledger import Opened
from titian.core.merkle import Bundle, Tile
from titian.core.notes import SignedNote, VerifierKey
from titian.core.peer_ledger import Listed, Listing
from titian.store.committer import Committer
from titian.store.database import Transaction
from titian.store.deliveries import Deliveries as Deliveries
from titian.store.deliveries import Delivery as Delivery
from titian.store.deliveries import Outcome as Outcome
from titian.store.ledger import (
    BUNDLES,
    Ledger,
    StoredTiles,
    concerns,
    ledger_by_id,
    list_ledgers,
    opened_to,
)
from titian.store.ledger_book import LedgerBook
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

    def page(self, selection: Selection, *, digests: bool = False) -> Page:
        """One page of objects; with the digest of each, where that is asked for."""
        return self._store.log.page(self._tx, self.collection.num, selection, digests=digests)

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

    def __init__(
        self, store: Store, committer: Committer, reader: Key, tick: Callable[[], object], book: LedgerBook
    ) -> None:
        self.reader = reader
        self._book = book
        self._deliveries = Deliveries(store, committer)
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

    def is_partners(self, collection: Collection) -> bool:
        """Whether what the reader takes from a collection leaves this organisation, and so has to be remembered."""
        return self.reader.party is not None and collection.kind is Kind.RELEASED

    def deliver(self, delivery: Delivery) -> Future[bool]:
        """Remember what is about to be handed over (:meth:`titian.store.deliveries.Deliveries.record`)."""
        return self._deliveries.record(delivery)

    # ── ledgers ───────────────────────────────────────────────────────────────────────────────────────────

    def listing(self) -> Listing:
        """The ledgers that the reader may read: those of the agreements under which something is open to them now."""
        with self._store.reading() as tx:
            found = [one for one in list_ledgers(tx) if self._may_read(tx, one)]
            at, shared = self._store.clock(), list_collections(tx)
            places: dict[tuple[str | None, bool], str] = {
                (one.agreement, one.is_inbox): one.id
                for one in shared
                if one.agreement is not None and one.party == self.reader.party and self.reader.sees(one, at)
            }
            listed = tuple(
                Listed(
                    id=one.id, origin=one.origin, agreement=one.agreement, size=one.head.size,
                    keys=tuple(map(str, self._book.current_keys(tx, one))), halted=one.halted is not None,
                    collection=places.get((one.agreement, False)), inbox=places.get((one.agreement, True)),
                )
                for one in found
            )  # fmt: skip
        return Listing(listed, self._book.card())

    def ledger(self, tx: Transaction, identifier: str) -> Ledger:
        """One of them. Raises :class:`NotFound`, also for one that the reader may not know of."""
        found = ledger_by_id(tx, identifier)
        if not self._may_read(tx, found):
            raise NotFound("There is no such ledger here.")
        return found

    def _may_read(self, tx: Transaction, ledger: Ledger) -> bool:
        if self.reader.party is None:
            return self.reader.collection is None
        if ledger.agreement is None:
            return False
        at = self._store.clock()
        return any(
            one.kind is Kind.RELEASED and one.agreement == ledger.agreement and self.reader.sees(one, at)
            for one in list_collections(tx)
        )

    def checkpoint(self, identifier: str) -> bytes:
        """The last checkpoint of a ledger with its cosignatures. Raises :class:`NotFound` when there is none yet.

        When something waits that is opened to the reader, the ledger is sealed first: nobody else's doings can be told
        from when that happens.
        """
        # Who has just been handed a page finds it recorded: also one that is in the journal still.
        self._store.settle()
        with self._store.reading() as tx:
            ledger = self.ledger(tx, identifier)
            waits = ledger.halted is None and concerns(tx, ledger, self.reader.party)
        if waits:
            self._book.seal(ledger.num)
        with self._store.reading() as tx:
            published = self._book.published(tx, self.ledger(tx, identifier))
        if published is None:
            raise NotFound("Nothing in this ledger is signed yet.", advice="Ask again in a minute.")
        return published

    def tile(self, identifier: str, tile: Tile | Bundle) -> bytes:
        """The bytes of a tile or of an entry bundle. Raises :class:`NotFound`."""
        level = tile.level if isinstance(tile, Tile) else BUNDLES
        with self._store.reading() as tx:
            return StoredTiles(tx, self.ledger(tx, identifier).num).part(level, tile.index, tile.width)

    def opened(self, identifier: str, *, after: int, limit: int) -> tuple[list[Opened], int]:
        """Entries that are opened to the reader from a place on, and how many the last checkpoint covers."""
        with self._store.reading() as tx:
            ledger = self.ledger(tx, identifier)
            party = self.reader.party
            return ([] if party is None else opened_to(tx, ledger, party, after=after, limit=limit)), ledger.head.size

    def cosign(self, identifier: str, note: SignedNote, witness: VerifierKey) -> bool:
        """Take the reader's cosignature (:meth:`titian.store.ledger_book.LedgerBook.hear`)."""
        with self._store.reading() as tx:
            self.ledger(tx, identifier)
        return self._book.hear(identifier, note, witness, self.reader.party)

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

    def __init__(
        self, store: Store, committer: Committer, book: LedgerBook, tick: Callable[[], object] = lambda: None
    ) -> None:
        self._book = book
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
        with self._store.reading_once() as tx:
            held = find_key(tx, ident)
        if held is None or not matches(key, held.digest) or held.revoked is not None:
            return None
        if name is not None and name != held.name:
            return None
        return PartnerView(self._store, self._committer, held, self._tick, self._book)
