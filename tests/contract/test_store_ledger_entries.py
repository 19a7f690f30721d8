"""What happens and its entry are one transaction; sealing is in groups, never over damage, and by one at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest

from support.gate import BY, DAY, NOW, SECOND, Bench, malware, party_id
from titian.core.checkpoint import open_checkpoint
from titian.core.collection import ALL, Selection, timestamp
from titian.core.errors import Forbidden, NotFound, Unavailable
from titian.core.ledger import EVERYBODY, Entry, Kind, Opened, Run, digest_of, runs, spread
from titian.core.ledger_watch import Watch, follow
from titian.core.people import Actor, Duty, local_operator
from titian.core.signing import Role
from titian.core.tlp import Tlp
from titian.node import open_node
from titian.store.deliveries import Delivery
from titian.store.heads import HeadFile
from titian.store.ledger import Ledger, enter, enter_in, entries_between, find_ledger, opened_to
from titian.store.ledger_audit import audit
from titian.store.log import objects

JAPAN, RUSSIA = party_id("japan"), party_id("russia")
KEEPER = Actor("person-5", "Administrator One", Duty.ADMINISTRATOR)


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    made = new_bench()
    made.agree("both", JAPAN, RUSSIA)
    made.agree("jp", JAPAN)
    return made


def agreement(bench: Bench, alias: str = "both") -> str:
    return bench.node.agreements.read().agreement(alias).id


def ledger(bench: Bench, alias: str | None = "both") -> Ledger:
    wanted = None if alias is None else agreement(bench, alias)
    with bench.node.store.reading() as tx:
        found = find_ledger(tx, wanted)
    assert found is not None
    return found


def opened(bench: Bench, alias: str | None = "both") -> list[Opened]:
    found = ledger(bench, alias)
    with bench.node.store.reading() as tx:
        return list(entries_between(tx, found.num, 0, found.size))


def entries(bench: Bench, kind: Kind | None = None, alias: str | None = "both") -> list[Entry]:
    return [one.entry for one in opened(bench, alias) if kind is None or one.entry.kind is kind]


def places(bench: Bench, alias: str) -> dict[str, list[int]]:
    """Where the objects lie that each party is served under an agreement, by the party."""
    found = {}
    for one in bench.released():
        if one.agreement == agreement(bench, alias) and one.party is not None:
            with bench.node.store.reading() as tx:
                records = bench.node.store.log.records(tx, one.num, Selection(versions=ALL, limit=1000)).records
            found[one.party] = [record.added for record in records]
    return found


def delivery(bench: Bench, alias: str = "japan", under: str = "both", **more: Any) -> Delivery:
    (held,) = [
        one for one in bench.released() if one.party == party_id(alias) and one.agreement == agreement(bench, under)
    ]
    with bench.node.store.reading() as tx:
        page = bench.node.store.log.page(tx, held.num, Selection(versions=ALL, limit=1000))
    given: dict[str, Any] = {
        "collection": held, "key": "k", "view": "objects", "after": 0, "first": page.first, "last": page.last,
        "count": page.count, "digest": partial(digest_of, list(objects(page))), "whole": True,
    }  # fmt: skip
    return Delivery(**(given | more))


def hand_over(bench: Bench, given: Delivery) -> bool:
    return bench.view("japan").deliver(given).result(30)


# ── every act has its entry, in its transaction ───────────────────────────────────────────────────────────────


def test_a_release_is_entered_for_each_party(bench: Bench) -> None:
    ids = bench.hold(malware("One", tlp=Tlp.GREEN), malware("Two", tlp=Tlp.GREEN))
    bench.release(*ids, to="both")
    told = {str(one.party): one for one in entries(bench, Kind.RELEASE)}
    lying = places(bench, "both")
    assert told.keys() == lying.keys() == {JAPAN, RUSSIA}
    for party, one in told.items():
        assert list(spread([Run(*run) for run in one.details["runs"]])) == lying[party]
        assert one.details["count"] == len(lying[party])
        assert not any(identifier in str(one.details) for identifier in ids)


def test_what_is_taken_back_is_entered(bench: Bench) -> None:
    ids = bench.hold(malware("One", tlp=Tlp.GREEN), malware("Two", tlp=Tlp.GREEN))
    bench.release(*ids, to="both")
    before = places(bench, "both")
    bench.mark(ids[0], tlp=Tlp.RED)
    after = places(bench, "both")
    told = {one.party: one for one in entries(bench, Kind.WITHDRAWAL)}
    for party in (JAPAN, RUSSIA):
        gone = set(before[party]) - set(after[party])
        assert gone
        assert set(spread([Run(*run) for run in told[party].details["runs"]])) == gone


def test_what_ends_by_the_clock_is_entered(bench: Bench) -> None:
    ids = bench.hold(malware("One", tlp=Tlp.GREEN), malware("Two", tlp=Tlp.GREEN))
    bench.mark(ids[0], expires=timestamp(NOW + DAY))
    bench.release(*ids, to="both")
    bench.clock.now += 2 * DAY
    bench.node.withdraw.tick()
    assert {one.party for one in entries(bench, Kind.WITHDRAWAL)} == {JAPAN, RUSSIA}
    assert all(one.at == bench.clock.now for one in entries(bench, Kind.WITHDRAWAL))


def test_a_change_of_an_agreement_is_open_to_all_of_it(bench: Bench) -> None:
    before = len(entries(bench, Kind.AGREEMENT))
    bench.node.agreements.narrow("both", BY, ceiling=Tlp.GREEN)
    (told,) = entries(bench, Kind.AGREEMENT)[before:]
    assert told.party == EVERYBODY
    assert len(entries(bench, Kind.AGREEMENT, "jp")) == 1, "the other agreement has its own alone"


def test_a_change_of_keys_is_open_to_all(bench: Bench) -> None:
    bench.node.signing.rotate(Role.LOG, 3600, by=KEEPER)
    for alias in ("both", "jp"):
        (told,) = entries(bench, Kind.KEY, alias)
        assert told.party == EVERYBODY
        assert told.details["role"] == "log"
        assert {"new", "old", "until", "compromised"} <= told.details.keys()


def test_every_act_is_in_the_private_ledger_and_in_no_other(bench: Bench) -> None:
    bench.release(*bench.hold(malware("One", tlp=Tlp.GREEN)), to="both")
    bench.node.people.add(
        "person-one", Duty.ANALYST, by=local_operator("setup"), issuer="https://login.example", subject="x"
    )
    kept = [(one.at, one.person, one.act, one.subject) for one in bench.node.acts.list(limit=1000)]
    told = [
        (one.at, one.details["person"], one.details["act"], one.details["subject"])
        for one in entries(bench, Kind.ACT, None)
    ]
    assert sorted(told) == sorted(kept)
    assert all(one.party is None for one in entries(bench, None, None))
    assert [one for alias in ("both", "jp") for one in entries(bench, Kind.ACT, alias)] == []


def test_whoever_reads_along_knows_what_is_served(bench: Bench) -> None:
    """The entries of one party, followed, leave just what lies in its collection."""
    ids = bench.hold(*(malware(f"Number {number}", tlp=Tlp.GREEN) for number in range(5)))
    bench.release(*ids[:3], to="both")
    bench.mark(ids[1], tlp=Tlp.RED)
    bench.release(*ids[3:], to="both")
    bench.mark(ids[4], tlp=Tlp.AMBER)
    bench.node.ledgers.seal_all()
    found = ledger(bench)
    for party in (JAPAN, RUSSIA):
        with bench.node.store.reading() as tx:
            mine = opened_to(tx, found, party, after=0, limit=1000)
        followed = follow(Watch(), mine, {})
        assert followed.findings == ()
        (lane,) = [one for one in followed.watch.lanes.values() if one.pending]
        assert list(spread(lane.pending)) == places(bench, "both")[party]
        assert {one.entry.party for one in mine} <= {party, EVERYBODY}


class Stop(Exception):
    """Something went wrong at the worst moment."""


@pytest.mark.parametrize("where", ["enter", "UPDATE ledgers SET size"])
def test_a_release_that_breaks_off_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    bench.release(*bench.hold(malware("First", tlp=Tlp.GREEN)), to="both")
    ids = bench.hold(malware("One", tlp=Tlp.GREEN))
    before = (opened(bench), opened(bench, None), bench.served("japan"), bench.served("russia"))
    if where == "enter":
        calls = iter([False, True])

        def stops(tx: Any, *rest: Any) -> int:
            if next(calls, True):
                raise Stop
            return enter(tx, *rest)

        monkeypatch.setattr("titian.store.gate.enter", stops)
    else:

        def stopped(tx: Any, *rest: Any, **more: Any) -> int:
            enter_in(tx, *rest, **more)
            raise Stop

        monkeypatch.setattr("titian.store.ledger.enter_in", stopped)
    with pytest.raises(Stop):
        bench.release(*ids, to="both")
    monkeypatch.undo()
    after = (opened(bench), opened(bench, None), bench.served("japan"), bench.served("russia"))
    assert after[0] == before[0]
    assert after[2:] == before[2:]
    bench.node.ledgers.seal_all()
    assert ledger(bench).halted is None


def test_entries_are_in_the_order_of_their_times(bench: Bench) -> None:
    """Also where the clock goes back: no honest entry looks back-dated."""
    for moment in (NOW + DAY, NOW, NOW + 2 * DAY, NOW + 1):
        bench.clock.now = moment
        bench.release(*bench.hold(malware(f"At {moment}", tlp=Tlp.GREEN)), to="both")
        bench.node.ledgers.seal_all()
    for alias in ("both", None):
        told = [one.at for one in entries(bench, None, alias)]
        assert told == sorted(told)
        rows = [(one.num, one.entry.at) for one in opened(bench, alias)]
        number = ledger(bench, alias).num
        with bench.node.store.reading() as tx:
            kept = tx.all("SELECT num, at FROM ledger_entries WHERE ledger = ? ORDER BY num", number)
        assert [(int(num), int(at)) for num, at in kept] == rows


# ── deliveries ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_is_there_before_it_is_answered(bench: Bench) -> None:
    bench.release(*bench.hold(malware("One", tlp=Tlp.GREEN)), to="both")
    given = delivery(bench)
    assert hand_over(bench, given)
    (told,) = entries(bench, Kind.DELIVERY)
    assert told.party == JAPAN
    assert told.details == {
        "collection": given.collection.id, "key": "k", "view": "objects", "after": 0, "first": given.first,
        "last": given.last, "count": given.count, "digest": given.digest().hex(), "whole": True,
    }  # fmt: skip


def test_nothing_is_handed_over_that_was_taken_back_meanwhile(bench: Bench) -> None:
    ids = bench.hold(malware("One", tlp=Tlp.GREEN), malware("Two", tlp=Tlp.GREEN))
    bench.release(*ids, to="both")
    given = delivery(bench)
    bench.mark(ids[0], tlp=Tlp.RED)
    assert not hand_over(bench, given)
    assert entries(bench, Kind.DELIVERY) == []
    assert hand_over(bench, delivery(bench))


def test_what_came_in_meanwhile_is_no_hindrance(bench: Bench) -> None:
    bench.release(*bench.hold(malware("One", tlp=Tlp.GREEN)), to="both")
    given = delivery(bench)
    bench.release(*bench.hold(malware("Two", tlp=Tlp.GREEN)), to="both")
    assert hand_over(bench, given)


def test_nothing_is_handed_over_when_the_agreement_has_ended(bench: Bench) -> None:
    bench.release(*bench.hold(malware("One", tlp=Tlp.GREEN)), to="both")
    given = delivery(bench)
    bench.node.agreements.end("both", BY)
    with pytest.raises((Forbidden, NotFound)):
        hand_over(bench, given)
    assert entries(bench, Kind.DELIVERY) == []


def test_nothing_is_handed_over_while_the_ledger_is_halted(bench: Bench) -> None:
    for alias in ("both", "jp"):
        bench.release(*bench.hold(malware(f"To {alias}", tlp=Tlp.GREEN)), to=alias)
    bench.node.ledgers.halt(ledger(bench).num, "somebody said so")
    with pytest.raises(Unavailable) as raised:
        hand_over(bench, delivery(bench))
    assert "somebody" not in str(raised.value)
    assert entries(bench, Kind.DELIVERY) == []
    assert hand_over(bench, delivery(bench, under="jp")), "under another agreement all is well"


def test_readers_at_once_share_a_commit_and_each_has_its_record(bench: Bench) -> None:
    bench.release(*bench.hold(malware("One", tlp=Tlp.GREEN)), to="both")
    given = delivery(bench)
    waiting = [bench.view("japan").deliver(given) for _ in range(40)]
    assert all(one.result(30) for one in waiting)
    assert len(entries(bench, Kind.DELIVERY)) == 40


# ── sealing ───────────────────────────────────────────────────────────────────────────────────────────────────


def fill(bench: Bench, count: int, alias: str = "both") -> None:
    with bench.node.store.writing() as tx:
        enter(tx, agreement(bench, alias), [Entry(kind=Kind.RELEASE, at=bench.clock(), party=JAPAN)] * count)


def holds(bench: Bench, alias: str | None = "both") -> str | None:
    found = ledger(bench, alias)
    with bench.node.store.reading() as tx:
        damage = audit(tx, found, bench.node.ledgers, HeadFile(bench.node.home))
    return None if damage is None else damage.what


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 250, 256, 257, 1000])
def test_what_partners_see_is_filled_up_to_whole_steps(bench: Bench, count: int) -> None:
    before = ledger(bench).size
    fill(bench, count)
    bench.node.ledgers.seal_all()
    found = ledger(bench)
    assert found.size == found.head.size == -(-(before + count) // 16) * 16
    assert found.halted is None
    fillers = entries(bench, Kind.FILLER)
    assert len(fillers) == found.size - before - count
    assert all(one.party is None and not one.details for one in fillers)
    assert holds(bench) is None
    private = ledger(bench, None)
    assert private.head.size == private.size == len(entries(bench, None, None))
    assert entries(bench, Kind.FILLER, None) == [], "nobody else sees that one"
    assert holds(bench, None) is None


def test_sealing_again_changes_nothing(bench: Bench) -> None:
    bench.node.ledgers.seal_all()
    before = [ledger(bench), ledger(bench, None)]
    bench.clock.now += DAY
    assert bench.node.ledgers.seal_all() == []
    assert [ledger(bench), ledger(bench, None)] == before


def test_each_checkpoint_leads_on_from_the_one_before(bench: Bench) -> None:
    head_file = HeadFile(bench.node.home)
    for count in (1, 40, 300, 3):
        fill(bench, count)
        bench.clock.now += SECOND
        bench.node.ledgers.seal_all()
        found = ledger(bench)
        with bench.node.store.reading() as tx:
            (key,) = bench.node.ledgers.log_keys(tx, found)
        assert found.checkpoint is not None
        checkpoint = open_checkpoint(found.checkpoint, key).checkpoint
        assert (checkpoint.size, checkpoint.root) == (found.head.size, found.head.root)
        signed = head_file.read()[found.origin]
        assert (signed.size, signed.root) == (found.head.size, found.head.root)
        assert holds(bench) is None


DAMAGE = {
    "an entry lost": "DELETE FROM ledger_entries WHERE ledger = ? AND num = 3",
    "another salt": "UPDATE ledger_entries SET salt = ? WHERE ledger = ? AND num = 3",
    "another root": "UPDATE ledgers SET root = ? WHERE num = ?",
    "fewer": "UPDATE ledgers SET sealed = sealed - 16 WHERE num = ?",
    "no tile": "DELETE FROM ledger_tiles WHERE ledger = ? AND level = 0",
    "no bundle": "DELETE FROM ledger_tiles WHERE ledger = ? AND level = -1",
    "an entry lost that waits": "DELETE FROM ledger_entries WHERE ledger = ? AND num = LAST",
}


@pytest.mark.parametrize("statement", DAMAGE.values(), ids=DAMAGE)
def test_nothing_is_sealed_over_damage(bench: Bench, statement: str) -> None:
    fill(bench, 100)
    bench.node.ledgers.seal_all()
    fill(bench, 5)
    found = ledger(bench)
    given = [*([bytes(32)] if "= ?," in statement or "= ? WHERE" in statement else []), found.num]
    with bench.node.store.writing() as tx:
        tx.run(statement.replace("LAST", str(found.size - 1)), *given)
    before = ledger(bench)
    (done,) = [one for one in bench.node.ledgers.seal_all() if one.ledger.num == found.num]
    after = ledger(bench)
    assert done.halted == after.halted
    assert after.halted
    assert (after.head, after.checkpoint, after.signed, after.size) == (
        before.head, before.checkpoint, before.signed, before.size,
    )  # fmt: skip
    assert bench.node.ledgers.seal_all() == [], "and not tried again"
    assert ledger(bench, "jp").halted is None


def test_two_workers_that_seal_at_once(bench: Bench) -> None:
    """One seals, the other finds nothing left: one history, whoever wins."""
    others = [open_node(bench.node.home, clock=bench.clock, environment={}) for _ in range(2)]
    failures: list[BaseException] = []
    try:
        for count in range(1, 8):
            fill(bench, count)
            barrier = threading.Barrier(len(others))

            def seal(node: Any, barrier: threading.Barrier = barrier) -> None:
                try:
                    barrier.wait(10)
                    node.ledgers.seal_all()
                except BaseException as error:
                    failures.append(error)

            threads = [threading.Thread(target=seal, args=(one,)) for one in others]
            for one in threads:
                one.start()
            for one in threads:
                one.join(60)
            assert failures == []
            found = ledger(bench)
            assert (found.size, found.halted) == (found.head.size, None)
            assert holds(bench) is None
    finally:
        for node in others:
            node.close()


def test_entering_and_sealing_at_once(bench: Bench) -> None:
    """Everything that was entered is sealed in the end, each once."""
    other = open_node(bench.node.home, clock=bench.clock, environment={})
    before, failures = len(entries(bench, Kind.RELEASE)), []
    done = threading.Event()

    def seal() -> None:
        try:
            while not done.is_set():
                other.ledgers.seal_all()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=seal)
    thread.start()
    try:
        for _ in range(25):
            fill(bench, 3)
    finally:
        done.set()
        thread.join(60)
        other.close()
    bench.node.ledgers.seal_all()
    assert failures == []
    assert len(entries(bench, Kind.RELEASE)) == before + 75
    assert holds(bench) is None


@contextmanager
def dies_before_heads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process dies once the checkpoint is in the database, and before it is in the file beside it."""

    def dies(self: HeadFile, *rest: Any) -> bool:
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(HeadFile, "write", dies)
        yield


