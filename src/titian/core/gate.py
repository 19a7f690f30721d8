"""What the verbs of release ask of a node: one transaction over what it holds, and over what it has let out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from titian.core.collection import Collection as HeldCollection
from titian.core.collection import Incoming
from titian.core.copying import Copy, Shown
from titian.core.directory_objects import Reading
from titian.core.ledger import Entry
from titian.core.recall import Holder, RecallBook
from titian.core.survey import Graph


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A saved query: every condition that is given holds. ``collections`` and ``types`` are names, ``tlp`` is the
    strictest level wanted, ``topics`` are labels of which one is borne, ``purposes`` likewise of the marking."""

    name: str
    collections: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tlp: str | None = None
    topics: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()


class State(StrEnum):
    """Where a request to release stands."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    STANDING = "standing"
    STOPPED = "stopped"
    FAILED = "failed"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request to release, and what its preview showed.

    ``chosen`` are identifiers of objects, ``query`` the name of a saved query in their place; ``parties`` narrows the
    audience to some. ``previewed`` is what each party would see: a digest for each object under the identifier that
    it is shown under. ``needs`` says why a second person has to approve, ``told`` which texts name what is withheld,
    ``override`` why they may go all the same. ``reason`` is why it is asked for, ``why`` why it was decided so. A
    standing rule holds ``until`` (exclusive). Instants are microseconds since the Unix epoch.
    """

    id: str
    agreement: str
    requester: str
    requester_name: str
    created: int
    state: State
    chosen: tuple[str, ...] = ()
    query: str | None = None
    purposes: tuple[str, ...] | None = None
    parties: tuple[str, ...] | None = None
    previewed: dict[str, dict[str, bytes]] = {}
    needs: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    reason: str | None = None
    override: str | None = None
    until: int | None = None
    decider: str | None = None
    decider_name: str | None = None
    decided: int | None = None
    why: str | None = None


class HeldGraph(Graph, Protocol):
    """Held objects as a graph, with what the store knows of each."""

    def ids(self) -> Collection[str]:
        """Identifiers of all that were found."""
        ...

    def digest(self, identifier: str) -> bytes:
        """SHA-256 of an object's bytes."""
        ...

    def incoming(self, identifier: str, raw: bytes, modified: str | None) -> Incoming:
        """An object, unchanged, as something to append elsewhere; ``modified`` as it is written there, if it is."""
        ...

    def collection(self, identifier: str) -> int:
        """The number of the collection in which it was found."""
        ...

    def extend(self, identifiers: Iterable[str]) -> None:
        """Take further objects in, as far as they are held."""
        ...


