"""What a party knows because it has sent it here itself."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from titian.core.collection import Kind
from titian.core.stix import SCO_TYPES
from titian.core.survey import VOCABULARY, Held, facts_of
from titian.store.database import Row, Transaction
from titian.store.log import Log
from titian.store.pages import read_segments
from titian.store.registry import list_collections

_AT_ONCE: Final = 800
_TELLING: Final = (*VOCABULARY, *(f"{one}--" for one in sorted(SCO_TYPES)))
"""The identifier of an observable is its value (law 5): who guesses the value can send it, and must not learn from what
comes back that it was right. What says how others are marked is judged by itself."""


def sent_by(tx: Transaction, log: Log, own: str, party: str, identifiers: Iterable[str]) -> frozenset[str]:
    """Return those of some objects that are held in what a party has sent here, its inboxes too.

    Who else holds or has sent the same does not matter: what the party is shown must not depend on that (law 1). But
    for what this node made itself: whoever sends that again, it is ours to release, or not.
    """
    collections = list_collections(tx)
    theirs = {one.num for one in collections if one.kind is Kind.RECEIVED and one.party == party and one.last_added}
    if not theirs:
        return frozenset()
    ours = {one.num for one in collections if one.kind in (Kind.OWN, Kind.DIRECTORY)}
    found: set[str] = set()
    here: list[Row] = []
    iterator = iter({one for one in identifiers if not one.startswith(_TELLING)})
    while some := set(islice(iterator, _AT_ONCE)):
        for row in tx.all(
            f"SELECT id, collection, segment, start, length FROM entries {tx.using('ix_entries_id')}"
            f"WHERE {tx.among('id_hash')} AND (rank & 1) = 1",
            tx.array([log.id_hash(one) for one in some]),
        ):
            if row[0] in some and row[1] in theirs:
                found.add(str(row[0]))
            elif row[0] in some and row[1] in ours:
                here.append(row)
    return frozenset(found - {str(row[0]) for row in here if row[0] in found and _is_made_here(tx, row, own)})


def _is_made_here(tx: Transaction, row: Row, own: str) -> bool:
    _, _, segment, start, length = row
    raw = read_segments(tx, [segment])[segment][start : start + length]
    return facts_of(Held("", raw)).creator in (None, own)
