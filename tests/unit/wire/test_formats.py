"""Formats told apart, one face to read them, and a marking put on what bears none."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput, UnreadableFile
from titian.core.marking import read_markings
from titian.core.stix import Timestamp
from titian.core.tlp import PAP_IDS, TLP_1_IDS, TLP_DEFINITIONS, TLP_IDS, Pap, Tlp, stricter
from titian.wire.formats import WRITTEN, apply_marking, detect, marking_named, read, write

VECTORS = Path(__file__).parents[2] / "vectors" / "misp"
GREEN = TLP_IDS[Tlp.GREEN]
IDENTITY = (
    b'{"type": "identity", "spec_version": "2.1", "id": "identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",'
    b'"created":"2026-03-01T00:00:00.000Z","modified":"2026-03-01T00:00:00.000Z","name":"Example"}'
)


def stored(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b'{"type":"bundle","id":"bundle--1","objects":[]}', "stix", id="bundle"),
        pytest.param(b'\xef\xbb\xbf {"objects":[' + IDENTITY + b"]}", "stix", id="envelope"),
        pytest.param(b"[" + IDENTITY + b"]", "stix", id="array"),
        pytest.param(IDENTITY + b"\n" + IDENTITY, "stix", id="lines"),
        pytest.param(b'{"id":"tool--1","name":"info","type":"tool"}', "stix", id="object, sorted"),
        pytest.param(b'{"type":"domain-name","value":"Event"}', "stix", id="observable"),
        pytest.param(b"{}", "stix", id="empty envelope"),
        pytest.param(b'{"Event":{"info":"x","Attribute":[{"type":"domain"}]}}', "misp", id="event"),
        pytest.param(b'{"response":[]}', "misp", id="response"),
        pytest.param(b'[{"Event":{}}]', "misp", id="list of events"),
        pytest.param(b'{"uuid":"x","info":"a \\"type\\": \\"b\\"","date":""}', "misp", id="bare event"),
        pytest.param(b'{"id":"12","orgc_id":"1","type":1}', "misp", id="bare event, numbered"),
        pytest.param(b"value,tlp\nevil.example,red\n", "csv", id="csv"),
        pytest.param(b"# feed\nevil.example\n", "csv", id="list"),
    ],
)
def test_formats_are_told_by_content(data: bytes, expected: str, tmp_path: Path) -> None:
    assert detect(stored(tmp_path / "file.dat", data)) == expected


@pytest.mark.parametrize("data", [b"", b" \n", b"<xml/>", b"\x1f\x8b\x08", b"%PDF-1\x00", b"\xff\xfev\x00"])
def test_other_content_is_an_error_that_says_what_to_give(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="Give a STIX bundle"):
        detect(stored(tmp_path / "file.json", data))


def test_a_folder_is_a_feed_if_it_has_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"manifest\.json"):
        detect(tmp_path)
    stored(tmp_path / "manifest.json", b"{}")
    assert detect(tmp_path) == "misp"


def test_one_face_for_all(tmp_path: Path) -> None:
    stix = stored(tmp_path / "a", b"[" + IDENTITY + b"," + TLP_DEFINITIONS[Tlp.RED] + b"]")
    csv = stored(tmp_path / "b", b"value,tlp\nevil.example,red\nnonsense,red\n198.51.100.3,\n")
    misp = Path(shutil.copy(VECTORS / "phishing.json", tmp_path / "c"))
    expected = {stix: ("stix", 2, 0, 1), csv: ("csv", 7, 1, 3), misp: ("misp", 21, 1, 0)}
    for path, (format_, objects, problems, unmarked) in expected.items():
        reading = read(path)
        assert reading.format == format_
        assert (reading.position, reading.size) == (0, path.stat().st_size)
        assert len(list(reading)) == objects
        assert len(reading.problems) == problems
        assert reading.unmarked == unmarked
        assert reading.position == reading.size
        assert reading.failure is None


def test_what_stands_before_a_break_is_given_and_the_break_is_told(tmp_path: Path) -> None:
    reading = read(stored(tmp_path / "a", b"[" + IDENTITY + b"," + IDENTITY[:50]))
    assert list(reading) == [IDENTITY]
    assert isinstance(reading.failure, UnreadableFile)
    assert len(reading.problems) == 1


def test_a_marking_is_put_on_while_reading(tmp_path: Path) -> None:
    reading = read(stored(tmp_path / "a", b"[" + IDENTITY + b"]"), marking=GREEN)
    (raw,) = reading
    assert msgspec.json.decode(raw)["object_marking_refs"] == [GREEN]
    assert reading.unmarked == 0


def test_the_same_csv_file_gives_the_same_objects(tmp_path: Path) -> None:
    path = stored(tmp_path / "a", b"evil.example\n")
    os.utime(path, (1_772_323_200.9, 1_772_323_200.9))
    once = list(read(path))
    assert once == list(read(path))
    assert b'"created":"2026-03-01T00:00:00.000Z"' in once[1]
    at = Timestamp.parse("2020-01-01T00:00:00.000Z")
    assert b'"created":"2020-01-01T00:00:00.000Z"' in list(read(path, at=at))[1]


@pytest.mark.parametrize("format_", WRITTEN)
def test_what_is_written_is_told_apart_and_read_again(format_: Any, tmp_path: Path) -> None:
    given_ = list(read(stored(tmp_path / "a", b"value,tlp\nevil.example,green\n198.51.100.3,red\n")))
    stream = io.BytesIO()
    assert write(given_, stream, format_, definitions={}) > 0
    reading = read(stored(tmp_path / "b", stream.getvalue()))
    assert reading.format == format_
    kinds = [msgspec.json.decode(raw)["type"] for raw in reading]
    assert reading.unmarked == 0
    assert kinds.count("indicator") == 2


def test_the_converter_is_not_loaded_for_what_does_not_need_it() -> None:
    code = "import sys, titian.wire.formats; sys.exit(any(name in sys.modules for name in ('stix2', 'pymisp', 'yaml')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_label_names_a_marking() -> None:
    assert marking_named("tlp:amber+strict") == TLP_IDS[Tlp.AMBER_STRICT]
    with pytest.raises(InvalidInput):
        marking_named("tlp:unclear")


STATEMENT = "marking-definition--fa42a846-8d90-4e51-bc29-71d5b4802168"


def body(refs: str) -> bytes:
    return b'{"type":"tool", "a" : "}\\"{", ' + refs.encode() + b'"b":[1] }'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(body(""), body("")[:-1] + f',"object_marking_refs":["{GREEN}"]}}'.encode(), id="unmarked"),
        pytest.param(b"{}", b'{"object_marking_refs":["' + GREEN.encode() + b'"]}', id="nothing at all"),
        pytest.param(
            body(f'"object_marking_refs": [ "{STATEMENT}" ],'),
            body(f'"object_marking_refs": [ "{STATEMENT}" ,"{GREEN}"],'),
            id="a statement is no tlp",
        ),
        pytest.param(
            body(f'"object_marking_refs":["{PAP_IDS[Pap.RED]}"],'),
            body(f'"object_marking_refs":["{PAP_IDS[Pap.RED]}","{GREEN}"],'),
            id="pap is no tlp",
        ),
        pytest.param(
            body(f'"object_marking_refs":["{TLP_1_IDS[Tlp.CLEAR]}"],'),
            body(f'"object_marking_refs":["{TLP_1_IDS[Tlp.CLEAR]}","{GREEN}"],'),
            id="a wider tlp is not enough",
        ),
        *[
            pytest.param(body(f'"object_marking_refs":["{one}"],'), body(f'"object_marking_refs":["{one}"],'), id=name)
            for name, one in [
                ("same", GREEN),
                ("same, tlp 1.0", TLP_1_IDS[Tlp.GREEN]),
                ("stricter", TLP_IDS[Tlp.AMBER_STRICT]),
                ("stricter, tlp 1.0", TLP_1_IDS[Tlp.RED]),
            ]
        ],
        pytest.param(
            body(f'"x":{{"object_marking_refs":["{TLP_IDS[Tlp.RED]}"]}},'),
            body(f'"x":{{"object_marking_refs":["{TLP_IDS[Tlp.RED]}"]}},')[:-1]
            + f',"object_marking_refs":["{GREEN}"]}}'.encode(),
            id="the same key deeper down",
        ),
        pytest.param(
            body(f'"object\\u005fmarking_refs":["{STATEMENT}"],"x":{{"object_marking_refs":["a"]}},'),
            body(f'"object\\u005fmarking_refs":["{STATEMENT}"],"x":{{"object_marking_refs":["a"]}},')[:-1]
            + f',"object_marking_refs":["{GREEN}"]}}'.encode(),
            id="the key in another spelling: added, for its reader to refuse as a repeated key",
        ),
        pytest.param(TLP_DEFINITIONS[Tlp.CLEAR], TLP_DEFINITIONS[Tlp.CLEAR], id="a marking itself"),
        pytest.param(b'{"a": ', b'{"a": ', id="not json"),
        pytest.param(b"[1]", b"[1]", id="not an object"),
        pytest.param(b'{"object_marking_refs":"x"}', b'{"object_marking_refs":"x"}', id="not a list"),
        pytest.param(
            b'{"object_marking_refs":[],"object_marking_refs":[]}',
            b'{"object_marking_refs":[],"object_marking_refs":[]}',
            id="twice",
        ),
    ],
)
def test_marking_by_a_minimal_splice(raw: bytes, expected: bytes) -> None:
    assert apply_marking(raw, GREEN) == expected


@pytest.mark.parametrize("identifier", [STATEMENT, PAP_IDS[Pap.RED], "tlp:green"])
def test_only_tlp_can_be_asked_for(identifier: str) -> None:
    with pytest.raises(InvalidInput, match="TLP marking"):
        apply_marking(IDENTITY, identifier)


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    rest=st.dictionaries(st.text(max_size=6), values, max_size=4),
    own=st.lists(st.sampled_from([*TLP_IDS.values(), *TLP_1_IDS.values()]), max_size=2),
    asked=st.sampled_from(Tlp),
    indent=st.integers(0, 2),
)
def test_marking_never_widens_and_changes_nothing_else(
    rest: dict[str, Any], own: list[str], asked: Tlp, indent: int
) -> None:
    given_ = rest | {"type": "tool"} | ({"object_marking_refs": own} if own else {})
    raw = msgspec.json.format(msgspec.json.encode(given_), indent=indent)
    marked = apply_marking(raw, TLP_IDS[asked])
    before, after = (read_markings(one, {}).effective.tlp for one in (raw, marked))
    assert after is (asked if before is None else stricter(before, asked))
    without = msgspec.json.decode(marked)
    assert without.pop("object_marking_refs")[: len(own)] == own
    assert without == {key: value for key, value in given_.items() if key != "object_marking_refs"}
    assert apply_marking(marked, TLP_IDS[asked]) == marked
