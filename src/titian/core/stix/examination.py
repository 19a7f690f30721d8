"""One object held against the specification: its typed value, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from titian.core.errors import InvalidTimestamp
from titian.core.stix import json_text
from titian.core.stix.identifier import is_type_name
from titian.core.stix.rulebook import (
    DEPTH,
    DUPLICATE_KEY,
    ENCODING,
    ID_PREFIX,
    JSON,
    LARGE_INTEGER,
    NOT_AN_OBJECT,
    NULL,
    REQUIRED,
    RESERVED_NAME,
    SIZE,
    TIMESTAMP,
    TYPE_NAME,
    WRONG_TYPE,
)
from titian.core.stix.rules import PROPERTY_NAME, Rule, step
from titian.core.stix.schema import (
    CUSTOM_OBJECT,
    CUSTOM_OBSERVABLE,
    RESERVED_NAMES,
    SHAPES,
    Property,
    Shape,
    extension_shape,
    is_clean,
    read_hook,
)
from titian.core.stix.timestamp import Timestamp


class Violation(msgspec.Struct, frozen=True):
    """One way in which an object breaks the specification."""

    id: str | None
    """Of the object, if it has a readable one."""
    path: str
    """JSON path of the place, such as ``$.kill_chain_phases[0].phase_name``."""
    rule: str
    """Name of the rule, as `describe_rules` lists it."""
    clause: str
    """Section of STIX 2.1, or of the RFC it is named with."""
    message: str
    """What to do, in a sentence."""


class Examined(msgspec.Struct, frozen=True):
    """What `examine` found."""

    id: str | None
    type: str | None
    version: Timestamp | None
    """modified, else created where the type has no modified; None for observables."""
    value: Any
    """A struct of `titian.core.stix`, or None when the object cannot be one."""
    violations: tuple[Violation, ...]


_convert = msgspec.convert


def examine(raw: bytes | memoryview, *, strict: bool = True) -> Examined:
    """Hold one object against STIX 2.1. Never raises on bad input; the answer lists all violations.

    Types that the specification does not define pass if the common rules hold; their ``value`` is a header
    struct. With ``strict`` False, rules that much real content breaks and that harm no careful reader are not
    reported: `describe_rules` marks them.

    >>> found = examine(b'{"type":"mutex","id":"mutex--f93fe911-e545-5239-b9b0-597840d0c871","name":"m"}')
    >>> found.violations, found.value.name
    ((), 'm')
    """
    if type(raw) is not bytes:
        raw = bytes(raw)
    if len(raw) > json_text.LARGEST_OBJECT:
        return _unreadable(SIZE)
    try:
        source = json_text.decode(raw)
    except UnicodeDecodeError:
        return _unreadable(ENCODING)
    except RecursionError:
        return _unreadable(DEPTH)
    except ValueError as error:
        return _unreadable(JSON, str(error))
    if type(source) is not dict:
        return _unreadable(NOT_AN_OBJECT)
    kind = source.get("type")
    shape = SHAPES.get(kind) if type(kind) is str else None
    if shape is None:
        shape = _shape_of_custom(source)
    try:
        value = _convert(source, shape.struct, dec_hook=read_hook)
    except (msgspec.ValidationError, InvalidTimestamp):
        return _explain(raw, source, shape, None, strict)
    if is_clean(source, shape) and json_text.has_unique_keys(raw, source) and not _is_misnamed(source, shape):
        return Examined(source["id"], kind, _version(value), value, ())
    return _explain(raw, source, shape, value, strict)


def _version(value: Any) -> Timestamp | None:
    version: Timestamp | None = getattr(value, "modified", None) or getattr(value, "created", None)
    return version


def _shape_of_custom(source: Mapping[str, Any]) -> Shape:
    """A new type is what our extension declares, or is versioned if its extension says so, or else if it has the dates
    of a versioned object."""
    ours = extension_shape(source)
    if ours is not None:
        return ours
    extensions = source.get("extensions")
    if isinstance(extensions, dict):
        kinds = [content.get("extension_type") for content in extensions.values() if isinstance(content, dict)]
        if "new-sdo" in kinds or "new-sro" in kinds:
            return CUSTOM_OBJECT
        if "new-sco" in kinds:
            return CUSTOM_OBSERVABLE
    return CUSTOM_OBJECT if "created" in source or "modified" in source else CUSTOM_OBSERVABLE


# --- the quick way: is anything wrong? ----------------------------------------------------------------------


def _is_misnamed(source: Mapping[str, Any], shape: Shape) -> bool:
    if shape is not CUSTOM_OBJECT and shape is not CUSTOM_OBSERVABLE:
        return False
    return not is_type_name(source["type"]) or bool(ID_PREFIX.find(source))


# --- the thorough way: what is wrong, and where? ----------------------------------------------------------


def _unreadable(rule: Rule, detail: str = "", place: str = "") -> Examined:
    message = f"{rule.message} ({detail[:200]})" if detail else rule.message
    return Examined(None, None, None, None, (Violation(None, "$" + place, rule.name, rule.clause, message),))


class _Report:
    """The violations of one object, gathered."""

    def __init__(self, id: str | None, strict: bool) -> None:
        self.id = id
        self.strict = strict
        self.violations: list[Violation] = []
        self.ill_typed: set[str] = set()
        """Top-level properties whose value has a wrong type somewhere: rules that read them are skipped."""

    def add(self, rule: Rule, path: str, *, clause: str = "", message: str = "") -> None:
        if self.strict or not rule.tolerable:
            self.violations.append(
                Violation(self.id, "$" + path, rule.name, rule.clause or clause, message or rule.message)
            )


def _explain(raw: bytes, source: dict[str, Any], shape: Shape, value: Any, strict: bool) -> Examined:
    if (place := json_text.too_deep(source)) is not None:
        return _unreadable(DEPTH, place=place)
    identifier = source.get("id")
    kind = source.get("type")
    report = _Report(identifier if isinstance(identifier, str) else None, strict)
    _report_type(report, source, shape)
    _report_object(report, source, shape, "")
    for place in json_text.oversized_integers(source):
        report.add(LARGE_INTEGER, place)
    for place in json_text.repeated_keys(raw):
        report.add(DUPLICATE_KEY, place)
    unique = tuple(dict.fromkeys(report.violations))
    return Examined(report.id, kind if isinstance(kind, str) else None, _version(value), value, unique)


def _report_type(report: _Report, source: Mapping[str, Any], shape: Shape) -> None:
    kind = source.get("type")
    if kind is None:
        report.add(REQUIRED, ".type", clause="3.2", message="Give type, it is required.")
    elif not isinstance(kind, str):
        report.add(WRONG_TYPE, ".type", clause="3.2")
    elif kind not in SHAPES:
        if not is_type_name(kind):
            report.add(TYPE_NAME, ".type")
        if isinstance(source.get("id"), str) and ID_PREFIX.find(source):
            report.add(ID_PREFIX, ".id")


def _report_object(report: _Report, source: Mapping[str, Any], shape: Shape, path: str) -> None:
    """All violations of one JSON object: its properties, those missing, and the rules on it as a whole."""
    unusable = set(shape.required - source.keys())
    for name in sorted(unusable - {"type"}):
        message = f"Give {name}, it is required."
        report.add(REQUIRED, path + step(name), clause=shape.properties[name].clause, message=message)
    for name, value in source.items():
        known = shape.properties.get(name)
        if value is None:
            report.add(NULL, path + step(name))
            unusable.add(name)
        elif known is None:
            if not path:
                _report_name(report, name)
        elif name != "type" and not _report_property(report, value, known, path + step(name)):
            unusable.add(name)
        if name == "extensions" and not path and isinstance(value, dict):
            _report_extensions(report, value, shape)
    for rule in shape.rules:
        if unusable.isdisjoint(rule.reads):
            for place in rule.find(source):
                report.add(rule, path + place)


def _report_name(report: _Report, name: str) -> None:
    if name == "type":
        return
    if name in RESERVED_NAMES:
        report.add(RESERVED_NAME, step(name))
    elif PROPERTY_NAME.find(name):
        report.add(PROPERTY_NAME, step(name))


def _report_property(report: _Report, value: Any, known: Property, path: str) -> bool:
    """Report on one property, converted by itself. False if its type is wrong."""
    if known.part is not None:
        return _report_parts(report, value, known, known.part, path)
    if known.item is not None and isinstance(value, list):
        each_typed = [_is_typed(report, item, known.item, known, f"{path}[{i}]") for i, item in enumerate(value)]
        typed = all(each_typed)
    else:
        typed = _is_typed(report, value, known.annotation, known, path)
    if typed:
        _report_rules(report, value, known.rules, path)
    return typed


def _report_rules(report: _Report, value: Any, rules: Iterable[Rule], path: str) -> None:
    for rule in rules:
        for place in rule.find(value):
            report.add(rule, path + place)


def _is_typed(report: _Report, value: Any, annotation: Any, known: Property, path: str) -> bool:
    try:
        _convert(value, annotation, dec_hook=read_hook)
    except (msgspec.ValidationError, InvalidTimestamp) as error:
        detail, _, place = str(error).partition(" - at `$")
        place = path + place.removesuffix("`")
        if isinstance(error, InvalidTimestamp) or isinstance(error.__cause__, InvalidTimestamp):
            report.add(TIMESTAMP, place, message=detail)
        else:
            report.add(WRONG_TYPE, place, clause=known.clause, message=f"{WRONG_TYPE.message} ({detail})")
        return False
    return True


def _report_parts(report: _Report, value: Any, known: Property, part: Shape, path: str) -> bool:
    if known.item is None:
        return _report_part(report, value, known, part, path)
    if not isinstance(value, list):
        return _is_typed(report, value, known.annotation, known, path)
    each_typed = [_report_part(report, item, known, part, f"{path}[{i}]") for i, item in enumerate(value)]
    _report_rules(report, value, known.rules, path)
    return all(each_typed)


def _report_part(report: _Report, value: Any, known: Property, part: Shape, path: str) -> bool:
    if not isinstance(value, dict):
        return _is_typed(report, value, part.struct, known, path)
    _report_object(report, value, part, path)
    try:
        _convert(value, part.struct, dec_hook=read_hook)
    except (msgspec.ValidationError, InvalidTimestamp):
        return False
    return True


def _report_extensions(report: _Report, value: Mapping[str, Any], shape: Shape) -> None:
    for key, part in shape.extensions.items():
        if isinstance(value.get(key), dict):
            _report_object(report, value[key], part, f".extensions{step(key)}")
