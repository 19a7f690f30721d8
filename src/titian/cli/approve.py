"""``titian approve``."""

from __future__ import annotations

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress
from titian.cli.requested import outcome_json, show_outcome
from titian.cli.session import acting
from titian.core.people import Permission

app = typer.Typer(add_completion=False)


@app.command(epilog="Example:  titian approve 3f9c2a10")
def approve(
    request: Annotated[str, typer.Argument(help="The request's id, or how it begins.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Approve a request of somebody else and carry it out.

    Everybody then sees exactly what the preview showed. If something has changed since, nothing is released, and the
    request is over.
    """
    with node(home) as opened:
        actor = acting(opened, home, Permission.DECIDE_RELEASE)
        with progress("Releasing", quiet=json):
            outcome = opened.release.approve(actor, request)
        names = opened.agreements.read().label
    if json:
        print_json(outcome_json(outcome))
    else:
        show_outcome(outcome, names)
