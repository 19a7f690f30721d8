"""Redacted copies: take properties and references out of one object, and leave nothing behind that points to them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec

from titian.core.stix.identifier import ID_CONTRIBUTING, is_identifier
from titian.core.stix.schema import EXTENSION_SHAPES, SHAPES

Json = dict[str, Any]
Path = tuple[str | int, ...]

PROTECTED: Final = frozenset(
    {"type", "id", "spec_version", "created", "modified", "revoked", "object_marking_refs", "granular_markings"}
)
"""Properties that cannot be taken out without the object: what would be left says something else."""

_INDEX: Final = re.compile(r"\[(\d+)\]\Z")
_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@lru_cache(maxsize=512)
def indispensable(kind: str) -> frozenset[str] | None:
    """Return the properties of a type that are required, or contribute to its identifier.

    None for a type that neither the specification nor we define: what it can do without is not known.

    >>> sorted(indispensable("ipv4-addr") - PROTECTED), indispensable("x-other")
    (['value'], None)
    """
    shape = SHAPES.get(kind) or EXTENSION_SHAPES.get(kind)
    if shape is None:
        return None
    required = {field.encode_name for field in msgspec.structs.fields(shape.struct) if field.required}
    declared = {"extensions"} if kind in EXTENSION_SHAPES else set()
    return PROTECTED | required | declared | set(ID_CONTRIBUTING.get(kind, ()))


def parse_selector(selector: str) -> Path:
    """Return the steps of a selector (STIX 2.1 section 7.2.3).

    >>> parse_selector("external_references.[0].url")
    ('external_references', 0, 'url')
    """
    steps = []
    for part in selector.split("."):
        index = _INDEX.match(part)
        steps.append(int(index[1]) if index else part)
    return tuple(steps)


def write_selector(path: Path) -> str:
    """Write the steps of a selector.

    >>> write_selector(("labels", 1))
    'labels.[1]'
    """
    return ".".join(f"[{step}]" if isinstance(step, int) else step for step in path)


def leads_somewhere(value: Any, path: Path) -> bool:
    """Whether a path leads to something.

    >>> leads_somewhere({"labels": ["a"]}, ("labels", 0)), leads_somewhere({"labels": ["a"]}, ("labels", 1))
    (True, False)
    """
    for step in path:
        known = isinstance(value, list) if isinstance(step, int) else isinstance(value, dict)
        if not known or not (step < len(value) if isinstance(step, int) else step in value):
            return False
        value = value[step]
    return True


def cut(source: Json, paths: Iterable[Path], keeps: Callable[[str], bool]) -> tuple[Json, list[str]]:
    """Return a copy without what the paths lead to and without every reference that ``keeps`` refuses.

    Its own ``id``, ``created_by_ref`` and the names of its extensions are left to the caller. An identifier inside a
    text is blotted out there.
    What is empty afterwards goes too, since STIX has no empty lists (section 2.10), and selectors of granular
    markings move with the places that they mean. Also returns what was taken, as selectors into the source.
    """
    cutter = _Cutter(set(paths), keeps)
    made = cutter.value({name: value for name, value in source.items() if name != "granular_markings"}, ())
    copy: Json = {} if made is _GONE else made
    granular = [one for part in source.get("granular_markings", ()) if (one := cutter.granular(part, copy))]
    if granular:
        copy["granular_markings"] = granular
    return copy, sorted(write_selector(path) for path in cutter.taken)


_GONE: Final = object()


BLOT: Final = "[withheld]"
"""What stands inside a text where an identifier that may not be told stood."""
_LEFT_ALONE: Final = {("id",), ("created_by_ref",)}


class _Cutter:
    """``places`` holds, for each list that lost items, where those that are left went."""

    def __init__(self, paths: set[Path], keeps: Callable[[str], bool]) -> None:
        self.paths = paths
        self.last_steps = {path[-1] if path else "" for path in paths}
        self.keeps = keeps
        self.taken: set[Path] = set()
        self.places: dict[Path, dict[str | int, int]] = {}

    def value(self, value: Any, path: Path) -> Any:
        if path in self.paths:
            self.taken.add(path)
            return _GONE
        if isinstance(value, str):
            return value if "--" not in value or path in _LEFT_ALONE else self._text(value, path)
        if isinstance(value, dict):
            return self._dict(value, path)
        return self._list(value, path) if isinstance(value, list) else value

    def _is_plain(self, step: str | int, item: Any) -> bool:
        """Whether nothing can be taken out of an item, wherever it stands: most are so, and that is quickly seen."""
        kind = type(item)
        return step not in self.last_steps and (
            "--" not in item if kind is str else kind is not dict and kind is not list
        )

    def _dict(self, value: Json, path: Path) -> Any:
        kept = {}
        for name, item in value.items():
            if "--" in name and path != ("extensions",) and self._hides(name):
                self.taken.add((*path, name))
                continue
            made = item if self._is_plain(name, item) else self.value(item, (*path, name))
            if made is not _GONE:
                kept[name] = made
        return kept if kept or not value else _GONE

    def _hides(self, name: str) -> bool:
        return any(not self.keeps(found) for found in _IDENTIFIER.findall(name))

    def _list(self, value: list[Any], path: Path) -> Any:
        items: list[Any] = []
        places: dict[str | int, int] = {}
        for index, item in enumerate(value):
            made = item if self._is_plain(index, item) else self.value(item, (*path, index))
            if made is not _GONE:
                places[index] = len(items)
                items.append(made)
        if len(items) < len(value):
            self.places[path] = places
        return items if items or not value else _GONE

    def _text(self, value: str, path: Path) -> Any:
        if is_identifier(value):
            if self.keeps(value):
                return value
            self.taken.add(path)
            return _GONE
        blotted = _IDENTIFIER.sub(lambda found: found[0] if self.keeps(found[0]) else BLOT, value)
        if blotted != value:
            self.taken.add(path)
        return blotted

    def granular(self, part: Json, copy: Json) -> Json | None:
        """A granular marking with the places that are left in a copy, or nothing when none is."""
        moved = (self._moved(parse_selector(selector), copy) for selector in part.get("selectors", ()))
        selectors = [write_selector(path) for path in moved if path is not None]
        return {**part, "selectors": selectors} if selectors else None

    def _moved(self, path: Path, copy: Json) -> Path | None:
        """Where something stands in a copy, or nothing when it does not."""
        moved: list[str | int] = []
        for depth, step in enumerate(path):
            places = self.places.get(path[:depth])
            if places is not None:
                if step not in places:
                    return None
                step = places[step]
            moved.append(step)
        return tuple(moved) if leads_somewhere(copy, tuple(moved)) else None


def rename(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value in which every identifier that has another name bears that one, inside texts too."""
    if isinstance(value, str):
        if "--" not in value:
            return value
        return _IDENTIFIER.sub(lambda found: names.get(found[0], found[0]), value)
    if isinstance(value, dict):
        return {rename(name, names): rename(item, names) for name, item in value.items()}
    if isinstance(value, list):
        return [rename(item, names) for item in value]
    return value


