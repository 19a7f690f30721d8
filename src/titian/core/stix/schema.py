"""The structs read once into tables: what each property must be, and which rules hold for it.

The declarations are the single source: a rule stands in the annotation of its property, or in ``RULES`` of
its struct. From them come the tables: `is_clean` asks quickly whether anything is wrong, and
`titian.core.stix.examination` says what and where.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from titian.core.errors import InvalidTimestamp
from titian.core.stix import extension_sco, extension_sdo, meta, sco, sdo, sro
from titian.core.stix.common import REDEFINED_TYPE
from titian.core.stix.extension_parts import closed, declared
from titian.core.stix.identifier import identifier_matcher
from titian.core.stix.json_text import LARGEST_INTEGER, is_plain, oversized_integers, too_deep
from titian.core.stix.rules import (
    EMPTY_DICTIONARY,
    EMPTY_LIST,
    IDENTIFIER,
    INTEGER,
    PROPERTY_NAME,
    Rule,
    id_of,
)
from titian.core.stix.timestamp import Timestamp

Find = Callable[[Any], Sequence[str]]


RESERVED_NAMES = frozenset({"severity", "username", "phone_number", "action"})
"""Names that no property may have (STIX 2.1 section 3.8)."""

_MOST_TIMESTAMPS = 10_000
_timestamps: dict[str, Timestamp] = {}
"""Lately read ones: created is often modified, and often that of the neighbour. Values are immutable."""


def read_hook(kind: type, value: Any) -> Any:
    """Build the types that JSON lacks: `Timestamp` from text. Raises `InvalidTimestamp` and `TypeError`."""
    if type(value) is not str:
        raise TypeError(f"Expected a timestamp, got {type(value).__name__}")
    known = _timestamps.get(value)
    if known is None:
        known = Timestamp.parse(value)
        if len(_timestamps) >= _MOST_TIMESTAMPS:
            _timestamps.clear()
        _timestamps[value] = known
    return known


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """One property of a type."""

    name: str
    clause: str
    required: bool
    annotation: Any
    """What msgspec converts a value to, None left out."""
    item: Any
    """For a list: what it converts an item to."""
    rules: tuple[Rule, ...]
    is_open: bool
    """Whether a value may nest to any depth."""
    part: Shape | None
    """For an object inside the object, or a list of them: their shape."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to check on objects that have exactly the same properties, worked out once."""

    checks: tuple[tuple[str, Find], ...]
    """By property; each must come back empty."""
    matches: Callable[[str], object] | None
    """The test of the object's own id, if it has one."""
    whole: tuple[Find, ...]
    """On the object as a whole; each must come back empty."""
    open: tuple[str, ...]
    """The properties whose type bounds neither depth nor numbers."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one struct."""

    struct: type[msgspec.Struct]
    clause: str
    properties: dict[str, Property]
    required: frozenset[str]
    rules: tuple[Rule, ...]
    extensions: dict[str, Shape]
    """Predefined extensions by key."""
    matches: Callable[[str], object] | None
    """The test of the object's own id, if it has one and its type is known."""
    plans: dict[tuple[str, ...], Plan]
    """Plans by the names of the properties present. Bounded: the names come from outside."""


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        return members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 (built at run time)
    return hint


def _split(hint: Any) -> tuple[Any, tuple[Rule, ...]]:
    """A hint's bare type and the rules written beside it."""
    if get_origin(hint) is Annotated:
        bare, *metadata = get_args(hint)
        return bare, tuple(rule for rule in metadata if isinstance(rule, Rule))
    return hint, ()


def _implied_rules(bare: Any) -> tuple[Rule, ...]:
    origin = get_origin(bare)
    if origin is tuple:
        return (EMPTY_LIST,)
    if origin is dict:
        return (EMPTY_DICTIONARY,)
    return (INTEGER,) if bare is int else ()


def _with_clause(rule: Rule, clause: str) -> Rule:
    return rule if rule.clause else msgspec.structs.replace(rule, clause=clause)


def _clause_of(struct: type, name: str) -> str:
    """The section of the class that declares the property; common properties are in 3.2."""
    for base in struct.__mro__:
        if name in inspect.get_annotations(base):
            return str(getattr(base, "CLAUSE", "") or "3.2")
    return "3.2"


