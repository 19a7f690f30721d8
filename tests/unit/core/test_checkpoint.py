"""Checkpoints, cosignatures, what may never be signed, and receipts."""

from __future__ import annotations

import hashlib
import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core import checkpoint as c
from titian.core import notes as n
from titian.core.checkpoint import Checkpoint, Head, Never, Proof, never
from titian.core.errors import InvalidInput, Refused, TitianError, TooLarge
from titian.core.notes import SignatureType, SignedNote, SignerKey, Verified

LOG = SignerKey("log.example/one", SignatureType.ED25519, b"\x01" * 32)
WITNESS = SignerKey("witness.example", SignatureType.COSIGNATURE, b"\x02" * 32)
OTHER = SignerKey("log.example/two", SignatureType.ED25519, b"\x03" * 32)
TIME = 1_767_225_600
ROOT, ANOTHER = hashlib.sha256(b"one").digest(), hashlib.sha256(b"two").digest()
CHECKPOINT = Checkpoint("log.example/one", 7, ROOT)

# The example of C2SP tlog-checkpoint.
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

# The example of C2SP tlog-proof, with a signature line where it has ellipses.
EXAMPLE_PROOF = (
    "c2sp.org/tlog-proof@v1\n"
    "extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ\n"
    "index 73894\n"
    "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n"
    "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n"
    "EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\n"
    "RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n"
    "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n"
    "\n"
    "example.com/fancylog\n"
    "109482\n"
    "sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n"
    "\n"
    "— example.com/fancylog hI2DJwAA\n"
)


def cosigned(checkpoint: Checkpoint = CHECKPOINT) -> SignedNote:
    note = c.sign_checkpoint(checkpoint, LOG)
    return note.signed(c.cosign(note, WITNESS, TIME))


# Checkpoints


def test_the_example_of_the_specification_is_read() -> None:
    read = Checkpoint.parse(EXAMPLE)
    assert (read.origin, read.size, read.extensions) == ("example.com/behind-the-sofa", 20852163, ())
    assert read.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert read.text == EXAMPLE


LINES = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1)


@given(
    origin=LINES,
    size=st.integers(0, c.MAX_SIZE),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(LINES).map(tuple),
)
def test_what_is_written_is_read(origin: str, size: int, root: bytes, extensions: tuple[str, ...]) -> None:
    checkpoint = Checkpoint(origin, size, root, extensions)
    assert Checkpoint.parse(checkpoint.text) == checkpoint


@settings(max_examples=300)
@given(st.text() | st.text().map(lambda t: EXAMPLE + t) | st.text("0123456789\n=Aa").map(lambda t: f"a\n{t}"))
def test_hostile_text_is_refused_or_has_one_spelling(text: str) -> None:
    try:
        read = Checkpoint.parse(text)
    except TitianError:
        return
    assert read.text == text


ROOT64 = n.to_base64(ROOT)
MALFORMED = {
    "empty": "",
    "two lines": "log\n1\n",
    "no last newline": f"log\n1\n{ROOT64}",
    "blank line at the end": f"log\n1\n{ROOT64}\n\n",
    "blank line before an extension": f"log\n1\n{ROOT64}\n\nmore\n",
    "no origin": f"\n1\n{ROOT64}\n",
    "no size": f"log\n\n{ROOT64}\n",
    "no root": "log\n1\n\n",
    "carriage returns": f"log\r\n1\r\n{ROOT64}\r\n",
    "NUL in the origin": f"l\x00og\n1\n{ROOT64}\n",
    "leading zero": f"log\n01\n{ROOT64}\n",
    "two zeros": f"log\n00\n{ROOT64}\n",
    "plus": f"log\n+1\n{ROOT64}\n",
    "minus": f"log\n-1\n{ROOT64}\n",
    "space before": f"log\n 1\n{ROOT64}\n",
    "space after": f"log\n1 \n{ROOT64}\n",
    "underscore": f"log\n1_0\n{ROOT64}\n",
    "hexadecimal": f"log\n0x1\n{ROOT64}\n",
    "digits of another script": f"log\n\u0661\n{ROOT64}\n",
    "superscript": f"log\n\u00b2\n{ROOT64}\n",
    "fraction": f"log\n1.0\n{ROOT64}\n",
    "2^63": f"log\n{2**63}\n{ROOT64}\n",
    "2^64 + 1": f"log\n{2**64 + 1}\n{ROOT64}\n",
    "ten thousand digits": f"log\n{'9' * 10_000}\n{ROOT64}\n",
    "root of 31 bytes": f"log\n1\n{n.to_base64(ROOT[1:])}\n",
    "root of 33 bytes": f"log\n1\n{n.to_base64(ROOT + b'a')}\n",
    "root without padding": f"log\n1\n{ROOT64[:-1]}\n",
    "root with a space": f"log\n1\n {ROOT64}\n",
    "root with bits in the padding": f"log\n1\n{ROOT64[:-2]}{chr(ord(ROOT64[-2]) + 1)}=\n",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "wrong",
    [{"origin": ""}, {"origin": "a\nb"}, {"origin": "a\ud800"}, {"size": -1}, {"size": 2**63}, {"root": b""}]
    + [{"extensions": each} for each in (("",), ("a\nb",), ("a\r",))],
    ids=repr,
)
def test_a_checkpoint_that_cannot_be_written_is_none(wrong: dict[str, object]) -> None:
    good = {"origin": "log", "size": 1, "root": ROOT}
    Checkpoint(**good)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        Checkpoint(**(good | wrong))  # type: ignore[arg-type]


