"""Markings: how far something may spread, what may be done with it, for what, for whom and until when.

TLP and PAP (:mod:`titian.core.tlp`), IEP 2.0, statements, and our own extension marking *handling*: whom it is
releasable to, for which purposes, when it expires, and whether its source may be named. Where several speak, all
hold, and so the strictest does. What is not understood reaches nobody.

Sources: STIX 2.1 sections 7.2.1 and 7.2.3 (granular markings); IEP 2.0 of oasis-open/cti-stix-common-objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

import msgspec

from titian.core.errors import InvalidInput
from titian.core.stix import Timestamp, canonical_json
from titian.core.tlp import (
    PAP_DEFINITIONS,
    PAP_EXTENSION,
    PAP_IDS,
    PAP_WHITE_ID,
    TLP_1_IDS,
    TLP_2_EXTENSION,
    TLP_DEFINITIONS,
    TLP_IDS,
    Circle,
    Pap,
    Tlp,
    definition_head,
    parse_pap,
    parse_tlp,
    stricter,
    stricter_pap,
)

IEP_EXTENSION: Final = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
HANDLING_EXTENSION: Final = "extension-definition--43f97d0a-13e5-40e4-b896-0fabf0bebb5d"
"""Ours: see :class:`Handling`."""

_T = TypeVar("_T")

# Ours, so that one statement, or one handling, has one identifier wherever it is written.
_STATEMENTS: Final = UUID("5a6c2a0e-5d0a-5b7b-9f0f-6f1d2c5c1a77")
_HANDLINGS: Final = UUID("02e62f51-7549-44b4-ab43-8c754ac35e75")
_UNDATED: Final = "1970-01-01T00:00:00.000Z"


class Attribution(StrEnum):
    """Whether recipients may, must, or must not name the source (IEP 2.0 ``provider_attribution``)."""

    MAY = "may"
    MUST = "must"
    MUST_NOT = "must-not"


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


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """The content of our extension marking; what is absent is left open.

    ``releasable_to`` names parties and communities by identity, countries by ISO 3166-1 alpha-2; an empty list names
    nobody. ``purposes`` are words of the purpose vocabulary, ``expires`` is a STIX timestamp.
    """

    releasable_to: tuple[str, ...] | None = None
    purposes: tuple[str, ...] | None = None
    expires: str | None = None
    attribution: Attribution | None = None


class Marking(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about the handling of one object, or of a part of it.

    A frozen value, and a lattice: :meth:`join` gives the least marking that honours both. ``tlp=None``
    means that nothing was said about spread, and ``unknown`` holds the identifiers of markings that are
    not understood or not at hand: both reach nobody.

    ``releasable_to`` holds one set of alternatives for each list that was given: a recipient must be named by every
    one of them. ``purposes`` is None where no purpose is named, and empty where none is left. ``starts`` and
    ``expires`` are microseconds since the Unix epoch.
    """

    tlp: Tlp | None = None
    pap: Pap | None = None
    statements: frozenset[str] = frozenset()
    policies: frozenset[Iep] = frozenset()
    releasable_to: frozenset[frozenset[str]] = frozenset()
    purposes: frozenset[str] | None = None
    starts: int | None = None
    expires: int | None = None
    attribution: frozenset[Attribution] = frozenset()
    unknown: frozenset[str] = frozenset()

    @property
    def reach(self) -> frozenset[Circle]:
        """The circles that it may reach; empty if unmarked, or if any marking is unknown."""
        return frozenset() if self.unknown or self.tlp is None else self.tlp.reach

    @property
    def names_source(self) -> bool:
        """Whether its source may be named; what forbids it wins."""
        return Attribution.MUST_NOT not in self.attribution

    def join(self, other: Marking) -> Marking:
        """Return the marking that honours both: the stricter levels, and every statement, policy and limit."""
        return Marking(
            tlp=_join(self.tlp, other.tlp, stricter),
            pap=_join(self.pap, other.pap, stricter_pap),
            statements=self.statements | other.statements,
            policies=self.policies | other.policies,
            releasable_to=self.releasable_to | other.releasable_to,
            purposes=_join(self.purposes, other.purposes, frozenset.intersection),
            starts=_join(self.starts, other.starts, max),
            expires=_join(self.expires, other.expires, min),
            attribution=self.attribution | other.attribution,
            unknown=self.unknown | other.unknown,
        )

    def at_least_as_strict_as(self, other: Marking) -> bool:
        """Whether it reaches nobody, allows nothing and drops no statement or limit beyond what ``other`` says.

        >>> Marking(tlp=Tlp.RED).at_least_as_strict_as(Marking(tlp=Tlp.GREEN, pap=Pap.RED))
        False
        """
        mine = self.join(other)
        # What the other adds to mine must be nothing: except levels and reach, where mine may be stricter anyway.
        return (
            self.reach <= other.reach
            and mine.pap == self.pap
            and mine.statements == self.statements
            and mine.policies == self.policies
            and mine.releasable_to == self.releasable_to
            and mine.purposes == self.purposes
            and mine.starts == self.starts
            and mine.expires == self.expires
            and mine.attribution == self.attribution
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
    head = definition_head(identifier or statement_id(statement), _UNDATED, None)
    body = {"definition_type": "statement", "definition": {"statement": statement}}
    return msgspec.json.encode(head | body)


def handling_definition(handling: Handling) -> tuple[str, bytes]:
    """Return a handling as a marking-definition object: its identifier, and its bytes, equal for equal content.

    :raises InvalidInput: for an expiry that is no timestamp, or a handling that says nothing.
    """
    if handling == Handling():
        raise InvalidInput("A handling must say something.", advice="Name recipients, a purpose, an expiry or more.")
    handling_marking(handling)
    said = {name: value for name, value in msgspec.to_builtins(handling).items() if value is not None}
    for name in ("releasable_to", "purposes"):
        if name in said:
            said[name] = sorted(set(said[name]))
    content = {"extension_type": "property-extension", **said}
    identifier = f"marking-definition--{uuid5(_HANDLINGS, canonical_json(said).decode())}"
    head = definition_head(identifier, _UNDATED, None)
    return identifier, msgspec.json.encode(head | {"extensions": {HANDLING_EXTENSION: content}})


_WELL_KNOWN: Final[dict[str, Marking]] = (
    {identifier: Marking(tlp=level) for level, identifier in TLP_IDS.items()}
    | {identifier: Marking(tlp=level) for level, identifier in TLP_1_IDS.items()}
    | {identifier: Marking(pap=level) for level, identifier in PAP_IDS.items()}
    | {PAP_WHITE_ID: Marking(pap=Pap.CLEAR)}
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

    :raises InvalidInput: for a policy, a handling or an unknown marking, whose objects cannot be made up here.
    """
    plain = Marking(tlp=marking.tlp, pap=marking.pap, statements=marking.statements)
    if marking != plain:
        raise InvalidInput("An exchange policy, a handling or an unknown marking has no standard object.")
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
    said = []
    if definition.definition_type or definition.definition is not None:
        said.append(_by_type(definition.definition_type or "", definition.definition))
    said += [_by_extension_key(key, body) for key, body in (definition.extensions or {}).items()]
    marking = well_known(definition.id) or (UNMARKED if said else unknown)
    for one in said:
        marking = marking.join(one or unknown)
    return marking


def _by_type(kind: str, definition: dict[str, Any] | None) -> Marking | None:
    said = [value for key, value in (definition or {}).items() if key.lower() == kind.lower()]
    if not said or not all(isinstance(value, str) for value in said):
        return None
    # OpenCTI sends TLP 2.0 and PAP as definition types of its own, upper-case; the level is plain to see.
    found = UNMARKED
    for value in said:
        one = _by_word(kind.lower(), value)
        if one is None:
            return None
        found = found.join(one)
    return found


def _by_word(kind: str, value: str) -> Marking | None:
    match kind:
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
    if key == HANDLING_EXTENSION:
        return _or_none(lambda: handling_marking(read_handling(body)))
    return None


def _read_iep(body: Mapping[str, Any]) -> Marking:
    """Read an IEP 2.0 policy; its ``tlp`` has the four words of TLP 1.0."""
    texts = {name: value for name, value in body.items() if name in Iep.__struct_fields__}
    try:
        policy = msgspec.convert(texts, Iep)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"An information exchange policy cannot be read: {error}.") from None
    return Marking(
        tlp=None if policy.tlp is None else parse_tlp(policy.tlp),
        policies=frozenset({policy}),
        starts=_instant(policy.start_date),
        expires=_instant(policy.end_date),
        attribution=frozenset(
            () if policy.provider_attribution is None else {Attribution(policy.provider_attribution)}
        ),
    )


def _instant(text: str | None) -> int | None:
    return None if text is None else Timestamp.parse(text).micros


def read_handling(body: Mapping[str, Any]) -> Handling:
    """Read the content of our extension marking.

    :raises InvalidInput: if it says what is not understood, or in a way that is not.
    """
    said = {name: value for name, value in body.items() if name != "extension_type"}
    if said.keys() - set(Handling.__struct_fields__):
        raise InvalidInput("A handling says more than this version understands.")
    if None in said.values():
        raise InvalidInput("A handling that says nothing of something leaves it out.")
    try:
        return msgspec.convert(said, Handling)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"A handling cannot be read: {error}.") from None


def handling_marking(handling: Handling) -> Marking:
    """Return what a handling means.

    :raises InvalidInput: for an expiry that is no timestamp.
    """
    named, purposes = handling.releasable_to, handling.purposes
    return Marking(
        releasable_to=frozenset() if named is None else frozenset({frozenset(named)}),
        purposes=None if purposes is None else frozenset(purposes),
        expires=_instant(handling.expires),
        attribution=frozenset() if handling.attribution is None else frozenset({handling.attribution}),
    )


def _or_none(read: Callable[[], Marking]) -> Marking | None:
    try:
        return read()
    except (InvalidInput, ValueError):
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
