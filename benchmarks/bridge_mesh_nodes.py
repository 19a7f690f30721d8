"""The nodes of the mesh: ten members of ASEAN, Japan and Russia, each subscribed to every other one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, sleep, time
from typing import Any, Final, NamedTuple

import msgspec
import psutil  # type: ignore[import-untyped]

from benchmarks.bridge_bench import ANALYST, RELEASER, BridgeBench, make_home, party_id, subscribe
from benchmarks.client import UnexpectedAnswer
from benchmarks.gate_graph import fixed_id
from benchmarks.processes import Server
from titian.cli.demo_story import public_parties
from titian.core.collection import Collection
from titian.core.gate import State
from titian.core.subscription import Subscription
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.public_agreements import public_agreements
from titian.node import Node, open_node

MEMBERS: Final = (
    "bnpt", "mofa-japan", "mfa-russia", "brunei", "cambodia", "laos", "malaysia", "myanmar", "philippines",
    "singapore", "thailand", "vietnam",
)  # fmt: skip
ALL: Final = "asean-japan-russia"
"""The agreement that all of them share; no such one has been published."""
BILATERAL: Final = {
    "indonesia-japan-terrorism": ("bnpt", "mofa-japan"),
    "indonesia-russia-consultation": ("bnpt", "mfa-russia"),
}
"""Agreements that ship with Titian, and who of the mesh is in them."""
OBJECTS: Final = 3
"""In one release: a malware, an indicator, and the relationship between them."""
_SETTLE: Final = 180.0
_ENCODE: Final = msgspec.json.Encoder().encode
_TOKEN: Final = re.compile(rb"mesh-[0-9]{4}-token")


class Sent(NamedTuple):
    """A release: who released under which agreement, the objects, and from when to when (seconds, wall clock)."""

    number: int
    sender: str
    agreement: str
    ids: tuple[str, ...]
    began: float
    ended: float

    @property
    def token(self) -> str:
        """What stands in each of its objects, and nowhere else."""
        return token(self.number)

    def entitled(self, members: Sequence[str]) -> set[str]:
        """Who has to have it: every other node that is in the agreement."""
        return {one for one in BILATERAL.get(self.agreement, members) if one in members} - {self.sender}


class Found(NamedTuple):
    """An object as a node has it: in which collection, brought by what, and when it was judged (seconds)."""

    id: str
    collection: int
    posted: bool
    judged: float


def token(number: int) -> str:
    """The word of a release."""
    return f"mesh-{number:04d}-token"


class Member:
    """A node of the mesh: its home, opened by this process as a person's shell would, and its server."""

    def __init__(self, alias: str, home: Path, agreements: Sequence[str], server: Callable[[Path], Server]) -> None:
        self.alias = alias
        self.home = home
        make_home(home, alias, agreements)
        self.node: Node = open_node(home, environment={})
        self.own: Collection = self.node.collections.add("Reports")
        self.subscriptions: list[Subscription] = []
        self._serve = server
        self._server: Server | None = None

    def start(self) -> None:
        """Serve."""
        self._server = self._serve(self.home)

    @property
    def server(self) -> Server:
        """The running server."""
        if self._server is None:
            raise UnexpectedAnswer(f"{self.alias} does not serve.")
        return self._server

    def release(self, number: int, agreement: str) -> Sent:
        """Hold and release a few new objects."""
        raws, ids = _objects(number, self.node.record.identity)
        report = self.node.exchange.hold(raws, self.own, source="benchmark")
        if report.added != len(raws):
            raise UnexpectedAnswer(f"{self.alias} does not hold its own objects: {report.rejected}")
        began = time()
        asked = self.node.release.request(ANALYST, ids, agreement)
        if asked.request.state is State.WAITING:
            asked = self.node.release.approve(RELEASER, asked.request.id)
        if asked.request.state is not State.DONE or 0 in asked.added.values() or not asked.added:
            raise UnexpectedAnswer(f"{self.alias} has released nothing under {agreement}: {asked.request.state}")
        return Sent(number, self.alias, agreement, ids, began, time())

    def found(self) -> list[Found]:
        """Every object that has arrived and is held."""
        with self.node.store.reading() as tx:
            rows = tx.all(
                "SELECT e.id, e.collection, a.subscription, a.judged FROM entries e JOIN provenance p "
                "ON p.collection = e.collection AND e.added BETWEEN p.first AND p.last "
                "JOIN arrivals a ON a.num = p.arrival"
            )
        return [Found(row[0], row[1], str(row[2]).startswith("inbox "), row[3] / 1e6) for row in rows]

    def quarantined(self) -> int:
        """How much is in its quarantine."""
        return len(self.node.arrive.quarantine(state=None, limit=100_000))

    def words(self) -> set[str]:
        """The words of every release of which anything lies in its home: database, journal, log."""
        found: set[str] = set()
        for path in self.home.rglob("*"):
            if path.is_file():
                found |= {one.decode() for one in _TOKEN.findall(path.read_bytes())}
        return found

    def settled(self) -> bool:
        """Whether each of its subscriptions has brought something, and the sender's ledger is checked."""
        now = {one.id: one.progress for one in self.node.subscribe.list()}
        return all(now[one.id].accepted and now[one.id].checked is not None for one in self.subscriptions)

    def gaps(self) -> list[str]:
        """What its subscriptions complain of."""
        return [gap.what for one in self.node.subscribe.list() for gap in one.progress.gaps]

    def failed(self) -> int:
        """How many pulls have failed since it started, as its log says."""
        return (self.home / "benchmark-serve.log").read_bytes().count(b"a pull failed")

    def close(self) -> None:
        """Stop serving, and close the node."""
        if self._server is not None:
            self._server.stop()
        self.node.close()


