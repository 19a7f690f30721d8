"""A node's signing keys on both backends: the file before the row, rotation with an overlap, compromise."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_support import NODE, START, Clock, set_up

from titian.core.errors import InvalidInput, NotFound, Refused, Unavailable
from titian.core.ledger import EVERYBODY, Kind
from titian.core.notes import SignerKey, VerifierKey, to_base64
from titian.core.peer import Card, CardKey, Change, SignedCard, compare, sign_card
from titian.core.people import Actor, Duty
from titian.core.signing import Ed25519Secret, Role, Secret, SigningKey, witness_name
from titian.store import key_files
from titian.store.acts import Acts
from titian.store.database import Transaction
from titian.store.ledger import enter, entries_between, list_ledgers
from titian.store.peers import Peers
from titian.store.signing import SigningKeys
from titian.store.store import Store

BY = Actor("person-5", "Administrator One", Duty.ADMINISTRATOR)
SECOND = 1_000_000
WEEK = 7 * 86_400


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(scope="session")
def signing_store(lasting_url: Callable[[], str]) -> Iterator[Store]:
    store = set_up(lasting_url(), Clock())
    yield store
    store.close()


@pytest.fixture
def mine(signing_store: Store) -> Store:
    """A store without signing keys and acts, and its clock set back."""
    with signing_store.writing() as tx:
        tx.run("DELETE FROM signing_keys")
        tx.run("DELETE FROM acts")
    assert isinstance(signing_store.clock, Clock)
    signing_store.clock.now = START
    return signing_store


class Heard:
    """What was told, and whether it was told inside the transaction."""

    def __init__(self) -> None:
        self.changes: list[tuple[int | None, int | None, int]] = []
        self.stops: list[int | None] = []
        self.fails = False

    def __call__(self, tx: Transaction, old: SigningKey | None, new: SigningKey | None, at: int) -> None:
        rows = tx.one("SELECT count(*) FROM signing_keys")
        assert rows is not None, "the transaction is open"
        if self.fails:
            raise Unavailable("The ledger is halted.")
        self.changes.append((old and old.num, new and new.num, at))
        self.stops.append(old and old.stops)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def keys(mine: Store, home: Path, heard: Heard) -> SigningKeys:
    made = SigningKeys(mine, home, told=heard)
    made.ensure()
    return made


def forward(store: Store, seconds: int) -> int:
    clock = store.clock
    assert isinstance(clock, Clock)
    clock.now += seconds * SECOND
    return clock.now


def nums(keys: SigningKeys, role: Role, at: int) -> list[int]:
    """Which keys sign, by the secrets that are handed out."""
    known = {key.public: key.num for key in keys.list()}
    return [known[secret.public] for secret in keys.signers(None, role, at)]


# Making


def test_a_node_gets_one_key_for_each_role_once(mine: Store, home: Path, keys: SigningKeys) -> None:
    assert [(key.num, key.role, key.place) for key in keys.list()] == [
        (1, Role.LOG, "file:keys/log-1.key"),
        (2, Role.WITNESS, "file:keys/witness-2.key"),
    ]
    assert keys.ensure() == []
    assert SigningKeys(mine, home).ensure() == [], "nor does another process make any"
    assert [act.act for act in Acts(mine).list()] == ["add-signing-key"] * 2


def test_only_the_owner_can_read_the_files(home: Path, keys: SigningKeys) -> None:
    assert (home / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (home / "keys").iterdir()} == {0o600}


def test_a_file_is_a_key_that_other_programs_read(home: Path, keys: SigningKeys) -> None:
    for key in keys.list():
        text = (home / key.place.removeprefix("file:")).read_text()
        read = SignerKey.parse(text.removesuffix("\n"))
        assert (read.name, read.type) == (witness_name(NODE.identity), key.role.type)
        assert read.key.public_key == key.public


def test_no_secret_is_in_the_database_or_the_acts(mine: Store, home: Path, keys: SigningKeys) -> None:
    keys.rotate(Role.LOG, 0, by=BY)
    seeds = [SignerKey.parse(path.read_text().strip()).seed for path in (home / "keys").iterdir()]
    with mine.reading() as tx:
        held = [value for row in tx.all("SELECT public, place FROM signing_keys") for value in row]
    written = b" ".join(value.encode() if isinstance(value, str) else bytes(value) for value in held)
    assert not any(seed in written for seed in seeds)
    assert not any(seed.hex() in repr(Acts(mine).list()) for seed in seeds)


def test_the_file_is_on_the_disk_before_the_row_is_committed(
    mine: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, write = os.fsync, mine.database.writing

    def traced(descriptor: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        sync(descriptor)

    monkeypatch.setattr(key_files.os, "fsync", traced)
    with write() as tx:
        made = SigningKeys(mine, home)._make(tx, Role.LOG, None, START)
        assert steps == ["folder", "file", "folder"], "the home's entry for keys/, the key, the entry for the key"
        assert (home / made.place.removeprefix("file:")).exists()
        assert SigningKeys(mine, home).list() == [], "and nobody else sees a row yet"


def test_a_file_that_is_there_already_is_never_overwritten(mine: Store, home: Path) -> None:
    # A key was made after the backup that this database was restored from.
    (home / "keys").mkdir(mode=0o700)
    (home / "keys" / "log-1.key").write_text("the newer key")
    made = SigningKeys(mine, home).ensure()
    assert made[0].place == "file:keys/log-1-1.key"
    assert (home / "keys" / "log-1.key").read_text() == "the newer key"


def test_two_processes_that_start_at_once_agree_on_the_keys(mine: Store, home: Path) -> None:
    barrier = threading.Barrier(4)
    seen: list[list[bytes]] = []

    def start() -> None:
        keys = SigningKeys(mine, home)
        barrier.wait()
        keys.ensure()
        seen.append([secret.public for role in Role for secret in keys.signers(None, role, START)])

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert all(one == seen[0] for one in seen)
    assert len(list((home / "keys").iterdir())) == 2, "and no key is left that nothing names"


def test_where_no_key_can_be_written_none_is_in_the_table(mine: Store, home: Path) -> None:
    (home / "keys").write_text("in the way")
    with pytest.raises(Unavailable, match="keys"):
        SigningKeys(mine, home).ensure()
    assert SigningKeys(mine, home).list() == []


# Opening


def test_a_secret_fits_its_public_half_also_inside_a_transaction(mine: Store, keys: SigningKeys) -> None:
    (key,) = keys.current(Role.LOG)
    with mine.writing() as tx:
        (secret,) = keys.signers(tx, Role.LOG, START)
    assert secret.public == key.public
    assert len(secret.sign(b"text")) == 64


def test_a_missing_file_is_named(home: Path, keys: SigningKeys) -> None:
    (home / "keys" / "log-1.key").unlink()
    with pytest.raises(Unavailable, match=r"keys/log-1\.key"):
        keys.signers(None, Role.LOG, START)
    assert keys.signers(None, Role.WITNESS, START), "the other role goes on"


def test_another_key_in_the_file_is_refused(home: Path, keys: SigningKeys) -> None:
    path = home / "keys" / "log-1.key"
    path.write_text(SignerKey("titian-a", Role.LOG.type, bytes(32)).encode() + "\n")
    with pytest.raises(Refused, match=r"log-1\.key holds another key than signing key 1"):
        keys.signers(None, Role.LOG, START)
    path.write_bytes((home / "keys" / "witness-2.key").read_bytes())
    with pytest.raises(Refused, match=r"log-1\.key holds the key of another role"):
        keys.signers(None, Role.LOG, START)


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"PRIVATE+KEY+a+00000000+AAAA\n", b"x" * 100_000])
def test_a_damaged_file_is_refused_and_not_repeated(home: Path, keys: SigningKeys, damage: bytes) -> None:
    path = home / "keys" / "log-1.key"
    path.write_bytes(damage)
    with pytest.raises(Refused, match="holds no key") as caught:
        keys.signers(None, Role.LOG, START)
    assert caught.value.__cause__ is None
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_use_is_refused(home: Path, keys: SigningKeys, mode: int) -> None:
    (home / "keys" / "log-1.key").chmod(mode)
    with pytest.raises(Refused, match="Others than its owner"):
        keys.signers(None, Role.LOG, START)


def test_before_its_first_key_a_node_signs_nothing(keys: SigningKeys) -> None:
    with pytest.raises(Unavailable, match="no log key that signs now"):
        keys.signers(None, Role.LOG, START - 1)


# Rotation


def test_both_keys_sign_while_a_rotation_overlaps(mine: Store, keys: SigningKeys, heard: Heard) -> None:
    at = forward(mine, 60)
    new = keys.rotate(Role.LOG, WEEK, by=BY, why="every year")
    assert (new.num, new.place) == (3, "file:keys/log-3.key")
    assert nums(keys, Role.LOG, at) == [3, 1], "newest first"
    assert nums(keys, Role.LOG, at + WEEK * SECOND - 1) == [3, 1]
    assert nums(keys, Role.LOG, at + WEEK * SECOND) == [3]
    assert nums(keys, Role.WITNESS, at) == [2], "the other role is as it was"
    assert heard.changes == [(1, 3, at)]
    assert heard.stops == [at + WEEK * SECOND]
    act = Acts(mine).list()[0]
    assert (act.act, act.person, act.subject, act.why) == ("rotate-signing-key", BY.id, "signing-key 1", "every year")


def test_without_overlap_the_old_key_ends_at_once(mine: Store, keys: SigningKeys) -> None:
    at = forward(mine, 60)
    keys.rotate(Role.WITNESS, 0, by=BY)
    assert nums(keys, Role.WITNESS, at) == [3]


def test_a_second_rotation_does_not_prolong_the_first_overlap(mine: Store, keys: SigningKeys) -> None:
    at = forward(mine, 60)
    keys.rotate(Role.LOG, 100, by=BY)
    keys.rotate(Role.LOG, WEEK, by=BY)
    assert nums(keys, Role.LOG, at) == [4, 3, 1]
    assert nums(keys, Role.LOG, at + 100 * SECOND) == [4, 3]


@pytest.mark.parametrize("overlap", [-1, 365 * 86_400 + 1])
def test_an_overlap_has_bounds(keys: SigningKeys, overlap: int) -> None:
    with pytest.raises(InvalidInput, match="overlap"):
        keys.rotate(Role.LOG, overlap, by=BY)


def test_what_the_ledgers_do_not_learn_does_not_happen(
    mine: Store, home: Path, keys: SigningKeys, heard: Heard
) -> None:
    heard.fails = True
    before = keys.list(), len(Acts(mine).list()), sorted((home / "keys").iterdir())
    with pytest.raises(Unavailable, match="halted"):
        keys.rotate(Role.LOG, 0, by=BY)
    with pytest.raises(Unavailable, match="halted"):
        keys.compromised(1, by=BY, why="a stolen disk")
    assert (keys.list(), len(Acts(mine).list()), sorted((home / "keys").iterdir())) == before


def test_every_ledger_learns_of_a_new_key(mine: Store, home: Path) -> None:
    agreement = "x-agreement--1"
    with mine.writing() as tx:
        before = enter(tx, agreement, [])
        keys = SigningKeys(mine, home)
    keys.ensure()
    new = keys.rotate(Role.LOG, WEEK, by=BY)
    with mine.reading() as tx:
        for ledger in list_ledgers(tx):
            opened = [each.entry for each in entries_between(tx, ledger.num, 0, ledger.size)]
            told = [each for each in opened if each.kind is Kind.KEY and each.details["new"] == to_base64(new.public)]
            assert [each.party for each in told] == [EVERYBODY]
            assert ledger.agreement is None or ledger.size > before
        assert {ledger.agreement for ledger in list_ledgers(tx)} == {None, agreement}


def test_with_a_clock_that_went_back_nothing_is_rotated(mine: Store, keys: SigningKeys) -> None:
    forward(mine, -86_400)
    with pytest.raises(Refused, match="later than now"):
        keys.rotate(Role.LOG, 0, by=BY)


# Compromise


def test_a_compromised_key_is_replaced_at_once(mine: Store, keys: SigningKeys, heard: Heard) -> None:
    at = forward(mine, 60)
    new = keys.compromised(1, by=BY, why="a stolen disk")
    assert new is not None
    assert nums(keys, Role.LOG, at) == [new.num] == [3]
    old = keys.list()[0]
    assert (old.stops, old.compromised) == (at, at)
    assert heard.changes == [(1, 3, at)]
    with pytest.raises(Unavailable):
        keys.signers(None, Role.LOG, at - 1)  # not for the past either
    assert Acts(mine).list()[0].why == "a stolen disk"


def test_compromised_in_an_overlap_the_newer_key_goes_on_alone(mine: Store, keys: SigningKeys, heard: Heard) -> None:
    keys.rotate(Role.LOG, WEEK, by=BY)
    at = forward(mine, 60)
    assert keys.compromised(1, by=BY, why="a stolen disk") is None
    assert nums(keys, Role.LOG, at) == [3]
    assert heard.changes[-1] == (1, None, at)


def test_an_ended_key_can_be_called_compromised_and_ends_no_later(mine: Store, keys: SigningKeys) -> None:
    ended = forward(mine, 60)
    keys.rotate(Role.LOG, 0, by=BY)
    at = forward(mine, 60)
    assert keys.compromised(1, by=BY, why="an old disk was found") is None
    assert (keys.list()[0].stops, keys.list()[0].compromised) == (ended, at)


def test_a_compromise_needs_a_key_and_a_reason_and_is_said_once(keys: SigningKeys) -> None:
    with pytest.raises(InvalidInput, match="reason"):
        keys.compromised(1, by=BY, why=" ")
    with pytest.raises(NotFound, match="no signing key 9"):
        keys.compromised(9, by=BY, why="a stolen disk")
    keys.compromised(1, by=BY, why="a stolen disk")
    with pytest.raises(Refused, match="before"):
        keys.compromised(1, by=BY, why="a stolen disk")


# Keys that are brought


class Token:
    """A token that holds one key and counts how often it was opened."""

    def __init__(self, seed: bytes) -> None:
        self.secret = Ed25519Secret(seed)
        self.opened: list[str] = []

    def __call__(self, place: str) -> Secret:
        self.opened.append(place)
        return self.secret


PLACE = "pkcs11:token=titian;object=log-2027?pin-source=file:/run/pin"


def test_a_key_in_a_token_signs_and_is_opened_once(mine: Store, home: Path) -> None:
    token = Token(b"t" * 32)
    keys = SigningKeys(mine, home, token)
    keys.ensure()
    new = keys.rotate(Role.LOG, 0, by=BY, place=PLACE)
    assert (new.place, new.public) == (PLACE, token.secret.public)
    for _ in range(3):
        assert keys.signers(None, Role.LOG, START)[0].public == new.public
    assert token.opened == [PLACE]
    assert len(list((home / "keys").iterdir())) == 2, "no file was made"


def test_a_token_with_another_key_is_refused(mine: Store, home: Path) -> None:
    keys = SigningKeys(mine, home, Token(b"t" * 32))
    keys.rotate(Role.LOG, 0, by=BY, place=PLACE)
    other = SigningKeys(mine, home, Token(b"u" * 32))
    with pytest.raises(Refused, match="holds another key than signing key 1"):
        other.signers(None, Role.LOG, START)


def test_a_key_file_that_is_brought_lies_where_it_lies(mine: Store, home: Path, keys: SigningKeys) -> None:
    path = home / "elsewhere.key"
    path.write_text(SignerKey("titian-a", Role.LOG.type, b"e" * 32).encode() + "\n")
    path.chmod(0o600)
    keys.rotate(Role.LOG, 0, by=BY, place=f"file:{path}")
    assert keys.signers(None, Role.LOG, START)[0].public == Ed25519Secret(b"e" * 32).public
    with pytest.raises(Refused, match="already"):
        keys.rotate(Role.LOG, 0, by=BY, place=f"file:{path}")


def test_no_key_has_two_roles(mine: Store, home: Path) -> None:
    keys = SigningKeys(mine, home, Token(b"t" * 32))
    keys.rotate(Role.LOG, 0, by=BY, place=PLACE)
    with pytest.raises(Refused, match="already"):
        keys.rotate(Role.WITNESS, 0, by=BY, place=PLACE)


@pytest.mark.parametrize("place", ["", "keys/log-1.key", "file:", "http://example.com/key", "pkcs11:a\nb", "file:a\0b"])
def test_a_place_that_is_none_is_refused(keys: SigningKeys, place: str) -> None:
    with pytest.raises(InvalidInput):
        keys.rotate(Role.LOG, 0, by=BY, place=place)


def test_a_node_that_opens_no_tokens_says_so(keys: SigningKeys) -> None:
    with pytest.raises(Unavailable, match="opens no tokens"):
        keys.rotate(Role.LOG, 0, by=BY, place=PLACE)


# Cards, on both backends

OTHER = "identity--7d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a12"


class Partner:
    """A partner with keys of its own, who makes cards."""

    def __init__(self, *numbers: int) -> None:
        self.keys = {number: Ed25519Secret(bytes([number]) * 32) for number in (*numbers, 99)}

    def card(self, *says: CardKey, by: tuple[int, ...], made: int, url: str | None = None) -> bytes:
        witness = VerifierKey(witness_name(OTHER), Role.WITNESS.type, self.keys[99].public)
        card = Card(party=OTHER, name="Agency Two", keys=says, witness=str(witness), made=made, url=url)
        return sign_card(card, [self.keys[number] for number in by]).encode()

    def key(self, number: int, stops: int | None = None, compromised: int | None = None) -> CardKey:
        public = to_base64(self.keys[number].public)
        return CardKey(public=public, starts=0, stops=stops, compromised=compromised)


@pytest.fixture
def partner() -> Partner:
    return Partner(1, 2, 3)


Both = tuple[Card | None, Card | None]


@pytest.fixture
def changes() -> list[Both]:
    return []


@pytest.fixture
def peers(mine: Store, keys: SigningKeys, changes: list[Both]) -> Peers:
    with mine.writing() as tx:
        tx.run("DELETE FROM peers")
    return Peers(mine, keys, changed=lambda tx, before, after: changes.append((before, after)))


def test_our_own_card_names_every_log_key_and_proves_those_that_sign(
    mine: Store, keys: SigningKeys, peers: Peers
) -> None:
    forward(mine, 60)
    keys.rotate(Role.LOG, WEEK, by=BY)
    signed = SignedCard.parse(peers.ours("https://agency-one.example").encode())
    logs = [key for key in keys.list() if key.role is Role.LOG]
    assert [(each.key, each.stops) for each in signed.card.keys] == [(key.public, key.stops) for key in logs]
    assert set(signed.signed) == {key.public for key in logs}
    assert (signed.card.party, signed.card.name) == (NODE.identity, NODE.name)
    (witness,) = keys.current(Role.WITNESS)
    assert signed.card.witness_key.public_key == witness.public


def test_a_recipient_of_sealed_bundles_is_on_the_card(mine: Store, keys: SigningKeys) -> None:
    assert Peers(mine, keys, lambda: "age1" + "q" * 58).ours().card.recipient == "age1" + "q" * 58


def test_our_card_follows_our_cards_through_a_rotation_and_not_through_a_compromise(
    mine: Store, keys: SigningKeys, peers: Peers
) -> None:
    first = peers.ours()
    at = forward(mine, 60)
    keys.rotate(Role.LOG, WEEK, by=BY)
    second = peers.ours()
    assert compare(first, second, at) is Change.ROTATED
    at = forward(mine, 60)
    keys.compromised(1, by=BY, why="a stolen disk")
    third = peers.ours()
    assert compare(second, third, at) is Change.ROTATED, "the newer key was known and is sound"
    assert compare(first, third, at) is Change.UNPROVEN, "whoever knew only the stolen key must ask"


def test_a_card_is_held_byte_for_byte_and_forgotten(mine: Store, peers: Peers, partner: Partner) -> None:
    data = partner.card(partner.key(1), by=(1,), made=START)
    added = peers.add(data, by=BY)
    assert (added.change, added.peer.checked, added.peer.adder) == (Change.NEW, False, BY.id)
    assert [peer.signed.encode() for peer in peers.list()] == [data]
    assert peers.get(OTHER) == added.peer
    peers.remove(OTHER, by=BY, why="they left")
    assert (list(peers.list()), peers.get(OTHER)) == ([], None)
    assert [act.act for act in Acts(mine).list(OTHER)] == ["remove-peer", "add-peer"]
    with pytest.raises(NotFound):
        peers.remove(OTHER, by=BY)


def test_a_rotation_is_as_checked_as_what_it_follows(
    mine: Store, peers: Peers, partner: Partner, changes: list[Both]
) -> None:
    peers.add(partner.card(partner.key(1), by=(1,), made=START), by=BY, checked=True)
    now = forward(mine, 60)
    rotated = partner.card(partner.key(1, stops=now + 5), partner.key(2), by=(1, 2), made=now)
    assert peers.add(rotated, by=BY).peer.checked
    later = forward(mine, 60)
    alone = partner.card(partner.key(1, stops=now + 5), partner.key(2), by=(2,), made=later)
    assert peers.add(alone, by=BY).peer.checked, "and so on along the chain"
    assert [before is None for before, _ in changes] == [True, False, False]


@pytest.mark.parametrize("checked", [True, False], ids=["checked", "as-it-came"])
def test_no_other_card_takes_its_place_but_by_a_persons_word(
    mine: Store, peers: Peers, partner: Partner, checked: bool
) -> None:
    held = partner.card(partner.key(1), by=(1,), made=START)
    peers.add(held, by=BY, checked=checked)
    forward(mine, 60)
    other = partner.card(partner.key(3), by=(3,), made=START + 1)
    with pytest.raises(Refused, match="No key of the card that is held"):
        peers.add(other, by=BY, checked=True)
    assert [peer.signed.encode() for peer in peers.list()] == [held]
    added = peers.add(other, by=BY, replace=True)
    assert not added.peer.checked, "what was compared before was another card"
    with pytest.raises(Refused, match="made before"):
        peers.add(held, by=BY)


def test_the_same_card_again_can_be_called_checked_and_stays_so(peers: Peers, partner: Partner) -> None:
    data = partner.card(partner.key(1), by=(1,), made=START)
    peers.add(data, by=BY)
    assert peers.add(data, by=BY, checked=True).peer.checked
    assert peers.add(data, by=BY).peer.checked


def test_a_compromised_key_brings_no_new_card(mine: Store, peers: Peers, partner: Partner) -> None:
    after = partner.card(partner.key(1, stops=5, compromised=5), partner.key(2), by=(2,), made=START)
    peers.add(after, by=BY, checked=True)
    forward(mine, 60)
    stolen = partner.card(partner.key(1), partner.key(3), by=(1, 3), made=START + 1)
    with pytest.raises(Refused):
        peers.add(stolen, by=BY)


def test_our_own_card_is_no_peers(peers: Peers) -> None:
    with pytest.raises(InvalidInput, match="this node itself"):
        peers.add(peers.ours().encode(), by=BY)
