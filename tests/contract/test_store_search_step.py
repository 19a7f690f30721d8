"""What is removed, replaced or withheld is not found, from the next search on; and the index follows the log."""

from __future__ import annotations

import pytest
from search_support import NOWHERE, OTHER, PARTY, SECOND, Holding, collection, holding, ids, key_of, released, search
from store_support import Clock, remove

from support.stix import malware
from titian.core.access import Key, Role
from titian.core.collection import Collection, Kind, Selection, Versions
from titian.core.search import Count, Viewer
from titian.store.admin import Collections
from titian.store.database import Transaction
from titian.store.search import Find
from titian.store.store import Store


@pytest.fixture
def find(fresh_store: Store) -> Find:
    return Find(fresh_store)


@pytest.fixture
def reports(fresh_store: Store) -> Collection:
    return Collections(fresh_store).add("Reports")


@pytest.fixture
def hold(fresh_store: Store, reports: Collection) -> Holding:
    return holding(fresh_store, reports)


# ── versions, removal, copies in several collections ──────────────────────────────────────────────────────────


def test_an_old_version_is_found_only_when_asked_for(find: Find, hold: Holding) -> None:
    value = malware(name="old ferry", created="2025-01-01T00:00:00.000Z", modified="2025-01-01T00:00:00.000Z")
    hold(value)
    assert len(search(find, "ferry").hits) == 1
    hold(value | {"name": "new harbour", "modified": "2025-02-01T00:00:00.000Z"})
    assert ids(search(find, "ferry")) == []
    assert ids(search(find, "harbour")) == [value["id"]]
    both = search(find, "versions:all type:malware")
    assert [(hit.title, hit.latest) for hit in both.hits] == [("new harbour", True), ("old ferry", False)]
    assert search(find, "ferry versions:all").total == Count(1)


def test_a_version_that_comes_late_stays_behind(find: Find, hold: Holding) -> None:
    value = malware(name="new harbour", created="2025-01-01T00:00:00.000Z", modified="2025-02-01T00:00:00.000Z")
    hold(value)
    assert len(search(find, "harbour").hits) == 1
    hold(value | {"name": "old ferry", "modified": "2025-01-15T00:00:00.000Z"})
    assert (ids(search(find, "ferry")), ids(search(find, "harbour"))) == ([], [value["id"]])


def test_what_is_removed_is_gone_and_its_words_too(
    find: Find, fresh_store: Store, reports: Collection, hold: Holding
) -> None:
    one, two = hold(malware(name="secret ferry"), malware(name="open ferry"))
    assert len(search(find, "ferry").hits) == 2
    remove(fresh_store, reports, one)
    found = search(find, "ferry")
    assert (ids(found), found.total) == ([two], Count(1))
    assert search(find, "secret").total == search(find, one).total == Count(0)
    find.tick()
    with fresh_store.reading() as tx:
        terms = {bytes(row[0]) for row in tx.all("SELECT term FROM search_terms WHERE scope = 0")}
    assert b"ferry" in terms
    assert b"secret" not in terms, "what nobody says any more is not known"
    again = hold(malware(name="secret ferry"))
    assert ids(search(find, "secret")) == again


def test_the_version_before_comes_back_when_the_latest_goes(
    find: Find, fresh_store: Store, reports: Collection, hold: Holding
) -> None:
    value = malware(name="old ferry", created="2025-01-01T00:00:00.000Z", modified="2025-01-01T00:00:00.000Z")
    hold(value, value | {"name": "new harbour", "modified": "2025-02-01T00:00:00.000Z"})
    assert ids(search(find, "ferry")) == []
    remove(fresh_store, reports, value["id"], Selection(versions=Versions()))
    assert (ids(search(find, "ferry")), ids(search(find, "harbour"))) == ([value["id"]], [])


def test_what_goes_before_it_was_indexed_never_comes(
    find: Find, fresh_store: Store, reports: Collection, hold: Holding
) -> None:
    one, two = hold(malware(name="ferry 1"), malware(name="ferry 2"))
    remove(fresh_store, reports, one)
    assert ids(search(find, "ferry")) == [two]
    remove(fresh_store, reports, two)
    assert search(find, "").total == Count(0)
    with fresh_store.reading() as tx:
        assert tx.all("SELECT 1 FROM search_left") == []


