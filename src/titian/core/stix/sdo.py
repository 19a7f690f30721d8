"""STIX Domain Objects (STIX 2.1 section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from titian.core.stix.common import Identifiers, KillChainPhase, PartType, Texts, VersionedObject
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION, PersonFacts
from titian.core.stix.object_rules import (
    LOCATION_PLACE,
    MALWARE_FAMILY_NAME,
    PATTERN_SYNTAX,
    absent,
    at_least_one,
    external_id,
    in_order,
    needs,
    not_both,
)
from titian.core.stix.observed import CONTAINED_OBJECT, CONTAINER_REFERENCE
from titian.core.stix.rules import IDENTIFIER, Rule, between, each, one_of, refers_to
from titian.core.stix.timestamp import Timestamp
from titian.core.stix.vocabulary import SCO_TYPES

Phases = tuple[KillChainPhase, ...]


class DomainObject(VersionedObject, frozen=True, kw_only=True):
    """What all domain objects share; alone, the header of a custom one (STIX 2.1 sections 3.2 and 11.2)."""

    RULES: ClassVar[tuple[Rule, ...]] = (absent("defanged", clause="3.2", tolerable=False),)


class AttackPattern(DomainObject, frozen=True, kw_only=True, tag="attack-pattern"):
    """A way in which adversaries attempt to compromise targets (STIX 2.1 section 4.1)."""

    CLAUSE = "4.1"
    RULES = (external_id("capec", r"CAPEC-[0-9]+", clause="4.1"),)

    name: str
    description: str | None = None
    aliases: Texts | None = None
    kill_chain_phases: Phases | None = None


class Campaign(DomainObject, frozen=True, kw_only=True, tag="campaign"):
    """Adversarial behaviours against a set of targets over time (STIX 2.1 section 4.2)."""

    CLAUSE = "4.2"
    RULES = (in_order("first_seen", "last_seen", clause="4.2"),)

    name: str
    description: str | None = None
    aliases: Texts | None = None
    first_seen: Timestamp | None = None
    last_seen: Timestamp | None = None
    objective: str | None = None


class CourseOfAction(DomainObject, frozen=True, kw_only=True, tag="course-of-action"):
    """A recommendation of what to do about intelligence (STIX 2.1 section 4.3)."""

    CLAUSE = "4.3"

    name: str
    description: str | None = None


class Grouping(DomainObject, frozen=True, kw_only=True, tag="grouping"):
    """Objects that share a context (STIX 2.1 section 4.4)."""

    CLAUSE = "4.4"

    context: str
    object_refs: Identifiers
    name: str | None = None
    description: str | None = None


class Identity(DomainObject, frozen=True, kw_only=True, tag="identity"):
    """An individual, organisation or group, or a class of them (STIX 2.1 section 4.5)."""

    CLAUSE = "4.5"
    EXTENSIONS: ClassVar[Mapping[str, PartType]] = {PERSON_FACTS_EXTENSION: PersonFacts}

    name: str
    description: str | None = None
    roles: Texts | None = None
    identity_class: str | None = None
    sectors: Texts | None = None
    contact_information: str | None = None


class Incident(DomainObject, frozen=True, kw_only=True, tag="incident"):
    """A stub that extensions fill (STIX 2.1 section 4.6)."""

    CLAUSE = "4.6"

    name: str
    description: str | None = None


class Indicator(DomainObject, frozen=True, kw_only=True, tag="indicator"):
    """A pattern that can detect suspicious activity (STIX 2.1 section 4.7)."""

    CLAUSE = "4.7"
    RULES = (PATTERN_SYNTAX, in_order("valid_from", "valid_until", clause="4.7", strictly=True))

    pattern: str
    pattern_type: str
    valid_from: Timestamp
    name: str | None = None
    description: str | None = None
    indicator_types: Texts | None = None
    pattern_version: str | None = None
    valid_until: Timestamp | None = None
    kill_chain_phases: Phases | None = None


class Infrastructure(DomainObject, frozen=True, kw_only=True, tag="infrastructure"):
    """Systems, software and resources that serve a purpose (STIX 2.1 section 4.8)."""

    CLAUSE = "4.8"
    RULES = (in_order("first_seen", "last_seen", clause="4.8"),)

    name: str
    description: str | None = None
    infrastructure_types: Texts | None = None
    aliases: Texts | None = None
    kill_chain_phases: Phases | None = None
    first_seen: Timestamp | None = None
    last_seen: Timestamp | None = None


class IntrusionSet(DomainObject, frozen=True, kw_only=True, tag="intrusion-set"):
    """Behaviours and resources believed to be of one organisation (STIX 2.1 section 4.9)."""

    CLAUSE = "4.9"
    RULES = (in_order("first_seen", "last_seen", clause="4.9"),)

    name: str
    description: str | None = None
    aliases: Texts | None = None
    first_seen: Timestamp | None = None
    last_seen: Timestamp | None = None
    goals: Texts | None = None
    resource_level: str | None = None
    primary_motivation: str | None = None
    secondary_motivations: Texts | None = None


class Location(DomainObject, frozen=True, kw_only=True, tag="location"):
    """A geographic location (STIX 2.1 section 4.10)."""

    CLAUSE = "4.10"
    RULES = (
        LOCATION_PLACE,
        needs("latitude", "longitude", clause="4.10"),
        needs("longitude", "latitude", clause="4.10"),
        needs("precision", "latitude", "longitude", clause="4.10"),
    )

    name: str | None = None
    description: str | None = None
    latitude: Annotated[float, between(-90.0, 90.0)] | None = None
    longitude: Annotated[float, between(-180.0, 180.0)] | None = None
    precision: Annotated[float, between(0.0, None)] | None = None
    region: str | None = None
    country: str | None = None
    administrative_area: str | None = None
    city: str | None = None
    street_address: str | None = None
    postal_code: str | None = None


class Malware(DomainObject, frozen=True, kw_only=True, tag="malware"):
    """Malicious code, an instance or a family (STIX 2.1 section 4.11)."""

    CLAUSE = "4.11"
    RULES = (MALWARE_FAMILY_NAME, in_order("first_seen", "last_seen", clause="4.11"))

    is_family: bool
    name: str | None = None
    description: str | None = None
    malware_types: Texts | None = None
    aliases: Texts | None = None
    kill_chain_phases: Phases | None = None
    first_seen: Timestamp | None = None
    last_seen: Timestamp | None = None
    operating_system_refs: Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("software"))] | None = None
    architecture_execution_envs: Texts | None = None
    implementation_languages: Texts | None = None
    capabilities: Texts | None = None
    sample_refs: Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("artifact", "file"))] | None = None


class MalwareAnalysis(DomainObject, frozen=True, kw_only=True, tag="malware-analysis"):
    """The result of one analysis of malware (STIX 2.1 section 4.12)."""

    CLAUSE = "4.12"
    RULES = (at_least_one("result", "analysis_sco_refs", clause="4.12"),)

    product: str
    version: str | None = None
    host_vm_ref: Annotated[str, IDENTIFIER, refers_to("software")] | None = None
    operating_system_ref: Annotated[str, IDENTIFIER, refers_to("software")] | None = None
    installed_software_refs: Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("software"))] | None = None
    configuration_version: str | None = None
    modules: Texts | None = None
    analysis_engine_version: str | None = None
    analysis_definition_version: str | None = None
    submitted: Timestamp | None = None
    analysis_started: Timestamp | None = None
    analysis_ended: Timestamp | None = None
    result_name: str | None = None
    result: str | None = None
    analysis_sco_refs: Identifiers | None = None
    sample_ref: Annotated[str, IDENTIFIER, refers_to(*SCO_TYPES)] | None = None


class Note(DomainObject, frozen=True, kw_only=True, tag="note"):
    """Text that explains other objects (STIX 2.1 section 4.13)."""

    CLAUSE = "4.13"

    content: str
    object_refs: Identifiers
    abstract: str | None = None
    authors: Texts | None = None


class ObservedData(DomainObject, frozen=True, kw_only=True, tag="observed-data"):
    """What was seen on systems and networks (STIX 2.1 section 4.14)."""

    CLAUSE = "4.14"
    RULES = (
        in_order("first_observed", "last_observed", clause="4.14"),
        not_both("objects", "object_refs", clause="4.14"),
        at_least_one("objects", "object_refs", clause="4.14"),
    )

    first_observed: Timestamp
    last_observed: Timestamp
    number_observed: Annotated[int, between(1, 999_999_999)]
    objects: Annotated[dict[str, dict[str, Any]], CONTAINED_OBJECT, CONTAINER_REFERENCE] | None = None
    object_refs: Identifiers | None = None


class Opinion(DomainObject, frozen=True, kw_only=True, tag="opinion"):
    """An assessment of the correctness of other objects (STIX 2.1 section 4.15)."""

    CLAUSE = "4.15"

    opinion: Annotated[str, one_of("opinion-enum")]
    object_refs: Identifiers
    explanation: str | None = None
    authors: Texts | None = None


class Report(DomainObject, frozen=True, kw_only=True, tag="report"):
    """Intelligence on one or more topics, published together (STIX 2.1 section 4.16)."""

    CLAUSE = "4.16"

    name: str
    published: Timestamp
    object_refs: Identifiers
    description: str | None = None
    report_types: Texts | None = None


class ThreatActor(DomainObject, frozen=True, kw_only=True, tag="threat-actor"):
    """Individuals, groups or organisations believed to act with malicious intent (STIX 2.1 section 4.17)."""

    CLAUSE = "4.17"
    RULES = (in_order("first_seen", "last_seen", clause="4.17"),)

    name: str
    description: str | None = None
    threat_actor_types: Texts | None = None
    aliases: Texts | None = None
    first_seen: Timestamp | None = None
    last_seen: Timestamp | None = None
    roles: Texts | None = None
    goals: Texts | None = None
    sophistication: str | None = None
    resource_level: str | None = None
    primary_motivation: str | None = None
    secondary_motivations: Texts | None = None
    personal_motivations: Texts | None = None


class Tool(DomainObject, frozen=True, kw_only=True, tag="tool"):
    """Legitimate software that threat actors use (STIX 2.1 section 4.18)."""

    CLAUSE = "4.18"

    name: str
    description: str | None = None
    tool_types: Texts | None = None
    aliases: Texts | None = None
    kill_chain_phases: Phases | None = None
    tool_version: str | None = None


class Vulnerability(DomainObject, frozen=True, kw_only=True, tag="vulnerability"):
    """A weakness or defect in software or hardware (STIX 2.1 section 4.19)."""

    CLAUSE = "4.19"
    RULES = (external_id("cve", r"CVE-[0-9]{4}-[0-9]{4,}", clause="4.19"),)

    name: str
    description: str | None = None
