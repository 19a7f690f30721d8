"""CSV of indicators in: a header of well-known columns in any order, or a bare list of values.

Each row becomes an observable, an indicator and the relationship between them. ``csv_export`` writes what
this module reads.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, BinaryIO, Final, NamedTuple
from uuid import UUID, uuid5

import msgspec

from titian.core.cells import disarm as disarm
from titian.core.cells import rearm
from titian.core.errors import InvalidInput, UnreadableFile
from titian.core.marking import Marking, definitions_of
from titian.core.stix import Timestamp, canonical_json, is_identifier, observable_id
from titian.core.tlp import parse_pap, parse_tlp
from titian.wire.indicators import Value, kinds_named, recognise
from titian.wire.stix import Problem

# Ours: an indicator read from CSV has the same id whoever reads the same row.
_ROWS: Final = UUID("0f0c2d1e-3f6a-5d43-8d1c-2d3a6f8f5b10")

COLUMNS: Final = (
    "value",
    "type",
    "object",
    "name",
    "description",
    "labels",
    "confidence",
    "valid_from",
    "valid_until",
    "tlp",
    "pap",
    "statement",
    "source",
    "reference",
    "created",
    "modified",
    "id",
)
"""The columns that are written, in this order; the order is kept between versions."""

_NAMES: Final[Mapping[str, str]] = {column.replace("_", ""): column for column in COLUMNS} | {
    "indicator": "value",
    "indicatorvalue": "value",
    "ioc": "value",
    "iocvalue": "value",
    "observable": "value",
    "kind": "type",
    "indicatortype": "type",
    "ioctype": "type",
    "title": "name",
    "comment": "description",
    "comments": "description",
    "notes": "description",
    "tags": "labels",
    "tag": "labels",
    "label": "labels",
    "firstseen": "valid_from",
    "firstseenutc": "valid_from",
    "expires": "valid_until",
    "expiration": "valid_until",
    "marking": "tlp",
    "references": "reference",
    "externalreference": "reference",
    "provider": "source",
}
_LONGEST_LINE: Final = 1 << 20
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: ?UTC|Z|\+00:00)?)?")


def join_cell(values: Iterable[str], separators: str) -> str:
    """Put several values into one cell, as a JSON list if joining them would lose where one ends.

    >>> join_cell(["a", "b"], ";,"), join_cell(["a;b", "c"], ";,")
    ('a;b', '["a;b","c"]')
    """
    listed = list(values)
    plain = all(one and one.strip() == one and not one.startswith("[") for one in listed)
    if plain and (len(listed) < 2 or separators) and not any(set(one) & set(separators) for one in listed):
        return separators[:1].join(listed)
    return msgspec.json.encode(listed).decode()


def split_cell(cell: str, separators: str) -> list[str]:
    """Return the values of a cell, as :func:`join_cell` wrote it or as people do.

    >>> split_cell("phishing, apt", ",;"), split_cell('["a;b"]', ",;")
    (['phishing', 'apt'], ['a;b'])
    """
    if cell.startswith("["):
        try:
            return msgspec.json.decode(cell, type=list[str])
        except (msgspec.DecodeError, RecursionError):
            pass
    parts = re.split(f"[{re.escape(separators)}]", cell) if separators else [cell]
    return [part.strip() for part in parts if part.strip()]


def read_csv(
    stream: BinaryIO, *, at: Timestamp, problem: Callable[[Problem], None] = lambda one: None
) -> Iterator[bytes]:
    """Yield STIX 2.1 objects from a CSV of indicators, row after row, preceded by the markings they use.

    The same row read twice, with the same ``at``, gives the same bytes. UTF-8, with or without a byte order
    mark; comma, semicolon or tab; lines that begin with ``#`` are comments.

    :param at: stands for ``created`` where a row has none, and for ``valid_from`` where it has neither.
    :param problem: told of every row that is not taken, with its line and the reason.
    :raises UnreadableFile: if there is neither a header that names a value column nor a list of values.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _read_rows(text, at, problem)
    finally:
        text.detach()


