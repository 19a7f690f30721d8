"""The asking side: reads an offer once, then runs, message by message. Bytes in, bytes out.

::

    offer = read_offer(data, expected=terms, public=key)
    asking = Asking(offer, values, random)
    message = asking.begin()
    while message is not None:
        message = asking.take(post(message))
    asking.found
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from titian.core.errors import InvalidInput, PeerUntrusted, Refused, TooLarge
from titian.screen.private import oprf, sodium, tags
from titian.screen.private.commitment import SALT_SIZE, commit
from titian.screen.private.messages import (
    RUN_SIZE,
    VERSION,
    Answer,
    Ask,
    Begin,
    Closed,
    Confirm,
    Head,
    Mode,
    Offer,
    Ready,
    Terms,
    offer_id,
    read,
    write,
)
from titian.screen.private.notes import unseal
from titian.screen.private.offering import check_head, confirmation, count_output, inputs, padded, variant
from titian.screen.private.oprf import MOST_PROVED
from titian.screen.private.sodium import SIZE, Random
from titian.screen.private.tags import TagSet

BATCH: Final = 8192
"""Values of one message: a quarter of a megabyte."""
_FILLING: Final = 32


class ReadOffer(msgspec.Struct, frozen=True):
    """An offer that was read and checked; runs about it need not read it again."""

    name: bytes
    offer: Offer
    tags: TagSet


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a run told: how many were asked and offered, how many are common, and which, as far as the mode tells it.

    ``asked`` and ``offered`` are the sizes as the other side sees them. ``values`` are in the order in which they
    were asked; ``notes`` are theirs. The commitments fix what both put in; ``salt`` opens ours, and is to be kept.
    """

    mode: Mode
    run: bytes
    asked: int
    offered: int
    common: int
    values: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ours: bytes
    theirs: bytes
    salt: bytes


@contextmanager
def _their_fault() -> Iterator[None]:
    """What cannot be read came from the other side."""
    try:
        yield
    except (InvalidInput, TooLarge) as error:
        raise PeerUntrusted(f"The partner's message is wrong. {error.message}", advice=error.advice) from error


def read_offer(data: bytes, *, expected: Terms, public: bytes | None = None) -> ReadOffer:
    """Read an offer; ``expected`` are the terms that were agreed, ``public`` the key where it is known already.

    :class:`PeerUntrusted` for an offer that is damaged, on other terms, or with another key.
    """
    with _their_fault():
        offer = read(data, Offer)
        sodium.check_point(offer.public)
        if offer.terms != expected:
            raise PeerUntrusted(
                f"The offer is on other terms than agreed: {_said(offer.terms)}, not {_said(expected)}."
            )
        if public is not None and offer.public != public:
            raise PeerUntrusted("The offer has another key than the partner named.", advice="Ask the partner why.")
        width = tags.width(offer.size, offer.terms.asked)
        return ReadOffer(offer_id(data), offer, tags.decode(offer.tags, offer.size, width))


def _said(terms: Terms) -> str:
    return ", ".join(
        f"{name} {getattr(value, 'value', value)}" for name, value in msgspec.structs.asdict(terms).items()
    )


