"""Every rule has an object that breaks it, and one that does not; the path and the clause are right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from samples import EXTENSION, FILE, ID, IDENTITY, LATER, MARKING, SHA_256, TIME, TYPES, raw, sample

from titian.core.extension_objects import make_observable, with_facts
from titian.core.referral import Designation, refer, write_referral
from titian.core.stix import describe_rules, examine
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION, REFERRAL_ANSWER_EXTENSION, WALLET_EXTENSION

_TLP_GREEN = {
    "id": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "created": "2017-01-20T00:00:00.000Z",
    "name": "TLP:GREEN",
    "definition_type": "tlp",
    "definition": {"tlp": "green"},
}
_V5 = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
_DEEP = json.loads("[" * 64 + "]" * 64)


def extended(content: object, key: str = EXTENSION) -> dict[str, Any]:
    return {"extensions": {key: content}}


def granular(*selectors: str, **more: Any) -> dict[str, Any]:
    return {"granular_markings": [{"selectors": list(selectors), "lang": "en", **more}]}


BREAKS: list[tuple[str, str, str, dict[str, Any]]] = [
    # rule, path, clause, object
    ("at-least-one", "$", "6.7", sample("file", hashes=None)),
    ("at-least-one", "$", "6.13", sample("process", pid=None, extensions=None)),
    ("at-least-one", "$", "6.16", sample("user-account", user_id=None, extensions=None)),
    ("at-least-one", "$", "6.12", sample("network-traffic", src_ref=None)),
    ("at-least-one", "$", "4.12", sample("malware-analysis", result=None)),
    ("at-least-one", "$", "4.14", sample("observed-data", object_refs=None)),
    ("at-least-one", "$.external_references[1]", "2.5.2", sample(
        "tool", external_references=[{"source_name": "a", "url": "b"}, {"source_name": "a"}])),
    ("at-least-one", "$.extensions['windows-pebinary-ext']", "6.7.6",
     sample("file", **extended({"pe_type": "exe"}, "windows-pebinary-ext"))),
    ("at-least-one", "$.body_multipart[0]", "6.6.2",
     sample("email-message", body_multipart=[{"content_type": "text/plain"}])),
    ("at-least-one", "$.x509_v3_extensions", "6.18.2",
     sample("x509-certificate", x509_v3_extensions={"x_custom": "y"})),
    ("binary-format", "$.payload_bin", "2.1", sample("artifact", payload_bin="???")),
    ("bundled-object", "$.objects[1]", "8.1",
     sample("bundle", objects=[{"type": "a", "id": "b"}, {"type": "bundle", "id": "c"}])),
    ("circular-marking", "$.object_marking_refs[0]", "3.2",
     sample("marking-definition", object_marking_refs=[MARKING])),
    ("closed-vocabulary", "$.opinion", "4.15", sample("opinion", opinion="maybe")),
    ("closed-vocabulary", "$.values[0].data_type", "6.17.2",
     sample("windows-registry-key", values=[{"data_type": "REG_X"}])),
    ("contained-object", "$.objects.a", "2.13",
     sample("observed-data", object_refs=None, objects={"a": {"value": "x"}})),
    ("container-reference", "$.objects['0'].src_ref", "2.13",
     sample("observed-data", object_refs=None, objects={"0": {"type": "network-traffic", "src_ref": "9"}})),
    ("cpe-format", "$.cpe", "6.14", sample("software", cpe="word")),
    ("custom-extension-name", "$.extensions['x-foo']", "11.3.1", sample("mutex", **extended({"a": 1}, "x-foo"))),
    ("dictionary-key", "$.environment_variables['a(b)']", "2.3",
     sample("process", environment_variables={"a(b)": "x"})),
    ("domain-name", "$.value", "6.4", sample("domain-name", value="a b.example")),
    ("duplicate-key", "$.definition.statement", "2.3", {}),
    ("email-address", "$.value", "6.5", sample("email-addr", value="John <jdoe@example.com>")),
    ("empty-dictionary", "$.hashes", "2.3", sample("file", hashes={})),
    ("empty-extension", f"$.extensions['{EXTENSION}']", "3.2", sample("tool", **extended({}))),
    ("empty-list", "$.labels", "2.12", sample("tool", labels=[])),
    ("empty-list", "$.object_refs", "2.12", sample("report", object_refs=[])),
    ("extension-id", "$.extensions['extension-definition--1']", "7.3",
     sample("tool", **extended({"extension_type": "property-extension"}, "extension-definition--1"))),
    ("extension-key", "$.extensions.Foo_ext", "3.2", sample("file", **extended({"a": 1}, "Foo_ext"))),
    ("extension-properties", "$.extension_properties", "7.3.1",
     sample("extension-definition", extension_types=["new-sdo"])),
    ("extension-type", f"$.extensions['{EXTENSION}'].extension_type", "3.2", sample("tool", **extended({"a": 1}))),
    ("external-id-format", "$.external_references[0].external_id", "4.19",
     sample("vulnerability", external_references=[{"source_name": "cve", "external_id": "2014-0160"}])),
    ("hash-format", "$.hashes['SHA-256']", "2.7", sample("file", hashes={"SHA-256": "abc"})),
    ("hash-name", "$.hashes['é']", "2.7", sample("file", hashes={"é": "abc", "SHA-256": SHA_256})),
    ("hex-format", "$.magic_number_hex", "2.8", sample("file", magic_number_hex="504B0304")),
    ("id-prefix", "$.id", "2.9", sample("tool", id=f"malware--{ID}")),
    ("id-prefix", "$.id", "2.9", sample("x-mitre-tactic", id=f"tool--{ID}")),
    ("identifier", "$.id", "2.9", sample("tool", id="tool--1")),
    ("identifier", "$.object_refs[1]", "2.9", sample("report", object_refs=[FILE, "file"])),
    ("integer-size", "$.number", "2.10", sample("autonomous-system", number=2**53)),
    ("integer-size", "$.x_list[0]", "2.10", sample("tool", x_list=[2**53])),
    ("integer-size", "$.x_deep[0].a", "2.10", sample("tool", x_deep=[{"a": 10**40}])),
    ("integer-size", "$.x_number", "2.10", sample("tool", x_number=-(2**53))),
    ("ip-address", "$.value", "6.8", sample("ipv4-addr", value="198.51.100.256")),
    ("ip-address", "$.value", "6.9", sample("ipv6-addr", value="198.51.100.2")),
    ("json", "$", "RFC 8259", {}),
    ("language-tag", "$.lang", "3.2", sample("tool", lang="x")),
    ("language-tag", "$.contents.not_a_tag", "7.1", sample("language-content", contents={"not_a_tag": {"a": "b"}})),
    ("location-place", "$", "4.10", sample("location", latitude=None, longitude=None, precision=None)),
    ("mac-address", "$.value", "6.10", sample("mac-addr", value="D2:FB:49:24:37:18")),
    ("malware-family-name", "$", "4.11", sample("malware", name=None)),
    ("marking-content", "$", "7.2.1", sample("marking-definition", definition=None)),
    ("marking-or-language", "$.granular_markings[0]", "7.2.3",
     sample("tool", **granular("name", marking_ref=MARKING))),
    ("needs-other", "$.latitude", "4.10", sample("location", longitude=None, precision=None, region="asia")),
    ("needs-other", "$.url", "6.1", sample("artifact", payload_bin=None, url="https://example.com/")),
    ("needs-other", "$.decryption_key", "6.1", sample("artifact", decryption_key="k")),
    ("nesting", "$", "RFC 8259 section 9", {}),
    ("not-an-object", "$", "1.2.10", {}),
    ("not-applicable", "$.defanged", "3.2", sample("tool", defanged=True)),
    ("not-applicable", "$.modified", "7.2.1", sample("marking-definition", modified=TIME)),
    ("not-both", "$.url", "6.1",
     sample("artifact", url="https://example.com/", hashes={"SHA-256": SHA_256})),
    ("not-both", "$.object_refs", "4.14", sample("observed-data", objects={"0": {"type": "file", "name": "x"}})),
    ("null-value", "$.description", "3.1", {}),
    ("number-range", "$.confidence", "3.2", sample("tool", confidence=101)),
    ("number-range", "$.src_port", "6.12", sample("network-traffic", src_port=65536)),
    ("number-range", "$.latitude", "4.10", sample("location", latitude=-90.5)),
    ("number-range", "$.number_observed", "4.14", sample("observed-data", number_observed=0)),
    ("number-range", "$.count", "5.2", sample("sighting", count=1_000_000_000)),
    ("object-size", "$", "RFC 8259 section 9", {}),
    ("only-if", "$.body", "6.6", sample("email-message", body="x")),
    ("only-if", "$.body_multipart", "6.6", sample("email-message", is_multipart=False)),
    ("pattern-syntax", "$.pattern", "9", sample("indicator", pattern="[ipv4-addr:value = ]")),
    ("property-name", "$.x_Upper", "3.1", sample("tool", x_Upper=1)),
    ("random-id", "$.id", "2.9", sample("process", id="process--28bb3599-77cd-5a82-a950-b5bc3caf07c4")),
    ("redefined-type", f"$.extensions['{EXTENSION}'].extension_type", "7.3",
     sample("tool", **extended({"extension_type": "new-sdo"}))),
    ("reference-type", "$.created_by_ref", "3.2", sample("tool", created_by_ref=FILE)),
    ("reference-type", "$.object_marking_refs[0]", "3.2", sample("mutex", object_marking_refs=[FILE])),
    ("reference-type", "$.source_ref", "5.1", sample("relationship", source_ref=f"relationship--{ID}")),
    ("reference-type", "$.target_ref", "5.1", sample("relationship", target_ref=MARKING)),
    ("reference-type", "$.sighting_of_ref", "5.2", sample("sighting", sighting_of_ref=FILE)),
    ("reference-type", "$.where_sighted_refs[1]", "5.2", sample("sighting", where_sighted_refs=[IDENTITY, FILE])),
    ("reference-type", "$.extensions['archive-ext'].contains_refs[0]", "6.7.2",
     sample("file", **extended({"contains_refs": [IDENTITY]}, "archive-ext"))),
    ("registry-hive", "$.key", "6.17", sample("windows-registry-key", key="HKLM\\System")),
    ("relationship-type", "$.relationship_type", "5.1", sample("relationship", relationship_type="Uses It")),
    ("required-property", "$.name", "4.18", sample("tool", name=None)),
    ("required-property", "$.spec_version", "3.2", sample("tool", spec_version=None)),
    ("required-property", "$.created_by_ref", "7.3", sample("extension-definition", created_by_ref=None)),
    ("required-property", "$.type", "3.2", {"id": f"tool--{ID}"}),
    ("required-property", "$.spec_version", "3.2", sample("x-mitre-tactic", spec_version=None)),
    ("reserved-name", "$.severity", "3.8", sample("incident", severity="high")),
    ("selector-syntax", "$.granular_markings[0].selectors[1]", "7.2.3",
     sample("tool", **granular("name", "kill_chain_phases[0]"))),
    ("selector-target", "$.granular_markings[0].selectors[0]", "7.2.3",
     sample("tool", **granular("kill_chain_phases.[1]"))),
    ("spec-version", "$.spec_version", "3.2", sample("tool", spec_version="2.0")),
    ("statement-marking", "$.definition.statement", "7.2.1",
     sample("marking-definition", definition={"statement": 1})),
    ("timestamp", "$.created", "2.16.1", sample("tool", created="2020-13-01T00:00:00.000Z")),
    ("timestamp", "$.extensions['windows-pebinary-ext'].time_date_stamp", "2.16.1",
     sample("file", **extended({"pe_type": "exe", "time_date_stamp": "x"}, "windows-pebinary-ext"))),
    ("timestamp-order", "$.modified", "3.6.1", sample("tool", created=LATER)),
    ("timestamp-order", "$.modified", "3.6.1", sample("tool", created="2020-01-02T03:04:05.6780001Z")),
    ("timestamp-order", "$.last_seen", "4.2", sample("campaign", first_seen=LATER)),
    ("timestamp-order", "$.valid_until", "4.7", sample("indicator", valid_until=TIME)),
    ("timestamp-order", "$.valid_until", "4.7", sample("indicator", valid_until="2020-01-02T03:04:05.6780Z")),
    ("timestamp-order", "$.stop_time", "5.1", sample("relationship", start_time=TIME, stop_time=TIME)),
    ("timestamp-order", "$.end", "6.12", sample("network-traffic", start=LATER, end=TIME)),
    ("timestamp-precision", "$.created", "3.2", sample("tool", created="2020-01-02T03:04:05Z")),
    ("tlp-instance", "$.id", "7.2.1", sample("marking-definition", **{**_TLP_GREEN, "id": MARKING})),
    ("tlp-instance", "$.definition.tlp", "7.2.1",
     sample("marking-definition", **{**_TLP_GREEN, "definition": {"tlp": "clear"}})),
    ("tlp-instance", "$.name", "7.2.1", sample("marking-definition", **{**_TLP_GREEN, "name": "TLP:CLEAR"})),
    ("tlp-instance", "$.definition_type", "7.2.1",
     sample("marking-definition", id=_TLP_GREEN["id"])),
    ("traffic-ended", "$.end", "6.12", sample("network-traffic", end=TIME, is_active=True)),
    ("type-name", "$.type", "3.1", {**sample("x-mitre-tactic"), "type": "X_Tactic"}),
    ("url-form", "$.value", "6.15", sample("url", value="example.com/no scheme")),
    ("utf-8", "$", "2.15", {}),
    ("versioned-observable", "$.id", "3.6", sample("ipv4-addr", id=_V5, value="198.51.100.3", created=TIME)),
    ("wrong-type", "$.name", "4.18", sample("tool", name=1)),
    ("wrong-type", "$.revoked", "3.2", sample("tool", revoked="true")),
    ("wrong-type", "$.number", "6.2", sample("autonomous-system", number=True)),
    ("wrong-type", "$.kill_chain_phases[0].phase_name", "2.11",
     sample("tool", kill_chain_phases=[{"kill_chain_name": "k", "phase_name": ["p"]}])),
    ("wrong-type", "$.hashes['MD5']", "6.7", sample("file", hashes={"MD5": 1})),
]  # fmt: skip


def ours(kind: str, properties: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An observable of our extensions, with something changed."""
    return make_observable(kind, properties) | changes


