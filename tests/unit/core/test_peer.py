"""Cards: what they say has one spelling, they prove their own keys, and they follow each other only by those."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core.checkpoint import Checkpoint
from titian.core.errors import InvalidInput, Refused, TitianError, TooLarge
from titian.core.notes import SMALL_ORDER, SignatureType, SignedNote, SignerKey, VerifierKey, sign_text, to_base64
from titian.core.peer import (
    HEADER,
    LARGEST,
    MOST_KEYS,
    Card,
    CardKey,
    Change,
    SignedCard,
    card_details,
    card_key,
    compare,
    sign_card,
)
from titian.core.signing import Ed25519Secret, Role, SigningKey, witness_name

PARTY = "identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
OTHER = "identity--7d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a12"
NOW = 1_790_000_000_000_000
RECIPIENT = "age1" + "q" * 58
SECRETS = [Ed25519Secret(bytes([number]) * 32) for number in range(1, 9)]


def witness(party: str = PARTY, number: int = 7) -> str:
    return str(VerifierKey(witness_name(party), SignatureType.COSIGNATURE, SECRETS[number].public))


def log(number: int, starts: int = 0, stops: int | None = None, compromised: int | None = None) -> CardKey:
    public = to_base64(SECRETS[number].public)
    return CardKey(public=public, starts=starts, stops=stops, compromised=compromised)


def card(*keys: CardKey, made: int = NOW, party: str = PARTY, **own: str | None) -> Card:
    said = {"name": "Agency One", "witness": witness(party), **own}
    return Card(party=party, keys=keys or (log(0),), made=made, **said)  # type: ignore[arg-type]


def signed(*keys: CardKey, by: tuple[int, ...] = (0,), **own: object) -> SignedCard:
    return sign_card(card(*keys, **own), [SECRETS[number] for number in by])  # type: ignore[arg-type]


def forged(what: Card, *by: int) -> bytes:
    """A card that some keys sign, whether or not they are those that should."""
    signers = [SignerKey(witness_name(what.party), SignatureType.ED25519, bytes([number + 1]) * 32) for number in by]
    return SignedNote(what.text, tuple(sign_text(what.text, each) for each in signers)).encode()


# One spelling

FULL = card(log(0, stops=NOW + 1), log(1, starts=5), recipient=RECIPIENT, url="https://agency-one.example:8443")


def test_a_card_is_read_as_it_was_written() -> None:
    made = sign_card(FULL, SECRETS[:2])
    assert SignedCard.parse(made.encode()) == made
    assert made.signed == (SECRETS[0].public, SECRETS[1].public)
    assert made.encode().startswith(HEADER.encode())


def test_a_card_is_no_checkpoint() -> None:
    # The same key signs both: neither may ever be taken for the other.
    with pytest.raises(InvalidInput):
        Checkpoint.parse(FULL.text)
    assert not Checkpoint("titian-a/b", 1, bytes(32)).text.startswith(HEADER)


RESPELT = [
    pytest.param(lambda text: text.replace('"name": ', '"name":'), id="spaces"),
    pytest.param(lambda text: text.replace('"name"', '"more": 1,\n  "name"'), id="a-field-more"),
    pytest.param(lambda text: text.replace('"Agency One"', '"\\u0041gency One"'), id="escapes"),
    pytest.param(lambda text: text.replace('  "name"', '  "name": "A",\n  "name"'), id="twice"),
    pytest.param(lambda text: text.replace('"url": null', '"url": 1'), id="another-type"),
    pytest.param(lambda text: HEADER + "[" * 30_000 + "\n", id="deep"),
    pytest.param(lambda text: text + "\n", id="a-line-more"),
    pytest.param(lambda text: text.removeprefix(HEADER), id="no-header"),
]  # fmt: skip


@pytest.mark.parametrize("change", RESPELT)
def test_another_spelling_is_refused_even_when_it_is_signed(change: object) -> None:
    text = change(card().text)  # type: ignore[operator]
    assert text != card().text
    signer = SignerKey(witness_name(PARTY), SignatureType.ED25519, bytes([1]) * 32)
    with pytest.raises(InvalidInput):
        SignedCard.parse(SignedNote(text, (sign_text(text, signer),)).encode())


@settings(max_examples=60)
@given(st.integers(0, 2000), st.integers(1, 255))
def test_a_card_that_was_changed_anywhere_is_refused(place: int, flip: int) -> None:
    data = bytearray(signed().encode())
    data[place % len(data)] ^= flip
    with pytest.raises(TitianError):
        SignedCard.parse(bytes(data))


def test_a_card_has_bounds() -> None:
    with pytest.raises(TooLarge):
        SignedCard.parse(bytes(LARGEST + 1))
    many = [CardKey(public=to_base64(Ed25519Secret(bytes([9, n]) + bytes(30)).public), starts=0) for n in range(33)]
    assert len(many) > MOST_KEYS
    with pytest.raises(InvalidInput, match="log keys"):
        card(*many)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"party": "malware--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", "witness": witness()}, id="party"),
        pytest.param({"party": "identity--5D1A", "witness": witness()}, id="not-a-uuid"),
        pytest.param({"name": ""}, id="no-name"),
        pytest.param({"name": "Agency\u202eOne"}, id="turned-name"),
        pytest.param({"name": "x" * 201}, id="long-name"),
        pytest.param({"recipient": "AGE-SECRET-KEY-1" + "Q" * 58}, id="a-secret-for-a-recipient"),
        pytest.param({"recipient": "age1" + "b" * 58}, id="not-bech32"),
        pytest.param({"recipient": RECIPIENT + "\n"}, id="a-line-more"),
        pytest.param({"url": "ftp://agency-one.example"}, id="ftp"),
        pytest.param({"url": "https://name:secret@agency-one.example"}, id="a-secret-in-the-address"),
        pytest.param({"url": "https://agency-one.example/?key=1"}, id="query"),
        pytest.param({"url": "https://"}, id="no-host"),
        pytest.param({"url": "https://agency-one.example:99999"}, id="port"),
        pytest.param({"url": "https://agency-one.example/a b"}, id="space"),
        pytest.param({"witness": witness(OTHER)}, id="the-witness-of-another"),
        pytest.param({"witness": witness().replace("+B", "+A")}, id="not-its-hash"),
        pytest.param({"witness": str(SignerKey(witness_name(PARTY), Role.LOG.type, bytes(32)).key)}, id="a-log-key"),
        pytest.param({"made": -1}, id="before-time"),
    ],
)
def test_what_no_card_can_say_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        card(**wrong)


# Keys


@pytest.mark.parametrize(
    ("public", "says"),
    [
        *[pytest.param(to_base64(key), "small order", id=f"small-{key.hex()[:8]}") for key in sorted(SMALL_ORDER)],
        pytest.param(to_base64((2**255 - 19 + 3).to_bytes(32, "little")), "spelt otherwise", id="not-canonical"),
        pytest.param(to_base64((2).to_bytes(32, "little")), "no point", id="no-point"),
        pytest.param(to_base64(bytes(31)), "31 bytes", id="short"),
    ],
)  # fmt: skip
def test_a_key_that_nobody_may_trust_is_on_no_card(public: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        CardKey(public=public, starts=0)
    text = card().text.replace(to_base64(SECRETS[0].public), public)
    with pytest.raises(Refused, match=says):
        SignedCard.parse(SignedNote(text, signed().note.signatures).encode())


def _mixed_order() -> bytes:
    """A good key with a point of small order added, by the curve's own formulas and not by those under test."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    root = pow(2, (p - 1) // 4, p)

    def x_of(y: int) -> int:
        square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
        x = pow(square, (p + 3) // 8, p)
        return x if x * x % p == square else x * root % p

    public = int.from_bytes(SECRETS[0].public, "little")
    y1 = public % 2**255
    x1 = x_of(y1)
    x1 = x1 if x1 & 1 == public >> 255 else p - x1
    x2, y2 = root, 0  # of order 4
    both = d * x1 * x2 * y1 * y2 % p
    x3 = (x1 * y2 + y1 * x2) * pow(1 + both, -1, p) % p
    y3 = (y1 * y2 + x1 * x2) * pow(1 - both, -1, p) % p
    return (y3 | (x3 & 1) << 255).to_bytes(32, "little")


def test_a_key_of_mixed_order_is_refused_on_a_card_and_as_its_witness() -> None:
    mixed = _mixed_order()
    with pytest.raises(Refused, match="part of small order"):
        CardKey(public=to_base64(mixed), starts=0)
    with pytest.raises(Refused, match="part of small order"):
        VerifierKey(witness_name(PARTY), SignatureType.COSIGNATURE, mixed)


def test_no_key_has_two_roles_or_two_times() -> None:
    with pytest.raises(Refused, match="twice"):
        card(log(7))
    with pytest.raises(Refused, match="twice"):
        card(log(0, stops=5), log(0, starts=5))


def test_a_card_without_a_key_that_signs_is_none() -> None:
    for keys in ([log(0, stops=NOW)], [log(0, starts=NOW + 1)], [log(0, compromised=5)]):
        with pytest.raises(InvalidInput, match="None of the log keys"):
            card(*keys)


# It proves its own keys


def test_every_key_that_signs_has_to_sign_the_card() -> None:
    both = card(log(0), log(1))
    assert SignedCard.parse(forged(both, 0, 1))
    for by in ([0], [1]):
        with pytest.raises(Refused, match="has not signed it"):
            SignedCard.parse(forged(both, *by))
    with pytest.raises(Refused):
        SignedCard.parse(forged(both, 2))


def test_a_key_of_another_name_does_not_count() -> None:
    what = card()
    signer = SignerKey(witness_name(OTHER), SignatureType.ED25519, bytes([1]) * 32)
    with pytest.raises(Refused):
        SignedCard.parse(SignedNote(what.text, (sign_text(what.text, signer),)).encode())


def test_a_node_says_of_its_keys_what_its_table_says() -> None:
    key = SigningKey(num=1, role=Role.LOG, public=SECRETS[0].public, place="file:a", created=1, starts=2, stops=3)
    assert card_key(key) == log(0, 2, 3)
    assert "file:" not in card(log(0), log(1, 2, 3)).text


def test_which_keys_of_a_card_can_be_relied_on() -> None:
    what = card(log(0), log(1, stops=NOW + 5), log(2, stops=3), log(3, stops=4, compromised=4))
    found = what.log_keys(f"{witness_name(PARTY)}/ledger", NOW)
    assert [each.public_key for each in found] == [SECRETS[0].public, SECRETS[1].public]
    assert len(what.log_keys(f"{witness_name(PARTY)}/ledger", NOW + 5)) == 1
    for origin in (f"{witness_name(OTHER)}/ledger", witness_name(PARTY), f"{witness_name(PARTY)}0/ledger"):
        with pytest.raises(Refused, match="not a ledger of"):
            what.log_keys(origin, NOW)


# The fingerprint


def test_a_fingerprint_can_be_read_aloud_and_covers_the_party_and_every_key() -> None:
    first = card()
    assert len(first.fingerprint.split(" ")) == 8
    assert {len(group) for group in first.fingerprint.split(" ")} == {4}
    others = [
        card(log(1)),
        card(log(0), log(1)),
        card(party=OTHER),
        card(witness=witness(number=6)),
        card(recipient=RECIPIENT),
    ]
    assert len({first.fingerprint, *(each.fingerprint for each in others)}) == 1 + len(others)
    assert card_details(first)["fingerprint"] == first.fingerprint


def test_a_fingerprint_stays_while_only_name_address_and_time_change() -> None:
    assert card(name="Agency 1", url="http://a.example", made=NOW + 1).fingerprint == card().fingerprint


# How one follows another

LATER = NOW + 1000


def test_the_first_card_of_a_party_is_new() -> None:
    assert compare(None, signed(), NOW) is Change.NEW


def test_a_card_under_a_key_of_the_held_one_follows_it() -> None:
    held = signed(log(0))
    rotated = signed(log(0, stops=LATER + 5), log(1, starts=LATER), by=(0, 1), made=LATER)
    assert compare(held, rotated, LATER) is Change.ROTATED
    moved = signed(log(0), made=LATER, url="https://new.example")
    assert compare(held, moved, LATER) is Change.ROTATED, "also when only the address changed"


def test_a_strangers_card_does_not_follow() -> None:
    assert compare(signed(log(0)), signed(log(1), by=(1,), made=LATER), LATER) is Change.UNPROVEN


def test_a_listed_key_that_has_not_signed_proves_nothing() -> None:
    # The thief lists the real key as one that ended, and signs with his own.
    stolen = signed(log(0, stops=LATER), log(1), by=(1,), made=LATER)
    assert compare(signed(log(0)), stolen, LATER) is Change.UNPROVEN


@pytest.mark.parametrize("was", [log(1, stops=5), log(1, stops=5, compromised=5)], ids=["ended", "compromised"])
def test_what_ended_or_was_compromised_proves_nothing(was: CardKey) -> None:
    held = signed(log(0), was)
    stolen = signed(log(2), log(1), by=(2, 1), made=LATER)
    assert compare(held, stolen, LATER) is Change.UNPROVEN


def test_a_compromised_key_is_not_taken_back_in_silence() -> None:
    held = signed(log(0), log(1, stops=5, compromised=5))
    assert compare(held, signed(log(0), log(1), by=(0, 1), made=LATER), LATER) is Change.UNPROVEN


def test_after_a_compromise_only_a_person_can_say_which_card_is_right() -> None:
    held = signed(log(0))
    after = signed(log(0, stops=LATER, compromised=LATER), log(1, starts=LATER), by=(1,), made=LATER)
    assert compare(held, after, LATER) is Change.UNPROVEN


def test_an_older_card_does_not_come_back() -> None:
    old, new = signed(log(0)), signed(log(0), made=LATER)
    assert compare(new, old, LATER) is Change.OLDER
    assert compare(new, new, LATER) is Change.SAME


def test_two_parties_are_not_compared() -> None:
    with pytest.raises(InvalidInput, match="two parties"):
        compare(signed(), signed(party=OTHER), NOW)
