"""Keys of a word in Latin letters: how it sounds, its consonants, and a coarse class of them.

The rules join spellings of one name that are in common use: the reform of Malay and Indonesian (oe/u, dj/j, tj/c,
nj/ny, sj/sy), transliterations of Arabic (kh/h, dh/d, q/k, ou/u, final -ah) and of Russian (-iy/-y/-ii, x/ks, ye/e).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

VOWELS: Final = frozenset("aeiou")

RULES: Final = tuple(
    (needed, re.compile(pattern), into)
    for needed, pattern, into in (
        ("x", r"x", "ks"),
        ("ch", r"schtsch|shch|chtch|chtsch", "x"),
        ("t", r"tsch|tsj|tch|tj", "c"),
        ("cz", r"cz", "c"),
        ("s", r"sch(?=[aeioulmnrw])|sh|sj|sy(?=[aeiou])", "x"),
        ("ch", r"ch(?=[bdfglmnprstvwz])", "h"),
        ("ch", r"ch", "c"),
        ("d", r"dzh|dj", "j"),
        ("zh", r"zh", "z"),
        ("kh", r"kh", "h"),
        ("gh", r"gh", "g"),
        ("th", r"th", "t"),
        ("dh", r"dh", "d"),
        ("bh", r"bh", "b"),
        ("ph", r"ph", "f"),
        ("ck", r"ck", "k"),
        ("q", r"q", "k"),
        ("z", r"dz|tz", "z"),
        ("n", r"n[jh](?=[aeiou])", "ny"),
        ("gu", r"gu(?=[ei])", "g"),
        ("ff", r"(?<=[oe])ff$", "v"),
        ("w", r"(?<=[oe])w$", "v"),
        ("i", r"^i(?=[aou])", "y"),
        ("ye", r"^ye", "e"),
        ("eo", r"(?<=[bcdghjksyn])eo(?=[nmlk])", "u"),
        ("eu", r"eu(?=[nmlk])", "u"),
        ("o", r"oo|ou|oe|ow(?![aeiouy])", "u"),
        ("e", r"ee|ea$", "i"),
        ("h", r"(?<=[aeiou])h$", ""),
        ("i", r"(?:i[yij]|y?i)$", "i"),
        ("y", r"(?:iyy|iy|yy|ey|y)$", "i"),
        ("e", r"e[ij]$", "i"),
        ("y", r"(?<=[bcdfghjklmnpqrstvwxz])y(?![aeiou])", "i"),
        ("y", r"(?<=[bcdfghjklmnpqrstvwxz])y(?=[aeou])", "i"),
        ("a", r"a[iy]+(?![aou])", "ai"),
        ("e", r"e[iy]+", "ai"),
        ("a", r"a[uw](?![aeiou])", "au"),
        ("i", r"i[ey](?![aou])", "i"),
        ("iya", r"iya", "ia"),
        ("uw", r"uw(?=[aeiou])", "u"),
        ("o", r"o", "u"),
        ("", r"(.)\1+", r"\1"),
    )
)
"""In order: letters that a word must have for the rule to matter, what is written, and what it sounds like."""
_ALIKE: Final = str.maketrans({"j": "y", "c": "k", "w": "v", "z": "s", "x": "s"})
_COARSE: Final = str.maketrans("pfvwdgqczxjlr", "bbbbtkksssslr")
_NO_VOWELS: Final = str.maketrans("", "", "aeiouwy")
_GLIDES: Final = re.compile(r"^y(?=[ai])|(?<=[^aeiou])[iy](?=[au])")
_DOUBLES: Final = re.compile(r"(.)\1+")
_MATRES: Final = re.compile(r"(?<=.)[wyaiu]")


class Sounds(NamedTuple):
    """The keys of a word."""

    sound: str
    """Spellings of one name fall together: ``muhamad`` for Mohammad, ``suharto`` for Soeharto is ``suhartu``."""
    open: str
    """The same with e taken for a, as the Arabic a is written either way."""
    alike: str
    """The same with the letters that stand for one another between languages joined: j and y, c and k, w and v."""
    bones: str
    """The consonants, after a mark for a first vowel."""

    @property
    def coarse(self) -> str:
        """Classes of consonants: as many as there are bones."""
        return self.bones.translate(_COARSE)


@lru_cache(16384)
def sounds(text: str, bare: bool = False) -> Sounds:
    """Return the keys of a word of a-z and digits. ``bare`` is a word whose short vowels are missing."""
    return keys(heard(text, bare))


@lru_cache(4096)
def heard(text: str, bare: bool) -> str:
    """Return how a word sounds, with e as it is: :func:`keys` makes all keys from that."""
    sound = text
    if not bare:
        # The letters of a bare word are sounds already.
        for needed, pattern, into in RULES:
            if needed in sound:
                sound = pattern.sub(into, sound)
    return sound


def keys(sound: str) -> Sounds:
    """Return the keys of a word from how it sounds."""
    alike, _, bones = kin(sound).partition(" ")
    return keys_with(sound, alike, bones)


def keys_with(sound: str, alike: str, bones: str) -> Sounds:
    """Return the same where those that take long to make are known: with :func:`kin`."""
    return Sounds(sound.replace("e", "i"), sound.replace("e", "a"), alike, bones)


def kin(sound: str) -> str:
    """Return the keys ``alike`` and ``bones`` of a word from how it sounds, a space between them."""
    first = "a" if sound[:1] in VOWELS else sound[:1]
    bones = sound[1:].translate(_NO_VOWELS)
    if len(bones) > 1 and bones[-1] == "h":
        bones = bones[:-1]
    return f"{_alike(sound.replace('e', 'a'))} {first}{bones}"


def _alike(opened: str) -> str:
    joined = opened.replace("ts", "s").translate(_ALIKE)
    if "y" in joined or "i" in joined:
        joined = _GLIDES.sub("", joined)
    return single(joined)


def single(text: str) -> str:
    """Return a text with each letter that is doubled once."""
    return _DOUBLES.sub(_first, text)


def _first(found: re.Match[str]) -> str:
    # A function: a template such as \1 is looked at anew in each call.
    return found[1]


def admits(bare: str, voiced: str) -> bool:
    """Whether a word with its vowels can be the one whose long vowels alone are written.

    Each long vowel needs a vowel like it, in order; a short one is free.
    """
    at = 0
    for letter in _MATRES.findall(bare):
        wanted = {"a": "a", "w": "uw", "u": "u", "y": "iy", "i": "i"}[letter]
        while at < len(voiced) and voiced[at] not in wanted:
            at += 1
        if at == len(voiced):
            return False
        at += 1
    return True
