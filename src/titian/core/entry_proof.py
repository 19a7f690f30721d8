"""The receipt for one entry of a ledger: a C2SP ``.tlog-proof`` whose extra data opens the entry.

The extra data is a MessagePack map: ``salt`` and ``payload`` (both binary) open the entry to whoever has the file, and
prove themselves, since they give the leaf that the hashes start from. A closed receipt has ``leaf`` instead, the salted
commitment: it proves that something is in the ledger at that place, and says nothing of what.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from titian.core.checkpoint import Checkpoint, Proof
from titian.core.errors import InvalidInput, Refused
from titian.core.ledger import LEAF_SIZE, Opened
from titian.core.merkle import TreeHead, inclusion_flaw, leaf_hash
from titian.core.notes import SignatureType, SignedNote, Verified, VerifierKey, verify_note


class _Extra(msgspec.Struct, frozen=True, omit_defaults=True):
    salt: bytes | None = None
    payload: bytes | None = None
    leaf: bytes | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Extra).decode


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt that holds: entry ``index`` is in the ledger of ``checkpoint``, which ``signed`` have signed.

    ``opened`` is the entry, None for a closed receipt, of which ``leaf`` is all there is.
    """

    checkpoint: Checkpoint
    index: int
    leaf: bytes
    opened: Opened | None
    signed: tuple[Verified, ...]


def make_receipt(one: Opened, hashes: Sequence[bytes], note: SignedNote, *, closed: bool = False) -> Proof:
    """Return the receipt for an entry from its inclusion proof under a signed checkpoint.

    Whoever gets it can read the entry, unless it is ``closed``.
    """
    extra = _Extra(leaf=one.leaf) if closed else _Extra(salt=one.salt, payload=one.payload)
    return Proof(one.num, tuple(hashes), note, _encode(extra))


def check_receipt(proof: Proof, keys: Iterable[VerifierKey], witnesses: Iterable[VerifierKey] = ()) -> Receipt:
    """Verify a receipt with nothing but keys: inclusion, and the signature of the ledger.

    :param keys: those that are trusted for the ledger. :param witnesses: those whose cosignatures are told, if any.
    :raises InvalidInput: when it does not say which entry it is for.
    :raises Refused: when the entry is not in the tree of its checkpoint, or no trusted key has signed that.
    """
    leaf, opened = _leaf(proof)
    checkpoint = proof.checkpoint
    head = TreeHead(checkpoint.size, checkpoint.root)
    flaw = inclusion_flaw(proof.hashes, leaf=leaf_hash(leaf), index=proof.index, head=head)
    if flaw is not None:
        raise Refused(f"The entry of this receipt is not in the ledger that its checkpoint is of. {flaw.reason}")
    logs = [key for key in keys if key.name == checkpoint.origin and key.type is SignatureType.ED25519]
    others = [key for key in witnesses if key not in logs]
    signed = verify_note(proof.note, [*logs, *others])
    if not any(one.key in logs for one in signed):
        raise Refused(f"No key that is trusted for {checkpoint.origin} has signed this receipt.")
    return Receipt(checkpoint=checkpoint, index=proof.index, leaf=leaf, opened=opened, signed=signed)


def _leaf(proof: Proof) -> tuple[bytes, Opened | None]:
    try:
        extra = _decode(proof.extra)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput("This receipt does not say which entry it is for.",
                           advice="`titian ledger prove` writes receipts that do.") from error  # fmt: skip
    if extra.salt is not None and extra.payload is not None:
        opened = Opened(proof.index, extra.salt, extra.payload)
        return opened.leaf, opened
    if extra.leaf is None or len(extra.leaf) != LEAF_SIZE:
        raise InvalidInput("This receipt does not say which entry it is for.",
                           advice="`titian ledger prove` writes receipts that do.")  # fmt: skip
    return extra.leaf, None
