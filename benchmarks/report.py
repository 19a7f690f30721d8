"""Figures and the one table they make."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Final, Literal

import msgspec
import psutil  # type: ignore[import-untyped]

TIMES = "\N{MULTIPLICATION SIGN}"
_PARTS = ("titian", "litestar", "granian", "msgspec", "sqlalchemy", "medallion", "stix2", "orjson")


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table. ``ratio`` is what is held against ``wanted``."""

    what: str
    measured: str
    ratio: float | None = None
    """Our figure over ``against``, median of the rounds; None when the row could not be measured."""
    wanted: float | None = None
    """The bound to reach; None for a row that is told, not judged."""
    sense: Literal["≥", "≤"] = "≥"
    unit: str = TIMES
    against: str = ""
    """The limit (or the smaller set, or the peer) the ratio is formed with, measured in the same rounds."""
    peer: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bound is reached; None when there is none, or nothing was measured."""
        if self.wanted is None or self.ratio is None:
            return None
        return self.ratio >= self.wanted if self.sense == "≥" else self.ratio <= self.wanted


_NOT_MEASURED: Final = "not measured"


def missing(what: str, wanted: float | None, reason: object, *, sense: Literal["≥", "≤"] = "≥") -> Figure:
    """A row that could not be measured, with the reason in the table."""
    return Figure(what=what, measured=_NOT_MEASURED, wanted=wanted, sense=sense, note=_one_line(reason))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over rounds of ``ours / theirs``; both were taken in turn, round by round."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def spread(values: Sequence[float], scale: float = 1.0, digits: int = 0) -> str:
    """Median, least and most of a few rounds, for the table."""
    middle, least, most = (f"{one * scale:,.{digits}f}" for one in (median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({least} to {most})"


def table(figures: Iterable[Figure]) -> str:
    """The table as Markdown."""
    head = ("what", "reach", "ratio", "met", "measured", "held against", "peer beside it", "note")
    rows = [head, tuple("---" for _ in head), *(_cells(figure) for figure in figures)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _cells(figure: Figure) -> tuple[str, ...]:
    reach = "-" if figure.wanted is None else f"{figure.sense} {figure.wanted:g} {figure.unit}"
    reached = "-" if figure.ratio is None else f"{figure.ratio:,.2f} {figure.unit}"
    met = {True: "yes", False: "**no**", None: "-"}[figure.met]
    return (figure.what, reach, reached, met, figure.measured, figure.against, figure.peer, figure.note)


def page(figures: Sequence[Figure], command: str, seconds: float, *, title: str, intro: str) -> str:
    """The documentation page: how it was made, on what, the table, and what falls short."""
    short = [figure for figure in figures if figure.met is False]
    silent = [figure for figure in figures if figure.measured == _NOT_MEASURED]
    lines = [
        f"# {title}",
        "",
        f"Made by `{command}` in {seconds / 60:.1f} minutes, on {machine()}.",
        "",
        intro,
        "",
        table(figures),
        "",
        "Falls short: " + ("; ".join(figure.what for figure in short) or "nothing") + ".",
    ]
    if silent:
        lines += ["", "Not measured: " + "; ".join(figure.what for figure in silent) + "."]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """The processor, its cores, the memory, the system and the versions that matter."""
    parts = [f"{name} {found}" for name in _PARTS if (found := _version(name))]
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}, "
        f"Python {platform.python_version()}, {', '.join(parts)}"
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _one_line(reason: object) -> str:
    text = " ".join(str(reason).split())
    return f"{type(reason).__name__}: {text[:300]}" if isinstance(reason, Exception) else text[:300]


def revision() -> str:
    """The commit that was measured, empty outside a checkout."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()
