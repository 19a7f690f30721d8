"""Checking and cosigning another's ledger: against a ledger in memory, honest or not, and a memory that races."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from titian.core.checkpoint import Checkpoint, sign_checkpoint
from titian.core.errors import PeerUntrusted, Refused, TitianError, Unavailable
from titian.core.ledger import EVERYBODY, Entry, Kind, Opened
from titian.core.ledger_watch import Watch
from titian.core.merkle import Bundle, Tile, Tree, TreeHead, consistency_proof, encode_bundle, leaf_hash
from titian.core.notes import SignatureType, SignedNote, SignerKey, VerifierKey, to_base64, verify_note
from titian.core.peer_ledger import Listed, PeerLedger
from titian.core.signing import Ed25519Secret, NamedSigner, SigningKey, change, witness_name
from titian.core.signing import Role as SigningRole
from titian.core.witness import Answer, Submission
from titian.exchange import witness as module
from titian.exchange.witness import Broken, Checked, Witness

PARTY = "identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
OWN = "identity--6d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
THIRD = "identity--7d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
ORIGIN = f"{witness_name(PARTY)}/0c2f9c36-7f0e-4c2f-9c36-0f3a3a6f5a12"
LOG, NEW, STRANGER = (SignerKey(ORIGIN, SignatureType.ED25519, bytes([number]) * 32) for number in (1, 2, 3))
SECRET = Ed25519Secret(bytes([9]) * 32)
COSIGNER = NamedSigner(witness_name(OWN), SignatureType.COSIGNATURE, SECRET).key
START = 1_790_000_000_000_000
HOUR = 3_600_000_000
SALT = bytes(32)


class Log:
    """A partner's ledger: entries go in, `seal` signs; every request is counted."""

    def __init__(self) -> None:
        self.entries: list[Opened] = []
        self.hidden: set[int] = set()
        self.sealed = 0
        self.signers = [LOG]
        self.cosigned: list[SignedNote] = []
        self.asked: list[str] = []
        self.page = 1000
        self.refuses = False

    def enter(self, kind: Kind = Kind.FILLER, *, at: int = START, party: str | None = None, **details: Any) -> int:
        entry = Entry(kind=kind, at=at, party=party, details=details)
        self.entries.append(Opened(len(self.entries), SALT, entry.payload()))
        return len(self.entries) - 1

    def seal(self, count: int = 0) -> None:
        for _ in range(count):
            self.enter(at=START)
        self.sealed = len(self.entries)

    @property
    def head(self) -> TreeHead:
        return self.tree().head

    def tree(self, size: int | None = None) -> Tree:
        return self._growth(size)[0]

    def _growth(self, size: int | None = None) -> tuple[Tree, dict[tuple[int, int], bytes]]:
        leaves = [one.leaf_hash for one in self.entries[: self.sealed if size is None else size]]
        growth = Tree().append(leaves)
        return growth.tree, {(tile.level, tile.index): data for tile, data in growth.tiles}

    def note(self, head: TreeHead | None = None, *signers: SignerKey, origin: str = ORIGIN) -> SignedNote:
        head = head or self.head
        notes = [sign_checkpoint(Checkpoint(origin, head.size, head.root), one) for one in signers or self.signers]
        return notes[0].signed(*(one.signatures[0] for one in notes[1:]))

    def checkpoint(self) -> bytes:
        self.asked.append("checkpoint")
        return self.note().encode()

    def read(self, tiles: Sequence[Tile]) -> list[bytes]:
        self.asked += [tile.path for tile in tiles]
        held = self._growth()[1]
        return [held[tile.level, tile.index][: 32 * tile.width] for tile in tiles]

    def bundle(self, bundle: Bundle) -> bytes:
        self.asked.append(bundle.path)
        return encode_bundle([one.leaf for one in self.entries[bundle.index * 256 :][: bundle.width]])

    def opened(self, after: int) -> tuple[list[Opened], bool]:
        self.asked.append(f"opened {after}")
        found = [one for one in self.entries[after : self.sealed] if self.open_to_us(one)]
        return found[: self.page], len(found) > self.page

    def open_to_us(self, one: Opened) -> bool:
        try:
            return one.entry.party in (EVERYBODY, OWN) and one.num not in self.hidden
        except TitianError:
            return True

    def cosign(self, note: SignedNote, witness: VerifierKey) -> None:
        if self.refuses:
            raise Refused("not taken")
        assert witness == COSIGNER
        self.cosigned.append(note)

    def listed(self, **own: Any) -> Listed:
        return Listed(**({"id": "x", "origin": ORIGIN, "keys": tuple(str(one.key) for one in self.signers)} | own))


