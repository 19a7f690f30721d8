"""``titian approvals``."""

from __future__ import annotations

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.requested import request_json
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.collection import timestamp
from titian.core.people import Permission

app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.command(epilog="Example:  titian approvals --all")
def approvals(
    home: Home = DEFAULT_HOME,
    everything: Annotated[bool, typer.Option("--all", help="Also what was decided.")] = False,
    stop: Annotated[str | None, typer.Option(help="Stop this standing rule, or take back this request.")] = None,
    why: Annotated[str, typer.Option(help="Why it is stopped.")] = "",
    json: Json = False,
) -> None:
    """List the requests to release that wait for a second person, and the standing rules."""
    with node(home) as opened:
        if stop is not None:
            actor = acting(opened, home, Permission.REQUEST_RELEASE)
            stopped = opened.release.stop(actor, stop, why)
            if json:
                print_json(request_json(stopped))
            else:
                say(f"{stopped.id} is stopped.")
            return
        acting(opened, home, Permission.READ)
        requests = opened.release.requests(waiting_only=not everything)
        names = opened.agreements.read()
    if json:
        print_json([request_json(one) for one in requests])
        return
    if not requests:
        say("Nothing waits for approval.")
        return
    called = {one.id: one.name for one in names.directory.agreements.values()}
    table(
        "Requests to release",
        {"id": "left", "state": "left", "to": "left", "what": "left", "by": "left", "needs": "left"},
        [
            (one.id[:8], one.state.value, called.get(one.agreement, one.agreement),
             f"query {one.query} until {timestamp(one.until or 0)[:10]}" if one.query else
             f"{len(one.chosen):,} objects", one.requester_name, " ".join(one.needs))
            for one in requests
        ],
    )  # fmt: skip
