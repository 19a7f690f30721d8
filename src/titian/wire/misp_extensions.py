"""Objects of our extensions between STIX and MISP: what ``misp-stix`` does not know is put in its place afterwards.

From MISP, a record that is an observable of ours becomes that observable, and ``observed-data`` under the UUID of the
record, which keeps what else it says, as the converter does for the observables that it knows. A record that bears the
UUID of the very observable was one, and becomes that alone. To MISP, the same backwards. Facts of a person become
attributes of a ``person`` or an ``organization``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import msgspec

from titian.core.countries import country_code
from titian.core.errors import InvalidInput
from titian.core.extension_objects import is_ours, make_observable, own_properties, person_facts, with_facts
from titian.core.stix import Timestamp
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION
from titian.core.stix.vocabulary import EXTENSION_SCO_TYPES
from titian.wire.misp_plan import Draft, Held, references
from titian.wire.misp_values import (
    Json,
    Read,
    composite,
    read_attribute,
    read_object,
    stix_time,
    write_value,
)
from titian.wire.stix import Problem

FROM, TO = "connected-from", "sends-to"
"""How a transaction refers to the wallets that it leads from and to; both are relationships of MISP's own list."""
_ENDS: Final = {FROM: "from_refs", TO: "to_refs"}
_CUSTOM: Final = ("x-misp-object", "x-misp-attribute")
_TO_IDS: Final = 'misp:to_ids="True"'
_LINKS: Final = ("relationship", "sighting")
_MADE: Final = UUID("754a110b-7ca1-47eb-81a2-8ceb6b9aeecf")
_PEOPLE: Final = ("person", "organization", "legal-entity")


def _listed(holder: Mapping[str, Any], key: str) -> list[Json]:
    found = holder.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _uuid(identifier: str) -> str:
    return identifier.partition("--")[2]


# --- from MISP ------------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """An observable in an event, and the record that it stands in. ``alone`` says that the record was nothing else."""

    made: Json
    read: Read
    record: Json
    alone: bool


def extensions_in(objects: list[Json], messages: list[str], event: Json) -> tuple[list[Json], list[str]]:
    """Return the converted objects of an event with ours among them, and what is left to say of the conversion.

    :param objects: what the converter made; identifiers that are replaced are replaced wherever they stand.
    :param event: as it was given to the converter, with the UUID of each record.
    """
    found = _observables(event)
    found |= _transfers(event, found)
    custom = {_uuid(one["id"]) for one in objects if one["type"] in _CUSTOM}
    found = {uuid: one for uuid, one in found.items() if one.alone or uuid in custom}
    sighted = {str(one.get("sighting_of_ref")) for one in objects if one["type"] == "sighting"}
    names: dict[str, str] = {}
    kept: list[Json] = []
    for one in objects:
        ours = found.get(_uuid(one["id"]))
        if ours is None or one["type"] in _LINKS:
            kept.append(one)
        elif ours.alone and one["id"] not in sighted:
            names[one["id"]] = ours.made["id"]
        elif one["type"] in _CUSTOM:
            observed = _observed(one, ours)
            names[one["id"]] = observed["id"]
            kept.append(observed)
        else:
            kept.append(one)
    _rename(kept, names)
    kept = [one for one in kept if not _is_told(one, found)]
    people = {str(one.get("uuid")): one for one in _listed(event, "Object") if one.get("name") in _PEOPLE}
    kept = [_person(one, people.get(_uuid(one["id"]))) if one["type"] == "identity" else one for one in kept]
    made = {one.made["id"]: one.made for one in found.values()}
    _contain(kept, {one.made["id"]: f"observed-data--{uuid}" for uuid, one in found.items()})
    return [*made.values(), *kept], _left_to_say(messages, event, found)


def _observables(event: Json) -> dict[str, _Found]:
    """The observables in an event by the UUID of their record, but for transfers: those need the others."""
    found: dict[str, _Found] = {}
    for record in _listed(event, "Attribute"):
        _add(found, record, read_attribute(record))
    for record in _listed(event, "Object"):
        read = read_object(record)
        if read is not None and read.kind != "transfer":
            _add(found, record, read)
    return found


