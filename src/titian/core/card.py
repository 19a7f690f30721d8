"""An object as a person reads it: its properties in a sensible order, each value with what kind it is.

Any object can be read so, whatever its type and however odd: what is not known is shown under its own name. Nothing
here is escaped, and nothing is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from titian.core.errors import InvalidInput
from titian.core.stix import Timestamp, is_identifier

MOST_ITEMS: Final = 200
"""Items of a list, or entries of a dictionary, that are shown."""
MOST_VALUES: Final = 3_000
"""Values of one object that are shown."""
_DEEPEST: Final = 8
_LINE_ITEMS, _LINE_LETTERS = 12, 200
_EARLIEST, _LATEST = -30_610_224_000_000_000, 253_370_764_800_000_000
"""The years 1000 to 8999: an instant outside them is shown as it is written, for it has no local time everywhere."""


class Kind(StrEnum):
    """What kind of value it is."""

    TEXT = "text"
    CODE = "code"
    """A value to be compared or copied letter by letter."""
    INSTANT = "instant"
    REFERENCE = "reference"
    NUMBER = "number"
    FLAG = "flag"
    LIST = "list"
    MAP = "map"
    NOTHING = "nothing"


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One value. ``text`` is as it is written, ``at`` of an instant in microseconds, ``flag`` of a flag.

    ``items`` are those of a list, ``entries`` those of a dictionary; ``more`` tells how many are left out.
    """

    kind: Kind
    text: str = ""
    at: int | None = None
    flag: bool = False
    items: tuple[Value, ...] = ()
    entries: tuple[Field, ...] = ()
    more: int = 0

    @property
    def is_line(self) -> bool:
        """Whether it is a list so short that it can stand on one line."""
        plain = all(one.kind in (Kind.TEXT, Kind.NUMBER, Kind.FLAG) for one in self.items)
        return plain and len(self.items) <= _LINE_ITEMS and sum(len(one.text) for one in self.items) <= _LINE_LETTERS

    def by_type(self) -> list[tuple[str, list[str]]]:
        """The identifiers of a list by type, the most frequent type first; one identifier alone is such a list too."""
        found: dict[str, list[str]] = {}
        for one in (self, *self.items):
            if one.kind is Kind.REFERENCE:
                found.setdefault(one.text.partition("--")[0], []).append(one.text)
        return sorted(found.items(), key=lambda pair: -len(pair[1]))

    def odd(self) -> tuple[Value, ...]:
        """The items of a list that are no references."""
        return tuple(one for one in self.items if one.kind is not Kind.REFERENCE)


class Field(msgspec.Struct, frozen=True):
    """A property and its value."""

    name: str
    value: Value


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """An object to be read: each property stands in one section, in order.

    ``lead`` is what its type is about, ``prose`` longer texts, ``facts`` the rest that it says; ``references`` lead to
    other objects, ``sources`` are its external references, ``keeping`` is what every object has.
    """

    type: str
    lead: tuple[Field, ...] = ()
    prose: tuple[Field, ...] = ()
    facts: tuple[Field, ...] = ()
    references: tuple[Field, ...] = ()
    sources: tuple[Value, ...] = ()
    extensions: tuple[Field, ...] = ()
    keeping: tuple[Field, ...] = ()

    @property
    def revoked(self) -> bool:
        """Whether its creator has revoked it."""
        return any(one.name == "revoked" and one.value.flag for one in self.keeping)

    def get(self, name: str) -> Value | None:
        """The value of a property of the lead."""
        return next((one.value for one in self.lead if one.name == name), None)

    def text(self, name: str) -> str:
        """The text of a property of the lead, empty where it is not there."""
        found = self.get(name)
        return "" if found is None else found.text


_PROSE: Final = (
    "abstract", "content", "description", "objective", "explanation", "statement", "body", "contact_information",
)  # fmt: skip
_KEEPING: Final = (
    "id", "spec_version", "created", "modified", "created_by_ref", "lang", "confidence", "revoked", "labels",
    "defanged",
)  # fmt: skip
_ELSEWHERE: Final = frozenset({"type", "object_marking_refs", "granular_markings"})
"""What is told in other words: the title, and who may see it."""
_ORDER: Final = (
    "name", "display_name", "value", "aliases", "x_mitre_aliases", "pattern", "pattern_type", "pattern_version",
    "is_family", "malware_types", "indicator_types", "report_types", "incident_types", "threat_actor_types",
    "tool_types", "infrastructure_types", "identity_class", "sectors", "roles", "published", "valid_from",
    "valid_until", "first_seen", "last_seen", "first_observed", "last_observed", "number_observed", "count",
    "start_time", "stop_time", "goals", "sophistication", "resource_level", "primary_motivation",
    "secondary_motivations", "personal_motivations", "kill_chain_phases", "country", "region", "city",
)  # fmt: skip
_RANK: Final = {name: at for at, name in enumerate((*_PROSE, *_ORDER))}
_CODE: Final = frozenset(
    {"value", "pattern", "path", "url", "hashes", "key", "command_line", "cwd", "mime_type", "cpe", "swid", "data",
     "serial_number", "issuer", "subject_public_key_modulus", "message_id", "account_login", "user_id", "payload_bin",
     "decryption_key", "magic_number_hex", "address", "contract", "iban", "token_id", "id", "external_id",
     "hash", "registration", "remote_id", "operator_id", "bic", "bank_code", "number", "births",
     "marking_ref", "credential", "ja3_hash", "regular_expression", "schema"}
)  # fmt: skip
"""Properties whose values are compared letter by letter; what is inside of them too."""
_OBSERVED: Final = ("value", "name", "path", "key", "number", "display_name", "user_id", "account_login", "subject",
                    "hashes", "serial_number", "command_line", "url")  # fmt: skip
