"""The words of an object, as they are searched: for every script, with or without spaces between words.

Text is compared without regard to case, width, diacritics, invisible characters and the ways of writing an address
safely. Where a script puts spaces between words, a word is a run of letters and digits. Where it does not (Thai,
Japanese, Chinese, Korean's particles, Lao, Burmese, Khmer), each character and each pair of neighbours is one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from titian.core.mentions import plain
from titian.core.stix import is_identifier

LONGEST_WORD: Final = 64
"""Characters of a word that are kept: a longer one is found by its first ones."""
_MOST_TEXT: Final = 2_000_000
_MOST_STRINGS: Final = 20_000
MOST_WORDS: Final = 30_000
"""Different words of one object that are kept, those of its names first."""
_MOST_EXACT: Final = 256
_LONGEST_EXACT: Final = 4096

_UNSPACED: Final = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff\u3400-\u9fff\uac00-\ud7af"
    "\U00020000-\U0003ffff"
)
_MARKS: Final = "\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0980-\u09e3\u0a00-\u0dff\u0f71-\u0fbc"
"""Vowel signs and the like, which Python does not count among the characters of words."""
_SPACED_RUN: Final = rf"[^\W_{_UNSPACED}]+(?:[{_MARKS}]+[^\W_{_UNSPACED}]*)*"
_find_ascii: Final = re.compile(f"[a-z0-9]{{1,{LONGEST_WORD}}}").findall
_find_any: Final = re.compile(rf"{_SPACED_RUN}|[{_UNSPACED}]+").findall
_is_unspaced: Final = re.compile(f"[{_UNSPACED}]").match
_unsaid: Final = re.compile("[\u0300-\u036f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+")
"""Diacritics once they stand by themselves, and what is not seen: joiners, directions, variants."""
_LETTERS: Final = str.maketrans({"đ": "d", "ł": "l", "ø": "o", "\u0131": "i", "ħ": "h", "ŧ": "t"})
"""Letters with a stroke or without a dot, which Unicode does not take apart."""


def folded(text: str) -> str:
    """Return a text as it is searched.

    >>> folded("Đặc biệt  hxxp://EVIL[.]example"), folded("Вымогатель Ёж")
    ('dac biet  http://evil.example', 'вымогатель еж')
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", _unsaid.sub("", unicodedata.normalize("NFKD", text)))
    text = plain(text)
    return text if text.isascii() else text.translate(_LETTERS)


def runs(text: str) -> list[str]:
    """Return the words of a folded text in order, those of unspaced scripts as whole runs.

    >>> runs("apt29による攻撃, 198.51.100.3")
    ['apt29', 'による攻撃', '198', '51', '100', '3']
    """
    return _find_ascii(text) if text.isascii() else _find_any(text)


def is_unspaced(run: str) -> bool:
    """Whether a run is of a script that puts no space between words."""
    return _is_unspaced(run) is not None


def grams(run: str) -> set[str]:
    """Return the characters, and the pairs of neighbours, of a run of an unspaced script.

    >>> sorted(grams("攻撃者"))
    ['撃', '撃者', '攻', '攻撃', '者']
    """
    return {*run, *(run[at : at + 2] for at in range(len(run) - 1))}


def words(text: str) -> set[str]:
    """Return the words by which a folded text is found.

    >>> sorted(words("apt29 攻撃 apt29"))
    ['apt29', '撃', '攻', '攻撃']
    """
    if text.isascii():
        return set(_find_ascii(text))
    found: set[str] = set()
    for run in set(_find_any(text)):
        if run.isascii() or not _is_unspaced(run):
            found.add(run if len(run) <= LONGEST_WORD else run[:LONGEST_WORD])
        else:
            found |= grams(run)
    return found


_NAMES: Final = (
    "name", "value", "display_name", "account_login", "user_id", "abstract", "path", "subject", "key", "opinion",
    "serial_number", "statement", "pattern", "relationship_type", "content", "description", "address", "iban", "hash",
    "registration", "remote_id", "contract", "number",
)  # fmt: skip
"""Where an object says what it is called, the best first."""
_WITH_IT: Final = {"contract": "token_id", "value": "currency"}
"""What else belongs to a name: the number in a contract, the currency of an amount."""
_NAMING: Final = frozenset(
    {"name", "value", "display_name", "account_login", "user_id", "path", "subject", "key", "aliases",
     "x_mitre_aliases", "external_id", "number", "address", "username", "iban", "hash", "contract", "token_id",
     "serial_number", "registration", "remote_id", "operator_id", "holder"}
)  # fmt: skip
"""Properties whose values are names, at the top of an object and in its external references."""
_UNSAID: Final = frozenset(
    {"id", "type", "spec_version", "created", "modified", "lang", "object_marking_refs", "granular_markings",
     "created_by_ref", "extension_type", "defanged", "revoked", "pattern_type", "pattern_version", "schema"}
)  # fmt: skip
"""Properties that say how an object is written, not what about."""
_is_instant: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d").match
_literals: Final = re.compile(r"'((?:[^'\\]|\\.)+)'").findall
_escape: Final = re.compile(r"\\(.)")
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Document(msgspec.Struct, gc=False):
    """What of an object is searched. ``words`` has those of its ``names`` too; ``exact`` are folded values by which it
    is known as a whole; ``refs`` is what it refers to, but for its creator and its markings."""

    words: set[str]
    names: set[str]
    exact: set[str]
    refs: set[str]
    marks: tuple[str, ...]
    creator: str | None


