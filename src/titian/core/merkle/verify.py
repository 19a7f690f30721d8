"""Verification of proofs (RFC 9162 sections 2.1.3.2 and 2.1.4.2): nothing that is given is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from titian.core.merkle.hashes import HASH_SIZE, MAX_SIZE, node_hash
from titian.core.merkle.tree import TreeHead


class Flaw(StrEnum):
    """Why a proof does not hold; the value is a code, ``reason`` a sentence."""

    SIZE_OUT_OF_RANGE = "size-out-of-range"
    INDEX_OUT_OF_RANGE = "index-out-of-range"
    HASH_LENGTH = "hash-length"
    EMPTY_TREE = "empty-tree"
    SHRUNKEN = "shrunken"
    FORKED = "forked"
    PROOF_TOO_SHORT = "proof-too-short"
    PROOF_TOO_LONG = "proof-too-long"
    ROOT_DIFFERS = "root-differs"
    OLD_ROOT_DIFFERS = "old-root-differs"
    NEW_ROOT_DIFFERS = "new-root-differs"

    @property
    def reason(self) -> str:
        """What is wrong, in a sentence."""
        return _REASONS[self]


_REASONS: Final = {
    Flaw.SIZE_OUT_OF_RANGE: "No tree has such a number of entries.",
    Flaw.INDEX_OUT_OF_RANGE: "A tree of this size has no entry of this number.",
    Flaw.HASH_LENGTH: "A hash has not 32 bytes.",
    Flaw.EMPTY_TREE: "The older tree is empty, and proves nothing about a later one.",
    Flaw.SHRUNKEN: "The newer tree has fewer entries than the older one.",
    Flaw.FORKED: "Two trees of one size have different roots.",
    Flaw.PROOF_TOO_SHORT: "The proof has too few hashes.",
    Flaw.PROOF_TOO_LONG: "The proof has too many hashes.",
    Flaw.ROOT_DIFFERS: "The proof does not lead from this entry, at this place, to the root.",
    Flaw.OLD_ROOT_DIFFERS: "The proof does not lead to the older tree's root.",
    Flaw.NEW_ROOT_DIFFERS: "The proof leads to the older tree's root, but not to the newer one's.",
}


def inclusion_flaw(proof: Sequence[bytes], *, leaf: bytes, index: int, head: TreeHead) -> Flaw | None:
    """Return what is wrong with an inclusion proof, or None: RFC 9162 section 2.1.3.2.

    ``leaf`` is a leaf hash. Size and root must come from one signed checkpoint: where two sizes give a path of one
    shape, the root alone does not tell them apart.
    """
    if not 0 <= head.size <= MAX_SIZE:
        return Flaw.SIZE_OUT_OF_RANGE
    if not 0 <= index < head.size:
        return Flaw.INDEX_OUT_OF_RANGE
    if any(len(each) != HASH_SIZE for each in (leaf, head.root, *proof)):
        return Flaw.HASH_LENGTH
    at, last, root = index, head.size - 1, leaf
    for each in proof:
        if last == 0:
            return Flaw.PROOF_TOO_LONG
        if at & 1 or at == last:
            root = node_hash(each, root)
            at, last = _risen(at, last)
        else:
            root = node_hash(root, each)
        at, last = at >> 1, last >> 1
    if last:
        return Flaw.PROOF_TOO_SHORT
    return None if root == head.root else Flaw.ROOT_DIFFERS


def consistency_flaw(proof: Sequence[bytes], *, old: TreeHead, new: TreeHead) -> Flaw | None:
    """Return what is wrong with a consistency proof, or None: RFC 9162 section 2.1.4.2.

    An empty older tree is refused whatever the proof: every tree begins with it, so that whoever meets a ledger for
    the first time must decide that, and not a proof.
    """
    if not (0 <= old.size <= MAX_SIZE and 0 <= new.size <= MAX_SIZE):
        return Flaw.SIZE_OUT_OF_RANGE
    if old.size == 0:
        return Flaw.EMPTY_TREE
    if old.size > new.size:
        return Flaw.SHRUNKEN
    if any(len(each) != HASH_SIZE for each in (old.root, new.root, *proof)):
        return Flaw.HASH_LENGTH
    if old.size == new.size:
        if old.root != new.root:
            return Flaw.FORKED
        return Flaw.PROOF_TOO_LONG if proof else None
    if not proof:
        return Flaw.PROOF_TOO_SHORT
    # An older tree of a power of two is a subtree of the newer one: its root is known, and not in the proof.
    first, *rest = proof if old.size & (old.size - 1) else (old.root, *proof)
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_root = new_root = first
    for each in rest:
        if last == 0:
            return Flaw.PROOF_TOO_LONG
        if at & 1 or at == last:
            old_root, new_root = node_hash(each, old_root), node_hash(each, new_root)
            at, last = _risen(at, last)
        else:
            new_root = node_hash(new_root, each)
        at, last = at >> 1, last >> 1
    if last:
        return Flaw.PROOF_TOO_SHORT
    if old_root != old.root:
        return Flaw.OLD_ROOT_DIFFERS
    return None if new_root == new.root else Flaw.NEW_ROOT_DIFFERS


def _risen(at: int, last: int) -> tuple[int, int]:
    """Pass over the heights at which a node at the right edge has no neighbour."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last
