"""A log of lists and sorts, written from what TAXII 2.1 section 3.4 and laws 4 and 7 say: slow, and plainly right."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from titian.core.collection import Incoming, Outcome, Selection, Versions


@dataclass(eq=False)
class Held:
    """One version of an object in one collection, under its ``date_added``."""

    item: Incoming
    content: int
    version: int
    shown: str
    added: int = 0


@dataclass
class Oracle:
    """Everything that each collection of the node should hold, and what is set aside."""

    held: dict[int, list[Held]] = field(default_factory=dict)
    quarantine: set[tuple[str, bytes]] = field(default_factory=set)

    def append(self, where: int, item: Incoming, content: int, now: int) -> tuple[Outcome, str]:
        """Judge one object by what its own collection holds; the version to be shown with the outcome."""
        found = self._same(where, item)
        if found is None:
            fresh = Held(item, content, *((now, micros(now)) if item.version is None else (item.version, item.text)))
            if item.version is not None and any(
                (rival := self._same(other, item)) is not None and rival.content != content
                for other in self.held.keys() - {where}
            ):
                self._set_aside(item)
            self.held.setdefault(where, []).append(fresh)
            return Outcome.ADDED, fresh.shown
        if found.content != content:
            self._set_aside(item)
            return Outcome.CONFLICT, item.text or found.shown
        return Outcome.KNOWN, found.shown

    def _set_aside(self, item: Incoming) -> None:
        self.quarantine.add((item.id, hashlib.sha256(item.raw).digest()))

    def _same(self, where: int, item: Incoming) -> Held | None:
        same = [h for h in self.held.get(where, ()) if h.item.id == item.id and item.version in (None, h.version)]
        (found,) = same or [None]
        return found

    def log(self, where: int) -> list[Held]:
        """What a collection holds, in the order of ``date_added``."""
        return sorted(self.held.get(where, ()), key=lambda h: h.added)

    def select(self, where: int, selection: Selection) -> list[Held]:
        """Everything of a selection, whatever its limit."""
        if selection.spec_versions is not None and "2.1" not in selection.spec_versions:
            return []
        log = self.log(where)
        return [
            h
            for h in log
            if h.added > selection.after
            and (selection.ids is None or h.item.id in selection.ids)
            and (selection.types is None or h.item.type in selection.types)
            and chosen(h, [other for other in log if other.item.id == h.item.id], selection.versions)
        ]

    def remove(self, where: int, identifier: str, versions: Versions) -> int:
        """Take versions out of a collection; how many there were."""
        mine = [h for h in self.log(where) if h.item.id == identifier]
        gone = [h for h in mine if chosen(h, mine, versions)]
        self.held[where] = [h for h in self.held.get(where, ()) if h not in gone]
        return len(gone)


def micros(now: int) -> str:
    """A TAXII timestamp (TAXII 2.1 section 2)."""
    return (datetime(1970, 1, 1) + timedelta(microseconds=now)).isoformat(timespec="microseconds") + "Z"


def chosen(one: Held, mine: list[Held], versions: Versions) -> bool:
    """Whether a version is among those asked for, given all versions of its object in the collection."""
    numbers = [h.version for h in mine]
    return (
        versions.all
        or (versions.last and one.version == max(numbers))
        or (versions.first and one.version == min(numbers))
        or one.version in versions.exact
    )
