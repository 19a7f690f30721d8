"""The domain objects that extensions of ours declare and that are examined here: a referral and its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final

from titian.core.stix.common import IdentityRef, Texts
from titian.core.stix.extension_parts import (
    REFERRAL_ANSWER_EXTENSION,
    REFERRAL_EXTENSION,
    ClosedPart,
    Country,
    Word,
)
from titian.core.stix.object_rules import Json
from titian.core.stix.rules import FINE, IDENTIFIER, Rule, each, refers_to
from titian.core.stix.sdo import DomainObject
from titian.core.stix.timestamp import Timestamp
from titian.core.stix.vocabulary import SCO_TYPES

FOLLOWS: Final[Mapping[str, frozenset[str]]] = {
    "sent": frozenset({"removed", "kept"}),
    "removed": frozenset({"appealed", "reinstated"}),
    "kept": frozenset({"appealed", "removed"}),
    "reinstated": frozenset({"appealed", "removed"}),
}
"""The states of a referral that may follow each. What follows an appeal depends on what it is against."""
AGAINST: Final[Mapping[str, frozenset[str]]] = {
    "removed": frozenset({"removed", "reinstated"}),
    "kept": frozenset({"kept", "removed"}),
    "reinstated": frozenset({"reinstated", "removed"}),
}
"""How an appeal against each decision may end: it stands, or it is turned."""
STATES: Final = frozenset({*FOLLOWS, "appealed"})
REASONED: Final = frozenset({"kept", "appealed", "reinstated"})
"""States that somebody has to give a reason for."""
RESPONSES: Final = STATES - {"sent"}


def next_states(states: Sequence[str]) -> frozenset[str]:
    """Return the states that may follow a history of them: none where it is none itself.

    >>> sorted(next_states([])), sorted(next_states(["sent", "removed", "appealed"]))
    (['sent'], ['reinstated', 'removed'])
    """
    if not states:
        return frozenset({"sent"})
    if states[-1] == "appealed":
        return AGAINST.get(states[-2], frozenset()) if len(states) > 1 else frozenset()
    return FOLLOWS.get(states[-1], frozenset())


def _one_of(words: frozenset[str]) -> Rule:
    return Rule(
        name="referral-state",
        clause="7.3",
        message=f"Use one of {', '.join(sorted(words))}.",
        find=lambda value: FINE if value in words else ("",),
    )


class DesignationPart(ClosedPart, frozen=True, kw_only=True):
    """Why it is unlawful: ``source`` is a list, law, court or agency; ``name`` what it is called, ``reference`` the
    entry or the number in it."""

    source: Word
    name: str
    reference: str | None = None
    country: Country | None = None
    url: str | None = None


class StepPart(ClosedPart, frozen=True, kw_only=True):
    """What a referral came to, when, by whom and why."""

    state: Annotated[str, _one_of(STATES)]
    at: Timestamp
    by_ref: IdentityRef | None = None
    reason: str | None = None


def _find_history(value: Json) -> Sequence[str]:
    states: list[str] = []
    places = []
    last = ""
    for number, one in enumerate(value["history"]):
        if one["state"] not in next_states(states):
            places.append(f".history[{number}].state")
        if one["state"] in REASONED and not str(one.get("reason") or "").strip():
            places.append(f".history[{number}].reason")
        if last and Timestamp.parse(one["at"]) < Timestamp.parse(last):
            places.append(f".history[{number}].at")
        states.append(one["state"])
        last = one["at"]
    if states and states[-1] != value["state"]:
        places.append(".state")
    return places


REFERRAL_HISTORY = Rule(
    name="referral-history",
    clause="7.3",
    message="Let each state follow the one before it, in time too, with a reason where one is owed; state is the last.",
    find=_find_history,
    reads=("state", "history"),
)


class ReferralShape(DomainObject, frozen=True, kw_only=True, tag="referral"):
    """Content that a platform is asked to look at. What is decided apart is referred apart: ``content_refs`` are one
    thing, told by its address, its account, its hashes."""

    CLAUSE = "7.3"
    CLOSED: ClassVar[bool] = True
    DECLARED_BY: ClassVar[str] = REFERRAL_EXTENSION
    DECLARED_AS: ClassVar[str] = "new-sdo"
    RULES = (REFERRAL_HISTORY,)

    name: str | None = None
    description: str | None = None
    content_refs: Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to(*SCO_TYPES))]
    addressed_ref: IdentityRef
    designations: tuple[DesignationPart, ...]
    legal_basis: Texts
    state: Annotated[str, _one_of(STATES)]
    history: tuple[StepPart, ...]
    deadline: Timestamp | None = None


def _find_silence(value: Json) -> Sequence[str]:
    owed = value["response"] in REASONED and not str(value.get("reason") or "").strip()
    return (".reason",) if owed else FINE


REFERRAL_REASON = Rule(
    name="referral-reason",
    clause="7.3",
    message="Say in reason why it is kept, appealed against or reinstated.",
    find=_find_silence,
    reads=("response", "reason"),
)


class ReferralAnswerShape(DomainObject, frozen=True, kw_only=True, tag="referral-answer"):
    """What the platform did about a referral, or that its user has appealed."""

    CLAUSE = "7.3"
    CLOSED: ClassVar[bool] = True
    DECLARED_BY: ClassVar[str] = REFERRAL_ANSWER_EXTENSION
    DECLARED_AS: ClassVar[str] = "new-sdo"
    RULES = (REFERRAL_REASON,)

    referral_ref: Annotated[str, IDENTIFIER, refers_to("referral")]
    response: Annotated[str, _one_of(RESPONSES)]
    reason: str | None = None
