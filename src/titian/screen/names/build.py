"""From names to the arrays of a segment: words, where each occurs, and the ways to find a word by what is like it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from itertools import accumulate
from typing import Any, Final
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from titian.core.screening import HeldName, ValueKind
from titian.screen.names import customs, japanese
from titian.screen.names.parts import take_apart, together
from titian.screen.names.sounds import RULES, heard, kin
from titian.screen.names.sounds import keys as keys_of

Ints = NDArray[np.integer[Any]]
Segment = dict[str, NDArray[Any]]

PART_BITS: Final = 3
FORMS: Final = ("", "limited", "stock", "partners", "sole", "cv", "pt")
BASE: Final = 28
_PROBES: Final = ("Дмитрий Хрущёв", "عبد الله الشمري", "田中 花子", "สมชาย ใจดี", "김민수", "Djoko bin Tjahjo")
_encode: Final = msgspec.msgpack.Encoder().encode


def key(text: str) -> int:
    """Return what a key is found by: 32 bits, so that keys may fall together, which the score sorts out."""
    return crc32(text.encode())


def grams(sound: str) -> list[int]:
    """Return the numbers of the trigrams of a word, its first and last letter marked."""
    codes = [0, *(ord(c) - 96 if "a" <= c <= "z" else 27 for c in sound), 0]
    return [x * BASE * BASE + y * BASE + z for x, y, z in zip(codes, codes[1:], codes[2:], strict=False)]


@cache
def rules() -> int:
    """Return a number for the rules by which names are taken apart: other rules, or libraries, other segments."""
    told = [version(library) for library in ("anyascii", "thaiphon")]
    told += [str(japanese.can_read()), repr(RULES), repr(customs.PHRASES)]
    for table in (customs.FORMS, customs.GENERIC, customs.KOREAN, customs.ONE, customs.SHORT):
        told.append(repr(sorted(table.items())))
    for words in (customs.TITLES, customs.ARTICLES, customs.SONS, customs.DAUGHTERS, customs.SERVANT, customs.FILLERS):
        told.append(repr(sorted(words)))
    told += [repr(take_apart(name, kind)) for name in _PROBES for kind in (ValueKind.PERSON, ValueKind.ORGANISATION)]
    return crc32("\n".join(told).encode())


class Builder:
    """Takes names, and makes the arrays of a segment."""

    def __init__(self) -> None:
        self._words: dict[tuple[str, bool], int] = {}
        self._row_words = array("I")
        self._row_starts = array("I", [0])
        self._row_entry = array("I")
        self._row_about = array("H")
        self._wholes = array("I")
        self._numbers = array("q")
        self._blobs = bytearray()
        self._blob_starts = array("Q", [0])

    def add(self, held: HeldName, number: int) -> None:
        """Take a name. One without a letter or digit is kept out: nothing could find it."""
        names = [name for name in take_apart(held.name, held.kind) if name.words]
        if not names:
            return
        entry = len(self._numbers)
        self._numbers.append(number)
        self._blobs += _encode(held)
        self._blob_starts.append(len(self._blobs))
        organisation = held.kind is ValueKind.ORGANISATION
        for name in names:
            for word in name.words:
                number_of = self._words.setdefault((word.text, word.bare), len(self._words))
                self._row_words.append(number_of << PART_BITS | word.part)
            self._row_starts.append(len(self._row_words))
            self._row_entry.append(entry)
            self._row_about.append(organisation | name.script << 1 | FORMS.index(name.form) << 4)
            self._wholes.append(key(together(name.words)))

    def segment(self) -> Segment:
        """Return the arrays."""
        return {
            **words_of(list(self._words)),
            **_rows(_array(self._row_words), _array(self._row_starts), len(self._words)),
            "row_entry": _array(self._row_entry),
            "row_about": _array(self._row_about),
            **_sorted("whole", _array(self._wholes)),
            "numbers": _array(self._numbers),
            "blobs": np.frombuffer(bytes(self._blobs), np.uint8),
            "blob_starts": _array(self._blob_starts),
        }


def segment_of(names: Iterable[tuple[HeldName, int]]) -> Segment:
    """Return the arrays for names."""
    builder = Builder()
    for held, number in names:
        builder.add(held, number)
    return builder.segment()


def _array(values: Any) -> Ints:
    return np.array(values, dtype=np.dtype(values.typecode))


def _sorted(name: str, keys: Ints) -> Segment:
    order = np.argsort(keys, kind="stable")
    return {f"{name}_keys": keys[order].astype(np.uint32), f"{name}_at": order.astype(np.uint32)}


def words_of(words: Sequence[tuple[str, bool]]) -> Segment:
    """Return the arrays of a vocabulary: its texts, and its words by sound, by consonants, by class and by trigram."""
    texts = [text.encode() for text, _ in words]
    heards = [heard(text, bare) for text, bare in words]
    keys = [keys_of(sound) for sound in heards]
    sounding, kins = ([text.encode("ascii", "replace") for text in some] for some in (heards, map(kin, heards)))
    found: Segment = {
        "texts": np.frombuffer(b"".join(texts), np.uint8),
        "text_starts": _starts(map(len, texts)),
        "bare": np.array([bare for _, bare in words], np.uint8),
        "heards": np.frombuffer(b"".join(sounding), np.uint8),
        "heard_starts": _starts(map(len, sounding)),
        "kins": np.frombuffer(b"".join(kins), np.uint8),
        "kin_starts": _starts(map(len, kins)),
    }
    for name, of in (
        ("sound", [one.open for one in keys]),
        ("alike", [one.alike for one in keys]),
        ("bones", [one.bones for one in keys]),
        ("coarse", [one.coarse for one in keys]),
    ):
        found |= _sorted(name, np.array([key(text) for text in of], np.uint32))
    pairs = [(gram, at) for at, one in enumerate(keys) for gram in set(grams(one.open))]
    both = np.array(pairs, np.uint32).reshape(-1, 2)
    order = np.argsort(both[:, 0], kind="stable")
    found["gram_at"] = both[order, 1].copy()
    found["gram_starts"] = np.searchsorted(both[order, 0], np.arange(BASE**3 + 1)).astype(np.uint32)
    return found


def _starts(sizes: Iterable[int]) -> Ints:
    return np.fromiter(accumulate(sizes, initial=0), np.uint32)


def _rows(row_words: Ints, row_starts: Ints, words: int) -> Segment:
    """Return the rows with their words, and the rows of each word."""
    lengths = np.diff(row_starts)
    rows = np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths)
    numbers = row_words >> PART_BITS
    order = np.argsort(numbers, kind="stable")
    return {
        "row_words": row_words.astype(np.uint32),
        "row_starts": row_starts.astype(np.uint32),
        "row_lengths": np.minimum(lengths, 255).astype(np.uint8),
        "posts": rows[order],
        "post_starts": np.searchsorted(numbers[order], np.arange(words + 1)).astype(np.uint32),
    }


def merged(segments: Sequence[Segment]) -> Segment:
    """Return one segment with what several hold; nothing is taken apart again."""
    words: dict[tuple[str, bool], int] = {}
    columns: dict[str, list[Ints]] = {name: [] for name in ("row_words", "lengths", "entry", "whole", "blob_sizes")}
    entries = 0
    for segment in segments:
        texts, starts = segment["texts"].tobytes(), segment["text_starts"].tolist()
        new = np.fromiter(
            (words.setdefault((texts[a:b].decode(), bool(bare)), len(words))
             for a, b, bare in zip(starts, starts[1:], segment["bare"].tolist(), strict=False)), np.uint32)  # fmt: skip
        old = segment["row_words"]
        columns["row_words"].append(new[old >> PART_BITS] << PART_BITS | old & (1 << PART_BITS) - 1)
        columns["lengths"].append(np.diff(segment["row_starts"]))
        columns["entry"].append(segment["row_entry"] + np.uint32(entries))
        whole = np.empty(len(segment["row_entry"]), np.uint32)
        whole[segment["whole_at"]] = segment["whole_keys"]
        columns["whole"].append(whole)
        columns["blob_sizes"].append(np.diff(segment["blob_starts"]))
        entries += len(segment["numbers"])
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return {
        **words_of(list(words)),
        **_rows(joined["row_words"], _summed(joined["lengths"], np.uint32), len(words)),
        "row_entry": joined["entry"],
        "row_about": np.concatenate([segment["row_about"] for segment in segments]),
        **_sorted("whole", joined["whole"]),
        "numbers": np.concatenate([segment["numbers"] for segment in segments]),
        "blobs": np.concatenate([segment["blobs"] for segment in segments]),
        "blob_starts": _summed(joined["blob_sizes"], np.uint64),
    }


def _summed(sizes: Ints, kind: Any) -> Ints:
    return np.concatenate([np.zeros(1, kind), np.cumsum(sizes, dtype=kind)])
