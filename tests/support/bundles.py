"""Two nodes that no wire connects: Indonesia and Japan, with an agreement, and files that somebody carries."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from support.gate import BY, NOW, OWN, Bench, Clock, malware, party_id
from titian.core.bundle import Counts, Cover, Kept, frame, signing_name
from titian.core.bundling import Correspondent
from titian.core.ledger import Opened as OpenedEntry
from titian.core.notes import SignatureType, SignedNote, SignerKey, sign_text
from titian.core.party import Party, PartyKind
from titian.core.people import Actor, Duty
from titian.core.tlp import Tlp
from titian.exchange.bundle import Bundles, Opened
from titian.exchange.bundle_seal import Sealed
from titian.node import open_node
from titian.setup import init_node
from titian.store.bundles import StoreBundles
from titian.wire.sealing import Sealing

ANALYST: Final = Actor("person-1", "Analyst One", Duty.ANALYST)
JAPAN: Final = party_id("japan")
RUSSIA: Final = party_id("russia")
SEEDS: Final = {OWN: bytes([1]) * 32, JAPAN: bytes([2]) * 32, RUSSIA: bytes([3]) * 32}
"""What each node signs with."""


class Judge:
    """Stands in for the judge of what arrives: keeps it, and knows what it has had."""

    def __init__(self) -> None:
        self.had: list[bytes] = []
        self.calls: list[tuple[str, str, str]] = []
        self.fails_after: int | None = None

    def arrive(self, *, party: str, agreement: str, objects: Iterable[bytes], source: str) -> Counts:
        self.calls.append((party, agreement, source))
        accepted = known = 0
        for index, raw in enumerate(objects):
            if index == self.fails_after:
                raise OSError("cut off")
            if raw in self.had:
                known += 1
            else:
                accepted += 1
                self.had.append(raw)
        return Counts(accepted, known, 0)


def public(seed: bytes) -> bytes:
    return SignerKey("any", SignatureType.ED25519, seed).key.public_key


class Post:
    """One node, with what it knows of the others' cards."""

    def __init__(self, bench: Bench, own: str) -> None:
        self.bench = bench
        self.own = own
        self.seed = SEEDS[own]
        self.judge = Judge()
        node = bench.node
        self.sealing = Sealing(node.home / "keys" / "bundle.key", node.home)
        self.cards: dict[str, Correspondent] = {}
        self.book = StoreBundles(node.store, node.release._gate)  # type: ignore[arg-type]
        self.bundles = Bundles(
            self.book, node.withdraw, self.judge, self.sealing, correspondent=lambda party: self.cards.get(party),
            signer=lambda name: SignerKey(name, SignatureType.ED25519, self.seed),
        )  # fmt: skip

    @property
    def card(self) -> Correspondent:
        return Correspondent(self.own, (public(self.seed),), recipient=self.sealing.recipient)

    # ── verbs, on files in memory ─────────────────────────────────────────────────────────────────────────

    def seal(self, agreement: str = "pact", *, party: str | None = None, **more: object) -> dict[str, bytes]:
        """Seal what is new; the files by party."""
        files: dict[str, bytes] = {}

        @contextmanager
        def outlet(one: Party, several: bool) -> Iterator[BinaryIO]:
            file = io.BytesIO()
            yield file
            files[one.id] = file.getvalue()

        self.told: Sequence[Sealed] = self.bundles.seal(ANALYST, agreement, outlet, party=party, **more)  # type: ignore[arg-type]
        return files

    def open(self, file: bytes, *, again: bool = False) -> Opened:
        """Open a bundle; the receipt is in ``back``."""
        self.back = b""

        @contextmanager
        def receipt() -> Iterator[BinaryIO]:
            made = io.BytesIO()
            yield made
            self.back = made.getvalue()

        return self.bundles.open(ANALYST, io.BytesIO(file), receipt=receipt, again=again)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────

    def evidence(self) -> list[tuple[str, str, list[str]]]:
        """Proofs that are kept: of whom, what, and the notes."""
        with self.bench.node.store.reading() as tx:
            rows = tx.all("SELECT origin, what, body FROM evidence ORDER BY num")
        return [(origin, what, json.loads(bytes(body))["notes"]) for origin, what, body in rows]

    def deliveries(self, agreement: str) -> list[OpenedEntry]:
        """What the ledger of an agreement tells of deliveries."""
        with self.bench.node.store.reading() as tx:
            rows = tx.all(
                "SELECT e.num, e.salt, e.payload FROM ledger_entries e JOIN ledgers l ON l.num = e.ledger "
                "WHERE l.agreement = ? AND e.kind = 'delivery' ORDER BY e.num", agreement,
            )  # fmt: skip
        return [OpenedEntry(num, bytes(salt), bytes(payload)) for num, salt, payload in rows]

    def plain(self, file: bytes) -> tuple[Cover, list[bytes]]:
        """What is in a file that this node can open, by hand."""
        note, packed = self.insides(file)
        cover = Cover.parse(SignedNote.parse(note).text)
        raw = b"".join(self.sealing.unpack(io.BytesIO(packed), cover.size))
        found = []
        while raw:
            length = int.from_bytes(raw[:4], "big")
            found.append(raw[4 : 4 + length])
            raw = raw[4 + length :]
        return cover, found

    def insides(self, file: bytes) -> tuple[bytes, bytes]:
        """The cover and the payload of a file, decrypted."""
        out = io.BytesIO()
        self.sealing.unseal(io.BytesIO(file), out)
        data = out.getvalue()
        length = int.from_bytes(data[:4], "big")
        return data[4 : 4 + length], data[4 + length :]

    def forge(
        self, recipient: str, *, objects: Sequence[bytes] = (b'{"forged":1}',), packed: bytes | None = None,
        seed: bytes | None = None, **changes: object,
    ) -> bytes:  # fmt: skip
        """A bundle as somebody with this node's key could write it, with a cover changed at will."""
        spool = io.BytesIO()
        load = self.sealing.pack((frame(raw) for raw in objects), spool)
        payload = spool.getvalue() if packed is None else packed
        values = {
            "kind": "objects", "id": "0f8fad5b-d9cb-469f-a165-70867728950e", "sender": self.own, "number": 1,
            "created": NOW, "after": 0, "first": 5, "last": 9, "count": len(objects), "size": load.size,
            "payload": hashlib.sha256(payload).digest(), **changes,
        }  # fmt: skip
        cover = msgspec.convert(values, Cover)
        signer = SignerKey(signing_name(self.own), SignatureType.ED25519, seed or self.seed)
        note = SignedNote(cover.text(), (sign_text(cover.text(), signer),)).encode()
        return self.reseal(note, payload, recipient)

    def reseal(self, note: bytes, payload: bytes, recipient: str) -> bytes:
        """Encrypt insides for somebody, whoever that is."""
        out = io.BytesIO()
        self.sealing.seal(frame(note), io.BytesIO(payload), out, recipient)
        return out.getvalue()


