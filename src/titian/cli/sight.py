"""``titian sight``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json
from titian.cli.selection import instant
from titian.cli.session import acting
from titian.cli.sightings import moment, span, times
from titian.cli.terminal import say
from titian.core.directory_objects import Reading
from titian.core.people import Permission
from titian.core.sighting import MOST
from titian.core.tlp import parse_tlp
from titian.exchange.sight import Back, Returned, Sighted

app = typer.Typer(add_completion=False)


@app.command(epilog="Example:  titian sight indicator--… --count 3 --first 2026-09-01 --last 2026-09-20T08:15:00Z")
def sight(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="What was seen.", show_default=False)],
    home: Home = DEFAULT_HOME,
    count: Annotated[int, typer.Option(help="How often it was seen.")] = 1,
    first: Annotated[
        str | None, typer.Option(help="When it was seen first: a date or a timestamp; else when it was seen last.")
    ] = None,
    last: Annotated[str | None, typer.Option(help="When it was seen last; else now.")] = None,
    where: Annotated[str | None, typer.Option(help="Where it was seen, in words: whoever gets it reads them.")] = None,
    marking: Annotated[
        str | None, typer.Option(help="A stricter level than that of what was seen, as tlp:amber; else the same.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it here: tell nobody.")] = False,
    json: Json = False,
) -> None:
    """Say that something was seen here, and tell whom it came from.

    What was said of it before is added to: one sighting for each object, however often it is seen. It goes back under
    the agreement that its object came under, as a release does: only as far as its marking lets it, and with a second
    person's approval where a release needs one.
    """
    level = None if marking is None else parse_tlp(marking)
    begin, end = (None if text is None else instant(text) for text in (first, last))
    with node(home) as opened:
        actor = acting(opened, home, Permission.WRITE)
        if not keep:
            acting(opened, home, Permission.REQUEST_RELEASE)
        done = opened.sight.sight(actor, ids, count=count, first=begin, last=end, where=where, marking=level, keep=keep)
        register = opened.agreements.read()
    if json:
        print_json([sighted_json(one, register) for one in done])
        return
    for one in done:
        _show(one, register, keep)


def sighted_json(one: Sighted, register: Reading) -> dict[str, Any]:
    """What was said of one object, as programs read it."""
    said = one.sighting
    return {
        "id": said.id, "of": said.of, "count": said.seen.count, "first": moment(said.seen.first),
        "last": moment(said.seen.last), "modified": said.modified, "capped": one.capped, "marking": list(said.marks),
        "returned": [
            {
                "state": each.state.value, "party": each.party,
                "name": None if each.party is None else register.label(each.party), "agreement": each.agreement,
                "request": each.request, "why": each.why,
            }
            for each in one.returned
        ],
    }  # fmt: skip


def _show(one: Sighted, register: Reading, keep: bool) -> None:
    said = one.sighting
    say(f"{said.of}: seen {times(said.seen.count)} here, {span(said.seen)} ({said.id})")
    if one.capped:
        say(f"  STIX counts to {MOST:,}: it was more.")
    for each in one.returned:
        say(f"  {_told(each, register)}")
    if not one.returned:
        say("  It stays here." if keep else "  It came from no partner, and stays here.")


def _told(one: Returned, register: Reading) -> str:
    name = "its sender" if one.party is None else register.label(one.party)
    agreement = register.directory.agreements.get(one.agreement or "")
    under = "" if agreement is None else f" under {agreement.name}"
    if one.state is Back.WENT:
        return f"It goes back to {name}{under} with the next exchange."
    if one.state is Back.WAITS:
        return f"For {name}{under} it waits for another person: titian approve {(one.request or '')[:8]}. {one.why}"
    return f"It does not go to {name}{under}: {one.why}"
