"""Subscriptions: what this node pulls by itself, how it goes, and what waits for a person to decide."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import InvalidInput, Refused, TitianError
from titian.core.job import Progress
from titian.core.people import Permission
from titian.core.recall import Policy
from titian.core.subscription import DAY, HOUR, MINUTE, SECOND, Subscription, Terms
from titian.exchange.subscribe import NEVER
from titian.node import Node
from titian.web.console.admin_parts import LONGEST_WHY, admin_page, again, said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import redirect
from titian.web.console.words import N_
from titian.web.jobs import Jobs

HERE: Final = "/admin/subscriptions"
INTERVALS: Final = (30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY)
QUOTA: Final = 1_000_000
POLICIES: Final = {
    Policy.FLAG: N_("Keep it, and let nobody have it, until a person decides"),
    Policy.APPLY: N_("Take it out at once"),
    Policy.KEEP: N_("Do nothing until a person decides"),
}
_DONE: Final = {
    "begun": N_("The node pulls this collection by itself from now on."),
    "resumed": N_("The subscription goes on."),
    "paused": N_("Nothing is pulled until somebody resumes it."),
    "ended": N_("The subscription has ended. What it brought stays, and the partner's key is forgotten."),
}


@get(HERE, sync_to_thread=True)
def subscriptions(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Each with its lag, its last success, its gaps and its next try."""
    analyst.require(Permission.READ)
    return _subscriptions(request, analyst, node)


def _subscriptions(request: AnyRequest, analyst: Analyst, node: Node, **values: Any) -> ASGIResponse:
    ended = request.query_params.get("ended") == "1"
    register = node.agreements.read()
    found = sorted(node.subscribe.list(ended=ended), key=lambda one: (one.ended is not None, -_trouble(one)))
    parties = sorted(register.directory.parties.values(), key=lambda one: one.name.casefold())
    return admin_page(
        request, analyst, HERE, "subscriptions.html", subscriptions=found, ended=ended, label=register.label,
        agreement=_agreements(node), now=node.agreements.now(), never=NEVER,
        agreements=sorted(_agreements(node).items(), key=lambda one: one[1].casefold()),
        parties=[(one.id, one.alias or one.name) for one in parties if one.id != node.record.identity],
        intervals=[(str(one), analyst.formats.span(one)) for one in INTERVALS],
        policies=[(one.value, analyst.gettext(text)) for one, text in POLICIES.items()], **values,
    )  # fmt: skip


def _trouble(one: Subscription) -> int:
    return 2 if one.progress.paused is not None else int(bool(one.progress.failures or one.progress.gaps))


def _agreements(node: Node) -> dict[str, str]:
    register = node.agreements.read()
    return {one.id: register.aliases.get(one.id) or one.name for one in register.directory.agreements.values()}


@post(HERE, status_code=200, sync_to_thread=True)
def subscribe(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Begin to pull a partner's collection. The partner is asked once, so that a mistake is told now."""
    analyst.require(Permission.WRITE)
    try:
        register, party = node.agreements.read(), form.text("party", most=200)
        policy, every = form.text("on_recall", most=20), form.number("every", 5 * MINUTE)
        if every not in INTERVALS or policy not in set(Policy):
            raise InvalidInput(analyst.gettext("Choose how often, and what becomes of recalled objects."))
        terms = Terms(
            url=form.text("url", most=2000), remote=form.text("remote", most=500), title="",
            agreement=register.agreement(form.text("agreement", most=200)).id,
            party=register.party(party).id if party else "", every=every, on_recall=Policy(policy),
            quota=max(1, form.number("quota", QUOTA)),
            # Private networks are for those to name who run the node (law 11): `titian subscribe`.
            private=False,
        )  # fmt: skip
        into = form.text("into", most=200)
        made = node.subscribe.subscribe(
            analyst.actor, terms, form.text("key", most=500), register.directory,
            lambda name, sender: node.collections.receiving(into or name, sender, analyst.actor),
        )  # fmt: skip
    except TitianError as error:
        return _subscriptions(request, analyst, node, **again(error, form))
    return redirect(f"{HERE}/{made.id}?done=begun")


@get(HERE + "/{subscription_id:str}", sync_to_thread=True)
def subscription(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], subscription_id: FromPath[str]
) -> ASGIResponse:
    """Everything that is known of one."""
    analyst.require(Permission.READ)
    found = node.subscribe.find(subscription_id)
    return _subscription(request, analyst, node, found, done=said(analyst, request, _DONE))


