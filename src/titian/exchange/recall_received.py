"""What arrives about recalls: those of other parties, which this node answers, and answers to its own.

Nothing here destroys local work: what work of ours refers to, what we let out ourselves, and what another party gave
us too, is flagged, so that it goes to nobody, and a person decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from titian.core.collection import Kind
from titian.core.errors import InvalidInput, Refused
from titian.core.gate import Put, Session
from titian.core.ledger import Entry
from titian.core.ledger import Kind as LedgerKind
from titian.core.people import Actor
from titian.core.recall import (
    Policy,
    Recall,
    Received,
    ReceivedState,
    Recipient,
    Said,
    Standing,
    State,
)
from titian.core.recall_gate import Deliveries
from titian.core.recall_objects import (
    ANSWER,
    AnswerMessage,
    Response,
    later,
    message_id,
    read_answer,
    read_recall,
    write_answer,
)
from titian.core.survey import facts_of
from titian.exchange.proposing import fresh_id
from titian.exchange.recall_sent import affected, look, overview, revoke, take_back
from titian.exchange.release import incoming

_NAMED: Final = 3
_PASSED_ON: Final = "Who it came from has recalled it."
"""What those are told whom we gave it on to: the words of its sender are for us."""


def received(
    session: Session,
    deliveries: Deliveries,
    party: str,
    agreement: str,
    raw: bytes,
    policy: Policy = Policy.FLAG,
    *,
    identify: Callable[[], str] = fresh_id,
) -> str | None:
    """Take in a recall that a party sent under an agreement, and do what this node's policy says, in its transaction.

    What the party had sent before, and is held by now, is what it is about: what it sends later is not.

    :returns: why it does not count, or None when it does.
    """
    try:
        message = read_recall(raw)
    except InvalidInput as error:
        return str(error)
    if message.by != party:
        return f"This recall was created by {message.by}, and came from {party}."
    known = next((one for one in session.recalls.received() if one.id == message.id), None)
    if known is not None and known.message.by != party:
        return "A recall of another party has this identifier."
    if known is not None and message.version <= known.message.version:
        return None
    held = session.holders(message.objects)
    before = max([session.at, *(holder.added for some in held.values() for holder in some)])
    one = Received(message=message, via=agreement, arrived=before)
    if known is not None:
        one = msgspec.structs.replace(known, message=message, arrived=before)
    details = {"objects": len(message.objects), "reason": message.reason.value, "policy": policy.value}
    if message.withdrawn:
        session.record(party, "recall-withdrawn", one.id, message.why, {})
        _withdrawn(session, one)
        return None
    session.record(party, "recall-received", one.id, message.why, details)
    one = msgspec.structs.replace(one, state=ReceivedState.OPEN)
    session.recalls.keep_received(one)
    if policy is not Policy.KEEP:
        _do(session, deliveries, one, party, apply=policy is Policy.APPLY, force=False, why="", identify=identify)
    return None


def _withdrawn(session: Session, one: Received) -> None:
    """A party has withdrawn its recall: what it had flagged goes on as before, and so does what was passed on."""
    _lift(session, one)
    session.recalls.keep_received(msgspec.structs.replace(one, state=ReceivedState.WITHDRAWN, flagged=()))
    for recall in _derived(session, one):
        revoke(session, recall, "Who it came from has withdrawn the recall.")


def _derived(session: Session, one: Received) -> list[Recall]:
    return [recall for recall in session.recalls.sent({State.SENT}) if recall.derived_from == one.id]


def _lift(session: Session, one: Received) -> None:
    """Take away what a recall has flagged, but for what another one flags too."""
    flags = session.recalls.flags()
    lifted = {identifier for identifier in one.flagged if flags.get(identifier) == one.id}
    session.recalls.unflag(lifted)
    for other in session.recalls.received():
        if other.id != one.id and (again := lifted & set(other.flagged)):
            session.recalls.flag(again, other.id, session.at)


# ── what is done about one ────────────────────────────────────────────────────────────────────────────────


def _theirs(session: Session, one: Received) -> dict[str, list[int]]:
    """What a recall is about, of what is held from its sender: the collections by identifier."""
    found: dict[str, list[int]] = {}
    for identifier, holders in session.holders(one.message.objects).items():
        for holder in holders:
            whose = holder.collection.kind is Kind.RECEIVED and holder.collection.party == one.message.by
            if whose and holder.added <= one.arrived:
                found.setdefault(identifier, []).append(holder.collection.num)
    return found


def _touched(session: Session, one: Received, identifiers: Collection[str]) -> dict[str, str]:
    """Which of these objects local work touches, and how: a clause each."""
    found: dict[str, str] = {}
    wanted = set(identifiers)
    for identifier, holders in session.holders(wanted).items():
        for holder in holders:
            collection = holder.collection
            if collection.kind is Kind.OWN:
                found.setdefault(identifier, f"is in {collection.name} too")
            elif collection.party != one.message.by:
                found.setdefault(identifier, f"came from another party too, into {collection.name}")
    for collection in session.all_released(holding=wanted):
        if collection.party != one.message.by:
            for live in session.live(collection):
                if live.source in wanted:
                    found.setdefault(live.source, f"was released in {collection.name}")
    users = set(session.bearing(wanted)) - wanted if wanted - found.keys() else set()
    ours = {
        user: holder.collection.name
        for user, holders in session.holders(users).items()
        for holder in holders
        if holder.collection.kind is Kind.OWN
    }
    for held in session.find(ours):
        facts = facts_of(held)
        for name in wanted.intersection((*facts.refs, *facts.supports())):
            found.setdefault(name, f"is referred to by {held.id} in {ours[held.id]}")
    return found


def _do(
    session: Session,
    deliveries: Deliveries,
    one: Received,
    person: str,
    *,
    apply: bool,
    force: bool,
    why: str,
    identify: Callable[[], str] = fresh_id,
) -> Received:
    """Apply a recall, or flag what it is about; ask those in turn whom we gave it to; and answer."""
    theirs = _theirs(session, one)
    touched = {} if force or not apply else _touched(session, one, theirs)
    goes = [identifier for identifier in theirs if apply and identifier not in touched]
    passed_on = _pass_on(session, deliveries, one, list(theirs), person, identify)
    places: dict[int, list[str]] = {}
    for identifier in goes:
        for number in theirs[identifier]:
            places.setdefault(number, []).append(identifier)
    for number, some in places.items():
        session.replace(number, (), gone=sorted(some))
    stays = [identifier for identifier in theirs if identifier not in goes]
    # What is held otherwise still is kept apart as well: it is what was recalled.
    left = sorted({*stays, *session.holders(goes)})
    _lift(session, one)
    session.recalls.flag(left, one.id, session.at)
    response = Response.FLAGGED if stays else Response.APPLIED
    done = msgspec.structs.replace(
        one, state=ReceivedState(response.value), removed=tuple(sorted({*one.removed, *goes})), flagged=tuple(left),
        passed_on=passed_on, why=why,
    )  # fmt: skip
    return _answer(session, deliveries, done)


def _pass_on(
    session: Session,
    deliveries: Deliveries,
    one: Received,
    identifiers: Collection[str],
    person: str,
    identify: Callable[[], str],
) -> int:
    """Recall what we gave on from those whom we gave it to; to how many that was, at any time."""
    goes = [
        found
        for collection in (session.all_released(holding=identifiers) if identifiers else ())
        if collection.party != one.message.by and (found := affected(session, collection, identifiers)) is not None
    ]
    by = {found.collection.agreement or "" for found in goes}
    for agreement in sorted(by):
        recall = Recall(
            id=identify(), agreement=agreement, reason=one.message.reason, created=session.at, state=State.SENT,
            person=person, why=_PASSED_ON, deadline=one.message.deadline, asked=session.at, derived_from=one.id,
        )  # fmt: skip
        session.recalls.keep(recall)
        for found in goes:
            if found.collection.agreement == agreement:
                take_back(session, deliveries, recall, found)
        session.record(person, "recall", recall.id, recall.why, {"derived_from": one.id, "agreement": agreement})
    return len(_onward(session, deliveries, one))


def _onward(session: Session, deliveries: Deliveries, one: Received) -> dict[str, Standing]:
    """Whom we have asked in turn, and where each stands, by party."""
    return {
        recipient.party: recipient.standing
        for recall in _derived(session, one)
        for recipient in overview(session, deliveries, recall).recipients
        if recipient.standing is not Standing.NEVER_READ
    }


# ── answering ─────────────────────────────────────────────────────────────────────────────────────────────


def _answer(session: Session, deliveries: Deliveries, one: Received) -> Received:
    """Write the answer to a recall for its sender, as a further version where there was one.

    It needs no projection: it names nothing but identifiers that this very party sent, and how many others have been
    asked, not who.
    """
    at, message, directory = session.at, one.message, session.register().directory
    onward = _onward(session, deliveries, one)
    said = AnswerMessage(
        id=message_id(session.key(), ANSWER, message.id, message.by), by=directory.own, created=one.answered or at,
        version=later(one.version, at), recall=message.id, response=Response(one.state.value),
        why=_words(one, onward), passed_on=len(onward),
        objects=tuple(sorted(set(one.flagged) & set(message.objects))) if one.state is ReceivedState.FLAGGED else (),
    )  # fmt: skip
    raw = write_answer(said)
    known = one.via in directory.agreements and message.by in directory.parties
    if known:
        collection = session.open_released(one.via, message.by)
        session.put(collection, Put(items=[incoming(raw)], why=f"answer to {message.id}"))
        session.set_edge(collection, directory.next_edge(at))
    details = {"recall": message.id, "response": said.response.value, "passed_on": said.passed_on,
               "digest": hashlib.sha256(raw).hexdigest()}  # fmt: skip
    session.enter(
        one.via if known else None, Entry(kind=LedgerKind.ANSWER, at=at, party=message.by if known else None,
                                          details=details),
    )  # fmt: skip
    answered = msgspec.structs.replace(one, passed_on=len(onward), answered=one.answered or at, version=said.version)
    session.recalls.keep_received(answered)
    return answered


def _words(one: Received, onward: Mapping[str, Standing]) -> str:
    """What an answer says in words: the person's, then what was done, then what the others say."""
    words = [one.why] if one.why else []
    if one.state is ReceivedState.APPLIED:
        words.append(f"{len(one.removed):,} of {len(one.message.objects):,} were held, and are out.")
    elif one.state is ReceivedState.FLAGGED:
        kept = len(set(one.flagged) & set(one.message.objects))
        words.append(f"{len(one.removed):,} are out; {kept:,} go to nobody until a person decides.")
    if onward:
        counts: dict[str, int] = {}
        for where in onward.values():
            counts[where.value] = counts.get(where.value, 0) + 1
        words.append(
            f"Passed on to {len(onward):,}: {', '.join(f'{n:,} {word}' for word, n in sorted(counts.items()))}."
        )
    return " ".join(words)


