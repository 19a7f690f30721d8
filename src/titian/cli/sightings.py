"""``titian sightings``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.people import Permission
from titian.core.sighting import Seen, Voice
from titian.exchange.sight import Known

app = typer.Typer(add_completion=False)

_NAMED: Final = 4
"""Parties that a line of the list names; `--json` and the list of one object have all."""


@app.command(epilog="Example:  titian sightings indicator--…")
def sightings(
    identifier: Annotated[str | None, typer.Argument(metavar="ID", help="Only of this object.")] = None,
    home: Home = DEFAULT_HOME,
    ours: Annotated[bool, typer.Option("--ours", help="Only of what this organisation made.")] = False,
    json: Json = False,
) -> None:
    """List what was seen, by whom and how often: what this node's intelligence was worth to others, and theirs to it.

    What was seen last comes first. A party answers for what it saw itself; what it passes on of others does not count,
    and stands apart.
    """
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found = [one for one in opened.sight.sightings(identifier) if one.ours or not ours]
        register = opened.agreements.read()
    if json:
        print_json([known_json(one, register) for one in found])
    elif not found:
        say("Nobody has seen it." if identifier else "Nothing was sighted.")
    elif identifier is not None:
        _show(found[0], register)
    else:
        own = register.directory.own
        table(
            "Sightings",
            {"id": "left", "name": "left", "seen": "right", "by": "left", "last": "left", "ours": "left"},
            [
                (one.worth.id, one.name, f"{one.worth.seen.count:,}", _by(one, register, own),
                 (moment(one.worth.seen.last) or "")[:16], "yes" if one.ours else "")
                for one in found
            ],
        )  # fmt: skip


def known_json(one: Known, register: Reading) -> dict[str, Any]:
    """What was seen of one object, as programs read it."""
    return {
        "id": one.worth.id, "name": one.name, "type": one.worth.id.partition("--")[0], **_seen_json(one.worth.seen),
        "parties": [_voice_json(each, register) for each in one.worth.voices],
        "passed_on": [
            {**_voice_json(each, register), "by": each.sender} for each in one.worth.passed_on
        ],
        "ours": one.ours,
    }  # fmt: skip


def _voice_json(one: Voice, register: Reading) -> dict[str, Any]:
    return {"party": one.party, "name": register.label(one.party), **_seen_json(one.seen)}


def _seen_json(seen: Seen) -> dict[str, Any]:
    return {"count": seen.count, "first": moment(seen.first), "last": moment(seen.last)}


def _by(one: Known, register: Reading, own: str) -> str:
    names = [register.label(each.party) for each in one.worth.voices if each.party != own and each.seen.count]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    here = ["here"] if any(each.party == own for each in one.worth.voices) else []
    on = ["passed on only"] if one.worth.passed_on and not one.worth.voices else []
    return ", ".join([*names[:_NAMED], *here, *on]) + more


def _show(one: Known, register: Reading) -> None:
    own, worth = register.directory.own, one.worth
    others = worth.others(own)
    by = f"by {others:,} {'party' if others == 1 else 'parties'}"
    last = "" if worth.seen.last is None else f", last {(moment(worth.seen.last) or '')[:16]}Z"
    say(f"{worth.id}  {one.name}".rstrip(), style="bold")
    say(f"  seen {times(worth.seen.count)} {by}{last}")
    for each in worth.voices:
        whose = "here" if each.party == own else register.label(each.party)
        say(f"  {whose}: {times(each.seen.count)}, {span(each.seen)}")
    for each in worth.passed_on:
        whose = f"{register.label(each.party)}, passed on by {register.label(each.sender or '')}, not counted"
        say(f"  {whose}: {times(each.seen.count)}, {span(each.seen)}")


def times(count: int) -> str:
    """How often, in words.

    >>> times(1), times(17)
    ('once', '17 times')
    """
    return "once" if count == 1 else f"{count:,} times"


def span(seen: Seen) -> str:
    """From when to when, to the minute.

    >>> span(Seen(count=1, first=0, last=0)), span(Seen(count=1))
    ('1970-01-01T00:00Z', 'no dates')
    """
    ends = dict.fromkeys(f"{timestamp(one)[:16]}Z" for one in (seen.first, seen.last) if one is not None)
    return " to ".join(ends) or "no dates"


def moment(at: int | None) -> str | None:
    """An instant as programs read it."""
    return None if at is None else timestamp(at)
