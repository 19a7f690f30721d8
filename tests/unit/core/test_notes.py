"""Signed notes: what is read, what is refused, whose signature counts, and which keys are no keys."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core import notes as n
from titian.core.errors import InvalidInput, Refused, TitianError, TooLarge
from titian.core.notes import Signature, SignatureType, SignedNote, SignerKey, Verified, VerifierKey

LOG = SignerKey("log.example/one", SignatureType.ED25519, b"\x01" * 32)
WITNESS = SignerKey("witness.example", SignatureType.COSIGNATURE, b"\x02" * 32)
OTHER = SignerKey("log.example/two", SignatureType.ED25519, b"\x03" * 32)
KEYS = (LOG.key, WITNESS.key)
TEXT = "log.example/one\n3\n" + n.to_base64(hashlib.sha256(b"x").digest()) + "\n"
TIME = 1_767_225_600

# The examples of C2SP signed-note (section Verifier keys) and tlog-cosignature (section Introduction).
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
COSIGNED_EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zy"
    "WE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0x"
    "Ue+mbIUBkBIfZ+qnA==\n"
)


def signed(text: str = TEXT) -> SignedNote:
    return SignedNote(text, (n.sign_text(text, LOG), n.sign_text(text, WITNESS, time=TIME)))


def raw(name: str, blob: bytes) -> str:
    return f"— {name} {base64.b64encode(blob).decode()}\n"


# The specification's own examples


def test_the_example_of_the_specification_opens() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)
    note, verified = n.open_note(EXAMPLE.encode(), [key])
    assert (key.name, key.type, key.id.hex()) == ("example.com/foo", SignatureType.ED25519, "530d903a")
    assert note.text == "This is an example message.\n"
    assert verified == (Verified(key),)
    assert str(key) == EXAMPLE_KEY
    assert note.encode() == EXAMPLE.encode()


def test_the_cosigned_example_is_read() -> None:
    note = SignedNote.parse(COSIGNED_EXAMPLE.encode())
    assert [(each.name, each.key_id.hex(), len(each.data)) for each in note.signatures] == [
        ("example.com/behind-the-sofa", "033de0ae", 64),
        ("witness.example.com/w1", "8d66cf3f", 72),
    ]
    assert int.from_bytes(note.signatures[1].data[:8], "big") == 1679315147
    assert n.cosignature_message(note.text, 1679315147) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert note.encode() == COSIGNED_EXAMPLE.encode()


# Laws

TEXTS = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]) | st.just("\n")).map(lambda t: t + "\n")


@settings(max_examples=60)
@given(text=TEXTS, time=st.integers(0, n.LATEST), seed=st.binary(min_size=32, max_size=32))
def test_what_is_signed_opens(text: str, time: int, seed: bytes) -> None:
    log, witness = (SignerKey(f"key.example/{each.name}", each, seed) for each in SignatureType)
    note = SignedNote(text, (n.sign_text(text, log), n.sign_text(text, witness, time=time)))
    again, verified = n.open_note(note.encode(), (log.key, witness.key))
    assert again == note
    assert verified == (Verified(log.key), Verified(witness.key, time))


@settings(max_examples=300)
@given(data=st.binary() | st.binary().map(lambda b: EXAMPLE.encode() + b) | TEXTS.map(lambda t: t.encode() + b"\n"))
def test_hostile_bytes_are_refused_or_have_one_spelling(data: bytes) -> None:
    try:
        note = SignedNote.parse(data)
    except TitianError:
        return
    assert note.encode() == data


def test_no_change_of_a_byte_changes_the_meaning() -> None:
    good = signed().encode()
    said = set(n.verify_note(signed(), KEYS))
    others = b"\x00\t\n\r +A=\x7f\xff"
    kept = 0
    for at, byte in enumerate(good):
        values = {byte ^ 1 << bit for bit in range(8)} | set(others) - {byte}
        changes = [good[:at] + bytes([value]) + good[at + 1 :] for value in values]
        for changed in [*changes, good[:at] + good[at + 1 :], good[: at + 1] + good[at:], good[:at]]:
            if changed == good:
                continue  # one of two equal bytes beside each other was doubled or left out
            try:
                note, verified = n.open_note(changed, KEYS)
            except TitianError:
                continue
            kept += 1
            assert note.text == TEXT
            assert set(verified) < said, "a signature was lost, and none was won"
    assert kept > 0, "the name of one of two keys can change: that key is then unknown"


def test_changes_of_a_note_with_one_signature_are_all_refused() -> None:
    good = SignedNote(TEXT, (n.sign_text(TEXT, LOG),)).encode()
    for at in range(len(good)):
        for bit in range(8):
            with pytest.raises(TitianError):
                n.open_note(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :], KEYS)


# Whose signature counts


def test_unknown_signatures_are_ignored() -> None:
    same_name = SignerKey(LOG.name, SignatureType.ED25519, b"\x09" * 32)
    line = n.sign_text(TEXT, LOG)
    strangers = (
        n.sign_text(TEXT, OTHER),
        n.sign_text(TEXT, same_name),
        Signature("same.id", line.key_id, b"\x00"),
        Signature("same.id", line.key_id, b"\x00"),
        Signature(LOG.name, b"\x00" * 4, b"\x01" * 5000),
    )
    assert n.verify_note(SignedNote(TEXT, (*strangers, line)), KEYS) == (Verified(LOG.key),)


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    note = SignedNote(TEXT, (n.sign_text(TEXT, OTHER),))
    with pytest.raises(Refused, match="No key that is known"):
        n.verify_note(note, KEYS)
    with pytest.raises(Refused, match="No key that is known"):
        n.verify_note(signed(), ())


@pytest.mark.parametrize("data", [b"\x00", b"\x00" * 64, b"\x00" * 72, b"\xff" * 72], ids=len)
@pytest.mark.parametrize("signer", [LOG, WITNESS], ids=lambda each: each.type.name)
def test_a_bad_signature_of_a_known_key_refuses_the_note(signer: SignerKey, data: bytes) -> None:
    good = n.sign_text(TEXT, OTHER)
    note = SignedNote(TEXT, (good, Signature(signer.name, signer.id, data)))
    with pytest.raises(Refused, match="does not fit"):
        n.verify_note(note, (*KEYS, OTHER.key))


def test_a_cosignature_is_bound_to_its_time() -> None:
    line = n.sign_text(TEXT, WITNESS, time=TIME)
    assert n.verify(WITNESS.key, TEXT, line) == Verified(WITNESS.key, TIME)
    later = msgspec.structs.replace(line, data=(TIME + 1).to_bytes(8, "big") + line.data[8:])
    assert n.verify(WITNESS.key, TEXT, later) is None


def test_one_type_of_signature_is_never_the_other() -> None:
    # The same key under the same name, in both roles: neither signature can be passed off as the other's.
    both = [SignerKey("both.example", each, b"\x05" * 32) for each in SignatureType]
    plain, timed = n.sign_text(TEXT, both[0]), n.sign_text(TEXT, both[1], time=TIME)
    assert plain.key_id != timed.key_id
    assert n.verify(both[0].key, TEXT, msgspec.structs.replace(timed, key_id=plain.key_id)) is None
    assert n.verify(both[0].key, TEXT, Signature("both.example", plain.key_id, timed.data[8:])) is None
    assert n.verify(both[1].key, TEXT, Signature("both.example", timed.key_id, timed.data[:8] + plain.data)) is None


def test_two_lines_of_a_known_key_are_refused() -> None:
    first, second = (n.sign_text(TEXT, WITNESS, time=each) for each in (TIME, TIME + 1))
    for lines in ((first, second), (first, first)):
        with pytest.raises(Refused, match="two signatures"):
            n.verify_note(SignedNote(TEXT, lines), KEYS)


def test_a_new_signature_takes_the_place_of_the_old() -> None:
    note = signed().signed(n.sign_text(TEXT, WITNESS, time=TIME + 9), n.sign_text(TEXT, OTHER))
    assert n.verify_note(note, KEYS) == (Verified(LOG.key), Verified(WITNESS.key, TIME + 9))
    assert len(note.signatures) == 3


def test_keys_given_twice_are_one_key() -> None:
    assert len(n.verify_note(signed(), (*KEYS, *KEYS))) == 2


def test_two_keys_that_cannot_be_told_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four bytes collide after 2^32 tries; here at once.
    monkeypatch.setattr(n, "key_id", lambda name, type, public_key: b"\x00" * 4)
    twin = SignerKey(LOG.name, SignatureType.ED25519, b"\x09" * 32)
    with pytest.raises(InvalidInput, match="same hash"):
        n.verify_note(signed(), (LOG.key, twin.key))


# The form of a note

LINE = raw("log.example", b"idid" + b"\x00" * 64)

MALFORMED = {
    "empty": "",
    "no signature": "text\n\n",
    "no blank line": "text\n" + LINE,
    "no text": "\n" + LINE,
    "no last newline": "text\n\n" + LINE[:-1],
    "blank line at the end": "text\n\n" + LINE + "\n",
    "text after the signatures": "text\n\n" + LINE + "more\n",
    "carriage returns": ("text\n\n" + LINE).replace("\n", "\r\n"),
    "one carriage return": "text\r\n\n" + LINE,
    "NUL": "te\x00xt\n\n" + LINE,
    "tab": "te\txt\n\n" + LINE,
    "hyphen": "text\n\n" + LINE.replace("—", "-"),
    "no dash": "text\n\n" + LINE[2:],
    "two spaces": "text\n\n" + LINE.replace(" ", "  "),
    "space at the end": "text\n\n" + LINE[:-1] + " \n",
    "no name": "text\n\n" + raw("", b"\x00" * 68),
    "plus in the name": "text\n\n" + raw("a+b", b"\x00" * 68),
    "space in the name": "text\n\n" + raw("a b", b"\x00" * 68),
    "no-break space in the name": "text\n\n" + raw("a\u00a0b", b"\x00" * 68),
    "line separator in the name": "text\n\n" + raw("a\u2028b", b"\x00" * 68),
    "next line in the name": "text\n\n" + raw("a\u0085b", b"\x00" * 68),
    "no base64": "text\n\n— log.example \n",
    "key id alone": "text\n\n" + raw("a", b"\x00" * 4),
    "no whole key id": "text\n\n" + raw("a", b"\x00" * 3),
    "no padding": "text\n\n" + raw("a", b"\x00" * 68).replace("=", ""),
    "bits in the padding": "text\n\n" + raw("a", b"\x00" * 68).replace("A=", "B="),
    "more padding": "text\n\n" + raw("a", b"\x00" * 66).replace("\n", "=\n"),
    "base64url": "text\n\n" + raw("a", b"\xff" * 66).replace("/", "_"),
    "base64 in two parts": "text\n\n" + raw("a", b"\x00").replace("\n", "") + raw("a", b"\x00")[4:],
    "newline in base64": "text\n\n— a AAAA\nAAAA\n",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_note_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        SignedNote.parse(text.encode())


@pytest.mark.parametrize("data", [b"te\xffxt\n\n", b"te\xc0\x80xt\n\n", b"te\xed\xa0\x80xt\n\n"], ids=repr)
def test_what_is_not_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        SignedNote.parse(data + LINE.encode())


def test_the_last_blank_line_ends_the_text() -> None:
    for text in ("one\n\n" + LINE, "\n", "\n\n\n", "a\n\n\n"):
        note = SignedNote(text, (n.sign_text(text, LOG),))
        assert n.open_note(note.encode(), KEYS)[0].text == text


def test_characters_that_only_look_like_line_ends_are_text() -> None:
    text = "a\u2028b\u0085c\u007f\ufeff\n"
    assert n.open_note(SignedNote(text, (n.sign_text(text, LOG),)).encode(), KEYS)[0].text == text


def test_sizes_are_bounded() -> None:
    with pytest.raises(TooLarge):
        SignedNote.parse(b"x" * (n.LARGEST_NOTE + 1))
    many = [Signature(f"stranger.example/{at}", b"idid", b"\x00") for at in range(n.MOST_SIGNATURES)]
    note = SignedNote(TEXT, (*many[1:], n.sign_text(TEXT, LOG)))
    assert n.open_note(note.encode(), KEYS)[1] == (Verified(LOG.key),)
    with pytest.raises(InvalidInput, match="1 to 100"):
        SignedNote.parse(note.encode() + str(many[0]).encode())
    with pytest.raises(InvalidInput, match="1 to 100"):
        SignedNote(TEXT, ())


@pytest.mark.parametrize("text", ["", "no newline", "a\r\n", "a\x00\n", "a\ud800\n"], ids=repr)
def test_what_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidInput):
        n.sign_text(text, LOG)
    with pytest.raises(InvalidInput):
        SignedNote(text, signed().signatures)


# Signing


def test_a_time_belongs_to_a_cosignature_only() -> None:
    with pytest.raises(InvalidInput, match="without a time"):
        n.sign_text(TEXT, LOG, time=TIME)
    with pytest.raises(InvalidInput, match="with a time"):
        n.sign_text(TEXT, WITNESS)


@pytest.mark.parametrize("time", [-1, n.LATEST + 1, 2**64])
def test_a_time_that_does_not_fit_is_neither_signed_nor_read(time: int) -> None:
    with pytest.raises(InvalidInput, match=r"2\^63"):
        n.sign_text(TEXT, WITNESS, time=time)
    message = f"cosignature/v1\ntime {time}\n{TEXT}".encode()
    data = (time % 2**64).to_bytes(8, "big") + WITNESS.sign(message)
    assert n.verify(WITNESS.key, TEXT, Signature(WITNESS.name, WITNESS.id, data)) is None


def test_the_latest_time_can_be_signed() -> None:
    assert n.verify(WITNESS.key, TEXT, n.sign_text(TEXT, WITNESS, time=n.LATEST)) == Verified(WITNESS.key, n.LATEST)


class Token:
    """A signer that is no key in memory, and that can break."""

    key = LOG.key

    def __init__(self, *, broken: bool) -> None:
        self._broken = broken

    def sign(self, message: bytes) -> bytes:
        good = LOG.sign(message)
        return good[:-1] + b"\x00" if self._broken else good


def test_a_signer_may_be_anything_that_signs() -> None:
    assert n.sign_text(TEXT, Token(broken=False)) == n.sign_text(TEXT, LOG)


def test_a_signature_that_does_not_fit_is_not_handed_on() -> None:
    with pytest.raises(Refused, match="does not fit"):
        n.sign_text(TEXT, Token(broken=True))


# Keys


def test_keys_are_read_as_they_are_written() -> None:
    for key in (LOG, WITNESS, OTHER):
        assert SignerKey.parse(key.encode()) == key
        assert VerifierKey.parse(str(key.key)) == key.key


def test_a_signer_key_shows_its_seed_to_nobody() -> None:
    secret = n.to_base64(bytes([1]) + LOG.seed)
    assert secret in LOG.encode()
    for shown in (repr(LOG), str(LOG), f"{LOG}", repr([LOG])):
        assert secret not in shown
        assert repr(LOG.seed) not in shown


KEY_BYTES = n.to_base64(b"\x01" + LOG.key.public_key)
WRONG_KEYS = {
    "empty": "",
    "no hash": f"{LOG.name}+{KEY_BYTES}",
    "name alone": LOG.name,
    "no name": str(LOG.key)[len(LOG.name) :],
    "wrong hash": f"{LOG.name}+00000000+{KEY_BYTES}",
    "hash of another name": str(LOG.key).replace("one", "two"),
    "capital digits": f"{LOG.name}+{LOG.id.hex().upper()}+{KEY_BYTES}",
    "short hash": f"{LOG.name}+{LOG.id.hex()[:7]}+{KEY_BYTES}",
    "space at the end": f"{LOG.key} ",
    "newline at the end": f"{LOG.key}\n",
    "newline after the hash": f"{LOG.name}+{LOG.id.hex()}\n+{KEY_BYTES}",
    "space in the name": f"log example+{LOG.id.hex()}+{KEY_BYTES}",
    "no padding where it belongs": str(WITNESS.key)[:-1],
    "no key": f"{LOG.name}+{LOG.id.hex()}+",
    "type alone": f"{LOG.name}+{LOG.id.hex()}+AQ==",
    "unknown type": f"{LOG.name}+{LOG.id.hex()}+{n.to_base64(bytes([2]) + LOG.key.public_key)}",
    "post-quantum type": f"{LOG.name}+{LOG.id.hex()}+{n.to_base64(bytes([6]) + LOG.key.public_key)}",
    "long key": f"{LOG.name}+{LOG.id.hex()}+{n.to_base64(bytes([1]) + LOG.key.public_key + bytes(1))}",
    "short key": f"{LOG.name}+{LOG.id.hex()}+{n.to_base64(bytes([1]) + LOG.key.public_key[:-1])}",
}


@pytest.mark.parametrize("text", WRONG_KEYS.values(), ids=WRONG_KEYS.keys())
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises((InvalidInput, Refused)):
        VerifierKey.parse(text)
    with pytest.raises((InvalidInput, Refused)):
        SignerKey.parse(f"PRIVATE+KEY+{text}")


def test_a_public_key_is_no_signer_key() -> None:
    with pytest.raises(InvalidInput, match="begins with"):
        SignerKey.parse(str(LOG.key))


@pytest.mark.parametrize("name", ["", "a+b", "a b", "a\tb", "a\nb", "a\u2003b", "a\ud800", "é" * 128], ids=repr)
def test_a_name_that_no_key_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        VerifierKey(name, SignatureType.ED25519, LOG.key.public_key)
    with pytest.raises(InvalidInput, match="name"):
        SignerKey(name, SignatureType.ED25519, LOG.seed)


def test_a_base64_of_a_key_may_hold_a_plus() -> None:
    keys = (SignerKey("a.example", SignatureType.ED25519, bytes([seed]) * 32) for seed in range(256))
    assert any(VerifierKey.parse(str(key.key)) == key.key for key in keys if str(key.key).count("+") > 2)


# Which points are no keys

PART_OF_SMALL_ORDER = [
    "6718d0a3d58deaeaefa655eae3f119071deaa2cfebfd0ca28b670f879d657086",
    "eca00a6a1b1f522ff2217691059915b097b73bc69bef396c36ddcd559b79e2b0",
    "015ff595e4e0add00dde896efa66ea4f6848c4396410c693c92232aa64861d4f",
    "86e72f5c2a7215151059aa151c0ee6f8e2155d301402f35d7498f078629a8f79",
    "10eb7c3acfb2bed3e0d6ab89bf5a3d6afddd1176ce4812e38d9fd485058fdb1f",
    "dd1483c5304d412c1f29547640a5c2950222ee8931b7ed1c72602b7afa7024e0",
    "fe894df18abf1c20088bfbe6c9ad45d42ec20663eaf7111eaea1d851da0d7f89",
]
"""Keys of C2SP/CCTV ed25519 that are the sum of an honest key and a point of small order."""

ANY_TEXT = bytes.fromhex("01" + 63 * "00")
"""R of order 1 and S = 0: under the key of order 1 it fits every text."""


@pytest.mark.parametrize("encoded", sorted(n.SMALL_ORDER), ids=bytes.hex)
def test_a_key_of_small_order_is_refused(encoded: bytes) -> None:
    with pytest.raises(Refused, match="small order"):
        VerifierKey("weak.example", SignatureType.ED25519, encoded)
    written = f"weak.example+00000000+{n.to_base64(bytes([4]) + encoded)}"
    with pytest.raises(Refused, match="small order"):
        VerifierKey.parse(written)
    assert not n._fits(encoded, TEXT.encode(), ANY_TEXT)


def test_the_points_of_small_order_are_all_of_them() -> None:
    # Eight times such a point is the neutral one; the list has each y with both signs, and each y + p that fits.
    p = 2**255 - 19
    listed = {int.from_bytes(each, "little") & (2**255 - 1) for each in n.SMALL_ORDER}
    assert {y % p for y in listed} == {y for y in listed if y < p}
    for y in {y % p for y in listed}:
        x = n._root(n._x_squared(y))
        assert x is not None
        point = (x, y, 1, x * y % p)
        for _ in range(3):
            point = n._add(point, point)
        assert (point[0], point[1]) == (0, point[2])
        spellings = [each for each in (y, y + p) if each < 2**255]
        assert {each | sign << 255 for each in spellings for sign in (0, 1)} <= {
            int.from_bytes(each, "little") for each in n.SMALL_ORDER
        }
    assert len({y % p for y in listed}) == 5, "of the eight points, three pairs share their y"


@pytest.mark.parametrize("key", PART_OF_SMALL_ORDER)
def test_a_key_with_a_part_of_small_order_is_refused(key: str) -> None:
    with pytest.raises(Refused, match="part of small order"):
        n.check_public_key(bytes.fromhex(key))


def test_other_spellings_and_other_points_are_refused() -> None:
    p = 2**255 - 19
    for y in range(2, 19):
        with pytest.raises(Refused, match="spelt otherwise"):
            n.check_public_key((y + p).to_bytes(32, "little"))
    with pytest.raises(Refused, match="no point"):
        n.check_public_key((2).to_bytes(32, "little"))
    with pytest.raises(Refused, match="31 bytes"):
        n.check_public_key(b"\x01" * 31)


@settings(max_examples=30)
@given(st.binary(min_size=32, max_size=32))
def test_every_honest_key_is_accepted(seed: bytes) -> None:
    n.check_public_key(SignerKey("a.example", SignatureType.ED25519, seed).key.public_key)


def test_a_signature_has_one_spelling() -> None:
    good = n.sign_text(TEXT, LOG).data
    order = 2**252 + 27742317777372353535851937790883648493
    high = good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    assert n._fits(LOG.key.public_key, TEXT.encode(), good)
    assert not n._fits(LOG.key.public_key, TEXT.encode(), high)


VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors" / "ed25519.json"


@pytest.mark.skipif(not VECTORS.exists(), reason="C2SP/CCTV ed25519 is not beside the checkout")
def test_the_edge_cases_of_cctv() -> None:
    """Of 914 signatures that some verifier accepts, the one without any flaw is accepted, and no other."""
    accepted = []
    for vector in json.loads(VECTORS.read_text()):
        key, flags = bytes.fromhex(vector["key"]), set(vector["flags"] or ())
        trusted = n._flaw(key) is None
        # The vectors also say of some spellings of points of small order that they have a part of it; ours is wider.
        assert trusted == (not flags & {"low_order_A", "low_order_component_A", "non_canonical_A"})
        if trusted and n._fits(key, vector["msg"].encode(), bytes.fromhex(vector["sig"])):
            accepted.append(flags)
    assert accepted == [set()]


# A second implementation


def test_another_implementation_agrees() -> None:
    aics = pytest.importorskip("aics_tlog", reason="aics-tlog wants Python 3.12")
    theirs = [aics.parse_vkey(str(key)) for key in KEYS]
    assert [each.key_id for each in theirs] == [key.id for key in KEYS]
    assert [aics.format_vkey(each) for each in theirs] == [str(key) for key in KEYS]
    note = aics.parse_note(signed().encode())
    assert note.to_bytes() == signed().encode()
    assert aics.verify_note(note, theirs[:1])
    assert aics.parse_note(COSIGNED_EXAMPLE).to_bytes() == SignedNote.parse(COSIGNED_EXAMPLE.encode()).encode()
    for encoded in n.SMALL_ORDER:
        assert aics.ed25519_public_key_problem(encoded) is not None
