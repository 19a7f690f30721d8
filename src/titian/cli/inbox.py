"""``titian inbox``."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting
from titian.cli.terminal import complain, say, warn
from titian.core.arrival import Accepted, Quarantined
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.errors import TitianError
from titian.core.people import Actor, Permission
from titian.node import Node

app = typer.Typer(
    help="Show what arrived from partners: what waits in the quarantine and why, and what was accepted.",
    add_completion=False, invoke_without_command=True,
)  # fmt: skip

References = Annotated[
    list[str], typer.Argument(metavar="NUMBER…", help="Numbers, or identifiers of objects of which only one waits.")
]
Why = Annotated[str, typer.Option(help="Why; it stays in the record of acts.")]
_MOST: Final = 100_000
_AT_ONCE: Final = 1000


@app.callback(epilog="Example:  titian inbox --accepted 20")
def inbox(
    ctx: typer.Context,
    home: Home = DEFAULT_HOME,
    everything: Annotated[bool, typer.Option("--all", help="Also what was accepted or rejected since.")] = False,
    accepted: Annotated[
        int, typer.Option(help="Also the last so many object versions that were accepted.", min=0, max=_MOST)
    ] = 0,
    limit: Annotated[int, typer.Option(help="So many from the quarantine, the oldest.", min=1, max=_MOST)] = _AT_ONCE,
    json: Json = False,
) -> None:
    """List what waits in the quarantine for a person: what it is, why it was kept apart, who sent it and when.

    Nothing that arrives is dropped: it is held in a collection, or it is here, byte for byte.
    """
    if ctx.invoked_subcommand is not None:
        return
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found = opened.arrive.quarantine(state=None if everything else "waiting", limit=limit)
        taken = opened.arrive.accepted(accepted) if accepted else []
        register = opened.agreements.read()
        names = _collections(opened)
    if json:
        print_json(
            {"quarantine": [quarantined_json(one, register, names) for one in found],
             "accepted": [accepted_json(one, register, names) for one in taken]}
        )  # fmt: skip
        return
    if found:
        _show_quarantine(found, register, everything)
    else:
        say("Nothing waits in the quarantine.")
    if len(found) == limit:
        warn(f"These are the oldest {limit:,}; --limit shows more.")
    if taken:
        table(
            "Accepted",
            {"id": "left", "type": "left", "from": "left", "when": "left", "size": "right", "into": "left",
             "in its ledger": "left"},
            [
                (one.id, one.type, register.label(one.provenance.party), _second(one.provenance.received),
                 f"{one.size:,}", names.get(one.collection, ("", ""))[1],
                 "" if one.provenance.entry is None else f"entry {one.provenance.entry}")
                for one in taken
            ],
        )  # fmt: skip


def _show_quarantine(found: list[Quarantined], register: Reading, everything: bool) -> None:
    columns = {"number": "right", "id": "left", "type": "left", "code": "left", "reason": "left", "from": "left",
               "when": "left", "size": "right"}  # fmt: skip
    table(
        "In the quarantine",
        {**columns, "state": "left"} if everything else columns,
        [
            (one.num, one.id or "(no id)", _type(one.id), *_reason(one.reason), _sender(one, register),
             _second(one.received), f"{one.size:,}", *([one.state] if everything else []))
            for one in found
        ],
    )  # fmt: skip


@app.command(epilog="Example:  titian inbox show 12")
def show(
    reference: Annotated[str, typer.Argument(metavar="NUMBER", help="Its number, or the id of what waits.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show one thing in the quarantine: where it came from, why it is there, and its bytes as they came."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found, raw = opened.arrive.find(reference)
        register = opened.agreements.read()
        names = _collections(opened)
    if json:
        print_json({**quarantined_json(found, register, names), **_raw_json(raw)})
        return
    code, sentence = _reason(found.reason)
    say(f"{found.num}  {found.id or '(no id)'}", style="bold")
    for label, value in (
        ("kept apart", f"{code}: {sentence}" if sentence else code),
        ("from", _sender(found, register)),
        ("by", found.source),
        ("for", names.get(found.collection, ("", ""))[1]),
        ("came", _second(found.received)),
        ("size", f"{found.size:,} bytes"),
        ("state", found.state),
        ("decided", "" if found.decided is None else f"{_second(found.decided)} by {found.decider}"),
        ("why", found.why or ""),
    ):
        if value:
            say(f"  {label}: {value}")
    # Whatever stands in it, it commands no terminal: say() spells that out.
    say(raw.decode("utf-8", "backslashreplace"))


@app.command(epilog="Example:  titian inbox accept 12 --why 'They marked it after we asked'")
def accept(references: References, why: Why, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Take in what waits in the quarantine. What is not STIX 2.1, or says that it is ours, is never taken in."""

    def decide(opened: Node, actor: Actor, reference: str) -> dict[str, Any]:
        one, done = opened.arrive.accept(actor, reference, why)
        return {"number": one.num, "id": one.id, "state": "accepted", "outcome": done.outcome.value}

    _decide(references, home, json, decide)


