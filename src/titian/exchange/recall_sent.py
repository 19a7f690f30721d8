"""What a recall does on the side of who makes it, in one transaction: take out, tell each recipient, look where they
stand.

Objects are gone from what a party is served before the recall that names them is in it. Only what a party was handed
is named to it: an identifier can tell a value (law 5), and what nobody was handed needs nobody to give it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

import msgspec

from titian.core.collection import Collection as HeldCollection
from titian.core.gate import Put, Session
from titian.core.ledger import Entry, Kind
from titian.core.recall import (
    Recall,
    Recipient,
    State,
    Taken,
    handed,
    standing,
)
from titian.core.recall_gate import Deliveries
from titian.core.recall_objects import MESSAGES, RECALL, RecallMessage, later, message_id, write_recall
from titian.core.survey import VOCABULARY, Held, facts_of
from titian.exchange.proposing import limits_of
from titian.exchange.release import incoming


class Overview(msgspec.Struct, frozen=True):
    """A recall of this node's own, and where each recipient stands now."""

    recall: Recall
    recipients: tuple[Recipient, ...]

    @property
    def objects(self) -> int:
        """How many objects were taken back, each counted once however many parties had it."""
        return len({one.source for recipient in self.recipients for one in recipient.taken})


# ── what goes ─────────────────────────────────────────────────────────────────────────────────────────────


class Affected(msgspec.Struct, frozen=True):
    """What goes out of one collection: the objects that are recalled, and definitions that nothing else needs."""

    collection: HeldCollection
    taken: tuple[Taken, ...]
    idle: tuple[str, ...]


def affected(
    session: Session, collection: HeldCollection, chosen: Collection[str], followed: Collection[str] = ()
) -> Affected | None:
    """Find what a recall takes out of a collection, or nothing.

    That is what was made from the ``chosen`` objects; what was made from those that a chosen report led to, unless
    something that stays refers to it; and whatever refers to any of these, in any version, and so tells of it.
    """
    live = {one.shown: one for one in session.live(collection) if not one.shown.startswith(MESSAGES)}
    own = session.register().directory.own
    gone = {one.shown for one in live.values() if one.source in chosen and one.source != own}
    if not gone:
        return None
    wanted = set(gone)
    _spread(session, collection, gone)
    along = {one.shown for one in live.values() if one.source in followed and one.source != own} - gone
    if along:
        further = along - _needed(session, collection, along, gone)
        wanted |= further
        gone |= further
        _spread(session, collection, gone)
    limits = limits_of(session, [live[shown] for shown in gone if shown in live])
    places = session.places(collection, gone)
    taken = [
        Taken(one.shown, one.source, limits.get(one.source), places.get(one.shown, ()), one.shown in wanted)
        for one in live.values()
        if one.shown in gone
    ]
    return Affected(collection, tuple(taken), tuple(sorted(_idle(session, collection, gone, live.keys()))))


def _users(session: Session, collection: HeldCollection, names: Collection[str]) -> Iterator[tuple[str, set[str]]]:
    """Yield what refers to any of these, in any version, and which of them it names."""
    wanted = set(names)
    for raw in session.naming(collection, names) if names else ():
        facts = facts_of(Held("", raw))
        named = wanted.intersection((*facts.refs, *facts.supports())) - {facts.id}
        if named and not facts.id.startswith(MESSAGES):
            yield facts.id, named


def _spread(session: Session, collection: HeldCollection, gone: set[str]) -> None:
    """Add everything that refers to what is gone, and what refers to that."""
    new: Collection[str] = set(gone)
    while new:
        new = {user for user, _ in _users(session, collection, new)} - gone
        gone |= new


def _needed(session: Session, collection: HeldCollection, along: Collection[str], gone: Collection[str]) -> set[str]:
    """Which of what a report led to is referred to by something that stays, or by another such."""
    needed: set[str] = set()
    inside: dict[str, set[str]] = {}
    for user, named in _users(session, collection, along):
        if user in along:
            inside.setdefault(user, set()).update(named)
        elif user not in gone:
            needed |= named
    waiting = list(needed)
    while waiting:
        further = inside.get(waiting.pop(), set()) - needed
        needed |= further
        waiting += further
    return needed


def _idle(session: Session, collection: HeldCollection, gone: Collection[str], live: Collection[str]) -> set[str]:
    """Marking and extension definitions that only what is gone names: they would tell of it."""
    named: set[str] = set()
    for raw in session.served(collection, gone):
        facts = facts_of(Held("", raw))
        named.update((*facts.refs, *facts.supports()))
    idle = {one for one in named if one.startswith(VOCABULARY) and one in live} - set(gone)
    return idle - {one for user, names in _users(session, collection, idle) if user not in gone for one in names}


# ── asking for it ─────────────────────────────────────────────────────────────────────────────────────────


def take_back(session: Session, deliveries: Deliveries, recall: Recall, found: Affected) -> Recipient:
    """Take what a recall is about out of a collection, and tell the party that reads it; returns it as recipient."""
    gone = [*(one.shown for one in found.taken), *found.idle]
    session.put(found.collection, Put(gone=gone, why=f"recall {recall.id}"))
    party = found.collection.party or ""
    recipient = Recipient(
        party=party, collection=found.collection.id, taken=found.taken,
        message=message_id(session.key(), RECALL, recall.id, party),
    )  # fmt: skip
    return tell(session, deliveries, recall, recipient)


