"""Posting a checkpoint to a witness (C2SP tlog-witness), by the one outbound client (law 11)."""

from __future__ import annotations

from urllib.parse import urlsplit

from titian.wire.outbound import Outbound
from titian.wire.outbound_limits import Limits

_MOST = 64 * 1024
_LIMITS = Limits(attempts=1, request_seconds=20, read_seconds=10)


def submit(url: str, body: bytes) -> tuple[int, bytes]:
    """Post a submission to ``url``, the witness's submission prefix; its status and body, whatever they are.

    Who named the witness named its host: it may be on this machine or a private network.
    """
    host = urlsplit(url).hostname or ""
    with Outbound(hosts={host}, allow_private={host}, limits=_LIMITS) as http:
        reply = http.request(
            "POST", f"{url.rstrip('/')}/add-checkpoint", headers={"Content-Type": "text/plain; charset=utf-8"},
            content=body, most=_MOST,
        )  # fmt: skip
    return reply.status, reply.body
