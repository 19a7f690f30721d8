"""Inspect: verify the ledgers of a partner, from what it serves over HTTP and what this node remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from titian.core.checkpoint import PROOF_HEADER, Proof
from titian.core.errors import InvalidInput, NotFound, Refused, TitianError
from titian.core.ledger import Opened
from titian.core.ledger_watch import Finding, Watch, delivered, follow
from titian.core.peer_ledger import PeerLedger, open_head
from titian.core.subscription import Subscription, Terms
from titian.exchange.witness import Ledger, Witness


class Link(Protocol):
    """An open connection to a partner (:class:`titian.wire.peer_link.PeerLink`)."""

    def ledger(self, identifier: str) -> Ledger:
        """One of its ledgers."""
        ...


class Subscriptions(Protocol):
    """Which subscriptions stand, and their keys (:class:`titian.store.subscriptions.Subscriptions`)."""

    def all(self, *, ended: bool = False) -> list[Subscription]:
        """Those that stand."""
        ...

    def secret(self, identifier: str) -> str:
        """The key that the partner gave for one."""
        ...


class Proven(Protocol):
    """A proof that is kept."""

    @property
    def num(self) -> int:
        """Its number."""
        ...

    @property
    def origin(self) -> str:
        """About which ledger."""
        ...

    @property
    def what(self) -> str:
        """What it shows."""
        ...

    @property
    def body(self) -> bytes:
        """Its bytes."""
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

    def entries(self, origin: str) -> list[Opened]:
        """Entries that were opened to this node."""
        ...

    def received(self, party: str, digests: Iterable[bytes]) -> Mapping[bytes, int]:
        """Those of some pages that arrived from a party, and how many objects each had."""
        ...

    def evidence(self) -> Sequence[Proven]:
        """Every proof that is kept, oldest first."""
        ...


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying one ledger of a partner has given.

    ``read`` counts the entries that were read. ``finding`` is the first thing that does not hold; ``evidence`` the
    proof of it to show to a third, where there is one, kept under the number ``kept``. ``error`` says why it could not
    be verified at all.
    """

    peer: PeerLedger
    read: int = 0
    finding: Finding | None = None
    kept: int | None = None
    evidence: bytes | None = None
    error: str | None = None

    @property
    def holds(self) -> bool:
        """Whether it was verified, and nothing speaks against it."""
        return self.finding is None and self.error is None


class Inspect:
    """Verifies partners' ledgers. ``connect`` opens a link for a subscription's terms, with its key."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        memory: Memory,
        witness: Witness,
        connect: Callable[[Terms, str], AbstractContextManager[Link]],
    ) -> None:
        self._subscriptions = subscriptions
        self._memory = memory
        self._witness = witness
        self._connect = connect

    def verify_of(
        self, party: str, *, others: Sequence[bytes] = (), progress: Callable[[int], object] = lambda _: None
    ) -> Sequence[Inspected]:
        """Read every ledger of a party that this node remembers, whole, and say what does not hold.

        :param others: checkpoints, or receipts with one, of these ledgers that third parties hold: each has to be of
            one of them, and signed by it.
        :raises NotFound: when no ledger of the party is remembered, or no subscription opens it.
        :raises InvalidInput: for another that is of none of them. :raises Refused: for one that is not signed.
        """
        peers = [one for one in self._memory.all() if one.party == party]
        if not peers:
            raise NotFound("This node remembers no ledger of that party.",
                           advice="`titian subscribe` begins to; `titian ledger list` shows them.")  # fmt: skip
        held = self._of_each(peers, others)
        return [self._verify(party, one, held[one.origin], progress) for one in peers]

    def _of_each(self, peers: Sequence[PeerLedger], others: Sequence[bytes]) -> dict[str, list[bytes]]:
        """Checkpoints of third parties by the origin that they are of."""
        known = {one.origin: one for one in peers}
        found: dict[str, list[bytes]] = {origin: [] for origin in known}
        for data in others:
            note = Proof.parse(data).note.encode() if data.startswith(PROOF_HEADER.encode()) else data
            origin = note.partition(b"\n")[0].decode("utf-8", "replace")
            if origin not in known:
                raise InvalidInput(f"{origin[:120]!r} is no ledger of that party that this node remembers.")
            try:
                open_head(note, origin, known[origin].trusted(self._memory.now()))
            except Refused as error:
                raise Refused(f"What a third party handed over proves nothing. {error.message}") from error
            found[origin].append(note)
        return found

    def _verify(
        self, party: str, peer: PeerLedger, others: Sequence[bytes], progress: Callable[[int], object]
    ) -> Inspected:
        subscription = self._opens(party, peer.origin)
        read = 0

        def advance(count: int) -> None:
            nonlocal read
            read += count
            progress(count)

        try:
            with self._connect(subscription.terms, self._subscriptions.secret(subscription.id)) as link:
                found = self._witness.verify(link.ledger(peer.id), peer, others=others, progress=advance)
        except TitianError as error:
            return Inspected(peer=peer, read=read, error=str(error))
        found = found or self._broken_before(peer.origin) or self._followed(peer)
        proof = None if found is None else self._proof(peer.origin, found.what)
        return Inspected(
            peer=self._memory.get(peer.origin) or peer, read=read, finding=found,
            kept=None if proof is None else proof.num, evidence=None if proof is None else proof.body,
        )  # fmt: skip

    def _opens(self, party: str, origin: str) -> Subscription:
        """The subscription whose key opens a ledger: that of its agreement, else any with the party."""
        standing = [one for one in self._subscriptions.all() if one.terms.party == party]
        exact = [one for one in standing if one.progress.ledger == origin]
        if not standing:
            raise NotFound("No subscription to that party stands: its ledgers are open to its partners alone.",
                           advice="`titian subscribe` makes one.")  # fmt: skip
        return (exact or standing)[0]

    def _broken_before(self, origin: str) -> Finding | None:
        """What was found out before stays found out, whatever is served now."""
        held = self._memory.get(origin)
        return None if held is None or held.broken is None else Finding(held.broken)

    def _followed(self, peer: PeerLedger) -> Finding | None:
        """Whether what was opened to this node fits itself, and what arrived."""
        opened = self._memory.entries(peer.origin)
        received = self._memory.received(peer.party or "", delivered(opened))
        return next(iter(follow(Watch(), opened, received).findings), None)

    def _proof(self, origin: str, what: str) -> Proven | None:
        kept = [one for one in self._memory.evidence() if one.origin == origin]
        return next((one for one in reversed(kept) if one.what == what), kept[-1] if kept else None)
