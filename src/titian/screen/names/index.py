"""The index of names: segments in a folder that never change, small ones for what came in since, merged when many.

It is derived data: whatever is missing or torn is left out, and the caller builds it again. Two processes may read
while one writes. A segment is named for the first and the last addition it holds, so one that was merged tells which
it stands for, and no list of segments is kept that could be torn.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from titian.core.screening import Evidence, Facts, HeldName, Match, Standing, ValueKind
from titian.screen.names.build import Builder, Segment, merged, rules
from titian.screen.names.evidence import SAME, explain, weigh, worth
from titian.screen.names.lookup import Lookup
from titian.screen.names.parts import Name, folded, take_apart
from titian.screen.names.score import Likeness
from titian.screen.names.segment import read, write

THRESHOLD: Final = 0.8
"""Where a name is taken for another when nothing is asked for."""
_NOTHING: Final = Facts()
_GONE: Final = (0, 0)
"""What is told of a file that was merged meanwhile."""
_NAMED: Final = re.compile(r"^names-(\d{8})-(\d{8})\.idx$")
_COARSE: Final = 1_000_000_000
"""Nanoseconds within which two changes of a folder can bear the same time."""
_FACTOR: Final = 4
"""A segment is merged with the ones after it when they hold a quarter of what it holds."""


class NameHit(msgspec.Struct, frozen=True):
    """A name that was found: who has it (``number``), how alike it is, and what else speaks for it."""

    number: int
    score: float
    match: Match
    standing: Standing
    evidence: tuple[Evidence, ...]
    held: HeldName


class NameIndex:
    """Names in a folder. One process adds; any may search."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._place = os.fspath(folder)
        self._looked = -1
        self._open: dict[tuple[int, int], Lookup] = {}
        self._bad: dict[tuple[int, int], tuple[int, int]] = {}
        self.refresh()

    @property
    def entries(self) -> int:
        """How many names it holds."""
        return sum(lookup.entries for lookup in self._open.values())

    @property
    def segments(self) -> int:
        """How many files it is read from."""
        return len(self._open)

    @property
    def ignored(self) -> tuple[Path, ...]:
        """Files that are torn, foreign or made by other rules, and were not used: with any, build the index again."""
        return tuple(self._path(span) for span in sorted(self._bad))

    def refresh(self) -> None:
        """See what another process wrote. Where the folder has not changed since it was looked at, nothing did; of one
        that changed a moment ago that cannot be told, since clocks of file systems are coarse."""
        changed = os.stat(self._place).st_mtime_ns
        if changed == self._looked and time.time_ns() - changed > _COARSE:
            return
        self._looked = changed
        self._list()

    def _list(self) -> None:
        spans = [(int(m[1]), int(m[2])) for path in self._folder.iterdir() if (m := _NAMED.match(path.name))]
        found: dict[tuple[int, int], Lookup] = {}
        bad: dict[tuple[int, int], tuple[int, int]] = {}
        # The longest first: what it holds, shorter ones need not tell again.
        for span in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
            if any(first <= span[0] and span[1] <= last for first, last in found):
                continue
            lookup = self._open.get(span)
            if lookup is None:
                stamp = self._stamp(span)
                segment = None if self._bad.get(span) == stamp else read(self._path(span), rules())
                lookup = None if segment is None else Lookup(segment)
                if lookup is None:
                    if stamp != _GONE:
                        bad[span] = stamp
                    continue
            found[span] = lookup
        self._open = dict(sorted(found.items()))
        self._bad = bad

    def add(self, names: Iterable[tuple[HeldName, int]]) -> int:
        """Add names, each with the number of what has it, as one segment; return how many.

        Raises :class:`OSError` when the disk refuses.
        """
        builder = Builder()
        count = 0
        for held, number in names:
            builder.add(held, number)
            count += 1
        if count:
            self._write(builder.segment())
            self._merge()
        return count

    def clear(self) -> None:
        """Forget every name."""
        self._open, self._bad = {}, {}
        for path in self._folder.iterdir():
            if _NAMED.match(path.name) or path.suffix == ".tmp":
                path.unlink(missing_ok=True)

    def search(
        self,
        name: str,
        facts: Facts = _NOTHING,
        kind: ValueKind | None = None,
        threshold: float = THRESHOLD,
        *,
        most: int = 50,
    ) -> list[NameHit]:
        """Return the names that are like a name, the likeliest first, ``most`` at most.

        ``kind`` is PERSON or ORGANISATION, None asks for either. A name alone is never more than possible.
        """
        best: dict[tuple[Lookup, int], _Found] = {}
        for asked in (kind,) if kind else (ValueKind.PERSON, ValueKind.ORGANISATION):
            for reading in take_apart(name, asked):
                for lookup in self._open.values():
                    for entry, row, alike in lookup.find(reading, threshold, asked):
                        known = best.get((lookup, entry))
                        if known is None or alike.score > known.alike.score:
                            best[lookup, entry] = _Found(alike, reading, row)
        ordered = sorted(best.items(), key=lambda one: -one[1].alike.score)[: 4 * most]
        whole = folded(name)
        hits = [(self._hit(lookup, entry, found.alike, whole, facts), lookup, found)
                for (lookup, entry), found in ordered]  # fmt: skip
        # Of one that is held under several names, the name that fits best.
        kept: dict[int, tuple[NameHit, Lookup, _Found]] = {}
        for one in sorted(hits, key=lambda one: _rank(one[0])):
            kept.setdefault(one[0].number, one)
        # Only what is answered is explained.
        return [_explained(hit, lookup, found, whole) for hit, lookup, found in list(kept.values())[:most]]

    @staticmethod
    def _hit(lookup: Lookup, entry: int, alike: Likeness, whole: str, facts: Facts) -> NameHit:
        held, number = lookup.held(entry)
        score, match = alike
        if match is not Match.EXACT and folded(held.name) == whole:
            score, match = 1.0, Match.EXACT
        standing, evidence = weigh(facts, held.facts)
        return NameHit(number, round(score, 4), match, standing, evidence, held)

    def _path(self, span: tuple[int, int]) -> Path:
        return self._folder / f"names-{span[0]:08}-{span[1]:08}.idx"

    def _stamp(self, span: tuple[int, int]) -> tuple[int, int]:
        try:
            status = self._path(span).stat()
        except OSError:
            return _GONE
        return status.st_mtime_ns, status.st_size

    def _write(self, segment: Segment) -> None:
        self.refresh()
        taken = max((last for _, last in (*self._open, *self._bad)), default=0)
        span = (taken + 1, taken + 1)
        write(self._path(span), segment, rules())
        self.refresh()

    def _merge(self) -> None:
        """Merge the last segments until each holds several times what comes after it."""
        while True:
            spans = list(self._open)
            sizes = [self._open[span].rows for span in spans]
            start = next((at for at in range(len(spans) - 1) if sizes[at] < _FACTOR * sum(sizes[at + 1 :])), None)
            if start is None:
                return
            parts = spans[start:]
            joined = merged([self._open[span].arrays for span in parts])
            write(self._path((parts[0][0], parts[-1][1])), joined, rules())
            self.refresh()
            for span in parts:
                self._path(span).unlink(missing_ok=True)


class _Found(NamedTuple):
    """How alike, which reading of what was asked, and which row."""

    alike: Likeness
    reading: Name
    row: int


def _explained(hit: NameHit, lookup: Lookup, found: _Found, whole: str) -> NameHit:
    """A hit that says how the names match, before what else speaks for it."""
    same = hit.match is Match.EXACT and folded(hit.held.name) == whole
    told = (SAME,) if same else explain(found.reading, lookup.name(found.row))
    return msgspec.structs.replace(hit, evidence=told + hit.evidence)


def _rank(hit: NameHit) -> tuple[float, int]:
    return (-worth(hit.score, hit.standing, hit.evidence), hit.number)
