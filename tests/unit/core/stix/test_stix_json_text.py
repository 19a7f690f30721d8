"""Reading JSON with distrust: repeated keys, depth, and sameness of content."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from titian.core.stix import same_content
from titian.core.stix.json_text import decode, has_unique_keys, repeated_keys, too_deep

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
AWKWARD = st.sampled_from(['":', '\\":', '\\\\":', '"', "\\", ":", "a", '\\u0022":', "é", "\x7f", " :", "/"])
AWKWARD_TEXT = st.lists(AWKWARD, max_size=4).map("".join)


def spell(text: str, style: int) -> str:
    """One of the ways to write a JSON string."""
    if style == 0:
        return json.dumps(text)
    if style == 1:
        return json.dumps(text, ensure_ascii=False)
    return '"' + "".join(f"\\u{ord(letter):04x}" for letter in text) + '"'


@settings(max_examples=1_000)
@given(st.lists(st.tuples(AWKWARD_TEXT, AWKWARD_TEXT), max_size=5), st.integers(0, 2), st.sampled_from(["", " "]))
@example([("a", '":'), ("a", "")], 2, "")
@example([("", ""), ("", ""), (":", "")], 2, "")
@example([("a\\", "1"), ("a\\", "2")], 0, " ")
def test_no_repeated_key_escapes(pairs: list[tuple[str, str]], style: int, space: str) -> None:
    members = [f"{spell(key, style)}{space}:{space}{spell(value, style)}" for key, value in pairs]
    raw = ("{" + f",{space}".join(members) + "}").encode()
    keys = [key for key, _ in pairs]
    unique = len(set(keys)) == len(keys)
    assert has_unique_keys(raw, decode(raw)) is unique
    assert (repeated_keys(raw) == []) is unique


@given(JSON_VALUES)
def test_what_was_written_from_a_value_repeats_no_key(value: Any) -> None:
    raw = json.dumps([value]).encode()
    assert has_unique_keys(raw, decode(raw))


def test_repeated_keys_are_named_with_their_paths() -> None:
    raw = b'{"a":{"b":1,"b":2},"c":[0,{"d e":1,"d e":1,"d e":1}],"a":{"b":1,"b":2}}'
    assert sorted(repeated_keys(raw)) == [".a", ".a.b", ".c[1]['d e']"]


@pytest.mark.parametrize(("depth", "fine"), [(64, True), (65, False), (900, False)])
def test_depth_is_bounded(depth: int, fine: bool) -> None:
    value: Any = 1
    for level in range(depth):
        value = {"k": value} if level % 2 else [value]
    assert (too_deep(value) is None) is fine


SAME = [
    pytest.param('{"a":1,"b":2}', '{ "b" : 2,\n"a":1}', id="whitespace and order"),
    pytest.param('"é/"', '"\\u00e9\\/"', id="escapes"),
    pytest.param("[1,100,0.5]", "[1.0,1e2,5E-1]", id="numbers"),
    pytest.param('"2020-01-01T00:00:00Z"', '"2020-01-01T00:00:00.000Z"', id="instant"),
    pytest.param("-0", "0", id="minus zero"),
]
OTHER = [
    pytest.param("true", "1", id="true is not 1"),
    pytest.param("[false]", "[0]", id="false is not 0"),
    pytest.param("null", "0", id="null"),
    pytest.param('"1"', "1", id="text is no number"),
    pytest.param("[1,2]", "[2,1]", id="lists have an order"),
    pytest.param("[1]", "[1,1]", id="length"),
    pytest.param('{"a":1}', '{"a":1,"b":null}', id="more keys"),
    pytest.param('"2020-01-01T00:00:00Z"', '"2020-01-01T00:00:00.0000001Z"', id="later by 100 ns"),
    pytest.param('"2020-01-01T00:00:00Z"', '"2020-01-01T00:00:00+00:00"', id="not a STIX timestamp"),
    pytest.param('{"a":1,"a":2}', '{"a":2}', id="repeated key"),
    pytest.param("{", "{ ", id="unreadable"),
    pytest.param('"é"', '"e\\u0301"', id="no Unicode normalisation"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_content(one: str, other: str) -> None:
    assert same_content(one.encode(), other.encode())
    assert same_content(other.encode(), one.encode())


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_content(one: str, other: str) -> None:
    assert not same_content(one.encode(), other.encode())
    assert not same_content(other.encode(), one.encode())


@given(JSON_VALUES)
def test_spelling_does_not_count(value: Any) -> None:
    assert same_content(
        json.dumps(value).encode(), json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).encode()
    )


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_it_is_reflexive_and_symmetric_on_any_bytes(one: bytes, other: bytes) -> None:
    assert same_content(one, one)
    assert same_content(one, other) == same_content(other, one)


@given(JSON_VALUES, JSON_VALUES)
def test_it_is_symmetric_on_json(one: Any, other: Any) -> None:
    left, right = json.dumps(one).encode(), json.dumps(other).encode()
    assert same_content(left, right) == same_content(right, left)


def test_large_and_deep_texts_take_no_quadratic_time() -> None:
    started = time.process_time()
    assert same_content(b"[" + b"1," * 500_000 + b"1]", b"[ " + b"1," * 500_000 + b"1]")
    assert not same_content(b"[" * 500_000, b"[" * 500_000 + b" ")
    assert time.process_time() - started < 20
