"""``titian queries``."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.selection import comma
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.gate import Query
from titian.core.people import Permission
from titian.core.tlp import parse_tlp

app = typer.Typer(help="Save queries, which choose what to release.", no_args_is_help=True, add_completion=False)


@app.command(epilog="Example:  titian queries add green-cybercrime --tlp green --topic cybercrime --type indicator")
def add(
    name: Annotated[str, typer.Argument(help="Its name; query:NAME chooses what it finds.")],
    home: Home = DEFAULT_HOME,
    collection: Annotated[list[str] | None, typer.Option(help="Only in this collection; may be repeated.")] = None,
    type: Annotated[list[str] | None, typer.Option(help="Only this type; may be repeated.")] = None,
    tlp: Annotated[str | None, typer.Option(help="Only what is marked so, or less strictly.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Only what bears this label; may be repeated.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Only what is marked for one of these, with commas.")] = None,
    json: Json = False,
) -> None:
    """Save a query."""
    level = None if tlp is None else parse_tlp(tlp).value
    query = Query(
        name=name, collections=tuple(collection or ()), types=tuple(type or ()), tlp=level,
        topics=tuple(topic or ()), purposes=comma(purpose) or (),
    )  # fmt: skip
    with node(home) as opened:
        opened.release.save_query(acting(opened, home, Permission.REQUEST_RELEASE), query)
    if json:
        print_json(msgspec.to_builtins(query))
    else:
        say(f"query:{name}")


@app.command("list", epilog="Example:  titian queries list --json")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the saved queries."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        queries = opened.release.queries()
    if json:
        print_json(msgspec.to_builtins(queries))
        return
    table(
        "Saved queries",
        {"name": "left", "collections": "left", "types": "left", "tlp": "left", "topics": "left", "purposes": "left"},
        [
            (one.name, ", ".join(one.collections) or "all", ", ".join(one.types) or "all", one.tlp or "any",
             ", ".join(one.topics) or "any", ", ".join(one.purposes) or "any")
            for one in queries
        ],
    )  # fmt: skip


@app.command(epilog="Example:  titian queries remove green-cybercrime")
def remove(
    name: Annotated[str, typer.Argument(help="The name of the query.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Remove a saved query. A standing rule on it finds nothing any more."""
    with node(home) as opened:
        opened.release.drop_query(acting(opened, home, Permission.REQUEST_RELEASE), name)
    if json:
        print_json({"name": name, "removed": True})
    else:
        say(f"The query {name} is removed.")
