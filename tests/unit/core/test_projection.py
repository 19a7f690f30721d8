"""What goes out of a selection for one party, case by case: objects, parts, references, sources."""

from __future__ import annotations

import json

import msgspec
import pytest

from support.graphs import (
    AGREEMENT,
    AMBER,
    CLEAR,
    EXPIRED,
    FRIEND,
    GREEN,
    NAMED,
    NOW,
    OTHERS,
    OWN,
    PAST,
    RED,
    STATEMENT,
    STRANGER,
    TO_MORE,
    TO_READER,
    UNKNOWN,
    UNNAMED,
    UNTIL,
    Memory,
    Object,
    World,
    directory,
    fixed_uuid,
    handling,
    make,
)
from support.projecting import OPEN, SHUT, case, marked, see, tool, without
from titian.core.agreement import Consent
from titian.core.projection import project
from titian.core.release import AllOf, Withheld
from titian.core.survey import Held, Survey

# ── whole objects ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_need_not_change_goes_byte_for_byte() -> None:
    raw = json.dumps(OPEN, indent=3).replace("open", "\\u006fpen").encode()
    graph = Memory([Held(OPEN["id"], raw), Held(SHUT["id"], msgspec.json.encode(SHUT))])
    projection, _ = World([], directory()).project(graph)
    assert list(projection.objects(graph)) == [(OPEN["id"], raw)]
    assert projection.released == {OPEN["id"]: OPEN["id"]}
    assert projection.withheld[SHUT["id"]].rule == "tlp-ceiling"
    assert (projection.changed, projection.additions, projection.cuts, projection.sources, projection.ends) == (
        {}, {}, {}, {}, {}
    )  # fmt: skip
    assert projection.terms == World([], directory()).terms()


@pytest.mark.parametrize("order", [1, -1])
def test_definitions_and_identities_go_first_relations_last_and_else_in_the_order_of_the_graph(order: int) -> None:
    one, two = tool("one", CLEAR, STATEMENT), tool("two", GREEN, TO_MORE[0])
    who = make("identity", "who")
    extension = make(
        "extension-definition", "extension", CLEAR, created_by_ref=who["id"], name="e", schema="s", version="1",
        extension_types=["new-sdo"],
    )  # fmt: skip
    joined = make("relationship", "joined", relationship_type="related-to", source_ref=one["id"], target_ref=two["id"])
    seen = make("sighting", "seen", sighting_of_ref=one["id"])
    report = make("report", "report", object_refs=[one["id"]])
    held = [joined, seen, one, report, extension, two, who][::order]
    first, middle, last = [extension, who][::order], [one, report, two][::order], [joined, seen][::order]
    assert list(see(*held).raw) == [TO_READER, STATEMENT, *(one["id"] for one in (*first, *middle, *last))]


def test_without_a_rule_nothing_goes() -> None:
    graph = Memory([Held(OPEN["id"], msgspec.json.encode(OPEN))])
    projection = project(Survey(graph), graph, World([], directory()).terms(), key=b"k", rule=AllOf())
    assert projection.withheld == {OPEN["id"]: Withheld("no-rule", "No rule allows it.")}
    assert not list(projection.objects(graph))


def test_decisions_are_made_for_each_sender_creator_and_person() -> None:
    """Objects of the same markings are not all alike."""
    ours, friends = tool("ours", CLEAR), tool("friend's", GREEN, created_by_ref=FRIEND)
    strangers, sent = tool("stranger's", GREEN, created_by_ref=STRANGER), tool("sent", GREEN)
    person = make("identity", "person", GREEN, identity_class="individual")
    consented, twice = (
        tool("consented", AMBER, created_by_ref=FRIEND),
        tool("not consented", AMBER, created_by_ref=FRIEND),
    )
    other = tool("consented elsewhere", AMBER, created_by_ref=FRIEND)
    consents = tuple(
        Consent(id=f"consent--{n}", originator=whose, objects=frozenset({thing["id"]}), agreement=where, until=until)
        for n, (whose, thing, where, until) in enumerate([
            (STRANGER, consented, AGREEMENT, None), (FRIEND, consented, AGREEMENT, NOW + 1),
            (FRIEND, other, "agreement--other", None), (FRIEND, twice, AGREEMENT, NOW),
        ])
    )  # fmt: skip
    held = [OPEN, ours, friends, strangers, sent, person, consented, twice, other]
    found = see(*held, received={sent["id"]: STRANGER}, consents=consents)
    assert {one["name"]: found.why(one).rule for one in held if one["id"] not in found.raw} == {
        "stranger's": "originator-community", "sent": "originator-community", "person": "personal-data",
        "not consented": "originator-consent", "consented elsewhere": "originator-consent",
    }  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
