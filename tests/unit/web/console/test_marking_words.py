"""Markings in words: each thing that a marking says is one sentence, and what is not understood is never silent."""

from __future__ import annotations

import pytest

from titian.core.marking import Attribution, Iep, Marking, Markings, Part
from titian.core.tlp import Pap, Tlp
from titian.web.console.guard import Visitor
from titian.web.console.language import Formats
from titian.web.console.marking_words import marking_words

DAY = 86_400_000_000
VISITOR = Visitor(
    language="en", zone="UTC", formats=Formats("en", "UTC", lambda: 0), node_name="Agency One", bound=b"", secure=False
)
NAMES = {"identity--1": "Agency <b>Two</b>", "ID": "ID"}


def _said(marking: Marking, *parts: Part) -> str:
    found = marking_words(VISITOR, Markings(marking, parts), lambda one: NAMES.get(one, one))
    return " ".join([*found.sentences, *(one for part in found.parts for one in part.sentences)])


@pytest.mark.parametrize(
    ("marking", "words"),
    [
        (Marking(), "because it bears no TLP"),
        (Marking(unknown=frozenset({"marking-definition--1"})), "is not understood here"),
        *((Marking(tlp=level), f"because it is <bdi>{level.label}</bdi>.") for level in Tlp),
        *((Marking(pap=level), f"because it is <bdi>{level.label}</bdi>.") for level in Pap),
        (Marking(releasable_to=frozenset({frozenset({"identity--1"})})), "Agency &lt;b&gt;Two&lt;/b&gt;"),
        (Marking(releasable_to=frozenset({frozenset[str]()})), "May go to nobody"),
        (Marking(purposes=frozenset({"cybercrime"})), "cybercrime"),
        (Marking(purposes=frozenset()), "May be used for nothing"),
        (Marking(starts=DAY), "Goes to nobody before"),
        (Marking(expires=DAY), "1970-01-02T00:00:00Z"),
        (Marking(expires=253_402_300_799_000_000), "9999-12-31"),
        (Marking(attribution=frozenset({Attribution.MUST_NOT})), "must not be named"),
        (Marking(statements=frozenset({"<i>ours</i>"})), "&lt;i&gt;ours&lt;/i&gt;"),
        (Marking(policies=frozenset({Iep(description="100% \u202eours")})), "100% "),
    ],
)
def test_everything_that_a_marking_says_is_a_sentence(marking: Marking, words: str) -> None:
    said = _said(marking)
    assert words in said
    assert "<b>" not in said
    assert "<i>" not in said
    assert "\u202e" not in said


def test_only_what_reaches_somebody_is_not_flagged() -> None:
    for marking, nobody in ((Marking(tlp=Tlp.GREEN), False), (Marking(), True),
                            (Marking(tlp=Tlp.CLEAR, unknown=frozenset({"marking-definition--1"})), True)):  # fmt: skip
        assert marking_words(VISITOR, Markings(marking), str).nobody is nobody


def test_a_part_says_what_holds_for_it_besides() -> None:
    part = Part(("description",), Marking(pap=Pap.RED))
    found = marking_words(VISITOR, Markings(Marking(tlp=Tlp.GREEN), (part,)), str)
    assert found.parts[0].selectors == ("description",)
    assert "adversary cannot notice" in found.parts[0].sentences[0]
    assert "no TLP" not in " ".join(found.parts[0].sentences)
    assert "says nothing" in _said(Marking(tlp=Tlp.GREEN), Part(("name",), Marking()))
