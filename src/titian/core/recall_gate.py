"""What the verbs of recall ask besides a transaction: what parties were handed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from titian.core.gate import Session


class Deliveries(Protocol):
    """What is known of what parties were handed."""

    def delivered(self, session: Session, collection: str, party: str, added: Collection[int]) -> Collection[int]:
        """Those of some ``date_added`` of a collection (its identifier) that a party was handed, or may have been."""
        ...

    def speaks(self, session: Session, party: str) -> bool:
        """Whether a party's node can answer: it has read our ledger, cosigned it, or written to its inbox."""
        ...
