"""Sealing the ledgers of this node, and refusing to where they are not what they were (law 10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, Protocol

import msgspec

from titian.core.checkpoint import Checkpoint, Head, never, sign_checkpoint
from titian.core.errors import Refused, TitianError, Unavailable
from titian.core.ledger import EVERYBODY, Entry, Kind
from titian.core.merkle import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Tree,
    TreeHead,
    consistency_proof,
    decode_bundle,
    encode_bundle,
    inclusion_flaw,
    inclusion_proof,
    leaf_hash,
    load_tree,
    root_at,
)
from titian.core.notes import Signature, SignatureType, SignedNote, VerifierKey, verify
from titian.core.signing import NamedSigner, Secret, SigningKey, change, witness_name
from titian.core.witness import Due, Submission, is_signed
from titian.store.database import Transaction
from titian.store.ledger import (
    BUNDLES,
    Ledger,
    StoredTiles,
    enter_in,
    entries_between,
    ledger_by_id,
    ledger_by_num,
    list_ledgers,
)
from titian.store.store import Store

ROUND: Final = 16
"""What partners can see of a ledger grows in steps of this many entries: how many of them say something, and what, is
not for everybody who sees the tree."""
_GROUP: Final = 64 * TILE_WIDTH
_CHECKED: Final = 8
"""Old bundles that are read again with each seal: 2,048 entries."""
_KEPT: Final = 4
"""Cosignatures kept of each witness."""


class Heads(Protocol):
    """What was signed last, remembered outside the database."""

    def write(self, origin: str, size: int, root: bytes, at: int) -> bool:
        """Remember a head that was signed, never an older one; whether it is further."""
        ...

    def knows(self, origin: str) -> bool:
        """Whether anything that was signed of a ledger is remembered."""
        ...

    def behind(
        self, origin: str, size: int, root: bytes, *, root_at: Callable[[int], bytes | None] | None = None
    ) -> str | None:
        """Why a ledger with this head, and these roots before it, is not what was signed last, or None."""
        ...


class Keys(Protocol):
    """Who signs for this node."""

    def log_secrets(self, tx: Transaction, at: int) -> Sequence[Secret]:
        """The keys under which checkpoints are signed now, the newest first; during a rotation there are two."""
        ...


class Sealed(msgspec.Struct, frozen=True):
    """What became of sealing one ledger: how many entries are new under its checkpoint, or why there is none."""

    ledger: Ledger
    added: int = 0
    halted: str | None = None


class LedgerBook:
    """Seals what was entered: fills up, grows the tree, and signs its head."""

    def __init__(self, store: Store, keys: Keys, heads: Heads, card: Callable[[], str] = lambda: "") -> None:
        self.card = card
        self._place: dict[int, int] = {}
        self._store = store
        self._keys = keys
        self._heads = heads

    def ledgers(self) -> list[Ledger]:
        """Every ledger of this node."""
        with self._store.reading() as tx:
            return list_ledgers(tx)

    def seal_all(self) -> list[Sealed]:
        """Seal every ledger in which something was entered since its last checkpoint; what became of each.

        One that is behind what this node has signed is halted even when nothing waits in it.
        """
        found = []
        for one in self.ledgers():
            if one.halted is not None or one.closed is not None:
                continue
            try:
                with self._store.reading() as tx:
                    behind = self._behind(tx, one)
                if one.size > one.head.size or behind is not None:
                    found.append(self.seal(one.num))
            except TitianError as error:
                # The others are sealed all the same.
                found.append(Sealed(one, halted=error.message))
        return found

    def _behind(self, tx: Transaction, ledger: Ledger) -> str | None:
        """Why a ledger is not what this node has signed last, as is remembered outside the database.

        Raises :class:`titian.core.errors.Unavailable` when that cannot be read now.
        """
        tiles = StoredTiles(tx, ledger.num)
        try:
            if ledger.signed is not None and not self._heads.knows(ledger.origin):
                return "What this node has signed last is not remembered beside its database any more."
            return self._heads.behind(
                ledger.origin, ledger.head.size, ledger.head.root, root_at=lambda size: _root_at(tiles, size)
            )
        except Refused as error:
            return error.message

    def seal(self, num: int) -> Sealed:
        """Seal one ledger: in one transaction, and never over damage or behind what was signed before (law 10).

        A ledger of which either is found is halted, with the reason, until a person decides. Raises
        :class:`titian.core.errors.Unavailable` when there is no key to sign with.
        """
        try:
            with self._store.writing() as tx:
                done = self._seal(tx, ledger_by_num(tx, num))
        except Refused as error:
            # What was written until then is undone; that it could not be signed stays.
            with self._store.writing() as tx:
                return self._halt(tx, ledger_by_num(tx, num), error.message)
        if done.added:
            head, at = done.ledger.head, done.ledger.signed or 0
            self._heads.write(done.ledger.origin, head.size, head.root, at)
        return done

    def _seal(self, tx: Transaction, ledger: Ledger) -> Sealed:
        if ledger.halted is not None or ledger.closed is not None:
            return Sealed(ledger, halted=ledger.halted)
        behind = self._behind(tx, ledger)
        if ledger.size == ledger.head.size and behind is None:
            return Sealed(ledger)
        now = self._store.clock()
        try:
            secrets = self._keys.log_secrets(tx, now)
        except TitianError as error:
            # A key that cannot be used is nothing that was found about the ledger.
            raise Unavailable("The ledger cannot be signed now.", advice=str(error)) from error
        try:
            if behind is not None:
                raise Refused(behind)
            tree = load_tree(StoredTiles(tx, ledger.num), ledger.head)
            self._check_some(tx, ledger)
        except TitianError as error:
            return self._halt(tx, ledger, error.message)
        size = _fill(tx, ledger, now)
        tree = _grow(tx, ledger, tree, size)
        # What will be served is read once more before it is signed: a disk that lies is found now, not by a partner.
        if load_tree(StoredTiles(tx, ledger.num), tree.head) != tree:
            raise Refused("The tiles that were just written read otherwise.", advice="Check the disk.")
        if ledger.signed is None:
            # Before the first checkpoint is there: a process that dies right after it must not look like one whose
            # memory beside the database was lost.
            self._heads.write(ledger.origin, 0, EMPTY_ROOT, now)
        note = self._sign(ledger, tree.head, secrets, now)
        tx.run(
            "UPDATE ledgers SET sealed = ?, root = ?, checkpoint = ?, signed = ? WHERE num = ?",
            tree.head.size, tree.head.root, note.encode(), now, ledger.num,
        )  # fmt: skip
        return Sealed(ledger_by_num(tx, ledger.num), tree.head.size - ledger.head.size)

    def _check_some(self, tx: Transaction, ledger: Ledger) -> None:
        """Read the last bundle again, and some that were signed long ago, others each time: damage anywhere is found
        after a few seals, and not only when somebody verifies."""
        bundles = -(-ledger.head.size // TILE_WIDTH)
        if not bundles:
            return
        begin = self._place.get(ledger.num, 0) % bundles
        some = {(begin + step) % bundles for step in range(min(_CHECKED, bundles))} | {bundles - 1}
        for index in sorted(some):
            _check_bundle(tx, ledger, index)
        self._place[ledger.num] = begin + _CHECKED

    @staticmethod
    def _sign(ledger: Ledger, head: TreeHead, secrets: Sequence[Secret], now: int) -> SignedNote:
        checkpoint = Checkpoint(ledger.origin, head.size, head.root)
        before = Head(ledger.origin, ledger.head.size, ledger.head.root)
        refusal = never(before if ledger.head.size else None, checkpoint, now, extends=True)
        if refusal is not None:
            raise Refused(refusal.value)
        signers = [NamedSigner(ledger.origin, SignatureType.ED25519, secret) for secret in secrets]
        note = sign_checkpoint(checkpoint, signers[0])
        return note.signed(*(sign_checkpoint(checkpoint, one).signatures[0] for one in signers[1:]))

    @staticmethod
    def _halt(tx: Transaction, ledger: Ledger, why: str) -> Sealed:
        tx.run("UPDATE ledgers SET halted = ? WHERE num = ?", why, ledger.num)
        return Sealed(ledger_by_num(tx, ledger.num), halted=why)

    def halt(self, num: int, why: str) -> None:
        """Sign nothing more of a ledger until a person decides."""
        with self._store.writing() as tx:
            self._halt(tx, ledger_by_num(tx, num), why)

    # ── witnesses ─────────────────────────────────────────────────────────────────────────────────────────

    def published(self, tx: Transaction, ledger: Ledger) -> bytes | None:
        """The last checkpoint with the cosignatures that witnesses gave it, as it is served."""
        if ledger.checkpoint is None or ledger.head.size == 0:
            return None
        lines = tx.all(
            "SELECT line FROM cosignatures WHERE ledger = ? AND size = ? AND root = ? ORDER BY key",
            ledger.num, ledger.head.size, ledger.head.root,
        )  # fmt: skip
        note = SignedNote.parse(ledger.checkpoint)
        return note.signed(*(Signature.parse(str(line)) for (line,) in lines)).encode()

    def hear(self, identifier: str, note: SignedNote, witness: VerifierKey, party: str | None) -> bool:
        """Take the cosignature of a witness under a checkpoint that this node signed; whether it fits.

        What a witness shows can also tell that this node has gone back: it bears our signature, and the ledger is
        shorter than that, or was another one. Then the ledger is halted, and what was shown is kept as evidence.

        :param party: whose witness it is; None for one that an administrator named.
        :raises InvalidInput: for what is no checkpoint. :raises Refused: for one that this node has not signed, that
            does not fit, or when the party has another witness key here.
        """
        checkpoint = Checkpoint.parse(note.text)
        with self._store.writing() as tx:
            ledger = ledger_by_id(tx, identifier)
            if checkpoint.origin != ledger.origin or checkpoint.size == 0:
                raise Refused("This is a checkpoint of another ledger.")
            if not is_signed(note, self.log_keys(tx, ledger)):
                raise Refused("This node has not signed this checkpoint.")
            why = _gone_back(tx, ledger, checkpoint)
            if why is None:
                line = _cosignature(note, witness)
                _know_witness(tx, witness, party, self._store.clock())
                self._keep_cosignature(tx, ledger, witness, checkpoint, line)
                return True
            keep_evidence(tx, self._store.clock(), ledger.origin, why, note.encode())
            self._halt(tx, ledger, why)
        return False

    def log_keys(self, tx: Transaction, ledger: Ledger) -> list[VerifierKey]:
        """Every key that has ever signed this ledger for this node, and was never called compromised."""
        rows = tx.all("SELECT public FROM signing_keys WHERE role = 'log' AND compromised IS NULL ORDER BY num DESC")
        return [VerifierKey(ledger.origin, SignatureType.ED25519, bytes(public)) for (public,) in rows]

    def current_keys(self, tx: Transaction, ledger: Ledger) -> list[VerifierKey]:
        """The keys that sign this ledger now, the newest first."""
        secrets = self._keys.log_secrets(tx, self._store.clock())
        return [VerifierKey(ledger.origin, SignatureType.ED25519, secret.public) for secret in secrets]

    def submission(self, num: int, old: int) -> Submission | None:
        """The last checkpoint of a ledger, with a proof from ``old`` entries; None when it has fewer, or none."""
        with self._store.reading() as tx:
            return self._submission(tx, ledger_by_num(tx, num), old)

    @staticmethod
    def _submission(tx: Transaction, ledger: Ledger, old: int) -> Submission | None:
        if ledger.checkpoint is None or old > ledger.head.size:
            return None
        grown = 0 < old < ledger.head.size
        proof = consistency_proof(StoredTiles(tx, ledger.num), old, ledger.head.size) if grown else ()
        return Submission(old, tuple(proof), SignedNote.parse(ledger.checkpoint))

    def due(self) -> list[Due]:
        """Checkpoints that are to be shown to witnesses which take submissions."""
        found = []
        with self._store.reading() as tx:
            asked = tx.all("SELECT key, url FROM witnesses WHERE url IS NOT NULL AND removed IS NULL ORDER BY key")
            for ledger in list_ledgers(tx) if asked else ():
                for key, url in asked if ledger.halted is None and ledger.closed is None else ():
                    seen = tx.one("SELECT max(size) FROM cosignatures WHERE ledger = ? AND key = ?", ledger.num, key)
                    old = int(seen[0]) if seen and seen[0] is not None else 0
                    made = None if old == ledger.head.size else self._submission(tx, ledger, old)
                    if made is not None:
                        who = VerifierKey.parse(str(key))
                        found.append(Due(ledger.num, ledger.id, ledger.origin, who, str(url), made))
        return found

    def _keep_cosignature(
        self, tx: Transaction, ledger: Ledger, key: VerifierKey, checkpoint: Checkpoint, line: Signature
    ) -> None:
        who = (ledger.num, str(key), checkpoint.size)
        tx.run("DELETE FROM cosignatures WHERE ledger = ? AND key = ? AND size = ?", *who)
        tx.run(
            "INSERT INTO cosignatures (ledger, key, size, root, line, at) VALUES (?, ?, ?, ?, ?, ?)",
            *who, checkpoint.root, str(line).removesuffix("\n"), self._store.clock(),
        )  # fmt: skip
        old = tx.all(
            "SELECT size FROM cosignatures WHERE ledger = ? AND key = ? ORDER BY size DESC", ledger.num, str(key)
        )
        for (each,) in old[_KEPT:]:
            tx.run("DELETE FROM cosignatures WHERE ledger = ? AND key = ? AND size = ?", ledger.num, str(key), each)


def _root_at(tiles: StoredTiles, size: int) -> bytes | None:
    """The root at a size, None when the tiles do not give it."""
    try:
        return root_at(tiles, size)
    except TitianError:
        return None


def _gone_back(tx: Transaction, ledger: Ledger, checkpoint: Checkpoint) -> str | None:
    """Why a checkpoint that this node has signed shows that the ledger has gone back, or None."""
    if checkpoint.size > ledger.head.size:
        return f"A witness holds a checkpoint of {checkpoint.size} entries; the ledger has {ledger.head.size}."
    try:
        there = root_at(StoredTiles(tx, ledger.num), checkpoint.size)
    except TitianError as error:
        return f"The ledger cannot be read at {checkpoint.size} entries: {error.message}"
    if there != checkpoint.root:
        return f"A witness holds a checkpoint of {checkpoint.size} entries with another root: an entry was changed."
    return None


def _cosignature(note: SignedNote, witness: VerifierKey) -> Signature:
    """The line of a witness under a note. Raises :class:`Refused` when there is none that fits."""
    for line in note.signatures:
        if (line.name, line.key_id) == (witness.name, witness.id) and verify(witness, note.text, line) is not None:
            return line
    raise Refused(f"{witness.name} has not cosigned this checkpoint.")


def _know_witness(tx: Transaction, witness: VerifierKey, party: str | None, at: int) -> None:
    """Take a party's first witness key as it comes; for another one, somebody has to say so."""
    if witness.type is not SignatureType.COSIGNATURE:
        raise Refused("A witness signs with a key of type 0x04.")
    if tx.one("SELECT 1 FROM witnesses WHERE key = ? AND removed IS NULL", str(witness)) is not None:
        return
    if party is None or witness.name != witness_name(party):
        raise Refused("This witness is not known here.", advice="`titian ledger witnesses add` names one.")
    if tx.one("SELECT 1 FROM witnesses WHERE party = ?", party) is not None:
        raise Refused(
            "This party has another witness key here.", advice="`titian ledger witnesses add` takes its new one."
        )
    tx.run("INSERT INTO witnesses (key, party, url, created) VALUES (?, ?, NULL, ?)", str(witness), party, at)


