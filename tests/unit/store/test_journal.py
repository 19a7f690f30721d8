"""The delivery journal: what was answered is in its ledger after anything, once, in order, before anybody asks."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.gate import BY, DAY, Bench, benches, malware, party_id
from titian.core.collection import ALL, Collection, Selection
from titian.core.collection import Kind as CollectionKind
from titian.core.errors import Forbidden, Unavailable
from titian.core.ledger import Kind
from titian.core.people import Actor, Duty
from titian.core.tlp import Tlp
from titian.node import DATABASE, Node, open_node
from titian.store import journal as module
from titian.store.deliveries import Delivery, delivery_record
from titian.store.heads import FILE
from titian.store.journal import Journal
from titian.store.journal_file import BLOCK, FILE_BYTES, HEADER, LARGEST, Record, framed, groups
from titian.store.ledger import Ledger, entries_between, find_ledger

JAPAN = party_id("japan")
ADMINISTRATOR = Actor("person-5", "Administrator One", Duty.ADMINISTRATOR)


@pytest.fixture
def new_bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    yield from benches(tmp_path)


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    """A node that serves a partner one collection, and appends to a journal."""
    made = new_bench()
    made.agree("jp", JAPAN)
    made.release(*made.hold(malware("One", tlp=Tlp.GREEN), malware("Two", tlp=Tlp.GREEN)), to="jp")
    journal_of(made.node).begin()
    return made


def journal_of(node: Node) -> Journal:
    assert node.store.journal is not None
    return node.store.journal


def collection(node: Node) -> Collection:
    """What the partner is served first."""
    every = [one.collection for one in node.collections.list()]
    return next(one for one in every if one.party == JAPAN and one.kind is CollectionKind.RELEASED)


def delivery(node: Node, number: int = 0, **more: Any) -> Delivery:
    given: dict[str, Any] = {
        "collection": more.get("collection") or collection(node), "key": "k", "view": "objects", "after": 0,
        "first": 1 + number, "last": 2 + number, "count": 1, "digest": lambda: number.to_bytes(32, "big"),
        "whole": True,
    }  # fmt: skip
    return Delivery(**(given | more))


def ledger(node: Node) -> Ledger:
    agreement = collection(node).agreement
    with node.store.reading() as tx:
        found = find_ledger(tx, agreement)
    assert found is not None
    return found


def entered(node: Node) -> list[int]:
    """The numbers of the deliveries that are in the ledger, in its order. Reads only."""
    found = ledger(node)
    with node.store.reading() as tx:
        every = [one.entry for one in entries_between(tx, found.num, 0, found.size)]
    return [int(one.details["digest"], 16) for one in every if one.kind is Kind.DELIVERY]


def write(node: Node) -> None:
    """Any write transaction."""
    with node.store.writing():
        pass


def files(node: Node) -> list[Path]:
    return sorted(journal_of(node).folder.glob("*.journal"))


def hand_over(node: Node, *numbers: int) -> None:
    assert node.deliveries.append([delivery(node, number) for number in numbers]) == [True] * len(numbers)


@pytest.fixture
def again(bench: Bench) -> Iterator[Callable[..., Node]]:
    """Opens the bench's node a second time, as another process would."""
    opened: list[Node] = []

    def open_again(home: Path | None = None) -> Node:
        opened.append(open_node(home or bench.node.home, clock=bench.clock, environment={}))
        return opened[-1]

    yield open_again
    for one in opened:
        one.close()


# ── what is appended, is entered ──────────────────────────────────────────────────────────────────────────────


def test_what_was_appended_is_entered_with_the_next_write_and_once(bench: Bench) -> None:
    node = bench.node
    hand_over(node, 1, 2)
    hand_over(node, 3)
    assert entered(node) == []
    write(node)
    assert entered(node) == [1, 2, 3]
    write(node)
    node.store.settle()
    assert entered(node) == [1, 2, 3]


def test_it_says_the_same_as_one_that_went_through_the_database(bench: Bench) -> None:
    node = bench.node
    one = delivery(node, 7)
    assert node.deliveries.record(one).result(30)
    assert node.deliveries.append([one]) == [True]
    node.store.settle()
    found = ledger(node)
    with node.store.reading() as tx:
        first, second = [each.payload for each in entries_between(tx, found.num, found.size - 2, found.size)]
    assert first == second


