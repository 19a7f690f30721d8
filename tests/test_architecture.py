"""Imports flow one way: core ← {store, lake, wire, verbs} ← node ← {web, cli}. This page proves it.

The rules are functions from a house to the sentences that say what is wrong with it, so that the second half
of this file can show, on houses of a few lines, that each of them is able to fail.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

import support.house
from support.house import NOT_CONSTANT, House

SOURCE = Path(__file__).resolve().parents[1] / "src" / "titian"

LONGEST_FUNCTION = 130
LONGEST_FILE = 500

PARTS = ("store", "lake", "wire", "exchange", "screen", "hunt", "trace", "read", "cooperate")
"""The rooms beside each other: each is handed what it needs, and knows of none of the others."""

MAY_IMPORT: dict[str, frozenset[str]] = {
    "core": frozenset({"core"}),
    **{part: frozenset({"core", part}) for part in PARTS},
    "settings": frozenset({"core", "settings"}),
    "node": frozenset({"core", "settings", "node", *PARTS}),
    # Beside the node, because only making and migrating one needs Alembic, which is slow to load.
    "setup": frozenset({"core", "settings", "node", "setup", *PARTS}),
    # The faces speak with the node, and with the formats and verbs that it hands out; never with a store.
    "web": frozenset({"", "core", "settings", "node", "setup", "web", *PARTS} - {"store", "lake"}),
    "cli": frozenset({"", "core", "settings", "node", "setup", "cli", *PARTS} - {"store", "lake"}),
    # The package itself: its public names.
    "": frozenset({"", "core", "settings", "node", "setup", *PARTS} - {"store", "lake"}),
    "__main__": frozenset({"cli"}),
}

SERVES_THE_WEB: dict[str, str] = {
    "titian.cli.serve": "the verb that starts the web face",
    "titian.cli.demo": "shows a node that serves another",
}
"""Modules of the command line that may import ``web``. Every other is a face of its own."""

FACES = ("web", "cli")

VIEWS: dict[str, str] = {
    "titian.store.view": "the types of what the node hands a face for one reader",
}
"""The one part of a store that a face may know: a store narrowed to what somebody may see."""

LATE_IMPORTS: dict[tuple[str, str], str] = {
    ("titian", "titian.*"): "a public name is loaded when it is used: the command line is in here too",
    ("titian.cli", "titian.cli.*"): "a verb is loaded when it is called, so that `titian --help` is quick",
    ("titian.core.stix.pattern", "antlr4.*"): "45 ms and 3 MB that only a pattern which is refused costs",
    ("titian.core.stix.pattern", "stix2patterns.*"): "the same",
    ("titian.store.database", "titian.store.postgres"): "0.2 s and 10 MB that a node on SQLite need not pay",
    ("titian.wire.pkcs11", "pkcs11"): "an extra: only a node whose keys lie in a token needs it",
    ("titian.web.serve", "titian.web.worker"): "each worker is a fresh interpreter, told what to load",
    ("titian.wire.formats", "titian.wire.misp"): "misp-stix takes most of a second to load",
    ("titian.wire.formats", "titian.wire.tagpack"): "YAML is loaded for YAML",
    ("titian.screen.opening", "titian.screen.desk"): "half a second and 60 MB that only who screens pays",
    ("titian.screen.opening", "titian.screen.match*"): "the same, and libsodium besides: only who matches pays",
    ("titian.screen.names.japanese", "sudachipy"): "an extra: only who screens for Japanese names in kanji needs it",
    ("titian.screen.media.libraries", "PIL.*"): "an extra: only who hashes files needs it",
    ("titian.screen.media.libraries", "pdqhash"): "an extra: only who hashes files needs it",
    ("titian.screen.media.libraries", "av"): "an extra: only who hashes video needs it",
    ("titian.wire.galaxies", "pymispgalaxies"): "a folder of data, looked for when it is asked for",
}
"""(module, what it imports inside a function) → why. Red as soon as the module no longer does it."""

TABLES: dict[str, str] = {
    "titian": "loads what _HOMES names, and each module in it is read as an import",
    "titian.cli": "loads what VERBS names, and each name in it is read as an import",
}
"""Modules that load a module by a name that is not constant → why it is known all the same."""

WORKSHOP = frozenset({"dev", "docs", "test"})
"""Extras of who works on Titian; every other one is a user's, and some module needs it."""

