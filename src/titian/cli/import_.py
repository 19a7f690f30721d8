"""``titian import``."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, file_progress, node, print_json, reasons, rejections
from titian.cli.session import acting, noting
from titian.cli.terminal import complain, say, shown, warn
from titian.core.people import Permission

app = typer.Typer(add_completion=False)


class Format(Enum):
    """Formats of files that can be read."""

    AUTO = "auto"
    STIX = "stix"
    MISP = "misp"
    CSV = "csv"
    TAGPACK = "tagpack"


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
    """Take STIX 2.1, MISP, CSV or TagPack files into a collection.

    Each object is checked by itself: what is valid is taken in, what is not is told with its rule. A file that
    cannot be read to its end does not keep the others from being taken in, but the exit status is 1.
    """
    with node(home) as opened, file_progress(quiet=json) as advance:
        actor = acting(opened, home, Permission.WRITE)
        found = opened.collections.find(collection)
        with noting(opened, actor, "import", found.id) as told:
            told |= {"files": [shown(str(one)) for one in files][:100], "marking": marking}
            report = opened.exchange.import_files(files, found, format=format.value, marking=marking, progress=advance)
            told |= {"read": report.held.read, "added": report.held.added}
    for name, why in report.failed:
        complain(why if name in why else f"{name}: {why}")
    held = report.held
    if json:
        print_json(
            {"read": held.read, "added": held.added, "known": held.known, "rejected": held.rejected,
             "unmarked": report.unmarked, "notes": report.notes, "failed": report.failed}
        )  # fmt: skip
    else:
        say(f"{held.read:,} read, {held.added:,} added, {held.known:,} known already.")
        rejections(held.rejected)
        if report.unmarked:
            say(f"{report.unmarked:,} bear no TLP; --marking gives one to what is imported.")
        if report.notes:
            warn("Not carried over, or only in part:")
            reasons(report.notes)
    if report.failed:
        raise typer.Exit(1)
