"""One object as a person reads it: its versions, its neighbours, what happened to it, what it is called elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from titian.core.arrival import Provenance
from titian.core.collection import Kind
from titian.core.errors import InvalidTimestamp
from titian.core.marking import Marking
from titian.core.stix import Timestamp, is_identifier
from titian.core.tlp import Tlp
from titian.core.words import one_line, title_of

MOST_NODES: Final = 2_000
"""Nodes of a graph of neighbours at most."""
MOST_REFERENCES: Final = 200
_HANDLED: Final = frozenset({"object_marking_refs", "granular_markings", "created_by_ref"})


class Named(msgspec.Struct, frozen=True):
    """An object by its id, and what it is called: None where it is not held, or not for this reader to see."""

    id: str
    title: str | None


class MarkingRead(msgspec.Struct, frozen=True):
    """A marking: its definition as it is held or well known, what it is called, and what it means.

    ``raw`` is None where nobody knows it, and then it means nothing but that: such an object reaches nobody.
    """

    id: str
    raw: bytes | None
    label: str | None
    meaning: Marking

    @property
    def tlp(self) -> Tlp | None:
        """Its level of the Traffic Light Protocol, if it is one."""
        return self.meaning.tlp


class Place(msgspec.Struct, frozen=True):
    """Where one version lies: the id, name and kind of the collection, and when it came into it."""

    collection: str
    name: str
    kind: Kind
    party: str | None
    agreement: str | None
    added: int
    generation: int
    latest: bool


class VersionRead(msgspec.Struct, frozen=True):
    """One version of an object, ``modified`` in microseconds, None for what has no versions."""

    modified: int | None
    version: str
    places: tuple[Place, ...]


class ActRead(msgspec.Struct, frozen=True):
    """What somebody did to an object: when (microseconds), the id of who, a verb, and why."""

    at: int
    person: str
    act: str
    why: str


class ObjectRead(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an object, with all that a reader may know of it. Its texts are others' and not to be trusted.

    ``versions`` and ``origins`` are the newest first. ``origins`` and ``acts`` are the organisation's alone.
    ``references`` are the properties in which it names others. ``contested``: another content of the same version is
    held too.
    """

    id: str
    type: str
    title: str
    raw: bytes
    modified: int | None
    version: str
    latest: bool
    added: int
    created_by: Named | None
    tlp: Tlp | None
    markings: tuple[MarkingRead, ...]
    versions: tuple[VersionRead, ...]
    origins: tuple[Provenance, ...]
    acts: tuple[ActRead, ...]
    references: tuple[tuple[str, Named], ...]
    contested: bool


class GraphNode(msgspec.Struct, frozen=True):
    """An object in a graph, ``depth`` steps from its middle. One that is not ``held`` is only referred to."""

    id: str
    type: str
    title: str
    tlp: Tlp | None
    depth: int
    held: bool


class GraphEdge(msgspec.Struct, frozen=True):
    """A line from one node to another; ``id`` is that of the relationship, None for a property of the source."""

    source: str
    target: str
    label: str
    id: str | None


