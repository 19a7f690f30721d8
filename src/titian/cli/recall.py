"""``titian recall``."""

from __future__ import annotations

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress
from titian.cli.recalls import overview_json, show_overview
from titian.cli.selection import Selection, chosen, instant
from titian.cli.session import acting
from titian.core.people import Permission
from titian.core.recall_objects import Reason, read_reason

app = typer.Typer(add_completion=False)

Deadline = Annotated[
    str, typer.Option(help="By when an answer is asked for: a date (its beginning, UTC) or a timestamp.")
]


@app.command(
    epilog="Example:  titian recall report--… --reason false-positive --deadline 2027-01-15 --why 'A test sample'"
)
def recall(
    selection: Selection,
    reason: Annotated[str, typer.Option(help=f"Why: {', '.join(Reason)}.", show_default=False)],
    deadline: Deadline,
    home: Home = DEFAULT_HOME,
    agreement: Annotated[
        str | None, typer.Option(help="Only what was released under this agreement: name, alias or id.")
    ] = None,
    to: Annotated[list[str] | None, typer.Option(help="Only from this party; may be repeated.")] = None,
    why: Annotated[str, typer.Option(help="Why in words, as the recipients will read them.")] = "",
    replaced_by: Annotated[
        list[str] | None,
        typer.Option(help="The id of what stands in its place, told to who is served that; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Take back what was released: it is out at once, and who was handed it is asked to give it back.

    Whatever refers to it goes too, and is named with it. One person may recall: it must be quick. What is recalled may
    go again in a later version, or after `titian recalls withdraw`. `titian recalls` shows who has given it back.
    """
    references, code, until = chosen(selection), read_reason(reason), instant(deadline)
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        with progress("Taking back", quiet=json):
            made = opened.recalls.recall(
                actor, references, reason=code, deadline=until, agreement=agreement, parties=to, why=why,
                replaced_by=replaced_by or (),
            )  # fmt: skip
        register = opened.agreements.read()
    if json:
        print_json([overview_json(one, register) for one in made])
        return
    for one in made:
        show_overview(one, register)
