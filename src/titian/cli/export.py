"""``titian export``."""

import os
import sys
import tempfile
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, err, node, print_json, progress, reasons

app = typer.Typer()


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
    """Write a collection as STIX, MISP or CSV. What a format cannot carry is named, and left out."""
    if json and output is None:
        raise typer.BadParameter("--json needs -o: standard output can hold only one of the two.")
    with node(home) as opened:
        found = next(
            one for one in opened.collections.list() if one.collection.id == opened.collections.find(collection).id
        )
        with progress("Writing", found.count, quiet=json or output is None) as advance:
            options: dict[str, Any] = {"format": format.value, "every_version": every_version, "progress": advance}
            if output is None:
                report = opened.exchange.export(found.collection, sys.stdout.buffer, **options)
                sys.stdout.buffer.flush()
            else:
                # Written beside and moved into place: a file that is there is whole.
                with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
                    try:
                        report = opened.exchange.export(found.collection, cast(BinaryIO, file), **options)
                    except BaseException:
                        os.unlink(file.name)
                        raise
                os.replace(file.name, output)
    if json:
        print_json(
            {
                "written": report.written,
                "left_out": [{"id": id_, "reason": why} for id_, why in report.left_out],
            }
        )
        return
    err.print(f"{report.written:,} written" + (f", {len(report.left_out):,} left out:" if report.left_out else "."))
    reasons(report.left_out)