def test_a_kill_between_the_database_and_its_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.node.ledgers.seal_all()
    for _ in range(3):
        fill(bench, 5)
        with dies_before_heads(monkeypatch), pytest.raises(Stop):
            bench.node.ledgers.seal_all()
        found = ledger(bench)
        assert found.head.size == found.size, "the database has it"
        assert HeadFile(bench.node.home).read()[found.origin].size < found.size
        fill(bench, 5)
        bench.node.ledgers.seal_all()
        found = ledger(bench)
        assert (found.halted, found.head.size) == (None, found.size)
        assert HeadFile(bench.node.home).read()[found.origin].size == found.size
        assert holds(bench) is None


def test_a_kill_before_the_very_first_head(new_bench: Callable[[], Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered beside the database yet, and the database says that something was signed."""
    bench = new_bench()
    bench.agree("both", JAPAN, RUSSIA)
    with dies_before_heads(monkeypatch), pytest.raises(Stop):
        bench.node.ledgers.seal_all()
    bench.node.ledgers.seal_all()
    assert [(one.agreement is None, one.halted) for one in bench.node.ledgers.ledgers() if one.halted] == []


def test_a_real_kill_while_it_seals(bench: Bench) -> None:
    """A process that is killed in the middle of sealing, again and again, leaves a whole ledger."""
    script = (
        "import os, sys, threading, time\n"
        "from titian.node import open_node\n"
        "from titian.store.ledger import enter\n"
        "from titian.core.ledger import Entry, Kind\n"
        "node = open_node(sys.argv[1], environment={})\n"
        "def end():\n"
        "    time.sleep(float(sys.argv[3]))\n"
        "    os.kill(os.getpid(), 9)\n"
        "threading.Thread(target=end, daemon=True).start()\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    with node.store.writing() as tx:\n"
        "        enter(tx, sys.argv[2], [Entry(kind=Kind.FILLER, at=1)] * 7)\n"
        "    node.ledgers.seal_all()\n"
    )
    for delay in ("0.01", "0.05", "0.11"):
        argv = [sys.executable, "-c", script, str(bench.node.home), agreement(bench), delay]
        done = subprocess.run(argv, capture_output=True, text=True, env=os.environ, timeout=60, check=False)
        assert done.returncode == -9, done.stderr
        bench.node.ledgers.seal_all()
        found = ledger(bench)
        assert (found.halted, found.head.size) == (None, found.size)
        assert holds(bench) is None
        assert holds(bench, None) is None


# ── what is opened ────────────────────────────────────────────────────────────────────────────────────────────


def test_only_what_is_sealed_is_opened(bench: Bench) -> None:
    bench.node.ledgers.seal_all()
    fill(bench, 3)
    found = ledger(bench)
    with bench.node.store.reading() as tx:
        mine = opened_to(tx, found, JAPAN, after=0, limit=100)
        assert all(one.num < found.head.size for one in mine)
        assert opened_to(tx, found, RUSSIA, after=0, limit=100) == [one for one in mine if one.entry.party == EVERYBODY]


def test_pages_of_what_is_opened_miss_nothing(bench: Bench) -> None:
    with bench.node.store.writing() as tx:
        for number in range(60):
            party = (JAPAN, RUSSIA, EVERYBODY, None)[number * 7 % 4]
            enter(tx, agreement(bench), [Entry(kind=Kind.ANSWER, at=number, party=party)])
    bench.node.ledgers.seal_all()
    found = ledger(bench)
    wanted = [one.num for one in opened(bench) if one.entry.party in (JAPAN, EVERYBODY)]
    for limit in (1, 2, 7, 100):
        got: list[int] = []
        while True:
            with bench.node.store.reading() as tx:
                page = opened_to(tx, found, JAPAN, after=got[-1] + 1 if got else 0, limit=limit)
            if not page:
                break
            got += [one.num for one in page]
        assert got == wanted


def test_there_is_no_ledger_before_there_is_something_in_it(new_bench: Callable[[], Bench]) -> None:
    bench = new_bench()
    with bench.node.store.reading() as tx:
        assert find_ledger(tx, "agreement--1") is None
        private = find_ledger(tx, None)
    assert private is not None, "setting the node up was an act"
    with suppress(Stop), bench.node.store.writing() as tx:
        enter(tx, "agreement--1", [Entry(kind=Kind.ACT, at=1)])
        raise Stop
    with bench.node.store.reading() as tx:
        assert find_ledger(tx, "agreement--1") is None


def test_runs_in_the_ledger_are_those_of_the_collection(bench: Bench) -> None:
    """Many objects in one release are a few runs."""
    ids = bench.hold(*(malware(f"Number {number}", tlp=Tlp.GREEN) for number in range(50)))
    bench.release(*ids, to="jp")
    (told,) = entries(bench, Kind.RELEASE, "jp")
    lying = places(bench, "jp")[JAPAN]
    assert [Run(*run) for run in told.details["runs"]] == list(runs(lying))
