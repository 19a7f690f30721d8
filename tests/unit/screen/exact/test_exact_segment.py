from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.exact_oracle import DIGEST, ENTRIES, TOP, Oracle, Pairs, array, columns, listed
from titian.core.errors import UnreadableFile
from titian.screen.exact import Digester, Segment
from titian.screen.exact.layout import BLOCK, PAGE, Layout
from titian.screen.exact.segment import FEW
from titian.screen.exact.writing import sort, write

SECRET = Digester(bytes(range(32)))
ASKED = st.lists(DIGEST, max_size=60)


def written(folder: Path | str, *parts: Pairs, digester: Digester = SECRET) -> Path:
    path = Path(folder) / "one.segment"
    write(path, [sort(*columns(part)) for part in parts], digester)
    return path


def random_pairs(count: int, seed: int = 1) -> Pairs:
    words = np.random.default_rng(seed).integers(0, TOP, (count, 2), np.uint64, endpoint=True)
    return [((high, low), number) for number, (high, low) in enumerate(words.tolist())]


@given(ENTRIES, ASKED, st.none() | st.integers(1, 3))
@example([((0, 0), 1), ((TOP, TOP), TOP), ((0, TOP), 2), ((TOP, 0), 3)], [(0, 0), (TOP, TOP), (0, 1)], None)
@example([((7, n), n) for n in range(40)], [(7, 7), (7, 41), (6, 7), (8, 7)], None)
@example([((7, 7), n % 5) for n in range(40)], [(7, 7)], 2)
@settings(deadline=None)
def test_it_answers_as_a_dict_does(pairs: Pairs, asked: list[tuple[int, int]], most: int | None) -> None:
    oracle, asked = Oracle(pairs), asked + [digest for digest, _ in pairs[:5]]
    with TemporaryDirectory() as folder:
        segment = Segment(written(folder, pairs), SECRET)
        # Few are looked up one by one, many all at once: both are held against the dict.
        for times in (1, FEW // len(asked) + 1):
            found = segment.lookup(array(asked * times), most=most)
            assert listed(found) == oracle.answer(asked * times, most)
            if most is not None:
                assert set(found.cut.tolist()) == oracle.beyond(asked * times, most)


@given(st.lists(ENTRIES, min_size=1, max_size=4), ASKED)
@settings(deadline=None, max_examples=50)
def test_merged_parts_answer_as_all_of_them(parts: list[Pairs], asked: list[tuple[int, int]]) -> None:
    everything = [pair for part in parts for pair in part]
    asked += [digest for digest, _ in everything]
    with TemporaryDirectory() as folder:
        segment = Segment(written(folder, *parts), SECRET)
        assert len(segment) == len(set(everything))
        assert listed(segment.lookup(array(asked))) == Oracle(everything).answer(asked)


@given(ENTRIES, DIGEST, DIGEST, st.none() | st.integers(0, 5))
@settings(deadline=None, max_examples=50)
def test_between_is_every_entry_of_a_range(
    pairs: Pairs, first: tuple[int, int], last: tuple[int, int], most: int | None
) -> None:
    expected = [number for digest, number in sorted(set(pairs)) if first <= digest <= last]
    with TemporaryDirectory() as folder:
        found = Segment(written(folder, pairs), SECRET).between(first, last, most=most)
    assert found == expected[: None if most is None else most + 1]


def test_many_more_than_are_searched_for_at_once(tmp_path: Path) -> None:
    pairs = random_pairs(150_000)
    segment = Segment(written(tmp_path, pairs[:100_000]), SECRET)
    found = segment.lookup(array([digest for digest, _ in pairs]))
    assert found.which.tolist() == list(range(100_000))
    assert found.numbers.tolist() == list(range(100_000))


def test_entries_that_share_all_their_topmost_bits_are_found_by_halving(tmp_path: Path) -> None:
    pairs = [((5 << 40 | n, n % 7), n) for n in range(0, 40_000, 2)]
    segment = Segment(written(tmp_path, pairs), SECRET)
    asked = [(5 << 40 | n, n % 7) for n in range(40_000)]
    assert listed(segment.lookup(array(asked))) == [(n, n) for n in range(0, 40_000, 2)]


def test_one_digest_with_very_many_numbers(tmp_path: Path) -> None:
    segment = Segment(written(tmp_path, [((3, 3), n) for n in range(50_000)], [((3, 4), 1)]), SECRET)
    found = segment.lookup(array([(3, 3), (3, 4)] * FEW), most=2)
    assert listed(found)[:3] == [(0, 0), (0, 1), (1, 1)]
    assert found.cut.tolist() == list(range(0, 2 * FEW, 2))


@pytest.mark.parametrize(("least", "most", "width"), [(0, TOP, 8), (TOP - 5, TOP, 4), (1 << 40, (1 << 40) + 1, 4)])
def test_numbers_have_64_bits(tmp_path: Path, least: int, most: int, width: int) -> None:
    segment = Segment(written(tmp_path, [((1, 1), most), ((2, 2), least)]), SECRET)
    assert segment.layout.width == width
    assert segment.lookup(array([(1, 1), (2, 2)] * FEW)).numbers.tolist() == [most, least] * FEW
    assert segment.find(array([(1, 1)]).tobytes()) == [most]


def test_it_stays_readable_when_its_file_is_removed(tmp_path: Path) -> None:
    path = written(tmp_path, [((1, 1), 1)])
    segment = Segment(path, SECRET)
    path.unlink()
    assert listed(segment.lookup(array([(1, 1)]))) == [(0, 1)]


def test_a_segment_of_another_secret_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    path = written(tmp_path, [((1, 1), 1)], digester=Digester(b"the secret of another node"))
    with pytest.raises(UnreadableFile, match="another secret"):
        Segment(path, SECRET)


@pytest.mark.parametrize("content", [b"", b"titian segment 1", bytes(PAGE), b"SQLite format 3\0".ljust(9000, b"x")])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "foreign").write_bytes(content)
    with pytest.raises(UnreadableFile):
        Segment(tmp_path / "foreign", SECRET)


