"""Following a partner's ledger: do its entries fit each other, and what arrived here?

What a partner has released, taken back and handed over stands in its ledger in the order in which it happened. Whoever
reads along knows exactly how many objects each delivery must have had, and notices the one that never came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Final

import msgspec

from titian.core.errors import InvalidInput
from titian.core.ledger import Entry, Kind, Micros, Opened, Run, Several

TOLERANCE: Final = 15 * 60 * 1_000_000
"""How far a partner's clock may be off before its entries look back-dated, in microseconds."""


_UNFIT: Final = (KeyError, TypeError, ValueError, msgspec.ValidationError)
"""What reading details raises that say something else than they must."""


class Lane(msgspec.Struct, frozen=True):
    """One collection of the partner: what it has released and not yet handed over, and up to where it has."""

    pending: tuple[Run, ...] = ()
    covered: int = 0


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What following a ledger has to remember: the time of the latest entry that was opened, and the lanes by the
    identifier of their collection."""

    latest: int = 0
    lanes: Mapping[str, Lane] = {}


class Finding(msgspec.Struct, frozen=True):
    """Something that does not fit: what, in a sentence, and at which entry."""

    what: str
    entry: int | None = None


class NewKey(msgspec.Struct, frozen=True):
    """A change of the keys that sign: each public half in base64; ``until`` when the old one stops, in microseconds."""

    new: str | None
    old: str | None
    until: int | None
    compromised: int | None


class _Change(msgspec.Struct, frozen=True):
    """Details of a release, or of a withdrawal."""

    collection: str
    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        for before, after in pairwise(self.runs):
            if after.first <= before.last:
                raise ValueError("runs that do not follow each other")


class _Handed(msgspec.Struct, frozen=True):
    """Details of a delivery of objects."""

    collection: str
    after: Micros
    last: Micros
    count: Several
    digest: str
    whole: bool


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What reading on has given: the state to remember, what does not fit, which entry records each delivery that was
    received (by the digest of it), and changes of the keys that sign the ledger."""

    watch: Watch
    findings: tuple[Finding, ...]
    deliveries: Mapping[bytes, int]
    keys: tuple[NewKey, ...]


def delivered(opened: Iterable[Opened]) -> set[bytes]:
    """Return the digests of the pages of objects that these entries say were handed over.

    What cannot be read says nothing; :func:`follow` tells of it.
    """
    found = set()
    for one in opened:
        with suppress(InvalidInput, *_UNFIT):
            entry = one.entry
            if entry.kind is Kind.DELIVERY and entry.details.get("view") == "objects":
                found.add(bytes.fromhex(entry.details["digest"]))
    return found


def never_came(before: Watch, after: Watch, collection: str) -> int:
    """Return how many objects of a collection had been released when it was last looked, and are still waiting now,
    after the collection was read to its end."""
    then, now = (watch.lanes.get(collection, Lane()).pending for watch in (before, after))
    return count(then) - count(without(then, now))


def follow(
    watch: Watch, opened: Sequence[Opened], received: Mapping[bytes, int], *, cosigned: int | None = None
) -> Followed:
    """Read on in a ledger.

    :param received: digests of those pages that did arrive here, and how many objects each had.
    :param cosigned: when this node last cosigned the ledger without these entries, in microseconds.
    """
    reading = _Reading(watch, received)
    for one in opened:
        reading.read(one, cosigned)
    return reading.done()


class _Reading:
    def __init__(self, watch: Watch, received: Mapping[bytes, int]) -> None:
        self.latest = watch.latest
        self.lanes = dict(watch.lanes)
        self.received = received
        self.findings: list[Finding] = []
        self.deliveries: dict[bytes, int] = {}
        self.keys: list[NewKey] = []

    def read(self, one: Opened, cosigned: int | None) -> None:
        try:
            entry = one.entry
        except InvalidInput as error:
            self.findings.append(Finding(error.message, one.num))
            return
        if entry.at < self.latest:
            self.findings.append(Finding(f"Entry {one.num} is older than one before it.", one.num))
        elif cosigned is not None and entry.at < cosigned - TOLERANCE:
            late = (cosigned - entry.at) // 1_000_000
            self.findings.append(
                Finding(f"Entry {one.num} is dated {late:,} s before the ledger was last seen without it.", one.num)
            )
        self.latest = max(self.latest, entry.at)
        try:
            self._take(one.num, entry)
        except _UNFIT:
            self.findings.append(Finding(f"Entry {one.num} does not say what one of its kind must.", one.num))

    def _take(self, num: int, entry: Entry) -> None:
        details = dict(entry.details)
        if entry.kind in (Kind.RELEASE, Kind.WITHDRAWAL):
            told = msgspec.convert(details, _Change)
            lane = self._lane(told.collection)
            released = entry.kind is Kind.RELEASE
            pending = (*lane.pending, *told.runs) if released else without(lane.pending, told.runs)
            self.lanes[told.collection] = Lane(pending, lane.covered)
        elif entry.kind is Kind.DELIVERY:
            if details["view"] == "objects":
                self._delivery(num, msgspec.convert(details, _Handed))
        elif entry.kind is Kind.KEY and details.get("role") == "log":
            self.keys.append(msgspec.convert(details, NewKey))

    def _delivery(self, num: int, told: _Handed) -> None:
        digest = bytes.fromhex(told.digest)
        if digest not in self.received:
            return
        self.deliveries[digest] = num
        came = self.received[digest]
        if told.count != came:
            self.findings.append(Finding(f"Entry {num} speaks of {told.count:,} objects, and {came:,} arrived.", num))
        if not told.whole:
            return
        lane, after, last = self._lane(told.collection), told.after, told.last
        span = (Run(after + 1, last - after),) if last > after else ()
        due = count(lane.pending) - count(left := without(lane.pending, span))
        if came < due:
            self.findings.append(
                Finding(f"Entry {num}: {came:,} objects were handed over where {due:,} were released.", num)
            )
        self.lanes[told.collection] = Lane(left, max(lane.covered, last))

    def done(self) -> Followed:
        for identifier, lane in self.lanes.items():
            missed = count(run for run in lane.pending if run.last <= lane.covered)
            if missed:
                self.findings.append(
                    Finding(f"{missed:,} objects of the collection {identifier} were released and passed over.")
                )
                self.lanes[identifier] = Lane(tuple(r for r in lane.pending if r.last > lane.covered), lane.covered)
        watch = Watch(latest=self.latest, lanes=self.lanes)
        return Followed(watch=watch, findings=tuple(self.findings), deliveries=self.deliveries, keys=tuple(self.keys))

    def _lane(self, collection: str) -> Lane:
        return self.lanes.get(collection, Lane())


def count(some: Iterable[Run]) -> int:
    """Return how many objects lie in some runs."""
    return sum(run.count for run in some)


def without(some: Sequence[Run], gone: Sequence[Run]) -> tuple[Run, ...]:
    """Return runs without those parts of them that lie in others. Both are ascending.

    >>> without([Run(5, 10)], [Run(1, 5), Run(8, 2)])
    (Run(first=6, count=2), Run(first=10, count=5))
    """
    left: list[Run] = []
    for run in some:
        first = run.first
        for other in gone:
            if other.last < first:
                continue
            if other.first > run.last:
                break
            if other.first > first:
                left.append(Run(first, other.first - first))
            first = max(first, other.last + 1)
        if first <= run.last:
            left.append(Run(first, run.last - first + 1))
    return tuple(left)
