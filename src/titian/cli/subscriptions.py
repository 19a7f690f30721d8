"""``titian subscriptions``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress, table
from titian.cli.session import acting
from titian.cli.terminal import complain, say, warn
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.errors import Refused
from titian.core.people import Permission
from titian.core.recall import Policy
from titian.core.subscription import DAY, HOUR, MINUTE, SECOND, Subscription
from titian.exchange.subscribe import NEVER, Ran
from titian.node import Node

app = typer.Typer(
    help="Show how what this node has subscribed to goes, and decide about it.", add_completion=False,
    invoke_without_command=True,
)  # fmt: skip

Reference = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id, or how it begins.")]
Why = Annotated[str, typer.Option(help="Why; it stays in the record of acts.")]
_SHORT: Final = 8
_SHOWN: Final = 20


class Seen(msgspec.Struct, frozen=True):
    """What subscriptions are shown with: the time, the directory, and the collections here by number."""

    now: int
    register: Reading
    collections: Mapping[int, tuple[str, str]]

    @classmethod
    def of(cls, opened: Node) -> Seen:
        """As the node has it now."""
        held = {each.collection.num: (each.collection.id, each.collection.name) for each in opened.collections.list()}
        return cls(opened.agreements.now(), opened.agreements.read(), held)


@app.callback(epilog="Example:  titian subscriptions")
def subscriptions(
    ctx: typer.Context,
    home: Home = DEFAULT_HOME,
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    json: Json = False,
) -> None:
    """List what this node pulls by itself: from whom, when it last succeeded, how far behind it is, and what is wrong.

    The lag is the time between the partner's putting the newest object into its collection and its arrival here. A gap
    is something that the partner's ledger and what arrived do not agree on.
    """
    if ctx.invoked_subcommand is not None:
        return
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found = opened.subscribe.list(ended=everything)
        seen = Seen.of(opened)
    if json:
        print_json([subscription_json(one, seen) for one in found])
        return
    if not found:
        say("Nothing is subscribed to: `titian subscribe URL` begins to pull.")
        return
    table(
        "Subscriptions",
        {"id": "left", "from": "left", "collection": "left", "agreement": "left", "every": "right",
         "last success": "left", "lag": "right", "arrived": "right", "quarantined": "right", "gaps": "right",
         "next try": "left", "what is wrong": "left"},
        [
            (one.id[:_SHORT], seen.register.label(one.terms.party), one.terms.title, _agreement(one, seen),
             span(one.terms.every), _ago(one.progress.succeeded, seen.now), _lag(one), f"{one.progress.read:,}",
             f"{one.progress.quarantined:,}", len(one.progress.gaps) or "", _next(one, seen.now), _wrong(one))
            for one in found
        ],
    )  # fmt: skip


@app.command(epilog="Example:  titian subscriptions show 3f9c2a10")
def show(reference: Reference, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show one subscription: everything that is known of it, its gaps, and how far the partner's ledger is verified."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found = opened.subscribe.find(reference)
        seen = Seen.of(opened)
    if json:
        print_json(subscription_json(found, seen))
    else:
        show_subscription(found, seen)


@app.command(epilog="Example:  titian subscriptions run 3f9c2a10")
def run(reference: Reference, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Pull now, whenever the next try was to be, and show what came. Exit 1 when that fails."""
    with node(home) as opened:
        acting(opened, home, Permission.WRITE)
        ran = pull_now(opened, opened.subscribe.find(reference), quiet=json)
    if json:
        print_json(ran_json(ran))
    else:
        show_ran(ran)
    if ran.error is not None:
        raise typer.Exit(1)


