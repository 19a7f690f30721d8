"""A witness: what is submitted to it, and what it answers (C2SP tlog-witness).

A witness remembers the last head of each log that it knows, and cosigns a new one only if it was shown that the log
still begins with what it signed before. It answers for what it saw, not for what the log says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

import msgspec

from titian.core.checkpoint import LONGEST_PROOF, Checkpoint, Head, Never, never
from titian.core.errors import InvalidInput, Refused
from titian.core.merkle import HASH_SIZE, TreeHead, consistency_flaw
from titian.core.notes import (
    SignatureType,
    SignedNote,
    VerifierKey,
    from_base64,
    from_decimal,
    to_base64,
    to_text,
    verify_note,
)

LARGEST_SUBMISSION: Final = 65_536
"""Bytes of a submission at most."""


class Submission(msgspec.Struct, frozen=True):
    """A checkpoint as it is submitted: the proof leads to it from a tree of ``old`` entries, each hash of 32 bytes.

    Raises :class:`InvalidInput` for what no submission can be. Source: tlog-witness, add-checkpoint.
    """

    old: int
    proof: tuple[bytes, ...]
    note: SignedNote

    def __post_init__(self) -> None:
        if len(self.proof) > LONGEST_PROOF or any(len(each) != HASH_SIZE for each in self.proof):
            raise InvalidInput(f"A consistency proof has up to {LONGEST_PROOF} hashes of {HASH_SIZE} bytes.")
        if self.old > self.checkpoint.size:
            raise InvalidInput("The old size is larger than that of the checkpoint.")

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says; nobody has verified it."""
        return Checkpoint.parse(self.note.text)

    @classmethod
    def parse(cls, data: bytes) -> Submission:
        """Read the body of an ``add-checkpoint`` request."""
        head, blank, note = to_text(data, "submission").partition("\n\n")
        first, *lines = head.split("\n")
        if not blank or not first.startswith("old "):
            raise InvalidInput("A submission begins with `old` and a size, and has a blank line before its checkpoint.")
        proof = tuple(from_base64(line) for line in lines)
        return cls(from_decimal(first.removeprefix("old "), "old size"), proof, SignedNote.parse(note.encode()))

    def encode(self) -> bytes:
        """Write it, as :meth:`parse` reads it."""
        lines = [f"old {self.old}", *map(to_base64, self.proof), "", ""]
        return "\n".join(lines).encode() + self.note.encode()


class Answer(Enum):
    """What a witness says to a submission: the HTTP status and why."""

    COSIGNED = (200, "It is cosigned.")
    UNSIGNED = (403, "No key that is trusted for this log has signed it.")
    UNKNOWN = (404, "This witness does not know that log.")
    CONFLICT = (409, "This witness has cosigned another size.")
    UNPROVEN = (422, "The proof does not show that the log begins with what was cosigned before.")
    EARLIER = (500, "The clock of this witness is behind what it signed before.")

    @property
    def status(self) -> int:
        """The HTTP status (tlog-witness, add-checkpoint)."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """A sentence for a person."""
        return self.value[1]


def judge(submission: Submission, keys: Iterable[VerifierKey], last: Head | None, time: int) -> Answer:
    """Return what a witness that cosigned ``last`` answers to a submission at a time, in seconds since 1970.

    ``keys`` are those that are trusted for the log; none when it is not known. With no ``last`` the log is taken as it
    is, if the submission says that it begins at 0. Source: tlog-witness, add-checkpoint, in the order of its checks.
    """
    checkpoint = submission.checkpoint
    trusted = [key for key in keys if key.name == checkpoint.origin]
    if not trusted:
        return Answer.UNKNOWN
    if not is_signed(submission.note, trusted):
        return Answer.UNSIGNED
    remembered = 0 if last is None else last.size
    if submission.old != remembered:
        return Answer.CONFLICT
    why = never(last, checkpoint, time, extends=_extends(submission, last))
    if why is Never.EARLIER:
        return Answer.EARLIER
    return Answer.COSIGNED if why is None and _extends(submission, last) else Answer.UNPROVEN


def _extends(submission: Submission, last: Head | None) -> bool:
    """Whether the proof leads from what was cosigned to the checkpoint. From nothing, an empty proof leads anywhere."""
    if last is None or last.size == 0:
        return not submission.proof
    checkpoint = submission.checkpoint
    new = TreeHead(checkpoint.size, checkpoint.root)
    return consistency_flaw(submission.proof, old=TreeHead(last.size, last.root), new=new) is None


def is_signed(note: SignedNote, keys: Sequence[VerifierKey]) -> bool:
    """Whether one of these keys of a log has signed a note, and none of them has signed it wrongly."""
    try:
        found = verify_note(note, keys)
    except Refused:
        return False
    return any(each.key.type is SignatureType.ED25519 for each in found)


class Due(msgspec.Struct, frozen=True):
    """A checkpoint that a witness has not cosigned yet: of which ledger (its number, UUID and origin), for whom."""

    num: int
    ledger: str
    origin: str
    witness: VerifierKey
    url: str
    submission: Submission
