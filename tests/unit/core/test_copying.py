"""Copies: which identifier and version they bear, how they refer to each other, and what their texts may name."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import msgspec
import pytest

from support.graphs import (
    AGREEMENT,
    CLEAR,
    DAY,
    FRIEND,
    GREEN,
    KEY,
    NOW,
    OTHERS,
    READER,
    RED,
    STATEMENT,
    TO_MORE,
    UNNAMED,
    UNTIL,
    Memory,
    Object,
    World,
    directory,
    fixed_uuid,
    handling,
    make,
)  # fmt: skip
from support.projecting import NOT_HELD, OPEN, SHUT, case, marked, see, tool, without
from titian.core.copying import Copy, Shown
from titian.core.projection import project
from titian.core.stix import Timestamp, is_identifier
from titian.core.survey import Held, Survey

CUT = tool("cut", description="d", granular_markings=[marked(RED, "description")])
FILE = make("file", "file", name="n", size=7, granular_markings=[marked(RED, "size")])


# ── identifiers ───────────────────────────────────────────────────────────────────────────────────────────


def shown(key: bytes = KEY, reader: str = READER, agreement: str = AGREEMENT, thing: Object = CUT) -> str:
    known = directory()
    named = msgspec.structs.replace(known.agreements[AGREEMENT], id=agreement, parties=frozenset(known.parties))
    known = msgspec.structs.replace(known, agreements={AGREEMENT: named})
    world = World([thing], known, reader=reader)
    graph = world.graph()
    return project(Survey(graph), graph, world.terms(), key=key).released[thing["id"]]


@pytest.mark.parametrize("thing", [CUT, FILE], ids=["with versions", "without"])
def test_a_copys_identifier_is_keyed_and_stable_for_one_agreement_and_party(thing: Object) -> None:
    kind = thing["type"]
    found = [
        shown(thing=thing), shown(key=b"another", thing=thing), shown(reader=FRIEND, thing=thing),
        shown(agreement=f"agreement--{fixed_uuid('another')}", thing=thing),
    ]  # fmt: skip
    assert len({thing["id"], *found}) == 5
    assert all(is_identifier(one) and one.startswith(f"{kind}--") and one[len(kind) + 16] == "4" for one in found)
    assert shown(thing=thing) == found[0]


def test_a_copy_keeps_its_identifier_whatever_is_taken_out_and_says_which_version_it_is() -> None:
    other = tool("cut", description="d", labels=["a"], granular_markings=[marked(RED, "labels")])
    found = see(CUT)
    assert found.projection.released == see(other).projection.released == {CUT["id"]: shown()}
    copy = found.change(CUT).copy
    assert copy == Copy(shown(), Timestamp.parse(CUT["modified"]).micros, hashlib.sha256(found.raw[CUT["id"]]).digest())


def test_without_versions_what_a_copy_says_is_in_its_identifier() -> None:
    more = FILE | {"ctime": "2026-01-01T00:00:00Z"}
    less = more | {"granular_markings": [marked(RED, "size", "ctime")]}
    assert shown(thing=more) != shown(thing=less)
    assert shown(thing=less) == shown(thing=FILE)
    assert see(FILE).change(FILE).copy.version is None


def test_without_versions_what_a_copy_refers_to_is_in_its_identifier() -> None:
    """Else two contents would bear one identifier, and nothing would tell which is the later (law 4)."""
    inside = FILE | {"ctime": "2026-01-01T00:00:00Z"}
    inside["granular_markings"] = [marked(RED, "size"), marked(UNTIL, "ctime")]
    folder = make("directory", "folder", path="/", contains_refs=[FILE["id"]])
    outer = make("directory", "outer", path="/", contains_refs=[folder["id"]])
    now = see(outer, inside, folder)
    later = see(outer, inside, folder, at=NOW + 40 * DAY)
    for one in (inside, folder, outer):
        assert now.copy(one) != later.copy(one)
        assert now.projection.released[one["id"]] != later.projection.released[one["id"]]


def test_without_versions_a_circle_is_named_after_all_that_it_refers_to() -> None:
    inside = FILE | {"ctime": "2026-01-01T00:00:00Z"}
    inside["granular_markings"] = [marked(RED, "size"), marked(UNTIL, "ctime")]
    names = [f"directory--{fixed_uuid(name)}" for name in "abc"]
    # Whichever of them is looked at first.
    for inner in range(3):
        refs = [[names[(n + 1) % 3], *([FILE["id"]] if n == inner else [])] for n in range(3)]
        circle = [make("directory", "abc"[n], path="/", contains_refs=refs[n]) for n in range(3)]
        now, later = (see(inside, *circle, at=at) for at in (NOW, NOW + 40 * DAY))
        for one in (inside, *circle):
            assert now.copy(one) != later.copy(one)
            assert now.projection.released[one["id"]] != later.projection.released[one["id"]]


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_law_1_whom_else_a_handling_names_is_in_no_identifier(kind: str) -> None:
    content = {"name": "n"} if kind == "file" else {"path": "/"}
    first, second = (make(kind, "x", GREEN, mark, **content) for mark in TO_MORE[:2])
    assert list(see(first).raw.values()) == list(see(second).raw.values())


# ── following ─────────────────────────────────────────────────────────────────────────────────────────────


def test_everything_that_refers_to_a_copy_follows_it_and_is_one() -> None:
    joined = make("relationship", "j", relationship_type="uses", source_ref=OPEN["id"], target_ref=CUT["id"])
    report = make("report", "r", object_refs=[joined["id"], OPEN["id"]], description=f"On {joined['id']}.")
    scored = make("malware", "m", is_family=False, name="n", x_scores={CUT["id"]: 1})
    creator = make("identity", "i", description="d", granular_markings=[marked(RED, "description")])
    made = tool("made", CLEAR, created_by_ref=creator["id"])
    far = case("far", lead_ref=report["id"])
    folder = make("directory", "folder", path="/", contains_refs=[FILE["id"]])
    found = see(far, report, joined, scored, made, OPEN, CUT, creator, FILE, folder)
    names = found.projection.released
    renamed = [far, report, joined, scored, made, folder]
    for one in renamed:
        expected = json.dumps(without(one))
        for old, new in names.items():
            expected = expected.replace(old, new)
        assert found.copy(one) == json.loads(expected)
        assert found.change(one).removed == ()
    changed = {one["id"] for one in (*renamed, CUT, FILE, creator)}
    assert found.projection.changed.keys() == changed == {old for old, new in names.items() if old != new}


def test_circles_of_references_end() -> None:
    ids = [f"{kind}--{fixed_uuid(kind)}" for kind in ("report", "note", "directory", "x-case")]
    report = make("report", "report", object_refs=[ids[1], ids[0]])
    note = make("note", "note", content="c", object_refs=[ids[0], ids[3]], x_ref=SHUT["id"])
    folder = make("directory", "directory", path="/", contains_refs=[ids[2], NOT_HELD.replace("tool", "file")])
    about = case("x-case", lead_ref=ids[3], other_ref=ids[0])
    found = see(report, note, folder, about)
    names = found.projection.released
    assert found.copy(report)["object_refs"] == [names[ids[1]], names[ids[0]]]
    assert found.copy(note)["object_refs"] == [names[ids[0]], names[ids[3]]]
    assert found.copy(about)["lead_ref"] == names[ids[3]] != ids[3]
    assert found.copy(folder)["contains_refs"] == [names[ids[2]]]
    alone = make("note", "note", content="c", object_refs=[ids[0]])
    fallen = make("report", "report", object_refs=[ids[1]]) | {"object_marking_refs": [RED]}
    assert not see(alone, fallen).raw


def test_a_definition_that_had_to_be_changed_is_a_copy_as_well() -> None:
    made: Object = {
        "type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{fixed_uuid('by')}",
        "created": "2026-01-01T00:00:00.000Z", "created_by_ref": OTHERS[0], "definition_type": "statement",
        "definition": {"statement": "s"},
    }  # fmt: skip
    held = tool("t", CLEAR, made["id"])
    found = see(made, held)
    assert OTHERS[0].encode() not in found.raw[made["id"]]
    assert found.copy(held)["object_marking_refs"] == [CLEAR, found.projection.released[made["id"]]]


# ── versions ──────────────────────────────────────────────────────────────────────────────────────────────

BEFORE, WRITTEN, AFTER = "2025-12-31T00:00:00.000Z", CUT["modified"], "2026-02-01T00:00:00.000Z"
SAME = hashlib.sha256(see(CUT).raw[CUT["id"]]).digest()
VERSIONS: list[tuple[str, str, str | None, bytes, str]] = [
    ("says the same", "", WRITTEN, SAME, WRITTEN),
    ("says the same, was later", "", AFTER, SAME, AFTER),
    ("says another thing, was older", "", BEFORE, b"", WRITTEN),
    ("says another thing", "", WRITTEN, b"", "2026-01-01T00:00:00.001Z"),
    ("says another thing, was later", "", AFTER, b"", "2026-02-01T00:00:00.001Z"),
    ("was between milliseconds", "", "2026-02-01T00:00:00.000500Z", b"", "2026-02-01T00:00:00.001Z"),
    ("bore another identifier", "tool--x", AFTER, b"", WRITTEN),
    ("had no version", "", None, b"", WRITTEN),
]  # fmt: skip


@pytest.mark.parametrize("row", VERSIONS, ids=[row[0] for row in VERSIONS])
def test_law_4_a_copy_that_says_something_else_than_before_is_a_later_version(
    row: tuple[str, str, str | None, bytes, str],
) -> None:
    _, name, version, digest, due = row
    micros = None if version is None else Timestamp.parse(version).micros
    found = see(CUT, shown=Shown(copies={CUT["id"]: Copy(name or shown(), micros, digest)}))
    said = found.copy(CUT)
    assert Timestamp.parse(said.pop("modified")) == Timestamp.parse(due)
    assert said == without(CUT, "description", "granular_markings", "modified")
    assert due != WRITTEN or found.copy(CUT)["modified"] == WRITTEN
    assert found.change(CUT).copy == Copy(shown(), Timestamp.parse(due).micros, SAME)


def test_what_was_a_copy_and_need_not_be_goes_as_it_is() -> None:
    before = {OPEN["id"]: Copy("tool--x", NOW, b"")}
    assert see(OPEN, shown=Shown(copies=before)).said == {OPEN["id"]: OPEN}


# ── texts, keys and spellings ─────────────────────────────────────────────────────────────────────────────

GONE = SHUT["id"]
UUID = GONE.partition("--")[2]
DEFINITION = handling(releasable_to=OTHERS)
TEXTS: list[tuple[str, Object, Object]] = [
    ("in a text", {"description": f"See {GONE}."}, {"description": "See [withheld]."}),
    ("twice, beside another", {"description": f"{GONE},{OPEN['id']} {GONE}"},
     {"description": f"[withheld],{OPEN['id']} [withheld]"}),
    ("in a web address", {"description": f"https://a.example/{GONE}/x"}, {"description": "https://a.example/[withheld]/x"}),
    ("in a list", {"labels": ["a", f"b {GONE}"]}, {"labels": ["a", "b [withheld]"]}),
    ("as an item", {"labels": ["a", GONE]}, {"labels": ["a"]}),
    ("as a key", {"x_scores": {GONE: 1, "all": 2}}, {"x_scores": {"all": 2}}),
    ("as the only key", {"x_scores": {GONE: 1}}, {}),
    ("in a key", {"x_scores": {"all": {f"of {GONE}": {"a": 1}, "b": 2}}}, {"x_scores": {"all": {"b": 2}}}),
    ("deep inside", {"x_seen": [{"by": [{"ref": GONE}], "n": 1}]}, {"x_seen": [{"n": 1}]}),
    ("of another type", {"description": f"See campaign--{UUID}."}, {"description": "See [withheld]."}),
    ("of another type, alone", {"x_ref": f"campaign--{UUID}"}, {}),
    ("of a longer type", {"description": f"See my-{GONE}."}, {"description": "See [withheld]."}),
    ("that nobody holds", {"description": f"See {NOT_HELD}."}, {"description": "See [withheld]."}),
    ("two run together", {"description": f"{GONE}--{UUID}"}, {"description": "[withheld]"}),
    ("beside the name of an extension", {"name": "extension-definition--x", "description": f"See {GONE}."},
     {"name": "extension-definition--x", "description": "See [withheld]."}),
    ("in an extension", {"extensions": {f"extension-definition--{fixed_uuid('e')}": {
        "extension_type": "property-extension", "a": f"of {GONE}"}}},
     {"extensions": {f"extension-definition--{fixed_uuid('e')}": {
         "extension_type": "property-extension", "a": "of [withheld]"}}}),
    ("its own", {"description": "Not {self}."}, {"description": "Not {self}."}),
]  # fmt: skip


@pytest.mark.parametrize("escaped", [False, True], ids=["plain", "escaped"])
@pytest.mark.parametrize(("said", "left"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_law_5_an_identifier_that_may_not_be_told_is_taken_out_wherever_it_stands(
    said: Object, left: Object, escaped: bool
) -> None:
    held = tool("t")
    said = json.loads(json.dumps(said).replace("{self}", held["id"]))
    held |= said
    used = tool("used", RED, DEFINITION)
    found = see(held, OPEN, SHUT, used, escaped=frozenset({held["id"]} if escaped else ()))
    if "{self}" in str(left):
        assert held["id"] not in found.projection.changed
        return
    assert found.copy(held) == without(tool("t")) | {n: v for n, v in left.items() if n in held}
    assert UUID not in json.dumps(list(found.said.values()))


SPELLINGS = {
    "escaped hyphens": GONE.replace("--", "\\u002d\\u002d"), "one escaped hyphen": GONE.replace("--", "-\\u002d"),
    "an escaped letter": GONE.replace("tool", "to\\u006fl"), "an escaped digit": GONE[:-1] + f"\\u{ord(GONE[-1]):04x}",
    "after an escape": f"\\n{GONE}", "after a capital": f"A{GONE}", "after a digit": f"7{GONE}",
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_law_5_however_it_is_spelled(spelling: str) -> None:
    held = tool("t", description="TEXT")
    raw = msgspec.json.encode(held).replace(b"TEXT", f"See {spelling}.".encode())
    graph = Memory([Held(held["id"], raw), Held(GONE, msgspec.json.encode(SHUT))])
    projection, _ = World([], directory()).project(graph)
    out = "".join(json.dumps(json.loads(raw)) for _, raw in projection.objects(graph))
    assert "See" in out
    assert UUID not in out.lower()


def test_law_5_extension_definitions_are_read_like_all_else() -> None:
    """Their own identifier looks like the name of an extension."""
    said = {"name": "e", "schema": "s", "version": "1", "extension_types": ["new-sdo"]}
    held = make("extension-definition", "e", CLEAR, created_by_ref=FRIEND, description=f"See {GONE}.", **said)
    found = see(held, SHUT, outside={FRIEND: FRIEND})
    assert found.copy(held) == without(held) | {"description": "See [withheld]."}


@pytest.mark.parametrize("copied", [False, True], ids=["else unchanged", "else changed"])
def test_law_5_a_handling_that_names_others_is_not_named_in_texts(copied: bool) -> None:
    """Its identifier follows from whom it names."""
    held = tool("t", description=f"Not {DEFINITION}.", **({"x_ref": GONE} if copied else {}))
    found = see(held, SHUT, tool("used", RED, DEFINITION))
    assert "Not " in found.said[held["id"]]["description"]
    assert DEFINITION.encode() not in b"".join(found.raw.values())


def test_law_5_the_names_of_extensions_stay() -> None:
    held = case("c", x_ref=SHUT["id"])
    free = case("d", title="t")
    found = see(held | {"item_refs": [SHUT["id"]]}, free)
    assert found.projection.withheld[held["id"]].rule == "reference"
    assert found.said[free["id"]] == free


def test_law_5_the_identifier_of_a_copys_original_is_told_nowhere() -> None:
    report = make("report", "r", object_refs=[CUT["id"]], description=f"On {CUT['id']}, {STATEMENT}")
    found = see(CUT, report, tool("t", CLEAR, STATEMENT), tool("u", CLEAR, UNNAMED, created_by_ref=FRIEND))
    out = b"".join(found.raw.values()).decode()
    assert not [one for one in (*found.projection.changed, FRIEND) if one.partition("--")[2] in out]


# ── translations ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_taken_out_of_an_object_is_taken_out_of_its_translations() -> None:
    contents = {"id": {"name": "n", "description": "d"}, "ja": {"description": "d"}}
    made = make("language-content", "l", object_ref=CUT["id"], contents=contents)
    empty = make("language-content", "m", object_ref=CUT["id"], contents={"ja": {"description": "d"}})
    other = make("language-content", "o", object_ref=OPEN["id"], contents=contents)
    found = see(CUT, OPEN, made, empty, other)
    name = found.projection.released[CUT["id"]]
    assert found.copy(made) == without(made) | {"object_ref": name, "contents": {"id": {"name": "n"}}}
    assert found.change(made).removed == ("contents.id.description", "contents.ja.description")
    assert found.why(empty).rule == "redaction"
    assert found.said[other["id"]] == other


def test_two_projections_of_one_selection_are_equal_to_the_byte() -> None:
    world = dataclasses.replace(World([CUT, FILE, OPEN], directory()))
    assert list(see(*world.objects).raw.items()) == list(see(*world.objects).raw.items())
