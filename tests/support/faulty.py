"""Two nodes that share an agreement, as the tests of faults need them: made once, copied for each test, with small
pages and small limits, so that a fault costs a test fractions of a second."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from unittest import mock

import msgspec

import titian.node
from support import nodes
from support.nodes import STOP_SECONDS, WarmCli, environment
from support.nodes import Node as Served
from support.proxy import Proxy
from support.stix import Object, sdo, text
from titian.cli.demo_story import public_parties
from titian.core.access import Role
from titian.core.arrival import Quarantined
from titian.core.collection import Kind
from titian.core.ledger import Kind as LedgerKind
from titian.core.people import Actor, Duty
from titian.core.subscription import SECOND, Progress, Terms
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.agree import By
from titian.exchange.public_agreements import public_agreements
from titian.exchange.subscribe import Ran
from titian.node import DATABASE, Node, open_node
from titian.setup import init_node
from titian.store.ledger import entries_between, list_ledgers
from titian.store.store import now_micros
from titian.wire import outbound, peer_link
from titian.wire.outbound_limits import Limits
from titian.wire.peer_link import PeerLink
from titian.wire.taxii_remote import RemoteCollection

MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
ANALYST = Actor("person-1", "Analyst One", Duty.ANALYST)
RELEASER = Actor("person-2", "Releaser One", Duty.RELEASER)
AGREEMENT = "indonesia-japan-terrorism"
SENDER, RECEIVER = "bnpt", "mofa-japan"
PAGE = 40
FIRST = 100
"""Objects that the sender has released from the beginning; the identity that made them goes with them."""
SCRIPT = Path(__file__).with_name("faulty_process.py")

LIMITS = Limits(
    attempts=2, backoff_seconds=0.01, backoff_most_seconds=0.02, connect_seconds=5, read_seconds=5, request_seconds=10,
    body_bytes=1 << 20, retry_after_seconds=0.1,
)  # fmt: skip


class SmallPages(PeerLink):
    """A link that asks for small pages."""

    def __init__(self, link: PeerLink, page: int) -> None:
        super().__init__(link._client, link._wanted)
        self._page = page

    def collection(self) -> RemoteCollection:
        return RemoteCollection(self._client, self._wanted, limit=self._page)


@contextmanager
def gentle(
    terms: Terms, key: str, *, limits: Limits = LIMITS, encoding: str = "identity", page: int = PAGE
) -> Iterator[PeerLink]:
    """Connect as a node does, with small pages and limits, and without compression: a test changes what is sent."""
    with mock.patch.object(outbound, "ACCEPT_ENCODING", encoding), peer_link.connect(terms, key, limits=limits) as link:
        yield SmallPages(link, page)


def party(alias: str) -> str:
    """The identifier of a party of the agreement."""
    return str(public_parties()[alias].id)


def malware(name: str, *, by: str | None = SENDER, tlp: Tlp | None = Tlp.GREEN, **own: Any) -> Object:
    """An object of the sender's."""
    made = {"created_by_ref": party(by)} if by else {}
    marked = {"object_marking_refs": [TLP_IDS[tlp]]} if tlp else {}
    return sdo("malware", **(made | marked | {"name": name, "is_family": False} | own))


def _long_ago() -> int:
    """When the agreement was made: it is in force also by a clock that is days behind."""
    return now_micros() - 30 * DAY


