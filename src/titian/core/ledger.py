"""What a ledger remembers: entries, the commitments to them that are its leaves, and what an opened entry says.

A ledger is a tree of :mod:`titian.core.merkle` whose leaves are salted commitments: everybody who sees the tree can
prove that an entry is in it, and only who is handed salt and payload can read what it says. All leaves are alike, of 32
bytes, so that a leaf tells nothing of its kind, its length, or whom it concerns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from titian.core.errors import InvalidInput
from titian.core.merkle import leaf_hash

SALT_SIZE: Final = 32
LEAF_SIZE: Final = 32
EVERYBODY: Final = ""
"""In the place of a party: every party of the agreement may open the entry."""
LARGEST: Final = 16 << 20
"""Bytes of an opened entry at most."""
_DOMAIN: Final = b"titian/ledger-entry/v1\x00"
Micros = Annotated[int, msgspec.Meta(ge=0, le=(1 << 62) - 1)]
"""An instant in microseconds, as far as it comes from somebody else: what a database can hold."""
Several = Annotated[int, msgspec.Meta(ge=1, le=(1 << 62) - 1)]
"""How many there are, one at least, likewise."""


class Kind(StrEnum):
    """What an entry is about."""

    RELEASE = "release"
    """Objects went into what a party is served."""
    WITHDRAWAL = "withdrawal"
    """Objects went out of what a party is served."""
    DELIVERY = "delivery"
    """Objects were handed to a party."""
    RECALL = "recall"
    """Recipients were asked to give something back."""
    ANSWER = "answer"
    """A recipient answered a recall."""
    MATCH = "match"
    """Two parties compared what they know, privately: that they did, and how much; never what."""
    AGREEMENT = "agreement"
    """An agreement, or who is in it, changed."""
    KEY = "key"
    """A key of the node changed."""
    ACT = "act"
    """Somebody did something on this node; only in the private ledger."""
    FILLER = "filler"
    """Nothing: it hides how much else there was."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be remembered.

    ``at`` is in microseconds since the Unix epoch. ``party`` is whom the entry is opened to, :data:`EVERYBODY` in the
    agreement, or None for nobody outside this node. ``details`` are JSON values.
    """

    kind: Kind
    at: Micros
    party: str | None = None
    details: Mapping[str, Any] = {}

    def payload(self) -> bytes:
        """What is committed to: the same bytes for the same entry."""
        said = {"kind": self.kind.value, "at": self.at, "party": self.party, "details": self.details}
        return msgspec.json.encode(said, order="deterministic")


def commit(salt: bytes, payload: bytes) -> bytes:
    """Return the leaf for an entry: SHA-256 over a domain, the salt and the payload.

    The salt has 32 random bytes, so that nobody can guess a payload and compare. Raises :class:`InvalidInput` for a
    salt of another size.

    >>> len(commit(bytes(32), b"{}")) == LEAF_SIZE
    True
    """
    if len(salt) != SALT_SIZE:
        raise InvalidInput(f"The salt of an entry has {SALT_SIZE} bytes.")
    return hashlib.sha256(_DOMAIN + salt + payload).digest()


class Opened(msgspec.Struct, frozen=True):
    """An entry as it is handed to whom it concerns: ``num`` is its place in the ledger, counted from 0.

    Nothing is verified: :attr:`leaf` is what has to be in the tree at that place.
    """

    num: int
    salt: bytes
    payload: bytes

    @property
    def leaf(self) -> bytes:
        """The commitment that the ledger holds, if this is true."""
        return commit(self.salt, self.payload)

    @property
    def leaf_hash(self) -> bytes:
        """The hash of that leaf (RFC 6962 section 2.1)."""
        return leaf_hash(self.leaf)

    @property
    def entry(self) -> Entry:
        """What it says. Raises :class:`InvalidInput` for a payload that is no entry."""
        try:
            return _entry(self.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(f"Entry {self.num} of the ledger cannot be read: {error}.") from error


_entry: Final = msgspec.json.Decoder(Entry).decode


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Objects that lie beside each other in a collection: the ``date_added`` of the first, in microseconds, and how
    many; each lies one microsecond after the one before."""

    first: Micros
    count: Several

    @property
    def last(self) -> int:
        """The ``date_added`` of the last."""
        return self.first + self.count - 1


def runs(added: Iterable[int]) -> tuple[Run, ...]:
    """Return ascending ``date_added`` as runs.

    >>> runs([5, 6, 7, 9])
    (Run(first=5, count=3), Run(first=9, count=1))
    """
    found: list[Run] = []
    for one in added:
        if found and found[-1].last + 1 == one:
            found[-1] = Run(found[-1].first, found[-1].count + 1)
        else:
            found.append(Run(one, 1))
    return tuple(found)


def spread(some: Iterable[Run]) -> Iterator[int]:
    """Return every ``date_added`` of some runs.

    >>> list(spread([Run(5, 3), Run(9, 1)]))
    [5, 6, 7, 9]
    """
    for one in some:
        yield from range(one.first, one.first + one.count)


def digest_of(objects: Iterable[bytes | msgspec.Raw]) -> bytes:
    """Return what stands in a delivery record for the objects that were handed over: SHA-256 over the SHA-256 of each,
    in their order. Who keeps those of its objects need not read a page again to know it.

    >>> two = hashlib.sha256(b"{}").digest() + hashlib.sha256(b"[]").digest()
    >>> digest_of([b"{}", b"[]"]) == hashlib.sha256(two).digest() == digest_over(two)
    True
    """
    return digest_over(b"".join([hashlib.sha256(one).digest() for one in objects]))


def digest_over(digests: bytes) -> bytes:
    """Return :func:`digest_of` from the SHA-256 of each object, one behind the other."""
    return hashlib.sha256(digests).digest()