NOT_IMPORTED: dict[str, str] = {
    "pymispwarninglists": "a folder of data, which titian.wire.warninglists looks for",
    "sudachidict-small": "the dictionary that sudachipy reads",
}
"""Declared dependencies that no module imports → what needs them."""

OUTSIDE: dict[str, frozenset[str]] = {
    "sqlalchemy": frozenset({"store"}),
    "alembic": frozenset({"store"}),
    "sqlite3": frozenset({"store"}),
    "psycopg": frozenset({"store"}),
    "litestar": frozenset({"web"}),
    "typer": frozenset({"cli"}),
    "rich": frozenset({"cli"}),
}
"""Where does this line go? A library that speaks SQL, HTTP or to a terminal belongs to one room."""


def one_way(house: House) -> Iterator[str]:
    """Each room imports only the rooms below it."""
    for found in house.inner():
        source, target = house.room(found.source), house.room(found.target)
        if source not in MAY_IMPORT:
            yield f"{found.source} is in no room of the design: give it a row in MAY_IMPORT, or move it"
        elif target == "web" and source == "cli":
            if found.source not in SERVES_THE_WEB:
                yield f"{found}: only {' and '.join(SERVES_THE_WEB)} may import web, only to serve it"
        elif target not in MAY_IMPORT[source] and not (source in FACES and found.target in VIEWS):
            allowed = ", ".join(sorted(room or "titian" for room in MAY_IMPORT[source]))
            yield f"{found}: {source or 'titian'} may import only {allowed}; let node.py hand it in"


def no_cycles(house: House) -> Iterator[str]:
    """No two modules need each other to be loaded."""
    if cycle := house.cycle():
        yield f"cycle: {' imports '.join(cycle)}; move what they share into a module that both import"


def no_late_imports(house: House) -> Iterator[str]:
    """No import hides in a function, unless it is declared with its reason, and no declaration is stale."""
    seen = set()
    for found in house.imports():
        if not found.late or found.target in {found.source, NOT_CONSTANT}:
            continue
        declared = next((row for row in LATE_IMPORTS if row[0] == found.source and fnmatch(found.target, row[1])), None)
        if declared is None:
            yield f"{found} inside a function: import it at the top, or declare in LATE_IMPORTS why not"
        else:
            seen.add(declared)
    for module, target in LATE_IMPORTS.keys() - seen:
        if module in house.modules:
            yield f"{module} no longer imports {target} late: take the row out of LATE_IMPORTS"


def nothing_unknown_is_loaded(house: House) -> Iterator[str]:
    """Every ``import_module`` says in the source what it loads."""
    for found in house.imports():
        if found.target == NOT_CONSTANT and found.source not in TABLES:
            yield f"{found.source}:{found.line} loads a module whose name the source does not say"


def libraries_stay_in_their_room(house: House) -> Iterator[str]:
    """SQL is spoken in the stores, HTTP on the web, a terminal by the command line."""
    for found in house.imports():
        rooms = OUTSIDE.get(found.target.partition(".")[0])
        if rooms is not None and house.room(found.source) not in rooms:
            yield f"{found}: only {', '.join(sorted(rooms))} may: “Where does this line go?”, CONTRIBUTING"


def sizes(house: House) -> Iterator[str]:
    """A function can be read at once, a file in one sitting."""
    for module in house.modules.values():
        if module.lines > LONGEST_FILE:
            yield f"{module.name} has {module.lines} lines, over {LONGEST_FILE}: is it still one noun?"
        for function in module.functions:
            if function.lines > LONGEST_FUNCTION:
                where = f"{module.name}:{function.line} {function.name}"
                yield f"{where} has {function.lines} lines, over {LONGEST_FUNCTION}: name its parts"


def documented(house: House) -> Iterator[str]:
    """Every public module says what it is for."""
    for module in house.modules.values():
        private = any(part.startswith("_") and not part.startswith("__") for part in module.name.split("."))
        if not private and not module.docstring:
            yield f"{module.name} has no docstring: say in one line what the file is for"


RULES: tuple[Callable[[House], Iterator[str]], ...] = (
    one_way,
    no_cycles,
    no_late_imports,
    nothing_unknown_is_loaded,
    libraries_stay_in_their_room,
    sizes,
    documented,
)


