"""What the verbs of recall ask of a node: a transaction that knows recalls, and what parties were handed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from titian.core.collection import Collection as HeldCollection
from titian.core.gate import Session
from titian.core.recall import Holder, RecallBook


class RecallSession(Session, Protocol):
    """What the verbs of recall ask of a transaction besides."""

    @property
    def recalls(self) -> RecallBook:
        """Recalls, recipients and flags."""
        ...

    def places(self, collection: HeldCollection, identifiers: Collection[str]) -> Mapping[str, tuple[int, ...]]:
        """Each ``date_added`` of objects in a collection, of every version, ascending."""
        ...

    def naming(self, collection: HeldCollection, identifiers: Collection[str]) -> Iterable[bytes]:
        """Every version of every object in a released collection in whose bytes one of these identifiers could
        stand, itself too: some may hold none."""
        ...

    def holders(self, identifiers: Collection[str]) -> Mapping[str, list[Holder]]:
        """The collections, of our own and received ones, that hold each of these objects."""
        ...


class Deliveries(Protocol):
    """What is known of what parties were handed."""

    def delivered(self, session: Session, collection: str, party: str, added: Collection[int]) -> Collection[int]:
        """Those of some ``date_added`` of a collection (its identifier) that a party was handed, or may have been."""
        ...

    def speaks(self, session: Session, party: str) -> bool:
        """Whether a party's node can answer: it has read our ledger, cosigned it, or written to its inbox."""
        ...


class RecallGate(Protocol):
    """Opens transactions for the verbs of recall."""

    def reading(self) -> AbstractContextManager[RecallSession]:
        """A snapshot."""
        ...

    def writing(self) -> AbstractContextManager[RecallSession]:
        """A transaction that is durable when the block ends, undone when it raises."""
        ...
