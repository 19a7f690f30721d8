"""Cyrillic to Latin, near to how passports write it (ICAO 9303 part 3, section 6; BGN/PCGN where that is common)."""

# ruff: noqa: RUF001
from __future__ import annotations

import re
from typing import Final

_LETTERS: Final = str.maketrans({
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya", "є": "ye", "і": "i", "ї": "yi", "ґ": "g", "ў": "w", "ј": "j", "љ": "lj", "њ": "nj", "ђ": "dj",
    "ћ": "c", "џ": "dzh", "ѕ": "dz", "ѓ": "g", "ќ": "k", "ә": "a", "ғ": "gh", "қ": "q", "ң": "ng", "ө": "o",
    "ұ": "u", "ү": "u", "һ": "h", "ҳ": "h", "ҷ": "j", "ӣ": "i", "ӯ": "u", "җ": "j",
})  # fmt: skip
_GLIDE: Final = re.compile("ье")


def romanise(word: str) -> str:
    """Return a word of Cyrillic script, in small letters, in Latin letters."""
    return _GLIDE.sub("ие", word).translate(_LETTERS)
