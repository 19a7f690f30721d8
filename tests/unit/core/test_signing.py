"""Which keys sign at an instant, and what they sign as. Laws, over keys that come and go in any order."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from titian.core.errors import InvalidInput, Refused
from titian.core.merkle import EMPTY_ROOT
from titian.core.notes import SMALL_ORDER, Signer, SignerKey
from titian.core.signing import (
    Ed25519Secret,
    NamedSigner,
    Role,
    Secret,
    SigningKey,
    change,
    current,
    origin,
    witness_name,
)

IDENTITY = "identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
SEEDS = [bytes([number]) * 32 for number in range(8)]
PUBLIC = [Ed25519Secret(seed).public for seed in SEEDS]


def key(num: int, role: Role = Role.LOG, starts: int = 0, **when: int | None) -> SigningKey:
    return SigningKey(num=num, role=role, public=PUBLIC[num % 8], place=f"file:{num}", created=0, starts=starts, **when)


# Secrets


def test_a_secret_signs_as_the_notes_do() -> None:
    secret, note = Ed25519Secret(SEEDS[1]), SignerKey("example.com/log", Role.LOG.type, SEEDS[1])
    assert secret.public == note.key.public_key
    assert secret.sign(b"text") == note.sign(b"text")


def test_a_secret_is_never_shown_or_copied() -> None:
    secret = Ed25519Secret(SEEDS[1])
    for shown in (repr(secret), str(secret), repr(NamedSigner("a", Role.LOG.type, secret))):
        assert SEEDS[1].hex() not in shown
        assert repr(SEEDS[1]) not in shown
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not copied"):
            leak(secret)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(InvalidInput, match="32 bytes"):
        Ed25519Secret(bytes(size))


def test_one_secret_signs_under_the_name_of_each_ledger() -> None:
    secret = Ed25519Secret(SEEDS[1])
    signers: list[Signer] = [NamedSigner(origin(IDENTITY, ledger), Role.LOG.type, secret) for ledger in ("a", "b")]
    for signer in signers:
        note = sign_checkpoint(Checkpoint(signer.key.name, 0, EMPTY_ROOT), signer)
        assert open_checkpoint(note.encode(), signer.key).checkpoint.origin == signer.key.name
    assert signers[0].key.id != signers[1].key.id, "the name is in the key id: one is not taken for the other"


def test_a_token_that_answers_with_a_bad_key_is_refused() -> None:
    class Bad:
        public = min(SMALL_ORDER)

        def sign(self, message: bytes) -> bytes:
            return bytes(64)

    bad: Secret = Bad()
    with pytest.raises(Refused, match="small order"):
        NamedSigner("titian-a", Role.LOG.type, bad)
    with pytest.raises(Refused, match="small order"):
        SigningKey(num=1, role=Role.LOG, public=bad.public, place="pkcs11:", created=0, starts=0)


# Which keys sign

instants = st.integers(0, 20)
some_keys = st.lists(
    st.builds(
        key,
        st.integers(1, 50),
        st.sampled_from(Role),
        instants,
        stops=st.none() | instants,
        compromised=st.none() | instants,
    ),
    unique_by=lambda one: one.num,
)


@given(some_keys, st.sampled_from(Role), instants)
def test_those_sign_that_have_begun_and_not_ended_and_are_not_compromised(
    keys: list[SigningKey], role: Role, at: int
) -> None:
    found = current(keys, role, at)
    for one in keys:
        ended = one.stops is not None and one.stops <= at
        may = one.role is role and one.starts <= at and not ended and one.compromised is None
        assert (one in found) is may
    assert list(found) == sorted(found, key=lambda one: -one.num), "newest first"


@given(some_keys, st.sampled_from(Role), instants)
def test_the_order_in_which_keys_are_listed_does_not_matter(keys: list[SigningKey], role: Role, at: int) -> None:
    assert current(reversed(keys), role, at) == current(keys, role, at)


def test_a_compromised_key_never_signs_again_not_even_for_the_past() -> None:
    gone = key(1, starts=10, stops=20, compromised=20)
    assert not any(gone.signs(at) for at in range(30))


def test_an_overlap_ends_at_its_very_microsecond() -> None:
    keys = [key(1, stops=20), key(2, starts=10)]
    assert [[one.num for one in current(keys, Role.LOG, at)] for at in (9, 10, 19, 20)] == [[1], [2, 1], [2, 1], [2]]


# What is said of them


def test_a_change_tells_public_halves_and_no_place() -> None:
    told = change(key(1, stops=20, compromised=20), key(2, starts=20))
    assert set(told) == {"role", "new", "from", "old", "until", "compromised"}
    assert (told["role"], told["from"], told["until"], told["compromised"]) == ("log", 20, 20, 20)
    assert "file:" not in str(told)
    assert change(None, key(2))["old"] is None
    assert change(key(1), None)["new"] is None


@pytest.mark.parametrize("text", ["", "identity--", "malware--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", "titian-1"])
def test_only_an_identity_has_a_name(text: str) -> None:
    with pytest.raises(InvalidInput, match="STIX identity"):
        witness_name(text)
