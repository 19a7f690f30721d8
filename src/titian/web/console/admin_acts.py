"""The record of acts, for auditors: who did what, when, to what and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import InvalidInput
from titian.core.people import LOCAL, Permission, Person
from titian.node import Node
from titian.web.console.admin_parts import admin_page, page_number
from titian.web.console.guard import Analyst, AnyRequest

HERE: Final = "/admin/acts"
SHOWN: Final = 50


@get(HERE, sync_to_thread=True)
def acts(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """The latest acts first, fifty on a page; filtered by person, act, subject and day."""
    analyst.require(Permission.AUDIT)
    asked = {name: request.query_params.get(name, "").strip()[:200] for name in ("who", "what", "on", "since")}
    people, wrong, since = node.people.list(), "", None
    try:
        since = _day(analyst, asked["since"]) if asked["since"] else None
    except InvalidInput as error:
        wrong = str(error)
    found = node.acts.list(
        _subject(asked["on"], people) or None, before=page_number(request, "before"), since=since, limit=SHOWN + 1,
        people=_people(asked["who"], people) if asked["who"] else None,
        acts=_spellings(asked["what"]) if asked["what"] else None,
    )  # fmt: skip
    kept = {name: value for name, value in asked.items() if value}
    more = {**kept, "before": str(found[SHOWN - 1].num)} if len(found) > SHOWN else None
    register = node.agreements.read()
    names = {one.id: one.name for one in people}
    called = {one.id: register.aliases.get(one.id) or one.name for one in register.directory.agreements.values()}
    return admin_page(
        request, analyst, HERE, "acts.html", acts=found[:SHOWN], asked=asked, wrong=wrong, names=names,
        subject=lambda one: names.get(one) or called.get(one) or register.label(one),
        more="" if more is None else f"{HERE}?{urlencode(more)}",
        first=f"{HERE}?{urlencode(kept)}" if request.query_params.get("before") else "",
    )  # fmt: skip


def _day(analyst: Analyst, text: str) -> int:
    """The beginning of a day in the reader's zone, in microseconds. Raises :class:`InvalidInput`."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=analyst.formats.zone)
        return int(day.astimezone(UTC).timestamp() * 1_000_000)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(analyst.gettext("Write the day as 2026-11-01.")) from error


def _people(who: str, people: list[Person]) -> set[str]:
    """Whom a name means: the person, and the user of the node's machine of that name. An identifier means itself."""
    named = {one.id for one in people if one.name.casefold() == who.casefold()}
    return {*named, who, f"{LOCAL}{who}"}


def _subject(on: str, people: list[Person]) -> str:
    """What an act was done to, as the record names it: a person by id."""
    return next((one.id for one in people if one.name.casefold() == on.casefold()), on)


def _spellings(what: str) -> set[str]:
    """An act as it may be written: its words are joined by spaces or by hyphens."""
    words = what.lower().replace("-", " ").split()
    return {" ".join(words), "-".join(words)}


def act_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [acts]
    return handlers
