"""The node's own records: who it is, its collections, its keys. Small tables, read inside the caller's transaction."""

from __future__ import annotations

from typing import Final

import msgspec

from titian.core.access import Key, Role
from titian.core.collection import Collection, Kind
from titian.core.errors import AlreadyExists, NotFound, Refused
from titian.store.database import Row, Transaction


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Who this node is: ``identity`` is the id of its STIX identity, ``country`` ISO 3166-1 alpha-2."""

    identity: str
    name: str
    country: str
    secret: bytes
    created: int


def read_node(tx: Transaction) -> NodeRecord:
    """Read who this node is. Raises :class:`NotFound` when it was never set up."""
    row = tx.one("SELECT identity, name, country, secret, created FROM node WHERE one = 1")
    if row is None:
        raise NotFound("This database holds no node yet.", advice="Run `titian init` first.")
    return NodeRecord(identity=row[0], name=row[1], country=row[2], secret=bytes(row[3]), created=row[4])


def write_node(tx: Transaction, record: NodeRecord) -> None:
    """Set the node up, once. Raises :class:`AlreadyExists` when there is one."""
    held = tx.one("SELECT name FROM node WHERE one = 1")
    if held is not None:
        raise AlreadyExists(f"This database already holds the node {held[0]!r}.", advice="Choose another home.")
    tx.run(
        "INSERT INTO node (one, identity, name, country, secret, created) VALUES (1, ?, ?, ?, ?, ?)",
        record.identity,
        record.name,
        record.country,
        record.secret,
        record.created,
    )


_COLLECTION: Final = (
    "SELECT num, id, name, alias, description, readable, writable, created, generation, last_added, kind, agreement, "
    "party, opens, closes, expiry, taken FROM collections"
)


def _collection(row: Row) -> Collection:
    return Collection(
        num=row[0],
        id=row[1],
        name=row[2],
        alias=row[3],
        description=row[4],
        readable=bool(row[5]),
        writable=bool(row[6]),
        created=row[7],
        generation=row[8],
        last_added=row[9],
        kind=Kind(row[10]),
        agreement=row[11],
        party=row[12],
        opens=row[13],
        closes=row[14],
        expiry=row[15],
        taken=row[16],
    )


def list_collections(tx: Transaction) -> list[Collection]:
    """Every collection, in the order of creation (TAXII 2.1 section 3.3: a consistent order)."""
    return list(tx.kept("collections", _collections))


def _collections(tx: Transaction) -> tuple[Collection, ...]:
    return tuple(_collection(row) for row in tx.all(f"{_COLLECTION} ORDER BY num"))


def find_collection(tx: Transaction, reference: str) -> Collection | None:
    """Find a collection by its id or alias (TAXII 2.1 section 5.2.1)."""
    row = tx.one(f"{_COLLECTION} WHERE id = ?", reference) or tx.one(f"{_COLLECTION} WHERE alias = ?", reference)
    return None if row is None else _collection(row)


def named_collection(tx: Transaction, reference: str) -> Collection:
    """Find a collection by name, id or alias, as a person gives it. Raises :class:`NotFound`."""
    row = tx.one(f"{_COLLECTION} WHERE name = ?", reference)
    found = _collection(row) if row is not None else find_collection(tx, reference)
    if found is None:
        raise NotFound(
            f"There is no collection {reference!r}.",
            advice="`titian collections list` shows them, `titian collections add` makes one.",
        )
    return found


def add_collection(tx: Transaction, collection: Collection) -> Collection:
    """Add a collection; it gets its number. Raises :class:`AlreadyExists` for a taken name, alias or id."""
    for value in {collection.name, collection.alias, collection.id} - {None}:
        taken = tx.one(f"{_COLLECTION} WHERE name = ? OR alias = ? OR id = ?", value, value, value)
        if taken is not None:
            raise AlreadyExists(f"A collection is already called {value!r}.", advice="Choose another name or alias.")
    found = tx.one("SELECT max(num) FROM collections")
    num = (found[0] if found and found[0] is not None else 0) + 1
    tx.run(
        "INSERT INTO collections (num, id, name, alias, description, readable, writable, created, generation, "
        "last_added, kind, agreement, party, opens, closes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?)",
        num,
        collection.id,
        collection.name,
        collection.alias,
        collection.description,
        collection.readable,
        collection.writable,
        collection.created,
        collection.kind.value,
        collection.agreement,
        collection.party,
        collection.opens,
        collection.closes,
    )
    return msgspec.structs.replace(collection, num=num)


def count_entries(tx: Transaction, collection: int) -> int:
    """How many object versions a collection holds."""
    row = tx.one("SELECT coalesce(sum(count), 0) FROM segments WHERE collection = ?", collection)
    return int(row[0]) if row else 0


_KEY: Final = "SELECT id, name, digest, role, collection, created, revoked, party FROM keys"


def _key(row: Row) -> Key:
    return Key(
        id=row[0],
        name=row[1],
        digest=bytes(row[2]),
        role=Role(row[3]),
        collection=row[4],
        created=row[5],
        revoked=row[6],
        party=row[7],
    )


def list_keys(tx: Transaction) -> list[Key]:
    """Every key, oldest first, revoked ones too."""
    return [_key(row) for row in tx.all(f"{_KEY} ORDER BY created, id")]


def find_key(tx: Transaction, ident: str) -> Key | None:
    """Find a key by its public id."""

    def read(tx: Transaction) -> Key | None:
        row = tx.one(f"{_KEY} WHERE id = ?", ident)
        return None if row is None else _key(row)

    return tx.kept(("key", ident), read)


def add_key(tx: Transaction, key: Key) -> None:
    """Add a key. Raises :class:`AlreadyExists` when its name is taken by one that still works."""
    held = tx.one(f"{_KEY} WHERE name = ?", key.name)
    if held is not None:
        raise AlreadyExists(
            f"There is already a key called {key.name!r}.",
            advice="Choose another name; a revoked key keeps its name, so that logs stay readable.",
        )
    tx.run(
        "INSERT INTO keys (id, name, digest, role, collection, created, party) VALUES (?, ?, ?, ?, ?, ?, ?)",
        key.id,
        key.name,
        key.digest,
        key.role.value,
        key.collection,
        key.created,
        key.party,
    )


def revoke_key(tx: Transaction, name: str, at: int) -> Key:
    """Revoke a key by its name. Raises :class:`NotFound`, or :class:`Refused` when it is revoked already."""
    row = tx.one(f"{_KEY} WHERE name = ?", name)
    if row is None:
        raise NotFound(f"There is no key called {name!r}.", advice="`titian keys list` shows them.")
    if row[6] is not None:
        raise Refused(f"The key {name!r} is revoked already.")
    tx.run("UPDATE keys SET revoked = ? WHERE name = ?", at, name)
    return _key(row)
