"""What waits for a person and what persons have decided, page by page: requests to release, recalls, the quarantine.

Each page costs the same however much there is: it is read along an index, and what is filtered out is bounded too.
"""

from __future__ import annotations

from collections.abc import Collection as Many
from typing import Any, Final, Generic, TypeVar

import msgspec

from titian.core.arrival import Quarantined
from titian.core.gate import State
from titian.core.recall import Recall, Received, ReceivedState, Recipient
from titian.core.recall import State as RecallState
from titian.store.database import Transaction
from titian.store.store import Store

T = TypeVar("T")
_LOOKED_AT: Final = 5_000
"""Rows of the quarantine that a filter looks through for one page."""
_COUNTED: Final = 10_000
_DECIDED: Final = ("accepted", "rejected")


class Paged(msgspec.Struct, Generic[T], frozen=True):
    """A page, and where the next one begins: empty where there is none."""

    items: tuple[T, ...]
    next: str = ""


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """A request to release as a list shows it; see :class:`titian.core.gate.Request`."""

    id: str
    agreement: str
    requester: str
    requester_name: str
    created: int
    state: State
    chosen: tuple[str, ...] = ()
    query: str | None = None
    parties: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    reason: str | None = None
    override: str | None = None
    until: int | None = None
    decider_name: str | None = None
    decided: int | None = None
    why: str | None = None


class RecallLine(msgspec.Struct, frozen=True):
    """A recall of this node's own, with its recipients as the clock last wrote down where they stand."""

    recall: Recall
    recipients: tuple[Recipient, ...]

    @property
    def objects(self) -> int:
        """How many objects were taken back, each counted once however many parties had it."""
        return len({one.source for recipient in self.recipients for one in recipient.taken})


_request: Final = msgspec.msgpack.Decoder(RequestLine).decode
_recall: Final = msgspec.msgpack.Decoder(Recall).decode
_received: Final = msgspec.msgpack.Decoder(Received).decode
_recipient: Final = msgspec.msgpack.Decoder(Recipient).decode


