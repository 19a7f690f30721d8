"""Real intelligence for the demo: the MISP galaxies that the ``pymispgalaxies`` package ships, as STIX 2.1.

MITRE ATT&CK and ATLAS, threat actors, drones, INTERPOL's dark-web and virtual-asset terms, fraud and
disinformation techniques, surveillance vendors and the countries they all point at. The galaxy files are
CC0-1.0 or BSD-2-Clause at the reader's choice; text that is MITRE's also carries MITRE's terms as a marking.

The same package version gives the same objects: same ids, same bytes, same order, and nothing refers forward.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import resources
from itertools import chain
from typing import NamedTuple

import msgspec

from titian.core.errors import UnreadableFile
from titian.wire.galaxies_fixed import CREATED, Stix, fixed_objects, logical_time, stable_id
from titian.wire.galaxies_objects import (
    GALAXIES,
    Cluster,
    ClusterFile,
    Galaxy,
    Related,
    domain_object,
    identifier,
    markings,
)


def demo_objects() -> Iterator[bytes]:
    """Every object of the demo as compact JSON: what is referred to first, relationships last.

    Raises `UnreadableFile` when the installed package lacks a galaxy or holds one of another form.
    """
    encode = msgspec.json.Encoder().encode
    return (encode(made) for made in _everything())


def demo_counts() -> Mapping[str, int]:
    """How many objects of each STIX type `demo_objects` yields (a third of a second: nothing is encoded)."""
    return Counter(str(made["type"]) for made in _everything())


def demo_size() -> int:
    """How many objects `demo_objects` yields."""
    return sum(demo_counts().values())


class _Entry(NamedTuple):
    galaxy: Galaxy
    version: int
    cluster: Cluster
    id: str


class _Edge(NamedTuple):
    """One relationship to be, told in STIX words."""

    type: str
    source: str
    target: str
    description: str = ""
    confidence: int | None = None


def _everything() -> Iterator[Stix]:
    entries = _entries()
    things = (domain_object(entry.galaxy, entry.version, entry.cluster, entry.id) for entry in entries)
    return chain(fixed_objects(), things, _relationships(entries))


def _entries() -> list[_Entry]:
    """Every cluster with the id its object gets; of two with one id the second gets a derived one."""
    found: dict[str, _Entry] = {}
    for galaxy in GALAXIES:
        held = _read(galaxy.name)
        for cluster in held.values:
            object_id = identifier(galaxy, cluster)
            if object_id in found:
                object_id = stable_id(galaxy.stix_type, galaxy.name, cluster.uuid, cluster.value)
            found[object_id] = _Entry(galaxy, held.version, cluster, object_id)
    return list(found.values())


def _read(name: str) -> ClusterFile:
    folder = resources.files("pymispgalaxies") / "data" / "misp-galaxy" / "clusters"
    try:
        return msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=ClusterFile)
    except (OSError, msgspec.MsgspecError) as error:
        raise UnreadableFile(
            f"The galaxy {name!r} of the package pymispgalaxies cannot be read ({error}).",
            advice="Install pymispgalaxies 1.1 or a later 1.x.",
        ) from error


def _relationships(entries: list[_Entry]) -> Iterator[Stix]:
    """What the clusters say of each other, once each: statements between two objects that are both here."""
    by_uuid: dict[str, str] = {}
    for entry in entries:
        by_uuid.setdefault(entry.cluster.uuid, entry.id)
    countries = _Countries(entries)
    linked: set[frozenset[str]] = set()
    stated: set[tuple[str, str, str]] = set()
    for entry in entries:
        for edge in chain(countries.edges(entry), _stated(entry, by_uuid)):
            pair = frozenset((edge.source, edge.target))
            if edge[:3] in stated or (edge.type == "related-to" and pair in linked) or len(pair) == 1:
                continue
            linked.add(pair)
            stated.add(edge[:3])
            yield _relationship(entry, edge)


def _relationship(entry: _Entry, edge: _Edge) -> Stix:
    made: Stix = {
        "type": "relationship",
        "spec_version": "2.1",
        "id": stable_id("relationship", edge.type, edge.source, edge.target),
        "created_by_ref": entry.galaxy.source,
        "created": CREATED,
        "modified": logical_time(entry.version),
        "relationship_type": edge.type,
    }
    if edge.description:
        made["description"] = edge.description
    made["source_ref"] = edge.source
    made["target_ref"] = edge.target
    if edge.confidence is not None:
        made["confidence"] = edge.confidence
    made["object_marking_refs"] = markings(entry.galaxy.source)
    return made


_KEPT = frozenset({"uses", "mitigates", "targets", "delivers", "subtechnique-of", "revoked-by"})
"""Words that are STIX 2.1's own (section 3.7 and the types' tables), or those of ATT&CK's native bundles."""

