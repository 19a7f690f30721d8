"""Reading a whole ledger of this node again: does it hold, from the first entry to the last signature?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from titian.core.checkpoint import Checkpoint, open_checkpoint
from titian.core.errors import TitianError
from titian.core.ledger import Entry, Opened
from titian.core.merkle import TILE_WIDTH, Tree, decode_bundle, leaf_hash, root_at
from titian.store.database import Transaction
from titian.store.ledger import BUNDLES, Ledger, StoredTiles, entries_between
from titian.store.ledger_book import Heads, LedgerBook

_GROUP: Final = 16 * TILE_WIDTH


class Damage(msgspec.Struct, frozen=True):
    """The first thing that does not hold: what, in a sentence, and the place of the entry, where it is at one."""

    what: str
    entry: int | None = None


def audit(
    tx: Transaction,
    ledger: Ledger,
    book: LedgerBook,
    heads: Heads | None,
    progress: Callable[[int], object] = lambda _: None,
) -> Damage | None:
    """Return the first thing that does not hold in a ledger of this node, or None.

    Read and compared are every entry, every bundle and tile, the head that is remembered outside the database, the
    signatures of the last checkpoint, and the heads that witnesses have cosigned. Without ``heads`` it is not asked
    whether more was signed than is here: for a ledger of which that is known.
    """
    try:
        behind = None if heads is None else _behind(tx, ledger, heads)
        if behind is not None:
            return Damage(behind)
        return _entries(tx, ledger, progress) or _cosigned(tx, ledger, heads is None) or _signatures(tx, ledger, book)
    except TitianError as error:
        return Damage(error.message)


def _behind(tx: Transaction, ledger: Ledger, heads: Heads) -> str | None:
    tiles = StoredTiles(tx, ledger.num)

    def root(size: int) -> bytes | None:
        try:
            return root_at(tiles, size)
        except TitianError:
            return None

    return heads.behind(ledger.origin, ledger.head.size, ledger.head.root, root_at=root)


def _mislaid(tx: Transaction, ledger: Ledger, group: Sequence[tuple[int, Entry]]) -> Damage | None:
    """The first entry that stands in the table as something else than it says: it would be opened to somebody else."""
    rows = tx.all(
        "SELECT num, kind, at, party FROM ledger_entries WHERE ledger = ? AND num >= ? AND num <= ? ORDER BY num",
        ledger.num, group[0][0], group[-1][0],
    )  # fmt: skip
    for (num, entry), row in zip(group, rows, strict=False):
        if row != (num, entry.kind.value, entry.at, entry.party):
            return Damage(f"Entry {num} is kept as something else than it says.", num)
    return None


def _entries(tx: Transaction, ledger: Ledger, progress: Callable[[int], object]) -> Damage | None:
    tiles = StoredTiles(tx, ledger.num)
    tree, latest, expected = Tree(), 0, 0
    for group in _groups(entries_between(tx, ledger.num, 0, ledger.head.size)):
        leaves, read = [], []
        for one in group:
            if one.num != expected:
                return Damage(f"Entry {expected} is missing.", expected)
            entry = one.entry
            if entry.at < latest:
                return Damage(f"Entry {one.num} is older than the one before it: it was put there later.", one.num)
            latest, expected = entry.at, expected + 1
            leaves.append(one.leaf)
            read.append((one.num, entry))
        mislaid = _mislaid(tx, ledger, read)
        if mislaid is not None:
            return mislaid
        first = group[0].num
        for begin in range(0, len(leaves), TILE_WIDTH):
            some = leaves[begin : begin + TILE_WIDTH]
            stored = decode_bundle(tiles.part(BUNDLES, (first + begin) // TILE_WIDTH, len(some)))
            if len(stored) != len(some):
                return Damage(f"The bundle of the entries from {first + begin} on has {len(stored)} of {len(some)}.")
            for place, (told, kept) in enumerate(zip(some, stored, strict=True), first + begin):
                if told != kept:
                    return Damage(f"Entry {place} is not what it was when it was sealed.", place)
        growth = tree.append([leaf_hash(leaf) for leaf in leaves])
        tree = growth.tree
        for tile, data in growth.tiles:
            final = tile.width == TILE_WIDTH or tree.size == ledger.head.size
            if final and tiles.part(tile.level, tile.index, tile.width) != data:
                return Damage(f"The tile {tile.path} is not what its entries give.", None)
        progress(len(leaves))
    if expected != ledger.head.size:
        return Damage(f"Entry {expected} is missing.", expected)
    if tree.head != ledger.head:
        return Damage(f"The entries do not give the root that was signed at {ledger.head.size} entries.")
    return None


def _cosigned(tx: Transaction, ledger: Ledger, known_behind: bool) -> Damage | None:
    tiles = StoredTiles(tx, ledger.num)
    for size, root, key in tx.all(
        "SELECT size, root, key FROM cosignatures WHERE ledger = ? ORDER BY size", ledger.num
    ):
        who = str(key).partition("+")[0]
        if size > ledger.head.size:
            if known_behind:
                continue
            return Damage(f"{who} has cosigned {size} entries, and there are {ledger.head.size}.")
        if root_at(tiles, size) != bytes(root):
            return Damage(f"{who} has cosigned another root at {size} entries.")
    return None


def _signatures(tx: Transaction, ledger: Ledger, book: LedgerBook) -> Damage | None:
    if ledger.head.size == 0:
        return None
    if ledger.checkpoint is None:
        return Damage("The last checkpoint is missing.")
    keys = book.log_keys(tx, ledger)
    checkpoint = None
    for key in keys:
        try:
            checkpoint = open_checkpoint(ledger.checkpoint, key).checkpoint
            break
        except TitianError:
            continue
    if checkpoint != Checkpoint(ledger.origin, ledger.head.size, ledger.head.root):
        return Damage("The last checkpoint is not signed by this node, or is of another head.")
    return None


def _groups(entries: Iterator[Opened]) -> Iterator[list[Opened]]:
    group: list[Opened] = []
    for one in entries:
        group.append(one)
        if len(group) == _GROUP:
            yield group
            group = []
    if group:
        yield group
