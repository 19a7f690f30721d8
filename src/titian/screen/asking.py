"""What is asked, read from lines: one value on each, or a table with a heading."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from titian.core.errors import InvalidInput
from titian.core.screening import Asked, Facts, ValueKind

HEADINGS: Final[Mapping[str, str]] = {
    "value": "value", "name": "value", "kind": "kind", "type": "kind", "birth": "birth", "birth_date": "birth",
    "born": "birth", "country": "country", "nationality": "country", "document": "document", "passport": "document",
}  # fmt: skip
"""What the columns of a table may be called, and what they are."""
NO_FACTS: Final = Facts()
LONGEST: Final = 100_000
"""Characters of one line."""


def kind_named(text: str) -> ValueKind | None:
    """Return a kind by its name; ``auto`` is none. Raises :class:`InvalidInput`."""
    if text == "auto":
        return None
    try:
        return ValueKind(text)
    except ValueError:
        known = ", ".join(one.value for one in ValueKind)
        raise InvalidInput(f"{text[:40]!r} is no kind of value.", advice=f"Give auto, {known}.") from None


def asked_in(lines: Iterable[str], kind: ValueKind | None = None, *, facts: Facts = NO_FACTS) -> Iterator[Asked]:
    """Yield what each line asks. A first line that names the columns makes the rest a table (CSV, RFC 4180).

    Empty lines are left out. Raises :class:`InvalidInput` for a line without end.
    """
    checked = _checked(lines)
    first = next(checked, None)
    if first is None:
        return
    columns = _columns(first)
    if columns is None:
        yield from (
            Asked(text, kind, facts) for line in chain([first], checked) if (text := line.strip("\r\n")).strip()
        )
        return
    for row, wrong in _rows(checked):
        cells = {name: cell.strip() for name, cell in zip(columns, row, strict=False) if name and cell.strip()}
        if wrong is not None:
            yield Asked("", kind, problem=wrong)
        elif value := cells.get("value"):
            known, problem = _kind(cells.get("kind", ""), kind)
            own = Facts(births=_some(cells, "birth"), countries=_some(cells, "country"),
                        documents=_some(cells, "document"))  # fmt: skip
            yield Asked(value, known, own if own != NO_FACTS else facts, problem)


def _rows(lines: Iterator[str]) -> Iterator[tuple[list[str], str | None]]:
    """The rows of a table; of one that cannot be read, what is wrong with it."""
    reader = csv.reader(lines)
    while True:
        try:
            yield next(reader), None
        except StopIteration:
            return
        except csv.Error as error:
            yield [], f"Line {reader.line_num:,} of the table cannot be read: {error}."


def _kind(named: str, otherwise: ValueKind | None) -> tuple[ValueKind | None, str | None]:
    try:
        return (kind_named(named.lower()) if named else otherwise), None
    except InvalidInput as error:
        return otherwise, error.message


def _checked(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST:
            raise InvalidInput(f"Line {number:,} is longer than {LONGEST:,} characters: this is no list of values.")
        yield line.removeprefix("\ufeff") if number == 1 else line


def _columns(line: str) -> list[str] | None:
    cells = [cell.strip().lower() for cell in next(csv.reader([line]), [])]
    found = [HEADINGS.get(cell, "") for cell in cells]
    return found if "value" in found and all(HEADINGS.get(cell) or len(cells) > 1 for cell in cells) else None


def _some(cells: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in cells.get(name, "").split(";") if one.strip())
