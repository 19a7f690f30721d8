"""Where in a text something was found, and a short piece of it to show."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from titian.core.needles import Needle
from titian.core.search import Marks, Snippet
from titian.core.words import folded, runs

SNIPPET: Final = 240
"""Characters of a snippet at most."""
_LEAD: Final = 60
_MOST_MARKS: Final = 12
_WINDOW: Final = 20_000


@lru_cache(maxsize=8192)
def _character(one: str) -> str:
    return " " if one.isspace() else folded(one)


def _spread(text: str) -> tuple[str, Sequence[int]]:
    """A text as it is searched, character by character, and from which character each of it comes."""
    if text.isascii():
        return text.lower().translate(_SPACES), range(len(text) + 1)
    made: list[str] = []
    origin: list[int] = []
    for place, one in enumerate(text):
        piece = _character(one)
        made.append(piece)
        origin += [place] * len(piece)
    origin.append(len(text))
    return "".join(made), origin


_SPACES: Final = {ord(one): " " for one in "\t\n\r\x0b\x0c"}


def wanted(needles: Sequence[Needle]) -> tuple[str, ...]:
    """What to mark, the longest first: each needle, and each of its words where it does not stand as it is.

    >>> from titian.core.needles import needles_of
    >>> wanted(needles_of("evil[.]example"))
    ('evil.example', 'example', 'evil')
    """
    found = {needle.text for needle in needles}
    for needle in needles:
        found.update(run for run in runs(needle.text) if len(run) > 1)
    return tuple(sorted(found, key=lambda one: (-len(one), one)))


def marks_in(text: str, words: Sequence[str]) -> Marks:
    """Return where some folded words stand in a text, as far as they do not overlap.

    >>> marks_in("Über Brücken", ("brucke",))
    ((5, 11),)
    """
    spread, origin = _spread(text[:_WINDOW])
    found: list[tuple[int, int]] = []
    for word in words:
        at = spread.find(word) if word else -1
        while at >= 0 and len(found) < _MOST_MARKS:
            begin, end = origin[at], origin[at + len(word) - 1] + 1
            if all(end <= other[0] or begin >= other[1] for other in found):
                found.append((begin, end))
            at = spread.find(word, at + len(word))
    return tuple(sorted(found))


def snippet_of(texts: Sequence[str], words: Sequence[str]) -> Snippet:
    """Return a piece of the text in which most of the words stand, around the first of them; else of the longest."""
    score, chosen, at = 0, max(texts, key=len, default=""), 0
    for text in texts if words else ():
        said = folded(text)
        found = [(said.find(word), len(word)) for word in words if word in said]
        if sum(length for _, length in found) > score:
            score, chosen = sum(length for _, length in found), text
            # A folded text can be longer or shorter: the place is about there.
            at = min(place for place, _ in found) * len(text) // max(1, len(said))
    piece = _cut(chosen, max(0, at - _LEAD))
    marks = marks_in(piece, words)
    if not marks and score:
        at = next(iter(marks_in(chosen, words)), (0, 0))[0]
        piece = _cut(chosen, max(0, at - _LEAD))
        marks = marks_in(piece, words)
    return Snippet(piece, marks)


def _cut(text: str, begin: int) -> str:
    """A piece of a text, with dots where something is left out."""
    piece = text[begin : begin + SNIPPET - 2]
    return ("…" if begin else "") + piece + ("…" if begin + len(piece) < len(text) else "")
