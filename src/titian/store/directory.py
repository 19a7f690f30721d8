"""The directory in the store: one collection of parties and agreements, and what follows from each change of it.

Who may read a released collection, and when, stands in its own row (``opens``, ``closes``). A change of the directory
works those out again in its own transaction, so that it holds before the next answer and touches no entry.
"""

from __future__ import annotations

import hashlib
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.collection import Collection, Incoming, Kind, Outcome, Selection
from titian.core.directory_objects import Change, Reading, read_directory
from titian.core.directory_writing import Stamp, write_party
from titian.core.errors import AlreadyExists, InvalidInput
from titian.core.ledger import EVERYBODY, Entry
from titian.core.ledger import Kind as LedgerKind
from titian.core.party import Directory, Party, PartyKind, Reach, Window
from titian.core.stix import examine
from titian.store.acts import record
from titian.store.database import Transaction
from titian.store.ledger import enter
from titian.store.log import objects as objects_of
from titian.store.registry import add_collection, list_collections
from titian.store.store import Store

OnChange = Callable[[Transaction, Directory, Directory], None]
"""Told of a change in its transaction: the directory before it and after it."""

SOURCE: Final = "directory"
_NAMES: Final = (("Directory", "directory"), ("Directory of parties and agreements", None))


def nothing_more(_tx: Transaction, _before: Directory, _after: Directory) -> None:
    """What follows from a change where nothing else does."""


class DirectoryStore:
    """Read and change the directory, inside the caller's transaction."""

    def __init__(self, store: Store, on_change: OnChange = nothing_more) -> None:
        self._store = store
        self._on_change = on_change
        self._cached: tuple[tuple[int, int], Reading] | None = None
        # What a transaction has changed may yet be undone: nothing that is read in it is kept for others.
        self._changing: weakref.WeakSet[Transaction] = weakref.WeakSet()
        # What follows from a change asks for the directory again and again, and nothing is undone meanwhile.
        self._following: weakref.WeakKeyDictionary[Transaction, Reading] = weakref.WeakKeyDictionary()

    @property
    def own(self) -> Party:
        """The node's own party, as the node was set up."""
        node = self._store.node
        return Party(id=node.identity, name=node.name, kind=PartyKind.AGENCY, country=node.country)

    def read(self, tx: Transaction) -> Directory:
        """Return the directory."""
        return self.reading(tx).directory

    def reading(self, tx: Transaction) -> Reading:
        """Return the directory with the objects it was read from; kept until the collection changes."""
        held = next((one for one in list_collections(tx) if one.kind is Kind.DIRECTORY), None)
        if held is None:
            return read_directory(self.own, ())
        state = (held.num, held.generation)
        cached = self._cached
        if tx in self._changing:
            return self._following.get(tx) or self._load(tx, state[0])
        if cached is None or cached[0] != state:
            cached = self._cached = (state, self._load(tx, state[0]))
        return cached[1]

    def change(self, tx: Transaction, objects: Sequence[bytes]) -> Reading:
        """Write objects into the directory, and let what follows from them hold in the same transaction.

        :raises InvalidInput: for an object that is not STIX 2.1. :raises AlreadyExists: when another content is held
            under the same identifier and version. Then the caller's transaction must be undone.
        """
        before = self.reading(tx).directory
        self._changing.add(tx)
        items = [_incoming(raw) for raw in objects]
        where = self._collection(tx, {item.id for item in items})
        for done in self._store.log.append(tx, where, items, source=SOURCE):
            if done.outcome is Outcome.CONFLICT:
                raise AlreadyExists(f"Another content is held as {done.id}, version {done.version}.",
                                    advice="Only its creator may change it, and only in a new version.")  # fmt: skip
        after = self._load(tx, where)
        _remember(tx, items, self._store.clock())
        set_windows(tx, after.directory, self._store.clock())
        self._following[tx] = after
        try:
            self._on_change(tx, before, after.directory)
        finally:
            self._following.pop(tx, None)
        return after

    def refresh(self, tx: Transaction) -> int:
        """Work out again who may read what: for the clock. Returns how many collections opened or closed."""
        return set_windows(tx, self.read(tx), self._store.clock())

    def _load(self, tx: Transaction, collection: int) -> Reading:
        found: list[bytes] = []
        after, more = 0, True
        while more:
            page = self._store.log.page(tx, collection, Selection(after=after))
            found += objects_of(page)
            after, more = page.last, page.more
        return read_directory(self.own, found)

    def _collection(self, tx: Transaction, coming: Set[str]) -> int:
        """The number of the directory's collection, made when there is none: with the node's own party in it, unless
        that is among what is coming."""
        row = tx.one("SELECT num FROM collections WHERE kind = ?", Kind.DIRECTORY.value)
        if row is not None:
            return int(row[0])
        now = self._store.clock()
        name, alias = next((each for each in _NAMES if not _taken(tx, each)), (f"Directory {uuid.uuid4()}", None))
        made = add_collection(
            tx,
            Collection(
                num=0, id=str(uuid.uuid4()), name=name, alias=alias, created=now, kind=Kind.DIRECTORY, writable=False,
                description="Parties, communities, dialogues, agreements and consents.",
            ),
        )  # fmt: skip
        if self.own.id not in coming:
            own = write_party(self.own, Stamp(by=self.own.id, at=now))
            self._store.log.append(tx, made.num, [_incoming(own)], source=SOURCE)
        return made.num


