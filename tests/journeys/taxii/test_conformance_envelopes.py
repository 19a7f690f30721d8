"""Bodies that are no envelope, or too much of one: TAXII 2.1 sections 3.7, 5.5; RFC 8259 and RFC 7493
(I-JSON).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.nodes import Collection
from support.rawhttp import RawAnswer, exchange, request_head
from support.stix import envelope, identity, indicator, text
from support.taxii import MEDIA_TYPE, Taxii, accepted, basic_header, ok, refused

ONE = indicator()

BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b" \n ",
    "a cut object": envelope(ONE)[:-3],
    "a cut list": envelope(ONE)[:-1],
    "half": envelope(ONE)[: len(envelope(ONE)) // 2],
    "more after the end": envelope(ONE) + b"x",
    "two envelopes": envelope(ONE) * 2,
    "a comma too many": envelope(ONE)[:-2] + b",]}",
    "single quotes": b"{'objects': []}",
    "a comment": b"/* hi */" + envelope(ONE),
    "NaN": envelope(text(ONE)[:-1] + b',"x_n":NaN}'),
    "Infinity": envelope(text(ONE)[:-1] + b',"x_n":-Infinity}'),
    "a leading zero": envelope(text(ONE)[:-1] + b',"x_n":01}'),
    "a control character in a string": envelope(text(ONE)[:-1] + b',"x_n":"\x01"}'),
    "an unknown escape": envelope(text(ONE)[:-1] + b',"x_n":"\\x41"}'),
    "UTF-16": envelope(ONE).decode().encode("utf-16"),
    "not UTF-8 outside an object": envelope(ONE)[:-1] + b',"x_note":"\xe9"}',
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "an address": b"http://127.0.0.1:9/",
    "a form": b"objects=%5B%5D",
    "null": b"null",
    "a list": b"[" + text(ONE) + b"]",
    "a string": b'"objects"',
    "a number": b"1",
    "a bare object": text(ONE),
    "an empty envelope": b"{}",
    "objects are null": b'{"objects":null}',
    "objects are an object": b'{"objects":' + text(ONE) + b"}",
    "objects are a string": b'{"objects":"' + b"x" * 50 + b'"}',
    "objects are a number": b'{"objects":1}',
    "objects are empty": b'{"objects":[]}',
    "another name": b'{"Objects":[' + text(ONE) + b"]}",
    "a bundle": b'{"type":"bundle","id":"bundle--b9e8b1c5-6c4d-4a3f-8a55-6f9c7d1f0a11"}',
    "objects twice": envelope(ONE)[:-1] + b',"objects":[' + text(identity()) + b"]}",
    "deep lists": b'{"objects":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep lists, open": b"[" * 200_000,
    "deep objects, open": b'{"objects":[' + b'{"a":' * 100_000,
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_is_no_envelope_is_refused_and_stores_nothing(writer: Taxii, collection: Collection, body: bytes) -> None:
    """Section 5.5: 400 (not understood) or 422 (malformed body); what was held stays as it was."""
    held = indicator()
    writer.add(collection, held)
    before = writer.objects(collection)
    refused(writer.post(collection, body), 400, 422)
    after = writer.objects(collection)
    assert after.content == before.content
    assert writer.records(collection)[0]["id"] == held["id"]


DUBIOUS: dict[str, bytes] = {
    # I-JSON (RFC 7493) forbids these; a parser that lets them pass may read another object than its reader.
    "a key twice": text(ONE)[:-1] + b',"name":"another"}',
    "the id twice": text(ONE)[:-1] + b',"id":"indicator--b9e8b1c5-6c4d-4a3f-8a55-6f9c7d1f0a11"}',
    "a key twice, once escaped": text(ONE)[:-1] + b',"n\\u0061me":"another"}',
    "a key twice, deep inside": text(ONE)[:-1] + b',"x_deep":{"a":[{"k":1,"k":2}]}}',
    "half a surrogate pair": text(ONE)[:-1] + b',"x_half":"\\ud800"}',
    "half a surrogate pair as a key": text(ONE)[:-1] + b',"x_\\udfff":1}',
    "a number beyond a double": text(ONE)[:-1] + b',"x_n":1e400}',
    "a list 5,000 deep": text(ONE)[:-1] + b',"x_deep":' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize(("name", "raw"), DUBIOUS.items(), ids=DUBIOUS)
def test_dubious_json_is_refused_or_kept_exactly(writer: Taxii, collection: Collection, name: str, raw: bytes) -> None:
    """It never breaks a page, and is never changed on its way: refused alone, with the envelope, or byte
    for byte.
    """
    other = identity()
    answer = writer.post(collection, envelope(other, raw))
    page = writer.objects(collection)
    ok_or_empty = page.content
    if answer.status_code == 202:
        status = accepted(answer)
        assert text(other) in ok_or_empty
        assert (raw in ok_or_empty) == (status["failure_count"] == 0)
    else:
        refused(answer, 400, 422)
        assert ok_or_empty == b"{}"
    assert page.status_code == 200


@pytest.mark.parametrize("name", [name for name in DUBIOUS if "twice" in name])
def test_a_key_given_twice_is_refused(writer: Taxii, collection: Collection, name: str) -> None:
    """RFC 7493 section 2.3: MUST NOT. Two readers of one object would see two objects."""
    answer = writer.post(collection, envelope(DUBIOUS[name]))
    if answer.status_code == 202:
        assert accepted(answer)["failure_count"] == 1
    else:
        refused(answer, 400, 422)
    assert ok(writer.objects(collection)) == {}


NOT_UTF8 = {
    "Latin-1": b"\xe9",
    "a cut sequence": b"\xc3",
    "an overlong sequence": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "a lone continuation": b"\x80",
}


@pytest.mark.parametrize("raw", NOT_UTF8.values(), ids=NOT_UTF8)
@pytest.mark.parametrize("place", [b'"name":"e"', b'"x_own":{"e":1}'], ids=["value", "key"])
def test_bytes_that_are_not_utf8_are_never_held(
    writer: Taxii, collection: Collection, raw: bytes, place: bytes
) -> None:
    """RFC 8259 section 8.1: JSON is UTF-8. The object is refused, or the envelope; a neighbour may be held."""
    bad = text(indicator())[:-1] + b"," + place.replace(b'"e"', b'"e' + raw + b'"') + b"}"
    bad = bad.replace(b'"name":"indicator', b'"x_name":"indicator')
    other = identity()
    answer = writer.post(collection, envelope(other, bad))
    if answer.status_code == 202:
        assert accepted(answer)["failure_count"] == 1
        assert writer.held(collection) == [other]
    else:
        refused(answer, 400, 422)
        assert writer.held(collection) == []


def test_unknown_properties_of_an_envelope_are_ignored_or_refused(writer: Taxii, collection: Collection) -> None:
    """Section 7.1.1: 422, or silently ignored."""
    body = b'{"more":false,"x_note":"hi",' + envelope(indicator())[1:]
    answer = writer.post(collection, body)
    if answer.status_code == 202:
        assert accepted(answer)["success_count"] == 1
    else:
        refused(answer, 422)


def test_an_envelope_may_be_spread_over_lines(writer: Taxii, collection: Collection) -> None:
    """Whitespace between tokens means nothing."""
    one, two = indicator(), identity()
    body = json.dumps({"objects": [one, two]}, indent=4).replace("\n", "\r\n").encode()
    assert accepted(writer.post(collection, b"\n\t " + body + b" \r\n"))["success_count"] == 2
    assert ok(writer.objects(collection))["objects"] == [one, two]


def test_a_string_of_ten_megabytes(writer: Taxii, collection: Collection) -> None:
    """Held whole, or refused; what is held can be read."""
    big, small = indicator(description="x" * 10_000_000), indicator()
    answer = writer.post(collection, envelope(big, small))
    if answer.status_code == 202:
        held = [small] if writer.settled(answer)["failure_count"] else [big, small]
        assert writer.held(collection) == held
    else:
        refused(answer, 400, 413, 422)
        assert ok(writer.objects(collection)) == {}


def test_ten_megabytes_that_end_early(writer: Taxii, collection: Collection) -> None:
    """Large bodies may be taken for later (`pending`), but only whole ones: a broken envelope is refused at once,
    or nothing of it is ever there.
    """
    body = envelope(*(indicator(description="x" * 5000) for _ in range(2000)))[:-2]
    refused(writer.post(collection, body), 400, 422)
    assert ok(writer.objects(collection)) == {}


def test_a_long_number(writer: Taxii, collection: Collection) -> None:
    """A million digits cost quadratic time where they are made a number (CVE-2020-10735)."""
    raw = text(indicator())[:-1] + b',"x_n":' + b"9" * 1_000_000 + b"}"
    answer = writer.post(collection, envelope(raw))
    if answer.status_code == 202:
        kept = writer.settled(answer)["success_count"] == 1
        assert (raw in writer.objects(collection).content) == kept
    else:
        refused(answer, 400, 422)


# How much


def _bound(client: Taxii) -> int:
    found: int = ok(client.get(client.root))["max_content_length"]
    return found


def _post_head(client: Taxii, collection: Collection, **headers: str) -> bytes:
    assert client.key is not None
    fields = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE, "Authorization": basic_header(client.key)}
    return request_head("POST", client.objects_path(collection), client.node.url, fields | headers)


def _is_413(answer: RawAnswer) -> None:
    assert answer.status == 413, answer
    assert answer.header("Content-Type") == MEDIA_TYPE
    assert json.loads(answer.body)["title"]


def test_a_body_that_says_it_is_too_long_is_a_413_before_it_is_sent(writer: Taxii, collection: Collection) -> None:
    """Section 5.5: refused by its Content-Length alone; the client need not send it all."""
    head = _post_head(writer, collection, **{"Content-Length": str(_bound(writer) + 1)})
    _is_413(exchange(writer.node.url, [head, b'{"objects":['], method="POST"))
    assert ok(writer.objects(collection)) == {}


def test_a_body_that_is_too_long_is_a_413(writer: Taxii, collection: Collection) -> None:
    """Section 5.5: an otherwise good envelope, one byte over."""
    body = envelope(indicator())
    body += b" " * (_bound(writer) + 1 - len(body))
    refused(writer.post(collection, body), 413)
    assert ok(writer.objects(collection)) == {}


def test_a_body_of_the_bound_less_one_is_not_a_413(writer: Taxii, collection: Collection) -> None:
    """Section 4.2.1: smaller than max_content_length MUST NOT be a 413."""
    body = envelope(indicator())
    body += b" " * (_bound(writer) - 1 - len(body))
    assert writer.settled(writer.post(collection, body))["success_count"] == 1


def test_a_body_in_chunks_is_bounded_too(writer: Taxii, collection: Collection) -> None:
    """Without a Content-Length the bytes are counted; a million objects never fill the memory."""
    bound = _bound(writer)
    head = _post_head(writer, collection, **{"Transfer-Encoding": "chunked"})

    def chunks() -> Iterator[bytes]:
        yield head
        first = b'{"objects":[' + text(indicator()) + b","
        yield b"%x\r\n%s\r\n" % (len(first), first)
        filling = b" " * 2**18
        for _ in range(bound // len(filling) + 2):
            yield b"%x\r\n%s\r\n" % (len(filling), filling)
        last = text(indicator()) + b"]}"
        yield b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last)

    _is_413(exchange(writer.node.url, chunks(), method="POST"))
    assert ok(writer.objects(collection)) == {}


def test_a_body_in_chunks_works(writer: Taxii, collection: Collection) -> None:
    """RFC 9112 section 7.1: a client that does not know the length yet."""
    one = indicator()
    body = envelope(one)
    accepted(writer.post(collection, (body[start : start + 50] for start in range(0, len(body), 50))))
    assert writer.held(collection) == [one]


def test_a_client_that_waits_for_100_continue(writer: Taxii, collection: Collection) -> None:
    """RFC 9110 section 10.1.1: curl does so for large bodies."""
    one = indicator()
    body = envelope(one)
    head = _post_head(writer, collection, **{"Content-Length": str(len(body)), "Expect": "100-continue"})
    answer = exchange(writer.node.url, [head, body], method="POST")
    assert answer.status == 202
    assert writer.held(collection) == [one]


def test_a_body_that_ends_early_stores_nothing(writer: Taxii, collection: Collection) -> None:
    """The connection breaks in the middle of a POST: a whole object is in, but the envelope is not."""
    body = envelope(indicator(), indicator())
    head = _post_head(writer, collection, **{"Content-Length": str(len(body))})
    answer = exchange(writer.node.url, [head, body[:-20]], seconds=0.3)
    assert answer.status in (0, 400, 408)
    assert ok(writer.objects(collection)) == {}


def test_the_node_still_answers_after_all_this(reader: Taxii) -> None:
    """Last in this file: nothing above brought it down."""
    ok(reader.get("/taxii2/"))
