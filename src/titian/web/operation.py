"""For those who run the node: is it up, and what does it count."""

from __future__ import annotations

import os
from typing import Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from titian.core.access import Role
from titian.core.errors import Forbidden, Unavailable
from titian.node import Node
from titian.web.taxii import Guest

METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


@get("/health", sync_to_thread=False)
def health(node: NamedDependency[Node]) -> ASGIResponse:
    """Whether this worker can read its database and write to it. Open to everybody, and tells nothing else."""
    with node.store.reading() as tx:
        tx.one("SELECT 1 FROM node")
    if not node.committer.alive:
        raise Unavailable("The thread that writes has ended.")
    return ASGIResponse(
        body=b'{"status":"ok"}',
        headers={"content-type": "application/json", "cache-control": "no-store"},
    )


@get("/metrics", sync_to_thread=True)
def metrics(visit: Guest) -> ASGIResponse:
    """Prometheus metrics of every worker, for an admin key."""
    if visit.view.reader.role is not Role.ADMIN:
        raise Forbidden("The metrics are for an admin key.")
    registry: Any = CollectorRegistry()
    if METRICS_FOLDER in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return ASGIResponse(
        body=generate_latest(registry),
        headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"},
    )
