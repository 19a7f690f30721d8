"""Proofs of inclusion and consistency from tiles (RFC 6962 sections 2.1.1 and 2.1.2): two tiles a level at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from titian.core.errors import InvalidInput
from titian.core.merkle.hashes import EMPTY_ROOT, HASH_SIZE, check_size, hashes, heights, join, tree_hash
from titian.core.merkle.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, Tiles, read_tiles


def root_at(tiles: Tiles, size: int) -> bytes:
    """Return the root that a tree had at a size, from the tiles of it or of a later one.

    :raises InvalidInput: for a size that no tree has.
    """
    check_size(size)
    return _range_hashes(tiles, size, [(0, size)])[0] if size else EMPTY_ROOT


def inclusion_proof(tiles: Tiles, index: int, size: int) -> tuple[bytes, ...]:
    """Return the hashes, leaf to root, that prove an entry to be in a tree: PATH of RFC 6962 section 2.1.1.

    :raises InvalidInput: when a tree of this size has no such entry.
    """
    check_size(size)
    if not 0 <= index < size:
        raise InvalidInput(f"A tree of {size} entries has no entry {index}; the first one is 0.")
    siblings, _ = _descent(index, size, to_leaf=True)
    return _range_hashes(tiles, size, siblings[::-1])


def consistency_proof(tiles: Tiles, old: int, new: int) -> tuple[bytes, ...]:
    """Return the hashes that prove a tree to begin with an older one: PROOF of RFC 6962 section 2.1.2.

    It is empty when both are of one size, and when the older one is empty: a witness is shown no hash then either
    (C2SP tlog-witness).

    :raises InvalidInput: when ``old`` is the greater one.
    """
    check_size(new)
    if not 0 <= old <= new:
        raise InvalidInput(f"A tree of {new} entries was never one of {old}.")
    if old == 0:
        return ()
    siblings, (start, end) = _descent(old - 1, new, to_leaf=False)
    # Unless the older tree is itself a subtree of the newer one, the verifier does not know its last part.
    return _range_hashes(tiles, new, [(start, end), *siblings[::-1]] if start else siblings[::-1])


def _descent(entry: int, size: int, *, to_leaf: bool) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Go from the root down to an entry, or to the largest subtree that ends with it.

    Returns the ranges of entries below the siblings on the way, the highest first, and the range arrived at.
    """
    siblings: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1 and (to_leaf or end != entry + 1):
        middle = start + _split(end - start)
        if entry < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return siblings, (start, end)


def _split(count: int) -> int:
    """Return the largest power of two below a count of two or more: where RFC 6962 section 2.1 splits."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_hashes(tiles: Tiles, size: int, ranges: Sequence[tuple[int, int]]) -> tuple[bytes, ...]:
    """Return the hash of each range of entries that is a subtree, reading every tile once and all together."""
    spans = [[_Span.of(height, start) for height, start in _perfect(*each)] for each in ranges]
    places = sorted({(span.level, span.index) for each in spans for span in each})
    found = read_tiles(
        tiles,
        [
            Tile(level, index, min(TILE_WIDTH, (size >> level * TILE_HEIGHT) - index * TILE_WIDTH))
            for level, index in places
        ],
    )
    return tuple(join([span.hash_in(found[span.level, span.index]) for span in each]) for each in spans)


def _perfect(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the height and the first entry of each perfect subtree in a range, the largest first."""
    for height in heights(end - start):
        yield height, start
        start += 1 << height


class _Span(msgspec.Struct, frozen=True):
    """The hashes within one tile that a perfect subtree is made of: from ``first`` on, ``count`` of them."""

    level: int
    index: int
    first: int
    count: int

    @classmethod
    def of(cls, height: int, start: int) -> _Span:
        level, within = divmod(height, TILE_HEIGHT)
        index, first = divmod(start >> level * TILE_HEIGHT, TILE_WIDTH)
        return cls(level, index, first, 1 << within)

    def hash_in(self, data: bytes) -> bytes:
        return tree_hash(hashes(data[self.first * HASH_SIZE : (self.first + self.count) * HASH_SIZE]))
