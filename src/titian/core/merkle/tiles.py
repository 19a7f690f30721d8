"""Tiles and bundles of entries as C2SP tlog-tiles has them: their addresses, their bytes, and where they are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from titian.core.errors import InvalidInput, TooLarge, UnreadableFile
from titian.core.merkle.hashes import HASH_SIZE, MAX_SIZE, check_size

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
TILE_BYTES: Final = TILE_WIDTH * HASH_SIZE
MAX_ENTRY: Final = 0xFFFF
"""Bytes in one entry: its length is a uint16 (C2SP tlog-tiles, "Log entries")."""

_MAX_LEVEL: Final = 63
_MAX_INDEX: Final = MAX_SIZE // TILE_WIDTH
_PATH: Final = re.compile(
    r"tile/(entries|[0-9]|[1-9][0-9])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


class Tile(msgspec.Struct, frozen=True, order=True):
    """The address of a tile: its level, its number in the level, and how many hashes it has, 1 to 256.

    :raises InvalidInput: for numbers that no tile has.
    """

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        _check_address(self.index, self.width)
        if not 0 <= self.level <= _MAX_LEVEL:
            raise InvalidInput(f"A tile's level is 0 to {_MAX_LEVEL}, not {self.level}.")

    @property
    def path(self) -> str:
        """Where it is served, below the ledger's prefix (C2SP tlog-tiles, "Merkle Tree").

        >>> Tile(0, 1234067, 5).path
        'tile/0/x001/x234/067.p/5'
        """
        return f"tile/{self.level}/{_place(self.index, self.width)}"


class Bundle(msgspec.Struct, frozen=True, order=True):
    """The address of a bundle of entries: its number, and how many entries it has, 1 to 256.

    :raises InvalidInput: for numbers that no bundle has.
    """

    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        _check_address(self.index, self.width)

    @property
    def path(self) -> str:
        """Where it is served, below the ledger's prefix (C2SP tlog-tiles, "Log entries").

        >>> Bundle(7).path
        'tile/entries/007'
        """
        return f"tile/entries/{_place(self.index, self.width)}"


def parse_path(path: str) -> Tile | Bundle:
    """Read the path of a tile or of a bundle; only the one spelling that ``path`` gives is one.

    :raises InvalidInput: for anything else.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise InvalidInput("This is not the path of a tile or of a bundle of entries.")
    level, place, partial = match.groups()
    index = int(place.replace("x", "").replace("/", ""))
    width = TILE_WIDTH if partial is None else int(partial)
    found = Bundle(index, width) if level == "entries" else Tile(int(level), index, width)
    if found.path != path:
        raise InvalidInput(f"This path has another spelling: {found.path}.")
    return found


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return 1 to 256 entries as C2SP tlog-tiles ("Log entries") writes them: each after its length in two bytes.

    >>> encode_bundle([b"one", b""])
    b'\\x00\\x03one\\x00\\x00'

    :raises InvalidInput: for no entry, or for more than a bundle has.
    :raises TooLarge: for an entry of more than 65,535 bytes.
    """
    if not 1 <= len(entries) <= TILE_WIDTH:
        raise InvalidInput(f"A bundle has 1 to {TILE_WIDTH} entries, not {len(entries)}.")
    if longest := max((len(entry) for entry in entries if len(entry) > MAX_ENTRY), default=0):
        raise TooLarge(f"An entry has {longest} bytes; a bundle holds entries of {MAX_ENTRY} at most.")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes) -> tuple[bytes, ...]:
    """Return the entries of a bundle.

    :raises UnreadableFile: when an entry is cut off, or when there is none, or more than a bundle has.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data):
            raise UnreadableFile(f"The bundle ends within its entry {len(entries)}.")
        entries.append(data[start:at])
        if len(entries) > TILE_WIDTH:
            raise UnreadableFile(f"The bundle has more than {TILE_WIDTH} entries.")
    if not entries:
        raise UnreadableFile("The bundle has no entry.")
    return tuple(entries)


class Tiles(Protocol):
    """Where the tiles of one tree are kept, or fetched from."""

    def read(self, tiles: Sequence[Tile]) -> Sequence[bytes]:
        """Return the hashes of each, one after the other, in the order asked.

        A tile that has grown since may be given in its greater width: the hashes that it had are its first ones.
        Raises :class:`titian.core.errors.NotFound` for a tile that is not there.
        """
        ...


def right_edge(size: int) -> tuple[Tile, ...]:
    """Return the partial tiles of a tree, lowest level first: they are served for every size that is signed.

    >>> [tile.path for tile in right_edge(70_000)]
    ['tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1']
    """
    check_size(size)
    counts = enumerate(size >> height for height in range(0, size.bit_length(), TILE_HEIGHT))
    return tuple(Tile(level, count // TILE_WIDTH, count % TILE_WIDTH) for level, count in counts if count % TILE_WIDTH)


def _check_address(index: int, width: int) -> None:
    if not 0 <= index <= _MAX_INDEX:
        raise InvalidInput(f"A tile's number is 0 to {_MAX_INDEX}, not {index}.")
    if not 1 <= width <= TILE_WIDTH:
        raise InvalidInput(f"A tile's width is 1 to {TILE_WIDTH}, not {width}.")


def _place(index: int, width: int) -> str:
    """Write a number in groups of three digits, all but the last after an ``x``, and the width of a partial tile."""
    groups = f"{index:,}".split(",")
    groups[0] = groups[0].zfill(3)
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def read_tiles(tiles: Tiles, wanted: Sequence[Tile]) -> dict[tuple[int, int], bytes]:
    """Return the hashes of tiles, by level and number, none of them wider than was asked for."""
    found: dict[tuple[int, int], bytes] = {}
    for tile, data in zip(wanted, tiles.read(wanted), strict=True):
        if len(data) % HASH_SIZE or not tile.width * HASH_SIZE <= len(data) <= TILE_BYTES:
            raise UnreadableFile(f"{tile.path} has {len(data)} bytes; it should have {tile.width * HASH_SIZE}.")
        found[tile.level, tile.index] = data[: tile.width * HASH_SIZE]
    return found
