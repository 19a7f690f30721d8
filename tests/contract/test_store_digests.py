"""The digests of a page are those of its objects, however they lie; where there is no journal all is as with one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_support import append, remove, thing

from support.gate import Bench, malware, party_id
from titian.core.collection import ALL, LAST, Collection, Selection
from titian.core.ledger import Kind, digest_of, digest_over
from titian.core.tlp import Tlp
from titian.store.deliveries import Delivery
from titian.store.ledger import entries_between, find_ledger
from titian.store.log import objects
from titian.store.store import Store

JAPAN = party_id("japan")


def agrees(store: Store, where: Collection, selection: Selection) -> None:
    with store.reading() as tx:
        page = store.log.page(tx, where.num, selection, digests=True)
        plain = store.log.page(tx, where.num, selection)
    assert plain.digests is None
    assert (plain.joined, plain.count, plain.last, plain.more) == (page.joined, page.count, page.last, page.more)
    found = list(objects(page))
    assert (page.digests or b"") == b"".join(hashlib.sha256(one).digest() for one in found)
    assert digest_over(page.digests or b"") == digest_of(found)


def all_agree(store: Store, where: Collection, limit: int) -> None:
    """Every page of a collection, and some that are looked for."""
    for versions in (ALL, LAST):
        after = 0
        while True:
            selection = Selection(after=after, limit=limit, versions=versions)
            agrees(store, where, selection)
            with store.reading() as tx:
                page = store.log.page(tx, where.num, selection)
            if not page.more:
                break
            after = page.last
    agrees(store, where, Selection(types=frozenset({"malware"}), limit=limit))
    agrees(store, where, Selection(types=frozenset({"none"})))


@pytest.mark.usefixtures("small_segments")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_digests_of_a_page_are_those_of_its_objects(
    store: Store, new_collection: Callable[[], Collection], data: st.DataObject
) -> None:
    where = new_collection()
    held: list[str] = []
    for _ in range(data.draw(st.integers(1, 4))):
        some = [thing(data.draw(st.integers(0, 400))) for _ in range(data.draw(st.integers(1, 8)))]
        again = data.draw(st.lists(st.sampled_from(held), max_size=2, unique=True)) if held else []
        newer = [thing(120, version=1000 + len(held), identifier=one) for one in again]
        append(store, where, *some, *newer)
        held += [one.id for one in some]
        if data.draw(st.booleans()):
            remove(store, where, data.draw(st.sampled_from(held)))
    all_agree(store, where, data.draw(st.integers(1, 30)))


@pytest.mark.usefixtures("small_segments")
def test_segments_from_before_there_were_digests(store: Store, collection: Collection) -> None:
    append(store, collection, *(thing(150) for _ in range(9)))
    with store.writing() as tx:
        tx.run("UPDATE segments SET digests = NULL WHERE collection = ?", collection.num)
    all_agree(store, collection, 5)
    append(store, collection, thing(50), thing(60))
    all_agree(store, collection, 100)
    with store.reading() as tx:
        last = tx.all("SELECT digests FROM segments WHERE collection = ? ORDER BY last", collection.num)[-1]
    assert last == (None,), "half of them would be worse than none"
    append(store, collection, *(thing(400) for _ in range(3)))
    all_agree(store, collection, 100)


def test_a_delivery_is_in_the_ledger_whatever_the_database(new_bench: Callable[[], Bench]) -> None:
    """On PostgreSQL there is no journal, and nothing waits in one."""
    bench = new_bench()
    bench.agree("jp", JAPAN)
    bench.release(*bench.hold(malware("One", tlp=Tlp.GREEN)), to="jp")
    store = bench.node.store
    assert (store.journal is None) == (store.database.kind == "postgresql")
    if store.journal is not None:
        store.journal.begin()
    (held,) = bench.released()
    given = Delivery(collection=held, key="k", view="objects", after=0, first=1, last=2, count=1,
                     digest=lambda: bytes(32), whole=True)  # fmt: skip
    assert bench.node.deliveries.quick == (store.database.kind == "sqlite")
    if bench.node.deliveries.append([given]) is None:
        assert bench.node.deliveries.record(given).result(30)
    store.settle()
    with store.reading() as tx:
        found = find_ledger(tx, held.agreement)
        assert found is not None
        kinds = [one.entry.kind for one in entries_between(tx, found.num, 0, found.size)]
        assert tx.one("SELECT count(*) FROM journals") == (1 if store.journal is not None else 0,)
    assert kinds.count(Kind.DELIVERY) == 1
