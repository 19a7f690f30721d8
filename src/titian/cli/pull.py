"""``titian pull``."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress, rejections
from titian.cli.remote import CaFile, Key, KeyName, RemoteId, Url, remote_collection
from titian.cli.session import acting, noting
from titian.cli.terminal import say
from titian.core.collection import Collection
from titian.core.errors import NotFound
from titian.core.people import Actor, Permission
from titian.node import Node

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example:  titian pull https://taxii.example.org/ --collection indicators --key $KEY --into partners"
)
def pull(
    url: Url,
    collection: RemoteId,
    home: Home = DEFAULT_HOME,
    key: Key = None,
    user: KeyName = None,
    into: Annotated[
        str | None, typer.Option(help="Collection here; made if it is missing. Without it, the remote title.")
    ] = None,
    party: Annotated[str | None, typer.Option("--from", help="The party whose server it is, if it is known.")] = None,
    ca_file: CaFile = None,
    json: Json = False,
) -> None:
    """Fetch what is new in a collection of another TAXII 2.1 server. Goes on where the last pull ended.

    What is not valid STIX 2.1 goes to the quarantine with its reason; nothing is dropped without a word.
    """
    with node(home) as opened:
        actor = acting(opened, home, Permission.WRITE)
        with remote_collection(url, collection, key, user, ca_file) as remote:
            held = _into(opened, url, into or remote.collection.title, party, actor)
            with (
                progress(f"Pulling {remote.collection.title}", quiet=json) as advance,
                noting(opened, actor, "pull", held.id) as told,
            ):
                told["from"] = url
                report = opened.exchange.pull(remote, held, on_page=lambda page: advance(page.read))
                told |= {"read": report.held.read, "added": report.held.added}
    if json:
        print_json(
            {"read": report.held.read, "added": report.held.added, "known": report.held.known,
             "rejected": report.held.rejected, "skipped": report.skipped, "pages": report.pages,
             "into": {"id": held.id, "name": held.name}}
        )  # fmt: skip
        return
    say(f"{report.held.read:,} read in {report.pages:,} pages, {report.held.added:,} added to {held.name}, "
        f"{report.held.known:,} known already.")  # fmt: skip
    rejections(report.held.rejected)
    for line in report.skipped[:20]:
        say(f"  skipped {line}")
    if len(report.skipped) > 20:
        say(f"  … and {len(report.skipped) - 20:,} more; --json lists them all.")


def _into(opened: Node, url: str, name: str, party: str | None, by: Actor) -> Collection:
    """The collection of that name, made if it is missing."""
    try:
        return opened.collections.find(name)
    except NotFound:
        # What comes from a server is its sender's, whoever that is: never ours to mark or to let go on (law 3).
        sender = f"taxii:{urlsplit(url).hostname}" if party is None else opened.agreements.read().party(party).id
        return opened.collections.add(name, description=f"Pulled from {url}", received_from=sender, by=by)
