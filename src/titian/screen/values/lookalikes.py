"""Letters that look like Latin ones, so that a domain can be told by what it looks like.

A table of our own, of what a browser's font shows alike in the scripts that domains are registered in; Unicode's
(UTS 39) is far larger, and for identifiers of programs.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_LIKE: Final = {
    "3": "\u04e1\u0437",
    "a": "\u0430\u03b1\u0251\u1d00",
    "ae": "\u00e6",
    "b": "\u0432\u044c\u03b2\u10ee\u0185\u0299",
    "c": "\u0441\u03f2\u1d04",
    "d": "\u0501\u0111",
    "e": "\u0435\u0451\u03b5\u1d07",
    "f": "\u0493\u03dd",
    "g": "\u0581\u0261",
    "h": "\u04bb\u043d\u0570\u0127\u029c",
    "i": "\u0456\u0457\u03b9\u0131\u0269\u026a",
    "j": "\u0458\u03f3\u0575",
    "k": "\u043a\u03ba\u1d0b",
    "l": "\u04cf\u05df\u05d5\u217c\u0142\ua781",
    "m": "\u043c\u1d0d",
    "n": "\u043f\u03b7\u0578\u0274",
    "o": "\u043e\u03bf\u03c3\u0585\u05e1\u0647\u0665\u0ed0\u0e50\u0da7\u0d20\u0966\u00f8\u1d0f",
    "oe": "\u0153",
    "p": "\u0440\u03c1",
    "q": "\u051b\u0566",
    "r": "\u0433\u0280",
    "s": "\u0455",
    "ss": "\u00df",
    "t": "\u0442\u03c4\u0565\u0167\u1d1b",
    "u": "\u0446\u03c5\u03bc\u057d\u1d1c",
    "v": "\u0475\u03bd\u1d20",
    "w": "\u051d\u0448\u0449\u03c9\u0561\u1d21",
    "x": "\u0445\u03c7",
    "y": "\u0443\u04af\u03b3\u10e7\u028f\u01b4",
    "z": "\u1d22",
}
_ALIKE: Final = {char: latin for latin, chars in _LIKE.items() for char in chars}


def looks_like(host: str) -> str | None:
    """Return the name in ASCII that a host name looks like to people, or None if it looks like itself.

    >>> looks_like("\\u0440\\u0430ypal.example")
    'paypal.example'
    """
    if host.isascii():
        return None
    found: list[str] = []
    for char in unicodedata.normalize("NFD", host):
        if char.isascii():
            found.append(char)
        elif unicodedata.category(char) != "Mn":
            alike = _ALIKE.get(char)
            if alike is None:
                return None
            found.append(alike)
    shown = "".join(found)
    return shown if shown != host else None


def scripts_of(label: str) -> frozenset[str]:
    """Return the scripts of a label's letters, as far as Unicode's names of them say; Japanese counts as one."""
    found: set[str] = set()
    for char in label:
        if char.isalpha():
            script = unicodedata.name(char, "UNKNOWN").partition(" ")[0].title()
            found.add(
                "Han" if script in ("Cjk", "Hiragana", "Katakana", "Ideographic", "Katakana-Hiragana") else script
            )
    return frozenset(found)