def witness_keys(tx: Transaction) -> list[VerifierKey]:
    """The keys of those whose cosignatures this node takes."""
    rows = tx.all("SELECT key FROM witnesses WHERE removed IS NULL ORDER BY key")
    return [VerifierKey.parse(str(key)) for (key,) in rows]


def keep_evidence(tx: Transaction, at: int, origin: str, what: str, body: bytes) -> None:
    """Keep a proof that a ledger is not what it was."""
    held = tx.one("SELECT 1 FROM evidence WHERE origin = ? AND body = ?", origin, body)
    if held is None:
        tx.run("INSERT INTO evidence (at, origin, what, body) VALUES (?, ?, ?, ?)", at, origin, what, body)


def key_changed(tx: Transaction, old: SigningKey | None, new: SigningKey | None, at: int) -> None:
    """Enter a change of this node's signing keys into every ledger; every party may open that."""
    for ledger in list_ledgers(tx):
        if ledger.closed is None:
            enter_in(tx, ledger.num, [Entry(kind=Kind.KEY, at=at, party=EVERYBODY, details=change(old, new))])


def _check_bundle(tx: Transaction, ledger: Ledger, index: int) -> None:
    """Whether the entries of a bundle are still what was signed: their commitments, the bundle, and the tile over it,
    up to the root. Raises :class:`Refused`."""
    start = index * TILE_WIDTH
    width = min(TILE_WIDTH, ledger.head.size - start)
    tiles = StoredTiles(tx, ledger.num)
    leaves = [one.leaf for one in entries_between(tx, ledger.num, start, start + width)]
    stored = decode_bundle(tiles.part(BUNDLES, index, width))
    row = tiles.part(0, index, width)
    same = len(leaves) == width and tuple(leaves) == stored and b"".join(map(leaf_hash, stored)) == row
    if not same or inclusion_flaw(
        inclusion_proof(tiles, start, ledger.head.size), leaf=leaf_hash(leaves[0]), index=start, head=ledger.head
    ):
        raise Refused(f"Entries {start} to {start + width - 1} are not what the ledger was signed with.")