def _leaves(hint: Any) -> Iterator[Any]:
    arguments = get_args(hint)
    if not arguments:
        yield hint
    for argument in arguments:
        yield from _leaves(argument)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _property(struct: type, name: str, hint: Any, required: bool) -> Property:
    bare, rules = _split(_without_none(hint))
    clause = _clause_of(struct, name)
    item = get_args(bare)[0] if get_origin(bare) is tuple else None
    part = next((shape_of(kind) for kind in (bare, item) if kind is not None and _is_struct(kind)), None)
    return Property(
        name=name,
        clause=clause,
        required=required,
        annotation=bare,
        item=item,
        rules=tuple(_with_clause(rule, clause) for rule in (*_implied_rules(bare), *rules)),
        is_open=Any in _leaves(bare),
        part=part,
    )


_DIRTY = ("",)
_INNERMOST = 8
"""More containers than a part of an object ever stands in: what is nearly too deep, the thorough way decides."""
_MOST_PLANS = 128
_LONGEST_NAMES = 2_048
"""Characters of all names together. Names come from outside: what is remembered of them is bounded."""


def plan_for(value: Mapping[str, Any], shape: Shape) -> Plan | None:
    """The plan for objects with the properties of ``value``, or None if these names alone break a rule."""
    names = value.keys()
    for name in names - shape.properties.keys() - {"type"}:
        if name in RESERVED_NAMES or PROPERTY_NAME.find(name):
            return None
    if any(rule.find(value) for rule in shape.rules if rule.by_names):
        return None
    plan = Plan(
        checks=tuple(
            (name, find) for name, known in shape.properties.items() if name in names for find in _finds(known, shape)
        ),
        matches=shape.matches,
        whole=tuple(rule.find for rule in shape.rules if not rule.by_names and names >= set(rule.when)),
        open=tuple(
            name
            for name in names
            if name != "type" and (name not in shape.properties or shape.properties[name].is_open)
        ),
    )
    if sum(map(len, names)) <= _LONGEST_NAMES:
        if len(shape.plans) >= _MOST_PLANS:
            shape.plans.clear()
        shape.plans[tuple(value)] = plan
    return plan


def is_clean(value: dict[str, Any], shape: Shape) -> bool:
    """Whether ``value``, whose types are right already, breaks no rule. The quick way: no reasons."""
    for item in value.values():
        if item is None:
            return False
    plan = shape.plans.get(tuple(value)) or plan_for(value, shape)
    if plan is None:
        return False
    if plan.matches is not None and plan.matches(value["id"]) is None:
        return False
    for name, find in plan.checks:
        if find(value[name]):
            return False
    for find in plan.whole:
        if find(value):
            return False
    for name in plan.open:
        item = value[name]
        kind = type(item)
        if kind is list or kind is dict:
            if not is_plain(item) and (too_deep(item, inside=_INNERMOST) is not None or oversized_integers(item)):
                return False
        elif kind is int and not -LARGEST_INTEGER <= item <= LARGEST_INTEGER:
            return False
    return True


_MOST_REMEMBERED = 4_096


def _remembering(known: Property) -> Find:
    """One check for all rules of a reference, or of a list of them.

    What was found well formed is remembered: authors, markings, hubs of the graph come again and again.
    """
    seen: set[str] = set()
    rules = tuple(rule.find_one or rule.find for rule in known.rules if rule is not EMPTY_LIST)

    def find_one(value: str) -> Sequence[str]:
        if value in seen:
            return ()
        for find in rules:
            if find(value):
                return _DIRTY
        if len(seen) < _MOST_REMEMBERED:
            seen.add(value)
        return ()

    def find_any(values: Sequence[str]) -> Sequence[str]:
        if not values:
            return _DIRTY
        for value in values:
            if value not in seen and find_one(value):
                return _DIRTY
        return ()

    return find_one if known.item is None else find_any


def _finds(known: Property, shape: Shape) -> list[Find]:
    if known.name == "id" and shape.matches is not None:
        return []
    if any(rule.name == IDENTIFIER.name for rule in known.rules):
        return [_remembering(known)]
    finds = [rule.find for rule in known.rules]
    if known.part is not None:
        finds.append(_part_check(known.part, many=known.item is not None))
    if known.name == "extensions" and shape.extensions:
        finds.append(_extension_check(shape.extensions))
    return finds


def _part_check(shape: Shape, many: bool) -> Find:
    def find_one(value: dict[str, Any]) -> Sequence[str]:
        return () if is_clean(value, shape) else _DIRTY

    def find_any(values: Sequence[dict[str, Any]]) -> Sequence[str]:
        for value in values:
            if not is_clean(value, shape):
                return _DIRTY
        return ()

    return find_any if many else find_one