def _subscription(
    request: AnyRequest, analyst: Analyst, node: Node, found: Subscription, **values: Any
) -> ASGIResponse:
    register = node.agreements.read()
    into = next((one for one in node.collections.all() if one.num == found.collection), None)
    return admin_page(
        request, analyst, HERE, "subscription.html", one=found, label=register.label, agreement=_agreements(node),
        into=into, now=node.agreements.now(), never=NEVER, broken=_broken(node, found),
        policy={one: analyst.gettext(text) for one, text in POLICIES.items()},
        policies=[(one.value, analyst.gettext(text)) for one, text in POLICIES.items()], **values,
    )  # fmt: skip


def _broken(node: Node, one: Subscription) -> tuple[str, str] | None:
    """The origin of the partner's ledger that was found broken, and why; ``None`` where none was."""
    origin = one.progress.ledger
    for held in node.peer_ledgers.all():
        if held.broken is not None and (held.origin == origin or (origin is None and held.party == one.terms.party)):
            return held.origin, held.broken
    return None


@post(HERE + "/{subscription_id:str}", status_code=200, sync_to_thread=True)
def change(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], subscription_id: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Pull now, pause, resume or end."""
    trust = form.given("trust_ledger")
    analyst.require(Permission.MANAGE_KEYS if trust else Permission.WRITE)
    found = node.subscribe.find(subscription_id)
    act, why, actor = form.text("act", most=20), form.text("why", most=LONGEST_WHY), analyst.actor
    try:
        if act == "run":
            return redirect(f"/jobs/{_run(analyst, node, found)}")
        if not why:
            raise InvalidInput(analyst.gettext("Say why: it stays in the record of acts."))
        match act:
            case "pause":
                node.subscribe.pause(actor, found.id, why)
            case "resume":
                _resume(analyst, node, found, form, why, trust=trust)
            case "end":
                node.subscribe.end(actor, found.id, why)
            case _:
                raise InvalidInput(analyst.gettext("Choose what to do."))
    except TitianError as error:
        return _subscription(request, analyst, node, node.subscribe.find(found.id), **again(error, form))
    told = {"pause": "paused", "resume": "resumed", "end": "ended"}[act]
    return redirect(f"{HERE}/{found.id}?done={told}")


def _resume(analyst: Analyst, node: Node, one: Subscription, form: Form, why: str, *, trust: bool) -> None:
    broken = _broken(node, one)
    if broken is not None:
        if not trust:
            raise Refused(
                f"The ledger of this partner was found broken: {broken[1]}",
                advice="Settle it with them. Somebody who manages keys can then take it as it is from now on.",
            )
        node.peer_ledgers.mend(broken[0], person=analyst.actor.id, why=why)
    policy = form.text("on_recall", most=20)
    node.subscribe.resume(
        analyst.actor, one.id, why, on_recall=Policy(policy) if policy in set(Policy) else None
    )  # fmt: skip


def _run(analyst: Analyst, node: Node, one: Subscription) -> str:
    """Pull in the background; the id of the job."""
    busy = analyst.gettext("This subscription is being pulled already, or has ended.")

    def work(progress: Progress) -> object:
        seen = 0

        def advance(count: int) -> None:
            nonlocal seen
            seen += count
            progress.at(seen)

        ran = node.subscribe.run(one.id, advance)
        if ran is None:
            raise Refused(busy)
        if ran.error is not None:
            raise Refused(ran.error)
        came = ran.arrived
        return {"read": came.read, "accepted": came.accepted, "known": came.known, "quarantined": came.quarantined,
                "sent": ran.sent, "href": f"{HERE}/{one.id}"}  # fmt: skip

    title = analyst.gettext("Pull of %(title)s") % {"title": one.terms.title}
    return Jobs(node).start(analyst.actor.id, "pull", title, work).id


def subscription_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [subscriptions, subscribe, subscription, change]
    return handlers
