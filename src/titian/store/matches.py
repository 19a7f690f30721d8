"""Private matching in the store: offers, runs, quotas, and what both ledgers remember of them.

What is remembered says that it happened, between whom, and how much; never what was asked or found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import Any, Final

import msgspec

from titian.core.access import Key
from titian.core.collection import Kind
from titian.core.errors import NotFound, Refused
from titian.core.ledger import Entry
from titian.core.ledger import Kind as LedgerKind
from titian.core.matching import Look, Mode, Offer, OfferState, Outcome, Run, RunState
from titian.core.people import Actor
from titian.core.screening import ValueKind
from titian.core.subscription import DAY
from titian.store.database import Row, Transaction
from titian.store.gate import StoreGate, StoreSession
from titian.store.ledger import enter, require_sound
from titian.store.registry import list_collections
from titian.store.store import Store

_MASK: Final = (1 << 64) - 1
_AT_ONCE: Final = 400
_encode: Final = msgspec.msgpack.Encoder().encode
_offer: Final = msgspec.msgpack.Decoder(Offer).decode
_run: Final = msgspec.msgpack.Decoder(Run).decode
_outcome: Final = msgspec.msgpack.Decoder(Outcome).decode
_look: Final = msgspec.msgpack.Decoder(Look).decode
_OVER: Final = frozenset({OfferState.REFUSED, OfferState.WITHDRAWN, OfferState.ENDED})


class Matches:
    """Offers and runs of a node. Safe to share between threads."""

    def __init__(self, store: Store, gate: StoreGate) -> None:
        self._store = store
        self._gate = gate

    def now(self) -> int:
        """The node's clock, in microseconds."""
        return self._store.clock()

    # ── offers ────────────────────────────────────────────────────────────────────────────────────────────

    def offers(self) -> list[Offer]:
        """Every offer, the newest first: ours and those of partners that were fetched."""
        now = self.now()
        with self._store.reading() as tx:
            rows = tx.all("SELECT body FROM match_offers ORDER BY created DESC, id")
        return [_as_it_is(_offer(bytes(row[0])), now) for row in rows]

    def find(self, reference: str) -> Offer:
        """One of our offers by its id or the beginning of it. Raises :class:`NotFound`, also for several."""
        found = [one for one in self.offers() if one.ours and reference and one.id.startswith(reference)]
        if len(found) == 1:
            return found[0]
        several = f"{len(found):,} offers begin with {reference!r}."
        raise NotFound(several if found else f"There is no offer {reference!r}.",
                       advice="`titian match list` shows them.")  # fmt: skip

    def epochs(self, party: str, kind: ValueKind, mode: Mode) -> set[str]:
        """The epochs for which a key was made for a partner, a kind and a mode: none is used twice."""
        return {
            one.terms.epoch
            for one in self.offers()
            if one.ours and (one.party, one.terms.kind, one.terms.mode) == (party, kind, mode)
        }

    def add(self, actor: Actor, offer: Offer, data: bytes, secret: bytes, made: bytes, look: Look) -> None:
        """Keep an offer of ours; one that stands takes the place of those before it for the same partner, kind and
        mode."""
        with self._gate.writing() as session:
            session.open_released(offer.agreement, offer.party)
            require_sound(session.tx, offer.agreement)
            row = (*_columns(offer), data, secret, made, _encode(look))
            session.tx.insert("match_offers", (*_OFFER, "data", "secret", "made", "looked"), [row])
            session.record(actor.id, "offer-match", offer.id, offer.why, _about(offer))
            if offer.state is OfferState.STANDING:
                self._stand(session, offer)

    def decide(self, actor: Actor, offer: Offer, state: OfferState, why: str) -> Offer:
        """Approve, refuse or withdraw an offer of ours. Raises :class:`Refused` when it is over, or not waiting."""
        with self._gate.writing() as session:
            held = _as_it_is(_read_offer(session.tx, offer.id), session.at)
            if held.state in _OVER or (held.state is OfferState.STANDING and state is not OfferState.WITHDRAWN):
                raise Refused(f"This offer is {held.state.value} already.")
            decider = None if state is OfferState.WITHDRAWN else actor.id
            decided = msgspec.structs.replace(held, state=state, why=why, decider=decider)
            _write_offer(session.tx, decided)
            session.record(actor.id, _ACTS[state], offer.id, why, _about(offer))
            if state is OfferState.STANDING:
                self._stand(session, decided)
            elif held.state is OfferState.STANDING:
                _remember(session.tx, decided.agreement, decided.party, session.at, "withdrawn", _about(decided))
        return decided

    def _stand(self, session: StoreSession, offer: Offer) -> None:
        for one in [_offer(bytes(row[0])) for row in session.tx.all("SELECT body FROM match_offers WHERE ours = ?",
                                                                    True)]:  # fmt: skip
            same = (one.party, one.agreement, one.terms.kind, one.terms.mode) == (
                offer.party, offer.agreement, offer.terms.kind, offer.terms.mode,
            )  # fmt: skip
            if same and one.id != offer.id and one.state is OfferState.STANDING:
                gone = msgspec.structs.replace(one, state=OfferState.WITHDRAWN, why="A newer offer took its place.")
                _write_offer(session.tx, gone)
                _remember(session.tx, gone.agreement, gone.party, session.at, "withdrawn", _about(gone))
        _remember(session.tx, offer.agreement, offer.party, session.at, "offered", _about(offer))

    def withdraw_stale(self, offer: Offer, why: str) -> None:
        """Withdraw an offer because something that it was made of is not to be given any more."""
        with self._store.writing() as tx:
            held = _read_offer(tx, offer.id)
            if held.state in _OVER:
                return
            _write_offer(tx, msgspec.structs.replace(held, state=OfferState.WITHDRAWN, why=why))
            if held.state is OfferState.STANDING:  # of one that never stood the partner does not know
                _remember(tx, held.agreement, held.party, self.now(), "withdrawn", _about(held))

    def keep(self, offer: Offer, data: bytes) -> None:
        """Keep an offer of a partner, in the place of older ones of the same agreement, kind and mode."""
        with self._store.writing() as tx:
            for row in tx.all("SELECT body FROM match_offers WHERE ours = ? AND party = ?", False, offer.party):
                one = _offer(bytes(row[0]))
                if (one.agreement, one.terms.kind, one.terms.mode) == (
                    offer.agreement, offer.terms.kind, offer.terms.mode,
                ):  # fmt: skip
                    tx.run("DELETE FROM match_offers WHERE id = ?", one.id)
            tx.run("DELETE FROM match_offers WHERE id = ? AND ours = ?", offer.id, False)
            tx.insert("match_offers", (*_OFFER, "data"), [(*_columns(offer), data)])

    def data(self, identifier: str) -> bytes | None:
        """The bytes of an offer, None when it is over or was never here."""
        return self._part(identifier, "data")

    def secret(self, identifier: str) -> bytes | None:
        """What only we have of an offer of ours."""
        return self._part(identifier, "secret")

    def _part(self, identifier: str, column: str) -> bytes | None:
        with self._store.reading() as tx:
            row = tx.one(f"SELECT {column} FROM match_offers WHERE id = ?", identifier)
        return None if row is None or row[0] is None else bytes(row[0])

    # ── what an offer was made of ─────────────────────────────────────────────────────────────────────────

    def look(self) -> Look:
        """How what is held stands now."""
        with self._gate.reading() as session:
            return _look_in(session)

    def made(self, identifier: str) -> tuple[bytes, Look]:
        """Of what an offer was made, and how that stood when it was checked last. Raises :class:`NotFound`."""
        with self._store.reading() as tx:
            row = tx.one("SELECT made, looked FROM match_offers WHERE id = ?", identifier)
        if row is None or row[0] is None or row[1] is None:
            raise NotFound("This offer is over.")
        return bytes(row[0]), _look(bytes(row[1]))

    def note_look(self, identifier: str, made: bytes, look: Look) -> None:
        """Remember that an offer was checked."""
        with self._store.writing() as tx:
            tx.run("UPDATE match_offers SET made = ?, looked = ? WHERE id = ? AND made IS NOT NULL",
                   made, _encode(look), identifier)  # fmt: skip

    def came_in(self, since: Look) -> set[int]:
        """The numbers of objects that came in, or of which a new version did, since a look."""
        found: set[int] = set()
        with self._store.reading() as tx:
            for one in list_collections(tx):
                if one.kind not in (Kind.RELEASED, Kind.DIRECTORY):
                    rows = tx.all("SELECT id_hash FROM entries WHERE collection = ? AND added > ?",
                                  one.num, since.ends.get(str(one.num), -1))  # fmt: skip
                    found.update(int(row[0]) & _MASK for row in rows)
        return found

    def still_held(self, numbers: Collection[int]) -> set[int]:
        """Those of some objects, by their numbers, that are still in a collection of what is held."""
        wanted = [one - (1 << 64) if one >> 63 else one for one in sorted(numbers)]
        found: set[int] = set()
        with self._store.reading() as tx:
            held = {one.num for one in list_collections(tx) if one.kind is not Kind.RELEASED}
            for begin in range(0, len(wanted), _AT_ONCE):
                rows = tx.all(
                    f"SELECT id_hash, collection FROM entries {tx.using('ix_entries_id')}"
                    f"WHERE {tx.among('id_hash')} AND (rank & 1) = 1",
                    tx.array(wanted[begin : begin + _AT_ONCE]),
                )
                found.update(int(one) & _MASK for one, collection in rows if collection in held)
        return found

    # ── at the door ───────────────────────────────────────────────────────────────────────────────────────

    def open_to(self, reader: Key) -> list[Offer]:
        """The offers that the holder of a key may ask about now."""
        at = self.now()
        with self._store.reading() as tx:
            open_now = {
                one.agreement for one in list_collections(tx) if one.kind is Kind.RELEASED and reader.sees(one, at)
            }
            rows = tx.all("SELECT body FROM match_offers WHERE ours = ? AND party = ? ORDER BY created DESC, id",
                          True, reader.party) if reader.party is not None else []  # fmt: skip
        found = [_offer(bytes(row[0])) for row in rows]
        return [one for one in found if one.agreement in open_now and one.stands(at)]

    def handed(self, offer: Offer, key: str) -> None:
        """Remember that an offer is handed to its partner, before it is (law 8)."""
        with self._store.writing() as tx:
            require_sound(tx, offer.agreement)
            _remember(tx, offer.agreement, offer.party, self.now(), "handed", {**_about(offer), "key": key})

    def used(self, party: str, kind: ValueKind) -> int:
        """How many values of a kind a partner has asked about today."""
        with self._store.reading() as tx:
            return _used(tx, party, kind, self.now())

    def begin(self, run: Run, serving: bytes, commitment: bytes, allow: Callable[[int], object], look: Look) -> bool:
        """Begin a run in which a partner asks; False, and nothing is written, when what is held does not stand as it
        did. ``allow`` is told how many values it has asked today, and raises when this is too much. Raises
        :class:`Refused` for a run whose name was used."""
        with self._gate.writing() as session:
            tx = session.tx
            if _look_in(session) != look:
                return False
            require_sound(tx, run.agreement)
            offer = _read_offer(tx, run.offer)
            if not offer.stands(self.now()):
                raise Refused("This offer is over.", advice="Look what is offered now.")
            if tx.one("SELECT 1 FROM match_runs WHERE id = ?", run.id) is not None:
                raise Refused("A run of this name was begun before.", advice="Each run has a name of its own.")
            allow(_used(tx, run.party, run.kind, run.begun))
            tx.insert("match_runs", (*_RUN, "serving"), [(*_run_columns(run), serving)])
            _remember(tx, run.agreement, run.party, run.begun, "answered", _told(run, commitment))
        return True

    def serving(self, identifier: str) -> tuple[Run, int, bytes]:
        """A run in which a partner asks: itself, after how many messages, and its state. Raises :class:`NotFound`."""
        with self._store.reading() as tx:
            row = tx.one("SELECT body, step, serving FROM match_runs WHERE id = ? AND ours = ?", identifier, False)
        if row is None or row[2] is None:
            raise NotFound("There is no such run, or it is over.", advice="Begin a new one.")
        return _run(bytes(row[0])), int(row[1]), bytes(row[2])

    def advance(self, run: Run, step: int, serving: bytes, outcome: Outcome | None, look: Look) -> bool:
        """Write how far a run has come, after ``step`` messages, and what we learnt by it, if that is something; False,
        and nothing is written, when what is held does not stand as it did.

        Raises :class:`Refused` when the message that led here was answered meanwhile, or the offer is over.
        """
        kept = None if outcome is None else _encode(outcome)
        with self._gate.writing() as session:
            tx = session.tx
            if _look_in(session) != look:
                return False
            require_sound(tx, run.agreement)
            if not _read_offer(tx, run.offer).stands(self.now()):
                raise Refused("This offer is over.", advice="Look what is offered now.")
            changed = tx.run(
                "UPDATE match_runs SET step = ?, body = ?, serving = ?, outcome = ? "
                "WHERE id = ? AND ours = ? AND step = ?",
                step, _encode(run), serving, kept, run.id, False, step - 1,
            )  # fmt: skip
            if not changed:
                raise Refused("This message was answered already: it is not answered twice.")
            if run.state is RunState.DONE:
                _remember(tx, run.agreement, run.party, self.now(), "finished", _told(run))
        return True

    def break_off(self, run: Run) -> None:
        """End a run in which a partner asks: what it has used up stays used."""
        with self._store.writing() as tx:
            where = "WHERE id = ? AND ours = ? AND serving IS NOT NULL"
            if tx.run(f"UPDATE match_runs SET body = ?, serving = NULL {where}", _encode(run), run.id, False):
                _remember(tx, run.agreement, run.party, self.now(), "broken", _told(run))

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    def begin_asking(self, run: Run, commitment: bytes) -> None:
        """Remember that we ask, before anything is sent."""
        with self._gate.writing() as session:
            require_sound(session.tx, run.agreement)
            session.tx.insert("match_runs", _RUN, [_run_columns(run)])
            session.record(run.person, "ask-match", run.id, "", _told(run))
            _remember(session.tx, run.agreement, run.party, run.begun, "asked", _told(run, commitment))

    def finish_asking(self, run: Run, outcome: Outcome | None) -> None:
        """Keep what came of it."""
        with self._store.writing() as tx:
            tx.run("UPDATE match_runs SET step = 1, body = ?, outcome = ? WHERE id = ? AND ours = ?",
                   _encode(run), None if outcome is None else _encode(outcome), run.id, True)  # fmt: skip
            _remember(tx, run.agreement, run.party, self.now(), run.state.value, _told(run))

    def runs(self, limit: int = 100) -> list[Run]:
        """The latest runs, the newest first."""
        with self._store.reading() as tx:
            rows = tx.all("SELECT body FROM match_runs ORDER BY begun DESC, id LIMIT ?", limit)
        return [_run(bytes(row[0])) for row in rows]

    def outcome(self, reference: str) -> tuple[Run, Outcome | None]:
        """A run by its id or the beginning of it, and what this node learnt by it: of one in which a partner asked,
        only in the mode mutual. Raises :class:`NotFound`."""
        if not reference.isalnum():
            raise NotFound(f"There is no run {reference!r}.")
        with self._store.reading() as tx:
            rows = tx.all("SELECT body, outcome FROM match_runs WHERE id LIKE ? LIMIT 2", f"{reference}%")
        if len(rows) != 1:
            raise NotFound(f"There is no run {reference!r}." if not rows else f"Several runs begin with {reference!r}.",
                           advice="`titian match list` shows them.")  # fmt: skip
        return _run(bytes(rows[0][0])), None if rows[0][1] is None else _outcome(bytes(rows[0][1]))

    def tidy(self) -> None:
        """Forget the bytes and the secrets of offers that are over, and the states of runs about them."""
        now = self.now()
        left = "SELECT body FROM match_runs WHERE begun < ? AND"
        with self._store.reading() as tx:
            ours = tx.all(f"{left} ours = ? AND step = 0", now - DAY, True)
            theirs = tx.all(f"{left} ours = ? AND serving IS NOT NULL", now - DAY, False)
        for run in [_run(bytes(row[0])) for row in ours]:
            why = "This node was stopped meanwhile."
            self.finish_asking(msgspec.structs.replace(run, ended=now, state=RunState.BROKEN, why=why), None)
        for run in [_run(bytes(row[0])) for row in theirs]:
            if run.state is RunState.RUNNING:
                self.break_off(msgspec.structs.replace(run, ended=now, state=RunState.BROKEN, why="It was left."))
        if theirs:
            # A run that came to its end need not be told from one that never was, once nobody can go on with it.
            with self._store.writing() as tx:
                tx.run("UPDATE match_runs SET serving = NULL WHERE ours = ? AND begun < ?", False, now - DAY)
        over = [one for one in self.offers() if one.state in _OVER]
        with self._store.reading() as tx:
            kept = {row[0] for row in tx.all("SELECT id FROM match_offers WHERE data IS NOT NULL")}
        due = [one for one in over if one.id in kept]
        if not due:
            return
        with self._store.writing() as tx:
            for one in due:
                _write_offer(tx, one)


