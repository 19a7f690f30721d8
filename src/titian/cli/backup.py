"""``titian backup``."""

from pathlib import Path
from typing import Annotated

import typer

from titian import __version__
from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress
from titian.cli.session import acting, noting
from titian.cli.terminal import say, shown, warn
from titian.core.collection import timestamp
from titian.core.people import Permission

app = typer.Typer(add_completion=False)
_KB = 1024


@app.command(epilog="Example:  titian backup /backup/node-monday.titian")
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; for this user only.")],
    home: Home = DEFAULT_HOME,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave the signing keys out; you keep them elsewhere.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write a backup of the node into one file, while it serves. It is as secret as the node itself."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.BACK_UP)
        opened.backup.check(file, force=force)
        with (
            progress("Backing up (kB)", opened.backup.size() // _KB, quiet=json) as advance,
            noting(opened, actor, "backup", opened.record.identity) as told,
        ):
            told |= {"to": shown(str(file)), "keys": not without_keys}
            made = opened.backup.write(
                file,
                version=__version__,
                keys=not without_keys,
                force=force,
                advance=lambda count: advance(count / _KB),
            )
            told |= {"taken": made.manifest.taken, "bytes": made.size}
    manifest = made.manifest
    if json:
        print_json(
            {
                "file": str(file), "bytes": made.size, "taken": timestamp(manifest.taken), "database": manifest.kind,
                "schema": manifest.schema, "identity": manifest.identity, "keys": manifest.keys,
                "left_out": made.left_out,
                "ledgers": [
                    {"origin": one.origin, "agreement": one.agreement, "size": one.size, "sealed": one.sealed,
                     "root": one.root.hex()}
                    for one in manifest.ledgers
                ],
            }
        )  # fmt: skip
        return
    say(f"{manifest.name} as of {timestamp(manifest.taken)} is in {file}, {made.size / 1_000_000:,.1f} MB.")
    if manifest.keys:
        warn("It holds the signing keys: whoever has this file can read all of the node and sign in its name.")
    else:
        warn("Whoever has this file can read all of the node. It holds no signing keys: keep those elsewhere.")
    for name in made.left_out:
        warn(f"  keys/{name} is no plain file, and is not in it.")
    say(f"  → titian restore {file} --home NEW_FOLDER")
