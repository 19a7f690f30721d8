"""``titian collections``."""

from collections.abc import Callable
from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.collection import Collection, Kind
from titian.core.people import Permission

app = typer.Typer(help="Add and list collections.", no_args_is_help=True, add_completion=False)


@app.command(
    epilog='Example:  titian collections add "Financing" --alias financing --description "Wallets and transfers"'
)
def add(
    name: Annotated[str, typer.Argument(help="Its title, as partners will read it.")],
    home: Home = DEFAULT_HOME,
    description: Annotated[str | None, typer.Option(help="What it holds.")] = None,
    alias: Annotated[str | None, typer.Option(help="A short name that may stand in URLs for the id.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Partners can read, but add nothing.")] = False,
    inbox: Annotated[bool, typer.Option("--inbox", help="Partners can add, but read nothing.")] = False,
    party: Annotated[
        str | None,
        typer.Option("--from", help="The party that everything in it comes from: its markings bind you."),
    ] = None,
    json: Json = False,
) -> None:
    """Add a collection and print its id."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.WRITE)
        sender = None if party is None else opened.agreements.read().party(party).id
        made = opened.collections.add(
            name, description=description, alias=alias, readable=not inbox, writable=not read_only,
            received_from=sender, by=actor,
        )  # fmt: skip
    if json:
        print_json({"id": made.id, "name": made.name, "alias": made.alias})
    else:
        say(made.id)


@app.command("list", epilog="Example:  titian collections list --json")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the collections with the number of object versions each holds."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        listed = opened.collections.list()
        register = opened.agreements.read()
    if json:
        print_json(
            [
                {"id": one.collection.id, "name": one.collection.name, "alias": one.collection.alias,
                 "description": one.collection.description, "readable": one.collection.readable,
                 "writable": one.collection.writable, "count": one.count, "kind": one.collection.kind.value,
                 "agreement": one.collection.agreement, "party": one.collection.party}
                for one in listed
            ]
        )  # fmt: skip
        return
    table(
        "Collections",
        {"id": "left", "name": "left", "alias": "left", "kind": "left", "keys": "left", "objects": "right"},
        [
            (
                one.collection.id,
                one.collection.name,
                one.collection.alias,
                _kind(one.collection, register.label),
                _rights(one.collection),
                f"{one.count:,}",
            )
            for one in listed
        ],
    )


def _kind(collection: Collection, label: Callable[[str], str]) -> str:
    if collection.party is None:
        return collection.kind.value
    word = "from" if collection.kind is Kind.RECEIVED else "to"
    return f"{collection.kind.value} {word} {label(collection.party)}"


def _rights(collection: Collection) -> str:
    granted = [word for word, given in (("read", collection.readable), ("add", collection.writable)) if given]
    return ", ".join(granted) or "nothing"
