"""Seal bundles: what a party is served, on a stick instead of a wire (laws 1, 2 and 8).

A bundle is numbered and entered into the ledger in one transaction, and only then written. If its file was not whole
before the node stopped, its number is never used again: the next bundle brings the same objects.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import BinaryIO, Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.bundle import (
    LARGEST_PAYLOAD,
    MOST_OBJECTS,
    MOST_RECEIVED,
    Cover,
    Kept,
    Kind,
    Receipt,
    Received,
    Running,
    frame,
    kept,
    missing,
    opened_up_to,
    sealed_up_to,
    signing_name,
)
from titian.core.bundling import Arrive, Book, Correspondent, Leaving, Outlet, Sealing
from titian.core.collection import Collection
from titian.core.errors import Forbidden, NotFound, Refused, Unavailable
from titian.core.ledger import Entry
from titian.core.ledger import Kind as LedgerKind
from titian.core.notes import SignedNote, Signer, sign_text
from titian.core.party import Party
from titian.core.people import Actor, Permission
from titian.core.view import Progress, silent

RESTORED: Final = "Was this node restored from a backup? `titian bundle seal --resume` goes on behind that number."
_LENGTH: Final = 4
_TRIES: Final = 3


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What was sealed for a party: ``bundle`` is None when there was nothing new; ``more`` that some is left."""

    party: Party
    bundle: Kept | None = None
    more: bool = False


class _Changed(Exception):
    """What a party is served changed while it was being packed."""


class _Load(msgspec.Struct, frozen=True, kw_only=True):
    """What was packed for a bundle, before it has a number."""

    collection: Collection | None = None
    after: int = 0
    first: int = 0
    last: int = 0
    count: int
    size: int
    payload: bytes
    digest: bytes
    more: bool = False


