"""The hashes of a Merkle tree over SHA-256 (RFC 6962 section 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from titian.core.errors import InvalidInput

HASH_SIZE: Final = 32
MAX_SIZE: Final = 2**63 - 1
"""Entries in one tree: what every implementation's signed integer holds."""

EMPTY_ROOT: Final = sha256(b"").digest()
"""The hash of the tree without entries (RFC 6962 section 2.1)."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry, SHA-256 of 00 and its bytes (RFC 6962 section 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees' hashes, SHA-256 of 01 and both (RFC 6962 section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def tree_hash(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, MTH of RFC 6962 section 2.1.

    >>> tree_hash([]) == EMPTY_ROOT
    True
    """
    row = list(leaves)
    if not row:
        return EMPTY_ROOT
    while len(row) > 1:
        # A hash without a neighbour rises as it is: this is the RFC's split at the largest power of two.
        row = pair(row) + row[len(row) & ~1 :]
    return row[0]


def pair(row: Sequence[bytes]) -> list[bytes]:
    """Hash neighbours; an odd last one stays out."""
    even = len(row) & ~1
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(row[:even:2], row[1::2], strict=True)]


def join(subtrees: Sequence[bytes]) -> bytes:
    """Return the root over perfect subtrees of falling height."""
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def hashes(data: bytes) -> list[bytes]:
    """Cut a row of hashes into its hashes."""
    return [data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE)]


def heights(size: int) -> Iterator[int]:
    """Yield the heights of the perfect subtrees that make up a tree, the largest first."""
    return (height for height in reversed(range(size.bit_length())) if size >> height & 1)


def check_size(size: int) -> None:
    """Raise InvalidInput for a size that no tree has."""
    if not 0 <= size <= MAX_SIZE:
        raise InvalidInput(f"A tree has 0 to {MAX_SIZE} entries, not {size}.")
