"""What goes along with what goes: support, definitions, and handlings that name others."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest

from support.graphs import (
    AMBER,
    CLEAR,
    COMMUNITY,
    DEFINITIONS,
    EXPIRED,
    FRIEND,
    GREEN,
    NAMED,
    OTHERS,
    OWN,
    PAST,
    READER,
    RED,
    STATEMENT,
    TO_MORE,
    TO_OTHERS,
    TO_READER,
    UNNAMED,
    Object,
    World,
    definition,
    directory,
    fixed_uuid,
    handling,
    make,
)
from support.projecting import OPEN, SHUT, marked, see, tool, without
from titian.core.marking import HANDLING_EXTENSION
from titian.core.release import Withheld
from titian.core.tlp import Tlp

# ── what goes along ───────────────────────────────────────────────────────────────────────────────────────

UNUSED = Withheld("unused", "Nothing that goes to this party names it.")


def test_support_goes_only_with_what_names_it() -> None:
    creator, chain = make("identity", "creator", CLEAR), make("identity", "chain", CLEAR)
    creator |= {"created_by_ref": chain["id"]}
    idle, hidden, chosen = (make("identity", name) for name in ("idle", "hidden", "chosen"))
    one = tool("one", CLEAR, created_by_ref=creator["id"])
    unnamed = tool("two", CLEAR, UNNAMED, created_by_ref=idle["id"])
    shut = tool("three", RED, created_by_ref=hidden["id"])
    names = {creator["id"], chain["id"], idle["id"], hidden["id"]}
    found = see(one, unnamed, shut, creator, chain, idle, hidden, chosen, support=frozenset(names))
    assert [found.why(idle), found.why(hidden)] == [UNUSED, UNUSED]
    assert {creator["id"], chain["id"], chosen["id"]} <= found.raw.keys()


@pytest.mark.parametrize("order", [1, -1])
def test_support_goes_with_each_of_what_names_it_however_far(order: int) -> None:
    far = [make("identity", f"far {n}", CLEAR) for n in range(3)]
    near = [make("identity", f"near {n}", CLEAR, created_by_ref=one["id"]) for n, one in enumerate(far)]
    note = make("note", "n", CLEAR, content="c", object_refs=[one["id"] for one in near])
    held = [note, *near, *far][::order]
    found = see(*held, support=frozenset(one["id"] for one in (*near, *far)))
    assert found.raw.keys() == {one["id"] for one in held}


@pytest.mark.parametrize("name", ["target_ref", "object_refs", "object_ref", "x_owner_ref", "text"])
def test_support_is_named_by_references_too(name: str) -> None:
    who = make("identity", "who")
    naming = {
        "target_ref": make("relationship", "r", relationship_type="uses", source_ref=OPEN["id"], target_ref=who["id"]),
        "object_refs": make("note", "n", content="c", object_refs=[who["id"]]),
        "object_ref": make("language-content", "l", object_ref=who["id"], contents={"id": {"name": "n"}}),
        "x_owner_ref": tool("t", x_owner_ref=who["id"]),
        "text": tool("t", description=f"of {who['id']}", x_gone_ref=SHUT["id"]),
    }[name]
    found = see(OPEN, naming, who, support=frozenset({who["id"]}))
    assert {naming["id"], who["id"]} <= found.raw.keys()
    digest = hashlib.sha256(found.raw[naming["id"]]).digest()
    assert naming["id"] not in found.projection.changed or found.change(naming).copy.digest == digest


@pytest.mark.parametrize("kind", ["note", "language-content"])
def test_a_definition_goes_with_what_is_about_it(kind: str) -> None:
    more: Object = {"content": "c", "object_refs": [STATEMENT]}
    if kind != "note":
        more = {"object_ref": STATEMENT, "contents": {"id": {"name": "n"}}}
    about = make(kind, "about", **more)
    assert set(see(about, tool("shut", RED, STATEMENT)).raw) == {STATEMENT, about["id"]}


def test_definitions_travel_with_what_they_mark_and_only_then() -> None:
    inner = definition(msgspec.json.encode({
        "type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{fixed_uuid('inner')}",
        "created": PAST, "definition_type": "statement", "definition": {"statement": "inner"},
        "object_marking_refs": [CLEAR, STATEMENT], "created_by_ref": FRIEND,
    }))  # fmt: skip
    who = make("identity", "friend", id=FRIEND)
    one = tool("one", CLEAR, inner)
    part = tool("two", description="d", granular_markings=[marked(NAMED, "description")])
    cut = tool("three", description="d", granular_markings=[marked(EXPIRED, "description")])
    shut = tool("four", RED, TO_READER)
    world = World([one, part, cut, shut, who], directory(), support=frozenset({FRIEND})).with_definitions()
    found = see(*world.with_definitions().objects, support=frozenset({FRIEND}))
    assert found.raw.keys() == {inner, STATEMENT, NAMED, one["id"], part["id"], cut["id"], FRIEND}
    assert {found.projection.withheld[i] for i in (EXPIRED, TO_READER)} == {UNUSED}
    assert found.raw[inner] == msgspec.json.encode(next(o for o in world.objects if o["id"] == inner))


SHUT_MARK = definition(msgspec.json.encode({
    "type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{fixed_uuid('shut')}",
    "created": PAST, "definition_type": "statement", "definition": {"statement": "s"}, "object_marking_refs": [RED],
}))  # fmt: skip


def test_what_is_marked_with_a_withheld_definition_is_withheld() -> None:
    whole = tool("t", CLEAR, SHUT_MARK)
    part = tool("p", description="d", granular_markings=[marked(SHUT_MARK, "description")])
    found = see(whole, part)
    assert found.why(whole).reason == f"It needs {SHUT_MARK}, which is withheld (tlp-ceiling)."
    assert SHUT_MARK.encode() not in b"".join(found.raw.values())


def test_a_report_needs_the_definitions_of_its_markings_whatever_is_left_of_its_list() -> None:
    report = make("report", "r", GREEN, SHUT_MARK, object_refs=[OPEN["id"]])
    assert see(OPEN, report).why(report).reason == f"It needs {SHUT_MARK}, which is withheld (tlp-ceiling)."


def test_a_part_that_is_taken_out_needs_no_definition() -> None:
    parts = [marked(SHUT_MARK, "description"), marked(RED, "description")]
    held = tool("p", description="d", granular_markings=parts)
    assert see(held).copy(held) == without(held, "description", "granular_markings")


@pytest.mark.parametrize("mark", [RED, SHUT_MARK], ids=["may not go", "withheld itself"])
def test_a_marking_of_no_part_keeps_nothing_else_back(mark: str) -> None:
    """It is no STIX, and is not let in: should it be held all the same, the rest goes on."""
    bad = tool("bad", granular_markings=[{"marking_ref": mark}])
    projection, graph = World([bad, OPEN], directory()).with_definitions().project()
    assert dict(projection.objects(graph))[OPEN["id"]] == graph.held[OPEN["id"]].raw


def test_levels_are_the_strictest_of_each_object_that_goes_and_those_of_its_parts() -> None:
    part = tool("p", CLEAR, description="d", labels=["a"], name="n")
    part |= {"granular_markings": [marked(AMBER, "description"), marked(RED, "labels"), marked(STATEMENT, "name")]}
    both = tool("b", CLEAR, GREEN)
    assert see(part).projection.levels == {Tlp.CLEAR, Tlp.AMBER}
    assert see(both, tool("s", RED)).projection.levels == {Tlp.GREEN}
    assert see(tool("s", RED), tool("u", GREEN, EXPIRED)).projection.levels == frozenset()
    assert see(tool("t", CLEAR, TO_MORE[0])).projection.levels == {Tlp.CLEAR}


# ── handlings that name others ────────────────────────────────────────────────────────────────────────────

ALL_NAMES = (READER, "JP", COMMUNITY, OWN, "ID")
ALONE = [(READER,), (READER, OWN), ("JP",), (COMMUNITY, "JP"), (COMMUNITY, OWN), ALL_NAMES]
_ALONE_IDS = ["it", "it and us", "its country", "two names", "its community and us", "every name of both"]
BESIDES = [
    ((READER, OTHERS[0]), (READER,)), (("JP", "FR"), ("JP",)),
    ((COMMUNITY, READER, OTHERS[1], OWN), (COMMUNITY, READER)),
]  # fmt: skip


@pytest.mark.parametrize("named", ALONE, ids=_ALONE_IDS)
def test_a_handling_that_names_this_party_alone_goes_as_it_is(named: tuple[str, ...]) -> None:
    held = tool("t", GREEN, handling(releasable_to=named))
    found = see(held)
    assert list(found.said.values())[1:] == [held]
    assert not found.projection.changed
    assert not found.projection.additions


@pytest.mark.parametrize("where", ["whole", "part"])
@pytest.mark.parametrize(("named", "left"), BESIDES, ids=["parties", "countries", "communities"])
def test_a_handling_that_names_others_is_replaced(named: tuple[str, ...], left: tuple[str, ...], where: str) -> None:
    """By one that names this party only and says all the rest."""
    rest: Object = {"expires": "2027-01-01T00:00:00.000Z", "purposes": ("cybercrime",), "attribution": "may"}
    wide, narrow = handling(releasable_to=named, **rest), handling(releasable_to=left, **rest)
    held = tool("t", GREEN, wide)
    if where == "part":
        held = tool("t", description="d", granular_markings=[marked(wide, "description")])
    found = see(held)
    assert list(found.raw) == [narrow, held["id"]]
    body = found.said[narrow]["extensions"][HANDLING_EXTENSION]
    assert body == {"extension_type": "property-extension", "releasable_to": sorted(left), "purposes": ["cybercrime"],
                    "expires": "2027-01-01T00:00:00.000Z", "attribution": "may"}  # fmt: skip
    assert found.projection.additions == {narrow: found.raw[narrow]}
    assert found.copy(held) == json.loads(json.dumps(without(held)).replace(wide, narrow))
    assert found.change(held).removed == ()
    assert list(found.projection.released) == [held["id"]]
    assert found.projection.ends == {held["id"]: 1798761600000000}


def test_a_handling_that_is_not_needed_is_not_replaced() -> None:
    found = see(tool("t", RED, TO_MORE[0]), tool("u", CLEAR, TO_OTHERS))
    assert found.raw == {}
    assert found.projection.additions == {}
    assert found.projection.withheld[TO_MORE[0]] == found.projection.withheld[TO_OTHERS] == UNUSED


def test_a_handling_made_for_this_party_goes_once() -> None:
    """Whether it is in the selection as well, and however many it stands for."""
    one, two, both = tool("1", GREEN, TO_READER), tool("2", GREEN, TO_MORE[1]), tool("3", GREEN, TO_MORE[0], TO_MORE[1])
    found = see(one, two, both)
    assert [said["id"] for said in found.said.values()].count(TO_READER) == 1
    assert found.copy(two)["object_marking_refs"] == found.copy(both)["object_marking_refs"] == [GREEN, TO_READER]


def test_handlings_made_for_a_party_are_in_an_order_of_their_own() -> None:
    """The order of those that they stand for would tell something of these."""
    until = handling(releasable_to=(READER, OTHERS[0]), expires="2027-01-01T00:00:00.000Z")
    held = tool("1", GREEN, until), tool("2", GREEN, TO_MORE[0])
    world = World([*held], directory()).with_definitions()
    assert list(see(*world.objects).raw) == list(see(*world.objects[::-1]).raw)[:2] + [one["id"] for one in held]


def test_who_made_a_handling_that_is_replaced_does_not_go_along() -> None:
    """What stands in its place names no creator."""
    who = make("identity", "who", CLEAR)
    wide = make(
        "marking-definition", "wide", CLEAR, created_by_ref=who["id"],
        extensions={HANDLING_EXTENSION: {"extension_type": "property-extension", "releasable_to": [READER, OTHERS[0]]}},
    )  # fmt: skip
    del wide["modified"]
    held = tool("t", GREEN, wide["id"])
    found = see(who, wide, held, support=frozenset({who["id"]}))
    assert list(found.raw) == [TO_READER, held["id"]]
    assert found.why(who) == UNUSED


def test_a_definition_that_is_withheld_keeps_none_after_it_from_being_replaced() -> None:
    held = tool("t", GREEN, TO_MORE[0])
    found = see(DEFINITIONS[SHUT_MARK], DEFINITIONS[TO_MORE[0]], held)
    assert list(found.raw) == [TO_READER, held["id"]]


def test_a_definition_that_is_withheld_and_names_others_keeps_its_reason() -> None:
    both = make(
        "marking-definition", "both", RED, definition_type="statement", definition={"statement": "s"},
        extensions={HANDLING_EXTENSION: {"extension_type": "property-extension", "releasable_to": [READER, OTHERS[0]]}},
    )  # fmt: skip
    del both["modified"]
    found = see(both, tool("t", GREEN, both["id"]))
    assert found.why(both).rule == "tlp-ceiling"
    assert found.projection.additions == {}


@pytest.mark.parametrize("where", ["whole", "part"])
@pytest.mark.parametrize("more", ["statement", "extension"])
def test_a_handling_that_names_others_and_says_more_is_withheld(more: str, where: str) -> None:
    said: Object = {"extension_type": "property-extension", "releasable_to": [READER, OTHERS[0]]}
    body: Object = {"definition_type": "statement", "definition": {"statement": "s"}}
    extensions = {HANDLING_EXTENSION: said}
    if more == "extension":
        body, iep = {}, "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
        extensions[iep] = {"extension_type": "property-extension", "tlp": "white"}
    both = definition(msgspec.json.encode({
        "type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{fixed_uuid(more)}",
        "created": PAST, "extensions": extensions, **body,
    }))  # fmt: skip
    held = tool("t", GREEN, both)
    if where == "part":
        held = tool("t", description="d", granular_markings=[marked(both, "description")])
    found = see(held, tool("u", GREEN, TO_MORE[0]))
    assert found.projection.withheld[both] == Withheld("marking", "It names other recipients, and says more besides.")
    assert both.encode() not in b"".join(found.raw.values())
    assert list(found.projection.additions) == [TO_READER], "the one after it is replaced all the same"
    if where == "whole":
        assert found.why(held).reason == f"It needs {both}, which is withheld (marking)."
