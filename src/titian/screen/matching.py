"""Private matching between this node and its partners: offer, answer, ask.

::

    offer    what is held → the gate → values → tags, kept until a partner fetches them
    answer   a partner's messages, each checked, counted and remembered before it is answered
    ask      our values against a partner's offer, over HTTPS

What the messages are is in :mod:`titian.screen.private`; what the books remember in :mod:`titian.store.matches`.
"""

from __future__ import annotations

import datetime
import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from titian.core.access import Key as Reader
from titian.core.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    PeerUntrusted,
    Refused,
    TitianError,
    TooLarge,
    Unavailable,
)
from titian.core.matching import (
    MATCHED,
    Between,
    Listed,
    Look,
    Mode,
    Offer,
    OfferState,
    Outcome,
    Partner,
    Run,
    RunState,
    Terms,
    daily,
    next_epoch,
)
from titian.core.matching import Wanted as Wanted
from titian.core.people import Actor, Permission
from titian.core.screening import ValueKind
from titian.core.search import ORGANISATION
from titian.core.subscription import DAY
from titian.screen.desk import Screen
from titian.screen.match_ports import Book, Offering, Quotas, Reach
from titian.screen.match_sources import Checked, Made, Sources
from titian.screen.private import (
    Asking,
    Quota,
    Random,
    Serving,
    begin,
    make_offer,
    random_key,
    read_offer,
    serve,
)
from titian.screen.private import (
    Book as Secret,
)
from titian.screen.private.messages import Ask, Begin, Closed, Confirm
from titian.screen.values import read_values

BATCH: Final = 2_048
"""Values of one request: a quarter of a second of the partner's processor."""
_ASKED: Final = 1_000_000
_COUNTED: Final = 100_000
"""Values of one run at most, and of one in the mode cardinality, which are answered all together."""
_HANDED: Final = 20
"""How often an offer is handed over in a day, by one process."""
_FEW, _POINT, _TRIES = 64, 32, 5
_secret: Final = msgspec.msgpack.Decoder(Secret).decode
_serving: Final = msgspec.msgpack.Decoder(Serving).decode
_encode: Final = msgspec.msgpack.Encoder().encode
Told = Callable[[str, int, int | None], object]
"""Told how far it is: of what (``read``, ``made``, ``asked``), how many are done, and of how many, if known."""


def _nobody(_what: str, _done: int, _of: int | None) -> None:
    """Nobody is told."""


class Found(msgspec.Struct, frozen=True):
    """What came of asking: the run, and what it told."""

    run: Run
    outcome: Outcome


