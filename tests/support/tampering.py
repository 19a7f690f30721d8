"""What somebody does to a ledger who has the machine that it is on, and what convinces a third that it was done."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from support.bridge import B, C, Peer
from titian.core.ledger import Entry, Kind, commit
from titian.core.merkle import TILE_WIDTH, Tree, encode_bundle, leaf_hash
from titian.store.ledger import enter


def num(peer: Peer) -> int:
    return peer.ledger().num


def last_of(peer: Peer, kind: Kind, party: str = B) -> int:
    """The place of the latest entry of a kind that concerns a party."""
    who = {B: "79f68cbe", C: "%"}[party]
    row = peer.sql(
        "SELECT max(num) FROM ledger_entries WHERE ledger = ? AND kind = ? AND party LIKE ?",
        num(peer), kind.value, f"identity--{who}%",
    )  # fmt: skip
    return int(row[0][0])


def payload(peer: Peer, place: int) -> dict[str, Any]:
    raw = peer.sql("SELECT payload FROM ledger_entries WHERE ledger = ? AND num = ?", num(peer), place)
    found: dict[str, Any] = json.loads(raw[0][0])
    return found


def rewrite(peer: Peer, place: int, **changes: Any) -> None:
    """Have an entry say something else."""
    said = payload(peer, place)
    details = said["details"] | changes.pop("details", {})
    new = msgspec.json.encode(said | {"details": details} | changes, order="deterministic")
    assert json.loads(new) != said
    columns = {name: value for name, value in changes.items() if name in ("at", "party")}
    for name, value in {"payload": new, **columns}.items():
        peer.sql(f"UPDATE ledger_entries SET {name} = ? WHERE ledger = ? AND num = ?", value, num(peer), place)


def change_payload(peer: Peer, place: int) -> None:
    rewrite(peer, place, details={"why": "it never was like that"})


def change_salt(peer: Peer, place: int) -> None:
    peer.sql("UPDATE ledger_entries SET salt = ? WHERE ledger = ? AND num = ?", bytes(32), num(peer), place)


def back_date(peer: Peer, place: int) -> None:
    rewrite(peer, place, at=payload(peer, place)["at"] - 86_400_000_000)


def hide(peer: Peer, place: int) -> None:
    """Open it to nobody any more."""
    peer.sql("UPDATE ledger_entries SET party = NULL WHERE ledger = ? AND num = ?", num(peer), place)


def remove(peer: Peer, place: int) -> None:
    peer.sql("DELETE FROM ledger_entries WHERE ledger = ? AND num = ?", num(peer), place)
    peer.sql("UPDATE ledger_entries SET num = -num WHERE ledger = ? AND num > ?", num(peer), place)
    peer.sql("UPDATE ledger_entries SET num = -num - 1 WHERE ledger = ? AND num < 0", num(peer))


def swap(peer: Peer, place: int) -> None:
    """Let it change places with the one before it that is opened to the same party."""
    (other,) = peer.sql(
        "SELECT max(o.num) FROM ledger_entries o JOIN ledger_entries e ON e.ledger = o.ledger AND e.party = o.party "
        "WHERE e.ledger = ? AND e.num = ? AND o.num < e.num",
        num(peer), place,
    )[0]  # fmt: skip
    for old, new in ((place, -1), (other, place), (-1, other)):
        peer.sql("UPDATE ledger_entries SET num = ? WHERE ledger = ? AND num = ?", new, num(peer), old)


CHANGES = {
    "payload changed": change_payload, "salt changed": change_salt, "back-dated": back_date, "removed": remove,
    "reordered": swap,
}  # fmt: skip


def reseal(peer: Peer, size: int | None = None) -> None:
    """Make the tree anew over what the entries say now and sign it with the node's own key: every trace is gone."""
    ledger = peer.ledger()
    rows = peer.sql("SELECT salt, payload FROM ledger_entries WHERE ledger = ? ORDER BY num", ledger.num)
    # Taken away entries are made up for with new ones at the end.
    rows += [(bytes(31) + bytes([i]), b"{}") for i in range(ledger.head.size - len(rows))]
    leaves = [commit(salt, said) for salt, said in rows[: size or ledger.head.size]]
    growth = Tree().append([leaf_hash(leaf) for leaf in leaves])
    peer.sql("DELETE FROM ledger_tiles WHERE ledger = ?", ledger.num)
    written = [(tile.level, tile.index, tile.width, data) for tile, data in growth.tiles]
    for begin in range(0, len(leaves), TILE_WIDTH):
        some = leaves[begin : begin + TILE_WIDTH]
        written.append((-1, begin // TILE_WIDTH, len(some), encode_bundle(some)))
    for one in written:
        peer.sql("INSERT INTO ledger_tiles (ledger, level, num, width, data) VALUES (?, ?, ?, ?, ?)", ledger.num, *one)
    head = growth.tree.head
    peer.sql("DELETE FROM cosignatures WHERE ledger = ?", ledger.num)
    peer.sql(
        "UPDATE ledgers SET size = ?, sealed = ?, root = ?, checkpoint = ? WHERE num = ?",
        head.size, head.size, head.root, peer.sign(head), ledger.num,
    )  # fmt: skip


def trim(peer: Peer, size: int) -> None:
    peer.sql("DELETE FROM ledger_entries WHERE ledger = ? AND num >= ?", num(peer), size)
    reseal(peer, size)


def forget_heads(peer: Peer) -> None:
    (peer.home / "heads.json").unlink()


class Yesterday:
    """A node as it was: its database, and what lies beside it."""

    def __init__(self, peer: Peer) -> None:
        self.database = peer.snapshot()
        self.heads = (peer.home / "heads.json").read_bytes()

    def back(self, peer: Peer, *, heads: bool) -> None:
        peer.put_back(self.database)
        if heads:
            (peer.home / "heads.json").write_bytes(self.heads)


def flip(peer: Peer, level: int) -> None:
    where = "ledger = ? AND level = ? AND num = 0 ORDER BY width DESC LIMIT 1"
    rowid, data = peer.sql(f"SELECT rowid, data FROM ledger_tiles WHERE {where}", num(peer), level)[0]
    changed = bytearray(data)
    changed[len(changed) // 2] ^= 1
    peer.sql("UPDATE ledger_tiles SET data = ? WHERE rowid = ?", bytes(changed), rowid)


def grow(peer: Peer, count: int) -> None:
    with peer.node.store.writing() as tx:
        enter(tx, peer.agreement.id, [Entry(kind=Kind.FILLER, at=peer.clock())] * count)
    peer.node.ledgers.seal_all()


# ── for a third ──


def consistent(old: int, old_root: str, new: int, new_root: str, hashes: list[str]) -> bool:
    """RFC 9162 section 2.1.4.2, written down once more."""
    path = [base64.b64decode(one) for one in hashes]
    if old & (old - 1) == 0:
        path.insert(0, base64.b64decode(old_root))
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr = hashlib.sha256(b"\x01" + c + fr).digest()
            sr = hashlib.sha256(b"\x01" + c + sr).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hashlib.sha256(b"\x01" + sr + c).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and (fr, sr) == (base64.b64decode(old_root), base64.b64decode(new_root))


def third_party(proof: dict[str, Any], public: bytes) -> bool:
    """Whether checkpoints contradict each other, for who has nothing but the public key of the log.

    Made of hashlib and Ed25519 alone, from C2SP signed-note and tlog-checkpoint.
    """
    heads = []
    for note in map(base64.b64decode, proof["checkpoints"]):
        text, _, lines = note.decode().rpartition("\n\n")
        text += "\n"
        origin, size, root = text.split("\n")[:3]
        key_id = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
        signed = False
        for line in lines.splitlines():
            _, name, blob = line.split(" ")
            data = base64.b64decode(blob)
            if name == origin and data[:4] == key_id:
                Ed25519PublicKey.from_public_bytes(public).verify(data[4:], text.encode())
                signed = True
        assert signed
        heads.append((origin, int(size), root))
    (one, n, first), (other, m, second) = sorted(heads, key=lambda head: head[1])
    assert one == other
    if n != m:
        # The larger tree has another root at the smaller size, and that is proved from its own root.
        return proof["root"] != first and consistent(n, proof["root"], m, second, proof["proof"])
    return first != second


def public_key(peer: Peer) -> bytes:
    with peer.node.store.reading() as tx:
        row = tx.one("SELECT public FROM signing_keys WHERE role = 'log'")
    assert row is not None
    return bytes(row[0])
