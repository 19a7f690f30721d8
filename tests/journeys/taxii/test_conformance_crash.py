"""Acknowledged is durable (DESIGN law 6): what got a 202 survives SIGKILL, once, in an order that never
goes back.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import httpx
import psutil
import pytest

from support.nodes import Collection, Node, end_each
from support.stix import envelope, indicator, text
from support.taxii import Taxii, accepted, client_for, instant

NewNode = Callable[..., Node]

WRITERS = 4
SIZE = 4


@dataclass
class Storm:
    """Small batches from several threads; what was sent, and what of it was acknowledged."""

    client: Taxii
    collection: Collection
    sent: dict[str, bytes] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def blow(self) -> None:
        while not self.stop.is_set():
            batch = [indicator() for _ in range(SIZE)]
            raws = {each["id"]: text(each) for each in batch}
            self.sent.update(raws)
            try:
                answer = self.client.post(self.collection, envelope(*raws.values()))
            except httpx.TransportError:
                continue  # the kill: whether it is stored, nobody was told
            if answer.status_code != 202:
                # A 503 while it goes down would be honest; anything else is not.
                if answer.status_code != 503:
                    self.odd.append(f"{answer.status_code} {answer.text[:200]}")
                continue
            self.acknowledged.update(detail["id"] for detail in answer.json()["successes"])


def _port_is_free(port: int) -> bool:
    return not any(
        connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        for connection in psutil.net_connections("tcp")
    )


def _free_after_kill(node: Node) -> None:
    """No worker survives its parent on the port: it would answer beside the node that is started next."""
    port = node.port
    below = node.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not _port_is_free(port):
        time.sleep(0.02)
    orphans = end_each(below, seconds=0 if _port_is_free(port) else 1)
    assert _port_is_free(port), f"after SIGKILL of `titian serve`, orphans keep port {port}: {orphans}"


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "cycles"), [("sqlite", 50), ("postgresql", 8)])
def test_a_killed_node_has_all_that_it_acknowledged(
    request: pytest.FixtureRequest, new_node: NewNode, http: httpx.Client, backend: str, cycles: int
) -> None:
    """Killed in the middle of a POST storm, and started again on the same home and port, again and again."""
    chance = random.Random(50)
    database = request.getfixturevalue("new_database")(empty=True) if backend == "postgresql" else None
    own = new_node(database=database)
    made, key = own.add_collection("storm"), own.add_key("writer", "writer")
    client = client_for(own.serve(), key, http)
    storm = Storm(client, made)
    known: list[tuple[str, str]] = []
    for cycle in range(cycles):
        storm.stop.clear()
        with ThreadPoolExecutor(WRITERS) as pool:
            blowing = [pool.submit(storm.blow) for _ in range(WRITERS)]
            time.sleep(chance.uniform(0.02, 0.25))
            port = own.port
            _free_after_kill(own)
            storm.stop.set()
            for future in blowing:
                future.result(timeout=30)
        own.serve(port=port, workers=1 + cycle % 2)
        # What was there before is there as it was; what is new comes after it.
        fresh = client.records(made, **({"added_after": known[-1][1]} if known else {}))
        known += [(record["id"], record["date_added"]) for record in fresh]
        missing = storm.acknowledged - {identifier for identifier, _ in known}
        assert not missing, f"after kill {cycle + 1}, {len(missing)} acknowledged objects are lost"
    assert storm.odd == []
    assert len(storm.acknowledged) > cycles * SIZE, "the storm hardly blew"
    _check_whole(client, made, storm, known)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_what_was_pending_is_completed_after_a_kill(
    request: pytest.FixtureRequest, new_node: NewNode, http: httpx.Client, backend: str
) -> None:
    """A 202 is a promise even where it says `pending`: killed at once, the node finishes when it is back."""
    database = request.getfixturevalue("new_database")(empty=True) if backend == "postgresql" else None
    own = new_node(database=database)
    made, key = own.add_collection("large"), own.add_key("writer", "writer")
    client = client_for(own.serve(), key, http)
    held: list[str] = []
    for _ in range(2):
        objects = [indicator(description="x" * 4000) for _ in range(3000)]
        first = accepted(client.post(made, envelope(*objects)))  # 13 MB
        _free_after_kill(own)
        own.serve()
        status = client.completed(first)
        assert status["success_count"] == 3000
        held += [each["id"] for each in objects]
        assert [record["id"] for record in client.records(made)] == held


def _check_whole(client: Taxii, made: Collection, storm: Storm, known: list[tuple[str, str]]) -> None:
    """At the end, all of it once more from the start: once each, in order, byte for byte."""
    records = client.records(made)
    assert [(record["id"], record["date_added"]) for record in records] == known
    order = [identifier for identifier, _ in known]
    assert len(set(order)) == len(order), "an object is there twice"
    assert set(order) <= set(storm.sent), "an object is there that nobody sent"
    assert all(earlier < later for earlier, later in pairwise(instant(date) for _, date in known))
    served = b"\n".join(page.content for page in client.pages(client.objects_path(made)))
    for identifier in order:
        assert storm.sent[identifier] in served
