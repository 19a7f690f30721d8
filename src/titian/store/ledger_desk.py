"""What people do with the ledgers of their own node: read, check, prove, and decide how one goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from titian.core.checkpoint import Checkpoint, Proof
from titian.core.entry_proof import make_receipt
from titian.core.errors import InvalidInput, NotFound, Refused, TitianError
from titian.core.ledger import EVERYBODY, Entry, Kind, Opened
from titian.core.ledger_report import Audited, Cosigned, KnownWitness, OwnLedger, Published, Resumed
from titian.core.merkle import TILE_WIDTH, decode_bundle, inclusion_proof, root_at
from titian.core.notes import SignatureType, SignedNote, VerifierKey, to_base64
from titian.core.people import Actor
from titian.core.witness import is_signed
from titian.store.acts import record
from titian.store.admin import plain
from titian.store.database import Transaction
from titian.store.heads import Head, HeadFile
from titian.store.ledger import (
    BUNDLES,
    Ledger,
    StoredTiles,
    enter_in,
    entries_between,
    ledger_by_num,
    list_ledgers,
    open_ledger,
)
from titian.store.ledger_audit import Damage, audit
from titian.store.ledger_book import LedgerBook, keep_evidence
from titian.store.store import Store

PRIVATE: Final = "private"
"""How people call the ledger that is of no agreement."""
_GROUP: Final = 512

Advance = Callable[[int], object]


def _quiet(count: int) -> None:
    """Nobody is told how far it is."""


class _AsTheyWere(HeadFile):
    """What was signed last, as it was before a snapshot of the database: what is signed meanwhile is in neither."""

    def __init__(self, heads: HeadFile) -> None:
        super().__init__(heads.path.parent)
        self._held = heads.read()

    def read(self) -> dict[str, Head]:
        return self._held


class _Signed(msgspec.Struct, frozen=True):
    """A head that was signed for a ledger, and who says so."""

    size: int
    root: bytes
    who: str


class LedgerDesk:
    """The ledgers of this node, for its own people. Each call is one transaction, or a few that bear a crash between.

    A ledger is named by its origin or identifier or the beginning of either, by the identifier of its agreement, or as
    ``private``.
    """

    def __init__(self, store: Store, book: LedgerBook, heads: HeadFile) -> None:
        self._store = store
        self._book = book
        self._heads = heads

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def list(self) -> Sequence[OwnLedger]:
        """Every ledger of this node, in the order in which they were made; also those that are closed."""
        self._store.settle()
        with self._store.reading() as tx:
            return [_own(one) for one in list_ledgers(tx)]

    def find(self, reference: str) -> OwnLedger:
        """One of them. Raises :class:`NotFound`."""
        with self._store.reading() as tx:
            return _own(_find(tx, reference))

    def entries(self, reference: str, *, after: int = 0, limit: int = 100) -> Sequence[Opened]:
        """Entries from a place on, opened: sealed or not."""
        self._store.settle()
        with self._store.reading() as tx:
            ledger = _find(tx, reference)
            first = max(0, after)
            return list(entries_between(tx, ledger.num, first, min(ledger.size, first + limit)))

    def log_keys(self, origin: str) -> Sequence[VerifierKey]:
        """Every key that may have signed a ledger of ours; none for an origin that is not ours."""
        with self._store.reading() as tx:
            return next((self._book.log_keys(tx, one) for one in list_ledgers(tx) if one.origin == origin), [])

    def current_keys(self, reference: str) -> Sequence[VerifierKey]:
        """The keys that sign a ledger now, the newest first."""
        with self._store.reading() as tx:
            return self._book.current_keys(tx, _find(tx, reference))

    def published(self, reference: str) -> Published:
        """The last checkpoint with its cosignatures, as partners are served it; what waits is sealed first.

        Raises :class:`Refused` when nothing is signed.
        """
        with self._store.reading() as tx:
            ledger = _find(tx, reference)
        if ledger.size > ledger.head.size and ledger.halted is None and ledger.closed is None:
            self._book.seal(ledger.num)
        with self._store.reading() as tx:
            return self._published(tx, ledger_by_num(tx, ledger.num))

    def _published(self, tx: Transaction, ledger: Ledger) -> Published:
        found = self._book.published(tx, ledger)
        if found is None:
            raise Refused(f"Nothing in this ledger is signed: {ledger.halted or 'nothing was entered yet'}.",
                          advice="`titian ledger list` shows how the ledgers stand.")  # fmt: skip
        return Published(_own(ledger), SignedNote.parse(found))

    def prove(self, reference: str, num: int, *, closed: bool = False) -> Proof:
        """A receipt for one entry under the last checkpoint; one that waits to be sealed is sealed first.

        It opens the entry to whoever has it, unless it is ``closed``. Raises :class:`NotFound` for an entry that is not
        there, :class:`Refused` for one that is not signed and cannot be now.
        """
        held = self.find(reference)
        if not 0 <= num < held.size:
            raise NotFound(f"The ledger has no entry {num}: it has {held.size:,}, counted from 0.",
                           advice="`titian ledger entries` shows them.")  # fmt: skip
        if num >= held.head.size:
            self.published(held.origin)
        with self._store.reading() as tx:
            ledger = _find(tx, held.origin)
            if num >= ledger.head.size:
                raise Refused(f"Entry {num} is not signed: {ledger.halted or 'the ledger is closed'}.",
                              advice="A person decides how it goes on: `titian ledger resume`.")  # fmt: skip
            published = self._published(tx, ledger)
            hashes = inclusion_proof(StoredTiles(tx, ledger.num), num, ledger.head.size)
            (one,) = entries_between(tx, ledger.num, num, num + 1)
        return make_receipt(one, hashes, published.note, closed=closed)

    # ── checking ──────────────────────────────────────────────────────────────────────────────────────────

    def audit_all(self, progress: Advance = _quiet) -> Sequence[Audited]:
        """Read every ledger again, from its first entry to its last signature.

        One that does not hold is halted, and the proof of it is kept: over damage nothing is signed (law 10).
        """
        return [self._audit(one.origin, progress) for one in self.list()]

    def _audit(self, origin: str, progress: Advance) -> Audited:
        heads = _AsTheyWere(self._heads)
        with self._store.reading() as tx:
            ledger = _find(tx, origin)
            damage = audit(tx, ledger, self._book, heads if ledger.closed is None else None, progress)
            cosigned = _cosigned(tx, ledger.num)
            body = None if damage is None else self._proof_of(tx, ledger, damage)
        if damage is None or body is None:
            return Audited(ledger=_own(ledger), cosigned=cosigned)
        with self._store.writing() as tx:
            keep_evidence(tx, self._store.clock(), ledger.origin, damage.what, body)
            row = tx.one("SELECT num FROM evidence WHERE origin = ? AND body = ?", ledger.origin, body)
            if ledger.closed is None:
                tx.run("UPDATE ledgers SET halted = ? WHERE num = ? AND halted IS NULL", damage.what, ledger.num)
            ledger = ledger_by_num(tx, ledger.num)
        return Audited(ledger=_own(ledger), cosigned=cosigned, damage=damage.what, entry=damage.entry,
                       evidence=None if row is None else int(row[0]))  # fmt: skip

    @staticmethod
    def _proof_of(tx: Transaction, ledger: Ledger, damage: Damage) -> bytes:
        """What shows the damage: the checkpoint, and where an entry is wrong what is there and what was sealed."""
        shown: dict[str, object] = {
            "titian": "ledger-damage/v1", "origin": ledger.origin, "what": damage.what, "entry": damage.entry,
            "checkpoint": None if ledger.checkpoint is None else to_base64(ledger.checkpoint),
            "cosignatures": [
                line for (line,) in tx.all("SELECT line FROM cosignatures WHERE ledger = ? ORDER BY line", ledger.num)
            ],
        }  # fmt: skip
        if damage.entry is not None:
            found = list(entries_between(tx, ledger.num, damage.entry, damage.entry + 1))
            shown["held"] = [{"salt": to_base64(one.salt), "payload": to_base64(one.payload)} for one in found]
            shown["sealed"] = _sealed_leaf(tx, ledger, damage.entry)
        return msgspec.json.encode(shown, order="sorted")

    def evidence(self, num: int) -> bytes:
        """A proof that is kept. Raises :class:`NotFound`."""
        with self._store.reading() as tx:
            row = tx.one("SELECT body FROM evidence WHERE num = ?", num)
        if row is None:
            raise NotFound(f"There is no evidence {num}.")
        return bytes(row[0])

    # ── witnesses ─────────────────────────────────────────────────────────────────────────────────────────

    def witnesses(self) -> Sequence[KnownWitness]:
        """Whose cosignatures this node takes, and the last of each under each ledger."""
        with self._store.reading() as tx:
            origins = {one.num: one.origin for one in list_ledgers(tx)}
            found = {num: {one.key: one for one in _cosigned(tx, num)} for num in origins}
            rows = tx.all("SELECT key, party, url, created FROM witnesses WHERE removed IS NULL ORDER BY created, key")
        return [
            KnownWitness(key=VerifierKey.parse(str(key)), party=party, url=url, created=created,
                         cosigned={origins[num]: each[key] for num, each in found.items() if key in each})
            for key, party, url, created in rows
        ]  # fmt: skip

    def add_witness(self, actor: Actor, key: str, *, url: str | None = None, party: str | None = None) -> KnownWitness:
        """Take the cosignatures of a witness from now on; ``party`` is the identifier of whose it is, if known.

        Raises :class:`InvalidInput` for what is no key of a witness.
        """
        parsed = VerifierKey.parse(key.strip())
        if parsed.type is not SignatureType.COSIGNATURE:
            raise InvalidInput("A witness signs with a key of type 0x04; this is the key of a log.",
                               advice="`titian peers card` of the other node has its witness key.")  # fmt: skip
        if url is not None and not (url.isascii() and url.isprintable() and " " not in url and len(url) <= 500):
            raise InvalidInput("This address cannot be used.")
        now = self._store.clock()
        with self._store.writing() as tx:
            tx.run("DELETE FROM witnesses WHERE key = ?", str(parsed))
            tx.run("INSERT INTO witnesses (key, party, url, created) VALUES (?, ?, ?, ?)", str(parsed), party, url, now)
            record(tx, at=now, person=actor.id, act="add-witness", subject=parsed.name,
                   details={"key": str(parsed), "party": party, "url": url})  # fmt: skip
        return KnownWitness(key=parsed, party=party, url=url, created=now)

    def remove_witness(self, actor: Actor, name: str) -> KnownWitness:
        """Take no more cosignatures of a witness, by its name or its whole key; those that it gave stay.

        Raises :class:`NotFound`, :class:`InvalidInput` for a name with several keys.
        """
        found = [one for one in self.witnesses() if name in (one.key.name, str(one.key))]
        if not found:
            raise NotFound(f"No witness is called {name!r}.", advice="`titian ledger witnesses` lists them.")
        if len(found) > 1:
            raise InvalidInput(f"{name} has {len(found)} keys.", advice="Give the whole key that is to go.")
        now = self._store.clock()
        with self._store.writing() as tx:
            tx.run("UPDATE witnesses SET removed = ? WHERE key = ?", now, str(found[0].key))
            record(tx, at=now, person=actor.id, act="remove-witness", subject=found[0].key.name,
                   details={"key": str(found[0].key)})  # fmt: skip
        return found[0]

    # ── after a restore, or damage ────────────────────────────────────────────────────────────────────────

    def resume(
        self,
        actor: Actor,
        reference: str,
        why: str,
        *,
        anew: bool = False,
        force: bool = False,
        shown: Sequence[bytes] = (),
        progress: Advance = _quiet,
    ) -> Resumed:
        """Let a ledger that is halted go on, because a person says so.

        Where more was signed than is here, the ledger is closed, and another one goes on whose first entry says so.

        :param anew: close it also where nothing here tells that it is behind: somebody elsewhere knows it to be.
        :param force: close it even though it is damaged.
        :param shown: checkpoints of it that others hold.
        :raises Refused: when it is not halted, or damaged and not forced.
        """
        why = plain("reason", why)
        heads = self._heads.read()
        with self._store.reading() as tx:
            ledger = _find(tx, reference)
            if ledger.closed is not None:
                raise Refused("This ledger is closed; another one goes on.", advice="`titian ledger list` shows it.")
            beyond = self._beyond(tx, ledger, heads, shown)
            damage = audit(tx, ledger, self._book, None, progress)
        if ledger.halted is None and not beyond and damage is None and not anew:
            raise Refused("This ledger is not halted: there is nothing to decide.")
        what = damage.what if damage is not None else next((one.who for one in beyond if _differs(one, ledger)), None)
        if what is not None and not force:
            raise Refused(
                f"The ledger is damaged: {what}",
                advice="Restore a backup that is whole. With --force it is closed as it is, and another one begins.",
            )
        now = self._store.clock()
        with self._store.writing() as tx:
            held = ledger_by_num(tx, ledger.num)
            if held.head != ledger.head or held.closed is not None:
                raise Refused("The ledger has changed meanwhile.", advice="Try again.")
            lost = max((one.size - held.head.size for one in beyond), default=0)
            reason = what or next((one.who for one in beyond), None) or ("a person says so" if anew else None)
            if reason is None:
                done = Resumed(ledger=self._go_on(tx, held))
            else:
                done = self._replace(tx, held, now, why=why, behind=reason, lost=max(0, lost))
            record(
                tx, at=now, person=actor.id, act="resume-ledger", subject=held.origin, why=why,
                details={"behind": done.behind, "lost": done.lost, "carried": done.carried,
                         "successor": None if done.successor is None else done.successor.origin},
            )  # fmt: skip
        if done.successor is None and held.head.size:
            # What is not remembered beside the database would halt it again.
            self._heads.write(held.origin, held.head.size, held.head.root, held.signed or now)
        return done

    @staticmethod
    def _go_on(tx: Transaction, ledger: Ledger) -> OwnLedger:
        tx.run("UPDATE ledgers SET halted = NULL WHERE num = ?", ledger.num)
        return _own(ledger_by_num(tx, ledger.num))

    @staticmethod
    def _replace(tx: Transaction, old: Ledger, now: int, *, why: str, behind: str, lost: int) -> Resumed:
        """Close a ledger, and begin the one that goes on: what was entered and never signed goes over into it."""
        tx.run("UPDATE ledgers SET closed = ?, agreement = NULL WHERE num = ?", now, old.num)
        num = open_ledger(tx, old.agreement, now)
        party = None if old.agreement is None else EVERYBODY
        continues = {
            "continues": old.origin, "at": old.head.size, "root": old.head.root.hex(), "lost": lost, "behind": behind,
            "why": why,
        }  # fmt: skip
        enter_in(tx, num, [Entry(kind=Kind.ACT, at=now, party=party, details=continues)])
        carried = 0
        for group in _groups(entries_between(tx, old.num, old.head.size, old.size)):
            enter_in(tx, num, group)
            carried += len(group)
        return Resumed(ledger=_own(ledger_by_num(tx, old.num)), successor=_own(ledger_by_num(tx, num)), behind=behind,
                       lost=lost, carried=carried)  # fmt: skip

    def _beyond(
        self, tx: Transaction, ledger: Ledger, heads: dict[str, Head], shown: Sequence[bytes]
    ) -> Sequence[_Signed]:
        """What was signed for a ledger and is not what it has: the furthest first."""
        signed = []
        if ledger.origin in heads:
            signed.append(_Signed(heads[ledger.origin].size, heads[ledger.origin].root, "This node"))
        signed += [
            _Signed(size, bytes(root), str(key).partition("+")[0])
            for size, root, key in tx.all("SELECT size, root, key FROM cosignatures WHERE ledger = ?", ledger.num)
        ]
        keys = self._book.log_keys(tx, ledger)
        for row in tx.all("SELECT body FROM evidence WHERE origin = ? ORDER BY num", ledger.origin):
            try:
                signed.append(_shown(bytes(row[0]), ledger, keys, "A partner"))
            except TitianError:
                # Evidence of another kind is no checkpoint.
                continue
        signed += [_shown(one, ledger, keys, "A checkpoint that was handed in") for one in shown]
        tiles = StoredTiles(tx, ledger.num)
        found = []
        for one in sorted(signed, key=lambda each: -each.size):
            if one.size > ledger.head.size:
                told = f"{one.who} has signed {one.size:,} entries; the ledger has {ledger.head.size:,}."
                found.append(_Signed(one.size, one.root, told))
            elif one.size and _root(tiles, one.size) != one.root:
                told = f"{one.who} has signed another root at {one.size:,} entries."
                found.append(_Signed(one.size, one.root, told))
        return found


def _own(ledger: Ledger) -> OwnLedger:
    return OwnLedger(
        id=ledger.id, origin=ledger.origin, agreement=ledger.agreement, created=ledger.created, size=ledger.size,
        head=ledger.head, signed=ledger.signed, halted=ledger.halted, closed=ledger.closed,
    )  # fmt: skip


def _find(tx: Transaction, reference: str) -> Ledger:
    every = list_ledgers(tx)
    standing = [one for one in every if one.closed is None]
    if reference == PRIVATE:
        found = [one for one in standing if one.agreement is None]
    else:
        found = [one for one in standing if reference and one.agreement == reference]
        found = found or [one for one in every if reference in (one.origin, one.id)]
        found = found or [one for one in every if reference and reference in _beginnings(one, reference)]
    if len(found) != 1:
        several = f"{len(found)} ledgers begin with {reference[:80]!r}."
        raise NotFound(several if found else f"There is no ledger {reference[:80]!r} here.",
                       advice="`titian ledger list` shows them.")  # fmt: skip
    return found[0]


def _beginnings(ledger: Ledger, reference: str) -> tuple[str, str]:
    return ledger.origin[: len(reference)], ledger.id[: len(reference)]


def _cosigned(tx: Transaction, ledger: int) -> tuple[Cosigned, ...]:
    """The last cosignature of each witness under a ledger."""
    last: dict[str, Cosigned] = {}
    for key, size, at in tx.all("SELECT key, size, at FROM cosignatures WHERE ledger = ? ORDER BY key, size", ledger):
        last[key] = Cosigned(key=key, size=size, at=at)
    return tuple(last.values())


def _sealed_leaf(tx: Transaction, ledger: Ledger, num: int) -> str | None:
    """The leaf of an entry as it lies in its bundle, as far as that can be read."""
    index, place = divmod(num, TILE_WIDTH)
    try:
        width = min(TILE_WIDTH, ledger.head.size - index * TILE_WIDTH)
        return to_base64(decode_bundle(StoredTiles(tx, ledger.num).part(BUNDLES, index, width))[place])
    except (TitianError, IndexError):
        return None


def _shown(data: bytes, ledger: Ledger, keys: Sequence[VerifierKey], who: str) -> _Signed:
    """What a checkpoint says that this node has signed. Raises :class:`InvalidInput`, :class:`Refused`."""
    note = SignedNote.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != ledger.origin or not is_signed(note, keys):
        raise Refused("This checkpoint is of another ledger, or not signed by this node.")
    return _Signed(checkpoint.size, checkpoint.root, f"{who} shows that this node")


def _differs(one: _Signed, ledger: Ledger) -> bool:
    return one.size <= ledger.head.size


def _root(tiles: StoredTiles, size: int) -> bytes | None:
    try:
        return root_at(tiles, size)
    except TitianError:
        return None


def _groups(entries: Iterator[Opened]) -> Iterator[list[Entry]]:
    """Entries to be taken over, without fillers; each says when it was entered first."""
    group: list[Entry] = []
    for one in entries:
        entry = one.entry
        if entry.kind is not Kind.FILLER:
            details = {"entered": entry.at, **entry.details}
            group.append(msgspec.structs.replace(entry, details=details))
        if len(group) == _GROUP:
            yield group
            group = []
    if group:
        yield group
