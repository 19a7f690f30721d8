"""A node's ledgers on both backends: every entry can be proved, every change is found, and none of them goes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from support.gate import ADMINISTRATOR, Bench, malware, party_id
from titian.core.checkpoint import Checkpoint, cosign, open_checkpoint
from titian.core.entry_proof import check_receipt
from titian.core.errors import InvalidInput, NotFound, Refused
from titian.core.ledger import EVERYBODY, Kind
from titian.core.ledger_report import OwnLedger
from titian.core.merkle import TreeHead, inclusion_flaw, leaf_hash
from titian.core.notes import SignatureType, SignedNote, SignerKey, VerifierKey
from titian.core.signing import witness_name
from titian.core.tlp import Tlp
from titian.store.heads import HeadFile
from titian.store.ledger_desk import LedgerDesk

JAPAN = party_id("japan")
TABLES = ("ledgers", "ledger_entries", "ledger_tiles", "cosignatures")


class Bureau:
    """A bench with an agreement under which something was released, and the desk of its ledgers."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.desk = LedgerDesk(bench.node.store, bench.node.ledgers, HeadFile(bench.node.home))
        self.agreement = bench.agree("jp", JAPAN).id
        self.release("Kestrel", "Goshawk")

    def release(self, *names: str) -> None:
        self.bench.clock.now += 1_000_000
        self.bench.release(*self.bench.hold(*(malware(name, tlp=Tlp.GREEN) for name in names)), to="jp")

    def seal(self) -> OwnLedger:
        """Seal everything; the agreement's ledger after that."""
        self.bench.clock.now += 1_000_000
        assert [one.halted for one in self.bench.node.ledgers.seal_all() if one.halted] == []
        return self.desk.find(self.agreement)

    def run(self, sql: str, *parameters: object) -> int:
        """What somebody does who has the database."""
        with self.bench.node.store.writing() as tx:
            return tx.run(sql, *parameters)

    def num(self) -> int:
        return int(self.all("SELECT num FROM ledgers WHERE agreement = ?", self.agreement)[0][0])

    def all(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.bench.node.store.reading() as tx:
            return tx.all(sql, *parameters)

    def snapshot(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table: self.all(f"SELECT * FROM {table}") for table in TABLES}

    def roll_back(self, to: dict[str, list[tuple[Any, ...]]]) -> None:
        """Put the ledgers back as they were: what an older database would hold."""
        with self.bench.node.store.writing() as tx:
            for table, rows in to.items():
                tx.run(f"DELETE FROM {table}")
                for row in rows:
                    tx.run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)

    def witness(self, seed: int = 7) -> SignerKey:
        return SignerKey(witness_name(JAPAN), SignatureType.COSIGNATURE, bytes([seed]) * 32)

    def cosigned(self, seed: int = 7) -> SignedNote:
        """The checkpoint of the agreement's ledger, cosigned by Japan and heard."""
        found = self.desk.published(self.agreement)
        signer = self.witness(seed)
        note = found.note.signed(cosign(found.note, signer, self.bench.clock() // 1_000_000))
        assert self.bench.node.ledgers.hear(found.ledger.id, note, signer.key, JAPAN)
        return note


@pytest.fixture
def bureau(new_bench: Callable[[], Bench]) -> Bureau:
    return Bureau(new_bench())


# ── proving ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_entry_can_be_proved_with_nothing_but_the_key(bureau: Bureau) -> None:
    for round in range(18):
        bureau.release(f"Bird {round}")
    ledger = bureau.seal()
    keys = bureau.desk.log_keys(ledger.origin)
    assert ledger.head.size > 16
    for opened in bureau.desk.entries(ledger.origin, limit=1000):
        proof = bureau.desk.prove(bureau.agreement, opened.num)
        found = check_receipt(type(proof).parse(proof.encode()), keys)
        assert (found.index, found.opened, found.leaf) == (opened.num, opened, opened.leaf)
        assert inclusion_flaw(proof.hashes, leaf=leaf_hash(opened.leaf), index=opened.num, head=ledger.head) is None
        assert len(proof.encode()) <= 2000


def test_a_closed_receipt_says_nothing_of_the_entry(bureau: Bureau) -> None:
    ledger = bureau.seal()
    (one,) = bureau.desk.entries(ledger.origin, after=1, limit=1)
    proof = bureau.desk.prove(bureau.agreement, 1, closed=True)
    assert one.payload not in proof.extra
    assert one.salt not in proof.extra
    found = check_receipt(proof, bureau.desk.log_keys(ledger.origin))
    assert (found.opened, found.leaf) == (None, one.leaf)


def test_a_receipt_that_was_changed_does_not_hold(bureau: Bureau) -> None:
    ledger = bureau.seal()
    keys = bureau.desk.log_keys(ledger.origin)
    proof = bureau.desk.prove(bureau.agreement, 1)
    other = bureau.desk.prove(bureau.agreement, 2)
    make = type(proof)
    for wrong in (
        make(proof.index, proof.hashes, proof.note, other.extra),
        make(2, proof.hashes, proof.note, proof.extra),
        make(proof.index, proof.hashes[:-1], proof.note, proof.extra),
        make(proof.index, (bytes(32), *proof.hashes[1:]), proof.note, proof.extra),
        make(proof.index, proof.hashes, proof.note.__class__(
            Checkpoint(ledger.origin, 16, bytes(32)).text, proof.note.signatures), proof.extra),
    ):  # fmt: skip
        with pytest.raises(Refused):
            check_receipt(wrong, keys)
    for nothing in (b"", b"\xc1", b"\x80", proof.extra[:-1]):
        with pytest.raises(InvalidInput, match="does not say which entry"):
            check_receipt(make(proof.index, proof.hashes, proof.note, nothing), keys)
    stranger = SignerKey(ledger.origin, SignatureType.ED25519, bytes(range(32))).key
    with pytest.raises(Refused):
        check_receipt(proof, [stranger])
    assert check_receipt(proof, keys).opened is not None


def test_what_is_not_sealed_is_sealed_before_it_is_proved(bureau: Bureau) -> None:
    before = bureau.desk.find(bureau.agreement)
    assert before.head.size < before.size
    proof = bureau.desk.prove(bureau.agreement, before.size - 1)
    assert proof.checkpoint.size == bureau.desk.find(bureau.agreement).head.size > before.head.size
    bureau.release("Merlin")
    bureau.bench.node.ledgers.halt(bureau.num(), "somebody said so")
    last = bureau.desk.find(bureau.agreement).size - 1
    with pytest.raises(Refused, match="somebody said so"):
        bureau.desk.prove(bureau.agreement, last)
    with pytest.raises(NotFound, match="no entry"):
        bureau.desk.prove(bureau.agreement, last + 1)


def test_a_ledger_is_found_by_what_people_call_it(bureau: Bureau) -> None:
    ledger = bureau.seal()
    for name in (bureau.agreement, ledger.origin, ledger.id, ledger.id[:8], ledger.origin[:-4]):
        assert bureau.desk.find(name).origin == ledger.origin
    assert bureau.desk.find("private").agreement is None
    for wrong in ("", "nothing", ledger.origin[:10], ledger.id[1:]):
        with pytest.raises(NotFound, match="ledger"):
            bureau.desk.find(wrong)


# ── checking ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ledger_that_nobody_touched_holds(bureau: Bureau) -> None:
    bureau.seal()
    bureau.cosigned()
    read: list[int] = []
    found = bureau.desk.audit_all(read.append)
    assert [(one.damage, one.holds, one.evidence) for one in found] == [(None, True, None)] * 2
    assert sum(read) == sum(one.ledger.head.size for one in found)
    (agreed,) = (one for one in found if one.ledger.agreement == bureau.agreement)
    assert [(one.name, one.size) for one in agreed.cosigned] == [(witness_name(JAPAN), agreed.ledger.head.size)]


CHANGES = {
    "an entry says something else": (
        "UPDATE ledger_entries SET payload = ? WHERE ledger = ? AND num = 1", (b'{"kind":"act","at":1}',), 1,
    ),
    "an entry has another salt": ("UPDATE ledger_entries SET salt = ? WHERE ledger = ? AND num = 2", (bytes(32),), 2),
    "an entry is gone": ("DELETE FROM ledger_entries WHERE num = ? AND ledger = ?", (1,), 1),
    "a tile is gone": ("DELETE FROM ledger_tiles WHERE level = ? AND ledger = ?", (0,), None),
    "a bundle is gone": ("DELETE FROM ledger_tiles WHERE level = ? AND ledger = ?", (-1,), None),
    "a tile says something else": (
        "UPDATE ledger_tiles SET data = ? WHERE ledger = ? AND level = 0", (bytes(512),), None,
    ),
    "the root is another": ("UPDATE ledgers SET root = ? WHERE num = ?", (bytes(32),), None),
    "the checkpoint is gone": ("UPDATE ledgers SET checkpoint = ? WHERE num = ?", (None,), None),
    "the checkpoint is not ours": ("UPDATE ledgers SET checkpoint = ? WHERE num = ?", (b"nonsense",), None),
    "it is shorter": ("UPDATE ledgers SET sealed = ? WHERE num = ?", (1,), None),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "values", "entry"), CHANGES.values(), ids=CHANGES)
def test_whatever_is_changed_is_found_and_kept_and_nothing_is_signed_over_it(
    bureau: Bureau, sql: str, values: tuple[object, ...], entry: int | None
) -> None:
    bureau.seal()
    assert bureau.run(sql, *values, bureau.num()) > 0
    (found,) = (one for one in bureau.desk.audit_all() if one.damage is not None)
    assert (found.ledger.agreement, found.holds, found.ledger.halted) == (bureau.agreement, False, found.damage)
    if entry is not None:
        assert found.entry == entry
    assert found.evidence is not None
    assert str(found.damage).encode() in bureau.desk.evidence(found.evidence)
    bureau.release("Merlin")
    signed = bureau.desk.find(bureau.agreement).signed
    bureau.bench.node.ledgers.seal_all()
    assert bureau.desk.find(bureau.agreement).signed == signed
    with pytest.raises(Refused, match="damaged"):
        bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "never mind")


