"""Finding names in one segment: like words first, then the rows in which they stand together, then the score.

Like words come from the words of the same sound, of the same consonants, and of shared trigrams, rarest first. The rows
of the rarest words are looked through first; those of a word that very many names have are only looked at where
another word led.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from titian.core.screening import HeldName, ValueKind
from titian.screen.names.build import FORMS, PART_BITS, Segment, grams, key
from titian.screen.names.parts import Name, Part, Word, together
from titian.screen.names.score import LEAST, Likeness, likeness, sounds_alike, weight
from titian.screen.names.scripts import Script
from titian.screen.names.sounds import heard, keys_with

_PARTS: Final = tuple(Part)
_MASK: Final = (1 << PART_BITS) - 1
_GRAMS: Final = 4_000
"""Entries of trigram lists that are counted for a word."""
_SOME, _MANY = 40, 200
"""Words that share trigrams, few enough to ask for fewer shared ones, and the most that are compared."""
_NEAREST: Final = 24
"""Words that share trigrams and are looked at closely."""
_LIKE: Final = 24
"""Words that are taken for like a word at most."""
_ROWS: Final = 60_000
"""Rows of a query's words that are counted up; further words are looked up in what was found."""
SCORED: Final = 48
"""Rows that are scored for a query at most."""
_REMEMBERED: Final = 4_096
_KEPT: Final = 2_000_000
"""Rows of words that were asked for lately and are kept at hand: 16 MB."""
_FIRST: Final = np.ones(1, np.bool_)
_decode: Final = msgspec.msgpack.Decoder(HeldName).decode


class Like(NamedTuple):
    """The rows that have a word like a word, and how much like it; rows of several such words come several times."""

    rows: NDArray[np.uint32]
    alike: NDArray[np.float32]


