"""Open bundles: check who sealed them and for whom, judge what is in them, and answer with a receipt.

Nothing of a bundle is used before its signature, its addressee, its agreement, its place in the stream and its payload
are checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Final

import msgspec

from titian.core.bundle import (
    LARGEST_COVER,
    MOST_SKIPPED,
    Counts,
    Cover,
    Kept,
    Kind,
    Receipt,
    Received,
    contradiction,
    frames,
    kept,
    missing,
    signing_name,
)
from titian.core.bundling import Desk
from titian.core.collection import timestamp
from titian.core.errors import InvalidInput, Refused, UnreadableFile
from titian.core.notes import SignatureType, SignedNote, VerifierKey, verify_note
from titian.core.party import Party
from titian.core.people import Actor, Permission
from titian.core.view import Progress, silent
from titian.exchange.bundle_seal import RESTORED, Sealer, allow

_LENGTH: Final = 4
_CHUNK: Final = 1 << 20


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What was opened. ``again`` is when it had been opened before; ``missing`` are the numbers that are still to come;
    ``findings`` what somebody has to look at; ``receipt`` the receipt that was sealed for its sender."""

    bundle: Kept
    party: Party
    again: int | None = None
    missing: tuple[int, ...] = ()
    findings: tuple[str, ...] = ()
    receipt: Kept | None = None


