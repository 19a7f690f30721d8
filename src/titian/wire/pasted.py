"""Indicators in a text that somebody pasted: found, refanged, and left to a person to check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from titian.core.errors import InvalidInput, TooLarge
from titian.wire.indicators import Value, recognise

LONGEST: Final = 2_000_000
"""Characters of a text at most."""
MOST: Final = 5000
"""Values that are found at most."""
_APART: Final = (
    "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
    "\u3001\u3002\uff0c\uff1b\uff1a\uff01\uff1f\uff08\uff09\u300c\u300d\u300e\u300f\u3010\u3011"
)
"""Quotation marks, and the punctuation of East Asian text."""
_TOKEN: Final = re.compile(rf'[^\s<>"{_APART}]+')
_EDGES: Final = " \t,;:!?'`|*_~\u2026"
_OPENING, _CLOSING = "([{", ")]}"
_FILE: Final = re.compile(
    r"\.(?:exe|dll|docx?|xlsx?|pptx?|pdf|zip|rar|7z|js|vbs|ps1|bat|sh|py|txt|html?|php|aspx?|jsp|png|jpe?g|gif|svg|json|"
    r"xml|csv|log|cfg|ini|apk|jar|iso|img|lnk|tmp|md|yaml|yml|toml)$",
    re.IGNORECASE,
)
"""Names of files that look like domain names."""


class Pasted(msgspec.Struct, frozen=True, kw_only=True):
    """A value that stands in a text: as it is written, what it is, and where (characters from the beginning).

    ``sure`` is False where it may be something else, a file or a version number: a person decides.
    """

    written: str
    value: Value
    start: int
    sure: bool


def find_values(text: str) -> list[Pasted]:
    """Return the values of a text in the order in which they stand there, each once.

    :raises TooLarge: for a text of more than :data:`LONGEST` characters, or with more than :data:`MOST` values.

    >>> [(one.value.kind, one.value.text) for one in find_values("See hxxp://evil[.]example/a, from 198[.]51.100.3.")]
    [('url', 'http://evil.example/a'), ('ipv4', '198.51.100.3')]
    """
    if len(text) > LONGEST:
        raise TooLarge(f"The text has more than {LONGEST:,} characters.")
    found: dict[Value, Pasted] = {}
    for start, word in _words(text):
        value = _recognised(word)
        if value is None or value in found:
            continue
        found[value] = Pasted(written=word, value=value, start=start, sure=_is_sure(word, value))
        if len(found) > MOST:
            raise TooLarge(f"There are more than {MOST:,} values in this text.", advice="Paste it in parts.")
    return list(found.values())


def _words(text: str) -> Iterator[tuple[int, str]]:
    for match in _TOKEN.finditer(text):
        word, start = match[0], match.start()
        while word and word[0] in _EDGES + _OPENING and not (word[0] in _OPENING and _balanced(word)):
            word, start = word[1:], start + 1
        while word and (
            word[-1] in _EDGES or (word[-1] in _CLOSING and not _balanced(word)) or (word[-1] == "." and len(word) > 1)
        ):
            word = word[:-1]
        if len(word) > 3:
            yield start, word


def _balanced(word: str) -> bool:
    """Whether every bracket of a word is closed in it: then they belong to it, as in ``evil[.]example``."""
    return all(word.count(a) == word.count(b) for a, b in zip(_OPENING, _CLOSING, strict=True)) and not (
        word[0] in _OPENING and word[-1] in _CLOSING
    )


def _recognised(word: str) -> Value | None:
    try:
        return recognise(word)
    except InvalidInput:
        return None


def _is_sure(word: str, value: Value) -> bool:
    defanged = word != value.text and ("[" in word or "(" in word or word.lower().startswith("hxxp"))
    if value.kind == "domain":
        return defanged or not (_FILE.search(word) or value.text.rpartition(".")[2].isdigit())
    return True
