"""Reads the blocks of a Markdown page that a reader pastes into a shell, and runs them as one session."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

ANYTHING = "…"
"""Stands in shown output for what differs from run to run."""


@dataclass(frozen=True)
class Block:
    """What is typed, and the output that the page shows for it (empty where it shows none)."""

    typed: str
    shown: str


def blocks(markdown: str) -> list[Block]:
    """The ``sh`` blocks of a page; a ``text`` block that comes next without a word between is the output."""
    found: list[Block] = []
    end = -1
    for fence in _FENCE.finditer(markdown):
        language, text = fence[1], fence[2]
        if language == "sh":
            found.append(Block(text, ""))
            end = fence.end()
        elif language == "text" and found and not markdown[end : fence.start()].strip():
            found[-1] = Block(found[-1].typed, text)
    return found


def run(session: list[Block], folder: Path, environment: dict[str, str], *, seconds: float) -> list[str]:
    """Run the blocks one after the other in one shell that stops at the first error; what each printed."""
    mark = "---- end of block ----"
    script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    script += "".join(f"{block.typed}\necho '{mark}'\n" for block in session)
    shell = subprocess.Popen(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = shell.communicate(timeout=seconds)
    finally:
        # The group is the shell's own: nothing is in it but what these blocks started.
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    outputs = printed.split(mark + "\n")
    if shell.returncode != 0:
        stopped = session[min(len(outputs) - 1, len(session) - 1)].typed
        raise AssertionError(f"status {shell.returncode} in\n{stopped}\nwhich printed\n{outputs[-1]}")
    return outputs[: len(session)]


def matches(shown: str, printed: str) -> bool:
    """Whether the output is the one shown, line by line, whatever stands at each ``…``."""
    pattern = re.escape(shown.strip()).replace(re.escape(ANYTHING), ".*")
    return re.fullmatch(pattern, re.sub(r"[ \t]+$", "", printed.strip(), flags=re.MULTILINE)) is not None


def shell_environment() -> dict[str, str]:
    """The environment of a reader who has installed the package beside this interpreter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TITIAN_")}
    beside = str(Path(sys.executable).parent)
    return kept | {"PATH": f"{beside}{os.pathsep}{kept.get('PATH', '')}", "NO_COLOR": "1", "COLUMNS": "160"}
