"""Whether a STIX pattern follows the grammar of STIX 2.1 section 9, through the `stix2-patterns` parser."""

from __future__ import annotations

import re
from functools import lru_cache

from antlr4.error.Errors import RecognitionException
from stix2patterns.validator import run_validator

LONGEST_PATTERN = 65_536
"""Characters. The parser needs about 4 µs for each, so this is a quarter of a second."""

_LONGEST_REMEMBERED = 2_048
_WORD = r"(?!(?:true|false)\b)[a-z_][a-z0-9_]*"
_PATH = rf"(?!(?:true|false)\b)[a-z][a-z0-9_-]*:{_WORD}(?:\.{_WORD}|\.'[^'\\]*')*"
_COMPARISON = rf"{_PATH} ?= ?'(?:[^'\\]|\\['\\])*'"
_OBSERVATION = rf"\[{_COMPARISON}(?: (?:AND|OR) {_COMPARISON})*\]"
_is_plain = re.compile(rf"{_OBSERVATION}(?: (?:AND|OR|FOLLOWEDBY) {_OBSERVATION})*").fullmatch
"""Equalities of strings joined by words: nearly all indicators in the field. A subset of the grammar, kept
narrow on purpose, because the full parser takes a millisecond and more."""


_is_about_a_hash = re.compile(r"FAIL: '.*' is not a valid \S+ hash", re.DOTALL).fullmatch


def pattern_error(pattern: str) -> str | None:
    """What is wrong with ``pattern``, or None. (STIX 2.1 section 9.)

    >>> pattern_error("[ipv4-addr:value = '198.51.100.3'] REPEATS 2 TIMES")
    >>> pattern_error("[ipv4-addr:value = ")
    "line 1:19: mismatched input '<EOF>'"
    """
    if len(pattern) <= _LONGEST_REMEMBERED:
        return _remembered(pattern)
    return _examine(pattern)


def _examine(pattern: str) -> str | None:
    if len(pattern) > LONGEST_PATTERN:
        return f"it is longer than {LONGEST_PATTERN} characters"
    if _is_plain(pattern) is not None:
        return None
    if not pattern.strip():
        return "it is empty"
    try:
        errors = run_validator(pattern, stix_version="2.1")
    except RecursionError:
        return "it is nested too deeply"
    except (RecognitionException, ValueError, LookupError, AttributeError, TypeError) as error:
        return f"the parser gave up ({type(error).__name__})"
    for problem in map(str, errors):
        # It also holds constants of hashes against their algorithm, those of MATCHES and IN too; the grammar
        # does not.
        if _is_about_a_hash(problem) is None:
            return problem.removeprefix("FAIL: Error found at ").partition(" expecting ")[0].replace(". ", ": ")[:200]
    return None


_remembered = lru_cache(maxsize=4_096)(_examine)
