"""Markings: how far something may spread (TLP, IEP) and what may be done with it (PAP, IEP, statements).

TLP is read in both of its versions and compared by *audience*, never by a number: a level is the set of
circles it may reach, and one level is as strict as another when its set is contained in the other's.
What is not understood reaches nobody.

Sources: FIRST TLP 2.0; STIX 2.1 sections 7.2.1.4 (TLP 1.0) and 7.2.3 (granular markings); the TLP 2.0, IEP
2.0 and PAP marking definitions of oasis-open/cti-stix-common-objects; MISP taxonomies ``tlp`` and ``PAP``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

import msgspec

from titian.core.errors import InvalidInput

TLP_2_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
PAP_EXTENSION: Final = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
IEP_EXTENSION: Final = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"

_T = TypeVar("_T")

# Ours, so that one statement has one identifier wherever it is read from a format that has none.
_STATEMENTS: Final = UUID("5a6c2a0e-5d0a-5b7b-9f0f-6f1d2c5c1a77")
_UNDATED: Final = "1970-01-01T00:00:00.000Z"


class Circle(StrEnum):
    """Who can be reached, from the innermost outwards (FIRST TLP 2.0)."""

    RECIPIENTS = "recipients"
    ORGANISATION = "organisation"
    CLIENTS = "clients"
    COMMUNITY = "community"
    PUBLIC = "public"


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0; the value is that of STIX's ``tlp_2_0`` property."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"

    @property
    def label(self) -> str:
        """As FIRST writes it, ``TLP:AMBER+STRICT``."""
        return f"TLP:{self.value.upper()}"

    @property
    def reach(self) -> frozenset[Circle]:
        """The circles that this level may reach."""
        return _TLP_REACH[self]


class Pap(StrEnum):
    """Permissible Actions Protocol: what may be done with it (MISP taxonomy ``PAP``)."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"

    @property
    def label(self) -> str:
        """As the taxonomy writes it, ``PAP:RED``."""
        return f"PAP:{self.value.upper()}"

    @property
    def actions(self) -> frozenset[str]:
        """The kinds of action that this level allows."""
        return _PAP_ACTIONS[self]


_TLP_REACH: Final[dict[Tlp, frozenset[Circle]]] = {
    Tlp.RED: frozenset({Circle.RECIPIENTS}),
    Tlp.AMBER_STRICT: frozenset({Circle.RECIPIENTS, Circle.ORGANISATION}),
    Tlp.AMBER: frozenset({Circle.RECIPIENTS, Circle.ORGANISATION, Circle.CLIENTS}),
    Tlp.GREEN: frozenset(Circle) - {Circle.PUBLIC},
    Tlp.CLEAR: frozenset(Circle),
}
_PAP_ACTIONS: Final[dict[Pap, frozenset[str]]] = {
    Pap.RED: frozenset({"passive-undetectable"}),
    Pap.AMBER: frozenset({"passive-undetectable", "passive-cross-check"}),
    Pap.GREEN: frozenset({"passive-undetectable", "passive-cross-check", "active"}),
    Pap.CLEAR: frozenset({"passive-undetectable", "passive-cross-check", "active", "any"}),
}

