"""Private matching over HTTPS, as the asking node: what a partner offers, its offers, and the messages of a run."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from titian.core.errors import PeerUntrusted
from titian.core.matching import Listed
from titian.wire.taxii_client import TaxiiClient

MIB: Final = 1 << 20
MEDIA_TYPE: Final = "application/vnd.titian.match+msgpack"
_MOST_OFFER: Final = 1 << 30
_EACH: Final = 16 + 2 * 4096
"""Bytes that one value of an offer takes at most: its tag, and the longest note."""
_LATEST: Final = 1 << 53
_ID: Final = re.compile(r"[0-9a-f]{64}")


class Listing(msgspec.Struct, frozen=True):
    """What a node offers to who asks."""

    offers: tuple[Listed, ...]


_listing: Final = msgspec.json.Decoder(Listing).decode


class MatchClient:
    """A partner's node (:class:`titian.screen.match_ports.Partner`)."""

    def __init__(self, client: TaxiiClient) -> None:
        self._client = client

    def offers(self) -> list[Listed]:
        """What it offers to us. Raises :class:`PeerRefused` where it has no private matching."""
        reply = self._client.ask("GET", "/match/", most=MIB, kind="application/json")
        try:
            found = _listing(reply.body).offers
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise PeerUntrusted(f"{reply.place} lists no offers: {error}") from error
        if any(not _ID.fullmatch(one.id) for one in found):
            raise PeerUntrusted(f"{reply.place} lists an offer without a usable identifier.")
        if any(not 0 <= number < _LATEST for one in found for number in (one.until, one.size, one.asked, one.left)):
            raise PeerUntrusted(f"{reply.place} lists an offer with numbers that cannot be.")
        return list(found)

    def fetch(self, offer: str, size: int) -> bytes:
        """The bytes of an offer of ``size`` values; no more than so many can take."""
        most = min(_MOST_OFFER, MIB + max(size, 0) * _EACH)
        return self._client.ask("GET", f"/match/{offer}", most=most, kind=MEDIA_TYPE).body

    def post(self, offer: str, message: bytes) -> bytes:
        """Send a message about an offer. A message is not sent twice: the partner answers it once."""
        return self._client.ask(
            "POST", f"/match/{offer}", content=message, most=64 * MIB, kind=MEDIA_TYPE, content_kind=MEDIA_TYPE,
            once=True,
        ).body  # fmt: skip
