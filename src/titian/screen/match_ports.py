"""What private matching is handed: the book of offers and runs, the gate, what is held, and a link to the partner."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from titian.core.access import Key
from titian.core.matching import Allowed, Between, Look, Mode, Offer, OfferState, Outcome, Partner, Run
from titian.core.people import Actor
from titian.core.screening import ValueKind
from titian.core.tlp import Tlp


class Offering(Protocol):
    """The gate (:class:`titian.exchange.offerable.Offering`)."""

    def between(self, party: str, agreement: str | None = None) -> Between:
        """Find the agreement under which a party receives. Raises :class:`NotFound`, :class:`Refused`."""
        ...

    def objects(self, between: Between, identifiers: Sequence[str]) -> Allowed:
        """What of these objects the party could be shown."""
        ...

    def is_first(self, between: Between) -> bool:
        """Whether nothing was ever released to the party under the agreement."""
        ...

    def strict(self, levels: frozenset[Tlp]) -> list[str]:
        """Those of some levels that do not go without a second person."""
        ...


class Book(Protocol):
    """Offers and runs (:class:`titian.store.matches.Matches`, which says what each does)."""

    def now(self) -> int:
        """The node's clock, in microseconds."""
        ...

    def offers(self) -> list[Offer]:
        """Every offer, the newest first: ours and those of partners that were fetched."""
        ...

    def find(self, reference: str) -> Offer:
        """One of our offers by its id or the beginning of it."""
        ...

    def epochs(self, party: str, kind: ValueKind, mode: Mode) -> set[str]:
        """The epochs for which a key was made for a partner, a kind and a mode: none is used twice."""
        ...

    def add(self, actor: Actor, offer: Offer, data: bytes, secret: bytes, made: bytes, look: Look) -> None:
        """Keep an offer of ours; one that stands takes the place of those before it."""
        ...

    def decide(self, actor: Actor, offer: Offer, state: OfferState, why: str) -> Offer:
        """Approve, refuse or withdraw an offer of ours."""
        ...

    def withdraw_stale(self, offer: Offer, why: str) -> None:
        """Withdraw an offer because something that it was made of is not to be given any more."""
        ...

    def keep(self, offer: Offer, data: bytes) -> None:
        """Keep an offer of a partner, in the place of older ones of the same agreement, kind and mode."""
        ...

    def data(self, identifier: str) -> bytes | None:
        """The bytes of an offer, None when it is over or was never here."""
        ...

    def secret(self, identifier: str) -> bytes | None:
        """What only we have of an offer of ours."""
        ...

    def look(self) -> Look:
        """How what is held stands now."""
        ...

    def made(self, identifier: str) -> tuple[bytes, Look]:
        """Of what an offer was made, and how that stood when it was checked last."""
        ...

    def note_look(self, identifier: str, made: bytes, look: Look) -> None:
        """Remember that an offer was checked."""
        ...

    def came_in(self, since: Look) -> set[int]:
        """The numbers of objects that came in, or of which a new version did, since a look."""
        ...

    def still_held(self, numbers: Collection[int]) -> set[int]:
        """Those of some objects, by their numbers, that are still in a collection of what is held."""
        ...

    def open_to(self, reader: Key) -> list[Offer]:
        """The offers that the holder of a key may ask about now."""
        ...

    def handed(self, offer: Offer, key: str) -> None:
        """Remember that an offer is handed to its partner, before it is (law 8)."""
        ...

    def used(self, party: str, kind: ValueKind) -> int:
        """How many values of a kind a partner has asked about today."""
        ...

    def begin(self, run: Run, serving: bytes, commitment: bytes, allow: Callable[[int], object], look: Look) -> bool:
        """Begin a run in which a partner asks."""
        ...

    def serving(self, identifier: str) -> tuple[Run, int, bytes]:
        """A run in which a partner asks: itself, after how many messages, and its state."""
        ...

    def advance(self, run: Run, step: int, serving: bytes, outcome: Outcome | None, look: Look) -> bool:
        """Write how far a run has come, after ``step`` messages."""
        ...

    def break_off(self, run: Run) -> None:
        """End a run in which a partner asks."""
        ...

    def begin_asking(self, run: Run, commitment: bytes) -> None:
        """Remember that we ask, before anything is sent."""
        ...

    def finish_asking(self, run: Run, outcome: Outcome | None) -> None:
        """Keep what came of it."""
        ...


Reach = Callable[[Between], AbstractContextManager[Partner]]
"""Connects to a partner's node, as this node's subscription to it does. Raises :class:`Refused` without one."""


class Quotas(msgspec.Struct, frozen=True):
    """How many values of a kind one partner may ask in a day: of kinds whose values can be ``listed``, and others."""

    usual: int
    listed: int