def test_one_object_in_two_collections_is_one_hit(
    find: Find, fresh_store: Store, reports: Collection, hold: Holding
) -> None:
    theirs = collection(fresh_store, Kind.RECEIVED, "from them", party=PARTY)
    value = malware(name="ferry", created_by_ref=OTHER)
    hold(value, into=theirs)
    assert search(find, "ferry").hits[0].source == PARTY
    hold(value)
    found = search(find, "ferry")
    assert (ids(found), found.total) == ([value["id"]], Count(1))
    assert found.hits[0].collection == reports.id, "ours comes before what was received"
    for where in (theirs, reports):
        there = search(find, "ferry", collection=where.id)
        assert (ids(there), there.total, there.hits[0].collection) == ([value["id"]], Count(1), where.id)
    assert search(find, "ferry", party=PARTY).total == search(find, "ferry", party=OTHER).total == Count(1)
    remove(fresh_store, reports, value["id"])
    assert search(find, "ferry").hits[0].collection == theirs.id


def test_what_was_released_is_not_held_twice(find: Find, fresh_store: Store, hold: Holding) -> None:
    """The organisation sees what it released when it asks for that collection, or agreement, only."""
    out = released(fresh_store, "to them")
    value = malware(name="ferry")
    hold(value)
    hold(value, into=out)
    assert search(find, "ferry").total == Count(1)
    assert [hit.collection for hit in search(find, "ferry", agreement="agreement--1").hits] == [out.id]
    assert [hit.collection for hit in search(find, "ferry", collection=out.id).hits] == [out.id]
    assert search(find, "ferry", agreement="agreement--2").total == Count(0)


# ── parties ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_party_finds_what_was_released_to_it(find: Find, fresh_store: Store, hold: Holding) -> None:
    one, another = released(fresh_store, "to them"), released(fresh_store, "to them too", agreement="agreement--2")
    not_theirs = released(fresh_store, "to others", party=OTHER)
    inbox = collection(fresh_store, Kind.RECEIVED, "inbox", party=PARTY, agreement="agreement--1")
    hold(malware(name="ferry held"))
    hold(malware(name="ferry sent"), into=inbox)
    hold(malware(name="ferry for others"), into=not_theirs)
    first = hold(malware(name="ferry 1"), into=one)
    assert isinstance(fresh_store.clock, Clock)
    fresh_store.clock.now += SECOND
    second = hold(malware(name="ferry 2"), into=another)
    party = key_of()
    assert ids(search(find, "ferry", party)) == [*second, *first]
    assert ids(search(find, "", party)) == [*second, *first]
    assert ids(search(find, "ferry", party, collection=another.id)) == second
    assert ids(search(find, "ferry", party, agreement="agreement--1")) == first
    for hidden in (not_theirs, inbox, Collections(fresh_store).find("Reports")):
        found = search(find, "ferry", party, collection=hidden.id)
        absent = search(find, "ferry", party, collection=NOWHERE)
        assert found == absent
    assert search(find, "ferry", key_of("identity--0b8fb3a6-94c5-4d2a-9e22-0e9a2e6a6f09")).total == Count(0)


def test_a_collection_that_has_closed_is_empty(find: Find, fresh_store: Store, hold: Holding) -> None:
    where = released(fresh_store, "to them")
    hold(malware(name="ferry"), into=where)
    assert len(search(find, "ferry", key_of()).hits) == 1
    with fresh_store.writing() as tx:
        tx.run("UPDATE collections SET closes = ? WHERE num = ?", fresh_store.clock(), where.num)
    assert search(find, "ferry", key_of()).total == Count(0)


def test_what_has_ended_is_taken_out_before_a_party_searches(fresh_store: Store, hold: Holding) -> None:
    """Law 9: the clock ends what expires, not the next tick."""
    where = released(fresh_store, "to them")
    (one,) = hold(malware(name="ferry"), into=where)
    ended = []

    def end() -> None:
        ended.append(True)
        remove(fresh_store, where, one)
        with fresh_store.writing() as tx:
            tx.run("UPDATE collections SET expiry = NULL WHERE num = ?", where.num)

    find = Find(fresh_store, end)
    assert len(search(find, "ferry", key_of()).hits) == 1
    with fresh_store.writing() as tx:
        tx.run("UPDATE collections SET expiry = ? WHERE num = ?", fresh_store.clock(), where.num)
    assert (search(find, "ferry", key_of()).total, ended) == (Count(0), [True])


