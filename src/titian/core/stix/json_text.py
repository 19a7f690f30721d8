"""JSON read with distrust: repeated keys, depth, size, and whether two texts say the same (RFC 8259)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from titian.core.errors import InvalidTimestamp
from titian.core.stix.rules import step
from titian.core.stix.timestamp import Timestamp

LARGEST_OBJECT = 8 * 1024 * 1024
"""Bytes. RFC 8259 section 9 lets a reader set such a bound."""
DEEPEST = 64
"""Containers inside containers (RFC 8259 section 9)."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_compact = msgspec.json.format


def decode(raw: bytes) -> Any:
    """The value that ``raw`` spells. Raises `ValueError` or `RecursionError`."""
    return _decode(raw)


LARGEST_INTEGER = 2**53 - 1
"""What every reader keeps exactly (STIX 2.1 section 2.10, RFC 7493 section 2.2)."""


def is_plain(value: Any) -> bool:
    """Whether a list or object holds no other, nor an integer that is too large."""
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is list or kind is dict:
            return False
        if kind is int and not -LARGEST_INTEGER <= item <= LARGEST_INTEGER:
            return False
    return True


Place = tuple[Any, str | int] | None
"""Where a container stands: the place of the one around it, and its name there. Paths are seldom asked for."""


def _path(place: Place) -> str:
    steps: list[str] = []
    while place is not None:
        place, name = place
        steps.append(step(name))
    return "".join(reversed(steps))


def _containers(value: Any) -> Iterator[tuple[Any, Place, int]]:
    """Every object and list in ``value``, itself included, with its place and depth."""
    waiting: list[tuple[Any, Place, int]] = [(value, None, 0)]
    while waiting:
        container, place, depth = waiting.pop()
        yield container, place, depth
        for name, item in _items(container):
            if isinstance(item, (dict, list)):
                waiting.append((item, (place, name), depth + 1))


def _items(container: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(container, dict):
        return container.items()
    return enumerate(container) if isinstance(container, list) else ()


def too_deep(value: Any, *, inside: int = 0) -> str | None:
    """The path of a container that nests too deeply, or None. ``value`` stands ``inside`` so many others."""
    for _, place, depth in _containers(value):
        if depth + inside >= DEEPEST:
            return _path(place)
    return None


def has_unique_keys(raw: bytes, value: Any) -> bool:
    """Whether no object in ``raw`` repeats a key; ``value`` is what it decodes to.

    Decoding drops repeated keys. So the text has none exactly when it has as many keys as the value written
    out again, and there are cheap ways to see that before the sure one.
    """
    written = _encode(value)
    if written == raw:
        return True
    compact = _compact(raw, indent=-1)
    if written == compact:
        return True
    # Each key ends in `":`. Strings may hold these two characters as well, and hold them in both texts alike as
    # long as no ASCII letter is spelled \u00…; so what was dropped is missing from the second count.
    if b"\\u00" not in compact and compact.count(b'":') == written.count(b'":'):
        return True
    return not repeated_keys(raw)


class _Object(dict[str, Any]):
    """A JSON object that remembers which keys came twice."""

    repeated: tuple[str, ...] = ()


def _build(pairs: list[tuple[str, Any]]) -> _Object:
    built = _Object(pairs)
    if len(built) != len(pairs):
        seen: set[str] = set()
        twice: dict[str, None] = {}
        for key, _ in pairs:
            if key in seen:
                twice[key] = None
            seen.add(key)
        built.repeated = tuple(twice)
    return built


_read_pairs = json.JSONDecoder(object_pairs_hook=_build).decode


def repeated_keys(raw: bytes) -> list[str]:
    """The paths of all keys that an object of ``raw`` has twice. ``raw`` must decode and not be too deep."""
    return [
        _path((place, key))
        for container, place, _ in _containers(_read_pairs(raw.decode()))
        if isinstance(container, _Object)
        for key in container.repeated
    ]


def oversized_integers(value: Any) -> list[str]:
    """The paths inside ``value`` of integers that not every reader keeps exactly."""
    return [
        _path((place, name))
        for container, place, _ in _containers(value)
        for name, item in _items(container)
        if isinstance(item, int) and not -LARGEST_INTEGER <= item <= LARGEST_INTEGER
    ]


def same_content(a: bytes, b: bytes) -> bool:
    """Whether two JSON texts say the same, however they spell it.

    Whitespace, order of keys, escapes, the spelling of numbers and of one instant as a timestamp do not
    count; ``true`` and ``1`` differ. A text that cannot be read, or repeats a key, is the same only as
    itself.

    >>> same_content(b'{"a":1,"b":"2020-01-01T00:00:00Z"}', b'{"b":"2020-01-01T00:00:00.000Z", "a":1.0}')
    True
    """
    a, b = bytes(a), bytes(b)
    if a == b:
        return True
    try:
        left, right = _decode(a), _decode(b)
        if too_deep(left) is not None or too_deep(right) is not None:
            return False
        return _equal(left, right) and not repeated_keys(a) and not repeated_keys(b)
    except (ValueError, RecursionError):
        return False


def _equal(left: Any, right: Any) -> bool:
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            waiting += [(item, other[key]) for key, item in one.items()]
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif not _equal_scalars(one, other):
            return False
    return True


def _equal_scalars(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return one == other or _same_instant(one, other)
    return bool(one == other)


def _same_instant(one: str, other: str) -> bool:
    if not (one.endswith("Z") and other.endswith("Z")):
        return False
    try:
        return Timestamp.parse(one) == Timestamp.parse(other)
    except InvalidTimestamp:
        return False
