"""What a reader may see of a graph, slowly and plainly: whole objects, looked at again and again until nothing changes.

Written from what the projection promises, not from how it does it. It takes the release rules and the meaning of
markings for granted; they have tests of their own. Identifiers of copies it cannot know: it says which objects bear
another one, and reads that one from the projection.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from support.graphs import Memory, Object, Path, World, marks_of
from titian.core.marking import HANDLING_EXTENSION, Handling, Marking, handling_definition, read_definition, well_known
from titian.core.projection import Projection
from titian.core.release import THE_GATE, Case, Withheld
from titian.core.stix import SCO_TYPES, SDO_TYPES, SRO_TYPES, examine

_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]*--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STANDARD = SDO_TYPES | SRO_TYPES | SCO_TYPES | {"marking-definition", "language-content", "extension-definition"}
_ALWAYS = {"type", "id", "spec_version", "created", "modified", "revoked", "object_marking_refs", "granular_markings"}
_REQUIRED = {
    "tool": {"name"}, "identity": {"name"}, "malware": {"is_family"}, "report": {"name", "published", "object_refs"},
    "note": {"content", "object_refs"}, "observed-data": {"first_observed", "last_observed", "number_observed"},
    "relationship": {"relationship_type", "source_ref", "target_ref"}, "sighting": {"sighting_of_ref"},
    "language-content": {"object_ref", "contents"}, "malware-analysis": {"product"},
}  # fmt: skip
_IN_THE_ID = {
    "ipv4-addr": {"value"}, "directory": {"path"}, "file": {"hashes", "name", "parent_directory_ref", "extensions"},
    "network-traffic": {"start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions"},
}  # fmt: skip
_ENDS = {
    "relationship": ("source_ref", "target_ref"), "sighting": ("sighting_of_ref",), "language-content": ("object_ref",),
    "network-traffic": ("src_ref", "dst_ref"), "file": ("parent_directory_ref",), "email-message": ("from_ref",),
}  # fmt: skip
_SOME = {"sighting": "where_sighted_refs"} | dict.fromkeys(
    ("report", "note", "opinion", "grouping", "observed-data"), "object_refs"
)
_CATALOGUES = {"cve", "cwe", "capec", "nvd", "mitre-attack", "mitre-ics-attack", "mitre-mobile-attack"}
_RECIPIENTS = ("extensions", HANDLING_EXTENSION, "releasable_to")
_GONE = object()


@dataclasses.dataclass
class Seen:
    """What goes out: ``objects`` by the identifier they are held under, as they would read if every copy kept it;
    ``changed`` are the copies, ``replaced`` the handlings made for this reader; ``withheld`` says why, roughly."""

    objects: dict[str, Object]
    changed: set[str]
    replaced: dict[str, tuple[str, bytes]]
    withheld: dict[str, str]
    cuts: dict[str, set[Path]]
    ends: dict[str, int]


def identifiers(value: Any) -> Iterator[str]:
    """Every identifier in a value: in keys, as values, inside texts."""
    if isinstance(value, str):
        yield from _IDENTIFIER.findall(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _IDENTIFIER.findall(name)
            yield from identifiers(item)
    elif isinstance(value, list):
        for item in value:
            yield from identifiers(item)


def see(world: World) -> Seen:
    """Work out what goes out to a world's reader."""
    return _Oracle(world).see()


