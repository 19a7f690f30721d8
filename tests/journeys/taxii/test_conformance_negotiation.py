"""Content negotiation: TAXII 2.1 sections 1.6.8 and 3.1, and the media type of every answer.

Taught by: `application/json` on errors (attack-workbench-taxii-server#36), a client that no server could
understand because it sent `Accept: application/json` (OpenCTI#4246).
"""

from __future__ import annotations

import gzip
import zlib

import pytest

from support.nodes import Collection
from support.stix import envelope, indicator, new_uuid
from support.taxii import MEDIA_TYPE, Taxii, accepted, basic, ids, ok, refused

ACCEPTABLE = [
    pytest.param("application/taxii+json;version=2.1", id="as the specification writes it"),
    pytest.param("application/taxii+json; version=2.1", id="a space before the parameter"),
    pytest.param("application/taxii+json", id="no version: the latest that the server supports"),
    pytest.param('application/taxii+json;version="2.1"', id="a quoted parameter is the same (RFC 9110 5.6.6)"),
    pytest.param("Application/TAXII+JSON;Version=2.1", id="types and parameter names have no case"),
    pytest.param("*/*", id="anything"),
    pytest.param("application/*", id="any application type"),
    pytest.param("text/html,application/taxii+json;version=2.1;q=0.5", id="second choice in a list"),
    pytest.param("application/taxii+json;version=2.0, application/taxii+json;version=2.1", id="two versions"),
    pytest.param("application/taxii+json;version=2.1,application/stix+json;version=2.1", id="as section 5.3 asks"),
    pytest.param("application/json, */*;q=0.1", id="anything, as a last resort"),
    pytest.param("text/html, , application/taxii+json", id="an empty element is ignored (RFC 9110 5.6.1)"),
]

UNACCEPTABLE = [
    pytest.param("application/taxii+json;version=2.0", id="another version"),
    pytest.param("application/taxii+json;version=3.0", id="a version to come"),
    pytest.param("application/vnd.oasis.taxii+json;version=2.0", id="the type of TAXII 2.0"),
    pytest.param("application/json", id="OpenCTI#4246"),
    pytest.param("application/stix+json;version=2.1", id="STIX is for media_types only"),
    pytest.param("text/html", id="a browser's"),
    pytest.param("application/taxii+json;q=0", id="refused by the client itself"),
    pytest.param("*/*, application/taxii+json;q=0", id="the most specific range counts (RFC 9110 12.5.1)"),
]


@pytest.mark.parametrize("accept", ACCEPTABLE)
def test_a_defined_media_range_is_never_a_406(reader: Taxii, collection: Collection, accept: str) -> None:
    """Section 3.1: media types that are defined for an endpoint MUST NOT result in a 406."""
    for path in ("/taxii2/", reader.root, reader.objects_path(collection)):
        ok(reader.get(path, Accept=accept))


@pytest.mark.parametrize("accept", UNACCEPTABLE)
def test_other_media_ranges_are_a_406_in_the_taxii_type(reader: Taxii, collection: Collection, accept: str) -> None:
    """Section 3.1 allows the 406; DESIGN section 6 chooses it."""
    for path in ("/taxii2/", reader.root, reader.objects_path(collection)):
        refused(reader.get(path, Accept=accept), 406)


def test_several_accept_lines_are_one_list(reader: Taxii) -> None:
    """RFC 9110 5.3: lines of one field are joined by commas."""
    answer = reader.http.get(
        f"{reader.node.url}/taxii2/",
        headers=[("Accept", "text/html"), ("Accept", MEDIA_TYPE)],
        auth=basic(reader.key) if reader.key else None,
    )
    ok(answer)


@pytest.mark.parametrize("accept", ["", "garbage", ";;;", "application/taxii+json;q=abc", "a/b" * 2000])
def test_a_strange_accept_is_answered_in_the_taxii_type(reader: Taxii, accept: str) -> None:
    """Section 3.1: every response MUST carry the TAXII media type, whatever was asked."""
    answer = reader.get("/taxii2/", Accept=accept)
    if answer.status_code == 200:
        ok(answer)
    else:
        refused(answer, 400, 406, 431)


