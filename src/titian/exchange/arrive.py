"""Arrive: what a partner sends is kept as it came, then judged: taken in, or put into the quarantine with the reason.

Whatever carries it, a subscription, a sealed bundle or a partner's own POST, is judged here and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, Protocol

import msgspec

from titian.core.arrival import (
    Accepted,
    Arrival,
    Doubt,
    Expected,
    Objection,
    Provenance,
    Quarantined,
    closed,
    expected_from,
    objection,
)
from titian.core.collection import Appended, Collection, Incoming, Outcome
from titian.core.errors import NotFound, Refused
from titian.core.gate import Gate, HeldGraph, Session
from titian.core.ledger import digest_of
from titian.core.people import Actor
from titian.core.survey import Facts, Held, Survey
from titian.core.view import SetAside
from titian.exchange.hold import BATCH, judge, reject


class Arrivals(Protocol):
    """Where arrivals are kept (:class:`titian.store.arrivals.StoreArrivals`)."""

    def keep(self, arrival: Arrival, objects: Sequence[bytes], spoiled: Sequence[tuple[str, bytes]] = ()) -> Arrival:
        """Keep a page as it arrived, durably."""
        ...

    def waiting(self, subscription: str | None = None) -> list[Arrival]:
        """Pages that are not judged yet."""
        ...

    def objects(self, arrival: Arrival) -> list[bytes]:
        """The objects of a page that is not judged yet."""
        ...

    def settle(
        self,
        arrival: Arrival,
        accepted: Sequence[Incoming],
        aside: Sequence[SetAside],
        agreement: str,
        *,
        beside: Callable[[Any, Sequence[Appended]], object],
    ) -> list[Appended]:
        """Take in what was accepted and put the rest into the quarantine, and do something beside it, all in one
        transaction."""
        ...

    def quarantine(self, *, state: str | None = "waiting", limit: int = 1000) -> list[Quarantined]:
        """What is in the quarantine."""
        ...

    def count_waiting(self) -> int:
        """How much waits in the quarantine for a person."""
        ...

    def find_quarantined(self, reference: str) -> tuple[Quarantined, bytes]:
        """One of them, with its bytes."""
        ...

    def accept(self, one: Quarantined, item: Incoming, *, person: str, why: str) -> Appended:
        """Take something in that a person accepts."""
        ...

    def reject(self, one: Quarantined, *, person: str, why: str) -> None:
        """Leave something out for good."""
        ...

    def provenance(self, identifier: str) -> list[Provenance]:
        """Where an object came from."""
        ...

    def accepted(self, limit: int) -> list[Accepted]:
        """The last object versions that were taken in."""
        ...


class ArriveReport(msgspec.Struct):
    """What became of what arrived: ``read`` = ``accepted`` + ``known`` + ``quarantined``."""

    read: int = 0
    accepted: int = 0
    known: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = {}

    def add(self, other: ArriveReport) -> None:
        """Add another report to this one."""
        self.read += other.read
        self.accepted += other.accepted
        self.known += other.known
        self.quarantined += other.quarantined
        for name, count in other.reasons.items():
            self.reasons[name] = self.reasons.get(name, 0) + count

    def count(self, done: Iterable[Appended]) -> None:
        """Add what became of what was taken in."""
        for one in done:
            if one.outcome is Outcome.ADDED:
                self.accepted += 1
            elif one.outcome is Outcome.KNOWN:
                self.known += 1
            else:
                self.quarantined += 1
                code = "conflict" if one.outcome is Outcome.CONFLICT else one.why.partition(":")[0]
                self.reasons[code] = self.reasons.get(code, 0) + 1


ANY: Final = 1 << 62
"""No quota."""

Counted = Callable[[Any, ArriveReport], object]
"""Is handed what became of a page in the transaction that takes it in."""


def _uncounted(_tx: Any, _report: ArriveReport) -> None:
    pass


class Arrive:
    """Judges what arrives."""

    def __init__(self, arrivals: Arrivals, gate: Gate) -> None:
        self._arrivals = arrivals
        self._gate = gate

    def arrive(self, arrival: Arrival, agreement: str, objects: Iterable[bytes], *, quota: int = ANY) -> ArriveReport:
        """Keep and judge objects that came by another way than a page, as from a sealed bundle.

        ``arrival`` says from whom, for which collection, and by what; its digest and count are made here.
        """
        report = ArriveReport()
        iterator = iter(objects)
        while batch := list(islice(iterator, BATCH)):
            one = msgspec.structs.replace(arrival, count=len(batch), digest=digest_of(batch))
            kept = self._arrivals.keep(one, batch)
            report.add(self.judge(kept, agreement, batch, quota=quota - report.read))
        return report

    def unjudged(self, subscription: str) -> list[Arrival]:
        """The pages of a subscription that are not judged yet: what a crash has left."""
        return self._arrivals.waiting(subscription)

    def judge_waiting(self, subscription: str, agreement: str) -> ArriveReport:
        """Judge the pages of a subscription that are not judged yet."""
        report = ArriveReport()
        for arrival in self.unjudged(subscription):
            report.add(self.judge(arrival, agreement))
        return report

    def judge(
        self,
        arrival: Arrival,
        agreement: str,
        objects: Sequence[bytes] | None = None,
        *,
        quota: int = ANY,
        beside: Counted = _uncounted,
    ) -> ArriveReport:
        """Judge one page that is kept; after that, each object of it is held or in the quarantine.

        :param objects: those of the page, where they are at hand.
        :param quota: how many more objects are taken; what is beyond that goes to the quarantine.
        :param beside: is handed what is returned, in the transaction that takes the page in.
        """
        raws = self._arrivals.objects(arrival) if objects is None else objects
        with self._gate.reading() as session:
            accepted, aside = _sort(session, arrival, agreement, raws, max(0, quota))
        report = ArriveReport(read=len(raws), quarantined=len(aside))
        for one in aside:
            code = one.reason.partition(":")[0]
            report.reasons[code] = report.reasons.get(code, 0) + 1

        def count(tx: Any, done: Sequence[Appended]) -> None:
            report.count(done)
            beside(tx, report)

        self._arrivals.settle(arrival, accepted, aside, agreement, beside=count)
        return report

    def objections(self, session: Session, party: str, agreement: str, raws: Sequence[bytes]) -> list[Objection | None]:
        """What speaks against each of some valid objects from a party under an agreement."""
        expected, refusal = _expected(session, party, agreement)
        if expected is None:
            return [refusal] * len(raws)
        survey, found = _survey(session, raws)
        return [objection(facts, survey.marking(facts.marks), expected) for facts in found]

    # ── the quarantine, for people ────────────────────────────────────────────────────────────────────────

    def quarantine(self, *, state: str | None = "waiting", limit: int = 1000) -> list[Quarantined]:
        """What is in the quarantine, oldest first: what waits for a person, or all."""
        return self._arrivals.quarantine(state=state, limit=limit)

    def waiting(self) -> int:
        """How much waits in the quarantine for a person."""
        return self._arrivals.count_waiting()

    def accept(self, actor: Actor, reference: str, why: str) -> tuple[Quarantined, Appended]:
        """Take something in that waits in the quarantine, because a person says so.

        What is not STIX 2.1, or claims to be ours, is never taken in. Raises :class:`Refused`, :class:`NotFound`.
        """
        one, raw = self._arrivals.find_quarantined(reference)
        judged = judge(raw)
        if judged.incoming is None:
            what = reject(judged)[0].message if judged.violations else "it is no object"
            raise Refused(f"It is not STIX 2.1: {what}", advice="Ask the sender for one that is.")
        if one.reason.startswith(Doubt.OURS.value):
            raise Refused("It claims to be this node's own party's.", advice="Ask the sender where they have it from.")
        return one, self._arrivals.accept(one, judged.incoming, person=actor.id, why=why)

    def reject(self, actor: Actor, reference: str, why: str) -> Quarantined:
        """Leave something out for good. Its bytes are kept."""
        one, _ = self._arrivals.find_quarantined(reference)
        self._arrivals.reject(one, person=actor.id, why=why)
        return one

    def find(self, reference: str) -> tuple[Quarantined, bytes]:
        """Something in the quarantine by its number, or by an identifier of which one waits, with its bytes as they
        came. Raises :class:`NotFound`."""
        return self._arrivals.find_quarantined(reference)

    def accepted(self, limit: int) -> list[Accepted]:
        """The last object versions that were taken in from partners, the newest first."""
        return self._arrivals.accepted(limit)

    def provenance(self, identifier: str) -> list[Provenance]:
        """Where each version of an object came from, newest first."""
        return self._arrivals.provenance(identifier)


class ByHand:
    """Judges what came otherwise than over the network.

    ``collection`` gives the collection of a name for what comes from a party, made when there is none.
    """

    def __init__(
        self, arrive: Arrive, gate: Gate, collection: Callable[[str, str], Collection], clock: Callable[[], int]
    ) -> None:
        self._arrive = arrive
        self._gate = gate
        self._collection = collection
        self._clock = clock

    def arrive(self, *, party: str, agreement: str, objects: Iterable[bytes], source: str) -> ArriveReport:
        """Keep and judge objects from a party under an agreement; ``source`` says what brought them."""
        with self._gate.reading() as session:
            directory = session.register().directory
        name = f"Bundles from {directory.parties[party].name} ({directory.agreements[agreement].name})"
        arrival = Arrival(
            subscription=source, collection=self._collection(name, party).num, received=self._clock(),
            party=party, remote=source, count=0, digest=b"",
        )  # fmt: skip
        report = self._arrive.judge_waiting(source, agreement)
        report.add(self._arrive.arrive(arrival, agreement, objects))
        return report


def _survey(session: Session, raws: Sequence[bytes]) -> tuple[Survey, list[Facts]]:
    """What is known of some objects, and a survey that knows what their markings mean: those that come along before
    those that are held. Only what they bear is looked for, by its identifier: what is held of others costs nothing."""
    survey = Survey()
    facts = survey.extend(Held("", raw) for raw in raws)
    named = {mark for one in facts for mark in one.marks if mark.startswith("marking-definition--")}
    survey.extend(session.find(named - survey.definitions.keys()))
    return survey, facts


def _expected(session: Session, party: str, agreement: str) -> tuple[Expected | None, Objection | None]:
    """What may come from a party under an agreement, or why nothing may."""
    try:
        register = session.register()
        terms = register.agreement(agreement)
    except NotFound:
        return None, Objection(Doubt.OUTSIDE, "The agreement is not known here.")
    expected = expected_from(register.directory, terms, party, session.at)
    refusal = closed(expected)
    return (expected, None) if refusal is None else (None, refusal)


def _sort(
    session: Session, arrival: Arrival, agreement: str, raws: Sequence[bytes], quota: int
) -> tuple[list[Incoming], list[SetAside]]:
    """Tell what is taken in from what goes to the quarantine."""
    accepted: list[Incoming] = []
    aside: list[SetAside] = []
    judged = [judge(raw) for raw in raws]
    for one in judged:
        if one.incoming is None:
            why = "; ".join(each.message for each in reject(one))
            aside.append(SetAside(one.id or "", f"{Doubt.INVALID.value}: {why}", one.raw))
    valid = [one.incoming for one in judged if one.incoming is not None]
    expected, refusal = _expected(session, arrival.party, agreement)
    if expected is None:
        return [], [*aside, *(SetAside(one.id, str(refusal), one.raw) for one in valid)]
    survey, facts = _survey(session, [one.raw for one in valid])
    claimed = {one.id for one in facts if one.creator == expected.own}
    ours = session.find(claimed) if claimed else None
    for item, each in zip(valid, facts, strict=True):
        why_not = objection(each, survey.marking(each.marks), expected)
        if why_not is not None and why_not.doubt is Doubt.OURS and ours is not None and _is_same(ours, item):
            # Our own object, byte for byte, on its way back: there is nothing to take in, and nothing to fear.
            accepted.append(item)
        elif why_not is None and len(accepted) >= quota:
            over = Objection(Doubt.OVER_QUOTA, "The sender has sent more today than is taken in a day.")
            aside.append(SetAside(item.id, str(over), item.raw))
        elif why_not is None:
            accepted.append(item)
        else:
            aside.append(SetAside(item.id, str(why_not), item.raw))
    return accepted, aside


def _is_same(ours: HeldGraph, item: Incoming) -> bool:
    return item.id in ours.ids() and ours.digest(item.id) == hashlib.sha256(item.raw).digest()
