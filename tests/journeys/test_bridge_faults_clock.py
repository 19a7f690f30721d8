"""Clocks that are off, and a database from yesterday (laws 7, 8 and 10)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.faulty import (
    AGREEMENT,
    ANALYST,
    DAY,
    LIMITS,
    MINUTE,
    Jobs,
    Pair,
    Receiver,
    Sender,
    gentle,
    hold,
    malware,
    release_more,
    released,
)
from titian.core.ledger_watch import TOLERANCE
from titian.core.people import Actor, Duty
from titian.node import DATABASE, open_node
from titian.store.ledger import list_ledgers

HOUR = 60 * MINUTE
BESIDE = f"{DATABASE}-deliveries"
OFF = {"10-min-ahead": 10 * MINUTE, "10-min-behind": -10 * MINUTE, "a-day-ahead": DAY, "a-day-behind": -DAY}
ADMINISTRATOR = Actor("person-5", "Administrator One", Duty.ADMINISTRATOR)


@pytest.fixture(scope="module")
def jobs() -> Iterator[Jobs]:
    helper = Jobs()
    yield helper
    helper.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair.at(tmp_path_factory.mktemp("bridge"))


@pytest.fixture(scope="module")
def untouched(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A pair whose sender was never served and has signed nothing."""
    return pair.copy(tmp_path_factory.mktemp("untouched"))


@pytest.fixture(scope="module")
def sender(pair: Pair, untouched: Pair) -> Iterator[Sender]:
    """A sender whose clock is right, for all tests that need no own."""
    served = Sender(pair.sender).serve()
    yield served
    served.stop()


@pytest.fixture
def own(untouched: Pair, tmp_path: Path) -> Pair:
    return untouched.copy(tmp_path)


@pytest.fixture
def serve() -> Iterator[Callable[..., Sender]]:
    """Serves homes; each ends with the test."""
    served: list[Sender] = []

    def start(home: Path, *, offset: int = 0) -> Sender:
        served.append(Sender(home))
        served[-1].plan(offset=offset)
        return served[-1].serve()

    yield start
    for each in served:
        each.stop()


def release_at(jobs: Jobs, home: Path, offset: int, count: int, name: str) -> None:
    """Release objects while the clock is off."""
    with open_node(home, environment={}) as node:
        ids = hold(node, *(malware(f"{name} {number}") for number in range(count)))
        agreement = node.agreements.read().agreement(AGREEMENT).id
    assert jobs.run("release", home, agreement, ids, offset=offset)["answer"]["state"] == "done"


# Clocks


def only_dates(receiver: Receiver, off: int) -> None:
    """By a clock that was far ahead, what the partner enters later seems back-dated: that is told, and nothing else."""
    told = [gap.what for gap in receiver.progress.gaps]
    assert off > TOLERANCE or told == []
    assert [what for what in told if "is dated" not in what] == []


@pytest.mark.parametrize("off", OFF.values(), ids=OFF)
def test_a_receiver_whose_clock_is_off_misses_nothing_before_and_after_it_is_put_right(
    pair: Pair, sender: Sender, tmp_path: Path, off: int
) -> None:
    mine = pair.with_receiver(tmp_path)
    with Receiver(mine.receiver, mine, offset=off) as receiver:
        receiver.subscribe(sender.url)
        ran = receiver.run()
        assert (ran.error, ran.findings) == (None, [])
        assert receiver.held() == released(pair.sender, pair.collection)
        release_more(pair.sender, 2)
        receiver.offset = 0
        ran = receiver.run()
        assert receiver.held() == released(pair.sender, pair.collection)
        assert ran.arrived.accepted == 2
        if off > 0:
            # A witness never signs at an earlier time than before: it says so until its time has come.
            assert ran.error is not None
            assert "Put the clock right" in ran.error
            assert receiver.progress.paused is None
            receiver.offset = off + MINUTE
            ran = receiver.run()
        assert ran.error is None
        only_dates(receiver, off)
        receiver.adds_up()
        assert (receiver.evidence(), receiver.quarantine()) == ([], [])


