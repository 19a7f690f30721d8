"""Whether a STIX pattern follows the grammar of STIX 2.1 section 9.

A pattern is read once, from left to right, against a table of what may follow what: 0.04 to 0.8 µs a character
at any length, most where tokens are shortest. The `stix2-patterns` parser, the authority, takes 10 to 40 µs a
character, 700 µs for some wrong ones, and its recursion ends at some hundred terms. So its second opinion is
asked on refusals only, of short patterns, once for each way of being wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

LONGEST_FOR_THE_PARSER: Final = 1_024
"""Characters. The costliest patterns of this length that a random search found took the parser 0.22 s."""

MOST_ASKED: Final = 100
"""Ways of being wrong that the parser is asked about in the life of a process: 20 s if somebody tries hard."""

DEEPEST: Final = 400
"""Brackets open at one time. The parser runs out of stack before: at 243 to 324, less what its caller uses."""

TOO_DEEP: Final = "too deep"

_LONGEST_REMEMBERED = 2_048
_SHOWN = 40

# --- tokens -----------------------------------------------------------------------------------------------
# The longest token wins, as in the grammar. Repetitions are possessive, so nothing backtracks. The group that
# matched is the kind of token; `sign` and `word` are told apart by their text.

_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_BASE64 = "[A-Za-z0-9+/]"
_TOKEN = (
    rf"""(?:[{_SPACE}]++|/\*.*?\*/|//[^\r\n]*+)*+(?:"""
    r"""(?P<string>'[^'\\]*+(?:\\['\\][^'\\]*+)*+')"""
    r"""|(?P<sign>[][():,*]|\.(?![0-9]))"""
    r"""|(?P<timestamp>t'[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"""
    r"""T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]++)?Z')"""
    rf"""|(?P<bytes>h'(?:[0-9A-Fa-f]{{2}})*+'"""
    rf"""|b'(?:{_BASE64}{{4}})*+(?:{_BASE64}{{3}}=|{_BASE64}{{2}}==|(?<={_BASE64}{{4}}))')"""
    r"""|(?P<word>[A-Za-z_][A-Za-z0-9_-]*+)"""
    r"""|(?P<equality>==?|!=|<>)"""
    r"""|(?P<order>[<>]=?)"""
    r"""|(?P<fraction>\+?[0-9]*+\.[0-9]++)"""
    r"""|(?P<negative>-(?:[0-9]*+\.[0-9]++|0|[1-9][0-9]*+))"""
    r"""|(?P<whole>\+?(?:0|[1-9][0-9]*+))"""
    r"""|(?P<end>\Z)"""
    r"""|(?P<nothing>.))"""
)
_tokens = re.compile(_TOKEN, re.DOTALL).finditer
_opens_rightly = re.compile(r"[(\s]*+\[").match
"""The parser wants it so: no comment before the first square bracket."""

_QUALIFIERS = {
    "WITHIN": (("whole", "fraction"), ("SECONDS",)),
    "REPEATS": (("whole",), ("TIMES",)),
    "START": (("timestamp",), ("STOP",), ("timestamp",)),
}
_TEXT_TESTS = ("LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET")
_KEYWORDS = {
    *("AND", "OR", "NOT", "FOLLOWEDBY", "EXISTS", "LAST", "IN", "STOP", "SECONDS", "TIMES", "true", "false"),
    *_TEXT_TESTS,
    *_QUALIFIERS,
}
_PAIRED = {"(": "", "[": "", ")": "(", "]": "[", "end": "end"}
"""What closes a bracket, and which."""

# --- grammar ----------------------------------------------------------------------------------------------

_Table = dict[str, dict[str, str]]


def _grammar() -> _Table:
    """For each place in a pattern, the kinds of token that may come next, and the place that each leads to.

    Whether brackets are paired is not in the table. (STIX 2.1 section 9.)
    """
    orderable = ("string", "bytes", "timestamp", "whole", "fraction", "negative")
    literal = (*orderable, "true", "false")
    tests = {"equality": "literal", "order": "orderable", "IN": "set"} | dict.fromkeys(_TEXT_TESTS, "text")
    compared = {"AND": "comparison", "OR": "comparison", ")": "compared", "]": _observed(())}
    return {
        "observation": {"(": "observation", "[": "comparison"},
        "comparison": {"(": "comparison", "NOT": "NOT", **_type("tested"), "EXISTS": "EXISTS"},
        "NOT": {"EXISTS": "EXISTS"},
        "EXISTS": _type("existing"),
        **_path("tested", tests | {"NOT": "negated"}),
        **_path("existing", compared),
        "negated": tests,
        "literal": dict.fromkeys(literal, "compared"),
        "orderable": dict.fromkeys(orderable, "compared"),
        "text": {"string": "compared"},
        "set": {"(": "first member"},
        "first member": dict.fromkeys(literal, "after member") | {")": "compared"},
        "member": dict.fromkeys(literal, "after member"),
        "after member": {",": "member", ")": "compared"},
        "compared": compared,
        **_observations(),
    }


def _type(path: str) -> dict[str, str]:
    return dict.fromkeys(("name", "hyphened name"), f"{path} type")


def _path(path: str, then: dict[str, str]) -> _Table:
    """An object path, from behind its type on. An index counts from 0. (STIX 2.1 section 9.7.)"""
    return {
        f"{path} type": {":": f"{path} property"},
        f"{path} property": dict.fromkeys(("name", "string"), f"{path} path"),
        f"{path} path": {".": f"{path} property", "[": f"{path} index"} | then,
        f"{path} index": dict.fromkeys(("whole", "*"), f"{path} index end"),
        f"{path} index end": {"]": f"{path} path"},
    }


