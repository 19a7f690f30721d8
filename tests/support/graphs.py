"""Small STIX graphs with a policy and a reader, made by hand or at random.

Everything random follows from a seed. No pytest in here: benchmarks use it too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from titian.core.agreement import Agreement, Consent
from titian.core.copying import Shown
from titian.core.marking import Attribution, Handling, handling_definition
from titian.core.party import Directory, Membership, Party, PartyKind
from titian.core.projection import Projection, project
from titian.core.release import Terms, terms_for
from titian.core.stix import Timestamp
from titian.core.survey import Held, Survey
from titian.core.tlp import TLP_1_DEFINITIONS, TLP_1_IDS, TLP_DEFINITIONS, TLP_IDS, Tlp

Object = dict[str, Any]
Path = tuple[str | int, ...]

KEY = b"the node's own secret for copies"
DAY = 86_400_000_000
NOW = Timestamp.parse("2026-06-01T00:00:00Z").micros


def fixed_uuid(name: str) -> str:
    """A version 4 UUID that follows from a name."""
    return _uuid(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big"))


def _uuid(bits: int) -> str:
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


def party_id(name: str) -> str:
    """The identity of a party of these tests."""
    return f"identity--{fixed_uuid(name)}"


OWN, READER, FRIEND, STRANGER = map(party_id, ("own", "reader", "friend", "stranger"))
OTHERS = tuple(map(party_id, ("other one", "other two", "other three")))
COMMUNITY = party_id("community")
AGREEMENT = f"agreement--{fixed_uuid('agreement')}"
CLEAR, GREEN, AMBER, STRICT, RED = (TLP_IDS[level] for level in Tlp)
UNKNOWN = f"marking-definition--{fixed_uuid('unknown marking')}"
CASE_EXTENSION = f"extension-definition--{fixed_uuid('x-case')}"
LATER, LAST, PAST = "2026-07-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"


_SCOS = frozenset({"ipv4-addr", "file", "directory", "network-traffic", "process", "email-addr", "email-message"})


class Memory:
    """A graph in memory. ``reads`` counts the objects that were read from it by identifier."""

    def __init__(self, held: Iterable[Held]) -> None:
        self.held = {one.id: one for one in held}
        self.places = {identifier: place for place, identifier in enumerate(self.held)}
        self.reads = 0

    def __iter__(self) -> Iterator[Held]:
        return iter(self.held.values())

    def read(self, identifiers: Collection[str]) -> Iterator[Held]:
        """Those that are in it, in its order."""
        found = sorted(frozenset(identifiers) & self.held.keys(), key=self.places.__getitem__)
        self.reads += len(found)
        return (self.held[identifier] for identifier in found)


DEFINITIONS: dict[str, Object] = {}
"""The marking definitions of this page, by identifier. Nobody changes them."""


def definition(raw: bytes) -> str:
    """Remember a marking definition, so that :meth:`World.with_definitions` finds it; return its identifier."""
    made: Object = msgspec.json.decode(raw)
    DEFINITIONS[made["id"]] = made
    return str(made["id"])


def make(kind: str, called: str, *marks: str, **properties: Any) -> Object:
    """An object by hand: its identifier follows from what it is called, and without markings it bears GREEN."""
    made: Object = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{fixed_uuid(called)}"}
    if kind not in _SCOS:
        made |= {"created": PAST, "modified": PAST}
    if kind in ("tool", "identity", "location", "report"):
        made["name"] = called
    if kind == "report":
        made["published"] = PAST
    return made | {"object_marking_refs": list(marks or (GREEN,))} | properties


def handling(**said: Any) -> str:
    """The identifier of a handling."""
    return definition(handling_definition(Handling(**said))[1])


def statement(text: str) -> str:
    """The identifier of a statement marking."""
    head = {"type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{fixed_uuid(text)}"}
    body = {"created": PAST, "definition_type": "statement", "definition": {"statement": text}}
    return definition(msgspec.json.encode(head | body))


for _raw in (*TLP_DEFINITIONS.values(), *TLP_1_DEFINITIONS.values()):
    definition(_raw)
STATEMENT = statement("Copyright Agency One")
TO_READER = handling(releasable_to=(READER,))
TO_MORE = (
    *(handling(releasable_to=(READER, other)) for other in OTHERS),
    handling(releasable_to=(READER, *OTHERS)),
    handling(releasable_to=(*OTHERS, READER, OWN)),
)
"""Handlings that name others besides the reader: which, the reader may not know."""
TO_MORE_UNTIL = tuple(handling(releasable_to=(READER, other), expires=LAST) for other in OTHERS)
TO_FRIEND_TOO = handling(releasable_to=(READER, FRIEND))
TO_OTHERS = handling(releasable_to=OTHERS)
UNNAMED = handling(attribution=Attribution.MUST_NOT)
NAMED = handling(attribution=Attribution.MUST)
UNTIL = handling(expires=LATER)
UNTIL_LAST = handling(expires=LAST)
EXPIRED = handling(expires=PAST)
TRAFFICKING = handling(purposes=("trafficking",))
CYBERCRIME = handling(purposes=("cybercrime", "trafficking"), expires=LAST)

OPEN_MARKS: tuple[tuple[str, ...], ...] = (
    (CLEAR,), (CLEAR,), (GREEN,), (TLP_1_IDS[Tlp.CLEAR],), (CLEAR, STATEMENT), (GREEN, TO_READER), (CLEAR, TO_MORE[0]),
    (GREEN, TO_MORE[0]), (CLEAR, TO_MORE_UNTIL[0]), (CLEAR, UNNAMED), (GREEN, UNNAMED), (CLEAR, UNTIL),
    (GREEN, UNTIL_LAST), (CLEAR, CYBERCRIME), (CLEAR, STATEMENT, UNTIL_LAST), (CLEAR, NAMED), (AMBER,),
)  # fmt: skip
"""Under these an object of our own goes out, unless the ceiling or another marking is against it."""
SHUT_MARKS: tuple[tuple[str, ...], ...] = (
    (), (RED,), (UNKNOWN,), (CLEAR, TO_OTHERS), (CLEAR, EXPIRED), (CLEAR, TRAFFICKING), (GREEN, UNKNOWN),
    (RED, STATEMENT), (CLEAR, TO_FRIEND_TOO, TO_OTHERS),
)  # fmt: skip
"""Under these nothing goes to the reader, whatever else holds."""
OPEN_PARTS = (CLEAR, GREEN, STATEMENT, TO_READER, TO_MORE[0], UNTIL, UNTIL_LAST, UNNAMED)
SURELY_SHUT_PARTS = (UNKNOWN, TO_OTHERS, EXPIRED, TRAFFICKING)
SHUT_PARTS = (*SURELY_SHUT_PARTS, RED)
"""The last goes to those whom another marking names, where the agreement carries it."""


@dataclasses.dataclass
class World:
    """A graph, a policy and a reader: all that a projection is made of."""

    objects: list[Object]
    directory: Directory
    received: dict[str, str] = dataclasses.field(default_factory=dict)
    escaped: frozenset[str] = frozenset()
    support: frozenset[str] = frozenset()
    outside: dict[str, str] = dataclasses.field(default_factory=dict)
    consents: tuple[Consent, ...] = ()
    purposes: frozenset[str] | None = None
    reader: str = READER
    at: int = NOW
    shown: Shown = dataclasses.field(default_factory=Shown)

    def raw(self, thing: Object) -> bytes:
        """An object's bytes. Some are written with escapes, which say the same."""
        raw = msgspec.json.encode(thing)
        return raw.replace(b"--", b"\\u002d-") if thing["id"] in self.escaped else raw

    def graph(self) -> Memory:
        """The objects as they are held."""
        return Memory(Held(one["id"], self.raw(one), self.received.get(one["id"])) for one in self.objects)

    def terms(self) -> Terms:
        """For whom it is projected, under what."""
        agreement = self.directory.agreements[AGREEMENT]
        return terms_for(self.directory, agreement, self.reader, purposes=self.purposes, at=self.at)

    def project(self, graph: Memory | None = None) -> tuple[Projection, Memory]:
        """The projection, and the graph that it was made of."""
        graph = graph or self.graph()
        shown = msgspec.structs.replace(self.shown, outside=self.outside)
        made = project(
            Survey(graph), graph, self.terms(), key=KEY, consents=self.consents, shown=shown, support=self.support
        )
        return made, graph

    def with_definitions(self, but: str = "") -> World:
        """The same with the definitions of every marking in it, as far as they are known, in front; without those
        that ``but`` names."""
        held = {one["id"] for one in self.objects}
        named = {mark for one in self.objects for mark in marks_of(one)}
        more = [mark for mark in sorted(named - held - _WELL_KNOWN) if mark in DEFINITIONS and mark not in but]
        return dataclasses.replace(self, objects=[*map(DEFINITIONS.__getitem__, more), *self.objects])


