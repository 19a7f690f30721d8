"""What a witness answers, row by row of C2SP tlog-witness, and that it never signs two histories."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.checkpoint import Checkpoint, Head, sign_checkpoint
from titian.core.errors import InvalidInput, TitianError, TooLarge
from titian.core.merkle import EMPTY_ROOT, Tree, TreeHead, consistency_flaw, consistency_proof, leaf_hash
from titian.core.notes import Signature, SignatureType, SignedNote, SignerKey
from titian.core.witness import Answer, Submission, is_signed, judge

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors" / "merkle.json"
ORIGIN = "log.example/one"
LOG = SignerKey(ORIGIN, SignatureType.ED25519, bytes(range(32)))
NEWER = SignerKey(ORIGIN, SignatureType.ED25519, bytes(range(1, 33)))
STRANGER = SignerKey(ORIGIN, SignatureType.ED25519, bytes(range(2, 34)))
WITNESS = SignerKey(ORIGIN, SignatureType.COSIGNATURE, bytes(range(3, 35)))
OTHER = SignerKey("log.example/two", SignatureType.ED25519, bytes(range(32)))
KEYS = [LOG.key, NEWER.key]
NOW = 1_790_000_000
HASH = bytes(32)


class Kept:
    """Every tile of a tree as it grows."""

    def __init__(self, size: int, changed: int | None = None) -> None:
        leaves = [leaf_hash(b"changed" if one == changed else one.to_bytes(4, "big")) for one in range(size)]
        growth = Tree().append(leaves)
        self.head = growth.tree.head
        self._tiles = {(tile.level, tile.index): data for tile, data in growth.tiles}

    def read(self, tiles: object) -> list[bytes]:
        return [self._tiles[tile.level, tile.index][: tile.width * 32] for tile in tiles]  # type: ignore[attr-defined]


LONG = Kept(70)
CHANGED = Kept(70, changed=3)


def head(size: int, root: bytes | None = None, time: int = NOW - 60) -> Head:
    return Head(ORIGIN, size, root if root is not None else Kept(size).head.root, time)


def note(size: int, root: bytes | None = None, *signers: SignerKey, origin: str = ORIGIN) -> SignedNote:
    checkpoint = Checkpoint(origin, size, root if root is not None else Kept(size).head.root)
    notes = [sign_checkpoint(checkpoint, one) for one in signers or (LOG,)]
    return notes[0].signed(*(one.signatures[0] for one in notes[1:]))


def proof(old: int, new: int, tiles: Kept = LONG) -> tuple[bytes, ...]:
    return consistency_proof(tiles, old, new)


def spoiled(given: SignedNote) -> SignedNote:
    one = given.signatures[0]
    return SignedNote(given.text, (Signature(one.name, one.key_id, bytes([one.data[0] ^ 1]) + one.data[1:]),))


ROWS: list[tuple[str, Submission, Head | None, Answer]] = [
    ("grown", Submission(16, proof(16, 70), note(70)), head(16), Answer.COSIGNED),
    ("grown from no power of two", Submission(19, proof(19, 70), note(70)), head(19), Answer.COSIGNED),
    ("first", Submission(0, (), note(70)), None, Answer.COSIGNED),
    ("first, of nothing", Submission(0, (), note(0, EMPTY_ROOT)), None, Answer.COSIGNED),
    ("grown from nothing", Submission(0, (), note(70)), head(0, EMPTY_ROOT), Answer.COSIGNED),
    ("the same again", Submission(70, (), note(70)), head(70), Answer.COSIGNED),
    ("in the same second", Submission(70, (), note(70)), head(70, time=NOW), Answer.COSIGNED),
    ("both keys", Submission(16, proof(16, 70), note(70, None, LOG, NEWER)), head(16), Answer.COSIGNED),
    ("the newer key", Submission(16, proof(16, 70), note(70, None, NEWER)), head(16), Answer.COSIGNED),
    ("a trusted and an unknown key", Submission(16, proof(16, 70), note(70, None, LOG, STRANGER)), head(16),
     Answer.COSIGNED),
    ("an unknown key", Submission(16, proof(16, 70), note(70, None, STRANGER)), head(16), Answer.UNSIGNED),
    ("a trusted signature that fails", Submission(16, proof(16, 70), spoiled(note(70))), head(16), Answer.UNSIGNED),
    ("one of two that fails",
     Submission(16, proof(16, 70), spoiled(note(70)).signed(*note(70, None, NEWER).signatures)), head(16),
     Answer.UNSIGNED),
    ("another log", Submission(16, proof(16, 70), note(70, None, OTHER, origin=OTHER.name)), head(16), Answer.UNKNOWN),
    ("an older size", Submission(15, proof(15, 70), note(70)), head(16), Answer.CONFLICT),
    ("a newer size", Submission(17, proof(17, 70), note(70)), head(16), Answer.CONFLICT),
    ("from nothing again", Submission(0, (), note(70)), head(16), Answer.CONFLICT),
    ("shrunken", Submission(12, (), note(12)), head(16), Answer.CONFLICT),
    ("not from nothing", Submission(16, proof(16, 70), note(70)), None, Answer.CONFLICT),
    ("no proof", Submission(16, (), note(70)), head(16), Answer.UNPROVEN),
    ("a bad proof", Submission(16, (HASH, *proof(16, 70)[1:]), note(70)), head(16), Answer.UNPROVEN),
    ("a proof too long", Submission(16, (*proof(16, 70), HASH), note(70)), head(16), Answer.UNPROVEN),
    ("a proof from another size", Submission(16, proof(15, 70), note(70)), head(16), Answer.UNPROVEN),
    ("another history", Submission(16, proof(16, 70, CHANGED), note(70, CHANGED.head.root)), head(16), Answer.UNPROVEN),
    ("the same size, another root", Submission(70, (), note(70, CHANGED.head.root)), head(70), Answer.UNPROVEN),
    ("the same size and a proof", Submission(70, (HASH,), note(70)), head(70), Answer.UNPROVEN),
    ("a proof from nothing", Submission(0, (HASH,), note(70)), None, Answer.UNPROVEN),
    ("a proof from nothing that was cosigned", Submission(0, (HASH,), note(70)), head(0, EMPTY_ROOT), Answer.UNPROVEN),
    ("of nothing, with a root", Submission(0, (), note(0, HASH)), None, Answer.UNPROVEN),
    ("of nothing, with another root", Submission(0, (), note(0, HASH)), head(0, EMPTY_ROOT), Answer.UNPROVEN),
    ("a clock that went back", Submission(70, (), note(70)), head(70, time=NOW + 1), Answer.EARLIER),
]  # fmt: skip


@pytest.mark.parametrize(("submission", "last", "answer"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_it_answers_as_the_specification_says(submission: Submission, last: Head | None, answer: Answer) -> None:
    assert judge(submission, KEYS, last, NOW) is answer
    assert judge(submission, [], last, NOW) is Answer.UNKNOWN


def test_each_answer_has_its_status() -> None:
    """C2SP tlog-witness, add-checkpoint; a clock that is wrong is the witness's own failure."""
    statuses = {one.name: one.status for one in Answer}
    assert statuses == {
        "COSIGNED": 200,
        "UNSIGNED": 403,
        "UNKNOWN": 404,
        "CONFLICT": 409,
        "UNPROVEN": 422,
        "EARLIER": 500,
    }
    assert len({one.value for one in Answer}) == len(Answer)


