"""Subscribe: a node pulls its partners' collections by itself, checks their ledgers, and sends back what goes back."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import msgspec

from titian.core.arrival import Arrival
from titian.core.collection import Collection
from titian.core.errors import InvalidInput, InvalidTimestamp, NotFound, PeerUntrusted, Refused, TitianError
from titian.core.notes import VerifierKey
from titian.core.party import Directory
from titian.core.peer_ledger import Listed, Listing
from titian.core.people import Actor
from titian.core.recall import Policy
from titian.core.stix import Timestamp
from titian.core.subscription import DAY, MINUTE, SHORTEST, Gap, Progress, Subscription, Terms, next_try
from titian.exchange.arrive import Arrive, ArriveReport
from titian.exchange.witness import Broken, Ledger, Witness

LEASE: Final = 10 * MINUTE
"""How long a pull stays in hand without a sign of life."""
NEVER: Final = 1 << 62
"""When a subscription is tried that waits for a person."""
_GRACE: Final = 2 * MINUTE
"""After this, a page without a record in the sender's ledger is a gap: the ledger is at most a minute behind."""
_COLLECTION_NAME: Final = 120


class RemotePage(Protocol):
    """A page from a partner: see :class:`titian.wire.taxii_page.Page`."""

    @property
    def objects(self) -> Sequence[bytes]:
        """The bytes of each object that is new here."""
        ...

    @property
    def skipped(self) -> Sequence[tuple[int, str]]:
        """Position and reason of what is no object."""
        ...

    @property
    def spoiled(self) -> dict[int, bytes]:
        """The bytes of that."""
        ...

    @property
    def handed(self) -> int:
        """How many elements were sent."""
        ...

    @property
    def digest(self) -> bytes:
        """The digest of all of them."""
        ...

    @property
    def first(self) -> str | None:
        """The ``date_added`` of the first, as a TAXII timestamp."""
        ...

    @property
    def last(self) -> str | None:
        """The same of the last."""
        ...


class Remote(Protocol):
    """A partner's collection."""

    @property
    def name(self) -> str:
        """Which collection of which server."""
        ...

    @property
    def title(self) -> str:
        """What the partner calls it."""
        ...

    @property
    def identifier(self) -> str:
        """Its id there."""
        ...

    def pages(self, state: bytes | None) -> Iterator[tuple[RemotePage, bytes]]:
        """Pages after ``state``, each with the state to keep once it is stored."""
        ...


