"""Bytes are kept: a stored object is served byte for byte (DESIGN law 4)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.nodes import Collection
from support.stix import envelope, indicator, ipv4, text
from support.taxii import Taxii, accepted, ok


@pytest.fixture(scope="module")
def bytes_collection(new_collection: Callable[..., Collection]) -> Collection:
    """For all examples of one property: they only add."""
    return new_collection()


def _with(member: bytes) -> bytes:
    """An indicator, and one member more, spelt exactly so."""
    return text(indicator())[:-1] + b"," + member + b"}"


SPELLINGS: dict[str, bytes] = {
    "an exponent": _with(b'"x_n": 1.0e2'),
    "a capital exponent": _with(b'"x_n":1E+2'),
    "zeros that mean nothing": _with(b'"x_n":1.500'),
    "minus zero": _with(b'"x_n":-0'),
    "more digits than a double": _with(b'"x_n":0.1000000000000000055511151231257827'),
    "the largest integer of STIX": _with(b'"x_n":9007199254740991'),
    "an escaped letter": _with(b'"x_s":"caf\\u00e9"'),
    "the same letter as it is": _with('"x_s":"café"'.encode()),
    "a decomposed letter": _with('"x_s":"cafe\u0301"'.encode()),
    "escapes in both cases": _with(b'"x_s":"\\u00E9\\u00e9"'),
    "an escaped pair": _with(b'"x_s":"\\ud83d\\ude00"'),
    "an escaped slash": _with(b'"x_s":"a\\/b"'),
    "short escapes": _with(b'"x_s":"\\t\\n\\r\\b\\f\\"\\\\"'),
    "long escapes": _with(b'"x_s":"\\u0009\\u000a\\u0022"'),
    "an escaped NUL": _with(b'"x_s":"a\\u0000b"'),
    "DEL and separators": _with('"x_s":"\x7f\u2028\u2029\ufeff\uffff"'.encode()),
    "an escaped key": _with(b'"x_\\u0061":1'),
    "unknown members": _with(b'"x_a":{"x_b":[{"x_c":[[1],[2]]}]},"x_d":false'),
    "keys in reverse": text(dict(reversed(indicator().items()))),
    "spaces": text(indicator()).replace(b'":', b'"  :\t '),
    "lines": text(indicator()).replace(b",", b"\r\n  ,\n"),
    "spaces at both ends of the object": b"{ " + text(indicator())[1:-1] + b"\n}",
    "a timestamp of nine digits": text(indicator(modified="2024-01-01T00:00:00.123456789Z")),
    "a timestamp of one digit": text(indicator(valid_from="2024-01-01T00:00:00.1Z")),
    "an observable": text(ipv4("198.51.100.42", x_note="n")),
}


@pytest.mark.parametrize("raw", SPELLINGS.values(), ids=SPELLINGS)
def test_an_object_comes_back_as_it_was_sent(writer: Taxii, collection: Collection, raw: bytes) -> None:
    """Or it is refused for itself with a reason; in no case is it rewritten."""
    before, after = text(indicator()), text(indicator())
    status = accepted(writer.post(collection, envelope(before, raw, after)))
    page = writer.objects(collection)
    ok(page)
    assert status["failure_count"] == 0, status
    assert raw in page.content
    assert before in page.content
    assert after in page.content
    assert raw in writer.object(collection, json.loads(raw)["id"]).content


def test_objects_stay_as_they_are_next_to_each_other(writer: Taxii, collection: Collection) -> None:
    """All spellings in one envelope and one page."""
    raws = [text(indicator(x_number=number)).replace(b'":', b'" : ') for number in range(5)] + [*SPELLINGS.values()]
    status = accepted(writer.post(collection, b'{ "objects" : [ ' + b" , ".join(raws) + b" ] } "))
    assert status["failure_count"] == 0, status["failures"]
    content = writer.objects(collection).content
    places = [content.index(raw) for raw in raws]
    assert places == sorted(places)
    assert len(json.loads(content)["objects"]) == len(raws)


# Only what STIX 2.1 lets be: no null, no empty list (section 2.9), integers of 54 bits (section 2.8), names of
# lower-case letters, digits and underscores (section 11.1).
_scalars = (
    st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)
_names = st.from_regex(r"[a-z0-9_]{3,12}", fullmatch=True)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(_names, inner, min_size=1, max_size=4),
    max_leaves=12,
)


@settings(max_examples=25)
@given(values=st.lists(_values, min_size=20, max_size=20))
def test_any_custom_content_is_kept(writer: Taxii, bytes_collection: Collection, values: list[object]) -> None:
    """Whatever JSON a producer puts below its own property."""
    raws = [text(indicator(x_any=value)) for value in values]
    assert accepted(writer.post(bytes_collection, envelope(*raws)))["failure_count"] == 0
    served = b"".join(page.content for page in writer.pages(writer.objects_path(bytes_collection)))
    assert [raw for raw in raws if raw not in served] == []
