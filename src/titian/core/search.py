"""What is asked of everything held, and what is found, as values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any, Final

import msgspec

from titian.core.access import Key, Role
from titian.core.collection import Collection, Kind
from titian.core.errors import InvalidInput
from titian.core.stix import is_identifier
from titian.core.tlp import Tlp, parse_tlp

MOST_HITS: Final = 200
"""Hits on one page at most."""
COUNT_BOUND: Final = 1_000
"""Counts go no further than this."""
LONGEST_BOX: Final = 2_000
"""Characters of a search box that are read."""


class Viewer(msgspec.Struct, frozen=True):
    """Who looks: the organisation itself, or the holder of a key. Everything that a viewer gets passes through it."""

    key: Key | None = None

    @classmethod
    def of(cls, key: Key) -> Viewer:
        """The holder of a key. Raises nothing: what a key may not read is not there."""
        return cls(key)

    @classmethod
    def of_party(cls, party: str) -> Viewer:
        """A party as it would look with a key of its own that reads all it may."""
        return cls(Key(id="", name=party, digest=b"", role=Role.READER, created=0, party=party))

    @property
    def is_organisation(self) -> bool:
        """Whether everything held is open: to the node's own people, and to its own admin key of all collections."""
        key = self.key
        return key is None or (key.party is None and key.collection is None and key.role is Role.ADMIN)

    @property
    def is_party(self) -> bool:
        """Whether it is another party, which sees what is released to it, and as long as its agreements hold."""
        return self.key is not None and self.key.party is not None

    def sees(self, collection: Collection, at: int) -> bool:
        """Whether the viewer may read a collection at an instant in microseconds."""
        return self.is_organisation or (self.key is not None and self.key.reads(collection, at))

    def searches(self, collection: Collection, at: int) -> bool:
        """Whether a search without a collection looks into it. What was released is held already, by ourselves."""
        ours = self.key is None or self.key.party is None
        return self.sees(collection, at) and not (ours and collection.kind is Kind.RELEASED)


ORGANISATION: Final = Viewer()
"""The node's own people, whose duty permits them to read."""


class Dated(Enum):
    """Which instant of an object a filter by time means."""

    MODIFIED = "modified"
    """Its ``modified`` (else ``created``); when it came here, for what has neither."""
    ADDED = "added"
    """When it came here."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A search: every condition holds, each set is a choice, an empty one is no condition.

    ``text`` is the words alone; without any, everything is found, the newest first. ``tlp`` and ``unmarked`` are one
    choice. ``party`` sent it or created it. ``since`` and ``until`` (exclusive) are microseconds since the Unix epoch.
    ``after`` is :attr:`Found.next` of the page before, with the same conditions.
    """

    text: str = ""
    types: frozenset[str] = frozenset()
    tlp: frozenset[Tlp] = frozenset()
    unmarked: bool = False
    markings: frozenset[str] = frozenset()
    party: str | None = None
    agreement: str | None = None
    collection: str | None = None
    since: int | None = None
    until: int | None = None
    dated: Dated = Dated.MODIFIED
    versions: bool = False
    limit: int = 50
    after: str | None = None


class Tier(IntEnum):
    """How well something fits, the best first."""

    EXACT = 0
    """What was asked for is its id, its value, its name or its number in another system, as a whole."""
    NAME = 1
    """Its name has all the words."""
    TEXT = 2
    """It says all the words."""


Marks = tuple[tuple[int, int], ...]
"""Ranges of characters, the end exclusive, in order and apart."""