_LEADS: Final[Mapping[str, tuple[str, ...]]] = {
    "indicator": ("pattern", "pattern_type", "pattern_version", "valid_from", "valid_until"),
    "relationship": ("relationship_type", "source_ref", "target_ref", "start_time", "stop_time"),
    "sighting": ("sighting_of_ref", "count", "first_seen", "last_seen", "where_sighted_refs", "observed_data_refs"),
    "observed-data": ("first_observed", "last_observed", "number_observed", "object_refs", "objects"),
    "report": ("published", "report_types", "object_refs"),
    "grouping": ("context", "object_refs"),
    "note": ("abstract", "content", "authors", "object_refs"),
    "opinion": ("opinion", "explanation", "authors", "object_refs"),
    "malware": ("is_family", "malware_types", "aliases"),
    "identity": ("identity_class", "sectors", "roles", "contact_information"),
    "incident": ("incident_types", "determination", "investigation_status", "impact"),
    "language-content": ("object_ref", "object_modified", "contents"),
    "marking-definition": ("name", "definition_type", "definition"),
    "agreement": ("party_refs", "purposes", "topics", "ceiling", "onward", "valid_from", "valid_until", "dialogue_ref",
                  "four_eyes", "languages"),
    "dialogue": ("party_refs", "meetings"),
    "consent": ("originator_ref", "agreement_ref", "object_refs", "valid_until"),
    "recall": ("reason", "deadline", "agreement_ref", "object_refs", "replaced_by_refs"),
    "recall-answer": ("response", "passed_on", "recall_ref", "object_refs"),
    "referral": ("state", "deadline", "addressed_ref", "content_refs", "designations", "legal_basis", "history"),
    "referral-answer": ("response", "reason", "referral_ref"),
    "wallet": ("address", "network"),
    "transfer": ("value", "currency", "at", "from_refs", "to_refs", "network", "hash", "index"),
    "nft": ("network", "contract", "token_id", "name"),
    "bank-account": ("iban", "number", "bank_code", "country", "bic", "institution", "holder", "currency"),
    "phone-number": ("value",),
    "drone": ("serial_number", "registration", "country", "remote_id", "manufacturer", "model", "operator_id"),
    "social-account": ("platform", "account_login", "user_id", "display_name", "url"),
    "media-hash": ("algorithm", "value", "media_type", "quality", "file_ref"),
}  # fmt: skip
"""What is told first, and in its own way, of some types."""
_LINKABLE: Final = frozenset({"url", "domain-name", "email-addr", "ipv4-addr", "ipv6-addr"})
"""Types whose value a program would make a link of."""
_is_instant: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").fullmatch


def property_order(name: str) -> tuple[int, str]:
    """A key to sort properties by: what is said before how it is kept, the rest by name."""
    if name in _KEEPING:
        return 1_000 + _KEEPING.index(name), name
    return _RANK.get(name, 500), name


def read_card(value: Mapping[str, Any], *, observable: bool = False) -> Card:
    """Return an object to be read. ``observable`` says that it is one of STIX's cyber-observables.

    >>> one = read_card({"type": "tool", "name": "Bridge", "x": [1, True], "created": "2026-01-01T00:00:00Z"})
    >>> [(field.name, str(field.value.kind)) for field in (*one.facts, *one.keeping)]
    [('name', 'text'), ('x', 'list'), ('created', 'instant')]
    """
    reader = _Reader()
    type_ = value.get("type")
    kind = type_ if isinstance(type_, str) else ""
    leads = _LEADS.get(kind, _OBSERVED if observable else ())
    sections: dict[str, list[Field]] = {
        name: [] for name in ("lead", "prose", "facts", "references", "extensions", "keeping")
    }
    sources: tuple[Value, ...] = ()
    for name in sorted(value, key=property_order):
        if name in _ELSEWHERE:
            continue
        read = reader.read(name, value[name])
        if name in leads:
            sections["lead"].append(Field(name, read))
        elif name == "external_references" and read.kind is Kind.LIST:
            sources = read.items
        elif name == "extensions" and read.kind is Kind.MAP:
            sections["extensions"].extend(read.entries)
        else:
            sections[_section(name, read)].append(Field(name, read))
    sections["lead"].sort(key=lambda one: leads.index(one.name))
    return Card(type=kind, sources=sources, **{name: tuple(fields) for name, fields in sections.items()})


