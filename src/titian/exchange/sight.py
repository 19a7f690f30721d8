"""Sight: say that something was seen here and how often, tell whom it came from, and see what one's own was worth.

A sighting goes back under the agreement that its object came under, by an ordinary release: the gate, a second pair of
eyes and the recipient's agreement hold for it as for all else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused
from titian.core.gate import Session
from titian.core.marking import Marking, well_known
from titian.core.people import Actor, Permission
from titian.core.sighting import (
    MOST,
    Seen,
    Sighting,
    Told,
    Worth,
    begun,
    check_sightable,
    continued,
    read_sighting,
    seen,
    sighting_id,
    worth,
    write_sighting,
)
from titian.core.stix import is_identifier
from titian.core.survey import Facts, Survey, facts_of
from titian.core.tlp import TLP_DEFINITIONS, TLP_IDS, Tlp
from titian.exchange.give_back import NO_CHANNEL, Book, Desk, GiveBack, Provenances, Releases, Subscriptions
from titian.exchange.give_back import Back as Back
from titian.exchange.give_back import Returned as Returned
from titian.exchange.release import incoming

_LONGEST: Final = 1000


class Sighted(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of one object: our sighting of it as it is now, all counts together; ``capped`` says that more was
    seen than STIX can count."""

    sighting: Sighting
    capped: bool
    returned: tuple[Returned, ...] = ()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known here of an object that was sighted: its name, empty where it has none or is not held, and whether
    this node's own party made it."""

    worth: Worth
    name: str
    ours: bool


class _Named(msgspec.Struct):
    name: Any = None


_named: Final = msgspec.json.Decoder(_Named).decode


class Sight:
    """The verbs of sightings."""

    def __init__(self, book: Book, releases: Releases, provenances: Provenances, subscriptions: Subscriptions) -> None:
        self._book = book
        self._back = GiveBack(book, releases, provenances, subscriptions)

    # ── saying what was seen ──────────────────────────────────────────────────────────────────────────────

    def sight(
        self,
        actor: Actor,
        identifiers: Sequence[str],
        *,
        count: int = 1,
        first: int | None = None,
        last: int | None = None,
        where: str | None = None,
        marking: Tlp | None = None,
        keep: bool = False,
    ) -> list[Sighted]:
        """Say that objects were seen here, each ``count`` times; what was said of them before is added to.

        Each sighting is marked as what it is of, since it tells of that. It goes back at once to whom that came from,
        under the same agreement, as far as the gate lets it.

        :param first: when it was seen first, and ``last``: in microseconds since the Unix epoch; now without.
        :param where: where it was seen, in words.
        :param marking: a stricter level than that of what was seen.
        :param keep: whether it stays here.
        :raises Forbidden: for who may not write, or not ask for a release of what is to go back.
        :raises NotFound: for what is not held.
        :raises InvalidInput: for what STIX has no sightings of, and as :func:`titian.core.sighting.seen` does.
        :raises Refused: for a level that would let it go further than what was seen.
        """
        _allow(actor, Permission.WRITE)
        if not keep:
            _allow(actor, Permission.REQUEST_RELEASE)
        wanted = list(dict.fromkeys(identifiers))
        if not wanted:
            raise InvalidInput("Nothing is named.", advice="Give the identifier of what was seen.")
        for one in wanted:
            if not is_identifier(one):
                raise InvalidInput(f"{one[:80]!r} is no identifier.", advice="Give that of what was seen.")
            check_sightable(one)
        if where is not None and not 0 < len(where.strip()) <= _LONGEST:
            raise InvalidInput(f"--where takes 1 to {_LONGEST:,} characters.")
        with self._book.writing() as desk:
            what = seen(count=count, first=first, last=last, at=desk.session.at)
            done = _write(desk, actor, wanted, what, where, marking)
        if keep:
            return done
        return [msgspec.structs.replace(one, returned=self._return(actor, one.sighting)) for one in done]

    # ── the way back ──────────────────────────────────────────────────────────────────────────────────────

    def _return(self, actor: Actor, sighting: Sighting) -> tuple[Returned, ...]:
        """Ask for the release of a sighting to each party that its object came from."""
        channels = self._back.channels(sighting.of)
        if channels:
            return tuple(self._back.ask(actor, [sighting.id], agreement, party) for agreement, party in channels)
        with self._book.reading() as desk:
            senders = {one.received_from for one in desk.session.find([sighting.of])}
        return tuple(Returned(state=Back.STAYS, party=one, why=NO_CHANNEL) for one in senders if one is not None)

    # ── what it was worth ─────────────────────────────────────────────────────────────────────────────────

    def sightings(self, identifier: str | None = None) -> list[Known]:
        """What was seen, by whom and how often, of everything or of one object: what was last seen comes first.

        A party that was shown a copy of ours sights that; it is told of the object that the copy was made from.

        :raises NotFound: for one object that is not held, and that nobody has sighted.
        """
        with self._book.reading() as desk:
            own = desk.session.register().directory.own
            found = worth(_told(desk), own)
            if identifier is not None:
                found = [one for one in found if one.id == identifier]
            survey: dict[str, tuple[str, Facts]] = {}
            ids = [one.id for one in found] if identifier is None else [identifier]
            for held in desk.session.find(ids):
                name = _named(held.raw).name
                survey[held.id] = (name if isinstance(name, str) else "", facts_of(held))
            if identifier is not None and not found and identifier not in survey:
                raise NotFound(f"Nothing is held as {identifier[:200]!r}, and nobody has sighted it.")
        return [
            Known(worth=one, name=survey[one.id][0], ours=survey[one.id][1].originator(own) is None)
            if one.id in survey
            else Known(worth=one, name="", ours=False)
            for one in found
        ]