def bequeath(session: Session, deliveries: Deliveries, recall: Recall) -> None:
    """Answer anew the recall that another one passes on, since a recipient of that has answered, or let it pass."""
    for one in session.recalls.received():
        if one.id == recall.derived_from and one.answered is not None and one.state is not ReceivedState.WITHDRAWN:
            _answer(session, deliveries, one)


def answer(
    session: Session,
    deliveries: Deliveries,
    actor: Actor,
    one: Received,
    response: Response,
    why: str,
    *,
    also_local_work: bool,
) -> Received:
    """Answer a recall as a person decides, in their transaction.

    :raises Refused: when work of ours stands in the way of applying it, when it was applied already, or withdrawn.
    """
    if one.state is ReceivedState.WITHDRAWN:
        raise Refused("Who sent this recall has withdrawn it.")
    if one.state is ReceivedState.APPLIED:
        raise Refused(f"It was applied: {len(one.removed):,} objects are out.")
    session.record(actor.id, "answer-recall", one.id, why, {"response": response.value, "forced": also_local_work})
    if response is Response.REFUSED:
        _lift(session, one)
        return _answer(
            session, deliveries,
            msgspec.structs.replace(one, state=ReceivedState.REFUSED, flagged=(), why=why),
        )  # fmt: skip
    if response is Response.APPLIED and not also_local_work:
        touched = _touched(session, one, _theirs(session, one))
        if touched:
            shown = "; ".join(f"{name} {how}" for name, how in sorted(touched.items())[:_NAMED])
            more = f"; and {len(touched) - _NAMED:,} more" if len(touched) > _NAMED else ""
            raise Refused(
                f"Work of ours stands in the way: {shown}{more}.",
                advice="Change that first, or give --also-local-work: what came from this party goes, our own stays.",
            )
    apply = response is Response.APPLIED
    return _do(session, deliveries, one, actor.id, apply=apply, force=also_local_work, why=why)


