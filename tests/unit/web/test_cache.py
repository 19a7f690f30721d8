"""What a worker keeps to send again: bounded by bytes, the least recently used out first; and how it is packed."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from titian.web.cache import Answer, AnswerCache, compress, encoding_for


def answer(size: int) -> Answer:
    return Answer(bytes(size), ())


def test_what_was_put_is_got() -> None:
    cache = AnswerCache(100)
    one = answer(10)
    cache.put("a", one)
    assert cache.get("a") is one
    assert cache.get("b") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = AnswerCache(40)
    for name in "abcd":
        cache.put(name, answer(10))
    assert cache.get("a") is not None
    cache.put("e", answer(10))
    assert [name for name in "abcde" if cache.get(name)] == ["a", "c", "d", "e"]


@pytest.mark.parametrize(("size", "kept"), [(0, True), (24, True), (25, True), (26, False), (100, False), (101, False)])
def test_one_answer_does_not_push_out_all_others(size: int, kept: bool) -> None:
    cache = AnswerCache(100)
    cache.put("small", answer(1))
    cache.put("a", answer(size))
    assert (cache.get("a") is not None) is kept
    assert cache.get("small") is not None


def test_a_cache_of_nothing_keeps_nothing() -> None:
    cache = AnswerCache(0)
    cache.put("a", answer(1))
    assert cache.get("a") is None


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), max_size=60), st.integers(1, 120))
def test_never_more_bytes_than_allowed(puts: list[tuple[int, int]], most: int) -> None:
    cache = AnswerCache(most)
    for name, size in puts:
        cache.put(name, answer(size))
        held = [found for other in range(13) if (found := cache.get(other)) is not None]
        assert sum(len(found.body) for found in held) <= most
        assert size * 4 > most or cache.get(name) is not None


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