def person(**facts: Any) -> dict[str, Any]:
    made = with_facts(sample("identity"), {"births": ["1970"]})
    made["extensions"] = {PERSON_FACTS_EXTENSION: {"extension_type": "property-extension", **facts}}
    return made


def referral(**changes: Any) -> dict[str, Any]:
    made = refer(
        ["url--00000000-0000-5000-8000-000000000001"], by=IDENTITY, addressed=IDENTITY, at=0, legal_basis=["Act"],
        designations=[Designation(source="list", name="List")], random=bytes,
    )  # fmt: skip
    value: dict[str, Any] = json.loads(write_referral(made))
    return value | changes


_WALLET, _IBAN = {"address": "abc"}, "DE89370400440532013000"
_STEP = {"state": "kept", "at": "1970-01-01T00:00:00Z", "reason": "So."}
_ANSWER = {
    "type": "referral-answer", "id": "referral-answer--00000000-0000-4000-8000-000000000001", "spec_version": "2.1",
    "created": TIME, "modified": TIME, "created_by_ref": IDENTITY, "response": "kept",
    "referral_ref": "referral--00000000-0000-4000-8000-000000000000",
    "extensions": {REFERRAL_ANSWER_EXTENSION: {"extension_type": "new-sdo"}},
}  # fmt: skip
BREAKS += [
    ("unknown-property", "$.owner", "7.3", ours("wallet", _WALLET, owner="x")),
    ("declared-type", f"$.extensions['{WALLET_EXTENSION}']", "7.3",
     ours("wallet", _WALLET, extensions={WALLET_EXTENSION: {"extension_type": "new-sdo"}})),
    ("code-form", "$.address", "7.3", ours("wallet", _WALLET, address="a b")),
    ("address-case", "$.address", "7.3", ours("wallet", _WALLET, address="0x" + "AB" * 20)),
    ("short-word", "$.network", "7.3", ours("wallet", _WALLET, network="Bitcoin")),
    ("amount-form", "$.value", "7.3", ours("transfer", {"hash": "ab"}, value="1e9")),
    ("currency", "$.currency", "7.3", ours("transfer", {"hash": "ab"}, value="1", currency="two words")),
    ("iban-form", "$.iban", "7.3", ours("bank-account", {"iban": _IBAN}, iban="DE89 3704")),
    ("iban-checksum", "$.iban", "7.3", ours("bank-account", {"iban": _IBAN}, iban=_IBAN.replace("89", "88", 1))),
    ("bic-form", "$.bic", "7.3", ours("bank-account", {"iban": _IBAN}, bic="COBA")),
    ("country-code", "$.country", "7.3", ours("bank-account", {"number": "1"}, country="Japan")),
    ("phone-form", "$.value", "7.3", ours("phone-number", {"value": "+62211"}, value="0211")),
    ("media-hash-form", "$.value", "7.3", ours("media-hash", {"algorithm": "tmk", "value": "a"}, algorithm="pdq")),
    ("hash-text", "$.value", "7.3", ours("media-hash", {"algorithm": "tmk", "value": "a"}, value="a b")),
    ("partial-date", f"$.extensions['{PERSON_FACTS_EXTENSION}'].births[0]", "7.3", person(births=["May 1970"])),
    ("script-code", f"$.extensions['{PERSON_FACTS_EXTENSION}'].names[0].script", "7.3",
     person(names=[{"name": "A", "script": "latin"}])),
    ("referral-state", "$.state", "7.3", referral(state="lost")),
    ("referral-history", "$.state", "7.3", referral(state="kept")),
    ("referral-history", "$.history[0].state", "7.3", referral(state="kept", history=[_STEP])),
    ("referral-reason", "$.reason", "7.3", _ANSWER),
]  # fmt: skip

