"""Laws of the projection (DESIGN.md, section 4): noninterference, bytes kept, hidden identifiers, ends; and its scale.

Worlds are random, see `support.graphs`; what they should become is worked out by `support.projection_oracle`.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import time
from collections.abc import Iterator

import pytest

from support.graph_variants import HIDDEN, vary
from support.graphs import (
    CLEAR,
    DAY,
    EXPIRED,
    GREEN,
    LAST,
    LATER,
    NOW,
    OPEN_MARKS,
    PAST,
    RED,
    STATEMENT,
    UNNAMED,
    UNTIL,
    UNTIL_LAST,
    Object,
    World,
    directory,
    fixed_uuid,
    handling,
    make,
    outcome,
    world,
)  # fmt: skip
from support.projecting import NOT_HELD, OPEN, SHUT, marked, see, tool
from support.projection_oracle import disagreements, identifiers, leaks
from support.projection_oracle import see as oracle
from titian.core.copying import Copy, Shown
from titian.core.stix import Timestamp, examine
from titian.core.tlp import Tlp

KINDS = [*((one,) for one in HIDDEN), HIDDEN]
NAMES = [*HIDDEN, "everything"]


# ── against the oracle ────────────────────────────────────────────────────────────────────────────────────


def check_against_the_oracle(seeds: range) -> None:
    for seed in seeds:
        made = world(seed)
        assert not disagreements(made, *made.project()), f"seed {seed}"


def test_what_goes_is_what_an_oracle_works_out() -> None:
    check_against_the_oracle(range(900))


@pytest.mark.slow
def test_what_goes_is_what_an_oracle_works_out_in_many_worlds() -> None:
    check_against_the_oracle(range(900, 10_900))


def test_the_worlds_are_valid_stix_and_follow_from_their_seed() -> None:
    for seed in range(100):
        made = world(seed)
        assert made == world(seed)
        assert not [found for one in made.objects for found in examine(made.raw(one)).violations]


def test_the_worlds_hold_what_the_laws_are_about() -> None:
    """A law that holds because nothing happens is none."""
    rules: set[str] = set()
    happened: set[str] = set()
    for seed in range(300):
        made = world(seed)
        projection, _ = made.project()
        rules |= {why.rule for why in projection.withheld.values()}
        happened |= {name for name in ("additions", "changed", "cuts", "ends", "sources") if getattr(projection, name)}
    assert rules >= {
        "expired", "granular-marking", "originator-community", "originator-consent", "purpose", "redaction",
        "reference", "releasable-to", "tlp-audience", "tlp-ceiling", "unknown-marking", "unmarked", "unused",
    }  # fmt: skip
    assert happened == {"additions", "changed", "cuts", "ends", "sources"}


# ── law 1 ─────────────────────────────────────────────────────────────────────────────────────────────────


def told_apart(seeds: range, ways: list[tuple[str, ...]]) -> list[tuple[int, tuple[str, ...]]]:
    """The pairs that a reader could tell apart, by seed and what differs."""
    found = []
    for seed in seeds:
        made = world(seed)
        seen, given = oracle(made), outcome(made)
        found += [(seed, way) for way in ways if outcome(vary(made, seed, seen.withheld, seen.cuts, way)) != given]
    return found


@pytest.mark.parametrize("kinds", KINDS, ids=NAMES)
def test_law_1_what_goes_out_does_not_depend_on_what_may_not_be_seen(kinds: tuple[str, ...]) -> None:
    """Two worlds that differ only in what their reader may not see give the same bytes, order, names and ends.

    What may not be seen is worked out by the oracle, not by the projection. It is: the value of a property that is
    taken out; what a withheld object says, whether there is one, and how many; to which of them a reference led, and
    in a list to how many; the marking that withholds; whom else a handling names; who made or sent what goes without
    its source, where CLEAR lets it go whoever that was; parties and communities that the reader is not in.

    These stay equal, since the reader may see them: which objects go out; that an object is a copy, by its identifier
    (law 4), and so that something was taken out of it, that a text named something, that a list was longer by at
    least one; `modified`, which changes with what is taken out too; the order of what goes. What decides is no secret
    where it decides: who an originator is stays equal where the marking asks for a consent or a community, and so
    does an attribution, which decides over the whole object.
    """
    assert not told_apart(range(130), [kinds])


@pytest.mark.slow
def test_law_1_in_twenty_thousand_pairs() -> None:
    assert not told_apart(range(1_000, 3_500), KINDS)


def test_law_1_the_variants_differ() -> None:
    """Each way of differing does differ, in at least a tenth of the worlds."""
    for kinds in KINDS:
        count = 0
        for seed in range(30):
            made = world(seed)
            seen = oracle(made)
            other = vary(made, seed, seen.withheld, seen.cuts, kinds)
            count += (made.objects, made.received, made.directory) != (other.objects, other.received, other.directory)
        assert count >= 3, kinds


# ── law 4 ─────────────────────────────────────────────────────────────────────────────────────────────────

_SOURCE_MARKS = [list(marks) for marks in OPEN_MARKS if UNNAMED not in marks]


def revised(thing: Object, rng: random.Random, step: int) -> Object:
    """Another version of an object, as who made it could write it."""
    if "modified" not in thing or rng.random() < 0.7:
        return thing
    later = thing | {"modified": f"2026-02-0{step + 1}T00:00:00.000Z"}
    if rng.random() < 0.5 and "description" in thing:
        later["description"] = f"now {rng.random()}"
    if rng.random() < 0.5:
        later["object_marking_refs"] = rng.choice(_SOURCE_MARKS)
    return later


def history(seed: int, steps: int = 5) -> Iterator[tuple[World, list[tuple[str, bytes]]]]:
    """What one party is given over time, as clocks run, agreements change and objects are revised and left out."""
    rng = random.Random(seed)
    now = world(seed)
    copies: dict[str, Copy] = {}
    outside = dict(now.outside)
    for step in range(steps):
        everything = now.objects
        chosen = [one for one in everything if rng.random() < 0.9]
        ids = {one["id"] for one in chosen}
        given = dataclasses.replace(
            now, objects=chosen, at=NOW + step * 40 * DAY,
            directory=directory(ceiling=rng.choice((Tlp.GREEN, Tlp.AMBER, Tlp.RED))),
            outside={one: name for one, name in outside.items() if one not in ids}, shown=Shown(copies=dict(copies)),
        )  # fmt: skip
        projection, graph = given.project()
        yield given, list(projection.objects(graph))
        copies |= {one: change.copy for one, change in projection.changed.items()}
        outside = {one: name for one, name in outside.items() if one not in ids} | dict(projection.released)
        now = dataclasses.replace(now, objects=[revised(one, rng, step) for one in everything]).with_definitions()


def test_law_4_the_same_identifier_and_version_is_the_same_content_for_ever() -> None:
    """And another content under the same identifier is a later version."""
    again = 0
    for seed in range(200):
        said: dict[tuple[str, str | None], bytes] = {}
        latest: dict[str, str] = {}
        for _, emitted in history(seed):
            for _, raw in emitted:
                thing = json.loads(raw)
                key = thing["id"], thing.get("modified")
                again += key in said
                assert said.setdefault(key, raw) == raw, f"seed {seed}: {key}"
                if key[1] is not None:
                    before = latest.setdefault(key[0], key[1])
                    same = said[key[0], before] == raw
                    assert same or Timestamp.parse(before).micros < Timestamp.parse(key[1]).micros, f"seed {seed}"
                    latest[key[0]] = key[1]
    assert again > 500


def test_law_4_what_was_not_changed_is_kept_to_the_byte() -> None:
    for seed in range(200):
        made = world(seed)
        projection, graph = made.project()
        for source, raw in projection.objects(graph):
            if source not in projection.additions:
                assert (raw == graph.held[source].raw) == (source not in projection.changed), f"seed {seed}"


# ── law 5 ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_law_5_no_byte_tells_an_identifier_of_what_may_not_be_seen() -> None:
    for seed in range(1_000, 1_300):
        made = world(seed)
        projection, graph = made.project()
        emitted = [raw for _, raw in projection.objects(graph)]
        assert not leaks(made, oracle(made), emitted), f"seed {seed}"


def test_law_5_everything_that_goes_refers_only_to_what_goes_or_went() -> None:
    for seed in range(300):
        made = world(seed)
        projection, graph = made.project()
        out = [json.loads(raw) for _, raw in projection.objects(graph)]
        known = {one["id"] for one in out} | set(made.outside.values())
        parties = {made.reader, made.terms().own}
        named = {ref for one in out for ref in identifiers(one)} - known - parties
        free = ("extension-definition--", *(f"{mark[:30]}" for marks in OPEN_MARKS for mark in marks[:1]))
        assert not [ref for ref in named if not ref.startswith(free) and ref != RED], f"seed {seed}"


# ── law 9 ─────────────────────────────────────────────────────────────────────────────────────────────────

UNTIL_PART = {"granular_markings": [marked(UNTIL, "description")], "description": "d"}
_LATER, _LAST = Timestamp.parse(LATER).micros, Timestamp.parse(LAST).micros
ENDS: list[tuple[str, Object, int | None]] = [
    ("none", tool("t"), None),
    ("a statement's", tool("t", CLEAR, STATEMENT), None),
    ("the whole's", tool("t", CLEAR, UNTIL), _LATER),
    ("the earliest", tool("t", CLEAR, UNTIL_LAST, UNTIL), _LATER),
    ("a part's", tool("t", CLEAR, **UNTIL_PART), _LATER),
    ("a part's, earlier", tool("t", CLEAR, UNTIL_LAST, **UNTIL_PART), _LATER),
    ("the whole's, earlier", tool("t", CLEAR, UNTIL, granular_markings=[marked(UNTIL_LAST, "name")]), _LATER),
    ("of two parts", tool("t", CLEAR, description="d", labels=["a"], granular_markings=[
        marked(UNTIL_LAST, "labels"), marked(UNTIL, "description"), marked(STATEMENT, "name")]), _LATER),
    ("not of a part that stays here", tool("t", CLEAR, UNTIL_LAST, description="d", granular_markings=[
        marked(handling(expires=LATER, purposes=("trafficking",)), "description")]), _LAST),
    ("not of one half gone", tool("t", CLEAR, description="d", labels=["a"], granular_markings=[
        marked(UNTIL, "description", "labels"), marked(RED, "description")]), _LATER),
]  # fmt: skip


@pytest.mark.parametrize(("held", "end"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_law_9_an_object_ends_with_the_first_of_its_markings(held: Object, end: int | None) -> None:
    beside = tool("beside", CLEAR, UNTIL_LAST)
    found = see(OPEN, held, beside)
    assert found.projection.ends == {beside["id"]: _LAST} | ({} if end is None else {held["id"]: end})


@pytest.mark.parametrize(("at", "goes"), [(_LATER - 1, True), (_LATER, False), (_LATER + 1, False)])
def test_law_9_what_has_expired_is_withheld(at: int, goes: bool) -> None:
    whole, part = tool("w", CLEAR, UNTIL), tool("p", CLEAR, **UNTIL_PART)
    found = see(whole, part, at=at)
    assert (whole["id"] in found.raw, "description" in found.said[part["id"]]) == (goes, goes)
    assert found.projection.ends == (dict.fromkeys([whole["id"], part["id"]], _LATER) if goes else {})
    assert goes or found.why(whole).rule == "expired"


def test_law_9_nothing_ends_before_it_is_gone() -> None:
    """At each end, and in the microsecond before, in random worlds."""
    ended = 0
    for seed in range(300):
        made = world(seed)
        projection, _ = made.project()
        for end in set(projection.ends.values()):
            after, graph = dataclasses.replace(made, at=end).project()
            if end == min(projection.ends.values()):
                before, _ = dataclasses.replace(made, at=end - 1).project()
                assert before.released == projection.released
            assert all(other > end for other in after.ends.values())
            out = dict(after.objects(graph))
            for one in (one for one, its in projection.ends.items() if its == end):
                ended += 1
                assert one not in out or one in after.cuts, f"seed {seed}"
    assert ended > 50


# ── scale ─────────────────────────────────────────────────────────────────────────────────────────────────


def project_report(references: int, held: bool) -> float:
    """The seconds of processor time that a report takes of whose references one may be seen."""
    rng = random.Random(1)
    refs = [f"tool--{fixed_uuid('x')[:24]}{rng.getrandbits(48):012x}" for _ in range(references)]
    report = make("report", "r", object_refs=[*refs, OPEN["id"]])
    gone = [make("tool", "x", RED, id=ref) for ref in refs] if held else []
    began = time.process_time()
    found = see(report, OPEN, *gone)
    took = time.process_time() - began
    assert found.copy(report)["object_refs"] == [OPEN["id"]]
    assert len(found.change(report).removed) == len(refs)
    return took


@pytest.mark.parametrize("held", [True, False], ids=["withheld", "not held"])
def test_the_time_for_a_report_grows_with_its_references_and_not_faster(held: bool) -> None:
    assert project_report(20_000, held) < 3


@pytest.mark.slow
def test_a_report_with_a_hundred_thousand_references_takes_seconds() -> None:
    assert project_report(100_000, held=True) < 20


def chain(length: int) -> list[str]:
    return [f"{n:08x}-{fixed_uuid('link')[9:]}" for n in range(length)]


@pytest.mark.parametrize("falls", [True, False], ids=["falls", "is copied"])
def test_a_chain_of_ten_thousand_objects_takes_seconds(falls: bool) -> None:
    links = [f"note--{one}" for one in chain(10_000)]
    notes = [
        make("note", "n", id=one, content="c", object_refs=[after]) for one, after in itertools.pairwise(links)
    ]  # fmt: skip
    end = make("note", "n", RED if falls else GREEN, id=links[-1], content=f"of {SHUT['id']}", object_refs=[OPEN["id"]])
    made = World([*notes, end, OPEN, SHUT], directory())
    projection, graph = made.project()
    assert len(projection.changed) == (0 if falls else 10_000)
    assert sum(1 for _ in projection.objects(graph)) == (1 if falls else 10_001)
    assert falls or graph.reads < 100_000


def test_a_chain_in_which_one_after_the_other_has_too_little_left_takes_seconds() -> None:
    """What falls is not found by its references, but when its copy turns out to be no STIX."""
    links = [f"process--{one}" for one in chain(300)]
    chained = [make("process", "p", id=one, parent_ref=above) for one, above in itertools.pairwise(links)]
    last = make("process", "p", id=links[-1], parent_ref=NOT_HELD.replace("tool", "process"))
    made = World([*chained, last], directory())
    projection, graph = made.project()
    assert {why.rule for why in projection.withheld.values()} == {"redaction"}
    assert len(projection.withheld) == len(links)
    assert graph.reads < 20 * len(links)


def test_worlds_in_which_nothing_may_go_give_nothing() -> None:
    """No agreement in force, or a reader that is in none: no object, no definition, no end."""
    for seed in range(100):
        made = world(seed)
        for other in (
            dataclasses.replace(made, directory=directory(stops=NOW)),
            dataclasses.replace(made, reader=made.directory.own),
        ):
            assert outcome(other) == ((), (), ())
    assert outcome(World([tool("t", CLEAR, EXPIRED), tool("u", CLEAR, x_at=PAST)], directory()))[0]
