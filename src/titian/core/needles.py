"""What is looked for: the text of a search box as needles, each a choice of words and, where those do not say enough,
a text that must stand there."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

import msgspec

from titian.core.words import LONGEST_WORD, folded, is_unspaced, runs

_MOST_NEEDLES: Final = 24
_MOST_PARTS: Final = 48
_SHORT: Final = 2
"""Words so short are looked for at the beginning of others only."""
_pieces: Final = re.compile(r'"([^"]*)"?|([^\s"]+)').finditer


class Fit(Enum):
    """How a word that is held may be like the one that is looked for."""

    EXACT = "exact"
    PREFIX = "prefix"
    INFIX = "infix"


class Part(msgspec.Struct, frozen=True):
    """One word, and what counts as it."""

    word: str
    fit: Fit


class Needle(msgspec.Struct, frozen=True):
    """All ``parts`` must be there, and with ``verify``, ``text`` as it stands. Both are folded."""

    text: str
    parts: tuple[Part, ...]
    verify: bool


def needles_of(text: str) -> tuple[Needle, ...]:
    """Return what the text of a search box looks for; nothing for a text without any letter or digit.

    >>> [(n.text, len(n.parts), n.verify) for n in needles_of('bayar "dark bridge" evil[.]example')]
    [('bayar', 1, False), ('dark bridge', 2, True), ('evil.example', 2, True)]
    """
    found: dict[Needle, None] = {}
    for piece in _pieces(_sound(text)):
        quoted = piece[1] is not None
        needle = _needle(folded(piece[1] if quoted else piece[2]), quoted=quoted)
        if needle is not None:
            found[needle] = None
    return tuple(found)[:_MOST_NEEDLES]


def exactly(text: str) -> str:
    """Return the text of a search box as one value, as values are kept for comparison."""
    return folded(_sound(text).strip().strip('"').strip())


def _sound(text: str) -> str:
    """A text without halves of characters, which a browser can send and no object can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _needle(text: str, *, quoted: bool) -> Needle | None:
    found = runs(text)
    if not found:
        return None
    begin, end = text.find(found[0]), text.rfind(found[-1]) + len(found[-1])
    whole = " ".join(text[begin:end].split())
    parts: list[Part] = []
    for place, run in enumerate(found):
        if is_unspaced(run):
            pairs = [run[at : at + 2] for at in range(len(run) - 1)] or [run]
            parts += [Part(pair, Fit.EXACT) for pair in pairs]
            continue
        fit = Fit.EXACT
        if not quoted and place == len(found) - 1:
            fit = Fit.INFIX if len(found) == 1 and len(run) > _SHORT else Fit.PREFIX
        parts.append(Part(run[:LONGEST_WORD], fit))
    parts = list(dict.fromkeys(parts))[:_MOST_PARTS]
    sure = len(found) == 1 and len(parts) == 1 and len(found[0]) <= LONGEST_WORD
    return Needle(whole, tuple(parts), not sure)