def test_a_406_changes_nothing(writer: Taxii, collection: Collection) -> None:
    """Section 3.1: a POST MUST have a valid Accept. One without it stores nothing."""
    answer = writer.post(collection, envelope(indicator()), Accept="text/html")
    refused(answer, 406)
    assert ok(writer.objects(collection)) == {}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/taxii+json;version=2.1",
        "application/taxii+json; version=2.1",
        "application/taxii+json",
        'application/taxii+json;version="2.1"',
        "APPLICATION/TAXII+JSON;VERSION=2.1",
        "application/taxii+json;version=2.1;charset=utf-8",
    ],
)
def test_the_taxii_type_is_never_a_415(writer: Taxii, collection: Collection, content_type: str) -> None:
    """Section 3.1: a Content-Type that is defined for the endpoint MUST NOT result in a 415."""
    accepted(writer.post(collection, envelope(indicator()), content_type))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/stix+json;version=2.1",
        "application/vnd.oasis.stix+json;version=2.0",
        "application/taxii+json;version=2.0",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "*/*",
        "garbage",
    ],
)
def test_other_types_are_a_415_and_change_nothing(writer: Taxii, collection: Collection, content_type: str) -> None:
    """Section 5.5: 415 for a content type that the server does not support."""
    refused(writer.post(collection, envelope(indicator()), content_type), 415)
    assert ok(writer.objects(collection)) == {}


def test_a_post_without_content_type_is_refused(writer: Taxii, collection: Collection) -> None:
    """Section 3.1: every POST MUST include a valid Content-Type."""
    answer = writer.request("POST", writer.objects_path(collection), content=envelope(indicator()))
    refused(answer, 400, 415)
    assert ok(writer.objects(collection)) == {}


def test_a_compressed_body_is_understood_or_refused(writer: Taxii, collection: Collection) -> None:
    """RFC 9110 8.4: an unknown Content-Encoding is a 415. Storing the compressed bytes would be neither."""
    wanted = indicator()
    answer = writer.post(collection, gzip.compress(envelope(wanted)), Content_Encoding="gzip")
    if answer.status_code == 202:
        assert ids(ok(writer.objects(collection))) == [wanted["id"]]
    else:
        refused(answer, 415)
        assert ok(writer.objects(collection)) == {}


def test_a_compressed_body_is_bounded_by_what_it_unpacks_to(writer: Taxii, collection: Collection) -> None:
    """A kilobyte that unpacks to more than max_content_length is refused, not unpacked."""
    bound = ok(writer.get(writer.root))["max_content_length"]
    packer = zlib.compressobj(wbits=31)
    spaces = b" " * 2**20
    bomb = b"".join(packer.compress(spaces) for _ in range(bound // len(spaces) + 2))
    bomb += packer.compress(envelope(indicator())) + packer.flush()
    refused(writer.post(collection, bomb, Content_Encoding="gzip"), 400, 413, 415)
    assert ok(writer.objects(collection)) == {}


def test_a_connection_goes_on_after_a_refusal(writer: Taxii, collection: Collection) -> None:
    """What was not read of a refused body must not close the connection under who asks next."""
    body = bytes(300_000)
    for _ in range(40):
        refused(writer.post(collection, body, Content_Encoding="gzip"), 400, 415)
        assert ok(writer.objects(collection)) == {}


def test_every_error_is_a_taxii_error(reader: Taxii, writer: Taxii, stranger: Taxii, collection: Collection) -> None:
    """Sections 3.1 and 3.6.1: the media type and the error resource, for each status (attack-
    workbench#36).
    """
    path = reader.objects_path(collection)
    bound = ok(writer.get(writer.root))["max_content_length"]
    refused(reader.objects(collection, {"limit": "0"}), 400)
    refused(stranger.get(path), 401)
    refused(reader.post(collection, envelope(indicator())), 403)
    refused(reader.get(reader.path(new_uuid(), "objects")), 404)
    refused(reader.get("/nothing/here/"), 404)
    refused(reader.request("PUT", path), 405)
    refused(reader.get(path, Accept="text/html"), 406)
    refused(writer.post(collection, b" " * (bound + 1)), 413)
    refused(writer.post(collection, b"{}", "text/plain"), 415)
    refused(writer.post(collection, b'{"objects":"no list"}'), 400, 422)


def test_http_status_is_given_as_a_string(reader: Taxii) -> None:
    """Section 3.6.1: `http_status` is a string equal to the status line's; peers send a number."""
    message = refused(reader.get(reader.path(new_uuid())), 404)
    assert message["http_status"] == "404"
