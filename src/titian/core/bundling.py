"""The ports of sealed bundles: what their verbs ask of the store, of encryption, of the judge, and of other nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

import msgspec

from titian.core.bundle import Kept
from titian.core.collection import Collection
from titian.core.gate import Session
from titian.core.party import Party
from titian.core.peer import Card


class Correspondent(msgspec.Struct, frozen=True):
    """What is known of who sends and receives bundles for a party: the Ed25519 public keys that its log signs with,
    those of them that it declared compromised, and the age recipient that bundles are sealed for."""

    party: str
    keys: tuple[bytes, ...]
    compromised: tuple[bytes, ...] = ()
    recipient: str | None = None


def correspondent(card: Card) -> Correspondent:
    """What a card says of who sends and receives bundles."""
    return Correspondent(
        card.party,
        tuple(one.key for one in card.keys if one.compromised is None),
        tuple(one.key for one in card.keys if one.compromised is not None),
        card.recipient,
    )


class Fresh(msgspec.Struct, frozen=True):
    """Some objects of a collection in its order, with the ``date_added`` of the first and of the last."""

    first: int
    last: int
    objects: tuple[bytes, ...]


class Desk(Protocol):
    """One transaction over what is remembered of bundles; ``session`` is that of the gate in the same one."""

    @property
    def session(self) -> Session:
        """The gate's session: the instant, parties and agreements, ledgers, acts."""
        ...

    def all(self) -> list[Kept]:
        """Everything that is remembered, by agreement, party, direction and number."""
        ...

    def stream(self, agreement: str, party: str, *, outgoing: bool) -> list[Kept]:
        """What went to a party, or came from it, under an agreement, by number."""
        ...

    def find(self, identifier: str) -> Kept | None:
        """One bundle by its UUID."""
        ...

    def keep(self, one: Kept) -> None:
        """Write what is remembered of a bundle, in the place of what was remembered of it."""
        ...

    def fresh(self, collection: Collection, after: int) -> Iterator[Fresh]:
        """Everything that a collection holds behind a ``date_added``, every version, in order."""
        ...

    def keep_evidence(self, origin: str, what: str, body: bytes) -> None:
        """Keep a proof of what another node did."""
        ...


class Book(Protocol):
    """Opens transactions over what is remembered of bundles."""

    def reading(self) -> AbstractContextManager[Desk]:
        """A snapshot."""
        ...

    def writing(self) -> AbstractContextManager[Desk]:
        """A transaction that is durable when the block ends, undone when it raises."""
        ...


class Packed(Protocol):
    """What was packed: bytes before and after compression, and the SHA-256 of the latter."""

    @property
    def size(self) -> int:
        """Bytes before."""
        ...

    @property
    def digest(self) -> bytes:
        """SHA-256 of what came out."""
        ...


class Sealing(Protocol):
    """Encryption and compression (:class:`titian.wire.sealing.Sealing`)."""

    def check_recipient(self, recipient: str) -> None:
        """Raise :class:`InvalidInput` for what nothing can be sealed for."""
        ...

    def scratch(self) -> BinaryIO:
        """A file that nobody else can find, and that is gone when it is closed."""
        ...

    def pack(self, chunks: Iterable[bytes], to: BinaryIO) -> Packed:
        """Compress bytes into a file."""
        ...

    def unpack(self, packed: BinaryIO, most: int) -> Iterator[bytes]:
        """Give what was compressed, at most so many bytes."""
        ...

    def seal(self, head: bytes, payload: BinaryIO, to: BinaryIO, recipient: str) -> None:
        """Write ``head`` and ``payload`` for a recipient only."""
        ...

    def unseal(self, file: BinaryIO, to: BinaryIO, advance: Callable[[int], object] = ...) -> None:
        """Write what is in a sealed file to another."""
        ...


class Arrived(Protocol):
    """What the judge made of some objects."""

    @property
    def accepted(self) -> int:
        """How many are new and held."""
        ...

    @property
    def known(self) -> int:
        """How many were held already."""
        ...

    @property
    def quarantined(self) -> int:
        """How many are in the quarantine."""
        ...


class Arrive(Protocol):
    """Judges what comes from a party under an agreement, as if it had come over the network."""

    def arrive(self, *, party: str, agreement: str, objects: Iterable[bytes], source: str) -> Arrived:
        """Take objects in or put them into the quarantine, durably. The same objects again change nothing."""
        ...


class Leaving(Protocol):
    """Says whether a collection may leave (:class:`titian.exchange.withdraw.Withdraw`)."""

    def check_leaving(self, collection: Collection) -> None:
        """Take out what has ended. Raises :class:`Refused` when nobody receives the collection any more."""
        ...


Outlet = Callable[[Party, bool], AbstractContextManager[BinaryIO]]
"""Gives the file for a party's bundle: whole when the block ends, gone when it raises. The flag says that it is one of
several files."""
