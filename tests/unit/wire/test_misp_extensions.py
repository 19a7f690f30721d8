"""Objects of our extensions to MISP and back: what MISP can say comes back the same, what it cannot say is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pymisp
import pytest

from titian.core.extension_objects import make_observable, own_properties, with_facts
from titian.core.referral import Designation, refer, write_referral
from titian.core.stix import examine
from titian.core.tlp import TLP_IDS, Tlp
from titian.wire.misp import events_of, read_misp
from titian.wire.misp_values import SOCIAL, TEMPLATES, read_attribute, read_object, stix_time
from titian.wire.stix import Problem

GREEN = TLP_IDS[Tlp.GREEN]
US = "identity--00000000-0000-4000-8000-000000000001"
ADDRESS = "0x" + "ab" * 20
DIGEST = "ab" * 32
DATES = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
PERSON = {
    "type": "identity", "spec_version": "2.1", "id": "identity--00000000-0000-4000-8000-000000000009", **DATES,
    "name": "Analyst One", "object_marking_refs": [GREEN],
}  # fmt: skip


def there(*objects: dict[str, Any]) -> tuple[list[dict[str, Any]], list[Problem]]:
    problems: list[Problem] = []
    raws = [json.dumps(one).encode() for one in objects]
    return list(events_of(raws, definitions={}, problem=problems.append)), problems


def back(events: list[dict[str, Any]], folder: Path) -> tuple[list[dict[str, Any]], list[Problem]]:
    file = folder / "events.json"
    file.write_text(json.dumps({"response": [{"Event": one} for one in events]}), encoding="utf-8")
    problems: list[Problem] = []
    raws = list(read_misp(file, problem=problems.append))
    assert all(examine(raw).violations == () for raw in raws)
    # The converter says so of every event that no organisation made.
    return [json.loads(raw) for raw in raws], [one for one in problems if one.reason != "Missing Orgc field."]


def ours(kind: str, **properties: Any) -> dict[str, Any]:
    return make_observable(kind, properties, marks=[GREEN])


WALLET = ours("wallet", address=ADDRESS, network="ethereum")

SAID: dict[str, list[dict[str, Any]]] = {
    "wallet": [WALLET],
    "wallet of bitcoin": [ours("wallet", address="1BoatSLRHtKNngkdXEeobR76b53LETtpyT", network="bitcoin")],
    "wallet of monero": [ours("wallet", address="4" + "A" * 94, network="monero")],
    "wallet of another network": [ours("wallet", address="abc", network="moonbeam")],
    "wallet of no network": [ours("wallet", address="abc")],
    "transfer": [
        WALLET, ours("wallet", address="b"),
        ours("transfer", hash="ab" * 32, network="bitcoin", value="0.5", currency="BTC", at="2026-01-01T00:00:00Z",
             from_refs=[WALLET["id"]], to_refs=[ours("wallet", address="b")["id"]]),
    ],
    "transfer of a token": [ours("transfer", hash="ab", value="12.50", currency="USDT")],
    "transfer at a bank": [
        WALLET, ours("transfer", value="100", at="2026-01-01T00:00:00Z", to_refs=[WALLET["id"]]),
    ],
    "bank account": [
        ours("bank-account", iban="DE89370400440532013000", bic="COBADEFFXXX", institution="Bank", holder="Firm One",
             currency="EUR"),
    ],
    "bank account by number": [ours("bank-account", number="1234567", bank_code="0001")],
    "American account": [ours("bank-account", number="1234567", bank_code="021000021", country="US")],
    "phone number": [ours("phone-number", value="+622112345678")],
    "drone": [ours("drone", serial_number="1581F0000000001", registration="PK-X1", manufacturer="M", model="M1")],
    "media hash": [ours("media-hash", algorithm="pdq", value=DIGEST)],
    "media hash of the bytes": [ours("media-hash", algorithm="sha256", value=DIGEST)],
    **{
        f"account on {platform}": [ours("social-account", platform=platform, user_id="42", account_login="one")]
        for platform in [*SOCIAL, "mastodon"]
    },
    "account with more than its object": [
        ours("social-account", platform="telegram", user_id="42", display_name="One", url="https://t.example/one")
    ],
}  # fmt: skip


@pytest.mark.parametrize("objects", SAID.values(), ids=SAID)
def test_what_misp_can_say_comes_back_the_same(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    events, problems = there(*objects)
    assert problems == []
    for one in events:
        pymisp.MISPEvent().from_dict(**json.loads(json.dumps(one)))  # it knows types, categories and templates
    found, told = back(events, tmp_path)
    assert told == []
    plain = {one["id"]: one for one in found if one["type"] not in ("marking-definition", "grouping", "report")}
    assert plain == {one["id"]: one for one in objects}


def test_each_type_becomes_misps_object_of_the_same_meaning() -> None:
    names = {
        "bank account": "bank-account", "drone": "uav", "wallet": "coin-address", "account on x": "twitter-account",
        "transfer of a token": "cryptocurrency-transaction", "account on mastodon": "user-account",
    }  # fmt: skip
    for sample, name in names.items():
        (event,), _ = there(*SAID[sample])
        (made,) = event["Object"]
        assert made["name"] == name
        template = json.loads(_definition(name).read_text(encoding="utf-8"))
        relations = {one["object_relation"]: one["type"] for one in made["Attribute"]}
        assert relations == {one: template["attributes"][one]["misp-attribute"] for one in relations}
        assert relations.keys() & set(template.get("requiredOneOf", relations))
    (event,), _ = there(*SAID["phone number"], *SAID["media hash"])
    assert {one["type"]: one["value"] for one in event["Attribute"]} == {
        "phone-number": "+622112345678", "other": f"pdq:{DIGEST}",
    }  # fmt: skip


def _definition(name: str) -> Path:
    return Path(pymisp.__file__).parent / "data/misp-objects/objects" / name / "definition.json"


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_the_templates_are_misps(name: str) -> None:
    template = json.loads(_definition(name).read_text(encoding="utf-8"))
    assert TEMPLATES[name] == (template["uuid"], str(template["version"]), template["meta-category"])
    if name in {made for made, _ in SOCIAL.values()}:
        fields = next(fields for made, fields in SOCIAL.values() if made == name)
        assert {one: kind for one, (_, kind) in fields.items()} == {
            one: template["attributes"][one]["misp-attribute"] for one in fields
        }


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (ours("nft", network="ethereum", contract=ADDRESS, token_id="1"), "no place"),
        (ours("drone", serial_number="1581F0000000001", operator_id="OP-1"), "operator_id"),
        (ours("drone", remote_id="S-1"), "no place"),
        (ours("bank-account", number="1", country="JP"), "country"),
        (ours("transfer", hash="ab", network="tron", index=1, value="1", currency="USDT"), "index, network"),
        (ours("media-hash", algorithm="pdq", value=DIGEST, quality=90), "quality"),
        (ours("media-hash", algorithm="own", value="x"), "algorithm"),
    ],
)
def test_what_misp_cannot_say_is_told(one: dict[str, Any], why: str) -> None:
    events, problems = there(one)
    assert [problem.where for problem in problems] == [one["id"]]
    assert why in problems[0].reason
    assert ("no place" in why) is (events == [] or not (events[0].get("Object") or events[0].get("Attribute")))


def test_a_referral_has_no_place_in_misp_and_takes_nothing_along() -> None:
    said = refer([WALLET["id"]], by=US, addressed=US, at=0, legal_basis=["Act"], random=bytes, marks=[GREEN],
                 designations=[Designation(source="list", name="List")])  # fmt: skip
    events, problems = there(json.loads(write_referral(said)), WALLET)
    assert [one.where for one in problems] == [said.id]
    assert [one["name"] for one in events[0]["Object"]] == ["coin-address"]


# ── records of others ─────────────────────────────────────────────────────────────────────────────────────────


def record(name: str, uuid: int, *attributes: tuple[str, str, str], **members: Any) -> dict[str, Any]:
    return {
        "name": name, "uuid": f"5b1f0000-0001-4000-8000-{uuid:012d}", "meta-category": "misc", "template_version": "1",
        "timestamp": "1772360000", "template_uuid": "5b1f0000-0001-4000-8000-00000000ffff",
        "Attribute": [
            {"uuid": f"5b1f0000-0002-4000-8000-{uuid:010d}{number:02d}", "object_relation": relation, "type": kind,
             "value": value, "category": "Other", "to_ids": False, "timestamp": "1772360000"}
            for number, (relation, kind, value) in enumerate(attributes)
        ],
        **members,
    }  # fmt: skip


def event(*objects: dict[str, Any], attributes: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "uuid": "5b1f0000-0003-4000-8000-000000000001", "info": "An event", "date": "2026-03-01",
        "timestamp": "1772360000", "Tag": [{"name": "tlp:green"}], "Object": list(objects),
        "Attribute": list(attributes),
    }  # fmt: skip


BITCOIN = {
    "uuid": "5b1f0000-0004-4000-8000-000000000001", "type": "btc", "category": "Financial fraud", "to_ids": True,
    "value": "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "timestamp": "1772360000", "comment": "ransom",
}  # fmt: skip


def test_a_record_of_others_is_observed_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    coin = record("coin-address", 1, ("address-crypto", "text", ADDRESS), ("symbol", "text", "ETH"),
                  ("total-received", "float", "12.5"))  # fmt: skip
    coin["Attribute"][0]["to_ids"] = True
    owner = record("person", 2, ("full-name", "full-name", "Analyst One"))
    owner["ObjectReference"] = [
        {"uuid": "5b1f0000-0005-4000-8000-000000000001", "referenced_uuid": coin["uuid"], "relationship_type": "owns"}
    ]
    found, told = back([event(coin, owner, attributes=(BITCOIN,))], tmp_path)
    assert told == []
    by_type: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        by_type.setdefault(one["type"], []).append(one)
        assert one["type"] == "marking-definition" or GREEN in one["object_marking_refs"]
    assert {one["address"]: one["network"] for one in by_type["wallet"]} == {
        ADDRESS: "ethereum", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT": "bitcoin",
    }  # fmt: skip
    data = {one["id"]: one for one in by_type["observed-data"]}
    seen = data[f"observed-data--{coin['uuid']}"]
    assert seen["object_refs"] == [WALLET["id"]]
    assert [one["value"] for one in seen["x_misp_attributes"]] == ["12.5"]
    assert data[f"observed-data--{BITCOIN['uuid']}"]["x_misp_comment"] == "ransom"
    (link,) = by_type["relationship"]
    assert link["target_ref"] == seen["id"]
    (whole,) = by_type["grouping"]
    assert {*data, *(one["id"] for one in by_type["wallet"])} <= set(whole["object_refs"])

    events, problems = there(*found)
    assert problems == []
    (made,) = events
    (attribute,) = [one for one in made["Attribute"] if one["type"] == "btc"]
    assert {key: attribute[key] for key in ("uuid", "value", "to_ids", "comment")} == {
        key: BITCOIN[key] for key in ("uuid", "value", "to_ids", "comment")
    }
    (again,) = [one for one in made["Object"] if one["name"] == "coin-address"]
    assert again["uuid"] == coin["uuid"]
    assert {one["value"] for one in again["Attribute"] if one["to_ids"]} == {ADDRESS}
    assert {(one["object_relation"], one["value"]) for one in again["Attribute"]} == {
        ("address-crypto", ADDRESS), ("symbol", "ETH"), ("total-received", "12.5"),
    }  # fmt: skip
    twice, _ = back(events, tmp_path)
    assert {one["id"] for one in twice} == {one["id"] for one in found}


def test_what_was_observed_more_than_once_is_told() -> None:
    data = {
        "type": "observed-data", "spec_version": "2.1", "id": "observed-data--00000000-0000-4000-8000-00000000000c",
        **DATES, "first_observed": "2026-01-01T00:00:00Z", "last_observed": "2026-01-02T00:00:00Z",
        "number_observed": 3, "object_refs": [WALLET["id"]], "object_marking_refs": [GREEN],
    }  # fmt: skip
    events, problems = there(data, WALLET)
    assert [one.where for one in problems] == [data["id"]]
    (made,) = events[0]["Object"]
    assert (made["uuid"], made["first_seen"]) == (str(data["id"]).partition("--")[2], "2026-01-01T00:00:00Z")


def test_what_is_about_ours_alone_does_not_break_the_event() -> None:
    note = {
        "type": "note", "spec_version": "2.1", "id": "note--00000000-0000-4000-8000-00000000000d", **DATES,
        "content": "Seen before.", "object_refs": [WALLET["id"]], "object_marking_refs": [GREEN],
    }  # fmt: skip
    tool = {"type": "tool", "spec_version": "2.1", "id": "tool--00000000-0000-4000-8000-00000000000e", **DATES,
            "name": "Tool", "object_marking_refs": [GREEN]}  # fmt: skip
    events, problems = there(note, tool, WALLET)
    assert [one.where for one in problems] == [note["id"]]
    assert [one["name"] for one in events[0]["Object"]] == ["coin-address"]
    assert "Galaxy" in events[0]


def test_accounts_that_stix_has_a_place_for_stay_there(tmp_path: Path) -> None:
    account = record("telegram-account", 1, ("id", "text", "42"), ("username", "text", "one"))
    channel = record("youtube-channel", 2, ("channel-id", "text", "UC42"))
    found, _ = back([event(account, channel)], tmp_path)
    kinds = {one["type"] for one in found}
    assert {"user-account", "social-account"} <= kinds
    (ours,) = [one for one in found if one["type"] == "social-account"]
    assert own_properties(ours) == {"platform": "youtube", "user_id": "UC42"}


def test_what_is_not_written_as_ours_stays_as_the_converter_has_it(tmp_path: Path) -> None:
    odd = [
        record("coin-address", 1, ("address-crypto", "text", "two words")),
        record("bank-account", 2, ("account", "bank-account-nr", "1"), ("swift", "bic", "no bic")),
        record("cryptocurrency-transaction", 3, ("value", "float", "1")),
    ]
    number = BITCOIN | {"type": "phone-number", "value": "021 1234567"}
    found, told = back([event(*odd, attributes=(number,))], tmp_path)
    assert sorted(one["type"] for one in found if one["type"].startswith("x-misp")) == [
        "x-misp-attribute", *["x-misp-object"] * 3,
    ]  # fmt: skip
    assert len(told) == 4
    assert not {one["type"] for one in found} & {"wallet", "bank-account", "transfer", "phone-number"}


def test_a_deleted_record_is_revoked(tmp_path: Path) -> None:
    found, _ = back([event(attributes=(BITCOIN | {"deleted": True},))], tmp_path)
    assert [one["type"] for one in found if one.get("revoked")] == ["observed-data"]
    events, _ = there(*found)
    assert [one.get("deleted") for one in events[0]["Attribute"]] == [True]


def test_a_marking_of_a_record_binds_what_becomes_of_it(tmp_path: Path) -> None:
    found, _ = back([event(attributes=(BITCOIN | {"Tag": [{"name": "tlp:red"}]},))], tmp_path)
    marks = {one["type"]: one.get("object_marking_refs") for one in found}
    assert marks["wallet"] == marks["observed-data"] == [TLP_IDS[Tlp.RED]]


def test_a_link_from_and_to_ours_is_a_reference_in_misp(tmp_path: Path) -> None:
    owner = with_facts(PERSON | {"identity_class": "individual"}, {"births": ["1970-05-21"]})
    links = [
        {"type": "relationship", "spec_version": "2.1", "id": f"relationship--00000000-0000-4000-8000-00000000000{n}",
         **DATES, "relationship_type": kind, "source_ref": source, "target_ref": target, "object_marking_refs": [GREEN]}
        for n, (kind, source, target) in enumerate(
            [("owns", owner["id"], WALLET["id"]), ("owned-by", WALLET["id"], owner["id"])]
        )
    ]  # fmt: skip
    report = {
        "type": "report", "spec_version": "2.1", "id": "report--00000000-0000-4000-8000-00000000000b", **DATES,
        "name": "R", "published": "2026-01-01T00:00:00Z", "object_marking_refs": [GREEN],
        "object_refs": [owner["id"], WALLET["id"], *(one["id"] for one in links)],
    }  # fmt: skip
    events, problems = there(report, owner, WALLET, *links)
    assert problems == []
    found, told = back(events, tmp_path)
    assert told == []
    assert {(one["relationship_type"], one["source_ref"], one["target_ref"]) for one in found
            if one["type"] == "relationship"} == {
        ("owns", owner["id"], WALLET["id"]), ("owned-by", WALLET["id"], owner["id"]),
    }  # fmt: skip


# ── people ────────────────────────────────────────────────────────────────────────────────────────────────────

FACTS = {
    "individual": {
        "births": ["1970-05-21"], "countries": ["ID", "JP"], "names": [{"name": "アナリスト", "kind": "alias"}],
        "documents": [{"kind": "passport", "number": "X1", "country": "ID"}, {"kind": "identity-card", "number": "2"}],
    },
    "organization": {
        "names": [{"name": "First", "kind": "alias"}],
        "registrations": [{"number": "R-1"}, {"number": "V-1", "register": "VAT"}],
    },
}  # fmt: skip


@pytest.mark.parametrize("identity_class", FACTS)
def test_facts_that_misp_can_say_come_back_the_same(identity_class: str, tmp_path: Path) -> None:
    said = with_facts(PERSON | {"identity_class": identity_class}, FACTS[identity_class])
    events, problems = there(said)
    assert problems == []
    found, told = back(events, tmp_path)
    assert told == []
    (again,) = [one for one in found if one["id"] == said["id"]]
    assert (again["name"], again["identity_class"]) == (said["name"], identity_class)
    assert again["extensions"] == said["extensions"]
    assert not any(name.startswith("x_misp") for name in again)
    twice, _ = there(*found)
    assert [_said(one) for one in twice[0]["Object"]] == [_said(one) for one in events[0]["Object"]]


def _said(one: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    return one["name"], sorted((each["object_relation"], each["value"]) for each in one["Attribute"])


@pytest.mark.parametrize(
    ("identity_class", "facts", "why"),
    [
        ("individual", {"births": ["1970-05"]}, "births"),
        ("individual", {"births": ["1970-05-21", "1971-05-21"]}, "births"),
        ("individual", {"documents": [{"kind": "visa", "number": "1"}]}, "documents"),
        ("individual", {"names": [{"name": "A", "lang": "ja"}]}, "names"),
        ("individual", {"registrations": [{"number": "1"}]}, "registrations"),
        ("organization", {"countries": ["JP"]}, "countries"),
        ("organization", {"registrations": [{"number": "1", "country": "JP"}]}, "registrations"),
    ],
)
def test_facts_that_misp_cannot_say_are_told(identity_class: str, facts: dict[str, Any], why: str) -> None:
    said = with_facts(PERSON | {"identity_class": identity_class}, facts)
    _, problems = there(said)
    assert [(one.where, why in one.reason) for one in problems] == [(said["id"], True)]


# ── one value ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_no_observable_of_ours_is_none() -> None:
    assert read_attribute({"type": "domain", "value": "evil.example"}) is None
    assert read_attribute({"type": "other", "value": "a: b"}) is None
    assert read_attribute({"type": "btc", "value": 5}) is None
    assert read_object({"name": "file"}) is None


def test_the_routing_number_of_an_american_bank_is_its_code() -> None:
    account = record("bank-account", 1, ("account", "bank-account-nr", "1"), ("aba-rtn", "aba-rtn", "021000021"))
    read = read_object(account)
    assert read is not None
    assert (read.properties, read.rest) == ({"number": "1", "bank_code": "021000021", "country": "US"}, [])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T07:00:00.500000+07:00", "2026-01-01T00:00:00.5Z"),
        ("2026-01-01", "2026-01-01T00:00:00Z"),
        ("yesterday", None),
    ],
)
def test_a_time_of_misp_is_one_of_stix(text: str, instant: str | None) -> None:
    assert stix_time(text) == instant
