"""``titian acts``."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.selection import instant
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.people import LOCAL, Permission, Person

app = typer.Typer(add_completion=False)

_MOST: Final = 10_000
"""Acts that the node gives in one answer."""


@app.command(epilog="Example:  titian acts --since 2026-11-01 --what release")
def acts(
    home: Home = DEFAULT_HOME,
    since: Annotated[str | None, typer.Option(help="From this day on, or instant: 2026-11-01.")] = None,
    who: Annotated[str | None, typer.Option(help="Only of this person: the name they sign in with.")] = None,
    what: Annotated[str | None, typer.Option(help="Only this act, as release or sign-in.")] = None,
    limit: Annotated[int, typer.Option(help="The latest so many.", min=1, max=_MOST)] = 100,
    json: Json = False,
) -> None:
    """List what was done on this node: when, by whom, what, to what and why; the latest last. For auditors."""
    begin = None if since is None else instant(since)
    with node(home) as opened:
        acting(opened, home, Permission.AUDIT)
        people = opened.people.list()
        found = opened.acts.list(
            since=begin,
            people=None if who is None else _identifiers(who, people),
            acts=None if what is None else _spellings(what),
            limit=limit,
        )
        register = opened.agreements.read()
    names = {person.id: person.name for person in people}
    found.reverse()
    if json:
        print_json(
            [
                {"num": one.num, "at": timestamp(one.at), "who": names.get(one.person, one.person),
                 "person": one.person, "what": one.act, "on": one.subject, "why": one.why, "details": one.details}
                for one in found
            ]
        )  # fmt: skip
        return
    if not found:
        say("No such act is recorded.")
        return
    table(
        "Acts",
        {"when": "left", "who": "left", "what": "left", "on": "left", "why": "left"},
        [
            (f"{timestamp(one.at)[:19]}Z", names.get(one.person, one.person), one.act,
             names.get(one.subject) or _called(register, one.subject), one.why)
            for one in found
        ],
    )  # fmt: skip
    if len(found) == limit:
        warn(f"These are the latest {limit:,}; --limit shows more, up to {_MOST:,}.")


def _identifiers(who: str, people: list[Person]) -> set[str]:
    """Whom a name means: the person, and the user of this machine of that name. An identifier means itself."""
    wanted = who.strip()
    named = {person.id for person in people if person.name.casefold() == wanted.casefold()}
    return {*named, wanted, f"{LOCAL}{wanted}"}


def _spellings(what: str) -> set[str]:
    """An act as it may be written: its words are joined by spaces or by hyphens."""
    words = what.strip().lower().replace("-", " ").split()
    return {" ".join(words), "-".join(words)}


def _called(register: Reading, subject: str) -> str:
    """An agreement or a party by the name that people know it by; what is neither stays an identifier."""
    agreement = register.directory.agreements.get(subject)
    return register.label(subject) if agreement is None else register.aliases.get(subject, agreement.name)