def copy_id(key: bytes, audience: str, source: str, content: bytes = b"") -> str:
    """Return the identifier of a redacted copy: keyed, so not to be guessed; stable for one audience and source.

    ``content`` tells copies apart where a type has no versions.

    >>> copy_id(b"k", "a", "tool--1") == copy_id(b"k", "a", "tool--1") != copy_id(b"k", "b", "tool--1")
    True
    """
    message = b"\x00".join((b"titian copy", audience.encode(), source.encode(), content))
    digest = hmac.new(key, message, hashlib.sha256).digest()
    return f"{source.partition('--')[0]}--{UUID(bytes=digest[:16], version=4)}"


def texts(value: Any, path: Path = ()) -> Iterable[tuple[Path, str]]:
    """Yield every string in a value with the path to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))


CATALOGUES: Final = frozenset({"cve", "cwe", "capec", "nvd", "mitre-attack", "mitre-ics-attack", "mitre-mobile-attack"})
"""Source names of public catalogues: to cite one tells nothing of who wrote an object."""


def is_catalogued(reference: Json) -> bool:
    """Whether an external reference cites a public catalogue only, and so does not tell the source.

    >>> is_catalogued({"source_name": "cve", "external_id": "CVE-2024-1"}), is_catalogued({"source_name": "Agency"})
    (True, False)
    """
    return reference.get("source_name") in CATALOGUES


def still_has_some(copy: Json) -> bool:
    """Whether an object that stands on a list of references has any of it left: what a report is about, where
    something was sighted."""
    return any(copy.get(name) for name in ("object_refs", "where_sighted_refs", "content_refs"))