_OFFER: Final = ("id", "ours", "agreement", "party", "kind", "state", "created", "until", "body")
_RUN: Final = ("id", "ours", "offer", "party", "kind", "begun", "asked", "step", "body")
_ACTS: Final = {
    OfferState.STANDING: "approve-match", OfferState.REFUSED: "refuse-match", OfferState.WITHDRAWN: "withdraw-match",
}  # fmt: skip


def _look_in(session: StoreSession) -> Look:
    """How what is held stands in a transaction: what came in, and everything that decides who may have it."""
    every = list_collections(session.tx)
    held = [one for one in every if one.kind not in (Kind.RELEASED, Kind.DIRECTORY)]
    rules: list[object] = [
        session.tx.all(f"SELECT {what} ORDER BY id") for what in ("id, state FROM recalls", "id, recall FROM flags")
    ]
    rules.append(session.matching((), ("marking-definition",)))
    return Look(
        {str(one.num): one.last_added for one in held},
        sum(one.generation for one in held),
        (
            sum(one.generation for one in every if one.kind is Kind.DIRECTORY),
            *(int.from_bytes(blake2b(_encode(one), digest_size=7).digest(), "big") for one in rules),
        ),
        session.register().directory.next_edge(session.at),
    )


def _columns(offer: Offer) -> Row:
    return (offer.id, offer.ours, offer.agreement, offer.party, offer.terms.kind.value, offer.state.value,
            offer.created, offer.until, _encode(offer))  # fmt: skip


