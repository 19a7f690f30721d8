"""The terms of an entry: what it can be found by, besides its words. No SQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from titian.core.tlp import TLP_1_IDS, TLP_IDS, Tlp, stricter
from titian.core.words import Document

Term = str | bytes
"""A word, or bytes that begin with one of the characters below."""

NAME: Final = b"\x01"
EXACT: Final = b"\x02"
TYPE: Final = b"\x03"
TLP: Final = b"\x04"
MARK: Final = b"\x05"
BY: Final = b"\x06"
REF: Final = b"\x07"
MODIFIED: Final = b"\x08"
ADDED: Final = b"\x09"
IN: Final = b"\x0b"
GRAM: Final = b"\x0c"

UNMARKED: Final = TLP + b"none"
KEPT: Final = 1
"""The number of the term that every entry has that is still held."""
LATEST: Final = 2
"""… every entry that is the latest version in its collection."""
SHOWN: Final = 3
"""… every entry that stands for its object: where several collections hold it, one."""
FIRST_TERM: Final = 16
"""Numbers of other terms begin here."""

DAY: Final = 86_400_000_000
_LEVELS: Final = {one: level for table in (TLP_IDS, TLP_1_IDS) for level, one in table.items()}
_SHORTEST_WITH_PARTS: Final = 4
_LONGEST_WITH_PARTS: Final = 32
_HEXADECIMAL: Final = frozenset("0123456789abcdef")
_LONG_NUMBER: Final = 16

Hash = Callable[[str], int]
"""A keyed 64-bit hash, signed."""


def hashed(kind: bytes, value: str, hash_of: Hash) -> bytes:
    """The term for a long value of a kind."""
    return kind + hash_of(value).to_bytes(8, "big", signed=True)


def level_of(marks: tuple[str, ...]) -> Tlp | None:
    """The strictest TLP among some markings."""
    found: Tlp | None = None
    for one in marks:
        level = _LEVELS.get(one)
        if level is not None:
            found = level if found is None else stricter(found, level)
    return found


def tlp_term(level: Tlp | None) -> bytes:
    """The term for a level, or for none."""
    return UNMARKED if level is None else TLP + level.value.encode()


def place_term(collection: int) -> bytes:
    """The term for what lies in a collection."""
    return IN + str(collection).encode()


def name_term(word: str) -> bytes:
    """The term for a word of a name."""
    return NAME + word.encode()


def type_term(name: str) -> bytes:
    """The term for a type of objects."""
    return TYPE + name.encode()


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = -719_162
_LAST_DAY: Final = 2_932_896


def day_of(micros: int) -> int:
    """The day of an instant, counted from the Unix epoch, within the years 1 to 9999."""
    return max(_FIRST_DAY, min(micros // DAY, _LAST_DAY))


@lru_cache(maxsize=4096)
def day_terms(kind: bytes, day: int) -> tuple[bytes, bytes, bytes]:
    """The terms for the year, the month and the day of something that has a date."""
    date = (_EPOCH + timedelta(days=day)).date().isoformat().encode()
    return kind + date[:4], kind + date[:7], kind + date


def days_between(kind: bytes, first: int, last: int) -> list[bytes]:
    """Return the fewest terms for all days from one to another, both included.

    >>> days_between(b"", day_of(1_767_225_600_000_000) - 1, day_of(1_767_225_600_000_000) + 31)
    [b'2025-12-31', b'2026-01', b'2026-02-01']
    """
    found: list[bytes] = []
    day = max(first, _FIRST_DAY)
    last = min(last, _LAST_DAY)
    while day <= last:
        date = (_EPOCH + timedelta(days=day)).date()
        year, month, one = day_terms(kind, day)
        if date.month == 1 and date.day == 1 and (end := _after(date.year + 1, 1)) <= last + 1:
            found.append(year)
            day = end
        elif date.day == 1 and (end := _after(date.year + date.month // 12, date.month % 12 + 1)) <= last + 1:
            found.append(month)
            day = end
        else:
            found.append(one)
            day += 1
    return found


def _after(year: int, month: int) -> int:
    return _LAST_DAY + 1 if year > 9999 else (datetime(year, month, 1, tzinfo=UTC) - _EPOCH).days


def terms_of(document: Document, kind: str, collection: int, dates: tuple[int, int], hash_of: Hash) -> list[Term]:
    """Return the terms of an entry; ``dates`` are the microseconds of its version and of its ``date_added``."""
    modified, added = dates
    return [
        *document.words,
        *map(name_term, document.names),
        *(hashed(EXACT, one, hash_of) for one in document.exact),
        *(hashed(REF, one, hash_of) for one in document.refs),
        *(hashed(MARK, one, hash_of) for one in set(document.marks)),
        *(() if document.creator is None else (hashed(BY, document.creator, hash_of),)),
        type_term(kind),
        tlp_term(level_of(document.marks)),
        place_term(collection),
        *day_terms(MODIFIED, day_of(modified)),
        *day_terms(ADDED, day_of(added)),
    ]


def parts_of(word: str) -> set[bytes]:
    """Return the terms by which a word is found by a part of it: three characters each. Numbers and the like have
    none, nor have very long words: they are found by their beginning.

    >>> sorted(parts_of("bayar"))
    [b'\\x0caya', b'\\x0cbay', b'\\x0cyar']
    """
    if not _SHORTEST_WITH_PARTS <= len(word) <= _LONGEST_WITH_PARTS or word.isdigit():
        return set()
    if len(word) >= _LONG_NUMBER and _HEXADECIMAL.issuperset(word):
        return set()
    return {GRAM + word[at : at + 3].encode() for at in range(len(word) - 2)}
