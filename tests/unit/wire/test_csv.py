"""CSV of indicators, in and out."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
import stix2patterns.validator
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import UnreadableFile
from titian.core.marking import Marking, definitions_of, read_definition
from titian.core.stix import Timestamp, examine
from titian.core.tlp import TLP_IDS, Pap, Tlp
from titian.wire.csv import disarm, join_cell, read_csv, rearm, split_cell
from titian.wire.csv_export import write_csv
from titian.wire.indicators import Value, from_observable, from_pattern, recognise
from titian.wire.stix import Problem

AT = Timestamp.parse("2026-03-01T00:00:00.000Z")


def read(data: bytes) -> tuple[list[bytes], list[Problem]]:
    problems: list[Problem] = []
    return list(read_csv(io.BytesIO(data), at=AT, problem=problems.append)), problems


def objects(data: bytes) -> dict[str, dict[str, Any]]:
    """The objects by type; of several of one type the last."""
    raws, problems = read(data)
    assert problems == []
    for raw in raws:
        assert examine(raw).violations == ()
    return {one["type"]: one for one in map(msgspec.json.decode, raws)}


def written(raws: list[bytes], **definitions: Marking) -> tuple[str, list[Problem]]:
    problems: list[Problem] = []
    stream = io.BytesIO()
    write_csv(raws, stream, definitions=definitions, problem=problems.append)
    return stream.getvalue().decode(), problems


@pytest.mark.parametrize(
    ("text", "kind", "normal"),
    [
        ("198.51.100.3", "ipv4", "198.51.100.3"),
        ("198.51.100[.]3", "ipv4", "198.51.100.3"),
        ("198.51.100.0/24", "ipv4", "198.51.100.0/24"),
        ("198.51.100.3/32", "ipv4", "198.51.100.3"),
        ("2001:DB8:0:0::1", "ipv6", "2001:db8::1"),
        ("2001[:]db8::1", "ipv6", "2001:db8::1"),
        ("Evil[.]Example.", "domain", "evil.example"),
        ("evil(dot)example", "domain", "evil.example"),
        ("例え.jp", "domain", "例え.jp"),
        ("xn--r8jz45g.jp", "domain", "xn--r8jz45g.jp"),
        ("hxxp://evil[.]com", "url", "http://evil.com"),
        ("hXXps[:]//evil.example/A?q='x'", "url", "https://evil.example/A?q='x'"),
        ("http[://]198.51.100.3:8080/", "url", "http://198.51.100.3:8080/"),
        ("A.User[at]evil[.]example", "email", "A.User@evil.example"),
        ("D41D8CD98F00B204E9800998ECF8427E", "md5", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a" * 40, "sha1", "a" * 40),
        ("a" * 64, "sha256", "a" * 64),
        ("A" * 128, "sha512", "a" * 128),
        ("00-0A-95-9D-68-16", "mac", "00:0a:95:9d:68:16"),
    ],
)
def test_values_are_recognised(text: str, kind: str, normal: str) -> None:
    value = recognise(text)
    assert value == Value(kind, normal)
    assert from_pattern(value.pattern) == value == from_observable(value.observable)
    assert stix2patterns.validator.validate(value.pattern)


@pytest.mark.parametrize(
    "text",
    ["", "evil", "1.2.3", "300.1.1.1", "1.2.3.4:80", "a" * 33, "http://", "javascript:alert(1)", "a@b", "fe80::1%eth0",
     "-evil.example", "evil..example", "http://[", "10.0.0.1/8", "a b.example"],
)  # fmt: skip
def test_other_text_is_not_taken_for_a_value(text: str) -> None:
    objects_, problems = read(b"value,name\n" + text.encode() + b",x\n")
    assert objects_ == []
    assert [one.where for one in problems] == ["line 2"]


def test_a_row_becomes_observable_indicator_and_relationship() -> None:
    got = objects(
        b"IOC,Type,Title,Tags,Confidence,First_Seen,Valid Until,TLP,Source,Reference\r\n"
        b'198.51.100.3,ip-dst,C2,"a, b",80%,2026-01-02 03:04:05 UTC,2026-06-01,amber-strict,CERT,https://x.example\r\n'
    )
    marks = [TLP_IDS[Tlp.AMBER_STRICT]]
    assert got["ipv4-addr"]["id"] == "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
    indicator = got["indicator"]
    assert indicator["pattern"] == "[ipv4-addr:value = '198.51.100.3']"
    assert indicator["labels"] == ["a", "b"]
    assert indicator["confidence"] == 80
    assert indicator["created"] == indicator["modified"] == AT.text
    assert indicator["valid_from"] == "2026-01-02T03:04:05.000Z"
    assert indicator["valid_until"] == "2026-06-01T00:00:00.000Z"
    assert indicator["external_references"] == [{"source_name": "CERT", "url": "https://x.example"}]
    relation = got["relationship"]
    assert (relation["source_ref"], relation["target_ref"]) == (indicator["id"], got["ipv4-addr"]["id"])
    for kind in ("ipv4-addr", "indicator", "relationship"):
        assert got[kind]["object_marking_refs"] == marks
    assert got["marking-definition"]["id"] == marks[0]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"198.51.100.3\nevil.example\n", id="bare list"),
        pytest.param(b"\xef\xbb\xbf198.51.100.3\r\nevil.example\r\n", id="byte order mark"),
        pytest.param(b"# a feed\n# of two\n198.51.100.3\n\n#\nevil.example", id="comments"),
        pytest.param(b"value\n198.51.100.3\nevil.example\n", id="one column"),
        pytest.param(b"value;x\n198.51.100.3;\nevil.example;", id="semicolons"),
        pytest.param(b"x\tvalue\n\t198.51.100.3\n\tevil.example", id="tabs"),
        pytest.param(b'"value","x"\n"198.51.100.3","a\nb"\n"evil.example",""\n', id="quotes and line breaks"),
        pytest.param(b"host,x\n198.51.100.3,1\nevil.example,2\n", id="column named by its kind"),
    ],
)
def test_shapes_of_files(data: bytes) -> None:
    raws, problems = read(data)
    values = [one["value"] for one in map(msgspec.json.decode, raws) if "value" in one]
    assert values == ["198.51.100.3", "evil.example"]
    assert problems == []


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b"1.2.3.4,,purple,,,", "'purple' is not a level"),
        (b"1.2.3.4,,,120,,", "0 to 100"),
        (b"1.2.3.4,,,x,,", "0 to 100"),
        (b"1.2.3.4,domain,,,,", "is not domain"),
        (b"1.2.3.4,telephone,,,,", "not a type"),
        (b"1.2.3.4,,,,01/02/2026,", "not a date"),
        (b"1.2.3.4,,,,2026-02-30,", "not a timestamp"),
        (b"1.2.3.4,,,,2026-02-02,2026-02-01", "not after valid_from"),
        (b",ip,,,,", "no value"),
        (b"1.2.3.4,,,,,,,8", "8 cells under 6 columns"),
        (b"evil\xff.example,,,,,", "not UTF-8"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_hides_no_other(row: bytes, says: str) -> None:
    raws, problems = read(b"value,type,tlp,confidence,valid_from,valid_until\n" + row + b"\nevil.example,,,,,\n")
    assert len(raws) == 3
    assert [one.where for one in problems] == ["line 2"]
    assert says in problems[0].reason


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only\n", b"name,size\na,1\n", b"hello world\n", b"x" * (1 << 20)])
def test_a_file_without_values_is_an_error(data: bytes) -> None:
    with pytest.raises(UnreadableFile):
        read(data)


def test_the_same_row_gives_the_same_bytes_and_another_text_another_indicator() -> None:
    once, _ = read(b"value,name\nevil.example,a\n")
    twice, _ = read(b"value,name\nevil.example,a\nevil.example,b\n")
    assert once == twice[:3]
    assert twice[3] == once[0]
    assert twice[4] != once[1]


@pytest.mark.parametrize(
    "cell", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\t=x", "\rx", "'=x", "''=x", "'x", "\uff1dx", ""]
)
def test_formulas_are_disarmed_and_come_back(cell: str) -> None:
    assert rearm(disarm(cell)) == cell
    assert disarm(cell)[:1] not in set("=+-@\t\r\uff1d")


@given(st.text(max_size=6), st.lists(st.text("ab;,[]\" '=\n", max_size=4), max_size=3))
def test_cells_lose_nothing(text: str, values: list[str]) -> None:
    assert rearm(disarm(text)) == text
    listed = [one for one in values if one.strip()]
    assert split_cell(join_cell(listed, ";,|"), ";,|") == listed


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=8).filter(
    lambda text: text.strip() == text
)
rows = st.fixed_dictionaries(
    {"value": st.sampled_from(["198.51.100.3", "evil.example", "https://evil.example/a,b;c\"'x'", "a" * 64])},
    optional={
        "name": names,
        "description": names,
        "labels": st.lists(names, min_size=1, max_size=3, unique=True).map(lambda found: join_cell(found, ";,|")),
        "confidence": st.integers(0, 100).map(str),
        "valid_from": st.just("2026-01-02T03:04:05.678Z"),
        "valid_until": st.just("2027-01-02T03:04:05.000Z"),
        "tlp": st.sampled_from([level.label for level in Tlp]),
        "pap": st.sampled_from([level.label for level in Pap]),
        "statement": names.map(lambda text: join_cell([text], "")),
        "source": names,
        "reference": st.sampled_from(["https://x.example/1", "CVE-2026-1"]),
        "object": st.sampled_from(["indicator", "observable"]),
    },
)


@given(st.lists(rows, max_size=4))
def test_in_out_in_gives_the_same_objects(given_rows: list[dict[str, str]]) -> None:
    header = list(dict.fromkeys(name for row in given_rows for name in row)) or ["value"]
    text = io.StringIO()
    _write(text, header, given_rows)
    raws, problems = read(text.getvalue().encode())
    assert problems == []
    definitions = {
        one["id"]: read_definition(raw)
        for raw in raws
        if (one := msgspec.json.decode(raw))["type"] == "marking-definition"
    }
    out, problems = written(raws, **definitions)
    assert problems == []
    again, problems = read(out.encode())
    assert problems == []
    assert set(again) == set(raws)


def _write(text: io.StringIO, header: list[str], given_rows: list[dict[str, str]]) -> None:
    cells = [header, *([disarm(row.get(name, "")) for name in header] for row in given_rows)]
    for line in cells:
        text.write(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\r\n")


HEAD = {"spec_version": "2.1", "created": AT.text, "modified": AT.text}
INDICATOR = HEAD | {
    "type": "indicator",
    "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    "pattern": "[domain-name:value = 'evil.example']",
    "pattern_type": "stix",
    "valid_from": AT.text,
}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(INDICATOR | {"pattern": "[a:b = 'c' AND d:e = 'f']"}, "more than one equality", id="pattern"),
        pytest.param(INDICATOR | {"pattern_type": "yara", "pattern": "rule x {}"}, "equality", id="yara"),
        pytest.param(INDICATOR | {"revoked": True}, "revoked", id="revoked"),
        pytest.param(INDICATOR | {"object_marking_refs": ["marking-definition--x"]}, "nobody", id="unknown marking"),
        pytest.param(HEAD | {"type": "malware", "id": "malware--1", "name": "m"}, "not this malware", id="malware"),
        pytest.param(HEAD | {"type": "relationship", "id": "relationship--1"}, "relationship", id="relationship"),
    ],
)
def test_what_a_row_cannot_hold_is_told(body: dict[str, Any], says: str) -> None:
    text, problems = written([msgspec.json.encode(body)])
    assert text.count("\r\n") == 1
    assert [one.where for one in problems] == [body["id"]]
    assert says in problems[0].reason


@pytest.mark.parametrize("tlp", list(Tlp))
@pytest.mark.parametrize("pap", [None, *Pap])
def test_markings_survive(tlp: Tlp, pap: Pap | None) -> None:
    marking = Marking(tlp=tlp, pap=pap, statements=frozenset({"© Example", "= not a formula\n[1]"}))
    definitions = definitions_of(marking)
    raw = msgspec.json.encode(INDICATOR | {"object_marking_refs": list(definitions)})
    text, problems = written([raw], **{name: read_definition(one) for name, one in definitions.items()})
    assert problems == []
    again = objects(text.encode())
    assert set(again["indicator"]["object_marking_refs"]) == set(definitions)
    assert again["indicator"]["id"] == INDICATOR["id"]
