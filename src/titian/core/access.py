"""Who asks: a key, its role, and what that lets its holder do with a collection."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Callable
from enum import Enum
from typing import Final

import msgspec

from titian.core.collection import Collection, Kind

PREFIX: Final = "titian"
"""Every key starts so: secret scanners can find a leaked one."""
_KEY: Final = re.compile(PREFIX + r"_([a-z2-7]{8})_[a-z2-7]{32}\Z")


class Role(Enum):
    """What a key is for. Each can do what the one before it can."""

    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the node keeps it: ``digest`` is SHA-256 of the whole key, which is never stored.

    A key has 160 random bits, so a fast digest is enough: there is nothing to guess slowly. ``party`` is the
    identifier of the party whose key it is, ``None`` for the organisation's own.
    """

    id: str
    name: str
    digest: bytes
    role: Role
    collection: int | None = None
    created: int
    revoked: int | None = None
    party: str | None = None

    def sees(self, collection: Collection, at: int) -> bool:
        """Whether the holder may know, at an instant in microseconds, that this collection exists.

        A party's key opens what was released to that party, and the inbox for what it sends back, while the agreement
        is in force, and nothing else. A key without a party is the organisation's own.
        """
        if self.collection is not None and self.collection != collection.num:
            return False
        if self.party is None:
            return True
        shared = collection.kind is Kind.RELEASED or collection.is_inbox
        return shared and collection.party == self.party and collection.is_open(at)

    def reads(self, collection: Collection, at: int) -> bool:
        """``can_read`` of TAXII 2.1 section 5.2.1; an admin key is the node's own, not a partner's. Nobody outside
        reads an inbox, not even who has written into it."""
        if self.party is not None and collection.is_inbox:
            return False
        return self.sees(collection, at) and (collection.readable or self.role is Role.ADMIN)

    def writes(self, collection: Collection, at: int) -> bool:
        """``can_write`` of TAXII 2.1 section 5.2.1. Released collections and the directory are never written by key; a
        party writes into its inboxes only, whatever the role of its key."""
        if self.party is not None and collection.is_inbox:
            return self.sees(collection, at)
        if self.role is Role.READER or self.party is not None:
            return False
        if collection.kind in (Kind.RELEASED, Kind.DIRECTORY):
            return False
        return self.sees(collection, at) and (collection.writable or self.role is Role.ADMIN)


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def mint(random: Callable[[int], bytes] = os.urandom) -> tuple[str, str, bytes]:
    """Make a key: its public id, the key itself, and the digest to keep.

    >>> ident, key, digest = mint(lambda n: bytes(n))
    >>> key
    'titian_aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    >>> ident == key.split("_")[1] and matches(key, digest)
    True
    """
    ident = _base32(random(5))
    key = f"{PREFIX}_{ident}_{_base32(random(20))}"
    return ident, key, hashlib.sha256(key.encode()).digest()


def key_id(key: str) -> str | None:
    """Return the public id inside a presented key, or ``None`` when it has not the form of one.

    >>> key_id("titian_abcd2345_" + "a" * 32), key_id("guest"), key_id("titian__")
    ('abcd2345', None, None)
    """
    form = _KEY.match(key)
    return None if form is None else form[1]


def matches(key: str, digest: bytes) -> bool:
    """Whether a presented key has this digest, in constant time."""
    return hmac.compare_digest(hashlib.sha256(key.encode()).digest(), digest)
