"""Which script a word is written in, and the word in Latin letters.

Latin marks, Hangul, Chinese and any other script go through ``anyascii`` (ISC licence), Thai through ``thaiphon``
(Apache-2.0, the royal system of 1999); Arabic, Cyrillic and kana through small tables of our own.
"""

# ruff: noqa: SIM905, E501
from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache
from itertools import groupby
from typing import Final

from anyascii import anyascii
from thaiphon import transcribe

from titian.screen.names import arabic, cyrillic, japanese


class Script(IntEnum):
    """A script, as small as it is kept in the index."""

    LATIN = 0
    CYRILLIC = 1
    ARABIC = 2
    KANA = 3
    HAN = 4
    HANGUL = 5
    THAI = 6
    OTHER = 7


_RANGES: Final = (
    (0x0000, 0x02FF, Script.LATIN), (0x1E00, 0x1EFF, Script.LATIN), (0x0400, 0x052F, Script.CYRILLIC),
    (0x0600, 0x077F, Script.ARABIC), (0x08A0, 0x08FF, Script.ARABIC), (0x3041, 0x30FF, Script.KANA),
    (0x3005, 0x3007, Script.HAN), (0x3400, 0x9FFF, Script.HAN), (0xF900, 0xFAFF, Script.HAN),
    (0x20000, 0x3FFFF, Script.HAN), (0xAC00, 0xD7A3, Script.HANGUL), (0x1100, 0x11FF, Script.HANGUL),
    (0x3130, 0x318F, Script.HANGUL), (0x0E00, 0x0E7F, Script.THAI),
)  # fmt: skip
_SYLLABLE: Final = re.compile(r"[A-Z][a-z']*|[a-z']+|\d+")
_KEPT: Final = re.compile(r"[^a-z0-9]+")


@lru_cache(2048)
def script_of(letter: str) -> Script:
    """Return the script of a letter."""
    point = ord(letter)
    for first, last, script in _RANGES:
        if first <= point <= last:
            return script
    return Script.OTHER


def runs(word: str) -> list[tuple[Script, str]]:
    """Return the pieces of a word, each in one script; digits and marks belong to what is before them."""
    found: list[tuple[Script, str]] = []
    for script, letters in groupby(word, script_of):
        piece = "".join(letters)
        if found and (script is found[-1][0] or not any(letter.isalpha() for letter in piece)):
            found[-1] = (found[-1][0], found[-1][1] + piece)
        else:
            found.append((script, piece))
    return found


@lru_cache(8192)
def romanised(script: Script, word: str) -> tuple[tuple[str, ...], bool]:
    """Return a word of one script in Latin letters, as one word or several, and whether short vowels are missing."""
    bare = False
    if script is Script.LATIN:
        plain = word if word.isascii() else anyascii(word).lower()
        return (plain,), False
    if script is Script.CYRILLIC:
        found = [cyrillic.romanise(word)]
    elif script is Script.ARABIC:
        latin, bare = arabic.romanise(word)
        found = latin.split("-")
    elif script is Script.KANA:
        found = [japanese.kana(word)]
    elif script is Script.THAI:
        found = [_thai(word)]
    elif script in (Script.HAN, Script.HANGUL):
        found = [piece.lower() for piece in _SYLLABLE.findall(anyascii(word))]
    else:
        found = [anyascii(word).lower()]
    return tuple(plain for piece in found if (plain := _KEPT.sub("", anyascii(piece).lower()))), bare


def _thai(word: str) -> str:
    try:
        return str(transcribe(word.replace("\u0e4d\u0e32", "\u0e33"), "rtgs"))
    except Exception:  # It refuses what is no syllable; letter by letter is better than nothing.
        return anyascii(word)


_INDIC: Final = {
    **dict(zip("กขคฆงจฉชซญฎฏฐฑฒณดตถทธนบปผพฟภมยรลวศษสหฬฮอ",
               "k k k k ng c c c s y d t t t d n d t t t d n b p p p f p m y r l w s s s h l h a".split(),
               strict=True)),
    "า": "a", "ำ": "am", "ิ": "i", "ี": "i", "ึ": "u", "ื": "u", "ุ": "u", "ู": "u", "เ": "e", "แ": "ae",
    "โ": "o", "ใ": "ai", "ไ": "ai", "ๅ": "a",
}  # fmt: skip


_BEFORE: Final = re.compile("([เแโใไ])([ก-ฮ])")
"""A vowel that is written before the consonant it follows."""


@lru_cache(8192)
def thai_letters(word: str) -> str:
    """Return a Thai word letter by letter, as families write it that follow its Sanskrit or Pali origin.

    Each consonant is one letter, as for Arabic. Most vowels are missing: it is compared by its consonants. A letter that is silenced counts.
    """
    return "".join(_INDIC.get(letter, "") for letter in _BEFORE.sub(r"\2\1", word))
