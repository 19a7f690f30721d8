"""What a set of objects looks like to the gate: who marked and made each, and what it refers to. No bytes are kept.

A survey is made once and serves the projections for every audience.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from titian.core.errors import InvalidInput
from titian.core.marking import HANDLING_EXTENSION, UNMARKED, Marking, read_definition, well_known
from titian.core.redaction import rename
from titian.core.stix import SCO_TYPES
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION
from titian.core.stix.schema import DECLARED_BY


class Held(msgspec.Struct, frozen=True, gc=False):
    """One object as it is held: its identifier and bytes, and the party it was received from (None for what began
    here). It is ``contested`` where another content of the same version is held, and neither is the stricter."""

    id: str
    raw: bytes
    received_from: str | None = None
    contested: bool = False


class Graph(Protocol):
    """The objects of a selection, the latest version of each, readable again and again in one and the same order."""

    def __iter__(self) -> Iterator[Held]:
        """Every object."""
        ...

    def read(self, identifiers: Collection[str]) -> Iterable[Held]:
        """Those of these objects that are in it, in its order."""
        ...


class Facts(msgspec.Struct, gc=False):
    """What the gate needs to know of one object.

    ``refs`` are all identifiers in it but its own, its creator's, and those of its markings and extensions where they
    say only that. ``ends`` are those without which it cannot stand, ``some`` those of which it needs at least one.
    ``parts`` is the text of its granular markings. ``version`` is its ``modified`` as written, None for what has none.
    """

    id: str
    type: str
    marks: tuple[str, ...]
    creator: str | None
    received_from: str | None
    refs: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    parts: bytes | None = None
    version: str | None = None
    personal: bool = False
    contested: bool = False

    def supports(self) -> Iterator[str]:
        """Yield the identifiers of its creator and of its markings, those of its parts too."""
        yield from self.marks
        if self.creator is not None:
            yield self.creator
        if self.parts is not None:
            for part in _parts(self.parts):
                if part.marking_ref is not None:
                    yield part.marking_ref

    def originator(self, own: str) -> str | None:
        """Return whose it is when it is not ours: its creator, else who sent it. What others send as ours is theirs.

        >>> Facts("tool--1", "tool", (), "identity--us", "identity--jp").originator("identity--us")
        'identity--jp'
        """
        return self.creator if self.creator not in (None, own) else self.received_from


class _Head(msgspec.Struct):
    id: str
    type: str
    object_marking_refs: tuple[str, ...] = ()
    created_by_ref: str | None = None
    granular_markings: msgspec.Raw = msgspec.Raw()
    modified: str | None = None
    identity_class: Any = None
    resource_level: Any = None
    source_ref: str | None = None
    target_ref: str | None = None
    sighting_of_ref: str | None = None
    where_sighted_refs: tuple[str, ...] = ()
    object_ref: str | None = None
    object_refs: tuple[str, ...] = ()
    src_ref: str | None = None
    dst_ref: str | None = None
    from_ref: str | None = None
    parent_directory_ref: str | None = None
    file_ref: Any = None
    addressed_ref: Any = None
    referral_ref: Any = None
    from_refs: Any = None
    to_refs: Any = None
    content_refs: Any = None
    operator_id: Any = None


class _Extended(msgspec.Struct):
    extensions: dict[str, msgspec.Raw] = {}


class _Part(msgspec.Struct):
    marking_ref: str | None = None
    selectors: tuple[str, ...] = ()


_parts: Final = msgspec.json.Decoder(list[_Part]).decode
_head: Final = msgspec.json.Decoder(_Head).decode
_extensions: Final = msgspec.json.Decoder(_Extended).decode
_any: Final = msgspec.json.Decoder(dict[str, Any]).decode

IDENTIFIER_TAIL: Final = re.compile(rb"--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CHAINED: Final = re.compile(IDENTIFIER_TAIL.pattern + rb"[a-z0-9-]")
_OF_TYPES: Final = b"abcdefghijklmnopqrstuvwxyz0123456789-"
_LONGEST_TYPE: Final = 250
_EXTENSION: Final = b'"extension-definition--'
_EXTENSION_KEY: Final = re.compile(_EXTENSION + rb'[0-9a-f-]{36}"\s*:')
VOCABULARY: Final = ("marking-definition--", "extension-definition--")
"""Identifiers that say how something is marked or written, not what it is about."""

_KNOWN_TYPES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    # type → (references without which it cannot stand, lists of which it needs one). The first are required or
    # contribute to the identifier (STIX 2.1 sections 4 to 7); a sighting goes only with both of its ends.
    "relationship": (("source_ref", "target_ref"), ()),
    "sighting": (("sighting_of_ref",), ("where_sighted_refs",)),
    "language-content": (("object_ref",), ()),
    "report": ((), ("object_refs",)),
    "note": ((), ("object_refs",)),
    "opinion": ((), ("object_refs",)),
    "grouping": ((), ("object_refs",)),
    "observed-data": ((), ("object_refs",)),
    "network-traffic": (("src_ref", "dst_ref"), ()),
    "email-message": (("from_ref",), ()),
    "file": (("parent_directory_ref",), ()),
    "media-hash": (("file_ref",), ()),
    "referral": (("addressed_ref",), ("content_refs",)),
    "referral-answer": (("referral_ref",), ()),
}
_WHOLE: Final[Mapping[str, tuple[str, ...]]] = {"transfer": ("from_refs", "to_refs")}
"""Lists of which each reference is needed: the hash of a transaction tells everybody all that it leads from and to."""
_PLAIN_TYPES: Final = frozenset(SCO_TYPES) | {
    "attack-pattern", "campaign", "course-of-action", "identity", "incident", "indicator", "infrastructure",
    "intrusion-set", "location", "malware", "malware-analysis", "threat-actor", "tool", "vulnerability",
    "marking-definition", "extension-definition",
}  # fmt: skip
_STANDARD_TYPES: Final = _PLAIN_TYPES | _KNOWN_TYPES.keys()
_PERSONAL_TYPES: Final = frozenset({"email-addr", "user-account", "bank-account", "phone-number", "social-account"})
_PERSON_FACTS: Final = b'"%s"' % PERSON_FACTS_EXTENSION.encode()


def recipients(extensions: Mapping[str, Any]) -> list[str]:
    """Return whom a handling among the extensions of a marking definition names: these are no references."""
    said = extensions.get(HANDLING_EXTENSION)
    named = said.get("releasable_to") if isinstance(said, dict) else None
    return [one for one in named if isinstance(one, str)] if isinstance(named, list) else []


def references(raw: bytes) -> list[str]:
    """Return every identifier that occurs in an object's JSON, in keys, values and inside texts, its own too.

    JSON can spell a hyphen as ``\\u002d``: what holds an escape is read before it is searched.
    """
    if b"\\" in raw:
        raw = msgspec.json.encode(_any(raw))
    return [raw[begin:end].decode() for begin, end in _spans(raw)]


def _spans(raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each identifier begins and ends, in bytes without escapes."""
    for match in IDENTIFIER_TAIL.finditer(raw):
        start, end = match.span()
        before = raw[max(0, start - _LONGEST_TYPE) : start]
        kind = before[len(before.rstrip(_OF_TYPES)) :].lstrip(b"0123456789-")
        if kind:
            yield start - len(kind), end