# ── answers to our own ────────────────────────────────────────────────────────────────────────────────────


def answered(session: Session, deliveries: Deliveries, party: str, raw: bytes) -> str | None:
    """Take in an answer that a party sent to a recall of ours, in its transaction.

    :returns: why it does not count, or None when it does.
    """
    try:
        message = read_answer(raw)
    except InvalidInput as error:
        return str(error)
    if message.by != party:
        return f"This answer was created by {message.by}, and came from {party}."
    found = next((one for one in session.recalls.told(party) if one[1].message == message.recall), None)
    if found is None or not found[1].told:
        return "This party was sent no such recall."
    ident, recipient = found
    if not set(message.objects) <= set(recipient.told):
        return "It is about objects that the recall does not name."
    before = recipient.answer
    if before is not None and message.version <= before.version:
        return None
    said = Said(session.at, message.version, message.response, message.why, message.passed_on, message.objects)
    _take(session, deliveries, ident, recipient, said)
    details = {"recall": message.recall, "response": message.response.value, "passed_on": message.passed_on,
               "digest": hashlib.sha256(raw).hexdigest()}  # fmt: skip
    agreement = next(one.agreement for one in session.recalls.sent() if one.id == ident)
    session.enter(agreement, Entry(kind=LedgerKind.ANSWER, at=session.at, party=party, details=details))
    session.record(party, "recall-answered", ident, message.why, {"response": message.response.value})
    return None


def _take(session: Session, deliveries: Deliveries, ident: str, recipient: Recipient, said: Said) -> None:
    recall = next(one for one in session.recalls.sent() if one.id == ident)
    recipient = msgspec.structs.replace(recipient, answers=(*recipient.answers, said))
    session.recalls.keep_recipient(ident, look(session, deliveries, recall, recipient))
    if recall.derived_from is not None:
        bequeath(session, deliveries, recall)
