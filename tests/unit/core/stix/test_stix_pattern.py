"""Pattern syntax: our reading and the reference parser agree, and ours stays cheap (STIX 2.1 section 9)."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import deque
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2patterns.validator import run_validator

from titian.core.stix import pattern as module
from titian.core.stix.pattern import DEEPEST, GRAMMAR, LONGEST_FOR_THE_PARSER, first_fault, pattern_error

SHARED = Path(__file__).parents[5] / "shared" / "data"

GOOD = [
    "[ipv4-addr:value = '198.51.100.3']",
    "[file:hashes.'SHA-256' = 'aa' OR file:hashes.MD5 = 'bb' AND file:name = 'it\\'s']",
    "[file:hashes.MD5 IN ('aa', 'bb')] OR [file:hashes.MD5 MATCHES '^aa']",
    "[file:hashes[0] = 'the parser fails on this index, the grammar allows it']",
    "[a:b = '1'] OR [a:b = '2'] FOLLOWEDBY [a:b = '3']",
    "([a:b = '1'] AND [c:d = 2]) WITHIN 300 SECONDS WITHIN 2.5 SECONDS",
    "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_port IN (80, 443)]",
    "[file:name MATCHES '^a.*'] START t'2016-06-01T00:00:00Z' STOP t'2016-07-01T00:00:00Z' REPEATS 2 TIMES",
    "[x-own:some_refs[*].value NOT = true AND (a:'b-c' <> h'0aF9' OR EXISTS a:b[0].c) OR NOT EXISTS a:b]",
    "[a:b\u00a0>=\u2003-.5 /* a * / '] */ AND a:b = b'YQ==' // ] \n OR a:b=b'YWJj'AND a:b NOT IN()]",
    "[a:b MATCHES '" + "(a+)+" * 40 + "$']",
]
BAD = [
    ("", "empty"),
    ("   ", "empty"),
    ("[", "stops at character 1"),
    ("ipv4-addr:value = '1'", "at character 0"),
    ("/* a comment */ [a:b = 1]", "at character 0"),
    ("[ipv4-addr:value = '1'", "stops at character 22"),
    ("[ipv4-addr:value = 1.1.1.1]", "at character 22"),
    ("[file:name = 'a'] XOR [file:name = 'b']", "at character 18"),
    ("[file:name = 'unfinished]", "at character 13"),
    ("[file:name = 'a'] extra", "at character 18"),
    ("[file:name = 'a\\b']", "at character 13"),
    ("[a:b = 1] WITHIN 1 SECONDS REPEATS 2 TIMES WITHIN 1 SECONDS", "at character 43"),
    ("[a:b[-1] = 1]", "at character 5"),
    ("[(a:b = 1]", "at character 9"),
    ("[a:b = 1)]", "at character 8"),
    ("[a:b = 1])", "at character 9"),
    ("([a:b = 1]", "stops at character 10"),
    ("(" * 10_000 + "[a:b = 1]" + ")" * 10_000, f"more than {DEEPEST} brackets"),
    ("[a:b = 1] OR " * 10_000 + "[", "split it"),
]


def parser_accepts(pattern: str) -> bool:
    """The grammar of the reference parser, without its opinion on hashes."""
    return all("valid" in str(error) and "hash" in str(error) for error in run_validator(pattern, "2.1"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The patterns that the parser is asked about, by a module that remembers none."""
    patterns: list[str] = []
    monkeypatch.setattr(module, "_ways_asked_about", set())
    monkeypatch.setattr(module, "_remembered", module._examine)
    monkeypatch.setattr(module, "_parser_accepts", lambda pattern: bool(patterns.append(pattern)))
    return patterns


@pytest.mark.parametrize("pattern", GOOD)
def test_patterns(pattern: str, asked: list[str]) -> None:
    assert pattern_error(pattern) is None
    assert asked == []


@pytest.mark.parametrize(("pattern", "said"), BAD, ids=[pattern[:30] or "nothing" for pattern, _ in BAD])
def test_what_is_no_pattern(pattern: str, said: str) -> None:
    error = pattern_error(pattern)
    assert error is not None
    assert said in error
    assert len(error) <= 200


