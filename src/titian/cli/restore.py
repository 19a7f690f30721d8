"""``titian restore``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, print_json, progress, table
from titian.cli.session import os_user
from titian.cli.terminal import say, warn
from titian.core.collection import timestamp
from titian.core.people import local_operator
from titian.setup import Restored, restore_node

app = typer.Typer(add_completion=False)
_KB = 1024
_MOST: Final = 200
"""Rows that are shown of each kind."""


@app.command(epilog="Example:  titian restore /backup/node-monday.titian --home ~/bssn")
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `titian backup` wrote.")],
    home: Home = DEFAULT_HOME,
    database: Annotated[
        str,
        typer.Option(
            envvar="TITIAN_DATABASE",
            help="postgresql://user@host/name of an empty database, for a backup of a node on PostgreSQL.",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Make a node from a backup, in a folder that holds none. It signs nothing until you have reconciled it."""
    home = home.expanduser()
    with progress("Restoring (kB)", file.stat().st_size * 2 // _KB, quiet=json) as advance:
        told = restore_node(
            file,
            home,
            database=database,
            by=local_operator(os_user()).id,
            advance=lambda count: advance(count / _KB),
        )
    if json:
        print_json(_readable(msgspec.to_builtins(told)) | {"home": str(home)})
        return
    say(f"{told.name} ({told.country}) is restored in {home}, as of {timestamp(told.taken)}.")
    warn("What was done after that is not in it. Before you serve it, one by one:")
    for number, step in enumerate(_steps(told), 1):
        warn(f"{number}. {step}")
    _tables(told)
    say(f"  → titian check --home {home}")


_INSTANTS: Final = frozenset({"taken", "at", "signed", "received", "sent", "created", "last", "last_recall"})


def _readable(value: Any) -> Any:
    """The same with instants as timestamps."""
    if isinstance(value, dict):
        return {
            name: timestamp(one) if name in _INSTANTS and isinstance(one, int) else _readable(one)
            for name, one in value.items()
        }
    return [_readable(one) for one in value] if isinstance(value, list | tuple) else value


def _steps(told: Restored) -> Iterator[str]:
    """What the operator has to do, each in a sentence or two."""
    since = timestamp(told.taken)
    yield "Make sure that the old node is off for good. Two with one identity and one key sign two histories."
    for key in told.signing_keys:
        if key.present is not True:
            yield (
                f"Put the {key.role} signing key back: {key.place}."
                if key.present is False
                else (f"Make sure that the {key.role} signing key answers: {key.place}.")
            )
    if told.ledgers:
        missing = sum(max(0, one.remembered - one.sealed) for one in told.ledgers)
        gone = f" {missing:,} entries are known to have been signed since." if missing else ""
        yield (
            f"Nothing is signed in {_many(told.ledgers, 'ledger')} until you say so.{gone} Compare the sizes below "
            "with what partners and witnesses remember, then `titian ledger resume`."
        )
    yield (
        f"What was taken back, recalled or marked more strictly after {since} is served again: do it anew first. "
        f"{_count(told.recalls, 'recall')} of ours known here"
        + (f", the last of {timestamp(told.last_recall)}." if told.last_recall else ".")
    )
    yield (
        f"What was released after {since} is not known here. Partners have it: ask each for the receipts and "
        "cosignatures that it holds, and compare with the table of releases."
    )
    if told.requests_waiting:
        yield (
            f"{_count(told.requests_waiting, 'request')} to release wait as of the backup. Some may have been decided "
            "since: ask before you approve them."
        )
    if told.keys:
        yield (
            f"{_many(told.keys, 'key')} worked then. One that was revoked after {since} WORKS AGAIN: go through them "
            "with `titian keys list`, and revoke it anew, or all of them if in doubt."
        )
    if told.people:
        yield (
            f"{_many(told.people, 'person', 'people')} could sign in then. One who was disabled after {since}, or got "
            "another password, can sign in again as before: `titian people list`, `titian people disable`. "
            f"{_count(told.sessions_ended, 'session')} ended here."
        )
    if told.subscriptions:
        yield (
            f"{_many(told.subscriptions, 'subscription')} go on by themselves ten minutes from now, from where they "
            "were: what arrived since comes again, and is held once."
        )
    if any(one.outgoing for one in told.bundles):
        yield (
            "Sealed bundles that were written since have numbers that would be given twice: ask each party for the "
            "number of the last that it opened."
        )


def _many(found: Sequence[object], one: str, several: str = "") -> str:
    return _count(len(found), one, several)


def _count(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _tables(told: Restored) -> None:
    for title, columns, rows in (
        (
            "Ledgers, halted",
            {"origin": "left", "agreement": "left", "entries": "right", "signed": "right", "remembered": "right",
             "signed at": "left"},
            [(one.origin, one.agreement or "(private)", one.size, one.sealed, one.remembered, _at(one.signed))
             for one in told.ledgers],
        ),
        (
            "Subscriptions",
            {"collection": "left", "party": "left", "held up to": "left", "received": "left"},
            [(one.collection, one.party, _at(one.sent), _at(one.received)) for one in told.subscriptions],
        ),
        (
            "Released, as of the backup",
            {"collection": "left", "party": "left", "versions": "right", "last": "left"},
            [(one.collection, one.party, one.count, _at(one.last)) for one in told.released],
        ),
        (
            "Keys that work",
            {"name": "left", "role": "left", "party": "left", "since": "left"},
            [(one.name, one.role, one.party, _at(one.created)) for one in told.keys],
        ),
        (
            "People who may sign in",
            {"name": "left", "role": "left", "since": "left"},
            [(one.name, one.duty, _at(one.created)) for one in told.people],
        ),
        (
            "Sealed bundles, the last numbers",
            {"agreement": "left", "party": "left", "way": "left", "number": "right"},
            [(one.agreement, one.party, "out" if one.outgoing else "in", one.num) for one in told.bundles],
        ),
    ):  # fmt: skip
        if rows:
            say("")
            table(title, columns, list(rows[:_MOST]))
            if len(rows) > _MOST:
                say(f"… and {len(rows) - _MOST:,} more; --json lists them all.")
    say("")


def _at(micros: int | None) -> str:
    return timestamp(micros) if micros else "never"
