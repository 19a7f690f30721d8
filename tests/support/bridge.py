"""Nodes of several parties in one folder that share an agreement as it is shipped, and exchange over HTTP.

In this process at clocks of their own (:class:`Bridge`), each behind its application, with whatever a test does to what
one of them answers; or one of them as the process that `titian serve` starts (:meth:`Peer.serve`).
"""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Self
from unittest.mock import patch

import httpx
import structlog
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from litestar.testing import TestClient

from support.gate import NOW, SECOND, Clock
from support.nodes import Node as Process
from support.nodes import WarmCli
from support.stix import Object, sdo, text
from titian.cli.demo_story import public_parties
from titian.core.access import Role
from titian.core.agreement import Agreement
from titian.core.checkpoint import Checkpoint, sign_checkpoint
from titian.core.collection import Kind
from titian.core.gate import State
from titian.core.marking import Handling
from titian.core.merkle import TreeHead
from titian.core.notes import SignatureType
from titian.core.people import Actor, Duty
from titian.core.signing import NamedSigner
from titian.core.signing import Role as SigningRole
from titian.core.subscription import Subscription, Terms
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.agree import By
from titian.exchange.mark import Wish
from titian.exchange.public_agreements import public_agreements
from titian.exchange.subscribe import Ran
from titian.node import Node, open_node
from titian.settings import FILE
from titian.setup import init_node
from titian.store.ledger import Ledger, find_ledger
from titian.store.peer_ledgers import Evidence
from titian.web.app import create_app
from titian.wire.ledger_client import LedgerClient
from titian.wire.peer_link import POLLING, PeerLink
from titian.wire.taxii_client import TaxiiClient

AGREEMENT: Final = "asean-japan-cybersecurity"
A, B, C = "bnpt", "mofa-japan", "singapore"
"""The parties of the nodes of a bridge, and so their names here."""
ANALYST: Final = Actor("person-1", "Analyst One", Duty.ANALYST)
RELEASER: Final = Actor("person-2", "Releaser One", Duty.RELEASER)
_BY: Final = By(person="local:test", why="as agreed")
_FIRST_PORT: Final = 9001

Tamper = Callable[[httpx.Request, httpx.Response], httpx.Response | None]
"""Is shown what a node answers; returns what is answered in its place, or None."""


_parties = cache(public_parties)


def _id(alias: str) -> str:
    """The identifier of a party, as it is shipped."""
    found = _parties()[alias].id
    assert found is not None
    return found


class _Idle:
    """In the place of a thread that works by the clock of the machine."""

    def __init__(self, node: Node) -> None:
        pass

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


