"""`examine` never raises, misses nothing that its thorough way finds, and keeps its promises on real content."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st
from samples import EXTENSION, ID, TIME, TYPES, raw, sample

from titian.core.stix import Examined, Timestamp, examine
from titian.core.stix.examination import _explain, _shape_of_custom
from titian.core.stix.schema import SHAPES

DATA = Path(__file__).resolve().parents[5] / "shared" / "data"


@given(st.binary(max_size=60))
def test_any_bytes_are_answered(text: bytes) -> None:
    assert examine(text).violations


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = sorted({name for shape in SHAPES.values() for name in shape.properties} | {"type", "x_own", "X", "severity"})
_STRINGS = sorted(
    {text for type in TYPES for text in sample(type).values() if isinstance(text, str)}
    | {"", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05.6781234Z", "tool--1", "stix"}
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A valid object with a few properties taken away, replaced or added, at the top or one level down."""
    value = json.loads(json.dumps(sample(draw(st.sampled_from(TYPES)))))
    for _ in range(draw(st.integers(0, 3))):
        inner = [item for item in value.values() if isinstance(item, dict)]
        target = draw(st.sampled_from([value, *inner]))
        names = st.sampled_from(sorted(target)) if target and draw(st.booleans()) else st.sampled_from(_NAMES)
        name = draw(names)
        if draw(st.integers(0, 3)) == 0:
            target.pop(name, None)
        else:
            other = sample(draw(st.sampled_from(TYPES)))
            fitting = [other[name]] if name in other else []
            target[name] = draw(st.sampled_from([*fitting, *_STRINGS]) | _JSON)
    return value


def thoroughly(text: bytes) -> Examined:
    """What the thorough way says, whatever the quick way thinks."""
    source = json.loads(text)
    kind = source.get("type")
    shape = (SHAPES.get(kind) if isinstance(kind, str) else None) or _shape_of_custom(source)
    return _explain(text, source, shape, None, True)


@given(mutated())
def test_the_quick_way_and_the_thorough_way_agree(value: dict[str, Any]) -> None:
    text = raw(value)
    found = examine(text)
    assert found.violations == thoroughly(text).violations
    assert (found.value is not None) or found.violations
    if not found.violations:
        assert found.value.id == found.id == value["id"]


@given(mutated(), st.integers(0, 10_000), st.integers(0, 10_000), st.binary(max_size=3))
def test_damaged_texts_are_answered(value: dict[str, Any], at: int, length: int, noise: bytes) -> None:
    text = raw(value)
    start = at % (len(text) + 1)
    found = examine(text[:start] + noise + text[start + length % 5 :])
    assert isinstance(found, Examined)


@given(mutated())
def test_lenient_is_never_stricter(value: dict[str, Any]) -> None:
    text = raw(value)
    assert set(examine(text, strict=False).violations) <= set(examine(text).violations)