def test_a_write_transaction_sees_what_was_handed_over_before_it(bench: Bench) -> None:
    node = bench.node
    hand_over(node, 1)
    with node.store.writing() as tx:
        assert tx.one("SELECT count(*) FROM ledger_entries WHERE kind = 'delivery'") == (1,)


def test_what_is_undone_is_entered_by_the_next(bench: Bench) -> None:
    node = bench.node
    hand_over(node, 1)
    with pytest.raises(ZeroDivisionError), node.store.writing():
        raise ZeroDivisionError
    assert entered(node) == []
    write(node)
    assert entered(node) == [1]


def test_what_is_appended_is_before_what_is_written_after_it(bench: Bench) -> None:
    node = bench.node
    for number in range(6):
        bench.clock.now += 1
        if number % 2:
            assert node.deliveries.record(delivery(node, number)).result(30)
        else:
            hand_over(node, number)
    node.store.settle()
    assert entered(node) == list(range(6))


def test_several_files_are_entered_in_the_order_of_time(bench: Bench, again: Callable[..., Node]) -> None:
    other = again()
    journal_of(other).begin()
    for number in range(8):
        bench.clock.now += 1
        hand_over(bench.node if number % 2 else other, number)
    assert len(files(bench.node)) == 2
    write(bench.node)
    assert entered(bench.node) == list(range(8))


def test_a_clock_that_goes_back_changes_no_order(bench: Bench) -> None:
    bench.clock.now += DAY
    for number in range(4):
        bench.clock.now -= 1_000_000
        hand_over(bench.node, number)
    bench.node.store.settle()
    assert entered(bench.node) == [0, 1, 2, 3]
    found = ledger(bench.node)
    with bench.node.store.reading() as tx:
        times = [one.entry.at for one in entries_between(tx, found.num, 0, found.size)]
    assert times == sorted(times)


def test_each_agreement_has_its_own(bench: Bench) -> None:
    bench.agree("both", JAPAN)
    bench.release(*bench.hold(malware("Three", tlp=Tlp.GREEN)), to="both")
    both = list(bench.released())
    given = [delivery(bench.node, number, collection=one) for number, one in enumerate(both)]
    assert bench.node.deliveries.append(given) == [True, True]
    bench.node.store.settle()
    for number, one in enumerate(both):
        with bench.node.store.reading() as tx:
            held = find_ledger(tx, one.agreement)
            assert held is not None
            (told,) = [
                each.entry.details for each in entries_between(tx, held.num, 0, held.size)
                if each.entry.kind is Kind.DELIVERY
            ]  # fmt: skip
        assert told["collection"] == one.id
        assert int(told["digest"], 16) == number


# ── what may not be handed over ───────────────────────────────────────────────────────────────────────────────


def test_each_of_a_group_has_its_own_outcome(bench: Bench) -> None:
    node = bench.node
    before = delivery(node, 1)
    bench.agree("both", JAPAN)
    bench.release(*bench.hold(malware("Three", tlp=Tlp.GREEN)), to="both")
    bench.node.agreements.end("both", BY)
    (other,) = [one for one in bench.released() if one.id != before.collection.id]
    bench.mark(*[one for one in bench.served("japan") if one.startswith("malware")][:1], tlp=Tlp.RED)
    after = delivery(node, 2)
    outcomes = node.deliveries.append([before, delivery(node, 3, collection=other), after])
    assert outcomes is not None
    assert outcomes[0] is False, "something was taken back since it was read"
    assert isinstance(outcomes[1], Forbidden)
    assert outcomes[2] is True
    node.store.settle()
    assert entered(node) == [2]


def test_nothing_is_handed_over_while_the_ledger_is_halted(bench: Bench) -> None:
    node = bench.node
    hand_over(node, 1)
    node.ledgers.halt(ledger(node).num, "somebody said so")
    for _ in range(2):
        (outcome,) = node.deliveries.append([delivery(node, 2)]) or []
        assert isinstance(outcome, Unavailable)
        assert "somebody" not in str(outcome)
    write(node)
    assert entered(node) == [1], "what was handed over before is entered all the same"


def test_another_process_that_takes_something_back_is_noticed(bench: Bench, again: Callable[..., Node]) -> None:
    one = delivery(bench.node, 1)
    assert bench.node.deliveries.append([one]) == [True]
    with again().store.writing() as tx:
        tx.run("UPDATE collections SET taken = taken + 1 WHERE num = ?", one.collection.num)
    assert bench.node.deliveries.append([one]) == [False]


