"""Walking through the pages of a TAXII 2.1 collection: paging, resuming, and noticing a walk without end.

Two ways lead from page to page (TAXII 2.1 section 3.5): ``next`` with the same filters as before, or, where a
server gives no ``next``, ``added_after`` moved to the last page's ``X-TAXII-Date-Added-Last``. They are never
mixed. The second way loses objects if several carry one date and a page ends among them, so it asks again
from a microsecond earlier and leaves out what the page before already had.

A page token is used once and never kept: on servers whose token stands for a place in their memory (medallion
3.0 does so, and scroll ids) asking a second time gives the page after the one that got lost. What goes on
after a crash or a broken connection therefore goes on by date, from a microsecond before the last page's end.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from titian.core.errors import PeerRefused, PeerUntrusted, Unavailable
from titian.wire.outbound_limits import Limits
from titian.wire.taxii_page import Page
from titian.wire.taxii_time import read_moment, taxii_timestamp, write_moment

_TICK: Final = datetime.timedelta(microseconds=1)
_KEPT: Final = "What was received so far is kept; pull again to go on."


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a walk stands: the TAXII timestamp to begin after, `None` for the beginning.

    Persist it after storing a page. Beginning again with it loses nothing; it repeats what carries the last
    date of that page, or, if the server gives no dates in order, what came since the walk began. It fits the
    collection and the filters it was made with, no others.
    """

    added_after: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class PulledPage:
    """A page, and the cursor to persist once its objects are stored."""

    page: Page[bytes]
    cursor: Cursor


Fetch = Callable[[Mapping[str, str]], Page[bytes]]
"""Asks for one page with these query parameters."""


def walk(
    fetch: Fetch,
    *,
    start: Cursor | None = None,
    filters: Mapping[str, str] | None = None,
    limit: int = 1000,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
) -> Iterator[PulledPage]:
    """Yield page after page until the server says that there is no more.

    Raises `PeerUntrusted` when the server does not come to an end: repeated pages, empty pages that promise
    more, no way to the next page, dates that go back or lie in the future, or a bound of ``limits``.
    """
    bounds = limits or Limits()
    state = _Walk(bounds, start or Cursor(), dict(filters or {}), limit, clock, now)
    while not state.complete:
        try:
            page = fetch(state.query())
        except (PeerRefused, Unavailable):
            if not state.restart():
                raise
            continue
        fresh = state.take(page)
        if fresh is not None:
            yield PulledPage(fresh, state.cursor())