def decoded(raw: bytes) -> dict[str, Any]:
    """Return an object as it is held, an empty one where it cannot be read: it is held all the same."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def read_document(value: dict[str, Any]) -> Document:
    """Return what of an object is searched. Nothing in it makes this fail; very long texts count up to a bound.

    >>> one = read_document({"type": "malware", "id": "malware--1", "name": "Dark Bridge", "labels": ["gelap"]})
    >>> sorted(one.words), sorted(one.names), one.exact
    (['bridge', 'dark', 'gelap'], ['bridge', 'dark'], {'dark bridge'})
    """
    named: list[str] = []
    said: list[str] = []
    refs: set[str] = set()
    for key, text in strings(value):
        if is_identifier(text):
            if key.endswith(("_ref", "_refs")):
                refs.add(text)
        elif key in _NAMING:
            named.append(text)
        else:
            said.append(text)
    exact = {folded(one.strip()) for one in named[:_MOST_EXACT] if len(one) <= _LONGEST_EXACT}
    pattern = value.get("pattern")
    if isinstance(pattern, str):
        literals = _literals(pattern)[:_MOST_EXACT]
        exact.update(folded(_escape.sub(r"\1", one)) for one in literals if len(one) <= _LONGEST_EXACT)
    hashes = value.get("hashes")
    if isinstance(hashes, dict):
        exact.update(one.casefold() for one in hashes.values() if isinstance(one, str) and len(one) <= _LONGEST_EXACT)
    exact.discard("")
    names = words(folded("\n".join(named)))
    every = words(folded("\n".join(said)))
    if len(names) + len(every) > MOST_WORDS:
        names = set(sorted(names)[:MOST_WORDS])
        every = set(sorted(every)[: MOST_WORDS - len(names)])
    marks = value.get("object_marking_refs")
    creator = value.get("created_by_ref")
    return Document(
        every | names, names, exact, refs,
        tuple(one for one in marks if isinstance(one, str)) if isinstance(marks, list) else (),
        creator if isinstance(creator, str) else None,
    )  # fmt: skip


def strings(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the texts that an object says something with, and the property that each stands in; identifiers too.

    In order, as many as a bound allows.
    """
    room, count = _MOST_TEXT, 0
    waiting: list[tuple[str, Any]] = [(key, one) for key, one in reversed(value.items()) if key not in _UNSAID]
    while waiting:
        key, one = waiting.pop()
        if isinstance(one, str):
            if one and not _is_instant(one):
                yield key, one if len(one) <= room else one[:room]
                room -= len(one)
                count += 1
                if room <= 0 or count >= _MOST_STRINGS:
                    return
        elif isinstance(one, list):
            waiting += [(key, each) for each in reversed(one) if isinstance(each, str | list | dict)]
        elif isinstance(one, dict):
            waiting += [
                (name, each)
                for name, each in reversed(one.items())
                if name not in _UNSAID and isinstance(each, str | list | dict)
            ]


def said(value: dict[str, Any]) -> list[str]:
    """Return the texts of an object that are searched, its name first."""
    found = [text for key, text in strings(value) if not is_identifier(text)]
    name = value.get("name")
    if isinstance(name, str) and name in found:
        found.remove(name)
        found.insert(0, name)
    return found


def title_of(value: dict[str, Any]) -> str:
    """Return what to call an object, on one line of at most 200 characters; its type where it says nothing.

    >>> title_of({"type": "ipv4-addr", "value": "198.51.100.3"}), title_of({"type": "file", "hashes": {"MD5": "ab"}})
    ('198.51.100.3', 'ab')
    """
    for name in _NAMES if value.get("type") != "transfer" else ("hash", *_NAMES):
        text = value.get(name)
        if isinstance(text, str) and text.strip():
            more = value.get(_WITH_IT.get(name, ""))
            return one_line(f"{text} {more}" if isinstance(more, str) else text, 200)
    for name in ("hashes", "definition"):
        inner = value.get(name)
        if isinstance(inner, dict):
            found = next((text for text in inner.values() if isinstance(text, str) and text.strip()), None)
            if found is not None:
                return one_line(found, 200)
    url = value.get("url")
    if isinstance(url, str) and url.strip():
        return one_line(url, 200)
    kind = value.get("type")
    return kind if isinstance(kind, str) and kind else "?"


_ENDS: Final = {
    "relationship": ("source_ref", "target_ref"),
    "sighting": ("sighting_of_ref",),
    "language-content": ("object_ref",),
}


NAMED_BY_OTHERS: Final = frozenset(_ENDS)
"""Types of objects that have no name of their own."""


def ends_of(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the objects without which an object has no name of its own: a relationship's two, a sighting's one."""
    found = (value.get(name) for name in _ENDS.get(str(value.get("type")), ()))
    return tuple(one for one in found if isinstance(one, str) and is_identifier(one))


def title_between(title: str, ends: Sequence[str]) -> str:
    """Return what to call an object that is named by others: ``ends`` are their names.

    >>> title_between("uses", ["Group", "Tool"]), title_between("sighting", ["Tool"])
    ('Group → uses → Tool', 'Tool')
    """
    if len(ends) == 2:
        return f"{one_line(ends[0], 90)} → {title} → {one_line(ends[1], 90)}"
    return ends[0] if ends else title


def one_line(text: str, most: int) -> str:
    """Return the beginning of a text on one line."""
    short = " ".join(text[: most * 4].split())
    return short if len(short) <= most else short[: most - 1] + "…"