class Snippet(msgspec.Struct, frozen=True):
    """Where a text was found, and what of it to mark."""

    text: str
    marks: Marks = ()


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One object that was found. Its texts are others' and not to be trusted.

    ``modified`` (microseconds) is None for what has no versions, ``version`` is how TAXII shows it, ``added`` when it
    came into the ``collection`` (its id). ``source`` is the party that sent it, None for what began here.
    """

    id: str
    type: str
    modified: int | None
    version: str
    added: int
    title: str
    title_marks: Marks = ()
    snippet: Snippet
    tlp: Tlp | None
    markings: tuple[str, ...]
    created_by: str | None
    source: str | None
    collection: str
    collection_name: str
    latest: bool
    tier: Tier


class Count(msgspec.Struct, frozen=True):
    """How many; with ``more``, at least so many."""

    number: int
    more: bool = False

    @classmethod
    def of(cls, number: int, *, more: bool = False) -> Count:
        """A number, bounded.

        >>> Count.of(7), Count.of(5_000)
        (Count(number=7, more=False), Count(number=1000, more=True))
        """
        return cls(min(number, COUNT_BOUND), more or number > COUNT_BOUND)


class TypeCount(msgspec.Struct, frozen=True):
    """How many objects of one type were found."""

    type: str
    count: Count


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was found. ``next`` is there exactly when there is ``more``.

    ``types`` counts without regard to the filter by type, the largest first. ``partial`` says that a word fits too
    many others, so that not all of them were looked for; ``behind`` how many held objects cannot be found yet.
    """

    hits: tuple[Hit, ...]
    more: bool
    next: str | None
    total: Count
    types: tuple[TypeCount, ...]
    partial: bool = False
    behind: int = 0


def checked(query: Query) -> Query:
    """Return a query within its bounds. Raises :class:`InvalidInput` for a limit outside of them."""
    if not 1 <= query.limit <= MOST_HITS:
        raise InvalidInput(f"A page has 1 to {MOST_HITS} hits, not {query.limit}.")
    return msgspec.structs.replace(query, text=query.text[:LONGEST_BOX])


# ── the box ───────────────────────────────────────────────────────────────────────────────────────────────────

_pieces: Final = re.compile(r'"[^"]*"?|(?P<name>[a-z]+):(?P<value>"[^"]+"|[^\s"]+)|[^\s"]+', re.IGNORECASE).finditer


def _instant(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _types(value: str, query: Query) -> Mapping[str, Any] | None:
    types = frozenset(value.lower().split(","))
    fits = all(re.fullmatch(r"[a-z0-9-]{3,250}", one) for one in types)
    return {"types": query.types | types} if fits else None


def _tlp(value: str, query: Query) -> Mapping[str, Any] | None:
    if value.lower() in ("none", "unmarked"):
        return {"unmarked": True}
    try:
        return {"tlp": query.tlp | {parse_tlp(value)}}
    except InvalidInput:
        return None


def _instants(name: str) -> Callable[[str, Query], Mapping[str, Any] | None]:
    def read(value: str, _query: Query) -> Mapping[str, Any] | None:
        try:
            return {name: _instant(value)}
        except (ValueError, OverflowError):
            return None

    return read


_FILTERS: Final[Mapping[str, Callable[[str, Query], Mapping[str, Any] | None]]] = {
    "type": _types,
    "tlp": _tlp,
    "party": lambda value, _: {"party": value} if is_identifier(value) else None,
    "in": lambda value, _: {"collection": value} if re.fullmatch(r"[0-9a-fA-F-]{36}", value) else None,
    "since": _instants("since"),
    "until": _instants("until"),
    "versions": lambda value, _: {"versions": True} if value.lower() == "all" else None,
}
"""What can stand before a colon in the box. What is not understood stays a word: ``tlp:purple`` is looked for."""


def read_query(box: str, base: Query = Query()) -> Query:  # noqa: B008 (frozen)
    """Read what somebody typed into the search box; ``base`` has what was chosen beside it. Never raises.

    >>> read_query('"dark bridge" type:indicator,malware tlp:amber hxxp://evil[.]example').text
    '"dark bridge" hxxp://evil[.]example'
    >>> sorted(read_query("type:tool type:malware x").types), read_query("tlp:purple").text
    (['malware', 'tool'], 'tlp:purple')
    """
    words = []
    for piece in _pieces(box[:LONGEST_BOX]):
        read = _FILTERS.get((piece["name"] or "").lower())
        found = read(piece["value"].strip('"'), base) if read is not None else None
        if found is None:
            words.append(piece[0])
        else:
            base = msgspec.structs.replace(base, **found)
    return msgspec.structs.replace(base, text=" ".join(words))