class Two:
    """Both nodes, each with the other's card; the agreement is called ``pact``."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        ours = Bench.set_up(folder / "indonesia", self.clock)
        init_node(folder / "japan", name="Japan", country="JP", identity=JAPAN, clock=self.clock)
        theirs = Bench(open_node(folder / "japan", clock=self.clock, environment={}), self.clock)
        self.pact = ours.agree("pact", JAPAN).id
        register = ours.node.agreements.read()
        told = [register.objects[one] for one in (OWN, self.pact) if one in register.objects]
        if OWN not in register.objects:
            theirs.node.agreements.add_party(Party(id=OWN, name="Agency", alias="agency", kind=PartyKind.AGENCY), BY)
        bundle = b'{"type":"bundle","id":"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","objects":[%b]}'
        theirs.node.agreements.add(bundle % b",".join(told), BY)
        self.ours, self.theirs = Post(ours, OWN), Post(theirs, JAPAN)
        self.ours.cards[JAPAN], self.theirs.cards[OWN] = self.theirs.card, self.ours.card

    def release(self, *names: str) -> list[bytes]:
        """Release objects of ours to Japan; returns everything that is served to it now."""
        ids = self.ours.bench.hold(*(malware(name, tlp=Tlp.GREEN) for name in names))
        self.ours.bench.release(*ids, to="pact")
        return self.served()

    def served(self) -> list[bytes]:
        return [raw for raws in self.ours.bench.raw_served("japan").values() for raw in raws]

    def sealed(self, *names: str) -> bytes:
        """Release objects, and seal them for Japan."""
        if names:
            self.release(*names)
        self.clock.now += 1_000_000
        return self.ours.seal()[JAPAN]

    def close(self) -> None:
        self.ours.bench.close()
        self.theirs.bench.close()


def kept_of(post: Post, make: Callable[[Kept], object]) -> list[object]:
    """One thing of everything that a node remembers."""
    return [make(one) for one in post.bundles.list()]
