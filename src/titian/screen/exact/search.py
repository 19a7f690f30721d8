"""Searching sorted columns for many values at once, in numpy: exact whatever the columns hold.

An entry is a digest in two columns, ``high`` and ``low``, and a number. Entries are ordered by high, low, number. A
table says for each of the topmost bits of ``high`` where its entries begin. Digests are evenly spread, so a part of the
table has about five entries: two cache misses find a value. What is not evenly spread is found by halving.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Column: TypeAlias = npt.NDArray[np.uint64]
Places: TypeAlias = npt.NDArray[np.intp]

CHUNK: Final = 1 << 16
"""So many are searched for at once: what that takes on the way stays in the second-level cache (measured)."""
_STEPS: Final = 24
"""So many entries are gone through one by one; evenly spread digests have fewer to a part of the table."""


class Spans(NamedTuple):
    """Which of the values asked for were found (ascending), and the entries ``begin`` to ``end`` that each has."""

    which: Places
    begin: Places
    end: Places


def spans(table: npt.NDArray[np.uint32], high: Column, low: Column, ask_high: Column, ask_low: Column) -> Spans:
    """Find the entries of each value asked for.

    ``table`` has a power of two of parts and one more element, the number of entries; there is at least one entry.
    """
    shift = np.uint64(64 - (len(table) - 1).bit_length() + 1)
    part = (ask_high >> shift).astype(np.intp)
    first = _scan(high, ask_high, table.take(part).astype(np.intp), table, part)
    # A place behind the last entry is read as the last entry, which is then less than what was asked for.
    found = np.flatnonzero(high.take(first, mode="clip") == ask_high)
    first, part, ask_high, ask_low = first.take(found), part.take(found), ask_high.take(found), ask_low.take(found)
    after = first + 1
    many = (after < len(high)) & (high.take(after, mode="clip") == ask_high)
    begin, end = first, first + (low.take(first) == ask_low)
    if many.any():
        run = np.flatnonzero(many)
        until = bound(high, ask_high[run], first[run], table.take(part[run] + 1).astype(np.intp), after=True)
        begin[run] = bound(low, ask_low[run], first[run], until, after=False)
        end[run] = bound(low, ask_low[run], begin[run], until, after=True)
    held = np.flatnonzero(end > begin)
    return Spans(found.take(held), begin.take(held), end.take(held))


def _scan(high: Column, ask: Column, first: Places, table: npt.NDArray[np.uint32], part: Places) -> Places:
    """The first place where ``high`` is not less than what is asked for: step by step, the rest by halving."""
    which, place = np.arange(len(ask)), first.copy()
    for _ in range(_STEPS):
        still = np.flatnonzero((high.take(place, mode="clip") < ask) & (place < len(high)))
        if not len(still):
            return first
        which, place, ask = which.take(still), place.take(still) + 1, ask.take(still)
        first[which] = place
    first[which] = bound(high, ask, place, table.take(part.take(which) + 1).astype(np.intp), after=False)
    return first


def bound(column: Column, ask: Column, begin: Places, end: Places, *, after: bool) -> Places:
    """For each value asked for, the first place in its own stretch of a sorted column that is not less than it.

    With ``after``, the first place that is greater than it. ``end`` where there is none.
    """
    place, left = begin.copy(), np.maximum(end - begin, 0)
    for _ in range(int(left.max(initial=0)).bit_length()):
        half = left >> 1
        middle = place + half
        there = column.take(middle, mode="clip")
        go = ((there <= ask) if after else (there < ask)) & (left > 0)
        place = np.where(go, middle + 1, place)
        left = np.where(go, left - half - 1, half)
    return place


def spread(begin: Places, counts: Places) -> Places:
    """Return every place of stretches: ``begin``, ``begin + 1``, ... ``counts`` of them, one stretch after the other.

    >>> spread(np.array([5, 9]), np.array([2, 1])).tolist()
    [5, 6, 9]
    """
    before = np.cumsum(counts) - counts
    return np.repeat(begin - before, counts) + np.arange(int(counts.sum()))


def order(high: Column, low: Column, numbers: Column) -> Places:
    """Return the places of entries in their order: by high, low, number."""
    # Sorting by one column is quick; few entries share it, and only these are sorted by the others.
    found = np.argsort(high)
    ordered = high.take(found)
    same = ordered[1:] == ordered[:-1]
    if same.any():
        run = np.flatnonzero(np.append(same, False) | np.append(False, same))
        shared = found.take(run)
        found[run] = shared.take(np.lexsort((numbers.take(shared), low.take(shared), high.take(shared))))
    return found
