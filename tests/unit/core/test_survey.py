"""What the gate knows of each object: every reference in it, what it cannot stand without, and whose it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.stix import new_uuid
from titian.core import tlp as t
from titian.core.errors import InvalidInput
from titian.core.marking import HANDLING_EXTENSION, UNMARKED, Handling, Marking, handling_definition
from titian.core.redaction import rename
from titian.core.stix import is_identifier
from titian.core.survey import Facts, Held, Survey, facts_of, references, renamed
from titian.core.tlp import Tlp


def made(kind: str) -> str:
    return f"{kind}--{new_uuid()}"


TOOL, OTHER_TOOL, ADDRESS, DOMAIN, CREATOR, STATEMENT, EXTENSION = map(
    made, ("tool", "tool", "ipv4-addr", "domain-name", "identity", "marking-definition", "extension-definition")
)
TIME = "2024-01-01T00:00:00.000Z"


def held(identifier: str, *, sender: str | None = None, **properties: Any) -> Held:
    whole = {"type": identifier.partition("--")[0], "id": identifier} | properties
    return Held(identifier, json.dumps(whole).encode(), sender)


def facts(identifier: str, *, sender: str | None = None, **properties: Any) -> Facts:
    return facts_of(held(identifier, sender=sender, **properties))


def test_what_is_known_of_a_plain_object() -> None:
    found = facts(
        TOOL, sender="identity--jp", created_by_ref=CREATOR, modified=TIME, name="Tool One",
        object_marking_refs=[STATEMENT, t.TLP_IDS[Tlp.GREEN]],
    )  # fmt: skip
    assert found == Facts(
        TOOL, "tool", (STATEMENT, t.TLP_IDS[Tlp.GREEN]), CREATOR, "identity--jp", (), (), (), None, TIME, False
    )
    assert facts(ADDRESS, value="198.51.100.3") == Facts(ADDRESS, "ipv4-addr", (), None, None)


@pytest.mark.parametrize(
    ("kind", "properties", "ends", "some"),
    [
        pytest.param("relationship", {"source_ref": TOOL, "target_ref": ADDRESS}, (TOOL, ADDRESS), (), id="both ends"),
        pytest.param("relationship", {"source_ref": TOOL, "target_ref": TOOL}, (TOOL, TOOL), (), id="one end twice"),
        pytest.param("sighting", {"sighting_of_ref": TOOL, "where_sighted_refs": [CREATOR]}, (TOOL,), (CREATOR,),
                     id="sighting"),
        pytest.param("sighting", {"sighting_of_ref": TOOL}, (TOOL,), (), id="sighting nowhere"),
        pytest.param("language-content", {"object_ref": TOOL}, (TOOL,), (), id="translation"),
        pytest.param("report", {"object_refs": [TOOL, ADDRESS, TOOL]}, (), (TOOL, ADDRESS), id="report"),
        pytest.param("note", {"object_refs": [TOOL]}, (), (TOOL,), id="note"),
        pytest.param("opinion", {"object_refs": [TOOL]}, (), (TOOL,), id="opinion"),
        pytest.param("grouping", {"object_refs": [TOOL]}, (), (TOOL,), id="grouping"),
        pytest.param("observed-data", {"object_refs": [ADDRESS]}, (), (ADDRESS,), id="observed-data"),
        pytest.param("network-traffic", {"src_ref": ADDRESS, "dst_ref": DOMAIN}, (ADDRESS, DOMAIN), (), id="traffic"),
        pytest.param("email-message", {"from_ref": ADDRESS}, (ADDRESS,), (), id="e-mail"),
        pytest.param("file", {"parent_directory_ref": TOOL}, (TOOL,), (), id="file"),
    ],
)  # fmt: skip
def test_what_an_object_cannot_stand_without(
    kind: str, properties: dict[str, Any], ends: tuple[str, ...], some: tuple[str, ...]
) -> None:
    found = facts(made(kind), **properties)
    assert (found.ends, found.some) == (ends, some)
    assert set(found.refs) == {*ends, *some}


NEW = made("wallet")


def test_of_a_type_that_is_new_every_single_reference_is_needed() -> None:
    found = facts(NEW, owner_ref=TOOL, seen_refs=[ADDRESS], created_by_ref=CREATOR, note="x_ref")
    assert found.ends == (TOOL,)
    assert set(found.refs) == {TOOL, ADDRESS}
    assert facts(NEW, owner_ref=5, seen_refs=[ADDRESS]).ends == ()


@pytest.mark.parametrize(
    ("identifier", "properties"),
    [
        pytest.param(TOOL, {"description": f"see {ADDRESS}."}, id="in a text"),
        pytest.param(TOOL, {"description": ADDRESS}, id="as a text"),
        pytest.param(TOOL, {"x_scores": {ADDRESS: 5}}, id="as a key"),
        pytest.param(TOOL, {"x_deep": [{"a": [{"b": ADDRESS}]}]}, id="deep inside"),
        pytest.param(TOOL, {"description": f'"{ADDRESS}"'}, id="beside an escape"),
        pytest.param(TOOL, {"description": f"日本{ADDRESS}語"}, id="in Japanese, escaped"),
        pytest.param(TOOL, {"external_references": [{"source_name": "a", "url": f"https://a/{ADDRESS}"}]}, id="a url"),
        pytest.param(TOOL, {"extensions": {EXTENSION: {"a_ref": ADDRESS}}}, id="in an extension"),
        pytest.param(TOOL, {"name": CREATOR, "created_by_ref": ADDRESS, "description": ADDRESS}, id="by the creator"),
        pytest.param(made("report"), {"object_refs": [TOOL], "description": ADDRESS}, id="beside known ones"),
        pytest.param(made("relationship"), {"source_ref": TOOL, "target_ref": TOOL, "description": ADDRESS}, id="ends"),
        pytest.param(NEW, {"description": ADDRESS}, id="in a new type"),
        pytest.param(EXTENSION, {"description": f"see {ADDRESS}"}, id="in an extension-definition"),
        pytest.param(EXTENSION, {"created_by_ref": CREATOR, "schema": f"https://a/{ADDRESS}"}, id="in a schema's url"),
        pytest.param(TOOL, {"name": "extension-definition--", "description": ADDRESS}, id="beside half an identifier"),
        pytest.param(made("report"), {"object_refs": [EXTENSION, TOOL], "description": ADDRESS},
                     id="beside a reference to an extension-definition"),
        pytest.param(STATEMENT, {"name": ADDRESS}, id="in a marking-definition"),
    ],
)  # fmt: skip
def test_law_5_every_reference_is_found_wherever_it_stands(identifier: str, properties: dict[str, Any]) -> None:
    assert ADDRESS in facts(identifier, **properties).refs


def test_law_5_a_hyphen_that_is_written_as_an_escape_is_found() -> None:
    raw = held(TOOL, description=ADDRESS).raw.replace(ADDRESS.encode(), ADDRESS.replace("-", "\\u002d").encode())
    assert facts_of(Held(TOOL, raw)).refs == (ADDRESS,)


def test_its_own_identifier_its_creator_markings_and_extensions_are_no_references() -> None:
    found = facts(
        TOOL, created_by_ref=CREATOR, object_marking_refs=[STATEMENT], extensions={EXTENSION: {}},
        granular_markings=[{"marking_ref": t.TLP_IDS[Tlp.RED], "selectors": ["name"]}], x_self=f"I am {TOOL}",
    )  # fmt: skip
    assert found.refs == ()
    assert found.parts is not None
    assert json.loads(found.parts) == [{"marking_ref": t.TLP_IDS[Tlp.RED], "selectors": ["name"]}]


def test_a_creator_that_is_also_named_elsewhere_is_a_reference() -> None:
    assert facts(TOOL, created_by_ref=CREATOR, description=f"by {CREATOR}").refs == (CREATOR,)


def test_references_of_raw_json() -> None:
    raw = json.dumps({"id": TOOL, "a": f"{ADDRESS} and {OTHER_TOOL}x", ADDRESS: f"(5-{DOMAIN})"}).encode()
    assert references(raw) == [TOOL, ADDRESS, OTHER_TOOL, ADDRESS, DOMAIN]
    assert references(b'{"a": "tool--", "b": "--", "c": "' + TOOL[6:].encode() + b'"}') == []


nested = st.recursive(
    st.sampled_from([ADDRESS, DOMAIN, OTHER_TOOL, "plain", 'quo"te', "日本", 5, None, "extension-definition--x"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", ADDRESS]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from([TOOL, NEW, EXTENSION, ADDRESS]), nested, st.booleans())
def test_law_5_no_reference_is_missed(identifier: str, value: Any, ascii_only: bool) -> None:
    raw = json.dumps(
        {"type": identifier.partition("--")[0], "id": identifier, "x_value": value}, ensure_ascii=ascii_only
    )
    inside = {one for one in (ADDRESS, DOMAIN, OTHER_TOOL) if one in json.dumps(value)} - {identifier}
    assert inside <= set(facts_of(Held(identifier, raw.encode())).refs)


@pytest.mark.parametrize(
    ("identifier", "properties", "personal"),
    [
        pytest.param(made("email-addr"), {"value": "a@b.example"}, True, id="e-mail address"),
        pytest.param(made("user-account"), {"user_id": "a"}, True, id="account"),
        pytest.param(CREATOR, {"name": "Analyst One", "identity_class": "individual"}, True, id="person"),
        pytest.param(CREATOR, {"name": "Agency", "identity_class": "organization"}, False, id="organisation"),
        pytest.param(CREATOR, {"name": "Agency"}, False, id="identity of no class"),
        pytest.param(made("threat-actor"), {"name": "A", "resource_level": "individual"}, True, id="lone actor"),
        pytest.param(made("threat-actor"), {"name": "A", "resource_level": "team"}, False, id="team"),
        pytest.param(ADDRESS, {"value": "198.51.100.3"}, False, id="address"),
    ],
)
def test_which_objects_describe_a_natural_person(identifier: str, properties: dict[str, Any], personal: bool) -> None:
    assert facts(identifier, **properties).personal is personal


@pytest.mark.parametrize(
    ("creator", "sender", "whose"),
    [
        pytest.param(None, None, None, id="nobody's began here"),
        pytest.param("identity--us", None, None, id="ours"),
        pytest.param("identity--jp", None, "identity--jp", id="theirs by its creator"),
        pytest.param("identity--ru", "identity--jp", "identity--ru", id="the creator's, whoever sent it"),
        pytest.param(None, "identity--jp", "identity--jp", id="the sender's without a creator"),
        pytest.param("identity--us", "identity--jp", "identity--jp", id="what others send as ours is theirs"),
    ],
)
def test_law_3_whose_an_object_is(creator: str | None, sender: str | None, whose: str | None) -> None:
    found = facts(TOOL, sender=sender, **({} if creator is None else {"created_by_ref": creator}))
    assert found.originator("identity--us") == whose


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"{", id="cut"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"type": "tool"}', id="no identifier"),
        pytest.param(b'{"id": "tool--1"}', id="no type"),
        pytest.param(b'{"id": "a", "type": "tool", "object_marking_refs": "x"}', id="marks that are no list"),
        pytest.param(b'{"id": "a", "type": "tool", "object_marking_refs": null}', id="marks that are null"),
        pytest.param(b'{"id": "a", "type": "tool", "created_by_ref": 5}', id="a creator that is a number"),
        pytest.param(b'{"id": "a", "type": "tool", "granular_markings": 5}', id="parts that are a number"),
        pytest.param(b'{"id": "a", "type": "tool", "granular_markings": [5]}', id="a part that is a number"),
        pytest.param(b'{"id": "a", "type": "tool", "x": "\\ud800"}', id="half a surrogate"),
        pytest.param(b'{"id": "a", "type": "tool", "x": ' + b"[" * 100_000, id="deep"),
    ],
)
def test_law_2_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^An object cannot be read for release: .+\.$"):
        facts_of(Held("a", raw))


# ── the survey of a selection ─────────────────────────────────────────────────────────────────────────────────

ENDING, ENDING_RAW = handling_definition(Handling(expires=TIME))
LISTING, LISTING_RAW = handling_definition(Handling(releasable_to=("JP",)))


def test_a_survey_keeps_the_order() -> None:
    survey = Survey([held(TOOL), held(ADDRESS)])
    assert list(survey.facts) == [TOOL, ADDRESS]
    assert survey.extend([held(DOMAIN)]) == [facts(DOMAIN)]
    assert list(survey.facts) == [TOOL, ADDRESS, DOMAIN]
    assert Survey().facts == {}


def test_what_is_surveyed_later_counts_in_what_was_asked_before() -> None:
    survey = Survey([held(TOOL, object_marking_refs=[LISTING], description=ADDRESS)])
    assert survey.marking((LISTING,)) == Marking(unknown=frozenset({LISTING}))
    assert survey.outside() == {ADDRESS}
    survey.extend([Held(LISTING, LISTING_RAW), held(ADDRESS)])
    assert survey.marking((LISTING,)) == Marking(releasable_to=frozenset({frozenset({"JP"})}))
    assert survey.outside() == set()


def test_its_creator_and_its_markings_support_an_object() -> None:
    parts = [{"marking_ref": LISTING, "selectors": ["name"]}, {"lang": "id", "selectors": ["name"]}]
    found = facts(TOOL, created_by_ref=CREATOR, object_marking_refs=[STATEMENT], granular_markings=parts)
    assert sorted(found.supports()) == sorted([CREATOR, STATEMENT, LISTING])
    assert list(facts(TOOL, description=ADDRESS).supports()) == []


def test_several_markings_hold_together_wherever_their_definitions_stand() -> None:
    survey = Survey([held(TOOL, object_marking_refs=[LISTING, t.TLP_IDS[Tlp.RED]]), Held(LISTING, LISTING_RAW)])
    expected = Marking(tlp=Tlp.RED, releasable_to=frozenset({frozenset({"JP"})}))
    for _ in range(2):
        assert survey.marking(survey.facts[TOOL].marks) == expected
    assert survey.marking((t.TLP_1_IDS[Tlp.AMBER], t.TLP_IDS[Tlp.GREEN])) == Marking(tlp=Tlp.AMBER)
    assert survey.marking(()) == UNMARKED
    assert survey.definitions.get(LISTING) == Marking(releasable_to=frozenset({frozenset({"JP"})}))
    assert survey.definitions.get(t.TLP_IDS[Tlp.RED]) is None


_TWO = [f"tool--{n:08d}-0000-4000-8000-000000000000" for n in (1, 2)]
_NAMED = st.sampled_from(
    ["", "a", *_TWO, f"x-y-{_TWO[0]}", f"9-{_TWO[1]}", f"{_TWO[0]}--{_TWO[1][6:]}", f"\n{_TWO[0]} {_TWO[1]}", "--"]
)
_JSON = st.recursive(_NAMED, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMED, inner, max_size=3))


@given(st.dictionaries(_NAMED, _JSON, max_size=3), st.dictionaries(_NAMED, st.sampled_from([*_TWO, "tool--3"])))
def test_what_is_renamed_as_bytes_is_what_is_renamed_value_by_value(
    source: dict[str, Any], names: dict[str, str]
) -> None:
    known = {one: name for one, name in names.items() if is_identifier(one)}
    raw, named = renamed(source, known)
    assert raw == msgspec.json.encode(rename(source, known))
    assert named == set(references(msgspec.json.encode(source)))


def test_law_2_a_marking_that_is_not_at_hand_is_unknown() -> None:
    survey = Survey([held(TOOL, object_marking_refs=[STATEMENT])])
    assert survey.marking((t.TLP_IDS[Tlp.CLEAR], STATEMENT)) == Marking(tlp=Tlp.CLEAR, unknown=frozenset({STATEMENT}))


@pytest.mark.parametrize("extensions", [5, {HANDLING_EXTENSION: {"expires": "soon"}}, {EXTENSION: {}}])
def test_law_2_a_definition_that_cannot_be_read_is_unknown(extensions: Any) -> None:
    survey = Survey([held(STATEMENT, extensions=extensions)])
    assert survey.marking((STATEMENT,)) == survey.definitions.get(STATEMENT) == Marking(unknown=frozenset({STATEMENT}))


def test_a_definition_that_comes_under_a_known_identifier_can_only_close_it() -> None:
    green = t.TLP_IDS[Tlp.GREEN]
    looser = held(green, definition_type="tlp", definition={"tlp": "white"})
    stricter = held(green, definition_type="tlp", definition={"tlp": "red"})
    assert Survey([looser]).marking((green,)) == Marking(tlp=Tlp.GREEN)
    assert Survey([stricter]).marking((green,)) == Marking(tlp=Tlp.RED)


def test_whether_anything_may_end() -> None:
    assert Survey([held(TOOL), Held(ENDING, ENDING_RAW)]).any_expiry()
    assert not Survey([held(TOOL), Held(LISTING, LISTING_RAW)]).any_expiry()


def test_what_is_referred_to_and_not_in_the_selection() -> None:
    survey = Survey([
        held(TOOL, created_by_ref=CREATOR, description=f"{ADDRESS} {OTHER_TOOL}", object_marking_refs=[STATEMENT]),
        held(OTHER_TOOL),
    ])  # fmt: skip
    for _ in range(2):
        assert survey.outside() == {CREATOR, ADDRESS}
    assert Survey([held(CREATOR), held(TOOL, created_by_ref=CREATOR)]).outside() == set()