class Bundles(Sealer):
    """Seals and opens bundles."""

    def open(
        self,
        actor: Actor,
        file: BinaryIO,
        *,
        receipt: Callable[[], AbstractContextManager[BinaryIO]] | None = None,
        again: bool = False,
        advance: Callable[[int], object] = lambda _: None,
        progress: Progress = silent,
    ) -> Opened:
        """Open a bundle: check it, judge what is in it, and seal a receipt for its sender into ``receipt``.

        One that was opened before changes nothing, and has a new receipt only with ``again``. Raises
        :class:`Refused` for what is not for this node, not signed by whom it says, not under an agreement in force, or
        contradicts what came before (then the proof is kept), :class:`UnreadableFile` and
        :class:`titian.core.errors.TooLarge` for what is no bundle. Then nothing of it is used.
        """
        allow(actor, Permission.WRITE)
        with self._sealing.scratch() as plain:
            self._sealing.unseal(file, plain, advance)
            plain.seek(0)
            note = _read_frame(plain)
            cover = self._verified(note)
            _check_payload(cover, plain)
            start = plain.tell()
            for _ in self._frames(cover, plain):
                pass
            party, before = self._accept(actor, cover, note)
            if before.done is not None:
                made = self._receipt_for(actor, before, party, receipt) if again else None
                still = self._missing(before)
                return Opened(bundle=before, party=party, again=before.done, missing=still, receipt=made)
            plain.seek(start)
            told: Receipt | None = None
            counts: Counts | None = None
            if cover.kind is Kind.RECEIPT:
                told = Receipt.parse(b"".join(self._frames(cover, plain)))
            else:
                counts = self._judge(cover, plain, progress)
        one, findings = self._settle(actor, before, cover, counts, told)
        made = self._receipt_for(actor, one, party, receipt)
        return Opened(bundle=one, party=party, missing=self._missing(one), findings=findings, receipt=made)

    def _frames(self, cover: Cover, plain: BinaryIO) -> Iterator[bytes]:
        return frames(self._sealing.unpack(plain, cover.size), count=cover.count, size=cover.size)

    def _verified(self, note: bytes) -> Cover:
        """Read a cover, and check who signed it, then for whom."""
        signed = SignedNote.parse(note)
        cover = Cover.parse(signed.text)
        with self._book.reading() as desk:
            register = desk.session.register()
        own, name = register.directory.own, register.label(cover.sender)
        known = self._correspondent(cover.sender) if cover.sender != own else None
        if cover.sender == own:
            raise Refused("This bundle was sealed by this node.", advice="It is for the party that it was sealed for.")
        if known is None:
            raise Refused(f"This bundle says that it is from {name}, whose keys are not known here.",
                          advice="Ask for their card, and `titian peers add` it.")  # fmt: skip
        keys = {raw: VerifierKey(signing_name(cover.sender), SignatureType.ED25519, raw)
                for raw in (*known.keys, *known.compromised)}  # fmt: skip
        try:
            found = verify_note(signed, keys.values())
        except Refused as error:
            raise Refused(f"This bundle is not signed by {name}: {error.message}",
                          advice="Compare their card with them over a channel that you trust.") from error  # fmt: skip
        if all(one.key.public_key in known.compromised for one in found):
            raise Refused(f"This bundle is signed with a key that {name} declared compromised.",
                          advice="Ask them to seal it again, with the key that they have now.")  # fmt: skip
        if cover.addressee != own:
            raise Refused(f"This bundle was sealed for {register.label(cover.addressee)}, not for this node.",
                          advice=f"Somebody has passed it on: tell {name}.")  # fmt: skip
        return cover

    def _accept(self, actor: Actor, cover: Cover, note: bytes) -> tuple[Party, Kept]:
        """Claim the place of a bundle in its stream, or say why it has none; a proof is kept of what contradicts."""
        with self._book.writing() as desk:
            register = desk.session.register()
            terms = register.directory.agreements.get(cover.agreement)
            party = register.directory.parties.get(cover.sender)
            if terms is None or party is None:
                raise Refused("This bundle is under an agreement that is not known here.",
                              advice="`titian agreements list` shows which are.")  # fmt: skip
            if party.id not in register.directory.audience(terms, desk.session.at):
                raise Refused(f"{terms.name} is not in force between this node and {party.name} now.",
                              advice="`titian agreements show` tells since when. Nothing of the bundle was used.",
                              )  # fmt: skip
            stream = desk.stream(cover.agreement, cover.sender, outgoing=False)
            held = next((one for one in stream if one.cover == cover.digest), None)
            if held is not None:
                return party, held
            found = contradiction(cover, stream)
            taken = desk.find(cover.id)
            if found is None and taken is not None:
                found = "Its identifier is that of another bundle.", taken
            if found is None:
                last = max((one.number for one in stream), default=0)
                if cover.number - last > MOST_SKIPPED:
                    raise Refused(f"Number {cover.number:,} comes long after number {last:,}, the last one here.",
                                  advice=f"Ask {party.name} what became of those between.")  # fmt: skip
                one = kept(cover, note, outgoing=False)
                desk.keep(one)
                return party, one
            why, other = found
            _keep_proof(desk, cover.sender, why, other.note, note)
            desk.session.record(actor.id, "refuse bundle", cover.agreement, why,
                                {"party": party.id, "number": cover.number, "cover": cover.digest.hex()})  # fmt: skip
        raise Refused(f"This bundle of {party.name} contradicts an earlier one. {why}",
                      advice="Both covers are kept as evidence. Ask them whether they restored a backup, over a "
                      "channel that you trust.")  # fmt: skip

    def _judge(self, cover: Cover, plain: BinaryIO, progress: Progress) -> Counts:
        def objects() -> Iterator[bytes]:
            for raw in self._frames(cover, plain):
                yield raw
                progress(1)

        # It can be cut off here: opened again, what was judged already is known, and the rest is judged.
        done = self._arrive.arrive(party=cover.sender, agreement=cover.agreement, objects=objects(),
                                   source=f"bundle {cover.number} ({cover.id})")  # fmt: skip
        return Counts(done.accepted, done.known, done.quarantined)

    def _settle(
        self, actor: Actor, one: Kept, cover: Cover, counts: Counts | None, told: Receipt | None
    ) -> tuple[Kept, tuple[str, ...]]:
        """Remember what became of a bundle, and what it says of ours, in one transaction."""
        findings: list[str] = []
        with self._book.writing() as desk:
            done = msgspec.structs.replace(one, done=desk.session.at, counts=counts)
            desk.keep(done)
            ours = desk.stream(one.agreement, one.party, outgoing=True)
            # They take it back from wherever a receipt does not tell it better.
            last = max((each.number for each in ours), default=0)
            for each in ours:
                if each.receipted is None and each.number <= (cover.acknowledges or 0) <= last:
                    desk.keep(msgspec.structs.replace(each, receipted=desk.session.at))
            if told is None and (cover.acknowledges or 0) > last:
                findings.append(f"It acknowledges number {cover.acknowledges} of this node, which knows of {last} "
                                "only. Open their receipt before you seal anything else.")  # fmt: skip
            for received in () if told is None else told.received:
                findings += _receipted(desk, one, received, self._identify)
            if findings:
                _keep_proof(desk, cover.sender, " ".join(findings), one.note)
            if told is not None and told.missing:
                findings.append(f"Missing there: {_numbers(told.missing)}. `titian bundle seal --since "
                                f"{told.missing[0]}` seals again what they held.")  # fmt: skip
            details = {"party": one.party, "bundle": one.id, "number": one.number, "kind": one.kind.value,
                       "counts": counts, "findings": findings}  # fmt: skip
            desk.session.record(actor.id, "open bundle", one.agreement, "", msgspec.to_builtins(details))
        return done, tuple(findings)

    def _missing(self, one: Kept) -> tuple[int, ...]:
        with self._book.reading() as desk:
            return missing(desk.stream(one.agreement, one.party, outgoing=False))


