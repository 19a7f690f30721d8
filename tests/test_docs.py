"""The documentation runs: the tutorial as it stands, each command that a page shows, the generated pages."""

from __future__ import annotations

import functools
import importlib
import re
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.tutorial import Block, blocks, matches, run, shell_environment

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TUTORIAL = ROOT / "docs" / "tutorial.md"


def tutorial() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.split("[start:tutorial] -->")[1].split("<!-- --8<-- [end:tutorial]")[0]


def under_an_agreement() -> str:
    """The second part: what the page has besides the part that it takes from the README."""
    return TUTORIAL.read_text(encoding="utf-8")


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("part", "port"),
    [
        pytest.param(tutorial, "8440", id="five-minutes"),
        pytest.param(under_an_agreement, "8441", id="under-an-agreement"),
    ],
)
def test_the_tutorial_runs_as_it_stands(part: Callable[[], str], port: str, tmp_path: Path) -> None:
    assert port in part()
    session = blocks(part().replace(port, free_port()))
    if shutil.which("curl") is None:
        # A reader without curl leaves those lines out, and so does a machine without it.
        session = [
            Block(re.sub(r"^curl .*\n", "sleep 3\n", b.typed, flags=re.M), b.shown * ("curl " not in b.typed))
            for b in session
        ]
    printed = run(session, tmp_path, shell_environment(), seconds=120)
    for block, output in zip(session, printed, strict=True):
        if block.shown:
            assert matches(block.shown, output), f"{block.typed}\nprinted\n{output}\ninstead of\n{block.shown}"


@pytest.mark.parametrize("part", [tutorial, under_an_agreement], ids=["five-minutes", "under-an-agreement"])
def test_the_tutorial_shows_what_is_printed(part: Callable[[], str]) -> None:
    assert sum(bool(block.shown) for block in blocks(part())) >= 4


def test_the_tutorial_is_written_once() -> None:
    assert '--8<-- "README.md:tutorial"' in under_an_agreement()
    first = blocks(tutorial())[0].typed
    assert [page for page in PAGES if first in page.read_text(encoding="utf-8")] == [ROOT / "README.md"]


# The reader of the tutorial is itself a program, and can be wrong.


def test_a_text_block_right_after_is_the_output() -> None:
    page = "```sh\na\n```\n\n```text\nA\n```\nwords\n```sh\nb\n```\nwords\n```text\nno output\n```\n"
    assert blocks(page) == [Block("a\n", "A\n"), Block("b\n", "")]


def test_a_block_that_fails_is_named(tmp_path: Path) -> None:
    session = [Block("x=1\n", ""), Block("test $x = 2\n", ""), Block("echo never\n", "")]
    with pytest.raises(AssertionError, match=r"test \$x = 2"):
        run(session, tmp_path, shell_environment(), seconds=10)


def test_what_a_block_leaves_running_is_ended(tmp_path: Path) -> None:
    session = [Block("sleep 60 > /dev/null 2>&1 &\necho $! > pid\n", "")]
    run(session, tmp_path, shell_environment(), seconds=10)
    pid = int((tmp_path / "pid").read_text())
    # It was killed; the system may need a moment until it is gone, or a dead entry that waits for its parent.
    status = Path(f"/proc/{pid}/status")
    until = time.monotonic() + 10
    while not (dead := not status.exists() or "State:\tZ" in status.read_text()) and time.monotonic() < until:
        time.sleep(0.01)
    assert dead


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        pytest.param("3 objects", "3 objects\n", True, id="same"),
        pytest.param("3 objects", "4 objects\n", False, id="other-number"),
        pytest.param("id …\nend", "id 7c\nend\n", True, id="anything-in-a-line"),
        pytest.param("id …\nend", "id 7c\nmore\nend\n", False, id="not-over-lines"),
        pytest.param("a", "a\nb\n", False, id="more-than-shown"),
    ],
)
def test_output_is_compared_line_by_line(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same


# Every command that a page shows exists, with its options.


@functools.cache
def generator() -> ModuleType:
    sys.path.append(str(ROOT / "docs"))
    return importlib.import_module("generate")


@functools.cache
def commands() -> list[Any]:
    """Every command of the command line, built once: that takes a quarter of a second."""
    return list(generator().walk())


def shown_commands() -> Iterator[tuple[str, str]]:
    """Each line of a shell block that calls titian, with the page it is on."""
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8")):
            for line in block.typed.replace("\\\n", " ").splitlines():
                if line.startswith("titian "):
                    yield str(page.relative_to(ROOT)), line


@pytest.mark.parametrize(("page", "line"), [pytest.param(*shown, id=": ".join(shown)) for shown in shown_commands()])
def test_a_command_that_a_page_shows_exists(page: str, line: str) -> None:
    words = shlex.split(re.sub(r"[<>|&].*", "", line), comments=True)
    found = next((c for c in commands() if c.words == tuple(words[: len(c.words)])), None)
    assert found is not None, f"{page} shows a command that does not exist: {line}"
    known = {"--help"} | {name for each in generator().options(found) for name in (*each.opts, *each.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    assert given <= known, f"{page}: {line}"


# Links and generated pages.


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_to_a_file_leads_to_one(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_generated_reference_says_what_the_code_says() -> None:
    assert generator().behind() == [], "run `python docs/generate.py`"


def test_every_command_has_help_with_an_example() -> None:
    found = commands()
    assert len(found) >= 12
    without = [c.name for c in found if c.name not in f"{c.command.help} {c.command.epilog}"]
    assert without == [], "the help of a command shows how it is called"
    silent = [(c.name, each.name) for c in found for each in generator().options(c) if not each.help]
    assert silent == [], "every argument and option says what it is for"


def test_every_setting_says_what_it_is_for() -> None:
    settings = importlib.import_module("titian.settings")
    assert [row.name for row in settings.rows() if not row.help] == []


def test_the_page_on_csv_has_every_column() -> None:
    page = (ROOT / "docs" / "how-to" / "import-and-export.md").read_text(encoding="utf-8")
    columns = importlib.import_module("titian.wire.csv").COLUMNS
    assert [column for column in columns if f"`{column}`" not in page] == []


def test_the_page_on_people_says_what_each_role_may() -> None:
    people = importlib.import_module("titian.core.people")
    page = (ROOT / "docs" / "how-to" / "people.md").read_text(encoding="utf-8")
    assert f"| may | {' | '.join(people.Duty)} |" in page
    for permission in people.Permission:
        cells = [" yes " if permission in people.PERMISSIONS[duty] else "  " for duty in people.Duty]
        assert f"| {permission} |{'|'.join(cells)}|" in page


def test_the_agreement_file_on_the_page_can_be_read() -> None:
    page = (ROOT / "docs" / "how-to" / "agreements.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    reading = importlib.import_module("titian.exchange.agreement_file")
    draft = reading.read_agreement_file(text.encode())
    assert (draft.alias, len(draft.parties), draft.four_eyes) == ("talks", 2, True)
