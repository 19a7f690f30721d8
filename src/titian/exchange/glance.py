"""Glance: a preview, and the consequences of a recall, as a person looks at them before they decide.

It shows no more than one can read, counts all of it, and says what has to be thought of first. Nothing is written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from titian.core.gate import Gate, Request, Session, State
from titian.core.projection import Projection
from titian.core.recall_gate import Deliveries
from titian.core.release import Withheld
from titian.core.survey import VOCABULARY, Held, Survey, facts_of
from titian.core.words import decoded, ends_of, title_between, title_of
from titian.exchange.choose import CONTAINERS, QUERY, choose
from titian.exchange.recall_sent import affected
from titian.exchange.release import Release
from titian.exchange.seen import Preview, Seen, changed_since

MOST: Final = 12
"""Objects of which a look shows what a party sees of them."""
LISTED: Final = 60
"""Objects that a look names."""
MANY: Final = 1 << 30
_GROUPS: Final = 24
_FEW: Final = 8
_SOON: Final = 30 * 86_400 * 1_000_000
_LONGEST: Final = 3_000
_UNMARKED: Final = frozenset({"unmarked", "unknown-marking", "contradiction"})
_BY_ITSELF: Final = ("marking-definition--", "identity--")


class Titled(msgspec.Struct, frozen=True):
    """An object by what people call it, a stranger's text; ``tlp`` is its level, None where it bears none."""

    id: str
    type: str
    title: str
    tlp: str | None = None


class Goes(msgspec.Struct, frozen=True, kw_only=True):
    """An object that a party would see: what it is here, the identifier that it is shown under, and what is taken out
    of it, as selectors. ``raw`` is the beginning of what they see, empty where a look shows no more than its title."""

    object: Titled
    shown: str
    changed: bool
    removed: tuple[str, ...] = ()
    raw: str = ""


class Stays(msgspec.Struct, frozen=True):
    """Objects that are withheld for one reason: how many, and some of them."""

    rule: str
    reason: str
    count: int
    some: tuple[Titled, ...]


class Tells(msgspec.Struct, frozen=True):
    """A text that goes and names what is withheld: in which object and place, and what it says."""

    object: Titled
    path: str
    value: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one party would see. ``kinds`` counts what goes by type, ``mentions`` are some of ``told`` texts that name
    what is withheld."""

    party: str
    name: str
    country: str | None
    sees: int
    changed: int
    withheld: int
    kinds: tuple[tuple[str, int], ...]
    goes: tuple[Goes, ...]
    stays: tuple[Stays, ...]
    told: int
    mentions: tuple[Tells, ...]


class Caution(StrEnum):
    """What somebody has to think of before they ask for a release."""

    TOLD = "told"
    """A text that goes names what is withheld: it needs a reason, and a second person."""
    PERSONAL = "personal"
    """What goes describes natural persons."""
    UNMARKED = "unmarked"
    """Something has no marking that is understood, and reaches nobody."""
    ENDED = "ended"
    """Something has expired, or its time has not come."""
    ENDING = "ending"
    """Something ends within thirty days, and is then taken back by itself."""
    UNPURPOSED = "unpurposed"
    """What describes natural persons lacks a purpose or an end, and stays."""


class Warned(msgspec.Struct, frozen=True):
    """A caution: how many objects it is about, and some of them."""

    caution: Caution
    count: int
    some: tuple[Titled, ...]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What each party would see under one agreement, what to think of, and why a second person has to approve it.

    ``mark`` is the same as long as everybody would see exactly the same, for the same cautions.
    """

    agreement: str
    agreement_name: str
    chosen: int
    sides: tuple[Side, ...]
    warned: tuple[Warned, ...]
    needs: tuple[str, ...]
    mark: str

    @property
    def anything(self) -> bool:
        """Whether anything goes to anybody."""
        return any(side.sees for side in self.sides)

    @property
    def told(self) -> bool:
        """Whether a text that goes names what is withheld."""
        return any(one.caution is Caution.TOLD for one in self.warned)


class Again(msgspec.Struct, frozen=True):
    """What a request would do now; ``changed`` says what differs from when it was asked for, None if nothing does."""

    look: Look
    changed: str | None


class Consequence(msgspec.Struct, frozen=True, kw_only=True):
    """What a recall would take from one party under one agreement: ``taken`` objects, of which ``along`` go because
    they refer to the others, and ``handed`` that the party has, as far as is known. ``speaks`` says whether its node
    can answer."""

    agreement: str
    party: str
    taken: int
    along: int
    handed: int
    speaks: bool
    some: tuple[Titled, ...]