@app.command(epilog="Example:  titian inbox reject 12 13 --why 'Not under this agreement'")
def reject(references: References, why: Why, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Leave out for good what waits in the quarantine. Its bytes are kept."""

    def decide(opened: Node, actor: Actor, reference: str) -> dict[str, Any]:
        one = opened.arrive.reject(actor, reference, why)
        return {"number": one.num, "id": one.id, "state": "rejected", "outcome": None}

    _decide(references, home, json, decide)


def _decide(
    references: list[str], home: Home, json: bool, decide: Callable[[Node, Actor, str], dict[str, Any]]
) -> None:
    """Decide on each, one after the other: what cannot be decided so is told, and does not keep the rest waiting."""
    told: list[dict[str, Any]] = []
    with node(home) as opened:
        actor = acting(opened, home, Permission.WRITE)
        for reference in references:
            try:
                told.append({"reference": reference, **decide(opened, actor, reference), "error": None})
            except TitianError as error:
                if len(references) == 1:
                    raise
                told.append({"reference": reference, "error": str(error)})
    if json:
        print_json(told)
    else:
        for one in told:
            if one["error"] is not None:
                complain(f"{one['reference']}: {one['error']}")
            else:
                known = ", and was held already" if one["outcome"] == "known" else ""
                say(f"{one['number']}  {one['id'] or '(no id)'} is {one['state']}{known}.")
    if any(one["error"] is not None for one in told):
        raise typer.Exit(1)


# ── how it is shown ───────────────────────────────────────────────────────────────────────────────────────


def quarantined_json(one: Quarantined, register: Reading, names: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """Something in the quarantine, as programs read it."""
    code, sentence = _reason(one.reason)
    identifier, name = names.get(one.collection, ("", ""))
    return {
        "number": one.num, "id": one.id, "type": _type(one.id), "code": code, "reason": sentence, "party": one.party,
        "name": None if one.party is None else register.label(one.party), "source": one.source,
        "received": timestamp(one.received), "size": one.size, "state": one.state,
        "collection": {"id": identifier, "name": name},
        "decided": None if one.decided is None else timestamp(one.decided), "decider": one.decider, "why": one.why,
    }  # fmt: skip


def accepted_json(one: Accepted, register: Reading, names: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """An object version that was taken in, with where it came from, as programs read it."""
    came = one.provenance
    identifier, name = names.get(one.collection, ("", ""))
    return {
        "id": one.id, "type": one.type, "size": one.size, "party": came.party, "name": register.label(came.party),
        "received": timestamp(came.received), "remote": came.remote, "subscription": came.subscription,
        "ledger": came.origin, "entry": came.entry, "collection": {"id": identifier, "name": name},
    }  # fmt: skip


def _raw_json(raw: bytes) -> dict[str, Any]:
    """Bytes as text where they are text, and as base64 in any case."""
    try:
        text: str | None = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    return {"text": text, "raw": base64.b64encode(raw).decode()}


def _reason(reason: str) -> tuple[str, str]:
    """The code of a reason, and the sentence."""
    code, _, sentence = reason.partition(": ")
    return code, sentence


def _type(identifier: str) -> str:
    return identifier.partition("--")[0]


def _sender(one: Quarantined, register: Reading) -> str:
    return one.source if one.party is None else register.label(one.party)


def _collections(opened: Node) -> dict[int, tuple[str, str]]:
    return {each.collection.num: (each.collection.id, each.collection.name) for each in opened.collections.list()}


def _second(at: int) -> str:
    return f"{timestamp(at)[:19]}Z"
