"""An answer as programs read it: one row for each value, in JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from titian.core.cells import disarm
from titian.core.collection import timestamp
from titian.core.screening import Hit, Screened

COLUMNS: Final = (
    "value", "normalised", "kind", "match", "score", "standing", "object", "name", "held", "marking", "use", "source",
    "known", "evidence", "benign", "problem",
)  # fmt: skip
"""The columns of a CSV file: a row for each hit, and one for a value without any."""


def row_of(one: Screened) -> dict[str, Any]:
    """Return an answer as one JSON object."""
    return {
        "value": one.value, "normalised": one.normalised, "kind": one.kind.value,
        "hits": [_hit(hit) for hit in one.hits], "benign": list(one.benign), "problem": one.problem,
    }  # fmt: skip


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "match": hit.match.value, "score": hit.score, "standing": None if hit.standing is None else hit.standing.value,
        "evidence": [{"what": one.what, "said": one.said, "speaks_for": one.speaks_for} for one in hit.evidence],
        "object": hit.object, "type": hit.type, "name": hit.name, "value": hit.value, "marking": hit.marking,
        "tlp": None if hit.tlp is None else hit.tlp.label, "pap": None if hit.pap is None else hit.pap.label,
        "use": hit.use, "source": hit.source, "known": timestamp(hit.known),
    }  # fmt: skip


def csv_rows(one: Screened) -> Iterator[list[str]]:
    """Yield an answer as rows of :data:`COLUMNS`. No cell begins as a formula does in a spreadsheet."""
    for hit in one.hits or (None,):
        cells: list[object] = [one.value, one.normalised, one.kind.value]
        if hit is None:
            cells += [""] * 11
        else:
            cells += [
                hit.match.value, hit.score, "" if hit.standing is None else hit.standing.value, hit.object, hit.name,
                hit.value, hit.marking, hit.use, hit.source, timestamp(hit.known),
                " ".join(each.said for each in hit.evidence),
            ]  # fmt: skip
        cells += ["; ".join(one.benign), one.problem or ""]
        yield [disarm(str(cell)) for cell in cells]