class Mesh:
    """Some of the members, served, each subscribed to every other one under each agreement that they share."""

    def __init__(self, bench: BridgeBench, count: int, every: float) -> None:
        self.names = MEMBERS[:count]
        bench.say(f"set up {count} nodes")
        shared = agreement_text(self.names)
        self.members = {
            alias: Member(alias, bench.folder / f"mesh-{alias}",
                          [shared, *(public_agreements()[one] for one in self.agreements(alias) if one != ALL)],
                          bench.serve)
            for alias in self.names
        }  # fmt: skip
        self.first = [
            member.release(9000 + 10 * number + index, agreement)
            for number, member in enumerate(self.members.values())
            for index, agreement in enumerate(self.agreements(member.alias))
        ]
        """The releases that made the collections there are to subscribe to."""
        for member in self.members.values():
            member.start()
        bench.say("subscribe each to each other")
        for member in self.members.values():
            for agreement in self.agreements(member.alias):
                for other in BILATERAL.get(agreement, self.names):
                    if other != member.alias and other in self.members:
                        sender = self.members[other]
                        made = subscribe(member.node, sender.node, sender.server.target.url, agreement, every)
                        member.subscriptions.append(made)
        bench.say(f"wait until {self.subscriptions} subscriptions have begun")
        until = perf_counter() + _SETTLE
        while not all(member.settled() for member in self.members.values()):
            if perf_counter() > until:
                raise UnexpectedAnswer("The subscriptions of the mesh do not settle.")
            sleep(0.5)

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return sum(len(one.subscriptions) for one in self.members.values())

    def agreements(self, alias: str) -> list[str]:
        """The agreements that a member shares with others of the mesh."""
        inside = [one for one, parties in BILATERAL.items() if alias in parties and set(parties) <= set(self.names)]
        return [ALL, *inside]

    def release(self, number: int) -> Sent:
        """The next one's release: in turn under each of its agreements."""
        sender = self.names[number % len(self.names)]
        mine = self.agreements(sender)
        return self.members[sender].release(number, mine[number // len(self.names) % len(mine)])

    def close(self) -> None:
        """End every node."""
        for member in self.members.values():
            member.close()


def cpu_seconds() -> tuple[float, float]:
    """What this process has used of the processors, and what all that it has started has."""
    own = psutil.Process()
    times = [one.cpu_times() for one in own.children(recursive=True)]
    mine = own.cpu_times()
    return mine.user + mine.system, sum(one.user + one.system for one in times)


def agreement_text(names: Sequence[str]) -> str:
    """The agreement that all share, as a file."""
    lines = [
        f'id = "{fixed_id("agreement", ALL)}"', f'alias = "{ALL}"', 'name = "ASEAN, Japan and Russia"',
        f"parties = {_ENCODE(list(names)).decode()}", 'purposes = ["cyber-defence", "counter-terrorism"]',
        'ceiling = "green"', "four_eyes = false",
    ]  # fmt: skip
    for alias in names:
        who = public_parties()[alias]
        lines += ["[[party]]", f'id = "{who.id}"', f'alias = "{alias}"', f'name = "{who.name}"']
        lines += [f'kind = "{who.kind}"', f'country = "{who.country}"']
    return "\n".join(lines)


def _objects(number: int, own: str) -> tuple[list[bytes], tuple[str, ...]]:
    """What one release consists of, and the identifiers; each object bears the release's word."""
    at, word = "2026-01-01T00:00:00.000Z", token(number)
    pattern = f"[domain-name:value = '{word}.example']"
    ids = tuple(f"{kind}--{uuid.uuid4()}" for kind in ("malware", "indicator", "relationship"))
    common: dict[str, Any] = {
        "spec_version": "2.1", "created_by_ref": own, "created": at, "modified": at,
        "object_marking_refs": [TLP_IDS[Tlp.GREEN]],
    }  # fmt: skip
    made = [
        {"type": "malware", "id": ids[0], **common, "name": word, "is_family": False},
        {"type": "indicator", "id": ids[1], **common, "name": word, "pattern": pattern,
         "pattern_type": "stix", "valid_from": at},
        {"type": "relationship", "id": ids[2], **common, "relationship_type": "indicates", "source_ref": ids[1],
         "target_ref": ids[0], "description": word},
    ]  # fmt: skip
    return [_ENCODE(one) for one in made], ids


__all__ = [
    "ALL",
    "BILATERAL",
    "MEMBERS",
    "OBJECTS",
    "Found",
    "Member",
    "Mesh",
    "Sent",
    "cpu_seconds",
    "party_id",
    "token",
]