_WELL_KNOWN = frozenset({*TLP_IDS.values(), *TLP_1_IDS.values()})


def marks_of(thing: Object) -> list[str]:
    """The markings of an object and of its parts."""
    parts = [part["marking_ref"] for part in thing.get("granular_markings", ()) if "marking_ref" in part]
    return [*thing.get("object_marking_refs", ()), *parts]


Outcome = tuple[tuple[tuple[str, bytes], ...], tuple[str, ...], tuple[tuple[str, int], ...]]


def outcome(world: World) -> Outcome:
    """All that the reader gets to see of a projection: what goes out, in order; what it is called; when it ends."""
    projection, graph = world.project()
    emitted = tuple((msgspec.json.decode(raw)["id"], raw) for _, raw in projection.objects(graph))
    ends = tuple(sorted((projection.released[i], end) for i, end in projection.ends.items()))
    return emitted, tuple(projection.released.values()), ends


def directory(
    *, ceiling: Tlp = Tlp.AMBER, memberships: Sequence[Membership] = (), stops: int | None = None
) -> Directory:
    """Our node, the reader and a friend in one community; a stranger in none; more where it is asked for."""
    kinds = {OWN: "ID", READER: "JP", FRIEND: "SG", STRANGER: "BR"} | dict.fromkeys(OTHERS, "FR")
    parties = {
        i: Party(id=i, name=f"Party {n}", kind=PartyKind.AGENCY, country=country)
        for n, (i, country) in enumerate(kinds.items())
    }
    parties[COMMUNITY] = Party(id=COMMUNITY, name="Community", kind=PartyKind.COMMUNITY)
    members = [Membership(id=f"relationship--{i[10:]}", member=i, of=COMMUNITY) for i in (OWN, READER, FRIEND)]
    agreement = Agreement(
        id=AGREEMENT, name="The agreement", parties=frozenset({OWN, READER}),
        purposes=frozenset({"cyber-defence", "cybercrime"}), ceiling=ceiling, starts=0, stops=stops,
    )  # fmt: skip
    return Directory(
        own=OWN, parties=parties, memberships=(*members, *memberships), agreements={AGREEMENT: agreement},
    )  # fmt: skip


