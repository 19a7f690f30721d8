"""The deprecated container of observables inside observed-data (STIX 2.1 section 2.13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from titian.core.stix.rules import Rule, step

Container = Mapping[str, Mapping[str, Any]]


def _find_untyped(value: Container) -> Sequence[str]:
    return [step(key) for key, contained in value.items() if not isinstance(contained.get("type"), str)]


CONTAINED_OBJECT = Rule(
    name="contained-object",
    clause="2.13",
    message="Give each observable in the container its type.",
    find=_find_untyped,
)


def _references(contained: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in contained.items():
        if name.endswith("_ref") and isinstance(value, str):
            yield step(name), value
        elif name.endswith("_refs") and isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, str):
                    yield f"{step(name)}[{i}]", item


def _find_dangling(value: Container) -> Sequence[str]:
    return [
        step(key) + place
        for key, contained in value.items()
        for place, reference in _references(contained)
        if reference not in value and "--" not in reference
    ]


CONTAINER_REFERENCE = Rule(
    name="container-reference",
    clause="2.13",
    message="Refer to a key of the same container.",
    find=_find_dangling,
)
