"""Standing subscriptions as values: what was asked for, how it goes, and when to try again."""

from __future__ import annotations

from typing import Final

import msgspec

from titian.core.recall import Policy

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
SHORTEST: Final = SECOND
LONGEST_PAUSE: Final = HOUR
"""Between tries of a partner that does not answer; a longer interval stays what it is."""
_DOUBLINGS: Final = 6
_KEPT: Final = 20


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. ``every`` is in microseconds; ``quota`` is how many objects are taken in a day.

    ``party`` is the sender's identifier, ``remote`` that of its collection. ``private`` says that an administrator
    named an address that may be on this machine or a private network.
    """

    url: str
    remote: str
    title: str
    agreement: str
    party: str
    every: int
    key_id: str = ""
    user: str | None = None
    ca_file: str | None = None
    private: bool = True
    on_recall: Policy = Policy.FLAG
    quota: int = 1_000_000
    by: str = ""


class Gap(msgspec.Struct, frozen=True):
    """Something that the sender's record and what arrived do not agree on: when it was found (microseconds), what."""

    at: int
    what: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How a subscription goes. Instants are microseconds since the Unix epoch.

    ``cursor`` is where the next pull goes on. ``lag`` is the time between the sender's putting the newest object that
    arrived into the collection and its arrival. ``pushed`` is up to where what goes back was sent. ``ledger`` is the
    origin of the sender's ledger, ``verified`` how many of its entries this node has checked and ``checked`` when.
    """

    cursor: bytes | None = None
    tried: int | None = None
    succeeded: int | None = None
    failures: int = 0
    error: str | None = None
    pages: int = 0
    read: int = 0
    accepted: int = 0
    known: int = 0
    quarantined: int = 0
    lag: int | None = None
    gaps: tuple[Gap, ...] = ()
    pushed: int = 0
    day: int = 0
    today: int = 0
    ledger: str | None = None
    verified: int = 0
    checked: int | None = None
    paused: str | None = None

    def with_gaps(self, found: tuple[Gap, ...]) -> Progress:
        """The same with gaps that were found; the latest are kept."""
        told = {gap.what for gap in self.gaps}
        fresh = tuple(gap for gap in found if gap.what not in told)
        return msgspec.structs.replace(self, gaps=(*self.gaps, *fresh)[-_KEPT:])


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One standing subscription: into which ``collection`` (its number) it goes, and when it is tried next."""

    id: str
    collection: int
    created: int
    next_try: int
    terms: Terms
    progress: Progress
    ended: int | None = None


def next_try(now: int, every: int, failures: int, chance: float) -> int:
    """Return when to try again: after the interval, after failures exponentially later, with a tenth of jitter.

    ``chance`` is a random number from 0 to 1.

    >>> next_try(0, 10 * SECOND, 0, 0.5), next_try(0, 10 * SECOND, 2, 0.5), next_try(0, DAY, 5, 0.5) == DAY
    (10000000, 40000000, True)
    """
    pause = min(every << min(failures, _DOUBLINGS), max(every, LONGEST_PAUSE))
    return now + int(pause * (0.9 + 0.2 * chance))