class Matching:
    """Private matching. Threads may share it; one message is worked on at a time, so that it takes one core."""

    def __init__(
        self, *, book: Book, offering: Offering, desk: Callable[[], Screen], sources: Sources, reach: Reach,
        quotas: Quotas, random: Random, threads: int = 1,
    ) -> None:  # fmt: skip
        self._book = book
        self._offering = offering
        self._desk = desk
        self._sources = sources
        self._reach = reach
        self._random = random
        self._threads = threads
        self._turn = threading.Lock()
        self._last: tuple[str, Secret] | None = None
        self._handed: dict[str, tuple[int, int]] = {}
        self._quota = Quota({kind: daily(kind, usual=quotas.usual, listable=quotas.listed) for kind in MATCHED})

    # ── offering ──────────────────────────────────────────────────────────────────────────────────────────

    def offer(self, actor: Actor, wanted: Wanted, told: Told = _nobody) -> Offer:
        """Offer every value of a kind that the partner could be shown (law 1). It stands until something of it is not
        to be given any more, another takes its place, or its time is over.

        :raises Forbidden: for who may not ask for a release. :raises Refused: when there is nothing to offer, or no
            agreement that allows it.
        """
        _allow(actor, Permission.REQUEST_RELEASE)
        _check_kind(wanted.kind)
        between = self._offering.between(wanted.party, wanted.agreement)
        now = self._book.now()
        until = min([now + wanted.lasts] + [one for one in (between.agreement.stops,) if one is not None])
        made = self._sources.gather(
            between, wanted.kind, until=until, collections=wanted.collections, noted=wanted.mode is Mode.LABELLED,
            told=lambda done: told("read", done, None),
        )  # fmt: skip
        if not made.values:
            raise Refused(
                f"Nothing of the kind {wanted.kind.value} is held that {between.party.name} could be shown.",
                advice="Markings and the agreement decide that: `titian preview` shows why something is withheld.",
            )
        if wanted.pad > self._most(wanted):
            raise InvalidInput(f"A run of so many values is more than a partner may ask: {self._most(wanted):,}.",
                               advice="Round to less.")  # fmt: skip
        day = datetime.datetime.fromtimestamp(now / 1e6, datetime.UTC).strftime("%Y-%m-%d")
        epoch = next_epoch(day, self._book.epochs(between.party.id, wanted.kind, wanted.mode))
        terms = Terms(wanted.kind, epoch, wanted.mode, asked=self._most(wanted), pad=wanted.pad)
        # By chance, and not from the node's secret: a node that was put back must not make the same key again.
        key = random_key(self._random)
        count = len(made.values)
        offered = make_offer(
            list(made.values), terms, key, self._random, notes=made.notes or None, threads=self._threads,
            told=lambda done: told("made", min(done, count), count),
        )  # fmt: skip
        needs = self._needs(between, made, wanted.mode)
        offer = Offer(
            id=offered.book.offer.hex(), ours=True, agreement=between.agreement.id, party=between.party.id, terms=terms,
            size=offered.book.size, created=now, until=min([until, *made.ends]), person=actor.id,
            person_name=actor.name, needs=needs, why=wanted.why,
            state=OfferState.WAITING if needs else OfferState.STANDING,
        )  # fmt: skip
        self._book.add(actor, offer, offered.data, _encode(offered.book), made.pairs.encode(), made.look)
        return offer

    def _most(self, wanted: Wanted) -> int:
        """How many values one run may ask: not more than a day's quota, and than the mode bears at one time."""
        most = _COUNTED if wanted.mode is Mode.CARDINALITY else _ASKED
        return max(1, min(most, self._quota.daily.get(wanted.kind, 0)))

    def _needs(self, between: Between, found: Made | Checked, mode: Mode) -> tuple[str, ...]:
        """Why a second person has to approve, as for a release."""
        needs = []
        if between.agreement.four_eyes:
            needs.append(f"{between.agreement.name} asks for two persons for every release.")
        if self._offering.is_first(between):
            needs.append(f"It is the first release to {between.party.name}.")
        if mode is Mode.LABELLED:
            needs.append("Its notes tell more than the values do.")
        if strict := self._offering.strict(found.levels):
            needs.append(f"It holds {' and '.join(strict)}.")
        return tuple(needs)

    def approve(self, actor: Actor, reference: str, why: str = "") -> Offer:
        """Let an offer stand that waits for a second person. Raises :class:`Forbidden` for who asked for it,
        :class:`Refused` when something that it was made of is not to be given any more."""
        offer = self._decidable(actor, reference)
        self._check(offer, "Offer again: `titian match offer`.")
        return self._book.decide(actor, offer, OfferState.STANDING, why)

    def refuse(self, actor: Actor, reference: str, why: str) -> Offer:
        """Refuse an offer that waits for a second person."""
        return self._book.decide(actor, self._decidable(actor, reference), OfferState.REFUSED, why)

    def withdraw(self, actor: Actor, reference: str, why: str) -> Offer:
        """Take an offer back. What a partner has learnt it keeps; its tags are of no use without our key."""
        _allow(actor, Permission.REQUEST_RELEASE)
        return self._book.decide(actor, self._book.find(reference), OfferState.WITHDRAWN, why)

    def _decidable(self, actor: Actor, reference: str) -> Offer:
        _allow(actor, Permission.DECIDE_RELEASE)
        offer = self._book.find(reference)
        if offer.state is not OfferState.WAITING:
            raise Refused(f"The offer {offer.id[:12]} is {offer.state.value} already.")
        if offer.person == actor.id:
            raise Forbidden("Who made an offer cannot decide on it.", advice="Another releaser has to.")
        return offer

    def _check(self, offer: Offer, advice: str = "Ask the partner for a new one.") -> Look:
        """Return how what is held stood when an offer was found to be good still.

        :class:`Refused`, and the offer is withdrawn, when it holds what is not to be given any more, or not without a
        second person whom nobody has asked.
        """
        held, before = self._book.made(offer.id)
        between = self._offering.between(offer.party, offer.agreement)
        found = self._sources.check(between, offer.terms.kind, held, before, offer.until)
        strict = [] if offer.needs else self._offering.strict(found.levels)
        if found.lost or strict:
            why = f"{found.lost:,} of its values are not to be given any more." if found.lost else ""
            self._book.withdraw_stale(offer, why or f"It holds {' and '.join(strict)} now.")
            raise Refused("This offer was withdrawn.", advice=advice)
        if found.look != before:
            self._book.note_look(offer.id, found.pairs.encode(), found.look)
        return found.look

    # ── at the door ───────────────────────────────────────────────────────────────────────────────────────

    def listing(self, reader: Reader) -> list[Listed]:
        """What the holder of a key may ask about now."""
        return [
            Listed(
                id=one.id, agreement=one.agreement, kind=one.terms.kind, mode=one.terms.mode, epoch=one.terms.epoch,
                verified=one.terms.verified, asked=one.terms.asked, pad=one.terms.pad, size=one.size, until=one.until,
                left=self._quota.left(one.terms.kind, self._book.used(one.party, one.terms.kind)),
            )
            for one in self._book.open_to(reader)
        ]  # fmt: skip

    def fetch(self, reader: Reader, identifier: str) -> bytes:
        """The bytes of an offer; that they are handed over is remembered before (law 8)."""
        offer = self._open(reader, identifier)
        today = self._book.now() // DAY
        day, handed = self._handed.get(offer.id, (today, 0))
        if day == today and handed >= _HANDED:
            raise Refused("This offer was handed over often enough today.", advice="Keep what was fetched.")
        with self._turn:
            self._check(offer)
        data = self._book.data(offer.id)
        if data is None:
            raise _no_offer()
        self._book.handed(offer, reader.name)
        self._handed[offer.id] = today, handed + 1 if day == today else 1
        return data

    def answer(self, reader: Reader, identifier: str, message: bytes) -> bytes:
        """Answer a message of a run about an offer, once what it leads to is durable.

        Raises :class:`NotFound` for an offer that is not open to the reader, :class:`InvalidInput` for a message that
        is wrong or out of turn, :class:`Refused` above the quota, and when the message was answered before.
        """
        offer = self._open(reader, identifier)
        with self._turn:
            secret = self._secret_of(offer)
            found = _message_of(message)
            if found is None:
                return self._begin(reader, offer, secret, message)
            return self._go_on(offer, secret, found, message)

    def _secret_of(self, offer: Offer) -> Secret:
        """What only we have of an offer. That of the last one is kept at hand: with a million values it is read for
        half a second."""
        if self._last is None or self._last[0] != offer.id:
            held = self._book.secret(offer.id)
            if held is None:
                raise _no_offer()
            self._last = offer.id, _secret(held)
        return self._last[1]

    def _begin(self, reader: Reader, offer: Offer, secret: Secret, message: bytes) -> bytes:
        step = begin(secret, message)
        serving, terms = step.serving, offer.terms
        if not 0 < serving.batches <= _FEW + serving.size // (BATCH // 2):
            raise InvalidInput(f"A run asks about something, in batches of {BATCH // 2:,} values or more.")
        now = self._book.now()
        run = Run(
            id=serving.head.run.hex(), ours=False, offer=offer.id, agreement=offer.agreement, party=offer.party,
            kind=terms.kind, mode=terms.mode, epoch=terms.epoch, begun=now, asked=serving.size, offered=offer.size,
            person=reader.name,
        )  # fmt: skip

        def allow(used: int) -> None:
            self._quota.allow(terms.kind, used=used, asked=serving.size)

        self._while_it_holds(
            offer, lambda look: self._book.begin(run, _encode(serving), serving.commitment, allow, look)
        )
        return step.reply

    def _go_on(self, offer: Offer, secret: Secret, read: Ask | Confirm | Closed, message: bytes) -> bytes:
        run, count, state = self._book.serving(read.head.run.hex())
        serving = _serving(state)
        if run.offer != offer.id:
            raise InvalidInput("The run is about another offer.")
        if serving.closed:
            raise InvalidInput("The run is over.")
        if self._book.now() - run.begun > DAY:
            raise Refused("This run is over: it was begun more than a day ago.", advice="Begin a new one.")
        if isinstance(read, Ask):
            if len(read.points) > BATCH * _POINT:
                raise TooLarge(f"A batch is of {BATCH:,} values at most.")
            if read.number < serving.next:
                raise InvalidInput(f"Batch {read.number} was answered already: it is not answered twice.")
        try:
            step = serve(secret, serving, message, self._random, threads=self._threads)
        except (InvalidInput, TooLarge) as error:
            # What is wrong has cost as much as what is right: it is not tried again.
            self._book.break_off(_ended(run, self._book.now(), RunState.BROKEN, error.message))
            raise
        outcome = None
        if step.serving.closed:
            run = msgspec.structs.replace(run, state=RunState.DONE, ended=self._book.now())
            if run.mode is Mode.MUTUAL:
                run = msgspec.structs.replace(run, common=len(step.serving.common))
                outcome = Outcome(values=step.serving.common, ours=secret.commitment, theirs=step.serving.commitment,
                                  salt=secret.salt)  # fmt: skip
        self._while_it_holds(
            offer, lambda look: self._book.advance(run, count + 1, _encode(step.serving), outcome, look)
        )
        return step.reply

    def _while_it_holds(self, offer: Offer, write: Callable[[Look], bool]) -> None:
        """Write how far a run has come while nothing has changed since the offer was checked: what is answered may be
        given at the instant at which that is durable."""
        if not any(write(self._check(offer)) for _ in range(_TRIES)):
            raise Unavailable("What is held changes too quickly just now.", advice="Try again in a moment.")

    def _open(self, reader: Reader, identifier: str) -> Offer:
        found = next((one for one in self._book.open_to(reader) if one.id == identifier), None)
        if found is None:
            raise _no_offer()
        return found

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, actor: Actor, wanted: Wanted, given: Iterable[str] | None = None, told: Told = _nobody) -> Found:
        """Ask a partner which of our values it offers: of those given, or of all that is held of the kind.

        In the mode mutual the partner learns the hits too: then only values are asked that it could be shown.

        :raises Refused: without an agreement in force or a subscription to the partner, when it offers nothing of the
            kind in this mode, or above its quota. :raises PeerUntrusted: when it does not keep to the protocol.
        """
        _allow(actor, Permission.REQUEST_RELEASE)
        _check_kind(wanted.kind)
        between = self._offering.between(wanted.party, wanted.agreement)
        values, left_out = self._to_ask(between, wanted, given, told)
        with self._reach(between) as partner:
            listed = _choose(partner.offers(), between, wanted)
            offer = read_offer(self._fetched(partner, listed, between), expected=listed.terms)
            if len(values) > listed.asked:
                raise TooLarge(f"{between.party.name} answers {listed.asked:,} values in one run, not {len(values):,}.",
                               advice="Ask in several runs, or about some collections.")  # fmt: skip
            asking = Asking(offer, values, self._random, batch=BATCH, threads=self._threads)
            if asking.size > listed.left:
                raise Refused(
                    f"{between.party.name} answers {listed.left:,} more values of this kind today, not {asking.size:,}."
                )
            run = Run(
                id=asking.run.hex(), ours=True, offer=listed.id, agreement=between.agreement.id, party=between.party.id,
                kind=wanted.kind, mode=wanted.mode, epoch=listed.epoch, begun=self._book.now(), asked=asking.size,
                offered=listed.size, person=actor.id,
            )  # fmt: skip
            self._book.begin_asking(run, asking.commitment)
            try:
                self._run(partner, listed.id, asking, told)
            except TitianError as error:
                self._book.finish_asking(_ended(run, self._book.now(), RunState.BROKEN, error.message), None)
                raise
            except BaseException:
                self._book.finish_asking(_ended(run, self._book.now(), RunState.BROKEN, "It was broken off."), None)
                raise
        found = asking.found
        if found is None:
            raise PeerUntrusted("The run ended without a result.")
        outcome = Outcome(values=found.values, notes=found.notes, left_out=left_out, ours=found.ours,
                          theirs=found.theirs, salt=found.salt)  # fmt: skip
        done = msgspec.structs.replace(_ended(run, self._book.now(), RunState.DONE), common=found.common)
        self._book.finish_asking(done, outcome)
        return Found(done, outcome)

    def look(self, actor: Actor, party: str, agreement: str | None = None) -> list[Listed]:
        """What a partner offers to this node now, as its node lists it, and how much may still be asked today."""
        _allow(actor, Permission.REQUEST_RELEASE)
        between = self._offering.between(party, agreement)
        with self._reach(between) as partner:
            return [one for one in partner.offers() if one.agreement == between.agreement.id]

    def _to_ask(
        self, between: Between, wanted: Wanted, given: Iterable[str] | None, told: Told
    ) -> tuple[Sequence[str], int]:
        """The values to ask, canonical and each once, and how many of those given cannot be asked."""
        read: list[str] | None = None
        left_out = 0
        if given is not None:
            texts = [one for one in given if one.strip()]
            canonical = [
                one.values[0].canonical if one.values[0].kind is wanted.kind else None
                for one in read_values(texts, wanted.kind)
            ]
            left_out = canonical.count(None)
            read = list(dict.fromkeys(one for one in canonical if one is not None))
        if wanted.mode is Mode.MUTUAL:
            if between.agreement.four_eyes:
                raise Refused(
                    f"{between.agreement.name} asks for two persons for what is told, and this mode tells the hits.",
                    advice="Ask in the mode intersection, and let both sides offer.",
                )
            made = self._sources.gather(between, wanted.kind, until=None, collections=wanted.collections,
                                        told=lambda done: told("read", done, None))  # fmt: skip
            if strict := self._offering.strict(made.levels):
                raise Refused(f"It would be told of {' and '.join(strict)}, which asks for two persons.",
                              advice="Ask in the mode intersection, or about some collections.")  # fmt: skip
            allowed = set(made.values)
            left_out += 0 if read is None else sum(one not in allowed for one in read)
            read = sorted(allowed) if read is None else [one for one in read if one in allowed]
        elif read is None:
            inside = self._sources.inside(wanted.collections)
            read = self._desk().values(ORGANISATION, wanted.kind, lambda done: told("read", done, None), inside)
        if not read:
            raise InvalidInput(f"There is no value of the kind {wanted.kind.value} to ask about.")
        return read, left_out

    def _fetched(self, partner: Partner, listed: Listed, between: Between) -> bytes:
        held = self._book.data(listed.id)
        if held is not None:
            return held
        data = partner.fetch(listed.id, listed.size)
        if hashlib.sha256(data).hexdigest() != listed.id:
            raise PeerUntrusted("The offer is not the one that was listed.", advice="Ask the partner why.")
        read_offer(data, expected=listed.terms)
        self._book.keep(
            Offer(
                id=listed.id, ours=False, agreement=between.agreement.id, party=between.party.id, terms=listed.terms,
                size=listed.size, created=self._book.now(), until=listed.until, state=OfferState.STANDING,
            ),
            data,
        )  # fmt: skip
        return data

    @staticmethod
    def _run(partner: Partner, offer: str, asking: Asking, told: Told) -> None:
        message: bytes | None = asking.begin()
        while message is not None:
            message = asking.take(partner.post(offer, message))
            told("asked", asking.done, asking.size)