class Remembered:
    """What a node remembers, in memory; `between` is what another process does at the worst moment."""

    def __init__(self) -> None:
        self.clock = START
        self.peers: dict[str, PeerLedger] = {}
        self.arrived: dict[bytes, int] = {}
        self.kept: dict[int, Opened] = {}
        self.recorded: dict[bytes, int] = {}
        self.evidence: list[tuple[str, bytes]] = []
        self.between: list[Any] = []

    def now(self) -> int:
        return self.clock

    def all(self) -> list[PeerLedger]:
        return list(self.peers.values())

    def get(self, origin: str) -> PeerLedger | None:
        return self.peers.get(origin)

    def compare_and_set(self, before: PeerLedger | None, after: PeerLedger) -> bool:
        while self.between:
            self.between.pop()()
        if self.peers.get(after.origin) != before:
            return False
        self.peers[after.origin] = after
        return True

    def read_on(self, peer: PeerLedger, opened: Sequence[Opened], entries: Mapping[bytes, int]) -> None:
        self.peers[peer.origin] = peer
        self.kept |= {one.num: one for one in opened}
        self.recorded |= entries

    def received(self, party: str, digests: Iterable[bytes]) -> dict[bytes, int]:
        assert party == PARTY
        return {one: self.arrived[one] for one in digests if one in self.arrived}

    def entries(self, origin: str) -> list[Opened]:
        return [self.kept[num] for num in sorted(self.kept)]

    def shares(self, party: str, agreement: str | None) -> bool:
        return party == PARTY

    def broke(self, origin: str, what: str, body: bytes) -> None:
        self.evidence.append((what, body))
        if origin in self.peers:
            self.peers[origin] = msgspec.structs.replace(self.peers[origin], broken=what)