@dataclass(frozen=True)
class Pair:
    """The homes of a sender and a receiver of which nobody has pulled yet, and what the receiver needs to."""

    sender: Path
    receiver: Path
    key: str
    collection: str

    @classmethod
    def at(cls, folder: Path) -> Pair:
        """The pair below a folder, made when it is not there."""
        known = folder / "pair.json"
        pair = cls(folder / SENDER, folder / RECEIVER, "", "")
        if not known.exists():
            key, collection = pair._make()
            known.write_text(json.dumps([key, collection]))
        key, collection = json.loads(known.read_text())
        return cls(pair.sender, pair.receiver, key, collection)

    def _make(self) -> tuple[str, str]:
        for home, alias in ((self.sender, SENDER), (self.receiver, RECEIVER)):
            who = public_parties()[alias]
            init_node(home, name=who.name, country=who.country or "", identity=who.id, clock=_long_ago)
            with open_node(home, clock=_long_ago, environment={}) as node:
                node.agreements.add(public_agreements()[AGREEMENT].encode(), By(person="person-5", why="as agreed"))
        with open_node(self.sender, clock=_long_ago, environment={}) as node:
            node.collections.add("Reports")
            let_go(node, hold(node, *(malware(f"first {number}") for number in range(FIRST))))
            _, key = node.keys.add("receiver", Role.READER, party=party(RECEIVER))
            released = (one.collection for one in node.collections.list())
            found = next(one for one in released if one.kind is Kind.RELEASED and one.party == party(RECEIVER))
        return key, found.id

    def copy(self, to: Path) -> Pair:
        """A pair of one's own."""
        shutil.copytree(self.sender, to / SENDER)
        shutil.copytree(self.receiver, to / RECEIVER)
        return Pair(to / SENDER, to / RECEIVER, self.key, self.collection)

    def with_receiver(self, to: Path) -> Pair:
        """The same sender with a receiver of one's own."""
        shutil.copytree(self.receiver, to / RECEIVER)
        return Pair(self.sender, to / RECEIVER, self.key, self.collection)


def hold(node: Node, *objects: Object) -> list[str]:
    """Put objects into a node; returns their identifiers."""
    told = node.exchange.hold([text(one) for one in objects], node.collections.find("Reports"), source="test")
    assert told.rejected == [], told.rejected
    return [one["id"] for one in objects]


def let_go(node: Node, ids: list[str]) -> None:
    """Release objects under the agreement: one asks, another one approves."""
    node.release.approve(RELEASER, node.release.request(ANALYST, ids, AGREEMENT).request.id)


def release_more(home: Path, count: int, name: str = "more") -> list[str]:
    """Make objects and release them; returns their identifiers."""
    with open_node(home, environment={}) as node:
        ids = hold(node, *(malware(f"{name} {number}") for number in range(count)))
        let_go(node, ids)
    return ids


def pages_of(home: Path) -> int:
    """How many pages the database of a node has."""
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def told(home: Path, kind: LedgerKind) -> list[Any]:
    """The details of each entry of a kind in the ledger of the agreement, in order."""
    with open_node(home, environment={}) as node, node.store.reading() as tx:
        found = next(one for one in list_ledgers(tx) if one.agreement is not None)
        entries = [one.entry for one in entries_between(tx, found.num, 0, found.size)]
    return [one.details for one in entries if one.kind is kind]


def released(home: Path, collection: str) -> list[bytes]:
    """What a sender has released."""
    with open_node(home, environment={}) as node:
        return list(node.exchange.objects(node.collections.find(collection), every_version=True))


class Receiver:
    """A node that subscribes to a sender at a URL, in this process. Its clock may be set."""

    def __init__(
        self, home: Path, pair: Pair, *, connect: Callable[..., Any] = gentle, subscription: str = "", offset: int = 0
    ) -> None:
        self.home = home
        self.offset = offset
        with mock.patch.object(titian.node, "connect", connect):
            self.node = open_node(home, clock=lambda: now_micros() + self.offset, environment={})
        self._pair = pair
        self.subscription = subscription

    def subscribe(self, url: str, **more: Any) -> Self:
        """Begin to pull."""
        register = self.node.agreements.read()
        terms = Terms(
            url=url, remote=self._pair.collection, title="", agreement=register.agreement(AGREEMENT).id, party="",
            every=SECOND,
        )  # fmt: skip
        made = self.node.subscribe.subscribe(
            ANALYST, msgspec.structs.replace(terms, **more), self._pair.key, register.directory,
            self.node.collections.receiving,
        )  # fmt: skip
        self.subscription = made.id
        return self

    def run(self) -> Ran:
        """Pull once; it must not be in other hands."""
        ran = self.node.subscribe.run(self.subscription)
        assert ran is not None, "somebody else has it in hand"
        return ran

    @property
    def progress(self) -> Progress:
        return self.node.subscribe.find(self.subscription).progress

    def held(self) -> list[bytes]:
        """Every version of every object that was taken in, in order."""
        number = self.node.subscribe.find(self.subscription).collection
        found = next(one.collection for one in self.node.collections.list() if one.collection.num == number)
        return list(self.node.exchange.objects(found, every_version=True))

    def quarantine(self) -> list[Quarantined]:
        return self.node.arrive.quarantine(limit=10_000)

    def evidence(self) -> list[Any]:
        """Proofs against ledgers that are kept."""
        return list(self.node.peer_ledgers.evidence())

    def adds_up(self) -> None:
        """Whatever happened: everything that was read is somewhere, and nothing twice."""
        now = self.progress
        assert now.read == now.accepted + now.known + now.quarantined
        ids = [json.loads(raw)["id"] for raw in self.held()]
        assert len(ids) == len(set(ids))
        assert now.accepted == len(ids)

    def close(self) -> None:
        self.node.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


