"""One MISP galaxy cluster → one STIX 2.1 domain object.

A type of STIX 2.1 is used wherever one really fits. A model of drone and a term of a vocabulary fit none:
they are ``uav`` and ``taxonomy-term`` under an extension definition with ``new-sdo`` (STIX 2.1 section 7.3),
never a bare ``x-`` type. INTERPOL's terms for abuses stay terms beside those for entities: they define words,
they do not report behaviour as an attack-pattern does. Facts without a property in STIX (a suspected sponsor,
a platform) stay in the source's words in the property extension `FACTS`: turning "suspected" into a STIX
vocabulary value would be a judgement of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from titian.wire.galaxies_fixed import (
    CREATED,
    DISARM,
    FACTS,
    INTERPOL,
    MISP,
    MITRE,
    MITRE_TERMS,
    TAXONOMY_TERM,
    TLP_CLEAR,
    UAV,
    Stix,
    logical_time,
    stable_id,
)


class Related(msgspec.Struct, frozen=True, rename="kebab"):
    """One entry of a cluster's ``related``."""

    dest_uuid: str
    type: str
    tags: tuple[str, ...] = ()


class Cluster(msgspec.Struct, frozen=True):
    """One value of a MISP galaxy cluster file; what is not listed here is not used."""

    value: str
    uuid: str
    description: str = ""
    meta: dict[str, str | list[str]] | None = None
    related: tuple[Related, ...] = ()
    revoked: bool = False

    def texts(self, *keys: str) -> list[str]:
        """The meta values under ``keys``, trimmed, without empty ones and repetitions."""
        found: dict[str, None] = {}
        for key in keys:
            held = (self.meta or {}).get(key, ())
            found.update((text.strip(), None) for text in ((held,) if isinstance(held, str) else held))
        return [text for text in found if text]


class ClusterFile(msgspec.Struct, frozen=True):
    """One MISP galaxy cluster file."""

    version: int
    values: tuple[Cluster, ...]


class Galaxy(NamedTuple):
    """How one galaxy is read: its file, the STIX type of its clusters, who says so, whose numbers it has."""

    name: str
    stix_type: str
    source: str
    catalogue: str = ""
    """The ``source_name`` of the cluster's ``external_id``."""


GALAXIES = (
    Galaxy("country", "location", MISP),
    Galaxy("mitre-attack-pattern", "attack-pattern", MITRE, "mitre-attack"),
    Galaxy("mitre-intrusion-set", "intrusion-set", MITRE, "mitre-attack"),
    Galaxy("mitre-malware", "malware", MITRE, "mitre-attack"),
    Galaxy("mitre-tool", "tool", MITRE, "mitre-attack"),
    Galaxy("mitre-course-of-action", "course-of-action", MITRE, "mitre-attack"),
    Galaxy("mitre-atlas-attack-pattern", "attack-pattern", MITRE, "mitre-atlas"),
    Galaxy("mitre-atlas-course-of-action", "course-of-action", MITRE, "mitre-atlas"),
    Galaxy("threat-actor", "threat-actor", MISP),
    Galaxy("surveillance-vendor", "identity", MISP),
    Galaxy("attck4fraud", "attack-pattern", MISP, "attck4fraud"),
    Galaxy("disarm-techniques", "attack-pattern", DISARM, "disarm"),
    Galaxy("disarm-countermeasures", "course-of-action", DISARM, "disarm"),
    Galaxy("uavs", "uav", MISP),
    Galaxy("interpol-dwva", "taxonomy-term", INTERPOL),
)
"""What the demo loads. Order matters twice: of two clusters with one UUID the first keeps it, and of two
that each call the other similar the first becomes the relationship's source."""

