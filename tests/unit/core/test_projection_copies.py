"""How copies are made: which order, name and version they get, and what of a definition stays in them."""

from __future__ import annotations

import pytest

from support.graphs import (
    CLEAR,
    FRIEND,
    GREEN,
    OTHERS,
    PAST,
    READER,
    RED,
    TO_MORE,
    UNNAMED,
    Object,
    fixed_uuid,
    make,
)
from support.projecting import OPEN, SHUT, marked, see, tool, without
from titian.core.copying import inner_first, next_version, reachable
from titian.core.marking import HANDLING_EXTENSION

# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────

TREES: dict[str, dict[str, list[str]]] = {
    "nothing": {},
    "alone": {"a": [], "b": []},
    "a chain": {"a": ["b"], "b": ["c"], "c": ["d"], "d": []},
    "a chain from the other end": {"a": [], "b": ["a"], "c": ["b"], "d": ["c"]},
    "branches": {"a": ["b", "c"], "b": ["d", "e"], "c": ["e"], "d": [], "e": []},
    "branches from the other end": {"a": [], "b": [], "c": ["a"], "d": ["a", "b"], "e": ["c", "d"]},
}


@pytest.mark.parametrize("links", TREES.values(), ids=TREES)
def test_each_comes_once_and_after_all_that_it_refers_to(links: dict[str, list[str]]) -> None:
    ordered = inner_first(links)
    assert sorted(ordered) == sorted(links)
    places = {one: place for place, one in enumerate(ordered)}
    assert all(places[ref] < places[one] for one, refs in links.items() for ref in refs)