def _run_columns(run: Run) -> Row:
    return (run.id, run.ours, run.offer, run.party, run.kind.value, run.begun, run.asked, 0, _encode(run))


def _read_offer(tx: Transaction, identifier: str) -> Offer:
    row = tx.one("SELECT body FROM match_offers WHERE id = ?", identifier)
    if row is None:
        raise NotFound("There is no such offer.")
    return _offer(bytes(row[0]))


def _write_offer(tx: Transaction, offer: Offer) -> None:
    """Write what became of an offer; of one that is over the bytes and the secrets go."""
    tx.run("UPDATE match_offers SET state = ?, body = ? WHERE id = ?", offer.state.value, _encode(offer), offer.id)
    if offer.state in _OVER:
        tx.run("UPDATE match_offers SET data = NULL, secret = NULL, made = NULL, looked = NULL WHERE id = ?", offer.id)
        tx.run("UPDATE match_runs SET serving = NULL WHERE offer = ? AND ours = ?", offer.id, False)


def _as_it_is(offer: Offer, now: int) -> Offer:
    """An offer whose time is over has ended, whatever was written last."""
    open_still = offer.state in (OfferState.STANDING, OfferState.WAITING)
    return msgspec.structs.replace(offer, state=OfferState.ENDED) if open_still and offer.until <= now else offer