class _Oracle:
    def __init__(self, world: World) -> None:
        self.world = world
        self.terms = world.terms()
        self.objects: dict[str, Object] = {one["id"]: json.loads(world.raw(one)) for one in world.objects}
        self.meanings = {
            i: read_definition(json.dumps(one).encode())
            for i, one in self.objects.items()
            if one["type"] == "marking-definition"
        }
        self.withheld: dict[str, str] = {}
        self.cuts: dict[str, set[Path]] = {}
        self.unnamed: set[str] = set()
        self.replaced: dict[str, tuple[str, bytes]] = {}
        self.moved: dict[str, dict[Path, Path]] = {}

    def see(self) -> Seen:
        for identifier, thing in self.objects.items():
            why = self.decide(thing)
            if why is not None:
                self.withheld[identifier] = why
        outside = self.world.outside
        for identifier, thing in self.objects.items():
            ref = thing.get("object_ref")
            if thing["type"] == "language-content" and ref not in self.objects and outside.get(ref, ref) != ref:
                self.withheld.setdefault(identifier, "reference")
        self.replace_handlings()
        self.settle()
        idle = self.idle()
        self.withheld |= dict.fromkeys(idle, "unused")
        bodies = {
            i: self.take(one) for i, one in self.objects.items() if i not in self.withheld and i not in self.replaced
        }
        self.replaced = {i: made for i, made in self.replaced.items() if i not in self.withheld}
        return Seen(
            bodies, self.copies(bodies), self.replaced, self.withheld,
            {i: cut for i, cut in self.cuts.items() if i not in self.withheld},
            {i: end for i, body in bodies.items() if (end := self.end(body)) is not None},
        )  # fmt: skip

    # ── decisions ──

    def meaning(self, marks: list[str]) -> Marking:
        found = Marking()
        for mark in marks:
            found = found.join(self.meanings.get(mark) or well_known(mark) or Marking(unknown=frozenset({mark})))
        return found

    def ask(self, thing: Object, marks: list[str]) -> str | None:
        sender = self.world.received.get(thing["id"])
        creator = thing.get("created_by_ref")
        originator = sender if creator in (None, self.terms.own) else creator
        consented = originator is not None and any(
            one.covers(thing["id"], originator, self.terms.agreement.id, self.terms.at) for one in self.world.consents
        )
        personal = thing["type"] in ("email-addr", "user-account") or thing.get("identity_class") == "individual"
        case = Case(marking=self.meaning(marks), originator=originator, consented=consented, personal=personal)
        answer = THE_GATE.decide(case, self.terms)
        return answer.rule if isinstance(answer, Withheld) else None

    def decide(self, thing: Object) -> str | None:
        marks = thing.get("object_marking_refs", [])
        if thing["type"] == "marking-definition" and not marks:
            return None
        if (why := self.ask(thing, marks)) is not None:
            return why
        if not self.meaning(marks).names_source:
            self.unnamed.add(thing["id"])
        cuts: set[Path] = set()
        for part in thing.get("granular_markings", []):
            if "marking_ref" not in part:
                continue
            both = [*marks, part["marking_ref"]]
            if not self.meaning(both).names_source:
                self.unnamed.add(thing["id"])
            if self.ask(thing, both) is not None:
                cuts |= {_path(selector) for selector in part["selectors"]}
        if cuts:
            kind = thing["type"]
            contributing = _IN_THE_ID.get(kind, set())
            whole = _ALWAYS | _REQUIRED.get(kind, set()) | contributing
            for path in cuts:
                if kind not in _STANDARD or path[0] in contributing or (len(path) == 1 and path[0] in whole):
                    return "granular-marking"
                if path[0] in _ALWAYS:
                    return "granular-marking"
            self.cuts[thing["id"]] = cuts
        return None

    def replace_handlings(self) -> None:
        for identifier, thing in self.objects.items():
            said = thing.get("extensions", {}).get(HANDLING_EXTENSION, {}) if identifier in self.meanings else {}
            named = set(said.get("releasable_to", ()))
            if identifier in self.withheld or named <= self.terms.names | {self.terms.own}:
                continue
            ours = {name: value for name, value in said.items() if name != "extension_type"}
            ours["releasable_to"] = sorted(named & self.terms.names)
            self.replaced[identifier] = handling_definition(Handling(**ours))

    # ── what stands ──

    def visible(self, identifier: str) -> bool:
        if identifier in self.objects:
            return identifier not in self.withheld
        known = identifier in self.world.outside or well_known(identifier) is not None
        return known or identifier.startswith("extension-definition--")

    def settle(self) -> None:
        """Take away what cannot stand, until everything that is left does."""
        while falling := {
            i: why
            for i, thing in self.objects.items()
            if i not in self.withheld and (why := self.falls(thing)) is not None
        }:
            self.withheld |= falling

    def falls(self, thing: Object) -> str | None:
        ends = [thing[name] for name in _ENDS.get(thing["type"], ()) if name in thing]
        if thing["type"] not in _STANDARD:
            ends = [v for n, v in thing.items() if n.endswith("_ref") and n != "created_by_ref"]
        some = thing.get(_SOME.get(thing["type"], ""), [])
        if not all(map(self.visible, [*ends, *thing.get("object_marking_refs", [])])):
            return "reference"
        if some and not any(map(self.visible, some)):
            return "reference"
        body = self.take(thing)
        return "redaction" if body != thing and examine(json.dumps(body).encode()).violations else None

    def idle(self) -> set[str]:
        """Definitions and support that nothing which goes names."""
        waiting = {i for i in self.objects if i.startswith("marking-definition--") or i in self.world.support}
        waiting -= self.withheld.keys()
        named: set[str] = set()
        for identifier, thing in self.objects.items():
            if identifier not in waiting and identifier not in self.withheld:
                named.update(identifiers(self.take(thing)))
        while found := waiting & named:
            waiting -= found
            for identifier in found - self.replaced.keys():
                named.update(identifiers(self.take(self.objects[identifier])))
        return waiting

    # ── what is left of an object ──

    def take(self, thing: Object) -> Object:
        """An object without what may not go."""
        cuts = set(self.cuts.get(thing["id"], ()))
        if thing["type"] == "language-content":
            gone = {path[0] for path in self.cuts.get(thing["object_ref"], ())}
            gone |= {"external_references"} if thing["object_ref"] in self.unnamed else set()
            cuts |= {
                ("contents", language, name)
                for language, said in thing["contents"].items()
                for name in said
                if name in gone
            }
        moved: dict[Path, Path] = {}
        plain = {name: value for name, value in thing.items() if name not in ("granular_markings", "created_by_ref")}
        body: Object = self.without(plain, cuts, (), (), moved)
        creator = thing.get("created_by_ref")
        if creator is not None:
            moved[("created_by_ref",)] = ("created_by_ref",)
        if creator == self.terms.own:
            if thing["id"] not in self.unnamed:
                body["created_by_ref"] = creator
        elif creator is not None:
            hidden = thing["id"] in self.unnamed or not self.visible(creator)
            body["created_by_ref"] = self.terms.own if hidden else creator
        if thing["id"] in self.unnamed and "external_references" in body:
            public = [one for one in body.pop("external_references") if one["source_name"] in _CATALOGUES]
            body |= {"external_references": public} if public else {}
        parts = []
        for part in thing.get("granular_markings", []):
            left = [_selector(moved[path]) for one in part["selectors"] if (path := _path(one)) in moved]
            if left:
                parts.append(part | {"selectors": left})
        return body | ({"granular_markings": parts} if parts else {})

    def without(self, value: Any, cuts: set[Path], path: Path, new: Path, moved: dict[Path, Path]) -> Any:
        if path in cuts:
            return _GONE
        if path == _RECIPIENTS:
            # These are names of whom it may go to, not references to objects.
            moved[path] = new
            return value
        if isinstance(value, str) and path != ("id",):
            if _IDENTIFIER.fullmatch(value):
                value = value if self.visible(value) else _GONE
            else:
                value = _IDENTIFIER.sub(lambda found: found[0] if self.visible(found[0]) else "[withheld]", value)
        elif isinstance(value, (dict, list)):
            kept: Any = type(value)()
            for step, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(step, str) and not all(map(self.visible, identifiers(step))):
                    continue
                place = step if isinstance(value, dict) else len(kept)
                made = self.without(item, cuts, (*path, step), (*new, place), moved)
                if made is _GONE:
                    continue
                if isinstance(value, dict):
                    kept[step] = made
                else:
                    kept.append(made)
            value = _GONE if value and not kept else kept
        if value is not _GONE:
            moved[path] = new
        return value

    # ── copies, ends ──

    def copies(self, bodies: Mapping[str, Object]) -> set[str]:
        """What reads otherwise than it is held, and all that names something which bears another identifier."""
        named = {i: set(identifiers(body)) - {i} for i, body in bodies.items()}
        renamed = {i for i, shown in self.world.outside.items() if i != shown and i not in self.objects}
        renamed |= self.replaced.keys()
        copies = {i for i, body in bodies.items() if body != self.objects[i] or i in self.unnamed}
        while more := {i for i in bodies if i not in copies and named[i] & (copies | renamed)}:
            copies |= more
        return copies

    def end(self, body: Object) -> int | None:
        ends = [self.meaning([mark]).expires for mark in marks_of(body)]
        return min((one for one in ends if one is not None), default=None)


