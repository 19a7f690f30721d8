"""Exact search of image hashes: always the same answer as comparing each with each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.screen.media import index as index_module
from titian.screen.media import segment
from titian.screen.media.index import Found, HammingIndex
from titian.screen.media.words import Words, distances, read_hashes, write_hashes

Rows = list[tuple[int, int, int]]


def rows(found: Found) -> Rows:
    return [(int(which), int(number), int(distance)) for which, number, distance in zip(*found, strict=True)]


def brute(held: Words, numbers: list[int], asked: Words, distance: int) -> Rows:
    far = distances(asked, held)
    near = {(int(a), int(far[a, h]), numbers[h]) for a, h in np.argwhere(far <= distance)}
    return [(which, number, apart) for which, apart, number in sorted(near)]


def flipped(words: Words, bits: int, random: np.random.Generator) -> Words:
    """Each hash with exactly ``bits`` other bits."""
    out = words.copy()
    for row in out:
        for bit in random.choice(256, bits, replace=False):
            row[bit // 64] ^= np.uint64(1 << int(bit % 64))
    return out


def some(count: int, seed: int = 1) -> Words:
    return np.random.default_rng(seed).integers(0, 2**64, (count, 4), dtype=np.uint64)


@st.composite
def crowded(draw: st.DrawFn) -> tuple[Words, list[int], Words, int]:
    """Hashes that lie near each other, share chunks, and are the same, asked about with some of them changed."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    centres = np.vstack((np.zeros((1, 4), np.uint64), some(draw(st.integers(1, 4)), draw(st.integers(0, 99)))))
    held = centres[random.integers(0, len(centres), draw(st.integers(1, 60)))]
    changes = draw(st.sampled_from([0, 1, 8, 15, 16, 20]))
    held = flipped(held, changes, random)
    if draw(st.booleans()):
        held[:, draw(st.integers(0, 3))] = 0
    asked = np.vstack((flipped(held[: draw(st.integers(0, 8))], draw(st.integers(0, 40)), random), centres, some(2, 5)))
    numbers = random.integers(0, draw(st.sampled_from([3, 1000])), len(held)).tolist()
    return held, numbers, asked, draw(st.integers(0, 31))


@pytest.mark.parametrize("flat", [True, False], ids=["scan", "tables"])
@settings(max_examples=40, deadline=None)
@given(case=crowded())
def test_search_is_what_comparing_each_with_each_finds(case: tuple[Words, list[int], Words, int], flat: bool) -> None:
    held, numbers, asked, distance = case
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segment, "FLAT", 1 << 20 if flat else 0)
        index = HammingIndex.of(held, numbers)
    assert (index.segments[0].tables is None) == flat
    assert rows(index.search(asked, distance)) == brute(held, numbers, asked, distance)


@pytest.mark.parametrize("bits", [0, 1, 15, 16, 17, 30, 31, 32, 33])
def test_a_changed_hash_is_found_up_to_its_distance_and_not_beyond(bits: int) -> None:
    held = some(6000)
    random = np.random.default_rng(bits)
    asked = flipped(held[:200], bits, random)
    index = HammingIndex.of(held)
    assert index.segments[0].tables is not None
    expected = [(at, at, bits) for at in range(200)] if bits <= 31 else []
    assert rows(index.search(asked)) == expected
    if 0 < bits <= 31:
        assert rows(index.search(asked, bits - 1)) == []


