"""Keys: their form, their digest, and what a role lets its holder do."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.access import Key, Role, key_id, matches, mint
from titian.core.collection import Collection

ONE = Collection(num=1, id="one", name="One", created=0)


def key(role: Role, collection: int | None = None) -> Key:
    return Key(id="abcd2345", name="k", digest=b"", role=role, collection=collection, created=0)


@given(st.binary(min_size=25, max_size=25))
def test_a_minted_key_names_itself_and_matches_its_digest_only(random: bytes) -> None:
    parts = iter((random[:5], random[5:]))
    ident, secret, digest = mint(lambda count: next(parts))
    assert key_id(secret) == ident
    assert digest == hashlib.sha256(secret.encode()).digest()
    assert matches(secret, digest)
    assert not matches(secret + "a", digest)
    assert not matches(secret, digest[:-1])


def test_a_key_has_160_random_bits() -> None:
    """What makes a quick digest enough: nobody can try them all."""
    asked: list[int] = []

    def random(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    mint(random)
    assert asked == [5, 20]
    assert len({mint()[1] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "given_key",
    [
        "",
        "titian",
        "titian__",
        "titian_abcd2345_",
        "titian_abcd2345_" + "a" * 31,
        "titian_abcd2345_" + "a" * 33,
        "titian_abcd234_" + "a" * 32,
        "Titian_abcd2345_" + "a" * 32,
        "titian_abcd2345_" + "a" * 32 + "_",
        "titian_abcd2345_" + "é" * 32,
        "titian_äbcd2345_" + "a" * 32,
        " titian_abcd2345_" + "a" * 32,
    ],
    ids=ascii,
)
def test_what_has_not_the_form_of_a_key(given_key: str) -> None:
    assert key_id(given_key) is None


@pytest.mark.parametrize(
    ("role", "scope", "readable", "writable", "sees", "reads", "writes"),
    [
        pytest.param(Role.READER, None, True, True, True, True, False, id="reader"),
        pytest.param(Role.WRITER, None, True, True, True, True, True, id="writer"),
        pytest.param(Role.ADMIN, None, True, True, True, True, True, id="admin"),
        pytest.param(Role.WRITER, 1, True, True, True, True, True, id="writer of this one"),
        pytest.param(Role.ADMIN, 2, True, True, False, False, False, id="admin of another one"),
        pytest.param(Role.ADMIN, None, False, True, True, True, True, id="admin before an inbox"),
        pytest.param(Role.ADMIN, None, True, False, True, True, True, id="admin of a read-only one"),
        pytest.param(Role.ADMIN, 1, False, False, True, True, True, id="admin of this closed one"),
        pytest.param(Role.ADMIN, 2, False, False, False, False, False, id="admin of another closed one"),
        pytest.param(Role.WRITER, None, False, True, True, False, True, id="writer before an inbox"),
        pytest.param(Role.WRITER, None, True, False, True, True, False, id="writer of a read-only one"),
        pytest.param(Role.READER, None, False, True, True, False, False, id="reader before an inbox"),
    ],
)
def test_rights(
    role: Role, scope: int | None, readable: bool, writable: bool, sees: bool, reads: bool, writes: bool
) -> None:
    collection = Collection(num=1, id="one", name="One", created=0, readable=readable, writable=writable)
    holder = key(role, scope)
    assert (holder.sees(collection, 0), holder.reads(collection, 0), holder.writes(collection, 0)) == (
        sees,
        reads,
        writes,
    )


@given(
    st.sampled_from(list(Role)),
    st.none() | st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
)
def test_a_key_does_nothing_with_what_it_does_not_see(
    role: Role, scope: int | None, num: int, readable: bool, writable: bool
) -> None:
    collection = Collection(num=num, id="x", name="X", created=0, readable=readable, writable=writable)
    holder = key(role, scope)
    assert holder.sees(collection, 0) or not (holder.reads(collection, 0) or holder.writes(collection, 0))
    assert not (role is Role.READER and holder.writes(collection, 0))
    if role is not Role.ADMIN:
        assert not (holder.reads(collection, 0) and not readable), "a flag binds every partner's key"
        assert not (holder.writes(collection, 0) and not writable)
