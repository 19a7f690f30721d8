"""A name taken apart: its words in Latin letters, each with the part it plays.

Titles, articles, particles and legal forms go; what follows "son of" is marked as the father's name, so that it is
not taken for the bearer's own; a patronymic likewise.
"""

# ruff: noqa: RUF001, SIM905
from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from titian.core.screening import ValueKind
from titian.screen.names import customs, japanese
from titian.screen.names.scripts import Script, romanised, runs, thai_letters
from titian.screen.names.sounds import Sounds, single, sounds

LONGEST: Final = 400
"""Characters of a name that are read; what comes after them is left out."""
MOST_WORDS: Final = 16


class Part(IntEnum):
    """What a word is in a name."""

    OWN = 0
    FATHER = 1
    ELDER = 2
    INITIAL = 3
    GENERIC = 4


class Word(NamedTuple):
    """A word of a name: small Latin letters, whether short vowels are missing, and its part."""

    text: str
    bare: bool = False
    part: Part = Part.OWN

    @property
    def keys(self) -> Sounds:
        """How it sounds."""
        return sounds(self.text, self.bare)


class Name(msgspec.Struct, frozen=True):
    """A name taken apart. ``form`` is an organisation's legal form, ``plain`` the whole as folded in its own script."""

    kind: ValueKind
    words: tuple[Word, ...]
    script: Script = Script.LATIN
    form: str = ""
    plain: str = ""


def together(words: tuple[Word, ...]) -> str:
    """Return how words sound with nothing between them; the e is an a."""
    return single("".join(sounds(customs.ONE.get(text, text), bare).open for text, bare, _ in words))


_APART: Final = re.compile(r"[^\w\-/.'’‘ʿʾʼ`´\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0eff]+")
_APOSTROPHES: Final = re.compile(r"['’‘ʿʾʼ`´]")
_SIMPLE: Final = re.compile(r"[a-z0-9 ]*$")
_DOTTED: Final = re.compile(r"\b((?:[^\W\d_]\.){2,})")
_ASCII: Final = re.compile(r"[^a-z0-9]+")
_PATRONYMIC: Final = re.compile(r".{3,}(?:[oe]vich|[oe]vic|[oe]vych|[oe]vitch|[oe]vna|ichna|ivna|ovych)$|^ilyich$")
_ABD: Final = re.compile(r"^abd(?:[aeou]|ou)(?=[a-z]{3,})l?(.+)$")
_ALLAH: Final = re.compile(r"^abd[aeou]?ll?[aeo]h?$|^abd[ua]ll[aeo]h?$")
_FEMALE: Final = (
    (re.compile(r"(?<=.{3})([oe])va$"), r"\1v"),
    (re.compile(r"(?<=.{2})(?:sk|tsk|ck)a(?:ya|ia|ja)$"), "skiy"),
)
_SONS_FIRST: Final = customs.SONS - {"ben", "b"}
"""What may stand first and is no name then, as in *bin Salim*; Ben may be one."""
_SPACED: Final = frozenset({Script.LATIN, Script.CYRILLIC, Script.ARABIC, Script.OTHER})
_SLAVIC: Final = frozenset({Script.CYRILLIC, Script.LATIN})
_HONORIFICS: Final = re.compile("(?<=..)(?:様|さん|氏|先生|殿)$|^(?:นางสาว|นาง|นาย|ดร\\.|คุณ)\\s*")
_DEGREES: Final = re.compile(r"(?<=\w \w)(?<!,)([^,]*),\s*(?:(?:[a-z]{1,5}\.)+[a-z]{0,4}\.?[,\s]*)+$")
_TITLES_ELSEWHERE: Final = frozenset("الشيخ الدكتور الحاج السيد الامير شيخ دكتور г-н г-жа д-р др проф".split())


@lru_cache(512)
def take_apart(text: str, kind: ValueKind) -> tuple[Name, ...]:
    """Return the readings of a name: one, or several where its characters can be read in more than one language.

    Of a text without a single letter or digit there is one reading, without words.
    """
    plain = folded(text)
    organisation = kind is ValueKind.ORGANISATION
    working = _phrases(plain) if organisation else _DEGREES.sub(r"\1", _HONORIFICS.sub("", plain))
    found: list[Name] = []
    for pieces in _readings(working, organisation):
        script = _script(pieces, plain)
        raw = [(word, bare) for _, words, bare, _ in pieces for word in words]
        dotted = [dot for _, words, _, dot in pieces for _ in words]
        words, form = _organisation(raw) if organisation else (_person(raw, dotted, script), "")
        name = Name(kind, tuple(words[:MOST_WORDS]), script, form, plain)
        if all(name.words != other.words for other in found):
            found.append(name)
    return tuple(found)


def folded(text: str) -> str:
    """Return a name as it is compared in its own script: compatibility forms and letter case joined, spaces plain."""
    if text.isascii() and text.isprintable():
        return " ".join(text[:LONGEST].lower().split())
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zs", "Zl", "Zp") else c for c in plain
                   if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))  # fmt: skip
    return unicodedata.normalize("NFC", " ".join(kept.split()))


_PHRASES: Final = tuple((folded(phrase), word) for phrase, word in customs.PHRASES)

Pieces = list[tuple[Script, tuple[str, ...], bool, bool]]
"""Script, words, whether vowels are missing, whether a full stop followed."""


def _readings(text: str, organisation: bool) -> Iterator[Pieces]:
    """The text's words in Latin letters; with kanji first as Japanese where that can be read, then as Chinese."""
    if organisation:
        text = _DOTTED.sub(lambda match: match[1].replace(".", "") + " ", text)
    if text.isascii():
        yield _spelt(text, organisation, letters=False)
        return
    kanji = any(script is Script.HAN for script, _ in runs(text))
    if kanji and (words := japanese.readings(text)):
        yield [(Script.HAN, words, False, False)]
    yield _spelt(text, organisation, letters=False)
    if not organisation and any(script is Script.THAI for script, _ in runs(text)):
        yield _spelt(text, organisation, letters=True)