def _allow(actor: Actor, permission: Permission) -> None:
    if not actor.may(permission):
        raise Forbidden(f"{actor.name} may not {permission.value}.", advice="`titian people list` shows who may.")


def _write(
    desk: Desk, actor: Actor, identifiers: Sequence[str], what: Seen, where: str | None, marking: Tlp | None
) -> list[Sighted]:
    """Write the next version of our sighting of each object, all in one transaction."""
    session = desk.session
    graph = session.find(identifiers)
    missing = [one for one in identifiers if one not in graph.ids()]
    if missing:
        raise NotFound(f"Nothing is held as {missing[0]}.", advice="`titian import` takes files in.")
    survey = Survey(graph)
    for facts in list(survey.facts.values()):
        if facts.version is None:
            raise InvalidInput(f"{facts.id} has no versions: it is no domain object, and only these are sighted.",
                               advice="Sight the indicator that finds it.")  # fmt: skip
    marks = {mark for facts in survey.facts.values() for mark in facts.marks}
    survey.extend(session.find(marks))
    own = session.register().directory.own
    done, raws = [], []
    for identifier in identifiers:
        refs = _marks(survey, survey.facts[identifier], marking)
        before, name = _before(session, identifier, own, refs)
        if before is None:
            after, whole = begun(name, identifier, own, refs, what, session.at, where), what
        else:
            after, whole = continued(before, what, session.at, where), before.seen.join(what)
        raws.append(write_sighting(after))
        done.append(Sighted(sighting=after, capped=whole.count > MOST))
        session.record(actor.id, "sight", after.id, where or "",
                       {"of": identifier, "count": what.count, "all": after.seen.count})  # fmt: skip
    if marking is not None and TLP_IDS[marking] not in session.find([TLP_IDS[marking]]).ids():
        raws.insert(0, TLP_DEFINITIONS[marking])
    session.replace(desk.collection(actor.id).num, [incoming(raw) for raw in raws])
    return done


def _marks(survey: Survey, facts: Facts, level: Tlp | None) -> tuple[str, ...]:
    """How a sighting of an object is marked: as that, or more strictly. Raises :class:`Refused` for less."""
    if level is None:
        return facts.marks
    said = survey.marking(facts.marks)
    marks = (*(one for one in facts.marks if not _is_level(one)), TLP_IDS[level])
    if said.tlp is None or not survey.marking(marks).at_least_as_strict_as(said):
        what = "bears no TLP" if said.tlp is None else f"is {said.tlp.label}"
        raise Refused(
            f"{facts.id} {what}, and a sighting tells of it: it cannot be {level.label}.",
            advice="Leave --marking out, or give a stricter level.",
        )
    return marks


def _is_level(mark: str) -> bool:
    """Whether a marking says a level and nothing else."""
    says = well_known(mark)
    return says is not None and says.tlp is not None and says == Marking(tlp=says.tlp)


def _before(session: Session, of: str, own: str, marks: Sequence[str]) -> tuple[Sighting | None, str]:
    """Our sighting of an object that bears these markings, if there is one, and the identifier of one otherwise.

    One that a person has marked anew since stays as it is, and another one is begun.
    """
    number = 0
    while True:
        name = sighting_id(session.key(), of, marks, number)
        held = next(iter(session.find([name])), None)
        if held is None:
            return None, name
        known = read_sighting(held.raw)
        ours = known is not None and held.received_from is None and known.by == own and not known.revoked
        if known is not None and ours and set(known.marks) == set(marks):
            return known, name
        number += 1


def _told(desk: Desk) -> list[Told]:
    """Every sighting that is held, and what it is of as it is called here."""
    by_sender: dict[str | None, list[Sighting]] = {}
    for sender, raw in desk.held():
        sighting = read_sighting(raw)
        if sighting is not None:
            by_sender.setdefault(sender, []).append(sighting)
    found = []
    for sender, sightings in by_sender.items():
        names = {} if sender is None else desk.sources(sender, {one.of for one in sightings})
        found += [Told(one, sender, names.get(one.of, one.of)) for one in sightings]
    return found
