from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import exact_writer
from support.exact_oracle import DIGEST, ENTRIES, TOP, Oracle, Pairs, array, columns, listed
from titian.core.errors import Unavailable, UnreadableFile
from titian.screen.exact import Index, Prefixes, Words
from titian.screen.exact import index as under_test
from titian.screen.exact.manifest import MANIFEST

SECRET = b"the secret of this node"
NONE: Pairs = []
SOME: Pairs = [((1, 1), 5), ((1, 1), 3), ((0, 0), 0), ((TOP, TOP), TOP)]
ASK = array([(1, 1), (0, 0), (TOP, TOP), (2, 2)])
ANSWER = [(0, 3), (0, 5), (1, 0), (2, TOP)]


def make(folder: Path | str, *batches: Pairs) -> Index:
    index = Index(Path(folder) / "index", SECRET, wait=5)
    for number, pairs in enumerate(batches):
        index.append(*columns(pairs), {"log": number + 1})
    return index


def random_batch(number: int, count: int) -> tuple[Words, Words]:
    return exact_writer.batch(number, count)


@pytest.fixture
def untidy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding merges nothing."""
    monkeypatch.setattr(under_test, "AT_ONCE", 1)
    monkeypatch.setattr(under_test, "MOST_SEGMENTS", 10_000)


@given(
    st.lists(ENTRIES | st.just(NONE), max_size=5), st.lists(DIGEST, max_size=20), st.none() | st.integers(1, 3),
    st.booleans(), st.booleans(),
)  # fmt: skip
@settings(max_examples=60)
def test_it_answers_as_a_dict_does(
    batches: list[Pairs], asked: list[tuple[int, int]], most: int | None, merge: bool, many: bool
) -> None:
    oracle = Oracle(pair for batch in batches for pair in batch)
    asked = (asked + [digest for batch in batches for digest, _ in batch]) * (1 + 20 * many)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if not merge:
            patch.setattr(under_test, "AT_ONCE", 1)
        index = make(folder, *batches)
        assert len(index.manifest.segments) <= (1 if merge else len(batches))
        found = index.lookup(array(asked), most=most)
        assert listed(found) == oracle.answer(asked, most)
        assert set(found.cut.tolist()) == (oracle.beyond(asked, most) if most is not None else set())
        # Merging changes no answer.
        assert index.tidy() == (len([batch for batch in batches if batch]) > 1 and not merge)
        assert listed(index.lookup(array(asked), most=most)) == oracle.answer(asked, most)
        assert all(index.find(array([one]).tobytes()) == sorted(oracle.held[one]) for one in asked[:5])
        index.close()


@given(st.lists(ENTRIES, min_size=1, max_size=3), DIGEST, DIGEST)
@settings(max_examples=40)
def test_between_is_every_number_of_a_range(
    batches: list[Pairs], first: tuple[int, int], last: tuple[int, int]
) -> None:
    expected = sorted({number for batch in batches for digest, number in batch if first <= digest <= last})
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(under_test, "AT_ONCE", 1)
        found = make(folder, *batches).between(first, last)
    assert found.numbers.tolist() == expected
    assert set(found.which.tolist()) <= {0}


def test_an_index_that_was_never_written_to_is_empty(tmp_path: Path) -> None:
    index = make(tmp_path)
    assert listed(index.lookup(ASK)) == []
    assert (len(index), dict(index.upto), index.damage(thorough=True)) == (0, {}, None)
    assert not (tmp_path / "index").exists()


def test_what_was_added_is_there_for_another_that_opens_it(tmp_path: Path) -> None:
    make(tmp_path, SOME, NONE)
    index = make(tmp_path)
    assert listed(index.lookup(ASK)) == ANSWER
    assert dict(index.upto) == {"log": 2}


def test_a_reader_sees_what_another_adds_or_forgets(tmp_path: Path) -> None:
    reader, writer = make(tmp_path), make(tmp_path)
    for number in range(30):
        writer.append(*columns([((1, number), number)]), {"log": number})
        assert listed(reader.lookup(array([(1, number)]))) == [(0, number)]
        assert reader.manifest == writer.manifest
    writer.rebuild()
    assert listed(reader.lookup(array([(1, 1)]))) == []
    assert dict(reader.upto) == {}


def test_the_reach_never_goes_back_and_each_log_has_its_own(tmp_path: Path) -> None:
    index = make(tmp_path)
    index.append(*columns(NONE), {"a": 5, "b": 2})
    index.append(*columns(SOME), {"a": 3, "c": 1})
    assert dict(index.upto) == {"a": 5, "b": 2, "c": 1}


def test_who_was_slower_adds_nothing(tmp_path: Path) -> None:
    quick, slow = make(tmp_path), make(tmp_path)
    since = dict(slow.upto)
    assert quick.append(*columns(SOME), {"log": 9}, since=since)
    assert not slow.append(*columns([((2, 2), 2)]), {"log": 8}, since=since)
    assert listed(slow.lookup(ASK)) == ANSWER
    assert slow.append(*columns([((2, 2), 2)]), {"log": 10}, since=slow.upto)


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    index = make(tmp_path, SOME)
    before = index.manifest
    index.append(*columns(NONE), {"log": 1})
    assert index.manifest == before


def test_lengths_of_prefixes_are_kept(tmp_path: Path) -> None:
    index = make(tmp_path)
    index.append(*columns(NONE), {}, prefixes=Prefixes(v4=(24,)))
    index.append(*columns(SOME), {}, prefixes=Prefixes(v4=(8, 24), v6=(32,)))
    assert make(tmp_path).prefixes == Prefixes(v4=(8, 24), v6=(32,))


def test_there_are_few_segments_however_often_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_SMALL", 8)
    index = make(tmp_path)
    for number in range(120):
        index.append(*random_batch(number, 10), {"log": number})
        sizes = [one.entries for one in index.manifest.segments]
        assert all(size >= under_test.RATIO * after for size, after in pairwise(sizes))
    assert len(sizes) <= 6
    assert sum(sizes) == len(index) == 1200
    assert {path.name for path in (tmp_path / "index").iterdir()} == {
        "lock", MANIFEST, *(one.name for one in index.manifest.segments)
    }  # fmt: skip


@pytest.mark.usefixtures("untidy")
def test_large_merges_wait_for_tidying_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = make(tmp_path, *([((n, n), n)] for n in range(12)))
    assert len(index.manifest.segments) == 12
    monkeypatch.setattr(under_test, "MOST_SEGMENTS", 10)
    index.append(*columns([((99, 99), 99)]), {})
    assert len(index.manifest.segments) == 10
    assert index.tidy()
    assert not index.tidy()
    assert len(index.manifest.segments) == 1
    assert listed(index.lookup(array([(5, 5), (99, 99)]))) == [(0, 5), (1, 99)]


@pytest.mark.usefixtures("untidy")
@pytest.mark.parametrize("meanwhile", ["rebuild", "append", "tidy"])
def test_what_happens_while_tidying_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str) -> None:
    index, other = make(tmp_path, SOME, [((2, 2), 2)]), make(tmp_path)
    write = under_test.write

    def slowly(*given: object) -> object:
        monkeypatch.setattr(under_test, "write", write)
        done = write(*given)  # type: ignore[arg-type]
        if meanwhile == "rebuild":
            other.rebuild()
        elif meanwhile == "append":
            other.append(*columns([((3, 3), 3)]), {"log": 7})
        else:
            assert not other.tidy()
        return done

    monkeypatch.setattr(under_test, "write", slowly)
    index.tidy()
    asked = array([(1, 1), (2, 2), (3, 3)])
    expected = {"rebuild": [], "append": [(0, 3), (0, 5), (1, 2), (2, 3)], "tidy": [(0, 3), (0, 5), (1, 2)]}
    assert listed(index.lookup(asked)) == listed(other.lookup(asked)) == expected[meanwhile]
    assert not list((tmp_path / "index").glob("*.merging"))


def test_waiting_for_a_writer_is_bounded(tmp_path: Path) -> None:
    index = make(tmp_path, SOME)
    index._wait = 0.05
    file = os.open(tmp_path / "index" / "lock", os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="another process"):
            index.append(*columns(SOME), {})
        assert listed(index.lookup(ASK)) == ANSWER
    finally:
        os.close(file)
    assert index.append(*columns(SOME), {})


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file")
    with pytest.raises(Unavailable, match="cannot be used"):
        make(tmp_path, SOME)
    with pytest.raises(Unavailable, match="cannot be used"):
        make(tmp_path).lookup(ASK)


@pytest.mark.parametrize("call", ["posix_fallocate", "pwrite", "fsync", "replace"])
def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    index = make(tmp_path, SOME)
    before = index.manifest

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(Unavailable, match="No space left"):
            index.append(*columns([((2, 2), 2)]), {"log": 9})
    assert index.manifest == before
    assert listed(index.lookup(ASK)) == ANSWER
    index.append(*columns([((2, 2), 2)]), {"log": 9})
    assert listed(index.lookup(ASK)) == [*ANSWER, (3, 2)]
    assert len(list((tmp_path / "index").iterdir())) == 2 + len(index.manifest.segments)


def test_a_disk_that_fails_is_said_and_no_reason_to_rebuild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = make(tmp_path, SOME)
    assert index.manifest.segments

    def fails(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fails)
        for asked in (ASK, np.concatenate([ASK] * 9)):
            with pytest.raises(Unavailable, match="Input/output error"):
                index.lookup(asked)
        with pytest.raises(Unavailable, match="Input/output error"):
            index.damage(thorough=True)
    assert listed(index.lookup(ASK)) == ANSWER


def must_be_rebuilt(folder: Path) -> None:
    """The index says so, answers nothing, takes nothing in, and is as new when that is done."""
    index = make(folder)
    assert index.damage(thorough=True)
    with pytest.raises(UnreadableFile, match="Rebuild"):
        index.lookup(array([(1, 1)] * 100))
    index.rebuild()
    assert index.damage(thorough=True) is None
    assert (len(index), dict(index.upto)) == (0, {})
    index.append(*columns(SOME), {"log": 1})
    assert listed(index.lookup(ASK)) == ANSWER


def test_every_changed_byte_of_the_manifest_is_noticed(tmp_path: Path) -> None:
    make(tmp_path, SOME)
    path = tmp_path / "index" / MANIFEST
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert make(tmp_path).damage() is not None
        path.write_bytes(whole[:place])
        assert make(tmp_path).damage() is not None
    must_be_rebuilt(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"null", b"[" * 100_000, b"\xff", b'{"format":"titian exact index 2"}', bytes(5000)]
)
def test_a_foreign_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    make(tmp_path, SOME)
    (tmp_path / "index" / MANIFEST).write_bytes(content)
    must_be_rebuilt(tmp_path)


@pytest.mark.parametrize("how", ["torn", "empty", "missing", "changed", "swapped"])
def test_a_segment_that_cannot_be_trusted_is_noticed(tmp_path: Path, how: str) -> None:
    index = make(tmp_path, SOME)
    path = tmp_path / "index" / index.manifest.segments[0].name
    whole = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "swapped":  # for one of another index with the same secret
        other = make(tmp_path / "other", SOME[:2])
        path.write_bytes((tmp_path / "other" / "index" / other.manifest.segments[0].name).read_bytes())
    else:
        path.write_bytes({"torn": whole[:5000], "empty": b"", "changed": whole[:4100] + b"!" + whole[4101:]}[how])
    must_be_rebuilt(tmp_path)


def test_what_was_changed_is_not_merged_into_something_sealed(tmp_path: Path) -> None:
    index = make(tmp_path, SOME)
    path = tmp_path / "index" / index.manifest.segments[0].name
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"changed!" + whole[8200:])
    with pytest.raises(UnreadableFile):
        make(tmp_path).append(*columns([((2, 2), 2)]), {})


def test_another_secret_is_told(tmp_path: Path) -> None:
    make(tmp_path, SOME)
    other = Index(tmp_path / "index", b"the secret of another node")
    assert "another secret" in (other.damage() or "")
    with pytest.raises(UnreadableFile, match="another secret"):
        other.append(*columns(SOME), {})
    other.rebuild()
    assert other.damage() is None


def test_an_index_without_its_manifest_is_read_from_the_beginning(tmp_path: Path) -> None:
    index = make(tmp_path, SOME)
    (tmp_path / "index" / MANIFEST).unlink()
    assert (listed(index.lookup(ASK)), dict(index.upto)) == ([], {})
    index.append(*columns(SOME[:1]), {"log": 1})
    assert len(list((tmp_path / "index").glob("*.segment"))) == 1


def test_many_threads_ask_while_one_adds(tmp_path: Path) -> None:
    index, wrong = make(tmp_path, SOME), []

    def ask() -> None:
        for _ in range(60):
            if listed(index.lookup(np.concatenate([ASK] * 5)))[: len(ANSWER)] != ANSWER:
                wrong.append("an answer")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        index.append(*random_batch(number, 100), {"log": number})
    for thread in threads:
        thread.join()
    assert not wrong


def run(*words: str) -> subprocess.Popen[str]:
    support = Path(exact_writer.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", "support.exact_writer", *words], cwd=support, stdout=subprocess.PIPE, text=True
    )


def test_killed_at_any_step_it_is_as_before_or_as_after(tmp_path: Path) -> None:
    process = run("killed", str(tmp_path / "index"))
    lines = [json.loads(line) for line in process.communicate(timeout=200)[0].splitlines()]
    assert process.returncode == 0
    for act in ("append", "rebuild", "tidy"):
        states = [line for line in lines if line["act"] == act]
        assert len(states) > (10 if act != "rebuild" else 5), "it was ended at many steps"
        assert states[-1]["status"] == 0
        seen = []
        for state in states:
            assert state["damage"] is None, state
            assert state["third"], state
            assert state["others"] in (["lock", MANIFEST, "tidying"], ["lock", MANIFEST]), state
            seen.append((state["first"], state["second"], state["upto"]))
        both, one, none = (True, True, {"log": 2}), (True, False, {"log": 1}), (False, False, {})
        before, after = {"append": (one, both), "rebuild": (one, none), "tidy": (both, both)}[act]
        assert seen[0] == before
        assert seen[-1] == after
        assert set(map(str, seen)) == {str(before), str(after)}


def test_two_processes_write_and_a_third_reads(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", exact_writer.SECRET)
    writers = [run("beside", str(tmp_path / "index"), str(number)) for number in (1, 2)]
    asked, least = random_batch(100, 3_000), 0
    while any(writer.poll() is None for writer in writers):
        found = len(index.lookup(asked[0]).which)
        assert found in (0, 3_000)
        assert found >= least
        least = found
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert dict(index.upto) == {"log-1": 20, "log-2": 20}
    for number in (1, 2):
        for turn in range(20):
            words, numbers = random_batch(number * 100 + turn, 3_000)
            assert index.lookup(words).numbers.tolist() == numbers.tolist()
    assert index.damage(thorough=True) is None