def renamed(copy: Mapping[str, Any], names: Mapping[str, str]) -> tuple[bytes, frozenset[str]]:
    """Return the JSON of an object in which every identifier that has another name bears that one, and the identifiers
    that were in it before."""
    raw = msgspec.json.encode(copy)
    if b"\\" in raw or _CHAINED.search(raw):
        return msgspec.json.encode(rename(copy, names)), frozenset(references(raw))
    named: set[str] = set()
    pieces: list[bytes] = []
    done = 0
    for begin, end in _spans(raw):
        identifier = raw[begin:end].decode()
        named.add(identifier)
        if identifier in names:
            pieces += (raw[done:begin], names[identifier].encode())
            done = end
    other = [names[one] for one in named if one in names]
    if len(other) > len(set(other)):
        # Two that become one could be two keys of one object.
        return msgspec.json.encode(rename(copy, names)), frozenset(named)
    return b"".join((*pieces, raw[done:])), frozenset(named)


def facts_of(held: Held) -> Facts:
    """Read what the gate needs to know of one object.

    :raises InvalidInput: if it is not an object with an identifier and a type, or its markings have not their shape.
    """
    raw = held.raw
    try:
        head = _head(raw)
        personal = (
            head.type in _PERSONAL_TYPES or head.identity_class == "individual" or head.resource_level == "individual"
            or (head.type == "drone" and head.operator_id is not None)
            or (head.type == "identity" and _tells_of_a_person(raw, head))
        )  # fmt: skip
        ends, some = _known(head)
        facts = Facts(
            head.id, head.type, head.object_marking_refs, head.created_by_ref, held.received_from,
            (*ends, *some), ends, some, bytes(head.granular_markings) or None, head.modified, personal, held.contested,
        )  # fmt: skip
        if facts.parts is not None:
            _parts(facts.parts)
        if not _is_plain(raw, head, facts):
            _search(raw, facts)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"An object cannot be read for release: {error}.") from None
    return facts