class Asking:
    """A run of the asking side. It is used once: each run has fresh blinds, so that no two can be connected."""

    def __init__(
        self, offer: ReadOffer, values: Sequence[str], random: Random, *, batch: int = BATCH, threads: int = 1
    ) -> None:
        """Prepare to ask canonical values of the offer's kind; repeated ones are asked once.

        :class:`TooLarge` when they are more than the terms allow.
        """
        terms = offer.offer.terms
        distinct = list(dict.fromkeys(values))
        size = padded(len(distinct), terms.pad)
        if size > terms.asked:
            raise TooLarge(f"A run of {size:,} values is larger than the {terms.asked:,} that were agreed.")
        if not 1 <= batch <= MOST_PROVED:
            raise InvalidInput(f"A batch is of 1 to {MOST_PROVED:,} values.")
        self.found: Found | None = None
        self._offer, self._random, self._threads, self._batch = offer, random, threads, batch
        self._terms, self._values = terms, distinct
        data = inputs(distinct, terms.kind)
        self._salt = random(SALT_SIZE)
        self._commitment = commit(data, self._salt)
        # Values that nobody can hold round up the size, as nobody can tell from outside.
        filling = random(_FILLING * (size - len(distinct)))
        self._inputs = data + [filling[at : at + _FILLING] for at in range(0, len(filling), _FILLING)]
        self._head = Head(VERSION, random(RUN_SIZE), offer.name, terms.kind, terms.epoch)
        self._next: Callable[[bytes], bytes | None] | None = None
        self._at = 0
        self._blinds: list[int] = []
        self._points: list[bytes] = []
        self._hits: dict[int, tuple[int, bytes]] = {}
        if terms.mode is Mode.CARDINALITY:
            self._same = sodium.random_scalars(random, 1)[0]
            # Sorted, so that the order in which the values were given is not told.
            every = oprf.blind_each(self._inputs, [self._same] * size, variant(terms), threads=threads)
            self._points = sorted(every)

    @property
    def run(self) -> bytes:
        """The name of the run, 16 random bytes."""
        return self._head.run

    @property
    def size(self) -> int:
        """How many values are asked, as the other side sees it."""
        return len(self._inputs)

    @property
    def done(self) -> int:
        """How many values were answered."""
        return self._at

    @property
    def commitment(self) -> bytes:
        """What fixes the values that are asked, 32 bytes."""
        return self._commitment

    def begin(self) -> bytes:
        """Return the first message of the run. :class:`Refused` when the run has begun already."""
        if self._next is not None or self.found is not None:
            raise Refused("A run begins once.")
        self._next = self._ready
        batches = -(-self.size // self._batch)
        return write(Begin(self._head, self._terms.mode, self.size, batches, self._commitment))

    def take(self, reply: bytes) -> bytes | None:
        """Take the answer to the last message; return the next message, or None when the run is over.

        :class:`PeerUntrusted` when the answer is damaged, of another run, out of turn, made with another key than
        the offer's, or has points that are not of the group. A run in which that happened cannot go on.
        """
        step, self._next = self._next, None
        if step is None:
            raise Refused("The run has not begun, was broken off, or is over.")
        with _their_fault():
            return step(reply)

    def _ready(self, reply: bytes) -> bytes | None:
        message = read(reply, Ready)
        check_head(self._head, message)
        if message.public != self._offer.offer.public:
            raise PeerUntrusted("The partner's key changed since the offer was made.", advice="Fetch the offer anew.")
        return self._go_on()

    def _go_on(self) -> bytes | None:
        """Return what comes next: the next batch, the hits, or nothing."""
        if self._at < self.size:
            return self._ask()
        if self._terms.mode is Mode.MUTUAL:
            return self._confirm()
        if self._terms.mode is not Mode.CARDINALITY or not self.size:
            self._close(len(self._hits))
        return None

    def _ask(self) -> bytes:
        end = min(self._at + self._batch, self.size)
        if self._terms.mode is not Mode.CARDINALITY:
            self._blinds = sodium.random_scalars(self._random, end - self._at)
            self._points = oprf.blind_each(
                self._inputs[self._at : end], self._blinds, variant(self._terms), threads=self._threads
            )
            points = self._points
        else:
            points = self._points[self._at : end]
        self._next = self._counted if self._terms.mode is Mode.CARDINALITY else self._answered
        return write(Ask(self._head, self._at // self._batch + 1, b"".join(points)))

    def _read_answer(self, reply: bytes, count: int) -> tuple[list[bytes], bytes]:
        message = read(reply, Answer)
        check_head(self._head, message)
        if message.number != self._at // self._batch + 1:
            raise InvalidInput(f"It answers batch {message.number}, not batch {self._at // self._batch + 1}.")
        if len(message.points) != count * SIZE:
            raise InvalidInput(f"It answers {len(message.points) // SIZE:,} values, not {count:,}.")
        if bool(message.proof) != (self._terms.verified and count > 0):
            raise InvalidInput("It has a proof where none was agreed, or none where one was.")
        return sodium.split(message.points), message.proof

    def _answered(self, reply: bytes) -> bytes | None:
        points, proof = self._read_answer(reply, len(self._points))
        if proof:
            oprf.verify(self._offer.offer.public, self._points, points, proof, threads=self._threads)
        asked = self._inputs[self._at : self._at + len(points)]
        outputs = oprf.finalise_each(asked, self._blinds, points, threads=self._threads)
        for at, place in enumerate(self._offer.tags.find(outputs).tolist()):
            # A value that only rounds up the size would be a hit once in 2^40 runs: then it is none.
            if place >= 0 and self._at + at < len(self._values):
                self._hits[self._at + at] = (place, outputs[at])
        self._at += len(points)
        return self._go_on()

    def _counted(self, reply: bytes) -> bytes | None:
        end = min(self._at + self._batch, self.size)
        points, proof = self._read_answer(reply, self.size if end == self.size else 0)
        self._at = end
        if end < self.size:
            return self._go_on()
        if proof:
            sums = [sodium.total(self._points)], [sodium.total(points)]
            oprf.verify(self._offer.offer.public, *sums, proof)
        plain = oprf.unblind_each([self._same] * self.size, points, threads=self._threads)
        places = self._offer.tags.find([count_output(point) for point in set(plain)])
        self._close(int((places >= 0).sum()))
        return None

    def _confirm(self) -> bytes:
        hits = sorted(self._hits.values())
        self._next = self._closed
        shown = b"".join(confirmation(output, self._head) for _, output in hits)
        return write(Confirm(self._head, tuple(place for place, _ in hits), shown))

    def _closed(self, reply: bytes) -> bytes | None:
        message = read(reply, Closed)
        check_head(self._head, message)
        if message.common != len(self._hits):
            raise InvalidInput(f"It confirms {message.common:,} hits, not {len(self._hits):,}.")
        self._close(message.common)
        return None

    def _close(self, common: int) -> None:
        offer, hits = self._offer.offer, sorted(self._hits.items())
        notes: tuple[str, ...] = ()
        if self._terms.mode is Mode.LABELLED:
            notes = tuple(
                unseal(offer.notes[place * offer.note : (place + 1) * offer.note], output, offer.salt)
                for _, (place, output) in hits
            )
        self.found = Found(
            mode=self._terms.mode, run=self.run, asked=self.size, offered=offer.size, common=common,
            values=tuple(self._values[at] for at, _ in hits), notes=notes, ours=self._commitment,
            theirs=offer.commitment, salt=self._salt,
        )  # fmt: skip
        # The blinds open what was sent: they are not kept.
        self._blinds, self._points = [], []