class Peer:
    """One node: its home, its clock, and the face that others see. It is open until it is closed."""

    def __init__(self, alias: str, home: Path, clock: Callable[[], int]) -> None:
        self.alias = alias
        self.home = home
        self.clock = clock
        self.party = _parties()[alias]
        self.id = _id(alias)
        self.tamper: Tamper | None = None
        self.asked: list[str] = []
        """Method and path of everything that others have asked of it."""
        self.url = ""
        fresh = not home.exists()
        if fresh:
            init_node(home, name=self.party.name, country=self.party.country or "", identity=self.id, clock=clock)
            # Nobody looks at pages here, and a third of a second is saved for each node.
            with (home / FILE).open("a", encoding="utf-8") as settings:
                settings.write("console = false\n")
        self.node = self._opened()
        if fresh:
            self.node.agreements.add(public_agreements()[AGREEMENT].encode(), _BY)
            self.node.collections.add("Reports")
        self._reports = self.node.collections.find("Reports")
        self._listens = False
        self._face: ExitStack | None = None
        self._opened_client: TestClient[Any] | None = None
        self._port = 0

    def _opened(self) -> Node:
        return open_node(self.home, clock=self.clock, environment={})

    # ── what happens on it ────────────────────────────────────────────────────────────────────────────────

    @property
    def agreement(self) -> Agreement:
        return self.node.agreements.read().agreement(AGREEMENT)

    def made(self, *names: str, **own: Any) -> list[Object]:
        """New objects of its own, TLP:GREEN."""
        marks = {"created_by_ref": self.id, "object_marking_refs": [TLP_IDS[Tlp.GREEN]]}
        return [sdo("malware", name=name, is_family=False, **(marks | own)) for name in names]

    def hold(self, *objects: Object) -> list[str]:
        told = self.node.exchange.hold([text(one) for one in objects], self._reports, source="test")
        assert told.rejected == [], told.rejected
        return [one["id"] for one in objects]

    def release(self, *names: str, to: Iterable[str] = (B,)) -> list[str]:
        """Make objects of these names and release them to parties; their identifiers."""
        ids = self.hold(*self.made(*names))
        self.release_ids(ids, to=to)
        return ids

    def release_ids(self, ids: Iterable[str], *, to: Iterable[str] = (B,)) -> None:
        parties = [_id(alias) for alias in to]
        done = self.node.release.request(ANALYST, list(ids), AGREEMENT, parties=parties)
        if done.request.state is State.WAITING:
            done = self.node.release.approve(RELEASER, done.request.id)
        assert done.request.state is State.DONE

    def withdraw(self, *ids: str) -> None:
        """Take objects back from everybody, by a marking that stops them."""
        self.node.mark.mark(ANALYST, list(ids), Wish(tlp=Tlp.RED, handling=Handling()))

    def key_for(self, other: Peer) -> str:
        """A key for the party of another node."""
        return self.node.keys.add(f"{other.alias} {len(self.node.keys.list()) + 1}", Role.READER, party=other.id)[1]

    def released_to(self, other: Peer) -> str:
        """The id of the collection of what is released to a party."""
        return next(
            one.collection.id
            for one in self.node.collections.list()
            if one.collection.kind is Kind.RELEASED and one.collection.party == other.id
        )

    def ledger(self, agreement: str | None = "") -> Ledger:
        """The ledger of the agreement, or with None the private one."""
        wanted = self.agreement.id if agreement == "" else agreement
        with self.node.store.reading() as tx:
            found = find_ledger(tx, wanted)
        assert found is not None
        return found

    def halted(self) -> str | None:
        return self.ledger().halted

    def evidence(self) -> list[Evidence]:
        return self.node.peer_ledgers.evidence()

    def sign(self, head: TreeHead, origin: str | None = None) -> bytes:
        """Sign a head with the node's own log key: whoever has the machine has that."""
        named = origin or self.ledger().origin
        secret = self.node.signing.signers(None, SigningRole.LOG, self.clock())[0]
        signer = NamedSigner(named, SignatureType.ED25519, secret)
        return sign_checkpoint(Checkpoint(named, head.size, head.root), signer).encode()

    # ── behind its back ───────────────────────────────────────────────────────────────────────────────────

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Change or read the database behind the node's back."""
        connection = sqlite3.connect(self.home / "titian.db", timeout=10)
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def snapshot(self) -> bytes:
        """The database as it is now, for :meth:`put_back`."""
        connection = sqlite3.connect(self.home / "titian.db", timeout=10)
        try:
            return connection.serialize()
        finally:
            connection.close()

    @contextmanager
    def stopped(self) -> Iterator[Path]:
        """Stop the node while its files are changed, and start it again: its home."""
        serving, opened = self._listens, self._face is not None
        self._close_face()
        self.node.close()
        try:
            yield self.home
        finally:
            self.node = self._opened()
            if serving:
                self.open_face(at_once=opened)

    def put_back(self, database: bytes) -> None:
        """Put an older database in the place of the present one."""
        with self.stopped() as home:
            for name in ("titian.db", "titian.db-wal", "titian.db-shm"):
                (home / name).unlink(missing_ok=True)
            (home / "titian.db").write_bytes(database)

    # ── what others see of it ─────────────────────────────────────────────────────────────────────────────

    def open_face(self, *, at_once: bool = True) -> None:
        """Put the node behind its application, without the threads that work by the clock of the machine.

        If not at once, then when it is first asked: an application is half a second of work.
        """
        self._close_face()
        self._listens = True
        if at_once:
            self._open_application()

    def _open_application(self) -> None:
        logs = structlog.get_config()
        with ExitStack() as stack:
            stack.callback(lambda: structlog.configure(**logs))
            with (
                patch("titian.web.app.open_node", lambda home: self._opened()),
                patch("titian.web.app.PendingWorker", _Idle),
                patch("titian.web.app.Subscriber", _Idle),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore", LitestarDeprecationWarning)
                app: Any = create_app(self.home)
                client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
                self._opened_client = stack.enter_context(client)
            self._face = stack.pop_all()

    @property
    def _client(self) -> TestClient[Any] | None:
        """Who asks the application; None while nobody listens."""
        if self._listens and self._face is None:
            self._open_application()
        return self._opened_client

    def _close_face(self) -> None:
        self._listens = False
        face, self._face, self._opened_client = self._face, None, None
        if face is not None:
            face.close()

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What the node answers to a request of another."""
        client = self._client
        if client is None:
            raise httpx.ConnectError("nobody listens", request=request)
        path = request.url.raw_path.decode()
        self.asked.append(f"{request.method} {path}")
        headers = [(name, value) for name, value in request.headers.items() if name != "host"]
        given = client.request(request.method, path, headers=headers, content=request.content)
        headers = [(n, v) for n, v in given.headers.items() if n not in ("content-encoding", "content-length")]
        answer = httpx.Response(given.status_code, headers=headers, content=given.content, request=request)
        changed = None if self.tamper is None else self.tamper(request, answer)
        return answer if changed is None else changed

    def ask(self, path: str, key: str | None, method: str = "GET", **options: Any) -> httpx.Response:
        """Ask the node something by hand; nothing is changed on the way."""
        assert self._client is not None
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
        headers |= options.pop("headers", {})
        answer: httpx.Response = self._client.request(method, path, headers=headers, **options)
        return answer

    @contextmanager
    def serve(self, cli: WarmCli, *, workers: int = 1) -> Iterator[Process]:
        """Serve it by `titian serve` on a port of loopback: then its clock is that of the machine."""
        process = Process(self.home, cli, workers=workers)
        url = self.url
        try:
            self.url = process.serve(port=self._port).url
            # Whoever has subscribed comes to the same place when it is served again.
            self._port = process.port
            yield process
        finally:
            self.url = url
            process.stop()

    def close(self) -> None:
        self._close_face()
        self.node.close()


class Bridge:
    """Nodes of several parties; each is reached under an address of its own, in this process.

    A folder that has their homes already, such as a copy of another bridge's, is opened as it is.
    """

    def __init__(self, folder: Path, *aliases: str, clock: Callable[[], int] | None = None) -> None:
        self.folder = folder
        self.clock = clock or Clock(NOW)
        self.peers: dict[str, Peer] = {}
        self._ports: dict[int, Peer] = {}
        for number, alias in enumerate(aliases or (A, B)):
            peer = Peer(alias, folder / alias, self.clock)
            peer.url = f"http://127.0.0.1:{_FIRST_PORT + number}/"
            self.peers[alias] = self._ports[_FIRST_PORT + number] = peer
            peer.node.subscribe._connect = self.connect
            # The first is the one that sends, and whose files a test may change: its application sees that happen.
            peer.open_face(at_once=number == 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self.peers.values():
            peer.close()

    @property
    def a(self) -> Peer:
        return self.peers[A]

    @property
    def b(self) -> Peer:
        return self.peers[B]

    @property
    def c(self) -> Peer:
        return self.peers[C]

    def later(self, seconds: float = 1) -> None:
        """Let time pass on every node that has the clock of the bridge."""
        assert isinstance(self.clock, Clock)
        self.clock.now += int(seconds * SECOND)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._ports[request.url.port or 0].answer(request)

    @contextmanager
    def client(self, url: str, key: str) -> Iterator[TaxiiClient]:
        """A client for one of the nodes."""
        port = httpx.URL(url).port
        transport = httpx.MockTransport(self._answer) if port in self._ports else None
        with TaxiiClient(
            url, key=key, allow_private={"127.0.0.1"}, limits=POLLING, transport=transport, sleep=lambda _: None
        ) as client:
            yield client

    @contextmanager
    def connect(self, terms: Terms, key: str) -> Iterator[PeerLink]:
        """How subscriptions reach the others."""
        with self.client(terms.url, key) as client:
            yield PeerLink(client, terms.remote)

    def subscribe(self, reader: Peer, sender: Peer, **terms: Any) -> Subscription:
        """Subscribe one node to what another has released to it; something has to be released already."""
        reader.node.subscribe._connect = self.connect
        asked = Terms(
            url=sender.url, remote=sender.released_to(reader), title="", agreement=reader.agreement.id, party="",
            every=SECOND, **terms,
        )  # fmt: skip
        directory = reader.node.agreements.read().directory
        receiving = reader.node.collections.receiving
        return reader.node.subscribe.subscribe(ANALYST, asked, sender.key_for(reader), directory, receiving)

    def pull(self, reader: Peer, subscription: Subscription | None = None, *, seconds: float = 1) -> Ran:
        """Let time pass, and have a node pull: the only subscription that it has, if none is named."""
        if isinstance(self.clock, Clock):
            self.later(seconds)
        reader.node.subscribe._connect = self.connect
        found = subscription or reader.node.subscribe.list()[0]
        ran = reader.node.subscribe.run(found.id)
        assert ran is not None
        return ran

    @contextmanager
    def reading(self, reader: Peer, sender: Peer) -> Iterator[LedgerClient]:
        """The ledger of the agreement of one node as another reads it."""
        subscription = next(s for s in reader.node.subscribe.list() if s.terms.party == sender.id)
        secret = reader.node.subscribe._book.secret(subscription.id)
        with self.client(sender.url, secret) as client:
            yield LedgerClient(client, sender.ledger().id)

    def verify(self, reader: Peer, sender: Peer, others: Iterable[bytes] = ()) -> str | None:
        """What verifying the whole ledger of one node from another finds, or None."""
        origin = sender.ledger().origin
        peer = reader.node.peer_ledgers.get(origin)
        assert peer is not None, "it was never checked"
        with self.reading(reader, sender) as ledger:
            found = reader.node.witness.verify(ledger, peer, others=others)
        return None if found is None else found.what


def on(path: str, change: Callable[[bytes], bytes]) -> Tamper:
    """Change the body of every answer whose path has this in it."""

    def tamper(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if path not in request.url.raw_path.decode() or response.status_code != 200:
            return None
        kept = [(n, v) for n, v in response.headers.items() if n != "content-length"]
        return httpx.Response(200, headers=kept, content=change(response.content), request=request)

    return tamper


def changed_json(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """The same for a body of JSON."""
    return lambda body: json.dumps(change(json.loads(body))).encode()
