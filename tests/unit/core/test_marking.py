"""Markings as a lattice of audiences, and the markings of STIX as they are found on the wire."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st

from titian.core import marking as m
from titian.core import tlp as t
from titian.core.errors import InvalidInput
from titian.core.marking import Iep, Marking
from titian.core.stix import examine
from titian.core.tlp import Circle, Pap, Tlp

STRICTEST_LAST = [Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED]
UNKNOWN = "marking-definition--3cd55916-d34b-4747-a8e0-dedec14b711b"


def definition(**members: Any) -> bytes:
    head = {"type": "marking-definition", "spec_version": "2.1", "created": "2022-10-01T00:00:00.000Z"}
    return msgspec.json.encode({**head, "id": UNKNOWN, **members})


@pytest.mark.parametrize(("a", "b"), list(itertools.product(STRICTEST_LAST, STRICTEST_LAST)))
def test_tlp_is_the_chain_that_first_describes(a: Tlp, b: Tlp) -> None:
    rank = STRICTEST_LAST.index
    assert t.at_least_as_strict(a, b) == (rank(a) >= rank(b))
    assert t.stricter(a, b) is t.stricter(b, a) is max(a, b, key=rank)


def test_amber_strict_stops_at_the_organisation_and_amber_reaches_its_clients() -> None:
    assert Tlp.AMBER.reach - Tlp.AMBER_STRICT.reach == {Circle.CLIENTS}
    assert Circle.PUBLIC not in Tlp.GREEN.reach


@pytest.mark.parametrize(
    ("label", "level"),
    [
        ("TLP:AMBER+STRICT", Tlp.AMBER_STRICT),
        ("tlp:amber+strict", Tlp.AMBER_STRICT),
        ("amber-strict", Tlp.AMBER_STRICT),
        ("AMBER_STRICT", Tlp.AMBER_STRICT),
        ("TLP: AMBER + STRICT", Tlp.AMBER_STRICT),
        ("TLP-AMBER", Tlp.AMBER),
        (" tlp:green ", Tlp.GREEN),
        ("TLP:WHITE", Tlp.CLEAR),
        ("white", Tlp.CLEAR),
        ("clear", Tlp.CLEAR),
        ("RED", Tlp.RED),
    ],
)
def test_labels(label: str, level: Tlp) -> None:
    assert t.parse_tlp(label) is level


@pytest.mark.parametrize(
    "label",
    [
        "",
        "TLP",
        "TLP:",
        "TLP:UNCLEAR",
        "TLP:EX:CHR",
        "TLP:AMBER+STRICTLY",
        "amber+",
        "tlp:red,green",
        "PAP:RED",
    ],
)
def test_a_label_that_is_not_a_level_is_refused_and_never_guessed(label: str) -> None:
    with pytest.raises(InvalidInput, match="Traffic Light Protocol"):
        t.parse_tlp(label)


@pytest.mark.parametrize("label", ["", "PAP:", "PAP:AMBER+STRICT", "tlp:red"])
def test_a_pap_label_that_is_not_a_level_is_refused(label: str) -> None:
    with pytest.raises(InvalidInput, match="Permissible Actions"):
        t.parse_pap(label)


ALL_DEFINITIONS = [*t.TLP_DEFINITIONS.values(), *t.TLP_1_DEFINITIONS.values(), *t.PAP_DEFINITIONS.values()]


@pytest.mark.parametrize("raw", [*ALL_DEFINITIONS, m.statement_definition("© Example")], ids=lambda raw: raw[60:105])
def test_the_embedded_objects_are_valid_and_read_as_what_they_are(raw: bytes) -> None:
    assert examine(raw).violations == ()
    known = m.well_known(msgspec.json.decode(raw)["id"])
    assert m.read_definition(raw) == (known or Marking(statements=frozenset({"© Example"})))


@pytest.mark.parametrize("level", list(t.TLP_1_IDS))
def test_tlp_1_objects_are_those_of_the_reference_library(level: Tlp) -> None:
    name = "WHITE" if level is Tlp.CLEAR else level.value.upper()
    reference = msgspec.json.decode(getattr(stix2, f"TLP_{name}").serialize())
    assert msgspec.json.decode(t.TLP_1_DEFINITIONS[level]) == reference


def test_tlp_2_objects_have_the_form_that_oasis_published() -> None:
    assert msgspec.json.decode(t.TLP_DEFINITIONS[Tlp.AMBER_STRICT]) == {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
        "created": "2022-10-01T00:00:00.000Z",
        "name": "TLP:AMBER+STRICT",
        "extensions": {
            "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
                "extension_type": "property-extension",
                "tlp_2_0": "amber+strict",
            }
        },
    }


IEP = {
    "extension_type": "property-extension",
    "iep_id": "0224bfdf-ea3a-49c3-96f6-66d908bb1845",
    "iep_version": 2.0,
    "permitted_actions": "contact-for-instruction",
    "tlp": "white",
}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(
            definition(
                id=t.TLP_1_IDS[Tlp.CLEAR],
                name="TLP:CLEAR",
                definition_type="tlp",
                definition={"tlp": "clear"},
            ),
            Marking(tlp=Tlp.CLEAR),
            id="tlp 1.0 white, renamed by its sender",
        ),
        pytest.param(
            definition(definition_type="TLP", definition={"TLP": "TLP:AMBER+STRICT"}),
            Marking(tlp=Tlp.AMBER_STRICT),
            id="opencti",
        ),
        pytest.param(
            definition(definition_type="PAP", definition={"PAP": "PAP:RED"}),
            Marking(pap=Pap.RED),
            id="opencti pap",
        ),
        pytest.param(
            definition(id=t.TLP_IDS[Tlp.GREEN], extensions={m.TLP_2_EXTENSION: {"tlp_2_0": "red"}}),
            Marking(tlp=Tlp.RED),
            id="identifier and content differ: the stricter",
        ),
        pytest.param(
            definition(extensions={m.IEP_EXTENSION: IEP}),
            Marking(
                tlp=Tlp.CLEAR,
                policies=frozenset(
                    {Iep(iep_id=IEP["iep_id"], permitted_actions=IEP["permitted_actions"], tlp="white")}
                ),
            ),
            id="iep",
        ),
        pytest.param(definition(), Marking(unknown=frozenset({UNKNOWN})), id="says nothing"),
        pytest.param(definition(name="TLP:CLEAR"), Marking(unknown=frozenset({UNKNOWN})), id="a name alone"),
        pytest.param(
            definition(definition_type="x-codeword", definition={"x-codeword": "RAIN"}),
            Marking(unknown=frozenset({UNKNOWN})),
            id="another type",
        ),
        pytest.param(
            definition(extensions={m.TLP_2_EXTENSION: {"tlp_2_0": "purple"}}),
            Marking(unknown=frozenset({UNKNOWN})),
            id="no such level",
        ),
        pytest.param(
            definition(extensions={m.IEP_EXTENSION: IEP | {"tlp": "amber+strict?"}}),
            Marking(unknown=frozenset({UNKNOWN})),
            id="iep with a level that it cannot have",
        ),
    ],
)
def test_definitions_on_the_wire(raw: bytes, expected: Marking) -> None:
    assert m.read_definition(raw) == expected


def test_an_extension_beside_a_level_that_is_not_understood_closes_it() -> None:
    extensions = {
        m.TLP_2_EXTENSION: {"tlp_2_0": "clear"},
        "extension-definition--dff17fb3-": {"cui": "NOFORN"},
    }
    read = m.read_definition(definition(id=t.TLP_IDS[Tlp.CLEAR], extensions=extensions))
    assert read.tlp is Tlp.CLEAR
    assert read.reach == frozenset()


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"id": 1}', b"[" * 100_000], ids=["cut", "list", "number", "deep"])
def test_what_cannot_be_read_is_an_error(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        m.read_definition(raw)


def marked(*refs: str, granular: Any = None) -> bytes:
    members: dict[str, Any] = {"object_marking_refs": refs} if refs else {}
    return msgspec.json.encode(members | ({"granular_markings": granular} if granular else {}))


@pytest.mark.parametrize(
    ("raw", "reach"),
    [
        pytest.param(marked(), frozenset(), id="unmarked reaches nobody"),
        pytest.param(marked(t.TLP_IDS[Tlp.GREEN]), Tlp.GREEN.reach, id="tlp 2.0"),
        pytest.param(marked(t.TLP_1_IDS[Tlp.AMBER]), Tlp.AMBER.reach, id="tlp 1.0"),
        pytest.param(marked(t.TLP_IDS[Tlp.GREEN], t.TLP_IDS[Tlp.RED]), Tlp.RED.reach, id="two levels: the stricter"),
        pytest.param(marked(t.TLP_IDS[Tlp.GREEN], UNKNOWN), frozenset(), id="an unknown one reaches nobody"),
        pytest.param(marked(t.PAP_IDS[Pap.RED]), frozenset(), id="pap alone says nothing about spread"),
        pytest.param(
            marked(t.TLP_IDS[Tlp.GREEN], granular=[{"selectors": ["name"], "marking_ref": t.TLP_IDS[Tlp.RED]}]),
            Tlp.RED.reach,
            id="a part closes the whole",
        ),
        pytest.param(
            marked(t.TLP_IDS[Tlp.RED], granular=[{"selectors": ["name"], "marking_ref": t.TLP_IDS[Tlp.CLEAR]}]),
            Tlp.RED.reach,
            id="a part opens nothing",
        ),
        pytest.param(
            marked(t.TLP_IDS[Tlp.GREEN], granular=[{"selectors": ["name"], "lang": "id"}]),
            Tlp.GREEN.reach,
            id="a language is not a marking",
        ),
    ],
)
def test_effective_markings(raw: bytes, reach: frozenset[Circle]) -> None:
    assert m.read_markings(raw, {}).effective.reach == reach


def test_a_resolved_definition_is_used_and_parts_keep_their_selectors() -> None:
    statement = Marking(statements=frozenset({"© Example"}))
    raw = marked(t.TLP_IDS[Tlp.CLEAR], granular=[{"selectors": ["description"], "marking_ref": UNKNOWN}])
    markings = m.read_markings(raw, {UNKNOWN: statement})
    assert markings.whole == Marking(tlp=Tlp.CLEAR)
    assert markings.parts == (m.Part(("description",), statement),)


optional = st.none()
markings = st.builds(
    Marking,
    tlp=optional | st.sampled_from(Tlp),
    pap=optional | st.sampled_from(Pap),
    statements=st.frozensets(st.sampled_from("abc"), max_size=2),
    policies=st.frozensets(st.builds(Iep, iep_id=st.sampled_from("xy")), max_size=1),
    unknown=st.frozensets(st.sampled_from("pq"), max_size=1),
)


@given(markings, markings, markings)
def test_join_is_the_least_upper_bound(a: Marking, b: Marking, c: Marking) -> None:
    assert a.join(a) == a
    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(m.UNMARKED) == a
    if a.tlp and b.tlp:
        assert a.join(b).at_least_as_strict_as(a)
        assert a.join(b).at_least_as_strict_as(b)


@given(markings)
def test_definitions_state_the_whole_marking_or_are_refused(marking: Marking) -> None:
    if marking.policies or marking.unknown:
        with pytest.raises(InvalidInput):
            m.definitions_of(marking)
        return
    definitions = m.definitions_of(marking)
    read = {identifier: m.read_definition(raw) for identifier, raw in definitions.items()}
    assert m.read_markings(marked(*definitions), read).effective == marking
