"""Withdraw: what may no longer be seen is taken back, before the next answer (laws 3 and 9).

A release is decided once, but what decided it can change: a marking, an agreement, the time. Then what a party is
served is projected again, and whatever that withholds goes. Nothing new ever goes out here: for that, somebody has to
release it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from titian.core.collection import Collection as HeldCollection
from titian.core.collection import Incoming, Kind
from titian.core.copying import Copy
from titian.core.errors import InvalidInput, Refused
from titian.core.gate import Gate, Live, Put, Session
from titian.core.marking import well_known
from titian.core.party import Directory
from titian.core.projection import Projection, project
from titian.core.recall import barred
from titian.core.recall_objects import MESSAGES, Reason
from titian.core.redaction import BLOT
from titian.core.release import terms_for
from titian.core.stix import is_identifier
from titian.core.survey import Held, Survey, facts_of
from titian.exchange.proposing import propose
from titian.exchange.release import incoming

_SUPPORT: Final = ("marking-definition--", "extension-definition--")


class Withdraw:
    """Keeps what parties are served in step with what they may see."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def check_leaving(self, collection: HeldCollection) -> None:
        """Whether a collection may be sent away as it is: nothing leaves but what was released, to those who receive it
        now (law 1). Where there are no agreements, what is our own is ours to send. What has ended is taken out first.

        :raises Refused: when it may not.
        """
        self.tick()
        with self._gate.reading() as session:
            directory = session.register().directory
            if collection.kind is Kind.RELEASED:
                agreement = directory.agreements.get(collection.agreement or "")
                if agreement is None or collection.party not in directory.audience(agreement, session.at):
                    raise Refused(
                        f"Nobody receives {collection.name} any more.",
                        advice="The agreement has ended, or the party has left: `titian agreements show` tells.",
                    )
            elif collection.kind is not Kind.OWN:
                raise Refused(
                    f"{collection.name} holds what is not this node's own to send.",
                    advice="`titian release` sends what its makers' markings allow, under an agreement.",
                )
            elif directory.agreements:
                raise Refused(
                    f"{collection.name} was released to nobody.",
                    advice="`titian release` it under an agreement, then push the collection that this makes.",
                )

    def tick(self) -> dict[str, tuple[str, ...]]:
        """Take back what has ended by now; returns it by the name of the collection that it was in."""
        with self._gate.reading() as session:
            if not session.all_released():
                return {}
        with self._gate.writing() as session:
            session.refresh()
            for collection in session.all_released():
                _closing(session, collection)
            return {
                collection.name: recheck(
                    session, collection, ended=session.ended(collection), reason=Reason.AGREEMENT_CHANGED
                )
                for collection in session.due()
            }


def _closing(session: Session, collection: HeldCollection) -> None:
    """Propose, once, to recall what a party was served that is no longer in the agreement."""
    closes = collection.closes
    if closes is not None and closes <= session.at and session.once(f"closed {collection.id} {closes}"):
        propose(
            session, collection, session.live(collection), Reason.AGREEMENT_CHANGED, "The agreement ended for them."
        )


def narrowed(session: Session, before: Directory, after: Directory) -> None:
    """Take back what a change of the directory forbids, in the transaction of that change.

    Who is no longer in an audience needs nothing: their collection has closed. What is served under other terms than
    before is due at once: it is projected again before anybody reads it, so that the change itself is quick.
    """
    edge = after.next_edge(session.at)
    for collection in session.all_released():
        now = _terms_of(after, collection, session.at)
        was = _terms_of(before, collection, session.at)
        # Further companions only allow more; whatever else is different may take something back.
        same = now is None or (was is not None and now[1:] == was[1:] and now[0] >= was[0])
        session.set_edge(collection, edge if same else session.at)


def _terms_of(directory: Directory, collection: HeldCollection, at: int) -> tuple[frozenset[str], object] | None:
    """What decides on a collection besides the objects: the companions, and all the rest. None when it is closed."""
    agreement = directory.agreements.get(collection.agreement or "")
    if agreement is None or collection.party is None or collection.party not in directory.parties:
        return None
    reach = directory.audience(agreement, at).get(collection.party)
    if reach is None:
        return None
    terms = terms_for(directory, agreement, collection.party, at=at)
    consents = tuple(one for one in directory.consents if one.agreement == agreement.id)
    return terms.companions, (reach, terms.names, terms.purposes, consents)


