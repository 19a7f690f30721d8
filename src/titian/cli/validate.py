"""``titian validate``."""

from pathlib import Path
from typing import Annotated

import typer

from titian.cli.common import Json, print_json, rejections
from titian.cli.terminal import say
from titian.core.errors import UnreadableFile
from titian.exchange.hold import Rejection, judge, reject
from titian.wire.stix import read_bundle

app = typer.Typer(add_completion=False)


@app.command(epilog="Example:  titian validate bundle.json")
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(help="STIX 2.1 files: bundles, lists, single objects.", exists=True, dir_okay=False),
    ],
    json: Json = False,
) -> None:
    """Check STIX 2.1 files. Each violation: object, JSON path, rule, clause of the standard. Exit 1 if any."""
    found: list[Rejection] = []
    count = 0
    for path in files:
        with path.open("rb") as stream:
            try:
                for raw in read_bundle(stream):
                    count += 1
                    found += reject(judge(raw))
            except UnreadableFile as error:
                found.append(Rejection(None, path.name, "readable-json", "-", str(error)))
    if json:
        print_json({"objects": count, "violations": found})
    else:
        rejections(found)
        say(f"{count:,} objects, {len(found):,} violations.")
    if found:
        raise typer.Exit(1)