@pytest.fixture(scope="module")
def titian() -> House:
    return support.house.read(SOURCE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule: Callable[[House], Iterator[str]], titian: House) -> None:
    wrong = sorted(rule(titian))
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_house_was_read(titian: House) -> None:
    # A reader that finds nothing would keep every rule.
    assert {"titian", "titian.core.errors", "titian.cli"} <= titian.modules.keys()
    assert any(found.target == "titian.core.errors" for found in titian.inner())


def declared() -> set[str]:
    """The packages that pyproject.toml asks for, by their normalised names."""
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for name in extras if name not in WORKSHOP for one in extras[name])]
    names = (re.match(r"[\w.-]+", requirement) for requirement in asked)
    return {re.sub(r"[-_.]+", "-", name[0]).lower() for name in names if name}


def imported(house: House) -> dict[str, set[str]]:
    """Each package that the source imports, by its normalised name, with the modules that do."""
    providers = importlib.metadata.packages_distributions()
    found: dict[str, set[str]] = {}
    for each in house.imports():
        top = each.target.partition(".")[0]
        for package in providers.get(top, ()):
            if top not in sys.stdlib_module_names and package != "titian":
                found.setdefault(re.sub(r"[-_.]+", "-", package).lower(), set()).add(each.source)
    return found


def test_every_library_that_is_imported_is_declared(titian: House) -> None:
    missing = {package: sorted(modules) for package, modules in imported(titian).items() if package not in declared()}
    assert not missing, "installed only because something else needs it: declare it in pyproject.toml"


def test_every_library_that_is_declared_is_imported(titian: House) -> None:
    # Of an extra that is not installed nobody can say what it provides.
    there = {re.sub(r"[-_.]+", "-", one.name).lower() for one in importlib.metadata.distributions()}
    assert (declared() & there) - imported(titian).keys() - NOT_IMPORTED.keys() == set()
    assert NOT_IMPORTED.keys() - declared() == set()
    assert NOT_IMPORTED.keys() & imported(titian).keys() == set(), "it is imported: take it out of NOT_IMPORTED"


# Each rule can fail: houses of a few lines that break one rule each.


def house(tmp_path: Path, **files: str) -> House:
    """A package `titian` with these files: `core__a` is core/a.py. Each gets a docstring before its text."""
    root = tmp_path / "titian"
    for name, text in {"__init__": "", "core____init__": "", "cli____init__": "", **files}.items():
        folder, _, stem = name.partition("__") if not name.startswith("__") else ("", "", name)
        path = root / folder / f"{stem}.py" if stem else root / f"{folder}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent != root:
            (path.parent / "__init__.py").touch()
        path.write_text(text if text.startswith("#bare") else f'"""What it is."""\n{text}\n')
    for package in root.rglob("__init__.py"):
        if not package.read_text():
            package.write_text('"""What it is."""\n')
    return support.house.read(root)


