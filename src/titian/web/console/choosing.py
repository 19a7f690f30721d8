"""Choosing what goes, to whom and for what: as a form says it, as an address says it, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from titian.core.agreement import Purpose
from titian.core.directory_objects import Reading
from titian.core.errors import InvalidInput
from titian.core.stix import is_identifier
from titian.exchange.choose import QUERY
from titian.node import Node
from titian.web.console.form import Form
from titian.web.console.guard import AnyRequest, Visitor
from titian.web.console.language import zone_of
from titian.web.console.words import N_

LONGEST_ADDRESS: Final = 3_000
"""Characters of a query string that every browser and proxy takes."""
_MOST: Final = 100_000
_SHOWN: Final = 3
_BETWEEN: Final = re.compile(r"[\s,;\"'\[\]]+")
_NOTHING: Final = N_("Nothing is chosen yet.")
_NOBODY: Final = N_("Nobody is chosen yet.")
_NEITHER: Final = N_("These are no identifiers and no saved queries: %(words)s")
_NO_DATE: Final = N_("This is no date.")


class Wish(msgspec.Struct, frozen=True):
    """What somebody wants to release: references, and for each agreement the parties, empty for its whole audience.
    ``purposes`` are empty for all that the agreement is for."""

    what: tuple[str, ...] = ()
    to: tuple[tuple[str, tuple[str, ...]], ...] = ()
    purposes: tuple[str, ...] = ()

    def fields(self) -> list[tuple[str, str]]:
        """The fields of a form that says the same."""
        found = [("what", "\n".join(self.what))]
        for agreement, parties in self.to:
            found += [("to", f"{agreement} {party}") for party in parties] or [("to", agreement)]
        return [*found, *(("purpose", one) for one in self.purposes)]

    def address(self, path: str) -> str:
        """The address of a page about it, empty where that would be too long."""
        query = urlencode(self.fields())
        return f"{path}?{query}" if len(query) <= LONGEST_ADDRESS else ""


class Choice(msgspec.Struct, frozen=True):
    """An agreement under which somebody receives now, with those parties, each with its name and country."""

    id: str
    name: str
    ceiling: str
    four_eyes: bool
    purposes: tuple[str, ...]
    parties: tuple[tuple[str, str, str], ...]


def asked(request: AnyRequest, form: Form) -> Form:
    """What came with a request: its form, or for GET its query string as one."""
    return form if request.method == "POST" else Form([*request.query_params.multi_items()])


def references(form: Form, visitor: Visitor) -> tuple[str, ...]:
    """What is chosen: identifiers and ``query:NAME``, from the text, from the list of saved queries. Raises
    :class:`InvalidInput` for what is neither, and for nothing."""
    words = [word for text in form.all("what") for word in _BETWEEN.split(text[: _MOST * 100]) if word]
    chosen = [*(f"{QUERY}{name}" for name in form.all("query") if name), *words]
    wrong = [word for word in chosen if not (is_identifier(word) or word.startswith(QUERY))]
    if wrong:
        shown = ", ".join(word[:60] for word in wrong[:_SHOWN])
        raise InvalidInput(visitor.gettext(_NEITHER) % {"words": shown})
    if not chosen:
        raise InvalidInput(visitor.gettext(_NOTHING))
    return tuple(dict.fromkeys(chosen))[:_MOST]


def recipients(
    form: Form, visitor: Visitor, audiences: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """For whom, by agreement. Every party of an audience is the audience. Raises :class:`InvalidInput` for nobody."""
    found: dict[str, list[str]] = {}
    whole = set()
    for one in form.all("to"):
        agreement, _, party = one.partition(" ")
        parties = found.setdefault(agreement, [])
        if party:
            parties.append(party)
        else:
            whole.add(agreement)
    if not found:
        raise InvalidInput(visitor.gettext(_NOBODY))
    return tuple(
        (agreement, () if agreement in whole or {*parties} >= {*audiences.get(agreement, ())} else tuple(parties))
        for agreement, parties in found.items()
    )


def wish(form: Form, visitor: Visitor, node: Node) -> Wish:
    """Read what is wanted. Raises :class:`InvalidInput`, saying what is missing."""
    known = {one.value for one in Purpose}
    return Wish(
        references(form, visitor),
        recipients(form, visitor, node.glance.audiences()),
        tuple(one for one in form.all("purpose") if one in known),
    )


def choices(node: Node, register: Reading) -> list[Choice]:
    """Who can be chosen."""
    directory = register.directory
    found = []
    for identifier, parties in node.glance.audiences().items():
        agreement = directory.agreements[identifier]
        named = tuple((one, directory.parties[one].name, directory.parties[one].country or "") for one in parties)
        found.append(Choice(identifier, agreement.name, agreement.ceiling.label, agreement.four_eyes,
                            tuple(sorted(agreement.purposes)), named))  # fmt: skip
    return sorted(found, key=lambda one: one.name)


def end_of_day(text: str, visitor: Visitor) -> int:
    """The end of a day in the reader's time zone, in microseconds. Raises :class:`InvalidInput`."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()
        end = datetime.combine(day + timedelta(days=1), time(), zone_of(visitor.zone))
        return round(end.timestamp()) * 1_000_000
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(visitor.gettext(_NO_DATE)) from None


def agreement_name(register: Reading, identifier: str) -> str:
    """What an agreement is called; its identifier where it is not known."""
    found = register.directory.agreements.get(identifier)
    return identifier if found is None else found.name


def party_name(register: Reading, identifier: str) -> str:
    """What a party is called; its identifier where it is not known."""
    found = register.directory.parties.get(identifier)
    return identifier if found is None else found.name