def test_a_collection_closes_by_the_clock(bench: Bench) -> None:
    one = delivery(bench.node, 1)
    with bench.node.store.writing() as tx:
        tx.run("UPDATE collections SET closes = ? WHERE num = ?", bench.clock.now + 5, one.collection.num)
    assert bench.node.deliveries.append([one]) == [True]
    bench.clock.now += 5
    (outcome,) = bench.node.deliveries.append([one]) or []
    assert isinstance(outcome, Forbidden)


# ── together with who writes ──────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_appended_while_anybody_writes(bench: Bench, again: Callable[..., Node]) -> None:
    node = bench.node
    for writer in (node, again()):
        with writer.store.writing():
            assert node.deliveries.append([delivery(node, 1)]) is None
        hand_over(node, 2)
    node.store.settle()
    assert entered(node) == [2, 2]


def test_beside_what_concerns_nobody_outside_deliveries_go_on(bench: Bench, again: Callable[..., Node]) -> None:
    node = bench.node
    for number, writer in enumerate((node, again())):
        with writer.store.writing_beside() as tx:
            tx.run("INSERT INTO queries (name, created, body) VALUES (?, 1, ?)", str(number), b"{}")
            hand_over(node, number)
    assert entered(node) == []
    write(node)
    assert entered(node) == [0, 1]


def test_a_child_of_this_process_keeps_nothing_locked(bench: Bench) -> None:
    """It has what was open when it was made, and lives on."""
    with bench.node.store.writing():
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        hand_over(bench.node, 1)
        write(bench.node)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert entered(bench.node) == [1]


