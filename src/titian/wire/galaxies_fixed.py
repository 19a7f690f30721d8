"""What every galaxy object stands on: sources, markings, extension definitions and the logical clock.

The clusters carry no dates, only a galaxy ``version`` that grows with each change of the file. Same ``(id,
modified)`` must mean same content (STIX 2.1 section 3.6), so ``modified`` is that version told as seconds
after `EPOCH`, plus `REVISION` milliseconds for this converter: a logical clock, not a time of day. All of it
lies before ATT&CK's first true date (2017), so MITRE's own bundle, which uses the same identifiers, always
counts as newer than what is made here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import msgspec

from titian.core.marking import statement_definition, statement_id
from titian.core.tlp import TLP_DEFINITIONS, TLP_IDS, Tlp

Stix = dict[str, object]

EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
"""When every object here is said to be created."""

REVISION = 1
"""Raise it by one with each change of this converter that changes what it makes."""

_NAMESPACE = UUID("ceeb69d7-c4cf-4aab-9bb8-d2ecc9107b58")

TLP_CLEAR = TLP_IDS[Tlp.CLEAR]

FACTS = "extension-definition--16e28347-8d8a-43b4-8997-1e6ba62934d2"
UAV = "extension-definition--40cda1db-1769-4de6-8fac-9ab2097e8821"
TAXONOMY_TERM = "extension-definition--9a40cac4-240e-4077-9e0a-3e55cb3d1499"


def stable_id(stix_type: str, *names: str) -> str:
    """An identifier that follows from ``names`` alone: UUIDv5 in a namespace of this converter.

    >>> stable_id("tool", "a") == stable_id("tool", "a") != stable_id("tool", "b")
    True
    """
    return f"{stix_type}--{uuid5(_NAMESPACE, chr(31).join((stix_type, *names)))}"


def logical_time(version: int) -> str:
    """The ``modified`` of a galaxy's ``version``, as a STIX timestamp.

    >>> logical_time(336)
    '2015-01-01T00:05:36.001Z'
    """
    moment = EPOCH + timedelta(seconds=version, milliseconds=REVISION)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


CREATED = EPOCH.strftime("%Y-%m-%dT%H:%M:%S.000Z")

MITRE = "identity--c78cb6e5-0c4b-4611-8297-d1b8b55e40b5"
"""The identity that ATT&CK's own bundles name as their creator."""
MISP = "identity--55f6ea65-aa10-4c5a-bf01-4f84950d210f"
"""The organisation that MISP's own STIX converter falls back to."""
INTERPOL = stable_id("identity", "INTERPOL")
DISARM = stable_id("identity", "DISARM Foundation")
TITIAN = stable_id("identity", "Titian")

_MITRE_STATEMENT = (
    "© The MITRE Corporation. This work is reproduced and distributed with the permission of The MITRE "
    "Corporation (https://attack.mitre.org/resources/legal-and-branding/terms-of-use/)."
)
MITRE_TERMS = statement_id(_MITRE_STATEMENT)
"""The marking that says what ATT&CK's terms of use ask of every copy."""

_IDENTITIES = (
    (MITRE, "The MITRE Corporation", "organization", "https://attack.mitre.org"),
    (MISP, "MISP Project", "organization", "https://www.misp-project.org"),
    (INTERPOL, "INTERPOL", "organization", "https://www.interpol.int"),
    (DISARM, "DISARM Foundation", "organization", "https://www.disarm.foundation"),
    (TITIAN, "Titian", "system", ""),
)

_EXTENSIONS = (
    (
        FACTS,
        "Galaxy facts",
        ["property-extension"],
        "What a MISP galaxy cluster says and STIX 2.1 has no property for, kept in the source's own words.",
        "facts (dictionary, required): names are the cluster's meta keys in lower case with underscores, "
        "each value is a list of strings as the source has them.",
    ),
    (
        UAV,
        "Unmanned aerial vehicle",
        ["new-sdo"],
        "The type uav: one model of an unmanned aerial vehicle, not one aircraft.",
        "name (string, required); description (string); manufacturers, operators, classes (lists of string); "
        "armed (boolean); country (string, the maker's country as the source names it); flight_time, "
        "payload, top_speed, wingspan, powerplant, unit_cost (string, as reported: a number without a unit "
        "means hours, kilograms, kilometres per hour, metres, US dollars). Relationships: uav "
        "originates-from location (its maker's country), uav operated-by location (a state that flies it).",
    ),
    (
        TAXONOMY_TERM,
        "Taxonomy term",
        ["new-sdo"],
        "The type taxonomy-term: one term of a controlled vocabulary with its definition.",
        "name (string, required); taxonomy (string, required: the vocabulary's name); description (string: "
        "the definition); categories (list of string, from the widest to the narrowest).",
    ),
)


def fixed_objects() -> Iterator[Stix]:
    """The objects that the galaxies' objects refer to, in an order in which nothing refers forward."""
    yield msgspec.json.decode(TLP_DEFINITIONS[Tlp.CLEAR], type=Stix)
    yield msgspec.json.decode(statement_definition(_MITRE_STATEMENT), type=Stix)
    for identity, name, identity_class, url in _IDENTITIES:
        yield _identity(identity, name, identity_class, url)
    for extension, name, kinds, description, schema in _EXTENSIONS:
        yield {
            "type": "extension-definition",
            "spec_version": "2.1",
            "id": extension,
            "created_by_ref": TITIAN,
            "created": CREATED,
            "modified": logical_time(0),
            "name": name,
            "description": description,
            "schema": schema,
            "version": "1.0.0",
            "extension_types": kinds,
            "object_marking_refs": [TLP_CLEAR],
        }


def _identity(identity: str, name: str, identity_class: str, url: str) -> Stix:
    made: Stix = {
        "type": "identity",
        "spec_version": "2.1",
        "id": identity,
        "created": CREATED,
        "modified": logical_time(0),
        "name": name,
        "identity_class": identity_class,
    }
    if url:
        made["external_references"] = [{"source_name": name, "url": url}]
    made["object_marking_refs"] = [TLP_CLEAR]
    return made