def tell(session: Session, deliveries: Deliveries, recall: Recall, recipient: Recipient) -> Recipient:
    """Tell a recipient of what it was handed and has not been told of, and write down where it stands.

    What it was never handed is not named. A delivery can be recorded late, so this is done again for a while
    (:meth:`titian.exchange.recall.Recalls.tick`).
    """
    new = untold(session, deliveries, recipient)
    collection = _collection(session, recipient.collection)
    if new and collection is not None:
        recipient = msgspec.structs.replace(recipient, told=(*recipient.told, *new))
        recipient = _write(session, recall, recipient, collection)
    elif not recipient.told and recall.asked == session.at:
        # Nobody outside may know what was there to be read.
        details = {"recall": recall.id, "reason": recall.reason.value, "count": len(recipient.taken)}
        session.enter(recall.agreement, Entry(kind=Kind.RECALL, at=session.at, details=details))
    recipient = look(session, deliveries, recall, recipient)
    session.recalls.keep_recipient(recall.id, recipient)
    return recipient


def untold(session: Session, deliveries: Deliveries, recipient: Recipient) -> tuple[str, ...]:
    """Return what a recipient was handed and has not been told of. What is served again by now is a later version,
    which takes the place of what they have."""
    got = handed(recipient, deliveries.delivered(session, recipient.collection, recipient.party, _places(recipient)))
    new = [one.shown for one in got if one.shown not in recipient.told]
    collection = _collection(session, recipient.collection) if new else None
    again = {} if collection is None else session.places(collection, new)
    return tuple(one for one in new if one not in again)


def _places(recipient: Recipient) -> list[int]:
    return sorted({place for one in recipient.taken for place in one.added})


def _collection(session: Session, identifier: str) -> HeldCollection | None:
    return next((one for one in session.all_released() if one.id == identifier), None)


def _open(session: Session, collection: HeldCollection) -> HeldCollection:
    """A collection in which its party can read a message: itself, or another one while it is closed."""
    if collection.is_open(session.at):
        return collection
    others = (one for one in session.all_released() if one.party == collection.party and one.is_open(session.at))
    return next(others, collection)


def _write(
    session: Session, recall: Recall, recipient: Recipient, collection: HeldCollection, *, withdrawn: bool = False
) -> Recipient:
    """Put the recall as a recipient is told of it, as a further version where there was one, where they can read it.

    It needs no projection: it names only what that very party was handed, by the names that it knows.
    """
    channel = _open(session, collection)
    if recipient.channel not in (None, channel.id) and (before := _collection(session, recipient.channel or "")):
        session.put(before, Put(gone=[recipient.message], why=f"recall {recall.id} goes on elsewhere"))
    replaced = session.shown(collection, recall.replaced_by, ()).outside
    created = recall.asked or session.at
    message = RecallMessage(
        id=recipient.message, by=session.register().directory.own, created=created,
        version=later(recipient.version, session.at), objects=recipient.told, agreement=recall.agreement,
        reason=recall.reason, deadline=recall.deadline or session.at, why=recall.why, withdrawn=withdrawn,
        replaced_by=tuple(replaced[one] for one in recall.replaced_by if one in replaced),
    )  # fmt: skip
    raw = write_recall(message)
    session.put(channel, Put(items=[incoming(raw)], why=f"recall {recall.id}"))
    details = {
        "recall": message.id, "reason": message.reason.value, "deadline": message.deadline, "withdrawn": withdrawn,
        "count": len(message.objects), "digest": hashlib.sha256(raw).hexdigest(),
    }  # fmt: skip
    session.enter(recall.agreement, Entry(kind=Kind.RECALL, at=session.at, party=recipient.party, details=details))
    places = session.places(channel, [message.id]).get(message.id, ())
    return msgspec.structs.replace(
        recipient, channel=channel.id, places=places[-1:], version=message.version // 1000 * 1000
    )


def look(session: Session, deliveries: Deliveries, recall: Recall, recipient: Recipient) -> Recipient:
    """Return a recipient as it stands now."""

    def handed_any(collection: str | None, places: Collection[int]) -> bool:
        return collection is not None and bool(
            deliveries.delivered(session, collection, recipient.party, places) if places else ()
        )

    now = standing(
        recipient, recall.deadline, session.at,
        read=bool(recipient.told) or handed_any(recipient.collection, _places(recipient)),
        told=handed_any(recipient.channel, recipient.places),
        speaks=deliveries.speaks(session, recipient.party),
    )  # fmt: skip
    return recipient if now is recipient.standing else msgspec.structs.replace(recipient, standing=now)


def overview(session: Session, deliveries: Deliveries, recall: Recall) -> Overview:
    """Return a recall with its recipients as they stand now."""
    recipients = session.recalls.recipients(recall.id)
    return Overview(recall, tuple(look(session, deliveries, recall, one) for one in recipients))


def revoke(session: Session, recall: Recall, why: str) -> Recall:
    """Withdraw a recall: who was told of it is told that it asks for nothing any more, and its objects may go again."""
    withdrawn = msgspec.structs.replace(recall, state=State.WITHDRAWN, ended=why)
    session.recalls.keep(withdrawn)
    for recipient in session.recalls.recipients(recall.id):
        collection = _collection(session, recipient.collection)
        if recipient.told and collection is not None:
            session.recalls.keep_recipient(recall.id, _write(session, recall, recipient, collection, withdrawn=True))
    return withdrawn