BROKEN = [
    pytest.param(one_way, {"core__a": "import titian.store.b", "store__b": ""}, "core may import only", id="core-up"),
    pytest.param(one_way, {"core__a": "from ..wire import b", "wire__b": ""}, "core may import only", id="relative"),
    pytest.param(one_way, {"core__a": "import titian"}, "core may import only", id="core-imports-the-package"),
    pytest.param(
        one_way,
        {"core__a": "def f():\n    import titian.node", "node": ""},
        "core may import only",
        id="late-and-up",
    ),
    pytest.param(
        one_way,
        {
            "wire__a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import titian.store.b",
            "store__b": "",
        },
        "wire may import only",
        id="only-for-types",
    ),
    pytest.param(
        one_way,
        {"wire__a": "from importlib import import_module\nimport_module('titian.store.b')", "store__b": ""},
        "wire may import only",
        id="import_module",
    ),
    pytest.param(
        one_way,
        {"exchange__a": "LAZY = {'b': 'titian.wire.b'}", "wire__b": ""},
        "exchange may import",
        id="table",
    ),
    pytest.param(one_way, {"wire__a": "import titian.store.b", "store__b": ""}, "wire may import", id="beside"),
    pytest.param(one_way, {"web__a": "import titian.cli"}, "web may import only", id="web-imports-cli"),
    pytest.param(one_way, {"web__a": "import titian.store.b", "store__b": ""}, "web may import only", id="web-store"),
    pytest.param(
        one_way, {"cli__keys": "import titian.web.app", "web__app": ""}, "only to serve", id="cli-imports-web"
    ),
    pytest.param(one_way, {"wire__a": "import titian.settings", "settings": ""}, "wire may import", id="settings"),
    pytest.param(one_way, {"attic__a": "import titian.core"}, "no room of the design", id="unknown-room"),
    pytest.param(
        no_cycles,
        {"core__a": "import titian.core.b", "core__b": "from titian.core import a"},
        "titian.core.a imports titian.core.b",
        id="cycle-of-two",
    ),
    pytest.param(
        no_cycles,
        {"core__a": "from . import b", "core__b": "from .c import x", "core__c": "import titian.core.a"},
        "cycle: ",
        id="cycle-of-three",
    ),
    pytest.param(no_late_imports, {"core__a": "def f():\n    import json"}, "inside a function", id="late"),
    pytest.param(
        no_late_imports,
        {"core__a": "class A:\n  def f(self):\n    from json import loads"},
        "late",
        id="method",
    ),
    pytest.param(no_late_imports, {"core__a": "f = lambda: __import__('json')"}, "inside a function", id="lambda"),
    pytest.param(no_late_imports, {"cli____init__": "VERBS = {}"}, "take the row out", id="stale-declaration"),
    pytest.param(
        nothing_unknown_is_loaded,
        {"core__a": "from importlib import import_module\nimport_module(__name__)"},
        "does not say",
        id="unknown-module",
    ),
    pytest.param(libraries_stay_in_their_room, {"wire__a": "from sqlalchemy.sql import text"}, "only store", id="sql"),
    pytest.param(libraries_stay_in_their_room, {"store__a": "def f():\n  import rich"}, "only cli may", id="terminal"),
    pytest.param(sizes, {"core__a": "def f():\n" + "    pass\n" * LONGEST_FUNCTION}, "name its parts", id="function"),
    pytest.param(sizes, {"core__a": "a = 1\n" * LONGEST_FILE}, "still one noun", id="file"),
    pytest.param(documented, {"core__a": "#bare"}, "has no docstring", id="docstring"),
]


@pytest.mark.parametrize(("rule", "files", "says"), BROKEN)
def test_each_rule_can_fail(
    tmp_path: Path, rule: Callable[[House], Iterator[str]], files: dict[str, str], says: str
) -> None:
    wrong = "\n".join(rule(house(tmp_path, **files)))
    assert says.replace("late", "inside a function") in wrong


SOUND = [
    pytest.param({"store__a": "from titian.core import b", "core__b": "import json"}, id="down"),
    pytest.param({"node": "import titian.store.a, titian.settings", "store__a": "", "settings": ""}, id="node"),
    pytest.param({"web__a": "from titian.node import Node", "node": ""}, id="face"),
    pytest.param({"cli__serve": "from titian.web import a", "web__a": "import litestar"}, id="serve"),
    pytest.param(
        {"core__a": "from titian.core.b import titian", "core__b": "titian = 1"}, id="a-name-of-the-same-word"
    ),
    pytest.param({"web__a": "from titian.store.view import View", "store__view": ""}, id="face-and-view"),
    pytest.param({"core___a": "#bare"}, id="private-module-without-docstring"),
    pytest.param({"core__a": "def f():\n" + "    pass\n" * (LONGEST_FUNCTION - 1)}, id="longest-function"),
]


@pytest.mark.parametrize("files", SOUND)
def test_a_sound_house_keeps_every_rule(tmp_path: Path, files: dict[str, str]) -> None:
    lazy = {
        "__init__": "HOMES = {'Error': 'titian.core.errors:Error'}",
        "core__errors": "",
        "cli____init__": "VERBS = {'serve': 'titian.cli.serve'}",
        "cli__serve": "",
    }
    sound = house(tmp_path, **(lazy | files))
    assert [says for rule in RULES for says in rule(sound)] == []


def test_import_module_of_a_pattern_counts_as_everything_under_it(tmp_path: Path) -> None:
    text = "from importlib import import_module\nimport_module(f'titian.cli.{verb}')"
    found = {i.target for i in house(tmp_path, core__a=text).inner()}
    assert found == {"titian.cli.*"}