def test_in_a_circle_each_comes_once_and_after_what_leads_out_of_it() -> None:
    ordered = inner_first({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": [], "e": ["a"]})
    assert sorted(ordered) == ["a", "b", "c", "d", "e"]
    assert ordered.index("d") < min(ordered.index(one) for one in "abc")
    assert ordered[-1] == "e"


def test_all_that_is_referred_to_is_reached_however_far_and_by_whichever_branch() -> None:
    tree = {"a": ["b", "c"], "b": ["d"], "c": ["e"], "d": [], "e": []}
    assert {one: reachable(one, tree) for one in tree} == {
        "a": set("abcde"), "b": {"b", "d"}, "c": {"c", "e"}, "d": {"d"}, "e": {"e"}
    }  # fmt: skip
    circle = tree | {"e": ["c"]}
    assert reachable("c", circle) == reachable("e", circle) == {"c", "e"}


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_law_4_copies_without_versions_bear_the_names_that_they_always_bore() -> None:
    """Under other names, every one that was released before would come to its recipient a second time."""
    files = [make("file", name, name=name, size=7, granular_markings=[marked(RED, "size")]) for name in ("one", "two")]
    folder = make("directory", "folder", path="/", contains_refs=[one["id"] for one in files])
    ids = [f"directory--{fixed_uuid(name)}" for name in ("here", "there")]
    here = make("directory", "here", path="/", contains_refs=[ids[1], files[0]["id"]])
    there = make("directory", "there", path="/", contains_refs=[ids[0]])
    released = see(*files, folder, here, there).projection.released
    assert [released[one["id"]] for one in (*files, folder, here, there)] == [
        "file--bd5ff291-2d51-4120-8cb3-bd5f1b28d2ab",
        "file--53998742-b2f2-427a-8ee6-ee4835ba70cd",
        "directory--c5b332a8-5925-4558-9ab7-a69bf038443d",
        "directory--c951e273-3985-4860-b68e-93fcf96c3003",
        "directory--3c0c7ebf-b7ab-49f3-b4eb-c61a47f2fce4",
    ]


# ── what translates, and what says how others are handled ─────────────────────────────────────────────────


def test_law_5_a_translation_does_not_name_the_source_that_may_not_be_named() -> None:
    told = [{"source_name": "Agency blog", "description": "Report of Agency Nine"}]
    held = tool("t", CLEAR, UNNAMED, created_by_ref=FRIEND, external_references=told)
    said = {"id": {"name": "alat", "external_references": [{"description": "Laporan Agency Nine"}]}}
    translation = make("language-content", "l", CLEAR, object_ref=held["id"], contents=said)
    seen = see(held, translation)
    assert seen.said[translation["id"]]["contents"] == {"id": {"name": "alat"}}
    assert b"Agency Nine" not in b"".join(seen.raw.values())


def test_law_5_a_translation_goes_only_beside_what_it_translates_where_that_went_in_part() -> None:
    cut = tool("cut", description="secret", granular_markings=[marked(RED, "description")])
    said = {"id": {"description": "rahasia"}}
    translation = make("language-content", "l", CLEAR, object_ref=cut["id"], contents=said)
    copy = see(cut).projection.released[cut["id"]]
    later = see(translation, outside={cut["id"]: copy})
    assert later.projection.withheld[translation["id"]].rule == "reference"
    whole = see(translation, outside={cut["id"]: cut["id"]})
    assert translation["id"] in whole.projection.released, "what went whole may be translated whole"


def test_law_1_two_handlings_that_become_one_are_one_in_parts_too() -> None:
    one, other = TO_MORE[:2]
    parts = [marked(one, "description"), marked(other, "description", "name")]
    both = tool("t", description="d", granular_markings=parts)
    alone = tool("t", description="d", granular_markings=[marked(other, "description", "name")])
    found = [see(held).said[held["id"]]["granular_markings"] for held in (both, alone)]
    assert found[0] == found[1]
    assert len(found[0]) == 1


# ── what falls ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("references", [1, 63, 64, 65, 200])
def test_what_has_too_little_left_falls_however_much_it_referred_to(references: int) -> None:
    """Also where others fall before."""
    refs = [f"process--{fixed_uuid(f'gone {n}')}" for n in range(references)]
    small = make("process", "small", parent_ref=refs[0])
    large = make("process", "large", child_refs=refs)
    found = see(OPEN, small, large)
    assert [found.why(one).rule for one in (small, large)] == ["redaction", "redaction"]
    assert list(found.raw) == [OPEN["id"]]


def test_what_fell_with_another_is_not_looked_at_again_and_keeps_its_reason() -> None:
    refs = [f"process--{fixed_uuid(f'gone {n}')}" for n in range(100)]
    fallen = make("process", "p", parent_ref=refs[0])
    joined = make(
        "relationship", "r", relationship_type="related-to", source_ref=OPEN["id"], target_ref=fallen["id"], x_refs=refs
    )
    found = see(OPEN, fallen, joined)
    assert found.why(joined).reason == f"It needs {fallen['id']}, which is withheld (redaction)."


def test_a_translation_of_nothing_falls_with_what_is_taken_out_of_its_object() -> None:
    """It is no STIX, and is not let in: should it be held all the same, the rest goes on."""
    held = tool("t", description="d", granular_markings=[marked(RED, "description")])
    made = make("language-content", "l", object_ref=held["id"])
    found = see(held, made)
    assert found.why(made).rule == "redaction"
    assert found.copy(held) == without(held, "description", "granular_markings")


# ── whom a handling names ─────────────────────────────────────────────────────────────────────────────────


def test_a_copy_of_a_handling_names_its_recipients_though_no_object_tells_of_them() -> None:
    """Without them it would say that it may go to anybody."""
    said = {HANDLING_EXTENSION: {"extension_type": "property-extension", "releasable_to": [READER]}}
    made: Object = {
        "type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{fixed_uuid('by another')}",
        "created": PAST, "created_by_ref": OTHERS[0], "extensions": said,
    }  # fmt: skip
    found = see(made, tool("t", GREEN, made["id"]))
    assert found.copy(made)["extensions"] == said
    assert OTHERS[0].encode() not in found.raw[made["id"]]


def test_law_5_only_a_definition_names_recipients() -> None:
    """The same words in another object are references like all others."""
    said = {"extension_type": "property-extension", "releasable_to": [SHUT["id"]]}
    held = tool("t", CLEAR, extensions={HANDLING_EXTENSION: said})
    left = {HANDLING_EXTENSION: {"extension_type": "property-extension"}}
    assert see(SHUT, held).copy(held) == without(held) | {"extensions": left}


# ── versions ──────────────────────────────────────────────────────────────────────────────────────────────

_SECOND = 1_000_000
NEXT: list[tuple[str, str, int, str]] = [
    ("long before", "1970-01-01T00:00:00.000Z", 5 * _SECOND, "1970-01-01T00:00:05.000Z"),
    ("part of a millisecond is left out", "1970-01-01T00:00:00.000Z", 5 * _SECOND + 1_999, "1970-01-01T00:00:05.001Z"),
    ("a millisecond before", "1970-01-01T00:00:04.999Z", 5 * _SECOND, "1970-01-01T00:00:05.000Z"),
    ("at the same time", "1970-01-01T00:00:05.000Z", 5 * _SECOND, "1970-01-01T00:00:05.001Z"),
    ("in the same millisecond", "1970-01-01T00:00:05.000Z", 5 * _SECOND + 999, "1970-01-01T00:00:05.001Z"),
    ("later than now", "1970-01-01T00:00:07.000Z", 5 * _SECOND, "1970-01-01T00:00:07.001Z"),
    ("between milliseconds", "1970-01-01T00:00:07.000500Z", 5 * _SECOND, "1970-01-01T00:00:07.001Z"),
    ("in whole seconds", "1970-01-01T00:00:07Z", 5 * _SECOND, "1970-01-01T00:00:07.001Z"),
]


@pytest.mark.parametrize(("modified", "at", "due"), [row[1:] for row in NEXT], ids=[row[0] for row in NEXT])
def test_the_next_version_is_of_now_and_strictly_later_than_the_one_before(modified: str, at: int, due: str) -> None:
    assert next_version(modified, at) == due