def follow(
    session: Session, sources: Collection[str], reason: Reason = Reason.WRONG_MARKING
) -> dict[str, tuple[str, ...]]:
    """Take back what may no longer be seen since some objects have changed; by the name of the collection."""
    found = {one.name: recheck(session, one, reason=reason) for one in session.all_released(holding=sources)}
    return {name: gone for name, gone in found.items() if gone}


def recheck(
    session: Session, collection: HeldCollection, *, ended: Collection[str] = (), reason: Reason
) -> tuple[str, ...]:
    """Project again everything that a party is served, and take back what that withholds.

    What was released in an earlier version than is held now is judged by the marking that it has now. It stays as it
    was released, or goes: what is new in a later version waits for its own release.

    :param ended: identifiers of what is over in any case: whoever has it knows that by its marking.
    :param reason: why the rest is taken back. A recall of what was handed over already is proposed for it.
    :returns: identifiers of what the party no longer sees.
    """
    # Messages are for this party alone, and follow from no projection.
    live = [one for one in session.live(collection) if not one.shown.startswith(MESSAGES)]
    gone = {one.shown for one in live} & set(ended)
    while True:
        left = [one for one in live if one.shown not in gone]
        step = _Step(session, collection, left)
        stale = step.stale()
        if not stale:
            break
        gone |= stale
    step.narrow()
    gone |= step.gone
    replaced = {item.id for item in step.items}
    propose(session, collection, [one for one in live if one.shown in gone - set(ended) - replaced], reason)
    if gone or step.ends:
        session.put(collection, Put(items=step.items, copies=step.copies, ends=step.ends, gone=sorted(gone)))
    session.set_edge(collection, session.register().directory.next_edge(session.at))
    return tuple(sorted(gone - replaced))


