"""What is printed for people. Any text may be a stranger's: none is markup, none commands the terminal."""

from __future__ import annotations

import re
from typing import Final

from rich.console import Console
from rich.text import Text

out: Final = Console(highlight=False)
err: Final = Console(stderr=True, highlight=False)

_COMMANDING: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0, DEL and C1, what turns the direction of writing or breaks a line, and halves of a surrogate pair."""


def shown(text: str) -> str:
    r"""Return a text with every character that commands a terminal, or that none can show, spelled out.

    >>> print(shown("no\x1b[31m such\nthing [b]\u202e"))
    no\x1b[31m such\nthing [b]\u202e
    """
    return _COMMANDING.sub(lambda found: ascii(found[0])[1:-1], text)


def safe(text: object, style: str = "") -> Text:
    """Return what is shown of a text, for a table or a progress bar: rich finds no markup and no emoji in it."""
    return Text(shown(str(text)), style=style)


def say(text: str, *, style: str = "") -> None:
    """Print a line on standard output. The terminal alone may wrap it: an identifier stays whole."""
    out.print(safe(text, style), soft_wrap=True)


def warn(text: str) -> None:
    """Print a line on standard error."""
    err.print(safe(text), soft_wrap=True)


def complain(message: str, *, advice: str | None = None) -> None:
    """Print what went wrong, and what to do next, on standard error."""
    err.print(Text.assemble(("titian:", "bold red"), " ", safe(message)), soft_wrap=True)
    if advice:
        warn(f"  → {advice}")
