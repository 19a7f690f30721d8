"""One valid object of every type, small, and ways to change them."""

from __future__ import annotations

import json
from typing import Any

ID = "28bb3599-77cd-4a82-a950-b5bc3caf07c4"
IDENTITY = f"identity--{ID}"
MARKING = f"marking-definition--{ID}"
FILE = f"file--{ID}"
TIME = "2020-01-02T03:04:05.678Z"
LATER = "2021-01-02T03:04:05.678Z"
SHA_256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EXTENSION = f"extension-definition--{ID}"

_OWN: dict[str, dict[str, Any]] = {
    "attack-pattern": {"name": "x", "external_references": [{"source_name": "capec", "external_id": "CAPEC-1"}]},
    "campaign": {"name": "x", "first_seen": TIME, "last_seen": TIME},
    "course-of-action": {"name": "x"},
    "grouping": {"context": "unspecified", "object_refs": [FILE]},
    "identity": {"name": "x", "identity_class": "organization", "sectors": ["government"]},
    "incident": {"name": "x"},
    "indicator": {"pattern": "[ipv4-addr:value = '198.51.100.3']", "pattern_type": "stix", "valid_from": TIME},
    "infrastructure": {"name": "x", "first_seen": TIME, "last_seen": LATER},
    "intrusion-set": {"name": "x", "goals": ["g"]},
    "location": {"latitude": 1, "longitude": 2.5, "precision": 0.0},
    "malware": {"is_family": True, "name": "x", "sample_refs": [FILE]},
    "malware-analysis": {"product": "x", "result": "malicious", "version": "1", "sample_ref": FILE},
    "note": {"content": "x", "object_refs": [f"relationship--{ID}"]},
    "observed-data": {
        "first_observed": TIME,
        "last_observed": TIME,
        "number_observed": 1,
        "object_refs": [FILE],
    },
    "opinion": {"opinion": "agree", "object_refs": [FILE]},
    "report": {"name": "x", "published": TIME, "object_refs": [FILE]},
    "threat-actor": {"name": "x", "roles": ["sponsor"]},
    "tool": {"name": "x", "kill_chain_phases": [{"kill_chain_name": "k", "phase_name": "p"}]},
    "vulnerability": {"name": "x", "external_references": [{"source_name": "cve", "external_id": "CVE-2014-0160"}]},
    "relationship": {"relationship_type": "uses", "source_ref": f"tool--{ID}", "target_ref": FILE},
    "sighting": {"sighting_of_ref": f"indicator--{ID}", "count": 0, "where_sighted_refs": [IDENTITY]},
    "artifact": {"payload_bin": "aGVsbG8="},
    "autonomous-system": {"number": 15139},
    "directory": {"path": "/"},
    "domain-name": {"value": "例え.jp"},
    "email-addr": {"value": "jdoe@example.com"},
    "email-message": {"is_multipart": True, "body_multipart": [{"body": "x"}]},
    "file": {"hashes": {"SHA-256": SHA_256}, "extensions": {"pdf-ext": {"version": "1.7"}}},
    "ipv4-addr": {"value": "198.51.100.0/24"},
    "ipv6-addr": {"value": "2001:db8::/96"},
    "mac-addr": {"value": "d2:fb:49:24:37:18"},
    "mutex": {"name": "x"},
    "network-traffic": {
        "src_ref": f"ipv4-addr--{ID}",
        "protocols": ["tcp"],
        "src_port": 0,
        "extensions": {"tcp-ext": {"src_flags_hex": "00000002"}},
    },
    "process": {"pid": 1, "extensions": {"windows-process-ext": {"integrity_level": "low"}}},
    "software": {"name": "x", "cpe": "cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*", "languages": ["id-ID"]},
    "url": {"value": "https://example.com/?q=1"},
    "user-account": {"user_id": "1", "extensions": {"unix-account-ext": {"gid": 1}}},
    "windows-registry-key": {"key": "HKEY_LOCAL_MACHINE\\X", "values": [{"name": "", "data_type": "REG_SZ"}]},
    "x509-certificate": {"serial_number": "1", "x509_v3_extensions": {"key_usage": "critical"}},
    "marking-definition": {"definition_type": "statement", "definition": {"statement": "x"}},
    "language-content": {"object_ref": f"campaign--{ID}", "contents": {"id": {"name": "x"}}},
    "extension-definition": {
        "created_by_ref": IDENTITY,
        "name": "x",
        "schema": "s",
        "version": "1.0.0",
        "extension_types": ["toplevel-property-extension"],
        "extension_properties": ["toxicity"],
    },
    "bundle": {"objects": [{"type": "mutex", "id": f"mutex--{ID}"}]},
    "x-mitre-tactic": {"x_mitre_shortname": "x", "created": TIME, "modified": TIME, "spec_version": "2.1"},
    "my-observable": {"some_property": 1, "extensions": {EXTENSION: {"extension_type": "new-sco"}}},
}

_UNDATED = {
    *["artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file", "ipv4-addr"],
    *["ipv6-addr", "mac-addr", "mutex", "network-traffic", "process", "software", "url", "user-account"],
    *["windows-registry-key", "x509-certificate", "bundle", "x-mitre-tactic", "my-observable"],
}
TYPES = sorted(_OWN)


def sample(type: str, **changes: Any) -> dict[str, Any]:
    """A valid object of ``type`` with ``changes``; a change to None takes the property away."""
    made: dict[str, Any] = {"type": type, "id": f"{type}--{ID}"}
    if type not in _UNDATED:
        made |= {"spec_version": "2.1", "created": TIME}
        if type != "marking-definition":
            made["modified"] = TIME
    made |= _OWN[type]
    for name, value in changes.items():
        made.pop(name, None)
        if value is not None:
            made[name] = value
    return made


def raw(value: object) -> bytes:
    """As a peer would write it."""
    return json.dumps(value).encode()
