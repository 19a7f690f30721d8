"""What a log says of itself, what its witnesses add, what nobody may sign, and the receipt for one entry.

A checkpoint is a signed note (:mod:`titian.core.notes`) whose text is origin, size and root (C2SP tlog-checkpoint); a
witness adds a cosignature with a time (C2SP tlog-cosignature); an inclusion proof with a checkpoint under it is a
receipt that verifies offline (C2SP tlog-proof). Hashes are 32 bytes each and are only carried here: the tree is
computed elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from titian.core.errors import InvalidInput, Refused
from titian.core.merkle import EMPTY_ROOT, HASH_SIZE, MAX_SIZE
from titian.core.notes import (
    Signature,
    SignatureType,
    SignedNote,
    Signer,
    Verified,
    VerifierKey,
    from_base64,
    from_decimal,
    is_text,
    sign_text,
    to_base64,
    to_text,
    verify_note,
)

LONGEST_PROOF: Final = 63
"""Hashes of an inclusion proof at most: the levels of the largest tree."""
PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"


def _hash(line: str, what: str) -> bytes:
    data = from_base64(line)
    if len(data) != HASH_SIZE:
        raise InvalidInput(f"The {what} has {len(data)} bytes, not {HASH_SIZE}.")
    return data


class Checkpoint(msgspec.Struct, frozen=True):
    """The head of a log: ``origin`` names it, ``root`` is the hash of its first ``size`` entries.

    ``extensions`` are further lines without meaning here; none should be written. Raises :class:`InvalidInput` for a
    value that no checkpoint can have. Source: tlog-checkpoint, Note text.

    >>> Checkpoint("example.com/log", 0, EMPTY_ROOT).text
    'example.com/log\\n0\\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\\n'
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line or not is_text(line):
                raise InvalidInput("Origin and extensions of a checkpoint are one line each, and not empty.")
        if not 0 <= self.size <= MAX_SIZE:
            raise InvalidInput("The size of a log is from 0 to 2^63 - 1.")
        if len(self.root) != HASH_SIZE:
            raise InvalidInput(f"A root hash has {HASH_SIZE} bytes.")

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note. Raises :class:`InvalidInput`."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise InvalidInput("A checkpoint has lines for origin, size and root, each ending with a newline.")
        origin, size, root, *extensions = lines
        return cls(origin, from_decimal(size, "size"), _hash(root, "root hash"), tuple(extensions))

    @property
    def text(self) -> str:
        """The text that is signed, with its final newline."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, to_base64(self.root), *self.extensions))


class OpenCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint whose signatures were verified: ``verified`` names each known key that signed, ``note`` the rest."""

    checkpoint: Checkpoint
    note: SignedNote
    verified: tuple[Verified, ...]

    def time(self, key: VerifierKey) -> int | None:
        """When a cosigner says that it signed, in seconds since 1970; None when it did not, or without a time."""
        return next((each.time for each in self.verified if each.key == key), None)


def open_checkpoint(data: bytes, log: VerifierKey, witnesses: Iterable[VerifierKey] = ()) -> OpenCheckpoint:
    """Read and verify a checkpoint of one log, with the cosignatures of the witnesses among those given.

    Raises :class:`InvalidInput` or :class:`titian.core.errors.TooLarge` for what is no checkpoint, and
    :class:`Refused` when the log did not sign it, when it is another log's (its origin is the name of the log's key),
    or when a signature of a given key does not fit. How many witnesses are enough is :mod:`titian.core.trust`'s.
    """
    note = SignedNote.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    verified = verify_note(note, (log, *witnesses))
    if not any(each.key == log for each in verified):
        raise Refused(f"{log.name} has not signed this checkpoint.")
    if checkpoint.origin != log.name:
        raise Refused(f"{log.name} has signed the checkpoint of another log.", advice="Keep it as evidence.")
    return OpenCheckpoint(checkpoint, note, verified)


# Signing. The node never goes back (law 10), and neither does a witness.


class Head(msgspec.Struct, frozen=True):
    """What a key signed last for one log, as it remembers it. ``time`` in seconds since 1970."""

    origin: str
    size: int
    root: bytes
    time: int = 0


class Never(Enum):
    """Why something may never be signed; each value is a sentence for a person (law 10)."""

    NOT_EMPTY = "It is of no entries, and its root is not that of an empty tree."
    OTHER_LOG = "It is of another log."
    SMALLER = "The log has fewer entries than what was signed before: was it restored from an old backup?"
    OTHER_ROOT = "The log has as many entries as what was signed before, and another root: an entry was changed."
    UNPROVEN = "The log has grown, and nothing proves that it begins with what was signed before."
    EARLIER = "Its time is before that of what was signed before: is a clock wrong?"


