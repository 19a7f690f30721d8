"""What is public is listed, sorted, and all there is: a name is private until somebody asks for it."""

from __future__ import annotations
import __future__

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"

MUST_LIST = {"titian", "titian.core.stix"}
"""The packages that other people's code imports from."""


def listed(*, packages: bool) -> list[str]:
    """The modules that have ``__all__``, found in the source: one that cannot load fails its own test."""
    found = []
    for path in sorted((SOURCE / "titian").rglob("*.py")):
        if (path.name == "__init__.py") == packages:
            name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
            if name in MUST_LIST or re.search(r"^__all__\b", path.read_text(encoding="utf-8"), re.MULTILINE):
                found.append(name)
    return found


def order(name: str) -> tuple[int, str]:
    """As the linter sorts ``__all__``: CONSTANTS, Classes, functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def public(module: ModuleType) -> set[str]:
    """The names that a reader of the module sees: no modules, and nothing of the language itself."""
    found = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    return {
        name
        for name, value in found.items()
        if not inspect.ismodule(value) and not isinstance(value, __future__._Feature)
    }


@pytest.mark.parametrize("name", [*listed(packages=True), *listed(packages=False)])
def test_the_list_is_sorted_and_every_name_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(module.__all__, key=order)
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("name", listed(packages=True))
def test_a_package_lists_all_that_it_shows(name: str) -> None:
    module = importlib.import_module(name)
    assert set(module.__all__) == public(module)


@pytest.mark.parametrize("name", listed(packages=False))
def test_a_module_lists_all_that_it_defines(name: str) -> None:
    module = importlib.import_module(name)
    defined = {n for n in public(module) if getattr(getattr(module, n), "__module__", None) == name}
    assert defined <= set(module.__all__)


def test_every_public_name_says_what_it_is() -> None:
    titian = importlib.import_module("titian")
    values = {name: getattr(titian, name) for name in titian.__all__}
    called = {name: value for name, value in values.items() if inspect.isclass(value) or inspect.isroutine(value)}
    assert [name for name, value in called.items() if not inspect.getdoc(value)] == []
