"""Two nodes and a stick: everything arrives, in order or late; whatever does not fit is refused and says why."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest

from support.bundles import ANALYST, JAPAN, RUSSIA, SEEDS, Post, Two, public
from support.gate import AUDITOR, BY, NOW, OWN, malware
from titian.core.bundle import Counts, Kind, Receipt, Received
from titian.core.bundling import Correspondent
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused, TitianError, UnreadableFile
from titian.core.ledger import digest_of
from titian.core.party import Party, PartyKind
from titian.core.tlp import Tlp

DAY = 86_400_000_000


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    yield made
    made.close()


def numbers(post: Post, *, outgoing: bool) -> list[tuple[int, str]]:
    return [(one.number, one.kind.value) for one in post.bundles.list() if one.outgoing is outgoing]


# ── there and back ────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_sealed_arrives_to_the_byte_and_is_receipted(two: Two) -> None:
    served = two.release("Kestrel", "Heron")
    two.clock.now += 1
    told = two.theirs.open(two.ours.seal()[JAPAN])
    assert two.theirs.judge.had == served
    assert two.theirs.judge.calls[0][:2] == (OWN, two.pact)
    assert told.bundle.counts == Counts(len(served), 0, 0)
    assert (told.missing, told.findings) == ((), ())
    (before,) = two.ours.bundles.list()
    assert before.receipted is None
    back = two.ours.open(two.theirs.back)
    assert (back.bundle.kind, back.findings, back.receipt) == (Kind.RECEIPT, (), None)
    after = next(one for one in two.ours.bundles.list() if one.outgoing)
    assert (after.receipted, after.counts) == (two.clock.now, told.bundle.counts)


def test_each_bundle_brings_what_is_new_and_no_more(two: Two) -> None:
    first = two.theirs.plain(two.sealed("Kestrel"))[1]
    second = two.theirs.plain(two.sealed("Heron"))[1]
    assert first + second == two.served()
    assert set(first).isdisjoint(second)
    assert two.ours.seal() == {}, "nothing new, no file, no number"
    assert numbers(two.ours, outgoing=True) == [(1, "objects"), (2, "objects")]


def test_only_what_was_released_to_a_party_is_in_its_file(two: Two) -> None:
    bench = two.ours.bench
    two.release("Kestrel")
    bench.hold(malware("Ibis", tlp=Tlp.RED), malware("Stork", tlp=Tlp.GREEN))
    bench.agree("wide", JAPAN, RUSSIA)
    ids = bench.hold(malware("Crane", tlp=Tlp.GREEN))
    bench.release(*ids, to="wide", parties=["russia"])
    _, objects = two.theirs.plain(two.ours.seal()[JAPAN])
    assert objects == two.served()
    assert not any(word in raw for raw in objects for word in (b"Ibis", b"Stork", b"Crane"))


def test_a_delivery_is_in_the_ledger_before_a_byte_is_in_the_file(two: Two) -> None:
    served = two.release("Kestrel")

    class Watched(io.BytesIO):
        def write(self, data: Any) -> int:
            assert len(two.ours.deliveries(two.pact)) == 1, "law 8"
            return super().write(data)

    @contextmanager
    def outlet(one: Party, several: bool) -> Iterator[BinaryIO]:
        assert (one.id, several) == (JAPAN, False)
        yield Watched()

    (told,) = two.ours.bundles.seal(ANALYST, "pact", outlet)
    assert told.bundle is not None
    (entry,) = (one.entry for one in two.ours.deliveries(two.pact))
    assert entry.party == JAPAN
    details = entry.details
    assert (details["view"], details["number"], details["count"]) == ("bundle", 1, len(served))
    assert details["digest"] == digest_of(served).hex()
    assert details["cover"] == told.bundle.cover.hex()
    assert (details["first"], details["last"]) == (NOW, NOW + len(served) - 1)
    (act,) = two.ours.bench.node.acts.list(acts=["seal bundle"])
    assert (act.person, act.details["number"]) == (ANALYST.id, 1)


@pytest.mark.parametrize("objects_at_once", [1, 2, 1000])
def test_a_full_bundle_leaves_the_rest_for_the_next(
    two: Two, monkeypatch: pytest.MonkeyPatch, objects_at_once: int
) -> None:
    monkeypatch.setattr("titian.store.bundles._PAGE", objects_at_once)
    monkeypatch.setattr("titian.exchange.bundle_seal.MOST_OBJECTS", 2)
    served = two.release(*(f"Bird {n}" for n in range(4)))
    for _ in range(9):
        files = two.ours.seal()
        if not files:
            break
        assert two.theirs.open(files[JAPAN]).missing == ()
        if not two.ours.told[0].more:
            break
    assert two.theirs.judge.had == served


def test_it_goes_back_the_same_way(two: Two) -> None:
    two.theirs.open(two.sealed("Kestrel"))
    bench = two.theirs.bench
    bench.node.collections.add("Reports")
    ids = bench.hold(malware("Seen in Tokyo", by=JAPAN, tlp=Tlp.GREEN))
    bench.release(*ids, to="pact")
    two.clock.now += 1
    file = two.theirs.seal()[OWN]
    cover, objects = two.ours.plain(file)
    assert (cover.number, cover.acknowledges) == (2, 1), "number 1 of that direction is the receipt"
    told = two.ours.open(file)
    assert two.ours.judge.had == objects
    assert told.missing == (), "number 1 is not there, but it held nothing else: this one begins where all begins"
    assert next(one for one in two.ours.bundles.list() if one.outgoing and one.kind is Kind.OBJECTS).receipted


# ── replays, gaps, late ones ──────────────────────────────────────────────────────────────────────────────────


def test_the_same_bundle_again_changes_nothing(two: Two) -> None:
    file = two.sealed("Kestrel")
    first = two.theirs.open(file)
    two.clock.now += DAY
    again = two.theirs.open(file)
    assert (again.again, again.bundle) == (first.bundle.done, first.bundle)
    assert (len(two.theirs.judge.calls), two.theirs.back, two.theirs.evidence()) == (1, b"", [])
    assert two.theirs.open(file, again=True).receipt is not None, "for a receipt that got lost"


def test_a_gap_is_told_until_it_is_filled(two: Two) -> None:
    files = [two.sealed(name) for name in ("Kestrel", "Heron", "Ibis")]
    assert two.theirs.open(files[0]).missing == ()
    assert two.theirs.open(files[2]).missing == (2,)
    receipt = two.theirs.back
    assert "seal --since 2" in two.ours.open(receipt).findings[0]
    assert two.theirs.open(files[1]).missing == ()
    assert sorted(two.theirs.judge.had) == sorted(two.served())


def test_what_got_lost_is_sealed_again_under_a_new_number(two: Two) -> None:
    files = [two.sealed(name) for name in ("Kestrel", "Heron", "Ibis")]
    two.theirs.open(files[0])
    two.theirs.open(files[2])
    anew = two.ours.seal(since=2)[JAPAN]
    told = two.theirs.open(anew)
    assert (told.bundle.number, told.missing) == (4, ())
    assert told.bundle.counts is not None
    assert told.bundle.counts.known == 1, "what number 3 had brought"
    assert sorted(two.theirs.judge.had) == sorted(two.served())


def test_a_number_far_ahead_is_refused(two: Two) -> None:
    file = two.ours.forge(two.theirs.sealing.recipient, addressee=JAPAN, agreement=two.pact, number=2**40,
                          previous=bytes(32))  # fmt: skip
    with pytest.raises(Refused, match="long after"):
        two.theirs.open(file)
    assert two.theirs.bundles.list() == []


# ── two histories ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"number": 1, "previous": None, "created": 5}, "another bundle of that number"),
        ({"number": 2, "previous": bytes(32)}, "does not follow on number 1"),
        ({"number": 2, "id": "taken"}, "identifier is that of another"),
    ],
    ids=["same number", "another chain", "same identifier"],
)
def test_a_fork_is_refused_and_the_proof_is_kept(two: Two, changes: dict[str, Any], says: str) -> None:
    opened = two.theirs.open(two.sealed("Kestrel")).bundle
    if changes.get("id") == "taken":
        changes = {"number": 2, "id": opened.id, "previous": opened.cover}
    fork = two.ours.forge(two.theirs.sealing.recipient, addressee=JAPAN, agreement=two.pact, **changes)
    with pytest.raises(Refused, match=says):
        two.theirs.open(fork)
    assert len(two.theirs.judge.calls) == 1
    (proof,) = two.theirs.evidence()
    assert proof[0] == f"titian-{OWN.partition('--')[2]}/bundle"
    assert proof[2] == [opened.note.decode(), two.theirs.insides(fork)[0].decode()], "both covers, signed"
    with pytest.raises(Refused):
        two.theirs.open(fork)
    assert len(two.theirs.evidence()) == 1, "once"
    assert two.theirs.open(two.sealed("Heron")).missing == (), "the true stream goes on"


def test_a_late_one_that_does_not_lead_to_what_came_after_is_a_fork(two: Two) -> None:
    files = [two.sealed(name) for name in ("Kestrel", "Heron", "Ibis")]
    first = two.theirs.open(files[0]).bundle
    two.theirs.open(files[2])
    fork = two.ours.forge(two.theirs.sealing.recipient, addressee=JAPAN, agreement=two.pact, number=2,
                          previous=first.cover)  # fmt: skip
    with pytest.raises(Refused, match="does not follow on it"):
        two.theirs.open(fork)
    assert two.theirs.open(files[1]).missing == ()


def forget(post: Post, number: int) -> None:
    """What a backup of before a number does."""
    with post.bench.node.store.writing() as tx:
        tx.run("DELETE FROM bundles WHERE num >= ? AND outgoing = ?", number, True)


def test_a_node_that_went_back_learns_it_from_a_receipt(two: Two) -> None:
    for name in ("Kestrel", "Heron"):
        two.theirs.open(two.sealed(name))
    forget(two.ours, 2)
    (finding,) = two.ours.open(two.theirs.back).findings
    assert "knows nothing of it" in finding
    assert len(two.ours.evidence()) == 1
    with pytest.raises(Refused, match="knows nothing"):
        two.sealed("Ibis")
    told = two.theirs.open(two.ours.seal(resume=True)[JAPAN])
    assert (told.bundle.number, told.missing) == (3, ())
    assert sorted(two.theirs.judge.had) == sorted(two.served())
    assert two.theirs.evidence() == []


def test_a_receipt_for_another_bundle_than_ours_is_found(two: Two) -> None:
    two.sealed("Kestrel")
    receipt = Receipt((Received(1, bytes(32).hex(), NOW, Counts(1, 0, 0)),))
    file = two.theirs.forge(two.ours.sealing.recipient, objects=[receipt.encode()], kind="receipt", first=0, last=0,
                            addressee=OWN, agreement=two.pact)  # fmt: skip
    (finding,) = two.ours.open(file).findings
    assert "another number 1 than this node sealed" in finding
    assert len(two.ours.evidence()) == 1
    assert next(one for one in two.ours.bundles.list() if one.outgoing).receipted is None


# ── who, for whom, under what ─────────────────────────────────────────────────────────────────────────────────


def refused(two: Two, file: bytes, says: str, kind: type[TitianError] = Refused) -> None:
    """Nothing of it is used, and nothing is remembered."""
    with pytest.raises(kind, match=says):
        two.theirs.open(file)
    assert (two.theirs.judge.calls, two.theirs.bundles.list(), two.theirs.back) == ([], [], b"")


def test_a_bundle_for_somebody_else_does_not_open(two: Two) -> None:
    other = two.ours.forge(two.ours.sealing.recipient, addressee=JAPAN, agreement=two.pact)
    refused(two, other, "not for this node")


def test_a_bundle_that_its_addressee_passed_on_is_refused(two: Two) -> None:
    # Signed by us for Russia, and encrypted anew for Japan by Russia: only what is signed tells.
    note, payload = two.theirs.insides(two.ours.forge(two.theirs.sealing.recipient, addressee=RUSSIA,
                                                      agreement=two.pact))  # fmt: skip
    refused(two, two.theirs.reseal(note, payload, two.theirs.sealing.recipient), "was sealed for identity--")


def forged(two: Two, **changes: Any) -> bytes:
    return two.ours.forge(two.theirs.sealing.recipient, **{"addressee": JAPAN, "agreement": two.pact, **changes})


def test_a_sender_without_a_card_is_refused(two: Two) -> None:
    two.theirs.cards.clear()
    refused(two, forged(two), "whose keys are not known here")


def test_an_unknown_key_is_refused(two: Two) -> None:
    refused(two, forged(two, seed=bytes([9]) * 32), "is not signed by")


def test_a_compromised_key_is_refused(two: Two) -> None:
    known = two.theirs.cards[OWN]
    two.theirs.cards[OWN] = Correspondent(OWN, (public(bytes([8]) * 32),), known.keys, known.recipient)
    refused(two, forged(two), "declared compromised")


def test_the_key_of_one_party_does_not_speak_for_another(two: Two) -> None:
    # Russia signs what says that it is from us.
    refused(two, forged(two, seed=SEEDS[RUSSIA]), "is not signed by")
    two.theirs.cards[RUSSIA] = Correspondent(RUSSIA, (public(SEEDS[RUSSIA]),))
    two.theirs.bench.node.agreements.add_party(Party(id=RUSSIA, name="Russia", kind=PartyKind.AGENCY), BY)
    ours, two.ours.own = two.ours.own, RUSSIA
    file = forged(two, seed=SEEDS[RUSSIA])
    two.ours.own = ours
    refused(two, file, "not in force between this node and Russia")


def test_an_agreement_that_nobody_knows_here_is_refused(two: Two) -> None:
    refused(two, forged(two, agreement="agreement--7d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"), "not known here")


def test_an_agreement_that_has_ended_here_carries_nothing(two: Two) -> None:
    file = two.sealed("Kestrel")
    two.theirs.bench.node.agreements.end("pact", BY)
    two.clock.now += DAY
    refused(two, file, "not in force")


def test_an_agreement_that_has_ended_seals_nothing(two: Two) -> None:
    two.release("Kestrel")
    two.ours.bench.node.agreements.end("pact", BY)
    two.clock.now += DAY
    with pytest.raises(Refused, match="Nobody receives"):
        two.ours.seal()
    assert two.ours.bundles.list() == []


def test_what_is_sealed_here_is_not_opened_here(two: Two) -> None:
    note, payload = two.theirs.insides(forged(two))
    with pytest.raises(Refused, match="sealed by this node"):
        two.ours.open(two.ours.reseal(note, payload, two.ours.sealing.recipient))


@pytest.mark.parametrize("verb", ["seal", "open"])
def test_who_may_not_does_not(two: Two, verb: str) -> None:
    file = two.sealed("Kestrel")
    bundles = two.ours.bundles
    do: dict[str, Callable[[], object]] = {
        "seal": lambda: bundles.seal(AUDITOR, "pact", lambda one, several: pytest.fail("opened")),
        "open": lambda: bundles.open(AUDITOR, io.BytesIO(file)),
    }
    with pytest.raises(Forbidden):
        do[verb]()


def test_without_a_card_nothing_is_sealed(two: Two) -> None:
    two.release("Kestrel")
    two.ours.cards.clear()
    with pytest.raises(NotFound, match="Japan"):
        two.ours.seal()
    two.ours.cards[JAPAN] = Correspondent(JAPAN, (), recipient="age1nothing")
    with pytest.raises(InvalidInput, match="recipient"):
        two.ours.seal()
    assert two.ours.bundles.list() == []


# ── damage ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["cut", "flipped", "added"])
def test_what_was_damaged_on_its_way_is_refused(two: Two, how: str) -> None:
    file = two.sealed("Kestrel")
    damaged = {"cut": file[:-20], "flipped": file[:-1] + bytes([file[-1] ^ 1]), "added": file + b"x"}[how]
    refused(two, damaged, "cut off or changed")


def test_another_file_is_refused(two: Two) -> None:
    refused(two, b'{"type":"bundle"}', "not a sealed bundle", UnreadableFile)


def test_an_age_file_that_is_no_bundle_is_refused(two: Two) -> None:
    refused(two, two.ours.reseal(b"", b"", two.theirs.sealing.recipient), "no cover", UnreadableFile)
    out = io.BytesIO()
    two.ours.sealing.seal(b"\xff\xff\xff\xffsome text", io.BytesIO(), out, two.theirs.sealing.recipient)
    refused(two, out.getvalue(), "no cover", UnreadableFile)


def test_a_payload_that_was_exchanged_is_refused(two: Two) -> None:
    # Whoever can open it can seal it again with another payload: the cover says which one belongs to it.
    note, _ = two.theirs.insides(two.sealed("Kestrel"))
    spool = io.BytesIO()
    two.ours.sealing.pack([b"\0\0\0\x02{}"], spool)
    file = two.theirs.reseal(note, spool.getvalue(), two.theirs.sealing.recipient)
    refused(two, file, "not what its sender signed")


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"count": 2}, "less than its cover"), ({"size": 15}, "more than its cover"),
     ({"size": 30}, "less than its cover"), ({"packed": b"nothing of the kind"}, "cannot be unpacked")],
    ids=["count", "smaller", "larger", "not packed"],
)  # fmt: skip
def test_a_signed_bundle_that_holds_something_else_is_refused(two: Two, changes: dict[str, Any], says: str) -> None:
    refused(two, forged(two, **changes), says, TitianError)


def test_a_bomb_is_refused_before_it_goes_off(two: Two) -> None:
    spool = io.BytesIO()
    two.ours.sealing.pack((bytes(1 << 20) for _ in range(32)), spool)
    refused(two, forged(two, packed=spool.getvalue(), size=1000), "more than its cover", TitianError)


def test_the_sender_is_told_nothing_new_by_a_refusal(two: Two) -> None:
    refused(two, forged(two, count=2), "less", TitianError)
    assert two.theirs.bench.node.acts.list(acts=["open bundle"]) == []


# ── cut off in the middle ─────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_was_never_whole_is_made_good_by_the_next(two: Two) -> None:
    served = two.release("Kestrel")

    @contextmanager
    def full(one: Party, several: bool) -> Iterator[BinaryIO]:
        yield io.BytesIO()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        two.ours.bundles.seal(ANALYST, "pact", full)
    assert [one.done for one in two.ours.bundles.list()] == [None]
    file = two.ours.seal()[JAPAN]
    told = two.theirs.open(file)
    assert (told.bundle.number, told.missing) == (2, ()), "its number is never used again"
    assert two.theirs.judge.had == served


def test_an_opening_that_was_cut_off_goes_on(two: Two) -> None:
    file = two.sealed("Kestrel", "Heron")
    two.theirs.judge.fails_after = 1
    with pytest.raises(OSError, match="cut off"):
        two.theirs.open(file)
    assert [one.done for one in two.theirs.bundles.list()] == [None]
    two.theirs.judge.fails_after = None
    told = two.theirs.open(file)
    assert told.bundle.counts == Counts(len(two.served()) - 1, 1, 0)
    assert sorted(two.theirs.judge.had) == sorted(two.served())


def test_what_is_taken_back_while_it_is_packed_does_not_go(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    two.release("Kestrel", "Heron")
    bench = two.ours.bench
    kestrel = next(i for i, one in bench.served("japan").items() if one.get("name") == "Kestrel")
    pack = two.ours.sealing.pack
    taken: list[object] = []

    def taking(chunks: Any, to: BinaryIO) -> Any:
        told = pack(chunks, to)
        if not taken:
            taken.append(bench.mark(kestrel, tlp=Tlp.RED))
        return told

    monkeypatch.setattr(two.ours.sealing, "pack", taking)
    _, objects = two.theirs.plain(two.ours.seal()[JAPAN])
    assert taken
    assert "Kestrel" not in {json.loads(raw).get("name") for raw in objects}
    assert objects == two.served()
    assert numbers(two.ours, outgoing=True) == [(1, "objects")]


def test_a_receipt_that_cannot_be_read_changes_nothing(two: Two) -> None:
    two.sealed("Kestrel")
    file = two.theirs.forge(two.ours.sealing.recipient, objects=[msgspec.json.encode({"received": 1})], kind="receipt",
                            first=0, last=0, addressee=OWN, agreement=two.pact)  # fmt: skip
    with pytest.raises(InvalidInput, match="receipt cannot be read"):
        two.ours.open(file)
    assert next(one for one in two.ours.bundles.list() if one.outgoing).receipted is None
