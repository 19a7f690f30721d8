"""What differs between two versions of an object: property by property, and in texts word by word.

The words are compared by Myers' greedy algorithm ("An O(ND) difference algorithm and its variations", 1986) with a
bound on the number of differences, so that no pair of texts takes long: beyond it lines are compared, then wholes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

_MOST_STEPS: Final = 200
"""Tokens that may differ at most for them to be told apart."""
_MOST_TOKENS: Final = 30_000
"""Tokens of all texts together that are compared one by one."""
_MOST_CHANGES: Final = 500
"""Properties that are told at most."""
_DEEPEST: Final = 8
_AROUND: Final = 160
"""Characters of what is the same that are kept on each side of what is not."""

_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_words: Final = re.compile(rf"[^\W{_UNSPACED}]+|\s+|.", re.DOTALL).findall
_space: Final = re.compile(r"\s").search
_WHOLE: Final = 200
"""Two texts of so few characters and without a space, as instants, identifiers and hashes, are shown as wholes."""
_lines: Final = re.compile(r"[^\n]*\n|[^\n]+").findall
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Kind(StrEnum):
    """What became of a piece of text, or of a property."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    """Of properties alone."""
    LEFT_OUT = "left-out"
    """Of pieces alone: what is the same and far from any change."""


class Piece(msgspec.Struct, frozen=True):
    """A run of text, and what became of it."""

    kind: Kind
    text: str


class PropertyChange(msgspec.Struct, frozen=True):
    """What became of one property: its path, the names of its steps joined by points, and its text in pieces."""

    path: str
    kind: Kind
    pieces: tuple[Piece, ...]


class Difference(msgspec.Struct, frozen=True):
    """What differs. ``more`` tells how many further properties do."""

    changes: tuple[PropertyChange, ...]
    more: int = 0


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any], order: Callable[[str], Any] = str
) -> Difference:  # fmt: skip
    """Return what differs between two versions of an object, given as JSON objects.

    :param order: a key to sort the properties of the object by.

    >>> found = difference({"name": "Dark Bridge"}, {"name": "Dark Tower"}).changes[0]
    >>> found.path, [(str(one.kind), one.text) for one in found.pieces]
    ('name', [('same', 'Dark '), ('removed', 'Bridge'), ('added', 'Tower')])
    """
    comparer = _Comparer()
    names = sorted(before.keys() | after.keys(), key=order)
    found = [change for name in names for change in comparer.compare((name,), before, after)]
    return Difference(tuple(found[:_MOST_CHANGES]), max(0, len(found) - _MOST_CHANGES))


class _Comparer:
    """Compares two versions, within one bound for all of it."""

    def __init__(self) -> None:
        self.room = _MOST_TOKENS
        self.found = 0

    def compare(
        self, path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Iterator[PropertyChange]:
        name = path[-1]
        if name in before and name in after:
            old, new = before[name], after[name]
            # JSON tells true from 1, which Python does not.
            if type(old) is type(new) and old == new and (not isinstance(old, list | dict) or _same(old, new)):
                return
            if isinstance(old, dict) and isinstance(new, dict) and len(path) < _DEEPEST:
                for inner in sorted(old.keys() | new.keys()):
                    yield from self.compare((*path, inner), old, new)
                return
            yield PropertyChange(".".join(path), Kind.CHANGED, self.pieces(_written(old), _written(new)))
        elif name in after:
            yield PropertyChange(".".join(path), Kind.ADDED, (Piece(Kind.ADDED, _written(after[name])),))
        else:
            yield PropertyChange(".".join(path), Kind.REMOVED, (Piece(Kind.REMOVED, _written(before[name])),))

    def pieces(self, before: str, after: str) -> tuple[Piece, ...]:
        """Two texts as pieces of one: by words where that is within the bound, else by lines, else as wholes."""
        self.found += 1
        if len(before) + len(after) <= _WHOLE and not _space(before) and not _space(after):
            return tuple(_joined([(Kind.REMOVED, before), (Kind.ADDED, after)]))
        for split in (_words, _lines):
            if min(len(before), len(after)) == 0 or self.found > _MOST_CHANGES:
                break
            old, new = split(before), split(after)
            start, end = _common(old, new)
            inner_old, inner_new = old[start : len(old) - end], new[start : len(new) - end]
            if len(inner_old) + len(inner_new) > self.room:
                continue
            self.room -= len(inner_old) + len(inner_new)
            script = _script(inner_old, inner_new)
            if script is not None:
                head, tail = "".join(old[:start]), "".join(old[len(old) - end :])
                return tuple(_shortened(_joined([(Kind.SAME, head), *script, (Kind.SAME, tail)])))
        return tuple(_joined([(Kind.REMOVED, before), (Kind.ADDED, after)]))


def _same(old: Any, new: Any) -> bool:
    return _encode(old) == _encode(new)


def _written(value: Any) -> str:
    """A value as text: a text as it is, a list with an item on each line, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(one if isinstance(one, str) else _encode(one).decode() for one in value)
    if isinstance(value, dict):
        return msgspec.json.format(_encode(value), indent=2).decode()
    return _encode(value).decode()


