"""``titian preview``."""

from __future__ import annotations

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress
from titian.cli.previewed import merged, show
from titian.cli.selection import Agreement, Selection, chosen, comma
from titian.cli.session import acting
from titian.core.people import Permission

app = typer.Typer(add_completion=False)

BLOCKED = 3
"""Exit status when a warning blocks the release."""


@app.command(epilog="Example:  titian preview report--… --to id-jp-counter-terrorism --as jp-mofa")
def preview(
    selection: Selection,
    agreement: Agreement,
    home: Home = DEFAULT_HOME,
    party: Annotated[list[str] | None, typer.Option("--as", help="Only what this party would see.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What the release is for, with commas; else all of it.")] = None,
    json: Json = False,
) -> None:
    """Show what each partner would see, what is withheld from them and why. Nothing is released.

    Exit status 3 when a text that would go names what is withheld: that blocks the release until somebody changes the
    text, or a second person approves it all the same.
    """
    with node(home) as opened, progress("Parties", quiet=json) as advance:
        acting(opened, home, Permission.PREVIEW)
        found = opened.release.preview(
            chosen(selection), agreement, parties=party, purposes=comma(purpose), found=lambda _: advance(1)
        )
    if json:
        print_json(merged(found))
    else:
        show(found)
    if found.blocked:
        raise typer.Exit(BLOCKED)
