"""``titian login``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from titian.cli.ask import read_code, read_password
from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json
from titian.cli.session import VARIABLE, forget, held_token, keep, os_user
from titian.cli.terminal import say, warn
from titian.core.collection import timestamp
from titian.core.errors import Forbidden, InvalidInput
from titian.core.login import PasswordHeld, Start
from titian.core.people import Session
from titian.node import Node
from titian.wire.oidc import Client, Provider, outbound
from titian.wire.oidc_loopback import sign_in

app = typer.Typer(help="Sign in, sign out, and see who is signed in.", add_completion=False)


@app.command(epilog="Example:  titian login analyst-one")
def login(
    name: Annotated[str | None, typer.Argument(help="Who signs in; without a name, says who is signed in.")] = None,
    home: Home = DEFAULT_HOME,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    code: Annotated[str | None, typer.Option(help="The code that the authenticator shows.")] = None,
    oidc: Annotated[bool, typer.Option("--oidc", help="Sign in with the OpenID provider of the settings.")] = False,
    out: Annotated[bool, typer.Option("--out", help="Sign out.")] = False,
    json: Json = False,
) -> None:
    """Sign in for eight hours, sign out, or see who is signed in.

    The session is kept in the node's home, for this user of the machine only. TITIAN_SESSION in the environment wins.
    """
    if out and (name is not None or oidc):
        raise InvalidInput("Signing in and out at once is neither.", advice="Leave --out or the name away.")
    with node(home) as opened:
        if out:
            _sign_out(opened, home, json)
        elif name is None and not oidc:
            _who(opened, home, json)
        else:
            session = _by_openid(opened, name) if oidc else _by_password(opened, name or "", password_stdin, code)
            _signed_in(session, home, json)


def _by_password(opened: Node, name: str, from_stdin: bool, code: str | None) -> Session:
    text = read_password(from_stdin, asking=f"Password of {name}")
    reached = opened.people.password(Start().named(name), text)
    if isinstance(reached, PasswordHeld):
        return opened.people.code(reached, read_code() if code is None else code)
    return reached


def _by_openid(opened: Node, name: str | None) -> Session:
    settings = opened.settings
    issuer, client = settings.oidc_issuer, settings.oidc_client_id
    if not issuer or not client:
        raise InvalidInput("This node has no OpenID provider.",
                           advice="Set `oidc_issuer` and `oidc_client_id` in titian.toml.")  # fmt: skip
    secret = settings.oidc_client_secret or None
    with outbound(issuer, hosts=settings.oidc_hosts) as http:
        found = sign_in(Provider(Client(issuer=issuer, id=client, secret=secret), http), _ask_to_open)
    return named_as(opened, opened.people.identity(found.issuer, found.subject), name)


def named_as(opened: Node, session: Session, name: str | None) -> Session:
    """A session of whom it was asked for, where a name was given. Raises :class:`Forbidden` for another's, ended."""
    if name is not None and name.strip() != session.actor.name:
        opened.people.sign_out(session.token)
        raise Forbidden(f"The provider says that this is {session.actor.name}, not {name}.")
    return session


def _ask_to_open(url: str) -> None:
    warn("Open this address in a browser on this machine:")
    warn(url)


def _signed_in(session: Session, home: Path, json: bool) -> None:
    keep(home, session)
    if json:
        print_json(_shown(session) | {"session": session.token})
        return
    say(f"{session.actor.name} is signed in as {session.actor.duty} until {_minute(session)}.")
    if os.environ.get(VARIABLE):
        warn(f"{VARIABLE} in the environment still wins: unset it.")


def _sign_out(opened: Node, home: Path, json: bool) -> None:
    token = held_token(home)
    ended = token is not None and opened.people.sign_out(token)
    forget(home)
    if json:
        print_json({"signed_out": ended})
    else:
        say("Signed out." if ended else "Nobody was signed in.")


def _who(opened: Node, home: Path, json: bool) -> None:
    token = held_token(home)
    session = None if token is None else opened.people.session(token)
    if json:
        print_json({"person": None, "duty": None, "expires": None} if session is None else _shown(session))
    elif session is not None:
        say(f"{session.actor.name} is signed in as {session.actor.duty} until {_minute(session)}.")
    elif token is not None:
        say("The session has ended; `titian login NAME` begins another.")
    elif opened.people.list():
        say("Nobody is signed in; `titian login NAME` does it.")
    else:
        say(f"This node has no people yet: {os_user()} acts, who can open its files.")


def _shown(session: Session) -> dict[str, Any]:
    return {
        "person": session.actor.name,
        "duty": str(session.actor.duty),
        "expires": timestamp(session.expires),
    }


def _minute(session: Session) -> str:
    return f"{timestamp(session.expires)[:16]}Z"
