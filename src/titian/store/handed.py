"""What parties were handed, as the ledger remembers it (:class:`titian.core.recall_gate.Deliveries`)."""

from __future__ import annotations

from collections.abc import Collection

from titian.core.errors import InvalidInput
from titian.core.gate import Session
from titian.core.ledger import Kind, Opened
from titian.store.arrivals import INBOX
from titian.store.gate import StoreSession
from titian.store.registry import find_collection


class Handed:
    """Reads delivery records. May say that something was handed over which was not, never the other way.

    A recall is made, goes on and is judged within write transactions, where the ledgers are complete: the journal is
    taken in first. Where a session only reads, for what people are shown, the deliveries of the last half second may
    still be in the journal.
    """

    def delivered(self, session: Session, collection: str, party: str, added: Collection[int]) -> Collection[int]:
        """Those of some ``date_added`` of a collection that lie in what a party was handed."""
        assert isinstance(session, StoreSession), "the store's own session"
        tx = session.tx
        held = find_collection(tx, collection)
        left = set(added)
        if held is None or held.agreement is None or not left:
            return set()
        found: set[int] = set()
        for num, salt, payload in tx.all(
            "SELECT e.num, e.salt, e.payload FROM ledger_entries e JOIN ledgers l ON l.num = e.ledger "
            "WHERE (l.agreement = ? OR l.closed IS NOT NULL) AND e.party = ? AND e.kind = ? ORDER BY e.at DESC",
            held.agreement, party, Kind.DELIVERY.value,
        ):  # fmt: skip
            try:
                details = Opened(num, bytes(salt), bytes(payload)).entry.details
            except InvalidInput:
                continue
            if details.get("collection") == collection:
                first, last = int(details.get("first") or 0), int(details.get("last") or 0)
                covered = {one for one in left if first <= one <= last}
                found |= covered
                left -= covered
                if not left:
                    break
        return found

    def speaks(self, session: Session, party: str) -> bool:
        """Whether a party's node can answer: it has cosigned a ledger of ours, or written into its inbox."""
        assert isinstance(session, StoreSession), "the store's own session"
        asked: tuple[tuple[str, tuple[str, ...]], ...] = (
            ("SELECT 1 FROM witnesses WHERE party = ?", (party,)),
            ("SELECT 1 FROM arrivals WHERE party = ? AND subscription LIKE ? LIMIT 1", (party, f"{INBOX}%")),
            ("SELECT 1 FROM bundles WHERE party = ? LIMIT 1", (party,)),
        )
        return any(session.tx.one(query, *values) is not None for query, values in asked)
