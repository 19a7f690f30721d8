"""Lines and tables that ask: what is wrong with one is told, and the rest goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.core.screening import Asked, Facts, ValueKind
from titian.screen.asking import asked_in


def test_each_line_is_a_value() -> None:
    found = list(asked_in(["\ufeffa.example\r\n", "\n", "  \n", " b, c \n"], ValueKind.TEXT))
    assert [one.value for one in found] == ["a.example", " b, c "]
    assert {one.kind for one in found} == {ValueKind.TEXT}


def test_a_heading_makes_a_table() -> None:
    lines = [
        "Name,Kind,Birth,Country,Document,Note\n",
        '"A, B",person,1970;1971-02,ID;JP,X1,ignored\n',
        ",person,,,,\n",
    ]
    (one,) = asked_in(lines)
    assert one == Asked(
        "A, B", ValueKind.PERSON, Facts(births=("1970", "1971-02"), countries=("ID", "JP"), documents=("X1",))
    )


def test_what_is_wrong_with_one_row_is_told_and_the_rest_goes_on() -> None:
    found = list(asked_in(["value,kind\n", "a.example,domane\n", "b.example,domain\n"], ValueKind.TEXT))
    assert [(one.value, one.kind) for one in found] == [
        ("a.example", ValueKind.TEXT), ("b.example", ValueKind.DOMAIN),
    ]  # fmt: skip
    assert "no kind of value" in str(found[0].problem)
    assert found[1].problem is None


def test_a_row_that_is_no_row_is_told() -> None:
    cell = "x" * 60_000
    lines = ["value,kind\n", f'"{cell}\n', f"{cell}\n", f'{cell}",domain\n', "b.example,domain\n"]
    found = list(asked_in(lines))
    assert found[-1].value == "b.example"
    assert "cannot be read" in str(found[0].problem)


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no list of values"):
        list(asked_in(["a.example\n", "x" * 100_001]))


@given(st.lists(st.text(max_size=40), max_size=8))
def test_no_lines_are_an_error(lines: list[str]) -> None:
    assert len(list(asked_in(lines))) <= len(lines)
