"""What the browser gets: the build hook, the lock file, the sizes, and the page that tells template writers of it."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
import zstandard

import titian

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "frontend"
STATIC = Path(titian.__file__).parent / "web" / "static"
SHEET = (ROOT / "src/titian/web/static/console.css").read_text(encoding="utf-8")
README = (FRONTEND / "README.md").read_text(encoding="utf-8")
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((FRONTEND / "src").glob("*.ts"))}

ORDINARY_PAGE = 60_000
"""Bytes of an ordinary page, compressed: its HTML, the sheet and the script."""

HTML_ALLOWANCE = 15_000


class _Interface:
    """Stands for hatchling's class: the build has hatchling, a machine that only runs the tests need not."""

    root = ""

    def __class_getitem__(cls, _: object) -> type[_Interface]:
        return cls


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    parts = ["hatchling", "builders", "hooks", "plugin", "interface"]
    for count in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:count]), ModuleType(parts[count - 1]))
    sys.modules[".".join(parts)].BuildHookInterface = _Interface  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location("hatch_build_under_test", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path, hook: ModuleType) -> Path:
    """A copy of the sources, with outputs that pretend to be made of them."""
    for name in hook.SOURCES:
        path = FRONTEND / name
        target = tmp_path / "frontend" / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copy2)(path, target)
    built = tmp_path / hook.BUILT
    built.mkdir(parents=True)
    for name in hook.OUTPUTS:
        (built / name).write_text("made before")
    (built / hook.STAMP).write_text(hook.digest(tmp_path))
    return tmp_path


def npm(folder: Path, monkeypatch: pytest.MonkeyPatch, hook: ModuleType, script: str) -> None:
    """An npm that does what ``script`` says, with its command in $1; there is no other."""
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(hook, "node_command", lambda: ([str(program)], {"PATH": "/usr/bin:/bin"}))


def test_outputs_of_the_same_sources_are_not_built_again(checkout: Path, hook: ModuleType) -> None:
    assert hook.up_to_date(checkout)
    one = hook.FrontEndHook()
    one.root = str(checkout)
    assert one.dependencies() == [], "an sdist installs where there is no Node to be had"
    one.initialize("standard", {})
    assert (checkout / hook.BUILT / "console.js").read_text() == "made before"


@pytest.mark.parametrize("change", ["edit", "add", "rename", "remove an output", "lock"])
def test_a_change_is_noticed(checkout: Path, hook: ModuleType, change: str) -> None:
    sources = checkout / "frontend" / "src"
    match change:
        case "edit":
            (sources / "map.ts").write_text("1")
        case "add":
            (sources / "more.ts").write_text("")
        case "rename":
            (sources / "map.ts").rename(sources / "chart.ts")
        case "remove an output":
            (checkout / hook.BUILT / "LICENSES.txt").unlink()
        case "lock":
            (checkout / "frontend" / "package-lock.json").write_text("{}")
    assert not hook.up_to_date(checkout)
    one = hook.FrontEndHook()
    one.root = str(checkout)
    assert one.dependencies() == [hook.NODE_REQUIREMENT]


