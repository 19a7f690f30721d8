"""Pattern syntax: the quick test is never more generous than the real grammar (STIX 2.1 section 9)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2patterns.validator import run_validator

from titian.core.stix.pattern import LONGEST_PATTERN, _is_plain, pattern_error

GOOD = [
    "[ipv4-addr:value = '198.51.100.3']",
    "[file:hashes.'SHA-256' = 'aa' OR file:hashes.MD5 = 'bb' AND file:name = 'it\\'s']",
    "[file:hashes.MD5 IN ('aa', 'bb')] OR [file:hashes.MD5 MATCHES '^aa']",
    "[a:b = '1'] OR [a:b = '2'] FOLLOWEDBY [a:b = '3']",
    "([a:b = '1'] AND [c:d = 2]) WITHIN 300 SECONDS",
    "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_port IN (80, 443)]",
    "[file:name MATCHES '^a.*'] START t'2016-06-01T00:00:00Z' STOP t'2016-07-01T00:00:00Z'",
    "[x-own:some_refs[*].value NOT = true]",
]
BAD = [
    "",
    "   ",
    "[",
    "ipv4-addr:value = '1'",
    "[ipv4-addr:value = '1'",
    "[ipv4-addr:value = 1.1.1.1]",
    "[file:name = 'a'] XOR [file:name = 'b']",
    "[file:name = 'unfinished]",
    "[file:name = 'a'] extra",
    "[file:name = 'a\\b']",
    "(" * 2_000 + "[a:b = 1]" + ")" * 2_000,
    "[a:b = '" + "x" * LONGEST_PATTERN + "']",
]


@pytest.mark.parametrize("pattern", GOOD)
def test_patterns(pattern: str) -> None:
    assert pattern_error(pattern) is None


@pytest.mark.parametrize("pattern", BAD, ids=[pattern[:30] or "empty" for pattern in BAD])
def test_what_is_no_pattern(pattern: str) -> None:
    error = pattern_error(pattern)
    assert error is not None
    assert len(error) <= 200


_WORDS = "[ ] 'a' '\\'' file x-own : name 'SHA-256' . = hashes true AND OR"
_PIECES = (*_WORDS.split(), " ", " = ", " OR ")
_NEARLY = st.lists(st.sampled_from(_PIECES), max_size=9).map("".join)
_PLAIN = st.builds(
    lambda kind, path, value, word, other: f"[{kind}:{path} = '{value}'] {word} [{kind}:{path}='{other}']",
    st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True),
    st.from_regex(r"[a-z_][a-z0-9_]{0,6}(\.'[A-Z-]{1,4}')?", fullmatch=True),
    st.text(max_size=5).map(lambda text: text.replace("\\", "\\\\").replace("'", "\\'")),
    st.sampled_from(["OR", "AND", "FOLLOWEDBY"]),
    st.sampled_from(["", "x"]),
)


@settings(max_examples=60)
@given(_NEARLY | _PLAIN)
def test_what_the_quick_test_takes_the_parser_takes(pattern: str) -> None:
    if _is_plain(pattern):
        errors = run_validator(pattern, stix_version="2.1")
        assert [error for error in errors if "hash" not in error] == []
