"""Write: a report, indicators or an incident, from a starting form; what is pasted is checked by a person before it is
kept, and how it is marked shows at once whom that would let in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.collection import Collection, Kind, timestamp
from titian.core.consequences import Consequence, consequences
from titian.core.countries import COUNTRIES
from titian.core.drafting import Draft, Form, Written
from titian.core.errors import InvalidInput, NotFound, TitianError
from titian.core.marking import Attribution, Handling, Marking
from titian.core.people import Permission
from titian.core.search import ORGANISATION, Query
from titian.core.tlp import Pap, Tlp, parse_pap, parse_tlp
from titian.exchange.agreement_file import read_moment
from titian.exchange.mark import Wish
from titian.node import Node
from titian.web.console import form as forms
from titian.web.console.choosing import end_of_day
from titian.web.console.exchange_words import PURPOSES
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.language import LANGUAGES, name_of
from titian.web.console.render import page, redirect
from titian.web.console.words import N_
from titian.wire.indicators import recognise
from titian.wire.pasted import Pasted, find_values

FORMS: Final = {
    Form.REPORT: (N_("Report"), N_("What is known, about whom and what, with its indicators.")),
    Form.INDICATOR: (N_("Indicators"), N_("Addresses, names and hashes from a text, checked one by one.")),
    Form.DRONE: (N_("Drone incident"), N_("A flight, an attack or a find of an unmanned aircraft.")),
    Form.PROPAGANDA: (N_("Propaganda incident"), N_("Content, channels and accounts that recruit or radicalise.")),
    Form.FINANCING: (N_("Financing incident"), N_("Money for terrorism: wallets, accounts, platforms, couriers.")),
    Form.INTRUSION: (N_("Intrusion incident"), N_("Unlawful access to systems or confidential data.")),
    Form.TRAFFICKING: (N_("Trafficking incident"), N_("People, weapons or goods, and how they were offered online.")),
}
"""Starting forms: what each is called, and what it is for."""
FACTS: Final[dict[Form, tuple[tuple[str, str], ...]]] = {
    Form.DRONE: (
        ("maker_model", N_("Maker and model")), ("serial", N_("Serial number (CTA-2063-A) or Remote ID")),
        ("payload", N_("What it carried")), ("operator", N_("What is known of the operator")),
    ),
    Form.PROPAGANDA: (
        ("platform", N_("Platform")), ("account", N_("Account or channel")),
        ("language", N_("Language of the content")),
        ("audience", N_("How many it reached")),
        ("referral", N_("Whether the platform was told")),
    ),
    Form.FINANCING: (
        ("wallets", N_("Wallets or accounts")), ("platform", N_("Exchange, fintech or marketplace")),
        ("amount", N_("Amount and currency")), ("method", N_("How it was moved")),
    ),
    Form.INTRUSION: (
        ("system", N_("System that was entered")), ("entry", N_("How they came in")), ("data", N_("What was taken")),
        ("state", N_("State: contained, open, closed")),
    ),
    Form.TRAFFICKING: (
        ("goods", N_("What or who is trafficked")), ("route", N_("Route")), ("offer", N_("Where it was offered")),
        ("payment", N_("How it was paid")),
    ),
}  # fmt: skip
"""Lines that a starting form asks for besides: name of the field, and what stands before it."""
TLPS: Final = {
    Tlp.RED: N_("For the named recipients alone, in person."),
    Tlp.AMBER_STRICT: N_("For the organisations that receive it, and nobody else."),
    Tlp.AMBER: N_("For the organisations that receive it and their clients who need to know."),
    Tlp.GREEN: N_("For the community: it may go on to peers and partners, not to the public."),
    Tlp.CLEAR: N_("For everybody."),
}
PAPS: Final = {
    Pap.RED: N_("Only where the adversary cannot notice."), Pap.AMBER: N_("Passive use: look-ups are allowed."),
    Pap.GREEN: N_("Active use, such as blocking."), Pap.CLEAR: N_("Any use."),
}  # fmt: skip
DEFAULT: Final = Tlp.AMBER_STRICT
_MOST_KNOWN: Final = 50
"""Values of a pasted text that are looked up in what is held."""


class Checked(msgspec.Struct, frozen=True):
    """A value that was found in a text, for a person to check; ``known`` is an object here that bears it."""

    found: Pasted
    known: str


def _form(name: str) -> Form:
    try:
        return Form(name)
    except ValueError:
        raise NotFound("There is no such form.") from None


def _collections(node: Node) -> list[Collection]:
    return [one for one in node.collections.all() if one.kind is Kind.OWN]


@get("/write", sync_to_thread=True)
def write(request: AnyRequest, analyst: NamedDependency[Analyst]) -> ASGIResponse:
    """Choose what to begin with."""
    analyst.require(Permission.WRITE)
    shown = [(one.value, analyst.gettext(name), analyst.gettext(what)) for one, (name, what) in FORMS.items()]
    return page(request, analyst, "write/index.html", forms=shown)


@get("/write/{name:str}", sync_to_thread=True)
def begin(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], name: FromPath[str]
) -> ASGIResponse:
    """An empty form; `?about=ID` begins with an object that is held."""
    analyst.require(Permission.WRITE)
    about = [("about", one) for one in request.query_params.getall("about", [])]
    return _ask(request, analyst, node, _form(name), forms.Form(about), checked=None)


def _ask(
    request: AnyRequest, analyst: Analyst, node: Node, kind: Form, form: forms.Form, *,
    checked: Sequence[Checked] | None, error: str = "", status: int = 200,
) -> ASGIResponse:  # fmt: skip
    """The form as it is filled in. With ``checked`` the values that were found are there to be ticked."""
    title, what = FORMS[kind]
    register = node.agreements.read()
    return page(
        request, analyst, "write/form.html", status=status, error=error, fragments={"consequences": "consequences"},
        kind=kind.value, title=analyst.gettext(title), what=analyst.gettext(what), form=form, checked=checked,
        is_indicator=kind is Form.INDICATOR,
        facts=[(f"fact-{key}", analyst.gettext(said)) for key, said in FACTS.get(kind, ())],
        tlps=[(one.value, one.label, analyst.gettext(said)) for one, said in TLPS.items()],
        paps=[(one.value, f"{one.label}: {analyst.gettext(said)}") for one, said in PAPS.items()],
        purposes=[(one.value, analyst.gettext(said)) for one, said in PURPOSES.items()],
        parties=sorted(
            (one for one in register.directory.parties.values() if one.id != register.directory.own),
            key=lambda one: one.name,
        ),
        chosen_tlp=form.text("tlp", most=40) or DEFAULT.value, collections=_collections(node),
        countries=sorted(COUNTRIES), tongues=[(one, name_of(one)) for one in LANGUAGES],
        reach=_reach(node, _marking(form, analyst)), outcome=_outcome,
    )  # fmt: skip


def _reach(node: Node, marking: Marking) -> list[Consequence]:
    register = node.agreements.read()
    return consequences(register.directory, marking, node.agreements.now())


def _outcome(found: Sequence[Consequence]) -> tuple[list[Consequence], list[Consequence]]:
    """Who would be let in, and who not."""
    return [one for one in found if one.withheld is None], [one for one in found if one.withheld is not None]


def _marking(form: forms.Form, analyst: Analyst) -> Marking:
    """What the form says of marking so far, for the page that shows what follows from it."""
    wish = _wish(form, analyst, lenient=True)
    recipients, ends = wish.handling.releasable_to, wish.handling.expires
    attribution = wish.handling.attribution
    return Marking(
        tlp=wish.tlp, pap=wish.pap,
        releasable_to=frozenset() if recipients is None else frozenset({frozenset(recipients)}),
        purposes=None if wish.handling.purposes is None else frozenset(wish.handling.purposes),
        expires=None if ends is None else read_moment(ends),
        attribution=frozenset() if attribution is None else frozenset({attribution}),
    )  # fmt: skip


def _wish(form: forms.Form, analyst: Analyst, *, lenient: bool = False) -> Wish:
    """How it shall be marked. Raises :class:`InvalidInput` for what cannot be meant, unless ``lenient``."""
    try:
        tlp = parse_tlp(form.text("tlp", most=40) or DEFAULT.value)
        pap = form.text("pap", most=40)
        expires = form.text("expires", most=10)
        attribution = form.text("attribution", most=20)
        return Wish(
            tlp=tlp,
            pap=parse_pap(pap) if pap else None,
            handling=Handling(
                releasable_to=tuple(form.all("releasable_to")) or None,
                purposes=tuple(form.all("purpose")) or None,
                expires=f"{timestamp(end_of_day(expires, analyst))[:23]}Z" if expires else None,
                attribution=Attribution(attribution) if attribution in set(Attribution) else None,
            ),
        )
    except TitianError:
        if not lenient:
            raise
        return Wish(tlp=DEFAULT)


@post("/write/{name:str}/consequences", status_code=200, sync_to_thread=True)
def show_consequences(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[forms.Form], name: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """What the marking that is chosen leads to: asked for by the script at each change."""
    analyst.require(Permission.WRITE)
    return _ask(request, analyst, node, _form(name), form, checked=None)


@post("/write/{name:str}", status_code=200, sync_to_thread=True)
def save(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[forms.Form], name: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """First look for values in what was pasted, to be checked; then keep what a person has ticked."""
    analyst.require(Permission.WRITE)
    kind = _form(name)
    pasted = form.text("pasted")
    try:
        if not form.given("save"):
            found = [Checked(one, "") for one in find_values(pasted)]
            return _ask(request, analyst, node, kind, form, checked=_known(node, found))
        written = _draft(kind, form, analyst)
        saved = node.write.save(
            analyst.actor, written, _wish(form, analyst), _chosen_collection(node, form, analyst),
            why=form.text("why", most=2000),
        )  # fmt: skip
    except TitianError as error:
        again = [Checked(one, "") for one in _ticked(form, lenient=True)]
        return _ask(request, analyst, node, kind, form, checked=again, error=str(error), status=422)
    return redirect(f"/objects/{saved.head}")


def _known(node: Node, found: Sequence[Checked]) -> list[Checked]:
    """The same, with what is held of each value already."""
    shown = []
    for number, one in enumerate(found):
        held = ""
        if number < _MOST_KNOWN:
            hits = node.find(ORGANISATION, Query(text=f'"{one.found.value.text}"', limit=1)).hits
            held = next((hit.id for hit in hits if hit.tier == 0), "")
        shown.append(Checked(one.found, held))
    return shown


def _ticked(form: forms.Form, *, lenient: bool = False) -> list[Pasted]:
    """What a person has ticked, read anew: nothing that a form says is believed. Raises :class:`InvalidInput` for what
    is no value, unless ``lenient``."""
    found = []
    for text in form.all("value"):
        try:
            found.append(Pasted(written=text, value=recognise(text), start=0, sure=True))
        except InvalidInput:
            if not lenient:
                raise
    return found


def _draft(kind: Form, form: forms.Form, analyst: Analyst) -> Draft:
    about = [word for text in form.all("about") for word in text.replace(",", " ").split()]
    happened, where = form.text("happened", most=20), form.text("where", most=2).upper()
    if where and where not in COUNTRIES:
        raise InvalidInput("The country is not known.", advice="Choose one of the list.")
    return Draft(
        form=kind,
        name=form.text("title", most=1000) or (analyst.gettext(FORMS[kind][0]) if kind is Form.INDICATOR else ""),
        description=form.text("description"),
        happened=read_moment(happened) if happened else None,
        where=where,
        lang=form.text("lang", most=20),
        facts=tuple(
            (analyst.gettext(said), form.text(f"fact-{key}", most=2000)) for key, said in FACTS.get(kind, ())
        ),
        source=form.text("source", most=500),
        about=tuple(dict.fromkeys(about)),
        indicators=tuple(
            Written(name=one.value.text, pattern=one.value.pattern, observable=one.value.observable)
            for one in _ticked(form)
        ),
    )  # fmt: skip


def _chosen_collection(node: Node, form: forms.Form, analyst: Analyst) -> Collection:
    """Where it is kept: what was chosen, else the first of this node's own, made when there is none."""
    wanted, held = form.text("collection", most=100), _collections(node)
    found = next((one for one in held if one.id == wanted), None)
    if found is not None:
        return found
    if wanted:
        raise NotFound("There is no such collection here.")
    if held:
        return held[0]
    return node.collections.add(N_("Reports"), by=analyst.actor)


def write_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [write, begin, show_consequences, save]
