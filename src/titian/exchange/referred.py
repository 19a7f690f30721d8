"""Referrals as they are held on either side: where each stands, what it is about, and how far it has gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from titian.core.errors import InvalidInput, NotFound
from titian.core.gate import Session
from titian.core.gate import State as RequestState
from titian.core.recall_gate import Deliveries
from titian.core.referral import (
    REFERRAL,
    Referral,
    ReferralAnswer,
    State,
    read_referral,
    read_referral_answer,
)
from titian.core.referral_standing import Standing, Told, standing
from titian.core.stix import Timestamp
from titian.core.words import decoded, title_of
from titian.exchange.give_back import Desk

T = TypeVar("T", Referral, ReferralAnswer)


class Step(StrEnum):
    """How far something has gone on its way to the other party."""

    HERE = "here"
    """It is held here, and released to nobody."""
    EARLIER = "earlier"
    """An earlier version of it is released, and the latest is not."""
    WAITS = "waits"
    """A second person has to approve it."""
    WENT = "went"
    """It is released, and was not fetched yet."""
    READ = "read"
    """The other party was handed it."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How far something has gone; ``request`` is what waits for a second person, by its identifier."""

    step: Step = Step.HERE
    request: str | None = None
    agreement: str | None = None


class Content(msgspec.Struct, frozen=True):
    """One of the observables that a referral is about: ``title`` is its value, a stranger's text, empty where it is
    not held here."""

    id: str
    title: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A referral on one of its two sides. ``ours`` is whether this node's own party made it.

    ``way`` is how far it went, of one that is ours; ``ways`` how far each answer of ours went, by its identifier.
    """

    standing: Standing
    ours: bool
    contents: tuple[Content, ...]
    overdue: bool
    way: Way = Way(step=Step.READ)
    ways: Mapping[str, Way] = {}

    @property
    def id(self) -> str:
        """The identifier of the referral."""
        return self.standing.referral.id

    @property
    def state(self) -> State:
        """What it has come to."""
        return self.standing.state

    @property
    def waits(self) -> bool:
        """Whether the platform owes an answer."""
        return self.standing.now.waits

    @property
    def other(self) -> str:
        """The party on the other side."""
        return self.standing.referral.addressed if self.ours else self.standing.referral.by


class _Versioned(msgspec.Struct):
    id: str
    modified: str


_versioned: Final = msgspec.json.Decoder(_Versioned).decode


def cases(desk: Desk, deliveries: Deliveries) -> list[Case]:
    """Return every referral that this node's own party made or is asked by, newest first.

    One that another party passes on, or that asks somebody else, is nobody's to answer here, and is left out.
    """
    session = desk.session
    own = session.register().directory.own
    referrals, told = _read(desk, own)
    answers: dict[str, list[ReferralAnswer]] = {}
    said: dict[str, list[Told]] = {}
    for each in told:
        said.setdefault(each.referral, []).append(each)
        if each.sender is None:
            answers.setdefault(each.referral, []).append(each.answer)
    out = {one.id: (one.addressed, one.version) for one, sender in referrals if sender is None}
    out |= {
        said_here.id: (one.by, said_here.version)
        for one, sender in referrals
        if sender is not None
        for said_here in answers.get(one.id, ())
    }
    ways = _ways(session, deliveries, out)
    titles = _titles(session, {name for one, _ in referrals for name in one.contents})
    found = []
    for one, sender in referrals:
        stands = standing(one, said.get(one.id, ()), own=own, at=session.at)
        found.append(
            Case(
                standing=stands, ours=sender is None, overdue=stands.overdue(session.at),
                contents=tuple(Content(name, titles.get(name, "")) for name in one.contents),
                way=ways[one.id] if sender is None else Way(step=Step.READ),
                ways={mine.id: ways[mine.id] for mine in answers.get(one.id, ())} if sender is not None else {},
            )
        )  # fmt: skip
    return sorted(found, key=lambda case: (-case.standing.referral.created, case.id))


def find_case(found: Iterable[Case], reference: str) -> Case:
    """Return one by its identifier, or the beginning of it. Raises :class:`NotFound`, also for several."""
    everything = list(found)
    exact = [one for one in everything if one.id == reference]
    if exact:
        return exact[0]
    begin = reference.removeprefix(f"{REFERRAL}--")
    begun = [one for one in everything if begin and one.id.removeprefix(f"{REFERRAL}--").startswith(begin)]
    if len(begun) != 1:
        several = f"{len(begun):,} referrals begin with {reference[:80]!r}."
        raise NotFound(several if begun else f"There is no referral {reference[:80]!r}.",
                       advice="`titian refer list` shows them.")  # fmt: skip
    return begun[0]


def _read(desk: Desk, own: str) -> tuple[list[tuple[Referral, str | None]], list[Told]]:
    """Referrals of ours and to us, after who sent them, and every answer that is held."""
    referrals: dict[tuple[str | None, str], Referral] = {}
    answers: dict[tuple[str | None, str], ReferralAnswer] = {}
    for sender, raw in desk.held():
        try:
            if decoded(raw).get("type") == REFERRAL:
                one = read_referral(raw)
                if one.by == (sender or own) and (sender is None or one.addressed == own):
                    _keep(referrals, (sender, one.id), one)
            else:
                answer = read_referral_answer(raw)
                _keep(answers, (sender, answer.id), answer)
        except InvalidInput:
            # It says more than an extension of this version declares: it counts for nothing, and is held all the same.
            continue
    names = {
        sender: desk.sources(sender, {one.referral for (by, _), one in answers.items() if by == sender})
        for sender in {by for by, _ in answers}
        if sender is not None
    }
    told = [
        Told(one, sender, one.referral if sender is None else names[sender].get(one.referral, one.referral))
        for (sender, _), one in answers.items()
    ]
    return [(one, sender) for (sender, _), one in referrals.items()], told


def _keep(found: dict[tuple[str | None, str], T], key: tuple[str | None, str], one: T) -> None:
    """Keep the latest version of each, of each sender."""
    if key not in found or found[key].version < one.version:
        found[key] = one


def _titles(session: Session, identifiers: Collection[str]) -> dict[str, str]:
    return {one.id: title_of(decoded(one.raw)) for one in session.find(identifiers)} if identifiers else {}


def _ways(session: Session, deliveries: Deliveries, out: Mapping[str, tuple[str, int]]) -> dict[str, Way]:
    """How far objects of ours have gone: each to its party, in its latest version (``modified`` in microseconds)."""
    found = dict.fromkeys(out, Way())
    if not out:
        return found
    for collection in session.all_released(holding=out):
        mine = [one for one, (party, _) in out.items() if party == collection.party]
        shown = session.shown(collection, mine, ()).outside
        served = {one.id: one.modified for one in map(_versioned, session.served(collection, shown.values()))}
        places = session.places(collection, shown.values())
        added = {one: places[name][-1] for one, name in shown.items() if places.get(name)}
        handed = deliveries.delivered(session, collection.id, collection.party or "", list(added.values()))
        for one, name in shown.items():
            if name not in served:
                continue
            step = Step.READ if added.get(one) in handed else Step.WENT
            if Timestamp.parse(served[name]).micros < out[one][1]:
                step = Step.EARLIER
            if found[one].step in (Step.HERE, Step.EARLIER):
                found[one] = Way(step=step, agreement=collection.agreement)
    for request in session.requests({RequestState.WAITING}):
        chosen = request.chosen[0] if request.chosen else ""
        if chosen in found and request.parties == (out[chosen][0],):
            found[chosen] = Way(step=Step.WAITS, request=request.id, agreement=request.agreement)
    return found
