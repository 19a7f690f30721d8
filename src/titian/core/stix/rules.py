"""What a rule is, and the rules on one value: names, identifiers, references, hashes, ranges, vocabularies.

A rule's ``find`` gets a value whose JSON type is already right and returns the places that break it, as path
pieces relative to that value: ``()`` when all is well, ``("",)`` for the value itself. Rules that need
several properties of one object are in `titian.core.stix.object_rules`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from titian.core.stix.identifier import is_identifier
from titian.core.stix.vocabulary import ENUMERATIONS

FINE: tuple[str, ...] = ()
HERE: tuple[str, ...] = ("",)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement of the specification that a value can be held against."""

    name: str
    """Short, in kebab case."""
    clause: str = ""
    """Section of STIX 2.1; empty where it is the section of the property it is applied to."""
    message: str
    """What to do, in a sentence."""
    find: Callable[[Any], Sequence[str]]
    """The places that break it, relative to the value."""
    find_one: Callable[[Any], Sequence[str]] | None = None
    """For a rule on each item of a list: the same on one item."""
    reads: tuple[str, ...] = ()
    """For a rule on an object: the properties it looks at."""
    when: tuple[str, ...] = ()
    """For a rule on an object: it can break only where all of these properties are present."""
    by_names: bool = False
    """For a rule on an object: only which properties are present counts, not their values."""
    tolerable: bool = False
    """Broken by much real content and harmless to a careful reader: reported only when strict."""


_PLAIN_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_LONGEST_STEP = 64


def step(name: str | int) -> str:
    """One piece of a JSON path.

    >>> step("name"), step(3), step("SHA-256")
    ('.name', '[3]', "['SHA-256']")
    """
    if isinstance(name, int):
        return f"[{name}]"
    if len(name) > _LONGEST_STEP:
        name = name[:_LONGEST_STEP] + "…"
    if _PLAIN_STEP(name):
        return f".{name}"
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def each(rule: Rule) -> Rule:
    """The same rule on every item of a list."""
    find_one = rule.find

    def find(values: Sequence[Any]) -> Sequence[str]:
        for value in values:
            if find_one(value):
                return [f"[{i}]{place}" for i, value in enumerate(values) for place in find_one(value)]
        return FINE

    return msgspec.structs.replace(rule, find=find, find_one=find_one)


def matching(name: str, pattern: str, message: str, *, clause: str = "", tolerable: bool = False) -> Rule:
    """A rule that a string must match all of ``pattern``."""
    match = re.compile(pattern).fullmatch
    return Rule(
        name=name,
        clause=clause,
        message=message,
        find=lambda value: FINE if match(value) else HERE,
        tolerable=tolerable,
    )


# --- identifiers and references ---------------------------------------------------------------------------

IDENTIFIER = Rule(
    name="identifier",
    clause="2.9",
    message="Write the identifier as object-type--UUID, with a lower-case RFC 4122 UUID.",
    find=lambda value: FINE if is_identifier(value) else HERE,
)


def id_of(type: str) -> Rule:
    """The id of an object of ``type`` starts with that type."""
    prefix = f"{type}--"
    return Rule(
        name="id-prefix",
        clause="2.9",
        message="Start the id with the value of the type property and two hyphens.",
        find=lambda value: FINE if value.startswith(prefix) else HERE,
    )


def _listing(types: Iterable[str]) -> str:
    return ", ".join(sorted(types))


def refers_to(*types: str) -> Rule:
    """The reference's target is of one of ``types``."""
    prefixes = tuple(f"{name}--" for name in types)
    return Rule(
        name="reference-type",
        message=f"Refer to an object of a type that may stand here: {_listing(types)}.",
        find=lambda value: FINE if value.startswith(prefixes) else HERE,
    )


def refers_not_to(types: Iterable[str], message: str) -> Rule:
    """The reference's target is of none of ``types``; custom types pass."""
    prefixes = tuple(sorted(f"{name}--" for name in types))
    return Rule(
        name="reference-type",
        message=message,
        find=lambda value: HERE if value.startswith(prefixes) else FINE,
    )


# --- lists and dictionaries -------------------------------------------------------------------------------

EMPTY_LIST = Rule(
    name="empty-list",
    clause="2.12",
    message="Leave the property out instead of giving an empty list.",
    find=lambda value: FINE if value else HERE,
)

EMPTY_DICTIONARY = Rule(
    name="empty-dictionary",
    clause="2.3",
    message="Leave the property out instead of giving an empty dictionary.",
    find=lambda value: FINE if value else HERE,
)


def on_keys(name: str, pattern: str, message: str, *, clause: str, tolerable: bool = False) -> Rule:
    """A rule that every key of a dictionary must match all of ``pattern``."""
    match = re.compile(pattern).fullmatch

    def find(value: Mapping[str, Any]) -> Sequence[str]:
        return [step(key) for key in value if not match(key)]

    return Rule(name=name, clause=clause, message=message, find=find, tolerable=tolerable)


DICTIONARY_KEY = on_keys(
    "dictionary-key",
    r"[A-Za-z0-9_-]{1,250}",
    "Name the key with ASCII letters, digits, hyphens and underscores, at most 250 of them.",
    clause="2.3",
    tolerable=True,
)

# --- hashes, hexadecimal, binary --------------------------------------------------------------------------

HASH_NAME = on_keys(
    "hash-name",
    r"[A-Za-z0-9_-]{3,250}",
    "Name the hash algorithm with 3 to 250 ASCII letters, digits, hyphens and underscores.",
    clause="2.7",
)

