"""``titian import``."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, err, file_progress, node, out, print_json, reasons, rejections

app = typer.Typer()


class Format(Enum):
    """Formats of files that can be read."""

    AUTO = "auto"
    STIX = "stix"
    MISP = "misp"
    CSV = "csv"


@app.command(
    epilog="Example:  titian import bundle.json feed/ indicators.csv --collection Financing --marking tlp:green"
)
def import_verb(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders that are MISP feeds.", exists=True)],
    collection: Annotated[str, typer.Option(help="Where to: name, id or alias.")],
    home: Home = DEFAULT_HOME,
    format: Annotated[Format, typer.Option(help="What the files are; auto looks into each.")] = Format.AUTO,
    marking: Annotated[
        str | None, typer.Option(help="Marking for objects that have none, as tlp:green or tlp:amber+strict.")
    ] = None,
    json: Json = False,
) -> None:
    """Take STIX 2.1, MISP or CSV files into a collection.

    Each object is checked by itself: what is valid is taken in, what is not is told with its rule. Exit 1 when a
    file could not be read to its end.
    """
    with node(home) as opened, file_progress(quiet=json) as advance:
        found = opened.collections.find(collection)
        report = opened.exchange.import_files(files, found, format=format.value, marking=marking, progress=advance)
    held = report.held
    if json:
        print_json(
            {"read": held.read, "added": held.added, "known": held.known, "rejected": held.rejected,
             "unmarked": report.unmarked, "notes": report.notes, "failed": report.failed}
        )  # fmt: skip
    else:
        out.print(f"{held.read:,} read, {held.added:,} added, {held.known:,} known already.")
        rejections(held.rejected)
        if report.unmarked:
            out.print(f"{report.unmarked:,} bear no TLP; --marking gives one to what is imported.")
        if report.notes:
            err.print("Not carried over, or only in part:")
            reasons(report.notes)
    if report.failed:
        for name, why in report.failed:
            err.print(f"[bold red]titian:[/] {name}: ", end="")
            err.print(why, markup=False)
        raise typer.Exit(1)