TEXTS = {
    "duplicate-key": raw(sample("marking-definition")).replace(b'"statement": "x"', b'"statement":"x","statement":"y"'),
    "json": raw(sample("tool"))[:-1],
    "nesting": b"[" * 100_000,
    "not-an-object": b"[]",
    "null-value": raw(sample("tool"))[:-1] + b',"description":null}',
    "object-size": b" " * (8 * 1024 * 1024 + 1),
    "utf-8": raw(sample("tool", name="?")).replace(b"?", b"\xff"),
}
"""What no Python value can hold."""


def broken(rule: str, value: dict[str, Any]) -> bytes:
    return raw(value) if value else TEXTS[rule]


@pytest.mark.parametrize(
    ("rule", "path", "clause", "value"),
    BREAKS,
    ids=[f"{row[0]}-{row[3].get('type', 'text')}-{i}" for i, row in enumerate(BREAKS)],
)
def test_the_rule_is_reported_with_path_and_clause(rule: str, path: str, clause: str, value: dict[str, Any]) -> None:
    found = examine(broken(rule, value)).violations
    places = {(one.rule, one.path, one.clause) for one in found}
    expected = path.replace("['MD5']", "[...]") if rule == "wrong-type" and "MD5" in path else path
    assert (rule, expected, clause) in places
    assert all(one.message.endswith((".", ")")) for one in found)


