"""Ledgers of others as values: how a partner lists them, and what this node remembers of one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from titian.core.checkpoint import Checkpoint, Head
from titian.core.errors import Refused
from titian.core.ledger_watch import NewKey, Watch
from titian.core.merkle import TreeHead
from titian.core.notes import SignatureType, SignedNote, VerifierKey, from_base64
from titian.core.witness import is_signed


class Listed(msgspec.Struct, frozen=True):
    """A ledger as its node lists it to a partner. ``keys`` are verifier keys; ``collection`` is that of what is
    released to the partner, ``inbox`` that for what goes back under the agreement."""

    id: str
    origin: str
    agreement: str | None = None
    size: int = 0
    keys: tuple[str, ...] = ()
    collection: str | None = None
    inbox: str | None = None
    halted: bool = False


class Listing(msgspec.Struct, frozen=True):
    """The ledgers of a node that are open to who asks, and the node's card (:mod:`titian.core.peer`)."""

    ledgers: tuple[Listed, ...] = ()
    card: str = ""

    def under(self, agreement: str, collection: str) -> Listed | None:
        """The ledger of the agreement under which the partner serves a collection."""
        by_collection = (one for one in self.ledgers if one.collection == collection)
        by_agreement = (one for one in self.ledgers if one.agreement == agreement)
        return next(by_collection, None) or next(by_agreement, None)


class TrustedKey(msgspec.Struct, frozen=True):
    """A key that is trusted for a ledger, until before ``stops`` (microseconds) where an end is known."""

    key: str
    stops: int | None = None


class PeerLedger(msgspec.Struct, frozen=True, kw_only=True):
    """What this node remembers of another's ledger.

    ``head`` and ``checkpoint`` are what it verified and cosigned last, ``seen`` when (microseconds). ``position`` is up
    to where it has read what is opened to it. ``broken`` says what was found out, once anything was.
    """

    origin: str
    id: str
    party: str | None
    agreement: str | None
    url: str | None
    keys: tuple[TrustedKey, ...]
    head: TreeHead
    checkpoint: bytes | None
    seen: int
    position: int = 0
    watch: Watch = Watch()
    broken: str | None = None

    @property
    def last(self) -> Head | None:
        """The head that was cosigned last, as :func:`titian.core.checkpoint.never` asks for it."""
        if self.checkpoint is None:
            return None
        return Head(self.origin, self.head.size, self.head.root, self.seen // 1_000_000)

    def trusted(self, at: int) -> list[VerifierKey]:
        """The keys that are trusted for it at an instant."""
        return [VerifierKey.parse(one.key) for one in self.keys if one.stops is None or at < one.stops]


def open_head(data: bytes, origin: str, keys: Iterable[VerifierKey]) -> tuple[Checkpoint, SignedNote]:
    """Read a checkpoint of a ledger that one of several keys has signed.

    Raises :class:`titian.core.errors.InvalidInput` for what is no checkpoint, :class:`Refused` when no trusted key has
    signed it, when one has signed it wrongly, or when it is another ledger's.
    """
    note = SignedNote.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != origin:
        raise Refused("This is the checkpoint of another ledger.")
    if not is_signed(note, [key for key in keys if key.name == origin]):
        raise Refused("No key that is trusted for this ledger has signed its checkpoint.")
    return checkpoint, note


def rotated(keys: Iterable[TrustedKey], origin: str, changes: Iterable[NewKey], at: int) -> tuple[TrustedKey, ...]:
    """Return the trusted keys after changes that the ledger itself tells of, under a key that was trusted before.

    A key that the ledger calls compromised ends at once, and no key follows from it: who has it could have written
    that. A person has to trust the new one. An end that was told never moves to later, for the same reason.
    """
    held = {one.key: one for one in keys}
    for change in changes:
        if change.old is not None:
            old = str(VerifierKey(origin, SignatureType.ED25519, from_base64(change.old)))
            if old in held:
                ends = (held[old].stops, at if change.compromised is not None else change.until)
                held[old] = TrustedKey(old, min((one for one in ends if one is not None), default=None))
        if change.new is not None and change.compromised is None:
            new = str(VerifierKey(origin, SignatureType.ED25519, from_base64(change.new)))
            held.setdefault(new, TrustedKey(new))
    return tuple(held.values())
