"""Selectors of granular markings: their syntax, and what they select (STIX 2.1 section 7.2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from titian.core.stix.object_rules import Json
from titian.core.stix.rules import FINE, Rule

_SELECTOR_PART = re.compile(r"[A-Za-z0-9_-]{1,250}|\[(?:0|[1-9][0-9]{0,8})\]").fullmatch


def select(value: Any, selector: str) -> Any:
    """What ``selector`` selects in ``value``. Raises `KeyError` if there is nothing (STIX 2.1, 7.2.3).

    >>> select({"labels": ["a", "b"]}, "labels.[1]")
    'b'
    """
    for part in selector.split("."):
        if part.startswith("[") and part.endswith("]") and isinstance(value, list):
            index = part[1:-1]
            if not (index.isascii() and index.isdigit()) or int(index[:9]) >= len(value) or len(index) > 9:
                raise KeyError(selector)
            value = value[int(index)]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            raise KeyError(selector)
    return value


def _selectors(value: Json) -> list[tuple[str, str]]:
    return [
        (f".granular_markings[{i}].selectors[{j}]", selector)
        for i, marking in enumerate(value["granular_markings"])
        for j, selector in enumerate(marking.get("selectors", ()))
        if isinstance(selector, str)
    ]


def _selects(value: Json, selector: str) -> bool:
    try:
        select(value, selector)
    except KeyError:
        return False
    return True


def _find_selector_syntax(value: Json) -> Sequence[str]:
    if "granular_markings" not in value:
        return FINE
    return [place for place, selector in _selectors(value) if not all(map(_SELECTOR_PART, selector.split(".")))]


def _find_selector_target(value: Json) -> Sequence[str]:
    if "granular_markings" not in value:
        return FINE
    return [place for place, selector in _selectors(value) if not _selects(value, selector)]


SELECTOR_SYNTAX = Rule(
    name="selector-syntax",
    clause="7.2.3",
    message="Write the selector as property names, keys and [index] parts joined by dots.",
    find=_find_selector_syntax,
    reads=("granular_markings",),
    when=("granular_markings",),
)

SELECTOR_TARGET = Rule(
    name="selector-target",
    clause="7.2.3",
    message="Select something that this object has.",
    find=_find_selector_target,
    reads=("granular_markings",),
    when=("granular_markings",),
)
