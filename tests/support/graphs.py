"""Random STIX graphs with a policy and a reader, and variants that differ only in what the reader may not see.

Everything follows from a seed. No pytest in here: benchmarks use it too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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


class Memory:
    """A graph in memory. ``reads`` counts the objects that were read from it by identifier."""

    def __init__(self, held: Iterable[Held]) -> None:
        self.held = {one.id: one for one in held}
        self.reads = 0

    def __iter__(self) -> Iterator[Held]:
        return iter(self.held.values())

    def read(self, identifiers: Collection[str]) -> Iterator[Held]:
        """Those that are in it, in its order."""
        wanted = frozenset(identifiers)
        for identifier, held in self.held.items():
            if identifier in wanted:
                self.reads += 1
                yield held


_DEFINITIONS: dict[str, Object] = {}


def definition(raw: bytes) -> str:
    """Remember a marking definition, so that :meth:`World.with_definitions` finds it; return its identifier."""
    made: Object = msgspec.json.decode(raw)
    _DEFINITIONS[made["id"]] = made
    return str(made["id"])


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
_SURELY_SHUT_PARTS = (UNKNOWN, TO_OTHERS, EXPIRED, TRAFFICKING)
SHUT_PARTS = (*_SURELY_SHUT_PARTS, RED)
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
    shown: Shown = Shown()

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
        more = [_DEFINITIONS[mark] for mark in sorted(named - held - _WELL_KNOWN) if mark in _DEFINITIONS and mark not in but]
        return dataclasses.replace(self, objects=[*more, *self.objects])


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
    *, ceiling: Tlp = Tlp.AMBER, extra: Sequence[Party] = (), memberships: Sequence[Membership] = (), stops: int | None = None
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
        id=AGREEMENT, name="The agreement", parties=frozenset({OWN, READER, *(one.id for one in extra)}),
        purposes=frozenset({"cyber-defence", "cybercrime"}), ceiling=ceiling, starts=0, stops=stops,
    )  # fmt: skip
    return Directory(
        own=OWN, parties=parties | {one.id: one for one in extra}, memberships=(*members, *memberships),
        agreements={AGREEMENT: agreement},
    )  # fmt: skip


# ── one random world ──────────────────────────────────────────────────────────────────────────────────────

KINDS = (
    "tool", "malware", "identity", "ipv4-addr", "file", "directory", "network-traffic", "process", "report", "note",
    "observed-data", "relationship", "relationship", "sighting", "language-content", "x-case", "malware-analysis",
)  # fmt: skip
_SCOS = frozenset({"ipv4-addr", "file", "directory", "network-traffic", "process"})
_WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")
_CEILINGS = (Tlp.GREEN, Tlp.AMBER, Tlp.AMBER, Tlp.RED)
_DIRECTORIES = {level: directory(ceiling=level) for level in Tlp}


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.random = rng.random
        self.pool: dict[str, list[str]] = {}

    def new_id(self, kind: str) -> str:
        return f"{kind}--{_uuid(self.rng.getrandbits(128))}"

    def maybe(self, chance: float) -> bool:
        return self.random() < chance

    def word(self) -> str:
        return f"{self.rng.choice(_WORDS)} {self.rng.getrandbits(16)}"

    def ref(self, *kinds: str) -> str:
        """One of these types: mostly one that is at hand, else one that nobody holds."""
        known = [one for kind in kinds for one in self.pool.get(kind, ())]
        return self.new_id(self.rng.choice(kinds)) if not known or self.maybe(0.08) else self.rng.choice(known)

    def refs(self, *kinds: str) -> list[str]:
        return list(dict.fromkeys(self.ref(*kinds) for _ in range(self.rng.randint(1, 4))))

    def any_ref(self) -> str:
        return self.ref(*self.pool) if self.pool else self.new_id("tool")

    def text(self) -> str:
        text = self.word()
        if self.maybe(0.2):
            named = self.any_ref()
            if self.maybe(0.15):
                named = "campaign--" + named.partition("--")[2]
            text = f"{text}, see {named}."
        return text

    def body(self, kind: str) -> Object:
        """What is particular to a type."""
        things = [one for one in self.pool if one not in ("relationship", "sighting", "marking-definition", "language-content")]
        anything = things or ["tool"]
        match kind:
            case "tool" | "identity":
                return {"name": self.text()}
            case "malware":
                refs = {"sample_refs": self.refs("file")} if self.maybe(0.5) else {}
                return {"is_family": False, "name": self.text(), **refs}
            case "ipv4-addr":
                return {"value": f"198.51.100.{self.rng.getrandbits(8)}"}
            case "file":
                parent = {"parent_directory_ref": self.ref("directory")} if self.maybe(0.5) else {}
                return {"name": self.word(), "size": self.rng.getrandbits(10), **parent}
            case "directory":
                inside = {"contains_refs": self.refs("file", "directory")} if self.maybe(0.6) else {}
                return {"path": self.word(), **inside}
            case "network-traffic":
                ends = {end: self.ref("ipv4-addr") for end in ("src_ref", "dst_ref")[: self.rng.randint(1, 2)]}
                return {"protocols": ["tcp"], "src_byte_count": self.rng.getrandbits(9), **ends}
            case "process":
                parent = {"parent_ref": self.ref("process")} if self.maybe(0.7) else {"pid": 7}
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
                result = {"result": "malicious"} if self.maybe(0.5) else {}
                if not result or self.maybe(0.5):
                    result["analysis_sco_refs"] = self.refs("file", "malware-analysis")  # type: ignore[assignment]
                return {"product": self.word(), **result}

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
                parts.append({"marking_ref": self.rng.choice(OPEN_PARTS[:-1]), "selectors": [f"{name}.[0].description"]})
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
    maker = _Maker(rng)
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
    objects = [
        maker.thing(one, rng.choice(SHUT_MARKS if maker.maybe(0.25) else OPEN_MARKS)) for one in ids
    ]
    received = {one: rng.choice((FRIEND, STRANGER)) for one in ids if maker.maybe(0.15)}
    made = World(
        objects, _DIRECTORIES[rng.choice(_CEILINGS)], received,
        escaped=frozenset(one for one in ids if maker.maybe(0.1)),
        support=frozenset(one for one in ids if one.startswith("identity--") and maker.maybe(0.4)),
        outside=outside,
    ).with_definitions()  # fmt: skip
    named = {mark for one in made.objects for mark in marks_of(one)}
    if CLEAR in named and maker.maybe(0.3):
        made.objects.append(_DEFINITIONS[CLEAR])
    rng.shuffle(made.objects)
    return made


# ── variants that differ only in what the reader may not see ──────────────────────────────────────────────

HIDDEN = ("values", "objects", "references", "markings", "recipients", "sources", "directory")
"""What may differ between the two worlds of a pair: see :func:`vary`."""
_FIXED = frozenset({OWN, READER, FRIEND, STRANGER, *OTHERS})


def vary(
    world: World, seed: int, withheld: Collection[str], cuts: Mapping[str, Collection[Path]], kinds: Collection[str]
) -> World:
    """A world that the reader cannot tell from this one.

    ``withheld`` and ``cuts`` tell what this reader may not see, ``kinds`` (of :data:`HIDDEN`) what shall differ:

    - values: of properties that are taken out of what goes;
    - objects: withheld ones say something else, are gone, or are joined by more, related to whatever there is;
    - references: from what goes to what does not: to which, and in lists how many, though never none;
    - markings: which of those that withhold withholds it, whole or in part;
    - recipients: whom else the handlings name that name the reader and others;
    - sources: who created or sent what goes without naming its source;
    - directory: parties, communities and memberships that the reader has no part in.
    """
    objects = msgspec.json.decode(msgspec.json.encode(world.objects))
    made = dataclasses.replace(world, objects=objects, received=dict(world.received))
    variant = _Variant(made, random.Random(seed + (1 << 64)), frozenset(withheld), cuts)
    for kind in HIDDEN:
        if kind in kinds:
            getattr(variant, kind)()
    return variant.world


class _Variant:
    def __init__(
        self, world: World, rng: random.Random, withheld: frozenset[str], cuts: Mapping[str, Collection[Path]]
    ) -> None:
        self.world = world
        self.rng = rng
        self.maker = _Maker(rng)
        self.withheld = withheld
        self.cuts = cuts
        # What something names and nobody holds must stay so: holding it would be no secret.
        self.named = str(world.objects)
        for one in world.objects:
            self.maker.pool.setdefault(one["type"], []).append(one["id"])

    def visible(self) -> Iterator[Object]:
        return (one for one in self.world.objects if one["id"] not in self.withheld)

    def values(self) -> None:
        for one in self.visible():
            for path in self.cuts.get(one["id"], ()):
                *way, last = path
                place: Any = one
                for step in way:
                    place = place[step]
                place[last] = self.other(place[last])

    def other(self, value: Any) -> Any:
        """Another value in its place, and in lists another number of them."""
        if isinstance(value, str):
            kind, dashes, _ = value.partition("--")
            return self.maker.ref(kind) if dashes and " " not in value else self.maker.text()
        if isinstance(value, list):
            return [self.other(value[0]) for _ in range(self.rng.randint(1, 4))]
        if isinstance(value, dict):
            return {name: self.other(item) for name, item in value.items()}
        return self.rng.getrandbits(8)

    def shut(self, one: Object) -> bool:
        """Whether its markings alone withhold it, whatever else it says."""
        return tuple(one.get("object_marking_refs", ())) in SHUT_MARKS and one["type"] != "marking-definition"

    def objects(self) -> None:
        kept = []
        for one in self.world.objects:
            if not (one["id"] in self.withheld and self.shut(one)):
                kept.append(one)
            elif self.maker.maybe(0.6):
                kept.append(self.maker.thing(one["id"], tuple(one.get("object_marking_refs", ()))))
        for _ in range(self.rng.randint(0, 3)):
            identifier = self.maker.new_id(self.rng.choice(KINDS))
            kept.insert(self.rng.randint(0, len(kept)), self.maker.thing(identifier, self.rng.choice(SHUT_MARKS)))
            self.maker.pool.setdefault(identifier.partition("--")[0], []).append(identifier)
        for mark in (STATEMENT, TO_OTHERS, EXPIRED, UNTIL, TO_MORE[2]):
            if mark not in self.named and self.maker.maybe(0.2):
                kept.insert(self.rng.randint(0, len(kept)), _DEFINITIONS[mark])
        self.world.objects = kept

    def references(self) -> None:
        known = {one["id"] for one in self.world.objects} | self.world.outside.keys()
        hidden = {
            one for one in self.withheld if not one.startswith("marking-definition--") and one not in _FIXED
        }  # fmt: skip
        creators = {one.get("created_by_ref") for one in self.world.objects}
        renamed = {one: self.maker.new_id(one.partition("--")[0]) for one in sorted(hidden - creators)}
        self.world.objects = [_renamed(one, renamed) for one in self.world.objects]
        self.world.received = {renamed.get(one, one): sender for one, sender in self.world.received.items()}
        self.world.escaped = frozenset(renamed.get(one, one) for one in self.world.escaped)
        self.world.support = frozenset(renamed.get(one, one) for one in self.world.support)
        self.withheld |= frozenset(renamed.values())
        for one in self.visible():
            refs = one.get("object_refs", [])
            gone = [ref for ref in refs if ref in self.withheld or (ref not in known and ref not in renamed.values())]
            if gone and "granular_markings" not in one:
                more = [self.maker.new_id(gone[0].partition("--")[0]) for _ in range(self.rng.randint(0, 3))]
                for ref in more:
                    refs.insert(self.rng.randint(0, len(refs)), ref)

    def is_cut(self, one: Object, part: Object) -> bool:
        """Whether a part of a visible object is withheld for its marking."""
        cuts = {".".join(f"[{s}]" if isinstance(s, int) else s for s in path) for path in self.cuts.get(one["id"], ())}
        return part["marking_ref"] in SHUT_PARTS and cuts.issuperset(part["selectors"])

    def markings(self) -> None:
        for one in self.world.objects:
            if one["id"] in self.withheld and self.shut(one):
                one.pop("object_marking_refs", None)
                if marks := self.rng.choice(SHUT_MARKS):
                    one["object_marking_refs"] = list(marks)
            for part in one.get("granular_markings", ()):
                if self.is_cut(one, part):
                    part["marking_ref"] = self.rng.choice(_SURELY_SHUT_PARTS)
        self.world = self.world.with_definitions(but=self.named)

    def recipients(self) -> None:
        others = {handlings[0]: self.rng.choice(handlings[1:]) for handlings in (TO_MORE, TO_MORE_UNTIL)}
        now = str(self.world.objects)
        renamed = {one: other for one, other in others.items() if other not in now}
        self.world.objects = [
            _DEFINITIONS[renamed[one["id"]]] if one["id"] in renamed else _renamed(one, renamed)
            for one in self.world.objects
        ]

    def sources(self) -> None:
        for one in self.visible():
            marks = one.get("object_marking_refs", [])
            # CLEAR asks for no consent, so that who it came from decides nothing.
            parts = "granular_markings" in one
            if CLEAR not in marks or parts or one["type"] == "marking-definition":
                continue
            if self.maker.maybe(0.5):
                self.world.received[one["id"]] = self.rng.choice((FRIEND, STRANGER))
            if UNNAMED in marks and one.get("created_by_ref", OWN) != OWN:
                one["created_by_ref"] = self.rng.choice((FRIEND, STRANGER, self.maker.new_id("identity")))

    def directory(self) -> None:
        known = self.world.directory
        fresh = [
            Party(id=self.maker.new_id("identity"), name=self.maker.word(), kind=kind, country="FR")
            for kind in self.rng.sample((PartyKind.AGENCY, PartyKind.COMPANY, PartyKind.NGO, PartyKind.COMMUNITY), 3)
        ]
        more = [
            Membership(
                id=self.maker.new_id("relationship"), member=self.rng.choice(fresh).id,
                of=self.rng.choice((COMMUNITY, OWN, READER, *(one.id for one in fresh))), client=self.maker.maybe(0.5),
                hidden=self.maker.maybe(0.5),
            )
            for _ in range(self.rng.randint(0, 4))
        ]  # fmt: skip
        agreement = known.agreements[AGREEMENT]
        wider = msgspec.structs.replace(agreement, parties=agreement.parties | {one.id for one in fresh})
        self.world.directory = msgspec.structs.replace(
            known, parties=known.parties | {one.id: one for one in fresh}, memberships=(*known.memberships, *more),
            agreements=known.agreements | {AGREEMENT: wider},
        )  # fmt: skip


def _renamed(thing: Object, names: Mapping[str, str]) -> Object:
    raw = msgspec.json.encode(thing)
    for old, new in names.items():
        raw = raw.replace(old.encode(), new.encode())
    made: Object = msgspec.json.decode(raw)
    return made
