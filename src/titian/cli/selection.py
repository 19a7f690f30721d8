"""What the verbs of release share: reading a SELECTION, and dates as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from titian.core.errors import InvalidInput
from titian.core.stix import is_identifier
from titian.exchange.choose import QUERY

Selection = Annotated[
    list[str],
    typer.Argument(
        metavar="SELECTION…",
        help="Identifiers, files of identifiers (one a line), query:NAME, or a report--… with all it refers to.",
        show_default=False,
    ),
]
Agreement = Annotated[str, typer.Option("--to", help="The agreement: name, alias or id.", show_default=False)]

_LARGEST: Final = 64 << 20
_FOUND: Final = re.compile(r"[a-z][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def chosen(given: Sequence[str]) -> list[str]:
    """Return the references that a SELECTION means, files read. Raises :class:`InvalidInput` for what is neither."""
    found: list[str] = []
    for one in given:
        if is_identifier(one) or one.startswith(QUERY):
            found.append(one)
            continue
        path = Path(one).expanduser()
        if not path.is_file():
            raise InvalidInput(f"{one!r} is no identifier, no saved query and no file.",
                               advice="Give a STIX identifier, query:NAME, or a file with identifiers.")  # fmt: skip
        if path.stat().st_size > _LARGEST:
            raise InvalidInput(f"{one} is too large to be a list of identifiers.")
        lines = path.read_text("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip().strip('",')
            if not text:
                continue
            if not is_identifier(text):
                raise InvalidInput(f"{one}, line {number}: {text[:80]!r} is no STIX identifier.",
                                   advice="Write one identifier a line; # begins a comment.")  # fmt: skip
            found.append(text)
    return found


def instant(text: str) -> int:
    """Read a date (its beginning, UTC) or a timestamp, in microseconds. Raises :class:`InvalidInput`.

    >>> instant("1970-01-02"), instant("1970-01-01T00:00:01Z")
    (86400000000, 1000000)
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no date.", advice="Write it as 2027-06-30, or 2027-06-30T12:00:00Z.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)


def comma(text: str | None) -> tuple[str, ...] | None:
    """Split a list that is written with commas; None stays None.

    >>> comma("ID, JP"), comma(None)
    (('ID', 'JP'), None)
    """
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())
