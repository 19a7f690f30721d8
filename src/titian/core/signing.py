"""The keys that a node signs with: which of them sign at an instant, and under what names.

A node has a *log* key, which signs the checkpoints of its ledgers and its card, and a *witness* key, which cosigns the
checkpoints of others. One secret signs under several names: a log's key is named as its origin (C2SP tlog-checkpoint).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from titian.core.errors import InvalidInput
from titian.core.notes import SignatureType, VerifierKey, check_public_key, to_base64

SEED_BYTES: Final = 32
_IDENTITY: Final = "identity--"


class Role(StrEnum):
    """What a signing key is for. No key has two roles."""

    LOG = "log"
    """It signs the checkpoints of this node's ledgers, and its card."""
    WITNESS = "witness"
    """It cosigns the checkpoints of other nodes' ledgers."""

    @property
    def type(self) -> SignatureType:
        """What such a key signs as in a note."""
        return SignatureType.ED25519 if self is Role.LOG else SignatureType.COSIGNATURE


class Secret(Protocol):
    """The secret half of an Ed25519 key, in a file or in a token, without a name."""

    @property
    def public(self) -> bytes:
        """The 32 bytes of its public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of Ed25519 (RFC 8032, not pre-hashed) over a message."""
        ...


class Ed25519Secret:
    """A :class:`Secret` in memory, made of 32 bytes. Nothing shows them."""

    __slots__ = ("_key", "_public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise InvalidInput(f"A private key has {SEED_BYTES} bytes.")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()

    @property
    def public(self) -> bytes:
        """The 32 bytes of its public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of Ed25519 over a message."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"Ed25519Secret(public={self._public.hex()})"

    def __reduce__(self) -> str | tuple[Any, ...]:
        # A pickle or a copy would carry the secret to where nobody looks for it.
        raise TypeError("A private key is not copied.")


class NamedSigner(msgspec.Struct, frozen=True):
    """A secret that signs notes under one name: a :class:`titian.core.notes.Signer`.

    Raises :class:`InvalidInput` for a name that no key can have, :class:`titian.core.errors.Refused` for a public half
    that :func:`titian.core.notes.check_public_key` refuses.
    """

    name: str
    type: SignatureType
    secret: Secret

    def __post_init__(self) -> None:
        _ = self.key

    @property
    def key(self) -> VerifierKey:
        """Name, type and public key."""
        return VerifierKey(self.name, self.type, self.secret.public)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of Ed25519 over a message."""
        return self.secret.sign(message)


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key of this node: its public half, where the secret half lies, and when it signs.

    ``num`` counts from 1, a newer key has a higher one. ``place`` is ``file:`` and a path, in the node's home unless it
    is absolute, or a PKCS#11 URI (RFC 7512). ``created``, ``starts`` (inclusive), ``stops`` (exclusive) and
    ``compromised``, when that was said, are microseconds since the Unix epoch. Raises
    :class:`titian.core.errors.Refused` for a public half that nobody may trust.
    """

    num: int
    role: Role
    public: bytes
    place: str
    created: int
    starts: int
    stops: int | None = None
    compromised: int | None = None

    def __post_init__(self) -> None:
        check_public_key(self.public)

    def signs(self, at: int) -> bool:
        """Whether it signs at an instant: it has begun, has not ended, and was never called compromised."""
        return self.compromised is None and self.starts <= at and (self.stops is None or at < self.stops)


def current(keys: Iterable[SigningKey], role: Role, at: int) -> tuple[SigningKey, ...]:
    """Return the keys of a role that sign at an instant, newest first.

    More than one sign while a rotation overlaps: readers that know only the older one go on verifying.
    """
    found = (key for key in keys if key.role is role and key.signs(at))
    return tuple(sorted(found, key=lambda key: key.num, reverse=True))


def change(old: SigningKey | None, new: SigningKey | None) -> dict[str, str | int | None]:
    """Return what a ledger says of a change of keys: the details of an entry of :attr:`titian.core.ledger.Kind.KEY`.

    ``old`` is as it is after the change, None when there was none; ``new`` is None when no key came in its place.
    Public halves are base64, instants microseconds; nothing says where a secret lies.
    """
    either = new or old
    return {
        "role": None if either is None else either.role.value,
        "new": None if new is None else to_base64(new.public),
        "from": None if new is None else new.starts,
        "old": None if old is None else to_base64(old.public),
        "until": None if old is None else old.stops,
        "compromised": None if old is None else old.compromised,
    }


def witness_name(identity: str) -> str:
    """Return the name that a node has as a witness, and on its card, from the id of its STIX identity.

    Raises :class:`InvalidInput` for what is no such id.

    >>> witness_name("identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11")
    'titian-5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11'
    """
    if not identity.startswith(_IDENTITY) or not identity.removeprefix(_IDENTITY):
        raise InvalidInput(f"{identity!r} is not the identifier of a STIX identity.")
    return f"titian-{identity.removeprefix(_IDENTITY)}"


def origin(identity: str, ledger: str) -> str:
    """Return the origin of one of a node's ledgers, which is also the name of its key (C2SP tlog-checkpoint).

    >>> origin("identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", "0c2f9c36-7f0e-4c2f-9c36-0f3a3a6f5a12")
    'titian-5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11/0c2f9c36-7f0e-4c2f-9c36-0f3a3a6f5a12'
    """
    return f"{witness_name(identity)}/{ledger}"
