from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.screening import Value, ValueKind
from titian.screen.exact import DIGEST_BYTES, Digester, words

SECRET = b"a secret of the node's own"
KINDS = st.sampled_from(ValueKind)
TEXTS = st.text(st.characters(), max_size=300)


def test_a_digest_is_keyed_blake2b_of_kind_nul_and_canonical_form() -> None:
    expected = blake2b(b"domain\0evil.example", digest_size=16, key=SECRET).digest()
    assert Digester(SECRET).digest(ValueKind.DOMAIN, "evil.example") == expected


@given(KINDS, TEXTS, KINDS, TEXTS)
def test_two_values_have_one_digest_only_if_they_are_one(a: ValueKind, one: str, b: ValueKind, other: str) -> None:
    digester = Digester(SECRET)
    assert (digester.digest(a, one) == digester.digest(b, other)) == ((a, one) == (b, other))


@given(st.lists(st.tuples(KINDS, TEXTS), max_size=20))
def test_many_are_what_each_is(keys: list[tuple[ValueKind, str]]) -> None:
    digester = Digester(SECRET)
    each = b"".join(digester.digest(*key) for key in keys)
    assert digester.digests_of(keys).tobytes() == each
    assert digester.digests_of(Value(kind, text) for kind, text in keys).tobytes() == each
    assert (
        digester.digests(ValueKind.TEXT, [text for _, text in keys]).tobytes()
        == digester.digests_of((ValueKind.TEXT, text) for _, text in keys).tobytes()
    )


def test_a_lone_surrogate_is_a_text_like_another() -> None:
    digester, given = Digester(SECRET), ["a", "\ud800", "\udfff", "?"]
    made = digester.digests(ValueKind.TEXT, given)
    assert len({one.tobytes() for one in made}) == len(given)
    assert made.tobytes() == b"".join(digester.digest(ValueKind.TEXT, one) for one in given)


def test_another_secret_gives_other_digests_and_seals() -> None:
    one, other = Digester(SECRET), Digester(SECRET + b"2")
    assert one.digest(ValueKind.IP, "192.0.2.1") != other.digest(ValueKind.IP, "192.0.2.1")
    assert one.seal(b"x") != other.seal(b"x")
    assert one.check != other.check


def test_a_seal_is_never_the_digest_of_a_value() -> None:
    digester = Digester(SECRET)
    assert digester.seal(b"ip\x00192.0.2.1") != digester.digest(ValueKind.IP, "192.0.2.1")


@pytest.mark.parametrize("length", [0, 15, 65])
def test_a_secret_that_is_too_short_or_too_long_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        Digester(bytes(length))


def test_words_hold_the_digest_as_it_is() -> None:
    joined = bytes(range(2 * DIGEST_BYTES))
    assert words(joined).shape == (2, 2)
    assert words(joined)[1].tobytes() == joined[16:]
