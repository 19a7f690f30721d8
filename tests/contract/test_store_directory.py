"""The directory in the store, on both backends: what a change of it does to who may read what, and when."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest
from store_support import NODE, START, Clock, append, held, thing

from titian.core.agreement import Agreement
from titian.core.collection import Collection, Kind
from titian.core.directory_objects import Change, Reading
from titian.core.directory_writing import (
    Stamp,
    instant_text,
    new_membership,
    revise,
    write_agreement,
    write_membership,
    write_party,
)
from titian.core.errors import AlreadyExists, InvalidInput
from titian.core.party import Directory, Membership, Party, PartyKind
from titian.core.tlp import Tlp
from titian.store.acts import Acts
from titian.store.admin import Collections
from titian.store.database import Transaction
from titian.store.directory import DirectoryBook, DirectoryStore, windows_of
from titian.store.registry import add_collection, list_collections
from titian.store.store import Store

DAY = 86_400 * 1_000_000


def ident(kind: str, number: int) -> str:
    return f"{kind}--{uuid.UUID(int=number, version=4)}"


OWN = NODE.identity
PARTNER, NEWCOMER, CLUB = (ident("identity", number) for number in (1, 2, 3))
AGREED = Agreement(
    id=ident("agreement", 4), name="Agreed", parties=frozenset({OWN, PARTNER, CLUB}),
    purposes=frozenset({"cybercrime"}), ceiling=Tlp.AMBER, starts=START - DAY,
)  # fmt: skip


def stamp(store: Store) -> Stamp:
    return Stamp(by=OWN, at=store.clock())


def everything(store: Store) -> list[bytes]:
    by = stamp(store)
    return [
        write_party(Party(id=PARTNER, name="Partner", kind=PartyKind.AGENCY), by),
        write_party(Party(id=NEWCOMER, name="Newcomer", kind=PartyKind.AGENCY), by),
        write_party(Party(id=CLUB, name="Club", kind=PartyKind.COMMUNITY), by),
        write_agreement(AGREED, "agreed", by),
    ]


@pytest.fixture
def directory(fresh_store: Store) -> DirectoryStore:
    return DirectoryStore(fresh_store)


def change(store: Store, directory: DirectoryStore, *objects: bytes) -> Reading:
    with store.writing() as tx:
        return directory.change(tx, objects)


def read(store: Store, directory: DirectoryStore) -> Directory:
    with store.reading() as tx:
        return directory.read(tx)


def released(store: Store, party: str, **more: Any) -> Collection:
    """The collection of what a party sees, not open yet."""
    made = Collection(
        num=0, id=str(uuid.uuid4()), name=str(uuid.uuid4()), created=store.clock(), kind=Kind.RELEASED,
        agreement=AGREED.id, party=party, **more,
    )  # fmt: skip
    with store.writing() as tx:
        return add_collection(tx, made)


def again(store: Store, collection: Collection) -> Collection:
    with store.reading() as tx:
        return next(one for one in list_collections(tx) if one.num == collection.num)


def clock(store: Store) -> Clock:
    assert isinstance(store.clock, Clock)
    return store.clock


def test_before_anything_is_written_a_node_knows_itself(fresh_store: Store, directory: DirectoryStore) -> None:
    own = read(fresh_store, directory)
    assert own.parties == {OWN: Party(id=OWN, name=NODE.name, kind=PartyKind.AGENCY, country=NODE.country)}
    assert Collections(fresh_store).list() == [], "reading makes nothing"


def test_the_first_change_makes_one_collection_that_no_key_writes(
    fresh_store: Store, directory: DirectoryStore
) -> None:
    change(fresh_store, directory, *everything(fresh_store)[:1])
    change(fresh_store, directory, *everything(fresh_store)[1:])
    (listed,) = Collections(fresh_store).list()
    assert (listed.collection.kind, listed.collection.name, listed.collection.alias) == (
        Kind.DIRECTORY, "Directory", "directory"
    )  # fmt: skip
    assert (listed.collection.readable, listed.collection.writable) == (True, False)
    assert listed.count == 5, "the node's own party is there too"
    known = read(fresh_store, directory)
    assert known.parties.keys() == {OWN, PARTNER, NEWCOMER, CLUB}
    assert known.agreements == {AGREED.id: AGREED}


@pytest.mark.parametrize("taken", [("Directory", None), ("Else", "directory")])
def test_a_collection_of_that_name_is_not_in_the_way(
    fresh_store: Store, directory: DirectoryStore, taken: tuple[str, str | None]
) -> None:
    own = Collections(fresh_store).add(taken[0], alias=taken[1])
    change(fresh_store, directory, *everything(fresh_store))
    assert [one.collection.kind for one in Collections(fresh_store).list()] == [Kind.OWN, Kind.DIRECTORY]
    assert held(fresh_store, own) == []


def test_objects_are_kept_byte_for_byte_and_in_many_pages(
    fresh_store: Store, directory: DirectoryStore, small_segments: None
) -> None:
    objects = everything(fresh_store)
    after = change(fresh_store, directory, *objects)
    assert set(objects) <= set(after.objects.values())
    with fresh_store.reading() as tx:
        assert directory.reading(tx).objects == after.objects


@pytest.mark.parametrize("bad", [b"{}", b"x", b'{"type":"identity","id":"identity--1"}'])
def test_what_is_not_stix_is_not_written(fresh_store: Store, directory: DirectoryStore, bad: bytes) -> None:
    with pytest.raises(InvalidInput):
        change(fresh_store, directory, *everything(fresh_store), bad)
    assert read(fresh_store, directory).agreements == {}


def test_another_content_under_a_version_is_refused_and_nothing_of_it_stays(
    fresh_store: Store, directory: DirectoryStore
) -> None:
    change(fresh_store, directory, *everything(fresh_store))
    other = write_agreement(msgspec.structs.replace(AGREED, ceiling=Tlp.RED), "agreed", stamp(fresh_store))
    member = write_membership(new_membership(NEWCOMER, CLUB), stamp(fresh_store))
    with pytest.raises(AlreadyExists):
        change(fresh_store, directory, member, other)
    known = read(fresh_store, directory)
    assert (known.agreements[AGREED.id].ceiling, known.memberships) == (Tlp.AMBER, ())


# Who may read what


def test_a_party_of_the_audience_reads_from_when_the_agreement_began(
    fresh_store: Store, directory: DirectoryStore
) -> None:
    inside, outside = released(fresh_store, PARTNER), released(fresh_store, NEWCOMER)
    change(fresh_store, directory, *everything(fresh_store))
    assert (again(fresh_store, inside).opens, again(fresh_store, inside).closes) == (AGREED.starts, None)
    assert (again(fresh_store, outside).opens, again(fresh_store, outside).closes) == (None, None)


def end(store: Store) -> list[bytes]:
    raw = write_agreement(AGREED, "agreed", stamp(store))
    return [revise(raw, store.clock(), {"valid_until": instant_text(store.clock() // 1000 * 1000)})]


def narrow(store: Store) -> list[bytes]:
    raw = write_agreement(AGREED, "agreed", stamp(store))
    return [revise(raw, store.clock(), {"party_refs": [OWN, CLUB]})]


def revoke(store: Store) -> list[bytes]:
    return [revise(write_agreement(AGREED, "agreed", stamp(store)), store.clock(), {"revoked": True})]


def spoil(store: Store) -> list[bytes]:
    """A version that cannot be understood: no agreement."""
    return [revise(write_agreement(AGREED, "agreed", stamp(store)), store.clock(), {"ceiling": "beige"})]


def lose(store: Store) -> list[bytes]:
    raw = write_party(Party(id=PARTNER, name="Partner", kind=PartyKind.AGENCY), stamp(store))
    return [revise(raw, store.clock(), {"revoked": True})]


@pytest.mark.parametrize("how", [end, narrow, revoke, spoil, lose], ids=lambda each: each.__name__)
def test_who_loses_the_agreement_reads_nothing_from_then_on(
    fresh_store: Store, directory: DirectoryStore, how: Callable[[Store], list[bytes]]
) -> None:
    change(fresh_store, directory, *everything(fresh_store))
    mine = released(fresh_store, PARTNER, opens=AGREED.starts)
    clock(fresh_store).now += 10_001
    now = fresh_store.clock()
    assert again(fresh_store, mine).is_open(now)
    change(fresh_store, directory, *how(fresh_store))
    assert not again(fresh_store, mine).is_open(now)
    assert not again(fresh_store, mine).is_open(now + 10**15)
    clock(fresh_store).now += 5
    with fresh_store.writing() as tx:
        assert directory.refresh(tx) == 0, "and its end is not moved by looking again"


def test_a_membership_opens_and_closes_by_its_dates_without_anybody_doing_anything(
    fresh_store: Store, directory: DirectoryStore
) -> None:
    mine = released(fresh_store, NEWCOMER)
    term = new_membership(NEWCOMER, CLUB, starts=START + DAY, stops=START + 2 * DAY)
    change(fresh_store, directory, *everything(fresh_store), write_membership(term, stamp(fresh_store)))
    after = again(fresh_store, mine)
    assert (after.opens, after.closes) == (START + DAY, START + 2 * DAY)


def test_the_clock_finds_what_its_rows_do_not_say_yet(fresh_store: Store, directory: DirectoryStore) -> None:
    """Two terms of one member: the second window is set once the first is over."""
    terms = [new_membership(NEWCOMER, CLUB, starts=START + n * DAY, stops=START + (n + 1) * DAY) for n in (1, 3)]
    change(fresh_store, directory, *everything(fresh_store), *(write_membership(t, stamp(fresh_store)) for t in terms))
    mine = released(fresh_store, NEWCOMER)
    for day, wanted in ((0, 1), (1, 1), (2, 3), (3, 3)):
        clock(fresh_store).now = START + day * DAY + 1
        with fresh_store.writing() as tx:
            directory.refresh(tx)
        assert again(fresh_store, mine).opens == START + wanted * DAY


def test_a_member_who_comes_back_reads_from_then_on(fresh_store: Store, directory: DirectoryStore) -> None:
    change(fresh_store, directory, *everything(fresh_store))
    mine = released(fresh_store, PARTNER, opens=AGREED.starts)
    change(fresh_store, directory, *narrow(fresh_store))
    clock(fresh_store).now += DAY
    back = revise(narrow(fresh_store)[0], fresh_store.clock(), {"party_refs": [OWN, PARTNER, CLUB]})
    change(fresh_store, directory, back)
    assert again(fresh_store, mine).is_open(fresh_store.clock())


def test_a_change_of_members_touches_no_entry_and_takes_no_time(fresh_store: Store, directory: DirectoryStore) -> None:
    """It costs the same whatever was released: only rows of collections are written."""
    change(fresh_store, directory, *everything(fresh_store))
    many = [released(fresh_store, PARTNER), *(released(fresh_store, ident("identity", 100 + n)) for n in range(50))]
    append(fresh_store, many[0], *(thing() for _ in range(3000)))
    before = again(fresh_store, many[0])
    began = time.perf_counter()
    change(fresh_store, directory, write_membership(new_membership(NEWCOMER, CLUB), stamp(fresh_store)))
    change(fresh_store, directory, *narrow(fresh_store))
    assert time.perf_counter() - began < 1
    after = again(fresh_store, many[0])
    assert (after.generation, after.last_added) == (before.generation, before.last_added)
    assert after.closes is not None


@pytest.mark.parametrize("seed", range(40))
def test_windows_of_all_parties_are_those_of_each(seed: int) -> None:
    """What the store works out for all at once is what the core says of each, and else the next window to come."""
    random = Random(seed)
    people = ["own", "a", "b", "c", "club", "league"]
    parties = {
        one: Party(id=one, name=one, kind=PartyKind.COMMUNITY if one in ("club", "league") else PartyKind.AGENCY)
        for one in people
    }

    def edge() -> int | None:
        return random.choice([None, *range(1, 9)])

    def tie(number: int) -> Membership:
        member, of = random.sample(people, 2)
        return Membership(id=str(number), member=member, of=of, starts=edge(), stops=edge())

    known = Directory(own="own", parties=parties, memberships=tuple(tie(n) for n in range(random.randrange(9))))
    agreed = msgspec.structs.replace(
        AGREED, parties=frozenset(random.sample(people, 3)), starts=random.randrange(5), stops=edge()
    )
    for at in range(11):
        found = windows_of(known, agreed, at)
        for party in people:
            now = known.window(agreed, party, at)
            later = next((w for t in range(at + 1, 12) if (w := known.window(agreed, party, t)) is not None), None)
            assert found.get(party) == (now or later)


# What follows, and what is remembered


def test_what_hangs_on_a_change_sees_both_sides_in_its_transaction_and_can_stop_it(fresh_store: Store) -> None:
    seen: list[tuple[int, int]] = []

    def follow(tx: Transaction, before: Directory, after: Directory) -> None:
        seen.append((len(before.agreements), len(after.agreements)))
        assert tx.one("SELECT count(*) FROM collections") == (1,)
        assert directory.read(tx) is after
        if len(seen) > 1:
            raise InvalidInput("no")

    directory = DirectoryStore(fresh_store, follow)
    change(fresh_store, directory, *everything(fresh_store)[:-1])
    with pytest.raises(InvalidInput):
        change(fresh_store, directory, *everything(fresh_store))
    assert seen == [(0, 0), (0, 1)]
    assert read(fresh_store, directory).agreements == {}


def test_what_was_undone_is_forgotten_even_when_another_change_has_its_number(
    fresh_store: Store, directory: DirectoryStore
) -> None:
    class Undone(Exception):
        pass

    change(fresh_store, directory, *everything(fresh_store)[:3])
    with suppress(Undone), fresh_store.writing() as tx:
        directory.change(tx, [everything(fresh_store)[3]])
        assert directory.read(tx).agreements.keys() == {AGREED.id}
        raise Undone
    change(fresh_store, directory, write_membership(new_membership(NEWCOMER, CLUB), stamp(fresh_store)))
    known = read(fresh_store, directory)
    assert (known.agreements, len(known.memberships)) == ({}, 1)


def test_another_process_sees_a_change(fresh_store: Store, directory: DirectoryStore) -> None:
    other = DirectoryStore(fresh_store)
    change(fresh_store, directory, *everything(fresh_store)[:3])
    assert read(fresh_store, other).agreements == {}
    change(fresh_store, directory, *everything(fresh_store))
    assert read(fresh_store, other).agreements == {AGREED.id: AGREED}
    first = read(fresh_store, other)
    assert read(fresh_store, other) is first, "nothing changed, nothing read again"


def test_an_act_is_recorded_with_its_change_or_neither_is(fresh_store: Store, directory: DirectoryStore) -> None:
    book = DirectoryBook(fresh_store, directory)
    acts = Acts(fresh_store)

    def add(reading: Reading, now: int) -> Change:
        assert now == fresh_store.clock() == book.now()
        return Change(objects=everything(fresh_store), act="add agreement", subject=AGREED.id, details={"a": [1]})

    def nothing(reading: Reading, now: int) -> Change:
        return Change(objects=[], act="add agreement", subject=AGREED.id)

    def fail(reading: Reading, now: int) -> Change:
        return Change(objects=[b"x"], act="add agreement", subject=AGREED.id)

    book.change("local:analyst-one", "because", add)
    book.change("local:analyst-one", "because", nothing)
    with pytest.raises(InvalidInput):
        book.change("local:analyst-one", "because", fail)
    (act,) = acts.list()
    assert (act.person, act.act, act.subject, act.why, act.details) == (
        "local:analyst-one", "add agreement", AGREED.id, "because", {"a": [1]}
    )  # fmt: skip
    assert book.read().agreement("agreed") == AGREED
