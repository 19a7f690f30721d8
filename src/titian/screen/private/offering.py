"""The offering side: it makes an offer once, and answers runs about it. Bytes in, bytes out; the state is a value.

The caller keeps the :class:`Book` (secret) for as long as the offer stands, and of each run under way its
:class:`Serving`; between two messages both may lie anywhere, also in a database: msgspec writes and reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b, sha512
from hmac import compare_digest
from typing import Final

import msgspec
import numpy as np

from titian.core.errors import InvalidInput, TooLarge
from titian.core.screening import ValueKind
from titian.screen.private import oprf, sodium, tags
from titian.screen.private.commitment import SALT_SIZE, commit
from titian.screen.private.messages import (
    CONFIRMATION_SIZE,
    RUN_SIZE,
    VERSION,
    Answer,
    Ask,
    Begin,
    Closed,
    Confirm,
    Head,
    Message,
    Mode,
    Offer,
    Ready,
    Terms,
    offer_id,
    read,
    terms_flaw,
    write,
)
from titian.screen.private.notes import seal, sealed_size
from titian.screen.private.oprf import Key, Variant
from titian.screen.private.sodium import Random

OUTPUT_SIZE: Final = 64
LONG: Final = 1024
"""Bytes of a value above which its hash stands for it."""
_PART: Final = 1 << 13


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """What the offering side keeps of an offer, and shows nobody: the key, and the salt of its commitment.

    ``places`` are the values in the order of the tags, in the mode mutual only: there a hit is named by its place.
    A place that only rounds up the size has none.
    """

    offer: bytes
    terms: Terms
    size: int
    key: Key
    salt: bytes
    commitment: bytes
    places: tuple[str | None, ...] = ()

    def __repr__(self) -> str:
        return f"Book(offer={self.offer.hex()}, terms={self.terms}, size={self.size})"


class Made(msgspec.Struct, frozen=True):
    """An offer: the bytes that the partner gets, and what is kept."""

    data: bytes
    book: Book


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """A run as far as it has come. ``next`` is the number of the batch that comes now, ``left`` how many values.

    ``commitment`` is the asking side's. ``common`` is what both know, once a run of the mode mutual is closed.
    """

    head: Head
    size: int
    batches: int
    commitment: bytes
    left: int
    next: int = 1
    gathered: bytes = b""
    closed: bool = False
    common: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """What a message leads to: the new state of the run, and the bytes to answer with."""

    serving: Serving
    reply: bytes


def variant(terms: Terms) -> Variant:
    """Which of the protocols of RFC 9497 a run uses."""
    return Variant.VOPRF if terms.verified else Variant.OPRF


def inputs(values: Sequence[str], kind: ValueKind) -> list[bytes]:
    """Return canonical values as the function takes them: each after its kind, so that kinds do not mix.

    Of a long value its hash is taken instead. :class:`InvalidInput` for what is no Unicode text.
    """
    prefix, hashed = kind.value.encode() + b"\x00", kind.value.encode() + b"\x01"
    try:
        data = [value.encode() for value in values]
    except UnicodeEncodeError as error:
        raise InvalidInput("A value is no text: it has half a character.") from error
    return [prefix + one if len(one) <= LONG else hashed + sha512(one).digest() for one in data]


def padded(size: int, pad: int) -> int:
    """Return a size rounded up to a multiple."""
    return -(-size // pad) * pad


def count_output(point: bytes) -> bytes:
    """Return the output for a value in the mode cardinality, where who asks does not know which value it is."""
    return blake2b(point, digest_size=OUTPUT_SIZE, person=b"titian-count").digest()


def confirmation(output: bytes, head: Head) -> bytes:
    """Return what only who can compute a value's output knows, for one run."""
    return blake2b(output, digest_size=CONFIRMATION_SIZE, salt=head.run, person=b"titian-confirm").digest()