class Waiting:
    """Reads pages of what waits. Every call is one snapshot."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # ── requests to release ───────────────────────────────────────────────────────────────────────────────

    def requests(self, states: Many[State], *, after: str = "", limit: int = 50) -> Paged[RequestLine]:
        """Requests in some states, newest first; ``after`` is the ``next`` of the page before."""
        found: list[tuple[int, str, bytes]] = []
        created, ident = _cursor(after)
        with self._store.reading() as tx:
            for state in states:
                where = "" if not ident else " AND (created < ? OR (created = ? AND id < ?))"
                rows = tx.all(
                    f"SELECT created, id, body FROM requests WHERE state = ?{where} "
                    "ORDER BY created DESC, id DESC LIMIT ?",
                    state.value, *((created, created, ident) if ident else ()), limit + 1,
                )  # fmt: skip
                found += [(int(row[0]), str(row[1]), bytes(row[2])) for row in rows]
        found.sort(key=lambda row: row[:2], reverse=True)
        items = tuple(_request(body) for _, _, body in found[:limit])
        return Paged(items, f"{items[-1].created}.{items[-1].id}" if len(found) > limit else "")

    # ── recalls ───────────────────────────────────────────────────────────────────────────────────────────

    def sent(self, states: Many[RecallState] | None = None, *, after: str = "", limit: int = 20) -> Paged[RecallLine]:
        """This node's own recalls, newest first, all or those in some states."""
        with self._store.reading() as tx:
            bodies, following = _recalls(tx, True, states, after, limit)
            items = []
            for body in bodies:
                recall = _recall(body)
                rows = tx.all("SELECT body FROM recall_answers WHERE recall = ? ORDER BY party", recall.id)
                items.append(RecallLine(recall, tuple(_recipient(bytes(row[0])) for row in rows)))
        return Paged(tuple(items), following)

    def received(
        self, states: Many[ReceivedState] | None = None, *, after: str = "", limit: int = 50
    ) -> Paged[Received]:
        """Recalls of others, newest first, all or those in some states."""
        with self._store.reading() as tx:
            bodies, following = _recalls(tx, False, states, after, limit)
        return Paged(tuple(_received(body) for body in bodies), following)

    # ── the quarantine ────────────────────────────────────────────────────────────────────────────────────

    def quarantine(
        self, *, waiting: bool = True, party: str = "", code: str = "", after: str = "", limit: int = 50
    ) -> Paged[Quarantined]:
        """What waits in the quarantine, oldest first, or what was decided, newest first.

        :param party: only what this party sent. :param code: only what was kept apart for this reason
            (:class:`titian.core.arrival.Doubt`).

        A page may hold fewer than ``limit``, or none, and be followed by another: a filter looks through a bounded
        part for each.
        """
        states = ("waiting",) if waiting else _DECIDED
        order, step = ("ASC", ">") if waiting else ("DESC", "<")
        begin = int(after) if after.isascii() and after.isdigit() and len(after) < 18 else None
        where, values = _filter(party, code)
        with self._store.reading() as tx:
            window: list[int] = []
            for state in states:
                rows = tx.all(
                    "SELECT num FROM quarantine WHERE state = ?"
                    + ("" if begin is None else f" AND num {step} ?")
                    + f" ORDER BY num {order} LIMIT ?",
                    state, *(() if begin is None else (begin,)), _LOOKED_AT if where else limit + 1,
                )  # fmt: skip
                window += [int(row[0]) for row in rows]
            window = sorted(window, reverse=not waiting)[: _LOOKED_AT if where else limit + 1]
            if not window:
                return Paged(())
            ends = sorted((window[0], window[-1]))
            rows = tx.all(
                "SELECT q.num, q.id, q.reason, q.source, q.received, q.state, q.collection, a.party, length(q.raw), "
                "q.decided, q.decider, q.why FROM quarantine q LEFT JOIN arrivals a ON a.num = q.arrival "
                f"WHERE q.num >= ? AND q.num <= ? AND q.state IN ({', '.join('?' * len(states))}){where} "
                f"ORDER BY q.num {order} LIMIT ?",
                *ends, *states, *values, limit + 1,
            )  # fmt: skip
        items = tuple(_quarantined(row) for row in rows[:limit])
        if len(rows) > limit:
            return Paged(items, str(items[-1].num))
        return Paged(items, str(window[-1]) if where and len(window) == _LOOKED_AT else "")

    def count_quarantined(self) -> int:
        """How much waits in the quarantine; what is more than 10,000 is 10,001."""
        with self._store.reading() as tx:
            row = tx.one(
                "SELECT count(*) FROM (SELECT num FROM quarantine WHERE state = ? LIMIT ?) AS first_ones",
                "waiting", _COUNTED + 1,
            )  # fmt: skip
        return int(row[0]) if row else 0


def _cursor(after: str) -> tuple[int, str]:
    created, _, ident = after.partition(".")
    good = created.isascii() and created.isdigit() and len(created) < 19 and 0 < len(ident) < 200
    return (int(created), ident) if good else (0, "")


def _recalls(
    tx: Transaction, outgoing: bool, states: Many[RecallState] | Many[ReceivedState] | None, after: str, limit: int
) -> tuple[list[bytes], str]:
    """The bodies of a page of recalls, and where the next begins."""
    created, ident = _cursor(after)
    words = [] if states is None else sorted(str(one.value) for one in states)
    among = "" if states is None else f" AND state IN ({', '.join('?' * len(words))})"
    where = " AND (created < ? OR (created = ? AND id < ?))" if ident else ""
    rows = tx.all(
        f"SELECT created, id, body FROM recalls WHERE outgoing = ?{among}{where} "
        "ORDER BY created DESC, id DESC LIMIT ?",
        outgoing, *words, *((created, created, ident) if ident else ()), limit + 1,
    )  # fmt: skip
    following = f"{rows[limit - 1][0]}.{rows[limit - 1][1]}" if len(rows) > limit else ""
    return [bytes(row[2]) for row in rows[:limit]], following


def _filter(party: str, code: str) -> tuple[str, list[object]]:
    where, values = "", list[object]()
    if party:
        where, values = " AND a.party = ?", [party]
    if code:
        where += " AND substr(q.reason, 1, ?) = ?"
        values += [len(code) + 1, f"{code}:"]
    return where, values


def _quarantined(row: tuple[Any, ...]) -> Quarantined:
    return Quarantined(
        num=row[0], id=row[1], reason=row[2], source=row[3], received=row[4], state=row[5], collection=row[6],
        party=row[7], size=row[8], decided=row[9], decider=row[10], why=row[11],
    )  # fmt: skip
