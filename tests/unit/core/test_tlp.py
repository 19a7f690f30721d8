"""Levels: TLP 2.0 and 1.0 as audiences, PAP as what may be done, and their labels as people write them."""

from __future__ import annotations

import itertools

import msgspec
import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st

from titian.core import tlp as t
from titian.core.errors import InvalidInput
from titian.core.tlp import Circle, Pap, Tlp

STRICTEST_LAST = [Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED]


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


def test_a_level_is_written_as_first_and_misp_do() -> None:
    assert [level.label for level in Tlp] == ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"]
    assert [level.label for level in Pap] == ["PAP:CLEAR", "PAP:GREEN", "PAP:AMBER", "PAP:RED"]


@pytest.mark.parametrize(("level", "circles"), [
    (Tlp.RED, {"recipients"}),
    (Tlp.AMBER_STRICT, {"recipients", "organisation"}),
    (Tlp.AMBER, {"recipients", "organisation", "clients"}),
    (Tlp.GREEN, {"recipients", "organisation", "clients", "community"}),
    (Tlp.CLEAR, {"recipients", "organisation", "clients", "community", "public"}),
])  # fmt: skip
def test_whom_each_level_reaches(level: Tlp, circles: set[str]) -> None:
    assert level.reach == circles


PAP_STRICTEST_LAST = [Pap.CLEAR, Pap.GREEN, Pap.AMBER, Pap.RED]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(PAP_STRICTEST_LAST, PAP_STRICTEST_LAST)))
def test_pap_is_a_chain_of_what_may_be_done(a: Pap, b: Pap) -> None:
    rank = PAP_STRICTEST_LAST.index
    assert t.stricter_pap(a, b) is t.stricter_pap(b, a) is max(a, b, key=rank)
    assert (a.actions <= b.actions) == (rank(a) >= rank(b))


def test_pap_red_is_passive_and_only_green_and_clear_are_active() -> None:
    assert Pap.RED.actions == {"passive-undetectable"}
    assert {level for level in Pap if "active" in level.actions} == {Pap.GREEN, Pap.CLEAR}


@pytest.mark.parametrize(("label", "level"), [
    ("PAP:RED", Pap.RED), ("pap: amber", Pap.AMBER), (" green ", Pap.GREEN), ("CLEAR", Pap.CLEAR),
    ("PAP:WHITE", Pap.CLEAR), ("white", Pap.CLEAR),
])  # fmt: skip
def test_pap_labels(label: str, level: Pap) -> None:
    assert t.parse_pap(label) is level


def test_a_refused_label_is_repeated_and_the_levels_are_told() -> None:
    with pytest.raises(InvalidInput) as refused:
        t.parse_tlp("purple")
    assert refused.value.message == "'purple' is not a level of the Traffic Light Protocol."
    assert refused.value.advice == "Use TLP:CLEAR, TLP:GREEN, TLP:AMBER, TLP:AMBER+STRICT, TLP:RED."
    with pytest.raises(InvalidInput) as refused:
        t.parse_pap("purple")
    assert refused.value.message == "'purple' is not a level of the Permissible Actions Protocol."
    assert refused.value.advice == "Use PAP:CLEAR, PAP:GREEN, PAP:AMBER, PAP:RED."


@given(st.text(max_size=20))
def test_any_text_is_one_level_or_refused(text: str) -> None:
    """No level is found in a text that does not spell it out."""
    try:
        level = t.parse_tlp(text)
    except InvalidInput:
        return
    spelled = text.casefold()
    assert level.value.split("+")[0] in spelled or "white" in spelled
    assert (level is Tlp.AMBER_STRICT) == ("strict" in spelled)
