"""``titian recalls``."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.selection import instant
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.errors import InvalidInput
from titian.core.people import Permission
from titian.core.recall import Received, ReceivedState, Recipient, State, days_left
from titian.core.recall_objects import Response
from titian.exchange.recall_sent import Overview

app = typer.Typer(
    help="Show who has given back what was recalled, and answer the recalls of others.", add_completion=False,
    invoke_without_command=True,
)  # fmt: skip

_RESPONSES: Final = {"apply": Response.APPLIED, "flag": Response.FLAGGED, "refuse": Response.REFUSED}
_SHOWN: Final = 20
Reference = Annotated[str, typer.Argument(metavar="RECALL", help="The recall's id, or how it begins.")]
Why = Annotated[str, typer.Option(help="Why.")]


@app.callback(epilog="Example:  titian recalls")
def recalls(
    ctx: typer.Context,
    home: Home = DEFAULT_HOME,
    everything: Annotated[bool, typer.Option("--all", help="Also what is settled.")] = False,
    json: Json = False,
) -> None:
    """List the recalls of this node that are not settled, where each recipient stands, and those of others that wait
    for an answer.

    A recipient is `waiting` until it is handed the recall, then `silent` until it answers: `applied`, `flagged` or
    `refused`. It is `overdue` when the deadline passes, `unconfirmed` when its client cannot answer, and `never-read`
    when it was handed nothing of it.
    """
    if ctx.invoked_subcommand is not None:
        return
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        sent = opened.recalls.sent(everything=everything)
        received = opened.recalls.received(everything=everything)
        register = opened.agreements.read()
    if json:
        print_json([*(overview_json(one, register) for one in sent), *(received_json(one) for one in received)])
        return
    if not sent and not received:
        say("No recall waits for anything.")
        return
    for one in sent:
        show_overview(one, register)
    for each in received:
        show_received(each, register)


@app.command(epilog="Example:  titian recalls show 3f9c2a10")
def show(reference: Reference, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show one recall: its objects, where each recipient stands, and what they have answered so far."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found = opened.recalls.find(reference)
        register = opened.agreements.read()
    if isinstance(found, Received):
        if json:
            print_json({**received_json(found), "object_refs": list(found.message.objects)})
            return
        show_received(found, register)
        _objects(found.message.objects)
        return
    if json:
        print_json({**overview_json(found, register), "object_refs": _sources(found)})
        return
    show_overview(found, register)
    _objects(_sources(found))
    for one in found.recipients:
        for said in one.answers:
            on = f", passed on to {said.passed_on:,}" if said.passed_on else ""
            when = timestamp(said.at)[:16]
            say(f"{when}  {register.label(one.party)}: {said.response.value}{on}  {said.why}".rstrip())


@app.command(epilog="Example:  titian recalls answer 3f9c2a10 refuse --why 'We saw it ourselves'")
def answer(
    reference: Reference,
    response: Annotated[str, typer.Argument(metavar="RESPONSE", help="apply, flag or refuse.")],
    home: Home = DEFAULT_HOME,
    why: Annotated[str, typer.Option(help="Why, as the party that recalls will read it; a refusal needs it.")] = "",
    also_local_work: Annotated[
        bool,
        typer.Option("--also-local-work", help="Take it out even where work of ours refers to it: that work stays."),
    ] = False,
    json: Json = False,
) -> None:
    """Answer a recall of another party: take the objects out, keep them from everybody, or refuse with a reason.

    An answer can be changed, but for one that was applied. Whom the objects were given on to is asked in turn.
    """
    if response not in _RESPONSES:
        raise InvalidInput(f"{response!r} is no answer.", advice="Write apply, flag or refuse.")
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        done = opened.recalls.answer(actor, reference, _RESPONSES[response], why, also_local_work=also_local_work)
        register = opened.agreements.read()
    if json:
        print_json(received_json(done))
    else:
        show_received(done, register)


@app.command(epilog="Example:  titian recalls send 3f9c2a10 --deadline 2027-01-15")
def send(
    reference: Reference,
    deadline: Annotated[
        str, typer.Option(help="By when an answer is asked for: a date (its beginning, UTC) or a timestamp.")
    ],
    home: Home = DEFAULT_HOME,
    why: Annotated[str, typer.Option(help="Why in words, as the recipients will read them.")] = "",
    json: Json = False,
) -> None:
    """Send a recall that was proposed because an agreement or a marking changed."""
    until = instant(deadline)
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        done = opened.recalls.send(actor, reference, until, why)
        register = opened.agreements.read()
    _done(done, register, json)


@app.command(epilog="Example:  titian recalls dismiss 3f9c2a10 --why 'They may keep it'")
def dismiss(reference: Reference, why: Why, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Take a recall that was proposed off the list: nobody is asked anything."""
    with node(home) as opened:
        done = opened.recalls.dismiss(acting(opened, home, Permission.REQUEST_RELEASE), reference, why)
    if json:
        print_json({"id": done.id, "state": done.state.value})
    else:
        say(f"{done.id} is dismissed.")


