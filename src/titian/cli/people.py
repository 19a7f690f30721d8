"""``titian people``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from titian.cli.ask import read_code, read_password
from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting, forget, held_token
from titian.cli.terminal import say, warn
from titian.core.collection import timestamp
from titian.core.errors import Forbidden
from titian.core.passwords import provisioning_uri
from titian.core.people import Duty, Permission, Person
from titian.node import Node

app = typer.Typer(
    help="Add, list and disable the people of this node, and give passwords.",
    no_args_is_help=True,
    add_completion=False,
)

Name = Annotated[str, typer.Argument(help="The name they sign in with.")]
Why = Annotated[str, typer.Option(help="Why; it stays in the record of acts.")]


@app.command(epilog='Example:  titian people add analyst-one --role analyst --full-name "Analyst One" --totp')
def add(
    name: Name,
    role: Annotated[
        Duty,
        typer.Option(
            help="analyst works with objects and asks for releases; releaser decides on them; auditor reads the acts; "
            "administrator looks after people, keys and agreements."
        ),
    ],
    home: Home = DEFAULT_HOME,
    full_name: Annotated[str | None, typer.Option(help="As colleagues know them.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    totp: Annotated[
        bool, typer.Option("--totp", help="Also want a code of an authenticator; prints its address.")
    ] = False,
    oidc_issuer: Annotated[str | None, typer.Option(help="The OpenID provider that knows them.")] = None,
    oidc_subject: Annotated[str | None, typer.Option(help="Who they are there: `sub`, never an address.")] = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """Add a person. Asks for a password, unless they sign in over OpenID Connect alone."""
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_PEOPLE)
        wanted = password_stdin or totp or oidc_subject is None
        password = read_password(password_stdin, asking=f"Password for {name}", twice=True) if wanted else None
        person = opened.people.add(
            name, role, by=by, full_name=full_name, password=password, totp=totp, issuer=oidc_issuer,
            subject=oidc_subject, why=why,
        )  # fmt: skip
        node_name = opened.record.name
    uri = _uri(person, node_name)
    if json:
        print_json(_shown(person) | {"totp": uri})
        return
    warn(f"{person.name} is {person.duty} of {node_name}.")
    _say_uri(uri)


def _uri(person: Person, node_name: str) -> str | None:
    """The address for a person's authenticator, where they have codes."""
    return None if person.totp is None else provisioning_uri(person.totp, account=person.name, node=node_name)


def _say_uri(uri: str | None) -> None:
    if uri is not None:
        say(uri)
        warn("Give it to their authenticator now: it is not shown again.")


@app.command("list", epilog="Example:  titian people list --json")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the people, disabled ones too."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        people = [_shown(person) for person in opened.people.list()]
    if json:
        print_json(people)
        return
    table(
        "People",
        {"name": "left", "full name": "left", "role": "left", "signs in with": "left", "disabled": "left"},
        [
            (one["name"], one["full_name"], one["role"], ", ".join(_ways(one)), (one["disabled"] or "-")[:10])
            for one in people
        ],
    )


@app.command(epilog='Example:  titian people disable analyst-one --why "left the agency"')
def disable(name: Name, home: Home = DEFAULT_HOME, why: Why = "", json: Json = False) -> None:
    """Disable a person: they are signed out at once, and cannot sign in again."""
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_PEOPLE)
        person = opened.people.disable(name, by=by, why=why)
    if json:
        print_json(_shown(person))
    else:
        say(f"{person.name} is signed out, and cannot sign in any more.")


@app.command(epilog='Example:  titian people enable analyst-one --why "back from leave"')
def enable(
    name: Name,
    why: Annotated[str, typer.Option(help="Why; it stays in the record of acts.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Let a disabled person sign in again, with what they signed in with before."""
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_PEOPLE)
        person = opened.people.enable(name, by=by, why=why)
    if json:
        print_json(_shown(person))
    else:
        say(f"{person.name} can sign in again, as {person.duty}.")


@app.command(epilog="Example:  titian people password analyst-one")
def password(
    name: Name,
    home: Home = DEFAULT_HOME,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin", help="Read the password from standard input; for your own, the old one first."
        ),
    ] = False,
    code: Annotated[str | None, typer.Option(help="For your own: the code that your authenticator shows.")] = None,
    totp: Annotated[
        bool | None,
        typer.Option("--totp/--no-totp", help="Also another address for an authenticator, or no code any more."),
    ] = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """Give a person another password: an administrator to anybody, and each to themselves after the old one.

    They are signed out everywhere. Codes stay as they are without --totp or --no-totp; only an administrator takes
    them away, and from somebody else.
    """
    with node(home) as opened:
        if _is_own(opened, home, name):
            person = _change_own(opened, name, password_stdin, code, totp, why)
            # The session that it was done in has ended, too; that of another person would stay.
            if (kept := held_token(home, {})) is not None and opened.people.session(kept) is None:
                forget(home)
        else:
            by = acting(opened, home, Permission.MANAGE_PEOPLE)
            opened.people.find(name)
            text = read_password(password_stdin, asking=f"New password for {name}", twice=True)
            person = opened.people.set_password(name, text, by=by, totp=totp, why=why)
        uri = _uri(person, opened.record.name) if totp else None
    if json:
        print_json(_shown(person) | ({} if uri is None else {"totp": uri}))
        return
    warn(f"{person.name} has another password, and is signed out everywhere.")
    _say_uri(uri)


def _is_own(opened: Node, home: Path, name: str) -> bool:
    """Whether a name is that of who is signed in."""
    token = held_token(home)
    actor = None if token is None else opened.people.actor(token)
    return actor is not None and actor.id == opened.people.find(name).id


def _change_own(opened: Node, name: str, from_stdin: bool, code: str | None, totp: bool | None, why: str) -> Person:
    if totp is False:
        raise Forbidden("Nobody takes their own codes away.", advice="Ask another administrator.")
    old = read_password(from_stdin, asking="Old password")
    new = read_password(from_stdin, asking="New password", twice=True)
    return opened.people.change_password(
        name, old, new, code=lambda: read_code() if code is None else code, totp=totp is True, why=why
    )


def _shown(person: Person) -> dict[str, Any]:
    """What may be shown of a person: no hash and no secret."""
    return {
        "id": person.id,
        "name": person.name,
        "full_name": person.full_name,
        "role": person.duty.value,
        "password": person.password is not None,
        "totp": person.totp is not None,
        "issuer": person.issuer,
        "subject": person.subject,
        "created": timestamp(person.created),
        "disabled": None if person.disabled is None else timestamp(person.disabled),
        "locked_until": None if person.locked_until is None else timestamp(person.locked_until),
    }


def _ways(one: dict[str, Any]) -> list[str]:
    words = {"password": "password", "totp": "code", "subject": "OpenID"}
    return [word for field, word in words.items() if one[field]]
