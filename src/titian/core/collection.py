"""A TAXII collection as values: what it is, what goes into it, what is asked of it, what comes out.

A collection is an append-only log. Its cursor is ``date_added``: microseconds since the Unix epoch,
assigned by the node, strictly increasing inside one collection in the order of commits.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final

import msgspec

STIX_MEDIA_TYPE: Final = "application/stix+json;version=2.1"


class Kind(StrEnum):
    """What a collection is for, and so who may read it."""

    OWN = "own"
    """The organisation's own: nobody outside reads it."""
    RECEIVED = "received"
    """What came from a party, whose markings bind us."""
    RELEASED = "released"
    """What one party sees under one agreement. Only a release writes into it."""
    DIRECTORY = "directory"
    """Parties, communities, dialogues, agreements and consents. Only their own verbs write into it."""


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A TAXII collection (TAXII 2.1 section 5.2.1).

    ``num`` is the node's own short number, never shown; ``generation`` changes with every change of what the
    collection holds; ``readable`` and ``writable`` bound what any partner may do with it. ``agreement`` and ``party``
    are identifiers; ``opens``, ``closes`` (exclusive) and ``expiry``, when the next of its entries ends, are
    microseconds since the Unix epoch. ``taken`` counts how often something was taken back from a released collection.
    """

    num: int
    id: str
    name: str
    alias: str | None = None
    description: str | None = None
    readable: bool = True
    writable: bool = True
    created: int
    generation: int = 0
    last_added: int = 0
    kind: Kind = Kind.OWN
    agreement: str | None = None
    party: str | None = None
    opens: int | None = None
    closes: int | None = None
    expiry: int | None = None
    taken: int = 0

    @property
    def is_inbox(self) -> bool:
        """Whether its party puts into it what it sends back under an agreement: sightings, answers to recalls."""
        return self.kind is Kind.RECEIVED and self.agreement is not None

    def is_open(self, at: int) -> bool:
        """Whether its party may use a released collection, or an inbox, at an instant: fails closed."""
        return self.opens is not None and self.opens <= at and (self.closes is None or at < self.closes)


class Incoming(msgspec.Struct, frozen=True):
    """One valid object on its way in: its key, and its bytes as they were received.

    ``version`` is ``modified`` (else ``created``) in microseconds and ``text`` the same as it is written there, both
    ``None`` for an object without versions. ``digest`` is the SHA-256 of ``raw`` where that is known already.
    """

    id: str
    type: str
    version: int | None
    raw: bytes
    text: str | None = None
    digest: bytes | None = None


class Outcome(Enum):
    """What became of one incoming object."""

    ADDED = "added"
    KNOWN = "known"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"


class Appended(msgspec.Struct, frozen=True):
    """What became of one incoming object, with its version as :func:`version_text` gives it; ``why`` it is in the
    quarantine, if it is."""

    id: str
    version: str
    outcome: Outcome
    why: str = ""


_EPOCH: Final = datetime(1970, 1, 1)  # naive: the Z is written by hand
_FIRST_MICRO: Final = -62_135_596_800_000_000
_LAST_MICRO: Final = 253_402_300_799_999_999


def timestamp(micros: int) -> str:
    """Write microseconds since the Unix epoch as a TAXII timestamp (TAXII 2.1 section 2): six decimals and ``Z``.

    >>> timestamp(1_600_000_000_000_001)
    '2020-09-13T12:26:40.000001Z'
    """
    moment = _EPOCH + timedelta(microseconds=max(_FIRST_MICRO, min(micros, _LAST_MICRO)))
    return moment.isoformat(timespec="microseconds") + "Z"


def version_text(version: int, versioned: bool, text: str | None) -> str:
    """Return the version of an object as TAXII shows it: ``modified`` to the letter (TAXII 2.1 section 4.3.1).

    ``text`` is kept only where it is not the usual form with milliseconds. An object without versions shows when
    this collection first had it.

    >>> version_text(1_600_000_000_000_000, True, None), version_text(1_600_000_000_000_000, False, None)
    ('2020-09-13T12:26:40.000Z', '2020-09-13T12:26:40.000000Z')
    """
    if text is not None:
        return text
    six = timestamp(version)
    return six[:23] + "Z" if versioned else six


def unusual(text: str | None) -> str | None:
    """Return the text of a version when it must be kept beside its microseconds: when it has not three decimals, or
    names a leap second.

    >>> unusual("2020-09-13T12:26:40.000Z"), unusual("2020-09-13T12:26:40Z")
    (None, '2020-09-13T12:26:40Z')
    """
    usual = text is None or (len(text) == len("2020-09-13T12:26:40.000Z") and text[17:19] != "60")
    return None if usual else text


class Versions(msgspec.Struct, frozen=True):
    """Which versions of each object are asked for (TAXII 2.1 section 3.4.1, ``match[version]``)."""

    last: bool = True
    first: bool = False
    all: bool = False
    exact: frozenset[int] = frozenset()


LAST: Final = Versions()
ALL: Final = Versions(last=False, all=True)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader asks of a collection: every condition holds, each set is a choice; ``None`` is no condition.

    ``after`` is the cursor: only entries with a later ``date_added`` (microseconds).
    """

    after: int = 0
    limit: int = 1000
    ids: frozenset[str] | None = None
    types: frozenset[str] | None = None
    versions: Versions = LAST
    spec_versions: frozenset[str] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether no filter leaves anything out: every version of every object behind the cursor."""
        anything = self.ids is None and self.types is None and self.spec_versions is None
        return anything and self.versions.all

    def of_all_versions(self) -> Selection:
        """The same selection over every version."""
        return msgspec.structs.replace(self, versions=ALL)


class Page(msgspec.Struct, frozen=True):
    """One page of objects: ``joined`` holds them separated by commas, byte for byte as they were received.

    ``first`` and ``last`` are the ``date_added`` of its ends, 0 when it is empty; ``more`` says that the
    collection holds further objects of the same selection. ``digests`` has SHA-256 of each object, one behind the
    other, where that was asked for.
    """

    joined: list[bytes]
    count: int
    first: int
    last: int
    more: bool
    digests: bytes | None = None

    def enclosed(self, prefix: bytes, suffix: bytes) -> bytes:
        """Return the whole page between ``prefix`` and ``suffix``, copied once: it is over a megabyte.

        >>> Page([b"{}", b"[]"], 2, 1, 2, False).enclosed(b"<", b">")
        b'<{},[]>'
        """
        if not self.joined:
            return prefix + suffix
        parts = [*self.joined]
        parts[0] = prefix + parts[0]
        parts[-1] += suffix
        return b",".join(parts)


class Record(msgspec.Struct, frozen=True):
    """What a manifest says of one entry (TAXII 2.1 section 5.3.1); ``added`` in microseconds."""

    id: str
    added: int
    version: str


class Records(msgspec.Struct, frozen=True):
    """One page of records."""

    records: list[Record]
    more: bool
