"""The live counts: right, bounded, and along an index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gate import ANALYST, RELEASER, RELEASER_TWO, Bench, benches, malware, party_id
from support.stix import indicator, text
from titian.core import counts as bounds
from titian.core.counts import Counts
from titian.core.tlp import Tlp
from titian.store.counts import LATELY


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    new_url = None
    if request.param == "postgresql":
        new_url = request.getfixturevalue("new_database")
    for make in benches(tmp_path, new_url):
        yield make()


def test_nothing_waits_at_first(bench: Bench) -> None:
    assert bench.node.counts.read() == Counts(requests={}, recalls=0, quarantined=0, arrived=0)


def test_requests_count_for_others_than_who_asked(bench: Bench) -> None:
    bench.agree("jp", party_id("japan"))
    held = bench.hold(malware("Kestrel", tlp=Tlp.AMBER))
    for who in (ANALYST, RELEASER, RELEASER):
        bench.node.release.request(who, held, "jp")
    read = bench.node.counts.read()
    assert read.requests == {ANALYST.id: 1, RELEASER.id: 2}
    assert [read.of(who)["approvals"] for who in (ANALYST, RELEASER, RELEASER_TWO)] == [0, 1, 3]
    assert read.of(RELEASER_TWO)["waiting"] == 3


def test_what_arrives_counts_for_a_day(bench: Bench) -> None:
    bench.node.collections.add("From Japan", received_from=party_id("japan"))
    bench.hold(malware("Ours"))
    bench.hold(*(indicator(created_by_ref=party_id("japan")) for _ in range(3)), into="From Japan")
    assert bench.node.counts.read().arrived == 3
    bench.clock.now += LATELY - 1000
    assert bench.node.counts.read().arrived == 3
    bench.clock.now += 2000
    assert bench.node.counts.read().arrived == 0


def test_the_quarantine_counts_what_waits(bench: Bench) -> None:
    into = bench.node.collections.find("Reports")
    bad = [text({"type": "indicator", "id": f"indicator--{number}"}) for number in range(3)]
    bench.node.exchange._hold.hold(bad, into, source="test", keep_rejected=True)
    assert bench.node.counts.read().quarantined == 3
    with bench.node.store.writing() as tx:
        tx.run("UPDATE quarantine SET state = 'rejected' WHERE num = (SELECT min(num) FROM quarantine)")
    assert bench.node.counts.read().quarantined == 2


def test_no_number_goes_beyond_its_bound(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("titian.store.counts.MOST", 2)
    bench.node.collections.add("From Japan", received_from=party_id("japan"))
    bench.node.collections.add("From Russia", received_from=party_id("russia"))
    for into in ("From Japan", "From Russia"):
        bench.hold(*(indicator() for _ in range(3)), into=into)
    assert bench.node.counts.read().arrived == 2
    assert bounds.MOST == 10_000


def test_each_count_is_along_an_index(bench: Bench) -> None:
    """SQLite says how it would look: no table of objects, requests or the quarantine is walked through as a whole."""
    if bench.node.store.database.kind != "sqlite":
        pytest.skip("the plan of a small table on PostgreSQL says nothing")
    asked: list[str] = []
    with bench.node.store.reading() as tx:
        connection = tx.connection  # type: ignore[attr-defined]
    bench.node.collections.add("From Japan", received_from=party_id("japan"))
    bench.hold(indicator(), into="From Japan")
    connection.set_trace_callback(asked.append)
    bench.node.counts.read()
    connection.set_trace_callback(None)
    plans = [
        row[3] for sql in asked if sql.startswith("SELECT") for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
    ]
    scanned = [plan for plan in plans if plan.startswith("SCAN") and "collections" not in plan]
    assert all("found" in plan or "(subquery" in plan for plan in scanned), plans
    for table in ("requests", "recalls", "quarantine", "entries"):
        assert any(f"SEARCH {table} USING" in plan for plan in plans), (table, plans)
