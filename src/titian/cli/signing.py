"""``titian signing``."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.collection import timestamp
from titian.core.errors import InvalidInput
from titian.core.notes import to_base64
from titian.core.people import Permission
from titian.core.signing import Role, SigningKey

app = typer.Typer(
    help="List, rotate and give up the keys that this node signs its ledgers and others' with.",
    no_args_is_help=True,
    add_completion=False,
)

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LENGTH: Final = re.compile(r"(0|[1-9][0-9]{0,5})([smhdw])")
_NEXT: Final = "Now hand out a new card: `titian peers card -o ours.card`."

Place = Annotated[
    str | None,
    typer.Option(
        help="Where the new key lies already: pkcs11:token=NAME;object=NAME (RFC 7512) or file:PATH. "
        "Without it one is made in a file of the node's home."
    ),
]


@app.command("list", epilog="Example:  titian signing list")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List every key that this node has signed with, and from when to when."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        keys = opened.signing.list()
        signing = {key.num for role in Role for key in opened.signing.current(role)}
    rows = [{**_shown(key), "signs": key.num in signing} for key in keys]
    if json:
        print_json(rows)
        return
    table(
        "Signing keys",
        {"num": "right", "role": "left", "signs": "left", "from": "left", "until": "left", "place": "left"},
        [
            (
                key.num,
                key.role.value,
                _state(key, key.num in signing),
                _second(key.starts),
                _second(key.stops),
                key.place,
            )
            for key in keys
        ],
    )


@app.command(epilog="Example:  titian signing rotate log --overlap 7d")
def rotate(
    role: Annotated[Role, typer.Argument(help="log signs our ledgers and our card; witness cosigns others' ledgers.")],
    home: Home = DEFAULT_HOME,
    overlap: Annotated[
        str, typer.Option(help="How long the old key signs beside the new one, as 7d, 12h or 0d.", show_default=True)
    ] = "7d",
    place: Place = None,
    why: Annotated[str, typer.Option(help="Why; it stays in the record of acts.")] = "",
    json: Json = False,
) -> None:
    """Let a new key sign from now on, and the old one beside it for a while: time for partners to take our new card."""
    seconds = _seconds(overlap)
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        key = opened.signing.rotate(role, seconds, by=actor, place=place, why=why)
    if json:
        print_json({**_shown(key), "overlap": seconds})
        return
    say(f"Signing key {key.num} signs now as the {key.role} key of this node. It lies at {key.place}.")
    if seconds:
        say(f"The old one signs beside it for {overlap}.")
    warn(_NEXT)


@app.command(epilog="Example:  titian signing compromised 1 --why 'a disk of the server was stolen'")
def compromised(
    num: Annotated[int, typer.Argument(help="The number of the key: `titian signing list`.")],
    why: Annotated[str, typer.Option(help="What happened; it stays in the record of acts.")],
    home: Home = DEFAULT_HOME,
    place: Place = None,
    json: Json = False,
) -> None:
    """Let a key never sign again, because somebody else may hold it, and put a new one in its place at once."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.MANAGE_KEYS)
        key = opened.signing.compromised(num, by=actor, why=why, place=place)
    if json:
        print_json({"compromised": num, "new": None if key is None else _shown(key)})
        return
    say(f"Signing key {num} never signs again.")
    if key is not None:
        say(f"Signing key {key.num} signs in its place. It lies at {key.place}.")
    warn(_NEXT)
    warn("Tell every partner by telephone: they take it with `titian peers add FILE --replace --checked`.")


def _shown(key: SigningKey) -> dict[str, object]:
    """A key as programs get it: its public half."""
    return {
        "num": key.num,
        "role": key.role.value,
        "public": to_base64(key.public),
        "place": key.place,
        "created": timestamp(key.created),
        "from": timestamp(key.starts),
        "until": None if key.stops is None else timestamp(key.stops),
        "compromised": None if key.compromised is None else timestamp(key.compromised),
    }


def _state(key: SigningKey, signs: bool) -> str:
    if key.compromised is not None:
        return "compromised"
    return "yes" if signs else "no"


def _second(instant: int | None) -> str:
    """An instant as a person reads it, to the second."""
    return "-" if instant is None else f"{timestamp(instant)[:19]}Z"


def _seconds(length: str) -> int:
    found = _LENGTH.fullmatch(length)
    if found is None:
        raise InvalidInput(f"{length!r} is no length of time.", advice="Write a number and s, m, h, d or w, as 7d.")
    return int(found[1]) * _UNITS[found[2]]
