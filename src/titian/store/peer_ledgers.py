"""What this node remembers of others' ledgers, in the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from titian.core.ledger import Opened
from titian.core.ledger_watch import Watch
from titian.core.merkle import TreeHead
from titian.core.peer_ledger import PeerLedger, TrustedKey
from titian.store.acts import record
from titian.store.database import Transaction
from titian.store.ledger_book import keep_evidence
from titian.store.registry import list_collections
from titian.store.store import Store

_encode: Final = msgspec.msgpack.Encoder().encode
_keys: Final = msgspec.msgpack.Decoder(tuple[TrustedKey, ...]).decode
_watch: Final = msgspec.msgpack.Decoder(Watch).decode
_COLUMNS: Final = (
    "origin", "id", "party", "agreement", "url", "keys", "size", "root", "checkpoint", "seen", "position", "state",
    "broken",
)  # fmt: skip
_PEER: Final = f"SELECT {', '.join(_COLUMNS)} FROM peer_ledgers"


class Evidence(msgspec.Struct, frozen=True):
    """A proof that is kept: when it was found (microseconds), about which ledger, what it shows, and its bytes."""

    num: int
    at: int
    origin: str
    what: str
    body: bytes


def _peer(row: tuple[Any, ...]) -> PeerLedger:
    return PeerLedger(
        origin=row[0], id=row[1], party=row[2], agreement=row[3], url=row[4], keys=_keys(bytes(row[5])),
        head=TreeHead(row[6], bytes(row[7])), checkpoint=None if row[8] is None else bytes(row[8]), seen=row[9],
        position=row[10], watch=_watch(bytes(row[11])), broken=row[12],
    )  # fmt: skip


def _row(peer: PeerLedger) -> tuple[Any, ...]:
    return (
        peer.origin, peer.id, peer.party, peer.agreement, peer.url, _encode(peer.keys), peer.head.size, peer.head.root,
        peer.checkpoint, peer.seen, peer.position, _encode(peer.watch), peer.broken,
    )  # fmt: skip


class PeerLedgers:
    """The memory of a witness. Each call is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def now(self) -> int:
        """The node's clock, in microseconds."""
        return self._store.clock()

    def all(self) -> list[PeerLedger]:
        """Every ledger that is remembered."""
        with self._store.reading() as tx:
            return [_peer(row) for row in tx.all(f"{_PEER} ORDER BY party, origin")]

    def get(self, origin: str) -> PeerLedger | None:
        """One of them."""
        with self._store.reading() as tx:
            return _read(tx, origin)

    def compare_and_set(self, before: PeerLedger | None, after: PeerLedger) -> bool:
        """Remember a head in the place of another one, durably; whether that other one was still what is remembered.

        A witness checks and persists in one step, before it answers (C2SP tlog-witness).
        """
        with self._store.writing() as tx:
            held = _read(tx, after.origin)
            if (held is None) != (before is None) or (held and before and held.head != before.head):
                return False
            if held is not None and held.broken is not None and before is not None and before.broken is None:
                return False
            _write(tx, after)
        return True

    def read_on(self, peer: PeerLedger, opened: Sequence[Opened], entries: Mapping[bytes, int]) -> None:
        """Remember what was read on in a ledger, and which of its entries record the pages that arrived."""
        with self._store.writing() as tx:
            held = _read(tx, peer.origin)
            if held is not None and held.head.size > peer.head.size:
                peer = msgspec.structs.replace(peer, head=held.head, checkpoint=held.checkpoint, seen=held.seen)
            if held is not None and held.broken is not None:
                # Another process has found it out meanwhile, and that stays.
                peer = msgspec.structs.replace(peer, broken=held.broken)
            _write(tx, peer)
            for one in opened:
                tx.run("DELETE FROM peer_entries WHERE origin = ? AND num = ?", peer.origin, one.num)
            rows = [(peer.origin, one.num, one.salt, one.payload) for one in opened]
            tx.insert("peer_entries", ("origin", "num", "salt", "payload"), rows)
            for digest, num in entries.items():
                tx.run("UPDATE arrivals SET origin = ?, entry = ? WHERE digest = ? AND party = ? AND entry IS NULL",
                       peer.origin, num, digest, peer.party)  # fmt: skip

    def received(self, party: str, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Those of some pages that arrived from a party, and how many objects each had."""
        query = "SELECT count FROM arrivals WHERE digest = ? AND party = ? ORDER BY num LIMIT 1"
        with self._store.reading() as tx:
            found = {one: tx.one(query, one, party) for one in digests}
        return {digest: int(row[0]) for digest, row in found.items() if row is not None}

    def entries(self, origin: str, nums: Collection[int] | None = None) -> list[Opened]:
        """Entries that were opened to this node."""
        with self._store.reading() as tx:
            rows = tx.all("SELECT num, salt, payload FROM peer_entries WHERE origin = ? ORDER BY num", origin)
        return [Opened(row[0], bytes(row[1]), bytes(row[2])) for row in rows if nums is None or row[0] in nums]

    def shares(self, party: str, agreement: str | None) -> bool:
        """Whether a party has something open to it under an agreement here, now: it may know that it is used."""
        at = self._store.clock()
        with self._store.reading() as tx:
            return agreement is not None and any(
                one.agreement == agreement and one.party == party and one.is_open(at) for one in list_collections(tx)
            )

    def broke(self, origin: str, what: str, body: bytes) -> None:
        """Remember that a ledger is not what it was, with the proof of it."""
        with self._store.writing() as tx:
            tx.run("UPDATE peer_ledgers SET broken = ? WHERE origin = ? AND broken IS NULL", what, origin)
            keep_evidence(tx, self._store.clock(), origin, what, body)

    def mend(self, origin: str, *, person: str, why: str) -> None:
        """Go on with a ledger that was found broken, because a person says so: its next head is taken as it comes, and
        it is read again from its first entry. The proofs of what it was stay."""
        with self._store.writing() as tx:
            tx.run(
                "UPDATE peer_ledgers SET broken = NULL, checkpoint = NULL, size = 0, position = 0, state = ? "
                "WHERE origin = ?",
                _encode(Watch()), origin,
            )  # fmt: skip
            tx.run("DELETE FROM peer_entries WHERE origin = ?", origin)
            record(tx, at=self._store.clock(), person=person, act="mend-peer-ledger", subject=origin, why=why)

    def evidence(self) -> list[Evidence]:
        """Every proof that is kept, oldest first."""
        with self._store.reading() as tx:
            rows = tx.all("SELECT num, at, origin, what, body FROM evidence ORDER BY num")
        return [Evidence(row[0], row[1], row[2], row[3], bytes(row[4])) for row in rows]


def _read(tx: Transaction, origin: str) -> PeerLedger | None:
    row = tx.one(f"{_PEER} WHERE origin = ?", origin)
    return None if row is None else _peer(row)


def _write(tx: Transaction, peer: PeerLedger) -> None:
    tx.run("DELETE FROM peer_ledgers WHERE origin = ?", peer.origin)
    tx.insert("peer_ledgers", _COLUMNS, [_row(peer)])