_ALWAYS_USED = frozenset({"refs", "references", "sources", "official-refs", "external_id"})
_CONFORMING_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_URL = re.compile(r"https?://[^\s<>\"{}|\\^`]+")
_NOT_KEY = re.compile(r"[^a-z0-9]+")
_TECHNIQUE_SUFFIX = re.compile(r" - [A-Z]{1,3}[0-9.]+$")
_KILL_CHAINS = {
    "attack": "mitre-attack",
    "mobile": "mitre-mobile-attack",
    "pre": "mitre-pre-attack",
    "tactics": "disarm",
}
"""First word of a galaxy's kill chain → the name ATT&CK itself uses; what follows names a platform, which the
cluster lists again under ``mitre_platforms``."""


def identifier(galaxy: Galaxy, cluster: Cluster) -> str:
    """The STIX id: the cluster's own UUID where RFC 4122 allows it, else one derived from it.

    Some UUIDs in the galaxies were made by hand, without a valid variant or version (STIX 2.1 section 2.9).
    """
    if _CONFORMING_UUID.fullmatch(cluster.uuid):
        return f"{galaxy.stix_type}--{cluster.uuid}"
    return stable_id(galaxy.stix_type, galaxy.name, cluster.uuid, cluster.value)


def domain_object(galaxy: Galaxy, version: int, cluster: Cluster, object_id: str) -> Stix:
    """The STIX object of ``cluster``, which is of version ``version`` of ``galaxy``."""
    own, used = _SHAPES[galaxy.stix_type](galaxy, cluster)
    made: Stix = {
        "type": galaxy.stix_type,
        "spec_version": "2.1",
        "id": object_id,
        "created_by_ref": galaxy.source,
        "created": CREATED,
        "modified": logical_time(version),
    }
    if cluster.revoked:
        made["revoked"] = True
    made.update((name, value) for name, value in own.items() if value not in ("", []))
    made["external_references"] = external_references(galaxy, cluster)
    made["object_marking_refs"] = markings(galaxy.source)
    extensions = _extensions(galaxy, cluster, used)
    if extensions:
        made["extensions"] = extensions
    return made


def markings(source: str) -> list[str]:
    """TLP:CLEAR, and with it MITRE's terms where the text is MITRE's."""
    return [TLP_CLEAR, MITRE_TERMS] if source == MITRE else [TLP_CLEAR]


def external_references(galaxy: Galaxy, cluster: Cluster) -> list[Stix]:
    """The cluster's name as a MISP tag, its number in its catalogue, and its sources."""
    found: list[Stix] = []
    links = cluster.texts("refs", "references", "sources", "official-refs")
    for number in cluster.texts("external_id") if galaxy.catalogue else ():
        reference: Stix = {"source_name": galaxy.catalogue, "external_id": number}
        page = number.replace(".", "/") if galaxy.catalogue == "mitre-attack" else number
        url = next((link for link in links if link.endswith((f"/{page}", f"/{page}.md"))), None)
        if url and _URL.fullmatch(url):
            links.remove(url)
            reference["url"] = url
        found.append(reference)
    found.append({"source_name": "misp-galaxy", "external_id": f'misp-galaxy:{galaxy.name}="{cluster.value}"'})
    for link in links:
        if _URL.fullmatch(link):
            found.append({"source_name": urlsplit(link).netloc, "url": link})
        else:
            found.append({"source_name": "misp-galaxy", "description": link})
    return found


def _extensions(galaxy: Galaxy, cluster: Cluster, used: Sequence[str]) -> Stix:
    held = {key: cluster.texts(key) for key in cluster.meta or {} if key not in _ALWAYS_USED and key not in used}
    facts = {_NOT_KEY.sub("_", key.lower()).strip("_"): texts for key, texts in held.items() if texts}
    extensions: Stix = {}
    if galaxy.stix_type in _NEW_TYPES:
        extensions[_NEW_TYPES[galaxy.stix_type]] = {"extension_type": "new-sdo"}
    if facts:
        extensions[FACTS] = {"extension_type": "property-extension", "facts": facts}
    return extensions


_NEW_TYPES = {"uav": UAV, "taxonomy-term": TAXONOMY_TERM}

_Shape = tuple[Mapping[str, object], Sequence[str]]
"""The properties of the type (empty ones are left out later), and the meta keys they came from."""