def test_two_entries_that_changed_places_are_found(bureau: Bureau) -> None:
    bureau.seal()
    num = bureau.num()
    bureau.run("UPDATE ledger_entries SET num = -1 WHERE ledger = ? AND num = 1", num)
    bureau.run("UPDATE ledger_entries SET num = 1 WHERE ledger = ? AND num = 2", num)
    bureau.run("UPDATE ledger_entries SET num = 2 WHERE ledger = ? AND num = -1", num)
    (found,) = (one for one in bureau.desk.audit_all() if one.damage)
    assert found.entry in {1, 2}


def test_a_proof_is_kept_once(bureau: Bureau) -> None:
    bureau.seal()
    bureau.run("UPDATE ledgers SET root = ? WHERE num = ?", bytes(32), bureau.num())
    first = [one.evidence for one in bureau.desk.audit_all()]
    assert [one.evidence for one in bureau.desk.audit_all()] == first
    with pytest.raises(NotFound):
        bureau.desk.evidence(99)


def test_what_is_signed_while_it_is_read_is_no_damage(bureau: Bureau) -> None:
    bureau.seal()

    def more() -> None:
        bureau.release(f"Bird {bureau.bench.clock()}")
        bureau.seal()

    def meanwhile(count: int) -> None:
        other = threading.Thread(target=more)
        other.start()
        other.join()

    assert [one.damage for one in bureau.desk.audit_all(meanwhile)] == [None, None]


