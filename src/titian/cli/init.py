"""``titian init``."""

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, print_json
from titian.cli.terminal import say
from titian.setup import init_node, upgrade_node

app = typer.Typer(add_completion=False)


@app.command(
    epilog='Example:  titian init --home ~/bssn --name "BSSN" --country ID',
)
def init(
    home: Home = DEFAULT_HOME,
    name: Annotated[str, typer.Option(help="Who runs this node, as partners will read it.")] = "",
    country: Annotated[str, typer.Option(help="ISO 3166-1 alpha-2 code, as ID or JP.")] = "",
    database: Annotated[
        str,
        typer.Option(
            envvar="TITIAN_DATABASE", help="postgresql://user@host/name; without it, an SQLite file in the home."
        ),
    ] = "",
    identity: Annotated[
        str | None, typer.Option(help="identity--… of the party that it is in agreements already; else a new one.")
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Bring the database of an existing node to this version.")
    ] = False,
    json: Json = False,
) -> None:
    """Set up a node: its folder, its database, its identity."""
    home = home.expanduser()
    if upgrade:
        upgrade_node(home)
        if json:
            print_json({"home": str(home), "upgraded": True})
        else:
            say(f"The database of {home} has this version's schema.")
        return
    if not name or not country:
        raise typer.BadParameter("A new node needs --name and --country.")
    record = init_node(home, name=name, country=country, database=database, identity=identity)
    if json:
        print_json({"home": str(home), "identity": record.identity, "name": record.name, "country": record.country})
        return
    say(f"Node {record.name} ({record.country}) is set up in {home}.")
    say(f"  → titian collections add NAME --home {home}")
