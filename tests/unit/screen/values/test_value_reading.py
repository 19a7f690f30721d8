"""Laws of reading: nothing that can be typed raises, a canonical form is its own, and what was left out is told."""

from __future__ import annotations

import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from titian.core.mentions import plain
from titian.core.screening import ValueKind
from titian.screen.values import read_value, read_values

PIECES = [
    "[.]", "hxxp", "http", "://", "[:]", "(at)", "@", ".", "/", "%2f", "%", "..", "xn--", "0x", "::", "com",
    "example", "1581F", "eip155:1/", "telegram:", "x:", "id=", "-", "_", "#", "?", "[", "]", "{", "}", "\\", "bc1",
    "sha256:", "pdq:", "GB82", "serial:", "session:", "utm:", "~", "|", "00", "+62", "a", "b", "1", "0", "9", ":",
    "=", "'", "\"", "<", ">", "wa.me", "t.me", "mailto:", "tel:", "https://x.com/",
    *"\u200b\u202e\u00df\u0130\u017f\ufb01\uff11\u0663\u0000\ud800\u00e9\u0301\u3002\u2177\u0345\u212a",
]  # fmt: skip
KINDS = [None, *ValueKind]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=string.printable, max_size=80),
    st.lists(st.one_of(st.sampled_from([*PIECES, " "]), st.characters()), max_size=14).map("".join),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, st.sampled_from(KINDS))
@example("0/'#", ValueKind.URL)
@example("A:(AT)0", ValueKind.ACCOUNT)
@example("A:[:]", ValueKind.ACCOUNT)
@example("SERIAL:0", ValueKind.DRONE)
@example("registration:MFR1-1A", ValueKind.DRONE)
@example("a" * 25 + ":\u4e00://", ValueKind.URL)
@example("\uff07a@example.com", ValueKind.EMAIL)
def test_whatever_is_typed_is_read_and_its_form_is_its_own(text: str, kind: ValueKind | None) -> None:
    read = read_value(text, kind)
    assert read.given == text
    assert read.values
    for value in read.values:
        value.canonical.encode()
        again = read_value(value.canonical, value.kind).values[0]
        assert (again.kind, again.canonical) == (value.kind, value.canonical)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, max_size=5), st.sampled_from(KINDS))
def test_a_list_is_read_as_each_of_it_is(texts: list[str], kind: ValueKind | None) -> None:
    assert read_values(texts, kind) == [read_value(text, kind) for text in texts]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60).filter(str.isprintable))
def test_a_text_is_compared_as_texts_are_everywhere(text: str) -> None:
    canonical = read_value(text, ValueKind.TEXT).values[0].canonical
    assert canonical == plain(canonical)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param("", "nothing here", id="empty"),
        pytest.param(" \t\n", "nothing here", id="blank"),
        pytest.param("\u200b", "U+200B", id="only-invisible"),
        pytest.param("evil\u200b.example", "U+200B", id="zero-width"),
        pytest.param("evil\u00ad.example", "U+00AD", id="soft-hyphen"),
        pytest.param("evil\x07.example", "U+0007", id="control"),
        pytest.param("elpmaxe\u202e.live", "turn the direction", id="right-to-left-override"),
        pytest.param("evil\ud800.example", "U+D800", id="half-a-character"),
        pytest.param("x" * 4097, "longer than 4096", id="too-long"),
    ],
)
@pytest.mark.parametrize("kind", KINDS, ids=[one.value if one else "recognised" for one in KINDS])
def test_what_cannot_be_seen_or_is_too_much_is_told(given: str, told: str, kind: ValueKind | None) -> None:
    assert told in (read_value(given, kind).problem or "")


def test_a_value_is_read_without_what_cannot_be_seen() -> None:
    assert read_value("1A1zP1eP5QGefi\u200b2DMPTfTL5SLmv7DivfNa").values[0].kind is ValueKind.WALLET
    pasted = read_value("\ufeff198.51.100.3\r\n")
    assert (pasted.values, pasted.problem) == (read_value("198.51.100.3").values, None)


def test_two_long_texts_are_two() -> None:
    one, other = read_value("x" * 5_000), read_value("x" * 4_999 + "y")
    assert one.values[0].canonical != other.values[0].canonical
    assert len(one.values[0].canonical) < 100


@pytest.mark.parametrize(
    "text", ["[" * 2_000 + "." + "]" * 2_000, " " * 4_000 + "x", "a@" * 2_000, "1." * 2_000, "%" * 4_000]
)
@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", KINDS, ids=[one.value if one else "recognised" for one in KINDS])
def test_nothing_takes_long(text: str, kind: ValueKind | None) -> None:
    assert read_value(text, kind).values
