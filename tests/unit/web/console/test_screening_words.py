"""What the screening desk says in English is said in each language; what strangers wrote in it stays inert."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any, cast

import pytest

from titian.core.agreement import Purpose
from titian.core.marking import Marking
from titian.core.screening import Facts, Hit, Match, Standing, ValueKind
from titian.core.tlp import Pap, Tlp
from titian.screen.names import take_apart
from titian.screen.names.evidence import SAME, explain, weigh
from titian.screen.words import marking_words
from titian.screen.words import use_words as said_of_use
from titian.web.console.guard import Visitor
from titian.web.console.language import LANGUAGES, Formats, catalogue
from titian.web.console.screening_words import (
    KINDS,
    MATCHES,
    STANDINGS,
    english,
    evidence_words,
    likenesses,
    more_marking,
    use_words,
)

ENGLISH = 'lang="en"'
DESK = (
    "The same value is held.", "It lies in 198.51.100.0/24.", "It belongs to evil.example, which is held.",
    "The hashes differ in 7 of 256 bits.", "It was not given for trafficking.",
)  # fmt: skip
"""What ``titian.screen.desk`` itself says."""


def _visitor(tag: str) -> Visitor:
    formats = Formats(tag, "UTC", lambda: 0)
    return cast("Visitor", SimpleNamespace(language=tag, formats=formats, gettext=catalogue(tag).gettext))


def _hit(marking: Marking, purpose: str | None = None) -> Hit:
    return Hit(
        match=Match.EXACT, score=1.0, evidence=(), object="x", type="x", name="x", value="x", collection="x",
        marking=marking_words(marking), source="x", known=0, tlp=marking.tlp, pap=marking.pap,
        use=said_of_use(marking, purpose),
    )  # fmt: skip


def _evidence() -> set[str]:
    births, countries, documents = ("1970-05-21", "1970-05", "1970", "1981"), ("ID", "JP"), ("A1234", "B1234")
    every = [
        Facts(births=(born,), countries=(country,), documents=(number,))
        for born, country, number in product(births, countries, documents)
    ]
    return {one.said for ours, theirs in product(every, every) for one in weigh(ours, theirs)[1]}


NAMES = [
    ("Widodo, Djoko", "Joko Widodo"), ("Mohammad Ali", "محمد علي"), ("Magomed Soebarto", "Muhammad Subarto"),
    ("Kim Jongun", "Kim Jong Un"), ("J. Smith", "John Smyth Wright"), ("Yudhoyono Amal", "Yudoyomo"),
    ("PT Maju Jaya", "Maju Jaya GmbH"), ("Khrushchev", "Khruschev"),
]  # fmt: skip
"""Names that match in every way that is explained."""


def _explained() -> set[str]:
    kind = ValueKind.ORGANISATION
    pairs = [(one, other, kind if "PT" in one else ValueKind.PERSON) for one, other in NAMES]
    return {SAME.said} | {
        one.said
        for ours, theirs, kind in pairs
        for asked, held in product(take_apart(ours, kind), take_apart(theirs, kind))
        for one in explain(asked, held)
    }


@pytest.mark.parametrize("tag", LANGUAGES)
def test_each_way_in_which_names_match_is_known(tag: str) -> None:
    visitor = _visitor(tag)
    explained = _explained()
    assert len({one.partition(":")[0] for one in explained}) == 13
    for said in explained:
        assert ENGLISH not in evidence_words(visitor, said), said


@pytest.mark.parametrize("tag", LANGUAGES)
def test_each_sentence_of_the_desk_is_known(tag: str) -> None:
    visitor = _visitor(tag)
    evidence = _evidence()
    assert len({one.partition(":")[0] for one in evidence}) == 8
    for said in (*DESK, *evidence):
        assert ENGLISH not in evidence_words(visitor, said), said
    for pap, purposes, asked in product(
        (None, *Pap), (None, frozenset({Purpose.CYBERCRIME.value})), (None, Purpose.TRAFFICKING.value)
    ):
        hit = _hit(Marking(pap=pap, purposes=purposes), asked)
        words = use_words(visitor, hit)
        assert len(words) == (2 if purposes and asked else 1)
        assert not [one for one in words if ENGLISH in one]
    assert not [one for one in use_words(visitor, _hit(Marking(unknown=frozenset({"x"})))) if ENGLISH in one]


def test_an_unknown_sentence_stays_english_and_inert() -> None:
    visitor = _visitor("ja")
    words = evidence_words(visitor, "A new <b>sentence</b> \u202e of the desk.")
    assert ENGLISH in words
    assert "<b>" not in words
    assert "[RLO]" in words
    words = evidence_words(visitor, "It belongs to <script>\u202e%(x)s, which is held.")
    assert "<script>" not in words
    assert "[RLO]" in words
    assert "%(x)s" in words
    assert "<i>" not in english("<i>")


def test_what_a_marking_says_besides_its_badges() -> None:
    assert more_marking(_hit(Marking(tlp=Tlp.GREEN, pap=Pap.RED))) == ""
    assert more_marking(_hit(Marking())) == ""
    assert "for cybercrime" in more_marking(_hit(Marking(tlp=Tlp.GREEN, purposes=frozenset({"cybercrime"}))))


def test_every_word_is_there() -> None:
    assert set(KINDS) == set(ValueKind)
    assert set(MATCHES) == set(Match)
    assert set(STANDINGS) == set(Standing)


def test_shares_are_written_as_the_language_does() -> None:
    told: dict[str, Any] = {tag: dict(likenesses(_visitor(tag)))["80"] for tag in ("en", "ru")}
    assert told["en"].startswith("80%")
    assert told["ru"].startswith("80\u00a0%")
