"""TAXII 2.1 as values: filters, page tokens, media types, timestamps, resources."""

from __future__ import annotations

import base64
import itertools
import json
import string
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.stix import new_uuid
from titian.core.collection import LAST, Selection, Versions
from titian.core.errors import InvalidFilter
from titian.core.receipt import Line, Receipt
from titian.wire.taxii import (
    EMPTY_ENVELOPE,
    ENVELOPE_SUFFIX,
    OF_DELETE,
    OF_OBJECT,
    OF_OBJECTS,
    OF_VERSIONS,
    PAGING,
    PageTokens,
    Query,
    acceptable,
    envelope_prefix,
    parse_query,
    status_resource,
    timestamp,
    understood,
)

MOMENT = 1_767_225_600_000_000  # 2026-01-01
ONE = "malware--6c8a5b2a-6a55-4b3e-9e0a-4f1f9f4c6a01"
TWO = "tool--0f6d1a37-5d0b-4c39-a1f8-7f8f2b6a3c02"


def parse(query: str | bytes, allowed: frozenset[str] = OF_OBJECTS) -> Query:
    raw = query if isinstance(query, bytes) else query.encode()
    return parse_query(raw, allowed, limit=100, limit_max=500)


# Filters


@pytest.mark.parametrize(
    ("query", "selection"),
    [
        ("", Selection(limit=100)),
        ("limit=1", Selection(limit=1)),
        ("limit=007", Selection(limit=7)),
        ("limit=500", Selection(limit=500)),
        ("limit=501", Selection(limit=500)),
        ("limit=999999999999", Selection(limit=500)),
        ("limit=" + "9" * 40, Selection(limit=500)),
        ("limit=" + "0" * 39 + "7", Selection(limit=7)),
        ("added_after=2026-01-01T00:00:00Z", Selection(limit=100, after=MOMENT)),
        ("added_after=2026-01-01T00%3A00%3A00.000001Z", Selection(limit=100, after=MOMENT + 1)),
        ("added_after=2026-01-01T00:00:00.0000019Z", Selection(limit=100, after=MOMENT + 1)),
        (f"match[id]={ONE}", Selection(limit=100, ids=frozenset({ONE}))),
        (f"match%5Bid%5D={ONE}%2C{TWO}", Selection(limit=100, ids=frozenset({ONE, TWO}))),
        (f"match[id]={ONE},{ONE}", Selection(limit=100, ids=frozenset({ONE}))),
        ("match[type]=malware,x-a-b", Selection(limit=100, types=frozenset({"malware", "x-a-b"}))),
        ("match[spec_version]=2.1", Selection(limit=100, spec_versions=frozenset({"2.1"}))),
        ("match[spec_version]=2.0,2.1", Selection(limit=100, spec_versions=frozenset({"2.0", "2.1"}))),
        ("match[version]=last", Selection(limit=100)),
        ("match[version]=first", Selection(limit=100, versions=Versions(last=False, first=True))),
        ("match[version]=first,last", Selection(limit=100, versions=Versions(first=True))),
        ("match[version]=all", Selection(limit=100, versions=Versions(last=False, all=True))),
        (
            "match[version]=2026-01-01T00:00:00Z,last",
            Selection(limit=100, versions=Versions(exact=frozenset({MOMENT}))),
        ),
        ("foo=bar&limit=2&&=&foo=baz", Selection(limit=2)),
        ("limit=2&limi=3", Selection(limit=2)),
    ],
)
def test_filters(query: str, selection: Selection) -> None:
    assert parse(query).selection == selection


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=",
        "limit",
        "limit=1.0",
        "limit=1e3",
        "limit=%2B1",
        "limit=+1",
        "limit=\uff11",
        "limit=1%0A",
        "limit=" + "9" * 41,
        "limit=" + "0" * 40 + "7",
        "limit=" + "0" * 40,
        "limit=" + "9" * 100_000,
        "limit=1&limit=1",
        "limit=1&%6Cimit=2",
        "added_after=",
        "added_after=0",
        "added_after=2026-01-01",
        "added_after=2026-01-01T00:00:00",
        "added_after=2026-01-01T00:00:00+00:00",
        "added_after=2026-13-01T00:00:00Z",
        "added_after=2026-01-01T00:00:00Z%00",
        "added_after=2026-01-01T00:00:00Z&added_after=2026-01-01T00:00:00Z",
        "match[id]=",
        "match[id]=malware",
        f"match[id]={ONE},",
        f"match[id]={ONE},,{TWO}",
        f"match[id]={ONE}, {TWO}",
        f"match[id]=../{ONE}",
        f"match[id]={ONE}%00",
        f"match[id]={ONE}&match[id]={TWO}",
        f"match[id]={ONE}&match%5Bid%5D={TWO}",
        "match[type]=",
        "match[type]=Malware",
        "match[type]=a/b",
        "match[type]=" + "a" * 251,
        "match[version]=",
        "match[version]=newest",
        "match[version]=all,last",
        "match[version]=last,last",
        "match[version]=2026-01-01T00:00:00Z,2026-01-01T00:00:00.000Z",
        "match[spec_version]=",
        "match[spec_version]=2",
        "match[spec_version]=2.1,",
        "match[foo]=1",
        "match[]=1",
        "match[relationships-all]=" + ONE,
        b"match[type]=\xff",
        "match[type]=%ff",
        "%ff=1",
    ],
)
def test_malformed_filters_are_refused(query: str | bytes) -> None:
    """Section 3.4: a server that cannot honour a filter must not answer with more than was asked for."""
    with pytest.raises(InvalidFilter):
        parse(query)


