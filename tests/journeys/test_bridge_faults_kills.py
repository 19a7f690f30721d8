"""Killed between any two writes, with a full disk, and by two at once (laws 6, 7 and 8): nothing is lost or doubled."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.faulty import (
    AGREEMENT,
    MINUTE,
    Jobs,
    Pair,
    Receiver,
    Sender,
    gentle,
    hold,
    let_go,
    malware,
    pages_of,
    release_more,
    released,
    told,
)
from support.proxy import PASS, Fault, Proxy
from titian.core.ledger import Kind
from titian.exchange.subscribe import LEASE
from titian.node import open_node

LATER = LEASE + MINUTE
"""After this, what a process has in hand that gives no sign of life is free again, although it lives."""
MOST = 80
"""Writes in one job at most: a loop over them ends."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair.at(tmp_path_factory.mktemp("bridge"))


@pytest.fixture(scope="module")
def sender(pair: Pair) -> Iterator[Sender]:
    served = Sender(pair.sender).serve()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def jobs() -> Iterator[Jobs]:
    helper = Jobs()
    yield helper
    helper.close()


def subscribed(pair: Pair, sender: Sender, folder: Path) -> tuple[Path, str]:
    """The home of a receiver that has subscribed and pulled nothing yet, and its subscription."""
    own = pair.with_receiver(folder)
    with Receiver(own.receiver, own) as receiver:
        receiver.subscribe(sender.url)
    return own.receiver, receiver.subscription


def copied(home: Path, name: object) -> Path:
    return Path(shutil.copytree(home, home.parent / f"{home.name}-{name}"))


def resumed(jobs: Jobs, home: Path, pair: Pair, subscription: str, whole: list[bytes]) -> None:
    """Pull again, at once and later; then everything is there once and counted once, and nothing else."""
    for offset in (0, LATER):
        done = jobs.run("pull", home, subscription, offset=offset)
        assert done["answer"] is not None, "what a killed process had in hand is not free"
        assert (done["answer"]["error"], done["answer"]["found"]) == (None, [])
    with Receiver(home, pair, subscription=subscription) as receiver:
        assert receiver.held() == whole
        assert receiver.quarantine() == []
        assert receiver.evidence() == []
        with receiver.node.store.reading() as tx:
            assert tx.all("SELECT num FROM arrivals WHERE judged IS NULL OR raw IS NOT NULL") == []
            assert tx.all("SELECT num FROM arrivals WHERE entry IS NULL") == [], "pages that no entry records"
        now = receiver.progress
        # Who goes on in the middle of a collection begins at the last object that came.
        assert (now.accepted, now.quarantined, now.read) == (len(whole), 0, now.accepted + now.known)
        assert now.known <= 1
        assert now.gaps == ()


# The receiver


@pytest.mark.slow
def test_a_receiver_that_is_killed_at_any_write_goes_on_where_it_was(
    pair: Pair, sender: Sender, jobs: Jobs, tmp_path: Path
) -> None:
    home, subscription = subscribed(pair, sender, tmp_path)
    whole = released(pair.sender, pair.collection)
    killed = 0
    for at in range(1, MOST):
        own = copied(home, at)
        done = jobs.run("pull", own, subscription, at=at)
        if done["status"] == 0:
            break
        assert done["status"] == -9
        killed += 1
        resumed(jobs, own, pair, subscription, whole)
        shutil.rmtree(own)
    assert killed >= 12, "too few writes to be a pull"
    assert killed == done["writes"]


@pytest.mark.slow
def test_a_receiver_that_is_killed_again_and_again_comes_to_the_end(
    pair: Pair, sender: Sender, jobs: Jobs, tmp_path: Path
) -> None:
    home, subscription = subscribed(pair, sender, tmp_path)
    for times in range(MOST):  # noqa: B007
        done = jobs.run("pull", home, subscription, at=11)
        if done["status"] == 0:
            break
    assert 0 < times < 20
    with Receiver(home, pair, subscription=subscription) as receiver:
        assert receiver.held() == released(pair.sender, pair.collection)
        assert receiver.quarantine() == []
        receiver.adds_up()