class _Walk:
    def __init__(
        self,
        limits: Limits,
        start: Cursor,
        filters: dict[str, str],
        limit: int,
        clock: Callable[[], float],
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._limits, self._filters, self._limit = limits, filters, limit
        self._clock, self._now = clock, now
        self._after = start.added_after and taxii_timestamp(start.added_after)
        self._token: str | None = None
        self._restart: str | None = None  # a moment that surely loses nothing, once there is one
        self._newest: str | None = None
        self._sorted = True
        self._last_objects: list[bytes] = []
        self._seen_pages: set[bytes] = set()
        self._edge: set[bytes] = set()  # objects that may come again, because they carry the edge's date
        self._edge_size = 0
        self._began = clock()
        self._pages = self._bytes = self._empty = self._restarts = 0
        self._restarted_at: str | None = None
        self.complete = False

    def query(self) -> dict[str, str]:
        query = {**self._filters, "limit": str(self._limit)}
        if self._after is not None:
            query["added_after"] = self._after
        if self._token is not None:
            query["next"] = self._token
        return query

    def cursor(self) -> Cursor:
        if self.complete:
            # An empty answer has no dates: the next walk begins where this one did.
            newest = max((moment for moment in (self._newest, self._after) if moment), default=None)
            return Cursor(newest)
        return Cursor(self._restart or self._after)

    def restart(self) -> bool:
        """Go on by date instead of by a page token that failed; say whether that is possible."""
        moment = self._restart or self._after
        if self._token is None:
            return False
        self._restarts = 1 if moment != self._restarted_at else self._restarts + 1
        if self._restarts > self._limits.restarts:
            return False
        self._after, self._token, self._restarted_at = moment, None, moment
        self._newest = self._restart
        self._edge = set(map(_digest, self._last_objects))
        self._seen_pages.clear()
        return True

    def take(self, page: Page[bytes]) -> Page[bytes] | None:
        """Judge a page, work out the way on, and return what is new in it, `None` if nothing was asked."""
        self._count(page)
        self._check_dates(page)
        by_token = page.more and page.next is not None
        if by_token:
            self._check_progress(page)
        fresh = self._without_edge(page)
        if not page.more:
            self.complete = True
        elif by_token:
            self._token = page.next
            self._restart = _earlier(page.last) if self._sorted and page.last else self._restart
            self._last_objects = page.objects or self._last_objects
            self._edge.clear()
        elif not self._step(page, fresh):
            return None
        if page.last is not None:
            self._newest = max(self._newest or page.last, page.last)
        return fresh

    def _count(self, page: Page[bytes]) -> None:
        self._pages += 1
        self._bytes += sum(map(len, page.objects))
        bounds = self._limits
        over = {
            f"{bounds.pull_pages} pages": self._pages > bounds.pull_pages,
            f"{bounds.pull_bytes} bytes": self._bytes > bounds.pull_bytes,
            f"{bounds.pull_seconds:g} seconds": self._clock() - self._began > bounds.pull_seconds,
        }
        for bound, passed in over.items():
            if passed:
                raise PeerUntrusted(f"The server does not come to an end within {bound}.", advice=_KEPT)
        self._empty = 0 if page.objects else self._empty + 1
        if page.more and self._empty > self._limits.empty_pages:
            raise PeerUntrusted(f"The server promises more, and sent {self._empty} pages with nothing on them.")

    def _check_dates(self, page: Page[bytes]) -> None:
        last = page.last and read_moment(page.last)
        if not last or page.last is None:
            self._sorted = self._sorted and not page.objects
            return
        if (last - self._now()).total_seconds() > self._limits.future_seconds:
            raise PeerUntrusted(
                f"The server says that it added its last object at {page.last}, which is in the future.",
                advice="Compare its clock and this node's.",
            )
        if self._newest is not None and page.last < self._newest:
            self._sorted, self._restart = False, None

    def _check_progress(self, page: Page[bytes]) -> None:
        # A token may stay the same (a scroll id does), and one object may come twice, but not a whole page.
        if not page.objects:
            return
        digest = hashlib.blake2b(b"\n".join(page.objects), digest_size=16).digest()
        if digest in self._seen_pages:
            raise PeerUntrusted("The server sends the same page again and promises more.", advice=_KEPT)
        self._seen_pages.add(digest)

    def _without_edge(self, page: Page[bytes]) -> Page[bytes]:
        if not self._edge:
            return page
        fresh = [element for element in page.objects if _digest(element) not in self._edge]
        return dataclasses.replace(page, objects=fresh, repeated=len(page.objects) - len(fresh))

    def _step(self, page: Page[bytes], fresh: Page[bytes]) -> bool:
        """Move ``added_after``; return whether that was possible, `False` to ask for a larger page."""
        if page.last is None:
            raise PeerUntrusted(
                "The server promises more, and gives neither `next` nor a date to go on from.", advice=_KEPT
            )
        if self._newest is not None and page.last < self._newest:
            raise PeerUntrusted(f"The dates of the server go back, from {self._newest} to {page.last}.")
        if not fresh.objects:
            return self._widen(page)
        if page.last != self._newest:
            self._edge.clear()
        self._edge.update(map(_digest, page.objects))
        self._edge_size = 0
        self._after, self._token, self._restart = _earlier(page.last), None, None
        return True

    def _widen(self, page: Page[bytes]) -> bool:
        # More objects carry one date than fit on a page: a larger page is the only way that loses none.
        size = len(page.objects)
        if not size:
            raise PeerUntrusted("The server promises more, gives no `next`, and sends nothing.", advice=_KEPT)
        if size <= self._edge_size or self._limit * 2 > self._limits.page_objects:
            raise PeerUntrusted(
                f"The server gives no `next`, and at least as many objects as its page holds ({size}) were "
                f"added at {page.last}: they cannot be read without loss.",
                advice="Narrow the pull by `match`, or ask the server's operator for a larger page.",
            )
        self._edge_size = size
        self._limit *= 2
        return False


def _earlier(moment: str) -> str:
    found = read_moment(moment)
    if found is None or found.year == 1:
        return moment
    return write_moment(found - _TICK)


def _digest(element: bytes) -> bytes:
    return hashlib.blake2b(element, digest_size=16).digest()
