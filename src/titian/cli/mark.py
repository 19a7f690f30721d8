"""``titian mark``."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json
from titian.cli.selection import Selection, chosen, comma, instant
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.marking import Attribution, Handling
from titian.core.people import Permission
from titian.core.stix import Timestamp
from titian.core.tlp import parse_pap, parse_tlp
from titian.exchange.mark import Wish

app = typer.Typer(add_completion=False)
SHOWN: Final = 20
"""Identifiers that a list shows at most; ``--json`` has all."""


@app.command(
    epilog="Example:  titian mark report--… --tlp amber+strict --releasable-to ID,JP --purpose counter-terrorism "
    "--expires 2027-06-30"
)
def mark(
    selection: Selection,
    home: Home = DEFAULT_HOME,
    tlp: Annotated[str | None, typer.Option(help="clear, green, amber, amber+strict or red.")] = None,
    pap: Annotated[str | None, typer.Option(help="clear, green, amber or red: what may be done with it.")] = None,
    releasable_to: Annotated[
        str | None, typer.Option(help="Parties, countries (two letters) and communities, with commas; nobody else.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="What it may be used for, with commas.")] = None,
    expires: Annotated[str | None, typer.Option(help="Date from which nobody may see it any more.")] = None,
    attribution: Annotated[Attribution | None, typer.Option(help="Whether its source may be named.")] = None,
    why: Annotated[str, typer.Option(help="Why; kept with the act.")] = "",
    json: Json = False,
) -> None:
    """Mark objects of your own, in new versions. Whatever that takes from a partner is gone before their next answer.

    Only what you give is changed; what an object bears besides stays. What you received is marked by its sender.
    """
    ends = None if expires is None else Timestamp.from_micros(instant(expires)).text
    wish = Wish(
        tlp=None if tlp is None else parse_tlp(tlp),
        pap=None if pap is None else parse_pap(pap),
        handling=Handling(
            releasable_to=comma(releasable_to), purposes=comma(purpose), expires=ends, attribution=attribution
        ),
    )
    with node(home) as opened:
        actor = acting(opened, home, Permission.MARK)
        done = opened.mark.mark(actor, chosen(selection), wish, why=why)
    if json:
        print_json(
            {
                "marked": done.marked, "unchanged": done.unchanged, "theirs": done.theirs,
                "directory": done.directory, "stricter": done.stricter, "withdrawn": done.withdrawn,
            }
        )  # fmt: skip
        return
    say(f"{len(done.marked):,} marked, {len(done.unchanged):,} were marked so already.")
    if done.theirs:
        say(f"{len(done.theirs):,} came from others and stay as their makers marked them.")
    if done.directory:
        say(f"{len(done.directory):,} are of the directory (parties, agreements), whose own verbs mark them.")
    if done.stricter:
        say(f"{len(done.stricter):,} bear more than one TLP by what else marks them, and the strictest counts:")
        for identifier, level in list(done.stricter.items())[:SHOWN]:
            say(f"  {identifier}: {level.label}")
    for name, gone in done.withdrawn.items():
        say(f"{len(gone):,} taken back from {name}:")
        for identifier in gone[:SHOWN]:
            say(f"  {identifier}")
