"""The files of the index: what is appended is found, what is torn or foreign is told and never trusted."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from titian.core.errors import InvalidInput
from titian.screen.media import files
from titian.screen.media.files import HammingFolder
from titian.screen.media.index import HammingIndex
from titian.screen.media.words import Words


def some(count: int, seed: int = 1) -> Words:
    return np.random.default_rng(seed).integers(0, 2**64, (count, 4), dtype=np.uint64)


def filled(folder: Path, sizes: tuple[int, ...]) -> tuple[HammingIndex, Words]:
    """A folder to which batches of these sizes were appended, each to its end."""
    words = some(sum(sizes))
    index = HammingIndex()
    start = 0
    for size in sizes:
        end = start + size
        index = HammingFolder(folder).append(words[start:end], np.arange(start, end), upto=end)
        start = end
    return index, words


def knows(index: HammingIndex, words: Words) -> list[int]:
    found = index.search(words)
    assert (found.distance == 0).all()
    assert (found.which == found.number).all()
    return found.number.tolist()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.mark.parametrize("sizes", [(5000, 10, 1), (1,) * 40, (10, 5000), (5000, 5000), (0, 3, 0)], ids=str)
def test_what_was_appended_is_found_by_this_process_and_the_next(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    # An empty batch moves on the place in the log too.
    folder = HammingFolder(tmp_path / "index")
    words = some(sum(sizes))
    start = 0
    for upto, size in enumerate(sizes, 1):
        index = folder.append(words[start : start + size], np.arange(start, start + size), upto=upto)
        start += size
        assert (index.upto, index.ignored) == (upto, ())
        assert knows(index, words) == list(range(start))
    again = HammingFolder(tmp_path / "index").open()
    assert (again.upto, len(again), again.ignored) == (len(sizes), len(words), ())
    assert knows(again, words) == list(range(len(words)))


def test_there_are_few_files_however_often_is_appended(tmp_path: Path) -> None:
    index, words = filled(tmp_path, (1,) * 100)
    assert len(index.segments) == len(names(tmp_path)) <= 7
    assert knows(index, words) == list(range(100))


def test_a_reader_keeps_its_view_while_files_are_merged(tmp_path: Path) -> None:
    filled(tmp_path, (100, 20))
    reader = HammingFolder(tmp_path)
    before = reader.open()
    folder = HammingFolder(tmp_path)
    folder.append(some(500, seed=2), np.arange(500), upto=1000)
    assert knows(before, some(120)) == list(range(120))
    assert reader.open().upto == 1000
    assert len(reader.open()) == 620


def test_readers_see_a_whole_index_at_every_moment_of_writing(tmp_path: Path) -> None:
    words = some(200)
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            index = HammingFolder(tmp_path).open()
            assert knows(index, words) == list(range(index.upto))
            assert index.ignored == ()
            seen.append(index.upto)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        folder = HammingFolder(tmp_path)
        for at in range(0, 200, 2):
            folder.append(words[at : at + 2], np.arange(at, at + 2), upto=at + 2)
        done.set()
        reading.result()
    assert seen == sorted(seen)


def test_two_writers_wait_for_each_other(tmp_path: Path) -> None:
    words = some(40)

    def write(part: int) -> None:
        # Each may find that the other was there first, and goes on from what is there then.
        for at in range(part, 40, 2):
            while True:
                upto = HammingFolder(tmp_path).open().upto
                try:
                    HammingFolder(tmp_path).append(words[at : at + 1], np.array([at]), upto=upto + 1)
                    break
                except InvalidInput:
                    continue

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (0, 1)))
    index = HammingFolder(tmp_path).open()
    assert index.upto == 40
    assert knows(index, words) == list(range(40))


def test_a_merged_file_counts_once_beside_those_it_was_made_of(tmp_path: Path) -> None:
    """A writer died between the new file and the removal of the old ones."""
    filled(tmp_path, (300, 100))
    old = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    HammingFolder(tmp_path).append(some(400, seed=3), np.arange(400, 800), upto=800)
    for name, raw in old.items():
        (tmp_path / name).write_bytes(raw)
    index = HammingFolder(tmp_path).open()
    assert (index.upto, len(index), len(index.segments)) == (800, 800, 1)
    # Were the merged one damaged, the old ones would still serve.
    merged = next(name for name in names(tmp_path) if name not in old)
    (tmp_path / merged).write_bytes(b"TITIANPQ")
    index = HammingFolder(tmp_path).open()
    assert (index.upto, len(index), index.ignored) == (400, 400, (merged,))


def damage(raw: bytes, how: str) -> bytes:
    match how:
        case "torn":
            return raw[: len(raw) // 2]
        case "head only":
            return raw[:128]
        case "longer":
            return raw + b"\0" * 8
        case "zeros":
            return bytes(len(raw))
        case "bit in the hashes":
            return raw[:140] + bytes([raw[140] ^ 1]) + raw[141:]
        case "last byte":
            return raw[:-1] + bytes([raw[-1] ^ 0x80])
        case "bit in the head":
            return raw[:30] + bytes([raw[30] ^ 1]) + raw[31:]
        case "foreign":
            return b"\x89PNG\r\n\x1a\n" + raw[8:]
        case "version":
            return raw[:8] + b"\x63" + raw[9:]
    return b""


HOWS = ["torn", "head only", "longer", "zeros", "bit in the hashes", "last byte", "bit in the head", "foreign",
        "version", "empty"]  # fmt: skip


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_file_ends_the_index_and_is_written_again(tmp_path: Path, how: str, which: int) -> None:
    filled(tmp_path, (5000, 10))
    folder = HammingFolder(tmp_path)
    folder.open()
    bad = names(tmp_path)[which]
    (tmp_path / bad).write_bytes(damage((tmp_path / bad).read_bytes(), how))
    index = folder.open()
    assert index.ignored == (bad,)
    assert index.upto == (0, 5000)[which]
    assert knows(index, some(5010)) == list(range(index.upto))
    words = some(5010)[index.upto :]
    index = folder.append(words, np.arange(index.upto, 5010), upto=5010)
    assert (index.upto, index.ignored) == (5010, ())
    assert knows(index, some(5010)) == list(range(5010))
    assert names(tmp_path) == [f"pdq-{0:016x}-{5010:016x}.segment"] or len(index.segments) == 2


def test_a_file_under_another_name_is_not_trusted(tmp_path: Path) -> None:
    filled(tmp_path, (50,))
    (only,) = names(tmp_path)
    (tmp_path / only).rename(tmp_path / f"pdq-{0:016x}-{99:016x}.segment")
    index = HammingFolder(tmp_path).open()
    assert (index.upto, len(index.ignored)) == (0, 1)


def test_other_files_are_left_alone_and_what_a_dead_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("ours")
    (tmp_path / ".pdq-0-1.segment.77.new").write_bytes(b"half")
    filled(tmp_path, (5,))
    assert "notes.txt" in names(tmp_path)
    assert not [name for name in names(tmp_path) if name.endswith(".new")]
    HammingFolder(tmp_path).clear()
    assert names(tmp_path) == ["notes.txt"]
    assert HammingFolder(tmp_path).open().upto == 0


def test_a_write_that_fails_leaves_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, (50,))
    before = names(tmp_path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            HammingFolder(tmp_path).append(some(9), np.arange(9), upto=60)
    assert names(tmp_path) == before
    assert HammingFolder(tmp_path).open().upto == 50


def test_unchanged_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, (500, 5))
    folder = HammingFolder(tmp_path)
    first = folder.open()
    monkeypatch.setattr(files, "_read", lambda *given: pytest.fail("read again"))
    assert all(one is other for one, other in zip(first.segments, folder.open().segments, strict=True))


def test_the_log_only_goes_on(tmp_path: Path) -> None:
    filled(tmp_path, (50,))
    for upto in (50, 3, 0, -1, 1 << 63):
        with pytest.raises(InvalidInput, match="not beyond"):
            HammingFolder(tmp_path).append(some(1), np.arange(1), upto=upto)
    with pytest.raises(InvalidInput, match="numbers"):
        HammingFolder(tmp_path).append(some(2), np.arange(1), upto=60)
