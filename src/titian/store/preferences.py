"""How people want to be spoken to. A choice of words is no act: nothing is recorded."""

from __future__ import annotations

import msgspec

from titian.store.database import Transaction
from titian.store.store import Store


class Preference(msgspec.Struct, frozen=True):
    """What a person has chosen: a language tag (BCP 47), the name of a time zone; ``None`` for what they have not."""

    language: str | None = None
    zone: str | None = None


class Preferences:
    """What the people of a node have chosen."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, person: str) -> Preference:
        """What a person, by id, has chosen."""
        with self._store.reading() as tx:
            return _read(tx, person)

    def choose(self, person: str, *, language: str | None = None, zone: str | None = None) -> Preference:
        """Keep what a person has chosen; what is ``None`` stays as it was."""
        with self._store.writing() as tx:
            held = _read(tx, person)
            fresh = Preference(language or held.language, zone or held.zone)
            tx.run("DELETE FROM preferences WHERE person = ?", person)
            tx.run("INSERT INTO preferences (person, language, zone) VALUES (?, ?, ?)",
                   person, fresh.language, fresh.zone)  # fmt: skip
        return fresh


def _read(tx: Transaction, person: str) -> Preference:
    row = tx.one("SELECT language, zone FROM preferences WHERE person = ?", person)
    return Preference() if row is None else Preference(row[0], row[1])