# ── one random world ──────────────────────────────────────────────────────────────────────────────────────

KINDS = (
    "tool", "malware", "identity", "ipv4-addr", "file", "directory", "network-traffic", "process", "report", "note",
    "observed-data", "relationship", "relationship", "sighting", "language-content", "x-case", "malware-analysis",
)  # fmt: skip
_NO_ENDS = frozenset({"relationship", "sighting", "marking-definition", "language-content"})
_WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")
_CEILINGS = (Tlp.GREEN, Tlp.AMBER, Tlp.AMBER, Tlp.RED)
_DIRECTORIES = {level: directory(ceiling=level) for level in Tlp}


class Maker:
    """Makes random objects that refer to one another: to what is in ``pool``, by type, and sometimes to nothing."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.random = rng.random
        self.pool: dict[str, list[str]] = {}

    def new_id(self, kind: str) -> str:
        """An identifier that nothing bears."""
        return f"{kind}--{_uuid(self.rng.getrandbits(128))}"

    def maybe(self, chance: float) -> bool:
        """True that often."""
        return self.random() < chance

    def word(self) -> str:
        """A short text that names nothing."""
        return f"{self.rng.choice(_WORDS)} {self.rng.getrandbits(16)}"

    def ref(self, *kinds: str) -> str:
        """One of these types: mostly one that is at hand, else one that nobody holds."""
        known = [one for kind in kinds for one in self.pool.get(kind, ())]
        return self.new_id(self.rng.choice(kinds)) if not known or self.maybe(0.08) else self.rng.choice(known)

    def refs(self, *kinds: str) -> list[str]:
        """One to four of them."""
        return list(dict.fromkeys(self.ref(*kinds) for _ in range(self.rng.randint(1, 4))))

    def any_ref(self) -> str:
        """Anything."""
        return self.ref(*self.pool) if self.pool else self.new_id("tool")

    def text(self) -> str:
        """A text, which may name something; or something of the same UUID and another type."""
        text = self.word()
        if self.maybe(0.2):
            named = self.any_ref()
            if self.maybe(0.15):
                named = "campaign--" + named.partition("--")[2]
            text = f"{text}, see {named}."
        return text

    def body(self, kind: str) -> Object:
        """What is particular to a type."""
        anything = [one for one in self.pool if one not in _NO_ENDS] or ["tool"]
        match kind:
            case "tool" | "identity":
                return {"name": self.text()}
            case "malware":
                refs = {"sample_refs": self.refs("file")} if self.maybe(0.5) else {}
                return {"is_family": False, "name": self.text(), **refs}
            case "ipv4-addr":
                return {"value": f"198.51.100.{self.rng.getrandbits(8)}"}
            case "file":
                within = {"parent_directory_ref": self.ref("directory")} if self.maybe(0.5) else {}
                return {"name": self.word(), "size": self.rng.getrandbits(10), **within}
            case "directory":
                inside = {"contains_refs": self.refs("file", "directory")} if self.maybe(0.6) else {}
                return {"path": self.word(), **inside}
            case "network-traffic":
                ends = {end: self.ref("ipv4-addr") for end in ("src_ref", "dst_ref")[: self.rng.randint(1, 2)]}
                return {"protocols": ["tcp"], "src_byte_count": self.rng.getrandbits(9), **ends}
            case "process":
                parent: Object = {"parent_ref": self.ref("process")} if self.maybe(0.7) else {"pid": 7}
                return parent | ({"child_refs": self.refs("process")} if self.maybe(0.3) else {})
            case "report":
                return {"name": self.text(), "published": PAST, "object_refs": self.refs(*anything)}
            case "note":
                return {"content": self.text(), "object_refs": self.refs(*self.pool)}
            case "observed-data":
                seen = {"first_observed": PAST, "last_observed": PAST, "number_observed": 1}
                return seen | {"object_refs": self.refs(*_SCOS)}
            case "relationship":
                ends = {"source_ref": self.ref(*anything), "target_ref": self.ref(*anything)}
                return {"relationship_type": "related-to", **ends}
            case "sighting":
                where = {"where_sighted_refs": self.refs("identity")} if self.maybe(0.7) else {}
                return {"sighting_of_ref": self.ref("tool", "malware", "report", "x-case"), "count": 3, **where}
            case "language-content":
                translated = {"name": self.word(), "description": self.word()}
                return {"object_ref": self.ref(*self.pool), "contents": {"id": translated}}
            case "x-case":
                body = {"extensions": {CASE_EXTENSION: {"extension_type": "new-sdo"}}, "title": self.text()}
                body |= {"lead_ref": self.ref(*anything)} if self.maybe(0.6) else {}
                return body | ({"item_refs": self.refs(*anything)} if self.maybe(0.5) else {})
            case _:
                made: Object = {"product": self.word()} | ({"result": "malicious"} if self.maybe(0.5) else {})
                if "result" not in made or self.maybe(0.5):
                    made["analysis_sco_refs"] = self.refs("file", "malware-analysis")
                return made

    def thing(self, identifier: str, marks: tuple[str, ...]) -> Object:
        """One object, with a marking."""
        kind = identifier.partition("--")[0]
        made: Object = {"type": kind, "spec_version": "2.1", "id": identifier}
        if kind not in _SCOS:
            created = f"2026-01-{self.rng.randint(10, 28)}T00:00:00.000Z"
            made |= {"created": created, "modified": created}
            if self.maybe(0.6):
                made["created_by_ref"] = self.rng.choice((OWN, OWN, FRIEND, STRANGER, self.ref("identity")))
        made |= self.body(kind)
        if kind in ("tool", "malware", "report", "sighting", "relationship", "identity") and self.maybe(0.5):
            made["description"] = self.text()
        if kind in ("tool", "malware", "report") and self.maybe(0.3):
            made["labels"] = [self.word() for _ in range(self.rng.randint(1, 3))]
        if kind in ("tool", "malware") and self.maybe(0.3):
            made["external_references"] = [
                {"source_name": name, "description": self.text(), "external_id": "CVE-2026-0001"}
                for name in self.rng.sample(("cve", "Agency report", "Blog", "capec"), self.rng.randint(1, 3))
            ]
        if kind == "malware" and self.maybe(0.1):
            made["x_scores"] = {self.any_ref(): 5, "all": 7}
        if marks:
            made["object_marking_refs"] = list(marks)
        if self.maybe(0.3):
            self.mark_parts(made)
        return made

    def mark_parts(self, made: Object) -> None:
        """Mark one to three parts, some so that they may not go, some inside of others."""
        unnamed = UNNAMED in made.get("object_marking_refs", ())
        names = [name for name in _MARKABLE if name in made and not (unnamed and name == "external_references")]
        parts = []
        for name in self.rng.sample(names, min(len(names), self.rng.randint(1, 3))):
            mark = self.rng.choice(SHUT_PARTS if self.maybe(0.5) else OPEN_PARTS)
            if mark == UNNAMED and "external_references" in names:
                mark = STATEMENT
            chosen = [name]
            if isinstance(made[name], list) and self.maybe(0.5):
                chosen = [f"{name}.[{self.rng.randrange(len(made[name]))}]"]
            if name == "contents":
                chosen = ["contents.id.description"]
            if name == "external_references" and self.maybe(0.3):
                inside = {"marking_ref": self.rng.choice(OPEN_PARTS[:-1]), "selectors": [f"{name}.[0].description"]}
                parts.append(inside)
            parts.append({"marking_ref": mark, "selectors": chosen})
        if parts:
            made["granular_markings"] = parts


_MARKABLE = (
    "description", "labels", "external_references", "sample_refs", "name", "object_refs", "contents", "size",
    "src_byte_count", "contains_refs", "title", "count", "child_refs", "analysis_sco_refs", "x_scores",
)  # fmt: skip


def world(seed: int) -> World:
    """A small graph under a policy: three to twelve objects, with the definitions of their markings."""
    rng = random.Random(seed)
    maker = Maker(rng)
    kinds = [rng.choice(KINDS) for _ in range(rng.randint(3, 12))]
    ids = [maker.new_id(kind) for kind in kinds]
    if maker.maybe(0.5):
        ids += [FRIEND, OWN][: rng.randint(1, 2)]
    outside: dict[str, str] = {}
    if maker.maybe(0.3):
        for kind in rng.sample(("tool", "file", "identity"), 2):
            known = maker.new_id(kind)
            outside[known] = maker.new_id(kind) if maker.maybe(0.4) else known
    for identifier in (*ids, *outside, STATEMENT, TO_MORE[0]):
        if identifier not in (STATEMENT, TO_MORE[0]) or maker.maybe(0.1):
            maker.pool.setdefault(identifier.partition("--")[0], []).append(identifier)
    objects = [maker.thing(one, rng.choice(SHUT_MARKS if maker.maybe(0.25) else OPEN_MARKS)) for one in ids]
    received = {one: rng.choice((FRIEND, STRANGER)) for one in ids if maker.maybe(0.15)}
    made = World(
        objects, _DIRECTORIES[rng.choice(_CEILINGS)], received,
        escaped=frozenset(one for one in ids if maker.maybe(0.1)),
        support=frozenset(one for one in ids if one.startswith("identity--") and maker.maybe(0.4)),
        outside=outside,
    ).with_definitions()  # fmt: skip
    named = {mark for one in made.objects for mark in marks_of(one)}
    if CLEAR in named and maker.maybe(0.3):
        made.objects.append(DEFINITIONS[CLEAR])
    rng.shuffle(made.objects)
    return made
