"""How bytes lie in segments: packed by commas, cut out again, none lost at any boundary."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.store import segments
from titian.store.segments import Packed, pack, runs

raws = st.lists(st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b",", b";")), max_size=30)


@given(raws, st.none() | st.binary(min_size=1, max_size=60))
def test_what_is_packed_can_be_cut_out(objects: list[bytes], into: bytes | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "SEGMENT_BYTES", 64)
        packed = pack(objects, into)
        cut = [part.data()[start : start + length] for part in packed for start, length in part.slices]
        assert cut == objects
        for place, part in enumerate(packed):
            data = part.data()
            joined = [part.data()[start : start + length] for start, length in part.slices]
            assert data == b",".join(([into] if place == 0 and into is not None else []) + joined)
            assert len(data) <= 64 or len(joined) <= 1
        for part, following in itertools.pairwise(packed):
            assert len(part.data()) + 1 + following.slices[0][1] > 64, "a new segment only when the last is full"


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ([65_536], [1]),
        ([65_537], [1]),
        ([32_768, 32_767], [2]),
        ([32_768, 32_768], [1, 1]),
        ([100_000, 1, 100_000], [1, 1, 1]),
        ([], [0]),
    ],
    ids=str,
)
def test_where_segments_end(sizes: list[int], counts: list[int]) -> None:
    assert [len(part.slices) for part in pack(bytes(size) for size in sizes)] == counts


def test_nothing_fits_into_a_full_segment() -> None:
    first, second = pack([b"{}"], into=bytes(65_535))
    assert (first.slices, first.data()) == ([], bytes(65_535))
    assert second.data() == b"{}"


def test_an_empty_segment_takes_anything() -> None:
    assert Packed([], []).fits(10**9)


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=20))
def test_runs_join_what_lies_side_by_side(lengths: list[tuple[int, bool]]) -> None:
    """The bytes of the runs are those of the slices, with the commas between neighbours."""
    data, slices = b"", []
    for number, (length, taken) in enumerate(lengths):
        data += b"," if data else b""
        if taken:
            slices.append((len(data), length))
        data += bytes([65 + number]) * length
    merged = runs(slices)
    assert b",".join(data[start : start + length] for start, length in merged) == b",".join(
        data[start : start + length] for start, length in slices
    )
    assert all(one[0] + one[1] + 1 < two[0] for one, two in itertools.pairwise(merged)), "none could be joined further"
