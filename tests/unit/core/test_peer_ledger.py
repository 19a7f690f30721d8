"""What is trusted for another's ledger, and how that changes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.checkpoint import Checkpoint, Head, sign_checkpoint
from titian.core.errors import InvalidInput, Refused, TitianError
from titian.core.ledger_watch import NewKey
from titian.core.merkle import TreeHead
from titian.core.notes import SignatureType, SignerKey, to_base64
from titian.core.peer_ledger import PeerLedger, TrustedKey, open_head, rotated

ORIGIN = "titian-5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11/0c2f9c36-7f0e-4c2f-9c36-0f3a3a6f5a12"
ROOT = bytes(range(32))


def signer(number: int, name: str = ORIGIN) -> SignerKey:
    return SignerKey(name, SignatureType.ED25519, bytes([number]) * 32)


ONE, TWO, THREE = map(signer, (1, 2, 3))


def public(key: SignerKey) -> str:
    return to_base64(key.key.public_key)


def trusted(*keys: SignerKey) -> tuple[TrustedKey, ...]:
    return tuple(TrustedKey(str(key.key)) for key in keys)


def change(
    old: SignerKey | None = None, new: SignerKey | None = None, until: int | None = None, bad: int | None = None
) -> NewKey:
    return NewKey(None if new is None else public(new), None if old is None else public(old), until, bad)


def ends(keys: tuple[TrustedKey, ...]) -> dict[str, int | None]:
    names = {str(key.key): name for key, name in ((ONE, "one"), (TWO, "two"), (THREE, "three"))}
    return {names[one.key]: one.stops for one in keys}


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ([], {"one": None}),
        ([change(ONE, TWO, until=90)], {"one": 90, "two": None}),
        ([change(None, TWO)], {"one": None, "two": None}),
        ([change(ONE, None, until=90)], {"one": 90}),
        ([change(ONE, TWO, until=90), change(TWO, THREE, until=120)], {"one": 90, "two": 120, "three": None}),
        ([change(ONE, TWO, until=90, bad=40)], {"one": 50}),
        ([change(ONE, None, bad=40)], {"one": 50}),
        ([change(THREE, TWO, until=90)], {"one": None, "two": None}),
        ([change(ONE, ONE)], {"one": None}),
    ],
    ids=["nothing", "rotated", "another", "ended", "twice", "compromised, and a new one", "compromised",
         "an unknown old one", "itself"],
)  # fmt: skip
def test_keys_change_as_the_ledger_says(changes: list[NewKey], after: dict[str, int | None]) -> None:
    assert ends(rotated(trusted(ONE), ORIGIN, changes, 50)) == after


def test_a_key_that_was_compromised_stays_so() -> None:
    """Whoever has it could write that all is well again."""
    for later in (change(ONE, None, until=10**12), change(None, ONE), change(ONE, ONE, until=None)):
        keys = rotated(trusted(ONE, TWO), ORIGIN, [change(ONE, None, bad=40), later], 50)
        assert ends(keys)["one"] == 50
        assert ends(rotated(rotated(keys, ORIGIN, [], 60), ORIGIN, [later], 60))["one"] == 50


@pytest.mark.parametrize("text", ["", "AAAA", "!!!", to_base64(bytes(32)), to_base64(b"\x01" + bytes(31))])
def test_no_key_that_nobody_may_trust_comes_in(text: str) -> None:
    """Small-order and malformed ones: ``cryptography`` accepts a constant signature under some."""
    for one in (NewKey(text, None, None, None), NewKey(None, text, 5, None)):
        with pytest.raises((InvalidInput, Refused)):
            rotated(trusted(ONE), ORIGIN, [one], 50)


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_key_is_trusted_until_before_it_stops(at: int, stops: int) -> None:
    peer = PeerLedger(
        origin=ORIGIN, id="x", party=None, agreement=None, url=None, head=TreeHead(0, b""), checkpoint=None, seen=0,
        keys=(TrustedKey(str(ONE.key), stops), TrustedKey(str(TWO.key))),
    )  # fmt: skip
    assert peer.trusted(at) == [*([ONE.key] if at < stops else []), TWO.key]


def test_what_was_cosigned_last() -> None:
    peer = PeerLedger(
        origin=ORIGIN, id="x", party=None, agreement=None, url=None, head=TreeHead(5, ROOT), checkpoint=None,
        seen=7_999_999, keys=(),
    )  # fmt: skip
    assert peer.last is None, "a ledger that was never cosigned binds to nothing"
    assert msgspec.structs.replace(peer, checkpoint=b"x").last == Head(ORIGIN, 5, ROOT, 7)


SIGNED = sign_checkpoint(Checkpoint(ORIGIN, 16, ROOT), ONE)


def test_a_head_opens_under_one_of_its_keys() -> None:
    checkpoint, note = open_head(SIGNED.encode(), ORIGIN, [TWO.key, ONE.key])
    assert (checkpoint, note) == (Checkpoint(ORIGIN, 16, ROOT), SIGNED)


@pytest.mark.parametrize(
    ("data", "keys", "kind"),
    [
        (SIGNED.encode(), [], Refused),
        (SIGNED.encode(), [TWO.key], Refused),
        (SIGNED.encode(), [signer(1, "other").key], Refused),
        (sign_checkpoint(Checkpoint("other", 16, ROOT), signer(1, "other")).encode(), [ONE.key], Refused),
        (SIGNED.encode().replace(b"\n16\n", b"\n17\n"), [ONE.key], Refused),
        (b"", [ONE.key], InvalidInput),
        (SIGNED.encode()[:-1], [ONE.key], InvalidInput),
        (SIGNED.encode().replace(b"\n16\n", b"\n016\n"), [ONE.key], InvalidInput),
        (SIGNED.encode() * 50, [ONE.key], TitianError),
    ],
    ids=["no keys", "another key", "the key of another log", "another log", "another size", "empty", "cut",
         "a leading zero", "much"],
)  # fmt: skip
def test_no_other_head_opens(data: bytes, keys: list[object], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        open_head(data, ORIGIN, keys)  # type: ignore[arg-type]