def _read_frame(plain: BinaryIO) -> bytes:
    """Read the cover, the first frame. Raises :class:`UnreadableFile`."""
    length = int.from_bytes(plain.read(_LENGTH), "big")
    note = plain.read(length) if 0 < length <= LARGEST_COVER else b""
    if not note or len(note) != length:
        raise UnreadableFile("What was sealed in this file is no bundle: it has no cover.",
                             advice="`titian bundle open` takes what `titian bundle seal` wrote.")  # fmt: skip
    return note


def _check_payload(cover: Cover, plain: BinaryIO) -> None:
    """Check that the payload is what was signed, before it is unpacked, and stand at its beginning again."""
    start, digest = plain.tell(), hashlib.sha256()
    while piece := plain.read(_CHUNK):
        digest.update(piece)
    if digest.digest() != cover.payload:
        raise Refused("What is in this bundle is not what its sender signed: nothing of it is used.",
                      advice="Ask for it again, and keep this file: somebody who could open it has changed it.",
                      )  # fmt: skip
    plain.seek(start)


def _keep_proof(desk: Desk, sender: str, why: str, *notes: bytes) -> None:
    body = msgspec.json.encode({"notes": [one.decode() for one in notes if one]})
    desk.keep_evidence(signing_name(sender), why, body)


def _receipted(desk: Desk, receipt: Kept, received: Received, identify: Callable[[], str]) -> Iterator[str]:
    """Remember that a partner has a bundle of ours; say what does not fit."""
    ours = desk.stream(receipt.agreement, receipt.party, outgoing=True)
    held = next((each for each in ours if each.number == received.number), None)
    if held is None:
        cover = _cover_of(received)
        if received.number - max((each.number for each in ours), default=0) > MOST_SKIPPED:
            raise InvalidInput(f"The receipt tells of number {received.number:,}, which there cannot be.")
        desk.keep(Kept(id=identify(), outgoing=True, agreement=receipt.agreement, party=receipt.party,
                       number=received.number, created=received.opened, cover=cover, lost=True,
                       receipted=desk.session.at, counts=received.counts))  # fmt: skip
        yield f"They have number {received.number} of this node, which knows nothing of it. {RESTORED}"
    elif held.cover.hex() != received.cover:
        yield (f"They have another number {received.number} than this node sealed on {timestamp(held.created)[:10]}. "
               "Was this node restored from a backup, or does somebody else sign with its key?")  # fmt: skip
    else:
        desk.keep(msgspec.structs.replace(held, receipted=held.receipted or desk.session.at, counts=received.counts))


def _cover_of(received: Received) -> bytes:
    try:
        cover = bytes.fromhex(received.cover)
    except ValueError:
        cover = b""
    if len(cover) != 32:
        raise InvalidInput("The receipt has a digest that is none.")
    return cover


def _numbers(some: Sequence[int]) -> str:
    shown = ", ".join(f"number {one}" for one in some[:10])
    return shown + (f" and {len(some) - 10:,} more" if len(some) > 10 else "")
