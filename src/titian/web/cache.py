"""Answers that were just sent, kept in memory to be sent again: bounded by bytes, least recently used out first."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from functools import lru_cache
from typing import Final

import msgspec
import zstandard

from titian.core.ledger import digest_over

Headers = dict[str, str]


class Handed(msgspec.Struct):
    """What an answer hands over: ``date_added`` of its ends, and how many objects. ``what`` are the digests of these
    objects, or the body where it does not hold the objects themselves, until somebody has asked for the digest."""

    first: int
    last: int
    count: int
    what: bytes
    known: bytes | None = None

    def digest(self) -> bytes:
        """The digest of what is handed over, worked out once."""
        if self.known is None:
            self.known = digest_over(self.what)
            self.what = b""
        return self.known


class Answer(msgspec.Struct, frozen=True):
    """A body with the headers that belong to it, and what it hands over where that has to be remembered."""

    body: bytes
    headers: Headers
    handed: Handed | None = None


class AnswerCache:
    """Answers by their entity tag, which names everything they depend on, the generation of the collection too."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._held: OrderedDict[str, Answer] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> Answer | None:
        """The answer under a key."""
        answer = self._held.get(key)
        if answer is not None:
            self._held.move_to_end(key)
        return answer

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer, unless it alone would fill a quarter of the cache."""
        size = len(answer.body) + _BESIDE
        if size * 4 > self._max or key in self._held:
            return
        self._held[key] = answer
        self._bytes += size
        while self._bytes > self._max:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= len(oldest.body) + _BESIDE


_BESIDE: Final = 2048
"""Bytes that an entry takes beside its body: key, headers, objects."""

COMPRESS_FROM: Final = 512
"""Bytes from which compressing an answer is worth its header."""
_GZIP_LEVEL: Final = 1
_ZSTD_LEVEL: Final = 3


@lru_cache(maxsize=256)
def encoding_for(accept_encoding: str) -> str | None:
    """Choose zstd or gzip when the reader asks for it, by its weights (RFC 9110 section 12.5.3).

    >>> encoding_for("gzip, deflate, zstd"), encoding_for("gzip;q=0.0"), encoding_for("zstd;q=0.1, gzip")
    ('zstd', None, 'gzip')
    """
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameter = part.partition(";")
        label, _, value = parameter.strip().partition("=")
        try:
            weights[name.strip()] = float(value) if label.strip() == "q" else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    wanted = [name for name in ("zstd", "gzip") if weights.get(name, 0) > 0]
    return max(wanted, key=lambda name: weights[name], default=None)


def compress(body: bytes, encoding: str) -> bytes:
    """Compress a body, quickly rather than tightly."""
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)
    return gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)