# Opening


def test_a_cosigned_checkpoint_opens() -> None:
    opened = c.open_checkpoint(cosigned().encode(), LOG.key, [WITNESS.key])
    assert opened.checkpoint == CHECKPOINT
    assert opened.verified == (Verified(LOG.key), Verified(WITNESS.key, TIME))
    assert (opened.time(WITNESS.key), opened.time(LOG.key), opened.time(OTHER.key)) == (TIME, None, None)


def test_a_witness_does_not_speak_for_the_log() -> None:
    note = SignedNote(CHECKPOINT.text, (c.cosign(cosigned(), WITNESS, TIME),))
    with pytest.raises(Refused, match="has not signed"):
        c.open_checkpoint(note.encode(), LOG.key, [WITNESS.key])


def test_the_checkpoint_of_another_log_is_refused() -> None:
    text = Checkpoint("log.example/two", 7, ROOT).text
    note = SignedNote(text, (n.sign_text(text, LOG), n.sign_text(text, OTHER)))
    with pytest.raises(Refused, match="another log"):
        c.open_checkpoint(note.encode(), LOG.key)
    assert c.open_checkpoint(note.encode(), OTHER.key).checkpoint.size == 7


def test_a_bad_cosignature_refuses_the_checkpoint() -> None:
    bad = msgspec.structs.replace(c.cosign(cosigned(), WITNESS, TIME), data=b"\x00" * 72)
    with pytest.raises(Refused, match="does not fit"):
        c.open_checkpoint(cosigned().signed(bad).encode(), LOG.key, [WITNESS.key])
    assert c.open_checkpoint(cosigned().signed(bad).encode(), LOG.key).verified == (Verified(LOG.key),)


def test_a_signed_note_that_is_no_checkpoint_is_refused() -> None:
    note = SignedNote("some text\n", (n.sign_text("some text\n", LOG),))
    with pytest.raises(InvalidInput):
        c.open_checkpoint(note.encode(), LOG.key)
    with pytest.raises(InvalidInput):
        c.cosign(note, WITNESS, TIME)


def test_extensions_are_signed_with_the_rest() -> None:
    checkpoint = Checkpoint("log.example/one", 7, ROOT, ("more", "and more"))
    note = cosigned(checkpoint)
    assert c.open_checkpoint(note.encode(), LOG.key, [WITNESS.key]).checkpoint == checkpoint
    without = SignedNote(CHECKPOINT.text, note.signatures)
    for key in (LOG.key, WITNESS.key):
        with pytest.raises(Refused):
            n.verify_note(without, [key])


def test_each_role_signs_with_a_key_of_its_own() -> None:
    with pytest.raises(InvalidInput, match="named as its origin"):
        c.sign_checkpoint(CHECKPOINT, OTHER)
    with pytest.raises(InvalidInput, match="type 0x04"):
        c.cosign(cosigned(), LOG, TIME)
    witness_as_log = SignerKey("log.example/one", SignatureType.COSIGNATURE, b"\x04" * 32)
    with pytest.raises(InvalidInput, match="with a time"):
        c.sign_checkpoint(CHECKPOINT, witness_as_log)


# What may never be signed (law 10)

