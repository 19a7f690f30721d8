"""``titian parties``."""

from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.session import acting
from titian.cli.terminal import say
from titian.core.directory_objects import Reading
from titian.core.extensions import read_ceiling
from titian.core.party import Membership, Party, PartyKind
from titian.core.people import Permission
from titian.core.tlp import Tlp
from titian.exchange.agree import By, Term, Tie
from titian.exchange.agreed import Named, PartyShown, TieShown, show_party
from titian.exchange.agreement_file import read_moment

app = typer.Typer(
    help="Add and show parties, communities, and who is in them.", no_args_is_help=True, add_completion=False
)

Reference = Annotated[str, typer.Argument(help="A party: its identifier, alias or exact name.")]
Of = Annotated[str, typer.Argument(help="A community, or the party that it is a client of.")]
From = Annotated[str | None, typer.Option("--from", help="From this day on, or instant: 2026-03-01.")]
Until = Annotated[str | None, typer.Option(help="Until the beginning of this day, or an instant: 2026-12-31.")]
Hidden = Annotated[bool, typer.Option("--hidden", help="Only this node knows of the membership (TLP:RED).")]
Why = Annotated[str, typer.Option(help="Why; it stays in the record of acts.")]
Marked = Annotated[Tlp, typer.Option("--tlp", help="How the objects that say it are marked.")]


def moment(text: str | None) -> int | None:
    """Read a day or an instant that an option gives, in microseconds. Raises :class:`InvalidInput`."""
    return None if text is None else read_moment(text)


@app.command(epilog='Example:  titian parties add "Police of Example" --kind state-agency --country JP --alias police')
def add(
    name: Annotated[str, typer.Argument(help="Its name.")],
    kind: Annotated[PartyKind, typer.Option(help="A community has members, and receives nothing itself.")],
    home: Home = DEFAULT_HOME,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2, as ID or JP.")] = None,
    alias: Annotated[str | None, typer.Option(help="A short name to type.")] = None,
    sector: Annotated[list[str] | None, typer.Option(help="A sector of STIX, such as government-national.")] = None,
    contact: Annotated[str | None, typer.Option(help="How to reach it.")] = None,
    ceiling: Annotated[str | None, typer.Option(help="The strictest TLP that a community takes.")] = None,
    identity: Annotated[str | None, typer.Option("--id", help="The identifier it has elsewhere already.")] = None,
    member_of: Annotated[list[str] | None, typer.Option("--member-of", help="A community that it is in.")] = None,
    client_of: Annotated[list[str] | None, typer.Option("--client-of", help="A party that it is a client of.")] = None,
    hidden: Hidden = False,
    since: From = None,
    until: Until = None,
    tlp: Marked = Tlp.GREEN,
    why: Why = "",
    json: Json = False,
) -> None:
    """Add a party and print its identifier. --from, --until and --hidden are about what it is a member or client of."""
    term = Term(moment(since), moment(until))
    ties = [Tie(of=one, hidden=hidden, term=term) for one in member_of or ()]
    ties += [Tie(of=one, client=True, hidden=hidden, term=term) for one in client_of or ()]
    party = Party(
        id=identity or "", name=name, kind=kind, alias=alias, country=country, sectors=tuple(sector or ()),
        contact=contact, ceiling=None if ceiling is None else read_ceiling(ceiling),
    )  # fmt: skip
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_AGREEMENTS)
        made = opened.agreements.add_party(party, By(person=by.id, why=why, tlp=tlp), ties=ties)
    if json:
        print_json({"id": made.id, "name": made.name, "alias": made.alias, "kind": made.kind.value})
    else:
        say(made.id)


@app.command("list", epilog="Example:  titian parties list --json")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the parties, and the communities that each is in now."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        held, now = opened.agreements.read(), opened.agreements.now()
    found = sorted(held.directory.parties.values(), key=lambda one: (one.kind is not PartyKind.COMMUNITY, one.name))
    shown = [show_party(held, one, now) for one in found]
    if json:
        print_json(shown)
        return
    table(
        "Parties",
        {"name": "left", "alias": "left", "kind": "left", "country": "left", "in": "left"},
        [
            (
                f"{one.name} (this node)" if one.own else one.name,
                one.alias,
                one.kind,
                one.country,
                ", ".join(_called(tie.party) for tie in one.member_of if tie.holds),
            )
            for one in shown
        ],
    )
    mention_skipped(held)