def _remember(tx: Transaction, items: Sequence[Incoming], at: int) -> None:
    """Enter each version of an agreement into its ledger; every party of it may open that."""
    for item in items:
        if item.type == "agreement":
            details = {"agreement": item.id, "version": item.text, "digest": hashlib.sha256(item.raw).hexdigest()}
            enter(tx, item.id, [Entry(kind=LedgerKind.AGREEMENT, at=at, party=EVERYBODY, details=details)])


def _taken(tx: Transaction, names: tuple[str, str | None]) -> bool:
    return any(
        tx.one("SELECT 1 FROM collections WHERE name = ? OR alias = ?", name, name) is not None
        for name in names
        if name is not None
    )


def _incoming(raw: bytes) -> Incoming:
    seen = examine(raw)
    if seen.violations or seen.id is None or seen.type is None or seen.version is None:
        wrong = seen.violations[0].message if seen.violations else "It has no version."
        raise InvalidInput(f"An object for the directory is not STIX 2.1 ({seen.id or 'no id'}): {wrong}")
    return Incoming(seen.id, seen.type, seen.version.micros, raw, seen.version.text)


def set_windows(tx: Transaction, directory: Directory, at: int) -> int:
    """Set ``opens`` and ``closes`` of every released collection; returns how many changed.

    Who is in the audience has the time around now. Who is not, but will be, has the time to come. For anybody else it
    is over now, if it was not before: never was it open, or it closed.
    """
    rows = tx.all(
        "SELECT num, agreement, party, opens, closes, id, kind FROM collections WHERE agreement IS NOT NULL "
        "ORDER BY num"
    )
    windows: dict[str, Mapping[str, Window]] = {}
    changed = 0
    for num, agreement, party, opens, closes, identifier, kind in rows:
        if agreement not in windows:
            known = directory.agreements.get(agreement)
            windows[agreement] = {} if known is None else windows_of(directory, known, at)
        found = windows[agreement].get(party)
        wanted = _ended(opens, closes, at) if found is None else (found.opens, found.closes)
        if wanted != (opens, closes):
            tx.run("UPDATE collections SET opens = ?, closes = ? WHERE num = ?", *wanted, num)
            if kind == Kind.RELEASED:
                details = {"collection": identifier, "opens": wanted[0], "closes": wanted[1]}
                enter(tx, agreement, [Entry(kind=LedgerKind.AGREEMENT, at=at, party=party, details=details)])
                changed += 1
    return changed


def _ended(opens: int | None, closes: int | None, at: int) -> tuple[int | None, int | None]:
    if opens is None or opens >= at:
        return None, None
    return opens, at if closes is None else min(closes, at)


def windows_of(directory: Directory, agreement: Agreement, at: int) -> dict[str, Window]:
    """Return, for each party in an agreement's audience now or later, the time around now, else the next.

    The same as :meth:`titian.core.party.Directory.window` gives for now, for all parties at once: the audience
    changes only at the edges of memberships and of the agreement, so it is worked out once for each of those.
    """
    edges = {edge for one in directory.memberships for edge in (one.starts, one.stops) if edge is not None}
    edges |= {edge for edge in (agreement.starts, agreement.stops) if edge is not None}
    instants = sorted(edges)
    audiences: list[Mapping[str, Reach]] = [directory.audience(agreement, edge) for edge in instants]
    found: dict[str, Window] = {}
    open_since: dict[str, int] = {}
    for edge, audience in zip(instants, audiences, strict=True):
        for party in [party for party in open_since if party not in audience]:
            began = open_since.pop(party)
            if edge > at:
                found.setdefault(party, Window(began, edge))
        for party in audience:
            open_since.setdefault(party, edge)
    for party, began in open_since.items():
        found.setdefault(party, Window(began, None))
    return found


class DirectoryBook:
    """The directory for its verbs (:class:`titian.exchange.agree.Book`): each call is one transaction."""

    def __init__(self, store: Store, directory: DirectoryStore) -> None:
        self._store = store
        self._directory = directory

    def now(self) -> int:
        """The node's clock, in microseconds."""
        return self._store.clock()

    def read(self) -> Reading:
        """Read the directory."""
        with self._store.reading() as tx:
            return self._directory.reading(tx)

    def change(self, person: str, why: str, work: Callable[[Reading, int], Change]) -> tuple[Change, Reading]:
        """Change the directory as ``work`` says from what is held, and record the act; durable when this returns.

        A change without objects is none, and is not recorded.
        """
        with self._store.writing() as tx:
            now = self._store.clock()
            before = self._directory.reading(tx)
            change = work(before, now)
            if not change.objects:
                return change, before
            after = self._directory.change(tx, change.objects)
            details = msgspec.to_builtins(change.details)
            record(tx, at=now, person=person, act=change.act, subject=change.subject, why=why, details=details)
        return change, after
