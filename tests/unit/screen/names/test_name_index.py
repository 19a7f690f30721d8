"""The index of names: what is put in is found, files that are torn are not believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from titian.core.screening import Facts, HeldName, Match, Standing, ValueKind
from titian.screen.names import NameIndex

PERSON, ORGANISATION = ValueKind.PERSON, ValueKind.ORGANISATION
HELD = [
    "Joko Widodo", "Soeharto", "محمد بن عبد الرحمن", "Владимир Орлов", "Ali bin Hasan", "Hasan bin Ali", "김민수",
    "やまだ はなこ", "สมชาย วัฒนา", "Nguyễn Văn Đức", "Abdurrahman Wahid", "Ivan Petrovich Sidorov", "Budi Santoso",
]  # fmt: skip


def rows(names: list[str], first: int = 0) -> list[tuple[HeldName, int]]:
    return [(HeldName(PERSON, name), first + at) for at, name in enumerate(names)]


@pytest.fixture
def index(tmp_path: Path) -> NameIndex:
    index = NameIndex(tmp_path / "names")
    index.add(rows(HELD))
    return index


@pytest.mark.parametrize("name", HELD)
def test_each_name_is_found_by_itself(index: NameIndex, name: str) -> None:
    hit = index.search(name, kind=PERSON)[0]
    assert (hit.number, hit.score, hit.match, hit.held.name) == (HELD.index(name), 1.0, Match.EXACT, name)
    assert hit.standing is Standing.POSSIBLE


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ("Djoko Widodo", "Joko Widodo"),
        ("Widodo", "Joko Widodo"),
        ("Suharto", "Soeharto"),
        ("Mohammed bin Abdulrahman", "محمد بن عبد الرحمن"),
        ("Wladimir Orloff", "Владимир Орлов"),
        ("Ali b. Hasan", "Ali bin Hasan"),
        ("Minsu Kim", "김민수"),
        ("Hanako Yamada", "やまだ はなこ"),
        ("Somchai Wattana", "สมชาย วัฒนา"),
        ("Duc Van Nguyen", "Nguyễn Văn Đức"),
        ("Abdul Rahman Wahid", "Abdurrahman Wahid"),
        ("Сидоров Иван Петрович", "Ivan Petrovich Sidorov"),
        ("Budi Santosa", "Budi Santoso"),
    ],
)
def test_a_name_is_found_by_another_spelling(index: NameIndex, asked: str, held: str) -> None:
    assert index.search(asked, kind=PERSON, threshold=0.6)[0].held.name == held


@pytest.mark.parametrize(
    ("held", "asked"), [("غسان الزهراني", "Ghassan al-Zahrani"), ("Ghassan al-Zahrani", "غسان الزهراني")]
)
def test_another_script_is_found_among_many_like_it(tmp_path: Path, held: str, asked: str) -> None:
    crowd = [
        f"{first}ha{mid}an Zahra{last}i" for first in "GKBDST" for mid in ("s", "ss", "r", "l", "m") for last in "nml"
    ]
    index = NameIndex(tmp_path)
    index.add(rows([*crowd, held]))
    assert held in [hit.held.name for hit in index.search(asked, kind=PERSON)]


def test_father_and_son_are_not_exchanged(index: NameIndex) -> None:
    assert [hit.held.name for hit in index.search("Ali bin Hasan", kind=PERSON)] == ["Ali bin Hasan"]


def test_kinds_are_apart(tmp_path: Path) -> None:
    index = NameIndex(tmp_path)
    index.add([(HeldName(PERSON, "Maju Jaya"), 1), (HeldName(ORGANISATION, "PT Maju Jaya"), 2)])
    assert [hit.number for hit in index.search("Maju Jaya", kind=PERSON)] == [1]
    assert [hit.number for hit in index.search("Maju Jaya", kind=ORGANISATION)] == [2]
    assert {hit.number for hit in index.search("Maju Jaya")} == {1, 2}


def test_a_second_fact_decides_the_standing(tmp_path: Path) -> None:
    index = NameIndex(tmp_path)
    index.add([
        (HeldName(PERSON, "Ali Salim", Facts(births=("1970",))), 1),
        (HeldName(PERSON, "Ali Salim", Facts(births=("1980",))), 2),
    ])  # fmt: skip
    hits = index.search("Ali Salim", Facts(births=("1980-02-03",)))
    assert [(hit.number, hit.standing) for hit in hits] == [(2, Standing.SUPPORTED), (1, Standing.CONTRADICTED)]


def test_under_several_names_one_is_told_once(tmp_path: Path) -> None:
    index = NameIndex(tmp_path)
    index.add([(HeldName(PERSON, "Ali Salim"), 7), (HeldName(PERSON, "Aly Saleem"), 7)])
    (hit,) = index.search("Ali Salim")
    assert hit.held.name == "Ali Salim"


def test_what_is_added_later_is_found(index: NameIndex, tmp_path: Path) -> None:
    index.add(rows(["Slamet Riyadi"], 100))
    assert [hit.number for hit in index.search("Slamet Riyadi")] == [100]
    again = NameIndex(tmp_path / "names")
    assert [hit.number for hit in again.search("Slamet Rijadi")] == [100]
    assert again.entries == len(HELD) + 1


def test_segments_are_merged_and_lose_nothing(tmp_path: Path) -> None:
    index = NameIndex(tmp_path)
    for at in range(40):
        index.add(rows([f"Slamet {'abcdefghij'[at % 10] * 3}{'mnop'[at // 10]}o Riyadi"], at))
    assert index.entries == 40
    assert index.segments < 8
    assert len(list(tmp_path.iterdir())) == index.segments
    for at in range(40):
        name = f"Slamet {'abcdefghij'[at % 10] * 3}{'mnop'[at // 10]}o Riyadi"
        assert at in [hit.number for hit in index.search(name)]


def test_another_process_sees_what_was_written(index: NameIndex, tmp_path: Path) -> None:
    reader = NameIndex(tmp_path / "names")
    index.add(rows(["Slamet Riyadi"] * 30, 100))
    assert not reader.search("Slamet Riyadi")
    reader.refresh()
    assert reader.search("Slamet Riyadi")


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:-1],
        lambda data: data[:10],
        lambda data: b"",
        lambda data: b"X" + data[1:],
        lambda data: data[:8] + b"\xff" + data[9:],
        lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
        lambda data: data + b"\0",
    ],
    ids=["one byte short", "head only", "empty", "magic", "version", "one bit", "one byte more"],
)
def test_a_harmed_file_is_not_believed(index: NameIndex, tmp_path: Path, harm: object) -> None:
    assert callable(harm)
    (path,) = (tmp_path / "names").glob("*.idx")
    path.write_bytes(harm(path.read_bytes()))
    again = NameIndex(tmp_path / "names")
    assert again.ignored == (path,)
    assert again.search("Soeharto") == []
    # What is added after that does not take the place of the file that is harmed.
    again.add(rows(["Soeharto"]))
    assert again.search("Suharto")


def test_a_file_made_by_other_rules_is_not_used(
    index: NameIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its words were put down otherwise than a question's would be, so it would find less, and nobody would know.
    monkeypatch.setattr("titian.screen.names.index.rules", lambda: 1)
    again = NameIndex(tmp_path / "names")
    assert len(again.ignored) == index.segments
    assert again.search("Soeharto") == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("not ours")
    index = NameIndex(tmp_path)
    index.add(rows(["Soeharto"]))
    index.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["README"]
    assert index.search("Soeharto") == []


def test_names_without_letters_are_not_held(tmp_path: Path) -> None:
    index = NameIndex(tmp_path)
    index.add(rows(["!!!", "", "Ali Salim"]))
    assert index.entries == 1
    assert index.search("???") == []


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_put_in_is_found(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    index = NameIndex(tmp_path_factory.mktemp("names"))
    index.add(rows(names))
    for name in names:
        hits = index.search(name, kind=PERSON)
        assert all(0.0 <= hit.score <= 1.0 for hit in hits)
        if index.entries == len(names):
            assert hits
            assert hits[0].score == 1.0
