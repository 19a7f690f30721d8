"""Why a name was found, and what other facts do to a hit on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.screening import Evidence, Facts, HeldName, Match, Standing, ValueKind
from titian.screen.names import NameIndex, likeness, take_apart, weigh, worth
from titian.screen.names.evidence import explain
from titian.screen.names.score import laid

P, S, C = Standing.POSSIBLE, Standing.SUPPORTED, Standing.CONTRADICTED


@pytest.mark.parametrize(
    ("asked", "held", "standing", "what"),
    [
        (Facts(), Facts(), P, []),
        (Facts(births=("1970-05-21",)), Facts(), P, []),
        (Facts(births=("1970-05-21",)), Facts(births=("1970-05-21",)), S, ["birth-date"]),
        (Facts(births=("1970-05-21",)), Facts(births=("1970-05",)), S, ["birth-date"]),
        (Facts(births=("1970",)), Facts(births=("1970-05-21",)), S, ["birth-date"]),
        (Facts(births=("1970-00-00",)), Facts(births=("1970-05-21",)), S, ["birth-date"]),
        (Facts(births=("1970-05-11",)), Facts(births=("1970-11-05",)), S, ["birth-date"]),
        (Facts(births=("1970-05-21",)), Facts(births=("1971",)), C, ["birth-date"]),
        (Facts(births=("1970-05",)), Facts(births=("1970-06-21",)), C, ["birth-date"]),
        (Facts(births=("1970",)), Facts(births=("1969", "1970")), S, ["birth-date"]),
        (Facts(births=("long ago",)), Facts(births=("1970",)), P, []),
        (Facts(countries=("ID",)), Facts(countries=("MY", "id")), S, ["country"]),
        (Facts(countries=("ID",)), Facts(countries=("JP",)), P, ["country"]),
        (Facts(countries=("ID",), births=("1970",)), Facts(countries=("ID",), births=("1980",)), C,
         ["birth-date", "country"]),
        (Facts(documents=("A 123-456",)), Facts(documents=("a123456",)), S, ["document"]),
        (Facts(documents=("A123456",), births=("1970",)), Facts(documents=("A123456",), births=("1980",)), S,
         ["document", "birth-date"]),
        (Facts(documents=("A123456",)), Facts(documents=("B123456",)), P, ["document"]),
        (Facts(documents=("12",)), Facts(documents=("12",)), P, []),
    ],
)  # fmt: skip
def test_a_second_fact(asked: Facts, held: Facts, standing: Standing, what: list[str]) -> None:
    found, evidence = weigh(asked, held)
    assert found is standing
    assert [one.what for one in evidence] == what
    assert weigh(held, asked)[0] is standing
    if standing is S:
        assert any(one.speaks_for for one in evidence)
    if standing is C:
        assert any(not one.speaks_for for one in evidence)


def test_evidence_says_which_fact() -> None:
    _, (one,) = weigh(Facts(births=("1970-05-21",)), Facts(births=("1970",)))
    assert one.said == "The year of birth agrees: asked 1970-05-21; held 1970."


def test_a_country_says_that_it_is_weak_and_ranks_below_other_facts() -> None:
    asked = Facts(countries=("ID",), births=("1970",), documents=("A123456",))
    country = weigh(asked, Facts(countries=("ID",)))
    assert country[0] is S
    assert country[1][0].said == "The country agrees, which many share: ID."
    others = [weigh(asked, Facts(births=("1970",))), weigh(asked, Facts(documents=("A123456",))),
              weigh(asked, Facts(countries=("ID",), births=("1970",)))]  # fmt: skip
    assert len({worth(0.9, *one) for one in others}) == 1
    assert worth(0.9, P) < worth(0.9, *country) < worth(0.9, *others[0])
    differs = weigh(asked, Facts(countries=("JP", "MY")))
    assert differs == (P, (Evidence("country", "The country differs: asked ID; held JP, MY.", speaks_for=False),))


def test_hits_are_in_that_order(tmp_path: Path) -> None:
    index = NameIndex(tmp_path)
    known = [Facts(), Facts(countries=("ID",)), Facts(births=("1970",)), Facts(births=("1980",))]
    index.add((HeldName(ValueKind.PERSON, "Slamet Riyadi", one), at) for at, one in enumerate(known))
    hits = index.search("Slamet Riyadi", Facts(countries=("ID",), births=("1970",)), ValueKind.PERSON)
    assert [(hit.number, hit.standing) for hit in hits] == [(2, S), (1, S), (0, P), (3, C)]


# ── why a name was found ──────────────────────────────────────────────────────────────────────────────────────


def explained(one: str, other: str, kind: ValueKind = ValueKind.PERSON) -> list[str]:
    """What is said of the readings that are most alike."""
    readings = [(a, b) for a in take_apart(one, kind) for b in take_apart(other, kind)]
    return [each.said for each in explain(*max(readings, key=lambda pair: likeness(*pair)))]


@pytest.mark.parametrize(
    ("asked", "held", "said"),
    [
        ("Djoko Widodo", "Joko Widodo", ["The same: widodo.",
                                         "The same name before and after a spelling reform: djoko / joko."]),
        ("Suharto", "Soeharto", ["The same name before and after a spelling reform: suharto / soeharto."]),
        ("Tjahjono", "Cahyono", ["The same name before and after a spelling reform: tjahjono / cahyono."]),
        ("Widodo, Joko", "Joko Widodo", ["The same: widodo; joko.", "The parts stand in another order."]),
        ("Wladimir Orlov", "Владимир Орлов", ["The same name in another script: wladimir / vladimir; orlov."]),
        ("Hanako Yamada", "やまだ はなこ", ["The same name in another script: hanako; yamada.",
                                            "The parts stand in another order."]),
        ("J. Smith", "John Smith", ["The same: smith.", "An initial that fits: j / john."]),
        ("Magomed Salim", "Muhammad Salim", ["The same: salim.", "Forms of one name: magomed / muhammad."]),
        ("Dmitri Orlov", "Dmitry Orlov", ["The same: orlov.", "Other spellings that sound the same: dmitri / dmitry."]),
        ("Yudhoyono", "Yudoyomo", ["Nearly the same: yudhoyono / yudoyomo."]),
        ("Kim Jongun", "Kim Jong Un", ["The same, with words written together or apart: kim jongun / kim jong un."]),
        ("Ivan Sidorov", "Ivan Petrovich Sidorov", ["The same: ivan; sidorov.", "Only in what is held: petrovich."]),
        ("Ivan Petrovich Sidorov", "Ivan Sidorov", ["The same: ivan; sidorov.", "Only in what was asked: petrovich."]),
    ],
)  # fmt: skip
def test_each_part_is_told_with_how_it_matches(asked: str, held: str, said: list[str]) -> None:
    assert explained(asked, held) == said


def test_an_organisation_is_told_with_its_legal_form() -> None:
    said = explained("PT Sumber Madju", "Sumber Maju GmbH", ValueKind.ORGANISATION)
    assert said[-1].startswith("The legal forms differ: ")
    (against,) = [one for a in take_apart("PT Sumber", ValueKind.ORGANISATION)
                  for b in take_apart("Sumber GmbH", ValueKind.ORGANISATION)
                  for one in explain(a, b) if not one.speaks_for]  # fmt: skip
    assert against.what == "name-form"


def test_hits_say_it_before_other_facts(tmp_path: Path) -> None:
    index = NameIndex(tmp_path)
    index.add([(HeldName(ValueKind.PERSON, "Joko Widodo", Facts(births=("1970",))), 1)])
    for asked, whats in (
        ("JOKO  widodo", ["name-same"]),
        ("Djoko Widodo", ["name-same", "name-reform"]),
        ("Widodo", ["name-same", "name-only-held"]),
    ):
        (hit,) = index.search(asked, Facts(births=("1970",)), ValueKind.PERSON, 0.6)
        assert [one.what for one in hit.evidence] == [*whats, "birth-date"]
    (hit,) = index.search("joko widodo")
    assert (hit.match, hit.evidence[0].said) == (Match.EXACT, "The whole name is written the same.")


WORDS = st.sampled_from(
    ["Ali", "bin", "Hasan", "Ivan", "Petrovich", "محمد", "Владимир", "田中", "たろう", "สมชาย", "J.",
     "PT", "Ltd", "김", "Kim", "Jongun", "Jong", "Un"]
)  # fmt: skip
NAMES = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


@given(NAMES, NAMES, st.sampled_from((ValueKind.PERSON, ValueKind.ORGANISATION)))
def test_every_word_is_told_once(one: str, other: str, kind: ValueKind) -> None:
    for a in take_apart(one, kind):
        for b in take_apart(other, kind):
            found = laid(a, b)
            assert explain(a, b) or not (a.words or b.words)
            if not found.together:
                ours, theirs = ([pair[at] for pair in found.pairs] for at in (0, 1))
                assert sorted([*ours, *found.only_one]) == sorted(a.words)
                assert sorted([*theirs, *found.only_other]) == sorted(b.words)
            back = laid(b, a)
            assert (back.together, len(back.pairs)) == (found.together, len(found.pairs))