class Live(msgspec.Struct, frozen=True):
    """One object that a party is served: what it was made from, its ``version`` in microseconds, and the digest of
    the bytes that it was made from (its own, if nothing was changed)."""

    shown: str
    source: str
    version: int | None
    origin: bytes


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change in a released collection: objects to append, the copies among them by what they were made
    from (with the digest of that), when each ends, and identifiers to take out first; ``why`` is for the ledger."""

    items: Iterable[Incoming] = ()
    copies: Mapping[str, tuple[Copy, bytes]] = {}
    ends: Mapping[str, int] = {}
    gone: Collection[str] = ()
    why: str = ""


class Session(Protocol):
    """One transaction. ``at`` is its instant, in microseconds since the Unix epoch."""

    at: int

    @property
    def recalls(self) -> RecallBook:
        """Recalls, recipients and flags."""
        ...

    def places(self, collection: HeldCollection, identifiers: Collection[str]) -> Mapping[str, tuple[int, ...]]:
        """Each ``date_added`` of objects in a collection, of every version, ascending."""
        ...

    def naming(self, collection: HeldCollection, identifiers: Collection[str]) -> Iterable[bytes]:
        """Every version of every object in a collection in whose bytes one of these could stand: some hold none."""
        ...

    def holders(self, identifiers: Collection[str]) -> Mapping[str, list[Holder]]:
        """The collections, of our own and received ones, that hold each of these objects."""
        ...

    def register(self) -> Reading:
        """Parties and agreements, and how people call them."""
        ...

    def key(self) -> bytes:
        """The secret for identifiers of copies."""
        ...

    def find(self, identifiers: Iterable[str]) -> HeldGraph:
        """The latest version that is held of each of these objects, in this organisation's own collections before
        those that were received."""
        ...

    def matching(self, collections: Sequence[str], types: Sequence[str]) -> list[str]:
        """Identifiers of what is held in some collections (all that are not released, without), of some types."""
        ...

    def definitions(self) -> HeldGraph:
        """Every marking definition that is held."""
        ...

    def bearing(self, words: Collection[str]) -> list[str]:
        """Identifiers of what is held of which any version has one of these words in its bytes: every object is
        looked through, so this is for rare acts."""
        ...

    def bearing_since(self, word: str) -> list[str]:
        """The same for one word, among what has come in since this was last asked and :meth:`looked` was called."""
        ...

    def unlooked(self, words: Collection[str]) -> bool:
        """Whether anything has come in since all of these words were looked for."""
        ...

    def looked(self, words: Collection[str]) -> None:
        """Remember up to where these words were looked for."""
        ...

    def erase(self, identifiers: Collection[str]) -> None:
        """Take every version of objects out of everything that is held, bytes and all, quarantine too."""
        ...

    def replace(self, collection: int, items: Sequence[Incoming], *, gone: Sequence[str] = ()) -> None:
        """Append new versions to a collection of ours; what has no versions takes the place of what is there."""
        ...

    def released(self, agreement: str, party: str) -> HeldCollection | None:
        """The collection of what a party sees under an agreement, when there is one."""
        ...

    def open_released(self, agreement: str, party: str) -> HeldCollection:
        """The same, made when there is none."""
        ...

    def all_released(self, *, holding: Collection[str] | None = None) -> list[HeldCollection]:
        """Every released collection; with ``holding``, those that hold something made from one of these objects."""
        ...

    def refresh(self) -> None:
        """Let agreements and memberships that begin or end by now do so."""
        ...

    def set_edge(self, collection: HeldCollection, at: int | None) -> None:
        """Have a released collection looked at again when an instant has come, before anybody reads it."""
        ...

    def endings(self, collection: HeldCollection) -> dict[str, int]:
        """When each object of a released collection ends, of those that do."""
        ...

    def due(self) -> list[HeldCollection]:
        """Released collections of which something has ended."""
        ...

    def shown(self, collection: HeldCollection | None, outside: Collection[str], sources: Collection[str]) -> Shown:
        """What a party holds of ``outside``, and the copies that were ever made of ``sources`` for it."""
        ...

    def sent_by(self, party: str, identifiers: Iterable[str]) -> Collection[str]:
        """Those of some objects that a party has sent here itself: an object of ours may refer to them before it."""
        ...

    def serves(self, collection: HeldCollection, *, besides: tuple[str, ...] = ()) -> bool:
        """Whether a party is, or was, served anything whose identifier does not begin so."""
        ...

    def live(self, collection: HeldCollection) -> list[Live]:
        """Everything that a party is served."""
        ...

    def served(self, collection: HeldCollection, identifiers: Collection[str]) -> Iterable[bytes]:
        """Some of what a party is served, as it is served."""
        ...

    def ended(self, collection: HeldCollection) -> list[str]:
        """Identifiers of what has ended by now."""
        ...

    def put(self, collection: HeldCollection, change: Put) -> int:
        """Change a released collection; how many objects were new to it."""
        ...

    def requests(self, states: Collection[State] | None = None) -> list[Request]:
        """Requests in some states, oldest first."""
        ...

    def request(self, identifier: str) -> Request | None:
        """One request, by its identifier or the beginning of it when only one begins so."""
        ...

    def keep_request(self, request: Request) -> None:
        """Write a request, or what became of it."""
        ...

    def query(self, name: str) -> Query | None:
        """A saved query."""
        ...

    def queries(self) -> list[Query]:
        """Every saved query, by name."""
        ...

    def keep_query(self, query: Query) -> None:
        """Save a query, in the place of one of the same name."""
        ...

    def drop_query(self, name: str) -> bool:
        """Remove a saved query; whether there was one."""
        ...

    def enter(self, agreement: str | None, entry: Entry) -> int:
        """Enter something into the ledger of an agreement, or into the private one, in this transaction; its place."""
        ...

    def once(self, name: str) -> bool:
        """Whether this is the first time that something is done which is to be done once, by its name."""
        ...

    def record(self, person: str, act: str, subject: str, why: str, details: Mapping[str, Any]) -> None:
        """Record an act, in this transaction."""
        ...


class Gate(Protocol):
    """Opens transactions for the verbs of release."""

    def reading(self) -> AbstractContextManager[Session]:
        """A snapshot."""
        ...

    def writing(self) -> AbstractContextManager[Session]:
        """A transaction that is durable when the block ends, undone when it raises."""
        ...
