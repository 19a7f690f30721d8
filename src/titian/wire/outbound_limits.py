"""How much of another system a node is willing to bear: one frozen value, passed down from the settings."""

from __future__ import annotations

import dataclasses
from typing import Final

MIB: Final = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one peer may cost. The defaults are generous to an honest server and final to another.

    Seconds are wall time, bytes are octets. Everything that is counted is counted per client, unless the
    name starts with ``pull``, which is per walk through a collection.
    """

    connect_seconds: float = 10.0
    """Time to open a connection, TLS handshake included."""
    read_seconds: float = 30.0
    """Longest silence of a peer that owes an answer."""
    request_seconds: float = 180.0
    """Longest time for one request and its whole answer: what ends a slow drip."""
    header_bytes: int = 64 * 1024
    """Size of an answer's header section."""
    body_bytes: int = 64 * MIB
    """Size of an answer's body, counted after decompression."""
    resource_bytes: int = 8 * MIB
    """The same for everything but pages of objects: discovery, collections, status."""
    inflate_ratio: int = 200
    """How many bytes one compressed byte may become, beyond the first MiB."""
    requests: int = 1_000_000
    """Requests by one client, retries included."""

    attempts: int = 5
    """Tries of one request that may be repeated, the first included."""
    backoff_seconds: float = 0.5
    """First pause before another try; doubles, with full jitter."""
    backoff_most_seconds: float = 60.0
    """Longest pause of ours."""
    retry_after_seconds: float = 300.0
    """Longest pause a peer may ask for; one that asks for more is given up at once."""

    page_objects: int = 250_000
    """Elements in one page."""
    empty_pages: int = 20
    """Pages in a row that hold nothing and promise more."""
    token_bytes: int = 8 * 1024
    """Size of a peer's page token (``next``)."""
    restarts: int = 3
    """How often one walk may start again from a moment because its page token is not honoured any more."""
    pull_pages: int = 200_000
    """Pages of one walk."""
    pull_bytes: int = 128 * 1024 * MIB
    """Bytes of objects of one walk."""
    pull_seconds: float = 24 * 3600.0
    """Time of one walk, the receiver's own work included."""
    future_seconds: float = 24 * 3600.0
    """How far a peer's clock may be ahead of ours."""

    batch_bytes: int = 8 * MIB
    """Largest request body, where the peer's ``max_content_length`` does not say less."""
    status_seconds: float = 300.0
    """How long a pending status is polled."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"Limits.{field.name} must be more than 0.")