TLP_IDS: Final[dict[Tlp, str]] = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""The only identifiers of TLP 2.0 (OASIS common objects)."""

TLP_1_IDS: Final[dict[Tlp, str]] = {
    Tlp.CLEAR: "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    Tlp.GREEN: "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    Tlp.AMBER: "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    Tlp.RED: "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
"""The only identifiers of TLP 1.0 (STIX 2.1 section 7.2.1.4); its WHITE is CLEAR here."""

PAP_IDS: Final[dict[Pap, str]] = {
    Pap.CLEAR: "marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92",
    Pap.GREEN: "marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9",
    Pap.AMBER: "marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab",
    Pap.RED: "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e",
}
"""The identifiers of PAP (OASIS common objects)."""

_PAP_WHITE_ID: Final = "marking-definition--a3bea94c-b469-41dc-9cfe-d6e7daba7730"
_PAP_CREATED: Final = {
    Pap.CLEAR: "2022-10-01T00:00:00.000Z",
    Pap.GREEN: "2022-10-09T00:00:00.000Z",
    Pap.AMBER: "2022-10-02T00:00:00.000Z",
    Pap.RED: "2022-10-06T00:00:00.000Z",
}


def _head(identifier: str, created: str, name: str | None) -> dict[str, Any]:
    head = {"type": "marking-definition", "spec_version": "2.1", "id": identifier, "created": created}
    return head | ({"name": name} if name else {})


def _by_extension(head: dict[str, Any], extension: str, key: str, value: str) -> bytes:
    body = {extension: {"extension_type": "property-extension", key: value}}
    return msgspec.json.encode(head | {"extensions": body})


def _tlp_1_name(level: Tlp) -> str:
    return "white" if level is Tlp.CLEAR else level.value


TLP_DEFINITIONS: Final[dict[Tlp, bytes]] = {
    level: _by_extension(
        _head(TLP_IDS[level], "2022-10-01T00:00:00.000Z", level.label),
        TLP_2_EXTENSION,
        "tlp_2_0",
        level.value,
    )
    for level in Tlp
}
"""The marking-definition objects of TLP 2.0, as bytes."""

TLP_1_DEFINITIONS: Final[dict[Tlp, bytes]] = {
    level: msgspec.json.encode(
        _head(identifier, "2017-01-20T00:00:00.000Z", f"TLP:{_tlp_1_name(level).upper()}")
        | {"definition_type": "tlp", "definition": {"tlp": _tlp_1_name(level)}}
    )
    for level, identifier in TLP_1_IDS.items()
}
"""The marking-definition objects of TLP 1.0, as bytes."""

PAP_DEFINITIONS: Final[dict[Pap, bytes]] = {
    level: _by_extension(_head(PAP_IDS[level], _PAP_CREATED[level], level.label), PAP_EXTENSION, "pap", level)
    for level in Pap
}
"""The marking-definition objects of PAP, as bytes."""


def stricter(a: Tlp, b: Tlp) -> Tlp:
    """Return the level whose audience is contained in the other's.

    >>> stricter(Tlp.AMBER, Tlp.AMBER_STRICT)
    <Tlp.AMBER_STRICT: 'amber+strict'>
    """
    return a if at_least_as_strict(a, b) else b


def at_least_as_strict(a: Tlp, b: Tlp) -> bool:
    """Whether nobody is reached by ``a`` who is not reached by ``b``.

    >>> at_least_as_strict(Tlp.RED, Tlp.GREEN), at_least_as_strict(Tlp.CLEAR, Tlp.GREEN)
    (True, False)
    """
    return a.reach <= b.reach


def _stricter_pap(a: Pap, b: Pap) -> Pap:
    return a if a.actions <= b.actions else b


_LABEL: Final = re.compile(r"(?:tlp)?\s*[:_-]?\s*(.+)", re.IGNORECASE | re.DOTALL)
_TLP_NAMES: Final[dict[str, Tlp]] = {level.value: level for level in Tlp} | {
    "white": Tlp.CLEAR,
    "amber-strict": Tlp.AMBER_STRICT,
    "amber_strict": Tlp.AMBER_STRICT,
    "amber strict": Tlp.AMBER_STRICT,
    "amberstrict": Tlp.AMBER_STRICT,
}


def parse_tlp(label: str) -> Tlp:
    """Read a TLP label as people write it; WHITE is CLEAR.

    :raises InvalidInput: for anything that is not exactly one known level. It is never guessed: a reader
        that took ``AMBER+STRICT`` for ``AMBER`` would let it go further than its author allowed.

    >>> parse_tlp("TLP:AMBER+STRICT"), parse_tlp("amber-strict"), parse_tlp("tlp:white")
    (<Tlp.AMBER_STRICT: 'amber+strict'>, <Tlp.AMBER_STRICT: 'amber+strict'>, <Tlp.CLEAR: 'clear'>)
    """
    match = _LABEL.fullmatch(label.strip())
    level = _TLP_NAMES.get(re.sub(r"\s*([+_-])\s*", r"\1", match[1].strip().lower())) if match else None
    if level is None:
        known = ", ".join(known.label for known in Tlp)
        raise InvalidInput(f"{label!r} is not a level of the Traffic Light Protocol.", advice=f"Use {known}.")
    return level


def parse_pap(label: str) -> Pap:
    """Read a PAP label, ``PAP:AMBER`` or ``amber``; WHITE is CLEAR.

    :raises InvalidInput: for anything else.

    >>> parse_pap("PAP:WHITE")
    <Pap.CLEAR: 'clear'>
    """
    name = re.sub(r"^pap\s*:\s*", "", label.strip().lower())
    try:
        return Pap.CLEAR if name == "white" else Pap(name)
    except ValueError:
        known = ", ".join(known.label for known in Pap)
        raise InvalidInput(
            f"{label!r} is not a level of the Permissible Actions Protocol.", advice=f"Use {known}."
        ) from None


class Iep(msgspec.Struct, frozen=True, kw_only=True):
    """FIRST Information Exchange Policy 2.0; absent values are the ones the draft leaves open."""

    iep_id: str | None = None
    description: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    encrypt_in_transit: str | None = None
    permitted_actions: str | None = None
    affected_party_notifications: str | None = None
    provider_attribution: str | None = None
    unmodified_resale: str | None = None
    tlp: str | None = None


class Marking(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about the handling of one object, or of a part of it.

    A frozen value, and a lattice: :meth:`join` gives the least marking that honours both. ``tlp=None``
    means that nothing was said about spread, and ``unknown`` holds the identifiers of markings that are
    not understood or not at hand: both reach nobody.
    """

    tlp: Tlp | None = None
    pap: Pap | None = None
    statements: frozenset[str] = frozenset()
    policies: frozenset[Iep] = frozenset()
    unknown: frozenset[str] = frozenset()

    @property
    def reach(self) -> frozenset[Circle]:
        """The circles that it may reach; empty if unmarked, or if any marking is unknown."""
        return frozenset() if self.unknown or self.tlp is None else self.tlp.reach

    def join(self, other: Marking) -> Marking:
        """Return the marking that honours both: the stricter levels, and every statement and policy."""
        return Marking(
            tlp=_join(self.tlp, other.tlp, stricter),
            pap=_join(self.pap, other.pap, _stricter_pap),
            statements=self.statements | other.statements,
            policies=self.policies | other.policies,
            unknown=self.unknown | other.unknown,
        )

    def at_least_as_strict_as(self, other: Marking) -> bool:
        """Whether it reaches nobody, allows nothing and drops no statement beyond what ``other`` says.

        >>> Marking(tlp=Tlp.RED).at_least_as_strict_as(Marking(tlp=Tlp.GREEN, pap=Pap.RED))
        False
        """
        actions = frozenset(_PAP_ACTIONS[Pap.CLEAR]) if self.pap is None else self.pap.actions
        allowed = frozenset(_PAP_ACTIONS[Pap.CLEAR]) if other.pap is None else other.pap.actions
        return (
            self.reach <= other.reach
            and actions <= allowed
            and self.statements >= other.statements
            and self.policies >= other.policies
        )


