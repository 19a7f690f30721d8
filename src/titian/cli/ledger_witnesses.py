"""``titian ledger witnesses``: whose cosignatures this node takes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.ledger_shown import called, cosigned_json, second, witness_label
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.directory_objects import Reading
from titian.core.ledger_report import KnownWitness
from titian.core.people import Permission

app = typer.Typer(
    help="Show whose cosignatures this node takes under its ledgers, and how far each has come.", add_completion=False,
    invoke_without_command=True,
)  # fmt: skip


@app.callback(epilog="Example:  titian ledger witnesses")
def witnesses(ctx: typer.Context, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the witnesses of this node's ledgers, and how many entries of each ledger each of them cosigned last.

    A partner's node becomes one by itself when it first pulls: its key is taken as it comes. Another key of the same
    party is refused until somebody adds it here.
    """
    if ctx.invoked_subcommand is not None:
        return
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found = opened.ledger_desk.witnesses()
        ledgers = {one.origin: one for one in opened.ledger_desk.list()}
        register = opened.agreements.read()
    if json:
        print_json([_json(one) for one in found])
        return
    if not found:
        say("Nobody has cosigned a ledger of this node yet.")
        return
    table(
        "Witnesses",
        {"witness": "left", "of": "left", "ledger": "left", "cosigned": "right", "of so many": "right", "when": "left"},
        [
            (one.key.name, _whose(one, register), name, size, sealed, when)
            for one in found
            for name, size, sealed, when in (
                [
                    (called(ledgers[origin].agreement, register), f"{each.size:,}", f"{ledgers[origin].head.size:,}",
                     second(each.at))
                    for origin, each in one.cosigned.items() if origin in ledgers
                ] or [("", "nothing yet", "", "")]
            )
        ],
    )  # fmt: skip


@app.command(epilog="Example:  titian ledger witnesses add witness.example+5d6e7f80+BA… --party agency-two")
def add(
    key: Annotated[str, typer.Argument(metavar="VKEY", help="The witness's key: name+hash+base64.")],
    home: Home = DEFAULT_HOME,
    url: Annotated[str | None, typer.Option(help="Where it takes submissions (C2SP tlog-witness).")] = None,
    party: Annotated[str | None, typer.Option(help="Whose it is: name, alias or identifier.")] = None,
    json: Json = False,
) -> None:
    """Take the cosignatures of a witness from now on."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        whose = None if party is None else opened.agreements.read().party(party).id
        made = opened.ledger_desk.add_witness(actor, key, url=url, party=whose)
    if json:
        print_json(_json(made))
    else:
        say(f"The cosignatures of {made.key.name} are taken.")


@app.command(epilog="Example:  titian ledger witnesses remove witness.example")
def remove(
    name: Annotated[str, typer.Argument(help="The witness's name, or its whole key.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Take no more cosignatures of a witness; those that it gave stay."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        gone = opened.ledger_desk.remove_witness(actor, name)
    if json:
        print_json({**_json(gone), "removed": True})
    else:
        say(f"The cosignatures of {gone.key.name} are not taken any more.")


def _json(one: KnownWitness) -> dict[str, Any]:
    return {
        "name": one.key.name, "key": str(one.key), "party": one.party, "url": one.url,
        "cosigned": [{"ledger": origin, **cosigned_json(each)} for origin, each in one.cosigned.items()],
    }  # fmt: skip


def _whose(one: KnownWitness, register: Reading) -> str:
    return register.label(one.party) if one.party is not None else witness_label(one.key.name, register)
