"""Handlings and exchange policies: to whom, for what, until when, and whether its source may be named."""

from __future__ import annotations

import itertools
import json
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core import marking as m
from titian.core import tlp as t
from titian.core.errors import InvalidInput
from titian.core.marking import Attribution, Handling, Iep, Marking
from titian.core.stix import examine
from titian.core.tlp import Tlp

UNKNOWN = "marking-definition--3cd55916-d34b-4747-a8e0-dedec14b711b"


def definition(**members: Any) -> bytes:
    head = {"type": "marking-definition", "spec_version": "2.1", "created": "2022-10-01T00:00:00.000Z"}
    return msgspec.json.encode({**head, "id": UNKNOWN, **members})


def marked(*refs: str, granular: Any = None) -> bytes:
    members: dict[str, Any] = {"object_marking_refs": refs} if refs else {}
    return msgspec.json.encode(members | ({"granular_markings": granular} if granular else {}))


AT = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""
DAY = "2026-01-01T00:00:00Z"
OTHER_DAY = "2026-01-02T00:00:00.000001Z"


def handled(**content: Any) -> bytes:
    return definition(extensions={m.HANDLING_EXTENSION: {"extension_type": "property-extension", **content}})


def lists(*each: set[str]) -> frozenset[frozenset[str]]:
    return frozenset(map(frozenset, each))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param({"releasable_to": ["ID", "JP"]}, Marking(releasable_to=lists({"ID", "JP"})), id="recipients"),
        pytest.param({"releasable_to": []}, Marking(releasable_to=lists(set())), id="an empty list names nobody"),
        pytest.param({"purposes": ["cybercrime"]}, Marking(purposes=frozenset({"cybercrime"})), id="purpose"),
        pytest.param({"purposes": []}, Marking(purposes=frozenset()), id="no purpose is none, not all"),
        pytest.param({"expires": DAY}, Marking(expires=AT), id="expiry"),
        pytest.param(
            {"attribution": "must-not"}, Marking(attribution=frozenset({Attribution.MUST_NOT})), id="must-not"
        ),
        pytest.param(
            {"releasable_to": ["JP"], "purposes": ["cybercrime"], "expires": DAY, "attribution": "may"},
            Marking(
                releasable_to=lists({"JP"}),
                purposes=frozenset({"cybercrime"}),
                expires=AT,
                attribution=frozenset({Attribution.MAY}),
            ),
            id="all of it",
        ),
    ],
)
def test_a_handling_means_what_it_says(content: dict[str, Any], expected: Marking) -> None:
    assert m.read_definition(handled(**content)) == expected
    assert m.handling_marking(m.read_handling(content)) == expected


NOT_UNDERSTOOD = [
    pytest.param({"releasable_to": "JP"}, id="a text for a list"),
    pytest.param({"releasable_to": [1]}, id="a number for a party"),
    pytest.param({"attribution": "never"}, id="another word for attribution"),
    pytest.param({"attribution": "MUST-NOT"}, id="a word in capitals"),
    pytest.param({"attribution": ""}, id="an empty word"),
    pytest.param({"purposes": {"cybercrime": True}}, id="an object for a list"),
    pytest.param({"expires": 1767225600}, id="a number for a date"),
    pytest.param({"releasable_to": ["JP"], "not_releasable_to": ["RU"]}, id="more than we know"),
]


@pytest.mark.parametrize(
    "content",
    [
        *NOT_UNDERSTOOD,
        pytest.param({"expires": "2026-01-01"}, id="a day for an instant"),
        pytest.param({"expires": ""}, id="an empty date"),
    ],
)
def test_law_2_a_handling_that_is_not_understood_reaches_nobody(content: dict[str, Any]) -> None:
    assert m.read_definition(handled(**content)) == Marking(unknown=frozenset({UNKNOWN}))


@pytest.mark.parametrize("content", NOT_UNDERSTOOD)
def test_a_handling_that_is_not_understood_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(
        InvalidInput, match=r"^A handling (cannot be read: .+\.|says more than this version understands\.)$"
    ):
        m.read_handling(content)


def test_reading_a_handling_keeps_what_was_written() -> None:
    read = m.read_handling({"extension_type": "property-extension", "releasable_to": ["JP", "ID"], "expires": DAY})
    assert read == Handling(releasable_to=("JP", "ID"), expires=DAY)
    assert m.read_handling({}) == Handling()


def test_a_recipient_that_is_set_to_null_is_not_everybody() -> None:
    """JSON null is no value of STIX (section 2): who wrote it did not mean the whole world."""
    marking = m.read_definition(handled(releasable_to=None))
    assert marking.unknown or marking.releasable_to


HANDLING = Handling(
    releasable_to=("JP", "ID", "JP"), purposes=("cybercrime",), expires=DAY, attribution=Attribution.MAY
)


def test_a_handling_has_one_identifier_and_one_form_wherever_it_is_written() -> None:
    said = {"releasable_to": ["ID", "JP"], "purposes": ["cybercrime"], "expires": DAY, "attribution": "may"}
    name = json.dumps(said, sort_keys=True, separators=(",", ":"))
    identifier = f"marking-definition--{uuid5(UUID('02e62f51-7549-44b4-ab43-8c754ac35e75'), name)}"
    found, raw = m.handling_definition(HANDLING)
    assert found == identifier
    assert msgspec.json.decode(raw) == {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": identifier,
        "created": "1970-01-01T00:00:00.000Z",
        "extensions": {m.HANDLING_EXTENSION: {"extension_type": "property-extension", **said}},
    }
    assert examine(raw).violations == ()
    again = msgspec.structs.replace(HANDLING, releasable_to=("ID", "JP"), purposes=("cybercrime", "cybercrime"))
    assert m.handling_definition(again) == (found, raw)


