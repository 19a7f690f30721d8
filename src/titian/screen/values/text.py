"""Tidying what was given, the same for every kind: what is not seen is left out, defanged addresses are put right.

Letter case and compatibility forms are left to each kind: a wallet's address and the path of a URL have a case that
matters.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final, NamedTuple

from titian.core.mentions import plain
from titian.core.screening import Value, ValueKind

LONGEST: Final = 4096
"""Characters. What is longer is compared by its digest, as a text."""

_TURNS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing (Unicode's Bidi_Control)."""
_JOINERS: Final = "\u200c\u200d"
"""They belong to the spelling of Persian or Hindi, and to emoji; beside Latin letters they hide something."""
_EDGES: Final = " \t\r\n\ufeff\x00"
_SHOWN: Final = 4
_PASSES: Final = 16
"""Until nothing changes: one or two, and one more for each bracket around brackets. More is somebody's joke."""


class Tidy(NamedTuple):
    """A text as it is read on, and in a sentence what was left out of it."""

    text: str
    problem: str | None


def tidied(text: str) -> Tidy:
    """Return a text on one line, without controls and characters that are not seen.

    >>> tidied(" evil.example\\n")
    Tidy(text='evil.example', problem=None)
    >>> tidied("ev\\u200bil.example").text
    'evil.example'
    """
    text = text.strip(_EDGES)
    if text.isprintable():
        return Tidy(text.strip(), None)
    kept: list[str] = []
    hidden: dict[str, None] = {}
    for place, char in enumerate(text):
        category = unicodedata.category(char)
        if category in ("Zs", "Zl", "Zp"):
            kept.append(" ")
        elif category in ("Cc", "Cf", "Cs"):
            if char in "\t\r\n\x0b\x0c\x85":
                kept.append(" ")
            if char not in _JOINERS or text[place - 1 : place].isascii() or text[place + 1 : place + 2].isascii():
                hidden[char] = None
        else:
            kept.append(char)
    return Tidy("".join(kept).strip(), _told(list(hidden)))


def _told(hidden: list[str]) -> str | None:
    if not hidden:
        return None
    codes = ", ".join(f"U+{ord(char):04X}" for char in hidden[:_SHOWN]) + (" and more" if hidden[_SHOWN:] else "")
    what = "turn the direction of writing" if _TURNS.intersection(hidden) else "are not seen"
    return f"It holds characters that {what} ({codes}); they were left out."


def compatible(text: str) -> str:
    """Return a text in the characters that compatibility forms stand for: full-width digits become digits (NFKC)."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def squeezed(text: str) -> str:
    """Return a text without the spaces, hyphens and dots that group its characters.

    >>> squeezed("GB82 WEST 1234-5698")
    'GB82WEST12345698'
    """
    return re.sub(r"[\s.\-\u2010-\u2015]+", "", compatible(text))


# --- defanged addresses -------------------------------------------------------------------------------------

_OPEN: Final = r"[\[({<]"
_CLOSE: Final = r"[\])}>]"
_DEFANGED: Final = re.compile(
    rf"""\x20?{_OPEN}\x20?(?:(?P<mark>\.|://|:|/|@)|(?P<word>dot|at))\x20?{_CLOSE}\x20?"""
    r"""|\\(?P<escaped>\.)""",
    re.IGNORECASE,
)
_HALF: Final = re.compile(rf"{_OPEN}\.|\.{_CLOSE}")
_MEANT: Final = {"dot": ".", "at": "@"}
_SCHEME: Final = re.compile(
    r"\A(?:h(?:xx|tx|xt|\*\*|--|__)p(?P<s>s?)|fxp|meow(?P<m>s?))(?=\s?:|\s?[\[({])", re.IGNORECASE
)


def refanged(text: str) -> str:
    """Return an address as it was before somebody made it safe to write. Letter case stays as it is.

    >>> refanged("hXXps[:]//Evil[.]example")
    'https://Evil.example'
    >>> refanged("someone [at] evil [dot] example")
    'someone@evil.example'
    >>> refanged("198.51.100[.3")
    '198.51.100.3'
    """
    if "[" in text or "(" in text or "{" in text or "<" in text or "\\" in text:
        text = _DEFANGED.sub(lambda found: found["mark"] or found["escaped"] or _MEANT[found["word"].lower()], text)
        text = _HALF.sub(".", text)
    found = _SCHEME.match(text)
    if found is not None:
        end = found.end()
        scheme = "ftp" if text[:3].lower() == "fxp" else "http" + (found["s"] or found["m"] or "").lower()
        text = scheme + text[end:].lstrip()
    return text


_PAIRS: Final = frozenset(("<>", '""', "''", "``", "()"))


def unwrapped(text: str) -> str:
    """Return a text without the brackets or quotation marks that stand around the whole of it.

    >>> unwrapped("<https://evil.example/>")
    'https://evil.example/'
    """
    while len(text) > 1 and text[0] + text[-1] in _PAIRS:
        text = text[1:-1].strip()
    return text


# --- texts --------------------------------------------------------------------------------------------------


def text_value(text: str, *facts: tuple[str, str]) -> Value:
    """Return a tidied text as a value that is compared as a text is: without regard to case, width and spacing.

    >>> text_value("Jalan  Titian").canonical
    'jalan titian'
    """
    return Value(ValueKind.TEXT, canonical_text(text), facts)


def canonical_text(text: str) -> str:
    """Return the canonical form of a tidied text: a digest if it is longer than :data:`LONGEST` characters."""
    if len(text) > LONGEST:
        return _digest(text)
    for _ in range(_PASSES):
        found = " ".join(plain(text).split())
        if len(found) > LONGEST:
            break
        if found == text:
            return found
        text = found
    return _digest(found)


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"