def test_differences_spread_evenly_over_all_chunks_are_found() -> None:
    """The tightest case of the pigeonhole: two bits in each chunk but one, one in the last."""
    held = some(5000)
    mask = sum(3 << (16 * at) for at in range(4))
    for thin in range(16):
        asked = held[:1].copy()
        asked ^= np.uint64(mask)
        asked[0, thin // 4] ^= np.uint64(1 << (16 * (3 - thin % 4)))
        assert rows(HammingIndex.of(held).search(asked)) == [(0, 0, 31)]


@pytest.mark.parametrize("count", [100, 9000])
def test_equal_hashes_are_all_found_and_all_zero_ones_cost_no_more(count: int) -> None:
    index = HammingIndex.of(np.zeros((count, 4), np.uint64))
    assert index.segments[0].distinct == 1
    found = index.search(np.zeros((3, 4), np.uint64))
    assert rows(found) == [(which, number, 0) for which in range(3) for number in range(count)]
    assert rows(index.search(np.zeros((2, 4), np.uint64), most=2)) == [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]


def test_hashes_that_crowd_around_one_place_are_searched_exactly_and_in_bounded_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All share chunks: the tables would name each many times, so what is held is gone through instead."""
    random = np.random.default_rng(3)
    held = np.vstack((flipped(np.zeros((9000, 4), np.uint64), 12, random), some(500)))
    asked = np.vstack((np.zeros((1, 4), np.uint64), held[:5], held[-5:]))
    monkeypatch.setattr(segment, "_AT_ONCE", 1 << 10)
    index = HammingIndex.of(held)
    named: list[int] = []
    verified = segment._verified

    def counting(*given: object) -> segment.Near:
        named.append(len(given[2]))  # type: ignore[arg-type]
        return verified(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(segment, "_verified", counting)
    assert rows(index.search(asked)) == brute(held, list(range(len(held))), asked, 31)
    assert sum(named) < len(asked) * len(held) // 4


@settings(max_examples=40, deadline=None)
@given(case=crowded(), most=st.integers(1, 12))
def test_the_nearest_are_kept(case: tuple[Words, list[int], Words, int], most: int) -> None:
    held, _, asked, distance = case
    # Each hash with a number of its own: of one number that has several hashes, each of them counts.
    numbers = list(range(len(held)))
    everything = rows(HammingIndex.of(held, numbers).search(asked, distance))
    wanted = [one for at in range(len(asked)) for one in [row for row in everything if row[0] == at][:most]]
    assert rows(HammingIndex.of(held, numbers).search(asked, distance, most=most)) == wanted


@pytest.mark.parametrize("waiting", [1, 100, 1 << 20])
def test_the_nearest_are_kept_where_much_is_gone_through(monkeypatch: pytest.MonkeyPatch, waiting: int) -> None:
    monkeypatch.setattr(segment, "_SCANNED", 64)
    monkeypatch.setattr(segment, "_AT_ONCE", min(waiting, segment._AT_ONCE))
    monkeypatch.setattr(index_module, "_WAITING", waiting)
    random = np.random.default_rng(4)
    held = np.vstack([flipped(np.zeros((300, 4), np.uint64), bits, random) for bits in (9, 5, 1, 20)])
    index = HammingIndex.of(held)
    asked = np.zeros((2, 4), np.uint64)
    assert rows(index.search(asked, most=310)) == [
        row
        for at in range(2)
        for row in [one for one in brute(held, list(range(1200)), asked, 31) if one[0] == at][:310]
    ]


def test_hexadecimal_goes_in_and_comes_out() -> None:
    words = some(20)
    texts = write_hashes(words)
    assert all(len(text) == 64 for text in texts)
    assert (read_hashes(text.upper() for text in texts) == words).all()
    assert rows(HammingIndex.of(texts, range(100, 120)).search(texts[3:4])) == [(0, 103, 0)]


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "g" * 64, " " * 2 + "0" * 62, "0" * 63, "é" * 64])
def test_what_is_no_hash_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidInput, match="Hash 2"):
        HammingIndex.of(["f" * 64, text])


def test_wrong_questions_are_refused() -> None:
    index = HammingIndex.of(some(3))
    for distance in (-1, 32):
        with pytest.raises(InvalidInput, match="0 to 31"):
            index.search(some(1), distance)
    with pytest.raises(InvalidInput, match="At most 0"):
        index.search(some(1), most=0)
    with pytest.raises(InvalidInput, match="shape"):
        index.search(np.zeros((2, 3), np.uint64))
    with pytest.raises(InvalidInput, match="numbers"):
        HammingIndex.of(some(3), [1])


@pytest.mark.parametrize("index", [HammingIndex(), HammingIndex.of(some(0))], ids=["no segment", "empty segment"])
def test_nothing_held_and_nothing_asked_find_nothing(index: HammingIndex, tmp_path: Path) -> None:
    assert rows(index.search(some(3))) == []
    assert rows(index.search([])) == []
    assert rows(HammingIndex.of(some(9)).search([])) == []
    assert len(index) == 0