def test_what_the_parser_takes_is_taken(monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> None:
    monkeypatch.setattr(module, "_parser_accepts", lambda pattern: pattern == "[new]")
    assert [pattern_error(one) is None for one in ("[new]", "[old]", "[new]" * 1_000)] == [True, False, False]


# --- every place, every token -----------------------------------------------------------------------------

_SPELLED = {
    "string": "'a'", "bytes": "h'00'", "timestamp": "t'2016-01-01T00:00:00Z'", "name": "a", "hyphened name": "a-b",
    "equality": "=", "order": "<", "whole": "1", "fraction": "1.5", "negative": "-1", "end": "", "nothing": "#",
}  # fmt: skip
_QUALIFIERS = {
    "WITHIN": " 1 SECONDS",
    "REPEATS": " 2 TIMES",
    "START": " t'2016-01-01T00:00:00Z' STOP t'2016-01-02T00:00:00Z'",
}
_KINDS = sorted({kind for kinds in GRAMMAR.values() for kind in kinds} | set(_SPELLED) | {"LAST"})


_PAIRED = {"(": "", "[": "", ")": "(", "]": "["}
Place = tuple[str, str]
"""A key of the table, and the brackets that are open."""


def _next(place: Place, kind: str) -> Place | None:
    following, opened = GRAMMAR.get(place[0], {}).get(kind), place[1]
    if following is None or (kind == "end" and opened != ""):
        return None
    if kind in _PAIRED and (mate := _PAIRED[kind]) != "":
        return (following, opened[:-1]) if opened[-1:] == mate else None
    return following, opened + (kind if kind in _PAIRED else "")


@cache
def _ways(start: Place) -> dict[Place, list[str]]:
    """The shortest way from one place to each other, in kinds of token, with at most five brackets open."""
    ways: dict[Place, list[str]] = {start: []}
    todo = deque([start])
    while todo:
        place = todo.popleft()
        for kind in GRAMMAR.get(place[0], ()):
            following = _next(place, kind)
            if following is not None and following not in ways and len(following[1]) <= 5:
                ways[following] = [*ways[place], kind]
                todo.append(following)
    return ways


def _written(kinds: list[str]) -> str:
    return " ".join(_SPELLED.get(kind, kind) for kind in kinds)


def _refused_by_the_end_of(pattern: str) -> bool:
    """Whether the parser's first complaint is about something in ``pattern``, not about what is missing after."""
    found = re.match(r"FAIL: Error found at line 1:(\d+)", run_validator(pattern + " ,", "2.1")[0])
    assert found is not None, pattern
    return int(found[1]) < len(pattern)


@pytest.mark.parametrize("name", GRAMMAR)
def test_the_parser_goes_where_the_table_goes_and_no_further(name: str) -> None:
    """With each bracket that can be open there, since what it closes is not in the table."""
    ways = {place: way for place, way in _ways(("observation", "")).items() if place[0] == name}
    lasts = {place[1][-1:]: place for place in sorted(ways, key=lambda place: -len(place[1]))}
    for place, way in [(place, ways[place]) for place in lasts.values()]:
        for kind in _KINDS:
            following = _next(place, kind)
            pattern = _written([*way, kind])
            if following is not None:
                assert parser_accepts(f"{pattern} {_written(_ways(following)['end', ''])}"), (place, kind)
            elif name.endswith(" index") and kind == "negative":
                continue  # its grammar has it, section 9.7.2 has not; see BAD
            elif name.startswith("observed") and kind in _QUALIFIERS:
                finish = _written(_ways(place)["end", ""])
                assert not parser_accepts(f"{pattern} {_QUALIFIERS[kind]} {finish}"), (place, kind)
            elif kind == "end":
                assert pattern == "" or not parser_accepts(pattern), place
            else:
                assert _refused_by_the_end_of(pattern), (place, kind)


# --- patterns at random -----------------------------------------------------------------------------------

_GAP = st.sampled_from([" ", " ", " ", "\t\n", "\u3000", " /* ' */ ", " // [\n"])
_KEYWORDS = module._KEYWORDS
_NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in _KEYWORDS)
_TYPE = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True).filter(lambda name: name not in _KEYWORDS)
_STRING = st.text(max_size=8).map(lambda text: "'" + text.replace("\\", r"\\").replace("'", r"\'") + "'")
_TIME = st.datetimes().map(lambda when: f"t'{when.year:04}{when.isoformat()[4:]}Z'")
_ORDERABLE = st.one_of(
    _STRING,
    _TIME,
    st.integers().map(str),
    st.decimals(-1000, 1000, places=2).map(str),
    st.binary(max_size=6).map(lambda data: f"h'{data.hex()}'"),
    st.binary(min_size=1, max_size=6).map(lambda data: f"b'{b64encode(data).decode()}'"),
)
_LITERAL = _ORDERABLE | st.sampled_from(["true", "false"])
_STEP = st.one_of(
    (_NAME | _STRING).map(lambda name: "." + name),
    st.integers(0, 99).map(lambda index: f"[{index}]"),
    st.sampled_from([".src_ref", "[*]", "[ * ]"]),
)
_PATH = st.builds(
    lambda kind, first, steps, last: f"{kind}:{first}{''.join(steps)}{last}",
    _TYPE,
    _NAME | _STRING,
    st.lists(_STEP, max_size=3),
    st.sampled_from(["", "", ".hashes.'SHA-256'"]),
)
_TEST = st.one_of(
    st.tuples(st.sampled_from(["=", "==", "!=", "<>"]), _LITERAL),
    st.tuples(st.sampled_from(["<", ">", "<=", ">="]), _ORDERABLE),
    st.tuples(st.sampled_from(["LIKE ", "MATCHES ", "ISSUBSET ", "ISSUPERSET "]), _STRING),
    st.tuples(st.just("IN "), st.lists(_LITERAL, max_size=3).map(lambda values: f"({', '.join(values)})")),
).map("".join)


