"""The markings of STIX as they are found on the wire: definitions, marked objects, and what stands for what."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core import marking as m
from titian.core import tlp as t
from titian.core.errors import InvalidInput
from titian.core.marking import Attribution, Iep, Marking
from titian.core.stix import examine
from titian.core.tlp import Circle, Pap, Tlp

STRICTEST_LAST = [Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED]
UNKNOWN = "marking-definition--3cd55916-d34b-4747-a8e0-dedec14b711b"


def definition(**members: Any) -> bytes:
    head = {"type": "marking-definition", "spec_version": "2.1", "created": "2022-10-01T00:00:00.000Z"}
    return msgspec.json.encode({**head, "id": UNKNOWN, **members})


ALL_DEFINITIONS = [*t.TLP_DEFINITIONS.values(), *t.TLP_1_DEFINITIONS.values(), *t.PAP_DEFINITIONS.values()]


@pytest.mark.parametrize("raw", [*ALL_DEFINITIONS, m.statement_definition("© Example")], ids=lambda raw: raw[60:105])
def test_the_embedded_objects_are_valid_and_read_as_what_they_are(raw: bytes) -> None:
    assert examine(raw).violations == ()
    known = m.well_known(msgspec.json.decode(raw)["id"])
    assert m.read_definition(raw) == (known or Marking(statements=frozenset({"© Example"})))


IEP: dict[str, Any] = {
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
            definition(id=t.TLP_IDS[Tlp.GREEN], extensions={t.TLP_2_EXTENSION: {"tlp_2_0": "red"}}),
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
            definition(extensions={t.TLP_2_EXTENSION: {"tlp_2_0": "purple"}}),
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
        t.TLP_2_EXTENSION: {"tlp_2_0": "clear"},
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


def lists(*each: set[str]) -> frozenset[frozenset[str]]:
    return frozenset(map(frozenset, each))


@pytest.mark.parametrize("colours", list(itertools.permutations(STRICTEST_LAST, 2)))
def test_of_contradictory_colours_the_strictest_counts(colours: tuple[Tlp, Tlp]) -> None:
    strictest = max(colours, key=STRICTEST_LAST.index)
    assert m.read_markings(marked(*(t.TLP_IDS[one] for one in colours)), {}).whole == Marking(tlp=strictest)
    older = [t.TLP_1_IDS.get(one, t.TLP_IDS[one]) for one in colours]
    assert m.read_markings(marked(*older), {}).whole == Marking(tlp=strictest)


@pytest.mark.parametrize(("level", "label"), list(itertools.product(Tlp, Tlp)))
def test_an_identifier_that_was_relabelled_is_never_looser_than_it_was(level: Tlp, label: Tlp) -> None:
    strictest = max(level, label, key=STRICTEST_LAST.index)
    relabelled = definition(id=t.TLP_IDS[level], definition_type="tlp", definition={"tlp": label.value})
    assert m.read_definition(relabelled) == Marking(tlp=strictest)
    if level in t.TLP_1_IDS:
        older = definition(id=t.TLP_1_IDS[level], name=label.label, definition_type="tlp", definition={"tlp": label})
        assert m.read_definition(older) == Marking(tlp=strictest)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(
            definition(definition_type="tlp", definition={"tlp": "red", "TLP": "clear"}), id="two spellings of one key"
        ),
        pytest.param(
            definition(definition_type="tlp", definition={"TLP": "clear", "tlp": "red"}), id="two, the other way round"
        ),
        pytest.param(
            definition(definition={"tlp": "red"}, extensions={t.TLP_2_EXTENSION: {"tlp_2_0": "clear"}}),
            id="a definition without its type, beside an extension",
        ),
        pytest.param(
            definition(
                definition_type="", definition={"tlp": "red"}, extensions={t.TLP_2_EXTENSION: {"tlp_2_0": "clear"}}
            ),
            id="a definition of an empty type, beside an extension",
        ),
    ],
)
def test_law_2_what_may_be_the_stricter_half_is_not_passed_over(raw: bytes) -> None:
    assert m.read_definition(raw).reach <= Tlp.RED.reach


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"definition_type": "statement", "definition": {"statement": "© Example"}},
                     Marking(statements=frozenset({"© Example"})), id="statement"),
        pytest.param({"definition_type": "Statement", "definition": {"STATEMENT": "Keep."}},
                     Marking(statements=frozenset({"Keep."})), id="statement in capitals"),
        pytest.param({"definition_type": "statement", "definition": {"statement": 5}},
                     Marking(unknown=frozenset({UNKNOWN})), id="a statement that is no text"),
        pytest.param({"definition_type": "statement"}, Marking(unknown=frozenset({UNKNOWN})), id="no definition"),
        pytest.param({"definition_type": "tlp", "definition": {"tlp": "purple"}},
                     Marking(unknown=frozenset({UNKNOWN})), id="no level of tlp"),
        pytest.param({"definition_type": "pap", "definition": {"pap": "amber+strict"}},
                     Marking(unknown=frozenset({UNKNOWN})), id="no level of pap"),
        pytest.param({"definition_type": "tlp", "definition": {"statement": "red"}},
                     Marking(unknown=frozenset({UNKNOWN})), id="the wrong key"),
        pytest.param({"extensions": {t.PAP_EXTENSION: {"pap": "green"}}}, Marking(pap=Pap.GREEN), id="pap"),
        pytest.param({"extensions": {t.PAP_EXTENSION: {}}}, Marking(unknown=frozenset({UNKNOWN})), id="pap of nothing"),
        pytest.param({"extensions": {t.TLP_2_EXTENSION: {}}}, Marking(unknown=frozenset({UNKNOWN})),
                     id="tlp of nothing"),
        pytest.param({"definition_type": "statement", "definition": {"statement": "Keep."},
                      "extensions": {t.TLP_2_EXTENSION: {"tlp_2_0": "green"}}},
                     Marking(tlp=Tlp.GREEN, statements=frozenset({"Keep."})), id="two forms: both"),
        pytest.param({"id": t.TLP_1_IDS[Tlp.RED]}, Marking(tlp=Tlp.RED), id="an identifier says enough"),
        pytest.param({"id": t.PAP_WHITE_ID}, Marking(pap=Pap.CLEAR), id="pap white"),
    ],
)  # fmt: skip
def test_each_form_of_definition(members: dict[str, Any], expected: Marking) -> None:
    assert m.read_definition(definition(**members)) == expected


def test_what_cannot_be_read_is_said_of_what_it_is() -> None:
    with pytest.raises(InvalidInput, match=r"^A marking definition cannot be read: .+\.$"):
        m.read_definition(b"{")
    for raw in (b"{", b'{"object_marking_refs": "x"}', b'{"granular_markings": [5]}', b"[" * 100_000):
        with pytest.raises(InvalidInput, match=r"^The object's markings cannot be read: .+\.$"):
            m.read_markings(raw, {})


def test_every_unknown_marking_is_named() -> None:
    whole = m.read_markings(marked("marking-definition--a", t.TLP_IDS[Tlp.CLEAR], "marking-definition--b"), {}).whole
    assert whole == Marking(tlp=Tlp.CLEAR, unknown=frozenset({"marking-definition--a", "marking-definition--b"}))


def test_well_known_identifiers_and_no_others() -> None:
    for level in Tlp:
        assert m.well_known(t.TLP_IDS[level]) == Marking(tlp=level)
    assert [m.well_known(t.TLP_1_IDS[level]) for level in t.TLP_1_IDS] == [Marking(tlp=level) for level in t.TLP_1_IDS]
    assert [m.well_known(t.PAP_IDS[level]) for level in Pap] == [Marking(pap=level) for level in Pap]
    # Two identifiers that a public file invented, and AMBER+STRICT with another ending.
    for invented in ("bab4a63c-aed9-4b5f-a766-dfca5abac2bb", "939a9414-2ddd-4d32-a0cd-b7c2c2b9e2c8"):
        assert m.well_known(f"marking-definition--{invented}") is None


def test_a_definition_at_hand_counts_before_the_identifier() -> None:
    closed = Marking(tlp=Tlp.RED, statements=frozenset({"Keep."}))
    assert m.read_markings(marked(t.TLP_IDS[Tlp.GREEN]), {t.TLP_IDS[Tlp.GREEN]: closed}).whole == closed


def test_statements_have_one_identifier_and_one_form() -> None:
    identifier = f"marking-definition--{uuid5(UUID('5a6c2a0e-5d0a-5b7b-9f0f-6f1d2c5c1a77'), 'Keep.')}"
    assert m.statement_id("Keep.") == identifier
    expected = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": identifier,
        "created": "1970-01-01T00:00:00.000Z",
        "definition_type": "statement",
        "definition": {"statement": "Keep."},
    }
    assert msgspec.json.decode(m.statement_definition("Keep.")) == expected
    own = msgspec.json.decode(m.statement_definition("Keep.", identifier=UNKNOWN))
    assert own == expected | {"id": UNKNOWN}


@pytest.mark.parametrize(
    "marking",
    [
        Marking(policies=frozenset({Iep()})),
        Marking(releasable_to=lists({"JP"})),
        Marking(purposes=frozenset()),
        Marking(expires=0),
        Marking(starts=0),
        Marking(attribution=frozenset({Attribution.MAY})),
        Marking(unknown=frozenset({"x"})),
    ],
)
def test_what_has_no_standard_object_is_refused(marking: Marking) -> None:
    with pytest.raises(InvalidInput) as refused:
        m.definitions_of(marking)
    assert refused.value.message == "An exchange policy, a handling or an unknown marking has no standard object."


def test_the_definitions_of_a_marking() -> None:
    assert m.definitions_of(Marking()) == {}
    marking = Marking(tlp=Tlp.CLEAR, pap=Pap.RED, statements=frozenset({"b", "a"}))
    found = m.definitions_of(marking)
    assert list(found) == [t.TLP_IDS[Tlp.CLEAR], t.PAP_IDS[Pap.RED], m.statement_id("a"), m.statement_id("b")]
    assert found[t.TLP_IDS[Tlp.CLEAR]] == t.TLP_DEFINITIONS[Tlp.CLEAR]
    assert found[t.PAP_IDS[Pap.RED]] == t.PAP_DEFINITIONS[Pap.RED]
    assert found[m.statement_id("a")] == m.statement_definition("a")


optional = st.none()


@given(
    st.builds(
        Marking,
        tlp=optional | st.sampled_from(Tlp),
        pap=optional | st.sampled_from(Pap),
        statements=st.frozensets(st.sampled_from("abc"), max_size=2),
        policies=st.just(frozenset()) | st.just(frozenset({Iep(iep_id="x")})),
        unknown=st.just(frozenset()) | st.just(frozenset({"p"})),
    )
)
def test_definitions_state_the_whole_marking_or_are_refused(marking: Marking) -> None:
    if marking != Marking(tlp=marking.tlp, pap=marking.pap, statements=marking.statements):
        with pytest.raises(InvalidInput):
            m.definitions_of(marking)
        return
    definitions = m.definitions_of(marking)
    read = {identifier: m.read_definition(raw) for identifier, raw in definitions.items()}
    assert m.read_markings(marked(*definitions), read).effective == marking