def test_a_registry_that_cannot_be_reached_is_said_clearly(
    checkout: Path, hook: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm(tmp_path, monkeypatch, hook, 'echo "npm error code ECONNREFUSED" >&2; exit 1')
    with pytest.raises(hook.FrontEndNotBuiltError, match="cannot be reached") as caught:
        hook.build(checkout)
    assert "wheel or sdist" in str(caught.value)
    assert "ECONNREFUSED" in str(caught.value)
    assert (checkout / hook.BUILT / "console.js").read_text() == "made before", "a failed build takes nothing away"


def test_any_other_failure_shows_what_npm_wrote(
    checkout: Path, hook: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm(tmp_path, monkeypatch, hook, '[ "$1" = ci ] || { echo "map.ts:3: broken"; exit 1; }')
    with pytest.raises(hook.FrontEndNotBuiltError, match=r"map\.ts:3: broken") as caught:
        hook.build(checkout)
    assert "reached" not in str(caught.value)


def test_a_build_writes_the_outputs_and_what_they_were_made_of(
    checkout: Path, hook: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = "\n".join(f'echo new > "$5/{name}"' for name in hook.OUTPUTS)
    npm(tmp_path, monkeypatch, hook, f'[ "$1" = ci ] && exit 0\nmkdir "$5"\n{made}')
    (checkout / "frontend" / "src" / "map.ts").write_text("1")
    hook.build(checkout)
    assert hook.up_to_date(checkout)
    assert (checkout / hook.BUILT / "map.js").read_text() == "new\n"
    assert not (checkout / "frontend" / "node_modules").exists()


def test_the_hook_waits_for_every_file_that_is_built(hook: ModuleType) -> None:
    points = re.search(r"entryPoints: \[([^\]]*)\]", (FRONTEND / "build.mjs").read_text(encoding="utf-8"))
    assert points
    names = re.findall(r'"(\w+)"', points[1])
    assert {f"{name}.js" for name in names} | {"LICENSES.txt"} == set(hook.OUTPUTS)
    assert {f"{name}.ts" for name in names} <= SCRIPTS.keys()
    assert [name for name in names if f"`built/{name}.js`" not in README] == []


def test_the_lock_file_pins_every_package_and_names_no_place() -> None:
    lock = json.loads((FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert all(about["integrity"].startswith("sha512-") for about in packages.values())
    assert [name for name, about in packages.items() if "resolved" in about] == []
    assert "omit-lockfile-registry-resolved=true" in (FRONTEND / ".npmrc").read_text().splitlines()
    asked = json.loads((FRONTEND / "package.json").read_text(encoding="utf-8"))
    pinned = {**asked["dependencies"], **asked["devDependencies"]}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in pinned} == pinned


def test_every_licence_allows_passing_on() -> None:
    lock = json.loads((FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    licences = {about["license"] for name, about in lock["packages"].items() if name}
    assert licences <= {"0BSD", "BSD-0-Clause", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}


@pytest.mark.parametrize(
    "forbidden",
    [
        r"innerHTML",
        r"outerHTML",
        r"insertAdjacentHTML",
        r"document\.write",
        r"\beval\(",
        r"new Function",
        r"https?:(?!//www\.w3\.org/2000/svg)",
    ],
)
def test_no_script_makes_html_or_code_of_text(forbidden: str) -> None:
    # What a partner wrote stays text; the page's policy forbids the rest.
    assert [name for name, text in SCRIPTS.items() if re.search(forbidden, text)] == []


def test_the_built_files_are_there_and_small() -> None:
    built = STATIC / "built"
    assert built.is_dir(), "not built: python hatch_build.py"
    packed = zstandard.ZstdCompressor(level=12)
    size = {
        path.name: len(packed.compress(path.read_bytes()))
        for path in (STATIC / "console.css", built / "console.js", built / "theme.js")
    }
    assert sum(size.values()) + HTML_ALLOWANCE <= ORDINARY_PAGE, size


def test_the_licences_of_what_is_passed_on_are_with_it() -> None:
    text = (STATIC / "built" / "LICENSES.txt").read_text(encoding="utf-8")
    for name in ("htmx.org", "d3-force", "d3-quadtree", "d3-timer", "d3-dispatch", "world-atlas"):
        assert re.search(rf"^{re.escape(name)} \d", text, re.MULTILINE), name
    assert "esbuild" not in text


def test_what_the_readme_names_the_sheet_has() -> None:
    rows = re.search(r"\n## Classes\n(.*?)\n## ", README, re.DOTALL)
    assert rows
    named = set(re.findall(r"`[^`]*?\.([a-z][\w-]*)[^`]*`", rows[1]))
    # The type of an observable, or of an extension, has no rule of its own.
    assert "tlp-amber-strict" in named
    assert {name for name in named if f".{name}" not in SHEET} <= {"type-"}


@pytest.mark.parametrize("name", ["console.ts", "graph.ts", "map.ts"])
def test_every_word_that_a_page_can_translate_is_listed(name: str) -> None:
    block = re.search(r"(?:ENGLISH: Words = |document\.body, )\{\n(.*?)\n\}", SCRIPTS[name], re.DOTALL)
    assert block
    keys = re.findall(r"^  (\w+): ", block[1], re.MULTILINE)
    listed = set(re.findall(r"\w+", " ".join(re.findall(r"^Words\b.*(?:\n`.*)?", README, re.MULTILINE))))
    assert keys
    assert [key for key in keys if key not in listed] == []
