"""Witness: check what a partner's ledger says against what is remembered, and cosign it (laws 8 and 10).

At every pull the partner's checkpoint is fetched and must lead on from the one that was cosigned last. What it opens to
this node must be in the tree, in order, not back-dated, and must agree with what arrived. Whatever does not hold is
kept as evidence, with the signatures that show who said it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from titian.core.checkpoint import Checkpoint, Never, cosign, never
from titian.core.errors import InvalidInput, PeerUntrusted, Refused, TitianError
from titian.core.fork import proof_of_fork
from titian.core.ledger import EVERYBODY, Opened
from titian.core.ledger_watch import Finding, NewKey, Watch, delivered, follow, never_came
from titian.core.merkle import (
    TILE_WIDTH,
    Bundle,
    Flaw,
    Tile,
    Tree,
    TreeHead,
    consistency_flaw,
    consistency_proof,
    decode_bundle,
    inclusion_flaw,
    inclusion_proof,
    leaf_hash,
    right_edge,
)
from titian.core.notes import Signature, SignatureType, SignedNote, VerifierKey
from titian.core.peer_ledger import Listed, PeerLedger, TrustedKey, open_head, rotated
from titian.core.signing import NamedSigner, Secret, witness_name
from titian.core.witness import Answer, Submission, judge

SECOND: Final = 1_000_000
COSIGN_AGAIN: Final = 10 * 60 * SECOND
"""After this, what has not changed is cosigned again: it shows that it was looked at."""
_MOST_ENTRIES: Final = 1_000_000
"""Opened entries that are read on in one go."""


class Ledger(Protocol):
    """A partner's ledger over the network (:class:`titian.wire.ledger_client.LedgerClient`)."""

    def checkpoint(self) -> bytes:
        """The last checkpoint."""
        ...

    def read(self, tiles: Sequence[Tile]) -> Sequence[bytes]:
        """Tiles."""
        ...

    def bundle(self, bundle: Bundle) -> bytes:
        """A bundle of entries."""
        ...

    def opened(self, after: int) -> tuple[list[Opened], bool]:
        """Entries that are opened to us, from a place on, and whether there are more."""
        ...

    def cosign(self, note: SignedNote, witness: VerifierKey) -> None:
        """Hand our cosignature over."""
        ...