@pytest.mark.slow
def test_what_is_kept_and_not_judged_is_counted_once_after_a_kill_at_any_write(
    pair: Pair, sender: Sender, jobs: Jobs, tmp_path: Path
) -> None:
    home, subscription = subscribed(pair, sender, tmp_path)
    for at in range(1, MOST):
        own = copied(home, at)
        done = jobs.run("pull", own, subscription, at=at)
        if done["status"] == 0:
            break
        with Receiver(own, pair, subscription=subscription) as receiver:
            # Before anything goes on: what is counted is what is held, whatever was in hand.
            receiver.adds_up()
            book, done_with = receiver.node.subscribe._book, receiver.progress.succeeded is not None
            assert book.due(book.now()) == ([] if done_with else [subscription])
        shutil.rmtree(own)
    assert at > 12


# The sender


def handed(home: Path) -> set[str]:
    """The digests of the pages that the ledger says were handed over."""
    return {one["digest"] for one in told(home, Kind.DELIVERY) if one["view"] == "objects"}


@pytest.mark.slow
def test_a_sender_that_is_killed_at_any_write_has_recorded_what_it_handed_over(
    pair: Pair, sender: Sender, tmp_path: Path
) -> None:
    killed = 0
    for at in range(1, MOST):
        own = pair.with_receiver(tmp_path / str(at))
        with Receiver(own.receiver, own, connect=partial(gentle, page=60)) as receiver:
            receiver.subscribe(sender.url)
            sender.plan(at=at)
            receiver.run()
            dead = not sender.planned
            sender.heal()
            sender.wait()
            with receiver.node.store.reading() as tx:
                got = {bytes(digest).hex() for (digest,) in tx.all("SELECT digest FROM arrivals")}
            assert got <= handed(sender.home), "a page was handed over and is not recorded"
            if not dead:
                break
            killed += 1
            again = receiver.run()
            assert (again.error, again.findings) == (None, [])
            assert receiver.held() == released(pair.sender, pair.collection)
            assert (receiver.quarantine(), receiver.evidence(), receiver.progress.gaps) == ([], [], ())
            receiver.adds_up()
    assert killed >= 8, "too few writes to be a pull"
    with open_node(sender.home, environment={}) as node:
        assert [one.halted for one in node.ledgers.ledgers() if one.halted] == []


def state(home: Path, pair: Pair, ids: list[str]) -> tuple[int, int]:
    """How many of some objects are in the collection, and how many the ledger says were ever released."""
    there = {json.loads(raw)["id"] for raw in released(home, pair.collection)}
    runs = [run for one in told(home, Kind.RELEASE) for run in one["runs"]]
    return len(there & set(ids)), sum(_count(run) for run in runs)


def _count(run: Any) -> int:
    return int(run["count"] if isinstance(run, dict) else run[1])


@pytest.mark.slow
def test_a_sender_that_is_killed_while_it_releases_has_released_all_or_nothing(
    pair: Pair, jobs: Jobs, tmp_path: Path
) -> None:
    fresh = Pair.at(tmp_path / "own")
    with open_node(fresh.sender, environment={}) as node:
        ids = hold(node, *(malware(f"killed {number}") for number in range(7)))
        agreement = node.agreements.read().agreement(AGREEMENT).id
    _, before = state(fresh.sender, fresh, ids)
    outcomes = set()
    for at in range(1, MOST):
        own = copied(fresh.sender, at)
        done = jobs.run("release", own, agreement, ids, at=at)
        there, entered = state(own, fresh, ids)
        assert (there, entered - before) in ((0, 0), (7, 7)), "a release and its entry are one"
        outcomes.add(there)
        if done["status"] == 0:
            assert there == 7, "what was acknowledged is there"
            break
        assert jobs.run("seal", own, offset=MINUTE)["answer"] in ([None], [None, None])
        if not there:
            with open_node(own, environment={}) as node:
                let_go(node, ids)
        assert state(own, fresh, ids) == (7, before + 7)
        shutil.rmtree(own)
    assert outcomes == {0, 7}
    assert 4 <= at < MOST - 1