class Sealer:
    """Seals bundles. ``correspondent`` finds what is known of a party's node, ``signer`` gives what signs
    under a name, ``identify`` makes UUIDs."""

    def __init__(
        self,
        book: Book,
        leaving: Leaving,
        arrive: Arrive,
        sealing: Sealing,
        *,
        correspondent: Callable[[str], Correspondent | None],
        signer: Callable[[str], Signer],
        identify: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._book = book
        self._leaving = leaving
        self._arrive = arrive
        self._sealing = sealing
        self._correspondent = correspondent
        self._signer = signer
        self._identify = identify

    def list(self) -> Sequence[Kept]:
        """Every bundle that was sealed or opened, by agreement, party, direction and number."""
        with self._book.reading() as desk:
            return desk.all()

    # ── seal ──────────────────────────────────────────────────────────────────────────────────────────────

    def seal(
        self,
        actor: Actor,
        agreement: str,
        outlet: Outlet,
        *,
        party: str | None = None,
        since: int | None = None,
        resume: bool = False,
        progress: Progress = silent,
    ) -> Sequence[Sealed]:
        """Seal what is new for each party of an agreement, or for one: a file for each that has something new.

        ``since`` seals again what was in that number and later ones, under a new number. ``resume`` goes on behind the
        last number that the partner has, after a restore. Raises :class:`Refused` for what may not leave, or when the
        partner has bundles of which this node does not know; :class:`NotFound` for a party whose card is not here.
        """
        allow(actor, Permission.REQUEST_RELEASE)
        with self._book.reading() as desk:
            register = desk.session.register()
            terms = register.agreement(agreement)
            audience = register.directory.audience(terms, desk.session.at)
            named = None if party is None else register.party(party)
            if named is not None and named.id not in audience:
                raise Refused(f"{named.name} receives nothing under {terms.name} now.",
                              advice="`titian agreements show` tells who does.")  # fmt: skip
            if not audience:
                raise Refused(f"Nobody receives anything under {terms.name} now.",
                              advice="`titian agreements show` tells since when.")  # fmt: skip
            everybody = [register.directory.parties[one] for one in audience]
        chosen = [named] if named is not None else sorted(everybody, key=lambda one: one.name)
        # Nothing is sealed for anybody while a card is missing: half of the files would look like all of them.
        recipients = {one.id: self._recipient(one) for one in chosen if self._has_something(terms, one, since)}

        def sealed(one: Party) -> Sealed:
            if one.id not in recipients:
                return Sealed(party=one)
            give = partial(outlet, one, named is None and len(everybody) > 1)
            return self._seal_for(actor, terms, one, recipients[one.id], give, since, resume, progress)

        return [sealed(one) for one in chosen]

    def _has_something(self, agreement: Agreement, party: Party, since: int | None) -> bool:
        with self._book.reading() as desk:
            collection = desk.session.released(agreement.id, party.id)
            after = sealed_up_to(desk.stream(agreement.id, party.id, outgoing=True), since)
            return collection is not None and collection.last_added > after

    def _recipient(self, party: Party) -> str:
        known = self._correspondent(party.id)
        if known is None or known.recipient is None:
            raise NotFound(f"It is not known for which key bundles for {party.name} are sealed.",
                           advice="Ask for their card, and `titian peers add` it.")  # fmt: skip
        self._sealing.check_recipient(known.recipient)
        return known.recipient

    def _seal_for(
        self, actor: Actor, agreement: Agreement, party: Party, recipient: str,
        outlet: Callable[[], AbstractContextManager[BinaryIO]], since: int | None, resume: bool, progress: Progress,
    ) -> Sealed:  # fmt: skip
        for _ in range(_TRIES):
            with self._book.reading() as desk:
                collection = desk.session.released(agreement.id, party.id)
            if collection is None:
                break
            self._leaving.check_leaving(collection)
            with self._sealing.scratch() as spool:
                load = self._load(collection, spool, since, progress)
                if not load.count:
                    break
                try:
                    with outlet() as file:
                        one = self._number(actor, agreement, party, load, resume=resume)
                        self._write(one, spool, file, recipient)
                except _Changed:
                    continue
            return Sealed(party=party, bundle=self._whole(one), more=load.more)
        else:
            raise Unavailable(f"What {party.name} is served changes all the time.", advice="Try again in a moment.")
        return Sealed(party=party)

    def _load(self, collection: Collection, spool: BinaryIO, since: int | None, progress: Progress) -> _Load:
        """Pack what is new in a collection, in one snapshot."""
        running, size, ends, more = Running(), 0, [0, 0], False
        with self._book.reading() as desk:
            held = desk.session.released(collection.agreement or "", collection.party or "") or collection
            after = sealed_up_to(desk.stream(held.agreement or "", held.party or "", outgoing=True), since)

            def chunks() -> Iterator[bytes]:
                nonlocal size, more
                for some in desk.fresh(held, after):
                    bytes_of_some = sum(len(raw) + _LENGTH for raw in some.objects)
                    if running.count and (
                        size + bytes_of_some > LARGEST_PAYLOAD or running.count + len(some.objects) > MOST_OBJECTS
                    ):
                        more = True
                        return
                    for raw in some.objects:
                        running.add(raw)
                        yield frame(raw)
                    size += bytes_of_some
                    ends[:] = ends[0] or some.first, some.last
                    progress(len(some.objects))

            packed = self._sealing.pack(chunks(), spool)
        return _Load(collection=held, after=after, first=ends[0], last=ends[1], count=running.count, size=packed.size,
                     payload=packed.digest, digest=running.digest, more=more)  # fmt: skip

    def _number(
        self, actor: Actor, agreement: Agreement, party: Party, load: _Load, *, kind: Kind = Kind.OBJECTS,
        resume: bool = True,
    ) -> Kept:  # fmt: skip
        """Give a bundle its number, and enter it into the ledger, in one transaction (law 8)."""
        with self._book.writing() as desk:
            session = desk.session
            directory = session.register().directory
            if load.collection is not None:
                now = session.released(agreement.id, party.id)
                if (
                    now is None
                    or now.generation != load.collection.generation
                    or not now.is_open(session.at)
                    or (now.expiry is not None and now.expiry <= session.at)
                    or party.id not in directory.audience(directory.agreements[agreement.id], session.at)
                ):
                    raise _Changed
            stream = desk.stream(agreement.id, party.id, outgoing=True)
            before = stream[-1] if stream else None
            if before is not None and before.lost and not resume:
                raise Refused(f"{party.name} has number {before.number} of this node, which knows nothing of it.",
                              advice=RESTORED)  # fmt: skip
            cover = Cover(
                kind=kind, id=self._identify(), sender=directory.own, addressee=party.id, agreement=agreement.id,
                number=before.number + 1 if before else 1, created=session.at, after=load.after, first=load.first,
                last=load.last, count=load.count, size=load.size, payload=load.payload,
                previous=before.cover if before else None,
                acknowledges=opened_up_to(desk.stream(agreement.id, party.id, outgoing=False)),
            )  # fmt: skip
            text = cover.text()
            note = SignedNote(text, (sign_text(text, self._signer(signing_name(directory.own))),)).encode()
            one = kept(cover, note, outgoing=True)
            desk.keep(one)
            about = {"bundle": cover.id, "number": cover.number, "cover": cover.digest.hex(), "count": cover.count}
            subject = agreement.id if load.collection is None else load.collection.id
            details = {
                "collection": None if load.collection is None else load.collection.id, "view": "bundle",
                "kind": kind.value, "first": cover.first, "last": cover.last, "digest": load.digest.hex(), **about,
            }  # fmt: skip
            entry = Entry(kind=LedgerKind.DELIVERY, at=session.at, party=party.id, details=details)
            session.enter(agreement.id, entry)
            session.record(actor.id, "seal bundle", subject, "", {"party": party.id, "kind": kind.value, **about})
            return one

    def _write(self, one: Kept, spool: BinaryIO, file: BinaryIO, recipient: str) -> None:
        spool.seek(0)
        self._sealing.seal(frame(one.note), spool, file, recipient)

    def _whole(self, one: Kept) -> Kept:
        """Remember that the file of a bundle is whole."""
        with self._book.writing() as desk:
            held = desk.find(one.id) or one
            whole = msgspec.structs.replace(held, done=desk.session.at)
            desk.keep(whole)
            return whole

    def _receipt_for(
        self, actor: Actor, one: Kept, party: Party, receipt: Callable[[], AbstractContextManager[BinaryIO]] | None
    ) -> Kept | None:
        """Seal a receipt for who sent a bundle, when their card names a key to seal it for.

        There is none for a receipt: that would never end.
        """
        if receipt is None or one.kind is Kind.RECEIPT:
            return None
        known = self._correspondent(party.id)
        if known is None or known.recipient is None:
            return None
        with self._book.reading() as desk:
            agreement = desk.session.register().directory.agreements[one.agreement]
            stream = desk.stream(one.agreement, one.party, outgoing=False)
        received = tuple(
            Received(each.number, each.cover.hex(), each.done, each.counts)
            for each in stream
            if each.done is not None and each.counts is not None
        )
        raw = Receipt(received[-MOST_RECEIVED:], missing(stream)[:MOST_RECEIVED]).encode()
        with self._sealing.scratch() as spool:
            packed = self._sealing.pack([frame(raw)], spool)
            load = _Load(count=1, size=packed.size, payload=packed.digest, digest=hashlib.sha256(raw).digest())
            with receipt() as file:
                made = self._number(actor, agreement, party, load, kind=Kind.RECEIPT)
                self._write(made, spool, file, known.recipient)
        return self._whole(made)


def allow(actor: Actor, permission: Permission) -> None:
    """Raise :class:`Forbidden` unless the actor may do this."""
    if not actor.may(permission):
        raise Forbidden(f"{actor.name} may not {permission.replace('-', ' ')}.")
