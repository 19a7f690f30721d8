"""Subscribe: a node pulls its partners' collections by itself, checks their ledgers, and sends back what goes back."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.arrival import Arrival
from titian.core.collection import Collection
from titian.core.errors import InvalidInput, InvalidTimestamp, NotFound, PeerUntrusted, Refused, TitianError
from titian.core.party import Directory, Party
from titian.core.peer_ledger import Listed
from titian.core.people import Actor
from titian.core.recall import Policy
from titian.core.stix import Timestamp
from titian.core.subscription import DAY, MINUTE, SHORTEST, Gap, Progress, Subscription, Terms, next_try
from titian.exchange.arrive import Arrive, ArriveReport
from titian.exchange.subscribe_ports import Arrivals, Back, Book, Connect, InHand, Link, Peers
from titian.exchange.witness import COSIGN_AGAIN, Broken, Witness

LEASE: Final = 10 * MINUTE
"""How long a pull stays in hand without a sign of life."""
NEVER: Final = 1 << 62
"""When a subscription is tried that waits for a person."""
_GRACE: Final = 2 * MINUTE
"""After this, a page without a record in the sender's ledger is a gap: the ledger is at most a minute behind."""
_COLLECTION_NAME: Final = 120


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
        self._looks: dict[str, _Look] = {}

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

    def pause(self, actor: Actor, reference: str, why: str) -> Subscription:
        """Pull nothing of it until a person says so. Raises :class:`Refused` while it is pulled or has ended."""
        found = self._book.find(reference)
        claimed = self._book.claim(found.id, self._book.now() + MINUTE)
        if claimed is None:
            raise Refused("This subscription is being pulled, or has ended.", advice="Try again in a moment.")
        try:
            self._book.change(found.id, found.terms, person=actor.id, why=why)
        finally:
            paused = msgspec.structs.replace(claimed.subscription.progress, paused=why)
            claimed.put_down(paused, NEVER)
        return self._book.find(found.id)

    def resume(self, actor: Actor, reference: str, why: str, *, on_recall: Policy | None = None) -> Subscription:
        """Go on with one that was paused, because a person says so, or change what becomes of recalls."""
        found = self._book.find(reference)
        terms = found.terms if on_recall is None else msgspec.structs.replace(found.terms, on_recall=on_recall)
        claimed = self._book.claim(found.id, self._book.now() + MINUTE)
        if claimed is None:
            raise Refused("This subscription is being pulled, or has ended.", advice="Try again in a moment.")
        claimed.put_down(msgspec.structs.replace(claimed.subscription.progress, paused=None), self._book.now())
        self._book.change(found.id, terms, person=actor.id, why=why)
        return self._book.find(found.id)

    @contextmanager
    def reach(self, agreement: Agreement, party: Party) -> Iterator[Link]:
        """Connect to a partner, as the subscription to it under an agreement does.

        Raises :class:`Refused` without one: then nobody knows where its node is, and has no key for it.
        """
        fitting = [
            one for one in self._book.all() if (one.terms.agreement, one.terms.party) == (agreement.id, party.id)
        ]
        if not fitting:
            raise Refused(f"This node has no subscription to {party.name} under {agreement.name}.",
                          advice="It says where their node is, and has a key for it: `titian subscribe`.")  # fmt: skip
        with self._connect(fitting[0].terms, self._book.secret(fitting[0].id)) as link:
            yield link

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
        claim = self._book.claim(identifier, self._book.now() + LEASE)
        if claim is None:
            return None
        ran = Ran(claim.subscription, ArriveReport())
        turn = _Turn(claim, ran, advance)
        turn.change(tried=self._book.now())
        try:
            self._judge_waiting(turn)
            with self._connect(turn.terms, self._book.secret(identifier)) as link:
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
            if turn.progress.failures:
                self._looks.pop(identifier, None)
            claim.put_down(turn.progress, self._when(turn))
        return ran

    def _when(self, turn: _Turn) -> int:
        if turn.progress.paused is not None:
            return NEVER
        return next_try(self._book.now(), turn.subscription.terms.every, turn.progress.failures, self._chance())

    def _judge_waiting(self, turn: _Turn) -> None:
        """Judge what a crash has left: it was kept, and not judged."""
        for arrival in self._arrive.unjudged(turn.subscription.id):
            self._judge(turn, arrival, self._left(turn))
        if turn.ran.arrived.read:
            self._after()

    def _judge(
        self, turn: _Turn, arrival: Arrival, quota: int, objects: Sequence[bytes] | None = None, spoiled: int = 0
    ) -> None:
        """Judge a page that is kept. It is counted in the transaction that takes it in: a kill leaves both or none."""

        def count(tx: Any, report: ArriveReport) -> None:
            turn.claim.note(tx, turn.counting(report), self._book.now() + LEASE)

        report = self._arrive.judge(arrival, turn.terms.agreement, objects, quota=quota, beside=count)
        turn.progress = turn.counting(report)
        # What is no object was counted with the page.
        report.add(ArriveReport(read=spoiled, quarantined=spoiled))
        turn.ran.arrived.add(report)
        turn.advance(report.read)

    def _left(self, turn: _Turn) -> int:
        """How many more objects are taken today."""
        today = self._book.now() // DAY
        if turn.progress.day != today:
            turn.change(day=today, today=0)
        return turn.terms.quota - turn.progress.today

    def _pull(self, turn: _Turn, link: Link) -> None:
        terms, subscription = turn.terms, turn.subscription
        remote = link.collection()
        brought = turn.ran.arrived.read
        for page, state in remote.pages(turn.progress.cursor):
            now, left = self._book.now(), self._left(turn)
            if left <= 0:
                raise Refused(
                    f"The partner has sent {turn.progress.today:,} objects today, which is all that is taken in a day.",
                    advice="What is left comes tomorrow. `titian subscribe --quota` takes more.",
                )
            if not page.handed:
                turn.change(cursor=state)
                continue
            # Whoever sends something shows its ledger anew: it is recorded there.
            self._looks.pop(subscription.id, None)
            last = _micros(page.last)
            arrival = Arrival(
                subscription=subscription.id, collection=subscription.collection, received=now, party=terms.party,
                remote=terms.remote, count=page.handed, digest=page.digest, first=_micros(page.first), last=last,
            )  # fmt: skip
            lag = max(0, now - last) if last else None
            spoiled = [(why, page.spoiled.get(index, b"")) for index, why in page.skipped]
            # How far it has come changes with what is kept, and not when that fails: the page would be passed over.
            ahead = msgspec.structs.replace(
                turn.counting(ArriveReport(read=len(spoiled), quarantined=len(spoiled))),
                cursor=state, pages=turn.progress.pages + 1, lag=lag,
            )  # fmt: skip
            beside = partial(turn.claim.note, progress=ahead, until=now + LEASE)
            kept = self._arrivals.keep(arrival, page.objects, spoiled, beside=beside)
            turn.progress = ahead
            self._judge(turn, kept, left, page.objects, len(spoiled))
        if turn.ran.arrived.read > brought:
            self._after()

    # ── the ledger, and the way back ──────────────────────────────────────────────────────────────────────

    def _ledger(self, turn: _Turn, link: Link) -> None:
        terms, known = turn.terms, turn.progress.ledger
        asked = self._book.now()
        listed = self._looked(turn, asked)
        is_new = listed is None
        if listed is None:
            listed = self._listed(turn, link)
        if listed is None:
            return
        self._send_back(turn, link, listed)
        began = self._book.now()
        checked = self._witness.check(
            link.ledger(listed.id), listed, party=terms.party, url=terms.url,
            keys=self._peers.keys(terms.party, listed.origin), pulled=terms.remote,
        )  # fmt: skip
        if is_new and listed.inbox is not None and not listed.halted:
            self._looks[turn.subscription.id] = _Look(listed, asked, min(asked, checked.peer.seen) + COSIGN_AGAIN)
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

    def _looked(self, turn: _Turn, now: int) -> Listed | None:
        """How the partner listed its ledger lately, where that is enough: nothing has come since, and what was cosigned
        is fresh, so that it need not be known whether the ledger is halted. Its signed checkpoint is asked for anyway,
        and who shows another ledger, or none, shows it with the next page or the next cosigning."""
        look = self._looks.get(turn.subscription.id)
        if look is None or look.listed.origin != turn.progress.ledger or not look.asked <= now < look.until:
            return None
        return look.listed

    def _listed(self, turn: _Turn, link: Link) -> Listed | None:
        """Ask the partner for its ledgers: that of the agreement, None for a plain TAXII server."""
        terms, known = turn.terms, turn.progress.ledger
        listing = link.listing()
        listed = None if listing is None else listing.under(terms.agreement, terms.remote)
        if listed is None and known is not None:
            # Who hides a ledger could hide with it what it would show.
            raise PeerUntrusted(f"The partner does not show its ledger {known} any more.", advice="Ask it why.")
        if listed is not None and listing is not None and listing.card:
            self._peers.meet(listing.card)
        return listed

    def _send_back(self, turn: _Turn, link: Link, listed: Listed) -> None:
        """Send what this node has released to the partner under the agreement: sightings, answers to recalls."""
        terms = turn.terms
        if listed.inbox is None:
            return
        for objects, last in self._back.waiting(terms.agreement, terms.party, turn.progress.pushed):
            for taken, refused in link.send(listed.inbox, objects):
                turn.ran.sent += taken
                turn.ran.refused += refused
            turn.change(pushed=last)


class _Look(msgspec.Struct, frozen=True):
    """How a partner listed its ledger, when it was asked, and until when that is enough (exclusive, microseconds)."""

    listed: Listed
    asked: int
    until: int


class _Turn:
    """One try in hand: how it goes, changed as it goes."""

    def __init__(self, claim: InHand, ran: Ran, advance: Callable[[int], object]) -> None:
        self.claim = claim
        self.advance = advance
        self.subscription = claim.subscription
        self.terms = claim.subscription.terms
        self.progress = claim.subscription.progress
        self.ran = ran

    def change(self, **changes: Any) -> None:
        self.progress = msgspec.structs.replace(self.progress, **changes)

    def counting(self, report: ArriveReport) -> Progress:
        """How it goes once what a report says is counted."""
        now = self.progress
        return msgspec.structs.replace(
            now, read=now.read + report.read, accepted=now.accepted + report.accepted, known=now.known + report.known,
            quarantined=now.quarantined + report.quarantined, today=now.today + report.read,
        )  # fmt: skip


def _micros(moment: str | None) -> int:
    try:
        return 0 if moment is None else Timestamp.parse(moment).micros
    except InvalidTimestamp:
        return 0
