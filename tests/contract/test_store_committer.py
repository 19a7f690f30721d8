"""Group commit: shared transactions, separate outcomes, and a writer that nothing can stop but its end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any

import pytest
from store_support import append, held, thing

from titian.core.collection import Collection
from titian.core.errors import Unavailable
from titian.store.committer import GROUP_JOBS, Committer
from titian.store.database import Transaction
from titian.store.store import Store

SECONDS = 3.0


class Watched:
    """A database that counts its write transactions, and fails at their beginning or end when told to."""

    def __init__(self, store: Store) -> None:
        self._database = store.database
        self.url, self.kind = store.database.url, store.database.kind
        self.begun = self.committed = 0
        self.fail_begin: Exception | None = None
        self.fail_commit: Exception | None = None

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        self.begun += 1
        if self.fail_begin is not None:
            raise self.fail_begin
        with self._database.writing() as tx:
            yield tx
            if self.fail_commit is not None:
                raise self.fail_commit
        self.committed += 1

    def reading(self) -> Any:
        return self._database.reading()

    def close(self) -> None:
        """Its store does."""


@pytest.fixture
def watched(store: Store) -> Watched:
    return Watched(store)


@pytest.fixture
def writer(watched: Watched) -> Iterator[Committer]:
    made = Committer(watched)
    yield made
    made.close()


Job = Callable[[Transaction], Any]


def adding(store: Store, where: Collection) -> Job:
    item = thing()
    return lambda tx: store.log.append(tx, where.num, [item], source="test")


class Gate:
    """A job that holds the writer until the test has queued what it wants in one group."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, _: Transaction) -> None:
        self.reached.set()
        assert self.open.wait(SECONDS)

    def hold(self, writer: Committer) -> Future[None]:
        future = writer.submit(self)
        assert self.reached.wait(SECONDS)
        return future