def test_a_consent_speaks_for_what_it_names_and_for_nothing_like_it(order: int) -> None:
    named, like = (tool(name, AMBER, created_by_ref=FRIEND) for name in ("named", "like"))
    consent = Consent(id="consent--1", originator=FRIEND, objects=frozenset({named["id"]}), agreement=AGREEMENT)
    found = see(*[named, like][::order], consents=(consent,))
    assert named["id"] in found.raw
    assert found.why(like).rule == "originator-consent"


def test_what_the_parts_of_one_object_decide_is_decided_for_no_other() -> None:
    shut = tool("shut by a part", granular_markings=[marked(RED, "name")])
    unnamed = tool("unnamed by a part", created_by_ref=OWN, granular_markings=[marked(UNNAMED, "name")])
    free = [tool("before"), tool("before, of ours", created_by_ref=OWN)]
    also = [tool("after"), tool("after, of ours", created_by_ref=OWN)]
    found = see(*free, shut, unnamed, *also)
    assert found.projection.changed.keys() == {unnamed["id"]}
    assert [one for one in (*free, *also) if found.said.get(one["id"]) != one] == []
    assert found.why(shut).rule == "granular-marking"


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_held_with_markings_that_contradict_is_withheld_and_nothing_like_it(order: int) -> None:
    like = tool("like")
    held = [Held(OPEN["id"], msgspec.json.encode(OPEN), contested=True), Held(like["id"], msgspec.json.encode(like))]
    projection, _ = World([], directory()).project(Memory(held[::order]))
    why = "It is held with different markings, none of them the strictest. Where it is yours, mark it anew."
    assert projection.withheld == {OPEN["id"]: Withheld("contradiction", why)}
    assert list(projection.released) == [like["id"]]


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────

_BOTH = Withheld("granular-marking", "Too little is left of it, or a granular marking points to what it has not.")
NOWHERE = [Withheld("granular-marking", "A granular marking points to what it has not."), _BOTH]
TOO_LITTLE = [Withheld("redaction", "Without what may not go, too little is left of it."), _BOTH]
REFERENCES = [{"source_name": "cve", "url": "https://a.example/", "external_id": "CVE-2026-0001"}] * 2
IPV4 = make("ipv4-addr", "address", value="198.51.100.1")
PARTS: list[tuple[str, Object, str, Object | None]] = [
    ("a text", tool("t", description="d"), "description", {}),
    ("a name", tool("t"), "name", None),
    ("an item", tool("t", labels=["a", "b", "c"]), "labels.[1]", {"labels": ["a", "c"]}),
    ("the last item", tool("t", labels=["a"]), "labels.[0]", {}),
    ("deep inside", tool("t", external_references=REFERENCES), "external_references.[1].url",
     {"external_references": [REFERENCES[0], {"source_name": "cve", "external_id": "CVE-2026-0001"}]}),
    ("part of an item, needed", tool("t", external_references=[{"source_name": "x", "url": "https://a.example/"}]),
     "external_references.[0].source_name", None),
    ("one of a required list", make("report", "r", object_refs=[OPEN["id"], IPV4["id"]]), "object_refs.[0]",
     {"object_refs": [IPV4["id"]]}),
    ("the last of a required list", make("report", "r", object_refs=[OPEN["id"]]), "object_refs.[0]", None),
    ("a required list", make("report", "r", object_refs=[OPEN["id"]]), "object_refs", None),
    ("what is in the identifier", IPV4, "value", None),
    ("a part of that", make("file", "f", hashes={"MD5": "0" * 32, "SHA-1": "0" * 40}), "hashes.MD5", None),
    ("not in the identifier", make("file", "f", hashes={"MD5": "0" * 32}, size=7), "size", {}),
    ("what only ids need", make("process", "p", pid=7, cwd="x"), "pid", {}),
    ("all it says", make("process", "p", pid=7), "pid", None),
    ("a new type", case("c", title="t"), "title", None),
    ("deep in a new type", case("c", title=["t", "u"]), "title.[1]", None),
    ("a date", tool("t"), "created", None),
    ("its identifier", tool("t"), "id", None),
    ("its type", tool("t"), "type", None),
    ("a marking of it", tool("t"), "object_marking_refs", None),
    ("a translation", make("language-content", "l", object_ref=OPEN["id"], contents={"id": {"name": "n", "x": "y"}}),
     "contents.id.name", {"contents": {"id": {"x": "y"}}}),
    ("of a relationship", make("relationship", "r", relationship_type="uses", source_ref=OPEN["id"],
     target_ref=IPV4["id"], description="d"), "description", {}),
]  # fmt: skip


