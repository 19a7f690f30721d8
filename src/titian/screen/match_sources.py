"""What an offer of private matching is made of, and whether all of that may still be given.

An offer cannot be called back like an object: its tags say nothing, but our key answers about them. So it is kept of
which objects each value came, and before a partner is answered, what changed since is asked of the gate again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from titian.core.matching import Between, Look
from titian.core.screening import HeldObject, ValueKind
from titian.core.search import ORGANISATION
from titian.core.subscription import DAY
from titian.core.tlp import Tlp
from titian.core.words import title_of
from titian.screen.match_ports import Book, Offering
from titian.screen.ports import Log
from titian.screen.values import of_object

TOGETHER: Final = 2_000
"""Objects that are read at one time."""
LONGEST_NOTE: Final = 300
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
Words = npt.NDArray[np.uint64]


class Pairs(msgspec.Struct, frozen=True):
    """Which value came of which object: the objects' numbers, ascending, and for each a digest of a value of it."""

    numbers: Words
    digests: Words

    @classmethod
    def of(cls, some: Collection[tuple[int, int]]) -> Pairs:
        """Put pairs in order."""
        rows = np.array(sorted(set(some)), np.uint64).reshape(-1, 2)
        return cls(rows[:, 0].copy(), rows[:, 1].copy())

    def encode(self) -> bytes:
        """Write them, sixteen bytes each."""
        return self.numbers.tobytes() + self.digests.tobytes()

    @classmethod
    def decode(cls, data: bytes) -> Pairs:
        """Read what :meth:`encode` wrote."""
        words = np.frombuffer(data, np.uint64)
        return cls(words[: len(words) // 2], words[len(words) // 2 :])


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What an offer is made of: values, a note for each where that was asked for, when any of it ends (microseconds),
    at which levels it is, which value came of which object, and how what is held stood before it was read."""

    values: tuple[str, ...]
    notes: dict[str, str]
    ends: tuple[int, ...]
    levels: frozenset[Tlp]
    pairs: Pairs
    look: Look


class Checked(msgspec.Struct, frozen=True):
    """What came of a check: how many values are not to be given any more, what the others came of, and how what is
    held stood before it was read."""

    lost: int
    pairs: Pairs
    look: Look
    levels: frozenset[Tlp] = frozenset()


class Sources:
    """Finds values that a partner could be shown. ``identify`` gives the id of a collection by how people call it."""

    def __init__(self, log: Log, offering: Offering, book: Book, identify: Callable[[str], str]) -> None:
        self._log = log
        self._offering = offering
        self._book = book
        self._identify = identify

    def inside(self, collections: Sequence[str]) -> frozenset[str]:
        """The ids of collections by how people call them. Raises :class:`NotFound`."""
        return frozenset(self._identify(one) for one in collections)

    def gather(
        self,
        between: Between,
        kind: ValueKind,
        *,
        until: int | None,
        collections: Sequence[str] = (),
        noted: bool = False,
        told: Callable[[int], object] = bool,
    ) -> Made:
        """Find every value of a kind that a party could be shown under an agreement.

        What ends within a day is left out where an offer is to stand ``until`` later; so it does not end at once.
        """
        look = self._book.look()
        soonest = self._book.now() + DAY if until is not None else 0
        inside = self.inside(collections)
        values: dict[str, list[str]] = {}
        pairs: list[tuple[int, int]] = []
        ends: set[int] = set()
        levels: frozenset[Tlp] = frozenset()
        done = 0
        for numbers in self._every():
            held = {
                number: one
                for number, one in self._log.held(ORGANISATION, numbers).items()
                if not inside or one.within & inside
            }
            for number, said, end, level in self._allowed(between, kind, held):
                if end is not None and until is not None and end <= soonest:
                    continue
                levels |= level
                ends |= set() if end is None else {end}
                for value in _of_kind(said, kind):
                    pairs.append((number, _digest(value)))
                    notes = values.setdefault(value, [])
                    if noted:
                        notes.append(_note(said))
            done += len(numbers)
            told(done)
        return Made(
            values=tuple(sorted(values)), notes={value: _joined(notes) for value, notes in values.items() if notes},
            ends=tuple(sorted(ends)), levels=levels, pairs=Pairs.of(pairs), look=look,
        )  # fmt: skip

    def check(self, between: Between, kind: ValueKind, data: bytes, before: Look, until: int) -> Checked:
        """Look whether every value of an offer may still be given: of what changed since ``before`` the gate is asked
        again, of all of it where the rules changed."""
        look = self._book.look()
        pairs = Pairs.decode(data)
        past = before.edge is not None and before.edge <= self._book.now()
        if look == before and not past:
            return Checked(0, pairs, look)
        every = set(pairs.numbers.tolist())
        suspects = every
        if look.rules == before.rules and not past:
            suspects = (every & self._book.came_in(before)) | (every - self._book.still_held(every))
        good: set[tuple[int, int]] = set()
        levels: frozenset[Tlp] = frozenset()
        for begin in range(0, len(ordered := sorted(suspects)), TOGETHER):
            held = self._log.held(ORGANISATION, ordered[begin : begin + TOGETHER])
            for number, said, end, level in self._allowed(between, kind, held):
                if end is not None and end < until:
                    continue  # it would be answered about after its time
                levels |= level
                good.update((number, _digest(value)) for value in _of_kind(said, kind))
        doubted = np.isin(pairs.numbers, np.array(sorted(suspects), np.uint64))
        kept = {(int(number), int(digest)) for number, digest in _rows(pairs, ~doubted)}
        kept |= {pair for pair in _rows(pairs, doubted) if pair in good}
        remaining = Pairs.of(kept)
        lost = len(set(pairs.digests.tolist()) - set(remaining.digests.tolist()))
        return Checked(lost, remaining, look, levels)

    def _every(self) -> Iterator[tuple[int, ...]]:
        """The numbers of all that is held, in portions; each once."""
        seen: set[int] = set()
        for scope in self._log.scopes(ORGANISATION):
            upto: dict[str, int] = {}
            while True:
                batch = self._log.since(scope.num, upto, TOGETHER)
                if batch.upto == upto:
                    break
                upto = batch.upto
                new = [one for one in dict.fromkeys(batch.numbers) if one not in seen]
                seen.update(new)
                yield tuple(new)

    def _allowed(
        self, between: Between, kind: ValueKind, held: dict[int, HeldObject] | Any
    ) -> Iterator[tuple[int, dict[str, Any], int | None, frozenset[Tlp]]]:
        """Of some objects, those with a value of the kind that the party could be shown, as they would go."""
        having = {one.id: number for number, one in held.items() if any(True for _ in _of_kind(one.said, kind))}
        if not having:
            return
        allowed = self._offering.objects(between, list(having))
        for one in allowed.objects:
            yield having[one.id], _decode(one.raw), one.ends, allowed.levels


def _rows(pairs: Pairs, mask: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    yield from zip(pairs.numbers[mask].tolist(), pairs.digests[mask].tolist(), strict=True)


def _of_kind(said: dict[str, Any], kind: ValueKind) -> Iterator[str]:
    return (one.canonical for one in of_object(said) if one.kind is kind)


def _digest(value: str) -> int:
    return int.from_bytes(hashlib.blake2b(value.encode(errors="replace"), digest_size=8).digest(), "little")


def _note(said: dict[str, Any]) -> str:
    """What is told of a value by the object that it came of: its type, what it is called, and its labels."""
    labels = said.get("labels")
    words = [f"{said.get('type')}: {title_of(said)}"]
    words += [one for one in labels if isinstance(one, str)] if isinstance(labels, list) else []
    return ", ".join(words)


def _joined(notes: list[str]) -> str:
    """The notes of a value that several objects hold, as one, of a bounded length."""
    text = "; ".join(sorted(set(notes)))
    return text if len(text) <= LONGEST_NOTE else f"{text[: LONGEST_NOTE - 1]}…"
