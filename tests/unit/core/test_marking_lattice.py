"""Markings as a lattice: to honour two of them is to honour the stricter of each, and nothing is forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core import marking as m
from titian.core.marking import Attribution, Iep, Marking
from titian.core.tlp import Pap, Tlp


def lists(*each: set[str]) -> frozenset[frozenset[str]]:
    return frozenset(map(frozenset, each))


@pytest.mark.parametrize(
    ("a", "b", "both"),
    [
        pytest.param({"tlp": Tlp.AMBER}, {"tlp": Tlp.AMBER_STRICT}, {"tlp": Tlp.AMBER_STRICT}, id="tlp"),
        pytest.param({"tlp": Tlp.CLEAR}, {}, {"tlp": Tlp.CLEAR}, id="tlp and nothing"),
        pytest.param({"pap": Pap.AMBER}, {"pap": Pap.GREEN}, {"pap": Pap.AMBER}, id="pap"),
        pytest.param({"pap": Pap.CLEAR}, {}, {"pap": Pap.CLEAR}, id="pap and nothing"),
        pytest.param({"statements": {"a"}}, {"statements": {"b"}}, {"statements": {"a", "b"}}, id="statements"),
        pytest.param({"policies": {Iep(tlp="red")}}, {"policies": {Iep()}}, {"policies": {Iep(tlp="red"), Iep()}},
                     id="policies"),
        pytest.param({"releasable_to": lists({"JP"})}, {"releasable_to": lists({"ID", "JP"})},
                     {"releasable_to": lists({"JP"}, {"ID", "JP"})}, id="recipients: both lists"),
        pytest.param({"releasable_to": lists(set())}, {}, {"releasable_to": lists(set())}, id="nobody stays nobody"),
        pytest.param({"purposes": {"a", "b"}}, {"purposes": {"b", "c"}}, {"purposes": {"b"}}, id="purposes"),
        pytest.param({"purposes": {"a"}}, {"purposes": {"b"}}, {"purposes": set()}, id="no purpose is left"),
        pytest.param({"purposes": {"a"}}, {}, {"purposes": {"a"}}, id="purposes and nothing"),
        pytest.param({"purposes": set()}, {}, {"purposes": set()}, id="no purpose and nothing"),
        pytest.param({"starts": 1}, {"starts": 2}, {"starts": 2}, id="the later beginning"),
        pytest.param({"starts": 0}, {}, {"starts": 0}, id="beginning and nothing"),
        pytest.param({"expires": 1}, {"expires": 2}, {"expires": 1}, id="the earlier end"),
        pytest.param({"expires": 0}, {}, {"expires": 0}, id="end and nothing"),
        pytest.param({"attribution": {Attribution.MUST}}, {"attribution": {Attribution.MUST_NOT}},
                     {"attribution": {Attribution.MUST, Attribution.MUST_NOT}}, id="attribution"),
        pytest.param({"unknown": {"a"}}, {"unknown": {"b"}}, {"unknown": {"a", "b"}}, id="unknown"),
    ],
)  # fmt: skip
def test_joining(a: dict[str, Any], b: dict[str, Any], both: dict[str, Any]) -> None:
    def made(fields: dict[str, Any]) -> Marking:
        values: dict[str, Any] = {n: frozenset(v) if isinstance(v, set) else v for n, v in fields.items()}
        return Marking(**values)

    assert made(a).join(made(b)) == made(b).join(made(a)) == made(both)


STEPS = [
    pytest.param({"pap": Pap.RED}, {"pap": Pap.AMBER}, id="pap"),
    pytest.param({"pap": Pap.CLEAR}, {}, id="any pap"),
    pytest.param({"statements": frozenset({"a", "b"})}, {"statements": frozenset({"a"})}, id="a statement more"),
    pytest.param({"policies": frozenset({Iep()})}, {}, id="a policy more"),
    pytest.param({"releasable_to": lists({"JP"}, {"ID"})}, {"releasable_to": lists({"JP"})}, id="a list more"),
    pytest.param({"purposes": frozenset({"a"})}, {"purposes": frozenset({"a", "b"})}, id="a purpose less"),
    pytest.param({"purposes": frozenset({"a"})}, {}, id="a purpose named"),
    pytest.param({"purposes": frozenset()}, {"purposes": frozenset({"a"})}, id="no purpose left"),
    pytest.param({"starts": 2}, {"starts": 1}, id="begins later"),
    pytest.param({"starts": 0}, {}, id="begins"),
    pytest.param({"expires": 1}, {"expires": 2}, id="ends earlier"),
    pytest.param({"expires": 0}, {}, id="ends"),
    pytest.param({"attribution": frozenset({Attribution.MUST_NOT})}, {}, id="attribution"),
    pytest.param({"tlp": Tlp.AMBER_STRICT}, {"tlp": Tlp.AMBER}, id="tlp"),
    pytest.param({"unknown": frozenset({"x"})}, {}, id="unknown"),
]
"""Two markings, of which the first is stricter than the second in one way."""


@pytest.mark.parametrize(("stricter", "looser"), STEPS)
def test_stricter_in_one_way(stricter: dict[str, Any], looser: dict[str, Any]) -> None:
    base: dict[str, Any] = {"tlp": Tlp.GREEN}
    a, b = Marking(**base | stricter), Marking(**base | looser)
    assert a.at_least_as_strict_as(b)
    assert a.at_least_as_strict_as(a)
    assert not b.at_least_as_strict_as(a)


def test_stricter_in_one_way_does_not_make_up_for_looser_in_another() -> None:
    red = Marking(tlp=Tlp.RED, statements=frozenset({"a"}), expires=1)
    for other in (Marking(tlp=Tlp.CLEAR, pap=Pap.GREEN), Marking(tlp=Tlp.CLEAR, expires=0)):
        assert not red.at_least_as_strict_as(other)
        assert not other.at_least_as_strict_as(red)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (set(), True),
        ({Attribution.MAY}, True),
        ({Attribution.MUST}, True),
        ({Attribution.MUST_NOT}, False),
        ({Attribution.MAY, Attribution.MUST_NOT}, False),
        (set(Attribution), False),
    ],
)
def test_what_forbids_to_name_the_source_wins(said: set[Attribution], named: bool) -> None:
    assert Marking(attribution=frozenset(said)).names_source is named


@pytest.mark.parametrize("level", list(Tlp))
def test_law_2_an_unknown_or_missing_marking_reaches_nobody(level: Tlp) -> None:
    assert Marking(tlp=level).reach == level.reach != frozenset()
    assert Marking(tlp=level, unknown=frozenset({"x"})).reach == frozenset()
    assert Marking() == m.UNMARKED
    assert m.UNMARKED.reach == frozenset()


optional = st.none()
markings = st.builds(
    Marking,
    tlp=optional | st.sampled_from(Tlp),
    pap=optional | st.sampled_from(Pap),
    statements=st.frozensets(st.sampled_from("abc"), max_size=2),
    policies=st.frozensets(st.builds(Iep, iep_id=st.sampled_from("xy")), max_size=1),
    releasable_to=st.frozensets(st.frozensets(st.sampled_from("jk"), max_size=2), max_size=2),
    purposes=optional | st.frozensets(st.sampled_from("tu"), max_size=2),
    starts=optional | st.integers(0, 3),
    expires=optional | st.integers(0, 3),
    attribution=st.frozensets(st.sampled_from(Attribution), max_size=2),
    unknown=st.frozensets(st.sampled_from("pq"), max_size=1),
)


@given(markings, markings, markings)
def test_join_is_the_least_upper_bound(a: Marking, b: Marking, c: Marking) -> None:
    assert a.join(a) == a
    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(m.UNMARKED) == a
    both = a.join(b)
    assert both.names_source == (a.names_source and b.names_source)
    # What says nothing about spread takes on what the other says: "unmarked" is the absence of a marking.
    if a.tlp and b.tlp:
        assert both.at_least_as_strict_as(a)
        assert both.at_least_as_strict_as(b)
        if c.tlp and not c.unknown and c.at_least_as_strict_as(a) and c.at_least_as_strict_as(b):
            assert c.at_least_as_strict_as(both)


@given(markings, markings, markings)
def test_as_strict_as_is_an_order(a: Marking, b: Marking, c: Marking) -> None:
    assert a.at_least_as_strict_as(a)
    if a.at_least_as_strict_as(b) and b.at_least_as_strict_as(c):
        assert a.at_least_as_strict_as(c)
    if a.at_least_as_strict_as(b):
        assert a.reach <= b.reach
        assert b.names_source or not a.names_source