def _path(selector: str) -> Path:
    return tuple(int(step[1:-1]) if step.startswith("[") else step for step in selector.split("."))


def _selector(path: Path) -> str:
    return ".".join(f"[{step}]" if isinstance(step, int) else step for step in path)


# ── comparing ─────────────────────────────────────────────────────────────────────────────────────────────


def disagreements(world: World, projection: Projection, graph: Memory) -> list[str]:
    """Every way in which a projection is not what it should be, in words."""
    seen = see(world)
    emitted = list(projection.objects(graph))
    wrong = list(_reasons(seen, projection)) + list(_order(seen, projection, emitted))
    names = dict(world.outside) | {i: name for i, (name, _) in seen.replaced.items()} | dict(projection.released)
    for source, raw in emitted:
        made = json.loads(raw)
        if source not in seen.objects:
            continue
        others = {one for one, name in names.items() if one != name}
        want = _once(_renamed(seen.objects[source], names), renamed=bool(others & {*marks_of(seen.objects[source])}))
        if source not in seen.changed:
            if raw != graph.held[source].raw:
                wrong.append(f"{source} should go as it is held")
            continue
        if made["id"] == source or made["id"] != projection.released[source]:
            wrong.append(f"{source} should go under an identifier of its own")
        if made != want:
            wrong.append(f"{source} should read {json.dumps(want)}, reads {json.dumps(made)}")
        if examine(raw).violations:
            wrong.append(f"{source} breaks STIX: {examine(raw).violations}")
    return wrong + [f"{what} leaks" for what in leaks(world, seen, [raw for _, raw in emitted])]