# ── a database from yesterday ─────────────────────────────────────────────────────────────────────────────────


def test_one_that_went_back_is_closed_and_another_goes_on(bureau: Bureau) -> None:
    old = bureau.seal()
    yesterday = bureau.snapshot()
    for round in range(17):
        bureau.release(f"Bird {round}")
    signed = bureau.seal()
    bureau.roll_back(yesterday)
    bureau.release("After the restore")
    found = {one.ledger.agreement: one for one in bureau.desk.audit_all()}
    assert "has signed" in str(found[bureau.agreement].damage)
    waiting = bureau.desk.find(bureau.agreement)
    done = bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "restored from Monday")
    assert done.successor is not None
    assert (done.lost, done.ledger.closed is None) == (signed.head.size - old.head.size, False)
    after = bureau.seal()
    assert (after.origin, after.agreement) == (done.successor.origin, bureau.agreement)
    assert after.origin != old.origin
    first, *rest = bureau.desk.entries(after.origin, limit=1000)
    said = first.entry
    assert (said.kind, said.party) == (Kind.ACT, EVERYBODY)
    assert said.details["continues"] == old.origin
    assert (said.details["at"], said.details["root"]) == (old.head.size, old.head.root.hex())
    assert (said.details["lost"], said.details["why"]) == (done.lost, "restored from Monday")
    went_over = [one.entry for one in bureau.desk.entries(old.origin, after=old.head.size, limit=1000)]
    assert len(went_over) == waiting.size - waiting.head.size == done.carried
    carried = [one.entry for one in rest][: done.carried]
    assert [one.kind for one in carried] == [one.kind for one in went_over]
    assert [one.details["entered"] for one in carried] == [one.at for one in went_over]
    bureau.desk.resume(ADMINISTRATOR, "private", "restored from Monday")
    assert all(one.holds for one in bureau.desk.audit_all()), "what is closed is known to be behind"


