"""One planned event to MISP JSON.

The conversion itself is the work of ``misp-stix``, which is given objects without markings. The event's
tags, distribution, creator and references are set here, and nothing else decides who sees it.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from titian.core.errors import Refused
from titian.wire.misp_audit import missing
from titian.wire.misp_extensions import add_extensions, bare_event, extensions_out
from titian.wire.misp_plan import Draft, Json, Plan
from titian.wire.misp_tags import is_marking_tag
from titian.wire.stix import Problem

with warnings.catch_warnings():
    # Old libraries below it are imported in ways that Python warns of; nothing of ours is silenced.
    warnings.simplefilter("ignore")
    from misp_stix_converter import ExternalSTIX2toMISPParser, InternalSTIX2toMISPParser
    from misp_stix_converter.tools.stix2_loading_helpers import load_stix2_content

_COPIES: Final = UUID("1b3c8a52-7a54-5a0e-9d67-52f0b8f3f7c9")
_TYPE_ERROR: Final = re.compile(r"Un(?:able to load|known) STIX object type: (\S+)")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_KEYS: Final = ("uuid", "referenced_uuid", "object_uuid", "related_object_uuid")

DISTRIBUTIONS: Final = ("0", "1", "2", "3")
"""Own organisation, own community, connected communities, all. Sharing groups are "4"."""


def checked_distribution(distribution: str) -> str:
    """Return a MISP distribution level that an export may carry, or raise :class:`Refused`."""
    if distribution == "4":
        raise Refused(
            "An export cannot be given to a MISP sharing group.",
            advice="The group's members are known only to the instance that made it: export with"
            " distribution 0 and choose the group in MISP.",
        )
    if distribution not in DISTRIBUTIONS:
        raise Refused(f"{distribution!r} is not a MISP distribution.", advice="Use 0, 1, 2 or 3.")
    return distribution


def convert_draft(
    draft: Draft, whole: Plan, distribution: str, seen: set[str], problem: Callable[[Problem], None]
) -> Json | None:
    """Return the event (the value of ``Event``), None with a problem told if there can be none.

    :param seen: the UUIDs that earlier events of the same export hold; a second use gets a UUID of its own,
        as MISP allows one place for each.
    """
    name = f"event {draft.container['id'].split('--')[1]}"
    ours = extensions_out(draft, problem)
    if not (ours.members or ours.objects or ours.attributes):
        if draft.container["id"].split("--")[1] in whole.levels:
            problem(Problem(draft.container["id"], "none of its objects has a place in MISP"))
        return None
    made = _convert(msgspec.structs.replace(draft, members=ours.members), name, problem)
    if made is None:
        return None
    event, told = made
    add_extensions(event, ours)
    told |= ours.told
    _settle(event, draft, distribution)
    _delete_revoked(event, draft)
    _rename_copies(event, seen)
    hidden = _hidden(draft, whole)
    shown = hidden & set(_UUID.findall(json.dumps(event).lower()))
    if shown:
        problem(Problem(name, f"it names {len(shown)} objects that its audience may not know of, so it was refused"))
        return None
    for left_out in missing(event, draft):
        if left_out.where not in told:
            problem(left_out)
    return event


def _convert(draft: Draft, name: str, problem: Callable[[Problem], None]) -> tuple[Json, set[str]] | None:
    """What the converter makes of a draft, and the objects that it told of; None with a problem told if it fails."""
    if not draft.members:
        return bare_event(draft), set()
    container, bodies = _bundle(draft)
    internal = any(_is_from_misp(body) for body in bodies)
    try:
        parser = InternalSTIX2toMISPParser() if internal else ExternalSTIX2toMISPParser()
        bundle = {"type": "bundle", "id": f"bundle--{container['id'].split('--')[1]}", "objects": bodies}
        parser.load_stix_bundle(load_stix2_content(bundle))
        parser.parse_stix_bundle(single_event=True)
        event: Json = json.loads(parser.misp_event.to_json())
    except Exception as error:  # whatever a library of 45,000 lines throws, the other events are still made
        problem(Problem(name, f"the converter failed: {type(error).__name__}: {error}"))
        return None
    return event, _tell(parser, draft, name, problem)


def _is_from_misp(body: Json) -> bool:
    """Whether the converter made it from MISP; it reads such objects with nothing lost, and others not."""
    labels = body.get("labels")
    labelled = isinstance(labels, list) and any(str(label).startswith("misp:") for label in labels)
    return labelled or str(body["type"]).startswith("x-misp-")


def _bundle(draft: Draft) -> tuple[Json, list[Json]]:
    """The objects without markings, and without references to what is not among them."""
    present = {one.id for one in draft.members} | {draft.container["id"]}
    creator = [draft.creator] if draft.creator else []
    known = present | {one.id for one in creator}
    container = _plain(draft.container, known)
    container["object_refs"] = [one.id for one in draft.members]
    others = [_plain(one.body, known) for one in [*creator, *draft.members] if one.id != container["id"]]
    unique = {one["id"]: one for one in others}
    return container, [container, *unique.values()]


def _plain(body: Json, known: set[str]) -> Json:
    plain: Json = {}
    for key, value in body.items():
        if key in ("object_marking_refs", "granular_markings"):
            continue
        if key.endswith("_ref") and isinstance(value, str) and value not in known:
            continue
        if key.endswith("_refs") and isinstance(value, list):
            value = [one for one in value if one in known]
            if not value:
                continue
        plain[key] = value
    return plain


def _tell(parser: Any, draft: Draft, name: str, problem: Callable[[Problem], None]) -> set[str]:
    """Pass on what the converter could not do; return the objects of types that it does not know."""
    told: set[str] = set()
    for messages in (parser.errors, parser.warnings):
        for text in [text for texts in messages.values() for text in texts]:
            match = _TYPE_ERROR.fullmatch(text)
            if match is None:
                problem(Problem(name, text))
                continue
            for one in draft.members:
                if one.body["type"] == match[1] and one.id not in told:
                    told.add(one.id)
                    problem(Problem(one.id, f"MISP has no place for a {match[1]}"))
    return told


def _settle(event: Json, draft: Draft, distribution: str) -> None:
    container = draft.container
    event["uuid"] = container["id"].split("--")[1]
    event["date"] = container["created"][:10]
    event["distribution"] = distribution
    event.setdefault("threat_level_id", "4")
    event.setdefault("analysis", "0")
    if draft.creator:
        identity = draft.creator.body
        event["Orgc"] = {"uuid": identity["id"].split("--")[1], "name": str(identity.get("name", ""))}
    if draft.extends:
        event["extends_uuid"] = draft.extends
    for record in _records(event):
        if "Tag" in record:
            record["Tag"] = [tag for tag in record["Tag"] if not is_marking_tag(tag["name"])]
        record.pop("sharing_group_id", None)
        if record is not event:
            record["distribution"] = "5"  # as the event
    event["Tag"] = [{"name": tag} for tag in draft.tags] + event.get("Tag", [])


def _records(event: Json) -> Iterator[Json]:
    yield event
    yield from event.get("Attribute", [])
    for composite in event.get("Object", []):
        yield composite
        yield from composite.get("Attribute", [])
    yield from event.get("EventReport", [])


def _delete_revoked(event: Json, draft: Draft) -> None:
    """What is revoked in STIX is deleted in MISP, and still sent (misp-core-format, ``deleted``)."""
    revoked = {one.id for one in draft.members if one.body.get("revoked") is True}
    bare = {identifier.split("--")[1] for identifier in revoked}
    for record in _records(event):
        named = any(identifier in record.get("comment", "") for identifier in revoked)
        if record is not event and (record.get("uuid") in bare or named):
            record["deleted"] = True


def _rename_copies(event: Json, seen: set[str]) -> None:
    own = {record["uuid"] for record in _records(event) if "uuid" in record}
    renamed = {one: str(uuid5(_COPIES, f"{event['uuid']} {one}")) for one in own & seen - {event["uuid"]}}
    seen |= own
    if renamed:
        _rename(event, renamed)


def _rename(value: Any, renamed: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _UUID_KEYS and isinstance(inner, str):
                value[key] = renamed.get(inner, inner)
            else:
                _rename(inner, renamed)
    elif isinstance(value, list):
        for inner in value:
            _rename(inner, renamed)


def _hidden(draft: Draft, whole: Plan) -> set[str]:
    """The UUIDs that this event's audience may not see, if they belong to an object that others may."""
    own = {one.id.split("--")[1] for one in draft.members} | {draft.container["id"].split("--")[1]}
    if draft.extends:
        own.add(draft.extends)
    stricter = {
        uuid
        for uuid, marking in whole.levels.items()
        if uuid not in own and not draft.marking.at_least_as_strict_as(marking)
    }
    return whole.refused | stricter
