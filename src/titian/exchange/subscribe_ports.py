"""What subscribing asks of others: the partner, as a link to it, and the node's own books."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from titian.core.arrival import Arrival
from titian.core.matching import Partner
from titian.core.notes import VerifierKey
from titian.core.peer_ledger import Listing
from titian.core.subscription import Progress, Subscription, Terms
from titian.exchange.witness import Ledger


class RemotePage(Protocol):
    """A page from a partner: see :class:`titian.wire.taxii_page.Page`."""

    @property
    def objects(self) -> Sequence[bytes]:
        """The bytes of each object that is new here."""
        ...

    @property
    def skipped(self) -> Sequence[tuple[int, str]]:
        """Position and reason of what is no object."""
        ...

    @property
    def spoiled(self) -> dict[int, bytes]:
        """The bytes of that."""
        ...

    @property
    def handed(self) -> int:
        """How many elements were sent."""
        ...

    @property
    def digest(self) -> bytes:
        """The digest of all of them."""
        ...

    @property
    def first(self) -> str | None:
        """The ``date_added`` of the first, as a TAXII timestamp."""
        ...

    @property
    def last(self) -> str | None:
        """The same of the last."""
        ...


class Remote(Protocol):
    """A partner's collection."""

    @property
    def name(self) -> str:
        """Which collection of which server."""
        ...

    @property
    def title(self) -> str:
        """What the partner calls it."""
        ...

    @property
    def identifier(self) -> str:
        """Its id there."""
        ...

    def pages(self, state: bytes | None) -> Iterator[tuple[RemotePage, bytes]]:
        """Pages after ``state``, each with the state to keep once it is stored."""
        ...


class Link(Protocol):
    """An open connection to a partner (:class:`titian.wire.peer_link.PeerLink`)."""

    def collection(self) -> Remote:
        """The collection that is subscribed to."""
        ...

    def listing(self) -> Listing | None:
        """The partner's ledgers, None for a plain TAXII server."""
        ...

    def ledger(self, identifier: str) -> Ledger:
        """One of them."""
        ...

    def matching(self) -> Partner:
        """Private matching with it."""
        ...

    def send(self, inbox: str, objects: Iterable[bytes]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        """Send objects back."""
        ...


Connect = Callable[[Terms, str], AbstractContextManager[Link]]
"""Opens a link for what was asked for, with the partner's key."""


class Arrivals(Protocol):
    """Keeps pages as they arrive (:class:`titian.store.arrivals.StoreArrivals`)."""

    def keep(
        self,
        arrival: Arrival,
        objects: Sequence[bytes],
        spoiled: Sequence[tuple[str, bytes]] = (),
        *,
        beside: Callable[[Any], object],
    ) -> Arrival:
        """Keep a page, durably, and do something beside it in the same transaction."""
        ...


class InHand(Protocol):
    """A subscription that is in hand (:class:`titian.store.subscriptions.Held`)."""

    @property
    def subscription(self) -> Subscription:
        """What it was when it was taken in hand."""
        ...

    def note(self, tx: Any, progress: Progress, until: int) -> None:
        """Keep how far it has come, in a transaction, and it longer in hand. Raises :class:`Refused` when somebody
        else has taken it over."""
        ...

    def put_down(self, progress: Progress, next_try: int) -> None:
        """Say how it went, and let go of it."""
        ...


class Book(Protocol):
    """Where subscriptions are kept (:class:`titian.store.subscriptions.Subscriptions`)."""

    def now(self) -> int:
        """The node's clock, in microseconds."""
        ...

    def add(self, subscription: Subscription, secret: str, *, person: str) -> None:
        """Keep a new one, with the partner's key."""
        ...

    def all(self, *, ended: bool = False) -> list[Subscription]:
        """Those that stand, or all."""
        ...

    def find(self, reference: str) -> Subscription:
        """One by its id or the beginning of it."""
        ...

    def secret(self, identifier: str) -> str:
        """The partner's key."""
        ...

    def due(self, now: int) -> list[str]:
        """Those that are to be tried by now."""
        ...

    def claim(self, identifier: str, until: int) -> InHand | None:
        """Take one in hand; None when somebody else has it, or it has ended."""
        ...

    def change(self, identifier: str, terms: Terms, *, person: str, why: str) -> None:
        """Change what is asked for."""
        ...

    def wake(self, identifier: str) -> None:
        """Try one at once."""
        ...

    def end(self, identifier: str, *, person: str, why: str) -> None:
        """End one."""
        ...

    def unrecorded(self, identifier: str, before: int) -> list[tuple[int, int]]:
        """Pages that arrived before an instant and that no entry of the sender's ledger records."""
        ...


class Back(Protocol):
    """What this node has released to a partner, and so sends back (:class:`titian.store.way_back.WayBack`)."""

    def waiting(self, agreement: str, party: str, after: int) -> Iterator[tuple[list[bytes], int]]:
        """Objects behind a ``date_added``, and the one of the last; each is remembered as handed over (law 8) before
        it is given. Nothing when it may not leave now (law 1)."""
        ...


class Peers(Protocol):
    """The cards of partners."""

    def keys(self, party: str, origin: str) -> Sequence[VerifierKey]:
        """The keys that a partner's card names for a ledger; none without a card."""
        ...

    def meet(self, card: str) -> str | None:
        """Hold a card as it comes, if none is held of that party; returns the party's identifier."""
        ...
