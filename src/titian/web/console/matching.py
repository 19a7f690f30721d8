"""Private matching: what we offer, what we may ask, the runs of both sides, and what came of those in which we asked.

Offering and asking are jobs. The pages that only show read the books (``node.matches``) and load nothing else.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.cells import disarm
from titian.core.collection import Kind
from titian.core.directory_objects import Reading
from titian.core.errors import Forbidden, InvalidInput, NotFound, TitianError
from titian.core.job import Job
from titian.core.matching import (
    LASTS,
    LISTABLE,
    MATCHED,
    Mode,
    Offer,
    OfferState,
    Outcome,
    Run,
    RunState,
    Wanted,
    daily,
)
from titian.core.people import Permission
from titian.core.screening import ValueKind
from titian.core.subscription import DAY
from titian.node import Node
from titian.screen.asking import asked_in
from titian.web.console.choosing import agreement_name, party_name
from titian.web.console.form import LONGEST, Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.matching_words import OFFERS, RUNS, kinds, learnt, modes, pads, reason, told
from titian.web.console.release_preview import SMALL, later
from titian.web.console.render import headers, page, redirect
from titian.web.console.screening import AT_ONCE, lines, plain
from titian.web.console.screening_words import KINDS
from titian.web.console.words import N_
from titian.web.jobs import Jobs
from titian.web.matching_jobs import ASK, OFFER, Said, start_ask, start_offer

HERE: Final = "/matching"
PAGE: Final = 100
"""Common values on a page; exports have all."""
_SHOWN: Final = 25
"""Runs and offers on the first page, until somebody wants all of them."""
_MOST: Final = 1_000
_MOST_DAYS: Final = 366
_WHY: Final = 2_000
_ECHOED: Final = 200_000
"""Characters of a pasted list that stand in the form again when something was wrong with it."""
_SHORT: Final = 16
"""Hexadecimal digits of a commitment that are shown at once."""
_OPEN: Final = (OfferState.WAITING, OfferState.STANDING)
_ALL, _SOME = "all", "some"

_CHOOSE: Final = N_("Choose one of the list.")
_NO_VALUES: Final = N_("Nothing was given: paste values, or choose a file.")
_BOTH: Final = N_("Give one of the two: pasted values, or a file.")
_NOT_ALL: Final = N_("Values were given, but all that is held was chosen. Choose one of the two.")
_NO_TEXT: Final = N_("This file is no text. A list is a text file or a CSV file.")
_DAYS: Final = N_("Give a whole number of days, from 1 to 366.")
_REASON_NEEDED: Final = N_("Give a reason: it is kept, and the other person reads it.")
_OFFERING: Final = N_("Private matching: offer to %(party)s")
_ASKING: Final = N_("Private matching: ask %(party)s")
_APPROVING: Final = N_("Private matching: approval of an offer")
_READ: Final = N_("Reading what is held")
_MADE: Final = N_("Making the offer")
_ASKED: Final = N_("Asking the partner")


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """A party under an agreement. ``receives`` says whether it receives from this node under it now; ``offers`` are
    those of its offers that were seen and stand, ``last`` is the last run in which we asked it."""

    party: str
    agreement: str
    name: str
    under: str
    receives: bool = True
    offers: tuple[Offer, ...] = ()
    last: Run | None = None

    @property
    def value(self) -> str:
        """How a form names it."""
        return f"{self.agreement} {self.party}"


class Wanting(InvalidInput):
    """What a form gives cannot be used: ``errors`` are what is wrong, by field; the empty one is the whole."""

    def __init__(self, **errors: str) -> None:
        super().__init__(next(iter(errors.values())))
        self.errors = errors


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────


@get(HERE, sync_to_thread=True)
def matching(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """What it is, what we offer, what we may ask, and the runs."""
    analyst.require(Permission.READ)
    return _index(request, analyst, node)


def _index(
    request: AnyRequest, analyst: Analyst, node: Node, *, offered: Form | None = None, asked: Form | None = None,
    errors: dict[str, str] | None = None, status: int = 200,
) -> ASGIResponse:  # fmt: skip
    """The page; with what was given in one of its forms, and what is wrong with it."""
    register = node.agreements.read()
    everything = request.query_params.get("show") == "all"
    most = _MOST if everything else _SHOWN
    held, runs = node.matches.offers(), node.matches.runs(most + 1)
    ours = [one for one in held if one.ours]
    asks = analyst.may(Permission.REQUEST_RELEASE)
    partners = _askable(node, register, held, runs)
    return page(
        request, analyst, "matching/index.html", status=status, offers=ours[:most], runs=runs[:most],
        more=not everything and (len(ours) > most or len(runs) > most), partners=partners, asks=asks,
        to_offer=_offerable(node, register) if asks else [], to_ask=[one for one in partners if one.receives],
        kinds=kinds(analyst), pads=pads(analyst), longest=LONGEST, file_size=node.settings.max_content_length >> 20,
        collections=_collections(node) if asks else [], working=_working(node, analyst), LASTS=LASTS // DAY,
        quotas=(node.settings.match_values_per_day, node.settings.match_listable_values_per_day),
        listable=[analyst.gettext(text) for kind, text in KINDS.items() if kind in LISTABLE and kind in MATCHED],
        offered=offered or Form([]), asked=asked or Form([]), errors=errors or {}, pasted=_pasted(asked),
        wrong_in="" if not errors else "offer" if offered is not None else "ask", **_words(analyst, node, register),
    )  # fmt: skip


def _pasted(asked: Form | None) -> str:
    """What was pasted, to be mended and sent again; what is too long for that is not shown."""
    text = "" if asked is None else asked.raw("values")
    return text if len(text) <= _ECHOED else ""


def _words(analyst: Analyst, node: Node, register: Reading) -> dict[str, Any]:
    called = modes(analyst)
    names = {mode: words.name for mode, words in called}
    people = {one.id: one.full_name or one.name for one in node.people.list()}
    return {
        "modes": called, "mode_name": lambda one: names[one], "kind_name": lambda one: analyst.gettext(KINDS[one]),
        "offer_state": lambda one: (OFFERS[one][0], analyst.gettext(OFFERS[one][1])),
        "run_state": lambda one: (RUNS[one][0], analyst.gettext(RUNS[one][1])),
        "agreement": lambda one: agreement_name(register, one), "party": lambda one: party_name(register, one),
        "person": lambda one: people.get(one, one), "reason": lambda said: reason(analyst, said),
        "told": lambda said: told(analyst, said), "OfferState": OfferState, "RunState": RunState, "Mode": Mode,
        "decides": lambda one: _decides(analyst, one),
        "withdraws": lambda one: one.state in _OPEN and analyst.may(Permission.REQUEST_RELEASE),
    }  # fmt: skip


def _decides(analyst: Analyst, one: Offer) -> bool:
    """Whether somebody may approve or refuse an offer: a releaser who did not make it."""
    waits = one.state is OfferState.WAITING
    return waits and analyst.may(Permission.DECIDE_RELEASE) and one.person != analyst.actor.id


def _offerable(node: Node, register: Reading) -> list[Partner]:
    """Who receives from this node now, under each agreement."""
    found = [
        Partner(party=party, agreement=agreement, name=party_name(register, party),
                under=agreement_name(register, agreement))
        for agreement, parties in node.glance.audiences().items()
        for party in parties
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.name, one.under))


def _askable(node: Node, register: Reading, held: Sequence[Offer], runs: Sequence[Run]) -> list[Partner]:
    """To whom this node has a subscription: that is how a partner's node is reached."""
    audiences = node.glance.audiences()
    seen = [one for one in held if not one.ours and one.state is OfferState.STANDING]
    reached = dict.fromkeys((one.terms.agreement, one.terms.party) for one in node.subscribe.list())
    found = [
        Partner(
            party=party, agreement=agreement, name=party_name(register, party),
            under=agreement_name(register, agreement), receives=party in audiences.get(agreement, ()),
            offers=tuple(one for one in seen if (one.agreement, one.party) == (agreement, party)),
            last=next((one for one in runs if one.ours and (one.agreement, one.party) == (agreement, party)), None),
        )
        for agreement, party in reached
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.name, one.under))


