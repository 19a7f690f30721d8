"""Small valid STIX 2.1 objects, made without any code of ours: a test's own idea of the standard."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785

Object = dict[str, Any]

_SCO_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_random = random.Random(20240101)
_numbers = itertools.count(1)


def new_uuid() -> str:
    """A version 4 UUID from a seeded source: the same in every run, never twice in one."""
    return str(uuid.UUID(int=_random.getrandbits(128), version=4))


def moment(seconds: float = 0) -> str:
    """A STIX timestamp `seconds` after the start of 2024, with milliseconds."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sdo(type_: str, /, **properties: Any) -> Object:
    """Any domain object: the common properties, then `properties`."""
    common = {
        "type": type_,
        "spec_version": "2.1",
        "id": f"{type_}--{new_uuid()}",
        "created": moment(),
        "modified": moment(),
    }
    return common | properties


def indicator(**properties: Any) -> Object:
    number = next(_numbers)
    own = {
        "name": f"indicator {number}",
        "pattern": f"[ipv4-addr:value = '198.51.100.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": moment(),
    }
    return sdo("indicator", **(own | properties))


def malware(**properties: Any) -> Object:
    return sdo("malware", **({"name": f"malware {next(_numbers)}", "is_family": False} | properties))


def identity(**properties: Any) -> Object:
    return sdo("identity", **({"name": f"party {next(_numbers)}"} | properties))


def relationship(source: Object, target: Object, kind: str = "indicates", **properties: Any) -> Object:
    ends = {"relationship_type": kind, "source_ref": source["id"], "target_ref": target["id"]}
    return sdo("relationship", **(ends | properties))


def ipv4(value: str, **properties: Any) -> Object:
    """An observable: its identifier follows from its value, and it has no version (STIX 2.1 section 2.9)."""
    name = rfc8785.dumps({"value": value}).decode()
    own = {"type": "ipv4-addr", "spec_version": "2.1", "id": f"ipv4-addr--{uuid.uuid5(_SCO_NAMESPACE, name)}"}
    return own | {"value": value} | properties


def statement(text: str) -> Object:
    """A marking definition: `created`, but no `modified` (STIX 2.1 section 7.2.1)."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{new_uuid()}",
        "created": moment(7),
        "definition_type": "statement",
        "definition": {"statement": text},
    }


def custom_sdo(type_: str = "x-footbridge") -> Object:
    """An object of a type that STIX lacks, by an extension definition (STIX 2.1 section 7.3)."""
    extension = {f"extension-definition--{new_uuid()}": {"extension_type": "new-sdo"}}
    return sdo(type_, name="of a type of its own", extensions=extension)


def revision(of: Object, seconds: float = 60, **properties: Any) -> Object:
    """Another version of `of`, `seconds` after 2024 began."""
    return of | {"modified": moment(seconds)} | properties


def text(value: Any) -> bytes:
    """JSON as most producers write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def envelope(*objects: Object | bytes) -> bytes:
    """A TAXII envelope around objects, given as values or as the exact bytes to send."""
    parts = [part if isinstance(part, bytes) else text(part) for part in objects]
    return b'{"objects":[' + b",".join(parts) + b"]}"


def at(timestamp: str) -> datetime:
    """The instant of a STIX timestamp."""
    return datetime.fromisoformat(timestamp)


def version_of(value: Object) -> str | None:
    """The version a TAXII server must show (TAXII 2.1 section 5.3.1); None where the server may choose."""
    return value.get("modified", value.get("created"))