class Bench:
    def __init__(self) -> None:
        self.log = Log()
        self.memory = Remembered()
        self.witness = Witness(self.memory, lambda: (witness_name(OWN), SECRET))
        self.log.seal(16)

    def check(self, *, later: int = 1_000_000, **more: Any) -> Checked:
        self.memory.clock += later
        listed = more.pop("listed", self.log.listed())
        return self.witness.check(self.log, listed, party=PARTY, url="https://a.example/", **more)

    @property
    def peer(self) -> PeerLedger:
        return self.memory.peers[ORIGIN]

    def verify(self, *others: bytes) -> str | None:
        found = self.witness.verify(self.log, self.peer, others=others)
        return None if found is None else found.what


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_ledger_is_met_followed_and_cosigned(bench: Bench) -> None:
    done = bench.check()
    assert (done.cosigned, done.read, done.findings) == (True, 0, ())
    assert (bench.peer.head, bench.peer.position, bench.peer.party) == (bench.log.head, 16, PARTY)
    (note,) = bench.log.cosigned
    assert [one.time for one in verify_note(note, [LOG.key, COSIGNER])] == [None, bench.memory.clock // 1_000_000]
    num = bench.log.enter(Kind.AGREEMENT, at=START + 1, party=EVERYBODY, name="x")
    bench.log.enter(Kind.RELEASE, at=START + 1, party=THIRD)
    bench.log.seal(14)
    done = bench.check()
    assert (done.read, done.findings) == (1, ())
    assert list(bench.memory.kept) == [num]
    assert bench.verify() is None


def test_what_is_known_is_not_asked_for_again(bench: Bench) -> None:
    bench.check()
    bench.log.asked.clear()
    assert not bench.check().cosigned
    assert bench.log.asked == ["checkpoint"]
    assert bench.check(later=HOUR).cosigned, "after a while it is cosigned again: somebody looked"
    bench.log.asked.clear()
    before = bench.peer.seen
    assert not bench.check(later=HOUR, listed=bench.log.listed(halted=True)).cosigned
    assert bench.peer.seen == before, "while it is halted, its head says nothing of what goes on"


def test_it_is_remembered_before_it_is_cosigned(bench: Bench) -> None:
    """C2SP tlog-witness: persisted first; a partner that does not take the line changes nothing."""
    bench.log.refuses = True
    assert not bench.check().cosigned
    assert bench.peer.head == bench.log.head


@pytest.mark.parametrize(
    "origin",
    ["", "other", ORIGIN.replace("5d1a", "6d1a"), witness_name(PARTY), f"{witness_name(PARTY)}x/1", ORIGIN.upper()],
)
def test_a_ledger_of_somebody_else_is_not_taken(bench: Bench, origin: str) -> None:
    """A partner can only speak for itself: else it could break, or rename, what is remembered of others."""
    with pytest.raises(PeerUntrusted, match="not its own"):
        bench.check(listed=bench.log.listed(origin=origin))
    assert (bench.memory.peers, bench.memory.evidence) == ({}, [])


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_card_counts_more_than_what_is_listed(bench: Bench) -> None:
    with pytest.raises(Broken):
        bench.check(keys=[NEW.key])
    assert bench.memory.evidence
    bench.log.signers = [NEW]
    assert bench.check(keys=[NEW.key], listed=bench.log.listed(keys=(str(LOG.key),))).cosigned


def test_a_key_that_the_card_gets_later_is_trusted(bench: Bench) -> None:
    """As after a compromise, when no key follows from what the ledger says."""
    bench.check()
    bench.log.signers = [NEW]
    bench.log.seal(16)
    assert bench.check(keys=[LOG.key, NEW.key]).cosigned
    assert [one.key for one in bench.peer.keys] == [str(LOG.key), str(NEW.key)]


def test_listed_keys_are_taken_once_only(bench: Bench) -> None:
    bench.check()
    bench.log.signers = [STRANGER]
    with pytest.raises(Broken, match="No key that is trusted"):
        bench.check(listed=bench.log.listed(keys=(str(STRANGER.key),)))
    with pytest.raises(Refused, match="found broken"):
        bench.check()


def key(number: int, signer: SignerKey, **own: Any) -> SigningKey:
    return SigningKey(
        num=number, role=SigningRole.LOG, public=signer.key.public_key, place="file:x", created=START, starts=START,
        **own,
    )  # fmt: skip


def test_keys_rotate_as_the_ledger_says(bench: Bench) -> None:
    bench.check()
    details = change(key(1, LOG, stops=START + 5 * HOUR), key(2, NEW))
    bench.log.enter(Kind.KEY, at=START + 1, party=EVERYBODY, **details)
    bench.log.signers = [NEW, LOG]
    bench.log.seal(15)
    assert bench.check().findings == ()
    bench.log.signers = [NEW]
    bench.log.seal(16)
    assert bench.check(later=10 * HOUR).cosigned
    bench.log.signers = [LOG]
    with pytest.raises(Broken):
        bench.check()


def test_after_a_compromise_a_person_decides(bench: Bench) -> None:
    bench.check()
    details = change(key(1, LOG, compromised=START), key(2, NEW))
    bench.log.enter(Kind.KEY, at=START + 1, party=EVERYBODY, **details)
    bench.log.signers = [NEW, LOG]
    bench.log.seal(15)
    done = bench.check()
    assert ["compromised" in one.what for one in done.findings] == [True]
    bench.log.seal(16)
    with pytest.raises(Broken):
        bench.check()


# ── what must be borne ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("more", [{}, {"pulled": "c"}])
def test_entries_that_say_nonsense_are_findings(bench: Bench, more: dict[str, Any]) -> None:
    for details in ({"collection": 5, "runs": [[1, 1]]}, {"collection": "c", "runs": [[1, -1]]}):
        bench.log.enter(Kind.RELEASE, party=OWN, **details)
    bench.log.enter(Kind.DELIVERY, party=OWN, view="objects", digest="no digest")
    bench.log.entries.append(Opened(len(bench.log.entries), SALT, b'{"kind":"of another time","at":1}'))
    bench.log.seal(12)
    done = bench.check(**more)
    assert len(done.findings) == 4
    assert done.cosigned
    msgspec.msgpack.decode(msgspec.msgpack.encode(bench.peer.watch), type=Watch)
    assert bench.check(later=HOUR).findings == (), "and are told once"


@pytest.mark.parametrize("party", [None, THIRD, "nobody", "identity--"])
def test_what_is_opened_and_concerns_others_is_a_finding(bench: Bench, party: str | None) -> None:
    num = bench.log.enter(Kind.RELEASE, party=party, collection="c", runs=[])
    bench.log.seal(15)
    bench.log.open_to_us = lambda one: one.num == num  # type: ignore[method-assign]
    told = [one.what for one in bench.check().findings]
    assert told == [f"Entry {num} is opened to this node, and concerns another party."]


def test_entries_out_of_order_are_not_read(bench: Bench) -> None:
    for _ in range(3):
        bench.log.enter(Kind.AGREEMENT, party=EVERYBODY)
    bench.log.seal(13)
    given = bench.log.opened
    bench.log.opened = lambda after: (given(after)[0][::-1], False)  # type: ignore[method-assign]
    with pytest.raises(PeerUntrusted, match="out of order"):
        bench.check()
    with pytest.raises(PeerUntrusted, match="out of order"):
        bench.verify()


def test_pages_without_end_come_to_an_end(bench: Bench) -> None:
    """`more` without anything in it, and more than is read in one go: what is left is read the next time."""
    bench.log.opened = lambda after: ([], True)  # type: ignore[method-assign]
    assert bench.check().read == 0


def test_what_is_too_much_for_one_go_is_read_in_the_next(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ENTRIES", 10)
    bench.log.page = 4
    nums = [bench.log.enter(Kind.AGREEMENT, party=EVERYBODY) for _ in range(32)]
    bench.log.seal()
    read = [bench.check().read for _ in range(4)]
    assert sum(read) == 32
    assert read[0] < 32
    assert sorted(bench.memory.kept) == nums
    assert bench.peer.position == bench.log.sealed


def test_a_size_without_measure_is_not_held_in_memory(bench: Bench) -> None:
    """A partner can sign any size."""
    bench.check()
    head = TreeHead(2**62, bytes(32))
    bench.log.checkpoint = lambda: bench.log.note(head).encode()  # type: ignore[method-assign]

    def missing(bundle: Bundle) -> bytes:
        raise Unavailable("no such bundle")

    bench.log.bundle = missing  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        bench.verify()


def test_tiles_that_are_not_there_are_an_error_and_no_proof(bench: Bench) -> None:
    """Nothing is held against a partner that only does not answer."""
    bench.check()
    bench.log.seal(16)
    given = bench.log.read

    def fail(tiles: Sequence[Tile]) -> list[bytes]:
        raise Unavailable("the network")

    bench.log.read = fail  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        bench.check()
    bench.log.read = lambda tiles: [one[:-1] for one in given(tiles)]  # type: ignore[method-assign]
    with pytest.raises(TitianError):
        bench.check()
    assert (bench.memory.evidence, bench.peer.broken) == ([], None)
    bench.log.read = given  # type: ignore[method-assign]
    assert bench.check().cosigned


def test_what_broke_off_is_read_the_next_time(bench: Bench) -> None:
    """The head was remembered, and what it opens was not read yet."""
    bench.check()
    num = bench.log.enter(Kind.AGREEMENT, at=START + 1, party=EVERYBODY)
    bench.log.seal(15)
    given = bench.log.opened

    def fail(after: int) -> tuple[list[Opened], bool]:
        raise Unavailable("the network")

    bench.log.opened = fail  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        bench.check()
    assert bench.peer.head == bench.log.head
    bench.log.opened = given  # type: ignore[method-assign]
    assert bench.check().read == 1
    assert list(bench.memory.kept) == [num]


def test_a_clock_that_went_back_breaks_nothing(bench: Bench) -> None:
    bench.check()
    bench.log.seal(16)
    with pytest.raises(Refused, match="clock"):
        bench.check(later=-HOUR)
    assert bench.peer.broken is None
    assert bench.check(later=2 * HOUR).cosigned


def test_another_process_that_was_quicker_wins(bench: Bench) -> None:
    bench.check()
    bench.log.seal(16)
    quicker = msgspec.structs.replace(bench.peer, seen=bench.peer.seen + 1)
    bench.memory.between.append(lambda: bench.memory.peers.update({ORIGIN: quicker}))
    with pytest.raises(Refused, match="Another process"):
        bench.check()
    assert bench.log.cosigned[1:] == []
    assert bench.check().cosigned


def test_what_was_found_out_meanwhile_stays_found_out(bench: Bench) -> None:
    bench.check()
    bench.log.seal(16)
    bench.memory.between.append(lambda: bench.memory.broke(ORIGIN, "a fork", b"{}"))
    with pytest.raises(Refused):
        bench.check()
    with pytest.raises(Refused, match="a fork"):
        bench.check()


# ── submissions ───────────────────────────────────────────────────────────────────────────────────────────────


def submitted(bench: Bench, old: int, note: SignedNote, proof: Sequence[bytes] = ()) -> tuple[Answer, int]:
    answer, line, size = bench.witness.submitted(Submission(old, tuple(proof), note))
    assert (line is None) is (answer is not Answer.COSIGNED)
    if line is not None:
        assert [one.key for one in verify_note(note.signed(line), [COSIGNER])] == [COSIGNER]
        assert bench.peer.head == TreeHead(size, Checkpoint.parse(note.text).root)
    return answer, size


def test_a_witness_cosigns_what_is_submitted(bench: Bench) -> None:
    assert submitted(bench, 0, bench.log.note()) == (Answer.UNKNOWN, 0)
    bench.check()
    bench.log.seal(50)
    proof = consistency_proof(bench.log, 16, 66)
    assert submitted(bench, 15, bench.log.note(), proof) == (Answer.CONFLICT, 16)
    assert submitted(bench, 16, bench.log.note(None, STRANGER), proof) == (Answer.UNSIGNED, 16)
    assert submitted(bench, 16, bench.log.note(), proof[:-1]) == (Answer.UNPROVEN, 16)
    assert submitted(bench, 16, bench.log.note(), proof) == (Answer.COSIGNED, 66)
    assert submitted(bench, 66, bench.log.note()) == (Answer.COSIGNED, 66)
    assert bench.memory.evidence == []
    assert bench.check().cosigned, "what it opens is still to be read"
    assert bench.peer.position == 66


def test_two_roots_of_one_size_break_the_ledger(bench: Bench) -> None:
    bench.check()
    forged = bench.log.note(TreeHead(16, bytes(32)))
    assert submitted(bench, 16, forged) == (Answer.UNPROVEN, 16)
    ((what, body),) = bench.memory.evidence
    assert json.loads(body)["checkpoints"] == [to_base64(bench.log.note().encode()), to_base64(forged.encode())]
    assert "another root" in what
    assert submitted(bench, 16, bench.log.note()) == (Answer.UNKNOWN, 0)


def test_a_race_of_submissions_has_one_winner(bench: Bench) -> None:
    bench.check()
    bench.log.seal(16)
    proof = consistency_proof(bench.log, 16, 32)
    quicker = msgspec.structs.replace(bench.peer, head=TreeHead(20, bytes(32)))
    bench.memory.between.append(lambda: bench.memory.peers.update({ORIGIN: quicker}))
    assert submitted(bench, 16, bench.log.note(), proof) == (Answer.CONFLICT, 20)


# ── the whole ledger ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 15, 16, 255, 256, 257, 512, 700])
def test_a_whole_ledger_holds(bench: Bench, size: int) -> None:
    bench.log.entries.clear()
    bench.log.seal(size // 2)
    bench.check()
    bench.log.enter(Kind.AGREEMENT, party=EVERYBODY)
    bench.log.seal(size - len(bench.log.entries))
    before = bench.log.note(bench.log.tree(size // 3).head).encode() if size > 2 else bench.log.note().encode()
    assert bench.verify(before) is None
    bench.check()
    assert bench.verify(before, bench.log.note().encode(), b"nonsense") is None
    assert bench.memory.evidence == []


@pytest.mark.parametrize("size", [16, 256, 300, 600])
@pytest.mark.parametrize("place", [0, 15, -1])
def test_a_changed_leaf_is_found(bench: Bench, size: int, place: int) -> None:
    bench.log.seal(size - 16)
    bench.check()
    bundle, which = bench.log.bundle, range(size)[place]
    bench.log.bundle = lambda one: (  # type: ignore[method-assign, assignment]
        bundle(one).replace(bench.log.entries[which].leaf, leaf_hash(b"x"))
        if one.index == which // 256
        else bundle(one)
    )
    # Fillers of one salt are all alike: each of them is changed.
    assert bench.verify() is not None
    assert bench.memory.evidence


def test_what_third_parties_hold_is_compared(bench: Bench) -> None:
    bench.check()
    bench.log.seal(16)
    theirs = bench.log.note(TreeHead(20, bytes(32))).encode()
    found = bench.verify(theirs)
    assert found == "A third party was shown another history: its first 20 entries are not these."
    ((_, body),) = bench.memory.evidence
    proof = json.loads(body)
    assert proof["root"] == to_base64(bench.log.tree(20).head.root), "with the proof that this size was another one"


def test_what_third_parties_make_up_is_not(bench: Bench) -> None:
    bench.check()
    for forged in (
        bench.log.note(TreeHead(12, bytes(32)), STRANGER),
        bench.log.note(TreeHead(400, bytes(32)), STRANGER),
    ):
        assert bench.verify(forged.encode()) is None
    assert bench.verify(b"", b"\xff", b"a\n1\n") is None
    assert bench.memory.evidence == []


def test_a_third_party_that_holds_more_than_is_shown(bench: Bench) -> None:
    bench.check()
    more = bench.log.note(TreeHead(32, bytes(32))).encode()
    assert bench.verify(more) == "A third party holds a signed checkpoint of 32 entries; this node is shown 16."


def test_a_ledger_that_is_shorter_is_found(bench: Bench) -> None:
    bench.log.seal(16)
    bench.check()
    bench.log.sealed = 16
    assert bench.verify() == "The ledger has 16 entries, and had 32."


def test_an_entry_that_is_hidden_is_found(bench: Bench) -> None:
    num = bench.log.enter(Kind.AGREEMENT, party=EVERYBODY)
    bench.log.seal(15)
    bench.check()
    bench.log.hidden = {num}
    assert bench.verify() == f"Entry {num} was opened to this node before, and is not any more."


def test_the_last_tiles_are_looked_at(bench: Bench) -> None:
    bench.check()
    read = bench.log.read
    bench.log.read = lambda tiles: [bytes(len(one)) for one in read(tiles)]  # type: ignore[method-assign]
    assert bench.verify() == "The last tiles are not what their entries give."


def test_nothing_is_verified_of_a_checkpoint_that_is_none(bench: Bench) -> None:
    bench.check()
    bench.log.checkpoint = lambda: b"hello"  # type: ignore[method-assign]
    assert bench.verify() is not None
    assert bench.memory.evidence[-1][1] == b"hello"
