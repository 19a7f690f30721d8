"""``titian agreements``."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.parties import From, Marked, Until, Why, mention_skipped, moment
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.agreement import Onward, Purpose
from titian.core.directory_objects import Commitment, Dialogue, Meeting, Statement, read_day
from titian.core.directory_writing import instant_text
from titian.core.errors import InvalidInput, NotFound, TooLarge
from titian.core.extensions import read_ceiling
from titian.core.people import Permission
from titian.core.tlp import Tlp
from titian.exchange.agree import By, Term
from titian.exchange.agreed import AgreementShown, show_agreement
from titian.exchange.agreement_file import LONGEST
from titian.exchange.public_agreements import public_agreements

app = typer.Typer(
    help="Set up, show, narrow and end agreements and dialogues.", no_args_is_help=True, add_completion=False
)
dialogues_app = typer.Typer(help="Standing channels between parties.", no_args_is_help=True, add_completion=False)
app.add_typer(dialogues_app, name="dialogue")

PUBLIC: Final = "public:"
_HISTORY: Final = (
    "It gets what is released from now on, and nothing of what was released before: release that again if it should."
)

Reference = Annotated[str, typer.Argument(help="An agreement: its identifier, alias or exact name.")]


def _file(source: str) -> bytes:
    """The bytes of an agreement file, or of one that is shipped."""
    if source.startswith(PUBLIC):
        shipped = public_agreements()
        name = source.removeprefix(PUBLIC)
        if name not in shipped:
            raise NotFound(f"No agreement {name!r} is shipped.", advice=f"There are {', '.join(shipped)}.")
        return shipped[name].encode()
    path = Path(source)
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise InvalidInput(f"The file {source} cannot be read: {error.strerror or error}.") from error
    if len(data) > LONGEST:
        raise TooLarge(f"The file {source} has more than {LONGEST:,} bytes: it is no agreement.")
    return data


@app.command(epilog="Example:  titian agreements add public:indonesia-japan-terrorism")
def add(
    file: Annotated[str, typer.Argument(help="A TOML file, a partner's STIX bundle, or public:NAME.")],
    home: Home = DEFAULT_HOME,
    tlp: Marked = Tlp.GREEN,
    why: Why = "",
    json: Json = False,
) -> None:
    """Set up an agreement with its parties and its dialogue. What is known already stays as it is."""
    data = _file(file)
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_AGREEMENTS)
        added = opened.agreements.add(data, By(person=by.id, why=why, tlp=tlp))
        held = opened.agreements.read()
    if json:
        made = [{"id": one.id, "name": one.name, "alias": held.aliases.get(one.id)} for one in added.agreements]
        print_json({"agreements": made, "notes": added.notes})
        return
    for one in added.agreements:
        say(one.id)
    for note in added.notes:
        warn(note)


@app.command("list", epilog="Example:  titian agreements list --public")
def list_verb(
    home: Home = DEFAULT_HOME,
    public: Annotated[bool, typer.Option("--public", help="List the agreements that are shipped instead.")] = False,
    json: Json = False,
) -> None:
    """List the agreements and how each stands."""
    if public:
        _list_public(json)
        return
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        held, now = opened.agreements.read(), opened.agreements.now()
    found = sorted(held.directory.agreements.values(), key=lambda one: one.name)
    shown = [show_agreement(held, one, now) for one in found]
    if json:
        print_json(shown)
        return
    table(
        "Agreements",
        {"name": "left", "alias": "left", "state": "left", "ceiling": "left", "receive": "right", "until": "left"},
        [
            (one.name, one.alias, one.state, one.ceiling, len(one.audience), (one.valid_until or "-")[:10])
            for one in shown
        ],
    )
    mention_skipped(held)


def _list_public(json: bool) -> None:
    shipped = [(alias, tomllib.loads(text)) for alias, text in public_agreements().items()]
    if json:
        print_json([{"alias": alias, "id": each["id"], "name": each["name"], "parties": each["parties"]}
                    for alias, each in shipped])  # fmt: skip
        return
    table("Shipped agreements", {"add": "left", "name": "left"},
          [(f"{PUBLIC}{alias}", each["name"]) for alias, each in shipped])  # fmt: skip


@app.command(epilog="Example:  titian agreements show indonesia-japan-terrorism")
def show(agreement: Reference, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show an agreement: its parties, who receives under it now and how, for what and until when."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        held, now = opened.agreements.read(), opened.agreements.now()
    shown = show_agreement(held, held.agreement(agreement), now)
    if json:
        print_json(shown)
        return
    say(shown.name, style="bold")
    say(shown.id)
    for what, value in (
        ("state", shown.state), ("alias", shown.alias), ("from", shown.valid_from), ("until", shown.valid_until),
        ("ceiling", shown.ceiling), ("onward", shown.onward), ("purposes", ", ".join(shown.purposes)),
        ("languages", ", ".join(shown.languages)), ("four eyes", "yes" if shown.four_eyes else "no"),
        ("parties", ", ".join(one.name for one in shown.parties)),
    ):  # fmt: skip
        if value:
            say(f"  {what}: {value}")
    for topic in shown.topics:
        say(f"  topic: {topic}")
    if shown.dialogue is not None:
        _say_dialogue(shown.dialogue, held.label)
    _table_audience(shown)


def _table_audience(shown: AgreementShown) -> None:
    if not shown.audience:
        say("  Nobody receives under it now.")
        return
    table(
        "Who receives from this node now",
        {"party": "left", "alias": "left", "circle": "left", "up to": "left"},
        [(one.party.name, one.party.alias, one.circle, one.ceiling) for one in shown.audience],
    )


@app.command(epilog='Example:  titian agreements end indonesia-japan-terrorism --why "Replaced by another"')
def end(
    agreement: Reference,
    why: Annotated[str, typer.Option(help="Why; it stays in the record of acts.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """End an agreement now: nothing is served under it from the next answer on."""
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_AGREEMENTS)
        over = opened.agreements.end(agreement, By(person=by.id, why=why))
    if json:
        stop = None if over.stops is None else instant_text(over.stops)
        print_json({"id": over.id, "name": over.name, "state": "ended", "valid_until": stop})
    else:
        say(f"{over.name} has ended.")


@app.command(epilog="Example:  titian agreements narrow indonesia-japan-terrorism --ceiling green")
def narrow(
    agreement: Reference,
    home: Home = DEFAULT_HOME,
    ceiling: Annotated[str | None, typer.Option(help="The strictest TLP that it still carries.")] = None,
    purpose: Annotated[list[Purpose] | None, typer.Option(help="A purpose that stays; give each.")] = None,
    without: Annotated[list[str] | None, typer.Option("--without", help="A party that leaves it.")] = None,
    onward: Annotated[Onward | None, typer.Option(help="none: clients get nothing any more.")] = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """Let an agreement carry less; it holds before the next answer."""
    with node(home) as opened:
        by = acting(opened, home, Permission.MANAGE_AGREEMENTS)
        made = opened.agreements.narrow(
            agreement,
            By(person=by.id, why=why),
            ceiling=None if ceiling is None else read_ceiling(ceiling),
            purposes=None if purpose is None else [one.value for one in purpose],
            without=without or (),
            onward=onward,
        )
        held, now = opened.agreements.read(), opened.agreements.now()
    if json:
        print_json(show_agreement(held, made, now))
    else:
        say(f"{made.name} carries up to {made.ceiling.value} now, for {', '.join(sorted(made.purposes))}.")


@app.command(epilog="Example:  titian agreements members asean-japan-cybersecurity add npa-japan")
def members(
    agreement: Reference,
    action: Annotated[str | None, typer.Argument(help="add or remove; nothing lists them.")] = None,
    party: Annotated[str | None, typer.Argument(help="A party: its identifier, alias or exact name.")] = None,
    home: Home = DEFAULT_HOME,
    since: From = None,
    until: Until = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """List who is in an agreement, take a party in, or take one out."""
    if action not in (None, "add", "remove") or (action is None) != (party is None):
        raise typer.BadParameter("Give nothing, `add PARTY` or `remove PARTY`.")
    if action == "remove" and since is not None:
        raise typer.BadParameter("A party is taken out --until a day, not --from one.")
    told = ""
    with node(home) as opened:
        if action is None or party is None:
            acting(opened, home, Permission.READ)
        else:
            by = By(person=acting(opened, home, Permission.MANAGE_AGREEMENTS).id, why=why)
            if action == "add":
                opened.agreements.add_member(agreement, party, by, term=Term(moment(since), moment(until)))
                told = _HISTORY
            else:
                opened.agreements.remove_member(agreement, party, by, until=moment(until))
                told = f"It is out on {until}." if until else "It is out."
        held, now = opened.agreements.read(), opened.agreements.now()
    shown = show_agreement(held, held.agreement(agreement), now)
    if json:
        print_json({"id": shown.id, "parties": shown.parties, "audience": shown.audience, "told": told})
        return
    if told:
        warn(told)
    say(f"  parties: {', '.join(one.name for one in shown.parties)}")
    _table_audience(shown)


@app.command(epilog="Example:  titian agreements consent asean-japan-cybersecurity --originator npa-japan "
             "--objects indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --until 2027-01-01")  # fmt: skip
def consent(
    agreement: Reference,
    originator: Annotated[str, typer.Option(help="Who sent the objects, and lets them go on.")],
    objects: Annotated[list[str], typer.Option(help="Identifiers of objects, with commas or one by one.")],
    home: Home = DEFAULT_HOME,
    until: Until = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="They do so no more: what went on is taken back before the next answer.")
    ] = False,
    why: Why = "",
    json: Json = False,
) -> None:
    """Record that an originator lets objects of theirs go on under an agreement, or does so no more."""
    wanted = [one.strip() for each in objects for one in each.split(",") if one.strip()]
    with node(home) as opened:
        by = By(person=acting(opened, home, Permission.MANAGE_AGREEMENTS).id, why=why)
        if withdraw:
            taken = sorted(opened.agreements.withdraw_consent(agreement, originator, wanted, by))
        else:
            made = opened.agreements.consent(agreement, originator, wanted, by, until=moment(until))
    if withdraw:
        if json:
            print_json({"withdrawn": taken})
        else:
            say(f"{len(taken):,} objects go on no more.")
    elif json:
        stop = None if made.until is None else instant_text(made.until)
        print_json({"id": made.id, "originator": made.originator, "objects": sorted(made.objects),
                    "agreement": made.agreement, "valid_until": stop})  # fmt: skip
    else:
        say(made.id)


# ── dialogues ─────────────────────────────────────────────────────────────────────────────────────────────


@dialogues_app.command(
    "add", epilog='Example:  titian agreements dialogue add "Cyber talks" --party bssn --party mofa-japan --alias talks'
)
def add_dialogue(
    name: Annotated[str, typer.Argument(help="Its name; that of a known one adds what is given to it.")],
    home: Home = DEFAULT_HOME,
    party: Annotated[list[str] | None, typer.Option(help="A party; give each.")] = None,
    alias: Annotated[str | None, typer.Option(help="A short name to type.")] = None,
    meeting: Annotated[list[str] | None, typer.Option(help="A meeting: 2026-03-01, Tokyo, Second dialogue.")] = None,
    statement: Annotated[list[str] | None, typer.Option(help="A statement: who published it: its title.")] = None,
    promise: Annotated[
        list[str] | None, typer.Option(help="What a party promised: 2026-12-01, mofa-japan, Two trainers for Jakarta.")
    ] = None,
    tlp: Marked = Tlp.GREEN,
    why: Why = "",
    json: Json = False,
) -> None:
    """Add a dialogue, or a meeting, statement or promise to one that is known."""
    meetings = tuple(_meeting(one) for one in meeting or ())
    statements = tuple(_statement(one) for one in statement or ())
    promises = tuple(_commitment(one) for one in promise or ())
    with node(home) as opened:
        by = By(person=acting(opened, home, Permission.MANAGE_AGREEMENTS).id, why=why, tlp=tlp)
        if party:
            made = Dialogue(id="", name=name, alias=alias, meetings=meetings, statements=statements)
            made = opened.agreements.add_dialogue(made, party, by)
        if promises or not party:
            made = opened.agreements.note_meeting(
                name, by, meetings=() if party else meetings, statements=() if party else statements,
                commitments=promises,
            )  # fmt: skip
    if json:
        print_json(_dialogue(made))
    else:
        say(made.id)


def _meeting(text: str) -> Meeting:
    date, place, title = ([part.strip() for part in text.split(",", 2)] + ["", "", ""])[:3]
    if not (date and place and title):
        raise InvalidInput(f"{text!r} is no meeting.", advice='Write "2026-03-01, Tokyo, Second dialogue".')
    if len(date) != len("2026-03-01"):
        raise InvalidInput(f"{date!r} is no day.", advice="Write it as 2026-03-01.")
    moment(date)
    return Meeting(date=date, place=place, title=title)


def _commitment(text: str) -> Commitment:
    due, party, title = ([part.strip() for part in text.split(",", 2)] + ["", "", ""])[:3]
    if not (due and party and title):
        advice = 'Write "2026-12-01, mofa-japan, Two trainers for Jakarta".'
        raise InvalidInput(f"{text!r} is no promise.", advice=advice)
    return Commitment(by=party, title=title, due=read_day(due))


def _statement(text: str) -> Statement:
    source, _, title = (part.strip() for part in text.partition(":"))
    if not source or not title:
        raise InvalidInput(f"{text!r} is no statement.", advice='Write "Who published it: its title".')
    return Statement(source=source, title=title)


def _dialogue(made: Dialogue) -> dict[str, Any]:
    return {"id": made.id, "name": made.name, "alias": made.alias, "parties": sorted(made.parties),
            "meetings": made.meetings, "statements": made.statements, "commitments": made.commitments}  # fmt: skip


def _say_dialogue(made: Dialogue, label: Callable[[str], str]) -> None:
    say(f"  dialogue: {made.name}")
    for meeting in made.meetings:
        say(f"    {meeting.date} {meeting.place}: {meeting.title}")
    for statement in made.statements:
        say(f"    {statement.source}: {statement.title}")
    for one in sorted(made.commitments, key=lambda each: each.due):
        kept = f"kept on {one.kept}" if one.kept else f"due on {one.due}"
        say(f"    {one.title}: promised by {label(one.by)}, {kept}")


@dialogues_app.command(
    "keep", epilog='Example:  titian agreements dialogue keep talks "Two trainers for Jakarta" --on 2026-11-20'
)
def keep(
    dialogue: Annotated[str, typer.Argument(help="A dialogue: its identifier, alias or exact name.")],
    title: Annotated[str, typer.Argument(help="What was promised, or how that begins.")],
    on: Annotated[str, typer.Option(help="The day on which it was kept.")],
    home: Home = DEFAULT_HOME,
    why: Why = "",
    json: Json = False,
) -> None:
    """Note that something which was promised was done."""
    with node(home) as opened:
        by = By(person=acting(opened, home, Permission.MANAGE_AGREEMENTS).id, why=why)
        made = opened.agreements.note_kept(dialogue, title, by, day=on)
    if json:
        print_json(_dialogue(made))
    else:
        say(made.id)


@dialogues_app.command("list", epilog="Example:  titian agreements dialogue list --json")
def list_dialogues(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the dialogues."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        held = opened.agreements.read()
    found = sorted(held.dialogues.values(), key=lambda one: one.name)
    if json:
        print_json([_dialogue(one) for one in found])
        return
    table(
        "Dialogues",
        {"name": "left", "alias": "left", "parties": "left", "meetings": "right"},
        [(one.name, one.alias, ", ".join(sorted(map(held.label, one.parties))), len(one.meetings)) for one in found],
    )


@dialogues_app.command("show", epilog="Example:  titian agreements dialogue show indonesia-japan-terrorism")
def show_dialogue(
    dialogue: Annotated[str, typer.Argument(help="A dialogue: its identifier, alias or exact name.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show a dialogue: its parties, meetings, statements, and the agreements that came of it."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        held = opened.agreements.read()
    found = held.dialogue(dialogue)
    agreements = sorted(one.name for one in held.directory.agreements.values() if one.dialogue == found.id)
    if json:
        print_json(_dialogue(found) | {"agreements": agreements})
        return
    say(found.id)
    _say_dialogue(found, held.label)
    say(f"  parties: {', '.join(sorted(map(held.label, found.parties)))}")
    for name in agreements:
        say(f"  agreement: {name}")
