"""An object to be read: everything it says stands once in a card, whatever its type, and the card is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.card import (
    MOST_ITEMS,
    MOST_VALUES,
    Card,
    Kind,
    Value,
    armed,
    disarmed,
    disarmed_letters,
    property_order,
    read_card,
)

NAMES = st.sampled_from(
    ["name", "description", "pattern", "object_refs", "source_ref", "x", "created", "labels", "extensions",
     "external_references", "hashes", "value", "revoked", "content"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.just("tool--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11") | st.just("2026-01-01T00:00:00Z"),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
TYPES = st.sampled_from(["report", "indicator", "relationship", "x-unknown", "recall", "file", "sighting", ""])


def _fields(card: Card) -> list[str]:
    sections = (card.lead, card.prose, card.facts, card.references, card.extensions, card.keeping)
    return [field.name for section in sections for field in section]


def _values(value: Value) -> Iterator[Value]:
    yield value
    for one in (*value.items, *(entry.value for entry in value.entries)):
        yield from _values(one)


@given(TYPES, st.dictionaries(NAMES, JSON), st.booleans())
def test_everything_said_stands_once_in_the_card(type_: str, said: dict[str, Any], observable: bool) -> None:
    card = read_card({"type": type_, **said}, observable=observable)
    expected = set(said)
    if isinstance(said.get("external_references"), list):
        assert len(card.sources) == len(said["external_references"])
        expected.discard("external_references")
    if isinstance(said.get("extensions"), dict):
        expected = (expected - {"extensions"}) | set()
        assert [one.name for one in card.extensions] == list(said["extensions"])
    inside = {one.name for one in card.extensions}
    assert sorted(set(_fields(card)) - inside) == sorted(expected - inside)


def test_a_card_is_bounded_and_tells_what_it_left_out() -> None:
    wide = read_card({"type": "x-wide", "x": list(range(10_000))}).facts[0].value
    assert (len(wide.items), wide.more) == (MOST_ITEMS, 10_000 - MOST_ITEMS)
    many = read_card({"type": "x-many", **{f"p{n}": [[n] * 50] * 50 for n in range(100)}})
    assert sum(1 for field in many.facts for _ in _values(field.value)) < MOST_VALUES + MOST_ITEMS
    deep: Any = "end"
    for _ in range(200):
        deep = [deep]
    innermost = list(_values(read_card({"type": "x-deep", "x": deep}).facts[0].value))[-1]
    assert innermost.more == 1


def test_sections_and_leads() -> None:
    tool = "tool--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
    card = read_card(
        {"type": "indicator", "pattern": "[url:value = 'x']", "pattern_type": "stix",
         "valid_from": "2026-01-01T00:00:00Z", "description": "words", "x_ref": tool,
         "created": "2026-01-01T00:00:00Z", "revoked": True, "score": 3}
    )  # fmt: skip
    assert [one.name for one in card.lead] == ["pattern", "pattern_type", "valid_from"]
    assert [one.name for one in card.prose] == ["description"]
    assert [one.name for one in card.references] == ["x_ref"]
    assert [one.name for one in card.facts] == ["score"]
    assert card.revoked
    assert card.text("pattern") == "[url:value = 'x']"
    assert card.get("nothing") is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2026-01-01T00:00:00Z", Kind.INSTANT),
        ("9999-12-31T23:59:59Z", Kind.TEXT),
        ("0001-01-01T00:00:00Z", Kind.TEXT),
        ("2026-13-01T00:00:00Z", Kind.TEXT),
        ("tool--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", Kind.TEXT),
    ],
)
def test_what_looks_like_an_instant_is_one_where_every_zone_has_it(text: str, kind: Kind) -> None:
    assert read_card({"type": "x-one", "x": text}).facts[0].value.kind is kind


def test_references_are_grouped_by_type() -> None:
    one = "tool--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
    other = "file--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
    refs = read_card({"type": "report", "object_refs": [other, one, 7, one]}).get("object_refs")
    assert refs is not None
    assert refs.by_type() == [("tool", [one, one]), ("file", [other])]
    assert [odd.text for odd in refs.odd()] == ["7"]


@given(st.sampled_from(["url", "domain-name", "email-addr", "ipv4-addr", "file"]), st.text(max_size=40))
def test_ranges_stay_true_when_an_address_is_disarmed(type_: str, text: str) -> None:
    assert len(list(disarmed_letters(type_, text))) == len(text)


@pytest.mark.parametrize(
    ("type_", "text"),
    [("url", "https://Evil.example/a.html?b=c@d"), ("url", "HTTP://evil.example"), ("email-addr", "a.b@evil.example"),
     ("ipv4-addr", "198.51.100.3"), ("domain-name", "evil.example")],
)  # fmt: skip
def test_a_disarmed_address_is_no_address_and_can_be_armed_again(type_: str, text: str) -> None:
    safe = disarmed(type_, text)
    assert "http" not in safe.lower()
    assert "@" not in safe.replace("[@]", "")
    assert "." not in safe.replace("[.]", "")
    assert armed(safe) == text


def test_what_is_said_comes_before_how_it_is_kept() -> None:
    assert sorted(["id", "zebra", "name", "created", "description"], key=property_order) == [
        "description", "name", "zebra", "id", "created"
    ]  # fmt: skip
