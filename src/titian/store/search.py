"""Find: one search over everything that a viewer may see.

What a viewer may not see has no part in it: a party's key is answered from the index of its own released collections,
each of which has words, numbers and sizes of its own (law 1). What is held is answered from the one index over it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from typing import Final, TypeVar

import msgspec

from titian.core.collection import Collection, Kind
from titian.core.errors import InvalidInput, Unavailable
from titian.core.needles import Needle, needles_of
from titian.core.search import Count, Found, Hit, Query, Tier, TypeCount, Viewer, checked
from titian.core.snippet import wanted
from titian.store.database import Transaction
from titian.store.registry import list_collections
from titian.store.search_index import HELD, SCOPE_BITS, Index, scope_of
from titian.store.search_plan import Place, Plan, make_plan
from titian.store.search_rows import Found as Row
from titian.store.search_rows import bytes_of, hit_of, is_within, rows_of, says
from titian.store.store import Store

CATCH_UP_SECONDS: Final = 1.5
"""How long a search indexes what came in since, before it answers with what there is: some thousand entries."""
QUIET: Final = 2_000_000
"""Microseconds for which nothing came in, so that a large import is over: until then, it has the database to itself."""
MOST_LOOKED_AT: Final = 600
"""Objects that a search reads, to be sure that they fit, for its counts, and half as many more for its page."""
_ROWS_AT_ONCE: Final = 64
_IN_BACKGROUND: Final = 4_000
"""Entries that the clock indexes in one transaction: many at one time, because each touches most of the last chunk."""
EVERYTHING: Final = Query()

T = TypeVar("T")


class _Cursor(msgspec.Struct, frozen=True, rename={"tier": "t", "places": "p"}):
    """Where a page ended: in which tier, and behind which entry of each scope (collection id, ``date_added``)."""

    tier: int
    places: dict[str, tuple[str, int]]


class Find:
    """Finds what is held. Safe to share between threads. ``tick`` takes out of released collections what has ended."""

    def __init__(self, store: Store, tick: Callable[[], object] = lambda: None) -> None:
        self._store = store
        self.end = tick
        self.index = Index(store)

    def __call__(self, viewer: Viewer, query: Query) -> Found:
        """The same as :meth:`find`."""
        return self.find(viewer, query)

    def find(self, viewer: Viewer, query: Query) -> Found:
        """Find what a viewer may see and what fits a query, one page of it.

        It is never behind what is held when it is called, but for what :attr:`Found.behind` counts. Raises
        :class:`InvalidInput` for a cursor or a limit that is none of ours.
        """
        query = checked(query)
        found, behind = self.looking(viewer, lambda tx, places: _Search(tx, self._store, places, query).found(), query)
        return msgspec.structs.replace(found, behind=behind)

    def looking(
        self, viewer: Viewer, look: Callable[[Transaction, Sequence[Place]], T], query: Query = EVERYTHING
    ) -> tuple[T, int]:
        """Use what a viewer may see, in one snapshot with an index that is in step, or behind by so many entries."""
        caught_up = False
        for _ in range(4):
            with self._store.reading() as tx:
                places, due = places_of(list_collections(tx), viewer, query, self._store.clock())
                scopes = frozenset(place.scope for place in places)
                late = not due and self.index.is_behind(tx, scopes)
                if not due and (not late or caught_up):
                    behind = self.index.behind(tx, scopes) if late else 0
                    return look(tx, places), behind
            if due:
                self.end()
            else:
                self.index.catch_up(scopes, seconds=CATCH_UP_SECONDS)
                caught_up = True
        raise Unavailable("What has ended is being taken out.", advice="Try again in a moment.")

    def count(self, tx: Transaction, places: Sequence[Place]) -> dict[str, int]:
        """How many objects of each type there are in what a viewer sees."""
        found: dict[str, int] = {}
        for place in places:
            for name, number in make_plan(tx, place, EVERYTHING, (), self._store.log.id_hash).sure().items():
                found[name] = found.get(name, 0) + number
        return found

    def tick(self, seconds: float = 1.0) -> int:
        """Bring the index into step, for about so long; how many entries were indexed. For the clock to call.

        A large import is let finish first: it would be slower, and what it brings is indexed quicker at one time.
        """
        with self._store.reading() as tx:
            if self.index.is_growing(tx, self._store.clock() - QUIET, _IN_BACKGROUND):
                return 0
        done = self.catch_up(seconds)
        if not done:
            self.index.sweep(seconds=seconds)
        return done

    def catch_up(self, seconds: float) -> int:
        """Bring the index into step at once, for about so long; how many entries were indexed."""
        return self.index.catch_up(seconds=seconds, batch=_IN_BACKGROUND)

    def rebuild(self) -> None:
        """Forget the index; the next ticks, or the next searches, make it anew."""
        self.index.forget()


def places_of(every: Sequence[Collection], viewer: Viewer, query: Query, at: int) -> tuple[list[Place], bool]:
    """What of all collections a viewer looks into, scope by scope, and whether something in it has ended by now."""
    chosen: list[Collection] = []
    for one in every:
        if query.collection is not None or query.agreement is not None:
            fits = query.collection in (None, one.id) and query.agreement in (None, one.agreement)
            if fits and viewer.sees(one, at):
                chosen.append(one)
        elif viewer.searches(one, at):
            chosen.append(one)
    due = not viewer.is_organisation and any(
        one.kind is Kind.RELEASED and one.expiry is not None and one.expiry <= at for one in chosen
    )
    scopes: dict[int, dict[int, Collection]] = {}
    for one in chosen:
        scopes.setdefault(scope_of(one), {})[one.num] = one
    held = {one.num for one in every if scope_of(one) == HELD}
    return [Place(scope, found, scope != HELD or held == found.keys()) for scope, found in scopes.items()], due


class _Search:
    """One search in one snapshot."""

    def __init__(self, tx: Transaction, store: Store, places: Sequence[Place], query: Query) -> None:
        self.tx = tx
        self.store = store
        self.query = query
        self.needles: tuple[Needle, ...] = needles_of(query.text)
        self.plans = [make_plan(tx, place, query, self.needles, store.log.id_hash) for place in places]
        self.fits: dict[tuple[int, int], bool] = {}
        self.left = MOST_LOOKED_AT

    def found(self) -> Found:
        """The page."""
        cursor = self._cursor()
        types, more = self._counts()
        self.left = MOST_LOOKED_AT // 2
        page, after = self._page(cursor)
        counts = sorted(types.items(), key=lambda one: (-one[1], one[0]))
        total = sum(count for name, count in counts if not self.query.types or name in self.query.types)
        return Found(
            hits=self._hits(page),
            more=after is not None,
            next=after,
            total=Count.of(total, more=more),
            types=tuple(TypeCount(name, Count.of(count, more=more)) for name, count in counts),
            partial=any(plan.partial for plan in self.plans),
        )

    # ── counts ────────────────────────────────────────────────────────────────────────────────────────────

    def _counts(self) -> tuple[dict[str, int], bool]:
        """How much fits, by type, and whether that is only what was looked at."""
        found: dict[str, int] = {}
        more = False
        for plan in self.plans:
            for name, count in plan.sure().items():
                found[name] = found.get(name, 0) + count
            waiting: list[tuple[int, bool]] = []
            for number, dated in plan.unsure():
                if len(waiting) >= self.left:
                    more = True
                    break
                waiting.append((number, dated))
            self.left -= len(waiting)
            for row in self._looked_at(plan, waiting):
                found[row.type] = found.get(row.type, 0) + 1
        return found, more

    def _looked_at(self, plan: Plan, numbers: Sequence[tuple[int, bool]]) -> list[Row]:
        """Those of some entries that fit when one looks at them; whether they do is remembered."""
        scope = plan.place.scope
        dated = dict(numbers)
        rows = rows_of(self.tx, scope, [number for number, _ in numbers])
        # What is found as a whole need not be looked at for its words, only for its date.
        here = [row for row in rows if not dated[row.number] or is_within(row, self.query)]
        if any(needle.verify for needle in self.needles):
            raws = bytes_of(self.tx, here)
            here = [
                row
                for row, raw in zip(here, raws, strict=True)
                if plan.holds(Tier.EXACT, row.number) or says(raw, self.needles)
            ]
        fit = {row.number for row in here}
        self.fits.update({(scope, number): number in fit for number, _ in numbers})
        return here

    # ── the page ──────────────────────────────────────────────────────────────────────────────────────────

    def _page(self, cursor: _Cursor | None) -> tuple[list[tuple[Tier, Plan, Row]], str | None]:
        """The entries of a page, and the cursor behind it when there is more."""
        page: list[tuple[Tier, Plan, Row]] = []
        ends: dict[str, tuple[str, int]] = dict(cursor.places) if cursor else {}
        tier = Tier(cursor.tier) if cursor else Tier.EXACT
        streams = [self._stream(plan, cursor) for plan in self.plans]
        seen: set[str] = set()
        for at, _, _, plan, row, fits in merge(*streams, key=lambda one: one[:3]):
            if len(page) >= self.query.limit or fits is None:
                return page, _written(_Cursor(int(tier), ends))
            if at is not tier:
                tier, ends = at, {}
            ends[_name(plan)] = (plan.place.collections[row.collection].id, row.added)
            if fits and (self.query.versions or plan.place.scope != HELD or row.id not in seen):
                seen.add(row.id)
                page.append((at, plan, row))
        return page, None

    def _stream(self, plan: Plan, cursor: _Cursor | None) -> Iterator[tuple[Tier, int, str, Plan, Row, bool | None]]:
        """Yield what may fit in one scope, the best and newest first; None for whether it does ends the search."""
        first = Tier(cursor.tier) if cursor else Tier.EXACT
        for tier in Tier:
            if tier < first:
                continue
            below = self._below(plan, cursor) if cursor and tier == first else None
            waiting: list[tuple[int, bool, bool]] = []
            for one in plan.numbers(tier, below):
                waiting.append(one)
                if len(waiting) == _ROWS_AT_ONCE:
                    yield from self._rows(plan, tier, waiting)
                    waiting = []
            yield from self._rows(plan, tier, waiting)

    def _rows(
        self, plan: Plan, tier: Tier, waiting: Sequence[tuple[int, bool, bool]]
    ) -> Iterator[tuple[Tier, int, str, Plan, Row, bool | None]]:
        scope = plan.place.scope
        unknown = [(number, dated) for number, sure, dated in waiting if not sure and (scope, number) not in self.fits]
        self.left -= len(unknown)
        beyond = {number for number, _ in unknown} if self.left < 0 else set()
        if not beyond:
            self._looked_at(plan, unknown)
        for row in rows_of(self.tx, scope, [number for number, _, _ in waiting]):
            fits = None if row.number in beyond else self.fits.get((scope, row.number), True)
            yield tier, -row.added, plan.place.collections[row.collection].id, plan, row, fits

    def _below(self, plan: Plan, cursor: _Cursor) -> int | None:
        """The number behind which a scope goes on."""
        where = cursor.places.get(_name(plan))
        if where is None:
            return None
        reference, added = where
        collection = next((one for one in plan.place.collections.values() if one.id == reference), None)
        if collection is None:
            raise _no_cursor()
        row = self.tx.one(
            "SELECT num, added FROM search_documents WHERE collection = ? AND added <= ? ORDER BY added DESC LIMIT 1",
            collection.num, added,
        )  # fmt: skip
        if row is None:
            return 0
        number = int(row[0]) - (plan.place.scope << SCOPE_BITS)
        return number if row[1] == added else number + 1

    def _hits(self, page: Sequence[tuple[Tier, Plan, Row]]) -> tuple[Hit, ...]:
        words = wanted(self.needles)
        raws = bytes_of(self.tx, [row for _, _, row in page])
        return tuple(
            hit_of(row, raw, plan.place.collections[row.collection], tier, words)
            for (tier, plan, row), raw in zip(page, raws, strict=True)
        )

    # ── the cursor ────────────────────────────────────────────────────────────────────────────────────────

    def _cursor(self) -> _Cursor | None:
        text = self.query.after
        if text is None:
            return None
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            found = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Cursor)
            Tier(found.tier)
        except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError):
            raise _no_cursor() from None
        if any(not 0 <= added < 1 << 62 for _, added in found.places.values()):
            raise _no_cursor()
        return found


def _name(plan: Plan) -> str:
    """What a scope is called in a cursor: by what its reader knows already."""
    return "" if plan.place.scope == HELD else next(iter(plan.place.collections.values())).id


def _written(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _no_cursor() -> InvalidInput:
    return InvalidInput("This page cannot be gone on from.", advice="Begin the search again.")