@app.command(epilog="Example:  titian subscriptions resume 3f9c2a10 --why 'They restored a backup, and told us so'")
def resume(
    reference: Reference,
    why: Why,
    home: Home = DEFAULT_HOME,
    trust_ledger: Annotated[
        bool, typer.Option("--trust-ledger", help="Take the partner's ledger as it is now, though it was found broken.")
    ] = False,
    on_recall: Annotated[Policy | None, typer.Option(help="From now on, what becomes of recalled objects.")] = None,
    json: Json = False,
) -> None:
    """Go on with a subscription that was paused, or change what becomes of what the partner recalls.

    One is paused when the partner's ledger is not what it was. The proof stays: `titian ledger verify --of`.
    """
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS if trust_ledger else Permission.WRITE)
        found = opened.subscribe.find(reference)
        origin = found.progress.ledger or next(
            (one.origin for one in opened.peer_ledgers.all() if one.party == found.terms.party and one.broken), None
        )
        held = None if origin is None else opened.peer_ledgers.get(origin)
        if held is not None and held.broken is not None:
            if not trust_ledger:
                raise Refused(
                    f"The ledger of this partner was found broken: {held.broken}",
                    advice="Settle it with them; --trust-ledger then takes it as it is from now on.",
                )
            opened.peer_ledgers.mend(held.origin, person=actor.id, why=why)
        done = opened.subscribe.resume(actor, reference, why, on_recall=on_recall)
        seen = Seen.of(opened)
    if json:
        print_json(subscription_json(done, seen))
    else:
        say(f"{done.id} goes on.")


