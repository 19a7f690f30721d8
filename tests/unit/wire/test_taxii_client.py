"""The TAXII client against every row of the hostile kit, and against what a correct server may do."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from titian.core.errors import (
    InvalidInput,
    InvalidTimestamp,
    PeerRefused,
    PeerUntrusted,
    TitianError,
    Unavailable,
)
from titian.wire.outbound import Limits, Reply
from titian.wire.taxii_client import TaxiiClient
from titian.wire.taxii_page import Page, read_page, split_list
from titian.wire.taxii_pull import Cursor, walk
from titian.wire.taxii_reply import MEDIA_TYPE
from titian.wire.taxii_time import read_moment, taxii_timestamp, write_moment

TIGHT = Limits(
    connect_seconds=10,
    read_seconds=10,
    request_seconds=20,
    body_bytes=4 << 20,
    resource_bytes=1 << 20,
    attempts=3,
    page_objects=10_000,
    empty_pages=5,
    pull_pages=50,
    status_seconds=60,
)
IMPATIENT = dataclasses.replace(TIGHT, read_seconds=0.4, request_seconds=0.8)
NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
ERRORS = {"untrusted": PeerUntrusted, "refused": PeerRefused, "unavailable": Unavailable}
BASE = "https://taxii.example/"


class Pauses:
    """A `sleep` that takes no time, and the clock that it moves."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)

    def clock(self) -> float:
        return time.monotonic() + sum(self.taken)


def client_for(server: hostile.Server, pauses: Pauses | None = None) -> TaxiiClient:
    pauses = pauses or Pauses()
    limits = IMPATIENT if server.row.slow else TIGHT
    return TaxiiClient(
        server.url,
        key=hostile.HIDDEN,
        allow_private={"127.0.0.1"},
        limits=limits,
        sleep=pauses.sleep,
        clock=pauses.clock,
        now=lambda: NOW,
    )


def act(client: TaxiiClient, what: str) -> tuple[int, int]:
    """Do what a row wants; return how many different things came, and how many were skipped."""
    if what == "objects":
        pages = list(client.objects(hostile.COLLECTION))
        objects = [element for page in pages for element in page.objects]
        assert len(objects) == len(set(objects)), "an object came twice"
        return len(objects), sum(len(page.skipped) for page in pages)
    if what == "collections":
        return len(client.collections()), 0
    if what == "discover":
        client.api_root()
        return 1, 0
    return len(list(client.add(hostile.COLLECTION, [json.dumps(hostile.stix(1)).encode()]))), 0


@pytest.mark.parametrize("row", hostile.ROWS, ids=lambda row: row.name)
def test_a_hostile_server_ends_in_a_clear_error_or_a_skip_with_a_reason(row: hostile.Hostile) -> None:
    began = time.monotonic()
    pauses = Pauses()
    failure: TitianError | None = None
    count = skips = 0
    with hostile.Server(row) as server, client_for(server, pauses) as client:
        try:
            count, skips = act(client, row.act)
        except TitianError as error:
            failure = error
    expected = ERRORS.get(row.expect)
    assert (None if failure is None else type(failure)) is expected, failure
    if failure is None:
        assert skips == row.skips
        assert row.objects is None or count == row.objects
    else:
        assert hostile.HIDDEN not in f"{failure}{failure!r}"
        assert str(failure).isprintable()
        assert len(str(failure)) < 700
    at_the_point = [call for call in server.calls if row.act != "objects" or call.path.endswith("/objects/")]
    assert 0 < len(at_the_point) <= row.requests
    assert all("cookie" not in call.headers for call in server.calls)
    assert time.monotonic() - began < 10
    assert all(0 <= pause <= TIGHT.retry_after_seconds + 1 for pause in pauses.taken)


def test_the_kit_has_no_name_twice_and_covers_all_outcomes() -> None:
    names = [row.name for row in hostile.ROWS]
    assert len(names) == len(set(names))
    assert {row.expect for row in hostile.ROWS} == {*ERRORS, "complete"}


# ---- what a correct server may do ----


