"""Who may see an object: its markings in words, and what each party of each agreement would get of it."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from titian.core.agreement import Agreement
from titian.core.errors import TitianError
from titian.core.people import Permission
from titian.exchange.release import Seen
from titian.node import Node
from titian.web.console.card_page import json_of, object_page, read_object
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.marking_words import marking_words, markings_of

_MOST_AGREEMENTS: Final = 10
_MOST_REFERENCES: Final = 200
"""References of a report up to which it is looked into: a preview of it is one of everything in it."""


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What one party would get of the object: all of it, or without what is ``removed``; or nothing, and ``why``.

    ``rule`` is what withholds it. ``blocked``: a text of it tells what is withheld, and a second person decides."""

    party: str
    goes: bool
    removed: tuple[str, ...] = ()
    rule: str = ""
    why: str = ""
    blocked: bool = False


class Prospect(msgspec.Struct, frozen=True):
    """What the parties of one agreement would get; ``wrong`` where that cannot be said."""

    agreement: Agreement
    outlooks: tuple[Outlook, ...] = ()
    wrong: str = ""


@get("/objects/{identifier:str}/audience", sync_to_thread=True)
def audience(
    request: AnyRequest, identifier: FromPath[str], analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """Who may see an object, and why everybody else may not."""
    analyst.require(Permission.PREVIEW)
    read = read_object(analyst, node, identifier)
    register = node.agreements.read()
    refs = json_of(read.raw).get("object_refs")
    large = isinstance(refs, list) and len(refs) > _MOST_REFERENCES
    now = node.agreements.now()
    open_ = sorted(
        (one for one in register.directory.agreements.values() if one.in_force(now)), key=lambda one: one.name
    )
    page = _number(str(request.query_params.get("from") or ""))
    shown = [] if large else open_[page : page + _MOST_AGREEMENTS]
    return object_page(
        request, analyst, "objects/audience.html", read, register=register, tab="/audience",
        handling=marking_words(analyst, markings_of(read), register.label),
        prospects=[prospect(node, read.id, one) for one in shown], large=large, agreements=len(open_), start=page,
        step=_MOST_AGREEMENTS, origins=list(dict.fromkeys(one.party for one in read.origins)),
    )  # fmt: skip


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def prospect(node: Node, identifier: str, agreement: Agreement) -> Prospect:
    """What each party of an agreement would get of an object if it were released now. Nothing is written."""
    try:
        preview = node.release.preview([identifier], agreement.id)
    except TitianError as error:
        return Prospect(agreement, wrong=error.message)
    return Prospect(agreement, tuple(outlook(one, identifier) for one in preview.seen))


def outlook(seen: Seen, identifier: str) -> Outlook:
    """What one party would get of an object."""
    withheld = seen.projection.withheld.get(identifier)
    if withheld is not None:
        return Outlook(party=seen.name, goes=False, rule=withheld.rule, why=withheld.reason)
    change = seen.projection.changed.get(identifier)
    return Outlook(
        party=seen.name, goes=identifier in seen.projection.released, removed=change.removed if change else (),
        blocked=any(one.id == identifier for one in seen.mentions),
    )  # fmt: skip