class _Step:
    """What a party is served, projected again."""

    def __init__(self, session: Session, collection: HeldCollection, live: Sequence[Live]) -> None:
        self.session = session
        self.collection = collection
        self.live = live
        self.graph = session.find(one.source for one in live)
        self.ours: Collection[str] = ()
        self.projection = self._project()
        self.kept: set[str] = set()
        self.gone: set[str] = set()
        self.items: list[Incoming] = []
        self.copies: dict[str, tuple[Copy, bytes]] = {}
        self.ends: dict[str, int] = {}

    def _project(self) -> Projection | None:
        session, collection = self.session, self.collection
        directory = session.register().directory
        agreement = directory.agreements.get(collection.agreement or "")
        if agreement is None or collection.party is None:
            return None
        try:
            terms = terms_for(directory, agreement, collection.party, at=session.at)
        except InvalidInput:
            return None
        survey = Survey(self.graph)
        # What nobody chose: it stays while something names it. Definitions may have come in since.
        support = {one.source for one in self.live if one.source.startswith(_SUPPORT)}
        names = {name for facts in survey.facts.values() for name in facts.supports()} - survey.facts.keys()
        self.graph.extend(names)
        survey.extend(self.graph.read(names))
        self.ours = {one.id for one in survey.facts.values() if one.originator(directory.own) is None}
        shown = session.shown(collection, (), survey.facts.keys())
        shown = msgspec.structs.replace(shown, known=session.sent_by(collection.party, survey.named_by(directory.own)))
        return project(
            survey, self.graph, terms, key=session.key(), consents=directory.consents, shown=shown,
            support=support | names,
            barred=barred(session.recalls, agreement.id, collection.party, survey.facts),
        )  # fmt: skip

    def stale(self) -> set[str]:
        """What was made from an earlier version than is held now, and refers to what may no longer be seen."""
        if self.projection is None:
            return set()
        old = [one for one in self.live if not self._is_current(one) and self._stays(one)]
        earlier = {one.shown for one in old}
        sources = {one.shown: one.source for one in old}
        visible = {one.shown for one in self.live if self._stays(one)} | self.projection.released.keys()
        found = set()
        self.kept = {
            one.source
            for one in self.live
            if (why := self.projection.withheld.get(one.source)) is not None and why.rule == "unused"
        }
        visible |= self.kept
        named_by_earlier: set[str] = set()
        for raw in self.session.served(self.collection, earlier) if earlier else ():
            facts = facts_of(Held("", raw))
            named = {*facts.refs, *facts.marks}
            unseen = {one for one in named if one not in visible and well_known(one) is None}
            if unseen and sources[facts.id] in self.ours:
                unseen.difference_update(self.session.sent_by(self.collection.party or "", unseen))
            if unseen or self._tells_too_much(sources[facts.id], raw):
                found.add(facts.id)
            named_by_earlier |= named
        self.kept &= named_by_earlier
        return found

    def _tells_too_much(self, source: str, raw: bytes) -> bool:
        """Whether an earlier version has what may not go of the version that is held now."""
        projection = self.projection
        if projection is None or source not in projection.changed:
            return False
        said = msgspec.json.decode(raw)
        cut = {path[0] for path in projection.cuts.get(source, ())}
        creator = projection.sources.get(source)
        return (
            not cut.isdisjoint(said)
            or (creator is not None and (said.get("created_by_ref") == creator or "external_references" in said))
            or (said["type"] == "language-content" and bool(projection.changed[source].removed))
        )

    def _is_current(self, one: Live) -> bool:
        return one.source not in self.graph.ids() or self.graph.digest(one.source) == one.origin

    def _stays(self, one: Live) -> bool:
        projection = self.projection
        if projection is None:
            return False
        if one.source in self.graph.ids():
            return one.source in projection.released or one.source in self.kept
        # Made for this party: a marking definition in the place of another one.
        return one.shown in projection.additions

    def narrow(self) -> None:
        """Find what goes, and what takes the place of what can go in part only."""
        projection = self.projection
        anew: dict[str, str] = {}
        endings = self.session.endings(self.collection)
        for one in self.live:
            if not self._stays(one):
                self.gone.add(one.shown)
                continue
            end = None if projection is None else projection.ends.get(one.source)
            if end is not None and end < endings.get(one.shown, end + 1):
                self.ends[one.shown] = end
            change = None if projection is None else projection.changed.get(one.source)
            if (
                change is not None
                and self._is_current(one)
                and (change.copy.shown, change.copy.version)
                != (
                    one.shown,
                    one.version,
                )
            ):
                anew[one.source] = one.shown
        if projection is None or not anew:
            return
        old = {facts_id(raw): raw for raw in self.session.served(self.collection, set(anew.values()))}
        for source, raw in projection.objects(self.graph):
            if source in anew and is_contained(raw, old[anew[source]]):
                self.gone.add(anew[source])
                self.items.append(incoming(raw))
                self.copies[source] = (projection.changed[source].copy, self.graph.digest(source))
                if source in projection.ends:
                    self.ends[projection.released[source]] = projection.ends[source]


def facts_id(raw: bytes) -> str:
    """Return the identifier of an object."""
    return facts_of(Held("", raw)).id


def is_contained(new: bytes, old: bytes) -> bool:
    """Whether an object says nothing that another one did not, but for identifiers and ``modified``.

    >>> is_contained(b'{"name":"a"}', b'{"name":"a","x":1}'), is_contained(b'{"name":"a","x":1}', b'{"name":"a"}')
    (True, False)
    """
    return _contained(msgspec.json.decode(new), msgspec.json.decode(old), ())


def _contained(new: Any, old: Any, path: tuple[str, ...]) -> bool:
    if path == ("modified",):
        return True
    if isinstance(new, dict) and isinstance(old, dict):
        return all(name in old and _contained(item, old[name], (*path, name)) for name, item in new.items())
    if isinstance(new, list) and isinstance(old, list):
        return all(any(_contained(item, other, (*path, "")) for other in old) for item in new)
    if isinstance(new, str) and isinstance(old, str) and is_identifier(new):
        return is_identifier(old) and new.partition("--")[0] == old.partition("--")[0]
    return bool(new == old) or (isinstance(new, str) and isinstance(old, str) and BLOT in new)