_USERS = frozenset({"intrusion-set", "malware", "threat-actor", "tool"})
_USED = frozenset({"attack-pattern", "malware", "tool"})

_LIKELIHOOD = {"likely": 70, "very-likely": 85, "almost-certain": 95}
"""MISP's estimative language (ICD 203) as STIX confidence (STIX 2.1 appendix A, DNI scale)."""
_LIKELIHOOD_TAG = re.compile(r'estimative-language:likelihood-probability="([a-z-]+)"')


def _stated(entry: _Entry, by_uuid: Mapping[str, str]) -> Iterator[_Edge]:
    """The cluster's ``related``, as far as both ends are here."""
    for related in entry.cluster.related:
        other = by_uuid.get(related.dest_uuid)
        if other is not None:
            yield _in_stix_words(related, entry.id, other)


def _in_stix_words(related: Related, own: str, other: str) -> _Edge:
    """A galaxy's word → STIX's; where STIX has none, ``related-to`` with the galaxy's word as description."""
    word = related.type.strip()
    tags = (_LIKELIHOOD_TAG.fullmatch(tag) for tag in related.tags)
    confidence = next((_LIKELIHOOD.get(tag[1]) for tag in tags if tag), None)
    if word == "blocks":
        return _Edge("mitigates", own, other, confidence=confidence)
    if word == "blocked-by":
        return _Edge("mitigates", other, own, confidence=confidence)
    ends = own.partition("--")[0], other.partition("--")[0]
    if word in _KEPT and (word != "uses" or (ends[0] in _USERS and ends[1] in _USED)):
        return _Edge(word, own, other, confidence=confidence)
    description = "" if word == "related-to" else f"MISP galaxy: {word}"
    return _Edge("related-to", own, other, description, confidence)


class _Countries:
    """The countries by code and by name, for the facts that name a country instead of pointing at one."""

    def __init__(self, entries: list[_Entry]) -> None:
        self._by_name: dict[str, str] = {}
        for entry in entries:
            if entry.galaxy.name == "country":
                names = (entry.cluster.value, entry.cluster.description, *entry.cluster.texts("ISO"))
                self._by_name.update((name.strip().lower(), entry.id) for name in names)

    def edges(self, entry: _Entry) -> Iterator[_Edge]:
        """What a threat actor's or a drone's own facts say about countries."""
        if entry.galaxy.name == "threat-actor":
            confidence = next(iter(entry.cluster.texts("attribution-confidence")), "")
            certainty = int(confidence) if confidence.isdigit() and int(confidence) <= 100 else None
            for place in self._places(entry, "country"):
                yield _Edge("located-at", entry.id, place, "Suspected origin", certainty)
            for place in self._places(entry, "cfr-suspected-victims", "suspected-victims"):
                yield _Edge("targets", entry.id, place, "Suspected victims")
        elif entry.galaxy.name == "uavs":
            for place in self._places(entry, "country"):
                yield _Edge("originates-from", entry.id, place)
            for place in self._places(entry, "operator"):
                yield _Edge("operated-by", entry.id, place)

    def _places(self, entry: _Entry, *keys: str) -> Iterator[str]:
        for text in entry.cluster.texts(*keys):
            for name in text.split(";"):
                place = self._by_name.get(name.strip().lower())
                if place is not None:
                    yield place
