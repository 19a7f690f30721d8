"""``titian ledger``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from titian.cli import ledger_proofs, ledger_witnesses
from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress, table
from titian.cli.ledger_proofs import LedgerOption
from titian.cli.ledger_shown import (
    audited_json,
    called,
    entry_json,
    inspected_json,
    meant,
    moment,
    own_json,
    own_ledger,
    peer_json,
    published_json,
    second,
    sentence,
    show_audited,
    show_inspected,
    whom,
)
from titian.cli.session import acting
from titian.cli.terminal import complain, say, warn
from titian.core.directory_objects import Reading
from titian.core.errors import TitianError, TooLarge, UnreadableFile
from titian.core.ledger_report import Resumed
from titian.core.notes import LARGEST_NOTE
from titian.core.people import Permission
from titian.node import Node

app = typer.Typer(
    help="Verify the ledgers of this node and of its partners, prove what is in them, and show them.",
    no_args_is_help=True, add_completion=False,
)  # fmt: skip
ledger_proofs.add_to(app)
app.add_typer(ledger_witnesses.app, name="witnesses")

ALL: Final = "all"
Evidence = Annotated[
    Path | None, typer.Option("--evidence", help="Write the first proof here, to be shown to a third.")
]


@app.command(epilog="Example:  titian ledger verify --of agency-two")
def verify(
    home: Home = DEFAULT_HOME,
    of: Annotated[
        str | None, typer.Option("--of", help="A partner's ledgers instead: its name, alias or identifier.")
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="With --of: a checkpoint or receipt of its ledger that somebody else holds."),
    ] = None,
    evidence: Evidence = None,
    json: Json = False,
) -> None:
    """Read whole ledgers again and tell the first thing that does not hold; exit 1 when anything does not.

    Those of this node are compared with their tiles, their signatures, what this node remembers to have signed, and
    what witnesses have cosigned. Those of a partner are read over HTTP, and compared with what this node remembers and
    with what others were shown: nothing else is believed.
    """
    if of is None and compare:
        raise typer.BadParameter("--compare needs --of: whose ledger it is.")
    others = [_read(each) for each in compare or ()]
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        register = opened.agreements.read()
        holds = (
            _own(opened, register, evidence, json)
            if of is None
            else _of(opened, register, of, others, evidence, json)
        )  # fmt: skip
    if not holds:
        raise typer.Exit(1)


def _own(opened: Node, register: Reading, evidence: Path | None, json: bool) -> bool:
    total = sum(one.head.size for one in opened.ledger_desk.list())
    with progress("Verifying", total, quiet=json) as advance:
        found = opened.ledger_desk.audit_all(advance)
    holds = all(one.holds for one in found)
    if json:
        print_json({"holds": holds, "ledgers": [audited_json(one, register) for one in found]})
    else:
        for one in found:
            show_audited(one, register)
        say("Everything holds." if holds else "Not everything holds: nothing is signed in what does not.")
    proof = next((one.evidence for one in found if not one.holds and one.evidence is not None), None)
    if evidence is not None and proof is not None:
        evidence.write_bytes(opened.ledger_desk.evidence(proof))
    return holds


def _of(
    opened: Node, register: Reading, of: str, others: list[bytes], evidence: Path | None, json: bool
) -> bool:  # fmt: skip
    party = register.party(of).id
    total = sum(one.head.size for one in opened.peer_ledgers.all() if one.party == party)
    with progress("Verifying", total or None, quiet=json) as advance:
        found = opened.inspect.verify_of(party, others=others, progress=advance)
    holds = all(one.holds for one in found)
    if json:
        shown = [inspected_json(one, register) for one in found]
        print_json({"holds": holds, "party": party, "name": register.label(party), "ledgers": shown})
    else:
        for one in found:
            show_inspected(one, register)
        say("Everything holds." if holds else "Not everything holds.")
    proof = next((one.evidence for one in found if one.evidence is not None), None)
    if evidence is not None and proof is not None:
        evidence.write_bytes(proof)
    return holds


@app.command(epilog="Example:  titian ledger checkpoint --ledger asean-japan")
def checkpoint(home: Home = DEFAULT_HOME, ledger: LedgerOption = None, json: Json = False) -> None:
    """Print the last checkpoint of a ledger as partners are served it: a signed note, with all cosignatures.

    What waits to be sealed is sealed first.
    """
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        register = opened.agreements.read()
        found = opened.ledger_desk.published(own_ledger(opened, register, ledger).origin)
    if found.ledger.halted is not None:
        warn(f"Nothing more is signed in this ledger: {found.ledger.halted}")
    if json:
        print_json(published_json(found, register))
    else:
        # As it is signed, to the byte: nothing in a note commands a terminal.
        sys.stdout.write(found.note.encode().decode())
        sys.stdout.flush()


@app.command("list", epilog="Example:  titian ledger list")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the ledgers of this node, and those of others that it remembers: how far each is verified, or broken."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        own = opened.ledger_desk.list()
        others = opened.peer_ledgers.all()
        register = opened.agreements.read()
    if json:
        print_json({"own": [own_json(one, register) for one in own],
                    "others": [peer_json(one, register) for one in others]})  # fmt: skip
        return
    table(
        "Ledgers of this node",
        {"name": "left", "origin": "left", "entries": "right", "signed": "right", "when": "left", "state": "left"},
        [
            (called(one.agreement, register), one.origin, f"{one.size:,}", f"{one.head.size:,}", second(one.signed),
             "closed" if one.closed is not None else one.halted or "")
            for one in own
        ],
    )  # fmt: skip
    if others:
        table(
            "Ledgers of others that this node remembers",
            {"of": "left", "under": "left", "origin": "left", "entries": "right", "verified": "left", "state": "left"},
            [
                ("" if one.party is None else register.label(one.party), called(one.agreement, register), one.origin,
                 f"{one.head.size:,}", second(one.seen if one.checkpoint is not None else None), one.broken or "")
                for one in others
            ],
        )  # fmt: skip


@app.command(epilog="Example:  titian ledger entries --ledger private --limit 20")
def entries(
    home: Home = DEFAULT_HOME,
    ledger: LedgerOption = None,
    after: Annotated[int | None, typer.Option(help="From this place on, counted from 0.", min=0)] = None,
    limit: Annotated[int, typer.Option(help="So many; without --after the latest.", min=1, max=10_000)] = 100,
    json: Json = False,
) -> None:
    """Read a ledger of this node: each entry in words, and whom it is opened to. For auditors."""
    with node(home) as opened:
        acting(opened, home, Permission.AUDIT)
        register = opened.agreements.read()
        held = own_ledger(opened, register, ledger)
        first = max(0, held.size - limit) if after is None else after
        found = opened.ledger_desk.entries(held.origin, after=first, limit=limit)
    if json:
        print_json([entry_json(one, one.num < held.head.size) for one in found])
        return
    table(
        f"Entries of {called(held.agreement, register)}",
        {"num": "right", "when": "left", "kind": "left", "open to": "left", "what": "left"},
        [
            (one.num, second(one.entry.at), one.entry.kind.value, whom(one.entry, register),
             sentence(one.entry, register))
            for one in found
        ],
    )  # fmt: skip


@app.command(epilog="Example:  titian ledger resume all --why 'Restored on Monday; the partners hold nothing newer'")
def resume(
    ledger: Annotated[str, typer.Argument(help="The ledger: its agreement, private, its origin; or all that halted.")],
    why: Annotated[str, typer.Option(help="Why; partners read it, and it stays in the record of acts.")],
    home: Home = DEFAULT_HOME,
    compare: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint of this ledger that a partner or witness holds.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Close it, and begin another: somebody was shown more than is here.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Close it though it is damaged, and begin another.")] = False,
    json: Json = False,
) -> None:
    """Decide that a ledger goes on, after a restore or damage: until then nothing is signed in it.

    Where this node or a witness has signed more than is here, the ledger is closed, and another one goes on; its first
    entry, which every party can read, says which one it continues, from where, and how much was lost. Ask your partners
    first what they hold (`titian ledger list` there): a checkpoint that none of them has passed on is not known here.
    """
    shown = [_read(each) for each in compare or ()]
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        register = opened.agreements.read()
        if ledger == ALL:
            # The private one first: what is decided on the others is entered there.
            halted = [one for one in opened.ledger_desk.list() if one.halted is not None and one.closed is None]
            wanted = [one.origin for one in sorted(halted, key=lambda one: one.agreement is not None)]
        else:
            wanted = [meant(register, ledger)]
        found, failed = [], []
        for each in wanted:
            size = opened.ledger_desk.find(each).head.size
            with progress("Verifying", size, quiet=json) as advance:
                try:
                    found.append(
                        opened.ledger_desk.resume(
                            actor, each, why, anew=anew, force=force, shown=shown, progress=advance
                        )
                    )  # fmt: skip
                except TitianError as error:
                    if ledger != ALL:
                        raise
                    failed.append(f"{each}: {error}")
    if json:
        print_json([_resumed_json(one, register) for one in found])
    else:
        for one in found:
            _show_resumed(one, register)
        if not wanted:
            say("No ledger is halted.")
    for each in failed:
        complain(each)
    if failed:
        raise typer.Exit(1)


def _resumed_json(one: Resumed, register: Reading) -> dict[str, object]:
    after = one.successor
    return {
        "ledger": own_json(one.ledger, register), "successor": None if after is None else own_json(after, register),
        "behind": one.behind, "lost": one.lost, "carried": one.carried, "closed": moment(one.ledger.closed),
    }  # fmt: skip


def _show_resumed(one: Resumed, register: Reading) -> None:
    after = one.successor
    if after is None:
        say(f"{called(one.ledger.agreement, register)} goes on at {one.ledger.head.size:,} entries.")
        warn("A partner that was shown more than that will call it broken: then close it with --anew.")
        return
    say(f"{called(after.agreement, register)} goes on as {after.origin}.")
    say(f"    {one.ledger.origin} is closed at {one.ledger.head.size:,} entries: {one.behind}")
    say(f"    {one.lost:,} signed entries are lost, {one.carried:,} that were never signed went over.")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(2 * LARGEST_NOTE + 1)
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror or error}.") from error
    if len(data) > 2 * LARGEST_NOTE:
        raise TooLarge(f"{file} is no checkpoint: it is too large.")
    return data
