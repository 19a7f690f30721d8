"""``titian warninglists``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress, table
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.people import Permission
from titian.wire.warninglists import installed_lists, read_lists

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def warninglists() -> None:
    """Values that are known to be harmless: screening tells of them, and leaves nothing out because of them."""


@app.command(epilog="Example:  titian warninglists update")
def update(
    home: Home = DEFAULT_HOME,
    folder: Annotated[
        Path | None, typer.Option("--from", help="A folder of misp-warninglists; else the installed package.")
    ] = None,
    json: Json = False,
) -> None:
    """Take the lists of MISP in, in place of those that were: from the package pymispwarninglists, or a folder."""
    source = installed_lists() if folder is None else folder.expanduser()
    with node(home) as opened:
        acting(opened, home, Permission.WRITE)
        every = list(read_lists(source))
        used = [one for one in every if one.is_used]
        done = 0
        with progress("Taking lists in", sum(len(one.values) for one in used), quiet=json) as advance:

            def told(count: int) -> None:
                nonlocal done
                advance(count - done)
                done = count

            known = opened.screen().benign.update(used, told)
    left = len(every) - len(used)
    if json:
        print_json({"lists": known, "values": done, "left_out": left})
        return
    say(f"{len(known):,} lists with {done:,} values are looked into from now on.")
    if left:
        say(f"{left} lists of patterns are left out: what they would match cannot be looked up.")


@app.command("list", epilog="Example:  titian warninglists list")
def list_(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show the lists that are looked into."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        known = opened.screen().benign.known()
    if json:
        print_json(known)
        return
    if not known:
        say("No lists yet: `titian warninglists update` takes them in.")
        return
    table("", {"list": "left", "version": "right", "values": "right"},
          [(one.name, one.version, f"{one.values:,}") for one in known])  # fmt: skip
