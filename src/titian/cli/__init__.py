"""The command line: one file for each verb, loaded when it is called."""

from __future__ import annotations

import importlib
import io
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from titian import __version__
from titian.cli.failure import tell
from titian.cli.terminal import say

VERBS: Final = {
    "init": ("titian.cli.init", "Set up a node."),
    "serve": ("titian.cli.serve", "Serve the node over TAXII 2.1."),
    "subscribe": ("titian.cli.subscribe", "Pull a partner's collection by itself, under an agreement."),
    "subscriptions": ("titian.cli.subscriptions", "Show how subscriptions go: lag, gaps, the next try."),
    "inbox": ("titian.cli.inbox", "Show what arrived, and decide on what was kept apart."),
    "sight": ("titian.cli.sight", "Say that something was seen here, and tell whom it came from."),
    "sightings": ("titian.cli.sightings", "Show what was seen, by whom and how often."),
    "ledger": ("titian.cli.ledger", "Verify ledgers, prove entries, show checkpoints and witnesses."),
    "bundle": ("titian.cli.bundle", "Seal what partners are served into files, and open theirs."),
    "peers": ("titian.cli.peers", "Hand over this node's card, and hold the cards of others."),
    "signing": ("titian.cli.signing", "List, rotate and give up the keys that this node signs with."),
    "collections": ("titian.cli.collections", "Add and list collections."),
    "keys": ("titian.cli.keys", "Add, list and revoke the keys of partners and tools."),
    "people": ("titian.cli.people", "Add, list and disable the people of this node, and give passwords."),
    "login": ("titian.cli.login", "Sign in, sign out, and see who is signed in."),
    "parties": ("titian.cli.parties", "Add and show parties, communities, and who is in them."),
    "agreements": ("titian.cli.agreements", "Set up, show, narrow and end agreements and dialogues."),
    "mark": ("titian.cli.mark", "Say how far objects may spread, for whom, for what and until when."),
    "queries": ("titian.cli.queries", "Save queries, which choose what to release."),
    "preview": ("titian.cli.preview", "Show what each partner would see, and why the rest is withheld."),
    "release": ("titian.cli.release", "Release objects under an agreement, or ask for approval."),
    "approvals": ("titian.cli.approvals", "List what waits for a second person, and standing rules."),
    "approve": ("titian.cli.approve", "Approve a release that somebody else asked for."),
    "refuse": ("titian.cli.refuse", "Refuse a release that somebody else asked for."),
    "recall": ("titian.cli.recall", "Take back what was released, and ask for it."),
    "recalls": ("titian.cli.recalls", "Show who has given back what was recalled, and answer recalls."),
    "refer": ("titian.cli.refer", "Ask platforms to look at content, and answer such questions."),
    "acts": ("titian.cli.acts", "List who did what, when and why: for auditors."),
    "import": ("titian.cli.import_", "Take STIX, MISP, CSV or TagPack files into a collection."),
    "export": ("titian.cli.export", "Write a collection as STIX, MISP or CSV."),
    "validate": ("titian.cli.validate", "Check STIX 2.1 files against the rules of the standard."),
    "pull": ("titian.cli.pull", "Fetch a collection of another TAXII 2.1 server."),
    "push": ("titian.cli.push", "Send a collection to another TAXII 2.1 server."),
    "screen": ("titian.cli.screen", "Ask whether wallets, addresses, names, images and more are known here."),
    "match": ("titian.cli.match", "Learn with a partner which values both know, and show nothing else."),
    "warninglists": ("titian.cli.warninglists", "Take in lists of values that are known to be harmless."),
    "check": ("titian.cli.check", "Is this node healthy?"),
    "backup": ("titian.cli.backup", "Write a backup of the node into one file, while it serves."),
    "restore": ("titian.cli.restore", "Make a node from a backup, in a folder that holds none."),
    "demo": ("titian.cli.demo", "See it work: four parties, five agreements, and a report that is not for all."),
}
"""Verb to module and summary. Loading only the verb that is called keeps `titian serve` quick to answer."""


class _Verbs(TyperGroup):
    """The verbs of :data:`VERBS`, each imported only when it is called."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        module, summary = VERBS[cmd_name]
        if self._listing:
            return _summary_only(cmd_name, summary)
        command = get_command(importlib.import_module(module).app)
        command.name = cmd_name
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


def _summary_only(name: str, summary: str) -> Any:
    stub = typer.Typer(add_completion=False)
    stub.command(name, help=summary)(lambda: None)
    return get_command(stub)


app = typer.Typer(
    cls=_Verbs,
    help="Titian: a bridge between agencies for exchanging intelligence under agreements, with proof.",
    epilog="Begin with:  titian demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:
    if asked:
        say(f"titian {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Titian: a bridge between agencies for exchanging intelligence under agreements, with proof."""


def main() -> None:
    """Run the command line.

    Exit status 0 when all went well, 1 when it did not, 2 when the command cannot be understood, 130 after Ctrl-C.
    Why is one sentence on standard error, without a traceback unless ``TITIAN_DEBUG`` is set.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Where the terminal's encoding lacks a character, its code is better than no answer.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(prog_name="titian", standalone_mode=False)
    except KeyboardInterrupt:
        status = 130
    except Exception as error:
        status = tell(error)
    sys.exit(status)
