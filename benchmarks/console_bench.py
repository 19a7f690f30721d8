"""What the console's rows share: a node with many objects and some history, thirty people who are signed in, and their
requests, each timed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import msgspec
import psutil  # type: ignore[import-untyped]

from benchmarks import console_search
from benchmarks.bench import Bench, Sizes
from benchmarks.bridge_bench import AGREEMENT, BY, PAIR, approve, party_id, serve
from benchmarks.client import Answer, Session, UnexpectedAnswer
from benchmarks.gate_bench import ANALYST
from benchmarks.processes import Server
from titian.core.login import Start
from titian.core.passwords import Cost
from titian.core.people import Duty, acting_as, local_operator
from titian.core.people import Session as SignedIn
from titian.core.recall_objects import Reason
from titian.core.subscription import DAY
from titian.core.tlp import Tlp
from titian.exchange.mark import Wish
from titian.exchange.public_agreements import public_agreements
from titian.node import Node, open_node
from titian.setup import init_node
from titian.store.people import People

BESIDES: Final = "indonesia-russia-consultation"
_CHEAP: Final = Cost(memory=64, passes=1)
_PASSWORD: Final = secrets.token_urlsafe(16)
_RELEASED: Final = 500
_ASKED: Final = 60


class ConsoleSizes(NamedTuple):
    """How much a run does."""

    objects: int = 1_000_000
    people: int = 30
    asked: int = 60
    """How often each page is asked for."""
    rounds: int = 20
    """How often all people click at once."""
    visits: int = 5
    """How often a browser comes for the first time."""
    shared: Sizes = Sizes()


QUICK: Final = ConsoleSizes(objects=20_000, asked=20, rounds=5, visits=2, shared=Sizes(rounds=2, seconds=0.3, pages=10))


class Places(msgspec.Struct, frozen=True):
    """What the pages are about."""

    objects: tuple[str, ...]
    released: tuple[str, ...]
    requests: tuple[str, ...]
    recall: str
    agreement: str
    dialogue: str
    party: str
    ledger: str


class Served(NamedTuple):
    """A node that serves, and what its processes have used."""

    server: Server
    processes: Sequence[psutil.Process]

    def cpu(self) -> float:
        """Seconds of processor time of all its processes so far."""
        times = (one.cpu_times() for one in self.processes if one.is_running())
        return float(sum(one.user + one.system for one in times))


class Took(NamedTuple):
    """What one page took: seconds of each answer, processor seconds of the node for one, and its compressed size."""

    name: str
    seconds: list[float]
    cpu: float
    size: int

    @property
    def p95(self) -> float:
        """The seconds that 95 of 100 answers stay below."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]


class ConsoleBench(Bench):
    """The run: the node is filled when the first row needs it, or is a copy of one that was filled before."""

    def __init__(
        self, folder: Path, sizes: ConsoleSizes, say: Callable[[str], None], *, filled: Path | None = None
    ) -> None:
        super().__init__(folder, sizes.shared, say)
        self.console = sizes
        self._filled = filled

    @cached_property
    def home(self) -> Path:
        """The home of the node, with its objects held and found, and some history."""
        home = self.folder / "node"
        if self._filled is not None:
            self.say(f"copy {self._filled}")
            shutil.copytree(self._filled, home)
        else:
            init_node(home, name="Benchmark", country="ID")
            with open_node(home, environment={}) as node:
                done = console_search.fill(node, self.console.objects, self.say)
            self.say(f"{done.held_per_second:,.0f} held and {done.indexed_per_second:,.0f} indexed a second")
        return home

    @cached_property
    def places(self) -> Places:
        """What there is besides objects: agreements, releases, requests that wait, a recall."""
        self.say("release, ask, recall")
        with open_node(self.home, environment={}) as node:
            return _story(node, self.console.objects)

    @cached_property
    def people(self) -> dict[str, str]:
        """Cookies of people by name: analysts, a releaser, an auditor, an administrator."""
        _ = self.places
        with open_node(self.home, environment={}) as node:
            people = People(node.store, cost=_CHEAP)
            first = people.add("administrator", Duty.ADMINISTRATOR, by=local_operator("benchmark"), password=_PASSWORD)
            others = {"releaser": Duty.RELEASER, "auditor": Duty.AUDITOR}
            duties = {f"analyst-{number}": Duty.ANALYST for number in range(self.console.people)}
            for name, duty in (duties | others).items():
                people.add(name, duty, by=acting_as(first), password=_PASSWORD)
            sessions = {}
            for name in ("administrator", *duties, *others):
                reached = people.password(Start().named(name), _PASSWORD)
                assert isinstance(reached, SignedIn)
                sessions[name] = reached.token
            return sessions

    @cached_property
    def served(self) -> Served:
        """The node, serving with one worker."""
        _ = self.people
        before = set(psutil.Process().children(recursive=True))
        server = serve(self.home)
        self._ends.callback(server.stop)
        return Served(server, [one for one in psutil.Process().children(recursive=True) if one not in before])

    @property
    def analysts(self) -> list[str]:
        """The cookies of the analysts."""
        return [token for name, token in self.people.items() if name.startswith("analyst")]

    def ask(self, path: str, token: str, connection: Session | None = None) -> Answer:
        """One page as a browser asks for it; anything but 200 is an error."""
        target = self.served.server.target
        opened = connection or Session.open(target)
        try:
            answer = opened.send(request(target.address, path, token))
        finally:
            if connection is None:
                opened.close()
        if answer.status != 200:
            raise UnexpectedAnswer(f"GET {path}: {answer.status} {answer.body[:300]!r}")
        return answer

    def took(self, name: str, paths: Sequence[str], tokens: Sequence[str]) -> Took:
        """Ask for pages one after the other, as many people in turn, so that nobody asks too often."""
        connection = Session.open(self.served.server.target)
        seconds, size = [], 0
        try:
            for path in paths[:3]:
                self.ask(path, tokens[0], connection)
            before = self.served.cpu()
            for number in range(self.console.asked):
                path, token = paths[number % len(paths)], tokens[number % len(tokens)]
                began = perf_counter()
                answer = self.ask(path, token, connection)
                seconds.append(perf_counter() - began)
                size = max(size, len(answer.body))
            return Took(name, seconds, (self.served.cpu() - before) / self.console.asked, size)
        finally:
            connection.close()