def _fill(tx: Transaction, ledger: Ledger, now: int) -> int:
    """Add fillers to what partners see, up to a whole step; the size after that."""
    missing = 0 if ledger.agreement is None else -ledger.size % ROUND
    if missing:
        enter_in(tx, ledger.num, [Entry(kind=Kind.FILLER, at=now)] * missing)
    return ledger.size + missing


def _grow(tx: Transaction, ledger: Ledger, tree: Tree, size: int) -> Tree:
    """Put what was entered into the tree, its tiles and its bundles."""
    tiles = StoredTiles(tx, ledger.num)
    before = tree.size
    start = before // TILE_WIDTH * TILE_WIDTH
    entries = entries_between(tx, ledger.num, start, size)
    leaves = [one.leaf for one in islice(entries, before - start)]
    while group := [one.leaf for one in islice(entries, _GROUP)]:
        growth = tree.append([leaf_hash(leaf) for leaf in group])
        tree = growth.tree
        for tile, data in growth.tiles:
            tiles.write(tile.level, tile.index, tile.width, data)
        leaves += group
        leaves = _write_bundles(tiles, leaves, tree.size)
    if tree.size != size:
        raise Refused(f"The ledger has entries for {tree.size} of its {size} places.")
    return tree


def _write_bundles(tiles: StoredTiles, leaves: list[bytes], size: int) -> list[bytes]:
    """Write the bundles of leaves from a whole bundle on, up to ``size``; returns those of the partial one."""
    index = (size - len(leaves)) // TILE_WIDTH
    for begin in range(0, len(leaves), TILE_WIDTH):
        some = leaves[begin : begin + TILE_WIDTH]
        tiles.write(BUNDLES, index + begin // TILE_WIDTH, len(some), encode_bundle(some))
    return leaves[len(leaves) // TILE_WIDTH * TILE_WIDTH :]
