"""Parties, agreements and dialogues: who agreed what with whom, what has flowed under it, and what is due."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.agreement import Agreement, Onward
from titian.core.collection import timestamp
from titian.core.directory_objects import Commitment, Dialogue, Meeting, Reading, Statement, read_day
from titian.core.errors import InvalidInput, NotFound, TitianError, TooLarge
from titian.core.extensions import read_ceiling
from titian.core.party import Party, PartyKind
from titian.core.people import Permission
from titian.core.tlp import Tlp
from titian.exchange.agree import By, Term, Tie
from titian.exchange.agreed import show_agreement, show_party, state
from titian.exchange.agreement_file import LONGEST, read_moment
from titian.exchange.public_agreements import public_agreements
from titian.node import Node
from titian.web.console.choosing import agreement_name, party_name
from titian.web.console.exchange_words import PURPOSES
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import page, redirect
from titian.web.console.words import N_

STATES: Final = {"in force": N_("In force"), "not yet": N_("Not yet in force"), "ended": N_("Ended")}
KINDS: Final = {
    PartyKind.AGENCY: N_("State agency"), PartyKind.COMPANY: N_("Company"), PartyKind.NGO: N_("NGO"),
    PartyKind.COMMUNITY: N_("Community"),
}  # fmt: skip
ONWARD: Final = {
    Onward.NONE: N_("No: only its parties receive"), Onward.CLIENTS: N_("Yes: to clients of its parties too"),
}  # fmt: skip
ALWAYS: Final = 0


class Due(msgspec.Struct, frozen=True):
    """Something that is due: when (microseconds), what in words, and where to look."""

    at: int
    what: str
    href: str


def due(node: Node, register: Reading, analyst: Analyst, agreements: Sequence[Agreement]) -> list[Due]:
    """What is promised under some agreements, and when it is due: the soonest first."""
    now, known = node.agreements.now(), {one.id: one for one in agreements}
    found: list[Due] = []
    for one in agreements:
        if one.stops is not None and one.stops > now:
            said = analyst.gettext(N_("%(name)s ends")) % {"name": one.name}
            found.append(Due(one.stops, said, f"/agreements/{one.id}"))
    for recall in node.recalls.received():
        if recall.via in known:
            said = analyst.gettext(N_("A recall of %(party)s is to be answered"))
            found.append(Due(recall.message.deadline, said % {"party": party_name(register, recall.message.by)},
                             f"/recalls/{recall.id}"))  # fmt: skip
    for sent in node.recalls.sent():
        if sent.recall.agreement in known and sent.recall.deadline is not None:
            said = analyst.gettext(N_("Partners are to answer a recall of ours"))
            found.append(Due(sent.recall.deadline, said, f"/recalls/{sent.recall.id}"))
    for rule in node.release.requests(waiting_only=False):
        if rule.until is not None and rule.until > now and rule.agreement in known:
            said = analyst.gettext(N_("A standing rule ends: %(query)s"))
            found.append(Due(rule.until, said % {"query": rule.query or rule.id}, f"/release/requests/{rule.id}"))
    for consent in register.directory.consents:
        if consent.agreement in known and consent.until is not None and consent.until > now:
            said = analyst.gettext(N_("A consent of %(party)s ends")) % {
                "party": party_name(register, consent.originator)
            }
            found.append(Due(consent.until, said, f"/agreements/{consent.agreement}"))
    for dialogue_id in {one.dialogue for one in agreements if one.dialogue is not None} & register.dialogues.keys():
        for promise in register.dialogues[dialogue_id].commitments:
            if promise.kept is None:
                said = analyst.gettext(N_("%(party)s promised: %(what)s"))
                words = {"party": party_name(register, promise.by), "what": promise.title}
                found.append(Due(read_moment(promise.due), said % words, f"/dialogues/{dialogue_id}"))
    return sorted(found, key=lambda each: each.at)


# ── agreements ────────────────────────────────────────────────────────────────────────────────────────────


@get("/agreements", sync_to_thread=True)
def agreements(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Every agreement, dialogue and party, and what is due next."""
    analyst.require(Permission.READ)
    held, now = node.agreements.read(), node.agreements.now()
    found = sorted(held.directory.agreements.values(), key=lambda one: one.name)
    return page(
        request, analyst, "agreements/index.html",
        agreements=[(show_agreement(held, one, now), one) for one in found],
        dialogues=sorted(held.dialogues.values(), key=lambda one: one.name),
        parties=sorted(held.directory.parties.values(), key=lambda one: one.name),
        due=due(node, held, analyst, found)[:20], skipped=held.skipped, label=partial(party_name, held),
        own=held.directory.own,
        shipped=[(alias, tomllib.loads(text)["name"]) for alias, text in public_agreements().items()],
        words=_words(analyst),
    )  # fmt: skip