def request(address: tuple[str, int], path: str, token: str) -> bytes:
    """The bytes of a browser's request for a page."""
    host, port = address
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/html\r\nAccept-Language: en\r\n"
        f"Accept-Encoding: gzip, br, zstd\r\nSec-Fetch-Site: same-origin\r\nCookie: titian-session={token}\r\n\r\n"
    ).encode()


def _story(node: Node, count: int) -> Places:
    """Under two agreements: objects are released, some requests wait, one release is recalled."""
    own = node.record.identity
    for alias in (AGREEMENT, BESIDES):
        # The node of the benchmark stands in for the agency that these agreements name.
        text = public_agreements()[alias].replace(party_id(PAIR[0]), own)
        node.agreements.add(text.encode(), BY)
    step = console_search.TOLD_EVERY
    told = [msgspec.json.decode(console_search.told(number * step + 7)) for number in range(min(count // step, 2_000))]
    # What needs nothing beside it to be released.
    ids = [one["id"] for one in told if one["type"] in {"indicator", "malware"}]
    node.mark.mark(ANALYST, ids[: _RELEASED + _ASKED], Wish(tlp=Tlp.GREEN))
    for begin in range(0, _RELEASED, 100):
        asked = node.release.request(ANALYST, ids[begin : begin + 100], AGREEMENT, parties=[PAIR[1]])
        approve(node, asked.request.id)
    requests = [
        node.release.request(ANALYST, [one], AGREEMENT, parties=[PAIR[1]], reason="They asked for it.").request.id
        for one in ids[_RELEASED : _RELEASED + _ASKED]
    ]
    recalled = node.recalls.recall(
        ANALYST, ids[:3], reason=Reason.FALSE_POSITIVE, deadline=node.agreements.now() + 3 * DAY, why="A mistake."
    )
    node.sight.sight(ANALYST, ids[10:40], count=2)
    register = node.agreements.read()
    agreement = register.agreement(AGREEMENT)
    return Places(
        objects=tuple(ids), released=tuple(ids[:_RELEASED]), requests=tuple(requests), recall=recalled[0].recall.id,
        agreement=agreement.id, dialogue=agreement.dialogue or "", party=register.party(PAIR[1]).id,
        ledger=str(max(node.ledger_desk.list(), key=lambda one: one.size).id),
    )  # fmt: skip


def shown(took: Mapping[str, Took] | Sequence[Took], many: int = 6) -> str:
    """The slowest pages, for the note of a row."""
    found = list(took.values()) if isinstance(took, Mapping) else list(took)
    slowest = sorted(found, key=lambda one: -one.p95)[:many]
    return ", ".join(f"{one.name} {one.p95 * 1000:,.0f} ms (CPU {one.cpu * 1000:,.0f})" for one in slowest)


__all__ = ["QUICK", "ConsoleBench", "ConsoleSizes", "Places", "Served", "Took", "request", "shown"]
