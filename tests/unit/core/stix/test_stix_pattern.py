"""Pattern syntax: our reading and the reference parser agree, and ours stays cheap (STIX 2.1 section 9)."""

from __future__ import annotations

import json
import re
from collections import deque
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
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
_QUALIFIERS = {"WITHIN", "REPEATS", "START"}
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
    """The shortest way from one place to each other, in kinds of token, with at most three brackets open."""
    ways: dict[Place, list[str]] = {start: []}
    todo = deque([start])
    while todo:
        place = todo.popleft()
        for kind in GRAMMAR.get(place[0], ()):
            following = _next(place, kind)
            if following is not None and following not in ways and len(following[1]) <= 3:
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
    for place, way in [one for one in _ways(("observation", "")).items() if one[0][0] == name and len(one[0][1]) < 3]:
        for kind in _KINDS:
            following = _next(place, kind)
            pattern = _written([*way, kind])
            if following is not None:
                assert parser_accepts(f"{pattern} {_written(_ways(following)['end', ''])}"), (place, kind)
            elif kind == "end":
                assert not parser_accepts(pattern), place
            elif kind not in _QUALIFIERS or not name.startswith("observed"):
                assert _refused_by_the_end_of(pattern), (place, kind)