def _words(analyst: Analyst) -> Mapping[str, Mapping[str, str]]:
    """The vocabularies of this screen, in the reader's language."""
    tables: dict[str, Mapping[Any, str]] = {
        "states": STATES, "purposes": PURPOSES, "kinds": KINDS, "onward": ONWARD
    }  # fmt: skip
    return {name: {str(key): analyst.gettext(text) for key, text in table.items()} for name, table in tables.items()}


def _agreement(held: Reading, identifier: str) -> Agreement:
    found = held.directory.agreements.get(identifier)
    if found is None:
        raise NotFound("There is no such agreement here.")
    return found


@get("/agreements/{agreement_id:str}", sync_to_thread=True)
def agreement(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], agreement_id: FromPath[str]
) -> ASGIResponse:
    """One agreement: who, for what, how far, until when; what has flowed under it, and what is due."""
    analyst.require(Permission.READ)
    return _show(request, analyst, node, agreement_id)


def _show(
    request: AnyRequest, analyst: Analyst, node: Node, agreement_id: str, error: str = "", status: int = 200
) -> ASGIResponse:
    held, now = node.agreements.read(), node.agreements.now()
    found = _agreement(held, agreement_id)
    return page(
        request, analyst, "agreements/one.html", status=status, error=error,
        shown=show_agreement(held, found, now), agreement=found,
        flows=[one for one in node.flows.since(ALWAYS) if one.agreement == found.id],
        due=due(node, held, analyst, [found]), label=partial(party_name, held), words=_words(analyst),
        consents=[one for one in held.directory.consents if one.agreement == found.id],
        parties=[one for one in held.directory.parties.values() if one.id not in found.parties],
        ceilings=[(one.value, one.label) for one in Tlp],
    )  # fmt: skip


def _by(analyst: Analyst, form: Form) -> By:
    return By(person=analyst.actor.id, why=form.text("why", most=2000))