def _tells_of_a_person(raw: bytes, head: _Head) -> bool:
    """Whether an identity has facts, and nothing says that they are an organisation's."""
    if _PERSON_FACTS not in raw and b"\\" not in raw:
        return False
    said = _extensions(raw).extensions.get(PERSON_FACTS_EXTENSION)
    if said is None:
        return False
    return head.identity_class not in ("organization", "group", "class", "system") or b'"births"' in bytes(said)


_NOTHING: Final[tuple[tuple[str, ...], tuple[str, ...]]] = ((), ())


def _known(head: _Head) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The references that an object of a standard type cannot do without, as far as it has them."""
    names = _KNOWN_TYPES.get(head.type)
    if names is None:
        return (_listed(head, _WHOLE[head.type]), ()) if head.type in _WHOLE else _NOTHING
    ends = tuple([ref for name in names[0] if isinstance(ref := getattr(head, name), str)])
    return ends, _listed(head, names[1]) if names[1] else ()


def _listed(head: _Head, names: Iterable[str]) -> tuple[str, ...]:
    """The references in some lists, each once."""
    lists = (one for name in names if isinstance(one := getattr(head, name), list | tuple))
    return tuple(dict.fromkeys(ref for one in lists for ref in one if isinstance(ref, str)))


def _is_plain(raw: bytes, head: _Head, facts: Facts) -> bool:
    """Whether an object holds no identifier that is not known already: there are as many as there are names."""
    if facts.parts is not None or head.type not in _STANDARD_TYPES or b"\\u" in raw:
        return False
    # Where every pair of hyphens stands in an identifier that is known, there is no other. (Only \u can spell one.)
    named = f"{facts.id} {facts.creator} {' '.join(facts.marks)} {' '.join(facts.refs)}"
    if raw.count(b"--") == named.count("--"):
        return True
    known = 1 + len(facts.marks) + (facts.creator is not None) + len(facts.refs)
    found = len(IDENTIFIER_TAIL.findall(raw))
    return found == known or (_EXTENSION in raw and found - len(_EXTENSION_KEY.findall(raw)) == known)


def _search(raw: bytes, facts: Facts) -> None:
    """Find every reference in an object, wherever it stands. What says how it is made and marked is none: once each,
    its creator and its markings, and the keys of its extensions."""
    extensions = _extensions(raw).extensions
    said = Counter([facts.id, *facts.supports(), *extensions])
    if facts.type == "marking-definition":
        said.update(recipients({name: msgspec.json.decode(body) for name, body in extensions.items()}))
    named = Counter(references(raw)) - said
    del named[facts.id]
    facts.refs = tuple(named)
    known = facts.type in _STANDARD_TYPES and DECLARED_BY.get(facts.type, "") in ("", *extensions)
    if facts.refs and not known:
        # What a new type can do without is not known, nor what another's type of a name of ours can: each single
        # reference is needed.
        facts.ends = tuple(
            value
            for name, value in _any(raw).items()
            if name.endswith("_ref") and name != "created_by_ref" and isinstance(value, str)
        )


class Survey:
    """The facts of a selection, in its order, and what the marking definitions in it mean."""

    def __init__(self, graph: Iterable[Held] = ()) -> None:
        self.facts: dict[str, Facts] = {}
        self.definitions: dict[str, Marking] = {}
        self._markings: dict[tuple[str, ...], Marking] = {}
        self._outside: set[str] | None = None
        self.extend(graph)

    def extend(self, graph: Iterable[Held]) -> list[Facts]:
        """Survey further objects; returns what is known of them."""
        self._outside = None
        self._markings.clear()
        found = []
        for held in graph:
            facts = facts_of(held)
            found.append(facts)
            self.facts[facts.id] = facts
            if facts.type == "marking-definition":
                unknown = Marking(unknown=frozenset({facts.id}))
                self.definitions[facts.id] = unknown if held.contested else _definition(held.raw, facts.id)
        return found

    def marking(self, marks: tuple[str, ...]) -> Marking:
        """Return what a list of markings means together; one that is not at hand is unknown."""
        found = self._markings.get(marks)
        if found is None:
            found = UNMARKED
            for identifier in marks:
                one = self.definitions.get(identifier) or well_known(identifier)
                found = found.join(one or Marking(unknown=frozenset({identifier})))
            self._markings[marks] = found
        return found

    def any_expiry(self) -> bool:
        """Whether anything in the selection may have an end: only definitions that are in it can say so."""
        return any(marking.expires is not None for marking in self.definitions.values())

    def named_by(self, own: str) -> Iterator[str]:
        """Yield what objects of ours refer to, in the selection or not; some more than once."""
        return (ref for facts in self.facts.values() if facts.originator(own) is None for ref in facts.refs)

    def outside(self) -> set[str]:
        """Return the identifiers that are referred to and are not in the selection."""
        if self._outside is None:
            named = {ref for facts in self.facts.values() for ref in facts.refs}
            named.update(facts.creator for facts in self.facts.values() if facts.creator is not None)
            self._outside = named - self.facts.keys()
        return self._outside


def _definition(raw: bytes, identifier: str) -> Marking:
    try:
        return read_definition(raw)
    except InvalidInput:
        return Marking(unknown=frozenset({identifier}))


def strictest(variants: Sequence[Held], marking: Callable[[tuple[str, ...]], Marking]) -> Held:
    """Return the strictest of several contents of one version, or the first as contested when none is that.

    One without a TLP, or with a marking that nobody knows, reaches nobody, and so is stricter than any other.

    :param marking: what a list of markings means together.
    """
    facts = [facts_of(one) for one in variants]
    first = variants[0]
    if facts[0].type == "marking-definition" and well_known(first.id) is None:
        # What it says is how others are handled: two that differ leave it open.
        alike = len({_definition(one.raw, one.id) for one in variants}) == 1
        return first if alike else msgspec.structs.replace(first, contested=True)
    markings = [marking(one.marks) for one in facts]
    for one, said in zip(variants, markings, strict=True):
        if not said.reach:
            return one
    whole = markings[0]
    for said in markings[1:]:
        whole = whole.join(said)
    for one, said in zip(variants, markings, strict=True):
        if said == whole and len({other.parts for other in facts}) == 1:
            return one
    return msgspec.structs.replace(first, contested=True)
