"""``titian peers``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.collection import timestamp
from titian.core.errors import NotFound, TitianError, TooLarge, UnreadableFile
from titian.core.peer import LARGEST, Card, Change
from titian.core.people import Permission
from titian.node import Node

app = typer.Typer(
    help="Hand over this node's card, and hold the cards of others: which keys they sign with.",
    no_args_is_help=True,
    add_completion=False,
)

_COMPARE = "Compare it with the other side by telephone, on a number that you have from elsewhere."


@app.command(epilog="Example:  titian peers card --url https://agency-one.example -o ours.card")
def card(
    home: Home = DEFAULT_HOME,
    url: Annotated[str | None, typer.Option(help="Where this node answers, if partners reach it.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; without it, standard output.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the card of this node, signed now: hand it to partners by mail, on paper or on a stick."""
    with node(home) as opened:
        # Partners' nodes will ask at an address that the card names: whoever signs one decides whom they trust.
        acting(opened, home, Permission.MANAGE_KEYS if url else Permission.READ)
        signed = opened.peers.ours(url)
    if json:
        print_json({**_shown(signed.card), "card": signed.encode().decode()})
        if output is None:
            return
    if output is None:
        sys.stdout.write(signed.encode().decode())
        sys.stdout.flush()
    else:
        output.write_bytes(signed.encode())
    if not json:
        warn(f"Fingerprint: {signed.card.fingerprint}")


@app.command(epilog="Example:  titian peers add theirs.card --checked")
def add(
    file: Annotated[Path, typer.Argument(help="The card that was handed over; - reads standard input.")],
    home: Home = DEFAULT_HOME,
    checked: Annotated[
        bool, typer.Option("--checked", help="The fingerprint was compared with the other side.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take it even where no key of the held card has signed it.")
    ] = False,
    json: Json = False,
) -> None:
    """Hold the card of another node, and show its fingerprint."""
    data = _read(file)
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        added = opened.peers.add(data, by=actor, checked=checked, replace=replace)
        known = _known(opened, added.peer.card.party)
    peer = added.peer
    if json:
        print_json({**_shown(peer.card), "checked": peer.checked, "change": added.change.name.lower(), "known": known})
        return
    say(f"{peer.card.name}  {peer.card.party}")
    say(f"Fingerprint: {peer.card.fingerprint}", style="bold")
    if added.change is Change.ROTATED:
        say("It follows the card that was held: a key of that one has signed it.")
    if not peer.checked:
        warn(_COMPARE)
        warn(f"Then run `titian peers add {file} --checked`.")
    if not known:
        warn("No party of this identifier is in the directory of this node: is the card from whom you think?")


@app.command("list", epilog="Example:  titian peers list --json")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the cards that are held, with their fingerprints."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        peers = opened.peers.list()
    rows = [
        {**_shown(peer.card), "checked": peer.checked, "added": timestamp(peer.added), "by": peer.adder}
        for peer in peers
    ]
    if json:
        print_json(rows)
        return
    table(
        "Peers",
        {"name": "left", "id": "left", "fingerprint": "left", "checked": "left", "keys": "right", "url": "left"},
        [
            (peer.card.name, peer.card.party, peer.card.fingerprint, "yes" if peer.checked else "no",
             len(peer.card.signing), peer.card.url or "-")
            for peer in peers
        ],
    )  # fmt: skip


@app.command(epilog="Example:  titian peers remove agency-two --why 'they left the agreement'")
def remove(
    party: Annotated[str, typer.Argument(help="Whose card: identifier, or name or alias in the directory.")],
    home: Home = DEFAULT_HOME,
    why: Annotated[str, typer.Option(help="Why; it stays in the record of acts.")] = "",
    json: Json = False,
) -> None:
    """Forget a card: nothing that its keys sign is believed any more."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        peer = opened.peers.remove(_party(opened, party), by=actor, why=why)
    if json:
        print_json({**_shown(peer.card), "removed": True})
    else:
        say(f"The card of {peer.card.name} is forgotten.")


def _shown(card: Card) -> dict[str, object]:
    """A card as programs get it."""
    return {
        "party": card.party,
        "name": card.name,
        "fingerprint": card.fingerprint,
        "keys": [
            {"public": key.public, "from": timestamp(key.starts), "until": _moment(key.stops),
             "compromised": _moment(key.compromised)}
            for key in card.keys
        ],
        "witness": card.witness,
        "recipient": card.recipient,
        "url": card.url,
        "made": timestamp(card.made),
    }  # fmt: skip


def _moment(instant: int | None) -> str | None:
    return None if instant is None else timestamp(instant)


def _read(file: Path) -> bytes:
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with file.open("rb") as stream:
                data = stream.read(LARGEST + 1)
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror or error}.") from error
    if len(data) > LARGEST:
        raise TooLarge(f"{file} is no card: it has more than {LARGEST:,} bytes.")
    return data


def _known(opened: Node, party: str) -> bool:
    return party in opened.agreements.read().directory.parties


def _party(opened: Node, reference: str) -> str:
    """The id of a party: of one whose card is held, by its identifier or the card's name, else of the directory's."""
    held = [each.card for each in opened.peers.list() if reference in {each.card.party, each.card.name}]
    if len(held) == 1:
        return held[0].party
    try:
        return opened.agreements.read().party(reference).id
    except TitianError:
        if len(held) > 1:
            raise NotFound(f"{len(held)} cards bear the name {reference!r}.", advice="Give the identifier.") from None
        raise