def _observations() -> _Table:
    """What follows an observation. In square brackets it takes each qualifier once; in parentheses, any number."""
    table: _Table = {}
    then = dict.fromkeys(("AND", "OR", "FOLLOWEDBY"), "observation") | {")": "grouped", "end": "end"}
    after = {
        _observed(used): {new: _observed((*used, new)) for new in _QUALIFIERS if new not in used}
        for count in range(len(_QUALIFIERS) + 1)
        for used in combinations(_QUALIFIERS, count)
    }
    after["grouped"] = dict.fromkeys(_QUALIFIERS, "grouped")
    for place, qualifiers in after.items():
        table[place] = then | {qualifier: f"{place}, {qualifier} 0" for qualifier in qualifiers}
        for qualifier, goal in qualifiers.items():
            steps = _QUALIFIERS[qualifier]
            inside = [f"{place}, {qualifier} {number}" for number in range(len(steps))]
            for here, following, kinds in zip(inside, [*inside[1:], goal], steps, strict=True):
                table[here] = dict.fromkeys(kinds, following)
    return table


def _observed(used: Iterable[str]) -> str:
    return " ".join(("observed", *sorted(used)))


GRAMMAR: Final = _grammar()


# --- reading ----------------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """The first token that cannot stand where it does."""

    place: str
    """A key of `GRAMMAR`."""
    kind: str
    """Of token, or `TOO_DEEP`."""
    position: int
    """Characters before the token."""


def first_fault(pattern: str) -> Fault | None:
    """The first fault against the grammar, or None; in time proportional to the length."""
    place = "observation"
    if _opens_rightly(pattern) is None:
        return Fault(place, "nothing", 0)
    open_brackets: list[str] = []
    for token in _tokens(pattern):
        kind = token.lastgroup or ""
        if kind == "word":
            word = token["word"]
            kind = word if word in _KEYWORDS else "hyphened name" if "-" in word else "name"
        elif kind == "sign":
            kind = token["sign"]
        following = GRAMMAR[place].get(kind)
        if following is None or (kind in _PAIRED and not _pairs(kind, open_brackets)):
            return Fault(place, kind, token.start(token.lastgroup or 0))
        if len(open_brackets) > DEEPEST:
            return Fault(place, TOO_DEEP, token.end())
        if kind == "end":
            break
        place = following
    return None


def _pairs(kind: str, open_brackets: list[str]) -> bool:
    """Opens a bracket, or closes the last; the end is right when none is open."""
    mate = _PAIRED[kind]
    if mate == "":
        open_brackets.append(kind)
        return True
    return (open_brackets.pop() if open_brackets else "end") == mate


# --- verdict ----------------------------------------------------------------------------------------------


def pattern_error(pattern: str) -> str | None:
    """What is wrong with ``pattern``, or None. (STIX 2.1 section 9.)

    >>> pattern_error("[ipv4-addr:value = '198.51.100.3'] REPEATS 2 TIMES")
    >>> pattern_error("[ipv4-addr:value = ")
    'it stops at character 19, unfinished'
    >>> pattern_error("[ipv4-addr:value = 198.51.100.3]")
    "at character 25 there may be no '.100.3]'"
    """
    if len(pattern) <= _LONGEST_REMEMBERED:
        return _remembered(pattern)
    return _examine(pattern)


def _examine(pattern: str) -> str | None:
    fault = first_fault(pattern)
    if fault is None:
        return None
    if fault.kind == TOO_DEEP:
        return f"more than {DEEPEST} brackets are open at character {fault.position}"
    if len(pattern) > LONGEST_FOR_THE_PARSER:
        advice = f"split it into patterns of at most {LONGEST_FOR_THE_PARSER} characters"
        return f"{_described(fault, pattern)}; it is too long to be checked further: {advice}"
    way = (fault.place, fault.kind)
    if way not in _ways_asked_about and len(_ways_asked_about) < MOST_ASKED:
        if _parser_accepts(pattern):
            return None
        _ways_asked_about.add(way)
    return _described(fault, pattern)


_remembered = lru_cache(maxsize=4_096)(_examine)

_ways_asked_about: set[tuple[str, str]] = set()
"""Places and kinds of token where the parser refused a pattern as well. A request of 8 MB full of short wrong
patterns would keep it busy for minutes otherwise."""


def _described(fault: Fault, pattern: str) -> str:
    if not pattern.strip():
        return "it is empty"
    if fault.kind == "end":
        return f"it stops at character {fault.position}, unfinished"
    return f"at character {fault.position} there may be no {pattern[fault.position :][:_SHOWN]!r}"


_is_about_a_hash = re.compile(r"FAIL: '.*' is not a valid \S+ hash", re.DOTALL).fullmatch


def _parser_accepts(pattern: str) -> bool:
    """Whether the `stix2-patterns` parser takes it.

    It also holds constants of hashes against their algorithm, those of MATCHES and IN too; the grammar does
    not. And it fails on an index after ``hashes``, which the grammar allows.
    """
    # Only for a pattern that is refused: see tests/test_architecture.py.
    from antlr4.error.Errors import RecognitionException
    from stix2patterns.validator import run_validator

    try:
        errors = run_validator(pattern, stix_version="2.1")
    except (RecognitionException, RecursionError, ValueError, LookupError, AttributeError, TypeError, NameError):
        return False
    return all(_is_about_a_hash(str(error)) is not None for error in errors)