def _join(a: _T | None, b: _T | None, both: Callable[[_T, _T], _T]) -> _T | None:
    if a is None or b is None:
        return b if a is None else a
    return both(a, b)


UNMARKED: Final = Marking()
"""Nothing was said. It reaches nobody."""


def statement_id(statement: str) -> str:
    """Return the identifier that a statement has when its source format gives it none."""
    return f"marking-definition--{uuid5(_STATEMENTS, statement)}"


def statement_definition(statement: str, *, identifier: str | None = None) -> bytes:
    """Return a statement marking (STIX 2.1 section 7.2.1.3) as an object's bytes, equal for equal text."""
    head = _head(identifier or statement_id(statement), _UNDATED, None)
    body = {"definition_type": "statement", "definition": {"statement": statement}}
    return msgspec.json.encode(head | body)


_WELL_KNOWN: Final[dict[str, Marking]] = (
    {identifier: Marking(tlp=level) for level, identifier in TLP_IDS.items()}
    | {identifier: Marking(tlp=level) for level, identifier in TLP_1_IDS.items()}
    | {identifier: Marking(pap=level) for level, identifier in PAP_IDS.items()}
    | {_PAP_WHITE_ID: Marking(pap=Pap.CLEAR)}
)


def well_known(identifier: str) -> Marking | None:
    """Return the marking of a TLP 1.0, TLP 2.0 or PAP identifier, None for any other.

    The identifier decides, whatever label an object puts beside it: a TLP 1.0 identifier that a sender has
    renamed ``TLP:CLEAR`` is what it always was.

    >>> well_known("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9").tlp
    <Tlp.CLEAR: 'clear'>
    """
    return _WELL_KNOWN.get(identifier)


def definitions_of(marking: Marking) -> dict[str, bytes]:
    """Return the objects that state a marking in STIX, by identifier: TLP 2.0, PAP and statements.

    :raises InvalidInput: for a policy or an unknown marking, whose objects cannot be made up here.
    """
    if marking.policies or marking.unknown:
        raise InvalidInput("An exchange policy or an unknown marking has no standard object.")
    found = {TLP_IDS[marking.tlp]: TLP_DEFINITIONS[marking.tlp]} if marking.tlp else {}
    if marking.pap:
        found[PAP_IDS[marking.pap]] = PAP_DEFINITIONS[marking.pap]
    return found | {statement_id(one): statement_definition(one) for one in sorted(marking.statements)}


class _Definition(msgspec.Struct, frozen=True):
    id: str
    definition_type: str | None = None
    definition: dict[str, Any] | None = None
    extensions: dict[str, dict[str, Any]] | None = None