def mention_skipped(held: Reading) -> None:
    """Say what of the directory does not count, and why."""
    for one in held.skipped:
        say(f"Not counted: {one.id or 'an object without an id'}: {one.reason}")


def _called(party: Named) -> str:
    return party.alias or party.name


@app.command(epilog="Example:  titian parties show npa")
def show(party: Reference, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show a party: what it is in, who is in it, and the agreements it is in."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        held, now = opened.agreements.read(), opened.agreements.now()
    shown = show_party(held, held.party(party), now)
    if json:
        print_json(shown)
        return
    say(f"{shown.name}{' (this node)' if shown.own else ''}", style="bold")
    say(shown.id)
    for what, value in (("kind", shown.kind), ("alias", shown.alias), ("country", shown.country),
                        ("sectors", ", ".join(shown.sectors)), ("contact", shown.contact),
                        ("ceiling", shown.ceiling)):  # fmt: skip
        if value:
            say(f"  {what}: {value}")
    _say_ties("in", shown.member_of)
    _say_ties("members and clients", shown.members)
    _say_agreements(shown)


def _say_ties(what: str, ties: tuple[TieShown, ...]) -> None:
    if ties:
        say(f"  {what}:")
    for tie in ties:
        told = [word for word, so in (("client", tie.client), ("hidden", tie.hidden), ("not now", not tie.holds)) if so]
        told += [f"from {tie.valid_from}"] if tie.valid_from else []
        told += [f"until {tie.valid_until}"] if tie.valid_until else []
        limits = f" ({', '.join(told)})" if told else ""
        say(f"    {tie.party.name}{limits}")


def _say_agreements(shown: PartyShown) -> None:
    if shown.agreements:
        say("  agreements:")
    for one in shown.agreements:
        receives = ", receives from this node" if one.receives else ""
        say(f"    {one.agreement.name} ({one.state}{receives})")


@app.command(epilog="Example:  titian parties join npa asean-japan --until 2027-01-01")
def join(
    party: Reference,
    of: Of,
    home: Home = DEFAULT_HOME,
    client: Annotated[bool, typer.Option("--client", help="As a client of a party, not as a member.")] = False,
    hidden: Hidden = False,
    since: From = None,
    until: Until = None,
    tlp: Marked = Tlp.GREEN,
    why: Why = "",
    json: Json = False,
) -> None:
    """Make a party a member of a community, or the client of a party. It gets nothing of what was released before."""
    tie = Tie(of=of, client=client, hidden=hidden, term=Term(moment(since), moment(until)))
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_AGREEMENTS)
        made = opened.agreements.join(party, tie, By(person=by.id, why=why, tlp=tlp))
        held = opened.agreements.read()
    if json:
        print_json(_membership(made))
    else:
        word = "a client of" if made.client else "in"
        say(f"{held.label(made.member)} is {word} {held.label(made.of)}. What was released before stays closed to it.")


def _membership(made: Membership) -> dict[str, object]:
    return {"id": made.id, "party": made.member, "of": made.of, "client": made.client, "hidden": made.hidden}


@app.command(epilog='Example:  titian parties leave npa asean-japan --why "It left the community"')
def leave(
    party: Reference,
    of: Of,
    home: Home = DEFAULT_HOME,
    until: Until = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """End what makes a party a member or a client of another, now or later; it holds before the next answer."""
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_AGREEMENTS)
        opened.agreements.leave(party, of, By(person=by.id, why=why), until=moment(until))
        held = opened.agreements.read()
    gone, community = held.party(party).id, held.party(of).id
    if json:
        print_json({"party": gone, "of": community, "until": until})
    else:
        say(f"{held.label(gone)} leaves {held.label(community)}{f' on {until}' if until else ''}.")