def make_offer(
    values: Sequence[str],
    terms: Terms,
    key: Key,
    random: Random,
    *,
    notes: Mapping[str, str] | None = None,
    threads: int = 1,
    told: Callable[[int], object] = bool,
) -> Made:
    """Make the offer of canonical values, all of the kind of the terms; repeated ones count once.

    ``notes`` are the note of each value, for the mode labelled; without one a value has an empty note. ``told`` is
    told of how many values the tags are made.
    :class:`InvalidInput` and :class:`TooLarge` for terms, values or notes that cannot be.
    """
    if flaw := terms_flaw(terms):
        raise InvalidInput(f"These terms are not possible: {flaw}.")
    if notes and terms.mode is not Mode.LABELLED:
        raise InvalidInput("Notes belong to the mode labelled.")
    distinct = sorted(set(values))
    size = padded(len(distinct), terms.pad)
    salt, note_salt = random(SALT_SIZE), random(RUN_SIZE)
    sealing = _Sealing.of(notes or {}, note_salt) if terms.mode is Mode.LABELLED else None
    width = tags.width(size, terms.asked)
    highs, lows, sealed = [], [], []
    # In parts: an output takes eight times as much room as its tag.
    for at in range(0, size, _PART):
        part = distinct[at : at + _PART]
        outputs = _outputs(inputs(part, terms.kind), terms, key, threads)
        filling = random(OUTPUT_SIZE * (min(at + _PART, size) - at - len(part)))
        outputs += [filling[one : one + OUTPUT_SIZE] for one in range(0, len(filling), OUTPUT_SIZE)]
        high, low = tags.cut(outputs, width)
        highs.append(high)
        lows.append(low)
        if sealing is not None:
            sealed += sealing.seal(part, outputs)
        told(min(at + _PART, size))
    none = np.zeros(0, np.uint64)
    tagged, order = tags.arranged(np.concatenate([none, *highs]), np.concatenate([none, *lows]), width)
    commitment = commit((one for value in distinct for one in inputs((value,), terms.kind)), salt)
    offer = Offer(
        version=VERSION,
        terms=terms,
        size=size,
        public=key.public,
        commitment=commitment,
        salt=note_salt,
        tags=tagged.encode(),
        note=sealing.size if sealing else 0,
        notes=b"".join(sealed[at] for at in order.tolist()) if sealing else b"",
    )
    written = write(offer)
    places: tuple[str | None, ...] = ()
    if terms.mode is Mode.MUTUAL:
        places = tuple(distinct[at] if at < len(distinct) else None for at in order.tolist())
    book = Book(
        offer=offer_id(written), terms=terms, size=size, key=key, salt=salt, commitment=commitment, places=places
    )
    return Made(written, book)


class _Sealing(msgspec.Struct, frozen=True):
    """How the notes of an offer are sealed."""

    notes: Mapping[str, str]
    salt: bytes
    size: int

    @classmethod
    def of(cls, notes: Mapping[str, str], salt: bytes) -> _Sealing:
        return cls(notes, salt, sealed_size(notes.values()))

    def seal(self, values: Sequence[str], outputs: Sequence[bytes]) -> list[bytes]:
        """Seal the notes of values; what rounds up the size gets an empty one."""
        said = [self.notes.get(value, "") for value in values] + [""] * (len(outputs) - len(values))
        return [seal(note, output, self.salt, self.size) for note, output in zip(said, outputs, strict=True)]


def _outputs(data: Sequence[bytes], terms: Terms, key: Key, threads: int) -> list[bytes]:
    if terms.mode is not Mode.CARDINALITY:
        return oprf.outputs(key, data, variant(terms), threads=threads)
    return [count_output(point) for point in oprf.keyed_points(key, data, variant(terms), threads=threads)]


def begin(book: Book, data: bytes) -> Step:
    """Open a run. The caller refuses a run of the same name twice, and counts ``serving.size`` against the quota.

    :class:`InvalidInput` for what is no such message or belongs to another offer, :class:`TooLarge` for a run that is
    larger than the terms say.
    """
    message = read(data, Begin)
    terms = book.terms
    if message.head != Head(VERSION, message.head.run, book.offer, terms.kind, terms.epoch):
        raise InvalidInput("The run is about another offer, kind or epoch.", advice="Fetch the offer that stands.")
    if message.mode is not terms.mode:
        raise InvalidInput(f"The offer is for the mode {terms.mode.value}, not {message.mode.value}.")
    if message.size > terms.asked:
        raise TooLarge(f"A run of {message.size:,} values is larger than the {terms.asked:,} that were agreed.")
    if (message.batches == 0) != (message.size == 0):
        raise InvalidInput("The run has values but no batch, or a batch but no values.")
    serving = Serving(head=message.head, size=message.size, batches=message.batches, commitment=message.commitment,
                      left=message.size, closed=message.size == 0 and terms.mode is not Mode.MUTUAL)  # fmt: skip
    return Step(serving, write(Ready(message.head, book.key.public)))


