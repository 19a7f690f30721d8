"""A partner's node as a subscription uses it: its collection, its ledgers, and the way back."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from titian.core.peer_ledger import Listing
from titian.core.subscription import Terms
from titian.wire.ledger_client import LedgerClient, list_ledgers
from titian.wire.match_client import MatchClient
from titian.wire.outbound import parse_url
from titian.wire.outbound_limits import Limits
from titian.wire.taxii_client import TaxiiClient
from titian.wire.taxii_remote import RemoteCollection
from titian.wire.taxii_reply import Collection
from titian.wire.taxii_session import Session

POLLING: Final = Limits(attempts=2, retry_after_seconds=10, read_seconds=20)
"""What a background pull bears: the subscription itself tries again, later and later."""
_REMEMBERED: Final = 1000


class PeerLink:
    """An open connection to a partner's node, for one subscription."""

    def __init__(self, client: TaxiiClient, wanted: str) -> None:
        self._client = client
        self._wanted = wanted

    def collection(self) -> RemoteCollection:
        """The partner's collection. Raises what :class:`TaxiiClient` raises."""
        return RemoteCollection(self._client, self._wanted)

    def listing(self) -> Listing | None:
        """The partner's ledgers, None when it has none: then it is a plain TAXII server."""
        return list_ledgers(self._client)

    def ledger(self, identifier: str) -> LedgerClient:
        """One of them."""
        return LedgerClient(self._client, identifier)

    def matching(self) -> MatchClient:
        """Private matching with it."""
        return MatchClient(self._client)

    def send(self, inbox: str, objects: Iterable[bytes]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        """Send objects back; for each request how many were taken, and the id and reason of each that was not."""
        for status in self._client.add(inbox, objects):
            yield status.success_count, [(one.id, one.message or "no reason given") for one in status.failures]


class Place(msgspec.Struct, frozen=True):
    """Where a collection was found on a server: the path of the API root, and its resource there."""

    root: str
    collection: Collection


class _At(Session):
    """A session whose API root was found before."""

    def __init__(self, session: Session, url: str, root: str) -> None:
        super().__init__(session.http, parse_url(url))
        self._root = root


class Acquainted(TaxiiClient):
    """A client for one collection of a server, which need not look again for what is at a known ``place``.

    ``options`` are those of :class:`TaxiiClient`. Nothing is trusted that way: a server that has moved says no.
    """

    def __init__(self, url: str, wanted: str, place: Place | None, **options: Any) -> None:
        super().__init__(url, **options)
        self._wanted = wanted
        self.place = place
        if place is not None:
            self._session = _At(self._session, url, place.root)

    def collection(self, wanted: str) -> Collection:
        """Return a collection by its id, alias or title: at once the one that this client is for, if its place is
        known."""
        if wanted != self._wanted:
            return super().collection(wanted)
        if self.place is None:
            found = super().collection(wanted)
            self.place = Place(self._session.root(), found)
        return self.place.collection


class Connector:
    """Connects to the partners of subscriptions, and remembers where each one's collection is, until a pull fails.

    ``options`` are what each :class:`TaxiiClient` is given besides.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._places: dict[tuple[object, ...], Place] = {}
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, terms: Terms, key: str, *, limits: Limits | None = None) -> Iterator[PeerLink]:
        """Connect to the partner of a subscription (law 11: one outbound client, bound to one host)."""
        host = urlsplit(terms.url).hostname
        private = {host} if host and terms.private else ()
        # Another key may see other collections. The key itself is nowhere kept.
        secret = hashlib.sha256(key.encode()).digest()
        about = (terms.url, terms.remote, terms.user, terms.ca_file, terms.private, secret)
        with Acquainted(
            terms.url, terms.remote, self._places.get(about), key=key, name=terms.user, ca_file=terms.ca_file,
            allow_private=private, limits=limits or POLLING, **self._options,
        ) as client:  # fmt: skip
            try:
                yield PeerLink(client, terms.remote)
            except BaseException:
                self._remember(about, None)
                raise
            self._remember(about, client.place)

    def _remember(self, about: tuple[object, ...], place: Place | None) -> None:
        with self._lock:
            self._places.pop(about, None)
            if place is not None:
                self._places[about] = place
            if len(self._places) > _REMEMBERED:
                del self._places[next(iter(self._places))]


connect: Final = Connector()
"""How a node reaches its partners."""
