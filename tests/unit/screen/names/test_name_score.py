"""How alike two names are: laws, and a table of customs."""

# ruff: noqa: RUF001, SIM905
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core.screening import Match, ValueKind
from titian.screen.names import THRESHOLD, Likeness, likeness, take_apart

PERSON, ORGANISATION = ValueKind.PERSON, ValueKind.ORGANISATION


def alike(one: str, other: str, kind: ValueKind = PERSON) -> Likeness:
    return max(likeness(a, b) for a in take_apart(one, kind) for b in take_apart(other, kind))


def best(one: str, other: str, kind: ValueKind = PERSON) -> float:
    return max(likeness(a, b).score for a in take_apart(one, kind) for b in take_apart(other, kind))


SAME = [
    ("Muhammad bin Abdul Rahman", "محمد بن عبد الرحمن"),
    ("Mohamed", "محمد"),
    ("Muhammad", "Mohamed"),
    ("Abdurrahman Wahid", "Abdul Rahman Wahid"),
    ("Abd al-Rahman Wahid", "Abdelrahman Wahid"),
    ("Bashar al-Assad", "بشار الأسد"),
    ("Abu Bakar Ba'asyir", "Abu Bakar Bashir"),
    ("Иван Петрович Сидоров", "Sidorov Ivan Petrovich"),
    ("Ivan Sidorov", "Ivan Petrovich Sidorov"),
    ("Anna Ivanova", "Анна Иванова"),
    ("Anna Ivanov", "Anna Ivanova"),
    ("Dmitry Medvedev", "Dmitri Medwedew"),
    ("Михаил Горбачёв", "Michail Gorbatschow"),
    ("Soeharto", "Suharto"),
    ("Djoko Tjahjono", "Joko Cahyono"),
    ("Njoman Sjarif", "Nyoman Syarif"),
    ("Jusuf Kalla", "Yusuf Kalla"),
    ("H. Ahmad Dahlan, M.A.", "Ahmad Dahlan"),
    ("Ustadz Ahmad Dahlan", "Achmad Dahlan"),
    ("Ali bin Hasan", "Ali b. Hasan"),
    ("Siti binti Ahmad", "Siti bt. Ahmad"),
    ("やまだ はなこ", "Hanako Yamada"),
    ("ヤマダ ハナコ", "やまだ はなこ"),
    ("さとう いちろう", "Satō Ichirō"),
    ("สมชาย วัฒนา", "Somchai Watthana"),
    ("นายสมชาย วัฒนา", "Somchai Wattana"),
    ("ภูมิพล อดุลยเดช", "Bhumibol Adulyadej"),
    ("Nguyễn Văn Đức", "Duc Nguyen Van"),
    ("김정은", "Kim Jong-un"),
    ("习近平", "Xi Jinping"),
    ("Kim Jongun", "Kim Jong Un"),
    ("Müller, Jürgen", "Juergen Mueller"),
    ("J. Smith", "John Smith"),
    ("Sergei Khrushchev", "Sergei Khruschev"),
]
OTHER = [
    ("Ali bin Hasan", "Hasan bin Ali"),
    ("Иван Петрович Сидоров", "Пётр Иванович Сидоров"),
    ("Ivan Petrovich Sidorov", "Pavel Petrovich Sidorov"),
    ("Ivan Petrovich Sidorov", "Ivan Borisovich Sidorov"),
    ("Ivan Petrovich Sidorov", "Petr Ivanovich Sidorov"),
    ("Hasan Salim", "Husain Salim"),
    ("Ahmad Yani", "Ahmad Wahid"),
    ("Budi Santoso", "Budi Hartono"),
    ("محمد الحمداني", "Mahmoud al-Zahrani"),
    ("Kim Jong-il", "Kim Jong-un"),
    ("Nguyen Van Duc", "Nguyen Van Hai"),
    ("やまだ はなこ", "Taro Yamada"),
    ("สมชาย วัฒนา", "Wichai Watthana"),
    ("A. Smith", "John Smith"),
    ("Ahmad", "Ahmad Yani Wijaya"),
]
COMPANIES = [
    ("PT Maju Jaya", "P.T. Madju Djaja Tbk"),
    ("ООО «Северный ветер»", "Severnyy Veter LLC"),
    ("株式会社ホンダ", "Honda K.K."),
    ("บริษัท สมชาย จำกัด", "Somchai Co., Ltd."),
    ("ธนาคารกรุงเทพ จำกัด (มหาชน)", "Bangkok Bank PCL"),
    ("Sinar Harapan Sdn Bhd", "Sinar Harapan Sendirian Berhad"),
    ("Müller Maschinenbau GmbH", "Mueller Maschinenbau G.m.b.H."),
    ("Yayasan Amal", "Amal Foundation"),
    ("АО Альфа-Банк", "Alfa-Bank JSC"),
]
OTHER_COMPANIES = [
    ("PT Sumber Makmur", "CV Sumber Makmur"),
    ("PT Angkasa Pura I", "PT Angkasa Pura II"),
    ("Deutsche Bank AG", "Deutsche Telekom AG"),
    ("PT Bank Mandiri", "PT Bank Permata"),
    ("Blue Ocean Trading LLC", "Blue Mountain Trading LLC"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_person(one: str, other: str) -> None:
    assert best(one, other) >= THRESHOLD


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_two_persons(one: str, other: str) -> None:
    assert best(one, other) < THRESHOLD


@pytest.mark.parametrize(("one", "other"), COMPANIES)
def test_one_organisation(one: str, other: str) -> None:
    assert best(one, other, ORGANISATION) >= THRESHOLD


@pytest.mark.parametrize(("one", "other"), OTHER_COMPANIES)
def test_two_organisations(one: str, other: str) -> None:
    assert best(one, other, ORGANISATION) < THRESHOLD


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        ("Joko Widodo", "joko  WIDODO", Match.EXACT),
        ("Joko Widodo", "Widodo, Joko", Match.EXACT),
        ("Soeharto", "Suharto", Match.PHONETIC),
        ("Sidorov Ivan", "Sydorov Ivann", Match.PHONETIC),
        ("Yudhoyono", "Yudoyomo", Match.NEAR),
        ("Владимир Орлов", "Vladimir Orlov", Match.CROSS_SCRIPT),
    ],
)
def test_how_it_matched(one: str, other: str, match: Match) -> None:
    (a,), (b,) = take_apart(one, PERSON), take_apart(other, PERSON)
    assert likeness(a, b).match is match


