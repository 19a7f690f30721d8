"""Today: what arrived, what waits for whoever looks, how the partners are, and whether the node is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.arrival import Accepted
from titian.core.directory_objects import Reading
from titian.core.gate import Request
from titian.core.matching import Offer, OfferState
from titian.core.people import Permission
from titian.core.recall import Received, Standing
from titian.core.search import ORGANISATION
from titian.core.subscription import Subscription
from titian.core.survey import VOCABULARY
from titian.node import Node
from titian.web.console.choosing import party_name
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.ledger import name_of
from titian.web.console.render import page

_LOOKED_AT: Final = 500
"""Object versions that arrived last, of which the page tells."""
_SHOWN: Final = 5
FLOW_DAYS: Final = 30


class Came(msgspec.Struct, frozen=True):
    """What came from one party of late: ``last`` in microseconds, counts by type, the most first, and the newest with
    what they are called."""

    party: str
    last: int
    types: tuple[tuple[str, int], ...]
    newest: tuple[tuple[Accepted, str], ...]


class Partner(msgspec.Struct, frozen=True):
    """A subscription as this page shows it. ``wrong`` says what is not as it should be, in the node's words."""

    name: str
    subscription: Subscription
    wrong: str


def came(
    accepted: Sequence[Accepted], register: Reading, names: Callable[[Sequence[str]], Mapping[str, str]]
) -> list[Came]:
    """What arrived of late, by the party it came from; not what only says how others are marked or written."""
    parties: dict[str, list[Accepted]] = {}
    for one in accepted:
        if not one.id.startswith(VOCABULARY):
            parties.setdefault(one.provenance.party or "", []).append(one)
    called = names([one.id for found in parties.values() for one in found[:_SHOWN]])
    return [
        Came(
            party=party_name(register, party) if party else "",
            last=found[0].provenance.received,
            types=tuple(Counter(one.type for one in found).most_common()),
            newest=tuple((one, called.get(one.id, one.id)) for one in found[:_SHOWN]),
        )
        for party, found in parties.items()
    ]


def partners(subscriptions: Sequence[Subscription], register: Reading) -> list[Partner]:
    """Every standing subscription, what is wrong first."""
    found = [
        Partner(
            name=party_name(register, one.terms.party),
            subscription=one,
            wrong=one.progress.paused or (one.progress.error if one.progress.failures else None)
            or (one.progress.gaps[-1].what if one.progress.gaps else ""),
        )
        for one in subscriptions
    ]  # fmt: skip
    return sorted(found, key=lambda one: (not one.wrong, one.name))


class Waiting(msgspec.Struct, frozen=True):
    """What waits for a person: requests and offers that they may decide on, recalls to answer, and how much is in
    quarantine."""

    requests: Sequence[Request]
    offers: Sequence[Offer]
    recalls: Sequence[Received]
    quarantined: int

    @classmethod
    def of(cls, node: Node, analyst: Analyst) -> Waiting:
        """As it is now, for one person."""
        decides = analyst.may(Permission.DECIDE_RELEASE)
        return cls(
            requests=[
                one for one in node.release.requests() if decides and one.requester != analyst.actor.id
            ][:_SHOWN],
            offers=[
                one for one in node.matches.offers()
                if decides and one.ours and one.state is OfferState.WAITING and one.person != analyst.actor.id
            ][:_SHOWN],
            recalls=node.recalls.received()[:_SHOWN],
            quarantined=node.arrive.waiting(),
        )  # fmt: skip

    @property
    def nothing(self) -> bool:
        """Whether nothing waits."""
        return not (self.requests or self.offers or self.recalls or self.quarantined)


def agreements_named(register: Reading) -> Mapping[str, str]:
    """The names of agreements by their identifiers."""
    return {one.id: one.name for one in register.directory.agreements.values()}


@get("/", sync_to_thread=True)
def today(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """The first page."""
    analyst.require(Permission.READ)
    register = node.agreements.read()
    return page(
        request, analyst, "today/index.html",
        fragments={"waiting": "waiting", "arrived": "arrived"},
        waiting=Waiting.of(node, analyst),
        came=came(node.arrive.accepted(_LOOKED_AT), register, partial(node.reading.names, ORGANISATION)),
        partners=partners(node.subscribe.list(), register),
        overdue=[
            (one, [party_name(register, each.party) for each in one.recipients if each.standing is Standing.OVERDUE])
            for one in node.recalls.sent()
            if any(each.standing is Standing.OVERDUE for each in one.recipients)
        ],
        findings=[one for one in node.health.watch() if not one.ok and not one.check.startswith("ledger ")],
        halted=[
            (name_of(one.agreement, register, analyst), one)
            for one in node.ledger_desk.list() if one.halted is not None and one.closed is None
        ],
        flows=node.flows.since(node.store.clock() - FLOW_DAYS * 86_400_000_000),
        label=partial(party_name, register), agreements=agreements_named(register), days=FLOW_DAYS,
    )  # fmt: skip


def today_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [today]
