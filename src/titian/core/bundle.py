"""Sealed bundles: how what a party is served reaches it without a connection, and how gaps and replays are noticed.

What is encrypted is a cover, a signed note, and behind it the payload. The cover names sender *and* addressee: who
opens a bundle could otherwise encrypt it again to another party and pretend that it was meant for it. ::

    titian/bundle/v1
    kind objects
    id 0f8fad5b-d9cb-469f-a165-70867728950e
    from identity--…
    to identity--…
    agreement agreement--…
    number 3
    created 1790000000000000
    after 1789000000000000
    first 1789000000000001
    last 1789000000000090
    count 90
    size 41210
    payload <SHA-256 of the payload as it lies behind the cover, in hexadecimal>
    previous <SHA-256 of the text of the cover of number 2, or - for number 1>
    acknowledges <up to which number the sender has opened everything of the addressee, or ->

Instants are microseconds since the Unix epoch; ``after``, ``first`` and ``last`` are ``date_added``. A payload is a row
of frames, each four bytes of length, big-endian, and an object byte for byte; ``size`` counts all of them.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from titian.core.errors import InvalidInput
from titian.core.notes import from_decimal
from titian.core.stix import is_identifier

FORMAT: Final = "titian/bundle/v1"
LARGEST_COVER: Final = 16_384
"""Bytes of a cover with its signatures at most."""
LARGEST_OBJECT: Final = 64 << 20
"""Bytes of one object at most: what a file of STIX may hold too."""
LARGEST_PAYLOAD: Final = 4 << 30
"""Bytes of all frames of a bundle at most; what there is beyond goes with the next one."""
MOST_OBJECTS: Final = 5_000_000
"""Objects of a bundle at most."""
MOST_RECEIVED: Final = 1000
"""Bundles that a receipt tells of at most: the latest."""
MOST_SKIPPED: Final = 10_000
"""Numbers that a bundle may skip at most: whoever sends one cannot make this node count for ever."""
_NEVER: Final = 2**63
_LENGTH: Final = struct.Struct(">I")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LINES: Final = ("kind", "id", "from", "to", "agreement", "number", "created", "after", "first", "last", "count",
                 "size", "payload", "previous", "acknowledges")  # fmt: skip


class Kind(StrEnum):
    """What a bundle carries."""

    OBJECTS = "objects"
    """What is new of what its addressee is served."""
    RECEIPT = "receipt"
    """What its sender has received: the only frame is a :class:`Receipt`."""


def signing_name(identity: str) -> str:
    """What signs the bundles of a node is called, from the identifier of its identity.

    >>> signing_name("identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11")
    'titian-5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11/bundle'
    """
    return f"titian-{identity.partition('--')[2]}/bundle"


# ── the cover ─────────────────────────────────────────────────────────────────────────────────────────────────


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on a bundle, and is signed. ``number`` counts from 1 for each agreement, sender and addressee.

    Everything later than ``after`` and up to ``last`` that the addressee is served is in it; ``payload`` and
    ``previous`` are SHA-256. Raises :class:`InvalidInput` for what contradicts itself, so no such value exists.
    """

    kind: Kind
    id: str
    sender: str
    addressee: str
    agreement: str
    number: int
    created: int
    after: int = 0
    first: int = 0
    last: int = 0
    count: int
    size: int
    payload: bytes
    previous: bytes | None = None
    acknowledges: int | None = None

    def __post_init__(self) -> None:
        flaw = next(iter(self._flaws()), None)
        if flaw is not None:
            raise InvalidInput(f"The cover of this bundle {flaw}.")

    def _flaws(self) -> Iterator[str]:
        if not _UUID.fullmatch(self.id):
            yield "has no UUID"
        for one in (self.sender, self.addressee):
            if not one.startswith("identity--") or not is_identifier(one):
                yield "names what is no party"
        if self.sender == self.addressee:
            yield "names its sender as its addressee"
        if not is_identifier(self.agreement):
            yield "names what is no agreement"
        if self.number < 1 or (self.number == 1) is not (self.previous is None):
            yield "has a number, and a bundle before it, that do not fit together"
        if len(self.payload) != 32 or (self.previous is not None and len(self.previous) != 32):
            yield "has a digest of another length than SHA-256"
        if not (0 < self.count <= MOST_OBJECTS and self.size <= LARGEST_PAYLOAD):
            yield "tells of nothing, or of more than may be in one bundle"
        if self.size < self.count * _LENGTH.size:
            yield "tells of more objects than its size can hold"
        if self.acknowledges is not None and self.acknowledges < 1:
            yield "acknowledges what there cannot be"
        if self.kind is Kind.RECEIPT and (self.count != 1 or self.after or self.first or self.last):
            yield "is that of a receipt, and tells of objects"
        if self.kind is Kind.OBJECTS and not self.after < self.first <= self.last:
            yield "has times that do not follow on each other"

    def text(self) -> str:
        """Write it as the text of a note."""
        values = (self.kind.value, self.id, self.sender, self.addressee, self.agreement, self.number, self.created,
                  self.after, self.first, self.last, self.count, self.size, self.payload.hex(),
                  "-" if self.previous is None else self.previous.hex(),
                  "-" if self.acknowledges is None else self.acknowledges)  # fmt: skip
        return FORMAT + "\n" + "".join(f"{name} {value}\n" for name, value in zip(_LINES, values, strict=True))

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text: what the next cover names as ``previous``."""
        return hashlib.sha256(self.text().encode()).digest()

    @classmethod
    def parse(cls, text: str) -> Cover:
        """Read the text of a note. Raises :class:`InvalidInput` for what :meth:`text` would not have written."""
        first, *lines = text.split("\n")
        if first != FORMAT:
            raise InvalidInput("This is not the cover of a bundle of this version.",
                               advice=f"A newer Titian may read it; this one reads {FORMAT}.")  # fmt: skip
        names = tuple(line.partition(" ")[0] for line in lines)
        if names != (*_LINES, ""):
            raise InvalidInput("The cover of this bundle does not have the lines that it should have.")
        said = {name: line.partition(" ")[2] for name, line in zip(names, lines, strict=True)}
        if said["kind"] not in {one.value for one in Kind}:
            raise InvalidInput("The cover of this bundle names a kind that is not known here.")
        previous, acknowledges = said["previous"], said["acknowledges"]
        return cls(
            kind=Kind(said["kind"]), id=said["id"], sender=said["from"], addressee=said["to"],
            agreement=said["agreement"], payload=_digest(said["payload"]),
            previous=None if previous == "-" else _digest(previous),
            acknowledges=None if acknowledges == "-" else from_decimal(acknowledges, "acknowledged number"),
            **{name: from_decimal(said[name], name)
               for name in ("number", "created", "after", "first", "last", "count", "size")},
        )  # fmt: skip


def _digest(text: str) -> bytes:
    if not _DIGEST.fullmatch(text):
        raise InvalidInput("The cover of this bundle has a digest that is none.")
    return bytes.fromhex(text)


# ── the payload ───────────────────────────────────────────────────────────────────────────────────────────────


def frame(raw: bytes) -> bytes:
    """Return bytes with their length before them.

    >>> frame(b"{}")
    b'\\x00\\x00\\x00\\x02{}'
    """
    return _LENGTH.pack(len(raw)) + raw


def frames(chunks: Iterable[bytes], *, count: int, size: int) -> Iterator[bytes]:
    """Give what stands in a row of frames, however it is cut into chunks.

    Raises :class:`InvalidInput` unless there are exactly ``count`` frames in ``size`` bytes, each of at most
    :data:`LARGEST_OBJECT`; no more than that is ever held in memory.
    """
    buffer, read, given = bytearray(), 0, 0
    for chunk in chunks:
        read += len(chunk)
        if read > size:
            raise InvalidInput("The bundle holds more than its cover says.")
        buffer += chunk
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > LARGEST_OBJECT:
                raise InvalidInput("The bundle holds an object that is larger than any may be.")
            end = start + _LENGTH.size + length
            if end > len(buffer):
                break
            given += 1
            if given > count:
                raise InvalidInput("The bundle holds more objects than its cover says.")
            yield bytes(buffer[start + _LENGTH.size : end])
            start = end
        del buffer[:start]
    if buffer or given != count or read != size:
        raise InvalidInput("The bundle holds less than its cover says.")


class Running:
    """The digest of objects that are handed over one by one: that of :func:`titian.core.ledger.digest_of`.

    >>> running = Running()
    >>> running.add(b"{}"); running.add(b"[]")
    >>> running.digest == hashlib.sha256(hashlib.sha256(b"{}").digest() + hashlib.sha256(b"[]").digest()).digest()
    True
    """

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.sha256()

    def add(self, raw: bytes) -> None:
        """Take one more object in."""
        self._hash.update(hashlib.sha256(raw).digest())
        self.count += 1

    @property
    def digest(self) -> bytes:
        """SHA-256 over the SHA-256 of each object so far."""
        return self._hash.digest()


# ── what is remembered ────────────────────────────────────────────────────────────────────────────────────────


class Counts(msgspec.Struct, frozen=True):
    """What became of the objects of a bundle at who opened it."""

    accepted: int
    known: int
    quarantined: int


class Received(msgspec.Struct, frozen=True):
    """One bundle in a receipt: its number, the digest of its cover, when it was opened, and what became of it."""

    number: int
    cover: str
    opened: int
    counts: Counts


class Receipt(msgspec.Struct, frozen=True):
    """What has been received, latest last, and which numbers below the last are missing."""

    received: tuple[Received, ...]
    missing: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """Write it as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def parse(cls, raw: bytes) -> Receipt:
        """Read it. Raises :class:`InvalidInput`."""
        try:
            found = msgspec.json.decode(raw, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(f"This receipt cannot be read: {error}.") from None
        if len(found.received) > MOST_RECEIVED or any(one.number < 1 for one in found.received):
            raise InvalidInput("This receipt tells of more bundles than it may, or of one that there cannot be.")
        return found


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a node remembers of a bundle that it sealed (``outgoing``) or opened. Instants are microseconds.

    ``done`` is when its file was whole, or when its objects were judged; until then it was cut off. ``receipted`` is
    when the partner's receipt for it came, ``counts`` what became of its objects, at the partner for an outgoing one.
    ``note`` is its signed cover; one that is ``lost`` has none: the partner has it, and this node does not know of it,
    as it happens after a restore.
    """

    id: str
    outgoing: bool
    agreement: str
    party: str
    number: int
    created: int
    cover: bytes
    kind: Kind = Kind.OBJECTS
    note: bytes = b""
    after: int = 0
    last: int = 0
    count: int = 0
    previous: bytes | None = None
    done: int | None = None
    receipted: int | None = None
    counts: Counts | None = None
    lost: bool = False


def kept(cover: Cover, note: bytes, *, outgoing: bool) -> Kept:
    """Return what is to be remembered of a bundle that is being sealed or opened."""
    return Kept(
        id=cover.id, outgoing=outgoing, agreement=cover.agreement,
        party=cover.addressee if outgoing else cover.sender, number=cover.number, created=cover.created,
        cover=cover.digest, kind=cover.kind, note=note, after=cover.after, last=cover.last, count=cover.count,
        previous=cover.previous,
    )  # fmt: skip


def sealed_up_to(stream: Sequence[Kept], since: int | None = None) -> int:
    """Return the ``date_added`` behind which the next bundle of a stream begins: where the last whole one ended.

    With ``since``, as if that number and all later ones had never been. What was cut off is thus sealed again.
    """
    return max(
        (one.last for one in stream
         if one.kind is Kind.OBJECTS and one.done is not None and (since is None or one.number < since)),
        default=0,
    )  # fmt: skip


def missing(stream: Sequence[Kept]) -> tuple[int, ...]:
    """Return the numbers below the last opened one that have not come, and whose content no later one has brought.

    ``stream`` is what was opened of one sender under one agreement. A later bundle brings what an earlier one held
    when it begins where the one before that ended.
    """
    opened = {one.number: one for one in stream if one.done is not None}
    last = max(opened, default=0)
    # From the back: where the earliest of all later bundles of objects begins.
    begins, following = _NEVER, {}
    for number in range(last, 0, -1):
        following[number] = begins
        one = opened.get(number)
        if one is not None and one.kind is Kind.OBJECTS:
            begins = min(begins, one.after)
    ends, found = 0, []
    for number in range(1, last + 1):
        one = opened.get(number)
        if one is not None:
            ends = max(ends, one.last)
        elif following[number] > ends:
            found.append(number)
    return tuple(found)


def opened_up_to(stream: Sequence[Kept]) -> int | None:
    """Return the number up to which nothing is missing, or None while there is none."""
    gaps = missing(stream)
    last = max((one.number for one in stream if one.done is not None), default=0)
    return (min(gaps) - 1 if gaps else last) or None


def contradiction(cover: Cover, stream: Sequence[Kept]) -> tuple[str, Kept] | None:
    """Return how a cover contradicts what came before it in its stream, with the bundle that it contradicts.

    Two covers of one number, or a cover that names another one before it than was opened, prove that the sender, or
    who has its key, wrote two histories.
    """
    held = {one.number: one for one in stream}
    same, before, behind = held.get(cover.number), held.get(cover.number - 1), held.get(cover.number + 1)
    if same is not None and same.cover != cover.digest:
        return f"It has number {cover.number}, and another bundle of that number was opened before.", same
    if before is not None and cover.previous != before.cover:
        return f"It does not follow on number {before.number} as that was opened here.", before
    if behind is not None and behind.previous != cover.digest:
        return f"Number {behind.number}, which was opened here, does not follow on it.", behind
    return None