class Neighbours(msgspec.Struct, frozen=True):
    """The graph around an object, which is the first node. With ``more``, it was cut off."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    more: bool


class Event(msgspec.Struct, frozen=True):
    """Something that happened: when (microseconds), what, and the object or act that says so.

    ``kind`` is created, modified, added, first-seen, last-seen, valid-from, valid-until, published, sighted, mentioned,
    translated or act.
    """

    at: int
    kind: str
    id: str
    title: str
    text: str


class Translation(msgspec.Struct, frozen=True):
    """What an object says in another language (STIX 2.1 section 7.1): ``fields`` mirror its properties.

    ``outdated``: it was made from an older version than the latest one.
    """

    id: str
    language: str
    fields: Mapping[str, Any]
    object_modified: int | None
    outdated: bool
    created_by: str | None


def instant(value: Any) -> int | None:
    """Return a timestamp of an object in microseconds, None where there is none that can be read.

    >>> instant("2020-09-13T12:26:40Z"), instant("soon"), instant(7)
    (1600000000000000, None, None)
    """
    if not isinstance(value, str):
        return None
    try:
        return Timestamp.parse(value).micros
    except InvalidTimestamp:
        return None


def references_in(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the properties of an object that name others, and whom; not its creator, nor how it is marked.

    >>> list(references_in({"type": "report", "object_refs": ["tool--1"], "created_by_ref": "identity--1"}))
    []
    >>> one = "tool--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
    >>> list(references_in({"object_refs": [one], "x": {"y_ref": one}})) == [("object_refs", one), ("x.y_ref", one)]
    True
    """
    waiting: list[tuple[str, Any]] = [(key, one) for key, one in [*value.items()][::-1] if key not in _HANDLED]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, str):
            if path.endswith(("_ref", "_refs")) and is_identifier(one):
                yield path, one
        elif isinstance(one, list):
            waiting += [(path, each) for each in reversed(one)]
        elif isinstance(one, dict):
            waiting += [(f"{path}.{key}", each) for key, each in reversed(one.items()) if key not in _HANDLED]


def label_of(path: str) -> str:
    """Return how a property reads as the label of a line.

    >>> label_of("object_refs"), label_of("extensions.x.parent_directory_ref")
    ('object', 'parent directory')
    """
    name = path.rpartition(".")[2]
    return name.removesuffix("s").removesuffix("_ref").replace("_", " ")


def edge_of(identifier: str, value: Mapping[str, Any]) -> GraphEdge | None:
    """Return what a relationship draws, None when it names no two ends."""
    source, target, label = (value.get(name) for name in ("source_ref", "target_ref", "relationship_type"))
    if not isinstance(source, str) or not isinstance(target, str):
        return None
    return GraphEdge(source, target, one_line(label, 60) if isinstance(label, str) else "", identifier)


_TIMES: Final = {
    "created": "created",
    "first_seen": "first-seen",
    "last_seen": "last-seen",
    "first_observed": "first-seen",
    "last_observed": "last-seen",
    "start_time": "first-seen",
    "stop_time": "last-seen",
    "valid_from": "valid-from",
    "valid_until": "valid-until",
    "published": "published",
}


def events_of(identifier: str, value: dict[str, Any]) -> Iterator[Event]:
    """Yield what an object says that happened to it."""
    title = title_of(value)
    for name, kind in _TIMES.items():
        at = instant(value.get(name))
        if at is not None:
            yield Event(at, kind, identifier, title, "")


def event_about(identifier: str, value: dict[str, Any]) -> Event | None:
    """Return what another object tells of the one that it refers to; None for one that tells nothing."""
    kind = value.get("type")
    at = next((found for name in ("last_seen", "published", "modified", "created")
               if (found := instant(value.get(name))) is not None), None)  # fmt: skip
    if at is None or kind == "relationship":
        return None
    said = {"sighting": "sighted", "language-content": "translated"}.get(str(kind), "mentioned")
    count = value.get("count")
    text = str(count) if said == "sighted" and isinstance(count, int) else ""
    return Event(at, said, identifier, title_of(value), text)


def translations_in(identifier: str, value: Mapping[str, Any], latest: int | None) -> Iterator[Translation]:
    """Yield what a language-content object says, language by language; ``latest`` is the newest version of its object
    in microseconds."""
    contents, creator = value.get("contents"), value.get("created_by_ref")
    of = instant(value.get("object_modified"))
    for language, fields in contents.items() if isinstance(contents, dict) else ():
        if isinstance(fields, dict):
            yield Translation(
                id=identifier,
                language=language,
                fields=fields,
                object_modified=of,
                outdated=of is not None and latest is not None and of < latest,
                created_by=creator if isinstance(creator, str) else None,
            )