def _transfers(event: Json, others: Mapping[str, _Found]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for record in _listed(event, "Object"):
        read = read_object(record)
        if read is None or read.kind != "transfer":
            continue
        ends: dict[str, list[str]] = {}
        for one in _listed(record, "ObjectReference"):
            end, other = _ENDS.get(str(one.get("relationship_type"))), others.get(str(one.get("referenced_uuid")))
            if end is not None and other is not None:
                ends.setdefault(end, []).append(other.made["id"])
        _add(found, record, read._replace(properties=read.properties | ends))
    return found


def _add(found: dict[str, _Found], record: Json, read: Read | None) -> None:
    if read is None:
        return
    uuid = str(record["uuid"])
    try:
        made = make_observable(read.kind, read.properties, random=lambda size: UUID(uuid).bytes)
    except InvalidInput:
        return  # it is not written as ours are: the converter's own object keeps it as it is
    more = read.rest or record.get("comment") or record.get("deleted") in (True, "1", 1)
    found[uuid] = _Found(made, read, record, _uuid(made["id"]) == uuid and not more)


def _carried(ours: _Found) -> list[Json]:
    """The attributes of a record that the observable says."""
    return [one for one in _listed(ours.record, "Attribute") if one not in ours.read.rest]


def _observed(converted: Json, ours: _Found) -> Json:
    """What the converter made of a record as observed data, with what the observable does not say."""
    seen = [stix_time(str(ours.record.get(name))) or converted["modified"] for name in ("first_seen", "last_seen")]
    detects = any(one.get("to_ids") for one in (ours.record, *_carried(ours)))
    labels = [*converted.get("labels", []), *([_TO_IDS] if detects else [])]
    observed = {
        "type": "observed-data", "spec_version": "2.1", "id": f"observed-data--{_uuid(converted['id'])}",
        "created": converted["created"], "modified": converted["modified"], "labels": labels,
        "first_observed": seen[0], "last_observed": max(seen), "number_observed": 1, "object_refs": [ours.made["id"]],
    }  # fmt: skip
    for name in ("created_by_ref", "object_marking_refs", "x_misp_comment", "external_references"):
        if name in converted:
            observed[name] = converted[name]
    if ours.read.rest:
        kept = ("type", "object_relation", "value", "category", "uuid", "to_ids", "comment")
        observed["x_misp_attributes"] = [{name: one[name] for name in kept if name in one} for one in ours.read.rest]
    return observed


def _rename(objects: list[Json], names: Mapping[str, str]) -> None:
    for one in objects if names else ():
        for key, value in one.items():
            if key.endswith("_ref") and isinstance(value, str):
                one[key] = names.get(value, value)
            elif key.endswith("_refs") and isinstance(value, list):
                one[key] = list(dict.fromkeys(names.get(each, each) for each in value))


def _is_told(one: Json, found: Mapping[str, _Found]) -> bool:
    """Whether a relationship says what an observable says already: a transfer names its ends, and is based on none."""
    if one["type"] != "relationship":
        return False
    source, target = (found.get(_uuid(str(one.get(name)))) for name in ("source_ref", "target_ref"))
    itself = one.get("source_ref") == one.get("target_ref")
    ends = source is not None and source.read.kind == "transfer" and one["relationship_type"] in _ENDS
    return itself or (ends and target is not None)


def _contain(objects: list[Json], observed: Mapping[str, str]) -> None:
    """Put an observable that stands in observed data into the reports that hold that."""
    by_data = {data: one for one, data in observed.items()}
    for one in objects:
        if one["type"] in ("report", "grouping"):
            refs = one["object_refs"]
            one["object_refs"] = list(dict.fromkeys([*refs, *(by_data[ref] for ref in refs if ref in by_data)]))


def _left_to_say(messages: list[str], event: Json, found: Mapping[str, _Found]) -> list[str]:
    """Leave out that the converter has no mapping for what all became ours."""
    held: dict[str, list[bool]] = {}
    for key, said, name in (("Object", "Object name", "name"), ("Attribute", "Attribute type", "type")):
        for one in _listed(event, key):
            held.setdefault(f"MISP {said} {one.get(name)} not mapped.", []).append(one.get("uuid") in found)
    return [text for text in messages if not all(held.get(text, [False]))]


# --- people, from MISP ------------------------------------------------------------------------------------------


def _values(record: Json, relation: str) -> list[str]:
    return [str(one["value"]) for one in _listed(record, "Attribute") if one.get("object_relation") == relation]


def _person(identity: Json, record: Json | None) -> Json:
    """An identity with the facts that its record says; what is carried no longer stands in custom properties."""
    if record is None:
        return identity
    facts: dict[str, list[Any]] = {name: [] for name in ("births", "countries", "documents", "names", "registrations")}
    carried = []
    for relation, name in (("date-of-birth", "births"), ("nationality", "countries")):
        given = _values(record, relation)
        read = [one[:10] for one in given] if name == "births" else [country_code(one) for one in given]
        if given and all(read):
            facts[name] = read
            carried.append(relation)
    for relation, kind in (("passport-number", "passport"), ("identity-card-number", "identity-card")):
        for number in _values(record, relation):
            facts["documents"].append({"kind": kind, "number": number})
            carried.append(relation)
    country = [country_code(one) for one in _values(record, "passport-country")]
    if len(country) == 1 and country[0] and facts["documents"] and facts["documents"][0]["kind"] == "passport":
        facts["documents"][0]["country"] = country[0]
        carried.append("passport-country")
    facts["names"] = [{"name": one, "kind": "alias"} for one in _values(record, "alias")]
    facts["registrations"] = [{"number": one} for one in _values(record, "registration-number")]
    facts["registrations"] += [{"number": one, "register": "VAT"} for one in _values(record, "VAT")]
    custom = {f"x_misp_{one.replace('-', '_').lower()}" for one in (*carried, "alias", "registration-number", "VAT")}
    try:
        return with_facts({name: value for name, value in identity.items() if name not in custom}, facts)
    except InvalidInput:
        return identity


# --- to MISP ------------------------------------------------------------------------------------------------


class Carried(NamedTuple):
    """What of a draft is ours: ``members`` are the rest, for the converter; ``add`` puts ours into its event."""

    members: list[Held]
    objects: list[Json]
    attributes: list[Json]
    links: list[Json]
    people: dict[str, Json]
    told: set[str]


def extensions_out(draft: Draft, problem: Callable[[Problem], None]) -> Carried:
    """Take what is ours out of a draft, and make MISP records of it.

    :param problem: told of each property that MISP cannot say, and of each object that it has no place for.
    """
    ours = {one.id: one.body for one in draft.members if one.body["type"] in EXTENSION_SCO_TYPES and is_ours(one.body)}
    lost = {one.id for one in draft.members if one.body["type"] in ("referral", "referral-answer")}
    carried = Carried([], [], [], [], {}, set(lost))
    for identifier in sorted(lost):
        problem(Problem(identifier, f"MISP has no place for a {identifier.partition('--')[0]}"))
    wrapped = _wrapped(draft.members, ours)
    uuids = {identifier: _uuid(identifier) for identifier in ours}
    uuids |= {sco: _uuid(data["id"]) for sco, data in wrapped.items()}
    for identifier, body in ours.items():
        _write(identifier, body, uuids, wrapped.get(identifier), carried, problem)
    gone = {*ours, *lost, *(one["id"] for one in wrapped.values())}
    aliases = uuids | {data["id"]: _uuid(data["id"]) for data in wrapped.values()}
    for one in draft.members:
        if one.id in gone:
            continue
        if one.body["type"] == "relationship" and not gone.isdisjoint(references(one.body)):
            carried.links.append(_link(one.body, aliases))
        elif not _falls(one.body, gone):
            carried.members.append(one)
            _facts_out(one.body, carried, problem)
    return carried


def _wrapped(members: Sequence[Held], ours: Mapping[str, Json]) -> dict[str, Json]:
    """Observables of ours to the observed data that holds nothing else: both are one record in MISP."""
    found: dict[str, Json] = {}
    for one in members:
        refs = one.body.get("object_refs")
        if one.body["type"] == "observed-data" and isinstance(refs, list) and len(refs) == 1 and refs[0] in ours:
            found.setdefault(refs[0], one.body)
    return found


def _write(
    identifier: str,
    body: Json,
    uuids: Mapping[str, str],
    data: Json | None,
    carried: Carried,
    problem: Callable[[Problem], None],
) -> None:
    uuid = uuids[identifier]
    written = write_value(body["type"], own_properties(body), uuid)
    if written is None:
        carried.told.update({identifier, *([data["id"]] if data else [])})
        problem(Problem(identifier, f"MISP has no place for this {body['type']}"))
        return
    if written.unsaid:
        problem(Problem(identifier, f"MISP cannot say its {', '.join(sorted(written.unsaid))}"))
    name, record = written.name, written.record
    if data is not None and data.get("number_observed") != 1:
        problem(Problem(data["id"], "MISP cannot say its number_observed"))
    if data is not None:
        _with_data(record, data, written.name == "")
        name, record = _as_given(body, record, name, data)
    for relation, end in _ENDS.items():
        for target in body.get(end, ()):
            if target in uuids:
                made = str(uuid5(_MADE, f"{uuid} {relation} {uuids[target]}"))
                reference = {"uuid": made, "object_uuid": uuid, "referenced_uuid": uuids[target]}
                record.setdefault("ObjectReference", []).append(reference | {"relationship_type": relation})
    carried.told.update({identifier, *([data["id"]] if data else [])})
    (carried.objects if name else carried.attributes).append(record)


def _with_data(record: Json, data: Json, alone: bool) -> None:
    """Put into a record what observed data says besides."""
    record["first_seen"], record["last_seen"] = data["first_observed"], data["last_observed"]
    comment = data.get("x_misp_comment")
    if isinstance(comment, str):
        record["comment"] = comment
    if _TO_IDS in data.get("labels", []):
        # In an object, what it is told by comes first.
        (record if alone else record["Attribute"][0])["to_ids"] = True
    if not alone:
        record["Attribute"] += _listed(data, "x_misp_attributes")


def _as_given(body: Json, record: Json, name: str, data: Json) -> tuple[str, Json]:
    """A wallet or an IBAN that was an attribute by itself is one again."""
    given = [one for one in data.get("labels", []) if isinstance(one, str) and one.startswith('misp:type="')]
    kind = given[0].partition('"')[2].removesuffix('"') if given else ""
    value = body.get("address") or body.get("iban")
    if not name or kind not in ("btc", "xmr", "dash", "iban") or value is None:
        return name, record
    found = read_attribute({"type": kind, "value": value})
    if found is None or found.properties != own_properties(body):
        return name, record
    single = {"uuid": record["uuid"], "type": kind, "category": "Financial fraud", "value": value,
              "to_ids": _TO_IDS in data.get("labels", []), "disable_correlation": False}  # fmt: skip
    return "", single | {key: record[key] for key in ("first_seen", "last_seen", "comment") if key in record}


def _link(body: Json, uuids: Mapping[str, str]) -> Json:
    source, target = str(body.get("source_ref")), str(body.get("target_ref"))
    return {
        "id": body["id"], "source": uuids.get(source, _uuid(source)), "uuid": _uuid(body["id"]),
        "referenced_uuid": uuids.get(target, _uuid(target)), "relationship_type": body["relationship_type"],
    }  # fmt: skip


def _falls(body: Json, gone: set[str]) -> bool:
    """Whether an object has nothing left to be about: the converter cannot read it so. It is told by who compares."""
    if body["type"] == "sighting":
        return body.get("sighting_of_ref") in gone
    refs = body.get("object_refs")
    return isinstance(refs, list) and bool(refs) and gone.issuperset(refs)


# --- people, to MISP ------------------------------------------------------------------------------------------


def _facts_out(body: Json, carried: Carried, problem: Callable[[Problem], None]) -> None:
    if body["type"] != "identity" or PERSON_FACTS_EXTENSION not in body.get("extensions", {}):
        return
    uuid = _uuid(body["id"])
    try:
        facts = msgspec.to_builtins(person_facts(body)) or {}
    except InvalidInput as error:
        problem(Problem(body["id"], error.message))
        return
    is_person = body.get("identity_class") == "individual" or (
        body.get("identity_class") is None and bool(facts.get("births") or facts.get("documents"))
    )
    unsaid: list[str] = []
    rows = list(_person_rows(facts, unsaid) if is_person else _organisation_rows(facts, unsaid))
    name = ("full-name", "full-name") if is_person else ("name", "text")
    plain = [(*name, str(body["name"])), *(("role", "text", str(one)) for one in body.get("roles", ()))]
    if not is_person:
        shown = (("description", "description"), ("contact_information", "contact_information"))
        plain += [(relation, "text", str(body[prop])) for relation, prop in shown if body.get(prop)]
        plain += [("sector", "text", str(one)) for one in body.get("sectors", ())]
    carried.people[uuid] = composite("person" if is_person else "organization", uuid, iter([*plain, *rows]))
    if unsaid:
        problem(Problem(body["id"], f"MISP cannot say of its facts: {', '.join(sorted(set(unsaid)))}"))


def _person_rows(facts: Json, unsaid: list[str]) -> Iterator[tuple[str, str, str]]:
    births = list(facts.get("births") or ())
    whole = [one for one in births if len(one) == len("1970-05-21")][:1]
    if whole:
        yield "date-of-birth", "date-of-birth", whole[0]
    unsaid += ["births"] if births != whole else []
    for country in facts.get("countries") or ():
        yield "nationality", "nationality", country
    seen: set[str] = set()
    for one in facts.get("documents") or ():
        kind = {"passport": "passport-number", "identity-card": "identity-card-number"}.get(one["kind"])
        if kind is None or kind in seen:
            unsaid.append("documents")
            continue
        seen.add(kind)
        yield kind, kind, one["number"]
        if one.get("country") and kind == "passport-number":
            yield "passport-country", "passport-country", one["country"]
        elif one.get("country"):
            unsaid.append("documents")
    yield from _name_rows(facts, unsaid)
    unsaid += ["registrations"] if facts.get("registrations") else []


def _organisation_rows(facts: Json, unsaid: list[str]) -> Iterator[tuple[str, str, str]]:
    yield from _name_rows(facts, unsaid)
    number = False
    for one in facts.get("registrations") or ():
        is_tax = one.get("register") == "VAT"
        if one.get("country") or (one.get("register") and not is_tax) or (number and not is_tax):
            unsaid.append("registrations")
        if is_tax:
            yield "VAT", "text", one["number"]
        elif not number:
            number = True
            yield "registration-number", "text", one["number"]
    unsaid += [name for name in ("births", "countries", "documents") if facts.get(name)]


def _name_rows(facts: Json, unsaid: list[str]) -> Iterator[tuple[str, str, str]]:
    for one in facts.get("names") or ():
        yield "alias", "text", one["name"]
        unsaid += ["names"] if one.get("lang") or one.get("script") or one.get("kind") != "alias" else []


def add_extensions(event: Json, carried: Carried) -> None:
    """Put the records of ours into the event that the converter made of the rest, and the links from and to them."""
    if carried.people:
        held = event.get("Object", [])
        event["Object"] = [_with_facts(one, carried.people) for one in held]
        event["Object"] += [one for uuid, one in carried.people.items() if all(uuid != each["uuid"] for each in held)]
    for key, records in (("Object", carried.objects), ("Attribute", carried.attributes)):
        if records:
            event[key] = [*event.get(key, []), *records]
    sources = {one["uuid"]: one for one in event.get("Object", [])}
    for link in carried.links:
        source = sources.get(link["source"])
        if source is not None:
            reference = {name: link[name] for name in ("uuid", "referenced_uuid", "relationship_type")}
            source.setdefault("ObjectReference", []).append(reference | {"object_uuid": link["source"]})
            carried.told.add(link["id"])


def _with_facts(record: Json, people: Mapping[str, Json]) -> Json:
    """The object that the converter made of an identity, with its facts: in place of MISP's bare ``identity``."""
    ours = people.get(record["uuid"])
    if ours is None:
        return record
    links = {name: record[name] for name in ("ObjectReference", "comment", "timestamp", "Tag") if name in record}
    if record.get("name") != ours["name"]:
        return ours | links
    held = {(one["object_relation"], one["value"]) for one in record["Attribute"]}
    more = [one for one in ours["Attribute"] if (one["object_relation"], one["value"]) not in held]
    return record | {"Attribute": [*record["Attribute"], *more]}


def bare_event(draft: Draft) -> Json:
    """Return the event of a draft that holds nothing but ours, and so nothing for the converter."""
    container = draft.container
    moment = str(Timestamp.parse(container["modified"]).micros // 1_000_000)
    named = {"uuid": _uuid(container["id"]), "info": str(container.get("name", ""))}
    return named | {"timestamp": moment, "published": False}