def test_a_witness_key_does_not_speak_for_the_log() -> None:
    cosigned = note(70).signatures[0]
    assert not is_signed(SignedNote(note(70).text, (cosigned,)), [WITNESS.key])
    assert is_signed(note(70), KEYS)


@given(
    st.lists(st.tuples(st.integers(0, 70), st.booleans(), st.integers(0, 70), st.booleans()), min_size=1, max_size=8)
)
def test_whatever_is_submitted_what_it_signs_is_one_history(wanted: list[tuple[int, bool, int, bool]]) -> None:
    """Each new head that it cosigns begins with the one before it."""
    last: Head | None = None
    for size, other, old, told in wanted:
        tiles = CHANGED if other else LONG
        root = Kept(size, changed=3 if other else None).head.root if size else EMPTY_ROOT
        known = old if told or last is None else last.size
        if known > size:
            with pytest.raises(InvalidInput):
                Submission(known, (), note(size, root))
            continue
        hashes = consistency_proof(tiles, known, size) if size else ()
        submission = Submission(known, hashes, note(size, root))
        if judge(submission, KEYS, last, NOW) is not Answer.COSIGNED:
            continue
        if last is not None and last.size:
            old_head, new_head = TreeHead(last.size, last.root), TreeHead(size, root)
            assert consistency_flaw(consistency_proof(tiles, last.size, size), old=old_head, new=new_head) is None
        last = Head(ORIGIN, size, root, NOW)


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the repository")
def test_the_vectors_of_transparency_dev() -> None:
    """Each consistency vector, as a submission: cosigned just when it holds."""
    rows = json.loads(VECTORS.read_text())["consistency"]
    seen = set()
    for name, row in rows.items():
        old, new = row["size1"], row["size2"]
        hashes = tuple(b64decode(one) for one in row["proof"] or ())
        before, after = b64decode(row["root1"] or ""), b64decode(row["root2"] or "")
        if old <= 0 or new < 0 or {len(before), len(after)} != {32}:
            continue
        try:
            submission = Submission(old, hashes, note(new, after))
        except InvalidInput:
            assert row["wantErr"], name
            continue
        answer = judge(submission, KEYS, head(old, before), NOW)
        assert answer is (Answer.UNPROVEN if row["wantErr"] else Answer.COSIGNED), name
        seen.add(answer)
    assert len(seen) == 2


