"""Compression, validators and caches: RFC 9110 sections 8.4, 8.8, 12.5.3, 13.1; RFC 9111.

Taught by: answers of one reader from the cache of another (OpenCTI CVE-2026-114505, Litestar CVE-2026-25480).
"""

from __future__ import annotations

import gzip
from collections.abc import Callable

import httpx
import pytest
import zstandard

from support.nodes import Collection, Key
from support.stix import indicator, malware, revision
from support.taxii import FIRST, LAST, MEDIA_TYPE, Taxii, basic, ok, refused

As = Callable[[Key | None], Taxii]
NewKey = Callable[..., Key]
NewCollection = Callable[..., Collection]


@pytest.fixture(scope="module")
def filled(writer: Taxii, new_collection: NewCollection) -> Collection:
    """200 objects, about 60 kB."""
    made = new_collection()
    writer.add(made, *(indicator(description="the same words again and again " * 3) for _ in range(200)))
    return made


def raw(client: Taxii, path: str, encoding: str | None) -> tuple[httpx.Response, bytes]:
    """An answer and its bytes as they came, before httpx unpacks them."""
    assert client.key is not None
    headers = {"Accept": MEDIA_TYPE, "Accept-Encoding": encoding or ""}
    request = client.http.build_request("GET", client.node.url + path, headers=headers)
    if encoding is None:
        del request.headers["Accept-Encoding"]
    answer = client.http.send(request, auth=basic(client.key), stream=True)
    content = b"".join(answer.iter_raw())
    answer.close()
    assert answer.status_code == 200
    return answer, content


def unpack(answer: httpx.Response, content: bytes) -> bytes:
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding == "gzip":
        return gzip.decompress(content)
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(content)
    assert encoding == "identity"
    return content


CODINGS = {
    # Accept-Encoding: the codings that may be used
    "gzip": {"gzip"},
    "zstd": {"zstd"},
    "gzip, zstd": {"gzip", "zstd"},
    "gzip, deflate, br, zstd": {"gzip", "zstd"},
    "gzip;q=0.5, zstd;q=1.0": {"zstd"},
    "gzip;q=1.0, zstd;q=0.1": {"gzip"},
    "GZIP": {"gzip"},
    "br": {"identity"},
    "identity": {"identity"},
    "gzip;q=0": {"identity"},
    "gzip;q=0, zstd;q=0": {"identity"},
    "gzip;q=0, *": {"zstd", "identity"},
    "*;q=0, gzip": {"gzip"},
    "xgzip": {"identity"},
    "": {"identity"},
}


@pytest.mark.parametrize(("asked", "allowed"), CODINGS.items())
def test_compressed_when_asked_for_and_not_otherwise(
    reader: Taxii, filled: Collection, asked: str, allowed: set[str]
) -> None:
    """RFC 9110 12.5.3: gzip and zstd, as the client weighs them; the content is the same."""
    plain, content = raw(reader, reader.objects_path(filled), "identity")
    answer, packed = raw(reader, reader.objects_path(filled), asked)
    assert answer.headers.get("Content-Encoding", "identity") in allowed
    assert unpack(answer, packed) == content
    assert int(answer.headers.get("Content-Length", len(packed))) == len(packed)
    if "identity" not in allowed:
        assert len(packed) < len(content) / 3
    for name in (FIRST, LAST, "Content-Type"):
        assert answer.headers[name] == plain.headers[name]


def test_no_accept_encoding_gives_plain_bytes(reader: Taxii, filled: Collection) -> None:
    """RFC 9110 12.5.3 would allow any coding; a simple client then cannot read it."""
    answer, content = raw(reader, reader.objects_path(filled), None)
    assert "Content-Encoding" not in answer.headers
    assert content.startswith(b"{")


def test_vary_names_what_the_answer_depends_on(reader: Taxii, filled: Collection) -> None:
    """RFC 9110 12.5.5: a cache must not give the packed answer to who cannot unpack it, nor mine to
    another.
    """
    for encoding in ("identity", "gzip"):
        answer, _ = raw(reader, reader.objects_path(filled), encoding)
        vary = {name.strip().lower() for name in answer.headers["Vary"].split(",")}
        assert "accept-encoding" in vary


def test_errors_survive_compression(reader: Taxii, filled: Collection) -> None:
    """A client that asks for gzip must still read why it was refused."""
    answer = reader.objects(filled, {"limit": "0"}, Accept_Encoding="gzip, zstd")
    refused(answer, 400)


@pytest.mark.parametrize("path", ["/taxii2/", "collections/", "objects", "manifest", "status"])
def test_no_shared_cache_keeps_an_answer(writer: Taxii, filled: Collection, path: str) -> None:
    """RFC 9111: what depends on credentials is `private` or `no-store`, on errors too."""
    where = {
        "collections/": f"{writer.root}collections/",
        "objects": writer.objects_path(filled),
        "manifest": writer.path(filled, "manifest"),
        "status": f"{writer.root}status/0/",
    }.get(path, path)
    for method in ("GET", "PUT"):
        directives = writer.request(method, where).headers.get("Cache-Control", "")
        assert "private" in directives or "no-store" in directives
        assert "public" not in directives


# Validators


def etag(client: Taxii, path: str, params: dict[str, str] | None = None) -> str:
    answer = client.get(path, params)
    ok(answer)
    value: str = answer.headers["ETag"]
    assert value.removeprefix("W/").startswith('"'), "RFC 9110 8.8.3: a quoted string"
    assert value.endswith('"')
    return value