def serve(book: Book, serving: Serving, data: bytes, random: Random, *, threads: int = 1) -> Step:
    """Answer the next message of a run.

    :class:`InvalidInput` for a message that is wrong, of another run, repeated, out of turn, or whose points are not
    of the group; the run stays as it was.
    """
    if serving.head.offer != book.offer:
        raise InvalidInput("The run is about another offer.")
    if serving.closed:
        raise InvalidInput("The run is over.")
    if serving.next > serving.batches:
        return _confirmed(book, serving, read(data, Confirm), threads)
    message = read(data, Ask)
    _check_turn(serving, message)
    points = sodium.split(message.points)
    left = serving.left - len(points)
    last = serving.next == serving.batches
    if left < 0 or last != (left == 0):
        raise InvalidInput("The batches do not make up as many values as the run has.")
    gathered = b""
    if book.terms.mode is Mode.CARDINALITY:
        gathered = serving.gathered + message.points
        answered, proof = _counted(book, gathered, random, threads) if last else ([], b"")
        # A wrong point is refused with the batch that has it, not at the end of the run.
        for point in () if last else points:
            sodium.check_point(point)
    else:
        answered = oprf.evaluate_each(book.key, points, threads=threads)
        proof = _proof(book, points, answered, random, threads)
    done = last and book.terms.mode is not Mode.MUTUAL
    after = msgspec.structs.replace(serving, left=left, next=serving.next + 1, closed=done,
                                    gathered=b"" if last else gathered)  # fmt: skip
    return Step(after, write(Answer(serving.head, message.number, b"".join(answered), proof)))


def _check_turn(serving: Serving, message: Ask) -> None:
    check_head(serving.head, message)
    if message.number < serving.next:
        raise InvalidInput(f"Batch {message.number} was answered already: it is not answered twice.")
    if message.number > serving.next:
        raise InvalidInput(f"Batch {message.number} came before batch {serving.next}.")


def check_head(head: Head, message: Message) -> None:
    """:class:`InvalidInput` unless a message belongs to the run."""
    if isinstance(message, Offer) or message.head != head:
        raise InvalidInput("The message belongs to another run.")


def _proof(book: Book, points: Sequence[bytes], answered: Sequence[bytes], random: Random, threads: int) -> bytes:
    if not book.terms.verified:
        return b""
    return oprf.prove(book.key, points, answered, sodium.random_scalars(random, 1)[0], threads=threads)


def _counted(book: Book, gathered: bytes, random: Random, threads: int) -> tuple[list[bytes], bytes]:
    """Answer a whole run of the mode cardinality: sorted, so that no point can be traced to its question.

    The proof is over the sums: the pairs must not be told.
    """
    points = sodium.split(gathered)
    if len(set(points)) != len(points):
        raise InvalidInput("A value is asked more than once: the count would tell whether it is held.")
    answered = oprf.evaluate_each(book.key, points, threads=threads)
    proof = b""
    if book.terms.verified:
        proof = _proof(book, [sodium.total(points)], [sodium.total(answered)], random, 1)
    return sorted(answered), proof


def _confirmed(book: Book, serving: Serving, message: Confirm, threads: int) -> Step:
    check_head(serving.head, message)
    if len(message.places) > serving.size or any(not 0 <= at < book.size for at in message.places):
        raise InvalidInput("There are more hits than values, or a hit is none of the offer's.")
    # Who names a place that only rounds up the size has guessed: nobody can confirm it.
    common = tuple(value for at in message.places if (value := book.places[at]) is not None)
    outputs = oprf.outputs(book.key, inputs(common, book.terms.kind), variant(book.terms), threads=threads)
    expected = b"".join(confirmation(output, serving.head) for output in outputs)
    if not compare_digest(expected, message.shown):
        raise InvalidInput("A hit is claimed for a value that the asking side does not have.")
    after = msgspec.structs.replace(serving, closed=True, common=common)
    return Step(after, write(Closed(serving.head, len(common))))
