"""``titian people``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from titian.cli.ask import read_password
from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.collection import timestamp
from titian.core.passwords import provisioning_uri
from titian.core.people import Duty, Permission, Person

app = typer.Typer(help="Add, list and disable the people of this node.", no_args_is_help=True, add_completion=False)

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
    uri = None if person.totp is None else provisioning_uri(person.totp, account=person.name, node=node_name)
    if json:
        print_json(_shown(person) | {"totp": uri})
        return
    warn(f"{person.name} is {person.duty} of {node_name}.")
    if uri is not None:
        say(uri)
        warn("Give it to their authenticator now: it is not shown again.")


@app.command("list", epilog="Example:  titian people list --json")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the people, disabled ones too."""
    with node(home) as opened:
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
