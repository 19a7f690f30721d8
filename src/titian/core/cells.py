"""Cells of tables that somebody opens in a spreadsheet (OWASP, CSV injection)."""

from __future__ import annotations

import re
from typing import Final

# The last four are the full-width forms of the first four.
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]")


def disarm(cell: str) -> str:
    """Keep a spreadsheet from running a cell as a formula; :func:`rearm` undoes it.

    >>> disarm("=cmd|' /C calc'!A0"), rearm(disarm("=cmd")), rearm(disarm("'=cmd")), disarm("plain")
    ("'=cmd|' /C calc'!A0", '=cmd', "'=cmd", 'plain')
    """
    return "'" + cell if _FORMULA.match(cell) else cell


def rearm(cell: str) -> str:
    """Return what :func:`disarm` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
