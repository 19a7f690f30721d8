"""The ledgers in the store: entries go in with what they tell of, in one transaction, and come out again.

What signs and serves them is :mod:`titian.store.ledger_book`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from titian.core.errors import NotFound, Unavailable
from titian.core.ledger import SALT_SIZE, Entry, Kind, Opened
from titian.core.merkle import EMPTY_ROOT, Tile, TreeHead
from titian.core.signing import origin
from titian.store.database import Transaction

BUNDLES: Final = -1
"""In the place of a tile's level: entry bundles."""
_COLUMNS: Final = ("ledger", "num", "kind", "at", "party", "salt", "payload")


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger of this node: ``size`` entries, of which ``head`` covers those that are sealed. ``signed`` is when, in
    microseconds; ``halted`` says why nothing is signed. Without an ``agreement`` it is the private one."""

    num: int
    id: str
    origin: str
    agreement: str | None
    created: int
    size: int
    head: TreeHead
    checkpoint: bytes | None
    signed: int | None
    halted: str | None
    closed: int | None


_LEDGER: Final = (
    "SELECT num, id, origin, agreement, created, size, sealed, root, checkpoint, signed, halted, closed FROM ledgers"
)


def _ledger(row: tuple[Any, ...]) -> Ledger:
    return Ledger(
        num=row[0], id=row[1], origin=row[2], agreement=row[3], created=row[4], size=row[5],
        head=TreeHead(row[6], bytes(row[7])), checkpoint=None if row[8] is None else bytes(row[8]), signed=row[9],
        halted=row[10], closed=row[11],
    )  # fmt: skip


def list_ledgers(tx: Transaction) -> list[Ledger]:
    """Every ledger, the private one first as a rule: in the order in which they were made."""
    return [_ledger(row) for row in tx.all(f"{_LEDGER} ORDER BY num")]


def find_ledger(tx: Transaction, agreement: str | None) -> Ledger | None:
    """The ledger of an agreement, or the private one, when there is one."""
    if agreement is None:
        row = tx.one(f"{_LEDGER} WHERE agreement IS NULL AND closed IS NULL")
    else:
        row = tx.one(f"{_LEDGER} WHERE agreement = ? AND closed IS NULL", agreement)
    return None if row is None else _ledger(row)


def ledger_by_id(tx: Transaction, identifier: str) -> Ledger:
    """A ledger by its UUID or its number. Raises :class:`NotFound`."""
    row = tx.one(f"{_LEDGER} WHERE id = ?", identifier)
    if row is None:
        raise NotFound("There is no such ledger here.")
    return _ledger(row)


def ledger_by_num(tx: Transaction, num: int) -> Ledger:
    """A ledger by its number. Raises :class:`NotFound`."""
    row = tx.one(f"{_LEDGER} WHERE num = ?", num)
    if row is None:
        raise NotFound("There is no such ledger here.")
    return _ledger(row)


def open_ledger(tx: Transaction, agreement: str | None, at: int) -> int:
    """The number of the ledger of an agreement, or of the private one, made when there is none."""
    found = tx.one(
        "SELECT num FROM ledgers WHERE closed IS NULL AND agreement IS NULL"
        if agreement is None
        else "SELECT num FROM ledgers WHERE closed IS NULL AND agreement = ?",
        *(() if agreement is None else (agreement,)),
    )
    if found is not None:
        return int(found[0])
    top = tx.one("SELECT coalesce(max(num), 0) FROM ledgers")
    num = (top[0] if top else 0) + 1
    owner = tx.one("SELECT identity FROM node WHERE one = 1")
    if owner is None:
        raise NotFound("This database holds no node yet.", advice="Run `titian init` first.")
    identifier = str(uuid.uuid4())
    tx.run(
        "INSERT INTO ledgers (num, id, origin, agreement, created, size, sealed, root) VALUES (?, ?, ?, ?, ?, 0, 0, ?)",
        num, identifier, origin(owner[0], identifier), agreement, at, EMPTY_ROOT,
    )  # fmt: skip
    return num


def enter(tx: Transaction, agreement: str | None, entries: Sequence[Entry]) -> int:
    """Append entries to the ledger of an agreement, or to the private one; returns the place of the first.

    No entry is older than the one before it: where the clock went back, it bears the time of that one.
    """
    return enter_in(tx, open_ledger(tx, agreement, entries[0].at if entries else 0), entries)


def enter_in(
    tx: Transaction, ledger: int, entries: Sequence[Entry], *, random: Callable[[int], bytes] = os.urandom
) -> int:
    """The same for a ledger that is known by its number."""
    held = tx.one("SELECT size FROM ledgers WHERE num = ?", ledger)
    size = int(held[0]) if held else 0
    if not entries:
        return size
    before = tx.one("SELECT at FROM ledger_entries WHERE ledger = ? AND num = ?", ledger, size - 1)
    latest = int(before[0]) if before else 0
    salts = random(SALT_SIZE * len(entries))
    rows = []
    for index, entry in enumerate(entries):
        latest = max(latest, entry.at)
        if entry.at != latest:
            entry = msgspec.structs.replace(entry, at=latest)
        salt = salts[index * SALT_SIZE : (index + 1) * SALT_SIZE]
        rows.append((ledger, size + index, entry.kind.value, latest, entry.party, salt, entry.payload()))
    tx.insert("ledger_entries", _COLUMNS, rows)
    tx.run("UPDATE ledgers SET size = ? WHERE num = ?", size + len(entries), ledger)
    return size


def enter_act(
    tx: Transaction, *, at: int, person: str, act: str, subject: str, why: str, details: Mapping[str, Any]
) -> None:
    """Remember an act in the private ledger."""
    said = {"person": person, "act": act, "subject": subject, "why": why, "details": details}
    enter(tx, None, [Entry(kind=Kind.ACT, at=at, details=said)])


def _blob(value: Any) -> bytes:
    """A column's bytes. Whoever changes a database may leave a text where bytes were: that is damage, and no error."""
    return value.encode() if isinstance(value, str) else bytes(value)