def _named(galaxy: Galaxy, cluster: Cluster) -> dict[str, object]:
    name = _TECHNIQUE_SUFFIX.sub("", cluster.value.strip()) if galaxy.catalogue else cluster.value.strip()
    return {"name": name, "description": cluster.description.strip()}


def _with_aliases(galaxy: Galaxy, cluster: Cluster) -> _Shape:
    named = _named(galaxy, cluster)
    aliases = [alias for alias in cluster.texts("synonyms") if alias != named["name"]]
    return named | {"aliases": aliases}, ("synonyms",)


def _attack_pattern(galaxy: Galaxy, cluster: Cluster) -> _Shape:
    own, used = _with_aliases(galaxy, cluster)
    phases: dict[tuple[str, str], None] = {}
    for entry in cluster.texts("kill_chain"):
        chain, _, phase = entry.partition(":")
        name = _KILL_CHAINS.get(chain.partition("-")[0], chain)
        phases[_hyphenated(name), _hyphenated(phase)] = None
    chains = [{"kill_chain_name": chain, "phase_name": phase} for chain, phase in phases if phase]
    return {**own, "kill_chain_phases": chains}, (*used, "kill_chain")


def _malware(galaxy: Galaxy, cluster: Cluster) -> _Shape:
    own, used = _with_aliases(galaxy, cluster)
    return {**own, "is_family": True}, used


def _course_of_action(galaxy: Galaxy, cluster: Cluster) -> _Shape:
    return _named(galaxy, cluster), ()


def _identity(galaxy: Galaxy, cluster: Cluster) -> _Shape:
    return {**_named(galaxy, cluster), "identity_class": "organization"}, ()


def _location(galaxy: Galaxy, cluster: Cluster) -> _Shape:
    name = cluster.description.strip() or cluster.value.strip()
    return {"name": name, "country": "".join(cluster.texts("ISO")[:1])}, ("ISO",)


def _taxonomy_term(galaxy: Galaxy, cluster: Cluster) -> _Shape:
    categories = [part.replace("_", " ") for path in cluster.texts("kill_chain") for part in path.split(":")]
    return {**_named(galaxy, cluster), "taxonomy": "INTERPOL DW-VA", "categories": categories}, ("kill_chain",)


_UAV_TEXTS = {
    "country": "country",
    "flight_time_h": "flight_time",
    "payload_kg": "payload",
    "top_speed_kmph": "top_speed",
    "wingspan_m": "wingspan",
    "powerplant": "powerplant",
    "cost_usd": "unit_cost",
}
_ARMED = {"yes": True, "no": False}


def _uav(galaxy: Galaxy, cluster: Cluster) -> _Shape:
    own = _named(galaxy, cluster)
    makers = (part.strip() for text in cluster.texts("manufacturer") for part in text.split(";"))
    own["manufacturers"] = [part for part in dict.fromkeys(makers) if part]
    own["operators"] = cluster.texts("operator")
    own["classes"] = cluster.texts("specifications")
    for answer in cluster.texts("weapon_capability"):
        own["armed"] = _ARMED.get(answer.lower(), "")
    for key, name in _UAV_TEXTS.items():
        own[name] = "".join(cluster.texts(key)[:1])
    return own, ("manufacturer", "operator", "specifications", "weapon_capability", *_UAV_TEXTS)


def _hyphenated(text: str) -> str:
    return _NOT_KEY.sub("-", text.lower().replace("&", "and")).strip("-")


_SHAPES: Mapping[str, Callable[[Galaxy, Cluster], _Shape]] = {
    "attack-pattern": _attack_pattern,
    "course-of-action": _course_of_action,
    "identity": _identity,
    "intrusion-set": _with_aliases,
    "location": _location,
    "malware": _malware,
    "taxonomy-term": _taxonomy_term,
    "threat-actor": _with_aliases,
    "tool": _with_aliases,
    "uav": _uav,
}