def test_waiting_jobs_share_a_commit(
    store: Store, watched: Watched, writer: Committer, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("titian.store.committer.GROUP_SECONDS", SECONDS)
    gate = Gate()
    gate.hold(writer)
    futures = [writer.submit(adding(store, collection)) for _ in range(20)]
    assert not any(future.done() for future in futures), "nobody is told before it is durable"
    gate.open.set()
    assert all(len(future.result(SECONDS)) == 1 for future in futures)
    assert (watched.begun, watched.committed) == (1, 1)
    assert len(held(store, collection)) == 20


def test_a_group_ends(
    store: Store, watched: Watched, writer: Committer, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a steady stream of small writes would never be told that it is durable."""
    monkeypatch.setattr("titian.store.committer.GROUP_SECONDS", SECONDS)
    gate = Gate()
    gate.hold(writer)
    futures = [writer.submit(adding(store, collection)) for _ in range(GROUP_JOBS + 5)]
    gate.open.set()
    for future in futures:
        future.result(SECONDS)
    assert watched.committed == 2


def test_a_job_that_fails_undoes_only_itself(
    store: Store, watched: Watched, writer: Committer, collection: Collection
) -> None:
    def failing(tx: Transaction) -> None:
        store.log.append(tx, collection.num, [thing()], source="test")
        raise ZeroDivisionError("of its own")

    gate = Gate()
    gate.hold(writer)
    jobs = [adding(store, collection), failing, adding(store, collection)]
    one, two, three = (writer.submit(job) for job in jobs)
    gate.open.set()
    assert len(one.result(SECONDS)) == len(three.result(SECONDS)) == 1
    with pytest.raises(ZeroDivisionError, match="of its own"):
        two.result(SECONDS)
    assert len(held(store, collection)) == 2


def test_a_job_that_breaks_the_transaction_undoes_only_itself(
    store: Store, writer: Committer, collection: Collection
) -> None:
    """After an error PostgreSQL refuses every further statement until the savepoint is gone back to."""

    def broken(tx: Transaction) -> None:
        tx.all("SELECT 1 FROM nowhere")

    gate = Gate()
    gate.hold(writer)
    two = writer.submit(broken)
    three = writer.submit(adding(store, collection))
    gate.open.set()
    with pytest.raises(Exception, match="nowhere"):
        two.result(SECONDS)
    assert len(three.result(SECONDS)) == 1


def test_a_commit_that_fails_fails_its_whole_group(
    store: Store, watched: Watched, writer: Committer, collection: Collection
) -> None:
    """Nobody of it may be told of a success: nothing was written."""
    gate = Gate()
    gate.hold(writer)
    futures = [writer.submit(adding(store, collection)) for _ in range(3)]
    watched.fail_commit = OSError("the disk is full")
    gate.open.set()
    for future in futures:
        with pytest.raises(OSError, match="the disk is full"):
            future.result(SECONDS)
    watched.fail_commit = None
    assert held(store, collection) == []
    assert len(writer.submit(adding(store, collection)).result(SECONDS)) == 1


def test_a_database_that_cannot_be_written_is_told_and_tried_again(
    store: Store, watched: Watched, writer: Committer, collection: Collection
) -> None:
    watched.fail_begin = Unavailable("The database is busy.")
    with pytest.raises(Unavailable):
        writer.submit(adding(store, collection)).result(SECONDS)
    watched.fail_begin = None
    assert len(writer.submit(adding(store, collection)).result(SECONDS)) == 1


def test_a_failed_job_in_a_failed_commit_does_not_end_the_writer(
    store: Store, watched: Watched, writer: Committer, collection: Collection
) -> None:
    """As when the database goes away under a job: the statement fails, then the commit."""

    def failing(_: Transaction) -> None:
        raise ZeroDivisionError

    watched.fail_commit = OSError("the connection is lost")
    with pytest.raises((ZeroDivisionError, OSError)):
        writer.submit(failing).result(SECONDS)
    watched.fail_commit = None
    assert len(writer.submit(adding(store, collection)).result(SECONDS)) == 1


def test_a_server_that_goes_away_under_a_job_does_not_end_the_writer(
    fresh_store: Store, collection: Collection
) -> None:
    """PostgreSQL was restarted in the middle of a POST: that one fails, the next one is written."""
    if fresh_store.database.kind != "postgresql":
        pytest.skip("SQLite has no server")
    writer = Committer(fresh_store.database)

    def killed(tx: Transaction) -> None:
        tx.one("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Exception, match=r"terminat|closed|lost"):
        writer.submit(killed).result(SECONDS)
    assert writer.submit(lambda tx: tx.one("SELECT 1")).result(SECONDS) == (1,)
    writer.close()


def test_a_caller_that_gives_up_does_not_end_the_writer(
    store: Store, writer: Committer, collection: Collection
) -> None:
    """A client that hangs up cancels its request, and with it the future that it waits for."""
    gate = Gate()
    gate.hold(writer)
    given_up = writer.submit(adding(store, collection))
    given_up.cancel()
    other = writer.submit(adding(store, collection))
    gate.open.set()
    assert len(other.result(SECONDS)) == 1
    assert len(writer.submit(adding(store, collection)).result(SECONDS)) == 1
    with pytest.raises(CancelledError):
        given_up.result(SECONDS)


def test_a_caller_that_gives_up_on_a_failing_job_does_not_end_the_writer(
    store: Store, writer: Committer, collection: Collection
) -> None:
    def failing(_: Transaction) -> None:
        raise ZeroDivisionError

    gate = Gate()
    beside = gate.hold(writer)
    writer.submit(failing).cancel()
    other = writer.submit(adding(store, collection))
    gate.open.set()
    assert beside.result(SECONDS) is None
    assert len(other.result(SECONDS)) == 1


def test_a_caller_that_gives_up_last_in_a_group_that_fails_does_not_end_the_writer(
    store: Store, watched: Watched, writer: Committer, collection: Collection
) -> None:
    """The disk is full and a client hangs up: the writer must be there when the disk is not full any more."""
    gate = Gate()
    beside = gate.hold(writer)
    waiting = writer.submit(adding(store, collection))
    assert writer.submit(adding(store, collection)).cancel()
    watched.fail_commit = OSError("the disk is full")
    gate.open.set()
    for future in (beside, waiting):
        with pytest.raises(OSError, match="the disk is full"):
            future.result(SECONDS)
    watched.fail_commit = None
    assert writer.alive
    assert len(writer.submit(adding(store, collection)).result(SECONDS)) == 1


def test_a_caller_that_gives_up_before_a_transaction_that_cannot_begin_does_not_end_the_writer(
    store: Store, watched: Watched, writer: Committer, collection: Collection
) -> None:
    gate = Gate()
    beside = gate.hold(writer)
    given_up = [writer.submit(adding(store, collection)) for _ in range(GROUP_JOBS + 5)]
    watched.fail_begin = Unavailable("The database is busy.")
    assert all(future.cancel() for future in given_up)
    gate.open.set()
    assert beside.result(SECONDS) is None
    with pytest.raises(Unavailable):
        writer.submit(adding(store, collection)).result(SECONDS)
    watched.fail_begin = None
    assert len(writer.submit(adding(store, collection)).result(SECONDS)) == 1


def test_a_writer_is_alive_until_it_is_closed(writer: Committer) -> None:
    """What `/health` looks at."""
    assert writer.alive
    writer.close()
    assert not writer.alive


def test_closing_finishes_what_was_submitted(store: Store, watched: Watched, collection: Collection) -> None:
    writer = Committer(watched)
    gate = Gate()
    gate.hold(writer)
    futures = [writer.submit(adding(store, collection)) for _ in range(10)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    gate.open.set()
    closing.join(SECONDS)
    assert not closing.is_alive()
    assert all(future.done() and len(future.result()) == 1 for future in futures)
    assert len(held(store, collection)) == 10
    with pytest.raises(Unavailable, match="shutting down"):
        writer.submit(adding(store, collection))
    writer.close()


def test_a_job_that_comes_while_closing_is_done_or_refused(
    store: Store, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never forgotten: its request would wait for ever. The worst moment is between the check and the queue."""
    closing: list[threading.Thread] = []

    class Slow(queue.SimpleQueue[Any]):
        def put(self, item: Any, *rest: Any, **named: Any) -> None:
            if item is not None and not closing:
                closing.append(threading.Thread(target=closed.close))
                closing[0].start()
                closing[0].join(1.0)
            super().put(item, *rest, **named)

    monkeypatch.setattr(queue, "SimpleQueue", Slow)
    closed = Committer(store.database)
    try:
        future = closed.submit(adding(store, collection))
    except Unavailable:
        future = None
    closing[0].join(SECONDS)
    assert future is None or len(future.result(2.0)) == 1


def test_many_threads_are_served_at_once(store: Store, watched: Watched, collection: Collection) -> None:
    writer = Committer(watched)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(25):
                writer.submit(adding(store, collection)).result(SECONDS)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    writer.close()
    assert failed == []
    assert len(held(store, collection)) == 200
    assert watched.committed <= 200
    append(store, collection, thing())
