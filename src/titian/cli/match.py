"""``titian match``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json
from titian.cli.match_shown import (
    made_json,
    result_json,
    run_json,
    show_listed,
    show_made,
    show_offers,
    show_result,
    show_run,
    show_runs,
    telling,
    write_values,
)
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.errors import InvalidInput, UnreadableFile
from titian.core.matching import LASTS, MATCHED, Mode, Offer, OfferState, Wanted
from titian.core.people import Permission
from titian.core.screening import ValueKind
from titian.core.subscription import DAY
from titian.node import Node
from titian.screen.asking import asked_in

app = typer.Typer(
    help="Learn with a partner which values both know, without showing each other the rest.", no_args_is_help=True,
    add_completion=False,
)  # fmt: skip

HITS: Final = 4
"""The exit status when anything is common, as of `titian screen`."""
_RUNS: Final = 100
_LONGEST_PATH: Final = 4096

With = Annotated[str, typer.Option("--with", metavar="PARTY", help="The partner: alias, name or id.")]
Kind = Annotated[
    str, typer.Option(help=f"What the values are: {', '.join(sorted(one.value for one in MATCHED))}.", metavar="KIND")
]
HowMuch = Annotated[
    Mode,
    typer.Option(
        help="What is told: which values are common (intersection), the same to both sides (mutual), how many "
        "(cardinality), or which with a note of who offers (labelled)."
    ),
]
Under = Annotated[
    str | None, typer.Option("--agreement", help="The agreement, where there are several with this partner.")
]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from", metavar="COLLECTION", help="Only what is held in this collection; may be given several times."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Write the common values into a file: .csv, .ndjson.", show_default=False),
]
Reference = Annotated[str, typer.Argument(metavar="OFFER", help="The offer's id, or how it begins.")]
Why = Annotated[str, typer.Option(help="Why; it stays in the record of acts.")]


@app.command(epilog="Example:  titian match offer --with mofa-japan --kind wallet --mode mutual --days 7")
def offer(
    party: With,
    kind: Kind,
    home: Home = DEFAULT_HOME,
    mode: HowMuch = Mode.INTERSECTION,
    agreement: Under = None,
    collections: From = None,
    pad: Annotated[int, typer.Option(min=1, max=100_000, help="Round sizes up to a multiple of this.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long the offer stands at most.")] = LASTS // DAY,
    why: Why = "",
    json: Json = False,
) -> None:
    """Let a partner ask which of its values are held here: those that it could be shown, and no others.

    The offer stands until its time is over, a newer one takes its place, somebody withdraws it, or something in it is
    not to be given any more. It waits for a second person where it holds AMBER or stricter, or the agreement asks.
    """
    wanted = Wanted(
        party=party, kind=_kind(kind), mode=mode, agreement=agreement, collections=tuple(collections or ()), pad=pad,
        lasts=days * DAY, why=why,
    )  # fmt: skip
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        with telling(quiet=json) as told:
            made = opened.match(threads=_cores()).offer(actor, wanted, told)
        _done(opened, made, json)


@app.command(epilog="Example:  titian match ask wallets.txt --with bnpt --kind wallet -o common.csv")
def ask(
    party: With,
    kind: Kind,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|VALUE…]",
            show_default=False,
            help="Values, files with one value on each line or a table with a heading (value), or - for standard "
            "input. Without any, all that is held of the kind is asked.",
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    mode: HowMuch = Mode.INTERSECTION,
    agreement: Under = None,
    collections: From = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Ask a partner which values it offers too. It learns how many were asked, and nothing else of them.

    In the mode mutual it learns the common values as well: then only values are asked that it could be shown.
    Exits with 4 when anything is common.
    """
    wanted = Wanted(
        party=party, kind=_kind(kind), mode=mode, agreement=agreement, collections=tuple(collections or ())
    )  # fmt: skip
    if collections and what:
        raise InvalidInput("--from chooses among what is held: give values or --from, not both.")
    _check_output(output)
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        given = _given(what, wanted.kind) if what else None
        with telling(quiet=json) as told:
            found = opened.match(threads=_cores()).ask(actor, wanted, given, told)
        register = opened.agreements.read()
    if output is not None:
        write_values(output, found.outcome, noted=mode is Mode.LABELLED)
    if json:
        print_json(result_json(found.run, found.outcome))
    else:
        show_result(found.run, found.outcome, register, output)
    if found.run.common:
        raise typer.Exit(HITS)


