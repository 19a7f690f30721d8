"""What a worker keeps to send again: bounded by bytes, the least recently used out first; and how it is packed."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from titian.web.cache import Answer, AnswerCache, compress, encoding_for

BESIDE = 2048
"""What an entry counts beside its body, so that many small answers cannot take more memory than was allowed."""


def answer(size: int) -> Answer:
    return Answer(bytes(size), {"content-type": "x"})


def test_what_was_put_is_got() -> None:
    cache = AnswerCache(100 * BESIDE)
    one = answer(10)
    cache.put("a", one)
    assert cache.get("a") is one
    assert cache.get("b") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = AnswerCache(4 * (BESIDE + 10))
    for name in "abcd":
        cache.put(name, answer(10))
    assert cache.get("a") is not None
    cache.put("e", answer(10))
    assert [name for name in "abcde" if cache.get(name)] == ["a", "c", "d", "e"]


def test_what_is_put_again_counts_once() -> None:
    cache = AnswerCache(4 * (BESIDE + 10))
    for name in "aaaaabcd":
        cache.put(name, answer(10))
    assert [name for name in "abcd" if cache.get(name)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("size", "kept"), [(0, True), (24, True), (25, True), (26, False), (100, False), (10_000_000, False)]
)
def test_one_answer_does_not_push_out_all_others(size: int, kept: bool) -> None:
    cache = AnswerCache(4 * (BESIDE + 25))
    cache.put("small", answer(1))
    cache.put("a", answer(size))
    assert (cache.get("a") is not None) is kept
    assert cache.get("small") is not None


@pytest.mark.parametrize("most", [0, 1, BESIDE, 4 * BESIDE - 1])
def test_a_cache_of_nearly_nothing_keeps_nothing(most: int) -> None:
    cache = AnswerCache(most)
    cache.put("a", answer(0))
    assert cache.get("a") is None


def test_small_answers_are_not_free() -> None:
    """Empty pages under a hundred thousand keys would be hundreds of megabytes of keys and headers."""
    cache = AnswerCache(100 * BESIDE)
    for number in range(1000):
        cache.put(str(number), answer(0))
    assert [cache.get(str(number)) is not None for number in range(1000)] == [False] * 900 + [True] * 100


@given(
    st.lists(st.tuples(st.integers(0, 12).map(str), st.integers(0, 40).map(lambda n: n * 100)), max_size=60),
    st.integers(1, 12 * BESIDE),
)
def test_never_more_bytes_than_allowed(puts: list[tuple[str, int]], most: int) -> None:
    cache = AnswerCache(most)
    first: dict[str, int] = {}
    for name, size in puts:
        if cache.get(name) is None:
            first[name] = size
        cache.put(name, answer(size))
        held = {other: found for other in map(str, range(13)) if (found := cache.get(other)) is not None}
        assert sum(len(found.body) + BESIDE for found in held.values()) <= most
        assert all(len(found.body) == first[other] for other, found in held.items()), "an ETag names one answer"
        assert (size + BESIDE) * 4 > most or name in held


@pytest.mark.parametrize(
    ("accept_encoding", "chosen"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP", "gzip"),
        ("gzip;q=0.5", "gzip"),
        ("gzip ; q=0.001", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("zstd;q=0.1, gzip", "gzip"),
        ("zstd;q=0.5, gzip;q=0.5", "zstd"),
        ("gzip;q=0.9, zstd;q=0.8", "gzip"),
        ("gzip;q=nan", None),
        ("gzip;q=often, zstd;q=0.1", "zstd"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0.4, gzip;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0", None),
        ("gzip;q=0.0", None),
        ("gzip;q=0.000", None),
        ("gzip;Q=0", None),
        ("identity", None),
        ("br, deflate", None),
        ("xgzip", None),
        ("identity;q=0", None),
    ],
)
def test_encoding_is_what_was_asked_for(accept_encoding: str, chosen: str | None) -> None:
    """RFC 9110 sections 12.4.2 and 12.5.3: q=0 means not acceptable, with as many zeros as one likes."""
    assert encoding_for(accept_encoding) == chosen


@given(st.text(max_size=40))
def test_any_header_is_read(accept_encoding: str) -> None:
    assert encoding_for(accept_encoding) in {None, "gzip", "zstd"}


@given(st.binary(max_size=2000))
def test_what_is_compressed_is_the_same(body: bytes) -> None:
    assert gzip.decompress(compress(body, "gzip")) == body
    assert zstandard.ZstdDecompressor().decompress(compress(body, "zstd")) == body
    assert compress(body, "gzip") == compress(body, "gzip"), "no time of day in it: the ETag covers it"