_HASH_FORMATS = {
    name: re.compile(pattern).fullmatch
    for name, pattern in {
        "MD5": r"[0-9a-fA-F]{32}",
        "SHA-1": r"[0-9a-fA-F]{40}",
        "SHA-256": r"[0-9a-fA-F]{64}",
        "SHA-512": r"[0-9a-fA-F]{128}",
        "SHA3-256": r"[0-9a-fA-F]{64}",
        "SHA3-512": r"[0-9a-fA-F]{128}",
        "SSDEEP": r"[0-9]{1,10}:[A-Za-z0-9/+]{1,128}:[A-Za-z0-9/+]{1,128}",
        "TLSH": r"(?:T1)?(?:[0-9a-fA-F]{70}|[0-9a-fA-F]{74}|[0-9a-fA-F]{134}|[0-9a-fA-F]{138})",
    }.items()
}


def _find_hash_format(value: Mapping[str, str]) -> Sequence[str]:
    return [
        step(name)
        for name, text in value.items()
        if (match := _HASH_FORMATS.get(name)) is not None and match(text) is None
    ]


HASH_FORMAT = Rule(
    name="hash-format",
    clause="2.7",
    message="Give the hash in the form its algorithm has, for example 64 hexadecimal digits for SHA-256.",
    find=_find_hash_format,
)

HEX = matching(
    "hex-format",
    r"(?:[0-9a-f]{2})*",
    "Write an even number of hexadecimal digits, letters in lower case.",
    clause="2.8",
    tolerable=True,
)


def _find_binary(value: str) -> Sequence[str]:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return HERE
    return FINE


BINARY = Rule(
    name="binary-format",
    clause="2.1",
    message="Encode the bytes as base64 with padding (RFC 4648 section 4).",
    find=_find_binary,
)

# --- numbers, vocabularies, languages, names ---------------------------------------------------------------

_LARGEST = 2**53 - 1

INTEGER = Rule(
    name="integer-size",
    clause="2.10",
    message="Give an integer between -(2**53)+1 and (2**53)-1.",
    find=lambda value: FINE if -_LARGEST <= value <= _LARGEST else HERE,
)


def between(low: float | None, high: float | None) -> Rule:
    """A number within ``low`` and ``high``, both included."""
    if high is None:
        return Rule(
            name="number-range",
            message=f"Give a number that is not below {low}.",
            find=lambda value: FINE if value >= low else HERE,
        )
    return Rule(
        name="number-range",
        message=f"Give a number between {low} and {high}.",
        find=lambda value: FINE if low <= value <= high else HERE,
    )


NOT_NEGATIVE = between(0, None)


def one_of(vocabulary: str) -> Rule:
    """A value of a closed vocabulary."""
    terms = ENUMERATIONS[vocabulary]
    return Rule(
        name="closed-vocabulary",
        message=f"Use a term of {vocabulary}: {_listing(terms)}.",
        find=lambda value: FINE if value in terms else HERE,
    )


_LANGUAGE_TAG = (
    r"(?i:"
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"  # language, extended language
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"  # script, region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3})){0,8}"  # variants
    r"(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8}){1,8}){0,8}"  # extensions
    r"(?:-x(?:-[a-z0-9]{1,8}){1,8})?"  # private use
    r"|x(?:-[a-z0-9]{1,8}){1,8}"
    r"|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)"
    r"|en-GB-oed|sgn-(?:BE-FR|BE-NL|CH-DE)|art-lojban|cel-gaulish|no-bok|no-nyn"
    r"|zh-(?:guoyu|hakka|min|min-nan|xiang)"
    r")"
)

LANGUAGE = matching(
    "language-tag", _LANGUAGE_TAG, "Use a language code of RFC 5646, such as en or id-ID.", clause="3.2"
)

SPEC_VERSION = Rule(
    name="spec-version",
    clause="3.2",
    message='Set spec_version to "2.1"; convert objects of other versions first.',
    find=lambda value: FINE if value == "2.1" else HERE,
)

MILLISECONDS = Rule(
    name="timestamp-precision",
    clause="3.2",
    message="Give created and modified at least three digits after the decimal point.",
    find=lambda value: FINE if len(value) >= 24 else HERE,
    tolerable=True,
)

RELATIONSHIP_TYPE = matching(
    "relationship-type",
    r"[a-z0-9-]+",
    "Use only a-z, 0-9 and hyphens in relationship_type.",
)

# --- forms of observable values ---------------------------------------------------------------------------

MAC_ADDRESS = matching(
    "mac-address",
    r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}",
    "Write the MAC address as six lower-case octets with leading zeros, joined by colons.",
)

CPE = matching("cpe-format", r"cpe:2\.3:[aho*-](?::[^\s]+)", "Give a CPE 2.3 formatted string.", tolerable=True)

REGISTRY_KEY = matching(
    "registry-hive",
    r"(?is)(?!(?:HKLM|HKCU|HKCR|HKU|HKCC)(?:\\|$)).*",
    "Write the registry hive in full, for example HKEY_LOCAL_MACHINE.",
    tolerable=True,
)

MIME_TYPE_BOUND = matching(
    "media-type",
    r"[^\s/;]+/[^\s/;]+(?:\s*;.*)?",
    "Give a media type such as application/pdf.",
    tolerable=True,
)

SECONDS = Rule(
    name="timestamp-precision",
    message="Give this timestamp to the second, without a fraction.",
    find=lambda value: FINE if len(value) == 20 else HERE,
    tolerable=True,
)

PROPERTY_NAME = matching(
    "property-name",
    r"[a-z][a-z0-9_]{2,249}",
    "Name the property with 3 to 250 characters of a-z, 0-9 and underscore, beginning with a letter.",
    clause="3.1",
    tolerable=True,
)


def on_languages(clause: str) -> Rule:
    """Every key of the dictionary is a language code."""
    return on_keys("language-tag", _LANGUAGE_TAG, "Use language codes of RFC 5646 as keys.", clause=clause)
