"""Passkeys: added and removed by their people, used by :meth:`titian.store.people.People.passkey`."""

from __future__ import annotations

from typing import Final

from titian.core.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Refused
from titian.core.passkey import LONGEST_ID, LONGEST_KEY, MOST, Passkey, Shown, handle_of
from titian.core.people import Actor
from titian.store.acts import record
from titian.store.admin import plain
from titian.store.database import Row, Transaction
from titian.store.store import Store

_COLUMNS: Final = "id, person, name, host, public, count, challenged, created, used, transports"


class Passkeys:
    """The passkeys of a node's people."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, person: str) -> list[Passkey]:
        """The passkeys of a person, by id, oldest first."""
        with self._store.reading() as tx:
            rows = tx.all(f"SELECT {_COLUMNS} FROM passkeys WHERE person = ? ORDER BY created, id", person)
        return [_passkey(row) for row in rows]

    def people(self) -> dict[str, int]:
        """How many passkeys each person has who has any, by the person's id."""
        with self._store.reading() as tx:
            return {row[0]: int(row[1]) for row in tx.all("SELECT person, count(*) FROM passkeys GROUP BY person")}

    def add(self, passkey: Passkey, *, by: Actor) -> Passkey:
        """Keep a new passkey of the person who acts; its authenticator has proven that it has the key.

        Raises :class:`InvalidInput` for a name or key that cannot be used, :class:`AlreadyExists` for one that is kept
        already, :class:`Refused` when they have :data:`MOST`, :class:`Forbidden` for another's or a disabled person's.
        """
        name = plain("name", passkey.name)
        if not 0 < len(passkey.id) <= LONGEST_ID or not 0 < len(passkey.public) <= LONGEST_KEY:
            raise InvalidInput("This passkey cannot be used.")
        if passkey.person != by.id:
            raise Forbidden("Everybody adds their own passkeys.")
        with self._store.writing() as tx:
            person = tx.one("SELECT disabled FROM people WHERE id = ?", by.id)
            if person is None or person[0] is not None:
                raise Forbidden("This account is disabled.")
            if find_passkey(tx, passkey.id) is not None:
                raise AlreadyExists("This passkey is kept already.", advice="Use another authenticator.")
            held = tx.one("SELECT count(*) FROM passkeys WHERE person = ?", by.id)
            if held is not None and held[0] >= MOST:
                raise Refused(f"Nobody has more than {MOST} passkeys.", advice="Remove one first.")
            tx.run(
                f"INSERT INTO passkeys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
                passkey.id, passkey.person, name, passkey.host, passkey.public, passkey.count, passkey.challenged,
                passkey.created, " ".join(passkey.transports),
            )  # fmt: skip
            self._act(tx, by, "add-passkey", by.id, {"name": name, "passkey": handle_of(passkey.id)})
        return passkey

    def remove(self, handle: str, *, by: Actor) -> Passkey:
        """Remove a passkey of the person who acts, by :func:`handle_of` its id. Raises :class:`NotFound`."""
        with self._store.writing() as tx:
            rows = tx.all(f"SELECT {_COLUMNS} FROM passkeys WHERE person = ?", by.id)
            found = next((one for one in map(_passkey, rows) if handle_of(one.id) == handle), None)
            if found is None:
                raise NotFound("There is no such passkey.")
            tx.run("DELETE FROM passkeys WHERE id = ?", found.id)
            self._act(tx, by, "remove-passkey", by.id, {"name": found.name, "passkey": handle})
        return found

    def _act(self, tx: Transaction, by: Actor, act: str, subject: str, details: dict[str, str]) -> None:
        record(tx, at=self._store.clock(), person=by.id, act=act, subject=subject, details=details)


def find_passkey(tx: Transaction, identifier: bytes) -> Passkey | None:
    """The passkey of a credential id, if it is kept."""
    row = tx.one(f"SELECT {_COLUMNS} FROM passkeys WHERE id = ?", identifier)
    return None if row is None else _passkey(row)


def note_use(tx: Transaction, identifier: bytes, shown: Shown, at: int) -> None:
    """Write what a passkey has shown, so that its challenge is used up."""
    tx.run("UPDATE passkeys SET count = ?, challenged = ?, used = ? WHERE id = ?",
           shown.count, shown.challenged, at, identifier)  # fmt: skip


def forget_passkeys(tx: Transaction, person: str) -> int:
    """Remove every passkey of a person; how many there were."""
    return tx.run("DELETE FROM passkeys WHERE person = ?", person)


def _passkey(row: Row) -> Passkey:
    return Passkey(
        id=bytes(row[0]), person=row[1], name=row[2], host=row[3], public=bytes(row[4]), count=row[5],
        challenged=row[6], created=row[7], used=row[8], transports=tuple(row[9].split()),
    )  # fmt: skip
