"""Deliveries of one event loop: together, each with its outcome, and never one that is not remembered."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, cast

import pytest

from titian.core.errors import Forbidden, TitianError, Unavailable
from titian.store.deliveries import Deliveries, Delivery, Outcome
from titian.web import deliveries as module
from titian.web.deliveries import Together


class Ledger:
    """In the place of deliveries: what a test says becomes of each, and what was remembered where."""

    def __init__(self) -> None:
        self.quick = True
        self.groups: list[list[Any]] = []
        self.stored: list[Any] = []
        self.busy = 0
        self.outcome: Callable[[Any], Outcome] = lambda _: True

    def append(self, some: list[Any]) -> list[Outcome] | None:
        self.groups.append(list(some))
        if self.busy:
            self.busy -= 1
            return None
        return [self.outcome(one) for one in some]

    def record(self, one: Any) -> Future[bool]:
        self.stored.append(one)
        future: Future[bool] = Future()
        outcome = self.outcome(one)
        if isinstance(outcome, TitianError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
        return future


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture(autouse=True)
def nothing_is_left(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Asyncio tells of errors that nobody looked at."""
    yield
    assert "never retrieved" not in caplog.text


def run(ledger: Ledger, *some: Any) -> list[Any]:
    """Remember some at once; what each was told."""

    async def everything() -> list[Any]:
        together = Together(cast(Deliveries, ledger))
        return await asyncio.gather(*(together.record(cast(Delivery, one)) for one in some), return_exceptions=True)

    return asyncio.run(everything())


def test_those_of_one_turn_share_a_sync(ledger: Ledger) -> None:
    assert run(ledger, 1, 2, 3) == [True, True, True]
    assert ledger.groups == [[1, 2, 3]]
    assert ledger.stored == []


def test_each_has_its_own_outcome(ledger: Ledger) -> None:
    closed = Forbidden("It has closed.")
    ledger.outcome = lambda one: {1: True, 2: False, 3: closed}[one]
    assert run(ledger, 1, 2, 3) == [True, False, closed]


def test_who_is_alone_need_not_wait_for_others(ledger: Ledger) -> None:
    """And finds out again when it is not."""

    async def everything() -> list[int]:
        together = Together(cast(Deliveries, ledger))
        for one in range(60):
            assert await together.record(cast(Delivery, one))
        before = len(ledger.groups)
        for _ in range(10):
            await asyncio.gather(*(together.record(cast(Delivery, one)) for one in range(8)))
        return [len(group) for group in ledger.groups[before:]]

    sizes = asyncio.run(everything())
    assert len(ledger.groups) == 60 + len(sizes)
    assert [one for group in ledger.groups[:60] for one in group] == list(range(60))
    assert sum(sizes) == 80
    assert sizes.count(1) <= 3 * module._LOOK, "a few find out that there are others"
    assert sizes[-3:] == [module._GROUP] * 3


def test_who_is_alone_is_told_what_became_of_it(ledger: Ledger) -> None:
    closed = Forbidden("It has closed.")
    ledger.outcome = lambda one: {0: True, 1: False, 2: closed}[one % 3]

    async def everything() -> list[Any]:
        together = Together(cast(Deliveries, ledger))
        told: list[Any] = []
        for one in range(30):
            try:
                told.append(await together.record(cast(Delivery, one)))
            except Forbidden as error:
                told.append(error)
        ledger.busy = 2
        return [*told, await together.record(cast(Delivery, 0))]

    assert asyncio.run(everything()) == [True, False, closed] * 10 + [True]
    assert ledger.stored == []


