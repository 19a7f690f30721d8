"""Refer: ask a platform to look at content, with the reason in law; answer such a question; ask it to decide again.

A referral goes to the party that it asks and to nobody else, by an ordinary release: the gate, a second pair of eyes
and the agreement hold for it as for all else. Its answer goes back the way that sightings go back. Each side computes
from what it holds where a referral stands (:mod:`titian.core.referral_standing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.countries import country_code
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused
from titian.core.gate import Session
from titian.core.marking import Handling, handling_definition
from titian.core.party import Party, PartyKind, lower_ceiling
from titian.core.people import Actor, Permission
from titian.core.recall_gate import Deliveries
from titian.core.referral import (
    LONGEST,
    Designation,
    Referral,
    State,
    answer,
    may_become,
    move,
    refer,
    withdraw,
    write_referral,
    write_referral_answer,
)
from titian.core.stix import SCO_TYPES, is_identifier
from titian.core.survey import Held, Survey, facts_of
from titian.core.tlp import TLP_DEFINITIONS, TLP_IDS, Circle, Tlp, stricter
from titian.exchange.give_back import NO_CHANNEL, Back, Book, Desk, GiveBack, Returned
from titian.exchange.mark import checked, understood
from titian.exchange.referred import Case, cases, find_case
from titian.exchange.release import incoming

MOST: Final = 100
"""Observables that one referral is about at most: it is about one thing."""
_MILLISECOND: Final = 1000
_SHORT: Final = 200
_Observe = Callable[[str], dict[str, Any]]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks a platform.

    ``contents`` are identifiers of observables that are held, or values; together they tell one thing. ``to`` and
    ``agreement`` are a party and an agreement as people call them. ``what`` says on one line what is asked, ``why`` in
    words why. ``deadline`` is in microseconds. ``tlp`` is the strictest that the agreement carries where it is not
    said; ``purposes`` and ``expires`` (a STIX timestamp) mark what is new and describes a person.
    """

    contents: tuple[str, ...]
    to: str
    agreement: str
    designations: tuple[Designation, ...]
    legal_basis: tuple[str, ...]
    what: str = ""
    why: str = ""
    deadline: int | None = None
    tlp: Tlp | None = None
    purposes: tuple[str, ...] | None = None
    expires: str | None = None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A referral as it stands after an act, and what became of what was said on its way to the other party."""

    case: Case
    returned: Returned


class Refer:
    """The verbs of referrals. ``observe`` makes a value an observable, and raises :class:`InvalidInput`."""

    def __init__(self, book: Book, back: GiveBack, deliveries: Deliveries, observe: _Observe) -> None:
        self._book = book
        self._back = back
        self._deliveries = deliveries
        self._observe = observe

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    def make(self, actor: Actor, asked: Asked) -> Done:
        """Ask a platform to look at content, and ask for the release of that question to it alone.

        :raises Forbidden: for who may not write, or not ask for a release.
        :raises InvalidInput: without content, designation or legal basis; with a deadline that has passed; for content
            that is no observable, or describes a person without a purpose and an end.
        :raises NotFound: for content, a party or an agreement that is not known here.
        :raises Refused: for a party that the agreement does not reach, or a level laxer than the content's.
        """
        _allow(actor)
        designations = tuple(_designation(one) for one in asked.designations)
        for text, most, what in ((asked.what, _SHORT, "What is asked"), (asked.why, LONGEST, "The reason")):
            if len(text) > most:
                raise InvalidInput(f"{what} takes at most {most:,} characters.")
        with self._book.writing() as desk:
            session = desk.session
            party, terms = _addressed(session, asked)
            contents, made = self._contents(session, asked.contents)
            level = _level(session, terms, party, asked.tlp, contents)
            handling = _handling(session, asked, party)
            name, definition = handling_definition(handling)
            marks = (TLP_IDS[level], name)
            one = refer(
                contents, by=session.register().directory.own, addressed=party.id, designations=designations,
                legal_basis=asked.legal_basis, at=session.at, deadline=asked.deadline,
                name=" ".join(asked.what.split()), why=asked.why.strip(), marks=marks,
            )  # fmt: skip
            definitions = {TLP_IDS[level]: TLP_DEFINITIONS[level], name: definition}
            held = session.find(definitions).ids()
            raws = [raw for mark, raw in definitions.items() if mark not in held]
            raws += [_marked(each, marks, handling) for each in made]
            session.replace(desk.collection(actor.id).num, [incoming(raw) for raw in (*raws, write_referral(one))])
            session.record(actor.id, "refer", one.id, asked.why, {"to": party.id, "agreement": terms.id})
        return self._sent(actor, one, terms.id)

    def _contents(self, session: Session, given: Sequence[str]) -> tuple[list[str], list[dict[str, Any]]]:
        """The identifiers of what is meant, and the observables among it that are not held yet."""
        wanted: dict[str, dict[str, Any] | None] = {}
        for text in given:
            if not text.strip():
                continue
            if is_identifier(text):
                if text.partition("--")[0] not in SCO_TYPES:
                    raise InvalidInput(
                        f"{text} is no observable: a platform is asked about an address, an account or a hash.",
                        advice="Name the observables that it is found by.",
                    )
                wanted.setdefault(text, None)
            else:
                seen = self._observe(text)
                wanted.setdefault(seen["id"], seen)
        if len(wanted) > MOST:
            raise InvalidInput(f"A referral is about one thing, not about {len(wanted):,}.",
                               advice="What is decided apart is referred apart.")  # fmt: skip
        held = session.find(wanted).ids()
        missing = [one for one, seen in wanted.items() if seen is None and one not in held]
        if missing:
            raise NotFound(f"Nothing is held as {missing[0]}.", advice="Give the value itself, such as the URL.")
        return list(wanted), [seen for one, seen in wanted.items() if seen is not None and one not in held]

    def _sent(self, actor: Actor, one: Referral, agreement: str | None) -> Done:
        """Ask for the release of a referral as it is now to the party asked, which has to be named in it too."""
        if agreement is None:
            returned = Returned(state=Back.STAYS, party=one.addressed, why=NO_CHANNEL)
        else:
            asked = [one.id, *one.contents, one.addressed]
            returned = self._back.ask(actor, asked, agreement, one.addressed, reason=one.why or one.name or None)
        return Done(case=self.find(one.id), returned=returned)

    def appeal(self, actor: Actor, reference: str, reason: str, *, deadline: int | None = None) -> Done:
        """Ask the platform to decide again on what it has decided, with a reason; the same one answers that.

        :param deadline: by when, in microseconds; the old one counts while it has not passed.
        :raises Forbidden: for who may not. :raises NotFound: for no such referral of ours.
        :raises InvalidInput: without a reason, with a deadline that has passed, or where nothing is decided.
        """
        _allow(actor)
        with self._book.writing() as desk:
            case = self._ours(desk, reference)
            at, now = desk.session.at, case.standing.now
            if deadline is not None and deadline <= at:
                raise InvalidInput("The deadline of an appeal has passed when it is made.", advice="Give a later one.")
            if deadline is None and now.deadline is not None and now.deadline <= at:
                now = msgspec.structs.replace(now, deadline=None)
            by = now.by
            told = move(now, State.APPEALED, at=max(at, now.history[-1].at), by=by, reason=reason, deadline=deadline)
            self._rewrite(desk, actor, told, "appeal-referral", reason)
        return self._sent(actor, told, self._agreement(case))

    def withdraw(self, actor: Actor, reference: str, why: str = "") -> Done:
        """Say that a referral asks for nothing any more.

        :raises Forbidden: for who may not. :raises NotFound: for no such referral of ours.
        :raises Refused: for one that was withdrawn before.
        """
        _allow(actor)
        with self._book.writing() as desk:
            case = self._ours(desk, reference)
            if case.standing.now.withdrawn:
                raise Refused("This referral was withdrawn before.")
            told = withdraw(case.standing.now, at=desk.session.at)
            self._rewrite(desk, actor, told, "withdraw-referral", why)
        agreement = self._agreement(case)
        if agreement is None:
            return Done(case=self.find(told.id), returned=Returned(state=Back.STAYS, party=told.addressed, why=_NEVER))
        return self._sent(actor, told, agreement)

    def _ours(self, desk: Desk, reference: str) -> Case:
        case = find_case(cases(desk, self._deliveries), reference)
        if not case.ours:
            raise Refused("This referral is another party's.", advice="`titian refer answer` answers it.")
        return case

    @staticmethod
    def _rewrite(desk: Desk, actor: Actor, one: Referral, act: str, why: str) -> None:
        desk.session.replace(desk.collection(actor.id).num, [incoming(write_referral(one))])
        desk.session.record(actor.id, act, one.id, why, {})

    def _agreement(self, case: Case) -> str | None:
        """The agreement under which a referral of ours went, or was to go."""
        if case.way.agreement is not None:
            return case.way.agreement
        with self._book.reading() as desk:
            found = desk.session.all_released(holding=[case.id])
        return next((one.agreement for one in found if one.party == case.standing.referral.addressed), None)

    # ── answering ─────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, actor: Actor, reference: str, state: State, reason: str = "") -> Done:
        """Answer a referral that this node's own party is asked by; the answer goes back to who asked, and only there.

        :param state: removed or kept; appealed where the user of what was removed asks to decide again; reinstated.
        :raises Forbidden: for who may not write, or not ask for a release.
        :raises NotFound: for no such referral. :raises Refused: for one of our own.
        :raises InvalidInput: for a state that cannot follow, or that owes a reason.
        """
        _allow(actor)
        if len(reason) > LONGEST:
            raise InvalidInput(f"A reason takes at most {LONGEST:,} characters.")
        with self._book.writing() as desk:
            session = desk.session
            case = find_case(cases(desk, self._deliveries), reference)
            one, own = case.standing.referral, session.register().directory.own
            if case.ours:
                raise Refused("This referral is ours: the party that is asked answers it.",
                              advice="`titian refer appeal` asks to decide again.")  # fmt: skip
            # Later than what it answers, however wrong the other's clock is.
            before = [one.version, *(each.version for each in case.standing.answers)]
            at = max(session.at, *(each + _MILLISECOND for each in before))
            move(case.standing.now, state, at=max(at, case.standing.now.history[-1].at), by=own, reason=reason)
            said = answer(one.id, state, by=own, at=at, reason=reason, marks=one.marks)
            session.replace(desk.collection(actor.id).num, [incoming(write_referral_answer(said))])
            session.record(actor.id, "answer-referral", one.id, reason, {"state": state.value, "answer": said.id})
        returned = Returned(state=Back.STAYS, party=one.by, why=NO_CHANNEL)
        for agreement, party in self._back.channels(one.id):
            if party == one.by:
                returned = self._back.ask(actor, [said.id], agreement, party)
                if returned.state is not Back.STAYS:
                    break
        return Done(case=self.find(one.id), returned=returned)

    # ── where they stand ──────────────────────────────────────────────────────────────────────────────────

    def list(
        self, *, sent: bool = True, received: bool = True, state: State | None = None, overdue: bool = False
    ) -> list[Case]:
        """Return referrals of this node's own party, and those that it is asked by, newest first.

        :param state: only those that have come to that; ``overdue``: only those that are.
        """
        with self._book.reading() as desk:
            found = cases(desk, self._deliveries)
        return [
            one
            for one in found
            if (sent if one.ours else received)
            and (state is None or one.state is state)
            and (one.overdue or not overdue)
        ]

    def find(self, reference: str) -> Case:
        """Return one by its identifier, or the beginning of it. Raises :class:`NotFound`, also for several."""
        with self._book.reading() as desk:
            return find_case(cases(desk, self._deliveries), reference)


_NEVER: Final = "It was released to nobody, so there is nobody to tell."


def responses(case: Case) -> list[State]:
    """Return what the party asked can answer now, in the order of the words."""
    return [] if case.ours else [one for one in State if one in may_become(case.standing.now)]


def may_appeal(case: Case) -> bool:
    """Whether who made a referral can ask to decide again."""
    return case.ours and State.APPEALED in may_become(case.standing.now)


def _allow(actor: Actor) -> None:
    for permission in (Permission.WRITE, Permission.REQUEST_RELEASE):
        if not actor.may(permission):
            raise Forbidden(f"{actor.name} may not {permission.value}.", advice="`titian people list` shows who may.")


def _designation(one: Designation) -> Designation:
    """A designation that says something. Raises :class:`InvalidInput`."""
    country = None if one.country is None else country_code(one.country)
    if one.country is not None and country is None:
        raise InvalidInput(
            f"{one.country[:20]!r} is no country.", advice="Write two letters of ISO 3166-1, as ID or JP."
        )
    tidy = msgspec.structs.replace(one, source=one.source.strip().lower(), name=one.name.strip(), country=country)
    if not tidy.source:
        raise InvalidInput("A designation names no source.", advice="Say list, law, court or agency.")
    if not tidy.name:
        raise InvalidInput("A designation does not say what it is called.",
                           advice="Name the list, the law or the court.")  # fmt: skip
    return tidy


def _addressed(session: Session, asked: Asked) -> tuple[Party, Agreement]:
    """Whom a referral asks, under what. Raises :class:`Refused` for whom that does not reach."""
    register = session.register()
    party, terms = register.party(asked.to), register.agreement(asked.agreement)
    if party.id == register.directory.own or party.kind is PartyKind.COMMUNITY:
        what = "this node's own party" if party.id == register.directory.own else "a community, and answers nothing"
        raise InvalidInput(
            f"{party.name} is {what}.", advice="Name the company or organisation that runs the platform."
        )
    if party.id not in register.directory.audience(terms, session.at):
        raise Refused(
            f"{party.name} is not in the audience of {terms.name}, or this node's own party is not.",
            advice="`titian agreements show` tells who is; choose another agreement.",
        )
    return party, terms


def _level(session: Session, terms: Agreement, party: Party, wished: Tlp | None, contents: Iterable[str]) -> Tlp:
    """How a referral is marked: as wished, else as strictly as the agreement carries it; never laxer than what it is
    about, of which it tells."""
    reach = session.register().directory.audience(terms, session.at)[party.id]
    usual = Tlp.AMBER if reach.circle is Circle.CLIENTS else Tlp.AMBER_STRICT
    level = lower_ceiling(usual, reach.ceiling) if wished is None else wished
    survey = Survey(session.find(contents))
    survey.extend(session.find({mark for facts in survey.facts.values() for mark in facts.marks}))
    for identifier in contents:
        facts = survey.facts.get(identifier)
        borne = None if facts is None else survey.marking(facts.marks).tlp
        if borne is None or stricter(borne, level) is level:
            continue
        if wished is not None:
            raise Refused(
                f"{identifier} is {borne.label}, and the referral tells of it: it cannot be {wished.label}.",
                advice="Leave the level out, or give a stricter one.",
            )
        level = borne
    return level


def _handling(session: Session, asked: Asked, party: Party) -> Handling:
    """Both sides of a referral may have it, and nobody else."""
    handling = Handling(
        releasable_to=(party.id, session.register().directory.own), purposes=asked.purposes, expires=asked.expires
    )
    return understood(session, checked(handling))


def _marked(seen: dict[str, Any], marks: Sequence[str], handling: Handling) -> bytes:
    """A new observable with its markings. Raises :class:`InvalidInput` for a person's without a purpose and an end."""
    raw = msgspec.json.encode(seen | {"object_marking_refs": list(marks)})
    if facts_of(Held("", raw)).personal and not (handling.purposes and handling.expires):
        raise InvalidInput(
            f"A {seen['type']} describes a person, and so needs a purpose and a date when it ends.",
            advice="Give --purpose and --expires.",
        )
    return raw
