"""CSV of indicators out: one row per value, with the columns that ``csv`` reads back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from csv import DictWriter
from typing import Any, BinaryIO

import msgspec

from titian.core.cells import disarm
from titian.core.errors import InvalidInput
from titian.core.marking import Marking, read_markings
from titian.wire.csv import COLUMNS, join_cell
from titian.wire.indicators import from_observable, from_pattern
from titian.wire.stix import Problem


class _Exported(msgspec.Struct):
    type: str
    id: str
    pattern: str = ""
    pattern_type: str = ""
    name: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    confidence: int | None = None
    valid_from: str = ""
    valid_until: str = ""
    created: str = ""
    modified: str = ""
    revoked: bool = False
    relationship_type: str = ""
    source_ref: str = ""
    target_ref: str = ""
    external_references: tuple[dict[str, Any], ...] = ()


def write_csv(
    objects: Iterable[bytes],
    stream: BinaryIO,
    *,
    definitions: Mapping[str, Marking],
    problem: Callable[[Problem], None] = lambda one: None,
) -> int:
    """Write indicators and observables as CSV (RFC 4180, UTF-8); return the number of rows.

    An observable whose value and marking an indicator's row already holds gets no row of its own. Cells
    that a spreadsheet would run are disarmed.

    :param definitions: as :func:`titian.core.marking.read_markings` wants them.
    :param problem: told of every object that a row cannot hold, and of every one that is refused because
        its marking cannot be written into a row.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    try:
        writer = DictWriter(text, COLUMNS, restval="")
        writer.writeheader()
        return _write_rows(objects, writer, definitions, problem)
    finally:
        text.detach()


def _write_rows(
    objects: Iterable[bytes],
    writer: DictWriter[str],
    definitions: Mapping[str, Marking],
    problem: Callable[[Problem], None],
) -> int:
    count = 0
    covered: set[tuple[str, str, str, str, str]] = set()
    observables: list[dict[str, str]] = []
    held: set[str] = set()
    relations: list[_Exported] = []
    for raw in objects:
        try:
            one = msgspec.json.decode(raw, type=_Exported)
            if one.type == "relationship":
                relations.append(one)
                continue
            row = _exported_row(raw, one, definitions)
        except (msgspec.DecodeError, InvalidInput, RecursionError) as error:
            problem(Problem(_name_of(raw), str(error)))
            continue
        if row is None:
            continue
        held.add(one.id)
        if one.type == "indicator":
            covered.add(_key(row))
            writer.writerow({name: disarm(cell) for name, cell in row.items()})
            count += 1
        else:
            observables.append(row)
    for row in observables:
        if _key(row) not in covered:
            writer.writerow({name: disarm(cell) for name, cell in row.items()})
            count += 1
    for one in relations:
        # Reading the rows back makes this one again; every other is lost.
        if one.relationship_type != "based-on" or not {one.source_ref, one.target_ref} <= held:
            problem(Problem(one.id, "a row cannot hold a relationship"))
    return count


def _key(row: Mapping[str, str]) -> tuple[str, str, str, str, str]:
    return (row["type"], row["value"], row["tlp"], row["pap"], row["statement"])


def _name_of(raw: bytes) -> str:
    try:
        return msgspec.json.decode(raw, type=_Exported).id
    except (msgspec.DecodeError, RecursionError):
        return "an object without an id"


def _exported_row(raw: bytes, one: _Exported, definitions: Mapping[str, Marking]) -> dict[str, str] | None:
    """The row that holds an object, None if it needs none. Raises InvalidInput with the reason."""
    if one.type == "marking-definition":
        return None
    if one.type == "indicator":
        value = from_pattern(one.pattern) if one.pattern_type == "stix" else None
        if value is None:
            raise InvalidInput("a row holds one value, and this pattern is more than one equality")
        if one.revoked:
            raise InvalidInput("it is revoked, which a row cannot say")
    else:
        value = from_observable(msgspec.json.decode(raw))
        if value is None:
            raise InvalidInput(f"a row holds indicators and single values, not this {one.type}")
    row = dict.fromkeys(COLUMNS, "") | _marking_cells(read_markings(raw, definitions).effective)
    row |= {"value": value.text, "type": value.kind}
    if one.type != "indicator":
        return row | {"object": "observable"}
    return row | {"object": "indicator"} | _indicator_cells(one)


def _indicator_cells(one: _Exported) -> dict[str, str]:
    cells = {name: getattr(one, name) for name in ("name", "description", "id", "created", "modified")}
    cells |= {
        "valid_from": one.valid_from,
        "valid_until": one.valid_until,
        "labels": join_cell(one.labels, ";,|"),
    }
    cells["confidence"] = "" if one.confidence is None else str(one.confidence)
    if one.external_references:
        first = one.external_references[0]
        cells["source"] = str(first.get("source_name", ""))
        cells["reference"] = str(first.get("url") or first.get("external_id") or "")
    return cells


def _marking_cells(marking: Marking) -> dict[str, str]:
    if marking.unknown:
        raise InvalidInput(f"its marking {min(marking.unknown)} is not known here, so nobody may have it")
    if marking.policies:
        raise InvalidInput("a row cannot hold its information exchange policy")
    return {
        "tlp": marking.tlp.label if marking.tlp else "",
        "pap": marking.pap.label if marking.pap else "",
        "statement": join_cell(sorted(marking.statements), ""),
    }