class Glance:
    """Looks at what a release or a recall would do."""

    def __init__(self, gate: Gate, release: Release, deliveries: Deliveries) -> None:
        self._gate = gate
        self._release = release
        self._deliveries = deliveries

    def titles(self, identifiers: Iterable[str]) -> dict[str, Titled]:
        """What some objects are called, of those that are held."""
        with self._gate.reading() as session:
            return _titles(session, dict.fromkeys(identifiers))

    def weight(self, references: Sequence[str]) -> int:
        """About how many objects a selection means, told without finding them: a saved query could mean any number."""
        if any(one.startswith(QUERY) for one in references):
            return MANY
        inside = [one for one in references if one.startswith(CONTAINERS)]
        with self._gate.reading() as session:
            return len(references) + sum(len(facts_of(one).refs) for one in session.find(inside[:_GROUPS]))

    def audiences(self) -> dict[str, tuple[str, ...]]:
        """Who receives under each agreement now, of those under which anybody does."""
        with self._gate.reading() as session:
            directory = session.register().directory
            found = {
                one.id: tuple(sorted(directory.audience(one, session.at))) for one in directory.agreements.values()
            }
        return {agreement: parties for agreement, parties in found.items() if parties}

    def preview(
        self,
        references: Sequence[str],
        agreement: str,
        *,
        parties: Sequence[str] | None = None,
        purposes: Sequence[str] | None = None,
        found: Callable[[Seen], None] = lambda _: None,
    ) -> Look:
        """Look at a release. Raises as :meth:`titian.exchange.release.Release.preview` does."""
        seen = self._release.preview(references, agreement, parties=parties, purposes=purposes, found=found)
        with self._gate.reading() as session:
            return _look(session, seen)

    def again(self, request: Request) -> Again:
        """Look at a request as it is now. Raises as :meth:`titian.exchange.release.Release.preview` does."""
        references = request.chosen if request.query is None else (f"{QUERY}{request.query}",)
        seen = self._release.preview(references, request.agreement, parties=request.parties, purposes=request.purposes)
        with self._gate.reading() as session:
            look = _look(session, seen)
        comparable = request.query is None and request.state is State.WAITING
        return Again(look, changed_since(request, seen) if comparable else None)

    def recall(
        self, references: Sequence[str], *, agreement: str | None = None, parties: Sequence[str] | None = None
    ) -> tuple[Consequence, ...]:
        """Look at what a recall would take back, and from whom. Raises as :func:`titian.exchange.choose.choose`."""
        with self._gate.reading() as session:
            register = session.register()
            under = None if agreement is None else register.agreement(agreement).id
            only = {register.party(one).id for one in parties or ()}
            chosen = choose(session, references)
            found = []
            for where in session.all_released(holding={*chosen.ids, *chosen.followed}):
                if (under is not None and where.agreement != under) or (only and where.party not in only):
                    continue
                goes = affected(session, where, set(chosen.ids), set(chosen.followed))
                if goes is None:
                    continue
                party = where.party or ""
                places = sorted({place for one in goes.taken for place in one.added})
                got = set(self._deliveries.delivered(session, where.id, party, places))
                sources = [one.source for one in goes.taken]
                found.append(
                    Consequence(
                        agreement=where.agreement or "", party=party, taken=len(goes.taken),
                        along=sum(not one.chosen for one in goes.taken),
                        handed=sum(not got.isdisjoint(one.added) for one in goes.taken),
                        speaks=self._deliveries.speaks(session, party),
                        some=_named(_titles(session, sources[:_FEW]), sources[:_FEW]),
                    )
                )  # fmt: skip
        return tuple(found)


def _titles(session: Session, identifiers: Iterable[str]) -> dict[str, Titled]:
    held = list(session.find(list(identifiers)))
    survey = Survey()
    survey.extend(session.find({mark for one in held for mark in facts_of(one).marks}))
    said = {one.id: decoded(one.raw) for one in held}
    names = {one: title_of(value) for one, value in said.items()}
    ends = {one: ends_of(value) for one, value in said.items()}
    others = {end for some in ends.values() for end in some} - names.keys()
    known = names | {one.id: title_of(decoded(one.raw)) for one in session.find(others)}
    return {
        one.id: _titled(one, title_between(names[one.id], [known.get(end, end) for end in ends[one.id]]), survey)
        for one in held
    }


def _titled(held: Held, title: str, survey: Survey) -> Titled:
    facts = facts_of(held)
    tlp = survey.marking(facts.marks).tlp
    return Titled(held.id, facts.type, title, None if tlp is None else tlp.label)


def _named(titles: Mapping[str, Titled], identifiers: Iterable[str]) -> tuple[Titled, ...]:
    """Objects by their titles; one that is not held is called by its identifier."""
    return tuple(titles.get(one) or Titled(one, one.partition("--")[0], one) for one in identifiers)


def _is_told(identifier: str, rule: str) -> bool:
    """Whether a person wants to know that it is withheld: not of definitions and creators that nothing needs."""
    return rule != "unused" or not identifier.startswith(_BY_ITSELF)


