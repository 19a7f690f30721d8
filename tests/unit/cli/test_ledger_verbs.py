"""`titian ledger`: what holds is said to hold, and what does not is told with the proof of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.desk import Desk
from support.gate import Bench, party_id
from support.subscribing import Pair, pair
from titian.cli.ledger_shown import entry_reference
from titian.core.checkpoint import Checkpoint, Proof, open_checkpoint, sign_checkpoint
from titian.core.errors import InvalidInput
from titian.core.merkle import Tree, encode_bundle, inclusion_flaw, leaf_hash
from titian.core.notes import SignatureType, SignedNote, SignerKey, VerifierKey
from titian.core.signing import NamedSigner, Role, witness_name
from titian.core.trust import Policy, open_by
from titian.node import open_node
from titian.store.ledger import Ledger, StoredTiles, entries_between, find_ledger

JAPAN = party_id("japan")


@pytest.fixture
def two(new_bench: Callable[[], Bench], tmp_path: Path) -> Iterator[Pair]:
    with pair(new_bench(), tmp_path / "theirs") as made:
        made.release("Kestrel", "Goshawk")
        yield made


@pytest.fixture
def at(
    two: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Bench], Desk]:
    """The command line of either node."""
    monkeypatch.setenv("COLUMNS", "300")
    clock = two.ours.clock
    monkeypatch.setattr("titian.cli.common.open_node", lambda home: open_node(home, clock=clock, environment={}))
    desks: dict[Path, Desk] = {}

    def of(bench: Bench) -> Desk:
        home = bench.node.home
        if home not in desks:
            desks[home] = Desk(bench, tmp_path, monkeypatch, capsys)
        return desks[home]

    return of


@pytest.fixture
def ours(two: Pair, at: Callable[[Bench], Desk]) -> Desk:
    return at(two.ours)


@pytest.fixture
def japan(two: Pair, at: Callable[[Bench], Desk]) -> Desk:
    """The partner, which has pulled once, and so has read and cosigned the ledger."""
    desk = at(two.theirs)
    told = desk.does("analyst-one", *two.argv("--now", "--json")).json
    assert told["error"] is None
    return desk


def the_ledger(bench: Bench) -> Ledger:
    """The ledger of the agreement under which something was released."""
    (agreement,) = bench.node.agreements.read().directory.agreements
    with bench.node.store.reading() as tx:
        found = find_ledger(tx, agreement)
    assert found is not None
    return found


def run(bench: Bench, sql: str, *values: object) -> None:
    """What somebody does who has the database."""
    with bench.node.store.writing() as tx:
        assert tx.run(sql, *values) > 0


def rewrite(bench: Bench, change: Callable[[list[bytes]], list[bytes]]) -> SignedNote:
    """Make the ledger another one behind everybody's back: leaves, tiles, bundles, and a checkpoint that is signed."""
    ledger = the_ledger(bench)
    with bench.node.store.writing() as tx:
        leaves = change([one.leaf for one in entries_between(tx, ledger.num, 0, ledger.head.size)])
        tx.run("DELETE FROM ledger_tiles WHERE ledger = ?", ledger.num)
        growth = Tree().append([leaf_hash(leaf) for leaf in leaves])
        tiles = StoredTiles(tx, ledger.num)
        for tile, data in growth.tiles:
            tiles.write(tile.level, tile.index, tile.width, data)
        for begin in range(0, len(leaves), 256):
            some = leaves[begin : begin + 256]
            tiles.write(-1, begin // 256, len(some), encode_bundle(some))
        head = growth.tree.head
        (secret,) = bench.node.signing.signers(tx, Role.LOG, bench.clock())
        signer = NamedSigner(ledger.origin, SignatureType.ED25519, secret)
        note = sign_checkpoint(Checkpoint(ledger.origin, head.size, head.root), signer)
        tx.run("UPDATE ledgers SET sealed = ?, root = ?, checkpoint = ? WHERE num = ?",
               head.size, head.root, note.encode(), ledger.num)  # fmt: skip
    return note


def own(desk: Desk, *argv: str, name: str = "auditor-one") -> Any:
    return desk.does(name, "ledger", *argv, "--json").json


def refused(desk: Desk, *argv: str, says: tuple[str, ...]) -> None:
    done = desk.run("auditor-one", "ledger", *argv)
    assert (done.status, done.out) == (1, ""), done
    assert all(words in done.err for words in says), done


# ── one's own ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_nobody_touched_holds(two: Pair, japan: Desk, ours: Desk) -> None:
    told = own(ours, "verify")
    assert told["holds"] is True
    agreed = next(one for one in told["ledgers"] if one["name"] == "jp")
    assert (agreed["holds"], agreed["damage"], agreed["sealed"]) == (True, None, agreed["entries"])
    assert [one["witness"] for one in agreed["cosigned"]] == [witness_name(JAPAN)]
    shown = ours.does("auditor-one", "ledger", "verify").out
    for words in ("Everything holds", agreed["origin"], "cosigned by japan", "private"):
        assert words in shown, shown


def test_the_first_thing_that_does_not_hold_is_told_with_its_proof(two: Pair, ours: Desk, tmp_path: Path) -> None:
    two.ours.node.ledgers.seal_all()
    ledger = the_ledger(two.ours)
    run(two.ours, "UPDATE ledger_entries SET salt = ? WHERE ledger = ? AND num = 1", bytes(32), ledger.num)
    proof = tmp_path / "proof.json"
    done = ours.run("auditor-one", "ledger", "verify", "--evidence", str(proof))
    assert done.status == 1
    for words in (ledger.origin, "Entry 1", "evidence", "Not everything holds"):
        assert words in done.out, done.out
    shown = json.loads(proof.read_bytes())
    assert (shown["origin"], shown["entry"]) == (ledger.origin, 1)
    told = ours.run("auditor-one", "ledger", "verify", "--json")
    assert told.status == 1
    (broken,) = (one for one in told.json["ledgers"] if not one["holds"])
    assert broken["damage"]["entry"] == 1
    assert broken["halted"] == broken["damage"]["what"], "nothing more is signed over it"
    assert "halted" in ours.run("auditor-one", "check").out


def test_a_checkpoint_is_printed_as_it_is_served(two: Pair, japan: Desk, ours: Desk) -> None:
    told = own(ours, "checkpoint", "--ledger", "jp")
    text = ours.does("auditor-one", "ledger", "checkpoint", "--ledger", "jp").out
    assert text == told["note"]
    keys = two.ours.node.signing.current(Role.LOG)
    log = VerifierKey(told["origin"], SignatureType.ED25519, keys[0].public)
    found = open_checkpoint(text.encode(), log)
    assert (found.checkpoint.size, found.checkpoint.root.hex()) == (told["size"], told["root"])
    assert len(told["signatures"]) == 2, "ours and the partner's"
    refused(ours, "checkpoint", says=("Which ledger?", "private", "jp"))
    refused(ours, "checkpoint", "--ledger", "nothing", says=("no ledger", "ledger list"))


def test_the_entries_are_told_in_words(two: Pair, japan: Desk, ours: Desk) -> None:
    found = own(ours, "entries", "--ledger", "jp", "--after", "0")
    assert [one["num"] for one in found] == list(range(len(found)))
    assert {"agreement", "release", "delivery", "filler"} <= {one["kind"] for one in found}
    assert all(one["sealed"] for one in found)
    shown = ours.does("auditor-one", "ledger", "entries", "--ledger", "jp").out
    for words in ("3 objects released", "3 objects handed over", "japan", "everybody", "nobody"):
        assert words in shown, shown
    (last,) = own(ours, "entries", "--ledger", "private", "--limit", "1")
    assert last["num"] == own(ours, "list")["own"][0]["entries"] - 1, "the latest"
    assert "may not audit" in ours.run("analyst-one", "ledger", "entries", "--ledger", "jp").err


def test_the_list_has_ours_and_what_is_remembered_of_others(two: Pair, japan: Desk, ours: Desk) -> None:
    mine = own(ours, "list")
    assert [one["name"] for one in mine["own"]] == ["private", "jp"]
    theirs = own(japan, "list")
    (remembered,) = theirs["others"]
    assert (remembered["origin"], remembered["name"]) == (mine["own"][1]["origin"], "agency")
    assert (remembered["size"], remembered["broken"]) == (mine["own"][1]["sealed"], None)
    assert remembered["verified"] is not None
    assert remembered["origin"] in japan.does("auditor-one", "ledger", "list").out


# ── receipts ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_receipt_verifies_offline_at_both_ends(two: Pair, japan: Desk, ours: Desk, tmp_path: Path) -> None:
    (release,) = (one for one in own(ours, "entries", "--ledger", "jp") if one["kind"] == "release")
    file = tmp_path / "release.tlog-proof"
    done = ours.does("auditor-one", "ledger", "prove", f"jp:{release['num']}", "-o", str(file))
    assert "opens the entry to whoever has it" in done.err
    two.over.face = None
    for desk in (ours, japan):
        told = own(desk, "check-proof", str(file))
        assert (told["holds"], told["index"], told["leaf"]) == (True, release["num"], release["leaf"])
        assert told["entry"] == {name: release[name] for name in ("kind", "at", "party", "details")}
        assert len(told["signed"]) == 2
        assert "released" in desk.does("auditor-one", "ledger", "check-proof", str(file)).out
    proof = Proof.parse(file.read_bytes())
    head = Tree().head.__class__(proof.checkpoint.size, proof.checkpoint.root)
    leaf = leaf_hash(bytes.fromhex(release["leaf"]))
    assert inclusion_flaw(proof.hashes, leaf=leaf, index=proof.index, head=head) is None


def test_a_closed_receipt_proves_and_says_nothing(two: Pair, ours: Desk, tmp_path: Path) -> None:
    done = ours.does("auditor-one", "ledger", "prove", "1", "--ledger", "jp", "--closed")
    assert "says nothing of the entry" in done.err
    file = tmp_path / "closed.tlog-proof"
    file.write_text(done.out)
    assert own(ours, "check-proof", str(file))["entry"] is None


def test_a_receipt_that_does_not_hold_is_refused(two: Pair, japan: Desk, ours: Desk, tmp_path: Path) -> None:
    given = own(ours, "prove", "jp:1")["proof"]
    file = tmp_path / "some.tlog-proof"
    file.write_text(given.replace("index 1\n", "index 2\n"))
    done = japan.run("analyst-one", "ledger", "check-proof", str(file))
    assert (done.status, "not in the ledger" in done.err) == (1, True)
    file.write_text(given)
    stranger = SignerKey(the_ledger(two.ours).origin, SignatureType.ED25519, bytes(range(32))).key
    done = japan.run("analyst-one", "ledger", "check-proof", str(file), "--key", str(stranger))
    assert done.status == 1
    theirs = japan.run("analyst-one", "ledger", "check-proof", str(file))
    assert theirs.status == 0
    japan.does("keeper-one", "peers", "remove", "Agency")
    run(two.theirs, "DELETE FROM peer_ledgers")
    unknown = japan.run("analyst-one", "ledger", "check-proof", str(file))
    assert (unknown.status, "No key is trusted" in unknown.err) == (1, True)
    file.write_text("nonsense")
    assert japan.run("analyst-one", "ledger", "check-proof", str(file)).status == 1


def test_a_policy_verifies_a_checkpoint_with_public_tools_alone(
    two: Pair, japan: Desk, ours: Desk, tmp_path: Path
) -> None:
    note = own(ours, "checkpoint", "--ledger", "jp")["note"]
    for desk in (ours, japan):
        reference = "jp" if desk is ours else the_ledger(two.ours).origin
        text = desk.does("auditor-one", "ledger", "policy", "--ledger", reference).out
        _, verdict = open_by(Policy.parse(text.encode()), note.encode())
        assert verdict.valid, (text, verdict.reason)
        assert verdict.signed == (witness_name(JAPAN),)
    file, receipt = tmp_path / "policy", tmp_path / "r.tlog-proof"
    file.write_text(text)
    receipt.write_text(own(ours, "prove", "jp:1")["proof"])
    assert own(japan, "check-proof", str(receipt), "--policy", str(file))["holds"]
    two.forward(60)
    for number in range(9):
        two.release(f"Bird {number}")
    assert own(ours, "checkpoint", "--ledger", "jp")["note"] != note
    receipt.write_text(own(ours, "prove", "jp:1")["proof"])
    lone = japan.run("analyst-one", "ledger", "check-proof", str(receipt), "--policy", str(file))
    assert (lone.status, "Too few witnesses" in lone.err) == (1, True), "nobody has cosigned that yet"
    refused(ours, "policy", "--ledger", "jp", "--at-least", "9", says=("Only",))


@pytest.mark.parametrize("text", ["", "jp", "jp:", ":1", "jp:-1", "jp:x", "jp:\u0661", "1:jp"])
def test_what_names_no_entry(text: str) -> None:
    with pytest.raises(InvalidInput, match="names no entry"):
        entry_reference(text, None)


# ── witnesses ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_has_cosigned_is_listed_and_others_are_added_and_removed(two: Pair, japan: Desk, ours: Desk) -> None:
    (one,) = own(ours, "witnesses")
    ledger = the_ledger(two.ours)
    assert (one["name"], one["party"]) == (witness_name(JAPAN), JAPAN)
    assert [(each["ledger"], each["size"]) for each in one["cosigned"]] == [(ledger.origin, ledger.head.size)]
    assert "japan" in ours.does("auditor-one", "ledger", "witnesses").out
    key = str(SignerKey("witness.example", SignatureType.COSIGNATURE, bytes(range(32))).key)
    assert ours.run("analyst-one", "ledger", "witnesses", "add", key).status == 1
    ours.does("keeper-one", "ledger", "witnesses", "add", key, "--url", "https://witness.example/", "--party", "brunei")
    added = own(ours, "witnesses")[1]
    assert (added["name"], added["url"], added["party"]) == (
        "witness.example",
        "https://witness.example/",
        party_id("brunei"),
    )
    ours.does("keeper-one", "ledger", "witnesses", "remove", "witness.example")
    assert len(own(ours, "witnesses")) == 1


# ── a partner's ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_partners_ledger_holds_and_only_its_http_is_asked(two: Pair, japan: Desk) -> None:
    two.over.asked.clear()
    told = own(japan, "verify", "--of", "agency")
    assert (told["holds"], told["name"]) == (True, "agency")
    (one,) = told["ledgers"]
    assert (one["entries"], one["finding"], one["error"]) == (the_ledger(two.ours).head.size, None, None)
    assert two.over.asked
    assert all(each.startswith("GET /ledger/") for each in two.over.asked)
    assert "Everything holds" in japan.does("auditor-one", "ledger", "verify", "--of", "agency").out


def changed(leaves: list[bytes]) -> list[bytes]:
    return [leaves[0], bytes(32), *leaves[2:]]


def removed(leaves: list[bytes]) -> list[bytes]:
    return [*leaves[:1], *leaves[2:], bytes(32)]


def reordered(leaves: list[bytes]) -> list[bytes]:
    return [leaves[1], leaves[0], *leaves[2:]]


def shrunken(leaves: list[bytes]) -> list[bytes]:
    return leaves[:-1]


def grown_otherwise(leaves: list[bytes]) -> list[bytes]:
    return [*changed(leaves), *leaves]


@pytest.mark.parametrize("change", [changed, removed, reordered, shrunken, grown_otherwise])
def test_a_partner_catches_a_history_that_was_changed_and_has_the_proof(
    two: Pair, japan: Desk, change: Callable[[list[bytes]], list[bytes]], tmp_path: Path
) -> None:
    note = rewrite(two.ours, change)
    proof = tmp_path / "proof.json"
    done = japan.run("auditor-one", "ledger", "verify", "--of", "agency", "--json", "--evidence", str(proof))
    assert done.status == 1
    (one,) = done.json["ledgers"]
    assert (one["holds"], one["error"], one["finding"]["what"] != "") == (False, None, True)
    said = json.loads(proof.read_bytes())
    assert len(said["checkpoints"]) == 2, "what was signed before, and what is signed now"
    assert note.text in [SignedNote.parse(base64.b64decode(each)).text for each in said["checkpoints"]]
    again = japan.run("auditor-one", "ledger", "verify", "--of", "agency")
    assert (again.status, "evidence" in again.out) == (1, True)
    (row,) = own(japan, "list")["others"]
    assert row["broken"] == one["finding"]["what"]
    pulled = japan.run("analyst-one", "subscriptions", "run", own_subscription(japan))
    assert pulled.status == 1


def own_subscription(desk: Desk) -> str:
    (row,) = desk.does("analyst-one", "subscriptions", "--json").json
    return str(row["id"])


def test_what_was_found_stays_found_when_the_old_history_is_shown_again(two: Pair, japan: Desk) -> None:
    ledger = the_ledger(two.ours)
    with two.ours.node.store.reading() as tx:
        leaves = [one.leaf for one in entries_between(tx, ledger.num, 0, ledger.head.size)]
    rewrite(two.ours, changed)
    assert japan.run("auditor-one", "ledger", "verify", "--of", "agency").status == 1
    rewrite(two.ours, lambda _: leaves)
    assert japan.run("auditor-one", "ledger", "verify", "--of", "agency").status == 1


def test_two_histories_are_exposed_by_what_a_third_was_shown(two: Pair, japan: Desk, ours: Desk) -> None:
    ledger = the_ledger(two.ours)
    same = ours.file("same", own(ours, "checkpoint", "--ledger", "jp")["note"].encode())
    receipt = ours.file("same.tlog-proof", own(ours, "prove", "jp:1")["proof"].encode())
    assert own(japan, "verify", "--of", "agency", "--compare", same, "--compare", receipt)["holds"]
    with two.ours.node.store.reading() as tx:
        leaves = [one.leaf for one in entries_between(tx, ledger.num, 0, ledger.head.size)]
    other = rewrite(two.ours, changed)
    rewrite(two.ours, lambda _: leaves)
    shown = ours.file("other", other.encode())
    done = japan.run("auditor-one", "ledger", "verify", "--of", "agency", "--compare", shown, "--json")
    assert done.status == 1
    (one,) = done.json["ledgers"]
    assert "third party" in one["finding"]["what"]
    assert one["finding"]["evidence"] is not None


def test_what_a_third_shows_has_to_be_signed_and_of_that_ledger(two: Pair, japan: Desk, ours: Desk) -> None:
    origin = the_ledger(two.ours).origin
    forged = sign_checkpoint(
        Checkpoint(origin, 99, bytes(32)), SignerKey(origin, SignatureType.ED25519, bytes(range(32)))
    )  # fmt: skip
    for data, says in (
        (forged.encode(), "proves nothing"),
        (own(ours, "checkpoint", "--ledger", "private")["note"].encode(), "no ledger of that party"),
    ):
        done = japan.run("auditor-one", "ledger", "verify", "--of", "agency", "--compare", ours.file("x", data))
        assert (done.status, says in done.err) == (1, True), done
    assert own(japan, "verify", "--of", "agency")["holds"], "nothing came of it"


def test_what_cannot_be_verified_does_not_hold_and_accuses_nobody(two: Pair, japan: Desk, ours: Desk) -> None:
    refused(ours, "verify", "--of", "japan", says=("remembers no ledger", "titian subscribe"))
    two.over.face = None
    done = japan.run("auditor-one", "ledger", "verify", "--of", "agency", "--json")
    (one,) = done.json["ledgers"]
    assert (done.status, one["holds"], one["finding"]) == (1, False, None)
    assert one["error"]
    assert own(japan, "list")["others"][0]["broken"] is None
    japan.does("analyst-one", "subscriptions", "end", own_subscription(japan), "--why", "over")
    gone = japan.run("auditor-one", "ledger", "verify", "--of", "agency")
    assert (gone.status, "No subscription" in gone.err) == (1, True)


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_decides_how_a_halted_ledger_goes_on(two: Pair, japan: Desk, ours: Desk) -> None:
    ledger = the_ledger(two.ours)
    assert "No ledger is halted" in ours.does("keeper-one", "ledger", "resume", "all", "--why", "x").out
    two.ours.node.ledgers.halt(ledger.num, "Restored on Monday.")
    assert "Restored on Monday." in ours.does("auditor-one", "ledger", "list").out
    assert ours.run("analyst-one", "ledger", "resume", "jp", "--why", "x").status == 1
    (told,) = own(ours, "resume", "all", "--why", "nobody holds more", name="keeper-one")
    assert (told["successor"], told["ledger"]["halted"]) == (None, None)
    two.ours.node.ledgers.halt(ledger.num, "Restored on Tuesday.")
    done = ours.does("keeper-one", "ledger", "resume", "jp", "--why", "Japan holds more", "--anew")
    assert "goes on as" in done.out
    mine = {one["origin"]: one for one in own(ours, "list")["own"]}
    assert mine[ledger.origin]["closed"] is not None
    (after,) = (one for one in mine.values() if one["name"] == "jp" and one["closed"] is None)
    assert after["origin"] != ledger.origin
    first = own(ours, "entries", "--ledger", "jp", "--after", "0")[0]
    assert first["details"]["continues"] == ledger.origin
    two.forward(60)
    two.release("Merlin")
    told = japan.does("analyst-one", "subscriptions", "run", own_subscription(japan), "--json").json
    assert (told["error"], told["accepted"]) == (None, 1)
    (found,) = told["findings"]
    assert ledger.origin in found, "the partner is told that another one goes on"
    assert {one["origin"] for one in own(japan, "list")["others"]} == {ledger.origin, after["origin"]}


def test_of_all_that_halted_a_damaged_one_does_not_hold_up_the_rest(two: Pair, ours: Desk) -> None:
    two.ours.node.ledgers.seal_all()
    ledger = the_ledger(two.ours)
    run(two.ours, "UPDATE ledger_entries SET salt = ? WHERE ledger = ? AND num = 1", bytes(32), ledger.num)
    assert ours.run("auditor-one", "ledger", "verify").status == 1
    run(two.ours, "UPDATE ledgers SET halted = 'Restored.' WHERE agreement IS NULL")
    done = ours.run("keeper-one", "ledger", "resume", "all", "--why", "the partners hold nothing newer")
    assert done.status == 1
    assert "private goes on" in done.out
    assert "damaged" in done.err
    assert "--force" in done.err
    states = {one["name"]: one["halted"] for one in own(ours, "list")["own"]}
    assert (states["private"], states["jp"] is None) == (None, False)
    forced = ours.does("keeper-one", "ledger", "resume", "jp", "--why", "no backup is whole", "--force")
    assert "goes on as" in forced.out
    assert own(ours, "verify")["holds"] is True