@app.command(epilog="Example:  titian recalls withdraw 3f9c2a10 --why 'It was right after all'")
def withdraw(reference: Reference, why: Why, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Withdraw a recall: its recipients are told, and its objects may be released again."""
    with node(home) as opened:
        done = opened.recalls.withdraw(acting(opened, home, Permission.REQUEST_RELEASE), reference, why)
        register = opened.agreements.read()
    _done(done, register, json)


def _done(done: Overview, register: Reading, json: bool) -> None:
    if json:
        print_json(overview_json(done, register))
    else:
        show_overview(done, register)


# ── how they are shown ────────────────────────────────────────────────────────────────────────────────────


def overview_json(one: Overview, register: Reading) -> dict[str, Any]:
    """A recall of this node's own, as programs read it."""
    recall = one.recall
    return {
        "id": recall.id, "direction": "out", "agreement": recall.agreement, "reason": recall.reason.value,
        "why": recall.why, "deadline": _instant(recall.deadline), "created": timestamp(recall.created),
        "state": recall.state.value, "derived_from": recall.derived_from, "objects": one.objects,
        "recipients": [_recipient_json(each, register) for each in one.recipients],
    }  # fmt: skip


def _recipient_json(one: Recipient, register: Reading) -> dict[str, Any]:
    said = one.answer
    return {
        "party": one.party, "name": register.label(one.party), "state": one.standing.value,
        "answered": None if said is None else timestamp(said.at), "why": "" if said is None else said.why,
        "passed_on": 0 if said is None else said.passed_on, "objects": len(one.taken), "told": len(one.told),
    }  # fmt: skip


def received_json(one: Received) -> dict[str, Any]:
    """A recall of another party, as programs read it."""
    message = one.message
    return {
        "id": one.id, "direction": "in", "party": message.by, "agreement": message.agreement,
        "reason": message.reason.value, "why": message.why, "deadline": timestamp(message.deadline),
        "created": timestamp(message.created), "state": one.state.value, "objects": len(message.objects),
        "removed": len(one.removed), "flagged": len(one.flagged), "passed_on": one.passed_on,
        "answered": _instant(one.answered), "recipients": [],
    }  # fmt: skip


def _instant(at: int | None) -> str | None:
    return None if at is None else timestamp(at)


def show_overview(one: Overview, register: Reading) -> None:
    """Print a recall of this node's own: a line, a table of its recipients, and what can be done."""
    recall = one.recall
    named = register.directory.agreements.get(recall.agreement)
    called = recall.agreement if named is None else named.name
    say(f"{recall.id[:8]}  {recall.state.value}: {one.objects:,} objects under {called}, {recall.reason.value}"
        f"{_by(recall.deadline) if recall.state is State.SENT else ''}")  # fmt: skip
    if recall.why:
        say(f"    {recall.why}")
    table(
        "",
        {"party": "left", "state": "left", "objects": "right", "passed on": "right", "why": "left"},
        [
            (register.label(each.party), each.standing.value, f"{len(each.taken):,}",
             "" if each.answer is None else f"{each.answer.passed_on:,}",
             "" if each.answer is None else each.answer.why)
            for each in one.recipients
        ],
    )  # fmt: skip
    if recall.state is State.PROPOSED:
        short = recall.id[:8]
        say(f"    titian recalls send {short} --deadline DATE, or titian recalls dismiss {short} --why …")


def show_received(one: Received, register: Reading) -> None:
    """Print a recall of another party, and what can be done."""
    message, short = one.message, one.id.partition("--")[2][:8]
    say(f"{short}  {one.state.value}: {register.label(message.by)} recalls {len(message.objects):,} objects, "
        f"{message.reason.value}{_by(message.deadline)}")  # fmt: skip
    if message.why:
        say(f"    {message.why}")
    if one.answered is not None:
        say(f"    {len(one.removed):,} out, {len(one.flagged):,} flagged, passed on to {one.passed_on:,}")
    if one.state in (ReceivedState.OPEN, ReceivedState.FLAGGED):
        say(f"    titian recalls answer {short} apply, flag or refuse --why …")


def _by(deadline: int | None) -> str:
    if deadline is None:
        return ""
    left = days_left(deadline, time.time_ns() // 1000)
    told = f"{left:,} days left" if left > 0 else "today" if left == 0 else "over"
    return f", by {timestamp(deadline)[:10]} ({told})"


def _sources(one: Overview) -> list[str]:
    return sorted({taken.source for recipient in one.recipients for taken in recipient.taken})


def _objects(identifiers: list[str] | tuple[str, ...]) -> None:
    for identifier in identifiers[:_SHOWN]:
        say(f"    {identifier}")
    if len(identifiers) > _SHOWN:
        say(f"    … and {len(identifiers) - _SHOWN:,} more; --json lists them all.")
