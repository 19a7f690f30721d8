"""``titian release``."""

from __future__ import annotations

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress
from titian.cli.requested import outcome_json, request_json, show_outcome
from titian.cli.selection import Agreement, Selection, chosen, comma, instant
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.errors import InvalidInput
from titian.core.people import Permission
from titian.exchange.choose import QUERY

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example:  titian release report--… --to id-jp-counter-terrorism\n\n"
    "         titian release query:green-cybercrime --to asean-japan --standing --until 2027-01-01"
)
def release(
    selection: Selection,
    agreement: Agreement,
    home: Home = DEFAULT_HOME,
    party: Annotated[list[str] | None, typer.Option("--only", help="Release to this party only.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What the release is for, with commas; else all of it.")] = None,
    override: Annotated[
        str | None, typer.Option(help="Why a text that names what is withheld may go; a second person decides.")
    ] = None,
    standing: Annotated[bool, typer.Option("--standing", help="Whatever the query finds goes by itself.")] = False,
    until: Annotated[str | None, typer.Option(help="When a standing rule ends.")] = None,
    json: Json = False,
) -> None:
    """Release objects to the parties of an agreement, or ask a second person to approve it.

    Approval is needed where the agreement asks for it, for the first release to a party, for TLP:AMBER and stricter,
    and for an override. What is released is exactly what the preview showed, or nothing is.
    """
    references = chosen(selection)
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        if standing:
            request = opened.release.request_standing(
                actor, _query(references), agreement, until=instant(_needed(until)), why=override or ""
            )
            if json:
                print_json(request_json(request))
            else:
                say(f"{request.id} waits for approval by another person: titian approve {request.id[:8]}")
            return
        with progress("Releasing", quiet=json):
            outcome = opened.release.request(
                actor, references, agreement, parties=party, purposes=comma(purpose), override=override
            )
        names = opened.agreements.read().label
    if override is not None and outcome.request.override is None:
        warn("No override was needed: no text that goes names what is withheld.")
    if json:
        print_json(outcome_json(outcome))
    else:
        show_outcome(outcome, names)


def _query(references: list[str]) -> str:
    if len(references) != 1 or not references[0].startswith(QUERY):
        raise InvalidInput("A standing rule needs one saved query.", advice="Give query:NAME; see `titian queries`.")
    return references[0].removeprefix(QUERY)


def _needed(until: str | None) -> str:
    if until is None:
        raise InvalidInput("A standing rule needs an end.", advice="Give --until DATE.")
    return until