@post("/agreements/add", status_code=200, sync_to_thread=True)
def add_agreement(
    analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Set up an agreement from a file, or one that is shipped."""
    analyst.require(Permission.MANAGE_AGREEMENTS)
    name, file = form.text("shipped", most=200), form.upload("file")
    if file is not None:
        data = file.body
    elif name:
        shipped = public_agreements()
        if name not in shipped:
            raise NotFound("No such agreement is shipped.")
        data = shipped[name].encode()
    else:
        raise InvalidInput("No agreement was given.", advice="Choose one that is shipped, or a file.")
    if len(data) > LONGEST:
        raise TooLarge(f"The file has more than {LONGEST:,} bytes: it is no agreement.")
    added = node.agreements.add(data, _by(analyst, form))
    return redirect(f"/agreements/{added.agreements[0].id}" if len(added.agreements) == 1 else "/agreements")


Change = Callable[[Agreement, By], object]


def _changed(
    request: AnyRequest, analyst: Analyst, node: Node, form: Form, agreement_id: str, change: Change
) -> ASGIResponse:
    """Change an agreement, and show it; with what was wrong where it could not be done."""
    analyst.require(Permission.MANAGE_AGREEMENTS)
    found = _agreement(node.agreements.read(), agreement_id)
    try:
        change(found, _by(analyst, form))
    except TitianError as error:
        return _show(request, analyst, node, agreement_id, error=str(error), status=422)
    return redirect(f"/agreements/{agreement_id}")


@post("/agreements/{agreement_id:str}/end", status_code=200, sync_to_thread=True)
def end(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form],
    agreement_id: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """End an agreement now: nothing is served under it from the next answer on."""

    def change(found: Agreement, by: By) -> object:
        if not by.why:
            raise InvalidInput("Say why it ends.", advice="It stays in the record of acts.")
        return node.agreements.end(found.id, by)

    return _changed(request, analyst, node, form, agreement_id, change)


@post("/agreements/{agreement_id:str}/narrow", status_code=200, sync_to_thread=True)
def narrow(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form],
    agreement_id: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Let an agreement carry less; it holds before the next answer."""

    def change(found: Agreement, by: By) -> object:
        ceiling, onward, purposes = form.text("ceiling", most=40), form.text("onward", most=40), form.all("purpose")
        return node.agreements.narrow(
            found.id, by,
            ceiling=read_ceiling(ceiling) if ceiling and ceiling != found.ceiling.value else None,
            purposes=purposes if purposes and set(purposes) != set(found.purposes) else None,
            without=form.all("without"),
            onward=Onward(onward) if onward in set(Onward) and onward != found.onward.value else None,
        )  # fmt: skip

    return _changed(request, analyst, node, form, agreement_id, change)


@post("/agreements/{agreement_id:str}/members", status_code=200, sync_to_thread=True)
def members(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form],
    agreement_id: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Take a party in, for good or for a time."""

    def change(found: Agreement, by: By) -> object:
        term = Term(_moment(form.text("since", most=40)), _moment(form.text("until", most=40)))
        return node.agreements.add_member(found.id, form.text("party", most=200), by, term=term)

    return _changed(request, analyst, node, form, agreement_id, change)


@post("/agreements/{agreement_id:str}/consent", status_code=200, sync_to_thread=True)
def consent(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form],
    agreement_id: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Record that an originator lets objects of theirs go on under the agreement, or does so no more."""

    def change(found: Agreement, by: By) -> object:
        objects = form.text("objects").replace(",", " ").split()
        originator = form.text("originator", most=200)
        if form.given("withdraw"):
            return node.agreements.withdraw_consent(found.id, originator, objects, by)
        return node.agreements.consent(
            found.id, originator, objects, by, until=_moment(form.text("until", most=40))
        )  # fmt: skip

    return _changed(request, analyst, node, form, agreement_id, change)


def _moment(text: str) -> int | None:
    return read_moment(text) if text else None


# ── parties ───────────────────────────────────────────────────────────────────────────────────────────────


@get("/parties/{party_id:str}", sync_to_thread=True)
def party(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], party_id: FromPath[str]
) -> ASGIResponse:
    """One party: what it is, what it is a member of, under which agreements it receives, and what has flowed."""
    analyst.require(Permission.READ)
    held, now = node.agreements.read(), node.agreements.now()
    found = held.directory.parties.get(party_id)
    if found is None:
        raise NotFound("There is no such party here.")
    return page(
        request, analyst, "agreements/party.html", shown=show_party(held, found, now), words=_words(analyst),
        flows=[one for one in node.flows.since(ALWAYS) if one.party == found.id],
        agreements_label=_called(held),
    )  # fmt: skip


def _called(held: Reading) -> Callable[[str | None], str]:
    """What an agreement is called where a person reads; a dash where none is known."""
    return lambda identifier: agreement_name(held, identifier) if identifier else "-"


