"""What was signed last never goes back, whatever the database says."""

from __future__ import annotations

import multiprocessing
import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import Refused, Unavailable
from titian.store.heads import FILE, Head, HeadFile

ORIGIN = "titian-5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11/8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"


def root(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    heads = HeadFile(tmp_path)
    assert heads.read() == {}
    assert heads.behind(ORIGIN, 0, root(0)) is None
    assert not (tmp_path / FILE).exists()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=30))
def test_it_only_goes_forward(writes: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        furthest: dict[str, int] = {}
        for at, (origin, size) in enumerate(writes):
            # A new reader each time: nothing is kept in memory.
            moved = HeadFile(Path(folder)).write(origin, size, root(size), at)
            assert moved == (size > furthest.get(origin, -1))
            furthest[origin] = max(size, furthest.get(origin, -1))
            assert {name: head.size for name, head in HeadFile(Path(folder)).read().items()} == furthest


def test_two_heads_of_one_size_are_refused(tmp_path: Path) -> None:
    heads = HeadFile(tmp_path)
    heads.write(ORIGIN, 3, root(3), 1)
    with pytest.raises(Refused, match="not the one that this node has signed"):
        heads.write(ORIGIN, 3, root(4), 2)
    assert heads.read() == {ORIGIN: Head(3, root(3), 1)}


def test_several_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    heads = HeadFile(tmp_path)
    assert heads.write_all({"a": Head(1, root(1), 1), "b": Head(2, root(2), 1)})
    with pytest.raises(Refused):
        heads.write_all({"a": Head(5, root(5), 2), "b": Head(2, root(9), 2)})
    assert [head.size for head in heads.read().values()] == [1, 2]
    assert not heads.write_all({})


@pytest.mark.parametrize(
    ("size", "seen", "says"),
    [
        pytest.param(4, root(4), "has 4 entries, but this node has signed 5", id="behind"),
        pytest.param(5, root(6), "at 5 entries is not the one", id="other-history"),
        pytest.param(5, root(5), None, id="the-same"),
        pytest.param(6, root(6), None, id="ahead"),
    ],
)
def test_a_database_that_went_back_is_noticed(tmp_path: Path, size: int, seen: bytes, says: str | None) -> None:
    HeadFile(tmp_path).write(ORIGIN, 5, root(5), 1)
    told = HeadFile(tmp_path).behind(ORIGIN, size, seen)
    assert told is None if says is None else says in (told or "")
    assert HeadFile(tmp_path).behind("another", size, seen) is None


@pytest.mark.parametrize(("at_five", "sound"), [(root(5), True), (root(7), False), (None, False)])
def test_a_database_that_went_another_way_is_noticed(tmp_path: Path, at_five: bytes | None, sound: bool) -> None:
    heads = HeadFile(tmp_path)
    heads.write(ORIGIN, 5, root(5), 1)
    asked: list[int] = []

    def root_at(size: int) -> bytes | None:
        asked.append(size)
        return at_five

    assert (heads.behind(ORIGIN, 9, root(9), root_at=root_at) is None) == sound
    assert asked == [5]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b'{"format":2,"heads":{}}',
        b'{"format":1,"heads":{"a":{"size":1,"root":"AAAA","at":1}}}',
        b"\xff",
    ],
)
def test_damage_fails_closed(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / FILE).write_bytes(raw)
    heads = HeadFile(tmp_path)
    for use in (heads.read, lambda: heads.behind(ORIGIN, 1, root(1)), lambda: heads.write(ORIGIN, 1, root(1), 1)):
        with pytest.raises(Refused, match="damaged"):
            use()
    assert (tmp_path / FILE).read_bytes() == raw


def test_a_head_that_cannot_be_is_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a head"):
        HeadFile(tmp_path).write(ORIGIN, 1, b"short", 1)


def test_the_file_is_for_its_owner_and_nothing_is_left(tmp_path: Path) -> None:
    heads = HeadFile(tmp_path)
    (tmp_path / "heads.json.new").write_bytes(b"left by a kill")
    heads.write(ORIGIN, 1, root(1), 1)
    assert stat.S_IMODE(os.stat(tmp_path / FILE).st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heads.json", "heads.lock"]


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"heads\.json cannot be used"):
        HeadFile(tmp_path / "none").write(ORIGIN, 1, root(1), 1)


def _climb(home: Path, mine: str, top: int) -> None:
    heads = HeadFile(home)
    for size in range(1, top + 1):
        heads.write("shared", size, root(size), size)
        heads.write(mine, size, root(size), size)


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    """Workers are processes, and each has threads."""
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=_climb, args=(tmp_path, f"process {n}", 15)) for n in range(2)]
    threads = [threading.Thread(target=_climb, args=(tmp_path, f"thread {n}", 15)) for n in range(2)]
    for each in (*others, *threads):
        each.start()
    for each in (*others, *threads):
        each.join(60)
    assert [other.exitcode for other in others] == [0, 0]
    found = HeadFile(tmp_path).read()
    assert len(found) == 5
    assert {head.size for head in found.values()} == {15}