@pytest.mark.slow
def test_a_sender_that_is_killed_while_it_seals_never_goes_back(jobs: Jobs, tmp_path: Path) -> None:
    fresh = Pair.at(tmp_path / "own")
    for at in range(1, MOST):
        own = copied(fresh.sender, at)
        done = jobs.run("seal", own, at=at)
        again = jobs.run("seal", own)
        assert [one for one in again["answer"] if one is not None] == [], "it is halted without cause"
        release_more(own, 1)
        assert [one for one in jobs.run("seal", own)["answer"] if one is not None] == []
        if done["status"] == 0:
            break
        shutil.rmtree(own)
    assert 6 <= at < MOST - 1


# A full disk


def short(done: dict[str, Any]) -> str | None:
    """What a job said that did not come to its end; None when it did."""
    assert done["status"] == 0
    if "refused" in done:
        return str(done["refused"])
    answer = done["answer"]
    return None if answer is None else answer.get("error")


FULL = {f"{extra}-pages-left": {"more": extra} for extra in (0, 1, 3, 6, 10, 16)} | {
    f"files-of-{size >> 10}-kB": {"largest": size} for size in (8_192, 32_768, 98_304, 196_608, 393_216)
}


@pytest.mark.parametrize("how", FULL.values(), ids=FULL)
def test_a_receiver_whose_disk_is_full_says_so_and_goes_on_when_there_is_room(
    pair: Pair, sender: Sender, jobs: Jobs, tmp_path: Path, how: dict[str, int]
) -> None:
    home, subscription = subscribed(pair, sender, tmp_path)
    limit = {"pages": pages_of(home) + how["more"]} if "more" in how else how
    said = short(jobs.run("pull", home, subscription, **limit))
    assert said is None or "full" in said or "disk I/O" in said
    resumed(jobs, home, pair, subscription, released(pair.sender, pair.collection))


def test_some_of_those_disks_were_really_full(pair: Pair, sender: Sender, jobs: Jobs, tmp_path: Path) -> None:
    home, subscription = subscribed(pair, sender, tmp_path)
    pages = pages_of(home)
    told = [short(jobs.run("pull", copied(home, extra), subscription, pages=pages + extra)) for extra in (1, 6)]
    assert [one is not None and "full" in one for one in told] == [True, True]
    small = short(jobs.run("pull", copied(home, "small"), subscription, largest=32_768))
    assert small is not None
    assert "disk I/O" in small or "full" in small


@pytest.mark.parametrize("how", FULL.values(), ids=FULL)
def test_a_sender_whose_disk_is_full_releases_all_or_nothing(jobs: Jobs, tmp_path: Path, how: dict[str, int]) -> None:
    fresh = Pair.at(tmp_path / "own")
    with open_node(fresh.sender, environment={}) as node:
        ids = hold(node, *(malware(f"large {number}", description="x" * 3000) for number in range(40)))
        agreement = node.agreements.read().agreement(AGREEMENT).id
    _, before = state(fresh.sender, fresh, ids)
    limit = {"pages": pages_of(fresh.sender) + how["more"]} if "more" in how else how
    said = short(jobs.run("release", fresh.sender, agreement, ids, **limit))
    there, entered = state(fresh.sender, fresh, ids)
    assert (there, entered - before) == ((40, 40) if said is None else (0, 0))
    if said is not None:
        assert "full" in said or "disk I/O" in said
        with open_node(fresh.sender, environment={}) as node:
            let_go(node, ids)
    assert state(fresh.sender, fresh, ids) == (40, before + 40)


