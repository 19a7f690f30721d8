"""Identifiers: their form, and the deterministic ones of observables (STIX 2.1 sections 2.9, 3.4 and 6)."""

from __future__ import annotations

import json
import random
import uuid
from typing import Any

import pytest
import stix2.registry
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.core.stix import SCO_TYPES, canonical_json, is_identifier, is_type_name, new_id, observable_id
from titian.core.stix.identifier import ID_CONTRIBUTING

_UUID = "28bb3599-77cd-5a82-a950-b5bc3caf07c4"
_FROM = "email-addr--6deb37bd-12b7-54ae-805f-5f7146f3d171"
_SRC = "ipv4-addr--9cf4a8ec-7640-5f40-a006-79942896168b"
_DST = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
_SHA_256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_PE_HEADER = {
    "magic_hex": "010b",
    "major_linker_version": 2,
    "minor_linker_version": 25,
    "size_of_code": 512,
    "size_of_initialized_data": 283648,
    "size_of_uninitialized_data": 0,
    "address_of_entry_point": 4096,
    "base_of_code": 4096,
    "base_of_data": 8192,
    "image_base": 14548992,
    "section_alignment": 4096,
    "file_alignment": 4096,
    "major_os_version": 1,
    "minor_os_version": 0,
    "major_image_version": 0,
    "minor_image_version": 0,
    "major_subsystem_version": 4,
    "minor_subsystem_version": 0,
    "win32_version_value_hex": "00",
    "size_of_image": 299008,
    "size_of_headers": 4096,
    "checksum_hex": "00",
    "subsystem_hex": "03",
    "dll_characteristics_hex": "00",
    "size_of_stack_reserve": 100000,
    "size_of_stack_commit": 8192,
    "size_of_heap_reserve": 100000,
    "size_of_heap_commit": 4096,
    "loader_flags_hex": "abdbffde",
    "number_of_rva_and_sizes": 3758087646,
}
_PE = {
    "pe_type": "exe",
    "machine_hex": "014c",
    "number_of_sections": 4,
    "time_date_stamp": "2016-01-22T12:31:12Z",
    "pointer_to_symbol_table_hex": "74726144",
    "number_of_symbols": 4542568,
    "size_of_optional_header": 224,
    "characteristics_hex": "818f",
    "optional_header": _PE_HEADER,
    "sections": [
        {"name": "CODE", "entropy": 0.061089},
        {"name": "DATA", "entropy": 7.980693},
        {"name": "NicolasB", "entropy": 0.607433},
        {"name": ".idata", "entropy": 0.607433},
    ],
}

