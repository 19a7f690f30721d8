"""Which STIX objects go into which MISP event: an event has one audience, so one marking.

An event's tags are what other MISP instances decide by, and many look no further. So what is marked
otherwise than its report goes into an event of its own, which extends the report's (``extends_uuid``) where
its audience may know of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from titian.core.errors import InvalidInput
from titian.core.marking import Marking, read_definition, read_markings
from titian.core.stix import META_TYPES, Timestamp
from titian.wire.misp_tags import write_tags
from titian.wire.stix import Problem

MAX_MEMBERS: Final = 5_000
"""Objects in one event made of what no report holds; larger ones are synchronised badly."""

CONTAINERS: Final = ("report", "grouping")
_LINKS: Final = ("relationship", "sighting")
_EVENTS: Final = UUID("9d4f6c0b-6a5e-5c1f-8f3a-1c7e2b9d0a44")

Json = dict[str, Any]


class Held(msgspec.Struct, frozen=True):
    """One object that may be exported, its marking, and that marking's tags."""

    body: Json
    marking: Marking
    tags: tuple[str, ...]

    @property
    def id(self) -> str:
        """The object's identifier."""
        identifier: str = self.body["id"]
        return identifier


class Draft(msgspec.Struct):
    """One event to be: the report it is made from, its objects, its marking."""

    container: Json
    members: list[Held]
    marking: Marking
    tags: tuple[str, ...]
    creator: Held | None = None
    extends: str | None = None


class Plan(msgspec.Struct):
    """All drafts, and the bare UUIDs of what was refused: they may stand nowhere in an event."""

    drafts: list[Draft]
    refused: set[str]
    levels: dict[str, Marking]


def plan(objects: Iterable[bytes], definitions: Mapping[str, Marking], problem: Callable[[Problem], None]) -> Plan:
    """Sort objects into events; tell ``problem`` of each one that fits into none."""
    held, refused = _admit(list(objects), definitions, problem)
    drafts: list[Draft] = []
    placed: set[str] = set()
    links: dict[str, list[Held]] = {}
    for one in held.values():
        for end in _ends(one.body):
            links.setdefault(end, []).append(one)
    for container in [one for one in held.values() if one.body["type"] in CONTAINERS]:
        placed.add(container.id)
        drafts += _of_container(container, held, links, placed, problem)
    drafts += _of_the_rest([one for one in held.values() if one.id not in placed], held, placed)
    for draft in drafts:
        draft.creator = _creator(draft, held, problem)
        placed |= {draft.creator.id} if draft.creator else set()
    for one in held.values():
        if one.id not in placed and one.body["type"] != "identity":
            problem(Problem(one.id, "its ends are not in one event of its own marking, so it was left out"))
    levels = {one.id.split("--")[1]: one.marking for one in held.values()}
    return Plan(drafts, refused, levels)


def _admit(
    objects: list[bytes], definitions: Mapping[str, Marking], problem: Callable[[Problem], None]
) -> tuple[dict[str, Held], set[str]]:
    """Decode what may go out, the newest version of each; collect what may not."""
    known = dict(definitions)
    bodies: list[tuple[Json, bytes]] = []
    for raw in objects:
        try:
            body = msgspec.json.decode(raw)
            if not (isinstance(body, dict) and isinstance(body.get("id"), str) and "--" in body["id"]):
                raise InvalidInput("it has no STIX identifier")
            if body.get("type") == "marking-definition":
                known[body["id"]] = read_definition(raw)
            else:
                bodies.append((body, raw))
        except (msgspec.DecodeError, InvalidInput, RecursionError) as error:
            problem(Problem("an object", str(error)))
    held: dict[str, Held] = {}
    refused: set[str] = set()
    for body, raw in bodies:
        identifier = body["id"]
        try:
            marking = read_markings(raw, known).effective
            tags = tuple(write_tags(marking))
            modified = _modified(body)
        except InvalidInput as error:
            refused.add(identifier.split("--")[1])
            problem(Problem(identifier, error.message))
            continue
        if body["type"] in META_TYPES or body["type"] == "bundle":
            problem(Problem(identifier, f"MISP has no place for a {body['type']}"))
        elif identifier not in held or _modified(held[identifier].body) < modified:
            held[identifier] = Held(body, marking, tags)
    for identifier in [one for one in held if one.split("--")[1] in refused]:
        # Another version of it was refused: what one marking closes, an older one does not open.
        problem(Problem(identifier, "another version of it was refused"))
        del held[identifier]
    return held, refused


def _modified(body: Json) -> Timestamp:
    return Timestamp.parse(body.get("modified") or "1970-01-01T00:00:00.000Z")


def references(body: Json) -> Iterator[str]:
    """Yield what an object refers to, its creator and its markings aside."""
    for key, value in body.items():
        if key in ("created_by_ref", "object_marking_refs"):
            continue
        if key.endswith("_ref") and isinstance(value, str):
            yield value
        elif key.endswith("_refs") and isinstance(value, list):
            yield from (one for one in value if isinstance(one, str))