def test_a_sender_whose_disk_is_full_hands_nothing_over_that_it_cannot_record(
    pair: Pair, sender: Sender, tmp_path: Path
) -> None:
    own = pair.with_receiver(tmp_path)
    with Receiver(own.receiver, own) as receiver:
        receiver.subscribe(sender.url)
        # Free pages within the file are used up first: a few deliveries may still find room.
        sender.plan(pages=1)
        try:
            for _ in range(40):
                ran = receiver.run()
                if ran.error is not None:
                    break
                rewind(receiver)
        finally:
            sender.heal()
        assert ran.error is not None
        assert "503" in ran.error or "full" in ran.error
        with receiver.node.store.reading() as tx:
            got = {bytes(digest).hex() for (digest,) in tx.all("SELECT digest FROM arrivals")}
        assert got <= handed(sender.home)
        assert receiver.run().error is None
        assert receiver.held() == released(pair.sender, pair.collection)
        receiver.adds_up()


def rewind(receiver: Receiver) -> None:
    """Have the next pull begin at the beginning."""
    blank = msgspec.structs.replace(receiver.progress, cursor=None)
    with receiver.node.store.writing() as tx:
        tx.run("UPDATE subscriptions SET state = ?", msgspec.msgpack.encode(blank))


# Two at once


def test_of_two_workers_one_pulls(pair: Pair, sender: Sender, tmp_path: Path) -> None:
    own = pair.with_receiver(tmp_path)
    with Proxy(sender.port) as proxy, Receiver(own.receiver, own) as one:
        one.subscribe(proxy.url)
        with Receiver(own.receiver, own, subscription=one.subscription) as other:
            proxy.plan(PASS, Fault(delay=0.5), match="/objects/")
            both = [threading.Thread(target=each.node.subscribe.run, args=(one.subscription,)) for each in (one, other)]
            for each in both:
                each.start()
            for each in both:
                each.join(30)
            assert sum("GET" in line and "objects/" in line for line in proxy.requests) == 3
            assert one.held() == released(pair.sender, pair.collection)
            one.adds_up()
            assert one.progress.known == 0


def overtaken(pair: Pair, sender: Sender, folder: Path) -> tuple[Receiver, Receiver]:
    """A receiver that was slow, and another worker of it that took it for dead and pulled meanwhile."""
    own = pair.with_receiver(folder)
    with Proxy(sender.port) as proxy:
        slow = Receiver(own.receiver, own).subscribe(proxy.url)
        quick = Receiver(own.receiver, own, subscription=slow.subscription, offset=LATER)
        proxy.plan(PASS, Fault(delay=1.5), match="/objects/")
        thread = threading.Thread(target=slow.run)
        thread.start()
        while sum("objects/" in line for line in proxy.requests) < 2:
            thread.join(0.01)
        ran = quick.run()
        thread.join(30)
        assert (ran.error, ran.findings) == (None, [])
        # Whatever the slow one has written last: the next pull is whole.
        release_more(pair.sender, 3)
        quick.offset += LATER
        assert quick.run().error is None
    return slow, quick


def test_two_workers_of_which_one_was_thought_dead_lose_and_double_nothing(
    pair: Pair, sender: Sender, tmp_path: Path
) -> None:
    slow, quick = overtaken(pair, sender, tmp_path)
    with slow, quick:
        assert sorted(quick.held()) == sorted(released(pair.sender, pair.collection))
        assert len(quick.held()) == len(set(quick.held()))
        assert quick.quarantine() == []
        assert quick.evidence() == []


def test_two_workers_of_which_one_was_thought_dead_raise_no_false_alarm(
    pair: Pair, sender: Sender, tmp_path: Path
) -> None:
    slow, quick = overtaken(pair, sender, tmp_path)
    with slow, quick:
        assert quick.progress.gaps == ()