class SlowLedger(Ledger):
    """On a disk that takes its time; it says in which thread that was."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()
        self.seconds = 0.02

    def append(self, some: list[Any]) -> list[Outcome] | None:
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        return super().append(some)


async def until_slow(together: Together) -> None:
    for one in range(8):
        await together.record(cast(Delivery, one))


def test_a_slow_disk_stops_nobody_else(ledger: Ledger) -> None:
    slow = SlowLedger()

    async def everything() -> tuple[int, list[int]]:
        together = Together(cast(Deliveries, slow))
        await until_slow(together)
        slow.threads.clear()
        first = len(slow.groups)
        turns = 0
        jobs = [asyncio.ensure_future(together.record(cast(Delivery, one))) for one in range(5)]
        await asyncio.sleep(0.005)
        jobs += [asyncio.ensure_future(together.record(cast(Delivery, one))) for one in range(5, 12)]
        while not all(job.done() for job in jobs):
            await asyncio.sleep(0.001)
            turns += 1
        assert all(await asyncio.gather(*jobs))
        return turns, [len(group) for group in slow.groups[first:]]

    turns, sizes = asyncio.run(everything())
    assert sizes == [5, 7], "who comes during a sync shares the next"
    assert turns > 8
    assert threading.get_ident() not in slow.threads
    assert slow.stored == []


def test_a_slow_disk_that_is_quick_again(ledger: Ledger) -> None:
    slow = SlowLedger()

    async def everything() -> None:
        together = Together(cast(Deliveries, slow))
        await until_slow(together)
        slow.seconds = 0.0
        for one in range(60):
            assert await together.record(cast(Delivery, one))
        slow.threads.clear()
        await together.record(cast(Delivery, 0))

    asyncio.run(everything())
    assert slow.threads == {threading.get_ident()}


@pytest.mark.parametrize("busy", [2, 1 << 30])
def test_on_a_slow_disk_too_the_database_takes_what_the_journal_does_not(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, busy: int
) -> None:
    slow = SlowLedger()

    async def everything() -> list[Any]:
        together = Together(cast(Deliveries, slow))
        await until_slow(together)
        monkeypatch.setattr(module, "_PATIENCE", 0.5 if busy == 2 else 0.03)
        slow.busy = busy
        slow.outcome = lambda one: one == 1
        return await asyncio.gather(*(together.record(cast(Delivery, one)) for one in (1, 2)))

    assert asyncio.run(everything()) == [True, False]
    assert slow.stored == ([] if busy == 2 else [1, 2])


def test_who_goes_away_while_a_slow_disk_writes_disturbs_nobody(ledger: Ledger) -> None:
    slow = SlowLedger()

    async def everything() -> bool:
        together = Together(cast(Deliveries, slow))
        await until_slow(together)
        gone = asyncio.ensure_future(together.record(cast(Delivery, 1)))
        stays = asyncio.ensure_future(together.record(cast(Delivery, 2)))
        await asyncio.sleep(0.005)
        gone.cancel()
        return await stays and await together.record(cast(Delivery, 3))

    assert asyncio.run(everything())


def test_without_a_journal_they_go_into_the_database(ledger: Ledger) -> None:
    ledger.quick = False
    ledger.outcome = lambda one: one == 1
    assert run(ledger, 1, 2) == [True, False]
    assert (ledger.groups, ledger.stored) == ([], [1, 2])


def test_while_somebody_writes_they_wait_a_moment(ledger: Ledger) -> None:
    ledger.busy = 3
    assert run(ledger, 1, 2) == [True, True]
    assert ledger.groups == [[1, 2]] * 4
    assert ledger.stored == []


def test_who_comes_meanwhile_joins_them(ledger: Ledger) -> None:
    ledger.busy = 1

    async def everything() -> list[bool]:
        together = Together(cast(Deliveries, ledger))
        first = asyncio.ensure_future(together.record(cast(Delivery, 1)))
        while not ledger.groups:
            await asyncio.sleep(0)
        return [await together.record(cast(Delivery, 2)), await first]

    assert asyncio.run(everything()) == [True, True]
    assert ledger.groups == [[1], [1, 2]]


def test_after_that_the_database_takes_them(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.004)
    closed = Forbidden("It has closed.")
    ledger.busy, ledger.outcome = 1 << 30, lambda one: {1: True, 2: False, 3: closed}[one]
    assert run(ledger, 1, 2, 3) == [True, False, closed]
    assert ledger.stored == [1, 2, 3]
    assert len(ledger.groups) < 20


def test_a_journal_that_is_gone_is_not_waited_for(ledger: Ledger) -> None:
    def gone(some: list[Any]) -> None:
        ledger.quick = False
        ledger.groups.append(some)

    ledger.append = gone  # type: ignore[method-assign,assignment]
    assert run(ledger, 1) == [True]
    assert (ledger.groups, ledger.stored) == ([[1]], [1])


def test_whatever_goes_wrong_nothing_goes_out_that_is_not_remembered(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(_: list[Any]) -> None:
        raise RuntimeError("a mistake")

    ledger.append = breaks  # type: ignore[method-assign]
    assert run(ledger, 1, 2) == [True, True]
    assert ledger.stored == [1, 2]
    assert "a mistake" in caplog.text


def test_a_node_that_shuts_down_says_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(_: Any) -> Future[bool]:
        raise Unavailable("The node is shutting down.")

    ledger.record = shut  # type: ignore[method-assign]
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    ledger.busy = 1 << 30
    (outcome,) = run(ledger, 1)
    assert isinstance(outcome, Unavailable)


def test_who_has_gone_away_is_not_said_to_have_been_handed_anything(ledger: Ledger) -> None:
    async def everything() -> bool:
        together = Together(cast(Deliveries, ledger))
        gone = asyncio.ensure_future(together.record(cast(Delivery, 1)))
        stays = asyncio.ensure_future(together.record(cast(Delivery, 2)))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(everything())
    assert [one for group in ledger.groups for one in group] in ([2], [1, 2])


def test_who_goes_away_while_the_database_writes_disturbs_nobody(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    ledger.busy = 1 << 30
    jobs: list[Future[bool]] = []

    def slowly(_: Any) -> Future[bool]:
        jobs.append(Future())
        return jobs[-1]

    ledger.record = slowly  # type: ignore[method-assign]

    async def everything() -> bool:
        together = Together(cast(Deliveries, ledger))
        gone = asyncio.ensure_future(together.record(cast(Delivery, 1)))
        stays = asyncio.ensure_future(together.record(cast(Delivery, 2)))
        while len(jobs) < 2:
            await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        jobs[0].set_exception(Forbidden("It has closed."))
        jobs[1].set_result(True)
        return await stays

    assert asyncio.run(everything())