def _used(tx: Transaction, party: str, kind: ValueKind, now: int) -> int:
    row = tx.one(
        "SELECT coalesce(sum(asked), 0) FROM match_runs WHERE ours = ? AND party = ? AND kind = ? AND begun >= ?",
        False, party, kind.value, now // DAY * DAY,
    )  # fmt: skip
    return int(row[0]) if row else 0


def _remember(tx: Transaction, agreement: str, party: str, at: int, what: str, about: dict[str, Any]) -> None:
    enter(tx, agreement, [Entry(kind=LedgerKind.MATCH, at=at, party=party, details={"what": what, **about})])


def _about(offer: Offer) -> dict[str, Any]:
    terms = offer.terms
    return {"offer": offer.id, "agreement": offer.agreement, "party": offer.party, "kind": terms.kind.value,
            "mode": terms.mode.value, "epoch": terms.epoch, "offered": offer.size, "until": offer.until}  # fmt: skip


def _told(run: Run, commitment: bytes = b"") -> dict[str, Any]:
    """What a ledger says of a run. How many values are common is told where both sides know it."""
    told = {"run": run.id, "offer": run.offer, "kind": run.kind.value, "mode": run.mode.value, "epoch": run.epoch,
            "asked": run.asked, "offered": run.offered}  # fmt: skip
    if commitment:
        told["commitment"] = commitment.hex()
    if run.mode is Mode.MUTUAL and run.common is not None:
        told["common"] = run.common
    return told
