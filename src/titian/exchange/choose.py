"""Choosing what a release is about: identifiers, saved queries, and reports with everything that they refer to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from titian.core.errors import InvalidInput, NotFound
from titian.core.gate import HeldGraph, Query, Session
from titian.core.stix import is_identifier
from titian.core.survey import VOCABULARY, Survey
from titian.core.tlp import at_least_as_strict, parse_tlp

QUERY: Final = "query:"
CONTAINERS: Final = ("report--", "grouping--")
"""To choose one of these is to choose everything that it refers to, and what that refers to."""


class Chosen(msgspec.Struct, frozen=True):
    """What was chosen by itself, what a report among it leads to, and what goes along only where something that goes
    names it: that, and creators and marking definitions. The ``survey`` is of the ``graph``, which holds all of it."""

    ids: tuple[str, ...]
    followed: tuple[str, ...]
    support: frozenset[str]
    graph: HeldGraph
    survey: Survey


class _Labels(msgspec.Struct):
    labels: tuple[str, ...] = ()


_labels: Final = msgspec.json.Decoder(_Labels).decode


def choose(session: Session, references: Sequence[str]) -> Chosen:
    """Find what a selection means: identifiers, ``query:NAME``, reports with everything they refer to.

    :raises NotFound: for what is not held, :raises InvalidInput: for what is neither.
    """
    ids: dict[str, None] = {}
    for reference in references:
        if reference.startswith(QUERY):
            ids.update(dict.fromkeys(_queried(session, reference.removeprefix(QUERY))))
        elif is_identifier(reference):
            ids[reference] = None
        else:
            raise InvalidInput(
                f"{reference!r} chooses nothing.",
                advice="Give STIX identifiers, a file of them, query:NAME, or a report--… with all it refers to.",
            )
    if not ids:
        raise InvalidInput(
            "Nothing is chosen.", advice="Give at least one identifier, or a query that finds something."
        )
    return complete(session, list(ids))


def complete(session: Session, ids: Sequence[str]) -> Chosen:
    """Follow reports to all that they refer to, and find creators and marking definitions."""
    graph = session.find(ids)
    missing = sorted(set(ids) - set(graph.ids()))
    if missing:
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        raise NotFound(f"Nothing is held as {', '.join(missing[:3])}{more}.", advice="`titian import` takes files in.")
    survey = Survey()
    chosen = dict.fromkeys(ids)
    inside = {one for one in ids if one.startswith(CONTAINERS)}
    new = survey.extend(graph)
    while inside:
        further = {ref for facts in new if facts.id in inside for ref in facts.refs} - survey.facts.keys()
        graph.extend(further)
        new = survey.extend(graph.read(further))
        inside = {facts.id for facts in new}
        chosen.update(dict.fromkeys(facts.id for facts in new))
    support: set[str] = set()
    new = list(survey.facts.values())
    while new:
        names = {name for facts in new for name in facts.supports()} - survey.facts.keys()
        graph.extend(names)
        new = survey.extend(graph.read(names))
        support.update(facts.id for facts in new)
    alone = set(ids)
    followed = tuple(one for one in chosen if one not in alone)
    return Chosen(tuple(ids), followed, frozenset(support).union(followed), graph, survey)


def _queried(session: Session, name: str) -> list[str]:
    query = session.query(name)
    if query is None:
        raise NotFound(f"There is no saved query {name!r}.", advice="`titian queries list` shows them.")
    return find(session, query)


def find(session: Session, query: Query) -> list[str]:
    """Return the identifiers of what a query finds now, in the order in which it is held."""
    ids = [i for i in session.matching(query.collections, query.types) if not i.startswith(VOCABULARY)]
    if not (query.tlp or query.topics or query.purposes):
        return ids
    graph = session.find(ids)
    survey = Survey(graph)
    survey.extend(session.find({mark for facts in survey.facts.values() for mark in facts.marks}))
    at_most = None if query.tlp is None else parse_tlp(query.tlp)
    found = []
    for held in graph:
        marking = survey.marking(survey.facts[held.id].marks)
        if at_most is not None and (marking.tlp is None or not at_least_as_strict(at_most, marking.tlp)):
            continue
        if query.topics and not set(query.topics) & set(_labels(held.raw).labels):
            continue
        if query.purposes and not set(query.purposes) & (marking.purposes or frozenset()):
            continue
        found.append(held.id)
    return found