@pytest.mark.parametrize(("thing", "selector", "left"), [row[1:] for row in PARTS], ids=[row[0] for row in PARTS])
def test_a_part_that_may_not_go(thing: Object, selector: str, left: Object | None) -> None:
    held = thing | {"granular_markings": [marked(RED, selector)]}
    found = see(OPEN, IPV4, held) if thing is not IPV4 else see(OPEN, held)
    name = selector.partition(".")[0]
    if left is not None:
        assert found.copy(held) == without(thing, name) | left
        assert found.change(held).removed == (selector,)
        path = tuple(int(step[1:-1]) if step[0] == "[" else step for step in selector.split("."))
        assert found.projection.cuts == {held["id"]: (path,)}
        return
    assert found.projection.cuts == {}
    if found.why(held) in TOO_LITTLE:
        # Nothing forbids to take it: what is left is no STIX.
        assert selector in ("pid", "object_refs.[0]", "external_references.[0].source_name")
    else:
        assert found.why(held) == Withheld(
            "granular-marking", f"Its {name} may not go, and without that it cannot stand."
        )


def test_each_part_is_under_the_wholes_marking_and_its_own() -> None:
    parts = [
        {"lang": "en", "selectors": ["name"]}, marked(AMBER, "labels"), marked(UNKNOWN, "aliases"),
        marked(STATEMENT, "labels.[0]"), marked(EXPIRED, "tool_version", "description"),
    ]  # fmt: skip
    whole = tool("t", labels=["a"], aliases=["b"], tool_version="1", description="d", granular_markings=parts)
    found = see(whole)
    expected = without(whole, "aliases", "tool_version", "description")
    assert found.copy(whole) == expected | {"granular_markings": [parts[0], parts[1], parts[3]]}
    assert found.change(whole).removed == ("aliases", "description", "tool_version")
    assert found.projection.cuts[whole["id"]] == (("aliases",), ("tool_version",), ("description",))
    assert list(found.raw) == [STATEMENT, whole["id"]]
    friends = whole | {"created_by_ref": FRIEND, "labels": ["a", "b"]}
    assert "labels" not in see(friends).copy(friends), "AMBER asks for the friend's consent, for a part as well"


def test_parts_that_may_go_change_nothing_and_places_move_with_what_they_mark() -> None:
    parts = [marked(STATEMENT, "labels.[2]", "description"), marked(RED, "labels.[0]")]
    open_part = tool("o", description="d", granular_markings=[marked(STATEMENT, "description")])
    moved = tool("t", labels=["a", "b", "c"], description="d", granular_markings=parts)
    found = see(open_part, moved)
    assert found.said[open_part["id"]] == open_part
    assert found.copy(moved)["granular_markings"] == [marked(STATEMENT, "labels.[1]", "description")]


@pytest.mark.parametrize(
    "selector", ["labels", "aliases.[1]", "name.[0]", "description.text", "external_references.x", ""]
)
def test_a_selector_that_points_nowhere_withholds_the_object(selector: str) -> None:
    held = tool("t", description="d", aliases=["a"], external_references=REFERENCES)
    held |= {"granular_markings": [marked(RED, selector)]}
    linked = make("relationship", "r", relationship_type="uses", source_ref=OPEN["id"], target_ref=held["id"])
    found = see(OPEN, held, linked)
    assert found.why(held) in NOWHERE
    assert found.why(linked).reason == f"It needs {held['id']}, which is withheld (granular-marking)."


