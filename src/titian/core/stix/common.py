"""The properties that objects share, and the small types they are made of (STIX 2.1 sections 2, 3 and 7.2.3).

Structs are frozen. Properties they do not know are ignored here: whoever holds an object also holds its
bytes, and nothing is ever written out from a struct.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import msgspec

from titian.core.stix.identifier import is_identifier
from titian.core.stix.object_rules import (
    MARKING_OR_LANGUAGE,
    at_least_one,
    in_order,
)
from titian.core.stix.rules import (
    DICTIONARY_KEY,
    FINE,
    HASH_FORMAT,
    HASH_NAME,
    IDENTIFIER,
    LANGUAGE,
    MILLISECONDS,
    SPEC_VERSION,
    Rule,
    between,
    each,
    on_keys,
    refers_to,
    step,
)
from titian.core.stix.selectors import SELECTOR_SYNTAX, SELECTOR_TARGET
from titian.core.stix.timestamp import Timestamp
from titian.core.stix.vocabulary import ENUMERATIONS

# --- extensions -------------------------------------------------------------------------------------------

_EXTENSION_PREFIX = "extension-definition--"

EXTENSION_KEY = on_keys(
    "extension-key",
    r"extension-definition--.*|[a-z0-9-]{3,250}",
    "Name the extension by the id of its extension-definition, or as the specification does.",
    clause="3.2",
)

CUSTOM_EXTENSION_NAME = on_keys(
    "custom-extension-name",
    r"extension-definition--.*|.*-ext",
    "Use an extension-definition, or end the name of a custom extension with -ext.",
    clause="11.3.1",
    tolerable=True,
)


def _find_extension_id(value: Mapping[str, Any]) -> Sequence[str]:
    return [step(key) for key in value if key.startswith(_EXTENSION_PREFIX) and not is_identifier(key)]


EXTENSION_ID = Rule(
    name="extension-id",
    clause="7.3",
    message="Write the extension's key as the identifier of an extension-definition.",
    find=_find_extension_id,
)

_EXTENSION_TYPES = ENUMERATIONS["extension-type-enum"]


def _find_extension_type(value: Mapping[str, Any]) -> Sequence[str]:
    return [
        step(key) + ".extension_type"
        for key, content in value.items()
        if key.startswith(_EXTENSION_PREFIX)
        and not (isinstance(kind := content.get("extension_type"), str) and kind in _EXTENSION_TYPES)
    ]


EXTENSION_TYPE = Rule(
    name="extension-type",
    clause="3.2",
    message="Give the extension an extension_type of extension-type-enum.",
    find=_find_extension_type,
)


def _find_empty_extension(value: Mapping[str, Any]) -> Sequence[str]:
    return [step(key) for key, content in value.items() if not content]


EXTENSION_CONTENT = Rule(
    name="empty-extension",
    clause="3.2",
    message="Give the extension at least one property, or leave it out.",
    find=_find_empty_extension,
)


def _find_redefinition(value: Mapping[str, Any]) -> Sequence[str]:
    extensions = value.get("extensions")
    if not extensions:
        return FINE
    return [
        f".extensions{step(key)}.extension_type"
        for key, content in extensions.items()
        if isinstance(kind := content.get("extension_type"), str) and kind.startswith("new-")
    ]


REDEFINED_TYPE = Rule(
    name="redefined-type",
    clause="7.3",
    message="Do not declare a standard type as new; extend it with a property-extension.",
    find=_find_redefinition,
    reads=("extensions",),
    when=("extensions",),
)

# --- property types ---------------------------------------------------------------------------------------

Identifier = Annotated[str, IDENTIFIER]
Identifiers = Annotated[tuple[str, ...], each(IDENTIFIER)]
IdentityRef = Annotated[str, IDENTIFIER, refers_to("identity")]
MarkingRef = Annotated[str, IDENTIFIER, refers_to("marking-definition")]
MarkingRefs = Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("marking-definition"))]
Hashes = Annotated[dict[str, str], HASH_NAME, HASH_FORMAT]
Dictionary = Annotated[dict[str, Any], DICTIONARY_KEY]
Texts = tuple[str, ...]
Extensions = Annotated[
    dict[str, dict[str, Any]],
    EXTENSION_KEY,
    CUSTOM_EXTENSION_NAME,
    EXTENSION_ID,
    EXTENSION_TYPE,
    EXTENSION_CONTENT,
]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON object inside an object: no id of its own."""

    CLAUSE: ClassVar[str] = ""
    """Section of STIX 2.1 that defines it."""
    RULES: ClassVar[tuple[Rule, ...]] = ()
    """Rules on it as a whole; those of a base class hold too."""


PartType = type[Part]


class ExternalReference(Part, frozen=True, kw_only=True):
    """A pointer to information outside STIX (STIX 2.1 section 2.5)."""

    CLAUSE = "2.5"
    RULES = (at_least_one("description", "url", "external_id", clause="2.5.2"),)

    source_name: str
    description: str | None = None
    url: str | None = None
    hashes: Hashes | None = None
    external_id: str | None = None


class KillChainPhase(Part, frozen=True, kw_only=True):
    """A phase of a kill chain (STIX 2.1 section 2.11)."""

    CLAUSE = "2.11"

    kill_chain_name: str
    phase_name: str


class GranularMarking(Part, frozen=True, kw_only=True):
    """A marking or a language for parts of an object (STIX 2.1 section 7.2.3)."""

    CLAUSE = "7.2.3"
    RULES = (MARKING_OR_LANGUAGE,)

    selectors: Texts
    marking_ref: MarkingRef | None = None
    lang: Annotated[str, LANGUAGE] | None = None


class StixObject(msgspec.Struct, frozen=True, kw_only=True):
    """What every STIX object has (STIX 2.1 section 3.2)."""

    CLAUSE: ClassVar[str] = "3.2"
    """Section of STIX 2.1 that defines the type."""
    RULES: ClassVar[tuple[Rule, ...]] = (SELECTOR_SYNTAX, SELECTOR_TARGET)
    """Rules on the object as a whole; those of a base class hold too."""
    EXTENSIONS: ClassVar[Mapping[str, PartType]] = {}
    """The extensions that the specification predefines for the type, by key."""

    id: Identifier
    object_marking_refs: MarkingRefs | None = None
    granular_markings: tuple[GranularMarking, ...] | None = None
    extensions: Extensions | None = None

    @property
    def type(self) -> str:
        """The value of the type property."""
        return str(self.__struct_config__.tag)


class VersionedObject(StixObject, frozen=True, kw_only=True):
    """What domain objects and relationship objects share (STIX 2.1 section 3.2)."""

    RULES: ClassVar[tuple[Rule, ...]] = (in_order("created", "modified", clause="3.6.1"),)

    spec_version: Annotated[str, SPEC_VERSION]
    created: Annotated[Timestamp, MILLISECONDS]
    modified: Annotated[Timestamp, MILLISECONDS]
    created_by_ref: IdentityRef | None = None
    revoked: bool | None = None
    labels: Texts | None = None
    confidence: Annotated[int, between(0, 100)] | None = None
    lang: Annotated[str, LANGUAGE] | None = None
    external_references: tuple[ExternalReference, ...] | None = None
