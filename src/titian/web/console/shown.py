"""Text of strangers, shown: escaped, with what cannot be seen made visible, and look-alikes pointed at.

Unicode Technical Report 36 (bidirectional and mixed-script spoofing) and Technical Standard 39 tell of the tricks.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from markupsafe import Markup, escape

_BIDI: Final = {
    "\u200e": "LRM", "\u200f": "RLM", "\u061c": "ALM", "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF",
    "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
}  # fmt: skip
_INVISIBLE: Final = {
    "\u00ad": "SHY", "\u034f": "CGJ", "\u115f": "HCF", "\u1160": "HJF", "\u17b4": "KVA", "\u17b5": "KVAA",
    "\u180e": "MVS", "\u200b": "ZWSP", "\u2060": "WJ", "\u2061": "FA", "\u2062": "IT", "\u2063": "IS",
    "\u2064": "IP", "\u3164": "HF", "\ufeff": "BOM", "\uffa0": "HHF",
}  # fmt: skip
_hidden: Final = re.compile(f"[{''.join(_BIDI)}{''.join(_INVISIBLE)}\U000e0000-\U000e0fff]").search
"""What may not be seen though it counts as printable; all else that hides does not."""
_SAFE_CONTROLS: Final = frozenset("\n\t")
_LETTERS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
"""Scripts with letters that look like those of another of them."""


def _mark(character: str) -> str | None:
    """The name to show for a character that would not be seen."""
    if character in _BIDI:
        return _BIDI[character]
    if character in _INVISIBLE:
        return _INVISIBLE[character]
    if character in _SAFE_CONTROLS:
        return None
    category = unicodedata.category(character)
    if category in {"Cc", "Cs", "Co", "Cn"} or 0xE0000 <= ord(character) <= 0xE0FFF:
        return f"U+{ord(character):04X}"
    return None


@lru_cache(maxsize=4096)
def _script(character: str) -> str | None:
    if not character.isalpha():
        return None
    first = unicodedata.name(character, "").partition(" ")[0]
    return first if first in _LETTERS else None


def mixed_scripts(text: str) -> list[str]:
    """Words of a text in which letters of scripts stand that look alike, as Latin and Cyrillic do.

    >>> mixed_scripts("p\u0430ypal.com is not paypal.com")
    ['p\u0430ypal.com']
    """
    found = []
    for word in text.split():
        scripts = {script for script in map(_script, word) if script is not None}
        if len(scripts) > 1:
            found.append(word)
    return found


def visible(text: str) -> Markup:
    """Text as HTML in which nothing hides: what would not be seen stands as a mark with its name.

    >>> str(visible("<b>\u202egpj.exe"))
    '&lt;b&gt;<span class="mark" title="U+202E">[RLO]</span>gpj.exe'
    """
    plain_text = text.replace("\n", "").replace("\t", "")
    if plain_text.isprintable() and (plain_text.isascii() or not _hidden(plain_text)):
        return escape(text)
    parts: list[str] = []
    plain: list[str] = []
    for character in text:
        mark = None if "\x20" <= character <= "\x7e" else _mark(character)
        if mark is None:
            plain.append(character)
            continue
        parts.append(str(escape("".join(plain))))
        plain.clear()
        parts.append(f'<span class="mark" title="U+{ord(character):04X}">[{mark}]</span>')
    parts.append(str(escape("".join(plain))))
    return Markup("".join(parts))  # noqa: S704 - each part is escaped above


def shown(text: object, most: int = 0, *, lookalike: str = "look-alike letters", more: str = "show all") -> Markup:
    """Text of a stranger as HTML, in a direction of its own, at most ``most`` characters of it at once (0: all)."""
    words = str(text)
    if most and len(words) > most:
        start, rest = words[:most], words[most:]
        if len(rest) > _LONGEST_REST:
            rest = rest[:_LONGEST_REST] + " …"
        folded = f'<details class="more"><summary>… {escape(more)}</summary>{visible(rest)}</details>'
        body = Markup(f"{visible(start)}{folded}")  # noqa: S704 - each part is escaped
    else:
        body = visible(words)
    checked = words[: most or 2000]
    odd = [] if checked.isascii() else mixed_scripts(checked)
    flag = Markup(' <span class="badge warn" title="{}">{}</span>').format(" ".join(odd), lookalike) if odd else ""
    return Markup(f"<bdi>{body}</bdi>{flag}")  # noqa: S704 - each part is escaped above


_LONGEST_REST: Final = 100_000
"""Characters behind the fold at most; the raw object has all of them."""
