"""What is kept of a long list: for whom it is, as long as it is to be, and never half of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from titian.core.errors import NotFound, Unavailable
from titian.core.screening import Asked, Facts, How, ValueKind
from titian.web.console.screening_results import FOLDER, KEPT, PAGE, Result, Results

ASKED = [Asked(f"value {number}\n", ValueKind.TEXT, Facts(births=("1970",))) for number in range(2 * PAGE + 1)]


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000_000_000

    def __call__(self) -> int:
        return self.now


def _kept(results: Results, person: str = "person-1") -> Result:
    name, made = results.begin()
    writer = results.write(name)
    for one in ASKED:
        writer.add(one)
    writer.finish(Result(name=name, person=person, made=made, how=How(purpose="trafficking"), known=len(ASKED)))
    return results.get(person, name)


def test_what_was_kept_is_read_page_by_page(tmp_path: Path) -> None:
    results = Results(tmp_path, Clock())
    kept = _kept(results)
    assert (kept.kept, len(kept.pages), kept.how.purpose) == (len(ASKED), 3, "trafficking")
    assert [one for number in range(3) for one in results.page(kept, number)] == ASKED
    assert results.page(kept, 3) == results.page(kept, -1) == []
    assert list(results.values(kept)) == ASKED


def test_nothing_is_there_before_it_is_finished_or_after_it_was_dropped(tmp_path: Path) -> None:
    results = Results(tmp_path, Clock())
    name, _ = results.begin()
    writer = results.write(name)
    writer.add(ASKED[0])
    with pytest.raises(NotFound):
        results.get("person-1", name)
    writer.drop()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_it_is_for_one_person_and_for_a_day(tmp_path: Path) -> None:
    clock = Clock()
    results = Results(tmp_path, clock)
    kept = _kept(results)
    for person, name in (("person-2", kept.name), ("person-1", "../node"), ("person-1", kept.name[:-1] + "g")):
        with pytest.raises(NotFound):
            results.get(person, name)
    clock.now += KEPT - 1
    assert results.get("person-1", kept.name) == kept
    clock.now += 1
    with pytest.raises(NotFound):
        results.get("person-1", kept.name)
    # A new one sweeps what is over, finished or not, and leaves what is not.
    other = _kept(results)
    assert {one.name.partition(".")[0] for one in (tmp_path / FOLDER).iterdir()} == {other.name}


def test_what_is_damaged_is_told(tmp_path: Path) -> None:
    results = Results(tmp_path, Clock())
    kept = _kept(results)
    (tmp_path / FOLDER / kept.name).write_bytes(b"{torn")
    with pytest.raises(Unavailable):
        results.page(kept, 0)
    (tmp_path / FOLDER / f"{kept.name}.json").write_bytes(b"{torn")
    with pytest.raises(NotFound):
        results.get("person-1", kept.name)
    results.forget(kept.name)
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    results = Results(tmp_path, Clock())
    results.sweep()
    with pytest.raises(Unavailable):
        results.write(results.begin()[0])
