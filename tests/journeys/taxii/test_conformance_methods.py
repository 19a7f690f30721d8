"""One method, one meaning: TAXII 2.1 section 3.1, RFC 9110 sections 9 and 15.5.6.

Taught by: checks tied to one method and skipped by another (MISP CVE-2026-95671, CVE-2026-94379), a GET that
deletes (MISP CVE-2026-85236).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.nodes import Collection
from support.stix import Object, envelope, indicator, new_uuid
from support.taxii import MEDIA_TYPE, Taxii, accepted, explain, ok, refused

Place = Callable[[Taxii, Collection, Object], str]

PLACES: dict[str, tuple[Place, set[str]]] = {
    "discovery": (lambda client, where, one: "/taxii2/", {"GET"}),
    "api root": (lambda client, where, one: client.root, {"GET"}),
    "status": (lambda client, where, one: f"{client.root}status/{new_uuid()}/", {"GET"}),
    "collections": (lambda client, where, one: f"{client.root}collections/", {"GET"}),
    "collection": (lambda client, where, one: client.path(where), {"GET"}),
    "manifest": (lambda client, where, one: client.path(where, "manifest"), {"GET"}),
    "objects": (lambda client, where, one: client.path(where, "objects"), {"GET", "POST"}),
    "object": (lambda client, where, one: client.path(where, "objects", one["id"]), {"GET", "DELETE"}),
    "versions": (lambda client, where, one: client.path(where, "objects", one["id"], "versions"), {"GET"}),
}

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "QUERY"]


@pytest.mark.parametrize(("place", "allowed"), PLACES.values(), ids=PLACES)
def test_other_methods_are_a_405_without_effect(
    admin: Taxii, collection: Collection, place: Place, allowed: set[str]
) -> None:
    """A 405 names what is allowed (RFC 9110 15.5.6); even for an administrator nothing happens."""
    one = indicator()
    admin.add(collection, one)
    path = place(admin, collection, one)
    for method in METHODS:
        if method in allowed:
            continue
        answer = admin.request(
            method, path, headers={"Content-Type": MEDIA_TYPE}, content=envelope(indicator(), indicator())
        )
        if method in ("TRACE", "PROPFIND", "QUERY") and answer.status_code in (400, 501):
            continue  # not a method at all: RFC 9110 15.6.2
        assert answer.status_code == 405, explain(answer)
        refused(answer, 405)
        named = {name.strip() for name in answer.headers["Allow"].split(",")}
        assert allowed <= named <= allowed | {"HEAD", "OPTIONS"}
    assert admin.held(collection) == [one]


@pytest.mark.parametrize(("place", "allowed"), PLACES.values(), ids=PLACES)
def test_head_is_get_without_body_or_a_405(
    reader: Taxii, writer: Taxii, collection: Collection, place: Place, allowed: set[str]
) -> None:
    """RFC 9110 9.3.2: the same headers, no body."""
    one = indicator()
    writer.add(collection, one)
    path = place(reader, collection, one)
    head, get = reader.request("HEAD", path), reader.get(path)
    assert head.content == b""
    assert head.status_code in (get.status_code, 405)
    if head.status_code == get.status_code == 200:
        for name in ("Content-Type", "ETag", "X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"):
            assert head.headers.get(name) == get.headers.get(name)


def test_head_needs_a_key_too(stranger: Taxii, collection: Collection) -> None:
    """Section 1.6.9: regardless of the method."""
    answer = stranger.request("HEAD", stranger.objects_path(collection))
    assert answer.status_code in (401, 405)
    assert "ETag" not in answer.headers
    assert "X-TAXII-Date-Added-Last" not in answer.headers


@pytest.mark.parametrize(("place", "allowed"), PLACES.values(), ids=PLACES)
def test_options_shows_the_methods_or_is_a_405(
    reader: Taxii, collection: Collection, place: Place, allowed: set[str]
) -> None:
    """RFC 9110 9.3.7; in either case with Allow, and without opening the node to other sites' scripts."""
    answer = reader.request("OPTIONS", place(reader, collection, indicator()))
    assert answer.status_code in (200, 204, 405), explain(answer)
    assert allowed <= {name.strip() for name in answer.headers["Allow"].split(",")}
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_does_not_change_the_method(writer: Taxii, collection: Collection, header: str) -> None:
    """No header changes what a request does (OpenCTI PYSEC-2026-3445)."""
    one = indicator()
    writer.add(collection, one)
    path = writer.path(collection, "objects", one["id"])
    ok(writer.request("GET", path, headers={header: "DELETE"}))
    refused(
        writer.request("POST", path, headers={header: "DELETE", "Content-Type": MEDIA_TYPE}, content=b"{}"),
        405,
    )
    assert writer.held(collection) == [one]


def test_a_get_with_a_body_is_a_get(writer: Taxii, collection: Collection) -> None:
    """RFC 9110 9.3.1: a body of a GET means nothing; it must neither be stored nor left for the next
    request.
    """
    body = envelope(indicator())
    for _ in range(3):
        answer = writer.request(
            "GET", writer.objects_path(collection), headers={"Content-Type": MEDIA_TYPE}, content=body
        )
        assert answer.status_code in (200, 400), explain(answer)
    assert writer.held(collection) == []


def test_a_post_to_an_object_or_a_collection_adds_nothing(writer: Taxii, collection: Collection) -> None:
    """Section 3.1: only /objects/ takes a POST."""
    one = indicator()
    for parts in ((), ("manifest",), ("objects", one["id"]), ("objects", one["id"], "versions")):
        answer = writer.request(
            "POST",
            writer.path(collection, *parts),
            headers={"Content-Type": MEDIA_TYPE},
            content=envelope(one),
        )
        refused(answer, 405)
    assert writer.held(collection) == []


def test_query_parameters_do_not_disturb_a_post(writer: Taxii, collection: Collection) -> None:
    """Section 5.5 defines none: ignored or refused, never half done."""
    one = indicator()
    answer = writer.request(
        "POST",
        writer.objects_path(collection),
        params={"limit": "0", "match[type]": "malware"},
        headers={"Content-Type": MEDIA_TYPE},
        content=envelope(one),
    )
    if answer.status_code == 202:
        accepted(answer)
        assert writer.held(collection) == [one]
    else:
        refused(answer, 400)
        assert writer.held(collection) == []
