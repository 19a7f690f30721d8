"""Words are the same however they are written, and what is said is found by any word of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.needles import Fit, needles_of
from titian.core.snippet import marks_in, snippet_of, wanted
from titian.core.words import (
    LONGEST_WORD,
    MOST_WORDS,
    decoded,
    folded,
    grams,
    read_document,
    runs,
    said,
    title_of,
    words,
)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
plain_words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12)
_UNSPACED = "攻撃者警察署電話กอหตโน"
scripts = st.sampled_from(
    ["攻撃者は警察", "повестки и деньги", "โอนเงินผ่านบัญชี", "lừa đảo qua điện thoại", "rekening kota", "비밀 다리"]
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Đà Nẵng", "da nang"), ("Ёж", "еж"), ("\uff21\uff22\uff23\uff11", "abc1"),
        ("Straße", "STRASSE"), ("ﬁre", "fire"),
        ("ev\u200bil", "evil"), ("\u202eevil", "evil"), ("hxxps://Evil[.]example", "https://evil.example"),
        ("a[at]evil(dot)example", "a@evil.example"), ("ｶﾞ", "ガ"), ("cafe\u0301", "café"), ("İstanbul", "istanbul"),
    ],
)  # fmt: skip
def test_what_is_the_same_is_folded_to_the_same(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@given(texts)
def test_folding_again_changes_nothing_that_is_looked_for(text: str) -> None:
    assert words(folded(text)) >= words(folded(folded(text)))


@given(scripts, scripts)
def test_a_text_has_the_words_of_its_parts(one: str, other: str) -> None:
    assert words(folded(f"{one}. {other}")) == words(folded(one)) | words(folded(other))


@given(st.text(_UNSPACED, min_size=2, max_size=8), st.text(_UNSPACED, max_size=4))
def test_every_part_of_an_unspaced_text_has_words_in_it(text: str, around: str) -> None:
    assert grams(text) <= words(folded(f"{around}{text}{around}"))


@given(texts, texts)
def test_what_a_needle_wants_is_in_what_it_was_made_of(one: str, other: str) -> None:
    """A box with a text that is held, as it is held, finds it: its words are there, and so is its text."""
    held = folded(f"{one} {other}")
    for needle in needles_of(f'"{one}"'.replace('"', " ")):
        assert all(
            any(word.startswith(part.word) or part.word in word for word in words(held)) for part in needle.parts
        )


def test_long_words_are_cut_and_long_texts_bounded() -> None:
    long = "x" * 5_000
    assert all(len(word) <= LONGEST_WORD for word in words(long))
    (needle,) = needles_of(long)
    assert needle.verify
    many = read_document({"name": "here", "description": " ".join(f"w{n}" for n in range(3 * MOST_WORDS))})
    assert len(many.words) <= MOST_WORDS
    assert "here" in many.words


@pytest.mark.parametrize(
    ("box", "wanted_parts"),
    [
        ("ferry", [[("ferry", Fit.INFIX)]]), ("fe", [[("fe", Fit.PREFIX)]]), ('"ferry"', [[("ferry", Fit.EXACT)]]),
        ("evil.example", [[("evil", Fit.EXACT), ("example", Fit.PREFIX)]]), ("攻撃", [[("攻撃", Fit.EXACT)]]),
        ("攻", [[("攻", Fit.EXACT)]]), ("攻撃者", [[("攻撃", Fit.EXACT), ("撃者", Fit.EXACT)]]),
        ("!!! -- ''", []), ("", []),
        ("ferry ferry", [[("ferry", Fit.INFIX)]]),
        ('"unclosed phrase', [[("unclosed", Fit.EXACT), ("phrase", Fit.EXACT)]]),
    ],
)  # fmt: skip
def test_a_box_is_read_as_it_is_meant(box: str, wanted_parts: list[list[tuple[str, Fit]]]) -> None:
    assert [[(part.word, part.fit) for part in needle.parts] for needle in needles_of(box)] == wanted_parts


def test_what_says_how_an_object_is_written_is_not_searched() -> None:
    value = {
        "type": "malware", "id": "malware--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", "created": "2024-01-01T00:00:00Z",
        "created_by_ref": "identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", "name": "ferry", "labels": ["gelap"],
        "object_marking_refs": ["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"],
        "external_references": [{"source_name": "catalogue", "external_id": "G9"}],
        "x_about_ref": "tool--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", "count": 7, "nothing": None,
        "deep": {"k": [{"v": "well"}]},
    }  # fmt: skip
    found = read_document(value)
    assert found.words == {"ferry", "gelap", "catalogue", "g9", "well"}
    assert (found.names, found.exact) == ({"ferry", "g9"}, {"ferry", "g9"})
    assert found.refs == {"tool--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"}
    assert (found.creator, len(found.marks)) == ("identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", 1)


jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["name", "pattern", "hashes", "object_marking_refs", "created_by_ref", "x"]), jsons)
)
def test_nothing_in_an_object_makes_reading_it_fail(value: dict[str, object]) -> None:
    found = read_document(value)
    assert found.names <= found.words
    assert title_of(value)
    assert all(isinstance(text, str) for text in said(value))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'"x"', b"\xff", b"null", b"[" * 100_000])
def test_bytes_that_are_no_object_say_nothing(raw: bytes) -> None:
    assert decoded(raw) == {}


# ── where it was found ────────────────────────────────────────────────────────────────────────────────────────


@given(scripts, texts, st.integers(0, 400))
def test_a_snippet_marks_what_was_looked_for(word: str, around: str, far: int) -> None:
    looked_for = runs(folded(word))[0]
    text = "filler " * far + word + " " + around
    found = snippet_of([around, text], wanted(needles_of(looked_for)))
    assert len(found.text) <= 242
    assert found.marks
    for begin, end in found.marks:
        assert looked_for.startswith(folded(found.text[begin:end])[:1])


@given(texts, st.lists(plain_words, max_size=4))
def test_marks_lie_within_the_text_and_apart(text: str, looked_for: list[str]) -> None:
    marks = marks_in(f"{text} {' '.join(looked_for)}", looked_for)
    ends = [0]
    for begin, end in marks:
        assert ends[-1] <= begin < end
        ends.append(end)
    assert bool(marks) == bool(looked_for)
