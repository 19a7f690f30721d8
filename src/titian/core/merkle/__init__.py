"""Merkle trees over the entries of a ledger: hashes, tiles, appending, proofs and their verification.

The trees are those of RFC 6962 section 2.1, over SHA-256; they are kept and served as C2SP tlog-tiles has it: runs of
up to 256 hashes in a row, at every eighth height. All of it is pure: whoever stores tiles hands in a :class:`Tiles`,
and writes what an append gives back.

Of a tree that grows only its right edge is in memory (:class:`Tree`). A proof reads two tiles for each level at most.
The verifiers return the :class:`Flaw` of a proof, or None when it holds; they trust nothing that they are given.

>>> tree = Tree().append([leaf_hash(b"one"), leaf_hash(b"two")]).tree
>>> inclusion_flaw([leaf_hash(b"two")], leaf=leaf_hash(b"one"), index=0, head=tree.head) is None
True
>>> inclusion_flaw([leaf_hash(b"two")], leaf=leaf_hash(b"1"), index=0, head=tree.head)
<Flaw.ROOT_DIFFERS: 'root-differs'>
"""

from __future__ import annotations

from titian.core.merkle.hashes import EMPTY_ROOT, HASH_SIZE, MAX_SIZE, leaf_hash, node_hash, tree_hash
from titian.core.merkle.proof import consistency_proof, inclusion_proof, root_at
from titian.core.merkle.tiles import (
    MAX_ENTRY,
    TILE_WIDTH,
    Bundle,
    Tile,
    Tiles,
    decode_bundle,
    encode_bundle,
    parse_path,
    right_edge,
)
from titian.core.merkle.tree import Growth, Tree, TreeHead, load_tree
from titian.core.merkle.verify import Flaw, consistency_flaw, inclusion_flaw

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "MAX_ENTRY",
    "MAX_SIZE",
    "TILE_WIDTH",
    "Bundle",
    "Flaw",
    "Growth",
    "Tile",
    "Tiles",
    "Tree",
    "TreeHead",
    "consistency_flaw",
    "consistency_proof",
    "decode_bundle",
    "encode_bundle",
    "inclusion_flaw",
    "inclusion_proof",
    "leaf_hash",
    "load_tree",
    "node_hash",
    "parse_path",
    "right_edge",
    "root_at",
    "tree_hash",
]
