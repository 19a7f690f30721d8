"""What a projection gives: what one audience sees, and why it does not see the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from titian.core.copying import Change
from titian.core.redaction import Path
from titian.core.release import Terms, Withheld
from titian.core.survey import Facts, Graph, Held
from titian.core.tlp import Tlp

_LAST: Final = frozenset({"relationship", "sighting"})
_FIRST: Final = frozenset({"marking-definition", "extension-definition", "identity"})


class Projection(msgspec.Struct, frozen=True):
    """What one audience sees.

    ``released`` maps each object to the identifier it is shown under, in the order in which it goes out;
    ``additions`` are marking definitions made for this audience, by identifier, in place of those that name others;
    ``cuts`` are the properties that may not go of what does, ``sources`` the creators that may not be named of what
    goes without them. ``ends`` tells when each object that has an end is to be gone, in microseconds; ``levels`` are
    the TLP levels of what goes.
    """

    terms: Terms
    released: Mapping[str, str]
    withheld: Mapping[str, Withheld]
    changed: Mapping[str, Change]
    additions: Mapping[str, bytes]
    cuts: Mapping[str, tuple[Path, ...]]
    sources: Mapping[str, str]
    ends: Mapping[str, int]
    levels: frozenset[Tlp]
    _make: Callable[[Held], bytes]
    _facts: Mapping[str, Facts]

    def modified(self, identifier: str) -> str | None:
        """The ``modified`` of an object as it is held, None for what has none."""
        return self._facts[identifier].version

    def personal(self) -> list[str]:
        """Identifiers of what goes and describes a natural person, as they are held."""
        return [one for one in self.released if self._facts[one].personal]

    def objects(self, graph: Graph) -> Iterator[tuple[str, bytes]]:
        """Yield each object as it goes out, after the identifier of what it was made from."""
        yield from self.additions.items()
        kinds: tuple[list[str], list[str], list[str]] = ([], [], [])
        for identifier in self.released:
            kind = identifier.partition("--")[0]
            kinds[0 if kind in _FIRST else 2 if kind in _LAST else 1].append(identifier)
        changed = self.changed
        for identifiers in kinds:
            for held in graph.read(identifiers) if identifiers else ():
                yield held.id, self._make(held) if held.id in changed else held.raw