LAST = Head("log.example/one", 7, ROOT, TIME)
NEVER = {
    "the same again": (CHECKPOINT, TIME, False, None),
    "the same, later": (CHECKPOINT, TIME + 1, False, None),
    "more": (Checkpoint("log.example/one", 8, ANOTHER), TIME, True, None),
    "more, unproven": (Checkpoint("log.example/one", 8, ANOTHER), TIME, False, Never.UNPROVEN),
    "fewer": (Checkpoint("log.example/one", 6, ANOTHER), TIME + 1, True, Never.SMALLER),
    "none": (Checkpoint("log.example/one", 0, c.EMPTY_ROOT), TIME + 1, True, Never.SMALLER),
    "as many, another root": (Checkpoint("log.example/one", 7, ANOTHER), TIME + 1, True, Never.OTHER_ROOT),
    "another log": (Checkpoint("log.example/two", 7, ROOT), TIME + 1, True, Never.OTHER_LOG),
    "earlier": (CHECKPOINT, TIME - 1, True, Never.EARLIER),
    "more, earlier": (Checkpoint("log.example/one", 8, ANOTHER), TIME - 1, True, Never.EARLIER),
    "none, wrong root": (Checkpoint("log.example/one", 0, ROOT), TIME + 1, True, Never.NOT_EMPTY),
}


@pytest.mark.parametrize(("checkpoint", "time", "extends", "reason"), NEVER.values(), ids=NEVER.keys())
def test_what_may_not_be_signed(checkpoint: Checkpoint, time: int, extends: bool, reason: Never | None) -> None:
    assert never(LAST, checkpoint, time, extends=extends) is reason


def test_the_first_checkpoint_is_trusted_as_it_is() -> None:
    assert never(None, CHECKPOINT, TIME, extends=False) is None
    assert never(None, Checkpoint("log", 0, c.EMPTY_ROOT), TIME, extends=False) is None
    assert never(None, Checkpoint("log", 0, ROOT), TIME, extends=False) is Never.NOT_EMPTY


HEADS = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3), st.sampled_from([ROOT, ANOTHER, c.EMPTY_ROOT]))


@given(st.lists(st.tuples(HEADS, st.integers(0, 3), st.booleans())))
def test_who_asks_before_signing_never_goes_back(wanted: list[tuple[tuple[str, int, bytes], int, bool]]) -> None:
    done: list[Head] = []
    for (origin, size, root), time, extends in wanted:
        checkpoint = Checkpoint(origin, size, root)
        if never(done[-1] if done else None, checkpoint, time, extends=extends) is None:
            done.append(Head(origin, size, root, time))
    for before, after in itertools.pairwise(done):
        assert before.origin == after.origin
        assert (before.size, before.time) <= (after.size, after.time)
        assert before.time <= after.time
    assert len({each.root for each in done}) <= len({each.size for each in done})
    assert all(each.root == c.EMPTY_ROOT for each in done if each.size == 0)


# Receipts


def test_the_example_proof_is_read() -> None:
    proof = Proof.parse(EXAMPLE_PROOF.encode())
    assert (proof.index, len(proof.hashes), proof.checkpoint.size) == (73894, 5, 109482)
    assert proof.checkpoint.origin == "example.com/fancylog"
    assert proof.extra.startswith(b"age-v1.2.1-darwin-arm64.tar.gz")
    assert proof.hashes[0].hex().startswith("8122b25e")
    assert proof.encode() == EXAMPLE_PROOF.encode()


@given(
    index=st.integers(0, 6),
    hashes=st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    extra=st.binary(),
)
def test_a_proof_is_read_as_it_is_written(index: int, hashes: tuple[bytes, ...], extra: bytes) -> None:
    proof = Proof(index, hashes, cosigned(), extra)
    assert Proof.parse(proof.encode()) == proof


def test_the_checkpoint_in_a_proof_is_verbatim() -> None:
    note = cosigned(Checkpoint("log.example/one", 7, ROOT, ("more",)))
    assert Proof(0, (ROOT,), note).encode().endswith(note.encode())


def test_a_receipt_of_a_large_log_is_small() -> None:
    # Ten million entries: 24 hashes. A salt of 32 bytes, a log and two witnesses.
    second = SignerKey("second-witness.agency.example/titian", SignatureType.COSIGNATURE, b"\x06" * 32)
    note = cosigned(Checkpoint("log.example/one", 10_000_000, ROOT))
    note = note.signed(c.cosign(note, second, TIME))
    assert len(Proof(9_999_999, (ROOT,) * 24, note, b"\x00" * 32).encode()) < 2000


