"""STIX Relationship Objects (STIX 2.1 section 5)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from titian.core.stix.common import VersionedObject
from titian.core.stix.object_rules import absent, in_order
from titian.core.stix.rules import (
    IDENTIFIER,
    RELATIONSHIP_TYPE,
    Rule,
    between,
    each,
    refers_not_to,
    refers_to,
)
from titian.core.stix.timestamp import Timestamp
from titian.core.stix.vocabulary import META_TYPES, SCO_TYPES, SRO_TYPES

_NO_END = refers_not_to(
    SRO_TYPES | META_TYPES | {"bundle"},
    "Relate domain objects and observables: no relationship, sighting, meta object or bundle.",
)
_NOT_SIGHTED = refers_not_to(
    SCO_TYPES | SRO_TYPES | META_TYPES | {"bundle"},
    "Sight a domain object: put observables into observed-data and refer to that.",
)


class RelationshipObject(VersionedObject, frozen=True, kw_only=True):
    """What both relationship objects share (STIX 2.1 section 3.2)."""

    RULES: ClassVar[tuple[Rule, ...]] = (absent("defanged", clause="3.2", tolerable=False),)


class Relationship(RelationshipObject, frozen=True, kw_only=True, tag="relationship"):
    """How one object is related to another (STIX 2.1 section 5.1).

    Any relationship_type may join any two domain objects or observables; the pairs in the specification's
    tables are suggestions.
    """

    CLAUSE = "5.1"
    RULES = (in_order("start_time", "stop_time", clause="5.1", strictly=True),)

    relationship_type: Annotated[str, RELATIONSHIP_TYPE]
    source_ref: Annotated[str, IDENTIFIER, _NO_END]
    target_ref: Annotated[str, IDENTIFIER, _NO_END]
    description: str | None = None
    start_time: Timestamp | None = None
    stop_time: Timestamp | None = None


class Sighting(RelationshipObject, frozen=True, kw_only=True, tag="sighting"):
    """The belief that something was seen (STIX 2.1 section 5.2)."""

    CLAUSE = "5.2"
    RULES = (in_order("first_seen", "last_seen", clause="5.2"),)

    sighting_of_ref: Annotated[str, IDENTIFIER, _NOT_SIGHTED]
    description: str | None = None
    first_seen: Timestamp | None = None
    last_seen: Timestamp | None = None
    count: Annotated[int, between(0, 999_999_999)] | None = None
    observed_data_refs: Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("observed-data"))] | None = None
    where_sighted_refs: Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("identity", "location"))] | None = (
        None
    )
    # The errata of 2025 call this a string with default false; the standard and its schemas say boolean.
    summary: bool | str | None = None
