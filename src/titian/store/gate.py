"""The store as the gate of :mod:`titian.core.gate`: finding, releasing, taking back, all in one transaction."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection as Many
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

import msgspec

from titian.core.collection import ALL, Collection, Incoming, Kind, Outcome, Selection
from titian.core.copying import Copy, Shown
from titian.core.directory_objects import Reading
from titian.core.errors import NotFound, Refused
from titian.core.gate import Live, Put, Query, Request, State
from titian.core.ledger import Entry, runs
from titian.core.ledger import Kind as LedgerKind
from titian.core.recall import Holder
from titian.store.acts import record
from titian.store.database import Transaction
from titian.store.directory import DirectoryStore
from titian.store.holdings import Holdings, StoredGraph
from titian.store.known import sent_by
from titian.store.ledger import enter
from titian.store.log import objects
from titian.store.recalls import RecallRows, holders, naming, places
from titian.store.registry import add_collection, list_collections
from titian.store.store import Store

_BATCH: Final = 1000
_SOURCE: Final = "release"
_EDGE: Final = ""
"""Stands for no object among those that end, but for the next instant at which the terms of a release change."""
_LOOKED: Final = "retention"
_CHANGES: Final = "changes"
"""Beside the words that were looked for: the state of the collections when they were. No word is written so."""
_request: Final = msgspec.msgpack.Decoder(Request).decode
_query: Final = msgspec.json.Decoder(Query).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class StoreGate:
    """Opens transactions for the verbs of release."""

    def __init__(self, store: Store, directory: DirectoryStore) -> None:
        self._store = store
        self._directory = directory

    @contextmanager
    def reading(self) -> Iterator[StoreSession]:
        """A snapshot."""
        with self._store.reading() as tx:
            yield self.session(tx)

    @contextmanager
    def writing(self) -> Iterator[StoreSession]:
        """A transaction that is durable when the block ends, undone when it raises."""
        with self._store.writing() as tx:
            yield self.session(tx)

    def session(self, tx: Transaction) -> StoreSession:
        """The session of a transaction that is open already."""
        return StoreSession(self._store, self._directory, tx)


class StoreSession:
    """One transaction (:class:`titian.core.gate.Session`)."""

    def __init__(self, store: Store, directory: DirectoryStore, tx: Transaction) -> None:
        self.at = store.clock()
        self.tx = tx
        self._store = store
        self._directory = directory

    def register(self) -> Reading:
        """Parties and agreements, and how people call them."""
        return self._directory.reading(self.tx)

    def key(self) -> bytes:
        """The secret for identifiers of copies, apart from those that the node's secret serves otherwise."""
        return hashlib.sha256(b"titian copies" + self._store.node.secret).digest()

    @property
    def recalls(self) -> RecallRows:
        """Recalls, recipients and flags."""
        return RecallRows(self.tx)

    def places(self, collection: Collection, identifiers: Many[str]) -> dict[str, tuple[int, ...]]:
        """Each ``date_added`` of objects in a collection, of every version, ascending."""
        return places(self.tx, self._store.log, collection.num, identifiers)

    def naming(self, collection: Collection, identifiers: Many[str]) -> Iterator[bytes]:
        """Every version of every object in a collection in whose bytes one of these could stand: some hold none."""
        return naming(self.tx, collection.num, identifiers)

    def holders(self, identifiers: Many[str]) -> dict[str, list[Holder]]:
        """The collections, of our own and received ones, that hold each of these objects."""
        return holders(self.tx, self._store.log, identifiers)

    # ── what is held ──────────────────────────────────────────────────────────────────────────────────────

    def _holdings(self) -> Holdings:
        return Holdings(self.tx, self._store.log, self._store.node.identity)

    def find(self, identifiers: Iterable[str]) -> StoredGraph:
        """The latest version of each of these objects."""
        return self._holdings().find(identifiers)

    def matching(self, collections: Sequence[str], types: Sequence[str]) -> list[str]:
        """Identifiers of what is held."""
        return self._holdings().matching(collections, types)

    def definitions(self) -> StoredGraph:
        """Every marking definition that is held."""
        holdings = self._holdings()
        return holdings.find(holdings.matching((), ("marking-definition",)))

    def bearing(self, words: Many[str]) -> list[str]:
        """Identifiers of what is held of which any version has one of these words in its bytes."""
        return self._holdings().bearing(words)

    def bearing_since(self, word: str) -> list[str]:
        """The same for one word, among what has come in since it was last looked for."""
        return self._holdings().bearing([word], since=self._places().get(word, 0))

    def unlooked(self, words: Many[str]) -> bool:
        """Whether anything has come in since all of these words were looked for."""
        places = self._places()
        return any(word not in places for word in words) or (bool(words) and places[_CHANGES] != self._changes())

    def _changes(self) -> int:
        """A number that grows with every change of what any collection holds."""
        row = self.tx.one("SELECT coalesce(sum(generation), 0) FROM collections")
        return int(row[0]) if row else 0

    def looked(self, words: Many[str]) -> None:
        """Remember up to where these words were looked for."""
        last = self._holdings().last_segment()
        state = msgspec.json.encode({**self._places(), **dict.fromkeys(words, last), _CHANGES: self._changes()})
        self.tx.run("DELETE FROM cursors WHERE name = ?", _LOOKED)
        self.tx.run("INSERT INTO cursors (name, state, written) VALUES (?, ?, ?)", _LOOKED, state, self.at)

    def _places(self) -> dict[str, int]:
        row = self.tx.one("SELECT state FROM cursors WHERE name = ?", _LOOKED)
        return {} if row is None else msgspec.json.decode(bytes(row[0]), type=dict[str, int])

    def erase(self, identifiers: Many[str]) -> None:
        """Take every version of objects out of everything that is held, bytes and all, quarantine too."""
        self._holdings().erase(identifiers)

    def replace(self, collection: int, items: Sequence[Incoming], *, gone: Sequence[str] = ()) -> None:
        """Append new versions; what has no versions takes the place of what is there, wherever it is our own."""
        log = self._store.log
        alone = {item.id: item for item in items if item.version is None and item.id in gone}
        own = {one.num for one in list_collections(self.tx) if one.kind is Kind.OWN} if alone else set()
        for num, identifier in list(self._entries(None, alone, "collection")):
            if num in own and num != collection:
                log.remove(self.tx, num, identifier, Selection(versions=ALL))
                log.append(self.tx, num, [alone[identifier]], source=_SOURCE, disputes=False)
        for identifier in gone:
            log.remove(self.tx, collection, identifier, Selection(versions=ALL))
        for done in log.append(self.tx, collection, items, source=_SOURCE):
            if done.outcome is Outcome.CONFLICT:
                raise Refused(f"Another content of {done.id} is held under the same version.")

    # ── what was let out ──────────────────────────────────────────────────────────────────────────────────

    def released(self, agreement: str, party: str) -> Collection | None:
        """The collection of what a party sees under an agreement."""
        return next((one for one in self._all() if one.agreement == agreement and one.party == party), None)

    def _all(self) -> list[Collection]:
        return [one for one in list_collections(self.tx) if one.kind is Kind.RELEASED]

    def open_released(self, agreement: str, party: str) -> Collection:
        """The same, made when there is none."""
        found = self.released(agreement, party)
        if found is not None:
            self._open_inbox(found)
            return found
        directory = self.register().directory
        terms, who = directory.agreements[agreement], directory.parties[party]
        window = directory.window(terms, party, self.at)
        name = f"{terms.name} → {who.name}"
        if self.tx.one("SELECT 1 FROM collections WHERE name = ?", name) is not None:
            name = f"{name} ({uuid.uuid4()})"
        made = Collection(
            num=0, id=str(uuid.uuid4()), name=name, created=self.at, kind=Kind.RELEASED, agreement=agreement,
            description=f"Released under: {terms.name}", party=party, writable=False,
            opens=window.opens if window else None, closes=window.closes if window else None,
        )  # fmt: skip
        self._open_inbox(made)
        return add_collection(self.tx, made)

    def _open_inbox(self, released: Collection) -> None:
        """Make the inbox that belongs to a released collection, if there is none (decision 0019)."""
        query = "SELECT 1 FROM collections WHERE kind = ? AND agreement = ? AND party = ?"
        if self.tx.one(query, Kind.RECEIVED.value, released.agreement, released.party) is not None:
            return
        name = released.name.replace(" → ", " ← ", 1)
        identifier = str(uuid.uuid4())
        if self.tx.one("SELECT 1 FROM collections WHERE name = ?", name) is not None:
            name = f"{name} ({identifier})"
        add_collection(
            self.tx,
            Collection(
                num=0, id=identifier, name=name, created=self.at, kind=Kind.RECEIVED, agreement=released.agreement,
                description=(released.description or "").replace("Released under", "Sent back under", 1),
                party=released.party, opens=released.opens, closes=released.closes,
            ),
        )  # fmt: skip

    def all_released(self, *, holding: Many[str] | None = None) -> list[Collection]:
        """Every released collection, or those that hold something made from one of these objects."""
        found = self._all()
        if holding is None or not found:
            return found
        numbers = {row[0] for row in self._entries(None, holding, "collection")}
        if self.tx.one("SELECT 1 FROM copies LIMIT 1") is not None:
            for source in holding:
                numbers |= {num for (num,) in self.tx.all("SELECT collection FROM copies WHERE source = ?", source)}
        return [one for one in found if one.num in numbers]

    def _entries(self, collection: int | None, identifiers: Iterable[str], columns: str) -> Iterator[tuple[Any, ...]]:
        """The latest versions of these objects: chosen columns, then the identifier."""
        iterator = iter(identifiers)
        where = "" if collection is None else " AND collection = ?"
        while some := list(islice(iterator, 800)):
            asked = set(some)
            hashes = self.tx.array([self._store.log.id_hash(one) for one in some])
            for row in self.tx.all(
                f"SELECT {columns}, id FROM entries {self.tx.using('ix_entries_id')}"
                f"WHERE {self.tx.among('id_hash')}{where} AND (rank & 1) = 1",
                hashes,
                *(() if collection is None else (collection,)),
            ):
                if row[-1] in asked:
                    yield row

    def refresh(self) -> None:
        """Let agreements and memberships that begin or end by now do so."""
        self._directory.refresh(self.tx)

    def set_edge(self, collection: Collection, at: int | None) -> None:
        """Have a released collection looked at again when an instant has come, before anybody reads it."""
        self.tx.run("DELETE FROM expiries WHERE collection = ? AND id = ?", collection.num, _EDGE)
        if at is not None:
            self.tx.run("INSERT INTO expiries (collection, expires, id) VALUES (?, ?, ?)", collection.num, at, _EDGE)
        self._set_expiry(collection.num)

    def _set_expiry(self, num: int) -> None:
        self.tx.run(
            "UPDATE collections SET expiry = (SELECT min(expires) FROM expiries WHERE collection = ?) WHERE num = ?",
            num,
            num,
        )

    def endings(self, collection: Collection) -> dict[str, int]:
        """When each object of a released collection ends, of those that do."""
        rows = self.tx.all("SELECT id, expires FROM expiries WHERE collection = ?", collection.num)
        return {str(identifier): int(expires) for identifier, expires in rows if identifier != _EDGE}

    def due(self) -> list[Collection]:
        """Released collections of which something has ended."""
        return [one for one in self._all() if one.expiry is not None and one.expiry <= self.at]

    def shown(self, collection: Collection | None, outside: Many[str], sources: Many[str]) -> Shown:
        """What a party holds of ``outside``, and the copies that were ever made of ``sources`` for it."""
        if collection is None or not collection.last_added:
            return Shown()
        rows = self.tx.all("SELECT source, shown, version, digest FROM copies WHERE collection = ?", collection.num)
        copies = {source: Copy(shown, version, bytes(digest)) for source, shown, version, digest in rows}
        names = {i: copies[i].shown if i in copies else i for i in outside}
        there = {row[-1] for row in self._entries(collection.num, {*names.values(), *names}, "added")}
        held = {i: name if name in there else i for i, name in names.items() if name in there or i in there}
        return Shown(held, {i: copy for i, copy in copies.items() if i in sources})

    def serves(self, collection: Collection, *, besides: tuple[str, ...] = ()) -> bool:
        """Whether a party is served anything whose identifier does not begin so, or anything was taken back from it."""
        where = "".join(" AND id NOT LIKE ?" for _ in besides)
        query = f"SELECT 1 FROM entries WHERE collection = ?{where} LIMIT 1"
        found = self.tx.one(query, collection.num, *(f"{one}%" for one in besides))
        return found is not None or (collection.taken > 0)

    def sent_by(self, party: str, identifiers: Iterable[str]) -> frozenset[str]:
        """Those of some objects that a party has sent here itself (:func:`titian.store.known.sent_by`)."""
        return sent_by(self.tx, self._store.log, self._store.node.identity, party, identifiers)

    def live(self, collection: Collection) -> list[Live]:
        """Everything that a party is served."""
        rows = self.tx.all("SELECT shown, source, origin FROM copies WHERE collection = ?", collection.num)
        made = {str(shown): (str(source), origin) for shown, source, origin in rows}
        return [
            Live(i, made.get(i, (i, b""))[0], version if versioned else None, bytes(made.get(i, (i, digest))[1]))
            for i, version, versioned, digest in self.tx.all(
                "SELECT id, version, versioned, digest FROM entries WHERE collection = ? AND (rank & 1) = 1 "
                "ORDER BY added",
                collection.num,
            )
        ]

    def served(self, collection: Collection, identifiers: Many[str]) -> Iterator[bytes]:
        """Some of what a party is served, as it is served."""
        wanted = sorted(identifiers)
        for begin in range(0, len(wanted), _BATCH):
            some = frozenset(wanted[begin : begin + _BATCH])
            page = self._store.log.page(self.tx, collection.num, Selection(ids=some, limit=_BATCH))
            yield from objects(page)

    def ended(self, collection: Collection) -> list[str]:
        """Identifiers of what has ended by now."""
        rows = self.tx.all("SELECT id FROM expiries WHERE collection = ? AND expires <= ?", collection.num, self.at)
        return [str(row[0]) for row in rows if row[0] != _EDGE]

    def put(self, collection: Collection, change: Put) -> int:
        """Change a released collection; how many objects were new to it."""
        log, num, tx = self._store.log, collection.num, self.tx
        taken: list[int] = []
        row = tx.one("SELECT last_added FROM collections WHERE num = ?", num)
        before = int(row[0]) if row else 0
        for identifier in change.gone:
            taken += log.take(tx, num, identifier, Selection(versions=ALL))
            tx.run("DELETE FROM expiries WHERE collection = ? AND id = ?", num, identifier)
        added = 0
        iterator = iter(change.items)
        while batch := list(islice(iterator, _BATCH)):
            added += self._append(num, batch, taken)
        for source, (copy, origin) in change.copies.items():
            tx.run("DELETE FROM copies WHERE collection = ? AND source = ?", num, source)
            tx.run(
                "INSERT INTO copies (collection, source, shown, version, digest, origin) VALUES (?, ?, ?, ?, ?, ?)",
                num, source, copy.shown, copy.version, copy.digest, origin,
            )  # fmt: skip
        for identifier, expires in change.ends.items():
            tx.run("DELETE FROM expiries WHERE collection = ? AND id = ?", num, identifier)
            tx.run("INSERT INTO expiries (collection, expires, id) VALUES (?, ?, ?)", num, expires, identifier)
        if change.gone or change.ends:
            self._set_expiry(num)
        self._remember(collection, change.why, before, taken)
        return added

    def _remember(self, collection: Collection, why: str, before: int, taken: Sequence[int]) -> None:
        """Enter what went out of a released collection, and what went into it behind a ``date_added``."""
        about = {"collection": collection.id, "why": why}
        entries = []
        if taken:
            self.tx.run("UPDATE collections SET taken = taken + 1 WHERE num = ?", collection.num)
            gone = runs(sorted(taken))
            details = {**about, "runs": gone, "count": len(taken)}
            entries.append(Entry(kind=LedgerKind.WITHDRAWAL, at=self.at, party=collection.party, details=details))
        added, digest = [], hashlib.sha256()
        for place, each in self.tx.all(
            "SELECT added, digest FROM entries WHERE collection = ? AND added > ? ORDER BY added",
            collection.num,
            before,
        ):
            added.append(place)
            digest.update(each)
        if added:
            details = {**about, "runs": runs(added), "count": len(added), "digest": digest.hexdigest()}
            entries.append(Entry(kind=LedgerKind.RELEASE, at=self.at, party=collection.party, details=details))
        if entries:
            enter(self.tx, collection.agreement, entries)

    def _append(self, num: int, batch: Sequence[Incoming], taken: list[int]) -> int:
        log = self._store.log
        held = self.tx.one("SELECT 1 FROM segments WHERE collection = ? LIMIT 1", num)
        # What has no versions has only one content at a time: the new one takes the place of the old.
        digests = {item.id: hashlib.sha256(item.raw).digest() for item in batch if item.version is None} if held else {}
        for digest, identifier in list(self._entries(num, digests, "digest")):
            if bytes(digest) != digests[identifier]:
                taken += log.take(self.tx, num, identifier, Selection(versions=ALL))
        # What goes out was made from what is held: there is nothing to tell apart.
        outcomes = log.append(self.tx, num, batch, source=_SOURCE, disputes=False)
        for one in outcomes:
            if one.outcome is Outcome.CONFLICT:
                raise Refused(f"{one.id} was released before with another content of the same version.")
        return sum(one.outcome is Outcome.ADDED for one in outcomes)

    # ── requests, queries, acts ───────────────────────────────────────────────────────────────────────────

    def requests(self, states: Many[State] | None = None) -> list[Request]:
        """Requests in some states, oldest first."""
        found = [_request(bytes(row[0])) for row in self.tx.all("SELECT body FROM requests ORDER BY created, id")]
        return [one for one in found if states is None or one.state in states]

    def request(self, identifier: str) -> Request | None:
        """One request, by its identifier or the beginning of it when only one begins so."""
        row = self.tx.one("SELECT body FROM requests WHERE id = ?", identifier)
        if row is not None:
            return _request(bytes(row[0]))
        begin = [one for one in self.requests() if identifier and one.id.startswith(identifier)]
        return begin[0] if len(begin) == 1 else None

    def keep_request(self, request: Request) -> None:
        """Write a request, or what became of it."""
        self.tx.run("DELETE FROM requests WHERE id = ?", request.id)
        self.tx.run(
            "INSERT INTO requests (id, agreement, state, created, requester, decided, decider, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            request.id, request.agreement, request.state.value, request.created, request.requester,
            request.decided, request.decider, _encode(request),
        )  # fmt: skip

    def query(self, name: str) -> Query | None:
        """A saved query."""
        row = self.tx.one("SELECT body FROM queries WHERE name = ?", name)
        return None if row is None else _query(bytes(row[0]))

    def queries(self) -> list[Query]:
        """Every saved query, by name."""
        return [_query(bytes(row[0])) for row in self.tx.all("SELECT body FROM queries ORDER BY name")]

    def keep_query(self, query: Query) -> None:
        """Save a query, in the place of one of the same name."""
        unknown = set(query.collections) - {one.name for one in list_collections(self.tx)}
        if unknown:
            raise NotFound(f"There is no collection {', '.join(sorted(unknown))}.",
                           advice="`titian collections list` shows them.")  # fmt: skip
        self.tx.run("DELETE FROM queries WHERE name = ?", query.name)
        self.tx.run("INSERT INTO queries (name, created, body) VALUES (?, ?, ?)",
                    query.name, self.at, msgspec.json.encode(query))  # fmt: skip

    def drop_query(self, name: str) -> bool:
        """Remove a saved query; whether there was one."""
        return self.tx.run("DELETE FROM queries WHERE name = ?", name) > 0

    def enter(self, agreement: str | None, entry: Entry) -> int:
        """Enter something into a ledger, in this transaction."""
        return enter(self.tx, agreement, [entry])

    def once(self, name: str) -> bool:
        """Whether this is the first time."""
        if self.tx.one("SELECT 1 FROM cursors WHERE name = ?", name) is not None:
            return False
        self.tx.run("INSERT INTO cursors (name, state, written) VALUES (?, ?, ?)", name, b"", self.at)
        return True

    def record(self, person: str, act: str, subject: str, why: str, details: Mapping[str, Any]) -> None:
        """Record an act, in this transaction."""
        record(self.tx, at=self.at, person=person, act=act, subject=subject, why=why, details=details)
