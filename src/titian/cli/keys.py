"""``titian keys``."""

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.access import Role
from titian.core.collection import timestamp
from titian.core.people import Permission

app = typer.Typer(
    help="Add, list and revoke the keys of partners and tools.", no_args_is_help=True, add_completion=False
)


@app.command(epilog="Example:  titian keys add npa-japan --role reader --collection Financing")
def add(
    name: Annotated[str, typer.Argument(help="Who will hold it; also the user name of HTTP Basic.")],
    role: Annotated[Role, typer.Option(help="reader reads; writer also adds and deletes; admin also sees metrics.")],
    home: Home = DEFAULT_HOME,
    collection: Annotated[str | None, typer.Option(help="The only collection it opens: name, id or alias.")] = None,
    party: Annotated[
        str | None, typer.Option(help="Whose key it is: it opens what is released to that party, and nothing else.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a key and print it. It is shown this once: the node keeps only its digest."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        found = None if collection is None else opened.collections.find(collection)
        whose = None if party is None else opened.agreements.read().party(party)
        key, secret = opened.keys.add(
            name, role, collection=found, party=None if whose is None else whose.id, by=actor
        )  # fmt: skip
    if json:
        shown = {} if whose is None else {"party": whose.id}
        print_json({"name": key.name, "key": secret, "role": key.role.value, **shown})
        return
    say(secret)
    warn("Keep it now: it is not shown again.")


@app.command("list", epilog="Example:  titian keys list --json")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the keys, without the keys themselves."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        keys = opened.keys.list()
        names: dict[int | None, str] = {one.collection.num: one.collection.name for one in opened.collections.list()}
        register = opened.agreements.read()
    rows = [
        {"name": key.name, "role": key.role.value, "collection": names.get(key.collection),
         "party": None if key.party is None else register.label(key.party),
         "created": timestamp(key.created), "revoked": None if key.revoked is None else timestamp(key.revoked)}
        for key in keys
    ]  # fmt: skip
    if json:
        print_json(rows)
        return
    table(
        "Keys",
        {"name": "left", "role": "left", "party": "left", "collection": "left", "created": "left", "revoked": "left"},
        [
            (
                row["name"],
                row["role"],
                row["party"] or "own",
                _collection(row),
                _second(row["created"]),
                _second(row["revoked"]),
            )
            for row in rows
        ],
    )


def _collection(row: dict[str, str | None]) -> str:
    return row["collection"] or ("all" if row["party"] is None else "all released to it")


def _second(moment: str | None) -> str:
    """A timestamp as a person reads it, to the second: two of them leave room for the names beside them."""
    return "-" if moment is None else f"{moment[:19]}Z"


@app.command(epilog="Example:  titian keys revoke npa-japan")
def revoke(
    name: Annotated[str, typer.Argument(help="The name of the key.")],
    home: Home = DEFAULT_HOME,
    why: Annotated[str, typer.Option(help="Why; it stays in the record of acts.")] = "",
    json: Json = False,
) -> None:
    """Revoke a key: it is refused from the next request on."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        key = opened.keys.revoke(name, why=why, by=actor)
    if json:
        print_json({"name": key.name, "role": key.role.value, "revoked": True})
    else:
        say(f"The key {key.name} opens nothing any more.")