def _read_rows(text: io.TextIOWrapper, at: Timestamp, problem: Callable[[Problem], None]) -> Iterator[bytes]:
    lines = _lines(text)
    head: list[str] = []
    for line in lines:
        head.append(line)
        if line.strip() and not line.lstrip().startswith("#"):
            break
    reader = csv.reader(chain(head, lines), delimiter=_separator(head[-1] if head else ""))
    columns: _Columns | None = None
    stated: set[str] = set()
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problem(Problem(f"line {reader.line_num}", f"the row cannot be read: {error}"))
            continue
        if cells is None:
            break
        if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        if columns is None:
            columns, is_header = _columns(cells)
            if is_header:
                continue
        try:
            objects = _row(columns.of(cells), at)
        except InvalidInput as error:
            problem(Problem(f"line {reader.line_num}", str(error)))
            continue
        yield from (raw for name, raw in objects if name not in stated)
        stated |= {name for name, _ in objects if name}
    if columns is None:
        raise UnreadableFile("The file holds no rows.", advice="Give a CSV with a column named value.")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise UnreadableFile("The file has a line of over a million characters; this is no CSV.")
        yield line


def _separator(line: str) -> str:
    """The one that splits the first line into the most columns that we know."""
    unquoted = re.sub(r'"[^"]*"', "x", line)

    def known(separator: str) -> tuple[int, int]:
        names = [_column(cell) for cell in next(csv.reader([line], delimiter=separator), [])]
        return sum(name is not None for name in names), unquoted.count(separator)

    return max(",;\t", key=known)


def _column(header: str) -> str | None:
    return _NAMES.get(re.sub(r"[^a-z0-9]", "", header.lower()))


class _Columns(NamedTuple):
    names: tuple[str | None, ...]
    kinds: frozenset[str] | None

    def of(self, cells: list[str]) -> dict[str, str]:
        if len(cells) > len(self.names) and any(cell.strip() for cell in cells[len(self.names) :]):
            raise InvalidInput(f"the row has {len(cells)} cells under {len(self.names)} columns.")
        row: dict[str, str] = {}
        for name, cell in zip(self.names, cells, strict=False):
            if any("\udc80" <= character <= "\udcff" for character in cell):
                raise InvalidInput("the row is not UTF-8.", advice="Save the file as UTF-8.")
            if name and cell.strip():
                row.setdefault(name, rearm(cell.strip(" ")))
        if self.kinds and "type" not in row:
            row["type"] = min(self.kinds) if len(self.kinds) == 1 else ""
        return row


def _columns(cells: list[str]) -> tuple[_Columns, bool]:
    """The meaning of each column, from the first row, and whether that row was a header."""
    names: list[str | None] = [_column(cell) for cell in cells]
    if "value" in names:
        return _Columns(tuple(names), None), True
    for index, cell in enumerate(cells):
        # A header such as "ip" or "sha256" names the values' column by their kind.
        if kinds := kinds_named(cell):
            names[index] = "value"
            return _Columns(tuple(names), kinds), True
    try:
        recognise(rearm(cells[0]))
    except InvalidInput:
        pass
    else:
        if not any(cell.strip() for cell in cells[1:]):
            return _Columns(("value",), None), False
    raise UnreadableFile(
        "The first row names no column of values.",
        advice="Name the columns; one of them must be value. A bare list of values needs no header.",
    )


def _row(row: dict[str, str], at: Timestamp) -> list[tuple[str, bytes]]:
    """The objects of one row, each with the name under which it is stated once, or none."""
    if "value" not in row:
        raise InvalidInput("the row has no value.")
    kinds = kinds_named(row["type"]) if row.get("type") else None
    if row.get("type") and kinds is None:
        raise InvalidInput(f"{row['type']!r} is not a type that is read from CSV.")
    value = recognise(row["value"], kinds)
    definitions = definitions_of(_marking(row))
    marked: dict[str, Any] = {"object_marking_refs": list(definitions)} if definitions else {}
    observable = _observable(value, marked)
    objects = [(identifier, raw) for identifier, raw in definitions.items()]
    objects.append(("", msgspec.json.encode(observable)))
    if row.get("object", "indicator").lower() not in ("indicator", "observable"):
        raise InvalidInput(f"{row['object']!r} is neither indicator nor observable.")
    if row.get("object", "").lower() != "observable":
        indicator = _indicator(value, row, marked, at)
        objects.append(("", msgspec.json.encode(indicator)))
        objects.append(("", msgspec.json.encode(_relationship(indicator, observable["id"], marked))))
    return objects