class _Granular(msgspec.Struct, frozen=True):
    selectors: tuple[str, ...] = ()
    marking_ref: str | None = None
    lang: str | None = None


class _Marked(msgspec.Struct, frozen=True):
    object_marking_refs: tuple[str, ...] = ()
    granular_markings: tuple[_Granular, ...] = ()


class Part(msgspec.Struct, frozen=True):
    """A marking on some properties only (STIX 2.1 section 7.2.3)."""

    selectors: tuple[str, ...]
    marking: Marking


class Markings(msgspec.Struct, frozen=True):
    """How an object is marked: as a whole, and in parts.

    STIX 2.1 gives no rule of precedence. Here a part is under the whole's marking and its own: a granular
    marking restricts further and never opens what the object closes.
    """

    whole: Marking
    parts: tuple[Part, ...] = ()

    @property
    def effective(self) -> Marking:
        """The marking under which the object with all its parts may travel."""
        marking = self.whole
        for part in self.parts:
            marking = marking.join(part.marking)
        return marking


_definition = msgspec.json.Decoder(_Definition)
_marked = msgspec.json.Decoder(_Marked)


def read_definition(raw: bytes) -> Marking:
    """Read a marking-definition object (STIX 2.1 section 7.2.1).

    A form that is not understood makes the whole definition unknown, even beside one that is: what we
    cannot read may be the stricter half.

    :raises InvalidInput: if it is not a JSON object with the shape of a marking definition.
    """
    try:
        definition = _definition.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"A marking definition cannot be read: {error}.") from None
    unknown = Marking(unknown=frozenset({definition.id}))
    said = [_by_type(definition.definition_type, definition.definition)] if definition.definition_type else []
    said += [_by_extension_key(key, body) for key, body in (definition.extensions or {}).items()]
    marking = well_known(definition.id) or (UNMARKED if said else unknown)
    for one in said:
        marking = marking.join(one or unknown)
    return marking


def _by_type(kind: str, definition: dict[str, Any] | None) -> Marking | None:
    values = {key.lower(): value for key, value in (definition or {}).items() if isinstance(value, str)}
    value = values.get(kind.lower())
    if value is None:
        return None
    # OpenCTI sends TLP 2.0 and PAP as definition types of its own, upper-case; the level is plain to see.
    match kind.lower():
        case "tlp":
            return _or_none(lambda: Marking(tlp=parse_tlp(value)))
        case "pap":
            return _or_none(lambda: Marking(pap=parse_pap(value)))
        case "statement":
            return Marking(statements=frozenset({value}))
    return None


def _by_extension_key(key: str, body: dict[str, Any]) -> Marking | None:
    if key == TLP_2_EXTENSION:
        return _or_none(lambda: Marking(tlp=parse_tlp(str(body.get("tlp_2_0")))))
    if key == PAP_EXTENSION:
        return _or_none(lambda: Marking(pap=parse_pap(str(body.get("pap")))))
    if key == IEP_EXTENSION:
        return _or_none(lambda: _read_iep(body))
    return None


def _read_iep(body: Mapping[str, Any]) -> Marking:
    """Read an IEP 2.0 policy; its ``tlp`` has the four words of TLP 1.0."""
    texts = {name: value for name, value in body.items() if name in Iep.__struct_fields__}
    try:
        policy = msgspec.convert(texts, Iep)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"An information exchange policy cannot be read: {error}.") from None
    level = None if policy.tlp is None else parse_tlp(policy.tlp)
    return Marking(tlp=level, policies=frozenset({policy}))


def _or_none(read: Callable[[], Marking]) -> Marking | None:
    try:
        return read()
    except InvalidInput:
        return None


def read_markings(raw: bytes, definitions: Mapping[str, Marking]) -> Markings:
    """Read how an object is marked.

    :param raw: the object's JSON.
    :param definitions: what :func:`read_definition` made of the marking definitions at hand, by identifier.
        TLP and PAP need not be among them. An identifier found nowhere is an unknown marking.
    :raises InvalidInput: if the two marking properties do not have the shape of STIX 2.1 section 7.2.
    """
    try:
        marked = _marked.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"The object's markings cannot be read: {error}.") from None
    parts = tuple(
        Part(one.selectors, _resolve([one.marking_ref], definitions))
        for one in marked.granular_markings
        if one.marking_ref is not None
    )
    return Markings(_resolve(marked.object_marking_refs, definitions), parts)


def _resolve(identifiers: Iterable[str], definitions: Mapping[str, Marking]) -> Marking:
    marking = UNMARKED
    for identifier in identifiers:
        found = definitions.get(identifier) or well_known(identifier)
        marking = marking.join(found or Marking(unknown=frozenset({identifier})))
    return marking
