"""``titian push``."""

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress
from titian.cli.remote import CaFile, Key, KeyName, RemoteId, Url, remote_collection
from titian.cli.session import acting, noting
from titian.cli.terminal import say
from titian.core.people import Permission

app = typer.Typer(add_completion=False)


@app.command(epilog="Example:  titian push https://taxii.example.org/ --collection inbox --key $KEY --from Financing")
def push(
    url: Url,
    collection: RemoteId,
    source: Annotated[str, typer.Option("--from", help="Collection of this node: name, id or alias.")],
    home: Home = DEFAULT_HOME,
    key: Key = None,
    user: KeyName = None,
    ca_file: CaFile = None,
    json: Json = False,
) -> None:
    """Send a collection to another TAXII 2.1 server. What is there already is harmless. Exit 1 if any is refused.

    Where a node has agreements, only what was released leaves it: push the collection that a release made.
    """
    with node(home) as opened:
        # It leaves the node: who may only read may not send.
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        held = opened.collections.listed(source)
        opened.exchange.check_push(held.collection)
        with (
            remote_collection(url, collection, key, user, ca_file) as remote,
            progress(f"Pushing {held.collection.name}", held.count, quiet=json) as advance,
            noting(opened, actor, "push", held.collection.id) as told,
        ):
            told["to"] = url
            report = opened.exchange.push(held.collection, remote, progress=advance)
            told |= {"sent": report.sent, "accepted": report.accepted}
    refused = [{"id": id_, "reason": why} for id_, why in report.refused]
    if json:
        print_json({"sent": report.sent, "accepted": report.accepted, "refused": refused})
    else:
        say(f"{report.sent:,} sent, {report.accepted:,} accepted, {len(refused):,} refused.")
        for one in refused[:20]:
            say(f"  {one['id']}: {one['reason']}")
        if len(refused) > 20:
            say(f"  … and {len(refused) - 20:,} more; --json lists them all.")
    if refused:
        raise typer.Exit(1)