def _ended(run: Run, at: int, state: RunState, why: str = "") -> Run:
    return msgspec.structs.replace(run, ended=at, state=state, why=why)


def _allow(actor: Actor, permission: Permission) -> None:
    if not actor.may(permission):
        raise Forbidden(f"{actor.name} may not {permission.value}.", advice="`titian people list` shows who may.")


def _check_kind(kind: ValueKind) -> None:
    if kind not in MATCHED:
        names = ", ".join(sorted(one.value for one in MATCHED))
        raise InvalidInput(f"Values of the kind {kind.value} cannot be matched privately: they are alike, or less so.",
                           advice=f"These can: {names}.")  # fmt: skip


def _no_offer() -> NotFound:
    return NotFound("There is no such offer here.", advice="GET /match/ lists those you may ask about.")


def _choose(offers: Sequence[Listed], between: Between, wanted: Wanted) -> Listed:
    """The offer to ask about: the newest of the kind and mode under the agreement."""
    fitting = [one for one in offers if one.agreement == between.agreement.id and one.kind is wanted.kind]
    found = next((one for one in fitting if one.mode is wanted.mode), None)
    if found is not None:
        return found
    other = ", ".join(sorted({one.mode.value for one in fitting}))
    raise Refused(
        f"{between.party.name} offers no values of the kind {wanted.kind.value} in the mode {wanted.mode.value}.",
        advice=f"It offers them in the mode {other}." if other else "Ask it to run `titian match offer`.",
    )


def _message_of(message: bytes) -> Ask | Confirm | Closed | None:
    """A message of a run that has begun, None for one that begins it or is none of them."""
    try:
        read = _MESSAGE.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if isinstance(read, Begin) else read


_MESSAGE: Final = msgspec.msgpack.Decoder(Begin | Ask | Confirm | Closed)
