"""``titian refer``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.selection import comma, instant
from titian.cli.session import acting
from titian.cli.sightings import moment
from titian.cli.terminal import say
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.errors import InvalidInput
from titian.core.people import Permission
from titian.core.referral import Designation, State
from titian.core.referral import Step as HistoryStep
from titian.core.tlp import parse_tlp
from titian.exchange.give_back import Back, Returned
from titian.exchange.refer import Asked, Done, may_appeal, responses
from titian.exchange.referred import Case, Step, Way

app = typer.Typer(
    help="Ask platforms to look at content, and answer such questions.", no_args_is_help=True, add_completion=False
)

_ANSWERS: Final = tuple(one for one in State if one is not State.SENT)
_LISTED: Final = 60
Reference = Annotated[str, typer.Argument(metavar="REFERRAL", help="The referral's id, or how it begins.")]
Deadline = Annotated[
    str | None, typer.Option(help="By when an answer is asked for: a date (its beginning, UTC) or a timestamp.")
]


@app.command(
    epilog="Example:  titian refer make https://video.example/watch/7 --to example-video --agreement platforms "
    "--source list --designation 'National list of designated entities' --reference N-17 "
    "--legal-basis 'Act 5 of 2018, section 43' --ask 'Remove the film' --why 'It calls for money' --deadline 2027-01-15"
)
def make(
    content: Annotated[
        list[str],
        typer.Argument(
            metavar="CONTENT…",
            show_default=False,
            help="What it is about, one thing: ids of observables that are held, URLs, accounts as platform:name, "
            "hashes as pdq:… or sha256:…",
        ),
    ],
    to: Annotated[str, typer.Option(help="The party that runs the platform: name, alias or id.", show_default=False)],
    agreement: Annotated[
        str, typer.Option(help="The agreement that it goes under: name, alias or id.", show_default=False)
    ],
    home: Home = DEFAULT_HOME,
    source: Annotated[
        str | None, typer.Option(help="What designates it as unlawful: list, law, court or agency. It is owed.")
    ] = None,
    designation: Annotated[
        str | None, typer.Option(help="What the list, the law or the court is called. It is owed.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="The entry or the number in it.")] = None,
    country: Annotated[str | None, typer.Option(help="Whose list, law or court it is, as ID or JP.")] = None,
    legal_basis: Annotated[
        list[str] | None,
        typer.Option(help="Under which law the platform is asked; may be repeated. It is owed."),
    ] = None,
    ask: Annotated[str, typer.Option(help="What is asked, on one line.")] = "",
    why: Annotated[str, typer.Option(help="Why, as the platform will read it.")] = "",
    deadline: Deadline = None,
    marking: Annotated[
        str | None, typer.Option(help="Its TLP, as tlp:amber; else as strict as the agreement carries.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="What new content may be used for, with commas; owed for a person's account.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When new content ends: a date or a timestamp; owed for a person's account.")
    ] = None,
    json: Json = False,
) -> None:
    """Ask a platform to look at content: it goes to that party alone, as a release does.

    Say what designates the content as unlawful and under which law the platform is asked: without either, nothing is
    sent. The platform answers `removed` or `kept`, the latter with its reason.
    """
    named = any((source, designation, reference, country))
    asked = Asked(
        contents=tuple(content), to=to, agreement=agreement, legal_basis=tuple(legal_basis or ()),
        designations=(
            Designation(source=source or "", name=designation or "", reference=reference,
                        country=country),
        ) if named else (),
        what=ask, why=why, deadline=None if deadline is None else instant(deadline),
        tlp=None if marking is None else parse_tlp(marking), purposes=comma(purpose),
        expires=None if expires is None else timestamp(instant(expires))[:23] + "Z",
    )  # fmt: skip
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        done = opened.refer.make(actor, asked)
        register = opened.agreements.read()
    _done(done, register, json)


@app.command(
    epilog="Example:  titian refer answer 3f9c2a10 kept --why 'It is reporting on the attack, not a call for one'"
)
def answer(
    reference: Reference,
    state: Annotated[str, typer.Argument(metavar="ANSWER", help=f"{', '.join(_ANSWERS)}.", show_default=False)],
    home: Home = DEFAULT_HOME,
    why: Annotated[str, typer.Option(help="Why, as who asked will read it; all but removed need it.")] = "",
    json: Json = False,
) -> None:
    """Answer a referral: what was done about the content, or that its user asks to decide again.

    It goes back to who asked, under the agreement that the referral came under, as a release does. An appeal is
    answered the same way: with what was decided before, or the opposite.
    """
    said = read_state(state)
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        done = opened.refer.answer(actor, reference, said, why)
        register = opened.agreements.read()
    _done(done, register, json)


@app.command(epilog="Example:  titian refer appeal 3f9c2a10 --why 'The same film was listed' --deadline 2027-02-01")
def appeal(
    reference: Reference,
    why: Annotated[str, typer.Option(help="Why, as the platform will read it.", show_default=False)],
    home: Home = DEFAULT_HOME,
    deadline: Deadline = None,
    json: Json = False,
) -> None:
    """Ask the platform to decide again on a referral of ours, with a reason."""
    until = None if deadline is None else instant(deadline)
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        done = opened.refer.appeal(actor, reference, why, deadline=until)
        register = opened.agreements.read()
    _done(done, register, json)


@app.command(epilog="Example:  titian refer withdraw 3f9c2a10 --why 'It was the wrong film'")
def withdraw(
    reference: Reference,
    home: Home = DEFAULT_HOME,
    why: Annotated[str, typer.Option(help="Why; it stays in the record of acts.")] = "",
    json: Json = False,
) -> None:
    """Withdraw a referral of ours: it asks for nothing any more."""
    with node(home) as opened:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        done = opened.refer.withdraw(actor, reference, why)
        register = opened.agreements.read()
    _done(done, register, json)


@app.command("list", epilog="Example:  titian refer list --sent --overdue")
def list_verb(
    home: Home = DEFAULT_HOME,
    sent: Annotated[bool, typer.Option("--sent", help="Only what this organisation asks.")] = False,
    received: Annotated[bool, typer.Option("--received", help="Only what it is asked.")] = False,
    state: Annotated[str | None, typer.Option(help=f"Only what has come to: {', '.join(State)}.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is not answered in time.")] = False,
    json: Json = False,
) -> None:
    """List referrals, sent and received, newest first, with where each stands and what is overdue."""
    wanted = None if state is None else read_state(state, tuple(State))
    both = sent == received
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found = opened.refer.list(sent=sent or both, received=received or both, state=wanted, overdue=overdue)
        register = opened.agreements.read()
    if json:
        print_json([case_json(one, register) for one in found])
        return
    if not found:
        say("There is no such referral." if overdue or state or not both else "There are no referrals.")
        return
    table(
        "Referrals",
        {"id": "left", "": "left", "party": "left", "content": "left", "state": "left", "deadline": "left"},
        [
            (_short(one), "to" if one.ours else "from", register.label(one.other), _about(one), _state(one),
             (moment(one.standing.now.deadline) or "")[:10])
            for one in found
        ],
    )  # fmt: skip


@app.command(epilog="Example:  titian refer show 3f9c2a10")
def show(reference: Reference, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show a referral: what it is about, why, what came of it step by step, and answers that do not count."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        found = opened.refer.find(reference)
        register = opened.agreements.read()
    if json:
        print_json(case_json(found, register))
    else:
        _show(found, register)


def read_state(text: str, among: tuple[State, ...] = _ANSWERS) -> State:
    """Read what a referral can come to. Raises :class:`InvalidInput`.

    >>> read_state("Kept")
    <State.KEPT: 'kept'>
    """
    found = next((one for one in among if one.value == text.strip().lower()), None)
    if found is None:
        raise InvalidInput(f"{text[:80]!r} is none of these.", advice=f"Write {', '.join(among)}.")
    return found


# ── how they are shown ────────────────────────────────────────────────────────────────────────────────────


def case_json(one: Case, register: Reading) -> dict[str, Any]:
    """A referral, as programs read it."""
    referral, now = one.standing.referral, one.standing.now
    return {
        "id": one.id, "direction": "out" if one.ours else "in", "party": one.other, "name": register.label(one.other),
        "by": referral.by, "addressed": referral.addressed, "state": one.state.value, "waits": one.waits,
        "overdue": one.overdue, "withdrawn": now.withdrawn, "created": timestamp(referral.created),
        "deadline": moment(now.deadline), "what": referral.name, "why": referral.why,
        "content": [{"id": each.id, "title": each.title} for each in one.contents],
        "designations": list(referral.designations), "legal_basis": list(referral.legal_basis),
        "history": [step_json(each) for each in now.history],
        "unheard": [step_json(each) for each in one.standing.unheard],
        "aside": [
            {"id": each.answer.id, "by": each.answer.by, "from": each.sender, "response": each.answer.response.value,
             "reason": each.answer.reason, "why": each.why}
            for each in one.standing.aside
        ],
        "way": way_json(one.way) if one.ours else None,
        "answers": [{"id": each, **way_json(way)} for each, way in one.ways.items()],
        "can": [each.value for each in (responses(one) if not one.ours else _asks(one))],
    }  # fmt: skip


def _asks(one: Case) -> list[State]:
    return [State.APPEALED] if may_appeal(one) else []


def step_json(step: HistoryStep) -> dict[str, Any]:
    """One step of a history, as programs read it."""
    return {"state": step.state.value, "at": timestamp(step.at), "by": step.by, "reason": step.reason}


def way_json(way: Way) -> dict[str, Any]:
    """How far something went, as programs read it."""
    return {"step": way.step.value, "request": way.request, "agreement": way.agreement}


def done_json(done: Done, register: Reading) -> dict[str, Any]:
    """What an act has come to, as programs read it."""
    back = done.returned
    returned = {
        "state": back.state.value, "party": back.party, "agreement": back.agreement, "request": back.request,
        "why": back.why,
    }  # fmt: skip
    return {**case_json(done.case, register), "returned": returned}


def _done(done: Done, register: Reading, json: bool) -> None:
    if json:
        print_json(done_json(done, register))
        return
    say(f"{done.case.id}: {_state(done.case)}")
    say(f"  {_told(done.returned, register)}")


def _told(one: Returned, register: Reading) -> str:
    name = "the other party" if one.party is None else register.label(one.party)
    agreement = register.directory.agreements.get(one.agreement or "")
    under = "" if agreement is None else f" under {agreement.name}"
    if one.state is Back.WENT:
        return f"It goes to {name}{under} with the next exchange."
    if one.state is Back.WAITS:
        return f"For {name}{under} it waits for another person: titian approve {(one.request or '')[:8]}. {one.why}"
    return f"It does not go to {name}{under}: {one.why}"


def _short(one: Case) -> str:
    return one.id.partition("--")[2][:8]


def _about(one: Case) -> str:
    text = ", ".join(each.title or each.id for each in one.contents)
    return text if len(text) <= _LISTED else text[: _LISTED - 1] + "…"


def _state(one: Case) -> str:
    state = "withdrawn" if one.standing.now.withdrawn else one.state.value
    notes = [_WAYS[one.way.step]] if one.ours and _WAYS[one.way.step] else []
    notes += ["overdue"] if one.overdue else []
    return f"{state} ({', '.join(notes)})" if notes else state


_WAYS: Final = {
    Step.HERE: "not released", Step.EARLIER: "an earlier version is there", Step.WAITS: "waits for approval",
    Step.WENT: "not fetched yet", Step.READ: "",
}  # fmt: skip


def _show(one: Case, register: Reading) -> None:
    referral, now = one.standing.referral, one.standing.now
    way = f"to {register.label(referral.addressed)}" if one.ours else f"from {register.label(referral.by)}"
    say(f"{one.id}  {way}: {_state(one)}", style="bold")
    if one.way.step is Step.WAITS:
        say(f"  titian approve {(one.way.request or '')[:8]}")
    for label, text in (("asked", referral.name), ("why", referral.why), ("by", (moment(now.deadline) or "")[:16])):
        if text:
            say(f"  {label}: {text}")
    for content in one.contents:
        say(f"  content: {content.title or content.id}")
    for each in referral.designations:
        more = ", ".join(part for part in (each.reference, each.country, each.url) if part)
        say(f"  designated by {each.source}: {each.name}{f' ({more})' if more else ''}")
    for basis in referral.legal_basis:
        say(f"  legal basis: {basis}")
    for step in now.history:
        whose = "" if step.by is None else f" by {register.label(step.by)}"
        say(f"  {timestamp(step.at)[:16]}Z  {step.state.value}{whose}  {step.reason}".rstrip())
    for aside in one.standing.aside:
        whose = register.label(aside.answer.by)
        say(f"  not counted: {aside.answer.response.value} by {whose}: {aside.why}")
    for step in one.standing.unheard:
        say(f"  not confirmed: the referral says {step.state.value}, and no answer that is held does.")
    for identifier, sent in one.ways.items():
        if sent.step in (Step.HERE, Step.WAITS):
            told = f"waits: titian approve {(sent.request or '')[:8]}" if sent.request else "was released to nobody"
            say(f"  {identifier} {told}")
    can = responses(one)
    if can:
        say(f"  titian refer answer {_short(one)} {' or '.join(can)}")
    if may_appeal(one):
        say(f"  titian refer appeal {_short(one)} --why …")