def test_a_key_of_ours_finds_what_it_reads(find: Find, fresh_store: Store, hold: Holding) -> None:
    other = Collections(fresh_store).add("Other")
    hold(malware(name="ferry here"))
    there = hold(malware(name="ferry there"), into=other)
    key = Key(id="k", name="k", digest=b"", role=Role.READER, created=1, collection=other.num)
    assert ids(search(find, "ferry", Viewer.of(key))) == there
    assert (
        len(search(find, "ferry", Viewer.of(Key(id="k", name="k", digest=b"", role=Role.ADMIN, created=1))).hits) == 2
    )


# ── in step ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tick_does_what_a_search_would(find: Find, hold: Holding, fresh_store: Store) -> None:
    made = hold(*(malware(name=f"ferry {n}") for n in range(7)))
    assert find.tick() == 7
    assert find.tick() == 0
    assert sorted(ids(search(find, "ferry"))) == sorted(made)
    find.rebuild()
    with fresh_store.reading() as tx:
        assert tx.all("SELECT 1 FROM search_postings") == []
    assert sorted(ids(search(find, "ferry"))) == sorted(made)


def test_two_processes_index_once(fresh_store: Store, hold: Holding) -> None:
    """Two that begin with the same entries: the second finds them done."""
    one, two = Find(fresh_store), Find(fresh_store)
    hold(malware(name="ferry 1"), malware(name="ferry 2"))
    with fresh_store.reading() as tx:
        prepared = two.index._prepare(tx, None, 100)
    assert prepared is not None
    assert one.tick() == 2
    with fresh_store.writing() as tx:
        two.index._write(tx, prepared)
    assert search(one, "ferry").total == search(two, "ferry").total == Count(2)
    made = hold(malware(name="ferry harbour 3"))
    assert ids(search(two, "harbour")) == made
    assert ids(search(one, "harbour")) == made


def test_what_was_prepared_before_a_removal_does_not_bring_it_back(
    find: Find, fresh_store: Store, reports: Collection, hold: Holding
) -> None:
    one, two = hold(malware(name="ferry 1"), malware(name="ferry 2"))
    with fresh_store.reading() as tx:
        prepared = find.index._prepare(tx, None, 100)
    assert prepared is not None
    remove(fresh_store, reports, one)
    with fresh_store.writing() as tx:
        find.index._write(tx, prepared)
    find.index._writer.committed()
    assert ids(search(find, "ferry")) == [two]


def test_a_large_import_is_let_finish(
    find: Find, fresh_store: Store, hold: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock waits until nothing comes in any more; a search does not."""
    monkeypatch.setattr("titian.store.search._IN_BACKGROUND", 5)
    assert isinstance(fresh_store.clock, Clock)
    hold(*(malware(name=f"ferry {n}") for n in range(5)))
    assert find.tick() == 5, "a few are indexed as they come"
    hold(*(malware(name=f"ferry {n}") for n in range(6)))
    assert find.tick() == 0
    fresh_store.clock.now += 3 * SECOND
    hold(malware(name="ferry"))
    assert find.tick() == 0, "it goes on"
    assert search(find, "ferry").total == Count(12)
    hold(*(malware(name=f"ferry {n}") for n in range(6)))
    fresh_store.clock.now += 3 * SECOND
    assert find.tick() == 6


def test_behind_says_how_much_cannot_be_found_yet(find: Find, hold: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search in the middle of a large import indexes for a while, then answers, and says what it lacks."""
    made = hold(*(malware(name=f"ferry {n}") for n in range(10)))
    catch_up = find.index.catch_up
    monkeypatch.setattr(find.index, "catch_up", lambda scopes, *, seconds: catch_up(scopes, seconds=0, batch=2))
    found = search(find, "ferry")
    assert (found.total, found.behind) == (Count(2), 8)
    assert set(ids(found)) == set(made[:2]), "in the order in which it came"


def check_index(tx: Transaction) -> None:
    """Every entry is numbered once, and nothing else is."""
    entries = set(tx.all("SELECT collection, added FROM entries"))
    numbered = tx.all("SELECT collection, added FROM search_documents")
    assert len(numbered) == len(entries)
    assert set(numbered) == entries


def test_the_index_is_the_log(find: Find, fresh_store: Store, reports: Collection, hold: Holding) -> None:
    made = hold(*(malware(name=f"ferry {n}") for n in range(30)))
    search(find, "ferry")
    for one in made[::2]:
        remove(fresh_store, reports, one)
    hold(*(malware(name=f"ferry {n}") for n in range(5)))
    assert search(find, "ferry").total == Count(20)
    with fresh_store.reading() as tx:
        check_index(tx)
