"""Indexed entries as rows, with their bytes: what a search shows, and what it has to look at to be sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from titian.core.collection import Collection, Kind, version_text
from titian.core.needles import Needle
from titian.core.search import Dated, Hit, Query, Tier
from titian.core.snippet import marks_in, snippet_of
from titian.core.words import decoded, folded, said, title_of
from titian.store.database import Row, Transaction
from titian.store.pages import LATEST, read_segments, read_slice
from titian.store.search_index import SCOPE_BITS
from titian.store.search_terms import level_of

_AT_ONCE: Final = 500
_BETWEEN: Final = "\n\x01\n"
"""Stands between two texts of an object: nothing that is looked for goes from one into the other."""
_WHOLE_FROM: Final = 3
"""Objects of one segment from which it is read as a whole."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """An indexed entry."""

    number: int
    collection: int
    added: int
    id: str
    version: int
    versioned: bool
    text: str | None
    rank: int
    segment: int
    start: int
    length: int

    @property
    def type(self) -> str:
        """The type of the object."""
        return self.id.partition("--")[0]

    @property
    def dated(self) -> int:
        """When the object was modified; when it was added, for what has no versions."""
        return self.version if self.versioned else self.added


def entry(number: int, row: Row) -> Found:
    """An entry from a row of its collection, ``added``, id, version, whether it has versions, text, rank and place."""
    collection, added, identifier, version, versioned, text, rank, segment, start, length = row
    return Found(
        number, collection, added, identifier, version, bool(versioned), text, rank, segment, start, length
    )  # fmt: skip


def rows_of(tx: Transaction, scope: int, numbers: Sequence[int]) -> list[Found]:
    """The entries with some numbers in a scope, in their order, as far as they are there."""
    found: dict[int, Found] = {}
    base = scope << SCOPE_BITS
    for begin in range(0, len(numbers), _AT_ONCE):
        some = [base | number for number in numbers[begin : begin + _AT_ONCE]]
        for row in tx.all(
            "SELECT d.num, e.collection, e.added, e.id, e.version, e.versioned, e.text, e.rank, e.segment, e.start, "
            "e.length FROM search_documents d JOIN entries e ON e.collection = d.collection AND e.added = d.added "
            f"WHERE {tx.among('d.num')}",
            tx.array(some),
        ):
            number = int(row[0]) - base
            found[number] = entry(number, row[1:])
    return [found[number] for number in numbers if number in found]


def bytes_of(tx: Transaction, rows: Iterable[Found]) -> list[bytes]:
    """The bytes of entries, in order. A segment of which several are wanted is read whole, the rest in one query for
    each collection."""
    rows = list(rows)
    if len(rows) == 1:
        return [read_slice(tx, rows[0].segment, rows[0].start, rows[0].length)]
    wanted = Counter(row.segment for row in rows)
    whole = read_segments(tx, [number for number, times in wanted.items() if times >= _WHOLE_FROM])
    single: dict[int, list[int]] = {}
    for row in rows:
        if row.segment not in whole:
            single.setdefault(row.collection, []).append(row.added)
    found: dict[tuple[int, int], bytes] = {}
    for collection, places in single.items():
        for begin in range(0, len(places), _AT_ONCE):
            for added, raw in tx.all(
                "SELECT e.added, substr(s.data, e.start + 1, e.length) FROM entries e "
                f"JOIN segments s ON s.num = e.segment WHERE e.collection = ? AND {tx.among('e.added')}",
                collection, tx.array(places[begin : begin + _AT_ONCE]),
            ):  # fmt: skip
                found[collection, added] = bytes(raw)
    return [
        whole[row.segment][row.start : row.start + row.length]
        if row.segment in whole
        else found[row.collection, row.added]
        for row in rows
    ]


def is_within(row: Found, query: Query) -> bool:
    """Whether an entry lies within the time that is asked for."""
    at = row.added if query.dated is Dated.ADDED else row.dated
    return (query.since is None or at >= query.since) and (query.until is None or at < query.until)


def says(raw: bytes, needles: Sequence[Needle]) -> bool:
    """Whether an object says, to the letter, what has to be looked at."""
    phrases = [needle.text for needle in needles if needle.verify]
    if all(" " in text or not text.isascii() for text in phrases):
        # Neither identifiers nor names of properties have spaces or other letters: what stands in the bytes is said.
        plain = raw.lower()
        if all(text.encode() in plain for text in phrases):
            return True
    value = decoded(raw)
    text = " ".join(folded(_BETWEEN.join(said(value))).split())
    return all(phrase in text for phrase in phrases)


def hit_of(row: Found, raw: bytes, collection: Collection, tier: Tier, words: Sequence[str]) -> Hit:
    """An entry as it is shown."""
    value = decoded(raw)
    marks = value.get("object_marking_refs")
    markings = tuple(one for one in marks if isinstance(one, str)) if isinstance(marks, list) else ()
    creator = value.get("created_by_ref")
    title = title_of(value)
    return Hit(
        id=row.id,
        type=row.type,
        modified=row.version if row.versioned else None,
        version=version_text(row.version, row.versioned, row.text),
        added=row.added,
        title=title,
        title_marks=marks_in(title, words),
        snippet=snippet_of([text for text in said(value) if text != title], words),
        tlp=level_of(markings),
        markings=markings,
        created_by=creator if isinstance(creator, str) else None,
        source=collection.party if collection.kind is Kind.RECEIVED else None,
        collection=collection.id,
        collection_name=collection.name,
        latest=bool(row.rank & LATEST),
        tier=tier,
    )
