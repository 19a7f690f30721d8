"""What the administrator of a node does: collections and keys, each call one transaction."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from titian.core.access import Key, Role, mint
from titian.core.collection import Collection, Kind
from titian.core.errors import AlreadyExists, InvalidInput
from titian.core.people import PROGRAM, Actor
from titian.store.acts import record
from titian.store.registry import (
    add_collection,
    add_key,
    count_entries,
    list_collections,
    list_keys,
    named_collection,
    revoke_key,
)
from titian.store.store import Store

_ALIAS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_LONGEST_NAME: Final = 200


def plain(what: str, text: str) -> str:
    """Return a name that a person gave. Raises :class:`InvalidInput` for an empty, long or unprintable one."""
    text = text.strip()
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise InvalidInput(f"The {what} {text[:40]!r} cannot be used.",
                           advice=f"Give 1 to {_LONGEST_NAME} printable characters.")  # fmt: skip
    return text


class Listed(msgspec.Struct, frozen=True):
    """A collection and how many object versions it holds."""

    collection: Collection
    count: int


class Collections:
    """The collections of a node."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        name: str,
        *,
        description: str | None = None,
        alias: str | None = None,
        readable: bool = True,
        writable: bool = True,
        received_from: str | None = None,
        by: Actor = PROGRAM,
    ) -> Collection:
        """Add a collection; its id is a new UUIDv4. ``alias`` may stand in URLs in place of the id.

        ``readable`` and ``writable`` bound what any partner may do with it, whatever their key. ``received_from`` is
        the identifier of the party that everything in it comes from: its markings bind us (law 3).
        """
        if alias is not None and (not _ALIAS.match(alias) or _is_uuid(alias)):
            raise InvalidInput(f"The alias {alias!r} cannot stand in a URL.",
                               advice="Use lower-case letters, digits, - and _.")  # fmt: skip
        collection = Collection(
            num=0, id=str(uuid.uuid4()), name=plain("name", name), alias=alias, description=description,
            readable=readable, writable=writable, created=self._store.clock(), party=received_from,
            kind=Kind.OWN if received_from is None else Kind.RECEIVED,
        )  # fmt: skip
        with self._store.writing() as tx:
            made = add_collection(tx, collection)
            record(tx, at=made.created, person=by.id, act="add-collection", subject=made.id,
                   details={"name": made.name, "received_from": received_from})  # fmt: skip
            return made

    def receiving(self, name: str, party: str, by: Actor = PROGRAM) -> Collection:
        """A collection of a name for what comes from a party, made when there is none; under another name when that one
        is taken by something else."""
        with self._store.reading() as tx:
            every = list_collections(tx)
        taken = {one.name: one for one in every}
        for wanted in (name, *(f"{name} ({number})" for number in range(2, 1000))):
            found = taken.get(wanted)
            if found is None:
                return self.add(wanted, received_from=party, writable=False, by=by)
            if found.kind is Kind.RECEIVED and found.party == party and not found.is_inbox:
                return found
        raise AlreadyExists(f"Too many collections are called {name!r}.", advice="Rename some.")

    def list(self) -> list[Listed]:
        """Every collection with its count."""
        with self._store.reading() as tx:
            return [Listed(collection, count_entries(tx, collection.num)) for collection in list_collections(tx)]

    def all(self) -> Sequence[Collection]:
        """Every collection, without counting what it holds."""
        with self._store.reading() as tx:
            return list_collections(tx)

    def listed(self, reference: str) -> Listed:
        """Find a collection by name, id or alias, with its count. Raises :class:`NotFound`."""
        with self._store.reading() as tx:
            found = named_collection(tx, reference)
            return Listed(found, count_entries(tx, found.num))

    def find(self, reference: str) -> Collection:
        """Find a collection by name, id or alias. Raises :class:`NotFound`."""
        with self._store.reading() as tx:
            return named_collection(tx, reference)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


class Keys:
    """The keys that partners and tools use. A key is shown once, when it is made."""

    def __init__(self, store: Store, random: Callable[[int], bytes] = os.urandom) -> None:
        self._store = store
        self._random = random

    def add(
        self,
        name: str,
        role: Role,
        *,
        collection: Collection | None = None,
        party: str | None = None,
        by: Actor = PROGRAM,
    ) -> tuple[Key, str]:
        """Make a key; returns what the node keeps, and the key itself, which it does not keep.

        ``party`` is whose key it is: it opens what is released to that party, and nothing else. It reads only, and
        the node's own party needs none.
        """
        if party is not None and role is not Role.READER:
            raise InvalidInput("The key of a party reads what is released to it, and does nothing else.",
                               advice="Give it the role reader.")  # fmt: skip
        if party == self._store.node.identity:
            raise InvalidInput("This is the node's own party.", advice="Leave --party out for a key of your own.")
        name = plain("name", name)
        if ":" in name:
            raise InvalidInput("A key's name cannot hold a colon.", advice="HTTP Basic ends the name there (RFC 7617).")
        ident, secret, digest = mint(self._random)
        key = Key(id=ident, name=name, digest=digest, role=role, created=self._store.clock(), party=party,
                  collection=None if collection is None else collection.num)  # fmt: skip
        with self._store.writing() as tx:
            add_key(tx, key)
            record(tx, at=key.created, person=by.id, act="add-key", subject=key.id,
                   details={"name": key.name, "role": key.role.value, "party": party,
                            "collection": None if collection is None else collection.id})  # fmt: skip
        return key, secret

    def list(self) -> list[Key]:
        """Every key, revoked ones too."""
        with self._store.reading() as tx:
            return list_keys(tx)

    def revoke(self, name: str, *, why: str = "", by: Actor = PROGRAM) -> Key:
        """Revoke a key: it is refused from the next request on."""
        with self._store.writing() as tx:
            at = self._store.clock()
            key = revoke_key(tx, name, at)
            record(tx, at=at, person=by.id, act="revoke-key", subject=key.id, why=why, details={"name": key.name})
            return key
