"""What can be screened for in a STIX object, and under which names it holds somebody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core.extension_objects import make_observable, with_facts
from titian.core.screening import Facts, HeldName, ValueKind
from titian.screen.values import names_of, of_object
from titian.screen.values.patterns import comparisons

EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
ADDRESS = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
GENESIS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"


def _found(obj: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.kind.value, one.canonical) for one in of_object(obj)]


@pytest.mark.parametrize(
    ("obj", "found"),
    [
        ({"type": "ipv4-addr", "value": "198.51.100.0/24"}, [("ip", "198.51.100.0/24")]),
        ({"type": "ipv6-addr", "value": "2001:DB8::1"}, [("ip", "2001:db8::1")]),
        ({"type": "domain-name", "value": "Evil.Example"}, [("domain", "evil.example")]),
        (
            {"type": "email-addr", "value": "A@Evil.Example", "display_name": "Analyst One"},
            [("email", "a@evil.example")],
        ),
        ({"type": "url", "value": "HTTP://Evil.Example"}, [("url", "http://evil.example/")]),
        (
            {"type": "url", "value": "https://t.me/TitianBridge"},
            [("url", "https://t.me/TitianBridge"), ("account", "telegram:titianbridge")],
        ),
        ({"type": "url", "value": "https://x.com/titian/status/1"}, [("url", "https://x.com/titian/status/1")]),
        (
            {"type": "file", "name": "Pay.EXE", "hashes": {"MD5": EMPTY_MD5.upper()}},
            [("text", "pay.exe"), ("hash", EMPTY_MD5)],
        ),
        (
            {"type": "artifact", "url": "http://evil.example/a", "hashes": {"MD5": EMPTY_MD5}},
            [("hash", EMPTY_MD5), ("url", "http://evil.example/a")],
        ),
        ({"type": "mac-addr", "value": "00:11:22:AA:44:55"}, [("text", "00:11:22:aa:44:55")]),
        ({"type": "autonomous-system", "number": 64496}, [("text", "as64496")]),
        (
            {"type": "malware", "name": "DarkBridge", "aliases": ["Dark Bridge"]},
            [("text", "darkbridge"), ("text", "dark bridge")],
        ),
        (
            {"type": "user-account", "account_type": "twitter", "user_id": "123", "account_login": "Titian"},
            [("account", "x:id=123"), ("account", "x:titian")],
        ),
        ({"type": "user-account", "account_type": "unix", "account_login": "root"}, []),
        ({"type": "network-traffic", "protocols": ["tcp"]}, []),
        ({"type": "x-opencti-cryptocurrency-wallet", "value": GENESIS}, [("wallet", GENESIS)]),
        ({"type": "cryptocurrency-wallet", "value": GENESIS}, [("wallet", GENESIS)]),
        ({"type": "x-misp-attribute", "x_misp_type": "btc", "x_misp_value": GENESIS}, [("wallet", GENESIS)]),
        (
            {"type": "x-misp-object", "x_misp_attributes": [{"type": "iban", "value": "NO93 8601 1117 947"}]},
            [("iban", "NO9386011117947")],
        ),
        ({"type": "domain-name", "value": "-"}, [("text", "-")]),
        (
            {"type": "observed-data", "objects": {"0": {"type": "ipv4-addr", "value": "198.51.100.3"}, "1": 5}},
            [("ip", "198.51.100.3")],
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_an_observable_gives_its_values(obj: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert _found(obj) == found


@pytest.mark.parametrize(
    ("kind", "properties", "found"),
    [
        ("wallet", {"address": ADDRESS, "network": "ethereum"}, [("wallet", ADDRESS)]),
        ("transfer", {"network": "bitcoin", "hash": "ab" * 32}, [("hash", "ab" * 32)]),
        ("transfer", {"network": "ethereum", "hash": "0x" + "ab" * 32}, [("hash", "ab" * 32)]),
        ("nft", {"network": "ethereum", "contract": ADDRESS, "token_id": "7"}, [("nft", f"eip155:1/{ADDRESS}/7")]),
        ("bank-account", {"iban": "NO9386011117947", "bic": "DNBANOKK"}, [("iban", "NO9386011117947")]),
        ("bank-account", {"number": "0123456", "bank_code": "014", "country": "ID"}, [("text", "0123456")]),
        ("phone-number", {"value": "+6281234567890"}, [("phone", "+6281234567890")]),
        ("drone", {"serial_number": "MFR1C123456789ABC"}, [("drone", "MFR1C123456789ABC")]),
        ("drone", {"remote_id": "01" + "ab" * 19}, [("drone", "01" + "AB" * 19)]),
        (
            "social-account",
            {"platform": "telegram", "user_id": "77", "account_login": "Titian"},
            [("account", "telegram:id=77"), ("account", "telegram:titian")],
        ),
        ("social-account", {"platform": "otherplace", "account_login": "Titian"}, [("account", "otherplace:titian")]),
        ("media-hash", {"algorithm": "pdq", "value": "ab" * 32}, [("image", "ab" * 32)]),
        ("media-hash", {"algorithm": "sha256", "value": "ab" * 32}, [("hash", "ab" * 32)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_observable_of_ours_gives_its_values(
    kind: str, properties: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert _found(make_observable(kind, properties)) == found


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[ipv4-addr:value = '198.51.100.3']", [("ip", "198.51.100.3")]),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", [("ip", "198.51.100.0/24")]),
        ("[domain-name:value IN ('a.example', 'b.example')]", [("domain", "a.example"), ("domain", "b.example")]),
        (f"[file:hashes.'MD5' = '{EMPTY_MD5}' AND file:size = 0]", [("hash", EMPTY_MD5)]),
        (f"[file:hashes.MD5 = '{EMPTY_MD5}' OR file:name == 'Pay.exe']", [("hash", EMPTY_MD5), ("text", "pay.exe")]),
        (f"[wallet:address = '{ADDRESS}'] REPEATS 2 TIMES", [("wallet", ADDRESS)]),
        ("[network-traffic:dst_ref.value = '198.51.100.3']", [("ip", "198.51.100.3")]),
        ("[email-message:from_ref.value = 'a@evil.example']", [("email", "a@evil.example")]),
        ("[network-traffic:extensions.'http-request-ext'.request_value = '/x']", []),
        ("[domain-name:value != 'a.example']", []),
        ("[domain-name:value NOT = 'a.example']", []),
        ("[domain-name:value LIKE '%.example']", []),
        ("[file:name = 'domain-name:value = \\'a.example\\'']", [("text", "domain-name:value = 'a.example'")]),
        ("[domain-name:value = 'a.example' /* ipv4-addr:value = '198.51.100.3' */]", [("domain", "a.example")]),
    ],
)
def test_a_pattern_gives_what_it_compares_with(pattern: str, found: list[tuple[str, str]]) -> None:
    assert _found({"type": "indicator", "pattern_type": "stix", "pattern": pattern}) == found


def test_other_languages_of_patterns_are_left_alone() -> None:
    assert _found({"type": "indicator", "pattern_type": "yara", "pattern": "domain-name:value = 'a.example'"}) == []


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="[]'\\:=.,()a-zIN *{}<>/!", max_size=60))
def test_any_text_is_searched_for_comparisons(text: str) -> None:
    list(comparisons(text))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "value",
    "name",
    "aliases",
    "hashes",
    "pattern",
    "url",
    "address",
    "addresses",
    "hash",
    "contract",
    "network",
    "token_id",
    "iban",
    "number",
    "serial_number",
    "remote_id",
    "platform",
    "account_type",
    "user_id",
    "account_login",
    "algorithm",
    "x_misp_attributes",
    "x_misp_value",
    "x_misp_type",
    "extensions",
    "identity_class",
    "holder",
]
TYPES = [
    "ipv4-addr",
    "domain-name",
    "url",
    "email-addr",
    "file",
    "wallet",
    "transfer",
    "nft",
    "bank-account",
    "drone",
    "social-account",
    "user-account",
    "media-hash",
    "indicator",
    "identity",
    "threat-actor",
    "x-misp-object",
    "x-misp-attribute",
    "autonomous-system",
    "referral",
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6))
def test_an_object_of_any_shape_raises_nothing(kind: str, properties: dict[str, Any]) -> None:
    obj = properties | {"type": kind}
    found = [(one.kind, one.canonical) for one in of_object(obj)]
    assert len(found) == len(set(found))
    assert all(one.name for one in names_of(obj))


# --- names --------------------------------------------------------------------------------------------------


def test_a_person_is_held_with_what_is_known() -> None:
    obj = with_facts(
        {
            "type": "identity",
            "spec_version": "2.1",
            "id": "identity--6f2a1c6e-3f0e-4f4e-9a65-0c8e5ed1f001",
            "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z",
            "identity_class": "individual",
            "name": "Analyst  One",
        },
        {
            "births": ["1970-05"],
            "countries": ["ID", "JP"],
            "documents": [{"kind": "passport", "number": "X0000000", "country": "ID"}],
            "names": [{"name": "A. One", "kind": "alias"}],
        },
    )
    facts = Facts(births=("1970-05",), countries=("ID", "JP"), documents=("X0000000",))
    assert list(names_of(obj)) == [
        HeldName(ValueKind.PERSON, "Analyst One", facts),
        HeldName(ValueKind.PERSON, "A. One", facts),
    ]


@pytest.mark.parametrize(
    ("obj", "kinds"),
    [
        ({"type": "identity", "identity_class": "individual"}, {"person"}),
        ({"type": "identity", "identity_class": "organization"}, {"organisation"}),
        ({"type": "identity", "identity_class": "class"}, {"organisation"}),
        ({"type": "identity"}, {"person", "organisation"}),
        ({"type": "threat-actor"}, {"organisation"}),
        ({"type": "threat-actor", "resource_level": "individual"}, {"person", "organisation"}),
        ({"type": "intrusion-set"}, {"organisation"}),
        ({"type": "campaign"}, {"organisation"}),
        ({"type": "malware"}, set()),
    ],
)
def test_whose_name_it_is_follows_from_the_object(obj: dict[str, Any], kinds: set[str]) -> None:
    held = list(names_of(obj | {"name": "Titian", "aliases": ["Jembatan", "Titian"]}))
    assert {one.kind.value for one in held} == kinds
    assert {one.name for one in held} == ({"Titian", "Jembatan"} if kinds else set())
