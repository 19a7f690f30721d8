"""A translation mirrors its target (STIX 2.1 section 7.1.1)."""

from __future__ import annotations

from typing import Any

import pytest

from titian.core.stix import mirror_errors

TARGET = {
    "name": "Bank Attack",
    "confidence": 3,
    "goals": ["Steal money", "Steal cards"],
    "external_references": [{"source_name": "a", "description": "x"}],
}
ROWS = [
    pytest.param({"name": "Bank Angriff"}, [], id="text for text"),
    pytest.param({"goals": ["Voler", ""]}, [], id="empty text is not translated"),
    pytest.param({"external_references": [{"description": "y"}]}, [], id="object for object"),
    pytest.param({"external_references": [""]}, [], id="object not translated"),
    pytest.param({"unknown": 1, "confidence": "drei"}, [], id="ignored"),
    pytest.param({"name": ["x"]}, ["$.contents.de.name"], id="list for text"),
    pytest.param({"goals": "x"}, ["$.contents.de.goals"], id="text for list"),
    pytest.param({"goals": ["x"]}, ["$.contents.de.goals"], id="shorter list"),
    pytest.param({"goals": ["x", 1]}, ["$.contents.de.goals[1]"], id="number for text"),
    pytest.param(
        {"external_references": [{"description": 1}]},
        ["$.contents.de.external_references[0].description"],
        id="deep",
    ),
]


@pytest.mark.parametrize(("texts", "errors"), ROWS)
def test_mirror_errors(texts: dict[str, Any], errors: list[str]) -> None:
    assert mirror_errors({"de": texts}, TARGET) == tuple(errors)
