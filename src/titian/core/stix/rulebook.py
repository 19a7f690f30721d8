"""The rules of reading an object at all, and the table of every rule there is."""

from __future__ import annotations

from typing import Any

import msgspec

from titian.core.stix.rules import FINE, PROPERTY_NAME, Rule
from titian.core.stix.schema import all_rules


def _structural(name: str, clause: str, message: str, *, tolerable: bool = False) -> Rule:
    return Rule(name=name, clause=clause, message=message, find=lambda value: FINE, tolerable=tolerable)


JSON = _structural("json", "RFC 8259", "Send one complete JSON text.")
ENCODING = _structural("utf-8", "2.15", "Encode the text as UTF-8 without lone surrogates.")
SIZE = _structural("object-size", "RFC 8259 section 9", "Keep an object within 8 MiB.")
DEPTH = _structural("nesting", "RFC 8259 section 9", "Nest objects and lists at most 64 deep.")
NOT_AN_OBJECT = _structural("not-an-object", "1.2.10", "Send a JSON object.")
DUPLICATE_KEY = _structural("duplicate-key", "2.3", "Give each key once; readers differ on which counts.")
WRONG_TYPE = _structural("wrong-type", "", "Give a value of the type that the property has.")
TIMESTAMP = _structural("timestamp", "2.16.1", "Write the timestamp as YYYY-MM-DDTHH:mm:ss[.s+]Z, in UTC.")
REQUIRED = _structural("required-property", "", "Give the required property.")
NULL = _structural("null-value", "3.1", "Leave the property out instead of giving null.")
LARGE_INTEGER = _structural("integer-size", "2.10", "Give an integer between -(2**53)+1 and (2**53)-1.")
TYPE_NAME = _structural("type-name", "3.1", "Name the type with 3 to 250 characters of a-z, 0-9 and single hyphens.")
RESERVED_NAME = _structural("reserved-name", "3.8", "Choose another name, this one is reserved.")
ID_PREFIX = Rule(
    name="id-prefix",
    clause="2.9",
    message="Start the id with the value of the type property and two hyphens.",
    find=lambda value: FINE if value["id"].startswith(value["type"] + "--") else (".id",),
    reads=("id", "type"),
)
STRUCTURAL = (
    JSON,
    ENCODING,
    SIZE,
    DEPTH,
    NOT_AN_OBJECT,
    DUPLICATE_KEY,
    WRONG_TYPE,
    TIMESTAMP,
    REQUIRED,
    NULL,
    LARGE_INTEGER,
    TYPE_NAME,
    PROPERTY_NAME,
    RESERVED_NAME,
    ID_PREFIX,
)


class RuleDescription(msgspec.Struct, frozen=True):
    """A row of the table of rules."""

    name: str
    clauses: tuple[str, ...]
    """Sections of STIX 2.1 (or an RFC) where the rule comes from."""
    message: str
    """What to do; for a rule with parameters, its first instance."""
    tolerable: bool
    """Whether it is reported only when strict."""


def _clause_key(clause: str) -> tuple[Any, ...]:
    return (1, clause) if clause.startswith("RFC") else (0, *(int(part) for part in clause.split(".") if part))


def describe_rules() -> tuple[RuleDescription, ...]:
    """Every rule that `examine` holds an object against, sorted by name: the table for the documentation."""
    rows: dict[str, tuple[set[str], Rule]] = {}
    for rule in (*STRUCTURAL, *all_rules()):
        rows.setdefault(rule.name, (set(), rule))[0].update({rule.clause} - {""})
    return tuple(
        RuleDescription(name, tuple(sorted(clauses, key=_clause_key)), rule.message, rule.tolerable)
        for name, (clauses, rule) in sorted(rows.items())
    )
