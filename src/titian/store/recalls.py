"""Recalls in the database: those that this node made, with each recipient, those that it received, and flags."""

from __future__ import annotations

from collections.abc import Collection as Many
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import ahocorasick_rs
import msgspec

from titian.core.collection import Kind
from titian.core.recall import Holder, Recall, Received, ReceivedState, Recipient, State
from titian.store.database import Transaction
from titian.store.log import Log
from titian.store.pages import LATEST, read_segments
from titian.store.registry import list_collections

_recall: Final = msgspec.msgpack.Decoder(Recall).decode
_received: Final = msgspec.msgpack.Decoder(Received).decode
_recipient: Final = msgspec.msgpack.Decoder(Recipient).decode
_encode: Final = msgspec.msgpack.Encoder().encode
_AT_ONCE: Final = 800
_ESCAPED: Final = (b"\\u002d", b"\\u002D")
"""A hyphen as JSON can spell it: an identifier could be written so."""


class RecallRows:
    """The rows in one transaction (:class:`titian.core.recall.RecallBook`)."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx

    # ── what this node recalled ───────────────────────────────────────────────────────────────────────────

    def sent(self, states: Many[State] | None = None) -> list[Recall]:
        """Recalls of this node's own, oldest first, all of them or those in some states."""
        return [_recall(bytes(body)) for body in self._bodies(True, states)]

    def _bodies(self, outgoing: bool, states: Many[str] | None) -> list[Any]:
        words = None if states is None else sorted(str(one) for one in states)
        if words == []:
            return []
        among = "" if words is None else f" AND state IN ({', '.join('?' * len(words))})"
        rows = self.tx.all(
            f"SELECT body FROM recalls WHERE outgoing = ?{among} ORDER BY created, id", outgoing, *(words or ())
        )
        return [row[0] for row in rows]

    def keep(self, recall: Recall) -> None:
        """Write a recall, or what became of it."""
        self._keep(recall.id, True, recall.agreement, recall.created, recall.deadline, recall.state, _encode(recall))

    def _keep(
        self, ident: str, outgoing: bool, agreement: str, created: int, deadline: int | None, state: str, body: bytes
    ) -> None:
        self.tx.run("DELETE FROM recalls WHERE id = ?", ident)
        self.tx.run(
            "INSERT INTO recalls (id, outgoing, agreement, created, deadline, state, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            ident, outgoing, agreement, created, deadline, str(state), body,
        )  # fmt: skip

    def recipients(self, recall: str) -> list[Recipient]:
        """Every recipient of a recall, by party."""
        rows = self.tx.all("SELECT body FROM recall_answers WHERE recall = ? ORDER BY party", recall)
        return [_recipient(bytes(row[0])) for row in rows]

    def keep_recipient(self, recall: str, recipient: Recipient) -> None:
        """Write a recipient, or what became of it."""
        answer = recipient.answer
        self.tx.run("DELETE FROM recall_answers WHERE recall = ? AND party = ?", recall, recipient.party)
        self.tx.run(
            "INSERT INTO recall_answers (recall, party, state, answered, body) VALUES (?, ?, ?, ?, ?)",
            recall, recipient.party, recipient.standing.value, None if answer is None else answer.at,
            _encode(recipient),
        )  # fmt: skip

    def told(self, party: str) -> list[tuple[str, Recipient]]:
        """What a party was asked to give back: as recipient, after the identifier of each recall."""
        rows = self.tx.all("SELECT recall, body FROM recall_answers WHERE party = ? ORDER BY recall", party)
        return [(str(recall), _recipient(bytes(body))) for recall, body in rows]

    def standing(self, agreement: str, party: str) -> list[Recipient]:
        """A party as recipient of the recalls under an agreement that were sent and not withdrawn."""
        rows = self.tx.all(
            "SELECT a.body FROM recalls r JOIN recall_answers a ON a.recall = r.id "
            "WHERE r.outgoing = ? AND r.state = ? AND r.agreement = ? AND a.party = ? ORDER BY r.created, r.id",
            True, State.SENT.value, agreement, party,
        )  # fmt: skip
        return [_recipient(bytes(row[0])) for row in rows]

    # ── what was recalled from this node ──────────────────────────────────────────────────────────────────

    def received(self, states: Many[ReceivedState] | None = None) -> list[Received]:
        """Recalls that were sent to this node, oldest first, all of them or those in some states."""
        return [_received(bytes(body)) for body in self._bodies(False, states)]

    def keep_received(self, recall: Received) -> None:
        """Write a recall that was sent to this node, or what became of it."""
        deadline = recall.message.deadline
        self._keep(recall.id, False, recall.via, recall.arrived, deadline, recall.state, _encode(recall))

    def flags(self) -> Mapping[str, str]:
        """Which objects are flagged, and by which recall."""
        return {str(identifier): str(recall) for identifier, recall in self.tx.all("SELECT id, recall FROM flags")}

    def flag(self, identifiers: Many[str], recall: str, at: int) -> None:
        """Flag objects; what another recall has flagged stays as it is."""
        new = set(identifiers) - self.flags().keys()
        self.tx.many("INSERT INTO flags (id, recall, at) VALUES (?, ?, ?)", [(one, recall, at) for one in sorted(new)])

    def unflag(self, identifiers: Many[str]) -> None:
        """Take flags away."""
        self.tx.many("DELETE FROM flags WHERE id = ?", [(one,) for one in sorted(identifiers)])


