"""A node with partners, as the tests of the gate need it: a clock to turn, people, objects, and what each is served."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from support.stix import Object, sdo, text
from titian.core.access import Role
from titian.core.agreement import Agreement
from titian.core.collection import ALL, Collection, Kind, Selection
from titian.core.gate import State
from titian.core.marking import Handling
from titian.core.party import Party, PartyKind
from titian.core.people import Actor, Duty
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.agree import By, Tie
from titian.exchange.mark import Marked, Wish
from titian.exchange.release import Outcome, Preview, Seen
from titian.node import Node, open_node
from titian.setup import init_node
from titian.store.log import objects
from titian.store.view import PartnerView

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
ANALYST = Actor("person-1", "Analyst One", Duty.ANALYST)
RELEASER = Actor("person-2", "Releaser One", Duty.RELEASER)
RELEASER_TWO = Actor("person-3", "Releaser Two", Duty.RELEASER)
AUDITOR = Actor("person-4", "Auditor One", Duty.AUDITOR)
ADMINISTRATOR = Actor("person-5", "Administrator One", Duty.ADMINISTRATOR)
BY = By(person=ADMINISTRATOR.id, why="as agreed")

OWN = "identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
PARTIES = {"japan": "JP", "russia": "RU", "brunei": "BN"}
"""The partners of a bench by alias, with their countries; each has one key."""


def party_id(alias: str) -> str:
    """The identifier of one of a bench's parties."""
    return f"identity--{uuid.uuid5(uuid.NAMESPACE_DNS, alias + '.example')}"


