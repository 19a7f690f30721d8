"""The messages of private matching: frozen values, written as MessagePack, read with every check that needs no state.

::

    offering                      asking
    Offer   ───────────────────▶            once for a partner, a kind, a mode and an epoch
            ◀─────────────────── Begin      who asks commits to what will be asked, and says how many
    Ready   ───────────────────▶
            ◀─────────────────── Ask        1, 2, … : blinded points
    Answer  ───────────────────▶            the same points times the key, and one proof over them
            ◀─────────────────── Confirm    mode mutual only: the hits, each with what only who has the value knows
    Closed  ───────────────────▶

All but the offer carry the head of their run: version, run, offer, kind, epoch. What does not belong to the run, or
comes out of turn, is refused by the state machines (:mod:`.offering`, :mod:`.asking`).
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar

import msgspec

from titian.core.errors import InvalidInput, TooLarge
from titian.core.matching import Mode as Mode
from titian.core.matching import Terms as Terms
from titian.core.screening import ValueKind
from titian.screen.private.notes import MOST_NOTE
from titian.screen.private.oprf import MOST_PROVED, PROOF_SIZE
from titian.screen.private.sodium import SIZE
from titian.screen.private.tags import MOST_ASKED, MOST_OFFERED

VERSION: Final = 1
RUN_SIZE: Final = 16
HASH_SIZE: Final = 32
CONFIRMATION_SIZE: Final = 16
MOST_OFFER: Final = 1 << 30
"""Bytes of an offer at most."""
MOST_MESSAGE: Final = 1 << 26
"""Bytes of any other message at most."""
MOST_EPOCH: Final = 64
MOST_GATHERED: Final = 250_000
"""Values asked in a run of the mode cardinality at most: they are answered all at once."""


class Offer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="offer"):
    """The tags of all that is offered, and what belongs to them. ``notes`` are sealed, each ``note`` bytes long."""

    version: int
    terms: Terms
    size: int
    public: bytes
    commitment: bytes
    salt: bytes
    tags: bytes
    note: int = 0
    notes: bytes = b""


class Head(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What every message of a run says: which run, of which offer (:func:`offer_id`)."""

    version: int
    run: bytes
    offer: bytes
    kind: ValueKind
    epoch: str


class Begin(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="begin"):
    """Opens a run: how many values, in how many batches; ``commitment`` is to the values."""

    head: Head
    mode: Mode
    size: int
    batches: int
    commitment: bytes


class Ready(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ready"):
    """The run may go on. ``public`` is the key that will answer."""

    head: Head
    public: bytes


class Ask(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ask"):
    """Batch ``number``, from 1: blinded points."""

    head: Head
    number: int
    points: bytes


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="answer"):
    """The points of batch ``number`` times the key; the mode cardinality answers all, sorted, with the last batch."""

    head: Head
    number: int
    points: bytes
    proof: bytes


class Confirm(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="confirm"):
    """Mode mutual: the places of the hits among the tags, ascending, and for each what shows that it is one."""

    head: Head
    places: tuple[int, ...]
    shown: bytes


class Closed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="closed"):
    """Mode mutual: so many hits were confirmed."""

    head: Head
    common: int


Message: TypeAlias = Offer | Begin | Ready | Ask | Answer | Confirm | Closed
M = TypeVar("M", bound=Message)

_DECODER: Final = msgspec.msgpack.Decoder(Message)


def write(message: Message) -> bytes:
    """Encode a message."""
    return msgspec.msgpack.encode(message)


def offer_id(data: bytes) -> bytes:
    """Return what names an offer: the SHA-256 of its bytes."""
    return sha256(data).digest()


def read(data: bytes, expected: type[M], *, most: int | None = None) -> M:
    """Read a message of the type that is expected now.

    :class:`TooLarge` above ``most`` bytes, :class:`InvalidInput` for what is truncated, foreign, of another version,
    of another type than comes now, or has parts of a wrong length.
    """
    bound = most or (MOST_OFFER if expected is Offer else MOST_MESSAGE)
    if len(data) > bound:
        raise TooLarge(f"A message of {len(data):,} bytes is more than {bound:,}.")
    try:
        found = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"This is no whole message of private matching: {error}.") from error
    if not isinstance(found, expected):
        raise InvalidInput(
            f"Out of turn: the message that comes now is of the type {expected.__name__}, not {type(found).__name__}."
        )
    version = found.version if isinstance(found, Offer) else found.head.version
    if version != VERSION:
        raise InvalidInput(f"This is version {version} of private matching; this node speaks version {VERSION}.")
    # Written again, it must be the same: nothing may follow it, or be said in a longer way than is needed.
    if msgspec.msgpack.encode(found) != data:
        raise InvalidInput("This message is not written in the one way that there is.")
    flaw = _offer_flaw(found) if isinstance(found, Offer) else _head_flaw(found.head) or _flaw(found)
    if flaw:
        raise InvalidInput(f"A message of the type {expected.__name__} is wrong: {flaw}.")
    return found


def terms_flaw(terms: Terms) -> str:
    """What is wrong with terms, or nothing."""
    if not 0 < len(terms.epoch) <= MOST_EPOCH:
        return f"an epoch has 1 to {MOST_EPOCH} characters"
    if not 1 <= terms.asked <= (MOST_GATHERED if terms.mode is Mode.CARDINALITY else MOST_ASKED):
        return f"a run of {terms.asked:,} values is not possible"
    if not 1 <= terms.pad <= MOST_ASKED:
        return f"sizes cannot be rounded to multiples of {terms.pad:,}"
    return ""


def _offer_flaw(offer: Offer) -> str:
    if flaw := terms_flaw(offer.terms):
        return flaw
    if not 0 <= offer.size <= MOST_OFFERED:
        return f"it cannot hold {offer.size:,} values"
    if (len(offer.public), len(offer.commitment), len(offer.salt)) != (SIZE, HASH_SIZE, RUN_SIZE):
        return "the key, the commitment or the salt is not as long as they are"
    if (offer.terms.mode is Mode.LABELLED) != (offer.note > 0) or offer.note > 2 * MOST_NOTE or offer.note < 0:
        return "notes belong to the mode labelled, and have a bound"
    if len(offer.notes) != offer.size * offer.note:
        return "there is not one note for each value"
    return ""


def _head_flaw(head: Head) -> str:
    if (len(head.run), len(head.offer)) != (RUN_SIZE, HASH_SIZE):
        return "the name of the run or of the offer is not as long as they are"
    return "" if len(head.epoch) <= MOST_EPOCH else "the epoch is too long"


def _flaw(message: Begin | Ready | Ask | Answer | Confirm | Closed) -> str:
    match message:
        case Begin(size=size, batches=batches, commitment=commitment):
            if len(commitment) != HASH_SIZE or size < 0 or not 0 <= batches <= size:
                return "the sizes or the commitment cannot be"
        case Ready(public=public):
            return "" if len(public) == SIZE else "the key is not as long as one is"
        case Ask(points=points):
            if not 0 < len(points) <= SIZE * MOST_PROVED or len(points) % SIZE:
                return f"a batch is of 1 to {MOST_PROVED:,} points of {SIZE} bytes"
        case Answer(points=points, proof=proof):
            if len(points) % SIZE or len(proof) not in (0, PROOF_SIZE):
                return "points or proof are not as long as they are"
        case Confirm(places=places, shown=shown):
            if len(shown) != CONFIRMATION_SIZE * len(places):
                return "there is not one confirmation for each hit"
            if any(here >= after for here, after in pairwise(places)):
                return "the hits are not in ascending order"
    return ""
