"""Recalls that follow from a change: what narrows an agreement takes back is proposed, and a person sends it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from titian.core.collection import Collection as HeldCollection
from titian.core.gate import Live, Session
from titian.core.recall import Recall, Recipient, Standing, State, Taken
from titian.core.recall_objects import MESSAGES, RECALL, Reason, message_id
from titian.core.stix import Timestamp
from titian.core.survey import VOCABULARY, facts_of

CLOCK: Final = "clock"
"""Who acts where only time has passed."""


def fresh_id() -> str:
    """An identifier for a recall."""
    return str(uuid.uuid4())


def propose(
    session: Session,
    collection: HeldCollection,
    going: Sequence[Live],
    reason: Reason,
    why: str = "",
    *,
    identify: Callable[[], str] = fresh_id,
) -> Recall | None:
    """Note that what a change takes out of a collection could be recalled from its party, before it goes.

    A person sends it, or dismisses it. What follows from changes of one agreement for one reason is one proposal.
    Whether the party was handed any of it is not asked here: that is known only when somebody looks.

    :param going: what is about to go, as :meth:`titian.core.gate.Session.live` gives it.
    """
    going = [one for one in going if not one.shown.startswith((*MESSAGES, *VOCABULARY))]
    if not going or collection.agreement is None or collection.party is None:
        return None
    agreement, party = collection.agreement, collection.party
    waiting = [
        one for one in session.recalls.sent({State.PROPOSED}) if (one.agreement, one.reason) == (agreement, reason)
    ]
    recall = waiting[0] if waiting else Recall(
        id=identify(), agreement=agreement, reason=reason, created=session.at, state=State.PROPOSED, person=CLOCK,
        why=why,
    )  # fmt: skip
    places, limits = session.places(collection, {one.shown for one in going}), limits_of(session, going)
    taken = {
        one.shown: Taken(one.shown, one.source, limits.get(one.source), places.get(one.shown, ())) for one in going
    }
    for before in session.recalls.recipients(recall.id):
        if before.party == party:
            for one in before.taken:
                now = taken.get(one.shown, one)
                taken[one.shown] = msgspec.structs.replace(now, added=tuple(sorted({*one.added, *now.added})))
    session.recalls.keep(recall)
    session.recalls.keep_recipient(recall.id, Recipient(
        party=party, collection=collection.id, taken=tuple(taken.values()), standing=Standing.NEVER_READ,
        message=message_id(session.key(), RECALL, recall.id, party),
    ))  # fmt: skip
    return recall


def limits_of(session: Session, live: Sequence[Live]) -> dict[str, int | None]:
    """Up to which version of each source it may not go again. What was released before a later version came in is
    recalled up to the version before that one: the later one may be the correction."""
    graph = session.find(one.source for one in live)
    versions = {held.id: facts_of(held).version for held in graph.read({one.source for one in live})}
    limits: dict[str, int | None] = {}
    for one in live:
        text = versions.get(one.source)
        if text is not None:
            current = graph.digest(one.source) == one.origin
            limits[one.source] = Timestamp.parse(text).micros - (0 if current else 1)
    return limits
