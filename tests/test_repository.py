"""The habits of the repository: nothing of one machine in it, pins with hashes, the pages that must exist.

What is forbidden is computed from the machine that runs the test (its home, its checkout) or written in
pieces, so that this file does not hold what it forbids.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import titian

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

README_COMMANDS = "pip install . && titian demo\npip install '.[test]' && pytest\n"

REGISTRIES = [
    r"py" r"pi\.org",
    r"python" r"hosted\.org",
    r"registry\." r"npmjs",
    r"registry\." r"yarnpkg",
    r"/simple" r"/[a-z]",
    r"(?:^|\s)--?(?:extra-)?index" r"-url",
    r"(?:^|\s)--find" r"-links\s+(?:file|http)",
    r"\"resolved\":\s*\"" r"http",
]
"""Addresses of package registries, and the lines that lock formats write them in."""

LOCK_FILES = {
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pylock.toml",
    "yarn.lock",
}
"""Formats that record where each package was fetched from."""


def tracked() -> list[Path]:
    """What git tracks, and what it would: files that are neither committed nor ignored count too."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [path for name in sorted(set(listed.split("\0")) - {""}) if (path := ROOT / name).is_file()]


def lines_that_match(patterns: list[str]) -> list[str]:
    wanted = re.compile("|".join(patterns))
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="replace")
        if wanted.search(text):
            numbered = enumerate(text.splitlines(), 1)
            found += [f"{path.relative_to(ROOT)}:{n}: {line[:160]}" for n, line in numbered if wanted.search(line)]
    return found


def test_nothing_names_a_package_registry() -> None:
    assert lines_that_match([rf"(?i:{pattern})" for pattern in REGISTRIES]) == []


def paths_of_this_machine(text: str) -> list[str]:
    """What in a text names a file or folder that exists beside the checkout, in it, or in the home folder."""
    places = {ROOT, ROOT.parent, Path.home()} - {Path("/"), Path("/home")}
    named = [match[0] for place in places for match in re.finditer(rf"(?<![\w.~-]){place}/[\w.@-]+", text)]
    # Only what exists: a short home such as that of the administrator is also the beginning of many a route.
    return [name for name in named if Path(name.rstrip(".")).exists()]


def test_nothing_names_a_path_of_this_machine() -> None:
    texts = {path: path.read_bytes().decode("utf-8", errors="replace") for path in tracked()}
    found = {
        str(path.relative_to(ROOT)): named for path, text in texts.items() if (named := paths_of_this_machine(text))
    }
    assert found == {}


def test_a_path_of_this_machine_is_recognised() -> None:
    assert paths_of_this_machine(f"see {Path(__file__)}: there") != []
    assert paths_of_this_machine(f"see {ROOT.name}/tests and {Path.home()}/no-such-folder/objects/") == []


def test_no_lock_file_records_where_packages_come_from() -> None:
    assert [path.name for path in tracked() if path.name in LOCK_FILES] == []


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CHANGELOG.md",
        "NEWS.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "justfile",
        ".ci/run",
    ],
)
def test_a_page_that_a_newcomer_looks_for_is_there(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8")) > 200


def test_ci_can_be_run() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111 == 0o111


def test_the_readme_begins_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.search(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert first is not None
    assert first[1] == README_COMMANDS
    assert len(text[: first.start()].splitlines()) <= 6, "the two commands come first"


def test_the_licence_is_the_one_that_is_declared() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_the_changelog_has_the_version() -> None:
    version = PROJECT["project"]["version"]
    for name in ("CHANGELOG.md", "NEWS.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.search(rf"^## \[?{re.escape(version)}\b", text, re.MULTILINE), name


# The pins


def pins() -> dict[str, list[str]]:
    """Each block of constraints.txt, by the package's normalised name."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    blocks: dict[str, list[str]] = {}
    for block in re.split(r"(?<!\\)\n", text):
        if block and not block.startswith("#"):
            blocks.setdefault(normal(block), []).append(block)
    return blocks


def normal(requirement: str) -> str:
    """The package's name in its normal form (PEP 503), whatever follows it."""
    name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def declared() -> list[str]:
    """Every requirement of the package, its extras and its build."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    return [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *(requirement for extra in extras for requirement in extra),
    ]


@pytest.mark.parametrize("requirement", declared())
def test_a_requirement_is_pinned(requirement: str) -> None:
    assert normal(requirement) in pins(), f"{requirement} is not in constraints.txt: run `just pin`"


@pytest.mark.parametrize("requirement", declared())
def test_a_requirement_says_its_oldest_version(requirement: str) -> None:
    # Without a lower bound pip walks back through a decade of releases before it gives up.
    assert ">=" in requirement


def test_every_pin_has_a_hash_and_no_address() -> None:
    assert len(pins()) > 50
    for blocks in pins().values():
        for block in blocks:
            first, *hashes = (line.strip(" \\") for line in block.splitlines())
            assert re.fullmatch(r"[a-z0-9-]+==[0-9][^\s;]*(?: ; [^:/@]+)?", first), first
            assert hashes, f"{first} has no hash"
            assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first


def test_the_package_says_the_version_that_is_built() -> None:
    version = PROJECT["project"]["version"]
    assert importlib.metadata.version("titian") == version
    assert getattr(titian, "__version__", version) == version
