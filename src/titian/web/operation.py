"""For those who run the node: is it up, and what does it count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.multiprocess import MultiProcessCollector

from titian.core.access import Role
from titian.core.errors import Forbidden, Unavailable
from titian.node import Node
from titian.web.taxii import Guest


class Bridge:
    """What the bridge counts, read from the database when it is asked for: it is the same for every worker."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        """The measures, as the registry asks for them."""
        yield from self._subscriptions()
        waiting = Gauge("titian_quarantine_waiting", "Objects in the quarantine that wait for a person.")
        waiting.add_metric([], self._node.arrive.waiting())
        yield waiting
        entries = Gauge("titian_ledger_entries", "Entries of each ledger.", labels=["ledger"])
        unsealed = Gauge("titian_ledger_unsealed", "Entries that no checkpoint covers yet.", labels=["ledger"])
        halted = Gauge("titian_ledger_halted", "1 where nothing is signed until a person decides.", labels=["ledger"])
        for one in self._node.ledgers.ledgers():
            entries.add_metric([one.id], one.size)
            unsealed.add_metric([one.id], one.size - one.head.size)
            halted.add_metric([one.id], float(one.halted is not None))
        yield from (entries, unsealed, halted)

    def _subscriptions(self) -> Iterator[Metric]:
        names = {
            "lag": ("titian_subscription_lag_seconds", "From the sender's adding the newest object to its arrival."),
            "age": ("titian_subscription_age_seconds", "Since the last pull that succeeded."),
            "failures": ("titian_subscription_failures", "Pulls that failed since the last that succeeded."),
            "gaps": ("titian_subscription_gaps", "What does not fit the sender's record."),
            "read": ("titian_subscription_read", "Objects that arrived."),
            "quarantined": ("titian_subscription_quarantined", "Objects that went to the quarantine."),
            "paused": ("titian_subscription_paused", "1 where a person has to decide."),
        }
        found = {key: Gauge(name, text, labels=["subscription", "partner"]) for key, (name, text) in names.items()}
        for one in self._node.subscribe.list():
            how, who = one.progress, [one.id, one.terms.party]
            since = how.succeeded or one.created
            values = {
                "lag": (how.lag or 0) / 1e6, "age": max(0, self._node.store.clock() - since) / 1e6,
                "failures": how.failures, "gaps": len(how.gaps), "read": how.read, "quarantined": how.quarantined,
                "paused": float(how.paused is not None),
            }  # fmt: skip
            for key, value in values.items():
                found[key].add_metric(who, value)
        yield from found.values()


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
def metrics(visit: Guest, node: NamedDependency[Node]) -> ASGIResponse:
    """Prometheus metrics of every worker, for an admin key."""
    if visit.view.reader.role is not Role.ADMIN:
        raise Forbidden("The metrics are for an admin key.")
    registry: Any = CollectorRegistry()
    if METRICS_FOLDER in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(Bridge(node))
    return ASGIResponse(
        body=generate_latest(registry),
        headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"},
    )