@pytest.mark.parametrize("off", OFF.values(), ids=OFF)
def test_a_receiver_whose_clock_goes_off_between_two_pulls_misses_nothing(
    pair: Pair, sender: Sender, tmp_path: Path, off: int
) -> None:
    mine = pair.with_receiver(tmp_path)
    with Receiver(mine.receiver, mine) as receiver:
        receiver.subscribe(sender.url)
        assert receiver.run().error is None
        for offset in (off, 0, off):
            release_more(pair.sender, 1)
            receiver.offset = offset
            ran = receiver.run()
            assert ran.arrived.accepted == 1
            assert ran.error is None or "Put the clock right" in ran.error
            assert receiver.held() == released(pair.sender, pair.collection)
        receiver.adds_up()
        only_dates(receiver, off)
        assert (receiver.evidence(), receiver.quarantine(), receiver.progress.paused) == ([], [], None)


@pytest.mark.parametrize("off", OFF.values(), ids=OFF)
def test_a_sender_whose_clock_is_off_orders_what_it_releases_before_and_after(
    own: Pair, jobs: Jobs, serve: Callable[..., Sender], off: int
) -> None:
    served = serve(own.sender, offset=off)
    release_at(jobs, own.sender, off, 2, "off")
    with Receiver(own.receiver, own) as receiver:
        receiver.subscribe(served.url)
        ran = receiver.run()
        assert (ran.error, ran.findings) == (None, [])
        assert receiver.held() == released(own.sender, own.collection)
        served.plan(offset=0)
        release_at(jobs, own.sender, 0, 3, "right")
        ran = receiver.run()
        assert (ran.error, ran.findings) == (None, [])
        assert ran.arrived.accepted == 3
        assert receiver.held() == released(own.sender, own.collection)
        receiver.adds_up()
        assert receiver.progress.gaps == ()
        with receiver.node.store.reading() as tx:
            ends = tx.all("SELECT first, last FROM arrivals ORDER BY num")
        assert all(first <= last for first, last in ends)
        assert ends == sorted(ends), "the cursor is the node's own, and never goes back (law 7)"


def test_a_sender_that_is_more_than_a_day_ahead_is_an_error_until_its_time_has_come(
    own: Pair, jobs: Jobs, serve: Callable[..., Sender]
) -> None:
    served = serve(own.sender, offset=25 * HOUR)
    release_at(jobs, own.sender, 25 * HOUR, 2, "off")
    first = released(own.sender, own.collection)[:-2]
    with Receiver(own.receiver, own) as receiver:
        receiver.subscribe(served.url)
        ran = receiver.run()
        assert ran.error is not None
        assert "which is in the future" in ran.error
        assert "Compare its clock and this node's" in ran.error
        assert set(receiver.held()) <= set(first)
        receiver.adds_up()
    with Receiver(
        own.receiver, own, subscription=receiver.subscription,
        connect=lambda terms, key: gentle(terms, key, limits=replace(LIMITS, future_seconds=26 * 3600.0)),
    ) as receiver:  # fmt: skip
        served.plan(offset=0)
        assert receiver.run().error is None
        assert receiver.held() == released(own.sender, own.collection)
        receiver.adds_up()


# A database from yesterday


def published(home: Path) -> bytes:
    """The checkpoint of the agreement's ledger as its node would serve it."""
    with open_node(home, environment={}) as node, node.store.reading() as tx:
        found = next(one for one in list_ledgers(tx) if one.agreement is not None)
        note = node.ledgers.published(tx, found)
    assert note is not None
    return note


def aside(home: Path, to: Path) -> Path:
    """A copy of a whole home while nobody has it open."""
    return Path(shutil.copytree(home, to))