NAMES = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            "Ali bin Hasan Ivan Petrovich محمد بن Владимир 田中 たろう สมชาย al- Dr. PT Ltd 김 de J. ООО".split()
        ),
        max_size=6,
    ).map(" ".join),
)


@given(NAMES, NAMES, st.sampled_from((PERSON, ORGANISATION)))
@settings(max_examples=150, deadline=None)
def test_the_order_of_two_names_makes_no_difference(one: str, other: str, kind: ValueKind) -> None:
    for a in take_apart(one, kind):
        for b in take_apart(other, kind):
            assert likeness(a, b) == likeness(b, a)
            assert 0.0 <= likeness(a, b).score <= 1.0


@given(NAMES, st.sampled_from((PERSON, ORGANISATION)))
@settings(max_examples=150, deadline=None)
def test_a_name_is_itself(name: str, kind: ValueKind) -> None:
    for reading in take_apart(name, kind):
        assert likeness(reading, reading) == Likeness(1.0, Match.EXACT)


@given(st.permutations(["Slamet", "Bambang", "Wiryawan"]))
def test_the_order_of_words_makes_no_difference(words: list[str]) -> None:
    assert best("Slamet Bambang Wiryawan", " ".join(words)) == 1.0


@given(st.sampled_from(("al-", "Al ", "el-", "Dr. ", "Ustadz ", "Col. ")))
def test_titles_and_articles_make_no_difference(before: str) -> None:
    assert best("Salim Haddad", f"Salim {before}Haddad") == 1.0


def test_a_name_without_letters_is_like_nothing_else() -> None:
    assert best("!!!", "???") == 0.0
    assert best("!!!", "Ali") == 0.0


@given(st.text(max_size=60), st.sampled_from((PERSON, ORGANISATION)))
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_taken_apart(text: str, kind: ValueKind) -> None:
    for reading in take_apart(text, kind):
        assert all(word.text and word.text.isascii() for word in reading.words)


def test_a_very_long_name_is_cut() -> None:
    (name,) = take_apart("Ali " * 10_000, PERSON)
    assert len(name.words) <= 16
