"""Find: one box over everything that is held, with filters beside it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.directory_objects import Reading
from titian.core.errors import InvalidInput
from titian.core.people import Permission
from titian.core.search import ORGANISATION, Dated, Found, Query, read_query
from titian.core.stix import is_identifier, is_type_name
from titian.core.tlp import PAP_IDS, Tlp, parse_tlp
from titian.core.words import NAMED_BY_OTHERS
from titian.node import Node
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import page
from titian.web.console.sentences import cut, marked
from titian.web.console.words import N_, TYPES

_PAGE: Final = 25
_MOST_CHOSEN: Final = 100
_LONGEST: Final = 2_000
UNMARKED: Final = "none"
_EARLIEST, _LATEST = date(1970, 1, 2), date(2999, 12, 31)

EXAMPLES: Final = (
    ('"dark bridge"', N_("the words side by side, as they stand")),
    ("hxxp://login[.]example", N_("an address, written safely or not")),
    ("198.51.100.3", N_("a value: what is exactly so comes first")),
    ("type:indicator,malware tlp:green", N_("by type and marking")),
    ("tlp:none", N_("what bears no TLP, and so goes to nobody")),
    ("since:2026-01-01 until:2026-03-31", N_("by time")),
    ("ransomware versions:all", N_("in old versions too")),
)
"""What can be asked, and what it finds: shown to who has not asked yet, and to who found nothing."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the address of the page asks for, each value as it came and of bounded length."""

    q: str = ""
    type: tuple[str, ...] = ()
    tlp: tuple[str, ...] = ()
    marking: str = ""
    party: str = ""
    agreement: str = ""
    since: str = ""
    until: str = ""
    dated: str = ""
    versions: str = ""
    after: str = ""

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all is asked for."""
        return msgspec.structs.replace(self, after="") == Asked()

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the box is used."""
        return msgspec.structs.replace(self, q="", after="") != Asked()

    @staticmethod
    def box(text: str) -> str:
        """The address of a question that is in the box alone."""
        return Asked(q=text).path()

    def path(self, **changed: str | tuple[str, ...]) -> str:
        """The address of the same question with some of it changed. What is asked anew begins at the first page."""
        told = msgspec.structs.asdict(msgspec.structs.replace(self, **{"after": "", **changed}))
        pairs = [
            (name, one) for name, value in told.items() for one in (value if isinstance(value, tuple) else (value,))
        ]
        said = urlencode([(name, one) for name, one in pairs if one])
        return f"/find?{said}" if said else "/find"


def read_asked(request: AnyRequest) -> Asked:
    """Read the address of the page. Never raises: what is too long is cut."""
    told = request.query_params

    def one(name: str) -> str:
        return str(told.get(name) or "").strip()[:_LONGEST]

    def several(name: str) -> tuple[str, ...]:
        given = (str(value).strip()[:250] for value in told.getall(name, []))
        return tuple(dict.fromkeys(value for value in given if value))[:_MOST_CHOSEN]

    return Asked(
        q=one("q"), type=several("type"), tlp=several("tlp"), marking=one("marking"), party=one("party"),
        agreement=one("agreement"), since=one("since"), until=one("until"), dated=one("dated"),
        versions=one("versions"), after=one("after"),
    )  # fmt: skip


def to_query(asked: Asked, analyst: Analyst) -> Query:
    """Return the query that is asked for; days are the reader's own. Raises :class:`InvalidInput`."""
    for value in asked.type:
        if not is_type_name(value):
            raise InvalidInput(f"{value[:80]!r} is no type of object.")
    for value in (asked.marking, asked.party, asked.agreement):
        if value and not is_identifier(value):
            raise InvalidInput(f"{value[:80]!r} is no identifier.")
    base = Query(
        types=frozenset(asked.type),
        tlp=frozenset(parse_tlp(one) for one in asked.tlp if one != UNMARKED),
        unmarked=UNMARKED in asked.tlp,
        markings=frozenset({asked.marking} if asked.marking else ()),
        party=asked.party or None,
        agreement=asked.agreement or None,
        since=_day(asked.since, analyst),
        until=_day(asked.until, analyst, after=1),
        dated=Dated.ADDED if asked.dated == Dated.ADDED.value else Dated.MODIFIED,
        versions=asked.versions == "all",
        limit=_PAGE,
        after=asked.after or None,
    )
    return read_query(asked.q, base)


def _day(text: str, analyst: Analyst, *, after: int = 0) -> int | None:
    """The instant at which a day begins in the reader's zone, in microseconds; ``after``: so many days later."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = _EARLIEST - timedelta(days=1)
    if not _EARLIEST <= found <= _LATEST:
        raise InvalidInput(f"{text[:40]!r} is no day.", advice="Write it as 2026-01-31.")
    begins = datetime.combine(found + timedelta(days=after), datetime.min.time(), analyst.formats.zone)
    return int(begins.timestamp()) * 1_000_000


@get("/find", sync_to_thread=True)
def find(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """What is held that fits, the best first."""
    analyst.require(Permission.READ)
    asked = read_asked(request)
    register = node.agreements.read()
    found: Found | None = None
    error = ""
    try:
        found = node.find(ORGANISATION, to_query(asked, analyst))
    except InvalidInput as wrong:
        error = str(wrong)
    return page(
        request, analyst, "find/index.html", fragments={"results": "results"}, status=400 if error else 200,
        asked=asked, found=found, error=error, named=_named(node, found), marked=marked, cut=cut, label=register.label,
        examples=[(text, analyst.gettext(what)) for text, what in EXAMPLES],
        types=_types(analyst, asked.type), levels=[(one.value, one.label) for one in reversed(Tlp)],
        markings=_markings(asked.marking), parties=_parties(register), agreements=_agreements(register),
    )  # fmt: skip


def _named(node: Node, found: Found | None) -> dict[str, str]:
    """What those are called that are named by others, as relationships are by their two ends."""
    some = [hit.id for hit in found.hits if hit.type in NAMED_BY_OTHERS] if found else []
    return node.reading.names(ORGANISATION, some) if some else {}


def _types(analyst: Analyst, chosen: Iterable[str]) -> list[tuple[str, str]]:
    """The types to choose from, by what they are called; one that was chosen and is not known stands among them."""
    names = {name: analyst.gettext(text) for name, text in TYPES.items()}
    names |= {one: one for one in chosen if one not in names}
    return sorted(names.items(), key=lambda one: one[1].casefold())


def _markings(chosen: str) -> list[tuple[str, str]]:
    known = [(identifier, level.label) for level, identifier in PAP_IDS.items()]
    return known if not chosen or chosen in PAP_IDS.values() else [*known, (chosen, chosen)]


def _parties(register: Reading) -> list[tuple[str, str]]:
    return sorted(((one.id, one.name) for one in register.directory.parties.values()), key=lambda one: one[1])


def _agreements(register: Reading) -> list[tuple[str, str]]:
    return sorted(((one.id, one.name) for one in register.directory.agreements.values()), key=lambda one: one[1])


def find_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [find]
