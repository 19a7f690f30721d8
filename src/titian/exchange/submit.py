"""Submit: show the checkpoints of this node's ledgers to witnesses, which cosign them (C2SP tlog-witness)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from titian.core.errors import InvalidInput, TitianError
from titian.core.notes import Signature, SignedNote, VerifierKey, from_decimal
from titian.core.witness import Due, Submission


class Book(Protocol):
    """This node's ledgers (:class:`titian.store.ledger_book.LedgerBook`)."""

    def due(self) -> Sequence[Due]:
        """What is to be shown to which witness."""
        ...

    def submission(self, num: int, old: int) -> Submission | None:
        """The last checkpoint of a ledger with a proof from ``old`` entries; None when it has fewer."""
        ...

    def hear(self, identifier: str, note: SignedNote, witness: VerifierKey, party: str | None) -> bool:
        """Take a cosignature."""
        ...

    def halt(self, num: int, why: str) -> None:
        """Sign nothing more."""
        ...


Send = Callable[[str, bytes], tuple[int, bytes]]
"""Posts a submission to a witness; status and body."""


class Submit:
    """Shows new checkpoints to the witnesses that take submissions."""

    def __init__(self, book: Book, send: Send) -> None:
        self._book = book
        self._send = send

    def tick(self) -> list[str]:
        """Submit what is due; returns what went wrong, in sentences. A witness that does not answer is asked again."""
        wrong = []
        for due in self._book.due():
            try:
                said = self._submit(due)
            except TitianError as error:
                said = str(error)
            if said is not None:
                wrong.append(f"{due.witness.name} has not cosigned {due.origin}: {said}")
        return wrong

    def _submit(self, due: Due) -> str | None:
        status, body = self._send(due.url, due.submission.encode())
        if status == 409:
            size = from_decimal(body.decode("ascii", "replace").strip(), "size")
            again = self._book.submission(due.num, size)
            if again is None:
                why = f"The witness {due.witness.name} has cosigned {size} entries, more than this ledger has."
                self._book.halt(due.num, why)
                return why
            status, body = self._send(due.url, again.encode())
        if status != 200:
            return f"it answers {status}."
        note = due.submission.note
        for line in body.decode("utf-8", "replace").splitlines():
            try:
                signed = note.signed(Signature.parse(line))
            except InvalidInput:
                continue
            if (signed.signatures[-1].name, signed.signatures[-1].key_id) == (due.witness.name, due.witness.id):
                return None if self._book.hear(due.ledger, signed, due.witness, None) else "this node has gone back."
        return "it answers with no cosignature of its own."