@pytest.mark.parametrize(
    ("allowed", "name"),
    [
        (allowed, name)
        for allowed, name in itertools.product((OF_OBJECT, OF_VERSIONS, OF_DELETE, PAGING), sorted(OF_OBJECTS))
        if name not in allowed
    ],
)
def test_a_filter_of_another_endpoint_is_refused(allowed: frozenset[str], name: str) -> None:
    with pytest.raises(InvalidFilter, match="not one of this endpoint"):
        parse(f"{name}=1", allowed)


@pytest.mark.parametrize(
    "query", ["foo=1", "limit=1", "next=x", "added_after=2026-01-01T00:00:00Z", "=", "match%5Bx%5D=1"]
)
def test_what_takes_away_is_not_asked_for_by_half(query: str) -> None:
    """DELETE with a parameter that we do not know would take out more than was meant (a misspelt match[version])."""
    with pytest.raises(InvalidFilter, match="not one of this endpoint"):
        parse_query(query.encode(), OF_DELETE, limit=100, limit_max=500, strictly=True)
    if not query.startswith("match"):
        parse_query(query.encode(), OF_OBJECTS, limit=100, limit_max=500)
    named = parse_query(b"match[version]=first", OF_DELETE, limit=100, limit_max=500, strictly=True)
    assert named.selection.versions == Versions(last=False, first=True)


def test_the_upper_bound_holds_also_when_no_limit_is_given() -> None:
    """An administrator who lowers page_limit_max alone means it."""
    assert parse_query(b"", OF_OBJECTS, limit=1000, limit_max=500).selection.limit == 500


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_query_string_is_read_or_refused_in_ascii(query: str | bytes) -> None:
    """Nothing else happens, and what is shown of it cannot break a log line or a terminal."""
    raw = query if isinstance(query, bytes) else query.encode("utf-8", "surrogatepass")
    said = ""
    try:
        assert 1 <= parse(raw).selection.limit <= 500
    except InvalidFilter as error:
        said = str(error)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 400