# ── the body ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 70), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_submission_is_read_as_it_is_written(old: int, hashes: list[bytes]) -> None:
    submission = Submission(old, tuple(hashes), note(70))
    assert Submission.parse(submission.encode()) == submission


GOOD = Submission(16, proof(16, 70), note(70)).encode().decode()
MALFORMED = {
    "nothing": "", "no old": GOOD.removeprefix("old 16\n"), "old in capitals": GOOD.replace("old", "Old", 1),
    "no size": GOOD.replace("old 16", "old", 1), "a sign": GOOD.replace("old 16", "old +16", 1),
    "a negative size": GOOD.replace("old 16", "old -1", 1), "leading zeros": GOOD.replace("old 16", "old 016", 1),
    "too large a size": GOOD.replace("old 16", f"old {2**63}", 1), "other digits": GOOD.replace("old 16", "old ١٦", 1),
    "a giant": GOOD.replace("old 16", "old " + "9" * 5000, 1), "two spaces": GOOD.replace("old 16", "old  16", 1),
    "old beyond the checkpoint": GOOD.replace("old 16", "old 71", 1), "carriage returns": GOOD.replace("\n", "\r\n"),
    "no blank line": GOOD.replace("\n\n", "\n", 1), "no checkpoint": GOOD[: GOOD.index("\n\n") + 2],
    "no base64": GOOD.replace("old 16\n", "old 16\n!!!!\n", 1),
    "a short hash": GOOD.replace("old 16\n", "old 16\nAAAA\n", 1),
    "an empty hash": GOOD.replace("old 16\n", "old 16\n\n", 1),
    "64 hashes": GOOD.replace("old 16\n", "old 16\n" + ("A" * 43 + "=\n") * 64, 1),
    "no note": GOOD.replace("— ", "- "), "a note that is no checkpoint": "old 0\n\nhello\n\n— a AAAAAAAA\n",
}  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_submission_is_refused(body: str) -> None:
    """With 400, whatever is wrong with it."""
    with pytest.raises((InvalidInput, TooLarge)):
        Submission.parse(body.encode())


@given(st.binary(max_size=200), st.integers(0, len(GOOD)))
def test_hostile_bytes_are_refused_or_have_one_spelling(data: bytes, place: int) -> None:
    body = GOOD.encode()[:place] + data + GOOD.encode()[place:]
    try:
        submission = Submission.parse(body)
    except TitianError:
        return
    assert submission.encode() == body
