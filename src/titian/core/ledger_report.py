"""What a node tells a person of its own ledgers: how each stands, whether it holds, who has cosigned it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from titian.core.merkle import TreeHead
from titian.core.notes import SignedNote, VerifierKey


class OwnLedger(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger of this node: ``size`` entries, of which ``head`` covers those that are sealed. Without an
    ``agreement`` it is a private one. Instants are microseconds since the Unix epoch; ``halted`` says why nothing is
    signed, ``closed`` when another one went on in its place."""

    id: str
    origin: str
    agreement: str | None
    created: int
    size: int
    head: TreeHead
    signed: int | None = None
    halted: str | None = None
    closed: int | None = None


class Cosigned(msgspec.Struct, frozen=True, kw_only=True):
    """That the witness with a verifier ``key`` has cosigned ``size`` entries; ``at`` is when this node took it."""

    key: str
    size: int
    at: int

    @property
    def name(self) -> str:
        """The name of the witness."""
        return self.key.partition("+")[0]


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger that was read again from its first entry on: ``damage`` is the first thing that does not hold, at
    ``entry`` where it is at one; ``evidence`` is the number under which the proof is kept."""

    ledger: OwnLedger
    cosigned: tuple[Cosigned, ...] = ()
    damage: str | None = None
    entry: int | None = None
    evidence: int | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it. One that is closed was given up for what is the matter with it."""
        return self.damage is None or self.ledger.closed is not None


class Published(msgspec.Struct, frozen=True):
    """A ledger with its last checkpoint as it is served, cosignatures and all."""

    ledger: OwnLedger
    note: SignedNote


class KnownWitness(msgspec.Struct, frozen=True, kw_only=True):
    """Whose cosignatures this node takes: ``cosigned`` has the last one of each ledger, by origin."""

    key: VerifierKey
    party: str | None
    url: str | None
    created: int
    cosigned: Mapping[str, Cosigned] = {}


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a ledger that was halted: it goes on, or it is closed and ``successor`` goes on in its place.

    ``behind`` says why it had to be closed. ``lost`` counts entries that were signed and are not here, ``carried``
    those that were entered and never signed, which the successor has taken over.
    """

    ledger: OwnLedger
    successor: OwnLedger | None = None
    behind: str | None = None
    lost: int = 0
    carried: int = 0
