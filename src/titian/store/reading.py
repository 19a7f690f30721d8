"""Reading one object, and what is around it, as one viewer may see it. Every answer is bounded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from titian.core.arrival import Provenance
from titian.core.collection import Kind, version_text
from titian.core.errors import InvalidInput, NotFound, Unavailable
from titian.core.marking import Marking, read_definition, well_known
from titian.core.reading import (
    MOST_NODES,
    MOST_REFERENCES,
    ActRead,
    Event,
    GraphEdge,
    GraphNode,
    MarkingRead,
    Named,
    Neighbours,
    ObjectRead,
    Translation,
    VersionRead,
    edge_of,
    event_about,
    events_of,
    label_of,
    references_in,
    translations_in,
)
from titian.core.reading import Place as PlaceRead
from titian.core.search import Hit, Query, Tier, Viewer
from titian.core.stix import is_identifier
from titian.core.tlp import PAP_DEFINITIONS, PAP_IDS, TLP_1_DEFINITIONS, TLP_1_IDS, TLP_DEFINITIONS, TLP_IDS
from titian.core.words import decoded, ends_of, title_between, title_of
from titian.store.database import Transaction
from titian.store.holdings import Holdings
from titian.store.pages import LATEST
from titian.store.registry import list_collections
from titian.store.search import Find
from titian.store.search_plan import Place, referring
from titian.store.search_rows import Found, bytes_of, entry, hit_of, rows_of
from titian.store.search_terms import REF, hashed, level_of
from titian.store.store import Store

T = TypeVar("T")

_AT_ONCE: Final = 500
_MOST_ACTS: Final = 50
_MOST_ORIGINS: Final = 100
_MOST_VERSIONS: Final = 500
_DEFINITIONS: Final = {
    ids[level]: raw
    for ids, raws in ((TLP_IDS, TLP_DEFINITIONS), (TLP_1_IDS, TLP_1_DEFINITIONS))
    for level, raw in raws.items()
    if level in ids
} | {PAP_IDS[level]: raw for level, raw in PAP_DEFINITIONS.items()}
_FRONTIER: Final = 64
"""Nodes whose neighbours are looked for at one time."""


class Reading:
    """Reads objects. Safe to share between threads."""

    def __init__(self, store: Store, find: Find) -> None:
        self._store = store
        self._find = find

    def object(self, viewer: Viewer, identifier: str, modified: int | None = None, *, acts: bool = False) -> ObjectRead:
        """One object: its latest version, or the one with a ``modified`` in microseconds. With ``acts``, also what was
        done with it: for who may audit.

        Raises :class:`NotFound` for what is not held, and in the same words for what the viewer may not see.
        """
        return self._seeing(viewer, lambda sight: sight.object(identifier, modified, acts))

    def names(self, viewer: Viewer, identifiers: Collection[str]) -> dict[str, str]:
        """What objects are called, of those that the viewer may see."""
        return self._seeing(viewer, lambda sight: sight.titles(identifiers))

    def neighbours(self, viewer: Viewer, identifier: str, *, depth: int = 2, limit: int = MOST_NODES) -> Neighbours:
        """The graph around an object, up to two steps and a number of nodes. Raises :class:`NotFound`, and
        :class:`InvalidInput` for another depth or limit."""
        if not 0 <= depth <= 2 or not 1 <= limit <= MOST_NODES:
            raise InvalidInput(f"A graph has up to 2 steps and {MOST_NODES} nodes.")
        return self._seeing(viewer, lambda sight: sight.neighbours(identifier, depth, limit), indexed=True)

    def timeline(self, viewer: Viewer, identifier: str, limit: int = 200, *, acts: bool = False) -> tuple[Event, ...]:
        """What happened to an object, the newest first. With ``acts``, also what was done with it: for who may audit.
        Raises :class:`NotFound`."""
        return self._seeing(viewer, lambda sight: sight.timeline(identifier, limit, acts), indexed=True)

    def translations(self, viewer: Viewer, identifier: str) -> tuple[Translation, ...]:
        """What an object says in other languages, the newest first. Raises :class:`NotFound`."""
        return self._seeing(viewer, lambda sight: sight.translations(identifier), indexed=True)

    def sightings(self, viewer: Viewer, identifier: str, limit: int = 100) -> tuple[Hit, ...]:
        """The sightings of an object, the newest first. Raises :class:`NotFound`."""
        return self._seeing(viewer, lambda sight: sight.sightings(identifier, limit), indexed=True)

    def recent(self, viewer: Viewer, limit: int = 20) -> tuple[Hit, ...]:
        """What came in last, the newest first."""
        return self._find(viewer, Query(limit=limit)).hits

    def counts(self, viewer: Viewer) -> dict[str, int]:
        """How many objects there are of each type, the most first."""

        def count(tx: Transaction, places: Sequence[Place]) -> dict[str, int]:
            return self._find.count(tx, places)

        found, _ = self._find.looking(viewer, count)
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))

    def _seeing(self, viewer: Viewer, look: Callable[[_Sight], T], *, indexed: bool = False) -> T:
        """Look at what a viewer may see, in one snapshot; with ``indexed``, when the index is in step with it."""
        if indexed:
            found, _ = self._find.looking(viewer, lambda tx, places: look(_Sight(tx, self._store, viewer, places)))
            return found
        for _ in range(2):
            with self._store.reading() as tx:
                sight = _Sight(tx, self._store, viewer, ())
                if not sight.is_due:
                    return look(sight)
            self._find.end()
        raise Unavailable("What has ended is being taken out.", advice="Try again in a moment.")


class _Sight:
    """What one viewer sees, in one snapshot."""

    def __init__(self, tx: Transaction, store: Store, viewer: Viewer, places: Sequence[Place]) -> None:
        self.tx = tx
        self.store = store
        self.viewer = viewer
        self.places = places
        at = store.clock()
        self.collections = {one.num: one for one in list_collections(tx) if viewer.sees(one, at)}
        self.is_due = not viewer.is_organisation and any(
            one.kind is Kind.RELEASED and one.expiry is not None and one.expiry <= at
            for one in self.collections.values()
        )
        self._holdings: Holdings | None = None

    # ── finding entries ───────────────────────────────────────────────────────────────────────────────────

    def entries(self, identifiers: Collection[str], *, latest: bool) -> dict[str, list[Found]]:
        """The entries of objects, of every version or of the latest of each collection."""
        wanted = list(dict.fromkeys(identifiers))
        found: dict[str, list[Found]] = {}
        rank = " AND (rank & 1) = 1" if latest else ""
        for begin in range(0, len(wanted), _AT_ONCE):
            some = set(wanted[begin : begin + _AT_ONCE])
            for row in self.tx.all(
                "SELECT collection, added, id, version, versioned, text, rank, segment, start, length FROM entries "
                f"{self.tx.using('ix_entries_id')}WHERE {self.tx.among('id_hash')}{rank}",
                self.tx.array([self.store.log.id_hash(one) for one in some]),
            ):
                if row[0] in self.collections and row[2] in some:
                    found.setdefault(row[2], []).append(entry(0, row))
        # In an order of our own: that of the rows is the backend's, and tells of what else is there (law 1).
        return {one: sorted(found[one], key=lambda row: (row.collection, row.added)) for one in wanted if one in found}

    def chosen(self, identifiers: Collection[str]) -> dict[str, Found]:
        """The entry that stands for each object: as the gate chooses it for us, else the latest."""
        return {one: self._one_of(rows) for one, rows in self.entries(identifiers, latest=True).items()}

    def _one_of(self, rows: Sequence[Found]) -> Found:
        if len(rows) == 1:
            return rows[0]
        held = [row for row in rows if self.collections[row.collection].kind is not Kind.RELEASED]
        if len(held) > 1 and self.viewer.is_organisation:
            self._holdings = self._holdings or Holdings(self.tx, self.store.log, self.store.node.identity)
            place = self._holdings.places([rows[0].id]).get(rows[0].id)
            for row in held:
                if place is not None and (row.collection, row.added) == (place.collection, place.added):
                    return row
        # An object without versions counts as old as it is here.
        return max(held or rows, key=lambda row: (row.versioned, row.version, -row.collection, row.added))

    def read(self, rows: Sequence[Found]) -> Iterator[tuple[Found, dict[str, Any]]]:
        """Entries with what they say."""
        return zip(rows, map(decoded, bytes_of(self.tx, rows)), strict=True)

    def titles(self, identifiers: Collection[str]) -> dict[str, str]:
        """What objects are called, as far as they are seen."""
        said = {row.id: value for row, value in self.read(list(self.chosen(identifiers).values()))}
        found = {one: title_of(value) for one, value in said.items()}
        ends = {one: ends_of(value) for one, value in said.items()}
        others = {end for some in ends.values() for end in some} - found.keys()
        known = found | {row.id: title_of(value) for row, value in self.read(list(self.chosen(others).values()))}
        return {one: _between(title, ends[one], known) for one, title in found.items()}

    def named(self, identifiers: Iterable[str]) -> dict[str, Named]:
        """Objects by name, also those that are not seen."""
        wanted = list(dict.fromkeys(identifiers))
        titles = self.titles(wanted)
        return {one: Named(one, titles.get(one)) for one in wanted}

    def require(self, identifier: str) -> Found:
        """The entry of an object that is seen. Raises :class:`NotFound`."""
        found = self.chosen([identifier]) if is_identifier(identifier) else {}
        if identifier not in found:
            raise _absent()
        return found[identifier]

    # ── one object ────────────────────────────────────────────────────────────────────────────────────────

    def object(self, identifier: str, modified: int | None, acts: bool) -> ObjectRead:
        every = self.entries([identifier], latest=False).get(identifier, []) if is_identifier(identifier) else []
        rows = [row for row in every if modified is None or (row.versioned and row.version == modified)]
        if not rows:
            raise _absent()
        row = self._one_of([one for one in rows if one.rank & LATEST] or rows)
        raw = bytes_of(self.tx, [row])[0]
        value = decoded(raw)
        creator = value.get("created_by_ref")
        names = list(references_in(value))[:MOST_REFERENCES]
        named = self.named([one for _, one in names] + ([creator] if isinstance(creator, str) else []))
        own = self.viewer.is_organisation
        held = [one for one in every if one.version == row.version and one.versioned == row.versioned]
        return ObjectRead(
            id=row.id,
            type=row.type,
            title=_between(title_of(value), ends_of(value), {one: each.title or "" for one, each in named.items()}),
            raw=raw,
            modified=row.version if row.versioned else None,
            version=version_text(row.version, row.versioned, row.text),
            latest=bool(row.rank & LATEST),
            added=row.added,
            created_by=named[creator] if isinstance(creator, str) else None,
            tlp=level_of(_marks(value)),
            markings=self._markings(value),
            versions=self._versions(every),
            origins=self._origins(identifier) if own else (),
            acts=self._acts(identifier) if own and acts else (),
            references=tuple((path, named[one]) for path, one in names),
            contested=row.versioned and self._differ(held),
        )

    def _differ(self, rows: Sequence[Found]) -> bool:
        """Whether several places hold several contents of one version; what was released is a copy, and may."""
        held = [row for row in rows if self.collections[row.collection].kind is not Kind.RELEASED]
        return len(held) > 1 and len(set(bytes_of(self.tx, held))) > 1

    def _versions(self, rows: Sequence[Found]) -> tuple[VersionRead, ...]:
        found: dict[tuple[int | None, str], list[PlaceRead]] = {}
        for row in sorted(rows, key=lambda one: (-one.version, -one.added))[:_MOST_VERSIONS]:
            one = self.collections[row.collection]
            shown = version_text(row.version, True, row.text) if row.versioned else ""
            found.setdefault((row.version if row.versioned else None, shown), []).append(
                PlaceRead(one.id, one.name, one.kind, one.party, one.agreement, row.added, one.generation,
                          bool(row.rank & LATEST))
            )  # fmt: skip
        return tuple(VersionRead(modified, shown, tuple(places)) for (modified, shown), places in found.items())

    def _markings(self, value: Mapping[str, Any]) -> tuple[MarkingRead, ...]:
        """The markings of an object and of its parts, with their definitions, once each."""
        parts = value.get("granular_markings")
        of_parts = [one.get("marking_ref") for one in parts if isinstance(one, dict)] if isinstance(parts, list) else []
        wanted = list(dict.fromkeys([*_marks(value), *(one for one in of_parts if isinstance(one, str))]))
        rows = self.chosen([one for one in wanted if well_known(one) is None and is_identifier(one)])
        held = dict(zip(rows, bytes_of(self.tx, rows.values()), strict=True))
        return tuple(_marking(one, held.get(one)) for one in wanted)

    def _origins(self, identifier: str) -> tuple[Provenance, ...]:
        rows = self.tx.all(
            "SELECT a.party, a.received, a.remote, a.subscription, a.origin, a.entry FROM entries e "
            f"{self.tx.using('ix_entries_id')}"
            "JOIN provenance p ON p.collection = e.collection AND p.first <= e.added AND p.last >= e.added "
            "JOIN arrivals a ON a.num = p.arrival WHERE e.id_hash = ? AND e.id = ? ORDER BY a.received DESC LIMIT ?",
            self.store.log.id_hash(identifier), identifier, _MOST_ORIGINS,
        )  # fmt: skip
        return tuple(
            Provenance(party=party, received=received, remote=remote, subscription=subscription, origin=origin,
                       entry=entry)
            for party, received, remote, subscription, origin, entry in rows
        )  # fmt: skip

    def _acts(self, identifier: str) -> tuple[ActRead, ...]:
        rows = self.tx.all(
            "SELECT at, person, act, why FROM acts WHERE subject = ? ORDER BY num DESC LIMIT ?", identifier, _MOST_ACTS
        )
        return tuple(ActRead(*row) for row in rows)

    # ── what refers to it ─────────────────────────────────────────────────────────────────────────────────

    def referring(self, identifiers: Sequence[str], *, kind: str | None = None, limit: int) -> list[Found]:
        """The entries that refer to some objects, the newest first, each object once; so many for each, at most."""
        terms = [hashed(REF, one, self.store.log.id_hash) for one in identifiers]
        found: dict[str, Found] = {}
        for place in self.places:
            numbers = referring(self.tx, place, terms, kind=kind, limit=limit)
            every = sorted({number for each in numbers.values() for number in each}, reverse=True)
            for row in rows_of(self.tx, place.scope, every):
                found.setdefault(row.id, row)
        return sorted(found.values(), key=lambda one: -one.added)

    def sightings(self, identifier: str, limit: int) -> tuple[Hit, ...]:
        self.require(identifier)
        found = self.referring([identifier], kind="sighting", limit=limit)[:limit]
        return tuple(
            hit_of(row, raw, self.collections[row.collection], Tier.TEXT, ())
            for row, raw in zip(found, bytes_of(self.tx, found), strict=True)
        )

    def translations(self, identifier: str) -> tuple[Translation, ...]:
        row = self.require(identifier)
        latest = row.version if row.versioned else None
        found = self.referring([identifier], kind="language-content", limit=MOST_REFERENCES)
        return tuple(
            one
            for other, value in self.read(found)
            if value.get("object_ref") == identifier
            for one in translations_in(other.id, value, latest)
        )

    def timeline(self, identifier: str, limit: int, acts: bool) -> tuple[Event, ...]:
        row = self.require(identifier)
        (_, value), *_ = self.read([row])
        title = title_of(value)
        events = list(events_of(identifier, value))
        for one in self.entries([identifier], latest=False)[identifier][:_MOST_VERSIONS]:
            events.append(Event(one.added, "added", identifier, title, self.collections[one.collection].name))
            if one.versioned:
                events.append(Event(one.version, "modified", identifier, title, ""))
        for other, said in self.read(self.referring([identifier], limit=limit)):
            told = event_about(other.id, said)
            if told is not None:
                events.append(told)
        if acts and self.viewer.is_organisation:
            events += [Event(act.at, "act", identifier, act.act, act.why) for act in self._acts(identifier)]
        known = {event.at for event in events if event.kind == "created"}
        plain = {event for event in events if event.kind != "modified" or event.at not in known}
        return tuple(sorted(plain, key=lambda one: (-one.at, one.kind, one.id, one.text))[:limit])

    # ── the graph ─────────────────────────────────────────────────────────────────────────────────────────

    def neighbours(self, identifier: str, depth: int, limit: int) -> Neighbours:
        graph = _Graph(self, limit)
        graph.add({identifier: self.require(identifier)}, 0)
        for step in range(1, depth + 1):
            frontier = [node.id for node in graph.nodes.values() if node.depth == step - 1 and node.held]
            for begin in range(0, len(frontier), _FRONTIER):
                if not graph.more:
                    graph.widen(frontier[begin : begin + _FRONTIER], step)
        return Neighbours(tuple(graph.nodes.values()), tuple(graph.edges), graph.more)


class _Graph:
    """A graph that grows from its middle."""

    def __init__(self, sight: _Sight, limit: int) -> None:
        self._sight = sight
        self._limit = limit
        self._said: dict[str, dict[str, Any]] = {}
        self.nodes: dict[str, GraphNode] = {}
        self.edges: dict[GraphEdge, None] = {}
        self.more = False

    def add(self, rows: Mapping[str, Found], depth: int) -> None:
        """Add nodes that are held."""
        for row, value in self._sight.read(list(rows.values())):
            self.nodes[row.id] = GraphNode(row.id, row.type, title_of(value), level_of(_marks(value)), depth, True)
            self._said[row.id] = value

    def widen(self, middle: Sequence[str], depth: int) -> None:
        """Add what some nodes refer to, and what refers to them."""
        edges: dict[GraphEdge, None] = {}
        relations: dict[str, Found] = {}
        others: dict[str, Found] = {}
        for identifier in middle:
            for path, target in references_in(self._said.pop(identifier, {})):
                edges[GraphEdge(identifier, target, label_of(path), None)] = None
        for row in self._sight.referring(middle, limit=self._limit + 1)[: 2 * self._limit]:
            (relations if row.type == "relationship" else others)[row.id] = row
        for row, value in self._sight.read(list(relations.values())):
            edge = edge_of(row.id, value)
            if edge is not None:
                edges[edge] = None
        within = self.nodes.keys() | set(middle)
        for row, value in self._sight.read(list(others.values())):
            for path, target in references_in(value):
                if target in within:
                    edges[GraphEdge(row.id, target, label_of(path), None)] = None
        self._take(edges, depth)

    def _take(self, edges: Iterable[GraphEdge], depth: int) -> None:
        """Take edges in, and the nodes at their ends, as far as there is room."""
        ends = dict.fromkeys(end for edge in edges for end in (edge.source, edge.target) if end not in self.nodes)
        room = self._limit - len(self.nodes)
        if len(ends) > room:
            self.more = True
        new = list(ends)[: max(0, room)]
        found = self._sight.chosen([one for one in new if is_identifier(one)])
        self.add({one: found[one] for one in new if one in found}, depth)
        for one in new:
            if one not in found:
                self.nodes[one] = GraphNode(one, one.partition("--")[0], one, None, depth, False)
        for edge in edges:
            if edge.source in self.nodes and edge.target in self.nodes:
                self.edges[edge] = None


def _between(title: str, ends: Sequence[str], names: Mapping[str, str]) -> str:
    """What an object is called that is named by others; one that is not seen is called by its type."""
    return title_between(title, [names.get(one) or one.partition("--")[0] for one in ends])


def _marks(value: Mapping[str, Any]) -> tuple[str, ...]:
    marks = value.get("object_marking_refs")
    return tuple(one for one in marks if isinstance(one, str)) if isinstance(marks, list) else ()


def _marking(identifier: str, held: bytes | None) -> MarkingRead:
    known = well_known(identifier)
    if known is not None:
        raw = _DEFINITIONS.get(identifier)
        label = known.tlp.label if known.tlp else known.pap.label if known.pap else None
        return MarkingRead(identifier, raw, label, known)
    if held is None:
        return MarkingRead(identifier, None, None, Marking(unknown=frozenset({identifier})))
    try:
        meaning = read_definition(held)
    except InvalidInput:
        meaning = Marking(unknown=frozenset({identifier}))
    return MarkingRead(identifier, held, title_of(decoded(held)), meaning)


def _absent() -> NotFound:
    return NotFound("There is no such object here.", advice="Search for it by its name or value.")
