"""A query worked out in one scope: which entries fit, how well, and which of them have to be looked at to be sure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import islice
from operator import and_, or_
from typing import Final

import msgspec

from titian.core.collection import Collection, Kind
from titian.core.needles import Fit, Needle, Part, exactly
from titian.core.search import Dated, Query, Tier
from titian.core.stix import is_identifier
from titian.store.database import Transaction
from titian.store.search_bits import SPAN, members
from titian.store.search_index import SCOPE_BITS
from titian.store.search_postings import (
    KEY_BITS,
    beginning_with,
    chunks_of,
    find_terms,
    key_of,
    read_postings,
    sets_of,
    with_part,
)
from titian.store.search_terms import (
    ADDED,
    BY,
    DAY,
    EXACT,
    KEPT,
    LATEST,
    MARK,
    MODIFIED,
    SHOWN,
    TYPE,
    UNMARKED,
    Hash,
    Term,
    day_of,
    day_terms,
    days_between,
    hashed,
    name_term,
    place_term,
    tlp_term,
    type_term,
)

MOST_LIKE: Final = 400
"""Words that one word of a search stands for at most: beyond that, the answer says that it is partial."""
_MOST_TYPES: Final = 500

Numbers = tuple[int, ...]


class Place(msgspec.Struct, frozen=True):
    """A scope as one viewer sees it: the collections of it that the viewer reads; ``whole`` where that is all."""

    scope: int
    collections: Mapping[int, Collection]
    whole: bool


class _Condition(msgspec.Struct, frozen=True):
    """The terms of a filter, one of which an entry must have."""

    terms: tuple[Term, ...]


class Chunk(msgspec.Struct):
    """What fits in one chunk: for each tier a set, apart from one another. ``unsure`` has to be looked at, ``dated``
    are those of them that may lie outside the time; ``types`` are the sets of each type, without the filter by type."""

    place: int
    tiers: list[int]
    unsure: int
    dated: int
    chosen: int
    types: dict[str, int]


class Plan(msgspec.Struct):
    """A query in one scope."""

    place: Place
    chunks: list[Chunk]
    partial: bool

    def numbers(self, tier: Tier, below: int | None) -> Iterator[tuple[int, bool, bool]]:
        """Yield what fits in a tier, the newest first: its number, whether it is sure, and whether its date is not."""
        for chunk in reversed(self.chunks):
            first = chunk.place * SPAN
            if below is not None and first >= below:
                continue
            for low in members(chunk.tiers[tier] & chunk.chosen):
                if below is None or first + low < below:
                    yield first + low, not chunk.unsure >> low & 1, bool(chunk.dated >> low & 1)

    def holds(self, tier: Tier, number: int) -> bool:
        """Whether an entry fits in a tier."""
        return any(
            bool(chunk.tiers[tier] >> number % SPAN & 1) for chunk in self.chunks if chunk.place == number // SPAN
        )

    def unsure(self) -> Iterator[tuple[int, bool]]:
        """Yield all that has to be looked at, of every type, the newest first, with whether its date is not sure."""
        for chunk in reversed(self.chunks):
            for low in members(chunk.unsure):
                yield chunk.place * SPAN + low, bool(chunk.dated >> low & 1)

    def sure(self) -> dict[str, int]:
        """How much is sure to fit, by type."""
        found: dict[str, int] = {}
        for chunk in self.chunks:
            every = reduce(or_, chunk.tiers) & ~chunk.unsure
            for name, bits in chunk.types.items():
                count = (every & bits).bit_count()
                if count:
                    found[name] = found.get(name, 0) + count
        return found


def make_plan(tx: Transaction, place: Place, query: Query, needles: Sequence[Needle], hash_of: Hash) -> Plan:
    """Work out a query in one scope."""
    return _Planner(tx, place, query, needles, hash_of).plan()


class _Planner:
    def __init__(self, tx: Transaction, place: Place, query: Query, needles: Sequence[Needle], hash_of: Hash) -> None:
        self.tx = tx
        self.place = place
        self.query = query
        self.needles = needles
        self.hash_of = hash_of
        self.partial = False

    def plan(self) -> Plan:
        chunks = chunks_of(self.tx, self.place.scope)
        types = self._types()
        texts = [self._texts(needle) for needle in self.needles]
        names = [self._names(needle) for needle in self.needles]
        value = exactly(self.query.text)
        exact = self._numbers([hashed(EXACT, value, self.hash_of)]) if value else ()
        known = self._by_id()
        filters = [self._numbers(one.terms) for one in self._conditions()]
        edges = self._numbers(self._edges())
        party = None if self.query.party is None else self._party(self.query.party)
        wanted = {*self._basic(), *exact, *edges}
        wanted.update(n for groups in (*texts, *names) for group in groups for n in group)
        wanted.update(n for group in (*filters, *(party or ())) for n in group)
        found: list[tuple[int, Chunk]] = []
        for chunk, at, sets in sets_of(self.tx, chunks, wanted):
            base = self._base(sets, party)
            for group in filters:
                base &= _any(sets, group)
            if not base:
                continue
            ids = sum(1 << number % SPAN for number in known if number // SPAN == at)
            fits = self._chunk(at, base, sets, texts, names, _any(sets, exact) | ids, edges)
            if any(fits.tiers):
                found.append((chunk, fits))
        self._add_types(found, types)
        return Plan(self.place, [fits for _, fits in found], self.partial)

    def _chunk(
        self,
        at: int,
        base: int,
        sets: Mapping[int, int],
        texts: Sequence[Sequence[Numbers]],
        names: Sequence[Sequence[Numbers]],
        exact: int,
        edges: Numbers,
    ) -> Chunk:
        every = 0 if self.query.text.strip() else base
        named = 0
        if self.needles:
            every = reduce(and_, (_any(sets, group) for groups in texts for group in groups), base)
            named = reduce(and_, (_any(sets, group) for groups in names for group in groups), base)
        best = base & exact
        named &= ~best
        every &= ~(best | named)
        dated = (best | named | every) & _any(sets, edges)
        unsure = dated | ((named | every) if any(needle.verify for needle in self.needles) else 0)
        return Chunk(at, [best, named, every], unsure, dated, -1, {})

    def _add_types(self, found: Sequence[tuple[int, Chunk]], types: Mapping[str, int]) -> None:
        """Add which entries are of each type, where anything fits at all."""
        places = [(chunk, at) for at, (chunk, _) in enumerate(found)]
        for _, at, held in sets_of(self.tx, places, types.values()):
            fits = found[at][1]
            fits.types = {name: held[number] for name, number in types.items() if number in held}
            if self.query.types:
                fits.chosen = reduce(or_, (fits.types.get(name, 0) for name in self.query.types), 0)

    def _basic(self) -> tuple[int, ...]:
        """The sets that are looked through: the first, and where a party is asked for, what of the second it sent."""
        if self.query.versions:
            return (KEPT,)
        if not self.place.whole or self.query.collection is not None or self.query.agreement is not None:
            return (LATEST,)
        return (SHOWN, LATEST) if self.query.party is not None else (SHOWN,)

    def _base(self, sets: Mapping[int, int], party: tuple[Numbers, Numbers] | None) -> int:
        """What is looked through at all. A set that is not there is empty: what is not known to be held is not."""
        base, *more = (sets.get(number, 0) for number in self._basic())
        if party is None:
            return base
        made, sent = _any(sets, party[0]), _any(sets, party[1])
        found = base & (made | sent)
        for latest in more:
            # What stands for its object elsewhere is found where they sent it, unless it is found as theirs already.
            found |= latest & sent & ~base & ~made
        return found

    # ── filters ───────────────────────────────────────────────────────────────────────────────────────────

    def _types(self) -> dict[str, int]:
        """Every type that there is in the scope, by name."""
        rows = self.tx.all(
            "SELECT term, num FROM search_terms WHERE scope = ? AND term >= ? AND term < ? ORDER BY term LIMIT ?",
            self.place.scope, TYPE, TYPE + b"\xff", _MOST_TYPES,
        )  # fmt: skip
        found = {bytes(term)[1:].decode(): int(num) for term, num in rows}
        missing = self.query.types - found.keys()
        numbers = find_terms(self.tx, self.place.scope, map(type_term, missing)) if missing else {}
        return found | {name: numbers[type_term(name)] for name in missing if type_term(name) in numbers}

    def _conditions(self) -> Iterator[_Condition]:
        query = self.query
        if query.tlp or query.unmarked:
            yield _Condition((*map(tlp_term, query.tlp), *((UNMARKED,) if query.unmarked else ())))
        if query.markings:
            yield _Condition(tuple(hashed(MARK, one, self.hash_of) for one in query.markings))
        if not self.place.whole:
            yield _Condition(tuple(map(place_term, self.place.collections)))
        if query.since is not None or query.until is not None:
            first = -(1 << 70) if query.since is None else query.since
            last = (1 << 70) if query.until is None else query.until - 1
            yield _Condition(tuple(days_between(self._dated, day_of(first), day_of(last))))

    @property
    def _dated(self) -> bytes:
        return ADDED if self.query.dated is Dated.ADDED else MODIFIED

    def _edges(self) -> list[bytes]:
        """The days of which only a part lies within the time."""
        found = []
        for instant in (self.query.since, self.query.until):
            if instant is not None and instant % DAY:
                found.append(day_terms(self._dated, day_of(instant))[2])
        return found

    def _party(self, party: str) -> tuple[Numbers, Numbers]:
        """The terms for what a party has made, and for what it has sent."""
        sent = [
            place_term(one.num)
            for one in self.place.collections.values()
            if one.kind is Kind.RECEIVED and one.party == party
        ]
        return self._numbers([hashed(BY, party, self.hash_of)]), self._numbers(sent)

    def _by_id(self) -> list[int]:
        """The numbers of the entries of an object, when its identifier is what is looked for."""
        text = self.query.text.strip().strip('"')
        return entries_of(self.tx, self.place, text, self.hash_of(text)) if is_identifier(text) else []

    def _numbers(self, terms: Iterable[Term]) -> Numbers:
        return tuple(find_terms(self.tx, self.place.scope, terms).values())

    # ── words ─────────────────────────────────────────────────────────────────────────────────────────────

    def _texts(self, needle: Needle) -> list[Numbers]:
        exact = [part.word for part in needle.parts if part.fit is Fit.EXACT]
        known = find_terms(self.tx, self.place.scope, exact)
        return [
            ((known[part.word],) if part.word in known else ()) if part.fit is Fit.EXACT else self._like(part)
            for part in needle.parts
        ]

    def _like(self, part: Part) -> Numbers:
        """The words that a part of a needle stands for."""
        scope = self.place.scope
        found = dict.fromkeys(find_terms(self.tx, scope, [part.word]).values())
        beginning = beginning_with(self.tx, scope, part.word, MOST_LIKE + 1)
        within = with_part(self.tx, scope, part.word, MOST_LIKE + 1) if part.fit is Fit.INFIX else []
        found.update(dict.fromkeys(beginning))
        found.update(dict.fromkeys(within))
        if len(beginning) > MOST_LIKE or len(within) > MOST_LIKE:
            self.partial = True
        return tuple(found)[: 2 * MOST_LIKE]

    def _names(self, needle: Needle) -> list[Numbers]:
        """The same for the words of names, of which the beginning counts."""
        exact = [name_term(part.word) for part in needle.parts if part.fit is Fit.EXACT]
        known = find_terms(self.tx, self.place.scope, exact)
        found: list[Numbers] = []
        for part in needle.parts:
            term = name_term(part.word)
            if part.fit is Fit.EXACT:
                found.append((known[term],) if term in known else ())
            else:
                found.append(tuple(beginning_with(self.tx, self.place.scope, term, MOST_LIKE)))
        return found


def _any(sets: Mapping[int, int], numbers: Iterable[int]) -> int:
    return reduce(or_, (sets[number] for number in numbers if number in sets), 0)


def entries_of(tx: Transaction, place: Place, identifier: str, id_hash: int) -> list[int]:
    """The numbers, in a scope, of the indexed entries of an object."""
    rows = tx.all(
        f"SELECT e.collection, d.num FROM entries e {tx.using('ix_entries_id')}JOIN search_documents d "
        "ON d.collection = e.collection AND d.added = e.added WHERE e.id_hash = ? AND e.id = ?",
        id_hash, identifier,
    )  # fmt: skip
    return [
        int(num) - (place.scope << SCOPE_BITS)
        for collection, num in rows
        if collection in place.collections and num >> SCOPE_BITS == place.scope
    ]


def referring(
    tx: Transaction, place: Place, terms: Sequence[bytes], *, kind: str | None = None, limit: int
) -> dict[bytes, list[int]]:
    """The numbers, in a scope, of entries that have each of some terms, and are of a type: the newest, up to a limit
    for each term."""
    where: list[Term] = [] if place.whole else [*map(place_term, place.collections)]
    of_type: list[Term] = [type_term(kind)] if kind else []
    numbers = find_terms(tx, place.scope, [*terms, *where, *of_type])
    asked = [term for term in terms if term in numbers]
    found: dict[bytes, list[int]] = {}
    if not asked or any(term not in numbers for term in of_type):
        return found
    chunks = chunks_of(tx, place.scope)[::-1]
    keys = [key_of(chunk, numbers[term]) for term in asked for chunk, _ in chunks]
    held = read_postings(tx, sorted(keys))
    touched = {key >> KEY_BITS for key in held}
    basic = SHOWN if place.whole else LATEST
    also = [basic, *(numbers[term] for term in (*where, *of_type) if term in numbers)]
    more = read_postings(tx, sorted(key_of(chunk, number) for chunk in touched for number in also))
    for chunk, at in chunks:
        if chunk not in touched:
            continue
        sets = {number: more.get(key_of(chunk, number), 0) for number in also}
        within = sets[basic]
        for group in (where, of_type):
            if group:
                within &= _any(sets, [numbers[term] for term in group if term in numbers])
        for term in asked:
            mine = found.setdefault(term, [])
            bits = held.get(key_of(chunk, numbers[term]), 0) & within
            if bits and len(mine) < limit:
                mine += [at * SPAN + low for low in islice(members(bits), limit - len(mine))]
    return found