def test_a_file_of_any_other_length_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, random_pairs(1000))
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 1999), PAGE - 1, PAGE, PAGE + 1, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(UnreadableFile):
            Segment(path, SECRET)
    path.write_bytes(whole + b"\0")
    with pytest.raises(UnreadableFile):
        Segment(path, SECRET)


PAIRS = random_pairs(9000)
ORACLE = Oracle(PAIRS)
SIZE = Layout(len(PAIRS), 0, len(PAIRS) - 1).size


@given(st.integers(0, SIZE - 1), st.integers(1, 255), st.integers(0, len(PAIRS) - 1))
@settings(deadline=None, max_examples=150)
def test_a_changed_byte_never_makes_a_wrong_answer(place: int, change: int, asked: int) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, PAIRS)
        content = bytearray(path.read_bytes())
        content[place] ^= change
        path.write_bytes(content)
        digest = PAIRS[asked][0]
        # Asked for one: the answer is right, or the change was noticed.
        with suppress(UnreadableFile):
            assert listed(Segment(path, SECRET).lookup(array([digest]))) == ORACLE.answer([digest])
        # Asked for many: it is always noticed.
        with pytest.raises(UnreadableFile):
            Segment(path, SECRET).lookup(array([digest] * (FEW + 1)))


def test_there_are_several_blocks_so_that_the_law_above_says_something() -> None:
    assert SIZE > 3 * BLOCK


def test_a_file_changed_or_shortened_while_open_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path, PAIRS)
    segment = Segment(path, SECRET)
    segment.check()
    os.utime(path, ns=(1, 1))
    with pytest.raises(UnreadableFile, match="while it was open"):
        segment.find(bytes(16))
    segment = Segment(path, SECRET)
    os.truncate(path, PAGE)
    with pytest.raises(UnreadableFile, match="while it was open"):
        segment.lookup(array([(1, 1)] * 100))


@pytest.mark.parametrize("call", ["posix_fallocate", "pwrite", "fsync"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space"):
        written(tmp_path, [((1, 1), 1)])
    assert not list(tmp_path.iterdir())


def test_a_disk_that_takes_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_some = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, at: write_some(file, content[:1000], at))
    assert listed(Segment(written(tmp_path, PAIRS), SECRET).lookup(array([PAIRS[7][0]] * 20)))[0] == (0, 7)


def test_nothing_is_no_segment(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="entries"):
        written(tmp_path, [])