HEAD = "c2sp.org/tlog-proof@v1\n"
NOTE = cosigned().encode().decode()
MALFORMED_PROOFS = {
    "empty": "",
    "header alone": HEAD,
    "no blank line": f"{HEAD}index 0\n{ROOT64}\n",
    "no index": f"{HEAD}\n{NOTE}",
    "hash for index": f"{HEAD}{ROOT64}\n\n{NOTE}",
    "another version": f"{HEAD}index 0\n\n{NOTE}".replace("v1", "v2"),
    "space after the header": f"{HEAD[:-1]} \nindex 0\n\n{NOTE}",
    "blank line before the header": f"\n{HEAD}index 0\n\n{NOTE}",
    "index before extra": f"{HEAD}index 0\nextra AAAA\n\n{NOTE}",
    "two extras": f"{HEAD}extra AAAA\nextra AAAA\nindex 0\n\n{NOTE}",
    "empty extra": f"{HEAD}extra \nindex 0\n\n{NOTE}",
    "extra that is no base64": f"{HEAD}extra !\nindex 0\n\n{NOTE}",
    "two indexes": f"{HEAD}index 0\nindex 0\n\n{NOTE}",
    "leading zero": f"{HEAD}index 00\n\n{NOTE}",
    "two spaces": f"{HEAD}index  0\n\n{NOTE}",
    "negative": f"{HEAD}index -1\n\n{NOTE}",
    "outside the log": f"{HEAD}index 7\n\n{NOTE}",
    "2^64": f"{HEAD}index {2**64}\n\n{NOTE}",
    "short hash": f"{HEAD}index 0\nAAAA\n\n{NOTE}",
    "64 hashes": f"{HEAD}index 0\n{f'{ROOT64}{chr(10)}' * 64}\n{NOTE}",
    "blank line between the hashes": f"{HEAD}index 0\n{ROOT64}\n\n{ROOT64}\n\n{NOTE}",
    "no checkpoint": f"{HEAD}index 0\n\n",
    "checkpoint without signature": f"{HEAD}index 0\n\n{CHECKPOINT.text}",
    "note that is no checkpoint": f"{HEAD}index 0\n\ntext\n\n{NOTE.partition(chr(10) * 2)[2]}",
    "carriage returns": f"{HEAD}index 0\n\n{NOTE}".replace("\n", "\r\n"),
    "NUL": f"{HEAD}index 0\x00\n\n{NOTE}",
}


@pytest.mark.parametrize("text", MALFORMED_PROOFS.values(), ids=MALFORMED_PROOFS.keys())
def test_a_malformed_proof_is_refused(text: str) -> None:
    assert Proof.parse(f"{HEAD}index 0\n\n{NOTE}".encode()) == Proof(0, (), cosigned())
    with pytest.raises(InvalidInput):
        Proof.parse(text.encode())


def test_a_proof_has_bounds() -> None:
    with pytest.raises(TooLarge):
        Proof.parse(b"x" * (n.LARGEST_NOTE + 1))
    with pytest.raises(InvalidInput, match="UTF-8"):
        Proof.parse(HEAD.encode() + b"\xff")
    for wrong in ({"index": -1}, {"index": 7}, {"hashes": (b"short",)}, {"hashes": (ROOT,) * 64}):
        with pytest.raises(InvalidInput):
            Proof(**({"index": 0, "hashes": (), "note": cosigned()} | wrong))  # type: ignore[arg-type]


@settings(max_examples=200)
@given(st.data())
def test_hostile_proofs_are_refused_or_have_one_spelling(data: st.DataObject) -> None:
    good = EXAMPLE_PROOF.encode()
    at = data.draw(st.integers(0, len(good)))
    changed = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 3)) :]
    try:
        proof = Proof.parse(changed)
    except TitianError:
        return
    assert proof.encode() == changed


# A second implementation


def test_another_implementation_agrees() -> None:
    aics = pytest.importorskip("aics_tlog", reason="aics-tlog wants Python 3.12")
    note = aics.parse_note(cosigned().encode())
    read = aics.parse_checkpoint(note.text)
    assert (read.origin, read.size, read.root) == (CHECKPOINT.origin, CHECKPOINT.size, CHECKPOINT.root)
    log, witness = aics.parse_vkey(str(LOG.key)), aics.parse_vkey(str(WITNESS.key))
    result = aics.verify_checkpoint(note, log, [witness], quorum=1)
    assert (result.ok, result.witnesses, result.timestamps) == (True, [WITNESS.name], {WITNESS.name: TIME})
    spoilt = cosigned().encode().replace(b"\n7\n", b"\n8\n")
    assert not aics.verify_checkpoint(aics.parse_note(spoilt), log, [witness]).ok
    with pytest.raises(Refused):
        c.open_checkpoint(spoilt, LOG.key, [WITNESS.key])