SPECIFICATION = [
    pytest.param("ipv4-addr", {"value": "198.51.100.3"}, "28bb3599-77cd-5a82-a950-b5bc3caf07c4", id="6.8"),
    pytest.param("ipv4-addr", {"value": "198.51.100.0/24"}, "1ea47840-aa39-5aa8-b4a2-cd203eb6662a", id="cidr"),
    pytest.param("ipv6-addr", {"value": "2001:0db8::/96"}, "084d3b4c-7785-568a-a569-0c61c95754ab", id="6.9"),
    pytest.param("mac-addr", {"value": "d2:fb:49:24:37:18"}, "757b1725-9903-54f5-a855-1240691d7659", id="6.10"),
    pytest.param("mutex", {"name": "__CLEANSWEEP__"}, "f93fe911-e545-5239-b9b0-597840d0c871", id="6.11"),
    pytest.param("domain-name", {"value": "example.com"}, "bedb4899-d24b-5401-bc86-8f6b4cc18ec7", id="6.4"),
    pytest.param("domain-name", {"value": "例え.jp"}, "23e4afa5-dfcd-52bd-87a6-10a971d48a94", id="idn"),
    pytest.param("autonomous-system", {"number": 15139, "name": "S"}, "3aa27478-50b5-5ab8-9da9-cdc12b657fff", id="6.2"),
    pytest.param("directory", {"path": "C:\\Windows\\System32"}, "0a58d0c1-59e6-5afd-8252-dcd3f13e5622", id="6.3"),
    pytest.param(
        "email-addr",
        {"value": "jdoe@example.com", "display_name": "John Doe"},
        "6deb37bd-12b7-54ae-805f-5f7146f3d171",
        id="6.5",
    ),
    pytest.param(
        "file",
        {"name": "example.exe", "extensions": {"windows-pebinary-ext": _PE}},
        "9af228db-9a04-5787-ad43-ccadc137a0e2",
        id="6.7.6",
    ),
    # The examples of 6.6 and 6.12 show newer references than those their ids were made from.
    pytest.param(
        "email-message",
        {
            "is_multipart": False,
            "from_ref": "email-addr--89f52ea8-d6ef-51e9-8fce-6a29236436ed",
            "subject": "Saying Hello",
        },
        "92fa1bfd-2c62-5a30-8b7c-5b91ea73cf29",
        id="6.6",
    ),
    pytest.param(
        "network-traffic",
        {
            "src_ref": "ipv4-addr--4d22aae0-2bf9-5427-8819-e4f6abf20a53",
            "dst_ref": "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd",
            "protocols": ["tcp"],
        },
        "6e0cb830-0305-57d4-8536-7be874d42005",
        id="6.12",
    ),
    pytest.param(
        "software",
        {
            "name": "Word",
            "cpe": "cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*",
            "version": "2002",
            "vendor": "Microsoft",
        },
        "710b0b41-d4d0-5d6c-a400-fc9254554ffc",
        id="6.14",
    ),
    pytest.param(
        "user-account",
        {"user_id": "1001", "account_login": "jdoe", "account_type": "unix", "is_privileged": False},
        "f94d689e-707d-58c3-b803-c720bb6ed096",
        id="6.16",
    ),
    pytest.param(
        "windows-registry-key",
        {"key": "HKEY_LOCAL_MACHINE\\System\\Foo\\Bar"},
        "1884b770-b679-522a-a9c7-45fadaaec7bb",
        id="6.17",
    ),
    pytest.param(
        "x509-certificate",
        {"serial_number": "36:f7:d4:32:f4:ab:70:ea:d3:ce:98:6e:ea:99:93:49:32:0a:b7:06"},
        "bf86f034-2390-54d7-8426-d08433db3fbe",
        id="6.18",
    ),
]


@pytest.mark.parametrize(("type", "properties", "expected"), SPECIFICATION)
def test_the_specification_s_own_examples(type: str, properties: dict[str, Any], expected: str) -> None:
    assert observable_id(type, properties) == f"{type}--{expected}"


PEER = [
    *[(param.values[0], param.values[1]) for param in SPECIFICATION],
    ("url", {"value": "https://example.com/ü?q=1"}),
    ("file", {"hashes": {"SHA-256": _SHA_256, "MD5": _MD5}, "name": "a", "size": 3}),
    ("file", {"hashes": {"SHA-256": _SHA_256}, "parent_directory_ref": f"directory--{_UUID}"}),
    ("artifact", {"payload_bin": "aGVsbG8=", "mime_type": "text/plain"}),
    ("artifact", {"url": "https://example.com/", "hashes": {"SHA-512": _SHA_256 * 2, "SHA-256": _SHA_256}}),
    ("windows-registry-key", {"key": "hkey", "values": [{"name": "Foo", "data": "q", "data_type": "REG_SZ"}]}),
    ("x509-certificate", {"serial_number": "36:f7", "hashes": {"SHA-256": _SHA_256}}),
    ("email-message", {"is_multipart": False, "from_ref": _FROM, "subject": "s", "body": "b"}),
    (
        "network-traffic",
        {
            "src_ref": _SRC,
            "protocols": ["tcp"],
            "start": "2016-01-22T12:31:12.123Z",
            "extensions": {"tcp-ext": {"src_flags_hex": "00000002"}},
        },
    ),
]


@pytest.mark.parametrize(("type", "properties"), PEER, ids=[f"{i}-{row[0]}" for i, row in enumerate(PEER)])
def test_the_stix2_library_gives_the_same_id(type: str, properties: dict[str, Any]) -> None:
    peer = stix2.registry.STIX2_OBJ_MAPS["2.1"]["observables"][type](**properties)
    assert observable_id(type, properties) == peer.id


def test_only_hashes_outside_the_preference_depend_on_key_order_in_the_stix2_library() -> None:
    # Section 6.7 gives no order for them; the library takes the first that it meets, so that one file has
    # several ids. Here the least name counts.
    hashes = {"SSDEEP": "3:AbC:d", "SHA3-256": _SHA_256}
    turned = dict(reversed(hashes.items()))
    file = stix2.registry.STIX2_OBJ_MAPS["2.1"]["observables"]["file"]
    assert file(hashes=hashes).id != file(hashes=turned).id
    assert observable_id("file", {"hashes": hashes}) == observable_id("file", {"hashes": turned})