def places(tx: Transaction, log: Log, collection: int, identifiers: Many[str]) -> dict[str, tuple[int, ...]]:
    """Each ``date_added`` of objects in a collection, of every version, ascending."""
    found: dict[str, list[int]] = {}
    for identifier, number, added, _ in _entries(tx, log, identifiers):
        if number == collection:
            found.setdefault(identifier, []).append(added)
    return {identifier: tuple(sorted(added)) for identifier, added in found.items()}


def holders(tx: Transaction, log: Log, identifiers: Many[str]) -> dict[str, list[Holder]]:
    """The collections, of our own and received ones, that hold each of these objects."""
    kept = {one.num: one for one in list_collections(tx) if one.kind in (Kind.OWN, Kind.RECEIVED)}
    found: dict[str, list[Holder]] = {}
    for identifier, number, added, rank in _entries(tx, log, identifiers):
        if number in kept and rank & LATEST:
            found.setdefault(identifier, []).append(Holder(kept[number], added))
    return found


def _entries(tx: Transaction, log: Log, identifiers: Many[str]) -> Iterator[Sequence[Any]]:
    """Yield ``(id, collection, added, rank)`` of every version of objects, wherever it lies."""
    wanted = sorted(identifiers)
    for begin in range(0, len(wanted), _AT_ONCE):
        some = set(wanted[begin : begin + _AT_ONCE])
        rows = tx.all(
            f"SELECT id, collection, added, rank FROM entries {tx.using('ix_entries_id')}WHERE {tx.among('id_hash')}",
            tx.array([log.id_hash(one) for one in some]),
        )
        yield from (row for row in rows if row[0] in some)


def naming(tx: Transaction, collection: int, words: Many[str]) -> Iterator[bytes]:
    """Yield every version of every object of a collection in which one of these words could stand, in its order.

    What spells a hyphen by an escape is yielded too: it could be one of them.
    """
    if not words:
        return
    machine = ahocorasick_rs.BytesAhoCorasick([*(word.encode() for word in sorted(words)), *_ESCAPED])
    for (number,) in tx.all("SELECT num FROM segments WHERE collection = ? ORDER BY num", collection):
        data = read_segments(tx, [number])[number]
        hits = [start for _, start, _ in machine.find_matches_as_indexes(data)]
        if not hits:
            continue
        at = 0
        rows = tx.all("SELECT start, length FROM entries WHERE segment = ? ORDER BY start", number)
        for start, length in rows:
            while at < len(hits) and hits[at] < start:
                at += 1
            if at < len(hits) and hits[at] < start + length:
                yield data[start : start + length]
