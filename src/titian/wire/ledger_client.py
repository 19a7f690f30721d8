"""Reading a partner's ledgers over HTTP: C2SP tlog-tiles, and what is opened to us.

Nothing that comes is trusted here; what it proves is :mod:`titian.exchange.witness`'s to find out.
"""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from titian.core.errors import PeerRefused, PeerUntrusted
from titian.core.ledger import LARGEST, SALT_SIZE, Opened
from titian.core.merkle import TILE_WIDTH, Bundle, Tile
from titian.core.notes import SignedNote, VerifierKey
from titian.core.peer_ledger import Listing
from titian.wire.taxii_client import TaxiiClient

MIB: Final = 1 << 20
_CACHED: Final = 512
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Opened(msgspec.Struct):
    num: int
    salt: str
    payload: str


class _Page(msgspec.Struct):
    size: int
    more: bool
    entries: list[_Opened]


_listing: Final = msgspec.json.Decoder(Listing).decode
_page: Final = msgspec.json.Decoder(_Page).decode


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def list_ledgers(client: TaxiiClient) -> Listing | None:
    """What a partner's node lists, or None when the server is not one of ours: it has no ledgers."""
    try:
        reply = client.ask("GET", "/ledger/", most=MIB, kind="application/json")
    except PeerRefused:
        return None
    try:
        found = _listing(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if any(not _UUID.fullmatch(one.id) for one in found.ledgers):
        raise PeerUntrusted(f"{reply.place} lists a ledger without a usable identifier.")
    return found


class LedgerClient:
    """One ledger of a partner: :class:`titian.core.merkle.Tiles`, and what stands beside them."""

    def __init__(self, client: TaxiiClient, identifier: str) -> None:
        self._client = client
        self._path = f"/ledger/{identifier}"
        self._tiles: OrderedDict[Tile, bytes] = OrderedDict()

    def checkpoint(self) -> bytes:
        """The last checkpoint, as it was sent."""
        return self._client.ask("GET", f"{self._path}/checkpoint", most=MIB).body

    def read(self, tiles: Sequence[Tile]) -> list[bytes]:
        """The bytes of each tile; those that were just read are not asked for again."""
        return [self._tile(tile) for tile in tiles]

    def _tile(self, tile: Tile) -> bytes:
        found = self._tiles.get(tile)
        if found is None:
            found = self._fetch(tile)
            self._tiles[tile] = found
            if len(self._tiles) > _CACHED:
                self._tiles.popitem(last=False)
        return found

    def _fetch(self, tile: Tile | Bundle) -> bytes:
        most = TILE_WIDTH * (65_535 + 2) if isinstance(tile, Bundle) else TILE_WIDTH * 32
        return self._client.ask("GET", f"{self._path}/{tile.path}", most=most).body

    def bundle(self, bundle: Bundle) -> bytes:
        """The bytes of a bundle of entries."""
        return self._fetch(bundle)

    def opened(self, after: int) -> tuple[list[Opened], bool]:
        """Entries that are opened to us, from a place on, and whether there are more."""
        reply = self._client.ask("GET", f"{self._path}/opened?after={after}", most=4 * LARGEST, kind="application/json")
        try:
            page = _page(reply.body)
            found = [Opened(one.num, _bytes(one.salt), _bytes(one.payload)) for one in page.entries]
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise PeerUntrusted(f"{reply.place} sends no opened entries: {error}") from error
        if any(len(one.salt) != SALT_SIZE for one in found):
            raise PeerUntrusted(f"{reply.place} sends an entry whose salt has not {SALT_SIZE} bytes.")
        return found, page.more

    def cosign(self, note: SignedNote, witness: VerifierKey) -> None:
        """Hand our cosignature over: the note bears it."""
        content = f"{witness}\n".encode() + note.encode()
        self._client.ask("POST", f"{self._path}/cosignatures", content=content, most=MIB)
