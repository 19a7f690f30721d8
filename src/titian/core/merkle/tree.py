"""A tree that grows by groups of leaf hashes, its right edge in memory and its tiles wherever they are kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from titian.core.errors import InvalidInput, Refused, TooLarge
from titian.core.merkle.hashes import EMPTY_ROOT, HASH_SIZE, MAX_SIZE, hashes, heights, join, pair, tree_hash
from titian.core.merkle.tiles import TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, Tile, Tiles, read_tiles, right_edge


class TreeHead(msgspec.Struct, frozen=True):
    """What is signed of a tree: how many entries it has, and its root of 32 bytes (RFC 6962 section 3.5)."""

    size: int
    root: bytes


class Tree(msgspec.Struct, frozen=True):
    """A tree that can grow, as little of it as that takes. ``Tree()`` is the empty one.

    ``peaks`` are the roots of the perfect subtrees that the size's binary digits count, the largest first; ``edge``
    has the hashes of each level's partial tile, the lowest level first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()
    edge: tuple[bytes, ...] = ()

    @property
    def head(self) -> TreeHead:
        """Its size and root."""
        return TreeHead(self.size, join(self.peaks) if self.peaks else EMPTY_ROOT)

    def append(self, leaves: Sequence[bytes]) -> Growth:
        """Return the tree with more leaf hashes, and the tiles that are new or wider.

        A group costs two hashes for each leaf and nothing for what is there: only tiles at the right edge are written
        again. How leaves are grouped makes no difference to the tree.

        :raises InvalidInput: for a leaf hash that has not 32 bytes.
        :raises TooLarge: beyond :data:`MAX_SIZE` entries.
        """
        if any(len(leaf) != HASH_SIZE for leaf in leaves):
            raise InvalidInput(f"A leaf hash has {HASH_SIZE} bytes.")
        size = self.size + len(leaves)
        if size > MAX_SIZE:
            raise TooLarge(f"A tree has {MAX_SIZE} entries at most.")
        peaks = dict(zip(heights(self.size), self.peaks, strict=True))
        edge = list(self.edge)
        tiles: list[tuple[Tile, bytes]] = []
        row, height = list(leaves), 0
        while row:
            level, within = divmod(height, TILE_HEIGHT)
            if within == 0:
                edge += [b""] * (level + 1 - len(edge))
                grown = _widened(level, self.size >> height, edge[level], row)
                tiles += grown
                last, data = grown[-1]
                edge[level] = b"" if last.width == TILE_WIDTH else data
            if height in peaks:
                row.insert(0, peaks.pop(height))
            if len(row) % 2:
                peaks[height] = row.pop()
            row = pair(row)
            height += 1
        return Growth(Tree(size, tuple(peaks[height] for height in heights(size)), tuple(edge)), tuple(tiles))


class Growth(msgspec.Struct, frozen=True):
    """What an append gives: the tree after it, and the tiles to write."""

    tree: Tree
    tiles: tuple[tuple[Tile, bytes], ...]


def load_tree(tiles: Tiles, head: TreeHead) -> Tree:
    """Return a stored tree, ready to grow, from the tiles at its right edge: one for each level.

    :raises Refused: when they do not give the head's root, so that nothing is signed over damage (law 10).
    :raises UnreadableFile: when a tile has the wrong length.
    """
    wanted = right_edge(head.size)
    found = read_tiles(tiles, wanted)
    edge = [b""] * (1 + max((tile.level for tile in wanted), default=-1))
    peaks: list[bytes] = []
    for tile in reversed(wanted):
        edge[tile.level] = data = found[tile.level, tile.index]
        row, at = hashes(data), 0
        for height in heights(tile.width):
            peaks.append(tree_hash(row[at : at + (1 << height)]))
            at += 1 << height
    tree = Tree(head.size, tuple(peaks), tuple(edge))
    if tree.head != head:
        raise Refused(
            f"The stored tiles do not give the root that the ledger had at {head.size} entries.",
            advice="Something changed them: keep them as evidence, and restore the ledger before it is signed again.",
        )
    return tree


def _widened(level: int, count: int, partial: bytes, row: Sequence[bytes]) -> list[tuple[Tile, bytes]]:
    """Return the tiles that a row of new hashes fills, after the ``count`` hashes that the level had."""
    data = partial + b"".join(row)
    chunks = [data[start : start + TILE_BYTES] for start in range(0, len(data), TILE_BYTES)]
    return [
        (Tile(level, index, len(chunk) // HASH_SIZE), chunk) for index, chunk in enumerate(chunks, count // TILE_WIDTH)
    ]
