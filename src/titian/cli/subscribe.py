"""``titian subscribe``."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json
from titian.cli.remote import CaFile, KeyName, RemoteId, Url
from titian.cli.session import acting
from titian.cli.subscriptions import Seen, pull_now, ran_json, show_ran, span, subscription_json
from titian.cli.terminal import say, warn
from titian.core.errors import InvalidInput
from titian.core.people import Permission
from titian.core.recall import Policy
from titian.core.subscription import DAY, HOUR, MINUTE, SECOND, Terms

app = typer.Typer(add_completion=False)

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_MOST: Final = 366 * DAY


@app.command(epilog="Example:  titian subscribe https://one.example/ --collection ID --agreement pact --key $KEY")
def subscribe(
    url: Url,
    collection: RemoteId,
    agreement: Annotated[str, typer.Option(help="The agreement that it comes under: name, alias or id.")],
    key: Annotated[str, typer.Option(envvar="TITIAN_REMOTE_KEY", help="The key the partner gave; Bearer.")],
    home: Home = DEFAULT_HOME,
    every: Annotated[str, typer.Option(help="How often to pull: 30s, 5m, 2h, 1d.")] = "5m",
    party: Annotated[
        str | None, typer.Option("--from", help="Whose server it is; without it, whom the server's card names.")
    ] = None,
    user: KeyName = None,
    ca_file: CaFile = None,
    into: Annotated[
        str | None, typer.Option(help="Collection here; made if it is missing. Without it, title and partner.")
    ] = None,
    on_recall: Annotated[
        Policy,
        typer.Option(help="What becomes of what the partner recalls: apply, flag until a person decides, or keep."),
    ] = Policy.FLAG,
    quota: Annotated[
        int, typer.Option(help="Objects taken in a day at most; what is beyond waits.", min=1)
    ] = 1_000_000,
    now: Annotated[bool, typer.Option("--now", help="Pull once at once, and show what came.")] = False,
    json: Json = False,
) -> None:
    """Pull a partner's collection by itself from now on, while `titian serve` runs.

    What arrives is kept as it came, then judged: accepted, or put into the quarantine with the reason (`titian inbox`).
    The partner's ledger is checked and cosigned at every pull, and what this node has released to the partner under the
    agreement goes back to it.
    """
    interval = length(every)
    with node(home) as opened:
        actor = acting(opened, home, Permission.WRITE)
        register = opened.agreements.read()
        terms = Terms(
            url=url, remote=collection, title="", agreement=register.agreement(agreement).id,
            party="" if party is None else register.party(party).id, every=interval, user=user,
            ca_file=None if ca_file is None else str(ca_file.absolute()), on_recall=on_recall, quota=quota,
        )  # fmt: skip
        made = opened.subscribe.subscribe(
            actor, terms, key, register.directory,
            lambda name, sender: opened.collections.receiving(into or name, sender, actor),
        )  # fmt: skip
        ran = pull_now(opened, made, quiet=json) if now else None
        peer = opened.peers.get(made.terms.party)
        seen = Seen.of(opened)
        if ran is not None:
            made = opened.subscribe.find(made.id)
    if json:
        shown = None if peer is None else {"fingerprint": peer.card.fingerprint, "checked": peer.checked}
        print_json({**subscription_json(made, seen), "card": shown, "ran": None if ran is None else ran_json(ran)})
    else:
        name = seen.register.label(made.terms.party)
        say(made.id, style="bold")
        say(f"{made.terms.title} of {name} is pulled every {span(interval)} while `titian serve` runs.")
        if peer is None:
            say(f"{name} has shown no card: its ledger, if it has one, is trusted as it comes.")
        else:
            say(f"Fingerprint of the card of {peer.card.name}: {peer.card.fingerprint}")
            if not peer.checked:
                warn("The card was taken as it came: compare it by telephone; `titian peers add --checked`.")
        if ran is not None:
            show_ran(ran)
    if ran is not None and ran.error is not None:
        raise typer.Exit(1)


def length(text: str) -> int:
    """Read a length of time, in microseconds. Raises :class:`InvalidInput`.

    >>> length("30s") // SECOND, length("5m") // SECOND, length("1d") // SECOND
    (30, 300, 86400)
    """
    found = _LENGTH.fullmatch(text.strip())
    micros = 0 if found is None else int(found[1]) * _UNITS[found[2]]
    if not 0 < micros <= _MOST:
        raise InvalidInput(f"{text!r} is no length of time.",
                           advice="Write a number and s, m, h, d or w, as 30s or 5m; up to a year.")  # fmt: skip
    return micros
