"""Sets of tags: what is coded is read again, what is found is in it, and nothing else is taken."""

from __future__ import annotations

from hashlib import sha512

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput, TooLarge
from titian.screen.private import tags


def outputs(count: int, name: str = "held") -> list[bytes]:
    return [sha512(f"{name} {one}".encode()).digest() for one in range(count)]


def tagged(count: int, asked: int = 1000) -> tuple[tags.TagSet, list[bytes], list[int]]:
    size, found = tags.width(count, asked), outputs(count)
    kept, order = tags.arranged(*tags.cut(found, size), size)
    return kept, found, order.tolist()


@given(st.integers(0, 300), st.integers(1, tags.MOST_ASKED))
def test_a_set_is_read_as_it_was_written(count: int, asked: int) -> None:
    kept, found, order = tagged(count, asked)
    data = kept.encode()
    assert len(data) == tags.coded_size(count, kept.size)
    again = tags.decode(data, count, kept.size)
    assert again.encode() == data
    assert [order[at] for at in again.find(found).tolist()] == list(range(count))
    assert set(again.find(outputs(50, "other")).tolist()) <= {-1}


def test_a_large_set_is_read_as_it_was_written() -> None:
    kept, found, order = tagged(150_001)
    again = tags.decode(kept.encode(), 150_001, kept.size)
    assert np.array_equal(np.array(order)[again.find(found)], np.arange(150_001))


@given(st.integers(1, tags.MOST_OFFERED), st.integers(1, tags.MOST_ASKED))
def test_a_false_hit_in_a_run_is_as_rare_as_promised(offered: int, asked: int) -> None:
    size = tags.width(offered, asked)
    assert offered * asked <= 2 ** (size.high + size.low - tags.SURE)
    assert size.low <= 64


def test_a_set_takes_few_bytes() -> None:
    assert tags.coded_size(100_000, tags.width(100_000, 100_000)) < 7.5 * 100_000


@pytest.mark.parametrize(("offered", "asked"), [(tags.MOST_OFFERED + 1, 1), (1, tags.MOST_ASKED + 1), (1, 0)])
def test_sizes_have_bounds(offered: int, asked: int) -> None:
    with pytest.raises(TooLarge):
        tags.width(offered, asked)


def test_a_damaged_set_is_refused_or_another_set() -> None:
    """No bit of it may be changed and be read as the same; nothing is read that would be written otherwise."""
    kept, _, _ = tagged(21)
    data = kept.encode()
    refused = 0
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << (bit % 8)
        try:
            again = tags.decode(bytes(changed), 21, kept.size)
        except InvalidInput:
            refused += 1
        else:
            assert again.encode() == bytes(changed)
    assert refused > 50
    for wrong in (data[:-1], data + b"\x00", b""):
        with pytest.raises(InvalidInput, match="bytes"):
            tags.decode(wrong, 21, kept.size)


def test_tags_that_are_not_random_are_refused() -> None:
    size = tags.width(1000, 1000)
    same = [bytes(64)] * 1000
    with pytest.raises(InvalidInput, match="begin alike"):
        tags.arranged(*tags.cut(same, size), size)