def test_a_part_inside_of_one_that_is_gone_neither_travels_nor_ends() -> None:
    parts = [marked(RED, "external_references"), marked(UNTIL, "external_references.[0].url")]
    held = tool("t", external_references=REFERENCES, granular_markings=parts)
    found = see(held)
    assert found.copy(held) == without(held, "external_references", "granular_markings")
    assert found.projection.ends == {}
    assert found.projection.withheld[UNTIL].rule == "unused"


# ── references ────────────────────────────────────────────────────────────────────────────────────────────

_SIGHTED = {"sighting_of_ref": OPEN["id"]}
MAIL = make("email-addr", "mail", CLEAR, value="a@b.example")
REFS: list[tuple[str, Object, str, Object | None]] = [
    ("source", make("relationship", "r", relationship_type="uses", target_ref=OPEN["id"]), "source_ref:tool", None),
    ("target", make("relationship", "r", relationship_type="uses", source_ref=OPEN["id"]), "target_ref:tool", None),
    ("sighted", make("sighting", "s"), "sighting_of_ref:tool", None),
    ("where, the last", make("sighting", "s", **_SIGHTED), "where_sighted_refs:identity", None),
    ("what of a sighting", make("sighting", "s", **_SIGHTED), "observed_data_refs:observed-data", {}),
    ("translated", make("language-content", "l", contents={"id": {"name": "n"}}), "object_ref:tool", None),
    ("reported", make("report", "k"), "object_refs:tool", None),
    ("noted", make("note", "k", content="c"), "object_refs:tool", None),
    ("opined", make("opinion", "k", opinion="agree"), "object_refs:tool", None),
    ("grouped", make("grouping", "k", context="c"), "object_refs:tool", None),
    ("observed", make("observed-data", "k", first_observed=PAST, last_observed=PAST, number_observed=1),
     "object_refs:tool", None),
    ("from", make("email-message", "m", is_multipart=False), "from_ref:email-addr", None),
    ("sender", make("email-message", "m", is_multipart=False), "sender_ref:email-addr", {}),
    ("traffic source", make("network-traffic", "n", protocols=["tcp"]), "src_ref:ipv4-addr", None),
    ("traffic target", make("network-traffic", "n", protocols=["tcp"]), "dst_ref:ipv4-addr", None),
    ("traffic payload", make("network-traffic", "n", protocols=["tcp"], src_ref=IPV4["id"]),
     "src_payload_ref:artifact", {}),
    ("folder", make("file", "f", name="n"), "parent_directory_ref:directory", None),
    ("content", make("file", "f", name="n"), "content_ref:artifact", {}),
    ("in a folder", make("directory", "d", path="/"), "contains_refs:file", {}),
    ("samples", make("malware", "m", is_family=False, name="n"), "sample_refs:file", {}),
    ("a property of one's own", tool("t"), "x_friend_ref:tool", {}),
    ("one of a new type", case("c"), "lead_ref:tool", None),
    ("many of a new type", case("c"), "item_refs:tool", {}),
]  # fmt: skip


@pytest.mark.parametrize("held", [True, False], ids=["withheld", "not held"])
@pytest.mark.parametrize(("thing", "where", "left"), [row[1:] for row in REFS], ids=[row[0] for row in REFS])
def test_a_reference_to_what_does_not_go(thing: Object, where: str, left: Object | None, held: bool) -> None:
    """It disappears, or takes the object with it."""
    name, _, kind = where.partition(":")
    gone = make(kind, "gone", RED)
    full = thing | {name: [gone["id"]] if name.endswith("s") else gone["id"]}
    found = see(OPEN, IPV4, *([gone] if held else []), full)
    if left is None:
        ending = "is withheld (tlp-ceiling)." if held else "is not in this selection and was not released before."
        assert found.why(full) == Withheld("reference", f"It needs {gone['id']}, which {ending}")
    else:
        assert found.copy(full) == without(full, name)
        assert found.change(full).removed == (f"{name}.[0]" if name.endswith("s") else name,)


