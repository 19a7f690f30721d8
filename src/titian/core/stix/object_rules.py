"""The rules on one object as a whole: which properties go together, in what order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from titian.core.errors import InvalidTimestamp
from titian.core.stix.pattern import pattern_error
from titian.core.stix.rules import FINE, HERE, Rule, step
from titian.core.stix.timestamp import Timestamp

Json = Mapping[str, Any]


def in_order(first: str, last: str, *, clause: str, strictly: bool = False) -> Rule:
    """``last`` is not earlier than ``first``; with ``strictly`` it is later."""

    def find(value: Json) -> Sequence[str]:
        begin, end = value.get(first), value.get(last)
        if begin is None or end is None or (begin == end and not strictly):
            return FINE
        # Texts of one length order like the instants they name; others must be read.
        if len(begin) == len(end):
            return (step(last),) if end <= begin else FINE
        return (step(last),) if _is_later(begin, end, or_equal=strictly) else FINE

    relation = "later than" if strictly else "equal to or later than"
    return Rule(
        name="timestamp-order",
        clause=clause,
        message=f"Make {last} {relation} {first}.",
        find=find,
        reads=(first, last),
        when=(first, last),
    )


def _is_later(begin: str, end: str, *, or_equal: bool) -> bool:
    try:
        first, last = Timestamp.parse(begin), Timestamp.parse(end)
    except InvalidTimestamp:
        return False  # the timestamp rule names it
    return last < first or (or_equal and last == first)


def at_least_one(*names: str, clause: str) -> Rule:
    """One of the named properties is there."""

    def find(value: Json) -> Sequence[str]:
        return HERE if value.keys().isdisjoint(names) else FINE

    shown = ", ".join(names) if len(names) < 8 else "the properties of its own type"
    return Rule(
        name="at-least-one",
        clause=clause,
        message=f"Give at least one of {shown}.",
        find=find,
        reads=names,
        by_names=True,
    )


def not_both(first: str, second: str, *, clause: str) -> Rule:
    """The two properties exclude each other."""

    def find(value: Json) -> Sequence[str]:
        return (step(second),) if first in value and second in value else FINE

    return Rule(
        name="not-both",
        clause=clause,
        message=f"Give {first} or {second}, not both.",
        find=find,
        reads=(first, second),
        by_names=True,
    )


def needs(name: str, *others: str, clause: str) -> Rule:
    """Where ``name`` is, all of ``others`` are."""

    def find(value: Json) -> Sequence[str]:
        return FINE if name not in value or value.keys() >= set(others) else (step(name),)

    return Rule(
        name="needs-other",
        clause=clause,
        message=f"Give {' and '.join(others)} with {name}, or leave {name} out.",
        find=find,
        reads=(name, *others),
        by_names=True,
    )


def only_if(name: str, condition: str, expected: bool, *, clause: str) -> Rule:
    """``name`` may stand only where the boolean ``condition`` has the ``expected`` value."""

    def find(value: Json) -> Sequence[str]:
        return (step(name),) if name in value and value.get(condition) is not expected else FINE

    word = "true" if expected else "false"
    return Rule(
        name="only-if",
        clause=clause,
        message=f"Give {name} only when {condition} is {word}.",
        find=find,
        reads=(name, condition),
        when=(name,),
    )


def absent(*names: str, clause: str, tolerable: bool = True) -> Rule:
    """None of the named common properties is used on this type."""

    def find(value: Json) -> Sequence[str]:
        return FINE if value.keys().isdisjoint(names) else [step(name) for name in names if name in value]

    return Rule(
        name="not-applicable",
        clause=clause,
        message="Leave out the common property, it does not apply to this type.",
        find=find,
        reads=names,
        tolerable=tolerable,
        by_names=True,
    )


# --- single objects ---------------------------------------------------------------------------------------


def _find_family(value: Json) -> Sequence[str]:
    return HERE if value.get("is_family") is True and "name" not in value else FINE


MALWARE_FAMILY_NAME = Rule(
    name="malware-family-name",
    clause="4.11",
    message="Name the malware family: with is_family true, name is required.",
    find=_find_family,
    reads=("is_family", "name"),
    when=("is_family",),
)


def _find_place(value: Json) -> Sequence[str]:
    located = "region" in value or "country" in value or ("latitude" in value and "longitude" in value)
    return FINE if located else HERE


LOCATION_PLACE = Rule(
    name="location-place",
    clause="4.10",
    message="Give region, country, or latitude and longitude.",
    find=_find_place,
    reads=("region", "country", "latitude", "longitude"),
    by_names=True,
)


def _find_pattern(value: Json) -> Sequence[str]:
    if value.get("pattern_type") != "stix" or pattern_error(value["pattern"]) is None:
        return FINE
    return (".pattern",)


PATTERN_SYNTAX = Rule(
    name="pattern-syntax",
    clause="9",
    message="Write a pattern that follows the STIX patterning grammar, or name its real pattern_type.",
    find=_find_pattern,
    reads=("pattern", "pattern_type"),
)


def _find_end_while_active(value: Json) -> Sequence[str]:
    return (".end",) if "end" in value and value.get("is_active") is True else FINE


NOT_ACTIVE_AFTER_END = Rule(
    name="traffic-ended",
    clause="6.12",
    message="Leave end out while is_active is true.",
    find=_find_end_while_active,
    reads=("end", "is_active"),
    when=("end", "is_active"),
)


def external_id(source_name: str, pattern: str, *, clause: str) -> Rule:
    """External references to ``source_name`` carry an identifier of that source's form."""
    match = re.compile(pattern).fullmatch

    def find(value: Json) -> Sequence[str]:
        references = value.get("external_references")
        if not references:
            return FINE
        return [
            f".external_references[{i}].external_id"
            for i, reference in enumerate(references)
            if reference.get("source_name") == source_name
            and "external_id" in reference
            and match(reference["external_id"]) is None
        ]

    return Rule(
        name="external-id-format",
        clause=clause,
        message=f"Write the external_id of the source {source_name} exactly as that source does.",
        find=find,
        reads=("external_references",),
        when=("external_references",),
        tolerable=True,
    )


def _find_either_marking(value: Json) -> Sequence[str]:
    return FINE if ("lang" in value) != ("marking_ref" in value) else HERE


MARKING_OR_LANGUAGE = Rule(
    name="marking-or-language",
    clause="7.2.3",
    message="Give exactly one of marking_ref and lang.",
    find=_find_either_marking,
    reads=("lang", "marking_ref"),
    by_names=True,
)


def _find_own_marking(value: Json) -> Sequence[str]:
    own = value["id"]
    places = [
        f".object_marking_refs[{i}]"
        for i, reference in enumerate(value.get("object_marking_refs", ()))
        if reference == own
    ]
    places += [
        f".granular_markings[{i}].marking_ref"
        for i, marking in enumerate(value.get("granular_markings", ()))
        if marking.get("marking_ref") == own
    ]
    return places


NOT_MARKED_BY_ITSELF = Rule(
    name="circular-marking",
    clause="3.2",
    message="Do not mark a marking definition with itself.",
    find=_find_own_marking,
    reads=("id", "object_marking_refs", "granular_markings"),
)