class Link(Protocol):
    """An open connection to a partner (:class:`titian.wire.peer_link.PeerLink`)."""

    def collection(self) -> Remote:
        """The collection that is subscribed to."""
        ...

    def listing(self) -> Listing | None:
        """The partner's ledgers, None for a plain TAXII server."""
        ...

    def ledger(self, identifier: str) -> Ledger:
        """One of them."""
        ...

    def send(self, inbox: str, objects: Iterable[bytes]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        """Send objects back."""
        ...


Connect = Callable[[Terms, str], AbstractContextManager[Link]]
"""Opens a link for what was asked for, with the partner's key."""


class Arrivals(Protocol):
    """Keeps pages as they arrive (:class:`titian.store.arrivals.StoreArrivals`)."""

    def keep(
        self,
        arrival: Arrival,
        objects: Sequence[bytes],
        spoiled: Sequence[tuple[str, bytes]] = (),
        *,
        beside: Callable[[Any], object],
    ) -> Arrival:
        """Keep a page, durably, and do something beside it in the same transaction."""
        ...


class Book(Protocol):
    """Where subscriptions are kept (:class:`titian.store.subscriptions.Subscriptions`)."""

    def now(self) -> int:
        """The node's clock, in microseconds."""
        ...

    def add(self, subscription: Subscription, secret: str, *, person: str) -> None:
        """Keep a new one, with the partner's key."""
        ...

    def all(self, *, ended: bool = False) -> list[Subscription]:
        """Those that stand, or all."""
        ...

    def find(self, reference: str) -> Subscription:
        """One by its id or the beginning of it."""
        ...

    def secret(self, identifier: str) -> str:
        """The partner's key."""
        ...

    def due(self, now: int) -> list[str]:
        """Those that are to be tried by now."""
        ...

    def claim(self, identifier: str, until: int) -> Subscription | None:
        """Take one in hand."""
        ...

    def put_down(self, identifier: str, progress: Progress, next_try: int) -> None:
        """Say how it went."""
        ...

    def note(self, identifier: str, progress: Progress, until: int) -> Callable[[Any], object]:
        """What keeps how far it has come, in a transaction."""
        ...

    def change(self, identifier: str, terms: Terms, *, person: str, why: str) -> None:
        """Change what is asked for."""
        ...

    def wake(self, identifier: str) -> None:
        """Try one at once."""
        ...

    def end(self, identifier: str, *, person: str, why: str) -> None:
        """End one."""
        ...

    def unrecorded(self, identifier: str, before: int) -> list[tuple[int, int]]:
        """Pages that arrived before an instant and that no entry of the sender's ledger records."""
        ...


class Back(Protocol):
    """What this node has released to a partner, and so sends back (:class:`titian.store.way_back.WayBack`)."""

    def waiting(self, agreement: str, party: str, after: int) -> Iterator[tuple[list[bytes], int]]:
        """Objects behind a ``date_added``, and the one of the last; each is remembered as handed over (law 8) before
        it is given. Nothing when it may not leave now (law 1)."""
        ...


class Peers(Protocol):
    """The cards of partners."""

    def keys(self, party: str, origin: str) -> Sequence[VerifierKey]:
        """The keys that a partner's card names for a ledger; none without a card."""
        ...

    def meet(self, card: str) -> str | None:
        """Hold a card as it comes, if none is held of that party; returns the party's identifier."""
        ...


class Ran(msgspec.Struct):
    """What one try of a subscription brought: what arrived, how many objects went back, what does not fit."""

    subscription: Subscription
    arrived: ArriveReport
    sent: int = 0
    refused: list[tuple[str, str]] = []
    findings: list[str] = []
    error: str | None = None


class Subscribe:
    """The verbs of subscriptions. ``chance`` gives random numbers from 0 to 1, ``identify`` identifiers."""

    def __init__(
        self,
        book: Book,
        arrivals: Arrivals,
        arrive: Arrive,
        witness: Witness,
        back: Back,
        peers: Peers,
        connect: Connect,
        after: Callable[[], object] = lambda: None,
        chance: Callable[[], float] = random.random,
        identify: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._book = book
        self._arrivals = arrivals
        self._arrive = arrive
        self._witness = witness
        self._back = back
        self._peers = peers
        self._connect = connect
        self._after = after
        self._chance = chance
        self._identify = identify

    # ── for people ────────────────────────────────────────────────────────────────────────────────────────

    def subscribe(
        self,
        actor: Actor,
        terms: Terms,
        key: str,
        directory: Directory,
        collection: Callable[[str, str], Collection],
    ) -> Subscription:
        """Begin to pull a partner's collection by itself. The partner is asked once, so that a mistake is told now.

        :param terms: with an empty ``party``, the partner is whom the server's card names.
        :param collection: gives the collection here, from a name and the partner's identifier.
        :raises InvalidInput: for an interval under a second, or a partner that is not in the agreement.
        :raises titian.core.errors.PeerError: when the partner does not answer as it should.
        """
        if terms.every < SHORTEST:
            raise InvalidInput("A subscription asks once in a second at most.", advice="Give --every 5m, say.")
        with self._connect(terms, key) as link:
            remote = link.collection()
            listing = link.listing()
            named = self._peers.meet(listing.card) if listing is not None and listing.card else None
        party = self._sender(terms, named, directory)
        name = f"From {directory.parties[party].name}: {directory.agreements[terms.agreement].name}"[:_COLLECTION_NAME]
        now = self._book.now()
        subscription = Subscription(
            id=self._identify(), collection=collection(name, party).num, created=now, next_try=now, progress=Progress(),
            terms=msgspec.structs.replace(
                terms, party=party, remote=remote.identifier, title=remote.title, by=actor.id
            ),
        )  # fmt: skip
        self._book.add(subscription, key, person=actor.id)
        return subscription

    def _sender(self, terms: Terms, named: str | None, directory: Directory) -> str:
        if named is not None and terms.party and named != terms.party:
            known = directory.parties.get(named)
            raise Refused(
                f"The server's card is that of {named if known is None else known.name}.",
                advice="Name that party with --from, or check the address.",
            )
        party = terms.party or named
        if party is None:
            raise InvalidInput("The server does not say whose it is.", advice="Name the party with --from.")
        if party not in directory.parties:
            raise NotFound(f"The party {party} is not known here.", advice="`titian parties add` makes one known.")
        agreement = directory.agreements[terms.agreement]
        if party not in directory.audience(agreement, self._book.now()):
            raise Refused(
                f"{directory.parties[party].name} is not in {agreement.name}, or it is not in force.",
                advice="Everything that came under it would go to the quarantine. `titian agreements show` tells.",
            )
        return party

    def list(self, *, ended: bool = False) -> Sequence[Subscription]:
        """Every subscription, and how it goes."""
        return self._book.all(ended=ended)

    def find(self, reference: str) -> Subscription:
        """One by its id or the beginning of it. Raises :class:`NotFound`."""
        return self._book.find(reference)

    def end(self, actor: Actor, reference: str, why: str) -> Subscription:
        """End a subscription; what it brought stays, and the partner's key is forgotten."""
        found = self._book.find(reference)
        self._book.end(found.id, person=actor.id, why=why)
        return found

    def resume(self, actor: Actor, reference: str, why: str, *, on_recall: Policy | None = None) -> Subscription:
        """Go on with one that was paused, because a person says so, or change what becomes of recalls."""
        found = self._book.find(reference)
        terms = found.terms if on_recall is None else msgspec.structs.replace(found.terms, on_recall=on_recall)
        claimed = self._book.claim(found.id, self._book.now() + MINUTE)
        if claimed is None:
            raise Refused("This subscription is being pulled, or has ended.", advice="Try again in a moment.")
        self._book.put_down(found.id, msgspec.structs.replace(claimed.progress, paused=None), self._book.now())
        self._book.change(found.id, terms, person=actor.id, why=why)
        return self._book.find(found.id)

    # ── by itself ─────────────────────────────────────────────────────────────────────────────────────────

    def run_due(self, stopped: Callable[[], bool] = lambda: False) -> Sequence[Ran]:
        """Try every subscription whose time has come."""
        found = []
        for identifier in self._book.due(self._book.now()):
            if stopped():
                break
            ran = self.run(identifier)
            if ran is not None:
                found.append(ran)
        return found

    def run(self, identifier: str, advance: Callable[[int], object] = lambda _: None) -> Ran | None:
        """Try one subscription now; None when somebody else has it in hand. ``advance`` is told of each page.

        Whatever goes wrong is kept as its error, and it is tried again, later and later.
        """
        subscription = self._book.claim(identifier, self._book.now() + LEASE)
        if subscription is None:
            return None
        ran = Ran(subscription, ArriveReport())
        turn = _Turn(subscription, ran, advance)
        turn.change(tried=self._book.now())
        try:
            self._judge_waiting(turn)
            with self._connect(subscription.terms, self._book.secret(identifier)) as link:
                self._pull(turn, link)
                self._ledger(turn, link)
            turn.change(succeeded=self._book.now(), failures=0, error=None)
        except TitianError as error:
            ran.error = str(error)
            turn.change(failures=turn.progress.failures + 1, error=ran.error)
            if isinstance(error, Broken):
                turn.change(paused=ran.error)
        except BaseException as error:
            turn.change(failures=turn.progress.failures + 1, error=f"{type(error).__name__}: {error}")
            raise
        finally:
            self._book.put_down(identifier, turn.progress, self._when(turn))
        return ran

    def _when(self, turn: _Turn) -> int:
        if turn.progress.paused is not None:
            return NEVER
        return next_try(self._book.now(), turn.subscription.terms.every, turn.progress.failures, self._chance())

    def _judge_waiting(self, turn: _Turn) -> None:
        """Judge what a crash has left: it was kept, and not judged."""
        terms = turn.subscription.terms
        left = self._arrive.judge_waiting(turn.subscription.id, terms.agreement, quota=self._left(turn))
        if left.read:
            turn.count(left)
            self._after()

    def _left(self, turn: _Turn) -> int:
        """How many more objects are taken today."""
        today = self._book.now() // DAY
        if turn.progress.day != today:
            turn.change(day=today, today=0)
        return turn.subscription.terms.quota - turn.progress.today

    def _pull(self, turn: _Turn, link: Link) -> None:
        terms, subscription = turn.subscription.terms, turn.subscription
        remote = link.collection()
        for page, state in remote.pages(turn.progress.cursor):
            now = self._book.now()
            if self._left(turn) <= 0:
                raise Refused(
                    f"The partner has sent {turn.progress.today:,} objects today, which is all that is taken in a day.",
                    advice="What is left comes tomorrow. `titian subscribe --quota` takes more.",
                )
            if not page.handed:
                turn.change(cursor=state)
                continue
            last = _micros(page.last)
            arrival = Arrival(
                subscription=subscription.id, collection=subscription.collection, received=now, party=terms.party,
                remote=terms.remote, count=page.handed, digest=page.digest, first=_micros(page.first), last=last,
            )  # fmt: skip
            lag = max(0, now - last) if last else None
            # How far it has come changes with what is kept, and not when that fails: the page would be passed over.
            ahead = msgspec.structs.replace(turn.progress, cursor=state, pages=turn.progress.pages + 1, lag=lag)
            spoiled = [(why, page.spoiled.get(index, b"")) for index, why in page.skipped]
            beside = self._book.note(subscription.id, ahead, now + LEASE)
            kept = self._arrivals.keep(arrival, page.objects, spoiled, beside=beside)
            turn.progress = ahead
            report = self._arrive.judge(kept, terms.agreement, page.objects, quota=self._left(turn))
            report.read += len(spoiled)
            report.quarantined += len(spoiled)
            turn.count(report)
        if turn.ran.arrived.read:
            self._after()

    # ── the ledger, and the way back ──────────────────────────────────────────────────────────────────────

    def _ledger(self, turn: _Turn, link: Link) -> None:
        terms = turn.subscription.terms
        listing = link.listing()
        listed = None if listing is None else listing.under(terms.agreement, terms.remote)
        known = turn.progress.ledger
        if listed is None and known is not None:
            # Who hides a ledger could hide with it what it would show.
            raise PeerUntrusted(f"The partner does not show its ledger {known} any more.", advice="Ask it why.")
        if listed is None:
            return
        if listing is not None and listing.card:
            self._peers.meet(listing.card)
        self._send_back(turn, link, listed)
        began = self._book.now()
        checked = self._witness.check(
            link.ledger(listed.id), listed, party=terms.party, url=terms.url,
            keys=self._peers.keys(terms.party, listed.origin), pulled=terms.remote,
        )  # fmt: skip
        turn.change(ledger=listed.origin, verified=checked.peer.head.size, checked=began)
        found = [finding.what for finding in checked.findings]
        if known not in (None, listed.origin):
            found.append(f"The partner shows another ledger in the place of {known}.")
        found += [
            f"The partner's ledger has no record of page {num} with {count:,} objects, which it sent."
            for num, count in self._book.unrecorded(turn.subscription.id, began - _GRACE)
        ]
        turn.ran.findings += found
        turn.progress = turn.progress.with_gaps(tuple(Gap(began, what) for what in found))

    def _send_back(self, turn: _Turn, link: Link, listed: Listed) -> None:
        """Send what this node has released to the partner under the agreement: sightings, answers to recalls."""
        terms = turn.subscription.terms
        if listed.inbox is None:
            return
        for objects, last in self._back.waiting(terms.agreement, terms.party, turn.progress.pushed):
            for taken, refused in link.send(listed.inbox, objects):
                turn.ran.sent += taken
                turn.ran.refused += refused
            turn.change(pushed=last)


class _Turn:
    """One try in hand: how it goes, changed as it goes."""

    def __init__(self, subscription: Subscription, ran: Ran, advance: Callable[[int], object]) -> None:
        self.advance = advance
        self.subscription = subscription
        self.progress = subscription.progress
        self.ran = ran

    def change(self, **changes: Any) -> None:
        self.progress = msgspec.structs.replace(self.progress, **changes)

    def count(self, report: ArriveReport) -> None:
        self.ran.arrived.add(report)
        self.advance(report.read)
        now = self.progress
        self.change(
            read=now.read + report.read, accepted=now.accepted + report.accepted, known=now.known + report.known,
            quarantined=now.quarantined + report.quarantined, today=now.today + report.read,
        )  # fmt: skip


def _micros(moment: str | None) -> int:
    try:
        return 0 if moment is None else Timestamp.parse(moment).micros
    except InvalidTimestamp:
        return 0