@pytest.mark.parametrize("kind", ["report", "sighting"])
def test_a_list_keeps_what_is_left_of_it_until_nothing_is(kind: str) -> None:
    one, two, gone = (make("identity", name) for name in ("one", "two", "gone"))
    two, gone = two | {"object_marking_refs": [RED]}, gone | {"object_marking_refs": [RED]}
    name, more = ("object_refs", {}) if kind == "report" else ("where_sighted_refs", _SIGHTED)
    some = make(kind, "some", **more, **{name: [two["id"], one["id"], gone["id"], two["id"]]})
    none = make(kind, "none", **more, **{name: [two["id"], gone["id"]]})
    found = see(OPEN, one, two, gone, some, none)
    assert found.copy(some) == without(some) | {name: [one["id"]]}
    assert found.change(some).removed == (f"{name}.[0]", f"{name}.[2]", f"{name}.[3]")
    assert found.why(none).rule == "reference"


def test_what_cannot_stand_takes_along_what_cannot_stand_without_it() -> None:
    joined = make("relationship", "r", relationship_type="uses", source_ref=OPEN["id"], target_ref=SHUT["id"])
    about = make("note", "about", content="c", object_refs=[joined["id"]])
    of_note = make("language-content", "l", object_ref=about["id"], contents={"id": {"content": "c"}})
    also = make("report", "also", object_refs=[about["id"], OPEN["id"]])
    found = see(of_note, also, about, joined, SHUT, OPEN)
    assert found.why(about).reason == f"It needs {joined['id']}, which is withheld (reference)."
    assert found.why(of_note).reason == f"It needs {about['id']}, which is withheld (reference)."
    assert found.copy(also)["object_refs"] == [OPEN["id"]]


@pytest.mark.parametrize("whole", [True, False], ids=["the list", "an item"])
def test_a_sighting_whose_places_may_not_go_is_withheld_like_one_whose_places_are(whole: bool) -> None:
    """Else what its withheld property says would decide whether it goes (law 1)."""
    there, gone = make("identity", "there"), make("identity", "gone", RED)
    selector = "where_sighted_refs" if whole else "where_sighted_refs.[0]"
    made = make("sighting", "s", **_SIGHTED, granular_markings=[marked(RED, selector)])
    rest = [] if whole else [gone["id"]]
    seen = see(OPEN, there, gone, made | {"where_sighted_refs": [there["id"], *rest]})
    other = see(OPEN, there, gone, made | {"where_sighted_refs": [gone["id"], *rest]})
    assert seen.raw == other.raw
    assert made["id"] not in seen.raw


def test_a_sighting_stands_on_each_place_once_even_if_its_creator_is_one() -> None:
    there, gone = make("identity", "there"), make("identity", "gone", RED)
    made = make("sighting", "s", CLEAR, **_SIGHTED, where_sighted_refs=[there["id"], gone["id"]])
    made |= {"created_by_ref": gone["id"]}
    found = see(OPEN, there, gone, made)
    assert found.copy(made) == without(made) | {"where_sighted_refs": [there["id"]], "created_by_ref": OWN}


def test_a_sighting_whose_places_go_still_needs_what_was_sighted() -> None:
    there = make("identity", "there")
    made = make("sighting", "s", sighting_of_ref=SHUT["id"], where_sighted_refs=[there["id"]])
    assert see(SHUT, there, made).why(made) == Withheld(
        "reference", f"It needs {SHUT['id']}, which is withheld (tlp-ceiling)."
    )


def test_what_was_released_before_is_there_under_the_name_it_was_given() -> None:
    same, other = f"tool--{fixed_uuid('same')}", f"tool--{fixed_uuid('other')}"
    copy = f"tool--{fixed_uuid('copy')}"
    to_same = make("relationship", "s", relationship_type="uses", source_ref=OPEN["id"], target_ref=same)
    to_other = make("relationship", "o", relationship_type="uses", source_ref=OPEN["id"], target_ref=other)
    gone = make("relationship", "g", relationship_type="uses", source_ref=OPEN["id"], target_ref=SHUT["id"])
    report = make("report", "r", object_refs=[to_other["id"]])
    shown = {same: same, other: copy, SHUT["id"]: SHUT["id"], OPEN["id"]: f"tool--{fixed_uuid('stale')}"}
    found = see(OPEN, SHUT, to_same, to_other, report, gone, outside=shown)
    assert found.said[to_same["id"]] == to_same
    assert found.copy(to_other) == without(to_other) | {"target_ref": copy}
    assert found.change(to_other).removed == ()
    assert found.copy(report)["object_refs"] == [found.projection.released[to_other["id"]]]
    assert found.why(gone).reason == f"It needs {SHUT['id']}, which is withheld (tlp-ceiling)."
    assert found.projection.released[OPEN["id"]] == OPEN["id"]


