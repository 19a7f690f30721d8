"""What a ledger commits to, and what an opened entry says."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.core.ledger import (
    EVERYBODY,
    LEAF_SIZE,
    SALT_SIZE,
    Entry,
    Kind,
    Opened,
    Run,
    commit,
    digest_of,
    digest_over,
    runs,
    spread,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
entries = st.builds(
    Entry,
    kind=st.sampled_from(Kind),
    at=st.integers(0, 2**61),
    party=st.none() | st.just(EVERYBODY) | st.text(),
    details=st.dictionaries(st.text(), values, max_size=4),
)


@given(entries)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    assert Opened(3, bytes(SALT_SIZE), entry.payload()).entry == entry


@given(st.dictionaries(st.text(), values, min_size=2, max_size=5))
def test_the_same_entry_has_the_same_bytes(details: dict[str, Any]) -> None:
    one = Entry(kind=Kind.ACT, at=1, details=details)
    other = Entry(kind=Kind.ACT, at=1, details=dict(reversed(details.items())))
    assert one.payload() == other.payload()
    assert json.loads(one.payload()) == {"kind": "act", "at": 1, "party": None, "details": details}


def test_a_leaf_is_the_hash_of_a_domain_a_salt_and_the_payload() -> None:
    """Pinned: what was committed to has to be opened by every later version."""
    salt, payload = bytes(range(32)), b'{"kind":"filler"}'
    leaf = commit(salt, payload)
    assert leaf == hashlib.sha256(b"titian/ledger-entry/v1\x00" + salt + payload).digest()
    assert leaf.hex() == "fe08edce544264cdf33d5b7a82e4da4d51417f75d652f170264038a6d3246690"
    assert Opened(0, salt, payload).leaf == leaf
    assert Opened(0, salt, payload).leaf_hash == hashlib.sha256(b"\x00" + leaf).digest()


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.binary(min_size=32, max_size=32), st.binary())
def test_no_other_salt_or_payload_gives_the_leaf(salt: bytes, payload: bytes, other: bytes, another: bytes) -> None:
    assert (commit(salt, payload) == commit(other, another)) == ((salt, payload) == (other, another))


@given(st.binary(max_size=80), st.binary(max_size=4))
def test_bytes_do_not_move_between_salt_and_payload(salt: bytes, payload: bytes) -> None:
    """A salt of one size only: else a longer one could pass for a shorter one before another payload."""
    if len(salt) == SALT_SIZE:
        commit(salt, payload)
    else:
        with pytest.raises(InvalidInput):
            commit(salt, payload)


@given(st.lists(entries, min_size=2, max_size=5))
def test_every_leaf_has_one_size(some: list[Entry]) -> None:
    assert {len(commit(bytes(32), one.payload())) for one in some} == {LEAF_SIZE}


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\xff", b"[]", b"{}", b'{"kind":"release"}', b'{"at":1}', b'{"kind":"unheard","at":1}',
        b'{"kind":"release","at":"1"}', b'{"kind":"release","at":1.5}', b'{"kind":"release","at":-1}',
        b'{"kind":"release","at":9223372036854775808}', b'{"kind":"release","at":' + b"9" * 400 + b"}",
        b'{"kind":"release","at":1,"party":7}', b'{"kind":"release","at":1,"details":[]}',
        b'{"kind":"release","at":1,"details":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"kind":"release","at":1} x',
    ],
    ids=lambda payload: repr(payload[:40]),
)  # fmt: skip
def test_what_is_no_entry_cannot_be_read(payload: bytes) -> None:
    with pytest.raises(InvalidInput, match="Entry 7 of the ledger cannot be read"):
        _ = Opened(7, bytes(32), payload).entry


@given(st.sets(st.integers(0, 60)))
def test_runs_are_what_was_put_in(places: set[int]) -> None:
    found = runs(sorted(places))
    assert list(spread(found)) == sorted(places)
    assert all(before.last + 1 < after.first for before, after in pairwise(found))
    assert msgspec.convert(msgspec.to_builtins(found), tuple[Run, ...]) == found


@pytest.mark.parametrize(
    "value", [[1, 0], [1, -3], [-1, 2], [1], [1, 2, 3], [2**70, 1], [1, 2**70], ["1", 2], [1.5, 1], [True, 1]]
)
def test_what_is_no_run_is_refused(value: list[Any]) -> None:
    if len(value) == 3:
        # More fields are for a later version.
        assert msgspec.convert(value, Run) == Run(1, 2)
        return
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, Run)


@given(st.lists(st.binary(max_size=10), max_size=5))
def test_a_digest_is_that_of_the_digests_of_the_objects_in_their_order(objects: list[bytes]) -> None:
    each = [hashlib.sha256(one).digest() for one in objects]
    assert digest_of(objects) == hashlib.sha256(b"".join(each)).digest() == digest_over(b"".join(each))
    assert (digest_of(objects) == digest_of(objects[::-1])) == (objects == objects[::-1])
