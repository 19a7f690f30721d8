"""``titian refuse``."""

from __future__ import annotations

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json
from titian.cli.requested import request_json
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.people import Permission

app = typer.Typer(add_completion=False)


@app.command(epilog='Example:  titian refuse 3f9c2a10 --why "The second paragraph names the source."')
def refuse(
    request: Annotated[str, typer.Argument(help="The request's id, or how it begins.")],
    why: Annotated[str, typer.Option(help="Why; the one who asked reads it.", show_default=False)],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Refuse a request of somebody else, with a reason."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.DECIDE_RELEASE)
        refused = opened.release.refuse(actor, request, why)
    if json:
        print_json(request_json(refused))
    else:
        say(f"{refused.id} is refused.")
