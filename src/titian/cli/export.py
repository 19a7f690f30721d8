"""``titian export``."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress, reasons
from titian.cli.failure import reason
from titian.cli.session import acting, noting
from titian.cli.terminal import shown, warn
from titian.core.errors import InvalidInput, Unavailable
from titian.core.people import Permission

app = typer.Typer(add_completion=False)


class Format(Enum):
    """Formats of files that can be written."""

    STIX = "stix"
    MISP = "misp"
    CSV = "csv"


@app.command(epilog="Example:  titian export --collection Financing --format csv -o indicators.csv")
def export(
    collection: Annotated[str, typer.Option(help="Which one: name, id or alias.")],
    home: Home = DEFAULT_HOME,
    format: Annotated[
        Format, typer.Option(help="stix: a bundle, bytes kept; misp: events; csv: indicators.")
    ] = Format.STIX,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; without it, standard output.")
    ] = None,
    every_version: Annotated[
        bool, typer.Option("--every-version", help="Not only the latest version of each.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a collection as STIX, MISP or CSV. What a format cannot carry is named, and left out.

    A new file can be read by its owner only. One that is there is replaced once all is written.
    """
    streamed = output is None or _is_standard_output(output)
    if json and streamed:
        raise typer.BadParameter("--json needs -o FILE: standard output can hold only one of the two.")
    with node(home) as opened:
        actor = acting(opened, home, Permission.READ)
        found = opened.collections.listed(collection)
        with (
            progress("Writing", found.count, quiet=json or streamed) as advance,
            noting(opened, actor, "export", found.collection.id) as told,
            _written(None if streamed else output) as stream,
        ):
            told |= {"format": format.value, "to": None if streamed else shown(str(output))}
            report = opened.exchange.export(
                found.collection, stream, format=format.value, every_version=every_version, progress=advance
            )
            told["written"] = report.written
    if json:
        print_json(
            {
                "written": report.written,
                "left_out": [{"id": id_, "reason": why} for id_, why in report.left_out],
            }
        )
        return
    warn(f"{report.written:,} written" + (f", {len(report.left_out):,} left out:" if report.left_out else "."))
    reasons(report.left_out)


def _is_standard_output(output: Path) -> bool:
    """Whether a path, as /dev/stdout, is where standard output goes already: opened anew it would be cut off."""
    try:
        return os.path.samestat(os.stat(output), os.fstat(sys.stdout.fileno()))
    except OSError:
        return False


@contextmanager
def _written(output: Path | None) -> Iterator[BinaryIO]:
    """Give what to write to. Raises :class:`Unavailable` when the file cannot be written."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with _replaced(output) if _is_file_to_be(output) else output.open("wb") as stream:
            yield stream
    except OSError as error:
        raise Unavailable(
            f"{output} cannot be written: {reason(OSError(error.errno, error.strerror))}",
            advice="Choose another place with -o, or free some space there.",
        ) from error


def _is_file_to_be(output: Path) -> bool:
    """Whether a file is, or can be, at a path. A pipe, a device, an open descriptor are written through instead."""
    return output.parts[:2] not in {("/", "dev"), ("/", "proc")} and (output.is_file() or not output.exists())


@contextmanager
def _replaced(output: Path) -> Iterator[BinaryIO]:
    """Give a file that is moved to ``output``, or to where that link leads, once all is written: it is whole."""
    target = Path(os.path.realpath(output))
    if not target.parent.is_dir():
        raise InvalidInput(f"There is no folder {target.parent}.", advice="Make it first, or choose another with -o.")
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:100]}.", delete=False) as file:
        try:
            yield cast(BinaryIO, file)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise
