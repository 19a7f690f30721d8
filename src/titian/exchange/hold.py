"""Hold: take objects into a collection of this node, each judged by itself, none lost without a word."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

import msgspec

from titian.core.collection import Appended, Collection, Incoming, Outcome
from titian.core.errors import InvalidTimestamp
from titian.core.stix import Timestamp, Violation, examine
from titian.core.view import Progress, SetAside, Shelf, silent

BATCH: Final = 1000
"""Objects in one transaction."""

CONFLICT: Final = (
    "conflict",
    "3.6.2",
    "Another content is held under the same id and version; what is held stays.",
)


class Rejection(msgspec.Struct, frozen=True):
    """One object that was not taken in, and one reason; an object with several reasons has several of these."""

    id: str | None
    path: str
    rule: str
    clause: str
    message: str


class HoldReport(msgspec.Struct):
    """What became of what was given. ``read`` = ``added`` + ``known`` + the objects in ``rejected``."""

    read: int = 0
    added: int = 0
    known: int = 0
    rejected: list[Rejection] = []
    types: dict[str, int] = {}


class Judged(msgspec.Struct, frozen=True):
    """One object after examination: ready to be appended, or with the violations that keep it out.

    ``version`` is its version as it is written in it, empty when there is none to be read.
    """

    raw: bytes
    id: str | None
    incoming: Incoming | None
    violations: tuple[Violation, ...] = ()
    version: str = ""


def judge(raw: bytes) -> Judged:
    """Examine one object (STIX 2.1) without touching any store."""
    seen = examine(raw)
    text = None if seen.version is None else seen.version.text
    if seen.violations or seen.id is None or seen.type is None:
        return Judged(raw, seen.id, None, seen.violations, text or _written_version(raw))
    if seen.type == "bundle":
        wrapped = Violation(seen.id, "$.type", "bundle-in-place-of-object", "8", "Give the objects of the bundle.")
        return Judged(raw, seen.id, None, (wrapped,))
    version = None if seen.version is None else seen.version.micros
    return Judged(raw, seen.id, Incoming(seen.id, seen.type, version, raw, text))


class _Dated(msgspec.Struct):
    modified: str = ""
    created: str = ""


_dated: Final = msgspec.json.Decoder(_Dated)


def _written_version(raw: bytes) -> str:
    """The version that an invalid object claims, when that much of it can be read as a timestamp."""
    try:
        dated = _dated.decode(raw)
        return Timestamp.parse(dated.modified or dated.created).text
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidTimestamp):
        return ""


def reject(judged: Judged) -> list[Rejection]:
    """Say why an object is kept out."""
    return [Rejection(v.id or judged.id, v.path, v.rule, v.clause, v.message) for v in judged.violations]


def conflict(appended: Appended) -> Rejection:
    """Say that another content is held."""
    rule, clause, message = CONFLICT
    return Rejection(appended.id, "$", rule, clause, message)


class Hold:
    """Take objects in, batch by batch."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def hold(
        self,
        objects: Iterable[bytes],
        collection: Collection,
        *,
        source: str,
        keep_rejected: bool = False,
        progress: Progress = silent,
    ) -> HoldReport:
        """Hold every valid object of ``objects`` in ``collection``.

        ``keep_rejected`` puts what is invalid into the quarantine: for what a partner sent, which cannot be asked
        for again.
        """
        report = HoldReport()
        iterator = iter(objects)
        while batch := list(islice(iterator, BATCH)):
            self._batch([judge(raw) for raw in batch], collection, source, keep_rejected, report)
            progress(len(batch))
        return report

    def _batch(
        self,
        batch: list[Judged],
        collection: Collection,
        source: str,
        keep_rejected: bool,
        report: HoldReport,
    ) -> None:
        report.read += len(batch)
        invalid = [judged for judged in batch if judged.incoming is None]
        for judged in invalid:
            report.rejected += reject(judged)
        if invalid and keep_rejected:
            set_aside = [SetAside(j.id or "", "; ".join(r.message for r in reject(j)), j.raw) for j in invalid]
            self._shelf.set_aside(collection, set_aside, source=source)
        valid = [judged.incoming for judged in batch if judged.incoming is not None]
        for item, appended in zip(valid, self._shelf.append(collection, valid, source=source), strict=True):
            if appended.outcome is Outcome.ADDED:
                report.added += 1
                report.types[item.type] = report.types.get(item.type, 0) + 1
            elif appended.outcome is Outcome.KNOWN:
                report.known += 1
            else:
                report.rejected.append(conflict(appended))