@post("/parties/add", status_code=200, sync_to_thread=True)
def add_party(
    analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Add a party to the directory."""
    analyst.require(Permission.MANAGE_AGREEMENTS)
    kind = form.text("kind", most=40)
    if kind not in set(PartyKind):
        raise InvalidInput("Say what kind of party it is.")
    made = Party(
        id="", name=form.text("name", most=500), kind=PartyKind(kind), alias=form.text("alias", most=100) or None,
        country=form.text("country", most=2).upper() or None, contact=form.text("contact", most=500) or None,
    )  # fmt: skip
    ties = [Tie(of=one) for one in form.all("member_of") if one]
    added = node.agreements.add_party(made, _by(analyst, form), ties=ties)
    return redirect(f"/parties/{added.id}")


# ── dialogues ─────────────────────────────────────────────────────────────────────────────────────────────


@get("/dialogues/{dialogue_id:str}", sync_to_thread=True)
def dialogue(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], dialogue_id: FromPath[str]
) -> ASGIResponse:
    """One dialogue: its parties, meetings and statements, and the agreements that came of it."""
    analyst.require(Permission.READ)
    held, now = node.agreements.read(), node.agreements.now()
    found = _dialogue(held, dialogue_id)
    came = sorted((one for one in held.directory.agreements.values() if one.dialogue == found.id), key=lambda x: x.name)
    return page(
        request, analyst, "agreements/dialogue.html", dialogue=found, label=partial(party_name, held),
        agreements=[(one, state(one, now)) for one in came], due=due(node, held, analyst, came), words=_words(analyst),
        today=timestamp(now)[:10],
    )  # fmt: skip


def _dialogue(held: Reading, identifier: str) -> Dialogue:
    found = held.dialogues.get(identifier)
    if found is None:
        raise NotFound("There is no such dialogue here.")
    return found


@post("/dialogues/add", status_code=200, sync_to_thread=True)
def add_dialogue(
    analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Add a dialogue between parties."""
    analyst.require(Permission.MANAGE_AGREEMENTS)
    made = Dialogue(id="", name=form.text("name", most=500), alias=form.text("alias", most=100) or None)
    added = node.agreements.add_dialogue(made, form.all("party"), _by(analyst, form))
    return redirect(f"/dialogues/{added.id}")


@post("/dialogues/{dialogue_id:str}/note", status_code=200, sync_to_thread=True)
def note(
    analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form],
    dialogue_id: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Add a meeting, a statement or a commitment to a dialogue, or note that one was kept."""
    analyst.require(Permission.MANAGE_AGREEMENTS)
    found = _dialogue(node.agreements.read(), dialogue_id)
    title = form.text("title", most=1000)
    if not title:
        raise InvalidInput("A meeting, a statement or a commitment has a title.")
    if form.given("kept"):
        node.agreements.note_kept(found.id, title, _by(analyst, form), day=form.text("date", most=10))
        return redirect(f"/dialogues/{found.id}")
    if form.given("promise"):
        promised = Commitment(by=form.text("party", most=200), title=title, due=read_day(form.text("due", most=10)))
        node.agreements.note_meeting(found.id, _by(analyst, form), commitments=[promised])
        return redirect(f"/dialogues/{found.id}")
    if form.given("meeting"):
        date, place = form.text("date", most=10), form.text("place", most=200)
        if len(date) != len("2026-03-01") or not place:
            raise InvalidInput("A meeting has a day and a place.", advice="Write the day as 2026-03-01.")
        read_moment(date)
        node.agreements.note_meeting(
            found.id, _by(analyst, form), meetings=[Meeting(date=date, place=place, title=title)]
        )
    else:
        source = form.text("source", most=500)
        if not source:
            raise InvalidInput("Say who published the statement.")
        node.agreements.note_meeting(found.id, _by(analyst, form), statements=[Statement(source=source, title=title)])
    return redirect(f"/dialogues/{found.id}")


def agreements_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [
        agreements, agreement, add_agreement, end, narrow, members, consent, party, add_party, dialogue, add_dialogue,
        note,
    ]  # fmt: skip