NewReceiver = Callable[..., Receiver]


@contextmanager
def receivers(pair: Pair, url: str, folder: Path) -> Iterator[NewReceiver]:
    """Give what makes receivers that have subscribed at a URL, each its own, and have pulled nothing yet."""
    made: list[Receiver] = []

    def make(limits: Limits = LIMITS, url: str = url, **terms: Any) -> Receiver:
        own = pair.with_receiver(folder / str(len(made)))
        made.append(Receiver(own.receiver, own, connect=partial(gentle, limits=limits)))
        return made[-1].subscribe(url, **terms)

    yield make
    for each in made:
        each.close()


class Closer:
    """Closes proxies beside the tests: each takes a moment to end."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4)
        self._closed: list[Future[None]] = []

    def close(self, proxy: Proxy) -> None:
        self._closed.append(self._pool.submit(proxy.close))

    def end(self) -> None:
        """Wait for all of them; each must have ended as it should."""
        self._pool.shutdown()
        for each in self._closed:
            each.result()


class Jobs:
    """Runs jobs of `support/faulty_process.py`, each in a process of its own that may be killed; one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "work"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment(),
        )  # fmt: skip

    def run(self, do: str, *given: Any, **how: Any) -> dict[str, Any]:
        """Do a job. ``at`` kills it at a write, ``offset`` sets its clock, ``pages`` and ``largest`` end its disk."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, "with": [*map(_plain, given)], **how}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the helper has ended (exit status {self._process.poll()})"
        outcome: dict[str, Any] = json.loads(answer)
        assert "crashed" not in outcome, outcome["crashed"]
        return outcome

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(STOP_SECONDS)
        self._process.stdout.close()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


class Sender(Served):
    """A node that `titian serve` serves, with a plan that a test may write: when it dies, how its clock goes."""

    def __init__(self, home: Path) -> None:
        # No command is run on it but `serve`, which is a process anyway.
        super().__init__(home, cast(WarmCli, None))
        self._plan = home.with_name(home.name + ".plan")
        self._plans = 0

    def plan(self, **what: int) -> None:
        """``at``: the write at which the worker is killed; ``offset``: how far its clock is off, in microseconds;
        ``pages``: how many pages its database may have."""
        self._plans += 1
        new = self._plan.with_suffix(".new")
        new.write_text(json.dumps(what | {"number": self._plans}))
        new.replace(self._plan)

    def wait(self, seconds: float = 20.0) -> None:
        """Wait until it answers: a worker that has died is started anew."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                assert answer.status == 200
                return
            time.sleep(0.05)
        raise AssertionError(f"it does not answer any more\n{self.log()[-3000:]}")

    @property
    def planned(self) -> bool:
        """Whether it still waits for the write at which it dies."""
        return self._plan.exists()

    def heal(self) -> None:
        self._plan.unlink(missing_ok=True)

    def serve(self, *options: str, port: int = 0, workers: int | None = None) -> Self:
        command = [sys.executable, str(SCRIPT), "serve", str(self._plan)]
        with mock.patch.object(nodes, "executable", return_value=command):
            super().serve(*options, port=port, workers=workers)
        return self
