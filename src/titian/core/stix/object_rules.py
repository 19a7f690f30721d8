"""The rules on one object as a whole: which properties go together, in what order, what a selector selects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from titian.core.errors import InvalidTimestamp
from titian.core.stix.identifier import ID_CONTRIBUTING, observable_id
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
            wrong = end < begin or end == begin
        else:
            wrong = _is_later(begin, end, or_equal=strictly)
        return (step(last),) if wrong else FINE

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


# --- observables ------------------------------------------------------------------------------------------

_VERSIONING = ("created_by_ref", "created", "modified", "revoked")


def versioned_observable(type: str) -> Rule:
    """An observable with versioning properties has no deterministic id: others could never version it."""

    def find(value: Json) -> Sequence[str]:
        if value.keys().isdisjoint(_VERSIONING):
            return FINE
        identifier = value["id"]
        return (".id",) if identifier == observable_id(type, value) else FINE

    return Rule(
        name="versioned-observable",
        clause="3.6",
        message="Give an observable that has created or modified an id outside the deterministic namespace.",
        find=find,
        reads=("id", *_VERSIONING, *ID_CONTRIBUTING[type]),
    )


def random_id(type: str) -> Rule:
    """An observable without any ID-contributing property has a UUIDv4."""
    contributing = ID_CONTRIBUTING[type]
    at_version = len(type) + 2 + len("xxxxxxxx-xxxx-")

    def find(value: Json) -> Sequence[str]:
        if value.keys().isdisjoint(contributing) and value["id"][at_version : at_version + 1] != "4":
            return (".id",)
        return FINE

    return Rule(
        name="random-id",
        clause="2.9",
        message="Use a UUIDv4 where no ID-contributing property is present.",
        find=find,
        reads=("id", *contributing),
        tolerable=True,
    )


# --- forms of observable values; defanged ones are not held to them -----------------------------------------


def _form(name: str, clause: str, message: str, is_well_formed: Callable[[str], bool]) -> Rule:
    def find(value: Json) -> Sequence[str]:
        fine = value.get("defanged") is True or is_well_formed(value["value"])
        return FINE if fine else (".value",)

    return Rule(
        name=name, clause=clause, message=message, find=find, reads=("value", "defanged"), tolerable=True
    )


def _is_network(text: str, kind: type[IPv4Interface] | type[IPv6Interface]) -> bool:
    if "%" in text or len(text) > 64:
        return False
    try:
        kind(text)
    except ValueError:
        return False
    return True


_LABEL = r"(?:[^\W]|[_*])(?:[\w-]{0,61}[\w])?"
_is_domain_name = re.compile(rf"(?:{_LABEL}\.){{0,126}}{_LABEL}\.?").fullmatch
_is_email_address = re.compile(r'(?:[^\s"<>@]{1,256}|"[^"\r\n]{1,256}")@[^\s"<>@]{1,256}').fullmatch
_is_url = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,63}:[^\s<>\"{}|\\^`\x00-\x20]+").fullmatch

IPV4_FORM = _form(
    "ip-address",
    "6.8",
    "Write IPv4 addresses in CIDR notation, such as 198.51.100.0/24.",
    lambda text: _is_network(text, IPv4Interface),
)
IPV6_FORM = _form(
    "ip-address",
    "6.9",
    "Write IPv6 addresses in CIDR notation, such as 2001:db8::/96.",
    lambda text: _is_network(text, IPv6Interface),
)
DOMAIN_NAME_FORM = _form(
    "domain-name",
    "6.4",
    "Write a domain name of RFC 1034 and RFC 5890: labels of at most 63 characters joined by dots.",
    lambda text: len(text) <= 254 and _is_domain_name(text) is not None,
)
EMAIL_ADDRESS_FORM = _form(
    "email-address",
    "6.5",
    "Write the address alone (RFC 5322 addr-spec); a name belongs into display_name.",
    lambda text: _is_email_address(text) is not None,
)
URL_FORM = _form(
    "url-form",
    "6.15",
    "Write a URL of RFC 3986 with its scheme; percent-encode what it may not hold.",
    lambda text: _is_url(text) is not None,
)

# --- granular markings ------------------------------------------------------------------------------------

_SELECTOR_PART = re.compile(r"[A-Za-z0-9_-]{1,250}|\[(?:0|[1-9][0-9]{0,8})\]").fullmatch


def select(value: Any, selector: str) -> Any:
    """What ``selector`` selects in ``value``. Raises `KeyError` when there is nothing (STIX 2.1 section 7.2.3).

    >>> select({"labels": ["a", "b"]}, "labels.[1]")
    'b'
    """
    for part in selector.split("."):
        if part.startswith("[") and part.endswith("]") and isinstance(value, list):
            index = part[1:-1]
            if not (index.isascii() and index.isdigit()) or int(index[:9]) >= len(value) or len(index) > 9:
                raise KeyError(selector)
            value = value[int(index)]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            raise KeyError(selector)
    return value


def _selectors(value: Json) -> list[tuple[str, str]]:
    return [
        (f".granular_markings[{i}].selectors[{j}]", selector)
        for i, marking in enumerate(value["granular_markings"])
        for j, selector in enumerate(marking.get("selectors", ()))
        if isinstance(selector, str)
    ]


def _selects(value: Json, selector: str) -> bool:
    try:
        select(value, selector)
    except KeyError:
        return False
    return True


def _find_selector_syntax(value: Json) -> Sequence[str]:
    if "granular_markings" not in value:
        return FINE
    return [
        place for place, selector in _selectors(value) if not all(map(_SELECTOR_PART, selector.split(".")))
    ]


def _find_selector_target(value: Json) -> Sequence[str]:
    if "granular_markings" not in value:
        return FINE
    return [place for place, selector in _selectors(value) if not _selects(value, selector)]


SELECTOR_SYNTAX = Rule(
    name="selector-syntax",
    clause="7.2.3",
    message="Write the selector as property names, keys and [index] parts joined by dots.",
    find=_find_selector_syntax,
    reads=("granular_markings",),
    when=("granular_markings",),
)

SELECTOR_TARGET = Rule(
    name="selector-target",
    clause="7.2.3",
    message="Select something that this object has.",
    find=_find_selector_target,
    reads=("granular_markings",),
    when=("granular_markings",),
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