def _marking(row: Mapping[str, str]) -> Marking:
    return Marking(
        tlp=parse_tlp(row["tlp"]) if "tlp" in row else None,
        pap=parse_pap(row["pap"]) if "pap" in row else None,
        statements=frozenset(split_cell(row.get("statement", ""), "")),
    )


def _observable(value: Value, marked: dict[str, Any]) -> dict[str, Any]:
    properties = value.observable
    kind: str = properties.pop("type")
    head: dict[str, Any] = {"type": kind, "spec_version": "2.1", "id": observable_id(kind, properties)}
    return head | properties | marked


def _indicator(value: Value, row: Mapping[str, str], marked: dict[str, Any], at: Timestamp) -> dict[str, Any]:
    created = _timestamp(row, "created") or at.text
    modified = _timestamp(row, "modified") or created
    valid_from = _timestamp(row, "valid_from") or created
    valid_until = _timestamp(row, "valid_until")
    if Timestamp.parse(modified) < Timestamp.parse(created):
        raise InvalidInput("modified is before created.")
    if valid_until and Timestamp.parse(valid_until) <= Timestamp.parse(valid_from):
        raise InvalidInput("valid_until is not after valid_from.")
    said: dict[str, Any] = {name: row[name] for name in ("name", "description") if name in row}
    said |= {"pattern": value.pattern, "pattern_type": "stix", "valid_from": valid_from}
    said |= {"valid_until": valid_until} if valid_until else {}
    labels = list(dict.fromkeys(split_cell(row.get("labels", ""), ",;|")))
    said |= {"labels": labels} if labels else {}
    said |= _confidence(row) | _reference(row) | marked
    identifier = row.get("id") or f"indicator--{uuid5(_ROWS, canonical_json(said).decode())}"
    if not (is_identifier(identifier) and identifier.startswith("indicator--")):
        raise InvalidInput(f"{identifier!r} is not the id of an indicator.")
    head: dict[str, Any] = {"type": "indicator", "spec_version": "2.1", "id": identifier}
    return head | {"created": created, "modified": modified} | said


def _relationship(indicator: Mapping[str, Any], target: str, marked: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "created": indicator["created"],
        "modified": indicator["created"],
        "relationship_type": "based-on",
        "source_ref": indicator["id"],
        "target_ref": target,
    } | marked
    identifier = f"relationship--{uuid5(_ROWS, canonical_json(said).decode())}"
    head: dict[str, Any] = {"type": "relationship", "spec_version": "2.1", "id": identifier}
    return head | said


def _timestamp(row: Mapping[str, str], column: str) -> str | None:
    """A STIX timestamp, or a date or time of the usual ISO spelling, which is taken as UTC."""
    text = row.get(column)
    if text is None:
        return None
    match = _DATE.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{column} {text!r} is not a date.", advice="Write it as 2026-03-01T12:00:00Z.")
    time = match[2] or "00:00:00"
    time += ":00" if len(time) == 5 else ""
    time += ".000" if "." not in time else ""
    return Timestamp.parse(f"{match[1]}T{time}Z").text


def _confidence(row: Mapping[str, str]) -> dict[str, Any]:
    if "confidence" not in row:
        return {}
    text = row["confidence"].removesuffix("%").strip()
    if not re.fullmatch(r"\d{1,3}", text, re.ASCII) or int(text) > 100:
        raise InvalidInput(f"confidence {row['confidence']!r} is not a number from 0 to 100.")
    return {"confidence": int(text)}


def _reference(row: Mapping[str, str]) -> dict[str, Any]:
    """``source`` names who says so, ``reference`` is where, or their own number for it."""
    source, reference = row.get("source"), row.get("reference")
    if source is None and reference is None:
        return {}
    one = {"source_name": source or "reference"}
    if reference is not None:
        one["url" if re.match(r"https?://", reference) else "external_id"] = reference
    elif source is not None:
        one["description"] = source
    return {"external_references": [one]}