def test_what_binds_a_token_is_all_but_the_limit() -> None:
    """Section 3.5: the same filters, in whatever order; the limit may change from page to page."""
    one = parse(f"limit=5&match[type]=tool&match[id]={ONE}&next=x&added_after=2026-01-01T00:00:00Z")
    two = parse(f"added_after=2026-01-01T00:00:00Z&match%5Bid%5D={ONE}&limit=9&match[type]=tool&foo=1")
    assert one.binding == two.binding != b""
    assert (one.next, two.next) == ("x", None)
    for other in ("match[type]=tool", f"match[id]={ONE}", "match[type]=malware", ""):
        assert parse(other).binding != one.binding


def test_whether_versions_were_named() -> None:
    """DELETE without match[version] takes every version, with match[version]=last one (section 5.7)."""
    assert not parse("", OF_DELETE).names_versions
    named = parse("match[version]=last", OF_DELETE)
    assert named.names_versions
    assert named.selection.versions == LAST


# Page tokens

TOKENS = PageTokens(b"secret of one node")
BOUND = (b"collection", b"objects", b"reader", b"match[type]=tool")
bindings = st.lists(st.binary(max_size=12), max_size=4).map(tuple)


@given(st.integers(-(2**63), 2**63 - 1), bindings)
def test_a_token_gives_its_place_back(after: int, bound_to: tuple[bytes, ...]) -> None:
    token = TOKENS.make(after, bound_to=bound_to)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_"), "needs no escaping in a URL"
    assert TOKENS.read(token, bound_to=bound_to) == after
    assert PageTokens(b"secret of one node").read(token, bound_to=bound_to) == after, "after any restart"


@given(bindings, bindings)
def test_a_token_is_bound(mine: tuple[bytes, ...], other: tuple[bytes, ...]) -> None:
    """To reader, endpoint, collection and filters, each by itself: no two of them run into each other."""
    token = TOKENS.make(7, bound_to=mine)
    if mine != other:
        with pytest.raises(InvalidFilter):
            TOKENS.read(token, bound_to=other)


def test_what_is_bound_does_not_run_together() -> None:
    token = TOKENS.make(7, bound_to=(b"ab", b"c"))
    for other in ((b"a", b"bc"), (b"abc",), (b"ab", b"c", b""), (b"c", b"ab")):
        with pytest.raises(InvalidFilter):
            TOKENS.read(token, bound_to=other)


def test_another_nodes_token_is_refused() -> None:
    token = PageTokens(b"secret of another node").make(7, bound_to=BOUND)
    with pytest.raises(InvalidFilter):
        TOKENS.read(token, bound_to=BOUND)


@given(st.integers(0, 24), st.integers(1, 255))
def test_a_changed_token_is_refused(place: int, change: int) -> None:
    token = TOKENS.make(MOMENT, bound_to=BOUND)
    data = bytearray(base64.urlsafe_b64decode(token + "=="))
    assert len(data) == 25
    data[place] ^= change
    with pytest.raises(InvalidFilter):
        TOKENS.read(base64.urlsafe_b64encode(bytes(data)).decode().rstrip("="), bound_to=BOUND)


@given(st.text(max_size=50))
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        TOKENS.read(text, bound_to=BOUND)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t + "=", lambda t: " " + t])
def test_a_token_of_another_length_is_refused(change: Any) -> None:
    token = TOKENS.make(MOMENT, bound_to=BOUND)
    if change(token) == token + "=":
        return  # padding that a reader adds back is the same token
    with pytest.raises(InvalidFilter):
        TOKENS.read(change(token), bound_to=BOUND)


# Media types