class Clock:
    """Microseconds since the Unix epoch, as told."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def made(
    kind: str, /, *, by: str | None = OWN, tlp: Tlp | None = None, marks: Iterable[str] = (), **own: Any
) -> Object:
    """A domain object of ours, or of another party, with a TLP and other markings."""
    refs = [*([TLP_IDS[tlp]] if tlp else []), *marks]
    return sdo(kind, **({"created_by_ref": by} if by else {}), **({"object_marking_refs": refs} if refs else {}), **own)


def malware(name: str, **own: Any) -> Object:
    return made("malware", name=name, is_family=False, **own)


def indicator(name: str, **own: Any) -> Object:
    pattern = f"[domain-name:value = '{name.lower().replace(' ', '-')}.example']"
    return made("indicator", name=name, pattern=pattern, pattern_type="stix", valid_from="2026-01-01T00:00:00Z", **own)


def report(name: str, *about: Object, **own: Any) -> Object:
    refs = [one["id"] for one in about]
    return made("report", name=name, published="2026-01-01T00:00:00Z", object_refs=refs, **own)


def link(source: Object, target: Object, kind: str = "related-to", **own: Any) -> Object:
    ends = {"relationship_type": kind, "source_ref": source["id"], "target_ref": target["id"]}
    return made("relationship", **ends, **own)


class Bench:
    """A node with parties, one key of each, and a collection ``Reports``."""

    def __init__(self, node: Node, clock: Clock) -> None:
        self.node = node
        self.clock = clock
        self.secrets: dict[str, str] = {}

    @classmethod
    def set_up(cls, home: Path, clock: Clock, database: str = "") -> Bench:
        """Make the node, and open it."""
        init_node(home, name="Agency", country="ID", identity=OWN, database=database, clock=clock)
        bench = cls(open_node(home, clock=clock, environment={}), clock)
        for alias, country in PARTIES.items():
            bench.add_party(alias, country=country)
        bench.node.collections.add("Reports")
        return bench

    # ── parties and agreements ────────────────────────────────────────────────────────────────────────────

    def add_party(
        self, alias: str, kind: PartyKind = PartyKind.AGENCY, *, ties: Sequence[Tie] = (), **more: Any
    ) -> str:
        """Add a party with a key of its own; returns its identifier."""
        self.node.agreements.add_party(
            Party(id=party_id(alias), name=alias.title(), alias=alias, kind=kind, **more), BY, ties=ties
        )
        if kind is not PartyKind.COMMUNITY:
            self.secrets[alias] = self.node.keys.add(f"{alias} key", Role.READER, party=party_id(alias))[1]
        return party_id(alias)

    def agree(
        self,
        alias: str,
        *partners: str,
        ceiling: str = "amber",
        purposes: Sequence[str] = ("cybercrime", "counter-terrorism"),
        **more: Any,
    ) -> Agreement:
        """Set up an agreement between ourselves and some parties; what else is given stands in its file."""
        lines = {
            "name": alias.title(), "alias": alias, "parties": [OWN, *partners], "purposes": list(purposes),
            "ceiling": ceiling, **more,
        }  # fmt: skip
        file = "\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items())
        return self.node.agreements.add(file.encode(), BY).agreements[0]

    # ── what is held ──────────────────────────────────────────────────────────────────────────────────────

    def hold(self, *values: Object | bytes, into: str = "Reports") -> list[str]:
        """Put objects in; returns their identifiers. None may be refused."""
        raws = [value if isinstance(value, bytes) else text(value) for value in values]
        told = self.node.exchange.hold(raws, self.node.collections.find(into), source="test")
        assert told.rejected == [], told.rejected
        return [json.loads(raw)["id"] for raw in raws]

    def latest(self, identifier: str, where: str = "Reports") -> Object:
        """The latest version that is held of an object."""
        return next(
            one
            for raw in self.node.exchange.objects(self.node.collections.find(where))
            if (one := json.loads(raw))["id"] == identifier
        )

    def mark(self, *references: str, tlp: Tlp | None = None, by: Actor = ANALYST, **handling: Any) -> Marked:
        return self.node.mark.mark(by, references, Wish(tlp=tlp, handling=Handling(**handling)))

    # ── release ───────────────────────────────────────────────────────────────────────────────────────────

    def preview(self, *references: str, to: str, **more: Any) -> Preview:
        return self.node.release.preview(references, to, **more)

    def release(self, *references: str, to: str, **more: Any) -> Outcome:
        """Ask for a release, and have a second person approve it where one must."""
        outcome = self.node.release.request(ANALYST, references, to, **more)
        if outcome.request.state is State.WAITING:
            outcome = self.node.release.approve(RELEASER, outcome.request.id)
        assert outcome.request.state is State.DONE
        return outcome

    # ── what partners see ─────────────────────────────────────────────────────────────────────────────────

    def view(self, alias: str) -> PartnerView:
        found = self.node.partners.view(self.secrets[alias])
        assert found is not None
        return found

    def raw_served(self, alias: str) -> dict[str, list[bytes]]:
        """Every version of every object that a party is served, as bytes, in each collection that it sees."""
        view = self.view(alias)
        everything = Selection(versions=ALL, limit=100_000)
        return {
            one.collection.id: view.read(one.collection.id, lambda there: [*objects(there.page(everything))])
            for one in view.collections()
            if one.can_read
        }

    def served(self, alias: str) -> dict[str, Object]:
        """The latest version of everything that a party is served, by identifier."""
        found: dict[str, Object] = {}
        for raws in self.raw_served(alias).values():
            for raw in raws:
                value = json.loads(raw)
                known = found.get(value["id"])
                if known is None or known.get("modified", "") < value.get("modified", ""):
                    found[value["id"]] = value
        return found

    def names(self, alias: str) -> set[str]:
        """The names of what a party is served, of what has one. Identities are left out: they come along."""
        return {one["name"] for one in self.served(alias).values() if "name" in one and one["type"] != "identity"}

    def released(self) -> list[Collection]:
        """The collections that releases write into."""
        return [one.collection for one in self.node.collections.list() if one.collection.kind is Kind.RELEASED]

    def close(self) -> None:
        self.node.close()


def promised(bench: Bench, seen: Seen, references: Sequence[str]) -> dict[str, bytes]:
    """What a preview says that a party will see: the bytes of each object, by its identifier."""
    with bench.node.release._gate.reading() as session:
        held = session.find([*seen.projection.released, *references])
        return {seen.projection.released.get(source, source): raw for source, raw in seen.projection.objects(held)}


def benches(tmp_path: Path, new_url: Callable[[], str] | None = None) -> Iterator[Callable[[], Bench]]:
    """Makes benches for a fixture, and closes them at its end; on SQLite in their homes without ``new_url``."""
    opened: list[Bench] = []

    def make() -> Bench:
        url = "" if new_url is None else new_url()
        opened.append(Bench.set_up(tmp_path / f"bench{len(opened)}", Clock(), url))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def text_of(value: Any) -> str:
    """JSON of anything, for looking whether a word is in it."""
    return json.dumps(value, default=str, ensure_ascii=False)