class Memory(Protocol):
    """What is remembered of others' ledgers (:class:`titian.store.peer_ledgers.PeerLedgers`)."""

    def now(self) -> int:
        """The node's clock, in microseconds."""
        ...

    def all(self) -> list[PeerLedger]:
        """Every ledger that is remembered."""
        ...

    def get(self, origin: str) -> PeerLedger | None:
        """One of them."""
        ...

    def compare_and_set(self, before: PeerLedger | None, after: PeerLedger) -> bool:
        """Remember a head in the place of another one."""
        ...

    def read_on(self, peer: PeerLedger, opened: Sequence[Opened], entries: Mapping[bytes, int]) -> None:
        """Remember what was read on in a ledger."""
        ...

    def received(self, party: str, digests: Iterable[bytes]) -> Mapping[bytes, int]:
        """Those of some pages that arrived from a party, and how many objects each had."""
        ...

    def entries(self, origin: str) -> list[Opened]:
        """Entries that were opened to this node."""
        ...

    def shares(self, party: str, agreement: str | None) -> bool:
        """Whether a party has something open to it under an agreement here, now."""
        ...

    def broke(self, origin: str, what: str, body: bytes) -> None:
        """Remember that a ledger is not what it was, with the proof of it."""
        ...


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What checking a ledger has given: how many entries it has, how many were opened and read, what does not fit."""

    peer: PeerLedger
    read: int = 0
    findings: tuple[Finding, ...] = ()
    cosigned: bool = False


class Broken(PeerUntrusted):
    """A ledger is not what it was; the proof is kept."""


class Witness:
    """Checks and cosigns the ledgers of others.

    ``signer`` gives the name and the secret of this node's witness key.
    """

    def __init__(self, memory: Memory, signer: Callable[[], tuple[str, Secret]]) -> None:
        self._memory = memory
        self._signer = signer

    def check(
        self,
        ledger: Ledger,
        listed: Listed,
        *,
        party: str,
        url: str,
        keys: Sequence[VerifierKey] = (),
        pulled: str | None = None,
    ) -> Checked:
        """Check a partner's ledger as far as it is new, remember it, and cosign it.

        :param keys: what is trusted for it from the partner's card, beside what is trusted already. When it is met for
            the first time without any, the keys that it lists are taken as they come.
        :param pulled: the partner's collection that was read to its end before: what had been released in it when its
            ledger was last checked has to be here by now.
        :raises Broken: when it is not what was cosigned before. :raises Refused: when it was found broken before.
        """
        if not listed.origin.startswith(f"{witness_name(party)}/"):
            raise PeerUntrusted(f"The partner lists a ledger that is not its own: {listed.origin[:120]}.")
        before = self._memory.get(listed.origin)
        if before is not None and before.broken is not None:
            raise Refused(
                f"The ledger {listed.origin} was found broken: {before.broken}",
                advice="`titian ledger verify --of` shows the proof; docs/operations.md says what to do.",
            )
        peer = _first(listed, party, url, keys, self._memory.now()) if before is None else _trusting(before, keys)
        watch = peer.watch
        checkpoint, note = self._head(ledger, peer)
        if _is_known(peer, checkpoint, self._memory.now(), halted=listed.halted):
            return Checked(peer=peer, findings=_missing(watch, watch, pulled))
        advanced = self._advance(ledger, peer, before, checkpoint, note)
        read, findings, peer = self._read_on(ledger, advanced, checkpoint, _last_look(before))
        done = self._cosign(ledger, note, peer)
        findings += _missing(watch, peer.watch, pulled)
        return Checked(peer=peer, read=read, findings=findings, cosigned=done)

    # ── the head ──────────────────────────────────────────────────────────────────────────────────────────

    def _head(self, ledger: Ledger, peer: PeerLedger) -> tuple[Checkpoint, SignedNote]:
        data = ledger.checkpoint()
        try:
            return open_head(data, peer.origin, peer.trusted(self._memory.now()))
        except Refused as error:
            self._memory.broke(peer.origin, error.message, data)
            raise Broken(error.message, advice="The checkpoint is kept as evidence.") from error

    def _advance(
        self, ledger: Ledger, peer: PeerLedger, before: PeerLedger | None, checkpoint: Checkpoint, note: SignedNote
    ) -> PeerLedger:
        """Go on from what was cosigned last to this checkpoint, if it leads on from there."""
        now = self._memory.now()
        new = TreeHead(checkpoint.size, checkpoint.root)
        flaw = None
        if 0 < peer.head.size < checkpoint.size:
            flaw = self._consistency(ledger, peer, new)
        why = never(peer.last, checkpoint, now // SECOND, extends=flaw is None)
        if why is Never.EARLIER:
            raise Refused(why.value, advice="Put the clock right: this node cosigned at a later time than now.")
        if why is not None:
            what = why.value if flaw is None else f"{why.value} {flaw.reason}"
            self._memory.broke(peer.origin, what, proof_of_fork(peer.checkpoint, note.encode(), ledger))
            self._show(ledger, peer)
            raise Broken(
                f"The ledger of this partner is not what it was. {what}",
                advice="Both signed checkpoints are kept: `titian ledger verify --of` shows them.",
            )
        after = msgspec.structs.replace(peer, head=new, checkpoint=note.encode(), seen=now)
        if not self._memory.compare_and_set(before, after):
            raise Refused("Another process has checked this ledger meanwhile.", advice="Try again.")
        return after

    def _show(self, ledger: Ledger, peer: PeerLedger) -> None:
        """Show a partner what it signed before: one that was restored from a backup learns of that here (law 10)."""
        if peer.checkpoint is None:
            return
        name, secret = self._signer()
        with suppress(TitianError):
            key = NamedSigner(name, SignatureType.COSIGNATURE, secret).key
            ledger.cosign(SignedNote.parse(peer.checkpoint), key)

    def _consistency(self, ledger: Ledger, peer: PeerLedger, new: TreeHead) -> Flaw | None:
        proof = consistency_proof(ledger, peer.head.size, new.size)
        return consistency_flaw(proof, old=peer.head, new=new)

    # ── what is opened ────────────────────────────────────────────────────────────────────────────────────

    def _read_on(
        self, ledger: Ledger, peer: PeerLedger, checkpoint: Checkpoint, looked: int | None
    ) -> tuple[int, tuple[Finding, ...], PeerLedger]:
        opened, position = self._opened(ledger, peer, checkpoint)
        received = self._memory.received(peer.party or "", delivered(opened))
        told = follow(peer.watch, opened, received, cosigned=looked)
        keys = rotated(peer.keys, peer.origin, told.keys, peer.seen) if told.keys else peer.keys
        after = msgspec.structs.replace(peer, position=position, watch=told.watch, keys=keys)
        self._memory.read_on(after, opened, told.deliveries)
        return len(opened), (*told.findings, *self._of_others(opened), *_compromised(told.keys)), after

    def _of_others(self, opened: Iterable[Opened]) -> list[Finding]:
        """What the partner has opened to this node that concerns somebody else, and that it should have kept closed."""
        name, _ = self._signer()
        found = []
        for one in opened:
            with suppress(InvalidInput):
                party = one.entry.party
                if party != EVERYBODY and not _is_named(str(party), name):
                    what = f"Entry {one.num} is opened to this node, and concerns another party."
                    found.append(Finding(what, one.num))
        return found

    def _opened(self, ledger: Ledger, peer: PeerLedger, checkpoint: Checkpoint) -> tuple[list[Opened], int]:
        """Read what is opened from the last place on, and up to where; each entry must be in the tree."""
        found: list[Opened] = []
        head, after, more = TreeHead(checkpoint.size, checkpoint.root), peer.position, True
        while more:
            page, more = ledger.opened(after)
            for one in page:
                if one.num >= head.size:
                    more = False
                    break
                if one.num < after:
                    raise PeerUntrusted("The partner opens the entries of its ledger out of order.")
                flaw = inclusion_flaw(
                    inclusion_proof(ledger, one.num, head.size), leaf=one.leaf_hash, index=one.num, head=head
                )
                if flaw is not None:
                    what = f"Entry {one.num} as it was opened is not in the ledger. {flaw.reason}"
                    body = msgspec.json.encode({"entry": msgspec.to_builtins(one), "checkpoint": peer.checkpoint})
                    self._memory.broke(peer.origin, what, body)
                    raise Broken(what, advice="What was opened and the checkpoint are kept as evidence.")
                found.append(one)
                after = one.num + 1
            if len(found) > _MOST_ENTRIES:
                return found, after
            if not page:
                break
        return found, head.size

    # ── cosigning ─────────────────────────────────────────────────────────────────────────────────────────

    def _cosign(self, ledger: Ledger, note: SignedNote, peer: PeerLedger) -> bool:
        name, secret = self._signer()
        signer = NamedSigner(name, SignatureType.COSIGNATURE, secret)
        line = cosign(SignedNote(note.text, note.signatures), signer, peer.seen // SECOND)
        try:
            ledger.cosign(note.signed(line), signer.key)
        except TitianError:
            # The check is what counts; a partner that does not take the cosignature has less to show for itself.
            return False
        return True

    def submitted(self, submission: Submission) -> tuple[Answer, Signature | None, int]:
        """Answer a checkpoint that is submitted to this witness (C2SP tlog-witness, add-checkpoint): what, the
        cosignature if there is one, and the size that is remembered."""
        checkpoint, now = submission.checkpoint, self._memory.now()
        before = self._memory.get(checkpoint.origin)
        if before is None or before.broken is not None:
            return Answer.UNKNOWN, None, 0
        answer = judge(submission, before.trusted(now), before.last, now // SECOND)
        if answer is Answer.COSIGNED:
            head = TreeHead(checkpoint.size, checkpoint.root)
            after = msgspec.structs.replace(before, head=head, checkpoint=submission.note.encode(), seen=now)
            if not self._memory.compare_and_set(before, after):
                return Answer.CONFLICT, None, self._size(checkpoint.origin)
            name, secret = self._signer()
            line = cosign(submission.note, NamedSigner(name, SignatureType.COSIGNATURE, secret), now // SECOND)
            return answer, line, checkpoint.size
        same = before.last is not None and before.head.size == checkpoint.size
        if answer is Answer.UNPROVEN and same and before.head.root != checkpoint.root:
            # Two signed roots of one size prove a fork; a bad proof proves nothing but that somebody sent one.
            fork = proof_of_fork(before.checkpoint, submission.note.encode())
            self._memory.broke(checkpoint.origin, Never.OTHER_ROOT.value, fork)
        return answer, None, before.head.size

    def monitored(self, origin_hash: str, party: str | None) -> bytes | None:
        """The last checkpoint of a ledger that this node cosigned, with its own cosignature, by the SHA-256 of the
        ledger's origin in hex: for those who are in the same agreement, and for this organisation itself."""
        for peer in self._memory.all():
            if hashlib.sha256(peer.origin.encode()).hexdigest() != origin_hash or peer.checkpoint is None:
                continue
            if party is None or self._memory.shares(party, peer.agreement):
                note = SignedNote.parse(peer.checkpoint)
                name, secret = self._signer()
                signer = NamedSigner(name, SignatureType.COSIGNATURE, secret)
                return note.signed(cosign(note, signer, peer.seen // SECOND)).encode()
        return None

    def _size(self, origin: str) -> int:
        peer = self._memory.get(origin)
        return 0 if peer is None else peer.head.size

    # ── the whole ledger, from HTTP and memory alone ──────────────────────────────────────────────────────

    def verify(
        self,
        ledger: Ledger,
        peer: PeerLedger,
        *,
        others: Iterable[bytes] = (),
        progress: Callable[[int], object] = lambda _: None,
    ) -> Finding | None:
        """Read a partner's whole ledger and return the first thing that does not hold, or None.

        Nothing is used but what the partner serves over HTTP, what this node remembers, and ``others``: checkpoints of
        the same ledger that third parties hold.
        """
        data = ledger.checkpoint()
        try:
            checkpoint, note = open_head(data, peer.origin, peer.trusted(self._memory.now()))
        except TitianError as error:
            self._memory.broke(peer.origin, error.message, data)
            return Finding(error.message)
        if checkpoint.size < peer.head.size:
            return self._found(peer, note, f"The ledger has {checkpoint.size} entries, and had {peer.head.size}.")
        known = {one.num: one for one in self._memory.entries(peer.origin)}
        shown = self._shown(ledger, checkpoint.size)
        hidden = [num for num in sorted(known) if num < peer.position and num not in shown]
        if hidden:
            what = f"Entry {hidden[0]} was opened to this node before, and is not any more."
            return self._found(peer, note, what, at=hidden[0])
        marks = {peer.head.size: (peer.head.root, "this node")} if peer.checkpoint is not None else {}
        foreign: dict[int, list[tuple[bytes, bytes]]] = {}
        for one in others:
            try:
                theirs, _ = open_head(one, peer.origin, peer.trusted(self._memory.now()))
            except TitianError:
                continue
            foreign.setdefault(theirs.size, []).append((theirs.root, one))
            if theirs.size > checkpoint.size:
                return self._found(
                    peer, note, f"A third party holds a signed checkpoint of {theirs.size} entries; "
                    f"this node is shown {checkpoint.size}.", one,
                )  # fmt: skip
        tree = Tree()
        leaves: list[bytes] = []
        for stop in _stops(checkpoint.size, {*marks, *foreign}):
            start = tree.size
            index = start // TILE_WIDTH
            if start % TILE_WIDTH == 0:
                bundle = Bundle(index, min(TILE_WIDTH, checkpoint.size - start))
                try:
                    leaves = list(decode_bundle(ledger.bundle(bundle)))
                except InvalidInput as error:
                    return self._found(peer, note, f"{bundle.path} cannot be read: {error.message}")
            some = leaves[start % TILE_WIDTH : start % TILE_WIDTH + stop - start]
            if len(some) != stop - start:
                return self._found(peer, note, f"The entries from {start} on are cut short.")
            for num, leaf in enumerate(some, start):
                if num in known and known[num].leaf != leaf:
                    return self._found(peer, note, f"Entry {num} is not what was opened to this node before.", at=num)
                if shown.get(num, leaf) != leaf:
                    return self._found(peer, note, f"Entry {num} as it is opened is not in the ledger.", at=num)
            growth = tree.append([leaf_hash(leaf) for leaf in some])
            tree = growth.tree
            for tile, data in growth.tiles:
                if tile.width == TILE_WIDTH and ledger.read([tile])[0] != data:
                    return self._found(peer, note, f"The tile {tile.path} is not what its entries give.")
            if stop in marks and tree.head.root != marks[stop][0]:
                what = f"The first {stop} entries are not those that {marks[stop][1]} has cosigned."
                return self._found(peer, note, what, tiles=ledger)
            for root, theirs_raw in foreign.get(stop, ()):
                if tree.head.root != root:
                    what = f"A third party was shown another history: its first {stop} entries are not these."
                    return self._found(peer, note, what, theirs_raw, tiles=ledger)
            progress(len(some))
        if tree.head.root != checkpoint.root:
            return self._found(peer, note, "The entries do not give the root that the partner has signed.")
        edge = right_edge(checkpoint.size)
        if list(ledger.read(edge)) != [tree.edge[tile.level] for tile in edge]:
            return self._found(peer, note, "The last tiles are not what their entries give.")
        return None

    def _shown(self, ledger: Ledger, size: int) -> dict[int, bytes]:
        """The leaves of everything that is opened to this node, by its place."""
        found: dict[int, bytes] = {}
        after, more = 0, True
        while more and len(found) <= _MOST_ENTRIES:
            page, more = ledger.opened(after)
            for one in page:
                if one.num < after:
                    raise PeerUntrusted("The partner opens the entries of its ledger out of order.")
                after = one.num + 1
                if one.num < size:
                    found[one.num] = one.leaf
            more = more and bool(page) and after < size
        return found

    def _found(
        self,
        peer: PeerLedger,
        note: SignedNote,
        what: str,
        other: bytes | None = None,
        *,
        at: int | None = None,
        tiles: Ledger | None = None,
    ) -> Finding:
        self._memory.broke(peer.origin, what, proof_of_fork(other or peer.checkpoint, note.encode(), tiles))
        return Finding(what, at)


def _stops(size: int, marks: Iterable[int]) -> Iterator[int]:
    """Yield where reading a ledger of a size stops to compare: at the end of each bundle, and at each mark. A partner
    can sign any size, so that they are never all in memory."""
    waiting = sorted({*marks, size} - {0})
    at = 0
    for mark in waiting:
        while at + TILE_WIDTH - at % TILE_WIDTH < mark:
            at += TILE_WIDTH - at % TILE_WIDTH
            yield at
        at = mark
        yield at


def _missing(before: Watch, after: Watch, pulled: str | None) -> tuple[Finding, ...]:
    """What had been released in a collection before it was read to its end, and did not come."""
    missed = 0 if pulled is None else never_came(before, after, pulled)
    if not missed:
        return ()
    return (Finding(f"{missed:,} objects of the collection {pulled} were released, and never handed over."),)


def _trusting(peer: PeerLedger, keys: Sequence[VerifierKey]) -> PeerLedger:
    """The same ledger with the keys of the partner's card trusted too; one that has ended does not come back so."""
    held = {one.key for one in peer.keys}
    new = [TrustedKey(str(key)) for key in keys if key.name == peer.origin and str(key) not in held]
    return msgspec.structs.replace(peer, keys=(*peer.keys, *new)) if new else peer


def _is_known(peer: PeerLedger, checkpoint: Checkpoint, now: int, *, halted: bool) -> bool:
    """Whether this is what was cosigned lately, and all that is opened in it was read.

    While the partner's ledger is halted its old head says nothing of what was entered since: it is not seen anew.
    """
    same = peer.checkpoint is not None and peer.head == TreeHead(checkpoint.size, checkpoint.root)
    return same and peer.position == checkpoint.size and (halted or 0 <= now - peer.seen < COSIGN_AGAIN)


def _last_look(before: PeerLedger | None) -> int | None:
    """When everything was read that was opened to this node until then: what comes later is not older than that."""
    if before is None or before.checkpoint is None or before.position != before.head.size:
        return None
    return before.seen


def _first(listed: Listed, party: str, url: str, keys: Sequence[VerifierKey], now: int) -> PeerLedger:
    """A ledger that is met for the first time."""
    trusted = [key for key in keys if key.name == listed.origin] or [VerifierKey.parse(key) for key in listed.keys]
    return PeerLedger(
        origin=listed.origin, id=listed.id, party=party, agreement=listed.agreement, url=url,
        keys=tuple(TrustedKey(str(key)) for key in trusted if key.name == listed.origin),
        head=TreeHead(0, b""), checkpoint=None, seen=now,
    )  # fmt: skip


def _is_named(party: str, name: str) -> bool:
    """Whether a party has a name as a witness; what is no party at all has none."""
    with suppress(InvalidInput):
        return witness_name(party) == name
    return False


def _compromised(changes: Iterable[NewKey]) -> list[Finding]:
    what = "The partner says that a key of its ledger was compromised: trust the new one by its card."
    return [Finding(what) for change in changes if change.compromised is not None]