def _common(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many tokens are the same at the start, and at the end."""
    most = min(len(old), len(new))
    start = next((at for at in range(most) if old[at] != new[at]), most)
    most -= start
    end = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    return start, end


def _script(old: Sequence[str], new: Sequence[str]) -> list[tuple[Kind, str]] | None:
    """The shortest way from one list of tokens to another, or None when it is longer than the bound."""
    trace: list[dict[int, int]] = []
    reach = {1: 0}
    for steps in range(min(_MOST_STEPS, len(old) + len(new)) + 1):
        trace.append(dict(reach))
        for diagonal in range(-steps, steps + 1, 2):
            down = diagonal == -steps or (diagonal != steps and reach[diagonal - 1] < reach[diagonal + 1])
            x = reach[diagonal + 1] if down else reach[diagonal - 1] + 1
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            reach[diagonal] = x
            if x >= len(old) and x - diagonal >= len(new):
                return _walked_back(trace, old, new)
    return None


def _walked_back(trace: list[dict[int, int]], old: Sequence[str], new: Sequence[str]) -> list[tuple[Kind, str]]:
    x, y = len(old), len(new)
    found: list[tuple[Kind, str]] = []
    for steps in range(len(trace) - 1, -1, -1):
        reach, diagonal = trace[steps], x - y
        down = diagonal == -steps or (diagonal != steps and reach[diagonal - 1] < reach[diagonal + 1])
        start = diagonal + 1 if down else diagonal - 1
        before_x = reach[start]
        before_y = before_x - start
        while x > before_x and y > before_y and x > 0 and y > 0:
            x, y = x - 1, y - 1
            found.append((Kind.SAME, old[x]))
        if steps:
            if down:
                y -= 1
                found.append((Kind.ADDED, new[y]))
            else:
                x -= 1
                found.append((Kind.REMOVED, old[x]))
    return found[::-1]


def _joined(script: Sequence[tuple[Kind, str]]) -> list[Piece]:
    """Pieces of one kind as one; between two that are the same, what went stands before what came."""
    found: list[Piece] = []
    went: list[str] = []
    came: list[str] = []

    def flush() -> None:
        found.extend(Piece(kind, "".join(texts)) for kind, texts in ((Kind.REMOVED, went), (Kind.ADDED, came)) if texts)
        went.clear()
        came.clear()

    same: list[str] = []
    for kind, text in script:
        if not text:
            continue
        if kind is Kind.SAME:
            flush()
            same.append(text)
            continue
        if same:
            found.append(Piece(Kind.SAME, "".join(same)))
            same.clear()
        (went if kind is Kind.REMOVED else came).append(text)
    flush()
    if same:
        found.append(Piece(Kind.SAME, "".join(same)))
    return found


def _shortened(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces without what is the same and far from any change."""
    for at, one in enumerate(pieces):
        ahead, behind = at > 0, at < len(pieces) - 1
        kept = _AROUND * (ahead + behind)
        if one.kind is not Kind.SAME or len(one.text) <= kept + _AROUND:
            yield one
            continue
        if ahead:
            yield Piece(Kind.SAME, one.text[:_AROUND])
        yield Piece(Kind.LEFT_OUT, "")
        if behind:
            yield Piece(Kind.SAME, one.text[-_AROUND:])