def never(last: Head | None, checkpoint: Checkpoint, time: int, *, extends: bool) -> Never | None:
    """Return why a key that signed ``last`` may not sign this checkpoint at this time, or None when it may.

    ``extends`` says that a consistency proof from ``last`` to the checkpoint was verified, or the tree rebuilt; it
    matters only where the log has grown. With no ``last`` the first checkpoint is trusted as it is: pass what the node
    and each of its witnesses remember. Sources: tlog-checkpoint, Signatures; tlog-cosignature, Ed25519 signed message.
    """
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        return Never.NOT_EMPTY
    if last is None:
        return None
    if checkpoint.origin != last.origin:
        return Never.OTHER_LOG
    if checkpoint.size < last.size:
        return Never.SMALLER
    if checkpoint.size == last.size and checkpoint.root != last.root:
        return Never.OTHER_ROOT
    if checkpoint.size > last.size and not extends:
        return Never.UNPROVEN
    return Never.EARLIER if time < last.time else None


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> SignedNote:
    """Return the note that the log itself signs, with a key of type 0x01. Ask :func:`never` first.

    Raises :class:`InvalidInput` when the key is not named as the log is (tlog-checkpoint, Signatures), and
    :class:`Refused` when the signer gives what does not verify.
    """
    if signer.key.name != checkpoint.origin:
        raise InvalidInput("The key of a log is named as its origin.")
    return SignedNote(checkpoint.text, (sign_text(checkpoint.text, signer),))


def cosign(note: SignedNote, signer: Signer, time: int) -> Signature:
    """Return the line that a witness adds, with a key of type 0x04. Verify the note and ask :func:`never` first.

    Raises :class:`InvalidInput` when the note is no checkpoint or the key no witness's, and :class:`Refused` when the
    signer gives what does not verify.
    """
    Checkpoint.parse(note.text)
    if signer.key.type is not SignatureType.COSIGNATURE:
        raise InvalidInput("A witness signs with a key of type 0x04.", advice="Give each role a key of its own.")
    return sign_text(note.text, signer, time=time)


# Receipts


class Proof(msgspec.Struct, frozen=True):
    """That entry ``index`` is in a log: the ``hashes`` from the leaf's sibling up, and a signed checkpoint.

    Nothing is verified yet, neither the hashes nor the note's signatures. ``extra`` is not authenticated by either: use
    it only for what proves itself, such as the salt that opens a commitment. Raises :class:`InvalidInput` for a value
    that no proof can have. Source: tlog-proof, Format; its RFC 6962 section 2.1.1 for the hashes.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: SignedNote
    extra: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.checkpoint.size:
            raise InvalidInput("The proof is for an entry that its checkpoint does not cover.")
        if len(self.hashes) > LONGEST_PROOF or any(len(each) != HASH_SIZE for each in self.hashes):
            raise InvalidInput(f"A proof has up to {LONGEST_PROOF} hashes of {HASH_SIZE} bytes.")

    @classmethod
    def parse(cls, data: bytes) -> Proof:
        """Read a ``.tlog-proof``. Raises :class:`InvalidInput`, or :class:`titian.core.errors.TooLarge`."""
        head, blank, note = to_text(data, "proof").partition("\n\n")
        header, *lines = head.split("\n")
        if header != PROOF_HEADER or not blank:
            raise InvalidInput(f"A proof begins with {PROOF_HEADER}, and has a blank line before its checkpoint.")
        extra = from_base64(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else b""
        if not lines or not lines[0].startswith("index "):
            raise InvalidInput("The proof does not say which entry it is for.")
        if len(lines) - 1 > LONGEST_PROOF:
            raise InvalidInput(f"A proof has up to {LONGEST_PROOF} hashes.")
        index = from_decimal(lines[0].removeprefix("index "), "index")
        hashes = tuple(_hash(line, "hash of a proof") for line in lines[1:])
        return cls(index, hashes, SignedNote.parse(note.encode()), extra)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that the hashes lead to, as the note has it: verified by nobody yet."""
        return Checkpoint.parse(self.note.text)

    def encode(self) -> bytes:
        """Write the proof, as :meth:`parse` reads it: with 24 hashes and three signatures under 2 kB."""
        extra = [f"extra {to_base64(self.extra)}"] if self.extra else []
        lines = [PROOF_HEADER, *extra, f"index {self.index}", *map(to_base64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.note.encode()