def _spelt(text: str, organisation: bool, *, letters: bool) -> Pieces:
    """The words of a text; Thai as it is spoken, or ``letters`` by letter."""
    if _SIMPLE.match(text):
        return [(Script.LATIN, (word,), False, False) for word in text.split()]
    pieces: Pieces = []
    for word in _APART.split(text):
        if word in _TITLES_ELSEWHERE:
            continue
        slash = _APOSTROPHES.sub("", word)
        if slash in ("a/l", "a/p", "s/o", "d/o"):
            pieces.append((Script.LATIN, (slash,), False, False))
            continue
        for stop in re.findall(r"[^.]+\.?", slash):
            for part in re.split(r"[-/_]", stop.rstrip(".")):
                for script, run in runs(part):
                    words, bare = ((thai_letters(run),), True) if letters and script is Script.THAI else romanised(
                        script, run)  # fmt: skip
                    if organisation and script in (Script.HAN, Script.HANGUL):
                        words = ("".join(words),)
                    words = tuple(plain for one in words if (plain := _ASCII.sub("", one)))
                    if words:
                        pieces.append((script, words, bare, stop.endswith(".")))
    return pieces


def _script(pieces: Pieces, plain: str) -> Script:
    found = [script for script, _, _, _ in pieces if script is not Script.LATIN]
    return found[0] if found else Script.LATIN


def _phrases(text: str) -> str:
    if text.isascii():
        return text
    for phrase, word in _PHRASES:
        if phrase in text:
            text = text.replace(phrase, word)
    return text


def _organisation(raw: list[tuple[str, bool]]) -> tuple[list[Word], str]:
    form, words = "", []
    for text, bare in raw:
        if text in customs.FORMS and len(raw) > 1:
            form = form if form and text not in customs.PARTNERS_ONLY else (
                text if text in customs.PARTNERS_ONLY else customs.FORMS[text] or form)  # fmt: skip
            continue
        if text in customs.FILLERS or text in customs.ARTICLES:
            continue
        generic = customs.GENERIC.get(text)
        if generic:
            words.append(Word(generic, part=Part.GENERIC if generic in customs.PLAIN else Part.OWN))
        else:
            words.append(Word(text, bare))
    return words or [Word(text, bare) for text, bare in raw], form


def _person(raw: list[tuple[str, bool]], dotted: list[bool], script: Script) -> list[Word]:
    if script not in _SPACED:
        if script is Script.HANGUL and raw:
            raw = [(customs.KOREAN.get(raw[0][0], raw[0][0]), False), *raw[1:]]
        return [Word(text, bare) for text, bare in raw]
    kept = _untitled(raw, dotted)
    words: list[Word] = []
    part, at = Part.OWN, 0
    while at < len(kept):
        text, bare = kept[at]
        rest = [word for word, _ in kept[at + 1 :]]
        if words and rest and text in customs.SONS | customs.DAUGHTERS and not (text == "b" and len(rest[0]) == 1):
            part = Part.FATHER if part is Part.OWN else Part.ELDER
        elif rest and (text in customs.ARTICLES or (text in _SONS_FIRST and not words)):
            pass
        elif rest and text in customs.SERVANT | customs.PARENTS:
            stem = "abd" if text in customs.SERVANT else ("um" if text.startswith(("u", "o")) else "abu")
            ahead = [one for one in range(at + 1, len(kept)) if kept[one][0] not in customs.ARTICLES]
            if ahead:
                at = ahead[0]
                text, bare = _joined(stem, kept[at])
            words.append(Word(text, bare, part))
        else:
            words.append(_word(text, bare, part, script, len(kept)))
        at += 1
    return words or [Word(text, bare) for text, bare in raw]


def _joined(stem: str, ahead: tuple[str, bool]) -> tuple[str, bool]:
    text, bare = ahead
    if stem == "abd" and re.fullmatch(r"[aeiou]?ll?[aou]h?", text):
        return "abdullah", False
    return stem + text, bare


def _word(text: str, bare: bool, part: Part, script: Script, of: int) -> Word:
    if len(text) == 1 and not bare and script is Script.LATIN and of > 1:
        return Word(text, False, Part.INITIAL)
    text = customs.SHORT.get(text, text)
    if text.startswith("abd"):
        if _ALLAH.match(text):
            return Word("abdullah", False, part)
        if match := _ABD.match(text):
            return Word("abd" + match[1].lstrip("l") if not match[1].startswith("la") else "abd" + match[1], bare, part)
    if part is Part.OWN and of > 1 and script in _SLAVIC and _PATRONYMIC.match(text):
        return Word(text, bare, Part.FATHER)
    if script in _SLAVIC and len(text) >= 6:
        for pattern, into in _FEMALE:
            text = pattern.sub(into, text)
    return Word(text, bare, part)


def _untitled(raw: list[tuple[str, bool]], dotted: list[bool]) -> list[tuple[str, bool]]:
    kept = [
        one for one, dot in zip(raw, dotted, strict=True)
        if one[0] not in customs.TITLES
    ]  # fmt: skip
    while (
        len(kept) > 1 and kept[0][0] in customs.LEADING_TITLES and dotted[raw.index(kept[0])] and len(kept[1][0]) > 1
        and kept[0][0] in ("h", "hj", "kh", "kp", "tb")
    ):  # fmt: skip
        kept = kept[1:]
    return kept or raw
