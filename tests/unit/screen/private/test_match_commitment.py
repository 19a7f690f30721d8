"""Commitments to input sets: they fix a set, hide it, and open for one value."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput, NotFound
from titian.screen.private.commitment import commit, holds, open_one

SALT = bytes(range(32))
SETS = st.sets(st.binary(max_size=12), min_size=1, max_size=20)


@given(SETS, SETS)
def test_a_commitment_is_to_one_set(one: set[bytes], other: set[bytes]) -> None:
    assert (commit(sorted(one), SALT) == commit(sorted(other, reverse=True), SALT)) == (one == other)


@given(SETS, st.binary(max_size=12))
def test_it_opens_for_each_of_its_values_and_for_no_other(values: set[bytes], other: bytes) -> None:
    root = commit(sorted(values), SALT)
    for value in values:
        opening = open_one(sorted(values), SALT, value)
        assert holds(root, value, opening)
        assert opening.salt != SALT
        assert holds(root, other, opening) == (other == value)
        assert not holds(root, value, msgspec.structs.replace(opening, at=opening.at + 1))
        assert not holds(commit([b"something else"], SALT), value, opening)


def test_the_salt_hides_the_values() -> None:
    assert commit([b"a"], SALT) != commit([b"a"], bytes(32))
    with pytest.raises(InvalidInput):
        commit([b"a"], b"")
    with pytest.raises(NotFound):
        open_one([b"a"], SALT, b"b")


def test_no_value_is_a_set_too() -> None:
    assert len(commit([], SALT)) == 32
