"""``titian approvals``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress, table
from titian.cli.requested import Now, now_of, request_json, show_request, shown_json
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.collection import timestamp
from titian.core.errors import TitianError
from titian.core.gate import Request, State
from titian.core.people import Permission
from titian.exchange.choose import QUERY
from titian.node import Node

app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.command(epilog="Example:  titian approvals show 3f9c2a10")
def approvals(
    action: Annotated[str | None, typer.Argument(help="show; nothing lists them.")] = None,
    request: Annotated[str | None, typer.Argument(help="The request's id, or how it begins.")] = None,
    home: Home = DEFAULT_HOME,
    everything: Annotated[bool, typer.Option("--all", help="Also what was decided.")] = False,
    stop: Annotated[str | None, typer.Option(help="Stop this standing rule, or take back this request.")] = None,
    why: Annotated[str, typer.Option(help="Why it is stopped.")] = "",
    json: Json = False,
) -> None:
    """List the requests to release that wait for a second person, and the standing rules; or show one.

    To show one says who asked, what for, what each party would see, and whether that is still so: what somebody wants
    to know before they approve it.
    """
    if action not in (None, "show") or (action is None) != (request is None):
        raise typer.BadParameter("Give nothing, or `show REQUEST`.")
    if request is not None and (stop is not None or everything):
        raise typer.BadParameter("One request is shown without --all and --stop.")
    if request is not None:
        _show(home, request, json)
    elif stop is not None:
        _stop(home, stop, why, json)
    else:
        _list(home, everything, json)


def _stop(home: Path, reference: str, why: str, json: bool) -> None:
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        stopped = opened.release.stop(actor, reference, why)
    if json:
        print_json(request_json(stopped))
    else:
        say(f"{stopped.id} is stopped.")


def _show(home: Path, reference: str, json: bool) -> None:
    with node(home) as opened:
        actor = acting(opened, home, Permission.READ)
        found = opened.release.find(reference)
        now = None
        if found.state is State.WAITING and actor.may(Permission.PREVIEW):
            with progress("Projecting", quiet=json):
                now = _now(opened, found)
        register = opened.agreements.read()
    if json:
        print_json(shown_json(found, register, now))
    else:
        show_request(found, register, now)


def _now(opened: Node, request: Request) -> Now:
    """What a preview of the same would show now, or why there is none."""
    references = request.chosen if request.query is None else (f"{QUERY}{request.query}",)
    try:
        found = opened.release.preview(
            references, request.agreement, parties=request.parties, purposes=request.purposes
        )
    except TitianError as error:
        return Now(problem=error.message)
    return now_of(request, found)


def _list(home: Path, everything: bool, json: bool) -> None:
    with node(home) as opened:
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
