"""The node's own records: collections, keys, cursors, and what the holder of a key may see of them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable

import pytest
from store_support import NODE, Clock, append, book_of, held, thing

from titian.core.access import Role, key_id
from titian.core.collection import ALL, Collection, Selection
from titian.core.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Refused
from titian.store.admin import Collections, Keys
from titian.store.committer import Committer
from titian.store.shelf import StoreCursors
from titian.store.store import Store
from titian.store.view import Partners, PartnerView

_names = itertools.count()


@pytest.fixture
def collections(store: Store) -> Collections:
    return Collections(store)


@pytest.fixture
def keys(store: Store) -> Keys:
    return Keys(store)


@pytest.fixture
def name() -> str:
    return f"named {next(_names)}"


View = Callable[..., PartnerView]


@pytest.fixture
def view(store: Store, keys: Keys, committer: Committer) -> View:
    """Makes the view of a new key: `view(Role.READER, collection)`."""
    partners = Partners(store, committer, book_of(store))

    def make(role: Role, collection: Collection | None = None) -> PartnerView:
        _, secret = keys.add(f"key {next(_names)}", role, collection=collection)
        found = partners.view(secret)
        assert found is not None
        return found

    return make


def test_the_node_is_who_it_was(store: Store) -> None:
    assert store.node == NODE


def test_a_collection_is_found_by_each_of_its_names(collections: Collections, name: str) -> None:
    alias = name.replace(" ", "-")
    made = collections.add(name, alias=alias, description="é", readable=False)
    assert uuid.UUID(made.id).version == 4
    assert collections.find(name) == collections.find(alias) == collections.find(made.id) == made
    listed = collections.list()
    assert [one.collection.num for one in listed] == sorted(one.collection.num for one in listed)
    assert (made.description, made.readable, made.writable) == ("é", False, True)


@pytest.mark.parametrize("which", ["name", "alias", "name is an alias", "alias is a name", "alias is an id"])
def test_a_name_is_taken_once(collections: Collections, name: str, which: str) -> None:
    """Whatever a person writes means one collection."""
    alias = name.replace(" ", "-")
    made = collections.add(name, alias=alias)
    chosen = {
        "name": (name, None),
        "alias": (name + " more", alias),
        "name is an alias": (alias, None),
        "alias is a name": (name + " more", None),
        "alias is an id": (made.id, None),
    }[which]
    if which == "alias is a name":
        collections.add(alias + "-x")
        chosen = (name + " more", alias + "-x")
    with pytest.raises(AlreadyExists):
        collections.add(chosen[0], alias=chosen[1])


@pytest.mark.parametrize("bad", ["", "  ", "a\x00b", "a\nb", "x" * 201, "\x1b[2J", "a‮b"], ids=ascii)
def test_names_are_printable(collections: Collections, keys: Keys, bad: str) -> None:
    with pytest.raises(InvalidInput):
        collections.add(bad)
    with pytest.raises(InvalidInput):
        keys.add(bad, Role.READER)


@pytest.mark.parametrize(
    "bad", ["", "A", "a/b", "..", "a b", "é", "a" * 65, "-a", str(uuid.UUID(int=5)), "a\n"], ids=ascii
)
def test_an_alias_can_stand_in_a_url(collections: Collections, name: str, bad: str) -> None:
    with pytest.raises(InvalidInput):
        collections.add(name, alias=bad)


def test_a_key_is_not_kept(store: Store, keys: Keys, name: str) -> None:
    """Only its digest: who reads the database opens nothing with it."""
    made, secret = keys.add(name, Role.WRITER)
    assert key_id(secret) == made.id
    with store.reading() as tx:
        row = tx.one("SELECT * FROM keys WHERE id = ?", made.id)
    assert row is not None
    random_part = secret.split("_")[2]
    assert all(random_part not in str(value) for value in row)
    assert made in keys.list()


def test_a_key_has_a_name_of_its_own(keys: Keys, name: str) -> None:
    keys.add(name, Role.READER)
    with pytest.raises(AlreadyExists):
        keys.add(name, Role.ADMIN)
    keys.revoke(name)
    with pytest.raises(AlreadyExists):
        keys.add(name, Role.ADMIN)
    with pytest.raises(InvalidInput, match="colon"):
        keys.add("a:b", Role.READER)


def test_a_revoked_key_opens_nothing(store: Store, keys: Keys, committer: Committer, name: str) -> None:
    partners = Partners(store, committer, book_of(store))
    _, secret = keys.add(name, Role.ADMIN)
    assert partners.view(secret) is not None
    keys.revoke(name)
    assert partners.view(secret) is None
    with pytest.raises(Refused):
        keys.revoke(name)
    with pytest.raises(NotFound):
        keys.revoke("nobody")


def test_only_the_key_opens(store: Store, keys: Keys, committer: Committer, name: str) -> None:
    partners = Partners(store, committer, book_of(store))
    made, secret = keys.add(name, Role.READER)
    opened = partners.view(secret, name)
    assert opened is not None
    assert opened.reader == made
    prefix, ident, random = secret.split("_")
    last = "a" if random[-1] != "a" else "b"
    for wrong in (
        "",
        secret[:-1],
        secret + "a",
        secret.upper(),
        f"{prefix}_{ident}_{random[:-1]}{last}",
        f"{prefix}_aaaaaaaa_{random}",
        f"{prefix}_{ident}_{'a' * 32}",
        made.id,
        secret.replace("_", "-"),
        secret + "\n",
        "é" * 48,
    ):
        assert partners.view(wrong) is None, wrong
    assert partners.view(secret, "another name") is None
    assert partners.view(secret, "") is None


RIGHTS = [
    # role, its scope, readable, writable; can it see, read, write
    pytest.param(Role.READER, "all", True, True, (True, True, False), id="reader"),
    pytest.param(Role.WRITER, "all", True, True, (True, True, True), id="writer"),
    pytest.param(Role.ADMIN, "all", True, True, (True, True, True), id="admin"),
    pytest.param(Role.WRITER, "this", True, True, (True, True, True), id="writer of this one"),
    pytest.param(Role.WRITER, "another", True, True, (False, False, False), id="writer of another"),
    pytest.param(Role.ADMIN, "another", True, True, (False, False, False), id="admin of another"),
    pytest.param(Role.WRITER, "all", True, False, (True, True, False), id="writer of a read-only one"),
    pytest.param(Role.WRITER, "all", False, True, (True, False, True), id="writer of an inbox"),
    pytest.param(Role.READER, "all", False, True, (False, False, False), id="reader of an inbox"),
    pytest.param(Role.WRITER, "all", False, False, (False, False, False), id="writer of a closed one"),
    pytest.param(Role.ADMIN, "all", True, False, (True, True, True), id="admin of a read-only one"),
    pytest.param(Role.ADMIN, "all", False, True, (True, True, True), id="admin of an inbox"),
    pytest.param(Role.ADMIN, "all", False, False, (True, True, True), id="admin of a closed one"),
    pytest.param(Role.ADMIN, "this", False, False, (True, True, True), id="admin of this closed one"),
    pytest.param(Role.ADMIN, "another", False, False, (False, False, False), id="admin of another closed one"),
]


@pytest.mark.parametrize(("role", "scope", "readable", "writable", "rights"), RIGHTS)
def test_rights(
    store: Store,
    collections: Collections,
    view: View,
    name: str,
    role: Role,
    scope: str,
    readable: bool,
    writable: bool,
    rights: tuple[bool, bool, bool],
) -> None:
    """TAXII 2.1 section 5.2.1, and 5.7 for taking out: what may not be seen is not there."""
    sees, reads, writes = rights
    one = collections.add(name, readable=readable, writable=writable, alias=name.replace(" ", "-"))
    item = thing()
    append(store, one, item)
    another = collections.add(name + " other")
    reader = view(role, {"all": None, "this": one, "another": another}[scope])
    assert (one.id in [seen.collection.id for seen in reader.collections()]) == sees
    for reference in (one.id, one.alias):
        assert reference is not None
        if not sees:
            with pytest.raises(NotFound):
                reader.collection(reference)
        else:
            seen = reader.collection(reference)
            assert (seen.can_read, seen.can_write) == (reads, writes)
    refusal = Forbidden if sees else NotFound
    if reads:
        assert reader.read(one.id, lambda it: it.page(Selection()).joined) == [item.raw]
        assert reader.read(one.id, lambda it: it.holds(item.id))
        assert not reader.read(one.id, lambda it: it.holds("malware--nobody"))
    else:
        with pytest.raises(refusal):
            reader.read(one.id, lambda it: pytest.fail("it was read"))
    if writes:
        assert reader.writable(one.id) == collections.find(name)
    else:
        with pytest.raises(refusal):
            reader.writable(one.id)
    if reads and writes:
        assert reader.remove(one.id, item.id, Selection(versions=ALL)) == 1
        assert held(store, one) == []
    else:
        with pytest.raises(refusal):
            reader.remove(one.id, item.id, Selection(versions=ALL))
        assert held(store, one) == [item.raw]


def test_a_collection_is_not_found_by_its_title(collections: Collections, view: View, name: str) -> None:
    """Over TAXII only id and alias name one: a title is for people, and may change."""
    collections.add(name)
    with pytest.raises(NotFound):
        view(Role.ADMIN).collection(name)


def test_a_cursor_is_the_last_one_written(store: Store, clock: Clock, name: str) -> None:
    cursors = StoreCursors(store)
    assert cursors.read(name) is None
    for state in (b"one", b"", b"\x00\xff"):
        cursors.write(name, state)
        clock.now += 1
        assert cursors.read(name) == state
    assert cursors.read(name + "x") is None
