"""Where a referral stands: computed from the referral and the answers that are held, and so the same on both sides.

Only the party asked answers for itself. What anybody else says of a referral, what cannot follow what was said before,
and what comes after it was withdrawn is set aside with the reason, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from titian.core.errors import InvalidInput
from titian.core.referral import LONGEST, Referral, ReferralAnswer, State, Step, apply_answer, is_overdue
from titian.core.stix.extension_sdo import next_states


class Told(msgspec.Struct, frozen=True):
    """An answer as it is held: ``sender`` is the party that it came from, None where this node's own party gave it;
    ``referral`` is what it answers as it is called here, where the party knows it under another identifier."""

    answer: ReferralAnswer
    sender: str | None
    referral: str


class Aside(msgspec.Struct, frozen=True):
    """An answer that does not count, who sent it (None: this node), and why it does not."""

    answer: ReferralAnswer
    sender: str | None
    why: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a referral stands. ``referral`` is as its maker last wrote it, ``now`` with the answers that count since.

    ``answers`` are those that count, oldest first; ``aside`` those that do not. ``unheard`` are steps that the maker
    writes down as the platform's, without an answer that says so.
    """

    referral: Referral
    now: Referral
    answers: tuple[ReferralAnswer, ...] = ()
    aside: tuple[Aside, ...] = ()
    unheard: tuple[Step, ...] = ()

    @property
    def state(self) -> State:
        """What it has come to."""
        return self.now.state

    def overdue(self, at: int) -> bool:
        """Whether an answer is owed and its deadline has passed. An appeal that the platform's own user has made has
        no deadline: the maker's was for something else."""
        return is_overdue(self.now, at) and self.now.history[-1].by != self.now.addressed


def standing(referral: Referral, told: Iterable[Told], *, own: str, at: int) -> Standing:
    """Return where a referral stands.

    :param told: answers, whoever gave them; those to other referrals do not matter.
    :param own: the party of this node, which gave those without a sender.
    :param at: now, in microseconds: an answer that is dated later counts as of now.
    """
    now, counted, aside = referral, list[ReferralAnswer](), list[Aside]()
    # Up to where the history is told by answers that were looked at. That it was sent needs none.
    written = 1
    for one in sorted(told, key=lambda each: (each.answer.version, each.answer.id)):
        if one.referral != referral.id:
            continue
        answer = msgspec.structs.replace(one.answer, referral=referral.id)
        why = _objection(referral, answer, one.sender or own) or _untimely(referral, answer, written)
        place = _next_step(referral, written)
        if why is None and place is not None and _is_said(referral.history[place], answer):
            # The maker has written it down already.
            written = place + 1
        elif why is None:
            before = now
            try:
                now = apply_answer(now, answer, at=min(answer.version, at))
            except InvalidInput as error:
                why = str(error)
            else:
                why = "It says again what was said before." if now is before else None
        if why is None:
            counted.append(answer)
        else:
            aside.append(Aside(answer, one.sender, why))
    unheard = tuple(step for step in referral.history[written:] if step.by == referral.addressed)
    return Standing(referral=referral, now=now, answers=tuple(counted), aside=tuple(aside), unheard=unheard)


def _next_step(referral: Referral, written: int) -> int | None:
    """Where the history next tells an answer of the platform."""
    places = range(written, len(referral.history))
    return next((place for place in places if referral.history[place].by == referral.addressed), None)


def _untimely(referral: Referral, answer: ReferralAnswer, written: int) -> str | None:
    """Why an answer from before the maker's last word was none when it was given: it decides no appeal either."""
    until = written
    while until < len(referral.history):
        step = referral.history[until]
        if step.by == referral.addressed or step.at > answer.version:
            break
        until += 1
    past = [step.state.value for step in referral.history[:until]]
    if until == len(referral.history) or answer.response.value in next_states(past):
        return None
    return f"What was {past[-1]} when it was given could not be {answer.response.value}."


def _objection(referral: Referral, answer: ReferralAnswer, sender: str) -> str | None:
    if answer.by != referral.addressed:
        return "It is not from the party that was asked."
    if sender != answer.by:
        return "Another party passed it on: the party that was asked answers for itself."
    return None


def _is_said(step: Step, answer: ReferralAnswer) -> bool:
    # Reasons are written down as far as a step has room for them.
    return step.state is answer.response and answer.reason.strip()[:LONGEST] == step.reason