def _reasons(seen: Seen, projection: Projection) -> Iterator[str]:
    if set(projection.changed) != seen.changed:
        yield f"copies should be {sorted(seen.changed)}, are {sorted(projection.changed)}"
    if projection.ends != seen.ends:
        yield f"ends should be {seen.ends}, are {dict(projection.ends)}"
    if {i: set(paths) for i, paths in projection.cuts.items()} != seen.cuts:
        yield f"cuts should be {seen.cuts}, are {dict(projection.cuts)}"
    for identifier in projection.withheld.keys() | seen.withheld.keys():
        why = projection.withheld[identifier].rule if identifier in projection.withheld else None
        due = seen.withheld.get(identifier)
        # Where a list runs empty both by markings and by references, either may be said.
        either = {"reference", "redaction"} | (
            {"granular-marking"} if identifier.partition("--")[0] in _SOME else set()
        )
        if why != due and not {why, due} <= either:
            yield f"{identifier} should be {due}, is {why}"


def _order(seen: Seen, projection: Projection, emitted: list[tuple[str, bytes]]) -> Iterator[str]:
    first, last = ("marking-definition", "extension-definition", "identity"), ("relationship", "sighting")
    rank = dict.fromkeys(first, 0) | dict.fromkeys(last, 2)
    due = sorted(seen.objects, key=lambda one: rank.get(one.partition("--")[0], 1))
    made = dict(seen.replaced.values())
    # A definition made for the reader that is in the selection as well goes out once.
    extra = [one for one, _ in emitted[: len(emitted) - len(due)]]
    if [one for one, _ in emitted[len(extra) :]] != due:
        yield f"{due} should go, {[one for one, _ in emitted]} goes"
    if set(extra) != made.keys() - seen.objects.keys() or projection.additions != {i: made[i] for i in extra}:
        yield f"{sorted(made)} should be added, {extra} is"
    shown = [json.loads(raw)["id"] for _, raw in emitted]
    if len(set(shown)) != len(shown):
        yield "something goes twice"
    if list(projection.released) != list(seen.objects) or set(projection.released.values()) | set(extra) != set(shown):
        yield "what is said to be released is not what goes"


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    return json.loads(_IDENTIFIER.sub(lambda found: names.get(found[0], found[0]), json.dumps(value)))


def _once(body: Object, *, renamed: bool) -> Object:
    """With two handlings that have become one as one."""
    if not renamed:
        return body
    if "object_marking_refs" in body:
        body["object_marking_refs"] = sorted(set(body["object_marking_refs"]), key=body["object_marking_refs"].index)
    parts: list[Object] = []
    for part in body.get("granular_markings", []):
        same = [one for one in parts if {**one, "selectors": 0} == {**part, "selectors": 0}]
        if same:
            same[0]["selectors"] += [one for one in part["selectors"] if one not in same[0]["selectors"]]
        else:
            parts.append(part)
    return body | ({"granular_markings": parts} if parts else {})


def leaks(world: World, seen: Seen, emitted: list[bytes]) -> set[str]:
    """Identifiers, or UUIDs of such, that stand in what goes out and may not: of what is withheld, of copies'
    originals, of what nobody holds, of handlings that name others."""
    out = "\n".join(raw.decode() + json.dumps(json.loads(raw), ensure_ascii=False) for raw in emitted)
    mine = {one["id"] for one in world.objects} | {i for one in world.objects for i in identifiers(one)}
    told = (seen.objects.keys() - seen.changed) | {name for name, _ in seen.replaced.values()}
    told |= set(world.outside.values()) | {world.terms().own, world.reader}
    secret = {
        one for one in mine - told
        if not one.startswith("extension-definition--") and well_known(one) is None
    }  # fmt: skip
    harmless = {one.partition("--")[2] for one in told}
    return {one for one in secret if one in out or ((uuid := one.partition("--")[2]) in out and uuid not in harmless)}