def _joined(words: list[str], part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    rest = st.tuples(_GAP, st.sampled_from(words), _GAP, part).map("".join)
    return st.tuples(part, st.lists(rest, max_size=2).map("".join)).map("".join)


def _nested(part: st.SearchStrategy[str], words: list[str], after: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    inner = _joined(words, part)
    return _joined(words, part | st.builds("({}){}".format, inner | inner.map("({})".format), after))


_COMPARISON = _nested(
    st.builds("{}{}{}{}".format, _PATH, _GAP, st.sampled_from(["", "NOT "]), _TEST)
    | st.builds("{}EXISTS {}".format, st.sampled_from(["", "NOT "]), _PATH),
    ["AND", "OR"],
    st.just(""),
)
_QUALIFIED = st.permutations(sorted(_QUALIFIERS)).flatmap(
    lambda names: st.integers(0, 3).map(lambda n: "".join(f" {name}{_QUALIFIERS[name]}" for name in names[:n]))
)
_VALID = _nested(
    st.builds("[{}]{}".format, _COMPARISON, _QUALIFIED),
    ["AND", "OR", "FOLLOWEDBY"],
    st.builds("{}{}".format, _QUALIFIED, _QUALIFIED),
)
_PIECE = st.sampled_from([*_KINDS, *_SPELLED.values(), "-", "+", ".", "'", "/", "\\", "h", "t'", "0", "é", "\x1c", " "])


def _changed(pattern: str, places: list[float], pieces: list[str], removed: int) -> str:
    for place, piece in zip(places, pieces, strict=False):
        at = int(place * len(pattern))
        pattern = pattern[:at] + piece + pattern[at + removed :]
    return pattern


_CHANGED = st.builds(
    _changed,
    _VALID,
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=2),
    st.lists(_PIECE | st.just(""), min_size=2, max_size=2),
    st.integers(0, 2),
)


@settings(max_examples=80)
@given(_VALID)
def test_valid_patterns_need_no_parser(pattern: str) -> None:
    assert parser_accepts(pattern)
    assert first_fault(pattern) is None


@settings(max_examples=120)
@given(_CHANGED | st.lists(_PIECE, max_size=9).map(lambda pieces: "[" + " ".join(pieces)))
def test_on_changed_patterns_the_parser_agrees(pattern: str) -> None:
    try:
        accepted = parser_accepts(pattern)
    except AttributeError:  # it fails on an index after `hashes`, and on a negative index
        return
    assert (first_fault(pattern) is None) == accepted


# --- patterns of others -----------------------------------------------------------------------------------


def test_the_cases_of_the_parser_s_own_tests() -> None:
    theirs = pytest.importorskip("stix2patterns.test.v21.test_validator")
    good = [*theirs.SPEC_CASES, *theirs.PASS_CASES, *theirs.TIMESTAMP_PASS_CASES]
    bad = [pattern for pattern, said in theirs.FAIL_CASES + theirs.TIMESTAMP_FAIL_CASES if "hash" not in said]
    assert len(good) > 50 < len(bad) + 30
    assert [one for one in good if first_fault(one) is not None] == []
    assert [one for one in bad if first_fault(one) is None] == []


@pytest.mark.skipif(not SHARED.exists(), reason="shared data not present")
def test_real_patterns_need_no_parser() -> None:
    found = json.loads((SHARED / "misp-stix-mapping-examples.json").read_bytes())
    patterns = set(_patterns(found))
    assert len(patterns) > 100
    assert [one for one in patterns if first_fault(one) is not None or not parser_accepts(one)] == []


def _patterns(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("pattern_type") == "stix":
            yield value["pattern"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _patterns(one)


# --- cost -------------------------------------------------------------------------------------------------

_MANY = 32_000
HOSTILE = {
    "flat": ("[" + " OR ".join(["a:b = 'x'"] * 4_000) + "]", 4_000 * 6 + 2),
    "observations": (" OR ".join(["[a:b = 'x']"] * 4_000), 4_000 * 8),
    "members": ("[a:b IN (" + ", ".join(["1"] * _MANY) + ")]", 2 * _MANY + 8),
    "steps": ("[a:b" + ".c" * _MANY + " = 1]", 2 * _MANY + 8),
    "qualifiers": ("([a:b = 1])" + " WITHIN 1 SECONDS" * 4_000, 3 * 4_000 + 10),
    "square brackets": ("[" * _MANY, 2),
    "parentheses": ("(" * _MANY + "[", DEEPEST + 1),
    "parentheses within": ("[" + "(" * _MANY, DEEPEST + 1),
    "opened quotes": ("[a:b = '" * 8_000, 8),
    "open quote": ("[a:b = '" + "\\'" * _MANY, 6),
    "open comment": ("[a:b = " + "/*" * _MANY, 7),
    "zeros": ("[a:b = " + "0" * _MANY, 7),
    "open base64": ("[a:b = b'" + "AAAA" * _MANY, 6),
    "regular expression": ("[a:b MATCHES '" + "(a*)*" * _MANY + "b']", 8),
}


@pytest.mark.parametrize(("pattern", "most"), HOSTILE.values(), ids=HOSTILE)
def test_reading_stops_at_the_first_fault_and_looks_once(
    pattern: str, most: int, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    spans: list[tuple[int, int]] = []

    def counted(text: str) -> Iterator[re.Match[str]]:
        for token in tokens(text):
            spans.append(token.span())
            yield token

    tokens = module._tokens
    monkeypatch.setattr(module, "_tokens", counted)
    pattern_error(pattern)
    assert len(spans) <= most
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert asked == []


def test_nothing_in_the_tokens_backtracks() -> None:
    source = re.sub(r"\[\]?[^]]*\]|\\.", "x", module._TOKEN)
    assert re.findall(r"[*+](?![+])(?<![*+][+])", source.replace(".*?", "")) == []


def test_the_parser_is_asked_once_for_each_way_of_being_wrong(asked: list[str]) -> None:
    for number in range(500):
        assert pattern_error(f"[a:b = {number}") is not None
        assert pattern_error(f"[a:b = {number} {number}]") is not None
    assert asked == ["[a:b = 0", "[a:b = 0 0]"]


def test_the_parser_is_asked_a_limited_number_of_times(monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> None:
    monkeypatch.setattr(module, "MOST_ASKED", 2)
    assert None not in [pattern_error(pattern) for pattern in ("[", "[a", "[a:", "[a:b", "[")]
    assert asked == ["[", "[a"]


def test_the_parser_is_not_asked_about_long_patterns(asked: list[str]) -> None:
    assert pattern_error("[" + " " * LONGEST_FOR_THE_PARSER) is not None
    assert pattern_error("[" + "(" * LONGEST_FOR_THE_PARSER) is not None
    assert asked == []