def _ends(body: Json) -> set[str]:
    """What a link links; without it, the link cannot stand. Empty for what is no link."""
    if body["type"] not in _LINKS:
        return set()
    return {str(body.get(key)) for key in ("source_ref", "target_ref", "sighting_of_ref") if key in body}


def _closure(start: Iterable[str], held: Mapping[str, Held]) -> dict[str, Held]:
    """The objects that are named, with the observables inside them and the links between them."""
    found: dict[str, Held] = {}
    queue = deque(start)
    while queue:
        one = held.get(queue.popleft())
        if one is None or one.id in found or one.body["type"] in CONTAINERS:
            continue
        found[one.id] = one
        if one.body["type"] not in _LINKS and one.body["type"] not in ("note", "opinion"):
            queue += references(one.body)
    return found


def _of_container(
    container: Held,
    held: Mapping[str, Held],
    links: Mapping[str, list[Held]],
    placed: set[str],
    problem: Callable[[Problem], None],
) -> Iterator[Draft]:
    members = _closure(container.body.get("object_refs", []), held)
    for link in [link for name in members for link in links.get(name, ())]:
        if _ends(link.body) <= members.keys():
            members.setdefault(link.id, link)
    groups: dict[tuple[str, ...], list[Held]] = {container.tags: []}
    for member in members.values():
        groups.setdefault(member.tags, []).append(member)
    for tags, group in groups.items():
        own = tags == container.tags
        marking = container.marking if own else group[0].marking
        group = _with_ends(group)
        placed |= {one.id for one in group}
        if not group:
            problem(Problem(container.id, "none of its objects may stand in its event"))
        elif own:
            yield Draft(container.body, group, marking, tags)
        else:
            below = marking.at_least_as_strict_as(container.marking)
            name = container.body.get("name") if below else None
            seed = f"{container.id} {' '.join(tags)}"
            draft = Draft(_container(seed, group, tags, name), group, marking, tags)
            draft.extends = container.id.split("--")[1] if below else None
            yield draft


def _with_ends(group: list[Held]) -> list[Held]:
    """Without the links whose ends are elsewhere."""
    inside = {one.id for one in group}
    return [one for one in group if _ends(one.body) <= inside]


def _of_the_rest(rest: list[Held], held: Mapping[str, Held], placed: set[str]) -> Iterator[Draft]:
    """Put what no report holds into events by marking and creator, each of a bounded size."""
    creators = {one.body.get("created_by_ref") for one in held.values()}
    groups: dict[tuple[tuple[str, ...], str], list[Held]] = {}
    links = [one for one in rest if one.body["type"] in _LINKS]
    for one in rest:
        if one.body["type"] not in _LINKS and one.id not in creators:
            groups.setdefault((one.tags, str(one.body.get("created_by_ref"))), []).append(one)
    where: dict[str, list[Held]] = {}
    batches: list[list[Held]] = []
    for group in groups.values():
        for begin in range(0, len(group), MAX_MEMBERS):
            batches.append(group[begin : begin + MAX_MEMBERS])
            where |= {one.id: batches[-1] for one in batches[-1]}
    for link in links:
        homes = [where.get(end) for end in _ends(link.body)]
        home = homes[0] if homes else None
        if home is not None and all(one is home for one in homes) and link.tags == home[0].tags:
            home.append(link)
    for batch in batches:
        placed |= {one.id for one in batch}
        # By its first object, so that an export made later brings the same event, with what has come since.
        seed = f"{batch[0].id} {' '.join(batch[0].tags)}"
        yield Draft(_container(seed, batch, batch[0].tags, None), batch, batch[0].marking, batch[0].tags)


def _container(seed: str, members: list[Held], tags: tuple[str, ...], name: str | None) -> Json:
    """A report that exists only to become an event; the same members give the same one."""
    moment = max((_modified(one.body) for one in members), default=Timestamp.parse("1970-01-01T00:00:00.000Z"))
    body = {
        "type": "report",
        "spec_version": "2.1",
        "id": f"report--{uuid5(_EVENTS, seed)}",
        "created": moment.text,
        "modified": moment.text,
        "published": moment.text,
        "name": name or f"Objects under {', '.join(tags) or 'no marking'}",
    }
    creator = members[0].body.get("created_by_ref")
    return body | ({"created_by_ref": creator} if creator else {})


def _creator(draft: Draft, held: Mapping[str, Held], problem: Callable[[Problem], None]) -> Held | None:
    """The organisation an event names, if the event's whole audience may know of it."""
    creator = held.get(draft.container.get("created_by_ref", ""))
    if creator is None:
        return None
    if draft.marking.at_least_as_strict_as(creator.marking):
        return creator
    event = draft.container["id"].split("--")[1]
    problem(Problem(creator.id, f"it is marked more strictly than event {event}, which does not name it"))
    return None
