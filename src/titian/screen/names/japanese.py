"""Japanese: kana to Latin by the Hepburn system, and readings of kanji where a dictionary is installed.

Readings come from SudachiPy with its small dictionary (both Apache-2.0; extra ``names-ja``). Without it kanji are read
as Chinese only.
"""

# ruff: noqa: SIM905
from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

_KANA: Final = {
    **dict(zip("アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン",
               "a i u e o ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu he ho ma mi mu me mo "
               "ya yu yo ra ri ru re ro wa o n".split(), strict=True)),
    **dict(zip("ガギグゲゴザジズゼゾダヂヅデドバビブベボパピプペポヴヰヱ",
               "ga gi gu ge go za ji zu ze zo da ji zu de do ba bi bu be bo pa pi pu pe po vu i e".split(),
               strict=True)),
    **dict(zip("ァィゥェォ", "aiueo", strict=True)),
}  # fmt: skip
_SMALL: Final = {"ャ": "a", "ュ": "u", "ョ": "o", "ェ": "e", "ァ": "a", "ィ": "i", "ォ": "o"}
_HIRAGANA: Final = {ord("ぁ") + at: ord("ァ") + at for at in range(0x56)}


@lru_cache(4096)
def kana(word: str) -> str:
    """Return a word in hiragana or katakana in Latin letters; other characters stay as they are."""
    found: list[str] = []
    double = False
    for letter in word.translate(_HIRAGANA):
        if letter == "ッ":
            double = True
        elif letter == "ー":
            continue
        elif letter in _SMALL and found and found[-1][-1:] in ("i", "u", "e") and len(found[-1]) > 1:
            found[-1] = _contracted(found[-1], letter)
        else:
            sound = _KANA.get(letter, letter)
            found.append(sound[:1] + sound if double and sound[:1].isascii() else sound)
            double = False
    return "".join(found)


def _contracted(before: str, small: str) -> str:
    # ki + small ya is kya; shi + small ya is sha; fu + small a is fa.
    stem = before[:-1]
    if small in "ャュョ" and stem not in ("sh", "ch", "j", "ssh", "cch", "jj"):
        stem += "y"
    return stem + _SMALL[small]


@cache
def _reader() -> Any:
    try:
        sudachi = import_module("sudachipy")
        return sudachi.Dictionary(dict="small").tokenizer()
    except Exception:  # A reader that cannot be had, for whatever reason, is one that is not there.
        return None


def can_read() -> bool:
    """Whether readings of kanji can be told."""
    return _reader() is not None


@lru_cache(4096)
def readings(text: str) -> tuple[str, ...]:
    """Return the words of a text with kanji as they are read, in Latin letters; none without a dictionary.

    A family name and a given name come as two words, though nothing is written between them.
    """
    reader = _reader()
    if reader is None:
        return ()
    found = [
        morpheme.surface() if morpheme.surface().isascii() else kana(morpheme.reading_form() or morpheme.surface())
        for morpheme in reader.tokenize(text)
        if morpheme.surface().strip() and morpheme.part_of_speech()[0] not in ("空白", "補助記号")
    ]
    return tuple(found) if all(word.isascii() and word for word in found) else ()
