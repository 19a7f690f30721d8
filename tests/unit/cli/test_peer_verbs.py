"""`titian peers`: cards out and in, fingerprints to be read aloud, and who may take whose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import titian.cli
from support.desk import Desk
from support.gate import OWN, SECOND, party_id
from titian.core.notes import VerifierKey, to_base64
from titian.core.peer import Card, CardKey, SignedCard, sign_card
from titian.core.signing import Ed25519Secret, Role, witness_name
from titian.node import Node, open_node
from titian.store.peers import Peers

KEEPER = "keeper-one"
JAPAN = party_id("japan")


class WithPeers:
    """A node with its peers, however :class:`Node` itself is wired."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.peers = Peers(node.store, node.signing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def __enter__(self) -> WithPeers:
        return self

    def __exit__(self, *_: object) -> None:
        self._node.close()


@pytest.fixture
def keeper(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setitem(titian.cli.VERBS, "peers", ("titian.cli.peers", "Cards."))
    if not hasattr(Node, "peers"):

        def opened(home: Path) -> WithPeers:
            return WithPeers(open_node(home, clock=desk.bench.clock, environment={}))

        monkeypatch.setattr("titian.cli.common.open_node", opened)
    return desk


def theirs(number: int, party: str = JAPAN, made: int = 1, url: str | None = None) -> SignedCard:
    secret, witness = Ed25519Secret(bytes([number]) * 32), Ed25519Secret(b"w" * 32)
    card = Card(
        party=party,
        name="Agency Two",
        keys=(CardKey(public=to_base64(secret.public), starts=0),),
        witness=str(VerifierKey(witness_name(party), Role.WITNESS.type, witness.public)),
        url=url,
        made=made,
    )
    return sign_card(card, [secret])


def handed(folder: Path, card: SignedCard) -> str:
    path = folder / f"{card.card.made}-{card.signed[0].hex()[:8]}.card"
    path.write_bytes(card.encode())
    return str(path)


# Ours


def test_our_card_is_written_to_standard_output_and_the_fingerprint_beside_it(keeper: Desk) -> None:
    done = keeper.does(KEEPER, "peers", "card", "--url", "https://agency-one.example")
    read = SignedCard.parse(done.out.encode())
    assert (read.card.party, read.card.url) == (OWN, "https://agency-one.example")
    assert read.card.fingerprint in done.err


def test_who_signs_an_address_looks_after_the_keys(keeper: Desk) -> None:
    refused = keeper.run("analyst-one", "peers", "card", "--url", "https://elsewhere.example")
    assert (refused.status, refused.out) == (1, "")
    assert "administrator" in refused.err
    assert SignedCard.parse(keeper.does("analyst-one", "peers", "card").out.encode()).card.url is None


def test_our_card_is_written_to_a_file(keeper: Desk, tmp_path: Path) -> None:
    path = tmp_path / "ours.card"
    told = keeper.does(KEEPER, "peers", "card", "-o", str(path), "--json").json
    read = SignedCard.parse(path.read_bytes())
    assert (told["fingerprint"], told["card"]) == (read.card.fingerprint, path.read_text())


def test_an_address_with_a_secret_in_it_is_refused(keeper: Desk) -> None:
    refused = keeper.run(KEEPER, "peers", "card", "--url", "https://name:secret@agency-one.example")
    assert (refused.status, refused.out) == (1, "")


# Theirs


def test_a_card_is_taken_as_it_came_then_checked_by_telephone(keeper: Desk, tmp_path: Path) -> None:
    card = theirs(1)
    done = keeper.does(KEEPER, "peers", "add", handed(tmp_path, card))
    assert f"Fingerprint: {card.card.fingerprint}" in done.out
    assert "by telephone" in done.err
    (row,) = keeper.does("auditor-one", "peers", "list", "--json").json
    assert (row["party"], row["checked"]) == (JAPAN, False)
    again = keeper.does(KEEPER, "peers", "add", handed(tmp_path, card), "--checked")
    assert "telephone" not in again.err
    (row,) = keeper.does(KEEPER, "peers", "list", "--json").json
    assert row["checked"] is True
    assert card.card.fingerprint in keeper.does(KEEPER, "peers", "list").out


def test_another_card_needs_a_persons_word(keeper: Desk, tmp_path: Path) -> None:
    keeper.does(KEEPER, "peers", "add", handed(tmp_path, theirs(1)), "--checked")
    other = handed(tmp_path, theirs(2, made=2))
    refused = keeper.run(KEEPER, "peers", "add", other, "--checked")
    assert refused.status == 1
    assert "--replace" in refused.err
    told = keeper.does(KEEPER, "peers", "add", other, "--replace", "--json").json
    assert (told["change"], told["checked"], told["known"]) == ("unproven", False, True)


def test_a_card_that_follows_is_said_to(keeper: Desk, tmp_path: Path) -> None:
    keeper.does(KEEPER, "peers", "add", handed(tmp_path, theirs(1)), "--checked")
    keeper.bench.clock.now += SECOND
    done = keeper.does(KEEPER, "peers", "add", handed(tmp_path, theirs(1, made=2, url="http://two.example")))
    assert "follows the card" in done.out
    assert done.err == ""


def test_a_card_of_nobody_we_know_is_taken_with_a_warning(keeper: Desk, tmp_path: Path) -> None:
    stranger = theirs(1, party="identity--7d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a12")
    assert "No party of this identifier" in keeper.does(KEEPER, "peers", "add", handed(tmp_path, stranger)).err


def test_a_card_from_standard_input(keeper: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with open(handed(tmp_path, theirs(1)), encoding="utf-8") as given:
        monkeypatch.setattr("sys.stdin", given)
        assert keeper.does(KEEPER, "peers", "add", "-", "--json").json["party"] == JAPAN


@pytest.mark.parametrize("data", [b"", b"\x00" * 70_000, b"not a card\n", json.dumps({"party": JAPAN}).encode()])
def test_what_is_no_card_is_refused(keeper: Desk, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "no.card"
    path.write_bytes(data)
    refused = keeper.run(KEEPER, "peers", "add", str(path))
    assert (refused.status, refused.out) == (1, "")
    assert keeper.run(KEEPER, "peers", "add", str(tmp_path / "none")).status == 1


@pytest.mark.parametrize("reference", [JAPAN, "Agency Two", "japan"], ids=["identifier", "name-on-the-card", "alias"])
def test_a_card_is_forgotten_by_identifier_or_name(keeper: Desk, tmp_path: Path, reference: str) -> None:
    keeper.does(KEEPER, "peers", "add", handed(tmp_path, theirs(1)))
    assert "forgotten" in keeper.does(KEEPER, "peers", "remove", reference, "--why", "they left").out
    assert keeper.does(KEEPER, "peers", "list", "--json").json == []
    assert keeper.run(KEEPER, "peers", "remove", reference).status == 1


@pytest.mark.parametrize("who", ["analyst-one", "releaser-one", "auditor-one"])
def test_only_an_administrator_takes_and_forgets_cards(keeper: Desk, tmp_path: Path, who: str) -> None:
    path = handed(tmp_path, theirs(1))
    assert keeper.run(who, "peers", "add", path).status == 1
    keeper.does(KEEPER, "peers", "add", path)
    assert keeper.run(who, "peers", "remove", JAPAN).status == 1
    assert len(keeper.does(who, "peers", "list", "--json").json) == 1
