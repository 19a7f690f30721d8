"""What arrives from partners: kept as it came, then taken in or put into the quarantine, and where each thing came
from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from titian.core.arrival import Accepted, Arrival, Provenance, Quarantined
from titian.core.collection import Appended, Collection, Incoming, Outcome
from titian.core.errors import NotFound, Refused
from titian.core.ledger import digest_of
from titian.core.recall_objects import MESSAGES
from titian.core.view import SetAside
from titian.store.acts import record
from titian.store.database import Transaction
from titian.store.shelf import OnAdded, kept_text, nobody
from titian.store.store import Store

LONGEST_REASON: Final = 2000
INBOX: Final = "inbox "
"""What the source of something begins with that a party has put into its inbox; the id of its key follows."""


_raws: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_ARRIVAL: Final = (
    "SELECT num, subscription, collection, received, party, remote, count, digest, first, last FROM arrivals"
)
_QUARANTINED: Final = (
    "SELECT q.num, q.id, q.reason, q.source, q.received, q.state, q.collection, a.party, length(q.raw), q.decided, "
    "q.decider, q.why FROM quarantine q LEFT JOIN arrivals a ON a.num = q.arrival"
)


def _arrival(row: tuple[Any, ...]) -> Arrival:
    return Arrival(
        num=row[0], subscription=row[1], collection=row[2], received=row[3], party=row[4], remote=row[5], count=row[6],
        digest=bytes(row[7]), first=row[8], last=row[9],
    )  # fmt: skip


OnMessage = Callable[[Transaction, Arrival, str, Incoming], str | None]
"""Is handed a recall, or an answer to one, in the transaction that takes it in, with the agreement that it came under;
returns why it does not count, if it does not."""


def _no_message(_tx: Transaction, _arrival: Arrival, _agreement: str, _item: Incoming) -> str | None:
    return None


class StoreArrivals:
    """Arrivals in the store. Each call is one transaction, but for those that are handed one."""

    def __init__(self, store: Store, added: OnAdded = nobody, message: OnMessage = _no_message) -> None:
        self._store = store
        self._added = added
        self._message = message

    def keep(
        self,
        arrival: Arrival,
        objects: Sequence[bytes],
        spoiled: Sequence[tuple[str, bytes]] = (),
        *,
        beside: Callable[[Transaction], object] = lambda _: None,
    ) -> Arrival:
        """Keep a page as it arrived, durably, before anything of it is judged; returns it with its number.

        ``spoiled`` is what is no JSON object at all, with the reason: it goes to the quarantine at once. ``beside`` is
        done in the same transaction.
        """
        raw = b",".join(objects)
        with self._store.writing() as tx:
            kept = self._insert(tx, arrival, raw or None, judged=None if objects else arrival.received)
            aside = [SetAside("", f"invalid: {reason}", data) for reason, data in spoiled]
            self._set_aside(tx, kept, aside)
            beside(tx)
        return kept

    @staticmethod
    def _insert(tx: Transaction, arrival: Arrival, raw: bytes | None, *, judged: int | None) -> Arrival:
        row = tx.one("SELECT coalesce(max(num), 0) FROM arrivals")
        num = (row[0] if row else 0) + 1
        tx.run(
            "INSERT INTO arrivals (num, subscription, collection, received, party, remote, count, digest, first, "
            "last, raw, judged) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            num, arrival.subscription, arrival.collection, arrival.received, arrival.party, arrival.remote,
            arrival.count, arrival.digest, arrival.first, arrival.last, raw, judged,
        )  # fmt: skip
        return msgspec.structs.replace(arrival, num=num)

    def waiting(self, subscription: str | None = None) -> list[Arrival]:
        """Pages that are not judged yet, oldest first."""
        where = "" if subscription is None else " AND subscription = ?"
        with self._store.reading() as tx:
            found = tx.all(f"{_ARRIVAL} WHERE judged IS NULL{where} ORDER BY num",
                           *(() if subscription is None else (subscription,)))  # fmt: skip
        return [_arrival(row) for row in found]

    def objects(self, arrival: Arrival) -> list[bytes]:
        """The objects of a page that is not judged yet, byte for byte."""
        with self._store.reading() as tx:
            row = tx.one("SELECT raw FROM arrivals WHERE num = ?", arrival.num)
        raw = b"" if row is None or row[0] is None else bytes(row[0])
        return [bytes(one) for one in _raws(b"[" + raw + b"]")]

    def settle(
        self,
        arrival: Arrival,
        accepted: Sequence[Incoming],
        aside: Sequence[SetAside],
        agreement: str,
        *,
        beside: Callable[[Transaction, Sequence[Appended]], object] = lambda _tx, _done: None,
    ) -> list[Appended]:
        """Take in what was accepted and put the rest into the quarantine, in one transaction; what became of each that
        was accepted. The page's own bytes go: every one of them is held now, here or there. ``beside`` is told of it,
        and done in the same transaction."""
        with self._store.writing() as tx:
            done = self.take(tx, arrival, accepted, agreement)
            self._set_aside(tx, arrival, aside)
            beside(tx, done)
            now = self._store.clock()
            tx.run("UPDATE arrivals SET judged = ?, raw = NULL WHERE num = ?", now, arrival.num)
        return done

    def take(self, tx: Transaction, arrival: Arrival, items: Sequence[Incoming], agreement: str) -> list[Appended]:
        """Take objects in, in their order: a recall takes out what came before it, and not what comes after it."""
        done: list[Appended] = []
        before: list[Incoming] = []
        for item in items:
            if not item.id.startswith(MESSAGES):
                before.append(item)
                continue
            done += self._append(tx, arrival, before)
            before = []
            why = self._message(tx, arrival, agreement, item)
            if why is None:
                done += self._append(tx, arrival, [item])
            else:
                self._set_aside(tx, arrival, [SetAside(item.id, why, item.raw)])
                done.append(Appended(item.id, item.text or "", Outcome.QUARANTINED, why))
        return done + self._append(tx, arrival, before)

    def _append(self, tx: Transaction, arrival: Arrival, items: Sequence[Incoming]) -> list[Appended]:
        if not items:
            return []
        before = _last_added(tx, arrival.collection)
        top = tx.one("SELECT coalesce(max(num), 0) FROM quarantine")
        done = self._store.log.append(tx, arrival.collection, items, source=_source(arrival))
        # What differs from what is held went into the quarantine by itself: it came with this page.
        tx.run("UPDATE quarantine SET arrival = ? WHERE num > ?", arrival.num, top[0] if top else 0)
        after = _last_added(tx, arrival.collection)
        if after > before:
            tx.run(
                "INSERT INTO provenance (collection, last, first, arrival) VALUES (?, ?, ?, ?)",
                arrival.collection, after, before + 1, arrival.num,
            )  # fmt: skip
        self._added(tx, [one.id for one in done if one.outcome is Outcome.ADDED])
        return done

    def posted(
        self, tx: Transaction, collection: Collection, items: Sequence[Incoming], doubts: Sequence[str | None], key: str
    ) -> list[Appended]:
        """Take in what a party has put into its inbox, but for what there is a doubt about; what became of each."""
        if not items:
            return []
        arrival = Arrival(
            subscription=f"{INBOX}{key}", collection=collection.num, received=self._store.clock(),
            party=collection.party or "", remote=collection.id, count=len(items),
            digest=digest_of([item.raw for item in items]),
        )  # fmt: skip
        kept = self._insert(tx, arrival, None, judged=arrival.received)
        sound = [item for item, doubt in zip(items, doubts, strict=True) if doubt is None]
        done = iter(self.take(tx, kept, sound, collection.agreement or ""))
        outcomes = []
        for item, doubt in zip(items, doubts, strict=True):
            if doubt is None:
                outcomes.append(next(done))
            else:
                self._set_aside(tx, kept, [SetAside(item.id, doubt, item.raw)])
                outcomes.append(Appended(item.id, item.text or "", Outcome.QUARANTINED, doubt))
        return outcomes

    def _set_aside(self, tx: Transaction, arrival: Arrival, aside: Sequence[SetAside]) -> None:
        for item in aside:
            digest = hashlib.sha256(item.raw).digest()
            ident, reason = kept_text(item.id, 300), kept_text(item.reason, LONGEST_REASON)
            held = tx.one(
                "SELECT 1 FROM quarantine WHERE id = ? AND digest = ? AND collection = ? AND state = 'waiting'",
                ident, digest, arrival.collection,
            )  # fmt: skip
            if held is None:
                tx.run(
                    "INSERT INTO quarantine (collection, id, version, reason, source, received, digest, raw, arrival) "
                    "VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?)",
                    arrival.collection, ident, reason, _source(arrival), arrival.received, digest, item.raw,
                    arrival.num,
                )  # fmt: skip

    # ── the quarantine, for people ────────────────────────────────────────────────────────────────────────

    def quarantine(self, *, state: str | None = "waiting", limit: int = 1000) -> list[Quarantined]:
        """What is in the quarantine, oldest first: what waits for a person, or all."""
        where = "" if state is None else " WHERE q.state = ?"
        with self._store.reading() as tx:
            rows = tx.all(f"{_QUARANTINED}{where} ORDER BY q.num LIMIT ?", *(() if state is None else (state,)), limit)
        return [_quarantined(row) for row in rows]

    def count_waiting(self) -> int:
        """How much waits in the quarantine for a person."""
        with self._store.reading() as tx:
            row = tx.one("SELECT count(*) FROM quarantine WHERE state = 'waiting'")
        return int(row[0]) if row else 0

    def find_quarantined(self, reference: str) -> tuple[Quarantined, bytes]:
        """One of them by its number, or by the identifier of an object of which only one waits, with its bytes.

        Raises :class:`NotFound`, also for several.
        """
        with self._store.reading() as tx:
            if reference.isascii() and reference.isdigit() and len(reference) < 18:
                rows = tx.all(f"{_QUARANTINED} WHERE q.num = ?", int(reference))
            else:
                rows = tx.all(f"{_QUARANTINED} WHERE q.id = ? AND q.state = 'waiting' ORDER BY q.num", reference)
            if len(rows) != 1:
                several = f"{len(rows)} things of {reference} wait: name one by its number."
                raise NotFound(several if rows else f"There is nothing in the quarantine called {reference!r}.",
                               advice="`titian inbox` lists what waits.")  # fmt: skip
            raw = tx.one("SELECT raw FROM quarantine WHERE num = ?", rows[0][0])
        return _quarantined(rows[0]), bytes(raw[0]) if raw else b""

    def accept(self, one: Quarantined, item: Incoming, *, person: str, why: str) -> Appended:
        """Take something in that a person accepts. Raises :class:`Refused` when another content is held, or it was
        decided already."""
        with self._store.writing() as tx:
            row = tx.one("SELECT arrival FROM quarantine WHERE num = ?", one.num)
            arrival = tx.one(f"{_ARRIVAL} WHERE num = ?", row[0]) if row and row[0] is not None else None
            if arrival is None:
                done = self._store.log.append(tx, one.collection, [item], source=one.source)
                self._added(tx, [each.id for each in done if each.outcome is Outcome.ADDED])
            else:
                done = self._append(tx, _arrival(arrival), [item])
            if done[0].outcome is Outcome.CONFLICT:
                raise Refused("Another content is held under the same id and version; what is held stays.",
                              advice="Ask the sender for a new version.")  # fmt: skip
            self._decide(tx, one, "accepted", person, why)
        return done[0]

    def reject(self, one: Quarantined, *, person: str, why: str) -> None:
        """Leave something out for good; its bytes stay where they are. Raises :class:`Refused` when it was decided."""
        with self._store.writing() as tx:
            self._decide(tx, one, "rejected", person, why)

    def _decide(self, tx: Transaction, one: Quarantined, state: str, person: str, why: str) -> None:
        now = self._store.clock()
        changed = tx.run(
            "UPDATE quarantine SET state = ?, decided = ?, decider = ?, why = ? WHERE num = ? AND state = 'waiting'",
            state, now, person, why, one.num,
        )  # fmt: skip
        if not changed:
            raise Refused(f"Number {one.num} was decided before.")
        record(tx, at=now, person=person, act=f"inbox-{state}", subject=one.id, why=why, details={"number": one.num})

    # ── where it came from ────────────────────────────────────────────────────────────────────────────────

    def provenance(self, identifier: str) -> list[Provenance]:
        """Where each version of an object came from, newest first, as far as it arrived from partners."""
        with self._store.reading() as tx:
            rows = tx.all(
                "SELECT a.party, a.received, a.remote, a.subscription, a.origin, a.entry FROM entries e "
                "JOIN provenance p ON p.collection = e.collection AND p.first <= e.added AND p.last >= e.added "
                "JOIN arrivals a ON a.num = p.arrival WHERE e.id_hash = ? AND e.id = ? ORDER BY a.received DESC",
                self._store.log.id_hash(identifier), identifier,
            )  # fmt: skip
        return [_provenance(row) for row in rows]

    def accepted(self, limit: int) -> list[Accepted]:
        """The last object versions that were taken in from partners, the newest first."""
        found: list[Accepted] = []
        with self._store.reading() as tx:
            # Each arrival here has brought one version at least.
            for collection, first, last, *about in tx.all(
                "SELECT p.collection, p.first, p.last, a.party, a.received, a.remote, a.subscription, a.origin, "
                "a.entry FROM provenance p JOIN arrivals a ON a.num = p.arrival ORDER BY p.arrival DESC, p.last DESC "
                "LIMIT ?",
                limit,
            ):
                from_where = _provenance(about)
                found += [
                    Accepted(id=row[0], type=row[1], size=row[2], collection=collection, provenance=from_where)
                    for row in tx.all(
                        "SELECT e.id, t.name, e.length FROM entries e JOIN types t ON t.num = e.type "
                        "WHERE e.collection = ? AND e.added >= ? AND e.added <= ? ORDER BY e.added DESC LIMIT ?",
                        collection, first, last, limit - len(found),
                    )
                ]  # fmt: skip
                if len(found) >= limit:
                    break
        return found


def _provenance(row: Sequence[Any]) -> Provenance:
    return Provenance(
        party=row[0], received=row[1], remote=row[2], subscription=row[3], origin=row[4], entry=row[5]
    )  # fmt: skip


def _quarantined(row: tuple[Any, ...]) -> Quarantined:
    return Quarantined(
        num=row[0], id=row[1], reason=row[2], source=row[3], received=row[4], state=row[5], collection=row[6],
        party=row[7], size=row[8], decided=row[9], decider=row[10], why=row[11],
    )  # fmt: skip


def _source(arrival: Arrival) -> str:
    other = arrival.subscription.startswith((INBOX, "bundle"))
    return arrival.subscription if other else f"subscription {arrival.subscription}"


def _last_added(tx: Transaction, num: int) -> int:
    row = tx.one("SELECT last_added FROM collections WHERE num = ?", num)
    return int(row[0]) if row else 0
