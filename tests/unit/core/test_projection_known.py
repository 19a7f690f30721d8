"""What the recipient has sent here itself: an object of ours may refer to it, whatever becomes of that object here."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from support.graphs import CLEAR, FRIEND, GREEN, OWN, READER, RED, STRANGER, Object, World, directory, make, outcome
from support.projecting import SHUT, Result, see, tool
from titian.core.copying import Shown
from titian.core.survey import Survey

THEIRS = tool("theirs", RED, created_by_ref=READER)
KNOWN = Shown(known=frozenset({THEIRS["id"]}))
SELF = make("identity", "self", CLEAR) | {"id": OWN}

OURS = {
    "sighting": lambda ref, **more: make("sighting", "s", sighting_of_ref=ref, where_sighted_refs=[OWN], **more),
    "relationship": lambda ref, **more: make(
        "relationship", "r", relationship_type="related-to", source_ref=OWN, target_ref=ref, **more
    ),
    "report": lambda ref, **more: make("report", "p", object_refs=[ref], **more),
    "note": lambda ref, **more: make("note", "n", content="c", object_refs=[ref], **more),
    "text": lambda ref, **more: tool("t", description=f"like {ref}", **more),
}
"""Objects that cannot stand without what they refer to, and one that names it in a text."""


def told(thing: Object, *others: Object, **rest: Any) -> Result:
    return see(SELF, *others, thing, **rest)


@pytest.mark.parametrize("what", OURS)
@pytest.mark.parametrize("held", [(), (THEIRS,)], ids=["outside", "in the selection, withheld"])
def test_an_object_of_ours_may_refer_to_what_the_recipient_sent(what: str, held: tuple[Object, ...]) -> None:
    thing = OURS[what](THEIRS["id"], created_by_ref=OWN)
    found = told(thing, *held, received={THEIRS["id"]: READER}, shown=KNOWN)
    assert found.said[thing["id"]] == thing, "whole, under its own identifier"
    assert THEIRS["id"] not in found.projection.released
    before = told(thing, *held, received={THEIRS["id"]: READER})
    assert THEIRS["id"].encode() not in b"".join(before.raw.values()), "otherwise it is hidden"


@pytest.mark.parametrize("what", OURS)
@pytest.mark.parametrize(
    "whose",
    [{"created_by_ref": FRIEND}, {"created_by_ref": STRANGER}, {"received": FRIEND}, {"received": READER}],
    ids=["a friend's", "a stranger's", "sent by a friend", "sent by the recipient"],
)
def test_law_3_an_object_of_others_may_not(what: str, whose: dict[str, str]) -> None:
    thing = OURS[what](THEIRS["id"], **{k: v for k, v in whose.items() if k != "received"})
    received = {thing["id"]: whose["received"]} if "received" in whose else {}
    found = told(thing, shown=KNOWN, received=received)
    assert THEIRS["id"].encode() not in b"".join(found.raw.values())


def test_law_5_what_else_is_hidden_stays_hidden() -> None:
    thing = make("report", "p", object_refs=[THEIRS["id"], SHUT["id"]], created_by_ref=OWN)
    found = told(thing, SHUT, shown=KNOWN)
    assert found.copy(thing)["object_refs"] == [THEIRS["id"]]
    assert SHUT["id"].encode() not in b"".join(found.raw.values())


def test_law_5_the_source_of_an_object_is_named_no_further_for_it() -> None:
    """Who sends the identities of all the world does not learn from whom we have something."""
    thing = tool("of a friend", CLEAR, created_by_ref=FRIEND)
    plain, knowing = (told(thing, shown=Shown(known=known)) for known in ((), {FRIEND}))
    assert knowing.raw == plain.raw
    assert plain.said[thing["id"]]["created_by_ref"] == OWN


def test_law_1_a_marking_that_may_not_go_takes_its_object_along() -> None:
    from_others = tool("marked", "marking-definition--00000000-0000-4000-8000-00000000000f")
    found = told(from_others, shown=Shown(known={"marking-definition--00000000-0000-4000-8000-00000000000f"}))
    assert from_others["id"] not in found.raw


@pytest.mark.parametrize("what", OURS)
def test_law_1_it_does_not_matter_what_is_held_of_it(what: str) -> None:
    """With any marking, or not at all: the recipient sees the same."""
    thing = OURS[what](THEIRS["id"], created_by_ref=OWN)
    base = World([SELF, thing], directory(), shown=KNOWN).with_definitions()
    alone = outcome(base)
    unknown = tool("theirs", "marking-definition--00000000-0000-4000-8000-00000000000f")
    for other in (THEIRS, unknown, THEIRS | {"name": "x"}):
        beside = dataclasses.replace(base, objects=[*base.objects, other], received={other["id"]: READER})
        assert outcome(beside) == alone


def test_what_is_known_is_looked_for_in_what_is_ours_alone() -> None:
    ours, theirs = OURS["report"](THEIRS["id"]), OURS["note"](SHUT["id"], created_by_ref=FRIEND)
    world = World([ours, theirs, tool("plain", GREEN)], directory())
    assert set(Survey(world.graph()).named_by(OWN)) == {THEIRS["id"]}