def test_the_private_one_goes_on_too_and_holds_the_act(bureau: Bureau) -> None:
    bureau.seal()
    yesterday = bureau.snapshot()
    bureau.release("Merlin")
    bureau.seal()
    bureau.roll_back(yesterday)
    done = bureau.desk.resume(ADMINISTRATOR, "private", "restored from Monday")
    assert done.successor is not None
    entries = [one.entry for one in bureau.desk.entries("private")]
    assert entries[0].details["continues"] == done.ledger.origin
    assert entries[0].party is None
    assert entries[-1].details["act"] == "resume-ledger"
    assert [one.agreement for one in bureau.desk.list() if one.closed is None].count(None) == 1


def test_what_a_witness_cosigned_counts_without_the_file(bureau: Bureau) -> None:
    bureau.seal()
    yesterday = bureau.snapshot()
    for round in range(17):
        bureau.release(f"Bird {round}")
    bureau.seal()
    note = bureau.cosigned()
    bureau.roll_back(yesterday)
    HeadFile(bureau.bench.node.home).path.unlink()
    assert all(one.holds for one in bureau.desk.audit_all()), "nothing here tells of it"
    bureau.bench.node.ledgers.halt(bureau.num(), "restored")
    done = bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "restored", shown=[note.encode()])
    assert done.successor is not None
    assert done.lost > 0


def test_what_a_partner_showed_when_it_cosigned_counts(bureau: Bureau) -> None:
    bureau.seal()
    yesterday = bureau.snapshot()
    for round in range(17):
        bureau.release(f"Bird {round}")
    bureau.seal()
    note = bureau.cosigned()
    bureau.roll_back(yesterday)
    HeadFile(bureau.bench.node.home).path.unlink()
    ledger = bureau.desk.find(bureau.agreement)
    assert not bureau.bench.node.ledgers.hear(ledger.id, note, bureau.witness().key, JAPAN), "it halts"
    done = bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "so it is")
    assert done.successor is not None
    assert done.lost == Checkpoint.parse(note.text).size - ledger.head.size


def test_one_that_is_not_behind_just_goes_on(bureau: Bureau) -> None:
    ledger = bureau.seal()
    with pytest.raises(Refused, match="not halted"):
        bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "why not")
    bureau.bench.node.ledgers.halt(bureau.num(), "restored, maybe")
    bureau.release("Merlin")
    with pytest.raises(InvalidInput):
        bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "  ")
    done = bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "the partners hold nothing newer")
    assert (done.successor, done.ledger.halted) == (None, None)
    after = bureau.seal()
    assert (after.origin, after.head.size > ledger.head.size) == (ledger.origin, True)
    (act,) = bureau.bench.node.acts.list(acts={"resume-ledger"})
    assert (act.person, act.why) == (ADMINISTRATOR.id, "the partners hold nothing newer")


def test_one_whose_heads_are_forgotten_goes_on_once_a_person_says_so(bureau: Bureau) -> None:
    bureau.seal()
    HeadFile(bureau.bench.node.home).path.unlink()
    bureau.release("Merlin")
    bureau.bench.node.ledgers.seal_all()
    assert bureau.desk.find(bureau.agreement).halted is not None
    for reference in ("private", bureau.agreement):
        bureau.desk.resume(ADMINISTRATOR, reference, "the file was lost with the disk; the partners hold nothing newer")
    after = bureau.seal()
    assert (after.halted, after.size) == (None, after.head.size)


