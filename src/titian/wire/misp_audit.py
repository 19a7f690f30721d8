"""What the converter left out without a word: a planned event compared with the event that was made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from titian.core.stix import SCO_TYPES
from titian.wire.misp_plan import Draft, Held, Json, references
from titian.wire.stix import Problem

_LINKS = ("relationship", "sighting")


def missing(event: Json, draft: Draft) -> Iterator[Problem]:
    """Yield what of a draft is not to be found in its event. What is doubtful is told, not passed over."""
    text = json.dumps(event, ensure_ascii=False)
    inner = {end for one in draft.members if one.body["type"] not in _LINKS for end in references(one.body)}
    linked = set(_linked(event))
    types = {one.id: one.body["type"] for one in draft.members}
    for one in draft.members:
        if one.body["type"] == "relationship":
            if not _merged(one.body, types) and _link(one.body) not in linked:
                yield Problem(one.id, "the converter has no place in MISP for this relationship")
        elif one.body["type"] == "sighting":
            if '"Sighting"' not in text:
                yield Problem(one.id, "the converter has no place in MISP for this sighting")
        elif not (one.id in inner and one.body["type"] in SCO_TYPES) and not _present(one, text):
            yield Problem(one.id, f"the converter has no place in MISP for this {one.body['type']}")


def _present(one: Held, text: str) -> bool:
    if one.id.split("--")[1] in text:
        return True
    shown = (one.body.get("name"), one.body.get("value"))
    return any(isinstance(each, str) and json.dumps(each, ensure_ascii=False)[1:-1] in text for each in shown)


def _merged(body: Json, types: dict[str, str]) -> bool:
    """An indicator and the observable it is based on are one attribute in MISP, its ``to_ids`` set."""
    target = types.get(body.get("target_ref", ""), "")
    return body.get("relationship_type") == "based-on" and (target == "observed-data" or target in SCO_TYPES)


def _link(body: Json) -> tuple[str, str]:
    return str(body.get("source_ref")).split("--")[-1], str(body.get("relationship_type"))


def _linked(event: Json) -> Iterator[tuple[str, str]]:
    """The links that the event holds: the UUID they start from, and their type."""
    records: list[Json] = [*event.get("Attribute", []), *event.get("Object", [])]
    for record in records:
        for reference in record.get("ObjectReference", []):
            yield record["uuid"], reference["relationship_type"]
    for holder in (event, *records):
        for galaxy in holder.get("Galaxy", []):
            for cluster in galaxy.get("GalaxyCluster", []):
                yield from _relations(cluster)


def _relations(cluster: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for relation in cluster.get("GalaxyClusterRelation", []):
        yield cluster["uuid"], relation.get("referenced_galaxy_cluster_type", "")
