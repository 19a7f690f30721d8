"""Reading and writing STIX files as streams: the bytes are kept, whatever the chunk size."""

from __future__ import annotations

import contextlib
import io
import tracemalloc
from typing import Any

import msgspec
import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import UnreadableFile
from titian.wire.stix import Problem, read_bundle, write_bundle

INDICATOR = (
    b'{ "type" : "indicator",\n\t"spec_version": "2.1", '
    b'"id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",'
    b'"name":"a \\"quoted\\" {brace} [bracket] \\\\", '
    b'"pattern":"[domain-name:value = \'\xe4\xbe\x8b.example\']" }'
)
NOTE = b'{"type":"note","id":"note--0c7b5b88-8ff7-4a4d-aa9d-feb398cd0061","objects":{"0":[1,2,{"a":[]}]}}'
DEEP = b'{"type":"x","a":[[[[[[[[[[1]]]]]]]]]]}'
OBJECTS = [INDICATOR, NOTE, DEEP]
LIST = b"[ " + b" ,\n".join(OBJECTS) + b" ]"


def read(data: bytes, **options: Any) -> list[bytes]:
    return list(read_bundle(io.BytesIO(data), **options))


FRAMES = {
    "bundle": b'{"type":"bundle","id":"bundle--1","objects":' + LIST + b"}",
    "sorted bundle": b'{"id":"bundle--1","objects":' + LIST + b',"spec_version":"2.1","type":"bundle"}',
    "bundle with more around": b'{"x":{"objects":[1]},"objects":' + LIST + b',"y":[{"a":"]}"}]}\n',
    "array": LIST,
    "taxii envelope": b'{"more":true,"next":"abc","objects":' + LIST + b"}",
    "newline-delimited": b"\n".join(OBJECTS) + b"\n",
    "crlf-delimited": b"\r\n".join(OBJECTS),
    "record separators": b"".join(b"\x1e" + raw + b"\n" for raw in OBJECTS),
    "byte order mark": b"\xef\xbb\xbf" + LIST,
    "bundles one after another": b'{"objects":[' + INDICATOR + b"]}\n[" + NOTE + b"," + DEEP + b"]",
}


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize("data", FRAMES.values(), ids=FRAMES.keys())
def test_objects_are_yielded_with_their_bytes(data: bytes, chunk: int) -> None:
    assert read(data, chunk=chunk) == OBJECTS


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(INDICATOR, [INDICATOR], id="single object"),
        pytest.param(NOTE, [NOTE], id="single object with a dictionary named objects"),
        pytest.param(b'{"type":"x","objects":[1]}', [b'{"type":"x","objects":[1]}'], id="not a bundle"),
        pytest.param(b'{"type":"bundle","id":"bundle--1"}', [], id="bundle of nothing"),
        pytest.param(b'{"type":"bundle","objects":[]}', [], id="bundle of an empty list"),
        pytest.param(b"{}", [], id="empty envelope"),
        pytest.param(b'{"more":false}', [], id="last envelope"),
        pytest.param(b"[]", [], id="empty array"),
        pytest.param(b'[1,"a ] b",null,[2]]', [b"1", b'"a ] b"', b"null", b"[2]"], id="values of any type"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_what_counts_as_an_object(data: bytes, expected: list[bytes], chunk: int) -> None:
    assert read(data, chunk=chunk) == expected


@pytest.mark.parametrize(
    ("data", "complete", "position", "says"),
    [
        pytest.param(b"", 0, None, "empty", id="empty file"),
        pytest.param(b" \n", 0, None, "empty", id="white space"),
        pytest.param(b"<xml/>", 0, 0, "object or array", id="xml"),
        pytest.param(b"\xff\xfe{\x00}\x00", 0, 0, "object or array", id="utf-16"),
        pytest.param(b'{"objects":[' + NOTE + b"," + NOTE[:-9], 1, 12 + 2 * len(NOTE) + 1 - 9, "ends", id="cut"),
        pytest.param(b"[" + NOTE + b',{"a":"bc', 1, len(NOTE) + 10, "inside a string", id="cut string"),
        pytest.param(b"[" + NOTE, 1, len(NOTE) + 1, "comma", id="cut list"),
        pytest.param(b"[" + NOTE + b",", 1, len(NOTE) + 2, "ends", id="cut behind a comma"),
        pytest.param(b"[" + NOTE + NOTE + b"]", 1, len(NOTE) + 1, "comma", id="missing comma"),
        pytest.param(b"[" + NOTE + b",]", 1, len(NOTE) + 2, "value", id="comma too many"),
        pytest.param(b'{"objects":[' + NOTE + b"]", 1, len(NOTE) + 13, "comma or the end", id="cut bundle"),
        pytest.param(b'{"objects":[' + NOTE + b'],"objects":[]}', 1, None, "second list", id="two lists"),
        pytest.param(b"[" + NOTE + b"] oops", 1, len(NOTE) + 3, "object or array", id="text behind"),
        pytest.param(b'{"a" 1,"b":[[[[[[[[1]]]]]]]]}', 0, 5, "colon", id="no colon"),
        pytest.param(b'{"a":', 0, 5, "before a value", id="no value"),
        pytest.param(b'{1:2,"b":[[[[[[[[1]]]]]]]]}', 0, 1, "property name", id="no name"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 5, 1 << 20])
def test_objects_before_an_error_are_complete(
    data: bytes, complete: int, position: int | None, says: str, chunk: int
) -> None:
    got = []
    objects = read_bundle(io.BytesIO(data), chunk=chunk)
    for _ in range(complete):
        got.append(next(objects))
    with pytest.raises(UnreadableFile, match=says) as caught:
        next(objects)
    assert got == [NOTE] * complete
    assert caught.value.advice
    if position is not None:
        assert f"byte {position} " in caught.value.message


BOUNDED = {
    "too large": (b'{"a":"' + b"x" * 300 + b'"}', "larger than 200 bytes"),
    "too large, a string": (b'"' + b"x" * 300 + b'"', "larger than 200 bytes"),
    "too deep": (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "deeper than 64"),
}


@pytest.mark.parametrize("chunk", [1, 50, 1 << 20])
@pytest.mark.parametrize(("bad", "why"), BOUNDED.values(), ids=BOUNDED.keys())
def test_an_object_beyond_a_bound_is_reported_and_does_not_hide_the_next(bad: bytes, why: str, chunk: int) -> None:
    skipped: list[Problem] = []
    data = b"[" + NOTE + b"," + bad + b"," + NOTE + b"]"
    assert read(data, chunk=chunk, max_object=200, skipped=skipped.append) == [NOTE, NOTE]
    assert [(one.where, why in one.reason) for one in skipped] == [(f"byte {len(NOTE) + 2}", True)]
    with pytest.raises(UnreadableFile, match=why):
        read(data, chunk=chunk, max_object=200)


@pytest.mark.parametrize("member", [b'"a":1,', b'"a":"' + b"x" * 500 + b'",'], ids=["many small", "one large"])
def test_a_single_object_is_bounded_too(member: bytes) -> None:
    with pytest.raises(UnreadableFile, match="was not read"):
        read(b'{"type":"x",' + member * 100 + b'"b":2}', chunk=16, max_object=200)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(['"', "\\", "{[", "例え"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(
    objects=st.lists(st.dictionaries(texts, values, max_size=4), max_size=5),
    chunk=st.integers(1, 40),
    indent=st.integers(0, 2),
    frame=st.sampled_from([b"%s", b'{"objects":%s}', b'\xef\xbb\xbf{"z":"]","objects":%s,"y":[]}']),
)
def test_any_chunk_size_gives_what_a_json_library_gives(
    objects: list[dict[str, Any]], chunk: int, indent: int, frame: bytes
) -> None:
    listed = msgspec.json.format(msgspec.json.encode(objects), indent=indent)
    expected = [bytes(raw) for raw in msgspec.json.decode(listed, type=list[msgspec.Raw])]
    assert read(frame.replace(b"%s", listed), chunk=chunk) == expected


@given(
    data=st.binary(max_size=60) | st.text('{}[]",:\\ a1', max_size=60).map(str.encode),
    chunk=st.integers(1, 9),
)
def test_any_bytes_end_in_objects_or_in_a_clear_error(data: bytes, chunk: int) -> None:
    objects = read_bundle(io.BytesIO(data), chunk=chunk)
    with contextlib.suppress(UnreadableFile):
        for raw in objects:
            assert raw in data


class Generated(io.RawIOBase):
    """A bundle of ``count`` objects that exists only while it is read."""

    def __init__(self, count: int) -> None:
        self._count, self._next, self._rest = count, 0, b'{"type":"bundle","objects":['

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and self._next <= self._count:
            end = self._next == self._count
            comma = b"," if self._next else b""
            self._rest += b"]}" if end else comma + b'{"n":%d,"t":"%s"}' % (self._next, b"x" * 10_000)
            self._next += 1
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def test_memory_does_not_grow_with_the_file() -> None:
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_bundle(Generated(6_000), chunk=1 << 16))  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 6_000  # 60 MB
    assert peak < 2_000_000


def test_a_large_object_costs_linear_work() -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            return super().read(size)

    stream = Counting(b'[{"a":"' + b"x" * 2_000_000 + b'"}]')
    assert len(list(read_bundle(stream, chunk=1_000))) == 1
    assert stream.reads < 40  # doubling, not 2,000 steps each copying what is held


def test_written_bundles_keep_bytes_and_are_stix() -> None:
    identity = stix2.Identity(name="Example", identity_class="organization").serialize().encode()
    stream = io.BytesIO()
    assert write_bundle([identity, identity], stream) == 2
    assert read(stream.getvalue()) == [identity, identity]
    parsed = stix2.parse(stream.getvalue().decode())
    assert parsed.type == "bundle"
    assert len(parsed.objects) == 2


def test_a_bundle_of_nothing_has_no_empty_list() -> None:
    stream = io.BytesIO()
    assert write_bundle([], stream, identifier="bundle--5d0092c5-5f74-4287-9642-33f4c354e56d") == 0
    written = msgspec.json.decode(stream.getvalue())
    assert written == {"type": "bundle", "id": "bundle--5d0092c5-5f74-4287-9642-33f4c354e56d"}