@app.command(epilog="Example:  titian subscriptions end 3f9c2a10 --why 'The agreement is over'")
def end(reference: Reference, why: Why, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """End a subscription: what it brought stays, and the partner's key is forgotten."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.WRITE)
        found = opened.subscribe.end(actor, reference, why)
        seen = Seen.of(opened)
        done = opened.subscribe.find(found.id)
    if json:
        print_json(subscription_json(done, seen))
    else:
        say(f"{done.id} has ended. What it brought stays in {_into(done, seen)['name']}.")


# ── pulling ───────────────────────────────────────────────────────────────────────────────────────────────


def pull_now(opened: Node, one: Subscription, *, quiet: bool) -> Ran:
    """Pull a subscription at once, with a progress bar. Raises :class:`Refused` when another process does."""
    with progress(f"Pulling {one.terms.title}", quiet=quiet) as advance:
        ran = opened.subscribe.run(one.id, advance)
    if ran is None:
        raise Refused("This subscription is being pulled already, or has ended.",
                      advice="`titian subscriptions` shows how it goes.")  # fmt: skip
    return ran


def ran_json(ran: Ran) -> dict[str, Any]:
    """What a pull brought, as programs read it."""
    came = ran.arrived
    return {
        "id": ran.subscription.id, "read": came.read, "accepted": came.accepted, "known": came.known,
        "quarantined": came.quarantined, "reasons": came.reasons, "sent": ran.sent,
        "refused": [{"id": identifier, "why": why} for identifier, why in ran.refused], "findings": ran.findings,
        "error": ran.error,
    }  # fmt: skip


def show_ran(ran: Ran) -> None:
    """Print what a pull brought, and what was wrong with it."""
    came = ran.arrived
    say(f"{came.read:,} arrived: {came.accepted:,} accepted, {came.known:,} known already, "
        f"{came.quarantined:,} in the quarantine.")  # fmt: skip
    for code, count in sorted(came.reasons.items()):
        say(f"  {code}: {count:,}")
    if came.quarantined:
        say("  → titian inbox")
    if ran.sent:
        say(f"{ran.sent:,} went back to the partner.")
    for identifier, why in ran.refused[:_SHOWN]:
        warn(f"  The partner did not take {identifier}: {why}")
    for finding in ran.findings[:_SHOWN]:
        warn(f"  The partner's ledger does not fit: {finding}")
    if ran.error is not None:
        complain(ran.error)


# ── how they are shown ────────────────────────────────────────────────────────────────────────────────────


def subscription_json(one: Subscription, seen: Seen) -> dict[str, Any]:
    """A subscription, as programs read it: instants as TAXII timestamps, spans in seconds."""
    terms, now = one.terms, one.progress
    return {
        "id": one.id, "url": terms.url, "collection": terms.remote, "title": terms.title, "agreement": terms.agreement,
        "party": terms.party, "name": seen.register.label(terms.party), "into": _into(one, seen),
        "every": terms.every / SECOND, "on_recall": terms.on_recall.value, "quota": terms.quota,
        "created": timestamp(one.created), "ended": _instant(one.ended), "last_try": _instant(now.tried),
        "last_success": _instant(now.succeeded),
        "next_try": None if one.ended is not None or one.next_try >= NEVER else timestamp(one.next_try),
        "failures": now.failures, "error": now.error, "lag": None if now.lag is None else now.lag / SECOND,
        "read": now.read, "accepted": now.accepted, "known": now.known, "quarantined": now.quarantined,
        "gaps": [{"at": timestamp(gap.at), "what": gap.what} for gap in now.gaps], "paused": now.paused,
        "ledger": now.ledger, "verified": now.verified, "checked": _instant(now.checked),
    }  # fmt: skip


def show_subscription(one: Subscription, seen: Seen) -> None:
    """Print one subscription for a person."""
    terms, now = one.terms, one.progress
    say(one.id, style="bold")
    for label, value in (
        ("from", f"{seen.register.label(terms.party)} ({terms.party})"),
        ("at", terms.url),
        ("collection", f"{terms.title} ({terms.remote})"),
        ("into", _into(one, seen)["name"]),
        ("under", _agreement(one, seen)),
        ("every", span(terms.every)),
        ("recalls", f"{terms.on_recall.value} what the partner recalls"),
        ("takes", f"{terms.quota:,} objects a day, {now.today:,} on the last one"),
        ("began", _minute(one.created)),
        ("ended", _minute(one.ended)),
        ("last try", _ago(now.tried, seen.now)),
        ("last success", _ago(now.succeeded, seen.now)),
        ("next try", _next(one, seen.now)),
        ("lag", _lag(one)),
        ("arrived", f"{now.read:,}: {now.accepted:,} accepted, {now.known:,} known already, "
         f"{now.quarantined:,} in the quarantine"),
        ("ledger", now.ledger or "none: this server has no ledgers"),
        ("verified", now.ledger and f"its first {now.verified:,} entries, {_ago(now.checked, seen.now)}"),
        ("paused", now.paused),
        ("error", now.error if now.paused is None else None),
    ):  # fmt: skip
        if value:
            say(f"  {label}: {value}")
    for gap in now.gaps:
        say(f"  gap found {_minute(gap.at)}: {gap.what}")


def span(micros: int) -> str:
    """Write a length of time shortly.

    >>> span(300 * SECOND), span(90 * SECOND), span(2 * DAY), span(1_500_000)
    ('5m', '90s', '2d', '1.5s')
    """
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")):
        if micros >= unit and micros % unit == 0:
            return f"{micros // unit}{letter}"
    return f"{micros / SECOND:.3g}s"


def _rough(micros: int) -> str:
    """A length of time as a person says it."""
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if micros >= 2 * unit:
            return f"{micros // unit}{letter}"
    return f"{max(0, micros) // SECOND}s"


def _ago(at: int | None, now: int) -> str:
    return "never" if at is None else f"{_rough(now - at)} ago"


def _lag(one: Subscription) -> str:
    return "" if one.progress.lag is None else _rough(one.progress.lag)


def _next(one: Subscription, now: int) -> str:
    if one.ended is not None:
        return "ended"
    if one.next_try >= NEVER:
        return "when a person says so"
    return "now" if one.next_try <= now else f"in {_rough(one.next_try - now)}"


def _wrong(one: Subscription) -> str:
    now = one.progress
    return now.paused or now.error or (now.gaps[-1].what if now.gaps else "")


def _into(one: Subscription, seen: Seen) -> dict[str, str]:
    identifier, name = seen.collections.get(one.collection, ("", "a collection that is gone"))
    return {"id": identifier, "name": name}


def _agreement(one: Subscription, seen: Seen) -> str:
    known = seen.register.directory.agreements.get(one.terms.agreement)
    return one.terms.agreement if known is None else seen.register.aliases.get(known.id) or known.name


def _instant(at: int | None) -> str | None:
    return None if at is None else timestamp(at)


def _minute(at: int | None) -> str:
    return "" if at is None else f"{timestamp(at)[:16]}Z"