def test_a_person_may_close_one_that_nothing_here_speaks_against(bureau: Bureau) -> None:
    bureau.seal()
    done = bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "a partner called", anew=True)
    assert (done.successor is None, done.lost) == (False, 0)
    with pytest.raises(Refused, match="closed"):
        bureau.desk.resume(ADMINISTRATOR, done.ledger.origin, "again")


def test_a_damaged_one_is_closed_only_by_force(bureau: Bureau) -> None:
    bureau.seal()
    bureau.run("UPDATE ledger_entries SET salt = ? WHERE ledger = ? AND num = 1", bytes(32), bureau.num())
    with pytest.raises(Refused, match="damaged") as refused:
        bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "go on")
    assert "--force" in str(refused.value)
    done = bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "no backup is whole", force=True)
    assert done.successor is not None
    bureau.seal()
    found = bureau.desk.audit_all()
    assert all(one.holds for one in found)
    assert [one.damage is None for one in found if one.ledger.closed] == [False], "it stays told"


def test_a_checkpoint_of_something_else_is_no_word_on_this_one(bureau: Bureau) -> None:
    bureau.seal()
    bureau.bench.node.ledgers.halt(bureau.num(), "restored")
    private = bureau.desk.published("private").note.encode()
    with pytest.raises(Refused, match="another ledger"):
        bureau.desk.resume(ADMINISTRATOR, bureau.agreement, "x", shown=[private])
    assert bureau.desk.find(bureau.agreement).halted == "restored"


# ── checkpoints and witnesses ─────────────────────────────────────────────────────────────────────────────────


def test_a_checkpoint_bears_the_cosignatures(bureau: Bureau) -> None:
    ledger = bureau.seal()
    bureau.cosigned()
    (key,) = bureau.desk.current_keys(bureau.agreement)
    witness = bureau.witness().key
    found = open_checkpoint(bureau.desk.published(bureau.agreement).note.encode(), key, [witness])
    assert TreeHead(found.checkpoint.size, found.checkpoint.root) == ledger.head
    assert found.time(witness) == bureau.bench.clock() // 1_000_000


def test_the_first_key_of_a_partner_is_taken_and_another_only_by_a_person(bureau: Bureau) -> None:
    bureau.seal()
    bureau.cosigned()
    (one,) = bureau.desk.witnesses()
    assert (one.key, one.party) == (bureau.witness().key, JAPAN)
    assert set(one.cosigned) == {bureau.desk.find(bureau.agreement).origin}
    with pytest.raises(Refused, match="another witness key"):
        bureau.cosigned(8)
    bureau.desk.add_witness(ADMINISTRATOR, str(bureau.witness(8).key), party=JAPAN)
    bureau.cosigned(8)
    with pytest.raises(InvalidInput, match="2 keys"):
        bureau.desk.remove_witness(ADMINISTRATOR, witness_name(JAPAN))
    bureau.desk.remove_witness(ADMINISTRATOR, str(bureau.witness(7).key))
    assert [each.key for each in bureau.desk.witnesses()] == [bureau.witness(8).key]
    with pytest.raises(Refused):
        bureau.cosigned(7)
    assert [act.act for act in bureau.bench.node.acts.list(limit=2)] == ["remove-witness", "add-witness"]


def test_what_is_no_key_of_a_witness_is_not_taken(bureau: Bureau) -> None:
    log = SignerKey("log.example", SignatureType.ED25519, bytes(range(32))).key
    assert isinstance(log, VerifierKey)
    for wrong in (str(log), "nonsense", ""):
        with pytest.raises(InvalidInput):
            bureau.desk.add_witness(ADMINISTRATOR, wrong)
    with pytest.raises(InvalidInput, match="address"):
        bureau.desk.add_witness(ADMINISTRATOR, str(bureau.witness().key), url="https://a b/")
    with pytest.raises(NotFound):
        bureau.desk.remove_witness(ADMINISTRATOR, "nobody")
    assert bureau.desk.witnesses() == []