@pytest.mark.parametrize("type", TYPES)
def test_a_valid_object_of_every_type_breaks_none(type: str) -> None:
    found = examine(raw(sample(type)))
    assert found.violations == ()
    assert (found.type, found.id) == (type, sample(type)["id"])
    assert found.value.id == found.id
    assert found.value.type == type


def test_every_rule_has_an_object_that_breaks_it() -> None:
    assert {row.name for row in describe_rules()} == {rule for rule, *_ in BREAKS}


TOLERABLE = {row.name for row in describe_rules() if row.tolerable}


@pytest.mark.parametrize(
    ("rule", "value"), [(rule, value) for rule, _, _, value in BREAKS if rule in TOLERABLE], ids=lambda v: str(v)[:30]
)
def test_tolerable_rules_are_reported_only_when_strict(rule: str, value: dict[str, Any]) -> None:
    hard = {row.name for row in describe_rules() if not row.tolerable} - {"not-applicable"}
    lenient = {one.rule for one in examine(raw(value), strict=False).violations}
    assert rule not in lenient or value.get("defanged")
    assert lenient <= hard | {"not-applicable"}


FINE = [
    pytest.param(sample("marking-definition", **_TLP_GREEN), id="TLP:GREEN"),
    pytest.param(
        sample(
            "marking-definition",
            definition=None,
            definition_type=None,
            **extended({"extension_type": "property-extension", "tlp_2_0": "amber+strict"}),
        ),
        id="TLP 2.0 is an extension",
    ),
    pytest.param(sample("relationship", relationship_type="made-up", target_ref=f"x-foo--{ID}"), id="any pair"),
    pytest.param(sample("identity", identity_class="my-own"), id="open vocabulary"),
    pytest.param(sample("file", hashes={"SHA-256": SHA_256, "x_foo_hash": "anything"}), id="own hash"),
    pytest.param(sample("indicator", pattern="rule x {}", pattern_type="yara"), id="other pattern language"),
    pytest.param(sample("ipv4-addr", value="198[.]51[.]100[.]3", defanged=True), id="defanged"),
    pytest.param(sample("ipv4-addr", id=_V5, value="198.51.100.4"), id="id from another algorithm"),
    pytest.param(sample("ipv4-addr", created=TIME, modified=TIME), id="versioned outside the namespace"),
    pytest.param(sample("tool", modified="2020-01-02T03:04:05.678000Z"), id="same instant, more digits"),
    pytest.param(sample("tool", **granular("kill_chain_phases.[0].phase_name")), id="selector"),
    pytest.param(sample("tool", x_depth=_DEEP[0]), id="as deep as allowed"),
    pytest.param(sample("sighting", summary=True), id="summary"),
    pytest.param(sample("network-traffic", end=TIME), id="is_active not given"),
]  # fmt: skip


@pytest.mark.parametrize("value", FINE)
def test_what_the_specification_allows(value: dict[str, Any]) -> None:
    assert examine(raw(value)).violations == ()


def test_all_violations_of_an_object_are_reported_at_once() -> None:
    found = examine(raw(sample("tool", name=1, labels=[], confidence=-1, x_A=1, severity=1, created="x")))
    assert {one.rule for one in found.violations} == {
        "wrong-type",
        "empty-list",
        "number-range",
        "property-name",
        "reserved-name",
        "timestamp",
    }
    assert found.value is None
    assert {one.id for one in found.violations} == {f"tool--{ID}"}
