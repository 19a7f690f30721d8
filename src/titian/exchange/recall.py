"""Recall: take back what was released, ask for it, and follow who gave it back. One person may do it, quickly.

A recalled object does not go to that party again under that agreement, but in a later version, or when the recall is
withdrawn (:func:`titian.core.recall.barred`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused
from titian.core.gate import Gate, Session
from titian.core.people import Actor, Permission
from titian.core.recall import (
    ANSWERED,
    Recall,
    Received,
    ReceivedState,
    Recipient,
    Standing,
    State,
)
from titian.core.recall_gate import Deliveries
from titian.core.recall_objects import Reason, Response
from titian.exchange.choose import choose
from titian.exchange.proposing import fresh_id
from titian.exchange.recall_received import answer, bequeath
from titian.exchange.recall_sent import (
    Affected,
    Overview,
    affected,
    look,
    overview,
    revoke,
    take_back,
    tell,
    untold,
)

_SETTLED: Final = frozenset({Standing.APPLIED, Standing.NEVER_READ})
_LATE: Final = 86_400 * 1_000_000
"""How long after a recall a delivery from before it can still be recorded, in microseconds: amply."""
_LIST: Final = "`titian recalls --all` lists them."


class Overdue(msgspec.Struct, frozen=True):
    """A party that has let the deadline of a recall pass without an answer."""

    recall: Recall
    party: str


class Recalls:
    """The verbs of recall. ``identify`` makes identifiers of recalls."""

    def __init__(self, gate: Gate, deliveries: Deliveries, identify: Callable[[], str] = fresh_id) -> None:
        self._gate = gate
        self._deliveries = deliveries
        self._identify = identify

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    def recall(
        self,
        actor: Actor,
        references: Sequence[str],
        *,
        reason: Reason,
        deadline: int,
        agreement: str | None = None,
        parties: Sequence[str] | None = None,
        why: str = "",
        replaced_by: Sequence[str] = (),
    ) -> list[Overview]:
        """Take objects out of all that was released of them, and ask who was handed them to give them back.

        :param references: identifiers, ``query:NAME``, reports with what they refer to.
        :param deadline: by when an answer is asked for, in microseconds since the Unix epoch.
        :param agreement: and ``parties``: only what was released so.
        :param why: as the recipients will read it.
        :param replaced_by: what stands in its place, named to who is served that.
        :returns: a recall for each agreement.
        :raises Refused: when nobody is served any of it.
        """
        _allow(actor)
        with self._gate.writing() as session:
            _in_future(deadline, session.at)
            register = session.register()
            under = None if agreement is None else register.agreement(agreement).id
            only = {register.party(one).id for one in parties or ()}
            self._require_held(session, replaced_by)
            chosen = choose(session, references)
            found: dict[str, list[Affected]] = {}
            for collection in session.all_released(holding={*chosen.ids, *chosen.followed}):
                if (under is None or collection.agreement == under) and (not only or collection.party in only):
                    goes = affected(session, collection, set(chosen.ids), set(chosen.followed))
                    if goes is not None and collection.agreement is not None:
                        found.setdefault(collection.agreement, []).append(goes)
            if not found:
                raise Refused(
                    "Nobody is served any of this.",
                    advice="`titian recalls` shows what was proposed for what is served no more; "
                    "`titian recalls send` sends it.",
                )
            made = []
            for where in sorted(found):
                recall = Recall(
                    id=self._identify(), agreement=where, reason=reason, created=session.at, state=State.SENT,
                    person=actor.id, why=why, deadline=deadline, asked=session.at, replaced_by=tuple(replaced_by),
                )  # fmt: skip
                session.recalls.keep(recall)
                recipients = tuple(take_back(session, self._deliveries, recall, goes) for goes in found[where])
                made.append(Overview(recall, recipients))
                details = {"agreement": where, "reason": reason.value, "objects": made[-1].objects,
                           "parties": [one.party for one in recipients]}  # fmt: skip
                session.record(actor.id, "recall", recall.id, why, details)
            return made

    @staticmethod
    def _require_held(session: Session, identifiers: Sequence[str]) -> None:
        missing = sorted(set(identifiers) - set(session.find(identifiers).ids())) if identifiers else []
        if missing:
            raise NotFound(f"Nothing is held as {missing[0]}, which is to replace it.")

    def send(self, actor: Actor, reference: str, deadline: int, why: str = "") -> Overview:
        """Send a recall that was proposed: its objects are out already.

        :raises Refused: when nobody was handed any of them, or it is not a proposal.
        """
        _allow(actor)
        with self._gate.writing() as session:
            _in_future(deadline, session.at)
            proposed = _proposed(session, reference)
            recall = msgspec.structs.replace(
                proposed, state=State.SENT, deadline=deadline, asked=session.at, person=actor.id,
                why=why or proposed.why,
            )  # fmt: skip
            recipients = session.recalls.recipients(recall.id)
            if not any(untold(session, self._deliveries, one) for one in recipients):
                raise Refused("Nobody was handed any of it: there is nothing to give back.",
                              advice="`titian recalls dismiss` takes it off the list.")  # fmt: skip
            session.recalls.keep(recall)
            told = tuple(tell(session, self._deliveries, recall, one) for one in recipients)
            session.record(
                actor.id,
                "recall",
                recall.id,
                recall.why,
                {
                    "agreement": recall.agreement,
                    "reason": recall.reason.value,
                    "proposed": True,
                    "parties": [one.party for one in told],
                },
            )
            return Overview(recall, told)

    def dismiss(self, actor: Actor, reference: str, why: str) -> Recall:
        """Take a recall that was proposed off the list, with a reason: nobody is asked anything."""
        _allow(actor)
        _said(why, "dismissed")
        with self._gate.writing() as session:
            dismissed = msgspec.structs.replace(_proposed(session, reference), state=State.DISMISSED, ended=why)
            session.recalls.keep(dismissed)
            session.record(actor.id, "dismiss-recall", dismissed.id, why, {})
            return dismissed

    def withdraw(self, actor: Actor, reference: str, why: str) -> Overview:
        """Withdraw a recall that was sent: its objects may be released again, and the recipients are told."""
        _allow(actor)
        _said(why, "withdrawn")
        with self._gate.writing() as session:
            found = _found(session, reference)
            if not isinstance(found, Recall) or found.state is not State.SENT:
                raise Refused(f"{reference} is no recall that this node has sent.", advice=_LIST)
            withdrawn = revoke(session, found, why)
            session.record(actor.id, "withdraw-recall", found.id, why, {})
            return overview(session, self._deliveries, withdrawn)

    # ── answering ─────────────────────────────────────────────────────────────────────────────────────────

    def answer(
        self, actor: Actor, reference: str, response: Response, why: str = "", *, also_local_work: bool = False
    ) -> Received:
        """Answer a recall that another party sent, or answer it anew.

        :param also_local_work: take out what the party sent even where work of ours refers to it. That work stays.
        :raises Refused: when work of ours stands in the way, or it was applied already.
        """
        _allow(actor)
        if response is Response.REFUSED:
            _said(why, "refused")
        with self._gate.writing() as session:
            found = _found(session, reference)
            if not isinstance(found, Received):
                raise Refused(f"{found.id} is this node's own recall: its recipients answer it.", advice=_LIST)
            return answer(session, self._deliveries, actor, found, response, why, also_local_work=also_local_work)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────

    def sent(self, *, everything: bool = False) -> list[Overview]:
        """This node's own recalls of which something is left to come or to do, or every one, oldest first."""
        with self._gate.reading() as session:
            states = None if everything else {State.PROPOSED, State.SENT}
            found = [overview(session, self._deliveries, one) for one in session.recalls.sent(states)]
        return [one for one in found if everything or any(each.standing not in _SETTLED for each in one.recipients)]

    def received(self, *, everything: bool = False) -> list[Received]:
        """Recalls of others that wait for a person here, or every one, oldest first."""
        with self._gate.reading() as session:
            return session.recalls.received(None if everything else {ReceivedState.OPEN, ReceivedState.FLAGGED})

    def find(self, reference: str) -> Overview | Received:
        """One recall, by its identifier or the beginning of it. Raises :class:`NotFound`, also for several."""
        with self._gate.reading() as session:
            found = _found(session, reference)
            return overview(session, self._deliveries, found) if isinstance(found, Recall) else found

    def tick(self) -> list[Overdue]:
        """Write down where recipients stand by now, and tell of a recall who turns out to have read what it is about.

        :returns: who has become overdue since this was last done.
        """
        with self._gate.reading() as session:
            if not any(self._moved(session, recall, one) for recall, one in _unanswered(session)):
                return []
        found = []
        with self._gate.writing() as session:
            for recall, one in _unanswered(session):
                if self._moved(session, recall, one):
                    now = tell(session, self._deliveries, recall, one)
                    if now.standing is Standing.OVERDUE and one.standing is not Standing.OVERDUE:
                        found.append(Overdue(recall, one.party))
                    if now.standing is not one.standing and recall.derived_from is not None:
                        bequeath(session, self._deliveries, recall)
        return found

    def _moved(self, session: Session, recall: Recall, one: Recipient) -> bool:
        now = look(session, self._deliveries, recall, one)
        return now.standing is not one.standing or bool(untold(session, self._deliveries, one))


