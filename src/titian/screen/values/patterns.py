"""The constants that a STIX pattern compares with: ``=`` and ``IN``, and ``ISSUBSET`` of a network.

What is joined by AND is found one by one: who asks about a value learns of the pattern that names it. Source: STIX
2.1 section 9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_STRING: Final = r"'(?:[^'\\]|\\.)*+'"
_STEP: Final = rf"(?:[\w-]++|{_STRING})"
# A string by itself is passed over whole, so that what it says is never taken for a comparison.
_found: Final = re.compile(
    rf"(?P<type>[a-zA-Z][\w-]*+):(?P<path>{_STEP}(?:\.{_STEP}|\[[\d*]*+\])*+)"
    rf"(?:\s*+(?:==?(?!=)|ISSUBSET\b)\s*+(?P<one>{_STRING})|\s++IN\s*+\((?P<many>(?:[^'()]|{_STRING})*+)\))?"
    rf"|{_STRING}|/\*.*?\*/",
    re.DOTALL,
).finditer
_strings: Final = re.compile(_STRING, re.DOTALL).findall
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_steps: Final = re.compile(rf"{_STEP}", re.DOTALL).findall
_INDEX: Final = re.compile(r"\[[\d*]*\]")


class Comparison(NamedTuple):
    """An object type, the steps of a path in it without indexes, and the text that is compared with."""

    type: str
    path: tuple[str, ...]
    text: str


def comparisons(pattern: str) -> Iterator[Comparison]:
    """Yield what a pattern compares for equality with a text. A pattern that is wrong yields what can be read.

    >>> list(comparisons("[file:hashes.'SHA-256' = 'aa' AND file:size = 5]"))
    [Comparison(type='file', path=('hashes', 'SHA-256'), text='aa')]
    """
    for found in _found(pattern):
        if found["type"] is None:
            continue
        texts = [found["one"]] if found["one"] is not None else _strings(found["many"] or "")
        if texts:
            path = tuple(_unquoted(step) for step in _steps(_INDEX.sub("", found["path"])))
            yield from (Comparison(found["type"], path, _unquoted(text)) for text in texts)


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1]) if text[:1] == "'" else text