_OPENED: Final = "SELECT num, salt, payload FROM ledger_entries WHERE ledger = ?"


def entries_between(tx: Transaction, ledger: int, first: int, end: int) -> Iterator[Opened]:
    """Entries from one place until before another, opened: for this node only."""
    for start in range(first, end, 1024):
        for num, salt, payload in tx.all(
            f"{_OPENED} AND num >= ? AND num < ? ORDER BY num", ledger, start, min(start + 1024, end)
        ):
            yield Opened(num, _blob(salt), _blob(payload))


def require_sound(tx: Transaction, agreement: str | None) -> None:
    """Raise :class:`Unavailable` while the ledger of an agreement is halted: what could not be proved is not done."""
    row = tx.one("SELECT halted FROM ledgers WHERE closed IS NULL AND agreement = ?", agreement)
    if row is not None and row[0] is not None:
        raise Unavailable("The ledger of this agreement is halted.",
                          advice="Nothing is handed over until its operator has decided.")  # fmt: skip


COMPARE: Final = "Compare with what partners and witnesses remember, then `titian ledger resume`."
"""What is to be done about the ledgers of a database that is older than what this node has done."""


def halt_all(tx: Transaction, why: str) -> None:
    """Sign nothing in any ledger, until a person says that it goes on. Why one was halted before is kept."""
    for num, halted in tx.all("SELECT num, halted FROM ledgers WHERE closed IS NULL"):
        tx.run("UPDATE ledgers SET halted = ? WHERE num = ?", f"{why} Before that: {halted}" if halted else why, num)


def opened_to(
    tx: Transaction, ledger: Ledger, party: str, *, after: int, limit: int, size: int | None = None
) -> list[Opened]:
    """Sealed entries that are opened to a party, from ``after`` on, at most ``limit``: its own, and everybody's."""
    end = ledger.head.size if size is None else min(size, ledger.head.size)
    rows = [
        row
        for one in (party, "")
        for row in tx.all(
            f"{_OPENED} AND party = ? AND num >= ? AND num < ? ORDER BY num LIMIT ?", ledger.num, one, after, end, limit
        )
    ]
    return [Opened(num, _blob(salt), _blob(payload)) for num, salt, payload in sorted(rows)[:limit]]


def concerns(tx: Transaction, ledger: Ledger, party: str | None) -> bool:
    """Whether anything waits to be sealed that is opened to a party; for this organisation, whether anything does."""
    if party is None:
        return ledger.size > ledger.head.size
    waiting = "SELECT 1 FROM ledger_entries WHERE ledger = ? AND party = ? AND num >= ? LIMIT 1"
    return any(tx.one(waiting, ledger.num, one, ledger.head.size) is not None for one in (party, ""))


class StoredTiles:
    """Tiles of a ledger of ours (:class:`titian.core.merkle.Tiles`), in the caller's transaction."""

    def __init__(self, tx: Transaction, ledger: int) -> None:
        self._tx = tx
        self._ledger = ledger

    def read(self, tiles: Sequence[Tile]) -> list[bytes]:
        """The bytes of each tile. Raises :class:`NotFound` for one that is not there."""
        return [self.part(tile.level, tile.index, tile.width) for tile in tiles]

    def part(self, level: int, index: int, width: int) -> bytes:
        """One tile, or one entry bundle; of a wider one its beginning."""
        row = self._tx.one(
            "SELECT width, data FROM ledger_tiles WHERE ledger = ? AND level = ? AND num = ? AND width >= ? "
            "ORDER BY width LIMIT 1",
            self._ledger, level, index, width,
        )  # fmt: skip
        if row is None:
            raise NotFound("There is no such tile.")
        data = bytes(row[1])
        return data[: len(data) * width // int(row[0])]

    def write(self, level: int, index: int, width: int, data: bytes) -> None:
        """Keep a tile. A full one takes the place of its narrower beginnings."""
        if width == 256:
            self._tx.run(
                "DELETE FROM ledger_tiles WHERE ledger = ? AND level = ? AND num = ?", self._ledger, level, index
            )
        self._tx.run(
            "INSERT INTO ledger_tiles (ledger, level, num, width, data) VALUES (?, ?, ?, ?, ?)",
            self._ledger, level, index, width, data,
        )  # fmt: skip
