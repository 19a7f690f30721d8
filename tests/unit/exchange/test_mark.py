"""Marking: what objects bear afterwards, whose they are, who may, and what is written and remembered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gate import (
    ADMINISTRATOR,
    ANALYST,
    AUDITOR,
    BY,
    DAY,
    NOW,
    OWN,
    RELEASER,
    SECOND,
    Bench,
    benches,
    indicator,
    made,
    malware,
    party_id,
    report,
)
from support.stix import Object, ipv4, moment, revision, sdo, statement
from titian.core import marking as m
from titian.core.agreement import Purpose
from titian.core.collection import timestamp
from titian.core.directory_objects import Dialogue
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused, TitianError
from titian.core.gate import Query
from titian.core.marking import Attribution, Handling
from titian.core.party import PartyKind
from titian.core.people import Actor, local_operator
from titian.core.stix import Timestamp
from titian.core.tlp import PAP_IDS, PAP_WHITE_ID, TLP_1_DEFINITIONS, TLP_1_IDS, TLP_DEFINITIONS, TLP_IDS, Pap, Tlp
from titian.exchange.agree import Tie
from titian.exchange.mark import Marked, Wish, _joined

JAPAN, RUSSIA = party_id("japan"), party_id("russia")
LATER = timestamp(NOW + DAY)
ABSENT = "00000000-0000-4000-8000-000000000001"
"""No object of these tests has it."""
CREATED = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for make in benches(tmp_path):
        yield make()


def hold(bench: Bench, value: Object, into: str = "Reports") -> str:
    return bench.hold(value, into=into)[0]


def marks(bench: Bench, identifier: str, where: str = "Reports") -> list[str]:
    """The markings that an object bears now."""
    found: list[str] = bench.latest(identifier, where).get("object_marking_refs", [])
    return found


def handlings(bench: Bench, identifier: str, where: str = "Reports") -> list[dict[str, Any]]:
    """What our own extension says of an object, in each definition that it bears; all must be held beside it."""
    found = []
    for mark in marks(bench, identifier, where):
        if m.well_known(mark) is None:
            said = bench.latest(mark, where).get("extensions", {}).get(m.HANDLING_EXTENSION)
            if said is not None:
                assert said.pop("extension_type") == "property-extension"
                found.append(said)
    return found


def everything(bench: Bench) -> dict[str, list[bytes]]:
    """Every version of every object that the node holds, by collection."""
    return {
        one.collection.name: sorted(bench.node.exchange.objects(one.collection, every_version=True))
        for one in bench.node.collections.list()
    }


def acts(bench: Bench) -> int:
    return sum(one.act == "mark" for one in bench.node.acts.list(limit=1000))


def refused(bench: Bench, error: type[TitianError], act: Callable[[], object]) -> TitianError:
    """An act that is refused with advice, leaves everything as it was, and is no act."""
    before = (everything(bench), acts(bench))
    with pytest.raises(error) as caught:
        act()
    assert caught.type is error
    assert caught.value.advice
    assert (everything(bench), acts(bench)) == before
    return caught.value


def definition(**own: Any) -> Object:
    return {k: v for k, v in statement("").items() if not k.startswith("definition")} | own


def policy(**said: str) -> Object:
    """A FIRST policy (IEP 2.0): it can hold a TLP of its own."""
    body = {"extension_type": "property-extension", "iep_id": "policy-1", **said}
    return definition(extensions={m.IEP_EXTENSION: body})


def handling(**said: Any) -> Object:
    return definition(extensions={m.HANDLING_EXTENSION: {"extension_type": "property-extension", **said}})


# One TLP counts

OTHER_SPELLING = definition(definition_type="TLP", definition={"TLP": "TLP:AMBER+STRICT"})
BORNE: dict[str, tuple[list[str], list[Object]]] = {
    "nothing": ([], []),
    "TLP 2.0": ([TLP_IDS[Tlp.GREEN]], []),
    "TLP 1.0": ([TLP_1_IDS[Tlp.RED]], []),
    "both versions": ([TLP_IDS[Tlp.AMBER], TLP_1_IDS[Tlp.AMBER]], []),
    "two colours": ([TLP_IDS[Tlp.CLEAR], TLP_IDS[Tlp.RED]], []),
    "two colours of two versions": ([TLP_IDS[Tlp.RED], TLP_1_IDS[Tlp.CLEAR]], []),
    "every colour": ([*TLP_IDS.values(), *TLP_1_IDS.values()], []),
    "a definition of another's making": ([OTHER_SPELLING["id"]], [OTHER_SPELLING]),
}


@pytest.mark.parametrize("borne", BORNE)
def test_after_a_level_is_given_exactly_that_one_is_borne(bench: Bench, borne: str) -> None:
    refs, definitions = BORNE[borne]
    bench.hold(*definitions)
    for level in Tlp:
        one = hold(bench, malware("Kestrel", marks=refs))
        done = bench.mark(one, tlp=level)
        assert marks(bench, one) == [TLP_IDS[level]]
        assert done.stricter == {}
        assert done.marked == (() if refs == [TLP_IDS[level]] else (one,))
        if done.marked:
            assert bench.latest(TLP_IDS[level]) == json.loads(TLP_DEFINITIONS[level]), "its definition is held too"


@pytest.mark.parametrize("relabelled", [{"name": "TLP:CLEAR"}, {"definition": {"tlp": "white"}}])
def test_a_tlp_1_identifier_under_another_label_is_kept_out_and_what_bears_it_is_what_it_always_was(
    bench: Bench, relabelled: dict[str, Any]
) -> None:
    renamed = json.loads(TLP_1_DEFINITIONS[Tlp.RED]) | relabelled
    told = bench.node.exchange.hold([json.dumps(renamed).encode()], bench.node.collections.find("Reports"), source="x")
    assert [one.rule for one in told.rejected] == ["tlp-instance"]
    one = hold(bench, malware("Kestrel", tlp=Tlp.CLEAR, marks=[TLP_1_IDS[Tlp.RED]]))
    assert bench.mark(one, purposes=("cybercrime",)).stricter == {one: Tlp.RED}
    bench.mark(one, tlp=Tlp.AMBER)
    assert TLP_1_IDS[Tlp.RED] not in marks(bench, one)


@pytest.mark.parametrize("level", Pap)
@pytest.mark.parametrize("borne", [[], [PAP_IDS[Pap.GREEN]], [PAP_WHITE_ID], [*PAP_IDS.values(), PAP_WHITE_ID]])
def test_after_an_action_level_is_given_exactly_that_one_is_borne(bench: Bench, level: Pap, borne: list[str]) -> None:
    one = hold(bench, malware("Kestrel", tlp=Tlp.GREEN, marks=borne))
    bench.node.mark.mark(ANALYST, [one], Wish(pap=level))
    assert marks(bench, one) == [TLP_IDS[Tlp.GREEN], PAP_IDS[level]]


def test_of_contradictory_colours_that_stay_the_strictest_counts_and_the_answer_says_so(bench: Bench) -> None:
    """A purpose alone replaces no colour: what an object bears besides stays."""
    bench.agree("jp", JAPAN)
    colours = [TLP_IDS[Tlp.GREEN], TLP_1_IDS[Tlp.RED], TLP_IDS[Tlp.CLEAR]]
    one, other = bench.hold(malware("Kestrel", marks=colours), malware("Merlin", tlp=Tlp.GREEN))
    done = bench.mark(one, other, purposes=("cybercrime",))
    assert done.stricter == {one: Tlp.RED}
    assert marks(bench, one)[:3] == colours
    (seen,) = bench.preview(one, other, to="jp").seen
    assert seen.projection.withheld[one].rule == "tlp-ceiling"
    assert other in seen.projection.released
    assert bench.mark(one, purposes=("cybercrime",)).stricter == {one: Tlp.RED}, "though nothing changes"
    assert bench.mark(one, tlp=Tlp.GREEN).stricter == {}


@pytest.mark.parametrize(
    ("level", "counts"), [(Tlp.CLEAR, Tlp.AMBER), (Tlp.RED, Tlp.RED), (Tlp.AMBER, None)], ids=["laxer", "as", "same"]
)
def test_a_colour_inside_a_policy_stays_and_the_stricter_of_both_counts(
    bench: Bench, level: Tlp, counts: Tlp | None
) -> None:
    said = policy(tlp="amber")
    bench.hold(said)
    one = hold(bench, malware("Kestrel", marks=[said["id"]]))
    done = bench.mark(one, tlp=level)
    assert marks(bench, one) == [said["id"], TLP_IDS[level]]
    assert done.stricter == ({} if counts is None else {one: counts})


def test_a_definition_that_says_more_than_its_name_is_no_obstacle_and_binds_by_all_it_says(bench: Bench) -> None:
    """Feeds bring the standard definitions with words of their own. What is held stays (law 4)."""
    told = json.loads(TLP_DEFINITIONS[Tlp.AMBER]) | {"name": "Amber, as we read it"}
    lies = json.loads(TLP_DEFINITIONS[Tlp.CLEAR])
    lies["extensions"] |= {m.IEP_EXTENSION: {"extension_type": "property-extension", "tlp": "red"}}
    bench.hold(told, lies)
    one, two = bench.hold(malware("Kestrel"), malware("Merlin"))
    assert bench.mark(one, tlp=Tlp.AMBER).stricter == {}
    assert marks(bench, one) == [TLP_IDS[Tlp.AMBER]]
    assert bench.latest(TLP_IDS[Tlp.AMBER]) == told
    assert bench.mark(two, tlp=Tlp.CLEAR).stricter == {two: Tlp.RED}
    assert bench.latest(TLP_IDS[Tlp.CLEAR]) == lies
    bench.mark(two, tlp=Tlp.GREEN)
    assert marks(bench, two) == [TLP_IDS[Tlp.GREEN]], "the identifier decides that it is a TLP"


def test_a_definition_that_others_sent_does_not_stand_in_for_ours(bench: Bench) -> None:
    told = json.loads(TLP_DEFINITIONS[Tlp.AMBER]) | {"name": "Amber, as they read it"}
    bench.node.collections.add("From Japan", received_from=JAPAN)
    bench.hold(told, into="From Japan")
    one = hold(bench, malware("Kestrel"))
    bench.mark(one, tlp=Tlp.AMBER)
    assert bench.latest(TLP_IDS[Tlp.AMBER])["name"] == "TLP:AMBER"


# What stays


def test_everything_else_that_an_object_says_stays(bench: Bench) -> None:
    """Statements, policies, what nobody understands, and the markings of its parts: in their order."""
    first, second, iep = statement("first"), statement("second"), policy(permitted_actions="none")
    unknown = f"marking-definition--{ABSENT}"
    parts = [{"marking_ref": TLP_IDS[Tlp.RED], "selectors": ["description"]}]
    borne = [first["id"], unknown, PAP_IDS[Pap.RED], iep["id"], second["id"]]
    kestrel = malware(
        "Kestrel", tlp=Tlp.GREEN, marks=borne, description="Of Ünïcode ☃", granular_markings=parts, x_more=[1.0, None]
    )
    bench.hold(first, second, iep)
    one = hold(bench, kestrel)
    bench.mark(one, tlp=Tlp.AMBER, purposes=("cybercrime",))
    new = bench.latest(one)
    assert new["object_marking_refs"][:6] == [*borne, TLP_IDS[Tlp.AMBER]]
    assert len(new["object_marking_refs"]) == 7
    changed = {"modified", "object_marking_refs"}
    assert {k: v for k, v in new.items() if k not in changed} == {k: v for k, v in kestrel.items() if k not in changed}


def test_law_2_a_marking_that_nobody_understands_still_reaches_nobody(bench: Bench) -> None:
    bench.agree("jp", JAPAN)
    unknown = f"marking-definition--{ABSENT}"
    newer = handling(releasable_to=[JAPAN], blessed_by="somebody")
    bench.hold(newer)
    for mark in (unknown, newer["id"]):
        one = hold(bench, malware("Kestrel", marks=[mark]))
        bench.mark(one, tlp=Tlp.CLEAR, releasable_to=("japan",), purposes=("cybercrime",))
        assert mark in marks(bench, one)
        (seen,) = bench.preview(one, to="jp").seen
        assert seen.projection.withheld[one].rule == "unknown-marking"


# Handling


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"releasable_to": (JAPAN, "RU")}, id="releasable-to"),
        pytest.param({"purposes": ("cybercrime",)}, id="purpose"),
        pytest.param({"expires": LATER}, id="expires"),
        pytest.param({"attribution": Attribution.MUST_NOT}, id="attribution"),
        pytest.param({"purposes": tuple(Purpose), "expires": LATER, "attribution": Attribution.MAY}, id="several"),
    ],
)
def test_a_handling_is_borne_as_it_was_given(bench: Bench, said: dict[str, Any]) -> None:
    one = hold(bench, malware("Kestrel", tlp=Tlp.GREEN))
    assert bench.mark(one, **said).marked == (one,)
    (found,) = handlings(bench, one)
    written = {name: sorted(value) if isinstance(value, tuple) else value for name, value in said.items()}
    assert found == written
    assert marks(bench, one)[0] == TLP_IDS[Tlp.GREEN]


def test_a_handling_inside_another_marking_stays_with_it_and_goes_on_binding(bench: Bench) -> None:
    bench.agree("jp", JAPAN)
    both = statement("and more") | {"extensions": handling(releasable_to=["RU"])["extensions"]}
    bench.hold(both)
    one = hold(bench, malware("Kestrel", tlp=Tlp.GREEN, marks=[both["id"]]))
    bench.mark(one, releasable_to=("japan",))
    assert both["id"] in marks(bench, one)
    (seen,) = bench.preview(one, to="jp").seen
    assert seen.projection.withheld[one].rule == "releasable-to"


def test_only_what_is_given_changes_and_there_is_one_handling(bench: Bench) -> None:
    one = hold(bench, malware("Kestrel"))
    bench.mark(one, releasable_to=("japan",), purposes=("cybercrime",))
    bench.mark(one, purposes=("trafficking",), expires=LATER)
    bench.mark(one, attribution=Attribution.MUST_NOT)
    bench.mark(one, tlp=Tlp.GREEN)
    expected = {"releasable_to": [JAPAN], "purposes": ["trafficking"], "expires": LATER, "attribution": "must-not"}
    assert handlings(bench, one) == [expected]


def test_objects_of_one_handling_share_one_definition_whoever_is_named_first(bench: Bench) -> None:
    one, two, three = bench.hold(malware("Kestrel"), malware("Merlin"), malware("Orchid"))
    bench.mark(one, two, releasable_to=("japan", "RU"))
    bench.mark(three, releasable_to=("ru", "Japan", "RU"))
    assert marks(bench, one) == marks(bench, two) == marks(bench, three)


def test_handlings_that_differ_all_go_on_binding(bench: Bench) -> None:
    """Two lists mean: named by both. None is dropped because a purpose is given."""
    bench.agree("two", JAPAN, RUSSIA)
    lists = [handling(releasable_to=["JP"]), handling(releasable_to=["RU"], expires=LATER)]
    bench.hold(*lists)
    one = hold(bench, malware("Kestrel", tlp=Tlp.GREEN, marks=[each["id"] for each in lists]))
    bench.mark(one, purposes=("cybercrime",))
    found = handlings(bench, one)
    assert [each["releasable_to"] for each in found] == [["JP"], ["RU"]]
    assert [each.get("expires") for each in found] == [None, LATER]
    for seen in bench.preview(one, to="two").seen:
        assert seen.projection.withheld[one].rule == "releasable-to"
    bench.mark(one, releasable_to=("japan",))
    (only,) = handlings(bench, one)
    assert only["releasable_to"] == [JAPAN], "what is given takes the place of both"
    assert (only["expires"], only["purposes"]) == (LATER, ["cybercrime"])


SAYINGS = st.builds(
    Handling,
    releasable_to=st.none() | st.sampled_from([("JP",), ("RU",), ("JP", "RU")]),
    purposes=st.none() | st.sampled_from([("cybercrime",), ("trafficking",), ("cybercrime", "trafficking")]),
    expires=st.none() | st.sampled_from([LATER, timestamp(NOW + 2 * DAY)]),
    attribution=st.none() | st.sampled_from(list(Attribution)),
)


@given(SAYINGS, st.lists(SAYINGS, max_size=4))
def test_of_several_handlings_nothing_is_lost_but_what_is_said_anew(wish: Handling, borne: list[Handling]) -> None:
    """Together they mean what the wish means, and what the others mean of all that the wish leaves open."""
    said = {name: None for name, value in msgspec.to_builtins(wish).items() if value is not None}
    expected = m.handling_marking(wish)
    for one in borne:
        expected = expected.join(m.handling_marking(msgspec.structs.replace(one, **said)))
    found = m.UNMARKED
    for one in _joined(wish, borne):
        assert one != Handling()
        found = found.join(m.handling_marking(one))
    assert found == expected


# For whom


@pytest.mark.parametrize(
    ("word", "means"),
    [
        pytest.param("JP", "JP", id="a country"),
        pytest.param("jp", "JP", id="a country in small letters"),
        pytest.param("AQ", "AQ", id="a country that nobody here is of"),
        pytest.param("japan", JAPAN, id="an alias"),
        pytest.param("Japan", JAPAN, id="a name"),
        pytest.param(RUSSIA, RUSSIA, id="an identifier"),
        pytest.param("Agency", OWN, id="ourselves"),
        pytest.param("friends", party_id("friends"), id="a community"),
        pytest.param("xx", party_id("xx"), id="an alias of two letters that are no country"),
    ],
)
def test_a_recipient_is_a_country_or_somebody_who_is_known_here(bench: Bench, word: str, means: str) -> None:
    bench.add_party("friends", PartyKind.COMMUNITY)
    bench.add_party("xx")
    one = hold(bench, malware("Kestrel"))
    bench.mark(one, releasable_to=(word,))
    assert handlings(bench, one) == [{"releasable_to": [means]}]


@pytest.mark.parametrize(
    ("word", "advised"),
    [
        pytest.param("XX", "two letters of ISO 3166-1", id="for users"),
        pytest.param("ZZ", "two letters of ISO 3166-1", id="unknown"),
        pytest.param("EU", "two letters of ISO 3166-1", id="reserved"),
        pytest.param("UK", "Did you mean GB?", id="UK"),
        pytest.param("el", "Did you mean GR?", id="EL"),
        pytest.param("JPN", "two letters of ISO 3166-1", id="alpha-3"),
        pytest.param("jappan", "Did you mean japan", id="nearly a party"),
        pytest.param("RUSIA", "Did you mean Russia", id="nearly another"),
        pytest.param("nobody at all", "brunei, japan, russia", id="a stranger: who is known"),
        pytest.param("identity--00000000-0000-4000-8000-000000000001", "titian parties list", id="an identifier"),
    ],
)
def test_a_recipient_whom_nobody_knows_is_refused_with_who_there_is(bench: Bench, word: str, advised: str) -> None:
    one = hold(bench, malware("Kestrel"))
    error = refused(bench, NotFound, lambda: bench.mark(one, releasable_to=("JP", word)))
    assert f"no country, party or community {word!r}" in error.message
    assert advised.casefold() in (error.advice or "").casefold()


def test_many_parties_are_counted_not_listed(bench: Bench) -> None:
    for number in range(20):
        bench.add_party(f"member{number:02}")
    one = hold(bench, malware("Kestrel"))
    error = refused(bench, NotFound, lambda: bench.mark(one, releasable_to=("XX",)))
    assert "and 16 more" in (error.advice or "")


def test_a_word_for_a_country_and_for_a_party_is_not_guessed_at(bench: Bench) -> None:
    """The country is the wider: to take it for the party would let more see it."""
    police = bench.add_party("jp")
    one = hold(bench, malware("Kestrel"))
    error = refused(bench, InvalidInput, lambda: bench.mark(one, releasable_to=("jp",)))
    assert error.advice == f"Write JP for the country, {police} for the other."
    bench.mark(one, releasable_to=("JP", police))
    assert handlings(bench, one) == [{"releasable_to": sorted(["JP", police])}]


# Until when


@pytest.mark.parametrize("micros", [0, NOW - 1000 * DAY, NOW - 1000, NOW])
def test_an_end_that_has_passed_by_this_nodes_clock_is_refused(bench: Bench, micros: int) -> None:
    one = hold(bench, malware("Kestrel"))
    end = timestamp(micros)
    error = refused(bench, InvalidInput, lambda: bench.mark(one, tlp=Tlp.GREEN, expires=end))
    assert end in error.message


def test_an_end_to_come_is_taken_and_comes_with_the_clock(bench: Bench) -> None:
    bench.agree("jp", JAPAN)
    one = hold(bench, malware("Kestrel", tlp=Tlp.GREEN))
    end = timestamp(NOW + 1)
    assert bench.mark(one, expires=end).marked == (one,)
    bench.clock.now = NOW + 1
    refused(bench, InvalidInput, lambda: bench.mark(one, expires=end))
    (seen,) = bench.preview(one, to="jp").seen
    assert seen.projection.withheld[one].rule == "expired"


def test_what_has_ended_can_still_be_marked_with_something_else(bench: Bench) -> None:
    """Its end stays; and it can be given a later one."""
    one = hold(bench, malware("Kestrel", tlp=Tlp.GREEN))
    bench.mark(one, expires=LATER)
    bench.clock.now = NOW + 2 * DAY
    bench.mark(one, tlp=Tlp.RED)
    assert handlings(bench, one) == [{"expires": LATER}]
    last = timestamp(NOW + 3 * DAY)
    bench.mark(one, expires=last)
    assert handlings(bench, one) == [{"expires": last}]


# Bad input


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"purposes": ("cyber",)}, id="no purpose"),
        pytest.param({"purposes": ()}, id="no purposes"),
        pytest.param({"releasable_to": ()}, id="no recipients"),
    ],
)
def test_a_marking_that_cannot_be_understood_is_refused(bench: Bench, wish: dict[str, Any]) -> None:
    one = hold(bench, malware("Kestrel"))
    refused(bench, InvalidInput, lambda: bench.mark(one, **wish))


@pytest.mark.parametrize("text", ["tomorrow", "2027-06-30", "2027-02-30T00:00:00Z", "2027-06-30T00:00:00+07:00"])
def test_an_end_that_is_no_timestamp_is_refused(bench: Bench, text: str) -> None:
    one = hold(bench, malware("Kestrel"))
    before = everything(bench)
    with pytest.raises(InvalidInput):
        bench.mark(one, expires=text)
    assert everything(bench) == before


def test_a_selection_is_marked_whole_or_not_at_all(bench: Bench) -> None:
    one = hold(bench, malware("Kestrel"))
    absent = f"malware--{ABSENT}"
    refused(bench, NotFound, lambda: bench.mark(one, absent, tlp=Tlp.GREEN))


# Versions


@pytest.mark.parametrize(
    "modified",
    [
        pytest.param(CREATED, id="long ago"),
        pytest.param(timestamp(NOW), id="now"),
        pytest.param(timestamp(NOW + 1), id="a microsecond ahead"),
        pytest.param(timestamp(NOW + 999_999), id="within this second, in microseconds"),
        pytest.param("2099-12-31T23:59:59.999Z", id="ahead of the clock"),
    ],
)
def test_a_marked_object_is_a_later_version_beside_the_old_one(bench: Bench, modified: str) -> None:
    kestrel = malware("Kestrel", created=CREATED, modified=modified)
    one = hold(bench, kestrel)
    bench.mark(one, tlp=Tlp.GREEN)
    new = bench.latest(one)
    assert Timestamp.parse(new["modified"]) > Timestamp.parse(modified)
    assert new["created"] == CREATED
    versions = [json.loads(raw) for raw in everything(bench)["Reports"] if one.encode() in raw]
    assert sorted(versions, key=lambda each: each["modified"]) == sorted([kestrel, new], key=lambda o: o["modified"])


def test_markings_at_one_instant_are_versions_in_their_order(bench: Bench) -> None:
    one = hold(bench, malware("Kestrel"))
    found = []
    for level in (Tlp.GREEN, Tlp.RED, Tlp.CLEAR):
        bench.mark(one, tlp=level)
        assert marks(bench, one) == [TLP_IDS[level]]
        found.append(bench.latest(one)["modified"])
    assert found == sorted(set(found))


def test_what_has_no_versions_is_replaced_and_keeps_its_identifier(bench: Bench) -> None:
    address = ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.GREEN]], x_note="kept")
    one = hold(bench, address)
    bench.clock.now += SECOND
    bench.mark(one, tlp=Tlp.RED)
    assert [json.loads(raw) for raw in everything(bench)["Reports"] if one.encode() in raw] == [
        address | {"object_marking_refs": [TLP_IDS[Tlp.RED]]}
    ]


def test_a_new_version_is_written_where_the_object_is(bench: Bench) -> None:
    bench.node.collections.add("Another")
    one, two = hold(bench, malware("Kestrel")), hold(bench, malware("Merlin"), into="Another")
    bench.mark(one, two, tlp=Tlp.GREEN)
    assert marks(bench, one) == marks(bench, two, "Another") == [TLP_IDS[Tlp.GREEN]]
    assert bench.latest(TLP_IDS[Tlp.GREEN], "Another")["name"] == "TLP:GREEN"
    assert not any(two.encode() in raw for raw in everything(bench)["Reports"])


def test_what_is_marked_so_already_is_not_written_again(bench: Bench) -> None:
    """Whoever is named in which order, and however often: no version, no definition."""
    wish: dict[str, Any] = {"tlp": Tlp.GREEN, "releasable_to": ("JP", "russia"), "expires": LATER}
    one, two = bench.hold(malware("Kestrel"), ipv4("198.51.100.7"))
    bench.mark(one, two, **wish)
    before = everything(bench)
    for _ in range(2):
        bench.clock.now += SECOND
        done = bench.mark(one, two, **(wish | {"releasable_to": ("russia", "jp", "JP")}))
        assert done == Marked(marked=(), unchanged=tuple(sorted([one, two])), theirs=(), withdrawn={})
    assert bench.mark(one, tlp=Tlp.GREEN).marked == ()
    assert everything(bench) == before


def test_the_answer_tells_apart_what_was_marked_and_what_was_so_already(bench: Bench) -> None:
    green, plain = malware("Kestrel", tlp=Tlp.GREEN), malware("Merlin")
    about = report("About", green, plain)
    bench.hold(green, plain, about)
    done = bench.mark(about["id"], tlp=Tlp.GREEN)
    assert done.marked == tuple(sorted([plain["id"], about["id"]]))
    assert done.unchanged == (green["id"],)


def test_a_definition_is_not_marked_with_what_bears_or_names_it(bench: Bench) -> None:
    said = statement("ours")
    bench.hold(said)
    one = hold(bench, report("About", said, marks=[said["id"]]))
    done = bench.mark(one, tlp=Tlp.GREEN)
    assert (done.marked, done.unchanged) == ((one,), ())
    assert bench.latest(said["id"]) == said


# Who may


@pytest.mark.parametrize("actor", [RELEASER, AUDITOR, ADMINISTRATOR], ids=lambda actor: actor.duty.value)
def test_who_may_not_mark_marks_nothing(bench: Bench, actor: Actor) -> None:
    one = hold(bench, malware("Kestrel"))
    error = refused(bench, Forbidden, lambda: bench.mark(one, tlp=Tlp.GREEN, by=actor))
    assert actor.name in error.message


@pytest.mark.parametrize("actor", [ANALYST, local_operator("analyst-one")], ids=["analyst", "local"])
def test_who_marks_is_remembered_with_what_and_why(bench: Bench, actor: Actor) -> None:
    one, other = bench.hold(malware("Kestrel", tlp=Tlp.RED), malware("Merlin", tlp=Tlp.GREEN))
    wish = Wish(tlp=Tlp.GREEN, handling=Handling(releasable_to=("japan",)))
    bench.clock.now += SECOND
    bench.node.mark.mark(actor, [one, other], wish, why="it is public now")
    act = bench.node.acts.list(limit=1)[0]
    assert (act.act, act.person, act.why, act.at) == ("mark", actor.id, "it is public now", NOW + SECOND)
    assert set(act.details["marked"]) == {one, other}
    assert act.details["wish"]["tlp"] == "green"
    assert act.details["wish"]["handling"]["releasable_to"] == [JAPAN], "who was meant, not what was typed"


def test_a_weaker_marking_is_taken_remembered_and_releases_nothing_by_itself(bench: Bench) -> None:
    """Whose it is may say so; the act tells the auditor, and the old version what it was before."""
    bench.agree("jp", JAPAN)
    one = hold(bench, malware("Kestrel", tlp=Tlp.RED))
    done = bench.mark(one, tlp=Tlp.CLEAR)
    assert (done.marked, done.withdrawn) == ((one,), {})
    assert bench.served("japan") == {}
    assert acts(bench) == 1
    versions = [json.loads(raw) for raw in everything(bench)["Reports"] if one.encode() in raw]
    assert {each["object_marking_refs"][0] for each in versions} == {TLP_IDS[Tlp.RED], TLP_IDS[Tlp.CLEAR]}


def test_what_a_stricter_marking_takes_back_is_in_the_answer(bench: Bench) -> None:
    bench.agree("jp", JAPAN)
    one = hold(bench, malware("Kestrel", tlp=Tlp.GREEN))
    bench.release(one, to="jp")
    done = bench.mark(one, tlp=Tlp.RED)
    (name,) = done.withdrawn
    assert name == bench.released()[0].name
    assert one in done.withdrawn[name]
    assert bench.names("japan") == set()


# Law 3: others' objects


def another_creator(bench: Bench) -> str:
    return hold(bench, malware("Theirs", by=JAPAN, tlp=Tlp.GREEN))


def received(bench: Bench) -> str:
    return hold(bench, malware("Theirs", by=JAPAN, tlp=Tlp.GREEN), into="From Japan")


def received_without_creator(bench: Bench) -> str:
    return hold(bench, malware("Theirs", by=None, tlp=Tlp.GREEN), into="From Japan")


def received_as_ours(bench: Bench) -> str:
    return hold(bench, malware("Theirs", tlp=Tlp.GREEN), into="From Japan")


def received_observable(bench: Bench) -> str:
    return hold(bench, ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.GREEN]]), into="From Japan")


THEIRS = (another_creator, received, received_without_creator, received_as_ours, received_observable)


@pytest.fixture
def with_japan(bench: Bench) -> Bench:
    bench.node.collections.add("From Japan", received_from=JAPAN)
    return bench


@pytest.mark.parametrize("theirs", THEIRS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("level", [Tlp.CLEAR, Tlp.RED])
def test_law_3_what_came_from_others_is_never_marked(
    with_japan: Bench, theirs: Callable[[Bench], str], level: Tlp
) -> None:
    """Neither alone nor beside what is ours; not even more strictly, for then it would say what its maker did not."""
    one, ours = theirs(with_japan), hold(with_japan, malware("Ours"))
    for selection in ((one,), (ours, one)):
        error = refused(with_japan, Refused, lambda selection=selection: with_japan.mark(*selection, tlp=level))
        assert one in error.message
        assert ours not in error.message


@pytest.mark.parametrize("theirs", THEIRS, ids=lambda make: make.__name__)
def test_law_3_what_a_report_of_ours_leads_to_and_others_made_is_left_as_it_is(
    with_japan: Bench, theirs: Callable[[Bench], str]
) -> None:
    one, ours = theirs(with_japan), malware("Ours")
    about = report("About", {"id": one}, ours)
    with_japan.hold(ours, about)
    before = {raw for raws in everything(with_japan).values() for raw in raws if one.encode() in raw}
    done = with_japan.mark(about["id"], tlp=Tlp.RED)
    assert done.theirs == (one,)
    assert set(done.marked) == {ours["id"], about["id"]}
    after = {raw for raws in everything(with_japan).values() for raw in raws if one.encode() in raw}
    assert {raw for raw in after if b'"name":"About"' not in raw} == {
        raw for raw in before if b'"name":"About"' not in raw
    }
    act = with_japan.node.acts.list(limit=1)[0]
    assert one not in act.details["marked"]


def test_law_3_a_query_that_finds_what_others_made_leaves_it(with_japan: Bench) -> None:
    theirs, ours = received(with_japan), hold(with_japan, indicator("Ours"))
    before = everything(with_japan)["From Japan"]
    with_japan.node.release.save_query(ANALYST, Query(name="all"))
    done = with_japan.mark("query:all", tlp=Tlp.GREEN)
    assert (done.marked, done.theirs) == ((ours,), (theirs,))
    assert everything(with_japan)["From Japan"] == before


def test_law_3_many_that_came_from_others_are_counted(with_japan: Bench) -> None:
    several = with_japan.hold(*(malware(f"Theirs {n}", by=JAPAN) for n in range(1_005)))
    error = refused(with_japan, Refused, lambda: with_japan.mark(*several, tlp=Tlp.RED))
    assert "and 1,002 more came from others" in error.message


def test_what_is_ours_and_came_back_as_it_was_is_ours(with_japan: Bench) -> None:
    ours, address = malware("Ours"), ipv4("198.51.100.9")
    with_japan.hold(ours, address, into="From Japan")
    with_japan.hold(ours, address)
    before = everything(with_japan)["From Japan"]
    done = with_japan.mark(ours["id"], address["id"], tlp=Tlp.RED)
    assert set(done.marked) == {ours["id"], address["id"]}
    assert everything(with_japan)["From Japan"] == before


# The directory


def directory(bench: Bench) -> list[bytes]:
    return everything(bench)["Directory"]


@pytest.fixture
def told(bench: Bench) -> Bench:
    """A node whose directory has one of each kind of object."""
    bench.agree("jp", JAPAN)
    bench.add_party("friends", PartyKind.COMMUNITY)
    bench.node.agreements.join("japan", Tie(of="friends"), BY)
    bench.node.agreements.consent("jp", "russia", [f"malware--{ABSENT}"], BY)
    bench.node.agreements.add_dialogue(Dialogue(id="", name="Talks"), ["japan", "Agency"], BY)
    return bench


def test_nothing_in_the_directory_is_marked_by_itself(told: Bench) -> None:
    kinds = set()
    for raw in directory(told):
        one = json.loads(raw)["id"]
        kinds.add(one.partition("--")[0])
        error = refused(told, Refused, lambda one=one: told.mark(one, tlp=Tlp.RED))
        assert one in error.message
        assert "titian parties" in (error.advice or "")
    assert kinds == {"identity", "agreement", "relationship", "consent", "dialogue"}
    every = [json.loads(raw)["id"] for raw in directory(told)]
    error = refused(told, Refused, lambda: told.mark(*every, tlp=Tlp.RED))
    assert f"and {len(every) - 3} more" in error.message


def test_a_directory_that_nobody_marked_is_read_whole(told: Bench) -> None:
    """Not even a definition lands in it: that has no place there."""
    about = report("About", *({"id": json.loads(raw)["id"]} for raw in directory(told)))
    hold(told, about)
    told.mark(about["id"], tlp=Tlp.RED, purposes=("cybercrime",))
    assert told.node.agreements.read().skipped == ()


def test_parties_and_agreements_are_left_out_where_a_selection_leads_to_them_too(told: Bench) -> None:
    """A report with its author, and even with the author chosen beside it."""
    before = directory(told)
    agreement = told.node.agreements.read().agreement("jp").id
    ours = malware("Ours")
    about = report("About", ours, {"id": OWN}, {"id": JAPAN}, {"id": agreement})
    told.hold(ours, about)
    for selection in ((about["id"],), (about["id"], OWN, JAPAN)):
        done = told.mark(*selection, tlp=Tlp.GREEN)
        assert set(done.directory) == {OWN, JAPAN, agreement}
        assert {*done.marked, *done.unchanged} == {ours["id"], about["id"]}
        assert done.theirs == ()
    assert directory(told) == before


def test_an_agreement_that_a_partner_wrote_is_left_out_like_our_own(told: Bench) -> None:
    """It is theirs as well, and yet it does not stand in the way of a report."""
    (ours,) = (one for raw in directory(told) if (one := json.loads(raw))["type"] == "agreement")
    theirs = ours | {"id": f"agreement--{ABSENT}", "created_by_ref": JAPAN, "name": "Theirs", "alias": "theirs"}
    bundle = {"type": "bundle", "id": f"bundle--{ABSENT}", "objects": [theirs]}
    told.node.agreements.add(json.dumps(bundle).encode(), BY)
    kestrel = hold(told, malware("Kestrel"))
    done = told.mark(kestrel, theirs["id"], tlp=Tlp.GREEN)
    assert (done.marked, done.directory, done.theirs) == ((kestrel,), (theirs["id"],), ())
    refused(told, Refused, lambda: told.mark(theirs["id"], tlp=Tlp.GREEN))


def test_an_identity_that_we_hold_ourselves_is_marked_where_it_is(told: Bench) -> None:
    """A later version in a collection of ours is not the directory's, though it tells of the same party."""
    before = directory(told)
    (own,) = (json.loads(raw) for raw in before if json.loads(raw)["id"] == OWN)
    later = revision(own, description="Who we are") | {"modified": "2027-01-01T00:00:00.000Z"}
    stranger = sdo("identity", name="A company", created=moment(), created_by_ref=OWN)
    told.hold(later, stranger)
    done = told.mark(OWN, stranger["id"], tlp=Tlp.RED)
    assert set(done.marked) == {OWN, stranger["id"]}
    assert marks(told, OWN) == marks(told, stranger["id"]) == [TLP_IDS[Tlp.RED]]
    assert directory(told) == before


# Size


@pytest.mark.slow
def test_a_report_with_20_000_references_is_marked_in_bounded_time_and_then_left(bench: Bench) -> None:
    several = [made("malware", name=f"Kestrel {number}", is_family=False) for number in range(20_000)]
    about = report("Big", *several)
    bench.hold(*several, about)
    begin = time.perf_counter()
    assert len(bench.mark(about["id"], tlp=Tlp.GREEN, purposes=("cybercrime",)).marked) == 20_001
    assert len(bench.mark(about["id"], tlp=Tlp.GREEN).unchanged) == 20_001
    assert time.perf_counter() - begin < 60