ENDPOINTS = ["objects", "manifest", "object", "versions"]


def endpoint(client: Taxii, collection: Collection, name: str, identifier: str) -> str:
    return {
        "objects": client.objects_path(collection),
        "manifest": client.path(collection, "manifest"),
        "object": client.path(collection, "objects", identifier),
        "versions": client.path(collection, "objects", identifier, "versions"),
    }[name]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_unchanged_answer_is_a_304(writer: Taxii, collection: Collection, name: str) -> None:
    """RFC 9110 13.1.2 and 15.4.5: no body, the same ETag; and after a write the whole answer again."""
    one = malware()
    writer.add(collection, one)
    path = endpoint(writer, collection, name, one["id"])
    tag = etag(writer, path)
    for _ in range(6):  # whichever worker answers
        answer = writer.get(path, If_None_Match=tag)
        assert answer.status_code == 304
        assert answer.content == b""
        assert answer.headers["ETag"] == tag
    writer.add(collection, revision(one, 60))
    answer = writer.get(path, If_None_Match=tag)
    ok(answer)
    assert answer.headers["ETag"] != tag


@pytest.mark.parametrize("name", ["objects", "manifest"])
def test_a_delete_changes_the_etag(writer: Taxii, collection: Collection, name: str) -> None:
    """What is gone must not live on in a client's cache."""
    one, two = malware(), malware()
    writer.add(collection, one, two)
    path = endpoint(writer, collection, name, one["id"])
    tags = [etag(writer, path)]
    for each in (two, one):
        assert writer.delete(collection, each["id"]).status_code == 200
        answer = writer.get(path, If_None_Match=tags[-1])
        ok(answer)
        tags.append(answer.headers.get("ETag", f"none after {each['id']}"))
    assert len(set(tags)) == 3


def test_other_answers_have_other_etags(reader: Taxii, filled: Collection) -> None:
    """RFC 9110 8.8.3: one tag, one representation of one address; filters make another."""
    path = reader.objects_path(filled)
    queries: list[dict[str, str]] = [
        {},
        {"limit": "1"},
        {"limit": "2"},
        {"match[type]": "indicator", "limit": "1"},
    ]
    seen: dict[str, bytes] = {}
    for query in queries:
        answer = reader.get(path, query)
        ok(answer)
        assert seen.setdefault(answer.headers["ETag"], answer.content) == answer.content
    seen.clear()
    for endpoint_path in (path, reader.path(filled, "manifest")):
        seen[etag(reader, endpoint_path)] = b""
    assert len(seen) == 2


def test_a_tag_of_another_reader_is_no_304_where_the_answer_differs(
    acting_as: As, new_key: NewKey, filled: Collection
) -> None:
    """The `next` token is bound to its reader, so a page with `more` is another page for another."""
    one, other = acting_as(new_key("reader")), acting_as(new_key("reader"))
    path = one.objects_path(filled)
    asked = {"limit": "5"}
    mine, theirs = one.get(path, asked), other.get(path, asked)
    assert ok(mine) != ok(theirs)
    assert mine.headers["ETag"] != theirs.headers["ETag"]
    assert other.get(path, asked, If_None_Match=mine.headers["ETag"]).status_code == 200


def test_a_strong_tag_tells_codings_apart(reader: Taxii, filled: Collection) -> None:
    """RFC 9110 8.8.3.3: packed and plain are different bytes, so a strong tag must differ."""
    plain, _ = raw(reader, reader.objects_path(filled), "identity")
    packed, _ = raw(reader, reader.objects_path(filled), "gzip")
    if not plain.headers["ETag"].startswith("W/"):
        assert plain.headers["ETag"] != packed.headers["ETag"]
    again = reader.get(reader.objects_path(filled), If_None_Match=packed.headers["ETag"], Accept_Encoding="gzip")
    assert again.status_code == 304


def test_conditions_in_all_their_forms(reader: Taxii, filled: Collection) -> None:
    """RFC 9110 13.1.2: `*`, lists, and weak comparison."""
    path = reader.objects_path(filled)
    tag = etag(reader, path)
    bare = tag.removeprefix("W/")
    for condition in ("*", f'"other", {tag}', f"W/{bare}", bare, f'{tag}, "other"'):
        assert reader.get(path, If_None_Match=condition).status_code == 304, condition
    for condition in ('"other"', bare.strip('"'), bare[:-2] + '"', "", '""'):
        assert reader.get(path, If_None_Match=condition).status_code == 200, condition


def test_a_condition_opens_no_door(stranger: Taxii, reader: Taxii, filled: Collection) -> None:
    """The key comes first; a 304 would tell a stranger that nothing changed."""
    tag = etag(reader, reader.objects_path(filled))
    refused(stranger.get(stranger.objects_path(filled), If_None_Match=tag), 401)
    refused(reader.objects(filled, {"limit": "0"}, If_None_Match="*"), 400)


def test_an_empty_poll_can_be_conditional(writer: Taxii, collection: Collection) -> None:
    """The cheapest question of all: nothing new? If a tag is given, it holds, and ends with the next
    object.
    """
    writer.add(collection, indicator())
    asked = {"added_after": writer.objects(collection).headers[LAST]}
    answer = writer.objects(collection, asked)
    assert ok(answer) == {}
    if "ETag" in answer.headers:
        condition = answer.headers["ETag"]
        assert writer.objects(collection, asked, If_None_Match=condition).status_code == 304
        writer.add(collection, one := indicator())
        assert ok(writer.objects(collection, asked, If_None_Match=condition))["objects"] == [one]