def test_who_writes_waits_until_it_is_durable(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    node, pwrite = bench.node, os.pwrite
    began, go_on, seen = threading.Event(), threading.Event(), []

    def slow(*given: Any) -> int:
        began.set()
        assert go_on.wait(30)
        return pwrite(*given)

    def look() -> None:
        with node.store.writing() as tx:
            seen.append(tx.one("SELECT count(*) FROM ledger_entries WHERE kind = 'delivery'"))

    monkeypatch.setattr(os, "pwrite", slow)
    appending = threading.Thread(target=hand_over, args=(node, 1))
    appending.start()
    assert began.wait(30)
    monkeypatch.setattr(os, "pwrite", pwrite)
    writing = threading.Thread(target=look)
    writing.start()
    writing.join(0.1)
    assert writing.is_alive()
    assert seen == []
    go_on.set()
    for one in (appending, writing):
        one.join(30)
    assert seen == [(1,)]


def test_who_writes_comes_before_those_who_append_after_it_has_come(bench: Bench) -> None:
    """Readers that are never done must not keep an operator from taking something back."""
    node = bench.node
    lock = os.open(journal_of(node).folder / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_SH)
    try:
        hand_over(node, 1)
        writing = threading.Thread(target=write, args=(node,))
        writing.start()
        until = time.monotonic() + 30
        while node.deliveries.append([delivery(node, 2)]) is not None:
            assert time.monotonic() < until, "it is let in again and again"
    finally:
        os.close(lock)
    writing.join(30)
    hand_over(node, 3)
    node.store.settle()
    assert entered(node)[0] == 1
    assert entered(node)[-1] == 3


def test_one_who_never_lets_go_is_told_of(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    lock = os.open(journal_of(bench.node).folder / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_SH)
    with pytest.raises(Unavailable, match="busy"):
        write(bench.node)
    os.close(lock)
    write(bench.node)


def test_several_processes_and_a_writer_lose_and_double_nothing(bench: Bench, again: Callable[..., Node]) -> None:
    node, rounds = bench.node, 60
    nodes = [node, again(), again()]
    for one in nodes[1:]:
        journal_of(one).begin()
    given: list[list[int]] = [[] for _ in nodes]
    done = threading.Event()

    def serve(place: int) -> None:
        mine = nodes[place]
        for number in range(rounds):
            name = place * 1000 + number
            while mine.deliveries.append([delivery(mine, name)]) is None:
                time.sleep(0.0002)
            given[place].append(name)

    def keep_writing() -> None:
        while not done.is_set():
            write(node)

    threads = [threading.Thread(target=serve, args=(place,)) for place in range(len(nodes))]
    writer = threading.Thread(target=keep_writing)
    for thread in (*threads, writer):
        thread.start()
    for thread in threads:
        thread.join(60)
    done.set()
    writer.join(60)
    node.store.settle()
    found = entered(node)
    assert sorted(found) == sorted(name for each in given for name in each)
    for place, each in enumerate(given):
        assert [name for name in found if name // 1000 == place] == each, "in the order in which it was handed over"


# ── what a kill, a power loss and a bad disk leave ────────────────────────────────────────────────────────────


def test_who_opens_a_node_takes_in_what_a_dead_process_left(bench: Bench, tmp_path: Path) -> None:
    hand_over(bench.node, 1, 2)
    home = shutil.copytree(bench.node.home, tmp_path / "killed")
    with open_node(home, environment={}) as node:
        assert entered(node) == [1, 2]
        write(node)
        assert files(node) == [], "what is taken in and nobody's is deleted"
        write(node)
        with node.store.reading() as tx:
            assert tx.all("SELECT * FROM journals") == []
    with open_node(home, environment={}) as node:
        assert entered(node) == [1, 2]


def test_what_a_living_process_has_is_left_to_it(bench: Bench, again: Callable[..., Node]) -> None:
    hand_over(bench.node, 1)
    other = again()
    assert entered(other) == []
    write(other)
    assert entered(other) == [1]
    assert len(files(other)) == 1
    hand_over(bench.node, 2)
    other.store.settle()
    assert entered(other) == [1, 2]


def test_who_ends_leaves_nothing(bench: Bench, again: Callable[..., Node]) -> None:
    other = again()
    journal_of(other).begin()
    hand_over(other, 1)
    other.close()
    assert entered(bench.node) == [1]
    assert len(files(bench.node)) == 1


@pytest.mark.parametrize("cut", [1, 4, 7, 8, 9, 100, 200, "half", "last"])
def test_a_torn_record_ends_what_is_read(bench: Bench, tmp_path: Path, cut: int | str) -> None:
    """Power goes while the third is written: some of it is on the disk. It was never answered."""
    hand_over(bench.node, 1, 2)
    (path,) = files(bench.node)
    third = framed([delivery_record(delivery(bench.node, 3), 5)], HEADER)
    at = end_of(path)
    written = len(third.rstrip(b"\0"))
    length = {"half": written // 2, "last": written - 1}.get(str(cut), cut)
    assert isinstance(length, int)
    home = shutil.copytree(bench.node.home, tmp_path / "torn")
    copied = home / path.relative_to(bench.node.home)
    with copied.open("r+b") as file:
        file.seek(at)
        file.write(third[:length])
    with open_node(home, environment={}) as node:
        write(node)
        assert entered(node) == [1, 2]
        assert files(node) == []


def end_of(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return max([HEADER, *(group.end for group in groups(descriptor, HEADER))])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("place", [0, 3, 4, 7, 8, 20, 150])
def test_a_record_of_which_a_bit_is_wrong_is_none(bench: Bench, tmp_path: Path, place: int) -> None:
    hand_over(bench.node, 1)
    (path,) = files(bench.node)
    at = end_of(path)
    hand_over(bench.node, 2)
    home = shutil.copytree(bench.node.home, tmp_path / "damaged")
    copied = home / path.relative_to(bench.node.home)
    raw = bytearray(copied.read_bytes())
    raw[at + place] ^= 1
    copied.write_bytes(raw)
    with open_node(home, environment={}) as node:
        assert entered(node) == [1]


def test_damage_to_its_own_file_is_told_and_nothing_is_appended_behind_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    hand_over(bench.node, 1)
    (path,) = files(bench.node)
    with path.open("r+b") as file:
        file.seek(HEADER + 20)
        file.write(b"\xff\xff")
    with caplog.at_level(logging.WARNING):
        write(bench.node)
    assert "damaged" in caplog.text
    assert not journal_of(bench.node).appends
    journal_of(bench.node).tick()
    hand_over(bench.node, 2)
    bench.node.store.settle()
    assert entered(bench.node) == [2]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 3), max_size=5), st.data())
def test_whatever_is_on_the_disk_after_a_power_loss_what_was_answered_is_entered_once(
    bench: Bench, tmp_path: Path, groups: list[int], data: st.DataObject
) -> None:
    """What was synced is there; of what was not, any part may be. The database is as of any of its commits."""
    node, number, answered = bench.node, 0, list[int](entered_after_settling(bench.node))
    settled = data.draw(st.integers(0, len(groups)))
    for place, size in enumerate(groups):
        if place == settled:
            write(node)
        names = [len(answered) + 10_000 + each for each in range(size)]
        hand_over(node, *names)
        answered += names
    home = shutil.copytree(node.home, tmp_path / f"lost-{time.monotonic_ns()}")
    (path,) = files(node)
    torn = framed([delivery_record(delivery(node, number), 5)] * 2, HEADER)
    kept = data.draw(st.integers(0, len(torn)))
    lost = data.draw(st.integers(0, kept))
    with (home / path.relative_to(node.home)).open("r+b") as file:
        file.seek(end_of(path))
        # Of two sectors the second may be there and the first not.
        file.write(bytes(lost) + torn[lost:kept])
    with open_node(home, environment={}) as lives:
        found = entered(lives)
        write(lives)
        assert entered(lives) == found
    assert found[: len(answered)] == answered
    assert len(found) <= len(answered) + 2
    shutil.rmtree(home)


def entered_after_settling(node: Node) -> list[int]:
    node.store.settle()
    return entered(node)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from titian.node import open_node
    from titian.store import journal as module

    at, reached = sys.argv[2], []

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    def dies(function, before):
        def called(*given, **named):
            if before:
                die()
            done = function(*given, **named)
            die()
            return done
        return called

    name, _, when = at.partition(" ")
    target = {"unlink": Path, "rename": os, "sync_folder": module, "pwrite": os, "_clear": module.Journal,
              "_take_in": module.Journal, "_adopt": module.Journal}[name]
    making = name in ("rename", "pwrite")
    if not making:
        setattr(target, name, dies(getattr(target, name), when == "before"))
    # What a dead process has left is taken in here; that the file is gone is seen by the next write.
    node = open_node(Path(sys.argv[1]), environment={})
    with node.store.writing():
        pass
    if making:
        setattr(target, name, dies(getattr(target, name), when == "before"))
        node.store.journal.begin()
    sys.exit("it was not killed")
"""


@pytest.mark.parametrize(
    "at",
    [
        "_take_in before", "_take_in after", "_clear before", "_clear after", "unlink before", "unlink after",
        "_adopt before", "_adopt after", "pwrite before", "pwrite after", "rename before", "rename after",
        "sync_folder before", "sync_folder after",
    ],
)  # fmt: skip
def test_a_kill_between_any_two_steps_loses_and_doubles_nothing(bench: Bench, tmp_path: Path, at: str) -> None:
    hand_over(bench.node, 1, 2, 3)
    home = shutil.copytree(bench.node.home, tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(home), at],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    for _ in range(3):
        with open_node(home, environment={}) as node:
            write(node)
            assert entered(node) == [1, 2, 3]
    left = [path.suffix for path in (home / f"{DATABASE}-deliveries").glob("*.journal*")]
    assert left in ([], [".new"]), "what was never finished is swept by who makes the next one"


def test_what_was_never_finished_is_swept(bench: Bench, again: Callable[..., Node]) -> None:
    left = journal_of(bench.node).folder / "x.journal.new"
    left.write_bytes(b"x")
    journal_of(again()).begin()
    assert not left.exists()


# ── a database that is older, or another's ────────────────────────────────────────────────────────────────────


def put_back(home: Path, yesterday: Path) -> None:
    for end in ("-wal", "-shm"):
        (home / f"{DATABASE}{end}").unlink(missing_ok=True)
    for name in (DATABASE, FILE):
        shutil.copy(yesterday / name, home / name)


def older(path: Path) -> str:
    return (
        f"The database is older than the deliveries in {path}. "
        "Compare with what partners and witnesses remember, then `titian ledger resume`."
    )


@pytest.mark.parametrize("named", [True, False], ids=["names-its-file", "does-not"])
def test_a_database_from_yesterday_signs_nothing_over_the_deliveries_of_today(
    bench: Bench, again: Callable[..., Node], tmp_path: Path, named: bool
) -> None:
    """Database and ``heads.json`` were put back as they were; the journal beside them was not (law 10)."""
    if named:
        hand_over(bench.node, 1)
    else:
        bench.node.close()
    node = again()
    yesterday, home = tmp_path / "yesterday", tmp_path / "restored"
    node.ledgers.seal_all()
    yesterday.mkdir()
    shutil.copy(node.home / FILE, yesterday)
    copied = sqlite3.connect(yesterday / DATABASE)
    with sqlite3.connect(node.home / DATABASE) as source:
        source.backup(copied)
    source.close()
    copied.close()
    live = bench.node if named else node
    journal_of(live).begin()
    hand_over(live, 2)
    write(live)
    hand_over(live, 3)
    shutil.copytree(node.home, home)
    put_back(home, yesterday)
    (path,) = files(live)
    told = older(home / path.relative_to(live.home))
    whole = [1, 2, 3] if named else [2, 3]
    for _ in range(2):
        with open_node(home, clock=bench.clock, environment={}) as lives:
            write(lives)
            # What was handed over is known again; but nothing is signed or handed over until a person has looked.
            assert entered(lives) == whole
            before = lives.ledgers.ledgers()
            assert [one.halted for one in before] == [told] * 2
            lives.ledgers.seal_all()
            assert [one.head for one in lives.ledgers.ledgers()] == [one.head for one in before]
            journal_of(lives).begin()
            outcome = lives.deliveries.append([delivery(lives, 4)])
            assert outcome is not None
            assert isinstance(outcome[0], Unavailable)
    with open_node(home, clock=bench.clock, environment={}) as lives:
        for one in lives.ledger_desk.list():
            lives.ledger_desk.resume(ADMINISTRATOR, one.id, "put back from a copy")
        journal_of(lives).begin()
        hand_over(lives, 4)
    with open_node(home, clock=bench.clock, environment={}) as lives:
        assert entered(lives) == [*whole, 4]
        assert {one.halted for one in lives.ledgers.ledgers()} == {None}, "it is told once"


def test_what_a_kill_left_is_no_evidence_of_an_older_database(bench: Bench, tmp_path: Path) -> None:
    hand_over(bench.node, 1)
    write(bench.node)
    hand_over(bench.node, 2)
    home = shutil.copytree(bench.node.home, tmp_path / "home")
    with open_node(home, environment={}) as node:
        write(node)
        assert entered(node) == [1, 2]
        assert {one.halted for one in node.ledgers.ledgers()} == {None}


def test_a_file_that_the_database_does_not_know_is_taken_in_once(bench: Bench, tmp_path: Path) -> None:
    hand_over(bench.node, 1, 2)
    home = shutil.copytree(bench.node.home, tmp_path / "restored")
    with sqlite3.connect(home / DATABASE) as connection:
        connection.execute("DELETE FROM journals")
    connection.close()
    for _ in range(2):
        with open_node(home, environment={}) as node:
            write(node)
            assert entered(node) == [1, 2]


def test_a_file_of_another_node_is_left_alone(
    bench: Bench, new_bench: Callable[[], Bench], again: Callable[..., Node], caplog: pytest.LogCaptureFixture
) -> None:
    other = new_bench()
    other.agree("jp", JAPAN)
    other.release(*other.hold(malware("Theirs", tlp=Tlp.GREEN)), to="jp")
    journal_of(other.node).begin()
    hand_over(other.node, 9)
    (path,) = files(other.node)
    foreign = Path(shutil.copy(path, journal_of(bench.node).folder))
    with caplog.at_level(logging.WARNING):
        node = again()
        write(node)
    assert entered(node) == []
    assert foreign.exists()
    assert "another node's" in caplog.text


def test_a_file_that_somebody_has_deleted_is_written_no_more(bench: Bench) -> None:
    node = bench.node
    hand_over(node, 1)
    write(node)
    for path in files(node):
        path.unlink()
    assert node.deliveries.append([delivery(node, 2)]) is None
    journal_of(node).tick()
    hand_over(node, 3)
    node.store.settle()
    assert entered(node) == [1, 3]


def lost(node: Node) -> list[str]:
    return [one.detail for one in node.health.watch() if one.check == "journal" and not one.ok]


def test_a_file_that_vanished_is_told_of(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    node = bench.node
    hand_over(node, 1)
    write(node)
    (path,) = files(node)
    path.unlink()
    for _ in range(2):
        write(node)
    assert caplog.text.count("has vanished") == 1
    (told,) = lost(node)
    assert str(path) in told


def test_of_a_file_that_was_taken_in_nothing_is_told(
    bench: Bench, again: Callable[..., Node], caplog: pytest.LogCaptureFixture
) -> None:
    hand_over(bench.node, 1)
    bench.node.close()
    node = again()
    for _ in range(3):
        write(node)
    assert files(node) == []
    with node.store.reading() as tx:
        assert tx.all("SELECT name FROM journals") == []
    assert (lost(node), entered(node)) == ([], [1])
    assert "vanished" not in caplog.text


def test_what_another_process_has_taken_in_is_not_lost(bench: Bench, again: Callable[..., Node]) -> None:
    """Its owner lets go of it between two writes: the first takes in all of it, the second forgets it."""
    first, second = bench.node, again()
    hand_over(first, 1)
    write(second)
    journal_of(first).end()
    for _ in range(3):
        write(second)
        write(first)
    assert (lost(first), lost(second), entered(second), files(second)) == ([], [], [1], [])


def test_when_its_folder_is_deleted_another_one_is_made(bench: Bench) -> None:
    node = bench.node
    shutil.rmtree(journal_of(node).folder)
    assert node.deliveries.append([delivery(node, 1)]) is None
    write(node)
    journal_of(node).tick()
    hand_over(node, 2)
    node.store.settle()
    assert entered(node) == [2]


# ── where it cannot be ────────────────────────────────────────────────────────────────────────────────────────


def test_a_node_that_only_works_has_no_journal(new_bench: Callable[[], Bench]) -> None:
    made = new_bench()
    assert not journal_of(made.node).folder.exists()
    assert not made.node.deliveries.quick
    made.agree("jp", JAPAN)
    made.release(*made.hold(malware("One", tlp=Tlp.GREEN)), to="jp")
    assert made.node.deliveries.append([delivery(made.node, 1)]) is None
    assert made.node.deliveries.record(delivery(made.node, 1)).result(30)
    assert entered(made.node) == [1]


def no_room(*_: Any, **__: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", ["pwrite", "fsync", "rename"])
def test_where_no_file_can_be_made_it_is_said_once_and_the_database_is_used(
    new_bench: Callable[[], Bench], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    made = new_bench()
    made.agree("jp", JAPAN)
    made.release(*made.hold(malware("One", tlp=Tlp.GREEN)), to="jp")
    journal = journal_of(made.node)
    monkeypatch.setattr(module, "_AGAIN", 0.0)
    with monkeypatch.context() as without, caplog.at_level(logging.WARNING):
        without.setattr(os, name, no_room)
        journal.begin()
        journal.tick()
    assert caplog.text.count("no journal can be kept") == 1
    assert not made.node.deliveries.quick
    assert list(journal.folder.glob("*.journal*")) == []
    assert made.node.deliveries.record(delivery(made.node, 1)).result(30)
    journal.tick()
    hand_over(made.node, 2)
    made.node.store.settle()
    assert entered(made.node) == [1, 2]


def test_a_home_that_may_not_be_written_to_has_no_journal(
    new_bench: Callable[[], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new_bench()
    journal_of(made.node).folder.write_text("in its place")
    journal_of(made.node).begin()
    assert not made.node.deliveries.quick
    write(made.node)


def test_where_nothing_can_be_locked_there_is_no_journal(
    new_bench: Callable[[], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new_bench()

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    journal_of(made.node).begin()
    assert not made.node.deliveries.quick
    with made.node.store.reading() as tx:
        assert tx.all("SELECT * FROM journals") == [], "who writes need not lock anything"
    write(made.node)


def test_where_others_have_a_journal_nobody_writes_without_its_lock(
    bench: Bench, again: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = again()
    hand_over(bench.node, 1)
    flock = fcntl.flock

    def refuse(descriptor: int, how: int) -> None:
        if how & fcntl.LOCK_EX:
            raise OSError(errno.ENOLCK, "No locks available")
        flock(descriptor, how)

    with monkeypatch.context() as without:
        without.setattr(fcntl, "flock", refuse)
        with pytest.raises(Unavailable, match="cannot be locked"):
            write(other)
    write(other)
    assert entered(other) == [1]


@pytest.mark.parametrize("written", [0, 5, 100, None])
def test_a_disk_that_fails_under_it_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, written: int | None
) -> None:
    """What was not acknowledged is not handed over, and what was stays."""
    node, pwrite = bench.node, os.pwrite
    hand_over(node, 1)

    def fails(descriptor: int, data: bytes, at: int) -> int:
        if written is None:
            raise OSError(errno.EIO, "Input/output error")
        return pwrite(descriptor, data[:written], at) if written else 0

    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(os, "pwrite", fails)
        assert node.deliveries.append([delivery(node, 2)]) is None
        assert node.deliveries.append([delivery(node, 2)]) is None
    assert caplog.text.count("cannot be written") == 1
    assert not node.deliveries.quick
    assert node.deliveries.record(delivery(node, 3)).result(30)
    journal_of(node).tick()
    hand_over(node, 4)
    node.store.settle()
    assert entered(node) == [1, 3, 4]


def test_a_record_that_is_too_long_goes_into_the_database(bench: Bench) -> None:
    long = delivery(bench.node, 1, key="k" * LARGEST)
    assert bench.node.deliveries.append([long]) is None
    assert bench.node.deliveries.record(long).result(30)
    hand_over(bench.node, 2)
    bench.node.store.settle()
    assert entered(bench.node) == [1, 2]


def test_a_file_that_is_full_is_followed_by_another(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    node, journal = bench.node, journal_of(bench.node)
    given = 0
    (first,) = files(node)
    one = delivery_record(delivery(node, 1), bench.clock.now)
    group = next(n for n in range(1, 100_000, 50) if len(framed([one] * n, HEADER)) > FILE_BYTES // 5)
    while first in files(node):
        given += group
        outcome = node.deliveries.append([delivery(node, given)] * group)
        assert outcome == [True] * group, "the next one is there when it is needed"
        journal.tick()
        assert given < 40 * group
    assert 1 <= len(files(node)) <= 2
    node.store.settle()
    assert len(entered(node)) == given


def test_a_file_that_is_full_before_the_next_is_there_gives_way_to_the_database(bench: Bench) -> None:
    node = bench.node
    one = delivery_record(delivery(node, 1), bench.clock.now)
    group = next(n for n in range(1, 100_000, 50) if len(framed([one] * n, HEADER)) > FILE_BYTES // 5)
    outcomes = [node.deliveries.append([delivery(node, 1)] * group) for _ in range(5)]
    assert [one is not None for one in outcomes] == [True, True, True, True, False]
    assert not node.deliveries.quick
    journal_of(node).tick()
    hand_over(node, 2)
    node.store.settle()
    assert len(entered(node)) == 4 * group + 1


def test_who_has_begun_twice_and_ended_twice_is_as_who_has_once(bench: Bench) -> None:
    journal = journal_of(bench.node)
    journal.begin()
    assert len(files(bench.node)) == 1
    hand_over(bench.node, 1)
    journal.end()
    journal.end()
    assert entered(bench.node) == [1]
    assert bench.node.deliveries.append([delivery(bench.node, 2)]) is None


def test_nobody_else_may_look_into_it(bench: Bench) -> None:
    folder = journal_of(bench.node).folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.name.startswith(DATABASE), "it goes where the database goes"


# ── who has to know ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_partner_finds_in_the_checkpoint_what_it_was_just_handed(bench: Bench) -> None:
    hand_over(bench.node, 1)
    assert bench.view("japan").checkpoint(ledger(bench.node).id)
    assert entered(bench.node) == [1]
    found = ledger(bench.node)
    assert found.head.size == found.size


def test_a_backup_knows_of_what_was_handed_over_before_it(bench: Bench, tmp_path: Path) -> None:
    hand_over(bench.node, 1)
    bench.node.backup.write(tmp_path / "backup", version="1")
    assert entered(bench.node) == [1]


def test_what_is_in_the_journal_is_recalled_by_another_process(bench: Bench, again: Callable[..., Node]) -> None:
    held = collection(bench.node)
    with bench.node.store.reading() as tx:
        page = bench.node.store.log.page(tx, held.num, Selection(versions=ALL, limit=1000))
    given = delivery(bench.node, 1, first=page.first, last=page.last, count=page.count)
    assert bench.node.deliveries.append([given]) == [True]
    other = again()
    handed = other.recalls._deliveries
    every = list(range(page.first, page.last + 1))
    with other.release._gate.writing() as session:
        assert set(handed.delivered(session, held.id, JAPAN, every)) == set(every)


def test_the_records_of_a_file_are_those_that_were_written(tmp_path: Path) -> None:
    given = [Record(f"agreement--{n}", Kind.DELIVERY, n, None, {"n": n}) for n in range(5)]
    path = tmp_path / "file"
    path.write_bytes(framed(given[:1], 1) + framed(given[1:3], 2) + framed(given[3:], 2**32 - 1) + bytes(100))
    descriptor = os.open(path, os.O_RDONLY)
    assert [(group.records, group.taken) for group in groups(descriptor, 0)] == [
        (given[:1], 1),
        (given[1:3], 2),
        (given[3:], 2**32 - 1),
    ]
    assert [[one.entry.details["n"] for one in group.records] for group in groups(descriptor, BLOCK)] == [
        [1, 2],
        [3, 4],
    ]
    os.close(descriptor)
