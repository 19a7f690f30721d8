"""Variants of a world that differ only in what its reader may not see. No pytest in here: benchmarks use it too."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from support.graphs import (
    AGREEMENT,
    CLEAR,
    COMMUNITY,
    DEFINITIONS,
    EXPIRED,
    FRIEND,
    KINDS,
    OTHERS,
    OWN,
    READER,
    SHUT_MARKS,
    SHUT_PARTS,
    STATEMENT,
    STRANGER,
    SURELY_SHUT_PARTS,
    TO_MORE,
    TO_MORE_UNTIL,
    TO_OTHERS,
    UNNAMED,
    UNTIL,
    Maker,
    Object,
    Path,
    World,
)  # fmt: skip
from titian.core.party import Membership, Party, PartyKind

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
        self.maker = Maker(rng)
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
                kept.insert(self.rng.randint(0, len(kept)), DEFINITIONS[mark])
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
                    part["marking_ref"] = self.rng.choice(SURELY_SHUT_PARTS)
        self.world = self.world.with_definitions(but=self.named)

    def recipients(self) -> None:
        others = {handlings[0]: self.rng.choice(handlings[1:]) for handlings in (TO_MORE, TO_MORE_UNTIL)}
        now = str(self.world.objects)
        renamed = {one: other for one, other in others.items() if other not in now}
        self.world.objects = [
            DEFINITIONS[renamed[one["id"]]] if one["id"] in renamed else _renamed(one, renamed)
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