def answering(routes: Mapping[str, Any], seen: list[httpx.Request] | None = None) -> httpx.MockTransport:
    """A transport that answers ``METHOD /path`` with what is listed: JSON, or a function of the request."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        found = routes.get(f"{request.method} {request.url.path}")
        found = found(request) if callable(found) else found
        if isinstance(found, httpx.Response):
            return found
        status = 404 if found is None else 200
        return httpx.Response(status, content=json.dumps(found or {}), headers={"Content-Type": MEDIA_TYPE})

    return httpx.MockTransport(answer)


ROOT = {"title": "r", "versions": [MEDIA_TYPE], "max_content_length": 400}
ROUTES: dict[str, Any] = {
    "GET /taxii2/": {"title": "t", "default": "/two/", "api_roots": ["/one/", "/two/"]},
    "GET /one/": ROOT,
    "GET /two/": ROOT,
}


def with_collections(*collections: dict[str, Any]) -> dict[str, Any]:
    return {**ROUTES, "GET /two/collections/": {"collections": list(collections)}}


def fake(url: str, routes: Mapping[str, Any], seen: list[httpx.Request] | None = None, **more: Any) -> TaxiiClient:
    return TaxiiClient(url, transport=answering(routes, seen), sleep=lambda seconds: None, **more)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        (BASE, "https://taxii.example/two/"),
        ("https://taxii.example", "https://taxii.example/two/"),
        (BASE + "taxii2", "https://taxii.example/two/"),
        (BASE + "taxii2/", "https://taxii.example/two/"),
        (BASE + "one", "https://taxii.example/one/"),
        (BASE + "one/", "https://taxii.example/one/"),
        (BASE + "one/collections/", "https://taxii.example/one/"),
        (BASE + "one/collections/abc/objects/", "https://taxii.example/one/"),
        (BASE + "elsewhere/", "https://taxii.example/two/"),
    ],
)
def test_the_api_root_is_found_from_whatever_url_is_given(url: str, root: str) -> None:
    routes = {**ROUTES, "GET /elsewhere/": ROUTES["GET /taxii2/"]}
    assert fake(url, routes).api_root_url == root


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://user:secret@taxii.example/", InvalidInput),
        ("https://taxii.example/?key=secret", InvalidInput),
        ("https://taxii.example/#x", InvalidInput),
        ("ftp://taxii.example/", InvalidInput),
        ("taxii.example", InvalidInput),
        ("https:///x", InvalidInput),
        ("http://taxii.example/", InvalidInput),
        ("https://taxii.example/nothing/", PeerRefused),
        ("https://taxii.example/other/", PeerUntrusted),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_clearly(url: str, error: type[TitianError]) -> None:
    with pytest.raises(error) as raised:
        fake(url, {**ROUTES, "GET /other/": {"title": "an API of another kind"}}).api_root()
    assert "secret" not in str(raised.value)


def test_roots_on_other_hosts_are_named_but_never_asked() -> None:
    seen: list[httpx.Request] = []
    routes = {"GET /taxii2/": {"title": "t", "api_roots": ["https://other.example/a/", "/one/"]}, **{}}
    client = fake(BASE, {**routes, "GET /one/": ROOT}, seen, key="k")
    assert client.api_roots() == ["https://other.example/a/", "https://taxii.example/one/"]
    assert client.api_root_url == "https://taxii.example/one/"
    assert {request.url.host for request in seen} == {"taxii.example"}


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({"key": "k1"}, "Bearer k1"),
        ({"key": "pässword", "name": "bssn"}, "Basic " + base64.b64encode("bssn:pässword".encode()).decode()),
        ({}, None),
    ],
    ids=["bearer", "basic", "none"],
)
def test_the_key_goes_as_bearer_or_as_basic(given: dict[str, str], header: str | None) -> None:
    seen: list[httpx.Request] = []
    fake(BASE, ROUTES, seen, **given).discovery()
    assert seen[0].headers.get("authorization") == header
    assert seen[0].headers["accept"] == MEDIA_TYPE
    assert seen[0].headers["user-agent"].startswith("titian/")


def test_a_name_without_a_key_is_refused() -> None:
    with pytest.raises(InvalidInput):
        TaxiiClient(BASE, name="bssn")


TWO = [
    {"id": "11111111-1111-4111-8111-111111111111", "title": "Drones", "alias": "uav"},
    {"id": "22222222-2222-4222-8222-222222222222", "title": "Wallets"},
    {"id": "33333333-3333-4333-8333-333333333333", "title": "wallets"},
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(TWO[0]["id"], 0), ("uav", 0), ("Drones", 0), ("drones", 0), ("Wallets", 1), ("wallets", 2)],
)
def test_a_collection_is_found_by_id_alias_or_title(wanted: str, found: int) -> None:
    assert fake(BASE, with_collections(*TWO)).collection(wanted).id == TWO[found]["id"]


def test_a_title_that_several_collections_have_is_ambiguous() -> None:
    with pytest.raises(InvalidInput, match="22222222"):
        fake(BASE, with_collections(*TWO)).collection("WALLETS")


def test_an_unlisted_collection_is_asked_for_and_a_missing_one_is_told_with_what_there_is() -> None:
    routes = {**with_collections(*TWO), "GET /two/collections/quiet/": {"id": "q", "title": "Quiet"}}
    assert fake(BASE, routes).collection("quiet").id == "q"
    with pytest.raises(PeerRefused, match="Drones, Wallets"):
        fake(BASE, routes).collection("none")


def test_filters_go_as_the_standard_writes_them() -> None:
    seen: list[httpx.Request] = []
    path = f"GET /two/collections/{TWO[0]['id']}/objects/"
    client = fake(BASE, {**ROUTES, path: {}}, seen)
    match = {"type": ["indicator", "tool"], "version": "all"}
    moment = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=7)))
    list(client.objects(str(TWO[0]["id"]), added_after=moment, match=match, limit=10))
    assert dict(seen[-1].url.params) == {
        "match[type]": "indicator,tool",
        "match[version]": "all",
        "limit": "10",
        "added_after": "2026-01-01T20:00:00.000000Z",
    }


def test_manifest_object_versions_delete_and_status() -> None:
    at = f"/two/collections/{TWO[0]['id']}"
    record = {
        "id": "tool--1",
        "date_added": "2026-01-01T00:00:00.000001Z",
        "version": "v",
        "media_type": None,
    }
    gone: list[str] = []

    def delete(request: httpx.Request) -> httpx.Response:
        gone.append(str(request.url.query, "ascii"))
        return httpx.Response(200)

    routes = {
        **ROUTES,
        f"GET {at}/manifest/": {"objects": [record, {"no": "id"}, 5]},
        f"GET {at}/objects/tool--1/": {"objects": [{"id": "tool--1"}]},
        f"GET {at}/objects/tool--1/versions/": {"versions": ["v1", "v2", 5]},
        f"DELETE {at}/objects/tool--1/": delete,
        "GET /two/status/s/": {"id": "s", "status": "complete", "failures": [{"id": "x", "message": "why"}]},
    }
    client, where = fake(BASE, routes), str(TWO[0]["id"])
    (page,) = client.manifest(where)
    assert [entry.id for entry in page.objects] == ["tool--1"]
    assert [index for index, _ in page.skipped] == [1, 2]
    assert client.object(where, "tool--1") == [b'{"id": "tool--1"}']
    assert client.versions(where, "tool--1") == ["v1", "v2"]
    client.delete(where, "tool--1", match={"version": "first"})
    assert gone == ["match%5Bversion%5D=first"]
    assert client.status("s").failures[0].message == "why"
    with pytest.raises(PeerRefused):
        client.object(where, "tool--2")


@pytest.mark.parametrize("identifier", ["", ".", "..", "x" * 1001])
def test_an_identifier_that_is_a_path_trick_is_refused(identifier: str) -> None:
    with pytest.raises(InvalidInput):
        fake(BASE, ROUTES).object(str(TWO[0]["id"]), identifier)


def test_an_identifier_with_slashes_stays_one_segment() -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(PeerRefused):
        fake(BASE, ROUTES, seen).object(str(TWO[0]["id"]), "a/../../b?c#d")
    assert seen[-1].url.raw_path.split(b"?")[0].endswith(b"/objects/a%2F..%2F..%2Fb%3Fc%23d/")


def test_a_limit_of_zero_is_refused_before_asking() -> None:
    with pytest.raises(InvalidInput):
        fake(BASE, ROUTES).pull(str(TWO[0]["id"]), limit=0)


# ---- adding ----


def adding(
    answer: Callable[[httpx.Request, list[dict[str, Any]]], Any],
) -> tuple[TaxiiClient, list[list[dict[str, Any]]]]:
    sent: list[list[dict[str, Any]]] = []

    def post(request: httpx.Request) -> Any:
        objects = json.loads(request.content)["objects"]
        sent.append(objects)
        assert request.headers["content-type"] == MEDIA_TYPE
        assert len(request.content) <= ROOT["max_content_length"]
        return answer(request, objects)

    routes = {**ROUTES, f"POST /two/collections/{TWO[0]['id']}/objects/": post}
    return fake(BASE, routes), sent


def accepted(request: httpx.Request, objects: list[dict[str, Any]]) -> Any:
    return {"id": "s", "status": "complete", "total_count": len(objects), "success_count": len(objects)}


def small(number: int, size: int = 0) -> bytes:
    return json.dumps({"id": f"tool--{number}", "modified": "m", "x": "y" * size}).encode()


def test_objects_are_sent_in_batches_by_count_and_by_size() -> None:
    client, sent = adding(accepted)
    statuses = list(client.add(str(TWO[0]["id"]), [small(n, 60) for n in range(7)], batch=5))
    assert [len(batch) for batch in sent] == [3, 3, 1]  # 400 bytes hold three
    assert sum(status.success_count for status in statuses) == 7
    client, sent = adding(accepted)
    list(client.add(str(TWO[0]["id"]), [small(n) for n in range(7)], batch=5))
    assert [len(batch) for batch in sent] == [5, 2]


def test_an_object_larger_than_the_server_accepts_comes_back_as_a_failure() -> None:
    client, sent = adding(accepted)
    statuses = list(client.add(str(TWO[0]["id"]), [small(1), small(2, 500), small(3)]))
    assert [entry["id"] for batch in sent for entry in batch] == ["tool--1", "tool--3"]
    (failed,) = [status for status in statuses if status.failure_count]
    assert (failed.id, failed.failures[0].id, failed.failures[0].version) == ("", "tool--2", "m")


def test_a_proxy_that_accepts_less_is_met_with_smaller_requests() -> None:
    def answer(request: httpx.Request, objects: list[dict[str, Any]]) -> Any:
        return httpx.Response(413) if len(objects) > 1 else accepted(request, objects)

    client, sent = adding(answer)
    statuses = list(client.add(str(TWO[0]["id"]), [small(n) for n in range(4)]))
    assert sum(status.success_count for status in statuses) == 4
    assert sorted(batch[0]["id"] for batch in sent if len(batch) == 1) == [f"tool--{n}" for n in range(4)]


@pytest.mark.parametrize("bad", [b"", b"[]", b"nul", b'{"id":1}', b"\xff"])
def test_what_is_no_object_is_not_sent(bad: bytes) -> None:
    client, sent = adding(accepted)
    with pytest.raises(InvalidInput, match="Object 1"):
        list(client.add(str(TWO[0]["id"]), [small(0), bad]))
    assert sent == []


def test_a_pending_status_is_polled_with_growing_pauses() -> None:
    left = iter(["pending", "pending", "pending", "complete"])
    pauses = Pauses()
    routes = {
        **ROUTES,
        f"POST /two/collections/{TWO[0]['id']}/objects/": {"id": "s", "status": "pending"},
        "GET /two/status/s/": lambda request: {"id": "s", "status": next(left), "success_count": 1},
    }
    client = TaxiiClient(BASE, transport=answering(routes), sleep=pauses.sleep, clock=pauses.clock)
    (status,) = client.add(str(TWO[0]["id"]), [small(1)])
    assert (status.status, status.success_count) == ("complete", 1)
    assert pauses.taken == [0.25, 0.5, 1.0, 2.0]


# ---- walking ----


def test_a_walk_that_is_broken_off_and_resumed_at_any_page_loses_nothing() -> None:
    for row in ("correct", "by-date", "inclusive-added-after", "equal-date-over-page-end"):
        (found,) = [entry for entry in hostile.ROWS if entry.name == row]
        for stop in range(1, 5):
            with hostile.Server(found) as server, client_for(server) as client:
                before = list(itertools.islice(client.pull(hostile.COLLECTION), stop))
                after = list(client.pull(hostile.COLLECTION, after=before[-1].cursor))
            kept = {element for pulled in before + after for element in pulled.page.objects}
            # The kit's own server does not filter by date; the others do, and repeat one page at most.
            assert len(kept) == found.objects, (row, stop)


class Memory:
    """A correct server in memory, whose objects have dates (microseconds) that may be equal."""

    def __init__(self, dates: list[int], size: int, *, token: bool, inclusive: bool = False) -> None:
        self.dates, self.size, self.token, self.inclusive = sorted(dates), size, token, inclusive

    def date(self, number: int) -> str:
        moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        return write_moment(moment + datetime.timedelta(microseconds=self.dates[number]))

    def __call__(self, query: Mapping[str, str]) -> Page[bytes]:
        after = query.get("added_after", "")
        left = [
            number
            for number in range(len(self.dates))
            if self.date(number) > after or (self.inclusive and self.date(number) == after)
        ]
        begin = int(query.get("next", "0"))
        size = min(self.size, int(query["limit"]))
        listed = left[begin : begin + size]
        more = begin + size < len(left)
        return Page(
            objects=[b'{"n":%d}' % number for number in listed],
            last=self.date(listed[-1]) if listed else None,
            more=more,
            next=str(begin + size) if more and self.token else None,
        )


def stays_readable(dates: list[int], size: int) -> bool:
    """Whether pages of ``size`` can be read by date: fewer equal dates than a page holds."""
    return all(len(list(same)) < size for _, same in itertools.groupby(sorted(dates)))


@given(
    dates=st.lists(st.integers(0, 6), max_size=14),
    size=st.integers(1, 6),
    limit=st.integers(1, 6),
    token=st.booleans(),
    inclusive=st.booleans(),
    crash=st.integers(1, 6),
)
def test_no_object_is_lost_whatever_the_dates_pages_and_crashes(
    dates: list[int], size: int, limit: int, token: bool, inclusive: bool, crash: int
) -> None:
    if not token and not stays_readable(dates, min(size, limit)):
        return
    server = Memory(dates, size, token=token, inclusive=inclusive)

    def go(start: Cursor | None) -> Iterator[Any]:
        return walk(server, start=start, limit=limit, now=lambda: NOW, limits=Limits(page_objects=100))

    whole = list(go(None))
    objects = [element for pulled in whole for element in pulled.page.objects]
    assert sorted(objects) == sorted(b'{"n":%d}' % number for number in range(len(dates)))
    before = list(itertools.islice(go(None), crash))
    after = list(go(before[-1].cursor if before else None))
    kept = {element for pulled in before + after for element in pulled.page.objects}
    assert len(kept) == len(dates)
    again = [element for pulled in go(whole[-1].cursor) for element in pulled.page.objects]
    assert inclusive or again == []


@given(
    dates=st.lists(st.integers(0, 3), min_size=1, max_size=14),
    size=st.integers(1, 6),
    start=st.sampled_from([None, "2026-01-01T00:00:00Z"]),
)
def test_dates_that_cannot_be_read_page_by_page_are_an_error_or_are_read_completely(
    dates: list[int], size: int, start: str | None
) -> None:
    server = Memory(dates, size, token=False)
    begin = Cursor(start)
    try:
        pages = list(walk(server, start=begin, limit=1, now=lambda: NOW, limits=Limits(page_objects=100)))
    except PeerUntrusted as error:
        assert "without loss" in str(error)  # noqa: PT017 - either end is right, which depends on the dates
        return
    wanted = sum(1 for date in dates if start is None or date > 0)
    assert sum(len(pulled.page.objects) for pulled in pages) == wanted


def test_next_is_never_sent_with_a_moved_added_after() -> None:
    asked: list[dict[str, str]] = []
    server = Memory(list(range(9)), 2, token=True)

    def fetch(query: Mapping[str, str]) -> Page[bytes]:
        asked.append(dict(query))
        return server(query)

    start = "2026-01-01T00:00:00.000002Z"
    list(walk(fetch, start=Cursor(start), filters={"match[type]": "tool"}, limit=2, now=lambda: NOW))
    assert len(asked) == 3
    assert {query["added_after"] for query in asked} == {start}
    assert {query["match[type]"] for query in asked} == {"tool"}
    assert [query.get("next") for query in asked] == [None, "2", "4"]


def test_a_walk_ends_at_its_bounds_of_bytes_and_time() -> None:
    server = Memory(list(range(100)), 1, token=True)
    with pytest.raises(PeerUntrusted, match="40 bytes"):
        list(walk(server, limit=1, now=lambda: NOW, limits=Limits(pull_bytes=40)))
    clock = iter(range(1000))
    with pytest.raises(PeerUntrusted, match="5 seconds"):
        list(walk(server, limit=1, now=lambda: NOW, clock=lambda: next(clock), limits=Limits(pull_seconds=5)))


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-01", "2026-01-01T00:00:00", ""])
def test_a_moment_that_is_none_is_refused(moment: str) -> None:
    with pytest.raises(InvalidTimestamp):
        taxii_timestamp(moment)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02T03:04:05.123456999Z", "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02T03:04:05.12Z", "2026-01-02T03:04:05.120000Z"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02 03:04:05+07:00", "2026-01-01T20:04:05.000000Z"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05.000000Z"),
        ("Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:05.000000Z"),
        ("Fri Jan 02 2026 03:04:05 GMT+0700 (Western Indonesia Time)", "2026-01-01T20:04:05.000000Z"),
    ],
)
def test_dates_of_servers_are_read_liberally(text: str, moment: str) -> None:
    found = read_moment(text)
    assert found is not None
    assert write_moment(found) == moment


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_dates(text: str) -> None:
    found = read_moment(text)
    assert found is None or found.tzinfo is datetime.UTC


# ---- pages ----

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def as_reply(body: bytes) -> Reply:
    return Reply(200, {"content-type": MEDIA_TYPE}, body, "https://taxii.example/")


@given(elements=st.lists(JSON, max_size=6), extra=st.dictionaries(st.text(max_size=4), JSON, max_size=3))
def test_telling_objects_apart_agrees_with_a_json_parser(elements: list[Any], extra: dict[str, Any]) -> None:
    extra.pop("objects", None)
    texts = [json.dumps(element, ensure_ascii=False).encode() for element in elements]
    front = json.dumps(extra, ensure_ascii=False).encode()[:-1] + (b", " if extra else b"")
    body = front + b'"objects" : [ ' + b" , ".join(texts) + b'\n], "more":true}'
    rest, found = split_list(body, "objects", 100)
    assert found == texts
    assert json.loads(rest) == {**extra, "objects": [], "more": True}
    page = read_page(as_reply(body), "objects", most=100, token_bytes=10**6) if "next" not in extra else None
    assert page is None or page.objects == texts


@given(st.binary(max_size=80), st.sampled_from([b'{"objects":[%b]}', b'{"objects":%b}', b"%b", b'{"next":%b}']))
def test_no_bytes_break_the_reading_of_a_page(data: bytes, frame: bytes) -> None:
    body = frame.replace(b"%b", data)
    try:
        page = read_page(as_reply(body), "objects", most=20, token_bytes=20)
    except PeerUntrusted:
        return
    assert all(element.decode() for element in page.objects)


def test_objects_are_the_bytes_that_were_sent() -> None:
    odd = b'{ "id" : "tool--1",\n "name":"\\u00e9 \xc3\xa9", "n":1.0e2, "n":2 }'
    page = read_page(as_reply(b'{"objects":[ ' + odd + b" ]}"), "objects", most=10, token_bytes=10)
    assert page.objects == [odd]
