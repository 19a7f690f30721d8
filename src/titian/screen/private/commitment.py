"""Commitments: before a run each side fixes what it puts in, so that a dispute about it can be settled later.

The commitment is the root of a Merkle tree (RFC 6962) over the sorted leaves of the values. A leaf is the HMAC of the
value under a secret salt: who knows the root learns nothing of the values, not even of guessed ones. A party may later
show one value that it put in (:func:`open_one`) without showing another, or the salt and all of them to an arbiter.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import msgspec

from titian.core.errors import InvalidInput, NotFound
from titian.core.merkle import HASH_SIZE, TreeHead, inclusion_flaw, leaf_hash, node_hash, tree_hash

SALT_SIZE: Final = 32


class Opening(msgspec.Struct, frozen=True):
    """What shows that one value is under a commitment: its own salt, its place, and the path to the root."""

    salt: bytes
    at: int
    size: int
    path: tuple[bytes, ...]


def commit(values: Iterable[bytes], salt: bytes) -> bytes:
    """Return the commitment to a set of values, 32 bytes; the order and repetitions do not matter."""
    return tree_hash(_leaves(values, salt))


def open_one(values: Sequence[bytes], salt: bytes, value: bytes) -> Opening:
    """Return what shows that ``value`` is among the values; :class:`NotFound` when it is not."""
    leaves, leaf = _leaves(values, salt), leaf_hash(_salted(value, salt) + value)
    if leaf not in leaves:
        raise NotFound("This value is not among those that were committed to.")
    return Opening(salt=_salted(value, salt), at=leaves.index(leaf), size=len(leaves),
                   path=tuple(_path(leaves, leaves.index(leaf))))  # fmt: skip


def holds(commitment: bytes, value: bytes, opening: Opening) -> bool:
    """Whether the opening shows that the value is under the commitment."""
    if len(opening.salt) != HASH_SIZE or not 0 <= opening.at < opening.size:
        return False
    head = TreeHead(opening.size, commitment)
    leaf = leaf_hash(opening.salt + value)
    return inclusion_flaw(opening.path, leaf=leaf, index=opening.at, head=head) is None


def _salted(value: bytes, salt: bytes) -> bytes:
    return hmac.digest(salt, value, "sha256")


def _leaves(values: Iterable[bytes], salt: bytes) -> list[bytes]:
    if len(salt) != SALT_SIZE:
        raise InvalidInput(f"The salt of a commitment has {SALT_SIZE} bytes, not {len(salt)}.")
    # No set: at a million values it would take as much room again.
    return [leaf for leaf, _ in groupby(sorted(leaf_hash(_salted(value, salt) + value) for value in values))]


def _path(leaves: Sequence[bytes], at: int) -> list[bytes]:
    """Return the hashes beside the way from a leaf to the root, from the bottom."""
    found, row = [], list(leaves)
    while len(row) > 1:
        if (at ^ 1) < len(row):
            found.append(row[at ^ 1])
        row = [node_hash(*row[i : i + 2]) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
        at >>= 1
    return found
