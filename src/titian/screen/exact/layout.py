"""How a segment lies in its file: a header of one page, then sections, each from the start of a page.

::

    header     magic, counts, the check of the secret, the seal on the list of blocks, the seal on the header itself
    table      for each of the topmost bits of a digest where its entries begin: 32 bits each, one more at the end
    high       first words of the digests, sorted: 64 bits each
    low        second words of the digests
    numbers    numbers less the least number: 32 bits each where that is enough, else 64
    blocks     SHA-256 of each 64 KiB from the table to the end of the numbers

Every byte is under a seal that needs the secret: those of the header by its own, all others by the blocks'. Words lie
as the machine has them; a file of a machine with another order of bytes is foreign.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import Final, NamedTuple

from titian.core.errors import UnreadableFile
from titian.screen.exact.digests import SEAL_BYTES, Digester

PAGE: Final = 4096
BLOCK: Final = 1 << 16
BLOCK_DIGEST: Final = 32
MOST_ENTRIES: Final = (1 << 32) - 1
"""More do not fit the table's 32 bits."""

_HEADER: Final = struct.Struct("=16sIIQQQQ16s16s")
_MAGIC: Final = b"titian segment 1"
_LIGHT_BITS: Final = 21
_MOST_BITS: Final = 24
_REBUILD: Final = "Rebuild the index: nothing is lost by it."


class Layout(NamedTuple):
    """Counts that say where everything lies. ``least`` and ``most`` are the least and greatest number."""

    entries: int
    least: int
    most: int

    @property
    def bits(self) -> int:
        """How many of the topmost bits the table tells apart.

        A part of the table has an entry or less: then it is found at the first look. Where such a table would weigh
        too much (above 2,000,000 entries), a part has four to eight.
        """
        bits = self.entries.bit_length()
        return min(max(min(bits, _LIGHT_BITS), bits - 3), _MOST_BITS)

    @property
    def width(self) -> int:
        """How many bytes a number takes."""
        return 4 if self.most - self.least < 1 << 32 else 8

    @property
    def table(self) -> int:
        """Where the table begins, in bytes from the start of the file."""
        return PAGE

    @property
    def high(self) -> int:
        """Where the first words begin."""
        return _paged(self.table + 4 * ((1 << self.bits) + 1))

    @property
    def low(self) -> int:
        """Where the second words begin."""
        return _paged(self.high + 8 * self.entries)

    @property
    def numbers(self) -> int:
        """Where the numbers begin."""
        return _paged(self.low + 8 * self.entries)

    @property
    def blocks(self) -> int:
        """Where the list of blocks begins."""
        return _paged(self.numbers + self.width * self.entries)

    @property
    def blocked(self) -> int:
        """How many blocks there are."""
        return -(-(self.blocks - PAGE) // BLOCK)

    @property
    def size(self) -> int:
        """The length of the file."""
        return self.blocks + self.blocked * BLOCK_DIGEST

    def block(self, number: int) -> tuple[int, int]:
        """Where a block begins and ends."""
        begin = PAGE + number * BLOCK
        return begin, min(begin + BLOCK, self.blocks)


def block_digest(content: bytes) -> bytes:
    """Return the digest of a block."""
    return sha256(content).digest()


def header(layout: Layout, blocks: bytes, digester: Digester) -> bytes:
    """Return the header of a segment whose blocks' digests are ``blocks``. It ends with its own seal."""
    counts = (layout.size, layout.entries, layout.least, layout.most)
    packed = _HEADER.pack(_MAGIC, PAGE, BLOCK, *counts, digester.check, digester.seal(blocks))
    padded = packed.ljust(PAGE - SEAL_BYTES, b"\0")
    return padded + digester.seal(padded)


def read_header(given: bytes, size: int, digester: Digester, name: str) -> tuple[Layout, bytes]:
    """Return what the header of a file of so many bytes says, and the seal on its blocks.

    Raises :class:`~titian.core.errors.UnreadableFile` when it is no segment, is torn, is under another secret, or was
    changed.
    """
    if len(given) != PAGE or not given.startswith(_MAGIC):
        raise damaged(f"{name} is no segment of an index")
    _, page, block, length, entries, least, most, check, blocks = _HEADER.unpack_from(given)
    if check != digester.check:
        raise damaged(f"{name} was made under another secret")
    if given[-SEAL_BYTES:] != digester.seal(given[:-SEAL_BYTES]) or (page, block) != (PAGE, BLOCK):
        raise damaged(f"The header of {name} was changed")
    layout = Layout(entries, least, most)
    if not size == length == layout.size:
        raise damaged(f"{name} has {size:,} bytes instead of {length:,}")
    return layout, blocks


def damaged(what: str) -> UnreadableFile:
    """Return the error that says what is wrong with a file of an index, and what to do."""
    return UnreadableFile(f"{what}.", advice=_REBUILD)


def _paged(offset: int) -> int:
    return -(-offset // PAGE) * PAGE
