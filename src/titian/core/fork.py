"""Two histories of one ledger, shown so that a third believes it who has nothing but the ledger's public key."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from titian.core.checkpoint import Checkpoint
from titian.core.errors import TitianError
from titian.core.merkle import Tiles, TreeHead, consistency_flaw, consistency_proof, root_at
from titian.core.notes import SignedNote, to_base64


def proof_of_fork(one: bytes | None, other: bytes, tiles: Tiles | None = None) -> bytes:
    """Return what shows to a third that a ledger has two histories: two notes under the same key.

    Of two notes of one size the roots differ. Of two sizes, ``root`` is what the larger tree has at the smaller size,
    with the consistency ``proof`` from that: it is another root than the one that was signed there.
    """
    notes = [each for each in (one, other) if each is not None]
    told: dict[str, object] = {"titian": "ledger-evidence/v1", "checkpoints": [to_base64(each) for each in notes]}
    with suppress(TitianError, ValueError):
        small, large = sorted((Checkpoint.parse(SignedNote.parse(each).text) for each in notes), key=lambda c: c.size)
        if tiles is not None and 0 < small.size < large.size:
            root, proof = root_at(tiles, small.size), consistency_proof(tiles, small.size, large.size)
            new = TreeHead(large.size, large.root)
            if root != small.root and consistency_flaw(proof, old=TreeHead(small.size, root), new=new) is None:
                told |= {"root": to_base64(root), "proof": [to_base64(each) for each in proof]}
    return msgspec.json.encode(told)
