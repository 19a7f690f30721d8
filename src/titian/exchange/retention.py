"""Retention: what describes a natural person is deleted when its time is over, and every reference to it (law 9).

Other objects that expire are no longer shown to anybody else; these are no longer held at all.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from titian.core.copying import next_version
from titian.core.gate import Gate, Session
from titian.core.recall_objects import Reason
from titian.core.redaction import copy_id, cut
from titian.core.stix import examine
from titian.core.survey import Facts, Held, Survey, facts_of
from titian.exchange.proposing import CLOCK
from titian.exchange.release import incoming
from titian.exchange.withdraw import follow

"""Who acts when nobody does."""
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Retention:
    """Deletes what describes natural persons when its time is over."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def tick(self) -> int:
        """Delete what is over by now; how many objects that were, with those that cannot stand without them."""
        with self._gate.reading() as session:
            if not session.unlooked(self._expired(session)):
                return 0
        with self._gate.writing() as session:
            expired = self._expired(session)
            over = {one for mark in expired for one in self._over(session, mark)}
            gone = _forget(session, over) if over else set()
            session.looked(expired)
            if gone:
                # An identifier of an observable tells its value: what was deleted is counted, not named.
                kinds: dict[str, int] = {}
                for one in gone:
                    kind = one.partition("--")[0]
                    kinds[kind] = kinds.get(kind, 0) + 1
                session.record(CLOCK, "retention", "personal data", "Its time was over.", {"deleted": kinds})
            return len(gone)

    @staticmethod
    def _expired(session: Session) -> list[str]:
        survey = Survey(session.definitions())
        return [
            one
            for one in survey.facts
            if (marking := survey.definitions.get(one))
            and marking.expires is not None
            and marking.expires <= session.at
        ]

    @staticmethod
    def _over(session: Session, mark: str) -> set[str]:
        """What describes a person and bears a marking that has expired, in its latest version."""
        graph = session.find(session.bearing_since(mark))
        return {facts.id for held in graph if (facts := facts_of(held)).personal and mark in facts.marks}


def _forget(session: Session, over: set[str]) -> set[str]:
    """Delete objects, what cannot stand without them, and every other reference to them."""
    gone = set(over)
    while True:
        graph = session.find(session.bearing(gone))
        held = {one.id: (facts_of(one), one) for one in graph}
        further = {i for i, (facts, _) in held.items() if i not in gone and _falls(facts, gone)}
        if not further:
            break
        gone |= further
    left = [one for i, (_, one) in held.items() if i not in gone]
    own = session.register().directory.own
    remade = [(graph.collection(one.id), _without(one, gone, own, session)) for one in left]
    # Earlier versions name what is gone as well.
    session.erase({*gone, *(one.id for one in left)})
    for number, raw in remade:
        if not examine(raw).violations:
            session.replace(number, [incoming(raw)])
    follow(session, {*gone, *(one.id for one in left)}, Reason.EXPIRED)
    return gone


def _falls(facts: Facts, gone: set[str]) -> bool:
    return not gone.isdisjoint(facts.ends) or bool(facts.some and gone.issuperset(facts.some))


def _without(held: Held, gone: set[str], own: str, session: Session) -> bytes:
    """An object without its references to what is gone: a new version of what is ours, a copy of what is not."""
    source = _decode(held.raw)
    copy, _ = cut(source, (), lambda identifier: identifier not in gone)
    facts = facts_of(held)
    if facts.originator(own) is not None:
        copy["id"] = copy_id(session.key(), own, facts.id)
    elif "modified" in copy:
        copy["modified"] = next_version(copy["modified"], session.at)
    return msgspec.json.encode(copy)
