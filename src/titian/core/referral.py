"""Referrals: a platform is asked to look at content, and what came of it, as values and as STIX objects.

A referral belongs to the party that makes it, which alone writes its versions (STIX 2.1 section 3.6). The platform
answers with an object of its own, as with a recall, and the answer is applied here. What is decided apart is referred
apart: one referral is about one thing. Each state says when, by whom, and why where a reason is owed: what is kept,
appealed against, reinstated. The transitions: :mod:`titian.core.stix.extension_sdo`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from titian.core.collection import timestamp
from titian.core.errors import InvalidInput
from titian.core.stix import examine, new_id
from titian.core.stix.extension_sdo import REASONED, ReferralAnswerShape, ReferralShape, next_states
from titian.core.stix.schema import DECLARED_BY

T = TypeVar("T", ReferralShape, ReferralAnswerShape)
REFERRAL: Final = "referral"
REFERRAL_ANSWER: Final = "referral-answer"
_MILLISECOND: Final = 1000
LONGEST: Final = 2000
"""Characters of a reason, and of what a referral says."""


class State(StrEnum):
    """What a referral has come to."""

    SENT = "sent"
    REMOVED = "removed"
    KEPT = "kept"
    """The platform looked at it and leaves it, for the reason that it gives."""
    APPEALED = "appealed"
    """Somebody asks to decide again: the user whose content was removed, or who referred what was kept."""
    REINSTATED = "reinstated"


class Designation(msgspec.Struct, frozen=True, kw_only=True):
    """Why content is unlawful: ``source`` is ``list``, ``law``, ``court``, ``agency`` or another such word; ``name``
    what it is called; ``reference`` the entry or the number in it."""

    source: str
    name: str
    reference: str | None = None
    country: str | None = None
    url: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A state that a referral came to, ``at`` in microseconds since the Unix epoch, ``by`` which party."""

    state: State
    at: int
    by: str | None = None
    reason: str = ""


class Referral(msgspec.Struct, frozen=True, kw_only=True):
    """A referral. ``version`` (its ``modified``) and ``deadline`` are microseconds since the Unix epoch; one that is
    ``withdrawn`` asks for nothing any more."""

    id: str
    by: str
    addressed: str
    contents: tuple[str, ...]
    designations: tuple[Designation, ...]
    legal_basis: tuple[str, ...]
    history: tuple[Step, ...]
    created: int
    version: int
    deadline: int | None = None
    name: str = ""
    why: str = ""
    marks: tuple[str, ...] = ()
    withdrawn: bool = False

    @property
    def state(self) -> State:
        """What it has come to."""
        return self.history[-1].state

    @property
    def waits(self) -> bool:
        """Whether the platform owes an answer."""
        return not self.withdrawn and self.state in (State.SENT, State.APPEALED)


class ReferralAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform says about a referral. ``version`` is its ``modified``, in microseconds."""

    id: str
    by: str
    referral: str
    response: State
    reason: str = ""
    created: int
    version: int
    marks: tuple[str, ...] = ()


def may_become(referral: Referral) -> frozenset[State]:
    """Return the states that a referral may come to next; none for one that was withdrawn."""
    if referral.withdrawn:
        return frozenset()
    return frozenset(State(one) for one in next_states([step.state.value for step in referral.history]))


def refer(
    contents: Iterable[str],
    *,
    by: str,
    addressed: str,
    designations: Iterable[Designation],
    legal_basis: Iterable[str],
    at: int,
    deadline: int | None = None,
    name: str = "",
    why: str = "",
    marks: Iterable[str] = (),
    random: Callable[[int], bytes] = os.urandom,
) -> Referral:
    """Return a new referral that is being sent.

    :param contents: the identifiers of the observables that tell the one thing that it is about.
    :param by: the party that refers it; ``addressed``: the platform, by its identity.
    :param at: now, and ``deadline`` by when an answer is asked for, in microseconds since the Unix epoch.
    :raises InvalidInput: without content, designation or legal basis, or with a deadline that has passed.
    """
    made = Referral(
        id=new_id(REFERRAL, random=random), by=by, addressed=addressed, contents=tuple(dict.fromkeys(contents)),
        designations=tuple(designations), legal_basis=tuple(one.strip() for one in legal_basis if one.strip()),
        history=(Step(state=State.SENT, at=_whole(at), by=by),), created=_whole(at), version=_whole(at),
        deadline=deadline if deadline is None else _whole(deadline), name=name, why=why[:LONGEST], marks=tuple(marks),
    )  # fmt: skip
    if not made.contents:
        raise InvalidInput("A referral names no content.", advice="Give the address, the account or the hash.")
    if not made.designations:
        raise InvalidInput("A referral names no designation.",
                           advice="Say which list, law or court calls it unlawful.")  # fmt: skip
    if not made.legal_basis:
        raise InvalidInput("A referral names no legal basis.", advice="Say under which law the platform is asked.")
    if deadline is not None and deadline <= at:
        raise InvalidInput("The deadline of a referral has passed when it is sent.", advice="Give a later one.")
    read_referral(write_referral(made))
    return made


def move(
    referral: Referral, state: State, *, at: int, by: str, reason: str = "", deadline: int | None = None
) -> Referral:
    """Return a referral that has come to another state.

    :param deadline: a new one, such as for the answer to an appeal; the old one stays without.
    :raises InvalidInput: for a state that cannot follow, one without the reason that it owes, or out of time.
    """
    allowed = may_become(referral)
    if state not in allowed:
        was = "withdrawn" if referral.withdrawn else referral.state.value
        then = " or ".join(sorted(allowed)) or "nothing else"
        raise InvalidInput(f"A referral that was {was} cannot be {state.value}.", advice=f"It can become {then}.")
    if state.value in REASONED and not reason.strip():
        raise InvalidInput(f"A referral is {state.value} without a reason.", advice="Say why.")
    moment = _whole(at)
    if moment < referral.history[-1].at:
        raise InvalidInput("A referral came to this before it came to the state that it is in.")
    step = Step(state=state, at=moment, by=by, reason=reason.strip()[:LONGEST])
    return msgspec.structs.replace(
        referral,
        history=(*referral.history, step),
        version=max(moment, referral.version + _MILLISECOND),
        deadline=referral.deadline if deadline is None else _whole(deadline),
    )


def apply_answer(
    referral: Referral, answer: ReferralAnswer, *, at: int | None = None, deadline: int | None = None
) -> Referral:
    """Return a referral with an answer applied; the same where the answer says what is known already.

    :param at: when the answer came, in microseconds; its own date without. A date before the last step counts as now:
        a clock that is wrong elsewhere does not make an answer void.
    :raises InvalidInput: for an answer of another party, to another referral, or that cannot follow.
    """
    if answer.referral != referral.id:
        raise InvalidInput("This answers another referral.")
    if answer.by != referral.addressed:
        raise InvalidInput("Only the platform that a referral is addressed to answers it.")
    last = referral.history[-1]
    if (last.state, last.by, last.reason) == (answer.response, answer.by, answer.reason.strip()[:LONGEST]):
        return referral
    moment = answer.version if at is None else at
    return move(
        referral, answer.response, at=max(moment, last.at), by=answer.by, reason=answer.reason, deadline=deadline
    )


def withdraw(referral: Referral, *, at: int) -> Referral:
    """Return a referral that asks for nothing any more."""
    return msgspec.structs.replace(referral, withdrawn=True, version=max(_whole(at), referral.version + _MILLISECOND))


def is_overdue(referral: Referral, at: int) -> bool:
    """Return whether an answer is owed and its deadline has passed."""
    return referral.waits and referral.deadline is not None and referral.deadline <= at


def overdue(referrals: Iterable[Referral], at: int) -> list[Referral]:
    """Return those that are overdue, the one that has waited longest first."""
    late = [(one.deadline, one.id, one) for one in referrals if is_overdue(one, at) and one.deadline is not None]
    return [one for _, _, one in sorted(late, key=lambda row: row[:2])]


def _whole(micros: int) -> int:
    return micros // _MILLISECOND * _MILLISECOND


# --- writing ----------------------------------------------------------------------------------------------


def _millis(micros: int) -> str:
    return timestamp(micros)[:23] + "Z"


def _write(kind: str, one: Referral | ReferralAnswer, content: dict[str, Any]) -> bytes:
    head: dict[str, Any] = {
        "type": kind, "spec_version": "2.1", "id": one.id, "created_by_ref": one.by,
        "created": _millis(one.created), "modified": _millis(one.version),
    }  # fmt: skip
    content["object_marking_refs"] = list(one.marks)
    head |= {name: value for name, value in content.items() if value not in (None, "", [], False)}
    return msgspec.json.encode(head | {"extensions": {DECLARED_BY[kind]: {"extension_type": "new-sdo"}}})


def write_referral(one: Referral) -> bytes:
    """Write a referral; reading it gives the same, but for instants in whole milliseconds."""
    steps = [
        {"state": step.state.value, "at": _millis(step.at), "by_ref": step.by, "reason": step.reason}
        for step in one.history
    ]
    return _write(REFERRAL, one, {
        "revoked": one.withdrawn, "name": one.name, "description": one.why, "content_refs": list(one.contents),
        "addressed_ref": one.addressed, "legal_basis": list(one.legal_basis), "state": one.state.value,
        "designations": [_said(msgspec.structs.asdict(each)) for each in one.designations],
        "history": [_said(step) for step in steps], "deadline": None if one.deadline is None else _millis(one.deadline),
    })  # fmt: skip


def _said(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if value}


def write_referral_answer(one: ReferralAnswer) -> bytes:
    """Write an answer to a referral; reading it gives the same, but for instants in whole milliseconds."""
    content = {"referral_ref": one.referral, "response": one.response.value, "reason": one.reason[:LONGEST]}
    return _write(REFERRAL_ANSWER, one, content)


# --- reading ----------------------------------------------------------------------------------------------


def _read(raw: bytes, kind: str, shape: type[T]) -> T:
    examined = examine(raw, strict=False)
    if examined.violations:
        first = examined.violations[0]
        raise InvalidInput(f"This {kind} cannot be read: {first.path[2:] or first.rule}. {first.message}")
    if not isinstance(examined.value, shape):
        raise InvalidInput(f"This is no {kind} that Titian's extension declares.",
                           advice=f"It needs the extension {DECLARED_BY[kind]}.")  # fmt: skip
    if examined.value.created_by_ref is None:
        raise InvalidInput(f"This {kind} says by which party it is not.")
    return examined.value


def read_referral(raw: bytes) -> Referral:
    """Read a referral. Raises :class:`InvalidInput` for what says more, less or other than a referral does."""
    found = _read(raw, REFERRAL, ReferralShape)
    return Referral(
        id=found.id, by=str(found.created_by_ref), addressed=found.addressed_ref, contents=found.content_refs,
        designations=tuple(msgspec.convert(msgspec.to_builtins(one), Designation) for one in found.designations),
        legal_basis=found.legal_basis,
        history=tuple(
            Step(state=State(one.state), at=one.at.micros, by=one.by_ref, reason=one.reason or "")
            for one in found.history
        ),
        created=found.created.micros, version=found.modified.micros,
        deadline=found.deadline.micros if found.deadline else None, name=found.name or "", why=found.description or "",
        marks=found.object_marking_refs or (), withdrawn=found.revoked or False,
    )  # fmt: skip


def read_referral_answer(raw: bytes) -> ReferralAnswer:
    """Read an answer to a referral. Raises :class:`InvalidInput`, also where it owes a reason and gives none."""
    found = _read(raw, REFERRAL_ANSWER, ReferralAnswerShape)
    if found.revoked:
        raise InvalidInput("An answer to a referral is changed by another answer, not revoked.")
    return ReferralAnswer(
        id=found.id, by=str(found.created_by_ref), referral=found.referral_ref, response=State(found.response),
        reason=found.reason or "", created=found.created.micros, version=found.modified.micros,
        marks=found.object_marking_refs or (),
    )  # fmt: skip


def answer(
    referral: str,
    response: State,
    *,
    by: str,
    at: int,
    reason: str = "",
    marks: Sequence[str] = (),
    random: Callable[[int], bytes] = os.urandom,
) -> ReferralAnswer:
    """Return a new answer of a platform to a referral, by the identifier under which it was received.

    :raises InvalidInput: for a response that is none, or that owes a reason.
    """
    made = ReferralAnswer(
        id=new_id(REFERRAL_ANSWER, random=random), by=by, referral=referral, response=response, reason=reason.strip(),
        created=_whole(at), version=_whole(at), marks=tuple(marks),
    )  # fmt: skip
    return read_referral_answer(write_referral_answer(made))