def test_every_observable_type_says_what_contributes() -> None:
    assert ID_CONTRIBUTING.keys() == SCO_TYPES


@pytest.mark.parametrize("names", [("MD5", "SHA-1"), ("SHA-1", "SHA-256"), ("SHA-256", "SHA-512")], ids=str)
def test_the_hash_first_in_the_preference_counts_alone(names: tuple[str, str]) -> None:
    both = {name: name for name in reversed(names)}
    assert observable_id("file", {"hashes": both}) == observable_id("file", {"hashes": {names[0]: names[0]}})


def test_without_contributing_properties_the_id_is_random() -> None:
    made = observable_id("process", {"pid": 1}, random=bytes)
    assert made == "process--00000000-0000-4000-8000-000000000000"
    assert observable_id("process", {"pid": 1}) != observable_id("process", {"pid": 1})


@given(st.dictionaries(st.sampled_from(ID_CONTRIBUTING["software"]), st.text(max_size=20), min_size=1))
def test_order_and_company_of_properties_do_not_count(properties: dict[str, str]) -> None:
    shuffled = list(properties.items())
    random.Random(1).shuffle(shuffled)
    assert observable_id("software", properties) == observable_id("software", {**dict(shuffled), "lang": "x"})


def test_an_unknown_observable_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not an observable"):
        observable_id("indicator", {"name": "x"})


GOOD = [f"tool--{_UUID}", f"x-mitre-tactic--{_UUID}", f"ab1--{_UUID}", "abc--00000000-0000-4000-8000-000000000000"]
BAD = [
    "",
    "tool",
    f"--{_UUID}",
    f"tool-{_UUID}",
    f"Tool--{_UUID}",
    f"to_ol--{_UUID}",
    f"to--{_UUID}",
    f"{'a' * 251}--{_UUID}",
    f"tool---{_UUID}",
    f"tool--{_UUID.upper()}",
    f"tool--{_UUID}\n",
    f"tool--{{{_UUID}}}",
    f"tool--{_UUID.replace('-', '')}",
    "tool--28bb3599-77cd-5a82-c950-b5bc3caf07c4",
    "tool--28bb3599-77cd-0a82-a950-b5bc3caf07c4",
    "../tool--" + _UUID,
    f"tool--{_UUID}/..",
    f"tool--{_UUID}\x00",
    "tool--" + "٣" * 8 + _UUID[8:],
    "a-" * 200_000,
]


@pytest.mark.parametrize("text", GOOD)
def test_identifiers(text: str) -> None:
    assert is_identifier(text)


@pytest.mark.parametrize("text", BAD, ids=[text[:40] or "empty" for text in BAD])
def test_what_is_no_identifier(text: str) -> None:
    assert not is_identifier(text)


@given(st.uuids(version=4), st.sampled_from(sorted(SCO_TYPES)))
def test_every_uuid_4_makes_an_identifier(value: uuid.UUID, type: str) -> None:
    assert is_identifier(f"{type}--{value}")


@given(st.binary(min_size=16, max_size=16))
def test_new_ids_are_identifiers_of_version_4(entropy: bytes) -> None:
    made = new_id("x-new", random=lambda count: entropy[:count])
    assert is_identifier(made)
    assert uuid.UUID(made.removeprefix("x-new--")).version == 4


@pytest.mark.parametrize("name", ["", "ab", "A-b", "a--b", "-ab", "ab-", "a_b", "1ab", "é-abc", "a" * 251])
def test_what_is_no_type_name(name: str) -> None:
    assert not is_type_name(name)
    with pytest.raises(InvalidInput):
        new_id(name)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [1.0, 1e21, 1e-7]}, '{"a":[1,1e+21,1e-7],"b":1}'),
        ({"€": 1, "\r": 2, "é": "\u2028"}, '{"\\r":2,"é":"\u2028","€":1}'),
    ],
    ids=["numbers", "strings"],
)
def test_canonical_json(value: object, expected: str) -> None:
    assert canonical_json(value) == expected.encode()


@pytest.mark.parametrize("value", [float("nan"), 2**60, "\ud800", object()], ids=["nan", "big", "surrogate", "object"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        canonical_json(value)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(), st.lists))
def test_canonical_json_reads_back(value: object) -> None:
    assert json.loads(canonical_json(value)) == value