def _extension_check(shapes: Mapping[str, Shape]) -> Find:
    def find(value: Mapping[str, Any]) -> Sequence[str]:
        for key in shapes.keys() & value.keys():
            shape = shapes[key]
            try:
                msgspec.convert(value[key], shape.struct, dec_hook=read_hook)
            except (msgspec.ValidationError, InvalidTimestamp):
                return _DIRTY
            if not is_clean(value[key], shape):
                return _DIRTY
        return ()

    return find


def _rules_of(struct: type) -> tuple[Rule, ...]:
    """The struct's own rules and those of its bases, each once."""
    rules: dict[int, Rule] = {}
    for base in reversed(struct.__mro__):
        for rule in base.__dict__.get("RULES", ()):
            rules[id(rule)] = rule
    return tuple(rules.values())


_shapes: dict[type, Shape] = {}


def shape_of(struct: type[Any]) -> Shape:
    """The table of ``struct``, built once."""
    if struct in _shapes:
        return _shapes[struct]
    hints = get_type_hints(struct, include_extras=True)
    properties = {
        field.name: _property(struct, field.name, hints[field.name], field.required)
        for field in msgspec.structs.fields(struct)
    }
    tag = struct.__struct_config__.tag
    rules = _rules_of(struct)
    if isinstance(tag, str):
        own = properties["id"]
        properties["id"] = msgspec.structs.replace(own, rules=(*own.rules, id_of(tag)))
        if hasattr(struct, "DECLARED_BY"):
            rules = (*rules, declared(struct.DECLARED_BY, struct.DECLARED_AS))
        elif tag != "bundle":
            rules = (*rules, REDEFINED_TYPE)
    if getattr(struct, "CLOSED", False):
        rules = (*rules, closed({*properties, "type"}))
    extensions = {key: shape_of(part) for key, part in getattr(struct, "EXTENSIONS", {}).items()}
    clause = str(getattr(struct, "CLAUSE", "") or "3.2")
    rules = tuple(_with_clause(rule, clause) for rule in rules)
    shape = Shape(
        struct=struct,
        clause=clause,
        properties=properties,
        required=frozenset(name for name, known in properties.items() if known.required),
        rules=rules,
        extensions=extensions,
        matches=identifier_matcher(tag) if isinstance(tag, str) else None,
        plans={},
    )
    _shapes[struct] = shape
    return shape


STRUCTS: Mapping[str, type[Any]] = {
    struct.__struct_config__.tag: struct
    for module in (sdo, sro, sco, meta)
    for struct in vars(module).values()
    if _is_struct(struct) and isinstance(struct.__struct_config__.tag, str)
}
"""The struct of each type that the specification defines, by type."""

SHAPES: Mapping[str, Shape] = {name: shape_of(struct) for name, struct in STRUCTS.items()}

EXTENSION_SHAPES: Mapping[str, Shape] = {
    struct.__struct_config__.tag: shape_of(struct)
    for module in (extension_sco, extension_sdo)
    for struct in vars(module).values()
    if _is_struct(struct) and hasattr(struct, "DECLARED_BY")
}
"""The shapes of the types that extensions of ours declare, by type. They hold for an object that names that extension
(:func:`extension_shape`): another's type of the same name may be another thing."""
DECLARED_BY: Mapping[str, str] = {name: shape.struct.DECLARED_BY for name, shape in EXTENSION_SHAPES.items()}  # type: ignore[attr-defined]
"""The extension of ours that declares each of these types."""
CUSTOM_OBJECT = shape_of(meta.CustomObject)
CUSTOM_OBSERVABLE = shape_of(meta.CustomObservable)


def extension_shape(source: Mapping[str, Any]) -> Shape | None:
    """Return the shape of an object of a type of ours, None for what is none or is declared by somebody else."""
    kind, extensions = source.get("type"), source.get("extensions")
    if not isinstance(kind, str) or kind not in EXTENSION_SHAPES or not isinstance(extensions, dict):
        return None
    return EXTENSION_SHAPES[kind] if DECLARED_BY[kind] in extensions else None


def all_rules() -> Iterator[Rule]:
    """Every rule of every shape, repeated as often as it is applied."""
    for shape in _shapes.values():
        yield from shape.rules
        for known in shape.properties.values():
            yield from known.rules