def put_back(yesterday: Path, home: Path, heads: str) -> None:
    """Put the database of yesterday in the place of today's."""
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (home / name).unlink(missing_ok=True)
        if (yesterday / name).exists():
            shutil.copy(yesterday / name, home / name)
    if heads != "kept":
        (home / "heads.json").unlink()
    if heads == "of-yesterday":
        # The whole disk as it was: what was handed over since is not beside the database either.
        shutil.copy(yesterday / "heads.json", home / "heads.json")
        put_beside(yesterday / BESIDE, home)


def put_beside(deliveries: Path, home: Path) -> None:
    shutil.rmtree(home / BESIDE, ignore_errors=True)
    if deliveries.exists():
        shutil.copytree(deliveries, home / BESIDE)


def halted(home: Path) -> list[str]:
    with open_node(home, environment={}) as node:
        return [one.halted for one in node.ledgers.ledgers() if one.halted is not None]


@pytest.mark.slow
@pytest.mark.parametrize("heads", ["kept", "lost", "of-yesterday", "of-yesterday-beside-deliveries-of-today"])
def test_a_sender_restored_from_yesterday_signs_nothing_and_hands_nothing_over(
    own: Pair, serve: Callable[..., Sender], jobs: Jobs, tmp_path: Path, heads: str
) -> None:
    fresh = own.with_receiver(tmp_path / "fresh")
    served = serve(own.sender)
    with Receiver(own.receiver, own) as receiver:
        receiver.subscribe(served.url)
        assert receiver.run().error is None
        port = served.port
        served.stop()
        yesterday = aside(own.sender, tmp_path / "yesterday")
        release_more(own.sender, 20)
        served.serve(port=port)
        assert receiver.run().error is None
        whole = receiver.held()
        assert whole == released(own.sender, own.collection)
        # As a kill would leave it. Who ends by itself leaves nothing there that is taken in.
        shutil.copytree(own.sender / BESIDE, tmp_path / "killed")
        served.stop()

        put_back(yesterday, own.sender, "of-yesterday" if "beside" in heads else heads)
        if "beside" in heads:
            put_beside(tmp_path / "killed", own.sender)
        served.serve(port=port)
        with Receiver(fresh.receiver, fresh) as stranger:
            if heads != "of-yesterday":
                # It knows by itself: before it has handed anything over.
                stranger.subscribe(served.url)
                ran = stranger.run()
                assert ran.error is not None
                assert "503" in ran.error
                assert stranger.held() == []
                assert halted(own.sender)
            ran = receiver.run()
            assert ran.error is not None
            assert "fewer entries" in ran.error
            assert receiver.progress.paused == ran.error
            assert len(receiver.evidence()) == 1
            assert receiver.held() == whole
            # And if nothing of its own tells it, a witness does, by showing what it signed.
            assert halted(own.sender)
            assert all(one is None or one for one in jobs.run("seal", own.sender)["answer"])
            before = published(own.sender)
            assert published(yesterday).split(b"\n")[:3] == before.split(b"\n")[:3], "it has signed something"
            if heads == "of-yesterday":
                stranger.subscribe(served.url)
                ran = stranger.run()
                assert ran.error is not None
                assert "503" in ran.error
                assert stranger.held() == []

            decide(own.sender)
            ran = stranger.run()
            assert (ran.error, ran.findings) == (None, [])
            assert stranger.held() == released(own.sender, own.collection)
        receiver.node.subscribe.resume(ANALYST, receiver.subscription, "its operator told what had happened")
        release_more(own.sender, 1)
        ran = receiver.run()
        assert ran.error is None
        assert any("another ledger" in what for what in ran.findings)
        # What was acknowledged is still here, and what is new has come.
        assert set(whole) < set(receiver.held())
        assert len(receiver.held()) == len(whole) + 1


def decide(home: Path) -> None:
    """A person decides how a ledger that is halted goes on."""
    with open_node(home, environment={}) as node:
        for one in node.ledger_desk.list():
            if one.halted is not None:
                node.ledger_desk.resume(ADMINISTRATOR, one.id, "restored from a backup")
