"""A collection on another TAXII 2.1 server as the exchange uses it (:class:`titian.exchange.carry.Remote`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from titian.wire.taxii_client import TaxiiClient
from titian.wire.taxii_page import Page
from titian.wire.taxii_pull import Cursor
from titian.wire.taxii_reply import Collection


class RemoteCollection:
    """One collection of one server, found by its id, alias or title. Raises what :class:`TaxiiClient` raises."""

    def __init__(self, client: TaxiiClient, wanted: str, *, limit: int = 1000) -> None:
        self._client = client
        self._limit = limit
        self.collection: Collection = client.collection(wanted)

    @property
    def name(self) -> str:
        """The API root and the id of the collection."""
        return f"{self._client.api_root_url} {self.collection.id}"

    @property
    def title(self) -> str:
        """What the server calls it."""
        return self.collection.title or self.collection.id

    @property
    def identifier(self) -> str:
        """Its id there."""
        return self.collection.id

    def pages(self, state: bytes | None) -> Iterator[tuple[Page[bytes], bytes]]:
        """Pages after ``state``, each with the state to keep once it is stored."""
        after = None if state is None else msgspec.json.decode(state, type=Cursor)
        # Every version: a partner's earlier words are part of the record.
        pulled = self._client.pull(self.collection, after=after, match={"version": "all"}, limit=self._limit)
        for one in pulled:
            yield one.page, msgspec.json.encode(one.cursor)

    def add(self, objects: Iterable[bytes]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        """Send objects; for each request how many were taken, and the id and reason of each that was not."""
        for status in self._client.add(self.collection, objects):
            refused = [(one.id, one.message or "no reason given") for one in status.failures]
            yield status.success_count, refused
