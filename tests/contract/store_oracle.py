"""A log of lists and sorts, written from what TAXII 2.1 section 3.4 and laws 4 and 7 say: slow, and plainly right."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from titian.core.collection import Incoming, Outcome, Selection, Versions


@dataclass(eq=False)
class Held:
    """One version of an object, and under which ``date_added`` each collection holds it."""

    item: Incoming
    content: int
    version: int
    added: dict[int, int] = field(default_factory=dict)


@dataclass
class Oracle:
    """Everything that the node should hold, by (id, version)."""

    held: list[Held] = field(default_factory=list)
    quarantine: set[tuple[str, bytes]] = field(default_factory=set)

    def append(self, where: int, item: Incoming, content: int, now: int) -> tuple[Outcome, Held]:
        """Judge one object; the caller says under which ``date_added`` the node put it."""
        same = [h for h in self.held if h.item.id == item.id and item.version in (None, h.version)]
        if not same:
            fresh = Held(item, content, now if item.version is None else item.version)
            self.held.append(fresh)
            return Outcome.ADDED, fresh
        (found,) = same
        if found.content != content:
            self.quarantine.add((item.id, hashlib.sha256(item.raw).digest()))
            return Outcome.CONFLICT, found
        return (Outcome.KNOWN if where in found.added else Outcome.ADDED), found

    def log(self, where: int) -> list[Held]:
        """What a collection holds, in the order of ``date_added``."""
        return sorted((h for h in self.held if where in h.added), key=lambda h: h.added[where])

    def select(self, where: int, selection: Selection) -> list[Held]:
        """Everything of a selection, whatever its limit."""
        if selection.spec_versions is not None and "2.1" not in selection.spec_versions:
            return []
        log = self.log(where)
        return [
            h
            for h in log
            if h.added[where] > selection.after
            and (selection.ids is None or h.item.id in selection.ids)
            and (selection.types is None or h.item.type in selection.types)
            and chosen(h, [other for other in log if other.item.id == h.item.id], selection.versions)
        ]

    def remove(self, where: int, identifier: str, versions: Versions) -> int:
        """Take versions out of a collection; how many there were."""
        mine = [h for h in self.log(where) if h.item.id == identifier]
        gone = [h for h in mine if chosen(h, mine, versions)]
        for one in gone:
            del one.added[where]
        self.held = [h for h in self.held if h.added]
        return len(gone)


def chosen(one: Held, mine: list[Held], versions: Versions) -> bool:
    """Whether a version is among those asked for, given all versions of its object in the collection."""
    numbers = [h.version for h in mine]
    return (
        versions.all
        or (versions.last and one.version == max(numbers))
        or (versions.first and one.version == min(numbers))
        or one.version in versions.exact
    )