@pytest.mark.parametrize(
    ("accept", "allowed"),
    [
        ("application/taxii+json;version=2.1", True),
        ("application/taxii+json; version=2.1", True),
        ('application/taxii+json;version="2.1"', True),
        ("application/taxii+json", True),
        ("Application/TAXII+JSON;Version=2.1", True),
        ("application/json, application/taxii+json", True),
        ("application/taxii+json;version=2.0, application/taxii+json;version=2.1", True),
        ("*/*", True),
        ("application/*", True),
        ("text/html,*/*;q=0.1", True),
        ("application/taxii+json;version=2.1;q=0.5", True),
        ("", False),
        ("application/json", False),
        ("text/*", False),
        ("application/taxii+json;version=2.0", False),
        ("application/taxii+json;version=2.1;q=0", False),
        ("application/taxii+json;version=2.1;q=0.000", False),
        ("application/taxii+json;q=often", False),
        ("application/vnd.oasis.taxii+json", False),
        ("application/stix+json;version=2.1", False),
    ],
)
def test_accept(accept: str, allowed: bool) -> None:
    assert acceptable(accept) is allowed


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/taxii+json;version=2.1", True),
        ("application/taxii+json", True),
        ('APPLICATION/taxii+json ; version="2.1"', True),
        ("application/taxii+json;version=2.1;charset=utf-8", True),
        ("", False),
        ("application/json", False),
        ("application/taxii+json;version=2.0", False),
        ("application/taxii+json;version=", False),
        ("*/*", False),
        ("application/stix+json;version=2.1", False),
        ("application/taxii+json, text/html", False),
    ],
)
def test_content_type(content_type: str, taken: bool) -> None:
    assert understood(content_type) is taken


# Timestamps and resources


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (MOMENT, "2026-01-01T00:00:00.000000Z"),
        (MOMENT + 1, "2026-01-01T00:00:00.000001Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        (2**62, "9999-12-31T23:59:59.999999Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z"),
        (-(2**62), "0001-01-01T00:00:00.000000Z"),
        (-30_000_000_000_000_000, "1019-05-04T18:40:00.000000Z"),
    ],
)
def test_timestamp(micros: int, text: str) -> None:
    """Section 2: six decimals and Z, always."""
    assert timestamp(micros) == text


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_a_timestamp_that_was_sent_can_be_asked_for(micros: int) -> None:
    """X-TAXII-Date-Added-Last comes back as added_after: not a microsecond may be lost."""
    assert parse(f"added_after={timestamp(micros)}").selection.after == micros


def test_a_status_counts_right() -> None:
    """Versions to the letter as in the receipt; who has it in hand is nobody's business."""
    receipt = Receipt(
        id=new_uuid(),
        received=MOMENT,
        total=4,
        successes=[Line(ONE, "2026-01-01T00:00:00.000Z"), Line(ONE, "2026-01-01T00:00:00.5Z", "Already held.")],
        failures=[Line("", "1970-01-01T00:00:00.000000Z", "no id")],
        lease=MOMENT,
    )
    sent = json.loads(msgspec.json.encode(status_resource(receipt)))
    assert sent == {
        "id": receipt.id,
        "status": "pending",
        "request_timestamp": "2026-01-01T00:00:00.000000Z",
        "total_count": 4,
        "success_count": 2,
        "successes": [
            {"id": ONE, "version": "2026-01-01T00:00:00.000Z"},
            {"id": ONE, "version": "2026-01-01T00:00:00.5Z", "message": "Already held."},
        ],
        "failure_count": 1,
        "failures": [{"id": "", "version": "1970-01-01T00:00:00.000000Z", "message": "no id"}],
        "pending_count": 1,
    }
    receipt.successes.append(Line(TWO, "2026-01-01T00:00:00.000Z"))
    assert status_resource(receipt).status == "complete"
    empty = json.loads(msgspec.json.encode(status_resource(Receipt(id="x", received=0, total=0))))
    assert [] not in empty.values()


@pytest.mark.parametrize("token", [None, "abc-_"])
def test_an_envelope_is_json(token: str | None) -> None:
    sent = json.loads(envelope_prefix(token) + b'{"a":1}' + ENVELOPE_SUFFIX)
    assert sent == {"objects": [{"a": 1}]} | ({"more": True, "next": token} if token else {})
    assert json.loads(EMPTY_ENVELOPE) == {}
