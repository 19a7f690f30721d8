"""One MISP event to STIX 2.1 objects.

The conversion itself is the work of ``misp-stix``. Here its input is made unambiguous, so that the same
event gives the same bytes, and its output gets what it lacks: every marking, revocation, stable versions.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from titian.core.marking import UNMARKED, Marking, definitions_of
from titian.core.stix import SCO_TYPES, examine, observable_id
from titian.wire.misp_extensions import extensions_in
from titian.wire.misp_tags import read_tags
from titian.wire.stix import Problem

with warnings.catch_warnings():
    # Old libraries below it are imported in ways that Python warns of; nothing of ours is silenced.
    warnings.simplefilter("ignore")
    from misp_stix_converter import MISPtoSTIX21Parser
    from stix2.base import STIXJSONEncoder  # type: ignore[import-untyped]

_MISSING: Final = UUID("c0a1f8f3-5b0f-5f0a-9b7e-0d6f0e4d7a21")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONTH: Final = timedelta(days=30)
_CONTAINERS: Final = ("report", "grouping")
_LINKS: Final = ("relationship", "sighting")

Report = Callable[[Problem], None]
Json = dict[str, Any]


def convert_event(event: Json, problem: Report, stated: set[str]) -> Iterator[bytes]:
    """Yield the STIX 2.1 objects of one MISP event, markings first, then observables, and links last.

    :param event: the value of ``Event``; it is changed on the way.
    :param problem: told of what is not carried over, and of what had to be guessed.
    :param stated: the identifiers of the marking definitions yielded so far; those are not yielded again.
    """
    name = f"event {event.get('uuid', 'without uuid')}"
    why = _complete(event)
    if why:
        problem(Problem(name, why))
        return
    marks = _Marks(event, lambda text: problem(Problem(name, text)))
    converted = _convert(event)
    if isinstance(converted, str):
        for where, why in _drop_what_fails(event):
            problem(Problem(where, why))
        converted = _convert(event)
    if isinstance(converted, str):
        problem(Problem(name, converted))
        return
    objects, messages = extensions_in(*converted, event)
    for text in messages:
        problem(Problem(name, text))
    _rename_observables(objects)
    yield from _finish(objects, event, marks, problem, stated)


def _convert(event: Json) -> tuple[list[Json], list[str]] | str:
    """The converted objects and what the converter says of them, or why there are none."""
    try:
        parser = MISPtoSTIX21Parser()
        parser.parse_misp_event({"Event": event})
        objects = [json.loads(json.dumps(one, cls=STIXJSONEncoder)) for one in parser.stix_objects]
    except Exception as error:  # a library of 45,000 lines may throw anything, and the rest is still read
        return f"the converter failed: {type(error).__name__}: {error}"
    said = (texts for messages in (parser.errors, parser.warnings) for texts in messages.values())
    return objects, [text for texts in said for text in texts]


def _drop_what_fails(event: Json) -> Iterator[tuple[str, str]]:
    """Take out of an event what makes its conversion fail, each with the reason, found one by one."""
    parts = ("Galaxy", "Attribute", "Object", "EventReport")
    bare = {key: value for key, value in event.items() if key not in parts}
    for key in parts:
        kept = []
        for one in _listed(event, key):
            outcome = _convert(bare | {key: [one]})
            if isinstance(outcome, str) and one.pop("Galaxy", None):
                yield f"{key} {one.get('uuid')}", f"its galaxies were left out: {outcome}"
                outcome = _convert(bare | {key: [one]})
            if isinstance(outcome, str):
                yield f"{key} {one.get('uuid')}", outcome
            else:
                kept.append(one)
        if key in event:
            event[key] = kept


def _derived(text: str) -> Callable[[int], bytes]:
    digest = hashlib.sha256(text.encode()).digest()
    return lambda size: digest[:size]


def _rename_observables(objects: list[Json]) -> None:
    """Give observables without ID-contributing properties a UUIDv4 (STIX 2.1 section 2.9), ever the same."""
    renamed: dict[str, str] = {}
    for one in objects:
        identifier = one["id"]
        if one["type"] in SCO_TYPES and UUID(identifier.split("--")[1]).version != 4:
            new = observable_id(one["type"], one, random=_derived(identifier))
            if UUID(new.split("--")[1]).version == 4:
                renamed[identifier] = new
    for one in objects if renamed else ():
        one["id"] = renamed.get(one["id"], one["id"])
        for key, value in one.items():
            if key.endswith("_ref") and isinstance(value, str):
                one[key] = renamed.get(value, value)
            elif key.endswith("_refs") and isinstance(value, list):
                one[key] = [renamed.get(each, each) for each in value]


def _finish(objects: list[Json], event: Json, marks: _Marks, problem: Report, stated: set[str]) -> Iterator[bytes]:
    created = f"{event['date']}T00:00:00.000Z"
    markings = marks.resolve(objects)
    for one in sorted(objects, key=_order):
        if one["type"] == "marking-definition":
            if one["id"] in stated:
                continue
            stated.add(one["id"])
        marking = markings[one["id"]]
        definitions = {} if one["type"] == "marking-definition" else definitions_of(marking)
        for identifier, definition in definitions.items():
            if identifier not in stated:
                stated.add(identifier)
                yield definition
        if definitions:
            own = one.get("object_marking_refs", [])
            one["object_marking_refs"] = own + [each for each in definitions if each not in own]
        _version(one, marks, created, marking)
        raw = msgspec.json.encode(one)
        violations = examine(raw).violations
        if violations:
            first = violations[0]
            problem(Problem(one["id"], f"it is not valid STIX: {first.path}: {first.message}"))
        else:
            yield raw


def _order(one: Json) -> int:
    if one["type"] == "marking-definition":
        return 0
    if one["type"] == "identity":
        return 1
    if one["type"] in _LINKS:
        return 5
    if one["type"] in _CONTAINERS:
        return 4
    return 3 if "created" in one else 2


def _version(one: Json, marks: _Marks, created: str, marking: Marking) -> None:
    """Give an object a version that holds: ``created`` stays, and a stand-in outranks nothing.

    The converter dates organisations and galaxy clusters by the event, under the identifiers of the real
    objects (ATT&CK's among them): the stand-in would be their newest version. So it is dated 1970, by its
    content, since STIX 2.1 section 3.6 wants one content for one version, and the stricter the later.
    """
    if "modified" not in one:
        return
    identifier = one["id"].split("--")[1]
    if identifier in marks.stand_ins:
        one.pop("created"), one.pop("modified")
        digest = hashlib.sha256(msgspec.json.encode(one)).digest()
        strictness = 5 - len(marking.reach)
        offset = timedelta(milliseconds=int.from_bytes(digest[:8], "big") % (_MONTH // timedelta(milliseconds=1)))
        one["created"] = _stix_time(_EPOCH)
        one["modified"] = _stix_time(_EPOCH + strictness * _MONTH + offset)
        return
    if created < one["modified"]:
        one["created"] = created
    if identifier in marks.deleted:
        one["revoked"] = True


def _stix_time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _complete(event: Json) -> str | None:
    """Fill in what the converter would fill in at random; return why the event cannot be read, if so."""
    if not _is_uuid(event.get("uuid")):
        return "the event has no UUID"
    event["uuid"] = event["uuid"].lower()
    date = event.get("date")
    try:
        day = datetime.strptime(str(date), "%Y-%m-%d").replace(tzinfo=UTC)
        event.setdefault("timestamp", str(int(day.timestamp())))
        moment = int(event["timestamp"])
        if date is None or not 0 <= moment < 1 << 33:
            return "the event has no usable date and timestamp"
    except (ValueError, TypeError):
        return "the event has no usable date and timestamp"
    event["timestamp"] = str(moment)
    if event.get("published") and not str(event.get("publish_timestamp") or "").isdigit():
        event["publish_timestamp"] = event["timestamp"]
    for number, (kind, record) in enumerate(_records(event)):
        if not _is_uuid(record.get("uuid")):
            seed = f"{event['uuid']} {kind} {number} {record.get('type')} {record.get('value')}"
            record["uuid"] = str(uuid5(_MISSING, seed))
        record["uuid"] = record["uuid"].lower()
        if not str(record.get("timestamp") or "").isdigit():
            record["timestamp"] = event["timestamp"]
    return None


def _is_uuid(text: object) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _listed(holder: Json, key: str) -> list[Json]:
    found = holder.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _records(event: Json) -> Iterator[tuple[str, Json]]:
    for attribute in _listed(event, "Attribute"):
        yield "attribute", attribute
    for composite in _listed(event, "Object"):
        yield "object", composite
        for attribute in _listed(composite, "Attribute"):
            yield "attribute", attribute
    for report in _listed(event, "EventReport"):
        yield "report", report


class _Marks:
    """The markings of an event and of all in it; reading them takes their tags out of the event.

    Whatever an event holds is under the event's marking and its own: an attribute's tag restricts further
    and never opens what the event closes.
    """

    def __init__(self, event: Json, doubt: Callable[[str], None]) -> None:
        self._doubt = doubt
        self.event = self._take(event)
        self.deleted: set[str] = set()
        self.stand_ins: set[str] = set()
        self._owned: dict[str, Marking] = {event["uuid"]: self.event}
        for attribute in _listed(event, "Attribute"):
            self._own(attribute, self.event.join(self._take(attribute)))
        for composite in _listed(event, "Object"):
            marking = self.event.join(self._take(composite))
            for attribute in _listed(composite, "Attribute"):
                marking = marking.join(self._take(attribute))
            self._own(composite, marking)
            for attribute in _listed(composite, "Attribute"):
                self._own(attribute, marking)
        for report in _listed(event, "EventReport"):
            self._own(report, self.event.join(self._take(report)))
        self._contextual(event, self.event)
        for _, record in _records(event):
            self._contextual(record, self._owned[record["uuid"]])
        if str(event.get("distribution")) == "4":
            doubt("it was shared with a sharing group, which has no counterpart here; the marking alone counts")

    def _take(self, holder: Json) -> Marking:
        tagged = read_tags(_listed(holder, "Tag"))
        if "Tag" in holder:
            holder["Tag"] = tagged.others
        for doubt in tagged.doubts:
            self._doubt(doubt)
        return tagged.marking

    def _own(self, record: Json, marking: Marking) -> None:
        self._owned[record["uuid"]] = marking
        if record.get("deleted") in (True, "1", 1):
            self.deleted.add(record["uuid"])

    def _contextual(self, holder: Json, marking: Marking) -> None:
        """What a record names but does not hold: the organisation, galaxy clusters."""
        for galaxy in _listed(holder, "Galaxy"):
            for cluster in _listed(galaxy, "GalaxyCluster"):
                self._stand_in(cluster, marking)
        for key in ("Orgc", "Org"):
            if isinstance(holder.get(key), dict):
                self._stand_in(holder[key], marking)

    def _stand_in(self, named: Json, marking: Marking) -> None:
        identifier = named.get("uuid")
        if isinstance(identifier, str):
            # The event's own mention comes first, and what the event names it names at its own level.
            self._owned.setdefault(identifier.lower(), marking)
            self.stand_ins.add(identifier.lower())

    def resolve(self, objects: Iterable[Json]) -> dict[str, Marking]:
        """Find the marking of each converted object; what no record owns takes it from what refers to it."""
        by_id = {one["id"]: one for one in objects}
        found = {name: self._owned[key] for name in by_id if (key := name.split("--")[1]) in self._owned}
        queue = [name for name in found if by_id[name]["type"] not in _CONTAINERS + _LINKS]
        inherited: dict[str, Marking] = {}
        while queue:
            name = queue.pop()
            marking = found[name] if name in found else inherited[name]
            for target in _references(by_id[name]):
                if target in by_id and target not in found:
                    joined = inherited.get(target, UNMARKED).join(marking)
                    if joined != inherited.get(target):
                        inherited[target] = joined
                        queue.append(target)
        strictest = UNMARKED
        for marking in self._owned.values():
            strictest = strictest.join(marking)
        markings = inherited | found
        for name, one in by_id.items():
            if one["type"] in _LINKS and name not in found:
                marking = self.event
                for target in _references(one):
                    marking = marking.join(markings.get(target, strictest))
                markings[name] = marking
        return {name: markings.get(name, strictest) for name in by_id}


def _references(one: Json) -> Iterator[str]:
    for key, value in one.items():
        if key in ("created_by_ref", "object_marking_refs"):
            continue
        if key.endswith("_ref") and isinstance(value, str):
            yield value
        elif key.endswith("_refs") and isinstance(value, list):
            yield from (each for each in value if isinstance(each, str))