def _look(session: Session, preview: Preview) -> Look:
    groups = [_grouped(one.projection.withheld) for one in preview.seen]
    cautions = _cautions(preview, session.at)
    wanted = dict.fromkeys(
        [
            *(identifier for one in preview.seen for identifier in _order(one.projection)[:LISTED]),
            *(identifier for some in groups for _, ids in some for identifier in ids[:_FEW]),
            *(identifier for ids in cautions.values() for identifier in ids[:_FEW]),
            *(identifier for one in preview.seen for identifier in _sources(one)[:_GROUPS]),
        ]
    )
    titles = _titles(session, wanted)
    register = session.register()
    sides = tuple(
        _side(session, one, some, titles, register.directory.parties[one.party].country)
        for one, some in zip(preview.seen, groups, strict=True)
    )
    warned = tuple(Warned(caution, len(ids), _named(titles, ids[:_FEW])) for caution, ids in cautions.items() if ids)
    return Look(
        agreement=preview.agreement.id, agreement_name=preview.agreement.name, chosen=len(preview.chosen), sides=sides,
        warned=warned, needs=preview.needs, mark=_mark(preview, warned),
    )  # fmt: skip


def _order(projection: Projection) -> list[str]:
    """What goes, in the order in which it is read: definitions and creators, which come along, last."""
    return sorted(projection.released, key=lambda one: one.startswith((*VOCABULARY, "identity--")))


def _grouped(withheld: Mapping[str, Withheld]) -> list[tuple[Withheld, list[str]]]:
    """What is withheld by reason, so that a rare reason is not drowned; what most is withheld for comes first."""
    found: dict[Withheld, list[str]] = {}
    for identifier, why in withheld.items():
        if _is_told(identifier, why.rule):
            found.setdefault(why, []).append(identifier)
    return sorted(found.items(), key=lambda one: -len(one[1]))[:_GROUPS]


def _side(
    session: Session,
    seen: Seen,
    groups: Sequence[tuple[Withheld, list[str]]],
    titles: Mapping[str, Titled],
    country: str | None,
) -> Side:
    projection = seen.projection
    listed = _order(projection)[:LISTED]
    full = {one: projection.released[one] for one in listed[:MOST]}
    part = msgspec.structs.replace(projection, released=full, additions={})
    raws = dict(part.objects(session.find(full)))
    goes = []
    for identifier, title in zip(listed, _named(titles, listed), strict=True):
        change = projection.changed.get(identifier)
        goes.append(
            Goes(
                object=title, shown=projection.released[identifier], changed=change is not None,
                removed=() if change is None else change.removed,
                raw=raws.get(identifier, b"")[:_LONGEST].decode("utf-8", "replace"),
            )
        )  # fmt: skip
    kinds = Counter(one.partition("--")[0] for one in projection.released)
    return Side(
        party=seen.party, name=seen.name, country=country, sees=len(projection.released),
        changed=len(projection.changed),
        withheld=sum(_is_told(one, why.rule) for one, why in projection.withheld.items()),
        kinds=tuple(kinds.most_common()), goes=tuple(goes),
        stays=tuple(Stays(why.rule, why.reason, len(ids), _named(titles, ids[:_FEW])) for why, ids in groups),
        told=len(seen.mentions), mentions=_tells(seen, titles),
    )  # fmt: skip


def _sources(seen: Seen) -> list[str]:
    """The object that each text stands in, as it is held: a copy bears another identifier."""
    held = {name: identifier for identifier, name in seen.projection.released.items()} if seen.mentions else {}
    return [held.get(mention.id, mention.id) for mention in seen.mentions]


def _tells(seen: Seen, titles: Mapping[str, Titled]) -> tuple[Tells, ...]:
    some = seen.mentions[:_GROUPS]
    objects = _named(titles, _sources(seen)[:_GROUPS])
    return tuple(Tells(one, mention.path, mention.value) for one, mention in zip(objects, some, strict=True))


def _cautions(preview: Preview, at: int) -> dict[Caution, list[str]]:
    """What is to be thought of, and the objects that it is about."""
    found: dict[Caution, dict[str, None]] = {caution: {} for caution in Caution}
    for one in preview.seen:
        projection = one.projection
        found[Caution.TOLD].update(dict.fromkeys(_sources(one)))
        found[Caution.PERSONAL].update(dict.fromkeys(projection.personal()))
        found[Caution.ENDING].update(dict.fromkeys(i for i, end in projection.ends.items() if end <= at + _SOON))
        for identifier, why in projection.withheld.items():
            caution = _of_rule(why.rule)
            if caution is not None:
                found[caution][identifier] = None
    return {caution: list(ids) for caution, ids in found.items()}


def _of_rule(rule: str) -> Caution | None:
    if rule in _UNMARKED:
        return Caution.UNMARKED
    if rule in ("expired", "not-yet"):
        return Caution.ENDED
    return Caution.UNPURPOSED if rule == "personal-data" else None


def _mark(preview: Preview, warned: Sequence[Warned]) -> str:
    digest = hashlib.sha256(" ".join(one.caution for one in warned).encode())
    for one in preview.seen:
        digest.update(one.party.encode())
        for name, fingerprint in sorted(one.fingerprint.items()):
            digest.update(name.encode() + fingerprint)
        for mention in sorted((m.id, m.path, m.value) for m in one.mentions):
            digest.update("\x00".join(mention).encode())
    return digest.hexdigest()
