"""STIX Meta Objects and the bundle (STIX 2.1 sections 7 and 8), and the headers of custom objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import msgspec

from titian.core.errors import InvalidTimestamp
from titian.core.stix.common import (
    ExternalReference,
    IdentityRef,
    PartType,
    StixObject,
    VersionedObject,
)
from titian.core.stix.object_rules import NOT_MARKED_BY_ITSELF, absent
from titian.core.stix.rules import (
    EMPTY_DICTIONARY,
    FINE,
    HERE,
    IDENTIFIER,
    MILLISECONDS,
    PROPERTY_NAME,
    SPEC_VERSION,
    Rule,
    each,
    on_languages,
    one_of,
    refers_not_to,
    step,
)
from titian.core.stix.sco import Observable
from titian.core.stix.sdo import DomainObject
from titian.core.stix.timestamp import Timestamp

TLP_1_MARKINGS: Mapping[str, str] = {
    "white": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "green": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "amber": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "red": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
"""The only instances of the TLP 1.0 marking (STIX 2.1 section 7.2.1)."""

_TLP_1_IDS = {identifier: level for level, identifier in TLP_1_MARKINGS.items()}
_TLP_1_CREATED = Timestamp.parse("2017-01-20T00:00:00.000Z")


def _find_tlp_instance(value: Mapping[str, Any]) -> Sequence[str]:
    of_id = _TLP_1_IDS.get(value["id"])
    if value.get("definition_type") != "tlp":
        return FINE if of_id is None else (".definition_type",)
    definition = value.get("definition")
    level = definition.get("tlp") if isinstance(definition, dict) else None
    if not isinstance(level, str) or level not in TLP_1_MARKINGS:
        return (".definition.tlp",)
    if of_id != level:
        return (".id",)
    if definition != {"tlp": level}:
        return (".definition",)
    if value.get("name", f"TLP:{level.upper()}") != f"TLP:{level.upper()}":
        return (".name",)
    return FINE if _is_tlp_1_created(value["created"]) else (".created",)


def _is_tlp_1_created(text: str) -> bool:
    try:
        return Timestamp.parse(text) == _TLP_1_CREATED
    except InvalidTimestamp:
        return True  # the timestamp rule names it


TLP_INSTANCE = Rule(
    name="tlp-instance",
    clause="7.2.1",
    message="Use one of the four TLP marking definitions of the specification exactly as it is.",
    find=_find_tlp_instance,
    reads=("id", "definition_type", "definition", "name", "created"),
)


def _find_statement(value: Mapping[str, Any]) -> Sequence[str]:
    if value.get("definition_type") != "statement":
        return FINE
    definition = value.get("definition")
    if isinstance(definition, dict) and isinstance(definition.get("statement"), str):
        return FINE
    return (".definition.statement",)


STATEMENT = Rule(
    name="statement-marking",
    clause="7.2.1",
    message="Give the statement marking its statement, a string.",
    find=_find_statement,
    reads=("definition_type", "definition"),
    when=("definition_type",),
)


def _find_definition(value: Mapping[str, Any]) -> Sequence[str]:
    complete = "extensions" in value or ("definition_type" in value and "definition" in value)
    return FINE if complete else HERE


DEFINITION = Rule(
    name="marking-content",
    clause="7.2.1",
    message="Give definition_type and definition, or define the marking in an extension.",
    find=_find_definition,
    reads=("extensions", "definition_type", "definition"),
    by_names=True,
)


class MarkingDefinition(StixObject, frozen=True, kw_only=True, tag="marking-definition"):
    """How marked data may be used and shared; never versioned (STIX 2.1 section 7.2.1)."""

    CLAUSE = "7.2.1"
    RULES = (
        DEFINITION,
        STATEMENT,
        TLP_INSTANCE,
        NOT_MARKED_BY_ITSELF,
        absent("defanged", clause="3.2", tolerable=False),
        absent("modified", "revoked", "labels", "confidence", "lang", clause="7.2.1"),
    )

    spec_version: Annotated[str, SPEC_VERSION]
    created: Annotated[Timestamp, MILLISECONDS]
    created_by_ref: IdentityRef | None = None
    external_references: tuple[ExternalReference, ...] | None = None
    name: str | None = None
    definition_type: str | None = None
    definition: dict[str, Any] | None = None


_NO_TRANSLATION = refers_not_to({"bundle"}, "Translate a STIX object; a bundle is none.")


class LanguageContent(VersionedObject, frozen=True, kw_only=True, tag="language-content"):
    """Translations of an object's text (STIX 2.1 section 7.1)."""

    CLAUSE = "7.1"
    RULES = (
        absent("defanged", clause="3.2", tolerable=False),
        absent("lang", clause="7.1"),
    )

    object_ref: Annotated[str, IDENTIFIER, _NO_TRANSLATION]
    contents: Annotated[dict[str, Annotated[dict[str, Any], EMPTY_DICTIONARY]], on_languages("7.1")]
    object_modified: Timestamp | None = None


def _find_idle_properties(value: Mapping[str, Any]) -> Sequence[str]:
    if "extension_properties" not in value or "toplevel-property-extension" in value["extension_types"]:
        return FINE
    return (".extension_properties",)


EXTENSION_PROPERTIES = Rule(
    name="extension-properties",
    clause="7.3.1",
    message="Give extension_properties only with the extension type toplevel-property-extension.",
    find=_find_idle_properties,
    reads=("extension_properties", "extension_types"),
    when=("extension_properties",),
)


class ExtensionDefinition(VersionedObject, frozen=True, kw_only=True, tag="extension-definition"):
    """What an extension means, and where its schema is (STIX 2.1 section 7.3)."""

    CLAUSE = "7.3"
    RULES = (
        EXTENSION_PROPERTIES,
        absent("defanged", clause="3.2", tolerable=False),
        absent("confidence", "lang", "extensions", clause="7.3.1"),
    )

    created_by_ref: IdentityRef
    name: str
    schema: str
    version: str
    extension_types: Annotated[tuple[str, ...], each(one_of("extension-type-enum"))]
    description: str | None = None
    extension_properties: Annotated[tuple[str, ...], each(PROPERTY_NAME)] | None = None


def _find_stray_objects(value: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    return [
        step(i)
        for i, item in enumerate(value)
        if not isinstance(kind := item.get("type"), str) or kind == "bundle" or not isinstance(item.get("id"), str)
    ]


BUNDLED_OBJECT = Rule(
    name="bundled-object",
    clause="8.1",
    message="Bundle STIX objects only: each has a type and an id, and none is a bundle.",
    find=_find_stray_objects,
)


class Bundle(msgspec.Struct, frozen=True, kw_only=True, tag="bundle"):
    """A container without meaning (STIX 2.1 section 8). Its objects are examined one by one."""

    CLAUSE: ClassVar[str] = "8.1"
    RULES: ClassVar[tuple[Rule, ...]] = (absent("spec_version", "created", "modified", clause="8.1"),)
    EXTENSIONS: ClassVar[Mapping[str, PartType]] = {}

    id: Annotated[str, IDENTIFIER]
    objects: Annotated[tuple[dict[str, Any], ...], BUNDLED_OBJECT] | None = None

    @property
    def type(self) -> str:
        """Always ``bundle``."""
        return "bundle"


class CustomObject(DomainObject, frozen=True, kw_only=True):
    """The header of a versioned object whose type the specification does not define (section 11.2, 7.3)."""

    CLAUSE = "11.2"

    type: str


class CustomObservable(Observable, frozen=True, kw_only=True):
    """The header of an observable whose type the specification does not define (section 11.2, 7.3)."""

    CLAUSE = "11.2"

    type: str