def _collections(node: Node) -> list[tuple[str, str]]:
    """What an offer can be narrowed to: what is held, by id and name."""
    kept = [one for one in node.collections.all() if one.kind in (Kind.OWN, Kind.RECEIVED)]
    return sorted(((one.id, one.name) for one in kept), key=lambda one: one[1].casefold())


def _working(node: Node, analyst: Analyst) -> list[Job]:
    """What of this is being worked on, of this person's."""
    every = Jobs(node).list(analyst.actor)
    return [one for one in every if one.kind in (OFFER, ASK) and one.unfinished and one.person == analyst.actor.id]


# ── offering ──────────────────────────────────────────────────────────────────────────────────────────────


@post(f"{HERE}/offers", status_code=200, sync_to_thread=True)
def offer(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Begin to make an offer."""
    analyst.require(Permission.REQUEST_RELEASE)
    try:
        partner, kind, mode = _chosen(analyst, form, _offerable(node, node.agreements.read()))
        days = form.text("days", most=10) or str(LASTS // DAY)
        if not (days.isascii() and days.isdigit() and 1 <= int(days) <= _MOST_DAYS):
            raise Wanting(days=analyst.gettext(_DAYS))
        pad = form.text("pad", most=10) or "1"
        known = {one for one, _ in _collections(node)}
        if pad not in {one for one, _ in pads(analyst)} or not known.issuperset(form.all("collection")):
            raise Wanting(form=analyst.gettext(_CHOOSE))
        wanted = Wanted(
            party=partner.party, agreement=partner.agreement, kind=kind, mode=mode, pad=int(pad),
            lasts=int(days) * DAY, collections=tuple(form.all("collection")), why=form.text("why", most=_WHY),
        )  # fmt: skip
        job = start_offer(node, analyst.actor, wanted, _said(analyst, _OFFERING, partner, f"{HERE}/offers/"))
    except Forbidden:
        raise
    except TitianError as error:
        return _index(request, analyst, node, offered=form, errors=_errors(error), status=422)
    return redirect(f"/jobs/{job.id}")


@get(HERE + "/offers/{ident:str}", sync_to_thread=True)
def show_offer(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ident: FromPath[str]
) -> ASGIResponse:
    """One offer of ours: what it is, how often it was asked about, and what can be decided."""
    analyst.require(Permission.READ)
    return _shown(request, analyst, node, _found(node, ident))


def _found(node: Node, ident: str) -> Offer:
    try:
        return node.matches.find(ident)
    except NotFound:
        raise NotFound("There is no such offer.") from None


def _shown(
    request: AnyRequest, analyst: Analyst, node: Node, found: Offer, *, error: str = "", why: str = "",
    status: int = 200,
) -> ASGIResponse:  # fmt: skip
    register = node.agreements.read()
    settings = node.settings
    quota = daily(
        found.terms.kind, usual=settings.match_values_per_day, listable=settings.match_listable_values_per_day
    )
    return page(
        request, analyst, "matching/offer.html", status=status, offer=found, error=error, why=why,
        own=found.person == analyst.actor.id, used=node.matches.used(found.party, found.terms.kind),
        quota=quota,
        runs=[one for one in node.matches.runs(_MOST) if not one.ours and one.offer == found.id][:_SHOWN],
        **_words(analyst, node, register),
    )  # fmt: skip


@post(HERE + "/offers/{ident:str}/decide", status_code=200, sync_to_thread=True)
def decide(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], ident: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Approve or refuse an offer that somebody else has made, with a reason."""
    analyst.require(Permission.DECIDE_RELEASE)
    found = _found(node, ident)
    why, decision = form.text("why", most=_WHY), form.text("decision", most=20)
    if decision not in ("approve", "refuse"):
        raise InvalidInput("Approve it, or refuse it.")
    if not why:
        return _shown(request, analyst, node, found, error=analyst.gettext(_REASON_NEEDED), status=422)

    def carry_out(_: Any = None) -> dict[str, str]:
        if decision == "approve":
            node.match().approve(analyst.actor, found.id, why)
        else:
            node.match().refuse(analyst.actor, found.id, why)
        return {"href": f"{HERE}/offers/{found.id}"}

    try:
        # Before it stands, everything that it was made of is looked at again.
        if decision == "approve" and found.size > SMALL:
            return later(analyst, node, OFFER, analyst.gettext(_APPROVING), carry_out)
        carry_out()
    except (Forbidden, NotFound):
        raise
    except TitianError as error:
        return _shown(request, analyst, node, _found(node, found.id), error=str(error), why=why, status=422)
    return redirect(f"{HERE}/offers/{found.id}")


@post(HERE + "/offers/{ident:str}/withdraw", status_code=200, sync_to_thread=True)
def withdraw(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], ident: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Take an offer back, with a reason."""
    analyst.require(Permission.REQUEST_RELEASE)
    found, why = _found(node, ident), form.text("why", most=_WHY)
    if not why:
        return _shown(request, analyst, node, found, error=analyst.gettext(_REASON_NEEDED), status=422)
    try:
        node.match().withdraw(analyst.actor, found.id, why)
    except (Forbidden, NotFound):
        raise
    except TitianError as error:
        return _shown(request, analyst, node, _found(node, found.id), error=str(error), why=why, status=422)
    return redirect(f"{HERE}/offers/{found.id}")


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────


@post(f"{HERE}/runs", status_code=200, sync_to_thread=True)
def ask(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Begin to ask a partner."""
    analyst.require(Permission.REQUEST_RELEASE)
    try:
        partners = [one for one in _askable(node, node.agreements.read(), (), ()) if one.receives]
        partner, kind, mode = _chosen(analyst, form, partners)
        values = _values(analyst, form, kind)
        wanted = Wanted(party=partner.party, agreement=partner.agreement, kind=kind, mode=mode)
        job = start_ask(node, analyst.actor, wanted, values, _said(analyst, _ASKING, partner, f"{HERE}/runs/"))
    except Forbidden:
        raise
    except TitianError as error:
        return _index(request, analyst, node, asked=form, errors=_errors(error), status=422)
    return redirect(f"/jobs/{job.id}")


def _chosen(analyst: Analyst, form: Form, partners: Sequence[Partner]) -> tuple[Partner, ValueKind, Mode]:
    """With whom, which kind, in which mode. Raises :class:`Wanting`."""
    to = form.text("to", most=300)
    partner = next((one for one in partners if one.value == to), None)
    kind = next((one for one in MATCHED if one.value == form.text("kind", most=40)), None)
    mode = next((one for one in Mode if one.value == form.text("mode", most=40)), None)
    missing = [name for name, one in (("to", partner), ("kind", kind), ("mode", mode)) if one is None]
    if partner is None or kind is None or mode is None:
        raise Wanting(**dict.fromkeys(missing, analyst.gettext(_CHOOSE)))
    return partner, kind, mode


def _values(analyst: Analyst, form: Form, kind: ValueKind) -> list[str] | None:
    """What is asked; None for all that is held. Raises :class:`Wanting`, and :class:`InvalidInput` for no list."""
    upload, pasted = form.upload("file"), form.raw("values")
    given = upload is not None or bool(pasted.strip())
    if form.text("what", most=20) != _SOME:
        if given:
            raise Wanting(what=analyst.gettext(_NOT_ALL))
        return None
    if upload is not None and pasted.strip():
        raise Wanting(file=analyst.gettext(_BOTH))
    body = pasted.encode("utf-8", "replace") if upload is None else plain(upload.body)
    if b"\0" in body[:4096]:
        raise Wanting(**{"file" if upload else "values": analyst.gettext(_NO_TEXT)})
    values = [one.value for one in asked_in(lines(body), kind) if one.value.strip()]
    if not values:
        raise Wanting(values=analyst.gettext(_NO_VALUES))
    return values


def _said(analyst: Analyst, title: str, partner: Partner, href: str) -> Said:
    said = analyst.gettext
    return Said(title=said(title) % {"party": partner.name}, read=said(_READ), made=said(_MADE), asked=said(_ASKED),
                href=href)  # fmt: skip


def _errors(error: TitianError) -> dict[str, str]:
    return error.errors if isinstance(error, Wanting) else {"": str(error)}


# ── what came of it ───────────────────────────────────────────────────────────────────────────────────────


@get(HERE + "/runs/{ident:str}", sync_to_thread=True)
def show_run(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ident: FromPath[str]
) -> ASGIResponse:
    """A run in which we asked: sizes, the common values, and what the partner learnt."""
    analyst.require(Permission.READ)
    run, outcome = _outcome(node, ident)
    rows = _common(outcome)
    given = request.query_params.get("page", "1")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 1
    first = max(0, number - 1) * PAGE
    register = node.agreements.read()
    some = rows[first : first + PAGE]
    here = f"{HERE}/runs/{run.id}"
    return page(
        request, analyst, "matching/run.html", run=run, outcome=outcome, rows=some, first=first, all=len(rows),
        noted=any(note for _, note in rows), learnt=learnt(analyst, run, party_name(register, run.party)),
        ours=b"" if outcome is None else outcome.ours, theirs=b"" if outcome is None else outcome.theirs, short=_SHORT,
        to_screen="\n".join(value for value, _ in (rows if len(rows) <= AT_ONCE else some)),
        before=f"{here}?page={number - 1}" if first else "",
        after=f"{here}?page={number + 1}" if first + PAGE < len(rows) else "", **_words(analyst, node, register),
    )  # fmt: skip


@get(HERE + "/runs/{ident:str}/common.csv", sync_to_thread=True)
def export(analyst: NamedDependency[Analyst], node: NamedDependency[Node], ident: FromPath[str]) -> ASGIResponse:
    """The common values as a table, with the note of each."""
    analyst.require(Permission.READ)
    run, outcome = _outcome(node, ident)
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(["value", "kind", "note"])
    writer.writerows([disarm(value), run.kind.value, disarm(note)] for value, note in _common(outcome))
    return ASGIResponse(
        body=codecs.BOM_UTF8 + made.getvalue().encode("utf-8", "replace"),
        headers=headers() | {
            "content-type": "text/csv; charset=utf-8", "x-content-type-options": "nosniff",
            "content-disposition": f'attachment; filename="common-{run.id[:12]}.csv"',
        },
    )  # fmt: skip


def _outcome(node: Node, ident: str) -> tuple[Run, Outcome | None]:
    try:
        return node.matches.outcome(ident)
    except NotFound:
        raise NotFound("There is no such run.") from None


def _common(outcome: Outcome | None) -> list[tuple[str, str]]:
    """The common values with their notes, in order."""
    if outcome is None:
        return []
    notes = outcome.notes or ("",) * len(outcome.values)
    return sorted(zip(outcome.values, notes, strict=True))


def matching_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [matching, offer, show_offer, decide, withdraw, ask, show_run, export]