class Lookup:
    """One segment, ready to be asked. It may be asked by several threads."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        # The vocabulary as text, and of what is read most, how words sound, each word: mapped bytes are much slower.
        self._texts = {name: segment[f"{name}s"].tobytes().decode("ascii") for name in ("text", "kin", "heard")}
        self._heard = np.array(self._strings("heard", np.arange(len(segment["bare"]))), object)
        del self._texts["heard"]
        self._like: OrderedDict[tuple[str, bool], Like] = OrderedDict()
        self._kept = 0
        self._some_bare = bool(segment["bare"].any())
        self._words: OrderedDict[int, Word] = OrderedDict()
        self._lock = threading.Lock()
        self._own = threading.local()

    @property
    def arrays(self) -> Segment:
        """What it reads."""
        return self._segment

    @property
    def rows(self) -> int:
        """How many readings of names there are."""
        return len(self._segment["row_entry"])

    @property
    def entries(self) -> int:
        """How many names there are."""
        return len(self._segment["numbers"])

    def held(self, entry: int) -> tuple[HeldName, int]:
        """Return a name as it is held, and its number."""
        start, end = self._segment["blob_starts"][entry : entry + 2].tolist()
        return _decode(self._segment["blobs"][start:end].tobytes()), int(self._segment["numbers"][entry])

    def find(self, name: Name, threshold: float, kind: ValueKind | None) -> Iterator[tuple[int, int, Likeness]]:
        """Yield entries, not in order and perhaps more than once, each with the row that was found, and with how alike
        they are: at least ``threshold``."""
        if not name.words or not self.rows:
            return
        found = self._candidates(name, threshold)
        for row in found.tolist():
            about = int(self._segment["row_about"][row])
            if kind is not None and (kind is ValueKind.ORGANISATION) is not bool(about & 1):
                continue
            alike = likeness(name, self._name(row, about), threshold)
            if alike.score >= threshold:
                yield int(self._segment["row_entry"][row]), row, alike

    def name(self, row: int) -> Name:
        """Return a reading of a name as it was compared."""
        return self._name(row, int(self._segment["row_about"][row]))

    def _name(self, row: int, about: int) -> Name:
        start, end = self._segment["row_starts"][row : row + 2].tolist()
        words = tuple(self._word(word) for word in self._segment["row_words"][start:end].tolist())
        kind = ValueKind.ORGANISATION if about & 1 else ValueKind.PERSON
        return Name(kind, words, Script(about >> 1 & 7), FORMS[about >> 4], "\0")

    def _word(self, packed: int) -> Word:
        word = self._words.get(packed)
        if word is None:
            at = packed >> PART_BITS
            (text,) = self._strings("text", np.array([at]))
            word = Word(text, bool(self._segment["bare"][at]), _PARTS[packed & _MASK])
            if len(self._words) > 4 * _REMEMBERED:
                self._words.clear()
            self._words[packed] = word
        return word

    def _strings(self, name: str, at: NDArray[Any]) -> list[str]:
        """Return what is written of words (``text``), or further keys of how they sound (``kin``)."""
        starts, texts = self._segment[f"{name}_starts"], self._texts[name]
        return [texts[a:b] for a, b in zip(starts[at].tolist(), starts[at + 1].tolist(), strict=True)]

    # Like words

    def like(self, word: Word) -> Like:
        """Return the words that are like a word."""
        asked = (word.text, word.bare)
        with self._lock:
            found = self._like.get(asked)
            if found is not None:
                self._like.move_to_end(asked)
                return found
        found = self._look(word)
        with self._lock:
            self._like[asked] = found
            self._kept += len(found.rows)
            while self._kept > _KEPT and len(self._like) > 1:
                self._kept -= len(self._like.popitem(last=False)[1].rows)
        return found

    def _look(self, word: Word) -> Like:
        keys, sound = word.keys, heard(word.text, word.bare)
        same = {int(at) for name, of in (("sound", keys.open), ("alike", keys.alike)) for at in self._of(name, of)}
        like = [np.fromiter(same, np.uint32, len(same)), self._of("bones", keys.bones), self._sharing(keys.open)]
        if word.bare or self._some_bare:
            # Between a word with its vowels and one without, the consonants alone decide, so none of these may be lost
            # among words that sound more alike.
            kin = np.concatenate([self._of("bones", keys.bones), self._of("coarse", keys.coarse)])
            like[0] = np.concatenate([like[0], kin[self._segment["bare"][kin] != word.bare][: 2 * _NEAREST]])
        words = np.unique(np.concatenate(like))
        heards = self._heard[words].tolist()
        near = process.extract(
            sound, heards, scorer=OSA.normalized_similarity, processor=None, limit=_NEAREST,
            score_cutoff=0.3 if word.bare else 0.5,
        )  # fmt: skip
        chosen = sorted({at for _, _, at in near} | set(np.searchsorted(words, like[0]).tolist()))
        found = words[chosen]
        bares = self._segment["bare"][found].tolist()
        scored = []
        for at, number, text, kinds, bare in zip(
            chosen, found.tolist(), self._strings("text", found), self._strings("kin", found), bares, strict=True
        ):
            other = keys_with(heards[at], *kinds.split(" "))
            alike = sounds_alike(word.text, word.bare, keys, text, bool(bare), other)
            if alike >= LEAST:
                scored.append((number, alike))
        scored.sort(key=lambda one: one[1])
        return self._rows_of(scored[-_LIKE:])

    def _rows_of(self, scored: list[tuple[int, float]]) -> Like:
        """Return the rows of words, the words least alike first: of what a row has twice, the better counts."""
        posts, starts = self._segment["posts"], self._segment["post_starts"]
        spans = [(int(starts[at]), int(starts[at + 1])) for at, _ in scored]
        if not spans:
            return Like(np.empty(0, np.uint32), np.empty(0, np.float32))
        if len(spans) == 1:
            rows = posts[spans[0][0] : spans[0][1]]
        else:
            rows = np.concatenate([posts[start:end] for start, end in spans])
        sizes = [end - start for start, end in spans]
        return Like(rows, np.repeat(np.array([alike for _, alike in scored], np.float32), sizes))

    def _of(self, name: str, of: str) -> NDArray[Any]:
        keys = self._segment[f"{name}_keys"]
        wanted = np.uint32(key(of))
        start = int(keys.searchsorted(wanted))
        end = int(keys.searchsorted(wanted, "right"))
        return self._segment[f"{name}_at"][start:end]

    def _sharing(self, sound: str) -> NDArray[Any]:
        """Return words that share trigrams with a sound, counting the rarest trigrams first."""
        starts, listed = self._segment["gram_starts"], self._segment["gram_at"]
        spans = sorted(((int(starts[gram]), int(starts[gram + 1])) for gram in set(grams(sound))),
                       key=lambda span: span[1] - span[0])  # fmt: skip
        taken: list[NDArray[Any]] = []
        total = 0
        for start, end in spans:
            if end == start:
                continue
            if taken and total + end - start > _GRAMS:
                break
            taken.append(listed[start : min(end, start + 4 * _GRAMS)])
            total += end - start
        if not taken:
            return np.empty(0, np.uint32)
        # Stable: each list is in order already, and short numbers are sorted by their digits.
        entries = np.concatenate(taken).astype(np.uint16 if len(self._segment["bare"]) <= 1 << 16 else np.uint32)
        entries.sort(kind="stable")
        for least in (4, 3, 2, 1):
            # In order, a word that shares so many stands that many places after itself.
            words = entries[least - 1 :][entries[least - 1 :] == entries[: len(entries) - least + 1]]
            if least > 1 and len(words):
                words = words[np.concatenate([_FIRST, words[1:] != words[:-1]])]
            if len(words) >= _SOME or least <= (2 if len(taken) > 3 else 1):
                break
        found: NDArray[Any] = words[:_MANY].astype(np.uint32)
        return found

    # Rows

    def _counts(self) -> NDArray[np.float32]:
        counts: NDArray[np.float32] | None = getattr(self._own, "counts", None)
        if counts is None:
            counts = self._own.counts = np.zeros(self.rows, np.float32)
        return counts

    def _candidates(self, name: Name, threshold: float) -> NDArray[Any]:
        words = [(self.like(word), weight(word)) for word in name.words]
        asked = sum(much for _, much in words)
        words = sorted((one for one in words if len(one[0].rows)), key=lambda one: len(one[0].rows))
        whole = self._whole(name)
        if not words:
            return whole[:SCORED]
        counts = self._counts()
        touched: list[NDArray[Any]] = []
        total = 0
        for like, much in words:
            if touched and total + len(like.rows) > _ROWS:
                # So many rows have this word that it is only looked up in those that are found already.
                kept = counts[like.rows] > 0
                counts[like.rows[kept]] += much * like.alike[kept]
                continue
            total += len(like.rows)
            counts[like.rows] += much * like.alike
            touched.append(like.rows)
        rows = touched[0] if len(touched) == 1 else np.concatenate(touched)
        said = counts[rows]
        counts[rows] = 0.0
        return self._best(rows, said, asked, len(name.words), threshold, whole)

    def _best(
        self, rows: NDArray[Any], said: NDArray[np.float32], asked: float, length: int, threshold: float,
        whole: NDArray[Any],
    ) -> NDArray[Any]:  # fmt: skip
        """Return the rows that can reach the threshold, the likeliest first, each once."""
        # What was asked for and not found was left out, or is another name where the row has a word in its place.
        # The least share of what was asked that a row must have, if all the rest was left out.
        share = 0.18 * (threshold - 0.04) / (1 - (threshold - 0.04) * (1 - 0.18))
        can = said >= share * asked
        rows, said = rows[can], said[can]
        lengths = self._segment["row_lengths"][rows].astype(np.float32)
        missing = np.maximum(asked - said, 0.0)
        more = lengths - length
        cost = np.where(more >= 0, 0.75 * missing, 0.18 * missing)
        likely = said / (said + cost + 0.05 * np.abs(more) + 1e-6)
        can = likely >= threshold - 0.1
        rows, likely = rows[can], likely[can]
        if len(rows) > 4 * SCORED:
            top = np.argpartition(-likely, 4 * SCORED)[: 4 * SCORED]
            rows, likely = rows[top], likely[top]
        rows = rows[np.argsort(-likely, kind="stable")]
        if len(whole):
            rows = np.concatenate([whole, rows])
        return np.fromiter(dict.fromkeys(rows.tolist()), np.int64)[:SCORED]

    def _whole(self, name: Name) -> NDArray[Any]:
        """Return rows that sound the same with nothing between the words, the first or the last word moved too."""
        words = name.words
        if len(words) > 5:
            return np.empty(0, np.uint32)
        turned = (words, words[1:] + words[:1], words[-1:] + words[:-1]) if len(words) > 1 else (words,)
        wanted = np.array([key(together(one)) for one in turned], np.uint32)
        keys, listed = self._segment["whole_keys"], self._segment["whole_at"]
        starts, ends = keys.searchsorted(wanted).tolist(), keys.searchsorted(wanted, "right").tolist()
        found = [listed[start:end] for start, end in zip(starts, ends, strict=True) if start < end]
        if not found:
            return np.empty(0, np.uint32)
        return np.unique(np.concatenate(found))[:SCORED]