@given(mutated(), st.booleans())
def test_the_spelling_of_the_text_does_not_count(value: dict[str, Any], ascii: bool) -> None:
    spaced = json.dumps(value, indent=1, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    assert examine(spaced).violations == examine(raw(value)).violations


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize(("place", "stands_in"), [("x_own", 1), ("external_references", 3)])
def test_depth_counts_from_the_top_wherever_it_is(place: str, stands_in: int, extra: int) -> None:
    count = 64 - stands_in + extra
    deep = json.loads("[" * count + "]" * count)
    reference = [{"source_name": "a", "url": "b", "more": deep}]
    found = examine(raw(sample("tool", **{place: deep if place == "x_own" else reference})))
    assert [one.rule for one in found.violations] == (["nesting"] if extra > 0 else [])


def test_a_memoryview_is_as_good_as_bytes() -> None:
    text = raw(sample("tool"))
    assert examine(memoryview(text)) == examine(text)


VERSIONS = [
    ("tool", Timestamp.parse(TIME)),
    ("relationship", Timestamp.parse(TIME)),
    ("marking-definition", Timestamp.parse(TIME)),
    ("x-mitre-tactic", Timestamp.parse(TIME)),
    ("mutex", None),
    ("bundle", None),
    ("my-observable", None),
]


@pytest.mark.parametrize(("type", "version"), VERSIONS)
def test_the_version_is_modified_else_created(type: str, version: Timestamp | None) -> None:
    assert examine(raw(sample(type))).version == version


def test_a_new_object_by_extension_is_held_to_the_versioning_properties() -> None:
    extensions = {EXTENSION: {"extension_type": "new-sdo"}}
    found = examine(raw({"type": "my-sdo", "id": f"my-sdo--{ID}", "extensions": extensions}))
    assert {one.path for one in found.violations} == {"$.created", "$.modified", "$.spec_version"}


def test_timestamps_in_the_value_keep_their_text() -> None:
    value = examine(raw(sample("campaign", last_seen="2020-01-02T03:04:05.67800000000Z"))).value
    assert value.last_seen.text == "2020-01-02T03:04:05.67800000000Z"
    assert value.last_seen == value.first_seen


HOSTILE = {
    "10 MB string": raw(sample("tool", description="x" * 10_000_000)),
    "7 MB string": raw(sample("tool", description='":' * 3_500_000)),
    "long name": raw(sample("tool", **{"x" * 1_000_000: 1})),
    "many repeats": b'{"a":1' + b',"a":1' * 300_000 + b"}",
    "many empty lists": b'{"a":[' + b"[]," * 500_000 + b"[]]}",
    "open brackets": b'{"a":' + b"[" * 4_000_000,
    "long integer": b'{"a":' + b"9" * 4_000_000 + b"}",
    "long selectors": raw(sample("tool", granular_markings=[{"lang": "en", "selectors": ["a." * 100_000]}])),
    "long identifier": raw(sample("tool", id="tool--" + "a-" * 1_000_000)),
    "long language": raw(sample("tool", lang="en" + "-abcde" * 300_000)),
    "long url": raw(sample("url", value="http:" + "a" * 2_000_000 + " ")),
    "long domain": raw(sample("domain-name", value="a." * 1_000_000)),
    "long address": raw(sample("ipv6-addr", value=":" * 1_000_000)),
    "long timestamp": raw(sample("tool", created="2020-01-02T03:04:05." + "1" * 2_000_000 + "Z")),
    "long pattern": raw(sample("indicator", pattern="[" + "(" * 60_000)),
    "deep pattern": raw(sample("indicator", pattern="(" * 3_000 + "[a:b = 1]" + ")" * 3_000)),
    "lone surrogate": b'{"type":"tool","id":"\\ud800"}',
    "overlong utf-8": b'{"type":"tool","id":"\xc0\xaf"}',
    "encoded surrogate": b'{"type":"tool","id":"\xed\xa0\x80"}',
    "byte order mark": b"\xef\xbb\xbf" + raw(sample("tool")),
    "utf-16": json.dumps(sample("tool")).encode("utf-16"),
    "NaN": b'{"type":"tool","x_a":NaN}',
    "Infinity": b'{"type":"tool","x_a":-Infinity}',
    "number out of range": b'{"type":"tool","x_a":1e999}',
    "two objects": raw(sample("tool")) * 2,
    "trailing comma": raw(sample("tool"))[:-1] + b",}",
    "nul": raw(sample("tool", name="?")).replace(b"?", b"\x00"),
    "null": b"null",
    "text": b'"tool"',
    "number": b"1",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_refused_in_good_time(name: str) -> None:
    started = time.process_time()
    found = examine(HOSTILE[name])
    assert found.violations
    assert all(len(one.message) < 600 and len(one.path) < 10_000 for one in found.violations[:100])
    assert time.process_time() - started < 15


def test_a_large_honest_object_passes() -> None:
    assert examine(raw(sample("tool", description="x" * 5_000_000))).violations == ()


def test_nothing_large_is_remembered_of_names() -> None:
    plans = SHAPES["tool"].plans
    held = len(plans)
    many = {f"x_{i}": i for i in range(200_000)}
    assert examine(raw(sample("tool", **many))).violations == ()
    assert len(plans) == held
    for i in range(1_000):
        assert examine(raw(sample("tool", **{f"x_{i}": i}))).violations == ()
    assert len(plans) <= 128


@pytest.mark.parametrize("type", [type for type in TYPES if type in SHAPES and type not in {"bundle", "domain-name"}])
def test_the_stix2_library_reads_the_samples_too(type: str) -> None:
    # It is the other reader: what passes here must not be something only this house calls valid.
    assert stix2.parse(sample(type), allow_custom=False)["id"] == f"{type}--{ID}"


NATIVE = [("ics-attack-18.1.json", 1_826), ("mobile-attack-17.1.json", 2_148)]


@pytest.mark.parametrize(("file", "count"), NATIVE)
@pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not beside the repository")
def test_all_of_attack_passes(file: str, count: int) -> None:
    objects = json.loads((DATA / file).read_bytes())["objects"]
    found = [examine(raw(value)) for value in objects]
    assert [one.violations for one in found if one.violations] == []
    assert len(found) == count


@pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not beside the repository")
def test_what_the_misp_examples_break_is_known() -> None:
    objects = json.loads((DATA / "misp-stix-mapping-examples.json").read_bytes())["objects"]
    broken = [one for value in objects for one in examine(raw(value)).violations]
    counts = {rule: sum(one.rule == rule for one in broken) for rule in {one.rule for one in broken}}
    # Custom names with capitals or hyphens; payloads shortened with "[...]" for print; HKLM.
    assert counts == {"property-name": 16, "binary-format": 4, "registry-hive": 2}