def _section(name: str, value: Value) -> str:
    if name in _KEEPING:
        return "keeping"
    if name in _PROSE and value.kind is Kind.TEXT:
        return "prose"
    if value.kind is Kind.REFERENCE or (value.items and all(one.kind is Kind.REFERENCE for one in value.items)):
        return "references"
    return "facts"


class _Reader:
    """Reads values, as many as the bound allows."""

    def __init__(self) -> None:
        self.room = MOST_VALUES

    def read(self, name: str, value: Any, depth: int = 0, *, code: bool = False) -> Value:
        self.room -= 1
        code = code or name in _CODE
        match value:
            case None:
                return Value(kind=Kind.NOTHING)
            case bool():
                return Value(kind=Kind.FLAG, text="true" if value else "false", flag=value)
            case int() | float():
                return Value(kind=Kind.NUMBER, text=str(value))
            case str():
                return _text(name, value, code=code)
            case list():
                shown = value[: self._most(depth)]
                items = tuple(self.read(name, one, depth + 1, code=code) for one in shown)
                return Value(kind=Kind.LIST, items=items, more=len(value) - len(items))
            case _:
                names = list(value)[: self._most(depth)]
                entries = tuple(Field(one, self.read(one, value[one], depth + 1, code=code)) for one in names)
                return Value(kind=Kind.MAP, entries=entries, more=len(value) - len(entries))

    def _most(self, depth: int) -> int:
        return 0 if depth >= _DEEPEST else min(MOST_ITEMS, max(0, self.room))


def _text(name: str, text: str, *, code: bool) -> Value:
    if name.endswith(("_ref", "_refs")) and is_identifier(text):
        return Value(kind=Kind.REFERENCE, text=text)
    if not code and _is_instant(text):
        try:
            at = Timestamp.parse(text).micros
        except InvalidInput:
            return Value(kind=Kind.TEXT, text=text)
        if _EARLIEST <= at < _LATEST:
            return Value(kind=Kind.INSTANT, text=text, at=at)
    return Value(kind=Kind.CODE if code else Kind.TEXT, text=text)


def is_shown_instant(at: int) -> bool:
    """Whether an instant, in microseconds, can be shown in any time zone."""
    return _EARLIEST <= at < _LATEST


# ── addresses that nobody is to follow ────────────────────────────────────────────────────────────────────────


_safely: Final = re.compile(r"[\[({]\s*(\.|dot|://|:|@|at)\s*[\])}]", re.IGNORECASE)
_MEANT: Final = {"dot": ".", "at": "@"}
_unused: Final = re.compile(r"\bh(xx|XX)(?=ps?\b)", re.IGNORECASE).sub


def armed(text: str) -> str:
    """Return an address as it is used, whatever way it was written safely; other text as it is.

    >>> armed("hxxps://Evil[.]Example/A"), armed("x(at)evil.example"), armed("http://[2001:db8::1]/")
    ('https://Evil.Example/A', 'x@evil.example', 'http://[2001:db8::1]/')
    """
    text = _unused(lambda found: found[0][0] + ("tt" if found[1].islower() else "TT"), text)
    return _safely.sub(lambda found: _MEANT.get(found[1].lower(), found[1]), text)


def disarmed(type_: str, text: str) -> str:
    """Return what an object is called, with no address in it that a program would make a link of.

    >>> disarmed("url", "http://evil.example/a"), disarmed("email-addr", "x@evil.example"), disarmed("file", "a.exe")
    ('hxxp://evil[.]example/a', 'x[@]evil[.]example', 'a.exe')
    """
    return "".join(disarmed_letters(type_, text))


def disarmed_letters(type_: str, text: str) -> Iterator[str]:
    """Yield for each character of a text what stands for it when it is disarmed: ranges of the text stay true.

    >>> list(disarmed_letters("domain-name", "a.b"))
    ['a', '[.]', 'b']
    """
    if type_ not in _LINKABLE:
        yield from text
        return
    scheme = text[:5].lower().startswith(("http:", "https"))
    for at, character in enumerate(text):
        if scheme and at in (1, 2):
            yield "x" if character.islower() else "X"
        else:
            yield {".": "[.]", "@": "[@]"}.get(character, character)
