"""What an object says of others and of itself, however it is written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.reading import (
    edge_of,
    event_about,
    events_of,
    instant,
    label_of,
    references_in,
    translations_in,
)

ONE = "tool--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
TWO = "malware--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a12"
AT = 1_735_689_600_000_000


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"object_refs": [ONE, TWO, ONE]}, [("object_refs", ONE), ("object_refs", TWO), ("object_refs", ONE)]),
        ({"a": {"b": [{"c_ref": ONE}]}, "src_ref": TWO}, [("a.b.c_ref", ONE), ("src_ref", TWO)]),
        ({"created_by_ref": ONE, "object_marking_refs": [ONE], "granular_markings": [{"marking_ref": ONE}]}, []),
        ({"x_ref": "not one", "y_ref": 7, "z_refs": [None, {}], "description": ONE}, []),
    ],
)
def test_references_are_properties_that_say_so(value: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert list(references_in(value)) == found


@pytest.mark.parametrize(
    ("path", "label"),
    [("object_refs", "object"), ("src_ref", "src"), ("x.parent_directory_ref", "parent directory"),
     ("sighting_of_ref", "sighting of")],
)  # fmt: skip
def test_labels_are_words(path: str, label: str) -> None:
    assert label_of(path) == label


def test_a_line_has_two_ends() -> None:
    edge = edge_of("relationship--1", {"source_ref": ONE, "target_ref": TWO, "relationship_type": "uses\n" + "x" * 500})
    assert edge is not None
    assert (edge.source, edge.target, edge.id, len(edge.label)) == (ONE, TWO, "relationship--1", 60)
    assert edge_of("relationship--1", {"source_ref": ONE, "target_ref": 7}) is None


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ({"type": "sighting", "last_seen": "2025-01-01T00:00:00Z", "count": 3}, "sighted", "3"),
        ({"type": "sighting", "created": "2025-01-01T00:00:00Z", "count": "3"}, "sighted", ""),
        ({"type": "language-content", "modified": "2025-01-01T00:00:00Z"}, "translated", ""),
        ({"type": "report", "published": "2025-01-01T00:00:00Z", "created": "2024-01-01T00:00:00Z"}, "mentioned", ""),
    ],
)
def test_what_another_object_tells(value: dict[str, Any], kind: str, text: str) -> None:
    told = event_about("x", value)
    assert told is not None
    assert (told.kind, told.at, told.text) == (kind, AT, text)


@pytest.mark.parametrize(
    "value", [{}, {"type": "relationship", "created": "2025-01-01T00:00:00Z"}, {"type": "note", "created": 7}]
)
def test_what_tells_nothing_is_no_event(value: dict[str, Any]) -> None:
    assert event_about("x", value) is None


def test_a_translation_is_old_when_the_object_went_on() -> None:
    value = {"contents": {"id": {"name": "feri"}, "xx": "no"}, "object_modified": "2025-01-01T00:00:00Z"}
    assert [(one.language, one.outdated) for one in translations_in("x", value, AT)] == [("id", False)]
    assert [one.outdated for one in translations_in("x", value, AT + 1)] == [True]
    assert [one.outdated for one in translations_in("x", value, None)] == [False]
    assert list(translations_in("x", {"contents": 7}, AT)) == []


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=30) | st.just(ONE) | st.just("2025-01-01T00:00:00Z"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("a_ref"), inner, max_size=3)
    ),
    max_leaves=10,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["type", "contents", "created", "source_ref", "count", "last_seen", "x_refs"]), anything
    )
)
def test_nothing_in_an_object_makes_it_fail(value: dict[str, Any]) -> None:
    assert all(one == ONE for _, one in references_in(value))
    assert all(event.at == AT for event in events_of("x", value))
    list(translations_in("x", value, AT))
    event_about("x", value)
    edge_of("x", value)
    assert instant(value.get("created")) in (None, AT)
