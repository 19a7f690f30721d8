"""The cards of other nodes, and this node's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from titian.core.errors import InvalidInput, NotFound, Refused, TitianError
from titian.core.notes import VerifierKey
from titian.core.peer import MOST_KEYS, Card, Change, SignedCard, card_details, card_key, compare, sign_card
from titian.core.people import PROGRAM, Actor
from titian.core.signing import Role, current, witness_name
from titian.store.acts import record
from titian.store.database import Row, Transaction
from titian.store.signing import SigningKeys, read_signing_keys
from titian.store.store import Store

_SELECT = "SELECT card, added, adder, checked FROM peers"

Changed = Callable[[Transaction, Card | None, Card | None], None]
"""Is told in its transaction of a card that was added, changed or removed: the card before, and the card after."""


class Peer(msgspec.Struct, frozen=True):
    """Another node, by its card. ``added`` in microseconds since the Unix epoch, ``adder`` the id of an actor.

    ``checked`` says that somebody compared the fingerprint with the other side, of this card or of the one that its
    keys go back to; a card that is not was taken as it came.
    """

    signed: SignedCard
    added: int
    adder: str
    checked: bool

    @property
    def card(self) -> Card:
        """What the card says."""
        return self.signed.card


class AddedPeer(msgspec.Struct, frozen=True):
    """A peer whose card was added, and how the card stood to the one that was held before."""

    peer: Peer
    change: Change


def read_peers(tx: Transaction) -> list[Peer]:
    """Every peer, by the id of its party."""
    return [_peer(row) for row in tx.all(f"{_SELECT} ORDER BY party")]


def read_peer(tx: Transaction, party: str) -> Peer | None:
    """The peer of a party, or None."""
    row = tx.one(f"{_SELECT} WHERE party = ?", party)
    return None if row is None else _peer(row)


def _peer(row: Row) -> Peer:
    return Peer(SignedCard.parse(bytes(row[0])), row[1], row[2], bool(row[3]))


def _no_change(tx: Transaction, before: Card | None, after: Card | None) -> None:
    """Nobody is told."""


class Peers:
    """The cards that this node holds. ``recipient`` gives the age recipient of its own card, if it has one;
    ``changed`` is called in the transaction of every change."""

    def __init__(
        self,
        store: Store,
        signing: SigningKeys,
        recipient: Callable[[], str | None] = lambda: None,
        changed: Changed = _no_change,
    ) -> None:
        self._store = store
        self._signing = signing
        self._recipient = recipient
        self._changed = changed

    def ours(self, url: str | None = None) -> SignedCard:
        """This node's own card, signed now. Raises as :meth:`titian.store.signing.SigningKeys.signers` does, and
        :class:`InvalidInput` for an address that no card can have."""
        node, at, recipient = self._store.node, self._store.clock(), self._recipient()
        with self._store.reading() as tx:
            keys = read_signing_keys(tx)
            secrets = self._signing.signers(tx, Role.LOG, at)
        witness = current(keys, Role.WITNESS, at)
        if not witness:
            raise Refused(
                "This node has no witness key that signs now.", advice="`titian signing list` shows its keys."
            )
        card = Card(
            party=node.identity,
            name=node.name,
            keys=tuple(card_key(key) for key in keys if key.role is Role.LOG)[-MOST_KEYS:],
            witness=str(VerifierKey(witness_name(node.identity), Role.WITNESS.type, witness[0].public)),
            recipient=recipient,
            url=url,
            made=at,
        )
        return sign_card(card, secrets)

    def add(self, data: bytes, *, by: Actor, checked: bool = False, replace: bool = False) -> AddedPeer:
        """Hold a card. ``checked`` says that its fingerprint was compared with the other side.

        In the place of a card that is held already it needs the signature of a key of that one, which makes it as
        checked as that one was; or ``replace``, by which a person says that it is right all the same. Raises
        :class:`Refused` without either, and as :meth:`titian.core.peer.SignedCard.parse` does.
        """
        offered = SignedCard.parse(data)
        party = offered.card.party
        if party == self._store.node.identity:
            raise InvalidInput("This is the card of this node itself.", advice="Add the cards of others.")
        with self._store.writing() as tx:
            at = self._store.clock()
            held = read_peer(tx, party)
            change = compare(None if held is None else held.signed, offered, at)
            if change in {Change.OLDER, Change.UNPROVEN} and not replace:
                raise Refused(
                    f"This card cannot take the place of the one that is held of {offered.card.name}. {change.value}",
                    advice="Compare the fingerprint with the other side by telephone, then add it with --replace.",
                )
            follows = held is not None and change in {Change.SAME, Change.ROTATED}
            peer = Peer(offered, at, by.id, checked or (follows and held is not None and held.checked))
            tx.run("DELETE FROM peers WHERE party = ?", party)
            tx.run(
                "INSERT INTO peers (party, card, added, adder, checked) VALUES (?, ?, ?, ?, ?)",
                party, offered.encode(), peer.added, peer.adder, peer.checked,
            )  # fmt: skip
            self._changed(tx, None if held is None else held.card, offered.card)
            details = {**card_details(offered.card), "checked": peer.checked, "change": change.name.lower()}
            act = "add-peer" if held is None else "replace-peer"
            record(tx, at=at, person=by.id, act=act, subject=party, details=details)
        return AddedPeer(peer, change)

    def keys(self, party: str, origin: str) -> Sequence[VerifierKey]:
        """The keys that a party's card names for one of its ledgers; none without a card."""
        peer = self.get(party)
        return () if peer is None else peer.card.log_keys(origin, self._store.clock())

    def meet(self, card: str) -> str | None:
        """Hold a card as it comes, unless one is held of that party; the party's identifier. None for no card.

        One under a key of the held one that says something else takes its place, as in :meth:`add`; any other one is
        left alone, and so is one that is only newer: a node signs its card anew each time that it is asked.
        """
        try:
            offered = SignedCard.parse(card.encode())
        except TitianError:
            return None
        held = self.get(offered.card.party)
        if held is None or msgspec.structs.replace(held.card, made=offered.card.made) != offered.card:
            with suppress(TitianError):
                self.add(offered.encode(), by=PROGRAM)
        return offered.card.party

    def get(self, party: str) -> Peer | None:
        """The peer of a party, by the id of its identity, or None."""
        with self._store.reading() as tx:
            return read_peer(tx, party)

    def remove(self, party: str, *, by: Actor, why: str = "") -> Peer:
        """Forget a card. Raises :class:`NotFound` when none is held."""
        with self._store.writing() as tx:
            held = read_peer(tx, party)
            if held is None:
                raise NotFound(f"No card of {party} is held.", advice="`titian peers list` shows those that are.")
            tx.run("DELETE FROM peers WHERE party = ?", party)
            self._changed(tx, held.card, None)
            record(tx, at=self._store.clock(), person=by.id, act="remove-peer", subject=party, why=why,
                   details={**card_details(held.card), "checked": held.checked})  # fmt: skip
        return held

    def list(self) -> Sequence[Peer]:
        """Every peer, by the id of its party."""
        with self._store.reading() as tx:
            return read_peers(tx)