# ── sources ───────────────────────────────────────────────────────────────────────────────────────────────

BLOG = {"source_name": "Agency blog", "url": "https://agency.example/"}
CVE = {"source_name": "cve", "external_id": "CVE-2026-0001"}
SOURCES: list[tuple[str, str, str | None, str | None, list[Object], list[Object]]] = [
    ("ours, may be named", NAMED, OWN, OWN, [BLOG], [BLOG]),
    ("ours, may not", UNNAMED, OWN, None, [BLOG, CVE], [CVE]),
    ("a friend's, may be named", NAMED, FRIEND, FRIEND, [BLOG], [BLOG]),
    ("a friend's, may not", UNNAMED, FRIEND, OWN, [BLOG], []),
    ("nobody's, may not", UNNAMED, None, None, [CVE], [CVE]),
    ("one that is withheld", NAMED, STRANGER, OWN, [BLOG, CVE], [BLOG, CVE]),
    ("one that is not held", NAMED, OTHERS[0], OWN, [BLOG], [BLOG]),
    ("one shown before", NAMED, OTHERS[1], OTHERS[2], [BLOG], [BLOG]),
]  # fmt: skip


@pytest.mark.parametrize("row", SOURCES, ids=[row[0] for row in SOURCES])
def test_who_a_source_is_told_as(row: tuple[str, str, str | None, str | None, list[Object], list[Object]]) -> None:
    _, attribution, creator, told, before, after = row
    friend = make("identity", "friend", id=FRIEND)
    stranger = make("identity", "stranger", RED, id=STRANGER)
    held = tool("t", CLEAR, attribution, external_references=before)
    held |= {"created_by_ref": creator} if creator else {}
    found = see(friend, stranger, held, outside={OTHERS[1]: OTHERS[2]})
    expected = without(held, "created_by_ref", "external_references")
    expected |= ({"created_by_ref": told} if told else {}) | ({"external_references": after} if after else {})
    if attribution == NAMED and told == creator:
        assert found.said[held["id"]] == held
        assert found.projection.sources == {}
        return
    assert found.copy(held) == expected
    removed = ["created_by_ref"] * (creator is not None and creator != OTHERS[1])
    items = [f"external_references.[{i}]" for i, one in enumerate(before) if one not in after]
    assert found.change(held).removed in [(*removed, *items), (*removed, *["external_references"] * bool(items))]
    unnamed = {held["id"]: creator} if attribution == UNNAMED and creator else {}
    assert found.projection.sources == unnamed


def test_a_part_that_forbids_to_name_the_source_speaks_for_the_whole() -> None:
    held = tool("t", CLEAR, created_by_ref=FRIEND, description="d")
    held |= {"granular_markings": [marked(UNNAMED, "description")]}
    shut = tool("s", CLEAR, created_by_ref=FRIEND, description="d")
    shut |= {"granular_markings": [marked(handling(attribution="must-not", expires=PAST), "description")]}
    found = see(held, shut)
    assert found.copy(held) == without(held) | {"created_by_ref": OWN}
    assert found.copy(shut) == without(shut, "description", "granular_markings") | {"created_by_ref": OWN}
    assert found.projection.sources == {held["id"]: FRIEND, shut["id"]: FRIEND}


@pytest.mark.parametrize(
    "which", ["created_by_ref", "external_references.[0].url", "external_references.[1].external_id"]
)
def test_a_marked_part_that_goes_with_its_source_takes_its_marking_along(which: str) -> None:
    held = tool("t", CLEAR, UNNAMED, created_by_ref=OWN, external_references=[BLOG, CVE])
    held |= {"granular_markings": [marked(STATEMENT, which)]}
    found = see(held)
    parts = [marked(STATEMENT, "external_references.[0].external_id")] if "[1]" in which else []
    allowed = [without(held, "created_by_ref", "granular_markings") | {"external_references": [CVE]}]
    allowed += [allowed[0] | {"granular_markings": parts}] if parts else []
    assert found.copy(held) in allowed


def test_what_is_withheld_names_no_source_that_is_kept_back() -> None:
    held = tool("t", CLEAR, UNNAMED, EXPIRED, created_by_ref=FRIEND)
    assert see(held).projection.sources == {}