def _unanswered(session: Session) -> list[tuple[Recall, Recipient]]:
    """Recipients of whom something may have become known."""
    return [
        (recall, one)
        for recall in session.recalls.sent({State.SENT})
        for one in session.recalls.recipients(recall.id)
        if one.standing not in ANSWERED
        and (one.standing in (Standing.WAITING, Standing.SILENT) or session.at < (recall.asked or 0) + _LATE)
    ]


def _allow(actor: Actor) -> None:
    if not actor.may(Permission.REQUEST_RELEASE):
        raise Forbidden(f"{actor.name} may not {Permission.REQUEST_RELEASE.value}, and so not recall.",
                        advice="`titian people list` shows who may.")  # fmt: skip


def _in_future(deadline: int, at: int) -> None:
    if deadline <= at:
        raise InvalidInput("The deadline of a recall is over already.", advice="Give a later --deadline.")


def _said(why: str, what: str) -> None:
    if not why.strip():
        raise InvalidInput(f"A recall is {what} with a reason.", advice="Give --why.")


def _proposed(session: Session, reference: str) -> Recall:
    found = _found(session, reference)
    if not isinstance(found, Recall) or found.state is not State.PROPOSED:
        raise Refused(f"{reference} is no recall that was proposed.", advice=_LIST)
    return found


def _found(session: Session, reference: str) -> Recall | Received:
    """One recall, ours or another's. Raises :class:`NotFound`, also for several."""
    every: Collection[Recall | Received] = [*session.recalls.sent(), *session.recalls.received()]
    exact = [one for one in every if one.id == reference]
    begun = exact or [
        one
        for one in every
        if reference and (one.id.startswith(reference) or one.id.partition("--")[2].startswith(reference))
    ]
    if len(begun) == 1:
        return begun[0]
    raise NotFound(
        f"{len(begun):,} recalls begin with {reference!r}." if begun else f"There is no recall {reference!r}.",
        advice=_LIST,
    )
