"""Making the redacted copies of a projection: what is taken out, what stands in its place, and which version it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from titian.core.redaction import Json, Path, cut, is_catalogued, leads_somewhere
from titian.core.stix import Timestamp
from titian.core.survey import Facts, Held, recipients, renamed

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode
_MILLISECOND: Final = 1000


_NOBODY: Final = frozenset[str]()


class Copy(msgspec.Struct, frozen=True):
    """A redacted copy as an audience was last shown it: its identifier, its ``modified`` in microseconds (None for a
    type without versions) and a digest of what it says."""

    shown: str
    version: int | None
    digest: bytes


class Shown(msgspec.Struct, frozen=True):
    """What an audience has seen before: what of the objects outside the selection it holds, under which identifier,
    and the copies that were ever made for it. ``known`` is what it has sent here itself: an object of ours that refers
    to it tells nothing of it."""

    outside: Mapping[str, str] = {}
    copies: Mapping[str, Copy] = {}
    known: Collection[str] = frozenset()


class Change(msgspec.Struct, frozen=True):
    """What was taken out of one object: its copy, and selectors of what went. A copy from which nothing went was
    changed only because what it refers to bears another identifier. ``marks`` are the markings of the parts left,
    ``named`` every identifier left in it, as it was before."""

    copy: Copy
    removed: tuple[str, ...]
    marks: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()


def next_version(modified: str, at: int) -> str:
    """Return the ``modified`` of a version that follows another: now, in milliseconds, and strictly later.

    >>> next_version("2026-01-01T00:00:00.000Z", 0)
    '2026-01-01T00:00:00.001Z'
    """
    before = Timestamp.parse(modified).micros
    later = max(at - at % _MILLISECOND, before - before % _MILLISECOND + _MILLISECOND)
    return Timestamp.from_micros(later).text[:-4] + "Z"


class Copyist:
    """Makes the copies of one projection. It shares the state of the projection, which goes on changing meanwhile.

    ``visible`` tells whether the audience may see an identifier, ``names`` what bears another one for them, ``cuts``
    which properties may not go, ``sourceless`` whose source may not be named; ``own`` is the releasing party, ``shown``
    what the audience has seen before.
    """

    def __init__(
        self,
        facts: Mapping[str, Facts],
        *,
        own: str,
        visible: Callable[[str], bool],
        names: Mapping[str, str],
        cuts: Mapping[str, tuple[Path, ...]],
        sourceless: set[str],
        shown: Shown,
    ) -> None:
        self.facts = facts
        self.own = own
        self.visible = visible
        self.names = names
        self.cuts = cuts
        self.sourceless = sourceless
        self.copies = shown.copies
        self.known = shown.known

    def knows(self, facts: Facts, ref: str) -> bool:
        """Whether an object of ours may refer to something because the audience has sent it here itself."""
        return ref in self.known and ref not in facts.marks and facts.originator(self.own) is None

    def sees(self, facts: Facts, ref: str) -> bool:
        """Whether the audience may see what an object refers to."""
        return self.visible(ref) or self.knows(facts, ref)

    def loses_source(self, facts: Facts) -> bool:
        """Whether its source may not be named, or is withheld itself."""
        if facts.creator is None:
            return facts.id in self.sourceless
        return facts.id in self.sourceless or not (facts.creator == self.own or self.visible(facts.creator))

    def redact(self, held: Held) -> tuple[Json, list[str]] | None:
        """Take out of an object what may not go; nothing when a selector leads nowhere."""
        source = _decode(held.raw)
        facts = self.facts[source["id"]]
        paths = set(self.cuts.get(facts.id, ()))
        if not all(leads_somewhere(source, path) for path in paths):
            return None
        if facts.type == "language-content":
            paths |= self._untranslated(source, facts)
        nameless = self.loses_source(facts)
        if nameless:
            paths |= self._of_source(source, facts)
        named = frozenset(recipients(source.get("extensions", {}))) if facts.type == "marking-definition" else _NOBODY
        copy, removed = cut(source, paths, lambda identifier: identifier in named or self.sees(facts, identifier))
        if nameless and facts.creator not in (None, self.own):
            # Somebody answers for it: the party that releases it, in place of its source.
            copy["created_by_ref"] = self.own
        return copy, removed

    def _untranslated(self, source: Json, facts: Facts) -> set[Path]:
        """The translations of properties that are taken out of what they translate."""
        gone = {path[0] for end in facts.ends for path in self.cuts.get(end, ())}
        if not self.sourceless.isdisjoint(facts.ends):
            gone.add("external_references")
        return {
            ("contents", language, name)
            for language, content in source.get("contents", {}).items()
            for name in content
            if name in gone
        }

    def _of_source(self, source: Json, facts: Facts) -> set[Path]:
        """Where an object names a source that may not be named."""
        paths: set[Path] = {("created_by_ref",)}
        if facts.id in self.sourceless:
            references = source.get("external_references", ())
            paths |= {("external_references", i) for i, one in enumerate(references) if not is_catalogued(one)}
        return paths

    def finish(self, held: Held) -> tuple[bytes, Change]:
        """Make one copy as it goes out. Its selectors lead somewhere: :meth:`redact` has said so before."""
        redacted = self.redact(held)
        assert redacted is not None, "what falls has fallen"
        copy, removed = redacted
        marks = tuple(part["marking_ref"] for part in copy.get("granular_markings", ()) if "marking_ref" in part)
        raw, named = renamed(copy, self.names)
        if held.id.startswith("marking-definition--"):
            named -= set(recipients(copy.get("extensions", {})))
        if not self.names.keys().isdisjoint((*copy.get("object_marking_refs", ()), *marks)):
            raw = _encode(_marked_once(_decode(raw)))
        digest = hashlib.sha256(raw).digest()
        shown = self.names[held.id]
        version, later = self._version(held.id, shown, digest)
        if later is not None:
            raw = _encode(_decode(raw) | {"modified": later})
        return raw, Change(Copy(shown, version, digest), tuple(removed), marks, named)

    def _version(self, identifier: str, shown: str, digest: bytes) -> tuple[int | None, str | None]:
        """Give a copy that says something else than it did a later version than it had (law 4); also as it is to be
        written where that is not what its source says."""
        written = self.facts[identifier].version
        if written is None:
            return None, None
        version = Timestamp.parse(written).micros
        before = self.copies.get(identifier)
        if before is None or before.version is None or before.shown != shown:
            return version, None
        if before.digest == digest:
            later = before.version
        elif before.version < version:
            return version, None
        else:
            later = before.version - before.version % _MILLISECOND + _MILLISECOND
        return later, Timestamp.from_micros(later).text if later != version else None


def _marked_once(copy: Json) -> Json:
    """An object that names each marking once: two handlings can have become one, and that there were two is not told.
    The parts that one of them stands on are put together."""
    if "object_marking_refs" in copy:
        copy["object_marking_refs"] = list(dict.fromkeys(copy["object_marking_refs"]))
    if "granular_markings" in copy:
        parts: dict[bytes, dict[str, None]] = {}
        for part in copy["granular_markings"]:
            said = _encode({name: value for name, value in part.items() if name != "selectors"})
            parts.setdefault(said, {}).update(dict.fromkeys(part["selectors"]))
        copy["granular_markings"] = [_decode(said) | {"selectors": list(places)} for said, places in parts.items()]
    return copy


def inner_first(links: Mapping[str, Sequence[str]]) -> list[str]:
    """Order objects so that each comes after those that it refers to; a circle begins somewhere.

    >>> inner_first({"a": ["b"], "b": ["c"], "c": []})
    ['c', 'b', 'a']
    """
    ordered: list[str] = []
    entered: set[str] = set()
    for begin in sorted(links):
        waiting = [(begin, False)]
        while waiting:
            identifier, left = waiting.pop()
            if left:
                ordered.append(identifier)
            elif identifier not in entered:
                entered.add(identifier)
                waiting.append((identifier, True))
                waiting += [(ref, False) for ref in links[identifier]]
    return ordered


def reachable(begin: str, links: Mapping[str, Sequence[str]]) -> set[str]:
    """Return an object and all that it refers to, however far."""
    seen, waiting = {begin}, [begin]
    while waiting:
        further = set(links[waiting.pop()]) - seen
        seen |= further
        waiting += further
    return seen