@app.command("list", epilog="Example:  titian match list --runs")
def list_(
    home: Home = DEFAULT_HOME,
    runs: Annotated[bool, typer.Option("--runs", help="Runs in place of offers: the latest hundred.")] = False,
    party: Annotated[
        str | None, typer.Option("--with", metavar="PARTY", help="Ask this partner's node what it offers to us now.")
    ] = None,
    agreement: Under = None,
    json: Json = False,
) -> None:
    """List offers: those of this node, with how much the partner may still ask today, and those that were fetched from
    partners. With --with: what a partner offers now. With --runs: who asked whom, how much, and how it went."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.READ if party is None else Permission.REQUEST_RELEASE)
        register = opened.agreements.read()
        if party is not None:
            listed = opened.match().look(actor, party, agreement)
            if json:
                print_json(listed)
            else:
                show_listed(listed, register.party(party).name)
            return
        if runs:
            found = opened.matches.runs(_RUNS)
            if json:
                print_json([run_json(one, register) for one in found])
            else:
                show_runs(found, register)
            return
        offers = opened.matches.offers()
        if json:
            print_json([made_json(opened, one, register) for one in offers])
        else:
            show_offers(opened, offers, register)


@app.command(epilog="Example:  titian match show 3f9c2a10 -o common.csv")
def show(
    reference: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or how it begins.")],
    home: Home = DEFAULT_HOME,
    output: Output = None,
    json: Json = False,
) -> None:
    """Show again what a run told this node: one in which it asked, or a partner did in the mode mutual."""
    _check_output(output)
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        run, outcome = opened.matches.outcome(reference)
        register = opened.agreements.read()
    if output is not None and outcome is not None:
        write_values(output, outcome, noted=run.mode is Mode.LABELLED)
    if json:
        print_json(result_json(run, outcome))
    elif outcome is None:
        show_run(run, register)
    else:
        show_result(run, outcome, register, output)


@app.command(epilog="Example:  titian match approve 3f9c2a10 --why 'as discussed'")
def approve(reference: Reference, home: Home = DEFAULT_HOME, why: Why = "", json: Json = False) -> None:
    """Let an offer stand that waits for a second person. Who made it cannot."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.DECIDE_RELEASE)
        _done(opened, opened.match().approve(actor, reference, why), json)


@app.command(epilog="Example:  titian match refuse 3f9c2a10 --why 'not before the meeting'")
def refuse(reference: Reference, home: Home = DEFAULT_HOME, why: Why = "", json: Json = False) -> None:
    """Refuse an offer that waits for a second person. Who made it cannot."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.DECIDE_RELEASE)
        _done(opened, opened.match().refuse(actor, reference, why), json)


@app.command(epilog="Example:  titian match withdraw 3f9c2a10 --why 'a newer list is coming'")
def withdraw(reference: Reference, home: Home = DEFAULT_HOME, why: Why = "", json: Json = False) -> None:
    """Take an offer back: nobody is answered about it any more. What a partner has learnt, it keeps."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        _done(opened, opened.match().withdraw(actor, reference, why), json)


def _done(opened: Node, made: Offer, json: bool) -> None:
    """Print what became of an offer."""
    register = opened.agreements.read()
    if json:
        print_json(made_json(opened, made, register))
        return
    show_made(opened, made, register)
    if made.state is OfferState.WAITING:
        say(f"Somebody else may decide: titian match approve {made.id[:12]}, or titian match refuse {made.id[:12]}.")


def _cores() -> int:
    return os.cpu_count() or 1


def _kind(text: str) -> ValueKind:
    """A kind by its name; which can be matched is for :meth:`titian.screen.matching.Matching.offer` to say."""
    try:
        return ValueKind(text.lower())
    except ValueError:
        names = ", ".join(sorted(one.value for one in MATCHED))
        raise InvalidInput(f"{text[:40]!r} is no kind of value.", advice=f"Give one of {names}.") from None


def _check_output(output: Path | None) -> None:
    if output is not None and output.suffix.lower() not in (".csv", ".ndjson", ".jsonl"):
        raise InvalidInput(f"{output} is neither .csv nor .ndjson.", advice="Name the file so, as common.csv.")


def _given(what: Sequence[str], kind: ValueKind) -> Iterator[str]:
    """The values of each argument: a file that is there is read, anything else is a value."""
    for one in what:
        path = Path(one).expanduser()
        if one == "-":
            yield from _values(sys.stdin, kind)
        elif len(one) < _LONGEST_PATH and path.is_file():
            try:
                with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                    yield from _values(file, kind)
            except OSError as error:
                raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from error
        else:
            yield one


def _values(lines: Iterator[str], kind: ValueKind) -> Iterator[str]:
    for one in asked_in(lines, kind):
        if one.problem is not None:
            warn(one.problem)
        yield one.value
