"""A partner's node as a subscription uses it: its collection, its ledgers, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from titian.core.peer_ledger import Listing
from titian.core.subscription import Terms
from titian.wire.ledger_client import LedgerClient, list_ledgers
from titian.wire.outbound_limits import Limits
from titian.wire.taxii_client import TaxiiClient
from titian.wire.taxii_remote import RemoteCollection


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

    def send(self, inbox: str, objects: Iterable[bytes]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        """Send objects back; for each request how many were taken, and the id and reason of each that was not."""
        for status in self._client.add(inbox, objects):
            yield status.success_count, [(one.id, one.message or "no reason given") for one in status.failures]


@contextmanager
def connect(terms: Terms, key: str, *, limits: Limits | None = None) -> Iterator[PeerLink]:
    """Connect to the partner of a subscription (law 11: one outbound client, bound to one host)."""
    host = urlsplit(terms.url).hostname
    private = {host} if host and terms.private else ()
    with TaxiiClient(
        terms.url, key=key, name=terms.user, ca_file=terms.ca_file, allow_private=private, limits=limits or POLLING
    ) as client:
        yield PeerLink(client, terms.remote)


POLLING = Limits(attempts=2, retry_after_seconds=10, read_seconds=20)
"""What a background pull bears: the subscription itself tries again, later and later."""