handlings = st.builds(
    Handling,
    releasable_to=st.none() | st.lists(st.sampled_from(["ID", "JP", "identity--a"])).map(tuple),
    purposes=st.none() | st.lists(st.sampled_from(["cybercrime", "trafficking"])).map(tuple),
    expires=st.none() | st.just(DAY),
    attribution=st.none() | st.sampled_from(Attribution),
).filter(lambda handling: handling != Handling())


@given(handlings, handlings)
def test_a_written_handling_reads_as_what_it_means_and_differs_where_its_meaning_does(a: Handling, b: Handling) -> None:
    (name_a, raw_a), (name_b, raw_b) = m.handling_definition(a), m.handling_definition(b)
    assert m.read_definition(raw_a) == m.handling_marking(a)
    same = m.handling_marking(a) == m.handling_marking(b)
    assert (name_a == name_b) == (raw_a == raw_b) == same


@pytest.mark.parametrize("handling", [Handling(releasable_to=()), Handling(purposes=())], ids=["nobody", "nothing"])
def test_a_handling_that_names_nobody_says_something(handling: Handling) -> None:
    _, raw = m.handling_definition(handling)
    assert m.read_definition(raw) == m.handling_marking(handling) != m.UNMARKED


def test_a_handling_that_says_nothing_is_not_written() -> None:
    with pytest.raises(InvalidInput) as refused:
        m.handling_definition(Handling())
    assert refused.value.message == "A handling must say something."
    assert refused.value.advice == "Name recipients, a purpose, an expiry or more."


@pytest.mark.parametrize("expires", ["", "tomorrow", "2026-01-01", "2026-01-01T00:00:00+09:00"])
def test_an_expiry_is_a_timestamp(expires: str) -> None:
    with pytest.raises(InvalidInput):
        m.handling_definition(Handling(expires=expires))
    with pytest.raises(InvalidInput):
        m.handling_marking(Handling(expires=expires))


def policy(**members: Any) -> bytes:
    return definition(extensions={m.IEP_EXTENSION: members})


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"start_date": DAY}, {"starts": AT}, id="begins"),
        pytest.param({"end_date": DAY}, {"expires": AT}, id="ends"),
        pytest.param(
            {"start_date": DAY, "end_date": OTHER_DAY}, {"starts": AT, "expires": AT + 86_400_000_001}, id="both"
        ),
        pytest.param({"tlp": "amber"}, {"tlp": Tlp.AMBER}, id="level"),
        pytest.param({"tlp": "white"}, {"tlp": Tlp.CLEAR}, id="tlp 1.0's white"),
        pytest.param({"description": "No level."}, {}, id="no level"),
        pytest.param(
            {"provider_attribution": "must-not"}, {"attribution": frozenset({Attribution.MUST_NOT})}, id="must-not"
        ),
        pytest.param({"provider_attribution": "must"}, {"attribution": frozenset({Attribution.MUST})}, id="must"),
        pytest.param({"provider_attribution": "may"}, {"attribution": frozenset({Attribution.MAY})}, id="may"),
    ],
)
def test_an_exchange_policy_binds_by_level_dates_and_attribution(
    members: dict[str, str], expected: dict[str, Any]
) -> None:
    read = m.read_definition(policy(iep_version=2.0, **members))
    assert read == Marking(policies=frozenset({Iep(**members)}), **expected)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"start_date": "soon"}, id="start"),
        pytest.param({"end_date": "2026-01-01"}, id="end"),
        pytest.param({"end_date": 5}, id="a number"),
        pytest.param({"tlp": "purple"}, id="level"),
        pytest.param({"tlp": ""}, id="empty level"),
        pytest.param({"provider_attribution": "never"}, id="attribution"),
        pytest.param({"provider_attribution": ""}, id="empty attribution"),
    ],
)
def test_law_2_a_policy_that_is_not_understood_reaches_nobody(members: dict[str, Any]) -> None:
    assert m.read_definition(policy(iep_id="p", **members)) == Marking(unknown=frozenset({UNKNOWN}))


@pytest.mark.parametrize(("iep", "tlp", "strictest"), [
    ("white", Tlp.RED, Tlp.RED),
    ("red", Tlp.CLEAR, Tlp.RED),
    ("amber", Tlp.AMBER_STRICT, Tlp.AMBER_STRICT),
    ("green", Tlp.AMBER, Tlp.AMBER),
])  # fmt: skip
def test_where_a_policy_and_tlp_both_speak_the_stricter_holds(iep: str, tlp: Tlp, strictest: Tlp) -> None:
    definitions = {UNKNOWN: m.read_definition(policy(tlp=iep))}
    for marks in itertools.permutations([UNKNOWN, t.TLP_IDS[tlp]]):
        assert m.read_markings(marked(*marks), definitions).whole.tlp is strictest
    beside = {m.IEP_EXTENSION: {"tlp": iep}, t.TLP_2_EXTENSION: {"tlp_2_0": tlp.value}}
    assert m.read_definition(definition(extensions=beside)).tlp is strictest
