"""What differs between two versions: the pieces make both texts again, and nothing takes long."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from titian.core.difference import Kind, Piece, difference

TEXTS = st.text(alphabet="ab \n攻撃", max_size=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcde"), VALUES, max_size=5)


def _side(pieces: tuple[Piece, ...], without: Kind) -> str:
    return "".join(one.text for one in pieces if one.kind is not without)


@given(TEXTS, TEXTS)
def test_the_pieces_make_both_texts_again(before: str, after: str) -> None:
    found = difference({"x": before}, {"x": after}).changes
    assert bool(found) == (before != after)
    for change in found:
        assert _side(change.pieces, Kind.ADDED) == before
        assert _side(change.pieces, Kind.REMOVED) == after


@given(OBJECTS, OBJECTS)
def test_what_is_equal_is_not_told_and_what_is_not_is(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert difference(before, before).changes == ()
    told = {change.path.partition(".")[0] for change in difference(before, after).changes}
    missing = object()
    same = {
        name
        for name in before.keys() | after.keys()
        if repr(_sorted(before.get(name, missing))) == repr(_sorted(after.get(name, missing)))
    }
    # An empty dictionary that comes or goes is told; one inside another is told by its path.
    assert told == (before.keys() | after.keys()) - same


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def test_words_are_told_apart_and_hashes_are_not() -> None:
    words = difference({"x": "one two three"}, {"x": "one four three"}).changes[0].pieces
    assert [(one.kind, one.text) for one in words] == [
        (Kind.SAME, "one "), (Kind.REMOVED, "two"), (Kind.ADDED, "four"), (Kind.SAME, " three")
    ]  # fmt: skip
    stamps = difference({"x": "2026-01-01T00:00:00Z"}, {"x": "2026-01-02T00:00:00Z"}).changes[0].pieces
    assert [one.kind for one in stamps] == [Kind.REMOVED, Kind.ADDED]


def test_properties_inside_others_are_told_by_their_path_in_the_order_given() -> None:
    before = {"z": 1, "extensions": {"e": {"kind": "a", "same": 1}}}
    after = {"z": True, "extensions": {"e": {"kind": "b", "same": 1, "new": "c"}}}
    found = difference(before, after, order=lambda name: name != "z").changes
    assert [(one.path, one.kind) for one in found] == [
        ("z", Kind.CHANGED), ("extensions.e.kind", Kind.CHANGED), ("extensions.e.new", Kind.ADDED)
    ]  # fmt: skip


def test_what_is_the_same_and_far_away_is_left_out() -> None:
    long = "word " * 2_000
    pieces = difference({"x": f"{long}old {long}"}, {"x": f"{long}new {long}"}).changes[0].pieces
    assert [one.kind for one in pieces] == [
        Kind.LEFT_OUT, Kind.SAME, Kind.REMOVED, Kind.ADDED, Kind.SAME, Kind.LEFT_OUT
    ]  # fmt: skip
    assert sum(len(one.text) for one in pieces) < 1_000


def test_a_list_is_told_item_by_item() -> None:
    pieces = difference({"x": ["a one", "b two", "c"]}, {"x": ["a one", "c"]}).changes[0].pieces
    assert [(one.kind, one.text) for one in pieces if one.kind is not Kind.SAME] == [(Kind.REMOVED, "b two\n")]


def test_no_pair_of_texts_takes_long() -> None:
    started = time.perf_counter()
    for before, after in (
        ("a b " * 250_000, "b a " * 250_000), ("x " * 500_000, "y " + "x " * 499_999 + "z"),
        ("攻" * 300_000, "撃" * 300_000), ("a " * 7_000, "a " * 7_000 + "b " * 7_000),
    ):  # fmt: skip
        assert difference({"x": before}, {"x": after}).changes
    assert time.perf_counter() - started < 10


def test_ever_so_many_properties_are_bounded() -> None:
    found = difference({f"p{n}": "a b" for n in range(3_000)}, {f"p{n}": "b a" for n in range(3_000)})
    assert (len(found.changes), found.more) == (500, 2_500)
